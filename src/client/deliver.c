/* deliver: see deliver.h.
 *
 * Whoever sends a file once reads it twice: the kernel sends it, a worker
 * hashes it. The host answers with the hash of what it has got. When the two
 * differ, the file has changed under our hands or something has gone wrong on
 * the way; then the artifact is worth nothing, and removed.
 */
#include "deliver.h"

#include "../codec/sha256.h"
#include "../host/wire.h"
#include "depot.h"
#include "haul.h"
#include "place.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Owner: the client, as of all hauls. */
struct deliver {
	struct pg_haul t;
	int fd;
	char *path;       /* to be removed afterwards; NULL: none */
	struct stat stat; /* of the file, at first */
	struct pg_str query, sha; /* in the future; sha: that it must have */
	struct pg_value *answer; /* of the host; NULL: not yet */

	/* The worker's while it has a job. */
	struct pg_sha256 state;
	uint64_t hashed;
	struct pg_err err;
	bool known; /* hex is */
	char hex[2 * PG_SHA256_SIZE + 1];
};

static struct deliver *
deliver_of(struct pg_haul *t)
{
	return PG_CONTAINER(t, struct deliver, t);
}

/* ---- the hash --------------------------------------------------------- */

static int
deliver_hash_file(struct deliver *d, uint64_t upto)
{
	char *piece = pg_alloc(PG_DELIVER_PIECE);
	ssize_t n = 1;

	while (d->hashed < upto && n > 0) {
		n = pread(d->fd, piece, (size_t)PG_MIN(upto - d->hashed,
		    (uint64_t)PG_DELIVER_PIECE), (off_t)d->hashed);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n > 0) {
			pg_sha256_add(&d->state, piece, (size_t)n);
			d->hashed += (uint64_t)n;
		}
	}
	free(piece);
	if (n < 0)
		return pg_fail_sys(&d->err, "read");
	return n > 0 ? 0 : pg_fail(&d->err, PG_E_TRANSFER, "the file has "
	    "become shorter while it was sent");
}

/* On a worker: the next slice. */
static void
deliver_run(struct pg_job *j)
{
	struct deliver *d = PG_CONTAINER(j, struct deliver, t.job);
	uint64_t upto = PG_MIN(d->t.total, d->hashed + PG_DELIVER_SLICE);
	uint8_t sha[PG_SHA256_SIZE];
	struct pg_buf b = PG_BUF_INIT(0);

	if (deliver_hash_file(d, upto) < 0 || d->hashed < d->t.total)
		return;
	pg_sha256_end(&d->state, sha);
	pg_buf_hex(&b, (struct pg_str){ (const char *)sha, sizeof(sha) });
	memcpy(d->hex, b.p, sizeof(d->hex) - 1);
	pg_buf_fini(&b);
	d->known = true;
}

static void deliver_check(struct deliver *d);

static void
deliver_on_slice(struct pg_haul *t)
{
	struct deliver *d = deliver_of(t);

	if (d->known) {
		deliver_check(d);
		return;
	}
	t->f->err = d->err;
	if (d->err.code != PG_E_OK ||
	    pg_haul_job(t, deliver_run, deliver_on_slice) < 0)
		pg_haul_fail(t);
}

/* ---- the answer ------------------------------------------------------- */

/* Not a file that somebody has put in its place meanwhile. */
static int
deliver_remove_file(struct deliver *d)
{
	struct pg_err *e = &d->t.f->err;
	struct stat now;

	if (lstat(d->path, &now) < 0)
		return errno == ENOENT ? 0 : pg_fail_sys(e, "%s", d->path);
	if (now.st_ino != d->stat.st_ino || now.st_dev != d->stat.st_dev ||
	    now.st_size != d->stat.st_size ||
	    now.st_mtim.tv_sec != d->stat.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != d->stat.st_mtim.tv_nsec)
		return pg_fail(e, PG_E_TRANSFER, "%s was sent, but has "
		    "changed since: it is left where it is", d->path);
	if (unlink(d->path) < 0)
		return pg_fail_sys(e, "%s was sent, but is left", d->path);
	return 0;
}

static void
deliver_on_removed(struct pg_haul *t, struct paglets_future *a)
{
	pg_fail(&t->f->err, PG_E_TRANSFER, "%.*s: what it has got has not the "
	    "hash that was expected; %s", PG_STR_ARG(t->f->url),
	    a->err.code == PG_E_OK ? "it was removed again" : a->err.msg);
	pg_haul_fail(t);
}

/* Whether the host has what we have, and that is what was asked for. */
static bool
deliver_is_right(const struct deliver *d, const struct pg_depot_ref *ref)
{
	return ref->size == d->t.total && pg_str_eqz(ref->sha, d->hex) &&
	    (d->sha.n == 0 || pg_str_ieq(d->sha, ref->sha));
}

/* Once there is an answer and a hash. */
static void
deliver_check(struct deliver *d)
{
	const struct pg_value *v = pg_value_get(d->answer, "artifact");
	struct pg_haul *t = &d->t;
	struct pg_depot_ref ref;

	/* What a worker has is not to be looked at. */
	if (d->answer == NULL || t->busy || !d->known)
		return;
	if (pg_depot_read(v, &t->f->arena, &ref, &t->f->err) < 0) {
		pg_wrap(&t->f->err, "%.*s", PG_STR_ARG(t->f->url));
		pg_haul_fail(t);
	} else if (!deliver_is_right(d, &ref)) {
		pg_haul_ask(t, "DELETE", pg_depot_path(&t->f->arena, ref.id,
		    ""), deliver_on_removed);
	} else if (d->path != NULL && deliver_remove_file(d) < 0) {
		pg_haul_fail(t);
	} else {
		pg_haul_succeed(t, d->answer);
	}
}

/* Whether the host cannot have taken all of it, and is there at all. */
static bool
deliver_may_repeat(const struct deliver *d, const struct pg_response *r)
{
	if (r->status != 0 || (r->err.code != PG_E_UNREACHABLE &&
	    r->err.code != PG_E_TIMEOUT))
		return false;
	return r->maybe_sent ? d->t.done < d->t.total : d->t.tries > 0;
}

/* There was no answer, and may never be. */
static void
deliver_explain(struct deliver *d)
{
	struct paglets_future *f = d->t.f;

	if (f->failure.maybe_done)
		pg_fail(&f->err, f->err.code, "%s; it may be kept there all "
		    "the same: see `paglets artifacts list` before you send it "
		    "again", f->err.msg);
}

static void
deliver_on_done(void *arg, const struct pg_response *r)
{
	struct deliver *d = arg;
	struct pg_haul *t = &d->t;

	t->kind->look(t);
	t->call = NULL;
	if (pg_session_answer(t->f, r) == 0) {
		d->answer = t->f->reply;
		deliver_check(d);
	} else if (deliver_may_repeat(d, r)) {
		t->f->failure.maybe_done = false;
		pg_haul_again(t);
	} else {
		deliver_explain(d);
		pg_haul_fail(t);
	}
}

/* ---- the request ------------------------------------------------------ */

static void
deliver_start(struct pg_haul *t)
{
	struct deliver *d = deliver_of(t);
	struct pg_request r = { .method = "POST",
		.content_type = "application/octet-stream",
		.max_reply = PG_SESSION_REPLY_MAX };

	r.nbody = t->total > 0 ? 1 : 0;
	r.body[0] = (struct pg_segment){ .file = true, .fd = d->fd,
		.len = t->total };
	pg_haul_call(t, &r, d->query, deliver_on_done);
}

static void
deliver_look(struct pg_haul *t)
{
	if (t->call != NULL)
		t->done = pg_call_sent(t->call);
}

static void
deliver_halt(struct pg_haul *t)
{
	(void)t;
}

static void
deliver_fini(struct pg_haul *t)
{
	struct deliver *d = deliver_of(t);

	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
}

static const struct pg_haul_kind deliver_kind = { deliver_start,
	deliver_look, deliver_halt, deliver_fini };

static void
deliver_query(struct deliver *d, const struct paglets_upload *u)
{
	const struct { const char *name, *text; } all[] = {
		{ "owner_agent_id", u->owner_agent_id }, { "name", u->name },
		{ "compression", u->compression }, { "sha256", u->sha256 } };
	const char *slash = u->path != NULL ? strrchr(u->path, '/') : NULL;
	const char *base = slash != NULL ? slash + 1 : u->path;
	struct pg_arena *a = &d->t.f->arena;
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str text;
	size_t i;

	pg_buf_printf(&b, "/artifacts?size=%" PRIu64, d->t.total);
	for (i = 0; i < PG_COUNT(all); i++) {
		text = pg_arena_str(a, pg_str(i == 1 && u->name == NULL ?
		    base : all[i].text));
		if (text.n == 0)
			continue;
		/* The name of a file may be any bytes. */
		pg_fields_clean((char *)(uintptr_t)text.p, text.n);
		pg_buf_printf(&b, "&%s=", all[i].name);
		pg_buf_puts(&b, pg_percent_encode(a, text));
	}
	if (u->expires_at > 0)
		pg_buf_printf(&b, "&expires_at=%.6f", u->expires_at);
	d->query = pg_arena_str(a, pg_buf_str(&b));
	d->sha = pg_arena_str(a, pg_str(u->sha256));
	pg_buf_fini(&b);
}

/* ---- what is sent ----------------------------------------------------- */

/* Bytes become a file: then there is one way for all. */
static int
deliver_copy(struct pg_str bytes)
{
	int fd = memfd_create("paglets-upload", MFD_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && bytes.n > 0) {
		n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(fd);
			return -1;
		}
		bytes = pg_str_skip(bytes, (size_t)n);
	}
	return fd;
}

/* O_NONBLOCK: a pipe without a writer is not to hold us up. */
static int
deliver_open(struct deliver *d, const struct paglets_upload *u,
    struct pg_err *e)
{
	const char *name = u->path != NULL ? u->path : u->has_fd ?
	    "the open file" : "memory for an upload";

	if (u->path != NULL)
		d->fd = open(u->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	else if (u->has_fd)
		d->fd = fcntl(u->fd, F_DUPFD_CLOEXEC, 0);
	else
		d->fd = deliver_copy((struct pg_str){ u->bytes, u->n });
	if (d->fd < 0 || fstat(d->fd, &d->stat) < 0)
		return pg_fail_sys(e, "%s", name);
	if (!S_ISREG(d->stat.st_mode))
		return pg_fail(e, PG_E_USAGE, "%s is no regular file", name);
	d->t.total = (uint64_t)d->stat.st_size;
	return 0;
}

PG_FN struct paglets_future *
pg_deliver(struct paglets_client *c, struct pg_str url,
    const struct paglets_upload *u)
{
	const struct pg_haul_way way = { u->timeout, u->on_progress, u->arg };
	struct deliver *d = pg_alloc(sizeof(*d));
	struct paglets_future *f;

	if (deliver_open(d, u, &c->err) < 0) {
		deliver_fini(&d->t);
		free(d);
		return NULL;
	}
	if (u->path != NULL && u->move)
		d->path = pg_strdup(pg_str(u->path));
	pg_sha256_init(&d->state);
	f = pg_haul_open(&d->t, &deliver_kind, c, url, &way);
	deliver_query(d, u);
	if (pg_haul_job(&d->t, deliver_run, deliver_on_slice) < 0)
		pg_haul_fail(&d->t);
	else
		deliver_start(&d->t);
	return f;
}

/* ---- the public face -------------------------------------------------- */

PG_API struct paglets_future *
paglets_artifact_upload_future(struct paglets_client *c, const char *host,
    const struct paglets_upload *what)
{
	struct pg_str url;

	if (pg_place_find(c, pg_str(host), &url) < 0)
		return NULL;
	return pg_deliver(c, url, what);
}

PG_API const struct paglets_value *
paglets_artifact_upload(struct paglets_client *c, const char *host,
    const struct paglets_upload *what)
{
	struct paglets_future *f = paglets_artifact_upload_future(c, host,
	    what);

	if (f == NULL)
		return NULL;
	pg_session_keep(f);
	return paglets_future_get(f);
}
