/* mesh: the table of hosts, their liveness, and gossip.
 *
 * Who is alive is judged by our own monotonic clock: a host is online while
 * signs of life come, whatever the clocks of others say (QUIRKS 7). Our hosts
 * give signs by a rising `beat`, which may be passed on by anyone. Python
 * hosts give them by last_seen, which others pass on too; therefore we list
 * the last_seen that we were told, not the time we were told it, or else two
 * hosts would keep a dead third one alive by telling each other.
 *
 * The key goes to the URLs that users name, by --peer or in a request, and to
 * hosts that joined us with it, never to a URL that somebody else's list names
 * (DESIGN section 7). What a given peer says of itself is believed: it has the
 * key already.
 */
#include "mesh.h"

#include "../base/log.h"
#include "../codec/json.h"
#include "hostref.h"
#include "wire.h"

/* Memory that reading one answer may take. */
#define MESH_TREE_MAX ((size_t)64 << 20)

/* How a reference came to us. */
enum mesh_source {
	MESH_JOINED,  /* its host posted it */
	MESH_HEALTH,  /* made of its health */
	MESH_VISITED, /* its host's own entry in its answer to a visit */
	MESH_LISTED   /* somebody else's list */
};

/* A URL that is visited: of a host of the table, or given by --peer. */
struct mesh_peer {
	struct pg_mesh *mesh;
	struct pg_str url;
	struct mesh_host *host; /* of --peer: who answered, or NULL so far */
	bool given;             /* by --peer */
	struct pg_call *call;   /* the visit under way, or NULL */
	struct pg_buf body;     /* of that call */
	int64_t deadline;       /* of that visit */
	int64_t due, pause;     /* the next visit; wait after a failure */
};

/* Owner: the mesh, until forgotten. */
struct mesh_host {
	struct mesh_peer peer; /* its url is the key, behind the struct */
	struct pg_arena arena; /* of the next four */
	struct pg_str name, version;
	struct pg_value *tags, *properties;
	int64_t active, inactive;
	char boot[PG_HOSTREF_BOOT_MAX + 1]; /* empty: a Python host */
	int64_t beat;  /* with boot only */
	int64_t told;  /* without: the newest last_seen that came */
	int64_t seen;  /* last_seen as we list it, wall clock */
	int64_t heard; /* pg_now() of the last sign of life */
	struct pg_err err; /* why it is offline */
	size_t at;         /* in the mesh's hosts */
	unsigned givens;   /* peers given that are this host */
	bool online;
	bool keyed;   /* it has shown that it has our key */
	bool unknown; /* a URL that has not answered yet */
};

struct pg_mesh {
	struct pg_host *host;
	struct pg_arena arena;   /* as long as the mesh */
	struct pg_arena scratch; /* as long as one reference */
	struct pg_value *tags, *properties; /* our own */
	int64_t started, beat;   /* pg_now() then, and the beat */
	struct mesh_peer given[PG_HOST_LISTS_MAX];
	size_t ngiven;
	struct pg_map map; /* the hosts, by URL */
	struct mesh_host **hosts;
	size_t nhosts, cap;
	size_t cursor; /* of the rounds, over given and hosts */
	/* The URLs that users named, owned, in a ring; named is their map. */
	char *names[PG_MESH_NAMED_MAX];
	size_t nnames; /* ever put into the ring */
	struct pg_map named;
	struct pg_timer timer;
};

/* ---- the table -------------------------------------------------------- */

static struct mesh_host *
mesh_add(struct pg_mesh *m, struct pg_str url)
{
	struct mesh_host *h = pg_alloc(sizeof(*h) + url.n);

	memcpy(h + 1, url.p, url.n);
	h->peer.url = (struct pg_str){ (const char *)(h + 1), url.n };
	h->peer.mesh = m;
	h->peer.host = h;
	h->told = INT64_MIN;
	h->heard = pg_loop_now(m->host->loop);
	if (m->nhosts == m->cap) {
		m->cap = PG_MAX(16, m->cap * 2);
		m->hosts = pg_realloc(m->hosts, m->cap * sizeof(*m->hosts));
	}
	h->at = m->nhosts;
	m->hosts[m->nhosts++] = h;
	pg_map_put(&m->map, h->peer.url, h);
	return h;
}

static void
mesh_peer_fini(struct mesh_peer *p)
{
	if (p->call != NULL)
		pg_call_cancel(p->call);
	pg_buf_fini(&p->body);
}

/* Not for the host of a peer given, which refers to it. */
static void
mesh_remove(struct mesh_host *h)
{
	struct pg_mesh *m = h->peer.mesh;

	assert(h->givens == 0);
	m->hosts[h->at] = m->hosts[--m->nhosts];
	m->hosts[h->at]->at = h->at;
	pg_map_del(&m->map, h->peer.url);
	mesh_peer_fini(&h->peer);
	pg_arena_fini(&h->arena);
	free(h);
}

/* Whether the reference is of this very host, by whatever URL. */
static bool
mesh_own(const struct pg_mesh *m, const struct pg_hostref *ref)
{
	return pg_str_eq(ref->url, m->host->address) ||
	    pg_str_eqz(ref->boot, m->host->boot);
}

static bool
mesh_same_version(const struct pg_mesh *m, const struct pg_hostref *ref)
{
	return pg_str_eq(ref->version, m->host->cfg.code_version);
}

/* Whether the reference is a sign of life. What its host says itself is one
 * unless we heard exactly that before; what others say only if it is newer
 * than all we were told, else old news would go round for ever. */
static bool
mesh_news(const struct mesh_host *h, const struct pg_hostref *ref,
    enum mesh_source from)
{
	bool beat = ref->boot.n > 0 && (h->boot[0] == '\0' ||
	    ref->beat > h->beat);

	switch (from) {
	case MESH_HEALTH:
	case MESH_VISITED:
		return true;
	case MESH_JOINED:
		if (ref->boot.n > 0)
			return beat || !pg_str_eqz(ref->boot, h->boot);
		return h->boot[0] != '\0' || ref->seen != h->told;
	case MESH_LISTED:
		if (ref->boot.n > 0 || h->boot[0] != '\0')
			return beat;
		return ref->online && ref->seen > h->told;
	}
	return false;
}

static void
mesh_offline(struct mesh_host *h, struct pg_str why)
{
	struct pg_err err = { 0 };

	pg_fail(&err, PG_E_REMOTE, "%.*s", PG_STR_ARG(why));
	if (h->online || strcmp(err.msg, h->err.msg) != 0)
		pg_log(PG_LOG_INFO, "mesh: %.*s at %.*s is offline: %s",
		    PG_STR_ARG(h->name), PG_STR_ARG(h->peer.url), err.msg);
	h->online = false;
	h->err = err;
}

/* Copy what the reference says of the host, but for signs of life. */
static void
mesh_describe(struct mesh_host *h, const struct pg_hostref *ref)
{
	pg_arena_reset(&h->arena);
	h->name = pg_arena_str(&h->arena, ref->name);
	h->version = pg_arena_str(&h->arena, ref->version);
	pg_value_copy(&h->arena, ref->tags, &h->tags);
	pg_value_copy(&h->arena, ref->properties, &h->properties);
	h->active = PG_MAX(ref->active, 0);
	h->inactive = PG_MAX(ref->inactive, 0);
	h->unknown = false;
}

static void
mesh_mark(struct mesh_host *h, const struct pg_hostref *ref,
    enum mesh_source from)
{
	bool hearsay = from == MESH_LISTED;

	if (ref->boot.n > 0) {
		memcpy(h->boot, ref->boot.p, ref->boot.n);
		h->boot[ref->boot.n] = '\0';
		h->beat = ref->beat;
	} else if (from != MESH_HEALTH) {
		h->boot[0] = '\0';
		h->told = ref->seen;
	}
	h->seen = hearsay && ref->boot.n == 0 ? ref->seen : pg_now_wall();
	h->heard = pg_loop_now(h->peer.mesh->host->loop);
	if (!hearsay && !ref->online) {
		mesh_offline(h, ref->error);
		return;
	}
	if (!h->online)
		pg_log(PG_LOG_INFO, "mesh: %.*s at %.*s is online",
		    PG_STR_ARG(h->name), PG_STR_ARG(h->peer.url));
	h->online = true;
	h->err = (struct pg_err){ 0 };
}

/* Make room for a host that is new. Who joins or is given comes before whom
 * others list: of these the one goes that was silent longest. (Peers given
 * that have not answered are listed beyond the limit; they are few.) */
static int
mesh_make_room(struct pg_mesh *m, enum mesh_source from, struct pg_err *e)
{
	struct mesh_host *oldest = NULL, *h;
	size_t i;

	if (m->nhosts < PG_MESH_HOSTS_MAX)
		return 0;
	for (i = 0; from != MESH_LISTED && i < m->nhosts; i++) {
		h = m->hosts[i];
		if (!h->keyed && h->givens == 0 &&
		    (oldest == NULL || h->heard < oldest->heard))
			oldest = h;
	}
	if (oldest == NULL)
		return pg_fail(e, PG_E_BUSY, "the mesh of %.*s is full "
		    "(%d hosts)", PG_STR_ARG(m->host->name),
		    PG_MESH_HOSTS_MAX);
	mesh_remove(oldest);
	return 0;
}

/* Take in a reference. What is of another version, of ourselves, or old, is
 * left out without an error. */
static int
mesh_take(struct pg_mesh *m, const struct pg_hostref *ref,
    enum mesh_source from, struct pg_err *e)
{
	struct mesh_host *h = pg_map_get(&m->map, ref->url);

	if (mesh_own(m, ref) || !mesh_same_version(m, ref))
		return 0;
	/* A stranger who is gone is no news: else it would be taken back from
	 * whoever has not forgotten it yet. */
	if (h == NULL && from == MESH_LISTED && !ref->online)
		return 0;
	if (h == NULL && mesh_make_room(m, from, e) < 0)
		return -1;
	if (h == NULL)
		h = mesh_add(m, ref->url);
	else if (!mesh_news(h, ref, from))
		return 0;
	mesh_describe(h, ref);
	mesh_mark(h, ref, from);
	if (from == MESH_JOINED) {
		h->keyed = true;
		h->peer.due = h->peer.pause = 0;
	}
	return 0;
}

PG_FN int
pg_mesh_join(struct pg_mesh *m, const struct pg_value *ref, struct pg_err *e)
{
	struct pg_hostref in;
	int rc = pg_hostref_read(ref, &m->scratch, &in, e);

	if (rc == 0)
		rc = mesh_take(m, &in, MESH_JOINED, e);
	pg_arena_reset(&m->scratch);
	return rc;
}

/* ---- what we tell ----------------------------------------------------- */

static void
mesh_put_host(struct pg_arena *a, struct pg_value *d, const char *key,
    const struct pg_value *v)
{
	struct pg_value *copy = NULL;

	pg_value_copy(a, v, &copy);
	pg_put(a, d, key, copy);
}

/* Whether h is online now; *why (may be NULL) is the reason if not. */
static bool
mesh_online(const struct mesh_host *h, const char **why)
{
	int64_t silent = pg_loop_now(h->peer.mesh->host->loop) - h->heard;
	bool stale = silent > PG_MESH_OFFLINE_AFTER;

	if (why != NULL)
		*why = h->online && stale ? "stale mesh peer" : h->err.msg;
	return h->online && !stale;
}

static struct pg_value *
mesh_value(const struct mesh_host *h, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);
	const char *why;
	bool online = mesh_online(h, &why);

	pg_put_str(a, d, "name", pg_arena_str(a, h->name));
	pg_put_str(a, d, "url", pg_arena_str(a, h->peer.url));
	pg_put_str(a, d, "code_version", pg_arena_str(a, h->version));
	pg_put_bool(a, d, "online", online);
	pg_put_float(a, d, "last_seen", pg_to_seconds(h->seen));
	pg_put_int(a, d, "active_count", h->active);
	pg_put_int(a, d, "inactive_count", h->inactive);
	mesh_put_host(a, d, "tags", h->tags);
	mesh_put_host(a, d, "properties", h->properties);
	if (!online && why[0] != '\0')
		pg_put_str(a, d, "error", pg_arena_str(a, pg_str(why)));
	if (h->boot[0] != '\0') {
		pg_put_str(a, d, "boot", pg_arena_str(a, pg_str(h->boot)));
		pg_put_int(a, d, "beat", h->beat);
	}
	return d;
}

/* Rises with every millisecond, and, as far as this machine's clock goes
 * forward, across restarts. */
static int64_t
mesh_beat(const struct pg_mesh *m)
{
	return m->beat + (pg_loop_now(m->host->loop) - m->started) / PG_MS;
}

PG_FN struct pg_value *
pg_mesh_self(struct pg_mesh *m, struct pg_arena *a)
{
	const struct pg_host *h = m->host;
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "name", h->name);
	pg_put_str(a, d, "url", h->address);
	pg_put_str(a, d, "code_version", h->cfg.code_version);
	pg_put_bool(a, d, "online", true);
	pg_put_float(a, d, "last_seen", pg_to_seconds(pg_now_wall()));
	/* Those crashed and starting are counted too (QUIRKS section 3). */
	pg_put_int(a, d, "active_count", (int64_t)h->agents.n);
	pg_put_int(a, d, "inactive_count", 0);
	pg_put(a, d, "tags", m->tags);
	pg_put(a, d, "properties", m->properties);
	pg_put_strz(a, d, "boot", h->boot);
	pg_put_int(a, d, "beat", mesh_beat(m));
	return d;
}

/* For qsort: by name, then URL. */
static int
mesh_order(const void *x, const void *y)
{
	static const char *const keys[] = { "name", "url" };
	const struct pg_value *const *a = x, *const *b = y;
	size_t i;
	int d = 0;

	for (i = 0; d == 0 && i < PG_COUNT(keys); i++)
		d = pg_hostref_compare(pg_value_text(pg_value_get(*a, keys[i]),
		    PG_STR_NULL), pg_value_text(pg_value_get(*b, keys[i]),
		    PG_STR_NULL));
	return d;
}

PG_FN struct pg_value *
pg_mesh_list(struct pg_mesh *m, struct pg_arena *a)
{
	struct pg_value *list = pg_value_list(a);
	size_t i;

	pg_value_add(a, list, pg_mesh_self(m, a));
	for (i = 0; i < m->nhosts; i++)
		pg_value_add(a, list, mesh_value(m->hosts[i], a));
	if (list != NULL && list->n > 0)
		qsort(list->u.items, list->n, sizeof(*list->u.items),
		    mesh_order);
	return list;
}

PG_FN bool
pg_mesh_url_at(struct pg_mesh *m, size_t i, struct pg_str *url)
{
	if (i >= m->nhosts)
		return false;
	*url = m->hosts[i]->peer.url;
	return true;
}

/* ---- whom we trust ---------------------------------------------------- */

/* Whether the key may go to this URL, which is normalised. */
static bool
mesh_trusts(const struct pg_mesh *m, struct pg_str url)
{
	const struct mesh_host *h = pg_map_get(&m->map, url);
	size_t i;

	if ((h != NULL && (h->keyed || h->givens > 0)) ||
	    pg_map_get(&m->named, url) != NULL ||
	    pg_str_eq(url, m->host->address))
		return true;
	for (i = 0; i < m->ngiven; i++)
		if (pg_str_eq(url, m->given[i].url))
			return true;
	return false;
}

PG_FN struct pg_str
pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	struct pg_str key = PG_STR_NULL, normal;
	struct pg_arena a = { 0 };

	if (m->host->cfg.api_key.n > 0 &&
	    pg_url_normalise(&a, url, &normal, NULL) == 0 &&
	    mesh_trusts(m, normal))
		key = m->host->cfg.api_key;
	pg_arena_fini(&a);
	return key;
}

/* Whether text can be meant as a URL, or as host:port. */
static bool
mesh_url_like(struct pg_str s)
{
	return s.n > 0 && (memchr(s.p, ':', s.n) != NULL ||
	    memchr(s.p, '.', s.n) != NULL ||
	    (s.n >= 9 && pg_str_ieq((struct pg_str){ s.p, 9 },
	    PG_STR("localhost"))));
}

/* Into the ring, in place of the oldest when it is full. */
static void
mesh_remember(struct pg_mesh *m, struct pg_str url)
{
	char **at = &m->names[m->nnames++ % PG_MESH_NAMED_MAX];

	if (*at != NULL)
		pg_map_del(&m->named, pg_str(*at));
	free(*at);
	*at = pg_strdup(url);
	pg_map_put(&m->named, pg_str(*at), *at);
}

PG_FN void
pg_mesh_named(struct pg_mesh *m, struct pg_str text)
{
	struct pg_arena a = { 0 };
	struct pg_str url;

	/* Without a key nothing is kept back from anyone. */
	if (m->host->cfg.api_key.n > 0 && mesh_url_like(pg_str_trim(text)) &&
	    pg_url_normalise(&a, text, &url, NULL) == 0 &&
	    url.n <= PG_HOSTREF_URL_MAX &&
	    pg_map_get(&m->named, url) == NULL)
		mesh_remember(m, url);
	pg_arena_fini(&a);
}

/* Whether both lead to the same host and port. */
static bool
mesh_same_place(struct pg_str a, struct pg_str b)
{
	struct pg_url x, y;

	return pg_url_parse(a, &x, NULL) == 0 &&
	    pg_url_parse(b, &y, NULL) == 0 && pg_str_ieq(x.host, y.host) &&
	    x.port == y.port && pg_str_ieq(x.scheme, y.scheme);
}

PG_FN void
pg_mesh_alias(struct pg_mesh *m, struct pg_str url, struct pg_str address)
{
	struct pg_arena a = { 0 };
	struct pg_str x, y;

	if (pg_mesh_key_for(m, url).n > 0 &&
	    pg_url_normalise(&a, url, &x, NULL) == 0 &&
	    pg_url_normalise(&a, address, &y, NULL) == 0 &&
	    mesh_same_place(x, y))
		pg_mesh_named(m, y);
	pg_arena_fini(&a);
}

/* ---- names ------------------------------------------------------------ */

/* Which of the hosts of one name is meant: anybody may list a host under any
 * name, so those we trust come first, then those online. */
static int
mesh_rank(const struct mesh_host *h)
{
	return mesh_trusts(h->peer.mesh, h->peer.url) * 2 +
	    mesh_online(h, NULL);
}

/* The host of this name, or NULL; of several of one rank the one with the
 * least URL. */
static const struct mesh_host *
mesh_by_name(const struct pg_mesh *m, struct pg_str name)
{
	const struct mesh_host *best = NULL, *h;
	int best_rank = 0, rank;
	size_t i;

	for (i = 0; i < m->nhosts; i++) {
		h = m->hosts[i];
		if (h->unknown || !pg_str_eq(h->name, name))
			continue;
		rank = mesh_rank(h);
		if (best != NULL && (rank < best_rank ||
		    (rank == best_rank && pg_hostref_compare(h->peer.url,
		    best->peer.url) > 0)))
			continue;
		best = h;
		best_rank = rank;
	}
	return best;
}

PG_FN int
pg_mesh_resolve(struct pg_mesh *m, struct pg_str name_or_url,
    struct pg_arena *a, struct pg_str *url, struct pg_err *e)
{
	struct pg_str text = pg_str_trim(name_or_url), found;
	const struct mesh_host *h;
	bool url_like;

	if (text.n == 0)
		return pg_fail(e, PG_E_HOST, "Host URL cannot be empty");
	if (pg_str_eq(text, m->host->name)) {
		*url = pg_arena_str(a, m->host->address);
		return 0;
	}
	h = mesh_by_name(m, text);
	if (h != NULL) {
		*url = pg_arena_str(a, h->peer.url);
		return 0;
	}
	url_like = mesh_url_like(text);
	if (pg_url_normalise(a, text, &found, url_like ? e : NULL) == 0 &&
	    (url_like || pg_map_get(&m->map, found) != NULL ||
	    pg_str_eq(found, m->host->address))) {
		*url = found;
		return 0;
	}
	if (url_like)
		return -1;
	return pg_fail(e, PG_E_NOT_FOUND, "no host '%.*s' in the mesh of "
	    "%.*s", PG_STR_ARG(text), PG_STR_ARG(m->host->name));
}

/* ---- gossip ----------------------------------------------------------- */

static void
mesh_back_off(struct mesh_peer *p)
{
	p->pause = PG_MIN(PG_MAX(PG_MESH_INTERVAL, p->pause * 2),
	    PG_MESH_PAUSE_MAX);
	p->due = pg_loop_now(p->mesh->host->loop) + p->pause;
}

/* A peer given is this host. */
static void
mesh_give(struct mesh_peer *p, struct mesh_host *h)
{
	struct mesh_host *old = p->host;

	if (h == old)
		return;
	p->host = h;
	h->givens++;
	if (old == NULL)
		return;
	old->givens--;
	if (old->unknown && old->givens == 0)
		mesh_remove(old);
}

/* An entry for a peer given that has never answered, so that it is listed. */
static void
mesh_give_unknown(struct mesh_peer *p)
{
	struct pg_mesh *m = p->mesh;
	struct mesh_host *h = pg_map_get(&m->map, p->url);
	struct pg_hostref ref = { .version = m->host->cfg.code_version };
	const char *at = memmem(p->url.p, p->url.n, "://", 3);

	if (h == NULL) {
		h = mesh_add(m, p->url);
		ref.name = pg_str_skip(p->url, (size_t)(at + 3 - p->url.p));
		ref.tags = pg_value_list(&m->scratch);
		ref.properties = pg_value_dict(&m->scratch);
		mesh_describe(h, &ref);
		pg_arena_reset(&m->scratch);
		h->seen = pg_now_wall();
		h->unknown = true;
	}
	mesh_give(p, h);
}

static void
mesh_failed(struct mesh_peer *p, int status, const struct pg_err *e)
{
	mesh_back_off(p);
	/* Who refuses us because we keep the key to ourselves is alive; by
	 * what others say of it we shall know. */
	if (status == 401 && !mesh_trusts(p->mesh, p->url) &&
	    p->mesh->host->cfg.api_key.n > 0)
		return;
	if (p->host == NULL)
		mesh_give_unknown(p);
	mesh_offline(p->host, pg_str(e->msg));
}

/* p answers, but with another code version. Ends a p that was not given and is
 * no given peer's host either. */
static void
mesh_other_version(struct mesh_peer *p, const struct pg_hostref *ref)
{
	struct pg_mesh *m = p->mesh;
	struct mesh_host *h = pg_map_get(&m->map, ref->url);
	struct pg_err err = { 0 };

	pg_fail(&err, PG_E_REMOTE, "code version '%.*s' differs from ours, "
	    "'%.*s'", PG_STR_ARG(ref->version),
	    PG_STR_ARG(m->host->cfg.code_version));
	mesh_back_off(p);
	if (!p->given) {
		mesh_offline(p->host, pg_str(err.msg));
		if (p->host->givens == 0)
			mesh_remove(p->host);
		return;
	}
	if (h == NULL)
		h = mesh_add(m, ref->url);
	mesh_describe(h, ref);
	h->seen = pg_now_wall();
	mesh_give(p, h);
	mesh_offline(h, pg_str(err.msg));
}

/* The value that a peer answered with, or -1: no answer, or an error. */
static int
mesh_answer(const struct mesh_peer *p, const struct pg_response *r,
    struct pg_arena *a, struct pg_value **v, struct pg_err *e)
{
	if (r->status == 0) {
		*e = r->err;
		return -1;
	}
	pg_arena_init(a, MESH_TREE_MAX);
	if (pg_json_read(pg_bulk_str(r->body), a, v, e) < 0)
		*v = NULL;
	else if (r->status == 200)
		return 0;
	if (r->status != 200)
		pg_wire_fail(*v, e);
	return pg_wrap(e, "%.*s answered %d", PG_STR_ARG(p->url), r->status);
}

/* GET, or POST what is in p->body. */
static void
mesh_request(struct mesh_peer *p, const char *path, pg_client_done *done)
{
	struct pg_mesh *m = p->mesh;
	int64_t left = p->deadline - pg_loop_now(m->host->loop);
	struct pg_request r = { .method = "GET",
		.bearer = pg_mesh_key_for(m, p->url),
		.timeout = PG_MAX(left, PG_MS),
		.max_reply = PG_MESH_REPLY_MAX };

	if (p->body.n > 0) {
		r.method = "POST";
		r.content_type = "application/json";
		r.body[0].text = pg_buf_str(&p->body);
		r.nbody = 1;
	}
	r.url = pg_arena_printf(&m->scratch, "%.*s%s", PG_STR_ARG(p->url),
	    path);
	p->call = pg_client_start(m->host->client, &r, done, p);
	pg_arena_reset(&m->scratch);
}

static void
mesh_take_list(struct mesh_peer *p, const struct pg_value *hosts)
{
	struct pg_mesh *m = p->mesh;
	struct pg_err err = { 0 };
	struct pg_hostref ref;
	uint32_t i;
	bool own;

	for (i = 0; pg_value_is_seq(hosts) && i < hosts->n; i++) {
		if (pg_hostref_read(hosts->u.items[i], &m->scratch, &ref,
		    &err) == 0) {
			own = pg_str_eq(ref.url, p->host->peer.url);
			mesh_take(m, &ref, own ? MESH_VISITED : MESH_LISTED,
			    &err);
		}
		pg_arena_reset(&m->scratch);
	}
	if (err.code != PG_E_OK)
		pg_log(PG_LOG_DEBUG, "mesh: in the list of %.*s: %s",
		    PG_STR_ARG(p->url), err.msg);
}

static void
mesh_on_join(void *arg, const struct pg_response *r)
{
	struct mesh_peer *p = arg;
	struct pg_arena a = { 0 };
	struct pg_err err = { 0 };
	struct pg_value *v = NULL;

	p->call = NULL;
	pg_buf_fini(&p->body);
	if (mesh_answer(p, r, &a, &v, &err) < 0) {
		mesh_failed(p, r->status, &err);
	} else {
		p->due = p->pause = 0;
		mesh_take_list(p, pg_value_get(v, "hosts"));
	}
	pg_arena_fini(&a);
}

/* To the URL that was visited, whatever address the peer reports: that one
 * nobody has given. */
static void
mesh_send_self(struct mesh_peer *p)
{
	struct pg_arena a = { 0 };

	p->body = PG_BUF_INIT(0);
	pg_json_write(&p->body, pg_mesh_self(p->mesh, &a), NULL);
	pg_arena_fini(&a);
	mesh_request(p, "/hosts/join", mesh_on_join);
}

static void
mesh_met(struct mesh_peer *p, const struct pg_hostref *ref)
{
	struct pg_mesh *m = p->mesh;
	struct pg_err err = { 0 };

	if (mesh_own(m, ref)) {
		p->due = pg_loop_now(m->host->loop) + PG_MESH_PAUSE_MAX;
		return;
	}
	if (!mesh_same_version(m, ref)) {
		mesh_other_version(p, ref);
		return;
	}
	/* Only whom the user named may speak for another URL. */
	if (!p->given && !pg_str_eq(ref->url, p->url)) {
		pg_fail(&err, PG_E_REMOTE, "%.*s calls itself %.*s",
		    PG_STR_ARG(p->url), PG_STR_ARG(ref->url));
		mesh_failed(p, 200, &err);
		return;
	}
	if (mesh_take(m, ref, MESH_HEALTH, &err) < 0) {
		mesh_failed(p, 200, &err);
		return;
	}
	if (p->given)
		mesh_give(p, pg_map_get(&m->map, ref->url));
	mesh_send_self(p);
}

static void
mesh_on_health(void *arg, const struct pg_response *r)
{
	struct mesh_peer *p = arg;
	struct pg_arena a = { 0 };
	struct pg_err err = { 0 };
	struct pg_value *v = NULL;
	struct pg_hostref ref;

	p->call = NULL;
	if (mesh_answer(p, r, &a, &v, &err) < 0)
		mesh_failed(p, r->status, &err);
	else if (pg_hostref_read(v, &a, &ref, &err) < 0)
		mesh_failed(p, r->status, &err);
	else
		mesh_met(p, &ref); /* p may be gone then */
	pg_arena_fini(&a);
}

/* Begin a visit if one is due. */
static bool
mesh_visit(struct mesh_peer *p)
{
	int64_t now = pg_loop_now(p->mesh->host->loop);

	if (p->call != NULL || now < p->due ||
	    pg_str_eq(p->url, p->mesh->host->address) ||
	    (!p->given && p->host->givens > 0))
		return false;
	p->deadline = now + PG_MESH_VISIT_TIME;
	mesh_request(p, "/health", mesh_on_health);
	return true;
}

static bool
mesh_forget(struct mesh_peer *p)
{
	int64_t now = pg_loop_now(p->mesh->host->loop);

	if (p->given || p->host->givens > 0 ||
	    now - p->host->heard <= PG_MESH_FORGET_AFTER)
		return false;
	pg_log(PG_LOG_INFO, "mesh: %.*s at %.*s is forgotten",
	    PG_STR_ARG(p->host->name), PG_STR_ARG(p->url));
	mesh_remove(p->host);
	return true;
}

/* The peer that is next in turn, NULL if there is none. */
static struct mesh_peer *
mesh_next(struct pg_mesh *m)
{
	size_t total = m->ngiven + m->nhosts, at;

	if (total == 0)
		return NULL;
	if (m->cursor >= total)
		m->cursor = 0;
	at = m->cursor++;
	return at < m->ngiven ? &m->given[at] : &m->hosts[at - m->ngiven]->peer;
}

/* One round. What it costs does not depend on the number of hosts. */
static void
mesh_tick(struct pg_timer *t)
{
	struct pg_mesh *m = PG_CONTAINER(t, struct pg_mesh, timer);
	size_t looks = PG_MIN(m->ngiven + m->nhosts, PG_MESH_LOOKS_MAX);
	size_t visits = 0;
	struct mesh_peer *p;

	pg_timer_set(m->host->loop, t, PG_MESH_INTERVAL, mesh_tick);
	for (; looks > 0 && visits < PG_MESH_VISITS_MAX; looks--) {
		p = mesh_next(m);
		if (p != NULL && !mesh_forget(p))
			visits += mesh_visit(p);
	}
}

/* ---- life ------------------------------------------------------------- */

static void
mesh_own_tags(struct pg_mesh *m)
{
	const struct pg_host_config *cfg = &m->host->cfg;
	struct pg_value *list = pg_value_list(&m->arena);
	struct pg_value *dict = pg_value_dict(&m->arena);
	struct pg_err err = { 0 };
	size_t i;

	for (i = 0; i < cfg->ntags; i++)
		pg_value_add(&m->arena, list, pg_value_str(&m->arena,
		    cfg->tags[i]));
	for (i = 0; i < cfg->nproperties; i++)
		pg_value_set(&m->arena, dict, cfg->properties[i].key,
		    pg_value_str(&m->arena, cfg->properties[i].value));
	/* What our own kind would refuse is not told at all. */
	if (pg_hostref_tags(list, &m->arena, &m->tags, &err) < 0)
		pg_log(PG_LOG_WARN, "mesh: of this host: %s", err.msg);
	if (pg_hostref_properties(dict, &m->arena, &m->properties, &err) < 0)
		pg_log(PG_LOG_WARN, "mesh: of this host: %s", err.msg);
}

static void
mesh_own_peers(struct pg_mesh *m)
{
	const struct pg_host_config *cfg = &m->host->cfg;
	struct mesh_peer *p;
	struct pg_err err;
	size_t i;

	for (i = 0; i < cfg->npeers; i++) {
		p = &m->given[m->ngiven];
		*p = (struct mesh_peer){ .mesh = m, .given = true };
		err = (struct pg_err){ 0 };
		if (pg_url_normalise(&m->arena, cfg->peers[i], &p->url,
		    &err) == 0)
			m->ngiven++;
		else
			pg_log(PG_LOG_WARN, "mesh: peer left out: %s",
			    err.msg);
	}
}

PG_FN struct pg_mesh *
pg_mesh_new(struct pg_host *h)
{
	struct pg_mesh *m = pg_alloc(sizeof(*m));

	m->host = h;
	m->started = pg_loop_now(h->loop);
	m->beat = pg_now_wall() / PG_MS;
	pg_map_init(&m->map, h->seed);
	pg_map_init(&m->named, h->seed);
	mesh_own_tags(m);
	mesh_own_peers(m);
	return m;
}

/* Others take references up to a size only; what is too much is left out. */
static void
mesh_trim_self(struct pg_mesh *m)
{
	struct pg_hostref self = { .name = m->host->name,
		.url = m->host->address, .version = m->host->cfg.code_version,
		.boot = pg_str(m->host->boot), .tags = m->tags,
		.properties = m->properties };
	struct pg_err err = { 0 };

	if (pg_hostref_fits(&self, &err) == 0)
		return;
	pg_log(PG_LOG_WARN, "mesh: tags and properties of this host are not "
	    "told: %s", err.msg);
	m->tags = pg_value_list(&m->arena);
	m->properties = pg_value_dict(&m->arena);
}

PG_FN void
pg_mesh_start(struct pg_mesh *m)
{
	mesh_trim_self(m);
	if (m->host->cfg.mesh)
		pg_timer_set(m->host->loop, &m->timer, 0, mesh_tick);
}

PG_FN void
pg_mesh_readdress(struct pg_mesh *m)
{
	(void)m;
}

PG_FN void
pg_mesh_free(struct pg_mesh *m)
{
	size_t i;

	if (m == NULL)
		return;
	pg_timer_stop(&m->timer);
	for (i = 0; i < m->ngiven; i++)
		mesh_peer_fini(&m->given[i]);
	while (m->nhosts > 0) {
		m->hosts[m->nhosts - 1]->givens = 0;
		mesh_remove(m->hosts[m->nhosts - 1]);
	}
	free(m->hosts);
	pg_map_fini(&m->map);
	for (i = 0; i < PG_MESH_NAMED_MAX; i++)
		free(m->names[i]);
	pg_map_fini(&m->named);
	pg_arena_fini(&m->scratch);
	pg_arena_fini(&m->arena);
	free(m);
}

#undef MESH_TREE_MAX
