/* float: doubles to decimal text and back.
 *
 * Both directions use 128-bit integers wherever a power of ten up to 10^27
 * is involved, which is exact and needs no table but the powers of five, and
 * the C library's correctly rounded conversions elsewhere. The shortest text
 * is found by asking each candidate whether it reads back as the same double.
 */
#include "float.h"

/* Significant digits after which only "more" matters: a decision between two
 * doubles never needs more than 768. */
#define FLOAT_DIGITS_MAX 800
/* Powers of five that fit 63 bits. */
#define FLOAT_FIVES 28
/* Bytes of the longest exact expansion: sign, 767 digits, point, exponent. */
#define FLOAT_EXACT 800

static const uint64_t float_fives[FLOAT_FIVES] = {
	UINT64_C(1), UINT64_C(5), UINT64_C(25), UINT64_C(125), UINT64_C(625),
	UINT64_C(3125), UINT64_C(15625), UINT64_C(78125), UINT64_C(390625),
	UINT64_C(1953125), UINT64_C(9765625), UINT64_C(48828125),
	UINT64_C(244140625), UINT64_C(1220703125), UINT64_C(6103515625),
	UINT64_C(30517578125), UINT64_C(152587890625),
	UINT64_C(762939453125), UINT64_C(3814697265625),
	UINT64_C(19073486328125), UINT64_C(95367431640625),
	UINT64_C(476837158203125), UINT64_C(2384185791015625),
	UINT64_C(11920928955078125), UINT64_C(59604644775390625),
	UINT64_C(298023223876953125), UINT64_C(1490116119384765625),
	UINT64_C(7450580596923828125)
};

static uint64_t
float_bits(double f)
{
	uint64_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static double
float_from_bits(uint64_t bits)
{
	double f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* 2^n, for n far from the ends of the range. */
static double
float_two_to(int n)
{
	return float_from_bits((uint64_t)(n + 1023) << 52);
}

/* w * 10^exp10, correctly rounded, for |exp10| < FLOAT_FIVES. */
static double
float_scale(uint64_t w, int exp10)
{
	uint64_t five = float_fives[exp10 < 0 ? -exp10 : exp10], q;
	unsigned __int128 num;
	int up;

	if (w == 0)
		return 0;
	if (exp10 >= 0)
		return (double)((unsigned __int128)w * five) *
		    float_two_to(exp10);
	/* Shifted so that the quotient has 63 or 64 bits: one machine division
	 * yields that. What is beyond them only has to break a tie, and the
	 * lowest bit can tell that. */
	up = __builtin_clzll(w) + 63 - __builtin_clzll(five);
	num = (unsigned __int128)w << up;
	q = (uint64_t)(num / five);
	if ((unsigned __int128)q * five != num)
		q |= 1;
	return (double)q * float_two_to(exp10 - up);
}

/* w * 10^exp10, correctly rounded. */
static double
float_compose(uint64_t w, int exp10)
{
	char text[48];

	if (exp10 > -FLOAT_FIVES && exp10 < FLOAT_FIVES)
		return float_scale(w, exp10);
	snprintf(text, sizeof(text), "%" PRIu64 "e%d", w, exp10);
	return strtod(text, NULL);
}

/* A positive double in decimal: (w + something in [0, 1)) * 10^exp10, where w
 * has 18 digits and more says whether the something is not 0. */
struct float_exact {
	uint64_t w;
	int exp10;
	bool more;
};

/* 10^17 and 10^18. */
#define FLOAT_W_MIN UINT64_C(100000000000000000)
#define FLOAT_W_END UINT64_C(1000000000000000000)

/* m * 2^exp2 scaled by 10^k; false if w then has more or less than 18 digits.
 * Asks for 0 <= k < FLOAT_FIVES, m < 2^53 and a result below 2^64. */
static bool
float_scaled(uint64_t m, int exp2, int k, struct float_exact *x)
{
	unsigned __int128 product = (unsigned __int128)m * float_fives[k];
	int right = -(exp2 + k);

	if (right <= 0) {
		product <<= -right;
		x->more = false;
	} else {
		x->more = (product & (((unsigned __int128)1 << right) - 1)) != 0;
		product >>= right;
	}
	x->w = (uint64_t)product;
	x->exp10 = -k;
	return x->w >= FLOAT_W_MIN && x->w < FLOAT_W_END;
}

/* Print all digits, keep 18. */
static void
float_expand(double f, struct float_exact *x)
{
	char text[FLOAT_EXACT];
	const char *p = text;
	int n = 0;

	snprintf(text, sizeof(text), "%.766e", f);
	*x = (struct float_exact){ 0 };
	for (; *p != 'e'; p++) {
		if (*p < '0' || *p > '9')
			continue; /* the point */
		if (n++ < 18)
			x->w = x->w * 10 + (uint64_t)(*p - '0');
		else
			x->more = x->more || *p != '0';
	}
	x->exp10 = (int)strtol(p + 1, NULL, 10) - 17;
}

static void
float_explode(double f, struct float_exact *x)
{
	uint64_t bits = float_bits(f);
	int e = (int)(bits >> 52) - 1023, k;

	/* 2^-30 > 10^-10 and 2^56 < 10^17: then 0 <= k < FLOAT_FIVES. */
	if (e >= -30 && e < 56) {
		bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
		/* floor(e * log10 2) is log10 f rounded down, or one less. */
		k = 17 - ((e * 78913) >> 18);
		if (float_scaled(bits, e - 52, k, x) ||
		    float_scaled(bits, e - 52, k - 1, x))
			return;
	}
	float_expand(f, x);
}

/* x to p digits, the nearest, ties to even. */
static uint64_t
float_round(const struct float_exact *x, int p, int *exp10)
{
	uint64_t unit = 1, w, rest;

	*exp10 = x->exp10 + 18 - p;
	while (p++ < 18)
		unit *= 10;
	w = x->w / unit;
	rest = x->w % unit;
	if (rest > unit / 2)
		w++;
	else if (rest == unit / 2 && (x->more || (w & 1) != 0))
		w++;
	return w;
}

/* The shortest w such that w * 10^exp10 reads back as f, and of those the
 * nearest to f. f is positive and finite. */
static uint64_t
float_shortest(double f, int *exp10)
{
	/* 15 digits survive in any normal double, so that fewer need not be
	 * tried: they appear as trailing zeros. */
	int p = float_bits(f) >> 52 != 0 ? 15 : 1;
	/* Below a power of two doubles are twice as dense as above: then the
	 * nearest decimal may lie below and miss, the next one above hit. */
	bool edge = (float_bits(f) & ((UINT64_C(1) << 52) - 1)) == 0;
	struct float_exact x;
	uint64_t w;

	float_explode(f, &x);
	for (;; p++) {
		w = float_round(&x, p, exp10);
		if (p == 17 || float_compose(w, *exp10) == f)
			break;
		if (edge && float_compose(w + 1, *exp10) == f) {
			w++;
			break;
		}
	}
	while (w % 10 == 0) {
		w /= 10;
		++*exp10;
	}
	return w;
}

/* d[.ddd]e+XX. Returns the end. */
static char *
float_text_exp(const char *digits, int n, int point, char *to)
{
	int e = point - 1;

	*to++ = digits[0];
	if (n > 1) {
		*to++ = '.';
		memcpy(to, digits + 1, (size_t)n - 1);
		to += n - 1;
	}
	return to + snprintf(to, 6, "e%c%02d", e < 0 ? '-' : '+', abs(e));
}

/* The point stands after `point` digits, possibly outside of them. Returns
 * the end. */
static char *
float_text_fixed(const char *digits, int n, int point, char *to)
{
	int i;

	if (point <= 0)
		*to++ = '0';
	for (i = PG_MIN(point, 0); i < PG_MAX(n, point + 1); i++) {
		if (i == point)
			*to++ = '.';
		*to++ = i >= 0 && i < n ? digits[i] : '0';
	}
	return to;
}

PG_FN size_t
pg_float_text(double f, char out[PG_FLOAT_TEXT])
{
	char digits[24], *end = digits + sizeof(digits), *d = end, *to = out;
	int exp10 = 0, n, point;
	uint64_t w = 0;

	if (f != f) {
		memcpy(out, "NaN", 3);
		return 3;
	}
	if (float_bits(f) >> 63 != 0) {
		*to++ = '-';
		f = -f;
	}
	if (f > 0x1.fffffffffffffp+1023) {
		memcpy(to, "Infinity", 8);
		return (size_t)(to - out) + 8;
	}
	if (f > 0)
		w = float_shortest(f, &exp10);
	do {
		*--d = (char)('0' + w % 10);
		w /= 10;
	} while (w > 0);
	n = (int)(end - d);
	point = n + exp10;
	/* Where Python's repr changes over. */
	if (point > 16 || point < -3)
		to = float_text_exp(d, n, point, to);
	else
		to = float_text_fixed(d, n, point, to);
	return (size_t)(to - out);
}

/* A literal as it is read: digits without leading zeros, then the power of
 * ten that the last of them stands for. */
struct float_literal {
	size_t n;
	int64_t exp10;
	bool any, more;
	char digits[FLOAT_DIGITS_MAX + 32];
};

static const char *
float_read_digits(struct float_literal *l, const char *p, const char *end,
    bool fraction)
{
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		l->any = true;
		if (fraction)
			l->exp10--;
		if (l->n == 0 && *p == '0')
			continue;
		if (l->n < FLOAT_DIGITS_MAX) {
			l->digits[l->n++] = *p;
			continue;
		}
		l->more = l->more || *p != '0';
		l->exp10++;
	}
	return p;
}

/* e, a sign, digits; NULL if digits are missing. */
static const char *
float_read_exp(struct float_literal *l, const char *p, const char *end)
{
	bool neg = false;
	int64_t e = 0;

	p++;
	if (p < end && (*p == '+' || *p == '-'))
		neg = *p++ == '-';
	if (p == end || *p < '0' || *p > '9')
		return NULL;
	/* Saturates where no number of digits could make up for it. */
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (e < INT64_MAX / 20)
			e = e * 10 + (*p - '0');
	l->exp10 += neg ? -e : e;
	return p;
}

static double
float_literal_value(struct float_literal *l)
{
	uint64_t w = 0;
	size_t i;
	int exp10;

	if (l->n == 0)
		return 0;
	/* 800 digits cannot bring 10^2000 back into range. */
	exp10 = (int)PG_MAX(PG_MIN(l->exp10, 2000), -2000);
	if (l->n <= 19) {
		for (i = 0; i < l->n; i++)
			w = w * 10 + (uint64_t)(l->digits[i] - '0');
		return float_compose(w, exp10);
	}
	if (l->more) {
		l->digits[l->n++] = '1';
		exp10--;
	}
	snprintf(l->digits + l->n, 16, "e%d", exp10);
	return strtod(l->digits, NULL);
}

static bool
float_word(struct pg_str s, double *out)
{
	if (pg_str_ieq(s, PG_STR("nan")))
		*out = float_from_bits(UINT64_C(0x7ff8000000000000));
	else if (pg_str_ieq(s, PG_STR("inf")) ||
	    pg_str_ieq(s, PG_STR("infinity")))
		*out = float_from_bits(UINT64_C(0x7ff0000000000000));
	else
		return false;
	return true;
}

PG_FN bool
pg_float_parse(struct pg_str s, double *out)
{
	const char *p = s.p, *end = p + s.n;
	struct float_literal l;
	bool neg = false;

	l.n = 0;
	l.exp10 = 0;
	l.any = l.more = false;
	if (p < end && (*p == '-' || *p == '+'))
		neg = *p++ == '-';
	s = pg_str_skip(s, (size_t)(p - s.p));
	p = float_read_digits(&l, p, end, false);
	if (p < end && *p == '.')
		p = float_read_digits(&l, p + 1, end, true);
	if (l.any && p < end && (*p == 'e' || *p == 'E'))
		p = float_read_exp(&l, p, end);
	if (l.any && p == end)
		*out = float_literal_value(&l);
	else if (!float_word(s, out))
		return false;
	if (neg)
		*out = -*out;
	return true;
}

#undef FLOAT_DIGITS_MAX
#undef FLOAT_FIVES
#undef FLOAT_EXACT
#undef FLOAT_W_MIN
#undef FLOAT_W_END
