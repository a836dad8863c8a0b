/* url: http URLs, request targets and query strings.
 *
 * Bytes in, borrowed pieces out; only what had to be decoded or composed is
 * allocated, in the caller's arena. What RFC 3986 allows but no peer sends
 * (user info, fragments, names with escapes) is refused rather than carried
 * along: a URL that two readers split differently sends a key to a stranger.
 */
#include "url.h"

/* ---- pieces of a URL -------------------------------------------------- */

/* Text is quoted in part only; the URL may be 8 KiB. */
static int
url_fail(struct pg_str text, const char *why, struct pg_err *e)
{
	return pg_fail(e, PG_E_HOST, "URL \"%.*s\": %s",
	    (int)PG_MIN(text.n, (size_t)120), text.p, why);
}

static bool
url_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

/* RFC 3986 section 2.3 */
static bool
url_unreserved(char c)
{
	return url_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int
url_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Whether s is printable ASCII without blanks and without '#', which a
 * client never sends. */
static bool
url_clean(struct pg_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
			return false;
	}
	return true;
}

/* Take the part of *s before the first of the bytes in stops, or all. */
static struct pg_str
url_cut(struct pg_str *s, const char *stops)
{
	struct pg_str head = { s->p, 0 };
	size_t nstops = strlen(stops);

	while (head.n < s->n && memchr(stops, s->p[head.n], nstops) == NULL)
		head.n++;
	*s = pg_str_skip(*s, head.n);
	return head;
}

/* Take "http://" or "https://" off *s. */
static bool
url_scheme(struct pg_str *s, struct pg_str *scheme)
{
	struct pg_str rest = *s;

	*scheme = url_cut(&rest, ":");
	if (!pg_str_ieq(*scheme, PG_STR("http")) &&
	    !pg_str_ieq(*scheme, PG_STR("https")))
		return false;
	if (!pg_str_starts(rest, PG_STR("://")))
		return false;
	*s = pg_str_skip(rest, 3);
	return true;
}

/* The digits of a port; none at all mean the default (RFC 3986 section
 * 3.2.3), told as 0. */
static bool
url_port(struct pg_str s, uint16_t *port)
{
	unsigned value = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		value = value * 10 + (unsigned)(s.p[i] - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*port = (uint16_t)value;
	return s.n == 0 || value > 0;
}

/* A name or IPv4 address; between brackets, what an IPv6 address is made of.
 * Whether it is one the resolver decides. */
static bool
url_host_ok(struct pg_str host, bool v6)
{
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];
		bool ok = v6 ? url_hex(c) >= 0 || c == ':' || c == '.'
			     : url_unreserved(c);

		if (!ok)
			return false;
	}
	return host.n > 0;
}

/* host[:port]; out->port is 0 when absent. Why it is none, or NULL. */
static const char *
url_authority(struct pg_str a, struct pg_url *out)
{
	out->v6 = a.n > 0 && a.p[0] == '[';
	if (out->v6) {
		a = pg_str_skip(a, 1);
		out->host = url_cut(&a, "]");
		if (a.n == 0)
			return "unclosed bracket";
		a = pg_str_skip(a, 1);
	} else {
		out->host = url_cut(&a, ":");
		if (a.n > 1 && memchr(a.p + 1, ':', a.n - 1) != NULL)
			return "IPv6 address without brackets";
	}
	if (!url_host_ok(out->host, out->v6))
		return out->host.n == 0 ? "no host" : "bad host";
	if (a.n > 0 && a.p[0] != ':')
		return "bad host";
	if (!url_port(pg_str_skip(a, 1), &out->port))
		return "bad port";
	return NULL;
}

/* ---- whole URLs ------------------------------------------------------- */

PG_FN int
pg_url_parse(struct pg_str text, struct pg_url *out, struct pg_err *e)
{
	struct pg_str rest = text, authority;
	struct pg_url url;
	const char *why;

	if (text.n > PG_URL_MAX)
		return url_fail(text, "too long", e);
	if (!url_clean(text))
		return url_fail(text, "blank, '#', control or non-ASCII byte",
		    e);
	if (!url_scheme(&rest, &url.scheme))
		return url_fail(text, "does not begin with http://", e);
	authority = url_cut(&rest, "/");
	/* Not quoted: what precedes the @ may be a password. */
	if (authority.n > 0 && memchr(authority.p, '@', authority.n) != NULL)
		return pg_fail(e, PG_E_HOST, "URL with user info");
	why = url_authority(authority, &url);
	if (why != NULL)
		return url_fail(text, why, e);
	if (url.port == 0)
		url.port = url.scheme.n == 4 ? 80 : 443;
	url.path = rest;
	*out = url;
	return 0;
}

PG_FN int
pg_url_normalise(struct pg_arena *a, struct pg_str text, struct pg_str *out,
    struct pg_err *e)
{
	struct pg_str prefix = PG_STR("http://"), url;
	struct pg_url parsed;
	char *p;

	text = pg_str_trim(text);
	if (text.n > PG_URL_MAX)
		return url_fail(text, "too long", e);
	/* Before slashes go: "http://" must not become a host named http. */
	if (text.n > 0 && memmem(text.p, text.n, "://", 3) != NULL)
		prefix = PG_STR("");
	while (text.n > 0 && text.p[text.n - 1] == '/')
		text.n--;
	p = pg_arena_alloc(a, prefix.n + text.n + 1);
	if (p == NULL)
		return pg_fail(e, PG_E_LIMIT, "URL: no room for %zu bytes",
		    text.n);
	memcpy(p, prefix.p, prefix.n);
	if (text.n > 0)
		memcpy(p + prefix.n, text.p, text.n);
	url = (struct pg_str){ p, prefix.n + text.n };
	p[url.n] = '\0';
	if (pg_url_parse(url, &parsed, e) < 0)
		return -1;
	*out = url;
	return 0;
}

/* ---- request targets -------------------------------------------------- */

PG_FN int
pg_target_split(struct pg_str target, struct pg_str *path,
    struct pg_str *query, struct pg_err *e)
{
	struct pg_str rest = target, scheme, head;
	struct pg_url url;

	if (target.n == 0 || !url_clean(target))
		return pg_fail(e, PG_E_HOST, "request target: empty, or with "
		    "'#', blank, control or non-ASCII byte");
	if (target.p[0] != '/') {
		/* absolute-form, RFC 9112 section 3.2.2; the authority is
		 * checked and dropped, we are who was asked. */
		if (!url_scheme(&rest, &scheme))
			return pg_fail(e, PG_E_HOST,
			    "request target: neither a path nor an http URL");
		if (url_authority(url_cut(&rest, "/?"), &url) != NULL)
			return pg_fail(e, PG_E_HOST,
			    "request target: bad host in URL");
	}
	head = url_cut(&rest, "?");
	*path = head.n > 0 ? head : PG_STR("/");
	*query = pg_str_skip(rest, 1);
	return 0;
}

PG_FN bool
pg_path_next(struct pg_str *rest, struct pg_str *segment)
{
	while (rest->n > 0 && rest->p[0] == '/')
		*rest = pg_str_skip(*rest, 1);
	*segment = url_cut(rest, "/");
	return segment->n > 0;
}

/* ---- escapes and queries ---------------------------------------------- */

/* Decode s into dst, which has room for s.n bytes. Bad escapes stay as they
 * are and are counted in *bad. Returns the bytes written. */
static size_t
url_unescape(char *dst, struct pg_str s, bool plus, size_t *bad)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (plus && c == '+') {
			c = ' ';
		} else if (c == '%') {
			int hi = i + 2 < s.n ? url_hex(s.p[i + 1]) : -1;
			int lo = i + 2 < s.n ? url_hex(s.p[i + 2]) : -1;

			if (hi >= 0 && lo >= 0) {
				c = (char)(hi << 4 | lo);
				i += 2;
			} else {
				(*bad)++;
			}
		}
		dst[n++] = c;
	}
	return n;
}

/* A name or value of a query, as parse_qs of Python reads it: bad escapes are
 * kept as text. Allocates only if there is something to decode; p is NULL
 * when the arena is full. */
static struct pg_str
url_query_text(struct pg_arena *a, struct pg_str s)
{
	size_t bad = 0;
	char *p;

	if (memchr(s.p, '%', s.n) == NULL && memchr(s.p, '+', s.n) == NULL)
		return s;
	p = pg_arena_alloc(a, s.n);
	if (p == NULL)
		return PG_STR_NULL;
	return (struct pg_str){ p, url_unescape(p, s, true, &bad) };
}

PG_FN bool
pg_query_get(struct pg_arena *a, struct pg_str query, const char *name,
    struct pg_str *out)
{
	while (query.n > 0) {
		struct pg_str value = url_cut(&query, "&"), key, text;

		query = pg_str_skip(query, 1);
		key = url_cut(&value, "=");
		/* value is still "=..." here; blank counts as absent */
		if (value.n < 2 || !pg_str_eqz(url_query_text(a, key), name))
			continue;
		text = url_query_text(a, pg_str_skip(value, 1));
		if (text.p == NULL)
			return false;
		*out = text;
		return true;
	}
	return false;
}

PG_FN struct pg_str
pg_percent_decode(struct pg_arena *a, struct pg_str s, bool *ok)
{
	size_t bad = 0, n = 0;
	char *p = NULL;

	if (s.n > 0 && memchr(s.p, '%', s.n) != NULL) {
		p = pg_arena_alloc(a, s.n);
		if (p == NULL)
			bad = 1;
		else
			n = url_unescape(p, s, false, &bad);
	}
	if (ok != NULL)
		*ok = bad == 0;
	return p == NULL || bad > 0 ? s : (struct pg_str){ p, n };
}

PG_FN struct pg_str
pg_percent_encode(struct pg_arena *a, struct pg_str s)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;
	char *p;

	if (s.n > SIZE_MAX / 3 - 1)
		return PG_STR_NULL;
	p = pg_arena_alloc(a, 3 * s.n + 1);
	if (p == NULL)
		return PG_STR_NULL;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (url_unreserved(s.p[i])) {
			p[n++] = s.p[i];
			continue;
		}
		p[n++] = '%';
		p[n++] = digits[c >> 4];
		p[n++] = digits[c & 15];
	}
	return (struct pg_str){ p, n };
}
