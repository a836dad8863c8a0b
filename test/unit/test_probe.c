/* test_probe: shows which addresses and ports are asked, in which order and
 * how many at a time, without a key, what counts as a host, and how a sweep
 * ends.
 *
 * The interfaces and the client are pretended ones: the test answers.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/http1 os/sock os/file os/loop host/hostref host/probe */
/* wrap: pg_iface_list pg_client_start pg_call_cancel */
#include "codec/http1.h"
#include "host/probe.h"
#include "os/file.h"

#include <setjmp.h>

#include <cmocka.h>

#define HEALTH "{\"name\": \"x\", \"address\": \"http://x:1\", " \
	"\"code_version\": \"v\"}"
#define ALL 1100 /* more than any sweep here asks */

int __wrap_pg_iface_list(struct pg_iface out[PG_IFACE_MAX],
    struct pg_err *e);
struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *call);

struct pg_call {
	bool open;
	char url[64];
	pg_client_done *done;
	void *arg;
};

static struct pg_iface ifaces[PG_IFACE_MAX];
static int nifaces;
static struct pg_call calls[5 * ALL];
static size_t ncalls, nopen, most;

static struct pg_loop *loop;
static struct pg_probe *probe;
static uint16_t ports[PG_PROBE_PORTS_MAX + 1];
static size_t nports;
static bool wanted, stop_at_first, free_when_done;
static int found, done, last_status;
static char last_found[64];

int
__wrap_pg_iface_list(struct pg_iface out[PG_IFACE_MAX], struct pg_err *e)
{
	(void)e;
	memcpy(out, ifaces, (size_t)PG_MAX(nifaces, 0) * sizeof(*out));
	return nifaces;
}

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *fn, void *arg)
{
	struct pg_call *call = &calls[ncalls++];

	(void)c;
	assert_true(ncalls <= PG_COUNT(calls));
	assert_string_equal(r->method, "GET");
	assert_int_equal(r->bearer.n, 0);
	assert_int_equal(r->nbody, 0);
	assert_int_equal(r->timeout, PG_PROBE_TIME);
	assert_int_equal(r->max_reply, PG_PROBE_REPLY_MAX);
	*call = (struct pg_call){ .open = true, .done = fn, .arg = arg };
	snprintf(call->url, sizeof(call->url), "%.*s", PG_STR_ARG(r->url));
	nopen++;
	most = PG_MAX(most, nopen);
	return call;
}

void
__wrap_pg_call_cancel(struct pg_call *call)
{
	assert_true(call->open);
	call->open = false;
	nopen--;
}

/* ---- whoever probes --------------------------------------------------- */

static size_t
on_ports(void *arg, uint16_t *out, size_t max)
{
	(void)arg;
	assert_int_equal(max, PG_PROBE_PORTS_MAX);
	memcpy(out, ports, PG_MIN(nports, max) * sizeof(*out));
	return PG_MIN(nports, max);
}

static bool
on_wanted(void *arg)
{
	(void)arg;
	return wanted;
}

static void
on_found(void *arg, struct pg_str url, const struct pg_response *r)
{
	(void)arg;
	found++;
	last_status = r->status;
	snprintf(last_found, sizeof(last_found), "%.*s", PG_STR_ARG(url));
	if (stop_at_first)
		pg_probe_stop(probe);
}

static void
on_done(void *arg)
{
	(void)arg;
	done++;
	if (free_when_done) {
		pg_probe_free(probe);
		probe = NULL;
	}
}

static const struct pg_probe_ops ops = { on_ports, on_wanted, on_found,
	on_done };
static const struct pg_probe_ops plain = { on_ports, NULL, on_found, NULL };

static int
setup(void **state)
{
	(void)state;
	loop = pg_loop_new(NULL);
	probe = pg_probe_new(loop, NULL, &ops, NULL);
	nifaces = 0;
	ncalls = nopen = most = 0;
	ports[0] = 8765;
	nports = 1;
	wanted = true;
	stop_at_first = free_when_done = false;
	found = done = 0;
	return loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_probe_free(probe);
	assert_int_equal(nopen, 0);
	pg_loop_free(loop);
	return 0;
}

static void
add(const char *addr, unsigned prefix, bool loopback)
{
	struct pg_iface *f = &ifaces[nifaces++];

	*f = (struct pg_iface){ .prefix = prefix, .loopback = loopback };
	assert_int_equal(pg_addr_parse(pg_str(addr), 0, &f->addr), 0);
}

static void
sweep(void)
{
	size_t before = ncalls;
	int ended = done;

	pg_probe_sweep(probe);
	assert_int_equal(ncalls, before);
	while (ncalls == before && done == ended)
		assert_int_equal(pg_loop_turn(loop, PG_SEC, NULL), 0);
}

/* ---- answers ---------------------------------------------------------- */

static void
answer(struct pg_call *call, int status, const char *fields,
    const char *body)
{
	struct pg_response r = { .status = status };
	struct pg_http1_head head;
	struct pg_arena a = { 0 };
	struct pg_str text = pg_arena_printf(&a, "HTTP/1.1 %d X\r\n%s\r\n",
	    status, fields);

	assert_true(call->open);
	call->open = false;
	nopen--;
	if (status != 0) {
		assert_int_equal(pg_http1_response_parse(text, &head, NULL),
		    0);
		r.head = &head;
		if (*body != '\0')
			r.body = pg_bulk_copy(pg_str(body), NULL);
	}
	call->done(call->arg, &r);
	pg_bulk_unref(r.body);
	pg_arena_fini(&a);
}

/* Nobody is where it has asked and asks until it ends. */
static void
answer_all(void)
{
	size_t i;

	for (i = 0; i < ncalls; i++)
		if (calls[i].open)
			answer(&calls[i], 0, "", "");
}

static struct pg_call *
call_of(const char *url)
{
	size_t i;

	for (i = 0; i < ncalls; i++)
		if (strcmp(calls[i].url, url) == 0)
			return &calls[i];
	return NULL;
}

/* ---- whom it asks ----------------------------------------------------- */

static void
asks_at_every_address(void **state)
{
	char url[64];
	unsigned i;

	(void)state;
	add("127.0.0.1", 8, true);
	add("10.1.2.3", 16, false);
	add("10.1.2.9", 16, false);
	add("fd00::1", 64, false);
	sweep();
	assert_int_equal(nopen, PG_PROBE_CALLS_MAX);
	answer_all();
	assert_int_equal(done, 1);
	assert_int_equal(ncalls, 254 - 2);
	assert_int_equal(most, PG_PROBE_CALLS_MAX);
	for (i = 0; i < 256; i++) {
		snprintf(url, sizeof(url), "http://10.1.2.%u:8765/health", i);
		if ((call_of(url) == NULL) != (i == 0 || i == 3 || i == 9 ||
		    i == 255))
			fail_msg("%s", url);
	}
}

static void
asks_port_by_port(void **state)
{
	(void)state;
	add("10.1.2.3", 24, false);
	add("10.1.3.3", 25, false);
	ports[1] = 9000;
	nports = 2;
	sweep();
	answer_all();
	assert_int_equal(ncalls, 2 * (253 + 125));
	assert_string_equal(calls[0].url, "http://10.1.2.1:8765/health");
	assert_string_equal(calls[253].url, "http://10.1.3.1:8765/health");
	assert_string_equal(calls[253 + 124].url,
	    "http://10.1.3.126:8765/health");
	assert_string_equal(calls[253 + 125].url,
	    "http://10.1.2.1:9000/health");
	assert_int_equal(done, 1);
}

static void
knows_small_networks(void **state)
{
	static const struct {
		const char *addr;
		unsigned prefix;
		size_t n;
		const char *first;
	} rows[] = {
		{ "10.1.2.77", 8, 253, "http://10.1.2.1:8765/health" },
		{ "10.1.2.77", 26, 61, "http://10.1.2.65:8765/health" },
		{ "10.1.2.77", 30, 1, "http://10.1.2.78:8765/health" },
		{ "10.1.2.77", 31, 1, "http://10.1.2.76:8765/health" },
		{ "10.1.2.77", 32, 253, "http://10.1.2.1:8765/health" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		nifaces = done = 0;
		ncalls = 0;
		add(rows[i].addr, rows[i].prefix, false);
		sweep();
		answer_all();
		assert_int_equal(ncalls, rows[i].n);
		assert_string_equal(calls[0].url, rows[i].first);
	}
}

static void
has_limits(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i <= PG_PROBE_NETS_MAX; i++) {
		char addr[32];

		snprintf(addr, sizeof(addr), "10.1.%u.1", (unsigned)i);
		add(addr, 24, false);
	}
	for (nifaces = PG_PROBE_NETS_MAX - 1; nifaces <= PG_PROBE_NETS_MAX + 1;
	    nifaces++) {
		n = PG_MIN((size_t)nifaces, PG_PROBE_NETS_MAX);
		ncalls = 0;
		done = 0;
		sweep();
		answer_all();
		assert_int_equal(ncalls, n * 253);
	}
	nifaces = 1;
	ifaces[0].prefix = 30;
	for (i = 0; i < PG_COUNT(ports); i++)
		ports[i] = (uint16_t)(8000 + i);
	for (n = PG_PROBE_PORTS_MAX - 1; n <= PG_PROBE_PORTS_MAX + 1; n++) {
		nports = n;
		ncalls = 0;
		done = 0;
		sweep();
		answer_all();
		assert_int_equal(ncalls, PG_MIN(n, PG_PROBE_PORTS_MAX));
	}
}

static void
may_have_nobody_to_ask(void **state)
{
	(void)state;
	add("127.0.0.1", 8, true);
	sweep();
	assert_int_equal(done, 1);
	nifaces = -1;
	done = 0;
	sweep();
	assert_int_equal(done, 1);
	nifaces = 0;
	add("10.1.2.3", 24, false);
	nports = 0;
	done = 0;
	sweep();
	assert_int_equal(done, 1);
	assert_int_equal(ncalls, 0);
}

/* ---- what it finds ---------------------------------------------------- */

static void
finds_hosts(void **state)
{
	(void)state;
	add("10.1.2.3", 24, false);
	sweep();
	answer(&calls[0], 200, "", HEALTH);
	assert_int_equal(found, 1);
	assert_int_equal(last_status, 200);
	assert_string_equal(last_found, "http://10.1.2.1:8765");
	answer(&calls[1], 401, "x-paglets-ref: e30=\r\n", "{}");
	assert_int_equal(found, 2);
	assert_int_equal(last_status, 401);
	assert_string_equal(last_found, "http://10.1.2.2:8765");
	answer(&calls[2], 200, "", "");
	answer(&calls[3], 200, "", "<html>");
	answer(&calls[4], 200, "", "{\"name\": \"x\"}");
	answer(&calls[5], 401, "", "{}");
	answer(&calls[6], 404, "", HEALTH);
	answer(&calls[7], 302, "Location: http://10.1.2.3/\r\n", "");
	answer(&calls[8], 500, "X-Paglets-Ref: e30=\r\n", "");
	assert_int_equal(found, 2);
	answer_all();
	assert_int_equal(found, 2);
	assert_int_equal(done, 1);
}

/* ---- how it ends ------------------------------------------------------ */

static void
ends_when_it_is_not_wanted(void **state)
{
	(void)state;
	add("10.1.2.3", 24, false);
	sweep();
	answer(&calls[0], 0, "", "");
	assert_int_equal(ncalls, PG_PROBE_CALLS_MAX + 1);
	wanted = false;
	answer(&calls[1], 0, "", "");
	assert_int_equal(ncalls, PG_PROBE_CALLS_MAX + 1);
	assert_int_equal(done, 0);
	answer_all();
	assert_int_equal(ncalls, PG_PROBE_CALLS_MAX + 1);
	assert_int_equal(done, 1);
	wanted = true;
	sweep();
	answer_all();
	assert_int_equal(done, 2);
}

static void
can_be_stopped(void **state)
{
	(void)state;
	add("10.1.2.3", 24, false);
	sweep();
	/* Not twice at a time. */
	pg_probe_sweep(probe);
	assert_int_equal(pg_loop_turn(loop, 10 * PG_MS, NULL), 0);
	assert_int_equal(ncalls, PG_PROBE_CALLS_MAX);
	stop_at_first = true;
	answer(&calls[7], 200, "", HEALTH);
	assert_int_equal(nopen, 0);
	assert_int_equal(ncalls, PG_PROBE_CALLS_MAX);
	/* Before it has begun. */
	pg_probe_sweep(probe);
	pg_probe_stop(probe);
	assert_int_equal(pg_loop_turn(loop, 10 * PG_MS, NULL), 0);
	assert_int_equal(ncalls, PG_PROBE_CALLS_MAX);
	assert_int_equal(done, 0);
	/* From the beginning. */
	sweep();
	assert_string_equal(calls[PG_PROBE_CALLS_MAX].url,
	    "http://10.1.2.1:8765/health");
}

static void
can_be_freed_at_any_time(void **state)
{
	(void)state;
	add("10.1.2.3", 24, false);
	sweep();
	free_when_done = true;
	answer_all();
	assert_null(probe);
	probe = pg_probe_new(loop, NULL, &plain, NULL);
	ncalls = 0;
	sweep();
	answer_all();
	assert_int_equal(ncalls, 253);
	sweep();
	pg_probe_free(probe);
	assert_int_equal(nopen, 0);
	probe = pg_probe_new(loop, NULL, &plain, NULL);
	pg_probe_sweep(probe);
	pg_probe_free(NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(asks_at_every_address),
		T(asks_port_by_port),
		T(knows_small_networks),
		T(has_limits),
		T(may_have_nobody_to_ask),
		T(finds_hosts),
		T(ends_when_it_is_not_wanted),
		T(can_be_stopped),
		T(can_be_freed_at_any_time),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
