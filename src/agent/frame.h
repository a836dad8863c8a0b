/* frame: what a host and the process of one agent say to each other on fd 3.
 *
 * A frame is a 4-byte length of what follows the 9-byte header, a 1-byte type
 * and a 4-byte id (native byte order), then the payload: 4-byte length of the
 * head, the head (a small dict, or nothing), the body. Head and body are bare
 * pickle values (pg_pickle_read_value: no PROTO, no STOP, our subset), so that
 * a body can be embedded in an envelope, and part of an envelope sent as a
 * body, without being decoded. A body over PG_FRAME_INLINE_MAX lies in a
 * sealed memfd that is passed along; PG_FRAME_BULK is then set in the type and
 * 8-byte offset and 8-byte length stand in its place.
 *
 * host -> child (id chosen by the host, or the id of the child's call where
 * the command is part of answering it):
 *   START    head {proto I, abi T, class T, state_class T, agent_id T,
 *            host_name T, host_address T, event T or null (the hook to run:
 *            creation, arrival, clone, activation), init? value}; body: the
 *            state (a dict; missing fields take their defaults)
 *   MESSAGE  head {deadline I?, host_address T?}: the end of synchronous sends
 *            made while it is handled, in ns of the monotonic clock, and the
 *            host's address if it has changed; body: the Message (PROTOCOL
 *            section 4)
 *   HOOK     head {name T, hold? B}: hold stops the steps of run from now on,
 *            whatever the hook says to it, so that the state stays what the
 *            host is about to take. They go on after a HOOK named
 *            dispatch_failed, or one named resume, which is no hook of the
 *            class: its REPLY is null. Under the id of a CALL hold says
 *            nothing new: the paglet waits for the RESULT anyway
 *   SNAPSHOT
 *   RECALL   each MESSAGE that the child has not begun is dropped
 *   STOP     the child exits with status 0
 *   RESULT   answer to CALL; head empty for success, else {error_type T,
 *            error T, code? T}; body: the result
 * child -> host:
 *   REPLY    to START, MESSAGE, HOOK, SNAPSHOT, under the same id; head empty
 *            for success, else as RESULT; body: START {run B, state? {} if
 *            it is small; else run stands still until a HOOK named resume},
 *            MESSAGE the result, HOOK null, SNAPSHOT the state
 *   CALL     id chosen by the child, top bit set; head {op T, step? B: made
 *            by a step of run, so that a MESSAGE sent meanwhile is still to be
 *            handled}; body {...}:
 *            dispatch {target T} or {ticket {}}; clone the same or {} for
 *            this host; dispose {}; deactivate {request? {}}; send
 *            {agent_id T, host_url? T, message Message, oneway B,
 *            timeout? F}; create {agent_class_name T,
 *            state_class_name T, state? {}, init?, agent_id? T, target? T};
 *            hosts {}; property_get {name T}; property_set {name T, value T
 *            or null}; file_register {path T, name? T, mode? T}: the File;
 *            file_unregister {name T}; files {}: the list of Files;
 *            file_path {name T}: its path; work_folder {}: {path T}; of
 *            managed storage: storage_read {path T}: bytes;
 *            storage_write {path T, data}; storage_delete {path T?};
 *            storage_list {path T?: a prefix}: [{path T, size I}];
 *            storage_status {}: {root T, used_bytes I, quota_bytes I?,
 *            available_bytes I?, file_count I}
 *   RECALLED answer to RECALL, after the REPLY to all that was begun before,
 *            but for one that is in a CALL; under the id of the first MESSAGE
 *            that was dropped, 0 if none was
 *   LOG      head {level T, text T}
 *   RUN_DONE head empty, or {error T}: run will not be called again
 * Anything else, and anything malformed, ends the child.
 *
 * The host has at most one of START, MESSAGE, HOOK, SNAPSHOT outstanding,
 * but for HOOK and SNAPSHOT that carry the id of the CALL being answered, and
 * for a few MESSAGEs sent ahead, behind the one outstanding: the child begins
 * with them in order, each after a look for a RECALL, so that what waits can
 * be put in another order at any time before. A command may cross a CALL made
 * by a step of run, of which the host does not know beforehand: the child then
 * serves it after that step.
 */
#ifndef PG_FRAME_H
#define PG_FRAME_H

#include "../base/buf.h"
#include "../os/file.h"

#define PG_FRAME_PROTO 2
#define PG_FRAME_HEADER 9
#define PG_FRAME_MAX (1024 * 1024)       /* payload of one frame */
#define PG_FRAME_INLINE_MAX (64 * 1024)  /* body within the frame */
#define PG_FRAME_FDS_MAX 4               /* descriptors waiting for frames */
#define PG_FRAME_AHEAD_MAX 16            /* MESSAGEs behind the first */
#define PG_FRAME_CALL_ID 0x80000000u     /* top bit of ids the child chooses */

enum pg_frame_type {
	PG_FRAME_START = 1,
	PG_FRAME_MESSAGE,
	PG_FRAME_HOOK,
	PG_FRAME_SNAPSHOT,
	PG_FRAME_RECALL,
	PG_FRAME_STOP,
	PG_FRAME_RESULT,
	PG_FRAME_REPLY,
	PG_FRAME_CALL,
	PG_FRAME_RECALLED,
	PG_FRAME_LOG,
	PG_FRAME_RUN_DONE,
	PG_FRAME_TYPES /* one past the last */
};
#define PG_FRAME_BULK 0x80

/* One received frame. Text is borrowed from the reader, or from bulk. */
struct pg_frame {
	enum pg_frame_type type;
	uint32_t id;
	struct pg_str head;
	struct pg_str body;    /* wherever it lies */
	struct pg_bulk *bulk;  /* the memfd body lies in, or NULL; the receiver
	                        * takes its own reference to keep it */
};

/* Bytes received but not yet taken. Zero is a valid empty reader. */
struct pg_frame_reader {
	struct pg_buf buf;
	size_t at; /* start of the next frame in buf */
	int fds[PG_FRAME_FDS_MAX];
	unsigned nfds;
	struct pg_bulk *bulk; /* of the frame last taken */
	size_t max_bulk;      /* bytes a passed memfd may have; 0 = no limit */
};

/* Read once from a socket. >0 bytes, 0 end, -1 with errno (EAGAIN), or errno
 * EPROTO for too many descriptors. */
PG_FN ssize_t pg_frame_fill(struct pg_frame_reader *r, int sock);
/* The next whole frame: 1 and *f (valid until the next call on r), 0 when
 * more bytes are needed, -1 for a violation of the protocol (PG_E_HOST). */
PG_FN int pg_frame_next(struct pg_frame_reader *r, struct pg_frame *f,
    struct pg_err *e);
/* 0: pg_frame_next would find no whole frame, 1: one, and no byte behind it,
 * 2: more. */
PG_FN int pg_frame_ready(const struct pg_frame_reader *r);
/* Whether a whole frame of this type is there. */
PG_FN bool pg_frame_has(const struct pg_frame_reader *r,
    enum pg_frame_type type);
/* Give the bytes that the frame last taken borrows (not its bulk) to the
 * caller, who frees kept: the frame then outlives further calls on r. */
PG_FN void pg_frame_keep(struct pg_frame_reader *r, struct pg_buf *kept);
PG_FN void pg_frame_reader_fini(struct pg_frame_reader *r);

/* A frame to be sent: header and what is inline, and a descriptor to pass. */
struct pg_frame_out {
	struct pg_buf buf;    /* one or more whole frames */
	size_t at;            /* bytes of buf already sent */
	struct pg_frame_pass { /* descriptors, by the byte they travel with */
		size_t at;
		struct pg_bulk *bulk;
	} pass[PG_FRAME_FDS_MAX];
	unsigned npass;
};

/* Append a frame. head may be empty. body is bulk [off, off+len) when bulk is
 * not NULL (a reference is taken; small or heap bulk is copied inline), else
 * the bytes in text; text over PG_FRAME_INLINE_MAX is copied to a memfd. -1:
 * PG_E_LIMIT (head over its limit, too many bulks waiting) or PG_E_SYS; the
 * queue is then unchanged. */
PG_FN int pg_frame_put(struct pg_frame_out *o, enum pg_frame_type type,
    uint32_t id, struct pg_str head, struct pg_str text, struct pg_bulk *bulk,
    size_t off, size_t len, struct pg_err *e);
/* Send what is queued. 1: all gone, 0: the socket is full, -1 with errno. */
PG_FN int pg_frame_flush(struct pg_frame_out *o, int sock);
PG_FN void pg_frame_out_fini(struct pg_frame_out *o);

#endif
