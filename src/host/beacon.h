/* beacon: how hosts on one link find each other (PROTOCOL section 6): each
 * tells its reference to a multicast group, every second.
 *
 * Besides the group that Python hosts know there is one of IPv6, for links
 * without IPv4. Its number is that of the other one, ef2a:4a35; ff12 says
 * that nobody has assigned it and that it stays on the link (RFC 4291
 * section 2.7).
 */
#ifndef PG_BEACON_H
#define PG_BEACON_H

#include "../base/buf.h"
#include "../codec/value.h"
#include "../os/loop.h"
#include "../os/udp.h"
#include "hostref.h"

#define PG_BEACON_KIND "paglets.remote.mesh.v1"
#define PG_BEACON_GROUP "239.42.74.53"
#define PG_BEACON_GROUP6 "ff12::ef2a:4a35"
#define PG_BEACON_PORT 48765
#define PG_BEACON_INTERVAL PG_SEC
#define PG_BEACON_LOOKS 3 /* intervals between looks at the links */
#define PG_BEACON_MAX (32 * 1024) /* bytes; room for every PG_HOSTREF_MAX */
#define PG_BEACON_LINKS_MAX 64 /* interfaces, of each family */
#define PG_BEACON_TURN_MAX 32  /* datagrams read in one turn of the loop */
#define PG_BEACON_RATE_MAX 256 /* and in one interval; further ones are lost */

/* ---- the codec -------------------------------------------------------- */

/* Append the beacon of a reference. Fails sticky in b. */
PG_FN void pg_beacon_write(struct pg_buf *b, const struct pg_value *ref);
/* *ref borrows from *host, and both from the datagram or a, which has no
 * ceiling (what is needed is bounded by PG_BEACON_MAX). What Python hosts
 * would take is taken: numbers for texts, texts for numbers. -1: no beacon;
 * PG_E_LIMIT if it is too large or too deep. */
PG_FN int pg_beacon_read(struct pg_str datagram, struct pg_arena *a,
    struct pg_value **host, struct pg_hostref *ref, struct pg_err *e);

/* Whether whoever visits that URL visits his own machine. */
PG_FN bool pg_beacon_is_inward(struct pg_str url);

/* ---- the sockets ------------------------------------------------------ */

struct pg_beacon;

struct pg_beacon_ops {
	/* A beacon came, own ones too; borrowed. local: from this machine.
	 * One from elsewhere never names a URL of this machine. May not free
	 * the beacon. */
	void (*on_ref)(void *arg, const struct pg_value *host,
	    const struct pg_hostref *ref, bool local);
	/* What to tell now, in a; NULL: nothing. No such function: only
	 * listens. */
	struct pg_value *(*self)(void *arg, struct pg_arena *a);
	/* Whether that concerns this machine alone. */
	bool (*inward)(void *arg);
};

/* Listens and tells from the next turn of the loop on, as far as the network
 * permits: where it does not, that is no error, and tried again with every
 * look at the links. ops is borrowed. */
PG_FN struct pg_beacon *pg_beacon_new(struct pg_loop *l,
    const struct pg_beacon_ops *ops, void *arg);
PG_FN void pg_beacon_free(struct pg_beacon *b);
/* Look at the links and tell at once: something has changed. */
PG_FN void pg_beacon_now(struct pg_beacon *b);

#endif
