/* vault: how artifacts lie on disk, and what of it survives a crash. No index
 * and no loop: all of it blocks, and is for workers, or for a start.
 *
 * DIR being the folder: blobs/ID.bin, what was uploaded; metadata/ID.json, what
 * is known of it, written last and removed first: it is what makes the
 * artifact exist; tmp/ID.part and tmp/ID.json, what is arriving; corrupt/, what
 * was found at a start and does not fit together. ID is PG_ID_LEN lower-case
 * hex digits; nothing else that anybody has sent becomes part of a path.
 */
#ifndef PG_VAULT_H
#define PG_VAULT_H

#include "../base/clock.h"
#include "../base/err.h"
#include "../codec/sha256.h"
#include "../os/rand.h"

#define PG_ARTIFACT_TEXT_MAX 1024 /* bytes of name, compression, owner */
#define PG_ARTIFACT_META_MAX (64 * 1024) /* bytes of a file of metadata */
#define PG_VAULT_NAME_MAX 64 /* bytes of a name in a folder, with NUL */

/* Text is borrowed from whoever has it. */
struct pg_artifact {
	char id[PG_ID_LEN + 1];
	struct pg_str name, compression, owner; /* UTF-8, any characters */
	uint64_t size;
	uint8_t sha256[PG_SHA256_SIZE];
	/* Unix time in seconds, as on the wire; not after 0: never. */
	double created_at, expires_at;
};

/* Owner: whoever embeds it. Nothing changes between _open and _fini, so that
 * workers may share it. */
struct pg_vault {
	char *path; /* for messages */
	int blobs, metadata, tmp, corrupt; /* folders; -1: not open */
};

/* Open, making what is not there. Also after a failure: _fini. */
PG_FN int pg_vault_open(struct pg_vault *v, const char *dir,
    struct pg_err *e);
PG_FN void pg_vault_fini(struct pg_vault *v);
/* Remove what a crash has left, set aside (with a line in the log) what is
 * damaged, and call each for every artifact that is whole; its text is lent
 * for that call. -1 only when a folder can not be read. */
PG_FN int pg_vault_load(struct pg_vault *v, void (*each)(void *arg,
    const struct pg_artifact *a), void *arg, struct pg_err *e);

/* The name in tmp/ under which the bytes of an artifact arrive. */
PG_FN void pg_vault_part(const char *id, char name[PG_VAULT_NAME_MAX]);
/* Those bytes are on disk: make the artifact exist. On failure nothing is
 * left. */
PG_FN int pg_vault_keep(const struct pg_vault *v, const struct pg_artifact *a,
    struct pg_err *e);
/* Its bytes, to be read. PG_E_NO_ARTIFACT: it is not there. */
PG_FN int pg_vault_blob(const struct pg_vault *v, const char *id,
    struct pg_err *e);
/* *gone: it does not exist any more; else it is as it was. -1 with *gone: what
 * that is worth after a crash nobody knows. */
PG_FN int pg_vault_remove(const struct pg_vault *v, const char *id,
    bool *gone, struct pg_err *e);
/* Make its bytes the file at path as well, in place of another one, as one step
 * and on disk. On failure path is as it was. */
PG_FN int pg_vault_lend(const struct pg_vault *v, const char *id,
    const char *path, struct pg_err *e);
/* The same, and remove it. */
PG_FN int pg_vault_take(const struct pg_vault *v, const char *id,
    const char *path, bool *gone, struct pg_err *e);
/* Remove what lies in tmp/ and was not changed since `before` (wall clock),
 * but for that which arrives: ids, n of them. */
PG_FN void pg_vault_sweep(const struct pg_vault *v, int64_t before,
    const char (*ids)[PG_ID_LEN + 1], size_t n);

#endif
