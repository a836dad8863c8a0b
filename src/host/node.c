/* node: see node.h.
 *
 * Connecting again and again is what keeps the rest going: it tells the hub
 * how we are, brings its news of the mesh, and finds out whether the hub can
 * be reached. While it can, polls are kept open, and each delivery that one
 * brings is done here; while it can not, there are no polls, for those that
 * are open may lead nowhere.
 *
 * A delivery is done once, whoever tells of it again. Its ack is sent until
 * the hub has taken it or it is too late.
 */

#include "node.h"

#include "../base/log.h"
#include "../codec/json.h"
#include "../codec/url.h"
#include "api.h"
#include "gossip.h"
#include "inbound.h"
#include "porter.h"
#include "relay.h"
#include "remote.h"
#include "wire.h"

#define NODE_TREE_MAX ((size_t)256 << 20) /* memory of a decoded delivery */
/* So often hub and node may tell each other only what is new to them and yet
 * not agree; then the node asks for everything. */
#define NODE_APART_MAX 4

struct node_poll {
	struct pg_node *node;
	struct pg_call *call; /* NULL: none */
	int64_t begun;
	bool hasty; /* the last one brought nothing, and at once */
};

/* What a delivery has come to. Owner: the node, until it is pushed out of
 * the ring; when it is still being done then, itself. */
struct node_delivery {
	struct pg_node *node; /* NULL: gone */
	struct node_delivery *prev, *next; /* among those not over */
	char id[PG_ID_LEN + 1];
	struct pg_bulk *ack; /* until the hub has it */
	struct pg_porter *porter; /* carries an artifact for it; or NULL */
	struct pg_call *call;
	struct pg_timer timer; /* tries the ack again */
	int64_t due;  /* when it is too late for that */
	bool doing;
	bool kept;    /* in the ring */
};

/* Owner: the host. */
struct pg_node {
	struct pg_host *host;
	struct pg_str hub;  /* URL */
	struct pg_str name; /* ours, as it stands in a path */
	struct pg_str head; /* the header line with our secret */
	char secret[PG_NODE_SECRET_LEN + 1];
	struct pg_call *greeting; /* under way, or NULL */
	struct pg_buf body;       /* its body */
	struct pg_timer timer;    /* the next one */
	int64_t pause;            /* after the next failure */
	uint64_t random;
	struct pg_str member; /* URL of the hub in the mesh; empty: unknown */
	bool up;      /* the last connect went well */
	bool told;    /* we were told of all hosts since we came up */
	int apart;    /* answers in a row that did not agree with us */
	bool leaving;
	struct node_poll polls[PG_NODE_POLLS];
	struct node_delivery *first; /* those not over */
	size_t nopen; /* of them, */
	size_t ndoing; /* and of those without an ack yet */
	struct node_delivery *seen[PG_NODE_SEEN_MAX]; /* a ring */
	size_t nseen; /* ever put into it */
	struct pg_map ids; /* of those in the ring */
};

static void node_greet(struct pg_timer *t);
static void node_poll(struct node_poll *p);

static int64_t
node_now(const struct pg_node *n)
{
	return pg_loop_now(n->host->loop);
}

/* ---- Trouble ----------------------------------------------------------------------- */

/* Between half and all of it, so that many do not come back at once. */
static int64_t
node_jitter(struct pg_node *n, int64_t time)
{
	n->random = n->random * UINT64_C(6364136223846793005) + 1;
	return time / 2 + (int64_t)((n->random >> 33) %
	    (uint64_t)(time / 2 + 1));
}

static void
node_stop_polls(struct pg_node *n)
{
	size_t i;

	for (i = 0; i < PG_NODE_POLLS; i++) {
		if (n->polls[i].call != NULL)
			pg_call_cancel(n->polls[i].call);
		n->polls[i].call = NULL;
		n->polls[i].hasty = false;
	}
}

static void
node_stop_greeting(struct pg_node *n)
{
	if (n->greeting != NULL)
		pg_call_cancel(n->greeting);
	n->greeting = NULL;
}

/* The hub can not be reached, or does not want us. */
static void
node_down(struct pg_node *n, const struct pg_err *e)
{
	if (n->up || n->pause == 0) {
		pg_log(PG_LOG_WARN, "node: %s", e->msg);
		pg_host_event(n->host, "relay-client-error", NULL, NULL, e);
	}
	n->up = n->told = false;
	n->pause = PG_MIN(PG_MAX(2 * n->pause, PG_NODE_PAUSE_MIN),
	    PG_NODE_PAUSE_MAX);
	node_stop_polls(n);
	node_stop_greeting(n);
	pg_timer_set(n->host->loop, &n->timer, node_jitter(n, n->pause),
	    node_greet);
}

/* ---- Requests to the hub ----------------------------------------------------------- */

static struct pg_call *
node_ask(struct pg_node *n, const char *method, struct pg_str path,
    const struct pg_segment *body, int64_t timeout, size_t max,
    pg_client_done *done, void *arg)
{
	struct pg_buf url = PG_BUF_INIT(0);
	struct pg_request r = { .method = method,
		.bearer = n->host->cfg.api_key, .head = n->head,
		.timeout = timeout, .max_reply = max };
	struct pg_call *call;

	pg_buf_puts(&url, n->hub);
	pg_buf_puts(&url, path);
	r.url = pg_buf_str(&url);
	if (body != NULL) {
		r.content_type = "application/json";
		r.body[0] = *body;
		r.nbody = 1;
	}
	call = pg_client_start(n->host->client, &r, done, arg);
	pg_buf_fini(&url);
	return call;
}

/* ---- Acks -------------------------------------------------------------------------- */

static void node_send_ack(struct pg_timer *t);

static void
node_delivery_free(struct node_delivery *d)
{
	pg_bulk_unref(d->ack);
	free(d);
}

/* Nothing is to be done about it any more. */
static void
node_delivery_over(struct node_delivery *d)
{
	if (d->next != NULL)
		d->next->prev = d->prev;
	if (d->prev != NULL)
		d->prev->next = d->next;
	else
		d->node->first = d->next;
	d->prev = d->next = NULL;
	d->node->nopen--;
	pg_bulk_unref(d->ack);
	d->ack = NULL;
	d->doing = false;
	if (!d->kept)
		node_delivery_free(d);
}

static void
node_on_acked(void *arg, const struct pg_response *r)
{
	struct node_delivery *d = arg;
	bool again = r->status == 0 || r->status >= 500;

	d->call = NULL;
	if (again && node_now(d->node) < d->due)
		pg_timer_set(d->node->host->loop, &d->timer,
		    node_jitter(d->node, PG_SEC), node_send_ack);
	else
		node_delivery_over(d);
}

static void
node_send_ack(struct pg_timer *t)
{
	struct node_delivery *d = PG_CONTAINER(t, struct node_delivery, timer);
	struct pg_segment body = { .bulk = d->ack, .len = d->ack->n };
	struct pg_arena a = { 0 };

	d->call = node_ask(d->node, "POST", pg_arena_printf(&a,
	    "/relay/ack/%s", d->id), &body, PG_NODE_TIMEOUT,
	    PG_REMOTE_REPLY_MAX, node_on_acked, d);
	pg_arena_fini(&a);
}

/* A delivery is done. */
static void
node_done(void *arg, struct pg_buf *ack)
{
	struct node_delivery *d = arg;
	struct pg_err e = { 0 };

	if (d->node == NULL) {
		node_delivery_free(d);
		return;
	}
	d->node->ndoing--;
	d->ack = pg_bulk_copy(pg_buf_str(ack), &e);
	if (ack->n == 0 || ack->failed || d->ack == NULL) {
		node_delivery_over(d);
		return;
	}
	d->due = node_now(d->node) + PG_NODE_ACK_TIME;
	node_send_ack(&d->timer);
}

/* ---- Deliveries -------------------------------------------------------------------- */

/* Remember it instead of the one that was remembered longest. */
static void
node_remember(struct pg_node *n, struct node_delivery *d)
{
	struct node_delivery **place = &n->seen[n->nseen % PG_NODE_SEEN_MAX];
	struct node_delivery *old = *place;

	if (old != NULL) {
		pg_map_del(&n->ids, pg_str(old->id));
		old->kept = false;
		if (!old->doing)
			node_delivery_free(old);
	}
	*place = d;
	n->nseen++;
	d->kept = true;
	pg_map_put(&n->ids, pg_str(d->id), d);
}

static struct node_delivery *
node_take(struct pg_node *n, struct pg_str id)
{
	struct node_delivery *d = pg_alloc(sizeof(*d));

	d->node = n;
	memcpy(d->id, id.p, id.n);
	d->doing = true;
	d->next = n->first;
	if (d->next != NULL)
		d->next->prev = d;
	n->first = d;
	n->nopen++;
	n->ndoing++;
	node_remember(n, d);
	return d;
}

/* Our hubs give 32 hex digits, as do Python's. */
static int
node_check_id(struct pg_str id, struct pg_err *e)
{
	size_t i;

	for (i = 0; i < id.n; i++)
		if (strchr("0123456789abcdef", id.p[i]) == NULL ||
		    id.p[i] == '\0')
			break;
	if (id.n == 0 || id.n > PG_ID_LEN || i < id.n)
		return pg_fail(e, PG_E_HOST, "ill-formed delivery id");
	return 0;
}

static void
node_refuse(struct node_delivery *d, const struct pg_err *e)
{
	struct pg_buf ack = PG_BUF_INIT(0);

	pg_inbound_put_error(&ack, e);
	node_done(d, &ack);
	pg_buf_fini(&ack);
}

static void
node_ported(void *arg, struct pg_buf *ack)
{
	struct node_delivery *d = arg;

	d->porter = NULL;
	node_done(d, ack);
}

/* Artifacts go by themselves, not within deliveries and acks. */
static void
node_port(struct node_delivery *d, const struct pg_value *payload, bool in)
{
	struct pg_node *n = d->node;
	struct pg_err e = { 0 };

	if (in)
		d->porter = pg_porter_import(n->host, n->hub, payload,
		    node_ported, d, &e);
	else
		d->porter = pg_porter_export(n->host, n->hub, payload,
		    node_ported, d, &e);
	if (d->porter == NULL)
		node_refuse(d, &e);
}

/* What a poll has brought. Owner: itself. */
struct node_arrival {
	struct pg_job job;
	struct pg_node *node;
	struct pg_bulk *body;
	struct pg_arena arena;
	const struct pg_value *delivery; /* NULL: none */
	struct pg_str id, kind;
	struct pg_inbound in;
	struct pg_err err;     /* there is none, or it is ill-formed, */
	struct pg_err refused; /* or it is to be answered with this */
};

static bool
node_is_port(const struct node_arrival *v)
{
	return pg_str_eqz(v->kind, "artifact-import") ||
	    pg_str_eqz(v->kind, "artifact-export");
}

/* Any thread. */
static void
node_read(struct node_arrival *v)
{
	struct pg_value *answer = NULL;

	pg_arena_init(&v->arena, NODE_TREE_MAX);
	if (pg_json_read(pg_bulk_str(v->body), &v->arena, &answer,
	    &v->err) < 0)
		return;
	v->delivery = pg_value_get(answer, "delivery");
	if (!pg_value_is(v->delivery, PG_T_DICT)) {
		v->delivery = NULL;
		return;
	}
	if (pg_field_str(v->delivery, "delivery_id", &v->id, &v->err) < 0 ||
	    node_check_id(v->id, &v->err) < 0)
		return;
	v->kind = pg_value_text(pg_value_get(v->delivery, "kind"),
	    PG_STR_NULL);
	if (!node_is_port(v))
		pg_inbound_read(v->delivery, &v->in, &v->refused);
}

static void
node_arrival_free(struct node_arrival *v)
{
	pg_inbound_fini(&v->in);
	pg_arena_fini(&v->arena);
	pg_bulk_unref(v->body);
	free(v);
}

static void
node_arrival_drop(struct pg_job *j)
{
	node_arrival_free(PG_CONTAINER(j, struct node_arrival, job));
}

static void
node_begin(struct node_delivery *d, struct node_arrival *v)
{
	if (v->refused.code != PG_E_OK)
		node_refuse(d, &v->refused);
	else if (node_is_port(v))
		node_port(d, pg_value_get(v->delivery, "payload"),
		    pg_str_eqz(v->kind, "artifact-import"));
	else
		pg_inbound_start(d->node->host, &v->in, node_done, d);
}

static void
node_do(struct pg_node *n, struct node_arrival *v)
{
	struct node_delivery *d;
	struct pg_err e = { 0 };

	if (v->err.code != PG_E_OK) {
		pg_log(PG_LOG_WARN, "node: delivery left out: %s",
		    v->err.msg);
		return;
	}
	/* None, or one that is done or being done. */
	if (v->delivery == NULL || pg_map_get(&n->ids, v->id) != NULL)
		return;
	/* Of a hub that takes no acks, and sends on. */
	if (n->nopen >= PG_NODE_OPEN_MAX) {
		pg_log(PG_LOG_DEBUG, "node: delivery left out: %d have no "
		    "end", PG_NODE_OPEN_MAX);
		return;
	}
	d = node_take(n, v->id);
	if (n->ndoing <= PG_NODE_DELIVERIES_MAX) {
		node_begin(d, v);
		return;
	}
	pg_fail(&e, PG_E_BUSY, "%.*s is busy with %d deliveries",
	    PG_STR_ARG(n->host->name), PG_NODE_DELIVERIES_MAX);
	node_refuse(d, &e);
}

static void
node_arrival_run(struct pg_job *j)
{
	node_read(PG_CONTAINER(j, struct node_arrival, job));
}

static void
node_arrival_done(struct pg_job *j)
{
	struct node_arrival *v = PG_CONTAINER(j, struct node_arrival, job);

	node_do(v->node, v);
	node_arrival_free(v);
}

/* A poll has brought this. It is begun before the next poll, for that delays
 * it, and there are others; a long one is read on a worker, and the next poll
 * does not wait for it. A hub that has nothing, and at once, time and again, is
 * asked when we greet it. */
static void
node_arrived(struct node_poll *p, struct pg_bulk *body, bool soon)
{
	struct pg_node *n = p->node;
	struct node_arrival *v = pg_alloc(sizeof(*v));
	bool hasty = false, before = p->hasty, long_one;

	v->node = n;
	v->body = pg_bulk_ref(body);
	v->job.run = node_arrival_run;
	v->job.done = node_arrival_done;
	v->job.drop = node_arrival_drop;
	long_one = body->n > PG_API_WORKER_MIN && pg_work_submit(
	    n->host->work, &v->job, &v->err) == 0;
	if (!long_one) {
		v->err = (struct pg_err){ 0 };
		node_arrival_run(&v->job);
		hasty = soon && (v->delivery == NULL ||
		    v->err.code != PG_E_OK);
	}
	p->hasty = hasty;
	if (!long_one)
		node_arrival_done(&v->job);
	if (!hasty || !before)
		node_poll(p);
}

/* ---- Polls ------------------------------------------------------------------------- */

static void
node_on_poll(void *arg, const struct pg_response *r)
{
	struct node_poll *p = arg;
	struct pg_node *n = p->node;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_err e = { 0 };

	p->call = NULL;
	if (r->status == 200 && r->body != NULL) {
		node_arrived(p, r->body, node_now(n) - p->begun <
		    PG_NODE_HASTE_TIME);
		return;
	}
	pg_arena_init(&a, PG_REMOTE_REPLY_MAX * 4);
	if (pg_remote_answer(r, true, &a, &v, &e) == 0)
		pg_fail(&e, PG_E_REMOTE, "no answer");
	pg_wrap(&e, "poll");
	/* Connecting tells what is wrong, and polls again. */
	node_down(n, &e);
	pg_arena_fini(&a);
}

static void
node_poll(struct node_poll *p)
{
	struct pg_node *n = p->node;
	struct pg_arena a = { 0 };

	if (n->leaving || p->call != NULL)
		return;
	p->begun = node_now(n);
	p->call = node_ask(n, "GET", pg_arena_printf(&a,
	    "/relay/poll/%.*s?timeout=%.0f", PG_STR_ARG(n->name),
	    pg_to_seconds(PG_NODE_POLL_TIME)), NULL,
	    PG_NODE_POLL_TIME + 2 * PG_NODE_TIMEOUT, PG_NODE_REPLY_MAX,
	    node_on_poll, p);
	pg_arena_fini(&a);
}

/* ---- Connect ----------------------------------------------------------------------- */

/* The hub's answer to our greeting; a Python hub lists all hosts. */
static void
node_greeted(struct pg_node *n, const struct pg_value *answer)
{
	struct pg_str hub = n->hub;

	pg_field_str_opt(answer, "hub", &hub, NULL);
	n->apart = pg_mesh_told(n->host->mesh, hub, answer) ? 0 :
	    n->apart + 1;
	n->told = n->apart < NODE_APART_MAX;
	if (!n->told)
		n->apart = 0;
	if (hub.n <= PG_HOSTREF_URL_MAX && !pg_str_eq(hub, n->member))
		n->member = pg_arena_str(&n->host->arena, hub);
}

static void
node_on_greeted(void *arg, const struct pg_response *r)
{
	struct pg_node *n = arg;
	struct pg_arena a;
	struct pg_value *v = NULL;
	struct pg_err e = { 0 };
	size_t i;

	n->greeting = NULL;
	if (n->leaving)
		return;
	pg_arena_init(&a, PG_REMOTE_ARENA_MAX);
	if (pg_remote_answer(r, true, &a, &v, &e) < 0) {
		node_down(n, &e);
		goto out;
	}
	if (!n->up)
		pg_log(PG_LOG_INFO, "node: connected to %.*s",
		    PG_STR_ARG(n->hub));
	n->up = true;
	node_greeted(n, v);
	for (i = 0; i < PG_NODE_POLLS; i++)
		node_poll(&n->polls[i]);
	pg_timer_set(n->host->loop, &n->timer, PG_NODE_GREET_TIME,
	    node_greet);
out:
	pg_arena_fini(&a);
}

static void
node_send_greeting(struct pg_node *n)
{
	struct pg_host *h = n->host;
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a), *health;
	struct pg_segment body = { .len = 0 };

	health = h->up.health(h, &a);
	if (n->leaving)
		pg_put_bool(&a, health, "online", false);
	pg_put(&a, d, "health", health);
	pg_put_strz(&a, d, "node_secret", n->secret);
	if (!n->up)
		pg_put_bool(&a, d, "fresh", true);
	pg_put(&a, d, "greeting", pg_mesh_greet(h->mesh, n->member, !n->told,
	    &a));
	pg_buf_reset(&n->body);
	pg_json_write(&n->body, d, NULL);
	body.text = pg_buf_str(&n->body);
	n->greeting = node_ask(n, "POST", PG_STR("/relay/connect"), &body,
	    PG_NODE_TIMEOUT, PG_GOSSIP_REPLY_MAX, node_on_greeted, n);
	pg_arena_fini(&a);
}

static void
node_greet(struct pg_timer *t)
{
	struct pg_node *n = PG_CONTAINER(t, struct pg_node, timer);

	/* Only now: polls may have found the hub no better than before. */
	if (n->up)
		n->pause = PG_MS;
	pg_mesh_age(n->host->mesh);
	node_send_greeting(n);
}

/* ---- The secret -------------------------------------------------------------------- */

static int
node_read_secret(struct pg_node *n, const char *path, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(2 * PG_NODE_SECRET_LEN);
	struct pg_str text;
	int rc = -1;

	if (pg_file_read(path, &b, e) < 0)
		goto out;
	text = pg_str_trim(pg_buf_str(&b));
	if (text.n != PG_NODE_SECRET_LEN || !pg_all_printable(text)) {
		pg_fail(e, PG_E_HOST, "%s holds no node secret", path);
		goto out;
	}
	memcpy(n->secret, text.p, text.n);
	rc = 0;
out:
	pg_buf_fini(&b);
	return rc;
}

static void
node_make_secret(struct pg_node *n)
{
	char half[PG_ID_LEN + 1];
	size_t at;

	for (at = 0; at < PG_NODE_SECRET_LEN; at += PG_ID_LEN) {
		pg_rand_id(half);
		memcpy(n->secret + at, half, PG_ID_LEN);
	}
}

/* Made on the first connect, and kept: with it the name stays ours. */
static int
node_secret(struct pg_node *n, struct pg_err *e)
{
	const char *dir = n->host->cfg.state_dir;
	struct pg_arena a = { 0 };
	struct pg_str path;
	int rc = 0;

	if (n->host->store == NULL) {
		node_make_secret(n);
		return 0;
	}
	path = pg_arena_printf(&a, "%s/node-secret", dir);
	if (node_read_secret(n, path.p, e) < 0) {
		rc = -1;
		if (e->code == PG_E_SYS && e->sys == ENOENT) {
			*e = (struct pg_err){ 0 };
			node_make_secret(n);
			rc = pg_file_write(path.p, (struct pg_str){
			    n->secret, PG_NODE_SECRET_LEN }, 0600, e);
		}
	}
	pg_arena_fini(&a);
	return rc;
}

/* ---- Life -------------------------------------------------------------------------- */

PG_FN struct pg_node *
pg_node_new(struct pg_host *h, struct pg_err *e)
{
	struct pg_node *n = pg_alloc(sizeof(*n));
	size_t i;

	n->host = h;
	n->random = h->seed[1];
	n->name = pg_percent_encode(&h->arena, h->name);
	pg_map_init(&n->ids, h->seed);
	for (i = 0; i < PG_NODE_POLLS; i++)
		n->polls[i].node = n;
	if (pg_url_normalise(&h->arena, h->cfg.connect_to, &n->hub, e) < 0 ||
	    node_secret(n, e) < 0) {
		pg_node_free(n);
		return NULL;
	}
	n->head = pg_arena_printf(&h->arena, PG_RELAY_SECRET_FIELD ": %s\r\n",
	    n->secret);
	return n;
}

PG_FN void
pg_node_start(struct pg_node *n)
{
	pg_timer_set(n->host->loop, &n->timer, 0, node_greet);
}

PG_FN void
pg_node_leave(struct pg_node *n)
{
	n->leaving = true;
	node_stop_polls(n);
	pg_timer_stop(&n->timer);
	node_stop_greeting(n);
	if (n->up)
		node_send_greeting(n);
}

PG_FN bool
pg_node_busy(const struct pg_node *n)
{
	return n != NULL && n->up && (n->greeting != NULL || n->first != NULL);
}

PG_FN void
pg_node_free(struct pg_node *n)
{
	struct node_delivery *d;
	size_t i;

	if (n == NULL)
		return;
	node_stop_polls(n);
	pg_timer_stop(&n->timer);
	node_stop_greeting(n);
	for (i = 0; i < PG_NODE_SEEN_MAX; i++)
		if ((d = n->seen[i]) != NULL) {
			d->kept = false;
			if (!d->doing)
				node_delivery_free(d);
		}
	while ((d = n->first) != NULL) {
		pg_timer_stop(&d->timer);
		if (d->call != NULL)
			pg_call_cancel(d->call);
		n->first = d->next;
		d->node = NULL;
		pg_porter_cancel(d->porter);
		/* Otherwise what does it will free it. */
		if (d->ack != NULL || d->porter != NULL)
			node_delivery_free(d);
	}
	pg_map_fini(&n->ids);
	pg_buf_fini(&n->body);
	free(n);
}

#undef NODE_TREE_MAX
#undef NODE_APART_MAX
