/* buf: growing bytes, base64, and output that spills.
 *
 * Memory doubles and is never touched beyond what is written. Sizes come from
 * outside, so growth is checked, and a failure sticks until reset.
 */
#include "buf.h"
#include "mem.h"

#define BUF_FIRST ((size_t)64)

PG_FN void
pg_buf_fini(struct pg_buf *b)
{
	free(b->p);
	*b = PG_BUF_INIT(b->max);
}

PG_FN void
pg_buf_reset(struct pg_buf *b)
{
	b->n = 0;
	b->failed = false;
}

/* Make room for n more; false (and failed) over max or without memory. */
static bool
buf_grow(struct pg_buf *b, size_t n)
{
	size_t max = b->max != 0 ? b->max : SIZE_MAX / 4, cap;
	char *p;

	if (b->failed || b->n > max || n > max - b->n)
		goto fail;
	cap = PG_MAX(PG_MAX(b->cap * 2, b->n + n), BUF_FIRST);
	cap = PG_MIN(cap, max);
	p = pg_try_realloc(b->p, cap);
	if (p == NULL)
		goto fail;
	b->p = p;
	b->cap = cap;
	return true;
fail:
	b->failed = true;
	return false;
}

PG_FN char *
pg_buf_room(struct pg_buf *b, size_t n)
{
	if (b->failed || b->p == NULL || n > b->cap - b->n)
		if (!buf_grow(b, n))
			return NULL;
	return b->p + b->n;
}

PG_FN void
pg_buf_put(struct pg_buf *b, const void *p, size_t n)
{
	char *to;

	if (n == 0)
		return;
	to = pg_buf_room(b, n);
	if (to == NULL)
		return;
	memcpy(to, p, n);
	b->n += n;
}

PG_FN void
pg_buf_puts(struct pg_buf *b, struct pg_str s)
{
	pg_buf_put(b, s.p, s.n);
}

PG_FN void
pg_buf_putz(struct pg_buf *b, const char *z)
{
	pg_buf_put(b, z, strlen(z));
}

PG_FN void
pg_buf_putc(struct pg_buf *b, char c)
{
	pg_buf_put(b, &c, 1);
}

PG_FN void
pg_buf_vprintf(struct pg_buf *b, const char *fmt, va_list ap)
{
	size_t left = b->failed ? 0 : b->cap - b->n;
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	/* Most text fits: print first, measure only if it did not. */
	n = vsnprintf(left > 0 ? b->p + b->n : NULL, left, fmt, ap);
	assert(n >= 0);
	if ((size_t)n >= left) {
		/* vsnprintf writes a NUL, which max need not have room for. */
		to = pg_realloc(NULL, (size_t)n + 1);
		vsnprintf(to, (size_t)n + 1, fmt, again);
		pg_buf_put(b, to, (size_t)n);
		free(to);
	} else {
		b->n += (size_t)n;
	}
	va_end(again);
}

PG_FN void
pg_buf_printf(struct pg_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pg_buf_vprintf(b, fmt, ap);
	va_end(ap);
}

PG_FN void
pg_buf_drop(struct pg_buf *b, size_t n)
{
	assert(n <= b->n);
	if (n == 0)
		return;
	b->n -= n;
	memmove(b->p, b->p + n, b->n);
}

PG_FN struct pg_str
pg_buf_str(const struct pg_buf *b)
{
	return (struct pg_str){ b->p, b->n };
}

PG_FN void
pg_buf_base64(struct pg_buf *b, struct pg_str bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t left = bytes.n;
	uint32_t v;
	char *to;

	to = pg_buf_room(b, left / 3 * 4 + (left % 3 != 0 ? 4 : 0));
	if (to == NULL)
		return;
	for (; left >= 3; left -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = digits[v >> 6 & 63];
		*to++ = digits[v & 63];
	}
	if (left > 0) {
		v = (uint32_t)p[0] << 16;
		if (left == 2)
			v |= (uint32_t)p[1] << 8;
		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = left == 2 ? digits[v >> 6 & 63] : '=';
		*to++ = '=';
	}
	b->n = (size_t)(to - b->p);
}

PG_FN void
pg_buf_hex(struct pg_buf *b, struct pg_str bytes)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;
	char *to;

	to = bytes.n > SIZE_MAX / 2 ? NULL : pg_buf_room(b, bytes.n * 2);
	if (to == NULL)
		return;
	for (i = 0; i < bytes.n; i++) {
		*to++ = digits[(unsigned char)bytes.p[i] >> 4];
		*to++ = digits[(unsigned char)bytes.p[i] & 15];
	}
	b->n += bytes.n * 2;
}

/* What to add (modulo 256) to a base64 digit to get its value; 0 for bytes
 * that are none. */
static const uint8_t base64_delta[256] = {
	['A' ... 'Z'] = (uint8_t)(0 - 'A'),
	['a' ... 'z'] = (uint8_t)(26 - 'a'),
	['0' ... '9'] = (uint8_t)(52 - '0'),
	['+'] = 62 - '+',
	['/'] = 63 - '/',
};

/* The value of one digit; *bad collects junk, so that loops need no exit. */
static inline uint32_t
base64_value(unsigned char c, unsigned *bad)
{
	unsigned delta = base64_delta[c];

	/* Borrows into the high bits exactly if delta is 0. */
	*bad |= delta - 1;
	return (uint8_t)(c + delta);
}

static inline uint32_t
base64_quad(const unsigned char *p, unsigned *bad)
{
	return base64_value(p[0], bad) << 18 | base64_value(p[1], bad) << 12 |
	    base64_value(p[2], bad) << 6 | base64_value(p[3], bad);
}

PG_FN ssize_t
pg_base64_decode(struct pg_str in, char *out)
{
	const unsigned char *p = (const unsigned char *)in.p;
	unsigned char last[4];
	size_t left = in.n, pad;
	char *to = out;
	unsigned bad = 0;
	uint32_t v;

	if (in.n % 4 != 0)
		return -1;
	if (in.n == 0)
		return 0;
	for (; left > 4; left -= 4, p += 4) {
		v = base64_quad(p, &bad);
		*to++ = (char)(v >> 16);
		*to++ = (char)(v >> 8);
		*to++ = (char)v;
	}
	memcpy(last, p, 4);
	pad = last[3] != '=' ? 0 : last[2] != '=' ? 1 : 2;
	memset(last + 4 - pad, 'A', pad);
	v = base64_quad(last, &bad);
	/* Bits that the padding drops must be zero: one text per content. */
	if (bad > UINT8_MAX || (v & ((UINT32_C(1) << (8 * pad)) - 1)) != 0)
		return -1;
	*to++ = (char)(v >> 16);
	if (pad < 2)
		*to++ = (char)(v >> 8);
	if (pad < 1)
		*to++ = (char)v;
	return to - out;
}

/* Give bytes to the receiver; its first failure stays in o->err. Nothing goes
 * out after a piece that the buffer had no room for. */
static void
out_spill(struct pg_out *o, struct pg_str bytes)
{
	if (o->err.code != PG_E_OK || o->buf.failed || bytes.n == 0)
		return;
	if (o->spill(o->arg, bytes, &o->err) < 0 && o->err.code == PG_E_OK)
		pg_fail(&o->err, PG_E_UNFORESEEN, "output was refused");
}

static void
out_spill_buf(struct pg_out *o)
{
	out_spill(o, pg_buf_str(&o->buf));
	o->buf.n = 0;
}

PG_FN void
pg_out_put(struct pg_out *o, const void *p, size_t n)
{
	if (o->spill == NULL) {
		pg_buf_put(&o->buf, p, n);
		return;
	}
	if (n >= PG_OUT_SPILL_MIN) {
		out_spill_buf(o);
		out_spill(o, (struct pg_str){ p, n });
		return;
	}
	pg_buf_put(&o->buf, p, n);
	if (o->buf.n > PG_OUT_SPILL_MIN)
		out_spill_buf(o);
}

PG_FN int
pg_out_flush(struct pg_out *o, struct pg_err *e)
{
	if (o->err.code == PG_E_OK && o->buf.failed) {
		if (o->buf.max != 0)
			pg_fail(&o->err, PG_E_LIMIT,
			    "output is over %zu bytes", o->buf.max);
		else
			pg_fail(&o->err, PG_E_NOMEM, "no memory for output");
	}
	if (o->spill != NULL)
		out_spill_buf(o);
	if (o->err.code == PG_E_OK)
		return 0;
	if (e != NULL)
		*e = o->err;
	return -1;
}

#undef BUF_FIRST
