/* storage: see storage.h. What is being written lies in DIR/storage itself,
 * where no class looks, until it is whole; what is being removed goes there.
 * A class is counted once, by a walk; after that we keep count.
 */
#include "storage.h"
#include "../base/buf.h"
#include "../codec/sha256.h"
#include "../codec/value.h"
#include "../os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORAGE_TEMP ".tmp-"
#define STORAGE_TEMP_TRIES 100
#define STORAGE_CUT 150 /* bytes kept of a long name */

/* Owner: whoever called pg_storage_open. */
struct pg_storage {
	char *path;
	struct pg_sweep *sweep;
	int64_t quota;
	uint64_t next; /* number of the next temporary; taken by any thread */
};

/* ---- Classes ---- */

static bool
storage_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

PG_FN void
pg_storage_class_init(struct pg_storage_class *c, struct pg_str name)
{
	uint8_t hash[PG_SHA256_SIZE];
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i;

	for (i = 0; i < name.n && b.n <= PG_STORAGE_FOLDER_MAX; i++)
		if (storage_plain(name.p[i]) && (i > 0 || name.p[i] != '.'))
			pg_buf_putc(&b, name.p[i]);
		else if (name.p[i] == ':')
			pg_buf_putc(&b, '+');
		else
			pg_buf_printf(&b, "%%%02X", (unsigned char)name.p[i]);
	if (b.n > STORAGE_CUT) {
		b.n = STORAGE_CUT;
		pg_sha256(name, hash);
		pg_buf_putc(&b, '~');
		pg_buf_hex(&b, (struct pg_str){ (char *)hash, sizeof(hash) });
	}
	*c = (struct pg_storage_class){ .counted = false };
	assert(!b.failed && b.n <= PG_STORAGE_FOLDER_MAX);
	if (b.n > 0)
		memcpy(c->folder, b.p, b.n);
	pg_buf_fini(&b);
}

PG_FN struct pg_str
pg_storage_root(const struct pg_storage *s, const struct pg_storage_class *c,
    struct pg_arena *a)
{
	return pg_arena_printf(a, "%s/%s", s->path, c->folder);
}

/* The folder of a class. -1 with errno: ENOENT if it has none yet and is not
 * to have one. */
static int
storage_open_class(struct pg_storage *s, const struct pg_storage_class *c,
    bool make)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int dir = pg_sweep_dir(s->sweep), fd = openat(dir, c->folder, flags);

	if (fd < 0 && errno == ENOENT && make &&
	    (mkdirat(dir, c->folder, 0700) == 0 || errno == EEXIST) &&
	    fsync(dir) == 0)
		fd = openat(dir, c->folder, flags);
	return fd;
}

/* ---- Paths ---- */

static int
storage_check(struct pg_str path, char out[PG_BENEATH_PATH_MAX + 1],
    struct pg_err *e)
{
	const char *wrong = pg_beneath_check(path, out);

	if (wrong == NULL)
		return 0;
	return pg_fail(e, PG_E_HOST, "managed storage path %s: '%.*s'", wrong,
	    (int)PG_MIN(path.n, (size_t)100), path.p);
}

/* What a system call said about a path that has been checked. */
static int
storage_fail(const char *path, struct pg_err *e)
{
	if (errno == ELOOP || errno == EXDEV)
		return pg_fail(e, PG_E_HOST, "managed storage path escapes "
		    "root: '%.100s'", path);
	if (errno == ENOENT)
		return pg_fail(e, PG_E_NOT_FOUND, "managed storage has no "
		    "file '%.100s'", path);
	if (errno == ENOTDIR || errno == EISDIR)
		return pg_fail(e, PG_E_HOST, "managed storage: '%.100s' is "
		    "%s", path, errno == EISDIR ? "a folder" :
		    "within something that is no folder");
	return pg_fail_sys(e, "managed storage: %.100s", path);
}

/* ---- Walks ---- */

/* One walk through the folder of a class. */
struct storage_walk {
	int64_t used;
	size_t files;
	void (*each)(struct storage_walk *w, int64_t size); /* or NULL */
	struct pg_str prefix;
	struct pg_arena *arena;
	struct pg_storage_file *list;
	size_t nlist, cap;
	bool failed; /* no memory for the list */
	unsigned depth;
	size_t n; /* bytes of path */
	char path[PG_BENEATH_PATH_MAX + 1];
};

static void storage_walk_folder(struct storage_walk *w, int fd);

/* Put a name behind the path; 0: there is no room, and nobody can have put it
 * there by way of us. */
static size_t
storage_walk_name(struct storage_walk *w, const char *name)
{
	size_t n = strlen(name), slash = w->n > 0;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    w->n + slash + n > PG_BENEATH_PATH_MAX)
		return 0;
	if (slash)
		w->path[w->n] = '/';
	memcpy(w->path + w->n + slash, name, n + 1);
	return slash + n;
}

static void
storage_walk_entry(struct storage_walk *w, int dir, const char *name)
{
	size_t more = storage_walk_name(w, name);
	struct stat st;

	if (more == 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	w->n += more;
	if (S_ISREG(st.st_mode)) {
		w->used += st.st_size;
		w->files++;
		if (w->each != NULL)
			w->each(w, st.st_size);
	} else if (S_ISDIR(st.st_mode) && w->depth < PG_BENEATH_DEPTH_MAX) {
		storage_walk_folder(w, openat(dir, name, O_RDONLY |
		    O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	}
	w->n -= more;
}

/* Takes fd, which may be -1. One file more than there may be is enough. */
static void
storage_walk_folder(struct storage_walk *w, int fd)
{
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	w->depth++;
	while (w->files <= PG_STORAGE_FILES_MAX && !w->failed &&
	    (entry = readdir(d)) != NULL)
		storage_walk_entry(w, dirfd(d), entry->d_name);
	w->depth--;
	closedir(d);
}

static int
storage_walk(struct pg_storage *s, const struct pg_storage_class *c,
    struct storage_walk *w, struct pg_err *e)
{
	int fd = storage_open_class(s, c, false);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return pg_fail_sys(e, "%s/%s", s->path, c->folder);
	storage_walk_folder(w, fd);
	return 0;
}

PG_FN int
pg_storage_count(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_err *e)
{
	struct storage_walk w = { .used = 0 };

	if (c->counted)
		return 0;
	if (storage_walk(s, c, &w, e) < 0)
		return -1;
	c->used = w.used;
	c->files = w.files;
	c->counted = true;
	return 0;
}

/* ---- List ---- */

static void
storage_list_each(struct storage_walk *w, int64_t size)
{
	struct pg_str path = { w->path, w->n };
	struct pg_storage_file *more;
	size_t cap;

	if (!pg_str_starts(path, w->prefix) ||
	    pg_utf8_valid(path, false) != path.n)
		return;
	if (w->nlist == w->cap) {
		cap = w->cap > 0 ? 2 * w->cap : 64;
		more = pg_arena_alloc(w->arena, cap * sizeof(*more));
		if (more != NULL && w->nlist > 0)
			memcpy(more, w->list, w->nlist * sizeof(*more));
		w->list = more;
		w->cap = cap;
	}
	path = pg_arena_str(w->arena, path);
	w->failed = w->list == NULL || path.p == NULL;
	if (!w->failed)
		w->list[w->nlist++] = (struct pg_storage_file){ path, size };
}

static int
storage_list_order(const void *va, const void *vb)
{
	const struct pg_storage_file *a = va, *b = vb;

	return strcmp(a->path.p, b->path.p);
}

PG_FN int
pg_storage_list(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str prefix, struct pg_arena *a, struct pg_storage_file **files,
    size_t *n, struct pg_err *e)
{
	struct storage_walk w = { .each = storage_list_each,
		.prefix = prefix, .arena = a };

	if (storage_walk(s, c, &w, e) < 0)
		return -1;
	if (w.failed)
		return pg_fail(e, PG_E_LIMIT, "managed storage: too many "
		    "files to list");
	if (w.nlist > 0)
		qsort(w.list, w.nlist, sizeof(*w.list), storage_list_order);
	*files = w.list;
	*n = w.nlist;
	return 0;
}

/* ---- Read ---- */

PG_FN int
pg_storage_read(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str path, int64_t *size, struct pg_err *e)
{
	char name[PG_BENEATH_PATH_MAX + 1];
	struct stat st = { 0 };
	int root, fd, rc = 0;

	if (storage_check(path, name, e) < 0)
		return -1;
	root = storage_open_class(s, c, false);
	if (root < 0)
		return storage_fail(name, e);
	/* Whatever else it may be, it is not waited for. */
	fd = pg_beneath_open(root, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = storage_fail(name, e);
	else if (!S_ISREG(st.st_mode))
		rc = pg_fail(e, PG_E_HOST, "managed storage: '%.100s' is no "
		    "file", name);
	else if (st.st_size > PG_STORAGE_FILE_MAX)
		rc = pg_fail(e, PG_E_LIMIT, "managed storage: '%.100s' has "
		    "over %" PRId64 " bytes", name, PG_STORAGE_FILE_MAX);
	else
		*size = st.st_size;
	close(root);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? -1 : fd;
}

/* ---- Write ---- */

/* The bytes as a file that is no class's yet. -1 with errno: there is none. */
static int
storage_temp(struct pg_storage *s, struct pg_str bytes, char *temp, size_t n)
{
	int dir = pg_sweep_dir(s->sweep), fd = -1, i, rc, saved;

	for (i = 0; i < STORAGE_TEMP_TRIES && fd < 0; i++) {
		snprintf(temp, n, STORAGE_TEMP "%" PRIx64,
		    __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED));
		fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL |
		    O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		return -1;
	rc = pg_file_write_all(fd, bytes) < 0 ? -1 : fsync(fd);
	saved = errno;
	if (close(fd) < 0 && rc == 0) {
		saved = errno;
		rc = -1;
	}
	if (rc < 0)
		unlinkat(dir, temp, 0);
	errno = saved;
	return rc;
}

/* What stands at base now: its bytes, or -1 if it is no file. */
static int64_t
storage_size(int parent, const char *base)
{
	struct stat st;

	if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return -1;
	return st.st_size;
}

/* Whether a file of n bytes may stand where one of `old` bytes (-1: none)
 * stood. */
static int
storage_admit(const struct pg_storage *s, const struct pg_storage_class *c,
    int64_t old, size_t n, struct pg_err *e)
{
	int64_t projected;

	if (n > (size_t)PG_STORAGE_FILE_MAX)
		return pg_fail(e, PG_E_LIMIT, "managed storage: a file may "
		    "have %" PRId64 " bytes", PG_STORAGE_FILE_MAX);
	projected = c->used - PG_MAX(old, 0) + (int64_t)n;
	if (projected > s->quota)
		return pg_fail(e, PG_E_QUOTA, "managed storage quota "
		    "exceeded: %" PRId64 " bytes would exceed %" PRId64
		    " bytes", projected, s->quota);
	if (old < 0 && c->files >= PG_STORAGE_FILES_MAX)
		return pg_fail(e, PG_E_QUOTA, "managed storage quota "
		    "exceeded: %d files are all that a class may have",
		    PG_STORAGE_FILES_MAX);
	return 0;
}

/* The file is whole: put it in its place. */
static int
storage_place(struct pg_storage *s, int root, const char *name,
    const char *temp)
{
	const char *base;
	int dir = pg_sweep_dir(s->sweep), rc, saved;
	int parent = pg_beneath_parent(root, name, true, &base);

	rc = parent < 0 ? -1 : renameat(dir, temp, parent, base);
	if (rc == 0)
		rc = fsync(parent);
	saved = errno;
	if (parent >= 0)
		close(parent);
	if (rc < 0) {
		unlinkat(dir, temp, 0);
		pg_beneath_prune(root, name);
	}
	errno = saved;
	return rc;
}

/* Bytes of what has that name now; -1: no file has it. */
static int64_t
storage_old(int root, const char *name)
{
	const char *base;
	int parent = pg_beneath_parent(root, name, false, &base);
	int64_t size;

	if (parent < 0)
		return -1;
	size = storage_size(parent, base);
	close(parent);
	return size;
}

PG_FN int
pg_storage_write(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str path, struct pg_str bytes, struct pg_err *e)
{
	char name[PG_BENEATH_PATH_MAX + 1], temp[sizeof(STORAGE_TEMP) + 16];
	int64_t old;
	int root, rc = -1;

	if (storage_check(path, name, e) < 0)
		return -1;
	root = storage_open_class(s, c, true);
	if (root < 0)
		return pg_fail_sys(e, "%s/%s", s->path, c->folder);
	old = storage_old(root, name);
	if (pg_storage_count(s, c, e) < 0 ||
	    storage_admit(s, c, old, bytes.n, e) < 0)
		goto out;
	if (storage_temp(s, bytes, temp, sizeof(temp)) < 0 ||
	    storage_place(s, root, name, temp) < 0) {
		storage_fail(name, e);
		/* It may or may not stand there. */
		c->counted = false;
		goto out;
	}
	c->used += (int64_t)bytes.n - PG_MAX(old, 0);
	c->files += old < 0;
	rc = 0;
out:
	close(root);
	return rc;
}

/* ---- Delete ---- */

/* A file at once; a folder goes out of sight. Fine if there is nothing. */
static int
storage_remove(struct pg_storage *s, struct pg_storage_class *c, int parent,
    const char *base, struct pg_err *e)
{
	int64_t old = storage_size(parent, base);

	if (unlinkat(parent, base, 0) == 0) {
		c->used -= PG_MAX(old, 0);
		c->files -= old >= 0 && c->files > 0;
	} else if (errno == EISDIR || errno == EPERM) {
		c->counted = false;
		if (pg_sweep_aside(s->sweep, parent, base, e) < 0)
			return -1;
	} else if (errno != ENOENT) {
		return storage_fail(base, e);
	}
	/* Full is no more than one too many, wherever it began. */
	c->counted = c->counted && c->files < PG_STORAGE_FILES_MAX;
	return fsync(parent) < 0 ? storage_fail(base, e) : 0;
}

static int
storage_delete_all(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_err *e)
{
	int dir = pg_sweep_dir(s->sweep);

	c->counted = false;
	if (pg_sweep_aside(s->sweep, dir, c->folder, e) < 0)
		return -1;
	return fsync(dir) < 0 ? pg_fail_sys(e, "%s", s->path) : 0;
}

PG_FN int
pg_storage_delete(struct pg_storage *s, struct pg_storage_class *c,
    struct pg_str path, struct pg_err *e)
{
	char name[PG_BENEATH_PATH_MAX + 1];
	const char *base;
	int root, parent, rc = 0;

	if (path.p == NULL)
		return storage_delete_all(s, c, e);
	if (storage_check(path, name, e) < 0)
		return -1;
	root = storage_open_class(s, c, false);
	if (root < 0)
		return errno == ENOENT ? 0 : storage_fail(name, e);
	parent = pg_beneath_parent(root, name, false, &base);
	if (parent >= 0) {
		rc = storage_remove(s, c, parent, base, e);
		close(parent);
		pg_beneath_prune(root, name);
	} else if (errno != ENOENT) {
		rc = storage_fail(name, e);
	}
	close(root);
	return rc;
}

/* ---- Start and end ---- */

/* What was being written when the host ended. */
static void
storage_clean(struct pg_storage *s)
{
	DIR *d = opendir(s->path);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, STORAGE_TEMP,
		    strlen(STORAGE_TEMP)) == 0)
			unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
}

PG_FN struct pg_storage *
pg_storage_open(const char *dir, int64_t quota, struct pg_work *w,
    struct pg_err *e)
{
	struct pg_storage *s;
	struct pg_buf path = PG_BUF_INIT(0);
	char *real = realpath(dir, NULL);

	if (real == NULL) {
		pg_fail_sys(e, "%s", dir);
		return NULL;
	}
	pg_buf_printf(&path, "%s/storage", real);
	free(real);
	s = pg_alloc(sizeof(*s));
	s->path = pg_strdup(pg_buf_str(&path));
	pg_buf_fini(&path);
	s->quota = quota;
	s->sweep = pg_sweep_new(s->path, w, e);
	if (s->sweep == NULL) {
		pg_storage_close(s);
		return NULL;
	}
	storage_clean(s);
	pg_sweep_start(s->sweep);
	return s;
}

PG_FN void
pg_storage_close(struct pg_storage *s)
{
	if (s == NULL)
		return;
	pg_sweep_free(s->sweep);
	free(s->path);
	free(s);
}

PG_FN int64_t
pg_storage_quota(const struct pg_storage *s)
{
	return s->quota;
}

PG_FN void
pg_storage_sweep(struct pg_storage *s)
{
	pg_sweep_start(s->sweep);
}

#undef STORAGE_TEMP
#undef STORAGE_TEMP_TRIES
#undef STORAGE_CUT
