/* depot: see depot.h. */
#include "depot.h"

#include "../host/wire.h"
#include "place.h"

/* ---- names ------------------------------------------------------------ */

static bool
depot_is_hex(struct pg_str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (memchr("0123456789abcdefABCDEF", s.p[i], 22) == NULL)
			return false;
	return s.n > 0;
}

static bool
depot_is_id(struct pg_str s)
{
	return s.n <= PG_DEPOT_ID_MAX && depot_is_hex(s);
}

/* Everything before and behind the last slash of what people write. */
static int
depot_split(struct pg_str text, struct pg_depot_place *out, struct pg_err *e)
{
	static const char tail[] = "/artifacts";
	size_t n = sizeof(tail) - 1;
	const char *slash = memrchr(text.p, '/', text.n);

	*out = (struct pg_depot_place){ PG_STR_NULL, text };
	if (slash != NULL) {
		out->url = (struct pg_str){ text.p, (size_t)(slash -
		    text.p) };
		out->id = pg_str_skip(text, out->url.n + 1);
		if (out->url.n > n && memcmp(slash - n, tail, n) == 0)
			out->url.n -= n;
	}
	if ((slash == NULL || out->url.n > 0) && depot_is_id(out->id))
		return 0;
	return pg_fail(e, PG_E_USAGE, "'%.*s' names no artifact; write ID, "
	    "HOST/ID or http://HOST:PORT/artifacts/ID, ID in full or cut "
	    "short, in hex digits", PG_STR_ARG(text));
}

PG_FN struct pg_str
pg_depot_path(struct pg_arena *a, struct pg_str id, const char *tail)
{
	return pg_arena_printf(a, "/artifacts/%.*s%s", PG_STR_ARG(id), tail);
}

PG_FN void
pg_depot_explain(struct pg_err *e)
{
	if (e->code == PG_E_TRANSFER &&
	    strstr(e->msg, "No artifact ") != NULL)
		e->code = PG_E_NO_ARTIFACT;
}

/* ---- references ------------------------------------------------------- */

PG_FN int
pg_depot_read(const struct pg_value *ref, struct pg_arena *a,
    struct pg_depot_ref *out, struct pg_err *e)
{
	const struct pg_value *size = pg_value_get(ref, "size_bytes");
	struct pg_str sha = pg_value_text(pg_value_get(ref, "sha256"),
	    PG_STR_NULL);
	char *lower;
	size_t i;

	out->id = pg_value_text(pg_value_get(ref, "artifact_id"),
	    PG_STR_NULL);
	out->name = pg_value_text(pg_value_get(ref, "name"), PG_STR_NULL);
	if (!depot_is_id(out->id) || !pg_value_is(size, PG_T_INT) ||
	    size->u.i < 0 || sha.n != PG_DEPOT_SHA_LEN || !depot_is_hex(sha))
		return pg_fail(e, PG_E_TRANSFER, "this is no reference to an "
		    "artifact with its id, size and sha256");
	out->size = (uint64_t)size->u.i;
	lower = pg_arena_alloc(a, sha.n);
	if (lower == NULL)
		return pg_fail(e, PG_E_NOMEM, "no memory for values");
	for (i = 0; i < sha.n; i++)
		lower[i] = (char)(sha.p[i] | (sha.p[i] > '9' ? 0x20 : 0));
	out->sha = (struct pg_str){ lower, sha.n };
	return 0;
}

PG_FN int
pg_depot_told(struct paglets_client *c, const struct pg_value *ref,
    struct pg_depot_place *out)
{
	out->id = pg_arena_str(&c->arena, pg_value_text(pg_value_get(ref,
	    "artifact_id"), PG_STR_NULL));
	if (!depot_is_id(out->id) || pg_place_told(c, pg_value_get(ref,
	    "host_url"), &out->url) < 0)
		return pg_fail(&c->err, PG_E_USAGE, "this is no reference to "
		    "an artifact, {host_url, artifact_id, ...}");
	return 0;
}

/* ---- finding ---------------------------------------------------------- */

/* The one in a list whose id begins so. */
static int
depot_pick(struct paglets_client *c, const struct pg_value *list,
    struct pg_depot_place *at)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str id, found = PG_STR_NULL, part = at->id;
	uint32_t i, n = 0;

	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++) {
		id = pg_value_text(pg_value_get(list->u.items[i],
		    "artifact_id"), PG_STR_NULL);
		if (id.n < part.n || !depot_is_id(id) ||
		    strncasecmp(id.p, part.p, part.n) != 0)
			continue;
		found = id;
		if (n++ < PG_DEPOT_NAMED_MAX)
			pg_buf_printf(&b, "%s%.*s", n > 1 ? ", " : "",
			    PG_STR_ARG(id));
	}
	if (n > PG_DEPOT_NAMED_MAX)
		pg_buf_printf(&b, " and %" PRIu32 " more", n -
		    PG_DEPOT_NAMED_MAX);
	if (n == 0)
		pg_fail(&c->err, PG_E_NO_ARTIFACT, "%.*s: no artifact '%.*s' "
		    "there; `paglets artifacts list` lists those it has",
		    PG_STR_ARG(at->url), PG_STR_ARG(part));
	else if (n > 1)
		pg_fail(&c->err, PG_E_USAGE, "'%.*s' may be any of %.*s",
		    PG_STR_ARG(part), PG_STR_ARG(pg_buf_str(&b)));
	pg_buf_fini(&b);
	at->id = pg_arena_str(&c->arena, found);
	return n == 1 ? 0 : -1;
}

static int
depot_complete(struct paglets_client *c, struct pg_depot_place *at)
{
	struct paglets_future *mark = c->kept;
	const struct pg_value *reply = pg_session_get(c, at->url,
	    PG_STR("/artifacts"), 0);
	int rc = -1;

	if (reply != NULL)
		rc = depot_pick(c, pg_value_get(reply, "artifacts"), at);
	pg_session_forget(c, mark);
	return rc;
}

PG_FN int
pg_depot_find(struct paglets_client *c, const char *host, const char *text,
    struct pg_depot_place *out)
{
	struct pg_depot_place at;
	struct pg_str where = pg_str(host);

	if (depot_split(pg_str(text), &at, &c->err) < 0)
		return -1;
	if (at.url.p != NULL && host != NULL)
		return pg_fail(&c->err, PG_E_USAGE, "'%s' names its host "
		    "already; give no other one", text);
	if (at.url.p != NULL)
		where = at.url;
	if (pg_place_find(c, where, &out->url) < 0)
		return -1;
	out->id = pg_arena_str(&c->arena, at.id);
	return out->id.n >= PG_DEPOT_ID_LEN ? 0 : depot_complete(c, out);
}

/* ---- the public face -------------------------------------------------- */

PG_API const struct paglets_value *
paglets_artifact_list(struct paglets_client *c, const char *host,
    const char *owner_agent_id)
{
	struct pg_question q = { .method = "GET",
		.path = PG_STR("/artifacts") };
	struct pg_arena *a = &c->arena;

	if (owner_agent_id != NULL)
		q.path = pg_arena_printf(a, "/artifacts?owner_agent_id=%.*s",
		    PG_STR_ARG(pg_percent_encode(a, pg_str(owner_agent_id))));
	if (pg_place_find(c, pg_str(host), &q.url) < 0)
		return NULL;
	return pg_value_outer(pg_session_ask(c, &q));
}

static const struct pg_value *
depot_ask(struct paglets_client *c, const char *host, const char *id,
    const char *method, const char *tail)
{
	struct pg_question q = { .method = method };
	struct pg_depot_place at;
	const struct pg_value *reply;

	if (pg_depot_find(c, host, id, &at) < 0)
		return NULL;
	q.url = at.url;
	q.path = pg_depot_path(&c->arena, at.id, tail);
	reply = pg_session_ask(c, &q);
	if (reply == NULL)
		pg_depot_explain(&c->err);
	return reply;
}

PG_API const struct paglets_value *
paglets_artifact_info(struct paglets_client *c, const char *host,
    const char *id)
{
	return pg_value_outer(depot_ask(c, host, id, "GET", "/metadata"));
}

PG_API int
paglets_artifact_remove(struct paglets_client *c, const char *host,
    const char *id)
{
	return depot_ask(c, host, id, "DELETE", "") != NULL ? 0 : -1;
}

PG_API int
paglets_artifact_remove_ref(struct paglets_client *c,
    const struct paglets_value *ref)
{
	struct pg_question q = { .method = "DELETE" };
	struct pg_depot_place at;

	if (pg_depot_told(c, pg_value_inner(ref), &at) < 0)
		return -1;
	q.url = at.url;
	q.path = pg_depot_path(&c->arena, at.id, "");
	return pg_session_ask(c, &q) != NULL ? 0 : -1;
}
