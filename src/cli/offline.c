/* offline: see offline.h.
 *
 * What the log says as it stands. A host that runs writes on meanwhile, and
 * may replace files under our hands: then we read again from the start.
 */
#include "offline.h"

#include "../codec/json.h"
#include "../codec/pickle.h"
#include "../host/durable.h"
#include "../host/wire.h"
#include "../state/store.h"
#include "show.h"

/* Compactions are minutes apart; more often than this it is something else. */
#define OFFLINE_TRIES 3
#define OFFLINE_AGENT "agent/"

/* One reading of the folder. Owner: pg_offline_state. */
struct offline {
	const char *dir;
	struct pg_str id; /* wanted, or what it begins with; empty: all */
	struct pg_store *store;
	struct pg_arena arena; /* of all that is found */
	struct pg_value *agents; /* records of all, without states */
	struct pg_value *found; /* the one that is wanted, with its state */
	struct pg_str found_id;
	bool exact; /* that is the very id */
	size_t count; /* of those that begin so */
};

/* What people are told of a record: not the state, which is packed, nor what
 * only its host can use. */
static struct pg_value *
offline_summary(struct pg_arena *a, struct pg_str id,
    const struct pg_value *record)
{
	static const char *const keep[] = { "class_name", "state_class_name",
		"status", "restart", "policy", "deactivated_at", "request",
		"exitcode", "error" };
	struct pg_value *d = pg_value_dict(a), *v;
	size_t i;

	pg_put_str(a, d, "agent_id", pg_arena_str(a, id));
	for (i = 0; i < PG_COUNT(keep); i++) {
		v = pg_value_get(record, keep[i]);
		if (v != NULL && pg_value_copy(a, v, &v) == 0)
			pg_put(a, d, keep[i], v);
	}
	return d;
}

/* The id of a key that is wanted; empty: it is not. */
static struct pg_str
offline_wanted(const struct offline *o, struct pg_str key)
{
	struct pg_str id = pg_str_skip(key, sizeof(OFFLINE_AGENT) - 1);

	return pg_str_starts(key, PG_STR(OFFLINE_AGENT)) &&
	    pg_str_starts(id, o->id) ? id : PG_STR_NULL;
}

/* One whose id begins as is wanted. An id that is equal wins over any that is
 * longer; of those only the first is kept, the others count. */
static int
offline_take(struct offline *o, struct pg_str id,
    const struct pg_value *record, struct pg_err *e)
{
	if (o->exact || (o->count++ > 0 && id.n > o->id.n))
		return 0;
	o->exact = id.n == o->id.n;
	o->found_id = pg_arena_str(&o->arena, id);
	if (pg_value_copy(&o->arena, record, &o->found) < 0)
		return pg_fail(e, PG_E_LIMIT, "%.*s: its record is too large",
		    PG_STR_ARG(id));
	return 0;
}

static int
offline_on_record(void *arg, struct pg_str key, struct pg_str json,
    struct pg_err *e)
{
	struct offline *o = arg;
	struct pg_str id = offline_wanted(o, key);
	struct pg_arena a;
	struct pg_value *record;
	int rc;

	if (id.n == 0)
		return 0;
	pg_arena_init(&a, 8 * PG_STORE_RECORD_MAX);
	rc = pg_json_read(json, &a, &record, e);
	if (rc < 0)
		pg_wrap(e, "%.*s", PG_STR_ARG(key));
	else if (o->id.n > 0)
		rc = offline_take(o, id, record, e);
	else
		pg_value_add(&o->arena, o->agents,
		    offline_summary(&o->arena, id, record));
	pg_arena_fini(&a);
	return rc;
}

static int
offline_read(struct offline *o, struct pg_err *e)
{
	pg_store_close(o->store);
	pg_arena_reset(&o->arena);
	o->agents = pg_value_list(&o->arena);
	o->exact = false;
	o->count = 0;
	o->store = pg_store_open_readonly(o->dir, e);
	if (o->store == NULL)
		return -1;
	return pg_store_each(o->store, offline_on_record, o, e);
}

/* ---- what is shown ---------------------------------------------------- */

static int
offline_show_list(struct pg_cli *c, struct offline *o, struct pg_err *e)
{
	static const char *const heads[] = { "ID", "CLASS", "STATUS", "SINCE",
		"ERROR", NULL };
	struct pg_value *d = pg_value_dict(&o->arena), *agent;
	struct pg_table t;
	uint32_t i;

	if (c->json) {
		pg_put(&o->arena, d, "agents", o->agents);
		return pg_show_json(d, e);
	}
	pg_table_init(&t, &o->arena, heads);
	for (i = 0; i < o->agents->n; i++) {
		agent = o->agents->u.items[i];
		pg_table_put_value(&t, pg_value_get(agent, "agent_id"));
		pg_table_put_value(&t, pg_value_get(agent, "class_name"));
		pg_table_put_value(&t, pg_value_get(agent, "status"));
		pg_table_put_time(&t, pg_value_get(agent, "deactivated_at"));
		pg_table_put_value(&t, pg_value_get(agent, "error"));
	}
	return pg_table_show(&t, e);
}

static int
offline_show_one(struct pg_cli *c, struct offline *o, struct pg_err *e)
{
	struct pg_value *state, *d;
	struct pg_bulk *bulk;
	int rc;

	if (pg_durable_state(o->store, o->found, &bulk, e) < 0)
		return pg_wrap(e, "%.*s", PG_STR_ARG(o->found_id));
	rc = pg_pickle_read_value((struct pg_str){ bulk->p, bulk->n },
	    &o->arena, 0, &state, e);
	if (rc < 0) {
		pg_wrap(e, "%.*s", PG_STR_ARG(o->found_id));
	} else if (c->json) {
		d = offline_summary(&o->arena, o->found_id, o->found);
		pg_put(&o->arena, d, "state", state);
		rc = pg_show_json(d, e);
	} else {
		rc = pg_show_value(state, e);
	}
	pg_bulk_unref(bulk);
	return rc;
}

static int
offline_show(struct pg_cli *c, struct offline *o, struct pg_err *e)
{
	if (o->id.n == 0)
		return offline_show_list(c, o, e);
	if (o->count == 0)
		return pg_fail(e, PG_E_INVALID_AGENT, "%s: no agent '%.*s' "
		    "there; without AGENT all are listed", o->dir,
		    PG_STR_ARG(o->id));
	if (o->count > 1 && !o->exact)
		return pg_fail(e, PG_E_USAGE, "%s: %zu agents begin with "
		    "'%.*s', as %.*s; give more of the id", o->dir, o->count,
		    PG_STR_ARG(o->id), PG_STR_ARG(o->found_id));
	return offline_show_one(c, o, e);
}

PG_FN int
pg_offline_state(struct pg_cli *c, struct pg_str dir, struct pg_str id,
    struct pg_err *e)
{
	struct offline o = { .dir = dir.p, .id = id };
	int rc = -1, tries;

	if (id.n > 0 && pg_wire_check_id(id, e) < 0) {
		e->code = PG_E_USAGE;
		return -1;
	}
	pg_arena_init(&o.arena, PG_OFFLINE_VALUES_MAX);
	for (tries = 0; tries < OFFLINE_TRIES && rc < 0; tries++) {
		*e = (struct pg_err){ 0 };
		rc = offline_read(&o, e);
		if (rc < 0 && e->sys != ENOENT)
			break;
	}
	if (rc < 0 && e->sys == ENOENT)
		pg_fail(e, PG_E_NOT_FOUND, "%s; is it the --state-dir of a "
		    "host?", e->msg);
	if (rc == 0)
		rc = offline_show(c, &o, e);
	pg_store_close(o.store);
	pg_arena_fini(&o.arena);
	return rc;
}

#undef OFFLINE_TRIES
#undef OFFLINE_AGENT
