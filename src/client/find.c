/* find: see find.h. */
#include "find.h"

#include "../host/wire.h"
#include "entry.h"
#include "many.h"
#include "place.h"

/* ---- agents ----------------------------------------------------------- */

/* What fits among the agents of some hosts. */
struct find {
	struct pg_str id;
	struct pg_found found[PG_FIND_NAMED_MAX];
	size_t n;   /* that fit; the first ones are in found */
	bool exact; /* they have this very id */
};

static void
find_put(struct find *f, struct pg_str url, struct pg_str id)
{
	bool exact = id.n == f->id.n;

	if (!pg_str_starts(id, f->id) || (f->exact && !exact) ||
	    pg_wire_check_id(id, NULL) < 0)
		return;
	if (exact && !f->exact)
		f->n = 0;
	f->exact = exact;
	if (f->n < PG_COUNT(f->found))
		f->found[f->n] = (struct pg_found){ url, id };
	f->n++;
}

/* Look through an answer: all agents of a host, or one. */
static void
find_scan(struct find *f, struct pg_str url, const struct pg_value *reply)
{
	const struct pg_value *list = pg_value_get(reply, "agents");
	uint32_t i;

	find_put(f, url, pg_value_text(pg_value_get(reply, "agent_id"),
	    PG_STR_NULL));
	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++)
		find_put(f, url, pg_value_text(pg_value_get(list->u.items[i],
		    "agent_id"), PG_STR_NULL));
}

static int
find_several(struct paglets_client *c, const struct find *f)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i;

	for (i = 0; i < f->n && i < PG_COUNT(f->found); i++)
		pg_buf_printf(&b, "%s%.*s/agents/%.*s", i > 0 ? ", " : "",
		    PG_STR_ARG(f->found[i].url), PG_STR_ARG(f->found[i].id));
	if (f->n > PG_COUNT(f->found))
		pg_buf_putz(&b, ", ...");
	pg_fail(&c->err, PG_E_USAGE, "%zu agents begin with '%.*s': %.*s; "
	    "give more of the id, or one of these", f->n, PG_STR_ARG(f->id),
	    PG_STR_ARG(pg_buf_str(&b)));
	pg_buf_fini(&b);
	return -1;
}

/* 1: found; 0: nothing fits; -1: several do. */
static int
find_decide(struct paglets_client *c, const struct find *f,
    struct pg_found *out)
{
	if (f->n == 0)
		return 0;
	if (f->n > 1)
		return find_several(c, f);
	out->url = pg_arena_str(&c->arena, f->found[0].url);
	out->id = pg_arena_str(&c->arena, f->found[0].id);
	return 1;
}

/* What one host has. -1: it does not say. */
static int
find_at(struct paglets_client *c, struct pg_str url, struct find *f)
{
	const struct pg_value *reply = pg_session_get(c, url,
	    PG_STR("/agents?state=all"), 0);

	if (reply == NULL)
		return -1;
	find_scan(f, url, reply);
	return 0;
}

/* Nobody has it; name those who did not answer. */
static int
find_none(struct paglets_client *c, const struct pg_many *m,
    struct pg_str id)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i, n = 0;

	for (i = 0; i < m->n; i++) {
		if (m->rows[i].reply != NULL ||
		    pg_str_eq(m->rows[i].url, c->entry))
			continue;
		if (n++ < PG_FIND_NAMED_MAX)
			pg_buf_printf(&b, "%s%.*s", n > 1 ? ", " : "",
			    PG_STR_ARG(m->rows[i].name));
	}
	if (n > PG_FIND_NAMED_MAX)
		pg_buf_printf(&b, " and %zu more", n - PG_FIND_NAMED_MAX);
	if (n > 0)
		pg_fail(&c->err, PG_E_INVALID_AGENT, "%.*s: no agent '%.*s' "
		    "there, nor on hosts it knows, of which these did not "
		    "answer: %.*s", PG_STR_ARG(c->entry), PG_STR_ARG(id),
		    PG_STR_ARG(pg_buf_str(&b)));
	else
		pg_fail(&c->err, PG_E_INVALID_AGENT, "%.*s: no agent '%.*s' "
		    "there%s; `paglets agents -a --all-hosts` lists them all",
		    PG_STR_ARG(c->entry), PG_STR_ARG(id), m->n > 1 ?
		    ", nor on any host it knows" : "");
	pg_buf_fini(&b);
	return -1;
}

/* Ask all hosts that the entry host knows, but not itself. */
static int
find_ask(struct paglets_client *c, struct pg_many *m, struct pg_str path)
{
	size_t i;

	if (pg_many_known(m) < 0)
		return -1;
	for (i = 0; i < m->n; i++)
		if (pg_str_eq(m->rows[i].url, c->entry))
			pg_fail(&m->rows[i].err, PG_E_INVALID_AGENT, "no");
	return pg_many_ask(m, path, PG_MIN(c->timeout, PG_FIND_TIME));
}

/* The entry host has it cut short, or not at all. Others may have this very
 * id: then that is meant, whatever else begins so. */
static int
find_elsewhere(struct paglets_client *c, const struct find *here,
    struct pg_found *out)
{
	struct pg_many m = { .c = c };
	struct find there = { .id = here->id };
	size_t i;
	int rc;

	if (find_ask(c, &m, here->n == 0 ? PG_STR("/agents?state=all") :
	    pg_arena_printf(&c->arena, "/agents/%.*s",
	    PG_STR_ARG(here->id))) < 0)
		return -1;
	for (i = 0; i < m.n; i++)
		find_scan(&there, m.rows[i].url, m.rows[i].reply);
	if (here->n > 0 && !there.exact)
		return find_decide(c, here, out);
	rc = find_decide(c, &there, out);
	return rc == 0 ? find_none(c, &m, here->id) : rc;
}

static int
find_anywhere(struct paglets_client *c, struct pg_str id,
    struct pg_found *out)
{
	struct find here = { .id = id };

	if (pg_entry_find(c) < 0 || find_at(c, c->entry, &here) < 0)
		return -1;
	if (here.exact)
		return find_decide(c, &here, out);
	return find_elsewhere(c, &here, out);
}

static int
find_there(struct paglets_client *c, struct pg_str url, struct pg_str id,
    struct pg_found *out)
{
	struct find f = { .id = id };
	int rc;

	if (find_at(c, url, &f) < 0)
		return -1;
	rc = find_decide(c, &f, out);
	return rc != 0 ? rc : pg_fail(&c->err, PG_E_INVALID_AGENT, "%.*s: no "
	    "agent '%.*s' there; `paglets agents -a HOST` lists those it "
	    "has", PG_STR_ARG(url), PG_STR_ARG(id));
}

PG_FN int
pg_find(struct paglets_client *c, struct pg_str url, struct pg_str id,
    struct pg_found *out)
{
	struct paglets_future *mark = c->kept;
	int rc = url.n == 0 ? find_anywhere(c, id, out) :
	    find_there(c, url, id, out);

	/* What was found has been copied. */
	pg_session_forget(c, mark);
	return rc < 0 ? -1 : 0;
}

/* ---- hosts ------------------------------------------------------------ */

static bool
find_has_tag(const struct pg_value *health, const char *tag)
{
	const struct pg_value *tags = pg_value_get(health, "tags");
	uint32_t i;

	for (i = 0; pg_value_is(tags, PG_T_LIST) && i < tags->n; i++)
		if (pg_str_ieq(pg_str_trim(pg_str(tag)), pg_value_text(
		    tags->u.items[i], PG_STR_NULL)))
			return true;
	return false;
}

/* The row with the fewest active agents. The list that named the hosts may be
 * old: what they say themselves counts. */
static const struct pg_many_row *
find_idlest(const struct pg_many *m, const char *tag)
{
	const struct pg_many_row *best = NULL;
	const struct pg_value *active;
	int64_t least = 0;
	size_t i;

	for (i = 0; i < m->n; i++) {
		active = pg_value_get(m->rows[i].reply, "active_count");
		if (!find_has_tag(m->rows[i].reply, tag) ||
		    !pg_value_is(active, PG_T_INT))
			continue;
		if (best == NULL || active->u.i < least) {
			best = &m->rows[i];
			least = active->u.i;
		}
	}
	return best;
}

PG_API const char *
paglets_client_pick(struct paglets_client *c, const char *tag)
{
	struct paglets_future *mark = c->kept;
	const struct pg_many_row *best = NULL;
	struct pg_many m = { .c = c };
	const char *url = NULL;
	size_t i;

	if (pg_many_known(&m) < 0)
		return NULL;
	for (i = 0; i < m.n; i++)
		if (m.rows[i].err.code == PG_E_OK &&
		    !find_has_tag(m.rows[i].ref, tag))
			pg_fail(&m.rows[i].err, PG_E_NOT_FOUND, "no such tag");
	if (pg_many_ask(&m, PG_STR("/health"), PG_MIN(c->timeout,
	    PG_FIND_TIME)) == 0) {
		best = find_idlest(&m, tag);
		if (best != NULL)
			url = pg_session_text(c, best->url);
		else
			pg_fail(&c->err, PG_E_NOT_FOUND, "%.*s: knows no host "
			    "that answers and has the tag '%s'; see `paglets "
			    "hosts`", PG_STR_ARG(c->entry), tag);
	}
	pg_session_forget(c, mark);
	return url;
}
