/* message: see message.h. */

#include "message.h"

#include "../codec/json.h"
#include "../codec/pickle.h"
#include "inactive.h"
#include "remote.h"
#include "wire.h"

/* Bytes of a reply from another host. */
#define MESSAGE_REPLY_MAX ((size_t)256 << 20)

/* ---- Records ----------------------------------------------------------- */

struct message_fields {
	struct pg_str kind, id;
	struct pg_value *args, *sender, *reply_to, *path, *priority_value;
	int64_t priority, type;
	double timestamp;
};

static int
message_text_or_null(const struct pg_value *d, const char *key,
    struct pg_value **out, struct pg_err *e)
{
	*out = pg_value_get(d, key);
	if (*out == NULL || pg_value_is(*out, PG_T_NULL) ||
	    pg_value_is(*out, PG_T_STR))
		return 0;
	return pg_fail(e, PG_E_HOST, "field 'message.%s' must be str, got %s",
	    key, pg_value_type_name(*out));
}

static int
message_check_path(struct pg_value *path, struct pg_err *e)
{
	uint32_t i;

	if (path == NULL || pg_value_is(path, PG_T_NULL))
		return 0;
	if (!pg_value_is_seq(path))
		return pg_fail(e, PG_E_HOST,
		    "field 'message.call_path' must be list");
	if (path->n > PG_CALL_PATH_MAX)
		return pg_fail(e, PG_E_LIFECYCLE, "more than %d agents wait "
		    "for each other", PG_CALL_PATH_MAX);
	for (i = 0; i < path->n; i++)
		if (pg_wire_check_id(pg_value_text(path->u.items[i],
		    PG_STR_NULL), e) < 0)
			return pg_wrap(e, "field 'message.call_path'");
	return 0;
}

/* Any integer is one; beyond 64 bits it counts as the outermost. */
static int
message_priority(const struct pg_value *d, struct message_fields *f,
    struct pg_err *e)
{
	f->priority_value = pg_value_get(d, "priority");
	if (!pg_value_is(f->priority_value, PG_T_BIG))
		return pg_field_int_opt(d, "priority", &f->priority, e);
	f->priority = f->priority_value->u.p[0] == '-' ? INT64_MIN : INT64_MAX;
	return 0;
}

static int
message_read(const struct pg_value *d, struct message_fields *f,
    struct pg_err *e)
{
	if (pg_field_str(d, "kind", &f->kind, e) < 0 ||
	    pg_field_str_opt(d, "message_id", &f->id, e) < 0 ||
	    pg_field_dict_opt(d, "args", &f->args, e) < 0 ||
	    message_priority(d, f, e) < 0 ||
	    pg_field_int_opt(d, "message_type", &f->type, e) < 0 ||
	    pg_field_float_opt(d, "timestamp", &f->timestamp, e) < 0)
		return pg_wrap(e, "message");
	if (message_text_or_null(d, "sender", &f->sender, e) < 0 ||
	    message_text_or_null(d, "reply_to", &f->reply_to, e) < 0)
		return -1;
	if (f->type < 0 || f->type > 2)
		return pg_fail(e, PG_E_HOST,
		    "field 'message.message_type' must be 0, 1 or 2");
	f->path = pg_value_get(d, "call_path");
	return message_check_path(f->path, e);
}

static void
message_path_add(struct pg_buf *b, struct pg_str ids)
{
	if (b->n > 0 && ids.n > 0)
		pg_buf_putc(b, ' ');
	pg_buf_puts(b, ids);
}

/* The path as text: ids with blanks between, `via` last. */
static int
message_path(struct pg_msg *m, const struct pg_value *path,
    const struct pg_agent *via, struct pg_err *e)
{
	struct pg_buf b = { 0 };
	uint32_t i;

	for (i = 0; path != NULL && i < path->n; i++)
		message_path_add(&b, pg_value_text(path->u.items[i],
		    PG_STR_NULL));
	if (via != NULL && via->running != NULL)
		message_path_add(&b, via->running->path);
	if (via != NULL)
		message_path_add(&b, via->id);
	m->path = pg_arena_str(&m->arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	if (pg_msg_path_length(m) > PG_CALL_PATH_MAX)
		return pg_fail(e, PG_E_LIFECYCLE, "more than %d agents wait "
		    "for each other", PG_CALL_PATH_MAX);
	return 0;
}

/* The path as a list of texts. */
static struct pg_value *
message_path_value(struct pg_arena *a, struct pg_str path)
{
	struct pg_value *list = pg_value_list(a);
	struct pg_str id;

	while (pg_msg_path_next(&path, &id))
		pg_value_add(a, list, pg_value_str(a, id));
	return list;
}

static struct pg_value *
message_value(struct pg_msg *m, struct pg_arena *a,
    const struct message_fields *f, const struct pg_value *record)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "kind", f->kind);
	pg_put(a, d, "args", f->args != NULL ? f->args : pg_value_dict(a));
	pg_put(a, d, "arg", pg_value_get(record, "arg"));
	pg_put(a, d, "sender", f->sender);
	pg_put(a, d, "reply_to", f->reply_to);
	pg_put(a, d, "priority", pg_value_is(f->priority_value, PG_T_BIG) ?
	    f->priority_value : pg_value_int(a, f->priority));
	pg_put_int(a, d, "message_type", f->type);
	pg_put_float(a, d, "timestamp", f->timestamp);
	pg_put_str(a, d, "message_id", m->id);
	if (m->path.n > 0)
		pg_put(a, d, "call_path", message_path_value(a, m->path));
	return d;
}

/* Some senders use one id for everything: a message is the same again only if
 * it says the same and asks for the same, whenever it was sent. (The record
 * says when behind all that it says.) */
static void
message_once(struct pg_msg *m)
{
	static const uint64_t seed[2] = { 0x706167, 0x6c657473 };
	static const char when[] = "\x8c\x09timestamp";
	struct pg_str says = m->body;

	while (says.n >= sizeof(when) && memcmp(says.p + says.n -
	    (sizeof(when) - 1), when, sizeof(when) - 1) != 0)
		says.n--;
	m->once = pg_arena_printf(&m->arena, "%.*s#%016" PRIx64 "%s%s",
	    PG_STR_ARG(m->id), pg_siphash(seed, says),
	    m->no_activate ? "a" : "", m->no_delay ? "d" : "");
}

PG_FN struct pg_msg *
pg_message_from_agent(const struct pg_value *record,
    const struct pg_agent *via, struct pg_err *e)
{
	struct message_fields f = { .priority = 5 };
	struct pg_buf body = PG_BUF_INIT(PG_MAILBOX_BYTES_MAX);
	struct pg_arena scratch = { 0 };
	char id[PG_ID_LEN + 1];
	struct pg_msg *m;

	f.timestamp = -1;
	if (message_read(record, &f, e) < 0)
		return NULL;
	m = pg_msg_new();
	if (f.timestamp < 0)
		f.timestamp = pg_to_seconds(pg_now_wall());
	if (f.id.n == 0) {
		pg_rand_id(id);
		f.id = (struct pg_str){ id, PG_ID_LEN };
	}
	m->id = pg_arena_str(&m->arena, f.id);
	m->given_id = pg_value_get(record, "message_id") != NULL;
	m->deactivate = pg_str_eqz(f.kind, "_deactivate");
	m->priority = f.priority;
	if (message_path(m, f.path, via, e) < 0 || pg_wire_bare(&body, message_value(m, &scratch, &f, record),
	    e) < 0) {
		pg_msg_fail(m, e);
		m = NULL;
	} else {
		m->body = pg_arena_str(&m->arena, pg_buf_str(&body));
	}
	pg_buf_fini(&body);
	pg_arena_fini(&scratch);
	return m;
}

PG_FN struct pg_msg *
pg_message_new(const struct pg_value *record, struct pg_err *e)
{
	return pg_message_from_agent(record, NULL, e);
}

/* ---- Through another host ---------------------------------------------- */

struct message_call {
	struct pg_msg *m;
	struct pg_buf body;
	struct pg_host *host;
	struct pg_str url; /* in m's arena */
	struct message_note *note; /* that sent it on, or NULL */
	bool in_order;             /* the next may go when this is answered */
};

static void forward_answered(struct message_note *n, size_t bytes,
    bool in_order);
static bool forward_again(struct message_note *n, struct pg_msg *m,
    const struct pg_response *r);

/* The outcome that an answer tells; value and bytes live in a and b. */
static void
message_answer(const struct message_call *c, const struct pg_response *r,
    struct pg_arena *a, struct pg_buf *b, struct pg_outcome *o,
    struct pg_err *err)
{
	struct pg_value *v;

	o->err = err;
	if (pg_remote_reply(c->host, c->url, r, a, &v, err) < 0)
		return;
	v = pg_value_get(v, "result");
	if (pg_wire_bare(b, v != NULL ? v : pg_value_null(a), err) == 0) {
		o->err = NULL;
		o->body = pg_buf_str(b);
	}
}

static void
message_on_answer(void *arg, const struct pg_response *r)
{
	struct message_call *c = arg;
	struct pg_arena arena;
	struct pg_buf b = PG_BUF_INIT(MESSAGE_REPLY_MAX);
	struct pg_outcome o = { 0 };
	struct pg_err err = { 0 };
	size_t bytes;

	pg_arena_init(&arena, PG_REMOTE_ARENA_MAX);
	message_answer(c, r, &arena, &b, &o, &err);
	bytes = c->m->body.n;
	if (c->note == NULL || !forward_again(c->note, c->m, r)) {
		pg_msg_end(c->m, &o);
		if (c->note != NULL)
			forward_answered(c->note, bytes, c->in_order);
	}
	pg_buf_fini(&b);
	pg_buf_fini(&c->body);
	pg_arena_fini(&arena);
	free(c);
}

/* The request body for m as JSON. */
static int
message_json(struct pg_host *h, const struct pg_msg *m, struct pg_buf *b,
    struct pg_err *e)
{
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a), *record;
	int rc = pg_pickle_read_value(m->body, &a, 0, &record, e);

	if (rc == 0) {
		pg_put(&a, d, "message", record);
		pg_put_bool(&a, d, "oneway", m->oneway);
		pg_put_bool(&a, d, "activate_if_inactive", !m->no_activate);
		pg_put_bool(&a, d, "no_delay", m->no_delay);
		if (m->hops > 0)
			pg_put_int(&a, d, "hops", m->hops);
		if (m->deadline != PG_NEVER)
			pg_put_float(&a, d, "timeout", pg_to_seconds(
			    m->deadline - pg_loop_now(h->loop)));
		rc = pg_json_write(b, d, e);
	}
	pg_arena_fini(&a);
	return rc;
}

static void
message_send(struct pg_host *h, struct pg_str url, struct pg_str agent_id,
    struct pg_msg *m, struct message_note *note, bool in_order)
{
	struct message_call *c = pg_alloc(sizeof(*c));
	struct pg_post post = { .timeout = PG_MESSAGE_REMOTE_TIME, .nbody = 1,
		.max_reply = MESSAGE_REPLY_MAX };
	struct pg_response failed = { 0 };

	*c = (struct message_call){ .host = h, .m = m, .note = note,
		.in_order = in_order, .body = PG_BUF_INIT(MESSAGE_REPLY_MAX) };
	c->url = pg_arena_str(&m->arena, url);
	if (m->deadline != PG_NEVER)
		post.timeout = PG_MAX(m->deadline - pg_loop_now(h->loop), 1);
	if (message_json(h, m, &c->body, &failed.err) < 0) {
		message_on_answer(c, &failed);
		return;
	}
	post.body[0].text = pg_buf_str(&c->body);
	pg_remote_post(h, url, &post, message_on_answer, c,
	    "/agents/%.*s/messages", PG_STR_ARG(agent_id));
}

PG_FN void
pg_message_remote(struct pg_host *h, struct pg_str url,
    struct pg_str agent_id, struct pg_msg *m)
{
	message_send(h, url, agent_id, m, NULL, false);
}

/* ---- Forwarding -------------------------------------------------------- */

/* Where an agent went. While messages that waited for it are under way, one
 * after the other, later ones stand behind them. */
struct message_note {
	struct pg_forwards *owner;
	struct pg_str id, url; /* owned, in one block */
	int64_t time;
	struct pg_msg *backlog, **end;
	size_t n, bytes; /* of all that are under way or wait */
	size_t flying;   /* under way */
	uint64_t kept_next; /* above the numbers of those kept on disk */
	bool busy;    /* one of the backlog is under way, or about to be */
	bool dropped; /* off the table; freed when no longer busy */
	int64_t pause; /* before the next attempt */
	struct pg_timer timer;
	struct message_note *prev, *next; /* by age */
};

struct pg_forwards {
	struct pg_host *host;
	struct pg_map notes;
	size_t n;
	struct message_note *oldest, *newest;
	bool closing;
};

PG_FN struct pg_forwards *
pg_forwards_new(struct pg_host *h)
{
	struct pg_forwards *f = pg_alloc(sizeof(*f));

	f->host = h;
	pg_map_init(&f->notes, h->seed);
	return f;
}

static struct pg_msg *
forward_pop(struct message_note *n)
{
	struct pg_msg *m = n->backlog;

	if (m != NULL) {
		n->backlog = m->next;
		m->next = NULL;
	}
	if (n->backlog == NULL)
		n->end = &n->backlog;
	return m;
}

static void
forward_free(struct message_note *n)
{
	struct pg_err err = { 0 };
	struct pg_msg *m;

	pg_fail(&err, PG_E_INVALID_AGENT, "No active paglet '%.*s' on %.*s",
	    PG_STR_ARG(n->id), PG_STR_ARG(n->owner->host->name));
	while ((m = forward_pop(n)) != NULL)
		pg_msg_fail(m, &err);
	free(n);
}

static void forward_next(struct message_note *n);

/* Off the table, with whatever waits to follow it. */
static void
forward_remove(struct message_note *n)
{
	struct pg_forwards *f = n->owner;

	pg_map_del(&f->notes, n->id);
	f->n--;
	if (n->prev != NULL)
		n->prev->next = n->next;
	else
		f->oldest = n->next;
	if (n->next != NULL)
		n->next->prev = n->prev;
	else
		f->newest = n->prev;
	n->dropped = true;
	pg_timer_stop(&n->timer);
	if (n->flying > 0)
		return;
	forward_next(n);
	forward_free(n);
}

/* And off the disk. */
static void
forward_forget(struct message_note *n)
{
	pg_durable_forget_note(n->owner->host, n->id);
	forward_remove(n);
}

PG_FN void
pg_forwards_free(struct pg_forwards *f)
{
	struct message_note *n;
	struct pg_msg *m;

	if (f == NULL)
		return;
	while ((n = f->oldest) != NULL) {
		/* The client is about to forget what is under way. What is
		 * kept on disk stays there. */
		n->flying = 0;
		for (m = n->backlog; m != NULL; m = m->next)
			if (m->kept > 0)
				m->on_done = NULL;
		f->closing = true;
		forward_remove(n);
	}
	pg_map_fini(&f->notes);
	free(f);
}

/* Ends m if it has been passed on too often. */
static bool
forward_exhausted(const struct message_note *n, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	if (m->hops++ < PG_FORWARD_HOPS_MAX)
		return false;
	pg_fail(&err, PG_E_INVALID_AGENT, "Paglet '%.*s' has moved on more "
	    "than %d times", PG_STR_ARG(n->id), PG_FORWARD_HOPS_MAX);
	pg_msg_fail(m, &err);
	return true;
}

static void
forward_send(struct message_note *n, struct pg_msg *m, bool in_order)
{
	n->flying++;
	message_send(n->owner->host, n->url, n->id, m, n, in_order);
}

/* The next of the backlog. */
static void
forward_next(struct message_note *n)
{
	struct pg_msg *m;
	size_t bytes;

	n->busy = false;
	while (!n->busy && !n->owner->closing &&
	    (m = forward_pop(n)) != NULL) {
		bytes = m->body.n;
		if (!n->dropped && !forward_exhausted(n, m)) {
			n->busy = true;
			forward_send(n, m, true);
			continue;
		}
		n->n--;
		n->bytes -= bytes;
		/* The agent is back: they go to it. */
		if (n->dropped)
			pg_message_deliver(n->owner->host, n->id, m);
	}
}

static void
forward_on_time(struct pg_timer *t)
{
	struct message_note *n = PG_CONTAINER(t, struct message_note, timer);

	if (pg_loop_now(n->owner->host->loop) - n->time >
	    PG_FORWARD_NOTE_TIME)
		forward_forget(n);
	else
		forward_next(n);
}

/* One that was kept has been acknowledged: should the host where its agent
 * went not be there, it is sent again, and the others wait behind it. */
static bool
forward_again(struct message_note *n, struct pg_msg *m,
    const struct pg_response *r)
{
	if (m->kept == 0 || (r->status != 503 && (r->status != 0 ||
	    r->err.code != PG_E_UNREACHABLE)))
		return false;
	m->hops--;
	m->next = n->backlog;
	n->backlog = m;
	if (m->next == NULL)
		n->end = &m->next;
	n->flying--;
	n->pause = n->pause == 0 ? PG_FORWARD_PAUSE_FIRST :
	    PG_MIN(n->pause * 2, PG_FORWARD_PAUSE_MAX);
	if (!n->dropped) {
		pg_timer_set(n->owner->host->loop, &n->timer, n->pause,
		    forward_on_time);
	} else {
		forward_next(n);
		if (n->flying == 0)
			forward_free(n);
	}
	return true;
}

static void
forward_answered(struct message_note *n, size_t bytes, bool in_order)
{
	n->pause = 0;
	n->flying--;
	n->n--;
	n->bytes -= bytes;
	if (in_order)
		forward_next(n);
	if (n->dropped && n->flying == 0)
		forward_free(n);
}

/* Take m along, behind those that wait; one that nobody waits for keeps its
 * place among its like. */
static void
forward_post(struct message_note *n, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	if (n->n >= PG_MAILBOX_COUNT_MAX ||
	    n->bytes + m->body.n > PG_MAILBOX_BYTES_MAX) {
		pg_fail(&err, PG_E_MAILBOX_FULL, "Paglet '%.*s' has moved to "
		    "%.*s, and %zu messages are under way to it",
		    PG_STR_ARG(n->id), PG_STR_ARG(n->url), n->n);
		pg_msg_fail(m, &err);
		return;
	}
	pg_msg_arm(m, n->owner->host->loop);
	if (!n->busy && !m->oneway && forward_exhausted(n, m))
		return;
	n->n++;
	n->bytes += m->body.n;
	if (!n->busy && !m->oneway) {
		forward_send(n, m, false);
		return;
	}
	m->next = NULL;
	*n->end = m;
	n->end = &m->next;
	if (!n->busy)
		forward_next(n);
}

/* For whom a message is kept. Owner: the arena of the message. */
struct forward_kept {
	struct pg_host *host;
	struct pg_str id;
};

static void
forward_on_kept_end(struct pg_msg *m, const struct pg_outcome *o)
{
	const struct forward_kept *k = m->arg;

	/* One that the end of the host has ended waits for its next start. */
	if (o->err == NULL || !k->host->asleep)
		pg_durable_forwarded(k->host, k->id, m->kept);
}

PG_FN void
pg_forward_own(struct pg_host *h, struct pg_str agent_id,
    struct pg_msg *waiting)
{
	struct forward_kept *k;
	struct pg_msg *m;

	for (m = waiting; m != NULL; m = m->next) {
		if (m->kept == 0 || m->on_done != NULL)
			continue;
		k = pg_arena_zalloc(&m->arena, sizeof(*k));
		k->host = h;
		k->id = pg_arena_str(&m->arena, agent_id);
		m->on_done = forward_on_kept_end;
		m->arg = k;
	}
}

PG_FN bool
pg_forward_kept(struct pg_host *h, struct pg_str agent_id, struct pg_msg *m)
{
	struct message_note *n = pg_map_get(&h->forwards->notes, agent_id);

	if (n == NULL)
		return false;
	pg_forward_own(h, agent_id, m);
	n->n++;
	n->bytes += m->body.n;
	n->kept_next = PG_MAX(n->kept_next, m->kept);
	*n->end = m;
	n->end = &m->next;
	/* When all are there. */
	n->busy = true;
	pg_timer_set(h->loop, &n->timer, 1, forward_on_time);
	return true;
}

PG_FN uint64_t
pg_forward_kept_next(const struct pg_host *h, struct pg_str agent_id)
{
	const struct message_note *n = pg_map_get(&h->forwards->notes,
	    agent_id);

	return n != NULL ? n->kept_next : 0;
}

PG_FN void
pg_forward_note(struct pg_host *h, struct pg_str agent_id, struct pg_str url,
    struct pg_msg *waiting)
{
	struct pg_forwards *f = h->forwards;
	struct message_note *n;
	char *text;

	pg_forward_drop(h, agent_id);
	n = pg_alloc(sizeof(*n) + agent_id.n + url.n);
	text = (char *)(n + 1);
	memcpy(text, agent_id.p, agent_id.n);
	memcpy(text + agent_id.n, url.p, url.n);
	n->owner = f;
	n->id = (struct pg_str){ text, agent_id.n };
	n->url = (struct pg_str){ text + agent_id.n, url.n };
	n->time = pg_loop_now(h->loop);
	n->backlog = waiting;
	for (n->end = &n->backlog; *n->end != NULL;
	    n->end = &(*n->end)->next) {
		n->n++;
		n->bytes += (*n->end)->body.n;
		n->kept_next = PG_MAX(n->kept_next, (*n->end)->kept);
	}
	n->prev = f->newest;
	if (f->newest != NULL)
		f->newest->next = n;
	else
		f->oldest = n;
	f->newest = n;
	pg_map_put(&f->notes, n->id, n);
	if (++f->n > PG_FORWARD_NOTES_MAX)
		forward_forget(f->oldest);
	if (n->backlog != NULL)
		forward_next(n);
}

PG_FN void
pg_forward_restore(struct pg_host *h, struct pg_str agent_id,
    struct pg_str url, int64_t age)
{
	struct message_note *n;

	pg_forward_note(h, agent_id, url, NULL);
	n = pg_map_get(&h->forwards->notes, agent_id);
	n->time -= age;
}

PG_FN bool
pg_forward_url(struct pg_host *h, struct pg_str agent_id, struct pg_str *url)
{
	const struct message_note *n = pg_map_get(&h->forwards->notes,
	    agent_id);

	if (n != NULL)
		*url = n->url;
	return n != NULL;
}

PG_FN void
pg_forward_drop(struct pg_host *h, struct pg_str agent_id)
{
	struct message_note *n = pg_map_get(&h->forwards->notes, agent_id);

	if (n != NULL)
		forward_forget(n);
}

/* ---- Here -------------------------------------------------------------- */

/* A message that puts its agent to sleep. */
struct message_nap {
	struct pg_agent *agent; /* a reference */
	struct pg_msg *m;
};

static void
message_on_deactivated(void *arg, const struct pg_err *err)
{
	struct message_nap *nap = arg;
	struct pg_outcome o;
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a);
	struct pg_buf b = { 0 };

	if (err == NULL && !nap->m->oneway) {
		pg_put_bool(&a, d, "deactivated", true);
		pg_put(&a, d, "proxy", pg_wire_proxy(&a,
		    nap->agent->host->address, nap->agent->id));
		pg_wire_bare(&b, d, NULL);
	}
	o = (struct pg_outcome){ .err = err, .body = pg_buf_str(&b) };
	pg_dedupe_done(nap->agent->window, nap->m->once, &o,
	    pg_loop_now(nap->agent->host->loop));
	pg_msg_end(nap->m, &o);
	pg_agent_unref(nap->agent);
	free(nap);
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

/* Kind _deactivate: the host does it, with args.request. Takes m. */
static void
message_deactivate(struct pg_agent *agent, struct pg_msg *m)
{
	struct message_nap *nap;
	struct pg_arena a = { 0 };
	struct pg_value *record;
	struct pg_deactivation d;
	struct pg_err err = { 0 };

	if (pg_pickle_read_value(m->body, &a, 0, &record, &err) < 0 ||
	    pg_deactivation_read(pg_value_get(pg_value_get(record, "args"),
	    "request"), &d, &err) < 0) {
		pg_dedupe_drop(agent->window, m->once,
		    &(struct pg_outcome){ .err = &err });
		pg_msg_fail(m, &err);
	} else {
		nap = pg_alloc(sizeof(*nap));
		*nap = (struct message_nap){ .agent = agent, .m = m };
		pg_agent_ref(agent);
		m->pending = true;
		pg_deactivate(agent, &d, false, message_on_deactivated, nap);
	}
	pg_arena_fini(&a);
}

PG_FN bool
pg_message_enter(struct pg_agent *a, struct pg_msg *m)
{
	struct pg_err err = { 0 };

	if (!m->oneway && pg_msg_waits(m, a->id)) {
		pg_fail(&err, PG_E_LIFECYCLE, "synchronous messages in a "
		    "ring: %.*s -> %.*s", PG_STR_ARG(m->path),
		    PG_STR_ARG(a->id));
		pg_msg_fail(m, &err);
		return false;
	}
	pg_msg_arm(m, a->host->loop);
	if (m->given_id && m->once.n == 0)
		message_once(m);
	return pg_dedupe_enter(&a->window, m,
	    pg_loop_now(a->host->loop)) == 0;
}

PG_FN void
pg_message_deliver(struct pg_host *h, struct pg_str agent_id,
    struct pg_msg *m)
{
	struct pg_agent *a = pg_agent_find(h, agent_id);
	struct message_note *n;
	struct pg_err err = { 0 };

	if (a != NULL) {
		if (!pg_message_enter(a, m))
			return;
		if (a->phase == PG_AGENT_INACTIVE)
			pg_inactive_post(a, m);
		else if (m->deactivate)
			message_deactivate(a, m);
		else
			pg_agent_post(a, m);
		return;
	}
	n = pg_map_get(&h->forwards->notes, agent_id);
	if (n != NULL && pg_loop_now(h->loop) - n->time >
	    PG_FORWARD_NOTE_TIME) {
		forward_forget(n);
		n = NULL;
	}
	if (n == NULL) {
		pg_fail(&err, PG_E_INVALID_AGENT, "No active paglet '%.*s' on "
		    "%.*s", PG_STR_ARG(agent_id), PG_STR_ARG(h->name));
		pg_msg_fail(m, &err);
	} else if (!m->oneway && pg_msg_waits(m, n->id)) {
		pg_fail(&err, PG_E_LIFECYCLE, "synchronous messages in a "
		    "ring: %.*s -> %.*s", PG_STR_ARG(m->path),
		    PG_STR_ARG(n->id));
		pg_msg_fail(m, &err);
	} else {
		forward_post(n, m);
	}
}

#undef MESSAGE_REPLY_MAX
