/* probe: see probe.h. Addresses are asked port by port, so that the usual one
 * has been tried everywhere before the unusual ones are.
 */
#include "probe.h"

#include "../codec/json.h"
#include "hostref.h"

#define PROBE_BITS 24 /* of the network that is swept, at least */

/* One address that is being asked. Owner: the probe. */
struct probe_call {
	struct pg_probe *probe;
	struct pg_call *call; /* NULL: free */
	char url[PG_ADDR_TEXT + 16];
};

/* Addresses first to last, in the byte order of the machine. */
struct probe_net {
	uint32_t first, last;
};

/* Owner: whoever called pg_probe_new. */
struct pg_probe {
	struct pg_loop *loop;
	struct pg_client *client;
	const struct pg_probe_ops *ops;
	void *arg;
	struct pg_timer begin;
	bool sweeping;
	uint32_t own[PG_IFACE_MAX];
	size_t nown;
	struct probe_net nets[PG_PROBE_NETS_MAX];
	size_t nnets;
	uint16_t ports[PG_PROBE_PORTS_MAX];
	size_t nports;
	/* What is asked next. */
	size_t port, net;
	uint32_t addr; /* 0: the first of the net */
	struct probe_call calls[PG_PROBE_CALLS_MAX];
	size_t ncalls;
};

static void probe_feed(struct pg_probe *p);

/* ---- whom to ask ------------------------------------------------------- */

/* An address without a network (/32), as some clouds give, is taken for one
 * of 24 bits; one of two (/31, RFC 3021) has no address but theirs. */
static struct probe_net
probe_net_of(uint32_t addr, unsigned prefix)
{
	unsigned bits = prefix > 31 ? PROBE_BITS : PG_MAX(prefix, PROBE_BITS);
	uint32_t rest = UINT32_MAX >> bits;
	struct probe_net n = { addr & ~rest, addr | rest };

	if (bits < 31) {
		n.first++;
		n.last--;
	}
	return n;
}

static void
probe_add_net(struct pg_probe *p, struct probe_net n)
{
	size_t i;

	for (i = 0; i < p->nnets; i++)
		if (p->nets[i].first <= n.first && n.last <= p->nets[i].last)
			return;
	if (p->nnets < PG_PROBE_NETS_MAX)
		p->nets[p->nnets++] = n;
}

static void
probe_look(struct pg_probe *p)
{
	struct pg_iface list[PG_IFACE_MAX];
	int i, n = pg_iface_list(list, NULL);
	uint32_t addr;

	p->nown = p->nnets = p->port = p->net = 0;
	p->addr = 0;
	for (i = 0; i < n; i++) {
		if (list[i].loopback ||
		    list[i].addr.u.sa.sa_family != AF_INET)
			continue;
		addr = ntohl(list[i].addr.u.in.sin_addr.s_addr);
		p->own[p->nown++] = addr;
		probe_add_net(p, probe_net_of(addr, list[i].prefix));
	}
	p->nports = p->ops->ports(p->arg, p->ports, PG_PROBE_PORTS_MAX);
}

static bool
probe_is_own(const struct pg_probe *p, uint32_t addr)
{
	size_t i;

	for (i = 0; i < p->nown; i++)
		if (p->own[i] == addr)
			return true;
	return false;
}

/* The next address and port; false: that was all. */
static bool
probe_next(struct pg_probe *p, uint32_t *addr, uint16_t *port)
{
	const struct probe_net *n;

	for (; p->port < p->nports; p->port++, p->net = 0) {
		for (; p->net < p->nnets; p->net++, p->addr = 0) {
			n = &p->nets[p->net];
			if (p->addr == 0)
				p->addr = n->first;
			while (p->addr <= n->last) {
				*addr = p->addr++;
				*port = p->ports[p->port];
				if (!probe_is_own(p, *addr))
					return true;
			}
		}
	}
	return false;
}

/* ---- asking ------------------------------------------------------------ */

static bool
probe_is_health(const struct pg_response *r)
{
	struct pg_arena a = { 0 };
	struct pg_hostref ref;
	struct pg_value *v;
	bool ok = r->body != NULL && pg_json_read(pg_bulk_str(r->body), &a,
	    &v, NULL) == 0 && pg_hostref_read(v, &a, &ref, NULL) == 0;

	pg_arena_fini(&a);
	return ok;
}

static void
probe_on_answer(void *arg, const struct pg_response *r)
{
	struct probe_call *c = arg;
	struct pg_probe *p = c->probe;

	c->call = NULL;
	p->ncalls--;
	if ((r->status == 200 && probe_is_health(r)) || (r->status == 401 &&
	    pg_http1_field(r->head, "X-Paglets-Ref").p != NULL))
		p->ops->on_found(p->arg, pg_str(c->url), r);
	if (p->sweeping)
		probe_feed(p);
}

static void
probe_ask(struct pg_probe *p, struct probe_call *c, uint32_t addr,
    uint16_t port)
{
	char health[sizeof(c->url) + 8];
	struct pg_request r = { .method = "GET", .timeout = PG_PROBE_TIME,
		.max_reply = PG_PROBE_REPLY_MAX, .fresh = true };

	c->probe = p;
	snprintf(c->url, sizeof(c->url), "http://%u.%u.%u.%u:%u", addr >> 24,
	    addr >> 16 & 255, addr >> 8 & 255, addr & 255, port);
	snprintf(health, sizeof(health), "%s/health", c->url);
	r.url = pg_str(health);
	c->call = pg_client_start(p->client, &r, probe_on_answer, c);
	p->ncalls++;
}

/* As many as may be asked. p may be gone when this returns. */
static void
probe_feed(struct pg_probe *p)
{
	bool wanted = p->ops->wanted == NULL || p->ops->wanted(p->arg);
	uint32_t addr;
	uint16_t port;
	size_t i;

	for (i = 0; wanted && i < PG_PROBE_CALLS_MAX; i++) {
		if (p->calls[i].call != NULL)
			continue;
		if (!probe_next(p, &addr, &port))
			break;
		probe_ask(p, &p->calls[i], addr, port);
	}
	if (p->ncalls > 0)
		return;
	p->sweeping = false;
	if (p->ops->on_done != NULL)
		p->ops->on_done(p->arg);
}

/* ---- life -------------------------------------------------------------- */

PG_FN struct pg_probe *
pg_probe_new(struct pg_loop *l, struct pg_client *c,
    const struct pg_probe_ops *ops, void *arg)
{
	struct pg_probe *p = pg_alloc(sizeof(*p));

	p->loop = l;
	p->client = c;
	p->ops = ops;
	p->arg = arg;
	return p;
}

static void
probe_begin(struct pg_timer *t)
{
	struct pg_probe *p = PG_CONTAINER(t, struct pg_probe, begin);

	probe_look(p);
	probe_feed(p);
}

PG_FN void
pg_probe_sweep(struct pg_probe *p)
{
	if (p->sweeping)
		return;
	p->sweeping = true;
	pg_timer_set(p->loop, &p->begin, 0, probe_begin);
}

PG_FN void
pg_probe_stop(struct pg_probe *p)
{
	size_t i;

	pg_timer_stop(&p->begin);
	for (i = 0; i < PG_PROBE_CALLS_MAX; i++) {
		if (p->calls[i].call != NULL)
			pg_call_cancel(p->calls[i].call);
		p->calls[i].call = NULL;
	}
	p->ncalls = 0;
	p->sweeping = false;
}

PG_FN void
pg_probe_free(struct pg_probe *p)
{
	if (p == NULL)
		return;
	pg_probe_stop(p);
	free(p);
}

#undef PROBE_BITS
