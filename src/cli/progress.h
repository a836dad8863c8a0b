/* progress: how far something large is, on one line of a terminal that is
 * written anew again and again, and wiped at the end.
 */
#ifndef PG_PROGRESS_H
#define PG_PROGRESS_H

#include "../base/buf.h"
#include "../base/clock.h"

#define PG_PROGRESS_PATIENCE PG_SEC     /* before the line is shown */
#define PG_PROGRESS_STEP (100 * PG_MS)  /* between two lines */
#define PG_PROGRESS_WINDOW (3 * PG_SEC) /* that the rate is about */
#define PG_PROGRESS_COLUMNS_MAX 200     /* that are used */
#define PG_SIZE_TEXT_MAX 16

/* Owner: whoever embeds it; _init makes it valid. */
struct pg_progress {
	bool on; /* somebody looks */
	int64_t begun, shown;
	double rate;    /* bytes a second; 0: not known yet */
	int64_t rate_at;
	uint64_t rate_done;
	size_t width; /* of the line that stands there */
};

/* What a line says. */
struct pg_progress_state {
	uint64_t done, total; /* bytes; total 0: not known */
	double rate;
	size_t files, ready; /* of them; files 1: not said */
};

/* on: only if it is, and stderr is a terminal, anything is ever shown. */
PG_FN void pg_progress_init(struct pg_progress *p, bool on);
/* It is so far now: show it, if it is time for that. */
PG_FN void pg_progress_show(struct pg_progress *p, uint64_t done,
    uint64_t total, size_t files, size_t ready);
/* Wipe the line: something else is to be written, or it is over. */
PG_FN void pg_progress_wipe(struct pg_progress *p);

/* Append the line, at most so many columns wide. */
PG_FN void pg_progress_line(struct pg_buf *b,
    const struct pg_progress_state *s, size_t columns);
/* "17", "1.2K", "300M": three digits at most. */
PG_FN const char *pg_size_text(uint64_t n, char out[PG_SIZE_TEXT_MAX]);

#endif
