/* fuzz_json: whatever the reader accepts, the writers write, and that reads
 * back as the same value. Nothing that it refuses goes unexplained.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json */
#include "codec/json.h"

/* Small enough for a fuzzer to run into it. */
#define MEMORY_MAX ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_rewrite(const struct pg_value *v, bool pretty)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_buf b = PG_BUF_INIT(MEMORY_MAX);
	struct pg_value *again = NULL;
	struct pg_arena a;
	int rc;

	pg_arena_init(&a, MEMORY_MAX * 4);
	rc = pretty ? pg_json_write_pretty(&b, v, &e) :
	    pg_json_write(&b, v, &e);
	if (rc < 0 || pg_json_read(pg_buf_str(&b), &a, &again, &e) < 0) {
		/* Only the limits above may come between. */
		if (e.code != PG_E_LIMIT)
			abort();
	} else if (!pg_value_eq(v, again)) {
		abort();
	}
	pg_arena_fini(&a);
	pg_buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_value *v = NULL;
	struct pg_arena a;

	pg_arena_init(&a, MEMORY_MAX);
	if (pg_json_read((struct pg_str){ (const char *)data, n }, &a, &v,
	    &e) == 0) {
		check_rewrite(v, false);
		check_rewrite(v, true);
	} else if (e.code == PG_E_OK || e.msg[0] == '\0' || e.at > n) {
		abort();
	}
	pg_arena_fini(&a);
	return 0;
}
