/* compact: the log written anew without what is dead, while it goes on being
 * written to. Knows the live entries as they were at one moment, and files;
 * not who adds to the log meanwhile.
 *
 * The log ends in file N when it begins. From then on the store writes to
 * file N+2, which is on disk before anything else is done. A worker then
 * writes every entry that was live at that moment to N+1.tmp, syncs it,
 * renames it to N+1 and syncs the folder; the stamp of N+1 says that it is a
 * base: what went before it does not count. Only then are files up to N
 * removed. A crash finds one of these:
 *
 *   1 .. N              nothing has happened
 *   1 .. N, N+2         N+2 may be empty or torn, since nothing in it was
 *                       promised before it was synced; what is in it follows
 *                       what is in N. N+1.tmp may lie there: it is removed
 *   1 .. N, N+1, N+2    N+1 is whole, since it was synced before it got its
 *                       name; a replay forgets 1 .. N when it comes to it
 *   some, N+1, N+2      the same: it does not matter which of 1 .. N are left
 *   N+1, N+2            done
 *
 * The numbers are in order of time throughout, and N+1 never holds what N+2
 * says: entries of N+1 are those of the moment when N ended.
 */
#ifndef PG_COMPACT_H
#define PG_COMPACT_H

#include "../os/work.h"
#include "index.h"

#define PG_COMPACT_TEMP ".tmp" /* how a file is called that has no name yet */

/* Owner: the store, which submits the job twice: to write the base, and to
 * remove what it stands for. */
struct pg_compact {
	struct pg_job job;
	void *owner;             /* the submitter's, for job.done */
	int log;                 /* borrowed: the folder */
	unsigned file;           /* the base's number */
	struct pg_entry **live;  /* referenced */
	struct pg_spot *spots;   /* where they stand in the base */
	size_t n;
	uint64_t size;           /* bytes of the base */
	struct pg_err err;
};

/* Take down what is live in ix now; the base will be file number `file`. */
PG_FN struct pg_compact *pg_compact_new(struct pg_index *ix, int log,
    unsigned file);
/* job.run: write the base. err is set on failure, and nothing is left. */
PG_FN void pg_compact_write(struct pg_job *j);
/* The base is written: every entry is there from now on. Loop thread. */
PG_FN void pg_compact_settle(struct pg_compact *c);
/* job.run: remove the files before the base. What stays is removed at the
 * next open. */
PG_FN void pg_compact_remove(struct pg_job *j);
PG_FN void pg_compact_free(struct pg_compact *c); /* NULL is fine */

/* Remove the files of the log below number `base`. */
PG_FN void pg_compact_remove_below(int log, unsigned base);

#endif
