/* place: see place.h. */
#include "place.h"

#include "address.h"
#include "entry.h"

PG_FN int
pg_place_told(struct paglets_client *c, const struct pg_value *v,
    struct pg_str *url)
{
	return pg_url_normalise(&c->arena, pg_value_text(v, PG_STR_NULL), url,
	    &c->err);
}

/* The user wrote this URL: it may have the key, and faults in it are
 * theirs. */
static int
place_by_url(struct paglets_client *c, struct pg_str text,
    struct pg_str *url)
{
	if (pg_url_normalise(&c->arena, text, url, &c->err) < 0) {
		c->err.code = PG_E_USAGE;
		return -1;
	}
	pg_session_name(c, *url);
	return 0;
}

/* An empty text is a variable that somebody forgot to set. */
static int
place_check(struct paglets_client *c, struct pg_str host)
{
	if (host.p == NULL || host.n > 0)
		return 0;
	return pg_fail(&c->err, PG_E_USAGE, "the host is an empty text; give "
	    "a URL or a name");
}

PG_FN int
pg_place_find(struct paglets_client *c, struct pg_str host,
    struct pg_str *url)
{
	struct paglets_future *mark = c->kept;
	const struct pg_value *ref;
	int rc = -1;

	if (place_check(c, host) < 0)
		return -1;
	if (host.n > 0 && pg_address_is_url(host))
		return place_by_url(c, host, url);
	if (pg_entry_find(c) < 0)
		return -1;
	*url = c->entry;
	if (host.n == 0)
		return 0;
	ref = pg_entry_look_up(c, c->entry, host);
	if (ref != NULL)
		rc = pg_place_told(c, pg_value_get(ref, "url"), url);
	pg_session_forget(c, mark);
	return rc;
}

PG_FN int
pg_place_home(struct paglets_client *c, struct pg_str *url)
{
	struct paglets_future *mark = c->kept;
	const struct pg_value *health;

	if (pg_entry_find(c) < 0)
		return -1;
	health = pg_session_get(c, c->entry, PG_STR("/health"), 0);
	if (pg_url_normalise(&c->arena, pg_value_text(pg_value_get(health,
	    "address"), PG_STR_NULL), url, NULL) < 0)
		*url = c->entry;
	pg_session_forget(c, mark);
	return health != NULL ? 0 : -1;
}

/* What to look for in a list of hosts: a name, or a normalised URL. */
static int
place_listed(struct paglets_client *c, const char *host, struct pg_str *name)
{
	*name = pg_str(host);
	if (host == NULL)
		return pg_place_home(c, name);
	if (place_check(c, *name) < 0)
		return -1;
	if (!pg_address_is_url(*name) ||
	    pg_url_normalise(&c->arena, *name, name, &c->err) == 0)
		return 0;
	c->err.code = PG_E_USAGE;
	return -1;
}

/* ---- the public face -------------------------------------------------- */

PG_API const char *
paglets_client_resolve(struct paglets_client *c, const char *host)
{
	struct pg_str url;

	if (pg_place_find(c, pg_str(host), &url) < 0)
		return NULL;
	return pg_session_text(c, url);
}

PG_API const struct paglets_value *
paglets_client_lookup(struct paglets_client *c, const char *host)
{
	struct pg_str name;

	if (place_listed(c, host, &name) < 0 || pg_entry_find(c) < 0)
		return NULL;
	return pg_value_outer(pg_entry_look_up(c, c->entry, name));
}

PG_API int
paglets_client_is_online(struct paglets_client *c, const char *host)
{
	const struct paglets_value *ref = paglets_client_lookup(c, host);

	if (ref == NULL)
		return c->err.code == PG_E_NOT_FOUND ? 0 : -1;
	/* A reference that does not say is online (PROTOCOL section 4). */
	return paglets_as_bool(paglets_get(ref, "online"), true);
}

/* Say that it is over; online: of the last look. */
static int
place_late(struct paglets_client *c, const char *host, int online)
{
	return pg_fail(&c->err, PG_E_SLOW, "Timed out waiting for host "
	    "'%s'%s%s", host != NULL ? host : "of entry", online < 0 ? ": " :
	    "", online < 0 ? c->err.msg : "");
}

PG_API int
paglets_client_wait_for_host(struct paglets_client *c, const char *host,
    int64_t timeout_ms)
{
	int64_t until = pg_now() + pg_session_ns(timeout_ms), next;
	struct paglets_future *mark = c->kept;
	int online;

	for (;;) {
		online = paglets_client_is_online(c, host);
		pg_session_forget(c, mark);
		if (online == 1)
			return 0;
		/* The entry host may be on its way, too. */
		if (online < 0 && c->err.code != PG_E_UNREACHABLE &&
		    c->err.code != PG_E_TIMEOUT)
			return -1;
		if (pg_now() >= until)
			return place_late(c, host, online);
		next = PG_MIN(until, pg_now() + PG_PLACE_POLL);
		do
			if (pg_session_turn(c, next) < 0)
				return -1;
		while (pg_now() < next);
	}
}
