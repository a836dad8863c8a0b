/* claim: see claim.h. What is kept is the hash of a secret, under claim/NAME.
 * Names that have gone silent are looked for when another is claimed.
 */

#include "claim.h"

#include "../codec/sha256.h"
#include "durable.h"
#include "wire.h"

/* Owner: the table. */
struct claim {
	struct pg_str name; /* behind the struct */
	uint8_t hash[PG_SHA256_SIZE];
	int64_t seen;    /* wall clock */
	int64_t written; /* of that, what is on disk; 0: nothing */
};

/* Owner: the host. */
struct pg_claims {
	struct pg_host *host;
	struct pg_map map; /* struct claim, by name */
};

/* ---- The table ----------------------------------------------------------------- */

static bool
claim_is_old(const struct claim *c, int64_t now)
{
	/* A clock that was set back makes nothing older. */
	return now - c->seen > PG_CLAIM_KEEP;
}

static void
claim_remove(struct pg_claims *s, struct claim *c)
{
	pg_map_del(&s->map, c->name);
	free(c);
}

/* Forget those that are old. One that is removed may hide the next from the
 * walk, so there are more walks until there is nothing left to do. */
static void
claim_sweep(struct pg_claims *s)
{
	int64_t now = pg_now_wall();
	struct claim *c;
	bool again = true;
	size_t at;

	while (again) {
		again = false;
		for (at = 0; (c = pg_map_next(&s->map, &at)) != NULL;)
			if (claim_is_old(c, now)) {
				pg_durable_claim(s->host, c->name, NULL);
				claim_remove(s, c);
				again = true;
			}
	}
}

/* A new one; NULL when there are too many even without the old ones. */
static struct claim *
claim_add(struct pg_claims *s, struct pg_str name)
{
	struct claim *c;

	if (s->map.n >= PG_CLAIMS_MAX)
		claim_sweep(s);
	if (s->map.n >= PG_CLAIMS_MAX)
		return NULL;
	c = pg_alloc(sizeof(*c) + name.n);
	memcpy(c + 1, name.p, name.n);
	c->name = (struct pg_str){ (char *)(c + 1), name.n };
	pg_map_put(&s->map, c->name, c);
	return c;
}

/* ---- On disk ----------------------------------------------------------------------- */

static void
claim_write(struct pg_claims *s, struct claim *c)
{
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a);
	struct pg_buf hex = PG_BUF_INIT(0);

	pg_buf_hex(&hex, (struct pg_str){ (char *)c->hash, sizeof(c->hash) });
	pg_put_str(&a, d, "secret_sha256", pg_buf_str(&hex));
	pg_put_float(&a, d, "seen", pg_to_seconds(c->seen));
	pg_durable_claim(s->host, c->name, d);
	c->written = c->seen;
	pg_buf_fini(&hex);
	pg_arena_fini(&a);
}

static int
claim_hex(struct pg_str text, uint8_t out[PG_SHA256_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	const char *d;
	size_t i;

	if (text.n != (size_t)2 * PG_SHA256_SIZE)
		return -1;
	for (i = 0; i < text.n; i++) {
		d = text.p[i] != '\0' ? strchr(digits, text.p[i]) : NULL;
		if (d == NULL)
			return -1;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (d - digits));
	}
	return 0;
}

PG_FN int
pg_claims_restore(struct pg_claims *s, struct pg_str name,
    const struct pg_value *record, struct pg_err *e)
{
	struct claim found = { .seen = 0 }, *c;
	struct pg_str hash = PG_STR_NULL;
	double seen = 0;

	if (pg_field_str(record, "secret_sha256", &hash, e) < 0 ||
	    pg_field_float_opt(record, "seen", &seen, e) < 0)
		return -1;
	if (name.n == 0 || claim_hex(hash, found.hash) < 0)
		return pg_fail(e, PG_E_HOST, "claim of a relay name: no hash");
	/* Not of the future: it would never get old. */
	found.seen = PG_MIN(PG_MAX(pg_from_seconds(seen), 0), pg_now_wall());
	c = pg_map_get(&s->map, name);
	if (c == NULL)
		c = claim_add(s, name);
	if (c == NULL)
		return pg_fail(e, PG_E_LIMIT, "over %d relay names are claimed",
		    PG_CLAIMS_MAX);
	memcpy(c->hash, found.hash, sizeof(c->hash));
	c->seen = c->written = found.seen;
	return 0;
}

/* ---- Doors ------------------------------------------------------------------------- */

static int
claim_check_secret(struct pg_str secret, struct pg_err *e)
{
	if (secret.n > 0 && (secret.n < PG_CLAIM_SECRET_MIN ||
	    secret.n > PG_CLAIM_SECRET_MAX))
		return pg_fail(e, PG_E_HOST, "a node secret has %d to %d "
		    "bytes", PG_CLAIM_SECRET_MIN, PG_CLAIM_SECRET_MAX);
	return 0;
}

static struct pg_str
claim_bytes(const uint8_t hash[PG_SHA256_SIZE])
{
	return (struct pg_str){ (const char *)hash, PG_SHA256_SIZE };
}

PG_FN int
pg_claims_check(struct pg_claims *s, struct pg_str name, struct pg_str secret,
    bool take, struct pg_err *e)
{
	int64_t now = pg_now_wall();
	struct claim *c = pg_map_get(&s->map, name);
	uint8_t hash[PG_SHA256_SIZE];
	bool taken = false;

	if (claim_check_secret(secret, e) < 0)
		return -1;
	pg_sha256(secret, hash);
	if (c != NULL && !pg_equal_ct(claim_bytes(hash),
	    claim_bytes(c->hash))) {
		if (!claim_is_old(c, now))
			return pg_fail(e, PG_E_FORBIDDEN, "relay name '%.*s' "
			    "belongs to another host", PG_STR_ARG(name));
		pg_durable_claim(s->host, c->name, NULL);
		claim_remove(s, c);
		c = NULL;
	}
	if (c == NULL) {
		if (!take || secret.n == 0)
			return 0;
		c = claim_add(s, name);
		if (c == NULL)
			return pg_fail(e, PG_E_BUSY, "%d relay names are "
			    "claimed, this hub takes no more", PG_CLAIMS_MAX);
		memcpy(c->hash, hash, sizeof(hash));
		taken = true;
	}
	c->seen = now;
	if (c->written == 0 || now - c->written >= PG_CLAIM_WRITE_TIME)
		claim_write(s, c);
	return taken;
}

PG_FN struct pg_claims *
pg_claims_new(struct pg_host *h)
{
	struct pg_claims *s = pg_alloc(sizeof(*s));

	s->host = h;
	pg_map_init(&s->map, h->seed);
	return s;
}

PG_FN void
pg_claims_free(struct pg_claims *s)
{
	struct claim *c;
	size_t at = 0;

	if (s == NULL)
		return;
	while ((c = pg_map_next(&s->map, &at)) != NULL)
		free(c);
	pg_map_fini(&s->map);
	free(s);
}
