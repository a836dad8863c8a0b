/* mailbox: a binary heap of messages. See mailbox.h. */

#include "mailbox.h"

PG_FN struct pg_msg *
pg_msg_new(void)
{
	struct pg_msg *m = pg_alloc(sizeof(*m));

	m->deadline = PG_NEVER;
	return m;
}

PG_FN void
pg_msg_end(struct pg_msg *m, const struct pg_outcome *o)
{
	pg_timer_stop(&m->timer);
	if (m->ended != NULL)
		*m->ended = true;
	if (m->on_done != NULL)
		m->on_done(m, o);
	pg_arena_fini(&m->arena);
	free(m);
}

PG_FN void
pg_msg_fail(struct pg_msg *m, const struct pg_err *e)
{
	pg_msg_end(m, &(struct pg_outcome){ .err = e });
}

static void
msg_on_deadline(struct pg_timer *t)
{
	struct pg_msg *m = PG_CONTAINER(t, struct pg_msg, timer);
	struct pg_err err = { 0 };

	pg_fail(&err, PG_E_TIMEOUT, "message %.*s was not answered in time",
	    PG_STR_ARG(m->id));
	m->expired = true;
	if (m->on_done != NULL)
		m->on_done(m, &(struct pg_outcome){ .err = &err });
	m->on_done = NULL;
}

PG_FN void
pg_msg_arm(struct pg_msg *m, struct pg_loop *l)
{
	if (m->deadline != PG_NEVER && m->on_done != NULL &&
	    m->timer.loop == NULL)
		pg_timer_set(l, &m->timer, m->deadline - pg_loop_now(l),
		    msg_on_deadline);
}

PG_FN bool
pg_msg_path_next(struct pg_str *rest, struct pg_str *id)
{
	const char *blank;

	if (rest->n == 0)
		return false;
	blank = memchr(rest->p, ' ', rest->n);
	*id = *rest;
	if (blank != NULL)
		id->n = (size_t)(blank - rest->p);
	*rest = pg_str_skip(*rest, id->n + 1);
	return true;
}

PG_FN size_t
pg_msg_path_length(const struct pg_msg *m)
{
	struct pg_str rest = m->path, id;
	size_t n = 0;

	while (pg_msg_path_next(&rest, &id))
		n++;
	return n;
}

PG_FN bool
pg_msg_waits(const struct pg_msg *m, struct pg_str agent_id)
{
	struct pg_str rest = m->path, id;

	while (pg_msg_path_next(&rest, &id))
		if (pg_str_eq(id, agent_id))
			return true;
	return false;
}

/* Whether a is to be delivered before b. */
static bool
mailbox_before(const struct pg_msg *a, const struct pg_msg *b)
{
	if ((a->priority == 0) != (b->priority == 0))
		return a->priority == 0;
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->seq < b->seq;
}

static void
mailbox_swap(struct pg_mailbox *b, size_t i, size_t j)
{
	struct pg_msg *m = b->heap[i];

	b->heap[i] = b->heap[j];
	b->heap[j] = m;
}

static void
mailbox_up(struct pg_mailbox *b, size_t i)
{
	while (i > 0 && mailbox_before(b->heap[i], b->heap[(i - 1) / 2])) {
		mailbox_swap(b, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static void
mailbox_down(struct pg_mailbox *b, size_t i)
{
	size_t least, child;

	for (;;) {
		least = i;
		for (child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < b->n && mailbox_before(b->heap[child],
			    b->heap[least]))
				least = child;
		if (least == i)
			return;
		mailbox_swap(b, i, least);
		i = least;
	}
}

PG_FN void
pg_mailbox_fini(struct pg_mailbox *b)
{
	assert(b->n == 0 && b->lent == NULL);
	free(b->heap);
	*b = (struct pg_mailbox){ 0 };
}

static void
mailbox_push(struct pg_mailbox *b, struct pg_msg *m)
{
	if (b->n == b->cap) {
		b->cap = b->cap == 0 ? 4 : b->cap * 2;
		b->heap = pg_realloc(b->heap, b->cap * sizeof(*b->heap));
	}
	b->heap[b->n++] = m;
	mailbox_up(b, b->n - 1);
}

static struct pg_msg *
mailbox_pop(struct pg_mailbox *b)
{
	struct pg_msg *m = b->heap[0];

	b->heap[0] = b->heap[--b->n];
	mailbox_down(b, 0);
	return m;
}

PG_FN void
pg_mailbox_put_anyway(struct pg_mailbox *b, struct pg_msg *m)
{
	m->seq = b->seq++;
	pg_mailbox_put_back(b, m);
}

PG_FN int
pg_mailbox_put(struct pg_mailbox *b, struct pg_msg *m, struct pg_err *e)
{
	size_t n = pg_mailbox_waiting(b);

	if (n >= PG_MAILBOX_COUNT_MAX || b->bytes > PG_MAILBOX_BYTES_MAX ||
	    m->body.n > PG_MAILBOX_BYTES_MAX - b->bytes)
		return pg_fail(e, PG_E_MAILBOX_FULL, "mailbox is full "
		    "(%zu messages, %zu bytes wait)", n, b->bytes);
	pg_mailbox_put_anyway(b, m);
	return 0;
}

PG_FN void
pg_mailbox_put_back(struct pg_mailbox *b, struct pg_msg *m)
{
	b->bytes += m->body.n;
	mailbox_push(b, m);
}

PG_FN struct pg_msg *
pg_mailbox_take(struct pg_mailbox *b)
{
	struct pg_msg *m;

	assert(b->lent == NULL);
	if (b->n == 0)
		return NULL;
	m = mailbox_pop(b);
	b->bytes -= m->body.n;
	return m;
}

PG_FN size_t
pg_mailbox_waiting(const struct pg_mailbox *b)
{
	return b->n + b->nlent;
}

/* ---- Lent ones ---------------------------------------------------------- */

PG_FN struct pg_msg *
pg_mailbox_lend(struct pg_mailbox *b)
{
	struct pg_msg *m = b->n > 0 ? b->heap[0] : NULL;

	if (m == NULL || b->nlent == PG_MAILBOX_LENT_MAX ||
	    m->body.n > PG_MAILBOX_LENT_BYTES_MAX - b->lent_bytes)
		return NULL;
	mailbox_pop(b);
	m->next = NULL;
	if (b->lent == NULL)
		b->lent = m;
	else
		b->last_lent->next = m;
	b->last_lent = m;
	b->nlent++;
	b->lent_bytes += m->body.n;
	return m;
}

/* The first one lent is lent no longer, but is still counted. */
static struct pg_msg *
mailbox_unlend(struct pg_mailbox *b)
{
	struct pg_msg *m = b->lent;

	if (m == NULL)
		return NULL;
	b->lent = m->next;
	m->next = NULL;
	b->nlent--;
	b->lent_bytes -= m->body.n;
	return m;
}

PG_FN struct pg_msg *
pg_mailbox_claim(struct pg_mailbox *b)
{
	struct pg_msg *m = mailbox_unlend(b);

	if (m != NULL)
		b->bytes -= m->body.n;
	return m;
}

PG_FN void
pg_mailbox_return(struct pg_mailbox *b)
{
	struct pg_msg *m;

	while ((m = mailbox_unlend(b)) != NULL)
		mailbox_push(b, m);
}

PG_FN bool
pg_mailbox_overtakes(const struct pg_mailbox *b)
{
	return b->lent != NULL && b->n > 0 &&
	    mailbox_before(b->heap[0], b->last_lent);
}
