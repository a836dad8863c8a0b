/* vault: see vault.h.
 *
 * The order of things is all there is to it. Keeping: the bytes have been
 * synced; the metadata are written and synced under a temporary name; the
 * bytes get their name, and the folder is synced; the metadata get theirs, and
 * so does that folder. Removing: the metadata go first. So wherever it is cut,
 * metadata that are there have all their bytes, and bytes without metadata are
 * nobody's.
 */
#include "vault.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "../codec/json.h"
#include "../os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define VAULT_COPY (1024 * 1024) /* bytes in one step of a copy */

/* ---- Names ---- */

static void
vault_name(const char *id, const char *ending, char name[PG_VAULT_NAME_MAX])
{
	snprintf(name, PG_VAULT_NAME_MAX, "%s%s", id, ending);
}

PG_FN void
pg_vault_part(const char *id, char name[PG_VAULT_NAME_MAX])
{
	vault_name(id, ".part", name);
}

/* The id in a name of that ending; false: it is no such name. */
static bool
vault_id(const char *name, const char *ending, char id[PG_ID_LEN + 1])
{
	size_t n = strspn(name, "0123456789abcdef");

	if (n != PG_ID_LEN || strcmp(name + n, ending) != 0)
		return false;
	memcpy(id, name, n);
	id[n] = '\0';
	return true;
}

/* ---- Folders ---- */

static int
vault_folder(struct pg_vault *v, const char *name, int *fd, struct pg_err *e)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", v->path, name) < 0)
		return pg_fail(e, PG_E_NOMEM, "no memory");
	if (pg_file_mkdirs(path, e) == 0) {
		*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (*fd < 0)
			pg_fail_sys(e, "%s", path);
	}
	free(path);
	return *fd < 0 ? -1 : 0;
}

PG_FN int
pg_vault_open(struct pg_vault *v, const char *dir, struct pg_err *e)
{
	*v = (struct pg_vault){ .path = pg_strdup(pg_str(dir)) };
	v->blobs = v->metadata = v->tmp = v->corrupt = -1;
	if (vault_folder(v, "blobs", &v->blobs, e) < 0 ||
	    vault_folder(v, "metadata", &v->metadata, e) < 0 ||
	    vault_folder(v, "tmp", &v->tmp, e) < 0 ||
	    vault_folder(v, "corrupt", &v->corrupt, e) < 0)
		return -1;
	return 0;
}

PG_FN void
pg_vault_fini(struct pg_vault *v)
{
	int *fds[] = { &v->blobs, &v->metadata, &v->tmp, &v->corrupt };
	size_t i;

	for (i = 0; v->path != NULL && i < PG_COUNT(fds); i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
	free(v->path);
	*v = (struct pg_vault){ .path = NULL };
}

/* Every name in a folder but those that begin with a dot. */
static int
vault_each_name(const struct pg_vault *v, int folder,
    void (*each)(void *arg, const char *name), void *arg, struct pg_err *e)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	if (dir == NULL) {
		pg_fail_sys(e, "reading a folder of %s", v->path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			each(arg, d->d_name);
	closedir(dir);
	return 0;
}

/* ---- Metadata ---- */

static void
vault_put(struct pg_arena *a, struct pg_value *d, const char *key,
    struct pg_value *v)
{
	pg_value_put(a, d, pg_str(key), v);
}

/* As text; the fields are those of the wire. */
static void
vault_describe(const struct pg_artifact *f, struct pg_buf *out)
{
	struct pg_arena a = { .max = 0 };
	struct pg_value *d = pg_value_dict(&a);
	struct pg_buf hex = PG_BUF_INIT(0);

	pg_buf_hex(&hex, (struct pg_str){ (const char *)f->sha256,
	    sizeof(f->sha256) });
	vault_put(&a, d, "artifact_id", pg_value_strz(&a, f->id));
	vault_put(&a, d, "name", pg_value_str(&a, f->name));
	vault_put(&a, d, "size_bytes", pg_value_int(&a, (int64_t)f->size));
	vault_put(&a, d, "sha256", pg_value_str(&a, pg_buf_str(&hex)));
	vault_put(&a, d, "compression", pg_value_str(&a, f->compression));
	vault_put(&a, d, "created_at", pg_value_float(&a, f->created_at));
	vault_put(&a, d, "expires_at", pg_value_float(&a, f->expires_at));
	vault_put(&a, d, "owner_agent_id", pg_value_str(&a, f->owner));
	pg_json_write(out, d, NULL);
	pg_buf_putc(out, '\n');
	pg_buf_fini(&hex);
	pg_arena_fini(&a);
}

static int
vault_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
vault_read_sha(const struct pg_value *d, uint8_t out[PG_SHA256_SIZE])
{
	struct pg_str s = pg_value_text(pg_value_get(d, "sha256"),
	    PG_STR_NULL);
	size_t i;
	int high, low;

	if (s.n != 2 * PG_SHA256_SIZE)
		return -1;
	for (i = 0; i < PG_SHA256_SIZE; i++) {
		high = vault_hex_digit(s.p[2 * i]);
		low = vault_hex_digit(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return -1;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int
vault_read_text(const struct pg_value *d, const char *key, struct pg_str *out)
{
	const struct pg_value *v = pg_value_get(d, key);

	*out = pg_value_text(v, PG_STR_NULL);
	return pg_value_is(v, PG_T_STR) && out->n <= PG_ARTIFACT_TEXT_MAX ?
	    0 : -1;
}

static int
vault_read_time(const struct pg_value *d, const char *key, double *out)
{
	if (!pg_value_number(pg_value_get(d, key), out))
		return -1;
	return *out - *out == 0 ? 0 : -1; /* finite */
}

/* What metadata of that id say; text in a. */
static int
vault_parse(struct pg_str json, const char *id, struct pg_arena *a,
    struct pg_artifact *out, struct pg_err *e)
{
	struct pg_value *d, *size;

	if (pg_json_read(json, a, &d, e) < 0)
		return -1;
	memcpy(out->id, id, sizeof(out->id));
	if (!pg_str_eqz(pg_value_text(pg_value_get(d, "artifact_id"),
	    PG_STR_NULL), id))
		return pg_fail(e, PG_E_HOST, "is of another artifact");
	size = pg_value_get(d, "size_bytes");
	if (!pg_value_is(size, PG_T_INT) || size->u.i < 0 ||
	    vault_read_sha(d, out->sha256) < 0 ||
	    vault_read_text(d, "name", &out->name) < 0 ||
	    vault_read_text(d, "compression", &out->compression) < 0 ||
	    vault_read_text(d, "owner_agent_id", &out->owner) < 0 ||
	    vault_read_time(d, "created_at", &out->created_at) < 0 ||
	    vault_read_time(d, "expires_at", &out->expires_at) < 0)
		return pg_fail(e, PG_E_HOST, "a field is missing or wrong");
	out->size = (uint64_t)size->u.i;
	return 0;
}

/* ---- Loading ---- */

struct vault_loading {
	struct pg_vault *v;
	struct pg_arena arena; /* of one artifact */
	struct pg_buf text;
	void (*each)(void *arg, const struct pg_artifact *a);
	void *arg;
	size_t swept;
};

/* Read what may be a pipe, a link or endless. */
static int
vault_read(int folder, const char *name, struct pg_buf *out, struct pg_err *e)
{
	int fd = openat(folder, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;
	char *room;

	pg_buf_reset(out);
	if (fd < 0)
		return pg_fail_sys(e, "open");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > PG_ARTIFACT_META_MAX) {
		pg_fail(e, PG_E_HOST, "is no file of at most %d bytes",
		    PG_ARTIFACT_META_MAX);
		goto out;
	}
	room = pg_buf_room(out, PG_ARTIFACT_META_MAX);
	n = read(fd, room, PG_ARTIFACT_META_MAX);
	if (n < 0)
		pg_fail_sys(e, "read");
	else
		out->n = (size_t)n;
out:
	close(fd);
	return n < 0 ? -1 : 0;
}

/* Whether the bytes are there that belong to it. */
static int
vault_check_blob(const struct pg_vault *v, const struct pg_artifact *a,
    struct pg_err *e)
{
	char name[PG_VAULT_NAME_MAX];
	struct stat st;

	vault_name(a->id, ".bin", name);
	if (fstatat(v->blobs, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return pg_fail_sys(e, "blobs/%s", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != a->size)
		return pg_fail(e, PG_E_HOST, "blobs/%s is no file of %" PRIu64
		    " bytes", name, a->size);
	return 0;
}

/* Somebody may want to look at it. */
static void
vault_set_aside(const struct pg_vault *v, const char *id,
    const struct pg_err *why)
{
	char meta[PG_VAULT_NAME_MAX], blob[PG_VAULT_NAME_MAX];

	vault_name(id, ".json", meta);
	vault_name(id, ".bin", blob);
	pg_log(PG_LOG_WARN, "artifact: %s/metadata/%s: %s; what there is of "
	    "it is kept in corrupt/", v->path, meta, why->msg);
	/* The bytes first: without metadata they would be removed. */
	if (renameat(v->blobs, blob, v->corrupt, blob) < 0 && errno != ENOENT)
		return;
	renameat(v->metadata, meta, v->corrupt, meta);
}

static void
vault_load_one(void *arg, const char *name)
{
	struct vault_loading *l = arg;
	struct pg_artifact a = { .size = 0 };
	char id[PG_ID_LEN + 1];
	struct pg_err e = { 0 };

	if (!vault_id(name, ".json", id)) {
		pg_log(PG_LOG_WARN, "artifact: %s/metadata/%s: is not ours",
		    l->v->path, name);
		return;
	}
	pg_arena_reset(&l->arena);
	if (vault_read(l->v->metadata, name, &l->text, &e) < 0 &&
	    e.code == PG_E_SYS) {
		pg_log(PG_LOG_WARN, "artifact: %s/metadata/%s: %s; it is "
		    "left alone", l->v->path, name, e.msg);
		return;
	}
	if (e.code != PG_E_OK ||
	    vault_parse(pg_buf_str(&l->text), id, &l->arena, &a, &e) < 0 ||
	    vault_check_blob(l->v, &a, &e) < 0)
		vault_set_aside(l->v, id, &e);
	else
		l->each(l->arg, &a);
}

static void
vault_sweep_part(void *arg, const char *name)
{
	struct vault_loading *l = arg;

	if (unlinkat(l->v->tmp, name, 0) < 0)
		pg_log(PG_LOG_WARN, "artifact: %s/tmp/%s: %s", l->v->path,
		    name, strerror(errno));
	else
		l->swept++;
}

/* Bytes without metadata. */
static void
vault_sweep_blob(void *arg, const char *name)
{
	struct vault_loading *l = arg;
	char id[PG_ID_LEN + 1], meta[PG_VAULT_NAME_MAX];
	struct stat st;

	if (!vault_id(name, ".bin", id)) {
		pg_log(PG_LOG_WARN, "artifact: %s/blobs/%s: is not ours",
		    l->v->path, name);
		return;
	}
	vault_name(id, ".json", meta);
	if (fstatat(l->v->metadata, meta, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT && unlinkat(l->v->blobs, name, 0) == 0)
		l->swept++;
}

PG_FN int
pg_vault_load(struct pg_vault *v, void (*each)(void *arg,
    const struct pg_artifact *a), void *arg, struct pg_err *e)
{
	struct vault_loading l = { .v = v, .each = each, .arg = arg,
		.text = PG_BUF_INIT(0) };
	int rc = -1;

	/* What the metadata may take when they are read. */
	pg_arena_init(&l.arena, (size_t)16 << 20);
	if (vault_each_name(v, v->tmp, vault_sweep_part, &l, e) == 0 &&
	    vault_each_name(v, v->metadata, vault_load_one, &l, e) == 0 &&
	    vault_each_name(v, v->blobs, vault_sweep_blob, &l, e) == 0)
		rc = 0;
	if (l.swept > 0)
		pg_log(PG_LOG_INFO, "artifact: %s: %zu unfinished files "
		    "removed", v->path, l.swept);
	pg_buf_fini(&l.text);
	pg_arena_fini(&l.arena);
	return rc;
}

/* ---- Keeping ---- */

/* A new file with that text, on disk. */
static int
vault_write(int folder, const char *name, struct pg_str text)
{
	int fd = openat(folder, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = -1, saved;
	ssize_t n;

	if (fd < 0)
		return -1;
	/* So short that it is written at once or not at all. */
	n = write(fd, text.p, text.n);
	if (n == (ssize_t)text.n)
		rc = fdatasync(fd);
	else if (n >= 0)
		errno = ENOSPC;
	saved = errno;
	if (close(fd) < 0 && rc == 0)
		return -1;
	errno = saved;
	return rc;
}

PG_FN int
pg_vault_keep(const struct pg_vault *v, const struct pg_artifact *a,
    struct pg_err *e)
{
	char part[PG_VAULT_NAME_MAX], blob[PG_VAULT_NAME_MAX];
	char meta[PG_VAULT_NAME_MAX];
	struct pg_buf text = PG_BUF_INIT(0);
	int rc;

	pg_vault_part(a->id, part);
	vault_name(a->id, ".bin", blob);
	vault_name(a->id, ".json", meta);
	vault_describe(a, &text);
	rc = vault_write(v->tmp, meta, pg_buf_str(&text));
	if (rc == 0)
		rc = renameat(v->tmp, part, v->blobs, blob);
	if (rc == 0)
		rc = fsync(v->blobs);
	if (rc == 0)
		rc = renameat(v->tmp, meta, v->metadata, meta);
	if (rc == 0)
		rc = fsync(v->metadata);
	pg_buf_fini(&text);
	if (rc == 0)
		return 0;
	pg_fail_sys(e, "keeping the artifact");
	unlinkat(v->metadata, meta, 0);
	unlinkat(v->blobs, blob, 0);
	unlinkat(v->tmp, meta, 0);
	unlinkat(v->tmp, part, 0);
	return -1;
}

/* ---- Giving ---- */

PG_FN int
pg_vault_blob(const struct pg_vault *v, const char *id, struct pg_err *e)
{
	char name[PG_VAULT_NAME_MAX];
	int fd;

	vault_name(id, ".bin", name);
	fd = openat(v->blobs, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return pg_fail(e, PG_E_NO_ARTIFACT, "No artifact '%s'", id);
	return fd >= 0 ? fd : pg_fail_sys(e, "artifact %s", id);
}

PG_FN int
pg_vault_remove(const struct pg_vault *v, const char *id, bool *gone,
    struct pg_err *e)
{
	char meta[PG_VAULT_NAME_MAX], blob[PG_VAULT_NAME_MAX];
	int rc = 0;

	vault_name(id, ".json", meta);
	vault_name(id, ".bin", blob);
	*gone = false;
	if (unlinkat(v->metadata, meta, 0) < 0 && errno != ENOENT)
		return pg_fail_sys(e, "removing artifact %s", id);
	*gone = true;
	if (fsync(v->metadata) < 0)
		rc = pg_fail_sys(e, "removing artifact %s: sync", id);
	/* It takes room and nothing else: swept at the next start. */
	if (unlinkat(v->blobs, blob, 0) < 0 && errno != ENOENT)
		pg_log(PG_LOG_WARN, "artifact: %s/blobs/%s: %s", v->path,
		    blob, strerror(errno));
	return rc;
}

static int
vault_copy(int from, int to)
{
	off_t at = 0;
	ssize_t n;

	do
		n = sendfile(to, from, &at, VAULT_COPY);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -1 : fdatasync(to);
}

/* A second name, or a second file, for the bytes. */
static int
vault_twin(const struct pg_vault *v, const char *blob, int dir,
    const char *name)
{
	int from, to, rc = -1, saved;

	if (linkat(v->blobs, blob, dir, name, 0) == 0)
		return 0;
	if (errno != EXDEV && errno != EPERM && errno != EMLINK)
		return -1;
	from = openat(v->blobs, blob, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (from >= 0 && to >= 0)
		rc = vault_copy(from, to);
	saved = errno;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	errno = saved;
	return rc;
}

static int
vault_take_to(const struct pg_vault *v, const char *id, int dir,
    const char *base, struct pg_err *e)
{
	char blob[PG_VAULT_NAME_MAX], temp[PG_VAULT_NAME_MAX];
	int rc;

	vault_name(id, ".bin", blob);
	snprintf(temp, sizeof(temp), ".tmp-%s", id);
	unlinkat(dir, temp, 0); /* of a take that was cut */
	rc = vault_twin(v, blob, dir, temp);
	if (rc == 0)
		rc = renameat(dir, temp, dir, base);
	if (rc == 0)
		rc = fsync(dir);
	if (rc == 0)
		return 0;
	pg_fail_sys(e, "artifact %s", id);
	unlinkat(dir, temp, 0);
	return -1;
}

PG_FN int
pg_vault_lend(const struct pg_vault *v, const char *id, const char *path,
    struct pg_err *e)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	char *folder = slash == NULL ? pg_strdup(PG_STR(".")) :
	    pg_strdup((struct pg_str){ path, (size_t)(base - path) });
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;

	if (dir < 0)
		pg_fail_sys(e, "%s", folder);
	else
		rc = vault_take_to(v, id, dir, base, e);
	if (dir >= 0)
		close(dir);
	free(folder);
	return rc;
}

PG_FN int
pg_vault_take(const struct pg_vault *v, const char *id, const char *path,
    bool *gone, struct pg_err *e)
{
	*gone = false;
	return pg_vault_lend(v, id, path, e) < 0 ? -1 :
	    pg_vault_remove(v, id, gone, e);
}

/* ---- Sweeping ---- */

struct vault_sweeping {
	const struct pg_vault *v;
	int64_t before;
	const char (*ids)[PG_ID_LEN + 1];
	size_t n;
};

static void
vault_sweep_old(void *arg, const char *name)
{
	const struct vault_sweeping *s = arg;
	struct stat st;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strncmp(name, s->ids[i], PG_ID_LEN) == 0)
			return;
	if (fstatat(s->v->tmp, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtim.tv_sec < s->before / PG_SEC)
		unlinkat(s->v->tmp, name, 0);
}

PG_FN void
pg_vault_sweep(const struct pg_vault *v, int64_t before,
    const char (*ids)[PG_ID_LEN + 1], size_t n)
{
	struct vault_sweeping s = { v, before, ids, n };
	struct pg_err e = { 0 };

	if (vault_each_name(v, v->tmp, vault_sweep_old, &s, &e) < 0)
		pg_log(PG_LOG_WARN, "artifact: %s", e.msg);
}

#undef VAULT_COPY
