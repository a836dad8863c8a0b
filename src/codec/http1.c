/* http1: HTTP/1.1 heads and bodies.
 *
 * Framing and syntax only: no sockets, no allocation. A head is searched for
 * once, however it trickles in, and parsed once, in one pass that also decides
 * where the body ends. Input may be cut anywhere; progress through a body
 * lives in struct pg_http1_body.
 *
 * Two readers who disagree about where a message ends invite smuggling (RFC
 * 9112 section 11.2), so whatever the grammar does not allow is refused, and
 * so are both ways of framing at once.
 */
#include "http1.h"

#include <endian.h>

/* ---- bytes ------------------------------------------------------------ */

/* What a byte may be part of: a token (RFC 9110 section 5.6.2), a Host value
 * (RFC 3986 sections 3.2.2 and 3.2.3). */
enum http1_class { HTTP1_TOKEN = 1, HTTP1_HOST = 2, HTTP1_BOTH = 3 };

static const unsigned char http1_class[256] = {
	['!'] = HTTP1_BOTH,
	['#'] = HTTP1_TOKEN,
	['$' ... '\''] = HTTP1_BOTH,
	['(' ... ')'] = HTTP1_HOST,
	['*' ... '+'] = HTTP1_BOTH,
	[','] = HTTP1_HOST,
	['-' ... '.'] = HTTP1_BOTH,
	['0' ... '9'] = HTTP1_BOTH,
	[':' ... ';'] = HTTP1_HOST,
	['='] = HTTP1_HOST,
	['A' ... 'Z'] = HTTP1_BOTH,
	['['] = HTTP1_HOST,
	[']'] = HTTP1_HOST,
	['^'] = HTTP1_TOKEN,
	['_'] = HTTP1_BOTH,
	['`'] = HTTP1_TOKEN,
	['a' ... 'z'] = HTTP1_BOTH,
	['|'] = HTTP1_TOKEN,
	['~'] = HTTP1_BOTH,
};

static bool
http1_is(char c, enum http1_class class)
{
	return (http1_class[(unsigned char)c] & class) != 0;
}

static bool
http1_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct pg_str
http1_trim(struct pg_str s)
{
	while (s.n > 0 && http1_blank(s.p[0]))
		s.p++, s.n--;
	while (s.n > 0 && http1_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Whether s is the word, in any case. The word is of small letters, digits and
 * '-', and s holds no control byte: so that setting one bit makes letters
 * small and nothing else equal. */
static bool
http1_word(struct pg_str s, struct pg_str word)
{
	size_t i = 0;

	if (s.n != word.n)
		return false;
	while (i < s.n && (s.p[i] | 0x20) == word.p[i])
		i++;
	return i == s.n;
}

/* Take a token, or nothing, from *p; what follows it is never past the end,
 * since a line ends with a byte that is in no token. */
static struct pg_str
http1_token(const char **p)
{
	const char *q = *p;
	struct pg_str token = { q, 0 };

	while (http1_is(*q, HTTP1_TOKEN))
		q++;
	token.n = (size_t)(q - token.p);
	*p = q;
	return token;
}

/* First control byte (below 0x20, or DEL) from p on, or end: eight bytes a
 * step, one pass for line ends and for what may not occur at all. */
static const char *
http1_control(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (; end - p >= 8; p += 8) {
		uint64_t word, hit;

		memcpy(&word, p, 8);
		word = le64toh(word);
		/* A byte's subtraction borrows if it is small enough; only
		 * the lowest hit is exact, and it is the first byte. */
		hit = ((word - ones * 0x20) | ((word ^ ones * 0x7f) - ones)) &
		    ~word & ones * 0x80;
		if (hit != 0)
			return p + __builtin_ctzll(hit) / 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 && *p != 0x7f)
		p++;
	return p;
}

/* Take the next item of a comma-separated list; items may be empty. *rest has
 * a NULL p after the last. */
static bool
http1_list_next(struct pg_str *rest, struct pg_str *item)
{
	const char *comma;

	if (rest->p == NULL)
		return false;
	comma = memchr(rest->p, ',', rest->n);
	*item = *rest;
	if (comma != NULL) {
		item->n = (size_t)(comma - rest->p);
		rest->p += item->n + 1;
		rest->n -= item->n + 1;
	} else {
		*rest = PG_STR_NULL;
	}
	*item = http1_trim(*item);
	return true;
}

/* ---- where a head ends ------------------------------------------------ */

/* No end within the limit: tell whose fault it is, the target's or that of
 * all the rest. */
static int
http1_head_over(struct pg_str in, struct pg_err *e)
{
	const char *end = in.p + PG_HTTP1_HEAD_MAX, *p = in.p, *target;

	while (*p == '\r' || *p == '\n')
		p++;
	while (p < end && http1_is(*p, HTTP1_TOKEN))
		p++;
	if (p < end)
		p++;
	target = p;
	while (p < end && (unsigned char)*p > ' ')
		p++;
	if (p - target > PG_HTTP1_TARGET_MAX)
		return pg_fail(e, PG_E_URI_LIMIT,
		    "HTTP head: target over %d bytes", PG_HTTP1_TARGET_MAX);
	return pg_fail(e, PG_E_HEAD_LIMIT, "HTTP head: over %d bytes",
	    PG_HTTP1_HEAD_MAX);
}

/* Whether the CRLF at `at` is the empty line that ends a head. One or two at
 * the very start are not (RFC 9112 section 2.2); a third is, of a head that
 * the parser then finds empty. */
static bool
http1_ends_head(struct pg_str in, size_t at)
{
	return at > 0 && in.p[at - 1] == '\n' && at != 2;
}

PG_FN ssize_t
pg_http1_head_end(struct pg_str in, size_t *scan, struct pg_err *e)
{
	const char *p, *end;

	assert(*scan <= in.n);
	if (in.n == 0)
		return 0;
	end = in.p + PG_MIN(in.n, (size_t)PG_HTTP1_HEAD_MAX);
	p = in.p + *scan;
	while ((p = http1_control(p, end)) < end) {
		size_t at = (size_t)(p - in.p);

		if (*p == '\t') {
			p++;
			continue;
		}
		if (*p == '\r' && p + 1 == end)
			break;
		if (*p != '\r' || p[1] != '\n')
			return pg_fail_at(e, PG_E_HOST, at,
			    "HTTP head: bare CR or LF, or control byte");
		p += 2;
		if (http1_ends_head(in, at)) {
			*scan = 0;
			return p - in.p;
		}
	}
	*scan = (size_t)(p - in.p);
	return in.n >= PG_HTTP1_HEAD_MAX ? http1_head_over(in, e) : 0;
}

/* ---- fields of a head ------------------------------------------------- */

/* Where parsing stands, and what the fields said besides what out holds.
 * [start, end) ends with an empty line (checked first), so that whoever stops
 * at a CR needs not look for end. */
struct http1_parse {
	const char *start, *p, *end;
	struct pg_http1_head *out;
	struct pg_err *e;
	struct pg_str host; /* NULL p: not seen */
	bool close, keep;   /* tokens of Connection */
};

static int
http1_bad(struct http1_parse *r, const char *why)
{
	return pg_fail_at(r->e, PG_E_HOST, (size_t)(r->p - r->start),
	    "HTTP head: %s", why);
}

/* Host twice is an error by RFC 9112 section 3.2, but http.client of Python
 * users does it (QUIRKS 1); the same value twice misleads nobody. */
static int
http1_note_host(struct http1_parse *r, struct pg_str value)
{
	for (size_t i = 0; i < value.n; i++) {
		if (!http1_is(value.p[i], HTTP1_HOST))
			return http1_bad(r, "bad Host");
	}
	if (r->host.p != NULL && !pg_str_eq(r->host, value))
		return http1_bad(r, "differing Host fields");
	r->host = value;
	return 0;
}

static bool
http1_digits(struct pg_str s, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';

		if (digit > 9 || value > (PG_HTTP1_LENGTH_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return s.n > 0;
}

/* RFC 9110 section 8.6: a repeated value is accepted if it is always the
 * same. */
static int
http1_note_length(struct http1_parse *r, struct pg_str value)
{
	struct pg_http1_head *out = r->out;
	struct pg_str item;
	uint64_t length;

	while (http1_list_next(&value, &item)) {
		if (!http1_digits(item, &length))
			return http1_bad(r, "bad Content-Length");
		if (out->has_length && out->length != length)
			return http1_bad(r, "differing Content-Lengths");
		out->has_length = true;
		out->length = length;
	}
	return 0;
}

/* We decode no other coding, and nobody applies chunked twice (RFC 9112
 * section 6.1); HTTP/1.0 has no transfer codings. */
static int
http1_note_coding(struct http1_parse *r, struct pg_str value)
{
	if (r->out->minor == 0)
		return http1_bad(r, "Transfer-Encoding in HTTP/1.0");
	if (r->out->chunked || !http1_word(value, PG_STR("chunked")))
		return http1_bad(r, "Transfer-Encoding other than chunked");
	r->out->chunked = true;
	return 0;
}

static int
http1_note_connection(struct http1_parse *r, struct pg_str value)
{
	struct pg_str item;

	while (http1_list_next(&value, &item)) {
		r->close |= http1_word(item, PG_STR("close"));
		r->keep |= http1_word(item, PG_STR("keep-alive"));
	}
	return 0;
}

/* An HTTP/1.0 client cannot wait for 100 (RFC 9110 section 10.1.1). */
static int
http1_note_expect(struct http1_parse *r, struct pg_str value)
{
	if (r->out->minor > 0 && http1_word(value, PG_STR("100-continue")))
		r->out->expect_continue = true;
	return 0;
}

/* Remember what decides framing. The length of a name leaves one candidate. */
static int
http1_note(struct http1_parse *r, const struct pg_http1_field *f)
{
	static const struct {
		struct pg_str word;
		int (*note)(struct http1_parse *, struct pg_str);
	} known[] = {
		[4] = { { "host", 4 }, http1_note_host },
		[6] = { { "expect", 6 }, http1_note_expect },
		[10] = { { "connection", 10 }, http1_note_connection },
		[14] = { { "content-length", 14 }, http1_note_length },
		[17] = { { "transfer-encoding", 17 }, http1_note_coding },
	};

	if (f->name.n >= PG_COUNT(known) || known[f->name.n].note == NULL ||
	    !http1_word(f->name, known[f->name.n].word))
		return 0;
	return known[f->name.n].note(r, f->value);
}

static int
http1_crlf(struct http1_parse *r)
{
	if (r->p[0] != '\r' || r->p[1] != '\n')
		return http1_bad(r, "line not ended by CRLF");
	r->p += 2;
	return 0;
}

/* Text up to the end of the line, which is taken too. Tabs may be in it, but
 * no other control byte. */
static int
http1_text(struct http1_parse *r, struct pg_str *text)
{
	const char *p = r->p;

	while (*(p = http1_control(p, r->end)) == '\t')
		p++;
	*text = (struct pg_str){ r->p, (size_t)(p - r->p) };
	r->p = p;
	return http1_crlf(r);
}

static int
http1_field_line(struct http1_parse *r, struct pg_http1_field *f)
{
	f->name = http1_token(&r->p);
	if (f->name.n == 0 && http1_blank(*r->p))
		return http1_bad(r, "folded header line");
	if (f->name.n == 0 || *r->p != ':')
		return http1_bad(r, "bad header name");
	r->p++;
	if (http1_text(r, &f->value) < 0)
		return -1;
	f->value = http1_trim(f->value);
	return 0;
}

static int
http1_fields(struct http1_parse *r)
{
	struct pg_http1_head *out = r->out;

	while (*r->p != '\r') {
		struct pg_http1_field *f = &out->fields[out->nfields];

		if (out->nfields == PG_HTTP1_FIELDS_MAX)
			return pg_fail(r->e, PG_E_HEAD_LIMIT,
			    "HTTP head: over %d fields", PG_HTTP1_FIELDS_MAX);
		if (http1_field_line(r, f) < 0 || http1_note(r, f) < 0)
			return -1;
		out->nfields++;
	}
	if (r->end - r->p != 2)
		return http1_bad(r, "bytes after the empty line");
	/* RFC 9112 section 6.3, rule 3: ought to be handled as an error. */
	if (out->chunked && out->has_length)
		return http1_bad(r, "Transfer-Encoding with Content-Length");
	out->keep_alive = !r->close && (out->minor > 0 || r->keep);
	return 0;
}

/* ---- heads ------------------------------------------------------------ */

/* Get ready for head. The table of fields is left as it is: clearing it would
 * cost more than parsing. */
static int
http1_begin(struct http1_parse *r, struct pg_str head,
    struct pg_http1_head *out, struct pg_err *e)
{
	*r = (struct http1_parse){
		.start = head.p, .p = head.p, .out = out, .e = e
	};
	if (head.n < 4 || memcmp(head.p + head.n - 4, "\r\n\r\n", 4) != 0)
		return http1_bad(r, "no empty line at the end");
	r->end = head.p + head.n;
	out->method = out->target = out->reason = PG_STR_NULL;
	out->status = 0;
	out->minor = 0;
	out->nfields = 0;
	out->chunked = out->has_length = false;
	out->length = 0;
	out->keep_alive = out->expect_continue = false;
	return 0;
}

/* "HTTP/1.x". Minor versions to come are read as 1.1 (RFC 9110 section 2.5);
 * another major version is another protocol. */
static int
http1_version(struct http1_parse *r)
{
	if (r->end - r->p < 10 || memcmp(r->p, "HTTP/1.", 7) != 0 ||
	    r->p[7] < '0' || r->p[7] > '9')
		return http1_bad(r, "no HTTP/1.x version");
	r->out->minor = r->p[7] > '0';
	r->p += 8;
	return 0;
}

static int
http1_request_line(struct http1_parse *r)
{
	struct pg_http1_head *out = r->out;
	const char *p;

	out->method = http1_token(&r->p);
	if (out->method.n == 0 || *r->p != ' ')
		return http1_bad(r, "bad method");
	for (p = ++r->p; *p > ' ' && *p <= '~'; p++)
		;
	out->target = (struct pg_str){ r->p, (size_t)(p - r->p) };
	r->p = p;
	if (out->target.n > PG_HTTP1_TARGET_MAX)
		return pg_fail(r->e, PG_E_URI_LIMIT,
		    "HTTP head: target over %d bytes", PG_HTTP1_TARGET_MAX);
	if (out->target.n == 0 || *r->p != ' ')
		return http1_bad(r, "bad request target");
	r->p++;
	return http1_version(r) < 0 ? -1 : http1_crlf(r);
}

PG_FN int
pg_http1_request_parse(struct pg_str head, struct pg_http1_head *out,
    struct pg_err *e)
{
	struct http1_parse r;

	if (http1_begin(&r, head, out, e) < 0)
		return -1;
	/* Empty lines before it, as pg_http1_head_end lets them pass; what is
	 * left always ends with an empty line of its own. */
	for (int i = 0; i < 2 && r.end - r.p > 4 && *r.p == '\r'; i++) {
		if (http1_crlf(&r) < 0)
			return -1;
	}
	if (http1_request_line(&r) < 0 || http1_fields(&r) < 0)
		return -1;
	if (out->minor > 0 && r.host.p == NULL)
		return http1_bad(&r, "no Host");
	return 0;
}

/* Three digits, and a reason phrase that may be absent, with its blank or
 * without (RFC 9112 section 4 wants the blank). */
static int
http1_status_line(struct http1_parse *r)
{
	struct pg_http1_head *out = r->out;
	uint64_t status;

	if (http1_version(r) < 0)
		return -1;
	if (r->end - r->p < 6 || *r->p != ' ' ||
	    !http1_digits((struct pg_str){ r->p + 1, 3 }, &status) ||
	    status < 100)
		return http1_bad(r, "bad status");
	out->status = (int)status;
	r->p += 4;
	if (*r->p == '\r')
		return http1_crlf(r);
	if (*r->p != ' ')
		return http1_bad(r, "bad status");
	r->p++;
	return http1_text(r, &out->reason);
}

/* 1xx, 204 and 304 end with their head (RFC 9112 section 6.3, rule 1). */
static bool
http1_bodiless(int status)
{
	return status < 200 || status == 204 || status == 304;
}

PG_FN int
pg_http1_response_parse(struct pg_str head, struct pg_http1_head *out,
    struct pg_err *e)
{
	struct http1_parse r;

	if (http1_begin(&r, head, out, e) < 0 || http1_status_line(&r) < 0 ||
	    http1_fields(&r) < 0)
		return -1;
	if (!out->chunked && !out->has_length && !http1_bodiless(out->status))
		out->keep_alive = false;
	return 0;
}

PG_FN struct pg_str
pg_http1_field(const struct pg_http1_head *h, const char *name)
{
	struct pg_str want = pg_str(name);

	for (size_t i = 0; i < h->nfields; i++) {
		if (pg_str_ieq(h->fields[i].name, want))
			return h->fields[i].value;
	}
	return PG_STR_NULL;
}

PG_FN_TEST bool
pg_http1_has_token(struct pg_str value, const char *token)
{
	struct pg_str item, want = pg_str(token);

	while (http1_list_next(&value, &item)) {
		if (pg_str_ieq(item, want))
			return true;
	}
	return false;
}

/* ---- bodies ----------------------------------------------------------- */

/* What the head says about its body: chunked, a length, or `otherwise`. */
static void
http1_body_init(struct pg_http1_body *b, const struct pg_http1_head *h,
    enum pg_http1_body_kind otherwise)
{
	*b = (struct pg_http1_body){ .kind = otherwise };
	if (h->chunked) {
		b->kind = PG_BODY_CHUNKED;
	} else if (h->has_length) {
		b->kind = h->length > 0 ? PG_BODY_LENGTH : PG_BODY_NONE;
		b->left = h->length;
	}
}

PG_FN void
pg_http1_body_request(struct pg_http1_body *b, const struct pg_http1_head *h)
{
	http1_body_init(b, h, PG_BODY_NONE);
}

PG_FN void
pg_http1_body_response(struct pg_http1_body *b, const struct pg_http1_head *h,
    struct pg_str method)
{
	if (http1_bodiless(h->status) || pg_str_eqz(method, "HEAD"))
		*b = (struct pg_http1_body){ .kind = PG_BODY_NONE };
	else
		http1_body_init(b, h, PG_BODY_EOF);
}

static int
http1_chunk_bad(const char *why, struct pg_err *e)
{
	return pg_fail(e, PG_E_HOST, "HTTP chunk: %s", why);
}

static int
http1_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Printable, blank or above ASCII: what the text of a line may hold. */
static bool
http1_is_text(char c)
{
	return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

/* One byte of a size line: "1f", maybe blanks (RFC 9112 section 7.1.1), maybe
 * ";" and extensions, which are skipped. */
static int
http1_chunk_size(struct pg_http1_body *b, char c, struct pg_err *e)
{
	int digit = http1_hex(c);

	if (c == '\r' && b->digit && b->state != PG_CHUNK_BWS) {
		b->state = PG_CHUNK_SIZE_LF;
		return 0;
	}
	if (++b->line > PG_HTTP1_CHUNK_EXT_MAX)
		return http1_chunk_bad("size line too long", e);
	if (b->state == PG_CHUNK_EXT)
		return http1_is_text(c) ? 0 :
		    http1_chunk_bad("control byte in extension", e);
	if (b->state == PG_CHUNK_SIZE && digit >= 0) {
		if (b->left > (PG_HTTP1_LENGTH_MAX >> 4))
			return http1_chunk_bad("size too large", e);
		b->left = b->left << 4 | (uint64_t)digit;
		b->digit = true;
		return 0;
	}
	if (!b->digit || (c != ';' && !http1_blank(c)))
		return http1_chunk_bad("bad size", e);
	b->state = c == ';' ? PG_CHUNK_EXT : PG_CHUNK_BWS;
	return 0;
}

/* One byte of a trailer line. Trailers are skipped, but must be fields: what
 * follows a chunked body that another reader thinks complete is not to pass
 * for one (RFC 9112 section 7.1.2). */
static int
http1_chunk_trailer(struct pg_http1_body *b, char c, struct pg_err *e)
{
	bool in_name = b->state == PG_CHUNK_TRAILER;

	if (c == '\r' && (!in_name || b->line == 0)) {
		b->state = PG_CHUNK_TRAILER_LF;
		return 0;
	}
	if (++b->trailer > PG_HTTP1_TRAILER_MAX)
		return http1_chunk_bad("trailers too long", e);
	if (in_name && c == ':' && b->line > 0)
		b->state = PG_CHUNK_TRAILER_VALUE;
	else if (in_name ? !http1_is(c, HTTP1_TOKEN) : !http1_is_text(c))
		return http1_chunk_bad("bad trailer", e);
	b->line++;
	return 0;
}

/* The CR or LF that has to come now, and the state after it. */
static int
http1_chunk_expect(struct pg_http1_body *b, char c, char want,
    enum pg_http1_chunk_state next, struct pg_err *e)
{
	if (c != want)
		return http1_chunk_bad("line not ended by CRLF", e);
	b->state = next;
	b->line = 0;
	return 0;
}

/* One byte of framing. */
static int
http1_chunk_step(struct pg_http1_body *b, char c, struct pg_err *e)
{
	switch (b->state) {
	case PG_CHUNK_SIZE:
	case PG_CHUNK_BWS:
	case PG_CHUNK_EXT:
		return http1_chunk_size(b, c, e);
	case PG_CHUNK_SIZE_LF:
		return http1_chunk_expect(b, c, '\n',
		    b->left > 0 ? PG_CHUNK_DATA : PG_CHUNK_TRAILER, e);
	case PG_CHUNK_DATA_CR:
		return http1_chunk_expect(b, c, '\r', PG_CHUNK_DATA_LF, e);
	case PG_CHUNK_DATA_LF:
		b->digit = false;
		return http1_chunk_expect(b, c, '\n', PG_CHUNK_SIZE, e);
	case PG_CHUNK_TRAILER:
	case PG_CHUNK_TRAILER_VALUE:
		return http1_chunk_trailer(b, c, e);
	case PG_CHUNK_TRAILER_LF:
		return http1_chunk_expect(b, c, '\n',
		    b->line > 0 ? PG_CHUNK_TRAILER : PG_CHUNK_END, e);
	case PG_CHUNK_DATA:
	case PG_CHUNK_END:
		break;
	}
	assert(false); /* data and what follows the end are no framing */
	return -1;
}

/* Hand out what in holds of the present length or chunk. */
static void
http1_body_data(struct pg_http1_body *b, const char *p, size_t n,
    struct pg_str *data)
{
	if (b->kind != PG_BODY_EOF) {
		n = (size_t)PG_MIN((uint64_t)n, b->left);
		b->left -= n;
	}
	b->total += n;
	*data = (struct pg_str){ p, n };
}

static ssize_t
http1_body_chunked(struct pg_http1_body *b, struct pg_str in,
    struct pg_str *data, struct pg_err *e)
{
	size_t at = 0;

	for (; at < in.n && b->state != PG_CHUNK_END; at++) {
		if (b->state == PG_CHUNK_DATA) {
			http1_body_data(b, in.p + at, in.n - at, data);
			if (b->left == 0)
				b->state = PG_CHUNK_DATA_CR;
			return (ssize_t)(at + data->n);
		}
		if (++b->framing > PG_HTTP1_FRAMING_FREE &&
		    (b->framing - PG_HTTP1_FRAMING_FREE - 1) /
		    PG_HTTP1_FRAMING_RATIO >= b->total)
			return http1_chunk_bad("more framing than data", e);
		if (http1_chunk_step(b, in.p[at], e) < 0)
			return -1;
	}
	return (ssize_t)at;
}

PG_FN ssize_t
pg_http1_body_take(struct pg_http1_body *b, struct pg_str in,
    struct pg_str *data, struct pg_err *e)
{
	*data = PG_STR_NULL;
	switch (b->kind) {
	case PG_BODY_NONE:
		return 0;
	case PG_BODY_LENGTH:
	case PG_BODY_EOF:
		http1_body_data(b, in.p, in.n, data);
		return (ssize_t)data->n;
	case PG_BODY_CHUNKED:
		return http1_body_chunked(b, in, data, e);
	}
	return 0;
}

PG_FN bool
pg_http1_body_done(const struct pg_http1_body *b)
{
	switch (b->kind) {
	case PG_BODY_NONE:
		return true;
	case PG_BODY_LENGTH:
		return b->left == 0;
	case PG_BODY_CHUNKED:
	case PG_BODY_EOF:
		return b->state == PG_CHUNK_END;
	}
	return true;
}

PG_FN int
pg_http1_body_eof(struct pg_http1_body *b, struct pg_err *e)
{
	if (b->kind == PG_BODY_EOF)
		b->state = PG_CHUNK_END;
	if (pg_http1_body_done(b))
		return 0;
	return pg_fail(e, PG_E_HOST,
	    "HTTP body: connection ended after %" PRIu64 " bytes of it",
	    b->total);
}

PG_FN const char *
pg_http1_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} known[] = {
		{ 100, "Continue" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < PG_COUNT(known); i++) {
		if (known[i].status == status)
			return known[i].reason;
	}
	return "Unknown";
}
