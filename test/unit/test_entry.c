/* test_entry: shows which host a client takes for its entry when none is named
 * by URL, in which order it looks, and that none but the one that the user
 * named, and the one on this machine, ever gets the key.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/http1 codec/sha256 codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file os/rand os/sock host/wire host/hostref host/seal host/remote agent/fields agent/values client/address client/session client/entry client/place */
/* wrap: pg_client_new pg_client_free pg_client_start pg_call_cancel pg_loop_new pg_loop_free pg_loop_turn pg_work_new pg_work_free pg_mesh_key_for pg_beacon_new pg_beacon_free pg_probe_new pg_probe_free pg_probe_sweep pg_iface_outward */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>

#include "client/entry.h"
#include "client/place.h"
#include "host/beacon.h"
#include "host/probe.h"
#include "world.h"

#define HOME "http://127.0.0.1:8765/"
#define OWN "http://10.0.0.1:8765/"
#define NAMED(name) 200, "{\"name\": \"" name "\"}"
#define AUTH 401, "{\"error_type\": \"AuthenticationError\", "          \
	"\"error\": \"Authentication required\"}"

/* The network around this machine. */
struct around {
	struct { const char *url, *name; } beacons[2];
	const char *probed[2];
	bool no_address;
	int crowd; /* so many more beacons */
	int listened, swept;
	const struct pg_probe_ops *ops;
	void *arg;
};

static struct around around;

struct pg_beacon *__wrap_pg_beacon_new(struct pg_loop *l,
    const struct pg_beacon_ops *ops, void *arg);
void __wrap_pg_beacon_free(struct pg_beacon *b);
struct pg_probe *__wrap_pg_probe_new(struct pg_loop *l, struct pg_client *c,
    const struct pg_probe_ops *ops, void *arg);
void __wrap_pg_probe_free(struct pg_probe *p);
void __wrap_pg_probe_sweep(struct pg_probe *p);
int __wrap_pg_iface_outward(struct pg_addr *out);

/* All beacons come at once, each twice. */
struct pg_beacon *
__wrap_pg_beacon_new(struct pg_loop *l, const struct pg_beacon_ops *ops,
    void *arg)
{
	struct pg_hostref ref = { .online = true };
	char url[64];
	size_t i;

	(void)l;
	assert_null(ops->self);
	around.listened++;
	for (i = 0; i < 4; i++) {
		if (around.beacons[i / 2].url == NULL)
			continue;
		ref.url = pg_str(around.beacons[i / 2].url);
		ref.name = pg_str(around.beacons[i / 2].name);
		ops->on_ref(arg, NULL, &ref, false);
	}
	for (i = 0; i < (size_t)around.crowd; i++) {
		snprintf(url, sizeof(url), "http://crowd:%zu", i + 1);
		ref.url = pg_str(url);
		ops->on_ref(arg, NULL, &ref, false);
	}
	return NULL;
}

void
__wrap_pg_beacon_free(struct pg_beacon *b)
{
	assert_null(b);
	around.listened--;
}

struct pg_probe *
__wrap_pg_probe_new(struct pg_loop *l, struct pg_client *c,
    const struct pg_probe_ops *ops, void *arg)
{
	uint16_t ports[4];

	(void)l, (void)c;
	assert_int_equal(ops->ports(arg, ports, 4), 1);
	assert_int_equal(ports[0], 8765);
	around.ops = ops;
	around.arg = arg;
	return (struct pg_probe *)&around;
}

void
__wrap_pg_probe_free(struct pg_probe *p)
{
	assert_ptr_equal(p, &around);
}

void
__wrap_pg_probe_sweep(struct pg_probe *p)
{
	struct pg_response r = { .status = 200 };
	const struct world_page *page;
	char url[64];
	size_t i;

	(void)p;
	around.swept++;
	for (i = 0; i < 2 && around.probed[i] != NULL; i++) {
		if (!around.ops->wanted(around.arg))
			break;
		snprintf(url, sizeof(url), "%s/", around.probed[i]);
		page = world_page(url);
		if (page->status <= 0)
			continue;
		r.status = page->status;
		r.body = pg_bulk_copy(pg_str(page->json), NULL);
		around.ops->on_found(around.arg, pg_str(around.probed[i]), &r);
		pg_bulk_unref(r.body);
	}
	around.ops->on_done(around.arg);
}

int
__wrap_pg_iface_outward(struct pg_addr *out)
{
	if (around.no_address)
		return -1;
	return pg_addr_parse(PG_STR("10.0.0.1"), 0, out);
}

/* The entry host of a client that is told `entry` is at url, or there is none
 * for that reason. */
static void
found(const struct world_page *pages, const char *entry, const char *url,
    const char *code, const char *says)
{
	struct paglets_client *c;
	size_t i;

	world_begin(pages);
	c = world_client(entry);
	if (url != NULL) {
		if (pg_entry_find(c) < 0)
			fail_msg("%s: %s", url, paglets_client_error(c));
		if (!pg_str_eqz(c->entry, url))
			fail_msg("%.*s", PG_STR_ARG(c->entry));
	} else {
		assert_int_equal(pg_entry_find(c), -1);
		assert_string_equal(paglets_client_error_code(c), code);
		if (strstr(paglets_client_error(c), says) == NULL)
			fail_msg("%s", paglets_client_error(c));
	}
	for (i = 0; i < world.ncalls; i++)
		assert_true(world.calls[i].bearer[0] == '\0' ||
		    strncmp(world.calls[i].url, HOME, strlen(HOME)) == 0);
	assert_int_equal(around.listened, 0);
	assert_null(c->kept);
	paglets_client_free(c);
	pg_clock_fake(0, 0);
}

static void
the_user_names_it(void **state)
{
	static const struct world_page none[] = { { NULL, 0, NULL } };

	(void)state;
	found(none, "http://x:1/", "http://x:1", NULL, NULL);
	assert_int_equal(world.ncalls, 0);
	found(none, "x:1", "http://x:1", NULL, NULL);
	found(none, "http://", NULL, "usage", "http");
	found(none, "", NULL, "usage", "empty");
}

static void
one_place_after_the_other(void **state)
{
	static const struct world_page all[] = { { HOME, NAMED("home") },
		{ OWN, NAMED("own") }, { "http://b:1/", NAMED("b") },
		{ "http://p:1/", NAMED("p") }, { NULL, 0, NULL } };

	(void)state;
	around = (struct around){ .beacons = { { "http://dead:1", "d" },
	    { "http://b:1", "b" } }, .probed = { "http://p:1" } };
	found(all, NULL, "http://127.0.0.1:8765", NULL, NULL);
	assert_int_equal(world.ncalls, 1);
	found(all + 1, NULL, "http://10.0.0.1:8765", NULL, NULL);
	around.no_address = true;
	found(all + 1, NULL, "http://b:1", NULL, NULL);
	assert_int_equal(around.swept, 0);
	found(all + 3, NULL, "http://p:1", NULL, NULL);
	assert_int_equal(around.swept, 1);
	found(all + 4, NULL, NULL, "unreachable", "nor is there a host near");
}

static void
by_name(void **state)
{
	static const struct world_page all[] = {
		{ HOME "hosts", 200, "{\"hosts\": [{\"name\": \"far\", "
		    "\"url\": \"http://far:1/\"}, {\"name\": \"bad\", "
		    "\"url\": \"no url\"}]}" },
		{ HOME, NAMED("home") }, { "http://b:1/", NAMED("b") },
		{ "http://p:1/", NAMED("p") }, { NULL, 0, NULL } };

	(void)state;
	around = (struct around){ .no_address = true,
		.beacons = { { "http://b:1", "b" } },
		.probed = { "http://b:1", "http://p:1" } };
	found(all, "home", "http://127.0.0.1:8765", NULL, NULL);
	found(all, "far", "http://far:1", NULL, NULL);
	assert_int_equal(around.swept, 0);
	found(all, "b", "http://b:1", NULL, NULL);
	found(all, "p", "http://p:1", NULL, NULL);
	found(all, "nobody", NULL, "not_found", "'nobody'");
	found(all, "bad", NULL, "host", "no url");
	found(all + 2, "p", "http://p:1", NULL, NULL);
	found(all + 4, "p", NULL, "unreachable", "127.0.0.1:8765");
}

static void
hosts_that_want_a_key(void **state)
{
	static const struct world_page all[] = { { HOME, AUTH },
		{ "http://b:1/", AUTH }, { NULL, 0, NULL } };

	(void)state;
	around = (struct around){ .no_address = true,
		.beacons = { { "http://b:1", "b" } } };
	found(all, NULL, "http://127.0.0.1:8765", NULL, NULL);
	found(all + 1, NULL, "http://b:1", NULL, NULL);
	/* It does not say what it is called, nor whom it knows. */
	found(all, "b", NULL, "auth", "looking up 'b'");
}

static void
what_is_no_host(void **state)
{
	static const struct world_page all[] = { { HOME, 404, "<html>" },
		{ "http://b:1/", 200, "{\"name\": 5}" }, { NULL, 0, NULL } };
	static const struct world_page slow[] = { { HOME, -1, NULL },
		{ "http://b:1/", NAMED("b") }, { NULL, 0, NULL } };

	(void)state;
	around = (struct around){ .no_address = true,
		.beacons = { { "http://b:1", "b" } } };
	found(all, NULL, NULL, "remote", "127.0.0.1:8765");
	/* One that is there but slow is waited for. */
	found(slow, NULL, NULL, "timeout", "127.0.0.1:8765");
	assert_int_equal(world.ncalls, 1);
}

static void
so_many_are_heard(void **state)
{
	static const struct world_page none[] = { { NULL, 0, NULL } };
	int n;

	(void)state;
	around = (struct around){ .no_address = true,
		.beacons = { { "http://b:1", "b" }, { "http://c:1", "c" } } };
	found(none, NULL, NULL, "unreachable", "");
	/* Each once, however often its beacon comes. */
	assert_int_equal(world_asked("http://b:1", false), 1);
	assert_int_equal(world_asked("http://c:1", false), 1);
	around.beacons[0].url = around.beacons[1].url = NULL;
	for (n = PG_ENTRY_HEARD_MAX - 1; n <= PG_ENTRY_HEARD_MAX + 1; n++) {
		around.crowd = n;
		found(none, NULL, NULL, "unreachable", "");
		assert_int_equal(world_asked("http://crowd:", false),
		    PG_MIN(n, PG_ENTRY_HEARD_MAX));
	}
}

/* Made-up beacons of hosts that are silent hold nobody up for long. */
static void
silent_crowds_cost_little(void **state)
{
	static const struct world_page silent[] = {
		{ "http://crowd:", -1, NULL }, { NULL, 0, NULL } };

	(void)state;
	around = (struct around){ .no_address = true,
		.crowd = PG_ENTRY_HEARD_MAX };
	found(silent, NULL, NULL, "unreachable", "");
	assert_int_equal(world_asked("http://crowd:", false),
	    PG_ENTRY_HEARD_MAX);
	assert_in_range(world.now - WORLD_START, PG_ENTRY_HEARD_MAX *
	    PG_ENTRY_TIME_MIN, 12 * PG_SEC);
}

static void
hosts_by_name_are_not_named(void **state)
{
	static const struct world_page all[] = {
		{ HOME "hosts", 200, "{\"hosts\": [{\"name\": \"far\", "
		    "\"url\": \"http://far:1\", \"online\": true}, "
		    "{\"name\": \"off\", \"url\": \"http://off:1\", "
		    "\"online\": false}]}" },
		{ HOME, NAMED("home") }, { NULL, 0, NULL } };
	struct paglets_client *c;
	struct pg_str url;

	(void)state;
	world_begin(all);
	around = (struct around){ .no_address = true };
	c = world_client(NULL);
	assert_int_equal(pg_place_find(c, PG_STR("far"), &url), 0);
	assert_true(pg_str_eqz(url, "http://far:1"));
	assert_false(pg_session_is_named(c, url));
	assert_int_equal(pg_place_find(c, PG_STR("x:1"), &url), 0);
	assert_true(pg_session_is_named(c, url));
	assert_int_equal(paglets_client_is_online(c, "far"), 1);
	assert_int_equal(paglets_client_is_online(c, "http://far:1/"), 1);
	assert_int_equal(paglets_client_is_online(c, "off"), 0);
	assert_int_equal(paglets_client_is_online(c, "nobody"), 0);
	assert_int_equal(paglets_client_wait_for_host(c, "far", 100), 0);
	assert_int_equal(paglets_client_wait_for_host(c, "off", 900), -1);
	assert_string_equal(paglets_client_error(c),
	    "Timed out waiting for host 'off'");
	assert_int_equal(paglets_client_wait_for_host(c, "http://", 900), -1);
	paglets_client_free(c);
	pg_clock_fake(0, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_user_names_it),
		cmocka_unit_test(one_place_after_the_other),
		cmocka_unit_test(by_name),
		cmocka_unit_test(hosts_that_want_a_key),
		cmocka_unit_test(what_is_no_host),
		cmocka_unit_test(so_many_are_heard),
		cmocka_unit_test(silent_crowds_cost_little),
		cmocka_unit_test(hosts_by_name_are_not_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
