/* many: see many.h.
 *
 * A few are asked at a time, so that a large mesh costs no more descriptors
 * than a small one; who answers makes room for the next.
 */
#include "many.h"

#include "../host/wire.h"
#include "admin.h"
#include "entry.h"
#include "place.h"

/* ---- who -------------------------------------------------------------- */

static int
many_room(struct pg_many *m, size_t n)
{
	m->rows = pg_arena_zalloc(&m->c->arena, (n + 1) * sizeof(*m->rows));
	m->n = 0;
	if (m->rows == NULL)
		return pg_fail(&m->c->err, PG_E_NOMEM, "no memory for hosts");
	return 0;
}

PG_FN int
pg_many_list(struct pg_many *m, const char *const *hosts)
{
	struct pg_many_row *row;
	size_t n = 0, i;

	while (hosts[n] != NULL)
		n++;
	if (many_room(m, n) < 0)
		return -1;
	for (i = 0; i < n; i++) {
		row = &m->rows[m->n++];
		row->name = pg_arena_str(&m->c->arena, pg_str(hosts[i]));
		if (pg_place_find(m->c, row->name, &row->url) < 0)
			row->err = m->c->err;
	}
	return 0;
}

/* One reference of the list. */
static void
many_add(struct pg_many *m, const struct pg_value *ref)
{
	struct pg_many_row *row = &m->rows[m->n++];
	const struct pg_value *online = pg_value_get(ref, "online");

	row->ref = ref;
	pg_session_trust(m->c, ref, m->c->entry);
	row->name = pg_value_text(pg_value_get(ref, "name"), PG_STR_NULL);
	if (pg_place_told(m->c, pg_value_get(ref, "url"), &row->url) < 0)
		row->err = m->c->err;
	else if (pg_value_is(online, PG_T_BOOL) && online->u.i == 0)
		pg_fail(&row->err, PG_E_UNREACHABLE, "offline: %.*s",
		    PG_STR_ARG(pg_value_text(pg_value_get(ref, "error"),
		    PG_STR("no reason given"))));
}

PG_FN int
pg_many_known(struct pg_many *m)
{
	const struct pg_value *reply = NULL, *hosts;
	uint32_t i;

	if (pg_entry_find(m->c) == 0)
		reply = pg_session_get(m->c, m->c->entry, PG_STR("/hosts"), 0);
	hosts = pg_value_get(reply, "hosts");
	if (reply == NULL || !pg_value_is(hosts, PG_T_LIST))
		return reply == NULL ? -1 : pg_fail(&m->c->err, PG_E_REMOTE,
		    "%.*s: the answer holds no hosts",
		    PG_STR_ARG(m->c->entry));
	if (many_room(m, hosts->n) < 0)
		return -1;
	for (i = 0; i < hosts->n; i++)
		many_add(m, hosts->u.items[i]);
	return 0;
}

/* ---- asking ----------------------------------------------------------- */

/* Take in those that are done, up to row `begun`; the number still open. */
static size_t
many_harvest(struct pg_many *m, size_t begun)
{
	struct pg_many_row *row;
	size_t open = 0, i;

	for (i = 0; i < begun; i++) {
		row = &m->rows[i];
		if (row->f == NULL || row->reply != NULL ||
		    row->err.code != PG_E_OK)
			continue;
		pg_session_tell(row->f);
		if (!row->f->done)
			open++;
		else if (row->f->err.code != PG_E_OK)
			row->err = row->f->err;
		else
			row->reply = row->f->reply;
	}
	return open;
}

PG_FN int
pg_many_ask(struct pg_many *m, struct pg_str path, int64_t timeout)
{
	struct pg_question q = { .method = "GET", .path = path,
		.timeout = timeout };
	size_t begun = 0, open = 0;

	for (;;) {
		for (; begun < m->n && open < PG_MANY_AT_ONCE; begun++) {
			if (m->rows[begun].err.code != PG_E_OK)
				continue;
			q.url = m->rows[begun].url;
			m->rows[begun].f = pg_session_start(m->c, &q);
			pg_session_keep(m->rows[begun].f);
			open++;
		}
		open = many_harvest(m, begun);
		if (open == 0 && begun == m->n)
			return 0;
		if (open > 0 && pg_session_turn(m->c, PG_NEVER) < 0)
			return -1;
		open = many_harvest(m, begun);
	}
}

/* ---- the public face -------------------------------------------------- */

static struct pg_value *
many_row_value(struct pg_arena *a, const struct pg_many_row *row,
    const char *key)
{
	const struct paglets_future *f = row->f;
	struct pg_value *d = pg_value_dict(a), *got = row->reply;

	pg_put_str(a, d, "name", row->name);
	pg_put_str(a, d, "url", row->url);
	pg_put_bool(a, d, "reachable", f != NULL && f->failure.answered);
	if (f != NULL && f->failure.answered)
		pg_put_float(a, d, "latency_ms", (double)f->took /
		    (double)PG_MS);
	if (got != NULL) {
		/* /health answers with a health, the others with {key: it}. */
		pg_put(a, d, key, strcmp(key, "health") == 0 ? got :
		    pg_value_get(got, key));
		return d;
	}
	pg_put_strz(a, d, "error_type", pg_code_wire(row->err.code));
	pg_put_str(a, d, "error", pg_arena_str(a, pg_str(row->err.msg)));
	return d;
}

static const struct paglets_value *
many_answers(struct paglets_client *c, const char *const *hosts,
    struct pg_str path, const char *key, int64_t timeout_ms, size_t *failed)
{
	struct pg_many m = { .c = c };
	struct pg_value *list;
	size_t i, n = 0;

	if ((hosts != NULL ? pg_many_list(&m, hosts) : pg_many_known(&m)) <
	    0 || pg_many_ask(&m, path, pg_session_ns(timeout_ms)) < 0)
		return NULL;
	list = pg_value_list(&c->arena);
	for (i = 0; i < m.n; i++) {
		n += m.rows[i].reply == NULL;
		pg_value_add(&c->arena, list, many_row_value(&c->arena,
		    &m.rows[i], key));
	}
	if (failed != NULL)
		*failed = n;
	return pg_value_outer(list);
}

PG_API const struct paglets_value *
paglets_client_health_many(struct paglets_client *c,
    const char *const *hosts, int64_t timeout_ms, size_t *failed)
{
	return many_answers(c, hosts, PG_STR("/health"), "health", timeout_ms,
	    failed);
}

PG_API const struct paglets_value *
paglets_client_agents_many(struct paglets_client *c,
    const char *const *hosts, const char *state, int64_t timeout_ms,
    size_t *failed)
{
	struct pg_buf b = PG_BUF_INIT(0);
	const struct paglets_value *v;

	pg_admin_agents(&b, state);
	v = many_answers(c, hosts, pg_buf_str(&b), "agents", timeout_ms,
	    failed);
	pg_buf_fini(&b);
	return v;
}

PG_API const struct paglets_value *
paglets_client_services_many(struct paglets_client *c,
    const char *const *hosts, const char *name, const char *capability,
    const char *scope, int64_t timeout_ms, size_t *failed)
{
	struct pg_buf b = PG_BUF_INIT(0);
	const struct paglets_value *v;

	pg_admin_services(&b, name, capability, scope);
	v = many_answers(c, hosts, pg_buf_str(&b), "services", timeout_ms,
	    failed);
	pg_buf_fini(&b);
	return v;
}
