/* hub: the hosts that take part through this one (PROTOCOL section 8): when
 * they were heard of, what waits for them, and what becomes of each delivery,
 * from the order to the ack. Knows no HTTP; relay does.
 */
#ifndef PG_HUB_H
#define PG_HUB_H

#include "core.h"

#define PG_HUB_NODES_MAX 10000
#define PG_HUB_HEALTH_MAX (64 * 1024) /* bytes of a node's health in memory */
/* With more nodes than these, our own health does not list them. */
#define PG_HUB_HEALTH_NODES_MAX 32
#define PG_HUB_POLLS_MAX 8   /* of a node at a time; the oldest gives way */
#define PG_HUB_POLL_TIME (25 * PG_SEC)     /* default of ?timeout= */
#define PG_HUB_POLL_TIME_MAX (60 * PG_SEC) /* and no longer than this */
#define PG_HUB_QUEUE_MAX 1024 /* deliveries that wait for a node, default */
/* With so many bytes waiting for one node, and for all, no more are taken. */
#define PG_HUB_NODE_BYTES_MAX ((size_t)64 << 20)
#define PG_HUB_BYTES_MAX ((size_t)512 << 20)
#define PG_HUB_OFFLINE_AFTER (30 * PG_SEC)  /* without a sign, default */
#define PG_HUB_DELIVERY_TIME (10 * PG_SEC)  /* until the ack, default */
#define PG_HUB_DELIVERY_TIME_MAX (3600 * PG_SEC) /* whatever callers say */
#define PG_HUB_API_TIME (10 * PG_SEC)       /* the same of kind api */
#define PG_HUB_FORGET_AFTER (24 * 3600 * PG_SEC) /* without a sign */

struct hub_node;
struct pg_hub;

/* What a node said of a delivery. Borrowed for the call. */
struct pg_ack {
	const struct pg_value *body;
	struct pg_buf *text; /* what is to be answered, as JSON; or NULL */
};

/* How a delivery ended, exactly once: the ack says ok, or it is NULL, and e
 * why not. The delivery is gone. */
typedef void pg_delivery_done(void *arg, const struct pg_ack *ack,
    const struct pg_err *e);

/* Something to be done by a node. Owner: who made it, until it is submitted;
 * then the hub. */
struct pg_delivery {
	char id[PG_ID_LEN + 1];
	const char *kind; /* a literal */
	/* The answer to a poll, as JSON; the payload is appended to it before
	 * it is submitted (any thread). */
	struct pg_buf text;
	int64_t timeout; /* ns from the submission to the ack */
	/* It is delivered even when nobody waits for it any more: a move that
	 * is asked about (DESIGN section 3). */
	bool keep;
	bool quiet; /* no event tells of it, unless it is late */
	pg_delivery_done *done;
	void *arg;

	/* The hub's. */
	struct hub_node *node; /* NULL: not submitted */
	struct pg_delivery *prev, *next; /* in the queue of the node */
	struct pg_timer timer;
	bool sent;  /* a poll has it */
};

/* Embedded in who polls. */
struct pg_hub_poll {
	/* Once: text is a whole answer, taken; NULL: there is nothing. */
	void (*answer)(struct pg_hub_poll *p, struct pg_buf *text);
	struct pg_hub *hub;
	struct hub_node *node; /* NULL: of a name that is not known */
	struct pg_hub_poll *prev, *next;
	struct pg_timer timer;
	bool parked;
};

PG_FN struct pg_hub *pg_hub_new(struct pg_host *h);
/* Polls and deliveries are dropped without a word. */
PG_FN void pg_hub_free(struct pg_hub *hub);
/* The host is about to stop: polls are answered, what waits and what nodes
 * have fails, nothing is submitted. */
PG_FN void pg_hub_shutdown(struct pg_hub *hub);

/* Whether a node may be called that: PG_E_HOST. */
PG_FN int pg_hub_check_name(struct pg_str name, struct pg_err *e);
/* A node of a name as is checked tells its health (PROTOCOL section 3, POST
 * /relay/connect), a dict; what it leaves out is filled in. greets: it tells
 * the mesh of itself, as hosts of ours do, so that we need not. */
PG_FN int pg_hub_connect(struct pg_hub *hub, struct pg_str name,
    const struct pg_value *health, bool greets, struct pg_err *e);
/* The node has begun anew: the polls that it had open lead nowhere. */
PG_FN void pg_hub_renew(struct pg_hub *hub, struct pg_str name);
/* Park a poll for so long, or answer it before this returns. */
PG_FN void pg_hub_park(struct pg_hub *hub, struct pg_str name,
    int64_t timeout, struct pg_hub_poll *p);
/* Its connection has gone: it will not be answered. */
PG_FN void pg_hub_unpark(struct pg_hub_poll *p);
/* The ack of a delivery by the node of that name. false: nobody waits for it
 * (any more), or it was not that node's. */
PG_FN bool pg_hub_ack(struct pg_hub *hub, struct pg_str delivery,
    const struct pg_ack *ack);
/* A delivery that is not over, or NULL. */
PG_FN const struct pg_delivery *pg_hub_find(const struct pg_hub *hub,
    struct pg_str delivery);
/* The name of the node that it goes to. */
PG_FN struct pg_str pg_delivery_target(const struct pg_delivery *d);

PG_FN struct pg_delivery *pg_delivery_new(const char *kind);
PG_FN void pg_delivery_free(struct pg_delivery *d); /* not submitted; or NULL */
/* -1 with PG_E_REMOTE: the node can not have one more now. Says so in an
 * event. */
PG_FN int pg_hub_check(struct pg_hub *hub, struct pg_str name,
    const char *kind, struct pg_err *e);
/* Queue it; on success d belongs to the hub until done. */
PG_FN int pg_hub_submit(struct pg_hub *hub, struct pg_str name,
    struct pg_delivery *d, struct pg_err *e);
/* Whoever waits for it has gone: done will not be called, and it is not
 * delivered any more, unless it is to be kept. */
PG_FN void pg_hub_give_up(struct pg_hub *hub, struct pg_delivery *d);

/* The node's health as of its last connect, in a. -1: PG_E_REMOTE, unknown or
 * offline. */
PG_FN int pg_hub_health(struct pg_hub *hub, struct pg_str name,
    struct pg_arena *a, struct pg_value **out, struct pg_err *e);
PG_FN size_t pg_hub_count(const struct pg_hub *hub); /* of nodes known */
/* The list of all nodes, by name (PROTOCOL section 3, diagnostics). */
PG_FN struct pg_value *pg_hub_nodes(struct pg_hub *hub, struct pg_arena *a);

#endif
