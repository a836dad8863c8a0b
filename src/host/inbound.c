/* inbound: see inbound.h. Each kind is the request that it would have been by
 * HTTP, and goes the way of one, so that there is one door to everything.
 */

#include "inbound.h"

#include "../codec/json.h"
#include "../codec/url.h"
#include "hostref.h"
#include "wire.h"

#define INBOUND_BODY_MAX ((size_t)1 << 30) /* bytes of a request's body */

/* Somebody waits for the answer. Owner: itself, until done. */
struct inbound_wait {
	bool whole;
	pg_inbound_done *done;
	void *arg;
};

/* What the record says; texts borrow from it, or lie in an arena. */
struct inbound_request {
	struct pg_str method, path;
	const struct pg_value *body;
	bool whole;
};

PG_FN void
pg_inbound_put_error(struct pg_buf *out, const struct pg_err *e)
{
	struct pg_buf body = PG_BUF_INIT(0);

	pg_exchange_put_error(&body, e);
	pg_buf_putz(out, "{\"ok\": false, ");
	pg_buf_puts(out, pg_str_skip(pg_buf_str(&body), 1));
	pg_buf_fini(&body);
}

/* ---- Kinds ------------------------------------------------------------------------- */

static int
inbound_message(const struct pg_value *payload, struct pg_arena *a,
    struct inbound_request *r, struct pg_err *e)
{
	struct pg_str id;

	if (pg_field_str(payload, "agent_id", &id, e) < 0 ||
	    pg_wire_check_id(id, e) < 0)
		return -1;
	r->path = pg_arena_printf(a, "/agents/%.*s/messages", PG_STR_ARG(id));
	r->body = payload;
	return 0;
}

/* Whether a node serves this path to those who come by the relay (PROTOCOL
 * section 9). Its artifacts have kinds of their own; a stream has no end. */
static bool
inbound_serves(const struct inbound_request *r)
{
	struct pg_str rest = r->path, first, second = PG_STR_NULL, third;
	const char *query = r->path.n > 0 ? memchr(r->path.p, '?',
	    r->path.n) : NULL;
	bool two, three;

	if (query != NULL)
		rest.n = (size_t)(query - rest.p);
	/* Not a whole URL, whose path we would have to find first. */
	if (rest.n == 0 || rest.p[0] != '/' || !pg_path_next(&rest, &first))
		return false;
	two = pg_path_next(&rest, &second);
	three = pg_path_next(&rest, &third);
	if (pg_str_eqz(first, "relay") || pg_str_eqz(first, "admin") ||
	    (pg_str_eqz(first, "events") && two))
		return false;
	if (!pg_str_eqz(first, "artifacts"))
		return true;
	if (pg_str_eqz(r->method, "POST"))
		return false;
	return !(pg_str_eqz(r->method, "GET") && two && !three);
}

static int
inbound_api(const struct pg_value *payload, struct inbound_request *r,
    struct pg_err *e)
{
	struct pg_value *body = NULL;

	if (pg_field_str(payload, "method", &r->method, e) < 0 ||
	    pg_field_str(payload, "path", &r->path, e) < 0 ||
	    pg_field_dict_opt(payload, "payload", &body, e) < 0)
		return -1;
	if (!inbound_serves(r))
		return pg_fail(e, PG_E_HOST, "No relay route for %.*s %.*s",
		    (int)PG_MIN(r->method.n, (size_t)20), r->method.p,
		    (int)PG_MIN(r->path.n, (size_t)200), r->path.p);
	r->body = body;
	r->whole = true;
	return 0;
}

static int
inbound_read(const struct pg_value *delivery, struct pg_arena *a,
    struct inbound_request *r, struct pg_err *e)
{
	struct pg_value *payload = NULL, *creation;
	struct pg_str kind;

	*r = (struct inbound_request){ .method = PG_STR("POST"),
		.path = PG_STR("/agents") };
	if (pg_field_str(delivery, "kind", &kind, e) < 0 ||
	    pg_field_dict_opt(delivery, "payload", &payload, e) < 0)
		return -1;
	if (pg_str_eqz(kind, "message"))
		return inbound_message(payload, a, r, e);
	if (pg_str_eqz(kind, "api"))
		return inbound_api(payload, r, e);
	if (pg_str_eqz(kind, "envelope")) {
		r->body = payload;
		return pg_field_dict(payload, "envelope", &creation, e);
	}
	if (pg_str_eqz(kind, "creation")) {
		if (pg_field_dict(payload, "creation", &creation, e) < 0)
			return -1;
		r->body = creation;
		return 0;
	}
	return pg_fail(e, PG_E_HOST, "Unknown relay delivery kind '%.*s'",
	    (int)PG_MIN(kind.n, (size_t)40), kind.p);
}

PG_FN int
pg_inbound_read(const struct pg_value *delivery, struct pg_inbound *in,
    struct pg_err *e)
{
	struct pg_buf text = PG_BUF_INIT(INBOUND_BODY_MAX);
	struct inbound_request r;
	int rc = -1;

	if (inbound_read(delivery, &in->arena, &r, e) < 0)
		goto out;
	in->method = pg_arena_str(&in->arena, r.method);
	in->path = pg_arena_str(&in->arena, r.path);
	in->whole = r.whole;
	rc = 0;
	if (r.body == NULL || r.body->n == 0)
		goto out;
	if (pg_json_write(&text, r.body, e) < 0)
		rc = -1;
	else if ((in->body = pg_bulk_copy(pg_buf_str(&text), e)) == NULL)
		rc = -1;
out:
	pg_buf_fini(&text);
	return rc;
}

PG_FN void
pg_inbound_fini(struct pg_inbound *in)
{
	pg_bulk_unref(in->body);
	in->body = NULL;
	pg_arena_fini(&in->arena);
}

/* ---- The answer -------------------------------------------------------------------- */

/* All answers of routes are JSON objects, which the ack goes around or
 * into. */
static void
inbound_on_answer(void *arg, int status, struct pg_str body)
{
	struct inbound_wait w = *(struct inbound_wait *)arg;
	struct pg_buf ack = PG_BUF_INIT(0);
	bool whole = w.whole && status == 200;

	free(arg);
	if (status != 0) { /* else the host ends */
		pg_buf_putz(&ack, status == 200 ? "{\"ok\": true, " :
		    "{\"ok\": false, ");
		if (whole)
			pg_buf_putz(&ack, "\"result\": ");
		pg_buf_puts(&ack, whole ? body : pg_str_skip(body, 1));
		if (whole)
			pg_buf_putc(&ack, '}');
	}
	w.done(w.arg, &ack);
	pg_buf_fini(&ack);
}

/* Whoever is behind the hub counts as on this machine if the hub is there. */
static struct pg_addr
inbound_peer(const struct pg_host *h)
{
	struct pg_addr peer = { .len = 0 };
	struct pg_hostref self = { .url = h->address };

	if (pg_hostref_is_loopback(&self))
		pg_addr_parse(PG_STR("127.0.0.1"), 0, &peer);
	return peer;
}

PG_FN void
pg_inbound_start(struct pg_host *h, const struct pg_inbound *in,
    pg_inbound_done *done, void *arg)
{
	struct inbound_wait *w = pg_alloc(sizeof(*w));
	struct pg_addr peer = inbound_peer(h);

	*w = (struct inbound_wait){ .whole = in->whole, .done = done,
		.arg = arg };
	pg_server_ask(h->server, &peer, in->method, in->path, in->body,
	    inbound_on_answer, w);
}

#undef INBOUND_BODY_MAX
