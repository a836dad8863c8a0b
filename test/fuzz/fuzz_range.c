/* fuzz_range: whatever conditions and ranges a request has, what is sent lies
 * within what there is, and a part of it is sent only to a GET that asked for
 * one. The first byte says how much there is, and whether HEAD or GET; the
 * rest are header lines.
 */
/* parts: base/err base/mem base/buf codec/http1 codec/range */
#include "codec/range.h"

#define TAG PG_STR("\"abc\"")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_decision(const struct pg_http1_head *h, uint64_t size)
{
	uint64_t from, n;
	enum pg_range is = pg_range_decide(h, TAG, size, &from, &n);

	assert(from <= size && n <= size - from);
	if (is != PG_RANGE_PART) {
		assert(from == 0 && n == size);
		return;
	}
	assert(n > 0 && pg_str_eqz(h->method, "GET"));
	assert(pg_http1_field(h, "range").p != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint64_t sizes[] = { 0, 1, 100, UINT64_MAX };
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_http1_head h;

	if (n == 0)
		return 0;
	pg_buf_putz(&b, data[0] & 4 ? "HEAD" : "GET");
	pg_buf_putz(&b, " / HTTP/1.0\r\n");
	pg_buf_put(&b, (const char *)data + 1, n - 1);
	pg_buf_putz(&b, "\r\n\r\n");
	if (pg_http1_request_parse(pg_buf_str(&b), &h, NULL) == 0)
		check_decision(&h, sizes[data[0] & 3]);
	pg_buf_fini(&b);
	return 0;
}
