/* journey: agents that are made, sent, copied and fetched by a client.
 *
 * The hosts do the work; what we add is the ticket, and patience enough for
 * all its attempts.
 */
#include "journey.h"

#include "../host/ticket.h"
#include "../host/wire.h"
#include "place.h"
#include "proxy.h"

/* ---- tickets ---------------------------------------------------------- */

/* What a host would refuse is cut. */
static int64_t
journey_timeout(const struct paglets_ticket *t)
{
	return t->timeout > 0 ? PG_MIN(pg_session_ns(t->timeout),
	    PG_TICKET_TIMEOUT_MAX) : PG_TICKET_TIMEOUT;
}

static int64_t
journey_interval(const struct paglets_ticket *t)
{
	return t->retry_interval > 0 ? PG_MIN(pg_session_ns(
	    t->retry_interval), PG_TICKET_INTERVAL_MAX) : 250 * PG_MS;
}

static int64_t
journey_retries(const struct paglets_ticket *t)
{
	return PG_MAX(PG_MIN(t->retries, PG_TICKET_RETRIES_MAX), 0);
}

/* What all attempts, the look at the target before them, and the arrival may
 * take together. */
static int64_t
journey_patience(const struct paglets_ticket *t)
{
	return journey_timeout(t) * (journey_retries(t) + 2) +
	    journey_interval(t) * journey_retries(t) + PG_PROXY_SLACK;
}

PG_API struct paglets_value *
paglets_ticket_value(struct paglets_call *c, const struct paglets_ticket *t)
{
	struct paglets_value *d = paglets_dict(c), *required =
	    paglets_list(c);
	size_t i;

	for (i = 0; t->capabilities != NULL && t->capabilities[i] != NULL; i++)
		paglets_add(c, required,
		    paglets_text(c, t->capabilities[i]));
	paglets_set(c, d, "destination", paglets_text(c, t->destination));
	paglets_set(c, d, "timeout", paglets_float(c,
	    pg_to_seconds(journey_timeout(t))));
	paglets_set(c, d, "retries", paglets_int(c, journey_retries(t)));
	paglets_set(c, d, "retry_interval", paglets_float(c,
	    pg_to_seconds(journey_interval(t))));
	paglets_set(c, d, "required_capabilities", required);
	if (t->expected_version != NULL)
		paglets_set(c, d, "expected_code_version",
		    paglets_text(c, t->expected_version));
	if (t->inactive)
		paglets_set(c, d, "arrival_mode",
		    paglets_text(c, "inactive"));
	return d;
}

/* ---- going ------------------------------------------------------------ */

#define JOURNEY_TAG "tag:"

/* "tag:TAG"; hosts know names, but not this. */
static bool
journey_is_tag(const char *target)
{
	return target != NULL &&
	    strncmp(target, JOURNEY_TAG, strlen(JOURNEY_TAG)) == 0;
}

/* The URL of a target; NULL is the entry host. */
static int
journey_find(struct paglets_client *c, const char *target,
    struct pg_str *url)
{
	if (!journey_is_tag(target))
		return pg_place_find(c, pg_str(target), url);
	if (target[strlen(JOURNEY_TAG)] == '\0')
		return pg_fail(&c->err, PG_E_USAGE, "'%s' names no tag",
		    target);
	*url = pg_str(paglets_client_pick(c, target + strlen(JOURNEY_TAG)));
	return url->p != NULL ? 0 : -1;
}

/* POST what with a ticket, or with no target at all. */
static struct pg_value *
journey_go(struct paglets_proxy *p, const char *what,
    const struct paglets_ticket *t)
{
	struct paglets_client *c = p->client;
	struct pg_value *body = pg_value_dict(&c->arena);
	struct paglets_ticket ticket;
	struct pg_str url;

	if (t == NULL) {
		pg_put(&c->arena, body, "target", NULL);
		return pg_proxy_ask(p, "POST", what, body, 0);
	}
	ticket = *t;
	if (t->destination != NULL && t->destination[0] == '\0') {
		pg_fail(&c->err, PG_E_USAGE, "the target is an empty text; "
		    "give a URL, a name, or tag:TAG");
		return NULL;
	}
	if (journey_is_tag(t->destination)) {
		if (journey_find(c, t->destination, &url) < 0)
			return NULL;
		ticket.destination = url.p;
	}
	pg_put(&c->arena, body, "ticket", pg_value_inner(
	    paglets_ticket_value(&c->values, &ticket)));
	return pg_proxy_ask(p, "POST", what, body, journey_patience(t));
}

PG_API int
paglets_proxy_dispatch_ticket(struct paglets_proxy *p,
    const struct paglets_ticket *t)
{
	const struct pg_value *reply = journey_go(p, "/dispatch", t);

	return reply != NULL ? pg_proxy_follow(p, reply) : -1;
}

PG_API int
paglets_proxy_dispatch(struct paglets_proxy *p, const char *target)
{
	const struct paglets_ticket t = { .destination = target };

	return paglets_proxy_dispatch_ticket(p, &t);
}

PG_API struct paglets_proxy *
paglets_proxy_clone_ticket(struct paglets_proxy *p,
    const struct paglets_ticket *t)
{
	const struct pg_value *reply = journey_go(p, "/clone", t);

	return reply == NULL ? NULL : paglets_proxy_from_value(p->client,
	    pg_value_outer(pg_value_get(reply, "proxy")));
}

PG_API struct paglets_proxy *
paglets_proxy_clone(struct paglets_proxy *p, const char *target)
{
	const struct paglets_ticket t = { .destination = target };

	return paglets_proxy_clone_ticket(p, target != NULL ? &t : NULL);
}

/* Where it is to go: a URL, since not every host knows names. That of the
 * entry host is the one that it gives itself, and other hosts know. */
static int
journey_home(struct paglets_client *c, const char *target,
    struct pg_str *url)
{
	return target != NULL ? journey_find(c, target, url) :
	    pg_place_home(c, url);
}

PG_API int
paglets_proxy_retract(struct paglets_proxy *p, const char *target)
{
	struct paglets_client *c = p->client;
	struct pg_value *body = pg_value_dict(&c->arena), *reply;
	struct pg_str url;

	if (journey_home(c, target, &url) < 0)
		return -1;
	pg_put_str(&c->arena, body, "target", url);
	reply = pg_proxy_ask(p, "POST", "/retract", body, c->timeout +
	    PG_PROXY_SLACK);
	return reply != NULL ? pg_proxy_follow(p, reply) : -1;
}

/* ---- creation --------------------------------------------------------- */

/* The class with this name among those of a host; NULL: none. */
static const struct pg_value *
journey_class(const struct pg_value *classes, struct pg_str name)
{
	const struct pg_value *v;
	uint32_t i;

	for (i = 0; pg_value_is(classes, PG_T_LIST) && i < classes->n; i++) {
		v = classes->u.items[i];
		if (pg_str_eq(pg_value_text(pg_value_get(v, "name"),
		    PG_STR_NULL), name))
			return v;
	}
	return NULL;
}

/* The wire wants it by name, people know only the class: ask the host. Only
 * one of another make has no such route. p NULL: the client's error. */
static struct pg_str
journey_state_class(struct paglets_client *c, struct pg_str url,
    const struct paglets_creation *what)
{
	struct pg_str name = pg_str(what->agent_class), told;
	const struct pg_value *reply;

	if (what->state_class != NULL)
		return pg_str(what->state_class);
	reply = pg_session_get(c, url, PG_STR("/classes"), 0);
	if (reply == NULL && c->err.code != PG_E_HOST)
		return PG_STR_NULL;
	told = pg_value_text(pg_value_get(journey_class(pg_value_get(reply,
	    "classes"), name), "state_class_name"), PG_STR_NULL);
	return told.n > 0 ? told : pg_fields_state_name(&c->arena, name);
}

static void
journey_text(struct paglets_call *v, struct paglets_value *d,
    const char *key, const char *text)
{
	if (text != NULL)
		paglets_set(v, d, key, paglets_text(v, text));
}

static struct paglets_value *
journey_creation(struct paglets_call *v, const struct paglets_creation *what)
{
	struct paglets_value *d = paglets_dict(v);

	journey_text(v, d, "agent_class_name", what->agent_class);
	journey_text(v, d, "agent_id", what->agent_id);
	journey_text(v, d, "restart", what->restart);
	paglets_set(v, d, "state", what->state != NULL ? what->state :
	    paglets_dict(v));
	paglets_set(v, d, "init", what->init);
	return d;
}

/* Everything that the user wrote is checked before anything is sent. */
static int
journey_check(struct paglets_client *c, const struct paglets_creation *what)
{
	if (what->agent_id != NULL &&
	    pg_wire_check_id(pg_str(what->agent_id), &c->err) < 0) {
		c->err.code = PG_E_USAGE;
		return -1;
	}
	if (what->restart != NULL && strcmp(what->restart, "never") != 0 &&
	    strcmp(what->restart, "on-crash") != 0)
		return pg_fail(&c->err, PG_E_USAGE, "restart: '%s' is neither "
		    "never nor on-crash", what->restart);
	return 0;
}

PG_API struct paglets_proxy *
paglets_client_create(struct paglets_client *c,
    const struct paglets_creation *what)
{
	struct pg_question q = { .method = "POST", .path =
	    PG_STR("/agents") };
	struct paglets_value *body;
	struct pg_str state_class;
	const struct pg_value *reply;

	if (journey_check(c, what) < 0 ||
	    journey_find(c, what->target, &q.url) < 0)
		return NULL;
	state_class = journey_state_class(c, q.url, what);
	if (state_class.p == NULL)
		return NULL;
	body = journey_creation(&c->values, what);
	pg_put_str(&c->arena, pg_value_inner(body), "state_class_name",
	    state_class);
	q.body = pg_value_inner(body);
	reply = pg_session_ask(c, &q);
	return reply == NULL ? NULL : paglets_proxy_from_value(c,
	    pg_value_outer(pg_value_get(reply, "proxy")));
}

#undef JOURNEY_TAG
