/* agents: commands about agents: list, look at, create, call.
 *
 * Each is one table of options and one function that asks through a client;
 * moves are in travel.c, sleep and end in life.c.
 */
#include "agents.h"

#include "../client/enclose.h"
#include "holdings.h"
#include "ask.h"
#include "offline.h"
#include "progress.h"
#include "show.h"

#include <unistd.h>

/* What is said of words that are fields or arguments. */
#define AGENTS_MEMBERS                                                    \
	"  key=text    a text; where a number is wanted, a number too\n"       \
	"  key:=json   any JSON value: n:=2, list:='[1, 2]', on:=true\n"       \
	"  @FILE, -    all members of the JSON object in a file, on stdin\n"   \
	"Later words win."

/* ---- agents ----------------------------------------------------------- */

/* One word for where it is in its life. */
static const char *
agents_status(const struct pg_value *agent)
{
	switch (paglets_status_of(pg_value_outer(agent))) {
	case PAGLETS_GONE:
		return "gone";
	case PAGLETS_ACTIVE:
		return "active";
	case PAGLETS_INACTIVE:
		return "inactive";
	case PAGLETS_CRASHED:
		return "crashed";
	case PAGLETS_STARTING:
		return "starting";
	case PAGLETS_MOVING:
		return "moving";
	}
	return "";
}

/* What the table shows beside the plain columns. */
struct agents_table {
	struct pg_table t;
	bool host;  /* which one it is on */
	bool since; /* those that sleep are among them */
};

static void
agents_table_init(struct agents_table *t, struct pg_ask *r, bool host)
{
	static const char *const heads[] = { "HOST", "ID", "CLASS", "STATUS",
		"PID", "QUEUED", "ERROR", NULL };
	static const char *const all_heads[] = { "HOST", "ID", "CLASS",
		"STATUS", "SINCE", "PID", "QUEUED", "ERROR", NULL };

	t->host = host;
	t->since = pg_args_has(&r->cli->args, "all");
	pg_table_init(&t->t, &r->cli->arena, (t->since ? all_heads : heads) +
	    !host);
}

/* Resources and counters are for `info`. */
static void
agents_row(struct agents_table *at, struct pg_str host,
    const struct pg_value *agent)
{
	struct pg_table *t = &at->t;

	if (at->host)
		pg_table_put(t, host);
	pg_table_put_value(t, pg_value_get(agent, "agent_id"));
	pg_table_put_value(t, pg_value_get(agent, "class_name"));
	pg_table_put(t, pg_str(agents_status(agent)));
	if (at->since)
		pg_table_put_time(t, pg_value_get(agent, "deactivated_at"));
	pg_table_put_value(t, pg_value_get(agent, "pid"));
	pg_table_put_value(t, pg_value_get(pg_value_get(agent, "mailbox"),
	    "queued_count"));
	pg_table_put_value(t, pg_value_get(agent, "error"));
}

static void
agents_rows(struct agents_table *t, struct pg_str host,
    const struct pg_value *list)
{
	uint32_t i;

	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++)
		agents_row(t, host, list->u.items[i]);
}

static int
agents_show(struct pg_ask *r, struct pg_value *reply, struct pg_err *e)
{
	struct agents_table t;

	agents_table_init(&t, r, false);
	agents_rows(&t, PG_STR_NULL, pg_value_get(reply, "agents"));
	return pg_table_show(&t.t, e);
}

static int
agents_show_all(struct pg_ask *r, struct pg_value *rows, struct pg_err *e)
{
	const struct pg_value *row;
	struct agents_table t;
	uint32_t i;

	agents_table_init(&t, r, true);
	for (i = 0; i < rows->n; i++) {
		row = rows->u.items[i];
		agents_rows(&t, pg_value_text(pg_value_get(row, "name"),
		    PG_STR_NULL), pg_value_get(row, "agents"));
	}
	return pg_table_show(&t.t, e);
}

static int
agents_list(struct pg_ask *r, struct pg_err *e)
{
	const char *state = pg_args_has(&r->cli->args, "all") ? "all" : NULL;
	int all = pg_ask_all_hosts(r, e);
	size_t failed;

	if (all < 0)
		return -1;
	if (all)
		return pg_ask_show_many(r, paglets_client_agents_many(
		    r->client, NULL, state, 0, &failed), &failed,
		    agents_show_all, e);
	return pg_ask_show(r, paglets_client_agents(r->client,
	    pg_ask_word(r, 0), state), agents_show, e);
}

PG_FN int
pg_agents_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "all", 'a', NULL, NULL, "also those that sleep (inactive, "
		    "and since when), are starting, or are moving" },
		PG_ASK_ALL_HOSTS,
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "[HOST | --all-hosts]", 0, 1,
		options, "Lists the agents on a host, or on all: those that "
		"are active or have crashed." };

	return pg_ask_run(c, &spec, agents_list, e);
}

/* ---- info, state ------------------------------------------------------ */

static int
agents_show_info(struct pg_ask *r, struct pg_value *info, struct pg_err *e)
{
	return pg_table_of(&r->cli->arena, info, e);
}

static int
agents_info(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_proxy *p = pg_ask_agent(r, e);
	const struct paglets_value *info;

	if (p == NULL)
		return -1;
	info = paglets_proxy_info(p);
	paglets_proxy_free(p);
	return pg_ask_show(r, info, agents_show_info, e);
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
agents_show_state(struct pg_ask *r, struct pg_value *reply, struct pg_err *e)
{
	(void)r;
	return pg_show_value(pg_value_get(reply, "state"), e);
}

static int
agents_state(struct pg_ask *r, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_str dir = pg_args_get(args, "offline");
	const struct paglets_value *state;
	struct paglets_proxy *p;

	if (dir.p != NULL)
		return pg_offline_state(r->cli, dir, args->nwords > 0 ?
		    args->words[0] : PG_STR_NULL, e);
	if (args->nwords == 0)
		return pg_fail(e, PG_E_USAGE, "too few words; it takes AGENT, "
		    "or --offline DIR");
	p = pg_ask_agent(r, e);
	if (p == NULL)
		return -1;
	state = paglets_proxy_state(p);
	paglets_proxy_free(p);
	return pg_ask_show(r, state, agents_show_state, e);
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

/* The files that go with a message. Lies on the stack of the command. */
struct agents_files {
	struct paglets_enclosure all[PG_ENCLOSE_MAX];
	uint64_t done[PG_ENCLOSE_MAX], total[PG_ENCLOSE_MAX];
	size_t n;
	struct pg_progress progress;
};

/* One of them; arg is where its figures are. */
struct agents_file {
	struct agents_files *files;
	size_t i;
};

static void
agents_on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct agents_file *file = arg;
	struct agents_files *fs = file->files;
	size_t i;

	fs->done[file->i] = done;
	fs->total[file->i] = total;
	done = total = 0;
	for (i = 0; i < fs->n; i++) {
		done += fs->done[i];
		total += fs->total[i];
	}
	pg_progress_show(&fs->progress, done, total, 1, 0);
}

/* Send what path names along, as argument key. */
static int
agents_enclose(struct pg_ask *r, struct agents_files *fs, struct pg_str key,
    struct pg_str path, struct pg_err *e)
{
	struct pg_arena *a = &r->cli->arena;
	struct agents_file *file = pg_arena_zalloc(a, sizeof(*file));
	struct paglets_enclosure *x;

	if (path.n == 0 || pg_utf8_valid(key, false) < key.n)
		return pg_fail(e, PG_E_USAGE, "'%.*s=@artifact:%.*s' is no "
		    "argument; write key=@artifact:FILE", PG_STR_ARG(key),
		    PG_STR_ARG(path));
	if (fs->n == PG_ENCLOSE_MAX)
		return pg_fail(e, PG_E_USAGE, "over %d files with one "
		    "message", PG_ENCLOSE_MAX);
	*file = (struct agents_file){ fs, fs->n };
	x = &fs->all[fs->n];
	*x = (struct paglets_enclosure){ .arg = pg_arena_str(a, key).p,
		.file = { .path = path.p, .timeout = r->timeout,
		    .move = pg_args_has(&r->cli->args, "move"),
		    .on_progress = agents_on_progress, .arg = file } };
	if (pg_str_eqz(path, "-")) {
		x->file.path = NULL;
		x->file.has_fd = true;
		x->file.fd = pg_holdings_stdin(e);
		if (x->file.fd < 0)
			return -1;
	}
	fs->n++;
	return 0;
}

/* Words from number i on, as members of one dict; those that stand for files
 * become members of fs, which is NULL where there are none. */
static struct pg_value *
agents_members(struct pg_ask *r, size_t i, struct agents_files *fs,
    struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_value *dict = pg_value_dict(&r->cli->arena);
	struct pg_str key, path;
	int rc;

	for (; i < args->nwords; i++) {
		if (!pg_form_enclosure(args->words[i], &key, &path))
			rc = pg_form_member(&r->cli->arena, args->words[i],
			    dict, e);
		else if (fs == NULL)
			rc = pg_fail(e, PG_E_USAGE, "'%.*s': files go with "
			    "`call` only", PG_STR_ARG(args->words[i]));
		else
			rc = agents_enclose(r, fs, key, path, e);
		if (rc < 0)
			return NULL;
	}
	return dict;
}

/* The message that the command line describes. */
static int
agents_message(struct pg_ask *r, struct paglets_outgoing *m,
    struct agents_files *fs, struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;
	struct pg_value *arg = NULL;

	m->kind = pg_ask_word(r, 1);
	if (pg_utf8_valid(pg_str(m->kind), false) < strlen(m->kind))
		return pg_fail(e, PG_E_USAGE, "'%s' is no UTF-8", m->kind);
	m->oneway = pg_args_has(args, "oneway");
	m->has_priority = pg_args_has(args, "priority");
	m->args = pg_value_outer(agents_members(r, 2, fs, e));
	if (m->args == NULL ||
	    pg_args_json(args, "arg", &r->cli->arena, &arg, e) < 0 ||
	    pg_args_int(args, "priority", INT64_MIN, INT64_MAX, &m->priority,
	    e) < 0)
		return -1;
	m->arg = pg_value_outer(arg);
	if (pg_args_has(args, "move") && fs->n == 0)
		return pg_fail(e, PG_E_USAGE, "--move: no file goes with the "
		    "message");
	return 0;
}

static int
agents_show_result(struct pg_ask *r, struct pg_value *v, struct pg_err *e)
{
	/* There is none, and "null" would look like one. */
	if (pg_args_has(&r->cli->args, "oneway"))
		return 0;
	return pg_show_value(v, e);
}

/* The message, once it is known what goes with it. */
static int
agents_send(struct pg_ask *r, const struct paglets_outgoing *m,
    struct agents_files *fs, struct pg_err *e)
{
	struct paglets_proxy *p = pg_ask_agent(r, e);
	const struct paglets_value *result;

	if (p == NULL)
		return -1;
	if (fs->n > 0)
		result = paglets_proxy_send_files(p, m, fs->all, fs->n);
	else
		result = paglets_proxy_send_message(p, m);
	pg_progress_wipe(&fs->progress);
	paglets_proxy_free(p);
	return pg_ask_show(r, result, agents_show_result, e);
}

static int
agents_call(struct pg_ask *r, struct pg_err *e)
{
	struct agents_files *fs = pg_arena_zalloc(&r->cli->arena,
	    sizeof(*fs));
	struct paglets_outgoing m = { .kind = NULL };
	size_t i;
	int rc;

	pg_progress_init(&fs->progress, !r->cli->json);
	rc = agents_message(r, &m, fs, e);
	if (rc == 0)
		rc = agents_send(r, &m, fs, e);
	for (i = 0; i < fs->n; i++)
		if (fs->all[i].file.has_fd)
			close(fs->all[i].file.fd);
	return rc;
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
		{ "move", 0, NULL, NULL, "remove the files that went with it, "
		    "once it has been handled" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = {
		"AGENT KIND [key=text|key:=json|@FILE|-]...", 2, PG_WORDS_ANY,
		options, "Sends a message to an agent and prints the result: "
		"text as it is, anything else\nas JSON. The words after KIND "
		"are its arguments:\n\n" AGENTS_MEMBERS " A text "
		"@artifact:FILE stands for the reference of a file, which\n"
		"goes to the agent's host first, and is removed there if the "
		"message fails. For\nexample:\n\n"
		"  paglets call kim get\n"
		"  paglets call kim increment by=2 tag=hello\n"
		"  paglets call beta/kim echo list:='[1, 2]'\n"
		"  paglets call kim echo scan=@artifact:scan.tiff" };

	return pg_ask_run(c, &spec, agents_call, e);
}

/* ---- create ----------------------------------------------------------- */

/* Whether a host can create this class; near gets all that it can. */
static bool
agents_has_class(struct pg_ask *r, const struct paglets_value *list,
    const char *name, struct pg_nearest *near)
{
	struct paglets_call *v = paglets_client_values(r->client);
	const char *class;
	size_t i;

	for (i = 0; i < paglets_count(list); i++) {
		class = paglets_as_text(v, paglets_get(paglets_item(list, i),
		    "name"));
		if (class != NULL && strcmp(class, name) == 0)
			return true;
		if (class != NULL)
			pg_nearest_try(near, class);
	}
	return false;
}

/* The host has refused: perhaps because it has no such class. */
static int
agents_explain_class(struct pg_ask *r, const struct paglets_creation *what,
    struct pg_err *e)
{
	struct pg_nearest near = { .word = pg_str(what->agent_class) };
	const struct paglets_value *reply;

	pg_ask_failed(r, e);
	if (e->code != PG_E_SERIAL || what->state_class != NULL)
		return -1;
	/* Whoever was picked is not named by that: it is not asked again. */
	if (what->target != NULL && strncmp(what->target, "tag:", 4) == 0)
		return pg_fail(e, e->code, "%s; `paglets classes HOST` lists "
		    "those of a host", e->msg);
	reply = paglets_client_classes(r->client, what->target);
	if (reply == NULL || agents_has_class(r, paglets_get(reply,
	    "classes"), what->agent_class, &near))
		return -1;
	if (near.best != NULL)
		return pg_fail(e, e->code, "%s; did you mean '%s'?", e->msg,
		    near.best);
	return pg_fail(e, e->code, "%s; `paglets classes` lists what there is",
	    e->msg);
}

/* What the command line describes. */
static int
agents_creation(struct pg_ask *r, struct paglets_creation *what,
    struct pg_err *e)
{
	struct pg_value *init = NULL;

	what->agent_class = pg_ask_word(r, 0);
	what->state = pg_value_outer(agents_members(r, 1, NULL, e));
	if (what->state == NULL || pg_args_json(&r->cli->args, "init",
	    &r->cli->arena, &init, e) < 0)
		return -1;
	what->init = pg_value_outer(init);
	what->agent_id = pg_ask_option(r, "id");
	what->restart = pg_ask_option(r, "restart");
	what->state_class = pg_ask_option(r, "state-class");
	what->target = pg_ask_option(r, "on");
	return 0;
}

static int
agents_create(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_creation what = { .agent_class = NULL };
	struct paglets_proxy *p;
	int rc;

	if (agents_creation(r, &what, e) < 0)
		return -1;
	p = paglets_client_create(r->client, &what);
	if (p == NULL)
		return agents_explain_class(r, &what, e);
	if (r->cli->json)
		rc = pg_show_json(pg_value_inner(paglets_get(
		    paglets_client_answer(r->client), "proxy")), e);
	else
		rc = pg_show_text(pg_str(paglets_proxy_agent_id(p)), e);
	paglets_proxy_free(p);
	return rc;
}

PG_FN int
pg_create_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "on", 0, "HOST", NULL, "the host it is to live on; tag:TAG: "
		    "of those that have the tag the one with the fewest "
		    "active agents (the entry host)" },
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
