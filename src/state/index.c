/* index: the store's records in memory.
 *
 * Entries are in a map and on a ring, and are never changed but replaced; the
 * new one takes the old one's place on the ring. What was taken out keeps its
 * links, so that undoing changes in reverse order puts every entry back where
 * it was without a search: when its turn comes its neighbours are the same.
 */
#include "index.h"
#include "../base/mem.h"

#include <fcntl.h>
#include <unistd.h>

/* Bytes of a line beside key and value, about. */
#define INDEX_LINE_COST 34

/* ---- Entries ---- */

static struct pg_entry *
index_entry(struct pg_entry_link *l)
{
	return PG_CONTAINER(l, struct pg_entry, link);
}

/* An entry with one reference. */
static struct pg_entry *
index_entry_new(struct pg_str key, struct pg_str value, struct pg_spot spot)
{
	bool kept = value.n <= PG_INDEX_KEEP_MAX;
	struct pg_entry *n = pg_alloc(sizeof(*n) + key.n +
	    (kept ? value.n : 0));

	n->refs = 1;
	n->spot = spot;
	n->key_n = (uint32_t)key.n;
	n->value_n = (uint32_t)value.n;
	n->kept = kept;
	memcpy(n->text, key.p, key.n);
	if (kept)
		memcpy(n->text + key.n, value.p, value.n);
	return n;
}

static struct pg_entry *
index_entry_ref(struct pg_entry *n)
{
	if (n != NULL)
		n->refs++;
	return n;
}

PG_FN void
pg_entry_unref(struct pg_entry *n)
{
	if (n != NULL && --n->refs == 0)
		free(n);
}

static uint64_t
index_cost(const struct pg_entry *n)
{
	return (uint64_t)INDEX_LINE_COST + n->key_n + n->value_n;
}

/* Append the entry's line to b. */
static int
index_read_line(const struct pg_spot *spot, int log, struct pg_buf *b,
    struct pg_err *e)
{
	char name[PG_JOURNAL_NAME], *to = pg_buf_room(b, spot->line_n);
	int fd, rc;

	if (to == NULL)
		return pg_fail(e, PG_E_NOMEM, "no memory for a record");
	pg_journal_name(spot->file, name);
	fd = openat(log, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return pg_fail_sys(e, "log/%s", name);
	rc = pg_journal_pread(fd, to, spot->line_n, spot->at);
	if (rc < 0)
		pg_fail_sys(e, "log/%s at byte %" PRIu64, name, spot->at);
	close(fd);
	b->n += rc < 0 ? 0 : spot->line_n;
	return rc;
}

PG_FN int
pg_entry_load(const struct pg_entry *n, int log, const char *pending,
    struct pg_buf *b, struct pg_str *value, struct pg_err *e)
{
	size_t start = b->n;
	struct pg_str line, json;

	if (n->kept) {
		*value = pg_entry_value(n);
		return 0;
	}
	if (pending == NULL) {
		if (index_read_line(&n->spot, log, b, e) < 0)
			return -1;
		line = pg_str_skip(pg_buf_str(b), start);
		pending = line.p;
		if (pg_journal_next(&line, &json) != PG_JOURNAL_LINE) {
			errno = EIO;
			return pg_fail(e, PG_E_SYS, "log/%04u: the record at "
			    "byte %" PRIu64 " is damaged", n->spot.file,
			    n->spot.at);
		}
	}
	*value = (struct pg_str){ pending + n->spot.value_at, n->value_n };
	return 0;
}

/* ---- Undo ---- */

static void
index_note(struct pg_undo *u, struct pg_entry *was, struct pg_entry *is)
{
	if (u == NULL)
		return;
	if (u->n == u->cap) {
		u->cap = PG_MAX(u->cap * 2, (size_t)16);
		u->steps = pg_realloc(u->steps, u->cap * sizeof(*u->steps));
	}
	u->steps[u->n++] = (struct pg_undo_step){ index_entry_ref(was),
		index_entry_ref(is) };
}

PG_FN void
pg_undo_fini(struct pg_undo *u)
{
	while (u->n > 0) {
		u->n--;
		pg_entry_unref(u->steps[u->n].was);
		pg_entry_unref(u->steps[u->n].is);
	}
	free(u->steps);
	*u = (struct pg_undo){ .n = 0 };
}

/* ---- The index ---- */

PG_FN void
pg_index_init(struct pg_index *ix, const uint64_t seed[2])
{
	*ix = (struct pg_index){ .live = 0 };
	pg_map_init(&ix->map, seed);
	ix->order.prev = ix->order.next = &ix->order;
}

PG_FN void
pg_index_clear(struct pg_index *ix)
{
	struct pg_entry_link *l, *next;

	for (l = ix->order.next; l != &ix->order; l = next) {
		next = l->next;
		pg_entry_unref(index_entry(l));
	}
	pg_map_fini(&ix->map);
	ix->order.prev = ix->order.next = &ix->order;
	ix->live = 0;
}

PG_FN void
pg_index_fini(struct pg_index *ix)
{
	/* NULL: never initialised. */
	if (ix->order.next != NULL)
		pg_index_clear(ix);
}

PG_FN struct pg_entry *
pg_index_get(const struct pg_index *ix, struct pg_str key)
{
	return pg_map_get(&ix->map, key);
}

PG_FN struct pg_entry *
pg_index_next(const struct pg_index *ix, const struct pg_entry *n)
{
	struct pg_entry_link *l = n == NULL ? ix->order.next : n->link.next;

	return l == &ix->order ? NULL : index_entry(l);
}

/* Put n between the neighbours that its links name. */
static void
index_link(struct pg_index *ix, struct pg_entry *n)
{
	n->link.prev->next = &n->link;
	n->link.next->prev = &n->link;
	ix->live += index_cost(n);
	pg_map_put(&ix->map, pg_entry_key(n), n);
}

/* Take n off the ring; its links stay. The map may keep it, since who takes
 * its place is put there over it. */
static void
index_unlink(struct pg_index *ix, struct pg_entry *n)
{
	n->link.prev->next = n->link.next;
	n->link.next->prev = n->link.prev;
	ix->live -= index_cost(n);
}

/* Takes the reference of n. */
static void
index_put(struct pg_index *ix, struct pg_entry *n, struct pg_undo *u)
{
	struct pg_entry *was = pg_map_get(&ix->map, pg_entry_key(n));

	n->link = (struct pg_entry_link){ ix->order.prev, &ix->order };
	if (was != NULL) {
		n->link = was->link;
		index_unlink(ix, was);
	}
	index_link(ix, n);
	index_note(u, was, n);
	pg_entry_unref(was);
}

static void
index_del(struct pg_index *ix, struct pg_str key, struct pg_undo *u)
{
	struct pg_entry *was = pg_map_del(&ix->map, key);

	if (was == NULL)
		return;
	index_unlink(ix, was);
	index_note(u, was, NULL);
	pg_entry_unref(was);
}

PG_FN void
pg_index_apply(struct pg_index *ix, struct pg_str json, struct pg_spot spot,
    struct pg_undo *u)
{
	uint32_t json_at = spot.value_at;
	enum pg_record_step step;
	struct pg_str key, value;
	struct pg_record r;

	pg_record_start(&r, json);
	while ((step = pg_record_next(&r, &key, &value)) != PG_RECORD_END) {
		assert(step != PG_RECORD_BAD);
		if (step == PG_RECORD_DEL) {
			index_del(ix, key, u);
			continue;
		}
		spot.value_at = json_at + (uint32_t)(value.p - json.p);
		index_put(ix, index_entry_new(key, value, spot), u);
	}
}

PG_FN void
pg_index_undo(struct pg_index *ix, struct pg_undo *u)
{
	struct pg_undo_step *step;
	size_t i;

	for (i = u->n; i > 0; i--) {
		step = &u->steps[i - 1];
		if (step->is != NULL) {
			index_unlink(ix, step->is);
			pg_map_del(&ix->map, pg_entry_key(step->is));
			pg_entry_unref(step->is); /* the index's */
		}
		if (step->was != NULL)
			index_link(ix, index_entry_ref(step->was));
	}
	pg_undo_fini(u);
}

#undef INDEX_LINE_COST
