/* life: commands that put an agent to sleep, wake it, end it, or say where it
 * is.
 *
 * All are silent when it went well, like rm; --json prints what the host said.
 */
#include "life.h"

#include "../host/wire.h"
#include "ask.h"
#include "show.h"

/* POST body to what of the agent that the first word names. */
static int
life_order(struct pg_ask *r, const char *what, const struct pg_value *body,
    struct pg_err *e)
{
	struct pg_value *reply;
	struct pg_target t;

	if (pg_ask_target(r, r->cli->args.words[0], &t, e) < 0 ||
	    pg_ask_agent(r, &t, "POST", what, body, &reply, e) < 0)
		return -1;
	return r->cli->json ? pg_show_json(reply, e) : 0;
}

/* ---- deactivate, activate --------------------------------------------- */

/* What it is to do while it sleeps (PROTOCOL section 4); NULL with e. */
static struct pg_value *
life_policy(struct pg_ask *r, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *policy = pg_value_dict(a);
	struct pg_str at = pg_args_get(args, "at");
	int64_t when = 0;

	pg_put_bool(a, policy, "activate_on_message",
	    !pg_args_has(args, "no-activate-on-message"));
	pg_put_bool(a, policy, "queue_messages_when_inactive",
	    !pg_args_has(args, "no-queue"));
	pg_put_bool(a, policy, "activate_on_startup",
	    pg_args_has(args, "on-startup"));
	if (at.p == NULL)
		return policy;
	if (pg_form_moment(at, &when, e) < 0) {
		pg_wrap(e, "--at");
		return NULL;
	}
	pg_put_float(a, policy, "activate_at", pg_to_seconds(when));
	return policy;
}

static int
life_deactivate(struct pg_ask *r, struct pg_err *e)
{
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *body = pg_value_dict(a), *request = pg_value_dict(a);
	struct pg_value *policy = life_policy(r, e);
	struct pg_str reason = pg_args_get(&r->cli->args, "reason");

	if (policy == NULL)
		return -1;
	if (reason.p == NULL)
		reason = PG_STR("deactivate");
	pg_put_str(a, request, "reason", reason);
	pg_put_strz(a, request, "source", "external");
	pg_put(a, request, "policy", policy);
	pg_put(a, body, "request", request);
	return life_order(r, "/deactivate", body, e);
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
	return life_order(r, "/activate", pg_value_dict(&r->cli->arena), e);
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
	const struct pg_args *args = &r->cli->args;
	struct pg_value *body = pg_value_dict(&r->cli->arena);
	bool here = pg_args_has(args, "here");

	if (here == pg_args_has(args, "gone"))
		return pg_fail(e, PG_E_USAGE, "say either --here or --gone");
	pg_put_bool(&r->cli->arena, body, "here", here);
	return life_order(r, "/resolve", body, e);
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

/* force is an addition of ours to the wire; other hosts ignore it. */
static int
life_dispose(struct pg_ask *r, struct pg_err *e)
{
	struct pg_value *body = pg_value_dict(&r->cli->arena);

	if (pg_args_has(&r->cli->args, "force"))
		pg_put_bool(&r->cli->arena, body, "force", true);
	return life_order(r, "/dispose", body, e);
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
