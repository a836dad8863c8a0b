/* world: hosts that answer from a table, for tests of the client layer: they
 * take no time but that which the clock is told. Put in place of net/client
 * and the loop by the line "wrap:" of whoever includes this:
 *
 *	pg_client_new pg_client_free pg_client_start pg_call_cancel
 *	pg_loop_new pg_loop_free pg_loop_turn pg_work_new pg_work_free
 *	pg_mesh_key_for
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "base/clock.h"
#include "client/session.h"
#include "host/mesh.h"

#define WORLD_CALLS_MAX 512
#define WORLD_START (100 * PG_SEC)

/* What is said to a request whose URL begins so; the first that fits. */
struct world_page {
	const char *url; /* NULL ends a table */
	int status;      /* 0: nobody is there; -1: no answer in time */
	const char *json;
};

struct world_call {
	char url[300], bearer[64], body[1000];
	const char *method;
	int64_t due;
	size_t max_reply;
	pg_client_done *done; /* NULL: it is over */
	void *arg;
};

struct world {
	const struct world_page *pages;
	int64_t now;
	struct world_call calls[WORLD_CALLS_MAX];
	size_t ncalls, open, most; /* under way, and at most at a time */
	int cancelled;
	const char *ref; /* X-Paglets-Ref of all answers; NULL: none */
};

static struct world world;

static void
world_begin(const struct world_page *pages)
{
	world = (struct world){ .pages = pages, .now = WORLD_START };
	pg_clock_fake(world.now, world.now);
}

/* ---- what is wrapped -------------------------------------------------- */

struct pg_client *__wrap_pg_client_new(struct pg_loop *l, struct pg_work *w,
    struct pg_err *e);
void __wrap_pg_client_free(struct pg_client *c);
struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *call);
struct pg_loop *__wrap_pg_loop_new(struct pg_err *e);
void __wrap_pg_loop_free(struct pg_loop *l);
int __wrap_pg_loop_turn(struct pg_loop *l, int64_t max_wait,
    struct pg_err *e);
struct pg_work *__wrap_pg_work_new(struct pg_loop *l, struct pg_err *e);
void __wrap_pg_work_free(struct pg_work *w);
struct pg_str __wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);

struct pg_client *
__wrap_pg_client_new(struct pg_loop *l, struct pg_work *w, struct pg_err *e)
{
	(void)l, (void)w, (void)e;
	return (struct pg_client *)&world;
}

void
__wrap_pg_client_free(struct pg_client *c)
{
	(void)c;
}

struct pg_loop *
__wrap_pg_loop_new(struct pg_err *e)
{
	(void)e;
	return (struct pg_loop *)&world;
}

void
__wrap_pg_loop_free(struct pg_loop *l)
{
	(void)l;
}

struct pg_work *
__wrap_pg_work_new(struct pg_loop *l, struct pg_err *e)
{
	(void)l, (void)e;
	return (struct pg_work *)&world;
}

void
__wrap_pg_work_free(struct pg_work *w)
{
	(void)w;
}

struct pg_str
__wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	(void)m, (void)url;
	return PG_STR_NULL;
}

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	struct world_call *k = &world.calls[world.ncalls++];

	(void)c;
	assert_true(world.ncalls <= WORLD_CALLS_MAX);
	snprintf(k->url, sizeof(k->url), "%.*s", PG_STR_ARG(r->url));
	snprintf(k->bearer, sizeof(k->bearer), "%.*s", PG_STR_ARG(r->bearer));
	if (r->nbody > 0)
		snprintf(k->body, sizeof(k->body), "%.*s",
		    PG_STR_ARG(r->body[0].text));
	k->method = r->method;
	k->max_reply = r->max_reply;
	k->due = world.now + r->timeout;
	k->done = done;
	k->arg = arg;
	world.open++;
	world.most = PG_MAX(world.most, world.open);
	return (struct pg_call *)k;
}

void
__wrap_pg_call_cancel(struct pg_call *call)
{
	((struct world_call *)call)->done = NULL;
	world.open--;
	world.cancelled++;
}

static const struct world_page *
world_page(const char *url)
{
	static const struct world_page nobody = { "", 0, NULL };
	const struct world_page *p;

	for (p = world.pages; p->url != NULL; p++)
		if (strncmp(url, p->url, strlen(p->url)) == 0)
			return p;
	return &nobody;
}

/* Whether it could be answered now. */
static bool
world_answer(struct world_call *k)
{
	const struct world_page *p = world_page(k->url);
	struct pg_response r = { .status = PG_MAX(p->status, 0) };
	pg_client_done *done = k->done;
	struct pg_http1_head head = { .nfields = 0 };

	if (p->status < 0 && world.now < k->due)
		return false;
	if (p->status < 0)
		pg_fail(&r.err, PG_E_TIMEOUT, "Could not reach %s: timed out",
		    k->url);
	if (p->status == 0)
		pg_fail(&r.err, PG_E_UNREACHABLE, "Could not reach %s: nobody",
		    k->url);
	r.maybe_sent = p->status < 0;
	if (p->status > 0)
		r.body = pg_bulk_copy(pg_str(p->json), NULL);
	if (world.ref != NULL) {
		head.fields[0].name = PG_STR("X-Paglets-Ref");
		head.fields[0].value = pg_str(world.ref);
		head.nfields = 1;
		r.head = &head;
	}
	k->done = NULL;
	world.open--;
	done(k->arg, &r);
	pg_bulk_unref(r.body);
	return true;
}

/* The oldest that can be answered is; when there is none, time passes. */
int
__wrap_pg_loop_turn(struct pg_loop *l, int64_t max_wait, struct pg_err *e)
{
	size_t i;

	(void)l, (void)e;
	for (i = 0; i < world.ncalls; i++) {
		if (world.calls[i].done == NULL)
			continue;
		if (world_answer(&world.calls[i]))
			return 0;
		max_wait = PG_MIN(max_wait, world.calls[i].due - world.now);
	}
	world.now += PG_MAX(max_wait, PG_MS);
	pg_clock_fake(world.now, world.now);
	return 0;
}

/* ---- what was asked --------------------------------------------------- */

/* How often something whose URL begins so; key: with the key alone. */
static int __attribute__((unused))
world_asked(const char *url, bool key)
{
	size_t i;
	int n = 0;

	for (i = 0; i < world.ncalls; i++)
		n += strncmp(world.calls[i].url, url, strlen(url)) == 0 &&
		    (!key || world.calls[i].bearer[0] != '\0');
	return n;
}

static struct paglets_client * __attribute__((unused))
world_client(const char *entry)
{
	struct paglets_client_config config = { .entry = entry,
		.api_key = "secret" };
	struct paglets_client *c = paglets_client_new(&config);

	assert_non_null(c);
	return c;
}

#endif
