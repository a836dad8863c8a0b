/* discovery: see discovery.h.
 *
 * A host whose URL names its own machine is of no use to others: it tells
 * nobody else of it, and heeds nobody else. It looks no further by itself
 * than this machine; users may point it wherever they like.
 */
#include "discovery.h"

#include "../base/log.h"
#include "beacon.h"
#include "gossip.h"
#include "probe.h"
#include "seeds.h"

/* Owner: the host. */
struct pg_discovery {
	struct pg_host *host;
	struct pg_beacon *beacon; /* NULL: not wanted, as are the others */
	struct pg_probe *probe;
	struct pg_seeds *seeds;
	struct pg_timer timer; /* of the probe */
};

/* ---- beacons ----------------------------------------------------------- */

static bool
discovery_inward(void *arg)
{
	struct pg_discovery *d = arg;

	return pg_beacon_is_inward(d->host->address);
}

static void
discovery_on_ref(void *arg, const struct pg_value *v,
    const struct pg_hostref *ref, bool local)
{
	struct pg_discovery *d = arg;

	if (pg_str_eq(ref->url, d->host->address) ||
	    pg_str_eqz(ref->boot, d->host->boot) ||
	    (!local && discovery_inward(d)))
		return;
	pg_gossip_heard(d->host->gossip, v);
}

/* Who is about to stop is not worth finding. */
static struct pg_value *
discovery_self(void *arg, struct pg_arena *a)
{
	struct pg_discovery *d = arg;

	return d->host->draining ? NULL : pg_mesh_self(d->host->mesh, a);
}

/* ---- probes ------------------------------------------------------------ */

static size_t
discovery_ports(void *arg, uint16_t *out, size_t max)
{
	struct pg_discovery *d = arg;

	return pg_gossip_ports(d->host->gossip, out, max);
}

static bool
discovery_wanted(void *arg)
{
	struct pg_discovery *d = arg;

	return pg_mesh_alone(d->host->mesh) && !d->host->draining &&
	    !discovery_inward(d);
}

static void
discovery_on_found(void *arg, struct pg_str url, const struct pg_response *r)
{
	struct pg_discovery *d = arg;

	(void)r;
	pg_gossip_found(d->host->gossip, url);
}

static void
discovery_on_time(struct pg_timer *t)
{
	struct pg_discovery *d = PG_CONTAINER(t, struct pg_discovery, timer);

	pg_timer_set(d->host->loop, t, PG_PROBE_INTERVAL, discovery_on_time);
	if (discovery_wanted(d))
		pg_probe_sweep(d->probe);
}

/* ---- names ------------------------------------------------------------- */

static void
discovery_on_seeds(void *arg, struct pg_str name, const struct pg_str *urls,
    size_t n)
{
	struct pg_discovery *d = arg;

	pg_gossip_given(d->host->gossip, name, urls, n);
}

static void
discovery_seeds(struct pg_discovery *d)
{
	const struct pg_host_config *cfg = &d->host->cfg;
	struct pg_err err = { 0 };
	size_t i;

	d->seeds = pg_seeds_new(d->host->loop, d->host->work,
	    discovery_on_seeds, d);
	for (i = 0; i < cfg->ndns; i++)
		if (pg_seeds_add(d->seeds, cfg->dns[i], &err) < 0)
			pg_log(PG_LOG_WARN, "discovery: peer left out: %s",
			    err.msg);
}

/* ---- life -------------------------------------------------------------- */

PG_FN struct pg_discovery *
pg_discovery_new(struct pg_host *h)
{
	static const struct pg_beacon_ops beacon_ops = { discovery_on_ref,
		discovery_self, discovery_inward };
	static const struct pg_probe_ops probe_ops = { discovery_ports,
		discovery_wanted, discovery_on_found, NULL };
	struct pg_discovery *d;

	if (!h->cfg.mesh)
		return NULL;
	d = pg_alloc(sizeof(*d));
	d->host = h;
	if (h->cfg.multicast)
		d->beacon = pg_beacon_new(h->loop, &beacon_ops, d);
	if (h->cfg.lan) {
		d->probe = pg_probe_new(h->loop, h->client, &probe_ops, d);
		pg_timer_set(h->loop, &d->timer, PG_PROBE_FIRST,
		    discovery_on_time);
	}
	if (h->cfg.ndns > 0)
		discovery_seeds(d);
	return d;
}

PG_FN void
pg_discovery_free(struct pg_discovery *d)
{
	if (d == NULL)
		return;
	pg_timer_stop(&d->timer);
	pg_beacon_free(d->beacon);
	pg_probe_free(d->probe);
	pg_seeds_free(d->seeds);
	free(d);
}

PG_FN void
pg_discovery_now(struct pg_discovery *d)
{
	if (d != NULL && d->beacon != NULL)
		pg_beacon_now(d->beacon);
}
