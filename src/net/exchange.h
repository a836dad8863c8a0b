/* exchange: one request and its answer, as a handler sees it, and the memory
 * that holds it: input buffer, parsed head, body as it arrives, answer as it
 * is built. Knows no time, and of sockets only that they take bytes.
 */
#ifndef PG_EXCHANGE_H
#define PG_EXCHANGE_H

#include "../base/mem.h"
#include "../codec/http1.h"
#include "../os/file.h"
#include "../os/sock.h"
#include "filesend.h"

/* Input buffer: what may lie before a head, a head, and a body that is handed
 * over in place. */
#define PG_SLOT_IN (2 * PG_HTTP1_HEAD_MAX + 16 * 1024)
/* Of a body, so much must be to come that it goes through a pipe. */
#define PG_SLOT_PIPE_MIN (256 * 1024)
/* Slots kept for reuse. */
#define PG_SLOT_SPARE_MAX 64
#define PG_SLOT_INPUTS_MAX 8 /* buffers of parked ones, kept for the next */

struct pg_conn;
struct pg_exchange;

/* Takes the body of a request as it arrives, in place of x->body; on_request
 * comes when it is complete, with x->body NULL. Static. None of these may
 * answer x. */
struct pg_sink {
	/* Memory for the next body bytes: *n > 0 bytes of it, all of which may
	 * be written to. *n == 0: none now; reading stops, and no deadline
	 * runs, until pg_exchange_resume(x). NULL with e set: the request is
	 * refused with e. It may be asked for though no byte follows. */
	char *(*room)(struct pg_exchange *x, size_t *n, struct pg_err *e);
	/* n > 0 bytes have been put at the start of the room last given. */
	void (*filled)(struct pg_exchange *x, size_t n);
	/* In place of on_request: the request has ended before its body did,
	 * or was refused (but not by on_head itself). x is gone after it. */
	void (*dropped)(struct pg_exchange *x);
};

/* The answer to a request of our own: a JSON body, borrowed for the call.
 * status 0: there is none, the server is being freed. */
typedef void pg_exchange_answer(void *arg, int status, struct pg_str body);

/* The handler answers it exactly once, now or later, whether or not the peer
 * is still there. Owner: the server, until answered; then gone. */
struct pg_exchange {
	const struct pg_http1_head *head; /* borrowed, valid until answered */
	struct pg_arena arena;            /* of the request; freed with it */
	struct pg_bulk *body;             /* complete body, or NULL for none */
	struct pg_addr peer;
	struct pg_conn *conn; /* NULL once the peer has gone */
	void *user;           /* the handler's */
	/* Set by an on_head that does not refuse; NULL once the body is
	 * complete. */
	const struct pg_sink *sink;
	/* Set by an on_head that refuses: more header lines for that answer,
	 * each ending in CRLF; lives as long as the arena. */
	struct pg_str refusal;
	/* Called (if set) when the peer goes away before the answer; the
	 * exchange must still be answered. For an answer in pieces also when
	 * the server drains: it must be ended. */
	void (*on_gone)(struct pg_exchange *x);
	/* Set by pg_exchange_watch: a peer that has finished sending counts as
	 * gone, not as one that still wants its answer. */
	bool leaves;
	/* Called (if set) when all pieces so far have gone out. */
	void (*on_room)(struct pg_exchange *x);
	/* Set in a request that was made within this process (pg_server_ask):
	 * who gets the answer. It has no peer and no header fields. */
	pg_exchange_answer *on_answer;
	void *answer_arg;
};

struct pg_server_ops {
	/* A head is complete, no body byte was read. Return the number of body
	 * bytes to accept (over that: 413), or -1 after setting e to refuse
	 * now, before the body is read (PROTOCOL section 9, early refusal).
	 * on_request need not follow: what is made here lies in x->arena. */
	int64_t (*on_head)(void *arg, struct pg_exchange *x, struct pg_err *e);
	/* The body is complete: answer with one of the functions in answer.h. */
	void (*on_request)(void *arg, struct pg_exchange *x);
};

/* From now on a peer that says that it will send nothing more is taken for
 * gone: of one that has closed its connection, or has died, nothing else is
 * heard. To be called by who sets x->on_gone, which it does not call. */
PG_FN void pg_exchange_watch(struct pg_exchange *x);
/* The answer will take long, and nothing of the request is needed any more
 * but what lies in x->arena: give back the memory that only a request under
 * way needs. */
PG_FN void pg_exchange_park(struct pg_exchange *x);

/* ---- For the parts of the server alone ---- */

struct pg_slot;

/* Zero is a valid empty one. Owner: the server. */
struct pg_slot_pool {
	struct pg_work *work; /* reads and closes files; may be NULL */
	struct pg_slot *spare;
	size_t nspare;
	struct pg_bulk *inputs[PG_SLOT_INPUTS_MAX];
	size_t ninputs;
	struct pg_slot *orphans; /* at the handler, their peer has gone */
	size_t open; /* exchanges not yet answered and written out */
};

/* What a connection needs from the first byte of a request to the last one of
 * its answer. Owner: that connection; its pool when orphaned or spare. */
struct pg_slot {
	struct pg_exchange x;
	struct pg_http1_head head;
	struct pg_slot_pool *pool;
	struct pg_slot *prev, *next; /* among orphans or spares */
	bool open;                   /* counted in pool->open */
	bool orphan;

	/* Its heap is the buffer, of PG_SLOT_IN bytes. NULL: none, parked. */
	struct pg_bulk *in;
	size_t at, n;       /* unused input is [at, n) of it */
	size_t scan;        /* see pg_http1_head_end */

	struct pg_http1_body body;
	size_t body_at;  /* where the body begins in the buffer */
	uint64_t accept; /* bytes of body */
	struct pg_spool spool;

	struct pg_buf out, out_body; /* the answer: head, body, framed */
	size_t sent;                 /* bytes of both together */
	struct pg_filesend file;     /* and what follows them */
	struct pg_conn *file_conn;   /* where to */
	int file_fd_plus1;           /* its descriptor + 1; 0: none */
};

PG_FN struct pg_slot *pg_slot_new(struct pg_slot_pool *p);
/* Ends the exchange, if any, and the orphan's life. */
PG_FN void pg_slot_release(struct pg_slot *w);
/* Frees what is spare or orphaned. */
PG_FN void pg_slot_pool_fini(struct pg_slot_pool *p);

/* The exchange begins: the head is parsed, the input behind it. */
PG_FN void pg_slot_begin(struct pg_slot *w, struct pg_conn *c,
    const struct pg_addr *peer);
/* The handler is through with it. */
PG_FN void pg_slot_end(struct pg_slot *w);
/* It is answered and the answer is written. */
PG_FN void pg_slot_uncount(struct pg_slot *w);
/* Answer a request that has no peer: whoever made it, if anybody, is told, and
 * w is released. */
PG_FN void pg_slot_answer(struct pg_slot *w, int status, struct pg_str body);
/* The peer has gone, the handler has not answered. May free w. */
PG_FN void pg_slot_orphan(struct pg_slot *w);

PG_FN struct pg_str pg_slot_input(const struct pg_slot *w);
/* Move what is unused to the front. Not during an exchange: its head is
 * borrowed from the buffer. */
PG_FN void pg_slot_compact(struct pg_slot *w);
/* Forget the head last parsed, so that it does not shape an error answer. */
PG_FN void pg_slot_no_head(struct pg_slot *w);

/* Take the body from the buffer, then from more (read elsewhere); keep says
 * whether it goes to the spool or is thrown away. What comes after the body
 * is put into the buffer, which must have room. */
PG_FN int pg_slot_take_body(struct pg_slot *w, struct pg_str more, bool keep,
    struct pg_err *e);
/* Take body bytes off the front of *in into room, which has n > 0 bytes and
 * may be where *in lies. Returns how many, or -1. */
PG_FN ssize_t pg_slot_take_into(struct pg_slot *w, struct pg_str *in,
    char *room, size_t n, struct pg_err *e);
/* What was used up of the buffer is free again, if that is all of it. */
PG_FN void pg_slot_used(struct pg_slot *w, size_t n);
/* What has been read behind the body, into the buffer, which must have room. */
PG_FN void pg_slot_put_back(struct pg_slot *w, struct pg_str more);
/* How much of the body may come through a pipe; 0: not worth it. */
PG_FN size_t pg_slot_wants_pipe(const struct pg_slot *w);
/* Take n bytes of such a body, no more than it wants, from the pipe. On
 * failure some are left in there. */
PG_FN int pg_slot_take_pipe(struct pg_slot *w, int pipe, size_t n,
    struct pg_err *e);
/* Whether the body stays in the buffer, and x.body will be there. */
PG_FN bool pg_slot_in_place(const struct pg_slot *w);
/* The body in the buffer is complete: borrowed for x.body. */
PG_FN struct pg_bulk *pg_slot_body_in_place(struct pg_slot *w);

/* Build the head of the answer in w->out; type: NULL for none. */
PG_FN void pg_slot_put_head(struct pg_slot *w, int status, const char *type,
    struct pg_str extra, uint64_t length, bool closing);
/* n > 0 bytes of fd, which is taken, follow what is in w->out. */
PG_FN void pg_slot_put_file(struct pg_slot *w, int fd, uint64_t off,
    uint64_t n, void (*on_warm)(struct pg_filesend *f));
/* There is no file to send any more. */
PG_FN void pg_slot_close_file(struct pg_slot *w);
/* The same for a body of unknown length: chunked, or for HTTP/1.0 up to the
 * end of the connection. */
PG_FN void pg_slot_put_stream_head(struct pg_slot *w, int status,
    const char *type, struct pg_str extra, bool closing);
/* Append a piece of such a body to w->out_body. */
PG_FN void pg_slot_put_piece(struct pg_slot *w, struct pg_str piece);
/* Append its end. */
PG_FN void pg_slot_put_end(struct pg_slot *w);
/* Write what is left of the answer, all of it or what the socket takes. */
PG_FN enum pg_filesend_state pg_slot_send(struct pg_slot *w, int sock);
/* Drop from the answer what has been sent. */
PG_FN void pg_slot_trim(struct pg_slot *w);
/* Error body, PROTOCOL section 2; "code" where error_type does not tell. */
PG_FN void pg_exchange_put_error(struct pg_buf *b, const struct pg_err *e);

#endif
