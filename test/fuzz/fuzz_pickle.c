/* fuzz_pickle: any bytes are a pickle of plain data or are refused, within
 * memory in proportion; what was read can be written and reads back as the
 * same value, tuples and sets as lists; what the watch calls plain is the
 * value it names. What the check lets through is read, and it lets through
 * what was written.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/pickle_text codec/pickle_build codec/pickle codec/pickle_write codec/pickle_check */
#include "codec/pickle.h"
#include "codec/pickle_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Small enough to write out whatever is shared. */
#define EXPANDED_MAX (1 << 20)

static void
make_lists(struct pg_value *v)
{
	struct pg_walk w;

	pg_walk_start(&w, v);
	while (pg_walk_next(&w) != PG_WALK_END) {
		assert(w.v->mark == 0);
		if (pg_value_is_seq(w.v))
			((struct pg_value *)(uintptr_t)w.v)->type = PG_T_LIST;
	}
}

static void
check_watch(struct pg_str in, const struct pg_pickle_watch *w)
{
	struct pg_arena a = { 0 };
	struct pg_value *v = NULL;

	if (w->value == NULL || !w->plain)
		return;
	assert(w->off + w->len <= in.n);
	if (pg_pickle_read_value((struct pg_str){ in.p + w->off, w->len }, &a,
	    0, &v, NULL) < 0)
		abort();
	assert(pg_value_eq(v, w->value));
	pg_arena_fini(&a);
}

static void
check_return(struct pg_value *v)
{
	struct pg_out o = { 0 };
	struct pg_arena a = { 0 };
	struct pg_value *again = NULL;

	make_lists(v);
	if (pg_pickle_write(&o, v, NULL) < 0 || pg_out_flush(&o, NULL) < 0 ||
	    pg_pickle_read(pg_buf_str(&o.buf), &a, 0, NULL, &again, NULL) < 0 ||
	    pg_pickle_check((struct pg_str){ o.buf.p + PG_PICKLE_HEAD,
	    o.buf.n - PG_PICKLE_HEAD - PG_PICKLE_TAIL }, NULL) < 0)
		abort();
	assert(pg_value_eq(v, again));
	pg_arena_fini(&a);
	pg_buf_fini(&o.buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pg_str in = { (const char *)data, n };
	struct pg_pickle_watch watch = { .key = PG_STR("state"),
	    .depth = 1 + n % 2 };
	struct pg_arena a = { 0 };
	struct pg_err e = { 0 };
	struct pg_value *v;

	if (pg_pickle_read(in, &a, EXPANDED_MAX, &watch, &v, &e) == 0) {
		check_watch(in, &watch);
		check_return(v);
	} else {
		assert(e.code != PG_E_OK && e.at <= n);
	}
	assert(a.used <= n * 120 + 65536);
	pg_arena_reset(&a);
	if (pg_pickle_read_value(in, &a, 0, &v, NULL) == 0)
		check_return(v);
	else if (pg_pickle_check(in, NULL) == 0)
		abort();
	pg_arena_fini(&a);
	return 0;
}
