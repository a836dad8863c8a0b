/* fuzz_hostref: whatever two hosts are told, their tables stay within limits
 * and in order, and what each then tells the other is well-formed, is taken
 * in, and leads to an end: news runs dry, and no beat gets out of range.
 *
 * Input is lines of JSON. The first byte of each says how it comes: to which
 * of the two (the lowest bit), from where (the next three), and what passes
 * before it (the rest).
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop host/wire os/sock host/hostref host/seal host/named host/registry host/mesh */
#include "codec/json.h"
#include "host/mesh.h"

#define WALL (INT64_C(1700000000) * PG_SEC)
#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct pg_host hosts[2];
static int64_t now;

static void
on_news(void *arg)
{
	(void)arg;
}

static void
on_remove(void *arg, struct pg_member *h)
{
	assert(pg_registry_get(&((struct pg_host *)arg)->mesh->registry,
	    h->url) == h);
}

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, WALL + now);
}

static void
open_host(struct pg_host *h, const char *name, const char *address,
    bool has_key)
{
	memset(h, 0, sizeof(*h));
	h->loop = pg_loop_new(NULL);
	h->name = pg_str(name);
	h->address = pg_str(address);
	h->cfg.code_version = PG_STR("v1");
	h->cfg.mesh = true;
	if (has_key)
		h->cfg.api_key = PG_STR("secret");
	snprintf(h->boot, sizeof(h->boot), "boot-%s", name);
	pg_map_init(&h->agents, h->seed);
	h->mesh = pg_mesh_new(h, on_news, on_remove, h);
	pg_mesh_set_self(h->mesh);
}

static void
close_host(struct pg_host *h)
{
	pg_mesh_free(h->mesh);
	pg_map_fini(&h->agents);
	pg_buf_fini(&h->health_text);
	pg_loop_free(h->loop);
}

static void
check_member(const struct pg_registry *r, const struct pg_member *h,
    struct pg_arena *a)
{
	struct pg_hostref ref;
	struct pg_err e = { 0 };

	assert(r->hosts[h->at] == h);
	assert(pg_registry_get(r, h->url) == h);
	assert(h->boot[0] == '\0' ||
	    pg_map_get(&r->boots, pg_str(h->boot)) == h);
	assert(h->boot[0] != '\0' || h->sig[0] == '\0');
	assert(h->beat >= 0 && h->beat <= PG_HOSTREF_BEAT_MAX);
	assert(h->doubt >= 0 && h->doubt <= PG_HOSTREF_BEAT_MAX);
	assert((h->state == PG_MEMBER_ONLINE) == (h->why == NULL));
	assert(!h->keyed || r->seal.set);
	assert(!h->stranger || (h->tells == 0 && !h->proven));
	/* What we tell of it others take. */
	if (pg_hostref_read(pg_member_value(r, h, a), a, &ref, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	assert(pg_str_eq(ref.url, h->url) && pg_str_eq(ref.name, h->name));
}

static void
check(const struct pg_mesh *m)
{
	const struct pg_registry *r = &m->registry;
	const struct pg_member *h;
	struct pg_arena a = { 0 };
	size_t i, nonline = 0, nboots = 0, nstrangers = 0, n = 0;

	assert(r->nhosts <= PG_MESH_HOSTS_MAX);
	for (i = 0; i < r->nhosts; i++) {
		h = r->hosts[i];
		check_member(r, h, &a);
		nonline += h->state == PG_MEMBER_ONLINE ||
		    h->state == PG_MEMBER_DOUBTED;
		nboots += h->boot[0] != '\0';
		nstrangers += h->stranger;
	}
	assert(nonline == r->nonline && nboots == r->boots.n);
	assert(nstrangers <= PG_MESH_STRANGERS_MAX);
	for (h = r->oldest; h != NULL; h = h->newer, n++)
		assert(h->newer == NULL || h->newer->changed > h->changed);
	assert(n == r->nhosts);
	pg_arena_fini(&a);
}

/* One line, as if it had come from somewhere. */
static void
hear(struct pg_mesh *m, unsigned how, struct pg_str line)
{
	struct pg_value *v = NULL, *answer;
	struct pg_arena a = { 0 };
	struct pg_hostref ref;
	struct pg_err e = { 0 };
	struct pg_member *h;

	if (pg_json_read(line, &a, &v, &e) < 0)
		goto out;
	if (how <= PG_SOURCE_LISTED) {
		if (pg_hostref_read(v, &a, &ref, &e) == 0)
			pg_registry_take(&m->registry, &ref,
			    (enum pg_source)how, &h, &e);
	} else if (how == 5) {
		pg_mesh_join(m, v, true, &a, &answer, &e);
	} else if (how == 6) {
		if (m->registry.nhosts > 0)
			pg_mesh_answered(m, m->registry.hosts[0], v);
	} else {
		pg_mesh_read(m, line, &e);
	}
	assert(e.code == PG_E_OK || e.msg[0] != '\0');
out:
	pg_arena_fini(&a);
}

/* What time and failed visits do. */
static void
suffer(struct pg_registry *r, unsigned how)
{
	size_t i;

	pass(how * how * how * PG_SEC);
	if (how % 2 != 0 && r->nhosts > 0)
		pg_registry_missed(r, r->hosts[0], now, "no answer");
	pg_registry_age_refused(r);
	for (i = r->nhosts; i-- > 0;)
		pg_registry_age(r, r->hosts[i]);
}

/* The one visits the other. */
static void
visit(struct pg_host *from, struct pg_host *to, bool everything)
{
	struct pg_arena a = { 0 };
	struct pg_buf text = PG_BUF_INIT(0);
	struct pg_value *v = NULL, *answer = NULL;
	struct pg_member *h = pg_registry_get(&from->mesh->registry,
	    to->address);
	struct pg_err e = { 0 };
	int rc;

	pg_json_write(&text, pg_mesh_greeting(from->mesh, h, everything, &a),
	    NULL);
	rc = pg_json_read(pg_buf_str(&text), &a, &v, &e);
	assert(rc == 0);
	rc = pg_mesh_join(to->mesh, v, true, &a, &answer, &e);
	assert(rc == 0 || e.code == PG_E_BUSY);
	/* In each other's table, unless somebody lied about them. */
	if (rc == 0 && h != NULL)
		pg_mesh_answered(from->mesh, h, answer);
	pg_buf_fini(&text);
	pg_arena_fini(&a);
}

static void
exchange(void)
{
	struct pg_member *out[PG_MESH_NEWS_MAX];
	size_t i;

	for (i = 0; i < 4; i++) {
		pass(PG_SEC);
		visit(&hosts[0], &hosts[1], i == 1);
		visit(&hosts[1], &hosts[0], i == 1);
		check(hosts[0].mesh);
		check(hosts[1].mesh);
	}
	for (i = 0; pg_registry_news(&hosts[0].mesh->registry, out,
	    PG_COUNT(out)) > 0; i++)
		assert(i < 100000);
}

static void
restart(struct pg_host *h)
{
	struct pg_buf text = PG_BUF_INIT(0);
	int rc;

	pg_mesh_write(h->mesh, &text);
	rc = pg_mesh_read(h->mesh, pg_buf_str(&text), NULL);
	assert(rc == 0);
	check(h->mesh);
	pg_buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data, *end = p + n, *eol;
	unsigned how;
	size_t lines = 0;

	if (n == 0)
		return 0;
	pg_log_set_level(PG_LOG_ERROR);
	now = 0;
	pass(PG_SEC);
	open_host(&hosts[0], "a", "http://a:1", *data % 2 != 0);
	open_host(&hosts[1], "b", "http://b:1", *data % 2 != 0);
	for (p++; p < end && lines < LINES_MAX; p = eol + 1, lines++) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (eol == NULL)
			eol = end;
		if (p == eol)
			continue;
		how = (unsigned char)*p;
		suffer(&hosts[how & 1].mesh->registry, how >> 4);
		hear(hosts[how & 1].mesh, how >> 1 & 7, (struct pg_str){ p + 1,
		    (size_t)(eol - p - 1) });
		check(hosts[how & 1].mesh);
	}
	exchange();
	restart(&hosts[0]);
	exchange();
	close_host(&hosts[0]);
	close_host(&hosts[1]);
	return 0;
}
