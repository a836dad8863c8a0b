/* inactive: see inactive.h. */

#include "inactive.h"

#include "../agent/runtime.h"
#include "../base/log.h"
#include "../codec/pickle.h"
#include "checkpoint.h"
#include "process.h"
#include "wire.h"

/* ---- Requests ------------------------------------------------------------------ */

PG_FN void
pg_deactivation_init(struct pg_deactivation *d, const char *reason,
    const char *source)
{
	*d = (struct pg_deactivation){ .reason = pg_str(reason),
		.source = pg_str(source),
		.policy = { .on_message = true, .queue = true } };
}

PG_FN int
pg_policy_read(const struct pg_value *v, struct pg_policy *p,
    struct pg_err *e)
{
	double at = 0;
	const struct pg_value *when = pg_value_get(v, "activate_at");

	*p = (struct pg_policy){ .on_message = true, .queue = true };
	if (v == NULL || pg_value_is(v, PG_T_NULL))
		return 0;
	if (!pg_value_is(v, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "field 'policy' must be dict, "
		    "not %s", pg_value_type_name(v));
	if (pg_field_bool_opt(v, "activate_on_message", &p->on_message,
	    e) < 0 ||
	    pg_field_bool_opt(v, "queue_messages_when_inactive", &p->queue,
	    e) < 0 ||
	    pg_field_bool_opt(v, "activate_on_startup", &p->on_startup,
	    e) < 0 ||
	    pg_field_float_opt(v, "activate_at", &at, e) < 0)
		return pg_wrap(e, "policy");
	p->has_at = when != NULL && !pg_value_is(when, PG_T_NULL);
	p->at = at;
	return 0;
}

PG_FN int
pg_deactivation_read(const struct pg_value *record,
    struct pg_deactivation *d, struct pg_err *e)
{
	struct pg_value *metadata = NULL;

	pg_deactivation_init(d, "deactivate", "external");
	if (record == NULL || pg_value_is(record, PG_T_NULL))
		return 0;
	if (!pg_value_is(record, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "field 'request' must be dict, "
		    "not %s", pg_value_type_name(record));
	if (pg_field_str_opt(record, "reason", &d->reason, e) < 0 ||
	    pg_field_str_opt(record, "source", &d->source, e) < 0 ||
	    pg_policy_read(pg_value_get(record, "policy"), &d->policy,
	    e) < 0 ||
	    pg_field_dict_opt(record, "metadata", &metadata, e) < 0)
		return pg_wrap(e, "request");
	d->metadata = metadata;
	return 0;
}

static struct pg_value *
inactive_request_value(const struct pg_deactivation *d, struct pg_arena *a)
{
	struct pg_value *v = pg_value_dict(a), *metadata = NULL;

	if (d->metadata != NULL)
		pg_value_copy(a, d->metadata, &metadata);
	pg_put_str(a, v, "reason", d->reason);
	pg_put_str(a, v, "source", d->source);
	pg_put(a, v, "metadata", metadata != NULL ? metadata :
	    pg_value_dict(a));
	return v;
}

/* ---- Messages kept --------------------------------------------------------------- */

/* A message whose sender waits for it to be kept. */
struct inactive_keep {
	struct pg_agent *agent; /* a reference */
	struct pg_msg *m, *copy;
};

static void activate_on_delivered(struct pg_msg *m,
    const struct pg_outcome *o);

/* m is kept. Should its agent have woken meanwhile, it is next. */
static void
inactive_add(struct pg_agent *a, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	if (a->phase == PG_AGENT_GONE) {
		pg_fail(&err, PG_E_INVALID_AGENT, "No paglet '%.*s'",
		    PG_STR_ARG(a->id));
		pg_msg_fail(m, &err);
		return;
	}
	*a->drain_end = m;
	a->drain_end = &m->next;
	a->kept_bytes += m->body.n;
	if (a->phase == PG_AGENT_ACTIVE) {
		pg_agent_ref(a);
		m->on_done = activate_on_delivered;
		m->arg = a;
		a->draining++;
		pg_agent_wake(a);
	}
}

/* The answer of a message that is kept. */
static void
inactive_on_kept(void *arg, const struct pg_err *err)
{
	struct inactive_keep *k = arg;
	struct pg_msg *m = k->m, *copy = k->copy;
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a);
	struct pg_buf b = { 0 };

	if (err != NULL) {
		pg_durable_unkept(k->agent, copy->kept);
		pg_msg_end(copy, &(struct pg_outcome){ .err = NULL });
		pg_dedupe_drop(k->agent->window, m->once,
		    &(struct pg_outcome){ .err = err });
		pg_msg_fail(m, err);
		goto out;
	}
	pg_put_bool(&a, d, "queued", true);
	pg_put_str(&a, d, "message_id", m->id);
	if (!m->oneway)
		pg_wire_bare(&b, d, NULL);
	pg_event_message(k->agent, "message-queued", m);
	pg_dedupe_kept(k->agent->window, m->once,
	    &(struct pg_outcome){ .body = pg_buf_str(&b) });
	pg_msg_end(m, &(struct pg_outcome){ .body = pg_buf_str(&b) });
	inactive_add(k->agent, copy);
out:
	pg_agent_unref(k->agent);
	free(k);
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
inactive_refuse(struct pg_agent *a, struct pg_msg *m,
    const struct pg_err *err)
{
	pg_dedupe_drop(a->window, m->once, &(struct pg_outcome){ .err = err });
	pg_msg_fail(m, err);
}

/* What is kept of m has no sender. It has a number of its own also if m is
 * kept already: that is struck off when m ends. */
static struct pg_msg *
inactive_copy(const struct pg_msg *m)
{
	struct pg_msg *copy = pg_msg_new();

	copy->id = pg_arena_str(&copy->arena, m->id);
	copy->body = pg_arena_str(&copy->arena, m->body);
	copy->once = pg_arena_str(&copy->arena, m->once);
	copy->given_id = m->given_id;
	return copy;
}

static void
inactive_keep(struct pg_agent *a, struct pg_msg *m)
{
	struct inactive_keep *k;
	struct pg_err err = { 0 };

	if (a->nkept >= PG_MAILBOX_COUNT_MAX ||
	    a->kept_bytes + m->body.n > PG_MAILBOX_BYTES_MAX) {
		pg_fail(&err, PG_E_MAILBOX_FULL, "Paglet '%.*s' sleeps and "
		    "%zu messages wait for it", PG_STR_ARG(a->id), a->nkept);
		inactive_refuse(a, m, &err);
		return;
	}
	k = pg_alloc(sizeof(*k));
	k->agent = a;
	k->m = m;
	k->copy = inactive_copy(m);
	m->pending = true;
	pg_agent_ref(a);
	pg_durable_queue(a, k->copy, inactive_on_kept, k);
}

/* All that wait for an agent that falls asleep. */
static void
inactive_keep_waiting(struct pg_agent *a)
{
	struct pg_msg *m, *waiting = pg_agent_take_mailbox(a);

	while ((m = waiting) != NULL) {
		waiting = m->next;
		m->next = NULL;
		/* Taking them has forgotten them: duplicates join again. */
		if (pg_dedupe_enter(&a->window, m,
		    pg_loop_now(a->host->loop)) == 0)
			inactive_keep(a, m);
	}
}

PG_FN void
pg_inactive_post(struct pg_agent *a, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	if (m->deactivate) {
		pg_fail(&err, PG_E_INVALID_AGENT, "No active paglet '%.*s' "
		    "on %.*s", PG_STR_ARG(a->id), PG_STR_ARG(a->host->name));
		inactive_refuse(a, m, &err);
	} else if (!m->no_activate && a->policy.on_message) {
		/* First the message: it fails if the agent does not wake. */
		pg_agent_post(a, m);
		pg_activate(a, NULL, NULL);
	} else if (m->no_delay || !a->policy.queue) {
		pg_fail(&err, PG_E_INACTIVE, "Paglet '%.*s' is inactive on "
		    "%.*s", PG_STR_ARG(a->id), PG_STR_ARG(a->host->name));
		inactive_refuse(a, m, &err);
	} else {
		inactive_keep(a, m);
	}
}

PG_FN int64_t
pg_inactive_kept(const struct pg_agent *a)
{
	const struct pg_msg *m;
	int64_t n = 0;

	for (m = a->drain; m != NULL; m = m->next)
		n++;
	return n;
}

/* ---- Deactivation ------------------------------------------------------------------ */

struct deactivating {
	struct pg_agent *agent; /* a reference */
	struct pg_hold hold;
	struct pg_arena arena;
	struct pg_policy policy;
	struct pg_str reason;
	struct pg_value *request;
	bool in_call;
	pg_lifecycle_done *done;
	void *arg;
};

static void
deactivate_end(struct deactivating *d, const struct pg_err *err)
{
	pg_agent_release(&d->hold);
	d->done(d->arg, err);
	pg_agent_unref(d->agent);
	pg_arena_fini(&d->arena);
	free(d);
}

/* The process has ended: it sleeps. */
static void
deactivate_on_ended(struct pg_agent *a)
{
	struct deactivating *d = PG_CONTAINER(a->holder, struct deactivating,
	    hold);
	struct pg_arena arena = { 0 };
	struct pg_value *data;
	struct pg_buf b = { 0 };
	struct pg_err err = { 0 };

	if (a->phase == PG_AGENT_GONE) {
		pg_fail(&err, PG_E_INVALID_AGENT, "Paglet '%.*s' was disposed "
		    "of", PG_STR_ARG(a->id));
		deactivate_end(d, &err);
		return;
	}
	pg_agent_asleep(a);
	if (d->in_call) {
		pg_wire_bare(&b, pg_wire_proxy(&arena, a->host->address,
		    a->id), NULL);
		pg_agent_end_running(a, &(struct pg_outcome){
		    .body = pg_buf_str(&b) });
		pg_buf_fini(&b);
	}
	pg_fail(&err, PG_E_INACTIVE, "Paglet '%.*s' has fallen asleep again",
	    PG_STR_ARG(a->id));
	pg_inactive_abandon(a, &err);
	pg_durable_drop_state(a);
	data = pg_value_dict(&arena);
	pg_put_str(&arena, data, "reason", d->reason);
	pg_host_event(a->host, "deactivate", a, data, NULL);
	inactive_keep_waiting(a);
	deactivate_end(d, NULL);
	pg_arena_fini(&arena);
}

static int
deactivate_check(const struct pg_agent *a, struct pg_err *e)
{
	if (a->phase == PG_AGENT_CRASHED)
		return pg_fail(e, PG_E_CRASHED, "Paglet '%.*s' crashed: %s",
		    PG_STR_ARG(a->id), a->error);
	if (a->phase == PG_AGENT_MOVING)
		return pg_fail(e, PG_E_LIFECYCLE, "Paglet '%.*s' is moving",
		    PG_STR_ARG(a->id));
	if (a->phase == PG_AGENT_INACTIVE || a->phase == PG_AGENT_GONE)
		return pg_fail(e, PG_E_INVALID_AGENT, "No active paglet "
		    "'%.*s' on %.*s", PG_STR_ARG(a->id),
		    PG_STR_ARG(a->host->name));
	return 0;
}

static void
deactivate_on_saved(void *arg, const struct pg_err *err)
{
	struct deactivating *d = arg;
	struct pg_err now = { 0 };

	/* It may have crashed or been disposed of meanwhile. */
	if (err != NULL || deactivate_check(d->agent, &now) < 0)
		deactivate_end(d, err != NULL ? err : &now);
	else
		pg_agent_quit(d->agent, deactivate_on_ended);
}

static void
deactivate_on_snapshot(void *arg, struct pg_agent *a,
    const struct pg_outcome *o)
{
	struct deactivating *d = arg;
	struct pg_durable_extra extra = { .reason = d->request };
	struct pg_outcome answer = { .err = NULL };
	struct pg_buf b = { 0 };

	if (o->err != NULL) {
		deactivate_end(d, o->err);
		return;
	}
	a->policy = d->policy;
	a->deactivated_at = pg_now_wall();
	if (d->in_call) {
		pg_wire_bare(&b, pg_wire_proxy(&d->arena, a->host->address,
		    a->id), NULL);
		answer.body = pg_buf_str(&b);
		extra.answer = &answer;
	}
	pg_durable_save(a, PG_DURABLE_INACTIVE, &extra, deactivate_on_saved,
	    d);
	pg_buf_fini(&b);
}

static void
deactivate_on_hook(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	struct deactivating *d = arg;

	(void)a;
	if (o->err != NULL)
		deactivate_end(d, o->err);
	else
		pg_agent_command(&d->hold, NULL, PG_AGENT_HOOK_TIME,
		    deactivate_on_snapshot, d);
}

static void
deactivate_on_granted(struct pg_hold *h, const struct pg_err *err)
{
	struct deactivating *d = PG_CONTAINER(h, struct deactivating, hold);

	if (err != NULL)
		deactivate_end(d, err);
	else
		pg_agent_command(h, "deactivating", PG_AGENT_HOOK_TIME,
		    deactivate_on_hook, d);
}

PG_FN void
pg_deactivate(struct pg_agent *a, const struct pg_deactivation *request,
    bool in_call, pg_lifecycle_done *done, void *arg)
{
	struct deactivating *d;
	struct pg_err err = { 0 };

	if (deactivate_check(a, &err) < 0) {
		done(arg, &err);
		return;
	}
	d = pg_alloc(sizeof(*d));
	d->agent = a;
	d->policy = request->policy;
	d->reason = pg_arena_str(&d->arena, request->reason);
	d->request = inactive_request_value(request, &d->arena);
	pg_value_copy(&d->arena, d->request, &d->request);
	d->in_call = in_call;
	d->done = done;
	d->arg = arg;
	d->hold.granted = deactivate_on_granted;
	pg_agent_ref(a);
	if (in_call) {
		pg_agent_hold_call(a, &d->hold);
	} else {
		pg_agent_hold(a, &d->hold);
	}
}

/* ---- Activation ---------------------------------------------------------------------- */

/* Who waits for an agent to be awake. */
struct pg_waker {
	pg_lifecycle_done *done;
	void *arg;
	struct pg_waker *next;
};

static void
activate_tell(struct pg_agent *a, const struct pg_err *err)
{
	struct pg_waker *w, *all = a->wakers;

	a->wakers = NULL;
	while ((w = all) != NULL) {
		all = w->next;
		w->done(w->arg, err);
		free(w);
	}
}

/* One thing less that its being awake waits for: a message that was kept, or
 * its checkpoint. */
static void
activate_step(struct pg_agent *a, const struct pg_err *err)
{
	struct pg_arena arena = { 0 };
	struct pg_value *data;

	if (a->phase == PG_AGENT_GONE) {
		activate_tell(a, err);
		return;
	}
	/* A crash or another sleep has told them already, or is about to. */
	if (a->phase != PG_AGENT_ACTIVE && a->phase != PG_AGENT_MOVING)
		return;
	if (a->draining == 0 || --a->draining > 0 || !a->waking)
		return;
	a->waking = false;
	data = pg_value_dict(&arena);
	pg_put_int(&arena, data, "queued_message_count", a->drained);
	pg_host_event(a->host, "activate", a, data, NULL);
	activate_tell(a, NULL);
	pg_arena_fini(&arena);
}

static void
activate_on_delivered(struct pg_msg *m, const struct pg_outcome *o)
{
	struct pg_agent *a = m->arg;

	/* Whatever came of it: its sender was told that it is kept. Unless it
	 * is the host that ends: then it waits for the next start. */
	if (o->err == NULL || !a->host->asleep)
		pg_durable_delivered(a, m->kept);
	a->kept_bytes -= PG_MIN(m->body.n, a->kept_bytes);
	activate_step(a, o->err);
	pg_agent_unref(a);
}

PG_FN void
pg_inactive_abandon(struct pg_agent *a, const struct pg_err *err)
{
	struct pg_msg *m;

	a->waking = false;
	a->draining = 0;
	for (m = a->drain; m != NULL; m = m->next) {
		if (m->on_done == activate_on_delivered)
			pg_agent_unref(a);
		m->on_done = NULL;
	}
	activate_tell(a, err);
}

/* It did not come to life: it sleeps on, and all is kept. */
static void
activate_failed(struct pg_agent *a, const struct pg_err *err)
{
	struct pg_msg *m;

	a->rousing = false;
	if (a->phase != PG_AGENT_GONE)
		pg_agent_asleep(a);
	while ((m = pg_mailbox_take(&a->box)) != NULL)
		inactive_refuse(a, m, err);
	activate_tell(a, err);
}

static void
activate_on_saved(void *arg, const struct pg_err *err)
{
	struct pg_agent *a = arg;

	/* Awake it is, whatever the disk says. */
	if (err != NULL && a->phase != PG_AGENT_GONE)
		pg_log(PG_LOG_ERROR, "agent: %.*s: checkpoint: %s",
		    PG_STR_ARG(a->id), err->msg);
	activate_step(a, err);
	pg_agent_unref(a);
}

static void
activate_on_started(void *arg, struct pg_agent *a, const struct pg_outcome *o)
{
	struct pg_msg *m;

	(void)arg;
	if (o->err != NULL) {
		activate_failed(a, o->err);
		return;
	}
	a->rousing = false;
	a->wake_event = NULL;
	a->waking = true;
	a->drained = 0;
	for (m = a->drain; m != NULL; m = m->next) {
		a->drained++;
		m->on_done = activate_on_delivered;
		m->arg = a;
		pg_agent_ref(a);
	}
	a->draining = a->drained + 1; /* and the checkpoint */
	pg_agent_ref(a);
	pg_checkpoint(a, activate_on_saved, a);
}

static int
activate_start(struct pg_agent *a, struct pg_err *e)
{
	struct pg_span state;

	if (a->going)
		return pg_fail(e, PG_E_INVALID_AGENT, "Paglet '%.*s' is being "
		    "disposed of", PG_STR_ARG(a->id));
	if (pg_runtime_class(a->class_name, a->state_class, e) == NULL ||
	    pg_durable_load_state(a, e) < 0)
		return -1;
	state = (struct pg_span){ .bulk = pg_bulk_ref(a->state),
		.off = a->state_off, .len = a->state_len };
	pg_agent_set_phase(a, PG_AGENT_STARTING);
	a->error[0] = '\0';
	a->run_done = false;
	if (pg_process_start(a, a->wake_event != NULL ? a->wake_event :
	    "activation", PG_STR_NULL, &state, activate_on_started, NULL,
	    e) < 0)
		pg_agent_set_phase(a, PG_AGENT_INACTIVE);
	a->rousing = a->phase == PG_AGENT_STARTING;
	pg_bulk_unref(state.bulk);
	return a->phase == PG_AGENT_STARTING ? 0 : -1;
}

PG_FN void
pg_activate(struct pg_agent *a, pg_lifecycle_done *done, void *arg)
{
	struct pg_waker *w;
	struct pg_err err = { 0 };

	if (a->phase != PG_AGENT_INACTIVE && !a->rousing) {
		pg_fail(&err, PG_E_INVALID_AGENT, "No deactivated paglet "
		    "'%.*s' on %.*s", PG_STR_ARG(a->id),
		    PG_STR_ARG(a->host->name));
		if (done != NULL)
			done(arg, &err);
		return;
	}
	if (done != NULL) {
		w = pg_alloc(sizeof(*w));
		*w = (struct pg_waker){ done, arg, a->wakers };
		a->wakers = w;
	}
	if (a->phase == PG_AGENT_INACTIVE && activate_start(a, &err) < 0)
		activate_failed(a, &err);
}

/* ---- The clock, and the end --------------------------------------------------------- */

static void
inactive_log_woken(void *arg, const struct pg_err *err)
{
	struct pg_host *h = arg;

	if (err != NULL)
		pg_log(PG_LOG_WARN, "host: %.*s: wake at a time: %s",
		    PG_STR_ARG(h->name), err->msg);
}

static void
inactive_on_tick(struct pg_timer *t)
{
	struct pg_host *h = PG_CONTAINER(t, struct pg_host, wake_timer);
	double now = pg_to_seconds(pg_now_wall());
	struct pg_agent *a, *next;

	for (a = h->ninactive > 0 ? h->first : NULL; a != NULL; a = next) {
		next = a->next;
		/* What is no number never comes. */
		if (a->phase != PG_AGENT_INACTIVE || !a->policy.has_at ||
		    !(a->policy.at <= now))
			continue;
		a->policy.has_at = false; /* once */
		pg_activate(a, inactive_log_woken, h);
	}
	if (++h->ticks % PG_INACTIVE_SWEEP == 0)
		for (a = h->first; a != NULL; a = a->next)
			pg_dedupe_expire(&a->window, pg_loop_now(h->loop));
	pg_timer_set(h->loop, t, PG_INACTIVE_TICK, inactive_on_tick);
}

PG_FN void
pg_inactive_init(struct pg_host *h)
{
	h->up.abandon = pg_inactive_abandon;
	pg_timer_set(h->loop, &h->wake_timer, PG_INACTIVE_TICK,
	    inactive_on_tick);
}

/* The shutdown of a host: how many agents are still to fall asleep. */
struct inactive_shutdown {
	size_t left;
	void (*done)(void *arg);
	void *arg;
};

/* One of them. */
struct inactive_sleeper {
	struct inactive_shutdown *all;
	struct pg_agent *agent; /* a reference */
};

static void
inactive_shutdown_step(struct inactive_shutdown *s)
{
	if (--s->left > 0)
		return;
	s->done(s->arg);
	free(s);
}

static void
inactive_on_asleep(void *arg, const struct pg_err *err)
{
	struct inactive_sleeper *one = arg;

	if (err != NULL)
		pg_log(PG_LOG_WARN, "host: shutdown: Paglet '%.*s' was not "
		    "put to sleep: %s", PG_STR_ARG(one->agent->id), err->msg);
	inactive_shutdown_step(one->all);
	pg_agent_unref(one->agent);
	free(one);
}

static void
inactive_put_to_sleep(struct inactive_shutdown *s, struct pg_agent *a,
    const struct pg_deactivation *d)
{
	struct inactive_sleeper *one = pg_alloc(sizeof(*one));

	*one = (struct inactive_sleeper){ s, a };
	s->left++;
	pg_agent_ref(a);
	pg_deactivate(a, d, false, inactive_on_asleep, one);
}

PG_FN void
pg_inactive_shutdown(struct pg_host *h, void (*done)(void *arg), void *arg)
{
	struct inactive_shutdown *s = pg_alloc(sizeof(*s));
	struct pg_deactivation d;
	struct pg_agent *a, *next;

	*s = (struct inactive_shutdown){ .left = 1, .done = done,
		.arg = arg };
	pg_deactivation_init(&d, "shutdown", "host");
	d.policy.on_startup = true;
	pg_timer_stop(&h->wake_timer);
	for (a = h->first; a != NULL; a = next) {
		next = a->next;
		if (a->phase == PG_AGENT_MOVING)
			inactive_keep_waiting(a);
		if (a->phase == PG_AGENT_ACTIVE)
			inactive_put_to_sleep(s, a, &d);
	}
	inactive_shutdown_step(s);
}
