/* travel: dispatch, clone, retract.
 *
 * The hosts do the work; what we add is the ticket, patience enough for all
 * its attempts, and, for retract, the search for the host that has the agent.
 */
#include "travel.h"

#include "../host/ticket.h"
#include "../host/wire.h"
#include "ask.h"
#include "show.h"

/* Hosts of another make answer a move when the agent's run has ended, or
 * after 30 s. */
#define TRAVEL_SLACK (35 * PG_SEC)
/* One host among those that are asked whether they have an agent. */
#define TRAVEL_SEARCH_TIME (2 * PG_SEC)

#define TRAVEL_TICKET_OPTIONS                                             \
	{ "retries", 0, "N", NULL, "further attempts to get there (0)" }, \
	{ "retry-interval", 0, "TIME", NULL, "between attempts (250ms)" }, \
	{ "require", 0, "CAPABILITY", NULL, "only to a host that has it; "  \
	    "repeatable" },                                               \
	{ "expect-version", 0, "TEXT", NULL, "only to a host of this "     \
	    "mesh version" },                                             \
	{ "arrival-mode", 0, "MODE", NULL, "activate, or inactive: it "    \
	    "sleeps there until it is woken (activate)" },                \
	{ .name = NULL }

/* Where an agent is now, in a form that AGENT takes. */
static int
travel_show(struct pg_ask *r, const struct pg_value *reply, struct pg_err *e)
{
	const struct pg_value *proxy = pg_value_get(reply, "proxy");
	struct pg_str url, id;

	if (r->cli->json)
		return pg_show_json(proxy, e);
	url = pg_value_text(pg_value_get(proxy, "host_url"), PG_STR_NULL);
	id = pg_value_text(pg_value_get(proxy, "agent_id"), PG_STR_NULL);
	return pg_show_text(pg_arena_printf(&r->cli->arena,
	    "%.*s/agents/%.*s", PG_STR_ARG(url), PG_STR_ARG(id)), e);
}

/* What the target must be like, and how to arrive. */
static int
travel_conditions(struct pg_ask *r, struct pg_value *ticket,
    struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *required = pg_value_list(a);
	struct pg_str text;
	size_t at = 0;

	while (pg_args_next(args, "require", &at, &text))
		pg_value_add(a, required, pg_value_str(a, text));
	pg_put(a, ticket, "required_capabilities", required);
	text = pg_args_get(args, "expect-version");
	if (text.p != NULL)
		pg_put_str(a, ticket, "expected_code_version", text);
	text = pg_args_get(args, "arrival-mode");
	if (text.p == NULL)
		return 0;
	if (!pg_str_eqz(text, "activate") && !pg_str_eqz(text, "inactive"))
		return pg_fail(e, PG_E_USAGE, "--arrival-mode: '%.*s' is "
		    "neither activate nor inactive", PG_STR_ARG(text));
	pg_put_str(a, ticket, "arrival_mode", text);
	return 0;
}

/* The ticket that the options describe; NULL with e. r->timeout becomes what
 * all attempts, the look at the target before them, and the arrival may take
 * together. */
static struct pg_value *
travel_ticket(struct pg_ask *r, struct pg_str target, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *t = pg_value_dict(a);
	int64_t interval = 250 * PG_MS, retries = 0;
	int64_t timeout = PG_MIN(r->timeout, PG_TICKET_TIMEOUT_MAX);

	if (pg_args_int(args, "retries", 0, PG_TICKET_RETRIES_MAX, &retries,
	    e) < 0 ||
	    pg_args_duration(args, "retry-interval", &interval, e) < 0)
		return NULL;
	/* What a host would refuse is cut: "none" means as long as may be. */
	interval = PG_MIN(interval, PG_TICKET_INTERVAL_MAX);
	pg_put_str(a, t, "destination", target);
	pg_put_float(a, t, "timeout", pg_to_seconds(timeout));
	pg_put_int(a, t, "retries", retries);
	pg_put_float(a, t, "retry_interval", pg_to_seconds(interval));
	if (travel_conditions(r, t, e) < 0)
		return NULL;
	r->timeout = timeout * (retries + 2) + interval * retries +
	    TRAVEL_SLACK;
	return t;
}

/* dispatch and clone: POST what with a ticket, or with no target at all. */
static int
travel_go(struct pg_ask *r, const char *what, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *body = pg_value_dict(a), *ticket, *reply;
	struct pg_target t;

	if (pg_ask_target(r, args->words[0], &t, e) < 0)
		return -1;
	if (args->nwords > 1) {
		ticket = travel_ticket(r, args->words[1], e);
		if (ticket == NULL)
			return -1;
		pg_put(a, body, "ticket", ticket);
	} else {
		pg_put(a, body, "target", NULL);
	}
	if (pg_ask_agent(r, &t, "POST", what, body, &reply, e) < 0)
		return -1;
	return travel_show(r, reply, e);
}

static int
travel_dispatch(struct pg_ask *r, struct pg_err *e)
{
	return travel_go(r, "/dispatch", e);
}

PG_FN int
pg_dispatch_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = { TRAVEL_TICKET_OPTIONS };
	static const struct pg_spec spec = { "AGENT TARGET", 2, 2, options,
		"Sends an agent to another host, by name or URL, with its "
		"state. It stays where\nit is if it cannot get there; when "
		"that cannot be known it is listed as moving\nuntil it can, "
		"see `paglets help resolve`. Prints its new address. "
		"--timeout is\nfor one attempt; all of them together may take "
		"longer." };

	return pg_ask_run(c, &spec, travel_dispatch, e);
}

static int
travel_clone(struct pg_ask *r, struct pg_err *e)
{
	return travel_go(r, "/clone", e);
}

PG_FN int
pg_clone_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = { TRAVEL_TICKET_OPTIONS };
	static const struct pg_spec spec = { "AGENT [TARGET]", 1, 2, options,
		"Copies an agent, on its host or to another one, and prints "
		"the address of the\ncopy. --timeout is for one attempt; all "
		"of them together may take longer." };

	return pg_ask_run(c, &spec, travel_clone, e);
}

/* ---- retract ---------------------------------------------------------- */

/* Ask one host of the list whether it has the agent. */
static int
travel_search_one(struct pg_ask *r, const struct pg_value *host,
    struct pg_target *t, struct pg_err *e)
{
	struct pg_str url = pg_value_text(pg_value_get(host, "url"),
	    PG_STR_NULL);
	const struct pg_value *online = pg_value_get(host, "online");
	struct pg_target there = *t;
	int64_t timeout = r->timeout;
	int rc;

	if (pg_value_is(online, PG_T_BOOL) && online->u.i == 0)
		return pg_fail(e, PG_E_UNREACHABLE, "%.*s is offline",
		    PG_STR_ARG(url));
	if (pg_url_normalise(&r->cli->arena, url, &there.place.url, e) < 0)
		return -1;
	there.place.named = pg_str_eq(there.place.url, r->entry.url);
	r->timeout = PG_MIN(timeout, TRAVEL_SEARCH_TIME);
	rc = pg_ask_find(r, &there, e);
	r->timeout = timeout;
	if (rc == 0)
		*t = there;
	return rc;
}

/* Find the agent on the hosts that the entry host knows. t->place is the
 * entry host and becomes the one that has it. */
static int
travel_search(struct pg_ask *r, struct pg_target *t, struct pg_err *e)
{
	struct pg_value *reply, *hosts;
	struct pg_err why = { 0 };
	uint32_t i, silent = 0;

	if (pg_ask_get(r, &t->place, "/hosts", &reply, e) < 0)
		return -1;
	hosts = pg_value_get(reply, "hosts");
	for (i = 0; pg_value_is(hosts, PG_T_LIST) && i < hosts->n; i++) {
		if (travel_search_one(r, hosts->u.items[i], t, &why) == 0)
			return 0;
		if (why.code == PG_E_USAGE) {
			*e = why;
			return -1;
		}
		/* Hosts that are away delay nothing but this search. */
		silent += why.code != PG_E_INVALID_AGENT;
	}
	return pg_fail(e, PG_E_INVALID_AGENT, "%.*s: no host it knows has "
	    "agent '%.*s' (%" PRIu32 " of %" PRIu32 " did not answer); say "
	    "where it is: http://HOST:PORT/agents/ID", PG_STR_ARG(t->place.url),
	    PG_STR_ARG(t->id), silent, i);
}

/* Where it is to go: a URL, since not every host knows names. */
static int
travel_home(struct pg_ask *r, struct pg_str *url, struct pg_err *e)
{
	struct pg_value *health;
	struct pg_place at;

	if (pg_ask_place_word(r, 1, &at, e) < 0)
		return -1;
	*url = at.url;
	if (r->cli->args.nwords > 1)
		return 0;
	/* The address that it gives itself, and other hosts know. */
	if (pg_ask_get(r, &at, "/health", &health, e) < 0)
		return -1;
	*url = pg_value_text(pg_value_get(health, "address"), at.url);
	return 0;
}

static int
travel_retract(struct pg_ask *r, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *body = pg_value_dict(a), *reply;
	struct pg_str url;
	struct pg_target t;

	if (pg_ask_target(r, args->words[0], &t, e) < 0 ||
	    travel_home(r, &url, e) < 0)
		return -1;
	/* Who says where it is, is believed. */
	if (memchr(args->words[0].p, '/', args->words[0].n) == NULL &&
	    travel_search(r, &t, e) < 0)
		return -1;
	pg_put_str(a, body, "target", url);
	r->timeout = PG_MIN(r->timeout, PG_DURATION_MAX / 2) + TRAVEL_SLACK;
	if (pg_ask_agent(r, &t, "POST", "/retract", body, &reply, e) < 0)
		return -1;
	return travel_show(r, reply, e);
}

PG_FN int
pg_retract_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "AGENT [TARGET]", 1, 2, NULL,
		"Fetches an agent from the host that has it to TARGET, else "
		"to the entry host.\nAn id alone is looked for on all hosts "
		"that the entry host knows. Prints its new\naddress." };

	return pg_ask_run(c, &spec, travel_retract, e);
}

#undef TRAVEL_SLACK
#undef TRAVEL_SEARCH_TIME
#undef TRAVEL_TICKET_OPTIONS
