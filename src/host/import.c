/* import: see import.h. What is fetched from another host goes through our
 * own artifacts, so that their limits and their quota hold for it.
 */

#include "import.h"

#include "../codec/url.h"
#include "../net/client.h"
#include "../os/regular.h"
#include "../state/artifact.h"
#include "bind.h"
#include "errand.h"
#include "folder.h"
#include "obtain.h"
#include "remote.h"
#include "wire.h"

#include <unistd.h>

struct import_item {
	struct pg_fileref file;
	char stored[PG_FILE_STORED_MAX + 16];
	struct pg_str id; /* of the artifact; empty: a copy of a file here */
	struct pg_str url, sha256; /* where it is; as its sender says */
	int64_t size; /* the same; -1: not said */
	bool far;     /* on another host */
	bool lent;    /* the artifact is ours, and is lent for it */
};

struct pg_import {
	struct pg_host *host;
	struct pg_import *prev, *next;
	struct pg_arena arena;
	struct pg_str agent_id;
	struct pg_files *files; /* of what has come so far */
	struct import_item *items;
	size_t n, at;
	char staged[PG_FOLDER_PATH], place[PG_FOLDER_PATH];
	bool has_staged, has_place;
	char to[PG_FOLDER_PATH + PG_FILE_STORED_MAX + 16]; /* present file */
	struct pg_obtain *obtain; /* of the present file, or NULL */
	struct pg_errand *errand;
	struct pg_timer timer;
	struct pg_err err; /* told when it fires */
	pg_import_done *done;
	void *arg;
};

static void import_next(struct pg_import *im);

/* ---- Lists ------------------------------------------------------------- */

PG_FN bool
pg_import_needed(const struct pg_value *items)
{
	uint32_t i;

	for (i = 0; pg_value_is_seq(items) && i < items->n; i++)
		if (!pg_value_is(pg_value_get(items->u.items[i], "artifact"),
		    PG_T_NULL) && pg_value_get(items->u.items[i],
		    "artifact") != NULL)
			return true;
	return false;
}

/* A name within the folder, textually: what stands there is opened without
 * following links. */
static bool
import_is_within(struct pg_str path, struct pg_str folder)
{
	struct pg_str name = pg_str_skip(path, folder.n + 1);

	return pg_str_starts(path, folder) && name.n > 0 &&
	    path.p[folder.n] == '/' && memchr(name.p, '/', name.n) == NULL &&
	    name.p[0] != '.';
}

static int
import_add(struct pg_files **f, const struct pg_fileref *r, struct pg_err *e)
{
	struct pg_files *next = pg_files_with(*f, r, e);

	if (next == NULL)
		return -1;
	pg_files_unref(*f);
	*f = next;
	return 0;
}

PG_FN int
pg_import_plain(struct pg_host *h, struct pg_str agent_id,
    const struct pg_value *items, struct pg_files **out, struct pg_err *e)
{
	struct pg_files *list = NULL, *f = NULL;
	char folder[PG_FOLDER_PATH] = "";
	struct pg_fileref r;
	int rc = pg_files_read(items, &list, e);
	size_t i;

	pg_folder_path(h, agent_id, folder, NULL);
	for (i = 0; rc == 0 && list != NULL && i < list->n; i++) {
		r = list->items[i];
		if (folder[0] == '\0' || !import_is_within(r.current_path,
		    pg_str(folder))) {
			r.status = PG_STR(PG_FILE_FAILED);
			r.last_error = PG_STR("it came without its file");
		}
		rc = import_add(&f, &r, e);
	}
	pg_files_unref(list);
	if (rc < 0)
		pg_files_unref(f);
	else
		*out = f;
	return rc;
}

/* ---- Ends -------------------------------------------------------------- */

static void
import_free(struct pg_import *im)
{
	if (im->prev != NULL)
		im->prev->next = im->next;
	else
		im->host->imports = im->next;
	if (im->next != NULL)
		im->next->prev = im->prev;
	pg_timer_stop(&im->timer);
	pg_obtain_cancel(im->obtain);
	pg_errand_abandon(im->errand);
	pg_files_unref(im->files);
	pg_arena_fini(&im->arena);
	free(im);
}

static void
import_tell(struct pg_import *im, const struct pg_err *err)
{
	pg_import_done *done = im->done;

	im->done = NULL;
	done(im->arg, err);
}

static void
import_on_time(struct pg_timer *t)
{
	struct pg_import *im = PG_CONTAINER(t, struct pg_import, timer);

	import_tell(im, &im->err);
}

/* Told in a later turn; nothing else is under way. */
static void
import_fail(struct pg_import *im, const struct pg_err *err)
{
	struct pg_err why = *err;

	im->err = why;
	/* A copy within the host says enough by itself. */
	if (im->at >= im->n || im->items[im->at].id.n > 0)
		pg_fail(&im->err, PG_E_TRANSFER, "Could not import "
		    "registered files for paglet '%.*s': %s",
		    PG_STR_ARG(im->agent_id), why.msg);
	pg_timer_set(im->host->loop, &im->timer, 1, import_on_time);
}

PG_FN void
pg_imports_free(struct pg_host *h)
{
	while (h->imports != NULL)
		import_free(h->imports);
}

static void
import_on_deleted(void *arg, const struct pg_response *r)
{
	(void)arg, (void)r; /* what is left there expires */
}

static void
import_delete_far(struct pg_import *im, const struct import_item *it)
{
	struct pg_request r = { .method = "DELETE",
		.timeout = PG_IMPORT_REMOVE_TIME, .max_reply = 64 * 1024 };

	pg_remote_start(im->host, it->url, &r, import_on_deleted, NULL,
	    "/artifacts/%.*s", PG_STR_ARG(it->id));
}

/* ---- One file ---------------------------------------------------------- */

/* It lies in the folder: enter it into the list. */
static void
import_here(struct pg_import *im, struct pg_str sha256, int64_t size)
{
	struct import_item *it = &im->items[im->at];
	struct pg_fileref r = it->file;
	struct pg_arena a = { 0 };
	struct pg_err err = { 0 };
	int rc;

	it->lent = it->id.n > 0 && !it->far;
	r.size_bytes = size;
	r.sha256 = sha256;
	r.current_host_name = im->host->name;
	r.current_host_url = im->host->address;
	r.current_path = pg_arena_printf(&a, "%s/%s", im->place, it->stored);
	r.status = PG_STR(PG_FILE_AVAILABLE);
	r.last_error = PG_STR("");
	rc = import_add(&im->files, &r, &err);
	pg_arena_fini(&a);
	if (rc < 0) {
		import_fail(im, &err);
		return;
	}
	im->at++;
	import_next(im);
}

static void
import_on_taken(void *arg, const struct pg_err *err)
{
	struct pg_import *im = arg;
	struct import_item *it = &im->items[im->at];

	if (err != NULL)
		import_fail(im, err);
	else
		import_here(im, it->sha256, it->size);
}

/* An artifact of ours, which is what its sender said, and nobody else's. */
static int
import_check(struct pg_import *im, struct import_item *it, struct pg_err *e)
{
	const struct pg_artifact *a;
	struct pg_buf hex = PG_BUF_INIT(0);

	if (im->host->artifacts == NULL)
		return pg_fail(e, PG_E_TRANSFER, "No artifact '%.*s'",
		    PG_STR_ARG(it->id));
	a = pg_artifacts_find(im->host->artifacts, it->id, e);
	if (a == NULL) {
		/* Not what the peer asked for. */
		e->code = PG_E_TRANSFER;
		return -1;
	}
	if (a->owner.n > 0 && !pg_str_eq(a->owner, im->agent_id))
		return pg_fail(e, PG_E_TRANSFER, "artifact '%.*s' is another "
		    "paglet's", PG_STR_ARG(it->id));
	if (it->size >= 0 && (uint64_t)it->size != a->size)
		return pg_fail(e, PG_E_TRANSFER, "artifact size mismatch: "
		    "expected %" PRId64 ", got %" PRIu64, it->size, a->size);
	pg_buf_hex(&hex, (struct pg_str){ (const char *)a->sha256,
	    sizeof(a->sha256) });
	if (it->sha256.n > 0 && !pg_str_ieq(it->sha256, pg_buf_str(&hex)))
		pg_fail(e, PG_E_TRANSFER, "artifact checksum mismatch: "
		    "expected %.*s, got %.*s", PG_STR_ARG(it->sha256),
		    PG_STR_ARG(pg_buf_str(&hex)));
	if (e->code == PG_E_OK) {
		it->sha256 = pg_arena_str(&im->arena, pg_buf_str(&hex));
		it->size = (int64_t)a->size;
	}
	pg_buf_fini(&hex);
	return e->code == PG_E_OK ? 0 : -1;
}

static void
import_lend(struct pg_import *im)
{
	struct import_item *it = &im->items[im->at];
	struct pg_err err = { 0 };

	if (import_check(im, it, &err) < 0 ||
	    pg_artifacts_lend(im->host->artifacts, it->id, im->to,
	    import_on_taken, im, &err) < 0)
		import_fail(im, &err);
}

/* ---- From another host ------------------------------------------------- */

static void
import_on_obtained(void *arg, const struct pg_artifact *a,
    const struct pg_err *err)
{
	struct pg_import *im = arg;
	struct import_item *it = &im->items[im->at];
	struct pg_err no = { 0 };
	struct pg_str id = it->id;

	im->obtain = NULL;
	if (err != NULL) {
		import_fail(im, err);
		return;
	}
	/* As if it had been put down here. */
	it->id = pg_arena_str(&im->arena, pg_str(a->id));
	if (import_check(im, it, &no) < 0 ||
	    pg_artifacts_take(im->host->artifacts, it->id, im->to,
	    import_on_taken, im, &no) < 0) {
		pg_artifacts_remove(im->host->artifacts, it->id, NULL, NULL,
		    NULL);
		import_fail(im, &no);
	}
	it->id = id;
}

static void
import_fetch(struct pg_import *im)
{
	struct import_item *it = &im->items[im->at];
	struct pg_deposit_spec spec = { .size = it->size,
		.name = it->file.name, .owner = im->agent_id,
		.sha256 = it->sha256,
		.expires_at = pg_to_seconds(pg_now_wall() +
		    PG_ARTIFACT_SPOOL_TTL) };
	struct pg_err err = { 0 };

	im->obtain = pg_obtain_start(im->host, it->url, it->id, &spec,
	    import_on_obtained, im, &err);
	if (im->obtain == NULL)
		import_fail(im, &err);
}

/* ---- A copy ------------------------------------------------------------ */

struct import_copy {
	struct pg_errand errand; /* first */
	struct pg_str name, from, to; /* in the errand's arena */
	uint8_t sha[32];
	int64_t size;
};

static int
import_run_copy(struct pg_errand *r, struct pg_err *e)
{
	struct import_copy *c = PG_CONTAINER(r, struct import_copy, errand);
	struct pg_regular was;
	struct pg_err why = { 0 };
	int fd = pg_regular_open(c->from.p, &was, &why), rc;

	if (fd < 0)
		return pg_fail(e, PG_E_TRANSFER, "registered file '%.*s' is "
		    "missing: %.*s", PG_STR_ARG(c->name),
		    PG_STR_ARG(c->from));
	rc = pg_regular_copy(fd, c->to.p, c->sha, &c->size, e);
	close(fd);
	return rc;
}

static void
import_on_copied(void *arg, struct pg_errand *r, const struct pg_err *err)
{
	struct pg_import *im = arg;
	struct import_copy *c = PG_CONTAINER(r, struct import_copy, errand);
	struct pg_buf hex = PG_BUF_INIT(0);

	im->errand = NULL;
	pg_buf_hex(&hex, (struct pg_str){ (char *)c->sha, sizeof(c->sha) });
	if (err != NULL)
		import_fail(im, err);
	else
		import_here(im, pg_buf_str(&hex), c->size);
	pg_buf_fini(&hex);
}

static void
import_copy(struct pg_import *im)
{
	const struct pg_fileref *f = &im->items[im->at].file;
	struct import_copy *c = pg_errand_new(im->host, sizeof(*c));
	struct pg_arena *a = &c->errand.arena;

	c->name = pg_arena_str(a, f->name);
	c->from = pg_arena_str(a, f->current_path.n > 0 ? f->current_path :
	    f->source_path);
	c->to = pg_arena_str(a, pg_str(im->to));
	c->errand.run = import_run_copy;
	c->errand.done = import_on_copied;
	c->errand.arg = im;
	im->errand = &c->errand;
	pg_errand_start(&c->errand);
}

/* ---- All --------------------------------------------------------------- */

static void
import_next(struct pg_import *im)
{
	struct import_item *it = &im->items[im->at];

	if (im->at == im->n) {
		import_tell(im, NULL);
		return;
	}
	snprintf(im->to, sizeof(im->to), "%s/%s", im->staged, it->stored);
	if (it->id.n == 0)
		import_copy(im);
	else if (it->far)
		import_fetch(im);
	else
		import_lend(im);
}

/* Names that become the same on disk are told apart by a number. */
static void
import_name(struct pg_import *im, struct import_item *it)
{
	const struct import_item *o;
	unsigned nth = 0;

	do {
		pg_file_stored_name(it->file.name, ++nth, it->stored);
		for (o = im->items; o < it; o++)
			if (strcmp(o->stored, it->stored) == 0)
				break;
	} while (o < it);
}

static int
import_read_artifact(struct pg_import *im, const struct pg_value *v,
    struct import_item *it, struct pg_err *e)
{
	struct pg_host *h = im->host;
	struct pg_str url = PG_STR(""), plain;
	int64_t size = -1;

	if (!pg_value_is(v, PG_T_DICT))
		return pg_fail(e, PG_E_TRANSFER, "field 'artifact' must be "
		    "dict, got %s", pg_value_type_name(v));
	if (pg_field_str(v, "artifact_id", &it->id, e) < 0 ||
	    pg_field_str_opt(v, "host_url", &url, e) < 0 ||
	    pg_field_str_opt(v, "sha256", &it->sha256, e) < 0 ||
	    pg_field_int_opt(v, "size_bytes", &size, e) < 0 ||
	    pg_url_normalise(&im->arena, url, &it->url, e) < 0)
		return -1;
	plain = pg_percent_encode(&im->arena, it->id);
	if (it->id.n == 0 || it->id.n > PG_FILE_NAME_MAX ||
	    !pg_str_eq(plain, it->id))
		return pg_fail(e, PG_E_TRANSFER, "invalid artifact id '%.*s'",
		    PG_STR_ARG(it->id));
	/* A record without a hash knows no size either. */
	it->size = size > 0 || it->sha256.n > 0 ? size : -1;
	it->far = !pg_str_eq(it->url, h->address) &&
	    !pg_bind_was(h->bind, it->url);
	return 0;
}

static int
import_read(struct pg_import *im, const struct pg_value *items,
    struct pg_err *e)
{
	const struct pg_value *v, *file;
	struct import_item *it;

	if (items->n > PG_FILES_MAX)
		return pg_fail(e, PG_E_TRANSFER, "over %d registered files",
		    PG_FILES_MAX);
	im->items = pg_arena_zalloc(&im->arena, items->n * sizeof(*it));
	for (; im->n < items->n; im->n++) {
		it = &im->items[im->n];
		v = items->u.items[im->n];
		file = pg_value_get(v, "file");
		if (pg_fileref_read(pg_value_is(file, PG_T_DICT) ? file : v,
		    &it->file, e) < 0 || import_read_artifact(im,
		    pg_value_get(v, "artifact"), it, e) < 0)
			return -1;
		import_name(im, it);
	}
	return 0;
}

static int
import_check_names(const struct pg_import *im, struct pg_err *e)
{
	size_t i, k;

	for (i = 0; i < im->n; i++)
		for (k = 0; k < i; k++)
			if (pg_str_eq(im->items[i].file.name,
			    im->items[k].file.name))
				return pg_fail(e, PG_E_TRANSFER, "two "
				    "registered files are named '%.*s'",
				    PG_STR_ARG(im->items[i].file.name));
	return 0;
}

static struct pg_import *
import_new(struct pg_host *h, struct pg_str agent_id, pg_import_done *done,
    void *arg)
{
	struct pg_import *im = pg_alloc(sizeof(*im));

	im->host = h;
	im->next = h->imports;
	if (im->next != NULL)
		im->next->prev = im;
	h->imports = im;
	im->agent_id = pg_arena_str(&im->arena, agent_id);
	im->done = done;
	im->arg = arg;
	return im;
}

static void
import_begin(struct pg_import *im, int rc, struct pg_err *err)
{
	if (rc == 0)
		rc = import_check_names(im, err);
	if (rc == 0)
		rc = pg_folder_path(im->host, im->agent_id, im->place, err);
	if (rc == 0)
		rc = pg_folder_stage(im->host, im->staged, err);
	im->has_staged = rc == 0;
	if (rc < 0)
		import_fail(im, err);
	else
		import_next(im);
}

PG_FN struct pg_import *
pg_import_start(struct pg_host *h, struct pg_str agent_id,
    const struct pg_value *items, pg_import_done *done, void *arg)
{
	struct pg_import *im = import_new(h, agent_id, done, arg);
	struct pg_value *copy = NULL;
	struct pg_err err = { 0 };
	int rc;

	rc = pg_value_copy(&im->arena, items, &copy);
	if (rc == 0)
		rc = import_read(im, copy, &err);
	import_begin(im, rc, &err);
	return im;
}

PG_FN struct pg_import *
pg_import_copies(struct pg_host *h, struct pg_str agent_id,
    const struct pg_files *files, pg_import_done *done, void *arg)
{
	struct pg_import *im = import_new(h, agent_id, done, arg);
	struct pg_value *list = NULL;
	struct pg_err err = { 0 };
	int rc;

	rc = pg_value_copy(&im->arena, pg_files_value(files, &im->arena),
	    &list);
	im->items = pg_arena_zalloc(&im->arena, files->n *
	    sizeof(im->items[0]));
	for (; rc == 0 && im->n < files->n; im->n++) {
		rc = pg_fileref_read(list->u.items[im->n],
		    &im->items[im->n].file, &err);
		import_name(im, &im->items[im->n]);
	}
	import_begin(im, rc, &err);
	return im;
}

PG_FN struct pg_files *
pg_import_files(const struct pg_import *im)
{
	return im->files;
}

PG_FN int
pg_import_place(struct pg_import *im, struct pg_err *e)
{
	if (pg_folder_adopt(im->host, im->agent_id, im->staged, e) < 0)
		return -1;
	im->has_place = true;
	return 0;
}

struct import_sync {
	struct pg_errand errand; /* first */
	char path[PG_FOLDER_PATH + 8]; /* of a name in the folder */
};

static int
import_run_sync(struct pg_errand *r, struct pg_err *e)
{
	struct import_sync *s = PG_CONTAINER(r, struct import_sync, errand);

	if (pg_regular_sync_folder(s->path, e) < 0)
		return -1;
	*strrchr(s->path, '/') = '\0';
	return pg_regular_sync_folder(s->path, e);
}

static void
import_on_synced(void *arg, struct pg_errand *r, const struct pg_err *err)
{
	struct pg_import *im = arg;

	(void)r;
	im->errand = NULL;
	import_tell(im, err);
}

PG_FN void
pg_import_sync(struct pg_import *im, pg_import_done *done, void *arg)
{
	struct import_sync *s = pg_errand_new(im->host, sizeof(*s));

	snprintf(s->path, sizeof(s->path), "%s/x", im->place);
	s->errand.run = import_run_sync;
	s->errand.done = import_on_synced;
	s->errand.arg = im;
	im->errand = &s->errand;
	im->done = done;
	im->arg = arg;
	pg_errand_start(&s->errand);
}

PG_FN void
pg_import_keep(struct pg_import *im)
{
	struct import_item *it;

	for (it = im->items; it < im->items + im->n; it++) {
		/* What can not be removed now expires. */
		if (it->lent)
			pg_artifacts_remove(im->host->artifacts, it->id,
			    NULL, NULL, NULL);
		it->lent = false;
	}
}

PG_FN void
pg_import_end(struct pg_import *im, bool kept)
{
	struct import_item *it;

	if (im == NULL)
		return;
	if (kept)
		pg_import_keep(im);
	for (it = im->items; it < im->items + im->n; it++)
		if (kept && it->far)
			import_delete_far(im, it);
		else if (it->lent)
			pg_artifacts_give_back(im->host->artifacts, it->id);
	if (!kept && im->has_staged && !im->has_place)
		pg_folder_unstage(im->host, im->staged);
	import_free(im);
}
