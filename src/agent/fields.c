/* fields: state by field table.
 *
 * Knows the structs of paglets.h and how long what they hold lives; knows
 * nothing of messages. A field replaced a million times takes no more memory
 * than one: bytes are on the heap one by one, and a tree has an arena of its
 * own that is written anew when more than half of it is dead.
 */
#include "fields.h"

/* Dead memory that a tree may hold whatever its size. */
#define FIELDS_SLACK ((size_t)16 * 1024)

/* Behind paglets_tree.mem: where the tree lies. Owner: the tree. */
struct fields_tree {
	struct pg_arena arena;
	size_t settled; /* arena.used when it held nothing dead */
};

/* What trees are before anything is put into them. */
static const struct pg_value fields_null = { .type = PG_T_NULL };
static const struct pg_value fields_list = { .type = PG_T_LIST };
static const struct pg_value fields_dict = { .type = PG_T_DICT };

/* ---- Text and bytes ---- */

PG_FN void
pg_fields_clean(char *p, size_t n)
{
	struct pg_str rest = { p, n };
	size_t ok;

	while ((ok = pg_utf8_valid(rest, true)) < rest.n) {
		p[n - rest.n + ok] = '?';
		rest = pg_str_skip(rest, ok + 1);
	}
}

static void
fields_bytes_drop(struct paglets_bytes *b)
{
	free(b->mem);
	pg_bulk_unref(b->share);
	*b = (struct paglets_bytes){ .p = "" };
}

PG_FN char *
pg_fields_bytes_new(struct paglets_bytes *b, size_t n, size_t max)
{
	char *p;

	if (n > max)
		return NULL;
	/* calloc: large blocks come from the kernel zeroed. */
	p = calloc(1, n + 1);
	if (p == NULL)
		return NULL;
	fields_bytes_drop(b);
	*b = (struct paglets_bytes){ .p = p, .n = n, .mem = p };
	return p;
}

PG_API char *
paglets_bytes_new(struct paglets_bytes *b, size_t n)
{
	return pg_fields_bytes_new(b, n, PAGLETS_BYTES_MAX);
}

PG_API int
paglets_bytes_set(struct paglets_bytes *b, const void *p, size_t n)
{
	char *copy;

	if (n > PAGLETS_BYTES_MAX)
		return -1;
	copy = pg_try_realloc(NULL, n + 1);
	if (copy == NULL)
		return -1;
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	fields_bytes_drop(b); /* only now: p may lie within */
	*b = (struct paglets_bytes){ .p = copy, .n = n, .mem = copy };
	return 0;
}

PG_API int
paglets_text_set(struct paglets_bytes *b, const char *text)
{
	if (paglets_bytes_set(b, text, strlen(text)) < 0)
		return -1;
	pg_fields_clean(b->mem, b->n);
	return 0;
}

/* Bytes s, which lie in bulk, without a copy. */
static void
fields_bytes_borrow(struct paglets_bytes *b, struct pg_str s,
    struct pg_bulk *bulk)
{
	pg_bulk_ref(bulk); /* first: b may hold the last reference */
	fields_bytes_drop(b);
	*b = (struct paglets_bytes){ .p = s.p, .n = s.n, .share = bulk };
}

static bool
fields_borrowable(struct pg_str s, const struct pg_bulk *bulk)
{
	return bulk != NULL && s.n >= PG_FIELDS_BORROW_MIN &&
	    s.p >= bulk->p && s.p + s.n <= bulk->p + bulk->n;
}

/* ---- Trees ---- */

static void
fields_tree_drop(struct paglets_tree *t)
{
	struct fields_tree *m = t->mem;

	if (m != NULL)
		pg_arena_fini(&m->arena);
	free(m);
	t->mem = NULL;
}

/* Make t a copy of v in an arena of its own; v may lie within t. */
static int
fields_tree_copy(struct paglets_tree *t, const struct pg_value *v)
{
	struct fields_tree *m = pg_alloc(sizeof(*m));
	struct pg_value *copy;

	pg_arena_init(&m->arena, PAGLETS_BYTES_MAX);
	if (pg_value_copy(&m->arena, v, &copy) < 0) {
		pg_arena_fini(&m->arena);
		free(m);
		return -1;
	}
	m->settled = m->arena.used;
	fields_tree_drop(t);
	t->v = pg_value_outer(copy);
	t->mem = m;
	return 0;
}

/* t, made its own and writable if it is of type want; else NULL. */
static struct fields_tree *
fields_tree_open(struct paglets_tree *t, enum pg_type want)
{
	if (!pg_value_is(pg_value_inner(t->v), want))
		return NULL;
	if (t->mem == NULL && fields_tree_copy(t, pg_value_inner(t->v)) < 0)
		return NULL;
	return t->mem;
}

PG_API int
paglets_tree_set(struct paglets_tree *t, const struct paglets_value *v)
{
	return fields_tree_copy(t, v != NULL ? pg_value_inner(v) :
	    &fields_null);
}

PG_API int
paglets_tree_add(struct paglets_tree *t, const struct paglets_value *v)
{
	struct fields_tree *m = fields_tree_open(t, PG_T_LIST);
	struct pg_value *copy;

	if (m == NULL || pg_value_copy(&m->arena, v != NULL ?
	    pg_value_inner(v) : &fields_null, &copy) < 0)
		return -1;
	return pg_value_add(&m->arena, pg_value_inner(t->v), copy);
}

PG_API int
paglets_tree_put(struct paglets_tree *t, const char *key,
    const struct paglets_value *v)
{
	struct fields_tree *m = fields_tree_open(t, PG_T_DICT);
	struct pg_value *copy;
	struct pg_str k;

	if (m == NULL || pg_value_copy(&m->arena, v != NULL ?
	    pg_value_inner(v) : &fields_null, &copy) < 0)
		return -1;
	k = pg_arena_str(&m->arena, pg_str(key));
	if (k.p == NULL)
		return -1;
	pg_fields_clean((char *)(uintptr_t)k.p, k.n);
	return pg_value_set(&m->arena, pg_value_inner(t->v), k, copy);
}

/* ---- One field ---- */

static void *
fields_at(const struct paglets_field *f, const void *state)
{
	return (char *)(uintptr_t)state + f->at;
}

static void
fields_default(const struct paglets_field *f, void *at)
{
	switch (f->kind) {
	case PAGLETS_KIND_INT:
		*(int64_t *)at = f->int_default;
		return;
	case PAGLETS_KIND_FLOAT:
		*(double *)at = f->float_default;
		return;
	case PAGLETS_KIND_BOOL:
		*(bool *)at = f->int_default != 0;
		return;
	case PAGLETS_KIND_TEXT:
		*(struct paglets_bytes *)at = (struct paglets_bytes){
			.p = f->text_default, .n = strlen(f->text_default) };
		return;
	case PAGLETS_KIND_BYTES:
		*(struct paglets_bytes *)at = (struct paglets_bytes){
			.p = "" };
		return;
	case PAGLETS_KIND_LIST:
		((struct paglets_tree *)at)->v = pg_value_outer(&fields_list);
		return;
	case PAGLETS_KIND_DICT:
		((struct paglets_tree *)at)->v = pg_value_outer(&fields_dict);
		return;
	case PAGLETS_KIND_VALUE:
		((struct paglets_tree *)at)->v = pg_value_outer(&fields_null);
		return;
	}
}

/* The type that field f wants, by its name in Python; NULL if v has it. */
static const char *
fields_mismatch(const struct paglets_field *f, const struct pg_value *v)
{
	double number;
	int64_t i;

	switch (f->kind) {
	case PAGLETS_KIND_INT:
		return pg_value_as_int(v, &i) ? NULL : "int";
	case PAGLETS_KIND_FLOAT:
		return pg_value_as_float(v, &number) ? NULL : "float";
	case PAGLETS_KIND_BOOL:
		return pg_value_is(v, PG_T_BOOL) ? NULL : "bool";
	case PAGLETS_KIND_TEXT:
		return pg_value_is(v, PG_T_STR) ? NULL : "str";
	case PAGLETS_KIND_BYTES:
		return pg_value_is(v, PG_T_BYTES) ||
		    pg_value_is(v, PG_T_BYTEARRAY) ? NULL : "bytes";
	case PAGLETS_KIND_LIST:
		return pg_value_is_seq(v) ? NULL : "list";
	case PAGLETS_KIND_DICT:
		return pg_value_is(v, PG_T_DICT) ? NULL : "dict";
	case PAGLETS_KIND_VALUE:
		return NULL;
	}
	return "of a known kind";
}

static int
fields_check(const struct paglets_field *f, const struct pg_value *v,
    struct pg_err *e)
{
	const char *want = fields_mismatch(f, v);

	if (want == NULL)
		return 0;
	if (f->kind == PAGLETS_KIND_INT && pg_value_is(v, PG_T_BIG))
		return pg_fail(e, PG_E_SERIAL,
		    "state field '%s' must be int of 64 bits, got one of "
		    "%" PRIu32 " digits", f->name,
		    v->n - (v->u.p[0] == '-'));
	return pg_fail(e, PG_E_SERIAL, "state field '%s' must be %s, got %s",
	    f->name, want, pg_value_type_name(v));
}

static int
fields_put_tree(struct paglets_tree *t, const struct pg_value *v,
    enum paglets_kind kind)
{
	if (fields_tree_copy(t, v) < 0)
		return -1;
	/* Tuples and sets, too, are lists from here on. */
	if (kind == PAGLETS_KIND_LIST)
		pg_value_inner(t->v)->type = PG_T_LIST;
	return 0;
}

/* Assign v, which fits. */
static int
fields_put(const struct paglets_field *f, void *at, const struct pg_value *v,
    struct pg_bulk *bulk)
{
	struct pg_str s = { v->u.p, v->n };

	switch (f->kind) {
	case PAGLETS_KIND_INT:
		return pg_value_as_int(v, at) ? 0 : -1;
	case PAGLETS_KIND_FLOAT:
		return pg_value_as_float(v, at) ? 0 : -1;
	case PAGLETS_KIND_BOOL:
		*(bool *)at = v->u.i != 0;
		return 0;
	case PAGLETS_KIND_BYTES:
		if (fields_borrowable(s, bulk)) {
			fields_bytes_borrow(at, s, bulk);
			return 0;
		}
		return paglets_bytes_set(at, s.p, s.n);
	case PAGLETS_KIND_TEXT:
		return paglets_bytes_set(at, s.p, s.n);
	case PAGLETS_KIND_LIST:
	case PAGLETS_KIND_DICT:
	case PAGLETS_KIND_VALUE:
		return fields_put_tree(at, v, f->kind);
	}
	return -1;
}

/* The field as a value that borrows from the state. */
static struct pg_value
fields_value(const struct paglets_field *f, const void *at)
{
	const struct paglets_bytes *b = at;
	struct pg_value v = { .type = PG_T_NULL };

	switch (f->kind) {
	case PAGLETS_KIND_INT:
		v.type = PG_T_INT;
		v.u.i = *(const int64_t *)at;
		break;
	case PAGLETS_KIND_FLOAT:
		v.type = PG_T_FLOAT;
		v.u.f = *(const double *)at;
		break;
	case PAGLETS_KIND_BOOL:
		v.type = PG_T_BOOL;
		v.u.i = *(const bool *)at;
		break;
	case PAGLETS_KIND_TEXT:
	case PAGLETS_KIND_BYTES:
		v.type = f->kind == PAGLETS_KIND_TEXT ? PG_T_STR : PG_T_BYTES;
		v.u.p = b->p;
		v.n = (uint32_t)b->n;
		break;
	case PAGLETS_KIND_LIST:
	case PAGLETS_KIND_DICT:
	case PAGLETS_KIND_VALUE:
		return *pg_value_inner(((const struct paglets_tree *)at)->v);
	}
	return v;
}

static bool
fields_is_tree(const struct paglets_field *f)
{
	return f->kind >= PAGLETS_KIND_LIST;
}

static bool
fields_is_bytes(const struct paglets_field *f)
{
	return f->kind == PAGLETS_KIND_TEXT || f->kind == PAGLETS_KIND_BYTES;
}

/* ---- The whole state ---- */

/* The field after f, the first for NULL; NULL at the end. */
static const struct paglets_field *
fields_next(const struct paglets_class *cls, const struct paglets_field *f)
{
	f = f == NULL ? cls->fields : f + 1;
	return f != NULL && f->name != NULL ? f : NULL;
}

PG_FN void *
pg_fields_new(const struct paglets_class *cls)
{
	const struct paglets_field *f = NULL;
	void *state = pg_alloc(cls->size);

	while ((f = fields_next(cls, f)) != NULL)
		fields_default(f, fields_at(f, state));
	return state;
}

PG_FN void
pg_fields_free(const struct paglets_class *cls, void *state)
{
	const struct paglets_field *f = NULL;

	if (state == NULL)
		return;
	while ((f = fields_next(cls, f)) != NULL) {
		if (fields_is_bytes(f))
			fields_bytes_drop(fields_at(f, state));
		else if (fields_is_tree(f))
			fields_tree_drop(fields_at(f, state));
	}
	free(state);
}

PG_FN int
pg_fields_schema(const struct paglets_class *cls,
    const struct pg_value *dict, int64_t *from, struct pg_err *e)
{
	const struct pg_value *v = pg_value_get(dict, "_schema");

	*from = 0;
	if (v == NULL || pg_value_is(v, PG_T_NULL))
		return 0;
	if (!pg_value_is(v, PG_T_INT) || v->u.i < 0)
		return pg_fail(e, PG_E_SERIAL,
		    "state field '_schema' must be int, got %s",
		    pg_value_is(v, PG_T_INT) ? "a negative one" :
		    pg_value_type_name(v));
	if (v->u.i > cls->schema)
		return pg_fail(e, PG_E_SERIAL, "state of %s has schema %"
		    PRId64 ", this host knows up to %d", cls->name, v->u.i,
		    cls->schema);
	*from = v->u.i;
	return 0;
}

/* What dict has for field f; NULL for nothing, and for null. */
static const struct pg_value *
fields_given(const struct paglets_field *f, const struct pg_value *dict)
{
	const struct pg_value *v = pg_value_get(dict, f->name);

	return pg_value_is(v, PG_T_NULL) ? NULL : v;
}

PG_FN int
pg_fields_assign(const struct paglets_class *cls, void *state,
    const struct pg_value *dict, struct pg_bulk *bulk, struct pg_err *e)
{
	const struct paglets_field *f = NULL;
	const struct pg_value *v;

	while ((f = fields_next(cls, f)) != NULL) {
		v = fields_given(f, dict);
		if (v != NULL && fields_check(f, v, e) < 0)
			return -1;
	}
	while ((f = fields_next(cls, f)) != NULL) {
		v = fields_given(f, dict);
		if (v != NULL && fields_put(f, fields_at(f, state), v,
		    bulk) < 0)
			return pg_fail(e, PG_E_LIMIT,
			    "state field '%s' takes too much memory",
			    f->name);
	}
	return 0;
}

PG_FN int
pg_fields_write(const struct paglets_class *cls, const void *state,
    struct pg_out *o, struct pg_err *e)
{
	const struct paglets_field *f = NULL;
	struct pg_value v = { .type = PG_T_INT, .u.i = cls->schema };

	pg_pickle_dict_open(o);
	if (cls->schema > 0) {
		pg_pickle_text(o, PG_STR("_schema"));
		if (pg_pickle_value(o, &v, e) < 0)
			return -1;
	}
	while ((f = fields_next(cls, f)) != NULL) {
		v = fields_value(f, fields_at(f, state));
		pg_pickle_text(o, pg_str(f->name));
		if (pg_pickle_value(o, &v, e) < 0)
			return pg_wrap(e, "state field '%s'", f->name);
	}
	pg_pickle_dict_close(o);
	return 0;
}

PG_FN int
pg_fields_reply(const struct paglets_class *cls, const void *state,
    struct pg_arena *a, struct pg_value *dict)
{
	const struct paglets_field *f = NULL;
	struct pg_value *v;

	while ((f = fields_next(cls, f)) != NULL) {
		v = pg_arena_alloc(a, sizeof(*v));
		if (v != NULL)
			*v = fields_value(f, fields_at(f, state));
		if (pg_value_put(a, dict, pg_str(f->name), v) < 0)
			return -1;
	}
	return 0;
}

PG_FN size_t
pg_fields_weight(const struct paglets_class *cls, const void *state)
{
	const struct paglets_field *f = NULL;
	const struct fields_tree *m;
	const void *at;
	size_t n = 0;

	while ((f = fields_next(cls, f)) != NULL) {
		at = fields_at(f, state);
		n += sizeof(struct pg_value);
		if (fields_is_bytes(f))
			n += ((const struct paglets_bytes *)at)->n;
		if (!fields_is_tree(f))
			continue;
		m = ((const struct paglets_tree *)at)->mem;
		n += m != NULL ? m->arena.used : 0;
	}
	return n;
}

PG_FN void
pg_fields_tidy(const struct paglets_class *cls, void *state)
{
	const struct paglets_field *f = NULL;
	struct fields_tree *m;
	struct paglets_tree *t;

	while ((f = fields_next(cls, f)) != NULL) {
		if (!fields_is_tree(f))
			continue;
		t = fields_at(f, state);
		m = t->mem;
		/* Without memory for the copy it stays as it is. */
		if (m != NULL && m->arena.used >
		    2 * m->settled + FIELDS_SLACK)
			fields_tree_copy(t, pg_value_inner(t->v));
	}
}

PG_FN struct pg_str
pg_fields_state_name(struct pg_arena *a, struct pg_str class_name)
{
	static const struct pg_str ends[] = { { "Paglet", 6 },
		{ "Agent", 5 } };
	size_t i, n = class_name.n;

	for (i = 0; i < PG_COUNT(ends); i++) {
		if (n >= ends[i].n && pg_str_eq(ends[i],
		    pg_str_skip(class_name, n - ends[i].n))) {
			n -= ends[i].n;
			break;
		}
	}
	return pg_arena_printf(a, "%.*sState", (int)PG_MIN(n, (size_t)4096),
	    class_name.p);
}

#undef FIELDS_SLACK
