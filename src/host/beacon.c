/* beacon: see beacon.h.
 *
 * Anybody on the link can send anything, as much as they like. What a flood
 * costs is bounded: when as many datagrams have been read as one interval may
 * bring, nobody reads until the next one, and the kernel drops the rest.
 */
#include "beacon.h"

#include "../base/log.h"
#include "../codec/json.h"
#include "../codec/url.h"

#include <unistd.h>

/* ---- writing ---------------------------------------------------------- */

/* For qsort. */
static int
beacon_order(const void *x, const void *y)
{
	const struct pg_pair *a = x, *b = y;

	return pg_hostref_compare(a->key, b->key);
}

/* Keys in order, as Python writes them, down to the properties. */
static void
beacon_sort(struct pg_value *dict)
{
	uint32_t i;

	if (!pg_value_is(dict, PG_T_DICT) || dict->n == 0)
		return;
	qsort(dict->u.pairs, dict->n, sizeof(*dict->u.pairs), beacon_order);
	for (i = 0; i < dict->n; i++) {
		struct pg_value *v = dict->u.pairs[i].val;

		if (pg_value_is(v, PG_T_DICT) && v->n > 0)
			qsort(v->u.pairs, v->n, sizeof(*v->u.pairs),
			    beacon_order);
	}
}

PG_FN void
pg_beacon_write(struct pg_buf *b, const struct pg_value *ref)
{
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a), *host = NULL;

	pg_value_copy(&a, ref, &host);
	beacon_sort(host);
	pg_value_put(&a, d, PG_STR("host"), host);
	pg_value_put(&a, d, PG_STR("kind"), pg_value_strz(&a, PG_BEACON_KIND));
	if (pg_json_write(b, d, NULL) < 0)
		b->failed = true;
	pg_arena_fini(&a);
}

/* ---- reading ---------------------------------------------------------- */

/* A number in place of a text. */
static void
beacon_to_text(struct pg_value *host, const char *key, struct pg_arena *a)
{
	struct pg_value *v = pg_value_get(host, key);
	char number[PG_FLOAT_TEXT];

	if (pg_value_is(v, PG_T_INT))
		*v = *pg_value_str(a, pg_arena_printf(a, "%" PRId64, v->u.i));
	else if (pg_value_is(v, PG_T_FLOAT))
		*v = *pg_value_str(a, pg_arena_str(a, (struct pg_str){ number,
		    pg_float_text(v->u.f, number) }));
}

/* A text in place of a number. */
static void
beacon_to_int(struct pg_value *host, const char *key, struct pg_arena *a)
{
	struct pg_value *v = pg_value_get(host, key);
	int64_t i;

	if (pg_value_is(v, PG_T_STR) && pg_value_as_int(v, &i))
		*v = *pg_value_int(a, i);
}

PG_FN int
pg_beacon_read(struct pg_str datagram, struct pg_arena *a,
    struct pg_value **host, struct pg_hostref *ref, struct pg_err *e)
{
	struct pg_value *v;

	if (datagram.n > PG_BEACON_MAX)
		return pg_fail(e, PG_E_LIMIT, "a beacon of over %d bytes",
		    PG_BEACON_MAX);
	if (pg_json_read(datagram, a, &v, e) < 0)
		return -1;
	if (!pg_str_eqz(pg_value_text(pg_value_get(v, "kind"), PG_STR_NULL),
	    PG_BEACON_KIND))
		return pg_fail(e, PG_E_HOST, "kind is not " PG_BEACON_KIND);
	*host = pg_value_get(v, "host");
	beacon_to_text(*host, "name", a);
	beacon_to_text(*host, "code_version", a);
	beacon_to_int(*host, "active_count", a);
	beacon_to_int(*host, "inactive_count", a);
	return pg_hostref_read(*host, a, ref, e);
}

/* ---- whose URL it is --------------------------------------------------- */

/* Numbers that are no proper address ("127.1", "0x7f.1") and that resolvers
 * read as one all the same. */
static bool
beacon_is_number(struct pg_str host)
{
	const char *dot = host.n > 0 ? memrchr(host.p, '.', host.n) : NULL;
	struct pg_str last = host;
	const char *digits = "0123456789";
	size_t i;

	if (dot != NULL)
		last = pg_str_skip(host, (size_t)(dot + 1 - host.p));
	if (last.n > 2 && pg_str_ieq((struct pg_str){ last.p, 2 },
	    PG_STR("0x"))) {
		last = pg_str_skip(last, 2);
		digits = "0123456789abcdefABCDEF";
	}
	for (i = 0; i < last.n; i++)
		if (strchr(digits, last.p[i]) == NULL)
			return false;
	return true;
}

PG_FN bool
pg_beacon_is_inward(struct pg_str url)
{
	static const struct in6_addr any = IN6ADDR_ANY_INIT;
	struct pg_url u;
	struct pg_addr a;

	if (pg_url_parse(url, &u, NULL) < 0)
		return true;
	if (pg_addr_parse(u.host, 0, &a) < 0)
		return beacon_is_number(u.host) ||
		    pg_str_ieq(u.host, PG_STR("localhost")) ||
		    (u.host.n > 10 && pg_str_ieq(pg_str_skip(u.host,
		    u.host.n - 10), PG_STR(".localhost")));
	if (a.u.sa.sa_family == AF_INET)
		return pg_addr_is_loopback(&a) ||
		    a.u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return pg_addr_is_loopback(&a) ||
	    memcmp(&a.u.in6.sin6_addr, &any, sizeof(any)) == 0 ||
	    (IN6_IS_ADDR_V4MAPPED(&a.u.in6.sin6_addr) &&
	    a.u.in6.sin6_addr.s6_addr32[3] == htonl(INADDR_ANY));
}

/* ---- links ------------------------------------------------------------- */

/* An interface on which we are, with the address that we tell from. */
struct beacon_link {
	struct pg_iface via;
	int joined, sent; /* errno of the last time, or 0; -1: not yet */
	bool seen;        /* in this look */
};

/* One family's socket. */
struct beacon_port {
	struct pg_beacon *beacon;
	struct pg_io io;
	int fd; /* -1: none */
	int why; /* errno of the last time it was to be opened */
	struct pg_addr group;
	struct beacon_link links[PG_BEACON_LINKS_MAX];
	size_t nlinks;
};

/* Owner: whoever called pg_beacon_new. */
struct pg_beacon {
	struct pg_loop *loop;
	const struct pg_beacon_ops *ops;
	void *arg;
	struct beacon_port ports[2]; /* IPv4, IPv6 */
	struct pg_iface ifaces[PG_IFACE_MAX]; /* as of the last look */
	int nifaces;
	struct pg_timer timer;
	unsigned ticks; /* until the next look */
	unsigned left;  /* datagrams that this interval still may bring */
	struct pg_arena arena; /* as long as one datagram */
	char in[PG_BEACON_MAX + 1];
};

/* A failure, once. */
static void
beacon_tell(int *last, int why, const char *what, const struct pg_iface *via)
{
	if (why != 0 && why != *last)
		pg_log(PG_LOG_DEBUG, "beacon: %s%s%s: %s", what,
		    via != NULL ? " on " : "", via != NULL ? via->name : "",
		    strerror(why));
	*last = why;
}

static bool
beacon_is_link_local(const struct pg_addr *a)
{
	return a->u.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&a->u.in6.sin6_addr);
}

/* lo has IPv4, whatever the rest of the machine has; IPv6 is told from
 * addresses of the link. */
static bool
beacon_suits(const struct beacon_port *p, const struct pg_iface *f)
{
	if (f->addr.u.sa.sa_family != p->group.u.sa.sa_family)
		return false;
	if (f->addr.u.sa.sa_family == AF_INET)
		return f->multicast || f->loopback;
	return f->multicast && !f->loopback && beacon_is_link_local(&f->addr);
}

static struct beacon_link *
beacon_link_find(struct beacon_port *p, unsigned index)
{
	size_t i;

	for (i = 0; i < p->nlinks; i++)
		if (p->links[i].via.index == index)
			return &p->links[i];
	return NULL;
}

/* The first address of each interface counts. */
static void
beacon_link_see(struct beacon_port *p, const struct pg_iface *f)
{
	struct beacon_link *k = beacon_link_find(p, f->index);

	if (k == NULL) {
		if (p->nlinks == PG_BEACON_LINKS_MAX)
			return;
		k = &p->links[p->nlinks++];
		*k = (struct beacon_link){ .joined = -1, .sent = -1 };
	}
	if (k->seen)
		return;
	k->seen = true;
	k->via = *f;
	if (k->joined == 0)
		return;
	errno = 0;
	pg_udp_join(p->fd, &p->group, f->index);
	beacon_tell(&k->joined, errno, "cannot join the group", f);
}

/* An interface that comes back is joined anew. */
static void
beacon_link_drop(struct beacon_port *p, struct beacon_link *k)
{
	pg_udp_leave(p->fd, &p->group, k->via.index);
	*k = p->links[--p->nlinks];
}

static void
beacon_look_at(struct beacon_port *p)
{
	struct pg_beacon *b = p->beacon;
	size_t i;
	int j;

	for (i = 0; i < p->nlinks; i++)
		p->links[i].seen = false;
	for (j = 0; j < b->nifaces; j++)
		if (beacon_suits(p, &b->ifaces[j]))
			beacon_link_see(p, &b->ifaces[j]);
	for (i = p->nlinks; i-- > 0;)
		if (!p->links[i].seen)
			beacon_link_drop(p, &p->links[i]);
}

/* ---- hearing ------------------------------------------------------------ */

/* Whether it was sent by this machine: from one of its addresses, which the
 * kernel accepts from nobody else. */
static bool
beacon_from_here(const struct pg_beacon *b, const struct pg_addr *from)
{
	char text[PG_ADDR_TEXT], own[PG_ADDR_TEXT];
	int i;

	if (pg_addr_is_loopback(from))
		return true;
	pg_addr_text(from, text);
	for (i = 0; i < b->nifaces; i++) {
		pg_addr_text(&b->ifaces[i].addr, own);
		if (strcmp(text, own) == 0)
			return true;
	}
	return false;
}

static void
beacon_hear(struct pg_beacon *b, struct pg_str datagram,
    const struct pg_udp_from *from)
{
	struct pg_value *host = NULL;
	struct pg_hostref ref;
	bool local;

	if (!from->whole || !from->multicast)
		return;
	if (pg_beacon_read(datagram, &b->arena, &host, &ref, NULL) == 0) {
		local = beacon_from_here(b, &from->addr);
		if (local || !pg_beacon_is_inward(ref.url))
			b->ops->on_ref(b->arg, host, &ref, local);
	}
	pg_arena_reset(&b->arena);
}

static void
beacon_pause(struct pg_beacon *b, bool pause)
{
	size_t i;

	for (i = 0; i < PG_COUNT(b->ports); i++)
		if (b->ports[i].fd >= 0)
			pg_io_want(&b->ports[i].io, pause ? 0 : EPOLLIN);
}

static void
beacon_on_ready(struct pg_io *io, uint32_t events)
{
	struct beacon_port *p = PG_CONTAINER(io, struct beacon_port, io);
	struct pg_beacon *b = p->beacon;
	struct pg_udp_from from;
	unsigned turn = PG_BEACON_TURN_MAX;
	ssize_t n;

	(void)events;
	for (; turn > 0 && b->left > 0; turn--) {
		n = pg_udp_recv(p->fd, b->in, sizeof(b->in), &from);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		b->left--;
		/* Errors are of what was sent (RFC 1122 section 4.1.3.3). */
		if (n >= 0)
			beacon_hear(b, (struct pg_str){ b->in, (size_t)n },
			    &from);
	}
	if (b->left == 0)
		beacon_pause(b, true);
}

static void
beacon_port_open(struct beacon_port *p)
{
	struct pg_beacon *b = p->beacon;
	struct pg_err err = { 0 };

	p->fd = pg_udp_open(&p->group, &err);
	if (p->fd >= 0 && pg_io_add(b->loop, &p->io, p->fd, EPOLLIN,
	    beacon_on_ready, &err) < 0) {
		close(p->fd);
		p->fd = -1;
	}
	beacon_tell(&p->why, p->fd < 0 ? err.sys : 0, "no multicast", NULL);
}

static void
beacon_port_close(struct beacon_port *p)
{
	if (p->fd < 0)
		return;
	pg_io_del(&p->io);
	close(p->fd);
	p->fd = -1;
}

/* ---- telling ------------------------------------------------------------- */

static void
beacon_send(struct beacon_port *p, struct pg_str text, bool inward)
{
	size_t i;

	for (i = 0; i < p->nlinks; i++) {
		struct beacon_link *k = &p->links[i];

		if (inward && !k->via.loopback)
			continue;
		errno = 0;
		pg_udp_send(p->fd, &p->group, &k->via, text);
		beacon_tell(&k->sent, errno, "cannot send", &k->via);
	}
}

static void
beacon_say(struct pg_beacon *b)
{
	struct pg_buf text = PG_BUF_INIT(PG_BEACON_MAX);
	struct pg_value *ref = NULL;
	bool inward;
	size_t i;

	if (b->ops->self != NULL)
		ref = b->ops->self(b->arg, &b->arena);
	if (ref == NULL)
		return;
	pg_beacon_write(&text, ref);
	inward = b->ops->inward(b->arg);
	for (i = 0; i < PG_COUNT(b->ports) && !text.failed; i++)
		if (b->ports[i].fd >= 0)
			beacon_send(&b->ports[i], pg_buf_str(&text), inward);
	pg_buf_fini(&text);
	pg_arena_reset(&b->arena);
}

static void
beacon_look(struct pg_beacon *b)
{
	int n = pg_iface_list(b->ifaces, NULL);
	size_t i;

	b->ticks = PG_BEACON_LOOKS;
	b->nifaces = PG_MAX(n, 0);
	for (i = 0; i < PG_COUNT(b->ports); i++) {
		if (b->ports[i].fd < 0)
			beacon_port_open(&b->ports[i]);
		if (b->ports[i].fd >= 0)
			beacon_look_at(&b->ports[i]);
	}
}

static void
beacon_tick(struct pg_timer *t)
{
	struct pg_beacon *b = PG_CONTAINER(t, struct pg_beacon, timer);

	pg_timer_set(b->loop, t, PG_BEACON_INTERVAL, beacon_tick);
	if (b->ticks == 0)
		beacon_look(b);
	b->ticks--;
	if (b->left == 0)
		beacon_pause(b, false);
	b->left = PG_BEACON_RATE_MAX;
	beacon_say(b);
}

/* ---- life ---------------------------------------------------------------- */

PG_FN struct pg_beacon *
pg_beacon_new(struct pg_loop *l, const struct pg_beacon_ops *ops, void *arg)
{
	static const char *const groups[] = { PG_BEACON_GROUP,
		PG_BEACON_GROUP6 };
	struct pg_beacon *b = pg_alloc(sizeof(*b));
	size_t i;

	b->loop = l;
	b->ops = ops;
	b->arg = arg;
	for (i = 0; i < PG_COUNT(b->ports); i++) {
		b->ports[i].beacon = b;
		b->ports[i].fd = -1;
		pg_addr_parse(pg_str(groups[i]), PG_BEACON_PORT,
		    &b->ports[i].group);
	}
	pg_beacon_now(b);
	return b;
}

PG_FN void
pg_beacon_free(struct pg_beacon *b)
{
	size_t i;

	if (b == NULL)
		return;
	pg_timer_stop(&b->timer);
	for (i = 0; i < PG_COUNT(b->ports); i++)
		beacon_port_close(&b->ports[i]);
	pg_arena_fini(&b->arena);
	free(b);
}

PG_FN void
pg_beacon_now(struct pg_beacon *b)
{
	b->ticks = 0;
	pg_timer_set(b->loop, &b->timer, 0, beacon_tick);
}
