/* record: the JSON text of one change: {"put": {KEY: VALUE, ...}, "del":
 * [KEY, ...]}, either part left out when it is empty. Written and read here,
 * so that a commit and its replay do the same. Knows nothing of what keys and
 * values mean.
 */
#ifndef PG_RECORD_H
#define PG_RECORD_H

#include "../base/buf.h"
#include "../codec/value.h"
#include "journal.h"

#define PG_RECORD_KEY_MAX 300 /* bytes of a key */

/* What is to become one record. Zero is an empty one; pg_store_commit empties
 * it whatever comes of it, else pg_change_fini does. A key both put and
 * deleted is deleted. */
struct pg_change {
	struct pg_buf puts, dels;
	const char *wrong; /* the first thing that can not be recorded */
};

/* key: text (UTF-8) of 1 to PG_RECORD_KEY_MAX bytes. json: one value, written
 * without newlines. Both are copied. What is wrong or too much is said by
 * pg_change_text. */
PG_FN void pg_change_put(struct pg_change *ch, struct pg_str key,
    struct pg_str json);
PG_FN void pg_change_del(struct pg_change *ch, struct pg_str key);
/* Append the text to b. -1, PG_E_LIMIT: over PG_JOURNAL_LINE_MAX, PG_E_HOST:
 * a key or value that is none, PG_E_NOMEM; b is as it was. */
PG_FN int pg_change_text(const struct pg_change *ch, struct pg_buf *b,
    struct pg_err *e);
PG_FN void pg_change_fini(struct pg_change *ch);

enum pg_record_step {
	PG_RECORD_PUT, /* *key and *json, where it stands in the text */
	PG_RECORD_DEL, /* *key */
	PG_RECORD_END,
	PG_RECORD_BAD /* no record: what was said so far does not hold */
};

/* A walk over what a record says, in the order in which it happens. Owner:
 * whoever embeds it; the text is borrowed. */
struct pg_record {
	struct pg_str rest;
	bool started, dels; /* past the first key; among those deleted */
	char key[PG_RECORD_KEY_MAX];
};

PG_FN void pg_record_start(struct pg_record *r, struct pg_str json);
/* *key is valid until the next call, *json as long as the text. */
PG_FN enum pg_record_step pg_record_next(struct pg_record *r,
    struct pg_str *key, struct pg_str *json);
/* Whether json is a record from end to end. */
PG_FN bool pg_record_ok(struct pg_str json);

#endif
