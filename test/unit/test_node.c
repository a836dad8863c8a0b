/* test_node: shows how a host without an open port keeps in touch with its
 * hub: that it connects, polls and comes back after trouble, each after a
 * pause within bounds; that a delivery is done once and acked until the hub
 * has that; how its secret is kept; and that it can end at any moment.
 *
 * The client, deliveries and the mesh are pretended ones: the test is the hub.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 codec/http1 os/file os/loop os/rand host/wire host/remote host/node */
/* wrap: pg_client_start pg_call_cancel pg_inbound_read pg_inbound_fini pg_inbound_start pg_inbound_put_error pg_porter_import pg_porter_export pg_porter_cancel pg_mesh_greet pg_mesh_told pg_mesh_age pg_mesh_key_for pg_host_event pg_work_submit */
#include "host/inbound.h"
#include "host/node.h"
#include "host/porter.h"
#include "meshkit.h"

#include <sys/stat.h>

#include <unistd.h>

#define HUB "http://hub:1/p"

struct pg_call {
	bool open;
	char method[8], url[300];
	const char *head, *body;
	int64_t timeout;
	pg_client_done *done;
	void *arg;
};

/* A delivery that is being done. */
struct work {
	bool open;
	const char *path;
	pg_inbound_done *done;
	void *arg;
};

struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *call);
int __wrap_pg_inbound_read(const struct pg_value *delivery,
    struct pg_inbound *in, struct pg_err *e);
void __wrap_pg_inbound_fini(struct pg_inbound *in);
void __wrap_pg_inbound_start(struct pg_host *h, const struct pg_inbound *in,
    pg_inbound_done *done, void *arg);
void __wrap_pg_inbound_put_error(struct pg_buf *out, const struct pg_err *e);
struct pg_porter *__wrap_pg_porter_import(struct pg_host *h,
    struct pg_str hub, const struct pg_value *payload, pg_porter_done *done,
    void *arg, struct pg_err *e);
struct pg_porter *__wrap_pg_porter_export(struct pg_host *h,
    struct pg_str hub, const struct pg_value *payload, pg_porter_done *done,
    void *arg, struct pg_err *e);
void __wrap_pg_porter_cancel(struct pg_porter *p);
struct pg_value *__wrap_pg_mesh_greet(struct pg_mesh *m, struct pg_str hub,
    bool everything, struct pg_arena *a);
bool __wrap_pg_mesh_told(struct pg_mesh *m, struct pg_str hub,
    const struct pg_value *answer);
void __wrap_pg_mesh_age(struct pg_mesh *m);
struct pg_str __wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);
void __wrap_pg_host_event(struct pg_host *h, const char *kind,
    const struct pg_agent *a, const struct pg_value *data,
    const struct pg_err *err);
int __wrap_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);

static struct pg_node *node;
static struct pg_call calls[40000];
static size_t ncalls;
static struct work works[8000];
static size_t nworks;
static struct { pg_porter_done *done; void *arg; bool in, gone; } porter;
static bool agrees, greeted_everything;
static int events;
static char dir[64];

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	struct pg_call *call = &calls[ncalls++];

	(void)c;
	assert_true(ncalls <= PG_COUNT(calls));
	*call = (struct pg_call){ .open = true, .timeout = r->timeout,
		.done = done, .arg = arg, .body = "" };
	snprintf(call->method, sizeof(call->method), "%s", r->method);
	snprintf(call->url, sizeof(call->url), "%.*s", PG_STR_ARG(r->url));
	call->head = pg_arena_str(&arena, r->head).p;
	assert_true(pg_str_eqz(r->bearer, "key"));
	if (r->nbody > 0)
		call->body = pg_arena_str(&arena, r->body[0].bulk != NULL ?
		    pg_bulk_str(r->body[0].bulk) : r->body[0].text).p;
	return call;
}

void
__wrap_pg_call_cancel(struct pg_call *call)
{
	assert_true(call->open);
	call->open = false;
}

int
__wrap_pg_inbound_read(const struct pg_value *delivery,
    struct pg_inbound *in, struct pg_err *e)
{
	in->path = pg_value_text(pg_value_get(delivery, "kind"),
	    PG_STR_NULL);
	if (pg_str_eqz(in->path, "bad"))
		return pg_fail(e, PG_E_HOST, "bad");
	return 0;
}

void
__wrap_pg_inbound_fini(struct pg_inbound *in)
{
	pg_arena_fini(&in->arena);
}

void
__wrap_pg_inbound_start(struct pg_host *h, const struct pg_inbound *in,
    pg_inbound_done *done, void *arg)
{
	assert_ptr_equal(h, &host);
	assert_true(nworks < PG_COUNT(works));
	works[nworks++] = (struct work){ .open = true, .done = done,
		.arg = arg, .path = pg_arena_str(&arena, in->path).p };
}

void
__wrap_pg_inbound_put_error(struct pg_buf *out, const struct pg_err *e)
{
	pg_buf_printf(out, "{\"ok\": false, \"error\": \"%s\"}", e->msg);
}

static struct pg_porter *
ports(bool in, const struct pg_value *payload, pg_porter_done *done,
    void *arg, struct pg_err *e)
{
	if (payload == NULL) {
		pg_fail(e, PG_E_HOST, "no payload");
		return NULL;
	}
	porter.in = in;
	porter.done = done;
	porter.arg = arg;
	return (struct pg_porter *)&porter;
}

struct pg_porter *
__wrap_pg_porter_import(struct pg_host *h, struct pg_str hub,
    const struct pg_value *payload, pg_porter_done *done, void *arg,
    struct pg_err *e)
{
	(void)h;
	assert_true(pg_str_eqz(hub, HUB));
	return ports(true, payload, done, arg, e);
}

struct pg_porter *
__wrap_pg_porter_export(struct pg_host *h, struct pg_str hub,
    const struct pg_value *payload, pg_porter_done *done, void *arg,
    struct pg_err *e)
{
	(void)h;
	assert_true(pg_str_eqz(hub, HUB));
	return ports(false, payload, done, arg, e);
}

void
__wrap_pg_porter_cancel(struct pg_porter *p)
{
	porter.gone = p != NULL || porter.gone;
}

struct pg_value *
__wrap_pg_mesh_greet(struct pg_mesh *m, struct pg_str hub, bool everything,
    struct pg_arena *a)
{
	(void)m;
	greeted_everything = everything;
	return pg_value_str(a, pg_arena_str(a, hub));
}

bool
__wrap_pg_mesh_told(struct pg_mesh *m, struct pg_str hub,
    const struct pg_value *answer)
{
	(void)m;
	(void)hub;
	(void)answer;
	return agrees;
}

void
__wrap_pg_mesh_age(struct pg_mesh *m)
{
	(void)m;
}

struct pg_str
__wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	(void)m;
	(void)url;
	return PG_STR_NULL;
}

void
__wrap_pg_host_event(struct pg_host *h, const char *kind,
    const struct pg_agent *a, const struct pg_value *data,
    const struct pg_err *err)
{
	(void)h;
	(void)a;
	(void)data;
	assert_string_equal(kind, "relay-client-error");
	assert_non_null(err);
	events++;
}

int
__wrap_pg_work_submit(struct pg_work *w, struct pg_job *j, struct pg_err *e)
{
	(void)w;
	(void)j;
	return pg_fail(e, PG_E_BUSY, "no workers here");
}

/* ---- helpers ---------------------------------------------------------- */

static struct pg_value *
health(struct pg_host *h, struct pg_arena *a)
{
	(void)h;
	return pg_value_dict(a);
}

static int
setup(void **state)
{
	(void)state;
	ncalls = nworks = 0;
	events = 0;
	agrees = true;
	memset(&porter, 0, sizeof(porter));
	if (kit_open() < 0)
		return -1;
	host.name = PG_STR("be ta");
	host.cfg.connect_to = PG_STR(HUB);
	host.cfg.api_key = PG_STR("key");
	host.up.health = health;
	snprintf(dir, sizeof(dir), "/tmp/test_node.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static const char *
secret_path(void)
{
	return pg_arena_printf(&arena, "%s/node-secret", dir).p;
}

static int
teardown(void **state)
{
	size_t i;

	(void)state;
	pg_node_free(node);
	node = NULL;
	for (i = 0; i < ncalls; i++)
		assert_false(calls[i].open);
	unlink(secret_path());
	rmdir(dir);
	pg_arena_fini(&host.arena);
	kit_close();
	return 0;
}

static void
turn(int64_t ns)
{
	pass(ns);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

static void
start(void)
{
	struct pg_err e = { 0 };

	node = pg_node_new(&host, &e);
	if (node == NULL)
		fail_msg("%s", e.msg);
	pg_node_start(node);
	turn(1);
}

/* How many calls are open whose URL contains that. */
static int
open_calls(const char *part)
{
	size_t i;
	int n = 0;

	for (i = 0; i < ncalls; i++)
		n += calls[i].open && strstr(calls[i].url, part) != NULL;
	return n;
}

/* The oldest of those; fails when there is none. */
static struct pg_call *
call(const char *part)
{
	size_t i;

	for (i = 0; i < ncalls; i++)
		if (calls[i].open && strstr(calls[i].url, part) != NULL)
			return &calls[i];
	fail_msg("nothing is asked of %s", part);
	return NULL;
}

static void
answer(struct pg_call *c, int status, const char *json_text)
{
	struct pg_response r = { .status = status };

	if (status == 0)
		pg_fail(&r.err, PG_E_UNREACHABLE, "Could not reach it");
	else if (json_text != NULL)
		r.body = pg_bulk_copy(pg_str(json_text), NULL);
	c->open = false;
	c->done(c->arg, &r);
	pg_bulk_unref(r.body);
}

#define CONNECT "/relay/connect"
#define POLL "/relay/poll/"
#define ACK "/relay/ack/"

static void
comes_up(void)
{
	answer(call(CONNECT), 200, "{\"hosts\": []}");
	assert_int_equal(open_calls(POLL), PG_NODE_POLLS);
}

static void
delivers(const char *id)
{
	turn(2 * PG_SEC);
	if (open_calls(CONNECT) > 0)
		answer(call(CONNECT), 200, "{\"hosts\": []}");
	answer(call(POLL), 200, pg_arena_printf(&arena, "{\"delivery\": "
	    "{\"delivery_id\": \"%s\", \"kind\": \"k%s\", \"payload\": {}}}",
	    id, id).p);
}

static void
ends(struct work *w, const char *ack)
{
	struct pg_buf b = PG_BUF_INIT(0);

	assert_true(w->open);
	w->open = false;
	pg_buf_putz(&b, ack);
	w->done(w->arg, &b);
	pg_buf_fini(&b);
}

/* Nanoseconds until it connects again. */
static int64_t
silence(void)
{
	int64_t from = now;

	while (open_calls(CONNECT) == 0) {
		turn(10 * PG_MS);
		assert_true(now - from < 100 * PG_SEC);
	}
	return now - from;
}

/* ---- connecting and polling ------------------------------------------- */

static void
connects_and_polls(void **state)
{
	struct pg_call *c;

	(void)state;
	start();
	assert_int_equal(open_calls(POLL), 0);
	c = call(CONNECT);
	assert_string_equal(c->url, HUB "/relay/connect");
	assert_string_equal(c->method, "POST");
	assert_int_equal(c->timeout, PG_NODE_TIMEOUT);
	assert_non_null(strstr(c->body, "\"node_secret\": \""));
	assert_non_null(strstr(c->body, "\"health\": {}"));
	assert_true(greeted_everything);
	comes_up();
	c = call(POLL);
	assert_string_equal(c->url, HUB "/relay/poll/be%20ta?timeout=25");
	assert_non_null(strstr(c->head, "X-Paglets-Node-Secret: "));
	assert_true(c->timeout > PG_NODE_POLL_TIME);
	/* Now and then, whatever happens to the polls. */
	turn(PG_NODE_GREET_TIME - 10 * PG_MS);
	assert_int_equal(open_calls(CONNECT), 0);
	turn(20 * PG_MS);
	assert_int_equal(open_calls(CONNECT), 1);
	assert_false(greeted_everything);
	comes_up();
	assert_int_equal(open_calls(POLL), PG_NODE_POLLS);
	turn(25 * PG_SEC);
	answer(call(POLL), 200, "{\"delivery\": null}");
	assert_int_equal(open_calls(POLL), PG_NODE_POLLS);
	assert_int_equal(events, 0);
}

static void
pauses_grow(void **state)
{
	int64_t bound = PG_NODE_PAUSE_MIN, pause;
	int i;

	(void)state;
	start();
	for (i = 0; i < 12; i++) {
		answer(call(CONNECT), 0, NULL);
		assert_int_equal(open_calls(""), 0);
		pause = silence();
		assert_in_range(pause, bound / 2, bound + 20 * PG_MS);
		bound = PG_MIN(2 * bound, PG_NODE_PAUSE_MAX);
	}
	/* It is said once. */
	assert_int_equal(events, 1);
	comes_up();
	turn(PG_NODE_GREET_TIME);
	answer(call(CONNECT), 0, NULL);
	assert_int_equal(events, 2);
	/* Polls that may lead nowhere are given up. */
	assert_int_equal(open_calls(""), 0);
	assert_in_range(silence(), PG_NODE_PAUSE_MIN / 2,
	    PG_NODE_PAUSE_MIN + 20 * PG_MS);
}

/* The hub takes connects, but no polls. */
static void
pauses_grow_for_polls(void **state)
{
	int64_t bound = PG_NODE_PAUSE_MIN;
	int i;

	(void)state;
	start();
	for (i = 0; i < 8; i++) {
		comes_up();
		answer(call(POLL), 400, "{}");
		assert_in_range(silence(), bound / 2, bound + 20 * PG_MS);
		bound = PG_MIN(2 * bound, PG_NODE_PAUSE_MAX);
	}
}

static void
a_hub_that_is_restarted(void **state)
{
	(void)state;
	start();
	comes_up();
	turn(PG_SEC);
	answer(call(POLL), 0, NULL);
	assert_int_equal(open_calls(""), 0);
	assert_true(silence() <= PG_NODE_PAUSE_MIN + 20 * PG_MS);
	assert_true(greeted_everything);
	comes_up();
}

static void
refused(void **state)
{
	static const struct { int status; const char *body; } rows[] = {
		{ 403, "{\"error_type\": \"ForbiddenError\", \"error\": "
		    "\"belongs to another host\"}" },
		{ 401, "{\"error_type\": \"AuthenticationError\"}" },
		{ 200, "no json" }, { 200, NULL }, { 500, "" },
		{ 404, "<html>" }, { 302, "{}" } };
	size_t i;

	(void)state;
	start();
	for (i = 0; i < PG_COUNT(rows); i++) {
		answer(call(CONNECT), rows[i].status, rows[i].body);
		assert_int_equal(open_calls(""), 0);
		silence();
	}
	assert_int_equal(events, 1);
	for (i = 0; i < PG_COUNT(rows); i++) {
		if (rows[i].status == 200)
			continue;
		comes_up();
		answer(call(POLL), rows[i].status, rows[i].body);
		assert_int_equal(open_calls(""), 0);
		silence();
	}
}

/* A poll fails while the next connect is under way. */
static void
trouble_while_connecting(void **state)
{
	(void)state;
	start();
	comes_up();
	turn(PG_NODE_GREET_TIME);
	assert_int_equal(open_calls(CONNECT), 1);
	answer(call(POLL), 0, NULL);
	assert_int_equal(open_calls(POLL), 0);
	turn(PG_NODE_PAUSE_MAX);
	assert_int_equal(open_calls(CONNECT), 1);
	comes_up();
	turn(PG_NODE_GREET_TIME);
	assert_int_equal(open_calls(CONNECT), 1);
}

static void
a_hub_that_answers_at_once(void **state)
{
	size_t before;
	int i, k;

	(void)state;
	start();
	comes_up();
	before = ncalls;
	for (i = 0; i < 1000; i++) {
		for (k = 0; k < 10 && open_calls(POLL) > 0; k++)
			answer(call(POLL), 200, i % 2 == 0 ?
			    "{\"delivery\": null}" : "nonsense");
		if (open_calls(CONNECT) > 0)
			answer(call(CONNECT), 200, "{}");
		turn(10 * PG_MS);
	}
	/* In ten seconds. */
	assert_true(ncalls - before < 60);
}

/* One that stops answers polls with nothing, which says nothing of the one
 * that comes after; nor does an answer with something in it. */
static void
a_hub_that_stops(void **state)
{
	(void)state;
	start();
	comes_up();
	answer(call(POLL), 200, "{\"delivery\": null}");
	answer(call(POLL), 200, "{\"delivery\": null}");
	answer(call(POLL), 0, NULL);
	silence();
	comes_up();
	answer(call(POLL), 200, "{\"delivery\": null}");
	answer(call(POLL), 200, "{\"delivery\": {\"delivery_id\": \"0a\", "
	    "\"kind\": \"k0a\", \"payload\": {}}}");
	answer(call(POLL), 200, "{\"delivery\": {\"delivery_id\": \"0b\", "
	    "\"kind\": \"k0b\", \"payload\": {}}}");
	assert_int_equal(open_calls(POLL), PG_NODE_POLLS);
	assert_int_equal(nworks, 2);
	ends(&works[0], "{}");
	ends(&works[1], "{}");
}

static void
asks_for_everything_when_apart(void **state)
{
	int i;

	(void)state;
	start();
	comes_up();
	agrees = false;
	for (i = 0; i < 4; i++) {
		silence();
		assert_false(greeted_everything);
		comes_up();
	}
	silence();
	assert_true(greeted_everything);
}

/* ---- deliveries ------------------------------------------------------- */

static void
done_and_acked(void **state)
{
	struct pg_call *c;

	(void)state;
	start();
	comes_up();
	delivers("0a");
	assert_int_equal(nworks, 1);
	assert_int_equal(open_calls(POLL), PG_NODE_POLLS);
	ends(&works[0], "{\"ok\": true, \"result\": 5}");
	c = call(ACK);
	assert_string_equal(c->url, HUB "/relay/ack/0a");
	assert_string_equal(c->body, "{\"ok\": true, \"result\": 5}");
	assert_non_null(strstr(c->head, "X-Paglets-Node-Secret: "));
	answer(c, 200, "{\"ok\": true}");
	assert_int_equal(open_calls(ACK), 0);
	turn(PG_NODE_ACK_TIME);
	assert_int_equal(open_calls(ACK), 0);
}

static void
done_once(void **state)
{
	(void)state;
	start();
	comes_up();
	delivers("0a");
	delivers("0a");
	assert_int_equal(nworks, 1);
	ends(&works[0], "{}");
	answer(call(ACK), 200, "{}");
	delivers("0a");
	assert_int_equal(nworks, 1);
	assert_int_equal(open_calls(ACK), 0);
	delivers("0b");
	assert_int_equal(nworks, 2);
	ends(&works[1], "{}");
	answer(call(ACK), 200, "{}");
}

static void
so_many_are_remembered(void **state)
{
	char id[16];
	size_t i;

	(void)state;
	start();
	comes_up();
	for (i = 0; i < PG_NODE_SEEN_MAX; i++) {
		snprintf(id, sizeof(id), "%zx", i);
		delivers(id);
		assert_int_equal(nworks, i + 1);
		/* The first is still being done. */
		if (i > 0) {
			ends(&works[i], "{}");
			answer(call(ACK), 200, "{}");
		}
	}
	delivers("0");
	assert_int_equal(nworks, PG_NODE_SEEN_MAX);
	delivers("fff0");
	delivers("1");
	assert_int_equal(nworks, PG_NODE_SEEN_MAX + 1);
	delivers("0");
	assert_int_equal(nworks, PG_NODE_SEEN_MAX + 2);
	ends(&works[0], "{}");
	answer(call(ACK), 200, "{}");
}

static void
acked_until_the_hub_has_it(void **state)
{
	int64_t from;
	int n = 0;

	(void)state;
	start();
	comes_up();
	delivers("0a");
	ends(&works[0], "{\"ok\": true}");
	answer(call(ACK), 0, NULL);
	assert_int_equal(open_calls(ACK), 0);
	turn(PG_SEC + PG_MS);
	answer(call(ACK), 503, "{}");
	turn(PG_SEC + PG_MS);
	answer(call(ACK), 200, "{\"ok\": true, \"duplicate\": true}");
	turn(2 * PG_SEC);
	assert_int_equal(open_calls(ACK), 0);
	/* Not what the hub does not want. */
	delivers("0b");
	ends(&works[1], "{\"ok\": true}");
	answer(call(ACK), 403, "{}");
	turn(2 * PG_SEC);
	assert_int_equal(open_calls(ACK), 0);
	/* Nor for ever. */
	delivers("0c");
	ends(&works[2], "{\"ok\": true}");
	for (from = now; now - from < 2 * PG_NODE_ACK_TIME;) {
		turn(PG_SEC + PG_MS);
		if (open_calls(ACK) > 0) {
			answer(call(ACK), 0, NULL);
			n++;
		}
	}
	assert_in_range(n, 50, 70);
	assert_int_equal(open_calls(ACK), 0);
}

static void
ill_formed_deliveries(void **state)
{
	static const char *const bad[] = { "[]", "5", "null", "{}",
		"{\"delivery\": 5}", "{\"delivery\": []}",
		"{\"delivery\": {}}", "{\"delivery\": {\"delivery_id\": 5}}",
		"{\"delivery\": {\"delivery_id\": \"\"}}",
		"{\"delivery\": {\"delivery_id\": \"../x\"}}",
		"{\"delivery\": {\"delivery_id\": \"0A\"}}",
		"{\"delivery\": {\"delivery_id\": \"0\\u0000\"}}",
		"{\"delivery\": {\"delivery_id\": "
		    "\"0123456789abcdef0123456789abcdef0\"}}", "" };
	size_t i;

	(void)state;
	start();
	comes_up();
	for (i = 0; i < PG_COUNT(bad); i++) {
		turn(2 * PG_SEC);
		if (open_calls(CONNECT) > 0)
			answer(call(CONNECT), 200, "{}");
		answer(call(POLL), 200, bad[i]);
	}
	assert_int_equal(nworks, 0);
	assert_int_equal(open_calls(ACK), 0);
	turn(2 * PG_SEC);
	answer(call(POLL), 200, "{\"delivery\": {\"delivery_id\": \"0a\", "
	    "\"kind\": \"bad\"}}");
	assert_int_equal(nworks, 0);
	assert_string_equal(call(ACK)->body,
	    "{\"ok\": false, \"error\": \"bad\"}");
	answer(call(ACK), 200, "{}");
}

static void
so_many_at_a_time(void **state)
{
	char id[16];
	size_t i;

	(void)state;
	start();
	comes_up();
	for (i = 0; i < PG_NODE_DELIVERIES_MAX; i++) {
		snprintf(id, sizeof(id), "%zx", i);
		delivers(id);
	}
	assert_int_equal(nworks, PG_NODE_DELIVERIES_MAX);
	delivers("ffff");
	assert_int_equal(nworks, PG_NODE_DELIVERIES_MAX);
	assert_non_null(strstr(call(ACK)->body, "is busy"));
	answer(call(ACK), 200, "{}");
	ends(&works[7], "{}");
	answer(call(ACK), 200, "{}");
	delivers("fffe");
	assert_int_equal(nworks, PG_NODE_DELIVERIES_MAX + 1);
	/* The rest ends with the node, or after it. */
	pg_node_free(node);
	node = NULL;
	for (i = 0; i < nworks; i++)
		if (works[i].open)
			ends(&works[i], i % 2 == 0 ? "{}" : "");
}

/* A hub that goes on without taking acks. */
static void
so_many_without_end(void **state)
{
	char id[16];
	size_t i;

	(void)state;
	start();
	comes_up();
	for (i = 0; i < PG_NODE_OPEN_MAX; i++) {
		snprintf(id, sizeof(id), "%zx", i);
		delivers(id);
		if (works[nworks - 1].open)
			ends(&works[nworks - 1], "{}");
	}
	assert_int_equal(nworks, PG_NODE_OPEN_MAX);
	delivers("ffff");
	assert_int_equal(nworks, PG_NODE_OPEN_MAX);
	answer(call(ACK), 200, "{}");
	delivers("fffe");
	assert_int_equal(nworks, PG_NODE_OPEN_MAX + 1);
	assert_true(pg_node_busy(node));
	ends(&works[PG_NODE_OPEN_MAX], "{}");
}

static void
artifacts(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	start();
	comes_up();
	turn(2 * PG_SEC);
	answer(call(POLL), 200, "{\"delivery\": {\"delivery_id\": \"0a\", "
	    "\"kind\": \"artifact-import\", \"payload\": {}}}");
	assert_true(porter.in);
	pg_buf_putz(&b, "{\"ok\": true, \"artifact\": {}}");
	porter.done(porter.arg, &b);
	pg_buf_fini(&b);
	assert_non_null(strstr(call(ACK)->body, "artifact"));
	answer(call(ACK), 200, "{}");
	answer(call(POLL), 200, "{\"delivery\": {\"delivery_id\": \"0b\", "
	    "\"kind\": \"artifact-export\"}}");
	assert_non_null(strstr(call(ACK)->body, "no payload"));
	answer(call(ACK), 200, "{}");
	answer(call(POLL), 200, "{\"delivery\": {\"delivery_id\": \"0c\", "
	    "\"kind\": \"artifact-export\", \"payload\": {}}}");
	assert_false(porter.in);
	pg_node_free(node);
	node = NULL;
	assert_true(porter.gone);
}

/* ---- the secret ------------------------------------------------------- */

static void
the_secret_is_kept(void **state)
{
	struct stat st;
	char first[200], text[100] = "";
	FILE *f;

	(void)state;
	host.store = (struct pg_store *)&host;
	host.cfg.state_dir = dir;
	start();
	snprintf(first, sizeof(first), "%s", call(CONNECT)->body);
	assert_int_equal(stat(secret_path(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, PG_NODE_SECRET_LEN);
	f = fopen(secret_path(), "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_non_null(strstr(first, text));
	pg_node_free(node);
	start();
	assert_string_equal(first, call(CONNECT)->body);
}

static void
a_secret_of_its_own(void **state)
{
	char first[200];

	(void)state;
	start();
	snprintf(first, sizeof(first), "%s", call(CONNECT)->body);
	pg_node_free(node);
	start();
	assert_string_not_equal(first, call(CONNECT)->body);
	assert_int_equal(access(secret_path(), F_OK), -1);
}

static void
damaged_secrets(void **state)
{
	static const char *const damaged[] = { "", "short",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
		"0123456789abcdef0123456789abcdef\n123456789abcdef0123456789abcdef",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	};
	struct pg_err e;
	size_t i;
	FILE *f;

	(void)state;
	host.store = (struct pg_store *)&host;
	host.cfg.state_dir = dir;
	for (i = 0; i < PG_COUNT(damaged); i++) {
		f = fopen(secret_path(), "w");
		fputs(damaged[i], f);
		fclose(f);
		e = (struct pg_err){ 0 };
		assert_null(pg_node_new(&host, &e));
		assert_non_null(strstr(e.msg, "node-secret"));
	}
	unlink(secret_path());
	mkdir(secret_path(), 0700);
	e = (struct pg_err){ 0 };
	assert_null(pg_node_new(&host, &e));
	assert_int_equal(e.code, PG_E_SYS);
	rmdir(secret_path());
	host.cfg.state_dir = "/nonexistent/folder";
	e = (struct pg_err){ 0 };
	assert_null(pg_node_new(&host, &e));
	assert_int_equal(e.code, PG_E_SYS);
}

/* ---- the end ---------------------------------------------------------- */

static void
leaves(void **state)
{
	(void)state;
	start();
	comes_up();
	delivers("0a");
	pg_node_leave(node);
	assert_int_equal(open_calls(POLL), 0);
	assert_non_null(strstr(call(CONNECT)->body, "\"online\": false"));
	/* What it has in hand is still acked. */
	ends(&works[0], "{\"ok\": true}");
	answer(call(ACK), 200, "{}");
	answer(call(CONNECT), 200, "{}");
	turn(PG_NODE_GREET_TIME);
	assert_int_equal(open_calls(""), 0);
}

static void
leaves_while_connecting(void **state)
{
	(void)state;
	start();
	pg_node_leave(node);
	assert_int_equal(open_calls(""), 0); /* it was never there */
	pg_node_free(node);
	start();
	comes_up();
	turn(PG_NODE_GREET_TIME);
	assert_int_equal(open_calls(CONNECT), 1);
	pg_node_leave(node);
	assert_int_equal(open_calls(CONNECT), 1);
	assert_non_null(strstr(call(CONNECT)->body, "\"online\": false"));
}

static void
ends_with_acks_under_way(void **state)
{
	(void)state;
	start();
	comes_up();
	delivers("0a");
	delivers("0b");
	delivers("0c");
	ends(&works[0], "{\"ok\": true}");
	ends(&works[1], "{\"ok\": true}");
	answer(call(ACK), 0, NULL); /* one waits for its next try */
	pg_node_free(node);
	node = NULL;
	turn(PG_NODE_ACK_TIME);
	ends(&works[2], "");
	pg_node_free(NULL);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(connects_and_polls), TEST(pauses_grow),
		TEST(pauses_grow_for_polls),
		TEST(a_hub_that_is_restarted), TEST(refused),
		TEST(trouble_while_connecting),
		TEST(a_hub_that_answers_at_once),
		TEST(a_hub_that_stops),
		TEST(asks_for_everything_when_apart), TEST(done_and_acked),
		TEST(done_once), TEST(so_many_are_remembered),
		TEST(acked_until_the_hub_has_it),
		TEST(ill_formed_deliveries), TEST(so_many_at_a_time),
		TEST(so_many_without_end),
		TEST(artifacts), TEST(the_secret_is_kept),
		TEST(a_secret_of_its_own), TEST(damaged_secrets),
		TEST(leaves), TEST(leaves_while_connecting),
		TEST(ends_with_acks_under_way)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
