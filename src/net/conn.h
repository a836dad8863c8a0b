/* conn: one HTTP/1.1 connection of a server: bytes in, requests to the
 * handler, answers out. Knows deadlines and limits; knows neither listeners
 * nor routes.
 */
#ifndef PG_CONN_H
#define PG_CONN_H

#include "../os/loop.h"
#include "intake.h"

#define PG_SERVER_CONNS_MAX 4096
#define PG_SERVER_HEAD_TIME (10 * PG_SEC)  /* first byte of a head to its end */
#define PG_SERVER_BODY_TIME (30 * PG_SEC)  /* between two pieces of a body */
#define PG_SERVER_IDLE_TIME (75 * PG_SEC)  /* between two requests */
#define PG_SERVER_WRITE_TIME (30 * PG_SEC) /* between two pieces of an answer */
#define PG_SERVER_DRAIN_TIME (30 * PG_SEC) /* after an early refusal */
#define PG_SERVER_DRAIN_MAX ((uint64_t)1 << 30) /* bytes drained */
/* A refused body up to this length is read to its end, and the connection
 * kept; after a longer one it is closed. */
#define PG_SERVER_SKIP_MAX (64 * 1024)
/* Of an answer in pieces, so many bytes wait, and as many in the socket. */
#define PG_SERVER_QUEUE_MAX (64 * 1024)

struct pg_server_ops {
	/* A head is complete, no body byte was read. Return the number of body
	 * bytes to accept (over that: 413), or -1 after setting e to refuse
	 * now, before the body is read (PROTOCOL section 9, early refusal).
	 * on_request need not follow: what is made here lies in x->arena. */
	int64_t (*on_head)(void *arg, struct pg_exchange *x, struct pg_err *e);
	/* The body is complete: answer with one of the functions below. */
	void (*on_request)(void *arg, struct pg_exchange *x);
};

/* Answer with a JSON body (NULL: an empty one). head, if not empty, is extra
 * header lines each ending in CRLF. The body is copied or taken before this
 * returns: buf is left empty. Frees the exchange. */
PG_FN void pg_exchange_reply(struct pg_exchange *x, int status,
    struct pg_str head, struct pg_buf *body);
/* Answer with {"error_type", "error"[, "code"]} as the code says; a 401 with
 * its WWW-Authenticate. */
PG_FN void pg_exchange_fail(struct pg_exchange *x, const struct pg_err *e);

/* The sink of x, which had none, has room again, or wants to refuse. Not from
 * within its room or filled; takes effect at the end of the turn; harmless
 * when reading has not stopped. */
PG_FN void pg_exchange_resume(struct pg_exchange *x);

/* Answer with n bytes of the file fd from off on; fd is taken, and may be -1
 * when none is sent: for HEAD and status 304 the head alone goes out, which
 * tells the length all the same. type is the Content-Type (NULL: none), head
 * as above. Frees the exchange. A file that turns out to be shorter ends the
 * connection. */
PG_FN void pg_exchange_send_file(struct pg_exchange *x, int status,
    const char *type, struct pg_str head, int fd, uint64_t off, uint64_t n);

/* An answer in pieces, which may take as long as the handler likes. A peer
 * that shuts down its sending side counts as gone. _begin writes the head;
 * type is its Content-Type, head as above. False: nothing more is to be said
 * and the exchange is gone, as the request was HEAD, the server drains, or the
 * peer has left already. */
PG_FN bool pg_exchange_begin(struct pg_exchange *x, int status,
    const char *type, struct pg_str head);
/* Whether the next piece may be written: fewer than PG_SERVER_QUEUE_MAX bytes
 * wait. When not, x->on_room tells. */
PG_FN bool pg_exchange_has_room(const struct pg_exchange *x);
/* Queue a piece (copied); only while there is room. It goes out at the end of
 * this turn, so no callback comes from here. */
PG_FN void pg_exchange_write(struct pg_exchange *x, struct pg_str piece);
/* The answer is complete. Frees the exchange. */
PG_FN void pg_exchange_end(struct pg_exchange *x);

struct pg_server_limits {
	size_t conns;
	int64_t head_time, body_time, idle_time, write_time, drain_time;
	uint64_t drain_bytes;
};

#define PG_SERVER_LIMITS                                                   \
	((struct pg_server_limits){ .conns = PG_SERVER_CONNS_MAX,          \
	    .head_time = PG_SERVER_HEAD_TIME,                              \
	    .body_time = PG_SERVER_BODY_TIME,                              \
	    .idle_time = PG_SERVER_IDLE_TIME,                              \
	    .write_time = PG_SERVER_WRITE_TIME,                            \
	    .drain_time = PG_SERVER_DRAIN_TIME,                            \
	    .drain_bytes = PG_SERVER_DRAIN_MAX })

/* What all connections of a server share. Embedded in the server, which fills
 * in the first five and leaves the rest to conn. */
struct pg_conn_set {
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_server_ops ops;
	void *arg;
	struct pg_server_limits limits;

	struct pg_conn *conns;
	size_t nconns;
	struct pg_slot_pool slots;
	struct pg_intake intake;
	bool draining;
};

/* Serve the accepted socket fd, which is taken. */
PG_FN void pg_conn_open(struct pg_conn_set *s, int fd,
    const struct pg_addr *peer);
/* Answer fd with an error before anything was read; fd is taken. */
PG_FN void pg_conn_turn_away(struct pg_conn_set *s, int fd,
    const struct pg_addr *peer, const struct pg_err *e);
/* Close idle connections now, every other after its present answer; answers
 * in pieces are told to end. */
PG_FN void pg_conn_drain_all(struct pg_conn_set *s);
/* Close all; open exchanges become orphans. */
PG_FN void pg_conn_close_all(struct pg_conn_set *s);
/* After pg_conn_close_all: orphans must not be answered any more. */
PG_FN void pg_conn_set_fini(struct pg_conn_set *s);

#endif
