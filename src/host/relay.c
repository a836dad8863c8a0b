/* relay: see relay.h.
 *
 * A request to a node becomes a delivery, and waits for its ack as for any
 * other answer. What is written into a delivery and what an ack says goes
 * through a worker when it is large.
 */

#include "relay.h"

#include "../codec/json.h"
#include "arrive.h"
#include "artifacts.h"
#include "claim.h"
#include "hub.h"
#include "mesh.h"
#include "ticket.h"
#include "wire.h"

/* What of an ack is answered, and how. */
enum relay_form {
	RELAY_RESULT, /* {"result": ...} */
	RELAY_PROXY,  /* {"proxy": ...} */
	RELAY_WHOLE,  /* the result itself */
	RELAY_ARTIFACT, /* {"artifact": ...} */
	RELAY_BYTES   /* the artifact, which was brought here for that */
};

/* A request that waits for a node. Lives in the arena of its exchange. */
struct relay_wait {
	struct pg_job job; /* writes the payload */
	struct pg_api *r;
	struct pg_str name;
	enum relay_form form;
	const struct pg_value *payload;
	bool quiet;
	struct pg_delivery *d;
	char spool[PG_ID_LEN + 1]; /* artifact here that is removed; or "" */
	bool submitted, gone;
};

/* ---- Names and secrets ------------------------------------------------------------- */

/* The node that the path names; decoded, in the arena of the request. */
static struct pg_str
relay_name(struct pg_api *r, size_t segment)
{
	return pg_percent_decode(&r->x->arena, r->segments[segment], NULL);
}

static int
relay_check_secret(struct pg_api *r, struct pg_str name, struct pg_err *e)
{
	return pg_claims_check(r->host->claims, name, pg_http1_field(
	    r->x->head, PG_RELAY_SECRET_FIELD), false, e);
}

/* ---- Connect ----------------------------------------------------------------------- */

/* What a node gets that greets us as our hosts do (README: "Relay"). */
static int
relay_greeted(struct pg_api *r, const struct pg_value *greeting,
    struct pg_value **answer, struct pg_err *e)
{
	struct pg_arena *a = &r->x->arena;

	if (pg_mesh_join(r->host->mesh, greeting, pg_addr_is_loopback(
	    &r->x->peer), a, answer, e) < 0)
		return -1;
	pg_put_str(a, *answer, "hub", r->host->address);
	return 0;
}

static int
relay_check_connect(const struct pg_api *r, struct pg_str name,
    struct pg_str secret, const struct pg_value *health, struct pg_err *e)
{
	if (pg_hub_check_name(name, e) < 0)
		return -1;
	if (pg_str_eq(name, r->host->name))
		return pg_fail(e, PG_E_CONFLICT, "relay name '%.*s' is that "
		    "of the hub itself", PG_STR_ARG(name));
	/* The body would be the health, which others get to see. */
	if (secret.n > 0 && health == NULL)
		return pg_fail(e, PG_E_HOST, "node_secret stands beside "
		    "health, not in it");
	return 0;
}

PG_FN void
pg_relay_connect(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *health = NULL, *greeting = NULL, *answer;
	struct pg_str secret = PG_STR_NULL, name;
	bool fresh = false;
	struct pg_err e = { 0 };
	int taken;

	if (pg_field_dict_opt(r->body, "health", &health, &e) < 0 ||
	    pg_field_dict_opt(r->body, "greeting", &greeting, &e) < 0 ||
	    pg_field_bool_opt(r->body, "fresh", &fresh, &e) < 0 ||
	    pg_field_str_opt(r->body, "node_secret", &secret, &e) < 0)
		goto fail;
	name = pg_str_trim(pg_value_text(pg_value_get(health != NULL ?
	    health : r->body, "name"), PG_STR_NULL));
	if (relay_check_connect(r, name, secret, health, &e) < 0 ||
	    (taken = pg_claims_check(r->host->claims, name, secret, true,
	    &e)) < 0 ||
	    pg_hub_connect(r->host->hub, name, health != NULL ? health :
	    r->body, greeting != NULL, &e) < 0)
		goto fail;
	/* Who polled before may have been somebody else. */
	if (fresh || taken > 0)
		pg_hub_renew(r->host->hub, name);
	if (greeting != NULL) {
		if (relay_greeted(r, greeting, &answer, &e) < 0)
			goto fail;
	} else {
		answer = pg_value_dict(a);
		pg_put(a, answer, "hosts", pg_mesh_list(r->host->mesh, a));
	}
	pg_api_reply(r, answer);
	return;
fail:
	pg_api_fail(r, &e);
}

/* ---- Polls ------------------------------------------------------------------------- */

/* Lives in the arena of its exchange. */
struct relay_poll {
	struct pg_hub_poll poll;
	struct pg_exchange *x;
};

static void
relay_poll_reply(struct pg_exchange *x, struct pg_buf *text)
{
	struct pg_buf none = PG_BUF_INIT(0);

	if (text == NULL) {
		pg_buf_putz(&none, "{\"delivery\": null}");
		text = &none;
	}
	pg_exchange_reply(x, 200, PG_STR_NULL, text);
	pg_buf_fini(&none);
}

static void
relay_on_poll(struct pg_hub_poll *p, struct pg_buf *text)
{
	relay_poll_reply(PG_CONTAINER(p, struct relay_poll, poll)->x, text);
}

static void
relay_poll_gone(struct pg_exchange *x)
{
	struct relay_poll *p = x->user;

	pg_hub_unpark(&p->poll);
	relay_poll_reply(x, NULL);
}

static int
relay_poll_time(struct pg_api *r, int64_t *time, struct pg_err *e)
{
	struct pg_str text;
	const struct pg_value *v;
	double seconds;

	*time = PG_HUB_POLL_TIME;
	if (!pg_query_get(&r->x->arena, r->query, "timeout", &text))
		return 0;
	v = pg_value_str(&r->x->arena, pg_str_trim(text));
	if (!pg_value_as_float(v, &seconds))
		return pg_fail(e, PG_E_HOST, "timeout must be a number of "
		    "seconds, got '%.*s'", (int)PG_MIN(text.n, (size_t)40),
		    text.p);
	*time = pg_from_seconds(seconds);
	return 0;
}

PG_FN void
pg_relay_poll(struct pg_api *r)
{
	struct relay_poll *p = pg_arena_zalloc(&r->x->arena, sizeof(*p));
	struct pg_exchange *x = r->x;
	struct pg_str name = relay_name(r, 2);
	struct pg_err e = { 0 };
	int64_t time;

	if (relay_poll_time(r, &time, &e) < 0 ||
	    relay_check_secret(r, name, &e) < 0) {
		pg_api_fail(r, &e);
		return;
	}
	p->x = x;
	p->poll.answer = relay_on_poll;
	x->user = p;
	x->on_gone = relay_poll_gone;
	name = pg_arena_str(&x->arena, name); /* else it goes with the head */
	pg_exchange_watch(x);
	pg_exchange_park(x);
	pg_hub_park(r->host->hub, name, time, &p->poll);
}

PG_FN void
pg_relay_diagnostics(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *d = pg_value_dict(a);

	pg_put(a, d, "nodes", pg_hub_nodes(r->host->hub, a));
	pg_api_reply(r, d);
}

/* ---- Acks -------------------------------------------------------------------------- */

/* An ArtifactRef as a node gave it, with what it has left out. */
static int
relay_write_artifact(const struct pg_value *ref, struct pg_buf *out,
    struct pg_err *e)
{
	static const char *const texts[] = { "compression",
		"owner_agent_id" };
	static const char *const times[] = { "created_at", "expires_at" };
	struct pg_arena a = { 0 };
	struct pg_value *d = NULL;
	size_t i;
	int rc = -1;

	if (pg_value_is(ref, PG_T_DICT) && pg_value_copy(&a, ref, &d) == 0) {
		for (i = 0; i < PG_COUNT(texts); i++)
			if (pg_value_get(d, texts[i]) == NULL)
				pg_put_strz(&a, d, texts[i], "");
		for (i = 0; i < PG_COUNT(times); i++)
			if (pg_value_get(d, times[i]) == NULL)
				pg_put_float(&a, d, times[i], 0);
		rc = pg_json_write(out, d, e);
	} else {
		pg_fail(e, PG_E_REMOTE, "the node told of no artifact");
	}
	pg_arena_fini(&a);
	return rc;
}

static int
relay_write(enum relay_form form, const struct pg_value *ack,
    struct pg_buf *out, struct pg_err *e)
{
	const char *key = form == RELAY_PROXY ? "proxy" :
	    form == RELAY_ARTIFACT ? "artifact" : "result";
	const struct pg_value *v = pg_value_get(ack, key);
	int rc;

	if (form != RELAY_WHOLE)
		pg_buf_printf(out, "{\"%s\": ", key);
	rc = form == RELAY_ARTIFACT ? relay_write_artifact(v, out, e) :
	    pg_json_write(out, v, e);
	if (form != RELAY_WHOLE)
		pg_buf_putc(out, '}');
	return rc;
}

/* What was put down here for the node alone. */
static void
relay_drop_spool(struct relay_wait *w)
{
	if (w->spool[0] != '\0')
		pg_artifacts_remove(w->r->host->artifacts, pg_str(w->spool),
		    NULL, NULL, NULL);
	w->spool[0] = '\0';
}

static void
relay_send_bytes(struct relay_wait *w, const struct pg_value *ack)
{
	struct pg_str id = PG_STR_NULL;
	struct pg_err e = { 0 };

	if (pg_field_str(pg_value_get(ack, "artifact"), "artifact_id", &id,
	    &e) < 0) {
		pg_fail(&e, PG_E_REMOTE, "the node sent no artifact");
		pg_api_fail(w->r, &e);
		return;
	}
	pg_artifacts_serve(w->r, pg_arena_str(&w->r->x->arena, id), true);
}

/* The ack to a delivery that somebody waits for. */
static void
relay_on_ack(void *arg, const struct pg_ack *ack, const struct pg_err *err)
{
	struct relay_wait *w = arg;
	struct pg_err e = { 0 };
	struct pg_buf *out;

	w->submitted = false;
	relay_drop_spool(w);
	if (err != NULL) {
		pg_api_fail(w->r, err);
	} else if (w->form == RELAY_BYTES) {
		w->r->x->on_gone = NULL;
		relay_send_bytes(w, ack->body);
	} else if (ack->text != NULL) {
		pg_exchange_reply(w->r->x, 200, PG_STR_NULL, ack->text);
	} else {
		out = pg_api_out(w->r);
		if (relay_write(w->form, ack->body, out, &e) < 0)
			pg_api_fail(w->r, &e);
		else
			pg_api_send(w->r);
	}
}

/* An ack whose result is written out on a worker. Lives in the arena of its
 * exchange. */
struct relay_ack {
	struct pg_job job;
	struct pg_api *r;
	enum relay_form form;
	struct pg_buf text;
};

static void
relay_acked(struct pg_api *r, struct pg_buf *text)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *d = pg_value_dict(a);
	struct pg_ack ack = { .body = r->body, .text = text };

	pg_put_bool(a, d, "ok", true);
	if (!pg_hub_ack(r->host->hub, r->segments[2], &ack))
		pg_put_bool(a, d, "duplicate", true);
	pg_api_reply(r, d);
}

static void
relay_ack_run(struct pg_job *j)
{
	struct relay_ack *a = PG_CONTAINER(j, struct relay_ack, job);
	struct pg_err e = { 0 };

	if (relay_write(a->form, a->r->body, &a->text, &e) < 0)
		a->text.failed = true;
}

static void
relay_ack_done(struct pg_job *j)
{
	struct relay_ack *a = PG_CONTAINER(j, struct relay_ack, job);
	struct pg_buf text = a->text;

	relay_acked(a->r, &text); /* a is gone */
	pg_buf_fini(&text);
}

PG_FN void
pg_relay_ack(struct pg_api *r)
{
	const struct pg_delivery *d = pg_hub_find(r->host->hub,
	    r->segments[2]);
	struct relay_ack *a;
	struct pg_err e = { 0 };

	if (d != NULL && relay_check_secret(r, pg_delivery_target(d),
	    &e) < 0) {
		pg_api_fail(r, &e);
		return;
	}
	if (d == NULL || d->done != relay_on_ack || r->x->body == NULL ||
	    r->x->body->n <= PG_API_WORKER_MIN) {
		relay_acked(r, NULL);
		return;
	}
	a = pg_arena_zalloc(&r->x->arena, sizeof(*a));
	a->r = r;
	a->form = ((struct relay_wait *)d->arg)->form;
	a->text = PG_BUF_INIT(2 * PG_API_DECODED_MAX);
	a->job.run = relay_ack_run;
	a->job.done = relay_ack_done;
	if (pg_work_submit(r->host->work, &a->job, &e) < 0)
		pg_api_fail(r, &e);
}

/* ---- Requests to nodes ------------------------------------------------------------- */

static int
relay_fail_gone(struct pg_err *e)
{
	return pg_fail(e, PG_E_REMOTE, "the caller has gone");
}

/* Whoever asked has gone. */
static void
relay_gone(struct pg_exchange *x)
{
	struct relay_wait *w = x->user;
	struct pg_err e = { 0 };

	w->gone = true;
	if (!w->submitted)
		return; /* a worker has the payload */
	pg_hub_give_up(w->r->host->hub, w->d);
	relay_drop_spool(w);
	relay_fail_gone(&e);
	pg_api_fail(w->r, &e);
}

static void
relay_submit(struct relay_wait *w)
{
	struct pg_err e = { 0 };

	if (w->gone) {
		relay_fail_gone(&e);
	} else {
		/* The ack may come before this returns. */
		w->submitted = true;
		if (pg_hub_submit(w->r->host->hub, w->name, w->d, &e) == 0)
			return;
		w->submitted = false;
	}
	pg_delivery_free(w->d);
	relay_drop_spool(w);
	pg_api_fail(w->r, &e);
}

static void
relay_payload_run(struct pg_job *j)
{
	struct relay_wait *w = PG_CONTAINER(j, struct relay_wait, job);
	struct pg_err e = { 0 };

	if (pg_json_write(&w->d->text, w->payload, &e) < 0)
		w->d->text.failed = true;
}

static void
relay_payload_done(struct pg_job *j)
{
	relay_submit(PG_CONTAINER(j, struct relay_wait, job));
}

static struct relay_wait *
relay_wait(struct pg_api *r, enum relay_form form)
{
	struct relay_wait *w = pg_arena_zalloc(&r->x->arena, sizeof(*w));

	w->r = r;
	w->name = relay_name(r, 2);
	w->form = form;
	return w;
}

/* Whoever asked may have gone while the request was read. */
static int
relay_check(struct relay_wait *w, const char *kind, struct pg_err *e)
{
	if (w->r->x->conn == NULL)
		return relay_fail_gone(e);
	return pg_hub_check(w->r->host->hub, w->name, kind, e);
}

/* Deliver payload to the node that the path names. */
static void
relay_deliver(struct relay_wait *w, const char *kind,
    struct pg_value *payload, int64_t timeout, bool keep)
{
	struct pg_api *r = w->r;
	struct pg_err e = { 0 };

	w->payload = payload;
	if (relay_check(w, kind, &e) < 0) {
		relay_drop_spool(w);
		pg_api_fail(r, &e);
		return;
	}
	w->d = pg_delivery_new(kind);
	w->d->text.max = 2 * PG_API_DECODED_MAX;
	w->d->timeout = PG_MAX(timeout, 10 * PG_MS);
	w->d->keep = keep;
	w->d->quiet = w->quiet;
	w->d->done = relay_on_ack;
	w->d->arg = w;
	r->x->user = w;
	r->x->on_gone = relay_gone;
	pg_exchange_watch(r->x);
	w->job.run = relay_payload_run;
	w->job.done = relay_payload_done;
	if (r->x->body == NULL || r->x->body->n <= PG_API_WORKER_MIN) {
		relay_payload_run(&w->job);
		relay_submit(w);
	} else if (pg_work_submit(r->host->work, &w->job, &e) < 0) {
		pg_delivery_free(w->d);
		relay_drop_spool(w);
		pg_api_fail(r, &e);
	}
}

/* PROTOCOL section 9: how long the ack is waited for. */
static int
relay_time(struct pg_api *r, const struct pg_value *ticket, int64_t *out,
    struct pg_err *e)
{
	double seconds = -1;

	if (pg_field_float_opt(r->body, "timeout", &seconds, e) < 0 ||
	    (seconds < 0 && ticket != NULL &&
	    pg_field_float_opt(ticket, "timeout", &seconds, e) < 0))
		return -1;
	*out = seconds < 0 ? r->host->cfg.relay_delivery_time :
	    PG_MIN(pg_from_seconds(seconds), PG_HUB_DELIVERY_TIME_MAX);
	return 0;
}

PG_FN void
pg_relay_create(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *payload = pg_value_dict(a);
	struct pg_value *envelope = pg_value_get(r->body, "envelope");
	const struct pg_value *ticket = pg_value_get(pg_value_get(envelope,
	    "metadata"), "transfer_ticket");
	struct pg_err e = { 0 };
	int64_t time;

	if (relay_time(r, ticket, &time, &e) < 0) {
		pg_api_fail(r, &e);
		return;
	}
	pg_put(a, payload, envelope != NULL ? "envelope" : "creation",
	    envelope != NULL ? envelope : r->body);
	relay_deliver(relay_wait(r, RELAY_PROXY), envelope != NULL ?
	    "envelope" : "creation", payload, time, envelope != NULL &&
	    pg_envelope_transfer_id(envelope).n > 0);
}

PG_FN void
pg_relay_message(struct pg_api *r)
{
	/* As PROTOCOL section 9 has it; what follows the flags is ours. */
	static const char *const copied[] = { "timeout", "hops" };
	bool oneway = false, activate = true, no_delay = false;
	struct pg_arena *a = &r->x->arena;
	struct pg_value *payload = pg_value_dict(a), *v;
	struct pg_err e = { 0 };
	int64_t time;
	size_t i;

	if (pg_field_dict(r->body, "message", &v, &e) < 0 ||
	    pg_field_bool_opt(r->body, "oneway", &oneway, &e) < 0 ||
	    pg_field_bool_opt(r->body, "activate_if_inactive", &activate,
	    &e) < 0 ||
	    pg_field_bool_opt(r->body, "no_delay", &no_delay, &e) < 0 ||
	    relay_time(r, NULL, &time, &e) < 0) {
		pg_api_fail(r, &e);
		return;
	}
	pg_put_str(a, payload, "agent_id", r->segments[4]);
	pg_put(a, payload, "message", v);
	pg_put_bool(a, payload, "oneway", oneway);
	pg_put_bool(a, payload, "activate_if_inactive", activate);
	pg_put_bool(a, payload, "no_delay", no_delay);
	for (i = 0; i < PG_COUNT(copied); i++) {
		v = pg_value_get(r->body, copied[i]);
		if (v != NULL)
			pg_put(a, payload, copied[i], v);
	}
	relay_deliver(relay_wait(r, RELAY_RESULT), "message", payload, time,
	    false);
}

/* A journey that a node is told to begin has the time that its ticket gives
 * it on top. */
static int64_t
relay_api_time(const struct pg_api *r)
{
	const struct pg_value *ticket = pg_value_get(r->body, "ticket");
	struct pg_ticket t;
	struct pg_err e = { 0 };

	if (ticket == NULL || pg_ticket_read(ticket, &t, &e) < 0)
		return PG_HUB_API_TIME;
	return PG_MIN(PG_HUB_API_TIME + t.timeout * (t.retries + 2) +
	    t.retry_interval * t.retries, PG_HUB_DELIVERY_TIME_MAX);
}

PG_FN void
pg_relay_api(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *payload = pg_value_dict(a);
	struct pg_buf path = PG_BUF_INIT(0);
	struct relay_wait *w = relay_wait(r, RELAY_WHOLE);
	size_t i;

	for (i = 3; i < r->nsegments; i++)
		pg_buf_printf(&path, "/%.*s", PG_STR_ARG(r->segments[i]));
	if (r->query.n > 0)
		pg_buf_printf(&path, "?%.*s", PG_STR_ARG(r->query));
	pg_put_strz(a, payload, "method", r->route->method);
	pg_put_str(a, payload, "path", pg_arena_str(a, pg_buf_str(&path)));
	pg_put(a, payload, "payload", r->body);
	pg_buf_fini(&path);
	/* Hosts look in on one another all the time. */
	w->quiet = r->nsegments == 5 && pg_str_eqz(r->segments[3], "hosts") &&
	    pg_str_eqz(r->segments[4], "join");
	relay_deliver(w, "api", payload, relay_api_time(r), false);
}

/* ---- Artifacts --------------------------------------------------------------------- */

/* How long the node may take for so many bytes. */
static int64_t
relay_bytes_time(const struct pg_host *h, uint64_t n)
{
	return h->cfg.relay_delivery_time +
	    (int64_t)(n / PG_RELAY_RATE_MIN) * PG_SEC;
}

PG_FN int
pg_relay_upload_begin(struct pg_api *r, struct pg_err *e)
{
	struct pg_deposit_spec spec;

	if (pg_hub_check(r->host->hub, relay_name(r, 2), "artifact-import",
	    e) < 0 || pg_artifacts_spec(r, &spec, e) < 0)
		return -1;
	spec.owner = PG_STR_NULL;
	spec.expires_at = pg_to_seconds(pg_now_wall() +
	    r->host->cfg.artifact_ttl);
	return pg_artifacts_receive(r, &spec, e);
}

/* What the node is asked to fetch, and what it is to be there. */
static struct pg_value *
relay_import(struct pg_api *r, const struct pg_artifact *a)
{
	struct pg_arena *arena = &r->x->arena;
	struct pg_value *d = pg_value_dict(arena), *source = NULL;
	struct pg_deposit_spec spec;
	struct pg_buf text = PG_BUF_INIT(0);

	pg_artifacts_put(&text, r->host, a);
	pg_json_read(pg_arena_str(arena, pg_buf_str(&text)), arena, &source,
	    NULL);
	pg_buf_fini(&text);
	pg_artifacts_spec(r, &spec, NULL); /* it was right at the beginning */
	pg_put(arena, d, "source_artifact", source);
	pg_put_str(arena, d, "owner_agent_id", spec.owner);
	pg_put_str(arena, d, "name", spec.name);
	pg_put_str(arena, d, "compression", spec.compression);
	pg_put_float(arena, d, "expires_at", spec.expires_at);
	return d;
}

static void
relay_on_spooled(void *arg, const struct pg_artifact *a,
    const struct pg_err *err)
{
	struct pg_api *r = arg;
	struct relay_wait *w;

	if (err != NULL) {
		pg_api_fail(r, err);
		return;
	}
	w = relay_wait(r, RELAY_ARTIFACT);
	memcpy(w->spool, a->id, sizeof(w->spool));
	relay_deliver(w, "artifact-import", relay_import(r, a),
	    relay_bytes_time(r->host, a->size), false);
}

PG_FN void
pg_relay_upload(struct pg_api *r)
{
	pg_deposit_finish(r->taker, relay_on_spooled, r);
}

PG_FN void
pg_relay_download(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *payload = pg_value_dict(a);

	pg_put_str(a, payload, "artifact_id", r->segments[4]);
	/* Nobody here knows how large it is. */
	relay_deliver(relay_wait(r, RELAY_BYTES), "artifact-export", payload,
	    relay_bytes_time(r->host, (uint64_t)r->host->cfg.artifact_max),
	    false);
}

PG_FN void
pg_relay_health(struct pg_api *r)
{
	struct pg_str name = relay_name(r, 2);
	struct pg_value *health;
	struct pg_err e = { 0 };

	if (pg_str_eq(name, r->host->name))
		health = r->host->up.health(r->host, &r->x->arena);
	else if (pg_hub_health(r->host->hub, name, &r->x->arena, &health,
	    &e) < 0) {
		pg_api_fail(r, &e);
		return;
	}
	pg_api_reply(r, health);
}
