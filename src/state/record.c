/* record: the text of one change, put together and taken apart.
 *
 * The reader takes exactly what pg_change_text writes, spaces included:
 * nobody else writes the log. It finds where values begin and end by quotes
 * and brackets alone and does not read them; what they say is checked by who
 * reads them.
 */
#include "record.h"
#include "../codec/json.h"

/* Bytes of a key of PG_RECORD_KEY_MAX in quotes, all of it escaped. */
#define RECORD_KEY_TEXT_MAX (6 * PG_RECORD_KEY_MAX + 2)
#define RECORD_KEY_MEMORY ((size_t)16 << 10)

/* ---- Values ---- */

/* Bytes of the string that s begins with, quotes included; 0: none. */
static size_t
record_string(struct pg_str s)
{
	const char *p = s.p, *end, *back;

	if (s.n == 0 || *p != '"')
		return 0;
	end = p + s.n;
	while ((p = memchr(p + 1, '"', (size_t)(end - p - 1))) != NULL) {
		/* Escaped by an odd number of backslashes. */
		for (back = p; back[-1] == '\\'; back--)
			continue;
		if ((p - back) % 2 == 0)
			return (size_t)(p - s.p) + 1;
	}
	return 0;
}

/* Bytes of the value that s begins with, up to what can be no part of it; 0:
 * none. */
static size_t
record_value(struct pg_str s)
{
	size_t i = 0, depth = 0, n;

	while (i < s.n) {
		switch (s.p[i]) {
		case '"':
			n = record_string(pg_str_skip(s, i));
			if (n == 0)
				return 0;
			i += n;
			break;
		case '[':
		case '{':
			depth++;
			i++;
			break;
		case ']':
		case '}':
			if (depth-- == 0)
				return i;
			i++;
			break;
		case ',':
			if (depth == 0)
				return i;
			i++;
			break;
		default:
			i++;
		}
	}
	return depth == 0 ? i : 0;
}

/* ---- Writing ---- */

static void
change_wrong(struct pg_change *ch, const char *what)
{
	if (ch->wrong == NULL)
		ch->wrong = what;
}

/* Append the key as JSON, with a comma before all but the first. */
static void
change_key(struct pg_change *ch, struct pg_buf *b, struct pg_str key)
{
	if (key.n == 0 || key.n > PG_RECORD_KEY_MAX) {
		change_wrong(ch, "a key is empty or too long");
	} else if (pg_utf8_valid(key, false) != key.n) {
		change_wrong(ch, "a key is no text");
	} else {
		if (b->n > 0)
			pg_buf_putz(b, ", ");
		pg_json_write_str(b, key);
	}
}

PG_FN void
pg_change_put(struct pg_change *ch, struct pg_str key, struct pg_str json)
{
	ch->puts.max = PG_JOURNAL_LINE_MAX;
	if (json.n == 0 || record_value(json) != json.n ||
	    memchr(json.p, '\n', json.n) != NULL)
		change_wrong(ch, "a value is not one line of JSON");
	change_key(ch, &ch->puts, key);
	pg_buf_putz(&ch->puts, ": ");
	pg_buf_puts(&ch->puts, json);
}

PG_FN void
pg_change_del(struct pg_change *ch, struct pg_str key)
{
	ch->dels.max = PG_JOURNAL_LINE_MAX;
	change_key(ch, &ch->dels, key);
}

PG_FN int
pg_change_text(const struct pg_change *ch, struct pg_buf *b, struct pg_err *e)
{
	const char *between = ch->puts.n > 0 && ch->dels.n > 0 ? ", " : "";
	size_t start = b->n;

	if (ch->wrong != NULL)
		return pg_fail(e, PG_E_HOST, "%s", ch->wrong);
	pg_buf_putc(b, '{');
	if (ch->puts.n > 0) {
		pg_buf_putz(b, "\"put\": {");
		pg_buf_puts(b, pg_buf_str(&ch->puts));
		pg_buf_putc(b, '}');
	}
	pg_buf_putz(b, between);
	if (ch->dels.n > 0) {
		pg_buf_putz(b, "\"del\": [");
		pg_buf_puts(b, pg_buf_str(&ch->dels));
		pg_buf_putc(b, ']');
	}
	pg_buf_putc(b, '}');
	if (ch->puts.failed || ch->dels.failed ||
	    b->n - start > PG_JOURNAL_LINE_MAX) {
		b->n = start;
		return pg_fail(e, PG_E_LIMIT, "a record of more than %zu "
		    "bytes", PG_JOURNAL_LINE_MAX);
	}
	if (b->failed)
		return pg_fail(e, PG_E_NOMEM, "no memory for a record");
	return 0;
}

PG_FN void
pg_change_fini(struct pg_change *ch)
{
	pg_buf_fini(&ch->puts);
	pg_buf_fini(&ch->dels);
	ch->wrong = NULL;
}

/* ---- Reading ---- */

PG_FN void
pg_record_start(struct pg_record *r, struct pg_str json)
{
	*r = (struct pg_record){ .rest = json };
}

/* Take the literal off the rest, if it stands there. */
static bool
record_take(struct pg_record *r, const char *literal)
{
	if (!pg_str_starts(r->rest, pg_str(literal)))
		return false;
	r->rest = pg_str_skip(r->rest, strlen(literal));
	return true;
}

/* Take a key into r->key. */
static bool
record_take_key(struct pg_record *r, struct pg_str *key)
{
	struct pg_str raw = { r->rest.p, record_string(r->rest) };
	struct pg_value *v = NULL;
	struct pg_arena a;
	bool ok;

	if (raw.n == 0 || raw.n > RECORD_KEY_TEXT_MAX)
		return false;
	pg_arena_init(&a, RECORD_KEY_MEMORY);
	ok = pg_json_read(raw, &a, &v, NULL) == 0 && v->n > 0 &&
	    v->n <= sizeof(r->key);
	if (ok) {
		memcpy(r->key, v->u.p, v->n);
		*key = (struct pg_str){ r->key, v->n };
		r->rest = pg_str_skip(r->rest, raw.n);
	}
	pg_arena_fini(&a);
	return ok;
}

static enum pg_record_step
record_take_put(struct pg_record *r, struct pg_str *key, struct pg_str *json)
{
	if (!record_take_key(r, key) || !record_take(r, ": "))
		return PG_RECORD_BAD;
	*json = (struct pg_str){ r->rest.p, record_value(r->rest) };
	r->rest = pg_str_skip(r->rest, json->n);
	return json->n > 0 ? PG_RECORD_PUT : PG_RECORD_BAD;
}

static enum pg_record_step
record_take_del(struct pg_record *r, struct pg_str *key)
{
	r->dels = true;
	return record_take_key(r, key) ? PG_RECORD_DEL : PG_RECORD_BAD;
}

PG_FN enum pg_record_step
pg_record_next(struct pg_record *r, struct pg_str *key, struct pg_str *json)
{
	bool started = r->started;

	r->started = true;
	if (!started && record_take(r, "{\"put\": {"))
		return record_take_put(r, key, json);
	if (!started && record_take(r, "{\"del\": ["))
		return record_take_del(r, key);
	if (started && record_take(r, ", "))
		return r->dels ? record_take_del(r, key) :
		    record_take_put(r, key, json);
	if (started && !r->dels && record_take(r, "}, \"del\": ["))
		return record_take_del(r, key);
	if (record_take(r, !started ? "{}" : r->dels ? "]}" : "}}") &&
	    r->rest.n == 0)
		return PG_RECORD_END;
	return PG_RECORD_BAD;
}

PG_FN bool
pg_record_ok(struct pg_str json)
{
	enum pg_record_step step;
	struct pg_record r;
	struct pg_str key, value;

	pg_record_start(&r, json);
	do
		step = pg_record_next(&r, &key, &value);
	while (step != PG_RECORD_END && step != PG_RECORD_BAD);
	return step == PG_RECORD_END;
}

#undef RECORD_KEY_TEXT_MAX
#undef RECORD_KEY_MEMORY
