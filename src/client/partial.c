/* partial: see partial.h.
 *
 * The name .NAME.HASH.part says what it is a part of, so nothing else needs to
 * be kept beside it; the whole is hashed before it counts anyway. A lock keeps
 * two from writing one file.
 */
#include "partial.h"

#include "../base/mem.h"
#include "../os/rand.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PARTIAL_NOREPLACE 1 /* RENAME_NOREPLACE, which not all headers have */

/* ---- names ------------------------------------------------------------ */

PG_FN void
pg_partial_name(struct pg_str said, char out[PG_PARTIAL_NAME_MAX + 1])
{
	size_t at = 0, n;

	for (; said.n > 0; said = pg_str_skip(said, PG_MAX(n, (size_t)1))) {
		n = pg_printable(said);
		if (at + PG_MAX(n, (size_t)1) > PG_PARTIAL_NAME_MAX)
			break;
		if (n == 0 || said.p[0] == '/' || said.p[0] == '\\' ||
		    (at == 0 && (said.p[0] == '.' || said.p[0] == '-'))) {
			out[at++] = '_';
		} else {
			memcpy(out + at, said.p, n);
			at += n;
		}
	}
	out[at] = '\0';
	if (at == 0)
		memcpy(out, "artifact", sizeof("artifact"));
}

/* The text up to and including the last slash, and what follows it. */
static struct pg_str
partial_folder(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');

	*base = slash != NULL ? slash + 1 : path;
	return (struct pg_str){ path, (size_t)(*base - path) };
}

/* As much of a name as leaves room for what is put around it. */
static struct pg_str
partial_short(const char *name)
{
	struct pg_str all = pg_str(name), rest = all;
	size_t n = 0, next;

	while (rest.n > 0) {
		next = PG_MAX(pg_printable(rest), (size_t)1);
		if (n + next > PG_PARTIAL_NAME_MAX)
			break;
		n += next;
		rest = pg_str_skip(rest, next);
	}
	all.n = n;
	return all;
}

static char *
partial_text(struct pg_buf *b)
{
	char *text;

	pg_buf_putc(b, '\0');
	text = pg_strdup(pg_str(b->p));
	pg_buf_fini(b);
	return text;
}

/* ---- where it is to be ------------------------------------------------ */

static int
partial_in_folder(struct pg_partial *p, const char *folder,
    struct pg_str said, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	char name[PG_PARTIAL_NAME_MAX + 1];
	struct stat st;

	pg_partial_name(said, name);
	if (strcmp(folder, ".") != 0)
		pg_buf_printf(&b, "%s%s", folder,
		    folder[strlen(folder) - 1] == '/' ? "" : "/");
	pg_buf_putz(&b, name);
	p->path = partial_text(&b);
	p->replace = false;
	/* The host has chosen the name: it is not to replace anything. */
	if (lstat(p->path, &st) == 0)
		return pg_fail(e, PG_E_CONFLICT, "%s is there already; to "
		    "replace it, give its name", p->path);
	return 0;
}

static int
partial_aim(struct pg_partial *p, const char *path, struct pg_str said,
    struct pg_err *e)
{
	struct stat st;

	if (path == NULL)
		path = ".";
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return partial_in_folder(p, path, said, e);
	/* To put a file in the place of a device would be a surprise. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return pg_fail(e, PG_E_USAGE, "%s is no regular file", path);
	if (path[0] == '\0' || path[strlen(path) - 1] == '/')
		return pg_fail(e, PG_E_USAGE, "'%s': no such folder", path);
	p->path = pg_strdup(pg_str(path));
	p->replace = true;
	return 0;
}

/* ---- where it is ------------------------------------------------------ */

static char *
partial_beside(const char *path, struct pg_str hash, bool resume)
{
	struct pg_buf b = PG_BUF_INIT(0);
	const char *base;
	char id[PG_ID_LEN + 1];

	pg_rand_id(id);
	if (!resume)
		hash = pg_str(id);
	assert(hash.n >= PG_PARTIAL_MARK);
	hash.n = PG_PARTIAL_MARK;
	pg_buf_puts(&b, partial_folder(path, &base));
	pg_buf_putc(&b, '.');
	pg_buf_puts(&b, partial_short(base));
	pg_buf_printf(&b, ".%.*s.part", PG_STR_ARG(hash));
	return partial_text(&b);
}

/* Whether the file is what its name says, ours, and nobody else's by another
 * name; what was put in its place by somebody else is left alone. */
static int
partial_check(struct pg_partial *p, struct pg_err *e)
{
	struct stat st, named;

	if (fstat(p->fd, &st) < 0)
		return pg_fail_sys(e, "%s", p->part);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1)
		return pg_fail(e, PG_E_CONFLICT, "%s is not ours; remove it",
		    p->part);
	/* Whoever had the lock may just have put it in its place. */
	if (flock(p->fd, LOCK_EX | LOCK_NB) < 0 ||
	    lstat(p->part, &named) < 0 || named.st_ino != st.st_ino ||
	    named.st_dev != st.st_dev)
		return pg_fail(e, PG_E_CONFLICT, "%s is being fetched "
		    "already", p->path);
	p->n = (uint64_t)st.st_size;
	return 0;
}

PG_FN int
pg_partial_open(struct pg_partial *p, const char *path, struct pg_str name,
    struct pg_str hash, bool resume, struct pg_err *e)
{
	*p = PG_PARTIAL_NONE;
	if (partial_aim(p, path, name, e) < 0)
		goto fail;
	p->part = partial_beside(p->path, hash, resume);
	p->fd = open(p->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC | (resume ? 0 : O_EXCL), 0666);
	if (p->fd < 0) {
		pg_fail_sys(e, "%s", p->part);
		goto fail;
	}
	if (partial_check(p, e) == 0)
		return 0;
	close(p->fd);
fail:
	free(p->path);
	free(p->part);
	*p = PG_PARTIAL_NONE;
	return -1;
}

PG_FN int
pg_partial_open_fd(struct pg_partial *p, int fd, struct pg_err *e)
{
	*p = PG_PARTIAL_NONE;
	p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (p->fd < 0)
		return pg_fail_sys(e, "descriptor %d", fd);
	if (pg_partial_cut(p, e) == 0)
		return 0;
	close(p->fd);
	*p = PG_PARTIAL_NONE;
	return -1;
}

PG_FN int
pg_partial_cut(struct pg_partial *p, struct pg_err *e)
{
	p->n = 0;
	if (ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0)
		return pg_fail_sys(e, "%s", p->part != NULL ? p->part :
		    "the file");
	return 0;
}

/* ---- the end ---------------------------------------------------------- */

/* Not every file system can do it in one step without replacing. */
static int
partial_move(const struct pg_partial *p)
{
	if (p->replace)
		return rename(p->part, p->path);
	if (syscall(SYS_renameat2, AT_FDCWD, p->part, AT_FDCWD, p->path,
	    PARTIAL_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(p->part, p->path) < 0)
		return -1;
	return unlink(p->part);
}

PG_FN int
pg_partial_place(struct pg_partial *p, struct pg_err *e)
{
	const char *base;
	struct pg_str folder;
	char *name;
	int fd;

	if (p->path == NULL)
		return 0;
	if (partial_move(p) < 0)
		return pg_fail_sys(e, "%s", p->path);
	free(p->part);
	p->part = NULL;
	folder = partial_folder(p->path, &base);
	name = pg_strdup(folder.n > 0 ? folder : PG_STR("."));
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(name);
	/* It is there; a file system that cannot say so for sure is no reason
	 * to say that it is not. */
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

PG_FN void
pg_partial_close(struct pg_partial *p, bool keep)
{
	struct stat st;

	if (p->fd < 0)
		return;
	if (keep && (fstat(p->fd, &st) < 0 || st.st_size == 0))
		keep = false;
	if (!keep && p->part != NULL)
		unlink(p->part);
	close(p->fd);
	free(p->part);
	free(p->path);
	*p = PG_PARTIAL_NONE;
}

#undef PARTIAL_NOREPLACE
