/* proxy: one agent as a client sees it: asked, sent, put to sleep, ended. The
 * public face is in paglets.h.
 */
#ifndef PG_PROXY_H
#define PG_PROXY_H

#include "session.h"

/* Owner: whoever got it. */
struct paglets_proxy {
	struct paglets_client *client;
	struct pg_arena arena;
	struct pg_str url, id; /* NUL behind them */
	bool loose;    /* id may be the beginning of one */
	bool anywhere; /* nobody has said on which host */
};

/* Hosts of another make answer a move when the agent's run has ended, or
 * after 30 s. */
#define PG_PROXY_SLACK (35 * PG_SEC)

/* POST or GET what the agent has, "" for its summary. A loose proxy becomes
 * the agent that is meant. timeout as in pg_question. */
PG_FN struct pg_value *pg_proxy_ask(struct paglets_proxy *p,
    const char *method, const char *tail, const struct pg_value *body,
    int64_t timeout);
PG_FN struct paglets_proxy *pg_proxy_make(struct paglets_client *c,
    struct pg_str url, struct pg_str id);
/* p is where {proxy: ...} in an answer says that its agent is. */
PG_FN int pg_proxy_follow(struct paglets_proxy *p,
    const struct pg_value *reply);

#endif
