/* fuzz_frame: any bytes, in any cut, are frames, a wait for more, or an
 * error; and what is taken lies within what arrived.
 *
 * The first byte of the input is the size of the pieces in which it arrives.
 */
/* parts: base/err base/mem base/buf base/log base/clock os/file os/sock agent/frame */
#include "agent/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_within(const struct pg_frame_reader *r, struct pg_str s)
{
	assert(s.n <= r->buf.n);
	assert(s.n == 0 || (s.p >= r->buf.p &&
	    s.p + s.n <= r->buf.p + r->buf.n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pg_frame_reader r = { .nfds = 0 };
	struct pg_err e = { 0 };
	struct pg_frame f;
	size_t piece = n > 0 ? (size_t)data[0] + 1 : 1;
	int rc = 0;

	for (size_t at = 1; at < n && rc >= 0; at += piece) {
		pg_buf_put(&r.buf, data + at, PG_MIN(piece, n - at));
		while ((rc = pg_frame_next(&r, &f, &e)) > 0) {
			assert(f.type < PG_FRAME_TYPES);
			check_within(&r, f.head);
			check_within(&r, f.body);
		}
	}
	assert(rc >= 0 || e.code != PG_E_OK);
	pg_frame_reader_fini(&r);
	return 0;
}
