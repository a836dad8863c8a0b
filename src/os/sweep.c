/* sweep: see sweep.h. A job looks for names that are on their way out and
 * takes one level off each; jobs follow each other until one finds none, or
 * none that can be removed.
 */
#include "sweep.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SWEEP_TRIES 1000

/* Owner: whoever called pg_sweep_new. The job's fields belong to the worker
 * while it runs. */
struct pg_sweep {
	struct pg_work *work;
	int dir;
	char *path;
	uint64_t next; /* number of the next name; taken by any thread */
	struct pg_job job;
	bool busy, again; /* a job is under way; and another is wanted */

	unsigned left;      /* entries that this job may still remove */
	bool removed, more; /* it has, and there is more */
	int failed;         /* errno of what could not be removed, or 0 */
	char failed_name[NAME_MAX + 1];
};

PG_FN bool
pg_sweep_is_out(const char *name)
{
	return strncmp(name, PG_SWEEP_PREFIX, strlen(PG_SWEEP_PREFIX)) == 0;
}

PG_FN int
pg_sweep_dir(const struct pg_sweep *s)
{
	return s->dir;
}

PG_FN_TEST bool
pg_sweep_busy(const struct pg_sweep *s)
{
	return s->busy;
}

/* Rename to a name of ours that is free, or that of something swept as well.
 * -1 with errno. */
static int
sweep_rename(struct pg_sweep *s, int dir, const char *name)
{
	char to[sizeof(PG_SWEEP_PREFIX) + 16];
	int i;

	for (i = 0; i < SWEEP_TRIES; i++) {
		snprintf(to, sizeof(to), PG_SWEEP_PREFIX "%" PRIx64,
		    __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED));
		if (renameat(dir, name, s->dir, to) == 0)
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY &&
		    errno != ENOTDIR && errno != EISDIR)
			return -1;
	}
	return -1;
}

PG_FN int
pg_sweep_aside(struct pg_sweep *s, int dir, const char *name,
    struct pg_err *e)
{
	if (sweep_rename(s, dir, name) == 0)
		return 0;
	if (errno == ENOENT)
		return 1;
	return pg_fail_sys(e, "%s/%s", s->path, name);
}

/* ---- On a worker ---- */

static void
sweep_failed(struct pg_sweep *s, const char *name)
{
	if (s->failed != 0)
		return;
	s->failed = errno;
	snprintf(s->failed_name, sizeof(s->failed_name), "%s", name);
}

static void
sweep_did(struct pg_sweep *s)
{
	s->removed = true;
	s->left--;
}

/* Open a folder in dir to empty it, if need be after allowing ourselves to. */
static DIR *
sweep_open(int dir, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK;
	int fd = openat(dir, name, flags);
	DIR *d;

	if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700,
	    AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(dir, name, flags);
	if (fd < 0)
		return NULL;
	/* Its owner may have made it read-only. */
	(void)!fchmod(fd, 0700);
	d = fdopendir(fd);
	if (d == NULL)
		close(fd);
	return d;
}

/* Take an entry out of a folder that is being emptied. */
static int
sweep_entry(struct pg_sweep *s, int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -1;
	if (sweep_rename(s, dir, name) == 0)
		return 0;
	/* To be moved elsewhere a folder must be writable itself. */
	if (errno != EACCES || fchmodat(dir, name, 0700,
	    AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return sweep_rename(s, dir, name);
}

static bool
sweep_is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Empty a folder, as far as the job may still go. */
static void
sweep_empty(struct pg_sweep *s, DIR *d)
{
	struct dirent *entry;

	while (s->left > 0 && (entry = readdir(d)) != NULL) {
		if (sweep_is_dots(entry->d_name))
			continue;
		if (sweep_entry(s, dirfd(d), entry->d_name) == 0)
			sweep_did(s);
		else if (errno != ENOENT)
			sweep_failed(s, entry->d_name);
	}
}

/* One of those on their way out. */
static void
sweep_top(struct pg_sweep *s, const char *name)
{
	DIR *d;

	if (unlinkat(s->dir, name, 0) == 0 ||
	    unlinkat(s->dir, name, AT_REMOVEDIR) == 0) {
		sweep_did(s);
		return;
	}
	d = sweep_open(s->dir, name);
	if (d == NULL) {
		sweep_failed(s, name);
		return;
	}
	sweep_empty(s, d);
	closedir(d);
	if (s->left > 0 && unlinkat(s->dir, name, AT_REMOVEDIR) == 0)
		sweep_did(s);
}

static void
sweep_run(struct pg_job *j)
{
	struct pg_sweep *s = PG_CONTAINER(j, struct pg_sweep, job);
	struct dirent *entry;
	DIR *d = sweep_open(s->dir, ".");

	s->left = PG_SWEEP_SLICE;
	s->removed = s->more = false;
	s->failed = 0;
	if (d == NULL) {
		sweep_failed(s, ".");
		return;
	}
	while (s->left > 0 && (entry = readdir(d)) != NULL)
		if (pg_sweep_is_out(entry->d_name)) {
			s->more = true;
			sweep_top(s, entry->d_name);
		}
	closedir(d);
}

/* ---- On the loop thread ---- */

static void
sweep_done(struct pg_job *j)
{
	struct pg_sweep *s = PG_CONTAINER(j, struct pg_sweep, job);
	bool again = s->again || (s->more && s->removed);

	s->busy = s->again = false;
	if (again) {
		pg_sweep_start(s);
	} else if (s->failed != 0) {
		errno = s->failed;
		pg_log(PG_LOG_WARN, "sweep: %s: %s stays: %s", s->path,
		    s->failed_name, strerror(errno));
	}
}

PG_FN void
pg_sweep_start(struct pg_sweep *s)
{
	struct pg_err err = { 0 };

	if (s->busy) {
		s->again = true;
		return;
	}
	s->job = (struct pg_job){ .run = sweep_run, .done = sweep_done };
	s->busy = pg_work_submit(s->work, &s->job, &err) == 0;
	/* The next one, or the next start, sees to it. */
	if (!s->busy)
		pg_log(PG_LOG_WARN, "sweep: %s: %s", s->path, err.msg);
}

PG_FN struct pg_sweep *
pg_sweep_new(const char *path, struct pg_work *w, struct pg_err *e)
{
	struct pg_sweep *s;
	int dir;

	if (pg_file_mkdirs(path, e) < 0)
		return NULL;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		pg_fail_sys(e, "%s", path);
		return NULL;
	}
	s = pg_alloc(sizeof(*s));
	s->work = w;
	s->dir = dir;
	s->path = pg_strdup(pg_str(path));
	/* Not those of the last start again. */
	s->next = (uint64_t)pg_now_wall();
	return s;
}

PG_FN void
pg_sweep_free(struct pg_sweep *s)
{
	if (s == NULL)
		return;
	close(s->dir);
	free(s->path);
	free(s);
}

#undef SWEEP_TRIES
