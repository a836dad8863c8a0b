/* address: how people write where a host and an agent are.
 */
#ifndef PG_ADDRESS_H
#define PG_ADDRESS_H

#include "../base/err.h"

/* An agent as people name it. */
struct pg_address {
	struct pg_str host; /* URL or name of its host; empty: not said */
	struct pg_str id;   /* or the beginning of one */
};

/* "ID", "HOST/ID" or "http://HOST:PORT/agents/ID", where /agents may be left
 * out (a path before it belongs to the host). ID may be cut short, so it is
 * not looked into. -1 with PG_E_USAGE and a text that quotes the input. */
PG_FN int pg_address_read(struct pg_str text, struct pg_address *out,
    struct pg_err *e);
/* Whether a host is given by URL or by "host:port", not by name. */
PG_FN bool pg_address_is_url(struct pg_str host);

#endif
