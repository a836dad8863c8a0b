/* beneath: see beneath.h. */
#include "beneath.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/openat2.h, which not every C library lets us include. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define BENEATH_NO_MAGICLINKS 0x02
#define BENEATH_NO_SYMLINKS 0x04
#define BENEATH_BENEATH 0x08
struct beneath_how {
	uint64_t flags, mode, resolve;
};

/* Somebody renames while the kernel looks. */
#define BENEATH_TRIES 100
#define BENEATH_FOLDER (O_RDONLY | O_DIRECTORY)

PG_FN const char *
pg_beneath_check(struct pg_str path, char out[PG_BENEATH_PATH_MAX + 1])
{
	size_t i, from = 0, depth = 0, n;

	if (path.n == 0)
		return "is empty";
	if (path.n > PG_BENEATH_PATH_MAX)
		return "is too long";
	if (memchr(path.p, '\0', path.n) != NULL)
		return "holds a NUL";
	if (path.p[0] == '/')
		return "escapes root";
	for (i = 0; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/')
			continue;
		n = i - from;
		if (n == 2 && memcmp(path.p + from, "..", 2) == 0)
			return "escapes root";
		if (n == 0 || (n == 1 && path.p[from] == '.'))
			return "has an empty name";
		if (n > PG_BENEATH_NAME_MAX)
			return "has a name that is too long";
		if (++depth > PG_BENEATH_DEPTH_MAX)
			return "is too deep";
		from = i + 1;
	}
	memcpy(out, path.p, path.n);
	out[path.n] = '\0';
	return NULL;
}

/* One name, which is no link. */
static int
beneath_step(int dir, const char *name, int flags, unsigned mode)
{
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	struct stat st;

	/* A link is no folder either, but that is not what is wrong. */
	if (fd < 0 && errno == ENOTDIR && fstatat(dir, name, &st,
	    AT_SYMLINK_NOFOLLOW) == 0)
		errno = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
	return fd;
}

/* Close and keep errno. */
static void
beneath_close(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* A folder within the folder *dir, which is closed; *dir is -1 on failure. */
static void
beneath_down(int *dir, const char *name, bool make)
{
	int up = *dir;

	*dir = beneath_step(up, name, BENEATH_FOLDER, 0);
	if (*dir < 0 && errno == ENOENT && make &&
	    (mkdirat(up, name, 0700) == 0 || errno == EEXIST) &&
	    fsync(up) == 0)
		*dir = beneath_step(up, name, BENEATH_FOLDER, 0);
	beneath_close(up);
}

/* The folder of the last name, and where that begins. */
static int
beneath_walk(int root, const char *path, bool make, const char **base)
{
	char name[PG_BENEATH_NAME_MAX + 1];
	int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
	size_t n;

	for (; dir >= 0 && path[n = strcspn(path, "/")] != '\0';
	    path += n + 1) {
		assert(n <= PG_BENEATH_NAME_MAX);
		memcpy(name, path, n);
		name[n] = '\0';
		beneath_down(&dir, name, make);
	}
	*base = path;
	return dir;
}

static int
beneath_open_by_steps(int root, const char *path, int flags, unsigned mode)
{
	const char *base;
	int dir = beneath_walk(root, path, false, &base), fd;

	if (dir < 0)
		return -1;
	fd = beneath_step(dir, base, flags, mode);
	beneath_close(dir);
	return fd;
}

PG_FN int
pg_beneath_open(int root, const char *path, int flags, unsigned mode)
{
	struct beneath_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) != 0 ? mode : 0,
		.resolve = BENEATH_BENEATH | BENEATH_NO_SYMLINKS |
		    BENEATH_NO_MAGICLINKS };
	int i, fd = -1;

	errno = EAGAIN;
	for (i = 0; i < BENEATH_TRIES && fd < 0 && (errno == EAGAIN ||
	    errno == EINTR); i++)
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	/* Older kernels do not know it, and some containers forbid it. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = beneath_open_by_steps(root, path, flags, mode);
	return fd;
}

PG_FN int
pg_beneath_parent(int root, const char *path, bool make, const char **base)
{
	return beneath_walk(root, path, make, base);
}

PG_FN void
pg_beneath_prune(int root, const char *path)
{
	char copy[PG_BENEATH_PATH_MAX + 1];
	const char *base;
	char *slash;
	int dir, rc = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	while (rc == 0 && (slash = strrchr(copy, '/')) != NULL) {
		*slash = '\0';
		dir = beneath_walk(root, copy, false, &base);
		if (dir < 0)
			return;
		rc = unlinkat(dir, base, AT_REMOVEDIR);
		close(dir);
	}
}

#undef SYS_openat2
#undef BENEATH_NO_MAGICLINKS
#undef BENEATH_NO_SYMLINKS
#undef BENEATH_BENEATH
#undef BENEATH_TRIES
#undef BENEATH_FOLDER
