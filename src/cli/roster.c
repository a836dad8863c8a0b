/* roster: see roster.h. */
#include "roster.h"

#include "../base/map.h"
#include "../codec/json.h"
#include "../host/wire.h"
#include "../os/rand.h"
#include "ask.h"
#include "show.h"

#include <time.h>
#include <unistd.h>

/* Before `hosts --watch` looks again. */
#define ROSTER_WATCH_TIME PG_SEC
/* What `wait-host` waits for without --timeout, ms. */
#define ROSTER_WAIT_TIME 10000

/* ---- one host --------------------------------------------------------- */

/* How long ago a time on the wire was; nothing for none. */
static struct pg_str
roster_age(struct pg_arena *a, const struct pg_value *seen)
{
	double then;
	int64_t age;

	if (!pg_value_number(seen, &then))
		return PG_STR_NULL;
	age = PG_MAX(pg_now_wall() - PG_MAX(pg_from_seconds(then), 0), 0) /
	    PG_SEC;
	if (age < 120)
		return pg_arena_printf(a, "%" PRId64 "s", age);
	if (age < 120 * 60)
		return pg_arena_printf(a, "%" PRId64 "m", age / 60);
	return pg_arena_printf(a, "%" PRId64 "h", age / 3600);
}

/* A reference that does not say is online (PROTOCOL section 4). */
static const char *
roster_status(const struct pg_value *h, bool refused)
{
	const struct pg_value *online = pg_value_get(h, "online");

	if (refused)
		return "refused";
	return pg_value_is(online, PG_T_BOOL) && online->u.i == 0 ? "offline"
	    : "online";
}

static void
roster_row(struct pg_table *t, const struct pg_value *h, bool refused)
{
	pg_table_put_value(t, pg_value_get(h, "name"));
	pg_table_put_value(t, pg_value_get(h, "url"));
	pg_table_put(t, pg_str(roster_status(h, refused)));
	pg_table_put(t, roster_age(t->arena, pg_value_get(h, "last_seen")));
	pg_table_put_value(t, pg_value_get(h, "active_count"));
	pg_table_put_value(t, pg_value_get(h, "inactive_count"));
	pg_table_put_value(t, pg_value_get(h, "code_version"));
	pg_table_put_value(t, pg_value_get(h, "tags"));
	pg_table_put_value(t, pg_value_get(h, "error"));
}

/* Reference number i of an answer: first the hosts, then those refused; NULL
 * past the end. */
static const struct pg_value *
roster_ref(const struct pg_value *reply, uint32_t i, bool *refused)
{
	const struct pg_value *hosts = pg_value_get(reply, "hosts");
	const struct pg_value *others = pg_value_get(reply, "refused");
	uint32_t n = pg_value_is(hosts, PG_T_LIST) ? hosts->n : 0;

	*refused = i >= n;
	if (!*refused)
		return hosts->u.items[i];
	return pg_value_is(others, PG_T_LIST) && i - n < others->n ?
	    others->u.items[i - n] : NULL;
}

static int
roster_table(struct pg_arena *a, const struct pg_value *reply,
    struct pg_err *e)
{
	static const char *const heads[] = { "NAME", "URL", "STATUS", "SEEN",
		"ACTIVE", "INACTIVE", "VERSION", "TAGS", "ERROR", NULL };
	const struct pg_value *h;
	struct pg_table t;
	bool refused;
	uint32_t i;

	pg_table_init(&t, a, heads);
	for (i = 0; (h = roster_ref(reply, i, &refused)) != NULL; i++)
		roster_row(&t, h, refused);
	return pg_table_show(&t, e);
}

/* ---- hosts --watch ---------------------------------------------------- */

/* A host as it was at one look. */
struct roster_seen {
	struct pg_str name, url, version, tags;
	const char *status;
	bool still; /* there at the next look */
};

/* One look; those before it are forgotten but for the last. */
struct roster_look {
	struct pg_arena arena;
	struct pg_map hosts; /* by URL */
};

/* Owner: roster_watch. */
struct roster_watch {
	struct pg_ask *r;
	struct pg_table table;
	struct pg_arena arena; /* of the table */
	struct roster_look looks[2];
	int now; /* which of them */
};

static struct roster_seen *
roster_see(struct roster_look *l, const struct pg_value *h, bool refused)
{
	struct roster_seen *s = pg_arena_zalloc(&l->arena, sizeof(*s));
	struct pg_buf b = PG_BUF_INIT(0);

	s->name = pg_arena_str(&l->arena, pg_value_text(pg_value_get(h,
	    "name"), PG_STR_NULL));
	s->url = pg_arena_str(&l->arena, pg_value_text(pg_value_get(h, "url"),
	    PG_STR_NULL));
	s->version = pg_arena_str(&l->arena, pg_value_text(pg_value_get(h,
	    "code_version"), PG_STR_NULL));
	pg_json_write(&b, pg_value_get(h, "tags"), NULL);
	s->tags = pg_arena_str(&l->arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	s->status = roster_status(h, refused);
	return s;
}

static bool
roster_same(const struct roster_seen *a, const struct roster_seen *b)
{
	return pg_str_eq(a->name, b->name) &&
	    pg_str_eq(a->version, b->version) && pg_str_eq(a->tags, b->tags) &&
	    a->status == b->status;
}

/* h, or for one that is no longer listed what it was called. */
static int
roster_tell(struct roster_watch *w, const char *status,
    const struct pg_value *h, struct pg_err *e)
{
	struct pg_table *t = &w->table;
	struct pg_value *d = pg_value_dict(&w->arena);
	int rc;

	if (w->r->cli->json) {
		pg_put_strz(&w->arena, d, "change", status);
		pg_put(&w->arena, d, "host", (struct pg_value *)(uintptr_t)h);
		rc = pg_show_json(d, e);
	} else {
		pg_table_put_time(t, pg_value_float(&w->arena,
		    pg_to_seconds(pg_now_wall())));
		pg_table_put_value(t, pg_value_get(h, "name"));
		pg_table_put_value(t, pg_value_get(h, "url"));
		pg_table_put(t, pg_str(status));
		pg_table_put_value(t, pg_value_get(h, "code_version"));
		pg_table_put_value(t, pg_value_get(h, "tags"));
		pg_table_put_value(t, pg_value_get(h, "error"));
		rc = pg_table_show(t, e);
	}
	pg_table_go_on(t);
	pg_arena_reset(&w->arena);
	return rc;
}

/* Those that were listed at the last look and are not now. */
static int
roster_tell_gone(struct roster_watch *w, const struct roster_look *last,
    struct pg_err *e)
{
	struct pg_arena a = { 0 };
	struct roster_seen *s;
	struct pg_value *h;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && (s = pg_map_next(&last->hosts, &at)) != NULL) {
		if (s->still)
			continue;
		h = pg_value_dict(&a);
		pg_put_str(&a, h, "name", s->name);
		pg_put_str(&a, h, "url", s->url);
		rc = roster_tell(w, "gone", h, e);
	}
	pg_arena_fini(&a);
	return rc;
}

/* What has changed since the last look. */
static int
roster_changes(struct roster_watch *w, const struct pg_value *reply,
    struct pg_err *e)
{
	struct roster_look *last = &w->looks[w->now], *now;
	struct roster_seen *s, *before;
	const struct pg_value *h;
	bool refused;
	uint32_t i;

	now = &w->looks[w->now ^= 1];
	for (i = 0; (h = roster_ref(reply, i, &refused)) != NULL; i++) {
		s = roster_see(now, h, refused);
		pg_map_put(&now->hosts, s->url, s);
		before = pg_map_get(&last->hosts, s->url);
		if (before != NULL)
			before->still = true;
		if ((before == NULL || !roster_same(before, s)) &&
		    roster_tell(w, s->status, h, e) < 0)
			return -1;
	}
	if (roster_tell_gone(w, last, e) < 0)
		return -1;
	pg_map_fini(&last->hosts);
	pg_arena_reset(&last->arena);
	return 0;
}

/* Once a second, until interrupted or until the host does not answer. */
static int
roster_look_on(struct roster_watch *w, struct pg_err *e)
{
	static const struct timespec pause = { ROSTER_WATCH_TIME / PG_SEC,
		ROSTER_WATCH_TIME % PG_SEC };
	bool screen = isatty(STDOUT_FILENO) && !w->r->cli->json;
	const struct pg_value *reply;
	uint64_t seed[2];

	for (;; nanosleep(&pause, NULL)) {
		reply = pg_value_inner(paglets_client_hosts(w->r->client,
		    pg_ask_word(w->r, 0)));
		if (reply == NULL)
			return pg_ask_failed(w->r, e);
		pg_rand(seed, sizeof(seed));
		pg_map_init(&w->looks[w->now ^ 1].hosts, seed);
		if (screen)
			pg_show_clear();
		if ((screen ? roster_table(&w->arena, reply, e) :
		    roster_changes(w, reply, e)) < 0)
			return -1;
		pg_arena_reset(&w->arena);
		paglets_client_forget(w->r->client);
	}
}

static int
roster_watch(struct pg_ask *r, struct pg_err *e)
{
	static const char *const heads[] = { "TIME", "NAME", "URL", "STATUS",
		"VERSION", "TAGS", "ERROR", NULL };
	struct roster_watch w = { .r = r };
	int i;

	pg_table_init(&w.table, &w.arena, heads);
	roster_look_on(&w, e);
	for (i = 0; i < 2; i++) {
		pg_map_fini(&w.looks[i].hosts);
		pg_arena_fini(&w.looks[i].arena);
	}
	pg_arena_fini(&w.arena);
	return -1;
}

/* ---- commands --------------------------------------------------------- */

static int
roster_show(struct pg_ask *r, struct pg_value *reply, struct pg_err *e)
{
	return roster_table(&r->cli->arena, reply, e);
}

static int
roster_hosts(struct pg_ask *r, struct pg_err *e)
{
	if (pg_args_has(&r->cli->args, "watch"))
		return roster_watch(r, e);
	return pg_ask_show(r, paglets_client_hosts(r->client,
	    pg_ask_word(r, 0)), roster_show, e);
}

PG_FN int
pg_hosts_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "watch", 'w', NULL, NULL, "look again every second, until "
		    "interrupted; not on a terminal, or with --json: print "
		    "what changes, one host a line" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "[HOST]", 0, 1, options,
		"Lists the hosts that a host knows, itself among them: if they "
		"are online, when\nthey were last heard of, how many agents "
		"they have, and what is wrong. Hosts of\nanother mesh version "
		"are refused: they are no members." };

	return pg_ask_run(c, &spec, roster_hosts, e);
}

static int
roster_wait(struct pg_ask *r, struct pg_err *e)
{
	if (paglets_client_wait_for_host(r->client, pg_ask_word(r, 0),
	    r->timeout > 0 ? r->timeout : ROSTER_WAIT_TIME) < 0) {
		pg_ask_failed(r, e);
		return e->code != PG_E_SLOW ? -1 : pg_fail(e, e->code, "%s; "
		    "`paglets hosts` lists who is there, --timeout lets it "
		    "wait longer", e->msg);
	}
	return pg_ask_show(r, paglets_client_lookup(r->client,
	    pg_ask_word(r, 0)), NULL, e);
}

PG_FN int
pg_wait_host_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "HOST", 1, 1, NULL,
		"Waits until the entry host counts a host as online, by name "
		"or URL, for at most\n--timeout. With --json: prints what it "
		"knows of it." };

	return pg_ask_run(c, &spec, roster_wait, e);
}

#undef ROSTER_WATCH_TIME
#undef ROSTER_WAIT_TIME
