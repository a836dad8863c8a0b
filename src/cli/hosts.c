/* hosts: commands about what hosts tell: health, events, services, classes.
 */
#include "hosts.h"

#include "../agent/runtime.h"
#include "../host/event.h"
#include "../host/wire.h"
#include "ask.h"
#include "show.h"

#include <time.h>

/* Before `events -f` asks again. */
#define HOSTS_FOLLOW_TIME PG_SEC

/* ---- health ----------------------------------------------------------- */

static int
hosts_show_health(struct pg_ask *r, struct pg_value *health,
    struct pg_err *e)
{
	return pg_table_of(&r->cli->arena, health, e);
}

/* One host among all. */
static void
hosts_health_row(struct pg_table *t, const struct pg_value *row)
{
	const struct pg_value *h = pg_value_get(row, "health");
	double ms;

	pg_table_put_value(t, pg_value_get(row, "name"));
	pg_table_put_value(t, pg_value_get(row, "url"));
	pg_table_put(t, pg_str(h != NULL ? "ok" : pg_value_get(row,
	    "latency_ms") != NULL ? "refused" : "unreachable"));
	pg_table_put(t, pg_value_number(pg_value_get(row, "latency_ms"), &ms) ?
	    pg_arena_printf(t->arena, "%.1f ms", ms) : PG_STR_NULL);
	pg_table_put_value(t, pg_value_get(h, "active_count"));
	pg_table_put_value(t, pg_value_get(h, "inactive_count"));
	pg_table_put_value(t, pg_value_get(h, "code_version"));
	pg_table_put_value(t, pg_value_get(h, "tags"));
	pg_table_put_value(t, pg_value_get(row, "error"));
}

static int
hosts_show_healths(struct pg_ask *r, struct pg_value *rows, struct pg_err *e)
{
	static const char *const heads[] = { "NAME", "URL", "STATUS",
		"LATENCY", "ACTIVE", "INACTIVE", "VERSION", "TAGS", "ERROR",
		NULL };
	struct pg_table t;
	uint32_t i;

	pg_table_init(&t, &r->cli->arena, heads);
	for (i = 0; i < rows->n; i++)
		hosts_health_row(&t, rows->u.items[i]);
	return pg_table_show(&t, e);
}

static int
hosts_health(struct pg_ask *r, struct pg_err *e)
{
	int all = pg_ask_all_hosts(r, e);
	size_t failed;

	if (all < 0)
		return -1;
	if (all)
		return pg_ask_show_many(r, paglets_client_health_many(
		    r->client, NULL, 0, &failed), &failed,
		    hosts_show_healths, e);
	return pg_ask_show(r, paglets_client_health(r->client,
	    pg_ask_word(r, 0)), hosts_show_health, e);
}

PG_FN int
pg_health_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = { PG_ASK_ALL_HOSTS,
		{ .name = NULL } };
	static const struct pg_spec spec = { "[HOST | --all-hosts]", 0, 1,
		options, "Tells how a host is and what it can do, or how all "
		"are and how fast they answer." };

	return pg_ask_run(c, &spec, hosts_health, e);
}

/* ---- events ----------------------------------------------------------- */

/* Progress through the events of one host. */
struct hosts_events {
	struct pg_ask *r;
	const char *at; /* NULL: the entry host */
	int64_t since, limit;
	bool tail; /* show the last `limit` of what there is, not the first */
	struct pg_table table;
	struct pg_arena arena; /* of what is shown */
	struct pg_err *e;      /* of a stream */
};

/* A host without all that it can do. */
static struct pg_value *
hosts_brief(struct pg_arena *a, const struct pg_value *host)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put(a, d, "name", pg_value_get(host, "name"));
	pg_put(a, d, "address", pg_value_get(host, "address"));
	return d;
}

/* What is worth a cell of what an event tells; --json has it all. */
static void
hosts_put_detail(struct pg_table *t, const struct pg_value *data)
{
	struct pg_value *d = pg_value_dict(t->arena), *v;
	uint32_t i;

	for (i = 0; pg_value_is(data, PG_T_DICT) && i < data->n; i++) {
		v = data->u.pairs[i].val;
		if (pg_str_eqz(data->u.pairs[i].key, "target") &&
		    pg_value_is(v, PG_T_DICT))
			v = hosts_brief(t->arena, v);
		pg_value_put(t->arena, d, data->u.pairs[i].key, v);
	}
	pg_table_put_value(t, d->n > 0 ? d : NULL);
}

/* An error says more than the data beside it. */
static void
hosts_event_row(struct pg_table *t, const struct pg_value *ev)
{
	const struct pg_value *error = pg_value_get(ev, "error");

	pg_table_put_value(t, pg_value_get(ev, "event_id"));
	pg_table_put_time(t, pg_value_get(ev, "timestamp"));
	pg_table_put_value(t, pg_value_get(ev, "kind"));
	pg_table_put_value(t, pg_value_get(ev, "agent_id"));
	if (pg_value_is(error, PG_T_STR))
		pg_table_put_value(t, error);
	else
		hosts_put_detail(t, pg_value_get(ev, "data"));
}

/* Show a list of events and move on past it. lines: as JSON, one a line. */
static int
hosts_show_events(struct pg_ask *r, struct hosts_events *s,
    const struct pg_value *list, bool lines, struct pg_err *e)
{
	const struct pg_value *ev, *id;
	uint32_t i = 0;

	if (!pg_value_is(list, PG_T_LIST))
		return pg_fail(e, PG_E_REMOTE, "the answer holds no events");
	if (s->tail && list->n > s->limit)
		i = list->n - (uint32_t)s->limit;
	for (; i < list->n; i++) {
		ev = list->u.items[i];
		id = pg_value_get(ev, "event_id");
		if (pg_value_is(id, PG_T_INT))
			s->since = PG_MAX(s->since, id->u.i);
		if (!r->cli->json)
			hosts_event_row(&s->table, ev);
		else if (lines && pg_show_json(ev, e) < 0)
			return -1;
	}
	return r->cli->json ? 0 : pg_table_show(&s->table, e);
}

/* The wire's limit keeps the oldest: for the last ones we take them all. */
static const struct pg_value *
hosts_get_events(struct hosts_events *s, struct pg_err *e)
{
	const struct paglets_value *v = paglets_client_events(s->r->client,
	    s->at, s->since, s->tail ? PG_EVENTS_MAX : s->limit);

	if (v == NULL)
		pg_ask_failed(s->r, e);
	return pg_value_inner(v);
}

/* What was shown is past. */
static void
hosts_go_on(struct hosts_events *s)
{
	pg_table_go_on(&s->table);
	pg_arena_reset(&s->arena);
}

/* Until interrupted, or until the host does not answer. */
static void
hosts_pause(void)
{
	static const struct timespec pause = { HOSTS_FOLLOW_TIME / PG_SEC,
		HOSTS_FOLLOW_TIME % PG_SEC };

	nanosleep(&pause, NULL);
}

/* Show what is new, and forget it. */
static int
hosts_look(struct pg_ask *r, struct hosts_events *s, struct pg_err *e)
{
	const struct pg_value *reply = hosts_get_events(s, e);

	if (reply == NULL || hosts_show_events(r, s, pg_value_get(reply,
	    "events"), true, e) < 0)
		return -1;
	s->tail = false;
	hosts_go_on(s);
	paglets_client_forget(r->client);
	return 0;
}

/* Events that the host has forgotten before they could be sent. */
static void
hosts_gap_row(struct pg_table *t, const struct pg_value *gap)
{
	const struct pg_value *missed = pg_value_get(gap, "missed");

	pg_table_put(t, PG_STR_NULL);
	pg_table_put(t, PG_STR_NULL);
	pg_table_put(t, PG_STR("gap"));
	pg_table_put(t, PG_STR_NULL);
	pg_table_put(t, pg_arena_printf(t->arena, "%" PRId64 " events missed",
	    pg_value_is(missed, PG_T_INT) ? missed->u.i : 0));
}

static int
hosts_on_event(void *arg, int64_t event_id, const struct paglets_value *v)
{
	struct hosts_events *s = arg;
	const struct pg_value *ev = pg_value_inner(v);
	int rc;

	if (event_id > 0)
		s->since = event_id;
	if (s->r->cli->json) {
		rc = pg_show_json(ev, s->e);
	} else {
		if (pg_value_get(ev, "missed") != NULL)
			hosts_gap_row(&s->table, ev);
		else
			hosts_event_row(&s->table, ev);
		rc = pg_table_show(&s->table, s->e);
	}
	hosts_go_on(s);
	return rc;
}

/* Whether that host has never heard of streams, or none leads to it: an answer
 * through a hub has an end. */
static bool
hosts_no_route(const struct pg_err *e)
{
	return pg_str_starts(pg_str(e->msg), PG_STR("No route")) ||
	    pg_str_starts(pg_str(e->msg), PG_STR("No relay route"));
}

static int
hosts_follow(struct pg_ask *r, struct hosts_events *s, struct pg_err *e)
{
	int rc;

	s->e = e;
	if (hosts_look(r, s, e) < 0)
		return -1;
	while ((rc = paglets_client_follow(r->client, s->at, s->since,
	    hosts_on_event, s)) == 0)
		hosts_pause();
	/* 1: it could not be shown, e says why. */
	if (rc < 0)
		pg_ask_failed(r, e);
	if (!hosts_no_route(e))
		return -1;
	do
		hosts_pause();
	while (hosts_look(r, s, e) == 0);
	return -1;
}

/* The one document of --json: as the host said it, cut to the last ones. */
static int
hosts_events_document(const struct hosts_events *s,
    const struct pg_value *reply, struct pg_err *e)
{
	struct pg_value *list = pg_value_get(reply, "events");

	if (s->tail && pg_value_is(list, PG_T_LIST) && list->n > s->limit) {
		list->u.items += list->n - (uint32_t)s->limit;
		list->n = (uint32_t)s->limit;
	}
	return pg_show_json(reply, e);
}

/* Once, or until interrupted. */
static int
hosts_events_run(struct pg_ask *r, struct hosts_events *s, struct pg_err *e)
{
	const struct pg_value *reply;

	if (pg_args_has(&r->cli->args, "follow"))
		return hosts_follow(r, s, e);
	reply = hosts_get_events(s, e);
	if (reply == NULL)
		return -1;
	if (r->cli->json)
		return hosts_events_document(s, reply, e);
	return hosts_show_events(r, s, pg_value_get(reply, "events"), false,
	    e);
}

static int
hosts_events(struct pg_ask *r, struct pg_err *e)
{
	static const char *const heads[] = { "ID", "TIME", "KIND", "AGENT",
		"DETAIL", NULL };
	const struct pg_args *args = &r->cli->args;
	struct hosts_events s = { .r = r, .at = pg_ask_word(r, 0),
		.limit = 100 };
	int rc;

	s.tail = !pg_args_has(args, "since");
	if (pg_args_int(args, "since", 0, INT64_MAX, &s.since, e) < 0 ||
	    pg_args_int(args, "limit", 0, PG_EVENTS_MAX, &s.limit, e) < 0)
		return -1;
	pg_table_init(&s.table, &s.arena, heads);
	rc = hosts_events_run(r, &s, e);
	pg_arena_fini(&s.arena);
	return rc;
}

PG_FN int
pg_events_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "follow", 'f', NULL, NULL, "go on with new ones, until "
		    "interrupted; with --json one a line" },
		{ "since", 0, "ID", NULL, "the first ones after this event, "
		    "not the last ones" },
		{ "limit", 0, "N", NULL, "so many at most (100)" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "[HOST]", 0, 1, options,
		"Shows the last things that happened on a host; with --json "
		"all that it tells." };

	return pg_ask_run(c, &spec, hosts_events, e);
}

/* ---- services --------------------------------------------------------- */

static void
hosts_service_rows(struct pg_table *t, const struct pg_value *list)
{
	const struct pg_value *s;
	uint32_t i;

	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++) {
		s = list->u.items[i];
		pg_table_put_value(t, pg_value_get(s, "name"));
		pg_table_put_value(t, pg_value_get(s, "host_name"));
		pg_table_put_value(t, pg_value_get(pg_value_get(s, "proxy"),
		    "agent_id"));
		pg_table_put_value(t, pg_value_get(s, "scope"));
		pg_table_put_time(t, pg_value_get(s, "expires_at"));
		pg_table_put_value(t, pg_value_get(s, "capabilities"));
	}
}

static const char *const hosts_service_heads[] = { "NAME", "HOST", "AGENT",
	"SCOPE", "EXPIRES", "CAPABILITIES", NULL };

static int
hosts_show_services(struct pg_ask *r, struct pg_value *reply,
    struct pg_err *e)
{
	struct pg_table t;

	pg_table_init(&t, &r->cli->arena, hosts_service_heads);
	hosts_service_rows(&t, pg_value_get(reply, "services"));
	return pg_table_show(&t, e);
}

static int
hosts_show_all_services(struct pg_ask *r, struct pg_value *rows,
    struct pg_err *e)
{
	struct pg_table t;
	uint32_t i;

	pg_table_init(&t, &r->cli->arena, hosts_service_heads);
	for (i = 0; i < rows->n; i++)
		hosts_service_rows(&t, pg_value_get(rows->u.items[i],
		    "services"));
	return pg_table_show(&t, e);
}

static int
hosts_services(struct pg_ask *r, struct pg_err *e)
{
	const char *name = pg_ask_option(r, "name");
	const char *capability = pg_ask_option(r, "capability");
	const char *scope = pg_ask_option(r, "scope");
	int all = pg_ask_all_hosts(r, e);
	size_t failed;

	if (all < 0)
		return -1;
	if (all)
		return pg_ask_show_many(r, paglets_client_services_many(
		    r->client, NULL, name, capability, scope, 0, &failed),
		    &failed, hosts_show_all_services, e);
	return pg_ask_show(r, paglets_client_services(r->client,
	    pg_ask_word(r, 0), name, capability, scope), hosts_show_services,
	    e);
}

PG_FN int
pg_services_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		PG_ASK_ALL_HOSTS,
		{ "name", 0, "TEXT", NULL, "only services of this name" },
		{ "capability", 0, "TEXT", NULL, "only those that have it" },
		{ "scope", 0, "SCOPE", NULL, "mesh: only those offered to the "
		    "whole mesh" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "[HOST | --all-hosts]", 0, 1,
		options, "Lists the services that agents on a host, or on all, "
		"offer." };

	return pg_ask_run(c, &spec, hosts_services, e);
}

/* ---- classes ---------------------------------------------------------- */

static int
hosts_show_classes(struct pg_ask *r, struct pg_value *reply, struct pg_err *e)
{
	static const char *const heads[] = { "CLASS", "STATE", "RUN",
		"MESSAGES", NULL };
	struct pg_value *list = pg_value_get(reply, "classes"), *class, *run;
	struct pg_table t;
	uint32_t i;

	pg_table_init(&t, &r->cli->arena, heads);
	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++) {
		class = list->u.items[i];
		run = pg_value_get(class, "run");
		pg_table_put_value(&t, pg_value_get(class, "name"));
		pg_table_put_value(&t,
		    pg_value_get(class, "state_class_name"));
		pg_table_put(&t, pg_str(pg_value_is(run, PG_T_BOOL) &&
		    run->u.i != 0 ? "yes" : "no"));
		pg_table_put_value(&t, pg_value_get(class, "kinds"));
	}
	return pg_table_show(&t, e);
}

/* The classes of this very program, in the form of GET /classes. */
static int
hosts_classes(struct pg_ask *r, struct pg_err *e)
{
	const struct paglets_value *v;

	if (pg_args_has(&r->cli->args, "local"))
		v = pg_value_outer(pg_runtime_list(&r->cli->arena));
	else
		v = paglets_client_classes(r->client, pg_ask_word(r, 0));
	return pg_ask_show(r, v, hosts_show_classes, e);
}

PG_FN int
pg_classes_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "local", 0, NULL, NULL, "those of this program, no host is "
		    "asked" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "[HOST]", 0, 1, options,
		"Lists the classes of which a host can create agents." };

	return pg_ask_run(c, &spec, hosts_classes, e);
}

/* ---- relay ------------------------------------------------------------ */

static void
hosts_node_row(struct pg_table *t, const struct pg_value *node)
{
	const struct pg_value *online = pg_value_get(node, "online");
	double age;

	pg_table_put_value(t, pg_value_get(node, "name"));
	pg_table_put(t, pg_str(pg_value_is(online, PG_T_BOOL) &&
	    online->u.i != 0 ? "online" : "offline"));
	pg_table_put(t, pg_value_number(pg_value_get(node, "last_seen_age"),
	    &age) ? pg_arena_printf(t->arena, "%.0fs", age) : PG_STR_NULL);
	pg_table_put_value(t, pg_value_get(node, "active_polls"));
	pg_table_put_value(t, pg_value_get(node, "queue_depth"));
	pg_table_put_value(t, pg_value_get(node, "in_flight"));
	pg_table_put_value(t, pg_value_get(node, "last_error"));
}

static int
hosts_show_nodes(struct pg_ask *r, struct pg_value *reply, struct pg_err *e)
{
	static const char *const heads[] = { "NODE", "STATUS", "AGE",
		"POLLS", "QUEUE", "IN FLIGHT", "ERROR", NULL };
	struct pg_value *list = pg_value_get(reply, "nodes");
	struct pg_table t;
	uint32_t i;

	pg_table_init(&t, &r->cli->arena, heads);
	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++)
		hosts_node_row(&t, list->u.items[i]);
	return pg_table_show(&t, e);
}

static int
hosts_relay(struct pg_ask *r, struct pg_err *e)
{
	return pg_ask_show(r, paglets_client_relay(r->client,
	    pg_ask_word(r, 0)), hosts_show_nodes, e);
}

PG_FN int
pg_relay_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "[HUB]", 0, 1, NULL, "Lists the "
		"hosts that are reached through a hub: when each was last\n"
		"heard of, the polls that it keeps open there, the requests "
		"that wait for it,\nand those that it has and has not "
		"answered." };

	return pg_ask_run(c, &spec, hosts_relay, e);
}

#undef HOSTS_FOLLOW_TIME
