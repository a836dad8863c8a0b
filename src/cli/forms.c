/* forms: how values are written on a command line.
 *
 * Pure reading, but for files and stdin that a word names. What is wrong is
 * the user's slip, so every failure quotes the word and says what would have
 * been right.
 */
#include "forms.h"

#include "../codec/json.h"
#include "../codec/url.h"
#include "../os/file.h"

#include <time.h>
#include <unistd.h>

/* As much of a fraction counts as cannot overflow with the largest unit. */
#define FORMS_FRACTION_MAX 1000000
#define FORMS_MOMENT_MAX 32 /* bytes of a date and a time, and more */

/* ---- numbers with units ----------------------------------------------- */

struct forms_unit {
	const char *name; /* NULL ends a table */
	int64_t scale;
};

static bool
forms_digit(struct pg_str s)
{
	return s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9';
}

/* What the digits at the start of s are worth behind the point of a number
 * whose unit is scale, rounded down. */
static int64_t
forms_fraction(struct pg_str s, int64_t scale)
{
	int64_t digits = 0, power = 1;

	while (forms_digit(s) && power < FORMS_FRACTION_MAX) {
		digits = digits * 10 + (s.p[0] - '0');
		power *= 10;
		s = pg_str_skip(s, 1);
	}
	return scale * digits / power;
}

/* Take the digits at the start of *s. false: there are none, or their value
 * is over max. */
static bool
forms_whole(struct pg_str *s, int64_t max, int64_t *out)
{
	int64_t value = 0, digit;

	if (!forms_digit(*s))
		return false;
	for (; forms_digit(*s); *s = pg_str_skip(*s, 1)) {
		digit = s->p[0] - '0';
		if (value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

/* DIGITS[.DIGITS][UNIT], at most max in all. */
static bool
forms_scaled(struct pg_str text, const struct forms_unit *units, int64_t max,
    int64_t *out)
{
	struct pg_str rest = text, fraction = PG_STR_NULL;
	const struct forms_unit *u;
	int64_t whole;

	if (!forms_whole(&rest, max, &whole))
		return false;
	if (rest.n > 0 && rest.p[0] == '.') {
		rest = fraction = pg_str_skip(rest, 1);
		if (!forms_digit(rest))
			return false;
		while (forms_digit(rest))
			rest = pg_str_skip(rest, 1);
	}
	for (u = units; u->name != NULL; u++)
		if (pg_str_ieq(rest, pg_str(u->name)))
			break;
	if (u->name == NULL || whole > max / u->scale)
		return false;
	*out = whole * u->scale + forms_fraction(fraction, u->scale);
	return *out <= max;
}

/* Bare numbers are seconds, as on the wire. */
PG_FN int
pg_form_duration(struct pg_str text, int64_t *ns, struct pg_err *e)
{
	static const struct forms_unit units[] = { { "", PG_SEC },
		{ "ms", PG_MS }, { "s", PG_SEC }, { "m", 60 * PG_SEC },
		{ "h", 3600 * PG_SEC }, { NULL, 0 } };

	if (pg_str_eqz(text, "none")) {
		*ns = PG_DURATION_MAX;
		return 0;
	}
	if (!forms_scaled(text, units, PG_DURATION_MAX, ns))
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no duration; write "
		    "5s, 250ms, 2m, 1h or none, at most 8760h",
		    PG_STR_ARG(text));
	return 0;
}

PG_FN int
pg_form_size(struct pg_str text, int64_t *bytes, struct pg_err *e)
{
	static const struct forms_unit units[] = { { "", 1 },
		{ "K", (int64_t)1 << 10 }, { "M", (int64_t)1 << 20 },
		{ "G", (int64_t)1 << 30 }, { "T", (int64_t)1 << 40 },
		{ NULL, 0 } };

	if (pg_str_eqz(text, "none")) {
		*bytes = PG_SIZE_MAX;
		return 0;
	}
	if (!forms_scaled(text, units, PG_SIZE_MAX, bytes))
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no size; write 512K, "
		    "10M, 1G, 1T, a number of bytes or none, at most 1024T",
		    PG_STR_ARG(text));
	return 0;
}

PG_FN int
pg_form_int(struct pg_str text, int64_t min, int64_t max, int64_t *out,
    struct pg_err *e)
{
	/* INT64_MIN itself cannot be written; nobody wants to. */
	bool negative = text.n > 0 && text.p[0] == '-';
	struct pg_str rest = pg_str_skip(text, negative ? 1 : 0);
	int64_t value;

	if (forms_whole(&rest, INT64_MAX, &value) && rest.n == 0) {
		value = negative ? -value : value;
		if (value >= min && value <= max) {
			*out = value;
			return 0;
		}
	}
	return pg_fail(e, PG_E_USAGE, "'%.*s' is no number from %" PRId64
	    " to %" PRId64, PG_STR_ARG(text), min, max);
}

/* ---- moments ---------------------------------------------------------- */

static time_t
forms_mktime(struct tm *tm, bool utc)
{
	tm->tm_isdst = -1;
	return utc ? timegm(tm) : mktime(tm);
}

/* text as the format says, which names a day or not. false: it is not so, or
 * there is no such day. */
static bool
forms_date(const char *text, const char *format, bool day, bool utc,
    time_t *out)
{
	time_t now = (time_t)(pg_now_wall() / PG_SEC);
	struct tm tm = { 0 };
	const char *end;
	int mday;

	if (!day && (utc ? gmtime_r(&now, &tm) : localtime_r(&now, &tm)) ==
	    NULL)
		return false;
	tm.tm_sec = 0;
	end = strptime(text, format, &tm);
	if (end == NULL || *end != '\0')
		return false;
	mday = tm.tm_mday;
	*out = forms_mktime(&tm, utc);
	/* 30 February would have become one in March. */
	if (tm.tm_mday != mday)
		return false;
	if (!day && *out <= now) {
		tm.tm_mday++;
		*out = forms_mktime(&tm, utc);
	}
	return true;
}

PG_FN int
pg_form_moment(struct pg_str text, int64_t *wall, struct pg_err *e)
{
	static const char *const formats[] = { "%H:%M", "%H:%M:%S",
		"%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
		"%Y-%m-%dT%H:%M:%S" };
	bool utc = text.n > 0 && text.p[text.n - 1] == 'Z';
	char copy[FORMS_MOMENT_MAX];
	int64_t after;
	time_t t;
	size_t i;

	if (text.n > 0 && text.p[0] == '+') {
		if (pg_form_duration(pg_str_skip(text, 1), &after, e) < 0)
			return -1;
		*wall = pg_now_wall() + after;
		return 0;
	}
	snprintf(copy, sizeof(copy), "%.*s", (int)PG_MIN(text.n,
	    sizeof(copy)) - utc, text.n > 0 ? text.p : "");
	for (i = 0; i < PG_COUNT(formats) && forms_digit(text); i++)
		if (forms_date(copy, formats[i], i > 1, utc, &t)) {
			*wall = (int64_t)t * PG_SEC;
			return 0;
		}
	return pg_fail(e, PG_E_USAGE, "'%.*s' is no time; write +5s, 18:30, "
	    "'2026-12-24 18:30' or 2026-12-24T18:30:00Z", PG_STR_ARG(text));
}

/* ---- arguments -------------------------------------------------------- */

/* Only the beginning is quoted: whole documents are given so. */
PG_FN int
pg_form_json(struct pg_arena *a, struct pg_str text, struct pg_value **out,
    struct pg_err *e)
{
	struct pg_err why = { 0 };

	if (pg_json_read(text, a, out, &why) < 0)
		return pg_fail(e, PG_E_USAGE, "'%.*s%s' is no JSON: %s",
		    (int)PG_MIN(text.n, (size_t)40), text.p,
		    text.n > 40 ? "..." : "", why.msg);
	return 0;
}

/* Append all of stdin to b. */
static int
forms_read_stdin(struct pg_buf *b, struct pg_err *e)
{
	char piece[16 * 1024];
	ssize_t got;

	for (;;) {
		got = read(STDIN_FILENO, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return pg_fail_sys(e, "standard input");
		if (got == 0)
			return 0;
		pg_buf_put(b, piece, (size_t)got);
		if (b->failed)
			return pg_fail(e, PG_E_LIMIT,
			    "standard input: over %zu bytes", b->max);
	}
}

/* All members of the JSON object that name stands for; in a. */
static int
forms_object(struct pg_arena *a, struct pg_str name, struct pg_value *dict,
    struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(PG_INPUT_MAX);
	struct pg_value *v;
	struct pg_str text;
	/* name is the end of a word of argv: there is a NUL behind it. */
	int rc = pg_str_eqz(name, "-") ? forms_read_stdin(&b, e)
				       : pg_file_read(name.p, &b, e);
	uint32_t i;

	text = pg_arena_str(a, pg_buf_str(&b));
	pg_buf_fini(&b);
	if (rc < 0)
		return -1;
	if (pg_json_read(text, a, &v, e) < 0) {
		e->code = PG_E_USAGE;
		return pg_wrap(e, "%.*s", PG_STR_ARG(name));
	}
	if (!pg_value_is(v, PG_T_DICT))
		return pg_fail(e, PG_E_USAGE, "%.*s holds a %s; arguments are "
		    "a JSON object", PG_STR_ARG(name), pg_value_type_name(v));
	for (i = 0; i < v->n; i++)
		pg_value_set(a, dict, v->u.pairs[i].key, v->u.pairs[i].val);
	return 0;
}

PG_FN int
pg_form_member(struct pg_arena *a, struct pg_str word, struct pg_value *dict,
    struct pg_err *e)
{
	const char *eq = memchr(word.p, '=', word.n);
	struct pg_str key, text;
	struct pg_value *v;

	if (pg_str_eqz(word, "-"))
		return forms_object(a, word, dict, e);
	if (word.n > 1 && word.p[0] == '@')
		return forms_object(a, pg_str_skip(word, 1), dict, e);
	if (pg_utf8_valid(word, false) < word.n)
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no UTF-8",
		    PG_STR_ARG(word));
	/* The first sign decides: values may hold more of them. */
	key = (struct pg_str){ word.p, eq != NULL ? (size_t)(eq - word.p) : 0 };
	text = pg_str_skip(word, key.n + 1);
	if (key.n > 0 && key.p[key.n - 1] == ':') {
		key.n--;
		if (pg_form_json(a, text, &v, e) < 0)
			return pg_wrap(e, "%.*s", PG_STR_ARG(key));
	} else {
		v = pg_value_str(a, text);
	}
	if (key.n == 0)
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no argument; write "
		    "key=text, key:=json, @file or -", PG_STR_ARG(word));
	return pg_value_set(a, dict, key, v);
}

PG_FN bool
pg_form_enclosure(struct pg_str word, struct pg_str *key,
    struct pg_str *path)
{
	static const char mark[] = "@artifact:";
	const char *eq = memchr(word.p, '=', word.n);

	/* ":=" is JSON, whatever it says. */
	if (eq == NULL || eq == word.p || eq[-1] == ':')
		return false;
	*key = (struct pg_str){ word.p, (size_t)(eq - word.p) };
	*path = pg_str_skip(word, key->n + 1);
	if (!pg_str_starts(*path, pg_str(mark)))
		return false;
	*path = pg_str_skip(*path, sizeof(mark) - 1);
	return true;
}

/* ---- the nearest word ------------------------------------------------- */

/* Steps from a to b: a character inserted, removed, replaced, or two
 * neighbours swapped. Both at most PG_WORD_MAX long. */
static size_t
forms_distance(struct pg_str a, struct pg_str b)
{
	size_t row[3][PG_WORD_MAX + 1], *before, *last, *now, best, i, j;

	for (j = 0; j <= b.n; j++)
		row[0][j] = j;
	for (i = 1; i <= a.n; i++) {
		/* A swap looks back two rows; three are enough. */
		before = row[(i + 1) % 3];
		last = row[(i + 2) % 3];
		now = row[i % 3];
		now[0] = i;
		for (j = 1; j <= b.n; j++) {
			best = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);
			best = PG_MIN(best, last[j] + 1);
			best = PG_MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1])
				best = PG_MIN(best, before[j - 2] + 1);
			now[j] = best;
		}
	}
	return row[a.n % 3][b.n];
}

PG_FN void
pg_nearest_try(struct pg_nearest *n, const char *candidate)
{
	struct pg_str c = pg_str(candidate);
	size_t distance, far = (PG_MAX(n->word.n, c.n) + 1) / 2;

	if (n->word.n == 0 || n->word.n > PG_WORD_MAX || c.n > PG_WORD_MAX)
		return;
	/* A beginning is more than a likeness. */
	if (pg_str_starts(c, n->word))
		distance = 1;
	else
		distance = forms_distance(n->word, c);
	if (distance < far && (n->best == NULL || distance < n->distance)) {
		n->best = candidate;
		n->distance = distance;
	}
}

#undef FORMS_FRACTION_MAX
#undef FORMS_MOMENT_MAX
