/* hub: see hub.h.
 *
 * A delivery is in `pending` from its submission to its ack, its deadline or
 * its being given up, and in the queue of its node until a poll takes it. One
 * that has gone out is never sent again: the node may have done it, and who
 * waits is told that it is not known.
 *
 * Of the polls of a node the newest is answered first: if the network between
 * was cut, older ones may be dead.
 */

#include "hub.h"

#include "../base/log.h"
#include "../codec/url.h"
#include "mesh.h"
#include "wire.h"

/* Between two references of a node that does not greet: less than after which
 * others take it for silent. */
#define HUB_REGISTER_TIME (3 * PG_SEC)

/* Owner: the hub. */
struct hub_node {
	struct pg_hub *hub;
	struct pg_str name; /* behind the struct */
	struct pg_arena arena; /* of the health */
	struct pg_value *health;
	int64_t heard, seen; /* pg_now() and wall clock of the last sign */
	int64_t registered;  /* pg_now() when the mesh was last told; 0 never */
	bool online;
	bool greets; /* tells the mesh itself that it is there */
	bool left;   /* it said that it stops */
	char error[200]; /* "" or what went wrong last */
	struct pg_timer timer; /* goes offline, later is forgotten */
	struct pg_hub_poll *polls; /* the newest first */
	size_t npolls;
	struct pg_delivery *first, **end;
	size_t queued, in_flight;
	size_t bytes; /* of the texts that wait */
};

/* Owner: the host. */
struct pg_hub {
	struct pg_host *host;
	struct pg_map nodes;   /* by name */
	struct pg_map pending; /* deliveries, by id */
	struct pg_hub_poll *strays; /* polls of unknown names */
	size_t bytes;          /* of the texts that wait, of all nodes */
	bool closed;
};

static void hub_node_on_time(struct pg_timer *t);

/* ---- Events ------------------------------------------------------------------------ */

static void
hub_event_offline(struct pg_hub *hub, struct pg_str name, const char *kind,
    const char *stage, int64_t number, const struct pg_err *e)
{
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a);

	pg_put_str(&a, d, "target", name);
	if (kind != NULL)
		pg_put_strz(&a, d, "kind", kind);
	pg_put_strz(&a, d, "stage", stage);
	if (kind == NULL)
		pg_put_float(&a, d, "last_seen_age", pg_to_seconds(number));
	else if (number > 0)
		pg_put_int(&a, d, "queue_depth", number);
	pg_host_event(hub->host, "relay-target-offline", NULL, d, e);
	pg_arena_fini(&a);
}

static void
hub_event(const struct pg_delivery *d, const char *name,
    struct pg_value *data)
{
	if (!d->quiet)
		pg_host_event(d->node->hub->host, name, NULL, data, NULL);
}

static struct pg_value *
hub_delivery_value(const struct pg_delivery *d, struct pg_arena *a)
{
	struct pg_value *v = pg_value_dict(a);

	pg_put_strz(a, v, "delivery_id", d->id);
	pg_put_str(a, v, "target", d->node->name);
	pg_put_strz(a, v, "kind", d->kind);
	return v;
}

static void
hub_event_enqueued(const struct pg_delivery *d)
{
	struct pg_arena a = { 0 };
	struct pg_value *v = hub_delivery_value(d, &a);

	pg_put_strz(&a, v, "stage", "relay-queue");
	pg_put_float(&a, v, "timeout", pg_to_seconds(d->timeout));
	pg_put_int(&a, v, "queue_depth", (int64_t)d->node->queued);
	hub_event(d, "relay-delivery-enqueued", v);
	pg_arena_fini(&a);
}

static void
hub_event_dispatched(const struct pg_delivery *d)
{
	struct pg_arena a = { 0 };

	hub_event(d, "relay-delivery-dispatched", hub_delivery_value(d, &a));
	pg_arena_fini(&a);
}

static void
hub_event_ack(const struct pg_delivery *d, bool ok, struct pg_str error)
{
	struct pg_arena a = { 0 };
	struct pg_value *v = hub_delivery_value(d, &a);

	pg_put_bool(&a, v, "ok", ok);
	pg_put_str(&a, v, "error", error);
	hub_event(d, "relay-delivery-ack", v);
	pg_arena_fini(&a);
}

static void
hub_event_timeout(const struct pg_delivery *d, const struct pg_err *e)
{
	struct pg_arena a = { 0 };
	struct pg_value *v = hub_delivery_value(d, &a);

	pg_put_strz(&a, v, "stage", "relay-ack");
	pg_put_float(&a, v, "timeout", pg_to_seconds(d->timeout));
	pg_host_event(d->node->hub->host, "relay-delivery-timeout", NULL, v, e);
	pg_arena_fini(&a);
}

/* ---- Nodes ------------------------------------------------------------------------- */

static int64_t
hub_now(const struct pg_hub *hub)
{
	return pg_loop_now(hub->host->loop);
}

/* Name and health as a HostRef for the mesh. */
static void
hub_register(struct hub_node *n)
{
	struct pg_arena a = { 0 };
	struct pg_value *ref = pg_value_dict(&a);
	static const char *const copied[] = { "code_version", "active_count",
		"inactive_count", "tags", "properties" };
	size_t i;

	pg_put_str(&a, ref, "name", n->name);
	pg_put(&a, ref, "url", pg_value_get(n->health, "address"));
	for (i = 0; i < PG_COUNT(copied); i++)
		if (pg_value_get(n->health, copied[i]) != NULL)
			pg_put(&a, ref, copied[i], pg_value_get(n->health,
			    copied[i]));
	pg_put_bool(&a, ref, "online", n->online);
	pg_put_float(&a, ref, "last_seen", pg_to_seconds(n->online ?
	    pg_now_wall() : n->seen));
	if (n->error[0] != '\0' && !n->online)
		pg_put_strz(&a, ref, "error", n->error);
	pg_mesh_relayed(n->hub->host->mesh, ref);
	n->registered = hub_now(n->hub);
	pg_arena_fini(&a);
}

/* Look again when something can have changed. */
static void
hub_set_timer(struct hub_node *n)
{
	int64_t silent = hub_now(n->hub) - n->heard;
	int64_t next = PG_HUB_FORGET_AFTER - silent;

	if (n->online)
		next = n->hub->host->cfg.relay_offline_after - silent;
	if (n->online && !n->greets)
		next = PG_MIN(next, HUB_REGISTER_TIME);
	pg_timer_set(n->hub->host->loop, &n->timer, PG_MAX(next, PG_MS),
	    hub_node_on_time);
}

/* It has asked something of us, or still does; after it has said that it stops
 * that is a remnant. */
static void
hub_heard(struct hub_node *n)
{
	bool back = !n->online;

	if (n->left)
		return;
	n->heard = hub_now(n->hub);
	n->seen = pg_now_wall();
	n->online = true;
	n->error[0] = '\0';
	hub_set_timer(n);
	if (!n->greets && (back || n->registered == 0 ||
	    n->heard - n->registered >= HUB_REGISTER_TIME))
		hub_register(n);
}

static struct hub_node *
hub_node_new(struct pg_hub *hub, struct pg_str name)
{
	struct hub_node *n = pg_alloc(sizeof(*n) + name.n);

	n->hub = hub;
	memcpy(n + 1, name.p, name.n);
	n->name = (struct pg_str){ (char *)(n + 1), name.n };
	n->end = &n->first;
	pg_map_put(&hub->nodes, n->name, n);
	return n;
}

static void
hub_poll_out(struct pg_hub_poll *p)
{
	struct pg_hub_poll **head = p->node != NULL ? &p->node->polls :
	    &p->hub->strays;

	if (p->next != NULL)
		p->next->prev = p->prev;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		*head = p->next;
	if (p->node != NULL)
		p->node->npolls--;
	pg_timer_stop(&p->timer);
	p->parked = false;
}

static void
hub_poll_end(struct pg_hub_poll *p)
{
	hub_poll_out(p);
	p->answer(p, NULL);
}

static void
hub_dequeue(struct pg_delivery *d)
{
	struct hub_node *n = d->node;

	if (d->prev != NULL)
		d->prev->next = d->next;
	else
		n->first = d->next;
	if (d->next != NULL)
		d->next->prev = d->prev;
	else
		n->end = d->prev != NULL ? &d->prev->next : &n->first;
	n->queued--;
	n->bytes -= d->text.n;
	n->hub->bytes -= d->text.n;
}

/* No longer of any node. */
static void
hub_forget_delivery(struct pg_delivery *d)
{
	pg_timer_stop(&d->timer);
	if (d->sent)
		d->node->in_flight--;
	else
		hub_dequeue(d);
	pg_map_del(&d->node->hub->pending, pg_str(d->id));
	d->node = NULL;
}

/* It is over. */
static void
hub_end(struct pg_delivery *d, const struct pg_ack *ack,
    const struct pg_err *e)
{
	pg_delivery_done *done = d->done;
	void *arg = d->arg;

	hub_forget_delivery(d);
	pg_delivery_free(d);
	if (done != NULL)
		done(arg, ack, e);
}

/* Polls are left to those who answer them. */
static void
hub_node_free(struct hub_node *n)
{
	struct pg_err gone = { 0 };

	pg_fail(&gone, PG_E_REMOTE, "Relay target '%.*s' is not connected",
	    PG_STR_ARG(n->name));
	while (n->first != NULL)
		hub_end(n->first, NULL, &gone);
	pg_timer_stop(&n->timer);
	pg_map_del(&n->hub->nodes, n->name);
	pg_arena_fini(&n->arena);
	free(n);
}

static void
hub_offline_text(const struct hub_node *n, char *out, size_t max)
{
	snprintf(out, max, "Relay target '%.*s' is offline/not polling (last "
	    "seen %.3fs ago)", (int)PG_MIN(n->name.n, (size_t)120), n->name.p,
	    pg_to_seconds(hub_now(n->hub) - n->heard));
}

static int
hub_fail_closed(const struct pg_hub *hub, struct pg_err *e)
{
	return pg_fail(e, PG_E_BUSY, "%.*s is shutting down",
	    PG_STR_ARG(hub->host->name));
}

static int
hub_fail_offline(const struct hub_node *n, struct pg_err *e)
{
	char text[200];

	if (n->left)
		return pg_fail(e, PG_E_REMOTE, "%s", n->error);
	hub_offline_text(n, text, sizeof(text));
	return pg_fail(e, PG_E_REMOTE, "%s", text);
}

/* Those who wait for artifacts of a node have more patience than its silence
 * deserves. */
static void
hub_end_artifacts(struct hub_node *n, const struct pg_err *e)
{
	struct pg_delivery *d;
	size_t at = 0;

	while ((d = pg_map_next(&n->hub->pending, &at)) != NULL)
		if (d->node == n && pg_str_starts(pg_str(d->kind),
		    PG_STR("artifact-"))) {
			hub_end(d, NULL, e);
			at = 0;
		}
}

static void
hub_node_offline(struct hub_node *n)
{
	struct pg_err e = { 0 };

	n->online = false;
	if (n->left)
		snprintf(n->error, sizeof(n->error), "Relay target '%.*s' has "
		    "stopped", (int)PG_MIN(n->name.n, (size_t)120),
		    n->name.p);
	else
		hub_offline_text(n, n->error, sizeof(n->error));
	pg_fail(&e, PG_E_REMOTE, "%s", n->error);
	pg_log(PG_LOG_INFO, "hub: %s", n->error);
	hub_event_offline(n->hub, n->name, NULL, "relay-preflight",
	    hub_now(n->hub) - n->heard, &e);
	hub_register(n);
	hub_end_artifacts(n, &e);
}

static void
hub_node_on_time(struct pg_timer *t)
{
	struct hub_node *n = PG_CONTAINER(t, struct hub_node, timer);
	int64_t silent = hub_now(n->hub) - n->heard;

	/* A parked poll is a sign of life as good as a new one, though it may
	 * be that of somebody who was cut off. Who greets does so all the
	 * time. */
	if (n->npolls > 0 && !n->greets && !n->left) {
		hub_heard(n);
		return;
	}
	if (n->online && silent >= n->hub->host->cfg.relay_offline_after)
		hub_node_offline(n);
	else if (n->online)
		hub_register(n);
	/* Of deliveries to be kept some may still wait. */
	if (silent >= PG_HUB_FORGET_AFTER && n->in_flight == 0)
		hub_node_free(n);
	else
		hub_set_timer(n);
}

/* ---- Connect ----------------------------------------------------------------------- */

PG_FN int
pg_hub_check_name(struct pg_str name, struct pg_err *e)
{
	if (name.n == 0)
		return pg_fail(e, PG_E_HOST,
		    "Relay connection requires a host name");
	/* In a path these would lead elsewhere. */
	if (pg_str_eqz(name, ".") || pg_str_eqz(name, ".."))
		return pg_fail(e, PG_E_HOST, "a host behind a hub can not be "
		    "called '%.*s'", PG_STR_ARG(name));
	if (name.n > PG_HOST_NAME_MAX || !pg_all_printable(name))
		return pg_fail(e, PG_E_HOST, "a host name has at most %d "
		    "bytes of printable text", PG_HOST_NAME_MAX);
	return 0;
}

/* What the node did not say of itself (PROTOCOL section 8). */
static void
hub_complete_health(struct pg_hub *hub, struct pg_value *health,
    struct pg_str name, struct pg_arena *a)
{
	struct pg_str url = pg_arena_printf(a, "%.*s/relay/hosts/%.*s",
	    PG_STR_ARG(hub->host->address),
	    PG_STR_ARG(pg_percent_encode(a, name)));
	struct pg_str said = pg_value_text(pg_value_get(health, "address"),
	    PG_STR_NULL);

	pg_value_set(a, health, PG_STR("name"), pg_value_str(a, name));
	if (said.n == 0)
		pg_value_set(a, health, PG_STR("address"), pg_value_str(a,
		    url));
	if (pg_value_get(health, "code_version") == NULL)
		pg_put_str(a, health, "code_version",
		    hub->host->cfg.code_version);
	if (pg_value_get(health, "active_count") == NULL)
		pg_put_int(a, health, "active_count", 0);
	if (pg_value_get(health, "inactive_count") == NULL)
		pg_put_int(a, health, "inactive_count", 0);
}

static void
hub_end_polls(struct hub_node *n)
{
	while (n->polls != NULL)
		hub_poll_end(n->polls);
}

/* It stops, and will poll no more: nobody needs to wait for that. */
static void
hub_node_leaves(struct hub_node *n)
{
	n->left = true;
	hub_end_polls(n);
	hub_node_offline(n);
}

PG_FN void
pg_hub_renew(struct pg_hub *hub, struct pg_str name)
{
	struct hub_node *n = pg_map_get(&hub->nodes, name);

	if (n != NULL)
		hub_end_polls(n);
}

static struct hub_node *
hub_admit(struct pg_hub *hub, struct pg_str name, struct pg_err *e)
{
	struct hub_node *n = pg_map_get(&hub->nodes, name);

	if (hub->closed) {
		hub_fail_closed(hub, e);
		return NULL;
	}
	if (n == NULL && hub->nodes.n >= PG_HUB_NODES_MAX) {
		pg_fail(e, PG_E_BUSY, "%d hosts are connected, this hub takes "
		    "no more", PG_HUB_NODES_MAX);
		return NULL;
	}
	return n != NULL ? n : hub_node_new(hub, name);
}

PG_FN int
pg_hub_connect(struct pg_hub *hub, struct pg_str name,
    const struct pg_value *health, bool greets, struct pg_err *e)
{
	struct pg_value *copy;
	struct pg_arena a;
	struct hub_node *n;
	bool online = true;

	pg_arena_init(&a, PG_HUB_HEALTH_MAX);
	if (pg_value_copy(&a, health, &copy) < 0) {
		pg_arena_fini(&a);
		return pg_fail(e, PG_E_LIMIT, "health is over %d bytes",
		    PG_HUB_HEALTH_MAX);
	}
	if ((n = hub_admit(hub, name, e)) == NULL) {
		pg_arena_fini(&a);
		return -1;
	}
	a.max = 0;
	hub_complete_health(hub, copy, n->name, &a);
	pg_arena_fini(&n->arena);
	n->arena = a;
	n->health = copy;
	n->greets = greets;
	n->registered = 0;
	n->left = false;
	hub_heard(n);
	pg_field_bool_opt(copy, "online", &online, NULL);
	if (!online)
		hub_node_leaves(n);
	return 0;
}

/* ---- Deliveries -------------------------------------------------------------------- */

PG_FN struct pg_delivery *
pg_delivery_new(const char *kind)
{
	struct pg_delivery *d = pg_alloc(sizeof(*d));

	pg_rand_id(d->id);
	d->kind = kind;
	pg_buf_printf(&d->text, "{\"delivery\": {\"delivery_id\": \"%s\", "
	    "\"kind\": \"%s\", \"payload\": ", d->id, kind);
	return d;
}

PG_FN void
pg_delivery_free(struct pg_delivery *d)
{
	if (d == NULL)
		return;
	pg_buf_fini(&d->text);
	free(d);
}

/* A poll takes a delivery. */
static void
hub_send(struct pg_hub_poll *p, struct pg_delivery *d)
{
	struct pg_buf text = d->text;

	hub_dequeue(d);
	d->text = (struct pg_buf){ 0 };
	d->sent = true;
	d->node->in_flight++;
	hub_event_dispatched(d);
	if (d->done == NULL) /* nobody waits for the ack */
		hub_end(d, NULL, NULL);
	p->answer(p, &text);
	pg_buf_fini(&text);
}

static void
hub_on_late(struct pg_timer *t)
{
	struct pg_delivery *d = PG_CONTAINER(t, struct pg_delivery, timer);
	struct hub_node *n = d->node;
	pg_delivery_done *done = d->done;
	struct pg_err e = { 0 };

	pg_fail(&e, PG_E_TIMEOUT, "Relay delivery to '%.*s' timed out after "
	    "%.3fs", PG_STR_ARG(n->name), pg_to_seconds(d->timeout));
	snprintf(n->error, sizeof(n->error), "delivery %s timed out", d->id);
	hub_event_timeout(d, &e);
	if (!d->keep || d->sent) {
		hub_end(d, NULL, &e);
		return;
	}
	d->done = NULL;
	done(d->arg, NULL, &e);
}

PG_FN int
pg_hub_check(struct pg_hub *hub, struct pg_str name, const char *kind,
    struct pg_err *e)
{
	struct hub_node *n = pg_map_get(&hub->nodes, name);

	if (hub->closed)
		return hub_fail_closed(hub, e);
	if (n == NULL || !n->online) {
		if (n == NULL)
			pg_fail(e, PG_E_REMOTE, "Relay target '%.*s' is not "
			    "connected", PG_STR_ARG(name));
		else
			hub_fail_offline(n, e);
		hub_event_offline(hub, name, kind, "relay-preflight", 0, e);
		return -1;
	}
	if (n->queued < hub->host->cfg.relay_queue_max &&
	    n->bytes < PG_HUB_NODE_BYTES_MAX && hub->bytes < PG_HUB_BYTES_MAX)
		return 0;
	pg_fail(e, PG_E_REMOTE, "Relay target '%.*s' queue is full (%zu "
	    "deliveries)", PG_STR_ARG(name), n->queued);
	hub_event_offline(hub, name, kind, "relay-queue", (int64_t)n->queued,
	    e);
	return -1;
}

PG_FN int
pg_hub_submit(struct pg_hub *hub, struct pg_str name, struct pg_delivery *d,
    struct pg_err *e)
{
	struct hub_node *n;

	assert(d->done != NULL && d->node == NULL);
	if (pg_hub_check(hub, name, d->kind, e) < 0)
		return -1;
	n = pg_map_get(&hub->nodes, name);
	pg_buf_putz(&d->text, "}}");
	if (d->text.failed)
		return pg_fail(e, PG_E_LIMIT, "delivery is too large");
	d->node = n;
	d->prev = n->end == &n->first ? NULL :
	    PG_CONTAINER(n->end, struct pg_delivery, next);
	*n->end = d;
	n->end = &d->next;
	n->queued++;
	n->bytes += d->text.n;
	hub->bytes += d->text.n;
	pg_map_put(&hub->pending, pg_str(d->id), d);
	pg_timer_set(hub->host->loop, &d->timer, d->timeout, hub_on_late);
	hub_event_enqueued(d);
	if (n->polls != NULL) {
		struct pg_hub_poll *p = n->polls;

		hub_poll_out(p);
		hub_send(p, d);
	}
	return 0;
}

PG_FN void
pg_hub_give_up(struct pg_hub *hub, struct pg_delivery *d)
{
	(void)hub;
	d->done = NULL;
	if (!d->keep || d->sent)
		hub_end(d, NULL, NULL);
	else
		pg_timer_stop(&d->timer);
}

/* The errors that keep their name through a relay (QUIRKS section 7). */
static int
hub_ack_error(const struct pg_value *ack, struct pg_err *e)
{
	static const char *const kept[] = { "TransferError",
		"InvalidAgentError", "PagletInactiveError",
		"PagletCrashedError", "NotHandledError", "ForbiddenError",
		"AuthenticationError", "ServiceNotFoundError", "HostError",
		"StorageQuotaError", "LifecycleError", "SerializationError",
		"MailboxFullError", "RemoteHostError" };
	struct pg_str type = pg_value_text(pg_value_get(ack, "error_type"),
	    PG_STR_NULL);
	struct pg_str text = pg_value_text(pg_value_get(ack, "error"),
	    PG_STR_NULL);
	struct pg_str token = pg_value_text(pg_value_get(ack, "code"),
	    PG_STR_NULL);
	size_t i;

	if (text.n == 0)
		text = PG_STR("Relay delivery failed");
	for (i = 0; i < PG_COUNT(kept); i++)
		if (pg_str_eqz(type, kept[i]))
			return pg_fail(e, pg_code_from_wire(type, token),
			    "%.*s", PG_STR_ARG(text));
	return pg_fail(e, PG_E_REMOTE, "%.*s", PG_STR_ARG(text));
}

PG_FN const struct pg_delivery *
pg_hub_find(const struct pg_hub *hub, struct pg_str delivery)
{
	return pg_map_get(&hub->pending, delivery);
}

PG_FN struct pg_str
pg_delivery_target(const struct pg_delivery *d)
{
	return d->node->name;
}

PG_FN bool
pg_hub_ack(struct pg_hub *hub, struct pg_str delivery,
    const struct pg_ack *ack)
{
	struct pg_delivery *d = pg_map_get(&hub->pending, delivery);
	struct pg_err e = { 0 };
	bool ok = true;

	/* One that no poll has taken can not have been handled. */
	if (d == NULL || !d->sent)
		return false;
	if (pg_field_bool_opt(ack->body, "ok", &ok, &e) < 0 || !ok) {
		hub_ack_error(ack->body, &e);
		ok = false;
	}
	hub_event_ack(d, ok, pg_str(e.msg));
	hub_end(d, ok ? ack : NULL, ok ? NULL : &e);
	return true;
}

/* ---- Polls ------------------------------------------------------------------------- */

static void
hub_poll_on_time(struct pg_timer *t)
{
	struct pg_hub_poll *p = PG_CONTAINER(t, struct pg_hub_poll, timer);

	if (p->node != NULL && !p->node->greets)
		hub_heard(p->node);
	hub_poll_end(p);
}

static void
hub_poll_in(struct pg_hub_poll *p, int64_t timeout)
{
	struct pg_hub_poll **head = p->node != NULL ? &p->node->polls :
	    &p->hub->strays;

	p->prev = NULL;
	p->next = *head;
	if (p->next != NULL)
		p->next->prev = p;
	*head = p;
	if (p->node != NULL)
		p->node->npolls++;
	p->parked = true;
	pg_timer_set(p->hub->host->loop, &p->timer, timeout,
	    hub_poll_on_time);
}

/* The one that waits longest makes room. */
static void
hub_poll_trim(struct hub_node *n)
{
	struct pg_hub_poll *p = n->polls;

	if (n->npolls <= PG_HUB_POLLS_MAX)
		return;
	while (p->next != NULL)
		p = p->next;
	hub_poll_end(p);
}

PG_FN void
pg_hub_park(struct pg_hub *hub, struct pg_str name, int64_t timeout,
    struct pg_hub_poll *p)
{
	struct hub_node *n = pg_map_get(&hub->nodes, name);

	p->hub = hub;
	p->node = n;
	if (n != NULL)
		hub_heard(n);
	if (n != NULL && n->first != NULL) {
		hub_send(p, n->first);
		return;
	}
	if (timeout <= 0 || hub->closed) {
		p->answer(p, NULL);
		return;
	}
	hub_poll_in(p, PG_MIN(timeout, PG_HUB_POLL_TIME_MAX));
	if (n != NULL)
		hub_poll_trim(n);
}

PG_FN void
pg_hub_unpark(struct pg_hub_poll *p)
{
	if (p->parked)
		hub_poll_out(p);
}

/* ---- What is known of nodes -------------------------------------------------------- */

PG_FN int
pg_hub_health(struct pg_hub *hub, struct pg_str name, struct pg_arena *a,
    struct pg_value **out, struct pg_err *e)
{
	struct hub_node *n = pg_map_get(&hub->nodes, name);

	if (n == NULL)
		return pg_fail(e, PG_E_REMOTE, "Relay target '%.*s' is not "
		    "connected", PG_STR_ARG(name));
	if (!n->online)
		return hub_fail_offline(n, e);
	if (pg_value_copy(a, n->health, out) < 0)
		return pg_fail(e, PG_E_NOMEM, "no memory");
	return 0;
}

static struct pg_value *
hub_node_value(const struct hub_node *n, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "name", n->name);
	pg_put_bool(a, d, "online", n->online);
	pg_put_float(a, d, "last_seen", pg_to_seconds(n->seen));
	pg_put_float(a, d, "last_seen_age", pg_to_seconds(hub_now(n->hub) -
	    n->heard));
	pg_put_int(a, d, "active_polls", (int64_t)n->npolls);
	pg_put_int(a, d, "queue_depth", (int64_t)n->queued);
	pg_put_int(a, d, "in_flight", (int64_t)n->in_flight);
	pg_put(a, d, "last_error", n->error[0] != '\0' ?
	    pg_value_str(a, pg_arena_str(a, pg_str(n->error))) : NULL);
	return d;
}

static int
hub_by_name(const void *x, const void *y)
{
	const struct hub_node *a = *(struct hub_node *const *)x;
	const struct hub_node *b = *(struct hub_node *const *)y;
	int c = memcmp(a->name.p, b->name.p, PG_MIN(a->name.n, b->name.n));

	if (c != 0)
		return c;
	return a->name.n < b->name.n ? -1 : a->name.n > b->name.n;
}

PG_FN size_t
pg_hub_count(const struct pg_hub *hub)
{
	return hub->nodes.n;
}

PG_FN struct pg_value *
pg_hub_nodes(struct pg_hub *hub, struct pg_arena *a)
{
	struct hub_node **all, *n;
	struct pg_value *list;
	size_t at = 0, i = 0;

	all = pg_arena_alloc(a, (hub->nodes.n + 1) * sizeof(*all));
	list = pg_value_list(a);
	if (all == NULL || list == NULL)
		return NULL;
	while ((n = pg_map_next(&hub->nodes, &at)) != NULL)
		all[i++] = n;
	qsort(all, i, sizeof(*all), hub_by_name);
	for (at = 0; at < i; at++)
		pg_value_add(a, list, hub_node_value(all[at], a));
	return list;
}

/* ---- Life -------------------------------------------------------------------------- */

PG_FN struct pg_hub *
pg_hub_new(struct pg_host *h)
{
	struct pg_hub *hub = pg_alloc(sizeof(*hub));

	hub->host = h;
	pg_map_init(&hub->nodes, h->seed);
	pg_map_init(&hub->pending, h->seed);
	return hub;
}

/* No ack will come any more, for we accept no connections. */
static void
hub_close_delivery(struct pg_delivery *d)
{
	struct pg_err e = { 0 };

	if (d->sent)
		pg_fail(&e, PG_E_TIMEOUT, "Relay delivery to '%.*s' got no "
		    "answer before the hub stopped",
		    PG_STR_ARG(d->node->name));
	else
		hub_fail_closed(d->node->hub, &e);
	hub_end(d, NULL, &e);
}

PG_FN void
pg_hub_shutdown(struct pg_hub *hub)
{
	struct hub_node *n;
	struct pg_delivery *d;
	size_t at = 0;

	hub->closed = true;
	while ((n = pg_map_next(&hub->nodes, &at)) != NULL)
		hub_end_polls(n);
	while (hub->strays != NULL)
		hub_poll_end(hub->strays);
	for (at = 0; (d = pg_map_next(&hub->pending, &at)) != NULL; at = 0)
		hub_close_delivery(d);
}

PG_FN void
pg_hub_free(struct pg_hub *hub)
{
	struct hub_node *n;
	struct pg_delivery *d;
	size_t at;

	if (hub == NULL)
		return;
	for (at = 0; (d = pg_map_next(&hub->pending, &at)) != NULL; at = 0) {
		d->done = NULL;
		hub_end(d, NULL, NULL);
	}
	for (at = 0; (n = pg_map_next(&hub->nodes, &at)) != NULL; at = 0) {
		while (n->polls != NULL)
			hub_poll_out(n->polls);
		hub_node_free(n);
	}
	while (hub->strays != NULL)
		hub_poll_out(hub->strays);
	pg_map_fini(&hub->nodes);
	pg_map_fini(&hub->pending);
	free(hub);
}

#undef HUB_REGISTER_TIME
