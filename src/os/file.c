/* file: what is on disk, and bulk bytes.
 *
 * Bulk is immutable, and a memfd crosses to processes that we do not trust:
 * so ours are sealed before anybody sees them, and a foreign one is looked at
 * (seals, then size) before a byte of it is mapped. After that nobody can
 * change or cut what we are reading.
 */
#include "file.h"
#include "../base/clock.h"
#include "../base/mem.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_TEMP_TRIES 100
/* Bulk is read-only for good: nobody may write, cut, extend, or unseal. */
#define FILE_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)
/* Smaller pieces are gathered before they are written to the memfd. */
#define FILE_GATHER_MAX 4096

/* --- whole files ------------------------------------------------------- */

/* One read that appends at most want bytes to b. 1, 0 at the end, -1. */
static int
file_read_some(int fd, const char *path, size_t want, struct pg_buf *b,
    struct pg_err *e)
{
	char probe, *to = &probe;
	ssize_t got;

	if (b->max != 0)
		want = PG_MIN(want, b->max - b->n);
	/* At the limit one more byte is one too many. */
	if (want > 0)
		to = pg_buf_room(b, want);
	if (to == NULL)
		return pg_fail(e, PG_E_NOMEM, "%s: no memory", path);
	do
		got = read(fd, to, PG_MAX(want, (size_t)1));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return pg_fail_sys(e, "%s", path);
	if (got > 0 && want == 0)
		return pg_fail(e, PG_E_LIMIT, "%s: over %zu bytes", path,
		    b->max);
	b->n += (size_t)got;
	return got > 0;
}

PG_FN int
pg_file_read(const char *path, struct pg_buf *b, struct pg_err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	size_t start = b->n, want = 4096;
	struct stat st;

	if (fd < 0)
		return pg_fail_sys(e, "%s", path);
	/* Only a hint: files grow, and some say nothing of their size. */
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		want = PG_MIN((size_t)st.st_size + 1, (size_t)1 << 20);
	while ((rc = file_read_some(fd, path, want, b, e)) > 0)
		continue;
	close(fd);
	if (rc < 0)
		b->n = start;
	return rc;
}

PG_FN int
pg_file_write_all(int fd, struct pg_str bytes)
{
	ssize_t n;

	while (bytes.n > 0) {
		n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes = pg_str_skip(bytes, (size_t)n);
	}
	return 0;
}

/* The same with a part of a bulk: from one file to the other, if it is one. */
static int
file_write_part(int fd, const struct pg_bulk *b, size_t off, size_t n)
{
	off_t at = (off_t)off;
	ssize_t done;

	if (b->fd < 0)
		return pg_file_write_all(fd, (struct pg_str){ b->p + off, n });
	while (n > 0) {
		done = sendfile(fd, b->fd, &at, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		assert(done > 0); /* sealed: it is as long as it was */
		n -= (size_t)done;
	}
	return 0;
}

/* Make a file in dir that nobody else has; its name goes to name. */
static int
file_temp(int dir, char *name, size_t size, unsigned mode)
{
	int i, fd = -1;

	for (i = 0; fd < 0 && i < FILE_TEMP_TRIES; i++) {
		snprintf(name, size, ".tmp-%ld-%" PRIx64 "-%d",
		    (long)getpid(), (uint64_t)pg_now(), i);
		fd = openat(dir, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    (mode_t)mode);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

/* The durable replacement inside the open folder dir. -1 with errno; then the
 * temporary is gone again. */
static int
file_replace(int dir, const char *base, const struct pg_bulk *b, size_t off,
    size_t n, unsigned mode)
{
	char temp[64];
	int fd = file_temp(dir, temp, sizeof(temp), mode), saved;

	if (fd < 0)
		return -1;
	if (file_write_part(fd, b, off, n) < 0 || fsync(fd) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		goto fail;
	}
	/* Some file systems report what they could not write only here. */
	if (close(fd) < 0 || renameat(dir, temp, dir, base) < 0)
		goto fail;
	return fsync(dir);
fail:
	saved = errno;
	unlinkat(dir, temp, 0);
	errno = saved;
	return -1;
}

PG_FN int
pg_file_write_bulk(const char *path, const struct pg_bulk *b, size_t off,
    size_t n, unsigned mode, struct pg_err *e)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	/* With its slash, so that the folder of "/x" is "/". */
	char *folder = slash == NULL ? pg_strdup(PG_STR("."))
	    : pg_strdup((struct pg_str){ path, (size_t)(base - path) });
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;

	if (dir < 0) {
		pg_fail_sys(e, "%s", folder);
		goto out;
	}
	rc = file_replace(dir, base, b, off, n, mode);
	if (rc < 0)
		pg_fail_sys(e, "%s", path);
	close(dir);
out:
	free(folder);
	return rc;
}

PG_FN int
pg_file_write(const char *path, struct pg_str bytes, unsigned mode,
    struct pg_err *e)
{
	const struct pg_bulk b = { .fd = -1, .p = bytes.p, .n = bytes.n };

	return pg_file_write_bulk(path, &b, 0, bytes.n, mode, e);
}

PG_FN int
pg_file_mkdirs(const char *path, struct pg_err *e)
{
	char *copy = pg_strdup(pg_str(path)), *p = copy, end;
	struct stat st;
	int rc = 0;

	/* One name further each time; "" stands for "/" and is there. */
	do {
		p += strcspn(p, "/");
		end = *p;
		*p = '\0';
		if (copy[0] != '\0' && mkdir(copy, 0700) < 0 &&
		    errno != EEXIST) {
			rc = pg_fail_sys(e, "%s", copy);
			break;
		}
		*p++ = end;
	} while (end != '\0');
	free(copy);
	if (rc < 0)
		return -1;
	if (stat(path, &st) < 0)
		return pg_fail_sys(e, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return pg_fail(e, PG_E_HOST, "%s: is no folder", path);
	return 0;
}

/* --- bulk -------------------------------------------------------------- */

static struct pg_bulk *
bulk_new(void)
{
	struct pg_bulk *b = pg_alloc(sizeof(*b));

	b->refs = 1;
	b->fd = -1;
	return b;
}

/* Takes the heap bytes. */
static struct pg_bulk *
bulk_heap(char *heap, size_t n)
{
	struct pg_bulk *b = bulk_new();

	b->heap = heap;
	b->p = heap;
	b->n = n;
	return b;
}

/* Takes fd, a sealed memfd of n bytes, also on failure. */
static struct pg_bulk *
bulk_map(int fd, size_t n, struct pg_err *e)
{
	struct pg_bulk *b;
	void *p = NULL;

	/* Private, though nothing is ever written: before Linux 6.7 a shared
	 * mapping of a descriptor open for writing counts as a writer, which
	 * the seal forbids. The pages are those of the memfd either way. */
	if (n > 0)
		p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		pg_fail_sys(e, "mapping %zu bytes", n);
		close(fd);
		return NULL;
	}
	b = bulk_new();
	b->fd = fd;
	b->p = p;
	b->n = b->map_n = n;
	return b;
}

PG_FN struct pg_bulk *
pg_bulk_copy(struct pg_str bytes, struct pg_err *e)
{
	struct pg_spool s = { .max = 0 };
	struct pg_bulk *b = NULL;

	if (pg_spool_put(&s, bytes, e) == 0)
		b = pg_spool_finish(&s, e);
	pg_spool_fini(&s);
	return b;
}

/* Whether fd is a memfd that cannot change any more; its size. */
static int
bulk_inspect(int fd, size_t max, size_t *n, struct pg_err *e)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0)
		return pg_fail(e, PG_E_HOST, "bulk: descriptor is no memfd");
	if ((seals & FILE_SEALS) != FILE_SEALS)
		return pg_fail(e, PG_E_HOST,
		    "bulk: memfd is not sealed (seals %#x)", (unsigned)seals);
	if (fstat(fd, &st) < 0)
		return pg_fail_sys(e, "bulk: size of memfd");
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return pg_fail(e, PG_E_LIMIT,
		    "bulk: %jd bytes, over the limit of %zu",
		    (intmax_t)st.st_size, max);
	*n = (size_t)st.st_size;
	return 0;
}

PG_FN struct pg_bulk *
pg_bulk_open(int fd, size_t max, struct pg_err *e)
{
	size_t n = 0;

	if (bulk_inspect(fd, max, &n, e) < 0) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	return bulk_map(fd, n, e);
}

PG_FN struct pg_bulk *
pg_bulk_ref(struct pg_bulk *b)
{
	b->refs++;
	return b;
}

PG_FN void
pg_bulk_unref(struct pg_bulk *b)
{
	if (b == NULL)
		return;
	assert(b->refs > 0);
	if (--b->refs > 0)
		return;
	if (b->map_n > 0)
		munmap((void *)(uintptr_t)b->p, b->map_n);
	if (b->fd >= 0)
		close(b->fd);
	free(b->heap);
	free(b);
}

/* --- spool ------------------------------------------------------------- */

static int
spool_write(struct pg_spool *s, struct pg_str bytes, struct pg_err *e)
{
	if (pg_file_write_all(s->fd_plus1 - 1, bytes) < 0)
		return pg_fail_sys(e, "keeping %zu bytes in memory", s->n);
	return 0;
}

/* Move what is gathered into the memfd. */
static int
spool_flush(struct pg_spool *s, struct pg_err *e)
{
	int rc = spool_write(s, pg_buf_str(&s->buf), e);

	pg_buf_reset(&s->buf);
	return rc;
}

/* Have a memfd from now on. */
static int
spool_to_memfd(struct pg_spool *s, struct pg_err *e)
{
	int fd;

	if (s->fd_plus1 != 0)
		return 0;
	fd = memfd_create("paglets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return pg_fail_sys(e, "memfd");
	s->fd_plus1 = fd + 1;
	return 0;
}

/* Whether n more bytes should rather wait in the buffer. */
static bool
spool_gathers(const struct pg_spool *s, size_t n)
{
	if (s->fd_plus1 != 0 && n >= FILE_GATHER_MAX)
		return false;
	return s->buf.n + n <= PG_BULK_HEAP_MAX;
}

/* Count n bytes more, if they may come. */
static int
spool_admit(struct pg_spool *s, size_t n, struct pg_err *e)
{
	if (s->buf.failed)
		return pg_fail(e, PG_E_NOMEM, "an earlier piece was lost");
	if (n > SSIZE_MAX - s->n || (s->max != 0 && s->n + n > s->max))
		return pg_fail(e, PG_E_LIMIT, "over %zu bytes", s->max);
	s->n += n;
	return 0;
}

PG_FN int
pg_spool_put(struct pg_spool *s, struct pg_str bytes, struct pg_err *e)
{
	if (spool_admit(s, bytes.n, e) < 0)
		return -1;
	if (spool_gathers(s, bytes.n)) {
		pg_buf_puts(&s->buf, bytes);
		if (s->buf.failed)
			return pg_fail(e, PG_E_NOMEM, "no memory");
		return 0;
	}
	if (spool_to_memfd(s, e) < 0 || spool_flush(s, e) < 0 ||
	    spool_write(s, bytes, e) < 0) {
		s->buf.failed = true;
		return -1;
	}
	return 0;
}

/* Have the kernel bring n bytes from fd behind what is in the memfd. */
static int
spool_move(struct pg_spool *s, int fd, bool pipe, size_t n, struct pg_err *e)
{
	int to = s->fd_plus1 - 1;
	ssize_t done;

	while (n > 0) {
		if (pipe)
			done = splice(fd, NULL, to, NULL, n,
			    SPLICE_F_NONBLOCK);
		else
			done = sendfile(to, fd, NULL, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return pg_fail_sys(e, "keeping %zu bytes in memory",
			    s->n);
		if (done == 0)
			return pg_fail(e, PG_E_HOST, "ends %zu bytes early",
			    n);
		n -= (size_t)done;
	}
	return 0;
}

static int
spool_put_from(struct pg_spool *s, int fd, bool pipe, size_t n,
    struct pg_err *e)
{
	if (spool_admit(s, n, e) < 0)
		return -1;
	if (spool_to_memfd(s, e) < 0 || spool_flush(s, e) < 0 ||
	    spool_move(s, fd, pipe, n, e) < 0) {
		s->buf.failed = true;
		return -1;
	}
	return 0;
}

PG_FN int
pg_spool_put_pipe(struct pg_spool *s, int pipe, size_t n, struct pg_err *e)
{
	return spool_put_from(s, pipe, true, n, e);
}

PG_FN int
pg_spool_put_file(struct pg_spool *s, int file, size_t n, struct pg_err *e)
{
	return spool_put_from(s, file, false, n, e);
}

PG_FN int
pg_spool_spill(void *arg, struct pg_str bytes, struct pg_err *e)
{
	return pg_spool_put(arg, bytes, e);
}

/* Seal and map the memfd, which the spool gives up in any case. */
static struct pg_bulk *
spool_seal(struct pg_spool *s, struct pg_err *e)
{
	int fd = s->fd_plus1 - 1;

	s->fd_plus1 = 0;
	if (fcntl(fd, F_ADD_SEALS, FILE_SEALS | F_SEAL_SEAL) < 0) {
		pg_fail_sys(e, "sealing memfd");
		close(fd);
		return NULL;
	}
	return bulk_map(fd, s->n, e);
}

PG_FN struct pg_bulk *
pg_spool_finish(struct pg_spool *s, struct pg_err *e)
{
	struct pg_bulk *b = NULL;

	if (s->buf.failed) {
		/* n counts what was lost: mapping that much would fault. */
		pg_fail(e, PG_E_NOMEM, "an earlier piece was lost");
	} else if (s->fd_plus1 == 0) {
		b = bulk_heap(s->buf.p, s->buf.n);
		s->buf = PG_BUF_INIT(s->buf.max);
	} else if (spool_flush(s, e) == 0) {
		b = spool_seal(s, e);
	}
	pg_spool_fini(s);
	return b;
}

PG_FN void
pg_spool_fini(struct pg_spool *s)
{
	pg_buf_fini(&s->buf);
	if (s->fd_plus1 != 0)
		close(s->fd_plus1 - 1);
	s->fd_plus1 = 0;
	s->n = 0;
}

#undef FILE_TEMP_TRIES
#undef FILE_SEALS
#undef FILE_GATHER_MAX
