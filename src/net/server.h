/* server: HTTP/1.1 on listening sockets. Knows heads, bodies, deadlines and
 * limits; knows no routes.
 *
 * An exchange is one request and its answer. The handler answers it exactly
 * once, now or later, whether or not the peer is still there.
 */
#ifndef PG_SERVER_H
#define PG_SERVER_H

#include "../codec/http1.h"
#include "../os/file.h"
#include "../os/loop.h"
#include "../os/sock.h"

#define PG_SERVER_CONNS_MAX 4096
#define PG_SERVER_LISTEN_MAX 16
#define PG_SERVER_HEAD_TIME (10 * PG_SEC)  /* first byte of a head to its end */
#define PG_SERVER_BODY_TIME (30 * PG_SEC)  /* between two pieces of a body */
#define PG_SERVER_IDLE_TIME (75 * PG_SEC)  /* between two requests */
#define PG_SERVER_WRITE_TIME (30 * PG_SEC) /* between two pieces of an answer */
#define PG_SERVER_DRAIN_TIME (30 * PG_SEC) /* after an early refusal */
#define PG_SERVER_DRAIN_MAX ((uint64_t)1 << 30) /* bytes drained */

struct pg_server;
struct pg_conn;

/* Owner: the server, until answered; then gone. */
struct pg_exchange {
	const struct pg_http1_head *head; /* borrowed, valid until answered */
	struct pg_arena arena;            /* of the request; freed with it */
	struct pg_bulk *body;             /* complete body, or NULL for none */
	struct pg_addr peer;
	struct pg_conn *conn; /* NULL once the peer has gone */
	void *user;           /* the handler's */
	/* Called (if set) when the peer goes away before the answer; the
	 * exchange must still be answered. */
	void (*on_gone)(struct pg_exchange *x);
};

struct pg_server_ops {
	/* A head is complete, no body byte was read. Return the number of body
	 * bytes to accept (over that: 413), or -1 after setting e to refuse
	 * now, before the body is read (PROTOCOL section 9, early refusal). */
	int64_t (*on_head)(void *arg, struct pg_exchange *x, struct pg_err *e);
	/* The body is complete: answer with one of the functions below. */
	void (*on_request)(void *arg, struct pg_exchange *x);
};

PG_FN struct pg_server *pg_server_new(struct pg_loop *l,
    const struct pg_server_ops *ops, void *arg, struct pg_err *e);
/* Closes all connections; open exchanges become orphans that may still be
 * answered until pg_server_free. */
PG_FN void pg_server_close(struct pg_server *s);
PG_FN void pg_server_free(struct pg_server *s);
/* Add a listener. *bound receives the real port. */
PG_FN int pg_server_listen(struct pg_server *s, const struct pg_addr *a,
    struct pg_addr *bound, struct pg_err *e);
/* Stop accepting; answer everything that is under way with Connection: close;
 * idle connections are closed. */
PG_FN void pg_server_drain(struct pg_server *s);
/* Exchanges not yet answered and written out. */
PG_FN size_t pg_server_open(const struct pg_server *s);

/* Answer with a JSON body. head, if not empty, is extra header lines each
 * ending in CRLF. The body is copied or taken before this returns: buf is
 * left empty. Frees the exchange. */
PG_FN void pg_exchange_reply(struct pg_exchange *x, int status,
    struct pg_str head, struct pg_buf *body);
/* Answer with {"error_type", "error"[, "code"]} as the code says. */
PG_FN void pg_exchange_fail(struct pg_exchange *x, const struct pg_err *e);

#endif
