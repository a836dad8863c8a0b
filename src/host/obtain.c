/* obtain: see obtain.h. What finds no room while the disk is busy waits in
 * `rest`, and the connection stands still until it has gone.
 */

#include "obtain.h"

#include "../net/client.h"
#include "remote.h"

/* Owner: itself, until done or cancelled. */
struct pg_obtain {
	struct pg_host *host;
	struct pg_str url; /* behind the struct */
	struct pg_call *call; /* NULL: over */
	struct pg_deposit *deposit;
	struct pg_buf rest; /* of a piece that found no room */
	pg_obtain_done *done;
	void *arg;
};

static void
obtain_end(struct pg_obtain *f, const struct pg_artifact *a,
    const struct pg_err *err)
{
	pg_obtain_done *done = f->done;
	void *arg = f->arg;

	if (f->call != NULL)
		pg_call_cancel(f->call);
	pg_deposit_cancel(f->deposit);
	pg_buf_fini(&f->rest);
	free(f);
	if (done != NULL)
		done(arg, a, err);
}

static void
obtain_on_deposited(void *arg, const struct pg_artifact *a,
    const struct pg_err *err)
{
	struct pg_obtain *f = arg;

	f->deposit = NULL;
	obtain_end(f, a, err);
}

/* All has come, and all of it has found room. */
static void
obtain_complete(struct pg_obtain *f)
{
	pg_deposit_finish(f->deposit, obtain_on_deposited, f);
}

/* Give the deposit as much as it takes: 1 all, 0 the rest waits, -1 with e. */
static int
obtain_feed(struct pg_obtain *f, struct pg_str data, struct pg_err *e)
{
	size_t n, fed = 0;
	char *room;

	while (fed < data.n) {
		room = pg_deposit_room(f->deposit, &n, e);
		if (room == NULL && e->code != PG_E_OK)
			return -1;
		if (n == 0)
			break;
		n = PG_MIN(n, data.n - fed);
		memcpy(room, data.p + fed, n);
		pg_deposit_filled(f->deposit, n);
		fed += n;
	}
	if (data.p == f->rest.p)
		pg_buf_drop(&f->rest, fed);
	else
		pg_buf_puts(&f->rest, pg_str_skip(data, fed));
	return f->rest.n == 0;
}

static void
obtain_on_room(void *arg)
{
	struct pg_obtain *f = arg;
	struct pg_err err = { 0 };
	int rc = obtain_feed(f, pg_buf_str(&f->rest), &err);

	if (rc < 0)
		obtain_end(f, NULL, &err);
	else if (rc > 0 && f->call != NULL)
		pg_call_resume(f->call);
	else if (rc > 0)
		obtain_complete(f);
}

static void
obtain_on_data(void *arg, struct pg_str data)
{
	struct pg_obtain *f = arg;
	struct pg_err err = { 0 };
	int rc;

	if (f->rest.n > 0) {
		pg_buf_puts(&f->rest, data);
		return;
	}
	rc = obtain_feed(f, data, &err);
	if (rc < 0)
		obtain_end(f, NULL, &err);
	else if (rc == 0)
		pg_call_pause(f->call);
}

static void
obtain_on_got(void *arg, const struct pg_response *r)
{
	struct pg_obtain *f = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_err err = { 0 };

	f->call = NULL;
	if (r->status == 200) {
		if (f->rest.n == 0)
			obtain_complete(f);
		return;
	}
	pg_arena_init(&a, PG_REMOTE_REPLY_MAX * 4);
	pg_remote_reply(f->host, f->url, r, &a, &v, &err);
	if (err.code == PG_E_OK)
		pg_fail(&err, PG_E_REMOTE, "status %d", r->status);
	obtain_end(f, NULL, &err);
	pg_arena_fini(&a);
}

PG_FN struct pg_obtain *
pg_obtain_start(struct pg_host *h, struct pg_str url, struct pg_str id,
    const struct pg_deposit_spec *spec, pg_obtain_done *done, void *arg,
    struct pg_err *e)
{
	struct pg_request r = { .method = "GET",
		.timeout = PG_OBTAIN_CALL_TIME, .silence = PG_OBTAIN_SILENCE,
		.on_data = obtain_on_data, .max_reply = PG_REMOTE_REPLY_MAX,
		.accept = "*/*" };
	struct pg_obtain *f;

	if (h->artifacts == NULL) {
		pg_fail(e, PG_E_TRANSFER, "%.*s keeps no files",
		    PG_STR_ARG(h->name));
		return NULL;
	}
	f = pg_alloc(sizeof(*f) + url.n);
	memcpy(f + 1, url.p, url.n);
	f->host = h;
	f->url = (struct pg_str){ (char *)(f + 1), url.n };
	f->deposit = pg_deposit_begin(h->artifacts, spec, obtain_on_room, f,
	    e);
	if (f->deposit == NULL) {
		free(f);
		return NULL;
	}
	f->done = done;
	f->arg = arg;
	f->call = pg_remote_start(h, f->url, &r, obtain_on_got, f,
	    "/artifacts/%.*s", PG_STR_ARG(id));
	return f;
}

PG_FN void
pg_obtain_cancel(struct pg_obtain *f)
{
	if (f == NULL)
		return;
	f->done = NULL;
	obtain_end(f, NULL, NULL);
}
