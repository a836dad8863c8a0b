/* lifecycle: see lifecycle.h. */

#include "lifecycle.h"

#include "../base/log.h"
#include "durable.h"
#include "folder.h"
#include "wire.h"

/* One disposal or one look under way. */
struct lifecycle_op {
	struct pg_agent *agent; /* a reference */
	struct pg_hold hold;
	struct pg_timer timer; /* of a look that waits for its turn */
	bool in_call, force;
	pg_lifecycle_done *done;
	void *arg;
};

static struct lifecycle_op *
lifecycle_new(struct pg_agent *a, pg_lifecycle_done *done, void *arg)
{
	struct lifecycle_op *op = pg_alloc(sizeof(*op));

	*op = (struct lifecycle_op){ .agent = a, .done = done, .arg = arg };
	pg_agent_ref(a);
	return op;
}

static void
lifecycle_end(struct lifecycle_op *op, const struct pg_err *err)
{
	pg_timer_stop(&op->timer);
	pg_agent_release(&op->hold);
	op->done(op->arg, err);
	pg_agent_unref(op->agent);
	free(op);
}

/* ---- Dispose ---------------------------------------------------------------- */

static void
dispose_remove(struct pg_agent *a)
{
	struct pg_arena arena = { 0 };
	struct pg_value *data = pg_value_dict(&arena);
	struct pg_err gone = { 0 };

	if (a->phase == PG_AGENT_GONE)
		return;
	pg_put_bool(&arena, data, "active", a->phase != PG_AGENT_INACTIVE);
	pg_host_event(a->host, "dispose", a, data, NULL);
	pg_fail(&gone, PG_E_INVALID_AGENT, "No active paglet '%.*s' on %.*s",
	    PG_STR_ARG(a->id), PG_STR_ARG(a->host->name));
	pg_agent_remove(a, &gone);
	/* Another one of its id may stand there by now. */
	if (!a->hidden)
		pg_folder_drop(a->host, a->id);
	pg_arena_fini(&arena);
}

/* It is off the disk, or (err) it stays. */
static void
dispose_on_gone(void *arg, const struct pg_err *err)
{
	struct lifecycle_op *op = arg;

	if (err == NULL) {
		if (op->in_call)
			pg_agent_end_running(op->agent,
			    &(struct pg_outcome){ .err = NULL });
		dispose_remove(op->agent);
		if (op->force)
			pg_child_kill(&op->agent->child);
	}
	lifecycle_end(op, err);
}

static void
dispose_gone(struct lifecycle_op *op)
{
	pg_durable_gone(op->agent, PG_STR_NULL, PG_STR_NULL, dispose_on_gone,
	    op);
}

static void
dispose_on_hook(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	if (o->err != NULL)
		pg_log(PG_LOG_WARN, "agent: %.*s: hook disposing: %s",
		    PG_STR_ARG(a->id), o->err->msg);
	dispose_gone(arg);
}

static void
dispose_on_granted(struct pg_hold *h, const struct pg_err *err)
{
	struct lifecycle_op *op = PG_CONTAINER(h, struct lifecycle_op, hold);

	if (err != NULL && (op->agent->phase == PG_AGENT_CRASHED ||
	    op->agent->phase == PG_AGENT_INACTIVE))
		dispose_gone(op);
	else if (err == NULL)
		pg_agent_command(h, "disposing", PG_AGENT_HOOK_TIME,
		    dispose_on_hook, op);
	else
		lifecycle_end(op, err);
}

PG_FN void
pg_dispose(struct pg_agent *a, bool in_call, bool force,
    pg_lifecycle_done *done, void *arg)
{
	struct lifecycle_op *op;
	struct pg_err err = { 0 };

	if (a->phase == PG_AGENT_MOVING && !in_call) {
		/* Where it is is not ours to decide now. */
		pg_fail(&err, PG_E_LIFECYCLE, "Paglet '%.*s' is moving",
		    PG_STR_ARG(a->id));
		done(arg, &err);
		return;
	}
	op = lifecycle_new(a, done, arg);
	op->hold.granted = dispose_on_granted;
	op->in_call = in_call;
	op->force = force;
	if (force || a->phase == PG_AGENT_CRASHED ||
	    a->phase == PG_AGENT_INACTIVE) {
		dispose_gone(op);
	} else if (in_call) {
		pg_agent_hold_call(a, &op->hold);
	} else {
		pg_agent_hold(a, &op->hold);
	}
}

/* ---- Peek -------------------------------------------------------------------- */

static void
peek_on_snapshot(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	(void)a;
	(void)o; /* whatever there is has to do */
	lifecycle_end(arg, NULL);
}

static void
peek_on_granted(struct pg_hold *h, const struct pg_err *err)
{
	struct lifecycle_op *op = PG_CONTAINER(h, struct lifecycle_op, hold);

	pg_timer_stop(&op->timer);
	if (err != NULL)
		lifecycle_end(op, NULL);
	else
		pg_agent_command(h, NULL, PG_AGENT_PEEK_TIME,
		    peek_on_snapshot, op);
}

static void
peek_on_time(struct pg_timer *t)
{
	lifecycle_end(PG_CONTAINER(t, struct lifecycle_op, timer), NULL);
}

PG_FN void
pg_peek(struct pg_agent *a, pg_lifecycle_done *done, void *arg)
{
	struct lifecycle_op *op = lifecycle_new(a, done, arg);

	op->hold.granted = peek_on_granted;
	if (pg_agent_idle(a) || pg_agent_in_snapshot(a)) {
		pg_timer_set(a->host->loop, &op->timer, PG_AGENT_PEEK_TIME,
		    peek_on_time);
		pg_agent_hold(a, &op->hold);
	} else {
		lifecycle_end(op, NULL);
	}
}
