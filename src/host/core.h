/* core: the host itself: what it was told, what it holds, and the pointers
 * through which lower layers reach higher ones. Start here to read the host
 * layer; one request runs from api through agent and child and back.
 */
#ifndef PG_CORE_H
#define PG_CORE_H

#include "../base/map.h"
#include "../net/client.h"
#include "../net/server.h"
#include "../os/proc.h"
#include "../os/rand.h"
#include "event.h"
#include "hostref.h"

#define PG_HOST_NAME_MAX 200     /* bytes */
#define PG_HOST_LISTS_MAX 256    /* peers given, as URLs and as names */
/* Addresses given by --bind-public; with two more and, while one is being
 * replaced, a third, they are what a server listens at. */
#define PG_BIND_MAX (PG_SERVER_LISTEN_MAX - 3)
/* Instead of an address: that of this machine in its network, whatever it is
 * at the time. */
#define PG_BIND_AUTO "auto"
#define PG_HOST_AGENTS_MAX 20000 /* asleep ones too */
#define PG_HOST_PROPERTIES_MAX 1000 /* set by agents */
#define PG_HOST_PROPERTY_MAX (16 * 1024) /* bytes of one, in memory */
#define PG_HOST_PROPERTY_NAME_MAX 256 /* bytes of its name */
#define PG_BODY_JSON_MAX ((int64_t)8 << 20) /* default, bytes */
#define PG_BODY_MOVE_MAX ((int64_t)1 << 30) /* default, bytes */
#define PG_WIRE_VERSION "paglets-wire-1"
#define PG_DEFAULT_PORT 8765
#ifndef PG_BUILD
#define PG_BUILD "paglets-c 0.1.0"
#endif

struct pg_agent;
struct pg_artifacts;
struct pg_bind;
struct pg_claims;
struct pg_discovery;
struct pg_errand;
struct pg_folders;
struct pg_gossip;
struct pg_host;
struct pg_hub;
struct pg_import;
struct pg_mesh;
struct pg_moves;
struct pg_msg;
struct pg_node;
struct pg_outcome;
struct pg_forwards;
struct pg_transfers;
struct pg_store;
struct pg_stored;
struct pg_rejoin;
struct pg_route;
struct pg_streams;
struct pg_value;

/* When the checkpoint of an active agent is written (DESIGN section 5). What
 * sleeps and what arrives by a move is written whatever this says. */
enum pg_durability {
	PG_DURABILITY_NONE,
	PG_DURABILITY_ARRIVAL, /* creation, arrival, activation, snapshots */
	PG_DURABILITY_MESSAGE  /* and after every message, before its answer */
};

/* What `serve` was told; text is borrowed and outlives the host. */
struct pg_host_config {
	struct pg_str name;       /* empty: the machine's */
	struct pg_str bind;       /* numeric address, or PG_BIND_AUTO */
	/* More of those; others are told the first, and loopback goes with
	 * them. */
	struct pg_str publics[PG_BIND_MAX];
	size_t npublics;
	uint16_t port;            /* 0: any free one */
	struct pg_str public_url; /* empty: from bind and port */
	struct pg_str code_version;
	struct pg_str api_key;    /* empty: none */
	struct pg_str peers[PG_HOST_LISTS_MAX];
	size_t npeers;
	struct pg_str dns[PG_HOST_LISTS_MAX]; /* NAME[:PORT]: peers as well */
	size_t ndns;
	struct pg_str tags[PG_HOSTREF_TAGS_MAX];
	size_t ntags;
	struct { struct pg_str key, value; }
	    properties[PG_HOSTREF_PROPERTIES_MAX];
	size_t nproperties;
	bool mesh;                /* gossip with peers */
	bool multicast;           /* beacons */
	bool lan;                 /* probes of the own network */
	bool trust_unsigned;      /* the key goes to whoever is in the mesh */
	bool mesh_debug;          /* its details are logged at level info */
	bool insecure;            /* no key needed beyond loopback */
	int64_t body_json_max, body_move_max;
	struct pg_str connect_to; /* URL of the hub; empty: listen ourselves */
	int64_t relay_offline_after, relay_delivery_time; /* ns, as a hub */
	size_t relay_queue_max;   /* deliveries that wait for one node */
	int64_t artifact_max, artifact_quota; /* bytes of one, of all */
	int64_t artifact_ttl; /* ns; of what an upload has left behind */
	const char *state_dir; /* NULL: nothing is kept on disk */
	bool state_dir_optional; /* go on without it when it can not be made */
	enum pg_durability durability;
	int64_t storage_quota; /* bytes per class; INT64_MAX: none */
};

/* How lower parts of the host reach higher ones; each is set by the part it
 * names, once, before the host runs. */
struct pg_host_up {
	/* checkpoint: agent a has handled m; ends m. NULL: the agent itself
	 * does. */
	void (*checkpoint_message)(struct pg_agent *a, struct pg_msg *m,
	    const struct pg_outcome *o);
	/* recover: agent a has crashed. */
	void (*crashed)(struct pg_agent *a);
	/* inactive: a, which somebody waits for to be awake, is gone. */
	void (*abandon)(struct pg_agent *a, const struct pg_err *err);
	/* move: the process of a, which is moving, has ended; whether the
	 * move has what it needs. */
	bool (*outlives)(struct pg_agent *a);
	/* move: whether an arrival under the id of a (which is on its way
	 * out) may take its place; then a's move stands still until told
	 * that agent b has, or that it did not come to that (undone: the
	 * transfer that thus counts as never come, or empty). */
	bool (*may_replace)(struct pg_agent *a);
	void (*aside)(struct pg_agent *a);
	void (*replaced)(struct pg_agent *a, struct pg_agent *b);
	void (*not_replaced)(struct pg_agent *a, struct pg_str undone);
	/* routes: the health record of this host. */
	struct pg_value *(*health)(struct pg_host *h, struct pg_arena *a);
	/* calls: a handler of agent a asks for something. -1 with e: the
	 * child broke the protocol. */
	int (*on_call)(struct pg_agent *a, uint32_t id, struct pg_str op,
	    const struct pg_value *args, struct pg_err *e);
};

struct pg_host {
	struct pg_host_config cfg;
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_server *server;
	struct pg_client *client;
	int exe; /* this program, for children */
	uint64_t seed[2]; /* of all maps */
	char boot[PG_ID_LEN + 1]; /* new at each start */
	struct pg_arena arena; /* of the texts below */
	struct pg_str name;
	struct pg_str address; /* may change, see bind.h */
	bool draining; /* told to stop */
	bool asleep;   /* and no agent is left to be put to sleep */
	struct pg_timer stop_timer, wake_timer, recover_timer;
	int64_t stop_deadline;
	uint64_t ticks; /* of wake_timer */

	struct pg_events events;
	struct pg_streams *streams;
	struct pg_map agents;                /* by id */
	struct pg_agent *first, *last;       /* in order of arrival */
	size_t nactive, ninactive;           /* by phase */
	size_t nchildren;                    /* processes not yet reaped */
	struct pg_map properties;            /* struct host_property, by key */
	struct pg_bind *bind;
	struct pg_mesh *mesh;
	struct pg_gossip *gossip;
	struct pg_rejoin *rejoin; /* NULL: nothing is kept on disk */
	struct pg_discovery *discovery; /* NULL: without mesh */
	struct pg_moves *moves;
	struct pg_forwards *forwards;
	struct pg_transfers *transfers;
	struct pg_claims *claims; /* relay names, see claim.h */
	struct pg_hub *hub;
	struct pg_node *node; /* NULL: it listens itself */
	struct pg_store *store; /* NULL: nothing is kept on disk */
	bool damaged; /* agents are missing that it holds, or held */
	struct pg_artifacts *artifacts; /* NULL: the same */
	struct pg_import *imports; /* under way */
	struct pg_errand *errands; /* blocking work under way */
	size_t nerrands; /* that workers have */
	struct pg_folders *folders; /* NULL: the same */
	struct pg_stored *stored;   /* NULL: the same */

	const struct pg_route *routes; /* ended by one without method */
	struct pg_buf out;             /* of the answer being written */
	struct pg_buf health_text;     /* as JSON, for these counts: */
	size_t health_active, health_inactive;
	struct pg_host_up up;
};

/* Record an event about an agent (NULL: about the host). data and err may be
 * NULL. */
PG_FN void pg_host_event(struct pg_host *h, const char *kind,
    const struct pg_agent *a, const struct pg_value *data,
    const struct pg_err *err);

#endif
