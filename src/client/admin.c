/* admin: see admin.h. */
#include "admin.h"

#include "../codec/json.h"
#include "../codec/sse.h"
#include "../host/remote.h"
#include "../host/stream.h"
#include "place.h"

/* A host says something that often; when it is silent for this long, the way
 * to it is cut. */
#define ADMIN_SILENCE (3 * PG_STREAM_KEEP_ALIVE)

/* ---- one answer ------------------------------------------------------- */

PG_API const struct paglets_value *
paglets_client_request(struct paglets_client *c, const char *host,
    const char *method, const char *path, const struct paglets_value *body)
{
	struct pg_question q = { .method = method, .path = pg_str(path),
		.body = pg_value_inner(body) };

	if (q.path.n == 0 || q.path.p[0] != '/') {
		pg_fail(&c->err, PG_E_USAGE, "'%s': a path begins with '/'",
		    path);
		return NULL;
	}
	if (pg_place_find(c, pg_str(host), &q.url) < 0)
		return NULL;
	return pg_value_outer(pg_session_ask(c, &q));
}

static const struct paglets_value *
admin_get(struct paglets_client *c, const char *host, const char *path)
{
	return paglets_client_request(c, host, "GET", path, NULL);
}

PG_API const struct paglets_value *
paglets_client_health(struct paglets_client *c, const char *host)
{
	return admin_get(c, host, "/health");
}

PG_API const struct paglets_value *
paglets_client_hosts(struct paglets_client *c, const char *host)
{
	return admin_get(c, host, "/hosts");
}

PG_API const struct paglets_value *
paglets_client_relay(struct paglets_client *c, const char *host)
{
	return admin_get(c, host, "/relay/diagnostics");
}

PG_API const struct paglets_value *
paglets_client_classes(struct paglets_client *c, const char *host)
{
	return admin_get(c, host, "/classes");
}

/* Append "name=text" to a query, if there is a text. */
static void
admin_query(struct pg_buf *b, const char *name, const char *text)
{
	struct pg_arena a = { 0 };

	if (text != NULL) {
		pg_buf_printf(b, "%c%s=", memchr(b->p, '?', b->n) != NULL ?
		    '&' : '?', name);
		pg_buf_puts(b, pg_percent_encode(&a, pg_str(text)));
	}
	pg_arena_fini(&a);
}

/* GET what b says; frees b. */
static const struct paglets_value *
admin_get_buf(struct paglets_client *c, const char *host, struct pg_buf *b)
{
	const struct paglets_value *v;

	pg_buf_putc(b, '\0');
	v = admin_get(c, host, b->p);
	pg_buf_fini(b);
	return v;
}

PG_FN void
pg_admin_agents(struct pg_buf *b, const char *state)
{
	pg_buf_putz(b, "/agents");
	admin_query(b, "state", state);
}

PG_FN void
pg_admin_services(struct pg_buf *b, const char *name, const char *capability,
    const char *scope)
{
	pg_buf_putz(b, "/services");
	admin_query(b, "name", name);
	admin_query(b, "capability", capability);
	admin_query(b, "scope", scope);
}

PG_API const struct paglets_value *
paglets_client_agents(struct paglets_client *c, const char *host,
    const char *state)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_admin_agents(&b, state);
	return admin_get_buf(c, host, &b);
}

PG_API const struct paglets_value *
paglets_client_services(struct paglets_client *c, const char *host,
    const char *name, const char *capability, const char *scope)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_admin_services(&b, name, capability, scope);
	return admin_get_buf(c, host, &b);
}

PG_API const struct paglets_value *
paglets_client_events(struct paglets_client *c, const char *host,
    int64_t since, int64_t limit)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_buf_printf(&b, "/events?since=%" PRId64 "&limit=%" PRId64, since,
	    limit);
	return admin_get_buf(c, host, &b);
}

/* ---- a stream of events ----------------------------------------------- */

/* Owner: paglets_client_follow, for one stream. */
struct admin_stream {
	struct paglets_client *c;
	struct pg_call *call;
	struct pg_str url;
	struct pg_sse sse;
	int (*on_event)(void *arg, int64_t event_id,
	    const struct paglets_value *event);
	void *arg;
	bool begun, over;
	int rc;
};

static void
admin_end(struct admin_stream *s, int rc)
{
	s->rc = rc;
	s->over = true;
	pg_call_cancel(s->call);
}

/* The number in the id that came last, NUMBER or NUMBER-BOOT; 0: none. */
static int64_t
admin_number(const struct admin_stream *s, struct pg_arena *a)
{
	struct pg_str id = pg_buf_str(&s->sse.id);
	const char *at = id.n > 0 ? memchr(id.p, '-', id.n) : NULL;
	const struct pg_value *v;

	if (at != NULL)
		id.n = (size_t)(at - id.p);
	v = pg_value_decimal(a, id);
	return pg_value_is(v, PG_T_INT) ? v->u.i : 0;
}

/* A host that was started anew counts anew: it is to be asked with the id. */
static void
admin_remember(struct admin_stream *s)
{
	struct paglets_client *c = s->c;
	struct pg_arena a = { 0 };

	/* Nothing to ask with. */
	if (s->sse.id.n == 0)
		return;
	c->followed = admin_number(s, &a);
	pg_buf_reset(&c->followed_url);
	pg_buf_puts(&c->followed_url, s->url);
	pg_buf_reset(&c->followed_id);
	pg_buf_puts(&c->followed_id, pg_percent_encode(&a,
	    pg_buf_str(&s->sse.id)));
	pg_arena_fini(&a);
}

/* Hand one over. Nonzero: that was the last one. */
static int
admin_event(struct admin_stream *s)
{
	struct pg_arena a;
	struct pg_value *ev;
	int rc = -1;

	pg_arena_init(&a, PG_SESSION_VALUES_MAX);
	if (pg_json_read(pg_buf_str(&s->sse.data), &a, &ev, &s->c->err) < 0) {
		pg_wrap(&s->c->err, "%.*s: event", PG_STR_ARG(s->url));
	} else {
		rc = s->on_event(s->arg, admin_number(s, &a),
		    pg_value_outer(ev)) != 0;
	}
	pg_arena_fini(&a);
	return rc;
}

static void
admin_on_data(void *arg, struct pg_str data)
{
	struct admin_stream *s = arg;
	bool ready;
	ssize_t used;
	int rc;

	s->begun = true;
	while (data.n > 0) {
		used = pg_sse_take(&s->sse, data, &ready, &s->c->err);
		rc = used < 0 ? -1 : ready ? admin_event(s) : 0;
		if (rc != 0) {
			admin_end(s, rc);
			return;
		}
		data = pg_str_skip(data, (size_t)used);
	}
	admin_remember(s);
}

static void
admin_on_done(void *arg, const struct pg_response *resp)
{
	struct admin_stream *s = arg;
	struct pg_value *reply;

	if (!s->begun && resp->status != 200)
		s->rc = pg_remote_answer(resp, s->c->key.n > 0, &s->c->arena,
		    &reply, &s->c->err);
	s->c->failure = (struct paglets_failure){ resp->status != 0, false };
	s->over = true;
}

PG_API int
paglets_client_follow(struct paglets_client *c, const char *host,
    int64_t since, int (*on_event)(void *arg, int64_t event_id,
    const struct paglets_value *event), void *arg)
{
	struct admin_stream s = { .c = c, .on_event = on_event, .arg = arg };
	struct pg_request q = { .method = "GET", .timeout = c->timeout,
		.max_reply = PG_SESSION_REPLY_MAX,
		.accept = "text/event-stream", .on_data = admin_on_data,
		.silence = ADMIN_SILENCE };
	struct pg_arena a = { 0 };
	struct pg_str id;

	if (pg_place_find(c, pg_str(host), &s.url) < 0)
		return -1;
	id = pg_arena_printf(&a, "%" PRId64, since);
	if (since == c->followed &&
	    pg_str_eq(s.url, pg_buf_str(&c->followed_url)))
		id = pg_buf_str(&c->followed_id);
	q.url = pg_arena_printf(&a, "%.*s/events/stream?since=%.*s",
	    PG_STR_ARG(s.url), PG_STR_ARG(id));
	if (pg_session_is_named(c, s.url))
		q.bearer = c->key;
	s.call = pg_client_start(c->http, &q, admin_on_done, &s);
	while (!s.over)
		if (pg_session_turn(c, PG_NEVER) < 0)
			admin_end(&s, -1);
	pg_sse_fini(&s.sse);
	pg_arena_fini(&a);
	return s.rc;
}

#undef ADMIN_SILENCE
