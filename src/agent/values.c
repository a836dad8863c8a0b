/* values: wire values as handlers see them, read and built.
 *
 * The public names for codec/value, over the memory of a call. A handler need
 * not test what it builds: the call remembers that memory ran out, and fails.
 */
#include "call.h"

/* ---- Reading ---- */

PG_API enum paglets_type
paglets_type_of(const struct paglets_value *v)
{
	static const enum paglets_type types[] = {
		[PG_T_NULL] = PAGLETS_IS_NULL,
		[PG_T_BOOL] = PAGLETS_IS_BOOL,
		[PG_T_INT] = PAGLETS_IS_INT,
		[PG_T_BIG] = PAGLETS_IS_BIG,
		[PG_T_FLOAT] = PAGLETS_IS_FLOAT,
		[PG_T_STR] = PAGLETS_IS_TEXT,
		[PG_T_BYTES] = PAGLETS_IS_BYTES,
		[PG_T_BYTEARRAY] = PAGLETS_IS_BYTES,
		[PG_T_LIST] = PAGLETS_IS_LIST,
		[PG_T_TUPLE] = PAGLETS_IS_LIST,
		[PG_T_SET] = PAGLETS_IS_LIST,
		[PG_T_FROZENSET] = PAGLETS_IS_LIST,
		[PG_T_DICT] = PAGLETS_IS_DICT,
	};

	return v != NULL ? types[pg_value_inner(v)->type] : PAGLETS_IS_NULL;
}

PG_API bool
paglets_as_bool(const struct paglets_value *v, bool otherwise)
{
	const struct pg_value *p = pg_value_inner(v);

	return pg_value_is(p, PG_T_BOOL) ? p->u.i != 0 : otherwise;
}

PG_API int64_t
paglets_as_int(const struct paglets_value *v, int64_t otherwise)
{
	const struct pg_value *p = pg_value_inner(v);

	return pg_value_is(p, PG_T_INT) ? p->u.i : otherwise;
}

PG_API double
paglets_as_float(const struct paglets_value *v, double otherwise)
{
	double f;

	return pg_value_number(pg_value_inner(v), &f) ? f : otherwise;
}

static const char *
values_text(struct paglets_call *c, struct pg_str s)
{
	struct pg_str copy = pg_arena_str(c->arena, s);

	c->short_of_memory |= copy.p == NULL;
	return copy.p;
}

PG_API const char *
paglets_as_text(struct paglets_call *c, const struct paglets_value *v)
{
	const struct pg_value *p = pg_value_inner(v);

	if (!pg_value_is(p, PG_T_STR))
		return NULL;
	return values_text(c, (struct pg_str){ p->u.p, p->n });
}

PG_API const char *
paglets_as_bytes(const struct paglets_value *v, size_t *n)
{
	const struct pg_value *p = pg_value_inner(v);

	*n = 0;
	if (!pg_value_is(p, PG_T_STR) && !pg_value_is(p, PG_T_BYTES) &&
	    !pg_value_is(p, PG_T_BYTEARRAY))
		return NULL;
	*n = p->n;
	return p->n > 0 ? p->u.p : "";
}

PG_API size_t
paglets_count(const struct paglets_value *v)
{
	const struct pg_value *p = pg_value_inner(v);

	return pg_value_is_seq(p) || pg_value_is(p, PG_T_DICT) ? p->n : 0;
}

PG_API const struct paglets_value *
paglets_item(const struct paglets_value *v, size_t i)
{
	const struct pg_value *p = pg_value_inner(v);

	return pg_value_is_seq(p) && i < p->n ?
	    pg_value_outer(p->u.items[i]) : NULL;
}

PG_API const char *
paglets_key(struct paglets_call *c, const struct paglets_value *v, size_t i)
{
	const struct pg_value *p = pg_value_inner(v);

	if (!pg_value_is(p, PG_T_DICT) || i >= p->n)
		return NULL;
	return values_text(c, p->u.pairs[i].key);
}

PG_API const struct paglets_value *
paglets_get(const struct paglets_value *dict, const char *key)
{
	return pg_value_outer(pg_value_get(pg_value_inner(dict), key));
}

/* ---- Building ---- */

static struct paglets_value *
values_made(struct paglets_call *c, struct pg_value *v)
{
	c->short_of_memory |= v == NULL;
	return pg_value_outer(v);
}

PG_API struct paglets_value *
paglets_null(struct paglets_call *c)
{
	return values_made(c, pg_value_null(c->arena));
}

PG_API struct paglets_value *
paglets_bool(struct paglets_call *c, bool b)
{
	return values_made(c, pg_value_bool(c->arena, b));
}

PG_API struct paglets_value *
paglets_int(struct paglets_call *c, int64_t i)
{
	return values_made(c, pg_value_int(c->arena, i));
}

PG_API struct paglets_value *
paglets_float(struct paglets_call *c, double f)
{
	return values_made(c, pg_value_float(c->arena, f));
}

/* A copy of s; p is NULL when memory or the length of a value runs out. */
static struct pg_str
values_copy(struct paglets_call *c, const void *p, size_t n)
{
	if (n > PAGLETS_BYTES_MAX)
		return PG_STR_NULL;
	return pg_arena_str(c->arena, (struct pg_str){ p, n });
}

PG_API struct paglets_value *
paglets_text(struct paglets_call *c, const char *text)
{
	struct pg_str s;

	if (text == NULL)
		return paglets_null(c);
	s = values_copy(c, text, strlen(text));
	if (s.p == NULL)
		return values_made(c, NULL);
	pg_fields_clean((char *)(uintptr_t)s.p, s.n);
	return values_made(c, pg_value_str(c->arena, s));
}

PG_API struct paglets_value *
paglets_bytes(struct paglets_call *c, const void *p, size_t n)
{
	struct pg_str s = values_copy(c, p, n);

	if (s.p == NULL)
		return values_made(c, NULL);
	return values_made(c, pg_value_bytes(c->arena, PG_T_BYTES, s));
}

PG_API struct paglets_value *
paglets_list(struct paglets_call *c)
{
	return values_made(c, pg_value_list(c->arena));
}

PG_API struct paglets_value *
paglets_dict(struct paglets_call *c)
{
	return values_made(c, pg_value_dict(c->arena));
}

PG_API int
paglets_add(struct paglets_call *c, struct paglets_value *list,
    const struct paglets_value *item)
{
	if (item == NULL)
		item = paglets_null(c);
	if (!pg_value_is(pg_value_inner(list), PG_T_LIST))
		return -1;
	if (pg_value_add(c->arena, pg_value_inner(list),
	    pg_value_inner(item)) == 0)
		return 0;
	c->short_of_memory = true;
	return -1;
}

PG_API int
paglets_set(struct paglets_call *c, struct paglets_value *dict,
    const char *key, const struct paglets_value *v)
{
	struct pg_str k = values_copy(c, key, strlen(key));

	if (v == NULL)
		v = paglets_null(c);
	if (!pg_value_is(pg_value_inner(dict), PG_T_DICT))
		return -1;
	if (k.p != NULL) {
		pg_fields_clean((char *)(uintptr_t)k.p, k.n);
		if (pg_value_set(c->arena, pg_value_inner(dict), k,
		    pg_value_inner(v)) == 0)
			return 0;
	}
	c->short_of_memory = true;
	return -1;
}
