/* probe: hosts in the networks of this machine, found by asking at every
 * address (PROTOCOL section 6): for networks that let no beacon through.
 */
#ifndef PG_PROBE_H
#define PG_PROBE_H

#include "../net/client.h"
#include "../os/iface.h"

#define PG_PROBE_INTERVAL (10 * PG_SEC) /* from one sweep to the next */
#define PG_PROBE_FIRST PG_SEC           /* after the start */
#define PG_PROBE_TIME (250 * PG_MS)     /* for one address */
#define PG_PROBE_CALLS_MAX 64           /* at a time */
#define PG_PROBE_NETS_MAX 4             /* networks, of 254 addresses each */
#define PG_PROBE_PORTS_MAX 16
#define PG_PROBE_REPLY_MAX ((size_t)64 * 1024) /* bytes of a health */

struct pg_probe;

struct pg_probe_ops {
	/* The ports to try, each once. */
	size_t (*ports)(void *arg, uint16_t *out, size_t max);
	/* Asked before each address: whether to go on. NULL: yes. */
	bool (*wanted)(void *arg);
	/* A host is there. r is its health (200), or its refusal to tell,
	 * with a reference of it in X-Paglets-Ref (401). Borrowed. May stop
	 * the sweep, not free the probe. */
	void (*on_found)(void *arg, struct pg_str url,
	    const struct pg_response *r);
	/* The sweep is over; may free the probe. NULL: of no interest. */
	void (*on_done)(void *arg);
};

/* Does nothing until told to. ops is borrowed. */
PG_FN struct pg_probe *pg_probe_new(struct pg_loop *l, struct pg_client *c,
    const struct pg_probe_ops *ops, void *arg);
/* Ask, without any key, at every other address of the /24 (or the network, if
 * it is smaller) of each of this machine's IPv4 addresses, lo excepted. Begins
 * with the next turn of the loop; nothing is done if a sweep is under way. */
PG_FN void pg_probe_sweep(struct pg_probe *p);
/* End it; on_done is not called. */
PG_FN void pg_probe_stop(struct pg_probe *p);
PG_FN void pg_probe_free(struct pg_probe *p);

#endif
