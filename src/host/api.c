/* api: see api.h. A request passes gate (who asks), match (what), decode
 * (the body) and then its route's function, which answers now or later.
 */

#include "api.h"

#include "../base/log.h"
#include "../codec/json.h"
#include "../codec/sha256.h"
#include "arrive.h"
#include "mesh.h"
#include "wire.h"

#include <unistd.h>

#define API_OUT_KEEP (64 * 1024) /* bytes of an answer's memory kept */

/* ---- Answers -------------------------------------------------------------- */

PG_FN struct pg_buf *
pg_api_out(struct pg_api *r)
{
	pg_buf_reset(&r->host->out);
	r->host->out.max = PG_API_DECODED_MAX;
	return &r->host->out;
}

PG_FN void
pg_api_send(struct pg_api *r)
{
	struct pg_buf *out = &r->host->out;
	struct pg_err e = { 0 };

	if (out->failed) {
		pg_fail(&e, PG_E_LIMIT, "answer is too large");
		pg_exchange_fail(r->x, &e);
	} else {
		pg_exchange_reply(r->x, 200, PG_STR_NULL, out);
	}
	/* What the next answer can use is kept. */
	if (out->cap > API_OUT_KEEP)
		pg_buf_fini(out);
}

PG_FN void
pg_api_reply(struct pg_api *r, const struct pg_value *v)
{
	struct pg_buf *out = pg_api_out(r);

	if (v == NULL || pg_json_write(out, v, NULL) < 0)
		out->failed = true;
	pg_api_send(r);
}

PG_FN void
pg_api_fail(struct pg_api *r, const struct pg_err *e)
{
	pg_exchange_fail(r->x, e);
}

/* An answer with a value that is still a pickle. */
struct api_answer {
	struct pg_job job;
	struct pg_api *r;
	struct pg_value *d;
	const char *key;
	struct pg_str bare;
	struct pg_bulk *bulk; /* a reference, or NULL */
	struct pg_buf out;
	struct pg_err err;
};

/* No loop, no host: also runs on a worker. */
static int
api_answer_write(struct api_answer *a, struct pg_buf *out)
{
	struct pg_arena *arena = &a->r->x->arena;
	struct pg_value *v = pg_value_null(arena);
	int rc = 0;

	arena->max = arena->used + PG_API_DECODED_MAX;
	if (a->bare.n > 0)
		rc = pg_pickle_read_value(a->bare, arena, 0, &v, &a->err);
	arena->max = 0;
	if (rc < 0)
		return pg_wrap(&a->err, "%s", a->key);
	pg_value_put(arena, a->d, pg_str(a->key), v);
	return pg_json_write(out, a->d, &a->err);
}

static void
api_answer_run(struct pg_job *j)
{
	struct api_answer *a = PG_CONTAINER(j, struct api_answer, job);

	api_answer_write(a, &a->out);
}

static void
api_answer_done(struct pg_job *j)
{
	struct api_answer *a = PG_CONTAINER(j, struct api_answer, job);
	struct pg_buf out = a->out;
	struct pg_err err = a->err;
	struct pg_exchange *x = a->r->x;

	/* The answer ends the arena that a lies in. */
	pg_bulk_unref(a->bulk);
	if (err.code != PG_E_OK)
		pg_exchange_fail(x, &err);
	else
		pg_exchange_reply(x, 200, PG_STR_NULL, &out);
	pg_buf_fini(&out);
}

PG_FN void
pg_api_reply_with(struct pg_api *r, struct pg_value *d, const char *key,
    struct pg_str bare, struct pg_bulk *bulk)
{
	struct api_answer *a = pg_arena_zalloc(&r->x->arena, sizeof(*a));

	a->r = r;
	a->d = d;
	a->key = key;
	a->bare = bare;
	if (bulk == NULL || bare.n <= PG_API_WORKER_MIN) {
		if (api_answer_write(a, pg_api_out(r)) < 0)
			pg_api_fail(r, &a->err);
		else
			pg_api_send(r);
		return;
	}
	a->bulk = pg_bulk_ref(bulk);
	a->out.max = 2 * PG_API_DECODED_MAX;
	a->job.run = api_answer_run;
	a->job.done = api_answer_done;
	if (pg_work_submit(r->host->work, &a->job, &a->err) < 0) {
		pg_bulk_unref(a->bulk);
		pg_api_fail(r, &a->err);
	}
}

/* ---- Gate ------------------------------------------------------------------ */

/* The key of an Authorization header; empty: none. */
static struct pg_str
api_bearer(const struct pg_http1_head *h)
{
	struct pg_str v = pg_http1_field(h, "authorization");
	const char *blank = v.n > 0 ? memchr(v.p, ' ', v.n) : NULL;
	struct pg_str scheme = v;

	if (blank == NULL)
		return PG_STR_NULL;
	scheme.n = (size_t)(blank - v.p);
	if (!pg_str_ieq(scheme, PG_STR("bearer")))
		return PG_STR_NULL;
	return pg_str_trim(pg_str_skip(v, scheme.n + 1));
}

static int
api_check_key(struct pg_host *h, const struct pg_http1_head *head,
    struct pg_err *e)
{
	struct pg_str key = api_bearer(head);

	/* The same time whatever is wrong with it. */
	if (pg_equal_ct(key, h->cfg.api_key) && key.n > 0)
		return 0;
	return pg_fail(e, PG_E_AUTH, "Authentication required");
}

/* The host part of "host[:port]", brackets off. */
static struct pg_str
api_host_part(struct pg_str s)
{
	const char *end;

	if (s.n > 0 && s.p[0] == '[') {
		end = memchr(s.p, ']', s.n);
		if (end == NULL)
			return s;
		return (struct pg_str){ s.p + 1, (size_t)(end - s.p) - 1 };
	}
	end = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;
	if (end != NULL)
		s.n = (size_t)(end - s.p);
	return s;
}

/* Whether the name can not have been made ours by somebody else's DNS: a
 * literal address, a name without a dot, or one that we or this machine were
 * given. */
static bool
api_own_name(const struct pg_host *h, struct pg_str name)
{
	struct pg_addr addr;
	struct pg_url url;
	struct pg_str plain = name;
	char machine[256] = "";

	if (plain.n > 0 && plain.p[plain.n - 1] == '.')
		plain.n--;
	if (plain.n == 0 || memchr(plain.p, '.', plain.n) == NULL ||
	    pg_addr_parse(name, 0, &addr) == 0 ||
	    pg_str_ieq(plain, h->name))
		return true;
	gethostname(machine, sizeof(machine) - 1);
	if (pg_str_ieq(plain, pg_str(machine)))
		return true;
	return pg_url_parse(h->address, &url, NULL) == 0 &&
	    pg_str_ieq(plain, url.host);
}

/* Browsers are not to be led here by other people's pages (DESIGN 7). */
static int
api_check_browser(const struct pg_host *h, const struct pg_http1_head *head,
    bool trusted, struct pg_err *e)
{
	struct pg_str origin = pg_http1_field(head, "origin");
	struct pg_str site = pg_http1_field(head, "sec-fetch-site");
	struct pg_str host = pg_http1_field(head, "host");
	const char *slash;

	if (site.n > 0 && !pg_str_eqz(site, "same-origin") &&
	    !pg_str_eqz(site, "none"))
		return pg_fail(e, PG_E_FORBIDDEN,
		    "requests from other sites are not answered");
	if (origin.n > 0) {
		slash = memmem(origin.p, origin.n, "://", 3);
		if (slash == NULL || !pg_str_ieq(pg_str_skip(origin,
		    (size_t)(slash - origin.p) + 3), host))
			return pg_fail(e, PG_E_FORBIDDEN, "requests from "
			    "origin '%.*s' are not answered",
			    PG_STR_ARG(origin));
	}
	if (trusted && origin.n == 0 && site.n == 0)
		return 0;
	/* Nearly always: the very authority that we give out. */
	slash = memmem(h->address.p, h->address.n, "://", 3);
	if (slash != NULL && pg_str_eq(host, pg_str_skip(h->address,
	    (size_t)(slash - h->address.p) + 3)))
		return 0;
	if (!api_own_name(h, api_host_part(host)))
		return pg_fail(e, PG_E_FORBIDDEN, "'%.*s' is no name of this "
		    "host", PG_STR_ARG(host));
	return 0;
}

/* ---- Match ------------------------------------------------------------------ */

/* Split the path, the prefix of a public URL taken off when it is there. */
static int
api_split(struct pg_api *r, struct pg_str path)
{
	struct pg_url url;
	struct pg_str prefix = PG_STR_NULL, want, rest, segment;
	size_t n = 0;

	if (r->host->cfg.public_url.n > 0 &&
	    pg_url_parse(r->host->address, &url, NULL) == 0)
		prefix = url.path;
	rest = path;
	while (pg_path_next(&prefix, &want))
		if (!pg_path_next(&rest, &segment) ||
		    !pg_str_eq(segment, want)) {
			rest = path;
			break;
		}
	while (pg_path_next(&rest, &segment)) {
		if (n == PG_API_SEGMENTS_MAX)
			return -1;
		r->segments[n++] = segment;
	}
	return (int)n;
}

/* Whether the segments fit a route's path. */
static bool
api_fits(const struct pg_route *route, const struct pg_str *segments, int n)
{
	struct pg_str rest = pg_str(route->path), want;
	int i = 0;

	for (; pg_path_next(&rest, &want); i++)
		if (i >= n || (!pg_str_eqz(want, "*") &&
		    !pg_str_eq(want, segments[i])))
			return false;
	return i == n;
}

static int
api_match(struct pg_api *r, struct pg_err *e)
{
	const struct pg_http1_head *head = r->x->head;
	struct pg_str path = PG_STR_NULL, method = head->method;
	const struct pg_route *route;
	int n;

	if (pg_target_split(head->target, &path, &r->query, e) < 0)
		return -1;
	if (pg_str_eqz(method, "HEAD"))
		method = PG_STR("GET");
	n = api_split(r, path);
	for (route = r->host->routes; n >= 0 && route->method != NULL; route++)
		if (pg_str_eqz(method, route->method) &&
		    api_fits(route, r->segments, n)) {
			r->route = route;
			return 0;
		}
	return pg_fail(e, PG_E_HOST, "No route for %.*s %.*s",
	    PG_STR_ARG(head->method),
	    (int)PG_MIN(head->target.n, (size_t)200), head->target.p);
}

/* Who asks for our health without the key may be one of us who does not know
 * us yet: it is shown that we have the key. */
static void
api_show_ref(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_buf json = PG_BUF_INIT(0), field = PG_BUF_INIT(0);

	pg_json_write(&json, pg_mesh_card(r->host->mesh, a), NULL);
	pg_buf_puts(&field, PG_STR("X-Paglets-Ref: "));
	pg_buf_base64(&field, pg_buf_str(&json));
	pg_buf_puts(&field, PG_STR("\r\n"));
	r->x->refusal = pg_arena_str(a, pg_buf_str(&field));
	pg_buf_fini(&field);
	pg_buf_fini(&json);
}

static int64_t
api_on_head(void *arg, struct pg_exchange *x, struct pg_err *e)
{
	struct pg_host *h = arg;
	struct pg_api *r = pg_arena_alloc(&x->arena, sizeof(*r));
	bool keyed = h->cfg.api_key.n > 0;
	struct pg_err no_route = { 0 };

	memset(r, 0, sizeof(*r));
	r->host = h;
	r->x = x;
	x->user = r;
	api_match(r, &no_route);
	/* What exists is told to those who may know. */
	if (r->route == NULL || !r->route->open) {
		if (keyed && api_check_key(h, x->head, e) < 0) {
			if (r->route != NULL &&
			    strcmp(r->route->path, "health") == 0)
				api_show_ref(r);
			return -1;
		}
		if (api_check_browser(h, x->head, keyed, e) < 0)
			return -1;
	}
	if (r->route == NULL) {
		*e = no_route;
		return -1;
	}
	if (r->route->begin != NULL)
		return r->route->begin(r, e) < 0 ? -1 : INT64_MAX;
	return r->route->large ? h->cfg.body_move_max : h->cfg.body_json_max;
}

/* ---- Decode ------------------------------------------------------------------ */

/* A body on its way through a worker. */
struct api_job {
	struct pg_job job;
	struct pg_api *r;
	struct pg_err err;
};

static bool
api_is_pickle(const struct pg_http1_head *h)
{
	struct pg_str type = pg_http1_field(h, "content-type");
	const char *semi = type.n > 0 ? memchr(type.p, ';', type.n) : NULL;

	if (semi != NULL)
		type.n = (size_t)(semi - type.p);
	return pg_str_ieq(pg_str_trim(type),
	    PG_STR("application/x-paglets-pickle"));
}

static int
api_decode_pickle(struct pg_api *r, struct pg_str body, struct pg_err *e)
{
	r->watch.key = PG_STR("state");
	r->watch.depth = 2;
	if (pg_pickle_read(body, &r->x->arena, PG_PICKLE_EXPANDED_MAX,
	    &r->watch, &r->body, e) < 0)
		return -1;
	if (!pg_value_is(r->body, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "Expected pickle payload dict, "
		    "got %s", pg_value_type_name(r->body));
	return 0;
}

static int
api_decode_json(struct pg_api *r, struct pg_str body, struct pg_err *e)
{
	if (body.n == 0) {
		r->body = pg_value_dict(&r->x->arena);
		return 0;
	}
	if (pg_json_read(body, &r->x->arena, &r->body, e) < 0)
		return -1;
	if (!pg_value_is(r->body, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "Expected JSON object, got %s",
		    pg_value_type_name(r->body));
	return 0;
}

/* Body to value, and the digest of an envelope that has no transfer id. No
 * loop, no host: also runs on a worker. */
static int
api_decode(struct pg_api *r, struct pg_err *e)
{
	struct pg_str body = pg_bulk_str(r->x->body);
	const struct pg_value *envelope;
	int rc;

	r->x->arena.max = r->x->arena.used + PG_API_DECODED_MAX;
	rc = r->pickled ? api_decode_pickle(r, body, e) :
	    api_decode_json(r, body, e);
	r->x->arena.max = 0;
	/* Too deep, too many digits: no body of ours, not one too long. */
	if (rc < 0 && e->code == PG_E_LIMIT && r->x->arena.used <
	    PG_API_DECODED_MAX)
		e->code = r->pickled ? PG_E_SERIAL : PG_E_HOST;
	envelope = rc == 0 ? pg_value_get(r->body, "envelope") : NULL;
	if (envelope != NULL && r->route->large &&
	    pg_envelope_transfer_id(envelope).n == 0) {
		pg_sha256(body, r->digest);
		r->has_digest = true;
	}
	return rc;
}

static void
api_job_run(struct pg_job *j)
{
	struct api_job *a = PG_CONTAINER(j, struct api_job, job);

	api_decode(a->r, &a->err);
}

static void
api_job_done(struct pg_job *j)
{
	struct api_job *a = PG_CONTAINER(j, struct api_job, job);
	struct pg_api *r = a->r;

	if (a->err.code != PG_E_OK)
		pg_api_fail(r, &a->err);
	else
		r->route->run(r);
}

static void
api_decode_on_worker(struct pg_api *r)
{
	struct api_job *a = pg_arena_zalloc(&r->x->arena, sizeof(*a));

	a->r = r;
	a->job.run = api_job_run;
	a->job.done = api_job_done;
	if (pg_work_submit(r->host->work, &a->job, &a->err) < 0)
		pg_api_fail(r, &a->err);
}

static void
api_on_request(void *arg, struct pg_exchange *x)
{
	struct pg_api *r = x->user;
	struct pg_err e = { 0 };

	(void)arg;
	if (r->route->begin != NULL) {
		r->route->run(r);
		return;
	}
	r->pickled = pg_str_eqz(x->head->method, "POST") &&
	    api_is_pickle(x->head);
	if (x->body != NULL && x->body->n > PG_API_WORKER_MIN)
		api_decode_on_worker(r);
	else if (api_decode(r, &e) < 0)
		pg_api_fail(r, &e);
	else
		r->route->run(r);
}

PG_FN struct pg_server_ops
pg_api_ops(void)
{
	return (struct pg_server_ops){ .on_head = api_on_head,
		.on_request = api_on_request };
}

#undef API_OUT_KEEP
