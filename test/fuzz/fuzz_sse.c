/* fuzz_sse: any bytes are events or too long; the same ones when they come
 * one at a time.
 */
/* parts: base/err base/mem base/buf codec/sse */
#include "codec/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Append all events in `in`, taken in pieces of n bytes. */
static void
collect(struct pg_str in, size_t n, struct pg_buf *out)
{
	struct pg_sse s = { .over = false };
	struct pg_str piece;
	bool ready;
	ssize_t used;

	while (in.n > 0) {
		piece = (struct pg_str){ in.p, PG_MIN(n, in.n) };
		used = pg_sse_take(&s, piece, &ready, NULL);
		if (used < 0)
			break;
		assert(used > 0 && (size_t)used <= piece.n);
		in = pg_str_skip(in, (size_t)used);
		if (!ready)
			continue;
		pg_buf_puts(out, pg_buf_str(&s.kind));
		pg_buf_putc(out, '\n');
		pg_buf_puts(out, pg_buf_str(&s.data));
		pg_buf_putc(out, '\n');
		pg_buf_puts(out, pg_buf_str(&s.id));
	}
	pg_sse_fini(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pg_str in = { (const char *)data, n };
	struct pg_buf whole = PG_BUF_INIT(0), bytes = PG_BUF_INIT(0);

	collect(in, n, &whole);
	collect(in, 1, &bytes);
	assert(pg_str_eq(pg_buf_str(&whole), pg_buf_str(&bytes)));
	pg_buf_fini(&whole);
	pg_buf_fini(&bytes);
	return 0;
}
