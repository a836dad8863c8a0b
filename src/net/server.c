/* server: listeners.
 *
 * Accepting is bounded per turn, so that a flood of new connections does not
 * keep those we have from being served. A process out of descriptors cannot
 * accept, and a level-triggered listener would spin: it pauses instead, and new
 * connections wait in the kernel.
 */
#include "server.h"
#include "../base/log.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define SERVER_ACCEPTS 64          /* per listener and turn */
#define SERVER_PAUSE (100 * PG_MS) /* when no more can be accepted */

/* Owner: the server. */
struct server_listener {
	struct pg_io io;
	struct pg_timer pause;
	struct pg_server *server; /* NULL: free */
	struct pg_addr addr;      /* with the real port */
	int fd;
	bool told; /* that it is not accepting */
};

/* Owner: whoever called pg_server_new. */
struct pg_server {
	struct pg_conn_set set;
	struct server_listener listeners[PG_SERVER_LISTEN_MAX];
};

/* Agents and files need descriptors too: connections, with those that are
 * turned away, leave a quarter of them. */
static size_t
server_conns_max(void)
{
	struct rlimit r;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return PG_SERVER_CONNS_MAX;
	most = r.rlim_cur / 4 * 3;
	most -= PG_MIN(most / 2, (rlim_t)PG_SERVER_TURNED_AWAY_MAX);
	return (size_t)PG_MIN(most, (rlim_t)PG_SERVER_CONNS_MAX);
}

PG_FN struct pg_server *
pg_server_new(struct pg_loop *l, struct pg_work *w,
    const struct pg_server_ops *ops, void *arg, struct pg_err *e)
{
	struct pg_server *s = pg_alloc(sizeof(*s));

	(void)e;
	s->set.loop = l;
	s->set.slots.work = w;
	s->set.ops = *ops;
	s->set.arg = arg;
	s->set.limits = PG_SERVER_LIMITS;
	s->set.limits.conns = server_conns_max();
	signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
	return s;
}

static void
server_shut(struct server_listener *li)
{
	pg_timer_stop(&li->pause);
	pg_io_del(&li->io);
	close(li->fd);
	li->server = NULL;
}

static void
server_stop_listening(struct pg_server *s)
{
	size_t i;

	for (i = 0; i < PG_SERVER_LISTEN_MAX; i++)
		if (s->listeners[i].server != NULL)
			server_shut(&s->listeners[i]);
}

PG_FN void
pg_server_close(struct pg_server *s)
{
	server_stop_listening(s);
	pg_conn_close_all(&s->set);
}

PG_FN void
pg_server_free(struct pg_server *s)
{
	if (s == NULL)
		return;
	pg_server_close(s);
	pg_conn_set_fini(&s->set);
	free(s);
}

/* Take one more connection; over the limit, to say so. */
static void
server_take(struct pg_server *s, int fd, const struct pg_addr *peer)
{
	size_t max = s->set.limits.conns;
	struct pg_err e = { .code = PG_E_OK };

	if (s->set.nconns < max) {
		pg_conn_open(&s->set, fd, peer);
		return;
	}
	pg_fail(&e, PG_E_BUSY, "too many connections (%zu)", max);
	pg_conn_turn_away(&s->set, fd, peer, &e);
}

static bool
server_is_full(const struct pg_server *s)
{
	return s->set.nconns >=
	    s->set.limits.conns + PG_SERVER_TURNED_AWAY_MAX;
}

static void
server_resume(struct pg_timer *t)
{
	struct server_listener *li =
	    PG_CONTAINER(t, struct server_listener, pause);

	pg_io_want(&li->io, EPOLLIN);
}

static void
server_pause(struct server_listener *li, const char *why)
{
	if (!li->told)
		pg_log(PG_LOG_ERROR, "server: not accepting: %s", why);
	li->told = true;
	pg_io_want(&li->io, 0);
	pg_timer_set(li->server->set.loop, &li->pause, SERVER_PAUSE,
	    server_resume);
}

static void
server_on_ready(struct pg_io *io, uint32_t events)
{
	struct server_listener *li =
	    PG_CONTAINER(io, struct server_listener, io);
	struct pg_addr peer;
	int i, fd;

	(void)events;
	for (i = 0; i < SERVER_ACCEPTS; i++) {
		if (server_is_full(li->server)) {
			server_pause(li, "too many connections");
			return;
		}
		fd = pg_sock_accept(li->fd, &peer);
		if (fd >= 0) {
			li->told = false;
			server_take(li->server, fd, &peer);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != ECONNABORTED && errno != EINTR) {
			server_pause(li, strerror(errno));
			return;
		}
	}
}

static struct server_listener *
server_free_listener(struct pg_server *s)
{
	size_t i;

	for (i = 0; i < PG_SERVER_LISTEN_MAX; i++)
		if (s->listeners[i].server == NULL)
			return &s->listeners[i];
	return NULL;
}

PG_FN int
pg_server_listen(struct pg_server *s, const struct pg_addr *a,
    struct pg_addr *bound, struct pg_err *e)
{
	struct server_listener *li = server_free_listener(s);

	if (li == NULL)
		return pg_fail(e, PG_E_HOST, "at most %d listening addresses",
		    PG_SERVER_LISTEN_MAX);
	*li = (struct server_listener){ .fd = -1 };
	li->fd = pg_sock_listen(a, &li->addr, e);
	if (li->fd < 0)
		return -1;
	if (pg_io_add(s->set.loop, &li->io, li->fd, EPOLLIN, server_on_ready,
	    e) < 0) {
		close(li->fd);
		return -1;
	}
	li->server = s;
	*bound = li->addr;
	return 0;
}

/* Who is connected, but not yet accepted, would be cut off. */
PG_FN void
pg_server_unlisten(struct pg_server *s, const struct pg_addr *bound)
{
	struct server_listener *li;
	size_t i;

	for (i = 0; i < PG_SERVER_LISTEN_MAX; i++) {
		li = &s->listeners[i];
		if (li->server == NULL || !pg_addr_eq(&li->addr, bound))
			continue;
		server_on_ready(&li->io, EPOLLIN);
		server_shut(li);
	}
}

PG_FN void
pg_server_drain(struct pg_server *s)
{
	server_stop_listening(s);
	pg_conn_drain_all(&s->set);
}

/* Only what is handed over whole. */
static int
server_admit(struct pg_server *s, struct pg_exchange *x,
    const struct pg_bulk *body, struct pg_err *e)
{
	int64_t accept = s->set.ops.on_head(s->set.arg, x, e);

	if (accept < 0) {
		x->sink = NULL;
		return -1;
	}
	if (x->sink != NULL) /* which is dropped with the slot */
		return pg_fail(e, PG_E_HOST, "not to be asked from within");
	if (body != NULL && body->n > (uint64_t)accept)
		return pg_fail(e, PG_E_LIMIT, "request body of %zu bytes is "
		    "over the limit of %" PRId64, body->n, accept);
	return 0;
}

PG_FN void
pg_server_ask(struct pg_server *s, const struct pg_addr *peer,
    struct pg_str method, struct pg_str path, struct pg_bulk *body,
    pg_exchange_answer *on_answer, void *arg)
{
	struct pg_slot *w = pg_slot_new(&s->set.slots);
	struct pg_exchange *x = &w->x;
	struct pg_err e = { .code = PG_E_OK };

	w->head = (struct pg_http1_head){ .minor = 1 };
	pg_slot_begin(w, NULL, peer);
	w->head.method = pg_arena_str(&x->arena, method);
	w->head.target = pg_arena_str(&x->arena, path);
	pg_slot_orphan(w);
	x->on_answer = on_answer;
	x->answer_arg = arg;
	if (server_admit(s, x, body, &e) < 0) {
		pg_exchange_fail(x, &e);
		return;
	}
	if (body != NULL)
		x->body = pg_bulk_ref(body);
	s->set.ops.on_request(s->set.arg, x);
}

PG_FN size_t
pg_server_open(const struct pg_server *s)
{
	return s->set.slots.open;
}

#ifdef PG_TEST
struct pg_server_limits *
pg_server_limits(struct pg_server *s)
{
	return &s->set.limits;
}
#endif

#undef SERVER_ACCEPTS
#undef SERVER_PAUSE
