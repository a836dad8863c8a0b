/* agents: commands about agents: list, look at, create, call, end.
 *
 * Each is one table of options and one function that asks the host. What
 * moves an agent is in travel.c.
 */
#include "agents.h"

#include "../agent/fields.h"
#include "../host/wire.h"
#include "../os/rand.h"
#include "ask.h"
#include "show.h"

/* ---- agents ----------------------------------------------------------- */

static bool
agents_true(const struct pg_value *agent, const char *key)
{
	const struct pg_value *v = pg_value_get(agent, key);

	return pg_value_is(v, PG_T_BOOL) && v->u.i != 0;
}

/* One word for where it is in its life. */
static const char *
agents_status(const struct pg_value *agent)
{
	if (agents_true(agent, "crashed"))
		return "crashed";
	if (agents_true(agent, "moving"))
		return "moving";
	if (agents_true(agent, "active"))
		return "active";
	/* Only what has a process has a pid. */
	return pg_value_get(agent, "pid") != NULL ? "starting" : "inactive";
}

/* `agents`: one row each; resources and counters are for `info`. */
static int
agents_list(struct pg_ask *r, struct pg_err *e)
{
	static const char *const heads[] = { "ID", "CLASS", "STATUS", "PID",
		"QUEUED", "ERROR", NULL };
	bool all = pg_args_has(&r->cli->args, "all");
	struct pg_value *reply, *list, *agent;
	struct pg_place at;
	struct pg_table t;
	uint32_t i;

	if (pg_ask_place_word(r, 0, &at, e) < 0 || pg_ask_get(r, &at,
	    all ? "/agents?state=all" : "/agents", &reply, e) < 0)
		return -1;
	if (r->cli->json)
		return pg_show_json(reply, e);
	list = pg_value_get(reply, "agents");
	pg_table_init(&t, &r->cli->arena, heads);
	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++) {
		agent = list->u.items[i];
		pg_table_put_value(&t, pg_value_get(agent, "agent_id"));
		pg_table_put_value(&t, pg_value_get(agent, "class_name"));
		pg_table_put(&t, pg_str(agents_status(agent)));
		pg_table_put_value(&t, pg_value_get(agent, "pid"));
		pg_table_put_value(&t, pg_value_get(pg_value_get(agent,
		    "mailbox"), "queued_count"));
		pg_table_put_value(&t, pg_value_get(agent, "error"));
	}
	return pg_table_show(&t, e);
}

PG_FN int
pg_agents_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "all", 'a', NULL, NULL, "inactive ones too" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "[HOST]", 0, 1, options,
		"Lists the agents on a host." };

	return pg_ask_run(c, &spec, agents_list, e);
}

/* ---- info, state ------------------------------------------------------ */

static int
agents_info(struct pg_ask *r, struct pg_err *e)
{
	struct pg_target t;
	struct pg_value *reply;

	if (pg_ask_target(r, r->cli->args.words[0], &t, e) < 0 ||
	    pg_ask_agent(r, &t, "GET", "", NULL, &reply, e) < 0)
		return -1;
	if (r->cli->json)
		return pg_show_json(reply, e);
	return pg_table_of(&r->cli->arena, reply, e);
}

PG_FN int
pg_info_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "AGENT", 1, 1, NULL,
		"Tells what the host knows of an agent: class, process, "
		"mailbox." };

	return pg_ask_run(c, &spec, agents_info, e);
}

static int
agents_state(struct pg_ask *r, struct pg_err *e)
{
	struct pg_target t;
	struct pg_value *reply;

	if (pg_ask_target(r, r->cli->args.words[0], &t, e) < 0 ||
	    pg_ask_agent(r, &t, "GET", "/state", NULL, &reply, e) < 0)
		return -1;
	if (r->cli->json)
		return pg_show_json(reply, e);
	return pg_show_value(pg_value_get(reply, "state"), e);
}

PG_FN int
pg_state_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "AGENT", 1, 1, NULL,
		"Prints the state of an agent. With --json: all that the host "
		"says about it." };

	return pg_ask_run(c, &spec, agents_state, e);
}

/* ---- call ------------------------------------------------------------- */

/* Words from number i on, as members of one dict. */
static struct pg_value *
agents_members(struct pg_ask *r, size_t i, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_value *dict = pg_value_dict(&r->cli->arena);

	for (; i < args->nwords; i++)
		if (pg_form_member(&r->cli->arena, args->words[i], dict, e) <
		    0)
			return NULL;
	return dict;
}

/* The body of the request; NULL with e. The message gets its id here, so that
 * a host which sees it twice can tell. */
static struct pg_value *
agents_message(struct pg_ask *r, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	bool oneway = pg_args_has(args, "oneway");
	struct pg_value *message = pg_value_dict(a), *arg = NULL, *body;
	struct pg_value *members = agents_members(r, 2, e);
	int64_t priority = 5;
	char id[PG_ID_LEN + 1];

	if (members == NULL || pg_args_json(args, "arg", a, &arg, e) < 0 ||
	    pg_args_int(args, "priority", INT64_MIN, INT64_MAX, &priority,
	    e) < 0)
		return NULL;
	pg_rand_id(id);
	pg_put_str(a, message, "kind", args->words[1]);
	pg_put(a, message, "args", members);
	pg_put(a, message, "arg", arg);
	pg_put_int(a, message, "priority", priority);
	pg_put_int(a, message, "message_type", oneway ? 2 : 0);
	pg_put_str(a, message, "message_id", pg_arena_str(a, pg_str(id)));
	body = pg_value_dict(a);
	pg_put(a, body, "message", message);
	pg_put_bool(a, body, "oneway", oneway);
	return body;
}

static int
agents_call(struct pg_ask *r, struct pg_err *e)
{
	struct pg_value *body = agents_message(r, e), *reply, *result;
	struct pg_target t;

	if (body == NULL ||
	    pg_ask_target(r, r->cli->args.words[0], &t, e) < 0 ||
	    pg_ask_agent(r, &t, "POST", "/messages", body, &reply, e) < 0)
		return -1;
	result = pg_value_get(reply, "result");
	if (r->cli->json)
		return pg_show_json(result, e);
	/* There is none, and "null" would look like one. */
	if (pg_args_has(&r->cli->args, "oneway"))
		return 0;
	return pg_show_value(result, e);
}

PG_FN int
pg_call_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "oneway", 0, NULL, NULL, "do not wait for a result" },
		{ "priority", 0, "N", NULL, "higher goes first, 0 before all "
		    "that wait (5)" },
		{ "arg", 0, "JSON", NULL, "the single argument `arg`" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = {
		"AGENT KIND [key=text|key:=json|@FILE|-]...", 2, PG_WORDS_ANY,
		options, "Sends a message to an agent and prints the result: "
		"text as it is, anything else\nas JSON. @FILE and - (stdin) "
		"hold a JSON object of arguments; later words win." };

	return pg_ask_run(c, &spec, agents_call, e);
}

/* ---- create ----------------------------------------------------------- */

/* What the host says is the state class of this class; p NULL: it does not
 * know, or does not tell. */
static struct pg_str
agents_told_state_class(const struct pg_value *classes, struct pg_str name)
{
	const struct pg_value *c;
	uint32_t i;

	for (i = 0; pg_value_is(classes, PG_T_LIST) && i < classes->n; i++) {
		c = classes->u.items[i];
		if (pg_str_eq(pg_value_text(pg_value_get(c, "name"),
		    PG_STR_NULL), name))
			return pg_value_text(pg_value_get(c,
			    "state_class_name"), PG_STR_NULL);
	}
	return PG_STR_NULL;
}

/* The wire wants it by name, people know only the class. */
static int
agents_state_class(struct pg_ask *r, const struct pg_place *at,
    struct pg_str name, struct pg_str *out, struct pg_err *e)
{
	struct pg_value *reply;
	struct pg_err why = { 0 };

	*out = pg_args_get(&r->cli->args, "state-class");
	if (out->p != NULL)
		return 0;
	if (pg_ask_get(r, at, "/classes", &reply, &why) == 0)
		*out = agents_told_state_class(pg_value_get(reply, "classes"),
		    name);
	else if (why.code != PG_E_HOST) {
		*e = why;
		return -1;
	}
	/* Only a host of another make has no such route. */
	if (out->n == 0)
		*out = pg_fields_state_name(&r->cli->arena, name);
	return 0;
}

static int
agents_create(struct pg_ask *r, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *body = pg_value_dict(a), *init = NULL, *reply;
	struct pg_value *state = agents_members(r, 1, e);
	struct pg_str state_class, id = pg_args_get(args, "id");
	struct pg_place at;

	/* Everything that the user wrote is checked before anything is sent. */
	if (state == NULL || pg_args_json(args, "init", a, &init, e) < 0)
		return -1;
	if (id.p != NULL && pg_wire_check_id(id, e) < 0) {
		e->code = PG_E_USAGE;
		return pg_wrap(e, "--id");
	}
	if (pg_ask_place(r, pg_args_get(args, "on"), &at, e) < 0 ||
	    agents_state_class(r, &at, args->words[0], &state_class, e) < 0)
		return -1;
	pg_put_str(a, body, "agent_class_name", args->words[0]);
	pg_put_str(a, body, "state_class_name", state_class);
	pg_put(a, body, "state", state);
	pg_put(a, body, "init", init);
	if (id.p != NULL)
		pg_put_str(a, body, "agent_id", id);
	if (pg_ask(r, &at, "POST", PG_STR("/agents"), body, &reply, e) < 0)
		return -1;
	reply = pg_value_get(reply, "proxy");
	if (r->cli->json)
		return pg_show_json(reply, e);
	return pg_show_value(pg_value_get(reply, "agent_id"), e);
}

PG_FN int
pg_create_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "on", 0, "HOST", NULL, "URL or name of the host it is to "
		    "live on (the entry host)" },
		{ "id", 0, "ID", NULL, "its id, else the host chooses one" },
		{ "init", 0, "JSON", NULL, "what its creation hook is told" },
		{ "state-class", 0, "NAME", NULL, "class of its state, else "
		    "the host is asked" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = {
		"CLASS [key=text|key:=json|@FILE|-]...", 1, PG_WORDS_ANY,
		options, "Creates an agent and prints its id. The words after "
		"CLASS are fields of its state.\n`paglets classes` lists "
		"classes." };

	return pg_ask_run(c, &spec, agents_create, e);
}

/* ---- dispose ---------------------------------------------------------- */

/* Silent when it went well, like rm. force is an addition of ours to the
 * wire; other hosts ignore it. */
static int
agents_dispose(struct pg_ask *r, struct pg_err *e)
{
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *body = pg_value_dict(a), *reply;
	struct pg_target t;

	if (pg_args_has(&r->cli->args, "force"))
		pg_put_bool(a, body, "force", true);
	if (pg_ask_target(r, r->cli->args.words[0], &t, e) < 0 ||
	    pg_ask_agent(r, &t, "POST", "/dispose", body, &reply, e) < 0)
		return -1;
	return r->cli->json ? pg_show_json(reply, e) : 0;
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

	return pg_ask_run(c, &spec, agents_dispose, e);
}
