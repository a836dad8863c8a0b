/* store: what survives a crash: small JSON records under text keys, in one
 * append-only log that is the truth (DESIGN section 5), and large states in
 * files beside it. Knows nothing of what the records mean.
 *
 * On disk: DIR/lock, DIR/log/NNNN, DIR/states/NAME, DIR/corrupt/. A line of
 * the log is `CRC LENGTH JSON`: CRC-32 (IEEE) of the JSON text in 8 hex
 * digits, its length in decimal. The first line of each file is a stamp,
 * {"paglets_log": 1, "file": N}. A record is {"put": {KEY: VALUE, ...},
 * "del": [KEY, ...]}; all of it happens or nothing.
 */
#ifndef PG_STORE_H
#define PG_STORE_H

#include "../codec/value.h"
#include "../os/file.h"
#include "../os/work.h"

#define PG_STORE_VERSION 1
#define PG_STORE_KEY_MAX 300                      /* bytes of a key */
#define PG_STORE_RECORD_MAX ((size_t)4 << 20)     /* bytes of one line */
#define PG_STORE_STATE_INLINE ((size_t)1 << 20)   /* larger: a state file */
#define PG_STORE_COMPACT_MIN ((uint64_t)1 << 20)  /* bytes, before it pays */

struct pg_store;

/* A change to be made durable. Embedded in its owner, who may not free it
 * before done. Everything that waits when the disk is free shares one
 * fdatasync. */
struct pg_commit {
	/* err NULL: on disk. Else nothing of it is promised, and from then on
	 * the store is read-only. On the loop, never before pg_store_commit
	 * returns. */
	void (*done)(struct pg_commit *c, const struct pg_err *err);
	struct pg_commit *next;
};

/* Open (making DIR) and replay. PG_E_CONFLICT: another process has it, named
 * in the message. A torn tail is cut off with a log line; a bad record
 * elsewhere is set aside in corrupt/ and counted. */
PG_FN struct pg_store *pg_store_open(const char *dir, struct pg_loop *l,
    struct pg_work *w, struct pg_err *e);
/* The same for looking only: no lock, nothing is changed on disk. */
PG_FN struct pg_store *pg_store_open_readonly(const char *dir,
    struct pg_err *e);
/* Waits for the disk; commits that are still under way are not called back. */
PG_FN void pg_store_close(struct pg_store *s);
/* Bad records set aside at open. */
PG_FN size_t pg_store_corrupt(const struct pg_store *s);

/* Every live record; key and the JSON text of its value are borrowed for the
 * call. In the order in which the keys were first put. */
PG_FN int pg_store_each(struct pg_store *s,
    int (*each)(void *arg, struct pg_str key, struct pg_str json,
    struct pg_err *e), void *arg, struct pg_err *e);
/* Append the JSON text of the value under key to out. 0: found, 1: no such
 * key, -1: can not be read. Reads the disk, or what is about to be written. */
PG_FN int pg_store_get(struct pg_store *s, struct pg_str key,
    struct pg_buf *out, struct pg_err *e);

/* Put together one record: any number of puts and dels, then _commit. The
 * change is visible to _get and _each at once, durable when done says so. -1
 * with PG_E_LIMIT: over PG_STORE_RECORD_MAX; PG_E_SYS: read-only. Nothing is
 * then changed. c may be NULL for changes nobody waits for. */
struct pg_change {
	struct pg_buf puts, dels; /* zero at first */
};
PG_FN void pg_change_put(struct pg_change *ch, struct pg_str key,
    struct pg_str json);
PG_FN void pg_change_del(struct pg_change *ch, struct pg_str key);
PG_FN int pg_store_commit(struct pg_store *s, struct pg_change *ch,
    struct pg_commit *c, struct pg_err *e);
/* Whether a failed write has made it read-only, and why. */
PG_FN bool pg_store_readonly(const struct pg_store *s, struct pg_err *why);

/* A large state, as a file of its own: written and synced on a worker before
 * done; name it in a record afterwards. name: characters of an agent id. The
 * bulk is referenced meanwhile. Files that no record names are removed by
 * pg_store_sweep. */
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
