/* recover: see recover.h. Two passes over the store: agents and all else
 * first, then the messages and files that belong to agents.
 */

#include "recover.h"

#include "../agent/runtime.h"
#include "../base/log.h"
#include "../state/store.h"
#include "calls.h"
#include "claim.h"
#include "inactive.h"
#include "message.h"
#include "move.h"
#include "transfer.h"
#include "wire.h"

/* ---- Load ------------------------------------------------------------------------- */

static int
recover_agent_fields(struct pg_agent *a, const struct pg_value *v,
    struct pg_err *e)
{
	struct pg_err seen = { 0 };
	double at = 0, written = 0;
	int64_t exitcode = 0, age;
	struct pg_str error = PG_STR_NULL, restart = PG_STR_NULL,
	    file = PG_STR_NULL;

	if (pg_policy_read(pg_value_get(v, "policy"), &a->policy, e) < 0 ||
	    pg_field_float_opt(v, "deactivated_at", &at, e) < 0 ||
	    pg_field_int_opt(v, "exitcode", &exitcode, e) < 0 ||
	    pg_field_str_opt(v, "error", &error, e) < 0 ||
	    pg_field_str_opt(v, "state_file", &file, e) < 0 ||
	    pg_field_float_opt(v, "time", &written, e) < 0 ||
	    pg_field_str_opt(v, "restart", &restart, e) < 0)
		return -1;
	/* One that was awake sleeps, if it does not wake, since it was. */
	a->deactivated_at = pg_from_seconds(at > 0 ? at : written);
	age = PG_MAX(pg_now_wall() - pg_from_seconds(written), 0);
	if (pg_dedupe_read(&a->window, pg_value_get(v, "seen"),
	    pg_loop_now(a->host->loop) - age, &seen) < 0)
		pg_log(PG_LOG_WARN, "recover: %.*s: %s", PG_STR_ARG(a->id),
		    seen.msg);
	a->exitcode = (int)exitcode;
	if (file.n > 0)
		a->state_file = pg_strdup(file);
	a->restart = pg_restart_read(restart);
	snprintf(a->error, sizeof(a->error), "%.*s", PG_STR_ARG(error));
	return 0;
}

/* The hook of an arrival that had not been greeted yet. */
static const char *
recover_event(const struct pg_value *v)
{
	struct pg_str event = pg_value_text(pg_value_get(v, "event"),
	    PG_STR_NULL);

	if (pg_str_eqz(event, "arrival"))
		return "arrival";
	return pg_str_eqz(event, "clone") ? "clone" : NULL;
}

static void
recover_phase(struct pg_agent *a, enum pg_durable_status status,
    const struct pg_value *v)
{
	pg_agent_set_phase(a, PG_AGENT_INACTIVE);
	switch (status) {
	case PG_DURABLE_INACTIVE:
		a->wake = a->policy.on_startup ? PG_WAKE_STARTUP :
		    PG_WAKE_NOT;
		break;
	case PG_DURABLE_ACTIVE:
		a->wake = PG_WAKE_RECOVER;
		a->by_move = true;
		break;
	case PG_DURABLE_ARRIVED:
		a->wake = PG_WAKE_RECOVER;
		a->by_move = true;
		a->wake_event = recover_event(v);
		break;
	case PG_DURABLE_CRASHED:
		pg_agent_set_phase(a, PG_AGENT_CRASHED);
		break;
	case PG_DURABLE_LEAVING:
		pg_agent_set_phase(a, PG_AGENT_MOVING);
		a->wake = PG_WAKE_SETTLE;
		break;
	}
}

static int
recover_agent(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	struct pg_str class_name, state_class;
	int status = pg_durable_status_read(r->value);
	struct pg_agent *a;

	if (status < 0 || pg_wire_check_id(r->id, e) < 0 ||
	    pg_field_str(r->value, "class_name", &class_name, e) < 0 ||
	    pg_field_str(r->value, "state_class_name", &state_class, e) < 0)
		return -1;
	a = pg_agent_new(h, r->id, class_name, state_class);
	if (recover_agent_fields(a, r->value, e) < 0) {
		pg_agent_remove(a, e);
		return -1;
	}
	recover_phase(a, (enum pg_durable_status)status, r->value);
	return 0;
}

static int
recover_note(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	struct pg_str url;
	double at = 0;
	int64_t age;

	if (pg_field_str(r->value, "url", &url, e) < 0 ||
	    pg_field_float_opt(r->value, "time", &at, e) < 0)
		return -1;
	age = PG_MAX(pg_now_wall() - pg_from_seconds(at), 0);
	if (age < PG_FORWARD_NOTE_TIME)
		pg_forward_restore(h, r->id, url, age);
	else
		pg_durable_forget_note(h, r->id);
	return 0;
}

static int
recover_transfer(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	struct pg_str status, agent = PG_STR_NULL;
	double at = 0;
	int64_t age;

	if (pg_field_str(r->value, "status", &status, e) < 0 ||
	    pg_field_str_opt(r->value, "agent_id", &agent, e) < 0 ||
	    pg_field_float_opt(r->value, "time", &at, e) < 0)
		return -1;
	age = PG_MAX(pg_now_wall() - pg_from_seconds(at), 0);
	if (age < PG_TRANSFER_KEEP_TIME)
		pg_transfer_restore(h, r->id, pg_str_eqz(status, "committed"),
		    agent, age);
	else
		pg_durable_forget_transfer(h, r->id, NULL, NULL);
	return 0;
}

static int
recover_first(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	int rc = 0;

	if (pg_str_eqz(r->kind, "agent"))
		rc = recover_agent(h, r, e);
	else if (pg_str_eqz(r->kind, "note"))
		rc = recover_note(h, r, e);
	else if (pg_str_eqz(r->kind, "transfer"))
		rc = recover_transfer(h, r, e);
	else if (pg_str_eqz(r->kind, "property"))
		rc = pg_calls_restore_property(h, r->id, r->value, e);
	else if (pg_str_eqz(r->kind, "claim"))
		rc = pg_claims_restore(h->claims, r->id, r->value, e);
	if (rc == 0)
		return 0;
	if (pg_str_eqz(r->kind, "agent"))
		h->damaged = true;
	/* One record that makes no sense does not keep the host down; it
	 * stays where it is. */
	pg_log(PG_LOG_ERROR, "recover: %.*s/%.*s: %s", PG_STR_ARG(r->kind),
	    PG_STR_ARG(r->id), e->msg[0] != '\0' ? e->msg : "no record of "
	    "ours");
	*e = (struct pg_err){ 0 };
	return 0;
}

/* Who sends it again is told again that it is kept. */
static bool
recover_enter(struct pg_agent *a, struct pg_msg *m)
{
	struct pg_arena arena = { 0 };
	struct pg_value *d = pg_value_dict(&arena);
	struct pg_buf b = { 0 };
	bool entered = pg_message_enter(a, m);

	if (entered) {
		pg_put_bool(&arena, d, "queued", true);
		pg_put_str(&arena, d, "message_id", m->id);
		pg_wire_bare(&b, d, NULL);
		pg_dedupe_kept(a->window, m->once, &(struct pg_outcome){
		    .body = pg_buf_str(&b) });
	}
	pg_buf_fini(&b);
	pg_arena_fini(&arena);
	return entered;
}

/* files/ID */
static int
recover_files(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	struct pg_agent *a = pg_agent_find(h, r->id);

	if (a == NULL)
		pg_fail(e, PG_E_SERIAL, "no such agent");
	else if (a->files == NULL && pg_files_read(pg_value_get(r->value,
	    "files"), &a->files, e) == 0)
		a->files_kept = pg_files_ref(a->files);
	if (e->code != PG_E_OK)
		pg_log(PG_LOG_ERROR, "recover: files/%.*s: %s",
		    PG_STR_ARG(r->id), e->msg);
	*e = (struct pg_err){ 0 };
	return 0;
}

/* A message that is kept for a, which sleeps. */
static void
recover_kept(struct pg_agent *a, struct pg_msg *m)
{
	uint64_t n = m->kept - 1;
	size_t bytes = m->body.n;

	a->kept_bytes += bytes;
	if (a->nkept++ == 0)
		a->kept_first = n;
	a->kept_first = PG_MIN(a->kept_first, n);
	a->kept_next = PG_MAX(a->kept_next, n + 1);
	if (recover_enter(a, m)) {
		*a->drain_end = m;
		a->drain_end = &m->next;
	} else {
		/* Handled, but the host died before it could strike it off. */
		a->kept_bytes -= bytes;
		pg_durable_delivered(a, n + 1);
	}
}

/* queue/ID/N; slash: the second. */
static int
recover_queued(struct pg_host *h, const struct pg_durable_record *r,
    const char *slash, struct pg_err *e)
{
	struct pg_str id = { r->id.p, (size_t)(slash - r->id.p) };
	struct pg_agent *a = pg_agent_find(h, id);
	struct pg_msg *m = pg_message_new(r->value, e);

	if (m != NULL) {
		m->kept = strtoull(slash + 1, NULL, 10) + 1;
		m->once = pg_arena_str(&m->arena, pg_value_text(
		    pg_value_get(r->value, "once"), PG_STR_NULL));
	}
	if (m != NULL && a != NULL) {
		recover_kept(a, m);
	} else if (m == NULL || !pg_forward_kept(h, id, m)) {
		pg_log(PG_LOG_ERROR, "recover: queue/%.*s: %s",
		    PG_STR_ARG(r->id), m == NULL ? e->msg : "no such agent");
		if (m != NULL)
			pg_msg_end(m, &(struct pg_outcome){ 0 });
	}
	*e = (struct pg_err){ 0 };
	return 0;
}

/* queue/ID/N, and files/ID */
static int
recover_second(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	const char *slash = r->id.n > 0 ? memrchr(r->id.p, '/', r->id.n) :
	    NULL;

	if (pg_str_eqz(r->kind, "files"))
		return recover_files(h, r, e);
	if (pg_str_eqz(r->kind, "queue") && slash != NULL)
		return recover_queued(h, r, slash, e);
	return 0;
}

static bool
recover_keep_file(void *arg, struct pg_str name)
{
	struct pg_host *h = arg;
	const char *dot = memrchr(name.p, '.', name.n);
	const struct pg_agent *a;

	if (dot == NULL)
		return false;
	a = pg_agent_find(h, (struct pg_str){ name.p,
	    (size_t)(dot - name.p) });
	return a != NULL && a->state_file != NULL &&
	    pg_str_eqz(name, a->state_file);
}

/* ---- A crash ------------------------------------------------------------------------ */

/* Whether it has been restarted too often lately; counts this one. */
static bool
recover_too_often(struct pg_agent *a)
{
	int64_t now = pg_loop_now(a->host->loop);
	size_t oldest = a->nrestarts % PG_RESTART_MAX;

	if (a->nrestarts >= PG_RESTART_MAX &&
	    now - a->restarts[oldest] < PG_RESTART_WINDOW)
		return true;
	a->restarts[oldest] = now;
	a->nrestarts++;
	return false;
}

static bool
recover_restarts(const struct pg_agent *a)
{
	const struct paglets_class *c = pg_runtime_class(a->class_name,
	    a->state_class, NULL);

	if (a->restart == PG_RESTART_AS_CLASS)
		return c != NULL && pg_class_restarts(c);
	return a->restart == PG_RESTART_ON_CRASH;
}

static void
recover_on_woken(void *arg, const struct pg_err *err)
{
	struct pg_agent *a = arg;

	if (err != NULL)
		pg_log(PG_LOG_WARN, "recover: %.*s: %s", PG_STR_ARG(a->id),
		    err->msg);
	else
		pg_host_event(a->host, "recover", a, NULL, NULL);
	pg_agent_unref(a);
}

/* Woken because its policy says so: the activation has its own event. */
static void
recover_on_startup(void *arg, const struct pg_err *err)
{
	struct pg_agent *a = arg;

	if (err != NULL)
		pg_log(PG_LOG_WARN, "recover: %.*s: %s", PG_STR_ARG(a->id),
		    err->msg);
	pg_agent_unref(a);
}

static void recover_again(struct pg_agent *a, const struct pg_err *err);

static void
recover_on_restarted(void *arg, const struct pg_err *err)
{
	struct pg_agent *a = arg;

	/* Another crash, and a sleep before all was delivered, have had their
	 * say. */
	if (err != NULL && err->code != PG_E_INACTIVE && !a->going &&
	    a->phase == PG_AGENT_INACTIVE) {
		recover_again(a, err);
		pg_agent_unref(a);
	} else {
		recover_on_woken(a, err);
	}
}

/* It did not come to life after a crash. */
static void
recover_again(struct pg_agent *a, const struct pg_err *err)
{
	if (!a->host->draining && !recover_too_often(a)) {
		pg_agent_ref(a);
		pg_activate(a, recover_on_restarted, a);
		return;
	}
	pg_log(PG_LOG_WARN, "recover: %.*s: %s", PG_STR_ARG(a->id), err->msg);
	if (a->error[0] == '\0')
		snprintf(a->error, sizeof(a->error), "%.*s",
		    (int)sizeof(a->error) - 1, err->msg);
	pg_agent_set_phase(a, PG_AGENT_CRASHED);
	pg_durable_save(a, PG_DURABLE_CRASHED, NULL, NULL, NULL);
}

static void
recover_crashed(struct pg_agent *a)
{
	struct pg_bulk *last = a->state;
	struct pg_err err = { 0 };

	pg_fail(&err, PG_E_CRASHED, "Paglet '%.*s' crashed: %s",
	    PG_STR_ARG(a->id), a->error);
	pg_inactive_abandon(a, &err);
	err = (struct pg_err){ 0 };
	/* Who is disposed of or being replaced has no say any more. */
	if (a->going || a->hidden)
		return;
	if (!recover_restarts(a) || a->host->draining || recover_too_often(a)) {
		pg_durable_save(a, PG_DURABLE_CRASHED, NULL, NULL, NULL);
		return;
	}
	/* From its checkpoint, which may be on its way to the disk; without
	 * one, from the last state seen. */
	if (a->saves == a->saved) {
		a->state = NULL;
		if (pg_durable_load_state(a, &err) < 0)
			a->state = last;
		else
			pg_bulk_unref(last);
	}
	pg_agent_set_phase(a, PG_AGENT_INACTIVE);
	pg_agent_ref(a);
	pg_activate(a, recover_on_restarted, a);
}

PG_FN int
pg_recover_load(struct pg_host *h, struct pg_err *e)
{
	h->up.crashed = recover_crashed;
	if (h->store == NULL)
		return 0;
	if (pg_durable_each(h, recover_first, e) < 0 ||
	    pg_durable_each(h, recover_second, e) < 0)
		return -1;
	if (pg_store_corrupt(h->store) > 0) {
		h->damaged = true;
		pg_host_event(h, "store-corrupt", NULL, NULL, NULL);
	}
	/* What belongs to nobody may be all that is left of somebody, above
	 * all beside an empty log. */
	if (!h->damaged && pg_store_stats(h->store).records > 0)
		pg_store_sweep(h->store, recover_keep_file, h);
	return 0;
}

/* ---- Resume --------------------------------------------------------------------------- */

static void
recover_wake(struct pg_agent *a)
{
	enum pg_wake wake = a->wake;

	a->wake = PG_WAKE_NOT;
	if (wake == PG_WAKE_SETTLE) {
		pg_move_resume(a);
	} else if (a->phase == PG_AGENT_INACTIVE) {
		pg_agent_ref(a);
		pg_activate(a, wake == PG_WAKE_RECOVER ? recover_on_woken :
		    recover_on_startup, a);
	}
}

static void
recover_on_turn(struct pg_timer *t)
{
	struct pg_host *h = PG_CONTAINER(t, struct pg_host, recover_timer);
	struct pg_agent *a, *next;
	size_t n = 0;

	for (a = h->first; a != NULL && n < PG_RECOVER_BATCH; a = next) {
		next = a->next;
		if (a->wake == PG_WAKE_NOT)
			continue;
		recover_wake(a);
		n++;
	}
	if (n == PG_RECOVER_BATCH)
		pg_timer_set(h->loop, t, 1, recover_on_turn);
}

PG_FN void
pg_recover_resume(struct pg_host *h)
{
	if (h->store != NULL)
		pg_timer_set(h->loop, &h->recover_timer, 1, recover_on_turn);
}
