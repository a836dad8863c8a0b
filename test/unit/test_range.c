/* test_range: what conditions and ranges of a request mean, by RFC 9110: also
 * those that mean nothing.
 */
/* parts: base/err base/mem base/buf codec/http1 codec/range */
#include "codec/range.h"

#include <setjmp.h>

#include <cmocka.h>

#define TAG "\"abc\""

struct asked {
	const char *method, *fields;
	uint64_t size;
	enum pg_range is;
	uint64_t from, n;
};

#define WHOLE(fields) { "GET", fields, 100, PG_RANGE_WHOLE, 0, 100 }
#define PART(fields, from, n) { "GET", fields, 100, PG_RANGE_PART, from, n }
#define IS(fields, what) { "GET", fields, 100, PG_RANGE_##what, 0, 100 }
#define R "Range: "

static const struct asked table[] = {
	WHOLE(""),
	/* 14.1.1 */
	PART(R "bytes=0-0", 0, 1),
	PART(R "bytes=0-99", 0, 100),
	PART(R "bytes=0-100", 0, 100),
	PART(R "bytes=99-", 99, 1),
	PART(R "bytes=10-19", 10, 10),
	PART(R "BYTES=10-19", 10, 10),
	PART(R "bytes=0-18446744073709551616", 0, 100),
	PART(R "bytes=-1", 99, 1),
	PART(R "bytes=-100", 0, 100),
	PART(R "bytes=-99999999999999999999999", 0, 100),
	IS(R "bytes=100-", IMPOSSIBLE),
	IS(R "bytes=100-200", IMPOSSIBLE),
	IS(R "bytes=99999999999999999999999-", IMPOSSIBLE),
	IS(R "bytes=-0", IMPOSSIBLE),
	/* What is no range, is ignored; and so is more than one. */
	WHOLE(R "bytes=0-1,5-6"),
	WHOLE(R "bytes=5-4"),
	WHOLE(R "bytes="),
	WHOLE(R "bytes=-"),
	WHOLE(R "bytes=a-b"),
	WHOLE(R "bytes=1-2x"),
	WHOLE(R "bytes=1"),
	WHOLE(R "bytes=+1-2"),
	WHOLE(R "bytes=1--2"),
	WHOLE(R "bytes 1-2"),
	WHOLE(R "lines=1-2"),
	WHOLE(R "byte"),
	WHOLE(R),
	{ "HEAD", R "bytes=1-2", 100, PG_RANGE_WHOLE, 0, 100 },
	/* Nothing at all. */
	{ "GET", R "bytes=0-", 0, PG_RANGE_IMPOSSIBLE, 0, 0 },
	{ "GET", R "bytes=-5", 0, PG_RANGE_WHOLE, 0, 0 },
	{ "GET", "", 0, PG_RANGE_WHOLE, 0, 0 },
	/* 13.1.5 */
	PART(R "bytes=1-2\r\nIf-Range: " TAG, 1, 2),
	WHOLE(R "bytes=1-2\r\nIf-Range: W/" TAG),
	WHOLE(R "bytes=1-2\r\nIf-Range: \"abd\""),
	WHOLE(R "bytes=1-2\r\nIf-Range: Sun, 22 Nov 2026 06:20:54 GMT"),
	WHOLE(R "bytes=1-2\r\nIf-Range: abc"),
	WHOLE("If-Range: " TAG),
	/* 13.1.2 */
	IS("If-None-Match: " TAG, SAME),
	IS("If-None-Match: W/" TAG, SAME),
	IS("If-None-Match: *", SAME),
	IS("If-None-Match: \"x\", \"y\" ,, " TAG, SAME),
	IS("If-None-Match: \"x\"\r\nIf-None-Match: " TAG, SAME),
	IS("If-None-Match: " TAG "\r\nRange: bytes=1-2", SAME),
	WHOLE("If-None-Match: \"x\""),
	WHOLE("If-None-Match: \"a, b\""),
	WHOLE("If-None-Match: abc, " TAG),
	WHOLE("If-None-Match: \"abc"),
	WHOLE("If-None-Match:"),
	WHOLE("If-None-Match: W/*"),
	/* 13.1.1 */
	IS("If-Match: \"x\"", OTHER),
	IS("If-Match: W/" TAG, OTHER),
	WHOLE("If-Match: *"),
	WHOLE("If-Match: \"x\", " TAG),
	PART("If-Match: " TAG "\r\nRange: bytes=1-2", 1, 2),
	IS("If-Match: \"x\"\r\nIf-None-Match: " TAG, OTHER),
	{ "HEAD", "If-None-Match: " TAG, 100, PG_RANGE_SAME, 0, 100 },
};

static void
each_means_what_it_says(void **state)
{
	struct pg_http1_head head;
	struct pg_buf b = PG_BUF_INIT(0);
	uint64_t from, n;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(table); i++) {
		pg_buf_reset(&b);
		pg_buf_printf(&b, "%s /x HTTP/1.1\r\nHost: h\r\n%s%s\r\n",
		    table[i].method, table[i].fields,
		    table[i].fields[0] != '\0' ? "\r\n" : "");
		assert_int_equal(pg_http1_request_parse(pg_buf_str(&b),
		    &head, NULL), 0);
		if (pg_range_decide(&head, PG_STR(TAG), table[i].size, &from,
		    &n) != table[i].is || from != table[i].from ||
		    n != table[i].n)
			fail_msg("%s: %" PRIu64 " from %" PRIu64,
			    table[i].fields, n, from);
	}
	pg_buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_means_what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
