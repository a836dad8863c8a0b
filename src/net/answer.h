/* answer: how handlers answer, and what a connection says of its own accord;
 * the connection itself, as far as that goes, and how it ends.
 */
#ifndef PG_ANSWER_H
#define PG_ANSWER_H

#include "../os/loop.h"
#include "intake.h"

#define PG_SERVER_CONNS_MAX 16384 /* fewer if descriptors are few */
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

/* ---- For the parts of the server alone ---- */

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
 * in the first four and slots.work, and leaves the rest to conn. */
struct pg_conn_set {
	struct pg_loop *loop;
	struct pg_server_ops ops;
	void *arg;
	struct pg_server_limits limits;

	void (*on_task)(struct pg_task *t);
	void (*on_time)(struct pg_timer *t);
	struct pg_conn *conns;
	size_t nconns;
	struct pg_slot_pool slots;
	struct pg_intake intake;
	bool draining;
};

/* Nothing but errors and hang-ups, which epoll reports unasked: the loop would
 * silence even these if no event at all were wanted. */
#define PG_CONN_WATCH EPOLLPRI

enum pg_conn_phase {
	PG_CONN_HEAD,   /* a head is awaited or arriving */
	PG_CONN_BODY,   /* its body is arriving */
	PG_CONN_HANDLE, /* the handler has the request */
	PG_CONN_STREAM, /* the handler answers piece by piece */
	PG_CONN_WRITE,  /* the socket was full; then goes on to `after` */
	PG_CONN_SKIP,   /* the body of a refused request is thrown away */
	PG_CONN_LINGER, /* all is said; waits for the peer to close */
	PG_CONN_DEAD    /* closed */
};

/* Owner: the set. */
struct pg_conn {
	struct pg_io io;
	struct pg_timer timer;
	struct pg_task task; /* goes on with input or pieces, or frees */
	struct pg_conn_set *set;
	struct pg_conn *prev, *next;
	struct pg_slot *slot; /* NULL while idle */
	struct pg_addr peer;
	enum pg_conn_phase phase, after; /* after PG_CONN_WRITE; DEAD: close */
	bool running;    /* conn_run is on the stack and will go on */
	bool eof;        /* the peer has sent its last byte */
	bool head_timed; /* the deadline of this head runs */
	bool paused;     /* the sink takes nothing; no deadline runs */
	uint64_t drained;
};

/* Close, for a reason; an exchange becomes an orphan. */
PG_FN void pg_conn_drop(struct pg_conn *c, const char *why);
PG_FN void pg_conn_deadline(struct pg_conn *c, int64_t delay);
/* Between two requests, with no byte of the next one. */
PG_FN void pg_conn_idle(struct pg_conn *c);
/* Go on at the end of this turn. */
PG_FN void pg_conn_later(struct pg_conn *c);

/* Begin to write what the slot has to say; then goes on to `after`. 1: all of
 * it is written. 0: it will be, or the connection is gone. */
PG_FN int pg_conn_start_send(struct pg_conn *c, enum pg_conn_phase after);
/* Sending has come so far: sees to what to wait for. 1: all is written. */
PG_FN int pg_conn_sent(struct pg_conn *c, enum pg_filesend_state state);
/* All is in the socket: goes on to `after`. */
PG_FN void pg_conn_written(struct pg_conn *c);

/* Answer with an error, though no handler has the request. */
PG_FN void pg_conn_refuse(struct pg_conn *c, const struct pg_err *e,
    enum pg_conn_phase after);
/* The same for one that the handler did not want. */
PG_FN void pg_conn_refuse_request(struct pg_conn *c, const struct pg_err *e);

/* Pass on pieces to the socket. */
PG_FN void pg_conn_stream_send(struct pg_conn *c);
/* A peer that has finished sending has left: there is no other sign of it
 * while we have nothing to write. */
PG_FN void pg_conn_stream_ready(struct pg_conn *c, uint32_t events);

#endif
