/* regular: see regular.h. */

#include "regular.h"

#include "../base/clock.h"
#include "../base/mem.h"
#include "../codec/sha256.h"
#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t
regular_time(struct timespec t)
{
	return (int64_t)t.tv_sec * PG_SEC + t.tv_nsec;
}

PG_FN int
pg_regular_stat(int fd, struct pg_regular *out, struct pg_err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return pg_fail_sys(e, "stat");
	if (!S_ISREG(st.st_mode))
		return pg_fail(e, PG_E_HOST, "not a regular file");
	*out = (struct pg_regular){ .dev = (uint64_t)st.st_dev,
		.ino = (uint64_t)st.st_ino, .size = (int64_t)st.st_size,
		.mtime = regular_time(st.st_mtim),
		.ctime = regular_time(st.st_ctim) };
	return 0;
}

PG_FN int
pg_regular_open(const char *path, struct pg_regular *out, struct pg_err *e)
{
	/* NONBLOCK: a FIFO that nobody writes to is no file to wait for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY);

	if (fd < 0 && errno == ELOOP)
		return pg_fail(e, PG_E_HOST, "not a regular file");
	if (fd < 0)
		return pg_fail_sys(e, "open");
	if (pg_regular_stat(fd, out, e) == 0)
		return fd;
	close(fd);
	return -1;
}

PG_FN bool
pg_regular_same(const struct pg_regular *a, const struct pg_regular *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime == b->mtime;
}

PG_FN bool
pg_regular_remove(const char *path, const struct pg_regular *was)
{
	struct pg_regular is;
	int fd = pg_regular_open(path, &is, NULL);

	if (fd < 0)
		return false;
	close(fd);
	return pg_regular_same(&is, was) && unlink(path) == 0;
}

PG_FN int
pg_regular_read(int fd, int to, uint8_t sha[32], int64_t *size,
    struct pg_err *e)
{
	char *buf = pg_alloc(PG_REGULAR_PIECE);
	struct pg_sha256 s;
	ssize_t n;

	pg_sha256_init(&s);
	*size = 0;
	for (;;) {
		n = pread(fd, buf, PG_REGULAR_PIECE, *size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			pg_fail_sys(e, "read");
		if (n <= 0)
			break;
		pg_sha256_add(&s, buf, (size_t)n);
		*size += n;
		if (to >= 0 && pg_file_write_all(to, (struct pg_str){ buf,
		    (size_t)n }) < 0) {
			n = pg_fail_sys(e, "write");
			break;
		}
	}
	pg_sha256_end(&s, sha);
	free(buf);
	return n < 0 ? -1 : 0;
}

PG_FN int
pg_regular_copy(int fd, const char *path, uint8_t sha[32], int64_t *size,
    struct pg_err *e)
{
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	int rc;

	if (to < 0)
		return pg_fail_sys(e, "%s", path);
	rc = pg_regular_read(fd, to, sha, size, e);
	if (rc == 0 && fsync(to) < 0)
		rc = pg_fail_sys(e, "fsync");
	close(to);
	if (rc < 0)
		unlink(path);
	return rc < 0 ? pg_wrap(e, "%s", path) : 0;
}

PG_FN int
pg_regular_sync_folder(const char *path, struct pg_err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int fd, rc = 0;

	assert(slash != NULL);
	dir = pg_strdup((struct pg_str){ path, slash == path ? 1 :
	    (size_t)(slash - path) });
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		rc = pg_fail_sys(e, "%s", dir);
	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}
