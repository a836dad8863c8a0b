/* sse: see sse.h. Lines end with CR, LF or both; a CR ends its line at once,
 * so that no event waits for a byte that may take long to come.
 */

#include "sse.h"

PG_FN void
pg_sse_fini(struct pg_sse *s)
{
	pg_buf_fini(&s->kind);
	pg_buf_fini(&s->data);
	pg_buf_fini(&s->id);
	pg_buf_fini(&s->line);
	*s = (struct pg_sse){ .over = false };
}

static void
sse_set(struct pg_buf *b, struct pg_str value)
{
	pg_buf_reset(b);
	pg_buf_puts(b, value);
}

static int
sse_add_data(struct pg_sse *s, struct pg_str value, struct pg_err *e)
{
	if (value.n >= PG_SSE_DATA_MAX - s->data.n)
		return pg_fail(e, PG_E_LIMIT, "data of an event is over %d "
		    "bytes", PG_SSE_DATA_MAX);
	pg_buf_puts(&s->data, value);
	pg_buf_putc(&s->data, '\n');
	return 0;
}

static int
sse_field(struct pg_sse *s, struct pg_str name, struct pg_str value,
    struct pg_err *e)
{
	if (pg_str_eqz(name, "data"))
		return sse_add_data(s, value, e);
	if (pg_str_eqz(name, "event"))
		sse_set(&s->kind, value);
	else if (pg_str_eqz(name, "id") &&
	    (value.n == 0 || memchr(value.p, '\0', value.n) == NULL))
		sse_set(&s->id, value);
	/* What else there is, comments among it, is ignored. */
	return 0;
}

/* The end of an event. One without data is none. */
static bool
sse_blank(struct pg_sse *s)
{
	s->over = true;
	if (s->data.n == 0)
		return false;
	s->data.n--; /* the last line end */
	return true;
}

/* A line is complete. 1: and with it an event. */
static int
sse_line(struct pg_sse *s, struct pg_str line, struct pg_err *e)
{
	const char *colon;
	struct pg_str name, value;

	if (!s->begun && pg_str_starts(line, PG_STR("\xef\xbb\xbf")))
		line = pg_str_skip(line, 3);
	s->begun = true;
	if (line.n == 0)
		return sse_blank(s);
	colon = memchr(line.p, ':', line.n);
	name = line;
	if (colon != NULL)
		name.n = (size_t)(colon - line.p);
	value = pg_str_skip(line, name.n + 1);
	if (value.n > 0 && value.p[0] == ' ')
		value = pg_str_skip(value, 1);
	return sse_field(s, name, value, e);
}

/* Where the line that s begins with ends; s.n if it does not. */
static size_t
sse_line_end(struct pg_str s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != '\r' && s.p[i] != '\n')
		i++;
	return i;
}

PG_FN ssize_t
pg_sse_take(struct pg_sse *s, struct pg_str in, bool *ready,
    struct pg_err *e)
{
	size_t at = 0, n;
	int rc = 0;

	*ready = false;
	while (at < in.n && rc == 0) {
		if (s->over) {
			pg_buf_reset(&s->kind);
			pg_buf_reset(&s->data);
			s->over = false;
		}
		if (s->after_cr && in.p[at] == '\n')
			at++;
		s->after_cr = false;
		n = sse_line_end(pg_str_skip(in, at));
		if (n > PG_SSE_LINE_MAX - s->line.n)
			return pg_fail(e, PG_E_LIMIT, "line of an event "
			    "stream is over %d bytes", PG_SSE_LINE_MAX);
		pg_buf_put(&s->line, in.p + at, n);
		at += n;
		if (at == in.n)
			break;
		s->after_cr = in.p[at++] == '\r';
		rc = sse_line(s, pg_buf_str(&s->line), e);
		pg_buf_reset(&s->line);
	}
	*ready = rc > 0;
	return rc < 0 ? -1 : (ssize_t)at;
}
