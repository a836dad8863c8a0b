/* routes: see routes.h. */

#include "routes.h"

#include "../agent/runtime.h"
#include "../codec/json.h"
#include "../state/store.h"
#include "artifacts.h"
#include "durable.h"
#include "hub.h"
#include "inactive.h"
#include "lifecycle.h"
#include "mesh.h"
#include "message.h"
#include "move.h"
#include "relay.h"
#include "stream.h"
#include "wire.h"

#define ROUTES_EVENTS_LIMIT 100 /* events listed unless asked otherwise */

/* ---- Health and hosts -------------------------------------------------------- */

/* PROTOCOL section 3; the order is that of the recordings. */
static const char *const routes_capabilities[] = { "agents:list",
	"agents:state", "agents:create", "agents:message", "agents:dispatch",
	"agents:clone", "agents:retract", "agents:activate",
	"agents:deactivate", "agents:dispose", "events:list", "hosts:list",
	"hosts:join", "messages:mailbox", "services:list", "services:mesh",
	"transfer:tickets", "admin:git-update", "artifacts:upload",
	"artifacts:download", "artifacts:list", "artifacts:delete",
	"relay:connect", "relay:poll" };

static bool
routes_relay_mode(const struct pg_host *h)
{
	return h->cfg.public_url.n > 0 || h->cfg.connect_to.n > 0;
}

static struct pg_value *
routes_capability_list(const struct pg_host *h, struct pg_arena *a)
{
	struct pg_value *list = pg_value_list(a);
	const char *name;
	size_t i;

	for (i = 0; i < PG_COUNT(routes_capabilities); i++) {
		name = routes_capabilities[i];
		if ((routes_relay_mode(h) &&
		    strcmp(name, "admin:git-update") == 0) ||
		    (h->cfg.connect_to.n > 0 &&
		    strncmp(name, "relay:", 6) == 0))
			continue;
		pg_value_add(a, list, pg_value_strz(a, name));
	}
	return list;
}

/* Whoever visits this host would have to read them all. */
static bool
routes_tells_nodes(const struct pg_host *h)
{
	size_t n = pg_hub_count(h->hub);

	return n > 0 && n <= PG_HUB_HEALTH_NODES_MAX;
}

static struct pg_value *
routes_health_value(struct pg_host *h, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);
	struct pg_value *self = pg_mesh_self(h->mesh, a), *refused;

	pg_put_str(a, d, "name", h->name);
	pg_put_str(a, d, "address", h->address);
	pg_put_int(a, d, "active_count", (int64_t)h->nactive);
	pg_put_int(a, d, "inactive_count", (int64_t)h->ninactive);
	pg_put_str(a, d, "code_version", h->cfg.code_version);
	pg_put(a, d, "capabilities", routes_capability_list(h, a));
	pg_put(a, d, "tags", pg_value_get(self, "tags"));
	pg_put(a, d, "properties", pg_value_get(self, "properties"));
	if (routes_tells_nodes(h))
		pg_put(a, d, "relay_nodes", pg_hub_nodes(h->hub, a));
	pg_put_bool(a, d, "auto_update_from_git", false);
	pg_put_bool(a, d, "auto_update_restart_scheduled", false);
	pg_put_strz(a, d, "build", PG_BUILD);
	pg_put_bool(a, d, "settle", true);
	refused = pg_mesh_refused(h->mesh, a);
	if (refused != NULL && refused->n > 0)
		pg_put(a, d, "refused", refused);
	return d;
}

/* Without nodes the only thing in it that changes is a count, so the text is
 * kept. */
static void
routes_health(struct pg_api *r)
{
	struct pg_host *h = r->host;

	if (h->health_text.n == 0 || pg_hub_count(h->hub) > 0 ||
	    h->health_active != h->nactive ||
	    h->health_inactive != h->ninactive) {
		pg_buf_reset(&h->health_text);
		pg_json_write(&h->health_text, routes_health_value(h,
		    &r->x->arena), NULL);
		h->health_active = h->nactive;
		h->health_inactive = h->ninactive;
	}
	pg_buf_puts(pg_api_out(r), pg_buf_str(&h->health_text));
	pg_api_send(r);
}

static void
routes_live(struct pg_api *r)
{
	struct pg_value *d = pg_value_dict(&r->x->arena);

	pg_put_bool(&r->x->arena, d, "ok", true);
	pg_api_reply(r, d);
}

/* Whether there is any point in sending it work. Anybody may ask: no paths. */
static void
routes_ready(struct pg_api *r)
{
	const struct pg_host *h = r->host;
	struct pg_err e = { 0 };

	if (h->draining)
		pg_fail(&e, PG_E_BUSY, "%.*s is shutting down",
		    PG_STR_ARG(h->name));
	else if (h->store != NULL && pg_store_readonly(h->store, NULL))
		pg_fail(&e, PG_E_BUSY, "%.*s takes no more changes: its disk "
		    "has failed", PG_STR_ARG(h->name));
	if (e.code == PG_E_OK)
		routes_live(r);
	else
		pg_api_fail(r, &e);
}

static void
routes_hosts(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *d = pg_value_dict(a);
	struct pg_value *refused = pg_mesh_refused(r->host->mesh, a);

	pg_put(a, d, "hosts", pg_mesh_list(r->host->mesh, a));
	if (refused != NULL && refused->n > 0)
		pg_put(a, d, "refused", refused);
	pg_api_reply(r, d);
}

static void
routes_join(struct pg_api *r)
{
	struct pg_value *answer;
	struct pg_err e = { 0 };

	if (pg_mesh_join(r->host->mesh, r->body,
	    pg_addr_is_loopback(&r->x->peer), &r->x->arena, &answer, &e) < 0)
		pg_api_fail(r, &e);
	else
		pg_api_reply(r, answer);
}

static void
routes_git_update(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_value *d = pg_value_dict(a);
	struct pg_err e = { 0 };

	if (routes_relay_mode(r->host)) {
		pg_fail(&e, PG_E_FORBIDDEN,
		    "Git auto-update is disabled in relay mode");
		pg_api_fail(r, &e);
		return;
	}
	pg_put_bool(a, d, "ok", false);
	pg_put_strz(a, d, "status", "disabled");
	pg_put_strz(a, d, "error", "git auto-update is disabled for this "
	    "host");
	pg_put(a, d, "target_hash", pg_value_get(r->body, "target_hash"));
	pg_api_reply(r, d);
}

/* Agents can not advertise services yet, so there are none to list. */
static void
routes_services(struct pg_api *r)
{
	struct pg_arena *a = &r->x->arena;
	struct pg_str scope = PG_STR("local");
	struct pg_value *d = pg_value_dict(a);
	struct pg_err e = { 0 };

	pg_query_get(a, r->query, "scope", &scope);
	if (!pg_str_eqz(scope, "local") && !pg_str_eqz(scope, "mesh")) {
		pg_fail(&e, PG_E_HOST, "scope must be one of: local, mesh");
		pg_api_fail(r, &e);
		return;
	}
	pg_put(a, d, "services", pg_value_list(a));
	pg_api_reply(r, d);
}

static void
routes_classes(struct pg_api *r)
{
	pg_api_reply(r, pg_runtime_list(&r->x->arena));
}

/* ---- Events ------------------------------------------------------------------- */

/* An integer of the query, or otherwise. */
static int
routes_query_int(struct pg_api *r, const char *name, int64_t *out,
    struct pg_err *e)
{
	struct pg_str text;
	const struct pg_value *v;

	if (!pg_query_get(&r->x->arena, r->query, name, &text))
		return 0;
	v = pg_value_decimal(&r->x->arena, pg_str_trim(text));
	if (v == NULL || v->type != PG_T_INT)
		return pg_fail(e, PG_E_HOST, "query field '%s' must be an "
		    "integer, got '%.*s'", name,
		    (int)PG_MIN(text.n, (size_t)40), text.p);
	*out = v->u.i;
	return 0;
}

static void
routes_events(struct pg_api *r)
{
	int64_t since = 0, limit = ROUTES_EVENTS_LIMIT;
	struct pg_buf *out;
	struct pg_err e = { 0 };

	if (routes_query_int(r, "since", &since, &e) < 0 ||
	    routes_query_int(r, "limit", &limit, &e) < 0) {
		pg_api_fail(r, &e);
		return;
	}
	out = pg_api_out(r);
	pg_buf_putz(out, "{\"events\": [");
	pg_events_write(&r->host->events, since, limit, out);
	pg_buf_putz(out, "]}");
	pg_api_send(r);
}

static void
routes_event_stream(struct pg_api *r)
{
	pg_streams_open(r->host->streams, r->x, r->query);
}

/* ---- Agents, listed and looked at --------------------------------------------- */

static struct pg_value *
routes_mailbox(const struct pg_agent *a, struct pg_arena *arena)
{
	struct pg_value *d = pg_value_dict(arena);

	pg_put_int(arena, d, "queued_count",
	    (int64_t)pg_mailbox_waiting(&a->box));
	pg_put_int(arena, d, "in_flight_count", a->running != NULL);
	pg_put_int(arena, d, "delivered_count", a->delivered);
	pg_put_int(arena, d, "failed_count", a->failed);
	return d;
}

/* PROTOCOL section 4. */
static struct pg_value *
routes_summary(const struct pg_agent *a, struct pg_arena *arena)
{
	struct pg_value *d = pg_value_dict(arena);
	bool crashed = a->phase == PG_AGENT_CRASHED;

	pg_put_str(arena, d, "agent_id", a->id);
	pg_put_str(arena, d, "class_name", a->class_name);
	pg_put_str(arena, d, "state_class_name", a->state_class);
	pg_put_str(arena, d, "host", a->host->name);
	pg_put_str(arena, d, "address", a->host->address);
	pg_put_bool(arena, d, "active", a->phase == PG_AGENT_ACTIVE);
	if (a->phase == PG_AGENT_INACTIVE) {
		pg_put_float(arena, d, "deactivated_at",
		    pg_to_seconds(a->deactivated_at));
		return d;
	}
	if (a->phase == PG_AGENT_MOVING)
		pg_put_bool(arena, d, "moving", true);
	pg_put_int(arena, d, "pid", a->pid);
	pg_put_bool(arena, d, "crashed", crashed);
	pg_put(arena, d, "exitcode", crashed ?
	    pg_value_int(arena, a->exitcode) : NULL);
	pg_put_strz(arena, d, "error", a->error);
	pg_put(arena, d, "mailbox", crashed ? NULL :
	    routes_mailbox(a, arena));
	pg_put(arena, d, "resources", pg_value_dict(arena));
	return d;
}

/* As in Python, an escape is no escape here: %2D is simply no agent. */
static int
routes_check_id(struct pg_str id, struct pg_err *e)
{
	if (memchr(id.p, '%', id.n) != NULL)
		return 0;
	return pg_wire_check_id(id, e);
}

static struct pg_agent *
routes_agent(struct pg_api *r, const char *what, struct pg_err *e)
{
	struct pg_agent *a = pg_agent_find(r->host, r->segments[1]);
	struct pg_str id = r->segments[1], url = PG_STR("");
	bool moved;

	if (a != NULL)
		return a;
	if (routes_check_id(id, e) < 0)
		return NULL;
	moved = pg_forward_url(r->host, id, &url);
	pg_fail(e, PG_E_INVALID_AGENT, "No %s'%.*s' on %.*s%s%.*s", what,
	    (int)PG_MIN(id.n, (size_t)PG_AGENT_ID_MAX), id.p,
	    PG_STR_ARG(r->host->name), moved ? "; it has moved to " : "",
	    PG_STR_ARG(url));
	return NULL;
}

static void
routes_info(struct pg_api *r)
{
	struct pg_err e = { 0 };
	struct pg_agent *a = routes_agent(r, "paglet ", &e);

	if (a == NULL)
		pg_api_fail(r, &e);
	else
		pg_api_reply(r, routes_summary(a, &r->x->arena));
}

/* Where the last state seen lies; that of one that sleeps is fetched. -1: none
 * is known. */
static int
routes_find_state(struct pg_agent *a, struct pg_str *bare, struct pg_err *e)
{
	if (a->state == NULL && a->phase == PG_AGENT_INACTIVE &&
	    pg_durable_load_state(a, e) < 0)
		return -1;
	if (a->state == NULL)
		return pg_fail(e, PG_E_SERIAL, "no state is known yet");
	*bare = (struct pg_str){ a->state->p + a->state_off, a->state_len };
	return 0;
}

/* How old the state is that could not be asked for; what a sleeper wants. */
static void
routes_put_beside(const struct pg_agent *a, struct pg_arena *arena,
    struct pg_value *d)
{
	int64_t age = pg_loop_now(a->host->loop) - a->state_time;

	if (a->phase == PG_AGENT_INACTIVE) {
		pg_put(arena, d, "deactivation_policy",
		    pg_policy_value(&a->policy, arena));
		pg_put_int(arena, d, "queued_message_count",
		    pg_inactive_kept(a));
	} else if (a->running != NULL || a->own.id != 0 ||
	    a->phase != PG_AGENT_ACTIVE) {
		pg_put_float(arena, d, "state_age", pg_to_seconds(age));
	}
}

/* One of many: the arena bounds what all of them take. */
static void
routes_put_state(struct pg_agent *a, struct pg_arena *arena,
    struct pg_value *d)
{
	struct pg_err e = { 0 };
	struct pg_value *state;
	struct pg_str bare;

	if (routes_find_state(a, &bare, &e) < 0 ||
	    pg_pickle_read_value(bare, arena, 0, &state, &e) < 0)
		pg_put_strz(arena, d, "state_error", e.msg);
	else
		pg_put(arena, d, "state", state);
	routes_put_beside(a, arena, d);
}

/* One look at an agent, or many of them for one answer. */
struct routes_look {
	struct pg_api *r;
	struct pg_agent **agents; /* references */
	size_t n, left;
	bool single; /* the answer is the one summary, not a list */
	bool states; /* with their states */
};

/* GET /agents/ID/state: the summary, but not when it fell asleep. */
static void
routes_reply_state(struct routes_look *l)
{
	struct pg_arena *arena = &l->r->x->arena;
	struct pg_agent *a = l->agents[0];
	struct pg_value *d = routes_summary(a, arena);
	struct pg_str bare;
	struct pg_err e = { 0 };

	if (a->phase == PG_AGENT_INACTIVE)
		d->n--; /* deactivated_at, the last */
	routes_put_beside(a, arena, d);
	if (routes_find_state(a, &bare, &e) < 0) {
		pg_put_strz(arena, d, "state_error", e.msg);
		pg_api_reply(l->r, d);
	} else {
		pg_api_reply_with(l->r, d, "state", bare, a->state);
	}
}

static void
routes_reply_list(struct routes_look *l)
{
	struct pg_arena *arena = &l->r->x->arena;
	struct pg_value *d = pg_value_dict(arena);
	struct pg_value *list = pg_value_list(arena), *one;
	size_t i, start = arena->used;

	for (i = 0; i < l->n; i++) {
		one = routes_summary(l->agents[i], arena);
		if (l->states) {
			arena->max = start + PG_API_DECODED_MAX;
			routes_put_state(l->agents[i], arena, one);
			arena->max = 0;
		}
		pg_value_add(arena, list, one);
	}
	pg_put(arena, d, "agents", list);
	pg_api_reply(l->r, d);
}

static void
routes_look_done(void *arg, const struct pg_err *err)
{
	struct routes_look *l = arg;
	size_t i;

	(void)err;
	if (--l->left > 0)
		return;
	if (l->single)
		routes_reply_state(l);
	else
		routes_reply_list(l);
	for (i = 0; i < l->n; i++) {
		/* The state of one that sleeps lies on disk. */
		if (l->agents[i]->phase == PG_AGENT_INACTIVE)
			pg_durable_drop_state(l->agents[i]);
		pg_agent_unref(l->agents[i]);
	}
	free(l->agents);
	free(l);
}

static struct routes_look *
routes_look_new(struct pg_api *r, size_t most)
{
	struct routes_look *l = pg_alloc(sizeof(*l));

	l->r = r;
	l->agents = pg_alloc(PG_MAX(most, 1) * sizeof(struct pg_agent *));
	return l;
}

static void
routes_look_add(struct routes_look *l, struct pg_agent *a)
{
	pg_agent_ref(a);
	l->agents[l->n++] = a;
}

static void
routes_look_start(struct routes_look *l)
{
	size_t i;

	l->left = l->n + 1;
	for (i = 0; i < l->n; i++)
		pg_peek(l->agents[i], routes_look_done, l);
	routes_look_done(l, NULL);
}

static void
routes_state(struct pg_api *r)
{
	struct pg_err e = { 0 };
	struct pg_agent *a = routes_agent(r, "paglet ", &e);
	struct routes_look *l;

	if (a == NULL) {
		pg_api_fail(r, &e);
		return;
	}
	l = routes_look_new(r, 1);
	l->single = true;
	routes_look_add(l, a);
	routes_look_start(l);
}

static bool
routes_listed(const struct pg_agent *a, struct pg_str state)
{
	if (pg_str_eqz(state, "inactive"))
		return a->phase == PG_AGENT_INACTIVE;
	if (pg_str_eqz(state, "all"))
		return true;
	return a->phase == PG_AGENT_ACTIVE || a->phase == PG_AGENT_CRASHED;
}

/* Those of the agents that are asked for: first those awake, then those that
 * sleep. */
static void
routes_collect(struct pg_api *r, struct pg_str state, struct routes_look *l)
{
	struct pg_agent *a;
	bool asleep = false;

	do {
		for (a = r->host->first; a != NULL; a = a->next)
			if ((a->phase == PG_AGENT_INACTIVE) == asleep &&
			    routes_listed(a, state))
				routes_look_add(l, a);
		asleep = !asleep;
	} while (asleep);
}

static void
routes_list(struct pg_api *r)
{
	struct pg_arena *arena = &r->x->arena;
	struct pg_str state = PG_STR("active"), with = PG_STR_NULL;
	struct routes_look *l;

	pg_query_get(arena, r->query, "state", &state);
	pg_query_get(arena, r->query, "include_state", &with);
	l = routes_look_new(r, r->host->agents.n);
	routes_collect(r, state, l);
	l->states = pg_str_eqz(with, "1") ||
	    pg_str_ieq(with, PG_STR("true")) ||
	    pg_str_ieq(with, PG_STR("yes"));
	if (l->states) {
		routes_look_start(l);
	} else {
		l->left = 1;
		routes_look_done(l, NULL);
	}
}

/* ---- Agents, created and moved -------------------------------------------------- */

/* The answer of everything that ends with a place: {proxy}. */
static void
routes_on_placed(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	struct pg_api *r = arg;
	struct pg_value *d;

	if (err != NULL) {
		pg_api_fail(r, err);
		return;
	}
	d = pg_value_dict(&r->x->arena);
	pg_put(&r->x->arena, d, "proxy", pg_wire_proxy(&r->x->arena, url, id));
	pg_api_reply(r, d);
}

static void
routes_create(struct pg_api *r)
{
	const struct pg_value *envelope = pg_value_get(r->body, "envelope");

	if (envelope == NULL)
		pg_arrive_creation(r->host, r->body, routes_on_placed, r);
	else
		pg_arrive_envelope(r->host, envelope, r->x->body,
		    r->pickled ? &r->watch : NULL,
		    r->has_digest ? r->digest : NULL, routes_on_placed, r);
}

static enum pg_ticket_form
routes_form(enum pg_kind kind)
{
	if (kind == PG_KIND_RETRACT)
		return PG_TICKET_PLAIN;
	return kind == PG_KIND_CLONE ? PG_TICKET_OPTIONAL : PG_TICKET_EITHER;
}

static void
routes_move(struct pg_api *r, enum pg_kind kind)
{
	struct pg_err e = { 0 };
	struct pg_agent *a = routes_agent(r, "active paglet ", &e);
	struct pg_ticket t;

	if (a == NULL || pg_ticket_read_order(r->body, routes_form(kind),
	    &t, &e) < 0) {
		pg_api_fail(r, &e);
	} else if (a->phase == PG_AGENT_INACTIVE) {
		pg_fail(&e, PG_E_INVALID_AGENT, "No active paglet '%.*s' on "
		    "%.*s", PG_STR_ARG(a->id), PG_STR_ARG(r->host->name));
		pg_api_fail(r, &e);
	} else if (a->phase == PG_AGENT_CRASHED) {
		pg_fail(&e, PG_E_CRASHED, "Paglet '%.*s' crashed: %s",
		    PG_STR_ARG(a->id), a->error);
		pg_api_fail(r, &e);
	} else if (a->phase == PG_AGENT_MOVING) {
		pg_fail(&e, PG_E_LIFECYCLE, "Paglet '%.*s' is moving",
		    PG_STR_ARG(a->id));
		pg_api_fail(r, &e);
	} else {
		/* Who asks has the key, and names where it may go. */
		pg_mesh_named(r->host->mesh, t.destination);
		pg_move_start(a, kind, &t, false, routes_on_placed, r);
	}
}

static void
routes_dispatch(struct pg_api *r)
{
	routes_move(r, PG_KIND_DISPATCH);
}

static void
routes_clone(struct pg_api *r)
{
	routes_move(r, PG_KIND_CLONE);
}

static void
routes_retract(struct pg_api *r)
{
	routes_move(r, PG_KIND_RETRACT);
}

static void
routes_on_deactivated(void *arg, const struct pg_err *err)
{
	struct pg_api *r = arg;
	struct pg_arena *a = &r->x->arena;
	struct pg_value *d = pg_value_dict(a);

	if (err != NULL) {
		pg_api_fail(r, err);
		return;
	}
	pg_put(a, d, "proxy", pg_wire_proxy(a, r->host->address,
	    r->segments[1]));
	pg_put_bool(a, d, "ok", true);
	pg_api_reply(r, d);
}

static void
routes_deactivate(struct pg_api *r)
{
	struct pg_err e = { 0 };
	struct pg_agent *a = routes_agent(r, "active paglet ", &e);
	struct pg_deactivation d;

	if (a == NULL || pg_deactivation_read(pg_value_get(r->body,
	    "request"), &d, &e) < 0)
		pg_api_fail(r, &e);
	else
		pg_deactivate(a, &d, false, routes_on_deactivated, r);
}

static void
routes_on_activated(void *arg, const struct pg_err *err)
{
	struct pg_api *r = arg;

	routes_on_placed(r, err, r->host->address, r->segments[1]);
}

static void
routes_activate(struct pg_api *r)
{
	struct pg_err e = { 0 };
	struct pg_agent *a = routes_agent(r, "deactivated paglet ", &e);

	if (a == NULL)
		pg_api_fail(r, &e);
	else
		pg_activate(a, routes_on_activated, r);
}

static void
routes_on_done(void *arg, const struct pg_err *err)
{
	struct pg_api *r = arg;

	if (err != NULL)
		pg_api_fail(r, err);
	else
		routes_live(r);
}

/* {here B}: a person says where a paglet is whose target stays silent. */
static void
routes_resolve(struct pg_api *r)
{
	struct pg_err e = { 0 };
	struct pg_agent *a = routes_agent(r, "paglet ", &e);
	const struct pg_value *here = pg_value_get(r->body, "here");

	if (a != NULL && !pg_value_is(here, PG_T_BOOL))
		pg_fail(&e, PG_E_HOST, "field 'here' must be bool");
	if (e.code != PG_E_OK)
		pg_api_fail(r, &e);
	else
		pg_move_resolve(a, here->u.i != 0, routes_on_done, r);
}

static void
routes_dispose(struct pg_api *r)
{
	struct pg_err e = { 0 };
	struct pg_agent *a = routes_agent(r, "paglet ", &e);
	bool force = false;

	if (a == NULL || pg_field_bool_opt(r->body, "force", &force, &e) < 0)
		pg_api_fail(r, &e);
	else
		pg_dispose(a, false, force, routes_on_done, r);
}

static void
routes_on_settled(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	struct pg_api *r = arg;
	struct pg_arena *a = &r->x->arena;
	struct pg_value *d = pg_value_dict(a);

	if (err != NULL && err->code != PG_E_TRANSFER) {
		pg_api_fail(r, err);
		return;
	}
	pg_put_strz(a, d, "status", err == NULL ? "committed" : "refused");
	if (err == NULL)
		pg_put(a, d, "proxy", pg_wire_proxy(a, url, id));
	pg_api_reply(r, d);
}

static void
routes_settle(struct pg_api *r)
{
	struct pg_err e = { 0 };

	if (pg_wire_check_id(r->segments[1], &e) < 0) {
		pg_wrap(&e, "transfer");
		pg_api_fail(r, &e);
		return;
	}
	pg_transfer_settle(r->host, r->segments[1], routes_on_settled, r);
}

/* ---- Messages --------------------------------------------------------------------- */

/* {"result": ...} of a message that came over HTTP. */
static void
routes_on_message(struct pg_msg *m, const struct pg_outcome *o)
{
	struct pg_api *r = m->arg;

	if (o->err != NULL)
		pg_api_fail(r, o->err);
	else
		pg_api_reply_with(r, pg_value_dict(&r->x->arena), "result",
		    o->body, o->bulk);
}

/* What the request says beside the message itself. */
struct routes_order {
	struct pg_value *message;
	bool oneway, activate, no_delay;
	double timeout;
	int64_t hops;
};

static int
routes_read_order(const struct pg_value *body, struct routes_order *o,
    struct pg_err *e)
{
	*o = (struct routes_order){ .activate = true, .timeout = -1 };
	if (pg_field_dict(body, "message", &o->message, e) < 0 ||
	    pg_field_bool_opt(body, "oneway", &o->oneway, e) < 0 ||
	    pg_field_bool_opt(body, "activate_if_inactive", &o->activate,
	    e) < 0 ||
	    pg_field_bool_opt(body, "no_delay", &o->no_delay, e) < 0 ||
	    pg_field_float_opt(body, "timeout", &o->timeout, e) < 0 ||
	    pg_field_int_opt(body, "hops", &o->hops, e) < 0)
		return -1;
	if (o->hops < 0 || o->hops > PG_FORWARD_HOPS_MAX)
		return pg_fail(e, PG_E_HOST, "field 'hops' must be 0 to %d",
		    PG_FORWARD_HOPS_MAX);
	return 0;
}

/* What is known of a oneway message when it has been handed over. */
struct routes_oneway {
	bool refused;
	struct pg_err err;
};

static void
routes_on_oneway(struct pg_msg *m, const struct pg_outcome *o)
{
	struct routes_oneway *one = m->arg;

	one->refused = o->err != NULL;
	if (one->refused)
		one->err = *o->err;
}

/* Answered at once: that it was taken, or why not. */
static void
routes_oneway(struct pg_api *r, struct pg_msg *m)
{
	struct routes_oneway one = { .refused = false };
	struct pg_value *d;
	bool ended = false;

	m->on_done = routes_on_oneway;
	m->arg = &one;
	m->ended = &ended;
	pg_message_deliver(r->host, r->segments[1], m);
	if (!ended) {
		m->on_done = m->pending ? routes_on_message : NULL;
		m->arg = r;
		m->ended = NULL;
	}
	if (!ended && m->pending)
		return;
	if (one.refused) {
		pg_api_fail(r, &one.err);
		return;
	}
	d = pg_value_dict(&r->x->arena);
	pg_put(&r->x->arena, d, "result", NULL);
	pg_api_reply(r, d);
}

static void
routes_message(struct pg_api *r)
{
	struct routes_order o;
	struct pg_err e = { 0 };
	struct pg_msg *m;

	if (routes_check_id(r->segments[1], &e) < 0 ||
	    routes_read_order(r->body, &o, &e) < 0 ||
	    (m = pg_message_new(o.message, &e)) == NULL) {
		pg_api_fail(r, &e);
		return;
	}
	m->hops = (unsigned)o.hops;
	m->oneway = o.oneway;
	m->no_activate = !o.activate;
	m->no_delay = o.no_delay;
	if (o.oneway) {
		routes_oneway(r, m);
		return;
	}
	if (o.timeout >= 0)
		m->deadline = pg_loop_now(r->host->loop) +
		    PG_MIN(pg_from_seconds(o.timeout), 24 * 3600 * PG_SEC);
	m->on_done = routes_on_message;
	m->arg = r;
	pg_message_deliver(r->host, r->segments[1], m);
}

/* ---- Table --------------------------------------------------------------------------- */

static const struct pg_route routes_table[] = {
	{ "POST", "agents/*/messages", .run = routes_message },
	{ "GET", "health", .run = routes_health },
	{ "GET", "livez", .run = routes_live, .open = true },
	{ "GET", "readyz", .run = routes_ready, .open = true },
	{ "GET", "hosts", .run = routes_hosts },
	{ "POST", "hosts/join", .run = routes_join },
	{ "GET", "events", .run = routes_events },
	{ "GET", "events/stream", .run = routes_event_stream },
	{ "GET", "classes", .run = routes_classes },
	{ "GET", "services", .run = routes_services },
	{ "POST", "artifacts", .run = pg_artifacts_upload, .begin =
	    pg_artifacts_begin },
	{ "GET", "artifacts", .run = pg_artifacts_list },
	{ "GET", "artifacts/*", .run = pg_artifacts_download },
	{ "GET", "artifacts/*/metadata", .run = pg_artifacts_metadata },
	{ "DELETE", "artifacts/*", .run = pg_artifacts_delete },
	{ "GET", "agents", .run = routes_list },
	{ "POST", "agents", .run = routes_create, .large = true },
	{ "GET", "agents/*", .run = routes_info },
	{ "GET", "agents/*/state", .run = routes_state },
	{ "POST", "agents/*/dispatch", .run = routes_dispatch },
	{ "POST", "agents/*/clone", .run = routes_clone },
	{ "POST", "agents/*/retract", .run = routes_retract },
	{ "POST", "agents/*/deactivate", .run = routes_deactivate },
	{ "POST", "agents/*/activate", .run = routes_activate },
	{ "POST", "agents/*/resolve", .run = routes_resolve },
	{ "POST", "agents/*/dispose", .run = routes_dispose },
	{ "POST", "transfers/*/settle", .run = routes_settle },
	{ "POST", "relay/connect", .run = pg_relay_connect },
	{ "GET", "relay/poll/*", .run = pg_relay_poll },
	{ "POST", "relay/ack/*", .run = pg_relay_ack, .large = true },
	{ "GET", "relay/diagnostics", .run = pg_relay_diagnostics },
	{ "GET", "relay/hosts/*/health", .run = pg_relay_health },
	{ "POST", "relay/hosts/*/agents", .run = pg_relay_create,
	    .large = true },
	{ "POST", "relay/hosts/*/agents/*/messages",
	    .run = pg_relay_message },
	{ "POST", "relay/hosts/*/artifacts", .run = pg_relay_upload, .begin =
	    pg_relay_upload_begin },
	{ "GET", "relay/hosts/*/artifacts/*", .run = pg_relay_download },
	{ "GET", "relay/hosts/*/**", .run = pg_relay_api },
	{ "POST", "relay/hosts/*/**", .run = pg_relay_api },
	{ "DELETE", "relay/hosts/*/**", .run = pg_relay_api },
	{ "POST", "admin/git-update", .run = routes_git_update },
	{ .method = NULL },
};

PG_FN void
pg_routes_init(struct pg_host *h)
{
	h->routes = routes_table;
	h->up.health = routes_health_value;
}

PG_FN void
pg_routes_fini(struct pg_host *h)
{
	pg_buf_fini(&h->health_text);
	pg_buf_fini(&h->out);
}

#undef ROUTES_EVENTS_LIMIT
