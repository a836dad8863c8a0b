/* lookup: names to addresses. What needs no asking is told at once; the rest
 * is asked for on a worker, since getaddrinfo blocks.
 */
#ifndef PG_LOOKUP_H
#define PG_LOOKUP_H

#include "../os/sock.h"
#include "../os/work.h"

#define PG_LOOKUP_NAME_MAX 255 /* bytes of a name, RFC 1035 */
#define PG_LOOKUP_ADDRS_MAX 64 /* further ones are dropped; musl gives 48 */
/* Look-ups on workers at a time: name servers that do not answer must not
 * take all workers from the rest of the host. */
#define PG_LOOKUP_RUNNING_MAX 2
#define PG_LOOKUP_LITERAL_MAX 2 /* addresses that are known without asking */

struct pg_lookup;

/* Embedded in its owner. Zero except work is a valid empty one. */
struct pg_lookups {
	struct pg_work *work;
	struct pg_lookup *waiting, **waiting_end, *running;
	size_t nrunning;
	size_t most; /* that may run; 0: PG_LOOKUP_RUNNING_MAX */
};

/* With n 0, e says why. Called once, on the loop; addrs is borrowed. */
typedef void pg_lookup_done(void *arg, const struct pg_addr *addrs, size_t n,
    const struct pg_err *e);

/* Addresses of a numeric host or of "localhost" (RFC 6761: no name server is
 * asked for that one); 0 for any other name. */
PG_FN size_t pg_lookup_literal(struct pg_str host, uint16_t port,
    struct pg_addr out[PG_LOOKUP_LITERAL_MAX]);
/* Ask. done is never called before this returns. NULL: cannot be asked. */
PG_FN struct pg_lookup *pg_lookup_start(struct pg_lookups *q,
    struct pg_str host, uint16_t port, pg_lookup_done *done, void *arg,
    struct pg_err *e);
/* done will not be called. Whatever the worker is doing, it goes on alone. */
PG_FN void pg_lookup_cancel(struct pg_lookup *u);
/* Cancels all. Look-ups that are on a worker free themselves when it is done
 * with them, if the workers live so long. */
PG_FN void pg_lookups_fini(struct pg_lookups *q);

#endif
