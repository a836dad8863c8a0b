/* remote: see remote.h. */

#include "remote.h"

#include "../codec/json.h"
#include "wire.h"

PG_FN int
pg_remote_answer(const struct pg_response *r, bool have_key,
    struct pg_arena *a, struct pg_value **out, struct pg_err *e)
{
	if (r->status == 0) {
		*e = r->err;
		return -1;
	}
	if (pg_json_read(pg_bulk_str(r->body), a, out, e) < 0)
		return pg_fail(e, PG_E_REMOTE, "status %d without a JSON body",
		    r->status);
	if (r->status == 200)
		return 0;
	pg_wire_fail(*out, e);
	if (r->status == 401 && !have_key)
		pg_fail(e, PG_E_AUTH, "%s; set PAGLETS_API_KEY or pass "
		    "--api-key-env with an environment variable containing a "
		    "Paglets bearer API key", e->msg);
	return -1;
}
