/* dedupe: see dedupe.h.
 *
 * All entries hang from a table by the hash of their id. Those that are
 * answered are linked in the order of their answers as well, which is the
 * order they leave in. Every message passes through here twice, so an id is
 * hashed once while its message is the last that came, and a busy window
 * lives on the blocks that it has: short answers fit behind the id.
 *
 * Ending a message calls its sender, who may send the next one, or dispose of
 * the agent and this window with it. So every door finishes with the window
 * first and ends messages last.
 */

#include "dedupe.h"

#include "../base/map.h"
#include "../codec/pickle.h"
#include "../os/rand.h"
#include "wire.h"

#define DEDUPE_TABLE 256 /* chains; a power of two */
/* Bytes of an entry for its id, and for the answer if there is room. */
#define DEDUPE_TEXT 128
/* Bytes of an answer from outside once decoded. */
#define DEDUPE_ARENA_MAX ((size_t)4 << 20)

enum dedupe_state {
	DEDUPE_WAITS,
	DEDUPE_KEPT,     /* waits, and has its answer */
	DEDUPE_ANSWERED, /* but not yet told; the next two are in the list */
	DEDUPE_OVER
};

/* Owner: the window. */
struct dedupe_entry {
	struct dedupe_entry *chain;
	struct dedupe_entry *next; /* in the list */
	struct pg_msg *joined, **joined_end; /* in order of arrival */
	uint64_t hash;
	int64_t time; /* of the answer */
	enum dedupe_state state;
	/* The answer: body (PG_E_OK) or the text of an error; or lost, the
	 * bytes of a body too long to be kept. */
	enum pg_code code;
	char *answer; /* in text, or a block of its own */
	size_t n, lost, nid;
	char text[]; /* DEDUPE_TEXT bytes, or as many as the id has */
};

/* Owner: an agent. */
struct pg_dedupe {
	struct dedupe_entry *table[DEDUPE_TABLE];
	uint64_t seed[2];
	struct dedupe_entry *oldest, *newest; /* the list */
	struct dedupe_entry *last;  /* looked for; or NULL */
	struct dedupe_entry *spare; /* a free one, or NULL */
	size_t entries;
	size_t n, bytes; /* in the list */
	size_t njoined, joined_bytes;
};

/* ---- Entries ----------------------------------------------------------- */

static struct pg_dedupe *
dedupe_new(void)
{
	struct pg_dedupe *d = pg_alloc(sizeof(*d));

	pg_rand(d->seed, sizeof(d->seed));
	return d;
}

static struct pg_str
dedupe_id(const struct dedupe_entry *n)
{
	return (struct pg_str){ n->text, n->nid };
}

static struct pg_str
dedupe_key(const struct pg_msg *m)
{
	return m->once.n > 0 ? m->once : m->id;
}

/* The entry for id; if there is none, *hash is what its id hashes to. */
static struct dedupe_entry *
dedupe_look(struct pg_dedupe *d, struct pg_str id, uint64_t *hash)
{
	struct dedupe_entry *n = d->last;

	if (n != NULL && pg_str_eq(dedupe_id(n), id))
		return n;
	*hash = pg_siphash(d->seed, id);
	n = d->table[*hash % DEDUPE_TABLE];
	while (n != NULL && (n->hash != *hash ||
	    !pg_str_eq(dedupe_id(n), id)))
		n = n->chain;
	if (n != NULL)
		d->last = n;
	return n;
}

static struct dedupe_entry *
dedupe_find(struct pg_dedupe *d, struct pg_str id)
{
	uint64_t hash;

	return d != NULL ? dedupe_look(d, id, &hash) : NULL;
}

/* A new entry for an id that has none. */
static struct dedupe_entry *
dedupe_add(struct pg_dedupe *d, struct pg_str id, uint64_t hash)
{
	struct dedupe_entry *n = d->spare, **chain;

	if (n != NULL && id.n <= DEDUPE_TEXT)
		d->spare = NULL;
	else
		n = pg_alloc(sizeof(*n) + PG_MAX(id.n, (size_t)DEDUPE_TEXT));
	chain = &d->table[hash % DEDUPE_TABLE];
	*n = (struct dedupe_entry){ .chain = *chain, .hash = hash,
		.joined_end = &n->joined, .nid = id.n };
	memcpy(n->text, id.p, id.n);
	n->answer = n->text + id.n;
	*chain = n;
	d->entries++;
	d->last = n;
	return n;
}

static void
dedupe_free_entry(struct pg_dedupe *d, struct dedupe_entry *n)
{
	if (n->answer != n->text + n->nid)
		free(n->answer);
	if (d->spare == NULL && n->nid <= DEDUPE_TEXT)
		d->spare = n;
	else
		free(n);
}

/* Forget n, which is not in the list. */
static void
dedupe_remove(struct pg_dedupe *d, struct dedupe_entry *n)
{
	struct dedupe_entry **at = &d->table[n->hash % DEDUPE_TABLE];

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	d->entries--;
	if (d->last == n)
		d->last = NULL;
	dedupe_free_entry(d, n);
}

static void
dedupe_set(struct dedupe_entry *n, enum pg_code code, struct pg_str answer)
{
	n->code = code;
	if (answer.n > PG_DEDUPE_ANSWER_MAX) {
		n->lost = answer.n;
		return;
	}
	n->n = answer.n;
	if (n->n > DEDUPE_TEXT - PG_MIN(n->nid, (size_t)DEDUPE_TEXT))
		n->answer = pg_alloc(n->n);
	if (n->n > 0)
		memcpy(n->answer, answer.p, n->n);
}

static void
dedupe_set_outcome(struct dedupe_entry *n, const struct pg_outcome *o)
{
	if (o->err != NULL)
		dedupe_set(n, o->err->code, pg_str(o->err->msg));
	else
		dedupe_set(n, PG_E_OK, o->body);
}

/* The error that n was answered with, in arena a; NULL: none. */
static struct pg_err *
dedupe_error(const struct dedupe_entry *n, struct pg_arena *a)
{
	struct pg_err *err;

	if (n->code == PG_E_OK)
		return NULL;
	err = pg_arena_zalloc(a, sizeof(*err));
	pg_fail(err, n->code, "%.*s", (int)n->n, n->answer);
	return err;
}

/* Into the list. Should it be older than the one before (a record may say
 * so), it leaves when that one does. */
static void
dedupe_append(struct pg_dedupe *d, struct dedupe_entry *n, int64_t time)
{
	n->time = time;
	if (d->newest != NULL)
		d->newest->next = n;
	else
		d->oldest = n;
	d->newest = n;
	d->n++;
	d->bytes += n->nid + n->n;
}

static bool
dedupe_expired(const struct dedupe_entry *n, int64_t now)
{
	return now - n->time > PG_DEDUPE_TIME;
}

/* Keep to the bounds. */
static void
dedupe_trim(struct pg_dedupe *d, int64_t now)
{
	struct dedupe_entry *n;

	while ((n = d->oldest) != NULL && n->state == DEDUPE_OVER &&
	    (d->n > PG_DEDUPE_MAX || d->bytes > PG_DEDUPE_BYTES_MAX ||
	    dedupe_expired(n, now))) {
		d->oldest = n->next;
		if (d->oldest == NULL)
			d->newest = NULL;
		d->n--;
		d->bytes -= n->nid + n->n;
		dedupe_remove(d, n);
	}
}

/* ---- Duplicates -------------------------------------------------------- */

/* End m with the answer of n, which may be gone before m is. */
static void
dedupe_repeat(const struct dedupe_entry *n, struct pg_msg *m)
{
	struct pg_outcome o = { .err = dedupe_error(n, &m->arena) };
	struct pg_err lost = { 0 };

	if (n->lost > 0) {
		pg_fail(&lost, PG_E_LIFECYCLE, "message ID was handled "
		    "before; its answer of %zu bytes is not kept", n->lost);
		o.err = &lost;
	} else if (o.err == NULL && n->n > 0) {
		o.body = pg_arena_str(&m->arena,
		    (struct pg_str){ n->answer, n->n });
	}
	pg_msg_end(m, &o);
}

static void
dedupe_join(struct pg_dedupe *d, struct dedupe_entry *n, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	if (d->njoined >= PG_DEDUPE_JOINED_MAX ||
	    m->body.n > PG_DEDUPE_JOINED_BYTES_MAX - d->joined_bytes) {
		pg_fail(&err, PG_E_MAILBOX_FULL, "too many duplicates of "
		    "messages that are not yet answered (%zu messages, %zu "
		    "bytes wait)", d->njoined, d->joined_bytes);
		pg_msg_fail(m, &err);
		return;
	}
	d->njoined++;
	d->joined_bytes += m->body.n;
	m->next = NULL;
	*n->joined_end = m;
	n->joined_end = &m->next;
}

/* Move those who joined n behind *end; returns the new end. */
static struct pg_msg **
dedupe_take(struct pg_dedupe *d, struct dedupe_entry *n, struct pg_msg **end)
{
	struct pg_msg *m;

	*end = n->joined;
	for (; (m = *end) != NULL; end = &m->next) {
		d->njoined--;
		d->joined_bytes -= m->body.n;
	}
	n->joined = NULL;
	n->joined_end = &n->joined;
	return end;
}

static void
dedupe_end(struct pg_msg *joined, const struct pg_outcome *o)
{
	struct pg_msg *m;

	while ((m = joined) != NULL) {
		joined = m->next;
		m->next = NULL;
		pg_msg_end(m, o);
	}
}

PG_FN int
pg_dedupe_enter(struct pg_dedupe **d, struct pg_msg *m, int64_t now)
{
	struct dedupe_entry *n;
	uint64_t hash;

	if (!m->given_id || m->id.n == 0 || m->id.n > PG_DEDUPE_ID_MAX)
		return 0;
	if (*d == NULL)
		*d = dedupe_new();
	dedupe_trim(*d, now);
	n = dedupe_look(*d, dedupe_key(m), &hash);
	if (n == NULL) {
		dedupe_add(*d, dedupe_key(m), hash);
		return 0;
	}
	if (m->oneway)
		pg_msg_end(m, &(struct pg_outcome){ 0 });
	else if (n->state == DEDUPE_KEPT || n->state == DEDUPE_OVER)
		dedupe_repeat(n, m);
	else
		dedupe_join(*d, n, m);
	return 1;
}

/* ---- Answers ----------------------------------------------------------- */

PG_FN void
pg_dedupe_answer(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o, int64_t now)
{
	struct dedupe_entry *n = dedupe_find(d, id);

	if (n == NULL || n->state == DEDUPE_ANSWERED ||
	    n->state == DEDUPE_OVER)
		return;
	if (n->state == DEDUPE_WAITS)
		dedupe_set_outcome(n, o);
	n->state = DEDUPE_ANSWERED;
	dedupe_append(d, n, now);
	dedupe_trim(d, now);
}

PG_FN void
pg_dedupe_drop(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o)
{
	struct dedupe_entry *n = dedupe_find(d, id);
	struct pg_msg *joined;

	if (n == NULL || n->state == DEDUPE_OVER)
		return;
	dedupe_take(d, n, &joined);
	if (n->state == DEDUPE_ANSWERED)
		n->state = DEDUPE_OVER;
	else
		dedupe_remove(d, n);
	dedupe_end(joined, o);
}

PG_FN void
pg_dedupe_done(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o, int64_t now)
{
	pg_dedupe_answer(d, id, o, now);
	pg_dedupe_drop(d, id, o);
}

/* Out of the list, wherever in it. */
static void
dedupe_unlist(struct pg_dedupe *d, struct dedupe_entry *n)
{
	struct dedupe_entry **at = &d->oldest, *before = NULL;

	for (; *at != n; at = &before->next)
		before = *at;
	*at = n->next;
	if (d->newest == n)
		d->newest = before;
	d->n--;
	d->bytes -= n->nid + n->n;
}

PG_FN void
pg_dedupe_forget(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o)
{
	struct dedupe_entry *n = dedupe_find(d, id);
	struct pg_msg *joined;

	if (n == NULL)
		return;
	if (n->state == DEDUPE_ANSWERED || n->state == DEDUPE_OVER)
		dedupe_unlist(d, n);
	dedupe_take(d, n, &joined);
	dedupe_remove(d, n);
	dedupe_end(joined, o);
}

PG_FN void
pg_dedupe_kept(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o)
{
	struct dedupe_entry *n = dedupe_find(d, id);
	struct pg_msg *joined;

	if (n == NULL || n->state != DEDUPE_WAITS)
		return;
	dedupe_set_outcome(n, o);
	n->state = DEDUPE_KEPT;
	dedupe_take(d, n, &joined);
	dedupe_end(joined, o);
}

/* Forget what waits, and what is kept as well if so asked. */
static struct pg_msg *
dedupe_leave(struct pg_dedupe *d, bool kept)
{
	struct pg_msg *first = NULL, **end = &first;
	struct dedupe_entry *n, *next;
	size_t i;

	for (i = 0; d != NULL && i < DEDUPE_TABLE; i++) {
		for (n = d->table[i]; n != NULL; n = next) {
			next = n->chain;
			if (n->state != DEDUPE_WAITS &&
			    !(kept && n->state == DEDUPE_KEPT))
				continue;
			end = dedupe_take(d, n, end);
			dedupe_remove(d, n);
		}
	}
	return first;
}

PG_FN struct pg_msg *
pg_dedupe_leave(struct pg_dedupe *d)
{
	return dedupe_leave(d, true);
}

PG_FN struct pg_msg *
pg_dedupe_leave_waiting(struct pg_dedupe *d)
{
	return dedupe_leave(d, false);
}

PG_FN void
pg_dedupe_free(struct pg_dedupe *d)
{
	struct pg_msg *first = NULL, **end = &first;
	struct pg_err err = { 0 };
	struct dedupe_entry *n;
	size_t i;

	if (d == NULL)
		return;
	for (i = 0; i < DEDUPE_TABLE; i++) {
		while ((n = d->table[i]) != NULL) {
			end = dedupe_take(d, n, end);
			dedupe_remove(d, n);
		}
	}
	free(d->spare);
	free(d);
	pg_fail(&err, PG_E_LIFECYCLE, "the paglet is gone and has not "
	    "answered the message that this one repeats");
	dedupe_end(first, &(struct pg_outcome){ .err = &err });
}

PG_FN void
pg_dedupe_expire(struct pg_dedupe **d, int64_t now)
{
	if (*d == NULL)
		return;
	dedupe_trim(*d, now);
	if ((*d)->entries > 0)
		return;
	pg_dedupe_free(*d);
	*d = NULL;
}

/* ---- Records ----------------------------------------------------------- */

static struct pg_value *
dedupe_record(struct pg_arena *a, struct pg_str id, int64_t age,
    const struct pg_outcome *o, size_t lost)
{
	struct pg_value *d = o->err != NULL ? pg_wire_error(a, o->err) :
	    pg_value_dict(a);

	pg_put_str(a, d, "id", id);
	pg_put_float(a, d, "age", pg_to_seconds(age));
	if (lost > 0)
		pg_put_int(a, d, "size", (int64_t)lost);
	else if (o->err == NULL && o->body.n > 0)
		pg_put(a, d, "answer", pg_value_bytes(a, PG_T_BYTES,
		    o->body));
	return d;
}

PG_FN struct pg_value *
pg_dedupe_value(const struct pg_dedupe *d, struct pg_arena *a, int64_t now)
{
	const struct dedupe_entry *n = d != NULL ? d->oldest : NULL;
	struct pg_value *list = NULL;
	struct pg_outcome o;

	for (; n != NULL; n = n->next) {
		if (dedupe_expired(n, now))
			continue;
		o = (struct pg_outcome){ .err = dedupe_error(n, a),
			.body = { n->answer, n->n } };
		if (list == NULL)
			list = pg_value_list(a);
		pg_value_add(a, list, dedupe_record(a, dedupe_id(n),
		    PG_MAX(now - n->time, 0), &o, n->lost));
	}
	return list;
}

static bool
dedupe_lists(const struct pg_value *list, struct pg_str id)
{
	uint32_t i;

	for (i = 0; list != NULL && i < list->n; i++)
		if (pg_str_eq(pg_value_text(pg_value_get(list->u.items[i],
		    "id"), PG_STR_NULL), id))
			return true;
	return false;
}

PG_FN struct pg_value *
pg_dedupe_foresee(struct pg_value *list, struct pg_arena *a, struct pg_str id,
    const struct pg_outcome *o)
{
	size_t lost = 0;

	if (id.n == 0 || id.n > PG_DEDUPE_ID_MAX || dedupe_lists(list, id))
		return list;
	if (list == NULL)
		list = pg_value_list(a);
	if (list->n == PG_DEDUPE_MAX) {
		list->n--;
		memmove(list->u.items, list->u.items + 1,
		    list->n * sizeof(*list->u.items));
	}
	if (o->err == NULL && o->body.n > PG_DEDUPE_ANSWER_MAX)
		lost = o->body.n;
	pg_value_add(a, list, dedupe_record(a, id, 0, o, lost));
	return list;
}

/* ---- Reading ----------------------------------------------------------- */

static int
dedupe_read_id(struct pg_dedupe *d, const struct pg_value *v,
    struct pg_str *out, uint64_t *hash, struct pg_err *e)
{
	if (pg_field_str(v, "id", out, e) < 0)
		return -1;
	if (out->n == 0 || out->n > PG_DEDUPE_ID_MAX)
		return pg_fail(e, PG_E_HOST, "field 'id' must have 1 to %d "
		    "bytes, not %zu", PG_DEDUPE_ID_MAX, out->n);
	if (dedupe_look(d, *out, hash) != NULL)
		return pg_fail(e, PG_E_HOST, "field 'id' was there before");
	return 0;
}

/* The age in ns; at most a little over what expires. */
static int
dedupe_read_age(const struct pg_value *v, int64_t *out, struct pg_err *e)
{
	double age = -1;

	if (pg_field_float_opt(v, "age", &age, e) < 0)
		return -1;
	if (!(age >= 0)) /* NaN too */
		return pg_fail(e, PG_E_HOST, "field 'age' must be 0 or more");
	*out = PG_MIN(pg_from_seconds(age), PG_DEDUPE_TIME + PG_SEC);
	return 0;
}

static int
dedupe_read_body(const struct pg_value *v, struct pg_str *out,
    struct pg_err *e)
{
	struct pg_arena arena;
	struct pg_value *body;
	struct pg_err why = { 0 };

	if (!pg_value_is(v, PG_T_BYTES))
		return pg_fail(e, PG_E_HOST, "field 'answer' must be bytes, "
		    "not %s", pg_value_type_name(v));
	*out = (struct pg_str){ v->u.p, v->n };
	if (out->n > PG_DEDUPE_ANSWER_MAX)
		return pg_fail(e, PG_E_HOST, "field 'answer' has %zu bytes, "
		    "more than %u", out->n, PG_DEDUPE_ANSWER_MAX);
	pg_arena_init(&arena, DEDUPE_ARENA_MAX);
	if (pg_pickle_read_value(*out, &arena, 0, &body, &why) < 0)
		pg_fail(e, PG_E_HOST, "field 'answer': %s", why.msg);
	pg_arena_fini(&arena);
	return why.code == PG_E_OK ? 0 : -1;
}

/* What the entry was answered with. */
static int
dedupe_read_answer(const struct pg_value *v, struct dedupe_entry *n,
    struct pg_err *e)
{
	struct pg_str type = PG_STR_NULL, text = PG_STR_NULL,
	    token = PG_STR_NULL, body = PG_STR_NULL;
	const struct pg_value *answer = pg_value_get(v, "answer");
	struct pg_err told = { 0 };
	int64_t size = 0;

	if (pg_field_str_opt(v, "error_type", &type, e) < 0 ||
	    pg_field_str_opt(v, "error", &text, e) < 0 ||
	    pg_field_str_opt(v, "code", &token, e) < 0 ||
	    pg_field_int_opt(v, "size", &size, e) < 0)
		return -1;
	if (size < 0 || size > UINT32_MAX)
		return pg_fail(e, PG_E_HOST, "field 'size' is out of range");
	if ((type.n > 0) + (size > 0) + (answer != NULL) > 1)
		return pg_fail(e, PG_E_HOST, "only one of the fields "
		    "'error_type', 'size' and 'answer' may be there");
	n->lost = (size_t)size;
	if (type.n > 0) {
		pg_wire_fail(v, &told);
		dedupe_set_outcome(n, &(struct pg_outcome){ .err = &told });
	} else if (answer != NULL) {
		if (dedupe_read_body(answer, &body, e) < 0)
			return -1;
		dedupe_set(n, PG_E_OK, body);
	}
	return 0;
}

static int
dedupe_read_entry(struct pg_dedupe *d, const struct pg_value *v, int64_t now,
    struct pg_err *e)
{
	struct dedupe_entry *n;
	struct pg_str id;
	uint64_t hash = 0;
	int64_t age = 0;

	if (!pg_value_is(v, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "must be dict, not %s",
		    pg_value_type_name(v));
	if (dedupe_read_id(d, v, &id, &hash, e) < 0 ||
	    dedupe_read_age(v, &age, e) < 0)
		return -1;
	/* From here on it is freed with the window. */
	n = dedupe_add(d, id, hash);
	if (dedupe_read_answer(v, n, e) < 0)
		return -1;
	n->state = DEDUPE_OVER;
	dedupe_append(d, n, now - age);
	return 0;
}

PG_FN int
pg_dedupe_read(struct pg_dedupe **d, const struct pg_value *v, int64_t now,
    struct pg_err *e)
{
	struct pg_dedupe *w;
	uint32_t i;

	assert(*d == NULL);
	if (v == NULL || pg_value_is(v, PG_T_NULL))
		return 0;
	if (!pg_value_is_seq(v))
		return pg_fail(e, PG_E_HOST, "field 'seen' must be list, "
		    "not %s", pg_value_type_name(v));
	if (v->n > PG_DEDUPE_MAX)
		return pg_fail(e, PG_E_HOST, "field 'seen' has %u entries, "
		    "more than %d", (unsigned)v->n, PG_DEDUPE_MAX);
	w = dedupe_new();
	for (i = 0; i < v->n; i++) {
		if (dedupe_read_entry(w, v->u.items[i], now, e) < 0) {
			pg_dedupe_free(w);
			return pg_wrap(e, "seen: entry %u", (unsigned)i);
		}
		dedupe_trim(w, now);
	}
	pg_dedupe_expire(&w, now);
	*d = w;
	return 0;
}

#undef DEDUPE_TABLE
#undef DEDUPE_TEXT
#undef DEDUPE_ARENA_MAX
