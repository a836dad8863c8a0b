/* args: options and words of one command, as its table says, and the help
 * that is made of the same table.
 */
#ifndef PG_ARGS_H
#define PG_ARGS_H

#include "../base/buf.h"
#include "forms.h"

/* One option: --name, perhaps -l, perhaps with a value ("--name VALUE" or
 * "--name=VALUE"), perhaps taken from the environment when not given. */
struct pg_option {
	const char *name; /* NULL ends a table */
	char letter;
	const char *value; /* what help calls its value; NULL: has none */
	const char *env;
	const char *help;
};

/* What a command takes besides --help. */
struct pg_spec {
	const char *words; /* as help shows them: "AGENT KIND [key=value...]" */
	size_t min, max;   /* how many */
	const struct pg_option *options; /* its own; NULL: none */
	const char *about; /* sentences for help, in lines of 80 characters */
};

#define PG_WORDS_ANY SIZE_MAX

struct pg_given {
	const struct pg_option *option;
	struct pg_str value;
};

/* A command line that was read. Borrows from argv and the tables. */
struct pg_args {
	const struct pg_spec *spec;
	const struct pg_option *shared; /* options of many commands */
	struct pg_str *words;
	size_t nwords;
	struct pg_given *given; /* in order */
	size_t ngiven;
	bool help; /* asked for: then nothing else was checked */
};

/* Read argv (what follows the command's name). PG_E_USAGE names what is wrong
 * and what is near it. */
PG_FN int pg_args_read(struct pg_args *args, struct pg_arena *a,
    const struct pg_spec *spec, const struct pg_option *shared, int argc,
    char **argv, struct pg_err *e);

/* Option number i of both tables, of which args needs no more; NULL past the
 * end. */
PG_FN const struct pg_option *pg_args_option(const struct pg_args *args,
    size_t i);

/* The value of the last --name given, else of its environment variable unless
 * that is empty; p is NULL when there is neither. name must be in a table. */
PG_FN struct pg_str pg_args_get(const struct pg_args *args, const char *name);
/* Whether the option was given. */
PG_FN bool pg_args_has(const struct pg_args *args, const char *name);
/* Every value of a repeated option, one by one; *at starts at 0. If there is
 * none: every word of its variable. */
PG_FN bool pg_args_next(const struct pg_args *args, const char *name,
    size_t *at, struct pg_str *value);
/* Put the name of the option, or of the variable that stood for it, before the
 * text of e; -1. */
PG_FN int pg_args_blame(const struct pg_args *args, const char *name,
    struct pg_err *e);
/* -1 with PG_E_USAGE naming the option; *out is untouched if not given. */
PG_FN int pg_args_duration(const struct pg_args *args, const char *name,
    int64_t *out, struct pg_err *e);
PG_FN int pg_args_size(const struct pg_args *args, const char *name,
    int64_t *out, struct pg_err *e);
PG_FN int pg_args_int(const struct pg_args *args, const char *name,
    int64_t min, int64_t max, int64_t *out, struct pg_err *e);
PG_FN int pg_args_json(const struct pg_args *args, const char *name,
    struct pg_arena *a, struct pg_value **out, struct pg_err *e);

/* Append the help of the command called name. */
PG_FN void pg_args_help(struct pg_buf *b, const struct pg_args *args,
    const char *name);

#endif
