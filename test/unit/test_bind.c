/* test_bind: shows at which addresses a host listens and what it calls
 * itself, that it follows an address which changes, and that one which cannot
 * be followed, or a network that is gone, costs nothing.
 *
 * Interfaces and server are pretended ones: the test says what addresses the
 * machine has, and which of them can be listened at.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file os/sock os/loop host/wire host/bind */
/* wrap: pg_iface_list pg_iface_outward pg_server_listen pg_server_unlisten pg_gossip_readdress pg_discovery_now pg_host_event pg_log gethostname */
#include "codec/json.h"
#include "base/log.h"
#include "host/bind.h"
#include "host/discovery.h"
#include "host/gossip.h"
#include "os/iface.h"

#include <setjmp.h>

#include <cmocka.h>

#define A "10.0.0.5"
#define B "10.0.0.6"
#define C "192.168.1.7"

int __wrap_pg_iface_list(struct pg_iface out[PG_IFACE_MAX], struct pg_err *e);
int __wrap_pg_iface_outward(struct pg_addr *out);
int __wrap_pg_server_listen(struct pg_server *s, const struct pg_addr *a,
    struct pg_addr *bound, struct pg_err *e);
void __wrap_pg_server_unlisten(struct pg_server *s,
    const struct pg_addr *bound);
void __wrap_pg_gossip_readdress(struct pg_gossip *g);
void __wrap_pg_discovery_now(struct pg_discovery *d);
void __wrap_pg_host_event(struct pg_host *h, const char *kind,
    const struct pg_agent *a, const struct pg_value *data,
    const struct pg_err *err);
void __wrap_pg_log(enum pg_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int __wrap_gethostname(char *name, size_t n);

static struct pg_host host;
static struct pg_bind *bind_;
static struct pg_err err;
static int64_t now;
static const char *outward, *other; /* NULL: the machine has none */
static char listening[1000]; /* "ADDR:PORT ADDR:PORT " */
static int nlistening, most;  /* at one time */
static const char *taken;    /* cannot be listened at, */
static int ntaken;           /* so many times */
static uint16_t next_port;
static int readdressed, beaconed, nevents, warnings, errors;
static char event[1000], reason[400];

int
__wrap_pg_iface_outward(struct pg_addr *out)
{
	if (outward == NULL)
		return -1;
	return pg_addr_parse(pg_str(outward), 0, out);
}

/* lo, and one address that the default route does not use. */
int
__wrap_pg_iface_list(struct pg_iface out[PG_IFACE_MAX], struct pg_err *e)
{
	(void)e;
	memset(out, 0, 2 * sizeof(out[0]));
	out[0].loopback = true;
	pg_addr_parse(PG_STR("::1"), 0, &out[0].addr);
	if (other == NULL)
		return 1;
	pg_addr_parse(pg_str(other), 0, &out[1].addr);
	return 2;
}

static void
place(const struct pg_addr *a, char out[100])
{
	char text[PG_ADDR_TEXT];

	pg_addr_text(a, text);
	snprintf(out, 100, "%s:%u ", text, (unsigned)pg_addr_port(a));
}

int
__wrap_pg_server_listen(struct pg_server *s, const struct pg_addr *a,
    struct pg_addr *bound, struct pg_err *e)
{
	char text[100];
	uint16_t port = pg_addr_port(a);

	(void)s;
	pg_addr_text(a, text);
	if (taken != NULL && strcmp(text, taken) == 0 && ntaken != 0) {
		ntaken--;
		return pg_fail(e, PG_E_CONFLICT, "%s is taken", text);
	}
	assert_int_equal(pg_addr_parse(pg_str(text), port != 0 ? port :
	    next_port++, bound), 0);
	place(bound, text);
	assert_null(strstr(listening, text));
	strcat(listening, text);
	nlistening++;
	most = PG_MAX(most, nlistening);
	return 0;
}

void
__wrap_pg_server_unlisten(struct pg_server *s, const struct pg_addr *bound)
{
	char text[100], *at;

	(void)s;
	place(bound, text);
	at = strstr(listening, text);
	assert_non_null(at);
	memmove(at, at + strlen(text), strlen(at + strlen(text)) + 1);
	nlistening--;
}

void
__wrap_pg_gossip_readdress(struct pg_gossip *g)
{
	(void)g;
	readdressed++;
}

/* The new address goes out when the mesh knows it. */
void
__wrap_pg_discovery_now(struct pg_discovery *d)
{
	assert_null(d);
	assert_int_equal(++beaconed, readdressed);
}

void
__wrap_pg_host_event(struct pg_host *h, const char *kind,
    const struct pg_agent *a, const struct pg_value *data,
    const struct pg_err *why)
{
	struct pg_buf b = PG_BUF_INIT(sizeof(event) - 1);

	assert_ptr_equal(h, &host);
	assert_null(a);
	assert_string_equal(kind, "context-rebind");
	assert_int_equal(pg_json_write(&b, data, NULL), 0);
	snprintf(event, sizeof(event), "%.*s", PG_STR_ARG(pg_buf_str(&b)));
	snprintf(reason, sizeof(reason), "%s", why != NULL ? why->msg : "");
	pg_buf_fini(&b);
	nevents++;
}

void
__wrap_pg_log(enum pg_log_level level, const char *fmt, ...)
{
	(void)fmt;
	warnings += level == PG_LOG_WARN;
	errors += level == PG_LOG_ERROR;
}

int
__wrap_gethostname(char *name, size_t n)
{
	snprintf(name, n, "machine");
	return 0;
}

/* ---- helpers ---------------------------------------------------------- */

static int
setup(void **state)
{
	(void)state;
	now = PG_SEC;
	pg_clock_fake(now, now);
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	host.cfg.bind = PG_STR("127.0.0.1");
	host.cfg.port = 8765;
	outward = A;
	other = taken = NULL;
	listening[0] = event[0] = reason[0] = '\0';
	next_port = 1000;
	nlistening = most = beaconed = readdressed = nevents = warnings = errors = 0;
	err = (struct pg_err){ 0 };
	return host.loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_bind_free(bind_);
	bind_ = NULL;
	pg_clock_fake(0, 0);
	pg_loop_free(host.loop);
	pg_buf_fini(&host.health_text);
	pg_arena_fini(&host.arena);
	return 0;
}

static void
public(const char *text)
{
	host.cfg.publics[host.cfg.npublics++] = pg_str(text);
}

static bool
begins(void)
{
	bind_ = pg_bind_new(&host, &err);
	if (bind_ != NULL)
		pg_bind_watch(bind_);
	return bind_ != NULL;
}

static void
begin(void)
{
	if (!begins())
		fail_msg("%s", err.msg);
}

static void
assert_at(const char *url, const char *where)
{
	assert_string_equal(host.address.p, url);
	assert_true(pg_str_eq(host.address, host.events.host_address));
	assert_string_equal(listening, where);
}

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, now);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

/* As long as a change takes to be followed. */
static void
follow(void)
{
	pass(PG_BIND_INTERVAL);
	pass(PG_BIND_SETTLE);
}

/* ---- where ------------------------------------------------------------ */

static void
listens_where_it_was_told(void **state)
{
	static const struct {
		const char *bind, *publics[3], *url, *where;
	} rows[] = {
		{ "127.0.0.1", { NULL }, "http://127.0.0.1:8765",
		    "127.0.0.1:8765 " },
		{ "::1", { NULL }, "http://[::1]:8765", "::1:8765 " },
		{ "127.0.0.1", { "auto" }, "http://" A ":8765",
		    A ":8765 127.0.0.1:8765 " },
		{ "127.0.0.1", { "AUTO", A, "auto" }, "http://" A ":8765",
		    A ":8765 127.0.0.1:8765 " },
		{ "127.0.0.1", { C, "auto" }, "http://" C ":8765",
		    C ":8765 " A ":8765 127.0.0.1:8765 " },
		{ "127.0.0.1", { "fd00::1", "auto" },
		    "http://[fd00::1]:8765",
		    "fd00::1:8765 " A ":8765 127.0.0.1:8765 " },
		/* Loopback is reached whatever else is. */
		{ C, { "auto" }, "http://" A ":8765",
		    A ":8765 " C ":8765 127.0.0.1:8765 " },
		{ "::1", { "auto" }, "http://" A ":8765",
		    A ":8765 ::1:8765 127.0.0.1:8765 " },
		/* All of a family are one, which others are not told. */
		{ "0.0.0.0", { NULL }, "http://" A ":8765", "0.0.0.0:8765 " },
		{ "0.0.0.0", { C }, "http://" C ":8765", "0.0.0.0:8765 " },
		{ "::", { C }, "http://" C ":8765",
		    C ":8765 :::8765 127.0.0.1:8765 " },
		{ "127.0.0.1", { "0.0.0.0", C }, "http://" A ":8765",
		    "0.0.0.0:8765 " },
		{ "auto", { NULL }, "http://" A ":8765", A ":8765 " },
	};
	size_t i, j;

	for (i = 0; i < PG_COUNT(rows); i++) {
		host.cfg.bind = pg_str(rows[i].bind);
		for (j = 0; j < 3 && rows[i].publics[j] != NULL; j++)
			public(rows[i].publics[j]);
		begin();
		assert_at(rows[i].url, rows[i].where);
		assert_int_equal(warnings, 0);
		teardown(state);
		setup(state);
	}
}

/* Others cannot reach "::" by an IPv4 address. */
static void
all_of_a_family_are_told_as_one_of_it(void **state)
{
	host.cfg.bind = PG_STR("::");
	other = "fd00::7";
	begin();
	assert_at("http://[fd00::7]:8765", ":::8765 ");
	teardown(state);
	setup(state);
	host.cfg.bind = PG_STR("::");
	other = "fe80::7";
	begin();
	assert_at("http://machine:8765", ":::8765 ");
	assert_int_equal(warnings, 1);
	outward = "fd00::8";
	follow();
	assert_at("http://[fd00::8]:8765", ":::8765 ");
}

static void
a_public_url_is_what_others_are_told(void **state)
{
	(void)state;
	host.cfg.public_url = PG_STR("https://gw.example/pag/");
	public("auto");
	begin();
	assert_at("https://gw.example/pag", A ":8765 127.0.0.1:8765 ");
	outward = B;
	follow();
	assert_at("https://gw.example/pag", "127.0.0.1:8765 " B ":8765 ");
	assert_int_equal(readdressed, 0);
	assert_string_equal(event, "{\"old_address\": "
	    "\"https://gw.example/pag\", \"new_address\": "
	    "\"https://gw.example/pag\", \"bind_hosts\": [\"" B "\", "
	    "\"127.0.0.1\"]}");
}

static void
one_free_port_serves_all(void **state)
{
	(void)state;
	host.cfg.port = 0;
	public("auto");
	taken = "127.0.0.1";
	ntaken = 2;
	begin();
	assert_at("http://" A ":1002", A ":1002 127.0.0.1:1002 ");
}

static void
there_is_an_end_of_tries(void **state)
{
	int i;

	for (i = -1; i <= 1; i++) {
		host.cfg.port = 0;
		public("auto");
		taken = "127.0.0.1";
		ntaken = PG_BIND_TRIES + i;
		assert_int_equal(begins(), i < 0);
		assert_int_equal(next_port, 1000 + PG_BIND_TRIES);
		assert_int_equal(nlistening, i < 0 ? 2 : 0);
		teardown(state);
		setup(state);
	}
	/* A port that was asked for is not exchanged for another. */
	public("auto");
	taken = "127.0.0.1";
	ntaken = 1;
	assert_false(begins());
	assert_int_equal(err.code, PG_E_CONFLICT);
	assert_string_equal(listening, "");
}

static void
public_addresses_have_a_number(void **state)
{
	char text[PG_BIND_MAX][20];
	int i, n;

	for (n = PG_BIND_MAX - 1; n <= PG_BIND_MAX; n++) {
		host.cfg.bind = PG_STR("::1");
		public("auto");
		for (i = 1; i < n; i++) {
			snprintf(text[i], sizeof(text[i]), "10.1.0.%d", i);
			public(text[i]);
		}
		begin();
		assert_int_equal(nlistening, n + 2);
		outward = B;
		follow();
		assert_int_equal(nlistening, n + 2);
		assert_string_equal(host.address.p, "http://" B ":8765");
		/* test_serve has one more. */
		assert_true(most <= PG_SERVER_LISTEN_MAX);
		assert_int_equal(most, n + 3);
		teardown(state);
		setup(state);
	}
}

static void
refuses_what_is_no_address(void **state)
{
	public("example.org");
	assert_false(begins());
	assert_int_equal(err.code, PG_E_USAGE);
	teardown(state);
	setup(state);
	host.cfg.bind = PG_STR("auto");
	outward = NULL;
	assert_false(begins());
	assert_int_equal(err.code, PG_E_UNREACHABLE);
}

/* ---- changes ---------------------------------------------------------- */

static void
follows_the_address_it_has(void **state)
{
	struct pg_str old;

	(void)state;
	public("auto");
	begin();
	old = host.address;
	pg_buf_putz(&host.health_text, "{}");
	pass(PG_BIND_INTERVAL);
	assert_int_equal(nevents, 0);
	assert_int_equal(host.health_text.n, 2);
	outward = B;
	pass(PG_BIND_INTERVAL - 1);
	assert_string_equal(host.address.p, old.p);
	pass(1);
	pass(PG_BIND_SETTLE - 1);
	assert_at("http://" A ":8765", A ":8765 127.0.0.1:8765 ");
	pass(1);
	assert_at("http://" B ":8765", "127.0.0.1:8765 " B ":8765 ");
	assert_int_equal(host.health_text.n, 0);
	assert_int_equal(readdressed, 1);
	assert_int_equal(nevents, 1);
	assert_string_equal(event, "{\"old_address\": \"http://" A ":8765\", "
	    "\"new_address\": \"http://" B ":8765\", \"bind_hosts\": [\"" B
	    "\", \"127.0.0.1\"]}");
	assert_string_equal(reason, "");
	assert_string_equal(old.p, "http://" A ":8765");
	/* And back. */
	outward = A;
	follow();
	assert_at("http://" A ":8765", "127.0.0.1:8765 " A ":8765 ");
	assert_ptr_equal(host.address.p, old.p);
	assert_int_equal(nevents, 2);
	follow();
	assert_int_equal(nevents, 2);
}

static void
an_address_that_does_not_stay_is_not_followed(void **state)
{
	(void)state;
	public("auto");
	begin();
	outward = B;
	pass(PG_BIND_INTERVAL);
	outward = C;
	pass(PG_BIND_SETTLE);
	outward = A;
	pass(PG_BIND_SETTLE);
	assert_at("http://" A ":8765", A ":8765 127.0.0.1:8765 ");
	assert_int_equal(nevents, 0);
	outward = C;
	follow();
	assert_at("http://" C ":8765", "127.0.0.1:8765 " C ":8765 ");
}

static void
one_that_was_listened_at_already_is_just_told(void **state)
{
	(void)state;
	public("auto");
	public(B);
	begin();
	outward = B;
	taken = B;
	ntaken = -1;
	follow();
	assert_at("http://" B ":8765", B ":8765 127.0.0.1:8765 ");
	assert_int_equal(readdressed, 1);
}

static void
all_addresses_are_told_as_the_present_one(void **state)
{
	(void)state;
	host.cfg.bind = PG_STR("0.0.0.0");
	begin();
	outward = B;
	follow();
	assert_at("http://" B ":8765", "0.0.0.0:8765 ");
	assert_int_equal(readdressed, 1);
	assert_int_equal(most, 1);
	assert_string_equal(event, "{\"old_address\": \"http://" A ":8765\", "
	    "\"new_address\": \"http://" B ":8765\", \"bind_hosts\": "
	    "[\"0.0.0.0\"]}");
}

static void
what_was_given_is_not_looked_at_again(void **state)
{
	public(C);
	begin();
	outward = B;
	follow();
	assert_at("http://" C ":8765", C ":8765 127.0.0.1:8765 ");
	teardown(state);
	setup(state);
	host.cfg.bind = PG_STR("0.0.0.0");
	host.cfg.public_url = PG_STR("http://gw.example:80");
	begin();
	outward = B;
	follow();
	assert_int_equal(nevents, 0);
}

static void
a_host_that_stops_follows_nothing(void **state)
{
	(void)state;
	public("auto");
	begin();
	outward = B;
	host.draining = true;
	follow();
	assert_at("http://" A ":8765", A ":8765 127.0.0.1:8765 ");
}

/* ---- trouble ---------------------------------------------------------- */

static void
what_cannot_be_listened_at_is_tried_again(void **state)
{
	int i;

	(void)state;
	public("auto");
	begin();
	outward = taken = B;
	ntaken = 3;
	follow();
	pass(PG_BIND_INTERVAL);
	pass(PG_BIND_INTERVAL);
	assert_at("http://" A ":8765", A ":8765 127.0.0.1:8765 ");
	assert_int_equal(ntaken, 0);
	/* It is told once. */
	assert_int_equal(nevents, 1);
	assert_int_equal(errors, 1);
	assert_int_equal(readdressed, 0);
	assert_string_equal(event, "{\"old_address\": \"http://" A ":8765\", "
	    "\"new_address\": \"http://" B ":8765\", \"bind_hosts\": [\"" A
	    "\", \"127.0.0.1\"]}");
	assert_string_equal(reason, B " is taken");
	for (i = 0; i < 2; i++) {
		pass(PG_BIND_INTERVAL);
		assert_at("http://" B ":8765", "127.0.0.1:8765 " B ":8765 ");
		assert_int_equal(nevents, 2);
		assert_string_equal(reason, "");
	}
	assert_false(pg_bind_was(bind_, PG_STR("http://" C ":8765")));
}

static void
what_failed_once_is_followed_later(void **state)
{
	(void)state;
	host.cfg.bind = PG_STR("::1");
	public("auto");
	public(C);
	begin();
	outward = taken = B;
	ntaken = -1;
	follow();
	assert_at("http://" A ":8765",
	    A ":8765 " C ":8765 ::1:8765 127.0.0.1:8765 ");
	/* Nor is what failed once the end of following. */
	outward = "10.0.0.7";
	follow();
	assert_string_equal(host.address.p, "http://10.0.0.7:8765");
	outward = B;
	follow();
	outward = A;
	follow();
	assert_string_equal(host.address.p, "http://" A ":8765");
	assert_int_equal(errors, 2);
}

static void
without_a_network_all_stays(void **state)
{
	int i;

	(void)state;
	public("auto");
	begin();
	outward = NULL;
	for (i = 0; i < 4; i++)
		follow();
	assert_at("http://" A ":8765", A ":8765 127.0.0.1:8765 ");
	assert_int_equal(warnings, 1);
	assert_int_equal(nevents, 0);
	outward = A;
	follow();
	assert_int_equal(nevents, 0);
	outward = NULL;
	follow();
	assert_int_equal(warnings, 2);
	outward = B;
	follow();
	assert_at("http://" B ":8765", "127.0.0.1:8765 " B ":8765 ");
	assert_int_equal(nevents, 1);
}

/* A change is not taken for lasting because it was seen before a gap. */
static void
a_gap_begins_anew(void **state)
{
	(void)state;
	public("auto");
	begin();
	outward = B;
	pass(PG_BIND_INTERVAL);
	outward = NULL;
	pass(PG_BIND_SETTLE);
	outward = B;
	pass(PG_BIND_INTERVAL);
	assert_int_equal(nevents, 0);
	pass(PG_BIND_SETTLE);
	assert_int_equal(nevents, 1);
}

static void
a_host_may_begin_before_its_network(void **state)
{
	(void)state;
	public("auto");
	outward = NULL;
	begin();
	assert_at("http://127.0.0.1:8765", "127.0.0.1:8765 ");
	assert_int_equal(warnings, 1);
	follow();
	assert_int_equal(warnings, 1);
	outward = A;
	follow();
	assert_at("http://" A ":8765", "127.0.0.1:8765 " A ":8765 ");
	assert_int_equal(readdressed, 1);
}

static void
knows_the_addresses_it_had(void **state)
{
	(void)state;
	public("auto");
	begin();
	outward = B;
	follow();
	assert_true(pg_bind_was(bind_, PG_STR("http://" A ":8765")));
	assert_true(pg_bind_was(bind_, PG_STR("http://" B ":8765")));
	assert_false(pg_bind_was(bind_, PG_STR("http://" C ":8765")));
	assert_false(pg_bind_was(bind_, PG_STR("http://" A ":8766")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(listens_where_it_was_told),
		T(all_of_a_family_are_told_as_one_of_it),
		T(a_public_url_is_what_others_are_told),
		T(one_free_port_serves_all),
		T(there_is_an_end_of_tries),
		T(public_addresses_have_a_number),
		T(refuses_what_is_no_address),
		T(follows_the_address_it_has),
		T(an_address_that_does_not_stay_is_not_followed),
		T(one_that_was_listened_at_already_is_just_told),
		T(all_addresses_are_told_as_the_present_one),
		T(what_was_given_is_not_looked_at_again),
		T(a_host_that_stops_follows_nothing),
		T(what_cannot_be_listened_at_is_tried_again),
		T(what_failed_once_is_followed_later),
		T(without_a_network_all_stays),
		T(a_gap_begins_anew),
		T(a_host_may_begin_before_its_network),
		T(knows_the_addresses_it_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
