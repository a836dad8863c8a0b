/* value: wire values in an arena, and UTF-8.
 *
 * Nothing here recurses: what arrives from outside may be a thousand levels
 * deep, and agents and workers have small stacks. Nothing here is quadratic
 * in what a peer sends, except pg_value_get and _set, which serve the small
 * objects of the protocol.
 */
#include "value.h"

#include <sys/auxv.h>

#include "../base/map.h"

/* Room of a container's first growth; doubles from there. */
#define VALUE_FIRST UINT32_C(4)
/* Dicts up to this size are searched key by key, larger ones by hash. */
#define VALUE_LINEAR_MAX 12

/* ---- Constructors ---- */

static struct pg_value *
value_new(struct pg_arena *a, enum pg_type t)
{
	struct pg_value *v = pg_arena_alloc(a, sizeof(*v));

	if (v != NULL)
		*v = (struct pg_value){ .type = (uint8_t)t };
	return v;
}

PG_FN struct pg_value *
pg_value_null(struct pg_arena *a)
{
	return value_new(a, PG_T_NULL);
}

PG_FN struct pg_value *
pg_value_bool(struct pg_arena *a, bool b)
{
	struct pg_value *v = value_new(a, PG_T_BOOL);

	if (v != NULL)
		v->u.i = b;
	return v;
}

PG_FN struct pg_value *
pg_value_int(struct pg_arena *a, int64_t i)
{
	struct pg_value *v = value_new(a, PG_T_INT);

	if (v != NULL)
		v->u.i = i;
	return v;
}

PG_FN struct pg_value *
pg_value_float(struct pg_arena *a, double f)
{
	struct pg_value *v = value_new(a, PG_T_FLOAT);

	if (v != NULL)
		v->u.f = f;
	return v;
}

/* Borrows s. Lengths are 32 bits wide: NULL for what is longer. */
static struct pg_value *
value_text(struct pg_arena *a, enum pg_type t, struct pg_str s)
{
	struct pg_value *v;

	if (s.n > UINT32_MAX)
		return NULL;
	v = value_new(a, t);
	if (v == NULL)
		return NULL;
	v->u.p = s.p;
	v->n = (uint32_t)s.n;
	return v;
}

PG_FN struct pg_value *
pg_value_str(struct pg_arena *a, struct pg_str s)
{
	return value_text(a, PG_T_STR, s);
}

PG_FN struct pg_value *
pg_value_strz(struct pg_arena *a, const char *z)
{
	return value_text(a, PG_T_STR, pg_str(z));
}

PG_FN struct pg_value *
pg_value_bytes(struct pg_arena *a, enum pg_type t, struct pg_str s)
{
	assert(t == PG_T_BYTES || t == PG_T_BYTEARRAY);
	return value_text(a, t, s);
}

PG_FN struct pg_value *
pg_value_list(struct pg_arena *a)
{
	return value_new(a, PG_T_LIST);
}

PG_FN struct pg_value *
pg_value_dict(struct pg_arena *a)
{
	return value_new(a, PG_T_DICT);
}

/* digits, at least one and the first not zero, as int64 if it fits. */
static bool
value_int64(struct pg_str digits, bool neg, int64_t *out)
{
	/* One more than INT64_MAX is still good for a negative number. */
	uint64_t limit = (uint64_t)INT64_MAX + neg, n = 0;
	size_t i;

	if (digits.n > 19)
		return false;
	for (i = 0; i < digits.n; i++)
		n = n * 10 + (uint64_t)(digits.p[i] - '0');
	if (n > limit)
		return false;
	*out = (int64_t)(neg ? 0 - n : n);
	return true;
}

/* The text of a BIG: borrowed where the sign stands right before the digits. */
static struct pg_value *
value_big(struct pg_arena *a, struct pg_str digits, bool neg)
{
	char *p;

	if (!neg)
		return value_text(a, PG_T_BIG, digits);
	if (digits.p[-1] == '-')
		return value_text(a, PG_T_BIG,
		    (struct pg_str){ digits.p - 1, digits.n + 1 });
	p = pg_arena_alloc(a, digits.n + 1);
	if (p == NULL)
		return NULL;
	p[0] = '-';
	memcpy(p + 1, digits.p, digits.n);
	return value_text(a, PG_T_BIG, (struct pg_str){ p, digits.n + 1 });
}

PG_FN struct pg_value *
pg_value_decimal(struct pg_arena *a, struct pg_str s)
{
	bool neg = s.n > 0 && s.p[0] == '-';
	int64_t n;
	size_t i;

	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = pg_str_skip(s, 1);
	if (s.n == 0)
		return NULL;
	for (i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return NULL;
	while (s.n > 1 && s.p[0] == '0')
		s = pg_str_skip(s, 1);
	if (s.n > PG_VALUE_DIGITS_MAX)
		return NULL;
	if (value_int64(s, neg, &n))
		return pg_value_int(a, n);
	return value_big(a, s, neg);
}

/* ---- Containers ---- */

/* Room for one more member of `size` bytes in v. What it had stays behind in
 * the arena: all of it together is less than what it gets. */
static int
value_grow(struct pg_arena *a, struct pg_value *v, size_t size)
{
	uint32_t cap = v->cap == 0 ? VALUE_FIRST : v->cap * 2;
	void *p;

	if (v->n < v->cap)
		return 0;
	if (v->cap > UINT32_MAX / 2)
		return -1;
	p = pg_arena_alloc(a, cap * size);
	if (p == NULL)
		return -1;
	if (v->n > 0)
		memcpy(p, v->u.p, v->n * size);
	v->u.p = p;
	v->cap = cap;
	return 0;
}

PG_FN int
pg_value_add(struct pg_arena *a, struct pg_value *list, struct pg_value *item)
{
	if (list == NULL || item == NULL)
		return -1;
	assert(pg_value_is_seq(list));
	if (value_grow(a, list, sizeof(*list->u.items)) < 0)
		return -1;
	list->u.items[list->n++] = item;
	return 0;
}

PG_FN int
pg_value_put(struct pg_arena *a, struct pg_value *dict, struct pg_str key,
    struct pg_value *val)
{
	if (dict == NULL || val == NULL)
		return -1;
	assert(dict->type == PG_T_DICT);
	if (value_grow(a, dict, sizeof(*dict->u.pairs)) < 0)
		return -1;
	dict->u.pairs[dict->n++] = (struct pg_pair){ key, val };
	return 0;
}

/* The pair under key among the first n; NULL if there is none. */
static struct pg_pair *
value_find(struct pg_pair *pairs, size_t n, struct pg_str key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (pg_str_eq(pairs[i].key, key))
			return &pairs[i];
	return NULL;
}

PG_FN int
pg_value_set(struct pg_arena *a, struct pg_value *dict, struct pg_str key,
    struct pg_value *val)
{
	struct pg_pair *pair;

	if (dict == NULL || val == NULL)
		return -1;
	assert(dict->type == PG_T_DICT);
	pair = value_find(dict->u.pairs, dict->n, key);
	if (pair == NULL)
		return pg_value_put(a, dict, key, val);
	pair->val = val;
	return 0;
}

/* Finds the pairs of one dict by key. Owner: who makes it, for the length of
 * one call; free() what slots is. at is the pair's place plus 1. */
struct value_slot {
	uint32_t hash, at;
};

struct value_index {
	struct value_slot *slots;
	size_t mask;
	uint64_t seed[2];
};

/* An empty index with room for n keys. */
static int
value_index_init(struct value_index *ix, size_t n)
{
	const void *seed = (const void *)getauxval(AT_RANDOM);
	size_t cap = 64;

	while (cap < n * 2)
		cap *= 2;
	ix->slots = pg_try_realloc(NULL, cap * sizeof(*ix->slots));
	if (ix->slots == NULL)
		return -1;
	memset(ix->slots, 0, cap * sizeof(*ix->slots));
	ix->mask = cap - 1;
	/* Whoever sends the keys must not know which of them collide. The
	 * kernel gives each process 16 random bytes; SipHash hides them. */
	assert(seed != NULL);
	memcpy(ix->seed, seed, sizeof(ix->seed));
	return 0;
}

/* The slot of key, or the free one (at 0, hash set) where it would go. */
static struct value_slot *
value_index_find(const struct value_index *ix, const struct pg_pair *pairs,
    struct pg_str key)
{
	uint32_t hash = (uint32_t)pg_siphash(ix->seed, key);
	size_t i = hash & ix->mask;
	struct value_slot *s;

	for (;; i = (i + 1) & ix->mask) {
		s = &ix->slots[i];
		if (s->at == 0) {
			s->hash = hash;
			return s;
		}
		if (s->hash == hash && pg_str_eq(pairs[s->at - 1].key, key))
			return s;
	}
}

static void
value_seal_small(struct pg_value *dict)
{
	struct pg_pair *pairs = dict->u.pairs, *first;
	uint32_t i, n = 0;

	for (i = 0; i < dict->n; i++) {
		first = value_find(pairs, n, pairs[i].key);
		if (first != NULL)
			first->val = pairs[i].val;
		else
			pairs[n++] = pairs[i];
	}
	dict->n = n;
}

PG_FN int
pg_value_seal(struct pg_arena *a, struct pg_value *dict)
{
	struct value_index ix;
	struct value_slot *s;
	struct pg_pair *pairs;
	uint32_t i, n = 0;

	(void)a; /* the table need not outlive the call */
	if (dict == NULL)
		return -1;
	assert(dict->type == PG_T_DICT);
	if (dict->n <= VALUE_LINEAR_MAX) {
		value_seal_small(dict);
		return 0;
	}
	if (value_index_init(&ix, dict->n) < 0)
		return -1;
	pairs = dict->u.pairs;
	for (i = 0; i < dict->n; i++) {
		s = value_index_find(&ix, pairs, pairs[i].key);
		if (s->at != 0) {
			pairs[s->at - 1].val = pairs[i].val;
			continue;
		}
		pairs[n++] = pairs[i];
		s->at = n;
	}
	dict->n = n;
	free(ix.slots);
	return 0;
}

/* ---- Accessors ---- */

PG_FN struct pg_value *
pg_value_get(const struct pg_value *dict, const char *key)
{
	struct pg_pair *pair;

	if (!pg_value_is(dict, PG_T_DICT))
		return NULL;
	pair = value_find(dict->u.pairs, dict->n, pg_str(key));
	return pair != NULL ? pair->val : NULL;
}

PG_FN bool
pg_value_is(const struct pg_value *v, enum pg_type t)
{
	return v != NULL && v->type == t;
}

PG_FN bool
pg_value_is_seq(const struct pg_value *v)
{
	return v != NULL && v->type >= PG_T_LIST && v->type <= PG_T_FROZENSET;
}

static struct pg_str
value_bytes(const struct pg_value *v)
{
	return (struct pg_str){ v->u.p, v->n };
}

PG_FN struct pg_str
pg_value_text(const struct pg_value *v, struct pg_str otherwise)
{
	return pg_value_is(v, PG_T_STR) ? value_bytes(v) : otherwise;
}

PG_FN bool
pg_value_number(const struct pg_value *v, double *out)
{
	if (pg_value_is(v, PG_T_INT)) {
		*out = (double)v->u.i;
		return true;
	}
	if (pg_value_is(v, PG_T_FLOAT)) {
		*out = v->u.f;
		return true;
	}
	return pg_value_is(v, PG_T_BIG) &&
	    pg_float_parse(value_bytes(v), out);
}

static const char *const value_names[] = {
	[PG_T_NULL] = "NoneType",
	[PG_T_BOOL] = "bool",
	[PG_T_INT] = "int",
	[PG_T_BIG] = "int",
	[PG_T_FLOAT] = "float",
	[PG_T_STR] = "str",
	[PG_T_BYTES] = "bytes",
	[PG_T_BYTEARRAY] = "bytearray",
	[PG_T_LIST] = "list",
	[PG_T_TUPLE] = "tuple",
	[PG_T_SET] = "set",
	[PG_T_FROZENSET] = "frozenset",
	[PG_T_DICT] = "dict",
};

PG_FN bool
pg_value_as_int(const struct pg_value *v, int64_t *out)
{
	struct pg_arena a = { 0 };
	bool ok;

	if (pg_value_is(v, PG_T_STR))
		v = pg_value_decimal(&a, pg_str_trim(pg_value_text(v,
		    PG_STR_NULL)));
	ok = pg_value_is(v, PG_T_INT);
	if (ok)
		*out = v->u.i;
	pg_arena_fini(&a);
	return ok;
}

PG_FN bool
pg_value_as_float(const struct pg_value *v, double *out)
{
	if (pg_value_is(v, PG_T_STR))
		return pg_float_parse(pg_str_trim(pg_value_text(v,
		    PG_STR_NULL)), out);
	return pg_value_number(v, out);
}

PG_FN const char *
pg_value_type_name(const struct pg_value *v)
{
	if (v == NULL)
		return value_names[PG_T_NULL];
	assert(v->type < PG_COUNT(value_names));
	return value_names[v->type];
}

/* ---- Fields of a request ---- */

static int
field_wrong(const struct pg_value *v, const char *key, const char *wanted,
    struct pg_err *e)
{
	return pg_fail(e, PG_E_HOST, "field '%s' must be %s, not %s", key,
	    wanted, pg_value_type_name(v));
}

/* The field if it is there and not null. */
static const struct pg_value *
field_find(const struct pg_value *dict, const char *key)
{
	const struct pg_value *v = pg_value_get(dict, key);

	return pg_value_is(v, PG_T_NULL) ? NULL : v;
}

/* For the required fields: null is a wrong type there. */
static int
field_present(const struct pg_value *dict, const char *key, enum pg_type t,
    struct pg_err *e)
{
	const struct pg_value *v = pg_value_get(dict, key);

	if (v == NULL)
		return pg_fail(e, PG_E_HOST, "missing field '%s'", key);
	if (v->type != t)
		return field_wrong(v, key, value_names[t], e);
	return 0;
}

PG_FN int
pg_field_str(const struct pg_value *dict, const char *key, struct pg_str *out,
    struct pg_err *e)
{
	if (field_present(dict, key, PG_T_STR, e) < 0)
		return -1;
	return pg_field_str_opt(dict, key, out, e);
}

PG_FN int
pg_field_str_opt(const struct pg_value *dict, const char *key,
    struct pg_str *out, struct pg_err *e)
{
	const struct pg_value *v = field_find(dict, key);

	if (v == NULL)
		return 0;
	if (v->type != PG_T_STR)
		return field_wrong(v, key, "str", e);
	*out = value_bytes(v);
	return 0;
}

PG_FN int
pg_field_int_opt(const struct pg_value *dict, const char *key, int64_t *out,
    struct pg_err *e)
{
	const struct pg_value *v = field_find(dict, key);

	if (v == NULL)
		return 0;
	if (v->type == PG_T_BIG)
		return pg_fail(e, PG_E_HOST, "field '%s' is out of range", key);
	if (v->type != PG_T_INT)
		return field_wrong(v, key, "int", e);
	*out = v->u.i;
	return 0;
}

PG_FN int
pg_field_float_opt(const struct pg_value *dict, const char *key, double *out,
    struct pg_err *e)
{
	const struct pg_value *v = field_find(dict, key);

	if (v == NULL)
		return 0;
	if (!pg_value_number(v, out))
		return field_wrong(v, key, "a number", e);
	return 0;
}

PG_FN int
pg_field_bool_opt(const struct pg_value *dict, const char *key, bool *out,
    struct pg_err *e)
{
	const struct pg_value *v = field_find(dict, key);

	if (v == NULL)
		return 0;
	if (v->type != PG_T_BOOL)
		return field_wrong(v, key, "bool", e);
	*out = v->u.i != 0;
	return 0;
}

PG_FN int
pg_field_dict(const struct pg_value *dict, const char *key,
    struct pg_value **out, struct pg_err *e)
{
	if (field_present(dict, key, PG_T_DICT, e) < 0)
		return -1;
	*out = pg_value_get(dict, key);
	return 0;
}

PG_FN int
pg_field_dict_opt(const struct pg_value *dict, const char *key,
    struct pg_value **out, struct pg_err *e)
{
	if (field_find(dict, key) == NULL)
		return 0;
	return pg_field_dict(dict, key, out, e);
}

/* ---- Walk, copy, compare ---- */

PG_FN void
pg_walk_start(struct pg_walk *w, const struct pg_value *v)
{
	static const struct pg_value none = { .type = PG_T_NULL };

	w->root = v != NULL ? v : &none;
	w->key = PG_STR_NULL;
	w->in_dict = false;
	w->first = true;
	w->depth = 0;
}

/* Make w->v the next member of the container on top; false at its end. */
static bool
walk_member(struct pg_walk *w)
{
	struct pg_walk_level *top = &w->stack[w->depth - 1];

	if (top->at == top->v->n)
		return false;
	w->in_dict = top->v->type == PG_T_DICT;
	w->first = top->at == 0;
	if (w->in_dict) {
		w->key = top->v->u.pairs[top->at].key;
		w->v = top->v->u.pairs[top->at].val;
	} else {
		w->v = top->v->u.items[top->at];
	}
	top->at++;
	return true;
}

PG_FN enum pg_walk_step
pg_walk_next(struct pg_walk *w)
{
	if (w->root != NULL) {
		w->v = w->root;
		w->root = NULL;
	} else if (w->depth == 0) {
		return PG_WALK_END;
	} else if (!walk_member(w)) {
		w->v = w->stack[--w->depth].v;
		return PG_WALK_CLOSE;
	}
	if (w->v->type < PG_T_LIST)
		return PG_WALK_LEAF;
	if (w->depth == PG_VALUE_DEPTH_MAX)
		return PG_WALK_DEEP;
	w->stack[w->depth++] = (struct pg_walk_level){ w->v, 0 };
	return PG_WALK_OPEN;
}

/* v without its members; text is copied. */
static struct pg_value *
value_copy_one(struct pg_arena *a, const struct pg_value *v)
{
	struct pg_value *to = value_new(a, v->type);
	struct pg_str s;

	if (to == NULL)
		return NULL;
	switch ((enum pg_type)v->type) {
	case PG_T_NULL:
	case PG_T_BOOL:
	case PG_T_INT:
	case PG_T_FLOAT:
		to->u = v->u;
		break;
	case PG_T_BIG:
	case PG_T_STR:
	case PG_T_BYTES:
	case PG_T_BYTEARRAY:
		s = pg_arena_str(a, value_bytes(v));
		if (s.p == NULL)
			return NULL;
		to->u.p = s.p;
		to->n = v->n;
		break;
	case PG_T_LIST:
	case PG_T_TUPLE:
	case PG_T_SET:
	case PG_T_FROZENSET:
	case PG_T_DICT:
		break;
	}
	return to;
}

/* Put the copy of w->v where w->v stands, in parent. */
static int
value_copy_attach(struct pg_arena *a, const struct pg_walk *w,
    struct pg_value *parent, struct pg_value *v)
{
	struct pg_str key;

	if (parent->type != PG_T_DICT)
		return pg_value_add(a, parent, v);
	key = pg_arena_str(a, w->key);
	if (key.p == NULL)
		return -1;
	return pg_value_put(a, parent, key, v);
}

PG_FN int
pg_value_copy(struct pg_arena *a, const struct pg_value *v,
    struct pg_value **out)
{
	struct pg_value *stack[PG_VALUE_DEPTH_MAX + 1], *root = NULL, *one;
	enum pg_walk_step step;
	struct pg_walk w;

	pg_walk_start(&w, v);
	while ((step = pg_walk_next(&w)) != PG_WALK_END) {
		if (step == PG_WALK_DEEP)
			return -1;
		if (step == PG_WALK_CLOSE)
			continue;
		one = value_copy_one(a, w.v);
		if (one == NULL)
			return -1;
		/* stack[n] is the copy of the container n levels deep; one
		 * that has just been opened is counted already. */
		if (step == PG_WALK_OPEN)
			stack[w.depth] = one;
		if (root == NULL)
			root = one;
		else if (value_copy_attach(a, &w,
		    stack[w.depth - (step == PG_WALK_OPEN)], one) < 0)
			return -1;
	}
	*out = root;
	return 0;
}

/* One pair of containers that are being compared. index is made only when
 * the keys of two dicts stand in different order. */
struct eq_level {
	const struct pg_value *a, *b;
	struct value_index index;
	uint32_t at;
};

struct eq_walk {
	size_t depth;
	struct eq_level stack[PG_VALUE_DEPTH_MAX];
};

/* Whether a and b are the same but for their members. */
static bool
eq_shallow(const struct pg_value *a, const struct pg_value *b)
{
	if (a->type != b->type)
		return false;
	switch ((enum pg_type)a->type) {
	case PG_T_NULL:
		return true;
	case PG_T_BOOL:
	case PG_T_INT:
		return a->u.i == b->u.i;
	case PG_T_FLOAT:
		if (a->u.f != a->u.f || b->u.f != b->u.f)
			return a->u.f != a->u.f && b->u.f != b->u.f;
		return memcmp(&a->u.f, &b->u.f, sizeof(a->u.f)) == 0;
	case PG_T_BIG:
	case PG_T_STR:
	case PG_T_BYTES:
	case PG_T_BYTEARRAY:
		return pg_str_eq(value_bytes(a), value_bytes(b));
	case PG_T_LIST:
	case PG_T_TUPLE:
	case PG_T_SET:
	case PG_T_FROZENSET:
	case PG_T_DICT:
		return a->n == b->n;
	}
	return false;
}

static int
eq_index(struct eq_level *l)
{
	uint32_t i;

	if (value_index_init(&l->index, l->b->n) < 0)
		return -1;
	for (i = 0; i < l->b->n; i++)
		value_index_find(&l->index, l->b->u.pairs,
		    l->b->u.pairs[i].key)->at = i + 1;
	return 0;
}

/* The value in l->b under the key that a has at l->at, NULL if there is
 * none. Mostly both have their keys in the same order. */
static const struct pg_value *
eq_partner(struct eq_level *l)
{
	struct pg_pair *pairs = l->b->u.pairs, *pair;
	struct pg_str key = l->a->u.pairs[l->at].key;
	struct value_slot *s;

	if (pg_str_eq(pairs[l->at].key, key))
		return pairs[l->at].val;
	if (l->index.slots == NULL && l->b->n > VALUE_LINEAR_MAX)
		(void)eq_index(l); /* without memory: slowly */
	if (l->index.slots == NULL) {
		pair = value_find(pairs, l->b->n, key);
		return pair != NULL ? pair->val : NULL;
	}
	s = value_index_find(&l->index, pairs, key);
	return s->at != 0 ? pairs[s->at - 1].val : NULL;
}

/* Compare a and b and, if they are containers, go into them. */
static bool
eq_enter(struct eq_walk *w, const struct pg_value *a, const struct pg_value *b)
{
	if (a == NULL || b == NULL || !eq_shallow(a, b))
		return a == b;
	if (a->type < PG_T_LIST)
		return true;
	if (w->depth == PG_VALUE_DEPTH_MAX)
		return false;
	w->stack[w->depth++] = (struct eq_level){ .a = a, .b = b };
	return true;
}

/* Compare the next two members of the level on top, or leave it. */
static bool
eq_step(struct eq_walk *w)
{
	struct eq_level *l = &w->stack[w->depth - 1];
	const struct pg_value *a, *b;

	if (l->at == l->a->n) {
		free(l->index.slots);
		w->depth--;
		return true;
	}
	if (l->a->type == PG_T_DICT) {
		a = l->a->u.pairs[l->at].val;
		b = eq_partner(l);
	} else {
		a = l->a->u.items[l->at];
		b = l->b->u.items[l->at];
	}
	l->at++;
	return b != NULL && eq_enter(w, a, b);
}

PG_FN_TEST bool
pg_value_eq(const struct pg_value *a, const struct pg_value *b)
{
	struct eq_walk w;
	bool same;

	w.depth = 0;
	same = eq_enter(&w, a, b);
	while (same && w.depth > 0)
		same = eq_step(&w);
	while (w.depth > 0)
		free(w.stack[--w.depth].index.slots);
	return same;
}

/* ---- UTF-8 ---- */

PG_FN size_t
pg_utf8_put(char *to, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	size_t i;

	if (n == 1) {
		to[0] = (char)c;
		return 1;
	}
	for (i = n - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)((0xf00u >> n & 0xf0) | c);
	return n;
}

PG_FN size_t
pg_utf8_char(struct pg_str s, uint32_t *out)
{
	const unsigned char *p = (const unsigned char *)s.p;
	/* The smallest character that needs so many bytes (RFC 3629 3). */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;
	size_t n, i;

	if (s.n == 0)
		return 0;
	if (p[0] < 0x80) {
		*out = p[0];
		return 1;
	}
	n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
	    p[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > s.n)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff)
		return 0;
	*out = c;
	return n;
}

PG_FN size_t
pg_utf8_valid(struct pg_str s, bool surrogates)
{
	size_t at = 0, n;
	uint64_t word;
	uint32_t c;

	while (at < s.n) {
		if (s.n - at >= sizeof(word)) {
			memcpy(&word, s.p + at, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof(word);
				continue;
			}
		}
		n = pg_utf8_char(pg_str_skip(s, at), &c);
		if (n == 0 || (!surrogates && c >= 0xd800 && c < 0xe000))
			break;
		at += n;
	}
	return at;
}

#undef VALUE_FIRST
#undef VALUE_LINEAR_MAX
