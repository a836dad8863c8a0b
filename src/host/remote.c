/* remote: see remote.h. */

#include "remote.h"

#include "../codec/json.h"
#include "wire.h"

/* ---- Requests ---------------------------------------------------------- */

/* Complete r, which lacks the URL and the key, and start it. */
static struct pg_call *
remote_start(struct pg_host *h, struct pg_request *r, struct pg_str url,
    const char *path, va_list ap, pg_client_done *done, void *arg)
{
	struct pg_buf full = PG_BUF_INIT(0);
	struct pg_call *call;

	pg_buf_puts(&full, url);
	pg_buf_vprintf(&full, path, ap);
	r->url = pg_buf_str(&full);
	r->bearer = pg_mesh_key_for(h->mesh, url);
	call = pg_client_start(h->client, r, done, arg);
	pg_buf_fini(&full);
	return call;
}

PG_FN struct pg_call *
pg_remote_get(struct pg_host *h, struct pg_str url, int64_t timeout,
    pg_client_done *done, void *arg, const char *path, ...)
{
	struct pg_request r = { .method = "GET", .timeout = timeout,
		.max_reply = PG_REMOTE_REPLY_MAX };
	struct pg_call *call;
	va_list ap;

	va_start(ap, path);
	call = remote_start(h, &r, url, path, ap, done, arg);
	va_end(ap);
	return call;
}

PG_FN struct pg_call *
pg_remote_post(struct pg_host *h, struct pg_str url,
    const struct pg_post *post, pg_client_done *done, void *arg,
    const char *path, ...)
{
	struct pg_request r = { .method = "POST", .timeout = post->timeout,
		.content_type = post->type != NULL ? post->type :
		    "application/json",
		.nbody = post->nbody,
		.max_reply = post->max_reply > 0 ? post->max_reply :
		    PG_REMOTE_REPLY_MAX };
	struct pg_call *call;
	va_list ap;

	memcpy(r.body, post->body, sizeof(r.body));
	va_start(ap, path);
	call = remote_start(h, &r, url, path, ap, done, arg);
	va_end(ap);
	return call;
}

PG_FN struct pg_call *
pg_remote_start(struct pg_host *h, struct pg_str url, struct pg_request *r,
    pg_client_done *done, void *arg, const char *path, ...)
{
	struct pg_call *call;
	va_list ap;

	va_start(ap, path);
	call = remote_start(h, r, url, path, ap, done, arg);
	va_end(ap);
	return call;
}

/* ---- Answers ----------------------------------------------------------- */

PG_FN int
pg_remote_answer(const struct pg_response *r, bool have_key,
    struct pg_arena *a, struct pg_value **out, struct pg_err *e)
{
	if (r->status == 0) {
		*e = r->err;
		return -1;
	}
	if (pg_json_read(pg_bulk_str(r->body), a, out, e) < 0)
		return pg_fail(e, PG_E_REMOTE, "status %d without a JSON body",
		    r->status);
	if (r->status == 200)
		return 0;
	pg_wire_fail(*out, e);
	if (!pg_value_is(pg_value_get(*out, "error"), PG_T_STR))
		pg_fail(e, e->code, "status %d without a reason", r->status);
	if (r->status == 401 && !have_key)
		pg_fail(e, PG_E_AUTH, "%s; set PAGLETS_API_KEY or pass "
		    "--api-key-env with an environment variable containing a "
		    "Paglets bearer API key", e->msg);
	return -1;
}

PG_FN int
pg_remote_reply(struct pg_host *h, struct pg_str url,
    const struct pg_response *r, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e)
{
	bool have_key = h->cfg.api_key.n > 0;
	int rc = pg_remote_answer(r, have_key, a, out, e);

	if (rc < 0 && r->status == 401 && have_key &&
	    pg_mesh_key_for(h->mesh, url).n == 0)
		pg_fail(e, PG_E_AUTH, "%s; %.*s does not get our key: only "
		    "others told us of it; name it by URL, or by --peer",
		    e->msg, PG_STR_ARG(url));
	return rc;
}

/* Whether an error says that something between us and the host gave up: a hub
 * of ours has a code for that, a Python one has a text. */
static bool
remote_left_open(const struct pg_value *error)
{
	static const char python[] = "Relay delivery to ";
	struct pg_str code = pg_value_text(pg_value_get(error, "code"),
	    PG_STR_NULL);
	struct pg_str type = pg_value_text(pg_value_get(error, "error_type"),
	    PG_STR_NULL);
	struct pg_str text = pg_value_text(pg_value_get(error, "error"),
	    PG_STR_NULL);

	if (pg_str_eqz(code, "timeout") || pg_str_eqz(code, "unreachable"))
		return true;
	return pg_str_eqz(type, "RemoteHostError") &&
	    text.n >= sizeof(python) - 1 &&
	    memcmp(text.p, python, sizeof(python) - 1) == 0;
}

PG_FN bool
pg_remote_decided(const struct pg_response *r)
{
	struct pg_arena a;
	struct pg_value *v = NULL;
	bool own;

	pg_arena_init(&a, 4 * PG_REMOTE_REPLY_MAX);
	own = r->status != 200 && pg_json_read(pg_bulk_str(r->body), &a, &v,
	    NULL) == 0 && pg_value_get(v, "error_type") != NULL &&
	    !remote_left_open(v);
	pg_arena_fini(&a);
	return own;
}
