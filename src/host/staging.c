/* staging: see staging.h. First all files are looked at, so that one that is
 * missing costs nothing; then they go one by one: hashed on a worker, sent by
 * the loop from the descriptor that was hashed.
 */

#include "staging.h"

#include "../base/clock.h"
#include "../codec/url.h"
#include "errand.h"
#include "folder.h"
#include "remote.h"
#include "wire.h"

#include <unistd.h>

#define STAGING_ANSWER_MAX ((size_t)64 * 1024) /* bytes: an ArtifactRef */

static void staging_next(struct pg_staging *s);

static void
staging_tell(struct pg_staging *s, const struct pg_err *err)
{
	pg_staging_done *done = s->done;

	s->done = NULL;
	if (done != NULL)
		done(s, err);
}

static void
staging_close(struct pg_staging *s)
{
	if (s->fd_plus1 > 0)
		close(s->fd_plus1 - 1);
	s->fd_plus1 = 0;
}

static void
staging_fail(struct pg_staging *s, struct pg_err *err)
{
	staging_close(s);
	if (!pg_code_alike(err->code, PG_E_TRANSFER) && s->at < s->n)
		pg_fail(err, PG_E_TRANSFER, "registered file '%.*s': %s",
		    PG_STR_ARG(s->items[s->at].file->name), err->msg);
	staging_tell(s, err);
}

/* ---- On a worker ------------------------------------------------------- */

/* One file to be hashed, or (hash false) all to be looked at. */
struct staging_look {
	struct pg_errand errand; /* first */
	size_t n;
	struct pg_str *names, *paths; /* in the errand's arena */
	bool hash;
	int fd_plus1;
	struct pg_regular was;
	uint8_t sha[32];
};

static int
staging_missing(const struct staging_look *l, size_t i, struct pg_err *e)
{
	return pg_fail(e, PG_E_TRANSFER, "registered file '%.*s' is missing: "
	    "%.*s", PG_STR_ARG(l->names[i]), PG_STR_ARG(l->paths[i]));
}

static int
staging_run_look(struct pg_errand *r, struct pg_err *e)
{
	struct staging_look *l = PG_CONTAINER(r, struct staging_look,
	    errand);
	struct pg_err why = { 0 };
	size_t i;
	int fd;

	for (i = 0; i < l->n; i++) {
		fd = pg_regular_open(l->paths[i].p, &l->was, &why);
		if (fd < 0)
			return staging_missing(l, i, e);
		close(fd);
	}
	return 0;
}

static int
staging_run_hash(struct pg_errand *r, struct pg_err *e)
{
	struct staging_look *l = PG_CONTAINER(r, struct staging_look,
	    errand);
	struct pg_err why = { 0 };
	struct pg_regular after;
	int64_t size = 0;
	int fd = pg_regular_open(l->paths[0].p, &l->was, &why);

	if (fd < 0)
		return staging_missing(l, 0, e);
	l->fd_plus1 = fd + 1;
	if (pg_regular_read(fd, -1, l->sha, &size, e) < 0 ||
	    pg_regular_stat(fd, &after, e) < 0)
		return -1;
	if (size != l->was.size || !pg_regular_same(&after, &l->was))
		return pg_fail(e, PG_E_TRANSFER, "registered file '%.*s' is "
		    "being changed: %.*s", PG_STR_ARG(l->names[0]),
		    PG_STR_ARG(l->paths[0]));
	return 0;
}

static void
staging_look_fini(struct pg_errand *r)
{
	struct staging_look *l = PG_CONTAINER(r, struct staging_look,
	    errand);

	if (l->fd_plus1 > 0)
		close(l->fd_plus1 - 1);
}

/* Look at n files from the one at `at` on. */
static void
staging_look(struct pg_staging *s, size_t at, size_t n, bool hash,
    void (*done)(void *arg, struct pg_errand *r, const struct pg_err *err))
{
	struct staging_look *l = pg_errand_new(s->host, sizeof(*l));
	struct pg_arena *a = &l->errand.arena;
	size_t i;

	l->names = pg_arena_alloc(a, n * sizeof(l->names[0]));
	l->paths = pg_arena_alloc(a, n * sizeof(l->paths[0]));
	for (i = 0; i < n; i++) {
		l->names[i] = pg_arena_str(a, s->items[at + i].file->name);
		l->paths[i] = pg_arena_str(a, s->items[at + i].path);
	}
	l->n = n;
	l->errand.run = hash ? staging_run_hash : staging_run_look;
	l->errand.fini = staging_look_fini;
	l->errand.done = done;
	l->errand.arg = s;
	s->errand = &l->errand;
	pg_errand_start(&l->errand);
}

/* ---- To the target ----------------------------------------------------- */

/* The ArtifactRef is that of what we sent. */
static int
staging_check(struct pg_staging *s, const struct pg_value *v,
    struct pg_err *e)
{
	struct pg_staged *i = &s->items[s->at];
	struct pg_value *copy;
	struct pg_str id, sha = PG_STR_NULL, all;
	int64_t size = -1;

	if (pg_field_str(v, "artifact_id", &id, e) < 0 ||
	    pg_field_str_opt(v, "sha256", &sha, e) < 0 ||
	    pg_field_int_opt(v, "size_bytes", &size, e) < 0)
		return -1;
	all = pg_percent_encode(&s->arena, id);
	if (id.n == 0 || id.n > PG_FILE_NAME_MAX || !pg_str_eq(all, id))
		return pg_fail(e, PG_E_REMOTE, "the target named its copy "
		    "strangely");
	/* Whatever it holds: it is to be removed if the rest fails. */
	i->id = pg_arena_str(&s->arena, id);
	if (size != i->size_bytes || !pg_str_ieq(sha, i->sha256))
		return pg_fail(e, PG_E_REMOTE, "the target holds something "
		    "else");
	if (pg_value_copy(&s->arena, v, &copy) < 0)
		return pg_fail(e, PG_E_NOMEM, "no memory");
	i->artifact = copy;
	return 0;
}

static void
staging_on_sent(void *arg, const struct pg_response *r)
{
	struct pg_staging *s = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_err err = { 0 };

	s->call = NULL;
	pg_arena_init(&a, STAGING_ANSWER_MAX * 16);
	if (pg_remote_reply(s->host, s->target, r, &a, &v, &err) < 0 ||
	    staging_check(s, pg_value_get(v, "artifact"), &err) < 0) {
		staging_fail(s, &err);
	} else {
		staging_close(s);
		s->at++;
		staging_next(s);
	}
	pg_arena_fini(&a);
}

static void
staging_send(struct pg_staging *s)
{
	const struct pg_staged *i = &s->items[s->at];
	struct pg_arena a = { 0 };
	struct pg_request r = { .method = "POST", .nbody = 1,
		.content_type = "application/octet-stream",
		.timeout = s->timeout, .silence = PG_STAGING_SILENCE,
		.max_reply = STAGING_ANSWER_MAX };
	struct pg_str name = pg_percent_encode(&a, i->file->name);

	r.body[0].file = true;
	r.body[0].fd = s->fd_plus1 - 1;
	r.body[0].len = (uint64_t)i->size_bytes;
	/* An empty file is no body that has begun. */
	if (i->size_bytes == 0)
		r.body[0] = (struct pg_segment){ .text = PG_STR("") };
	s->call = pg_remote_start(s->host, s->target, &r, staging_on_sent, s,
	    "/artifacts?owner_agent_id=%.*s&name=%.*s&compression=&"
	    "expires_at=%.3f&sha256=%.*s&size=%" PRId64,
	    PG_STR_ARG(s->owner), PG_STR_ARG(name),
	    pg_to_seconds(pg_now_wall() + PG_STAGING_KEEP_TIME),
	    PG_STR_ARG(i->sha256), i->size_bytes);
	pg_arena_fini(&a);
}

/* What is in the paglet's work folder goes with that. */
static bool
staging_is_outside(const struct pg_staging *s, struct pg_str path,
    struct pg_str id)
{
	char folder[PG_FOLDER_PATH];
	struct pg_str f;

	if (pg_folder_path(s->host, id, folder, NULL) < 0)
		return true;
	f = pg_str(folder);
	return !pg_str_starts(path, f) || path.n <= f.n ||
	    path.p[f.n] != '/';
}

static void
staging_on_hashed(void *arg, struct pg_errand *r, const struct pg_err *err)
{
	struct pg_staging *s = arg;
	struct staging_look *l = PG_CONTAINER(r, struct staging_look,
	    errand);
	struct pg_staged *i = &s->items[s->at];
	struct pg_buf hex = PG_BUF_INIT(0);
	struct pg_err why;

	s->errand = NULL;
	if (err != NULL) {
		why = *err;
		staging_fail(s, &why);
		return;
	}
	pg_buf_hex(&hex, (struct pg_str){ (char *)l->sha, sizeof(l->sha) });
	i->sha256 = pg_arena_str(&s->arena, pg_buf_str(&hex));
	i->size_bytes = l->was.size;
	i->was = l->was;
	s->fd_plus1 = l->fd_plus1;
	l->fd_plus1 = 0;
	pg_buf_fini(&hex);
	staging_send(s);
}

static void
staging_next(struct pg_staging *s)
{
	if (s->at == s->n)
		staging_tell(s, NULL);
	else
		staging_look(s, s->at, 1, true, staging_on_hashed);
}

static void
staging_on_looked(void *arg, struct pg_errand *r, const struct pg_err *err)
{
	struct pg_staging *s = arg;
	struct pg_err why;

	(void)r;
	s->errand = NULL;
	if (err == NULL) {
		staging_next(s);
		return;
	}
	why = *err;
	staging_fail(s, &why);
}

/* Nothing of a file that never came here is there to be sent. */
static int
staging_list(struct pg_staging *s, struct pg_err *e)
{
	const struct pg_fileref *f;
	size_t i;

	s->n = s->files->n;
	s->items = pg_arena_zalloc(&s->arena, s->n * sizeof(s->items[0]));
	for (i = 0; i < s->n; i++) {
		f = &s->files->items[i];
		s->items[i].file = f;
		s->items[i].path = f->current_path.n > 0 ? f->current_path :
		    f->source_path;
		s->items[i].remove = f->move && !s->copies &&
		    staging_is_outside(s, s->items[i].path, s->owner);
		if (pg_str_eqz(f->status, PG_FILE_FAILED) ||
		    s->items[i].path.n == 0)
			return pg_fail(e, PG_E_TRANSFER, "registered file "
			    "'%.*s' is missing: %.*s", PG_STR_ARG(f->name),
			    PG_STR_ARG(s->items[i].path));
	}
	return 0;
}

PG_FN void
pg_staging_start(struct pg_staging *s, pg_staging_done *done)
{
	struct pg_err err = { 0 };

	s->done = done;
	if (s->files == NULL)
		staging_tell(s, NULL);
	else if (staging_list(s, &err) < 0)
		staging_fail(s, &err);
	else
		staging_look(s, 0, s->n, false, staging_on_looked);
}

/* ---- Afterwards -------------------------------------------------------- */

static void staging_undo_next(struct pg_staging *s);

static void
staging_on_removed(void *arg, const struct pg_response *r)
{
	struct pg_staging *s = arg;

	s->call = NULL;
	/* Who does not answer now is not asked for each: it expires. */
	s->at = r->status == 0 ? s->n : s->at + 1;
	staging_undo_next(s);
}

static void
staging_undo_next(struct pg_staging *s)
{
	struct pg_request r = { .method = "DELETE",
		.timeout = PG_STAGING_REMOVE_TIME,
		.max_reply = STAGING_ANSWER_MAX };

	while (s->at < s->n && s->items[s->at].id.n == 0)
		s->at++;
	if (s->at < s->n)
		s->call = pg_remote_start(s->host, s->target, &r,
		    staging_on_removed, s, "/artifacts/%.*s",
		    PG_STR_ARG(s->items[s->at].id));
	else
		staging_tell(s, NULL);
}

PG_FN void
pg_staging_undo(struct pg_staging *s, pg_staging_done *done)
{
	/* It may have come back while files were removed here. */
	pg_errand_abandon(s->errand);
	s->errand = NULL;
	if (s->call != NULL)
		pg_call_cancel(s->call);
	s->call = NULL;
	s->done = done;
	s->at = 0;
	staging_undo_next(s);
}

/* Files to be removed, without anybody who waits for it. */
struct staging_removal {
	struct pg_errand errand; /* first */
	struct pg_staged *items; /* in the errand's arena */
	size_t n;
};

static int
staging_run_remove(struct pg_errand *r, struct pg_err *e)
{
	struct staging_removal *m = PG_CONTAINER(r, struct staging_removal,
	    errand);
	size_t i;

	(void)e; /* what can not be removed has stayed */
	for (i = 0; i < m->n; i++)
		pg_regular_remove(m->items[i].path.p, &m->items[i].was);
	return 0;
}

static void
staging_on_committed(void *arg, struct pg_errand *r,
    const struct pg_err *err)
{
	struct pg_staging *s = arg;

	(void)r, (void)err;
	s->errand = NULL;
	staging_tell(s, NULL);
}

static struct staging_removal *
staging_removal(const struct pg_staging *s)
{
	struct staging_removal *m = pg_errand_new(s->host, sizeof(*m));
	struct pg_arena *a = &m->errand.arena;
	size_t i;

	m->items = pg_arena_alloc(a, (s->n + 1) * sizeof(m->items[0]));
	for (i = 0; i < s->n; i++) {
		if (!s->items[i].remove)
			continue;
		m->items[m->n] = s->items[i];
		m->items[m->n++].path = pg_arena_str(a, s->items[i].path);
	}
	return m;
}

PG_FN void
pg_staging_commit(struct pg_staging *s, pg_staging_done *done)
{
	struct staging_removal *m;

	s->done = done;
	if (s->errand != NULL)
		return; /* it is being done */
	m = s->n > 0 ? staging_removal(s) : NULL;
	if (m == NULL || m->n == 0) {
		if (m != NULL)
			pg_errand_free(&m->errand);
		staging_tell(s, NULL);
		return;
	}
	m->errand.run = staging_run_remove;
	m->errand.done = staging_on_committed;
	m->errand.arg = s;
	s->errand = &m->errand;
	pg_errand_start(&m->errand);
}

/* ---- Records ----------------------------------------------------------- */

PG_FN struct pg_value *
pg_staging_value(const struct pg_staging *s, struct pg_arena *a)
{
	struct pg_value *list, *d;
	const struct pg_staged *it;
	struct pg_fileref f;

	if (s->n == 0)
		return NULL;
	list = pg_value_list(a);
	for (it = s->items; it < s->items + s->n; it++) {
		f = *it->file;
		f.size_bytes = it->size_bytes;
		f.sha256 = it->sha256;
		f.current_host_name = s->host->name;
		f.current_host_url = s->host->address;
		f.current_path = it->path;
		d = pg_value_dict(a);
		pg_put(a, d, "file", pg_fileref_value(&f, a));
		pg_put(a, d, "artifact", it->artifact);
		pg_put_strz(a, d, "transfer_mode", f.move && !s->copies ?
		    "move" : "copy");
		pg_put_str(a, d, "source_path", it->path);
		pg_value_add(a, list, d);
	}
	return list;
}

PG_FN struct pg_value *
pg_staging_record(const struct pg_staging *s, struct pg_arena *a)
{
	struct pg_value *list, *d;
	const struct pg_staged *it;

	if (s->n == 0)
		return NULL;
	list = pg_value_list(a);
	for (it = s->items; it < s->items + s->n; it++) {
		d = pg_value_dict(a);
		pg_put_str(a, d, "artifact", it->id);
		pg_put_bool(a, d, "remove", it->remove);
		pg_put_str(a, d, "path", it->path);
		pg_put_int(a, d, "dev", (int64_t)it->was.dev);
		pg_put_int(a, d, "ino", (int64_t)it->was.ino);
		pg_put_int(a, d, "size", it->was.size);
		pg_put_int(a, d, "mtime", it->was.mtime);
		pg_value_add(a, list, d);
	}
	return list;
}

static int
staging_restore_item(struct pg_staging *s, const struct pg_value *v,
    struct pg_err *e)
{
	struct pg_staged *it = &s->items[s->n];
	int64_t dev = 0, ino = 0;

	if (pg_field_str(v, "artifact", &it->id, e) < 0 ||
	    pg_field_str(v, "path", &it->path, e) < 0 ||
	    pg_field_bool_opt(v, "remove", &it->remove, e) < 0 ||
	    pg_field_int_opt(v, "dev", &dev, e) < 0 ||
	    pg_field_int_opt(v, "ino", &ino, e) < 0 ||
	    pg_field_int_opt(v, "size", &it->was.size, e) < 0 ||
	    pg_field_int_opt(v, "mtime", &it->was.mtime, e) < 0)
		return -1;
	it->was.dev = (uint64_t)dev;
	it->was.ino = (uint64_t)ino;
	it->id = pg_arena_str(&s->arena, it->id);
	it->path = pg_arena_str(&s->arena, it->path);
	s->n++;
	return 0;
}

PG_FN int
pg_staging_restore(struct pg_staging *s, const struct pg_value *v,
    struct pg_err *e)
{
	uint32_t i;

	if (v == NULL || !pg_value_is_seq(v))
		return 0;
	s->items = pg_arena_zalloc(&s->arena, v->n * sizeof(s->items[0]));
	for (i = 0; i < v->n; i++)
		if (staging_restore_item(s, v->u.items[i], e) < 0)
			return -1;
	return 0;
}

PG_FN void
pg_staging_fini(struct pg_staging *s)
{
	pg_errand_abandon(s->errand);
	if (s->call != NULL)
		pg_call_cancel(s->call);
	staging_close(s);
	pg_files_unref(s->files);
	pg_arena_fini(&s->arena);
	*s = (struct pg_staging){ .host = NULL };
}

#undef STAGING_ANSWER_MAX
