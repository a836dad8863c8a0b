/* arrive: see arrive.h. An arrival is a struct arriving from the first check
 * to the answer; the agent itself stands on the tables from the moment its
 * process is started.
 */

#include "arrive.h"

#include "../agent/runtime.h"
#include "../base/log.h"
#include "checkpoint.h"
#include "folder.h"
#include "import.h"
#include "inactive.h"
#include "message.h"
#include "process.h"
#include "ticket.h"
#include "wire.h"

struct arriving {
	struct pg_host *host;
	struct pg_agent *agent, *old; /* references */
	enum pg_kind kind;
	struct pg_arena arena;
	struct pg_str source;
	bool from_outside;
	struct pg_str transfer;
	struct pg_str init;
	struct pg_span state;
	struct pg_err err; /* why it did not come to life */
	bool moving;       /* it has asked to move on already */
	bool stuck;        /* the disk does not take that it is undone */
	bool aside;        /* so is old's work folder: it is another life */
	bool inactive;
	struct pg_import *import; /* of its files; NULL: none, or over */
	pg_arrive_done *done;
	void *arg;
	struct pg_timer timer;
};

PG_FN const char *
pg_kind_name(enum pg_kind kind)
{
	switch (kind) {
	case PG_KIND_CREATION:
		return "creation";
	case PG_KIND_DISPATCH:
		return "dispatch";
	case PG_KIND_CLONE:
		return "clone";
	case PG_KIND_RETRACT:
		return "retract";
	case PG_KIND_ACTIVATION:
		return "activation";
	}
	return "";
}

/* The hook that greets it. */
static const char *
arrive_hook(enum pg_kind kind)
{
	if (kind == PG_KIND_DISPATCH || kind == PG_KIND_RETRACT)
		return "arrival";
	return pg_kind_name(kind);
}

static void
arrive_event(const struct arriving *r)
{
	struct pg_arena a = { 0 };
	struct pg_value *data = pg_value_dict(&a);
	const char *kind = "arrival";

	if (r->kind == PG_KIND_CREATION)
		kind = "create";
	else if (r->kind == PG_KIND_CLONE)
		kind = "clone";
	else
		pg_put_strz(&a, data, "kind", pg_kind_name(r->kind));
	if (r->kind == PG_KIND_CLONE)
		pg_put_str(&a, data, "source_agent_id", r->source);
	pg_host_event(r->host, kind, r->agent, data, NULL);
	pg_arena_fini(&a);
}

/* What came of its files is as certain as it is itself. */
static void
arrive_end_import(struct arriving *r, bool kept)
{
	pg_import_end(r->import, kept);
	r->import = NULL;
}

/* Tell the answer and let go of everything. */
static void
arrive_finish(struct arriving *r, const struct pg_err *err,
    struct pg_str host_url)
{
	pg_timer_stop(&r->timer);
	arrive_end_import(r, err == NULL);
	if (r->agent->progress_arg == r) {
		r->agent->on_progress = NULL;
		r->agent->progress_arg = NULL;
	}
	r->done(r->arg, err, host_url, r->agent->id);
	if (r->old != NULL)
		pg_agent_unref(r->old);
	pg_agent_unref(r->agent);
	pg_bulk_unref(r->state.bulk);
	pg_arena_fini(&r->arena);
	free(r);
}

/* ---- The answer after a dispatch waits for run, a little ---------------- */

static void
arrive_on_time(struct pg_timer *t)
{
	struct arriving *r = PG_CONTAINER(t, struct arriving, timer);

	arrive_finish(r, NULL, r->host->address);
}

static void
arrive_on_progress(struct pg_agent *a, void *arg)
{
	struct arriving *r = arg;
	struct pg_str url;

	if (a->phase == PG_AGENT_MOVING && !r->moving)
		pg_timer_set(r->host->loop, &r->timer, PG_ARRIVE_MOVE_TIME,
		    arrive_on_time);
	if (a->phase == PG_AGENT_MOVING)
		r->moving = true;
	else if (a->phase == PG_AGENT_GONE &&
	    pg_forward_url(r->host, a->id, &url))
		arrive_finish(r, NULL, url);
	else if (a->phase != PG_AGENT_ACTIVE || a->run_done || r->moving)
		arrive_finish(r, NULL, r->host->address);
}

static void
arrive_settled(struct arriving *r)
{
	bool moved = r->kind == PG_KIND_DISPATCH ||
	    r->kind == PG_KIND_RETRACT;

	if (!moved || !r->agent->has_run || r->agent->run_done) {
		arrive_finish(r, NULL, r->host->address);
		return;
	}
	r->agent->on_progress = arrive_on_progress;
	r->agent->progress_arg = r;
	pg_timer_set(r->host->loop, &r->timer, PG_ARRIVE_RUN_TIME,
	    arrive_on_time);
}

/* ---- Start -------------------------------------------------------------- */

static void arrive_write_undone(struct arriving *r);

static void
arrive_on_undo_time(struct pg_timer *t)
{
	arrive_write_undone(PG_CONTAINER(t, struct arriving, timer));
}

/* While the disk says that it has come, the sender must not be told that it
 * has not: after a crash it would be here and there. */
static void
arrive_on_undone(void *arg, const struct pg_err *err)
{
	struct arriving *r = arg;

	if (err == NULL) {
		arrive_finish(r, &r->err, PG_STR_NULL);
		return;
	}
	if (!r->stuck)
		pg_log(PG_LOG_ERROR, "arrive: %.*s: %s",
		    PG_STR_ARG(r->agent->id), err->msg);
	r->stuck = true;
	if (r->host->draining)
		arrive_finish(r, err, PG_STR_NULL);
	else
		pg_timer_set(r->host->loop, &r->timer, PG_ARRIVE_UNDO_PAUSE,
		    arrive_on_undo_time);
}

/* Write that nothing has come. Whoever stands here under its id by now has a
 * record of its own. */
static void
arrive_write_undone(struct arriving *r)
{
	struct pg_host *h = r->host;
	struct pg_str note = PG_STR_NULL;

	if (pg_agent_find(h, r->agent->id) != NULL) {
		pg_durable_forget_transfer(h, r->transfer, arrive_on_undone,
		    r);
		return;
	}
	/* Its record has replaced that of where it was before. */
	pg_forward_url(h, r->agent->id, &note);
	pg_durable_gone(r->agent, note, r->transfer, arrive_on_undone, r);
}

/* Who stood aside is back in its place. */
static void
arrive_restore(struct arriving *r, struct pg_msg *waiting)
{
	/* With its record, in one step, goes that nothing has come. */
	struct pg_durable_extra extra = { .undone = r->transfer };

	if (r->aside)
		pg_folder_restore(r->host, r->old->id);
	/* Its list is to be written again. */
	pg_files_unref(r->old->files_kept);
	r->old->files_kept = pg_files_ref(r->agent->files_kept);
	r->old->kept_next = r->agent->kept_next;
	pg_agent_unhide(r->old);
	pg_agent_adopt(r->old, waiting);
	if (r->old->phase == PG_AGENT_CRASHED)
		pg_durable_save(r->old, PG_DURABLE_CRASHED, &extra, NULL,
		    NULL);
	else if (r->old->phase != PG_AGENT_GONE)
		r->host->up.not_replaced(r->old, r->transfer);
}

/* It has come: who stood aside for it is over. */
static void
arrive_replace(struct arriving *r)
{
	struct pg_err gone = { 0 };
	struct pg_msg *waiting;

	if (r->old == NULL)
		return;
	if (r->aside)
		pg_folder_forget(r->host, r->old->id);
	/* It may have been on its way out when this one came. */
	if (r->old->phase == PG_AGENT_GONE)
		return;
	if (r->old->phase != PG_AGENT_CRASHED) {
		r->host->up.replaced(r->old, r->agent);
		return;
	}
	/* What was kept for the one that crashed. */
	waiting = pg_agent_take_waiting(r->old);
	pg_forward_own(r->host, r->agent->id, waiting);
	pg_agent_adopt(r->agent, waiting);
	pg_fail(&gone, PG_E_INVALID_AGENT, "Paglet '%.*s' was replaced",
	    PG_STR_ARG(r->agent->id));
	pg_agent_remove(r->old, &gone);
}

/* While it was being written down somebody has disposed of it, or the host
 * has begun to end. It has come all the same: to say otherwise would bring to
 * life elsewhere what was disposed of, or what this host wakes at its next
 * start. */
static bool
arrive_is_gone(struct arriving *r)
{
	if (r->agent->phase != PG_AGENT_GONE)
		return false;
	pg_forward_drop(r->host, r->agent->id);
	arrive_replace(r);
	arrive_finish(r, NULL, r->host->address);
	return true;
}

/* It did not come to life: as if it had never come. */
static void
arrive_undo(struct arriving *r, const struct pg_err *err)
{
	struct pg_msg *waiting = NULL;

	r->err = *err;
	if (r->old != NULL)
		waiting = pg_agent_take_waiting(r->agent);
	pg_agent_remove(r->agent, err);
	if (r->old != NULL)
		arrive_restore(r, waiting);
	else
		pg_folder_drop(r->host, r->agent->id);
	if (!r->from_outside)
		arrive_finish(r, &r->err, PG_STR_NULL);
	else
		arrive_write_undone(r);
}

/* The record of a new agent is on disk, or (err) can not be written: then
 * nothing is acknowledged and nothing stays. */
static void
arrive_on_checkpoint(void *arg, const struct pg_err *err)
{
	struct arriving *r = arg;

	if (err != NULL) {
		arrive_undo(r, err);
		return;
	}
	if (arrive_is_gone(r))
		return;
	arrive_event(r);
	arrive_end_import(r, true);
	pg_forward_drop(r->host, r->agent->id);
	arrive_replace(r);
	arrive_settled(r);
}

static void
arrive_on_started(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	struct arriving *r = arg;

	if (o->err != NULL) {
		arrive_undo(r, o->err);
		return;
	}
	if (r->from_outside) {
		/* That it is here is on disk; what the hook has changed may
		 * follow. */
		pg_checkpoint(a, NULL, NULL);
		arrive_on_checkpoint(r, NULL);
	} else {
		/* Whoever stood aside could come back: this one handles
		 * nothing, and goes nowhere, before that is over. */
		pg_checkpoint_first(a, arrive_on_checkpoint, r);
	}
}

static void
arrive_start(struct arriving *r)
{
	struct pg_err err = { 0 };

	if (pg_process_start(r->agent, arrive_hook(r->kind), r->init,
	    &r->state, arrive_on_started, r, &err) < 0)
		arrive_undo(r, &err);
	else if (r->import != NULL)
		pg_import_keep(r->import);
}

static void
arrive_on_recorded(void *arg, const struct pg_err *err)
{
	if (err != NULL)
		arrive_undo(arg, err);
	else if (!arrive_is_gone(arg))
		arrive_start(arg);
}

/* It sleeps here from now on, whether or not we know its class. */
static void
arrive_on_asleep(void *arg, const struct pg_err *err)
{
	struct arriving *r = arg;
	struct pg_arena a = { 0 };
	struct pg_value *data;
	struct pg_msg *m, *waiting;

	if (err != NULL) {
		arrive_undo(r, err);
		return;
	}
	if (arrive_is_gone(r))
		return;
	data = pg_value_dict(&a);
	pg_put_bool(&a, data, "active", false);
	pg_put_strz(&a, data, "kind", pg_kind_name(r->kind));
	pg_host_event(r->host, "arrival", r->agent, data, NULL);
	pg_forward_drop(r->host, r->agent->id);
	arrive_replace(r);
	waiting = pg_agent_take_waiting(r->agent);
	pg_agent_asleep(r->agent);
	while ((m = waiting) != NULL) {
		waiting = m->next;
		m->next = NULL;
		pg_inactive_post(r->agent, m);
	}
	arrive_finish(r, NULL, r->host->address);
	pg_arena_fini(&a);
}

static void
arrive_sleep(struct arriving *r)
{
	struct pg_agent *a = r->agent;
	struct pg_value *request = pg_value_dict(&r->arena);
	struct pg_value *meta = pg_value_dict(&r->arena);
	struct pg_durable_extra extra = { .reason = request,
		.transfer = r->transfer };

	pg_put_str(&r->arena, request, "reason", pg_arena_printf(&r->arena,
	    "%s-arrival", pg_kind_name(r->kind)));
	pg_put_strz(&r->arena, request, "source", "transfer");
	pg_put_strz(&r->arena, meta, "arrival_mode", "inactive");
	pg_put(&r->arena, request, "metadata", meta);
	a->policy = (struct pg_policy){ .on_message = true, .queue = true };
	a->deactivated_at = pg_now_wall();
	pg_durable_save(a, PG_DURABLE_INACTIVE, &extra, arrive_on_asleep, r);
}

/* Whether an agent of that id stands in the way; one that does not is taken
 * aside (*old) or removed. */
static int
arrive_make_room(struct pg_host *h, const struct pg_arrive *in,
    struct pg_agent **old, struct pg_err *e)
{
	struct pg_agent *a = pg_agent_find(h, in->id);

	*old = NULL;
	if (a == NULL && h->agents.n >= PG_HOST_AGENTS_MAX)
		return pg_fail(e, PG_E_BUSY, "%.*s holds %d paglets, the most "
		    "it takes", PG_STR_ARG(h->name), PG_HOST_AGENTS_MAX);
	if (a == NULL)
		return 0;
	if (a->phase == PG_AGENT_CRASHED || a == in->replaces ||
	    (in->kind != PG_KIND_CREATION && a->phase == PG_AGENT_MOVING &&
	    h->up.may_replace(a))) {
		*old = a;
		return 0;
	}
	return pg_fail(e, PG_E_CONFLICT, "Paglet '%.*s' is already active on "
	    "%.*s", PG_STR_ARG(in->id), PG_STR_ARG(h->name));
}

static int
arrive_check(struct pg_host *h, const struct pg_arrive *in, bool any_class,
    struct pg_agent **old, struct pg_err *e)
{
	if (h->draining)
		return pg_fail(e, PG_E_BUSY, "%.*s is shutting down",
		    PG_STR_ARG(h->name));
	if (pg_wire_check_id(in->id, e) < 0)
		return -1;
	if (!any_class &&
	    pg_runtime_class(in->class_name, in->state_class, e) == NULL)
		return -1;
	return arrive_make_room(h, in, old, e);
}

/* Put it on the tables, with what its start needs. */
static void
arrive_new_agent(struct arriving *r, const struct pg_arrive *in)
{
	struct pg_agent *a = pg_agent_new(r->host, in->id, in->class_name,
	    in->state_class);

	struct pg_msg *waiting = NULL;

	pg_agent_ref(a);
	r->agent = a;
	r->source = pg_arena_str(&r->arena, in->source);
	r->transfer = pg_arena_str(&r->arena, in->transfer);
	r->init = pg_arena_str(&r->arena, in->init);
	r->state = in->state;
	r->state.bulk = pg_bulk_ref(in->state.bulk);
	a->files = pg_files_ref(in->files);
	if (r->old != NULL)
		a->files_kept = pg_files_ref(r->old->files_kept);
	a->restart = in->restart;
	a->by_move = in->from_outside;
	a->state = pg_bulk_ref(in->state.bulk);
	a->state_off = in->state.off;
	a->state_len = in->state.len;
	a->state_time = pg_loop_now(r->host->loop);
	if (in->digest != NULL)
		memcpy(a->arrival_digest, in->digest,
		    sizeof(a->arrival_digest));
	/* What is kept of messages has numbers that those kept for who was
	 * here before, who may still be on disk, have not. */
	a->kept_next = pg_forward_kept_next(r->host, in->id);
	if (r->old != NULL)
		a->kept_next = PG_MAX(a->kept_next, r->old->kept_next);
	a->kept_first = a->kept_next;
	/* First what waits, which the window forgets then; it is entered
	 * again with the new one. What is kept for one that crashed stays its
	 * own until it is replaced. */
	if (r->old != NULL && r->old->phase != PG_AGENT_CRASHED)
		waiting = pg_agent_take_waiting(r->old);
	if (in->window != NULL) {
		a->window = *in->window;
		*in->window = NULL;
	}
	pg_agent_adopt(a, waiting);
}

/* Its record, where it needs one first; then its start. */
static void
arrive_record(struct arriving *r)
{
	struct pg_durable_extra extra = { .event = arrive_hook(r->kind),
		.transfer = r->transfer };

	if (r->inactive)
		arrive_sleep(r);
	else if (r->from_outside)
		pg_durable_save(r->agent, PG_DURABLE_ARRIVED, &extra,
		    arrive_on_recorded, r);
	else
		arrive_start(r);
}

static void
arrive_on_synced(void *arg, const struct pg_err *err)
{
	struct arriving *r = arg;
	struct pg_err gone = { 0 };

	/* Nothing of it is on disk yet. */
	pg_fail(&gone, PG_E_INVALID_AGENT, "Paglet '%.*s' was disposed of",
	    PG_STR_ARG(r->agent->id));
	if (err != NULL)
		arrive_undo(r, err);
	else if (r->agent->phase == PG_AGENT_GONE)
		arrive_undo(r, &gone);
	else
		arrive_record(r);
}

/* First its files: what the record tells of is there. */
static void
arrive_begin(struct arriving *r)
{
	struct pg_err err = { 0 };

	if (r->import == NULL)
		arrive_record(r);
	else if (pg_import_place(r->import, &err) < 0)
		arrive_undo(r, &err);
	else
		pg_import_sync(r->import, arrive_on_synced, r);
}

PG_FN void
pg_arrive(struct pg_host *h, const struct pg_arrive *in,
    pg_arrive_done *done, void *arg)
{
	struct pg_agent *old = NULL;
	struct pg_err err = { 0 };
	struct arriving *r;

	if (arrive_check(h, in, in->inactive, &old, &err) < 0) {
		pg_import_end(in->import, false);
		done(arg, &err, PG_STR_NULL, PG_STR_NULL);
		return;
	}
	r = pg_alloc(sizeof(*r));
	*r = (struct arriving){ .host = h, .old = old, .kind = in->kind,
		.from_outside = in->from_outside, .inactive = in->inactive,
		.import = in->import, .done = done, .arg = arg };
	if (old != NULL) {
		pg_agent_ref(old);
		if (old->phase != PG_AGENT_CRASHED)
			h->up.aside(old);
		pg_agent_hide(old);
		r->aside = old != in->replaces;
		if (r->aside)
			pg_folder_aside(h, old->id);
	}
	arrive_new_agent(r, in);
	arrive_begin(r);
}

/* ---- Bodies of POST /agents -------------------------------------------- */

/* Encode a state for START. */
static int
arrive_encode(const struct pg_value *state, struct pg_span *out,
    struct pg_err *e)
{
	struct pg_spool spool = { 0 };
	struct pg_out o = { .spill = pg_spool_spill, .arg = &spool };
	int rc = pg_pickle_value(&o, state, e);

	if (rc == 0)
		rc = pg_out_flush(&o, e);
	pg_buf_fini(&o.buf);
	if (rc == 0 && (out->bulk = pg_spool_finish(&spool, e)) == NULL)
		rc = -1;
	pg_spool_fini(&spool);
	out->off = 0;
	out->len = out->bulk != NULL ? out->bulk->n : 0;
	return rc;
}

/* A state of the wrong type is trouble with the state, not with the request
 * (QUIRKS 1). */
static int
arrive_bad_state(struct pg_err *e)
{
	e->code = PG_E_SERIAL;
	return -1;
}

static int
arrive_read_restart(const struct pg_value *v, enum pg_restart *restart,
    struct pg_err *e)
{
	struct pg_str word = PG_STR_NULL;

	if (pg_field_str_opt(v, "restart", &word, e) < 0)
		return -1;
	*restart = pg_restart_read(word);
	if (word.p != NULL && *restart == PG_RESTART_AS_CLASS)
		return pg_fail(e, PG_E_HOST,
		    "restart must be one of: never, on-crash");
	return 0;
}

static int
arrive_read_creation(const struct pg_value *v, struct pg_arrive *in,
    struct pg_value **state, struct pg_buf *init, struct pg_err *e)
{
	const struct pg_value *value = pg_value_get(v, "init");

	if (pg_field_str(v, "agent_class_name", &in->class_name, e) < 0 ||
	    pg_field_str(v, "state_class_name", &in->state_class, e) < 0 ||
	    pg_field_str_opt(v, "agent_id", &in->id, e) < 0)
		return -1;
	if (pg_field_dict_opt(v, "state", state, e) < 0)
		return arrive_bad_state(e);
	if (arrive_read_restart(v, &in->restart, e) < 0)
		return -1;
	if (value == NULL || pg_value_is(value, PG_T_NULL))
		return 0;
	if (pg_wire_bare(init, value, e) < 0)
		return pg_wrap(e, "init");
	in->init = pg_buf_str(init);
	return 0;
}

PG_FN void
pg_arrive_creation(struct pg_host *h, const struct pg_value *payload,
    pg_arrive_done *done, void *arg)
{
	struct pg_arrive in = { .kind = PG_KIND_CREATION };
	struct pg_arena a = { 0 };
	struct pg_value *state = NULL;
	struct pg_buf init = PG_BUF_INIT(PG_ARRIVE_INIT_MAX);
	struct pg_err err = { 0 };
	char id[PG_ID_LEN + 1];

	pg_rand_id(id);
	if (arrive_read_creation(payload, &in, &state, &init, &err) < 0 ||
	    arrive_encode(state != NULL ? state : pg_value_dict(&a),
	    &in.state, &err) < 0) {
		done(arg, &err, PG_STR_NULL, PG_STR_NULL);
	} else {
		if (in.id.n == 0)
			in.id = (struct pg_str){ id, PG_ID_LEN };
		pg_arrive(h, &in, done, arg);
	}
	pg_bulk_unref(in.state.bulk);
	pg_buf_fini(&init);
	pg_arena_fini(&a);
}

PG_FN struct pg_str
pg_envelope_transfer_id(const struct pg_value *envelope)
{
	return pg_value_text(pg_value_get(pg_value_get(envelope, "metadata"),
	    "transfer_id"), PG_STR_NULL);
}

static int
arrive_kind(struct pg_str name, enum pg_kind *kind, struct pg_err *e)
{
	static const enum pg_kind kinds[] = { PG_KIND_DISPATCH, PG_KIND_CLONE,
		PG_KIND_RETRACT, PG_KIND_ACTIVATION };
	size_t i;

	for (i = 0; i < PG_COUNT(kinds); i++)
		if (pg_str_eqz(name, pg_kind_name(kinds[i]))) {
			*kind = kinds[i];
			return 0;
		}
	return pg_fail(e, PG_E_HOST, "kind must be one of: dispatch, clone, "
	    "retract, activation");
}

static int
arrive_read_metadata(const struct pg_value *envelope, struct pg_arrive *in,
    struct pg_err *e)
{
	struct pg_value *meta = NULL, *ticket = NULL;
	struct pg_str id = PG_STR_NULL;

	if (pg_field_dict_opt(envelope, "metadata", &meta, e) < 0)
		return -1;
	if (meta == NULL)
		return 0;
	in->items = pg_value_get(meta, "registered_files");
	if (pg_field_dict_opt(meta, "transfer_ticket", &ticket, e) < 0 ||
	    (ticket != NULL &&
	    pg_ticket_read_mode(ticket, &in->inactive, e) < 0) ||
	    arrive_read_restart(meta, &in->restart, e) < 0 ||
	    pg_field_str_opt(meta, "transfer_id", &id, e) < 0)
		return pg_wrap(e, "metadata");
	if (id.n > 0 && pg_wire_check_id(id, e) < 0)
		return pg_wrap(e, "metadata.transfer_id");
	return 0;
}

static int
arrive_read_envelope(const struct pg_value *v, struct pg_arrive *in,
    struct pg_value **state, struct pg_err *e)
{
	static const char *const texts[] = { "source_host_name",
		"source_host_address", "target_host_name",
		"target_host_address" };
	struct pg_str kind, s;
	size_t i;

	if (!pg_value_is(v, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "field 'envelope' must be dict, "
		    "got %s", pg_value_type_name(v));
	if (pg_field_str(v, "kind", &kind, e) < 0 ||
	    arrive_kind(kind, &in->kind, e) < 0 ||
	    pg_field_str(v, "agent_id", &in->id, e) < 0 ||
	    pg_field_str(v, "agent_class_name", &in->class_name, e) < 0 ||
	    pg_field_str(v, "state_class_name", &in->state_class, e) < 0)
		return -1;
	if (pg_value_get(v, "state") != NULL &&
	    pg_field_dict(v, "state", state, e) < 0)
		return arrive_bad_state(e);
	if (pg_field_dict(v, "state", state, e) < 0)
		return -1;
	for (i = 0; i < PG_COUNT(texts); i++)
		if (pg_field_str(v, texts[i], &s, e) < 0)
			return -1;
	if (pg_field_str_opt(v, "clone_of", &in->source, e) < 0)
		return -1;
	return arrive_read_metadata(v, in, e);
}

/* An envelope whose files are on their way: a copy of what it says. */
struct arrive_waiting {
	struct pg_host *host;
	struct pg_arena arena;
	struct pg_arrive in;
	struct pg_dedupe *window;
	uint8_t digest[32];
	pg_arrive_done *done;
	void *arg;
};

static void
arrive_on_imported(void *arg, const struct pg_err *err)
{
	struct arrive_waiting *w = arg;

	if (err == NULL) {
		w->in.files = pg_import_files(w->in.import);
		pg_arrive(w->host, &w->in, w->done, w->arg);
	} else {
		w->done(w->arg, err, PG_STR_NULL, PG_STR_NULL);
		pg_import_end(w->in.import, false);
	}
	pg_bulk_unref(w->in.state.bulk);
	pg_dedupe_free(w->window);
	pg_arena_fini(&w->arena);
	free(w);
}

static void
arrive_wait(struct pg_host *h, const struct pg_arrive *in,
    pg_arrive_done *done, void *arg)
{
	struct arrive_waiting *w = pg_alloc(sizeof(*w));
	struct pg_arena *a = &w->arena;

	*w = (struct arrive_waiting){ .host = h, .in = *in, .done = done,
		.arg = arg };
	w->in.id = pg_arena_str(a, in->id);
	w->in.class_name = pg_arena_str(a, in->class_name);
	w->in.state_class = pg_arena_str(a, in->state_class);
	w->in.source = pg_arena_str(a, in->source);
	w->in.transfer = pg_arena_str(a, in->transfer);
	pg_bulk_ref(in->state.bulk);
	if (in->digest != NULL) {
		memcpy(w->digest, in->digest, sizeof(w->digest));
		w->in.digest = w->digest;
	}
	w->window = *in->window;
	*in->window = NULL;
	w->in.window = &w->window;
	w->in.items = NULL;
	w->in.import = pg_import_start(h, w->in.id, in->items,
	    arrive_on_imported, w);
}

/* An envelope, with the files that its metadata tells of. Files are fetched
 * before the class is looked up (PROTOCOL section 9), but for nobody who can
 * not come anyway. */
static void
arrive_with_files(struct pg_host *h, const struct pg_arrive *in,
    pg_arrive_done *done, void *arg)
{
	struct pg_arrive with = *in;
	struct pg_agent *old;
	struct pg_err err = { 0 };
	int rc = 0;

	if (in->items == NULL || pg_value_is(in->items, PG_T_NULL)) {
		pg_arrive(h, in, done, arg);
		return;
	}
	rc = arrive_check(h, in, true, &old, &err);
	if (rc == 0 && pg_import_needed(in->items)) {
		arrive_wait(h, in, done, arg);
		return;
	}
	if (rc == 0)
		rc = pg_import_plain(h, in->id, in->items, &with.files, &err);
	if (rc < 0)
		done(arg, &err, PG_STR_NULL, PG_STR_NULL);
	else
		pg_arrive(h, &with, done, arg);
	pg_files_unref(with.files);
}

/* The arrival that decides a transfer, and its first asker. */
struct arrive_decision {
	struct pg_transfer *transfer;
	pg_arrive_done *done;
	void *arg;
};

static void
arrive_on_decided(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	struct arrive_decision *d = arg;

	d->done(d->arg, err, url, id);
	pg_transfer_end(d->transfer, err, url, id);
	free(d);
}

/* A sender without transfer ids repeats its POST byte for byte: it has come
 * already, and is here. */
static bool
arrive_repeated(struct pg_host *h, const struct pg_arrive *in)
{
	const struct pg_agent *a = pg_agent_find(h, in->id);

	return a != NULL && a->phase == PG_AGENT_ACTIVE &&
	    memcmp(a->arrival_digest, in->digest,
	    sizeof(a->arrival_digest)) == 0;
}

static void
arrive_once(struct pg_host *h, const struct pg_arrive *in,
    struct pg_str transfer_id, pg_arrive_done *done, void *arg)
{
	struct pg_transfer *t;
	struct arrive_decision *d;

	if (transfer_id.n > 0) {
		t = pg_transfer_begin(h, transfer_id, done, arg);
	} else if (in->digest == NULL) {
		arrive_with_files(h, in, done, arg);
		return;
	} else if (arrive_repeated(h, in)) {
		done(arg, NULL, h->address, in->id);
		return;
	} else {
		t = pg_transfer_begin_body(h, in->digest, done, arg);
	}
	if (t == NULL)
		return;
	d = pg_alloc(sizeof(*d));
	*d = (struct arrive_decision){ .transfer = t, .done = done,
		.arg = arg };
	arrive_with_files(h, in, arrive_on_decided, d);
}

PG_FN void
pg_arrive_envelope(struct pg_host *h, const struct pg_value *envelope,
    struct pg_bulk *body, const struct pg_pickle_watch *watch,
    const uint8_t *digest, pg_arrive_done *done, void *arg)
{
	struct pg_arrive in = { .digest = digest, .from_outside = true };
	struct pg_value *state = NULL;
	struct pg_dedupe *window = NULL;
	struct pg_err err = { 0 };
	int rc = arrive_read_envelope(envelope, &in, &state, &err);

	in.transfer = pg_envelope_transfer_id(envelope);
	if (rc == 0 && watch != NULL && watch->plain &&
	    watch->value == state) {
		in.state.bulk = pg_bulk_ref(body);
		in.state.off = watch->off;
		in.state.len = watch->len;
	} else if (rc == 0) {
		rc = arrive_encode(state, &in.state, &err);
	}
	if (rc == 0)
		rc = pg_dedupe_read(&window, pg_value_get(pg_value_get(
		    envelope, "metadata"), "seen"), pg_loop_now(h->loop),
		    &err);
	in.window = &window;
	if (rc < 0)
		done(arg, &err, PG_STR_NULL, PG_STR_NULL);
	else
		arrive_once(h, &in, in.transfer, done, arg);
	pg_dedupe_free(window);
	pg_bulk_unref(in.state.bulk);
}
