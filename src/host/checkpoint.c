/* checkpoint: see checkpoint.h. */

#include "checkpoint.h"

#include "wire.h"

struct checkpointing {
	struct pg_agent *agent; /* a reference */
	struct pg_hold hold;
	pg_durable_done *done;
	void *arg;
	/* The message that is answered afterwards, and how; or NULL. */
	struct pg_msg *msg;
	struct pg_err err;
	bool failed;
	struct pg_bulk *body;
	size_t off, len;
};

static void
checkpoint_end(struct checkpointing *k, const struct pg_err *err)
{
	struct pg_outcome o = { .err = err };

	if (k->msg != NULL) {
		if (err == NULL && k->failed)
			o.err = &k->err;
		if (k->body != NULL) {
			o.bulk = k->body;
			o.body = (struct pg_str){ k->body->p + k->off,
				k->len };
		}
		if (err != NULL)
			pg_dedupe_forget(k->agent->window, k->msg->once, &o);
		pg_agent_end_message(k->agent, k->msg, &o);
	}
	pg_agent_release(&k->hold);
	if (k->done != NULL)
		k->done(k->arg, err);
	pg_bulk_unref(k->body);
	pg_agent_unref(k->agent);
	free(k);
}

static void
checkpoint_on_saved(void *arg, const struct pg_err *err)
{
	checkpoint_end(arg, err);
}

static void
checkpoint_on_snapshot(void *arg, struct pg_agent *a,
    const struct pg_outcome *o)
{
	struct checkpointing *k = arg;

	if (o->err != NULL)
		checkpoint_end(k, o->err);
	else
		pg_durable_save(a, PG_DURABLE_ACTIVE, NULL,
		    checkpoint_on_saved, k);
}

static void
checkpoint_on_granted(struct pg_hold *h, const struct pg_err *err)
{
	struct checkpointing *k = PG_CONTAINER(h, struct checkpointing, hold);

	if (err != NULL)
		checkpoint_end(k, err);
	else
		pg_agent_command(h, NULL, PG_AGENT_HOOK_TIME,
		    checkpoint_on_snapshot, k);
}

static struct checkpointing *
checkpoint_new(struct pg_agent *a, pg_durable_done *done, void *arg)
{
	struct checkpointing *k = pg_alloc(sizeof(*k));

	*k = (struct checkpointing){ .agent = a, .done = done, .arg = arg };
	k->hold.granted = checkpoint_on_granted;
	pg_agent_ref(a);
	return k;
}

PG_FN void
pg_checkpoint(struct pg_agent *a, pg_durable_done *done, void *arg)
{
	if (a->host->store == NULL) {
		if (done != NULL)
			done(arg, NULL);
	} else if (a->host->cfg.durability == PG_DURABILITY_NONE &&
	    a->by_move) {
		pg_durable_save(a, PG_DURABLE_ACTIVE, NULL, done, arg);
	} else if (a->host->cfg.durability == PG_DURABILITY_NONE) {
		/* What was on disk is no longer true. */
		pg_durable_forget(a, done, arg);
	} else if (a->state_fresh) {
		/* As it was before the first step of run, which nobody is to
		 * wait for. */
		pg_durable_save(a, PG_DURABLE_ACTIVE, NULL, done, arg);
	} else {
		pg_agent_hold(a, &checkpoint_new(a, done, arg)->hold);
	}
}

/* The running message has been handled: what it did to the state is on disk
 * before its sender hears of it. Takes the message. */
static void
checkpoint_message(struct pg_agent *a, struct pg_msg *m,
    const struct pg_outcome *o)
{
	struct checkpointing *k = checkpoint_new(a, NULL, NULL);

	k->msg = m;
	k->failed = o->err != NULL;
	if (k->failed)
		k->err = *o->err;
	if (o->bulk != NULL) {
		k->body = pg_bulk_ref(o->bulk);
		k->off = (size_t)(o->body.p - o->bulk->p);
	} else if (o->body.n > 0) {
		k->body = pg_bulk_copy(o->body, NULL);
	}
	k->len = k->body != NULL ? o->body.n : 0;
	pg_agent_hold_first(a, &k->hold);
	checkpoint_on_granted(&k->hold, NULL);
}

PG_FN void
pg_checkpoint_init(struct pg_host *h)
{
	h->up.checkpoint_message = pg_durable_every_message(h) ?
	    checkpoint_message : NULL;
}
