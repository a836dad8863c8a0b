/* test_discovery: shows what a host does to find others, as its options say:
 * what it tells of itself and to whom, whom it heeds, and when it probes the
 * LAN.
 *
 * Beacons, probes, names and the mesh are pretended ones.
 */
/* parts: base/err base/mem base/log base/clock os/loop host/discovery */
/* wrap: pg_beacon_new pg_beacon_free pg_beacon_now pg_beacon_is_inward pg_probe_new pg_probe_sweep pg_probe_free pg_seeds_new pg_seeds_add pg_seeds_free pg_gossip_heard pg_gossip_found pg_gossip_given pg_mesh_alone pg_mesh_self pg_gossip_ports */
#include "base/log.h"
#include "host/beacon.h"
#include "host/discovery.h"
#include "host/gossip.h"
#include "host/probe.h"
#include "host/seeds.h"

#include <setjmp.h>

#include <cmocka.h>

#define WALL (INT64_C(1700000000) * PG_SEC)

static struct pg_host host;
static struct pg_discovery *discovery;
static int64_t now;
static bool alone;
static int heard, found, given, sweeps, told, freed;
static const struct pg_beacon_ops *beacon;
static const struct pg_probe_ops *probe;
static pg_seeds_found *seeds;
static void *arg_of;
static char names[100];

/* Only their addresses count. */
static char a_beacon, a_probe, a_seeds, a_mesh, a_value;

struct pg_beacon *__wrap_pg_beacon_new(struct pg_loop *l,
    const struct pg_beacon_ops *ops, void *arg);
void __wrap_pg_beacon_free(struct pg_beacon *b);
void __wrap_pg_beacon_now(struct pg_beacon *b);
bool __wrap_pg_beacon_is_inward(struct pg_str url);
struct pg_probe *__wrap_pg_probe_new(struct pg_loop *l, struct pg_client *c,
    const struct pg_probe_ops *ops, void *arg);
void __wrap_pg_probe_sweep(struct pg_probe *p);
void __wrap_pg_probe_free(struct pg_probe *p);
struct pg_seeds *__wrap_pg_seeds_new(struct pg_loop *l, struct pg_work *w,
    pg_seeds_found *on_found, void *arg);
int __wrap_pg_seeds_add(struct pg_seeds *s, struct pg_str text,
    struct pg_err *e);
void __wrap_pg_seeds_free(struct pg_seeds *s);
void __wrap_pg_gossip_heard(struct pg_gossip *m, const struct pg_value *ref);
void __wrap_pg_gossip_found(struct pg_gossip *m, struct pg_str url);
void __wrap_pg_gossip_given(struct pg_gossip *m, struct pg_str name,
    const struct pg_str *urls, size_t n);
bool __wrap_pg_mesh_alone(const struct pg_mesh *m);
struct pg_value *__wrap_pg_mesh_self(struct pg_mesh *m, struct pg_arena *a);
size_t __wrap_pg_gossip_ports(struct pg_gossip *m, uint16_t *out, size_t max);

struct pg_beacon *
__wrap_pg_beacon_new(struct pg_loop *l, const struct pg_beacon_ops *ops,
    void *arg)
{
	assert_ptr_equal(l, host.loop);
	beacon = ops;
	arg_of = arg;
	return (struct pg_beacon *)(void *)&a_beacon;
}

void
__wrap_pg_beacon_free(struct pg_beacon *b)
{
	freed += b != NULL;
}

void
__wrap_pg_beacon_now(struct pg_beacon *b)
{
	assert_ptr_equal(b, &a_beacon);
	told++;
}

bool
__wrap_pg_beacon_is_inward(struct pg_str url)
{
	return pg_str_eqz(url, "http://lo:1");
}

struct pg_probe *
__wrap_pg_probe_new(struct pg_loop *l, struct pg_client *c,
    const struct pg_probe_ops *ops, void *arg)
{
	(void)c;
	assert_ptr_equal(l, host.loop);
	probe = ops;
	arg_of = arg;
	return (struct pg_probe *)(void *)&a_probe;
}

void
__wrap_pg_probe_sweep(struct pg_probe *p)
{
	assert_ptr_equal(p, &a_probe);
	sweeps++;
}

void
__wrap_pg_probe_free(struct pg_probe *p)
{
	freed += p != NULL;
}

struct pg_seeds *
__wrap_pg_seeds_new(struct pg_loop *l, struct pg_work *w,
    pg_seeds_found *on_found, void *arg)
{
	(void)w;
	assert_ptr_equal(l, host.loop);
	seeds = on_found;
	arg_of = arg;
	return (struct pg_seeds *)(void *)&a_seeds;
}

int
__wrap_pg_seeds_add(struct pg_seeds *s, struct pg_str text, struct pg_err *e)
{
	size_t n = strlen(names);

	assert_ptr_equal(s, &a_seeds);
	if (pg_str_eqz(text, "bad"))
		return pg_fail(e, PG_E_HOST, "bad");
	snprintf(names + n, sizeof(names) - n, "%.*s ", PG_STR_ARG(text));
	return 0;
}

void
__wrap_pg_seeds_free(struct pg_seeds *s)
{
	freed += s != NULL;
}

void
__wrap_pg_gossip_heard(struct pg_gossip *m, const struct pg_value *ref)
{
	assert_ptr_equal(m, &a_mesh);
	assert_ptr_equal(ref, &a_value);
	heard++;
}

void
__wrap_pg_gossip_found(struct pg_gossip *m, struct pg_str url)
{
	assert_ptr_equal(m, &a_mesh);
	assert_true(pg_str_eqz(url, "http://other:1"));
	found++;
}

void
__wrap_pg_gossip_given(struct pg_gossip *m, struct pg_str name,
    const struct pg_str *urls, size_t n)
{
	assert_ptr_equal(m, &a_mesh);
	assert_true(pg_str_eqz(name, "name"));
	assert_true(pg_str_eqz(urls[0], "http://other:1"));
	given += (int)n;
}

bool
__wrap_pg_mesh_alone(const struct pg_mesh *m)
{
	assert_ptr_equal(m, &a_mesh);
	return alone;
}

struct pg_value *
__wrap_pg_mesh_self(struct pg_mesh *m, struct pg_arena *a)
{
	(void)a;
	assert_ptr_equal(m, &a_mesh);
	return (struct pg_value *)(void *)&a_value;
}

size_t
__wrap_pg_gossip_ports(struct pg_gossip *m, uint16_t *out, size_t max)
{
	assert_ptr_equal(m, &a_mesh);
	assert_int_equal(max, 2);
	out[0] = 8765;
	return 1;
}

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, WALL + now);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

static int
setup(void **state)
{
	(void)state;
	now = PG_SEC;
	pg_clock_fake(now, WALL + now);
	pg_log_set_level(PG_LOG_ERROR);
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	host.mesh = (struct pg_mesh *)(void *)&a_mesh;
	host.gossip = (struct pg_gossip *)(void *)&a_mesh;
	host.address = PG_STR("http://me:1");
	snprintf(host.boot, sizeof(host.boot), "my-boot");
	host.cfg.mesh = host.cfg.multicast = host.cfg.lan = true;
	alone = true;
	heard = found = given = sweeps = told = freed = 0;
	beacon = NULL;
	probe = NULL;
	seeds = NULL;
	names[0] = '\0';
	return host.loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_discovery_free(discovery);
	discovery = NULL;
	pg_loop_free(host.loop);
	pg_clock_fake(0, 0);
	return freed - (beacon != NULL) - (probe != NULL) - (seeds != NULL);
}

static void
begin(void)
{
	discovery = pg_discovery_new(&host);
}

static void
hear(const char *url, const char *boot, bool local)
{
	struct pg_hostref ref = { .url = pg_str(url), .boot = pg_str(boot) };

	heard = 0;
	beacon->on_ref(arg_of, (void *)&a_value, &ref, local);
}

/* ----------------------------------------------------------------------- */

static void
does_what_options_say(void **state)
{
	(void)state;
	host.cfg.multicast = host.cfg.lan = false;
	begin();
	assert_non_null(discovery);
	assert_null(beacon);
	assert_null(probe);
	assert_null(seeds);
	pg_discovery_now(discovery);
	assert_int_equal(told, 0);
	pg_discovery_free(discovery);
	host.cfg.multicast = host.cfg.lan = true;
	host.cfg.mesh = false;
	begin();
	assert_null(discovery);
	assert_null(beacon);
	pg_discovery_now(discovery);
	host.cfg.mesh = true;
	begin();
	assert_non_null(beacon);
	assert_non_null(probe);
	pg_discovery_now(discovery);
	assert_int_equal(told, 1);
}

static void
heeds_others(void **state)
{
	(void)state;
	begin();
	hear("http://other:1", "other-boot", false);
	assert_int_equal(heard, 1);
	hear("http://other:1", "", true);
	assert_int_equal(heard, 1);
	hear("http://me:1", "", true);
	assert_int_equal(heard, 0);
	hear("http://other:1", "my-boot", true);
	assert_int_equal(heard, 0);
}

static void
keeps_to_its_machine(void **state)
{
	(void)state;
	begin();
	assert_false(beacon->inward(arg_of));
	host.address = PG_STR("http://lo:1");
	assert_true(beacon->inward(arg_of));
	hear("http://other:1", "other-boot", false);
	assert_int_equal(heard, 0);
	hear("http://other:1", "other-boot", true);
	assert_int_equal(heard, 1);
	pass(PG_PROBE_FIRST);
	assert_int_equal(sweeps, 0);
}

static void
tells_of_itself(void **state)
{
	(void)state;
	begin();
	assert_ptr_equal(beacon->self(arg_of, NULL), &a_value);
	host.draining = true;
	assert_null(beacon->self(arg_of, NULL));
}

static void
probes_while_alone(void **state)
{
	struct pg_response r = { .status = 200 };
	uint16_t ports[2];

	(void)state;
	begin();
	pass(PG_PROBE_FIRST - PG_MS);
	assert_int_equal(sweeps, 0);
	pass(PG_MS);
	assert_int_equal(sweeps, 1);
	assert_true(probe->wanted(arg_of));
	assert_int_equal(probe->ports(arg_of, ports, 2), 1);
	probe->on_found(arg_of, PG_STR("http://other:1"), &r);
	assert_int_equal(found, 1);
	alone = false;
	assert_false(probe->wanted(arg_of));
	pass(PG_PROBE_INTERVAL);
	assert_int_equal(sweeps, 1);
	alone = true;
	pass(PG_PROBE_INTERVAL);
	assert_int_equal(sweeps, 2);
	host.draining = true;
	assert_false(probe->wanted(arg_of));
	pass(PG_PROBE_INTERVAL);
	assert_int_equal(sweeps, 2);
}

static void
looks_up_names(void **state)
{
	const struct pg_str urls[] = { PG_STR("http://other:1"),
		PG_STR("http://other:2") };

	(void)state;
	host.cfg.dns[0] = PG_STR("a");
	host.cfg.dns[1] = PG_STR("bad");
	host.cfg.dns[2] = PG_STR("b:1");
	host.cfg.ndns = 3;
	begin();
	assert_string_equal(names, "a b:1 ");
	seeds(arg_of, PG_STR("name"), urls, 2);
	assert_int_equal(given, 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(does_what_options_say),
		T(heeds_others),
		T(keeps_to_its_machine),
		T(tells_of_itself),
		T(probes_while_alone),
		T(looks_up_names),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
