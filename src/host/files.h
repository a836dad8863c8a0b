/* files: the files that a paglet has registered, so that they travel with it
 * (PROTOCOL section 4, File; section 7). A list never changes: who changes it
 * makes another, so that a move or a record may keep the one it began with.
 */
#ifndef PG_FILES_H
#define PG_FILES_H

#include "../codec/value.h"

#define PG_FILES_MAX 100 /* of one paglet */
/* Bytes of all texts of one list: it is part of a line of the journal. */
#define PG_FILES_TEXT_MAX ((size_t)128 * 1024)
#define PG_FILE_NAME_MAX 255  /* bytes of a registered name */
#define PG_FILE_PATH_MAX 4095 /* bytes */
#define PG_FILE_STORED_MAX 200 /* bytes of the name that a file gets on disk */

/* The words of File.status. */
#define PG_FILE_REGISTERED "registered" /* where it was registered */
#define PG_FILE_AVAILABLE "available"   /* where it came to by a move */
#define PG_FILE_FAILED "failed"         /* nothing to be had here */

/* One File. All text is borrowed; that of a list lives as long as the list. */
struct pg_fileref {
	struct pg_str name;
	bool move; /* the mode: the source is deleted after a move */
	struct pg_str source_host_name, source_host_url, source_path;
	double source_created_at, source_modified_at; /* Unix time */
	int64_t size_bytes;
	struct pg_str sha256; /* 64 hex digits */
	struct pg_str current_host_name, current_host_url, current_path;
	struct pg_str status, last_error;
};

/* Owner: whoever holds a reference. A list without files is NULL. */
struct pg_files {
	unsigned refs;
	size_t n, text; /* files; bytes of their texts */
	struct pg_arena arena; /* of all that follows */
	struct pg_fileref *items;
};

PG_FN struct pg_files *pg_files_ref(struct pg_files *f); /* NULL is fine */
PG_FN void pg_files_unref(struct pg_files *f);
/* A copy of f (or of none) with r, in the place of the one of that name if
 * there is one. NULL with PG_E_TRANSFER: over a limit. */
PG_FN struct pg_files *pg_files_with(const struct pg_files *f,
    const struct pg_fileref *r, struct pg_err *e);
/* A copy without the one of that name; NULL when none is left. */
PG_FN struct pg_files *pg_files_without(const struct pg_files *f,
    struct pg_str name);
/* NULL: there is none of that name. */
PG_FN const struct pg_fileref *pg_files_find(const struct pg_files *f,
    struct pg_str name);

/* The records; values borrow from the list. */
PG_FN struct pg_value *pg_fileref_value(const struct pg_fileref *r,
    struct pg_arena *a);
PG_FN struct pg_value *pg_files_value(const struct pg_files *f,
    struct pg_arena *a);
/* From a File of a peer or of a record; *out borrows from v. PG_E_TRANSFER
 * naming the field. Only the name is required. */
PG_FN int pg_fileref_read(const struct pg_value *v, struct pg_fileref *out,
    struct pg_err *e);
/* From a list of Files, in which no name may occur twice. *out is NULL for an
 * empty one. */
PG_FN int pg_files_read(const struct pg_value *list, struct pg_files **out,
    struct pg_err *e);

/* copy or move. PG_E_TRANSFER. */
PG_FN int pg_file_mode(struct pg_str word, bool *move, struct pg_err *e);
/* A name as it may be registered: 1 to PG_FILE_NAME_MAX bytes of printable
 * text, spaces at its ends taken away. PG_E_TRANSFER. */
PG_FN int pg_file_name(struct pg_str *name, struct pg_err *e);
/* The name under which a file is stored: PROTOCOL section 9, cut to
 * PG_FILE_STORED_MAX. nth > 1 makes another of it ("a.txt", "a-2.txt"). */
PG_FN void pg_file_stored_name(struct pg_str name, unsigned nth,
    char out[PG_FILE_STORED_MAX + 16]);

#endif
