/* move: see move.h. One struct move walks through the stages below, each
 * ending in a callback that starts the next; move_fail and move_delivered are
 * the two ways out.
 */

#include "move.h"

#include "../base/log.h"
#include "courier.h"
#include "folder.h"
#include "import.h"
#include "inactive.h"
#include "mesh.h"
#include "message.h"
#include "settle.h"
#include "staging.h"
#include "wire.h"

enum move_stage {
	MOVE_PREFLIGHT, /* asking the target for its health */
	MOVE_TURN,      /* waiting for the agent's turn */
	MOVE_HOOK,      /* in its hook; then its state is taken */
	MOVE_STAGE,     /* its files go first */
	MOVE_LOCAL,     /* arriving on this same host */
	MOVE_RECORD,    /* being written down */
	MOVE_POST,      /* the envelope may have reached the target */
	MOVE_SETTLE,    /* the answer was lost: asking where it is */
	MOVE_FINISH,    /* it is there: files that it moved are removed here */
	MOVE_ASIDE,     /* it has come back already, and is being started */
	MOVE_OVER
};

struct move {
	struct pg_host *host;
	struct move *prev, *next;
	struct pg_agent *agent; /* a reference */
	struct pg_hold hold;
	enum pg_kind kind;
	enum move_stage stage;
	bool in_call;
	bool local;     /* the target is this host */
	bool told;      /* done was called */
	struct pg_arena arena;
	struct pg_courier to; /* the target */
	char id[PG_ID_LEN + 1];        /* of the transfer */
	char clone_id[PG_ID_LEN + 1];
	struct pg_err last; /* why the last attempt failed */
	struct pg_err failure; /* why it is over */
	bool recorded; /* the disk says that it is leaving */
	struct pg_settle settle;
	struct pg_staging staging; /* of its files at the target */
	struct pg_import *import;  /* of a clone's files, on this host */
	bool hooked; /* has to be told of the failure */
	pg_arrive_done *done;
	void *arg;
	pg_durable_done *resolved; /* tells who decided; NULL: nobody has */
	void *resolved_arg;
};

struct pg_moves {
	struct move *first;
};

static void move_turn(struct move *m);
static void move_ask(struct move *m);

/* ---- Ends --------------------------------------------------------------- */

static void
move_tell(struct move *m, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	if (m->told)
		return;
	m->told = true;
	m->done(m->arg, err, url, id);
}

/* For the write that makes a person's decision last, or instead of it. */
static pg_durable_done *
move_take_resolved(struct move *m)
{
	pg_durable_done *done = m->resolved;

	m->resolved = NULL;
	return done;
}

static void
move_tell_resolved(struct move *m, const struct pg_err *err)
{
	pg_durable_done *done = move_take_resolved(m);

	if (done != NULL)
		done(m->resolved_arg, err);
}

static void
move_free(struct move *m)
{
	move_tell_resolved(m, NULL);
	if (m->prev != NULL)
		m->prev->next = m->next;
	else
		m->host->moves->first = m->next;
	if (m->next != NULL)
		m->next->prev = m->prev;
	pg_courier_fini(&m->to);
	pg_settle_stop(&m->settle);
	pg_staging_fini(&m->staging);
	pg_import_end(m->import, false);
	pg_agent_unref(m->agent);
	pg_arena_fini(&m->arena);
	free(m);
}

/* The agent goes on here: told, recorded, its process started again if it
 * has none since the host itself has been. One that another move has in hand
 * is that one's to decide about. */
static void
move_stay(struct move *m)
{
	struct pg_agent *a = m->agent;
	bool ours = a->holder == &m->hold;

	if (m->recorded && a->phase != PG_AGENT_GONE &&
	    a->phase != PG_AGENT_CRASHED)
		pg_durable_save(a, PG_DURABLE_ACTIVE, NULL,
		    move_take_resolved(m), m->resolved_arg);
	if (ours && a->phase == PG_AGENT_MOVING &&
	    !pg_child_running(&a->child)) {
		pg_agent_set_phase(a, PG_AGENT_INACTIVE);
		pg_agent_end_running(a, &(struct pg_outcome){
		    .err = &m->failure });
	}
	pg_agent_release(&m->hold);
	if (ours && a->phase == PG_AGENT_INACTIVE)
		pg_activate(a, NULL, NULL);
}

static void
move_end_failed(struct move *m)
{
	move_stay(m);
	move_tell(m, &m->failure, PG_STR_NULL, PG_STR_NULL);
	move_free(m);
}

static void
move_on_failed_hook(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	(void)a;
	(void)o; /* it was told; what it makes of it is its own */
	move_end_failed(arg);
}

/* Nothing of it is left at the target. */
static void
move_on_undone(struct pg_staging *g, const struct pg_err *err)
{
	struct move *m = PG_CONTAINER(g, struct move, staging);
	struct pg_order *busy = m->in_call ? &m->agent->in_call :
	    &m->agent->own;

	(void)err;
	if (m->hooked && m->hold.agent != NULL && busy->id == 0 &&
	    pg_child_running(&m->agent->child) &&
	    m->agent->phase != PG_AGENT_GONE)
		pg_agent_command(&m->hold, "dispatch_failed",
		    PG_AGENT_HOOK_TIME, move_on_failed_hook, m);
	else
		move_end_failed(m);
}

/* Over without success; err is copied. A paglet whose hook `dispatching` has
 * run is told by dispatch_failed. */
static void
move_fail(struct move *m, const struct pg_err *err)
{
	m->hooked = m->stage > MOVE_HOOK && m->kind == PG_KIND_DISPATCH;
	m->failure = *err;
	m->stage = MOVE_OVER;
	pg_settle_stop(&m->settle);
	pg_staging_undo(&m->staging, move_on_undone);
}

static struct pg_str
move_agent_id(const struct move *m)
{
	if (m->kind == PG_KIND_CLONE)
		return (struct pg_str){ m->clone_id, PG_ID_LEN };
	return m->agent->id;
}

static void
move_event(struct move *m)
{
	struct pg_arena a = { 0 };
	struct pg_value *data = pg_value_dict(&a);

	if (m->kind == PG_KIND_CLONE)
		pg_put_str(&a, data, "clone_agent_id", move_agent_id(m));
	pg_put(&a, data, "target", pg_destination_value(&m->to.target,
	    m->kind != PG_KIND_RETRACT, &a));
	pg_host_event(m->host, pg_kind_name(m->kind), m->agent, data, NULL);
	pg_arena_fini(&a);
}

static void
move_failed_event(struct move *m, const char *stage, const struct pg_err *err)
{
	struct pg_arena a = { 0 };
	struct pg_value *data = pg_value_dict(&a);

	pg_put_str(&a, data, "destination", m->to.ticket.destination);
	pg_put_strz(&a, data, "stage", stage);
	if (m->to.attempt > 0) {
		pg_put_int(&a, data, "attempt", m->to.attempt);
		pg_put_int(&a, data, "attempts", m->to.ticket.retries + 1);
	}
	pg_host_event(m->host, "transfer-failed", m->agent, data, err);
	pg_arena_fini(&a);
}

/* The agent is at url now: off the tables, its caller answered, what waits
 * sent after it, or handed to the one that stands in its place here. */
static void
move_leave(struct move *m, struct pg_str url, struct pg_agent *instead)
{
	struct pg_agent *a = m->agent;
	struct pg_arena arena = { 0 };
	struct pg_buf b = { 0 };
	struct pg_err gone = { 0 };
	struct pg_msg *waiting;

	pg_wire_bare(&b, pg_wire_proxy(&arena, url, a->id), NULL);
	if (m->in_call)
		pg_agent_end_running(a, &(struct pg_outcome){
		    .body = pg_buf_str(&b) });
	pg_fail(&gone, PG_E_INVALID_AGENT, "Paglet '%.*s' has moved to %.*s",
	    PG_STR_ARG(a->id), PG_STR_ARG(url));
	waiting = pg_agent_take_waiting(a);
	pg_forward_own(m->host, a->id, waiting);
	if (instead != NULL)
		pg_agent_adopt(instead, waiting);
	else
		pg_forward_note(m->host, a->id, url, waiting);
	/* Nobody but who decided it waits for this: until it is on disk the
	 * record says leaving, and the target will say that it has it. */
	if (instead == NULL) {
		pg_durable_gone(a, url, PG_STR_NULL, move_take_resolved(m),
		    m->resolved_arg);
		pg_folder_drop(m->host, a->id);
	}
	pg_agent_remove(a, &gone);
	pg_buf_fini(&b);
	pg_arena_fini(&arena);
}

static void
move_on_cloned(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	struct move *m = arg;

	(void)a;
	if (o->err != NULL)
		pg_log(PG_LOG_WARN, "move: %.*s: hook cloned: %s",
		    PG_STR_ARG(m->agent->id), o->err->msg);
	m->stage = MOVE_OVER;
	pg_agent_release(&m->hold);
	move_tell(m, NULL, m->to.url, move_agent_id(m));
	move_free(m);
}

static void
move_on_finished(struct pg_staging *g, const struct pg_err *err)
{
	struct move *m = PG_CONTAINER(g, struct move, staging);

	(void)err;
	if (m->stage != MOVE_FINISH)
		return; /* it is coming back meanwhile */
	m->stage = MOVE_OVER;
	move_event(m);
	move_leave(m, m->to.url, NULL);
	pg_agent_release(&m->hold);
	move_tell(m, NULL, m->to.url, m->agent->id);
	move_free(m);
}

/* The target has it, at url (which may be yet another host). A record that
 * it is leaving stays until its files are removed here. */
static void
move_delivered(struct move *m, struct pg_str url)
{
	m->to.url = pg_arena_str(&m->arena, url);
	if (m->kind != PG_KIND_CLONE) {
		m->stage = MOVE_FINISH;
		pg_staging_commit(&m->staging, move_on_finished);
		return;
	}
	m->stage = MOVE_OVER;
	move_event(m);
	if (m->agent->phase == PG_AGENT_ACTIVE &&
	    (m->in_call ? m->agent->in_call.id : m->agent->own.id) == 0)
		pg_agent_command(&m->hold, "cloned", PG_AGENT_HOOK_TIME,
		    move_on_cloned, m);
	else
		move_on_cloned(m, m->agent, &(struct pg_outcome){
		    .err = NULL });
}

/* ---- Asking what became of it ------------------------------------------- */

static void
move_on_there(struct pg_settle *s, struct pg_str url)
{
	struct move *m = PG_CONTAINER(s, struct move, settle);

	move_delivered(m, url);
}

static void
move_on_not_there(struct pg_settle *s, bool searched)
{
	struct move *m = PG_CONTAINER(s, struct move, settle);

	/* Rather doubled than lost. */
	if (searched && m->kind != PG_KIND_CLONE) {
		pg_log(PG_LOG_WARN, "move: %.*s not found at %.*s: it goes on "
		    "here", PG_STR_ARG(m->agent->id),
		    PG_STR_ARG(m->to.target.address));
		move_failed_event(m, "search", &m->last);
	}
	move_fail(m, &m->last);
}

/* Callers are told; a clone is given up. */
static void
move_on_silent(struct pg_settle *s)
{
	struct move *m = PG_CONTAINER(s, struct move, settle);
	struct pg_err err = { 0 };

	pg_fail(&err, PG_E_TRANSFER, "Transfer to %.*s got no answer and can "
	    "not be settled yet: %s", PG_STR_ARG(m->to.target.address),
	    m->last.msg);
	if (m->kind == PG_KIND_CLONE) {
		move_fail(m, &err);
		return;
	}
	/* The agent's own handler learns only how it ends. */
	if (!m->in_call)
		move_tell(m, &err, PG_STR_NULL, PG_STR_NULL);
	/* This may take days: nobody else is to wait for it. */
	pg_fail(&err, PG_E_LIFECYCLE, "Paglet '%.*s' is moving",
	    PG_STR_ARG(m->agent->id));
	pg_agent_turn_away(m->agent, &err);
}

static void
move_ask(struct move *m)
{
	static const struct pg_settle_ops ops = { .there = move_on_there,
		.not_there = move_on_not_there, .silent = move_on_silent };

	m->stage = MOVE_SETTLE;
	m->settle.host = m->host;
	m->settle.ops = &ops;
	m->settle.target = m->to.target.address;
	m->settle.agent_id = move_agent_id(m);
	m->settle.transfer_id = m->id;
	m->settle.by_id = m->to.target.settles;
	m->settle.once = m->kind == PG_KIND_CLONE;
	m->settle.first = m->to.ticket.timeout;
	pg_settle_start(&m->settle);
}

/* ---- POST ---------------------------------------------------------------- */

static void
move_post(struct move *m)
{
	const struct pg_papers papers = { .agent = m->agent,
		.kind = m->kind, .agent_id = move_agent_id(m),
		.transfer_id = m->id, .in_call = m->in_call,
		.files = pg_staging_value(&m->staging, &m->arena) };

	m->stage = MOVE_POST;
	pg_courier_write(&m->to, &papers);
	pg_courier_post(&m->to);
}

static void
move_on_attempt_failed(struct pg_courier *c, const struct pg_err *err)
{
	struct move *m = PG_CONTAINER(c, struct move, to);

	m->last = *err;
	move_failed_event(m, "post", err);
}

static void
move_on_delivered(struct pg_courier *c, struct pg_str url)
{
	struct move *m = PG_CONTAINER(c, struct move, to);

	m->last = (struct pg_err){ 0 };
	move_delivered(m, url);
}

static void
move_on_exhausted(struct pg_courier *c, const struct pg_err *err,
    bool ambiguous)
{
	struct move *m = PG_CONTAINER(c, struct move, to);

	m->last = *err;
	if (m->kind != PG_KIND_RETRACT)
		pg_fail(&m->last, PG_E_TRANSFER, "Transfer to %.*s failed "
		    "after %" PRId64 " attempt(s): %s",
		    PG_STR_ARG(c->target.address), c->attempt, err->msg);
	if (ambiguous)
		move_ask(m);
	else
		move_fail(m, &m->last);
}

/* ---- The same host ------------------------------------------------------- */

static void
move_on_local(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	struct move *m = arg;

	(void)id;
	if (err != NULL) {
		move_fail(m, err);
	} else if (m->kind == PG_KIND_CLONE) {
		move_delivered(m, url);
	} else {
		/* move_replaced has done the rest. */
		pg_agent_release(&m->hold);
		move_tell(m, NULL, url, m->agent->id);
		move_free(m);
	}
}

static void
move_local(struct move *m)
{
	struct pg_arrive in = { .kind = m->kind, .id = move_agent_id(m),
		.class_name = m->agent->class_name,
		.state_class = m->agent->state_class, .state = m->to.state,
		.source = m->agent->id };

	m->stage = MOVE_LOCAL;
	in.inactive = m->to.ticket.inactive;
	in.restart = m->agent->restart;
	in.files = m->agent->files;
	if (m->kind == PG_KIND_CLONE && m->import != NULL) {
		in.files = pg_import_files(m->import);
		in.import = m->import;
		m->import = NULL;
	}
	if (m->kind != PG_KIND_CLONE) {
		in.replaces = m->agent;
		in.window = &m->agent->window;
	}
	pg_arrive(m->host, &in, move_on_local, m);
}

/* The move that has agent a in hand; others may wait for their turn. */
static struct move *
move_of(struct pg_agent *a)
{
	struct move *m;

	for (m = a->host->moves->first; m != NULL; m = m->next)
		if (m->agent == a && m->kind != PG_KIND_CLONE &&
		    a->holder == &m->hold)
			return m;
	return NULL;
}

/* For arrivals: a's envelope is on its way and unanswered, so the target may
 * have sent it back already. */
static bool
move_may_replace(struct pg_agent *a)
{
	const struct move *m = move_of(a);

	return m != NULL && (m->stage == MOVE_POST ||
	    m->stage == MOVE_SETTLE || m->stage == MOVE_FINISH);
}

static bool
move_outlives(struct pg_agent *a)
{
	const struct move *m = move_of(a);

	return m != NULL && m->stage >= MOVE_STAGE && m->stage < MOVE_OVER;
}

/* For arrivals: a stands aside while what came back is being started. What
 * the target answers meanwhile decides nothing. */
static void
move_aside(struct pg_agent *a)
{
	struct move *m = move_of(a);
	struct pg_err err = { 0 };

	assert(m != NULL);
	if (m->stage == MOVE_LOCAL)
		return;
	pg_fail(&err, PG_E_LIFECYCLE, "Paglet '%.*s' is coming back",
	    PG_STR_ARG(a->id));
	move_tell_resolved(m, &err);
	m->stage = MOVE_ASIDE;
	pg_settle_stop(&m->settle);
	pg_courier_stop(&m->to);
}

/* What a host that starts again has to know of a move; see move_restore. */
static struct pg_value *
move_record_value(struct move *m)
{
	struct pg_arena *a = &m->arena;
	struct pg_value *d = pg_value_dict(a), *files;

	pg_put_strz(a, d, "transfer_id", m->id);
	pg_put_strz(a, d, "kind", pg_kind_name(m->kind));
	pg_put_str(a, d, "url", m->to.url);
	pg_put_str(a, d, "target_name", m->to.target.name);
	pg_put_str(a, d, "target_address", m->to.target.address);
	pg_put_bool(a, d, "settle", m->to.target.settles);
	files = pg_staging_record(&m->staging, a);
	if (files != NULL)
		pg_put(a, d, "staged", files);
	return d;
}

static void
move_not_replaced(struct pg_agent *a, struct pg_str undone)
{
	struct move *m = move_of(a);
	struct pg_durable_extra extra = { .undone = undone };

	if (m == NULL || m->stage == MOVE_LOCAL) {
		pg_durable_save(a, PG_DURABLE_ACTIVE, &extra, NULL, NULL);
		return;
	}
	extra.move = move_record_value(m);
	pg_durable_save(a, PG_DURABLE_LEAVING, &extra, NULL, NULL);
	if (m->last.code == PG_E_OK)
		pg_fail(&m->last, PG_E_TRANSFER, "Paglet '%.*s' came back and "
		    "did not start", PG_STR_ARG(a->id));
	move_ask(m);
}

/* For arrivals: agent b stands where a stood. That ends a's move. */
static void
move_replaced(struct pg_agent *a, struct pg_agent *b)
{
	struct move *m = move_of(a);
	bool local;

	assert(m != NULL && a->hidden);
	local = m->stage == MOVE_LOCAL;
	m->stage = MOVE_OVER;
	m->to.url = m->host->address;
	/* It has been away. */
	if (!local)
		pg_staging_commit(&m->staging, NULL);
	move_event(m);
	move_leave(m, m->to.url, b);
	if (local)
		return; /* move_on_local follows */
	pg_agent_release(&m->hold);
	move_tell(m, NULL, m->to.url, a->id);
	move_free(m);
}

/* ---- Turn, hook, snapshot ------------------------------------------------ */

/* The record of a move is on disk, or there is none to be. */
static void
move_leaving(void *arg, const struct pg_err *err)
{
	struct move *m = arg;

	if (err != NULL) {
		move_fail(m, err);
		return;
	}
	if (m->local) {
		move_local(m);
		return;
	}
	move_post(m);
}

/* From now on the paglet may be there: on disk before the POST. */
static void
move_record(struct move *m)
{
	struct pg_durable_extra extra = { .move = move_record_value(m) };

	m->stage = MOVE_RECORD;
	m->recorded = true;
	pg_durable_save(m->agent, PG_DURABLE_LEAVING, &extra, move_leaving,
	    m);
}

static void
move_on_staged(struct pg_staging *g, const struct pg_err *err)
{
	struct move *m = PG_CONTAINER(g, struct move, staging);

	if (err != NULL) {
		move_failed_event(m, "files", err);
		move_fail(m, err);
	} else if (m->kind == PG_KIND_CLONE) {
		move_leaving(m, NULL);
	} else {
		move_record(m);
	}
}

static void
move_on_copied(void *arg, const struct pg_err *err)
{
	if (err != NULL)
		move_fail(arg, err);
	else
		move_leaving(arg, NULL);
}

static void
move_stage(struct move *m)
{
	m->staging.host = m->host;
	m->staging.files = pg_files_ref(m->agent->files);
	m->staging.target = m->to.target.address;
	m->staging.owner = move_agent_id(m);
	m->staging.timeout = m->to.ticket.timeout;
	m->staging.copies = m->kind == PG_KIND_CLONE;
	pg_staging_start(&m->staging, move_on_staged);
}

static void
move_on_snapshot(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	struct move *m = arg;
	struct pg_err err;

	if (o->err != NULL || a->state == NULL) {
		err = o->err != NULL ? *o->err : (struct pg_err){ 0 };
		if (o->err == NULL)
			pg_fail(&err, PG_E_NOMEM, "no memory for the state");
		move_fail(m, &err);
		return;
	}
	m->stage = MOVE_STAGE;
	/* The agent has just kept it as its last state. */
	m->to.state = (struct pg_span){ .bulk = pg_bulk_ref(a->state),
		.off = a->state_off, .len = a->state_len };
	if (m->local && m->kind == PG_KIND_CLONE && a->files != NULL)
		m->import = pg_import_copies(m->host, move_agent_id(m),
		    a->files, move_on_copied, m);
	else if (m->local)
		move_leaving(m, NULL);
	else
		move_stage(m);
}

static void
move_on_hook(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	struct move *m = arg;

	(void)a;
	if (o->err != NULL)
		move_fail(m, o->err);
	else
		pg_agent_command(&m->hold, NULL, PG_AGENT_HOOK_TIME,
		    move_on_snapshot, m);
}

static const char *
move_hook(enum pg_kind kind)
{
	if (kind == PG_KIND_CLONE)
		return "cloning";
	return kind == PG_KIND_RETRACT ? "reverting" : "dispatching";
}

static void
move_begin(struct move *m)
{
	m->stage = MOVE_HOOK;
	if (m->kind != PG_KIND_CLONE)
		pg_agent_freeze(&m->hold);
	pg_agent_command(&m->hold, move_hook(m->kind), PG_AGENT_HOOK_TIME,
	    move_on_hook, m);
}

static void
move_on_granted(struct pg_hold *h, const struct pg_err *err)
{
	struct move *m = PG_CONTAINER(h, struct move, hold);

	if (err != NULL)
		move_fail(m, err);
	else
		move_begin(m);
}

static void
move_turn(struct move *m)
{
	struct pg_err err = { 0 };

	m->stage = MOVE_TURN;
	if (m->agent->phase == PG_AGENT_CRASHED ||
	    (m->in_call && m->agent->call_id == 0)) {
		pg_fail(&err, PG_E_CRASHED, "Paglet '%.*s' crashed: %s",
		    PG_STR_ARG(m->agent->id), m->agent->error);
		move_fail(m, &err);
	} else if (m->agent->phase == PG_AGENT_GONE ||
	    m->agent->phase == PG_AGENT_INACTIVE) {
		pg_fail(&err, PG_E_INVALID_AGENT, "No active paglet '%.*s' "
		    "on %.*s", PG_STR_ARG(m->agent->id),
		    PG_STR_ARG(m->host->name));
		move_fail(m, &err);
	} else if (m->in_call) {
		move_begin(m);
	} else {
		pg_agent_hold(m->agent, &m->hold);
	}
}

/* ---- Preflight ---------------------------------------------------------- */

static void
move_preflight_failed(struct move *m, const struct pg_err *why)
{
	struct pg_err err = { 0 };

	if (m->kind == PG_KIND_RETRACT && why->code != PG_E_TIMEOUT) {
		/* Tolerated: the POST will tell. */
		m->to.target.name = m->to.target.address = m->to.url;
		move_turn(m);
		return;
	}
	if (why->code == PG_E_TRANSFER || m->kind == PG_KIND_RETRACT)
		err = *why;
	else
		pg_fail(&err, PG_E_TRANSFER, "Could not preflight transfer "
		    "target %.*s: %s", PG_STR_ARG(m->to.url), why->msg);
	move_failed_event(m, "preflight", &err);
	move_fail(m, &err);
}

static void
move_on_asked(struct pg_courier *c, const struct pg_err *err)
{
	struct move *m = PG_CONTAINER(c, struct move, to);

	if (err != NULL)
		move_preflight_failed(m, err);
	else
		move_turn(m);
}

/* Ask the target first, so that an agent is not disturbed for nothing. */
static void
move_first(struct move *m)
{
	if (m->local)
		move_turn(m);
	else
		pg_courier_ask(&m->to);
}

/* The agent waits in its call, and may be asked for by nobody else. */
static void
move_on_call_granted(struct pg_hold *h, const struct pg_err *err)
{
	struct move *m = PG_CONTAINER(h, struct move, hold);

	if (err != NULL) {
		move_fail(m, err);
		return;
	}
	if (m->kind != PG_KIND_CLONE)
		pg_agent_freeze(h);
	move_first(m);
}

/* ---- Orders ------------------------------------------------------------- */

static struct move *
move_new(struct pg_agent *a, enum pg_kind kind, pg_arrive_done *done,
    void *arg)
{
	static const struct pg_courier_ops ops = { .asked = move_on_asked,
		.attempt_failed = move_on_attempt_failed,
		.delivered = move_on_delivered,
		.failed = move_on_exhausted };
	struct pg_host *h = a->host;
	struct move *m = pg_alloc(sizeof(*m));

	*m = (struct move){ .host = h, .agent = a, .kind = kind,
		.done = done, .arg = arg, .next = h->moves->first };
	if (m->next != NULL)
		m->next->prev = m;
	h->moves->first = m;
	m->to.host = h;
	m->to.arena = &m->arena;
	m->to.ops = &ops;
	pg_agent_ref(a);
	pg_rand_id(m->id);
	pg_rand_id(m->clone_id);
	return m;
}

static int
move_resolve(struct move *m, struct pg_err *e)
{
	m->to.url = m->host->address;
	if (m->to.ticket.destination.n > 0 &&
	    pg_mesh_resolve(m->host->mesh, m->to.ticket.destination, &m->arena,
	    &m->to.url, e) < 0)
		return -1;
	m->local = pg_str_eq(m->to.url, m->host->address);
	if (m->local) {
		m->to.target.name = m->host->name;
		m->to.target.address = m->host->address;
		m->to.target.health = m->host->up.health(m->host, &m->arena);
		return pg_ticket_check(&m->to.ticket, m->to.url,
		    m->to.target.health, e);
	}
	return 0;
}

PG_FN void
pg_move_start(struct pg_agent *a, enum pg_kind kind,
    const struct pg_ticket *t, bool in_call, pg_arrive_done *done, void *arg)
{
	struct move *m = move_new(a, kind, done, arg);
	struct pg_err err = { 0 };

	m->in_call = in_call;
	m->hold.granted = in_call ? move_on_call_granted : move_on_granted;
	if (pg_ticket_copy(t, &m->arena, &m->to.ticket, &err) < 0 ||
	    move_resolve(m, &err) < 0)
		move_fail(m, &err);
	else if (in_call)
		pg_agent_hold_call(a, &m->hold);
	else
		move_first(m);
}

/* ---- After a start of the host, and by order ---------------------------- */

static int
move_restore(struct move *m, const struct pg_value *v, struct pg_err *e)
{
	struct pg_str id, kind, url, name, address;

	if (pg_field_str(v, "transfer_id", &id, e) < 0 ||
	    pg_field_str(v, "kind", &kind, e) < 0 ||
	    pg_field_str(v, "url", &url, e) < 0 ||
	    pg_field_str(v, "target_name", &name, e) < 0 ||
	    pg_field_str(v, "target_address", &address, e) < 0 ||
	    pg_field_bool_opt(v, "settle", &m->to.target.settles, e) < 0)
		return -1;
	if (id.n != PG_ID_LEN)
		return pg_fail(e, PG_E_SERIAL, "record of a move without id");
	memcpy(m->id, id.p, id.n);
	m->kind = pg_str_eqz(kind, "retract") ? PG_KIND_RETRACT :
	    PG_KIND_DISPATCH;
	m->to.url = pg_arena_str(&m->arena, url);
	m->to.target.name = pg_arena_str(&m->arena, name);
	m->to.target.address = pg_arena_str(&m->arena, address);
	m->staging.host = m->host;
	m->staging.target = m->to.target.address;
	return pg_staging_restore(&m->staging, pg_value_get(v, "staged"), e);
}

static void
move_ignore(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	(void)arg;
	(void)err;
	(void)url;
	(void)id;
}

PG_FN void
pg_move_resume(struct pg_agent *a)
{
	struct move *m = move_new(a, PG_KIND_DISPATCH, move_ignore, NULL);
	struct pg_arena arena = { 0 };
	struct pg_value *v = NULL;
	struct pg_err err = { 0 };

	m->recorded = m->told = true;
	pg_agent_hold_first(a, &m->hold);
	if (pg_durable_record(a, &arena, &v, &err) < 0 ||
	    move_restore(m, pg_value_get(v, "move"), &err) < 0) {
		pg_log(PG_LOG_ERROR, "move: %.*s: %s", PG_STR_ARG(a->id),
		    err.msg);
		move_fail(m, &err);
	} else {
		pg_ticket_init(&m->to.ticket, m->to.url);
		pg_fail(&m->last, PG_E_TRANSFER, "the host ended during the "
		    "transfer to %.*s", PG_STR_ARG(m->to.target.address));
		move_ask(m);
	}
	pg_arena_fini(&arena);
}

PG_FN void
pg_move_resolve(struct pg_agent *a, bool here, pg_durable_done *done,
    void *arg)
{
	struct move *m = move_of(a);
	struct pg_err err = { 0 };

	if (m == NULL || m->stage != MOVE_SETTLE) {
		pg_fail(&err, PG_E_LIFECYCLE, "where Paglet '%.*s' is needs "
		    "no decision", PG_STR_ARG(a->id));
		done(arg, &err);
		return;
	}
	pg_settle_stop(&m->settle);
	m->resolved = done;
	m->resolved_arg = arg;
	if (here)
		move_fail(m, &m->last);
	else
		move_delivered(m, m->to.target.address);
}

PG_FN struct pg_moves *
pg_moves_new(struct pg_host *h)
{
	h->up.may_replace = move_may_replace;
	h->up.replaced = move_replaced;
	h->up.not_replaced = move_not_replaced;
	h->up.aside = move_aside;
	h->up.outlives = move_outlives;
	return pg_alloc(sizeof(struct pg_moves));
}

PG_FN void
pg_moves_shutdown(struct pg_host *h)
{
	struct pg_err err = { 0 };
	struct move *m;

	pg_fail(&err, PG_E_BUSY, "%.*s is shutting down; the transfer is "
	    "settled when it is back", PG_STR_ARG(h->name));
	for (m = h->moves->first; m != NULL; m = m->next)
		if (!m->in_call)
			move_tell(m, &err, PG_STR_NULL, PG_STR_NULL);
}

PG_FN void
pg_moves_free(struct pg_moves *m)
{
	if (m == NULL)
		return;
	while (m->first != NULL) {
		m->first->told = true;
		m->first->resolved = NULL;
		if (m->first->hold.agent != NULL)
			pg_agent_unref(m->first->agent);
		move_free(m->first);
	}
	free(m);
}
