/* entry: see entry.h.
 *
 * A host that was found, not named, is asked without the key, unless it has
 * signed its URL with it: whoever sends a beacon or answers in the network may
 * be anybody.
 */
#include "entry.h"

#include "../host/beacon.h"
#include "../host/probe.h"
#include "../host/remote.h"
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
	pg_session_trust(c, ref, url);
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

/* The search for one that the user did not name by URL. */
struct entry {
	struct paglets_client *c;
	struct pg_str name;  /* that it is to have; empty: any */
	struct pg_str first; /* URL of the first host found */
	struct pg_str found; /* of the one that is wanted */
	struct pg_arena arena;
	struct { struct pg_str url, name; } heard[PG_ENTRY_HEARD_MAX];
	size_t nheard, tried, silent; /* silent: of those tried */
	bool over; /* of a probe */
	struct pg_err why; /* nothing was found: on this machine; no name: by
	                    * the first host */
};

/* There is a host. true: it is wanted. */
static bool
entry_offer(struct entry *s, struct pg_str url, struct pg_str name)
{
	if (s->first.n == 0) {
		s->first = pg_arena_str(&s->arena, url);
		s->why = (struct pg_err){ 0 };
	}
	if (s->name.n > 0 && !pg_str_eq(s->name, name))
		return false;
	s->found = pg_arena_str(&s->arena, url);
	return true;
}

/* GET /health; once more with the key if the answer shows that it may go
 * there. */
static const struct pg_value *
entry_health(struct entry *s, struct pg_str url, int64_t timeout)
{
	bool named = pg_session_is_named(s->c, url);
	const struct pg_value *reply = pg_session_get(s->c, url,
	    PG_STR("/health"), timeout);

	if (reply == NULL && !named && pg_session_is_named(s->c, url))
		reply = pg_session_get(s->c, url, PG_STR("/health"), timeout);
	return reply;
}

/* Ask whether there is a host, and what it is called. One that wants a key
 * does not say. */
static bool
entry_try(struct entry *s, struct pg_str url, int64_t timeout)
{
	struct paglets_future *mark = s->c->kept;
	const struct pg_value *reply = entry_health(s, url, timeout);
	struct pg_str name = pg_value_text(pg_value_get(reply, "name"),
	    PG_STR_NULL);
	bool is = name.n > 0 || (reply == NULL && s->c->failure.answered &&
	    s->c->err.code == PG_E_AUTH);

	if (is)
		is = entry_offer(s, url, name);
	pg_session_forget(s->c, mark);
	return is;
}

/* By a name that the first host knows. */
static bool
entry_listed(struct entry *s)
{
	struct paglets_future *mark = s->c->kept;
	const struct pg_value *ref = pg_entry_look_up(s->c, s->first, s->name);
	struct pg_str url;
	bool is = ref != NULL && pg_url_normalise(&s->arena, pg_value_text(
	    pg_value_get(ref, "url"), PG_STR_NULL), &url, &s->c->err) == 0;

	if (is)
		s->found = url;
	else if (s->c->err.code != PG_E_NOT_FOUND)
		s->why = s->c->err;
	pg_session_forget(s->c, mark);
	return is;
}

/* ---- where one may be ------------------------------------------------- */

/* On this machine. */
static bool
entry_home(struct entry *s)
{
	pg_session_name(s->c, PG_STR(PG_ENTRY_HOME));
	if (entry_try(s, PG_STR(PG_ENTRY_HOME), 0))
		return true;
	if (s->first.n == 0)
		s->why = s->c->err;
	return false;
}

/* On this machine, too, but not for itself alone. */
static bool
entry_own(struct entry *s)
{
	char text[PG_ADDR_TEXT];
	struct pg_addr a;

	if (pg_iface_outward(&a) < 0 || pg_addr_is_loopback(&a))
		return false;
	pg_addr_text(&a, text);
	return entry_try(s, pg_arena_printf(&s->arena, strchr(text, ':') !=
	    NULL ? "http://[%s]:%d" : "http://%s:%d", text, PG_ENTRY_PORT),
	    PG_ENTRY_TIME);
}

/* Remember a host that is to be tried; name empty: it has not said. */
static void
entry_hear(struct entry *s, struct pg_str url, struct pg_str name)
{
	size_t i;

	for (i = 0; i < s->nheard; i++)
		if (pg_str_eq(s->heard[i].url, url))
			return;
	if (i == PG_COUNT(s->heard))
		return;
	s->heard[i].url = pg_arena_str(&s->arena, url);
	s->heard[i].name = pg_arena_str(&s->arena, name);
	s->nheard++;
}

/* Try the next one of those heard of. The more of them are silent, the less
 * time the others get: anybody can make up beacons. */
static bool
entry_try_next(struct entry *s)
{
	int64_t begun = pg_now(), time = PG_MAX(PG_ENTRY_TIME /
	    (int64_t)(1 + s->silent), PG_ENTRY_TIME_MIN);
	size_t i = s->tried++;
	bool is;

	if (s->name.n > 0 && s->first.n > 0 && s->heard[i].name.n > 0 &&
	    !pg_str_eq(s->heard[i].name, s->name))
		return false;
	is = entry_try(s, s->heard[i].url, time);
	s->silent += pg_now() - begun >= time;
	return is;
}

static void
entry_on_ref(void *arg, const struct pg_value *host,
    const struct pg_hostref *ref, bool local)
{
	struct entry *s = arg;

	pg_session_trust(s->c, host, local ? PG_STR(PG_ENTRY_HOME) :
	    PG_STR("http://elsewhere"));
	entry_hear(s, ref->url, ref->name);
}

/* Those who say so in the network. */
static bool
entry_beacons(struct entry *s)
{
	static const struct pg_beacon_ops ops = { .on_ref = entry_on_ref };
	int64_t until = pg_now() + PG_ENTRY_BEACONS_TIME;
	struct pg_beacon *b = pg_beacon_new(s->c->loop, &ops, s);
	bool is = false;

	while (!is && (s->tried < s->nheard || pg_now() < until)) {
		if (s->tried < s->nheard)
			is = entry_try_next(s);
		else if (pg_session_turn(s->c, until) < 0)
			break;
	}
	pg_beacon_free(b);
	return is;
}

static size_t
entry_ports(void *arg, uint16_t *out, size_t max)
{
	(void)arg;
	(void)max;
	out[0] = PG_ENTRY_PORT;
	return 1;
}

static bool
entry_wanted(void *arg)
{
	return !((struct entry *)arg)->over;
}

/* It is asked again, by us, for what it is called and whether it has our
 * key. */
static void
entry_on_found(void *arg, struct pg_str url, const struct pg_response *r)
{
	struct entry *s = arg;
	struct pg_arena a = { 0 };
	struct pg_value *health = NULL;
	struct pg_str name;

	pg_remote_answer(r, true, &a, &health, NULL);
	name = pg_value_text(pg_value_get(health, "name"), PG_STR_NULL);
	entry_hear(s, url, name);
	s->over |= s->name.n == 0 || pg_str_eq(name, s->name);
	pg_arena_fini(&a);
}

static void
entry_on_probed(void *arg)
{
	((struct entry *)arg)->over = true;
}

/* Those who answer in the network. */
static bool
entry_probe(struct entry *s)
{
	static const struct pg_probe_ops ops = { .ports = entry_ports,
		.wanted = entry_wanted, .on_found = entry_on_found,
		.on_done = entry_on_probed };
	int64_t until = pg_now() + PG_ENTRY_PROBE_TIME;
	struct pg_probe *p = pg_probe_new(s->c->loop, s->c->http, &ops, s);

	pg_probe_sweep(p);
	while (!s->over && pg_now() < until)
		if (pg_session_turn(s->c, until) < 0)
			break;
	pg_probe_free(p);
	while (s->tried < s->nheard)
		if (entry_try_next(s))
			return true;
	return false;
}

/* ---- the search ------------------------------------------------------- */

static bool
entry_search(struct entry *s)
{
	static bool (*const places[])(struct entry *s) = { entry_home,
		entry_own, entry_beacons, entry_probe };
	bool asked = false;
	size_t i;

	for (i = 0; i < PG_COUNT(places); i++) {
		if (places[i](s))
			return true;
		/* One that is there but slow is no reason to go elsewhere. */
		if (s->why.code == PG_E_TIMEOUT)
			return false;
		if (!asked && s->name.n > 0 && s->first.n > 0) {
			asked = true;
			if (entry_listed(s))
				return true;
		}
	}
	return false;
}

/* Say why there is none. */
static int
entry_fail(struct entry *s)
{
	struct pg_err *e = &s->c->err;

	if (s->why.code == PG_E_OK)
		return pg_fail(e, PG_E_NOT_FOUND, "no host is called '%.*s', "
		    "neither on this machine nor near it, and %.*s knows "
		    "none; see `paglets hosts`, or give a URL",
		    PG_STR_ARG(s->name), PG_STR_ARG(s->first));
	*e = s->why;
	s->c->failure = (struct paglets_failure){ .answered =
	    e->code != PG_E_UNREACHABLE && e->code != PG_E_TIMEOUT };
	if (e->code == PG_E_UNREACHABLE)
		pg_fail(e, e->code, "%s; nor is there a host near this "
		    "machine", e->msg);
	return -1;
}

PG_FN int
pg_entry_find(struct paglets_client *c)
{
	struct entry s = { .c = c, .name = c->entry_text };
	int rc = 0;

	if (c->entry.p != NULL)
		return 0;
	if (c->entry_text.p != NULL && c->entry_text.n == 0)
		return pg_fail(&c->err, PG_E_USAGE, "the entry host is an "
		    "empty text; give a URL or the name of a host");
	if (c->entry_text.p != NULL && pg_address_is_url(c->entry_text))
		return entry_by_url(c);
	if (entry_search(&s))
		c->entry = pg_arena_str(&c->own, s.found);
	else
		rc = entry_fail(&s);
	pg_arena_fini(&s.arena);
	return rc;
}
