/* seeds: see seeds.h. A look-up that fails says nothing about who is there:
 * what was found before stays, and it is tried again soon.
 */
#include "seeds.h"

#include "../base/log.h"
#include "../codec/url.h"
#include "core.h"

/* A name server that is silent may keep so many workers from the rest. */
#define SEEDS_RUNNING_MAX 1
#define SEEDS_URL_MAX (PG_ADDR_TEXT + 20) /* http://[ADDR]:PORT */

/* One name. Owner: the seeds. */
struct seeds_name {
	struct pg_seeds *seeds;
	struct pg_timer timer;
	struct pg_str text, name; /* as given; without the port */
	uint16_t port;
	int64_t pause; /* 0: the last look-up went well */
};

/* Owner: whoever called pg_seeds_new. */
struct pg_seeds {
	struct pg_loop *loop;
	struct pg_lookups lookups;
	pg_seeds_found *on_found;
	void *arg;
	struct seeds_name *names[PG_SEEDS_MAX];
	size_t n;
};

static void seeds_ask(struct pg_timer *t);

/* ---- texts ------------------------------------------------------------ */

PG_FN int
pg_seeds_parse(struct pg_str text, struct pg_str *name, uint16_t *port,
    struct pg_err *e)
{
	struct pg_arena a = { 0 };
	struct pg_url u;
	struct pg_str url = pg_arena_printf(&a, "http://%.*s",
	    PG_STR_ARG(text));
	bool bare = text.n > 0 && (text.p[text.n - 1] == ']' ||
	    memchr(text.p, ':', text.n) == NULL);
	int rc = pg_url_parse(url, &u, NULL);

	if (rc < 0 || u.path.n > 0 || u.host.n > PG_LOOKUP_NAME_MAX ||
	    text.p[text.n - 1] == ':')
		rc = pg_fail(e, PG_E_HOST, "'%.*s' is no NAME or NAME:PORT",
		    PG_STR_ARG(text));
	if (rc == 0) {
		*port = bare ? PG_DEFAULT_PORT : u.port;
		*name = (struct pg_str){ text.p + u.v6, u.host.n };
	}
	pg_arena_fini(&a);
	return rc;
}

/* false: of no use without the link that it belongs to. */
static bool
seeds_url(const struct pg_addr *addr, uint16_t port,
    char out[SEEDS_URL_MAX])
{
	bool six = addr->u.sa.sa_family == AF_INET6;
	char text[PG_ADDR_TEXT];

	if (six && IN6_IS_ADDR_LINKLOCAL(&addr->u.in6.sin6_addr))
		return false;
	pg_addr_text(addr, text);
	snprintf(out, SEEDS_URL_MAX, six ? "http://[%s]:%u" : "http://%s:%u",
	    text, port);
	return true;
}

/* ---- look-ups ---------------------------------------------------------- */

static size_t
seeds_urls(const struct seeds_name *s, const struct pg_addr *addrs, size_t n,
    char texts[][SEEDS_URL_MAX], struct pg_str *urls)
{
	size_t i, j, found = 0;

	for (i = 0; i < n; i++) {
		if (!seeds_url(&addrs[i], s->port, texts[found]))
			continue;
		for (j = 0; j < found; j++)
			if (strcmp(texts[j], texts[found]) == 0)
				break;
		if (j == found) {
			urls[found] = pg_str(texts[found]);
			found++;
		}
	}
	return found;
}

/* Said once, until it works again. */
static void
seeds_failed(struct seeds_name *s, const char *why)
{
	if (s->pause == 0)
		pg_log(PG_LOG_INFO, "seeds: peer " PG_SEEDS_PREFIX "%.*s: %s",
		    PG_STR_ARG(s->text), why);
	s->pause = PG_MIN(PG_MAX(PG_SEEDS_PAUSE, s->pause * 2),
	    PG_SEEDS_INTERVAL);
	pg_timer_set(s->seeds->loop, &s->timer, s->pause, seeds_ask);
}

static void
seeds_on_done(void *arg, const struct pg_addr *addrs, size_t n,
    const struct pg_err *e)
{
	struct seeds_name *s = arg;
	char texts[PG_LOOKUP_ADDRS_MAX][SEEDS_URL_MAX];
	struct pg_str urls[PG_LOOKUP_ADDRS_MAX];
	size_t found = seeds_urls(s, addrs, n, texts, urls);

	if (found == 0) {
		seeds_failed(s, n == 0 ? e->msg : "no address of use");
		return;
	}
	if (s->pause != 0)
		pg_log(PG_LOG_INFO, "seeds: peer " PG_SEEDS_PREFIX "%.*s has "
		    "%zu addresses", PG_STR_ARG(s->text), found);
	s->pause = 0;
	pg_timer_set(s->seeds->loop, &s->timer, PG_SEEDS_INTERVAL, seeds_ask);
	s->seeds->on_found(s->seeds->arg, s->text, urls, found);
}

static void
seeds_ask(struct pg_timer *t)
{
	struct seeds_name *s = PG_CONTAINER(t, struct seeds_name, timer);
	struct pg_addr literal[PG_LOOKUP_LITERAL_MAX];
	struct pg_err e = { 0 };
	size_t n = pg_lookup_literal(s->name, s->port, literal);

	if (n > 0)
		seeds_on_done(s, literal, n, &e);
	else if (pg_lookup_start(&s->seeds->lookups, s->name, s->port,
	    seeds_on_done, s, &e) == NULL)
		seeds_failed(s, e.msg);
}

/* ---- life -------------------------------------------------------------- */

PG_FN struct pg_seeds *
pg_seeds_new(struct pg_loop *l, struct pg_work *w, pg_seeds_found *on_found,
    void *arg)
{
	struct pg_seeds *s = pg_alloc(sizeof(*s));

	s->loop = l;
	s->lookups.work = w;
	s->lookups.most = SEEDS_RUNNING_MAX;
	s->on_found = on_found;
	s->arg = arg;
	return s;
}

PG_FN int
pg_seeds_add(struct pg_seeds *s, struct pg_str text, struct pg_err *e)
{
	struct seeds_name n = { .seeds = s, .text = text }, *at;

	if (pg_seeds_parse(text, &n.name, &n.port, e) < 0)
		return -1;
	if (s->n == PG_SEEDS_MAX)
		return pg_fail(e, PG_E_LIMIT, "over %d names", PG_SEEDS_MAX);
	at = pg_alloc(sizeof(*at));
	*at = n;
	s->names[s->n++] = at;
	pg_timer_set(s->loop, &at->timer, 0, seeds_ask);
	return 0;
}

PG_FN void
pg_seeds_free(struct pg_seeds *s)
{
	size_t i;

	if (s == NULL)
		return;
	pg_lookups_fini(&s->lookups);
	for (i = 0; i < s->n; i++) {
		pg_timer_stop(&s->names[i]->timer);
		free(s->names[i]);
	}
	free(s);
}

#undef SEEDS_RUNNING_MAX
#undef SEEDS_URL_MAX
