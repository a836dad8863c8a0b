/* pickle_write: the writer.
 *
 * Protocol 5 without frames and memo: a value is written where it stands, so
 * that what one of our hosts wrote can be cut out of its pickle and put into
 * another as bytes. Every opcode here is PLAIN or TEXT in pickle_op.h.
 */
#include "pickle.h"

#include "pickle_op.h"
#include "pickle_text.h"

/* An opcode and a number of `width` bytes, lowest first. */
static void
pickle_write_num(struct pg_out *o, enum pg_pickle_op op, uint64_t u,
    size_t width)
{
	char b[1 + 8];
	size_t i;

	b[0] = (char)op;
	for (i = 1; i <= width; i++, u >>= 8)
		b[i] = (char)u;
	pg_out_put(o, b, width + 1);
}

static void
pickle_write_op(struct pg_out *o, enum pg_pickle_op op)
{
	char b = (char)op;

	pg_out_put(o, &b, 1);
}

/* The shortest opcode that can hold a length. */
static void
pickle_write_count(struct pg_out *o, size_t n, enum pg_pickle_op op1,
    enum pg_pickle_op op4, enum pg_pickle_op op8)
{
	if (n <= UINT8_MAX)
		pickle_write_num(o, op1, n, 1);
	else if (n <= UINT32_MAX)
		pickle_write_num(o, op4, n, 4);
	else
		pickle_write_num(o, op8, n, 8);
}

PG_FN void
pg_pickle_bytes_open(struct pg_out *o, size_t n)
{
	pickle_write_count(o, n, PG_PICKLE_SHORT_BINBYTES,
	    PG_PICKLE_BINBYTES, PG_PICKLE_BINBYTES8);
}

/* Python reads BININT as signed, BININT1 and 2 as unsigned. */
static void
pickle_write_int(struct pg_out *o, int64_t i)
{
	size_t n = 8;

	if (i >= 0 && i <= UINT8_MAX) {
		pickle_write_num(o, PG_PICKLE_BININT1, (uint64_t)i, 1);
	} else if (i >= 0 && i <= UINT16_MAX) {
		pickle_write_num(o, PG_PICKLE_BININT2, (uint64_t)i, 2);
	} else if (i >= INT32_MIN && i <= INT32_MAX) {
		pickle_write_num(o, PG_PICKLE_BININT, (uint64_t)i, 4);
	} else {
		while (i >> (8 * n - 9) == 0 || i >> (8 * n - 9) == -1)
			n--;
		pickle_write_num(o, PG_PICKLE_LONG1, n, 1);
		for (; n > 0; n--, i >>= 8)
			pg_out_put(o, &(char){ (char)i }, 1);
	}
}

static int
pickle_write_big(struct pg_out *o, struct pg_str text, struct pg_err *e)
{
	unsigned char bytes[PG_PICKLE_LONG_MAX + 8];
	ssize_t n = pg_pickle_long_bytes(text, bytes);

	if (n < 0)
		return pg_fail(e, PG_E_LIMIT,
		    "integer of more than %d digits", PG_VALUE_DIGITS_MAX);
	if (n <= UINT8_MAX)
		pickle_write_num(o, PG_PICKLE_LONG1, (uint64_t)n, 1);
	else
		pickle_write_num(o, PG_PICKLE_LONG4, (uint64_t)n, 4);
	pg_out_put(o, bytes, (size_t)n);
	return 0;
}

static void
pickle_write_float(struct pg_out *o, double f)
{
	char b[1 + 8];
	uint64_t u;
	size_t i;

	memcpy(&u, &f, sizeof(u));
	b[0] = PG_PICKLE_BINFLOAT;
	for (i = 8; i > 0; i--, u >>= 8)
		b[i] = (char)u;
	pg_out_put(o, b, sizeof(b));
}

static int
pickle_write_leaf(struct pg_out *o, const struct pg_value *v, struct pg_err *e)
{
	struct pg_str s = { v->u.p, v->n };

	switch ((enum pg_type)v->type) {
	case PG_T_NULL:
		pickle_write_op(o, PG_PICKLE_NONE);
		break;
	case PG_T_BOOL:
		pickle_write_op(o, v->u.i ? PG_PICKLE_NEWTRUE :
		    PG_PICKLE_NEWFALSE);
		break;
	case PG_T_INT:
		pickle_write_int(o, v->u.i);
		break;
	case PG_T_BIG:
		return pickle_write_big(o, s, e);
	case PG_T_FLOAT:
		pickle_write_float(o, v->u.f);
		break;
	case PG_T_STR:
		pg_pickle_text(o, s);
		break;
	case PG_T_BYTES:
		pg_pickle_bytes_open(o, s.n);
		pg_out_put(o, s.p, s.n);
		break;
	case PG_T_BYTEARRAY:
		pickle_write_num(o, PG_PICKLE_BYTEARRAY8, s.n, 8);
		pg_out_put(o, s.p, s.n);
		break;
	case PG_T_LIST:
	case PG_T_TUPLE:
	case PG_T_SET:
	case PG_T_FROZENSET:
	case PG_T_DICT:
		break; /* no leaves */
	}
	return 0;
}

static void
pickle_write_open(struct pg_out *o, const struct pg_value *v)
{
	pickle_write_op(o, v->type == PG_T_DICT ? PG_PICKLE_EMPTY_DICT :
	    PG_PICKLE_EMPTY_LIST);
	if (v->n > 0)
		pickle_write_op(o, PG_PICKLE_MARK);
}

static void
pickle_write_close(struct pg_out *o, const struct pg_value *v)
{
	if (v->n > 0)
		pickle_write_op(o, v->type == PG_T_DICT ? PG_PICKLE_SETITEMS :
		    PG_PICKLE_APPENDS);
}

PG_FN int
pg_pickle_value(struct pg_out *o, const struct pg_value *v, struct pg_err *e)
{
	struct pg_walk w;
	enum pg_walk_step step;

	pg_walk_start(&w, v);
	while ((step = pg_walk_next(&w)) != PG_WALK_END) {
		if (step == PG_WALK_DEEP)
			return pg_fail(e, PG_E_LIMIT,
			    "value is nested deeper than %d",
			    PG_VALUE_DEPTH_MAX);
		if (step == PG_WALK_CLOSE) {
			pickle_write_close(o, w.v);
			continue;
		}
		if (w.in_dict)
			pg_pickle_text(o, w.key);
		if (step == PG_WALK_OPEN)
			pickle_write_open(o, w.v);
		else if (pickle_write_leaf(o, w.v, e) < 0)
			return -1;
		/* A shared value may be written out many times over. */
		if (o->buf.failed || o->err.code != PG_E_OK)
			break;
	}
	return 0;
}

PG_FN_TEST int
pg_pickle_write(struct pg_out *o, const struct pg_value *v, struct pg_err *e)
{
	pg_pickle_start(o);
	if (pg_pickle_value(o, v, e) < 0)
		return -1;
	pg_pickle_stop(o);
	return 0;
}

PG_FN void
pg_pickle_start(struct pg_out *o)
{
	pickle_write_num(o, PG_PICKLE_PROTO, PG_PICKLE_PROTOCOL, 1);
}

PG_FN void
pg_pickle_stop(struct pg_out *o)
{
	pickle_write_op(o, PG_PICKLE_STOP);
}

PG_FN void
pg_pickle_text(struct pg_out *o, struct pg_str s)
{
	pickle_write_count(o, s.n, PG_PICKLE_SHORT_BINUNICODE,
	    PG_PICKLE_BINUNICODE, PG_PICKLE_BINUNICODE8);
	pg_out_put(o, s.p, s.n);
}

PG_FN void
pg_pickle_dict_open(struct pg_out *o)
{
	pickle_write_op(o, PG_PICKLE_EMPTY_DICT);
	pickle_write_op(o, PG_PICKLE_MARK);
}

PG_FN void
pg_pickle_dict_close(struct pg_out *o)
{
	pickle_write_op(o, PG_PICKLE_SETITEMS);
}
