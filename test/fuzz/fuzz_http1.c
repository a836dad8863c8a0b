/* fuzz_http1: any bytes are a request, a response or a chunked body, or are
 * refused; given whole or byte by byte, the result is the same.
 */
/* parts: base/err codec/http1 */
#include "codec/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Body bytes are not kept but summed up. */
struct taken {
	ssize_t used; /* -1: refused */
	uint64_t total, sum;
	bool done, may_end;
};

static void
check_within(struct pg_str whole, struct pg_str part)
{
	assert(part.n == 0 ||
	    (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void
sum_up(struct taken *t, struct pg_str data)
{
	for (size_t i = 0; i < data.n; i++)
		t->sum = t->sum * 31 + (unsigned char)data.p[i];
	t->total += data.n;
}

/* Take the body b from in, in pieces of at most `piece` bytes. */
static struct taken
take_body(struct pg_http1_body b, struct pg_str in, size_t piece)
{
	struct taken t = { 0 };
	struct pg_err e = { 0 };
	size_t at = 0;

	while (at < in.n) {
		struct pg_str part = { in.p + at, PG_MIN(piece, in.n - at) };
		struct pg_str data;
		ssize_t used = pg_http1_body_take(&b, part, &data, &e);

		if (used < 0) {
			assert(e.code == PG_E_HOST);
			t.used = -1;
			return t;
		}
		if (used == 0)
			break;
		check_within(part, data);
		sum_up(&t, data);
		at += (size_t)used;
	}
	assert(t.total == b.total);
	t.used = (ssize_t)at;
	t.done = pg_http1_body_done(&b);
	assert(t.done || at == in.n);
	t.may_end = pg_http1_body_eof(&b, &e) == 0;
	return t;
}

static void
check_body(struct pg_http1_body b, struct pg_str in)
{
	struct taken whole = take_body(b, in, in.n);
	struct taken bytes = take_body(b, in, 1);

	assert(whole.used == bytes.used);
	/* how far a refused body came depends on the pieces */
	if (whole.used < 0)
		return;
	assert(whole.total == bytes.total && whole.sum == bytes.sum);
	assert(whole.done == bytes.done && whole.may_end == bytes.may_end);
}

/* The head at the start of in: its length, 0 or -1. */
static ssize_t
find_head(struct pg_str in)
{
	struct pg_err e = { 0 }, e1 = { 0 };
	size_t scan = 0, scan1 = 0;
	ssize_t whole = pg_http1_head_end(in, &scan, &e), bytes = 0;

	for (size_t n = 1; n <= in.n && bytes == 0; n++)
		bytes = pg_http1_head_end((struct pg_str){ in.p, n }, &scan1,
		    &e1);
	assert(whole == bytes && e.code == e1.code);
	assert(whole > 0 || whole < 0 || scan == scan1);
	return whole;
}

static void
check_fields(const struct pg_http1_head *h, struct pg_str head)
{
	assert(h->nfields <= PG_HTTP1_FIELDS_MAX);
	assert(!(h->chunked && h->has_length));
	assert(h->length <= PG_HTTP1_LENGTH_MAX);
	for (size_t i = 0; i < h->nfields; i++) {
		assert(h->fields[i].name.n > 0 && h->fields[i].value.p);
		check_within(head, h->fields[i].name);
		check_within(head, h->fields[i].value);
		pg_http1_has_token(h->fields[i].value, "close");
	}
}

static void
check_request(struct pg_str head, struct pg_str rest)
{
	struct pg_http1_head h;
	struct pg_http1_body b;
	struct pg_err e = { 0 };

	if (pg_http1_request_parse(head, &h, &e) < 0) {
		assert(e.code != PG_E_OK);
		return;
	}
	assert(h.method.n > 0 && h.target.n > 0);
	check_within(head, h.method);
	check_within(head, h.target);
	check_fields(&h, head);
	pg_http1_body_request(&b, &h);
	check_body(b, rest);
}

static void
check_response(struct pg_str head, struct pg_str rest)
{
	struct pg_http1_head h;
	struct pg_http1_body b;
	struct pg_err e = { 0 };

	if (pg_http1_response_parse(head, &h, &e) < 0) {
		assert(e.code != PG_E_OK);
		return;
	}
	assert(h.status >= 100 && h.status <= 999);
	check_within(head, h.reason);
	check_fields(&h, head);
	pg_http1_body_response(&b, &h, PG_STR("GET"));
	check_body(b, rest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pg_str in = { (const char *)data, n };
	ssize_t len = find_head(in);

	/* parsing does not rely on what the search let pass */
	check_request(in, PG_STR_NULL);
	check_response(in, PG_STR_NULL);
	if (len > 0) {
		struct pg_str head = { in.p, (size_t)len };

		check_request(head, pg_str_skip(in, head.n));
		check_response(head, pg_str_skip(in, head.n));
	}
	check_body((struct pg_http1_body){ .kind = PG_BODY_CHUNKED }, in);
	return 0;
}
