/* gossip: see gossip.h.
 *
 * A visit is one request to a host of ours that we know: POST /hosts/join with
 * our greeting, whose answer tells what is new there. Others are asked for
 * their health first. Visits wait for nobody: each is a call of its own with
 * a deadline of its own.
 */
#include "gossip.h"

#include "../base/log.h"
#include "../codec/json.h"
#include "wire.h"

/* Memory that reading one answer may take. */
#define GOSSIP_TREE_MAX ((size_t)64 << 20)
/* Members looked at to find one to visit. */
#define GOSSIP_TRIES_MAX 64

enum mesh_peer_kind {
	PEER_MEMBER, /* a host of the table */
	PEER_SEED,   /* a URL given by a user */
	PEER_FOUND   /* a URL that something was found at */
};

/* Something that is visited. */
struct mesh_peer {
	struct pg_gossip *gossip;
	enum mesh_peer_kind kind;
	struct pg_str url;        /* of the member, or owned */
	struct pg_member *member; /* of a seed: who answered, or NULL so far */
	struct pg_str name;       /* of a seed: which word stands for it */
	bool stays;               /* of a seed: it is to be kept */
	bool everything;          /* the visit under way asks for all hosts */
	struct pg_call *call;     /* the visit under way, or NULL */
	struct pg_buf body;       /* of that call */
	int64_t asked, deadline;  /* of that visit */
	int64_t due, pause;       /* the next visit; wait after a failure */
};

struct pg_gossip {
	struct pg_host *host;
	struct pg_mesh *mesh;
	struct pg_arena scratch; /* as long as one request is made */
	uint64_t random;
	struct mesh_peer *seeds[PG_GOSSIP_SEEDS_MAX];
	size_t nseeds;
	struct mesh_peer *found[PG_GOSSIP_FOUND_MAX];
	size_t nfound;
	size_t visits; /* under way */
	size_t cursor; /* of the rounds, over the hosts of the table */
	int64_t agreed; /* when another host last knew what we know */
	int64_t apart;  /* so long after that all hosts are asked for */
	int64_t pushed; /* when news was last told in haste */
	struct pg_timer tick, push;
	bool told;    /* all hosts that somebody knows */
	bool started;
};

static void gossip_haste(struct pg_gossip *g);

static int64_t
gossip_now(const struct pg_gossip *g)
{
	return pg_loop_now(g->host->loop);
}

/* ---- peers ------------------------------------------------------------ */

static struct mesh_peer *
peer_new(struct pg_gossip *g, enum mesh_peer_kind kind, struct pg_str url)
{
	struct mesh_peer *p = pg_alloc(sizeof(*p));

	p->gossip = g;
	p->kind = kind;
	p->url = url;
	p->due = gossip_now(g);
	return p;
}

static void
peer_cancel(struct mesh_peer *p)
{
	if (p->call != NULL) {
		pg_call_cancel(p->call);
		p->gossip->visits--;
	}
	p->call = NULL;
	pg_buf_fini(&p->body);
}

static void
peer_free(struct mesh_peer *p)
{
	peer_cancel(p);
	if (p->kind != PEER_MEMBER)
		free((char *)(uintptr_t)p->url.p);
	free((char *)(uintptr_t)p->name.p);
	free(p);
}

static struct mesh_peer *
peer_of(struct pg_gossip *g, struct pg_member *h)
{
	if (h->peer == NULL) {
		h->peer = peer_new(g, PEER_MEMBER, h->url);
		h->peer->member = h;
	}
	return h->peer;
}

/* Owned by the caller. */
static struct pg_str
peer_text(struct pg_str s)
{
	return (struct pg_str){ pg_strdup(s), s.n };
}

/* The seed p is this host (NULL: nobody yet). One that never answered by its
 * own URL, and that no seed is any more, goes. */
static void
peer_set_member(struct mesh_peer *p, struct pg_member *h)
{
	struct pg_member *old = p->member;

	if (h == old)
		return;
	p->member = h;
	if (h != NULL)
		h->givens++;
	if (old == NULL)
		return;
	old->givens--;
	if (old->state == PG_MEMBER_UNKNOWN && old->givens == 0)
		pg_registry_remove(&p->gossip->mesh->registry, old);
}

/* registry: h is about to be freed. */
static void
gossip_on_remove(void *arg, struct pg_member *h)
{
	struct pg_gossip *g = arg;
	size_t i;

	for (i = 0; i < g->nfound; i++)
		if (g->found[i]->member == h)
			g->found[i]->member = NULL;
	for (i = 0; h->givens > 0 && i < g->nseeds; i++) {
		if (g->seeds[i]->member != h)
			continue;
		g->seeds[i]->member = NULL;
		g->seeds[i]->due = gossip_now(g);
		h->givens--;
	}
	if (h->peer != NULL)
		peer_free(h->peer);
	h->peer = NULL;
}

/* ---- how visits end --------------------------------------------------- */

static void
gossip_back_off(struct mesh_peer *p)
{
	p->pause = PG_MIN(PG_MAX(PG_GOSSIP_INTERVAL, p->pause + p->pause / 2),
	    PG_GOSSIP_PAUSE_MAX);
	p->due = gossip_now(p->gossip) + p->pause;
}

/* Whether there is a key, and it may not go to this URL now. */
static bool
gossip_keeps_key(const struct pg_gossip *g, struct pg_str url)
{
	return g->host->cfg.api_key.n > 0 &&
	    pg_mesh_key_to_visit(g->mesh, url).n == 0;
}

/* Whether p keeps us out as we keep the key from it. */
static bool
gossip_kept_out(const struct mesh_peer *p, int status)
{
	return status == 401 && gossip_keeps_key(p->gossip, p->url);
}

static void
gossip_failed(struct mesh_peer *p, int status, const char *why)
{
	struct pg_registry *r = &p->gossip->mesh->registry;

	gossip_back_off(p);
	if (p->kind == PEER_FOUND) {
		p->due = gossip_now(p->gossip) + PG_GOSSIP_FOUND_TIME;
		return;
	}
	/* Who refuses us is alive; by what others say of it we shall know. */
	if (gossip_kept_out(p, status))
		return;
	if (p->kind == PEER_SEED && p->member == NULL)
		peer_set_member(p, pg_registry_add_given(r, p->url));
	if (p->member->stranger) {
		pg_registry_remove(r, p->member); /* and p */
		return;
	}
	pg_registry_missed(r, p->member, p->asked, why);
	if (r->news != NULL)
		gossip_haste(p->gossip);
}

/* p answers, but with another code version. Ends the p of a host that was not
 * given. */
static void
gossip_other_version(struct mesh_peer *p, const struct pg_hostref *ref)
{
	struct pg_registry *r = &p->gossip->mesh->registry;
	gossip_back_off(p);
	if (p->kind == PEER_FOUND)
		p->due = gossip_now(p->gossip) + PG_GOSSIP_FOUND_TIME;
	if (p->kind == PEER_SEED)
		peer_set_member(p, pg_registry_add_given(r, ref->url));
	pg_registry_take(r, ref, PG_SOURCE_HEALTH, NULL, NULL);
}

/* p is this very host, by another URL. Ends the p of a host of the table. */
static void
gossip_met_self(struct mesh_peer *p)
{
	p->due = gossip_now(p->gossip) + PG_GOSSIP_PAUSE_MAX;
	if (p->kind == PEER_SEED)
		peer_set_member(p, NULL);
	if (p->kind == PEER_MEMBER)
		pg_registry_remove(&p->gossip->mesh->registry, p->member);
}

/* The value that a peer answered with, or -1: no answer, or an error. */
static int
gossip_answer(const struct mesh_peer *p, const struct pg_response *r,
    struct pg_arena *a, struct pg_value **v, struct pg_err *e)
{
	if (r->status == 0) {
		*e = r->err;
		return -1;
	}
	pg_arena_init(a, GOSSIP_TREE_MAX);
	if (pg_json_read(pg_bulk_str(r->body), a, v, e) < 0)
		*v = NULL;
	else if (r->status == 200)
		return 0;
	if (r->status != 200)
		pg_wire_fail(*v, e);
	return pg_wrap(e, "%.*s answered %d", PG_STR_ARG(p->url), r->status);
}

/* ---- requests --------------------------------------------------------- */

/* GET, or POST what is in p->body. */
static void
gossip_request(struct mesh_peer *p, const char *path, pg_client_done *done)
{
	struct pg_gossip *g = p->gossip;
	struct pg_request r = { .method = "GET",
		.bearer = pg_mesh_key_to_visit(g->mesh, p->url),
		.timeout = PG_MAX(p->deadline - gossip_now(g), PG_MS),
		.max_reply = PG_GOSSIP_REPLY_MAX };

	if (p->body.n > 0) {
		r.method = "POST";
		r.content_type = "application/json";
		r.body[0].text = pg_buf_str(&p->body);
		r.nbody = 1;
	}
	r.url = pg_arena_printf(&g->scratch, "%.*s%s", PG_STR_ARG(p->url),
	    path);
	p->call = pg_client_start(g->host->client, &r, done, p);
	g->visits++;
	pg_arena_reset(&g->scratch);
}

static void
gossip_ended(struct mesh_peer *p)
{
	p->call = NULL;
	p->gossip->visits--;
	pg_buf_fini(&p->body);
}

/* When p is visited next, if not in turn. */
static void
gossip_went_well(struct mesh_peer *p)
{
	p->pause = 0;
	p->due = gossip_now(p->gossip) + PG_GOSSIP_PYTHON_TIME;
}

/* Take in what p's host answered. p may be gone afterwards, as when its host
 * has another address now. */
static void
gossip_told(struct mesh_peer *p, const struct pg_value *answer,
    struct pg_arena *a)
{
	struct pg_gossip *g = p->gossip;
	struct pg_str url = pg_arena_str(a, p->member->url);
	int64_t asked = p->asked;
	struct pg_member *h;

	if (pg_mesh_answered(g->mesh, p->member, answer)) {
		g->agreed = gossip_now(g);
		g->apart = PG_GOSSIP_APART_TIME;
	}
	h = pg_registry_get(&g->mesh->registry, url);
	/* Somebody answers there, but not as that host of this mesh. (If that
	 * is known already, there is a better reason.) */
	if (h == NULL || h->heard >= asked)
		return;
	if (h->state == PG_MEMBER_OFFLINE)
		gossip_back_off(p);
	else
		gossip_failed(p, 200, "another host answers there");
}

/* After the answer that p gave: if it was asked for all hosts, that is done for
 * a while. Python hosts are not asked, they always tell all they know. */
static void
gossip_told_all(const struct mesh_peer *p)
{
	struct pg_gossip *g = p->gossip;
	bool ours = p->member != NULL && p->member->boot[0] != '\0';

	if (!p->everything || (g->told && !ours))
		return;
	if (g->told)
		g->apart = PG_MIN(2 * g->apart, PG_GOSSIP_APART_MAX);
	g->told = true;
	g->agreed = gossip_now(g);
}

static void
gossip_on_join(void *arg, const struct pg_response *r)
{
	struct mesh_peer *p = arg;
	struct pg_arena a = { 0 };
	struct pg_err err = { 0 };
	struct pg_value *v = NULL;

	gossip_ended(p);
	if (gossip_answer(p, r, &a, &v, &err) < 0) {
		gossip_failed(p, r->status, err.msg);
	} else {
		gossip_went_well(p);
		gossip_told_all(p);
		if (p->member != NULL)
			gossip_told(p, v, &a);
	}
	pg_arena_fini(&a);
}

/* To the URL that was visited, whatever address the peer reports: that one
 * nobody has given. Who has not been told of all hosts yet is asked for
 * them. */
static void
gossip_greet(struct mesh_peer *p)
{
	struct pg_gossip *g = p->gossip;
	struct pg_arena a = { 0 };

	p->everything = !g->told ||
	    gossip_now(g) - g->agreed > g->apart;
	p->body = PG_BUF_INIT(0);
	pg_json_write(&p->body, pg_mesh_greeting(g->mesh, p->member,
	    p->everything, &a), NULL);
	pg_arena_fini(&a);
	gossip_request(p, "/hosts/join", gossip_on_join);
}

/* Whether p was of those who have the key, and who answers now without asking
 * for it may be somebody else. */
static bool
gossip_owes_proof(const struct mesh_peer *p)
{
	return p->kind == PEER_MEMBER && p->member->keyed &&
	    gossip_keeps_key(p->gossip, p->url);
}

static void
gossip_met(struct mesh_peer *p, const struct pg_hostref *ref)
{
	struct pg_gossip *g = p->gossip;
	struct pg_member *h = NULL;
	struct pg_err err = { 0 };

	if (pg_str_eq(ref->url, g->host->address)) {
		gossip_met_self(p);
		return;
	}
	if (p->kind == PEER_MEMBER && !pg_str_eq(ref->url, p->url)) {
		pg_fail(&err, PG_E_REMOTE, "%.*s calls itself %.*s",
		    PG_STR_ARG(p->url), PG_STR_ARG(ref->url));
		gossip_failed(p, 200, err.msg);
		return;
	}
	if (!pg_str_eq(ref->version, g->host->cfg.code_version)) {
		gossip_other_version(p, ref);
		return;
	}
	if (gossip_owes_proof(p)) {
		gossip_failed(p, 200, "who answers there does not show that "
		    "it has the key");
		return;
	}
	/* Only whom the user named may speak for another URL; who was found
	 * is asked there. And where there is a key, whoever was found has to
	 * show that it has it, not that it wants none. */
	if (p->kind == PEER_FOUND && (!pg_str_eq(ref->url, p->url) ||
	    gossip_keeps_key(g, p->url))) {
		p->due = gossip_now(g) + PG_GOSSIP_PAUSE_MAX;
		pg_gossip_found(g, ref->url);
		return;
	}
	if (pg_registry_take(&g->mesh->registry, ref, PG_SOURCE_HEALTH, &h,
	    &err) < 0 || h == NULL) {
		gossip_failed(p, 200, err.msg);
		return;
	}
	if (p->kind == PEER_SEED)
		peer_set_member(p, h);
	if (p->kind == PEER_FOUND)
		p->member = h;
	gossip_greet(p);
}

/* The signed reference with which a host answers who has no key. */
static struct pg_value *
gossip_signed_ref(const struct pg_response *r, struct pg_arena *a)
{
	struct pg_str field = PG_STR_NULL;
	struct pg_value *v = NULL;
	char *text;
	ssize_t n;

	if (r->head != NULL)
		field = pg_http1_field(r->head, "x-paglets-ref");
	if (field.n == 0)
		return NULL;
	text = pg_arena_alloc(a, field.n);
	n = pg_base64_decode(field, text);
	if (n <= 0 || pg_json_read((struct pg_str){ text, (size_t)n }, a, &v,
	    NULL) < 0)
		return NULL;
	return v;
}

/* We have not shown our key, nor it its own, but it can show that it has
 * one. */
static void
gossip_on_401(struct mesh_peer *p, const struct pg_response *r,
    const char *why)
{
	struct pg_gossip *g = p->gossip;
	struct pg_arena a = { 0 };
	struct pg_value *ref = gossip_kept_out(p, r->status) ?
	    gossip_signed_ref(r, &a) : NULL;

	gossip_failed(p, r->status, why); /* p may be gone then */
	if (ref != NULL)
		pg_gossip_heard(g, ref);
	pg_arena_fini(&a);
}

static void
gossip_on_health(void *arg, const struct pg_response *r)
{
	struct mesh_peer *p = arg;
	struct pg_arena a = { 0 };
	struct pg_err err = { 0 };
	struct pg_value *v = NULL;
	struct pg_hostref ref;

	gossip_ended(p);
	if (gossip_answer(p, r, &a, &v, &err) < 0) {
		if (r->status == 401)
			gossip_on_401(p, r, err.msg);
		else
			gossip_failed(p, r->status, err.msg);
	} else if (pg_hostref_read(v, &a, &ref, &err) < 0) {
		gossip_failed(p, r->status, err.msg);
	} else {
		gossip_met(p, &ref); /* p may be gone then */
	}
	pg_arena_fini(&a);
}

/* Begin a visit, unless one is under way. */
static bool
gossip_visit(struct mesh_peer *p)
{
	struct pg_gossip *g = p->gossip;
	bool known = p->kind == PEER_MEMBER && p->member->boot[0] != '\0';

	if (p->call != NULL || g->visits >= PG_GOSSIP_VISITS_MAX ||
	    pg_str_eq(p->url, g->host->address))
		return false;
	p->asked = gossip_now(g);
	p->deadline = p->asked + PG_GOSSIP_VISIT_TIME;
	if (known && !gossip_keeps_key(g, p->url))
		gossip_greet(p);
	else
		gossip_request(p, "/health", gossip_on_health);
	return true;
}

/* ---- rounds ----------------------------------------------------------- */

/* The next host of ours in turn that is online and may be visited, or NULL. */
static struct mesh_peer *
gossip_next(struct pg_gossip *g)
{
	struct pg_registry *r = &g->mesh->registry;
	size_t tries = PG_MIN(r->nhosts, (size_t)GOSSIP_TRIES_MAX);
	struct pg_member *h;

	while (tries-- > 0) {
		if (g->cursor >= r->nhosts) {
			pg_registry_shuffle(r, &g->random);
			g->cursor = 0;
		}
		h = r->hosts[g->cursor++];
		if (h->boot[0] != '\0' && h->state == PG_MEMBER_ONLINE &&
		    (h->peer == NULL || h->peer->call == NULL))
			return peer_of(g, h);
	}
	return NULL;
}

/* Visit a few hosts of ours; whether there are any. */
static bool
gossip_go_round(struct pg_gossip *g)
{
	size_t n = PG_MIN(g->mesh->registry.nhosts,
	    (size_t)PG_GOSSIP_FANOUT);
	struct mesh_peer *p;
	bool any = false;

	while (n-- > 0 && (p = gossip_next(g)) != NULL)
		any |= gossip_visit(p);
	return any;
}

static void
gossip_push(struct pg_timer *t)
{
	struct pg_gossip *g = PG_CONTAINER(t, struct pg_gossip, push);

	g->pushed = gossip_now(g);
	/* With nobody to tell, haste would be in vain. */
	if (gossip_go_round(g) && g->mesh->registry.news != NULL)
		gossip_haste(g);
}

/* There is news: tell it before the next round. */
static void
gossip_haste(struct pg_gossip *g)
{
	int64_t wait = g->pushed + PG_GOSSIP_PUSH_TIME - gossip_now(g);

	if (g->started && g->push.loop == NULL)
		pg_timer_set(g->host->loop, &g->push, PG_MAX(wait, PG_MS),
		    gossip_push);
}

static void
gossip_on_news(void *arg)
{
	gossip_haste(arg);
}

/* Whether h is reached through us and does not greet us: then our own polls
 * tell how it is, and it expects no visits. */
static bool
gossip_is_node(const struct pg_gossip *g, const struct pg_member *h)
{
	struct pg_str own = g->host->address;
	struct pg_str rest = pg_str_skip(h->url, PG_MIN(own.n, h->url.n));

	return h->boot[0] == '\0' && h->url.n > own.n &&
	    memcmp(h->url.p, own.p, own.n) == 0 && rest.n > 13 &&
	    memcmp(rest.p, "/relay/hosts/", 13) == 0;
}

/* Whether h is to be visited out of turn: those without boot expect it, those
 * in doubt or offline may be back. */
static bool
gossip_wants(struct pg_gossip *g, struct pg_member *h, size_t *retries)
{
	struct mesh_peer *p = h->peer;

	if ((p != NULL && (p->call != NULL || gossip_now(g) < p->due)) ||
	    gossip_is_node(g, h))
		return false;
	switch (h->state) {
	case PG_MEMBER_ONLINE:
		return h->boot[0] == '\0';
	case PG_MEMBER_DOUBTED:
		return true;
	case PG_MEMBER_UNKNOWN: /* its seed is visited */
		return false;
	case PG_MEMBER_OFFLINE:
		return h->givens == 0 && (*retries)++ < PG_GOSSIP_RETRIES_MAX;
	}
	return false;
}

static void
gossip_visit_members(struct pg_gossip *g)
{
	struct pg_registry *r = &g->mesh->registry;
	size_t i = r->nhosts, retries = 0;
	struct pg_member *h;

	while (i-- > 0) {
		if (i >= r->nhosts)
			continue;
		h = r->hosts[i];
		if (!pg_registry_age(r, h) && gossip_wants(g, h, &retries))
			gossip_visit(peer_of(g, h));
	}
}

/* Seeds whose host is online are visited as that. */
static void
gossip_visit_seeds(struct pg_gossip *g)
{
	struct mesh_peer *p;
	size_t i;

	for (i = 0; i < g->nseeds; i++) {
		p = g->seeds[i];
		if (gossip_now(g) >= p->due && (p->member == NULL ||
		    !pg_member_online(&g->mesh->registry, p->member, NULL)))
			gossip_visit(p);
	}
}

/* What was found and has been looked at makes room. */
static void
gossip_forget_found(struct pg_gossip *g)
{
	struct mesh_peer *p;
	size_t i = g->nfound;

	while (i-- > 0) {
		p = g->found[i];
		if (p->call != NULL || gossip_now(g) < p->due)
			continue;
		peer_free(p);
		g->found[i] = g->found[--g->nfound];
	}
}

static void
gossip_tick(struct pg_timer *t)
{
	struct pg_gossip *g = PG_CONTAINER(t, struct pg_gossip, tick);

	pg_timer_set(g->host->loop, t, PG_GOSSIP_INTERVAL, gossip_tick);
	gossip_forget_found(g);
	pg_registry_age_refused(&g->mesh->registry);
	gossip_visit_seeds(g);
	gossip_visit_members(g);
	gossip_go_round(g);
	if (g->mesh->registry.news != NULL)
		gossip_haste(g);
}

/* ---- who turns up ----------------------------------------------------- */

PG_FN void
pg_gossip_heard(struct pg_gossip *g, const struct pg_value *ref)
{
	struct pg_member *h = pg_mesh_heard(g->mesh, ref);

	/* A host that is new is told of us at once. */
	if (g->started && h != NULL && h->peer == NULL)
		gossip_visit(peer_of(g, h));
}

PG_FN void
pg_gossip_found(struct pg_gossip *g, struct pg_str text)
{
	struct pg_arena a = { 0 };
	struct pg_str url;
	size_t i;

	if (!g->started || pg_url_normalise(&a, text, &url, NULL) < 0 ||
	    url.n > PG_HOSTREF_URL_MAX ||
	    pg_str_eq(url, g->host->address) ||
	    pg_registry_get(&g->mesh->registry, url) != NULL ||
	    g->nfound == PG_GOSSIP_FOUND_MAX)
		goto out;
	for (i = 0; i < g->nfound; i++)
		if (pg_str_eq(url, g->found[i]->url))
			goto out;
	g->found[g->nfound] = peer_new(g, PEER_FOUND, peer_text(url));
	gossip_visit(g->found[g->nfound++]);
out:
	pg_arena_fini(&a);
}

static struct mesh_peer *
gossip_seed(const struct pg_gossip *g, struct pg_str name, struct pg_str url)
{
	size_t i;

	for (i = 0; i < g->nseeds; i++)
		if (pg_str_eq(url, g->seeds[i]->url) &&
		    pg_str_eq(name, g->seeds[i]->name))
			return g->seeds[i];
	return NULL;
}

static void
gossip_add_seed(struct pg_gossip *g, struct pg_str name, struct pg_str text)
{
	struct pg_str url;
	struct mesh_peer *p;
	struct pg_arena a = { 0 };
	struct pg_err err = { 0 };

	if (pg_url_normalise(&a, text, &url, &err) < 0) {
		pg_log(PG_LOG_WARN, "mesh: peer left out: %s", err.msg);
	} else if ((p = gossip_seed(g, name, url)) != NULL) {
		p->stays = true;
	} else if (g->nseeds == PG_GOSSIP_SEEDS_MAX) {
		pg_log(PG_LOG_WARN, "mesh: peer %.*s left out: over %d",
		    PG_STR_ARG(url), PG_GOSSIP_SEEDS_MAX);
	} else {
		p = peer_new(g, PEER_SEED, peer_text(url));
		p->name = peer_text(name);
		p->stays = true;
		g->seeds[g->nseeds++] = p;
		pg_map_put(&g->mesh->given, p->url, p);
	}
	pg_arena_fini(&a);
}

static void
gossip_drop_seed(struct pg_gossip *g, size_t i)
{
	struct mesh_peer *p = g->seeds[i];
	size_t j;

	g->seeds[i] = g->seeds[--g->nseeds];
	peer_set_member(p, NULL);
	pg_map_del(&g->mesh->given, p->url);
	for (j = 0; j < g->nseeds; j++)
		if (pg_str_eq(g->seeds[j]->url, p->url))
			pg_map_put(&g->mesh->given, g->seeds[j]->url,
			    g->seeds[j]);
	peer_free(p);
}

PG_FN void
pg_gossip_given(struct pg_gossip *g, struct pg_str name,
    const struct pg_str *urls, size_t n)
{
	size_t i;

	for (i = 0; i < g->nseeds; i++)
		g->seeds[i]->stays = !pg_str_eq(g->seeds[i]->name, name);
	for (i = 0; i < n; i++)
		gossip_add_seed(g, name, urls[i]);
	for (i = g->nseeds; i-- > 0;)
		if (!g->seeds[i]->stays)
			gossip_drop_seed(g, i);
	if (g->started)
		gossip_visit_seeds(g);
}

static size_t
gossip_add_port(struct pg_str url, uint16_t *out, size_t n, size_t max)
{
	struct pg_url u;
	size_t i;

	if (n == max || pg_url_parse(url, &u, NULL) < 0)
		return n;
	for (i = 0; i < n; i++)
		if (out[i] == u.port)
			return n;
	out[n] = u.port;
	return n + 1;
}

PG_FN size_t
pg_gossip_ports(struct pg_gossip *g, uint16_t *out, size_t max)
{
	const struct pg_registry *r = &g->mesh->registry;
	size_t i, n = 0;

	if (max == 0)
		return 0;
	out[n++] = PG_DEFAULT_PORT;
	n = gossip_add_port(g->host->address, out, n, max);
	for (i = 0; i < g->nseeds; i++)
		n = gossip_add_port(g->seeds[i]->url, out, n, max);
	for (i = 0; i < r->nhosts; i++)
		n = gossip_add_port(r->hosts[i]->url, out, n, max);
	return n;
}

/* ---- life ------------------------------------------------------------- */

PG_FN struct pg_gossip *
pg_gossip_new(struct pg_host *h)
{
	struct pg_gossip *g = pg_alloc(sizeof(*g));

	g->host = h;
	g->random = h->seed[0] | 1;
	g->agreed = gossip_now(g);
	g->apart = PG_GOSSIP_APART_TIME;
	g->mesh = h->mesh = pg_mesh_new(h, gossip_on_news, gossip_on_remove, g);
	return g;
}

PG_FN void
pg_gossip_start(struct pg_gossip *g)
{
	const struct pg_host_config *cfg = &g->host->cfg;

	pg_mesh_set_self(g->mesh);
	pg_gossip_given(g, PG_STR_NULL, cfg->peers, cfg->npeers);
	if (!cfg->mesh)
		return;
	g->started = true;
	pg_timer_set(g->host->loop, &g->tick, 0, gossip_tick);
}

PG_FN void
pg_gossip_readdress(struct pg_gossip *g)
{
	pg_mesh_set_self(g->mesh);
	gossip_haste(g);
}

PG_FN void
pg_gossip_stop(struct pg_gossip *g)
{
	struct pg_member *h;
	size_t i;

	if (g == NULL)
		return;
	g->started = false;
	pg_timer_stop(&g->tick);
	pg_timer_stop(&g->push);
	for (i = 0; i < g->nfound; i++)
		peer_cancel(g->found[i]);
	for (i = 0; i < g->nseeds; i++)
		peer_cancel(g->seeds[i]);
	for (i = 0; i < g->mesh->registry.nhosts; i++) {
		h = g->mesh->registry.hosts[i];
		if (h->peer != NULL)
			peer_cancel(h->peer);
	}
}

/* The last word to one of them. */
static void
gossip_on_left(void *arg, const struct pg_response *r)
{
	(void)r;
	gossip_ended(arg);
}

static void
gossip_take_leave(struct pg_gossip *g, struct mesh_peer *p)
{
	struct pg_value *d;
	struct pg_arena a = { 0 };

	p->deadline = gossip_now(g) + PG_GOSSIP_VISIT_TIME;
	d = pg_mesh_self(g->mesh, &a);
	p->body = PG_BUF_INIT(0);
	pg_json_write(&p->body, d, NULL);
	gossip_request(p, "/hosts/join", gossip_on_left);
	pg_arena_fini(&a);
}

PG_FN void
pg_gossip_leave(struct pg_gossip *g)
{
	struct mesh_peer *p;
	int i;

	if (!g->started)
		return;
	/* What is under way would say that we are here. */
	pg_gossip_stop(g);
	for (i = 0; i < PG_GOSSIP_FANOUT; i++)
		if ((p = gossip_next(g)) != NULL)
			gossip_take_leave(g, p);
}

PG_FN void
pg_gossip_free(struct pg_gossip *g)
{
	if (g == NULL)
		return;
	pg_gossip_stop(g);
	while (g->nfound > 0)
		peer_free(g->found[--g->nfound]);
	while (g->nseeds > 0)
		gossip_drop_seed(g, g->nseeds - 1);
	pg_mesh_free(g->mesh);
	g->host->mesh = NULL;
	pg_arena_fini(&g->scratch);
	free(g);
}

#undef GOSSIP_TREE_MAX
#undef GOSSIP_TRIES_MAX
