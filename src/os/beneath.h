/* beneath: files in a folder, by names that others choose: whatever a name
 * says and whatever lies in the folder, nothing outside of it is opened.
 *
 * The kernel sees to that (openat2, RESOLVE_BENEATH and no links at all), or,
 * where it cannot, we do, one name after the other.
 */
#ifndef PG_BENEATH_H
#define PG_BENEATH_H

#include "../base/base.h"

#define PG_BENEATH_NAME_MAX 255         /* bytes of one name */
#define PG_BENEATH_PATH_MAX (PATH_MAX - 1) /* and of all, with slashes */
#define PG_BENEATH_DEPTH_MAX 32         /* names */

/* A path: names separated by single slashes, none of them "." or "..". What is
 * wrong with it, to follow the words "the path"; NULL: nothing, and out holds
 * it with a NUL behind it. */
PG_FN const char *pg_beneath_check(struct pg_str path,
    char out[PG_BENEATH_PATH_MAX + 1]);

/* Open a file or folder; flags and mode as for open(2), close-on-exec anyway.
 * -1 with errno: ELOOP or EXDEV for what leads elsewhere. */
PG_FN int pg_beneath_open(int root, const char *path, int flags,
    unsigned mode);
/* Open the folder that the last name of path is in. make: have it made, each
 * new folder safe on disk. *base is that name. -1 with errno. */
PG_FN int pg_beneath_parent(int root, const char *path, bool make,
    const char **base);
/* Remove the folders that path goes through, from the last on, as long as
 * they are empty. */
PG_FN void pg_beneath_prune(int root, const char *path);

#endif
