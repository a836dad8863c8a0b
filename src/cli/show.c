/* show: what the user gets to see.
 *
 * Agents and peers choose most of the text, so a terminal never gets control
 * characters of theirs; files and pipes get every byte as it is.
 */
#include "show.h"

#include "../base/clock.h"
#include "../codec/json.h"

#include <time.h>
#include <unistd.h>

#define SHOW_LINE_MAX 78 /* characters of a value that stays on one line */

/* ---- bytes ------------------------------------------------------------ */

/* All of s, however little a pipe takes at once. */
static int
show_write(struct pg_str s, struct pg_err *e)
{
	ssize_t n;

	while (s.n > 0) {
		n = write(STDOUT_FILENO, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pg_fail_sys(e, "standard output");
		s = pg_str_skip(s, (size_t)n);
	}
	return 0;
}

/* Append s; what is not printable, nor in keep, becomes '?'. */
static void
show_clean(struct pg_str s, const char *keep, struct pg_buf *b)
{
	size_t n;

	for (; s.n > 0; s = pg_str_skip(s, n)) {
		n = pg_printable(s);
		if (n == 0 && (s.p[0] == '\0' || strchr(keep, s.p[0]) == NULL))
			pg_buf_putc(b, '?');
		else
			pg_buf_put(b, s.p, PG_MAX(n, (size_t)1));
		n = PG_MAX(n, (size_t)1);
	}
}

PG_FN int
pg_show_text(struct pg_str text, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int rc;

	if (isatty(STDOUT_FILENO))
		show_clean(text, "\n\t", &b);
	else
		pg_buf_puts(&b, text);
	if (text.n == 0 || text.p[text.n - 1] != '\n')
		pg_buf_putc(&b, '\n');
	rc = show_write(pg_buf_str(&b), e);
	pg_buf_fini(&b);
	return rc;
}

PG_FN int
pg_show_json(const struct pg_value *v, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int rc = pg_json_write(&b, v, e);

	if (rc == 0)
		rc = pg_show_text(pg_buf_str(&b), e);
	pg_buf_fini(&b);
	return rc;
}

/* Whether this one line of JSON is good for people too: short, and without
 * letters spelt as escapes. */
static bool
show_readable(struct pg_str json)
{
	return json.n <= SHOW_LINE_MAX &&
	    memmem(json.p, json.n, "\\u", 2) == NULL;
}

PG_FN int
pg_show_value(const struct pg_value *v, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int rc;

	if (pg_value_is(v, PG_T_STR))
		return pg_show_text(pg_value_text(v, PG_STR_NULL), e);
	/* Most results are short: try one line, and measure it. */
	rc = pg_json_write(&b, v, e);
	if (rc == 0 && !show_readable(pg_buf_str(&b))) {
		pg_buf_reset(&b);
		rc = pg_json_write_pretty(&b, v, e);
	}
	if (rc == 0)
		rc = pg_show_text(pg_buf_str(&b), e);
	pg_buf_fini(&b);
	return rc;
}

PG_FN void
pg_show_clear(void)
{
	show_write(PG_STR("\033[H\033[J"), NULL);
}

/* ---- tables ----------------------------------------------------------- */

struct pg_cell {
	struct pg_cell *next;
	struct pg_str text; /* clean */
	size_t width;
};

/* Bytes of the first `max` characters of s, which is clean; *width counts
 * them. */
static size_t
show_cut(struct pg_str s, size_t max, size_t *width)
{
	size_t i = 0, n;

	for (n = 0; i < s.n && n < max; n++)
		i += pg_printable(pg_str_skip(s, i));
	*width = n;
	return i;
}

PG_FN void
pg_table_init(struct pg_table *t, struct pg_arena *a,
    const char *const *heads)
{
	size_t i;

	*t = (struct pg_table){ .arena = a, .heads = heads };
	for (i = 0; heads[i] != NULL; i++)
		t->width[i] = strlen(heads[i]);
	t->columns = i;
	assert(i <= PG_TABLE_COLUMNS_MAX);
}

PG_FN void
pg_table_put(struct pg_table *t, struct pg_str text)
{
	struct pg_cell *c = pg_arena_zalloc(t->arena, sizeof(*c));
	size_t column = t->count++ % t->columns;
	size_t max = column + 1 == t->columns ? PG_TABLE_LAST_MAX
					      : PG_TABLE_CELL_MAX;
	struct pg_buf b = PG_BUF_INIT(0);

	show_clean(text, "", &b);
	b.n = show_cut(pg_buf_str(&b), max, &c->width);
	c->text = pg_arena_str(t->arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	/* Widths only grow, so that rows shown later still line up. */
	t->width[column] = PG_MAX(t->width[column], c->width);
	if (t->last != NULL)
		t->last->next = c;
	else
		t->first = c;
	t->last = c;
}

/* A list of texts, separated by blanks. false: it is something else. */
static bool
show_words(const struct pg_value *v, struct pg_buf *b)
{
	uint32_t i;

	if (!pg_value_is(v, PG_T_LIST))
		return false;
	for (i = 0; i < v->n; i++) {
		if (!pg_value_is(v->u.items[i], PG_T_STR))
			return false;
		if (i > 0)
			pg_buf_putc(b, ' ');
		pg_buf_puts(b, pg_value_text(v->u.items[i], PG_STR_NULL));
	}
	return true;
}

PG_FN void
pg_table_put_value(struct pg_table *t, const struct pg_value *v)
{
	struct pg_buf b = PG_BUF_INIT(0);

	if (pg_value_is(v, PG_T_STR)) {
		pg_buf_puts(&b, pg_value_text(v, PG_STR_NULL));
	} else if (v != NULL && !pg_value_is(v, PG_T_NULL) &&
	    !show_words(v, &b)) {
		pg_buf_reset(&b);
		pg_json_write(&b, v, NULL);
	}
	pg_table_put(t, pg_buf_str(&b));
	pg_buf_fini(&b);
}

PG_FN void
pg_table_put_time(struct pg_table *t, const struct pg_value *v)
{
	char text[32] = "";
	double seconds;
	struct tm tm;
	time_t when;

	if (pg_value_number(v, &seconds)) {
		when = (time_t)(pg_from_seconds(seconds) / PG_SEC);
		if (localtime_r(&when, &tm) == NULL ||
		    strftime(text, sizeof(text), "%m-%d %H:%M:%S", &tm) == 0)
			text[0] = '\0';
	}
	pg_table_put(t, pg_str(text));
}

/* https://no-color.org: any value but the empty one means no. */
static bool
show_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (no == NULL || no[0] == '\0') && isatty(STDOUT_FILENO) &&
	    term != NULL && strcmp(term, "dumb") != 0;
}

/* One cell, filled up to its column unless it is the last one: then the line
 * ends behind what it says. */
static void
show_cell(struct pg_buf *b, const struct pg_table *t, size_t column,
    struct pg_str text, size_t width)
{
	pg_buf_puts(b, text);
	if (column + 1 < t->columns) {
		pg_buf_printf(b, "%*s", (int)(t->width[column] - width + 2),
		    "");
		return;
	}
	while (b->n > 0 && b->p[b->n - 1] == ' ')
		b->n--;
	pg_buf_putc(b, '\n');
}

PG_FN int
pg_table_show(const struct pg_table *t, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	const struct pg_cell *c;
	bool colour = show_colour();
	size_t i, n = 0;
	int rc;

	for (i = 0; i < t->columns && !t->headless; i++) {
		if (colour)
			pg_buf_putz(&b, "\033[1m");
		pg_buf_putz(&b, t->heads[i]);
		if (colour)
			pg_buf_putz(&b, "\033[0m");
		show_cell(&b, t, i, PG_STR_NULL, strlen(t->heads[i]));
	}
	for (c = t->first; c != NULL; c = c->next)
		show_cell(&b, t, n++ % t->columns, c->text, c->width);
	rc = show_write(pg_buf_str(&b), e);
	pg_buf_fini(&b);
	return rc;
}

PG_FN void
pg_table_go_on(struct pg_table *t)
{
	t->first = t->last = NULL;
	t->count = 0;
	t->headless = true;
}

PG_FN int
pg_table_of(struct pg_arena *a, const struct pg_value *dict, struct pg_err *e)
{
	static const char *const heads[] = { "", "", NULL };
	struct pg_table t;
	uint32_t i;

	pg_table_init(&t, a, heads);
	t.headless = true;
	for (i = 0; pg_value_is(dict, PG_T_DICT) && i < dict->n; i++) {
		pg_table_put(&t, dict->u.pairs[i].key);
		pg_table_put_value(&t, dict->u.pairs[i].val);
	}
	return pg_table_show(&t, e);
}

/* ---- stderr ----------------------------------------------------------- */

/* The text is printable already: pg_fail sees to that. If stderr is closed
 * there is nobody to tell, and the exit status says it too. */
PG_FN void
pg_show_error(const char *what, const struct pg_err *e)
{
	dprintf(STDERR_FILENO, "paglets: %s%s%s\n", what != NULL ? what : "",
	    what != NULL ? ": " : "", e->msg);
}

PG_FN void
pg_show_note(const char *fmt, ...)
{
	struct pg_err text = { 0 };
	char line[sizeof(text.msg)];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	pg_fail(&text, PG_E_HOST, "%s", line); /* makes it printable */
	pg_show_error(NULL, &text);
}

#undef SHOW_LINE_MAX
