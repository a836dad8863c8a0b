/* bind: see bind.h.
 *
 * What is to be listened at is worked out anew at each look, as a plan, and
 * compared with what is. A change is carried out the new first: when that
 * fails nothing is lost, and the next look tries again.
 */
#include "bind.h"

#include "../base/log.h"
#include "../os/iface.h"
#include "discovery.h"
#include "gossip.h"
#include "wire.h"

#include <unistd.h>

#define BIND_SPECS_MAX (PG_BIND_MAX + 2) /* cfg.bind, loopback */

/* The new ones and the old ones are open at the same time. */
_Static_assert(BIND_SPECS_MAX + 1 <= PG_SERVER_LISTEN_MAX, "no room to bind");

/* Ports are 0 here. */
struct bind_plan {
	struct pg_addr listen[BIND_SPECS_MAX];
	size_t n;
	struct pg_addr told; /* of the URL; len 0: by the machine's name */
	bool whole; /* nothing is missing that may come */
};

/* Owner: the host. */
struct pg_bind {
	struct pg_host *host;
	struct pg_addr specs[BIND_SPECS_MAX]; /* len 0: auto */
	size_t nspecs;
	uint16_t port;
	struct bind_plan now;
	struct bind_plan next; /* seen, not yet carried out */
	bool pending;          /* there is such a one */
	bool failed;           /* and it could not be carried out */
	bool offline;          /* told that there is no network */
	struct pg_map urls;    /* that we had, in the host's arena */
	struct pg_timer timer;
};

/* ---- Addresses ------------------------------------------------------------ */

static bool
bind_is_any(const struct pg_addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return a->u.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

static struct pg_addr
bind_with_port(const struct pg_addr *a, uint16_t port)
{
	struct pg_addr with = *a;

	if (with.u.sa.sa_family == AF_INET6)
		with.u.in6.sin6_port = htons(port);
	else
		with.u.in.sin_port = htons(port);
	return with;
}

static bool
bind_find(const struct pg_addr *in, size_t n, const struct pg_addr *a)
{
	while (n-- > 0)
		if (pg_addr_eq(&in[n], a))
			return true;
	return false;
}

/* Where others reach this machine; of any family, or a given one. */
static int
bind_outward(int family, struct pg_addr *out)
{
	struct pg_iface all[PG_IFACE_MAX];
	struct pg_addr a;
	int i, n;

	if (pg_iface_outward(&a) == 0 && (family == AF_UNSPEC ||
	    a.u.sa.sa_family == family)) {
		*out = bind_with_port(&a, 0);
		return 0;
	}
	if (family == AF_UNSPEC)
		return -1;
	n = pg_iface_list(all, NULL);
	for (i = 0; i < n; i++) {
		a = all[i].addr;
		if (a.u.sa.sa_family != family || all[i].loopback ||
		    (family == AF_INET6 &&
		    IN6_IS_ADDR_LINKLOCAL(&a.u.in6.sin6_addr)))
			continue;
		*out = bind_with_port(&a, 0);
		return 0;
	}
	return -1;
}

/* ---- The plan ------------------------------------------------------------- */

static void
bind_plan_add(struct bind_plan *p, const struct pg_addr *a)
{
	if (!bind_find(p->listen, p->n, a))
		p->listen[p->n++] = *a;
}

/* One that stands for all has the port of the others too. */
static void
bind_plan_reduce(struct bind_plan *p)
{
	size_t i, j, n = 0;
	bool covered;

	for (i = 0; i < p->n; i++) {
		covered = false;
		for (j = 0; j < p->n && !bind_is_any(&p->listen[i]); j++)
			covered |= bind_is_any(&p->listen[j]) &&
			    p->listen[j].u.sa.sa_family ==
			    p->listen[i].u.sa.sa_family;
		if (!covered)
			p->listen[n++] = p->listen[i];
	}
	p->n = n;
}

/* What others are told: the first that was asked for. */
static void
bind_plan_tell(const struct pg_bind *b, struct bind_plan *p)
{
	if (b->host->cfg.public_url.n > 0)
		return;
	p->told = p->listen[0];
	if (bind_is_any(&p->told) &&
	    bind_outward(p->told.u.sa.sa_family, &p->told) < 0) {
		p->told = (struct pg_addr){ .len = 0 };
		p->whole = false;
	}
}

static struct bind_plan
bind_plan(const struct pg_bind *b)
{
	struct bind_plan p = { .whole = true };
	struct pg_addr out;
	size_t i;

	for (i = 0; i < b->nspecs; i++) {
		if (b->specs[i].len > 0)
			bind_plan_add(&p, &b->specs[i]);
		else if (bind_outward(AF_UNSPEC, &out) == 0)
			bind_plan_add(&p, &out);
		else
			p.whole = false;
	}
	bind_plan_tell(b, &p);
	bind_plan_reduce(&p);
	return p;
}

static bool
bind_plan_eq(const struct bind_plan *p, const struct bind_plan *q)
{
	size_t i;

	if (p->n != q->n || !pg_addr_eq(&p->told, &q->told))
		return false;
	for (i = 0; i < p->n; i++)
		if (!pg_addr_eq(&p->listen[i], &q->listen[i]))
			return false;
	return true;
}

/* ---- What others are told -------------------------------------------------- */

static int
bind_url(const struct pg_bind *b, const struct bind_plan *p,
    struct pg_arena *a, struct pg_str *out, struct pg_err *e)
{
	char text[PG_ADDR_TEXT], machine[256] = "";

	if (b->host->cfg.public_url.n > 0)
		return pg_url_normalise(a, b->host->cfg.public_url, out, e);
	if (p->told.len == 0) {
		gethostname(machine, sizeof(machine) - 1);
		*out = pg_arena_printf(a, "http://%s:%u", machine, b->port);
		return 0;
	}
	pg_addr_text(&p->told, text);
	*out = pg_arena_printf(a, p->told.u.sa.sa_family == AF_INET6 ?
	    "http://[%s]:%u" : "http://%s:%u", text, b->port);
	return 0;
}

static struct pg_value *
bind_hosts(const struct bind_plan *p, struct pg_arena *a)
{
	struct pg_value *list = pg_value_list(a);
	char text[PG_ADDR_TEXT];
	size_t i;

	for (i = 0; i < p->n; i++) {
		pg_addr_text(&p->listen[i], text);
		pg_value_add(a, list, pg_value_str(a, pg_arena_str(a,
		    pg_str(text))));
	}
	return list;
}

/* PROTOCOL section 9; why is NULL when it worked. */
static void
bind_event(struct pg_bind *b, struct pg_str old, struct pg_str url,
    const struct pg_err *why)
{
	struct pg_arena a = { 0 };
	struct pg_value *data = pg_value_dict(&a);

	pg_put_str(&a, data, "old_address", old);
	pg_put_str(&a, data, "new_address", url);
	pg_put(&a, data, "bind_hosts", bind_hosts(&b->now, &a));
	pg_host_event(b->host, "context-rebind", NULL, data, why);
	pg_arena_fini(&a);
}

/* What remembers the address follows. Each URL is kept once, for there are
 * those who borrow it. */
static void
bind_know(struct pg_bind *b, struct pg_str url)
{
	struct pg_host *h = b->host;
	struct pg_str *kept = pg_map_get(&b->urls, url);

	if (kept == NULL) {
		kept = pg_arena_alloc(&h->arena, sizeof(*kept));
		*kept = pg_arena_str(&h->arena, url);
		pg_map_put(&b->urls, *kept, kept);
	}
	h->address = h->events.host_address = *kept;
	pg_buf_reset(&h->health_text);
}

/* The plan holds. */
static int
bind_adopt(struct pg_bind *b, const struct bind_plan *p, struct pg_err *e)
{
	struct pg_arena a = { 0 };
	struct pg_str url;
	int rc = bind_url(b, p, &a, &url, e);

	if (rc == 0) {
		b->now = *p;
		bind_know(b, url);
	}
	pg_arena_fini(&a);
	return rc;
}

PG_FN bool
pg_bind_was(const struct pg_bind *b, struct pg_str url)
{
	return pg_map_get(&b->urls, url) != NULL;
}

/* ---- Listening -------------------------------------------------------------- */

/* Close what is in p and not in keep. */
static void
bind_close(struct pg_bind *b, const struct bind_plan *p,
    const struct bind_plan *keep)
{
	struct pg_addr a;
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (bind_find(keep->listen, keep->n, &p->listen[i]))
			continue;
		a = bind_with_port(&p->listen[i], b->port);
		pg_server_unlisten(b->host->server, &a);
	}
}

/* Listen at what is in p and not yet listened at, all or none. Port 0 becomes
 * the one that the first gets. */
static int
bind_open(struct pg_bind *b, const struct bind_plan *p, struct pg_err *e)
{
	struct bind_plan done = { .n = 0 };
	struct pg_addr a, bound;
	char text[PG_ADDR_TEXT];
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (bind_find(b->now.listen, b->now.n, &p->listen[i]))
			continue;
		a = bind_with_port(&p->listen[i], b->port);
		if (pg_server_listen(b->host->server, &a, &bound, e) < 0) {
			bind_close(b, &done, &b->now);
			return -1;
		}
		b->port = pg_addr_port(&bound);
		done.listen[done.n++] = p->listen[i];
		pg_addr_text(&bound, text);
		pg_log(p->n > 1 || b->host->cfg.public_url.n > 0 ?
		    PG_LOG_INFO : PG_LOG_DEBUG, "bind: listens at %s port %u",
		    text, b->port);
	}
	return 0;
}

/* A port that is free on one address need not be on the next. */
static int
bind_open_first(struct pg_bind *b, const struct bind_plan *p,
    struct pg_err *e)
{
	int tries = b->host->cfg.port == 0 && p->n > 1 ? PG_BIND_TRIES : 1;

	for (;;) {
		b->port = b->host->cfg.port;
		if (bind_open(b, p, e) == 0)
			return 0;
		if (--tries == 0 || e->code != PG_E_CONFLICT)
			return -1;
		*e = (struct pg_err){ 0 };
	}
}

/* ---- Changes ---------------------------------------------------------------- */

/* Told once for each plan: it is tried at every look. */
static void
bind_tell_failed(struct pg_bind *b, const struct bind_plan *p,
    const struct pg_err *why)
{
	struct pg_arena a = { 0 };
	struct pg_str url;

	if (!b->failed && bind_url(b, p, &a, &url, NULL) == 0) {
		pg_log(PG_LOG_ERROR, "bind: cannot move to %s, stays at %s: "
		    "%s", url.p, b->host->address.p, why->msg);
		bind_event(b, b->host->address, url, why);
	}
	b->failed = true;
	pg_arena_fini(&a);
}

static void
bind_rebind(struct pg_bind *b)
{
	struct pg_host *h = b->host;
	struct pg_str old = h->address;
	struct bind_plan was = b->now;
	struct pg_err e = { 0 };

	if (bind_open(b, &b->next, &e) < 0 ||
	    bind_adopt(b, &b->next, &e) < 0) {
		bind_tell_failed(b, &b->next, &e);
		return;
	}
	b->pending = b->failed = false;
	bind_close(b, &was, &b->now);
	pg_log(PG_LOG_INFO, "bind: %s is now %s", old.p, h->address.p);
	if (!pg_str_eq(old, h->address)) {
		pg_gossip_readdress(h->gossip);
		pg_discovery_now(h->discovery);
	}
	bind_event(b, old, h->address, NULL);
}

static void
bind_set_offline(struct pg_bind *b, bool offline)
{
	if (offline && !b->offline)
		pg_log(PG_LOG_WARN, "bind: this machine has no address that "
		    "others can reach; %s stays until it has one",
		    b->host->address.p);
	if (!offline && b->offline)
		pg_log(PG_LOG_INFO, "bind: the network is back");
	b->offline = offline;
}

/* Compare what should be with what is; after how long to look again. */
static int64_t
bind_look(struct pg_bind *b)
{
	struct bind_plan p = bind_plan(b);

	bind_set_offline(b, !p.whole);
	if (!p.whole || bind_plan_eq(&p, &b->now)) {
		b->pending = b->failed = false;
		return PG_BIND_INTERVAL;
	}
	if (!b->pending || !bind_plan_eq(&p, &b->next)) {
		b->next = p;
		b->pending = true;
		b->failed = false;
		return PG_BIND_SETTLE;
	}
	bind_rebind(b);
	return PG_BIND_INTERVAL;
}

static void
bind_on_time(struct pg_timer *t)
{
	struct pg_bind *b = PG_CONTAINER(t, struct pg_bind, timer);

	if (!b->host->draining)
		pg_timer_set(b->host->loop, t, bind_look(b), bind_on_time);
}

/* ---- Life -------------------------------------------------------------------- */

static int
bind_spec(struct pg_bind *b, struct pg_str text, struct pg_err *e)
{
	struct pg_addr *a = &b->specs[b->nspecs];

	*a = (struct pg_addr){ .len = 0 };
	if (!pg_str_ieq(text, PG_STR(PG_BIND_AUTO)) && pg_addr_parse(text, 0, a) < 0)
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no numeric address",
		    PG_STR_ARG(text));
	b->nspecs++;
	return 0;
}

/* Those for others come first; with them goes loopback, for who is here. */
static int
bind_specs(struct pg_bind *b, struct pg_err *e)
{
	const struct pg_host_config *cfg = &b->host->cfg;
	size_t i;

	for (i = 0; i < cfg->npublics; i++)
		if (bind_spec(b, cfg->publics[i], e) < 0)
			return -1;
	if (bind_spec(b, cfg->bind, e) < 0)
		return -1;
	if (cfg->npublics > 0)
		return bind_spec(b, PG_STR("127.0.0.1"), e);
	return 0;
}

/* A host that opens no port is found at its hub (PROTOCOL section 8). */
static int
bind_relayed(struct pg_bind *b, struct pg_err *e)
{
	struct pg_host *h = b->host;
	struct pg_str hub, url;

	if (pg_url_normalise(&h->arena, h->cfg.connect_to, &hub, e) < 0)
		return -1;
	url = pg_arena_printf(&h->arena, "%.*s/relay/hosts/%.*s",
	    PG_STR_ARG(hub), PG_STR_ARG(pg_percent_encode(&h->arena,
	    h->name)));
	if (url.n > PG_HOSTREF_URL_MAX)
		return pg_fail(e, PG_E_USAGE, "the address at the hub would "
		    "be over %d bytes", PG_HOSTREF_URL_MAX);
	bind_know(b, url);
	return 0;
}

static int
bind_begin(struct pg_bind *b, struct pg_err *e)
{
	struct bind_plan p;

	if (b->host->cfg.connect_to.n > 0)
		return bind_relayed(b, e);
	if (b->host->cfg.public_url.n > PG_HOSTREF_URL_MAX)
		return pg_fail(e, PG_E_USAGE, "public URL is over %d bytes, "
		    "which no other host takes", PG_HOSTREF_URL_MAX);
	if (bind_specs(b, e) < 0)
		return -1;
	p = bind_plan(b);
	if (p.n == 0)
		return pg_fail(e, PG_E_UNREACHABLE, "this machine has no "
		    "address to listen at");
	if (bind_open_first(b, &p, e) < 0 || bind_adopt(b, &p, e) < 0)
		return -1;
	bind_set_offline(b, !p.whole);
	return 0;
}

PG_FN struct pg_bind *
pg_bind_new(struct pg_host *h, struct pg_err *e)
{
	struct pg_bind *b = pg_alloc(sizeof(*b));

	assert(h->cfg.npublics <= PG_BIND_MAX);
	b->host = h;
	pg_map_init(&b->urls, h->seed);
	if (bind_begin(b, e) == 0)
		return b;
	pg_bind_free(b);
	return NULL;
}

PG_FN void
pg_bind_free(struct pg_bind *b)
{
	if (b == NULL)
		return;
	pg_timer_stop(&b->timer);
	pg_map_fini(&b->urls);
	free(b);
}

/* Whether time can change the plan. */
static bool
bind_may_change(const struct pg_bind *b)
{
	size_t i;

	for (i = 0; i < b->nspecs; i++)
		if (b->specs[i].len == 0)
			return true;
	return b->nspecs > 0 && b->host->cfg.public_url.n == 0 &&
	    bind_is_any(&b->specs[0]);
}

PG_FN void
pg_bind_watch(struct pg_bind *b)
{
	if (bind_may_change(b))
		pg_timer_set(b->host->loop, &b->timer, PG_BIND_INTERVAL,
		    bind_on_time);
}

#undef BIND_SPECS_MAX
