/* fuzz_journal: any bytes are lines, damage, or a torn tail, and all of them
 * are accounted for; any text with the right checksum is a record or none, and
 * what a record does to the index can be undone; and what is read can be
 * written and reads as the same.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json state/journal state/record state/index */
#include "state/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The records of the index, as text. */
static void
describe(const struct pg_index *ix, struct pg_buf *b)
{
	const struct pg_entry *n;

	pg_buf_reset(b);
	for (n = pg_index_next(ix, NULL); n != NULL; n = pg_index_next(ix, n)) {
		pg_buf_puts(b, pg_entry_key(n));
		pg_buf_printf(b, " %u %u\n", n->key_n, n->value_n);
		if (n->kept)
			pg_buf_puts(b, pg_entry_value(n));
	}
}

/* Do it, undo it, do it. */
static void
check_apply(struct pg_index *ix, struct pg_str json)
{
	struct pg_buf before = PG_BUF_INIT(0), after = PG_BUF_INIT(0);
	struct pg_spot spot = { .file = 1 };
	struct pg_undo undo = { .n = 0 };
	uint64_t live = ix->live;

	describe(ix, &before);
	pg_index_apply(ix, json, spot, &undo);
	pg_index_undo(ix, &undo);
	describe(ix, &after);
	if (!pg_str_eq(pg_buf_str(&before), pg_buf_str(&after)) ||
	    live != ix->live)
		abort();
	pg_index_apply(ix, json, spot, NULL);
	pg_buf_fini(&before);
	pg_buf_fini(&after);
}

/* Take the record apart and put it together again. */
static void
check_rewrite(struct pg_str json)
{
	struct pg_change ch = { .wrong = NULL };
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str key, value;
	enum pg_record_step step;
	struct pg_record r;

	pg_record_start(&r, json);
	while ((step = pg_record_next(&r, &key, &value)) != PG_RECORD_END) {
		if (step == PG_RECORD_PUT)
			pg_change_put(&ch, key, value);
		else
			pg_change_del(&ch, key);
	}
	/* Only a lone surrogate or a newline can not be written. */
	if (pg_change_text(&ch, &b, NULL) == 0 &&
	    !pg_record_ok(pg_buf_str(&b)))
		abort();
	pg_change_fini(&ch);
	pg_buf_fini(&b);
}

static void
check_record(struct pg_index *ix, struct pg_str json)
{
	bool base;

	(void)pg_journal_check_stamp(json, 1, &base, NULL);
	if (!pg_record_ok(json))
		return;
	check_apply(ix, json);
	check_rewrite(json);
}

/* Lines of the input, each as it stands and as a text of its own. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint64_t seed[2] = { 1, 2 };
	struct pg_str rest = { (const char *)data, n }, json = PG_STR_NULL;
	enum pg_journal_next what;
	struct pg_index ix;
	size_t before;

	pg_index_init(&ix, seed);
	do {
		before = rest.n;
		what = pg_journal_next(&rest, &json);
		if (what == PG_JOURNAL_END ? before != 0 :
		    rest.n >= before || json.n > before)
			abort();
		if (what != PG_JOURNAL_END)
			check_record(&ix, json);
	} while (what != PG_JOURNAL_END);
	pg_index_fini(&ix);
	return 0;
}
