/* upline: the child's end of fd 3.
 *
 * Knows frames and heads, not what messages mean. The line is the reason the
 * process exists, so its end is no error to be handed up: when the host is
 * gone, so are we. In the steady state a message costs one read, one write
 * and no allocation; what a large one needed is given back after it.
 */
#include "upline.h"

#include "../base/clock.h"
#include "../base/log.h"

#include <poll.h>

/* An idle buffer above this is freed. */
#define UPLINE_KEEP_MAX (16 * 1024)

PG_FN void
pg_upline_broken(const char *why)
{
	pg_log(PG_LOG_ERROR, "agent: the host broke the protocol: %s", why);
	exit(PG_UPLINE_BROKEN);
}

PG_FN void
pg_upline_init(struct pg_upline *l, int fd)
{
	*l = (struct pg_upline){ .fd = fd, .later_end = &l->later };
	l->body.spill = pg_spool_spill;
	l->body.arg = &l->spool;
}

static void
upline_free_later(struct pg_upline_later *k)
{
	if (k != NULL)
		pg_bulk_unref(k->frame.bulk);
	free(k);
}

/* The first of the frames put off, off the list; or NULL. */
static struct pg_upline_later *
upline_pop(struct pg_upline *l)
{
	struct pg_upline_later *k = l->later;

	if (k == NULL)
		return NULL;
	l->later = k->next;
	if (l->later == NULL)
		l->later_end = &l->later;
	l->nlater--;
	return k;
}

PG_FN void
pg_upline_fini(struct pg_upline *l)
{
	while (l->later != NULL)
		upline_free_later(upline_pop(l));
	upline_free_later(l->given);
	pg_frame_reader_fini(&l->in);
	pg_frame_out_fini(&l->out);
	pg_buf_fini(&l->body.buf);
	pg_spool_fini(&l->spool);
}

/* Wait for fd; false when `until` has come first. */
static bool
upline_wait(struct pg_upline *l, short events, int64_t until)
{
	struct pollfd p = { .fd = l->fd, .events = events };
	int64_t left;
	int n, ms;

	do {
		ms = -1;
		if (until != PG_NEVER) {
			left = PG_MAX(until - pg_now(), INT64_C(0));
			left = left / PG_MS + (left % PG_MS > 0);
			ms = (int)PG_MIN(left, (int64_t)INT_MAX);
		}
		n = poll(&p, 1, ms);
	} while ((n < 0 && errno == EINTR) ||
	    (n == 0 && pg_now() < until));
	return n != 0;
}

/* Read once. 1, 0 when `until` has come, -1 when the host is gone. */
static int
upline_fill(struct pg_upline *l, int64_t until)
{
	ssize_t n;

	/* Asked first even without a deadline: a reader that blocks in read is
	 * woken for nothing each time the host takes bytes off the socket. */
	if (!upline_wait(l, POLLIN, until))
		return 0;
	n = pg_frame_fill(&l->in, l->fd);
	if (n > 0)
		return 1;
	if (n == 0 || errno == ECONNRESET)
		return -1;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		pg_upline_broken(strerror(errno));
	return upline_wait(l, POLLIN, until);
}

static int
upline_next_new(struct pg_upline *l, int64_t until, struct pg_frame *f)
{
	struct pg_err e = { 0 };
	int rc;

	for (;;) {
		rc = pg_frame_next(&l->in, f, &e);
		if (rc < 0)
			pg_upline_broken(e.msg);
		if (rc > 0)
			return 1;
		rc = upline_fill(l, until);
		if (rc <= 0)
			return rc;
	}
}

/* Take in what has come meanwhile, without waiting. -1: the host is gone. */
static int
upline_catch_up(struct pg_upline *l)
{
	ssize_t n;

	do {
		n = pg_frame_fill(&l->in, l->fd);
	} while (n > 0);
	if (n == 0 || errno == ECONNRESET)
		return -1;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		pg_upline_broken(strerror(errno));
	return 0;
}

/* RECALL: drop the messages put off, which are all that were sent. */
static void
upline_give_back(struct pg_upline *l)
{
	struct pg_upline_later *k;
	uint32_t first = 0;

	while ((k = upline_pop(l)) != NULL) {
		if (k->frame.type != PG_FRAME_MESSAGE)
			pg_upline_broken("a recall of what is no message");
		if (first == 0)
			first = k->frame.id;
		upline_free_later(k);
	}
	pg_upline_body(l);
	pg_upline_send(l, PG_FRAME_RECALLED, first, PG_STR_NULL, 0, NULL);
}

/* The messages before a RECALL that has come have not been begun. */
static void
upline_recall(struct pg_upline *l)
{
	struct pg_frame f;

	while (upline_next_new(l, PG_NEVER, &f) > 0 &&
	    f.type != PG_FRAME_RECALL)
		pg_upline_defer(l, &f);
	upline_give_back(l);
}

/* Wait until there is something to be given, and take in all that has come if
 * that is more than one frame, or has lain here: the host may have thought
 * better of it since. As upline_fill. */
static int
upline_await(struct pg_upline *l, int64_t until)
{
	bool old = l->later != NULL || pg_frame_ready(&l->in) > 0;
	int rc;

	while (l->later == NULL && pg_frame_ready(&l->in) == 0)
		if ((rc = upline_fill(l, until)) <= 0)
			return rc;
	if ((old || pg_frame_ready(&l->in) > 1) && upline_catch_up(l) < 0)
		return -1;
	return 1;
}

PG_FN int
pg_upline_next(struct pg_upline *l, int64_t until, struct pg_frame *f)
{
	int rc;

	upline_free_later(l->given);
	l->given = NULL;
	while ((rc = upline_await(l, until)) > 0 &&
	    pg_frame_has(&l->in, PG_FRAME_RECALL))
		upline_recall(l);
	if (rc <= 0)
		return rc;
	if (pg_frame_has(&l->in, PG_FRAME_STOP))
		return -1;
	l->given = upline_pop(l);
	if (l->given == NULL)
		return upline_next_new(l, until, f);
	*f = l->given->frame;
	return 1;
}

PG_FN void
pg_upline_recv(struct pg_upline *l, struct pg_frame *f)
{
	while (upline_next_new(l, PG_NEVER, f) > 0) {
		if (f->type == PG_FRAME_STOP)
			break;
		if (f->type != PG_FRAME_RECALL)
			return;
		upline_give_back(l);
	}
	exit(0);
}

PG_FN void
pg_upline_defer(struct pg_upline *l, const struct pg_frame *f)
{
	size_t inline_n = f->head.n + (f->bulk == NULL ? f->body.n : 0);
	struct pg_upline_later *k;

	if (l->nlater > PG_FRAME_AHEAD_MAX)
		pg_upline_broken("too many commands at once");
	k = pg_alloc(sizeof(*k) + inline_n);
	k->frame = *f;
	if (f->head.n > 0)
		memcpy(k->bytes, f->head.p, f->head.n);
	k->frame.head.p = k->bytes;
	if (f->bulk != NULL) {
		pg_bulk_ref(f->bulk);
	} else {
		if (f->body.n > 0)
			memcpy(k->bytes + f->head.n, f->body.p, f->body.n);
		k->frame.body.p = k->bytes + f->head.n;
	}
	*l->later_end = k;
	l->later_end = &k->next;
	l->nlater++;
}

/* ---- Sending ---- */

PG_FN struct pg_out *
pg_upline_body(struct pg_upline *l)
{
	pg_buf_reset(&l->body.buf);
	pg_spool_fini(&l->spool);
	l->body.err.code = PG_E_OK;
	return &l->body;
}

/* All of it: the host reads always, and if it does not, we have to wait. */
static void
upline_flush(struct pg_upline *l)
{
	int rc;

	while ((rc = pg_frame_flush(&l->out, l->fd)) == 0)
		upline_wait(l, POLLOUT, PG_NEVER);
	if (rc < 0)
		exit(0); /* EPIPE: the host is gone */
}

PG_FN int
pg_upline_send(struct pg_upline *l, enum pg_frame_type type, uint32_t id,
    struct pg_str head, int written, struct pg_err *e)
{
	struct pg_bulk *bulk = NULL;
	int rc;

	if (written < 0)
		return -1;
	if (l->spool.n > 0 || l->body.buf.failed) {
		if (pg_out_flush(&l->body, e) < 0)
			return -1;
		bulk = pg_spool_finish(&l->spool, e);
		if (bulk == NULL)
			return -1;
	}
	rc = pg_frame_put(&l->out, type, id, head, pg_buf_str(&l->body.buf),
	    bulk, 0, bulk != NULL ? bulk->n : 0, e);
	pg_bulk_unref(bulk);
	if (rc < 0)
		return -1;
	upline_flush(l);
	if (l->body.buf.cap > UPLINE_KEEP_MAX)
		pg_buf_fini(&l->body.buf);
	return 0;
}

PG_FN void
pg_upline_send_head(struct pg_upline *l, enum pg_frame_type type,
    uint32_t id, const struct pg_pair *texts, size_t n)
{
	struct pg_out head = { .arg = NULL };
	struct pg_err e = { 0 };
	size_t i;

	pg_pickle_dict_open(&head);
	for (i = 0; i < n; i++) {
		pg_pickle_text(&head, texts[i].key);
		pg_pickle_value(&head, texts[i].val, &e);
	}
	pg_pickle_dict_close(&head);
	pg_upline_body(l);
	if (pg_upline_send(l, type, id, pg_buf_str(&head.buf), 0, &e) < 0)
		pg_log(PG_LOG_ERROR, "agent: a frame is lost: %s", e.msg);
	pg_buf_fini(&head.buf);
}

PG_FN void
pg_upline_send_error(struct pg_upline *l, uint32_t id, enum pg_code code,
    struct pg_str text)
{
	const char *wire = pg_code_wire(code), *token = pg_code_token(code);
	struct pg_value v[3] = {
		{ .type = PG_T_STR, .n = (uint32_t)strlen(wire), .u.p = wire },
		{ .type = PG_T_STR, .n = (uint32_t)text.n, .u.p = text.p },
		{ .type = PG_T_STR, .n = (uint32_t)strlen(token),
		  .u.p = token },
	};
	const struct pg_pair pairs[3] = { { PG_STR("error_type"), &v[0] },
		{ PG_STR("error"), &v[1] }, { PG_STR("code"), &v[2] } };
	/* The finer code is worth its bytes only where the name hides it. */
	bool finer = pg_code_from_wire(pg_str(wire), PG_STR_NULL) != code;

	pg_upline_send_head(l, PG_FRAME_REPLY, id, pairs, finer ? 3 : 2);
}

#undef UPLINE_KEEP_MAX
