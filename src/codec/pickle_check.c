/* pickle_check: a reader that builds nothing.
 *
 * For bytes that are passed on unread although somebody wrote them who may
 * not be trusted. Only what our writer emits is let through, each opcode
 * where it may stand; how deep we are and in what takes a bit per level.
 */
#include "pickle_check.h"

#include "pickle_op.h"
#include "pickle_text.h"
#include "value.h"

struct pickle_check {
	struct pg_str in;
	size_t pos;
	unsigned depth; /* lists and dicts around this byte */
	bool wants_key; /* in a dict, before a key */
	uint64_t dicts[PG_VALUE_DEPTH_MAX / 64 + 1]; /* which levels are */
	struct pg_err *e;
};

/* What an opcode is followed by. */
enum check_form {
	CHECK_NO,      /* not to be written by us */
	CHECK_FIXED,   /* so many bytes */
	CHECK_COUNTED, /* a length of so many bytes, then bytes */
	CHECK_TEXT,    /* the same, then UTF-8 */
	CHECK_LONG,    /* the same, then the digits of an integer */
	CHECK_LIST,
	CHECK_DICT,
	CHECK_LIST_END,
	CHECK_DICT_END
};

static const struct {
	uint8_t form, width;
} check_ops[256] = {
	[PG_PICKLE_NONE] = { CHECK_FIXED, 0 },
	[PG_PICKLE_NEWTRUE] = { CHECK_FIXED, 0 },
	[PG_PICKLE_NEWFALSE] = { CHECK_FIXED, 0 },
	[PG_PICKLE_BININT1] = { CHECK_FIXED, 1 },
	[PG_PICKLE_BININT2] = { CHECK_FIXED, 2 },
	[PG_PICKLE_BININT] = { CHECK_FIXED, 4 },
	[PG_PICKLE_BINFLOAT] = { CHECK_FIXED, 8 },
	[PG_PICKLE_LONG1] = { CHECK_LONG, 1 },
	[PG_PICKLE_LONG4] = { CHECK_LONG, 4 },
	[PG_PICKLE_SHORT_BINUNICODE] = { CHECK_TEXT, 1 },
	[PG_PICKLE_BINUNICODE] = { CHECK_TEXT, 4 },
	[PG_PICKLE_BINUNICODE8] = { CHECK_TEXT, 8 },
	[PG_PICKLE_SHORT_BINBYTES] = { CHECK_COUNTED, 1 },
	[PG_PICKLE_BINBYTES] = { CHECK_COUNTED, 4 },
	[PG_PICKLE_BINBYTES8] = { CHECK_COUNTED, 8 },
	[PG_PICKLE_BYTEARRAY8] = { CHECK_COUNTED, 8 },
	[PG_PICKLE_EMPTY_LIST] = { CHECK_LIST, 0 },
	[PG_PICKLE_EMPTY_DICT] = { CHECK_DICT, 0 },
	[PG_PICKLE_APPENDS] = { CHECK_LIST_END, 0 },
	[PG_PICKLE_SETITEMS] = { CHECK_DICT_END, 0 },
};

static int
check_bad(const struct pickle_check *k, const char *why)
{
	return pg_fail_at(k->e, PG_E_SERIAL, k->pos, "%s", why);
}

/* ---- Leaves ---- */

static int
check_skip(struct pickle_check *k, uint64_t n)
{
	if (n > k->in.n - k->pos)
		return check_bad(k, "pickle data was truncated");
	k->pos += (size_t)n;
	return 0;
}

/* A length of `width` bytes and what it counts. */
static int
check_counted(struct pickle_check *k, size_t width, struct pg_str *out)
{
	size_t at = k->pos;
	uint64_t n = 0;

	if (check_skip(k, width) < 0)
		return -1;
	while (width-- > 0)
		n = n << 8 | (unsigned char)k->in.p[at + width];
	if (n > UINT32_MAX)
		return check_bad(k, "pickle holds too long a text");
	out->p = k->in.p + k->pos;
	out->n = (size_t)n;
	return check_skip(k, n);
}

/* As the reader counts them: a few integers of the longest text too many are
 * refused here as well. */
static int
check_long(const struct pickle_check *k, struct pg_str s)
{
	char text[PG_PICKLE_LONG_TEXT];
	size_t n;

	if (s.n <= 8)
		return 0;
	if (s.n > PG_PICKLE_LONG_MAX)
		return check_bad(k, "pickle holds too long an integer");
	n = pg_pickle_long_text((const unsigned char *)s.p, s.n, text);
	if (n - (text[0] == '-') > PG_VALUE_DIGITS_MAX)
		return check_bad(k, "pickle holds too long an integer");
	return 0;
}

/* ---- Lists and dicts ---- */

static bool
check_in_dict(const struct pickle_check *k)
{
	return k->depth > 0 &&
	    (k->dicts[k->depth / 64] >> (k->depth % 64) & 1) != 0;
}

/* A value has ended: what follows in the same dict is a key. */
static void
check_ended(struct pickle_check *k)
{
	k->wants_key = check_in_dict(k);
}

/* Without MARK it is empty, and has ended. */
static int
check_open(struct pickle_check *k, bool dict)
{
	uint64_t bit;

	if (k->depth == PG_VALUE_DEPTH_MAX)
		return pg_fail_at(k->e, PG_E_LIMIT, k->pos,
		    "pickle is nested deeper than %d", PG_VALUE_DEPTH_MAX);
	if (k->pos == k->in.n ||
	    (unsigned char)k->in.p[k->pos] != PG_PICKLE_MARK) {
		check_ended(k);
		return 0;
	}
	k->pos++;
	k->depth++;
	bit = UINT64_C(1) << (k->depth % 64);
	k->dicts[k->depth / 64] &= ~bit;
	if (dict)
		k->dicts[k->depth / 64] |= bit;
	k->wants_key = dict;
	return 0;
}

static int
check_close(struct pickle_check *k, bool dict)
{
	if (k->depth == 0 || check_in_dict(k) != dict ||
	    (dict && !k->wants_key))
		return check_bad(k, "pickle ends a list or dict that is not "
		    "open");
	k->depth--;
	check_ended(k);
	return 0;
}

/* ---- The walk ---- */

/* The next opcode and what belongs to it. */
static int
check_step(struct pickle_check *k)
{
	unsigned char op = (unsigned char)k->in.p[k->pos];
	enum check_form form = (enum check_form)check_ops[op].form;
	size_t width = check_ops[op].width;
	struct pg_str s = PG_STR_NULL;
	int rc;

	if (k->wants_key && form != CHECK_TEXT && form != CHECK_DICT_END)
		return check_bad(k, "pickle holds a key that is no text");
	if (form == CHECK_NO)
		return pg_fail_at(k->e, PG_E_SERIAL, k->pos, "pickle opcode "
		    "0x%02x is not ours", op);
	k->pos++;
	if (form == CHECK_LIST || form == CHECK_DICT)
		return check_open(k, form == CHECK_DICT);
	if (form == CHECK_LIST_END || form == CHECK_DICT_END)
		return check_close(k, form == CHECK_DICT_END);
	if (form == CHECK_FIXED)
		rc = check_skip(k, width);
	else
		rc = check_counted(k, width, &s);
	if (rc == 0 && form == CHECK_TEXT && pg_utf8_valid(s, true) < s.n)
		return check_bad(k, "pickle holds text that is no UTF-8");
	if (rc == 0 && form == CHECK_LONG)
		rc = check_long(k, s);
	/* After a key comes its value. */
	if (check_in_dict(k))
		k->wants_key = !k->wants_key;
	return rc;
}

PG_FN int
pg_pickle_check(struct pg_str in, struct pg_err *e)
{
	struct pickle_check k = { .in = in, .e = e };

	do {
		if (k.pos == in.n)
			return check_bad(&k, "pickle data was truncated");
		if (check_step(&k) < 0)
			return -1;
	} while (k.depth > 0);
	if (k.pos < in.n)
		return check_bad(&k, "pickle ends with more than one value");
	return 0;
}
