/* folder: the work folder of a paglet, work/ID in the state folder: files of
 * its own that are kept as long as it lives here, asleep or crashed as well,
 * and that are gone when it has been disposed of or has moved away.
 *
 * The loop thread makes and renames folders, which is one step each; workers
 * remove what is in them.
 */
#ifndef PG_FOLDER_H
#define PG_FOLDER_H

#include "core.h"

#define PG_FOLDER_PATH PATH_MAX /* bytes of a path, with its NUL */

/* host->folders, once the store is open and locked; fails if DIR/work can not
 * be made. Called for hosts with a state folder only: all the others have no
 * work folders, and what follows then fails or does nothing. */
PG_FN struct pg_folders *pg_folders_new(struct pg_host *h, struct pg_err *e);
/* After pg_work_free. NULL is fine. */
PG_FN void pg_folders_free(struct pg_folders *f);
/* The agents are on their tables: what belongs to none of them goes; but if
 * records are damaged (h->damaged) it is kept as .kept-ID for a paglet of that
 * id that is there after another start. */
PG_FN void pg_folders_sweep(struct pg_host *h);

/* The folder's path, whether or not it is there; id must be valid. -1: this
 * host has none, or the path is too long. */
PG_FN int pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e);
/* Have it, mode 0700; it may be there already. */
PG_FN int pg_folder_make(struct pg_host *h, struct pg_str id,
    struct pg_err *e);
/* The paglet is gone: so is its folder from now on. */
PG_FN void pg_folder_drop(struct pg_host *h, struct pg_str id);

/* While another agent of the same id is being put in the place of one, the
 * folder of this one stands aside: _aside, then either _restore, with which
 * the new one's is gone, or _forget. */
PG_FN void pg_folder_aside(struct pg_host *h, struct pg_str id);
PG_FN void pg_folder_restore(struct pg_host *h, struct pg_str id);
PG_FN void pg_folder_forget(struct pg_host *h, struct pg_str id);

/* A folder for files that come before their paglet does, made under no id:
 * its path. _adopt makes it the folder of a paglet that has none (as after
 * _aside); _unstage removes it, if it is not adopted. What a host that ends
 * leaves of these is swept. */
PG_FN int pg_folder_stage(struct pg_host *h, char out[PG_FOLDER_PATH],
    struct pg_err *e);
PG_FN int pg_folder_adopt(struct pg_host *h, struct pg_str id,
    const char *staged, struct pg_err *e);
PG_FN void pg_folder_unstage(struct pg_host *h, const char *staged);

#endif
