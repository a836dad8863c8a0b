/* future: see future.h. */
#include "future.h"

#include "locate.h"

PG_FN const struct pg_value *
pg_future_result(struct paglets_future *f)
{
	struct pg_value *reply = pg_session_take(f);

	if (reply == NULL)
		return NULL;
	if (f->result == NULL) {
		f->result = reply;
		if (f->agent_id.n > 0)
			f->result = pg_locate(f->client, &f->arena,
			    f->agent_id, pg_value_get(reply, "result"));
		if (f->result == NULL)
			f->result = pg_value_null(&f->arena);
	}
	if (f->result == NULL)
		pg_fail(&f->client->err, PG_E_NOMEM, "no memory for values");
	return f->result;
}

/* When a wait of so many ms ends; negative: never. */
static int64_t
future_until(int64_t ms)
{
	return ms < 0 ? PG_NEVER : pg_now() + pg_session_ns(ms);
}

/* The index of one that is done, else -1; *open counts those that are not, *c
 * is the client of the last of them. */
static int
future_scan(struct paglets_future *const *f, size_t n, size_t *open,
    struct paglets_client **c)
{
	int found = -1;
	size_t i;

	*open = 0;
	for (i = 0; i < n; i++) {
		if (f[i] == NULL)
			continue;
		pg_session_tell(f[i]);
		if (!f[i]->done) {
			*c = f[i]->client;
			(*open)++;
		}
		if (f[i]->done && found < 0)
			found = (int)i;
	}
	return found;
}

/* Turn until `wanted` of them: all, or any. */
static int
future_wait_for(struct paglets_future *const *f, size_t n, bool all,
    int64_t ms)
{
	int64_t until = future_until(ms);
	struct paglets_client *c = NULL;
	bool last = ms == 0;
	size_t open;
	int found;

	for (;;) {
		found = future_scan(f, n, &open, &c);
		if (open == 0 || (!all && found >= 0))
			return all ? open == 0 : found;
		if (!last && pg_now() >= until)
			return all ? 0 : -1;
		if (pg_session_turn(c, until) < 0)
			return all ? 0 : -1;
		last = false;
	}
}

PG_API bool
paglets_future_wait(struct paglets_future *f, int64_t timeout_ms)
{
	if (!f->done && timeout_ms == 0)
		pg_session_turn(f->client, 0);
	return pg_session_wait(f, future_until(timeout_ms));
}

PG_API int
paglets_future_wait_any(struct paglets_future *const *f, size_t n,
    int64_t timeout_ms)
{
	return future_wait_for(f, n, false, timeout_ms);
}

PG_API bool
paglets_future_wait_all(struct paglets_future *const *f, size_t n,
    int64_t timeout_ms)
{
	return future_wait_for(f, n, true, timeout_ms) != 0;
}

PG_API const struct paglets_value *
paglets_future_get(struct paglets_future *f)
{
	pg_session_wait(f, PG_NEVER);
	return pg_value_outer(pg_future_result(f));
}

PG_API void
paglets_future_cancel(struct paglets_future *f)
{
	if (f->done)
		return;
	if (f->call != NULL)
		pg_call_cancel(f->call);
	f->call = NULL;
	if (f->on_leave != NULL)
		f->on_leave(f, f->arg);
	f->on_leave = NULL;
	f->done = true;
	f->failure.maybe_done = !f->read;
	pg_fail(&f->err, PG_E_REMOTE, "%.*s: cancelled", PG_STR_ARG(f->url));
}
