/* transfer: see transfer.h. */

#include "transfer.h"

#include "durable.h"

enum transfer_status {
	TRANSFER_RUNNING,
	TRANSFER_COMMITTED,
	TRANSFER_REFUSED
};

struct transfer_waiter {
	pg_arrive_done *done;
	void *arg;
	bool settles; /* a question, not a repeated POST */
	struct transfer_waiter *next;
};

struct pg_transfer {
	struct pg_transfers *owner;
	struct pg_transfer *prev, *next; /* by age */
	enum transfer_status status;
	bool durable; /* a refusal that is on disk */
	bool unnamed; /* its id is the digest of a body */
	int64_t time;
	struct pg_str id; /* owned, behind the struct */
	char *place;      /* committed: URL and agent id, one after the other */
	size_t url_n, agent_n;
	struct transfer_waiter *waiters;
};

struct pg_transfers {
	struct pg_host *host;
	struct pg_map map;
	struct pg_transfer *oldest, *newest;
	size_t n;
};

PG_FN struct pg_transfers *
pg_transfers_new(struct pg_host *h)
{
	struct pg_transfers *t = pg_alloc(sizeof(*t));

	t->host = h;
	pg_map_init(&t->map, h->seed);
	return t;
}

static void
transfer_free(struct pg_transfer *t)
{
	struct pg_transfers *o = t->owner;
	struct transfer_waiter *w;

	pg_map_del(&o->map, t->id);
	o->n--;
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		o->oldest = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	else
		o->newest = t->prev;
	while ((w = t->waiters) != NULL) {
		t->waiters = w->next;
		free(w);
	}
	free(t->place);
	free(t);
}

PG_FN void
pg_transfers_free(struct pg_transfers *t)
{
	if (t == NULL)
		return;
	while (t->oldest != NULL)
		transfer_free(t->oldest);
	pg_map_fini(&t->map);
	free(t);
}

/* Make room: what is too old, or the oldest that is decided. */
static void
transfer_sweep(struct pg_transfers *o)
{
	int64_t now = pg_loop_now(o->host->loop);
	struct pg_transfer *t, *next;

	for (t = o->oldest; t != NULL; t = next) {
		next = t->next;
		if (o->n < PG_TRANSFERS_MAX &&
		    now - t->time < PG_TRANSFER_KEEP_TIME)
			return;
		if (t->status == TRANSFER_RUNNING)
			continue;
		pg_durable_forget_transfer(o->host, t->id, NULL, NULL);
		transfer_free(t);
	}
}

static struct pg_transfer *
transfer_new(struct pg_transfers *o, struct pg_str id,
    enum transfer_status status)
{
	struct pg_transfer *t;

	transfer_sweep(o);
	t = pg_alloc(sizeof(*t) + id.n);
	memcpy(t + 1, id.p, id.n);
	t->owner = o;
	t->id = (struct pg_str){ (const char *)(t + 1), id.n };
	t->status = status;
	t->time = pg_loop_now(o->host->loop);
	t->prev = o->newest;
	if (o->newest != NULL)
		o->newest->next = t;
	else
		o->oldest = t;
	o->newest = t;
	o->n++;
	pg_map_put(&o->map, t->id, t);
	return t;
}

static void
transfer_answer(const struct pg_transfer *t, pg_arrive_done *done, void *arg)
{
	struct pg_err err = { 0 };

	if (t->status == TRANSFER_COMMITTED) {
		done(arg, NULL, (struct pg_str){ t->place, t->url_n },
		    (struct pg_str){ t->place + t->url_n, t->agent_n });
		return;
	}
	pg_fail(&err, PG_E_TRANSFER, "transfer %.*s was settled as refused",
	    PG_STR_ARG(t->id));
	done(arg, &err, PG_STR_NULL, PG_STR_NULL);
}

/* A refusal on its way to the disk: the id is fenced from now on, but nobody
 * is told before it will be so after a crash, too. */
struct transfer_refusal {
	struct pg_host *host;
	struct pg_str id; /* behind the struct */
	pg_arrive_done *done;
	void *arg;
};

static void
transfer_on_refused(void *arg, const struct pg_err *err)
{
	struct transfer_refusal *r = arg;
	struct pg_transfer *t = pg_map_get(&r->host->transfers->map, r->id);

	if (err == NULL && t != NULL)
		t->durable = true;
	if (err != NULL || t == NULL)
		r->done(r->arg, err, PG_STR_NULL, PG_STR_NULL);
	else
		transfer_answer(t, r->done, r->arg);
	free(r);
}

static void
transfer_refuse(struct pg_host *h, struct pg_str id, pg_arrive_done *done,
    void *arg)
{
	struct transfer_refusal *r = pg_alloc(sizeof(*r) + id.n);

	memcpy(r + 1, id.p, id.n);
	r->host = h;
	r->id = (struct pg_str){ (const char *)(r + 1), id.n };
	r->done = done;
	r->arg = arg;
	if (pg_map_get(&h->transfers->map, r->id) == NULL)
		transfer_new(h->transfers, r->id, TRANSFER_REFUSED);
	pg_durable_refuse(h, r->id, transfer_on_refused, r);
}

static void
transfer_wait(struct pg_transfer *t, pg_arrive_done *done, void *arg,
    bool settles)
{
	struct transfer_waiter *w = pg_alloc(sizeof(*w)), **end;

	*w = (struct transfer_waiter){ .done = done, .arg = arg,
		.settles = settles };
	for (end = &t->waiters; *end != NULL; end = &(*end)->next)
		continue;
	*end = w;
}

PG_FN struct pg_transfer *
pg_transfer_begin(struct pg_host *h, struct pg_str id, pg_arrive_done *done,
    void *arg)
{
	struct pg_transfer *t = pg_map_get(&h->transfers->map, id);

	if (t == NULL)
		return transfer_new(h->transfers, id, TRANSFER_RUNNING);
	if (t->status == TRANSFER_RUNNING)
		transfer_wait(t, done, arg, false);
	else
		transfer_answer(t, done, arg);
	return NULL;
}

PG_FN struct pg_transfer *
pg_transfer_begin_body(struct pg_host *h, const uint8_t digest[32],
    pg_arrive_done *done, void *arg)
{
	/* No id that comes from outside begins so. */
	struct pg_buf id = PG_BUF_INIT(0);
	struct pg_transfer *t;

	pg_buf_putc(&id, '=');
	pg_buf_hex(&id, (struct pg_str){ (const char *)digest, 32 });
	t = pg_transfer_begin(h, pg_buf_str(&id), done, arg);
	if (t != NULL)
		t->unnamed = true;
	pg_buf_fini(&id);
	return t;
}

static void
transfer_commit(struct pg_transfer *t, struct pg_str host_url,
    struct pg_str agent_id)
{
	t->status = TRANSFER_COMMITTED;
	t->place = pg_alloc(host_url.n + agent_id.n);
	memcpy(t->place, host_url.p, host_url.n);
	memcpy(t->place + host_url.n, agent_id.p, agent_id.n);
	t->url_n = host_url.n;
	t->agent_n = agent_id.n;
}

PG_FN void
pg_transfer_restore(struct pg_host *h, struct pg_str id, bool committed,
    struct pg_str agent_id, int64_t age)
{
	struct pg_transfer *t = transfer_new(h->transfers, id,
	    TRANSFER_REFUSED);

	t->time -= age;
	t->durable = true;
	if (committed)
		transfer_commit(t, h->address, agent_id);
}

PG_FN void
pg_transfer_end(struct pg_transfer *t, const struct pg_err *err,
    struct pg_str host_url, struct pg_str agent_id)
{
	struct transfer_waiter *w, *waiters = t->waiters;
	bool asked = false;

	for (w = waiters; w != NULL; w = w->next)
		asked = asked || w->settles;
	t->waiters = NULL;
	t->status = TRANSFER_REFUSED; /* nothing on disk says so yet */
	if (err == NULL)
		transfer_commit(t, host_url, agent_id);
	while ((w = waiters) != NULL) {
		waiters = w->next;
		if (err == NULL)
			transfer_answer(t, w->done, w->arg);
		else if (w->settles)
			transfer_refuse(t->owner->host, t->id, w->done,
			    w->arg);
		else
			w->done(w->arg, err, PG_STR_NULL, PG_STR_NULL);
		free(w);
	}
	/* A source that was told the error may try again; one that asked was
	 * told that it is over. */
	if (t->unnamed || (err != NULL && !asked))
		transfer_free(t);
}

PG_FN void
pg_transfer_settle(struct pg_host *h, struct pg_str id, pg_arrive_done *done,
    void *arg)
{
	struct pg_transfer *t = pg_map_get(&h->transfers->map, id);

	if (t == NULL || (t->status == TRANSFER_REFUSED && !t->durable))
		transfer_refuse(h, id, done, arg);
	else if (t->status == TRANSFER_RUNNING)
		transfer_wait(t, done, arg, true);
	else
		transfer_answer(t, done, arg);
}
