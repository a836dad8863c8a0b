/* entry: see entry.h. */
#include "entry.h"

#include "address.h"

/* ---- names ------------------------------------------------------------ */

/* The reference of the host with this name or (normalised) URL; NULL: none. */
static const struct pg_value *
entry_ref(const struct pg_value *hosts, struct pg_str name)
{
	const struct pg_value *h;
	uint32_t i;

	for (i = 0; pg_value_is(hosts, PG_T_LIST) && i < hosts->n; i++) {
		h = hosts->u.items[i];
		if (pg_str_eq(pg_value_text(pg_value_get(h, "name"),
		    PG_STR_NULL), name) ||
		    pg_str_eq(pg_value_text(pg_value_get(h, "url"),
		    PG_STR_NULL), name))
			return h;
	}
	return NULL;
}

PG_FN const struct pg_value *
pg_entry_look_up(struct paglets_client *c, struct pg_str url,
    struct pg_str name)
{
	struct pg_value *reply = pg_session_get(c, url, PG_STR("/hosts"), 0);
	const struct pg_value *ref;

	if (reply == NULL) {
		pg_wrap(&c->err, "looking up '%.*s'", PG_STR_ARG(name));
		return NULL;
	}
	ref = entry_ref(pg_value_get(reply, "hosts"), name);
	if (ref == NULL)
		pg_fail(&c->err, PG_E_NOT_FOUND, "%.*s: knows no host '%.*s'; "
		    "see `paglets hosts`, or give a URL", PG_STR_ARG(url),
		    PG_STR_ARG(name));
	return ref;
}

/* ---- the entry host --------------------------------------------------- */

/* The user wrote this URL: faults in it are theirs. */
static int
entry_by_url(struct paglets_client *c)
{
	if (pg_url_normalise(&c->own, c->entry_text, &c->entry, &c->err) < 0) {
		c->err.code = PG_E_USAGE;
		return -1;
	}
	pg_session_name(c, c->entry);
	return 0;
}

static int
entry_by_name(struct paglets_client *c)
{
	struct paglets_future *mark = c->kept;
	const struct pg_value *ref;
	int rc = -1;

	pg_session_name(c, PG_STR(PG_ENTRY_HOME));
	ref = pg_entry_look_up(c, PG_STR(PG_ENTRY_HOME), c->entry_text);
	if (ref != NULL)
		rc = pg_url_normalise(&c->own, pg_value_text(pg_value_get(ref,
		    "url"), PG_STR_NULL), &c->entry, &c->err);
	pg_session_forget(c, mark);
	return rc;
}

PG_FN int
pg_entry_find(struct paglets_client *c)
{
	if (c->entry.p != NULL)
		return 0;
	if (c->entry_text.p != NULL && c->entry_text.n == 0)
		return pg_fail(&c->err, PG_E_USAGE, "the entry host is an "
		    "empty text; give a URL or the name of a host");
	if (c->entry_text.p == NULL) {
		c->entry = PG_STR(PG_ENTRY_HOME);
		pg_session_name(c, c->entry);
		return 0;
	}
	if (pg_address_is_url(c->entry_text))
		return entry_by_url(c);
	return entry_by_name(c);
}
