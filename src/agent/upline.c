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
	*l = (struct pg_upline){ .fd = fd };
	l->body.spill = pg_spool_spill;
	l->body.arg = &l->spool;
}

PG_FN void
pg_upline_fini(struct pg_upline *l)
{
	pg_frame_reader_fini(&l->in);
	pg_frame_out_fini(&l->out);
	pg_buf_fini(&l->body.buf);
	pg_spool_fini(&l->spool);
	pg_buf_fini(&l->later_bytes);
	pg_bulk_unref(l->later_bulk);
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

PG_FN int
pg_upline_next(struct pg_upline *l, int64_t until, struct pg_frame *f)
{
	if (l->has_later) {
		l->has_later = false;
		*f = l->later;
		return 1;
	}
	return upline_next_new(l, until, f);
}

PG_FN void
pg_upline_recv(struct pg_upline *l, struct pg_frame *f)
{
	if (upline_next_new(l, PG_NEVER, f) < 0)
		exit(0);
}

PG_FN void
pg_upline_defer(struct pg_upline *l, const struct pg_frame *f)
{
	if (l->has_later)
		pg_upline_broken("two commands at once");
	pg_buf_reset(&l->later_bytes);
	pg_bulk_unref(l->later_bulk);
	l->later = *f;
	l->later_bulk = f->bulk != NULL ? pg_bulk_ref(f->bulk) : NULL;
	pg_buf_puts(&l->later_bytes, f->head);
	if (f->bulk == NULL)
		pg_buf_puts(&l->later_bytes, f->body);
	if (l->later_bytes.failed)
		pg_upline_broken("no memory for its frame");
	l->later.head.p = l->later_bytes.p;
	if (f->bulk == NULL)
		l->later.body.p = l->later_bytes.p + f->head.n;
	l->has_later = true;
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
