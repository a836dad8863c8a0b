/* pickle_build: what the opcodes of a pickle act on.
 *
 * While a pickle is read its values are a graph: the memo lets any of them be
 * used again and lets a container be filled after it was used. They stay
 * shared, never copied; one walk at the end refuses cycles and depth, and
 * counts what the value is worth with every reference written out. A pickle
 * made only of opcodes that build trees, as ours are, needs no walk.
 *
 * Memory follows the bytes consumed: every opcode adds a bounded number of
 * nodes, tables double, and the few operations that copy out of values which
 * may be shared (keys to text, list to set) have a budget.
 */
#include "pickle_build.h"

#include "pickle_text.h"

/* Bits of pg_value.mark while reading. */
#define PICKLE_BUILD_OPEN 1       /* the last walk is inside it */
#define PICKLE_BUILD_DONE 2       /* the last walk has left it */
#define PICKLE_BUILD_UNHASHABLE 4 /* a tuple that holds something mutable */
#define PICKLE_BUILD_UNSEALED 8   /* a dict filled in more than one piece */

PG_FN void
pg_pickle_reader_init(struct pg_pickle_reader *r, struct pg_str in,
    struct pg_arena *a, size_t limit, struct pg_err *e)
{
	/* All but the two tables, which would cost more to clear than many a
	 * message costs to read. */
	memset(r, 0, offsetof(struct pg_pickle_reader, first_stack));
	r->in = in;
	r->a = a;
	r->e = e;
	r->limit = limit != 0 ? limit : PG_PICKLE_EXPANDED_MAX;
	r->tree = true;
	r->stack = r->first_stack;
	r->marks = r->first_marks;
	r->cap = r->marks_cap = PG_PICKLE_FIRST;
}

/* ---- failures ---------------------------------------------------------- */

PG_FN int
pg_pickle_bad(const struct pg_pickle_reader *r, const char *what)
{
	pg_fail_at(r->e, PG_E_SERIAL, r->at, "%s", what);
	return -1;
}

PG_FN int
pg_pickle_no_room(const struct pg_pickle_reader *r)
{
	return pg_fail_at(r->e, PG_E_LIMIT, r->at,
	    "pickle needs more than the %zu bytes of memory it may use",
	    r->a->max);
}

PG_FN const char *
pg_pickle_type_name(const struct pg_value *v)
{
	return v->type == PG_PICKLE_T_FORM ? "type" : pg_value_type_name(v);
}

static int
pickle_build_deep(const struct pg_pickle_reader *r)
{
	return pg_fail_at(r->e, PG_E_LIMIT, r->at,
	    "pickle is nested deeper than %d", PG_VALUE_DEPTH_MAX);
}

static int
pickle_build_large(const struct pg_pickle_reader *r)
{
	return pg_fail_at(r->e, PG_E_LIMIT, r->at,
	    "pickle is worth more than %zu bytes", r->limit);
}

/* Bytes that may still be copied. */
static size_t
pickle_build_left(const struct pg_pickle_reader *r)
{
	return r->in.n * PG_PICKLE_COPY_RATIO + PG_PICKLE_COPY_MIN - r->copied;
}

PG_FN int
pg_pickle_copy(struct pg_pickle_reader *r, size_t n)
{
	if (n > pickle_build_left(r))
		return pg_fail_at(r->e, PG_E_LIMIT, r->at,
		    "pickle multiplies what it shares");
	r->copied += n;
	return 0;
}

/* ---- stack, marks, memo ------------------------------------------------ */

/* Room for `want` entries of `size` bytes, of which n are used: old itself,
 * or a larger copy in the arena. */
static void *
pickle_build_grow(struct pg_pickle_reader *r, void *old, uint32_t n,
    uint32_t *cap, size_t size, uint64_t want, uint32_t most)
{
	uint64_t room = PG_MIN(PG_MAX((uint64_t)*cap * 2, want), most);
	void *p;

	if (want <= *cap)
		return old;
	if (want > most) {
		pg_fail_at(r->e, PG_E_LIMIT, r->at,
		    "pickle needs more than %" PRIu32 " entries", most);
		return NULL;
	}
	p = pg_arena_alloc(r->a, (size_t)room * size);
	if (p == NULL) {
		pg_pickle_no_room(r);
		return NULL;
	}
	if (n > 0)
		memcpy(p, old, n * size);
	*cap = (uint32_t)room;
	return p;
}

PG_FN int
pg_pickle_push(struct pg_pickle_reader *r, struct pg_value *v)
{
	void *p;

	if (v == NULL)
		return pg_pickle_no_room(r);
	if (r->n == r->cap) {
		p = pickle_build_grow(r, r->stack, r->n, &r->cap,
		    sizeof(*r->stack), (uint64_t)r->n + 1, PG_PICKLE_MEMO_MAX);
		if (p == NULL)
			return -1;
		r->stack = p;
	}
	r->stack[r->n++] = v;
	r->size += PG_PICKLE_NODE;
	return 0;
}

PG_FN int
pg_pickle_need(const struct pg_pickle_reader *r, uint32_t n)
{
	if (r->n - r->fence < n)
		return pg_pickle_bad(r, "pickle stack underflow");
	return 0;
}

PG_FN int
pg_pickle_mark(struct pg_pickle_reader *r)
{
	void *p = pickle_build_grow(r, r->marks, r->marks_n, &r->marks_cap,
	    sizeof(*r->marks), (uint64_t)r->marks_n + 1, PG_PICKLE_MEMO_MAX);

	if (p == NULL)
		return -1;
	r->marks = p;
	r->marks[r->marks_n++] = r->fence = r->n;
	return 0;
}

PG_FN int
pg_pickle_pop_mark(struct pg_pickle_reader *r, struct pg_value ***items,
    uint32_t *n)
{
	if (r->marks_n == 0)
		return pg_pickle_bad(r, "pickle has no MARK here");
	*items = r->stack + r->fence;
	*n = r->n - r->fence;
	r->n = r->fence;
	r->marks_n--;
	r->fence = r->marks_n > 0 ? r->marks[r->marks_n - 1] : 0;
	return 0;
}

/* Takes a mark when one is on top. */
PG_FN int
pg_pickle_pop(struct pg_pickle_reader *r)
{
	struct pg_value **items;
	uint32_t n;

	if (r->marks_n > 0 && r->n == r->fence)
		return pg_pickle_pop_mark(r, &items, &n);
	if (pg_pickle_need(r, 1) < 0)
		return -1;
	r->n--;
	return 0;
}

PG_FN int
pg_pickle_dup(struct pg_pickle_reader *r)
{
	if (pg_pickle_need(r, 1) < 0)
		return -1;
	return pg_pickle_push(r, r->stack[r->n - 1]);
}

/* Picklers number their memo from 0 on, at least an opcode for each entry: an
 * index well beyond the bytes read so far comes from no pickler. */
PG_FN int
pg_pickle_put(struct pg_pickle_reader *r, uint64_t index)
{
	uint32_t old = r->memo_cap;
	void *p;

	if (pg_pickle_need(r, 1) < 0)
		return -1;
	if (index > r->at + PG_PICKLE_MEMO_AHEAD)
		return pg_fail_at(r->e, PG_E_SERIAL, r->at,
		    "pickle memo index %" PRIu64 " out of order", index);
	p = pickle_build_grow(r, r->memo, old, &r->memo_cap, sizeof(*r->memo),
	    PG_MAX(index + 1, PG_PICKLE_FIRST), PG_PICKLE_MEMO_MAX);
	if (p == NULL)
		return -1;
	r->memo = p;
	if (r->memo_cap > old)
		memset(r->memo + old, 0,
		    (r->memo_cap - old) * sizeof(*r->memo));
	if (r->memo[index] == NULL)
		r->memo_n++;
	r->memo[index] = r->stack[r->n - 1];
	return 0;
}

PG_FN int
pg_pickle_get(struct pg_pickle_reader *r, uint64_t index)
{
	if (index >= r->memo_cap || r->memo[index] == NULL)
		return pg_fail_at(r->e, PG_E_SERIAL, r->at,
		    "pickle memo has nothing at index %" PRIu64, index);
	return pg_pickle_push(r, r->memo[index]);
}

/* ---- containers -------------------------------------------------------- */

static struct pg_value *
pickle_build_new(struct pg_pickle_reader *r, enum pg_type type)
{
	struct pg_value *v = pg_arena_alloc(r->a, sizeof(*v));

	if (v != NULL)
		*v = (struct pg_value){ .type = (uint8_t)type };
	return v;
}

/* In a tree, every open mark is one container around the new one. */
PG_FN int
pg_pickle_container(struct pg_pickle_reader *r, enum pg_type t)
{
	r->deepest = PG_MAX(r->deepest, r->marks_n + 1);
	return pg_pickle_push(r, pickle_build_new(r, t));
}

/* As in Python: what can change is no key and in no set. */
static bool
pickle_build_hashable(const struct pg_value *v)
{
	switch (v->type) {
	case PG_T_BYTEARRAY:
	case PG_T_LIST:
	case PG_T_SET:
	case PG_T_DICT:
	case PG_PICKLE_T_FORM:
		return false;
	default:
		return (v->mark & PICKLE_BUILD_UNHASHABLE) == 0;
	}
}

static int
pickle_build_need_hashable(const struct pg_pickle_reader *r,
    const struct pg_value *v)
{
	if (pickle_build_hashable(v))
		return 0;
	return pg_fail_at(r->e, PG_E_SERIAL, r->at,
	    "pickle has an unhashable %s as key or in a set",
	    pg_pickle_type_name(v));
}

/* Append to a list, tuple or set. */
static int
pickle_build_extend(struct pg_pickle_reader *r, struct pg_value *v,
    struct pg_value *const *items, uint32_t n)
{
	bool set = v->type == PG_T_SET || v->type == PG_T_FROZENSET;
	uint32_t i;
	void *p;

	if (n == 0)
		return 0;
	for (i = 0; set && i < n; i++)
		if (pickle_build_need_hashable(r, items[i]) < 0)
			return -1;
	p = pickle_build_grow(r, v->u.items, v->n, &v->cap, sizeof(*items),
	    (uint64_t)v->n + n, UINT32_MAX);
	if (p == NULL)
		return -1;
	v->u.items = p;
	memcpy(v->u.items + v->n, items, n * sizeof(*items));
	v->n += n;
	return 0;
}

PG_FN int
pg_pickle_collect(struct pg_pickle_reader *r, enum pg_type t,
    struct pg_value *const *items, uint32_t n)
{
	struct pg_value *v = pickle_build_new(r, t);
	uint32_t i;

	if (v == NULL)
		return pg_pickle_no_room(r);
	if (pickle_build_extend(r, v, items, n) < 0)
		return -1;
	/* Known for good now, since neither the tuple nor what is hashable
	 * can change: nobody need look into it again. */
	for (i = 0; t == PG_T_TUPLE && i < n; i++)
		if (!pickle_build_hashable(v->u.items[i]))
			v->mark = PICKLE_BUILD_UNHASHABLE;
	return pg_pickle_push(r, v);
}

PG_FN int
pg_pickle_collect_mark(struct pg_pickle_reader *r, enum pg_type t)
{
	struct pg_value **items;
	uint32_t n;

	if (pg_pickle_pop_mark(r, &items, &n) < 0)
		return -1;
	return pg_pickle_collect(r, t, items, n);
}

PG_FN int
pg_pickle_tuple(struct pg_pickle_reader *r, uint32_t n)
{
	if (pg_pickle_need(r, n) < 0)
		return -1;
	r->n -= n;
	return pg_pickle_collect(r, PG_T_TUPLE, r->stack + r->n, n);
}

static int
pickle_build_add(struct pg_pickle_reader *r, enum pg_type t,
    struct pg_value *v, struct pg_value *const *items, uint32_t n)
{
	if (v->type != t)
		return pg_fail_at(r->e, PG_E_SERIAL, r->at,
		    "pickle adds members to a %s", pg_pickle_type_name(v));
	return pickle_build_extend(r, v, items, n);
}

PG_FN int
pg_pickle_fill(struct pg_pickle_reader *r, enum pg_type t)
{
	struct pg_value **items;
	uint32_t n;

	if (pg_pickle_pop_mark(r, &items, &n) < 0 || pg_pickle_need(r, 1) < 0)
		return -1;
	return pickle_build_add(r, t, r->stack[r->n - 1], items, n);
}

PG_FN int
pg_pickle_append(struct pg_pickle_reader *r)
{
	if (pg_pickle_need(r, 2) < 0)
		return -1;
	r->n--;
	return pickle_build_add(r, PG_T_LIST, r->stack[r->n - 1],
	    r->stack + r->n, 1);
}

/* ---- dicts ------------------------------------------------------------- */

/* The text that stands for key v, which is none. */
static int
pickle_build_key_text(struct pg_pickle_reader *r, const struct pg_value *v,
    struct pg_str *out)
{
	/* One byte more than may be copied, so that overflow is refused. */
	struct pg_buf b = PG_BUF_INIT(pickle_build_left(r) + 1);
	int rc = -1;

	if (pg_pickle_key_text(&b, v) < 0) {
		pickle_build_deep(r);
		goto out;
	}
	if (pg_pickle_copy(r, b.failed ? b.max : b.n) < 0)
		goto out;
	*out = pg_arena_str(r->a, pg_buf_str(&b));
	rc = out->p != NULL ? 0 : pg_pickle_no_room(r);
out:
	pg_buf_fini(&b);
	return rc;
}

static int
pickle_build_pair(struct pg_pickle_reader *r, struct pg_pair *out,
    const struct pg_value *key, struct pg_value *val)
{
	out->val = val;
	if (key->type == PG_T_STR) {
		out->key = (struct pg_str){ key->u.p, key->n };
		return 0;
	}
	if (pickle_build_need_hashable(r, key) < 0)
		return -1;
	return pickle_build_key_text(r, key, &out->key);
}

/* Put n / 2 pairs into d. A dict filled at once is sealed at once; to do so
 * after every later piece would be quadratic, so that waits for the walk. */
static int
pickle_build_set(struct pg_pickle_reader *r, struct pg_value *d,
    struct pg_value *const *items, uint32_t n)
{
	bool again = d->n > 0;
	void *p;

	if (d->type != PG_T_DICT)
		return pg_fail_at(r->e, PG_E_SERIAL, r->at,
		    "pickle sets items of a %s", pg_pickle_type_name(d));
	if (n % 2 != 0)
		return pg_pickle_bad(r, "pickle has a key without a value");
	if (n == 0)
		return 0;
	p = pickle_build_grow(r, d->u.pairs, d->n, &d->cap,
	    sizeof(*d->u.pairs), (uint64_t)d->n + n / 2, UINT32_MAX);
	if (p == NULL)
		return -1;
	for (d->u.pairs = p; n > 0; n -= 2, items += 2)
		if (pickle_build_pair(r, &d->u.pairs[d->n++], items[0],
		    items[1]) < 0)
			return -1;
	if (again) {
		d->mark |= PICKLE_BUILD_UNSEALED;
		r->tree = false;
		return 0;
	}
	if (d->n > 1 && pg_value_seal(r->a, d) < 0)
		return pg_pickle_no_room(r);
	return 0;
}

PG_FN int
pg_pickle_dict(struct pg_pickle_reader *r)
{
	struct pg_value **items, *d = pickle_build_new(r, PG_T_DICT);
	uint32_t n;

	if (d == NULL)
		return pg_pickle_no_room(r);
	if (pg_pickle_pop_mark(r, &items, &n) < 0 ||
	    pickle_build_set(r, d, items, n) < 0)
		return -1;
	return pg_pickle_push(r, d);
}

PG_FN int
pg_pickle_setitems(struct pg_pickle_reader *r)
{
	struct pg_value **items;
	uint32_t n;

	if (pg_pickle_pop_mark(r, &items, &n) < 0 || pg_pickle_need(r, 1) < 0)
		return -1;
	return pickle_build_set(r, r->stack[r->n - 1], items, n);
}

PG_FN int
pg_pickle_setitem(struct pg_pickle_reader *r)
{
	if (pg_pickle_need(r, 3) < 0)
		return -1;
	r->n -= 2;
	return pickle_build_set(r, r->stack[r->n - 1], r->stack + r->n, 2);
}

/* ---- the last walk ----------------------------------------------------- */

/* One container of the finished value. While the walk lasts, v->cap is the
 * index of its node. */
struct pickle_build_node {
	struct pg_value *v;
	size_t size;         /* with all that is in it */
	uint32_t cap;        /* v's own */
	uint32_t at, parent; /* next member; node it was entered from */
	uint32_t height;     /* containers from here down */
};

/* The table is not in the arena: it is gone before the value is used. */
struct pickle_build_walk {
	struct pg_pickle_reader *r;
	struct pickle_build_node *nodes;
	uint32_t n, cap, cur, depth;
};

/* Count `size` more bytes and a height of `height` below the current node. */
static int
pickle_build_count(struct pickle_build_walk *w, size_t size, uint32_t height)
{
	struct pickle_build_node *node = &w->nodes[w->cur];

	if (size > w->r->limit - node->size)
		return pickle_build_large(w->r);
	if (w->depth + height > PG_VALUE_DEPTH_MAX)
		return pickle_build_deep(w->r);
	node->size += size;
	node->height = PG_MAX(node->height, height + 1);
	return 0;
}

static int
pickle_build_enter(struct pickle_build_walk *w, struct pg_value *v)
{
	struct pickle_build_node *p;
	uint32_t cap;

	if (w->depth == PG_VALUE_DEPTH_MAX)
		return pickle_build_deep(w->r);
	if (w->n == w->cap) {
		cap = w->cap == 0 ? PG_PICKLE_FIRST : w->cap * 2;
		p = cap <= w->cap ? NULL :
		    pg_try_realloc(w->nodes, cap * sizeof(*p));
		if (p == NULL)
			return pg_fail(w->r->e, PG_E_NOMEM,
			    "no memory to check a pickle of %" PRIu32
			    " containers", w->n);
		w->nodes = p;
		w->cap = cap;
	}
	if ((v->mark & PICKLE_BUILD_UNSEALED) &&
	    pg_value_seal(w->r->a, v) < 0)
		return pg_pickle_no_room(w->r);
	w->nodes[w->n] = (struct pickle_build_node){ .v = v, .cap = v->cap,
		.parent = w->cur, .size = PG_PICKLE_NODE, .height = 1 };
	v->mark = PICKLE_BUILD_OPEN;
	v->cap = w->cur = w->n++;
	w->depth++;
	return w->r->limit < PG_PICKLE_NODE ? pickle_build_large(w->r) : 0;
}

/* Back to the parent, which takes the sum. */
static int
pickle_build_leave(struct pickle_build_walk *w)
{
	struct pickle_build_node *node = &w->nodes[w->cur];

	node->v->mark = PICKLE_BUILD_DONE;
	w->depth--;
	if (w->depth == 0)
		return 0;
	w->cur = node->parent;
	return pickle_build_count(w, node->size, node->height);
}

/* A member of the current node. */
static int
pickle_build_visit(struct pickle_build_walk *w, struct pg_value *v)
{
	const struct pickle_build_node *node;

	switch (v->type) {
	case PG_T_STR:
	case PG_T_BIG:
	case PG_T_BYTES:
	case PG_T_BYTEARRAY:
		return pickle_build_count(w, PG_PICKLE_NODE + (size_t)v->n, 0);
	case PG_T_LIST:
	case PG_T_TUPLE:
	case PG_T_SET:
	case PG_T_FROZENSET:
	case PG_T_DICT:
		break;
	case PG_PICKLE_T_FORM:
		return pg_pickle_bad(w->r, "pickle names code as a value");
	default:
		return pickle_build_count(w, PG_PICKLE_NODE, 0);
	}
	if (v->mark & PICKLE_BUILD_OPEN)
		return pg_pickle_bad(w->r,
		    "pickle holds a value that contains itself");
	if (!(v->mark & PICKLE_BUILD_DONE))
		return pickle_build_enter(w, v);
	node = &w->nodes[v->cap];
	return pickle_build_count(w, node->size, node->height);
}

static int
pickle_build_step(struct pickle_build_walk *w)
{
	struct pickle_build_node *node = &w->nodes[w->cur];
	struct pg_pair *pair;

	if (node->at == node->v->n)
		return pickle_build_leave(w);
	if (node->v->type != PG_T_DICT)
		return pickle_build_visit(w, node->v->u.items[node->at++]);
	pair = &node->v->u.pairs[node->at++];
	if (pickle_build_count(w, PG_PICKLE_NODE + pair->key.n, 0) < 0)
		return -1;
	return pickle_build_visit(w, pair->val);
}

static int
pickle_build_walk(struct pg_pickle_reader *r, struct pg_value *root)
{
	struct pickle_build_walk w = { .r = r };
	int rc = pickle_build_enter(&w, root);
	uint32_t i;

	while (rc == 0 && w.depth > 0)
		rc = pickle_build_step(&w);
	for (i = 0; i < w.n; i++) {
		w.nodes[i].v->mark = 0;
		w.nodes[i].v->cap = w.nodes[i].cap;
	}
	free(w.nodes);
	return rc;
}

PG_FN int
pg_pickle_finish(struct pg_pickle_reader *r, struct pg_value *root)
{
	if (root->type == PG_PICKLE_T_FORM)
		return pg_pickle_bad(r, "pickle names code as a value");
	if (!r->tree && (pg_value_is_seq(root) || root->type == PG_T_DICT))
		return pickle_build_walk(r, root);
	/* A leaf at the end of many opcodes is its own size. */
	if (!r->tree)
		r->size = PG_PICKLE_NODE + (size_t)root->n;
	if (r->deepest > PG_VALUE_DEPTH_MAX && r->tree)
		return pickle_build_deep(r);
	return r->size > r->limit ? pickle_build_large(r) : 0;
}

#undef PICKLE_BUILD_OPEN
#undef PICKLE_BUILD_DONE
#undef PICKLE_BUILD_UNHASHABLE
#undef PICKLE_BUILD_UNSEALED
