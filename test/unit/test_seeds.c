/* test_seeds: shows what a name may look like, that all of its addresses are
 * told, each once, that it is looked up again and again, sooner when that
 * failed, and that a failure takes nothing back.
 *
 * The look-ups are pretended ones: the test answers.
 */
/* parts: base/err base/mem base/log base/clock codec/url os/sock os/loop host/seeds */
/* wrap: pg_lookup_literal pg_lookup_start pg_lookups_fini */
#include "base/log.h"
#include "host/core.h"
#include "host/seeds.h"

#include <setjmp.h>

#include <cmocka.h>

#define WALL (INT64_C(1700000000) * PG_SEC)

size_t __wrap_pg_lookup_literal(struct pg_str host, uint16_t port,
    struct pg_addr out[PG_LOOKUP_LITERAL_MAX]);
struct pg_lookup *__wrap_pg_lookup_start(struct pg_lookups *q,
    struct pg_str host, uint16_t port, pg_lookup_done *done, void *arg,
    struct pg_err *e);
void __wrap_pg_lookups_fini(struct pg_lookups *q);

/* The look-up under way. */
struct pg_lookup {
	char host[PG_LOOKUP_NAME_MAX + 1];
	uint16_t port;
	pg_lookup_done *done;
	void *arg;
};

static struct pg_lookup lookups[PG_SEEDS_MAX + 1];
static size_t nlookups;
static bool no_workers;
static struct pg_loop *loop;
static struct pg_seeds *seeds;
static int64_t now;
static int told;
static char told_name[64], told_urls[PG_LOOKUP_ADDRS_MAX * 64];

size_t
__wrap_pg_lookup_literal(struct pg_str host, uint16_t port,
    struct pg_addr out[PG_LOOKUP_LITERAL_MAX])
{
	return pg_addr_parse(host, port, &out[0]) == 0;
}

struct pg_lookup *
__wrap_pg_lookup_start(struct pg_lookups *q, struct pg_str host,
    uint16_t port, pg_lookup_done *done, void *arg, struct pg_err *e)
{
	struct pg_lookup *u = &lookups[nlookups];

	assert_int_equal(q->most, 1);
	if (no_workers) {
		pg_fail(e, PG_E_BUSY, "no workers");
		return NULL;
	}
	*u = (struct pg_lookup){ .port = port, .done = done, .arg = arg };
	memcpy(u->host, host.p, host.n);
	nlookups++;
	return u;
}

void
__wrap_pg_lookups_fini(struct pg_lookups *q)
{
	(void)q;
}

static void
on_found(void *arg, struct pg_str name, const struct pg_str *urls, size_t n)
{
	size_t i, at = 0;

	assert_ptr_equal(arg, &told);
	assert_true(n > 0);
	told++;
	snprintf(told_name, sizeof(told_name), "%.*s", PG_STR_ARG(name));
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(told_urls + at, sizeof(told_urls) - at,
		    "%.*s ", PG_STR_ARG(urls[i]));
}

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, WALL + now);
	assert_int_equal(pg_loop_turn(loop, 0, NULL), 0);
}

static int
setup(void **state)
{
	(void)state;
	now = PG_SEC;
	pg_clock_fake(now, WALL + now);
	pg_log_set_level(PG_LOG_ERROR);
	loop = pg_loop_new(NULL);
	seeds = pg_seeds_new(loop, NULL, on_found, &told);
	nlookups = 0;
	no_workers = false;
	told = 0;
	told_urls[0] = '\0';
	return loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_seeds_free(seeds);
	pg_loop_free(loop);
	pg_clock_fake(0, 0);
	return 0;
}

/* Begin with this name; the look-up for it is under way. */
static void
begin(const char *text)
{
	struct pg_err e = { 0 };

	if (pg_seeds_add(seeds, pg_str(text), &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(nlookups, 0);
	pass(1);
	assert_int_equal(nlookups, 1);
}

/* Addresses, separated by blanks; none: there are none. */
static void
answer(const char *text)
{
	struct pg_lookup *u = &lookups[nlookups - 1];
	struct pg_addr addrs[PG_LOOKUP_ADDRS_MAX];
	struct pg_err e = { 0 };
	size_t n = 0, len;

	for (; *text != '\0'; text += len + (text[len] == ' ')) {
		len = strcspn(text, " ");
		assert_int_equal(pg_addr_parse((struct pg_str){ text, len },
		    u->port, &addrs[n++]), 0);
	}
	if (n == 0)
		pg_fail(&e, PG_E_UNREACHABLE, "no such name");
	u->done(u->arg, addrs, n, &e);
}

/* The next look-up comes after just so long. */
static void
assert_next(int64_t after)
{
	size_t before = nlookups;

	pass(after - PG_MS);
	assert_int_equal(nlookups, before);
	pass(PG_MS);
	assert_int_equal(nlookups, before + 1);
}

/* ---- names ------------------------------------------------------------ */

static void
assert_name(const char *text, const char *name, uint16_t port)
{
	struct pg_err e = { 0 };
	struct pg_str is;
	uint16_t p;

	if (pg_seeds_parse(pg_str(text), &is, &p, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	if (!pg_str_eqz(is, name) || p != port)
		fail_msg("%s: '%.*s' %u", text, PG_STR_ARG(is), p);
}

static void
reads_names(void **state)
{
	static const char *const bad[] = { "", ":", ":80", "a:", "a:0",
		"a:65536", "a:b", "a/b", "a:1/", "a b", "a:1:2", "http://a",
		"//a", "u@a", "::1", "[::1", "[]", "[::1]x" };
	struct pg_err e = { 0 };
	struct pg_str name;
	uint16_t port;
	size_t i;

	(void)state;
	assert_name("hosts", "hosts", PG_DEFAULT_PORT);
	assert_name("hosts:1", "hosts", 1);
	assert_name("hosts:80", "hosts", 80);
	assert_name("hosts.default.svc.cluster.local:65535",
	    "hosts.default.svc.cluster.local", 65535);
	assert_name("10.1.2.3", "10.1.2.3", PG_DEFAULT_PORT);
	assert_name("[::1]", "::1", PG_DEFAULT_PORT);
	assert_name("[::1]:90", "::1", 90);
	for (i = 0; i < PG_COUNT(bad); i++) {
		e.code = PG_E_OK;
		if (pg_seeds_parse(pg_str(bad[i]), &name, &port, &e) == 0)
			fail_msg("'%s' is a name", bad[i]);
		assert_int_equal(e.code, PG_E_HOST);
	}
}

static void
names_have_a_length(void **state)
{
	char text[PG_LOOKUP_NAME_MAX + 2];
	struct pg_str name;
	uint16_t port;
	size_t n;

	(void)state;
	memset(text, 'n', sizeof(text));
	for (n = PG_LOOKUP_NAME_MAX - 1; n <= PG_LOOKUP_NAME_MAX + 1; n++)
		assert_int_equal(pg_seeds_parse((struct pg_str){ text, n },
		    &name, &port, NULL), n <= PG_LOOKUP_NAME_MAX ? 0 : -1);
}

static void
takes_so_many(void **state)
{
	struct pg_err e = { 0 };
	int i;

	(void)state;
	for (i = 0; i < PG_SEEDS_MAX; i++)
		assert_int_equal(pg_seeds_add(seeds, PG_STR("a"), &e), 0);
	assert_int_equal(pg_seeds_add(seeds, PG_STR("a"), &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(pg_seeds_add(seeds, PG_STR("a:b"), &e), -1);
	pass(1);
	assert_int_equal(nlookups, PG_SEEDS_MAX);
}

/* ---- look-ups --------------------------------------------------------- */

static void
tells_all_addresses(void **state)
{
	(void)state;
	begin("hosts:9000");
	assert_string_equal(lookups[0].host, "hosts");
	answer("10.1.2.3 fe80::1 10.1.2.3 fd00::7 10.1.2.4 fd00::7");
	assert_string_equal(told_name, "hosts:9000");
	assert_string_equal(told_urls, "http://10.1.2.3:9000 "
	    "http://[fd00::7]:9000 http://10.1.2.4:9000 ");
	assert_int_equal(told, 1);
}

static void
looks_again(void **state)
{
	(void)state;
	begin("hosts");
	/* Not while it is being looked up. */
	pass(10 * PG_SEEDS_INTERVAL);
	assert_int_equal(nlookups, 1);
	answer("10.1.2.3");
	assert_string_equal(told_urls, "http://10.1.2.3:8765 ");
	assert_next(PG_SEEDS_INTERVAL);
	answer("10.1.2.4");
	assert_string_equal(told_urls, "http://10.1.2.4:8765 ");
	assert_next(PG_SEEDS_INTERVAL);
	assert_int_equal(told, 2);
}

static void
keeps_what_it_had(void **state)
{
	int64_t pause;

	(void)state;
	begin("hosts");
	answer("10.1.2.3");
	assert_next(PG_SEEDS_INTERVAL);
	for (pause = PG_SEEDS_PAUSE; pause < 4 * PG_SEEDS_INTERVAL;
	    pause *= 2) {
		answer(pause == PG_SEEDS_PAUSE ? "fe80::1" : "");
		assert_next(PG_MIN(pause, PG_SEEDS_INTERVAL));
	}
	assert_int_equal(told, 1);
	answer("10.1.2.3");
	assert_int_equal(told, 2);
	assert_next(PG_SEEDS_INTERVAL);
	/* And begins with short pauses again. */
	no_workers = true;
	answer("");
	pass(PG_SEEDS_PAUSE);
	no_workers = false;
	assert_next(2 * PG_SEEDS_PAUSE);
}

static void
needs_not_ask_for_addresses(void **state)
{
	(void)state;
	assert_int_equal(pg_seeds_add(seeds, PG_STR("[fd00::1]:7"), NULL), 0);
	pass(1);
	assert_int_equal(nlookups, 0);
	assert_string_equal(told_urls, "http://[fd00::1]:7 ");
	pass(PG_SEEDS_INTERVAL);
	assert_int_equal(told, 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(reads_names),
		T(names_have_a_length),
		T(takes_so_many),
		T(tells_all_addresses),
		T(looks_again),
		T(keeps_what_it_had),
		T(needs_not_ask_for_addresses),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
