/* travel: dispatch, clone, retract.
 *
 * Options become a ticket; for retract, the agent is looked for first.
 */
#include "travel.h"

#include "../host/ticket.h"
#include "ask.h"
#include "show.h"

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

/* Where an agent is now, in a form that AGENT takes. Frees p, which NULL is
 * for a failure. */
static int
travel_show(struct pg_ask *r, struct paglets_proxy *p, struct pg_err *e)
{
	int rc;

	if (p == NULL)
		return pg_ask_failed(r, e);
	if (r->cli->json)
		rc = pg_show_json(pg_value_inner(paglets_get(
		    paglets_client_answer(r->client), "proxy")), e);
	else
		rc = pg_show_text(pg_arena_printf(&r->cli->arena,
		    "%s/agents/%s", paglets_proxy_host_url(p),
		    paglets_proxy_agent_id(p)), e);
	paglets_proxy_free(p);
	return rc;
}

/* The same when an order to p went so. */
static int
travel_done(struct pg_ask *r, struct paglets_proxy *p, int rc,
    struct pg_err *e)
{
	if (rc == 0)
		return travel_show(r, p, e);
	paglets_proxy_free(p);
	return travel_show(r, NULL, e);
}

/* What the target must be like, and how to arrive. */
static int
travel_conditions(struct pg_ask *r, struct paglets_ticket *t,
    struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	const char *mode = pg_ask_option(r, "arrival-mode"), **required;
	struct pg_str text;
	size_t at = 0, n = 0;

	required = pg_arena_zalloc(&r->cli->arena,
	    (PG_TRAVEL_REQUIRED_MAX + 1) * sizeof(*required));
	while (pg_args_next(args, "require", &at, &text)) {
		if (n == PG_TRAVEL_REQUIRED_MAX)
			return pg_fail(e, PG_E_USAGE, "--require: over %d of "
			    "them", PG_TRAVEL_REQUIRED_MAX);
		required[n++] = text.p;
	}
	t->capabilities = required;
	t->expected_version = pg_ask_option(r, "expect-version");
	t->inactive = mode != NULL && strcmp(mode, "inactive") == 0;
	if (mode != NULL && !t->inactive && strcmp(mode, "activate") != 0)
		return pg_fail(e, PG_E_USAGE, "--arrival-mode: '%s' is "
		    "neither activate nor inactive", mode);
	return 0;
}

/* The ticket that the options describe. */
static int
travel_ticket(struct pg_ask *r, struct paglets_ticket *t, struct pg_err *e)
{
	t->destination = pg_ask_word(r, 1);
	t->timeout = r->timeout;
	if (pg_args_int(&r->cli->args, "retries", 0, PG_TICKET_RETRIES_MAX,
	    &t->retries, e) < 0 ||
	    pg_ask_duration(r, "retry-interval", &t->retry_interval, e) < 0)
		return -1;
	return travel_conditions(r, t, e);
}

static int
travel_dispatch(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_ticket t = { .destination = NULL };
	struct paglets_proxy *p;

	if (travel_ticket(r, &t, e) < 0)
		return -1;
	p = pg_ask_agent(r, e);
	if (p == NULL)
		return -1;
	return travel_done(r, p, paglets_proxy_dispatch_ticket(p, &t), e);
}

PG_FN int
pg_dispatch_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = { TRAVEL_TICKET_OPTIONS };
	static const struct pg_spec spec = { "AGENT TARGET", 2, 2, options,
		"Sends an agent to another host with its state: by name, "
		"URL, or tag:TAG: of\nthose that have the tag the one with the "
		"fewest active agents. It stays where it\nis if it cannot get "
		"there; when that cannot be known it is listed as moving\nuntil "
		"it can, see `paglets help resolve`. Prints its new address. "
		"--timeout is\nfor one attempt; all of them together may take "
		"longer." };

	return pg_ask_run(c, &spec, travel_dispatch, e);
}

static int
travel_clone(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_ticket t = { .destination = NULL };
	struct paglets_proxy *p, *copy;

	if (travel_ticket(r, &t, e) < 0)
		return -1;
	p = pg_ask_agent(r, e);
	if (p == NULL)
		return -1;
	copy = paglets_proxy_clone_ticket(p, t.destination != NULL ? &t :
	    NULL);
	paglets_proxy_free(p);
	return travel_show(r, copy, e);
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

static int
travel_retract(struct pg_ask *r, struct pg_err *e)
{
	const char *word = pg_ask_word(r, 0);
	struct paglets_proxy *p;

	/* Who says where it is, is believed. */
	if (strchr(word, '/') != NULL)
		p = paglets_proxy_find(r->client, word);
	else
		p = paglets_client_find(r->client, NULL, word);
	if (p == NULL)
		return pg_ask_failed(r, e);
	return travel_done(r, p, paglets_proxy_retract(p, pg_ask_word(r, 1)),
	    e);
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

#undef TRAVEL_TICKET_OPTIONS
