/* proxy: see proxy.h. */
#include "proxy.h"

#include "../host/wire.h"
#include "../os/rand.h"
#include "address.h"
#include "entry.h"
#include "find.h"
#include "future.h"
#include "locate.h"
#include "place.h"

/* ---- which agent ------------------------------------------------------ */

PG_FN struct paglets_proxy *
pg_proxy_make(struct paglets_client *c, struct pg_str url, struct pg_str id)
{
	struct paglets_proxy *p = pg_alloc(sizeof(*p));

	p->client = c;
	p->url = pg_arena_str(&p->arena, url);
	p->id = pg_arena_str(&p->arena, id);
	return p;
}

/* An id as the user wrote it. */
static int
proxy_check_id(struct paglets_client *c, struct pg_str id)
{
	if (pg_wire_check_id(id, &c->err) == 0)
		return 0;
	c->err.code = PG_E_USAGE;
	return -1;
}

PG_API struct paglets_proxy *
paglets_proxy_new(struct paglets_client *c, const char *host,
    const char *agent_id)
{
	struct pg_str url;

	if (proxy_check_id(c, pg_str(agent_id)) < 0 ||
	    pg_place_find(c, pg_str(host), &url) < 0)
		return NULL;
	return pg_proxy_make(c, url, pg_str(agent_id));
}

PG_API struct paglets_proxy *
paglets_proxy_find(struct paglets_client *c, const char *text)
{
	struct pg_address at;
	struct paglets_proxy *p;
	struct pg_str url;

	if (pg_address_read(pg_str(text), &at, &c->err) < 0 ||
	    proxy_check_id(c, at.id) < 0 ||
	    pg_place_find(c, at.host, &url) < 0)
		return NULL;
	p = pg_proxy_make(c, url, at.id);
	p->loose = true;
	p->anywhere = at.host.n == 0;
	return p;
}

PG_API struct paglets_proxy *
paglets_client_find(struct paglets_client *c, const char *host,
    const char *prefix)
{
	struct pg_str url = PG_STR_NULL;
	struct pg_found found;

	if (proxy_check_id(c, pg_str(prefix)) < 0 || (host != NULL &&
	    pg_place_find(c, pg_str(host), &url) < 0) ||
	    pg_find(c, url, pg_str(prefix), &found) < 0)
		return NULL;
	return pg_proxy_make(c, found.url, found.id);
}

/* The parts of {host_url, agent_id}; -1: it is something else. */
static int
proxy_read(struct paglets_client *c, const struct pg_value *v,
    struct pg_str *url, struct pg_str *id)
{
	struct pg_err e = { 0 };

	*id = pg_value_text(pg_value_get(v, "agent_id"), PG_STR_NULL);
	if (pg_wire_check_id(*id, &e) < 0 ||
	    pg_place_told(c, pg_value_get(v, "host_url"), url) < 0)
		return pg_fail(&c->err, PG_E_REMOTE, "this is no address of "
		    "an agent, {host_url, agent_id}");
	return 0;
}

PG_API struct paglets_proxy *
paglets_proxy_from_value(struct paglets_client *c,
    const struct paglets_value *v)
{
	struct pg_str url, id;

	if (proxy_read(c, pg_value_inner(v), &url, &id) < 0)
		return NULL;
	return pg_proxy_make(c, url, id);
}

PG_API const struct paglets_value *
paglets_proxy_value(const struct paglets_proxy *p)
{
	struct pg_arena *a = &p->client->arena;

	return pg_value_outer(pg_wire_proxy(a, pg_arena_str(a, p->url),
	    pg_arena_str(a, p->id)));
}

PG_API void
paglets_proxy_free(struct paglets_proxy *p)
{
	if (p == NULL)
		return;
	pg_arena_fini(&p->arena);
	free(p);
}

/* From now on it is another one, or elsewhere. */
static void
proxy_set(struct paglets_proxy *p, struct pg_str url, struct pg_str id)
{
	struct pg_arena old = p->arena;

	/* url and id may lie in the old one. */
	p->arena = (struct pg_arena){ 0 };
	p->url = pg_arena_str(&p->arena, url);
	p->id = pg_arena_str(&p->arena, id);
	p->loose = p->anywhere = false;
	pg_arena_fini(&old);
}

PG_FN int
pg_proxy_follow(struct paglets_proxy *p, const struct pg_value *reply)
{
	struct pg_str url, id;

	if (proxy_read(p->client, pg_value_get(reply, "proxy"), &url, &id) <
	    0)
		return -1;
	proxy_set(p, url, id);
	return 0;
}

PG_API const char *
paglets_proxy_agent_id(const struct paglets_proxy *p)
{
	return p->id.p;
}

PG_API const char *
paglets_proxy_host_url(const struct paglets_proxy *p)
{
	return p->url.p;
}

PG_API int
paglets_proxy_is_remote(struct paglets_proxy *p)
{
	struct pg_str home;

	if (pg_entry_find(p->client) < 0)
		return -1;
	if (pg_str_eq(p->url, p->client->entry))
		return 0;
	/* The entry host may have been found at another URL than its own. */
	if (pg_place_home(p->client, &home) < 0)
		return -1;
	return !pg_str_eq(p->url, home);
}

/* ---- one request ------------------------------------------------------ */

/* With the id as it is. */
static struct paglets_future *
proxy_start(struct paglets_proxy *p, const char *method, const char *tail,
    const struct pg_value *body, int64_t timeout)
{
	struct pg_arena a = { 0 };
	const struct pg_question q = { p->url, method, pg_arena_printf(&a,
	    "/agents/%.*s%s", PG_STR_ARG(p->id), tail), body, timeout };
	struct paglets_future *f = pg_session_start(p->client, &q);

	pg_arena_fini(&a);
	return f;
}

/* Look for the agent that p means. -1: there is none. If the host has said
 * where it went, that is the better reason, and no other is meant. */
static int
proxy_search(struct paglets_proxy *p, struct pg_found *found)
{
	struct paglets_client *c = p->client;
	struct pg_err said = c->err;
	bool moved = strstr(said.msg, "has moved") != NULL;

	if (pg_find(c, p->anywhere ? PG_STR_NULL : p->url, p->id, found) <
	    0) {
		if (moved && (c->err.code == PG_E_INVALID_AGENT ||
		    c->err.code == PG_E_USAGE))
			c->err = said;
		return -1;
	}
	if (!moved || pg_str_eq(found->id, p->id))
		return 0;
	c->err = said;
	return -1;
}

/* An agent that is not there may only be meant, or be elsewhere. 0: p has
 * changed; -1: it has not, and the client's error says why. */
static int
proxy_mend(struct paglets_proxy *p, const struct paglets_future *f)
{
	struct paglets_client *c = p->client;
	struct pg_err said = c->err;
	struct pg_found found;

	if (!p->loose || !f->absent || proxy_search(p, &found) < 0)
		return -1;
	/* It is there: what it said about an invalid agent stands. */
	if (pg_str_eq(found.id, p->id) && pg_str_eq(found.url, p->url)) {
		c->err = said;
		return -1;
	}
	proxy_set(p, found.url, found.id);
	return 0;
}

/* A hub between has to know how long the answer of its node is waited for. */
static void
proxy_tell_time(struct paglets_proxy *p, struct pg_value *message,
    int64_t timeout)
{
	struct paglets_client *c = p->client;

	if (timeout <= 0)
		timeout = c->timeout;
	if (memmem(p->url.p, p->url.n, "/relay/hosts/", 13) != NULL)
		pg_value_set(&c->arena, message, PG_STR("timeout"),
		    pg_value_float(&c->arena, pg_to_seconds(timeout)));
}

/* Start, wait, keep, and once more if it is not there. The id as given goes
 * first: a message to an agent that has moved on is forwarded by the host
 * that no longer lists it. message: the body, if it is that of one; or NULL. */
static struct paglets_future *
proxy_run(struct paglets_proxy *p, const char *method, const char *tail,
    const struct pg_value *body, struct pg_value *message, int64_t timeout)
{
	struct paglets_future *f;

	do {
		if (message != NULL)
			proxy_tell_time(p, message, timeout);
		f = proxy_start(p, method, tail, body, timeout);
		pg_session_keep(f);
		pg_session_wait(f, PG_NEVER);
	} while (pg_session_take(f) == NULL && proxy_mend(p, f) == 0);
	return f;
}

PG_FN struct pg_value *
pg_proxy_ask(struct paglets_proxy *p, const char *method, const char *tail,
    const struct pg_value *body, int64_t timeout)
{
	struct paglets_future *f = proxy_run(p, method, tail, body, NULL,
	    timeout);

	return f->err.code == PG_E_OK ? f->reply : NULL;
}

/* ---- what its host says ----------------------------------------------- */

PG_API const struct paglets_value *
paglets_proxy_info(struct paglets_proxy *p)
{
	return pg_value_outer(pg_proxy_ask(p, "GET", "", NULL, 0));
}

PG_API const struct paglets_value *
paglets_proxy_state(struct paglets_proxy *p)
{
	return pg_value_outer(pg_proxy_ask(p, "GET", "/state", NULL, 0));
}

PG_API const char *
paglets_proxy_class_name(struct paglets_proxy *p)
{
	const struct paglets_value *info = paglets_proxy_info(p);

	if (info == NULL)
		return NULL;
	return pg_session_text(p->client, pg_value_text(pg_value_inner(
	    paglets_get(info, "class_name")), PG_STR_NULL));
}

PG_API enum paglets_status
paglets_status_of(const struct paglets_value *summary)
{
	if (paglets_as_bool(paglets_get(summary, "crashed"), false))
		return PAGLETS_CRASHED;
	if (paglets_as_bool(paglets_get(summary, "moving"), false))
		return PAGLETS_MOVING;
	if (paglets_as_bool(paglets_get(summary, "active"), false))
		return PAGLETS_ACTIVE;
	/* Only what has a process has a pid. */
	return paglets_get(summary, "pid") != NULL ? PAGLETS_STARTING
						   : PAGLETS_INACTIVE;
}

PG_API enum paglets_status
paglets_proxy_status(struct paglets_proxy *p)
{
	const struct paglets_value *info = paglets_proxy_info(p);

	if (info != NULL)
		return paglets_status_of(info);
	return p->client->err.code == PG_E_INVALID_AGENT ? PAGLETS_GONE
	    : (enum paglets_status)0;
}

PG_API int
paglets_proxy_is_state(struct paglets_proxy *p, unsigned states)
{
	enum paglets_status status = paglets_proxy_status(p);

	return status == 0 ? -1 : (status & states) != 0;
}

PG_API int
paglets_proxy_is_valid(struct paglets_proxy *p)
{
	return paglets_proxy_is_state(p, ~(unsigned)PAGLETS_GONE);
}

PG_API int
paglets_proxy_is_active(struct paglets_proxy *p)
{
	return paglets_proxy_is_state(p, PAGLETS_ACTIVE);
}

/* ---- messages --------------------------------------------------------- */

/* The body of the request. The message gets its id here, so that a host which
 * sees it twice can tell. */
static struct pg_value *
proxy_message(struct paglets_client *c, const struct paglets_outgoing *m)
{
	struct pg_arena *a = &c->arena;
	struct pg_value *message = pg_value_dict(a), *body = pg_value_dict(a);
	char id[PG_ID_LEN + 1];

	pg_rand_id(id);
	pg_put_str(a, message, "kind", pg_arena_str(a, pg_str(m->kind)));
	pg_put(a, message, "args", m->args != NULL ? pg_value_inner(m->args) :
	    pg_value_dict(a));
	pg_put(a, message, "arg", pg_value_inner(m->arg));
	pg_put_int(a, message, "priority", m->has_priority ? m->priority : 5);
	pg_put_int(a, message, "message_type", m->oneway ? 2 : 0);
	pg_put_str(a, message, "message_id", pg_arena_str(a, pg_str(id)));
	pg_put(a, body, "message", message);
	pg_put_bool(a, body, "oneway", m->oneway);
	if (m->no_delay)
		pg_put_bool(a, body, "no_delay", true);
	if (m->no_activate)
		pg_put_bool(a, body, "activate_if_inactive", false);
	return body;
}

/* Results of this are settled. */
static void
proxy_expect(struct paglets_proxy *p, struct paglets_future *f)
{
	f->agent_id = pg_arena_str(&f->arena, p->id);
}

PG_API const struct paglets_value *
paglets_proxy_send_message(struct paglets_proxy *p,
    const struct paglets_outgoing *m)
{
	struct pg_value *body = proxy_message(p->client, m);
	struct paglets_future *f = proxy_run(p, "POST", "/messages", body,
	    body, pg_session_ns(m->timeout));

	/* The client's error is that of the search for it, if there was one:
	 * it says more than the host's. */
	if (f->err.code != PG_E_OK)
		return NULL;
	proxy_expect(p, f);
	return pg_value_outer(pg_future_result(f));
}

PG_API struct paglets_future *
paglets_proxy_future_message(struct paglets_proxy *p,
    const struct paglets_outgoing *m)
{
	struct paglets_client *c = p->client;
	struct paglets_future *mark = c->kept, *f;
	struct pg_value *body;
	bool known;

	/* Find out who is meant: that can not be done later. One that is not
	 * found may have moved on; its messages are forwarded. */
	known = !p->loose || paglets_proxy_info(p) != NULL ||
	    c->err.code == PG_E_INVALID_AGENT;
	pg_session_forget(c, mark);
	if (!known)
		return pg_session_failed(c, p->url);
	body = proxy_message(c, m);
	proxy_tell_time(p, body, pg_session_ns(m->timeout));
	f = proxy_start(p, "POST", "/messages", body,
	    pg_session_ns(m->timeout));
	proxy_expect(p, f);
	return f;
}

PG_API const struct paglets_value *
paglets_proxy_send(struct paglets_proxy *p, const char *kind,
    const struct paglets_value *args)
{
	const struct paglets_outgoing m = { .kind = kind, .args = args };

	return paglets_proxy_send_message(p, &m);
}

PG_API int
paglets_proxy_oneway(struct paglets_proxy *p, const char *kind,
    const struct paglets_value *args)
{
	const struct paglets_outgoing m = { .kind = kind, .args = args,
		.oneway = true };

	return paglets_proxy_send_message(p, &m) != NULL ? 0 : -1;
}

PG_API struct paglets_future *
paglets_proxy_future(struct paglets_proxy *p, const char *kind,
    const struct paglets_value *args)
{
	const struct paglets_outgoing m = { .kind = kind, .args = args };

	return paglets_proxy_future_message(p, &m);
}

PG_API const struct paglets_value *
paglets_proxy_settle(struct paglets_proxy *p,
    const struct paglets_value *result)
{
	return pg_value_outer(pg_locate(p->client, &p->client->arena, p->id,
	    pg_value_inner(result)));
}

/* ---- sleep and end ---------------------------------------------------- */

/* POST body to what. */
static int
proxy_order(struct paglets_proxy *p, const char *what,
    const struct pg_value *body)
{
	return pg_proxy_ask(p, "POST", what, body, 0) != NULL ? 0 : -1;
}

/* PROTOCOL section 4. */
static struct pg_value *
proxy_policy(struct pg_arena *a, const struct paglets_sleep *how)
{
	struct pg_value *policy = pg_value_dict(a);

	pg_put_bool(a, policy, "activate_on_message", !how->deaf);
	pg_put_bool(a, policy, "queue_messages_when_inactive",
	    !how->no_queue);
	pg_put_bool(a, policy, "activate_on_startup", how->on_startup);
	if (how->activate_at > 0)
		pg_put_float(a, policy, "activate_at", how->activate_at);
	return policy;
}

PG_API int
paglets_proxy_deactivate(struct paglets_proxy *p,
    const struct paglets_sleep *how)
{
	static const struct paglets_sleep plain = { .reason = NULL };
	struct pg_arena *a = &p->client->arena;
	struct pg_value *body = pg_value_dict(a), *request = pg_value_dict(a);

	if (how == NULL)
		how = &plain;
	pg_put_str(a, request, "reason", pg_arena_str(a, pg_str(
	    how->reason != NULL ? how->reason : "deactivate")));
	pg_put_strz(a, request, "source", "external");
	pg_put(a, request, "policy", proxy_policy(a, how));
	pg_put(a, body, "request", request);
	return proxy_order(p, "/deactivate", body);
}

PG_API int
paglets_proxy_activate(struct paglets_proxy *p)
{
	return proxy_order(p, "/activate", pg_value_dict(&p->client->arena));
}

/* force is an addition of ours to the wire; other hosts ignore it. */
PG_API int
paglets_proxy_dispose(struct paglets_proxy *p, bool force)
{
	struct pg_value *body = pg_value_dict(&p->client->arena);

	if (force)
		pg_put_bool(&p->client->arena, body, "force", true);
	return proxy_order(p, "/dispose", body);
}

PG_API int
paglets_proxy_resolve(struct paglets_proxy *p, bool here)
{
	struct pg_value *body = pg_value_dict(&p->client->arena);

	pg_put_bool(&p->client->arena, body, "here", here);
	return proxy_order(p, "/resolve", body);
}
