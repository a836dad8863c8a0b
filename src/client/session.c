/* session: a client of hosts.
 *
 * The loop turns only while somebody waits, so that a program which has a
 * thread and a loop of its own is not disturbed. An answer, with what it
 * borrows from, belongs to the future that asked for it; those that nobody
 * holds are kept in a list until the client forgets. A key is only sent where
 * the user pointed, and to hosts that have signed their very URL with it.
 */
#include "session.h"

#include "../codec/json.h"
#include "../host/remote.h"
#include "../os/rand.h"

/* ---- one request ------------------------------------------------------ */

/* Whether a host says that it does not have an agent. */
static bool
session_is_absent(const struct pg_err *e)
{
	return e->code == PG_E_INVALID_AGENT &&
	    pg_str_starts(pg_str(e->msg), PG_STR("No "));
}

/* Whether the type of an error tells more than its text, which an agent may
 * have chosen. */
static bool
session_type_tells(const struct pg_err *e)
{
	const char *type = pg_code_wire(e->code);

	return strcmp(type, "HostError") != 0 && e->code != PG_E_AUTH &&
	    strcmp(type, "RemoteHostError") != 0;
}

/* Put the host before what it said. */
static void
session_explain(struct paglets_future *f)
{
	struct pg_err *e = &f->err;

	if (!f->failure.answered)
		return;
	f->absent = session_is_absent(e);
	if (session_type_tells(e))
		pg_wrap(e, "%s", pg_code_wire(e->code));
	pg_wrap(e, "%.*s", PG_STR_ARG(f->url));
	if (e->code == PG_E_AUTH && f->client->key.n > 0)
		pg_fail(e, e->code, f->has_key
		    ? "%s; it has another API key than the one given"
		    : "%s; the API key goes only to an address that you name: "
		    "write this URL yourself", e->msg);
}

/* A host that wants a key may show that it has ours: by a reference to itself,
 * at the URL where it was asked. */
static void
session_on_refusal(struct paglets_future *f, const struct pg_response *resp)
{
	struct pg_str field = resp->head != NULL ?
	    pg_http1_field(resp->head, "x-paglets-ref") : PG_STR_NULL;
	struct pg_arena a = { 0 };
	struct pg_value *ref = NULL;
	struct pg_str url;
	char *json;
	ssize_t n;

	if (f->has_key || field.n == 0)
		return;
	json = pg_arena_alloc(&a, field.n);
	n = pg_base64_decode(field, json);
	if (n > 0 && pg_json_read((struct pg_str){ json, (size_t)n }, &a,
	    &ref, NULL) == 0 &&
	    pg_url_normalise(&a, pg_value_text(pg_value_get(ref, "url"),
	    PG_STR_NULL), &url, NULL) == 0 && pg_str_eq(url, f->url))
		pg_session_trust(f->client, ref, f->url);
	pg_arena_fini(&a);
}

/* Decodes at once, since the response is gone after this call. */
PG_FN int
pg_session_answer(struct paglets_future *f, const struct pg_response *resp)
{
	pg_bulk_unref(f->bulk);
	f->bulk = resp->body != NULL ? pg_bulk_ref(resp->body) : NULL;
	f->err = (struct pg_err){ 0 };
	f->failure.answered = resp->status != 0;
	f->failure.maybe_done = resp->status == 0 && resp->maybe_sent &&
	    !f->read;
	if (resp->status == 401)
		session_on_refusal(f, resp);
	/* Who has a key that is not sent there needs no hint how to give
	 * one. */
	if (pg_remote_answer(resp, f->client->key.n > 0, &f->arena, &f->reply,
	    &f->err) == 0)
		return 0;
	session_explain(f);
	return -1;
}

static void
session_on_done(void *arg, const struct pg_response *resp)
{
	struct paglets_future *f = arg;

	f->call = NULL;
	f->done = true;
	f->took = pg_now() - f->begun;
	pg_buf_fini(&f->body);
	pg_session_answer(f, resp);
	if (f->on_done != NULL)
		f->on_done(f, f->arg);
}

/* A key goes into a header field: none that could end or split it. */
static int
session_check_key(struct pg_str key, struct pg_err *e)
{
	size_t i;

	for (i = 0; i < key.n; i++)
		if (key.p[i] <= ' ' || key.p[i] > '~')
			return pg_fail(e, PG_E_USAGE, "the API key holds a "
			    "blank, a control or a non-ASCII character");
	return 0;
}

/* The key and the body of the request; -1 with f->err. */
static int
session_fill(struct paglets_future *f, const struct pg_question *q,
    struct pg_request *r)
{
	if (f->has_key)
		r->bearer = f->client->key;
	if (session_check_key(r->bearer, &f->err) < 0)
		return -1;
	if (f->client->values.short_of_memory)
		return pg_fail(&f->err, PG_E_NOMEM, "no memory for values");
	if (q->body == NULL)
		return 0;
	if (pg_json_write(&f->body, q->body, &f->err) < 0)
		return -1;
	r->content_type = "application/json";
	r->body[0].text = pg_buf_str(&f->body);
	r->nbody = 1;
	return 0;
}

/* One that has not begun. */
static struct paglets_future *
session_future(struct paglets_client *c, struct pg_str url)
{
	struct paglets_future *f = pg_alloc(sizeof(*f));

	f->client = c;
	f->body = PG_BUF_INIT(0);
	pg_arena_init(&f->arena, PG_SESSION_VALUES_MAX);
	f->begun = pg_now();
	f->url = pg_arena_str(&f->arena, url);
	return f;
}

PG_FN struct paglets_future *
pg_session_start(struct paglets_client *c, const struct pg_question *q)
{
	struct paglets_future *f = session_future(c, q->url);
	struct pg_request r = { .method = q->method,
		.timeout = q->timeout > 0 ? q->timeout : c->timeout,
		.max_reply = PG_SESSION_REPLY_MAX };

	f->read = strcmp(q->method, "GET") == 0;
	f->has_key = pg_session_is_named(c, q->url);
	r.url = pg_arena_printf(&f->arena, "%.*s%.*s", PG_STR_ARG(q->url),
	    PG_STR_ARG(q->path));
	if (session_fill(f, q, &r) == 0)
		f->call = pg_client_start(c->http, &r, session_on_done, f);
	else
		f->done = true;
	return f;
}

PG_FN struct paglets_future *
pg_session_open(struct paglets_client *c, struct pg_str url)
{
	struct paglets_future *f = session_future(c, url);

	f->has_key = pg_session_is_named(c, url);
	/* Whoever began it tells how it goes on. */
	f->told = true;
	return f;
}

PG_FN struct paglets_future *
pg_session_failed(struct paglets_client *c, struct pg_str url)
{
	struct paglets_future *f = session_future(c, url);

	f->err = c->err;
	f->failure = c->failure;
	f->done = true;
	return f;
}

PG_FN int
pg_session_turn(struct paglets_client *c, int64_t until)
{
	int64_t left = until != PG_NEVER ? until - pg_now() : PG_SEC;

	return pg_loop_turn(c->loop, PG_MAX(PG_MIN(left, PG_SEC), 0),
	    &c->err);
}

PG_FN void
pg_session_tell(struct paglets_future *f)
{
	struct paglets_client *c = f->client;

	if (f->done || f->told ||
	    pg_now() < f->begun + PG_SESSION_PATIENCE)
		return;
	f->told = true;
	if (c->on_slow != NULL)
		c->on_slow(c->slow_arg, f->url.p);
}

PG_FN bool
pg_session_wait(struct paglets_future *f, int64_t until)
{
	struct paglets_client *c = f->client;
	int64_t slow = f->begun + PG_SESSION_PATIENCE;

	while (!f->done) {
		if (pg_session_turn(c, PG_MIN(until, f->told ? PG_NEVER :
		    slow)) < 0) {
			f->done = true;
			f->err = c->err;
		}
		pg_session_tell(f);
		if (pg_now() >= until)
			break;
	}
	return f->done;
}

PG_FN struct pg_value *
pg_session_take(struct paglets_future *f)
{
	struct paglets_client *c = f->client;

	if (f->err.code == PG_E_OK) {
		c->answer = f->reply;
		return f->reply;
	}
	c->err = f->err;
	c->failure = f->failure;
	return NULL;
}

PG_FN struct pg_value *
pg_session_ask(struct paglets_client *c, const struct pg_question *q)
{
	struct paglets_future *f = pg_session_start(c, q);

	pg_session_keep(f);
	pg_session_wait(f, PG_NEVER);
	return pg_session_take(f);
}

PG_FN struct pg_value *
pg_session_get(struct paglets_client *c, struct pg_str url,
    struct pg_str path, int64_t timeout)
{
	const struct pg_question q = { url, "GET", path, NULL, timeout };

	return pg_session_ask(c, &q);
}

/* ---- what is kept ----------------------------------------------------- */

PG_FN void
pg_session_keep(struct paglets_future *f)
{
	f->next = f->client->kept;
	f->client->kept = f;
}

PG_API void
paglets_future_free(struct paglets_future *f)
{
	if (f == NULL)
		return;
	if (f->call != NULL)
		pg_call_cancel(f->call);
	if (f->on_leave != NULL)
		f->on_leave(f, f->arg);
	if (f->client->answer == f->reply)
		f->client->answer = NULL;
	pg_bulk_unref(f->bulk);
	pg_buf_fini(&f->body);
	pg_arena_fini(&f->arena);
	free(f);
}

PG_FN void
pg_session_forget(struct paglets_client *c, struct paglets_future *mark)
{
	struct paglets_future *f;

	while (c->kept != mark && (f = c->kept) != NULL) {
		c->kept = f->next;
		paglets_future_free(f);
	}
}

PG_FN int64_t
pg_session_ns(int64_t ms)
{
	return PG_MIN(PG_MAX(ms, 0), PG_SESSION_TIMEOUT_MAX / PG_MS) * PG_MS;
}

PG_FN const char *
pg_session_text(struct paglets_client *c, struct pg_str s)
{
	const char *p = pg_arena_str(&c->arena, s).p;

	if (p == NULL)
		pg_fail(&c->err, PG_E_NOMEM, "no memory for values");
	return p;
}

PG_API void
paglets_client_forget(struct paglets_client *c)
{
	pg_session_forget(c, NULL);
	pg_arena_reset(&c->arena);
	c->values.short_of_memory = false;
}

/* ---- who gets the key ------------------------------------------------- */

/* Owner: the client's arena. */
struct pg_session_url {
	struct pg_str url;
};

PG_FN bool
pg_session_is_named(const struct paglets_client *c, struct pg_str url)
{
	return pg_map_get(&c->named, url) != NULL;
}

PG_FN void
pg_session_name(struct paglets_client *c, struct pg_str url)
{
	struct pg_session_url *n;

	if (pg_session_is_named(c, url))
		return;
	n = pg_arena_zalloc(&c->own, sizeof(*n));
	n->url = pg_arena_str(&c->own, url);
	pg_map_put(&c->named, n->url, n);
}

PG_FN void
pg_session_trust(struct paglets_client *c, const struct pg_value *ref,
    struct pg_str teller)
{
	const struct pg_hostref from = { .url = teller };
	struct pg_arena a = { 0 };
	struct pg_hostref r;

	if (c->seal.set && pg_value_get(ref, "sig") != NULL &&
	    pg_hostref_read(ref, &a, &r, NULL) == 0 &&
	    !pg_session_is_named(c, r.url) && pg_seal_check(&c->seal, &r) &&
	    (!pg_hostref_is_loopback(&r) || pg_hostref_is_loopback(&from)))
		pg_session_name(c, r.url);
	pg_arena_fini(&a);
}

/* ---- a client --------------------------------------------------------- */

PG_API struct paglets_client *
paglets_client_new(const struct paglets_client_config *config)
{
	static const struct paglets_client_config plain = { .entry = NULL };
	struct paglets_client *c = pg_alloc(sizeof(*c));
	struct pg_err e = { 0 };
	uint64_t seed[2];

	if (config == NULL)
		config = &plain;
	pg_rand(seed, sizeof(seed));
	pg_map_init(&c->named, seed);
	pg_arena_init(&c->arena, PG_SESSION_VALUES_MAX);
	c->values.arena = &c->arena;
	c->key = pg_arena_str(&c->own, pg_str(config->api_key));
	pg_seal_init(&c->seal, c->key);
	if (config->entry != NULL)
		c->entry_text = pg_arena_str(&c->own, pg_str(config->entry));
	c->timeout = config->timeout > 0 ? pg_session_ns(config->timeout)
					 : PG_SESSION_TIMEOUT;
	c->loop = pg_loop_new(&e);
	if (c->loop != NULL)
		c->work = pg_work_new(c->loop, &e);
	if (c->work != NULL)
		c->http = pg_client_new(c->loop, c->work, &e);
	if (c->http != NULL)
		return c;
	paglets_client_free(c);
	errno = e.sys;
	return NULL;
}

PG_API void
paglets_client_free(struct paglets_client *c)
{
	if (c == NULL)
		return;
	pg_session_forget(c, NULL);
	if (c->http != NULL)
		pg_client_free(c->http);
	if (c->work != NULL)
		pg_work_free(c->work);
	if (c->at_end != NULL)
		c->at_end(c);
	if (c->loop != NULL)
		pg_loop_free(c->loop);
	pg_map_fini(&c->named);
	pg_arena_fini(&c->arena);
	pg_arena_fini(&c->own);
	pg_buf_fini(&c->followed_url);
	pg_buf_fini(&c->followed_id);
	free(c);
}

PG_API struct paglets_call *
paglets_client_values(struct paglets_client *c)
{
	return &c->values;
}

PG_API void
paglets_client_on_slow(struct paglets_client *c,
    void (*on_slow)(void *arg, const char *url), void *arg)
{
	c->on_slow = on_slow;
	c->slow_arg = arg;
}

PG_API const char *
paglets_client_error_type(const struct paglets_client *c)
{
	return pg_code_wire(c->err.code);
}

PG_API const char *
paglets_client_error_code(const struct paglets_client *c)
{
	return c->err.code != PG_E_OK ? pg_code_token(c->err.code) : "";
}

PG_API const char *
paglets_client_error(const struct paglets_client *c)
{
	return c->err.msg;
}

PG_API struct paglets_failure
paglets_client_failure(const struct paglets_client *c)
{
	return c->failure;
}

PG_API const struct paglets_value *
paglets_client_answer(const struct paglets_client *c)
{
	return pg_value_outer(c->answer);
}
