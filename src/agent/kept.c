/* kept: see kept.h. */
#include "kept.h"

#include "invoke.h"

/* CALL op with {path T?, data?}. A path that is no text is refused: the '?'
 * that other texts get might make it that of another file. */
static const struct pg_value *
kept_ask(struct paglets_call *c, const char *op, const char *path,
    struct pg_value *data)
{
	struct paglets_value *d = paglets_dict(c);
	struct pg_str s = pg_str(path);

	if (s.p != NULL && pg_utf8_valid(s, false) != s.n) {
		pg_invoke_fail(c, PG_E_HOST, pg_arena_printf(c->arena,
		    "%s: the path is not UTF-8", op));
		return NULL;
	}
	if (path != NULL)
		paglets_set(c, d, "path", paglets_text(c, path));
	if (data != NULL)
		paglets_set(c, d, "data", pg_value_outer(data));
	return pg_upcall(c, op, PG_UPCALL_ASKS, pg_value_inner(d));
}

PG_API const char *
paglets_work_folder(struct paglets_call *c)
{
	const struct pg_value *v = kept_ask(c, "work_folder", NULL, NULL);

	if (v == NULL)
		return NULL;
	return paglets_as_text(c, pg_value_outer(pg_value_get(v, "path")));
}

PG_API const struct paglets_value *
paglets_storage_read(struct paglets_call *c, const char *path)
{
	return pg_value_outer(kept_ask(c, "storage_read", path, NULL));
}

/* The bytes stay where they are until they are sent. */
PG_API int
paglets_storage_write(struct paglets_call *c, const char *path, const void *p,
    size_t n)
{
	struct pg_value *data;

	if (n > PAGLETS_BYTES_MAX)
		return pg_invoke_fail(c, PG_E_LIMIT, pg_arena_printf(
		    c->arena, "storage_write: over %zu bytes",
		    PAGLETS_BYTES_MAX));
	data = pg_value_bytes(c->arena, PG_T_BYTES,
	    (struct pg_str){ p, n });
	if (data == NULL)
		return pg_invoke_fail(c, PG_E_LIMIT,
		    PG_STR("storage_write: too much memory"));
	return kept_ask(c, "storage_write", path, data) != NULL ? 0 : -1;
}

PG_API int
paglets_storage_delete(struct paglets_call *c, const char *path)
{
	return kept_ask(c, "storage_delete", path, NULL) != NULL ? 0 : -1;
}

PG_API const struct paglets_value *
paglets_storage_list(struct paglets_call *c, const char *prefix)
{
	return pg_value_outer(kept_ask(c, "storage_list", prefix, NULL));
}

PG_API const struct paglets_value *
paglets_storage_status(struct paglets_call *c)
{
	return pg_value_outer(kept_ask(c, "storage_status", NULL, NULL));
}
