/* ask: requests to a host, one at a time, each waited for: what all commands
 * but `serve` are made of.
 */
#ifndef PG_ASK_H
#define PG_ASK_H

#include "../net/client.h"
#include "cli.h"

#define PG_ASK_ENTRY "http://127.0.0.1:8765"
#define PG_ASK_TIMEOUT (10 * PG_SEC)          /* of one request, default */
#define PG_ASK_REPLY_MAX ((size_t)256 << 20)  /* bytes of an answer */
#define PG_ASK_VALUES_MAX ((size_t)2 << 30)   /* bytes, once decoded */
#define PG_ASK_PATIENCE PG_SEC /* then the user is told what we wait for */

/* A host, and whether the user named its address: only then does the API key
 * go there (DESIGN section 7). */
struct pg_place {
	struct pg_str url; /* normalised */
	bool named;
};

/* An agent on its host. */
struct pg_target {
	struct pg_place place;
	struct pg_str id; /* perhaps only its beginning, until it was found */
};

struct pg_ask_body;

/* Owner: pg_ask_run. */
struct pg_ask {
	struct pg_cli *cli;
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_client *client;
	struct pg_str key;
	int64_t timeout; /* of each request */
	struct pg_place entry; /* url.p is NULL until it is needed */
	bool absent; /* the last answer: no such agent, and not where it went */
	struct pg_arena arena; /* of the answers */
	struct pg_ask_body *bodies; /* which the answers borrow from */
};

/* A whole command: read the command line by its table, then run it. */
PG_FN int pg_ask_run(struct pg_cli *c, const struct pg_spec *spec,
    int (*run)(struct pg_ask *r, struct pg_err *e), struct pg_err *e);

/* One request to path at a host; body NULL: none. *reply is valid until
 * pg_ask_forget or the end of the command. e tells who failed and what could
 * be tried. */
PG_FN int pg_ask(struct pg_ask *r, const struct pg_place *at,
    const char *method, struct pg_str path, const struct pg_value *body,
    struct pg_value **reply, struct pg_err *e);
PG_FN int pg_ask_get(struct pg_ask *r, const struct pg_place *at,
    const char *path, struct pg_value **reply, struct pg_err *e);
/* Give back all answers so far. */
PG_FN void pg_ask_forget(struct pg_ask *r);

/* The host called so: a URL, or a name that the entry host knows; empty: the
 * entry host itself. */
PG_FN int pg_ask_place(struct pg_ask *r, struct pg_str host,
    struct pg_place *out, struct pg_err *e);
/* Word number i as a host; none: the entry host. */
PG_FN int pg_ask_place_word(struct pg_ask *r, size_t i, struct pg_place *out,
    struct pg_err *e);

/* The agent that a word names, not yet looked for. */
PG_FN int pg_ask_target(struct pg_ask *r, struct pg_str word,
    struct pg_target *out, struct pg_err *e);
/* A request to /agents/ID and what tail adds; tail "" asks for the summary.
 * When there is no such agent and exactly one whose id begins so, t->id becomes
 * that id. */
PG_FN int pg_ask_agent(struct pg_ask *r, struct pg_target *t,
    const char *method, const char *tail, const struct pg_value *body,
    struct pg_value **reply, struct pg_err *e);
/* The agent whose id is or begins with t->id, as its host lists them. -1 with
 * PG_E_INVALID_AGENT for none, PG_E_USAGE for several. */
PG_FN int pg_ask_find(struct pg_ask *r, struct pg_target *t,
    struct pg_err *e);

#endif
