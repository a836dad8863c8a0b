/* stream: see stream.h.
 *
 * A listener has no queue of its own: it knows the last event it was sent,
 * and while its connection has room it is sent the next ones out of the ring
 * that the host keeps anyway. When the ring has gone past it, it is told how
 * many it missed. So a listener that does not read costs what its connection
 * may queue, and delays nobody. What happens within one turn of the loop is
 * sent at its end.
 */

#include "stream.h"

#include "../codec/url.h"
#include "../codec/value.h"

/* Rendered at a time: one write, one chunk. */
#define STREAM_PIECE (16 * 1024)
#define STREAM_HEAD PG_STR("Cache-Control: no-store\r\n")

/* Owner: the arena of its exchange. */
struct stream_listener {
	struct pg_streams *all;
	struct stream_listener *prev, *next;
	struct pg_exchange *x;
	struct pg_timer keep_alive;
	int64_t last; /* id of the last event sent or missed */
};

/* Owner: the host. */
struct pg_streams {
	struct pg_loop *loop;
	struct pg_events *events;
	const char *boot;
	struct stream_listener *first;
	size_t n;
	struct pg_task task; /* sends what was added in this turn */
	struct pg_buf text;  /* of what is being sent */
	int64_t interval;    /* PG_STREAM_KEEP_ALIVE */
};

static void stream_on_quiet(struct pg_timer *t);

/* ---- One listener ---- */

/* Write what was put into the text. */
static void
stream_write(struct stream_listener *k)
{
	pg_exchange_write(k->x, pg_buf_str(&k->all->text));
	pg_timer_set(k->all->loop, &k->keep_alive, k->all->interval,
	    stream_on_quiet);
}

/* Events up to number `to` are no longer there. */
static void
stream_put_gap(struct stream_listener *k, int64_t to)
{
	/* With an id, so that it is told once to one that comes back. */
	pg_buf_printf(&k->all->text, "id: %" PRId64 "-%s\nevent: gap\n"
	    "data: {\"kind\": \"gap\", \"missed\": %" PRId64 ", \"from\": %"
	    PRId64 ", \"to\": %" PRId64 "}\n\n", to, k->all->boot,
	    to - k->last, k->last + 1, to);
	k->last = to;
}

static void
stream_put_event(struct stream_listener *k)
{
	const struct pg_events *ev = k->all->events;
	struct pg_buf *b = &k->all->text;

	pg_buf_printf(b, "id: %" PRId64 "-%s\nevent: %s\ndata: ",
	    k->last + 1, k->all->boot, ev->ring[k->last % PG_EVENTS_MAX].kind);
	/* JSON as we write it has no line ends. */
	pg_events_write(ev, k->last, 1, b);
	pg_buf_puts(b, PG_STR("\n\n"));
	k->last++;
}

/* Send what there is room for. */
static void
stream_send(struct stream_listener *k)
{
	const struct pg_events *ev = k->all->events;
	struct pg_buf *b = &k->all->text;

	while (k->last < ev->last && pg_exchange_has_room(k->x)) {
		pg_buf_reset(b);
		if (k->last < ev->last - PG_EVENTS_MAX)
			stream_put_gap(k, ev->last - PG_EVENTS_MAX);
		while (k->last < ev->last && b->n < STREAM_PIECE)
			stream_put_event(k);
		stream_write(k);
	}
}

/* Nothing was written for a while. One without room is behind, not idle: its
 * connection has a deadline. */
static void
stream_on_quiet(struct pg_timer *t)
{
	struct stream_listener *k =
	    PG_CONTAINER(t, struct stream_listener, keep_alive);

	if (!pg_exchange_has_room(k->x))
		return;
	pg_buf_reset(&k->all->text);
	pg_buf_puts(&k->all->text, PG_STR(":\n\n"));
	stream_write(k);
}

static void
stream_on_room(struct pg_exchange *x)
{
	stream_send(x->user);
}

static void
stream_on_gone(struct pg_exchange *x)
{
	struct stream_listener *k = x->user;

	if (k->next != NULL)
		k->next->prev = k->prev;
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		k->all->first = k->next;
	k->all->n--;
	pg_timer_stop(&k->keep_alive);
	pg_exchange_end(x);
}

/* The answer has begun. */
static void
stream_add(struct pg_streams *s, struct pg_exchange *x, int64_t last)
{
	struct stream_listener *k = pg_arena_zalloc(&x->arena, sizeof(*k));

	k->all = s;
	k->x = x;
	k->last = last;
	k->next = s->first;
	if (k->next != NULL)
		k->next->prev = k;
	s->first = k;
	s->n++;
	x->user = k;
	x->on_gone = stream_on_gone;
	x->on_room = stream_on_room;
	pg_buf_reset(&s->text);
	/* An id without data: whoever hears of nothing else until this host
	 * is started anew knows where it was, too. */
	pg_buf_printf(&s->text, ": events\nid: %" PRId64 "-%s\nretry: %d\n\n",
	    last, s->boot, PG_STREAM_RETRY);
	stream_write(k);
	stream_send(k);
}

/* ---- All of them ---- */

static void
stream_run(struct pg_task *t)
{
	struct pg_streams *s = PG_CONTAINER(t, struct pg_streams, task);
	struct stream_listener *k;

	for (k = s->first; k != NULL; k = k->next)
		stream_send(k);
}

static void
stream_on_added(void *arg)
{
	struct pg_streams *s = arg;

	if (s->first != NULL)
		pg_loop_defer(s->loop, &s->task, stream_run);
}

/* Cut the boot off an id; whether it is another than ours. */
static bool
stream_of_other_boot(const struct pg_streams *s, struct pg_str *id)
{
	const char *at = id->n > 1 ? memchr(id->p + 1, '-', id->n - 1) : NULL;
	struct pg_str boot;

	if (at == NULL)
		return false;
	boot = pg_str_skip(*id, (size_t)(at + 1 - id->p));
	id->n = (size_t)(at - id->p);
	return !pg_str_eqz(boot, s->boot);
}

/* The event after which the listener wants to hear. */
static int
stream_read_since(const struct pg_streams *s, struct pg_exchange *x,
    struct pg_str query, int64_t *since, struct pg_err *e)
{
	struct pg_str text = pg_http1_field(x->head, "last-event-id");
	const struct pg_events *ev = s->events;
	const struct pg_value *v;
	bool other;

	*since = ev->last;
	if (text.n == 0 && !pg_query_get(&x->arena, query, "since", &text))
		return 0;
	text = pg_str_trim(text);
	other = stream_of_other_boot(s, &text);
	v = pg_value_decimal(&x->arena, text);
	if (v == NULL || v->type != PG_T_INT)
		return pg_fail(e, PG_E_HOST, "the number of an event must be "
		    "an integer, got '%.*s'",
		    (int)PG_MIN(text.n, (size_t)40), text.p);
	*since = other || v->u.i > ev->last ? 0 : PG_MAX(v->u.i, 0);
	return 0;
}

PG_FN void
pg_streams_open(struct pg_streams *s, struct pg_exchange *x,
    struct pg_str query)
{
	struct pg_err e = { 0 };
	int64_t since;

	if (stream_read_since(s, x, query, &since, &e) < 0) {
		pg_exchange_fail(x, &e);
	} else if (s->n == PG_STREAM_LISTENERS_MAX) {
		pg_fail(&e, PG_E_BUSY, "%d listeners follow the events of "
		    "this host, it takes no more", PG_STREAM_LISTENERS_MAX);
		pg_exchange_fail(x, &e);
	} else if (pg_exchange_begin(x, 200, "text/event-stream",
	    STREAM_HEAD)) {
		stream_add(s, x, since);
	}
}

PG_FN struct pg_streams *
pg_streams_new(struct pg_loop *l, struct pg_events *ev, const char *boot)
{
	struct pg_streams *s = pg_alloc(sizeof(*s));

	s->loop = l;
	s->events = ev;
	s->boot = boot;
	s->interval = PG_STREAM_KEEP_ALIVE;
	ev->added = stream_on_added;
	ev->added_arg = s;
	return s;
}

PG_FN void
pg_streams_free(struct pg_streams *s)
{
	if (s == NULL)
		return;
	assert(s->first == NULL);
	s->events->added = NULL;
	pg_buf_fini(&s->text);
	free(s);
}

#ifdef PG_TEST
void
pg_streams_keep_alive(struct pg_streams *s, int64_t interval)
{
	s->interval = interval;
}
#endif

#undef STREAM_PIECE
#undef STREAM_HEAD
