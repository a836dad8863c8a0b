/* test_sse: shows that a reader of server-sent events finds the same ones
 * however the stream is cut, as WHATWG says they are, within limits.
 */
/* parts: base/err base/mem base/buf codec/sse */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/sse.h"

/* What s found in text given in pieces of n bytes: "[kind|data|id]"... */
static struct pg_str
events_in(struct pg_str text, size_t n, struct pg_buf *out)
{
	struct pg_sse s = { .over = false };
	struct pg_str in;
	bool ready;
	ssize_t used;
	size_t at = 0;

	pg_buf_reset(out);
	while (at < text.n) {
		in = (struct pg_str){ text.p + at, PG_MIN(n, text.n - at) };
		used = pg_sse_take(&s, in, &ready, NULL);
		assert_true(used > 0);
		at += (size_t)used;
		if (!ready)
			continue;
		pg_buf_putc(out, '[');
		pg_buf_puts(out, pg_buf_str(&s.kind));
		pg_buf_putc(out, '|');
		pg_buf_puts(out, pg_buf_str(&s.data));
		pg_buf_putc(out, '|');
		pg_buf_puts(out, pg_buf_str(&s.id));
		pg_buf_putc(out, ']');
	}
	pg_sse_fini(&s);
	return pg_buf_str(out);
}

static void
check(const char *text, const char *want)
{
	struct pg_buf out = PG_BUF_INIT(0);
	struct pg_str got;
	size_t n;

	for (n = 1; n <= strlen(text); n++) {
		got = events_in(pg_str(text), n, &out);
		if (!pg_str_eqz(got, want))
			fail_msg("'%s' by %zu: %.*s", text, n,
			    PG_STR_ARG(got));
	}
	pg_buf_fini(&out);
}

static void
events(void **state)
{
	(void)state;
	check("id: 7\nevent: create\ndata: {\"a\": 1}\n\n",
	    "[create|{\"a\": 1}|7]");
	/* The id stays, the kind does not. */
	check(": hello\nretry: 2000\n\nid:1\nevent:x\ndata:a\n\ndata: b\n\n",
	    "[x|a|1][|b|1]");
	check("data: one\ndata:two\ndata\n\n", "[|one\ntwo\n|]");
	check("data:  two blanks\n\n", "[| two blanks|]");
	/* Without data, or without its end, it is none. */
	check("event: x\nid: 3\n\ndata: y\n\n", "[|y|3]");
	check("data: x\n\ndata: cut\n", "[|x|]");
	check("data: a\nid\n\nunknown: 1\ndata: b\n\n", "[|a|][|b|]");
	check("data\n\n", "[||]");
	check("\xef\xbb\xbf" "data: bom\n\n\xef\xbb\xbf" "data: none\n\n",
	    "[|bom|]");
}

static void
line_ends(void **state)
{
	(void)state;
	check("data: a\r\n\r\ndata: b\r\n\r\n", "[|a|][|b|]");
	check("data: a\r\rdata: b\r\r", "[|a|][|b|]");
	check("data: a\r\n\rdata: b\n\r\n", "[|a|][|b|]");
	/* No event waits for a LF. */
	check("data: a\r\n\r", "[|a|]");
}

static void
id_with_nul(void **state)
{
	struct pg_buf out = PG_BUF_INIT(0);

	(void)state;
	assert_true(pg_str_eqz(events_in(
	    PG_STR("id: 1\nid: 2\0\ndata: x\n\n"), 3, &out), "[|x|1]"));
	pg_buf_fini(&out);
}

static ssize_t
feed(struct pg_sse *s, const char *p, size_t n, struct pg_err *e)
{
	bool ready;

	return pg_sse_take(s, (struct pg_str){ p, n }, &ready, e);
}

static void
limits(void **state)
{
	static char text[PG_SSE_LINE_MAX + 1];
	struct pg_sse s = { .over = false };
	struct pg_err e = { 0 };
	size_t n = sizeof(text);

	(void)state;
	memset(text, ':', n);
	assert_int_equal(feed(&s, text, n - 2, &e), n - 2);
	assert_int_equal(feed(&s, text, 1, &e), 1);
	assert_int_equal(feed(&s, text, 1, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	pg_sse_fini(&s);
	/* "data:" and its line end count for the line, "\n" for the data. */
	n = PG_SSE_DATA_MAX / 2;
	assert_int_equal(feed(&s, "data:", 5, &e), 5);
	assert_int_equal(feed(&s, text, n - 1, &e), n - 1);
	assert_int_equal(feed(&s, "\ndata:", 6, &e), 6);
	assert_int_equal(feed(&s, text, n - 1, &e), n - 1);
	assert_int_equal(feed(&s, "\n", 1, &e), 1);
	assert_int_equal(feed(&s, "data\n", 5, &e), -1);
	pg_sse_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),
		cmocka_unit_test(line_ends),
		cmocka_unit_test(id_with_nul),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
