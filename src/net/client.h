/* client: HTTP requests to other hosts, asynchronous on the loop, with a pool
 * of idle connections, deadlines, and peers that speak HTTP/1.0.
 */
#ifndef PG_CLIENT_H
#define PG_CLIENT_H

#include "../codec/http1.h"
#include "../codec/url.h"
#include "../os/file.h"
#include "../os/loop.h"
#include "../os/work.h"

#define PG_CLIENT_SEGMENTS_MAX 4
#define PG_CLIENT_ADDRS_MAX 8 /* of one name, that are tried */
#define PG_CLIENT_INTERIM_MAX 16 /* answers 1xx before the final one */

struct pg_client;
struct pg_call;

/* A piece of a request body: text borrowed until done, or (part of) a bulk,
 * of which the client takes its own reference, or (part of) a file, whose fd
 * is borrowed until done. A file that turns out to be shorter fails the call,
 * PG_E_HOST. */
struct pg_segment {
	struct pg_str text;
	struct pg_bulk *bulk;
	bool file;
	int fd;
	uint64_t off, len; /* of bulk or file */
};

/* Body of an answer of status 200 or 206, as it arrives; borrowed. May cancel
 * the call, also free the client. */
typedef void pg_client_data(void *arg, struct pg_str data);

struct pg_response;

struct pg_request {
	const char *method;
	struct pg_str url;      /* absolute; copied */
	struct pg_str bearer;   /* API key, or empty; copied */
	const char *content_type; /* NULL: no body */
	struct pg_segment body[PG_CLIENT_SEGMENTS_MAX];
	size_t nbody;
	int64_t timeout;  /* ns for the whole exchange, look-up included */
	size_t max_reply; /* bytes of reply body accepted */
	bool fresh;       /* never reuse a pooled connection */
	const char *accept; /* NULL: application/json */
	struct pg_str head; /* more lines, each ending in CRLF; copied */
	/* Status and head of the answer are there, body and err are not. As
	 * with on_data, the call may be cancelled; false does just that, and
	 * done will not be called. */
	bool (*on_head)(void *arg, const struct pg_response *r);
	/* For a large answer, or one without end; NULL: done gets the body.
	 * max_reply does not apply to what goes this way. */
	pg_client_data *on_data;
	/* If > 0: from the first piece of such an answer or of a file of ours
	 * on, the timeout no longer holds; instead no more than so long (ns)
	 * may pass between two such pieces, either way, and after the last
	 * one to the end. */
	int64_t silence;
};

struct pg_response {
	int status; /* 0: no answer, see err */
	const struct pg_http1_head *head;
	struct pg_bulk *body; /* NULL: empty. Take a reference to keep it. */
	/* With status 0: PG_E_UNREACHABLE or PG_E_TIMEOUT, or PG_E_HOST for a
	 * request that cannot be made; message "Could not reach URL: why". */
	struct pg_err err;
	/* The request, or a part of it, may have arrived at the peer. */
	bool maybe_sent;
};

/* Called exactly once, on the loop, never before pg_client_start returns.
 * The response is valid during the call only. */
typedef void pg_client_done(void *arg, const struct pg_response *r);

/* From here on the process ignores SIGPIPE. */
PG_FN struct pg_client *pg_client_new(struct pg_loop *l, struct pg_work *w,
    struct pg_err *e);
/* Cancels what is under way without calling back. Free it before w. */
PG_FN void pg_client_free(struct pg_client *c);
/* Bad URLs and failed look-ups too are told through done. */
PG_FN struct pg_call *pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
/* Forget a call; done will not be called. */
PG_FN void pg_call_cancel(struct pg_call *call);
/* Bytes of the body that have gone to the peer, or at least to the socket. */
PG_FN uint64_t pg_call_sent(const struct pg_call *call);
/* From within on_head or on_data, or between: no more on_data until resumed.
 * What the peer sends waits in the socket, and no deadline runs. When all has
 * been passed on, done may come all the same. */
PG_FN void pg_call_pause(struct pg_call *call);
/* Takes effect at the end of the turn; harmless when not paused. */
PG_FN void pg_call_resume(struct pg_call *call);

#endif
