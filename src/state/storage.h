/* storage: managed storage: files that the paglets of a class keep on their
 * host, all in one folder, DIR/storage/CLASS, within a quota. They outlive
 * the paglets, and the host's process.
 *
 * Knows names and bytes, not who asks. All functions but _open and _close
 * block and are for workers; those for one class one at a time.
 */
#ifndef PG_STORAGE_H
#define PG_STORAGE_H

#include "../base/mem.h"
#include "../os/beneath.h"
#include "../os/sweep.h"

#define PG_STORAGE_QUOTA ((int64_t)10 << 20) /* default, bytes of a class */
#define PG_STORAGE_FILES_MAX 10000           /* of a class */
#define PG_STORAGE_FILE_MAX ((int64_t)1 << 30) /* bytes of one, any quota */
/* Bytes of the name of a class's folder. */
#define PG_STORAGE_FOLDER_MAX 224

struct pg_storage;

/* The folder of a class, and what is in it. Zeroed, then named by
 * pg_storage_class_init. Owner: whoever embeds it. */
struct pg_storage_class {
	char folder[PG_STORAGE_FOLDER_MAX + 1];
	bool counted; /* the next two hold */
	int64_t used; /* bytes */
	size_t files;
};

/* DIR/storage of a state folder, which is made if need be, with what a crash
 * has left half-written removed. quota: bytes for each class. */
PG_FN struct pg_storage *pg_storage_open(const char *dir, int64_t quota,
    struct pg_work *w, struct pg_err *e);
/* After pg_work_free. NULL is fine. */
PG_FN void pg_storage_close(struct pg_storage *s);
PG_FN int64_t pg_storage_quota(const struct pg_storage *s);
/* On the loop thread, after _delete: remove what was taken out of sight. */
PG_FN void pg_storage_sweep(struct pg_storage *s);

/* Different names of classes have different folders: letters, digits, '.',
 * '_' and '-' stand for themselves, but for a '.' in front, '+' for ':', and
 * %XX for any other byte; a long name is cut, with '~' and its hash behind. */
PG_FN void pg_storage_class_init(struct pg_storage_class *c,
    struct pg_str class_name);
/* The path of its folder, in arena. */
PG_FN struct pg_str pg_storage_root(const struct pg_storage *s,
    const struct pg_storage_class *c, struct pg_arena *a);

/* Open a file for reading; *size is what it has. -1: PG_E_HOST for a path that
 * is none, PG_E_NOT_FOUND, PG_E_LIMIT over PG_STORAGE_FILE_MAX. */
PG_FN int pg_storage_read(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str path, int64_t *size, struct pg_err *e);
/* Replace or make a file, and the folders it is in, in one step that survives
 * a crash. PG_E_QUOTA (nothing has changed), PG_E_HOST, PG_E_SYS. */
PG_FN int pg_storage_write(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str path, struct pg_str bytes, struct pg_err *e);
/* Remove a file, or a folder with all that is in it, or (path.p NULL) all;
 * with it go the folders that this leaves empty. Fine if it is not there. */
PG_FN int pg_storage_delete(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str path, struct pg_err *e);

struct pg_storage_file {
	struct pg_str path;
	int64_t size;
};
/* All files whose path begins so, sorted by the bytes of their paths; in arena,
 * which sets the limit (PG_E_LIMIT). Paths that are no UTF-8 are left out. */
PG_FN int pg_storage_list(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str prefix, struct pg_arena *a, struct pg_storage_file **files,
    size_t *n, struct pg_err *e);
/* See to it that c->used and c->files hold. */
PG_FN int pg_storage_count(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_err *e);

#endif
