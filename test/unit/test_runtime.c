/* test_runtime: the process of a paglet, spoken to as a host speaks to it: a
 * child of the test serves one end of a socketpair, the test sends frames
 * and looks at what comes back. Heads and bodies are written as JSON here.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/pickle_text codec/pickle_build codec/pickle codec/pickle_write os/file os/sock os/proc agent/frame agent/fields agent/upline agent/values agent/invoke agent/upcall agent/runtime agent/class/counter */
#include "agent/runtime.h"

#include "agent/class/counter.h"
#include "agent/invoke.h"
#include "base/clock.h"
#include "codec/json.h"
#include "os/proc.h"
#include "os/sock.h"

#include <poll.h>
#include <setjmp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Classes of our own ---- */

/* The example of paglets.h, as it stands there. */
struct plain { int64_t count; };

static const struct paglets_field plain_fields[] = {
	PAGLETS_INT(struct plain, count), PAGLETS_END };

static int
plain_increment(struct paglets_call *c)
{
	struct plain *s = paglets_state(c);

	s->count += paglets_arg_int(c, "by", 1);
	return paglets_reply_int(c, "count", s->count);
}

static const struct paglets_class plain_class = {
	PAGLETS_CLASS("demo.counter:Counter", struct plain, plain_fields),
	.handlers = (struct paglets_handler[]){
		{ "increment", plain_increment }, { 0 } } };

/* Does whatever the message says, and works on its own. */
struct busy {
	int64_t steps, left;
	struct paglets_bytes todo;
	struct paglets_tree notes;
};

static const struct paglets_field busy_fields[] = {
	PAGLETS_INT(struct busy, steps),
	PAGLETS_INT(struct busy, left),
	PAGLETS_TEXT(struct busy, todo),
	PAGLETS_DICT(struct busy, notes),
	PAGLETS_END
};

static int
busy_send(struct paglets_call *c)
{
	const struct paglets_value *v = paglets_send(c,
	    paglets_arg_text(c, "host_url", NULL),
	    paglets_arg_text(c, "to", "x"), "hello", paglets_arg(c, "with"));

	return v != NULL ? paglets_reply(c, v) : -1;
}

static int
busy_oneway(struct paglets_call *c)
{
	return paglets_send_oneway(c, NULL, "x", "hello", NULL);
}

/* Results of several calls, and what the message said, are good to the end. */
static int
busy_ask(struct paglets_call *c)
{
	struct paglets_creation what = { .agent_class = "m:NewPaglet",
		.target = "beta", .init = paglets_int(c, 5) };

	paglets_reply_value(c, "hosts", paglets_hosts(c));
	paglets_reply_value(c, "zone", paglets_property_get(c, "zone"));
	if (paglets_property_set(c, "zone", NULL) != 0)
		paglets_reply_text(c, "failed", paglets_error_type(c));
	paglets_reply_value(c, "created", paglets_create(c, &what));
	return paglets_reply_value(c, "said", paglets_arg(c, "say"));
}

static int
busy_leave(struct paglets_call *c)
{
	return paglets_dispose(c);
}

static int
busy_mute(struct paglets_call *c)
{
	(void)c;
	return -1;
}

/* Adding to a reply adds nothing to the state it was taken from. */
static int
busy_extend(struct paglets_call *c)
{
	struct busy *s = paglets_state(c);

	paglets_tree_put(&s->notes, "kept", paglets_int(c, 1));
	paglets_reply(c, s->notes.v);
	paglets_reply_int(c, "added", 2);
	return paglets_reply_int(c, "added",
	    (int64_t)paglets_count(s->notes.v));
}

static int
busy_log(struct paglets_call *c)
{
	paglets_log(c, PAGLETS_WARN, "%d\n%s", 5, "\xff");
	return 0;
}

static int
busy_long(struct paglets_call *c)
{
	char *p = pg_alloc(2 * PG_INVOKE_ERROR_MAX);

	memset(p, 'e', (size_t)paglets_arg_int(c, "n", 0));
	paglets_fail(c, "HostError", "%s", p);
	free(p);
	return -1;
}

static int
busy_types(struct paglets_call *c)
{
	paglets_reply_float(c, "f", paglets_arg_float(c, "f", 1.5));
	paglets_reply_bool(c, "b", paglets_arg_bool(c, "b", true));
	paglets_reply_text(c, "t", paglets_arg_text(c, "t", "none"));
	return paglets_reply_text(c, "id", paglets_message_id(c));
}

static int
busy_sleep(struct paglets_call *c)
{
	return paglets_deactivate(c, NULL, NULL);
}

/* A hook asks its host for what todo says. */
static int
busy_hook(struct paglets_call *c)
{
	struct busy *s = paglets_state(c);
	const char *todo = s->todo.p;

	if (strcmp(todo, "dispatch") == 0)
		return paglets_dispatch(c, "beta");
	if (strcmp(todo, "clone") == 0)
		return paglets_clone(c, NULL) != NULL ? 0 : -1;
	if (strcmp(todo, "dispose") == 0)
		return paglets_dispose(c);
	if (strcmp(todo, "deactivate") == 0)
		return paglets_deactivate(c, NULL, NULL);
	if (strcmp(todo, "send") == 0)
		return paglets_send_oneway(c, NULL, "x", "hello", NULL);
	if (strcmp(todo, "property") == 0)
		return paglets_property_set(c, "zone", "z");
	if (strcmp(todo, "hosts") == 0)
		return paglets_hosts(c) != NULL ? 0 : -1;
	if (*todo == '\0')
		paglets_log(c, PAGLETS_INFO, "%s", paglets_hook_name(c));
	return 0;
}

/* Of what is left to do, a hook leaves nothing. */
static int
busy_failed_hook(struct paglets_call *c)
{
	struct busy *s = paglets_state(c);

	s->left = 0;
	return 0;
}

static int64_t
busy_run(struct paglets_call *c)
{
	struct busy *s = paglets_state(c);

	s->steps++;
	if (s->left-- > 0)
		return 1;
	if (strcmp(s->todo.p, "fail") == 0)
		return paglets_fail(c, "TransferError", "no way");
	if (strcmp(s->todo.p, "ask") == 0)
		return paglets_hosts(c) != NULL ? PAGLETS_RUN_DONE : 1000;
	return PAGLETS_RUN_DONE;
}

static int
busy_steps(struct paglets_call *c)
{
	struct busy *s = paglets_state(c);

	return paglets_reply(c, paglets_int(c, s->steps));
}

static int
busy_upgrade(struct paglets_call *c, int64_t from,
    struct paglets_value *state)
{
	if (from == 1)
		return paglets_fail(c, "HostError", "too old");
	if (paglets_get(state, "leave") != NULL)
		return paglets_dispose(c);
	/* Schema 0 said `count` for what is now `steps`. */
	return paglets_set(c, state, "steps", paglets_get(state, "count"));
}

static int
busy_where(struct paglets_call *c)
{
	return paglets_reply_text(c, "url", paglets_host_address(c));
}

static const struct paglets_class busy_class = {
	PAGLETS_CLASS("demo.busy:BusyAgent", struct busy, busy_fields),
	.schema = 2,
	.handlers = (struct paglets_handler[]){
		{ "send", busy_send }, { "oneway", busy_oneway },
		{ "ask", busy_ask }, { "leave", busy_leave },
		{ "mute", busy_mute }, { "log", busy_log },
		{ "extend", busy_extend }, { "long", busy_long },
		{ "types", busy_types }, { "sleep", busy_sleep },
		{ "steps", busy_steps }, { "where", busy_where }, { 0 } },
	.hooks = (struct paglets_hook[]){ { "disposing", busy_hook },
		{ "arrival", busy_hook }, { "dispatching", busy_hook },
		{ "dispatch_failed", busy_failed_hook }, { 0 } },
	.run = busy_run,
	.upgrade = busy_upgrade,
	.restart = PAGLETS_RESTART_ON_CRASH,
};

static const struct paglets_class stale_class = {
	.abi = PAGLETS_ABI + 1, .name = "demo.stale:Stale",
};

static const struct paglets_class *lab_classes[] = { NULL, &plain_class,
	&busy_class, &stale_class, NULL };

/* ---- The host's side ---- */

struct lab {
	pid_t pid;
	int sock;
	uint32_t id;
	struct pg_frame_reader in;
	struct pg_frame_out out;
	struct pg_frame f;
	struct pg_arena a;
	struct pg_err e;
};

static void
lab_child(int sock, pid_t parent)
{
	char pid[16];
	char *argv[] = { "paglets-agent", pid, NULL };

	snprintf(pid, sizeof(pid), "%d", (int)parent);
	if (sock != PG_PROC_FD)
		dup2(sock, PG_PROC_FD);
	exit(pg_runtime_main(2, argv));
}

static int
lab_open(void **state)
{
	struct lab *t = calloc(1, sizeof(*t));
	pid_t parent = getpid();
	int fd[2];

	assert_non_null(t);
	assert_int_equal(pg_sock_pair(fd, &t->e), 0);
	fflush(NULL);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		close(fd[0]);
		free(t);
		lab_child(fd[1], parent);
	}
	close(fd[1]);
	t->sock = fd[0];
	*state = t;
	return 0;
}

/* The exit status of the child, which is about to end. */
static int
lab_ended(struct lab *t)
{
	int status;

	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	t->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A child that is left ends well when its host is gone. */
static int
lab_close(void **state)
{
	struct lab *t = *state;
	int rc = 0;

	close(t->sock);
	if (t->pid > 0)
		rc = lab_ended(t);
	pg_frame_reader_fini(&t->in);
	pg_frame_out_fini(&t->out);
	pg_arena_fini(&t->a);
	free(t);
	return rc;
}

static struct pg_str
lab_pickle(struct lab *t, const char *json)
{
	struct pg_out o = { .arg = NULL };
	struct pg_value *v;
	struct pg_str s;

	if (*json == '\0')
		return PG_STR_NULL;
	if (pg_json_read(pg_str(json), &t->a, &v, &t->e) < 0 ||
	    pg_pickle_value(&o, v, &t->e) < 0)
		fail_msg("%s: %s", json, t->e.msg);
	s = pg_arena_str(&t->a, pg_buf_str(&o.buf));
	pg_buf_fini(&o.buf);
	return s;
}

static const char *
lab_json(struct lab *t, struct pg_str pickle)
{
	struct pg_buf b = { .max = 0 };
	struct pg_value *v;
	const char *z;

	if (pickle.n == 0)
		return "";
	if (pg_pickle_read_value(pickle, &t->a, 0, &v, &t->e) < 0 ||
	    pg_json_write(&b, v, &t->e) < 0)
		fail_msg("a bad value: %s", t->e.msg);
	z = pg_arena_str(&t->a, pg_buf_str(&b)).p;
	pg_buf_fini(&b);
	return z;
}

static void
lab_say(struct lab *t, enum pg_frame_type type, uint32_t id,
    const char *head, const char *body)
{
	assert_int_equal(pg_frame_put(&t->out, type, id, lab_pickle(t, head),
	    lab_pickle(t, body), NULL, 0, 0, &t->e), 0);
	assert_int_equal(pg_frame_flush(&t->out, t->sock), 1);
}

/* The next frame in t->f; false at the end of the line. */
static bool
lab_hear(struct lab *t)
{
	struct pg_err e = { 0 };
	struct pollfd p = { .fd = t->sock, .events = POLLIN };
	int rc;

	while ((rc = pg_frame_next(&t->in, &t->f, &e)) == 0) {
		assert_int_equal(poll(&p, 1, 60000), 1);
		if (pg_frame_fill(&t->in, t->sock) <= 0)
			return false;
	}
	assert_int_equal(rc, 1);
	return true;
}

static void
lab_expect(struct lab *t, enum pg_frame_type type, uint32_t id,
    const char *head, const char *body)
{
	assert_true(lab_hear(t));
	assert_string_equal(lab_json(t, t->f.head), head);
	assert_string_equal(lab_json(t, t->f.body), body);
	assert_int_equal(t->f.type, type);
	if (type != PG_FRAME_CALL)
		assert_int_equal(t->f.id, id);
}

static uint32_t
lab_expect_call(struct lab *t, const char *op, const char *body)
{
	char head[64];

	snprintf(head, sizeof(head), "{\"op\": \"%s\"}", op);
	lab_expect(t, PG_FRAME_CALL, 0, head, body);
	assert_true((t->f.id & PG_FRAME_CALL_ID) != 0);
	return t->f.id;
}

static void
lab_start_as(struct lab *t, const char *class, const char *more,
    const char *state)
{
	char *head = malloc(4096);

	snprintf(head, 4096, "{\"proto\": %d, \"abi\": \"%s\", "
	    "\"class\": \"%s\", \"state_class\": \"\", \"agent_id\": \"a-1\", "
	    "\"host_name\": \"alpha\", \"host_address\": \"http://a:1\"%s}",
	    PG_FRAME_PROTO, pg_runtime_abi(), class, more);
	lab_say(t, PG_FRAME_START, ++t->id, head, state);
	free(head);
}

#define COUNTER "paglets_demo.counter:CounterPaglet"
#define BUSY "demo.busy:BusyAgent"

static void
lab_start(struct lab *t, const char *class)
{
	lab_start_as(t, class, "", "{}");
	assert_true(lab_hear(t));
	assert_int_equal(t->f.type, PG_FRAME_REPLY);
	assert_string_equal(lab_json(t, t->f.head), "");
}

static void
lab_tell(struct lab *t, const char *kind, const char *args)
{
	char *body = malloc(4096);

	snprintf(body, 4096, "{\"kind\": \"%s\", \"args\": %s, "
	    "\"message_id\": \"m\"}", kind, args);
	lab_say(t, PG_FRAME_MESSAGE, ++t->id, "", body);
	free(body);
}

static void
lab_ask(struct lab *t, const char *kind, const char *args,
    const char *result)
{
	lab_tell(t, kind, args);
	lab_expect(t, PG_FRAME_REPLY, t->id, "", result);
}

static void
lab_refused(struct lab *t, const char *type, const char *text)
{
	char *head = malloc(4096);

	snprintf(head, 4096, "{\"error_type\": \"%s\", \"error\": \"%s\"}",
	    type, text);
	lab_expect(t, PG_FRAME_REPLY, t->id, head, "");
	free(head);
}

/* ---- Life ---- */

static void
test_start_and_stop(void **state)
{
	struct lab *t = *state;

	lab_start_as(t, COUNTER, ", \"event\": \"creation\", "
	    "\"init\": {\"why\": [1]}", "{\"count\": 4}");
	lab_expect(t, PG_FRAME_REPLY, 1, "", "{\"run\": false, \"state\": "
	    "{\"count\": 4, \"label\": \"\", \"blob\": "
	    "{\"__paglets_binary__\": \"bytes\", \"base64\": \"\"}, "
	    "\"history\": [\"creation@alpha\"], "
	    "\"data\": {\"init\": {\"why\": [1]}}}}");
	lab_say(t, PG_FRAME_STOP, 0, "", "");
	assert_int_equal(lab_ended(t), 0);
}

static void
test_host_gone(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	shutdown(t->sock, SHUT_RDWR);
	assert_int_equal(lab_ended(t), 0);
}

static void
test_start_refused(void **state)
{
	static const char *const rows[][4] = {
		{ "no.such:Thing", "{}", "SerializationError",
		    "Cannot import module 'no.such'" },
		{ COUNTER, "[1]", "SerializationError",
		    "Expected dict payload for the state of " COUNTER
		    ", got list" },
		{ COUNTER, "{\"count\": \"x\"}", "SerializationError",
		    "state field 'count' must be int, got str" },
		{ BUSY, "{\"_schema\": 1}", "SerializationError",
		    "state of schema 1 cannot be used: too old" },
		{ BUSY, "{\"_schema\": 3}", "SerializationError",
		    "state of " BUSY " has schema 3, this host knows up to "
		    "2" },
	};

	for (size_t i = 0; i < PG_COUNT(rows); i++) {
		struct lab *t = *state;

		lab_start_as(t, rows[i][0], "", rows[i][1]);
		lab_refused(t, rows[i][2], rows[i][3]);
		assert_int_equal(lab_close(state), 0);
		assert_int_equal(lab_open(state), 0);
	}
}

static void
test_example_of_the_header(void **state)
{
	struct lab *t = *state;

	lab_start(t, "demo.counter:Counter");
	lab_ask(t, "increment", "{}", "{\"count\": 1}");
	lab_ask(t, "increment", "{\"by\": \"4\"}", "{\"count\": 5}");
	/* What is wrong changes nothing. */
	lab_tell(t, "increment", "{\"by\": \"x\"}");
	lab_refused(t, "HostError", "argument 'by' must be int, got str");
	lab_ask(t, "increment", "{\"by\": null}", "{\"count\": 6}");
	lab_tell(t, "increment", "{\"by\": 9223372036854775808}");
	lab_refused(t, "HostError",
	    "argument 'by' must be int, got one beyond 64 bits");
	lab_tell(t, "whatever", "{}");
	lab_refused(t, "NotHandledError", "Counter did not handle 'whatever'");
	lab_say(t, PG_FRAME_SNAPSHOT, 50, "", "");
	lab_expect(t, PG_FRAME_REPLY, 50, "", "{\"count\": 6}");
}

/* ---- The demo paglet ---- */

static void
test_counter_messages(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_ask(t, "ping", "{}", "\"pong\"");
	lab_ask(t, "increment", "{\"by\": 2, \"tag\": \"t\"}",
	    "{\"count\": 2}");
	lab_ask(t, "set", "{\"label\": \"L\", \"data\": {\"k\": 1.0}}",
	    "{\"ok\": true}");
	lab_tell(t, "set", "{\"label\": \"M\", \"history\": 5}");
	lab_refused(t, "HostError",
	    "state field 'history' must be list, got int");
	lab_ask(t, "fill", "{\"n\": 3}", "{\"size\": 3}");
	lab_ask(t, "sleep", "{\"seconds\": 0.001, \"tag\": \"s\"}",
	    "{\"slept\": 0.001}");
	lab_ask(t, "sleep", "{}", "{\"slept\": 0}");
	lab_ask(t, "get", "{}", "{\"count\": 2, \"label\": \"L\", "
	    "\"blob\": {\"__paglets_binary__\": \"bytes\", "
	    "\"base64\": \"eHh4\"}, \"history\": [\"t\", \"s\"], "
	    "\"data\": {\"k\": 1.0}, \"agent_id\": \"a-1\", "
	    "\"host\": \"alpha\"}");
	lab_tell(t, "fill", "{\"n\": -1}");
	lab_refused(t, "HostError",
	    "argument 'n' must be from 0 to 1073741824");
	lab_tell(t, "fill", "{\"n\": 1073741825}");
	lab_refused(t, "HostError",
	    "argument 'n' must be from 0 to 1073741824");
	lab_tell(t, "sleep", "{\"seconds\": -1}");
	lab_refused(t, "HostError", "sleep length must be non-negative");
	lab_tell(t, "enlist", "{\"path\": \"x\"}");
	lab_refused(t, "NotHandledError",
	    "CounterPaglet did not handle 'enlist'");
}

static void
test_counter_echo_and_meta(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_say(t, PG_FRAME_MESSAGE, 9, "", "{\"kind\": \"echo\", \"args\": "
	    "{\"big\": 1180591620717411303424, \"n\": null, \"l\": [1, [2]], "
	    "\"nan\": NaN}, \"arg\": [1, {\"x\": 2}]}");
	lab_expect(t, PG_FRAME_REPLY, 9, "", "{\"args\": "
	    "{\"big\": 1180591620717411303424, \"n\": null, \"l\": [1, [2]], "
	    "\"nan\": NaN}, \"arg\": [1, {\"x\": 2}]}");
	lab_say(t, PG_FRAME_MESSAGE, 10, "", "{\"kind\": \"meta\", \"args\": "
	    "{}, \"arg\": null, \"sender\": \"http://me\", \"reply_to\": "
	    "\"r\", \"priority\": 7, \"message_type\": 1, \"timestamp\": "
	    "1.25, \"message_id\": \"0123\"}");
	lab_expect(t, PG_FRAME_REPLY, 10, "", "{\"kind\": \"meta\", "
	    "\"sender\": \"http://me\", \"reply_to\": \"r\", \"priority\": 7, "
	    "\"message_type\": 1, \"message_id\": \"0123\", \"timestamp\": "
	    "1.25}");
}

/* What recordings 068 to 085 say, but for ValueError (QUIRKS, on purpose). */
static void
test_counter_fail(void **state)
{
	static const char *const rows[][2] = {
		{ "RuntimeError", "HostError" },
		{ "ValueError", "HostError" },
		{ "PagletError", "HostError" },
		{ "SerializationError", "HostError" },
		{ "HostError", "HostError" },
		{ "AuthenticationError", "AuthenticationError" },
		{ "ForbiddenError", "ForbiddenError" },
		{ "ServiceContractError", "ServiceContractError" },
		{ "ServiceNotFoundError", "ServiceNotFoundError" },
		{ "RemoteHostError", "RemoteHostError" },
		{ "InvalidAgentError", "InvalidAgentError" },
		{ "PagletInactiveError", "PagletInactiveError" },
		{ "PagletCrashedError", "PagletCrashedError" },
		{ "NotHandledError", "NotHandledError" },
		{ "LifecycleError", "LifecycleError" },
		{ "TransferError", "TransferError" },
		{ "MailboxFullError", "MailboxFullError" },
	};
	struct lab *t = *state;
	char args[128];

	lab_start(t, COUNTER);
	for (size_t i = 0; i < PG_COUNT(rows); i++) {
		snprintf(args, sizeof(args), "{\"error_type\": \"%s\", "
		    "\"error\": \"%s text\"}", rows[i][0], rows[i][0]);
		lab_tell(t, "fail", args);
		snprintf(args, sizeof(args), "%s text", rows[i][0]);
		lab_refused(t, rows[i][1], args);
	}
	lab_tell(t, "fail", "{\"error_type\": \"KeyError\", "
	    "\"error\": \"KeyError text\"}");
	lab_refused(t, "HostError", "'KeyError text'");
	lab_tell(t, "fail", "{}");
	lab_refused(t, "HostError", "boom");
}

static void
test_counter_crash(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_tell(t, "crash", "{}");
	assert_false(lab_hear(t));
	assert_int_equal(lab_ended(t), 3);
}

static void
test_hooks(void **state)
{
	static const char *const names[] = { "dispatching", "arrival",
		"reverting", "cloning", "clone", "cloned", "deactivating",
		"activation", "disposing" };
	struct lab *t = *state;
	char head[64];

	lab_start(t, COUNTER);
	for (size_t i = 0; i < PG_COUNT(names); i++) {
		snprintf(head, sizeof(head), "{\"name\": \"%s\"}", names[i]);
		lab_say(t, PG_FRAME_HOOK, 5, head, "");
		lab_expect(t, PG_FRAME_REPLY, 5, "", "null");
	}
	lab_say(t, PG_FRAME_HOOK, 6, "{\"name\": \"unheard_of\"}", "");
	lab_expect(t, PG_FRAME_REPLY, 6, "", "null");
	lab_say(t, PG_FRAME_HOOK, 6, "{\"name\": \"dispatch_failed\"}", "");
	lab_expect(t, PG_FRAME_REPLY, 6, "", "null");
	lab_say(t, PG_FRAME_SNAPSHOT, 7, "", "");
	lab_expect(t, PG_FRAME_REPLY, 7, "", "{\"count\": 0, \"label\": \"\", "
	    "\"blob\": {\"__paglets_binary__\": \"bytes\", \"base64\": \"\"}, "
	    "\"history\": [\"dispatching@alpha\", \"arrival@alpha\", "
	    "\"reverting@alpha\", \"cloning@alpha\", \"clone@alpha\", "
	    "\"cloned@alpha\", \"deactivating@alpha\", \"activation@alpha\", "
	    "\"disposing@alpha\"], \"data\": {}}");
}

/* ---- Calls to the host ---- */

static void
test_dispatch(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, COUNTER);
	lab_tell(t, "go", "{\"target\": \"beta\", \"ticket\": null}");
	call = lab_expect_call(t, "dispatch", "{\"target\": \"beta\"}");
	lab_say(t, PG_FRAME_HOOK, call, "{\"name\": \"dispatching\"}", "");
	lab_expect(t, PG_FRAME_REPLY, call, "", "null");
	lab_say(t, PG_FRAME_SNAPSHOT, call, "", "");
	assert_true(lab_hear(t));
	assert_int_equal(t->f.id, call);
	assert_non_null(strstr(lab_json(t, t->f.body),
	    "\"history\": [\"dispatching@alpha\"]"));
	lab_say(t, PG_FRAME_RESULT, call, "{\"error_type\": "
	    "\"TransferError\", \"error\": \"nobody there\"}", "");
	lab_refused(t, "TransferError", "nobody there");
	/* It stayed and works. */
	lab_ask(t, "ping", "{}", "\"pong\"");
	lab_tell(t, "go", "{\"ticket\": {\"destination\": \"beta\"}, "
	    "\"target\": \"gamma\"}");
	assert_int_not_equal(lab_expect_call(t, "dispatch",
	    "{\"ticket\": {\"destination\": \"beta\"}}"), call);
	lab_say(t, PG_FRAME_STOP, 0, "", "");
	assert_false(lab_hear(t));
	assert_int_equal(lab_ended(t), 0);
}

static void
test_dispatch_told_of_success(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, COUNTER);
	lab_tell(t, "go", "{\"target\": \"beta\"}");
	call = lab_expect_call(t, "dispatch", "{\"target\": \"beta\"}");
	lab_say(t, PG_FRAME_RESULT, call, "", "null");
	lab_say(t, PG_FRAME_STOP, 0, "", "");
	assert_false(lab_hear(t));
	assert_int_equal(lab_ended(t), 0);
}

static void
test_pause(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, COUNTER);
	lab_tell(t, "pause", "{\"policy\": {\"activate_at\": 5.5}}");
	call = lab_expect_call(t, "deactivate", "{\"request\": {\"reason\": "
	    "\"pause\", \"source\": \"self\", \"policy\": "
	    "{\"activate_at\": 5.5}}}");
	lab_say(t, PG_FRAME_RESULT, call, "{\"error_type\": "
	    "\"LifecycleError\", \"error\": \"not now\"}", "");
	lab_refused(t, "LifecycleError", "not now");
	lab_tell(t, "pause", "{}");
	call = lab_expect_call(t, "deactivate", "{\"request\": {\"reason\": "
	    "\"pause\", \"source\": \"self\"}}");
	lab_say(t, PG_FRAME_HOOK, call, "{\"name\": \"deactivating\"}", "");
	lab_expect(t, PG_FRAME_REPLY, call, "", "null");
	lab_say(t, PG_FRAME_SNAPSHOT, call, "", "");
	assert_true(lab_hear(t));
	assert_non_null(strstr(lab_json(t, t->f.body),
	    "\"history\": [\"deactivating@alpha\"]"));
	lab_say(t, PG_FRAME_STOP, 0, "", "");
	assert_false(lab_hear(t));
	assert_int_equal(lab_ended(t), 0);
}

static void
test_deactivate_without_a_reason(void **state)
{
	struct lab *t = *state;

	lab_start(t, BUSY);
	lab_tell(t, "sleep", "{}");
	lab_expect_call(t, "deactivate", "{\"request\": {\"reason\": "
	    "\"deactivate\", \"source\": \"self\"}}");
	lab_say(t, PG_FRAME_STOP, 0, "", "");
	assert_false(lab_hear(t));
	assert_int_equal(lab_ended(t), 0);
}

static void
test_clone(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, COUNTER);
	lab_tell(t, "fork", "{}");
	call = lab_expect_call(t, "clone", "{}");
	lab_say(t, PG_FRAME_HOOK, call, "{\"name\": \"cloning\"}", "");
	lab_expect(t, PG_FRAME_REPLY, call, "", "null");
	lab_say(t, PG_FRAME_RESULT, call, "", "{\"host_url\": \"http://a\", "
	    "\"agent_id\": \"a-2\"}");
	lab_expect(t, PG_FRAME_REPLY, t->id, "", "{\"host_url\": "
	    "\"http://a\", \"agent_id\": \"a-2\"}");
	lab_tell(t, "fork", "{\"target\": \"beta\"}");
	call = lab_expect_call(t, "clone", "{\"target\": \"beta\"}");
	lab_say(t, PG_FRAME_RESULT, call, "{\"error_type\": "
	    "\"RemoteHostError\", \"error\": \"late\", \"code\": "
	    "\"timeout\"}", "");
	/* The finer code travels on. */
	lab_expect(t, PG_FRAME_REPLY, t->id, "{\"error_type\": "
	    "\"RemoteHostError\", \"error\": \"late\", \"code\": "
	    "\"timeout\"}", "");
}

/* The address that the host has now, with the message; then it holds. */
static void
test_address(void **state)
{
	struct lab *t = *state;

	lab_start(t, BUSY);
	lab_ask(t, "where", "{}", "{\"url\": \"http://a:1\"}");
	lab_say(t, PG_FRAME_MESSAGE, 5, "{\"host_address\": "
	    "\"http://a:2\"}", "{\"kind\": \"where\"}");
	lab_expect(t, PG_FRAME_REPLY, 5, "", "{\"url\": \"http://a:2\"}");
	lab_ask(t, "where", "{}", "{\"url\": \"http://a:2\"}");
}

static void
test_send(void **state)
{
	struct lab *t = *state;
	const struct pg_value *body;
	struct pg_value *v;
	uint32_t call;
	double timeout;
	char head[64];

	lab_start(t, BUSY);
	snprintf(head, sizeof(head), "{\"deadline\": %" PRId64 "}",
	    pg_now() + 1000 * PG_SEC);
	lab_say(t, PG_FRAME_MESSAGE, 5, head,
	    "{\"kind\": \"send\", \"args\": {\"to\": \"b-1\", \"with\": "
	    "{\"n\": 1}}}");
	assert_true(lab_hear(t));
	call = t->f.id;
	assert_int_equal(pg_pickle_read_value(t->f.body, &t->a, 0, &v, &t->e),
	    0);
	assert_true(pg_value_number(pg_value_get(v, "timeout"), &timeout));
	assert_true(timeout > 900 && timeout <= 1000);
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(v, "agent_id"),
	    PG_STR_NULL), "b-1"));
	assert_null(pg_value_get(v, "host_url"));
	body = pg_value_get(v, "message");
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(body, "sender"),
	    PG_STR_NULL), "a-1"));
	lab_say(t, PG_FRAME_RESULT, call, "", "[\"answer\"]");
	lab_expect(t, PG_FRAME_REPLY, 5, "", "[\"answer\"]");

	lab_say(t, PG_FRAME_MESSAGE, 6, "{\"deadline\": 1}",
	    "{\"kind\": \"send\"}");
	lab_expect(t, PG_FRAME_REPLY, 6, "{\"error_type\": "
	    "\"RemoteHostError\", \"error\": \"no time is left to send "
	    "'hello' to x\", \"code\": \"timeout\"}", "");

	lab_tell(t, "oneway", "{}");
	assert_true(lab_hear(t));
	lab_say(t, PG_FRAME_RESULT, t->f.id, "", "null");
	lab_expect(t, PG_FRAME_REPLY, t->id, "", "null");
}

/* Another agent's answer may be nonsense: that is its fault, not ours. */
static void
test_send_answered_by_nonsense(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, BUSY);
	lab_tell(t, "send", "{}");
	assert_true(lab_hear(t));
	call = t->f.id;
	assert_int_equal(pg_frame_put(&t->out, PG_FRAME_RESULT, call,
	    PG_STR_NULL, PG_STR("cos\nsystem\n"), NULL, 0, 0, &t->e), 0);
	assert_int_equal(pg_frame_flush(&t->out, t->sock), 1);
	lab_expect(t, PG_FRAME_REPLY, t->id, "{\"error_type\": "
	    "\"HostError\", \"error\": \"the answer cannot be read: pickle "
	    "opcode GLOBAL in a bare value at byte 0\"}", "");
	lab_ask(t, "where", "{}", "{\"url\": \"http://a:1\"}");
}

static void
test_other_calls(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, BUSY);
	lab_tell(t, "ask", "{\"say\": \"kept through all of it\"}");
	call = lab_expect_call(t, "hosts", "{}");
	lab_say(t, PG_FRAME_RESULT, call, "", "[{\"name\": \"alpha\"}]");
	call = lab_expect_call(t, "property_get", "{\"name\": \"zone\"}");
	lab_say(t, PG_FRAME_RESULT, call, "", "null");
	call = lab_expect_call(t, "property_set",
	    "{\"name\": \"zone\", \"value\": null}");
	lab_say(t, PG_FRAME_RESULT, call, "{\"error_type\": "
	    "\"ForbiddenError\", \"error\": \"no\"}", "");
	call = lab_expect_call(t, "create", "{\"agent_class_name\": "
	    "\"m:NewPaglet\", \"state_class_name\": \"m:NewState\", "
	    "\"target\": \"beta\", \"init\": 5}");
	lab_say(t, PG_FRAME_RESULT, call, "", "{\"agent_id\": \"n\"}");
	lab_expect(t, PG_FRAME_REPLY, t->id, "", "{\"hosts\": [{\"name\": "
	    "\"alpha\"}], \"zone\": null, \"failed\": \"ForbiddenError\", "
	    "\"created\": {\"agent_id\": \"n\"}, \"said\": "
	    "\"kept through all of it\"}");
}

static void
lab_refused_in_hook(struct lab *t, uint32_t id, const char *op)
{
	char head[128];

	snprintf(head, sizeof(head), "{\"error_type\": \"LifecycleError\", "
	    "\"error\": \"paglets_%s: not within a hook\"}", op);
	lab_expect(t, PG_FRAME_REPLY, id, head, "");
}

/* A START with the hook arrival, which does what todo says. */
static void
lab_arrive(struct lab *t, const char *todo)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"_schema\": 2, \"left\": 5, "
	    "\"todo\": \"%s\"}", todo);
	lab_start_as(t, BUSY, ", \"event\": \"arrival\"", body);
}

/* Who has hardly begun to live can neither leave nor end. */
static void
test_first_hook_may_not_leave(void **state)
{
	static const char *const ops[] = { "dispatch", "clone", "dispose",
		"deactivate" };

	for (size_t i = 0; i < PG_COUNT(ops); i++) {
		lab_arrive(*state, ops[i]);
		lab_refused_in_hook(*state, 1, ops[i]);
		assert_int_equal(lab_close(state), 0);
		assert_int_equal(lab_open(state), 0);
	}
	lab_start_as(*state, BUSY, "", "{\"leave\": true}");
	lab_expect(*state, PG_FRAME_REPLY, 1, "{\"error_type\": "
	    "\"SerializationError\", \"error\": \"state of schema 0 cannot "
	    "be used: paglets_dispose: not within a hook\"}", "");
}

static void
test_first_hook_may_ask(void **state)
{
	static const char *const rows[][2] = {
		{ "send", "send" },
		{ "hosts", "hosts" },
		{ "property", "property_set" },
	};
	struct lab *t;
	char head[64];

	for (size_t i = 0; i < PG_COUNT(rows); i++) {
		t = *state;
		lab_arrive(t, rows[i][0]);
		assert_true(lab_hear(t));
		assert_int_equal(t->f.type, PG_FRAME_CALL);
		snprintf(head, sizeof(head), "{\"op\": \"%s\"}", rows[i][1]);
		assert_string_equal(lab_json(t, t->f.head), head);
		lab_say(t, PG_FRAME_RESULT, t->f.id, "", "null");
		assert_true(lab_hear(t));
		assert_int_equal(t->f.type, PG_FRAME_REPLY);
		assert_int_equal(t->f.id, 1);
		assert_string_equal(lab_json(t, t->f.head), "");
		assert_int_equal(lab_close(state), 0);
		assert_int_equal(lab_open(state), 0);
	}
}

/* While the host waits for a hook, nothing may be asked of it. */
static void
test_other_hooks_may_only_log(void **state)
{
	static const char *const rows[][2] = {
		{ "dispatch", "dispatch" }, { "clone", "clone" },
		{ "dispose", "dispose" }, { "deactivate", "deactivate" },
		{ "send", "send" }, { "hosts", "hosts" },
		{ "property", "property_set" },
	};
	struct lab *t;
	char body[64];

	for (size_t i = 0; i < PG_COUNT(rows); i++) {
		t = *state;
		snprintf(body, sizeof(body), "{\"_schema\": 2, \"todo\": "
		    "\"%s\"}", rows[i][0]);
		lab_start_as(t, BUSY, "", body);
		assert_true(lab_hear(t));
		lab_say(t, PG_FRAME_HOOK, 5, "{\"name\": \"dispatching\"}",
		    "");
		lab_refused_in_hook(t, 5, rows[i][1]);
		assert_int_equal(lab_close(state), 0);
		assert_int_equal(lab_open(state), 0);
	}
	t = *state;
	lab_start(t, BUSY);
	lab_say(t, PG_FRAME_HOOK, 5, "{\"name\": \"dispatching\"}", "");
	lab_expect(t, PG_FRAME_LOG, 0,
	    "{\"level\": \"info\", \"text\": \"dispatching\"}", "");
	lab_expect(t, PG_FRAME_REPLY, 5, "", "null");
}

static void
test_no_call_within_a_call(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start_as(t, BUSY, "", "{\"_schema\": 2, \"todo\": \"hosts\"}");
	assert_true(lab_hear(t));
	lab_tell(t, "leave", "{}");
	call = lab_expect_call(t, "dispose", "{}");
	lab_say(t, PG_FRAME_HOOK, call, "{\"name\": \"disposing\"}", "");
	lab_refused_in_hook(t, call, "hosts");
	lab_say(t, PG_FRAME_STOP, 0, "", "");
	assert_int_equal(lab_ended(t), 0);
}

static void
test_handler_oddities(void **state)
{
	struct lab *t = *state;

	lab_start(t, BUSY);
	lab_tell(t, "mute", "{}");
	lab_refused(t, "HostError",
	    "message 'mute' failed without saying why");
	lab_tell(t, "log", "{}");
	lab_expect(t, PG_FRAME_LOG, 0,
	    "{\"level\": \"warn\", \"text\": \"5\\n?\"}", "");
	lab_expect(t, PG_FRAME_REPLY, t->id, "", "null");
	lab_ask(t, "extend", "{}", "{\"kept\": 1, \"added\": 1}");
	lab_ask(t, "extend", "{}", "{\"kept\": 1, \"added\": 1}");
	lab_ask(t, "types", "{}", "{\"f\": 1.5, \"b\": true, \"t\": "
	    "\"none\", \"id\": \"m\"}");
	lab_ask(t, "types", "{\"f\": 2, \"b\": false, \"t\": \"x\"}",
	    "{\"f\": 2.0, \"b\": false, \"t\": \"x\", \"id\": \"m\"}");
	lab_tell(t, "types", "{\"f\": \"two\"}");
	lab_refused(t, "HostError", "argument 'f' must be float, got str");
	lab_tell(t, "types", "{\"b\": 1}");
	lab_refused(t, "HostError", "argument 'b' must be bool, got int");
	lab_tell(t, "types", "{\"t\": []}");
	lab_refused(t, "HostError", "argument 't' must be str, got list");
}

static void
test_error_length(void **state)
{
	struct lab *t = *state;
	struct pg_value *v;
	char args[64];

	lab_start(t, BUSY);
	for (int i = -1; i <= 1; i++) {
		snprintf(args, sizeof(args), "{\"n\": %d}",
		    PG_INVOKE_ERROR_MAX + i);
		lab_tell(t, "long", args);
		assert_true(lab_hear(t));
		assert_int_equal(pg_pickle_read_value(t->f.head, &t->a, 0,
		    &v, &t->e), 0);
		assert_int_equal(pg_value_get(v, "error")->n,
		    PG_INVOKE_ERROR_MAX + PG_MIN(i, 0));
	}
}

/* ---- Large things ---- */

static void
test_large_state(void **state)
{
	struct lab *t = *state;
	size_t n = 5 * 1024 * 1024;
	struct pg_value *d = pg_value_dict(&t->a), *v;
	struct pg_out o = { .arg = NULL };
	char *p = pg_alloc(n);

	memset(p, 'q', n);
	pg_value_put(&t->a, d, PG_STR("blob"), pg_value_bytes(&t->a,
	    PG_T_BYTES, (struct pg_str){ p, n }));
	lab_start(t, COUNTER);
	v = pg_value_dict(&t->a);
	pg_value_put(&t->a, v, PG_STR("kind"), pg_value_strz(&t->a, "set"));
	pg_value_put(&t->a, v, PG_STR("args"), d);
	assert_int_equal(pg_pickle_value(&o, v, &t->e), 0);
	assert_int_equal(pg_frame_put(&t->out, PG_FRAME_MESSAGE, 77,
	    PG_STR_NULL, pg_buf_str(&o.buf), NULL, 0, 0, &t->e), 0);
	assert_int_equal(pg_frame_flush(&t->out, t->sock), 1);
	lab_expect(t, PG_FRAME_REPLY, 77, "", "{\"ok\": true}");
	lab_ask(t, "increment", "{}", "{\"count\": 1}");
	lab_say(t, PG_FRAME_SNAPSHOT, 78, "", "");
	assert_true(lab_hear(t));
	assert_non_null(t->f.bulk);
	assert_int_equal(pg_pickle_read_value(t->f.body, &t->a, 0, &v, &t->e),
	    0);
	v = pg_value_get(v, "blob");
	assert_int_equal(v->n, n);
	assert_memory_equal(v->u.p, p, n);
	pg_buf_fini(&o.buf);
	free(p);
}

static void
test_start_with_a_memfd(void **state)
{
	struct lab *t = *state;
	size_t n = 1024 * 1024;
	char *json = pg_alloc(n + 64);

	memset(json, 'w', n);
	memcpy(json, "{\"label\": \"", 11);
	memcpy(json + n, "\"}", 2);
	lab_start_as(t, COUNTER, "", json);
	/* Too heavy to come with the reply. */
	lab_expect(t, PG_FRAME_REPLY, 1, "", "{\"run\": false}");
	lab_say(t, PG_FRAME_SNAPSHOT, 2, "", "");
	assert_true(lab_hear(t));
	assert_true(t->f.body.n >= n);
	free(json);
}

/* ---- Run ---- */

static void
test_run(void **state)
{
	struct lab *t = *state;

	lab_start_as(t, BUSY, ", \"event\": \"creation\"",
	    "{\"_schema\": 2, \"left\": 3}");
	lab_expect(t, PG_FRAME_REPLY, 1, "", "{\"run\": true, \"state\": "
	    "{\"_schema\": 2, \"steps\": 0, \"left\": 3, \"todo\": \"\", "
	    "\"notes\": {}}}");
	lab_expect(t, PG_FRAME_RUN_DONE, 0, "", "");
	lab_ask(t, "steps", "{}", "4");
}

static void
test_run_only_after_some_events(void **state)
{
	struct lab *t = *state;

	/* The state of schema 0 says `count`. */
	lab_start_as(t, BUSY, ", \"event\": null", "{\"count\": 40}");
	lab_expect(t, PG_FRAME_REPLY, 1, "", "{\"run\": false, \"state\": "
	    "{\"_schema\": 2, \"steps\": 40, \"left\": 0, \"todo\": \"\", "
	    "\"notes\": {}}}");
	lab_ask(t, "steps", "{}", "40");
}

static void
test_run_fails(void **state)
{
	struct lab *t = *state;

	lab_start_as(t, BUSY, ", \"event\": \"arrival\"",
	    "{\"_schema\": 2, \"todo\": \"fail\"}");
	assert_true(lab_hear(t));
	lab_expect(t, PG_FRAME_RUN_DONE, 0, "{\"error\": \"no way\"}", "");
	lab_ask(t, "steps", "{}", "1");
}

/* The host does not know when a step runs: its command may cross a call. */
static void
test_command_crosses_a_step(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start_as(t, BUSY, ", \"event\": \"clone\"",
	    "{\"_schema\": 2, \"todo\": \"ask\"}");
	assert_true(lab_hear(t));
	/* The host is told that no message is being handled. */
	lab_expect(t, PG_FRAME_CALL, 0, "{\"op\": \"hosts\", \"step\": true}",
	    "{}");
	call = t->f.id;
	lab_tell(t, "steps", "{}");
	lab_say(t, PG_FRAME_RESULT, call, "", "[]");
	lab_expect(t, PG_FRAME_RUN_DONE, 0, "", "");
	lab_expect(t, PG_FRAME_REPLY, t->id, "", "1");
	lab_ask(t, "steps", "{}", "1");
}

/* ---- Holds ---- */

/* A run that steps every millisecond, and how many steps it has done. */
static void
lab_start_running(struct lab *t)
{
	lab_start_as(t, BUSY, ", \"event\": \"creation\"",
	    "{\"_schema\": 2, \"left\": 1000000}");
	assert_true(lab_hear(t));
}

static long
lab_steps(struct lab *t)
{
	lab_tell(t, "steps", "{}");
	assert_true(lab_hear(t));
	return strtol(lab_json(t, t->f.body), NULL, 10);
}

static void
lab_hook(struct lab *t, uint32_t id, const char *head)
{
	lab_say(t, PG_FRAME_HOOK, id, head, "");
	while (lab_hear(t) && t->f.type == PG_FRAME_LOG)
		continue;
	assert_int_equal(t->f.type, PG_FRAME_REPLY);
	assert_int_equal(t->f.id, id);
	assert_string_equal(lab_json(t, t->f.head), "");
	assert_string_equal(lab_json(t, t->f.body), "null");
}

/* True if it makes steps (waited for without end: alarm), or false if it
 * makes none for a while. */
static bool
lab_is_running(struct lab *t, bool expected)
{
	long before = lab_steps(t);

	do
		usleep(20000);
	while (expected && lab_steps(t) == before);
	return lab_steps(t) != before;
}

static void
test_hold(void **state)
{
	static const char *const ends[] = { "{\"name\": \"resume\"}",
		"{\"name\": \"dispatch_failed\", \"hold\": true}" };
	struct lab *t = *state;

	lab_start_running(t);
	for (size_t i = 0; i < PG_COUNT(ends); i++) {
		assert_true(lab_is_running(t, true));
		lab_hook(t, 50, "{\"name\": \"dispatching\", "
		    "\"hold\": true}");
		assert_false(lab_is_running(t, false));
		/* Neither what follows nor a hook without it ends it. */
		lab_say(t, PG_FRAME_SNAPSHOT, 51, "", "");
		assert_true(lab_hear(t));
		lab_hook(t, 52, "{\"name\": \"cloning\", \"hold\": false}");
		assert_false(lab_is_running(t, false));
		lab_hook(t, 53, ends[i]);
		if (i == 0)
			assert_true(lab_is_running(t, true));
	}
	/* The hook dispatch_failed has left nothing to do. */
	lab_expect(t, PG_FRAME_RUN_DONE, 0, "", "");
}

static void
test_no_hold(void **state)
{
	struct lab *t = *state;

	lab_start_running(t);
	lab_hook(t, 50, "{\"name\": \"cloning\"}");
	assert_true(lab_is_running(t, true));
	lab_hook(t, 51, "{\"name\": \"resume\"}");
	assert_true(lab_is_running(t, true));
}

/* Within a call a hold ends with the call. */
static void
test_hold_within_a_call(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start_running(t);
	lab_tell(t, "leave", "{}");
	call = lab_expect_call(t, "dispose", "{}");
	lab_hook(t, call, "{\"name\": \"disposing\", \"hold\": true}");
	lab_say(t, PG_FRAME_RESULT, call, "{\"error_type\": "
	    "\"LifecycleError\", \"error\": \"no\"}", "");
	lab_refused(t, "LifecycleError", "no");
	assert_true(lab_is_running(t, true));
}

/* Its host is to ask for the state before there is a step. */
static void
test_run_of_a_large_state_waits(void **state)
{
	struct lab *t = *state;
	size_t n = 20000;
	char *json = pg_alloc(n + 64);

	memset(json, 'w', n);
	memcpy(json, "{\"todo\": \"", 10);
	snprintf(json + n, 64, "\", \"_schema\": 2, \"left\": 1000000}");
	lab_start_as(t, BUSY, ", \"event\": \"creation\"", json);
	lab_expect(t, PG_FRAME_REPLY, 1, "", "{\"run\": true}");
	assert_false(lab_is_running(t, false));
	lab_hook(t, 50, "{\"name\": \"resume\"}");
	assert_true(lab_is_running(t, true));
	free(json);
}

/* ---- Violations ---- */

static void
broken(struct lab *t)
{
	assert_false(lab_hear(t));
	assert_int_equal(lab_ended(t), PG_UPLINE_BROKEN);
}

static void
test_bytes_that_are_no_frame(void **state)
{
	struct lab *t = *state;
	struct iovec iov = { "GET / HTTP/1.1\r\n\r\n", 18 };

	assert_int_equal(pg_sock_send_fd(t->sock, &iov, 1, -1), 18);
	broken(t);
}

static void
test_message_before_start(void **state)
{
	lab_tell(*state, "ping", "{}");
	broken(*state);
}

static void
test_second_start(void **state)
{
	lab_start(*state, COUNTER);
	lab_start_as(*state, COUNTER, "", "{}");
	broken(*state);
}

static void
test_other_abi(void **state)
{
	lab_say(*state, PG_FRAME_START, 1, "{\"proto\": 1, \"abi\": \"?\"}",
	    "{}");
	broken(*state);
}

static void
test_bad_pickle(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	assert_int_equal(pg_frame_put(&t->out, PG_FRAME_MESSAGE, 5,
	    PG_STR_NULL, PG_STR("cos\nsystem\n"), NULL, 0, 0, &t->e), 0);
	assert_int_equal(pg_frame_flush(&t->out, t->sock), 1);
	broken(t);
}

static void
test_hook_of_another_call(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, COUNTER);
	lab_tell(t, "fork", "{}");
	call = lab_expect_call(t, "clone", "{}");
	lab_say(t, PG_FRAME_HOOK, call + 1, "{\"name\": \"cloning\"}", "");
	broken(t);
}

static void
test_hook_during_a_send(void **state)
{
	struct lab *t = *state;

	lab_start(t, BUSY);
	lab_tell(t, "send", "{}");
	assert_true(lab_hear(t));
	lab_say(t, PG_FRAME_HOOK, t->f.id, "{\"name\": \"cloning\"}", "");
	broken(t);
}

static void
test_hold_of_another_type(void **state)
{
	lab_start(*state, COUNTER);
	lab_say(*state, PG_FRAME_HOOK, 5, "{\"name\": \"cloning\", "
	    "\"hold\": 1}", "");
	broken(*state);
}

static void
test_result_of_nothing(void **state)
{
	lab_start(*state, COUNTER);
	lab_say(*state, PG_FRAME_RESULT, 5, "", "null");
	broken(*state);
}

/* ---- Messages sent ahead ---- */

static void
lab_put(struct lab *t, enum pg_frame_type type, uint32_t id, const char *body)
{
	assert_int_equal(pg_frame_put(&t->out, type, id, PG_STR_NULL,
	    lab_pickle(t, body), NULL, 0, 0, &t->e), 0);
}

/* So many pings under ids from first on, not yet sent. */
static void
lab_put_pings(struct lab *t, uint32_t first, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		lab_put(t, PG_FRAME_MESSAGE, first + i,
		    "{\"kind\": \"ping\"}");
}

static void
lab_expect_pongs(struct lab *t, uint32_t first, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		lab_expect(t, PG_FRAME_REPLY, first + i, "", "\"pong\"");
}

static void
lab_send(struct lab *t)
{
	assert_int_equal(pg_frame_flush(&t->out, t->sock), 1);
}

static void
test_ahead_in_order(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_put_pings(t, 100, 1 + PG_FRAME_AHEAD_MAX);
	lab_send(t);
	lab_expect_pongs(t, 100, 1 + PG_FRAME_AHEAD_MAX);
}

/* What came in one piece with the recall is not begun at all. */
static void
test_recall_of_all(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_put_pings(t, 100, 3);
	lab_put(t, PG_FRAME_RECALL, 200, "");
	lab_send(t);
	lab_expect(t, PG_FRAME_RECALLED, 100, "", "");
	lab_ask(t, "ping", "{}", "\"pong\"");
}

/* Whether the recall finds the child busy or with a read behind it. */
static void
recall_behind(struct lab *t, bool in_one_piece)
{
	lab_put(t, PG_FRAME_MESSAGE, 100, "{\"kind\": \"sleep\", \"args\": "
	    "{\"seconds\": 0.5}}");
	if (!in_one_piece)
		lab_send(t);
	lab_put_pings(t, 101, 3);
	lab_send(t);
	/* It has begun by then, or these are recalled with it. */
	poll(NULL, 0, 100);
	lab_say(t, PG_FRAME_RECALL, 200, "", "");
	assert_true(lab_hear(t));
	if (t->f.type == PG_FRAME_REPLY) {
		assert_int_equal(t->f.id, 100);
		lab_expect(t, PG_FRAME_RECALLED, 101, "", "");
	} else {
		assert_int_equal(t->f.type, PG_FRAME_RECALLED);
		assert_int_equal(t->f.id, 100);
	}
	lab_ask(t, "ping", "{}", "\"pong\"");
}

static void
test_recall_of_what_waits(void **state)
{
	lab_start(*state, COUNTER);
	recall_behind(*state, false);
	recall_behind(*state, true);
}

static void
test_recall_of_nothing(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_put_pings(t, 100, 2);
	lab_send(t);
	lab_expect_pongs(t, 100, 2);
	lab_say(t, PG_FRAME_RECALL, 200, "", "");
	lab_expect(t, PG_FRAME_RECALLED, 0, "", "");
	lab_ask(t, "ping", "{}", "\"pong\"");
}

/* The handler waits for the host, which need not wait for the handler. */
static void
test_recall_during_a_call(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, COUNTER);
	lab_tell(t, "fork", "{}");
	call = lab_expect_call(t, "clone", "{}");
	lab_put_pings(t, 100, 2);
	lab_put(t, PG_FRAME_RECALL, 200, "");
	lab_send(t);
	lab_expect(t, PG_FRAME_RECALLED, 100, "", "");
	lab_say(t, PG_FRAME_RECALL, 201, "", "");
	lab_expect(t, PG_FRAME_RECALLED, 0, "", "");
	lab_say(t, PG_FRAME_RESULT, call, "", "[]");
	lab_expect(t, PG_FRAME_REPLY, t->id, "", "[]");
	lab_ask(t, "ping", "{}", "\"pong\"");
}

static void
test_ahead_during_a_call(void **state)
{
	struct lab *t = *state;
	uint32_t call;

	lab_start(t, COUNTER);
	lab_tell(t, "fork", "{}");
	call = lab_expect_call(t, "clone", "{}");
	lab_put_pings(t, 100, 1 + PG_FRAME_AHEAD_MAX);
	lab_send(t);
	lab_say(t, PG_FRAME_RESULT, call, "", "[]");
	lab_expect(t, PG_FRAME_REPLY, t->id, "", "[]");
	lab_expect_pongs(t, 100, 1 + PG_FRAME_AHEAD_MAX);
}

static void
test_too_many_ahead(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_tell(t, "fork", "{}");
	lab_expect_call(t, "clone", "{}");
	lab_put_pings(t, 100, 2 + PG_FRAME_AHEAD_MAX);
	lab_send(t);
	broken(t);
}

/* Who is to stop begins nothing more: nobody waits for the answer. */
static void
test_stop_behind_messages(void **state)
{
	struct lab *t = *state;

	lab_start(t, COUNTER);
	lab_put_pings(t, 100, 3);
	lab_put(t, PG_FRAME_STOP, 0, "");
	lab_send(t);
	assert_false(lab_hear(t));
	assert_int_equal(lab_ended(t), 0);
}

/* ---- Classes ---- */

static void
unknown_class(const char *name, const char *state_name, enum pg_code code,
    const char *text)
{
	struct pg_err e = { 0 };

	assert_null(pg_runtime_class(pg_str(name), pg_str(state_name), &e));
	assert_string_equal(e.msg, text);
	assert_int_equal(e.code, code);
}

/* Recordings 024 to 028. */
static void
test_classes(void **state)
{
	const struct paglets_class *c = lab_classes[0];
	struct pg_err e = { 0 };

	(void)state;
	assert_ptr_equal(pg_runtime_class(PG_STR(COUNTER),
	    PG_STR("paglets_demo.counter:CounterState"), &e), c);
	assert_ptr_equal(pg_runtime_class(PG_STR(COUNTER), PG_STR_NULL, &e),
	    c);
	unknown_class("no.such:Thing", "", PG_E_SERIAL,
	    "Cannot import module 'no.such'");
	unknown_class("paglets_demo.counter:Nope", "", PG_E_SERIAL,
	    "Cannot resolve 'paglets_demo.counter:Nope'");
	unknown_class("paglets_demo.counter.CounterPaglet", "", PG_E_SERIAL,
	    "Expected module:qualname, got "
	    "'paglets_demo.counter.CounterPaglet'");
	unknown_class("", "", PG_E_SERIAL,
	    "Expected module:qualname, got ''");
	unknown_class(":", "", PG_E_SERIAL,
	    "Expected module:qualname, got ':'");
	unknown_class("paglets_demo.counter:CounterState", "", PG_E_HOST,
	    "paglets_demo.counter:CounterState is not a Paglet subclass");
	unknown_class(COUNTER, COUNTER, PG_E_HOST,
	    COUNTER " is not a dataclass state");
	unknown_class(COUNTER, "no.such:State", PG_E_SERIAL,
	    "Cannot import module 'no.such'");
	unknown_class(COUNTER, "demo.busy:BusyState", PG_E_SERIAL,
	    "The state of " COUNTER " is paglets_demo.counter:CounterState, "
	    "not demo.busy:BusyState");
	unknown_class("demo.stale:Stale", "", PG_E_SERIAL,
	    "demo.stale:Stale was built for paglets.h of ABI 4, this program "
	    "is of ABI 3");
	assert_null(pg_runtime_class_at(4));
	assert_true(pg_class_has_run(&busy_class));
	assert_false(pg_class_has_run(c));
	assert_true(pg_class_restarts(&busy_class));
	assert_false(pg_class_restarts(c));
	assert_string_equal(pg_class_kind_at(&plain_class, 0), "increment");
	assert_null(pg_class_kind_at(&plain_class, 1));
	assert_null(pg_class_kind_at(&stale_class, 0));
	assert_int_equal(strlen(pg_runtime_abi()), 16);
}

static void
test_started_by_hand(void **state)
{
	char *none[] = { "paglets-agent", NULL };
	char *junk[] = { "paglets-agent", "12x", NULL };

	(void)state;
	assert_int_equal(pg_runtime_main(1, none), PG_UPLINE_BROKEN);
	assert_int_equal(pg_runtime_main(2, junk), PG_UPLINE_BROKEN);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, lab_open, lab_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_started_by_hand),
		T(test_start_and_stop),
		T(test_host_gone),
		T(test_start_refused),
		T(test_example_of_the_header),
		T(test_counter_messages),
		T(test_counter_echo_and_meta),
		T(test_counter_fail),
		T(test_counter_crash),
		T(test_hooks),
		T(test_dispatch),
		T(test_dispatch_told_of_success),
		T(test_pause),
		T(test_deactivate_without_a_reason),
		T(test_clone),
		T(test_address),
		T(test_send),
		T(test_send_answered_by_nonsense),
		T(test_other_calls),
		T(test_first_hook_may_not_leave),
		T(test_first_hook_may_ask),
		T(test_other_hooks_may_only_log),
		T(test_no_call_within_a_call),
		T(test_handler_oddities),
		T(test_error_length),
		T(test_large_state),
		T(test_start_with_a_memfd),
		T(test_run),
		T(test_run_only_after_some_events),
		T(test_run_fails),
		T(test_command_crosses_a_step),
		T(test_hold),
		T(test_no_hold),
		T(test_hold_within_a_call),
		T(test_run_of_a_large_state_waits),
		T(test_bytes_that_are_no_frame),
		T(test_message_before_start),
		T(test_second_start),
		T(test_other_abi),
		T(test_bad_pickle),
		T(test_ahead_in_order),
		T(test_recall_of_all),
		T(test_recall_of_what_waits),
		T(test_recall_of_nothing),
		T(test_recall_during_a_call),
		T(test_ahead_during_a_call),
		T(test_too_many_ahead),
		T(test_stop_behind_messages),
		T(test_hook_of_another_call),
		T(test_hook_during_a_send),
		T(test_hold_of_another_type),
		T(test_result_of_nothing),
	};
#undef T

	lab_classes[0] = pg_counter_class();
	pg_runtime_set_classes(lab_classes);
	alarm(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
