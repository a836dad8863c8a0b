/* courier: see courier.h. */

#include "courier.h"

#include "../codec/pickle_check.h"
#include "../codec/url.h"
#include "envelope.h"
#include "remote.h"
#include "wire.h"

#define COURIER_ARENA_MAX (PG_REMOTE_REPLY_MAX * 4) /* of a decoded answer */
#define COURIER_BUSY_TIME (100 * PG_MS) /* between two looks for a worker */

/* ---- Asking -------------------------------------------------------------- */

static void
courier_on_health(void *arg, const struct pg_response *r)
{
	struct pg_courier *c = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_err err = { 0 };
	int rc;

	c->call = NULL;
	pg_arena_init(&a, COURIER_ARENA_MAX);
	rc = pg_remote_reply(c->host, c->url, r, &a, &v, &err);
	if (rc == 0)
		rc = pg_destination_read(c->host, c->url, v, c->arena,
		    &c->target, &err);
	if (rc == 0)
		rc = pg_ticket_check(&c->ticket, c->url, v, &err);
	c->ops->asked(c, rc < 0 ? &err : NULL);
	pg_arena_fini(&a);
}

PG_FN void
pg_courier_ask(struct pg_courier *c)
{
	c->call = pg_remote_get(c->host, c->url, c->ticket.timeout,
	    courier_on_health, c, "/health");
}

/* ---- The envelope -------------------------------------------------------- */

/* The messages it has seen, the one that makes it leave with the answer that
 * this one will get. */
static struct pg_value *
courier_seen(const struct pg_courier *c, const struct pg_papers *p)
{
	struct pg_arena *a = c->arena;
	struct pg_value *list = pg_dedupe_value(p->agent->window, a,
	    pg_loop_now(c->host->loop)), *copy = NULL;
	const struct pg_msg *msg = p->agent->running;
	struct pg_buf b = { 0 };

	if (p->in_call && msg != NULL && msg->given_id) {
		pg_wire_bare(&b, pg_wire_proxy(a, c->target.address,
		    p->agent->id), NULL);
		list = pg_dedupe_foresee(list, a, msg->once,
		    &(struct pg_outcome){ .body = pg_buf_str(&b) });
	}
	if (list != NULL && pg_value_copy(a, list, &copy) < 0)
		copy = NULL;
	pg_buf_fini(&b);
	return copy;
}

static struct pg_value *
courier_metadata(const struct pg_courier *c, const struct pg_papers *p)
{
	struct pg_arena *a = c->arena;
	struct pg_value *d = pg_value_dict(a), *seen;

	if (p->kind != PG_KIND_RETRACT)
		pg_put(a, d, "transfer_ticket", pg_ticket_value(&c->ticket,
		    c->url, a));
	pg_put_strz(a, d, "transfer_id", p->transfer_id);
	if (p->files != NULL)
		pg_put(a, d, "registered_files", p->files);
	if (p->agent->restart != PG_RESTART_AS_CLASS)
		pg_put_strz(a, d, "restart",
		    pg_restart_word(p->agent->restart));
	if (p->kind != PG_KIND_CLONE && (seen = courier_seen(c, p)) != NULL)
		pg_put(a, d, "seen", seen);
	return d;
}

PG_FN void
pg_courier_write(struct pg_courier *c, const struct pg_papers *p)
{
	const struct pg_agent *a = p->agent;
	struct pg_envelope v = { .kind = pg_str(pg_kind_name(p->kind)),
		.agent_id = p->agent_id, .class_name = a->class_name,
		.state_class = a->state_class,
		.source_name = c->host->name,
		.source_address = c->host->address,
		.target_name = c->target.name,
		.target_address = c->target.address };

	if (p->kind == PG_KIND_CLONE)
		v.clone_of = a->id;
	v.metadata = courier_metadata(c, p);
	pg_envelope_write(&v, &c->head, &c->tail);
}

static void
courier_on_retry_time(struct pg_timer *t)
{
	pg_courier_post(PG_CONTAINER(t, struct pg_courier, timer));
}

/* ---- Looking through a large state --------------------------------------- */

/* A worker looks whether what the paglet's process gave is data and nothing
 * else. Our hosts see for themselves; others run what they are sent. */
struct courier_check {
	struct pg_job job;
	struct pg_courier *courier; /* NULL: stopped meanwhile */
	struct pg_bulk *bulk;       /* a reference */
	struct pg_str state;        /* in it */
	struct pg_err err;
};

static void
courier_check_free(struct pg_job *j)
{
	struct courier_check *k = PG_CONTAINER(j, struct courier_check, job);

	pg_bulk_unref(k->bulk);
	free(k);
}

static void
courier_check_run(struct pg_job *j)
{
	struct courier_check *k = PG_CONTAINER(j, struct courier_check, job);

	pg_pickle_check(k->state, &k->err);
}

static void
courier_check_done(struct pg_job *j)
{
	struct courier_check *k = PG_CONTAINER(j, struct courier_check, job);
	struct pg_courier *c = k->courier;
	struct pg_err err = k->err;

	courier_check_free(j);
	if (c == NULL)
		return;
	c->check = NULL;
	c->checked = true;
	if (err.code == PG_E_OK) {
		pg_courier_post(c);
		return;
	}
	pg_wrap(&err, "the state that its process gave");
	c->attempt++;
	c->ops->failed(c, &err, false);
}

/* Whether the post has to wait for that. */
static bool
courier_checks(struct pg_courier *c)
{
	struct courier_check *k;

	if (c->checked || c->target.settles ||
	    c->state.len <= PG_FRAME_INLINE_MAX)
		return false;
	k = c->check = pg_alloc(sizeof(*k));
	*k = (struct courier_check){ .courier = c, .job = {
		.run = courier_check_run, .done = courier_check_done,
		.drop = courier_check_free } };
	k->bulk = pg_bulk_ref(c->state.bulk);
	k->state = (struct pg_str){ k->bulk->p + c->state.off, c->state.len };
	if (pg_work_submit(c->host->work, &k->job, NULL) < 0) {
		/* Too much to do just now. */
		courier_check_free(&k->job);
		c->check = NULL;
		pg_timer_set(c->host->loop, &c->timer, COURIER_BUSY_TIME,
		    courier_on_retry_time);
	}
	return true;
}

/* ---- Posting ------------------------------------------------------------- */

static void
courier_failed(struct pg_courier *c, const struct pg_response *r,
    const struct pg_err *err)
{
	/* An error in the words of a host is a decision; silence, what a
	 * gateway says, and what a host did not foresee, is not. */
	if (r->status == 0 ? r->maybe_sent : !pg_remote_decided(r) ||
	    (r->status == 500 && c->target.settles))
		c->ambiguous = true;
	c->ops->attempt_failed(c, err);
	if (c->attempt <= c->ticket.retries)
		pg_timer_set(c->host->loop, &c->timer,
		    PG_MAX(c->ticket.retry_interval, 1),
		    courier_on_retry_time);
	else
		c->ops->failed(c, err, c->ambiguous);
}

/* Where an answer says that it is now. Who does not say it did not understand
 * what was posted, though it answered 200. */
static int
courier_read_where(const struct pg_value *v, struct pg_str *url,
    struct pg_err *e)
{
	struct pg_url parsed;

	*url = pg_value_text(pg_value_get(pg_value_get(v, "proxy"),
	    "host_url"), PG_STR_NULL);
	if (pg_url_parse(*url, &parsed, NULL) == 0)
		return 0;
	return pg_fail(e, PG_E_REMOTE, "the answer has no proxy");
}

static void
courier_on_posted(void *arg, const struct pg_response *r)
{
	struct pg_courier *c = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_str url;
	struct pg_err err = { 0 };

	c->call = NULL;
	pg_arena_init(&a, COURIER_ARENA_MAX);
	if (pg_remote_reply(c->host, c->target.address, r, &a, &v,
	    &err) == 0 && courier_read_where(v, &url, &err) == 0)
		c->ops->delivered(c, url);
	else
		courier_failed(c, r, &err);
	pg_arena_fini(&a);
}

PG_FN void
pg_courier_post(struct pg_courier *c)
{
	struct pg_post post = { .type = "application/x-paglets-pickle",
		.timeout = c->ticket.timeout, .nbody = 3 };

	if (courier_checks(c))
		return;
	c->attempt++;
	post.body[0].text = pg_buf_str(&c->head);
	post.body[1].bulk = c->state.bulk;
	post.body[1].off = c->state.off;
	post.body[1].len = c->state.len;
	post.body[2].text = pg_buf_str(&c->tail);
	c->call = pg_remote_post(c->host, c->target.address, &post,
	    courier_on_posted, c, "/agents");
}

/* ---- Ends ---------------------------------------------------------------- */

PG_FN void
pg_courier_stop(struct pg_courier *c)
{
	pg_timer_stop(&c->timer);
	if (c->check != NULL)
		c->check->courier = NULL;
	c->check = NULL;
	if (c->call != NULL)
		pg_call_cancel(c->call);
	c->call = NULL;
}

PG_FN void
pg_courier_fini(struct pg_courier *c)
{
	pg_courier_stop(c);
	pg_bulk_unref(c->state.bulk);
	pg_buf_fini(&c->head);
	pg_buf_fini(&c->tail);
}

#undef COURIER_ARENA_MAX
#undef COURIER_BUSY_TIME
