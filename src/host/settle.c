/* settle: see settle.h. */

#include "settle.h"

#include "mesh.h"
#include "remote.h"

#define SETTLE_ANSWER_MAX ((size_t)16 << 20) /* memory of a decoded answer */

static void settle_ask(struct pg_settle *s);

PG_FN void
pg_settle_stop(struct pg_settle *s)
{
	pg_timer_stop(&s->timer);
	if (s->call != NULL)
		pg_call_cancel(s->call);
	s->call = NULL;
	s->running = false;
	pg_arena_fini(&s->arena);
}

/* The last word; where is borrowed. */
static void
settle_there(struct pg_settle *s, struct pg_str where)
{
	struct pg_arena a = { 0 };
	struct pg_str url = pg_arena_str(&a, where);

	pg_settle_stop(s);
	s->ops->there(s, url);
	pg_arena_fini(&a);
}

static void
settle_not_there(struct pg_settle *s, bool searched)
{
	pg_settle_stop(s);
	s->ops->not_there(s, searched);
}

static void
settle_on_time(struct pg_timer *t)
{
	settle_ask(PG_CONTAINER(t, struct pg_settle, timer));
}

/* ---- By transfer id ------------------------------------------------------------- */

static void
settle_later(struct pg_settle *s)
{
	s->pause = s->pause == 0 ? PG_SETTLE_FIRST :
	    PG_MIN(s->pause * 2, PG_SETTLE_MAX);
	pg_timer_set(s->host->loop, &s->timer, s->pause, settle_on_time);
	s->ops->silent(s);
}

static void
settle_on_answer(void *arg, const struct pg_response *r)
{
	struct pg_settle *s = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_err err = { 0 };
	struct pg_str status = PG_STR_NULL;

	s->call = NULL;
	pg_arena_init(&a, SETTLE_ANSWER_MAX);
	if (pg_remote_answer(r, true, &a, &v, &err) == 0)
		status = pg_value_text(pg_value_get(v, "status"), PG_STR_NULL);
	if (pg_str_eqz(status, "committed"))
		settle_there(s, pg_value_text(pg_value_get(pg_value_get(v,
		    "proxy"), "host_url"), s->target));
	else if (pg_str_eqz(status, "refused"))
		settle_not_there(s, false);
	else
		settle_later(s);
	pg_arena_fini(&a);
}

static void
settle_by_id(struct pg_settle *s)
{
	struct pg_post post = { .timeout = PG_SETTLE_ASK_TIME, .nbody = 1 };

	post.body[0].text = PG_STR("{}");
	/* The first answers somebody who waits. */
	if (s->pause == 0)
		post.timeout = PG_MIN(post.timeout, PG_MAX(s->first,
		    PG_SETTLE_FIRST));
	s->call = pg_remote_post(s->host, s->target, &post, settle_on_answer,
	    s, "/transfers/%s/settle", s->transfer_id);
}

/* ---- By looking for it -------------------------------------------------------------- */

/* Where the search looks next: the target, then every host known. A stranger
 * may say that it has anything: where there is a key, only those are asked who
 * may have it. */
static bool
settle_next_url(struct pg_settle *s, struct pg_str *url)
{
	struct pg_mesh *mesh = s->host->mesh;

	*url = s->target;
	if (s->search_at == 0)
		return true;
	for (; pg_mesh_url_at(mesh, s->search_at - 1, url); s->search_at++)
		if (s->host->cfg.api_key.n == 0 ||
		    pg_mesh_key_for(mesh, *url).n > 0)
			return true;
	return false;
}

/* Whether an answer is about it, and not what some server says to anything. */
static bool
settle_is_it(const struct pg_settle *s, const struct pg_value *v)
{
	return pg_str_eq(pg_value_text(pg_value_get(v, "agent_id"),
	    PG_STR_NULL), s->agent_id);
}

static void
settle_on_found(void *arg, const struct pg_response *r)
{
	struct pg_settle *s = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_err err = { 0 };

	s->call = NULL;
	pg_arena_init(&a, SETTLE_ANSWER_MAX);
	if (pg_remote_answer(r, true, &a, &v, &err) == 0 &&
	    settle_is_it(s, v)) {
		settle_there(s, s->asked);
	} else if (s->once) {
		settle_not_there(s, true);
	} else {
		s->search_at++;
		settle_ask(s);
	}
	pg_arena_fini(&a);
}

static void
settle_search(struct pg_settle *s)
{
	int64_t now = pg_loop_now(s->host->loop);
	struct pg_str url;

	if (s->search_end == 0)
		s->search_end = now + PG_SETTLE_SEARCH_TIME;
	if (now >= s->search_end) {
		settle_not_there(s, true);
	} else if (settle_next_url(s, &url)) {
		pg_arena_reset(&s->arena);
		s->asked = pg_arena_str(&s->arena, url);
		s->call = pg_remote_get(s->host, s->asked, PG_SETTLE_ASK_TIME,
		    settle_on_found, s, "/agents/%.*s",
		    PG_STR_ARG(s->agent_id));
	} else {
		s->search_at = 0;
		pg_timer_set(s->host->loop, &s->timer, PG_SEC,
		    settle_on_time);
	}
}

static void
settle_ask(struct pg_settle *s)
{
	if (s->by_id)
		settle_by_id(s);
	else
		settle_search(s);
}

PG_FN void
pg_settle_start(struct pg_settle *s)
{
	assert(!s->running);
	s->running = true;
	s->pause = s->search_end = 0;
	s->search_at = 0;
	settle_ask(s);
}

#undef SETTLE_ANSWER_MAX
