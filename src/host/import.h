/* import: the files that come with a paglet, put into a folder of their own
 * before it arrives (PROTOCOL sections 7 and 9): out of our artifacts, from
 * where else they were put down, or, for a clone on this host, as copies.
 * All of them or none.
 */
#ifndef PG_IMPORT_H
#define PG_IMPORT_H

#include "agent.h"

/* For one that was fetched elsewhere to be removed there. */
#define PG_IMPORT_REMOVE_TIME (10 * PG_SEC)

struct pg_import;

/* err NULL: all are there; else it is the import's. Called once, later than
 * the start. */
typedef void pg_import_done(void *arg, const struct pg_err *err);

/* Whether metadata.registered_files brings anything: a list without artifacts
 * is one of plain Files. */
PG_FN bool pg_import_needed(const struct pg_value *items);
/* A list of plain Files for a paglet: what does not lie in its own work
 * folder is not taken for a file of ours, whatever the sender says, or a
 * paglet could be made to carry off any file of this machine. */
PG_FN int pg_import_plain(struct pg_host *h, struct pg_str agent_id,
    const struct pg_value *items, struct pg_files **out, struct pg_err *e);

/* Begin; the values are copied. Every failure is told by done, with
 * PG_E_TRANSFER. */
PG_FN struct pg_import *pg_import_start(struct pg_host *h,
    struct pg_str agent_id, const struct pg_value *items,
    pg_import_done *done, void *arg);
/* The same from a list of files here. */
PG_FN struct pg_import *pg_import_copies(struct pg_host *h,
    struct pg_str agent_id, const struct pg_files *files,
    pg_import_done *done, void *arg);

/* The list, with the places that the files have once _place is done. */
PG_FN struct pg_files *pg_import_files(const struct pg_import *im);
/* The paglet has come: what was brought is its work folder from now on (it has
 * none). */
PG_FN int pg_import_place(struct pg_import *im, struct pg_err *e);
/* Have that on disk. done as above. */
PG_FN void pg_import_sync(struct pg_import *im, pg_import_done *done,
    void *arg);
/* From now on the paglet may use them: their artifacts here are gone. Until
 * then they are only lent, so that an envelope that fails may be repeated. */
PG_FN void pg_import_keep(struct pg_import *im);
/* Over. kept: as _keep, and what lies elsewhere is removed there; else what was
 * brought is removed, and artifacts stay where they were, unless _keep was
 * called: who put them down removes them, or they expire. NULL is fine. */
PG_FN void pg_import_end(struct pg_import *im, bool kept);
/* The host ends: nobody is called back. */
PG_FN void pg_imports_free(struct pg_host *h);

#endif
