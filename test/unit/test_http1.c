/* test_http1: heads and bodies are read the same wherever they are cut, what
 * two readers could take differently is refused, every limit holds at its
 * very number, and no byte past the input is read.
 *
 * test/data/http1 holds whole messages (y_request_*, y_response_*) and chunked
 * bodies (y_chunked_*), and such as must be refused (n_*).
 */
/* parts: base/err codec/http1 */
#include "codec/http1.h"

#include "guard.h"

#include <dirent.h>
#include <setjmp.h>

#include <cmocka.h>

#define DATA_DIR "test/data/http1"
#define MESSAGE_MAX (4 * PG_HTTP1_HEAD_MAX)

/* Z-terminated literal with its length, NULs inside included. */
#define S(literal) PG_STR(literal)

enum kind { REQUEST, RESPONSE, CHUNKED };

/* What became of one message. */
struct outcome {
	bool ok;          /* complete, or may end here */
	size_t used;      /* bytes of it */
	enum pg_code code;
	struct pg_http1_head head; /* text in `text` */
	char text[MESSAGE_MAX], data[MESSAGE_MAX];
	size_t ndata;
};

/* ---- reading a message in two pieces ---------------------------------- */

static int
parse_head(struct outcome *o, enum kind kind, struct pg_str head,
    struct pg_http1_body *b, struct pg_err *e)
{
	int rc;

	memcpy(o->text, head.p, head.n);
	head.p = o->text;
	if (kind == REQUEST) {
		rc = pg_http1_request_parse(head, &o->head, e);
		if (rc == 0)
			pg_http1_body_request(b, &o->head);
	} else {
		rc = pg_http1_response_parse(head, &o->head, e);
		if (rc == 0)
			pg_http1_body_response(b, &o->head, S("GET"));
	}
	return rc;
}

/* Look for the head in the first cut bytes, then in all. Returns its length,
 * 0 if it is not complete, or -1. */
static ssize_t
find_head(struct guard *g, struct pg_str in, size_t cut, struct pg_err *e)
{
	size_t scan = 0;
	ssize_t n = pg_http1_head_end(
	    guard_put(g, (struct pg_str){ in.p, cut }), &scan, e);

	if (n != 0)
		return n;
	assert_true(scan <= cut && cut - scan <= 1);
	return pg_http1_head_end(guard_put(g, in), &scan, e);
}

/* Take what is to be had from one piece. Returns the bytes used, or -1. */
static ssize_t
take(struct outcome *o, struct pg_http1_body *b, struct pg_str in,
    struct pg_err *e)
{
	size_t used = 0;

	while (used < in.n) {
		struct pg_str data;
		ssize_t n = pg_http1_body_take(b, pg_str_skip(in, used), &data,
		    e);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		assert_true(data.n <= (size_t)n);
		if (data.n > 0)
			memcpy(o->data + o->ndata, data.p, data.n);
		o->ndata += data.n;
		used += (size_t)n;
	}
	assert_int_equal(o->ndata, b->total);
	assert_true(used == in.n || pg_http1_body_done(b));
	return (ssize_t)used;
}

static int
read_body(struct outcome *o, struct guard *g, struct pg_http1_body *b,
    struct pg_str in, size_t cut, struct pg_err *e)
{
	ssize_t n = take(o, b, guard_put(g, (struct pg_str){ in.p, cut }), e);

	if (n < 0)
		return -1;
	o->used += (size_t)n;
	if ((size_t)n == cut) {
		n = take(o, b, guard_put(g, pg_str_skip(in, cut)), e);
		if (n < 0)
			return -1;
		o->used += (size_t)n;
	}
	return pg_http1_body_eof(b, e);
}

/* Read the message in, cut after `cut` bytes. */
static void
read_message(struct outcome *o, enum kind kind, struct pg_str in, size_t cut)
{
	struct pg_http1_body b = { .kind = PG_BODY_CHUNKED };
	struct guard g = guard_open(MESSAGE_MAX);
	struct pg_err e = { 0 };
	ssize_t n = 0;

	o->ok = false;
	o->used = o->ndata = 0;
	if (kind != CHUNKED) {
		n = find_head(&g, in, cut, &e);
		if (n <= 0 || parse_head(o, kind, guard_put(&g,
		    (struct pg_str){ in.p, (size_t)n }), &b, &e) < 0)
			goto out;
	}
	o->used = (size_t)n;
	cut = cut > o->used ? cut - o->used : 0;
	o->ok = read_body(o, &g, &b, pg_str_skip(in, o->used), cut, &e) == 0;
out:
	o->code = e.code;
	guard_close(&g);
}

/* Two outcomes of the same bytes; large, hence not on the stack. */
static struct outcome whole, pieces;

/* Read in at every cut; all must agree with the reading in one piece, whose
 * outcome is left in whole. */
static void
read_everywhere(enum kind kind, struct pg_str in)
{
	read_message(&whole, kind, in, in.n);
	for (size_t cut = 0; cut < in.n; cut++) {
		read_message(&pieces, kind, in, cut);
		assert_int_equal(pieces.ok, whole.ok);
		assert_int_equal(pieces.code, whole.code);
		if (!whole.ok)
			continue;
		assert_int_equal(pieces.used, whole.used);
		assert_int_equal(pieces.ndata, whole.ndata);
		assert_memory_equal(pieces.data, whole.data, whole.ndata);
	}
}

static size_t
load(const char *name, char *buf, size_t max)
{
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), DATA_DIR "/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(buf, 1, max, f);
	assert_true(n < max);
	fclose(f);
	return n;
}

static enum kind
kind_of(const char *name)
{
	if (strncmp(name + 2, "request", 7) == 0)
		return REQUEST;
	return strncmp(name + 2, "response", 8) == 0 ? RESPONSE : CHUNKED;
}

/* The verdict on a whole file, which may hold several messages. */
static bool
file_passes(const char *name)
{
	static char buf[MESSAGE_MAX];
	struct pg_str in = { buf, load(name, buf, sizeof(buf)) };

	do {
		read_everywhere(kind_of(name), in);
		in = pg_str_skip(in, whole.used);
	} while (whole.ok && in.n > 0);
	return whole.ok;
}

static void
corpus_is_judged_as_named(void **state)
{
	DIR *d = opendir(DATA_DIR);
	struct dirent *entry;
	int seen = 0;

	(void)state;
	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		const char *name = entry->d_name;

		if (name[0] == '.')
			continue;
		if (file_passes(name) != (name[0] == 'y'))
			fail_msg("%s: verdict is wrong", name);
		seen++;
	}
	closedir(d);
	assert_true(seen > 100);
}

/* ---- what heads say --------------------------------------------------- */

static int
parse_request(const char *text, struct pg_http1_head *h, struct pg_err *e)
{
	*e = (struct pg_err){ 0 };
	return pg_http1_request_parse(pg_str(text), h, e);
}

static void
python_head_is_read(void **state)
{
	static char buf[MESSAGE_MAX];
	struct pg_str in = { buf, load(
	    "y_request_python_pickle_host_twice_upper_hex", buf, sizeof(buf)) };
	const struct pg_http1_head *h = &whole.head;

	(void)state;
	read_everywhere(REQUEST, in);
	assert_true(pg_str_eqz(h->method, "POST"));
	assert_true(pg_str_eqz(h->target, "/agents"));
	assert_int_equal(h->minor, 1);
	assert_int_equal(h->nfields, 6);
	assert_true(pg_str_eqz(pg_http1_field(h, "host"), "127.0.0.1:42783"));
	assert_true(pg_str_eqz(pg_http1_field(h, "CONTENT-TYPE"),
	    "application/x-paglets-pickle"));
	assert_null(pg_http1_field(h, "Content-Length").p);
	assert_true(h->chunked && !h->has_length && h->keep_alive);
	/* a pickle of protocol 5, from PROTO to STOP */
	assert_memory_equal(whole.data, "\x80\x05", 2);
	assert_int_equal(whole.data[whole.ndata - 1], '.');
}

static void
old_server_is_read(void **state)
{
	static char buf[MESSAGE_MAX];
	struct pg_str in = { buf, load("y_response_python_http10", buf,
	    sizeof(buf)) };

	(void)state;
	read_everywhere(RESPONSE, in);
	assert_int_equal(whole.head.status, 200);
	assert_true(pg_str_eqz(whole.head.reason, "OK"));
	assert_int_equal(whole.head.minor, 0);
	assert_true(whole.head.has_length && !whole.head.keep_alive);
	assert_int_equal(whole.ndata, whole.head.length);
}

static void
values_lose_blanks_around(void **state)
{
	struct pg_http1_head h;
	struct pg_err e;

	(void)state;
	assert_int_equal(parse_request("GET / HTTP/1.1\r\nHost:x\r\n"
	    "A: \t b \tc\t \r\nB:\r\nC: \t\r\n\r\n", &h, &e), 0);
	assert_int_equal(h.nfields, 4);
	assert_true(pg_str_eqz(h.fields[1].value, "b \tc"));
	assert_non_null(h.fields[2].value.p);
	assert_int_equal(h.fields[2].value.n, 0);
	assert_int_equal(h.fields[3].value.n, 0);
}

static void
unused_fields_are_not_touched(void **state)
{
	struct pg_http1_head h;
	struct pg_err e;

	(void)state;
	h.fields[1].name.n = 4711;
	assert_int_equal(parse_request("GET / HTTP/1.1\r\nHost:x\r\n\r\n", &h,
	    &e), 0);
	assert_int_equal(h.fields[1].name.n, 4711);
}

static void
keep_alive_follows_version_and_connection(void **state)
{
	static const struct {
		const char *version, *fields;
		bool keep;
	} t[] = {
		{ "1.1", "", true },
		{ "1.1", "Connection: close\r\n", false },
		{ "1.1", "Connection: keep-alive, CLOSE\r\n", false },
		{ "1.1", "Connection: closed\r\n", true },
		{ "1.1", "Connection: x\r\nConnection: ,close ,\r\n", false },
		{ "1.9", "", true },
		{ "1.0", "", false },
		{ "1.0", "Connection: Keep-Alive\r\n", true },
		{ "1.0", "Connection: keep-alive\r\nConnection: close\r\n",
		    false },
	};

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_http1_head h;
		struct pg_err e = { 0 };
		char text[256];

		snprintf(text, sizeof(text),
		    "GET / HTTP/%s\r\nHost: x\r\n%s\r\n", t[i].version,
		    t[i].fields);
		assert_int_equal(parse_request(text, &h, &e), 0);
		assert_int_equal(h.keep_alive, t[i].keep);
		snprintf(text, sizeof(text),
		    "HTTP/%s 200 OK\r\nContent-Length: 0\r\n%s\r\n",
		    t[i].version, t[i].fields);
		assert_int_equal(pg_http1_response_parse(pg_str(text), &h, &e),
		    0);
		assert_int_equal(h.keep_alive, t[i].keep);
	}
}

static void
only_new_clients_expect(void **state)
{
	struct pg_http1_head h;
	struct pg_err e;

	(void)state;
	assert_int_equal(parse_request("PUT / HTTP/1.1\r\nHost: x\r\n"
	    "expect: 100-CONTINUE\r\n\r\n", &h, &e), 0);
	assert_true(h.expect_continue);
	assert_int_equal(parse_request("PUT / HTTP/1.0\r\n"
	    "Expect: 100-continue\r\n\r\n", &h, &e), 0);
	assert_false(h.expect_continue);
	assert_int_equal(parse_request("PUT / HTTP/1.1\r\nHost: x\r\n"
	    "Expect: 200-ok\r\n\r\n", &h, &e), 0);
	assert_false(h.expect_continue);
}

static void
tokens_are_found_whole(void **state)
{
	(void)state;
	assert_true(pg_http1_has_token(S("a, B ,\tc"), "b"));
	assert_true(pg_http1_has_token(S("a, B ,\tc"), "C"));
	assert_true(pg_http1_has_token(S("a"), "A"));
	assert_false(pg_http1_has_token(S("ab, b c"), "b"));
	assert_false(pg_http1_has_token(S(""), "b"));
	assert_false(pg_http1_has_token(PG_STR_NULL, "b"));
}

/* parse alone must stand what pg_http1_head_end would have refused. */
static void
parse_stands_alone(void **state)
{
	static const char *const t[] = {
		"", "\r\n", "\r\n\r\n", "\r\n\r\n\r\n", "\r\n\r\n\r\n\r\n",
		"G\r\n\r\n", "GET\r\n\r\n", "GET \r\n\r\n", "GET /\r\n\r\n",
		"GET / \r\n\r\n", "GET / HTTP/1.\r\n\r\n", "HTTP/1.1\r\n\r\n",
		"HTTP/1.1 \r\n\r\n", "HTTP/1.1 2\r\n\r\n",
		"HTTP/1.1 20\r\n\r\n", "HTTP/1.1 200x\r\n\r\n",
		"\rGET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\rA\r\n\r\n",
		"GET / HTTP/1.0\r\n", "GET / HTTP/1.0\r\nA:b\r\n",
		"GET / HTTP/1.0\r\n\r\nA: b\r\n\r\n",
		"GET / HTTP/1.0\r\n\rA: b\r\n\r\n",
		"GET / HTTP/1.0\r\nA\r\n\r\n", "GET / HTTP/1.0\r\nA:\rb\r\n\r\n",
		"HTTP/1.0 200 OK\nA: b\r\n\r\n", "HTTP/1.0 200 \x01\r\n\r\n",
	};
	struct guard g = guard_open(64);

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_str in = guard_put(&g, pg_str(t[i]));
		struct pg_err e = { 0 };
		struct pg_http1_head h;

		if (pg_http1_request_parse(in, &h, &e) == 0 ||
		    pg_http1_response_parse(in, &h, &e) == 0)
			fail_msg("accepted: %s", t[i]);
		assert_int_equal(e.code, PG_E_HOST);
	}
	guard_close(&g);
}

/* ---- where heads end -------------------------------------------------- */

static void
next_request_stays(void **state)
{
	static const char text[] = "POST / HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 2\r\n\r\nokGET / HTTP/1.1\r\n";

	(void)state;
	read_everywhere(REQUEST, PG_STR(text));
	assert_true(whole.ok);
	assert_int_equal(whole.used, strlen(text) - 16);
	read_everywhere(CHUNKED, S("1\r\na\r\n0\r\n\r\nGET /"));
	assert_true(whole.ok);
	assert_int_equal(whole.used, 11);
}

/* What was searched is not read again: ruin it, and the end is still found. */
static void
search_goes_on_where_it_stopped(void **state)
{
	char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	size_t len = sizeof(text) - 1, scan = 0;
	struct pg_err e = { 0 };

	(void)state;
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(pg_http1_head_end(
		    (struct pg_str){ text, n }, &scan, &e), 0);
		assert_true(n - scan <= 1);
		if (scan > 1)
			text[scan - 2] = '\0';
	}
	assert_int_equal(pg_http1_head_end((struct pg_str){ text, len }, &scan,
	    &e), (ssize_t)len);
	assert_int_equal(scan, 0);
}

static void
bad_bytes_are_refused_at_once(void **state)
{
	static const struct pg_str t[] = {
		{ "G\n", 2 }, { "G\0", 2 }, { "G\rE", 3 }, { "\n", 1 },
		{ "\x16\x03\x01", 3 }, { "G\x7f", 2 }, { "\r\r", 2 },
		{ "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x1f", 33 },
	};
	struct guard g = guard_open(64);

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_err e = { 0 };
		size_t scan = 0;

		assert_int_equal(pg_http1_head_end(guard_put(&g, t[i]), &scan,
		    &e), -1);
		assert_int_equal(e.code, PG_E_HOST);
	}
	guard_close(&g);
}

/* Every byte at every place among the eight that are looked at together. */
static void
control_bytes_are_found_anywhere(void **state)
{
	struct guard g = guard_open(64);

	(void)state;
	for (int c = 0; c < 256; c++) {
		bool bad = (c < ' ' && c != '\t' && c != '\r') || c == 0x7f;

		for (size_t at = 0; at < 24; at++) {
			struct pg_err e = { 0 };
			size_t scan = 0;
			char text[24];

			memset(text, 0xff, sizeof(text));
			text[at] = (char)c;
			/* a CR with something after it is bad as well */
			assert_int_equal(pg_http1_head_end(guard_put(&g,
			    (struct pg_str){ text, sizeof(text) }), &scan, &e),
			    bad || (c == '\r' && at < 23) ? -1 : 0);
		}
	}
	guard_close(&g);
}

/* ---- limits of heads -------------------------------------------------- */

static char big[MESSAGE_MAX];

/* A request of n bytes, padded in a header value. */
static struct pg_str
head_of(size_t n)
{
	static const char start[] = "GET / HTTP/1.1\r\nHost: x\r\nA: ";

	memset(big, 'a', sizeof(big));
	memcpy(big, start, sizeof(start) - 1);
	memcpy(big + n - 4, "\r\n\r\n", 4);
	return (struct pg_str){ big, n };
}

/* A request with a target of n bytes. */
static struct pg_str
target_of(size_t n)
{
	static const char end[] = " HTTP/1.1\r\nHost: x\r\n\r\n";

	memset(big, 'a', sizeof(big));
	memcpy(big, "GET /", 5);
	memcpy(big + 4 + n, end, sizeof(end) - 1);
	return (struct pg_str){ big, 4 + n + sizeof(end) - 1 };
}

static struct pg_str
fields_of(size_t n)
{
	size_t len = (size_t)snprintf(big, sizeof(big),
	    "GET / HTTP/1.1\r\nHost: x\r\n");

	for (size_t i = 1; i < n; i++)
		len += (size_t)snprintf(big + len, sizeof(big) - len,
		    "A: b\r\n");
	len += (size_t)snprintf(big + len, sizeof(big) - len, "\r\n");
	return (struct pg_str){ big, len };
}

static void
assert_code(enum kind kind, struct pg_str in, enum pg_code code)
{
	read_message(&whole, kind, in, in.n);
	assert_int_equal(whole.code, code);
	assert_int_equal(whole.ok, code == PG_E_OK);
	read_message(&pieces, kind, in, in.n - 1);
	assert_int_equal(pieces.code, code);
}

static void
head_is_limited(void **state)
{
	struct pg_err e = { 0 };
	size_t scan = 0;

	(void)state;
	assert_code(REQUEST, head_of(PG_HTTP1_HEAD_MAX - 1), PG_E_OK);
	assert_code(REQUEST, head_of(PG_HTTP1_HEAD_MAX), PG_E_OK);
	assert_code(REQUEST, head_of(PG_HTTP1_HEAD_MAX + 1),
	    PG_E_HEAD_LIMIT);
	assert_code(REQUEST, head_of(2 * PG_HTTP1_HEAD_MAX),
	    PG_E_HEAD_LIMIT);
	/* one byte short of what a head may have, it may still end */
	memset(big, 'a', sizeof(big));
	assert_int_equal(pg_http1_head_end(
	    (struct pg_str){ big, PG_HTTP1_HEAD_MAX - 1 }, &scan, &e), 0);
	assert_int_equal(pg_http1_head_end(
	    (struct pg_str){ big, PG_HTTP1_HEAD_MAX }, &scan, &e), -1);
	assert_int_equal(e.code, PG_E_HEAD_LIMIT);
}

static void
target_is_limited(void **state)
{
	(void)state;
	assert_code(REQUEST, target_of(PG_HTTP1_TARGET_MAX - 1), PG_E_OK);
	assert_code(REQUEST, target_of(PG_HTTP1_TARGET_MAX), PG_E_OK);
	assert_code(REQUEST, target_of(PG_HTTP1_TARGET_MAX + 1),
	    PG_E_URI_LIMIT);
	/* also when it is what makes the head too long */
	assert_code(REQUEST, target_of(2 * PG_HTTP1_HEAD_MAX),
	    PG_E_URI_LIMIT);
}

static void
field_count_is_limited(void **state)
{
	(void)state;
	assert_code(REQUEST, fields_of(PG_HTTP1_FIELDS_MAX - 1), PG_E_OK);
	assert_code(REQUEST, fields_of(PG_HTTP1_FIELDS_MAX), PG_E_OK);
	assert_code(REQUEST, fields_of(PG_HTTP1_FIELDS_MAX + 1),
	    PG_E_HEAD_LIMIT);
}

static void
length_is_limited(void **state)
{
	static const struct {
		const char *digits;
		int rc;
	} t[] = {
		{ "9223372036854775806", 0 }, { "9223372036854775807", 0 },
		{ "9223372036854775808", -1 }, { "18446744073709551616", -1 },
		{ "00000000000000000000009", 0 },
		{ "99999999999999999999999999999999999999", -1 },
	};

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_http1_head h;
		struct pg_err e;
		char text[128];

		snprintf(text, sizeof(text), "PUT / HTTP/1.0\r\n"
		    "Content-Length: %s\r\n\r\n", t[i].digits);
		assert_int_equal(parse_request(text, &h, &e), t[i].rc);
		if (t[i].rc == 0)
			assert_int_equal(h.length,
			    strtoull(t[i].digits, NULL, 10));
	}
}

static void
empty_lines_before_are_limited(void **state)
{
	(void)state;
	assert_code(REQUEST, S("\r\nGET / HTTP/1.0\r\n\r\n"), PG_E_OK);
	assert_code(REQUEST, S("\r\n\r\nGET / HTTP/1.0\r\n\r\n"), PG_E_OK);
	assert_code(REQUEST, S("\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
	    PG_E_HOST);
}

/* ---- bodies ----------------------------------------------------------- */

static enum pg_http1_body_kind
body_of(const char *method, const char *response)
{
	struct pg_http1_head h;
	struct pg_http1_body b;
	struct pg_err e = { 0 };

	assert_int_equal(pg_http1_response_parse(pg_str(response), &h, &e), 0);
	pg_http1_body_response(&b, &h, pg_str(method));
	return b.kind;
}

static void
response_bodies_end_as_they_say(void **state)
{
	(void)state;
#define LENGTH "Content-Length: 5\r\n\r\n"
#define CODING "Transfer-Encoding: chunked\r\n\r\n"
	assert_int_equal(body_of("GET", "HTTP/1.1 200\r\n" LENGTH),
	    PG_BODY_LENGTH);
	assert_int_equal(body_of("GET", "HTTP/1.1 200\r\n" CODING),
	    PG_BODY_CHUNKED);
	assert_int_equal(body_of("GET", "HTTP/1.1 200\r\n\r\n"), PG_BODY_EOF);
	assert_int_equal(body_of("GET", "HTTP/1.1 200\r\n"
	    "Content-Length: 0\r\n\r\n"), PG_BODY_NONE);
	assert_int_equal(body_of("HEAD", "HTTP/1.1 200\r\n" LENGTH),
	    PG_BODY_NONE);
	assert_int_equal(body_of("HEAD", "HTTP/1.1 200\r\n\r\n"),
	    PG_BODY_NONE);
	assert_int_equal(body_of("GET", "HTTP/1.1 100\r\n\r\n"),
	    PG_BODY_NONE);
	assert_int_equal(body_of("GET", "HTTP/1.1 204\r\n" CODING),
	    PG_BODY_NONE);
	assert_int_equal(body_of("GET", "HTTP/1.1 304\r\n" LENGTH),
	    PG_BODY_NONE);
#undef LENGTH
#undef CODING
}

static void
body_until_the_end_is_not_reused(void **state)
{
	struct pg_http1_head h;
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_http1_response_parse(
	    S("HTTP/1.1 200 OK\r\n\r\n"), &h, &e), 0);
	assert_false(h.keep_alive);
	assert_int_equal(pg_http1_response_parse(
	    S("HTTP/1.1 204 OK\r\n\r\n"), &h, &e), 0);
	assert_true(h.keep_alive);
	read_everywhere(RESPONSE, S("HTTP/1.1 200\r\n\r\nabc"));
	assert_true(whole.ok);
	assert_int_equal(whole.ndata, 3);
}

static void
end_comes_too_early(void **state)
{
	struct pg_http1_body b = { .kind = PG_BODY_LENGTH, .left = 2 };
	struct pg_err e = { 0 };
	struct pg_str data;

	(void)state;
	assert_int_equal(pg_http1_body_take(&b, S("a"), &data, &e), 1);
	assert_false(pg_http1_body_done(&b));
	assert_int_equal(pg_http1_body_eof(&b, &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
	b = (struct pg_http1_body){ .kind = PG_BODY_EOF };
	assert_false(pg_http1_body_done(&b));
	assert_int_equal(pg_http1_body_eof(&b, &e), 0);
	assert_true(pg_http1_body_done(&b));
}

static void
chunk_data_comes_in_pieces(void **state)
{
	struct pg_http1_body b = { .kind = PG_BODY_CHUNKED };
	struct pg_str in = S("3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\nnext"), data;
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_http1_body_take(&b, in, &data, &e), 6);
	assert_true(pg_str_eqz(data, "abc"));
	assert_ptr_equal(data.p, in.p + 3);
	in = pg_str_skip(in, 6);
	assert_int_equal(pg_http1_body_take(&b, in, &data, &e), 9);
	assert_true(pg_str_eqz(data, "de"));
	in = pg_str_skip(in, 9);
	assert_int_equal(pg_http1_body_take(&b, in, &data, &e), 7);
	assert_int_equal(data.n, 0);
	assert_true(pg_http1_body_done(&b));
	in = pg_str_skip(in, 7);
	assert_int_equal(pg_http1_body_take(&b, in, &data, &e), 0);
	assert_int_equal(b.total, 5);
}

/* ---- limits of chunked bodies ----------------------------------------- */

static struct pg_str
surrounded(const char *before, size_t n, const char *after)
{
	size_t a = strlen(before), z = strlen(after);

	memcpy(big, before, a);
	memset(big + a, 'a', n);
	memcpy(big + a + n, after, z);
	return (struct pg_str){ big, a + n + z };
}

static void
size_line_is_limited(void **state)
{
	const char *after = "\r\nx\r\n0\r\n\r\n";

	(void)state;
	for (size_t n = PG_HTTP1_CHUNK_EXT_MAX - 1;
	    n <= PG_HTTP1_CHUNK_EXT_MAX + 1; n++)
		assert_code(CHUNKED, surrounded("1;", n - 2, after),
		    n <= PG_HTTP1_CHUNK_EXT_MAX ? PG_E_OK : PG_E_HOST);
}

static void
trailers_are_limited(void **state)
{
	(void)state;
	for (size_t n = PG_HTTP1_TRAILER_MAX - 1;
	    n <= PG_HTTP1_TRAILER_MAX + 1; n++)
		assert_code(CHUNKED,
		    surrounded("0\r\nA:b\r\nA:", n - 5, "\r\n\r\n"),
		    n <= PG_HTTP1_TRAILER_MAX ? PG_E_OK : PG_E_HOST);
}

static void
chunk_size_is_limited(void **state)
{
	struct pg_err e = { 0 };
	struct pg_str data;
	static const struct {
		struct pg_str line;
		bool ok;
	} t[] = {
		{ S("7ffffffffffffffe\r\n"), true },
		{ S("7fffffffffffffff\r\n"), true },
		{ S("8000000000000000\r\n"), false },
		{ S("ffffffffffffffff\r\n"), false },
		{ S("10000000000000000\r\n"), false },
		{ S("000000000000000000007fffffffffffffff\r\n"), true },
	};

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_http1_body b = { .kind = PG_BODY_CHUNKED };

		assert_int_equal(pg_http1_body_take(&b, t[i].line, &data, &e),
		    t[i].ok ? (ssize_t)t[i].line.n : -1);
	}
}

/* Feed line, which is framing only, until n bytes of framing were seen or it
 * is refused. */
static bool
stands_framing(struct pg_http1_body *b, uint64_t n)
{
	struct pg_err e = { 0 };
	struct pg_str data;

	while (b->framing < n) {
		/* as if an extension began anew: its own limit is not meant */
		b->line = 2;
		if (pg_http1_body_take(b, S("a"), &data, &e) < 0)
			return false;
	}
	return true;
}

static void
framing_is_limited_by_data(void **state)
{
	const uint64_t free_bytes = PG_HTTP1_FRAMING_FREE;

	(void)state;
	for (uint64_t total = 0; total < 3; total++) {
		uint64_t most = free_bytes + total * PG_HTTP1_FRAMING_RATIO;

		for (uint64_t n = most - 1; n <= most + 1; n++) {
			struct pg_http1_body b = {
				.kind = PG_BODY_CHUNKED,
				.state = PG_CHUNK_EXT,
				.digit = true,
				.left = 1,
				.total = total,
			};

			assert_int_equal(stands_framing(&b, n), n <= most);
		}
	}
}

/* One byte a chunk is wasteful but honest, however long the body. */
static void
smallest_chunks_pass(void **state)
{
	struct pg_http1_body b = { .kind = PG_BODY_CHUNKED };
	struct pg_err e = { 0 };
	struct pg_str data;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(pg_http1_body_take(&b, S("1\r\nx"), &data,
		    &e), 4);
		assert_int_equal(pg_http1_body_take(&b, S("\r\n"), &data, &e),
		    2);
	}
	assert_int_equal(b.total, 100000);
}

static void
every_status_has_a_reason(void **state)
{
	(void)state;
	for (enum pg_code c = PG_E_OK + 1; c < PG_E_COUNT; c++)
		assert_string_not_equal(pg_http1_reason(pg_code_status(c)),
		    "Unknown");
	assert_string_equal(pg_http1_reason(200), "OK");
	assert_string_equal(pg_http1_reason(299), "Unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus_is_judged_as_named),
		cmocka_unit_test(python_head_is_read),
		cmocka_unit_test(old_server_is_read),
		cmocka_unit_test(values_lose_blanks_around),
		cmocka_unit_test(unused_fields_are_not_touched),
		cmocka_unit_test(keep_alive_follows_version_and_connection),
		cmocka_unit_test(only_new_clients_expect),
		cmocka_unit_test(tokens_are_found_whole),
		cmocka_unit_test(parse_stands_alone),
		cmocka_unit_test(next_request_stays),
		cmocka_unit_test(search_goes_on_where_it_stopped),
		cmocka_unit_test(bad_bytes_are_refused_at_once),
		cmocka_unit_test(control_bytes_are_found_anywhere),
		cmocka_unit_test(head_is_limited),
		cmocka_unit_test(target_is_limited),
		cmocka_unit_test(field_count_is_limited),
		cmocka_unit_test(length_is_limited),
		cmocka_unit_test(empty_lines_before_are_limited),
		cmocka_unit_test(response_bodies_end_as_they_say),
		cmocka_unit_test(body_until_the_end_is_not_reused),
		cmocka_unit_test(end_comes_too_early),
		cmocka_unit_test(chunk_data_comes_in_pieces),
		cmocka_unit_test(size_line_is_limited),
		cmocka_unit_test(trailers_are_limited),
		cmocka_unit_test(chunk_size_is_limited),
		cmocka_unit_test(framing_is_limited_by_data),
		cmocka_unit_test(smallest_chunks_pass),
		cmocka_unit_test(every_status_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
