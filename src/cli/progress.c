/* progress: see progress.h.
 *
 * A carriage return and blanks are all it takes, so that every terminal
 * understands it.
 */
#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define PROGRESS_BAR_MIN 8  /* columns; narrower ones tell nothing */
#define PROGRESS_BAR_MAX 30
#define PROGRESS_COLUMNS 80 /* of a terminal that does not say */

PG_FN const char *
pg_size_text(uint64_t n, char out[PG_SIZE_TEXT_MAX])
{
	static const char units[] = "KMGTPE";
	double x = (double)n;
	size_t i;

	if (n < 1000) {
		snprintf(out, PG_SIZE_TEXT_MAX, "%" PRIu64, n);
		return out;
	}
	x /= 1024;
	for (i = 0; x >= 999.5; i++)
		x /= 1024;
	snprintf(out, PG_SIZE_TEXT_MAX, x < 9.95 ? "%.1f%c" : "%.0f%c", x,
	    units[i]);
	return out;
}

/* "0:07", "12:34", "3:05:09". */
static void
progress_time(struct pg_buf *b, uint64_t seconds)
{
	uint64_t m = seconds / 60 % 60, s = seconds % 60;

	if (seconds < 3600)
		pg_buf_printf(b, "%" PRIu64 ":%02" PRIu64, m, s);
	else
		pg_buf_printf(b, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
		    PG_MIN(seconds / 3600, UINT64_C(9999)), m, s);
}

/* What stands behind the bar. */
static void
progress_figures(struct pg_buf *b, const struct pg_progress_state *s)
{
	char done[PG_SIZE_TEXT_MAX], other[PG_SIZE_TEXT_MAX];
	uint64_t left = s->total > s->done ? s->total - s->done : 0;

	pg_size_text(s->done, done);
	if (s->total > 0)
		pg_buf_printf(b, "%s of %s", done, pg_size_text(s->total,
		    other));
	else
		pg_buf_putz(b, done);
	if (s->files > 1)
		pg_buf_printf(b, "  %zu of %zu files", s->ready, s->files);
	if (s->rate < 1)
		return;
	pg_buf_printf(b, "  %s/s", pg_size_text((uint64_t)PG_MIN(s->rate,
	    1e18), other));
	if (s->total == 0)
		return;
	pg_buf_putz(b, "  ");
	progress_time(b, (uint64_t)PG_MIN((double)left / s->rate, 1e9));
}

static void
progress_bar(struct pg_buf *b, const struct pg_progress_state *s,
    size_t width)
{
	double part = PG_MIN((double)s->done / (double)s->total, 1.0);
	size_t full = (size_t)(part * (double)width), i;

	pg_buf_printf(b, "%3u%% [", (unsigned)(part * 100));
	for (i = 0; i < width; i++)
		pg_buf_putc(b, i < full ? '=' : ' ');
	pg_buf_putz(b, "] ");
}

PG_FN void
pg_progress_line(struct pg_buf *b, const struct pg_progress_state *s,
    size_t columns)
{
	size_t frame = sizeof("100% [] ") - 1, at = b->n, n;
	struct pg_buf figures = PG_BUF_INIT(0);

	progress_figures(&figures, s);
	n = figures.n + frame;
	if (s->total > 0 && columns >= n + PROGRESS_BAR_MIN)
		progress_bar(b, s, PG_MIN(columns - n,
		    (size_t)PROGRESS_BAR_MAX));
	pg_buf_puts(b, pg_buf_str(&figures));
	b->n = PG_MIN(b->n, at + columns);
	pg_buf_fini(&figures);
}

/* The last column stays empty: some terminals go on in the next line. */
static size_t
progress_columns(void)
{
	struct winsize w = { .ws_col = 0 };
	size_t n = PROGRESS_COLUMNS;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1)
		n = w.ws_col;
	return PG_MIN(n, (size_t)PG_PROGRESS_COLUMNS_MAX) - 1;
}

PG_FN void
pg_progress_init(struct pg_progress *p, bool on)
{
	*p = (struct pg_progress){ .on = on && isatty(STDERR_FILENO) };
}

/* What was there from before counts as done, but it took no time. */
static void
progress_measure(struct pg_progress *p, uint64_t done)
{
	int64_t now = pg_now(), span = now - p->rate_at;
	double rate;

	if (p->begun == 0 || done < p->rate_done) {
		p->begun = p->begun == 0 ? now : p->begun;
		p->rate_at = now;
		p->rate_done = done;
		return;
	}
	if (span < PG_PROGRESS_STEP)
		return;
	rate = (double)(done - p->rate_done) / pg_to_seconds(span);
	/* The older, the less it counts. */
	if (p->rate > 0)
		rate = p->rate + (rate - p->rate) * PG_MIN(1.0,
		    (double)span / (double)PG_PROGRESS_WINDOW);
	p->rate = rate;
	p->rate_at = now;
	p->rate_done = done;
}

static void
progress_write(struct pg_progress *p, struct pg_str line)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i;

	pg_buf_putc(&b, '\r');
	pg_buf_puts(&b, line);
	for (i = line.n; i < p->width; i++)
		pg_buf_putc(&b, ' ');
	if (line.n == 0)
		pg_buf_putc(&b, '\r');
	p->width = line.n;
	/* Nobody to tell is no failure. */
	(void)!write(STDERR_FILENO, b.p, b.n);
	pg_buf_fini(&b);
}

PG_FN void
pg_progress_show(struct pg_progress *p, uint64_t done, uint64_t total,
    size_t files, size_t ready)
{
	struct pg_progress_state s = { done, total, 0, files, ready };
	struct pg_buf b = PG_BUF_INIT(0);
	int64_t now = pg_now();

	if (!p->on)
		return;
	progress_measure(p, done);
	if (now < p->begun + PG_PROGRESS_PATIENCE ||
	    now < p->shown + PG_PROGRESS_STEP)
		return;
	p->shown = now;
	s.rate = p->rate;
	pg_progress_line(&b, &s, progress_columns());
	progress_write(p, pg_buf_str(&b));
	pg_buf_fini(&b);
}

PG_FN void
pg_progress_wipe(struct pg_progress *p)
{
	if (p->width > 0)
		progress_write(p, PG_STR_NULL);
}

#undef PROGRESS_BAR_MIN
#undef PROGRESS_BAR_MAX
#undef PROGRESS_COLUMNS
