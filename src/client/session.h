/* session: a client of hosts: its loop, its key, and one request and its
 * answer after the other, or many at once.
 *
 * The whole layer shares struct paglets_client. Functions of its parts that
 * return -1 or NULL have set the client's error.
 */
#ifndef PG_SESSION_H
#define PG_SESSION_H

#include "../agent/call.h"
#include "../base/map.h"
#include "../host/seal.h"
#include "../net/client.h"

#define PG_SESSION_TIMEOUT (10 * PG_SEC) /* of one request, default */
#define PG_SESSION_TIMEOUT_MAX (400 * 24 * 3600 * PG_SEC)
#define PG_SESSION_REPLY_MAX ((size_t)256 << 20) /* bytes of an answer */
#define PG_SESSION_VALUES_MAX ((size_t)2 << 30)  /* bytes, once decoded */
#define PG_SESSION_PATIENCE PG_SEC /* then on_slow tells what we wait for */

/* Owner: whoever called paglets_client_new. */
struct paglets_client {
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_client *http;
	struct pg_arena own; /* of what lives as long as the client */
	struct pg_str key;
	int64_t timeout; /* ns, of a request that does not say */
	struct pg_seal seal;
	struct pg_map named; /* URLs that get the key: struct pg_session_url */
	struct pg_str entry_text; /* as configured; p NULL: not */
	struct pg_str entry;      /* URL; p NULL until it is needed */
	struct pg_arena arena;       /* of the next two; until forgotten */
	struct paglets_call values;
	struct paglets_future *kept; /* answers, the newest first */
	const struct pg_value *answer; /* the last one */
	struct pg_err err;
	struct paglets_failure failure;
	/* The last event of a stream: the URL of its host, its number, its
	 * id there. */
	struct pg_buf followed_url, followed_id;
	int64_t followed;
	void (*on_slow)(void *arg, const char *url);
	void *slow_arg;
	/* Of part haul; NULL: there has been none. at_end is called when
	 * the workers have ended. */
	struct pg_hauls *hauls;
	void (*at_end)(struct paglets_client *c);
};

/* One request, and its answer once it is there. Owner: the user for those that
 * were handed out, else the client's list. */
struct paglets_future {
	struct paglets_client *client;
	struct paglets_future *next; /* in client->kept */
	struct pg_call *call; /* NULL: not under way */
	struct pg_arena arena;
	struct pg_buf body;    /* of the request, while it is under way */
	struct pg_bulk *bulk;  /* which the answer borrows from */
	struct pg_value *reply;
	const struct pg_value *result; /* settled; NULL: not asked for yet */
	struct pg_str url;
	struct pg_str agent_id; /* to which a message went; empty: no message */
	int64_t begun, took; /* ns */
	bool done;
	bool told;    /* that it is slow */
	bool read;    /* the request changes nothing */
	bool has_key;
	bool absent;  /* the answer: no such agent here */
	struct paglets_failure failure;
	struct pg_err err; /* code PG_E_OK: none */
	/* NULL, or: told once it is done, unless it is cancelled or freed
	 * before; may free it. */
	void (*on_done)(struct paglets_future *f, void *arg);
	/* NULL, or: it is no single request; told when it is cancelled or
	 * freed. */
	void (*on_leave)(struct paglets_future *f, void *arg);
	void *arg; /* of both */
};

/* What is asked. Borrowed during the call only. */
struct pg_question {
	struct pg_str url; /* of the host, normalised */
	const char *method;
	struct pg_str path;
	const struct pg_value *body; /* NULL: none */
	int64_t timeout;             /* ns; 0: the client's */
};

/* Begin. Never NULL: what cannot be asked has failed when it is waited for. */
PG_FN struct paglets_future *pg_session_start(struct paglets_client *c,
    const struct pg_question *q);
/* One that goes on as its maker sees to, at a host: the answer of each of its
 * requests is given to _answer. Not kept. */
PG_FN struct paglets_future *pg_session_open(struct paglets_client *c,
    struct pg_str url);
/* Take in the answer to a request to f->url: f->reply, or f->err. Does not say
 * that f is done. -1: f->err. */
PG_FN int pg_session_answer(struct paglets_future *f,
    const struct pg_response *resp);
/* One that has failed already, with the client's error. */
PG_FN struct paglets_future *pg_session_failed(struct paglets_client *c,
    struct pg_str url);
/* Turn the loop until f is done, or until then (pg_now; PG_NEVER: its own
 * timeout ends it). false: it is not done. */
PG_FN bool pg_session_wait(struct paglets_future *f, int64_t until);
/* One turn of the loop, which waits until then at most. -1: it is broken. */
PG_FN int pg_session_turn(struct paglets_client *c, int64_t until);
/* on_slow, if it is time for it. */
PG_FN void pg_session_tell(struct paglets_future *f);
/* Its answer, once it is done; NULL: the client's error is its error. */
PG_FN struct pg_value *pg_session_take(struct paglets_future *f);
/* Begin, wait and take. The answer is kept until the client forgets it. */
PG_FN struct pg_value *pg_session_ask(struct paglets_client *c,
    const struct pg_question *q);
/* The same for a GET that takes at most timeout (0: the client's). */
PG_FN struct pg_value *pg_session_get(struct paglets_client *c,
    struct pg_str url, struct pg_str path, int64_t timeout);
/* Keep f until the client forgets it. */
PG_FN void pg_session_keep(struct paglets_future *f);
/* Forget the answers that came after `mark`, which was c->kept. */
PG_FN void pg_session_forget(struct paglets_client *c,
    struct paglets_future *mark);
/* Milliseconds of the public face; 0 stays 0, the default. */
PG_FN int64_t pg_session_ns(int64_t ms);
/* A text that lives until the client forgets, for the public face. */
PG_FN const char *pg_session_text(struct paglets_client *c,
    struct pg_str s);

/* This URL, which is normalised, gets the key (DESIGN section 7): the user
 * names it, or whoever is there has shown that he has the key himself. */
PG_FN void pg_session_name(struct paglets_client *c, struct pg_str url);
PG_FN bool pg_session_is_named(const struct paglets_client *c,
    struct pg_str url);
/* A reference that the host at `teller` told of: if its signature is right,
 * the URL that it names gets the key. One of the teller's machine alone
 * (loopback) must come from this machine. */
PG_FN void pg_session_trust(struct paglets_client *c,
    const struct pg_value *ref, struct pg_str teller);

#endif
