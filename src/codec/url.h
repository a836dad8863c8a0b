/* url: http URLs, request targets and query strings. RFC 3986 as far as peers
 * use it; no I/O.
 */
#ifndef PG_URL_H
#define PG_URL_H

#include "../base/err.h"
#include "../base/mem.h"

#define PG_URL_MAX 8192

/* A parsed absolute URL; all parts borrowed from the text it was parsed from.
 * host is without the brackets of an IPv6 literal (then v6 is set). */
struct pg_url {
	struct pg_str scheme; /* "http"; https is parsed, whoever dials decides */
	struct pg_str host;
	uint16_t port; /* 80 or 443 when absent */
	struct pg_str path; /* from the first '/', query included; may be empty */
	bool v6;
};

/* Parse "http://host[:port][/path]". PG_E_HOST for anything else, among it
 * user info, control bytes and blanks. */
PG_FN int pg_url_parse(struct pg_str text, struct pg_url *out,
    struct pg_err *e);

/* Host URL as peers compare it (PROTOCOL section 4): trimmed, http:// added
 * when there is no scheme, trailing slashes removed. Checked by pg_url_parse.
 * Result in a. */
PG_FN int pg_url_normalise(struct pg_arena *a, struct pg_str text,
    struct pg_str *out, struct pg_err *e);

/* Split a request target (RFC 9112 section 3.2): origin-form or
 * absolute-form. path is without the query, query without the '?'. */
PG_FN int pg_target_split(struct pg_str target, struct pg_str *path,
    struct pg_str *query, struct pg_err *e);

/* The next segment of a path, empty segments dropped, not decoded (QUIRKS 1).
 * *rest starts as the path. false at the end. */
PG_FN bool pg_path_next(struct pg_str *rest, struct pg_str *segment);

/* Value of the first `name` in a query string, + and %XX decoded, in a. A
 * blank value counts as absent. false: absent. */
PG_FN bool pg_query_get(struct pg_arena *a, struct pg_str query,
    const char *name, struct pg_str *out);

/* %XX decoded; *ok (may be NULL) false for a bad escape, then s is returned. */
PG_FN struct pg_str pg_percent_decode(struct pg_arena *a, struct pg_str s,
    bool *ok);
/* Everything but unreserved characters escaped. */
PG_FN struct pg_str pg_percent_encode(struct pg_arena *a, struct pg_str s);

#endif
