/* forms: how values are written on a command line: durations, sizes, numbers,
 * arguments of messages; and which word was meant.
 */
#ifndef PG_FORMS_H
#define PG_FORMS_H

#include "../base/clock.h"
#include "../codec/value.h"

#define PG_DURATION_MAX (365 * 24 * 3600 * PG_SEC)
#define PG_SIZE_MAX ((int64_t)1 << 50)
#define PG_INPUT_MAX ((size_t)64 << 20) /* bytes of a file or of stdin */
#define PG_WORD_MAX 64 /* longer words are like no other */

/* All of these return -1 with PG_E_USAGE and a text that quotes the input,
 * unless they say otherwise. */

/* "5s", "1.5h", "250ms", "2m", "3" (seconds), or "none": PG_DURATION_MAX. */
PG_FN int pg_form_duration(struct pg_str text, int64_t *ns,
    struct pg_err *e);
/* "512K", "1.5M", "1G", "2T", "100" (bytes), or "none": PG_SIZE_MAX. */
PG_FN int pg_form_size(struct pg_str text, int64_t *bytes, struct pg_err *e);
PG_FN int pg_form_int(struct pg_str text, int64_t min, int64_t max,
    int64_t *out, struct pg_err *e);
/* "+5s" from now, "18:30" (the next one) or "2026-12-24 18:30" (or "T" for the
 * blank), both with ":00" behind if need be, by the clock and zone of this
 * machine, or with "Z" behind by UTC. In nanoseconds since 1970. */
PG_FN int pg_form_moment(struct pg_str text, int64_t *wall,
    struct pg_err *e);
/* JSON; what it means stays valid as long as text and a. */
PG_FN int pg_form_json(struct pg_arena *a, struct pg_str text,
    struct pg_value **out, struct pg_err *e);

/* Put what one word says into dict: "key=text", "key:=json", "@FILE" or "-"
 * (all members of the JSON object in the file or on stdin). Later words win.
 * Borrows from word. */
PG_FN int pg_form_member(struct pg_arena *a, struct pg_str word,
    struct pg_value *dict, struct pg_err *e);

/* Whether a word is "key=@artifact:PATH": a file that goes with a message. */
PG_FN bool pg_form_enclosure(struct pg_str word, struct pg_str *key,
    struct pg_str *path);

/* Which of some words is most like the one given. Set word, try all others;
 * best is then NULL or close enough to be proposed. */
struct pg_nearest {
	struct pg_str word;
	const char *best;
	size_t distance; /* of best */
};

PG_FN void pg_nearest_try(struct pg_nearest *n, const char *candidate);

#endif
