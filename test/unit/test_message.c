/* test_message: shows what a message record may be, how long a chain of
 * agents that wait for each other may get, and how messages follow a paglet
 * that has moved on: in order, within bounds, not for ever.
 *
 * Agents and other hosts are pretended ones: what is posted is kept, and the
 * test answers.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/rand os/loop host/wire host/mailbox host/dedupe host/message */
/* wrap: pg_agent_find pg_agent_ref pg_agent_unref pg_agent_post pg_inactive_post pg_deactivate pg_deactivation_read pg_durable_forget_note pg_durable_forwarded pg_remote_post pg_remote_reply */
#include "codec/json.h"
#include "codec/pickle.h"
#include "host/inactive.h"
#include "host/message.h"
#include "host/remote.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

#define POSTS_MAX (2 * PG_MAILBOX_COUNT_MAX)

struct pg_agent *__wrap_pg_agent_find(const struct pg_host *h,
    struct pg_str id);
void __wrap_pg_agent_ref(struct pg_agent *a);
void __wrap_pg_agent_unref(struct pg_agent *a);
void __wrap_pg_agent_post(struct pg_agent *a, struct pg_msg *m);
void __wrap_pg_inactive_post(struct pg_agent *a, struct pg_msg *m);
void __wrap_pg_deactivate(struct pg_agent *a, const struct pg_deactivation *d,
    bool in_call, pg_lifecycle_done *done, void *arg);
int __wrap_pg_deactivation_read(const struct pg_value *record,
    struct pg_deactivation *d, struct pg_err *e);
void __wrap_pg_durable_forget_note(struct pg_host *h, struct pg_str id);
void __wrap_pg_durable_forwarded(struct pg_host *h, struct pg_str agent_id,
    uint64_t kept);
struct pg_call *__wrap_pg_remote_post(struct pg_host *h, struct pg_str url,
    const struct pg_post *post, pg_client_done *done, void *arg,
    const char *path, ...) __attribute__((format(printf, 6, 7)));
int __wrap_pg_remote_reply(struct pg_host *h, struct pg_str url,
    const struct pg_response *r, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e);

/* What was posted to another host, and is not answered until the test does. */
struct posted {
	pg_client_done *done; /* NULL: answered */
	void *arg;
	int64_t timeout;
	char to[80], body[400];
};

static struct pg_host host;
static struct pg_agent agent, *here; /* here: who is found by any id */
static struct pg_arena arena;
static struct posted posted[POSTS_MAX];
static size_t nposted;
static int64_t now;
static int ndelivered, nforgotten, nforwarded;
static uint64_t forwarded; /* the last one that is no longer kept */
/* How messages ended. */
static int nended;
static struct pg_err last;

/* ---- the world around -------------------------------------------------- */

struct pg_agent *
__wrap_pg_agent_find(const struct pg_host *h, struct pg_str id)
{
	(void)h;
	(void)id;
	return here;
}

void
__wrap_pg_agent_ref(struct pg_agent *a)
{
	a->refs++;
}

void
__wrap_pg_agent_unref(struct pg_agent *a)
{
	a->refs--;
}

void
__wrap_pg_agent_post(struct pg_agent *a, struct pg_msg *m)
{
	assert_ptr_equal(a, here);
	ndelivered++;
	pg_msg_end(m, &(struct pg_outcome){ 0 });
}

void
__wrap_pg_inactive_post(struct pg_agent *a, struct pg_msg *m)
{
	(void)a;
	(void)m;
	fail_msg("nobody sleeps");
}

void
__wrap_pg_deactivate(struct pg_agent *a, const struct pg_deactivation *d,
    bool in_call, pg_lifecycle_done *done, void *arg)
{
	(void)a;
	(void)d;
	(void)in_call;
	done(arg, NULL);
}

int
__wrap_pg_deactivation_read(const struct pg_value *record,
    struct pg_deactivation *d, struct pg_err *e)
{
	(void)record;
	(void)d;
	(void)e;
	return 0;
}

void
__wrap_pg_durable_forget_note(struct pg_host *h, struct pg_str id)
{
	(void)h;
	(void)id;
	nforgotten++;
}

void
__wrap_pg_durable_forwarded(struct pg_host *h, struct pg_str agent_id,
    uint64_t kept)
{
	(void)h;
	assert_true(pg_str_eqz(agent_id, "a-1"));
	forwarded = kept;
	nforwarded++;
}

struct pg_call *
__wrap_pg_remote_post(struct pg_host *h, struct pg_str url,
    const struct pg_post *post, pg_client_done *done, void *arg,
    const char *path, ...)
{
	struct posted *p = &posted[nposted++];
	va_list ap;
	int n;

	(void)h;
	assert_true(nposted <= POSTS_MAX);
	*p = (struct posted){ .done = done, .arg = arg,
		.timeout = post->timeout };
	n = snprintf(p->to, sizeof(p->to), "%.*s", PG_STR_ARG(url));
	va_start(ap, path);
	vsnprintf(p->to + n, sizeof(p->to) - (size_t)n, path, ap);
	va_end(ap);
	snprintf(p->body, sizeof(p->body), "%.*s",
	    PG_STR_ARG(post->body[0].text));
	return NULL;
}

int
__wrap_pg_remote_reply(struct pg_host *h, struct pg_str url,
    const struct pg_response *r, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e)
{
	(void)h;
	(void)url;
	*out = pg_value_null(a);
	if (r->status == 200)
		return 0;
	*e = r->err;
	return -1;
}

/* Answer what was posted as the i-th. */
static void
answer(size_t i, int status)
{
	struct pg_response r = { .status = status };
	struct posted p;

	assert_true(i < nposted);
	p = posted[i];
	assert_non_null(p.done);
	posted[i].done = NULL;
	if (status != 200)
		pg_fail(&r.err, PG_E_UNREACHABLE, "no answer");
	p.done(p.arg, &r);
}

static void
answer_all(void)
{
	size_t i;

	for (i = 0; i < nposted; i++)
		if (posted[i].done != NULL)
			answer(i, 200);
}

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, now);
}

static int
setup(void **state)
{
	(void)state;
	now = PG_SEC;
	pass(0);
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	host.name = PG_STR("alpha");
	host.address = PG_STR("http://a:1");
	host.forwards = pg_forwards_new(&host);
	agent = (struct pg_agent){ .host = &host, .id = PG_STR("a-1"),
		.phase = PG_AGENT_ACTIVE };
	here = NULL;
	nposted = 0;
	ndelivered = nforgotten = nended = nforwarded = 0;
	last = (struct pg_err){ 0 };
	return host.loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	answer_all();
	pg_forwards_free(host.forwards);
	pg_dedupe_free(agent.window);
	pg_clock_fake(0, 0);
	pg_loop_free(host.loop);
	pg_arena_fini(&arena);
	return 0;
}

/* ---- helpers ----------------------------------------------------------- */

static struct pg_value *
read_json(const char *text)
{
	struct pg_value *v;

	assert_int_equal(pg_json_read(pg_str(text), &arena, &v, NULL), 0);
	return v;
}

/* A record with a call_path of n agents w0, w1, ... */
static struct pg_value *
record_with_path(size_t n)
{
	struct pg_value *d = read_json("{\"kind\": \"k\"}");
	struct pg_value *list = pg_value_list(&arena);
	size_t i;

	for (i = 0; i < n; i++)
		pg_value_add(&arena, list, pg_value_str(&arena,
		    pg_arena_printf(&arena, "w%zu", i)));
	pg_put(&arena, d, "call_path", list);
	return d;
}

static void
on_end(struct pg_msg *m, const struct pg_outcome *o)
{
	(void)m;
	nended++;
	last = o->err != NULL ? *o->err : (struct pg_err){ 0 };
}

static struct pg_msg *
message(const char *kind, bool oneway)
{
	struct pg_value *d = pg_value_dict(&arena);
	struct pg_msg *m;
	struct pg_err e = { 0 };

	pg_put_strz(&arena, d, "kind", kind);
	m = pg_message_new(d, &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	m->on_done = on_end;
	m->oneway = oneway;
	return m;
}

static void
deliver(struct pg_msg *m)
{
	pg_message_deliver(&host, PG_STR("a-1"), m);
}

static void
moved_to(const char *url)
{
	pg_forward_note(&host, PG_STR("a-1"), pg_str(url), NULL);
}

static void
assert_posted(size_t i, const char *to, const char *kind)
{
	char field[60];

	assert_true(i < nposted);
	assert_string_equal(posted[i].to, to);
	snprintf(field, sizeof(field), "\"kind\": \"%s\"", kind);
	if (strstr(posted[i].body, field) == NULL)
		fail_msg("%s: %s", field, posted[i].body);
}

/* ---- records ----------------------------------------------------------- */

static void
refuses_what_is_malformed(void **state)
{
	static const struct { const char *in, *error; } rows[] = {
		{ "{}", "message: missing field 'kind'" },
		{ "{\"kind\": 5}",
		    "message: field 'kind' must be str, not int" },
		{ "{\"kind\": \"k\", \"args\": []}",
		    "message: field 'args' must be dict, not list" },
		{ "{\"kind\": \"k\", \"priority\": \"5\"}",
		    "message: field 'priority' must be int, not str" },
		{ "{\"kind\": \"k\", \"sender\": 1}",
		    "field 'message.sender' must be str, got int" },
		{ "{\"kind\": \"k\", \"message_type\": 3}",
		    "field 'message.message_type' must be 0, 1 or 2" },
		{ "{\"kind\": \"k\", \"message_type\": -1}",
		    "field 'message.message_type' must be 0, 1 or 2" },
		{ "{\"kind\": \"k\", \"call_path\": \"a\"}",
		    "field 'message.call_path' must be list" },
	};
	static const char *const paths[] = { "[5]", "[null]", "[\"\"]",
		"[\"a b\"]", "[\".\"]", "[\"a\", [\"b\"]]", "[\"a\\n\"]" };
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		e = (struct pg_err){ 0 };
		assert_null(pg_message_new(read_json(rows[i].in), &e));
		assert_int_equal(e.code, PG_E_HOST);
		assert_string_equal(e.msg, rows[i].error);
	}
	for (i = 0; i < PG_COUNT(paths); i++) {
		struct pg_value *d = record_with_path(0);

		pg_value_set(&arena, d, PG_STR("call_path"),
		    read_json(paths[i]));
		e = (struct pg_err){ 0 };
		assert_null(pg_message_new(d, &e));
		assert_int_equal(e.code, PG_E_HOST);
		assert_int_equal(strncmp(e.msg, "field 'message.call_path': ",
		    27), 0);
	}
}

static void
fills_in_what_is_left_out(void **state)
{
	struct pg_msg *m = message("k", false);
	struct pg_value *d;

	(void)state;
	assert_int_equal(m->id.n, PG_ID_LEN);
	assert_false(m->given_id);
	assert_int_equal(m->priority, 5);
	assert_int_equal(pg_pickle_read_value(m->body, &arena, 0, &d, NULL),
	    0);
	assert_true(pg_str_eq(pg_value_text(pg_value_get(d, "message_id"),
	    PG_STR_NULL), m->id));
	assert_true(pg_value_get(d, "timestamp")->u.f == 1);
	assert_true(pg_value_is(pg_value_get(d, "args"), PG_T_DICT));
	assert_null(pg_value_get(d, "call_path"));
	pg_msg_end(m, &(struct pg_outcome){ 0 });
}

/* ---- chains of agents that wait ----------------------------------------- */

static void
a_call_path_has_a_limit(void **state)
{
	static const struct { size_t n; bool good; } rows[] = {
		{ 0, true }, { PG_CALL_PATH_MAX - 1, true },
		{ PG_CALL_PATH_MAX, true }, { PG_CALL_PATH_MAX + 1, false },
		{ 10000, false },
	};
	struct pg_err e;
	struct pg_msg *m;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		e = (struct pg_err){ 0 };
		m = pg_message_new(record_with_path(rows[i].n), &e);
		assert_int_equal(m != NULL, rows[i].good);
		if (m == NULL) {
			assert_int_equal(e.code, PG_E_LIFECYCLE);
			continue;
		}
		assert_int_equal(pg_msg_path_length(m), rows[i].n);
		pg_msg_end(m, &(struct pg_outcome){ 0 });
	}
}

/* The sender, and those who wait for what it handles, stand in the path too.
 * An agent sends on what it was sent, and may add to it. */
static void
a_sender_counts_in_the_path(void **state)
{
	struct pg_err e = { 0 };
	struct pg_msg *m, *running;

	(void)state;
	m = pg_message_from_agent(record_with_path(PG_CALL_PATH_MAX - 1),
	    &agent, &e);
	assert_non_null(m);
	assert_int_equal(pg_msg_path_length(m), PG_CALL_PATH_MAX);
	pg_msg_end(m, &(struct pg_outcome){ 0 });
	assert_null(pg_message_from_agent(record_with_path(PG_CALL_PATH_MAX),
	    &agent, &e));
	assert_int_equal(e.code, PG_E_LIFECYCLE);

	running = pg_message_new(record_with_path(PG_CALL_PATH_MAX - 1), &e);
	agent.running = running;
	m = pg_message_from_agent(record_with_path(0), &agent, &e);
	assert_non_null(m);
	assert_true(pg_msg_waits(m, PG_STR("w0")));
	assert_true(pg_msg_waits(m, agent.id));
	pg_msg_end(m, &(struct pg_outcome){ 0 });
	assert_null(pg_message_from_agent(record_with_path(1), &agent, &e));
	pg_msg_end(running, &(struct pg_outcome){ 0 });
	agent.running = NULL;
}

static void
nobody_waits_for_itself(void **state)
{
	struct pg_err e = { 0 };
	struct pg_msg *m = pg_message_from_agent(record_with_path(1), &agent,
	    &e);

	(void)state;
	here = &agent;
	m->on_done = on_end;
	deliver(m);
	assert_int_equal(ndelivered, 0);
	assert_int_equal(last.code, PG_E_LIFECYCLE);
	/* Nor through a host that it has left. */
	here = NULL;
	moved_to("http://b:1");
	m = pg_message_from_agent(record_with_path(1), &agent, &e);
	m->on_done = on_end;
	deliver(m);
	assert_int_equal(nposted, 0);
	assert_int_equal(nended, 2);
	assert_int_equal(last.code, PG_E_LIFECYCLE);
	/* Who does not wait may. */
	here = &agent;
	m = pg_message_from_agent(record_with_path(1), &agent, &e);
	m->oneway = true;
	deliver(m);
	assert_int_equal(ndelivered, 1);
}

/* ---- after a paglet that moved on --------------------------------------- */

static void
nobody_is_nobody(void **state)
{
	(void)state;
	deliver(message("k", false));
	assert_int_equal(nended, 1);
	assert_int_equal(last.code, PG_E_INVALID_AGENT);
	assert_string_equal(last.msg, "No active paglet 'a-1' on alpha");
}

static void
follows_a_note(void **state)
{
	struct pg_str url;

	(void)state;
	moved_to("http://b:1");
	assert_true(pg_forward_url(&host, PG_STR("a-1"), &url));
	assert_true(pg_str_eqz(url, "http://b:1"));
	deliver(message("k", false));
	assert_posted(0, "http://b:1/agents/a-1/messages", "k");
	assert_non_null(strstr(posted[0].body, "\"hops\": 1"));
	assert_int_equal(posted[0].timeout, PG_MESSAGE_REMOTE_TIME);
	assert_int_equal(nended, 0);
	answer(0, 200);
	assert_int_equal(nended, 1);
	assert_int_equal(last.code, PG_E_OK);
	deliver(message("l", false));
	answer(1, 0);
	assert_int_equal(last.code, PG_E_UNREACHABLE);
	pg_forward_drop(&host, PG_STR("a-1"));
	assert_false(pg_forward_url(&host, PG_STR("a-1"), &url));
	assert_int_equal(nforgotten, 1);
}

static void
what_waited_goes_first_in_order(void **state)
{
	struct pg_msg *first = message("first", false);

	(void)state;
	first->next = message("second", true);
	pg_forward_note(&host, PG_STR("a-1"), PG_STR("http://b:1"), first);
	deliver(message("third", true));
	assert_int_equal(nposted, 1);
	assert_posted(0, "http://b:1/agents/a-1/messages", "first");
	answer(0, 200);
	assert_posted(1, "http://b:1/agents/a-1/messages", "second");
	answer(1, 0);
	assert_posted(2, "http://b:1/agents/a-1/messages", "third");
	answer(2, 200);
	assert_int_equal(nended, 3);
}

/* The agent comes back while one message is under way: the rest go to it. */
static void
what_waits_goes_to_who_is_back(void **state)
{
	(void)state;
	moved_to("http://b:1");
	deliver(message("first", true));
	deliver(message("second", true));
	deliver(message("third", true));
	assert_int_equal(nposted, 1);
	here = &agent;
	pg_forward_drop(&host, PG_STR("a-1"));
	answer(0, 200);
	assert_int_equal(nposted, 1);
	assert_int_equal(ndelivered, 2);
}

/* Time passes, and what is due happens. */
static void
turn(int64_t ns)
{
	pass(ns);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

/* Two from before a restart, that were acknowledged when they were kept. */
static void
two_are_kept(void)
{
	struct pg_msg *m;
	uint64_t i;

	moved_to("http://b:1");
	for (i = 1; i <= 2; i++) {
		m = message(i == 1 ? "first" : "second", false);
		m->on_done = NULL;
		m->kept = i;
		assert_true(pg_forward_kept(&host, PG_STR("a-1"), m));
	}
	assert_int_equal(nposted, 0);
	assert_int_equal(pg_forward_kept_next(&host, PG_STR("a-1")), 2);
	turn(PG_MS);
	assert_int_equal(nposted, 1);
	assert_posted(0, "http://b:1/agents/a-1/messages", "first");
}

/* They are kept until they have got there, however often it takes. */
static void
what_is_kept_is_sent_until_it_is_there(void **state)
{
	struct pg_msg *m = message("lost", false);
	int64_t pause = PG_FORWARD_PAUSE_FIRST;
	size_t i;

	(void)state;
	assert_false(pg_forward_kept(&host, PG_STR("a-1"), m));
	pg_msg_end(m, &(struct pg_outcome){ 0 });
	two_are_kept();
	deliver(message("later", false));
	for (i = 0; i < 12; i++) {
		answer(nposted - 1, i % 2 == 0 ? 0 : 503);
		turn(pause - PG_MS);
		assert_int_equal(nposted, 1 + i);
		turn(PG_MS);
		assert_int_equal(nposted, 2 + i);
		assert_posted(1 + i, "http://b:1/agents/a-1/messages",
		    "first");
		assert_non_null(strstr(posted[1 + i].body, "\"hops\": 1"));
		pause = PG_MIN(pause * 2, PG_FORWARD_PAUSE_MAX);
	}
	assert_int_equal(nforwarded, 0);
	answer(nposted - 1, 200);
	assert_int_equal(forwarded, 1);
	assert_posted(nposted - 1, "http://b:1/agents/a-1/messages",
	    "second");
	/* An error is an answer. */
	answer(nposted - 1, 404);
	assert_int_equal(forwarded, 2);
	assert_int_equal(pg_forward_kept_next(&host, PG_STR("a-1")), 2);
	assert_int_equal(pg_forward_kept_next(&host, PG_STR("a-2")), 0);
	assert_int_equal(nforwarded, 2);
	assert_posted(nposted - 1, "http://b:1/agents/a-1/messages", "later");
}

static void
what_is_kept_goes_to_who_is_back(void **state)
{
	(void)state;
	two_are_kept();
	answer(0, 0);
	here = &agent;
	pg_forward_drop(&host, PG_STR("a-1"));
	assert_int_equal(ndelivered, 2);
	assert_int_equal(nforwarded, 2);
}

static void
what_is_kept_is_given_up_with_the_note(void **state)
{
	struct pg_str url;

	(void)state;
	two_are_kept();
	answer(0, 0);
	turn(PG_FORWARD_NOTE_TIME + PG_SEC);
	assert_int_equal(nposted, 1);
	assert_int_equal(nforwarded, 2);
	assert_false(pg_forward_url(&host, PG_STR("a-1"), &url));
}

/* The host ends: they stay where they are. */
static void
what_is_kept_outlives_the_host(void **state)
{
	(void)state;
	two_are_kept();
	answer(0, 0);
	pg_forwards_free(host.forwards);
	host.forwards = NULL;
	assert_int_equal(nforwarded, 0);
}

static void
hops_have_a_limit(void **state)
{
	static const struct { unsigned hops; bool good; } rows[] = {
		{ 0, true }, { PG_FORWARD_HOPS_MAX - 1, true },
		{ PG_FORWARD_HOPS_MAX, false },
		{ PG_FORWARD_HOPS_MAX + 1, false },
	};
	struct pg_msg *m;
	size_t i, oneway;

	(void)state;
	moved_to("http://b:1");
	for (oneway = 0; oneway < 2; oneway++)
		for (i = 0; i < PG_COUNT(rows); i++) {
			nposted = 0;
			m = message("k", oneway != 0);
			m->hops = rows[i].hops;
			last = (struct pg_err){ 0 };
			deliver(m);
			assert_int_equal(nposted, rows[i].good);
			assert_int_equal(last.code, rows[i].good ? PG_E_OK :
			    PG_E_INVALID_AGENT);
			answer_all();
		}
	assert_int_equal(nended, 2 * PG_COUNT(rows));
}

static void
notes_are_kept_for_a_time(void **state)
{
	(void)state;
	moved_to("http://b:1");
	pass(PG_FORWARD_NOTE_TIME - 1);
	deliver(message("k", false));
	pass(1);
	deliver(message("k", false));
	assert_int_equal(nposted, 2);
	pass(1);
	deliver(message("k", false));
	assert_int_equal(nposted, 2);
	assert_int_equal(last.code, PG_E_INVALID_AGENT);
	assert_int_equal(nforgotten, 1);
	/* One from before the last start has its age. */
	pg_forward_restore(&host, PG_STR("a-1"), PG_STR("http://b:1"),
	    PG_FORWARD_NOTE_TIME);
	deliver(message("k", false));
	assert_int_equal(nposted, 3);
	pass(1);
	deliver(message("k", false));
	assert_int_equal(nposted, 3);
}

static void
note_number(int i)
{
	char id[20];

	snprintf(id, sizeof(id), "n%d", i);
	pg_forward_note(&host, pg_str(id), PG_STR("http://b:1"), NULL);
}

static void
notes_have_a_limit(void **state)
{
	struct pg_str url;
	int i;

	(void)state;
	for (i = 0; i < PG_FORWARD_NOTES_MAX; i++)
		note_number(i);
	assert_int_equal(nforgotten, 0);
	assert_true(pg_forward_url(&host, PG_STR("n0"), &url));
	/* A newer one for an id of the list takes no room. */
	note_number(1);
	assert_int_equal(nforgotten, 1);
	assert_true(pg_forward_url(&host, PG_STR("n0"), &url));
	/* The oldest goes, on disk too. */
	note_number(PG_FORWARD_NOTES_MAX);
	assert_int_equal(nforgotten, 2);
	assert_false(pg_forward_url(&host, PG_STR("n0"), &url));
	assert_true(pg_forward_url(&host, PG_STR("n1"), &url));
	note_number(PG_FORWARD_NOTES_MAX + 1);
	assert_false(pg_forward_url(&host, PG_STR("n2"), &url));
	assert_true(pg_forward_url(&host, PG_STR("n1"), &url));
}

/* As many as a mailbox holds may be under way to who moved on. */
static void
what_is_under_way_has_a_limit(void **state)
{
	int i;

	(void)state;
	moved_to("http://b:1");
	for (i = 0; i < PG_MAILBOX_COUNT_MAX; i++)
		deliver(message("k", i % 2 == 0));
	assert_int_equal(nended, 0);
	deliver(message("k", true));
	deliver(message("k", false));
	assert_int_equal(nended, 2);
	assert_int_equal(last.code, PG_E_MAILBOX_FULL);
	answer(0, 200);
	deliver(message("k", true));
	assert_int_equal(nended, 3);
	answer_all();
	assert_int_equal(nended, PG_MAILBOX_COUNT_MAX + 3);
}

static void
what_is_under_way_has_a_size(void **state)
{
	struct pg_msg *m;

	(void)state;
	moved_to("http://b:1");
	deliver(message("k", true));
	m = message("k", true);
	m->body.n = PG_MAILBOX_BYTES_MAX;
	deliver(m);
	assert_int_equal(nended, 1);
	assert_int_equal(last.code, PG_E_MAILBOX_FULL);
}

/* The host stops while messages wait: each of them is told. */
static void
the_end_fails_what_waits(void **state)
{
	(void)state;
	moved_to("http://b:1");
	deliver(message("first", true));
	deliver(message("second", true));
	deliver(message("third", true));
	pg_forward_drop(&host, PG_STR("a-1"));
	answer(0, 200);
	assert_int_equal(nended, 3);
	assert_int_equal(last.code, PG_E_INVALID_AGENT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(refuses_what_is_malformed),
		T(fills_in_what_is_left_out),
		T(a_call_path_has_a_limit),
		T(a_sender_counts_in_the_path),
		T(nobody_waits_for_itself),
		T(nobody_is_nobody),
		T(follows_a_note),
		T(what_waited_goes_first_in_order),
		T(what_waits_goes_to_who_is_back),
		T(what_is_kept_is_sent_until_it_is_there),
		T(what_is_kept_goes_to_who_is_back),
		T(what_is_kept_is_given_up_with_the_note),
		T(what_is_kept_outlives_the_host),
		T(hops_have_a_limit),
		T(notes_are_kept_for_a_time),
		T(notes_have_a_limit),
		T(what_is_under_way_has_a_limit),
		T(what_is_under_way_has_a_size),
		T(the_end_fails_what_waits),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
