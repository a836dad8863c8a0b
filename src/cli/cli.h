/* cli: one run of the program: which command, what it was told, how it ends.
 */
#ifndef PG_CLI_H
#define PG_CLI_H

#include "../base/mem.h"
#include "args.h"

/* Bytes of an API key: so many at most; fewer than that deserve a warning. */
#define PG_KEY_MAX 1024
#define PG_KEY_WEAK 16

struct pg_cli;

/* One line of the table in paglets.c. run returns 0, or -1: then e says why,
 * or has no code when help was asked for and shown. */
struct pg_command {
	const char *name; /* NULL ends a table */
	int (*run)(struct pg_cli *c, struct pg_err *e);
	const char *help;
};

/* Who asks commands what they take, instead of running them. */
struct pg_survey {
	void (*on_verb)(void *arg, const struct pg_command *verb);
	void (*on_option)(void *arg, const struct pg_option *o);
	void *arg;
};

/* Owner: pg_cli_main. */
struct pg_cli {
	struct pg_arena arena; /* freed at the end of the run */
	const char *version;
	const struct pg_command *commands, *command;
	const struct pg_survey *survey; /* NULL: commands are run */
	int argc; /* what follows the command's name */
	char **argv;
	struct pg_args args; /* once read */
	bool json;
};

/* Run the command that argv[1] names. The exit status. */
PG_FN int pg_cli_main(const struct pg_command *commands, const char *version,
    int argc, char **argv);

/* NULL: there is none of that name; none that it could stand for. */
PG_FN const struct pg_command *pg_cli_find(const struct pg_command *commands,
    const char *name);
PG_FN const char *pg_cli_nearest(const struct pg_command *commands,
    const char *name);

/* Whether argv[0], a path perhaps, says that the program is called name. */
PG_FN bool pg_cli_is_called(const char *argv0, const char *name);
/* Open /dev/null for each of the descriptors 0 to 2 that is closed, so that
 * no socket of ours is taken for one of them; 0 can not be read then, 1 not
 * be written to. */
PG_FN void pg_cli_open_std(void);

/* Commands begin with this: read the command line into c->args, or show the
 * help of the command, or tell the survey what it takes. */
PG_FN int pg_cli_read(struct pg_cli *c, const struct pg_spec *spec,
    const struct pg_option *shared, struct pg_err *e);

/* Rows for the options that pg_cli_key needs. */
#define PG_CLI_KEY_OPTIONS                                                \
	{ "api-key-env", 0, "NAME", NULL, "environment variable that "    \
	    "holds the API key (PAGLETS_API_KEY)" },                      \
	{ "api-key-file", 0, "FILE", NULL, "file that holds the API key" }
#define PG_CLI_JSON_OPTION                                                \
	{ "json", 0, NULL, NULL, "print one JSON document" }

/* The API key, never taken from argv; empty if there is none. */
PG_FN int pg_cli_key(struct pg_cli *c, struct pg_str *key, struct pg_err *e);

PG_FN int pg_help_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_version_run(struct pg_cli *c, struct pg_err *e);

#endif
