/* fetch: see fetch.h.
 *
 * First the reference, which says how large the artifact is and what its hash
 * is; then the bytes, which workers hash and write while the next arrive. A
 * host that cannot give a part of it gives all, and we begin anew. What was
 * there from before is hashed at the end, with the rest; if the whole is wrong
 * then, that part may have been, and it is all fetched once more.
 */
#include "fetch.h"

#include "../host/wire.h"
#include "../os/ingest.h"
#include "depot.h"
#include "haul.h"
#include "partial.h"
#include "place.h"

#include <fcntl.h>
#include <unistd.h>

/* Owner: the client, as of all hauls. */
struct fetch {
	struct pg_haul t;
	struct pg_str id;
	struct pg_value *v; /* the reference, in the future's arena */
	struct pg_depot_ref ref;
	char *path;   /* as the user has it; NULL: not */
	int fd;       /* of the user's, ours now; -1: none */
	bool resume, move;
	struct pg_partial file;
	uint64_t at;  /* bytes of it that are there for sure */
	bool stale;   /* some of them from before this attempt */
	bool again;   /* they have turned out wrong once */
	struct pg_ingest *in;
	struct pg_buf rest; /* what it has no room for yet */
	bool ended;   /* no more will come, as the next two say */
	bool whole;
	struct pg_err cut;
	/* The worker's while it has a job. */
	struct pg_err err;
	uint8_t sha[PG_SHA256_SIZE];
};

static void fetch_bytes(struct fetch *d);
static void fetch_flow(void *arg);

static struct fetch *
fetch_of(struct pg_haul *t)
{
	return PG_CONTAINER(t, struct fetch, t);
}

/* ---- verification ----------------------------------------------------- */

/* On a worker: hash what has not been hashed as it came, compare, and put the
 * file in its place. */
static void
fetch_place_run(struct pg_job *j)
{
	struct fetch *d = PG_CONTAINER(j, struct fetch, t.job);
	struct pg_buf b = PG_BUF_INIT(0);
	uint64_t size = d->at;
	int rc = 0;

	d->err = (struct pg_err){ 0 };
	if (d->stale)
		rc = pg_file_sha256(d->file.fd, d->sha, &size, &d->err);
	pg_buf_hex(&b, (struct pg_str){ (const char *)d->sha,
	    sizeof(d->sha) });
	if (rc == 0 && (size != d->ref.size ||
	    !pg_str_eq(pg_buf_str(&b), d->ref.sha)))
		rc = pg_fail(&d->err, PG_E_TRANSFER, "what came has not the "
		    "sha256 that the host says it has");
	pg_buf_fini(&b);
	if (rc == 0)
		pg_partial_place(&d->file, &d->err);
}

static void
fetch_on_removed(struct pg_haul *t, struct paglets_future *a)
{
	struct fetch *d = fetch_of(t);
	struct pg_arena *arena = &t->f->arena;
	struct pg_value *v = pg_value_dict(arena);

	if (a != NULL && a->err.code != PG_E_OK) {
		t->f->err = a->err;
		pg_wrap(&t->f->err, "it was fetched, but not removed");
		pg_haul_fail(t);
		return;
	}
	pg_put(arena, v, "artifact", d->v);
	pg_put(arena, v, "path", d->file.path != NULL ? pg_value_str(arena,
	    pg_arena_str(arena, pg_str(d->file.path))) : NULL);
	pg_haul_succeed(t, v);
}

static void
fetch_on_placed(struct pg_haul *t)
{
	struct fetch *d = fetch_of(t);
	bool wrong = d->err.code == PG_E_TRANSFER;

	t->f->err = d->err;
	if (d->err.code == PG_E_OK && !d->move) {
		fetch_on_removed(t, NULL);
	} else if (d->err.code == PG_E_OK) {
		pg_haul_ask(t, "DELETE", pg_depot_path(&t->f->arena, d->id,
		    ""), fetch_on_removed);
	} else if (wrong && d->stale && !d->again &&
	    pg_partial_cut(&d->file, &t->f->err) == 0) {
		d->again = true;
		d->at = 0;
		fetch_bytes(d);
	} else {
		/* Nothing of it is worth keeping. */
		if (wrong)
			d->resume = false;
		pg_wrap(&t->f->err, "%.*s", PG_STR_ARG(t->f->url));
		pg_haul_fail(t);
	}
}

static void
fetch_verify(struct fetch *d)
{
	if (pg_haul_job(&d->t, fetch_place_run, fetch_on_placed) < 0)
		pg_haul_fail(&d->t);
}

/* ---- bytes ------------------------------------------------------------ */

/* The way to the host was cut, which another attempt may mend. */
static bool
fetch_is_lost(const struct pg_err *e)
{
	return e->code == PG_E_UNREACHABLE || e->code == PG_E_TIMEOUT;
}

/* All that has come is on disk, or cannot be. */
static void
fetch_on_written(void *arg, const uint8_t sha[PG_SHA256_SIZE], uint64_t size,
    const struct pg_err *err)
{
	struct fetch *d = arg;
	struct pg_haul *t = &d->t;

	memcpy(d->sha, sha, sizeof(d->sha));
	pg_ingest_free(d->in);
	d->in = NULL;
	if (err != NULL) {
		t->f->err = *err;
		pg_haul_fail(t);
		return;
	}
	d->at += size;
	t->f->err = d->cut;
	if (d->whole)
		fetch_verify(d);
	else if (fetch_is_lost(&d->cut))
		pg_haul_again(t);
	else
		pg_haul_fail(t);
}

/* The answer is at its end, and so is what we had to do with it. */
static void
fetch_finish(struct fetch *d)
{
	pg_ingest_finish(d->in, fetch_on_written, d);
}

static void
fetch_stop(struct fetch *d, const struct pg_err *why)
{
	d->t.f->err = *why;
	pg_haul_fail(&d->t);
}

/* Hand on as much as there is room for. The number of bytes, -1: it has
 * failed and is over. */
static ssize_t
fetch_pour(struct fetch *d, struct pg_str data)
{
	struct pg_err e = { 0 };
	size_t all = data.n, n;
	char *room;

	while (data.n > 0) {
		room = pg_ingest_room(d->in, &n, &e);
		if (e.code != PG_E_OK) {
			fetch_stop(d, &e);
			return -1;
		}
		if (n == 0)
			break;
		n = PG_MIN(n, data.n);
		memcpy(room, data.p, n);
		pg_ingest_filled(d->in, n);
		data = pg_str_skip(data, n);
	}
	return (ssize_t)(all - data.n);
}

/* There is room again, or there was an error. */
static void
fetch_flow(void *arg)
{
	struct fetch *d = arg;
	ssize_t n = fetch_pour(d, pg_buf_str(&d->rest));

	if (n < 0)
		return;
	pg_buf_drop(&d->rest, (size_t)n);
	if (d->rest.n > 0)
		return;
	if (d->ended)
		fetch_finish(d);
	else if (d->t.call != NULL)
		pg_call_resume(d->t.call);
}

static void
fetch_on_data(void *arg, struct pg_str data)
{
	struct fetch *d = arg;
	struct pg_haul *t = &d->t;
	struct pg_err e = { 0 };
	ssize_t n = 0;

	t->done += data.n;
	if (t->done > t->total) {
		pg_fail(&e, PG_E_TRANSFER, "%.*s: the artifact is longer than "
		    "the host says", PG_STR_ARG(t->f->url));
		d->resume = false;
		fetch_stop(d, &e);
		return;
	}
	if (d->rest.n == 0)
		n = fetch_pour(d, data);
	if (n < 0 || (size_t)n == data.n)
		return;
	pg_buf_puts(&d->rest, pg_str_skip(data, (size_t)n));
	if (d->rest.failed)
		pg_fail(&e, PG_E_NOMEM, "no memory for what came");
	if (d->rest.failed)
		fetch_stop(d, &e);
	else
		pg_call_pause(t->call);
}

/* ---- the answer ------------------------------------------------------- */

PG_FN int64_t
pg_fetch_range(struct pg_str field, uint64_t size)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str s = field;
	uint64_t from = 0;
	bool same;

	if (!pg_str_starts(s, PG_STR("bytes ")))
		return -1;
	for (s = pg_str_skip(s, 6); s.n > 0 && s.p[0] >= '0' &&
	    s.p[0] <= '9' && from < size; s = pg_str_skip(s, 1))
		from = from * 10 + (uint64_t)(s.p[0] - '0');
	if (from >= size)
		return -1;
	pg_buf_printf(&b, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from,
	    size - 1, size);
	same = pg_str_eq(pg_buf_str(&b), field);
	pg_buf_fini(&b);
	return same ? (int64_t)from : -1;
}

/* All of it comes, whatever we have: begin anew. */
static int
fetch_begin(struct fetch *d, struct pg_err *e)
{
	if (d->at > 0 && pg_partial_cut(&d->file, e) < 0)
		return -1;
	d->at = d->t.done = 0;
	d->stale = false;
	return 0;
}

/* Make ready for the bytes. */
static int
fetch_open(struct fetch *d, struct pg_err *e)
{
	struct pg_ingest_pool *pool = pg_haul_pool(&d->t, e);
	int fd;

	if (pool == NULL)
		return -1;
	fd = fcntl(d->file.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0 || lseek(fd, (off_t)d->at, SEEK_SET) < 0) {
		pg_fail_sys(e, "%s", d->file.part);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	d->in = pg_ingest_new(pool, fd, fetch_flow, d);
	return 0;
}

static int
fetch_take_head(struct fetch *d, const struct pg_response *r,
    struct pg_err *e)
{
	uint64_t size = d->ref.size;

	if (r->status == 206 && (int64_t)d->at != pg_fetch_range(
	    pg_http1_field(r->head, "content-range"), size))
		return pg_fail(e, PG_E_TRANSFER, "%.*s: gives another part of "
		    "the artifact than it was asked for",
		    PG_STR_ARG(d->t.f->url));
	if (r->status == 200 && fetch_begin(d, e) < 0)
		return -1;
	if (r->head->has_length && r->head->length != size - d->at)
		return pg_fail(e, PG_E_TRANSFER, "%.*s: the artifact has "
		    "another size than the host says",
		    PG_STR_ARG(d->t.f->url));
	return fetch_open(d, e);
}

static bool
fetch_on_head(void *arg, const struct pg_response *r)
{
	struct fetch *d = arg;
	struct pg_err e = { 0 };

	if (r->status != 200 && r->status != 206)
		return true;
	if (fetch_take_head(d, r, &e) == 0)
		return true;
	d->t.call = NULL;
	fetch_stop(d, &e);
	return false;
}

/* No bytes come. */
static void
fetch_on_refusal(struct fetch *d, const struct pg_response *r)
{
	struct pg_haul *t = &d->t;

	if (r->status == 416 && d->at > 0 &&
	    fetch_begin(d, &t->f->err) == 0) {
		pg_fail(&t->f->err, PG_E_TRANSFER, "%.*s: cannot go on from "
		    "where it was", PG_STR_ARG(t->f->url));
		pg_haul_again(t);
	} else if (r->status == 0 && fetch_is_lost(&r->err)) {
		pg_haul_again(t);
	} else {
		pg_depot_explain(&t->f->err);
		pg_haul_fail(t);
	}
}

static void
fetch_on_done(void *arg, const struct pg_response *r)
{
	struct fetch *d = arg;
	struct pg_haul *t = &d->t;

	t->call = NULL;
	if (d->in == NULL) {
		pg_session_answer(t->f, r);
		fetch_on_refusal(d, r);
		return;
	}
	d->ended = true;
	d->whole = t->done == t->total;
	d->cut = r->err;
	if (!d->whole && r->status != 0)
		pg_fail(&d->cut, PG_E_TRANSFER, "%.*s: the artifact is shorter "
		    "than the host says", PG_STR_ARG(t->f->url));
	if (d->rest.n == 0)
		fetch_finish(d);
}

/* ---- the requests ----------------------------------------------------- */

static void
fetch_bytes(struct fetch *d)
{
	struct pg_request r = { .method = "GET", .accept = "*/*",
		.max_reply = PG_SESSION_REPLY_MAX, .on_head = fetch_on_head,
		.on_data = fetch_on_data };
	struct pg_haul *t = &d->t;
	struct pg_arena *a = &t->f->arena;

	d->ended = d->whole = false;
	d->stale = d->at > 0;
	t->done = d->at;
	/* RFC 9110 13.1.5: if it is not the same any more, all of it. */
	if (d->at > 0)
		r.head = pg_arena_printf(a, "Range: bytes=%" PRIu64 "-\r\n"
		    "If-Range: \"%.*s\"\r\n", d->at, PG_STR_ARG(d->ref.sha));
	pg_haul_call(t, &r, pg_depot_path(a, d->id, ""), fetch_on_done);
}

/* It is known what is to come: where does it go? */
static void
fetch_aim(struct fetch *d)
{
	struct pg_haul *t = &d->t;
	struct pg_err *e = &t->f->err;
	struct pg_str name = d->ref.name.n > 0 ? d->ref.name : d->ref.id;
	int rc;

	if (d->fd >= 0)
		rc = pg_partial_open_fd(&d->file, d->fd, e);
	else
		rc = pg_partial_open(&d->file, d->path, name, d->ref.sha,
		    d->resume, e);
	if (rc == 0 && d->file.n > d->ref.size)
		rc = pg_partial_cut(&d->file, e);
	if (rc < 0) {
		pg_haul_fail(t);
		return;
	}
	d->at = d->file.n;
	t->done = d->at;
	t->total = d->ref.size;
	if (d->at == d->ref.size && d->at > 0) {
		d->stale = true;
		fetch_verify(d);
	} else {
		fetch_bytes(d);
	}
}

static void
fetch_on_ref(struct pg_haul *t, struct paglets_future *a)
{
	struct fetch *d = fetch_of(t);
	struct pg_arena *arena = &t->f->arena;

	t->f->failure = a->failure;
	t->f->err = a->err;
	if (a->err.code != PG_E_OK) {
		pg_depot_explain(&t->f->err);
		pg_haul_fail(t);
		return;
	}
	if (pg_value_copy(arena, pg_value_get(a->reply, "artifact"), &d->v) <
	    0 || pg_depot_read(d->v, arena, &d->ref, &t->f->err) < 0) {
		pg_wrap(&t->f->err, "%.*s", PG_STR_ARG(t->f->url));
		pg_haul_fail(t);
		return;
	}
	fetch_aim(d);
}

static void
fetch_start(struct pg_haul *t)
{
	struct fetch *d = fetch_of(t);

	if (d->at == d->ref.size && d->at > 0)
		fetch_verify(d);
	else
		fetch_bytes(d);
}

static void
fetch_halt(struct pg_haul *t)
{
	struct fetch *d = fetch_of(t);

	pg_ingest_free(d->in);
	d->in = NULL;
	/* A worker may have it just now. */
	if (!t->busy)
		pg_partial_close(&d->file, d->resume);
}

static void
fetch_fini(struct pg_haul *t)
{
	struct fetch *d = fetch_of(t);

	pg_partial_close(&d->file, d->resume);
	pg_buf_fini(&d->rest);
	free(d->path);
	if (d->fd >= 0)
		close(d->fd);
}

static const struct pg_haul_kind fetch_kind = { fetch_start, NULL,
	fetch_halt, fetch_fini };

/* ---- the public face -------------------------------------------------- */

static struct paglets_future *
fetch_new(struct paglets_client *c, const struct pg_depot_place *at,
    const struct paglets_download *what)
{
	const struct pg_haul_way way = { what->timeout, what->on_progress,
		what->arg };
	struct fetch *d = pg_alloc(sizeof(*d));
	struct pg_arena *arena;

	d->file = PG_PARTIAL_NONE;
	d->rest = PG_BUF_INIT(PG_FETCH_REST_MAX);
	d->resume = what->resume;
	d->move = what->move;
	d->fd = what->has_fd ? fcntl(what->fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (what->path != NULL)
		d->path = pg_strdup(pg_str(what->path));
	pg_haul_open(&d->t, &fetch_kind, c, at->url, &way);
	arena = &d->t.f->arena;
	d->t.f->read = true;
	d->id = pg_arena_str(arena, at->id);
	if (what->has_fd && d->fd < 0) {
		pg_fail_sys(&d->t.f->err, "descriptor %d", what->fd);
		pg_haul_fail(&d->t);
	} else if (what->ref == NULL) {
		pg_haul_ask(&d->t, "GET", pg_depot_path(arena, d->id,
		    "/metadata"), fetch_on_ref);
	} else if (pg_value_copy(arena, pg_value_inner(what->ref), &d->v) <
	    0 || pg_depot_read(d->v, arena, &d->ref, &d->t.f->err) < 0) {
		pg_haul_fail(&d->t);
	} else {
		fetch_aim(d);
	}
	return d->t.f;
}

PG_API struct paglets_future *
paglets_artifact_download_future(struct paglets_client *c, const char *host,
    const struct paglets_download *what)
{
	struct pg_depot_place at;
	int rc;

	if (what->ref != NULL)
		rc = pg_depot_told(c, pg_value_inner(what->ref), &at);
	else
		rc = pg_depot_find(c, host, what->artifact_id, &at);
	return rc == 0 ? fetch_new(c, &at, what) : NULL;
}

PG_API const struct paglets_value *
paglets_artifact_download(struct paglets_client *c, const char *host,
    const struct paglets_download *what)
{
	struct paglets_future *f = paglets_artifact_download_future(c, host,
	    what);

	if (f == NULL)
		return NULL;
	pg_session_keep(f);
	return paglets_future_get(f);
}
