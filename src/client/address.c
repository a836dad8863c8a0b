/* address: see address.h. */
#include "address.h"

#include "../codec/url.h"

PG_FN bool
pg_address_is_url(struct pg_str host)
{
	/* The last colon: an IPv6 address has more of them. */
	const char *colon = memrchr(host.p, ':', host.n);
	struct pg_str port;

	if (memmem(host.p, host.n, "://", 3) != NULL)
		return true;
	if (colon == NULL)
		return false;
	port = pg_str_skip(host, (size_t)(colon + 1 - host.p));
	while (port.n > 0 && port.p[0] >= '0' && port.p[0] <= '9')
		port = pg_str_skip(port, 1);
	return port.n == 0;
}

/* Everything before and after the last slash; false: there is none. */
static bool
address_split(struct pg_str text, struct pg_str *before, struct pg_str *after)
{
	const char *slash = memrchr(text.p, '/', text.n);

	if (slash == NULL)
		return false;
	*before = (struct pg_str){ text.p, (size_t)(slash - text.p) };
	*after = pg_str_skip(text, before->n + 1);
	return true;
}

PG_FN int
pg_address_read(struct pg_str text, struct pg_address *out, struct pg_err *e)
{
	static const char tail[] = "/agents";
	size_t n = sizeof(tail) - 1;
	struct pg_address at = { PG_STR_NULL, text };
	bool full;
	struct pg_url url;

	/* Without a slash the whole text is the id. */
	address_split(text, &at.host, &at.id);
	if (memmem(text.p, text.n, "://", 3) != NULL) {
		full = at.host.n >= n &&
		    memcmp(at.host.p + at.host.n - n, tail, n) == 0;
		at.host.n -= full ? n : 0;
		if (pg_url_parse(at.host, &url, NULL) < 0 ||
		    (!full && pg_str_eqz(at.id, tail + 1)))
			goto bad;
	} else if (at.host.p != NULL && at.host.n == 0) {
		goto bad;
	}
	if (at.id.n == 0)
		goto bad;
	*out = at;
	return 0;
bad:
	return pg_fail(e, PG_E_USAGE, "'%.*s' names no agent; write ID, "
	    "HOST/ID or http://HOST:PORT/agents/ID, ID in full or cut short",
	    PG_STR_ARG(text));
}
