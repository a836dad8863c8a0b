/* register: see register.h. */

#include "register.h"

#include "../os/regular.h"
#include "errand.h"
#include "folder.h"

#include <unistd.h>

struct registering {
	struct pg_errand errand; /* first */
	struct pg_agent *agent;  /* a reference */
	struct pg_fileref file;  /* its texts lie in the errand's arena */
	char asked[PATH_MAX], path[PATH_MAX]; /* as given; without links */
	int64_t max; /* bytes; negative: no limit */
	pg_register_done *done;
	void *arg;
};

/* ---- On a worker ------------------------------------------------------- */

static int
register_no_file(struct registering *r, struct pg_err *e)
{
	return pg_fail(e, PG_E_TRANSFER, "registered path is not a file: %s",
	    r->asked);
}

static int
register_check_path(struct registering *r, struct pg_err *e)
{
	struct pg_str path;

	if (realpath(r->asked, r->path) == NULL)
		return register_no_file(r, e);
	path = pg_str(r->path);
	if (pg_utf8_valid(path, false) != path.n)
		return pg_fail(e, PG_E_TRANSFER, "registered path is no "
		    "UTF-8: %s", r->asked);
	r->file.source_path = r->file.current_path = path;
	if (r->file.name.n == 0)
		r->file.name = pg_str(strrchr(r->path, '/') + 1);
	return pg_file_name(&r->file.name, e);
}

static int
register_hash(struct registering *r, int fd, const struct pg_regular *what,
    struct pg_err *e)
{
	struct pg_buf hex = PG_BUF_INIT(0);
	uint8_t sha[32];

	if (r->max >= 0 && what->size > r->max)
		return pg_fail(e, PG_E_TRANSFER, "registered file '%.*s' is "
		    "over %" PRId64 " bytes", PG_STR_ARG(r->file.name),
		    r->max);
	if (pg_regular_read(fd, -1, sha, &r->file.size_bytes, e) < 0)
		return pg_wrap(e, "registered path %s", r->path);
	pg_buf_hex(&hex, (struct pg_str){ (const char *)sha, sizeof(sha) });
	r->file.sha256 = pg_arena_str(&r->errand.arena, pg_buf_str(&hex));
	pg_buf_fini(&hex);
	r->file.source_modified_at = pg_to_seconds(what->mtime);
	r->file.source_created_at = pg_to_seconds(what->ctime);
	return 0;
}

static int
register_run(struct pg_errand *errand, struct pg_err *e)
{
	struct registering *r = PG_CONTAINER(errand, struct registering,
	    errand);
	struct pg_regular what = { 0 };
	struct pg_err why = { 0 };
	int fd, rc;

	/* Before the path is made plain: then it would be no link any more. */
	fd = pg_regular_open(r->asked, &what, &why);
	if (fd < 0)
		return register_no_file(r, e);
	rc = register_check_path(r, e);
	if (rc == 0)
		rc = register_hash(r, fd, &what, e);
	close(fd);
	return rc;
}

/* ---- On the loop ------------------------------------------------------- */

static void
register_end(struct registering *r, const struct pg_err *err)
{
	r->done(r->arg, err, err == NULL ? &r->file : NULL);
}

/* The list of a from now on; takes f. */
static void
register_set(struct pg_agent *a, struct pg_files *f)
{
	pg_files_unref(a->files);
	a->files = f;
}

/* A change that is being written down. */
struct register_saving {
	struct pg_agent *agent; /* a reference */
	struct pg_files *before, *files;
	const struct pg_fileref *file; /* in files; NULL: one was taken out */
	pg_register_done *registered; /* or */
	pg_durable_done *unregistered;
	void *arg;
};

static void
register_on_saved(void *arg, const struct pg_err *err)
{
	struct register_saving *s = arg;

	/* As if nobody had asked for it. */
	if (err != NULL && s->agent->files == s->files)
		register_set(s->agent, pg_files_ref(s->before));
	if (s->file != NULL)
		s->registered(s->arg, err, err == NULL ? s->file : NULL);
	else
		s->unregistered(s->arg, err);
	pg_files_unref(s->before);
	pg_files_unref(s->files);
	pg_agent_unref(s->agent);
	free(s);
}

/* Set the list, and say what it was; takes f. */
static struct register_saving *
register_change(struct pg_agent *a, struct pg_files *f, void *arg)
{
	struct register_saving *s = pg_alloc(sizeof(*s));

	*s = (struct register_saving){ .agent = a, .arg = arg,
		.before = pg_files_ref(a->files), .files = pg_files_ref(f) };
	pg_agent_ref(a);
	register_set(a, f);
	return s;
}

static void
register_on_done(void *arg, struct pg_errand *errand,
    const struct pg_err *err)
{
	struct registering *r = PG_CONTAINER(errand, struct registering,
	    errand);
	struct pg_agent *a = r->agent;
	struct register_saving *s;
	struct pg_files *f;
	struct pg_err full = { 0 };

	(void)arg;
	if (err != NULL) {
		register_end(r, err);
		return;
	}
	r->file.source_host_name = r->file.current_host_name = a->host->name;
	r->file.source_host_url = r->file.current_host_url =
	    a->host->address;
	f = pg_files_with(a->files, &r->file, &full);
	if (f == NULL) {
		register_end(r, &full);
		return;
	}
	s = register_change(a, f, r->arg);
	s->file = pg_files_find(f, r->file.name);
	s->registered = r->done;
	pg_durable_files(a, register_on_saved, s);
}

static void
register_fini(struct pg_errand *errand)
{
	pg_agent_unref(PG_CONTAINER(errand, struct registering,
	    errand)->agent);
}

/* What can be said without looking at the disk. */
static int
register_begin(struct registering *r, struct pg_agent *a, struct pg_str path,
    struct pg_str name, struct pg_err *e)
{
	char folder[PG_FOLDER_PATH];
	int n;

	if (name.n > 0 && pg_file_name(&name, e) < 0)
		return -1;
	r->file.name = pg_arena_str(&r->errand.arena, name);
	if (path.n == 0 || memchr(path.p, '\0', path.n) != NULL)
		return pg_fail(e, PG_E_TRANSFER, "registered path is none");
	if (path.p[0] == '/')
		n = snprintf(r->asked, sizeof(r->asked), "%.*s",
		    PG_STR_ARG(path));
	else if (pg_folder_path(a->host, a->id, folder, e) < 0)
		return -1;
	else
		n = snprintf(r->asked, sizeof(r->asked), "%s/%.*s", folder,
		    PG_STR_ARG(path));
	if (n > PG_FILE_PATH_MAX)
		return pg_fail(e, PG_E_TRANSFER, "registered path is over %d "
		    "bytes", PG_FILE_PATH_MAX);
	return 0;
}

static int
register_refused(struct pg_errand *errand, struct pg_err *e)
{
	*e = errand->err;
	return -1;
}

PG_FN void
pg_register(struct pg_agent *a, struct pg_str path, struct pg_str name,
    bool move, pg_register_done *done, void *arg)
{
	struct registering *r = pg_errand_new(a->host, sizeof(*r));

	r->agent = a;
	pg_agent_ref(a);
	r->max = a->host->cfg.artifact_max;
	r->file.move = move;
	r->file.status = PG_STR(PG_FILE_REGISTERED);
	r->done = done;
	r->arg = arg;
	r->errand.run = register_run;
	r->errand.done = register_on_done;
	r->errand.fini = register_fini;
	if (register_begin(r, a, path, name, &r->errand.err) < 0)
		r->errand.run = register_refused;
	pg_errand_start(&r->errand);
}

PG_FN void
pg_unregister(struct pg_agent *a, struct pg_str name, pg_durable_done *done,
    void *arg)
{
	struct register_saving *s;

	if (pg_files_find(a->files, name) == NULL) {
		done(arg, NULL);
		return;
	}
	s = register_change(a, pg_files_without(a->files, name), arg);
	s->unregistered = done;
	pg_durable_files(a, register_on_saved, s);
}
