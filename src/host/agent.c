/* agent: see agent.h. The life of a command: pump finds the process idle and
 * sends a frame; what its process says to that (process.c) ends what waits for
 * it; pump again.
 */

#include "agent.h"

#include "../base/log.h"
#include "heads.h"
#include "wire.h"

static void agent_pump(struct pg_agent *a);

/* ---- Tables ------------------------------------------------------------ */

PG_FN void
pg_host_event(struct pg_host *h, const char *kind, const struct pg_agent *a,
    const struct pg_value *data, const struct pg_err *err)
{
	struct pg_event_detail d = { .data = data };

	if (a != NULL) {
		d.agent_id = a->id;
		d.class_name = a->class_name;
	}
	if (err != NULL)
		d.error = pg_str(err->msg);
	pg_event_add(&h->events, kind, &d);
}

static void
agent_message_event(struct pg_agent *a, const char *kind,
    const struct pg_msg *m, const struct pg_err *err)
{
	struct pg_event_detail d = { .agent_id = a->id,
		.class_name = a->class_name, .message_id = m->id };

	if (err != NULL)
		d.error = pg_str(err->msg);
	pg_event_add(&a->host->events, kind, &d);
}

PG_FN void
pg_event_message(struct pg_agent *a, const char *kind, const struct pg_msg *m)
{
	agent_message_event(a, kind, m, NULL);
}

PG_FN void
pg_agent_set_phase(struct pg_agent *a, enum pg_agent_phase phase)
{
	a->host->nactive -= a->phase == PG_AGENT_ACTIVE;
	a->host->ninactive -= a->phase == PG_AGENT_INACTIVE;
	a->phase = phase;
	a->host->nactive += phase == PG_AGENT_ACTIVE;
	a->host->ninactive += phase == PG_AGENT_INACTIVE;
}

static void
agent_link(struct pg_agent *a)
{
	struct pg_host *h = a->host;

	a->prev = h->last;
	if (h->last != NULL)
		h->last->next = a;
	else
		h->first = a;
	h->last = a;
	pg_map_put(&h->agents, a->id, a);
}

PG_FN struct pg_agent *
pg_agent_new(struct pg_host *h, struct pg_str id, struct pg_str class_name,
    struct pg_str state_class)
{
	struct pg_agent *a;
	char *text;

	a = pg_alloc(sizeof(*a) + id.n + class_name.n + state_class.n);
	text = (char *)(a + 1);
	memcpy(text, id.p, id.n);
	memcpy(text + id.n, class_name.p, class_name.n);
	memcpy(text + id.n + class_name.n, state_class.p, state_class.n);
	a->id = (struct pg_str){ text, id.n };
	a->class_name = (struct pg_str){ text + id.n, class_name.n };
	a->state_class = (struct pg_str){ text + id.n + class_name.n,
		state_class.n };
	a->host = h;
	a->refs = 1;
	a->phase = PG_AGENT_STARTING;
	a->drain_end = &a->drain;
	a->holds_end = &a->holds;
	a->own.agent = a->in_call.agent = a;
	agent_link(a);
	return a;
}

PG_FN struct pg_agent *
pg_agent_find(const struct pg_host *h, struct pg_str id)
{
	return pg_map_get(&h->agents, id);
}

static void
agent_unlink(struct pg_agent *a)
{
	struct pg_host *h = a->host;

	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		h->first = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	else
		h->last = a->prev;
	a->prev = a->next = NULL;
	pg_map_del(&h->agents, a->id);
}

/* The next message to be delivered, off the queue; the caller's. */
static struct pg_msg *
agent_take(struct pg_agent *a)
{
	struct pg_msg *m = a->drain;

	if (m == NULL)
		return pg_mailbox_take(&a->box);
	a->drain = m->next;
	if (a->drain == NULL)
		a->drain_end = &a->drain;
	m->next = NULL;
	return m;
}

static void
agent_free(struct pg_task *t)
{
	struct pg_agent *a = PG_CONTAINER(t, struct pg_agent, free_task);
	struct pg_msg *m;

	pg_timer_stop(&a->own.timer);
	pg_timer_stop(&a->in_call.timer);
	pg_bulk_unref(a->state);
	/* What was kept while it went. */
	while ((m = agent_take(a)) != NULL)
		pg_msg_end(m, &(struct pg_outcome){ .err = NULL });
	pg_mailbox_fini(&a->box);
	pg_dedupe_free(a->window);
	free(a->refused);
	free(a->state_file);
	pg_files_unref(a->files);
	pg_files_unref(a->files_kept);
	free(a);
}

PG_FN void
pg_agent_ref(struct pg_agent *a)
{
	a->refs++;
}

PG_FN void
pg_agent_unref(struct pg_agent *a)
{
	if (--a->refs == 0)
		pg_loop_defer(a->host->loop, &a->free_task, agent_free);
}

PG_FN void
pg_agent_progress(struct pg_agent *a)
{
	if (a->on_progress != NULL)
		a->on_progress(a, a->progress_arg);
}

/* ---- Ends of commands and messages ------------------------------------- */

PG_FN void
pg_agent_end_order(struct pg_order *c, const struct pg_outcome *o)
{
	pg_agent_done *done = c->done;

	pg_timer_stop(&c->timer);
	c->id = 0;
	c->done = NULL;
	if (done != NULL)
		done(c->arg, c->agent, o);
}

PG_FN void
pg_agent_end_orders(struct pg_agent *a, const struct pg_outcome *o)
{
	pg_agent_end_order(&a->in_call, o);
	pg_agent_end_order(&a->own, o);
}

PG_FN void
pg_agent_end_message(struct pg_agent *a, struct pg_msg *m,
    const struct pg_outcome *o)
{
	if (o->err != NULL)
		a->failed++;
	else
		a->delivered++;
	agent_message_event(a, o->err != NULL ? "message-failed" :
	    "message-delivered", m, o->err);
	pg_dedupe_drop(a->window, m->once, o);
	pg_msg_end(m, o);
}

/* It ends without having been delivered. */
static void
agent_refuse_message(struct pg_agent *a, struct pg_msg *m,
    const struct pg_err *err)
{
	struct pg_outcome o = { .err = err };

	pg_dedupe_drop(a->window, m->once, &o);
	pg_msg_end(m, &o);
}

PG_FN struct pg_msg *
pg_agent_take_running(struct pg_agent *a)
{
	struct pg_msg *m = a->running;

	a->running = pg_mailbox_claim(&a->box);
	return m;
}

PG_FN void
pg_agent_end_handled(struct pg_agent *a, const struct pg_outcome *o)
{
	struct pg_msg *m = pg_agent_take_running(a);

	if (m != NULL)
		pg_agent_end_message(a, m, o);
}

PG_FN void
pg_agent_end_running(struct pg_agent *a, const struct pg_outcome *o)
{
	struct pg_msg *m = a->running;

	assert(a->box.nlent == 0);
	if (m != NULL && a->call_in_step) {
		a->running = NULL;
		m->priority = 0;
		pg_mailbox_put_anyway(&a->box, m);
	} else {
		if (m != NULL && o->err == NULL)
			pg_dedupe_answer(a->window, m->once, o,
			    pg_loop_now(a->host->loop));
		pg_agent_end_handled(a, o);
	}
}

static struct pg_hold *
agent_next_hold(struct pg_agent *a)
{
	struct pg_hold *h = a->holds;

	if (h == NULL)
		return NULL;
	a->holds = h->next;
	if (a->holds == NULL)
		a->holds_end = &a->holds;
	a->nholds--;
	h->next = NULL;
	return h;
}

PG_FN void
pg_agent_turn_away(struct pg_agent *a, const struct pg_err *err)
{
	struct pg_hold *h;

	while ((h = agent_next_hold(a)) != NULL) {
		h->agent = NULL;
		pg_agent_unref(a);
		h->granted(h, err);
	}
}

PG_FN void
pg_agent_asleep(struct pg_agent *a)
{
	struct pg_err err = { 0 };

	pg_agent_set_phase(a, PG_AGENT_INACTIVE);
	a->pid = 0;
	pg_fail(&err, PG_E_INVALID_AGENT, "No active paglet '%.*s' on %.*s",
	    PG_STR_ARG(a->id), PG_STR_ARG(a->host->name));
	pg_agent_turn_away(a, &err);
}

static void
agent_fail_message(struct pg_agent *a, struct pg_msg *m,
    const struct pg_err *err)
{
	a->failed++;
	agent_message_event(a, "message-failed", m, err);
	agent_refuse_message(a, m, err);
}

/* What waits fails, but for what was kept: that stays. */
PG_FN void
pg_agent_fail_mailbox(struct pg_agent *a, const struct pg_err *err)
{
	struct pg_msg *m;

	while ((m = pg_mailbox_take(&a->box)) != NULL)
		agent_fail_message(a, m, err);
}

static void
agent_fail_waiting(struct pg_agent *a, const struct pg_err *err)
{
	struct pg_msg *m;

	while ((m = agent_take(a)) != NULL)
		agent_fail_message(a, m, err);
}

PG_FN struct pg_msg *
pg_agent_take_mailbox(struct pg_agent *a)
{
	struct pg_msg *first = NULL, **end = &first;

	while ((*end = pg_mailbox_take(&a->box)) != NULL)
		end = &(*end)->next;
	*end = pg_dedupe_leave_waiting(a->window);
	return first;
}

PG_FN struct pg_msg *
pg_agent_take_waiting(struct pg_agent *a)
{
	struct pg_msg *first = NULL, **end = &first;

	while ((*end = agent_take(a)) != NULL)
		end = &(*end)->next;
	*end = pg_dedupe_leave(a->window);
	return first;
}

PG_FN void
pg_agent_remove(struct pg_agent *a, const struct pg_err *err)
{
	if (a->phase == PG_AGENT_GONE)
		return;
	pg_agent_set_phase(a, PG_AGENT_GONE);
	a->saved = ++a->saves; /* what is on its way to the disk is overtaken */
	if (!a->hidden)
		agent_unlink(a);
	a->call_id = 0;
	pg_mailbox_return(&a->box);
	pg_agent_end_orders(a, &(struct pg_outcome){ .err = err });
	pg_agent_end_handled(a, &(struct pg_outcome){ .err = err });
	pg_agent_turn_away(a, err);
	agent_fail_waiting(a, err);
	if (a->wakers != NULL)
		a->host->up.abandon(a, err);
	pg_agent_progress(a);
	if (pg_child_running(&a->child))
		pg_child_stop(&a->child);
	else
		pg_agent_unref(a);
}

/* ---- Commands ---------------------------------------------------------- */

static void
agent_on_command_time(struct pg_timer *t)
{
	struct pg_order *c = PG_CONTAINER(t, struct pg_order, timer);
	struct pg_agent *a = c->agent;
	pg_agent_done *done = c->done;
	struct pg_err err = { 0 };

	if (c->type == PG_FRAME_START) {
		pg_log(PG_LOG_WARN, "agent: %.*s did not start in %d s",
		    PG_STR_ARG(a->id), (int)(PG_AGENT_START_TIME / PG_SEC));
		pg_child_kill(&a->child);
		return;
	}
	c->done = NULL;
	pg_fail(&err, PG_E_TIMEOUT, "Paglet '%.*s' did not answer in time",
	    PG_STR_ARG(a->id));
	if (done != NULL)
		done(c->arg, a, &(struct pg_outcome){ .err = &err });
}

PG_FN void
pg_agent_expect(struct pg_order *c, enum pg_frame_type type, uint32_t id,
    int64_t time, pg_agent_done *done, void *arg)
{
	c->type = type;
	c->id = id;
	c->done = done;
	c->arg = arg;
	pg_timer_set(c->agent->host->loop, &c->timer, time,
	    agent_on_command_time);
}

PG_FN uint32_t
pg_agent_next_id(struct pg_agent *a)
{
	a->next_id = (a->next_id + 1) & ~PG_FRAME_CALL_ID;
	return a->next_id != 0 ? a->next_id : ++a->next_id;
}

PG_FN void
pg_agent_quit(struct pg_agent *a, void (*ended)(struct pg_agent *a))
{
	a->call_id = 0;
	a->on_ended = ended;
	pg_child_stop(&a->child);
}

PG_FN void
pg_agent_freeze(struct pg_hold *h)
{
	assert(h->agent->holder == h);
	if (h->agent->phase == PG_AGENT_ACTIVE)
		pg_agent_set_phase(h->agent, PG_AGENT_MOVING);
	pg_agent_progress(h->agent);
}

PG_FN void
pg_agent_hide(struct pg_agent *a)
{
	agent_unlink(a);
	a->saved = ++a->saves;
	a->hidden = true;
}

PG_FN void
pg_agent_unhide(struct pg_agent *a)
{
	if (a->hidden && a->phase != PG_AGENT_GONE)
		agent_link(a);
	a->hidden = false;
}

/* Whether run is to stand still from this hook on: before the state is taken
 * to leave with it. dispatch_failed, or the end of the turn, lets it go on. */
static bool
agent_holds_run(struct pg_agent *a, const char *name)
{
	static const char *const holding[] = { "dispatching", "reverting",
		"cloning", "deactivating" };
	size_t i;

	if (strcmp(name, "dispatch_failed") == 0)
		a->run_held = false;
	for (i = 0; a->has_run && !a->run_done && i < PG_COUNT(holding); i++)
		if (strcmp(name, holding[i]) == 0)
			a->run_held = true;
	return a->run_held;
}

/* A child that can not be sent to any more is about to end, and that ends
 * the order. */
static void
agent_order(struct pg_agent *a, enum pg_frame_type type, uint32_t id,
    const struct pg_buf *head)
{
	if (pg_child_send(&a->child, type, id, pg_buf_str(head), PG_STR_NULL,
	    NULL, 0, 0, NULL) < 0)
		pg_child_kill(&a->child);
}

/* Not because somebody else no longer wants a turn: what whoever has it in
 * hand has taken of the state is to stay true. */
PG_FN void
pg_agent_resume_run(struct pg_agent *a)
{
	struct pg_buf head = PG_BUF_INIT(1024);

	if (!a->run_held || a->holder != NULL ||
	    a->phase != PG_AGENT_ACTIVE || a->own.id != 0 ||
	    !pg_child_running(&a->child))
		return;
	a->run_held = false;
	pg_head_hook("resume", false, &head);
	pg_agent_expect(&a->own, PG_FRAME_HOOK, pg_agent_next_id(a),
	    PG_AGENT_HOOK_TIME, NULL, NULL);
	agent_order(a, PG_FRAME_HOOK, a->own.id, &head);
	pg_buf_fini(&head);
}

PG_FN void
pg_agent_command(struct pg_hold *h, const char *name, int64_t time,
    pg_agent_done *done, void *arg)
{
	struct pg_agent *a = h->agent;
	struct pg_order *c = h->in_call ? &a->in_call : &a->own;
	enum pg_frame_type type = name != NULL ? PG_FRAME_HOOK :
	    PG_FRAME_SNAPSHOT;
	uint32_t id = h->in_call ? a->call_id : pg_agent_next_id(a);
	struct pg_buf head = PG_BUF_INIT(1024);

	assert(a->holder == h && c->id == 0);
	if (name != NULL) {
		a->state_fresh = false;
		/* In a call its process waits for the answer anyway. */
		pg_head_hook(name, !h->in_call && agent_holds_run(a, name),
		    &head);
	}
	pg_agent_expect(c, type, id, time, done, arg);
	agent_order(a, type, id, &head);
	pg_buf_fini(&head);
}

PG_FN void
pg_agent_answer(struct pg_agent *a, uint32_t call_id,
    const struct pg_outcome *o)
{
	struct pg_buf head = PG_BUF_INIT(8192);
	size_t off = 0;

	if (a->call_id != call_id || call_id == 0)
		return; /* its process has ended meanwhile */
	a->call_id = 0;
	if (o->err != NULL)
		pg_head_error(o->err, &head);
	if (o->bulk != NULL && o->body.n > 0)
		off = (size_t)(o->body.p - o->bulk->p);
	if (pg_child_send(&a->child, PG_FRAME_RESULT, call_id,
	    pg_buf_str(&head), o->body, o->bulk, off, o->body.n, NULL) < 0)
		pg_child_kill(&a->child);
	pg_buf_fini(&head);
	agent_pump(a);
}

/* ---- Turns and messages ------------------------------------------------ */

PG_FN bool
pg_agent_idle(const struct pg_agent *a)
{
	return a->phase == PG_AGENT_ACTIVE && a->running == NULL &&
	    !a->recalling && a->own.id == 0 && a->holder == NULL &&
	    a->call_id == 0;
}

PG_FN bool
pg_agent_in_snapshot(const struct pg_agent *a)
{
	/* Without a holder it was given up: the process is busy. */
	return a->holder != NULL && a->own.id != 0 &&
	    a->own.type == PG_FRAME_SNAPSHOT;
}

PG_FN void
pg_agent_hold(struct pg_agent *a, struct pg_hold *h)
{
	struct pg_err err = { 0 };

	h->next = NULL;
	h->in_call = false;
	if (a->nholds >= PG_AGENT_HOLDS_MAX) {
		pg_fail(&err, PG_E_BUSY, "Paglet '%.*s' is busy, and %d wait "
		    "for their turn", PG_STR_ARG(a->id), PG_AGENT_HOLDS_MAX);
		h->granted(h, &err);
		return;
	}
	h->agent = a;
	pg_agent_ref(a);
	*a->holds_end = h;
	a->holds_end = &h->next;
	a->nholds++;
	agent_pump(a);
}

PG_FN void
pg_agent_hold_first(struct pg_agent *a, struct pg_hold *h)
{
	assert(a->holder == NULL && a->running == NULL);
	h->agent = a;
	h->next = NULL;
	h->in_call = false;
	pg_agent_ref(a);
	a->holder = h;
}

PG_FN void
pg_agent_hold_call(struct pg_agent *a, struct pg_hold *h)
{
	h->agent = a;
	h->in_call = true;
	pg_agent_ref(a);
	h->next = a->holds;
	a->holds = h;
	if (h->next == NULL)
		a->holds_end = &h->next;
	a->nholds++;
	agent_pump(a);
}

PG_FN int
pg_agent_check_call(const struct pg_agent *a, struct pg_err *e)
{
	if (a->phase != PG_AGENT_STARTING && a->own.id == 0)
		return 0;
	/* A step and an order of the host have crossed: a look at the state
	 * is served meanwhile, a hook waits for the step. */
	if (a->phase != PG_AGENT_STARTING && a->call_in_step &&
	    a->own.type == PG_FRAME_SNAPSHOT)
		return 0;
	if (a->call_in_step)
		return pg_fail(e, PG_E_LIFECYCLE, "Paglet '%.*s' is being "
		    "moved, copied or put to sleep", PG_STR_ARG(a->id));
	return pg_fail(e, PG_E_LIFECYCLE, "not within a hook of Paglet "
	    "'%.*s'", PG_STR_ARG(a->id));
}

PG_FN void
pg_agent_tell_crash(struct pg_agent *a)
{
	if (!a->crash_untold || a->holder != NULL ||
	    a->phase != PG_AGENT_CRASHED)
		return;
	a->crash_untold = false;
	a->host->up.crashed(a);
}

PG_FN void
pg_agent_release(struct pg_hold *h)
{
	struct pg_agent *a = h->agent;
	struct pg_hold **at;
	bool moving;

	if (a == NULL)
		return;
	h->agent = NULL;
	moving = a->holder == h && a->phase == PG_AGENT_MOVING;
	if (a->holder == h) {
		a->holder = NULL;
	} else {
		for (at = &a->holds; *at != NULL && *at != h; at = &(*at)->next)
			continue;
		if (*at != NULL) {
			*at = h->next;
			a->nholds--;
			if (*at == NULL)
				a->holds_end = at;
		}
	}
	h->next = NULL;
	if (moving) {
		pg_agent_set_phase(a, PG_AGENT_ACTIVE);
		pg_agent_progress(a);
	}
	pg_agent_tell_crash(a);
	pg_agent_resume_run(a);
	agent_pump(a);
	pg_agent_unref(a);
}

/* Queue m for its process. */
static int
agent_put_message(struct pg_agent *a, struct pg_msg *m, struct pg_err *e)
{
	struct pg_buf head = PG_BUF_INIT(PG_FRAME_MAX / 2);
	struct pg_str address = a->host->address;
	int rc;

	m->frame = pg_agent_next_id(a);
	a->state_fresh = false;
	if (pg_str_eq(address, a->told_address))
		address = PG_STR_NULL;
	if (m->deadline != PG_NEVER || address.n > 0)
		pg_head_message(m->deadline, address, &head);
	a->told_address = a->host->address;
	rc = pg_child_put(&a->child, PG_FRAME_MESSAGE, m->frame,
	    pg_buf_str(&head), m->body, NULL, 0, 0, e);
	pg_buf_fini(&head);
	return rc;
}

/* Hand the message to the idle process. */
static void
agent_deliver(struct pg_agent *a, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	a->running = m;
	if (agent_put_message(a, m, &err) < 0)
		pg_agent_end_handled(a, &(struct pg_outcome){ .err = &err });
	else
		pg_child_flush(&a->child);
}

/* Whether the first of those who wait for a turn may have it now. One in a
 * call needs no idle process: it is the call that the process waits for. */
static bool
agent_may_hold(const struct pg_agent *a)
{
	if (a->holds == NULL || a->holder != NULL || a->recalling ||
	    a->box.nlent > 0 || a->phase != PG_AGENT_ACTIVE)
		return false;
	return a->holds->in_call ? a->call_id != 0 :
	    a->running == NULL && a->own.id == 0 && a->call_id == 0;
}

/* Whether messages may go to its process now. */
static bool
agent_may_send(const struct pg_agent *a)
{
	return a->phase == PG_AGENT_ACTIVE && a->own.id == 0 &&
	    a->holder == NULL && a->holds == NULL && !a->recalling;
}

/* Whether it gains by having the next ones early: not while it waits for the
 * host anyway, nor where each message is followed by a look at the state, nor
 * before what was kept for it is done with. */
static bool
agent_may_lend(const struct pg_agent *a)
{
	return agent_may_send(a) && a->running != NULL && a->drain == NULL &&
	    !a->waking && a->call_id == 0 && a->box.n > 0 &&
	    a->box.nlent < PG_MAILBOX_LENT_MAX &&
	    a->host->up.checkpoint_message == NULL;
}

static void
agent_lend(struct pg_task *t)
{
	struct pg_agent *a = PG_CONTAINER(t, struct pg_agent, lend_task);
	struct pg_msg *m;

	while (agent_may_lend(a) && (m = pg_mailbox_lend(&a->box)) != NULL)
		if (agent_put_message(a, m, NULL) < 0)
			pg_child_kill(&a->child);
	pg_child_flush(&a->child);
	pg_agent_unref(a);
}

static void
agent_recall(struct pg_agent *a)
{
	a->recalling = true;
	if (pg_child_send(&a->child, PG_FRAME_RECALL, pg_agent_next_id(a),
	    PG_STR_NULL, PG_STR_NULL, NULL, 0, 0, NULL) < 0)
		pg_child_kill(&a->child);
}

/* What its process has, beside the message it is busy with: less if somebody
 * is to come before that, otherwise more. */
static void
agent_look_ahead(struct pg_agent *a)
{
	if (a->box.nlent > 0 && !a->recalling && (a->holds != NULL ||
	    pg_mailbox_overtakes(&a->box))) {
		agent_recall(a);
	} else if (agent_may_lend(a) && !a->lend_task.queued) {
		/* All that have come in this turn go at once. */
		pg_agent_ref(a);
		pg_loop_defer(a->host->loop, &a->lend_task, agent_lend);
	}
}

static void
agent_pump(struct pg_agent *a)
{
	struct pg_msg *m;

	for (;;) {
		if (agent_may_hold(a)) {
			a->holder = agent_next_hold(a);
			a->holder->granted(a->holder, NULL);
			continue;
		}
		if (!agent_may_send(a) || a->running != NULL ||
		    (m = agent_take(a)) == NULL)
			break;
		agent_deliver(a, m);
	}
	agent_look_ahead(a);
}

PG_FN void
pg_agent_wake(struct pg_agent *a)
{
	agent_pump(a);
}

/* Why a can not take m, if so. */
static int
agent_check(const struct pg_agent *a, struct pg_err *e)
{
	if (a->phase != PG_AGENT_CRASHED)
		return 0;
	return pg_fail(e, PG_E_CRASHED, "Paglet '%.*s' crashed: %s",
	    PG_STR_ARG(a->id), a->error);
}

PG_FN void
pg_agent_post(struct pg_agent *a, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	if (agent_check(a, &err) < 0 ||
	    (pg_mailbox_put(&a->box, m, &err) < 0 &&
	    pg_wrap(&err, "Paglet '%.*s'", PG_STR_ARG(a->id)) < 0)) {
		agent_message_event(a, "message-failed", m, &err);
		agent_refuse_message(a, m, &err);
		return;
	}
	if (m->priority != 0)
		agent_message_event(a, "message-queued", m, NULL);
	agent_pump(a);
}

PG_FN void
pg_agent_adopt(struct pg_agent *a, struct pg_msg *waiting)
{
	struct pg_err err = { 0 };
	struct pg_msg *m;

	if (a->phase == PG_AGENT_GONE || a->phase == PG_AGENT_CRASHED)
		pg_fail(&err, PG_E_CRASHED, "Paglet '%.*s' is not running",
		    PG_STR_ARG(a->id));
	while ((m = waiting) != NULL) {
		waiting = m->next;
		m->next = NULL;
		if (err.code != PG_E_OK)
			pg_msg_fail(m, &err);
		else if (pg_dedupe_enter(&a->window, m,
		    pg_loop_now(a->host->loop)) == 0)
			pg_mailbox_put_anyway(&a->box, m);
	}
	agent_pump(a);
}
