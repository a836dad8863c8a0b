/* cli: one run of the program.
 *
 * Finds the command, hands over, and renders how it ended: a failure is one
 * line on stderr and the exit status of its code (base/err.h).
 */
#include "cli.h"

#include "../host/core.h"
#include "../host/wire.h"
#include "../os/file.h"
#include "show.h"

#include <fcntl.h>
#include <unistd.h>

/* ---- commands --------------------------------------------------------- */

PG_FN const struct pg_command *
pg_cli_find(const struct pg_command *commands, const char *name)
{
	const struct pg_command *m;

	for (m = commands; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

PG_FN const char *
pg_cli_nearest(const struct pg_command *commands, const char *name)
{
	struct pg_nearest near = { .word = pg_str(name) };
	const struct pg_command *m;

	for (m = commands; m->name != NULL; m++)
		pg_nearest_try(&near, m->name);
	return near.best;
}

/* Say that there is no such command, and which one may have been meant. */
static int
cli_unknown(const struct pg_command *commands, const char *name,
    struct pg_err *e)
{
	const char *near = pg_cli_nearest(commands, name);

	if (name[0] == '-')
		return pg_fail(e, PG_E_USAGE, "%s: no command before it; "
		    "write `paglets COMMAND ... %s`", name, name);
	if (near != NULL)
		return pg_fail(e, PG_E_USAGE, "unknown command '%s'; did you "
		    "mean '%s'?", name, near);
	return pg_fail(e, PG_E_USAGE, "unknown command '%s'; `paglets help` "
	    "lists all", name);
}

/* The command to be run for argv[1]; what people try first works too. NULL
 * with e: argv names none. */
static const char *
cli_command_name(int argc, char **argv, struct pg_err *e)
{
	if (argc < 2) {
		pg_fail(e, PG_E_USAGE, "no command; `paglets help` lists "
		    "them");
		return NULL;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return "help";
	if (strcmp(argv[1], "--version") == 0)
		return "version";
	return argv[1];
}

PG_FN int
pg_cli_main(const struct pg_command *commands, const char *version,
    int argc, char **argv)
{
	struct pg_cli c = { .commands = commands, .version = version };
	struct pg_err e = { 0 };
	const char *name = cli_command_name(argc, argv, &e);
	int rc = -1;

	/* The arena is never large: answers of hosts lie elsewhere. */
	if (name != NULL) {
		c.argc = argc - 2;
		c.argv = argv + 2;
		c.command = pg_cli_find(commands, name);
		if (c.command != NULL)
			rc = c.command->run(&c, &e);
		else
			cli_unknown(commands, name, &e);
	}
	if (rc < 0 && e.code != PG_E_OK)
		pg_show_error(c.command != NULL ? c.command->name : NULL, &e);
	pg_arena_fini(&c.arena);
	return rc < 0 ? pg_code_exit(e.code) : 0;
}

PG_FN bool
pg_cli_is_called(const char *argv0, const char *name)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash != NULL ? slash + 1 : argv0, name) == 0;
}

PG_FN void
pg_cli_open_std(void)
{
	/* Who reads stdin or writes to stdout is still told that there is
	 * none: what was asked for must not vanish in silence. */
	static const int flags[] = { O_WRONLY, O_RDONLY, O_RDWR };
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* open() gives the lowest free one: those below are taken. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) < 0)
			_exit(pg_code_exit(PG_E_SYS));
}

static int
cli_survey(struct pg_cli *c, const struct pg_spec *spec,
    const struct pg_option *shared)
{
	const struct pg_args args = { .spec = spec, .shared = shared };
	const struct pg_option *o;
	size_t i;

	for (i = 0; (o = pg_args_option(&args, i)) != NULL; i++)
		c->survey->on_option(c->survey->arg, o);
	return -1;
}

PG_FN int
pg_cli_read(struct pg_cli *c, const struct pg_spec *spec,
    const struct pg_option *shared, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);

	if (c->survey != NULL)
		return cli_survey(c, spec, shared);
	if (pg_args_read(&c->args, &c->arena, spec, shared, c->argc, c->argv,
	    e) < 0)
		return -1;
	/* -1 with no code in e ends the command, and is no failure. */
	if (c->args.help) {
		pg_args_help(&b, &c->args, c->command->name);
		pg_show_text(pg_buf_str(&b), e);
		pg_buf_fini(&b);
		return -1;
	}
	c->json = pg_args_has(&c->args, "json");
	return 0;
}

/* ---- the API key ------------------------------------------------------ */

/* Line ends and blanks around the key do not count: editors add them. */
static int
cli_key_from_file(struct pg_cli *c, const char *path, struct pg_str *key,
    struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(PG_KEY_MAX + 2);
	int rc = pg_file_read(path, &b, e);

	if (rc == 0)
		*key = pg_arena_str(&c->arena, pg_str_trim(pg_buf_str(&b)));
	pg_buf_fini(&b);
	return rc;
}

/* needed: the user named this variable, so its absence is no way to say that
 * there is no key. */
static int
cli_key_from_env(const char *name, bool needed, struct pg_str *key,
    struct pg_err *e)
{
	const char *text = getenv(name);

	if (needed && (text == NULL || text[0] == '\0'))
		return pg_fail(e, PG_E_USAGE, "environment variable %s, which "
		    "is to hold the API key, is not set", name);
	*key = pg_str(text);
	return 0;
}

/* A key goes into a header field: what could end or split one is refused. */
static int
cli_key_check(struct pg_str key, struct pg_err *e)
{
	size_t i;

	if (key.n > PG_KEY_MAX)
		return pg_fail(e, PG_E_USAGE, "the API key is over %d bytes "
		    "long", PG_KEY_MAX);
	for (i = 0; i < key.n; i++)
		if (key.p[i] <= ' ' || key.p[i] > '~')
			return pg_fail(e, PG_E_USAGE, "the API key holds a "
			    "blank, a control or a non-ASCII character; "
			    "generate one with `openssl rand -hex 32`");
	return 0;
}

PG_FN int
pg_cli_key(struct pg_cli *c, struct pg_str *key, struct pg_err *e)
{
	struct pg_str env = pg_args_get(&c->args, "api-key-env");
	struct pg_str file = pg_args_get(&c->args, "api-key-file");
	int rc;

	*key = PG_STR_NULL;
	if (env.p != NULL && file.p != NULL)
		return pg_fail(e, PG_E_USAGE, "--api-key-env and "
		    "--api-key-file are given; which one holds the key?");
	if (file.p != NULL)
		rc = cli_key_from_file(c, file.p, key, e);
	else
		rc = cli_key_from_env(env.p != NULL ? env.p
		    : "PAGLETS_API_KEY", env.p != NULL, key, e);
	if (rc == 0 && file.p != NULL && key->n == 0)
		rc = pg_fail(e, PG_E_USAGE, "%s holds no API key", file.p);
	return rc == 0 ? cli_key_check(*key, e) : -1;
}

/* ---- help and version ------------------------------------------------- */

static const char cli_overview[] =
    "\nAGENT is an id, the beginning of one, HOST/ID, or a URL as commands "
    "print it,\nhttp://HOST:PORT/agents/ID. An id alone is looked for on the "
    "entry host, then on\nall that it knows. HOST is a URL, HOST:PORT, or a "
    "name that the entry host knows\n(`paglets hosts` lists them). The entry "
    "host is --entry, else PAGLETS_ENTRY,\nelse the one at "
    "http://127.0.0.1:8765, else one that is found near this\nmachine.\n\n"
    "TIME is 5s, 250ms, 2m or 1h, SIZE is 512K, 8M or 1G; both may be none. "
    "In help,\n[NAME] is the environment variable that counts when an option "
    "is not given; if\nthat is repeatable, with blanks between; and (...) "
    "what holds when neither is.\nCommands print for people; with --json, "
    "one JSON document.\n\n"
    "Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 authentication,\n"
    "  5 unreachable, 6 timed out, 7 refused, at a limit or in conflict,\n"
    "  8 some of several failed.\n\n"
    "`paglets help COMMAND` tells more.\n";

/* The help of the whole program, made of the table in paglets.c. */
static int
cli_show_overview(const struct pg_cli *c, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	const struct pg_command *m;
	int rc;

	pg_buf_putz(&b, "usage: paglets COMMAND ...\n\n"
	    "One program that is a host of agents and a client of hosts.\n\n");
	for (m = c->commands; m->name != NULL; m++)
		pg_buf_printf(&b, "  %-12s%s\n", m->name, m->help);
	pg_buf_putz(&b, cli_overview);
	rc = pg_show_text(pg_buf_str(&b), e);
	pg_buf_fini(&b);
	return rc;
}

PG_FN int
pg_help_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "[COMMAND [VERB]]", 0, 2, NULL,
		"Lists the commands, or explains one." };
	static char help[] = "--help";
	char **ask = pg_arena_zalloc(&c->arena, 3 * sizeof(*ask));

	if (pg_cli_read(c, &spec, NULL, e) < 0)
		return -1;
	if (c->args.nwords == 0)
		return cli_show_overview(c, e);
	c->command = pg_cli_find(c->commands, c->args.words[0].p);
	if (c->command == NULL)
		return cli_unknown(c->commands, c->args.words[0].p, e);
	/* Only the command itself has its table of options, and knows what
	 * verbs it has. */
	c->argc = 0;
	c->argv = ask;
	if (c->args.nwords > 1)
		ask[c->argc++] = (char *)(uintptr_t)c->args.words[1].p;
	ask[c->argc++] = help;
	return c->command->run(c, e);
}

PG_FN int
pg_version_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = { PG_CLI_JSON_OPTION,
		{ .name = NULL } };
	static const struct pg_spec spec = { "", 0, 0, options,
		"Prints the version of this program." };
	struct pg_value *v;

	if (pg_cli_read(c, &spec, NULL, e) < 0)
		return -1;
	if (!c->json)
		return pg_show_text(pg_arena_printf(&c->arena, "paglets %s",
		    c->version), e);
	v = pg_value_dict(&c->arena);
	pg_put_strz(&c->arena, v, "version", c->version);
	pg_put_strz(&c->arena, v, "code_version", PG_WIRE_VERSION);
	return pg_show_json(v, e);
}
