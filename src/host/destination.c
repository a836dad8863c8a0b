/* destination: see destination.h. */

#include "destination.h"

#include "mesh.h"
#include "wire.h"

PG_FN int
pg_destination_read(struct pg_host *h, struct pg_str url,
    const struct pg_value *health, struct pg_arena *a, struct pg_destination *t,
    struct pg_err *e)
{
	struct pg_str name, address;
	struct pg_value *copy;
	bool settles = false;

	if (pg_field_str(health, "name", &name, e) < 0 ||
	    pg_field_str(health, "address", &address, e) < 0 ||
	    pg_field_bool_opt(health, "settle", &settles, e) < 0 ||
	    pg_url_normalise(a, address, &address, e) < 0)
		return pg_wrap(e, "health");
	if (pg_value_copy(a, health, &copy) < 0)
		return pg_fail(e, PG_E_NOMEM, "no memory");
	/* Behind a translator a host may know itself by an address that gets
	 * no key: then it is spoken to where it was found. */
	pg_mesh_alias(h->mesh, url, address);
	if (h->cfg.api_key.n > 0 && pg_mesh_key_for(h->mesh, address).n == 0)
		address = url;
	*t = (struct pg_destination){ .name = pg_arena_str(a, name),
		.address = address, .health = copy, .settles = settles };
	return 0;
}

static int
destination_compare(const void *a, const void *b)
{
	struct pg_str x = pg_value_text(*(struct pg_value *const *)a,
	    PG_STR(""));
	struct pg_str y = pg_value_text(*(struct pg_value *const *)b,
	    PG_STR(""));
	int c = memcmp(x.p, y.p, PG_MIN(x.n, y.n));

	if (c != 0)
		return c;
	return x.n < y.n ? -1 : x.n > y.n;
}

/* A copy of a list of texts, sorted. */
static struct pg_value *
destination_sorted(const struct pg_value *list, struct pg_arena *a)
{
	struct pg_value *copy = NULL;

	if (!pg_value_is_seq(list) || pg_value_copy(a, list, &copy) < 0)
		return NULL;
	if (copy->n > 1)
		qsort(copy->u.items, copy->n, sizeof(copy->u.items[0]),
		    destination_compare);
	return copy;
}

PG_FN struct pg_value *
pg_destination_value(const struct pg_destination *t, bool full, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "name", t->name);
	pg_put_str(a, d, "address", t->address);
	if (full) {
		pg_put(a, d, "code_version", pg_value_get(t->health,
		    "code_version"));
		pg_put(a, d, "capabilities", destination_sorted(pg_value_get(
		    t->health, "capabilities"), a));
	}
	return d;
}
