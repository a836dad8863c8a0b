/* test_serve: shows what `serve` makes of its command line: how many peers,
 * tags and properties it takes, what it refuses, and that a host which can be
 * reached from elsewhere has a key.
 *
 * The host is a pretended one, which notes how it was told to be.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file os/sock os/loop os/work net/lookup host/wire host/seeds cli/forms cli/args cli/show cli/cli cli/serve */
/* wrap: pg_host_config_init pg_host_serve */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/serve.h"
#include "host/host.h"

#include <setjmp.h>

#include <cmocka.h>

void __wrap_pg_host_config_init(struct pg_host_config *cfg);
int __wrap_pg_host_serve(const struct pg_host_config *cfg,
    void (*on_ready)(void *arg, struct pg_str name, struct pg_str url),
    void *arg, struct pg_err *e);

static struct pg_host_config seen;
static char first_peer[100], first_dns[100];
static char bound[100], public[100], hub[100];
static int nserved;
static struct pg_err last;
static char *words[PG_HOST_LISTS_MAX * 2 + 10];
static int nwords;

void
__wrap_pg_host_config_init(struct pg_host_config *cfg)
{
	*cfg = (struct pg_host_config){ .bind = PG_STR("127.0.0.1"),
		.relay_offline_after = 30 * PG_SEC,
		.relay_delivery_time = 10 * PG_SEC, .relay_queue_max = 1024,
		.mesh = true, .multicast = true, .lan = true };
}

int
__wrap_pg_host_serve(const struct pg_host_config *cfg,
    void (*on_ready)(void *arg, struct pg_str name, struct pg_str url),
    void *arg, struct pg_err *e)
{
	(void)on_ready;
	(void)arg;
	(void)e;
	seen = *cfg;
	first_peer[0] = '\0';
	if (cfg->npeers > 0)
		snprintf(first_peer, sizeof(first_peer), "%.*s",
		    PG_STR_ARG(cfg->peers[0]));
	first_dns[0] = '\0';
	if (cfg->ndns > 0)
		snprintf(first_dns, sizeof(first_dns), "%.*s",
		    PG_STR_ARG(cfg->dns[0]));
	/* The words end before the test looks. */
	snprintf(bound, sizeof(bound), "%.*s", PG_STR_ARG(cfg->bind));
	snprintf(public, sizeof(public), "%.*s",
	    PG_STR_ARG(cfg->publics[0]));
	snprintf(hub, sizeof(hub), "%.*s", PG_STR_ARG(cfg->connect_to));
	nserved++;
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	unsetenv("PAGLETS_API_KEY");
	nserved = nwords = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	while (nwords > 0)
		free(words[--nwords]);
	return 0;
}

static void
word(const char *z)
{
	words[nwords++] = pg_strdup(pg_str(z));
}

/* Whether a host is begun with the words so far; they are used up. */
static bool
serves(void)
{
	static const struct pg_command command = { "serve", pg_serve_run,
		"" };
	struct pg_cli c = { .command = &command, .argc = nwords,
		.argv = words };
	int before = nserved;

	last = (struct pg_err){ 0 };
	pg_serve_run(&c, &last);
	pg_arena_fini(&c.arena);
	teardown(NULL);
	return nserved > before;
}

static void
many(const char *option, const char *value, size_t n)
{
	char text[100];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "--%s=%s%zu", option, value, i);
		word(text);
	}
}

static void
lists_have_a_length(void **state)
{
	static const struct {
		const char *option, *value;
		size_t max;
	} rows[] = {
		{ "peer", "http://peer:1/", PG_HOST_LISTS_MAX },
		{ "tag", "t", PG_HOSTREF_TAGS_MAX },
		{ "property", "k=", PG_HOSTREF_PROPERTIES_MAX },
		{ "peer", "dns:name", PG_HOST_LISTS_MAX },
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++)
		for (n = rows[i].max - 1; n <= rows[i].max + 1; n++) {
			many(rows[i].option, rows[i].value, n);
			if (n > rows[i].max) {
				assert_false(serves());
				assert_int_equal(last.code, PG_E_USAGE);
				continue;
			}
			assert_true(serves());
			assert_int_equal(seen.npeers + seen.ntags +
			    seen.nproperties + seen.ndns, n);
		}
}

/* Tags may also come many in one word. */
static void
tags_with_commas_count_each(void **state)
{
	char text[8 + 2 * (PG_HOSTREF_TAGS_MAX + 1)] = "--tag=";
	size_t i;

	(void)state;
	for (i = 0; i < PG_HOSTREF_TAGS_MAX; i++)
		memcpy(text + 6 + 2 * i, "t,", 3);
	word(text);
	assert_true(serves());
	assert_int_equal(seen.ntags, PG_HOSTREF_TAGS_MAX);
	memcpy(text + 6 + 2 * i, "t", 2);
	word(text);
	assert_false(serves());
	assert_int_equal(last.code, PG_E_USAGE);
}

/* An option with so many bytes of a tag, a key or a value. */
static void
text_of(const char *option, size_t n, const char *end)
{
	char text[PG_HOSTREF_PROPERTY_MAX + 40];

	snprintf(text, sizeof(text), "--%s=%0*d%s", option, (int)n, 0, end);
	word(text);
}

static void
texts_are_what_peers_take(void **state)
{
	static const char *const odd[] = { "--tag=a\xff", "--tag=ok,\xed\xa0"
		"\x80", "--property=k\xff=v", "--property=k=\xc3" };
	size_t i, n;

	(void)state;
	for (i = 0; i < PG_COUNT(odd); i++) {
		word(odd[i]);
		assert_false(serves());
		assert_int_equal(last.code, PG_E_USAGE);
	}
	for (n = PG_HOSTREF_TAG_MAX - 1; n <= PG_HOSTREF_TAG_MAX + 1; n++) {
		text_of("tag", n, "");
		assert_int_equal(serves(), n <= PG_HOSTREF_TAG_MAX);
	}
	for (n = PG_HOSTREF_PROPERTY_MAX - 1; n <= PG_HOSTREF_PROPERTY_MAX + 1;
	    n++) {
		text_of("property", n, "=");
		assert_int_equal(serves(), n <= PG_HOSTREF_PROPERTY_MAX);
		text_of("property=k", n, "");
		assert_int_equal(serves(), n <= PG_HOSTREF_PROPERTY_MAX);
	}
}

static void
public_addresses_have_a_number(void **state)
{
	int i, n;

	(void)state;
	for (n = PG_BIND_MAX - 1; n <= PG_BIND_MAX + 1; n++) {
		word("--insecure-no-auth");
		for (i = 0; i < n; i++)
			word("--bind-public=auto");
		assert_int_equal(serves(), n <= PG_BIND_MAX);
		if (n > PG_BIND_MAX)
			assert_int_equal(last.code, PG_E_USAGE);
		else
			assert_int_equal(seen.npublics, n);
	}
}

static void
addresses_are_taken_as_they_are_written(void **state)
{
	static const struct {
		const char *words[2], *bind, *public;
	} rows[] = {
		{ { "--host=localhost" }, "127.0.0.1", NULL },
		{ { "--host=[::1]" }, "::1", NULL },
		{ { "--host=auto" }, "127.0.0.1", "auto" },
		{ { "--bind-public=[fd00::1]" }, "127.0.0.1", "fd00::1" },
		{ { "--bind-public=10.0.0.1", "--host=::1" }, "::1",
		    "10.0.0.1" },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		word("--insecure-no-auth");
		for (j = 0; j < 2 && rows[i].words[j] != NULL; j++)
			word(rows[i].words[j]);
		assert_true(serves());
		assert_string_equal(bound, rows[i].bind);
		assert_int_equal(seen.npublics, rows[i].public != NULL);
		if (rows[i].public != NULL)
			assert_string_equal(public, rows[i].public);
	}
}

static void
refuses_what_is_wrong(void **state)
{
	static const char *const bad[] = { "--port=65536", "--port=-1",
		"--host=example.org", "--host=1.2.3", "--host=",
		"--bind-public=example.org", "--bind-public=",
		"--bind-public=--mesh", "--bind-public=1.2.3.4:80",
		"--peer=ftp://x", "--peer=", "--peer=dns:", "--peer=dns:a b",
		"--peer=dns:a:b", "--peer=::1", "--peer=[::1",
		"--property=novalue", "--property==v",
		"--durability=often", "--log-level=loud", "--max-body=much",
		"--public-url=http://a b", "--connect-to=ftp://x",
		"--connect-to=", "--relay-queue-limit=0",
		"--relay-queue-limit=1000001", "--relay-offline-after=0s",
		"--relay-offline-after=soon", "--relay-delivery-timeout=0",
		"--relay-delivery-timeout=-1s" };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		word(bad[i]);
		if (serves())
			fail_msg("%s", bad[i]);
		assert_int_equal(last.code, PG_E_USAGE);
	}
	word("--port=65535");
	assert_true(serves());
	assert_int_equal(seen.port, 65535);
}

static void
assert_peer(const char *text, const char *url, const char *dns)
{
	word("--peer");
	word(text);
	if (!serves())
		fail_msg("%s: %s", text, last.msg);
	assert_string_equal(first_peer, url);
	assert_string_equal(first_dns, dns);
}

static void
peers_are_urls_or_names(void **state)
{
	(void)state;
	assert_peer("host:1", "http://host:1", "");
	assert_peer("[::1]:8765", "http://[::1]:8765", "");
	assert_peer("http://[::1]", "http://[::1]", "");
	assert_peer("dns:hosts", "", "hosts");
	assert_peer(" dns:hosts:90 ", "", "hosts:90");
	assert_peer("dns:[::1]:90", "", "[::1]:90");
}

static void
finds_peers_unless_told_not_to(void **state)
{
	(void)state;
	assert_true(serves());
	assert_true(seen.mesh && seen.multicast && seen.lan);
	word("--no-mesh-multicast");
	assert_true(serves());
	assert_true(seen.mesh && !seen.multicast && seen.lan);
	word("--no-mesh-lan-discovery");
	assert_true(serves());
	assert_true(seen.mesh && seen.multicast && !seen.lan);
	word("--no-mesh");
	assert_true(serves());
	assert_false(seen.mesh);
	word("--no-mesh-multicast");
	word("--mesh-multicast");
	assert_true(serves());
	assert_true(seen.multicast);
}

/* What is not given comes from there, and is blamed on it. */
static void
variables_stand_for_options(void **state)
{
	(void)state;
	setenv("PAGLETS_MESH", "no", 1);
	setenv("PAGLETS_MESH_MULTICAST", "0", 1);
	setenv("PAGLETS_MESH_LAN_DISCOVERY", "yes", 1);
	setenv("PAGLETS_PEER", "http://a:1 dns:b", 1);
	setenv("PAGLETS_TAG", "x y,z", 1);
	assert_true(serves());
	assert_false(seen.mesh || seen.multicast);
	assert_true(seen.lan);
	assert_int_equal(seen.npeers, 1);
	assert_int_equal(seen.ndns, 1);
	assert_int_equal(seen.ntags, 3);
	word("--mesh");
	word("--peer=http://c:1");
	assert_true(serves());
	assert_true(seen.mesh && !seen.multicast);
	assert_int_equal(seen.npeers + seen.ndns, 1);
	setenv("PAGLETS_PEER", "http://a:1 ftp://b", 1);
	assert_false(serves());
	assert_int_equal(last.code, PG_E_USAGE);
	assert_true(pg_str_starts(pg_str(last.msg), PG_STR("PAGLETS_PEER: ")));
	word("--peer=ftp://b");
	assert_false(serves());
	assert_true(pg_str_starts(pg_str(last.msg), PG_STR("--peer: ")));
	unsetenv("PAGLETS_MESH");
	unsetenv("PAGLETS_MESH_MULTICAST");
	unsetenv("PAGLETS_MESH_LAN_DISCOVERY");
	unsetenv("PAGLETS_PEER");
	unsetenv("PAGLETS_TAG");
}

static void
who_can_be_reached_has_a_key(void **state)
{
	static const char *const open[] = { "--host=0.0.0.0", "--host=::",
		"--host=[::]", "--host=10.1.2.3", "--public-url=http://h:1",
		"--host=auto", "--bind-public=auto", "--bind-public=::",
		"--bind-public=10.1.2.3" };
	static const char *const closed[] = { "--host=127.0.0.1",
		"--host=127.9.9.9", "--host=::1", "--host=localhost",
		"--bind-public=127.0.0.2" };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(closed); i++) {
		word(closed[i]);
		assert_true(serves());
	}
	for (i = 0; i < PG_COUNT(open); i++) {
		word(open[i]);
		assert_false(serves());
		assert_int_equal(last.code, PG_E_FORBIDDEN);
		word(open[i]);
		word("--insecure-no-auth");
		assert_true(serves());
		setenv("PAGLETS_API_KEY", "0123456789abcdef", 1);
		word(open[i]);
		assert_true(serves());
		unsetenv("PAGLETS_API_KEY");
	}
}

static void
hosts_behind_a_hub(void **state)
{
	(void)state;
	setenv("PAGLETS_API_KEY", "0123456789abcdef", 1);
	word("--connect-to=http://hub:80/a/b/");
	word("--peer=other:1");
	assert_true(serves());
	assert_string_equal(hub, "http://hub:80/a/b");
	assert_int_equal(seen.npeers, 1);
	assert_string_equal(first_peer, hub);
	assert_false(seen.mesh || seen.multicast || seen.lan);
	word("--connect-to=http://hub");
	word("--public-url=http://me");
	assert_false(serves());
	assert_int_equal(last.code, PG_E_USAGE);
	unsetenv("PAGLETS_API_KEY");
	word("--connect-to=http://127.0.0.1:1");
	assert_false(serves());
	assert_int_equal(last.code, PG_E_FORBIDDEN);
	word("--connect-to=http://127.0.0.1:1");
	word("--insecure-no-auth");
	assert_true(serves());
}

static void
hubs_have_limits(void **state)
{
	(void)state;
	assert_true(serves());
	assert_int_equal(seen.relay_queue_max, 1024);
	word("--relay-queue-limit=1");
	word("--relay-offline-after=500ms");
	word("--relay-delivery-timeout=2m");
	assert_true(serves());
	assert_int_equal(seen.relay_queue_max, 1);
	assert_int_equal(seen.relay_offline_after, 500 * PG_MS);
	assert_int_equal(seen.relay_delivery_time, 120 * PG_SEC);
	word("--relay-queue-limit=1000000");
	assert_true(serves());
	assert_int_equal(seen.relay_queue_max, 1000000);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_have_a_length),
		T(tags_with_commas_count_each),
		T(texts_are_what_peers_take),
		T(public_addresses_have_a_number),
		T(addresses_are_taken_as_they_are_written),
		T(refuses_what_is_wrong),
		T(peers_are_urls_or_names),
		T(finds_peers_unless_told_not_to),
		T(variables_stand_for_options),
		T(who_can_be_reached_has_a_key), T(hosts_behind_a_hub),
		T(hubs_have_limits),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
