/* kept: see kept.h. */
#include "kept.h"

#include "invoke.h"

/* {path: T}, or {} for NULL. */
static struct paglets_value *
kept_path(struct paglets_call *c, const char *path)
{
	struct paglets_value *d = paglets_dict(c);

	if (path != NULL)
		paglets_set(c, d, "path", paglets_text(c, path));
	return d;
}

static const struct pg_value *
kept_ask(struct paglets_call *c, const char *op,
    const struct paglets_value *d)
{
	return pg_upcall(c, op, PG_UPCALL_ASKS, pg_value_inner(d));
}

PG_API const char *
paglets_work_folder(struct paglets_call *c)
{
	const struct pg_value *v = kept_ask(c, "work_folder", kept_path(c,
	    NULL));

	if (v == NULL)
		return NULL;
	return paglets_as_text(c, pg_value_outer(pg_value_get(v, "path")));
}

PG_API const struct paglets_value *
paglets_storage_read(struct paglets_call *c, const char *path)
{
	return pg_value_outer(kept_ask(c, "storage_read", kept_path(c,
	    path)));
}

/* The bytes stay where they are until they are sent. */
PG_API int
paglets_storage_write(struct paglets_call *c, const char *path, const void *p,
    size_t n)
{
	struct paglets_value *d = kept_path(c, path);
	struct pg_value *data;

	if (n > PAGLETS_BYTES_MAX)
		return pg_invoke_fail(c, PG_E_LIMIT, pg_arena_printf(
		    c->arena, "storage_write: over %zu bytes",
		    PAGLETS_BYTES_MAX));
	data = pg_value_bytes(c->arena, PG_T_BYTES,
	    (struct pg_str){ p, n });
	paglets_set(c, d, "data", pg_value_outer(data));
	return kept_ask(c, "storage_write", d) != NULL ? 0 : -1;
}

PG_API int
paglets_storage_delete(struct paglets_call *c, const char *path)
{
	return kept_ask(c, "storage_delete", kept_path(c, path)) != NULL ?
	    0 : -1;
}

PG_API const struct paglets_value *
paglets_storage_list(struct paglets_call *c, const char *prefix)
{
	return pg_value_outer(kept_ask(c, "storage_list", kept_path(c,
	    prefix)));
}

PG_API const struct paglets_value *
paglets_storage_status(struct paglets_call *c)
{
	return pg_value_outer(kept_ask(c, "storage_status", kept_path(c,
	    NULL)));
}
