/* index: the store's records in memory: where in the log each live one
 * stands, in the order in which the keys were first put, and small ones
 * whole. Knows nothing of files but their numbers, unless it is asked to
 * read a value from one.
 */
#ifndef PG_INDEX_H
#define PG_INDEX_H

#include "../base/buf.h"
#include "../base/map.h"
#include "journal.h"
#include "record.h"

#define PG_INDEX_KEEP_MAX 4096 /* bytes of a value kept in memory */

/* A line of the log, and a value in it. */
struct pg_spot {
	unsigned file;
	uint64_t at;       /* of the line in the file */
	uint32_t line_n;   /* bytes, newline included */
	uint32_t value_at; /* of the value in the line */
};

struct pg_entry_link {
	struct pg_entry_link *prev, *next;
};

/* One value of one key. A change makes another entry: nothing but the spot of
 * one is ever changed, on the loop, so that a worker may read it as long as
 * somebody holds a reference. */
struct pg_entry {
	struct pg_entry_link link; /* in the index; as it was, once out of it */
	unsigned refs;             /* loop thread */
	struct pg_spot spot;
	uint32_t key_n, value_n;
	bool kept;   /* the value is in memory */
	char text[]; /* the key, then the value if kept */
};

static inline struct pg_str
pg_entry_key(const struct pg_entry *n)
{
	return (struct pg_str){ n->text, n->key_n };
}

/* Of one that is kept. */
static inline struct pg_str
pg_entry_value(const struct pg_entry *n)
{
	return (struct pg_str){ n->text + n->key_n, n->value_n };
}

PG_FN void pg_entry_unref(struct pg_entry *n);
/* Have *value: in the entry, in `pending` when that is not NULL (the bytes of
 * the line), or else in b, where the line is put, read from the folder of the
 * log. Any thread; a line that is damaged by now is PG_E_SYS. */
PG_FN int pg_entry_load(const struct pg_entry *n, int log,
    const char *pending, struct pg_buf *b, struct pg_str *value,
    struct pg_err *e);

/* Changes that may have to be undone, each with what it replaced. Zero is
 * empty. Owner: whoever embeds it; holds a reference to every entry. */
struct pg_undo {
	struct pg_undo_step {
		struct pg_entry *was, *is; /* NULL: none */
	} *steps;
	size_t n, cap;
};

/* Forget: the changes stay. */
PG_FN void pg_undo_fini(struct pg_undo *u);

/* Owner: whoever embeds it. */
struct pg_index {
	struct pg_map map;
	struct pg_entry_link order; /* head of the ring */
	uint64_t live; /* bytes that the entries take as lines of their own */
};

PG_FN void pg_index_init(struct pg_index *ix, const uint64_t seed[2]);
PG_FN void pg_index_fini(struct pg_index *ix);
PG_FN void pg_index_clear(struct pg_index *ix);
PG_FN struct pg_entry *pg_index_get(const struct pg_index *ix,
    struct pg_str key);
/* The entry after n in the order of first put; n NULL: the first. */
PG_FN struct pg_entry *pg_index_next(const struct pg_index *ix,
    const struct pg_entry *n);

/* Do what the record says that stands at byte json_at of the line at spot.
 * What changes is noted in u, if that is not NULL. The record is one that
 * pg_record_ok accepts. */
PG_FN void pg_index_apply(struct pg_index *ix, struct pg_str json,
    struct pg_spot spot, struct pg_undo *u);
/* Undo what is noted in u, which is empty then. Only the latest changes can
 * be undone. */
PG_FN void pg_index_undo(struct pg_index *ix, struct pg_undo *u);

#endif
