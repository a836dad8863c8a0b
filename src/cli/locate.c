/* locate: see locate.h.
 *
 * A message that makes an agent move is answered with where it went, but it
 * may have moved on from there when the answer arrives. So hosts are asked
 * until one has had it for a while. An agent that sleeps stays where it is as
 * well; it counts where none is active.
 */
#include "locate.h"

#include "../host/wire.h"

#include <time.h>

/* Between two rounds of questions. */
#define LOCATE_PAUSE (25 * PG_MS)

struct locate {
	struct pg_ask *r;
	const struct pg_target *asked; /* the user named this one */
	struct pg_str home;  /* the host that the result names */
	struct pg_str place; /* where it was seen last; in the command's arena */
	int64_t since;
	int64_t deadline;
	bool asleep;  /* what the last host asked said of it */
	bool refused; /* a host does not answer us: no use in asking on */
};

/* Ask a host for something, in what time is left. */
static int
locate_ask(struct locate *l, struct pg_str url, struct pg_str path,
    struct pg_value **reply)
{
	struct pg_ask *r = l->r;
	struct pg_place at = { url, false };
	struct pg_err e = { 0 };
	int64_t timeout = r->timeout;
	int rc;

	at.named = (pg_str_eq(url, l->asked->place.url) &&
	    l->asked->place.named) ||
	    (pg_str_eq(url, r->entry.url) && r->entry.named);
	r->timeout = PG_MAX(PG_MIN(l->deadline - pg_now(),
	    PG_LOCATE_ASK_TIME), PG_MS);
	rc = pg_ask(r, &at, "GET", path, NULL, reply, &e);
	r->timeout = timeout;
	l->refused |= rc < 0 && e.code == PG_E_AUTH;
	return rc;
}

/* Whether the agent is active at a host. */
static bool
locate_is_at(struct locate *l, struct pg_str url)
{
	struct pg_value *reply, *active;

	l->asleep = false;
	if (locate_ask(l, url, pg_arena_printf(&l->r->arena, "/agents/%.*s",
	    PG_STR_ARG(l->asked->id)), &reply) < 0)
		return false;
	active = pg_value_get(reply, "active");
	l->asleep = pg_value_get(reply, "deactivated_at") != NULL;
	return pg_value_is(active, PG_T_BOOL) && active->u.i != 0;
}

/* The host that has it now, in r->arena; empty: none that is known. */
static struct pg_str
locate_look(struct locate *l)
{
	struct pg_value *reply, *hosts, *online;
	struct pg_str url;
	bool asleep;
	uint32_t i;

	if (locate_is_at(l, l->home))
		return l->home;
	asleep = l->asleep;
	if (l->refused || locate_ask(l, l->home, PG_STR("/hosts"), &reply) < 0)
		return asleep ? l->home : PG_STR_NULL;
	hosts = pg_value_get(reply, "hosts");
	for (i = 0; pg_value_is(hosts, PG_T_LIST) && i < hosts->n; i++) {
		online = pg_value_get(hosts->u.items[i], "online");
		url = pg_value_text(pg_value_get(hosts->u.items[i], "url"),
		    PG_STR_NULL);
		if ((pg_value_is(online, PG_T_BOOL) && online->u.i == 0) ||
		    pg_url_normalise(&l->r->arena, url, &url, NULL) < 0 ||
		    pg_str_eq(url, l->home))
			continue;
		if (pg_now() >= l->deadline)
			break;
		if (locate_is_at(l, url))
			return url;
	}
	return asleep ? l->home : PG_STR_NULL;
}

/* One round. true: it has been at one place for long enough. */
static bool
locate_round(struct locate *l)
{
	struct pg_str url = locate_look(l);
	int64_t now = pg_now();

	if (url.n == 0) {
		l->place = PG_STR_NULL;
	} else if (!pg_str_eq(url, l->place)) {
		l->place = pg_arena_str(&l->r->cli->arena, url);
		l->since = now;
	}
	pg_ask_forget(l->r);
	return l->place.n > 0 && now - l->since >= PG_LOCATE_STILL;
}

static struct pg_value *
locate_proxy(struct pg_ask *r, struct pg_str url, struct pg_str id)
{
	struct pg_arena *a = &r->cli->arena;
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "host_url", pg_arena_str(a, url));
	pg_put_str(a, d, "agent_id", id);
	return d;
}

PG_FN struct pg_value *
pg_locate(struct pg_ask *r, const struct pg_target *t,
    struct pg_value *result)
{
	static const struct timespec pause = { 0, LOCATE_PAUSE };
	struct locate l = { .r = r, .asked = t };
	struct pg_str url = pg_value_text(pg_value_get(result, "host_url"),
	    PG_STR_NULL);

	if (url.n == 0 || result->n != 2 ||
	    !pg_str_eq(pg_value_text(pg_value_get(result, "agent_id"),
	    PG_STR_NULL), t->id) ||
	    pg_url_normalise(&r->cli->arena, url, &l.home, NULL) < 0)
		return result;
	/* The answers that it lies in will be given back. */
	result = locate_proxy(r, url, t->id);
	l.deadline = pg_now() + PG_LOCATE_TIME;
	while (!locate_round(&l)) {
		if (l.refused || pg_now() >= l.deadline)
			return result;
		nanosleep(&pause, NULL);
	}
	return locate_proxy(r, l.place, t->id);
}

#undef LOCATE_PAUSE
