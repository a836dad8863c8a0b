/* store: the log of records and what is in memory of it; the folder.
 *
 * A commit becomes a line at the end of the batch that is being filled, and
 * is in the index at once. The batch goes to a worker at the end of the loop's
 * turn; until it is written the next one gathers, so that one fdatasync serves
 * everybody who waited. Batches are written in order and each lies in one
 * file.
 *
 * When a batch fails, it and what was filled behind it is undone in the index
 * and cut off the file, and everybody in it is told. If only room was
 * missing, that is all. But what a failed sync has left on disk nobody can
 * know: then the store takes no more changes.
 *
 * How the log is compacted stands in compact.h; here it is begun when it
 * pays, at a moment when no batch is being filled, and the next batch creates
 * file N+2.
 */
#include "store.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "../os/rand.h"
#include "bigstate.h"
#include "compact.h"
#include "replay.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_RETRY (10 * PG_MS) /* when all workers' queues are full */
#define STORE_HOLDER_MAX 256     /* bytes of the lock file that are read */
#define STORE_TEXT_KEEP ((size_t)64 << 10) /* idle buffers keep no more */

/* Lines that are written together. Owner: the store, on the loop; `fd`, `err`
 * and `broken` are the worker's while it is being written, when nobody
 * changes the rest. */
struct store_batch {
	struct pg_job job;
	struct pg_store *store;
	struct pg_buf lines;
	struct pg_commit *first, **last;
	struct pg_undo undo;
	unsigned file;
	uint64_t start; /* where in the file */
	bool create;    /* the file is new; the stamp stands in lines */
	bool ran, broken;
	int fd;
	struct pg_err err;
};

/* Has the batch written at the end of a turn. Owner: the store; once it is
 * closed, the loop, as long as the task is queued. */
struct store_wake {
	struct pg_task task;
	struct pg_store *store; /* NULL: closed */
};

/* Owner: who opened it. Loop thread. */
struct pg_store {
	char *dir;
	int lock, log; /* -1: not open; log is the folder */
	bool looking;          /* opened read-only */
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_err failed; /* why it has become read-only */
	size_t corrupt;

	struct pg_index index;
	struct pg_buf text; /* scratch of a commit */
	unsigned file;      /* the log's last file, open at fd; */
	uint64_t size;      /* its bytes, with those still to be written; */
	int fd;
	uint64_t total;     /* the same of all files that count */

	struct store_batch batches[2];
	struct store_batch *filling, *writing; /* writing: NULL, or the other */
	struct store_wake *wake;
	struct pg_timer retry;
	uint64_t syncs;

	struct pg_compact *compact; /* NULL: none under way */
	unsigned before_file;       /* where the log ended before it */
	uint64_t before_size;
	uint64_t compact_after;     /* bytes; more, once it has failed */
	uint64_t compactions;

	struct pg_bigstates states;
};

/* ---- Batches: on the worker ---- */

/* Take back what may have been written of the batch. If that fails too it may
 * turn up at the next replay: then nothing may follow it. */
static void
store_batch_cut(struct store_batch *b, const char *name)
{
	int rc;

	if (b->create) {
		close(b->fd);
		rc = unlinkat(b->store->log, name, 0);
	} else {
		rc = ftruncate(b->fd, (off_t)b->start);
	}
	if (rc < 0)
		b->broken = true;
}

static void
store_batch_run(struct pg_job *j)
{
	struct store_batch *b = PG_CONTAINER(j, struct store_batch, job);
	char name[PG_JOURNAL_NAME];

	b->ran = true;
	pg_journal_name(b->file, name);
	if (b->create)
		b->fd = openat(b->store->log, name, O_WRONLY | O_CREAT |
		    O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (b->fd < 0) {
		pg_fail_sys(&b->err, "log/%s", name);
		return;
	}
	if (pg_journal_pwrite(b->fd, pg_buf_str(&b->lines), b->start) < 0) {
		pg_fail_sys(&b->err, "log/%s: write", name);
		store_batch_cut(b, name);
	} else if (fdatasync(b->fd) < 0 ||
	    (b->create && fsync(b->store->log) < 0)) {
		pg_fail_sys(&b->err, "log/%s: sync", name);
		b->broken = true;
		store_batch_cut(b, name);
	}
}

/* ---- Batches: on the loop ---- */

/* Empty it; returns who waited for it. */
static struct pg_commit *
store_batch_reset(struct store_batch *b)
{
	struct pg_commit *waiting = b->first;

	pg_undo_fini(&b->undo);
	if (b->lines.cap > STORE_TEXT_KEEP)
		pg_buf_fini(&b->lines);
	pg_buf_reset(&b->lines);
	b->first = NULL;
	b->last = &b->first;
	b->create = b->ran = b->broken = false;
	b->fd = -1;
	b->err = (struct pg_err){ .code = PG_E_OK };
	return waiting;
}

/* Each may free its commit, and commit again. */
static void
store_tell(struct pg_commit *c, const struct pg_err *err)
{
	struct pg_commit *next;

	for (; c != NULL; c = next) {
		next = c->next;
		c->done(c, err);
	}
}

/* The batch did not get to disk: it has never been, nor what was filled
 * behind it. */
static void
store_fail_batch(struct pg_store *s, struct store_batch *b)
{
	struct store_batch *behind = s->filling;
	struct pg_commit *first, *second;
	struct pg_err err = b->err;

	pg_index_undo(&s->index, &behind->undo);
	pg_index_undo(&s->index, &b->undo);
	s->total -= b->lines.n + behind->lines.n;
	s->file = b->create ? s->before_file : b->file;
	s->size = b->create ? s->before_size : b->start;
	if (b->create || behind->create) {
		pg_compact_free(s->compact);
		s->compact = NULL;
		s->compact_after = s->total + s->total / 4;
	}
	if (b->broken)
		s->failed = err;
	pg_log(PG_LOG_ERROR, "store: %s: %s%s", s->dir, err.msg, b->broken ?
	    "; no more changes are taken until it is opened again" : "");
	first = store_batch_reset(b);
	second = store_batch_reset(behind);
	store_tell(first, &err);
	store_tell(second, &err);
}

static void store_next(struct pg_store *s);

static void
store_on_retry(struct pg_timer *t)
{
	store_next(PG_CONTAINER(t, struct pg_store, retry));
}

/* Have what is filled written, unless a batch is under way. */
static void
store_submit(struct pg_store *s)
{
	struct store_batch *b = s->filling;

	if (s->writing != NULL || b->lines.n == 0)
		return;
	if (!b->create)
		b->fd = s->fd;
	if (pg_work_submit(s->work, &b->job, NULL) < 0) {
		pg_timer_set(s->loop, &s->retry, STORE_RETRY, store_on_retry);
		return;
	}
	s->writing = b;
	s->filling = b == s->batches ? s->batches + 1 : s->batches;
}

/* The batch has created the file that follows: it is the one now. */
static void
store_switch_file(struct pg_store *s, struct store_batch *b)
{
	if (!b->create)
		return;
	close(s->fd);
	s->fd = b->fd;
}

static void store_compact_write(struct pg_store *s);

static void
store_on_written(struct pg_job *j)
{
	struct store_batch *b = PG_CONTAINER(j, struct store_batch, job);
	struct pg_store *s = b->store;
	struct pg_commit *waiting;
	bool created = b->create;

	s->writing = NULL;
	s->syncs++;
	if (b->err.code != PG_E_OK) {
		store_fail_batch(s, b);
		return;
	}
	store_switch_file(s, b);
	waiting = store_batch_reset(b);
	if (created)
		store_compact_write(s);
	/* The disk first: it is what everybody waits for. */
	store_next(s);
	store_tell(waiting, NULL);
}

/* ---- Compaction ---- */

static void
store_compact_end(struct pg_store *s)
{
	pg_compact_free(s->compact);
	s->compact = NULL;
}

static void
store_compact_fail(struct pg_store *s, const struct pg_err *err)
{
	pg_log(PG_LOG_WARN, "store: %s: the log was not compacted: %s",
	    s->dir, err->msg);
	s->compact_after = s->total + s->total / 4;
	store_compact_end(s);
}

static void
store_on_removed(struct pg_job *j)
{
	struct pg_compact *c = PG_CONTAINER(j, struct pg_compact, job);

	store_compact_end(c->owner);
}

static void
store_on_base(struct pg_job *j)
{
	struct pg_compact *c = PG_CONTAINER(j, struct pg_compact, job);
	struct pg_store *s = c->owner;
	uint64_t before = s->total;

	if (c->err.code != PG_E_OK) {
		store_compact_fail(s, &c->err);
		return;
	}
	pg_compact_settle(c);
	s->total = c->size + s->size;
	/* Sizes of entries are estimates: never twice for the same bytes. */
	s->compact_after = PG_MAX(PG_STORE_COMPACT_MIN,
	    s->total + s->total / 2);
	s->compactions++;
	pg_log(PG_LOG_INFO, "store: %s: log compacted from %" PRIu64 " to %"
	    PRIu64 " bytes", s->dir, before, s->total);
	c->job.run = pg_compact_remove;
	c->job.done = store_on_removed;
	/* What is not removed now is at the next open. */
	if (pg_work_submit(s->work, &c->job, NULL) < 0)
		store_compact_end(s);
}

/* The log goes on in its new file: write down what was before. */
static void
store_compact_write(struct pg_store *s)
{
	struct pg_compact *c = s->compact;
	struct pg_err e = { .code = PG_E_OK };

	c->owner = s;
	c->job.run = pg_compact_write;
	c->job.done = store_on_base;
	if (pg_work_submit(s->work, &c->job, &e) < 0)
		store_compact_fail(s, &e);
}

/* Whether it pays, and this is a moment to begin: between two batches. */
static bool
store_compact_pays(const struct pg_store *s)
{
	return s->compact == NULL && s->failed.code == PG_E_OK &&
	    s->filling->lines.n == 0 && s->total > s->compact_after &&
	    s->index.live < s->total / 2;
}

/* Let the log go on in a new file. */
static void
store_compact_begin(struct pg_store *s)
{
	struct store_batch *b = s->filling;

	s->compact = pg_compact_new(&s->index, s->log, s->file + 1);
	s->before_file = s->file;
	s->before_size = s->size;
	s->file += 2;
	b->create = true;
	b->file = s->file;
	b->start = 0;
	pg_journal_stamp(&b->lines, s->file, false);
	s->size = b->lines.n;
	s->total += b->lines.n;
}

/* Keep the disk busy with what there is to do. */
static void
store_next(struct pg_store *s)
{
	store_submit(s);
	if (store_compact_pays(s)) {
		store_compact_begin(s);
		store_submit(s);
	}
}

static void
store_on_wake(struct pg_task *t)
{
	struct store_wake *w = PG_CONTAINER(t, struct store_wake, task);

	if (w->store != NULL)
		store_next(w->store);
	else
		free(w);
}

/* ---- Commits ---- */

PG_FN bool
pg_store_readonly(const struct pg_store *s, struct pg_err *why)
{
	if (s->looking)
		pg_fail(why, PG_E_CONFLICT, "state folder %s was opened for "
		    "looking only", s->dir);
	else if (s->failed.code != PG_E_OK)
		pg_fail(why, PG_E_SYS, "state folder %s takes no more changes "
		    "since this failed: %s", s->dir, s->failed.msg);
	return s->looking || s->failed.code != PG_E_OK;
}

/* Append the record to the batch that is being filled. */
static int
store_append(struct pg_store *s, struct pg_str json, struct pg_commit *c,
    struct pg_err *e)
{
	struct store_batch *b = s->filling;
	size_t before = b->lines.n, most = json.n + PG_JOURNAL_HEAD_MAX;
	struct pg_spot spot;

	if (before + most > PG_STORE_PENDING_MAX)
		return pg_fail(e, PG_E_BUSY, "the disk is too slow: %zu bytes "
		    "wait to be written", before);
	if (pg_buf_room(&b->lines, most) == NULL) {
		b->lines.failed = false;
		return pg_fail(e, PG_E_NOMEM, "no memory for a record");
	}
	if (before == 0) {
		b->file = s->file;
		b->start = s->size;
	}
	pg_journal_line(&b->lines, json);
	spot = (struct pg_spot){ .file = b->file, .at = b->start + before,
		.line_n = (uint32_t)(b->lines.n - before) };
	spot.value_at = spot.line_n - 1 - (uint32_t)json.n;
	pg_index_apply(&s->index, json, spot, &b->undo);
	s->size += spot.line_n;
	s->total += spot.line_n;
	if (c != NULL) {
		c->next = NULL;
		*b->last = c;
		b->last = &c->next;
	}
	return 0;
}

PG_FN int
pg_store_commit(struct pg_store *s, struct pg_change *ch,
    struct pg_commit *c, struct pg_err *e)
{
	int rc = -1;

	pg_buf_reset(&s->text);
	if (!pg_store_readonly(s, e) && pg_change_text(ch, &s->text, e) == 0)
		rc = store_append(s, pg_buf_str(&s->text), c, e);
	if (s->text.cap > STORE_TEXT_KEEP)
		pg_buf_fini(&s->text);
	pg_change_fini(ch);
	if (rc == 0)
		pg_loop_defer(s->loop, &s->wake->task, store_on_wake);
	return rc;
}

/* ---- Reading ---- */

/* The line at spot, when it is still in memory. */
static const char *
store_pending(const struct pg_store *s, const struct pg_spot *spot)
{
	const struct store_batch *b;
	size_t i;

	for (i = 0; i < PG_COUNT(s->batches); i++) {
		b = &s->batches[i];
		if (spot->file == b->file && spot->at >= b->start &&
		    spot->at - b->start < b->lines.n)
			return b->lines.p + (spot->at - b->start);
	}
	return NULL;
}

static int
store_load(const struct pg_store *s, const struct pg_entry *n,
    struct pg_buf *b, struct pg_str *value, struct pg_err *e)
{
	return pg_entry_load(n, s->log, store_pending(s, &n->spot), b, value,
	    e);
}

PG_FN int
pg_store_each(struct pg_store *s, int (*each)(void *arg, struct pg_str key,
    struct pg_str json, struct pg_err *e), void *arg, struct pg_err *e)
{
	struct pg_buf line = PG_BUF_INIT(0);
	struct pg_entry *n;
	struct pg_str value;
	int rc = 0;

	for (n = pg_index_next(&s->index, NULL); rc == 0 && n != NULL;
	    n = pg_index_next(&s->index, n)) {
		pg_buf_reset(&line);
		rc = store_load(s, n, &line, &value, e);
		if (rc == 0)
			rc = each(arg, pg_entry_key(n), value, e);
	}
	pg_buf_fini(&line);
	return rc;
}

PG_FN int
pg_store_get(struct pg_store *s, struct pg_str key, struct pg_buf *out,
    struct pg_err *e)
{
	struct pg_entry *n = pg_index_get(&s->index, key);
	struct pg_buf line = PG_BUF_INIT(0);
	struct pg_str value;
	int rc;

	if (n == NULL)
		return 1;
	rc = store_load(s, n, &line, &value, e);
	if (rc == 0)
		pg_buf_puts(out, value);
	pg_buf_fini(&line);
	if (rc == 0 && out->failed)
		return pg_fail(e, PG_E_LIMIT, "the record has %u bytes",
		    (unsigned)n->value_n);
	return rc;
}

PG_FN size_t
pg_store_corrupt(const struct pg_store *s)
{
	return s->corrupt;
}

PG_FN_TEST struct pg_store_stats
pg_store_stats(const struct pg_store *s)
{
	return (struct pg_store_stats){ .records = s->index.map.n,
		.total = s->total, .live = s->index.live, .file = s->file,
		.syncs = s->syncs, .compactions = s->compactions,
		.compacting = s->compact != NULL };
}

/* ---- Large states ---- */

static void
store_on_state(void *arg, const struct pg_err *err)
{
	struct pg_commit *c = arg;

	if (c != NULL)
		c->done(c, err);
}

PG_FN int
pg_store_write_state(struct pg_store *s, struct pg_str name,
    struct pg_bulk *b, size_t off, size_t len, struct pg_commit *c,
    struct pg_err *e)
{
	if (pg_store_readonly(s, e))
		return -1;
	return pg_bigstate_write(&s->states, name, b, off, len,
	    store_on_state, c, e);
}

PG_FN struct pg_bulk *
pg_store_read_state(struct pg_store *s, struct pg_str name, struct pg_err *e)
{
	return pg_bigstate_read(&s->states, name, e);
}

PG_FN void
pg_store_remove_state(struct pg_store *s, struct pg_str name)
{
	if (!s->looking)
		pg_bigstate_remove(&s->states, name);
}

struct store_sweep {
	bool (*keep)(void *arg, struct pg_str name);
	void *arg;
};

static bool
store_sweeps(void *arg, struct pg_str name)
{
	struct store_sweep *sw = arg;

	/* Those that begin with a dot are being written. */
	return name.p[0] != '.' && !sw->keep(sw->arg, name);
}

PG_FN void
pg_store_sweep(struct pg_store *s,
    bool (*keep)(void *arg, struct pg_str name), void *arg)
{
	struct store_sweep sw = { keep, arg };

	if (!s->looking)
		pg_bigstate_prune(s->states.fd, store_sweeps, &sw, NULL);
}

/* ---- The folder ---- */

/* A path in the store's folder. */
static char *
store_path(const struct pg_store *s, const char *name)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_buf_printf(&b, "%s/%s", s->dir, name);
	pg_buf_putc(&b, '\0');
	assert(!b.failed);
	return b.p;
}

/* What the lock file says of its holder: `PID NAME`. */
static int
store_fail_locked(const struct pg_store *s, struct pg_err *e)
{
	char text[STORE_HOLDER_MAX];
	ssize_t n = pread(s->lock, text, sizeof(text), 0);
	struct pg_str t = pg_str_trim((struct pg_str){ text,
	    n > 0 ? (size_t)n : 0 });
	const char *space = t.n > 0 ? memchr(t.p, ' ', t.n) : NULL;
	size_t pid = space != NULL ? (size_t)(space - t.p) : t.n;

	/* Empty in the moment before it is written. */
	if (t.n == 0)
		return pg_fail(e, PG_E_CONFLICT, "state folder %s is in use",
		    s->dir);
	return pg_fail(e, PG_E_CONFLICT, "state folder %s is in use by pid "
	    "%.*s (%.*s)", s->dir, (int)pid, t.p,
	    PG_STR_ARG(pg_str_skip(t, pid + 1)));
}

PG_FN void
pg_store_name_holder(struct pg_store *s, struct pg_str name)
{
	char text[STORE_HOLDER_MAX];
	int n = snprintf(text, sizeof(text), "%ld %.*s\n", (long)getpid(),
	    PG_STR_ARG(name));

	if (s->looking)
		return;
	/* For people; nothing depends on it. */
	if (ftruncate(s->lock, 0) < 0 || pwrite(s->lock, text,
	    PG_MIN((size_t)n, sizeof(text) - 1), 0) < 0)
		pg_log(PG_LOG_WARN, "store: %s/lock can not be written",
		    s->dir);
}

/* The lock ends with the process, or with the descriptor. */
static int
store_take_lock(struct pg_store *s, struct pg_err *e)
{
	char *path = store_path(s, "lock");

	s->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		pg_fail_sys(e, "%s", path);
	free(path);
	if (s->lock < 0)
		return -1;
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? store_fail_locked(s, e) :
		    pg_fail_sys(e, "lock of state folder %s", s->dir);
	pg_store_name_holder(s, pg_str(program_invocation_short_name));
	return 0;
}

static int
store_open_folder(const struct pg_store *s, const char *name, int *fd,
    struct pg_err *e)
{
	char *path = store_path(s, name);

	if (!s->looking && mkdir(path, 0700) < 0 && errno != EEXIST)
		pg_fail_sys(e, "%s", path);
	else if ((*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		pg_fail_sys(e, "%s", path);
	free(path);
	return *fd < 0 ? -1 : 0;
}

static bool
store_is_log_temp(void *arg, struct pg_str name)
{
	(void)arg;
	return name.n > sizeof(PG_COMPACT_TEMP) - 1 &&
	    pg_str_eqz(pg_str_skip(name, name.n - sizeof(PG_COMPACT_TEMP) + 1),
	    PG_COMPACT_TEMP);
}

/* The last file, ready to be appended to: what replay found is on disk, what
 * it left out is not in the way. */
static int
store_ready_file(struct pg_store *s, struct pg_err *e)
{
	struct pg_buf stamp = PG_BUF_INIT(0);
	char name[PG_JOURNAL_NAME];
	int rc = 0;

	if (s->file == 0)
		s->file = 1;
	pg_journal_name(s->file, name);
	s->fd = openat(s->log, name, O_WRONLY | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (s->size == 0)
		pg_journal_stamp(&stamp, s->file, false);
	if (s->fd < 0 || ftruncate(s->fd, (off_t)s->size) < 0 ||
	    pg_journal_pwrite(s->fd, pg_buf_str(&stamp), s->size) < 0 ||
	    fsync(s->fd) < 0 || fsync(s->log) < 0)
		rc = pg_fail_sys(e, "%s/log/%s", s->dir, name);
	s->size += stamp.n;
	s->total += stamp.n;
	pg_buf_fini(&stamp);
	return rc;
}

/* The names of the folders are to be as durable as what is in them. */
static int
store_sync_folders(const struct pg_store *s, struct pg_err *e)
{
	int fd = -1, up, rc;

	if (store_open_folder(s, ".", &fd, e) < 0)
		return -1;
	rc = fsync(fd);
	if (rc < 0)
		pg_fail_sys(e, "%s", s->dir);
	/* That above may not be ours to open. */
	up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up >= 0) {
		(void)fsync(up);
		close(up);
	}
	close(fd);
	return rc;
}

static struct pg_store *
store_new(const char *dir)
{
	struct pg_store *s = pg_alloc(sizeof(*s));
	uint64_t seed[2];
	size_t i;

	s->dir = realpath(dir, NULL);
	s->lock = s->log = s->fd = s->states.fd = -1;
	pg_rand(seed, sizeof(seed));
	pg_index_init(&s->index, seed);
	for (i = 0; i < PG_COUNT(s->batches); i++) {
		s->batches[i].job.run = store_batch_run;
		s->batches[i].job.done = store_on_written;
		s->batches[i].store = s;
		store_batch_reset(&s->batches[i]);
	}
	s->filling = s->batches;
	s->wake = pg_alloc(sizeof(*s->wake));
	s->wake->store = s;
	s->compact_after = PG_STORE_COMPACT_MIN;
	return s;
}

static void
store_free(struct pg_store *s)
{
	size_t i;

	pg_bigstates_fini(&s->states);
	for (i = 0; i < PG_COUNT(s->batches); i++) {
		store_batch_reset(&s->batches[i]);
		pg_buf_fini(&s->batches[i].lines);
	}
	s->wake->store = NULL;
	if (!s->wake->task.queued)
		free(s->wake);
	pg_compact_free(s->compact);
	pg_index_fini(&s->index);
	pg_buf_fini(&s->text);
	if (s->fd >= 0)
		close(s->fd);
	if (s->log >= 0)
		close(s->log);
	/* Last: it says that we are done. */
	if (s->lock >= 0)
		close(s->lock);
	free(s->dir);
	free(s);
}

/* Read the log. Sets *base to the first file that counts. */
static int
store_replay(struct pg_store *s, unsigned *base, struct pg_err *e)
{
	struct pg_replay r = { .dir = s->dir, .log = s->log,
		.looking = s->looking, .index = &s->index };
	int rc = pg_replay(&r, e);

	s->file = r.file;
	s->size = r.size;
	s->total = r.total;
	s->corrupt = r.corrupt;
	*base = r.base;
	return rc;
}

/* Lock, read, and bring the folder into order. */
static int
store_open(struct pg_store *s, struct pg_err *e)
{
	unsigned base = 0;
	int corrupt = -1;

	if (store_take_lock(s, e) < 0 ||
	    store_open_folder(s, "log", &s->log, e) < 0 ||
	    store_open_folder(s, "corrupt", &corrupt, e) < 0)
		return -1;
	close(corrupt);
	if (pg_bigstates_open(&s->states, store_path(s, "states"), s->work,
	    e) < 0 ||
	    pg_bigstate_prune(s->log, store_is_log_temp, NULL, e) < 0 ||
	    store_replay(s, &base, e) < 0 || store_ready_file(s, e) < 0 ||
	    store_sync_folders(s, e) < 0)
		return -1;
	pg_compact_remove_below(s->log, base);
	return 0;
}

PG_FN struct pg_store *
pg_store_open(const char *dir, struct pg_loop *l, struct pg_work *w,
    struct pg_err *e)
{
	struct pg_store *s;

	if (pg_file_mkdirs(dir, e) < 0)
		return NULL;
	s = store_new(dir);
	s->loop = l;
	s->work = w;
	if (s->dir != NULL && store_open(s, e) == 0)
		return s;
	if (s->dir == NULL)
		pg_fail_sys(e, "%s", dir);
	store_free(s);
	return NULL;
}

PG_FN struct pg_store *
pg_store_open_readonly(const char *dir, struct pg_err *e)
{
	struct pg_store *s = store_new(dir);
	unsigned base;

	s->looking = true;
	if (s->dir != NULL && store_open_folder(s, "log", &s->log, e) == 0 &&
	    store_replay(s, &base, e) == 0) {
		s->states.dir = store_path(s, "states");
		return s;
	}
	if (s->dir == NULL)
		pg_fail_sys(e, "%s", dir);
	store_free(s);
	return NULL;
}

/* Write here what no worker has got to. */
static void
store_flush(struct pg_store *s)
{
	struct store_batch *order[2] = { s->writing, s->filling }, *b;
	size_t i;

	for (i = 0; i < 2; i++) {
		b = order[i];
		if (b == NULL || b->lines.n == 0)
			continue;
		if (!b->create)
			b->fd = s->fd;
		if (!b->ran)
			store_batch_run(&b->job);
		if (b->err.code != PG_E_OK) {
			pg_log(PG_LOG_ERROR, "store: %s: %s", s->dir,
			    b->err.msg);
			return;
		}
		store_switch_file(s, b);
	}
}

PG_FN void
pg_store_close(struct pg_store *s)
{
	if (s == NULL)
		return;
	pg_timer_stop(&s->retry);
	store_flush(s);
	store_free(s);
}

#undef STORE_RETRY
#undef STORE_HOLDER_MAX
#undef STORE_TEXT_KEEP
