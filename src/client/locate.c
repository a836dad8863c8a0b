/* locate: see locate.h.
 *
 * A message that makes an agent move is answered with where it went, but it
 * may have moved on from there when the answer arrives. So hosts are asked
 * until one has had it for a while. An agent that sleeps stays where it is as
 * well; it counts where none is active.
 */
#include "locate.h"

#include "../host/wire.h"

/* Between two rounds of questions. */
#define LOCATE_PAUSE (25 * PG_MS)

struct locate {
	struct paglets_client *c;
	struct pg_arena *arena; /* of the result */
	struct pg_str id;
	struct pg_str home;  /* the host that the result names */
	struct pg_str place; /* where it was seen last */
	int64_t since;
	int64_t deadline;
	bool asleep;  /* what the last host asked said of it */
	bool refused; /* a host does not answer us: no use in asking on */
};

/* Ask a host for something, in what time is left. */
static struct pg_value *
locate_ask(struct locate *l, struct pg_str url, struct pg_str path)
{
	int64_t left = PG_MAX(PG_MIN(l->deadline - pg_now(),
	    PG_LOCATE_ASK_TIME), PG_MS);
	struct pg_value *reply = pg_session_get(l->c, url, path, left);

	l->refused |= reply == NULL && l->c->err.code == PG_E_AUTH;
	return reply;
}

static bool
locate_true(const struct pg_value *v)
{
	return pg_value_is(v, PG_T_BOOL) && v->u.i != 0;
}

/* Whether the agent is active at a host. */
static bool
locate_is_at(struct locate *l, struct pg_str url)
{
	struct pg_arena a = { 0 };
	struct pg_value *reply;

	l->asleep = false;
	reply = locate_ask(l, url, pg_arena_printf(&a, "/agents/%.*s",
	    PG_STR_ARG(l->id)));
	pg_arena_fini(&a);
	l->asleep = pg_value_get(reply, "deactivated_at") != NULL;
	return locate_true(pg_value_get(reply, "active"));
}

/* The URL of a host that is listed and may have it. */
static bool
locate_may_be(struct locate *l, const struct pg_value *host,
    struct pg_str *url)
{
	const struct pg_value *online = pg_value_get(host, "online");

	*url = pg_value_text(pg_value_get(host, "url"), PG_STR_NULL);
	pg_session_trust(l->c, host, l->home);
	return (online == NULL || locate_true(online)) &&
	    pg_url_normalise(l->arena, *url, url, NULL) == 0 &&
	    !pg_str_eq(*url, l->home);
}

/* The host that has it now; empty: none that is known. */
static struct pg_str
locate_look(struct locate *l)
{
	const struct pg_value *hosts;
	struct pg_str url;
	bool asleep;
	uint32_t i;

	if (locate_is_at(l, l->home))
		return l->home;
	asleep = l->asleep;
	hosts = l->refused ? NULL :
	    pg_value_get(locate_ask(l, l->home, PG_STR("/hosts")), "hosts");
	for (i = 0; pg_value_is(hosts, PG_T_LIST) && i < hosts->n; i++) {
		if (!locate_may_be(l, hosts->u.items[i], &url))
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
	struct paglets_future *mark = l->c->kept;
	struct pg_str url = locate_look(l);
	int64_t now = pg_now();

	if (url.n == 0) {
		l->place = PG_STR_NULL;
	} else if (!pg_str_eq(url, l->place)) {
		l->place = url;
		l->since = now;
	}
	pg_session_forget(l->c, mark);
	return l->place.n > 0 && now - l->since >= PG_LOCATE_STILL;
}

/* true: it was found, and stays there. */
static bool
locate_search(struct locate *l)
{
	int64_t next;

	l->deadline = pg_now() + PG_LOCATE_TIME;
	while (!locate_round(l)) {
		if (l->refused || pg_now() >= l->deadline)
			return false;
		next = pg_now() + LOCATE_PAUSE;
		do
			if (pg_session_turn(l->c, next) < 0)
				return false;
		while (pg_now() < next);
	}
	return true;
}

PG_FN const struct pg_value *
pg_locate(struct paglets_client *c, struct pg_arena *a, struct pg_str id,
    const struct pg_value *result)
{
	struct locate l = { .c = c, .arena = a, .id = id };
	struct pg_str url = pg_value_text(pg_value_get(result, "host_url"),
	    PG_STR_NULL);
	const struct pg_value *answer = c->answer;
	struct pg_err kept = c->err;
	struct paglets_failure failure = c->failure;

	if (url.n == 0 || result->n != 2 ||
	    !pg_str_eq(pg_value_text(pg_value_get(result, "agent_id"),
	    PG_STR_NULL), id) ||
	    pg_url_normalise(a, url, &l.home, NULL) < 0)
		return result;
	if (locate_search(&l))
		result = pg_wire_proxy(a, l.place, id);
	c->answer = answer;
	c->err = kept;
	c->failure = failure;
	return result;
}

#undef LOCATE_PAUSE
