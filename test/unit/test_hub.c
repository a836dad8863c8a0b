/* test_hub: shows in which order deliveries leave and which poll gets them,
 * where the queue is full, how each delivery ends exactly once whatever comes
 * first (ack, deadline, a caller who leaves, a node that is forgotten), when
 * a node counts as offline, and what the hub says of all that.
 *
 * Nobody connects: the test is the nodes, the callers and the mesh.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop os/rand host/wire host/hub */
/* wrap: pg_host_event pg_mesh_relayed */
#include "host/hub.h"
#include "meshkit.h"

#define EVENTS_MAX 4096
#define POLLERS_MAX 64

void __wrap_pg_host_event(struct pg_host *h, const char *kind,
    const struct pg_agent *a, const struct pg_value *data,
    const struct pg_err *err);
void __wrap_pg_mesh_relayed(struct pg_mesh *m, const struct pg_value *ref);

/* Who asked for something to be delivered. */
struct waiter {
	struct pg_delivery *d; /* stale once it has ended */
	char id[PG_ID_LEN + 1];
	int ends;
	bool ok;
	struct pg_err err;
};

struct poller {
	struct pg_hub_poll poll;
	int answers;
	bool empty;
	const char *text;
};

static struct pg_hub *hub;
static const char *events[EVENTS_MAX]; /* "KIND JSON ERROR" */
static size_t nevents;
static const char *told; /* the last reference, as JSON */
static int ntold;
static struct waiter waiters[8192];
static size_t nwaiters;
static struct poller pollers[POLLERS_MAX];
static size_t npollers;

void
__wrap_pg_host_event(struct pg_host *h, const char *kind,
    const struct pg_agent *a, const struct pg_value *data,
    const struct pg_err *err)
{
	assert_ptr_equal(h, &host);
	assert_null(a);
	if (nevents < EVENTS_MAX)
		events[nevents] = pg_arena_printf(&arena, "%s %s %s", kind,
		    json(data), err != NULL ? err->msg : "-").p;
	nevents++;
}

void
__wrap_pg_mesh_relayed(struct pg_mesh *m, const struct pg_value *ref)
{
	(void)m;
	told = json(ref);
	ntold++;
}

/* ---- helpers ---------------------------------------------------------- */

static int
setup(void **state)
{
	(void)state;
	nevents = nwaiters = npollers = 0;
	ntold = 0;
	told = NULL;
	memset(waiters, 0, sizeof(waiters));
	memset(pollers, 0, sizeof(pollers));
	if (kit_open() < 0)
		return -1;
	host.cfg.relay_offline_after = PG_HUB_OFFLINE_AFTER;
	host.cfg.relay_delivery_time = PG_HUB_DELIVERY_TIME;
	host.cfg.relay_queue_max = PG_HUB_QUEUE_MAX;
	hub = pg_hub_new(&host);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_hub_free(hub);
	kit_close();
	return 0;
}

static void
turn(int64_t ns)
{
	pass(ns);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

static int
connects(const char *name, const char *health, bool greets)
{
	struct pg_err e = { 0 };
	int rc = pg_hub_connect(hub, pg_str(name), read_json(health), greets,
	    &e);

	if (rc < 0)
		print_message("%s: %s\n", name, e.msg);
	return rc;
}

static void
node(const char *name)
{
	assert_int_equal(connects(name, "{}", true), 0);
}

static void
on_done(void *arg, const struct pg_ack *ack, const struct pg_err *e)
{
	struct waiter *w = arg;

	w->ends++;
	w->ok = ack != NULL;
	assert_true((ack == NULL) == (e != NULL));
	if (e != NULL)
		w->err = *e;
}

/* -1 with w->err. */
static int
order(struct waiter *w, const char *name, const char *payload,
    int64_t timeout, bool keep)
{
	w->d = pg_delivery_new("message");
	w->d->timeout = timeout;
	w->d->keep = keep;
	w->d->done = on_done;
	w->d->arg = w;
	memcpy(w->id, w->d->id, sizeof(w->id));
	pg_buf_putz(&w->d->text, payload);
	if (pg_hub_submit(hub, pg_str(name), w->d, &w->err) == 0)
		return 0;
	pg_delivery_free(w->d);
	return -1;
}

static struct waiter *
ordered(const char *name, const char *payload)
{
	struct waiter *w = &waiters[nwaiters++];

	if (order(w, name, payload, 10 * PG_SEC, false) < 0)
		fail_msg("%s", w->err.msg);
	return w;
}

static void
on_answer(struct pg_hub_poll *p, struct pg_buf *text)
{
	struct poller *q = PG_CONTAINER(p, struct poller, poll);

	q->answers++;
	q->empty = text == NULL;
	q->text = text == NULL ? "" : pg_arena_str(&arena,
	    pg_buf_str(text)).p;
	if (text != NULL)
		pg_buf_fini(text);
}

static struct poller *
polls_for(const char *name, int64_t time)
{
	struct poller *p = &pollers[npollers++];

	p->poll.answer = on_answer;
	pg_hub_park(hub, pg_str(name), time, &p->poll);
	return p;
}

static struct poller *
polls(const char *name)
{
	return polls_for(name, PG_HUB_POLL_TIME);
}

/* It has got this delivery. */
static void
assert_got(const struct poller *p, const struct waiter *w)
{
	assert_int_equal(p->answers, 1);
	assert_false(p->empty);
	assert_non_null(strstr(p->text, w->id));
}

static void
assert_waits(const struct poller *p)
{
	assert_int_equal(p->answers, 0);
	assert_true(p->poll.parked);
}

static bool
acks(const char *id, const char *body)
{
	struct pg_ack ack = { .body = read_json(body) };

	return pg_hub_ack(hub, pg_str(id), &ack);
}

static void
assert_ended(const struct waiter *w, enum pg_code code)
{
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->ok, code == PG_E_OK);
	assert_int_equal(w->err.code, code);
}

static bool
happened(const char *text)
{
	size_t i;

	for (i = 0; i < PG_MIN(nevents, (size_t)EVENTS_MAX); i++)
		if (strstr(events[i], text) != NULL)
			return true;
	return false;
}

/* What the list of nodes says of the one node there is. */
static const struct pg_value *
about(const char *key)
{
	struct pg_value *list = pg_hub_nodes(hub, &arena);

	assert_int_equal(list->n, 1);
	return pg_value_get(list->u.items[0], key);
}

static int64_t
number(const char *key)
{
	assert_true(pg_value_is(about(key), PG_T_INT));
	return about(key)->u.i;
}

static bool
online(void)
{
	return about("online")->u.i != 0;
}

/* ---- deliveries and polls --------------------------------------------- */

static void
first_in_first_out(void **state)
{
	struct waiter *a, *b, *c;

	(void)state;
	node("beta");
	a = ordered("beta", "{\"n\": 1}");
	b = ordered("beta", "{\"n\": 2}");
	c = ordered("beta", "{\"n\": 3}");
	assert_int_equal(number("queue_depth"), 3);
	assert_got(polls("beta"), a);
	assert_got(polls("beta"), b);
	assert_got(polls("beta"), c);
	assert_string_equal(pollers[0].text, pg_arena_printf(&arena,
	    "{\"delivery\": {\"delivery_id\": \"%s\", \"kind\": \"message\", "
	    "\"payload\": {\"n\": 1}}}", a->id).p);
	assert_int_equal(number("queue_depth"), 0);
	assert_int_equal(number("in_flight"), 3);
	assert_waits(polls("beta"));
	assert_int_equal(a->ends + b->ends + c->ends, 0);
}

/* If the network was cut, those that have waited for long may be dead. */
static void
the_newest_poll_first(void **state)
{
	struct poller *p, *q;
	struct waiter *w;

	(void)state;
	node("beta");
	p = polls("beta");
	q = polls("beta");
	assert_int_equal(number("active_polls"), 2);
	w = ordered("beta", "1");
	assert_got(q, w);
	assert_waits(p);
	w = ordered("beta", "2");
	assert_got(p, w);
	assert_int_equal(number("active_polls"), 0);
}

static void
so_many_polls(void **state)
{
	int i;

	(void)state;
	node("beta");
	for (i = 0; i < PG_HUB_POLLS_MAX; i++)
		polls("beta");
	assert_waits(&pollers[0]);
	polls("beta");
	assert_int_equal(pollers[0].answers, 1);
	assert_true(pollers[0].empty);
	assert_int_equal(number("active_polls"), PG_HUB_POLLS_MAX);
	for (i = 1; i <= PG_HUB_POLLS_MAX; i++)
		assert_waits(&pollers[i]);
}

static void
a_poll_ends(void **state)
{
	struct poller *p, *q, *r, *s;

	(void)state;
	node("beta");
	p = polls_for("beta", 700 * PG_MS);
	q = polls_for("beta", 100 * PG_HUB_POLL_TIME_MAX);
	r = polls_for("beta", 0);
	s = polls_for("beta", -1);
	assert_true(r->answers == 1 && r->empty);
	assert_true(s->answers == 1 && s->empty);
	turn(699 * PG_MS);
	assert_waits(p);
	turn(PG_MS);
	assert_true(p->answers == 1 && p->empty);
	turn(PG_HUB_POLL_TIME_MAX - 701 * PG_MS);
	assert_waits(q);
	turn(PG_MS);
	assert_true(q->answers == 1 && q->empty);
	/* One that is given up is not answered. */
	p = polls("beta");
	pg_hub_unpark(&p->poll);
	pg_hub_unpark(&p->poll);
	ordered("beta", "1");
	assert_int_equal(p->answers, 0);
	assert_int_equal(number("queue_depth"), 1);
}

/* PROTOCOL section 9. */
static void
a_poll_of_a_stranger(void **state)
{
	struct poller *p, *q;

	(void)state;
	p = polls_for("nobody", PG_SEC);
	q = polls_for("nobody", PG_SEC);
	assert_waits(p);
	pg_hub_unpark(&q->poll);
	turn(PG_SEC);
	assert_true(p->answers == 1 && p->empty);
	assert_int_equal(pg_hub_count(hub), 0);
	polls("nobody"); /* ends with the hub */
}

static void
the_queue_is_full(void **state)
{
	struct pg_err e = { 0 };
	struct waiter w = { .ends = 0 };
	size_t i;

	(void)state;
	node("beta");
	node("gamma");
	for (i = 0; i < PG_HUB_QUEUE_MAX - 1; i++)
		ordered("beta", "1");
	assert_int_equal(pg_hub_check(hub, PG_STR("beta"), "message", &e), 0);
	ordered("beta", "1");
	assert_int_equal(pg_hub_check(hub, PG_STR("beta"), "message", &e),
	    -1);
	assert_int_equal(order(&w, "beta", "1", PG_SEC, false), -1);
	assert_int_equal(w.err.code, PG_E_REMOTE);
	assert_string_equal(w.err.msg, "Relay target 'beta' queue is full "
	    "(1024 deliveries)");
	assert_true(happened("\"stage\": \"relay-queue\", \"queue_depth\": "
	    "1024") || nevents > EVENTS_MAX);
	/* Others are not kept from theirs, and one that leaves makes room. */
	ordered("gamma", "1");
	assert_got(polls("beta"), &waiters[0]);
	ordered("beta", "1");
	assert_int_equal(order(&w, "beta", "1", PG_SEC, false), -1);
}

/* A delivery of so many bytes, which nobody looks at. */
static void
bulky(struct waiter *w, const char *name, size_t n)
{
	struct pg_delivery *d = w->d = pg_delivery_new("message");

	d->timeout = PG_SEC;
	d->done = on_done;
	d->arg = w;
	assert_non_null(pg_buf_room(&d->text, n));
	d->text.n += n;
	assert_int_equal(pg_hub_submit(hub, pg_str(name), d, &w->err), 0);
}

static void
so_many_bytes(void **state)
{
	struct waiter w[5] = { { .ends = 0 } };
	struct poller *p;
	int i;

	(void)state;
	node("beta");
	node("gamma");
	for (i = 0; i < 2; i++)
		bulky(&w[i], "beta", PG_HUB_NODE_BYTES_MAX / 2);
	assert_int_equal(order(&w[2], "beta", "1", PG_SEC, false), -1);
	assert_int_equal(w[2].err.code, PG_E_REMOTE);
	/* Others are not kept from theirs. */
	assert_int_equal(order(&w[3], "gamma", "1", PG_SEC, false), 0);
	turn(PG_SEC); /* all are too late */
	assert_ended(&w[0], PG_E_TIMEOUT);
	assert_ended(&w[1], PG_E_TIMEOUT);
	assert_int_equal(order(&w[4], "beta", "1", PG_SEC, false), 0);
	p = polls("beta");
	assert_got(p, &w[4]);
}

static void
so_many_bytes_of_all(void **state)
{
	struct waiter w[10] = { { .ends = 0 } };
	char name[8] = "node-0";
	int i;

	(void)state;
	assert_int_equal(PG_HUB_BYTES_MAX, 8 * PG_HUB_NODE_BYTES_MAX);
	for (i = 0; i < 9; i++) {
		name[5] = (char)('0' + i);
		node(name);
		if (i < 8)
			bulky(&w[i], name, PG_HUB_NODE_BYTES_MAX);
	}
	assert_int_equal(order(&w[8], name, "1", PG_SEC, false), -1);
	assert_int_equal(w[8].err.code, PG_E_REMOTE);
	turn(PG_SEC);
	assert_int_equal(order(&w[9], name, "1", PG_SEC, false), 0);
}

static void
a_delivery_too_large(void **state)
{
	struct waiter w = { .ends = 0 };

	(void)state;
	node("beta");
	w.d = pg_delivery_new("message");
	w.d->done = on_done;
	w.d->arg = &w;
	w.d->text.failed = true;
	assert_int_equal(pg_hub_submit(hub, PG_STR("beta"), w.d, &w.err),
	    -1);
	assert_int_equal(w.err.code, PG_E_LIMIT);
	pg_delivery_free(w.d);
	pg_delivery_free(NULL);
	assert_int_equal(number("queue_depth"), 0);
}

/* ---- how deliveries end ----------------------------------------------- */

static void
acked(void **state)
{
	struct waiter *a, *b, *c;

	(void)state;
	node("beta");
	a = ordered("beta", "1");
	b = ordered("beta", "2");
	polls("beta");
	/* What no poll has taken can not have been handled. */
	assert_false(acks(b->id, "{\"ok\": true}"));
	assert_int_equal(b->ends, 0);
	assert_false(acks("", "{\"ok\": true}"));
	assert_false(acks("0123456789abcdef0123456789abcdef", "{}"));
	assert_true(acks(a->id, "{\"ok\": true, \"result\": 5}"));
	assert_ended(a, PG_E_OK);
	assert_false(acks(a->id, "{\"ok\": true}"));
	assert_int_equal(a->ends, 1);
	assert_int_equal(number("in_flight"), 0);
	/* A missing ok means true. */
	polls("beta");
	assert_true(acks(b->id, "{\"result\": 5}"));
	assert_ended(b, PG_E_OK);
	c = ordered("beta", "3");
	polls("beta");
	assert_true(acks(c->id, "{\"ok\": 7}"));
	assert_ended(c, PG_E_REMOTE);
	turn(PG_HUB_DELIVERY_TIME_MAX);
	assert_int_equal(a->ends + b->ends + c->ends, 3);
}

static void
acked_with(const char *body, enum pg_code code, const char *text)
{
	struct waiter *w = ordered("beta", "1");

	npollers = 0;
	polls("beta");
	assert_true(acks(w->id, body));
	assert_ended(w, code);
	assert_string_equal(w->err.msg, text);
}

#define NO(type) "{\"ok\": false, \"error_type\": \"" type "\", " \
	"\"error\": \"why\"}"

static void
errors_keep_their_names(void **state)
{
	(void)state;
	node("beta");
	acked_with(NO("TransferError"), PG_E_TRANSFER, "why");
	acked_with(NO("InvalidAgentError"), PG_E_INVALID_AGENT, "why");
	acked_with(NO("PagletInactiveError"), PG_E_INACTIVE, "why");
	acked_with(NO("PagletCrashedError"), PG_E_CRASHED, "why");
	acked_with(NO("NotHandledError"), PG_E_NOT_HANDLED, "why");
	acked_with(NO("ForbiddenError"), PG_E_FORBIDDEN, "why");
	acked_with(NO("AuthenticationError"), PG_E_AUTH, "why");
	acked_with(NO("ServiceNotFoundError"), PG_E_NO_SERVICE, "why");
	acked_with(NO("HostError"), PG_E_HOST, "why");
	acked_with(NO("ZeroDivisionError"), PG_E_REMOTE, "why");
	acked_with(NO("RemoteHostError"), PG_E_REMOTE, "why");
	/* With the code that it would have without us between. */
	acked_with("{\"ok\": false, \"error_type\": \"RemoteHostError\", "
	    "\"code\": \"timeout\", \"error\": \"late\"}", PG_E_TIMEOUT,
	    "late");
	acked_with("{\"ok\": false}", PG_E_REMOTE, "Relay delivery failed");
	acked_with("{\"ok\": false, \"error\": 5, \"error_type\": []}",
	    PG_E_REMOTE, "Relay delivery failed");
	acked_with("{\"ok\": false, \"error\": \"a\\nb\"}", PG_E_REMOTE,
	    "a?b");
}

static void
too_late(void **state)
{
	struct waiter *queued, *sent;

	(void)state;
	node("beta");
	sent = ordered("beta", "1");
	polls("beta");
	queued = ordered("beta", "2");
	turn(10 * PG_SEC - 1);
	assert_int_equal(queued->ends + sent->ends, 0);
	turn(1 + PG_MS);
	assert_ended(queued, PG_E_TIMEOUT);
	assert_ended(sent, PG_E_TIMEOUT);
	assert_string_equal(queued->err.msg,
	    "Relay delivery to 'beta' timed out after 10.000s");
	assert_int_equal(number("queue_depth"), 0);
	assert_int_equal(number("in_flight"), 0);
	assert_true(happened("relay-delivery-timeout"));
	/* It is not delivered any more, and an ack is one of nothing. */
	assert_true(polls_for("beta", 0)->empty);
	assert_false(acks(sent->id, "{\"ok\": true}"));
	assert_int_equal(sent->ends, 1);
}

static void
given_up(void **state)
{
	struct waiter *queued, *sent;

	(void)state;
	node("beta");
	sent = ordered("beta", "1");
	polls("beta");
	queued = ordered("beta", "2");
	pg_hub_give_up(hub, sent->d);
	pg_hub_give_up(hub, queued->d);
	assert_int_equal(number("queue_depth"), 0);
	assert_int_equal(number("in_flight"), 0);
	assert_true(polls_for("beta", 0)->empty);
	assert_false(acks(sent->id, "{\"ok\": true}"));
	turn(PG_HUB_DELIVERY_TIME_MAX);
	assert_int_equal(sent->ends + queued->ends, 0);
}

/* A move that is asked about is delivered whoever waits. */
static void
kept(void **state)
{
	struct waiter late = { .ends = 0 }, left = { .ends = 0 },
	    sent = { .ends = 0 };
	struct poller *p;

	(void)state;
	node("beta");
	assert_int_equal(order(&sent, "beta", "1", PG_SEC, true), 0);
	polls("beta");
	assert_int_equal(order(&late, "beta", "2", PG_SEC, true), 0);
	assert_int_equal(order(&left, "beta", "3", PG_SEC, true), 0);
	pg_hub_give_up(hub, left.d);
	turn(PG_SEC);
	assert_ended(&late, PG_E_TIMEOUT);
	assert_ended(&sent, PG_E_TIMEOUT);
	assert_int_equal(left.ends, 0);
	assert_int_equal(number("in_flight"), 0);
	assert_int_equal(number("queue_depth"), 2);
	turn(PG_HUB_DELIVERY_TIME_MAX);
	node("beta");
	p = polls("beta");
	assert_got(p, &late);
	p = polls("beta");
	assert_got(p, &left);
	assert_int_equal(number("in_flight"), 0);
	assert_false(acks(late.id, "{\"ok\": true}"));
	assert_false(acks(left.id, "{\"ok\": true}"));
	assert_int_equal(late.ends + sent.ends, 2);
	assert_int_equal(left.ends, 0);
}

/* Out of the middle, the front and the end of a queue. */
static void
holes_in_the_queue(void **state)
{
	struct waiter *w[6];
	int i;

	(void)state;
	node("beta");
	for (i = 0; i < 5; i++)
		w[i] = ordered("beta", "1");
	pg_hub_give_up(hub, w[2]->d);
	pg_hub_give_up(hub, w[0]->d);
	pg_hub_give_up(hub, w[4]->d);
	w[5] = ordered("beta", "1");
	assert_int_equal(number("queue_depth"), 3);
	assert_got(polls("beta"), w[1]);
	assert_got(polls("beta"), w[3]);
	assert_got(polls("beta"), w[5]);
	assert_true(polls_for("beta", 0)->empty);
}

/* ---- nodes ------------------------------------------------------------ */

static void
names(void **state)
{
	char name[PG_HOST_NAME_MAX + 1];
	struct pg_err e = { 0 };

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(pg_hub_check_name((struct pg_str){ name,
	    PG_HOST_NAME_MAX }, &e), 0);
	assert_int_equal(pg_hub_check_name((struct pg_str){ name,
	    PG_HOST_NAME_MAX + 1 }, &e), -1);
	assert_int_equal(pg_hub_check_name(PG_STR(""), &e), -1);
	assert_string_equal(e.msg, "Relay connection requires a host name");
	assert_int_equal(pg_hub_check_name(PG_STR("."), &e), -1);
	assert_int_equal(pg_hub_check_name(PG_STR(".."), &e), -1);
	assert_int_equal(pg_hub_check_name(PG_STR("..."), &e), 0);
	assert_int_equal(pg_hub_check_name(PG_STR("a\nb"), &e), -1);
	assert_int_equal(pg_hub_check_name(PG_STR("a\0b"), &e), -1);
	assert_int_equal(pg_hub_check_name(PG_STR("\xff"), &e), -1);
	assert_int_equal(pg_hub_check_name(PG_STR("z\xc3\xbc rich/%"), &e),
	    0);
	assert_int_equal(e.code, PG_E_HOST);
}

static void
health(void **state)
{
	struct pg_value *v;
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(connects("be ta", "{\"name\": \"liar\", \"x\": 1}",
	    true), 0);
	assert_int_equal(pg_hub_health(hub, PG_STR("be ta"), &arena, &v, &e),
	    0);
	assert_string_equal(json(v), "{\"name\": \"be ta\", \"x\": 1, "
	    "\"address\": \"http://127.0.0.1:1/relay/hosts/be%20ta\", "
	    "\"code_version\": \"v1\", \"active_count\": 0, "
	    "\"inactive_count\": 0}");
	/* The next one stands for it. */
	assert_int_equal(connects("be ta", "{\"address\": \"http://h\", "
	    "\"code_version\": \"v2\", \"active_count\": 3}", true), 0);
	pg_hub_health(hub, PG_STR("be ta"), &arena, &v, &e);
	assert_string_equal(json(v), "{\"address\": \"http://h\", "
	    "\"code_version\": \"v2\", \"active_count\": 3, "
	    "\"name\": \"be ta\", \"inactive_count\": 0}");
	assert_int_equal(pg_hub_health(hub, PG_STR("x"), &arena, &v, &e), -1);
	assert_string_equal(e.msg, "Relay target 'x' is not connected");
	turn(PG_HUB_OFFLINE_AFTER);
	assert_int_equal(pg_hub_health(hub, PG_STR("be ta"), &arena, &v, &e),
	    -1);
	assert_int_equal(e.code, PG_E_REMOTE);
	assert_string_equal(e.msg, "Relay target 'be ta' is offline/not "
	    "polling (last seen 30.000s ago)");
}

static void
large_health(void **state)
{
	char *text = malloc(PG_HUB_HEALTH_MAX + 100);

	(void)state;
	memset(text, 'x', PG_HUB_HEALTH_MAX + 99);
	memcpy(text, "{\"x\": \"", 7);
	memcpy(text + PG_HUB_HEALTH_MAX, "\"}", 3);
	assert_int_equal(connects("beta", text, true), -1);
	assert_int_equal(pg_hub_count(hub), 0);
	memcpy(text + PG_HUB_HEALTH_MAX / 2, "\"}", 3);
	assert_int_equal(connects("beta", text, true), 0);
	free(text);
}

static void
so_many_nodes(void **state)
{
	struct pg_value *empty = read_json("{}");
	struct pg_err e = { 0 };
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < PG_HUB_NODES_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(pg_hub_connect(hub, pg_str(name), empty,
		    true, &e), 0);
	}
	assert_int_equal(pg_hub_connect(hub, PG_STR("beta"), empty, true,
	    &e), -1);
	assert_int_equal(e.code, PG_E_BUSY);
	assert_int_equal(pg_hub_connect(hub, PG_STR("n7"), empty, true, &e),
	    0);
	assert_int_equal(pg_hub_count(hub), PG_HUB_NODES_MAX);
}

static void
offline(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	node("beta");
	assert_true(online());
	turn(PG_HUB_OFFLINE_AFTER - PG_MS);
	assert_true(online());
	assert_int_equal(pg_hub_check(hub, PG_STR("beta"), "api", &e), 0);
	turn(PG_MS);
	assert_false(online());
	assert_true(happened("relay-target-offline {\"target\": \"beta\", "
	    "\"stage\": \"relay-preflight\", \"last_seen_age\": 30.0}"));
	assert_int_equal(pg_hub_check(hub, PG_STR("beta"), "api", &e), -1);
	assert_string_equal(e.msg, "Relay target 'beta' is offline/not "
	    "polling (last seen 30.000s ago)");
	assert_true(happened("{\"target\": \"beta\", \"kind\": \"api\", "
	    "\"stage\": \"relay-preflight\"}"));
	assert_true(pg_value_is(about("last_error"), PG_T_STR));
	/* A poll is a sign of life. */
	polls_for("beta", 0);
	assert_true(online());
	assert_false(pg_value_is(about("last_error"), PG_T_STR));
	turn(PG_HUB_OFFLINE_AFTER - PG_MS);
	assert_true(online());
	node("beta");
	turn(PG_HUB_OFFLINE_AFTER - PG_MS);
	assert_true(online());
	turn(PG_MS);
	assert_false(online());
	assert_int_equal(pg_hub_check(hub, PG_STR("zeta"), "api", &e), -1);
	assert_string_equal(e.msg, "Relay target 'zeta' is not connected");
}

/* One that says that it stops is not waited for. */
static void
leaving(void **state)
{
	struct poller *p;
	struct pg_err e = { 0 };

	(void)state;
	node("beta");
	p = polls("beta");
	assert_int_equal(connects("beta", "{\"online\": false}", true), 0);
	assert_true(p->answers == 1 && p->empty);
	assert_false(online());
	assert_int_equal(pg_hub_check(hub, PG_STR("beta"), "api", &e), -1);
	assert_string_equal(e.msg, "Relay target 'beta' has stopped");
	node("beta");
	assert_true(online());
	turn(PG_HUB_OFFLINE_AFTER);
	assert_int_equal(pg_hub_check(hub, PG_STR("beta"), "api", &e), -1);
	assert_string_equal(e.msg, "Relay target 'beta' is offline/not "
	    "polling (last seen 30.000s ago)");
}

static void
forgotten(void **state)
{
	struct waiter w = { .ends = 0 }, move = { .ends = 0 };

	(void)state;
	node("beta");
	assert_int_equal(order(&w, "beta", "1", PG_SEC, false), 0);
	assert_int_equal(order(&move, "beta", "2", PG_SEC, true), 0);
	turn(PG_HUB_OFFLINE_AFTER);
	assert_false(online());
	turn(PG_HUB_FORGET_AFTER - PG_HUB_OFFLINE_AFTER - PG_MS);
	assert_int_equal(pg_hub_count(hub), 1);
	assert_int_equal(number("queue_depth"), 1);
	turn(2 * PG_MS);
	assert_int_equal(pg_hub_count(hub), 0);
	assert_ended(&w, PG_E_TIMEOUT);
	assert_ended(&move, PG_E_TIMEOUT);
	assert_null(pg_hub_find(hub, pg_str(move.id)));
}

static void
not_forgotten_in_flight(void **state)
{
	struct waiter w = { .ends = 0 };

	(void)state;
	node("beta");
	assert_int_equal(order(&w, "beta", "1", 25 * 3600 * PG_SEC, false),
	    0);
	polls("beta");
	turn(PG_HUB_OFFLINE_AFTER);
	turn(PG_HUB_FORGET_AFTER);
	turn(PG_SEC);
	assert_int_equal(pg_hub_count(hub), 1);
	assert_true(acks(w.id, "{}"));
	assert_ended(&w, PG_E_OK);
	turn(PG_SEC);
	assert_int_equal(pg_hub_count(hub), 0);
}

/* Hosts of ours tell the mesh themselves; for others we do. */
static void
the_mesh_is_told(void **state)
{
	(void)state;
	node("beta");
	assert_int_equal(ntold, 0);
	assert_int_equal(connects("old", "{\"tags\": [\"t\"], \"active_count\":"
	    " 2, \"pid\": 5}", false), 0);
	assert_int_equal(ntold, 1);
	assert_non_null(strstr(told, "\"name\": \"old\", \"url\": "
	    "\"http://127.0.0.1:1/relay/hosts/old\""));
	assert_non_null(strstr(told, "\"active_count\": 2"));
	assert_non_null(strstr(told, "\"tags\": [\"t\"]"));
	assert_null(strstr(told, "pid"));
	assert_non_null(strstr(told, "\"online\": true"));
	turn(3 * PG_SEC);
	assert_int_equal(ntold, 2);
	turn(PG_HUB_OFFLINE_AFTER);
	assert_non_null(strstr(told, "\"online\": false"));
}

static void
offline_is_told(void **state)
{
	(void)state;
	node("beta");
	turn(PG_HUB_OFFLINE_AFTER);
	assert_int_equal(ntold, 1);
	assert_non_null(strstr(told, "\"online\": false"));
	assert_non_null(strstr(told, "\"name\": \"beta\""));
}

static void
what_happened(void **state)
{
	struct waiter *w;

	(void)state;
	node("beta");
	w = ordered("beta", "1");
	polls("beta");
	acks(w->id, NO("HostError"));
	assert_int_equal(nevents, 3);
	assert_string_equal(events[0], pg_arena_printf(&arena,
	    "relay-delivery-enqueued {\"delivery_id\": \"%s\", \"target\": "
	    "\"beta\", \"kind\": \"message\", \"stage\": \"relay-queue\", "
	    "\"timeout\": 10.0, \"queue_depth\": 1} -", w->id).p);
	assert_string_equal(events[1], pg_arena_printf(&arena,
	    "relay-delivery-dispatched {\"delivery_id\": \"%s\", \"target\": "
	    "\"beta\", \"kind\": \"message\"} -", w->id).p);
	assert_string_equal(events[2], pg_arena_printf(&arena,
	    "relay-delivery-ack {\"delivery_id\": \"%s\", \"target\": "
	    "\"beta\", \"kind\": \"message\", \"ok\": false, \"error\": "
	    "\"why\"} -", w->id).p);
}

static void
listed_by_name(void **state)
{
	struct pg_value *list;
	size_t i;
	static const char *const sorted[] = { "Beta", "beta", "beta-2",
		"gamma" };

	(void)state;
	node("gamma");
	node("beta-2");
	node("Beta");
	node("beta");
	list = pg_hub_nodes(hub, &arena);
	assert_int_equal(list->n, 4);
	for (i = 0; i < 4; i++)
		assert_true(pg_str_eqz(pg_value_text(pg_value_get(
		    list->u.items[i], "name"), PG_STR_NULL), sorted[i]));
}

/* ---- the end ---------------------------------------------------------- */

static void
closed(void **state)
{
	struct poller *p, *q, *stray;
	struct pg_err e = { 0 };

	(void)state;
	node("beta");
	p = polls("beta");
	stray = polls("nobody");
	pg_hub_shutdown(hub);
	assert_true(p->answers == 1 && p->empty);
	assert_true(stray->answers == 1 && stray->empty);
	q = polls("beta");
	assert_true(q->answers == 1 && q->empty);
	assert_int_equal(pg_hub_connect(hub, PG_STR("beta"), read_json("{}"),
	    true, &e), -1);
	assert_int_equal(e.code, PG_E_BUSY);
}

/* No ack could come. What nobody has taken was certainly not done. */
static void
ends_what_waits(void **state)
{
	struct waiter w = { .ends = 0 }, *sent, *queued, kept = { .ends = 0 };

	(void)state;
	node("beta");
	sent = ordered("beta", "1");
	polls("beta");
	queued = ordered("beta", "2");
	assert_int_equal(order(&kept, "beta", "3", PG_SEC, true), 0);
	pg_hub_shutdown(hub);
	assert_ended(sent, PG_E_TIMEOUT);
	assert_ended(queued, PG_E_BUSY);
	assert_ended(&kept, PG_E_BUSY);
	assert_int_equal(order(&w, "beta", "1", PG_SEC, false), -1);
	assert_int_equal(w.err.code, PG_E_BUSY);
}

/* Who waits for an artifact waits for long, but not for one who is silent. */
static void
artifacts_of_the_silent(void **state)
{
	struct waiter w = { .ends = 0 }, *other;

	(void)state;
	node("beta");
	polls_for("beta", PG_SEC);
	w.d = pg_delivery_new("artifact-export");
	w.d->timeout = 3600 * PG_SEC;
	w.d->done = on_done;
	w.d->arg = &w;
	assert_int_equal(pg_hub_submit(hub, PG_STR("beta"), w.d, &w.err), 0);
	turn(PG_HUB_OFFLINE_AFTER - PG_SEC);
	other = ordered("beta", "1");
	turn(PG_SEC + PG_MS);
	assert_ended(&w, PG_E_REMOTE);
	assert_int_equal(other->ends, 0);
}

/* What is under way when the hub is freed is dropped without a word. */
static void
freed(void **state)
{
	struct waiter *a, *b;

	(void)state;
	node("beta");
	a = ordered("beta", "1");
	polls("beta");
	b = ordered("beta", "2");
	pg_hub_free(hub);
	hub = NULL;
	assert_int_equal(a->ends + b->ends, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_in_first_out), TEST(the_newest_poll_first),
		TEST(so_many_polls), TEST(a_poll_ends),
		TEST(a_poll_of_a_stranger), TEST(the_queue_is_full),
		TEST(so_many_bytes), TEST(a_delivery_too_large), TEST(acked),
		TEST(so_many_bytes_of_all), TEST(a_delivery_too_large), TEST(acked),
		TEST(errors_keep_their_names), TEST(too_late),
		TEST(given_up), TEST(kept), TEST(holes_in_the_queue),
		TEST(names), TEST(health), TEST(large_health),
		TEST(so_many_nodes), TEST(offline),
		TEST(artifacts_of_the_silent), TEST(ends_what_waits),
		TEST(leaving),
		TEST(forgotten), TEST(not_forgotten_in_flight),
		TEST(the_mesh_is_told), TEST(offline_is_told),
		TEST(what_happened), TEST(listed_by_name), TEST(closed),
		TEST(freed)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
