/* agents: commands about agents: list, look at, create, call.
 *
 * Each is one table of options and one function that asks the host. What
 * moves an agent is in travel.c, what ends or wakes one in life.c.
 */
#include "agents.h"

#include "../agent/fields.h"
#include "../host/wire.h"
#include "../os/rand.h"
#include "ask.h"
#include "locate.h"
#include "offline.h"
#include "show.h"

/* What is said of words that are fields or arguments. */
#define AGENTS_MEMBERS                                                    \
	"  key=text    a text; where a number is wanted, a number too\n"       \
	"  key:=json   any JSON value: n:=2, list:='[1, 2]', on:=true\n"       \
	"  @FILE, -    all members of the JSON object in a file, on stdin\n"   \
	"Later words win."

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

/* Resources and counters are for `info`. since: those that sleep are among
 * them. */
static void
agents_row(struct pg_table *t, const struct pg_value *agent, bool since)
{
	pg_table_put_value(t, pg_value_get(agent, "agent_id"));
	pg_table_put_value(t, pg_value_get(agent, "class_name"));
	pg_table_put(t, pg_str(agents_status(agent)));
	if (since)
		pg_table_put_time(t, pg_value_get(agent, "deactivated_at"));
	pg_table_put_value(t, pg_value_get(agent, "pid"));
	pg_table_put_value(t, pg_value_get(pg_value_get(agent, "mailbox"),
	    "queued_count"));
	pg_table_put_value(t, pg_value_get(agent, "error"));
}

static int
agents_list(struct pg_ask *r, struct pg_err *e)
{
	static const char *const heads[] = { "ID", "CLASS", "STATUS", "PID",
		"QUEUED", "ERROR", NULL };
	static const char *const all_heads[] = { "ID", "CLASS", "STATUS",
		"SINCE", "PID", "QUEUED", "ERROR", NULL };
	bool all = pg_args_has(&r->cli->args, "all");
	struct pg_value *reply, *list;
	struct pg_place at;
	struct pg_table t;
	uint32_t i;

	if (pg_ask_place_word(r, 0, &at, e) < 0 || pg_ask_get(r, &at,
	    all ? "/agents?state=all" : "/agents", &reply, e) < 0)
		return -1;
	if (r->cli->json)
		return pg_show_json(reply, e);
	list = pg_value_get(reply, "agents");
	pg_table_init(&t, &r->cli->arena, all ? all_heads : heads);
	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++)
		agents_row(&t, list->u.items[i], all);
	return pg_table_show(&t, e);
}

PG_FN int
pg_agents_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "all", 'a', NULL, NULL, "also those that sleep (inactive, "
		    "and since when), are starting, or are moving" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "[HOST]", 0, 1, options,
		"Lists the agents on a host: those that are active or have "
		"crashed." };

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
	const struct pg_args *args = &r->cli->args;
	struct pg_str dir = pg_args_get(args, "offline");
	struct pg_target t;
	struct pg_value *reply;

	if (dir.p != NULL)
		return pg_offline_state(r->cli, dir, args->nwords > 0 ?
		    args->words[0] : PG_STR_NULL, e);
	if (args->nwords == 0)
		return pg_fail(e, PG_E_USAGE, "too few words; it takes AGENT, "
		    "or --offline DIR");
	if (pg_ask_target(r, args->words[0], &t, e) < 0 ||
	    pg_ask_agent(r, &t, "GET", "/state", NULL, &reply, e) < 0)
		return -1;
	if (r->cli->json)
		return pg_show_json(reply, e);
	return pg_show_value(pg_value_get(reply, "state"), e);
}

PG_FN int
pg_state_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "offline", 0, "DIR", NULL, "ask no host: look into the "
		    "folder of one, which may be stopped or running; without "
		    "AGENT: list what is there" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = {
		"AGENT | --offline DIR [AGENT]", 0, 1, options,
		"Prints the state of an agent. With --json: all that is known "
		"beside it.\n\n"
		"  paglets state kim\n"
		"  paglets state --offline ~/.local/state/paglets/alpha kim" };

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
	/* It may still be on its way to where it says that it is. */
	result = pg_locate(r, &t, pg_value_get(reply, "result"));
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
		{ "priority", 0, "N", NULL, "higher goes first; 0: before all "
		    "that wait (5)" },
		{ "arg", 0, "JSON", NULL, "the message's `arg`: a value "
		    "beside its arguments" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = {
		"AGENT KIND [key=text|key:=json|@FILE|-]...", 2, PG_WORDS_ANY,
		options, "Sends a message to an agent and prints the result: "
		"text as it is, anything else\nas JSON. The words after KIND "
		"are its arguments:\n\n" AGENTS_MEMBERS " For example:\n\n"
		"  paglets call kim get\n"
		"  paglets call kim increment by=2 tag=hello\n"
		"  paglets call beta/kim echo list:='[1, 2]'" };

	return pg_ask_run(c, &spec, agents_call, e);
}

/* ---- create ----------------------------------------------------------- */

/* What a creation is made of, beside what the words say. */
struct agents_creation {
	struct pg_place at;
	struct pg_value *classes; /* as the host lists them; NULL: not asked */
	const struct pg_value *class; /* of them; NULL: none has that name */
};

static const struct pg_value *
agents_class(const struct pg_value *classes, struct pg_str name)
{
	const struct pg_value *c;
	uint32_t i;

	for (i = 0; pg_value_is(classes, PG_T_LIST) && i < classes->n; i++) {
		c = classes->u.items[i];
		if (pg_str_eq(pg_value_text(pg_value_get(c, "name"),
		    PG_STR_NULL), name))
			return c;
	}
	return NULL;
}

/* Ask for the classes there are. Only a host of another make has no such
 * route. */
static int
agents_get_classes(struct pg_ask *r, struct agents_creation *new,
    struct pg_err *e)
{
	struct pg_value *reply;
	struct pg_err why = { 0 };

	if (pg_ask_get(r, &new->at, "/classes", &reply, &why) == 0) {
		new->classes = pg_value_get(reply, "classes");
		new->class = agents_class(new->classes,
		    r->cli->args.words[0]);
	} else if (why.code != PG_E_HOST) {
		*e = why;
		return -1;
	}
	return 0;
}

/* The wire wants it by name, people know only the class. */
static struct pg_str
agents_state_class(struct pg_ask *r, const struct agents_creation *new)
{
	struct pg_str given = pg_args_get(&r->cli->args, "state-class");
	struct pg_str told = pg_value_text(pg_value_get(new->class,
	    "state_class_name"), PG_STR_NULL);

	if (given.p != NULL)
		return given;
	return told.n > 0 ? told : pg_fields_state_name(&r->cli->arena,
	    r->cli->args.words[0]);
}

/* The host has refused: perhaps because it has no such class. */
static int
agents_explain_class(struct pg_ask *r, const struct agents_creation *new,
    struct pg_err *e)
{
	struct pg_nearest near = { .word = r->cli->args.words[0] };
	const struct pg_value *list = new->classes;
	uint32_t i;

	if (e->code != PG_E_SERIAL || list == NULL || new->class != NULL)
		return -1;
	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++)
		pg_nearest_try(&near, pg_arena_str(&r->cli->arena,
		    pg_value_text(pg_value_get(list->u.items[i], "name"),
		    PG_STR(""))).p);
	if (near.best != NULL)
		return pg_fail(e, e->code, "%s; did you mean '%s'?", e->msg,
		    near.best);
	return pg_fail(e, e->code, "%s; `paglets classes` lists what there is",
	    e->msg);
}

/* The body of the request, but for what only the host knows; NULL with e:
 * something that the user wrote makes no sense. */
static struct pg_value *
agents_creation_body(struct pg_ask *r, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_arena *a = &r->cli->arena;
	struct pg_str id = pg_args_get(args, "id");
	struct pg_str restart = pg_args_get(args, "restart");
	struct pg_value *body = pg_value_dict(a), *init = NULL;
	struct pg_value *state = agents_members(r, 1, e);

	if (state == NULL || pg_args_json(args, "init", a, &init, e) < 0)
		return NULL;
	pg_put_str(a, body, "agent_class_name", args->words[0]);
	pg_put(a, body, "state", state);
	pg_put(a, body, "init", init);
	if (id.p != NULL && pg_wire_check_id(id, e) < 0) {
		e->code = PG_E_USAGE;
		pg_wrap(e, "--id");
		return NULL;
	}
	if (id.p != NULL)
		pg_put_str(a, body, "agent_id", id);
	if (restart.p != NULL && !pg_str_eqz(restart, "never") &&
	    !pg_str_eqz(restart, "on-crash")) {
		pg_fail(e, PG_E_USAGE, "--restart: '%.*s' is neither never "
		    "nor on-crash", PG_STR_ARG(restart));
		return NULL;
	}
	if (restart.p != NULL)
		pg_put_str(a, body, "restart", restart);
	return body;
}

static int
agents_create(struct pg_ask *r, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct agents_creation new = { .classes = NULL };
	struct pg_value *body = agents_creation_body(r, e), *reply;

	/* Everything that the user wrote is checked before anything is sent. */
	if (body == NULL ||
	    pg_ask_place(r, pg_args_get(args, "on"), &new.at, e) < 0)
		return -1;
	if (!pg_args_has(args, "state-class") &&
	    agents_get_classes(r, &new, e) < 0)
		return -1;
	pg_put_str(&r->cli->arena, body, "state_class_name",
	    agents_state_class(r, &new));
	if (pg_ask(r, &new.at, "POST", PG_STR("/agents"), body, &reply, e) < 0)
		return agents_explain_class(r, &new, e);
	reply = pg_value_get(reply, "proxy");
	if (r->cli->json)
		return pg_show_json(reply, e);
	return pg_show_value(pg_value_get(reply, "agent_id"), e);
}

PG_FN int
pg_create_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "on", 0, "HOST", NULL, "the host it is to live on (the "
		    "entry host)" },
		{ "id", 0, "ID", NULL, "its id (the host chooses one)" },
		{ "init", 0, "JSON", NULL, "what its creation hook is told" },
		{ "restart", 0, "WHEN", NULL, "on-crash: when its process "
		    "dies, from what was last written to disk, at most 5 "
		    "times in 60 s; never: only if its class says so "
		    "(never)" },
		{ "state-class", 0, "NAME", NULL, "class of its state (the "
		    "host is asked)" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = {
		"CLASS [key=text|key:=json|@FILE|-]...", 1, PG_WORDS_ANY,
		options, "Creates an agent and prints its id. `paglets "
		"classes` lists classes. The words\nafter CLASS are fields of "
		"its state:\n\n" AGENTS_MEMBERS " For example:\n\n"
		"  paglets create paglets_demo.counter:CounterPaglet --id kim\n"
		"  paglets create paglets_demo.counter:CounterPaglet count:=3 "
		"label=hello" };

	return pg_ask_run(c, &spec, agents_create, e);
}

#undef AGENTS_MEMBERS
