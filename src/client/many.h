/* many: one question to many hosts at once.
 */
#ifndef PG_MANY_H
#define PG_MANY_H

#include "session.h"

#define PG_MANY_AT_ONCE 32 /* hosts being asked */

/* One host. */
struct pg_many_row {
	struct pg_str name; /* as listed, or as the user wrote it */
	struct pg_str url;  /* empty: there is none */
	const struct pg_value *ref; /* as listed; NULL: not */
	struct paglets_future *f;   /* NULL: not asked */
	struct pg_value *reply;     /* NULL: err says why */
	struct pg_err err;
};

/* Lies in the client's arena. Zero but for c is a valid empty one. */
struct pg_many {
	struct paglets_client *c;
	struct pg_many_row *rows;
	size_t n;
};

/* These hosts, a NULL-terminated list. */
PG_FN int pg_many_list(struct pg_many *m, const char *const *hosts);
/* All that the entry host knows, itself among them. Those that it counts as
 * offline get an error. */
PG_FN int pg_many_known(struct pg_many *m);
/* GET path of all that have no error yet; timeout (0: the client's) is for
 * each. Fills reply or err. -1: the loop is broken. */
PG_FN int pg_many_ask(struct pg_many *m, struct pg_str path,
    int64_t timeout);

#endif
