/* pickle: the reader, a stack machine that can build data and nothing else.
 *
 * A pickle is a program. We run the part of it that makes plain values; the
 * opcodes that could name or call code are refused where they stand, except
 * the few spellings of old protocols that PROTOCOL section 1 lists as data.
 * Here the bytes are understood; pickle_build keeps what they build. A length
 * is compared with what is there before anything is allocated for it.
 */
#include "pickle.h"

#include "pickle_build.h"
#include "pickle_op.h"
#include "pickle_text.h"

/* What an opcode may do; and the classes of pickle_op.h in these terms. */
#define PICKLE_KNOWN 1  /* accepted in a whole pickle */
#define PICKLE_BARE 2   /* accepted in a bare value, plain for a watch */
#define PICKLE_TREE 4   /* a stream of these shares nothing */
#define PICKLE_STR 8    /* pushes a text written out here */
#define PICKLE_QUIET 16 /* leaves the stack as it is */
#define PICKLE_AS_PLAIN (PICKLE_KNOWN | PICKLE_BARE | PICKLE_TREE)
#define PICKLE_AS_TEXT (PICKLE_AS_PLAIN | PICKLE_STR)
#define PICKLE_AS_SIDE (PICKLE_KNOWN | PICKLE_TREE | PICKLE_QUIET)
#define PICKLE_AS_DATA PICKLE_KNOWN
#define PICKLE_AS_CODE 0

static const uint8_t pickle_flags[256] = {
#define X(name, byte, class) [byte] = PICKLE_AS_##class,
	PG_PICKLE_OPS(X)
#undef X
};

/* The callables that old protocols apply to plain data. */
enum pickle_form {
	PICKLE_BYTEARRAY,
	PICKLE_BYTES,
	PICKLE_SET,
	PICKLE_FROZENSET,
	PICKLE_ENCODE
};

/* ---- input ------------------------------------------------------------- */

static int
pickle_truncated(const struct pg_pickle_reader *r)
{
	pg_fail_at(r->e, PG_E_SERIAL, r->in.n, "pickle data was truncated");
	return -1;
}

static const unsigned char *
pickle_take(struct pg_pickle_reader *r, size_t n)
{
	const char *p = r->in.p + r->pos;

	if (n > r->in.n - r->pos) {
		pickle_truncated(r);
		return NULL;
	}
	r->pos += n;
	return (const unsigned char *)p;
}

/* An unsigned integer of 1 to 8 bytes, lowest first. */
static int
pickle_uint(struct pg_pickle_reader *r, size_t width, uint64_t *out)
{
	const unsigned char *p = pickle_take(r, width);

	*out = 0;
	if (p == NULL)
		return -1;
	while (width-- > 0)
		*out = *out << 8 | p[width];
	return 0;
}

/* Bytes behind a length of `width` bytes. */
static int
pickle_counted(struct pg_pickle_reader *r, size_t width, struct pg_str *out)
{
	uint64_t n;

	if (pickle_uint(r, width, &n) < 0)
		return -1;
	if (n > r->in.n - r->pos)
		return pickle_truncated(r);
	if (n > UINT32_MAX)
		return pg_fail_at(r->e, PG_E_LIMIT, r->at,
		    "pickle holds a text of %" PRIu64 " bytes", n);
	*out = (struct pg_str){ r->in.p + r->pos, (size_t)n };
	r->pos += (size_t)n;
	return 0;
}

/* The rest of the line, without its newline. */
static int
pickle_line(struct pg_pickle_reader *r, struct pg_str *out)
{
	const char *p = r->in.p + r->pos;
	const char *end = memchr(p, '\n', r->in.n - r->pos);

	if (end == NULL)
		return pickle_truncated(r);
	*out = (struct pg_str){ p, (size_t)(end - p) };
	r->pos += out->n + 1;
	if (out->n > UINT32_MAX / 2)
		return pg_fail_at(r->e, PG_E_LIMIT, r->at,
		    "pickle holds a line of %zu bytes", out->n);
	return 0;
}

/* PUT, GET and their short forms. width 0: decimal digits on a line. */
static int
pickle_memo(struct pg_pickle_reader *r, size_t width,
    int (*then)(struct pg_pickle_reader *, uint64_t))
{
	static const char bad[] = "pickle memo index is no number";
	struct pg_str s;
	uint64_t index = 0;
	size_t i;

	if (width > 0)
		return pickle_uint(r, width, &index) < 0 ? -1 : then(r, index);
	if (pickle_line(r, &s) < 0)
		return -1;
	if (s.n == 0)
		return pg_pickle_bad(r, bad);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return pg_pickle_bad(r, bad);
		index = PG_MIN(index, UINT32_MAX) * 10 +
		    (uint64_t)(s.p[i] - '0');
	}
	return then(r, index);
}

/* ---- leaves ------------------------------------------------------------ */

static int
pickle_none(struct pg_pickle_reader *r)
{
	if (r->none == NULL)
		r->none = pg_value_null(r->a);
	return pg_pickle_push(r, r->none);
}

static int
pickle_bool(struct pg_pickle_reader *r, bool b)
{
	if (r->truth[b] == NULL)
		r->truth[b] = pg_value_bool(r->a, b);
	return pg_pickle_push(r, r->truth[b]);
}

static int
pickle_push_bytes(struct pg_pickle_reader *r, enum pg_type t, struct pg_str s)
{
	r->size += s.n;
	return pg_pickle_push(r, pg_value_bytes(r->a, t, s));
}

static int
pickle_bytes(struct pg_pickle_reader *r, enum pg_type t, size_t width)
{
	struct pg_str s;

	if (pickle_counted(r, width, &s) < 0)
		return -1;
	return pickle_push_bytes(r, t, s);
}

static int
pickle_push_text(struct pg_pickle_reader *r, struct pg_str s)
{
	if (pg_utf8_valid(s, true) < s.n)
		return pg_pickle_bad(r, "pickle holds text that is no UTF-8");
	r->size += s.n;
	return pg_pickle_push(r, pg_value_str(r->a, s));
}

/* BINUNICODE and its kin. */
static int
pickle_text(struct pg_pickle_reader *r, size_t width)
{
	struct pg_str s;

	if (pickle_counted(r, width, &s) < 0)
		return -1;
	return pickle_push_text(r, s);
}

/* A text of Python 2, in which nothing says what its bytes mean. */
static int
pickle_push_ascii(struct pg_pickle_reader *r, struct pg_str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return pg_pickle_bad(r,
			    "pickle holds a Python 2 string that is no ASCII");
	return pickle_push_text(r, s);
}

static int
pickle_binstring(struct pg_pickle_reader *r, size_t width)
{
	struct pg_str s;

	if (pickle_counted(r, width, &s) < 0)
		return -1;
	return pickle_push_ascii(r, s);
}

/* STRING and UNICODE: a line with escapes. */
static int
pickle_text_line(struct pg_pickle_reader *r, bool unicode)
{
	struct pg_str s;
	ssize_t n;
	char *p;

	if (pickle_line(r, &s) < 0)
		return -1;
	p = pg_arena_alloc(r->a, unicode ? 2 * s.n + 1 : s.n + 1);
	if (p == NULL)
		return pg_pickle_no_room(r);
	n = unicode ? pg_pickle_unraw(s, p) : pg_pickle_unquote(s, p);
	if (n < 0)
		return pg_pickle_bad(r, unicode ?
		    "pickle holds text with a bad escape" :
		    "pickle holds a string with bad quotes or escapes");
	s = (struct pg_str){ p, (size_t)n };
	return unicode ? pickle_push_text(r, s) : pickle_push_ascii(r, s);
}

static int
pickle_small_uint(struct pg_pickle_reader *r, size_t width)
{
	uint64_t u;

	if (pickle_uint(r, width, &u) < 0)
		return -1;
	return pg_pickle_push(r, pg_value_int(r->a, (int64_t)u));
}

static int
pickle_int32(struct pg_pickle_reader *r)
{
	uint64_t u;

	if (pickle_uint(r, 4, &u) < 0)
		return -1;
	return pg_pickle_push(r, pg_value_int(r->a, (int32_t)(uint32_t)u));
}

static int
pickle_digits_limit(const struct pg_pickle_reader *r)
{
	return pg_fail_at(r->e, PG_E_LIMIT, r->at,
	    "pickle holds an integer of more than %d digits",
	    PG_VALUE_DIGITS_MAX);
}

/* An integer that does not fit 64 bits, from two's complement. */
static int
pickle_big(struct pg_pickle_reader *r, struct pg_str s)
{
	char text[PG_PICKLE_LONG_TEXT];
	struct pg_str out = { text, 0 };

	if (s.n > PG_PICKLE_LONG_MAX)
		return pickle_digits_limit(r);
	out.n = pg_pickle_long_text((const unsigned char *)s.p, s.n, text);
	if (out.n - (text[0] == '-') > PG_VALUE_DIGITS_MAX)
		return pickle_digits_limit(r);
	out = pg_arena_str(r->a, out);
	if (out.p == NULL)
		return pg_pickle_no_room(r);
	r->size += out.n;
	return pg_pickle_push(r, pg_value_decimal(r->a, out));
}

/* LONG1 and LONG4: two's complement, lowest byte first. */
static int
pickle_long(struct pg_pickle_reader *r, size_t width)
{
	struct pg_str s;
	uint64_t u = 0;
	size_t i;
	char sign;

	if (pickle_counted(r, width, &s) < 0)
		return -1;
	sign = s.n > 0 && (s.p[s.n - 1] & 0x80) ? '\xff' : 0;
	/* Bytes that only repeat the sign mean nothing. */
	while (s.n > 8 && s.p[s.n - 1] == sign &&
	    ((s.p[s.n - 2] ^ sign) & 0x80) == 0)
		s.n--;
	if (s.n > 8)
		return pickle_big(r, s);
	for (i = 8; i > 0; i--)
		u = u << 8 | (unsigned char)(i <= s.n ? s.p[i - 1] : sign);
	return pg_pickle_push(r, pg_value_int(r->a, (int64_t)u));
}

/* INT and LONG: decimal text. INT also spells the bools. */
static int
pickle_decimal(struct pg_pickle_reader *r, bool is_long)
{
	struct pg_value *v;
	struct pg_str s;

	if (pickle_line(r, &s) < 0)
		return -1;
	if (!is_long && (pg_str_eqz(s, "00") || pg_str_eqz(s, "01")))
		return pickle_bool(r, s.p[1] == '1');
	if (is_long && s.n > 0 && s.p[s.n - 1] == 'L')
		s.n--;
	if (s.n > PG_VALUE_DIGITS_MAX + 1)
		return pickle_digits_limit(r);
	v = pg_value_decimal(r->a, s);
	if (v == NULL && s.n > PG_VALUE_DIGITS_MAX)
		return pickle_digits_limit(r);
	if (v == NULL)
		return pg_pickle_bad(r, "pickle holds an integer that is none");
	r->size += v->n;
	return pg_pickle_push(r, v);
}

/* BINFLOAT: an IEEE double, highest byte first. */
static int
pickle_binfloat(struct pg_pickle_reader *r)
{
	const unsigned char *p = pickle_take(r, 8);
	uint64_t u = 0;
	double f;
	size_t i;

	if (p == NULL)
		return -1;
	for (i = 0; i < 8; i++)
		u = u << 8 | p[i];
	memcpy(&f, &u, sizeof(f));
	return pg_pickle_push(r, pg_value_float(r->a, f));
}

static int
pickle_float(struct pg_pickle_reader *r)
{
	struct pg_str s;
	double f;

	if (pickle_line(r, &s) < 0)
		return -1;
	if (!pg_float_parse(s, &f))
		return pg_pickle_bad(r, "pickle holds a float that is none");
	return pg_pickle_push(r, pg_value_float(r->a, f));
}

/* ---- the forms of old protocols ---------------------------------------- */

/* Push the callable module.name if it is one that makes data. */
static int
pickle_name(struct pg_pickle_reader *r, struct pg_str module,
    struct pg_str name)
{
	static const char *const makers[] = { [PICKLE_BYTEARRAY] = "bytearray",
		[PICKLE_BYTES] = "bytes", [PICKLE_SET] = "set",
		[PICKLE_FROZENSET] = "frozenset" };
	struct pg_value *v = pg_value_int(r->a, -1);
	size_t i;

	if (v == NULL)
		return pg_pickle_no_room(r);
	v->type = PG_PICKLE_T_FORM;
	if (pg_str_eqz(module, "__builtin__") || pg_str_eqz(module, "builtins"))
		for (i = 0; i < PG_COUNT(makers); i++)
			if (pg_str_eqz(name, makers[i]))
				v->u.i = (int64_t)i;
	if (pg_str_eqz(module, "_codecs") && pg_str_eqz(name, "encode"))
		v->u.i = PICKLE_ENCODE;
	if (v->u.i >= 0)
		return pg_pickle_push(r, v);
	module.n = PG_MIN(module.n, 80);
	name.n = PG_MIN(name.n, 80);
	return pg_fail_at(r->e, PG_E_SERIAL, r->at,
	    "pickle names code: %.*s.%.*s", PG_STR_ARG(module),
	    PG_STR_ARG(name));
}

static int
pickle_global(struct pg_pickle_reader *r)
{
	struct pg_str module, name;

	if (pickle_line(r, &module) < 0 || pickle_line(r, &name) < 0)
		return -1;
	return pickle_name(r, module, name);
}

/* Only for names written out on the spot: text that came from elsewhere in
 * the pickle was meant as data. */
static int
pickle_stack_global(struct pg_pickle_reader *r, bool written)
{
	struct pg_str module, name;

	if (pg_pickle_need(r, 2) < 0)
		return -1;
	module = pg_value_text(r->stack[r->n - 2], PG_STR("?"));
	name = pg_value_text(r->stack[r->n - 1], PG_STR("?"));
	r->n -= 2;
	if (!written || pg_str_eqz(module, "_codecs"))
		return pg_pickle_bad(r,
		    "pickle names code: opcode STACK_GLOBAL");
	return pickle_name(r, module, name);
}

/* _codecs.encode(text, "latin1"): bytes in protocol 2. */
static int
pickle_encode(struct pg_pickle_reader *r, const struct pg_value *text)
{
	char *p;
	ssize_t n;

	if (pg_pickle_copy(r, text->n) < 0)
		return -1;
	p = pg_arena_alloc(r->a, (size_t)text->n + 1);
	if (p == NULL)
		return pg_pickle_no_room(r);
	n = pg_pickle_latin1((struct pg_str){ text->u.p, text->n }, p);
	if (n < 0)
		return pg_pickle_bad(r,
		    "pickle holds bytes that are no Latin-1");
	return pickle_push_bytes(r, PG_T_BYTES,
	    (struct pg_str){ p, (size_t)n });
}

/* set(list), frozenset(list): the list's present items. */
static int
pickle_set_of(struct pg_pickle_reader *r, enum pg_type t,
    const struct pg_value *list)
{
	if (pg_pickle_copy(r, list->n * sizeof(*list->u.items)) < 0)
		return -1;
	return pg_pickle_collect(r, t, list->u.items, list->n);
}

static int
pickle_reduce(struct pg_pickle_reader *r)
{
	const struct pg_value *f, *args, *arg;

	if (pg_pickle_need(r, 2) < 0)
		return -1;
	f = r->stack[r->n - 2];
	args = r->stack[r->n - 1];
	if (f->type != PG_PICKLE_T_FORM || args->type != PG_T_TUPLE)
		return pg_pickle_bad(r, "pickle calls what is no data form");
	r->n -= 2;
	arg = args->n > 0 ? args->u.items[0] : NULL;
	switch ((enum pickle_form)f->u.i) {
	case PICKLE_BYTEARRAY:
		if (args->n == 0 || (args->n == 1 && arg->type == PG_T_BYTES))
			return pickle_push_bytes(r, PG_T_BYTEARRAY,
			    arg != NULL ? (struct pg_str){ arg->u.p, arg->n } :
			    PG_STR(""));
		break;
	case PICKLE_BYTES:
		if (args->n == 0)
			return pickle_push_bytes(r, PG_T_BYTES, PG_STR(""));
		break;
	case PICKLE_SET:
	case PICKLE_FROZENSET:
		if (args->n == 1 && arg->type == PG_T_LIST)
			return pickle_set_of(r, f->u.i == PICKLE_SET ?
			    PG_T_SET : PG_T_FROZENSET, arg);
		break;
	case PICKLE_ENCODE:
		if (args->n == 2 && arg->type == PG_T_STR && pg_str_eqz(
		    pg_value_text(args->u.items[1], PG_STR_NULL), "latin1"))
			return pickle_encode(r, arg);
		break;
	}
	return pg_pickle_bad(r,
	    "pickle calls a data form with other arguments");
}

/* ---- the watch --------------------------------------------------------- */

/* A value that is being watched. It occupies `slot` of the stack; its span
 * ends where it was last alone on top before its dict took it. */
struct pickle_span {
	struct pg_pickle_watch *watch; /* NULL: nothing to find */
	bool on, batch;                /* batch: its dict awaits SETITEMS */
	uint32_t slot, marks;
	size_t off, end;
	size_t dirty; /* first opcode since off that we would not write */
	const struct pg_value *value;
};

/* Is the text on top a key of the dict that is watch->depth dicts deep? Dicts
 * are open either with a mark behind them or waiting for a single pair; one
 * of the latter kind within the former is not looked for, as on the stack it
 * can not be told from a finished one. */
static bool
pickle_span_fits(const struct pg_pickle_reader *r, unsigned depth,
    bool *in_batch)
{
	uint32_t dict = 0, mark = 0, key = r->n - 1;
	unsigned level;
	bool batch;

	for (level = 1;; level++) {
		if (dict >= key || r->stack[dict]->type != PG_T_DICT)
			return false;
		batch = mark < r->marks_n && r->marks[mark] == dict + 1;
		mark += batch;
		if (level == depth)
			break;
		if (!batch)
			dict += 2;
		else if (mark == r->marks_n ||
		    (r->marks[mark] - dict) % 2 == 0)
			return false;
		else
			dict = r->marks[mark] - 1;
	}
	*in_batch = batch;
	if (mark != r->marks_n)
		return false;
	return batch ? (key - dict) % 2 == 1 : key == dict + 1;
}

/* A text was pushed. A key that comes again replaces what it stood for. */
static void
pickle_span_key(const struct pg_pickle_reader *r, struct pickle_span *s)
{
	const struct pg_value *v = r->stack[r->n - 1];
	bool batch;

	if (s->on && (s->value == NULL || r->marks_n != s->marks))
		return;
	if (!pg_str_eq((struct pg_str){ v->u.p, v->n }, s->watch->key) ||
	    !pickle_span_fits(r, s->watch->depth, &batch))
		return;
	s->on = true;
	s->batch = batch;
	s->slot = r->n;
	s->marks = r->marks_n;
	s->value = NULL;
}

/* Before op is done. */
static void
pickle_span_step(const struct pg_pickle_reader *r, struct pickle_span *s,
    uint8_t op)
{
	if (r->n == s->slot && s->value == NULL) {
		if (r->marks_n == s->marks) {
			s->off = r->at;
			s->dirty = SIZE_MAX;
		}
	} else if (r->n <= s->slot || r->marks_n < s->marks) {
		s->on = false; /* popped: it was no member after all */
		return;
	} else if (r->n == s->slot + 1 && r->marks_n == s->marks) {
		s->end = r->at;
		s->value = r->stack[s->slot];
	}
	if (s->value != NULL && r->marks_n == s->marks &&
	    (s->batch ? op == PG_PICKLE_SETITEMS :
	    op == PG_PICKLE_SETITEM && r->n == s->slot + 1)) {
		s->on = false;
		s->watch->value = s->value;
		s->watch->off = s->off;
		s->watch->len = s->end - s->off;
		s->watch->plain = s->dirty >= s->end;
	}
	if (s->dirty == SIZE_MAX && !(pickle_flags[op] & PICKLE_BARE))
		s->dirty = r->at;
}

/* ---- opcodes ----------------------------------------------------------- */

static int
pickle_proto(struct pg_pickle_reader *r)
{
	const unsigned char *p = pickle_take(r, 1);

	if (p == NULL)
		return -1;
	if (*p > PG_PICKLE_PROTOCOL)
		return pg_fail_at(r->e, PG_E_SERIAL, r->at,
		    "unsupported pickle protocol %d", *p);
	return 0;
}

/* Frames only tell how much to read at once; all of it is here. */
static int
pickle_frame(struct pg_pickle_reader *r)
{
	uint64_t n;

	if (pickle_uint(r, 8, &n) < 0)
		return -1;
	return n > r->in.n - r->pos ? pickle_truncated(r) : 0;
}

/* POP_MARK */
static int
pickle_drop(struct pg_pickle_reader *r)
{
	struct pg_value **items;
	uint32_t n;

	return pg_pickle_pop_mark(r, &items, &n);
}

/* Do one accepted opcode. named: the two texts on top were just written. */
static int
pickle_op(struct pg_pickle_reader *r, uint8_t op, bool named)
{
	switch (op) {
	case PG_PICKLE_NONE:
		return pickle_none(r);
	case PG_PICKLE_NEWTRUE:
		return pickle_bool(r, true);
	case PG_PICKLE_NEWFALSE:
		return pickle_bool(r, false);
	case PG_PICKLE_BININT:
		return pickle_int32(r);
	case PG_PICKLE_BININT1:
		return pickle_small_uint(r, 1);
	case PG_PICKLE_BININT2:
		return pickle_small_uint(r, 2);
	case PG_PICKLE_LONG1:
		return pickle_long(r, 1);
	case PG_PICKLE_LONG4:
		return pickle_long(r, 4);
	case PG_PICKLE_BINFLOAT:
		return pickle_binfloat(r);
	case PG_PICKLE_SHORT_BINUNICODE:
		return pickle_text(r, 1);
	case PG_PICKLE_BINUNICODE:
		return pickle_text(r, 4);
	case PG_PICKLE_BINUNICODE8:
		return pickle_text(r, 8);
	case PG_PICKLE_SHORT_BINBYTES:
		return pickle_bytes(r, PG_T_BYTES, 1);
	case PG_PICKLE_BINBYTES:
		return pickle_bytes(r, PG_T_BYTES, 4);
	case PG_PICKLE_BINBYTES8:
		return pickle_bytes(r, PG_T_BYTES, 8);
	case PG_PICKLE_BYTEARRAY8:
		return pickle_bytes(r, PG_T_BYTEARRAY, 8);
	case PG_PICKLE_INT:
		return pickle_decimal(r, false);
	case PG_PICKLE_LONG:
		return pickle_decimal(r, true);
	case PG_PICKLE_FLOAT:
		return pickle_float(r);
	case PG_PICKLE_STRING:
		return pickle_text_line(r, false);
	case PG_PICKLE_UNICODE:
		return pickle_text_line(r, true);
	case PG_PICKLE_BINSTRING:
		return pickle_binstring(r, 4);
	case PG_PICKLE_SHORT_BINSTRING:
		return pickle_binstring(r, 1);
	case PG_PICKLE_MARK:
		return pg_pickle_mark(r);
	case PG_PICKLE_POP:
		return pg_pickle_pop(r);
	case PG_PICKLE_POP_MARK:
		return pickle_drop(r);
	case PG_PICKLE_DUP:
		return pg_pickle_dup(r);
	case PG_PICKLE_EMPTY_LIST:
		return pg_pickle_container(r, PG_T_LIST);
	case PG_PICKLE_APPEND:
		return pg_pickle_append(r);
	case PG_PICKLE_APPENDS:
		return pg_pickle_fill(r, PG_T_LIST);
	case PG_PICKLE_LIST:
		return pg_pickle_collect_mark(r, PG_T_LIST);
	case PG_PICKLE_EMPTY_TUPLE:
		return pg_pickle_tuple(r, 0);
	case PG_PICKLE_TUPLE1:
		return pg_pickle_tuple(r, 1);
	case PG_PICKLE_TUPLE2:
		return pg_pickle_tuple(r, 2);
	case PG_PICKLE_TUPLE3:
		return pg_pickle_tuple(r, 3);
	case PG_PICKLE_TUPLE:
		return pg_pickle_collect_mark(r, PG_T_TUPLE);
	case PG_PICKLE_EMPTY_SET:
		return pg_pickle_container(r, PG_T_SET);
	case PG_PICKLE_ADDITEMS:
		return pg_pickle_fill(r, PG_T_SET);
	case PG_PICKLE_FROZENSET:
		return pg_pickle_collect_mark(r, PG_T_FROZENSET);
	case PG_PICKLE_EMPTY_DICT:
		return pg_pickle_container(r, PG_T_DICT);
	case PG_PICKLE_SETITEM:
		return pg_pickle_setitem(r);
	case PG_PICKLE_SETITEMS:
		return pg_pickle_setitems(r);
	case PG_PICKLE_DICT:
		return pg_pickle_dict(r);
	case PG_PICKLE_PUT:
		return pickle_memo(r, 0, pg_pickle_put);
	case PG_PICKLE_BINPUT:
		return pickle_memo(r, 1, pg_pickle_put);
	case PG_PICKLE_LONG_BINPUT:
		return pickle_memo(r, 4, pg_pickle_put);
	case PG_PICKLE_MEMOIZE:
		return pg_pickle_put(r, r->memo_n);
	case PG_PICKLE_GET:
		return pickle_memo(r, 0, pg_pickle_get);
	case PG_PICKLE_BINGET:
		return pickle_memo(r, 1, pg_pickle_get);
	case PG_PICKLE_LONG_BINGET:
		return pickle_memo(r, 4, pg_pickle_get);
	case PG_PICKLE_GLOBAL:
		return pickle_global(r);
	case PG_PICKLE_STACK_GLOBAL:
		return pickle_stack_global(r, named);
	case PG_PICKLE_REDUCE:
		return pickle_reduce(r);
	case PG_PICKLE_PROTO:
		return pickle_proto(r);
	case PG_PICKLE_FRAME:
		return pickle_frame(r);
	case PG_PICKLE_STOP:
		return 0;
	default:
		return pg_pickle_bad(r, "pickle opcode not understood");
	}
}

static const char *
pickle_op_name(uint8_t op)
{
	switch (op) {
#define X(name, byte, class) case byte: return #name;
	PG_PICKLE_OPS(X)
#undef X
	default:
		return NULL;
	}
}

/* An opcode that lacks what this reading needs. */
static int
pickle_refuse(const struct pg_pickle_reader *r, uint8_t op)
{
	const char *name = pickle_op_name(op);

	if (name == NULL)
		return pg_fail_at(r->e, PG_E_SERIAL, r->at,
		    "unknown pickle opcode 0x%02x", op);
	if (pickle_flags[op] & PICKLE_KNOWN)
		return pg_fail_at(r->e, PG_E_SERIAL, r->at,
		    "pickle opcode %s in a bare value", name);
	return pg_fail_at(r->e, PG_E_SERIAL, r->at,
	    "pickle names code: opcode %s", name);
}

/* Run to STOP or the end of the input, whichever is to come first: at the end
 * exactly one value must be there, and nothing behind it. */
static int
pickle_run(struct pg_pickle_reader *r, unsigned need, struct pickle_span *s)
{
	unsigned flags, seen = PICKLE_TREE, fresh = 0;
	bool stopped = false;
	uint8_t op;

	while (r->pos < r->in.n && !stopped) {
		r->at = r->pos++;
		op = (uint8_t)r->in.p[r->at];
		flags = pickle_flags[op];
		if (!(flags & need))
			return pickle_refuse(r, op);
		seen &= flags;
		if (s->on)
			pickle_span_step(r, s, op);
		stopped = op == PG_PICKLE_STOP;
		if (pickle_op(r, op, fresh >= 2) < 0)
			return -1;
		if (flags & PICKLE_STR)
			fresh++;
		else if (!(flags & PICKLE_QUIET))
			fresh = 0;
		if (s->watch != NULL && (flags & PICKLE_STR))
			pickle_span_key(r, s);
	}
	r->tree = r->tree && seen != 0;
	if (need == PICKLE_KNOWN && !stopped)
		return pickle_truncated(r);
	if (r->pos < r->in.n)
		return pg_fail_at(r->e, PG_E_SERIAL, r->pos,
		    "pickle has bytes behind its end");
	if (r->n == 0 && r->marks_n == 0)
		return pickle_truncated(r);
	if (r->n != 1 || r->marks_n > 0)
		return pg_pickle_bad(r, "pickle ends with more than one value");
	return 0;
}

/* ---- doors ------------------------------------------------------------- */

static int
pickle_read(struct pg_pickle_reader *r, unsigned need,
    struct pg_pickle_watch *watch, struct pg_value **out)
{
	struct pickle_span span = { .on = false };

	span.watch = watch;
	span.on = false;
	if (pickle_run(r, need, &span) < 0 ||
	    pg_pickle_finish(r, r->stack[0]) < 0)
		return -1;
	*out = r->stack[0];
	return 0;
}

PG_FN int
pg_pickle_read(struct pg_str in, struct pg_arena *a, size_t limit,
    struct pg_pickle_watch *watch, struct pg_value **out, struct pg_err *e)
{
	struct pg_pickle_reader r;

	pg_pickle_reader_init(&r, in, a, limit, e);
	if (watch != NULL) {
		watch->value = NULL;
		watch->off = watch->len = 0;
		watch->plain = false;
	}
	return pickle_read(&r, PICKLE_KNOWN, watch, out);
}

PG_FN int
pg_pickle_read_value(struct pg_str in, struct pg_arena *a, size_t limit,
    struct pg_value **out, struct pg_err *e)
{
	struct pg_pickle_reader r;

	pg_pickle_reader_init(&r, in, a, limit, e);
	return pickle_read(&r, PICKLE_BARE, NULL, out);
}

#undef PICKLE_KNOWN
#undef PICKLE_BARE
#undef PICKLE_TREE
#undef PICKLE_STR
#undef PICKLE_QUIET
#undef PICKLE_AS_PLAIN
#undef PICKLE_AS_TEXT
#undef PICKLE_AS_SIDE
#undef PICKLE_AS_DATA
#undef PICKLE_AS_CODE
