/* folder: see folder.h. Which paglets have a folder is known, so that one
 * without costs nothing when it goes. In DIR/work, no id begins with a dot:
 * .was-ID stands aside, .in-N is not yet anybody's, .kept-ID was found without
 * its paglet when records were missing, and the rest is sweep's.
 */

#include "folder.h"

#include "../base/log.h"
#include "../os/file.h"
#include "../os/sweep.h"
#include "agent.h"
#include "wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_WAS ".was-"
#define FOLDER_KEPT ".kept-"
#define FOLDER_NAME (sizeof(FOLDER_KEPT) + PG_AGENT_ID_MAX)

/* Owner: the host. */
struct pg_folders {
	char *path; /* DIR/work, absolute */
	struct pg_sweep *sweep;
	struct pg_map have; /* char *, the id itself */
	uint64_t staged;    /* number of the next .in-N */
};

/* ---- Who has one ---- */

static void
folder_note(struct pg_folders *f, struct pg_str id)
{
	char *key;

	if (pg_map_get(&f->have, id) != NULL)
		return;
	key = pg_strdup(id);
	pg_map_put(&f->have, (struct pg_str){ key, id.n }, key);
}

static const char *
folder_was(char out[FOLDER_NAME], struct pg_str id)
{
	snprintf(out, FOLDER_NAME, FOLDER_WAS "%.*s", PG_STR_ARG(id));
	return out;
}

static int
folder_none(struct pg_err *e)
{
	return pg_fail(e, PG_E_HOST, "this host keeps nothing on disk, and so "
	    "no files of paglets: it has no state folder");
}

/* ---- Removal ---- */

static void
folder_sweep(struct pg_folders *f, const char *name)
{
	struct pg_err err = { 0 };
	int rc = pg_sweep_aside(f->sweep, pg_sweep_dir(f->sweep), name, &err);

	if (rc < 0)
		pg_log(PG_LOG_ERROR, "folder: %s", err.msg);
	else if (rc == 0)
		pg_sweep_start(f->sweep);
}

PG_FN void
pg_folder_drop(struct pg_host *h, struct pg_str id)
{
	struct pg_folders *f = h->folders;
	char *key = f != NULL ? pg_map_del(&f->have, id) : NULL;

	if (key == NULL)
		return;
	folder_sweep(f, key);
	free(key);
}

/* ---- Making ---- */

PG_FN int
pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e)
{
	int n;

	if (h->folders == NULL)
		return folder_none(e);
	n = snprintf(out, PG_FOLDER_PATH, "%s/%.*s", h->folders->path,
	    PG_STR_ARG(id));
	if (n < 0 || n >= PG_FOLDER_PATH)
		return pg_fail(e, PG_E_HOST, "the path of the state folder is "
		    "too long");
	return 0;
}

PG_FN int
pg_folder_make(struct pg_host *h, struct pg_str id, struct pg_err *e)
{
	struct pg_folders *f = h->folders;
	char path[PG_FOLDER_PATH];

	if (pg_folder_path(h, id, path, e) < 0)
		return -1;
	/* By its path, which fails if DIR/work is not where it was. */
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return pg_fail_sys(e, "%s", path);
	folder_note(f, id);
	return 0;
}

/* ---- Another one of the same id ---- */

PG_FN void
pg_folder_aside(struct pg_host *h, struct pg_str id)
{
	struct pg_folders *f = h->folders;
	char *key = f != NULL ? pg_map_del(&f->have, id) : NULL;
	char was[FOLDER_NAME];
	int dir;

	if (key == NULL)
		return;
	dir = pg_sweep_dir(f->sweep);
	folder_sweep(f, folder_was(was, id));
	if (renameat(dir, key, dir, was) < 0 && errno != ENOENT)
		pg_log(PG_LOG_ERROR, "folder: %s/%s: %s", f->path, key,
		    strerror(errno));
	free(key);
}

PG_FN void
pg_folder_restore(struct pg_host *h, struct pg_str id)
{
	struct pg_folders *f = h->folders;
	char was[FOLDER_NAME], to[PG_AGENT_ID_MAX + 1];
	int dir;

	if (f == NULL)
		return;
	pg_folder_drop(h, id);
	dir = pg_sweep_dir(f->sweep);
	snprintf(to, sizeof(to), "%.*s", PG_STR_ARG(id));
	if (renameat(dir, folder_was(was, id), dir, to) == 0)
		folder_note(f, id);
	else if (errno != ENOENT)
		pg_log(PG_LOG_ERROR, "folder: %s/%s: %s", f->path, was,
		    strerror(errno));
}

PG_FN void
pg_folder_forget(struct pg_host *h, struct pg_str id)
{
	char was[FOLDER_NAME];

	if (h->folders != NULL)
		folder_sweep(h->folders, folder_was(was, id));
}

/* ---- Files that come first ---- */

PG_FN int
pg_folder_stage(struct pg_host *h, char out[PG_FOLDER_PATH],
    struct pg_err *e)
{
	struct pg_folders *f = h->folders;
	char name[32];

	if (f == NULL)
		return folder_none(e);
	snprintf(name, sizeof(name), ".in-%" PRIu64, f->staged++);
	if (pg_folder_path(h, pg_str(name), out, e) < 0)
		return -1;
	if (mkdir(out, 0700) < 0)
		return pg_fail_sys(e, "%s", out);
	return 0;
}

PG_FN int
pg_folder_adopt(struct pg_host *h, struct pg_str id, const char *staged,
    struct pg_err *e)
{
	char path[PG_FOLDER_PATH];

	if (pg_folder_path(h, id, path, e) < 0)
		return -1;
	if (rename(staged, path) < 0)
		return pg_fail_sys(e, "%s", path);
	folder_note(h->folders, id);
	return 0;
}

PG_FN void
pg_folder_unstage(struct pg_host *h, const char *staged)
{
	const char *slash = strrchr(staged, '/');

	if (h->folders != NULL && slash != NULL)
		folder_sweep(h->folders, slash + 1);
}

/* ---- Start and end ---- */

/* Whether the one that stood aside is still the one that is meant: no other
 * has been recorded in its place. */
static bool
folder_was_kept(struct pg_host *h, const char *name)
{
	const struct pg_agent *a;

	if (strncmp(name, FOLDER_WAS, strlen(FOLDER_WAS)) != 0)
		return false;
	a = pg_agent_find(h, pg_str(name + strlen(FOLDER_WAS)));
	return a != NULL && (a->phase == PG_AGENT_MOVING ||
	    a->phase == PG_AGENT_CRASHED);
}

static void
folder_rename(struct pg_folders *f, const char *from, const char *to)
{
	int dir = pg_sweep_dir(f->sweep);

	if (renameat(dir, from, dir, to) == 0)
		pg_log(PG_LOG_WARN, "folder: %s/%s is now %s", f->path, from,
		    to);
	else
		pg_log(PG_LOG_ERROR, "folder: %s/%s: %s", f->path, from,
		    strerror(errno));
}

/* Whether it is kept for a paglet whose record is missing; if that is back, so
 * is its folder. */
static bool
folder_is_kept(struct pg_host *h, const char *name)
{
	size_t n = strlen(FOLDER_KEPT);
	char kept[FOLDER_NAME];

	if (strncmp(name, FOLDER_KEPT, n) == 0) {
		if (pg_agent_find(h, pg_str(name + n)) != NULL &&
		    pg_map_get(&h->folders->have, pg_str(name + n)) == NULL) {
			folder_rename(h->folders, name, name + n);
			folder_note(h->folders, pg_str(name + n));
		}
		return true;
	}
	if (!h->damaged)
		return false;
	if (pg_wire_check_id(pg_str(name), NULL) == 0 &&
	    pg_agent_find(h, pg_str(name)) == NULL) {
		snprintf(kept, sizeof(kept), FOLDER_KEPT "%s", name);
		folder_rename(h->folders, name, kept);
		return true;
	}
	return strncmp(name, FOLDER_WAS, strlen(FOLDER_WAS)) == 0 &&
	    pg_agent_find(h, pg_str(name + strlen(FOLDER_WAS))) == NULL;
}

static void
folder_found(struct pg_host *h, const char *name)
{
	struct pg_str id = pg_str(name);

	if (pg_sweep_is_out(name) || folder_is_kept(h, name))
		return;
	if (folder_was_kept(h, name)) {
		id = pg_str_skip(id, strlen(FOLDER_WAS));
		folder_note(h->folders, id); /* what has come instead goes */
		pg_folder_restore(h, id);
	} else if (pg_agent_find(h, id) != NULL) {
		folder_note(h->folders, id);
	} else {
		folder_sweep(h->folders, name);
	}
}

/* All names first: they change while we go through them. */
static int
folder_list(struct pg_folders *f, struct pg_buf *names)
{
	struct dirent *entry;
	DIR *d = opendir(f->path);

	if (d == NULL)
		return -1;
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			pg_buf_put(names, entry->d_name,
			    strlen(entry->d_name) + 1);
	closedir(d);
	return 0;
}

PG_FN void
pg_folders_sweep(struct pg_host *h)
{
	struct pg_folders *f = h->folders;
	struct pg_buf names = PG_BUF_INIT(0);
	size_t at;

	if (f == NULL)
		return;
	if (folder_list(f, &names) < 0)
		pg_log(PG_LOG_ERROR, "folder: %s: %s", f->path,
		    strerror(errno));
	for (at = 0; at < names.n; at += strlen(names.p + at) + 1)
		folder_found(h, names.p + at);
	pg_buf_fini(&names);
	pg_sweep_start(f->sweep);
}

/* Paglets are told absolute paths: they may go elsewhere. */
static char *
folder_root(const char *state_dir, struct pg_err *e)
{
	char *real = realpath(state_dir, NULL), *path;
	size_t n;

	if (real == NULL) {
		pg_fail_sys(e, "%s", state_dir);
		return NULL;
	}
	n = strlen(real) + sizeof("/work");
	path = pg_alloc(n);
	snprintf(path, n, "%s/work", real);
	free(real);
	return path;
}

PG_FN struct pg_folders *
pg_folders_new(struct pg_host *h, struct pg_err *e)
{
	char *path = folder_root(h->cfg.state_dir, e);
	struct pg_sweep *sweep;
	struct pg_folders *f;

	if (path == NULL)
		return NULL;
	sweep = pg_sweep_new(path, h->work, e);
	if (sweep == NULL) {
		free(path);
		return NULL;
	}
	f = pg_alloc(sizeof(*f));
	f->path = path;
	f->sweep = sweep;
	pg_map_init(&f->have, h->seed);
	return f;
}

PG_FN void
pg_folders_free(struct pg_folders *f)
{
	size_t at = 0;
	char *key;

	if (f == NULL)
		return;
	while ((key = pg_map_next(&f->have, &at)) != NULL)
		free(key);
	pg_map_fini(&f->have);
	pg_sweep_free(f->sweep);
	free(f->path);
	free(f);
}

#undef FOLDER_WAS
#undef FOLDER_KEPT
#undef FOLDER_NAME
