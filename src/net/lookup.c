/* lookup: names to addresses.
 *
 * A look-up cannot be interrupted: a cancelled one loses its owner and goes
 * on alone, so its memory belongs to itself. Those that wait for a worker
 * stand in a queue of ours, not of the workers', where they can be taken out.
 */
#include "lookup.h"
#include "../base/mem.h"

#include <netdb.h>

/* Owner: itself. */
struct pg_lookup {
	struct pg_job job;
	struct pg_lookups *q; /* NULL: cancelled while on a worker */
	struct pg_lookup *next;
	pg_lookup_done *done;
	void *arg;
	bool running;
	uint16_t port;
	char host[PG_LOOKUP_NAME_MAX + 1];
	/* Written by the worker. */
	struct pg_addr addrs[PG_LOOKUP_ADDRS_MAX];
	size_t naddrs;
	struct pg_err err;
};

PG_FN size_t
pg_lookup_literal(struct pg_str host, uint16_t port,
    struct pg_addr out[PG_LOOKUP_LITERAL_MAX])
{
	if (pg_addr_parse(host, port, &out[0]) == 0)
		return 1;
	if (!pg_str_ieq(host, PG_STR("localhost")))
		return 0;
	pg_addr_parse(PG_STR("127.0.0.1"), port, &out[0]);
	pg_addr_parse(PG_STR("::1"), port, &out[1]);
	return 2;
}

/* Keep an address, if it is of a kind that we know. */
static void
lookup_keep(struct pg_lookup *u, const struct addrinfo *ai)
{
	struct pg_addr *a = &u->addrs[u->naddrs];

	if (u->naddrs == PG_LOOKUP_ADDRS_MAX ||
	    ai->ai_addrlen > sizeof(a->u) ||
	    (ai->ai_family != AF_INET && ai->ai_family != AF_INET6))
		return;
	memcpy(&a->u, ai->ai_addr, ai->ai_addrlen);
	a->len = ai->ai_addrlen;
	if (ai->ai_family == AF_INET)
		a->u.in.sin_port = htons(u->port);
	else
		a->u.in6.sin6_port = htons(u->port);
	u->naddrs++;
}

/* On a worker. */
static void
lookup_run(struct pg_job *j)
{
	struct pg_lookup *u = PG_CONTAINER(j, struct pg_lookup, job);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *ai;
	int rc = getaddrinfo(u->host, NULL, &hints, &list);

	if (rc != 0) {
		pg_fail(&u->err, PG_E_UNREACHABLE, "look-up of %s: %s",
		    u->host, gai_strerror(rc));
		return;
	}
	for (ai = list; ai != NULL; ai = ai->ai_next)
		lookup_keep(u, ai);
	freeaddrinfo(list);
	if (u->naddrs == 0)
		pg_fail(&u->err, PG_E_UNREACHABLE,
		    "look-up of %s: no address", u->host);
}

static void
lookup_unlink_running(struct pg_lookup *u)
{
	struct pg_lookup **at = &u->q->running;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	u->q->nrunning--;
}

static void lookup_on_done(struct pg_job *j);

/* The workers are gone, and a name server that does not answer is no reason
 * to wait for this one. */
static void
lookup_drop(struct pg_job *j)
{
	free(PG_CONTAINER(j, struct pg_lookup, job));
}

/* Give waiting look-ups to workers, as many as may run. */
static void
lookup_feed(struct pg_lookups *q)
{
	size_t most = q->most > 0 ? q->most : PG_LOOKUP_RUNNING_MAX;
	struct pg_lookup *u;

	while (q->nrunning < most && (u = q->waiting) != NULL) {
		u->job = (struct pg_job){ .run = lookup_run,
			.done = lookup_on_done, .drop = lookup_drop };
		/* Full queue: those that run will come by here again. */
		if (pg_work_submit(q->work, &u->job, &u->err) < 0)
			return;
		u->err.code = PG_E_OK;
		q->waiting = u->next;
		if (q->waiting == NULL)
			q->waiting_end = &q->waiting;
		u->running = true;
		u->next = q->running;
		q->running = u;
		q->nrunning++;
	}
}

static void
lookup_on_done(struct pg_job *j)
{
	struct pg_lookup *u = PG_CONTAINER(j, struct pg_lookup, job);

	if (u->q != NULL) {
		lookup_unlink_running(u);
		lookup_feed(u->q);
	}
	if (u->done != NULL)
		u->done(u->arg, u->addrs, u->naddrs, &u->err);
	free(u);
}

PG_FN struct pg_lookup *
pg_lookup_start(struct pg_lookups *q, struct pg_str host, uint16_t port,
    pg_lookup_done *done, void *arg, struct pg_err *e)
{
	struct pg_lookup *u;

	if (host.n > PG_LOOKUP_NAME_MAX) {
		pg_fail(e, PG_E_UNREACHABLE, "host name is over %d bytes",
		    PG_LOOKUP_NAME_MAX);
		return NULL;
	}
	u = pg_alloc(sizeof(*u));
	u->q = q;
	u->done = done;
	u->arg = arg;
	u->port = port;
	memcpy(u->host, host.p, host.n);
	if (q->waiting == NULL)
		q->waiting_end = &q->waiting;
	*q->waiting_end = u;
	q->waiting_end = &u->next;
	lookup_feed(q);
	if (u->running || q->nrunning > 0)
		return u;
	/* No worker took it, and none is there that would later. */
	*e = u->err;
	pg_lookup_cancel(u);
	return NULL;
}

PG_FN void
pg_lookup_cancel(struct pg_lookup *u)
{
	struct pg_lookup **at = &u->q->waiting;

	u->done = NULL;
	if (u->running)
		return;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	if (*at == NULL)
		u->q->waiting_end = at;
	free(u);
}

PG_FN void
pg_lookups_fini(struct pg_lookups *q)
{
	struct pg_lookup *u;

	while (q->waiting != NULL)
		pg_lookup_cancel(q->waiting);
	while ((u = q->running) != NULL) {
		q->running = u->next;
		u->done = NULL;
		u->q = NULL;
	}
	q->nrunning = 0;
}
