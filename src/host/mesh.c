/* mesh: see mesh.h.
 *
 * The key goes to the URLs that users name, by --peer or in a request, and to
 * those that a reference names whose signature proves that its host has the
 * key: never to a URL that a mere list or beacon names (DESIGN section 7).
 */
#include "mesh.h"

#include "../base/log.h"
#include "../codec/json.h"
#include "wire.h"

/* Memory that reading a table takes. */
#define MESH_TREE_MAX ((size_t)64 << 20)
/* From here on a beat has ages to go. */
#define MESH_BEAT_READ_MAX (PG_HOSTREF_BEAT_MAX / 4 * 3)

/* ---- this host -------------------------------------------------------- */

/* Rises with every millisecond, and, as far as this machine's clock goes
 * forward or mesh.json is there, across restarts. */
static int64_t
mesh_beat(struct pg_mesh *m)
{
	int64_t beat = m->beat + (pg_loop_now(m->host->loop) - m->started) /
	    PG_MS;

	/* Others think that they missed us: what we say must be newer. */
	if (m->registry.accused >= beat) {
		m->beat += m->registry.accused + 1 - beat;
		beat = m->registry.accused + 1;
	}
	m->registry.accused = 0;
	m->registry.spoken = beat;
	return beat;
}

static struct pg_hostref
mesh_own_ref(struct pg_mesh *m)
{
	return (struct pg_hostref){ .name = m->host->name,
		.url = m->host->address, .version = m->host->cfg.code_version,
		.boot = pg_str(m->host->boot), .beat = mesh_beat(m),
		.tags = m->tags, .properties = m->properties };
}

/* What is signed, and the signature. */
static void
mesh_put_signed(struct pg_mesh *m, const struct pg_hostref *self,
    struct pg_value *d, struct pg_arena *a)
{
	char sig[PG_HOSTREF_SIG_LEN + 1];

	pg_put_str(a, d, "boot", self->boot);
	pg_put_int(a, d, "beat", self->beat);
	pg_seal_sign(&m->registry.seal, self, sig);
	if (sig[0] != '\0')
		pg_put_str(a, d, "sig", pg_arena_str(a, pg_str(sig)));
}

static struct pg_value *
mesh_names(const struct pg_hostref *self, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "name", self->name);
	pg_put_str(a, d, "url", self->url);
	pg_put_str(a, d, "code_version", self->version);
	return d;
}

PG_FN struct pg_value *
pg_mesh_card(struct pg_mesh *m, struct pg_arena *a)
{
	struct pg_hostref self = mesh_own_ref(m);
	struct pg_value *d = mesh_names(&self, a);

	mesh_put_signed(m, &self, d, a);
	return d;
}

PG_FN struct pg_value *
pg_mesh_self(struct pg_mesh *m, struct pg_arena *a)
{
	struct pg_hostref self = mesh_own_ref(m);
	struct pg_value *d = mesh_names(&self, a);

	pg_put_bool(a, d, "online", !m->host->draining);
	pg_put_float(a, d, "last_seen", pg_to_seconds(pg_now_wall()));
	/* Those crashed and starting are counted too (QUIRKS section 3). */
	pg_put_int(a, d, "active_count", (int64_t)m->host->agents.n);
	pg_put_int(a, d, "inactive_count", 0);
	pg_put(a, d, "tags", self.tags);
	pg_put(a, d, "properties", self.properties);
	if (m->host->draining)
		pg_put_strz(a, d, "error", "shut down");
	mesh_put_signed(m, &self, d, a);
	return d;
}

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

/* Others take references up to a size only; what is too much is left out. */
PG_FN void
pg_mesh_set_self(struct pg_mesh *m)
{
	struct pg_hostref self = mesh_own_ref(m);
	struct pg_member *h = pg_registry_get(&m->registry, self.url);
	struct pg_err err = { 0 };

	/* Whoever had it before is not there any more. */
	if (h != NULL)
		pg_registry_remove(&m->registry, h);
	if (pg_hostref_fits(&self, &err) == 0)
		return;
	pg_log(PG_LOG_WARN, "mesh: tags and properties of this host are not "
	    "told: %s", err.msg);
	m->tags = pg_value_list(&m->arena);
	m->properties = pg_value_dict(&m->arena);
}

PG_FN struct pg_mesh *
pg_mesh_new(struct pg_host *h, void (*on_news)(void *arg),
    void (*on_remove)(void *arg, struct pg_member *x), void *arg)
{
	struct pg_mesh *m = pg_alloc(sizeof(*m));

	m->host = h;
	m->on_news = on_news;
	m->arg = arg;
	m->started = pg_loop_now(h->loop);
	m->beat = PG_MAX(pg_now_wall() / PG_MS, 1);
	pg_registry_init(&m->registry, h, (uint64_t)m->beat, on_remove, arg);
	pg_named_init(&m->named, h->seed);
	pg_map_init(&m->given, h->seed);
	mesh_own_tags(m);
	return m;
}

PG_FN void
pg_mesh_free(struct pg_mesh *m)
{
	if (m == NULL)
		return;
	pg_registry_fini(&m->registry);
	pg_named_fini(&m->named);
	pg_map_fini(&m->given);
	pg_arena_fini(&m->scratch);
	pg_arena_fini(&m->arena);
	free(m);
}

/* ---- lists ------------------------------------------------------------ */

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
	const struct pg_registry *r = &m->registry;
	struct pg_value *list = pg_value_list(a);
	size_t i;

	pg_value_add(a, list, pg_mesh_self(m, a));
	for (i = 0; i < r->nhosts; i++)
		if (!r->hosts[i]->stranger)
			pg_value_add(a, list, pg_member_value(r, r->hosts[i],
			    a));
	if (list != NULL && list->n > 0)
		qsort(list->u.items, list->n, sizeof(*list->u.items),
		    mesh_order);
	return list;
}

PG_FN struct pg_value *
pg_mesh_refused(struct pg_mesh *m, struct pg_arena *a)
{
	return pg_registry_refused(&m->registry, a);
}

PG_FN bool
pg_mesh_url_at(struct pg_mesh *m, size_t i, struct pg_str *url)
{
	if (i >= m->registry.nhosts)
		return false;
	*url = m->registry.hosts[i]->url;
	return true;
}

PG_FN bool
pg_mesh_alone(const struct pg_mesh *m)
{
	return m->registry.nonline == 0;
}

/* ---- what we tell our own kind ---------------------------------------- */

static void
mesh_put_digest(struct pg_mesh *m, struct pg_value *d, struct pg_arena *a)
{
	pg_put_str(a, d, "digest", pg_arena_printf(a, "%016" PRIx64,
	    pg_registry_digest(&m->registry)));
}

static void
mesh_put_news(struct pg_mesh *m, struct pg_value *list, struct pg_arena *a)
{
	struct pg_member *news[PG_MESH_NEWS_MAX];
	size_t n = pg_registry_news(&m->registry, news, PG_MESH_NEWS_MAX), i;

	for (i = 0; i < n; i++)
		pg_value_add(a, list, pg_member_value(&m->registry, news[i],
		    a));
}

PG_FN struct pg_value *
pg_mesh_greeting(struct pg_mesh *m, const struct pg_member *h,
    bool everything, struct pg_arena *a)
{
	struct pg_value *d = pg_mesh_self(m, a), *news;

	if (h == NULL || h->boot[0] == '\0')
		return d;
	news = pg_value_list(a);
	mesh_put_news(m, news, a);
	if (news != NULL && news->n > 0)
		pg_put(a, d, "news", news);
	if (everything)
		return d;
	mesh_put_digest(m, d, a);
	if (h->cursor > 0)
		pg_put_int(a, d, "since", (int64_t)h->cursor);
	return d;
}

/* The hosts that changed after `since`, oldest change first, or, without it,
 * those that changed last. The number of the last one told, for `since`. */
static uint64_t
mesh_put_changes(struct pg_mesh *m, int64_t since, struct pg_value *list,
    struct pg_arena *a)
{
	const struct pg_registry *r = &m->registry;
	const struct pg_member *h = r->newest, *from = NULL;
	size_t n = 0;

	for (; h != NULL && (int64_t)h->changed > since; h = h->older) {
		from = h;
		if (since == 0 && (n += !h->stranger) == PG_MESH_CHANGES_MAX)
			break;
	}
	for (n = 0; from != NULL && n < PG_MESH_CHANGES_MAX;
	    from = from->newer) {
		if (from->stranger)
			continue;
		pg_value_add(a, list, pg_member_value(r, from, a));
		n++;
	}
	return from != NULL ? from->changed - 1 : r->changes;
}

/* Answer one of our own kind that knows most of it; list begins with our
 * news. */
static void
mesh_put_new(struct pg_mesh *m, const struct pg_value *body, int64_t since,
    struct pg_value *list, struct pg_value *d, struct pg_arena *a)
{
	struct pg_str theirs = pg_value_text(pg_value_get(body, "digest"),
	    PG_STR_NULL), ours;
	uint64_t next = m->registry.changes;

	/* A number of another run of ours, whose clock was ahead. */
	if (since > (int64_t)next)
		since = 0;
	mesh_put_digest(m, d, a);
	ours = pg_value_text(pg_value_get(d, "digest"), PG_STR_NULL);
	pg_value_add(a, list, pg_mesh_self(m, a));
	if (!pg_str_eq(theirs, ours))
		next = mesh_put_changes(m, since, list, a);
	pg_put(a, d, "hosts", list);
	pg_put_int(a, d, "since", (int64_t)next);
}

/* ---- what others tell ------------------------------------------------- */

static void
mesh_tell_gossip(struct pg_mesh *m)
{
	if (m->registry.news != NULL || m->registry.accused > 0)
		m->on_news(m->arg);
}

/* A loopback address that somebody tells who is not near (on this machine) is
 * one of another machine, whatever there is at ours; unless it is our own. */
static bool
mesh_reaches(const struct pg_mesh *m, const struct pg_hostref *ref, bool near)
{
	return near || !pg_hostref_is_loopback(ref) ||
	    pg_str_eqz(ref->boot, m->host->boot);
}

/* Take in a list. The host at `own` (may be empty) tells it. */
static void
mesh_take_list(struct pg_mesh *m, const struct pg_value *hosts,
    struct pg_str own, bool near)
{
	struct pg_err err = { 0 };
	struct pg_hostref ref;
	uint32_t i;

	for (i = 0; pg_value_is_seq(hosts) && i < hosts->n; i++) {
		if (pg_hostref_read(hosts->u.items[i], &m->scratch, &ref,
		    &err) == 0 && mesh_reaches(m, &ref, near))
			pg_registry_take(&m->registry, &ref,
			    own.n > 0 && pg_str_eq(ref.url, own) ?
			    PG_SOURCE_VISITED : PG_SOURCE_LISTED, NULL, &err);
		pg_arena_reset(&m->scratch);
	}
	if (err.code != PG_E_OK)
		pg_log(m->registry.chat, "mesh: in a list: %s", err.msg);
}

PG_FN int
pg_mesh_join(struct pg_mesh *m, const struct pg_value *body, bool near,
    struct pg_arena *a, struct pg_value **answer, struct pg_err *e)
{
	struct pg_value *list = pg_value_list(a);
	struct pg_hostref ref;
	int64_t since = 0;
	bool known;
	int rc;

	if (pg_field_int_opt(body, "since", &since, e) < 0)
		return -1;
	rc = pg_hostref_read(body, &m->scratch, &ref, e);
	if (rc == 0 && (near || !pg_hostref_is_loopback(&ref)))
		rc = pg_registry_take(&m->registry, &ref, PG_SOURCE_JOINED,
		    NULL, e);
	pg_arena_reset(&m->scratch);
	if (rc < 0)
		return -1;
	known = since > 0 || pg_value_get(body, "digest") != NULL;
	/* What is told here need not be told back. */
	if (known)
		mesh_put_news(m, list, a);
	mesh_take_list(m, pg_value_get(body, "news"), PG_STR_NULL, near);
	*answer = pg_value_dict(a);
	if (known)
		mesh_put_new(m, body, PG_MAX(since, 0), list, *answer, a);
	else
		pg_put(a, *answer, "hosts", pg_mesh_list(m, a));
	mesh_tell_gossip(m);
	return 0;
}

PG_FN bool
pg_mesh_answered(struct pg_mesh *m, struct pg_member *h,
    const struct pg_value *answer)
{
	struct pg_str theirs = pg_value_text(pg_value_get(answer, "digest"),
	    PG_STR_NULL);
	const struct pg_value *since = pg_value_get(answer, "since");
	char *url = pg_strdup(h->url), ours[17];
	struct pg_hostref teller = { .url = h->url };
	bool near = pg_hostref_is_loopback(&teller);

	if (pg_value_is(since, PG_T_INT) && since->u.i > 0)
		h->cursor = (uint64_t)since->u.i;
	/* From here on h may be gone: its host may have moved. */
	mesh_take_list(m, pg_value_get(answer, "hosts"), pg_str(url), near);
	free(url);
	mesh_tell_gossip(m);
	snprintf(ours, sizeof(ours), "%016" PRIx64,
	    pg_registry_digest(&m->registry));
	return pg_str_eqz(theirs, ours);
}

PG_FN struct pg_member *
pg_mesh_heard(struct pg_mesh *m, const struct pg_value *v)
{
	struct pg_member *h = NULL;
	struct pg_hostref ref;
	struct pg_err err = { 0 };

	if (pg_hostref_read(v, &m->scratch, &ref, &err) == 0)
		pg_registry_take(&m->registry, &ref, PG_SOURCE_BEACON, &h,
		    &err);
	pg_arena_reset(&m->scratch);
	if (err.code != PG_E_OK)
		pg_log(m->registry.chat, "mesh: in a beacon: %s", err.msg);
	mesh_tell_gossip(m);
	return h;
}

PG_FN void
pg_mesh_relayed(struct pg_mesh *m, const struct pg_value *v)
{
	struct pg_member *h;
	struct pg_hostref ref;
	struct pg_err err = { 0 };

	if (pg_hostref_read(v, &m->scratch, &ref, &err) == 0) {
		h = pg_registry_get(&m->registry, ref.url);
		/* One of ours has told others of itself, and might have to
		 * tell them otherwise. */
		if (h == NULL || h->boot[0] == '\0')
			pg_registry_take(&m->registry, &ref,
			    PG_SOURCE_JOINED, NULL, &err);
		else if (!ref.online)
			pg_registry_missed(&m->registry, h,
			    pg_loop_now(m->host->loop), "not polling");
	}
	pg_arena_reset(&m->scratch);
	if (err.code != PG_E_OK)
		pg_log(m->registry.chat, "mesh: of a node: %s", err.msg);
	mesh_tell_gossip(m);
}

PG_FN struct pg_value *
pg_mesh_greet(struct pg_mesh *m, struct pg_str hub, bool everything,
    struct pg_arena *a)
{
	return pg_mesh_greeting(m, pg_registry_get(&m->registry, hub),
	    everything, a);
}

PG_FN bool
pg_mesh_told(struct pg_mesh *m, struct pg_str hub,
    const struct pg_value *answer)
{
	struct pg_member *h = pg_registry_get(&m->registry, hub);
	struct pg_hostref teller = { .url = hub };

	if (h != NULL)
		return pg_mesh_answered(m, h, answer);
	mesh_take_list(m, pg_value_get(answer, "hosts"), hub,
	    pg_hostref_is_loopback(&teller));
	return true;
}

PG_FN void
pg_mesh_age(struct pg_mesh *m)
{
	struct pg_registry *r = &m->registry;
	size_t i = r->nhosts;

	while (i-- > 0)
		if (i < r->nhosts)
			pg_registry_age(r, r->hosts[i]);
	pg_registry_age_refused(r);
}

/* ---- whom we trust ---------------------------------------------------- */

/* The URL of the hub that a URL leads through; empty: none. */
static struct pg_str
mesh_hub_of(struct pg_str url)
{
	static const char path[] = "/relay/hosts/";
	const char *at = url.n > 0 ? memmem(url.p, url.n, path,
	    sizeof(path) - 1) : NULL;

	if (at == NULL)
		return PG_STR_NULL;
	return (struct pg_str){ url.p, (size_t)(at - url.p) };
}

/* Whether a user's word leads to this URL, which is normalised, or it is our
 * own. h is its host, or NULL. */
static bool
mesh_chosen(const struct pg_mesh *m, const struct pg_member *h,
    struct pg_str url)
{
	return (h != NULL && (h->givens > 0 || m->registry.trust_unsigned)) ||
	    pg_named_has(&m->named, url) ||
	    pg_map_get(&m->given, url) != NULL ||
	    pg_str_eq(url, m->host->address);
}

/* Whether the key may go to what is reached through this hub, which sees it
 * first; it may be empty. */
static bool
mesh_trusts_hub(const struct pg_mesh *m, struct pg_str hub)
{
	const struct pg_member *h = pg_registry_get(&m->registry, hub);

	return hub.n > 0 && ((h != NULL && h->keyed) ||
	    mesh_chosen(m, h, hub));
}

/* Whether the key may go to this URL, which is normalised. */
static bool
mesh_trusts(const struct pg_mesh *m, struct pg_str url)
{
	const struct pg_member *h = pg_registry_get(&m->registry, url);

	return (h != NULL && h->keyed) || mesh_chosen(m, h, url) ||
	    mesh_trusts_hub(m, mesh_hub_of(url));
}

/* The same for somebody who may not be there any more. */
static bool
mesh_trusts_still(const struct pg_mesh *m, struct pg_str url)
{
	const struct pg_member *h = pg_registry_get(&m->registry, url);

	return (h != NULL && h->keyed && h->state != PG_MEMBER_OFFLINE) ||
	    mesh_chosen(m, h, url) || mesh_trusts_hub(m, mesh_hub_of(url));
}

static struct pg_str
mesh_key(const struct pg_mesh *m, struct pg_str url,
    bool (*trusts)(const struct pg_mesh *m, struct pg_str url))
{
	struct pg_str key = PG_STR_NULL, normal;
	struct pg_arena a = { 0 };

	if (m->host->cfg.api_key.n > 0 &&
	    pg_url_normalise(&a, url, &normal, NULL) == 0 &&
	    trusts(m, normal))
		key = m->host->cfg.api_key;
	pg_arena_fini(&a);
	return key;
}

PG_FN struct pg_str
pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	return mesh_key(m, url, mesh_trusts);
}

PG_FN struct pg_str
pg_mesh_key_to_visit(struct pg_mesh *m, struct pg_str url)
{
	return mesh_key(m, url, mesh_trusts_still);
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

PG_FN void
pg_mesh_named(struct pg_mesh *m, struct pg_str text)
{
	struct pg_arena a = { 0 };
	struct pg_str url;

	/* Without a key nothing is kept back from anyone. */
	if (m->host->cfg.api_key.n > 0 && mesh_url_like(pg_str_trim(text)) &&
	    pg_url_normalise(&a, text, &url, NULL) == 0 &&
	    url.n <= PG_HOSTREF_URL_MAX)
		pg_named_add(&m->named, url);
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
mesh_rank(const struct pg_mesh *m, const struct pg_member *h)
{
	return mesh_trusts(m, h->url) * 2 +
	    pg_member_online(&m->registry, h, NULL);
}

/* The host of this name, or NULL; of several of one rank the one with the
 * least URL. */
static const struct pg_member *
mesh_by_name(const struct pg_mesh *m, struct pg_str name)
{
	const struct pg_member *best = NULL, *h;
	int best_rank = 0, rank;
	size_t i;

	for (i = 0; i < m->registry.nhosts; i++) {
		h = m->registry.hosts[i];
		if (h->state == PG_MEMBER_UNKNOWN || h->stranger ||
		    !pg_str_eq(h->name, name))
			continue;
		rank = mesh_rank(m, h);
		if (best != NULL && (rank < best_rank ||
		    (rank == best_rank && pg_hostref_compare(h->url,
		    best->url) > 0)))
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
	const struct pg_member *h;
	bool url_like;

	if (text.n == 0)
		return pg_fail(e, PG_E_HOST, "Host URL cannot be empty");
	if (pg_str_eq(text, m->host->name)) {
		*url = pg_arena_str(a, m->host->address);
		return 0;
	}
	h = mesh_by_name(m, text);
	if (h != NULL) {
		*url = pg_arena_str(a, h->url);
		return 0;
	}
	url_like = mesh_url_like(text);
	if (pg_url_normalise(a, text, &found, url_like ? e : NULL) == 0 &&
	    (url_like || pg_registry_get(&m->registry, found) != NULL ||
	    pg_str_eq(found, m->host->address))) {
		*url = found;
		return 0;
	}
	if (url_like)
		return -1;
	return pg_fail(e, PG_E_NOT_FOUND, "no host '%.*s' in the mesh of "
	    "%.*s", PG_STR_ARG(text), PG_STR_ARG(m->host->name));
}

/* ---- mesh.json -------------------------------------------------------- */

/* For how long h has been silent while this host or the run before ran: the
 * time that it was down does not count. */
static int64_t
mesh_silence(const struct pg_mesh *m, const struct pg_member *h)
{
	return h->boot[0] != '\0' && h->state == PG_MEMBER_ONLINE ? 0 :
	    pg_loop_now(m->host->loop) - h->heard;
}

PG_FN void
pg_mesh_write(struct pg_mesh *m, struct pg_buf *out)
{
	const struct pg_registry *r = &m->registry;
	struct pg_arena a = { 0 };
	struct pg_value *d = pg_value_dict(&a), *list = pg_value_list(&a), *v;
	size_t i;

	for (i = 0; i < r->nhosts; i++) {
		if (r->hosts[i]->stranger ||
		    r->hosts[i]->state == PG_MEMBER_UNKNOWN)
			continue;
		v = pg_member_value(r, r->hosts[i], &a);
		pg_put_float(&a, v, "silent", pg_to_seconds(mesh_silence(m,
		    r->hosts[i])));
		pg_value_add(&a, list, v);
	}
	pg_put_int(&a, d, "version", 1);
	pg_put_int(&a, d, "beat", mesh_beat(m));
	pg_put(&a, d, "hosts", list);
	pg_json_write(out, d, NULL);
	pg_arena_fini(&a);
}

/* As if somebody listed it, but it has to show that it is still there. */
static void
mesh_recall(struct pg_mesh *m, const struct pg_value *v)
{
	double silent = 0;
	struct pg_member *h = NULL;
	struct pg_hostref ref;
	struct pg_err err = { 0 };

	if (pg_hostref_read(v, &m->scratch, &ref, &err) == 0 &&
	    pg_field_float_opt(v, "silent", &silent, &err) == 0) {
		ref.online = true;
		ref.doubt = 0;
		pg_registry_take(&m->registry, &ref, PG_SOURCE_LISTED, &h,
		    &err);
	}
	if (h != NULL) {
		h->heard -= PG_MIN(PG_MAX(pg_from_seconds(silent), 0),
		    PG_MESH_FORGET_AFTER);
		h->seen = ref.seen;
		pg_registry_recalled(&m->registry, h);
	}
	pg_arena_reset(&m->scratch);
}

PG_FN int
pg_mesh_read(struct pg_mesh *m, struct pg_str text, struct pg_err *e)
{
	struct pg_value *v = NULL, *hosts;
	struct pg_arena a;
	int64_t version = 0, beat = 0;
	uint32_t i;
	int rc = -1;

	pg_arena_init(&a, MESH_TREE_MAX);
	if (pg_json_read(text, &a, &v, e) < 0)
		goto out;
	hosts = pg_value_get(v, "hosts");
	if (pg_field_int_opt(v, "version", &version, e) < 0 ||
	    pg_field_int_opt(v, "beat", &beat, e) < 0)
		goto out;
	if (version != 1 || !pg_value_is(hosts, PG_T_LIST) || beat < 0 ||
	    beat > MESH_BEAT_READ_MAX) {
		pg_fail(e, PG_E_HOST, "no table of hosts");
		goto out;
	}
	m->beat = PG_MAX(m->beat, beat + PG_MESH_BEAT_LEAP);
	for (i = 0; i < hosts->n; i++)
		mesh_recall(m, hosts->u.items[i]);
	rc = 0;
out:
	pg_arena_fini(&a);
	return rc;
}

#undef MESH_TREE_MAX
#undef MESH_BEAT_READ_MAX
