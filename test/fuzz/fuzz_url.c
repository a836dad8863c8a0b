/* fuzz_url: any bytes are a URL, a target, a query, or an error; what is taken
 * from them lies within them; what was normalised stays as it is.
 */
/* parts: base/err base/mem codec/url */
#include "codec/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_within(struct pg_str whole, struct pg_str part)
{
	assert(part.n == 0 ||
	    (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void
check_url(struct pg_arena *a, struct pg_str in)
{
	struct pg_err e = { 0 };
	struct pg_str once, twice;
	struct pg_url u;

	if (pg_url_parse(in, &u, &e) == 0) {
		assert(u.host.n > 0 && u.port > 0);
		check_within(in, u.scheme);
		check_within(in, u.host);
		check_within(in, u.path);
	} else {
		assert(e.code == PG_E_HOST);
	}
	if (pg_url_normalise(a, in, &once, &e) == 0) {
		assert(pg_url_normalise(a, once, &twice, &e) == 0);
		assert(pg_str_eq(once, twice));
	}
}

static void
check_target(struct pg_arena *a, struct pg_str in)
{
	struct pg_err e = { 0 };
	struct pg_str path, query, segment, value;

	if (pg_target_split(in, &path, &query, &e) < 0)
		return;
	assert(path.n > 0 && path.p[0] == '/');
	check_within(in, query);
	while (pg_path_next(&path, &segment))
		assert(segment.n > 0 && !memchr(segment.p, '/', segment.n));
	if (pg_query_get(a, query, "a", &value))
		assert(value.n > 0);
}

static void
check_escapes(struct pg_arena *a, struct pg_str in)
{
	struct pg_str value;
	bool ok;

	pg_percent_decode(a, in, &ok);
	assert(pg_str_eq(in, pg_percent_decode(a, pg_percent_encode(a, in),
	    &ok)));
	assert(ok);
	if (pg_query_get(a, in, "a", &value))
		assert(value.n > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pg_str in = { (const char *)data, n };
	struct pg_arena a = { 0 };

	check_url(&a, in);
	check_target(&a, in);
	check_escapes(&a, in);
	pg_arena_fini(&a);
	return 0;
}
