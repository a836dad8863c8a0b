/* pool: connections of a client.
 *
 * An idle connection is watched: the peer may close it at any time, and
 * whatever else it says out of turn makes the connection worthless.
 */
#include "pool.h"
#include "../base/mem.h"

#include <sys/socket.h>
#include <unistd.h>

static void
pool_unlink(struct pg_link *k)
{
	if (k->next != NULL)
		k->next->prev = k->prev;
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		k->pool->idle = k->next;
	k->prev = k->next = NULL;
	k->pool->nidle--;
	pg_timer_stop(&k->expiry);
}

static void
pool_close_idle(struct pg_link *k)
{
	pool_unlink(k);
	pg_link_drop(k);
}

static void
pool_on_ready(struct pg_io *io, uint32_t events)
{
	struct pg_link *k = PG_CONTAINER(io, struct pg_link, io);

	if (k->user == NULL)
		pool_close_idle(k);
	else
		k->pool->on_ready(k, events);
}

PG_FN struct pg_link *
pg_link_new(struct pg_link_pool *p, int fd, const struct pg_url *url,
    uint32_t events, void *user, struct pg_err *e)
{
	struct pg_link *k = pg_alloc(sizeof(*k));

	if (pg_io_add(p->loop, &k->io, fd, events, pool_on_ready, e) < 0) {
		close(fd);
		free(k);
		return NULL;
	}
	k->pool = p;
	k->user = user;
	k->host = pg_strdup(url->host);
	k->port = url->port;
	return k;
}

/* The pool may be gone by now. */
static void
pool_sweep(struct pg_task *t)
{
	struct pg_link *k = PG_CONTAINER(t, struct pg_link, sweep);

	pg_buf_fini(&k->in);
	free(k->host);
	free(k);
}

PG_FN void
pg_link_drop(struct pg_link *k)
{
	k->user = NULL;
	pg_timer_stop(&k->expiry);
	pg_io_del(&k->io);
	close(k->io.fd);
	pg_loop_defer(k->pool->loop, &k->sweep, pool_sweep);
}

static void
pool_expire(struct pg_timer *t)
{
	pool_close_idle(PG_CONTAINER(t, struct pg_link, expiry));
}

/* Make room by closing the one that was used the longest time ago. */
static void
pool_trim(struct pg_link_pool *p)
{
	struct pg_link *k = p->idle;

	if (p->nidle < PG_CLIENT_IDLE_MAX)
		return;
	while (k->next != NULL)
		k = k->next;
	pool_close_idle(k);
}

PG_FN void
pg_link_keep(struct pg_link *k)
{
	struct pg_link_pool *p = k->pool;

	pool_trim(p);
	k->user = NULL;
	k->reused = true;
	k->next = p->idle;
	if (k->next != NULL)
		k->next->prev = k;
	p->idle = k;
	p->nidle++;
	pg_io_want(&k->io, EPOLLIN);
	pg_timer_set(p->loop, &k->expiry, PG_CLIENT_IDLE_TIME, pool_expire);
}

/* Whether the peer has neither closed nor said anything. */
static bool
pool_is_quiet(const struct pg_link *k)
{
	char byte;

	return recv(k->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK);
}

PG_FN struct pg_link *
pg_link_take(struct pg_link_pool *p, const struct pg_url *url, void *user)
{
	struct pg_link *k, *next;

	for (k = p->idle; k != NULL; k = next) {
		next = k->next;
		if (k->port != url->port || !pg_str_eqz(url->host, k->host))
			continue;
		pool_unlink(k);
		if (pool_is_quiet(k)) {
			pg_buf_reset(&k->in);
			k->user = user;
			return k;
		}
		pg_link_drop(k);
	}
	return NULL;
}

PG_FN void
pg_link_pool_fini(struct pg_link_pool *p)
{
	while (p->idle != NULL)
		pool_close_idle(p->idle);
}
