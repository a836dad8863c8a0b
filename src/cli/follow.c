/* follow: see follow.h. */
#include "follow.h"

#include "../host/remote.h"
#include "../host/stream.h"

/* A host says something that often; when it is silent for this long, the way
 * to it is cut. */
#define FOLLOW_SILENCE (3 * PG_STREAM_KEEP_ALIVE)

/* Owner: pg_follow, for one stream. */
struct follow {
	struct pg_ask *r;
	struct pg_call *call;
	struct pg_sse sse;
	pg_follow_event *on_event;
	void *arg;
	bool begun;
	int rc;
	struct pg_err *e;
};

static void
follow_fail(struct follow *f)
{
	f->rc = -1;
	pg_call_cancel(f->call);
	pg_loop_stop(f->r->loop);
}

static void
follow_on_data(void *arg, struct pg_str data)
{
	struct follow *f = arg;
	bool ready;
	ssize_t used;

	f->begun = true;
	while (data.n > 0) {
		used = pg_sse_take(&f->sse, data, &ready, f->e);
		if (used < 0 || (ready &&
		    f->on_event(f->arg, &f->sse, f->e) < 0)) {
			follow_fail(f);
			return;
		}
		data = pg_str_skip(data, (size_t)used);
	}
}

static void
follow_on_done(void *arg, const struct pg_response *resp)
{
	struct follow *f = arg;
	struct pg_value *reply;

	if (!f->begun && resp->status != 200)
		f->rc = pg_remote_answer(resp, f->r->key.n > 0, &f->r->arena,
		    &reply, f->e);
	pg_loop_stop(f->r->loop);
}

PG_FN int
pg_follow(struct pg_ask *r, const struct pg_place *at, struct pg_str path,
    pg_follow_event *on_event, void *arg, struct pg_err *e)
{
	struct follow f = { .r = r, .on_event = on_event, .arg = arg, .e = e };
	struct pg_request q = { .method = "GET", .timeout = r->timeout,
		.max_reply = PG_ASK_REPLY_MAX, .accept = "text/event-stream",
		.on_data = follow_on_data, .silence = FOLLOW_SILENCE };
	struct pg_buf url = PG_BUF_INIT(0);

	pg_buf_puts(&url, at->url);
	pg_buf_puts(&url, path);
	q.url = pg_buf_str(&url);
	if (at->named)
		q.bearer = r->key;
	f.call = pg_client_start(r->client, &q, follow_on_done, &f);
	if (pg_loop_run(r->loop, e) < 0)
		f.rc = -1;
	pg_sse_fini(&f.sse);
	pg_buf_fini(&url);
	return f.rc;
}

#undef FOLLOW_SILENCE
