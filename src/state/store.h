/* store: what survives a crash: small JSON records under text keys, in one
 * append-only log that is the truth (DESIGN section 5), and large states in
 * files beside it. Knows nothing of what the records mean.
 *
 * On disk: DIR/lock, DIR/log/NNNN, DIR/states/NAME, DIR/corrupt/. A line of
 * the log is `CRC LENGTH JSON`: CRC-32 (IEEE) of the JSON text in 8 hex
 * digits, its length in decimal. The first line of each file is a stamp,
 * {"paglets_log": 1, "file": N}, with "base": true if the file stands for all
 * before it. A record is {"put": {KEY: VALUE, ...}, "del": [KEY, ...]}; all of
 * it happens or nothing.
 */
#ifndef PG_STORE_H
#define PG_STORE_H

#include "../codec/value.h"
#include "../os/file.h"
#include "../os/work.h"
#include "record.h"

#define PG_STORE_KEY_MAX PG_RECORD_KEY_MAX        /* bytes of a key */
#define PG_STORE_RECORD_MAX PG_JOURNAL_LINE_MAX   /* bytes of one record */
#define PG_STORE_PENDING_MAX ((size_t)32 << 20)   /* bytes not yet written */
#define PG_STORE_STATE_INLINE ((size_t)1 << 20)   /* larger: a state file */
#define PG_STORE_COMPACT_MIN ((uint64_t)1 << 20)  /* bytes, before it pays */

struct pg_store;

/* A change to be made durable. Embedded in its owner, who may not free it
 * before done. Everything that waits when the disk is free shares one
 * fdatasync. */
struct pg_commit {
	/* err NULL: on disk. Else it has not happened: _get and _each say
	 * again what they said before, and so with every later change, which
	 * fails too. Exactly once, on the loop, never before pg_store_commit
	 * has returned; c may be freed and the store changed, not closed. */
	void (*done)(struct pg_commit *c, const struct pg_err *err);
	struct pg_commit *next;
};

/* Open (making DIR) and replay. PG_E_CONFLICT: somebody has it open, named in
 * the message. A torn tail is cut off with a log line; a bad record
 * elsewhere is set aside in corrupt/ and counted. */
PG_FN struct pg_store *pg_store_open(const char *dir, struct pg_loop *l,
    struct pg_work *w, struct pg_err *e);
/* The same for looking only: no lock, nothing is changed on disk. */
PG_FN struct pg_store *pg_store_open_readonly(const char *dir,
    struct pg_err *e);
/* After pg_work_free, so that no worker has a job of the store any more, and
 * before pg_loop_free. Writes what none has got to and waits for the disk;
 * nobody is called back. NULL is fine. */
PG_FN void pg_store_close(struct pg_store *s);
/* Whom a second opener is told of, beside our pid; at first the program. */
PG_FN void pg_store_name_holder(struct pg_store *s, struct pg_str name);
/* Bad records found at open; a gap in the log is one. */
PG_FN size_t pg_store_corrupt(const struct pg_store *s);

struct pg_store_stats {
	size_t records;      /* live */
	uint64_t total;      /* bytes of the log, with those to be written */
	uint64_t live;       /* of these the live records would take, about */
	unsigned file;       /* number of the last file */
	uint64_t syncs;      /* batches written since it was opened */
	uint64_t compactions;
	bool compacting;
};
PG_FN_TEST struct pg_store_stats pg_store_stats(const struct pg_store *s);

/* Every live record; key and the JSON text of its value are borrowed for the
 * call, which may delete this one, but change nothing else of the store. In
 * the order in which the keys were first put; stops at the first -1. */
PG_FN int pg_store_each(struct pg_store *s,
    int (*each)(void *arg, struct pg_str key, struct pg_str json,
    struct pg_err *e), void *arg, struct pg_err *e);
/* Append the JSON text of the value under key to out. 0: found, 1: no such
 * key, -1: can not be read. Reads the disk, or what is about to be written. */
PG_FN int pg_store_get(struct pg_store *s, struct pg_str key,
    struct pg_buf *out, struct pg_err *e);

/* Make the record put together in ch (pg_change_put, pg_change_del) durable.
 * Visible to _get and _each at once, on disk when done says so; records get
 * there in the order of their commits, so that an empty one waits for all
 * before it. -1: nothing has changed and c is not called; PG_E_LIMIT: over
 * PG_STORE_RECORD_MAX, PG_E_HOST: a key or value that is none, PG_E_BUSY: over
 * PG_STORE_PENDING_MAX, PG_E_SYS: read-only. c may be NULL for changes nobody
 * waits for. ch is empty afterwards in any case. */
PG_FN int pg_store_commit(struct pg_store *s, struct pg_change *ch,
    struct pg_commit *c, struct pg_err *e);
/* Whether a failed sync has made it read-only until it is opened again (or
 * that is how it was opened), and why. A write that failed for want of room
 * does not. */
PG_FN bool pg_store_readonly(const struct pg_store *s, struct pg_err *why);

/* A large state, as a file of its own: written and synced on a worker before
 * done; name it in a record afterwards. name: letters, digits, ".", "_" and
 * "-", not "." first. The bulk is referenced meanwhile. Failure hurts nothing
 * but this state; what had the name before is still there. Files that no
 * record names are removed by pg_store_sweep. */
PG_FN int pg_store_write_state(struct pg_store *s, struct pg_str name,
    struct pg_bulk *b, size_t off, size_t len, struct pg_commit *c,
    struct pg_err *e);
PG_FN struct pg_bulk *pg_store_read_state(struct pg_store *s,
    struct pg_str name, struct pg_err *e);
PG_FN void pg_store_remove_state(struct pg_store *s, struct pg_str name);
/* Remove every state file for which keep says false; at start. */
PG_FN void pg_store_sweep(struct pg_store *s,
    bool (*keep)(void *arg, struct pg_str name), void *arg);

#endif
