/* bigstate: states in files of their own.
 *
 * A file is written under a temporary name, synced and renamed, so what has
 * the name is whole. A failed sync hurts that file alone: it never gets the
 * name.
 */
#include "bigstate.h"
#include "../base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* One being written. Owner: its folder, until it is done. */
struct pg_bigstate {
	struct pg_job job;
	struct pg_bigstate *prev, *next;
	struct pg_bigstates *folder;
	struct pg_bulk *bulk;
	size_t off, len;
	char *path;
	void (*done)(void *arg, const struct pg_err *err);
	void *arg;
	struct pg_err err;
};

/* Whether name can be that of a state; text from outside comes here. */
static int
bigstate_check_name(struct pg_str name, struct pg_err *e)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._-";
	bool ok = name.n > 0 && name.n <= PG_BIGSTATE_NAME_MAX &&
	    name.p[0] != '.';
	size_t i;

	for (i = 0; ok && i < name.n; i++)
		ok = memchr(fine, name.p[i], sizeof(fine) - 1) != NULL;
	return ok ? 0 : pg_fail(e, PG_E_HOST, "a state can not have the name "
	    "\"%.*s\"", PG_STR_ARG(name));
}

/* The path of the state; NULL with e when it can have none. */
static char *
bigstate_path(const struct pg_bigstates *st, struct pg_str name,
    struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);

	if (bigstate_check_name(name, e) < 0)
		return NULL;
	pg_buf_printf(&b, "%s/%.*s", st->dir, PG_STR_ARG(name));
	pg_buf_putc(&b, '\0');
	assert(!b.failed);
	return b.p;
}

/* ---- Writing ---- */

static void
bigstate_run(struct pg_job *j)
{
	struct pg_bigstate *w = PG_CONTAINER(j, struct pg_bigstate, job);

	pg_file_write_bulk(w->path, w->bulk, w->off, w->len, 0600, &w->err);
}

static void
bigstate_free(struct pg_bigstate *w)
{
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		w->folder->jobs = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	pg_bulk_unref(w->bulk);
	free(w->path);
	free(w);
}

static void
bigstate_on_written(struct pg_job *j)
{
	struct pg_bigstate *w = PG_CONTAINER(j, struct pg_bigstate, job);
	void (*done)(void *, const struct pg_err *) = w->done;
	struct pg_err err = w->err;
	void *arg = w->arg;

	bigstate_free(w);
	done(arg, err.code != PG_E_OK ? &err : NULL);
}

PG_FN int
pg_bigstate_write(struct pg_bigstates *st, struct pg_str name,
    struct pg_bulk *b, size_t off, size_t len,
    void (*done)(void *arg, const struct pg_err *err), void *arg,
    struct pg_err *e)
{
	char *path = bigstate_path(st, name, e);
	struct pg_bigstate *w;

	assert(off <= b->n && len <= b->n - off);
	if (path == NULL)
		return -1;
	w = pg_alloc(sizeof(*w));
	w->job.run = bigstate_run;
	w->job.done = bigstate_on_written;
	w->folder = st;
	w->bulk = pg_bulk_ref(b);
	w->off = off;
	w->len = len;
	w->path = path;
	w->done = done;
	w->arg = arg;
	w->next = st->jobs;
	if (w->next != NULL)
		w->next->prev = w;
	st->jobs = w;
	if (pg_work_submit(st->work, &w->job, e) == 0)
		return 0;
	bigstate_free(w);
	return -1;
}

/* ---- Reading and removing ---- */

/* Append all of fd to the spool. */
static int
bigstate_read_all(int fd, struct pg_spool *sp, struct pg_err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return pg_fail_sys(e, "size");
	if (!S_ISREG(st.st_mode))
		return pg_fail(e, PG_E_HOST, "not a regular file");
	return pg_spool_put_file(sp, fd, (size_t)st.st_size, e);
}

PG_FN struct pg_bulk *
pg_bigstate_read(const struct pg_bigstates *st, struct pg_str name,
    struct pg_err *e)
{
	char *path = bigstate_path(st, name, e);
	struct pg_spool sp = { .n = 0 };
	struct pg_bulk *b = NULL;
	int fd;

	if (path == NULL)
		return NULL;
	/* NONBLOCK: a FIFO is no file to wait for. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		pg_fail_sys(e, "%s", path);
		goto out;
	}
	if (bigstate_read_all(fd, &sp, e) == 0)
		b = pg_spool_finish(&sp, e);
	if (b == NULL)
		pg_wrap(e, "%s", path);
	pg_spool_fini(&sp);
	close(fd);
out:
	free(path);
	return b;
}

PG_FN void
pg_bigstate_remove(struct pg_bigstates *st, struct pg_str name)
{
	char *path = bigstate_path(st, name, NULL);

	if (path != NULL)
		unlink(path);
	free(path);
}

PG_FN int
pg_bigstate_prune(int folder, bool (*unwanted)(void *arg, struct pg_str name),
    void *arg, struct pg_err *e)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	if (dir == NULL) {
		pg_fail_sys(e, "reading a folder of the store");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL)
		if (unwanted(arg, pg_str(d->d_name)))
			unlinkat(folder, d->d_name, 0);
	closedir(dir);
	return 0;
}

/* ---- The folder ---- */

/* What pg_file_write leaves when it is interrupted. */
static bool
bigstate_is_temp(void *arg, struct pg_str name)
{
	(void)arg;
	return pg_str_starts(name, PG_STR(".tmp-"));
}

PG_FN int
pg_bigstates_open(struct pg_bigstates *st, char *dir, struct pg_work *w,
    struct pg_err *e)
{
	*st = (struct pg_bigstates){ .dir = dir, .work = w };
	st->fd = -1;
	if (pg_file_mkdirs(dir, e) < 0)
		return -1;
	st->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd < 0)
		return pg_fail_sys(e, "%s", dir);
	return pg_bigstate_prune(st->fd, bigstate_is_temp, NULL, e);
}

PG_FN void
pg_bigstates_fini(struct pg_bigstates *st)
{
	while (st->jobs != NULL)
		bigstate_free(st->jobs);
	if (st->fd >= 0)
		close(st->fd);
	free(st->dir);
	*st = (struct pg_bigstates){ .fd = -1 };
}
