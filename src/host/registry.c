/* registry: see registry.h. */

#include "registry.h"

#include "../base/log.h"
#include "wire.h"

/* ---- the table -------------------------------------------------------- */

static int64_t
registry_now(const struct pg_registry *r)
{
	return pg_loop_now(r->host->loop);
}

/* To the end of the hosts by change. */
static void
registry_unlink(struct pg_registry *r, struct pg_member *h)
{
	*(h->older != NULL ? &h->older->newer : &r->oldest) = h->newer;
	*(h->newer != NULL ? &h->newer->older : &r->newest) = h->older;
	h->older = h->newer = NULL;
}

static void
registry_link(struct pg_registry *r, struct pg_member *h)
{
	h->older = r->newest;
	h->newer = NULL;
	*(r->newest != NULL ? &r->newest->newer : &r->oldest) = h;
	r->newest = h;
}

/* How often a piece of news is told by each who has heard it: so often that
 * it gets to everybody, whom it then reaches in about log2(n) steps. */
static unsigned
registry_tells(const struct pg_registry *r)
{
	unsigned bits = 1;

	while (bits < 32 && r->nhosts >> bits > 0)
		bits++;
	return 2 * bits + 2;
}

/* Something about h that others should know is new. */
static void
registry_changed(struct pg_registry *r, struct pg_member *h)
{
	registry_unlink(r, h);
	registry_link(r, h);
	h->changed = ++r->changes;
	if (h->stranger)
		return;
	if (h->tells == 0) {
		h->news = NULL;
		*r->news_end = h;
		r->news_end = &h->news;
	}
	h->tells = registry_tells(r);
}

static void
registry_drop_news(struct pg_registry *r, const struct pg_member *h)
{
	struct pg_member **at = &r->news;

	if (h->tells == 0)
		return;
	while (*at != h)
		at = &(*at)->news;
	*at = h->news;
	if (h->news == NULL)
		r->news_end = at;
}

/* ref.boot, or, empty, none. No other host has it. */
static void
registry_set_boot(struct pg_registry *r, struct pg_member *h,
    struct pg_str boot)
{
	if (h->boot[0] != '\0')
		pg_map_del(&r->boots, pg_str(h->boot));
	if (boot.n > 0)
		memcpy(h->boot, boot.p, boot.n);
	h->boot[boot.n] = '\0';
	if (boot.n > 0)
		pg_map_put(&r->boots, pg_str(h->boot), h);
}

PG_FN struct pg_member *
pg_registry_get(const struct pg_registry *r, struct pg_str url)
{
	return pg_map_get(&r->map, url);
}

static struct pg_member *
registry_add(struct pg_registry *r, struct pg_str url)
{
	struct pg_member *h = pg_alloc(sizeof(*h) + url.n);

	memcpy(h + 1, url.p, url.n);
	h->url = (struct pg_str){ (const char *)(h + 1), url.n };
	h->told = INT64_MIN;
	h->heard = registry_now(r);
	if (r->nhosts == r->cap) {
		r->cap = PG_MAX(16, r->cap * 2);
		r->hosts = pg_realloc(r->hosts, r->cap * sizeof(*r->hosts));
	}
	h->at = r->nhosts;
	r->hosts[r->nhosts++] = h;
	pg_map_put(&r->map, h->url, h);
	h->changed = ++r->changes;
	registry_link(r, h);
	return h;
}

static void
registry_set_state(struct pg_registry *r, struct pg_member *h,
    enum pg_member_state state, const char *why)
{
	bool was = h->state == PG_MEMBER_ONLINE ||
	    h->state == PG_MEMBER_DOUBTED;
	bool is = state == PG_MEMBER_ONLINE || state == PG_MEMBER_DOUBTED;
	char *old = h->why;

	r->nonline += (size_t)is - (size_t)was;
	h->state = state;
	h->why = why != NULL ? pg_strdup(pg_str(why)) : NULL;
	free(old);
}

PG_FN void
pg_registry_remove(struct pg_registry *r, struct pg_member *h)
{
	r->on_remove(r->arg, h);
	registry_set_state(r, h, PG_MEMBER_OFFLINE, NULL);
	registry_drop_news(r, h);
	registry_unlink(r, h);
	registry_set_boot(r, h, PG_STR_NULL);
	r->hosts[h->at] = r->hosts[--r->nhosts];
	r->hosts[h->at]->at = h->at;
	pg_map_del(&r->map, h->url);
	pg_arena_fini(&h->arena);
	free(h->texts);
	free(h);
	r->changes++;
}

PG_FN void
pg_registry_shuffle(struct pg_registry *r, uint64_t *random)
{
	struct pg_member *h;
	size_t i, j;

	for (i = r->nhosts; i > 1; i--) {
		*random ^= *random << 13;
		*random ^= *random >> 7;
		*random ^= *random << 17;
		j = (size_t)(*random % i);
		h = r->hosts[i - 1];
		r->hosts[i - 1] = r->hosts[j];
		r->hosts[j] = h;
		r->hosts[i - 1]->at = i - 1;
		h->at = j;
	}
}

PG_FN void
pg_registry_init(struct pg_registry *r, struct pg_host *h, uint64_t first,
    void (*on_remove)(void *arg, struct pg_member *m), void *arg)
{
	*r = (struct pg_registry){ .host = h,
		.chat = h->cfg.mesh_debug ? PG_LOG_INFO : PG_LOG_DEBUG,
		.trust_unsigned = h->cfg.trust_unsigned,
		.on_remove = on_remove, .arg = arg, .changes = first };
	r->news_end = &r->news;
	r->digested = UINT64_MAX;
	pg_seal_init(&r->seal, h->cfg.api_key);
	pg_map_init(&r->map, h->seed);
	pg_map_init(&r->boots, h->seed);
}

PG_FN void
pg_registry_fini(struct pg_registry *r)
{
	size_t i;

	while (r->nhosts > 0)
		pg_registry_remove(r, r->hosts[r->nhosts - 1]);
	free(r->hosts);
	pg_map_fini(&r->map);
	pg_map_fini(&r->boots);
	for (i = 0; i < PG_MESH_REFUSED_MAX; i++)
		free(r->refused[i].texts);
}

/* ---- hosts of another version ----------------------------------------- */

/* The entry of this URL, else a free one, else the one longest not heard. */
static struct pg_refused *
registry_refused_at(struct pg_registry *r, struct pg_str url)
{
	struct pg_refused *best = NULL, *x;
	size_t i;

	for (i = 0; i < PG_MESH_REFUSED_MAX; i++) {
		x = &r->refused[i];
		if (x->texts != NULL && pg_str_eq(x->url, url))
			return x;
		if (best == NULL || (best->texts != NULL &&
		    (x->texts == NULL || x->heard < best->heard)))
			best = x;
	}
	return best;
}

static void
registry_refuse(struct pg_registry *r, const struct pg_hostref *ref)
{
	struct pg_refused *x = registry_refused_at(r, ref->url);
	char *p;

	if (x->texts == NULL || !pg_str_eq(x->url, ref->url) ||
	    !pg_str_eq(x->version, ref->version)) {
		pg_log(PG_LOG_INFO, "mesh: %.*s at %.*s is refused: its code "
		    "version '%.*s' differs from ours, '%.*s'",
		    PG_STR_ARG(ref->name), PG_STR_ARG(ref->url),
		    PG_STR_ARG(ref->version),
		    PG_STR_ARG(r->host->cfg.code_version));
		free(x->texts);
		p = pg_alloc(ref->url.n + ref->name.n + ref->version.n + 1);
		x->texts = p;
		memcpy(p, ref->url.p, ref->url.n);
		x->url = (struct pg_str){ p, ref->url.n };
		p += ref->url.n;
		memcpy(p, ref->name.p, ref->name.n);
		x->name = (struct pg_str){ p, ref->name.n };
		p += ref->name.n;
		memcpy(p, ref->version.p, ref->version.n);
		x->version = (struct pg_str){ p, ref->version.n };
		pg_buf_reset(&r->host->health_text);
	}
	x->heard = registry_now(r);
}

/* Our health tells of them. */
static void
registry_drop_refused(struct pg_registry *r, struct pg_refused *x)
{
	free(x->texts);
	*x = (struct pg_refused){ 0 };
	pg_buf_reset(&r->host->health_text);
}

/* It has come round, or there is another host now. */
static void
registry_unrefuse(struct pg_registry *r, struct pg_str url)
{
	size_t i;

	for (i = 0; i < PG_MESH_REFUSED_MAX; i++)
		if (r->refused[i].texts != NULL &&
		    pg_str_eq(r->refused[i].url, url))
			registry_drop_refused(r, &r->refused[i]);
}

PG_FN void
pg_registry_age_refused(struct pg_registry *r)
{
	size_t i;

	for (i = 0; i < PG_MESH_REFUSED_MAX; i++)
		if (r->refused[i].texts != NULL && registry_now(r) -
		    r->refused[i].heard > PG_MESH_REFUSED_TIME)
			registry_drop_refused(r, &r->refused[i]);
}

static struct pg_value *
registry_refused_value(const struct pg_registry *r,
    const struct pg_refused *x, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);
	int64_t ago = registry_now(r) - x->heard;

	pg_put_str(a, d, "name", pg_arena_str(a, x->name));
	pg_put_str(a, d, "url", pg_arena_str(a, x->url));
	pg_put_str(a, d, "code_version", pg_arena_str(a, x->version));
	pg_put_bool(a, d, "online", false);
	pg_put_float(a, d, "last_seen", pg_to_seconds(pg_now_wall() - ago));
	pg_put_str(a, d, "error", pg_arena_printf(a, "code version '%.*s' "
	    "differs from ours, '%.*s'", PG_STR_ARG(x->version),
	    PG_STR_ARG(r->host->cfg.code_version)));
	return d;
}

PG_FN struct pg_value *
pg_registry_refused(const struct pg_registry *r, struct pg_arena *a)
{
	struct pg_value *list = pg_value_list(a);
	const struct pg_refused *x;
	size_t i;

	for (i = 0; i < PG_MESH_REFUSED_MAX; i++) {
		x = &r->refused[i];
		if (x->texts != NULL)
			pg_value_add(a, list, registry_refused_value(r, x, a));
	}
	return list;
}

/* ---- who is alive ----------------------------------------------------- */

/* Whether it has been silent for so long that it counts as offline although
 * nobody found it so: one without boot, or where nobody looks. */
static bool
registry_stale(const struct pg_registry *r, const struct pg_member *h)
{
	return (h->boot[0] == '\0' || !r->host->cfg.mesh) &&
	    registry_now(r) - h->heard > PG_MESH_OFFLINE_AFTER;
}

PG_FN bool
pg_member_online(const struct pg_registry *r, const struct pg_member *h,
    const char **why)
{
	bool online = h->state == PG_MEMBER_ONLINE ||
	    h->state == PG_MEMBER_DOUBTED;
	bool stale = online && registry_stale(r, h);

	if (why != NULL)
		*why = stale ? "stale mesh peer" : h->why;
	return online && !stale;
}

static void
registry_offline(struct pg_registry *r, struct pg_member *h, const char *why)
{
	if (h->state != PG_MEMBER_OFFLINE || h->why == NULL ||
	    strcmp(why, h->why) != 0)
		pg_log(h->state == PG_MEMBER_OFFLINE ? r->chat : PG_LOG_INFO,
		    "mesh: %.*s at %.*s is offline: %s", PG_STR_ARG(h->name),
		    PG_STR_ARG(h->url), why);
	if (h->state != PG_MEMBER_OFFLINE) {
		registry_set_state(r, h, PG_MEMBER_OFFLINE, why);
		registry_changed(r, h);
	} else {
		registry_set_state(r, h, PG_MEMBER_OFFLINE, why);
	}
}

/* Others may lift it, if they have heard of h since it was at this beat. */
static void
registry_doubt(struct pg_registry *r, struct pg_member *h, int64_t beat,
    const char *why)
{
	h->doubt = PG_MAX(h->doubt, beat);
	if (h->state != PG_MEMBER_ONLINE)
		return;
	pg_log(r->chat, "mesh: %.*s at %.*s is in doubt: %s",
	    PG_STR_ARG(h->name), PG_STR_ARG(h->url), why);
	h->since = registry_now(r);
	registry_set_state(r, h, PG_MEMBER_DOUBTED, why);
	registry_changed(r, h);
}

PG_FN void
pg_registry_missed(struct pg_registry *r, struct pg_member *h, int64_t asked,
    const char *why)
{
	int64_t silent = PG_MAX(asked - h->heard, 0) / PG_MS;

	switch (h->state) {
	case PG_MEMBER_ONLINE:
		/* Signs of life that came while it was being asked. */
		if (h->heard > asked)
			return;
		registry_doubt(r, h, h->boot[0] == '\0' ? 0 :
		    PG_MIN(h->beat + silent, PG_HOSTREF_BEAT_MAX), why);
		return;
	case PG_MEMBER_DOUBTED:
		return;
	case PG_MEMBER_UNKNOWN:
		pg_log(h->why == NULL ? PG_LOG_INFO : r->chat, "mesh: no host "
		    "at %.*s: %s", PG_STR_ARG(h->url), why);
		registry_set_state(r, h, h->state, why);
		return;
	case PG_MEMBER_OFFLINE:
		registry_offline(r, h, why);
	}
}

/* Doubts of somebody else: of use only if nothing newer was heard. If it was,
 * whoever doubts should know; the host itself may not get through to all. */
static void
registry_take_doubt(struct pg_registry *r, struct pg_member *h,
    const struct pg_hostref *ref)
{
	struct pg_err why = { 0 };

	if (!pg_str_eqz(ref->boot, h->boot))
		return;
	if (ref->doubt < h->beat) {
		if (h->state == PG_MEMBER_ONLINE && h->tells == 0)
			registry_changed(r, h);
		return;
	}
	pg_fail(&why, PG_E_REMOTE, "%.*s", PG_STR_ARG(ref->error));
	registry_doubt(r, h, ref->doubt, why.msg[0] != '\0' ? why.msg :
	    "gives no answer");
}

static bool
registry_forgets(const struct pg_registry *r, const struct pg_member *h)
{
	return h->givens == 0 &&
	    registry_now(r) - h->heard > PG_MESH_FORGET_AFTER &&
	    (h->state == PG_MEMBER_OFFLINE || registry_stale(r, h));
}

PG_FN bool
pg_registry_age(struct pg_registry *r, struct pg_member *h)
{
	char *why;

	if (h->state == PG_MEMBER_DOUBTED &&
	    registry_now(r) - h->since >= PG_MEMBER_DOUBT_TIME) {
		why = h->why;
		h->why = NULL;
		registry_offline(r, h, why);
		free(why);
	}
	if (!registry_forgets(r, h))
		return false;
	pg_log(PG_LOG_INFO, "mesh: %.*s at %.*s is forgotten",
	    PG_STR_ARG(h->name), PG_STR_ARG(h->url));
	pg_registry_remove(r, h);
	return true;
}

/* ---- references taken in ---------------------------------------------- */

/* Whether the reference is of this very host, by whatever URL. */
static bool
registry_own(const struct pg_registry *r, const struct pg_hostref *ref)
{
	return pg_str_eq(ref->url, r->host->address) ||
	    pg_str_eqz(ref->boot, r->host->boot);
}

/* Whether a list says of the host that it is there, without doubt. */
static bool
registry_there(const struct pg_hostref *ref)
{
	return ref->online && ref->doubt < PG_MAX(ref->beat, 1);
}

/* Whether a list says something new of h: what is newer than all we were told,
 * else old news would go round for ever. Of one from before a restart we have
 * not been told anything. */
static bool
registry_alive_by_list(const struct pg_member *h,
    const struct pg_hostref *ref)
{
	if (!registry_there(ref))
		return false;
	if (ref->boot.n > 0)
		return ref->beat > PG_MAX(h->beat, h->doubt) ||
		    (h->recalled && pg_str_eqz(ref->boot, h->boot));
	return h->boot[0] == '\0' && (ref->seen > h->told || h->recalled);
}

/* Whether the reference is a sign of life. What its host says itself is one
 * unless we heard exactly that before. */
static bool
registry_alive(const struct pg_member *h, const struct pg_hostref *ref,
    enum pg_source from)
{

	switch (from) {
	case PG_SOURCE_HEALTH:
	case PG_SOURCE_VISITED:
		return true;
	case PG_SOURCE_JOINED:
		if (ref->boot.n > 0)
			return ref->beat > h->beat || h->boot[0] == '\0' ||
			    !pg_str_eqz(ref->boot, h->boot);
		return h->boot[0] != '\0' || ref->seen != h->told;
	case PG_SOURCE_BEACON:
		if (ref->boot.n > 0)
			return ref->beat > PG_MAX(h->beat, h->doubt);
		return h->boot[0] == '\0' && ref->seen != h->told;
	case PG_SOURCE_LISTED:
		return registry_alive_by_list(h, ref);
	}
	return false;
}

/* Of texts. NULL counts as empty. */
static bool
registry_same_list(const struct pg_value *old, const struct pg_value *new)
{
	uint32_t i;

	if (new->n != (old != NULL ? old->n : 0))
		return false;
	for (i = 0; i < new->n; i++)
		if (!pg_str_eq(pg_value_text(old->u.items[i], PG_STR_NULL),
		    pg_value_text(new->u.items[i], PG_STR_NULL)))
			return false;
	return true;
}

static bool
registry_same_dict(const struct pg_value *old, const struct pg_value *new)
{
	const struct pg_pair *x, *y;
	uint32_t i;

	if (new->n != (old != NULL ? old->n : 0))
		return false;
	for (i = 0; i < new->n; i++) {
		x = &old->u.pairs[i];
		y = &new->u.pairs[i];
		if (!pg_str_eq(x->key, y->key) ||
		    !pg_str_eq(pg_value_text(x->val, PG_STR_NULL),
		    pg_value_text(y->val, PG_STR_NULL)))
			return false;
	}
	return true;
}

static bool
registry_same_texts(const struct pg_member *h, const struct pg_hostref *ref)
{
	return h->texts != NULL && pg_str_eq(h->name, ref->name) &&
	    pg_str_eq(h->version, ref->version);
}

/* Copy what the reference says of the host, but for signs of life. Whether
 * anything but the counts is new. */
static bool
registry_describe(struct pg_member *h, const struct pg_hostref *ref)
{
	bool same = registry_same_texts(h, ref) &&
	    registry_same_list(h->tags, ref->tags) &&
	    registry_same_dict(h->properties, ref->properties);

	h->active = PG_MAX(ref->active, 0);
	h->inactive = PG_MAX(ref->inactive, 0);
	if (same)
		return false;
	free(h->texts);
	h->texts = pg_alloc(ref->name.n + ref->version.n + 1);
	memcpy(h->texts, ref->name.p, ref->name.n);
	memcpy(h->texts + ref->name.n, ref->version.p, ref->version.n);
	h->name = (struct pg_str){ h->texts, ref->name.n };
	h->version = (struct pg_str){ h->texts + ref->name.n, ref->version.n };
	pg_arena_reset(&h->arena);
	h->tags = h->properties = NULL;
	if (ref->tags->n > 0)
		pg_value_copy(&h->arena, ref->tags, &h->tags);
	if (ref->properties->n > 0)
		pg_value_copy(&h->arena, ref->properties, &h->properties);
	return true;
}

/* Remember this sign of life; whether it is of another run of the host. */
static bool
registry_mark(struct pg_registry *r, struct pg_member *h,
    const struct pg_hostref *ref, enum pg_source from)
{
	bool hearsay = from == PG_SOURCE_LISTED;
	/* A health says nothing of boot and beat. */
	bool other = from != PG_SOURCE_HEALTH &&
	    !pg_str_eqz(ref->boot, h->boot);

	if (other) {
		registry_set_boot(r, h, ref->boot);
		h->sig[0] = '\0';
		h->keyed = false;
	}
	if (ref->boot.n > 0 && (other || !hearsay || ref->beat > h->beat)) {
		if (ref->sig.n > 0)
			memcpy(h->sig, ref->sig.p, ref->sig.n);
		h->sig[ref->sig.n] = '\0';
		h->beat = ref->beat;
	} else if (ref->boot.n == 0 && from != PG_SOURCE_HEALTH) {
		h->told = ref->seen;
	}
	h->recalled = false;
	h->doubt = 0;
	h->seen = hearsay && ref->boot.n == 0 ? ref->seen : pg_now_wall();
	h->heard = registry_now(r);
	return other;
}

/* A stranger comes with every beacon, if it then does not let us in. */
static void
registry_tell_online(const struct pg_registry *r, const struct pg_member *h,
    bool was_stranger)
{
	if (h->state == PG_MEMBER_OFFLINE || h->state == PG_MEMBER_UNKNOWN ||
	    (was_stranger && !h->stranger))
		pg_log(h->stranger ? r->chat : PG_LOG_INFO,
		    "mesh: %.*s at %.*s is online", PG_STR_ARG(h->name),
		    PG_STR_ARG(h->url));
}

/* It says of itself that it is there, or that it goes. */
static void
registry_set_alive(struct pg_registry *r, struct pg_member *h,
    const struct pg_hostref *ref, enum pg_source from, bool was_stranger,
    bool changed)
{
	struct pg_err why = { 0 };

	if (from != PG_SOURCE_LISTED && !ref->online) {
		h->doubt = ref->beat;
		pg_fail(&why, PG_E_REMOTE, "%.*s", PG_STR_ARG(ref->error));
		registry_offline(r, h, why.msg);
		return;
	}
	registry_tell_online(r, h, was_stranger);
	changed |= h->state != PG_MEMBER_ONLINE ||
	    was_stranger != h->stranger;
	registry_set_state(r, h, PG_MEMBER_ONLINE, NULL);
	if (changed)
		registry_changed(r, h);
}

/* Make room for a host that is new. Who joins or is given comes before whom
 * others list: of these the one goes that was silent longest. (Peers given
 * that have not answered are listed beyond the limit; they are few.) */
static int
registry_make_room(struct pg_registry *r, enum pg_source from,
    struct pg_err *e)
{
	struct pg_member *oldest = NULL, *h;
	bool listed = from == PG_SOURCE_LISTED || from == PG_SOURCE_BEACON;
	size_t i;

	if (r->nhosts < PG_MESH_HOSTS_MAX)
		return 0;
	for (i = 0; !listed && i < r->nhosts; i++) {
		h = r->hosts[i];
		if (!h->proven && h->givens == 0 &&
		    (oldest == NULL || h->heard < oldest->heard))
			oldest = h;
	}
	if (oldest == NULL)
		return pg_fail(e, PG_E_BUSY, "the mesh of %.*s is full "
		    "(%d hosts)", PG_STR_ARG(r->host->name),
		    PG_MESH_HOSTS_MAX);
	pg_registry_remove(r, oldest);
	return 0;
}

/* The host that had this boot at another URL than that of h has changed its
 * address and goes. false: the reference is older than that, or a stranger's
 * word against one who is known. */
static bool
registry_moves(struct pg_registry *r, const struct pg_member *h,
    const struct pg_hostref *ref, bool is_stranger)
{
	struct pg_member *old = ref->boot.n > 0 ?
	    pg_map_get(&r->boots, ref->boot) : NULL;

	if (old == NULL || old == h)
		return true;
	if (old->beat >= ref->beat || (is_stranger && old->proven))
		return false;
	pg_log(PG_LOG_INFO, "mesh: %.*s is at %.*s now, no more at %.*s",
	    PG_STR_ARG(ref->name), PG_STR_ARG(ref->url),
	    PG_STR_ARG(old->url));
	pg_registry_remove(r, old);
	return true;
}

/* Whether the reference leads to somebody else's loopback address. */
static bool
registry_elsewhere(const struct pg_registry *r, const struct pg_hostref *ref,
    enum pg_source from)
{
	struct pg_hostref self = { .url = r->host->address };

	return (from == PG_SOURCE_LISTED || from == PG_SOURCE_BEACON) &&
	    pg_hostref_is_loopback(ref) && !pg_hostref_is_loopback(&self);
}

static size_t
registry_strangers(const struct pg_registry *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->nhosts; i++)
		n += r->hosts[i]->stranger;
	return n;
}

/* Whether a host that is not in the table is to be. One who is gone is no
 * news: else it would be taken back from whoever has not forgotten it yet. A
 * loopback address is of use only on the machine where it was found. */
static bool
registry_admits(const struct pg_registry *r, const struct pg_hostref *ref,
    enum pg_source from, bool is_stranger)
{
	return !registry_elsewhere(r, ref, from) &&
	    (from != PG_SOURCE_LISTED || registry_there(ref)) &&
	    (!is_stranger || registry_strangers(r) < PG_MESH_STRANGERS_MAX);
}

/* Whether there is something new in what is said of h. */
static bool
registry_heeds(struct pg_registry *r, struct pg_member *h,
    const struct pg_hostref *ref, enum pg_source from)
{
	if (h->state == PG_MEMBER_UNKNOWN)
		return from != PG_SOURCE_LISTED || registry_there(ref);
	if (registry_alive(h, ref, from))
		return true;
	if (from == PG_SOURCE_LISTED && ref->doubt > 0)
		registry_take_doubt(r, h, ref);
	return false;
}

/* Leave out of a reference what nobody vouches for; whether anything is left.
 * Where there is a key, who is not signed has its boot and beat from we do not
 * know whom; and what is added to the signed part of a beacon, too. */
static bool
registry_credible(const struct pg_registry *r, struct pg_hostref *ref,
    enum pg_source from, bool is_signed)
{
	if (from == PG_SOURCE_BEACON) {
		ref->online = true;
		ref->doubt = 0;
	}
	if (!r->seal.set || is_signed)
		return true;
	ref->sig = PG_STR_NULL;
	if (r->trust_unsigned)
		return true;
	ref->boot = PG_STR_NULL;
	ref->beat = ref->doubt = 0;
	return from != PG_SOURCE_BEACON;
}

/* What is said of this very host: if it was missed, or others have a beat of
 * it that it did not tell, as of another run, it must speak up. Beats that no
 * honest host gets to are left alone: ours would get there too, and be taken
 * nowhere. */
static void
registry_hear_own(struct pg_registry *r, const struct pg_hostref *ref)
{
	int64_t at = ref->doubt;

	if (!pg_str_eqz(ref->boot, r->host->boot) || ref->beat > r->spoken)
		at = PG_MAX(at, ref->beat);
	if (at < PG_HOSTREF_BEAT_MAX / 2)
		r->accused = PG_MAX(r->accused, at);
}

/* A host of another version. If it says so itself, whoever was at its URL is
 * not there any more. */
static void
registry_take_other(struct pg_registry *r, const struct pg_hostref *ref,
    enum pg_source from)
{
	struct pg_member *h = pg_registry_get(r, ref->url);
	struct pg_err why = { 0 };

	registry_refuse(r, ref);
	if (h == NULL ||
	    (from != PG_SOURCE_HEALTH && from != PG_SOURCE_VISITED))
		return;
	if (h->givens == 0) {
		pg_registry_remove(r, h);
		return;
	}
	pg_fail(&why, PG_E_REMOTE, "code version '%.*s' differs from ours, "
	    "'%.*s'", PG_STR_ARG(ref->version),
	    PG_STR_ARG(r->host->cfg.code_version));
	registry_describe(h, ref);
	h->seen = pg_now_wall();
	registry_offline(r, h, why.msg);
}

static void
registry_hear(struct pg_registry *r, struct pg_member *h,
    const struct pg_hostref *ref, enum pg_source from, bool is_signed)
{
	bool was_stranger = h->stranger, changed;

	registry_unrefuse(r, ref->url);
	changed = registry_describe(h, ref);
	changed |= registry_mark(r, h, ref, from);
	h->keyed |= is_signed;
	h->proven |= is_signed || (from != PG_SOURCE_LISTED &&
	    from != PG_SOURCE_BEACON);
	h->stranger &= !h->proven && from == PG_SOURCE_BEACON;
	registry_set_alive(r, h, ref, from, was_stranger, changed);
}

PG_FN int
pg_registry_take(struct pg_registry *r, const struct pg_hostref *in,
    enum pg_source from, struct pg_member **out, struct pg_err *e)
{
	struct pg_hostref ref = *in;
	bool is_signed = pg_seal_check(&r->seal, in);
	bool is_stranger = from == PG_SOURCE_BEACON && !is_signed;
	struct pg_member *h = NULL, *none;

	out = out != NULL ? out : &none;
	*out = NULL;
	if (!registry_credible(r, &ref, from, is_signed))
		return 0;
	if (registry_own(r, &ref)) {
		registry_hear_own(r, &ref);
		return 0;
	}
	if (!pg_str_eq(ref.version, r->host->cfg.code_version)) {
		registry_take_other(r, &ref, from);
		return 0;
	}
	h = *out = pg_registry_get(r, ref.url);
	if ((h == NULL ? !registry_admits(r, &ref, from, is_stranger) :
	    !registry_heeds(r, h, &ref, from)) ||
	    !registry_moves(r, h, &ref, is_stranger))
		return 0;
	if (h == NULL) {
		if (registry_make_room(r, from, e) < 0)
			return -1;
		h = *out = registry_add(r, ref.url);
		h->stranger = is_stranger;
	}
	registry_hear(r, h, &ref, from, is_signed);
	return 0;
}

PG_FN struct pg_member *
pg_registry_add_given(struct pg_registry *r, struct pg_str url)
{
	struct pg_member *h = pg_registry_get(r, url);
	struct pg_value none = { .type = PG_T_LIST };
	struct pg_hostref ref = { .tags = &none, .properties = &none,
		.version = r->host->cfg.code_version };
	const char *at = memmem(url.p, url.n, "://", 3);

	if (h != NULL)
		return h;
	h = registry_add(r, url);
	ref.name = pg_str_skip(url, (size_t)(at + 3 - url.p));
	registry_describe(h, &ref);
	h->proven = true;
	h->seen = pg_now_wall();
	return h;
}

PG_FN void
pg_registry_recalled(struct pg_registry *r, struct pg_member *h)
{
	registry_drop_news(r, h);
	h->tells = 0;
	h->recalled = true;
	registry_set_state(r, h, PG_MEMBER_OFFLINE,
	    "not heard of since this host started");
}

/* ---- what we tell ----------------------------------------------------- */

static void
registry_put(struct pg_arena *a, struct pg_value *d, const char *key,
    const struct pg_value *v, struct pg_value *none)
{
	struct pg_value *copy = none;

	if (v != NULL)
		pg_value_copy(a, v, &copy);
	pg_put(a, d, key, copy);
}

/* Boot and beat, as they were signed, and the doubt if there is one. */
static void
registry_put_beat(struct pg_arena *a, struct pg_value *d,
    const struct pg_member *h)
{
	if (h->boot[0] == '\0')
		return;
	pg_put_str(a, d, "boot", pg_arena_str(a, pg_str(h->boot)));
	pg_put_int(a, d, "beat", h->beat);
	if (h->sig[0] != '\0')
		pg_put_str(a, d, "sig", pg_arena_str(a, pg_str(h->sig)));
	if (h->doubt > 0)
		pg_put_int(a, d, "suspect", h->doubt);
}

/* Whoever is online by our own judgement was so until now: a Python host would
 * judge by the time of its last answer, which may be long ago. */
static int64_t
registry_seen(const struct pg_member *h)
{
	return h->boot[0] != '\0' && h->state == PG_MEMBER_ONLINE ?
	    pg_now_wall() : h->seen;
}

PG_FN struct pg_value *
pg_member_value(const struct pg_registry *r, const struct pg_member *h,
    struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);
	const char *why;
	bool online = pg_member_online(r, h, &why);

	pg_put_str(a, d, "name", pg_arena_str(a, h->name));
	pg_put_str(a, d, "url", pg_arena_str(a, h->url));
	pg_put_str(a, d, "code_version", pg_arena_str(a, h->version));
	pg_put_bool(a, d, "online", online);
	pg_put_float(a, d, "last_seen", pg_to_seconds(registry_seen(h)));
	pg_put_int(a, d, "active_count", h->active);
	pg_put_int(a, d, "inactive_count", h->inactive);
	registry_put(a, d, "tags", h->tags, pg_value_list(a));
	registry_put(a, d, "properties", h->properties, pg_value_dict(a));
	if (why != NULL && why[0] != '\0')
		pg_put_str(a, d, "error", pg_arena_str(a, pg_str(why)));
	registry_put_beat(a, d, h);
	return d;
}

PG_FN uint64_t
pg_registry_digest(struct pg_registry *r)
{
	static const uint64_t seed[2] = { 0, 0 };
	const struct pg_member *h;
	size_t i;

	if (r->digested == r->changes)
		return r->digest;
	r->digest = pg_siphash(seed, pg_str(r->host->boot));
	for (i = 0; i < r->nhosts; i++) {
		h = r->hosts[i];
		if (h->boot[0] != '\0' && h->state != PG_MEMBER_OFFLINE &&
		    !h->stranger && (!r->seal.set || h->sig[0] != '\0'))
			r->digest += pg_siphash(seed, pg_str(h->boot)) *
			    (h->state == PG_MEMBER_DOUBTED ? 3 : 1);
	}
	r->digested = r->changes;
	return r->digest;
}

PG_FN size_t
pg_registry_news(struct pg_registry *r, struct pg_member **out, size_t max)
{
	const struct pg_member *again = NULL; /* the first put last again */
	struct pg_member *h;
	size_t n = 0;

	while (n < max && r->news != NULL && r->news != again) {
		h = out[n++] = r->news;
		r->news = h->news;
		if (r->news == NULL)
			r->news_end = &r->news;
		h->news = NULL;
		if (--h->tells > 0) {
			*r->news_end = h;
			r->news_end = &h->news;
			again = again != NULL ? again : h;
		}
	}
	return n;
}
