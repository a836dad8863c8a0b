/* pickle_text: how Python spells values as text, as far as pickles need it.
 *
 * Pure functions from bytes to bytes. Sizes are the caller's business: each
 * output is bounded by its input, but for dict keys, where a shared tuple can
 * be worth any amount of text and the buffer's maximum has to end it.
 */
#include "pickle_text.h"

/* ---- old text opcodes -------------------------------------------------- */

/* The value of n hexadecimal digits at p, or -1. */
static int64_t
pickle_text_hex(const char *p, size_t n)
{
	int64_t v = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		int c = (unsigned char)p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* The escape at s, behind its backslash. Returns the bytes it takes, or 0. */
static size_t
pickle_text_escape(struct pg_str s, char *out, size_t *n)
{
	static const char plain[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
	const char *p = plain;
	size_t used = 0;
	int v = 0;

	if (s.n == 0)
		return 0;
	for (; *p != '\0'; p += 2)
		if (*p == s.p[0]) {
			out[(*n)++] = p[1];
			return 1;
		}
	if (s.p[0] == 'x') {
		int64_t h = s.n < 3 ? -1 : pickle_text_hex(s.p + 1, 2);

		if (h >= 0)
			out[(*n)++] = (char)h;
		return h < 0 ? 0 : 3;
	}
	for (; used < 3 && used < s.n; used++) {
		if (s.p[used] < '0' || s.p[used] > '7')
			break;
		v = v << 3 | (s.p[used] - '0');
	}
	if (used > 0) {
		out[(*n)++] = (char)v;
		return used;
	}
	/* Unknown escapes stand for themselves, backslash included. */
	out[(*n)++] = '\\';
	out[(*n)++] = s.p[0];
	return 1;
}

PG_FN ssize_t
pg_pickle_unquote(struct pg_str s, char *out)
{
	size_t i, used, n = 0;

	if (s.n < 2 || s.p[0] != s.p[s.n - 1] ||
	    (s.p[0] != '\'' && s.p[0] != '"'))
		return -1;
	s = (struct pg_str){ s.p + 1, s.n - 2 };
	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '\\') {
			out[n++] = s.p[i];
			continue;
		}
		used = pickle_text_escape(pg_str_skip(s, i + 1), out, &n);
		if (used == 0)
			return -1;
		i += used;
	}
	return (ssize_t)n;
}

PG_FN ssize_t
pg_pickle_unraw(struct pg_str s, char *out)
{
	size_t i = 0, n = 0, digits;
	int64_t c;

	while (i < s.n) {
		if (s.p[i] != '\\' || i + 1 == s.n) {
			n += pg_utf8_put(out + n, (unsigned char)s.p[i++]);
			continue;
		}
		if (s.p[i + 1] != 'u' && s.p[i + 1] != 'U') {
			/* An escaped backslash guards what follows it. */
			out[n++] = '\\';
			n += pg_utf8_put(out + n, (unsigned char)s.p[i + 1]);
			i += 2;
			continue;
		}
		digits = s.p[i + 1] == 'u' ? 4 : 8;
		if (s.n - i - 2 < digits)
			return -1;
		c = pickle_text_hex(s.p + i + 2, digits);
		if (c < 0 || c > 0x10ffff)
			return -1;
		n += pg_utf8_put(out + n, (uint32_t)c);
		i += 2 + digits;
	}
	return (ssize_t)n;
}

PG_FN ssize_t
pg_pickle_latin1(struct pg_str s, char *out)
{
	size_t i, n = 0;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x80) {
			out[n++] = (char)c;
			continue;
		}
		if (c != 0xc2 && c != 0xc3)
			return -1;
		out[n++] = (char)((c & 3) << 6 | (s.p[++i] & 0x3f));
	}
	return (ssize_t)n;
}

/* ---- dict keys --------------------------------------------------------- */

static char
pickle_text_quote(struct pg_str s)
{
	return s.n > 0 && memchr(s.p, '\'', s.n) != NULL &&
	    memchr(s.p, '"', s.n) == NULL ? '"' : '\'';
}

/* What Python's repr does with an ASCII character or a byte. */
static void
pickle_text_repr_char(struct pg_buf *b, unsigned char c, char quote)
{
	static const char named[] = "\tt\nn\rr\\\\";
	const char *p;

	for (p = named; *p != '\0'; p += 2)
		if (c == (unsigned char)*p) {
			pg_buf_putc(b, '\\');
			pg_buf_putc(b, p[1]);
			return;
		}
	if (c == (unsigned char)quote)
		pg_buf_putc(b, '\\');
	if (c < 0x20 || c >= 0x7f)
		pg_buf_printf(b, "\\x%02x", c);
	else
		pg_buf_putc(b, (char)c);
}

static void
pickle_text_repr_bytes(struct pg_buf *b, struct pg_str s)
{
	char quote = pickle_text_quote(s);
	size_t i;

	pg_buf_putc(b, 'b');
	pg_buf_putc(b, quote);
	for (i = 0; i < s.n && !b->failed; i++)
		pickle_text_repr_char(b, (unsigned char)s.p[i], quote);
	pg_buf_putc(b, quote);
}

/* Of what Python holds unprintable we know C1 controls, the two invisible
 * characters of Latin-1 and surrogates; the rest of Unicode's tables is not
 * worth its size for text inside a tuple that is a dict key. */
static void
pickle_text_repr_str(struct pg_buf *b, struct pg_str s)
{
	char quote = pickle_text_quote(s);
	size_t i;

	pg_buf_putc(b, quote);
	for (i = 0; i < s.n && !b->failed; i++) {
		unsigned char c = (unsigned char)s.p[i];
		unsigned char d = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;

		if (c < 0x80) {
			pickle_text_repr_char(b, c, quote);
		} else if (c == 0xc2 && (d <= 0xa0 || d == 0xad)) {
			pg_buf_printf(b, "\\x%02x", d);
			i++;
		} else if (c == 0xed && d >= 0xa0) {
			pg_buf_printf(b, "\\u%04x", 0xd000u |
			    (unsigned)(d & 0x3f) << 6 |
			    ((unsigned char)s.p[i + 2] & 0x3f));
			i += 2;
		} else {
			pg_buf_putc(b, (char)c);
		}
	}
	pg_buf_putc(b, quote);
}

static void
pickle_text_repr_float(struct pg_buf *b, double f)
{
	char text[PG_FLOAT_TEXT];

	/* Exactly as repr, but for the three that JSON spells otherwise. */
	if (f != f)
		pg_buf_putz(b, "nan");
	else if (f - f != 0)
		pg_buf_putz(b, f > 0 ? "inf" : "-inf");
	else
		pg_buf_put(b, text, pg_float_text(f, text));
}

static void
pickle_text_repr(struct pg_buf *b, const struct pg_value *v)
{
	switch ((enum pg_type)v->type) {
	case PG_T_NULL:
		pg_buf_putz(b, "None");
		break;
	case PG_T_BOOL:
		pg_buf_putz(b, v->u.i ? "True" : "False");
		break;
	case PG_T_INT:
		pg_buf_printf(b, "%" PRId64, v->u.i);
		break;
	case PG_T_BIG:
		pg_buf_put(b, v->u.p, v->n);
		break;
	case PG_T_FLOAT:
		pickle_text_repr_float(b, v->u.f);
		break;
	case PG_T_STR:
		pickle_text_repr_str(b, (struct pg_str){ v->u.p, v->n });
		break;
	case PG_T_BYTES:
		pickle_text_repr_bytes(b, (struct pg_str){ v->u.p, v->n });
		break;
	case PG_T_BYTEARRAY:
	case PG_T_LIST:
	case PG_T_TUPLE:
	case PG_T_SET:
	case PG_T_FROZENSET:
	case PG_T_DICT:
		break; /* containers, or not hashable: never here */
	}
}

static void
pickle_text_open(struct pg_buf *b, const struct pg_value *v)
{
	if (v->type == PG_T_TUPLE)
		pg_buf_putc(b, '(');
	else
		pg_buf_putz(b, v->n > 0 ? "frozenset({" : "frozenset(");
}

static void
pickle_text_close(struct pg_buf *b, const struct pg_value *v)
{
	if (v->type == PG_T_TUPLE)
		pg_buf_putz(b, v->n == 1 ? ",)" : ")");
	else
		pg_buf_putz(b, v->n > 0 ? "})" : ")");
}

PG_FN int
pg_pickle_key_text(struct pg_buf *b, const struct pg_value *v)
{
	struct pg_walk w;
	enum pg_walk_step step;

	pg_walk_start(&w, v);
	while ((step = pg_walk_next(&w)) != PG_WALK_END && !b->failed) {
		if (step == PG_WALK_DEEP)
			return -1;
		if (step == PG_WALK_CLOSE) {
			pickle_text_close(b, w.v);
			continue;
		}
		if (w.v != v && !w.first)
			pg_buf_putz(b, ", ");
		if (step == PG_WALK_OPEN)
			pickle_text_open(b, w.v);
		else
			pickle_text_repr(b, w.v);
	}
	return 0;
}

/* ---- long integers ----------------------------------------------------- */

#define PICKLE_TEXT_GROUP 1000000000u /* nine digits fit 32 bits */
#define PICKLE_TEXT_GROUPS (PG_VALUE_DIGITS_MAX / 9 + 2)
#define PICKLE_TEXT_LIMBS (PG_PICKLE_LONG_MAX / 4 + 2)

/* Invert and add one: two's complement of the n bytes at p. */
static void
pickle_text_negate(unsigned char *p, size_t n)
{
	unsigned carry = 1;
	size_t i;

	for (i = 0; i < n; i++) {
		carry += (unsigned char)~p[i];
		p[i] = (unsigned char)carry;
		carry >>= 8;
	}
}

/* groups = groups * 2^32 + word, in base 10^9. Returns the new count. The
 * whole is quadratic, which PG_VALUE_DIGITS_MAX keeps harmless. */
static size_t
pickle_text_add_word(uint32_t *groups, size_t count, uint32_t word)
{
	uint64_t carry = word;
	size_t i;

	for (i = 0; i < count; i++) {
		carry += (uint64_t)groups[i] << 32;
		groups[i] = (uint32_t)(carry % PICKLE_TEXT_GROUP);
		carry /= PICKLE_TEXT_GROUP;
	}
	for (; carry != 0; carry /= PICKLE_TEXT_GROUP)
		groups[count++] = (uint32_t)(carry % PICKLE_TEXT_GROUP);
	return count;
}

PG_FN size_t
pg_pickle_long_text(const unsigned char *p, size_t n, char *out)
{
	unsigned char bytes[PICKLE_TEXT_LIMBS * 4] = { 0 };
	uint32_t groups[PICKLE_TEXT_GROUPS];
	bool neg = n > 0 && (p[n - 1] & 0x80) != 0;
	size_t i, count = 0, len = 0;

	assert(n <= PG_PICKLE_LONG_MAX);
	if (n > 0)
		memcpy(bytes, p, n);
	if (neg)
		pickle_text_negate(bytes, n);
	for (i = (n + 3) / 4; i > 0; i--) {
		const unsigned char *w = bytes + 4 * (i - 1);

		count = pickle_text_add_word(groups, count,
		    (uint32_t)w[3] << 24 | (uint32_t)w[2] << 16 |
		    (uint32_t)w[1] << 8 | w[0]);
	}
	if (neg)
		out[len++] = '-';
	if (count == 0)
		out[len++] = '0';
	for (i = count; i > 0; i--)
		len += (size_t)snprintf(out + len, 12,
		    i == count ? "%" PRIu32 : "%09" PRIu32, groups[i - 1]);
	return len;
}

/* limbs = limbs * scale + add, in base 2^32. Returns the new count. */
static size_t
pickle_text_add_group(uint32_t *limbs, size_t count, uint32_t scale,
    uint32_t add)
{
	uint64_t carry = add;
	size_t i;

	for (i = 0; i < count; i++) {
		carry += (uint64_t)limbs[i] * scale;
		limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry != 0)
		limbs[count++] = (uint32_t)carry;
	return count;
}

/* Decimal digits to limbs, at most nine at a time. -1: junk. */
static ssize_t
pickle_text_limbs(struct pg_str digits, uint32_t *limbs)
{
	uint32_t scale = 1, add = 0;
	size_t i, count = 0;

	for (i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return -1;
		add = add * 10 + (uint32_t)(digits.p[i] - '0');
		scale *= 10;
		if (scale == PICKLE_TEXT_GROUP || i + 1 == digits.n) {
			count = pickle_text_add_group(limbs, count, scale, add);
			scale = 1;
			add = 0;
		}
	}
	return (ssize_t)count;
}

PG_FN ssize_t
pg_pickle_long_bytes(struct pg_str text, unsigned char *out)
{
	uint32_t limbs[PICKLE_TEXT_LIMBS];
	bool neg = text.n > 0 && text.p[0] == '-';
	ssize_t count;
	size_t n;

	if (text.n - neg > PG_VALUE_DIGITS_MAX)
		return -1;
	count = pickle_text_limbs(pg_str_skip(text, neg), limbs);
	if (count < 0)
		return -1;
	for (n = 0; n < (size_t)count * 4; n++)
		out[n] = (unsigned char)(limbs[n / 4] >> (n % 4 * 8));
	out[n++] = 0;
	if (neg)
		pickle_text_negate(out, n);
	/* Drop what only repeats the sign. */
	while (n > 1 && ((out[n - 1] == 0 && out[n - 2] < 0x80) ||
	    (out[n - 1] == 0xff && out[n - 2] >= 0x80)))
		n--;
	return (ssize_t)n;
}

#undef PICKLE_TEXT_GROUP
#undef PICKLE_TEXT_GROUPS
#undef PICKLE_TEXT_LIMBS
