/* process: see process.h. on_reply finds the id of the frame it answers and
 * ends what waits for that, here or by the one who ordered it.
 */

#include "process.h"

#include "../agent/runtime.h"
#include "../base/log.h"
#include "../codec/pickle.h"
#include "../codec/pickle_check.h"
#include "heads.h"
#include "wire.h"

/* ---- Its end ------------------------------------------------------------ */

/* The record and the event of a crash. */
static void
process_mark_crashed(struct pg_agent *a, int status)
{
	struct pg_arena arena = { 0 };
	struct pg_value *data = pg_value_dict(&arena);
	struct pg_err why = { 0 };

	pg_put_int(&arena, data, "pid", a->pid);
	pg_put_int(&arena, data, "exitcode", status);
	pg_fail(&why, PG_E_CRASHED, "%s", a->error);
	/* A move that has its state in hand goes on without it. */
	if (a->phase != PG_AGENT_MOVING || !a->host->up.outlives(a))
		pg_agent_set_phase(a, PG_AGENT_CRASHED);
	pg_host_event(a->host, "paglet-crashed", a, data, &why);
	pg_log(PG_LOG_WARN, "agent: %.*s: %s", PG_STR_ARG(a->id), a->error);
	pg_arena_fini(&arena);
}

static void
process_crashed(struct pg_agent *a, int status)
{
	struct pg_err now = { 0 }, later = { 0 };
	/* A start that fails is its starter's to tell; a crash is for all. */
	bool starting = a->phase == PG_AGENT_STARTING;

	snprintf(a->error, sizeof(a->error), "process exited with code %d",
	    status);
	pg_fail(&now, PG_E_CRASHED, "Paglet '%.*s' process exited",
	    PG_STR_ARG(a->id));
	pg_fail(&later, PG_E_CRASHED, "Paglet '%.*s' crashed: %s",
	    PG_STR_ARG(a->id), a->error);
	a->exitcode = status;
	a->call_id = 0;
	pg_mailbox_return(&a->box);
	if (!starting)
		process_mark_crashed(a, status);
	pg_agent_ref(a);
	pg_agent_end_orders(a, &(struct pg_outcome){ .err = &now });
	if (a->phase != PG_AGENT_MOVING) {
		pg_agent_end_handled(a, &(struct pg_outcome){ .err = &now });
		pg_agent_turn_away(a, &later);
		if (!starting)
			pg_agent_fail_mailbox(a, &later);
	}
	if (!starting && a->phase == PG_AGENT_CRASHED) {
		pg_agent_progress(a);
		/* It may be started again, but not under somebody's hands. */
		a->crash_untold = true;
		pg_agent_tell_crash(a);
	}
	pg_agent_unref(a);
}

/* The process that refused its START has ended. */
static void
process_refused(struct pg_agent *a)
{
	struct pg_err *err = a->refused;

	a->refused = NULL;
	pg_agent_end_order(&a->own, &(struct pg_outcome){ .err = err });
	free(err);
}

static void
process_on_exit(struct pg_child *c, int status)
{
	struct pg_agent *a = PG_CONTAINER(c, struct pg_agent, child);

	void (*ended)(struct pg_agent *) = a->on_ended;

	a->host->nchildren--;
	a->on_ended = NULL;
	if (a->phase == PG_AGENT_GONE) {
		if (ended != NULL)
			ended(a);
		pg_agent_unref(a);
	} else if (a->refused != NULL) {
		process_refused(a);
	} else if (ended != NULL) {
		ended(a);
	} else {
		process_crashed(a, status);
	}
}

/* ---- What it says ------------------------------------------------------- */

/* Keep the state that a frame brought. */
static void
process_keep_state(struct pg_agent *a, struct pg_str body,
    struct pg_bulk *bulk)
{
	struct pg_bulk *b;

	if (bulk != NULL) {
		b = pg_bulk_ref(bulk);
		a->state_off = (size_t)(body.p - bulk->p);
	} else {
		b = pg_bulk_copy(body, NULL);
		a->state_off = 0;
	}
	pg_bulk_unref(a->state);
	a->state = b;
	a->state_len = b != NULL ? body.n : 0;
	a->state_time = pg_loop_now(a->host->loop);
	a->state_fresh = true;
}

/* A state is a dict. (Its first opcode, as pickle_check knows it.) */
static int
process_check_state(struct pg_str body, struct pg_err *e)
{
	if (body.n == 0 || body.p[0] != '}')
		return pg_fail(e, PG_E_HOST, "a state that is no dict");
	return 0;
}

/* What a REPLY to START says: {run, state?}. */
static int
process_started(struct pg_agent *a, struct pg_str body, struct pg_err *e)
{
	struct pg_arena arena;
	struct pg_value *v, *state;
	struct pg_buf b = PG_BUF_INIT(PG_FRAME_MAX);
	int rc;

	pg_arena_init(&arena, 4 * PG_FRAME_MAX);
	rc = pg_pickle_read_value(body, &arena, 0, &v, e);
	if (rc == 0)
		rc = pg_field_bool_opt(v, "run", &a->has_run, e);
	state = rc == 0 ? pg_value_get(v, "state") : NULL;
	a->run_held = a->has_run && state == NULL;
	if (state != NULL && pg_wire_bare(&b, state, NULL) == 0 &&
	    (rc = process_check_state(pg_buf_str(&b), e)) == 0)
		process_keep_state(a, pg_buf_str(&b), NULL);
	pg_buf_fini(&b);
	pg_arena_fini(&arena);
	return rc;
}

/* The handler of the running message has returned. */
static void
process_handled(struct pg_agent *a, const struct pg_outcome *o)
{
	struct pg_msg *m = a->running;

	pg_dedupe_answer(a->window, m->once, o, pg_loop_now(a->host->loop));
	if (a->host->up.checkpoint_message == NULL) {
		pg_agent_end_handled(a, o);
		return;
	}
	pg_agent_take_running(a);
	a->host->up.checkpoint_message(a, m, o);
}

/* Its process has done what it was told. */
static int
process_commanded(struct pg_agent *a, struct pg_order *c,
    const struct pg_frame *f, const struct pg_outcome *o, struct pg_err *e)
{
	if (c->type == PG_FRAME_SNAPSHOT && o->err == NULL) {
		if (process_check_state(f->body, e) < 0)
			return -1;
		process_keep_state(a, f->body, f->bulk);
	}
	if (c->type == PG_FRAME_START && o->err != NULL) {
		a->refused = pg_alloc(sizeof(*a->refused));
		*a->refused = *o->err;
		pg_child_kill(&a->child);
		return 0;
	}
	if (c->type != PG_FRAME_START) {
		pg_agent_end_order(c, o);
		return 0;
	}
	if (process_started(a, f->body, e) < 0)
		return -1;
	pg_agent_set_phase(a, PG_AGENT_ACTIVE);
	pg_agent_end_order(c, o);
	pg_agent_resume_run(a);
	return 0;
}

/* Its body goes on to other agents and hosts as it is. (One that is too large
 * to be looked through here is, by whoever passes it on.) */
static int
process_check_reply(const struct pg_frame *f, struct pg_err *e)
{
	if (f->body.n == 0 || f->body.n > PG_FRAME_INLINE_MAX)
		return 0;
	return pg_pickle_check(f->body, e);
}

static int
process_on_reply(struct pg_agent *a, const struct pg_frame *f, struct pg_err *e)
{
	struct pg_err told = { 0 };
	struct pg_outcome o = { .body = f->body, .bulk = f->bulk };

	if (f->head.n > 0) {
		if (pg_head_read_error(f->head, &told, e) < 0)
			return -1;
		o.err = &told;
	} else if (process_check_reply(f, e) < 0) {
		return -1;
	}
	if (a->own.id != 0 && f->id == a->own.id) {
		if (process_commanded(a, &a->own, f, &o, e) < 0)
			return -1;
	} else if (a->in_call.id != 0 && f->id == a->in_call.id) {
		if (process_commanded(a, &a->in_call, f, &o, e) < 0)
			return -1;
	} else if (a->running != NULL && f->id == a->running->frame &&
	    a->call_id == 0) {
		process_handled(a, &o);
	} else {
		return pg_fail(e, PG_E_HOST, "reply to nothing (id %u)",
		    (unsigned)f->id);
	}
	pg_agent_wake(a);
	return 0;
}

/* It has given back what it had not begun: all that is lent, and the running
 * one too if that was to be next. */
static int
process_on_recalled(struct pg_agent *a, uint32_t first, struct pg_err *e)
{
	const struct pg_msg *lent = a->box.lent;
	struct pg_msg *m = a->running;
	bool all = m != NULL && first == m->frame;

	if (!a->recalling || (!all && first != (lent != NULL ? lent->frame :
	    0)))
		return pg_fail(e, PG_E_HOST, "gives back what it has not got "
		    "(id %u)", (unsigned)first);
	a->recalling = false;
	/* One of them may have told it where its host is now. */
	a->told_address = PG_STR_NULL;
	pg_mailbox_return(&a->box);
	if (all) {
		a->running = NULL;
		pg_mailbox_put_back(&a->box, m);
	}
	pg_agent_wake(a);
	return 0;
}

static int
process_on_host_call(struct pg_agent *a, const struct pg_frame *f,
    struct pg_err *e)
{
	struct pg_arena arena;
	struct pg_value *head, *args;
	int rc = -1;

	if (a->call_id != 0 || (f->id & PG_FRAME_CALL_ID) == 0)
		return pg_fail(e, PG_E_HOST, "call out of turn");
	pg_arena_init(&arena, (size_t)a->host->cfg.body_move_max);
	if (pg_pickle_read_value(f->head, &arena, PG_HEAD_MAX, &head,
	    e) == 0 &&
	    pg_pickle_read_value(f->body, &arena, 0, &args, e) == 0) {
		a->call_id = f->id;
		a->call_in_step = pg_value_get(head, "step") != NULL;
		a->call_bulk = f->bulk;
		rc = a->host->up.on_call(a, f->id,
		    pg_value_text(pg_value_get(head, "op"), PG_STR_NULL), args,
		    e);
		a->call_bulk = NULL;
	}
	pg_arena_fini(&arena);
	return rc;
}

static int
process_on_frame(struct pg_child *c, const struct pg_frame *f, struct pg_err *e)
{
	struct pg_agent *a = PG_CONTAINER(c, struct pg_agent, child);
	int rc = 0;

	if (a->phase == PG_AGENT_GONE)
		return 0;
	pg_agent_ref(a);
	switch (f->type) {
	case PG_FRAME_REPLY:
		rc = process_on_reply(a, f, e);
		break;
	case PG_FRAME_CALL:
		rc = process_on_host_call(a, f, e);
		break;
	case PG_FRAME_RECALLED:
		rc = process_on_recalled(a, f->id, e);
		break;
	case PG_FRAME_LOG:
		rc = pg_head_read_log(f->head, a->id, e);
		break;
	case PG_FRAME_RUN_DONE:
		a->run_done = true;
		pg_agent_progress(a);
		break;
	case PG_FRAME_START:
	case PG_FRAME_MESSAGE:
	case PG_FRAME_HOOK:
	case PG_FRAME_SNAPSHOT:
	case PG_FRAME_RECALL:
	case PG_FRAME_STOP:
	case PG_FRAME_RESULT:
	case PG_FRAME_TYPES:
		rc = pg_fail(e, PG_E_HOST, "frame type %d from a child",
		    (int)f->type);
		break;
	}
	pg_agent_unref(a);
	return rc;
}

static const struct pg_child_ops process_ops = {
	.on_frame = process_on_frame,
	.on_exit = process_on_exit,
};

/* ---- Its start ---------------------------------------------------------- */

PG_FN int
pg_process_start(struct pg_agent *a, const char *event, struct pg_str init,
    const struct pg_span *state, pg_agent_done *done, void *arg,
    struct pg_err *e)
{
	struct pg_buf head = PG_BUF_INIT(PG_FRAME_MAX / 2);
	uint32_t id = pg_agent_next_id(a);
	int rc = -1;

	assert(a->phase == PG_AGENT_STARTING);
	if (pg_head_start(&(struct pg_head_start){ .class_name = a->class_name,
	    .state_class = a->state_class, .agent_id = a->id,
	    .host_name = a->host->name, .host_address = a->host->address,
	    .event = event, .init = init }, &head, e) < 0)
		goto out;
	if (pg_child_start(&a->child, a->host->loop, a->host->exe,
	    &process_ops, e) < 0)
		goto out;
	a->host->nchildren++;
	a->pid = a->child.proc.pid;
	a->told_address = a->host->address;
	pg_agent_expect(&a->own, PG_FRAME_START, id, PG_AGENT_START_TIME, done,
	    arg);
	rc = pg_child_send(&a->child, PG_FRAME_START, id, pg_buf_str(&head),
	    state->text, state->bulk, state->off, state->len, e);
	if (rc < 0) {
		pg_timer_stop(&a->own.timer);
		a->own.id = 0;
		a->own.done = NULL;
		goto out;
	}
	if (state->bulk != NULL) {
		pg_bulk_unref(a->state);
		a->state = pg_bulk_ref(state->bulk);
		a->state_off = state->off;
		a->state_len = state->len;
		a->state_time = pg_loop_now(a->host->loop);
	} else {
		process_keep_state(a, state->text, NULL);
	}
	a->state_fresh = a->run_held = a->recalling = false;
out:
	pg_buf_fini(&head);
	return rc;
}
