/* life: commands that put an agent to sleep, wake it, end it, or say where it
 * is.
 *
 * All are silent when it went well, like rm; --json prints what the host said.
 */
#include "life.h"

#include "ask.h"
#include "show.h"

/* How an order to the agent that p was for went; frees p. */
static int
life_done(struct pg_ask *r, struct paglets_proxy *p, int rc,
    struct pg_err *e)
{
	paglets_proxy_free(p);
	return pg_ask_show(r, rc == 0 ? paglets_client_answer(r->client) :
	    NULL, NULL, e);
}

/* ---- deactivate, activate --------------------------------------------- */

/* What it is to do while it sleeps. */
static int
life_sleep(struct pg_ask *r, struct paglets_sleep *how, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_str at = pg_args_get(args, "at");
	int64_t when = 0;

	how->reason = pg_ask_option(r, "reason");
	how->deaf = pg_args_has(args, "no-activate-on-message");
	how->no_queue = pg_args_has(args, "no-queue");
	how->on_startup = pg_args_has(args, "on-startup");
	if (at.p == NULL)
		return 0;
	if (pg_form_moment(at, &when, e) < 0)
		return pg_wrap(e, "--at");
	how->activate_at = pg_to_seconds(when);
	return 0;
}

static int
life_deactivate(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_sleep how = { .reason = NULL };
	struct paglets_proxy *p;

	if (life_sleep(r, &how, e) < 0)
		return -1;
	p = pg_ask_agent(r, e);
	if (p == NULL)
		return -1;
	return life_done(r, p, paglets_proxy_deactivate(p, &how), e);
}

PG_FN int
pg_deactivate_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "reason", 0, "TEXT", NULL, "why, as events tell "
		    "(deactivate)" },
		{ "no-activate-on-message", 0, NULL, NULL, "messages do not "
		    "wake it: they wait until something else does" },
		{ "no-queue", 0, NULL, NULL, "nor do they wait: those that "
		    "would are refused" },
		{ "on-startup", 0, NULL, NULL, "wake it when its host "
		    "starts" },
		{ "at", 0, "WHEN", NULL, "wake it at a time: +5s, +2h, 18:30, "
		    "'2026-12-24 18:30' (of this machine's zone), "
		    "2026-12-24T18:30:00Z" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "AGENT", 1, 1, options,
		"Puts an agent to sleep, behind the message that it works on: "
		"its process ends,\nits state is kept on disk. The next "
		"message wakes it, unless an option says\notherwise." };

	return pg_ask_run(c, &spec, life_deactivate, e);
}

static int
life_activate(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_proxy *p = pg_ask_agent(r, e);

	if (p == NULL)
		return -1;
	return life_done(r, p, paglets_proxy_activate(p), e);
}

PG_FN int
pg_activate_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "AGENT", 1, 1, NULL,
		"Wakes an agent that sleeps. Messages that waited for it are "
		"delivered first." };

	return pg_ask_run(c, &spec, life_activate, e);
}

/* ---- resolve ---------------------------------------------------------- */

static int
life_resolve(struct pg_ask *r, struct pg_err *e)
{
	bool here = pg_args_has(&r->cli->args, "here");
	struct paglets_proxy *p;

	if (here == pg_args_has(&r->cli->args, "gone"))
		return pg_fail(e, PG_E_USAGE, "say either --here or --gone");
	p = pg_ask_agent(r, e);
	if (p == NULL)
		return -1;
	return life_done(r, p, paglets_proxy_resolve(p, here), e);
}

PG_FN int
pg_resolve_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "here", 0, NULL, NULL, "it did not get there: it goes on "
		    "here" },
		{ "gone", 0, NULL, NULL, "it is there: forget it here" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "AGENT --here|--gone", 1, 1,
		options, "Decides where an agent is that is listed as moving because "
		"the host it was sent\nto does not answer any more. Hosts "
		"find out by themselves as soon as it does:\nthis is for "
		"targets that are gone for good. If you are wrong, the agent "
		"is on\nboth hosts, or on none." };

	return pg_ask_run(c, &spec, life_resolve, e);
}

/* ---- dispose ---------------------------------------------------------- */

static int
life_dispose(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_proxy *p = pg_ask_agent(r, e);

	if (p == NULL)
		return -1;
	return life_done(r, p, paglets_proxy_dispose(p,
	    pg_args_has(&r->cli->args, "force")), e);
}

PG_FN int
pg_dispose_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "force", 0, NULL, NULL, "do not wait for what it is doing" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "AGENT", 1, 1, options,
		"Ends an agent and forgets its state." };

	return pg_ask_run(c, &spec, life_dispose, e);
}
