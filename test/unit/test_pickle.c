/* test_pickle: every pickle that Python writes of plain data is read as the
 * value it stands for, everything else is refused in one line without taking
 * memory for it, and what we write comes back as the same value.
 *
 * test/data/pickle holds pickles of protocols 2 to 5, recorded and made by
 * hand: y_* is read (and is the value in y_*.json, if there is one), n_* is
 * refused, i_* may go either way; none may touch a byte behind its end.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json codec/pickle_text codec/pickle_build codec/pickle codec/pickle_write */
#include "codec/json.h"
#include "codec/pickle.h"
#include "codec/pickle_build.h"

#include "guard.h"

#include <dirent.h>
#include <setjmp.h>

#include <cmocka.h>

#define DATA_DIR "test/data/pickle"
#define FILE_MAX (1 << 20)
/* No pickle may cost more memory for each of its bytes than this. */
#define COST_MAX 120
#define COST_BASE (64 * 1024)

/* ---- helpers ----------------------------------------------------------- */

static struct pg_str
load(const char *name, struct pg_buf *b)
{
	char path[512];
	FILE *f;

	pg_buf_reset(b);
	snprintf(path, sizeof(path), "%s/%s", DATA_DIR, name);
	f = fopen(path, "rb");
	if (f == NULL)
		return PG_STR_NULL;
	b->n = fread(pg_buf_room(b, FILE_MAX), 1, FILE_MAX, f);
	fclose(f);
	return pg_buf_str(b);
}

/* Marks are scratch: a walk that leaves one behind spoils the next. */
static void
assert_unmarked(const struct pg_value *v)
{
	struct pg_walk w;
	size_t n = 0;

	pg_walk_start(&w, v);
	while (pg_walk_next(&w) != PG_WALK_END && n++ < 100000)
		assert_int_equal(w.v->mark, 0);
}

static int
read_in(struct pg_str in, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e)
{
	memset(e, 0, sizeof(*e));
	*out = NULL;
	if (pg_pickle_read(in, a, 0, NULL, out, e) < 0) {
		assert_int_not_equal(e->code, PG_E_OK);
		assert_null(strchr(e->msg, '\n'));
		assert_true(e->at <= in.n);
		return -1;
	}
	assert_int_equal(e->code, PG_E_OK);
	assert_unmarked(*out);
	return 0;
}

static void
assert_cheap(const struct pg_arena *a, struct pg_str in)
{
	assert_true(a->used <= in.n * COST_MAX + COST_BASE);
}

/* in reads as the value that JSON writes as text. */
static void
assert_reads(struct pg_str in, const char *text)
{
	struct pg_arena a = { 0 };
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_value *v;
	struct pg_err e;

	if (read_in(in, &a, &v, &e) < 0)
		fail_msg("refused: %s (for %s)", e.msg, text);
	assert_int_equal(pg_json_write(&b, v, &e), 0);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, text);
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
assert_refused(struct pg_str in, enum pg_code code, const char *msg)
{
	struct pg_arena a = { 0 };
	struct pg_value *v;
	struct pg_err e;

	if (read_in(in, &a, &v, &e) == 0)
		fail_msg("accepted, not: %s", msg);
	assert_string_equal(e.msg, msg);
	assert_int_equal(e.code, code);
	assert_cheap(&a, in);
	pg_arena_fini(&a);
}

/* What travels as a list is one. */
static void
make_lists(struct pg_value *v)
{
	struct pg_walk w;

	pg_walk_start(&w, v);
	while (pg_walk_next(&w) != PG_WALK_END)
		if (pg_value_is_seq(w.v))
			((struct pg_value *)(uintptr_t)w.v)->type = PG_T_LIST;
}

/* v written by us reads as v, whole and as a bare value. */
static void
assert_returns(struct pg_value *v)
{
	struct pg_out o = { 0 };
	struct pg_arena a = { 0 };
	struct pg_value *again;
	struct pg_err e = { 0 };
	struct pg_str s;

	make_lists(v);
	assert_int_equal(pg_pickle_write(&o, v, &e), 0);
	assert_int_equal(pg_out_flush(&o, &e), 0);
	s = pg_buf_str(&o.buf);
	assert_int_equal(read_in(s, &a, &again, &e), 0);
	assert_true(pg_value_eq(v, again));
	s = pg_str_skip(s, PG_PICKLE_HEAD);
	s.n -= PG_PICKLE_TAIL;
	assert_int_equal(pg_pickle_read_value(s, &a, 0, &again, &e), 0);
	assert_true(pg_value_eq(v, again));
	assert_unmarked(again);
	pg_arena_fini(&a);
	pg_buf_fini(&o.buf);
}

static void
repeat_more(struct pg_buf *b, struct pg_str piece, size_t n)
{
	if (piece.n == 1) {
		memset(pg_buf_room(b, n + 1), piece.p[0], n);
		b->n += n;
	} else {
		while (n-- > 0)
			pg_buf_puts(b, piece);
	}
}

/* A pickle put together: head, then `n` times piece, then tail. */
static struct pg_str
repeat(struct pg_buf *b, struct pg_str head, struct pg_str piece, size_t n,
    struct pg_str tail)
{
	pg_buf_reset(b);
	pg_buf_puts(b, head);
	repeat_more(b, piece, n);
	pg_buf_puts(b, tail);
	return pg_buf_str(b);
}

/* ---- recorded pickles -------------------------------------------------- */

static struct pg_value *expected(struct pg_arena *a, struct pg_value *v);

static struct pg_value *
expected_seq(struct pg_arena *a, struct pg_value *items, enum pg_type t)
{
	struct pg_value *out = pg_value_list(a);
	uint32_t i;

	for (i = 0; i < items->n; i++)
		pg_value_add(a, out, expected(a, items->u.items[i]));
	out->type = (uint8_t)t;
	return out;
}

/* The keys of the recordings that are no text. */
static struct pg_str
expected_key(const struct pg_value *k)
{
	switch ((int)k->type) {
	case PG_T_NULL:
		return PG_STR("None");
	case PG_T_INT:
		return PG_STR("1");
	case PG_T_FLOAT:
		return PG_STR("1.5");
	case PG_T_BYTES:
		return PG_STR("b'k'");
	case PG_T_STR:
		return (struct pg_str){ k->u.p, k->n };
	default:
		return PG_STR("(1, 2)");
	}
}

static struct pg_value *
expected_dict(struct pg_arena *a, const struct pg_value *v)
{
	struct pg_value *out = pg_value_dict(a);
	uint32_t i;

	for (i = 0; i < v->n; i++)
		pg_value_put(a, out, v->u.pairs[i].key,
		    expected(a, v->u.pairs[i].val));
	return out;
}

/* The value that the notation of the recordings stands for. */
static struct pg_value *
expected(struct pg_arena *a, struct pg_value *v)
{
	struct pg_value *w, *out;
	uint32_t i;
	double f;

	if (v->type == PG_T_LIST)
		return expected_seq(a, v, PG_T_LIST);
	if ((w = pg_value_get(v, "__tuple__")) != NULL)
		return expected_seq(a, w, PG_T_TUPLE);
	if ((w = pg_value_get(v, "__set__")) != NULL)
		return expected_seq(a, w, PG_T_SET);
	if ((w = pg_value_get(v, "__frozenset__")) != NULL)
		return expected_seq(a, w, PG_T_FROZENSET);
	if ((w = pg_value_get(v, "__int__")) != NULL)
		return pg_value_decimal(a, pg_value_text(w, PG_STR_NULL));
	if ((w = pg_value_get(v, "__float__")) != NULL) {
		assert_true(pg_float_parse(pg_value_text(w, PG_STR_NULL), &f));
		return pg_value_float(a, f);
	}
	if ((w = pg_value_get(v, "__dict__")) != NULL) {
		out = pg_value_dict(a);
		for (i = 0; i < w->n; i++)
			pg_value_put(a, out,
			    expected_key(w->u.items[i]->u.items[0]),
			    expected(a, w->u.items[i]->u.items[1]));
		return out;
	}
	return v->type == PG_T_DICT ? expected_dict(a, v) : v;
}

static void
check_yes(const char *name, struct pg_str in, struct pg_arena *a)
{
	struct pg_buf text = PG_BUF_INIT(0);
	struct pg_value *v, *doc;
	struct pg_err e;
	char json[256];

	if (read_in(in, a, &v, &e) < 0)
		fail_msg("%s refused: %s", name, e.msg);
	snprintf(json, sizeof(json), "%.*s.json", (int)strlen(name) - 4, name);
	if (load(json, &text).n > 0) {
		assert_int_equal(pg_json_read(pg_buf_str(&text), a, &doc, &e),
		    0);
		doc = expected(a, pg_value_get(doc, "value"));
		if (!pg_value_eq(v, doc))
			fail_msg("%s is not what it should be", name);
	}
	assert_returns(v);
	pg_buf_fini(&text);
}

static void
recordings_are_judged_right(void **state)
{
	struct guard g = guard_open(FILE_MAX);
	struct pg_buf b = PG_BUF_INIT(0);
	DIR *dir = opendir(DATA_DIR);
	struct dirent *ent;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((ent = readdir(dir)) != NULL) {
		const char *name = ent->d_name, *dot = strrchr(name, '.');
		struct pg_arena a = { 0 };
		struct pg_value *v;
		struct pg_str in;
		struct pg_err e;

		if (dot == NULL || strcmp(dot, ".pkl") != 0)
			continue;
		n++;
		in = guard_put(&g, load(name, &b));
		if (name[0] == 'y')
			check_yes(name, in, &a);
		else if (read_in(in, &a, &v, &e) == 0 && name[0] == 'n')
			fail_msg("%s accepted", name);
		if (name[0] != 'y')
			assert_cheap(&a, in);
		pg_arena_fini(&a);
	}
	assert_true(n > 200);
	closedir(dir);
	pg_buf_fini(&b);
	guard_close(&g);
}

static void
every_cut_is_refused(void **state)
{
	struct guard g = guard_open(FILE_MAX);
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str whole = load("y_wire-dispatch-small.pkl", &b);
	size_t i;

	(void)state;
	assert_true(whole.n > 600);
	for (i = 0; i < whole.n; i++) {
		struct pg_arena a = { 0 };
		struct pg_value *v;
		struct pg_err e;

		assert_int_equal(read_in(guard_put(&g,
		    (struct pg_str){ whole.p, i }), &a, &v, &e), -1);
		pg_arena_fini(&a);
	}
	pg_buf_fini(&b);
	guard_close(&g);
}

/* ---- opcodes ----------------------------------------------------------- */

static void
opcodes_build_values(void **state)
{
	static const struct {
		struct pg_str in;
		const char *json;
	} t[] = {
		/* text forms of protocols 0 and 1 */
		{ PG_STR("I12\n."), "12" },
		{ PG_STR("I-7\n."), "-7" },
		{ PG_STR("I01\n."), "true" },
		{ PG_STR("I00\n."), "false" },
		{ PG_STR("L12L\n."), "12" },
		{ PG_STR("L-99999999999999999999L\n."),
		    "-99999999999999999999" },
		{ PG_STR("F1.5\n."), "1.5" },
		{ PG_STR("F1e+16\n."), "1e+16" },
		{ PG_STR("Fnan\n."), "NaN" },
		{ PG_STR("F-inf\n."), "-Infinity" },
		{ PG_STR("S'abc'\n."), "\"abc\"" },
		{ PG_STR("S\"it's\"\n."), "\"it's\"" },
		{ PG_STR("S'\\x41\\102\\n\\'\\q\\\\'\n."),
		    "\"AB\\n'\\\\q\\\\\"" },
		{ PG_STR("T\3\0\0\0abc."), "\"abc\"" },
		{ PG_STR("U\3abc."), "\"abc\"" },
		{ PG_STR("Vh\xe9\n."), "\"h\\u00e9\"" },
		{ PG_STR("V\\u4e2d\\U0001f600\n."),
		    "\"\\u4e2d\\ud83d\\ude00\"" },
		{ PG_STR("V\\\\u0041\\\n."), "\"\\\\\\\\u0041\\\\\"" },
		{ PG_STR("V\\ud800\n."), "\"\\ud800\"" },
		{ PG_STR("(lp0\nI1\na."), "[1]" },
		{ PG_STR("(dp0\nVa\np1\nI1\nsg1\n0."), "{\"a\": 1}" },
		{ PG_STR("(I1\nVa\nt."), "[1, \"a\"]" },
		{ PG_STR("(K\1K\2l."), "[1, 2]" },
		{ PG_STR("(U\1aK\2d."), "{\"a\": 2}" },
		{ PG_STR("]p257\n0g257\n."), "[]" },
		/* integers */
		{ PG_STR("K\xff."), "255" },
		{ PG_STR("M\xff\xff."), "65535" },
		{ PG_STR("J\xff\xff\xff\xff."), "-1" },
		{ PG_STR("J\0\0\0\x80."), "-2147483648" },
		{ PG_STR("\x8a\0."), "0" },
		{ PG_STR("\x8a\1\xff."), "-1" },
		{ PG_STR("\x8a\2\xff\0."), "255" },
		{ PG_STR("\x8a\x8\0\0\0\0\0\0\0\x80."),
		    "-9223372036854775808" },
		{ PG_STR("\x8a\x9\0\0\0\0\0\0\0\x80\0."),
		    "9223372036854775808" },
		{ PG_STR("\x8a\x9\xff\xff\xff\xff\xff\xff\xff\x7f\xff."),
		    "-9223372036854775809" },
		{ PG_STR("\x8a\xa\5\0\0\0\0\0\0\0\0\0."), "5" },
		{ PG_STR("\x8b\x9\0\0\0\0\0\0\0\0\0\0\0\1."),
		    "18446744073709551616" },
		{ PG_STR("\x8b\1\0\0\0\x80."), "-128" },
		/* stack, marks, memo */
		{ PG_STR("(K\1K\2" "1K\3."), "3" },
		{ PG_STR("K\1(0."), "1" },
		{ PG_STR("](K\1" "2e."), "[1, 1]" },
		{ PG_STR("]q\0K\1\x94" "a0h\1."), "1" },
		{ PG_STR("]\x94K\1\x94" "ah\0\x86" "0j\1\0\0\0."), "1" },
		{ PG_STR("\x80\4\x8f(K\1K\2\x90."), "[1, 2]" },
		{ PG_STR("\x80\4\x80\4(K\1K\2\x91."), "[1, 2]" },
		{ PG_STR("](K\1e(K\2e."), "[1, 2]" },
		/* dicts: the last value under a key wins, in any piece */
		{ PG_STR("}(U\1aK\1U\1bK\2U\1aK\3u."),
		    "{\"a\": 3, \"b\": 2}" },
		{ PG_STR("}U\1aK\1sU\1bK\2sU\1aK\3s."),
		    "{\"a\": 3, \"b\": 2}" },
		{ PG_STR("](}(\x8c\1aK\1u(\x8c\1aK\3ue."), "[{\"a\": 3}]" },
		/* the forms of old protocols */
		{ PG_STR("c__builtin__\nset\n](K\1e\x85R."), "[1]" },
		{ PG_STR("cbuiltins\nfrozenset\n]\x85R."), "[]" },
		{ PG_STR("cbuiltins\nbytearray\n)R."),
		    "{\"__paglets_binary__\": \"bytearray\", "
		    "\"base64\": \"\"}" },
		{ PG_STR("c_codecs\nencode\nX\3\0\0\0a\xc3\xbf"
		    "U\6latin1\x86R."), "{\"__paglets_binary__\": \"bytes\", "
		    "\"base64\": \"Yf8=\"}" },
		{ PG_STR("\x8c\x8" "builtins\x94\x8c\3set\x94\x93\x94]\x94"
		    "\x85\x94R\x94."), "[]" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++)
		assert_reads(t[i].in, t[i].json);
}

/* A set made of a list is not changed with it. */
static void
sets_keep_what_they_got(void **state)
{
	(void)state;
	assert_reads(PG_STR("(cbuiltins\nset\n](K\1eq\1\x85R"
	    "h\1K\2at."), "[[1], [1, 2]]");
}

static void
keys_become_text(void **state)
{
	static const struct {
		struct pg_str key;
		const char *json;
	} t[] = {
		{ PG_STR("K\1"), "\"1\"" },
		{ PG_STR("J\xff\xff\xff\xff"), "\"-1\"" },
		{ PG_STR("\x8a\x9\0\0\0\0\0\0\0\0\1"),
		    "\"18446744073709551616\"" },
		{ PG_STR("\x88"), "\"True\"" },
		{ PG_STR("N"), "\"None\"" },
		{ PG_STR("F1.5\n"), "\"1.5\"" },
		{ PG_STR("F1e+16\n"), "\"1e+16\"" },
		{ PG_STR("Fnan\n"), "\"nan\"" },
		{ PG_STR("F-inf\n"), "\"-inf\"" },
		{ PG_STR("C\1k"), "\"b'k'\"" },
		{ PG_STR("C\6'\\\n\0\x7f\xff"),
		    "\"b\\\"'\\\\\\\\\\\\n\\\\x00\\\\x7f\\\\xff\\\"\"" },
		{ PG_STR("C\2'\""), "\"b'\\\\'\\\"'\"" },
		{ PG_STR(")"), "\"()\"" },
		{ PG_STR("K\1\x85"), "\"(1,)\"" },
		{ PG_STR("K\1K\2\x86"), "\"(1, 2)\"" },
		{ PG_STR("(N)\x85U\1aC\1bt"),
		    "\"(None, ((),), 'a', b'b')\"" },
		{ PG_STR("X\4\0\0\0\xc2\xa0\xc3\xa9\x85"),
		    "\"('\\\\xa0\\u00e9',)\"" },
		{ PG_STR("X\4\0\0\0\xed\xa0\x80'\x85"),
		    "\"(\\\"\\\\ud800'\\\",)\"" },
		{ PG_STR("(\x91"), "\"frozenset()\"" },
		{ PG_STR("(K\1K\2\x91"), "\"frozenset({1, 2})\"" },
		{ PG_STR("(K\1(K\2\x91t"), "\"(1, frozenset({2}))\"" },
	};
	char json[200];
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		snprintf(json, sizeof(json), "{%s: 5}", t[i].json);
		assert_reads(repeat(&b, PG_STR("}"), t[i].key, 1,
		    PG_STR("K\5s.")), json);
	}
	pg_buf_fini(&b);
}

static void
refusals_say_what_and_where(void **state)
{
	static const struct {
		struct pg_str in;
		const char *msg;
	} t[] = {
		{ PG_STR(""), "pickle data was truncated at byte 0" },
		{ PG_STR("\x80\5"), "pickle data was truncated at byte 2" },
		{ PG_STR("\x80\6N."), "unsupported pickle protocol 6 at byte 0" },
		{ PG_STR("\x80\2cos\nsystem\n."),
		    "pickle names code: os.system at byte 2" },
		{ PG_STR("\x8c\5posix\x8c\6system\x93."),
		    "pickle names code: posix.system at byte 15" },
		{ PG_STR("(S'id'\nios\nsystem\n."),
		    "pickle names code: opcode INST at byte 7" },
		{ PG_STR("\x80\5\x97."),
		    "pickle names code: opcode NEXT_BUFFER at byte 2" },
		{ PG_STR("\x80\2\xff."), "unknown pickle opcode 0xff at byte 2" },
		/* forms in other than their exact shape */
		{ PG_STR("cbuiltins\nset\n."),
		    "pickle names code as a value at byte 14" },
		{ PG_STR("](cbuiltins\nset\ne."),
		    "pickle names code as a value at byte 17" },
		{ PG_STR("cbuiltins\nlist\n]\x85R."),
		    "pickle names code: builtins.list at byte 0" },
		{ PG_STR("cbuiltins\nset\n)\x85R."),
		    "pickle calls a data form with other arguments at byte 16" },
		{ PG_STR("cbuiltins\nset\n]R."),
		    "pickle calls what is no data form at byte 15" },
		{ PG_STR("cbuiltins\nbytearray\nK\5\x85R."),
		    "pickle calls a data form with other arguments at byte 23" },
		{ PG_STR("cbuiltins\nbytes\nC\1a\x85R."),
		    "pickle calls a data form with other arguments at byte 20" },
		{ PG_STR("c_codecs\nencode\nU\1aU\5ascii\x86R."),
		    "pickle calls a data form with other arguments at byte 27" },
		{ PG_STR("c_codecs\nencode\nX\3\0\0\0\xe4\xb8\xadU\6latin1\x86R."),
		    "pickle holds bytes that are no Latin-1 at byte 33" },
		{ PG_STR("\x8c\7_codecs\x8c\6encode\x93."),
		    "pickle names code: opcode STACK_GLOBAL at byte 17" },
		{ PG_STR("\x8c\x8" "builtins\x94" "0\x8c\3set\x94" "0h\0h\1\x93."),
		    "pickle names code: opcode STACK_GLOBAL at byte 23" },
		/* machine */
		{ PG_STR("0N."), "pickle stack underflow at byte 0" },
		{ PG_STR("](a."), "pickle stack underflow at byte 2" },
		{ PG_STR("K\1t."), "pickle has no MARK here at byte 2" },
		{ PG_STR("K\1K\2."), "pickle ends with more than one value at byte 4" },
		{ PG_STR("N(."), "pickle ends with more than one value at byte 2" },
		{ PG_STR("N.N"), "pickle has bytes behind its end at byte 2" },
		{ PG_STR("Np258\n."), "pickle memo index 258 out of order at byte 1" },
		{ PG_STR("Np99999999999999999999\n."),
		    "pickle memo index 42949672959 out of order at byte 1" },
		{ PG_STR("g-1\n."), "pickle memo index is no number at byte 0" },
		{ PG_STR("g\n."), "pickle memo index is no number at byte 0" },
		{ PG_STR("h\5."), "pickle memo has nothing at index 5 at byte 0" },
		{ PG_STR("}K\1a."), "pickle adds members to a dict at byte 3" },
		{ PG_STR("](K\1\x90."), "pickle adds members to a list at byte 4" },
		{ PG_STR("]K\1K\2s."), "pickle sets items of a list at byte 5" },
		{ PG_STR("}(K\1u."), "pickle has a key without a value at byte 4" },
		{ PG_STR("}]K\1s."),
		    "pickle has an unhashable list as key or in a set at byte 4" },
		{ PG_STR("}N]\x86K\1s."),
		    "pickle has an unhashable tuple as key or in a set at byte 6" },
		{ PG_STR("(}\x91."),
		    "pickle has an unhashable dict as key or in a set at byte 2" },
		{ PG_STR("cbuiltins\nset\n](]e\x85R."),
		    "pickle has an unhashable list as key or in a set at byte 19" },
		/* leaves */
		{ PG_STR("X\2\0\0\0\xff\xfe."),
		    "pickle holds text that is no UTF-8 at byte 0" },
		{ PG_STR("U\1\xe9."), "pickle holds a Python 2 string that is "
		    "no ASCII at byte 0" },
		{ PG_STR("Sabc\n."),
		    "pickle holds a string with bad quotes or escapes at byte 0" },
		{ PG_STR("S'\\xzz'\n."),
		    "pickle holds a string with bad quotes or escapes at byte 0" },
		{ PG_STR("S'\\'\n."),
		    "pickle holds a string with bad quotes or escapes at byte 0" },
		{ PG_STR("V\\u12\n."),
		    "pickle holds text with a bad escape at byte 0" },
		{ PG_STR("V\\U00110000\n."),
		    "pickle holds text with a bad escape at byte 0" },
		{ PG_STR("Iabc\n."), "pickle holds an integer that is none at byte 0" },
		{ PG_STR("L\n."), "pickle holds an integer that is none at byte 0" },
		{ PG_STR("Fxyz\n."), "pickle holds a float that is none at byte 0" },
		{ PG_STR("F1.5"), "pickle data was truncated at byte 4" },
		{ PG_STR("\x8b\xff\xff\xff\xff."), "pickle data was truncated at byte 6" },
		{ PG_STR("\x95\xe8\3\0\0\0\0\0\0N."),
		    "pickle data was truncated at byte 11" },
		/* cycles */
		{ PG_STR("]q\0h\0a."),
		    "pickle holds a value that contains itself at byte 6" },
		{ PG_STR("}q\0U\1ah\0s."),
		    "pickle holds a value that contains itself at byte 9" },
		{ PG_STR("]q\0(h\0tq\1a."),
		    "pickle holds a value that contains itself at byte 10" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++)
		assert_refused(t[i].in, PG_E_SERIAL, t[i].msg);
}

/* ---- sharing and limits ------------------------------------------------ */

static void
shared_values_stay_shared(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_value *v;
	struct pg_err e;

	(void)state;
	assert_int_equal(read_in(PG_STR("](]q\0h\0h\0e."), &a, &v, &e), 0);
	assert_int_equal(v->n, 3);
	assert_ptr_equal(v->u.items[0], v->u.items[1]);
	assert_ptr_equal(v->u.items[0], v->u.items[2]);
	pg_arena_fini(&a);
}

/* Text and bytes point into the input. */
static void
large_things_are_borrowed(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_arena a = { 0 };
	struct pg_value *v;
	struct pg_err e;
	struct pg_str in;

	(void)state;
	in = repeat(&b, PG_STR("\x80\5B\0\0\1\0"), PG_STR("x"), 65536,
	    PG_STR("."));
	assert_int_equal(read_in(in, &a, &v, &e), 0);
	assert_ptr_equal(v->u.p, in.p + 7);
	assert_int_equal(v->n, 65536);
	assert_true(a.used < 3 * PG_ARENA_BLOCK);
	pg_arena_fini(&a);
	pg_buf_fini(&b);
}

static int
read_code(struct pg_str in, size_t limit, size_t room)
{
	struct pg_arena a;
	struct pg_value *v;
	struct pg_err e = { 0 };

	pg_arena_init(&a, room);
	pg_pickle_read(in, &a, limit, NULL, &v, &e);
	assert_cheap(&a, in);
	pg_arena_fini(&a);
	return (int)e.code;
}

static int
read_bare_code(struct pg_str in, size_t limit)
{
	struct pg_arena a = { 0 };
	struct pg_value *v;
	struct pg_err e = { 0 };

	pg_pickle_read_value(in, &a, limit, &v, &e);
	pg_arena_fini(&a);
	return (int)e.code;
}

/* n containers within each other: appended singly, batched, as tuples, and
 * joined by the memo from two halves. */
static struct pg_str
nested(struct pg_buf *b, int how, size_t n)
{
	size_t i;

	pg_buf_reset(b);
	for (i = 0; i < n; i++)
		pg_buf_putz(b, how == 0 || how == 3 ? "]" : how == 1 ? "](" :
		    i == 0 ? ")" : "\x85");
	for (i = 0; i < n && how != 2; i++) {
		if (how == 3 && i == n / 2)
			pg_buf_putz(b, "\x94");
		if (how == 1 || i + 1 < n)
			pg_buf_putz(b, how == 1 ? "e" : "a");
	}
	if (how == 3) /* once more, beside: the deeper use counts */
		pg_buf_put(b, "h\0a", 3);
	if (how != 1)
		pg_buf_putc(b, '.');
	return pg_buf_str(b);
}

static void
depth_has_a_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int how;

	(void)state;
	for (how = 0; how < 4; how++) {
		int (*get)(struct pg_str, size_t) = read_bare_code;

		for (size_t n = PG_VALUE_DEPTH_MAX - 1;
		    n <= PG_VALUE_DEPTH_MAX + 1; n++) {
			int want = n <= PG_VALUE_DEPTH_MAX ? PG_E_OK :
			    PG_E_LIMIT;

			if (how == 1)
				assert_int_equal(get(nested(&b, how, n), 0),
				    want);
			else
				assert_int_equal(read_code(nested(&b, how, n),
				    0, 0), want);
		}
	}
	assert_int_equal(read_code(nested(&b, 0, 100000), 0, 0), PG_E_LIMIT);
	assert_int_equal(read_code(nested(&b, 2, 100000), 0, 0), PG_E_LIMIT);
	pg_buf_fini(&b);
}

static void
digits_have_a_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t n;

	(void)state;
	for (n = PG_VALUE_DIGITS_MAX - 1; n <= PG_VALUE_DIGITS_MAX + 1; n++) {
		int want = n <= PG_VALUE_DIGITS_MAX ? PG_E_OK : PG_E_LIMIT;

		assert_int_equal(read_code(repeat(&b, PG_STR("L"), PG_STR("9"),
		    n, PG_STR("L\n.")), 0, 0), want);
		assert_int_equal(read_code(repeat(&b, PG_STR("I-"),
		    PG_STR("9"), n, PG_STR("\n.")), 0, 0), want);
	}
	/* Binary: 1785 bytes of 0x7f are 4300 digits, 1786 are 4301. */
	assert_int_equal(read_code(repeat(&b, PG_STR("\x8b\xf9\6\0\0"),
	    PG_STR("\x7f"), 1785, PG_STR(".")), 0, 0), PG_E_OK);
	assert_int_equal(read_code(repeat(&b, PG_STR("\x8b\xfa\6\0\0"),
	    PG_STR("\x7f"), 1786, PG_STR(".")), 0, 0), PG_E_LIMIT);
	assert_int_equal(read_code(repeat(&b, PG_STR("\x8b\xfb\6\0\0"),
	    PG_STR("\x7f"), 1787, PG_STR(".")), 0, 0), PG_E_LIMIT);
	pg_buf_fini(&b);
}

static void
memo_and_stack_have_a_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t n;

	(void)state;
	for (n = PG_PICKLE_MEMO_MAX - 1; n <= PG_PICKLE_MEMO_MAX + 1; n++) {
		int want = n <= PG_PICKLE_MEMO_MAX ? PG_E_OK : PG_E_LIMIT;

		assert_int_equal(read_code(repeat(&b, PG_STR("N"),
		    PG_STR("\x94"), n, PG_STR(".")), 0, 0), want);
		/* n - 1 values and the list below them */
		assert_int_equal(read_code(repeat(&b, PG_STR("](N"),
		    PG_STR("2"), n - 2, PG_STR("e.")), 0, 0), want);
	}
	/* As many marks leave no room for what they would hold. */
	assert_int_equal(read_code(repeat(&b, PG_STR("N"), PG_STR("("),
	    PG_PICKLE_MEMO_MAX, PG_STR(".")), 0, 0), PG_E_SERIAL);
	assert_int_equal(read_code(repeat(&b, PG_STR("N"), PG_STR("("),
	    PG_PICKLE_MEMO_MAX + 1, PG_STR(".")), 0, 0), PG_E_LIMIT);
	pg_buf_fini(&b);
}

/* An index may be ahead of the bytes before its opcode by so much. */
static void
memo_index_has_a_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t n, at;

	(void)state;
	for (at = 1; at < 400; at += 200)
		for (n = at + PG_PICKLE_MEMO_AHEAD - 1;
		    n <= at + PG_PICKLE_MEMO_AHEAD + 1; n++) {
			repeat(&b, PG_STR("N"), PG_STR("N"), at - 1,
			    PG_STR(""));
			pg_buf_printf(&b, "p%zu\n", n);
			repeat_more(&b, PG_STR("0"), at - 1);
			pg_buf_putz(&b, ".");
			assert_int_equal(read_code(pg_buf_str(&b), 0, 0),
			    n <= at + PG_PICKLE_MEMO_AHEAD ? PG_E_OK :
			    PG_E_SERIAL);
		}
	pg_buf_fini(&b);
}

/* What counts when nobody gives another limit: a list of 1,023 uses of a text
 * that is worth 1 MiB, and one of another that fills it up. */
static void
size_has_a_limit_by_default(void **state)
{
	enum { MIB = 1 << 20, LEFT = MIB - 2 * PG_PICKLE_NODE };
	struct pg_buf b = PG_BUF_INIT(0);
	uint32_t shared = MIB - PG_PICKLE_NODE, rest;
	size_t i;

	(void)state;
	assert_int_equal(PG_PICKLE_EXPANDED_MAX, 1024 * (size_t)MIB);
	for (rest = LEFT - 1; rest <= LEFT + 1; rest++) {
		pg_buf_reset(&b);
		pg_buf_puts(&b, PG_STR("](B"));
		for (i = 0; i < 4; i++)
			pg_buf_putc(&b, (char)(shared >> 8 * i));
		repeat_more(&b, PG_STR("x"), shared);
		pg_buf_puts(&b, PG_STR("q\0"));
		repeat_more(&b, PG_STR("h\0"), 1022);
		pg_buf_putc(&b, 'B');
		for (i = 0; i < 4; i++)
			pg_buf_putc(&b, (char)(rest >> 8 * i));
		repeat_more(&b, PG_STR("y"), rest);
		pg_buf_putz(&b, "e.");
		assert_int_equal(read_code(pg_buf_str(&b), 0, 0),
		    rest <= LEFT ? PG_E_OK : PG_E_LIMIT);
	}
	pg_buf_fini(&b);
}

static void
size_has_a_limit(void **state)
{
	/* list, key, dict and text: 16 each and 3 + 1 bytes */
	struct pg_str tree = PG_STR("](}(\x8c\1k\x8c\3abcue");
	/* the same text twice, in two tuples: 16 * 5 + 2 * 10 */
	struct pg_str graph = PG_STR("U\xa" "0123456789q\0\x85h\0\x85\x86.");
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	assert_int_equal(read_bare_code(tree, 67), PG_E_LIMIT);
	assert_int_equal(read_bare_code(tree, 68), PG_E_OK);
	assert_int_equal(read_bare_code(tree, 69), PG_E_OK);
	assert_int_equal(read_code(graph, 99, 0), PG_E_LIMIT);
	assert_int_equal(read_code(graph, 100, 0), PG_E_OK);
	assert_int_equal(read_code(graph, 101, 0), PG_E_OK);
	assert_int_equal(read_code(PG_STR("N."), 15, 0), PG_E_LIMIT);
	assert_int_equal(read_code(PG_STR("N."), 16, 0), PG_E_OK);
	assert_int_equal(read_code(PG_STR("]2\x86."), 1, 0), PG_E_LIMIT);
	/* 100,000 uses of 64 KiB of text are over the default. */
	repeat(&b, PG_STR("X\0\0\1\0"), PG_STR("a"), 65536, PG_STR("q\0(h\0"));
	for (int i = 0; i < 100000; i++)
		pg_buf_put(&b, "h\0", 2);
	pg_buf_putz(&b, "t\x86.");
	assert_int_equal(read_code(pg_buf_str(&b), 0, 0), PG_E_LIMIT);
	pg_buf_fini(&b);
}

static void
arena_has_a_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t room;

	(void)state;
	repeat(&b, PG_STR("}(U\1aK\1U\1b]q\0(K\1K\2\x86h\0e"), PG_STR(""), 0,
	    PG_STR("U\1c(K\1K\2\x91u."));
	for (room = 1; room <= 64 * 1024; room += 61) {
		int code = read_code(pg_buf_str(&b), 0, room);

		/* It contains itself, once there is memory to see that. */
		assert_true(code == PG_E_LIMIT || code == PG_E_SERIAL);
	}
	repeat(&b, PG_STR("("), PG_STR("K\1"), 10000, PG_STR("l."));
	assert_int_equal(read_code(pg_buf_str(&b), 0, 64 * 1024), PG_E_LIMIT);
	assert_int_equal(read_code(pg_buf_str(&b), 0, 4 << 20), PG_E_OK);
	pg_buf_fini(&b);
}

/* What copies out of shared values can not be made to do so for free. */
static void
copies_have_a_budget(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i, ok = 0;

	(void)state;
	/* a key worth 2^60 leaves */
	pg_buf_putz(&b, ")");
	for (i = 0; i < 60; i++)
		pg_buf_putz(&b, "2\x86");
	pg_buf_putz(&b, "q");
	pg_buf_put(&b, "\0}h\0Ns.", 7);
	assert_int_equal(read_code(pg_buf_str(&b), 0, 0), PG_E_LIMIT);
	/* sets, bytes and keys made again and again of one large thing */
	repeat(&b, PG_STR("]q\0("), PG_STR("K\1"), 10000, PG_STR("e"));
	for (i = 0; i < 10000; i++)
		pg_buf_puts(&b, PG_STR("cbuiltins\nset\nh\0\x85R0"));
	pg_buf_putz(&b, ".");
	assert_int_equal(read_code(pg_buf_str(&b), 0, 0), PG_E_LIMIT);
	repeat(&b, PG_STR("X\x40\x9c\0\0"), PG_STR("\xc3\xa9"), 20000,
	    PG_STR("q\0"));
	for (i = 0; i < 10000; i++)
		pg_buf_puts(&b, PG_STR("c_codecs\nencode\nh\0U\6latin1"
		    "\x86R0"));
	pg_buf_putz(&b, ".");
	assert_int_equal(read_code(pg_buf_str(&b), 0, 0), PG_E_LIMIT);
	/* one key of 258 bytes of text, 3 of input for each further use */
	for (i = 60; i < 100; i++) {
		struct pg_str s;
		size_t n = i;

		repeat(&b, PG_STR("C\xff"), PG_STR("k"), 255,
		    PG_STR("q\0" "0("));
		while (n-- > 0)
			pg_buf_puts(&b, PG_STR("h\0N"));
		pg_buf_putz(&b, "d.");
		s = pg_buf_str(&b);
		assert_int_equal(read_code(s, 0, 0), 258 * i <= s.n *
		    PG_PICKLE_COPY_RATIO + PG_PICKLE_COPY_MIN ? PG_E_OK :
		    PG_E_LIMIT);
		ok += read_code(s, 0, 0) == PG_E_OK;
	}
	assert_true(ok > 0 && ok < 40);
	pg_buf_fini(&b);
}

static void
floods_are_cheap(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	assert_int_equal(read_code(repeat(&b, PG_STR("N"), PG_STR("0N"),
	    300000, PG_STR(".")), 0, 0), PG_E_OK);
	assert_int_equal(read_code(repeat(&b, PG_STR("N"), PG_STR("2"),
	    300000, PG_STR(".")), 0, 0), PG_E_SERIAL);
	assert_int_equal(read_code(repeat(&b, PG_STR("N"), PG_STR("\x94"),
	    300000, PG_STR(".")), 0, 0), PG_E_OK);
	repeat(&b, PG_STR("\x80\2"), PG_STR("("), 200000, PG_STR(""));
	for (int i = 0; i < 200000; i++)
		pg_buf_putc(&b, 't');
	pg_buf_putc(&b, '.');
	assert_int_equal(read_code(pg_buf_str(&b), 0, 0), PG_E_LIMIT);
	/* a dict filled one pair at a time, in batches of one */
	repeat(&b, PG_STR("}"), PG_STR("(U\1kNu"), 100000, PG_STR("."));
	assert_int_equal(read_code(pg_buf_str(&b), 0, 0), PG_E_OK);
	pg_buf_fini(&b);
}

/* A message between host and agent fits the first block of its arena. */
static void
small_pickles_are_cheap(void **state)
{
	struct pg_str in = PG_STR("}(\x8c\4kind\x8c\x9increment\x8c\4args}("
	    "\x8c\2byK\1uu");
	struct pg_arena a = { 0 };
	struct pg_value *v;
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_pickle_read_value(in, &a, 0, &v, &e), 0);
	assert_true(a.used <= PG_ARENA_BLOCK + 64);
	pg_arena_fini(&a);
}

/* ---- bare values ------------------------------------------------------- */

static void
bare_values_are_strict(void **state)
{
	static const struct {
		struct pg_str in;
		const char *msg;
	} t[] = {
		{ PG_STR(""), "pickle data was truncated at byte 0" },
		{ PG_STR("(N"), "pickle ends with more than one value at byte 1" },
		{ PG_STR("NN"), "pickle ends with more than one value at byte 1" },
		{ PG_STR("N."), "pickle opcode STOP in a bare value at byte 1" },
		{ PG_STR("\x80\5N"), "pickle opcode PROTO in a bare value at byte 0" },
		{ PG_STR("N\x94"), "pickle opcode MEMOIZE in a bare value at byte 1" },
		{ PG_STR("]Na"), "pickle opcode APPEND in a bare value at byte 2" },
		{ PG_STR("cos\nsystem\n"),
		    "pickle opcode GLOBAL in a bare value at byte 0" },
		{ PG_STR("ios\nsystem\n"),
		    "pickle names code: opcode INST at byte 0" },
		{ PG_STR("](N"), "pickle ends with more than one value at byte 2" },
		{ PG_STR("X\4\0\0\0abc"), "pickle data was truncated at byte 8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		struct pg_arena a = { 0 };
		struct pg_err e = { 0 };
		struct pg_value *v;

		assert_int_equal(pg_pickle_read_value(t[i].in, &a, 0, &v, &e),
		    -1);
		assert_string_equal(e.msg, t[i].msg);
		pg_arena_fini(&a);
	}
}

/* ---- the watch --------------------------------------------------------- */

/* Where in `in` the value under "s", `depth` dicts deep, should be found:
 * off and len; len 0: not found; plain as said. */
static void
watch(struct pg_str in, unsigned depth, size_t off, size_t len, bool plain)
{
	struct pg_pickle_watch w = { .key = PG_STR("s"), .depth = depth };
	struct pg_arena a = { 0 };
	struct pg_value *v, *part;
	struct pg_err e = { 0 };

	assert_int_equal(pg_pickle_read(in, &a, 0, &w, &v, &e), 0);
	if (len == 0) {
		assert_null(w.value);
		assert_false(w.plain);
	} else {
		assert_non_null(w.value);
		assert_int_equal(w.off, off);
		assert_int_equal(w.len, len);
		assert_int_equal(w.plain, plain);
		while (depth-- > 1)
			v = pg_value_get(v, "e");
		assert_ptr_equal(w.value, pg_value_get(v, "s"));
	}
	if (w.plain) {
		assert_int_equal(pg_pickle_read_value((struct pg_str){
		    in.p + w.off, w.len }, &a, 0, &part, &e), 0);
		assert_true(pg_value_eq(part, w.value));
	}
	pg_arena_fini(&a);
}

static void
watch_finds_spans(void **state)
{
	(void)state;
	/* as we write it */
	watch(PG_STR("}(\x8c\1aK\1\x8c\1s](K\1K\2eu."), 1, 10, 7, true);
	watch(PG_STR("}(\x8c\1sK\1\x8c\1aK\2u."), 1, 5, 2, true);
	watch(PG_STR("}(\x8c\1sNu."), 1, 5, 1, true);
	watch(PG_STR("}(\x8c\1s}\x8c\1aNu."), 1, 5, 1, true);
	watch(PG_STR("}(\x8c\1s}(\x8c\1sK\1u\x8c\1aNu."), 1, 5, 8, true);
	watch(PG_STR("}(\x8c\1e}(\x8c\1aN\x8c\1s}\x8c\1bNuu."), 2, 14, 1,
	    true);
	/* a single pair, as Python writes it */
	watch(PG_STR("}\x8c\1sK\1s."), 1, 4, 2, true);
	watch(PG_STR("}\x8c\1e}(\x8c\1sK\1\x8c\1tNus."), 2, 9, 2, true);
	watch(PG_STR("}\x8c\1e}\x8c\1sK\1ss."), 2, 8, 2, true);
	/* complete, but nothing for one of our pickles */
	watch(PG_STR("}(\x8c\1s]K\1au."), 1, 5, 4, false);
	watch(PG_STR("}(\x8c\1s}\x94\x8c\1aK\1su."), 1, 5, 8, false);
	watch(PG_STR("}\x94(\x8c\1s\x94]\x94(K\1K\2e\x8c\1a\x94Nu."), 1, 7, 8,
	    false);
	watch(PG_STR("}(\x8c\1s\x94K\1u."), 1, 6, 2, true);
	watch(PG_STR("}(\x8c\1s(K\1tu."), 1, 5, 4, false);
}

static void
watch_is_not_misled(void **state)
{
	(void)state;
	/* twice the same key: the last one */
	watch(PG_STR("}(\x8c\1sK\1\x8c\1sK\2u."), 1, 10, 2, true);
	/* not a key, not that deep, not in a dict, not there */
	watch(PG_STR("}(\x8c\1a\x8c\1su."), 1, 0, 0, false);
	watch(PG_STR("}(\x8c\1a}(\x8c\1sK\1uu."), 1, 0, 0, false);
	watch(PG_STR("}(\x8c\1a}\x8c\1sK\1su."), 1, 0, 0, false);
	watch(PG_STR("}(\x8c\1sK\1u."), 2, 0, 0, false);
	watch(PG_STR("](\x8c\1sK\1e."), 1, 0, 0, false);
	watch(PG_STR("\x8c\1s."), 1, 0, 0, false);
	watch(PG_STR("}."), 1, 0, 0, false);
	/* popped again */
	watch(PG_STR("}(\x8c\1sK\1" "1."), 1, 0, 0, false);
	watch(PG_STR("}(\x8c\1sK\1" "00\x8c\1aNu."), 1, 0, 0, false);
}

/* ---- the writer -------------------------------------------------------- */

static struct pg_str
written(struct pg_out *o, const struct pg_value *v)
{
	struct pg_err e = { 0 };

	pg_buf_reset(&o->buf);
	assert_int_equal(pg_pickle_value(o, v, &e), 0);
	return pg_buf_str(&o->buf);
}

static void
integers_take_their_shortest_form(void **state)
{
	static const struct {
		const char *text;
		struct pg_str bytes;
	} t[] = {
		{ "0", PG_STR("K\0") },
		{ "255", PG_STR("K\xff") },
		{ "256", PG_STR("M\0\1") },
		{ "65535", PG_STR("M\xff\xff") },
		{ "65536", PG_STR("J\0\0\1\0") },
		{ "-1", PG_STR("J\xff\xff\xff\xff") },
		{ "2147483647", PG_STR("J\xff\xff\xff\x7f") },
		{ "-2147483648", PG_STR("J\0\0\0\x80") },
		{ "2147483648", PG_STR("\x8a\5\0\0\0\x80\0") },
		{ "-2147483649", PG_STR("\x8a\5\xff\xff\xff\x7f\xff") },
		{ "9223372036854775807",
		    PG_STR("\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f") },
		{ "-9223372036854775808",
		    PG_STR("\x8a\x8\0\0\0\0\0\0\0\x80") },
		{ "9223372036854775808",
		    PG_STR("\x8a\x9\0\0\0\0\0\0\0\x80\0") },
		{ "-9223372036854775809",
		    PG_STR("\x8a\x9\xff\xff\xff\xff\xff\xff\xff\x7f\xff") },
		{ "-1180591620717411303424",
		    PG_STR("\x8a\x9\0\0\0\0\0\0\0\0\xc0") },
	};
	struct pg_arena a = { 0 };
	struct pg_out o = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		struct pg_value *v = pg_value_decimal(&a, pg_str(t[i].text));

		assert_true(pg_str_eq(written(&o, v), t[i].bytes));
		assert_returns(v);
	}
	pg_buf_fini(&o.buf);
	pg_arena_fini(&a);
}

static void
longest_integers_return(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_arena a = { 0 };
	struct pg_out o = { 0 };
	struct pg_err e = { 0 };
	struct pg_value *v;

	(void)state;
	for (size_t n = 600; n <= PG_VALUE_DIGITS_MAX; n += 370) {
		v = pg_value_decimal(&a, repeat(&b, PG_STR("-1"),
		    PG_STR("7"), n - 1, PG_STR("")));
		assert_returns(v);
	}
	v = pg_value_decimal(&a, repeat(&b, PG_STR(""), PG_STR("9"),
	    PG_VALUE_DIGITS_MAX, PG_STR("")));
	assert_returns(v);
	/* One more can only be built by hand. */
	repeat(&b, PG_STR(""), PG_STR("9"), PG_VALUE_DIGITS_MAX + 1,
	    PG_STR(""));
	v->u.p = b.p;
	v->n = (uint32_t)b.n;
	assert_int_equal(pg_pickle_value(&o, v, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	pg_buf_fini(&o.buf);
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
lengths_take_their_shortest_form(void **state)
{
	struct pg_buf text = PG_BUF_INIT(0);
	struct pg_arena a = { 0 };
	struct pg_out o = { 0 };
	struct pg_str s, w;

	(void)state;
	s = repeat(&text, PG_STR(""), PG_STR("x"), 256, PG_STR(""));
	w = written(&o, pg_value_str(&a, s));
	assert_memory_equal(w.p, "X\0\1\0\0xx", 7);
	w = written(&o, pg_value_bytes(&a, PG_T_BYTES, s));
	assert_memory_equal(w.p, "B\0\1\0\0xx", 7);
	w = written(&o, pg_value_bytes(&a, PG_T_BYTEARRAY, s));
	assert_memory_equal(w.p, "\x96\0\1\0\0\0\0\0\0xx", 11);
	s.n = 255;
	w = written(&o, pg_value_str(&a, s));
	assert_memory_equal(w.p, "\x8c\xffxx", 4);
	w = written(&o, pg_value_bytes(&a, PG_T_BYTES, s));
	assert_memory_equal(w.p, "C\xffxx", 4);
	assert_int_equal(w.n, 257);
	pg_buf_fini(&o.buf);
	pg_buf_fini(&text);
	pg_arena_fini(&a);
}

/* A pickle put together of pieces around a value cut from another. */
static void
values_can_be_embedded(void **state)
{
	struct pg_out inner = { 0 }, o = { 0 };
	struct pg_arena a = { 0 };
	struct pg_value *v = pg_value_list(&a);
	struct pg_err e = { 0 };

	(void)state;
	pg_value_add(&a, v, pg_value_int(&a, 7));
	pg_value_add(&a, v, pg_value_dict(&a));
	assert_int_equal(pg_pickle_write(&inner, v, &e), 0);
	pg_pickle_start(&o);
	pg_pickle_dict_open(&o);
	pg_pickle_text(&o, PG_STR("state"));
	pg_out_put(&o, inner.buf.p + PG_PICKLE_HEAD,
	    inner.buf.n - PG_PICKLE_HEAD - PG_PICKLE_TAIL);
	pg_pickle_text(&o, PG_STR("n"));
	assert_int_equal(pg_pickle_value(&o, pg_value_null(&a), &e), 0);
	pg_pickle_dict_close(&o);
	pg_pickle_stop(&o);
	assert_reads(pg_buf_str(&o.buf), "{\"state\": [7, {}], \"n\": null}");
	pg_buf_fini(&inner.buf);
	pg_buf_fini(&o.buf);
	pg_arena_fini(&a);
}

static void
written_depth_has_a_limit(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_value *v = pg_value_list(&a), *outer;
	size_t n;

	(void)state;
	for (n = 1; n <= PG_VALUE_DEPTH_MAX + 1; n++) {
		struct pg_out o = { 0 };
		struct pg_err e = { 0 };

		if (n >= PG_VALUE_DEPTH_MAX - 1) {
			assert_int_equal(pg_pickle_write(&o, v, &e),
			    n <= PG_VALUE_DEPTH_MAX ? 0 : -1);
			assert_int_equal(e.code, n <= PG_VALUE_DEPTH_MAX ?
			    PG_E_OK : PG_E_LIMIT);
		}
		pg_buf_fini(&o.buf);
		outer = pg_value_list(&a);
		pg_value_add(&a, outer, v);
		v = outer;
	}
	pg_arena_fini(&a);
}

/* A shared value is worth more than its buffer may hold: the writer stops
 * there instead of writing 2^60 leaves to nowhere. */
static void
writing_ends_when_the_output_is_full(void **state)
{
	struct pg_out o = { .buf = PG_BUF_INIT(10000) };
	struct pg_arena a = { 0 };
	struct pg_value *v = pg_value_null(&a), *pair;
	struct pg_err e = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 60; i++) {
		pair = pg_value_list(&a);
		pg_value_add(&a, pair, v);
		pg_value_add(&a, pair, v);
		v = pair;
	}
	pg_pickle_write(&o, v, &e);
	assert_int_equal(pg_out_flush(&o, &e), -1);
	pg_buf_fini(&o.buf);
	pg_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_are_judged_right),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(opcodes_build_values),
		cmocka_unit_test(sets_keep_what_they_got),
		cmocka_unit_test(keys_become_text),
		cmocka_unit_test(refusals_say_what_and_where),
		cmocka_unit_test(shared_values_stay_shared),
		cmocka_unit_test(large_things_are_borrowed),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(digits_have_a_limit),
		cmocka_unit_test(memo_and_stack_have_a_limit),
		cmocka_unit_test(memo_index_has_a_limit),
		cmocka_unit_test(size_has_a_limit),
		cmocka_unit_test(size_has_a_limit_by_default),
		cmocka_unit_test(arena_has_a_limit),
		cmocka_unit_test(copies_have_a_budget),
		cmocka_unit_test(floods_are_cheap),
		cmocka_unit_test(small_pickles_are_cheap),
		cmocka_unit_test(bare_values_are_strict),
		cmocka_unit_test(watch_finds_spans),
		cmocka_unit_test(watch_is_not_misled),
		cmocka_unit_test(integers_take_their_shortest_form),
		cmocka_unit_test(longest_integers_return),
		cmocka_unit_test(lengths_take_their_shortest_form),
		cmocka_unit_test(values_can_be_embedded),
		cmocka_unit_test(written_depth_has_a_limit),
		cmocka_unit_test(writing_ends_when_the_output_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
