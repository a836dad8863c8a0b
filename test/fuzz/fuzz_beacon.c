/* fuzz_beacon: any datagram is a beacon or an error, and what was a beacon is
 * one again when it is written.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url os/sock os/iface os/udp os/loop host/hostref host/beacon */
#include "host/beacon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_again(const struct pg_value *host, const struct pg_hostref *ref,
    struct pg_arena *a)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_hostref again;
	struct pg_value *v;

	pg_beacon_write(&b, host);
	assert(!b.failed);
	/* It may be longer now: ASCII only. */
	if (b.n <= PG_BEACON_MAX) {
		assert(pg_beacon_read(pg_buf_str(&b), a, &v, &again,
		    NULL) == 0);
		assert(pg_str_eq(again.url, ref->url));
		assert(pg_str_eq(again.name, ref->name));
	}
	pg_buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pg_str in = { (const char *)data, n };
	struct pg_arena a = { 0 };
	struct pg_err e = { 0 };
	struct pg_hostref ref;
	struct pg_value *host;

	if (pg_beacon_read(in, &a, &host, &ref, &e) == 0)
		check_again(host, &ref, &a);
	else
		assert(e.code == PG_E_HOST || e.code == PG_E_LIMIT);
	pg_arena_fini(&a);
	return 0;
}
