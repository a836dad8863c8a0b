/* api: requests of other hosts and clients to this one (PROTOCOL sections 2
 * and 3): who may ask, which route it is, what its body says.
 */
#ifndef PG_API_H
#define PG_API_H

#include "../codec/pickle.h"
#include "core.h"

/* Memory of a decoded body, apart from its bytes. */
#define PG_API_DECODED_MAX ((size_t)256 << 20)
/* Bodies and states over this are decoded or encoded on a worker. */
#define PG_API_WORKER_MIN (256 * 1024)
#define PG_API_SEGMENTS_MAX 6

/* One request. Lives in the exchange's arena until it is answered. */
struct pg_api {
	struct pg_host *host;
	struct pg_exchange *x;
	const struct pg_route *route;
	struct pg_str segments[PG_API_SEGMENTS_MAX];
	struct pg_str query;
	struct pg_value *body; /* a dict; empty when there was none */
	/* Where the state of a pickled envelope stands in x->body. */
	struct pg_pickle_watch watch;
	bool pickled;
	void *taker; /* of the route, when it takes the body itself */
	uint8_t digest[32]; /* of the body of an envelope without id */
	bool has_digest;
};

/* A route: method, path with * for any segment. */
struct pg_route {
	const char *method;
	const char *path;
	void (*run)(struct pg_api *r);
	bool open; /* needs no key */
	bool large; /* its body is a movement */
	/* NULL, or: it takes the body itself, as it arrives. Called before the
	 * first byte of it, to set x->sink, or to refuse (-1). What it makes
	 * is given up by the sink's `dropped`, or by run. */
	int (*begin)(struct pg_api *r, struct pg_err *e);
};

/* Answers; r is gone afterwards. */
PG_FN void pg_api_reply(struct pg_api *r, const struct pg_value *v);
/* With JSON text: write it to _out's buffer, then _send. Nothing else may be
 * answered between the two. */
PG_FN struct pg_buf *pg_api_out(struct pg_api *r);
PG_FN void pg_api_send(struct pg_api *r);
/* d with one more member: the value of a bare pickle, which lies in bulk or
 * (bulk NULL) lives until this returns. A large one is decoded and written
 * out on a worker. */
PG_FN void pg_api_reply_with(struct pg_api *r, struct pg_value *d,
    const char *key, struct pg_str bare, struct pg_bulk *bulk);
PG_FN void pg_api_fail(struct pg_api *r, const struct pg_err *e);

/* For pg_server_new; arg is the host, whose routes (see routes.h) end with an
 * entry without method. */
PG_FN struct pg_server_ops pg_api_ops(void);

#endif
