/* map: open addressing with linear probing.
 *
 * An entry lies at the first free slot from where its hash points. Removal
 * closes the gap by moving entries back, so there are no tombstones and look-
 * ups stay short however many entries come and go.
 */
#include "map.h"
#include "mem.h"

#include <endian.h>

#define MAP_FIRST ((size_t)8)

static uint64_t
sip_rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = sip_rotl(v[1], 13) ^ v[0];
	v[0] = sip_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = sip_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = sip_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = sip_rotl(v[1], 17) ^ v[2];
	v[2] = sip_rotl(v[2], 32);
}

/* n <= 8 bytes, least significant first. */
static uint64_t
sip_word(const char *p, size_t n)
{
	uint64_t w = 0;

	if (n > 0)
		memcpy(&w, p, n);
	return le64toh(w);
}

/* Aumasson, Bernstein: SipHash, with one round a word and three at the end. */
PG_FN uint64_t
pg_siphash(const uint64_t seed[2], struct pg_str bytes)
{
	const char *p = bytes.p;
	uint64_t v[4] = {
		seed[0] ^ UINT64_C(0x736f6d6570736575),
		seed[1] ^ UINT64_C(0x646f72616e646f6d),
		seed[0] ^ UINT64_C(0x6c7967656e657261),
		seed[1] ^ UINT64_C(0x7465646279746573),
	};
	size_t left;
	uint64_t w;
	int i;

	for (left = bytes.n; left >= 8; left -= 8, p += 8) {
		w = sip_word(p, 8);
		v[3] ^= w;
		sip_round(v);
		v[0] ^= w;
	}
	w = sip_word(p, left) | (uint64_t)bytes.n << 56;
	v[3] ^= w;
	sip_round(v);
	v[0] ^= w;
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

PG_FN void
pg_map_init(struct pg_map *m, const uint64_t seed[2])
{
	*m = (struct pg_map){ .seed = { seed[0], seed[1] } };
}

PG_FN void
pg_map_fini(struct pg_map *m)
{
	free(m->slots);
	pg_map_init(m, m->seed);
}

/* The slot that holds key, or the free one where it would go. cap > n. */
static size_t
map_find(const struct pg_map *m, struct pg_str key, uint64_t hash)
{
	size_t i = (size_t)hash & (m->cap - 1);

	while (m->slots[i].val != NULL &&
	    (m->slots[i].hash != hash || !pg_str_eq(m->slots[i].key, key)))
		i = (i + 1) & (m->cap - 1);
	return i;
}

/* Keep a quarter of the slots free after one more entry. */
static void
map_grow(struct pg_map *m)
{
	struct pg_map old = *m;
	size_t i, to;

	if (m->cap != 0 && m->n < m->cap - m->cap / 4)
		return;
	m->cap = m->cap == 0 ? MAP_FIRST : m->cap * 2;
	assert(m->cap <= SIZE_MAX / sizeof(*m->slots));
	m->slots = pg_alloc(m->cap * sizeof(*m->slots));
	for (i = 0; i < old.cap; i++) {
		if (old.slots[i].val == NULL)
			continue;
		to = map_find(m, old.slots[i].key, old.slots[i].hash);
		m->slots[to] = old.slots[i];
	}
	free(old.slots);
}

PG_FN void *
pg_map_get(const struct pg_map *m, struct pg_str key)
{
	if (m->n == 0)
		return NULL;
	return m->slots[map_find(m, key, pg_siphash(m->seed, key))].val;
}

PG_FN void *
pg_map_put(struct pg_map *m, struct pg_str key, void *val)
{
	uint64_t hash = pg_siphash(m->seed, key);
	struct pg_map_slot *s;
	void *old;

	assert(val != NULL);
	map_grow(m);
	s = &m->slots[map_find(m, key, hash)];
	old = s->val;
	if (old == NULL)
		m->n++;
	/* The key too: the old one may lie in the old value. */
	*s = (struct pg_map_slot){ key, val, hash };
	return old;
}

PG_FN void *
pg_map_del(struct pg_map *m, struct pg_str key)
{
	size_t mask = m->cap - 1, gap, i, home;
	void *old;

	if (m->n == 0)
		return NULL;
	gap = map_find(m, key, pg_siphash(m->seed, key));
	old = m->slots[gap].val;
	if (old == NULL)
		return NULL;
	m->n--;
	/* Move back whoever was pushed past the gap; wrap-around makes
	 * distances, not positions, comparable. */
	for (i = (gap + 1) & mask; m->slots[i].val != NULL;
	    i = (i + 1) & mask) {
		home = (size_t)m->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap] = (struct pg_map_slot){ .val = NULL };
	return old;
}

PG_FN void *
pg_map_next(const struct pg_map *m, size_t *at)
{
	while (*at < m->cap) {
		void *val = m->slots[(*at)++].val;

		if (val != NULL)
			return val;
	}
	return NULL;
}

#undef MAP_FIRST
