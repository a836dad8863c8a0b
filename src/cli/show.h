/* show: what the user gets to see: data on stdout, as JSON or as tables, and
 * errors as one line on stderr.
 */
#ifndef PG_SHOW_H
#define PG_SHOW_H

#include "../codec/value.h"

/* Characters of one cell, and of one in the last column; what is longer is
 * cut. */
#define PG_TABLE_CELL_MAX 100
#define PG_TABLE_LAST_MAX 200
#define PG_TABLE_COLUMNS_MAX 12

/* All write to stdout at once. -1: it takes no more. On a terminal, control
 * characters other than newline and tab are replaced. */

/* Text as it is, and a newline if it ends without. */
PG_FN int pg_show_text(struct pg_str text, struct pg_err *e);
/* One line of JSON, for programs. */
PG_FN int pg_show_json(const struct pg_value *v, struct pg_err *e);
/* For people: text as it is, small values on one line, others indented. */
PG_FN int pg_show_value(const struct pg_value *v, struct pg_err *e);

/* Begin anew on top of an empty screen; stdout must be a terminal. */
PG_FN void pg_show_clear(void);

struct pg_cell;

/* Rows of text in columns. Memory: the arena; cells are copied. */
struct pg_table {
	struct pg_arena *arena;
	const char *const *heads; /* NULL-terminated; they set the columns */
	bool headless;
	size_t columns;
	size_t width[PG_TABLE_COLUMNS_MAX]; /* characters */
	struct pg_cell *first, *last;
	size_t count;
};

PG_FN void pg_table_init(struct pg_table *t, struct pg_arena *a,
    const char *const *heads);
/* The next cell, from left to right, row by row. */
PG_FN void pg_table_put(struct pg_table *t, struct pg_str text);
/* A text, number or bool as it is, a list of texts separated by blanks,
 * anything else as JSON, nothing for NULL and null. */
PG_FN void pg_table_put_value(struct pg_table *t, const struct pg_value *v);
/* A time on the wire, in the time zone of whoever reads it; nothing for
 * none. */
PG_FN void pg_table_put_time(struct pg_table *t, const struct pg_value *v);
PG_FN int pg_table_show(const struct pg_table *t, struct pg_err *e);
/* Forget the rows, which were shown; those that follow stand below them. */
PG_FN void pg_table_go_on(struct pg_table *t);

/* The pairs of a dict, one a row. */
PG_FN int pg_table_of(struct pg_arena *a, const struct pg_value *dict,
    struct pg_err *e);

/* "paglets: WHAT: why" on stderr; what may be NULL. */
PG_FN void pg_show_error(const char *what, const struct pg_err *e);
/* The same without failing. */
PG_FN void pg_show_note(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
