/* fields: the state of a paglet, a C struct described by its class's field
 * table, read from and written to wire values.
 */
#ifndef PG_FIELDS_H
#define PG_FIELDS_H

#include "../codec/pickle.h"
#include "../codec/value.h"
#include "../os/file.h"

#include "../../paglets.h"

/* Bytes of this length and more that arrive in a memfd are borrowed from it
 * instead of copied; the memfd then stays as long as they do. */
#define PG_FIELDS_BORROW_MIN ((size_t)64 * 1024)

/* Values inside and outside are the same thing; only their names differ. */
static inline struct pg_value *
pg_value_inner(const struct paglets_value *v)
{
	return (struct pg_value *)(uintptr_t)v;
}

static inline struct paglets_value *
pg_value_outer(const struct pg_value *v)
{
	return (struct paglets_value *)(uintptr_t)v;
}

/* Replace every byte that is not part of valid UTF-8 by '?'. */
PG_FN void pg_fields_clean(char *p, size_t n);

/* A state with every field at its default; freed by _free (NULL is fine). */
PG_FN void *pg_fields_new(const struct paglets_class *cls);
PG_FN void pg_fields_free(const struct paglets_class *cls, void *state);

/* The schema that a state was written with, 0 if it does not say. -1 with
 * PG_E_SERIAL: it is newer than the class, or no number. */
PG_FN int pg_fields_schema(const struct paglets_class *cls,
    const struct pg_value *dict, int64_t *from, struct pg_err *e);

/* Assign the fields that dict has; null and unknown keys are passed over.
 * Copies, but for bytes that lie in bulk (may be NULL), which it references.
 * -1: PG_E_SERIAL (a field of the wrong type) with nothing assigned, or
 * PG_E_LIMIT (memory) with some of it. */
PG_FN int pg_fields_assign(const struct paglets_class *cls, void *state,
    const struct pg_value *dict, struct pg_bulk *bulk, struct pg_err *e);

/* Write the state as one bare value, with "_schema" if the class has one. */
PG_FN int pg_fields_write(const struct paglets_class *cls, const void *state,
    struct pg_out *o, struct pg_err *e);

/* Put every field into dict, borrowed from the state. -1: a's ceiling. */
PG_FN int pg_fields_reply(const struct paglets_class *cls, const void *state,
    struct pg_arena *a, struct pg_value *dict);

/* About the bytes that pg_fields_write would write. */
PG_FN size_t pg_fields_weight(const struct paglets_class *cls,
    const void *state);

/* Give back what changes to trees have left behind. Moves them: for between
 * handlers only. */
PG_FN void pg_fields_tidy(const struct paglets_class *cls, void *state);

/* The name of the state class that goes with a class by default. */
PG_FN struct pg_str pg_fields_state_name(struct pg_arena *a,
    struct pg_str class_name);

/* paglets_bytes_new with a limit of the caller's. */
PG_FN char *pg_fields_bytes_new(struct paglets_bytes *b, size_t n,
    size_t max);

#endif
