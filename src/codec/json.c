/* json: RFC 8259 both ways, as PROTOCOL section 1 wants it.
 *
 * Every message passes through here twice. Text is scanned eight bytes at a
 * time and borrowed from the input; only text with escapes is built anew.
 * Nesting is a stack in the reader's frame and in the value walk of the
 * writer. Where Python's json module and RFC 8259 leave a choice, we write
 * what Python writes, byte for byte.
 */
#include "json.h"

#include <endian.h>

#define JSON_TAG "__paglets_binary__"
#define JSON_TAG_TEXT "base64"

/* ---- Text: shared by both directions ---- */

#define JSON_ONES UINT64_C(0x0101010101010101)
#define JSON_HIGH UINT64_C(0x8080808080808080)

/* The high bit of the lowest byte of w that is not plain: a control, a quote,
 * a backslash, DEL or not ASCII. Bits above that one may be wrong, since the
 * subtractions borrow upwards; none below is. */
static inline uint64_t
json_special(uint64_t w)
{
	uint64_t quote = w ^ (JSON_ONES * '"');
	uint64_t slash = w ^ (JSON_ONES * '\\');
	uint64_t hit = (w - JSON_ONES * 0x20) | (quote - JSON_ONES) |
	    (slash - JSON_ONES) | (w + JSON_ONES) | w;

	return hit & JSON_HIGH;
}

/* The first byte from p on that is not plain, or end. */
static const char *
json_plain(const char *p, const char *end)
{
	uint64_t w;

	for (; end - p >= 8; p += 8) {
		memcpy(&w, p, 8);
		w = json_special(le64toh(w));
		if (w != 0)
			return p + (__builtin_ctzll(w) >> 3);
	}
	while (p < end && *p >= ' ' && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return p;
}

static bool
json_surrogate(uint32_t c)
{
	return c >= 0xd800 && c < 0xe000;
}

/* ---- Reading ---- */

struct json_level {
	struct pg_value *v;
	size_t at; /* of its bracket in the input */
};

/* Owner: pg_json_read's frame. */
struct json_reader {
	const char *start, *p, *end;
	struct pg_arena *a;
	struct pg_err *e;
	struct pg_value *root;
	struct pg_str key; /* of the value to come, if it goes into a dict */
	size_t depth;
	struct json_level stack[PG_VALUE_DEPTH_MAX];
};

static int
json_bad(struct json_reader *r, const char *at, const char *why)
{
	return pg_fail_at(r->e, PG_E_HOST, (size_t)(at - r->start),
	    "malformed JSON: %s", why);
}

static int
json_expected(struct json_reader *r, const char *what)
{
	return pg_fail_at(r->e, PG_E_HOST, (size_t)(r->p - r->start),
	    "malformed JSON: %sexpected %s", r->p == r->end ? "input ends, " : "",
	    what);
}

/* The arena is at its ceiling (or one text is over 4 GiB). */
static int
json_memory(struct json_reader *r)
{
	return pg_fail_at(r->e, PG_E_LIMIT, (size_t)(r->p - r->start),
	    "JSON value takes too much memory");
}

static inline void
json_space(struct json_reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' ||
	    *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

static inline bool
json_digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

/* Four hexadecimal digits at p, or -1. */
static int32_t
json_hex4(const char *p, const char *end)
{
	int32_t v = 0;
	int i;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* \uXXXX at p, or two that are one character (RFC 8259 7). A surrogate
 * without its other half stays as it is. Returns what follows, or NULL. */
static const char *
json_escape_u(struct json_reader *r, const char *p, const char *end,
    char **to)
{
	int32_t c = json_hex4(p + 2, end), low;

	if (c < 0) {
		json_bad(r, p, "invalid \\u escape in string");
		return NULL;
	}
	p += 6;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
	    p[1] == 'u') {
		low = json_hex4(p + 2, end);
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
	}
	*to += pg_utf8_put(*to, (uint32_t)c);
	return p;
}

/* The escape at p, put at *to. Returns what follows, or NULL. */
static const char *
json_escape(struct json_reader *r, const char *p, const char *end, char **to)
{
	char c = p[1];

	switch (c) {
	case '"':
	case '\\':
	case '/':
		break;
	case 'b':
		c = '\b';
		break;
	case 'f':
		c = '\f';
		break;
	case 'n':
		c = '\n';
		break;
	case 'r':
		c = '\r';
		break;
	case 't':
		c = '\t';
		break;
	case 'u':
		return json_escape_u(r, p, end, to);
	default:
		json_bad(r, p, "invalid escape in string");
		return NULL;
	}
	*(*to)++ = c;
	return p + 2;
}

/* raw with its escapes resolved. No escape is longer resolved than spelt. */
static int
json_unescape(struct json_reader *r, struct pg_str raw, struct pg_str *out)
{
	const char *p = raw.p, *end = p + raw.n, *slash;
	char *start = pg_arena_alloc(r->a, raw.n), *to = start;

	if (start == NULL)
		return json_memory(r);
	while ((slash = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		memcpy(to, p, (size_t)(slash - p));
		to += slash - p;
		p = json_escape(r, slash, end, &to);
		if (p == NULL)
			return -1;
	}
	memcpy(to, p, (size_t)(end - p));
	to += end - p;
	*out = (struct pg_str){ start, (size_t)(to - start) };
	return 0;
}

/* Step over what ended a plain run and does not end the string. */
static int
json_unplain(struct json_reader *r, const char **at)
{
	const char *p = *at;
	uint32_t c;
	size_t n;

	if (*p == '\\') {
		/* Its letter is looked at later; here only \" matters. */
		p++;
		*at = p + (p < r->end && (*p == '"' || *p == '\\'));
		return 0;
	}
	if ((unsigned char)*p < ' ')
		return json_bad(r, p, "control character in string");
	n = pg_utf8_char((struct pg_str){ p, (size_t)(r->end - p) }, &c);
	if (n == 0 || json_surrogate(c))
		return json_bad(r, p, "invalid UTF-8 in string");
	*at = p + n;
	return 0;
}

static int
json_string(struct json_reader *r, struct pg_str *out)
{
	const char *from = r->p + 1, *p = from;
	bool escaped = false;

	for (;;) {
		p = json_plain(p, r->end);
		if (p == r->end)
			return json_bad(r, r->p, "unterminated string");
		if (*p == '"')
			break;
		escaped = escaped || *p == '\\';
		if (json_unplain(r, &p) < 0)
			return -1;
	}
	*out = (struct pg_str){ from, (size_t)(p - from) };
	if (escaped && json_unescape(r, *out, out) < 0)
		return -1;
	r->p = p + 1;
	return 0;
}

/* Put v where the next value belongs. */
static int
json_attach(struct json_reader *r, struct pg_value *v)
{
	struct pg_value *top;
	int rc;

	if (v == NULL)
		return json_memory(r);
	if (r->depth == 0) {
		r->root = v;
		return 0;
	}
	top = r->stack[r->depth - 1].v;
	if (top->type == PG_T_DICT)
		rc = pg_value_put(r->a, top, r->key, v);
	else
		rc = pg_value_add(r->a, top, v);
	return rc < 0 ? json_memory(r) : 0;
}

static int
json_integer(struct json_reader *r, const char *from, const char *digits,
    const char *end)
{
	struct pg_value *v;

	if (end - digits > PG_VALUE_DIGITS_MAX)
		return pg_fail_at(r->e, PG_E_LIMIT, (size_t)(from - r->start),
		    "JSON integer has more than %d digits",
		    PG_VALUE_DIGITS_MAX);
	v = pg_value_decimal(r->a,
	    (struct pg_str){ from, (size_t)(end - from) });
	r->p = end;
	return json_attach(r, v);
}

/* The rest of a number whose integer part ends at p. */
static int
json_fraction(struct json_reader *r, const char *p)
{
	const char *from = r->p, *end = r->end;
	double f;

	if (*p == '.') {
		if (!json_digit(++p, end))
			return json_bad(r, p, "expected a digit after '.'");
		while (json_digit(p, end))
			p++;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!json_digit(p, end))
			return json_bad(r, p, "expected an exponent");
		while (json_digit(p, end))
			p++;
	}
	/* Nothing that passed above is junk. */
	if (!pg_float_parse((struct pg_str){ from, (size_t)(p - from) }, &f))
		return json_bad(r, from, "invalid number");
	r->p = p;
	return json_attach(r, pg_value_float(r->a, f));
}

static int
json_number(struct json_reader *r)
{
	const char *p = r->p, *digits;
	bool neg = *p == '-';
	uint64_t n = 0;

	digits = p += neg;
	/* Too many digits wrap around here and are read again below. */
	for (; json_digit(p, r->end); p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == digits)
		return json_bad(r, p, "expected a digit after '-'");
	if (*digits == '0' && p - digits > 1)
		return json_bad(r, r->p, "number with a leading zero");
	if (p < r->end && (*p == '.' || (*p | 0x20) == 'e'))
		return json_fraction(r, p);
	if (p - digits > 18)
		return json_integer(r, r->p, digits, p);
	r->p = p;
	return json_attach(r,
	    pg_value_int(r->a, neg ? -(int64_t)n : (int64_t)n));
}

static int
json_open(struct json_reader *r, struct pg_value *v)
{
	size_t at = (size_t)(r->p - r->start);

	if (r->depth == PG_VALUE_DEPTH_MAX)
		return pg_fail_at(r->e, PG_E_LIMIT, at,
		    "JSON is nested deeper than %d levels", PG_VALUE_DEPTH_MAX);
	if (json_attach(r, v) < 0)
		return -1;
	r->stack[r->depth++] = (struct json_level){ v, at };
	r->p++;
	return 0;
}

static bool
json_word(struct json_reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return false;
	r->p += n;
	return true;
}

static int
json_literal(struct json_reader *r)
{
	double f;

	if (json_word(r, "true"))
		return json_attach(r, pg_value_bool(r->a, true));
	if (json_word(r, "false"))
		return json_attach(r, pg_value_bool(r->a, false));
	if (json_word(r, "null"))
		return json_attach(r, pg_value_null(r->a));
	if (json_word(r, "NaN"))
		pg_float_parse(PG_STR("NaN"), &f);
	else if (json_word(r, "Infinity"))
		pg_float_parse(PG_STR("Infinity"), &f);
	else if (json_word(r, "-Infinity"))
		pg_float_parse(PG_STR("-Infinity"), &f);
	else
		return json_expected(r, "a value");
	return json_attach(r, pg_value_float(r->a, f));
}

/* Read a value, or the bracket that opens one. */
static int
json_value(struct json_reader *r)
{
	struct pg_str s;

	json_space(r);
	if (r->p == r->end)
		return json_expected(r, "a value");
	switch (*r->p) {
	case '{':
		return json_open(r, pg_value_dict(r->a));
	case '[':
		return json_open(r, pg_value_list(r->a));
	case '"':
		if (json_string(r, &s) < 0)
			return -1;
		return json_attach(r, pg_value_str(r->a, s));
	case '-':
		if (r->end - r->p > 1 && r->p[1] == 'I')
			return json_literal(r);
		return json_number(r);
	default:
		if (json_digit(r->p, r->end))
			return json_number(r);
		return json_literal(r);
	}
}

/* The key of a pair and its colon. */
static int
json_key(struct json_reader *r)
{
	json_space(r);
	if (r->p == r->end || *r->p != '"')
		return json_expected(r, "a key");
	if (json_string(r, &r->key) < 0)
		return -1;
	json_space(r);
	if (r->p == r->end || *r->p != ':')
		return json_expected(r, "':'");
	r->p++;
	return 0;
}

/* Make bytes of the dict v if it is a binary tag: exactly the two keys, both
 * text, and a kind that we know. */
static int
json_binary(struct json_reader *r, struct pg_value *v, size_t at)
{
	const struct pg_value *tag = pg_value_get(v, JSON_TAG);
	const struct pg_value *base64 = pg_value_get(v, JSON_TAG_TEXT);
	struct pg_str kind = pg_value_text(tag, PG_STR_NULL);
	struct pg_str text = pg_value_text(base64, PG_STR_NULL);
	bool array = pg_str_eqz(kind, "bytearray");
	ssize_t n;
	char *p;

	if (!pg_value_is(base64, PG_T_STR) ||
	    (!array && !pg_str_eqz(kind, "bytes")))
		return 0;
	p = pg_arena_alloc(r->a, text.n / 4 * 3);
	if (p == NULL)
		return json_memory(r);
	n = pg_base64_decode(text, p);
	if (n < 0)
		return pg_fail_at(r->e, PG_E_HOST, at,
		    "malformed JSON: invalid base64 in the binary object");
	*v = (struct pg_value){
		.type = array ? PG_T_BYTEARRAY : PG_T_BYTES,
		.n = (uint32_t)n,
		.u.p = p,
	};
	return 0;
}

/* The container on top is complete. */
static int
json_close(struct json_reader *r)
{
	struct json_level *top = &r->stack[--r->depth];

	r->p++;
	if (top->v->type != PG_T_DICT)
		return 0;
	if (pg_value_seal(r->a, top->v) < 0)
		return json_memory(r);
	if (top->v->n != 2)
		return 0;
	return json_binary(r, top->v, top->at);
}

/* What follows a bracket that opened (fresh) or a complete value: step to the
 * next value and return 1; 0 when the outermost one is complete. */
static int
json_next(struct json_reader *r, bool fresh)
{
	bool dict;

	for (; r->depth > 0; fresh = false) {
		dict = r->stack[r->depth - 1].v->type == PG_T_DICT;
		json_space(r);
		if (r->p < r->end && *r->p == (dict ? '}' : ']')) {
			if (json_close(r) < 0)
				return -1;
			continue;
		}
		if (!fresh) {
			if (r->p == r->end || *r->p != ',')
				return json_expected(r, dict ?
				    "',' or '}'" : "',' or ']'");
			r->p++;
		}
		return dict && json_key(r) < 0 ? -1 : 1;
	}
	return 0;
}

PG_FN int
pg_json_read(struct pg_str in, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e)
{
	struct json_reader r;
	size_t depth;
	int more;

	r.start = r.p = in.p;
	r.end = in.p + in.n;
	r.a = a;
	r.e = e;
	r.depth = 0;
	do {
		depth = r.depth;
		if (json_value(&r) < 0)
			return -1;
		more = json_next(&r, r.depth > depth);
		if (more < 0)
			return -1;
	} while (more);
	json_space(&r);
	if (r.p < r.end)
		return json_bad(&r, r.p, "more text after the value");
	*out = r.root;
	return 0;
}

/* ---- Writing ---- */

/* \uXXXX for a UTF-16 unit. */
static void
json_write_unit(struct pg_buf *b, uint32_t c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', hex[c >> 12 & 15], hex[c >> 8 & 15],
	    hex[c >> 4 & 15], hex[c & 15] };

	pg_buf_put(b, text, sizeof(text));
}

/* c, which is not plain, the shortest way that JSON has. */
static void
json_write_escape(struct pg_buf *b, uint32_t c)
{
	static const char letters[0x60] = {
		['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
		['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};

	if (c < sizeof(letters) && letters[c] != 0) {
		pg_buf_putc(b, '\\');
		pg_buf_putc(b, letters[c]);
	} else if (c < 0x10000) {
		json_write_unit(b, c);
	} else {
		json_write_unit(b, 0xd800 + ((c - 0x10000) >> 10));
		json_write_unit(b, 0xdc00 + (c & 0x3ff));
	}
}

/* The character at s, which is not plain. Returns its bytes. */
static size_t
json_write_char(struct pg_buf *b, struct pg_str s, bool utf8)
{
	uint32_t c;
	size_t n = pg_utf8_char(s, &c);

	if (n == 0) {
		/* No text of ours; but JSON must stay JSON. */
		json_write_unit(b, 0xfffd);
		return 1;
	}
	/* 0x80 to 0x9f are controls, which a terminal may obey. */
	if (utf8 && c >= 0xa0 && !json_surrogate(c))
		pg_buf_put(b, s.p, n);
	else
		json_write_escape(b, c);
	return n;
}

static void
json_write_text(struct pg_buf *b, struct pg_str s, bool utf8)
{
	const char *p = s.p, *end = p + s.n, *stop;
	char *to;

	/* Mostly all of it is plain. */
	to = pg_buf_room(b, s.n + 2);
	if (to != NULL && json_plain(p, end) == end) {
		to[0] = to[s.n + 1] = '"';
		if (s.n > 0)
			memcpy(to + 1, p, s.n);
		b->n += s.n + 2;
		return;
	}
	pg_buf_putc(b, '"');
	while (p < end) {
		stop = json_plain(p, end);
		pg_buf_put(b, p, (size_t)(stop - p));
		p = stop;
		if (p < end)
			p += json_write_char(b,
			    (struct pg_str){ p, (size_t)(end - p) }, utf8);
	}
	pg_buf_putc(b, '"');
}

PG_FN void
pg_json_write_str(struct pg_buf *b, struct pg_str s)
{
	json_write_text(b, s, false);
}

static void
json_write_int(struct pg_buf *b, int64_t i)
{
	uint64_t n = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	char text[24], *p = text + sizeof(text);

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	if (i < 0)
		*--p = '-';
	pg_buf_put(b, p, (size_t)(text + sizeof(text) - p));
}

static void
json_write_binary(struct pg_buf *b, const struct pg_value *v)
{
	pg_buf_putz(b, "{\"" JSON_TAG "\": \"");
	pg_buf_putz(b, pg_value_type_name(v));
	pg_buf_putz(b, "\", \"" JSON_TAG_TEXT "\": \"");
	pg_buf_base64(b, (struct pg_str){ v->u.p, v->n });
	pg_buf_putz(b, "\"}");
}

static void
json_write_leaf(struct pg_buf *b, const struct pg_value *v, bool utf8)
{
	char text[PG_FLOAT_TEXT];

	assert(v->type < PG_T_LIST);
	switch ((enum pg_type)v->type) {
	case PG_T_NULL:
		pg_buf_puts(b, PG_STR("null"));
		break;
	case PG_T_BOOL:
		pg_buf_putz(b, v->u.i ? "true" : "false");
		break;
	case PG_T_INT:
		json_write_int(b, v->u.i);
		break;
	case PG_T_BIG:
		pg_buf_put(b, v->u.p, v->n);
		break;
	case PG_T_FLOAT:
		pg_buf_put(b, text, pg_float_text(v->u.f, text));
		break;
	case PG_T_STR:
		json_write_text(b, (struct pg_str){ v->u.p, v->n }, utf8);
		break;
	case PG_T_BYTES:
	case PG_T_BYTEARRAY:
		json_write_binary(b, v);
		break;
	case PG_T_LIST:
	case PG_T_TUPLE:
	case PG_T_SET:
	case PG_T_FROZENSET:
	case PG_T_DICT:
		break;
	}
}

static void
json_write_line(struct pg_buf *b, size_t depth)
{
	pg_buf_putc(b, '\n');
	while (depth-- > 0)
		pg_buf_puts(b, PG_STR("  "));
}

/* One step of the walk; step is no END and no DEEP. */
static void
json_write_step(struct pg_buf *b, const struct pg_walk *w,
    enum pg_walk_step step, bool pretty)
{
	/* Containers around w->v: one that is open counts itself. */
	size_t depth = w->depth - (step == PG_WALK_OPEN);
	bool dict = w->v->type == PG_T_DICT;

	if (step == PG_WALK_CLOSE) {
		if (pretty && w->v->n > 0)
			json_write_line(b, depth);
		pg_buf_putc(b, dict ? '}' : ']');
		return;
	}
	if (!w->first)
		pg_buf_put(b, ", ", pretty ? 1 : 2);
	if (pretty && depth > 0)
		json_write_line(b, depth);
	if (w->in_dict) {
		json_write_text(b, w->key, pretty);
		pg_buf_puts(b, PG_STR(": "));
	}
	if (step == PG_WALK_OPEN)
		pg_buf_putc(b, dict ? '{' : '[');
	else
		json_write_leaf(b, w->v, pretty);
}

/* On failure b is as long as it was. */
static int
json_write(struct pg_buf *b, const struct pg_value *v, bool pretty,
    struct pg_err *e)
{
	size_t before = b->n;
	enum pg_walk_step step;
	struct pg_walk w;

	pg_walk_start(&w, v);
	while ((step = pg_walk_next(&w)) != PG_WALK_END && !b->failed) {
		if (step == PG_WALK_DEEP) {
			b->n = before;
			return pg_fail(e, PG_E_LIMIT, "value is nested deeper "
			    "than %d levels", PG_VALUE_DEPTH_MAX);
		}
		json_write_step(b, &w, step, pretty);
	}
	if (!b->failed)
		return 0;
	b->n = before;
	if (b->max != 0)
		return pg_fail(e, PG_E_LIMIT,
		    "value takes more than %zu bytes as JSON", b->max);
	return pg_fail(e, PG_E_NOMEM, "no memory to write a value as JSON");
}

PG_FN int
pg_json_write(struct pg_buf *b, const struct pg_value *v, struct pg_err *e)
{
	return json_write(b, v, false, e);
}

PG_FN int
pg_json_write_pretty(struct pg_buf *b, const struct pg_value *v,
    struct pg_err *e)
{
	return json_write(b, v, true, e);
}

#undef JSON_TAG
#undef JSON_TAG_TEXT
#undef JSON_ONES
#undef JSON_HIGH
