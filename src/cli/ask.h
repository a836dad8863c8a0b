/* ask: what all commands but `serve` are made of: a client (paglets.h) as the
 * options describe it, and its failures in the words of a command line.
 */
#ifndef PG_ASK_H
#define PG_ASK_H

#include "../agent/fields.h"
#include "cli.h"

/* Owner: pg_ask_run. */
struct pg_ask {
	struct pg_cli *cli;
	struct paglets_client *client;
	int64_t timeout; /* ms; 0: not given */
};

/* A whole command: read the command line by its table, then run it. */
PG_FN int pg_ask_run(struct pg_cli *c, const struct pg_spec *spec,
    int (*run)(struct pg_ask *r, struct pg_err *e), struct pg_err *e);

/* What the client failed with, and what could be tried. Returns -1. */
PG_FN int pg_ask_failed(struct pg_ask *r, struct pg_err *e);

/* Word number i; NULL: there is none, which stands for the entry host. */
PG_FN const char *pg_ask_word(const struct pg_ask *r, size_t i);
/* The value of an option; NULL: not given. */
PG_FN const char *pg_ask_option(const struct pg_ask *r, const char *name);
/* A time given by an option, in ms; 0: not given. */
PG_FN int pg_ask_duration(struct pg_ask *r, const char *name, int64_t *ms,
    struct pg_err *e);

/* The agent that the first word names, not yet looked for; NULL with e. */
PG_FN struct paglets_proxy *pg_ask_agent(struct pg_ask *r, struct pg_err *e);

/* Show an answer as JSON or with show (NULL: not at all); -1 with e for
 * NULL, which stands for a failure of the client. */
PG_FN int pg_ask_show(struct pg_ask *r, const struct paglets_value *v,
    int (*show)(struct pg_ask *r, struct pg_value *v, struct pg_err *e),
    struct pg_err *e);
/* The same for a list that paglets_client_*_many gave: those that failed are
 * named on stderr, and then it fails with PG_E_PARTLY. As JSON it is the list
 * "hosts" of a dict. */
PG_FN int pg_ask_show_many(struct pg_ask *r, const struct paglets_value *rows,
    const size_t *failed, int (*show)(struct pg_ask *r, struct pg_value *v,
    struct pg_err *e), struct pg_err *e);

/* Of commands that ask one host or all. 1: all; 0: the first word; -1: both
 * were given. */
PG_FN int pg_ask_all_hosts(struct pg_ask *r, struct pg_err *e);
#define PG_ASK_ALL_HOSTS                                                  \
	{ "all-hosts", 0, NULL, NULL, "ask all hosts that the entry host " \
	    "knows, at once; those that fail are named, and the exit "     \
	    "status is 8" }

#endif
