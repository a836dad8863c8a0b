/* replay: the log read into the index when the store is opened. Knows what a
 * crash leaves behind and what it can not have left.
 */
#ifndef PG_REPLAY_H
#define PG_REPLAY_H

#include "index.h"

#define PG_REPLAY_CORRUPT_MAX 1000 /* damaged records; more are no log */

/* Owner: the caller's frame. Strings and index are borrowed. */
struct pg_replay {
	const char *dir; /* the store's; DIR/corrupt is there unless looking */
	int log;         /* DIR/log */
	bool looking;    /* change nothing on disk */
	struct pg_index *index;

	/* What is found. */
	unsigned file;   /* the last one; 0: none */
	uint64_t size;   /* up to the end of its last whole line */
	uint64_t total;  /* bytes of all files that count */
	unsigned base;   /* files below this one do not count */
	size_t corrupt;  /* damaged records, set aside in DIR/corrupt; files
	                  * missing among others count as one */
};

/* Read all of the log, which is not changed. What the last file ends with and
 * is no whole line was never promised: it is left out, with a log line. Any
 * other damage is counted, logged, and kept in a file FILE-OFFSET in
 * DIR/corrupt. -1: can not be read, or was not written by us. */
PG_FN int pg_replay(struct pg_replay *r, struct pg_err *e);

#endif
