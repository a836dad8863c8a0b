/* test_agent: shows that turns on an agent are had one after the other, in
 * order, that so many may be asked for and no more, and that every one of
 * them is told when the agent goes; how many messages may wait meanwhile; and
 * that those sent ahead come back when others are to come before them; and
 * which answers are none.
 *
 * Its process is a pretended one, which says what the test wants.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/pickle_check codec/sha256 os/file os/rand os/loop host/wire host/mailbox host/dedupe host/heads host/files host/agent host/process */
/* wrap: pg_child_flush pg_child_kill pg_child_put pg_child_running pg_child_send pg_child_start pg_child_stop pg_event_add pg_runtime_abi */
#include "host/process.h"

#include <setjmp.h>

#include <cmocka.h>

void __wrap_pg_child_kill(struct pg_child *c);
bool __wrap_pg_child_running(const struct pg_child *c);
void __wrap_pg_child_flush(struct pg_child *c);
int __wrap_pg_child_put(struct pg_child *c, enum pg_frame_type type,
    uint32_t id, struct pg_str head, struct pg_str text, struct pg_bulk *bulk,
    size_t off, size_t len, struct pg_err *e);
int __wrap_pg_child_send(struct pg_child *c, enum pg_frame_type type,
    uint32_t id, struct pg_str head, struct pg_str text, struct pg_bulk *bulk,
    size_t off, size_t len, struct pg_err *e);
int __wrap_pg_child_start(struct pg_child *c, struct pg_loop *l, int exe,
    const struct pg_child_ops *ops, struct pg_err *e);
void __wrap_pg_child_stop(struct pg_child *c);
void __wrap_pg_event_add(struct pg_events *ev, const char *kind,
    const struct pg_event_detail *d);
const char *__wrap_pg_runtime_abi(void);

/* One who asks for a turn, and what it was told. */
struct asker {
	struct pg_hold hold;
	int calls;
	enum pg_code code;
};

static struct pg_host host;
static struct pg_agent *agent;
static struct asker askers[PG_AGENT_HOLDS_MAX + 3];
static int nsent, nended, nkilled;
static struct { enum pg_frame_type type; uint32_t id; } sent[2000];
static const struct pg_child_ops *ops;
static bool alive; /* its process */
static enum pg_code last;
static struct pg_buf said; /* the head of the last frame */

void
__wrap_pg_child_kill(struct pg_child *c)
{
	(void)c;
	nkilled++;
}

bool
__wrap_pg_child_running(const struct pg_child *c)
{
	(void)c;
	return alive;
}

int
__wrap_pg_child_put(struct pg_child *c, enum pg_frame_type type, uint32_t id,
    struct pg_str head, struct pg_str text, struct pg_bulk *bulk, size_t off,
    size_t len, struct pg_err *e)
{
	(void)c;
	(void)text;
	(void)bulk;
	(void)off;
	(void)len;
	(void)e;
	pg_buf_reset(&said);
	pg_buf_puts(&said, head);
	sent[nsent].type = type;
	sent[nsent++].id = id;
	return 0;
}

int
__wrap_pg_child_send(struct pg_child *c, enum pg_frame_type type, uint32_t id,
    struct pg_str head, struct pg_str text, struct pg_bulk *bulk, size_t off,
    size_t len, struct pg_err *e)
{
	return __wrap_pg_child_put(c, type, id, head, text, bulk, off, len,
	    e);
}

void
__wrap_pg_child_flush(struct pg_child *c)
{
	(void)c;
}

int
__wrap_pg_child_start(struct pg_child *c, struct pg_loop *l, int exe,
    const struct pg_child_ops *o, struct pg_err *e)
{
	(void)c;
	(void)l;
	(void)exe;
	(void)e;
	ops = o;
	return 0;
}

void
__wrap_pg_child_stop(struct pg_child *c)
{
	(void)c;
}

void
__wrap_pg_event_add(struct pg_events *ev, const char *kind,
    const struct pg_event_detail *d)
{
	(void)ev;
	(void)kind;
	(void)d;
}

const char *
__wrap_pg_runtime_abi(void)
{
	return "abi";
}

/* ---- helpers ---------------------------------------------------------- */

static void
remove_agent(void)
{
	struct pg_err err = { 0 };

	pg_fail(&err, PG_E_INVALID_AGENT, "gone");
	pg_agent_remove(agent, &err);
	pg_loop_turn(host.loop, 0, NULL);
	agent = NULL;
}

static int
setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	memset(askers, 0, sizeof(askers));
	nsent = nended = nkilled = 0;
	alive = false;
	host.loop = pg_loop_new(NULL);
	pg_map_init(&host.agents, host.seed);
	agent = pg_agent_new(&host, PG_STR("a-1"), PG_STR("m:C"),
	    PG_STR("m:S"));
	pg_agent_set_phase(agent, PG_AGENT_ACTIVE);
	return host.loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (agent != NULL)
		remove_agent();
	pg_map_fini(&host.agents);
	pg_loop_free(host.loop);
	pg_buf_fini(&said);
	return 0;
}

static void
on_granted(struct pg_hold *h, const struct pg_err *err)
{
	struct asker *k = PG_CONTAINER(h, struct asker, hold);

	k->calls++;
	k->code = err == NULL ? PG_E_OK : err->code;
}

static void
ask(struct asker *k)
{
	*k = (struct asker){ .hold = { .granted = on_granted } };
	pg_agent_hold(agent, &k->hold);
}

static void
assert_told(const struct asker *k, int calls, enum pg_code code)
{
	assert_int_equal(k->calls, calls);
	assert_int_equal(k->code, code);
}

static void
on_end(struct pg_msg *m, const struct pg_outcome *o)
{
	(void)m;
	nended++;
	last = o->err == NULL ? PG_E_OK : o->err->code;
}

static void
post(void)
{
	struct pg_msg *m = pg_msg_new();

	m->on_done = on_end;
	m->body = PG_STR("N"); /* None */
	pg_agent_post(agent, m);
}

/* ---- messages --------------------------------------------------------- */

static void
answer(void)
{
	pg_agent_end_running(agent, &(struct pg_outcome){ .err = NULL });
}

/* Its process knows where its host was when it began. */
static void
a_message_tells_of_a_new_address(void **state)
{
	const char *new = "http://h:22";

	(void)state;
	agent->told_address = host.address = PG_STR("http://h:1");
	post();
	assert_int_equal(said.n, 0);
	answer();
	host.address = pg_str(new);
	post();
	assert_non_null(memmem(said.p, said.n, new, strlen(new)));
	answer();
	post();
	assert_int_equal(nsent, 3);
	assert_int_equal(said.n, 0);
	answer();
}

/* ---- turns ------------------------------------------------------------ */

static void
turns_come_one_by_one(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		ask(&askers[i]);
	assert_told(&askers[0], 1, PG_E_OK);
	assert_false(pg_agent_idle(agent));
	for (i = 0; i < 4; i++) {
		assert_told(&askers[i], 1, PG_E_OK);
		assert_told(&askers[i + 1], 0, PG_E_OK);
		pg_agent_release(&askers[i].hold);
		pg_agent_release(&askers[i].hold);
	}
	assert_true(pg_agent_idle(agent));
}

/* One has its turn, PG_AGENT_HOLDS_MAX wait for theirs. */
static void
so_many_may_wait(void **state)
{
	struct asker *over = &askers[PG_AGENT_HOLDS_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i <= PG_AGENT_HOLDS_MAX; i++)
		ask(&askers[i]);
	assert_told(&askers[PG_AGENT_HOLDS_MAX], 0, PG_E_OK);
	ask(over);
	assert_told(over, 1, PG_E_BUSY);
	/* It is over already: withdrawing it is nothing. */
	pg_agent_release(&over->hold);
	/* Who withdraws makes room, and so does who had its turn. */
	pg_agent_release(&askers[7].hold);
	ask(over);
	assert_told(over, 0, PG_E_OK);
	ask(over + 1);
	assert_told(over + 1, 1, PG_E_BUSY);
	pg_agent_release(&askers[0].hold);
	ask(over + 1);
	assert_told(over + 1, 0, PG_E_OK);
	for (i = 1; i <= PG_AGENT_HOLDS_MAX + 2; i++) {
		assert_told(&askers[i], i != 7, PG_E_OK);
		pg_agent_release(&askers[i].hold);
	}
	assert_true(pg_agent_idle(agent));
}

/* The last of those that wait withdraws: the next still finds the end. */
static void
the_queue_keeps_its_end(void **state)
{
	(void)state;
	ask(&askers[0]);
	ask(&askers[1]);
	ask(&askers[2]);
	pg_agent_release(&askers[2].hold);
	ask(&askers[3]);
	pg_agent_release(&askers[1].hold);
	pg_agent_release(&askers[3].hold);
	ask(&askers[4]);
	pg_agent_release(&askers[0].hold);
	assert_told(&askers[1], 0, PG_E_OK);
	assert_told(&askers[4], 1, PG_E_OK);
	pg_agent_release(&askers[4].hold);
}

static void
the_end_is_told_to_all_who_wait(void **state)
{
	struct pg_agent *a = agent;
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++)
		ask(&askers[i]);
	pg_agent_ref(a);
	post();
	remove_agent();
	for (i = 1; i < 5; i++)
		assert_told(&askers[i], 1, PG_E_INVALID_AGENT);
	assert_int_equal(nended, 1);
	assert_int_equal(last, PG_E_INVALID_AGENT);
	/* Who had its turn ends it when it likes. */
	pg_agent_release(&askers[0].hold);
	pg_agent_unref(a);
}

/* ---- messages --------------------------------------------------------- */

/* While somebody has the agent in hand nothing is delivered; what waits has
 * the limit of a mailbox. */
static void
so_many_messages_may_wait(void **state)
{
	int i;

	(void)state;
	ask(&askers[0]);
	for (i = 0; i < PG_MAILBOX_COUNT_MAX; i++)
		post();
	assert_int_equal(nended, 0);
	assert_int_equal(nsent, 0);
	post();
	assert_int_equal(nended, 1);
	assert_int_equal(last, PG_E_MAILBOX_FULL);
	/* The first is delivered, which makes room for one. */
	pg_agent_release(&askers[0].hold);
	assert_int_equal(nsent, 1);
	post();
	assert_int_equal(nended, 1);
	post();
	assert_int_equal(nended, 2);
	remove_agent();
	assert_int_equal(nended, PG_MAILBOX_COUNT_MAX + 3);
	assert_int_equal(last, PG_E_INVALID_AGENT);
}

/* ---- messages sent ahead ---------------------------------------------- */

static int
says_body(enum pg_frame_type type, uint32_t id, struct pg_str body)
{
	const struct pg_frame f = { .type = type, .id = id, .body = body };
	struct pg_err e = { 0 };

	return ops->on_frame(&agent->child, &f, &e);
}

static int
says(enum pg_frame_type type, uint32_t id)
{
	return says_body(type, id, type == PG_FRAME_REPLY ? PG_STR("}") :
	    PG_STR_NULL);
}

/* Its process has been sent a START, which it has not answered yet. */
static void
start(pg_agent_done *done, void *arg)
{
	static const struct pg_span state = { .text = PG_STR("}") };

	pg_agent_set_phase(agent, PG_AGENT_STARTING);
	assert_int_equal(pg_process_start(agent, "creation", PG_STR_NULL,
	    &state, done, arg, NULL), 0);
}

/* Its process is there, and what it is sent is counted from here on. */
static void
begin(void)
{
	start(NULL, NULL);
	assert_int_equal(says(PG_FRAME_REPLY, sent[0].id), 0);
	nsent = 0;
}

static void
post_as(int64_t priority)
{
	struct pg_msg *m = pg_msg_new();

	m->on_done = on_end;
	m->priority = priority;
	m->body = PG_STR("N");
	pg_agent_post(agent, m);
}

static void
turn(void)
{
	pg_loop_turn(host.loop, 0, NULL);
}

static void
what_waits_goes_ahead(void **state)
{
	int i;

	(void)state;
	begin();
	for (i = 0; i < 3; i++)
		post_as(5);
	assert_int_equal(nsent, 1);
	turn();
	assert_int_equal(nsent, 3);
	assert_int_equal(pg_mailbox_waiting(&agent->box), 2);
	assert_ptr_not_equal(agent->running, NULL);
	for (i = 0; i < 3; i++) {
		assert_int_equal(says(PG_FRAME_REPLY, sent[i].id), 0);
		assert_int_equal(nended, i + 1);
	}
	assert_true(pg_agent_idle(agent));
	assert_int_equal(nsent, 3);
	assert_int_equal(agent->delivered, 3);
}

/* They are answered in order or not at all. */
static void
none_is_answered_out_of_turn(void **state)
{
	(void)state;
	begin();
	post_as(5);
	post_as(5);
	turn();
	assert_int_equal(says(PG_FRAME_REPLY, sent[1].id), -1);
	assert_int_equal(says(PG_FRAME_RECALLED, sent[1].id), -1);
	assert_int_equal(nended, 0);
}

static void
the_urgent_one_comes_first(void **state)
{
	(void)state;
	begin();
	post_as(5);
	post_as(5);
	turn();
	post_as(5);
	turn();
	assert_int_equal(nsent, 3);
	post_as(9);
	assert_int_equal(nsent, 4);
	assert_int_equal(sent[3].type, PG_FRAME_RECALL);
	post_as(0);
	turn();
	assert_int_equal(nsent, 4);
	assert_int_equal(says(PG_FRAME_REPLY, sent[0].id), 0);
	assert_int_equal(says(PG_FRAME_RECALLED, sent[0].id), -1);
	assert_int_equal(says(PG_FRAME_RECALLED, 0), -1);
	assert_int_equal(nsent, 4);
	assert_int_equal(says(PG_FRAME_RECALLED, sent[1].id), 0);
	turn();
	/* Priority 0, 9, then those that were called back. */
	assert_int_equal(nsent, 8);
	assert_int_equal(agent->running->priority, 0);
	assert_int_equal(agent->box.lent->priority, 9);
	assert_int_equal(pg_mailbox_waiting(&agent->box), 3);
	assert_int_equal(nended, 1);
	assert_int_equal(says(PG_FRAME_RECALLED, 0), -1);
}

/* Not even the running one was begun. */
static void
all_of_them_come_back(void **state)
{
	(void)state;
	begin();
	post_as(5);
	post_as(5);
	turn();
	post_as(9);
	assert_int_equal(says(PG_FRAME_RECALLED, sent[0].id), 0);
	assert_int_equal(agent->running->priority, 9);
	assert_int_equal(pg_mailbox_waiting(&agent->box), 2);
	assert_int_equal(nended, 0);
}

static void
a_turn_calls_them_back(void **state)
{
	(void)state;
	begin();
	post_as(5);
	post_as(5);
	turn();
	ask(&askers[0]);
	assert_int_equal(sent[2].type, PG_FRAME_RECALL);
	assert_int_equal(says(PG_FRAME_REPLY, sent[0].id), 0);
	assert_told(&askers[0], 0, PG_E_OK);
	assert_int_equal(says(PG_FRAME_RECALLED, sent[1].id), 0);
	assert_told(&askers[0], 1, PG_E_OK);
	assert_int_equal(nsent, 3);
	assert_int_equal(pg_mailbox_waiting(&agent->box), 1);
	pg_agent_release(&askers[0].hold);
	assert_int_equal(nsent, 4);
}

/* The one that told of it was given back unread. */
static void
a_new_address_is_told_again(void **state)
{
	const char *new = "http://h:22";

	(void)state;
	host.address = PG_STR("http://h:1");
	begin();
	post_as(5);
	host.address = pg_str(new);
	post_as(5);
	turn();
	assert_non_null(memmem(said.p, said.n, new, strlen(new)));
	post_as(9);
	assert_int_equal(says(PG_FRAME_REPLY, sent[0].id), 0);
	assert_int_equal(says(PG_FRAME_RECALLED, sent[1].id), 0);
	assert_int_equal(nsent, 4);
	assert_non_null(memmem(said.p, said.n, new, strlen(new)));
}

/* It was done with all of them before the recall came. */
static void
a_recall_may_come_too_late(void **state)
{
	(void)state;
	begin();
	post_as(5);
	post_as(5);
	turn();
	ask(&askers[0]);
	assert_int_equal(says(PG_FRAME_REPLY, sent[0].id), 0);
	assert_int_equal(says(PG_FRAME_REPLY, sent[1].id), 0);
	assert_told(&askers[0], 0, PG_E_OK);
	assert_false(pg_agent_idle(agent));
	assert_int_equal(says(PG_FRAME_RECALLED, 0), 0);
	assert_told(&askers[0], 1, PG_E_OK);
	pg_agent_release(&askers[0].hold);
}

static void
so_many_go_ahead(void **state)
{
	int i;

	(void)state;
	begin();
	for (i = 0; i < PG_MAILBOX_LENT_MAX + 3; i++)
		post_as(5);
	turn();
	assert_int_equal(nsent, 1 + PG_MAILBOX_LENT_MAX);
	assert_int_equal(says(PG_FRAME_REPLY, sent[0].id), 0);
	turn();
	assert_int_equal(nsent, 2 + PG_MAILBOX_LENT_MAX);
}

static void
crashed(struct pg_agent *a)
{
	assert_ptr_equal(a, agent);
}

/* With its process goes the message that was running; the others have never
 * been begun. */
static void
a_crash_returns_them(void **state)
{
	(void)state;
	host.up.crashed = crashed;
	begin();
	post_as(5);
	post_as(5);
	post_as(5);
	turn();
	ops->on_exit(&agent->child, 3);
	assert_int_equal(agent->phase, PG_AGENT_CRASHED);
	assert_int_equal(nended, 3);
	assert_int_equal(last, PG_E_CRASHED);
	assert_int_equal(pg_mailbox_waiting(&agent->box), 0);
}

/* ---- answers ---------------------------------------------------------- */

/* Whether the host takes a REPLY of this body to the last frame. */
static bool
answers(struct pg_str body)
{
	return says_body(PG_FRAME_REPLY, sent[nsent - 1].id, body) == 0;
}

static void
an_answer_is_one_value(void **state)
{
	static const struct pg_str bad[] = { PG_STR("\xff"), PG_STR("NN"),
		PG_STR("cos\nsystem\n"), PG_STR("](N") };
	size_t i;

	(void)state;
	start(NULL, NULL);
	assert_true(answers(PG_STR("}(\x8c\x03run\x89u")));
	post();
	for (i = 0; i < PG_COUNT(bad); i++)
		assert_false(answers(bad[i]));
	assert_int_equal(nended, 0);
	assert_true(answers(PG_STR("](NNe")));
	assert_int_equal(nended, 1);
	assert_int_equal(last, PG_E_OK);
	post();
	assert_true(answers(PG_STR_NULL));
	assert_int_equal(nended, 2);
}

static void
a_state_is_a_dict(void **state)
{
	(void)state;
	start(NULL, NULL);
	assert_false(answers(PG_STR("}(\x8c\x03run\x89\x8c\x05state](Neu")));
	assert_true(answers(PG_STR("}(\x8c\x03run\x89\x8c\x05state}u")));
	ask(&askers[0]);
	assert_told(&askers[0], 1, PG_E_OK);
	pg_agent_command(&askers[0].hold, NULL, PG_SEC, NULL, NULL);
	assert_false(answers(PG_STR_NULL));
	assert_false(answers(PG_STR("](Ne")));
	assert_false(answers(PG_STR("}(")));
	assert_true(answers(PG_STR("}(\x8c\x01nK\x05u")));
	assert_int_equal(agent->state_len, 8);
	pg_agent_release(&askers[0].hold);
}

/* A turn that is asked for as soon as the process runs. */
static void
on_started(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	assert_ptr_equal(a, agent);
	assert_null(o->err);
	if (arg != NULL)
		ask(arg);
}

/* One with a run, in the hands of k if that is not NULL. */
static void
start_running(struct asker *k)
{
	alive = true;
	start(on_started, k);
	/* {run: true}, and no state. */
	assert_true(answers(PG_STR("}(\x8c\x03run\x88u")));
}

/* Its steps begin when nobody has it in hand. */
static void
a_run_that_waits_is_let_go_on(void **state)
{
	(void)state;
	start_running(NULL);
	assert_int_equal(nsent, 2);
	assert_non_null(memmem(said.p, said.n, "resume", 6));
	assert_true(answers(PG_STR("N")));
	alive = false;
}

static void
a_run_waits_for_who_was_first(void **state)
{
	(void)state;
	start_running(&askers[0]);
	assert_told(&askers[0], 1, PG_E_OK);
	assert_int_equal(nsent, 1);
	pg_agent_release(&askers[0].hold);
	assert_int_equal(nsent, 2);
	assert_non_null(memmem(said.p, said.n, "resume", 6));
	assert_true(answers(PG_STR("N")));
	alive = false;
}

/* Somebody who tires of waiting does not let it go on under the hands of who
 * has it, who may be writing down what it was. */
static void
a_run_stands_still_as_long_as_a_turn(void **state)
{
	(void)state;
	start_running(&askers[0]);
	ask(&askers[1]);
	pg_agent_release(&askers[1].hold);
	assert_int_equal(nsent, 1);
	pg_agent_command(&askers[0].hold, NULL, PG_SEC, NULL, NULL);
	assert_int_equal(sent[1].type, PG_FRAME_SNAPSHOT);
	assert_true(answers(PG_STR("}")));
	pg_agent_release(&askers[0].hold);
	assert_int_equal(nsent, 3);
	assert_non_null(memmem(said.p, said.n, "resume", 6));
	assert_true(answers(PG_STR("N")));
	alive = false;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_message_tells_of_a_new_address),
		T(turns_come_one_by_one),
		T(so_many_may_wait),
		T(the_queue_keeps_its_end),
		T(the_end_is_told_to_all_who_wait),
		T(so_many_messages_may_wait),
		T(what_waits_goes_ahead),
		T(none_is_answered_out_of_turn),
		T(the_urgent_one_comes_first),
		T(all_of_them_come_back),
		T(a_turn_calls_them_back),
		T(a_new_address_is_told_again),
		T(a_recall_may_come_too_late),
		T(so_many_go_ahead),
		T(a_crash_returns_them),
		T(an_answer_is_one_value),
		T(a_state_is_a_dict),
		T(a_run_that_waits_is_let_go_on),
		T(a_run_waits_for_who_was_first),
		T(a_run_stands_still_as_long_as_a_turn),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
