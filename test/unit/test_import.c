/* test_import: shows that the files of an envelope are taken out of our
 * artifacts, or fetched from where they lie, into a folder that becomes the
 * paglet's; that whatever is wrong with one leaves none of them; and that it
 * can be stopped at every moment.
 *
 * Artifacts, folders and the client are pretended ones: one artifact "aa"
 * lies here, three bytes long.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/url codec/sha256 os/file os/regular os/loop os/work host/wire host/files host/errand host/remote host/obtain host/import */
/* wrap: pg_client_start pg_call_cancel pg_call_pause pg_call_resume pg_mesh_key_for pg_bind_was pg_folder_path pg_folder_stage pg_folder_adopt pg_folder_unstage pg_artifacts_find pg_artifacts_give_back pg_artifacts_lend pg_artifacts_take pg_artifacts_remove pg_deposit_begin pg_deposit_room pg_deposit_filled pg_deposit_finish pg_deposit_cancel */
#include "codec/json.h"
#include "host/bind.h"
#include "host/errand.h"
#include "host/folder.h"
#include "host/import.h"
#include "host/obtain.h"
#include "host/wire.h"
#include "net/client.h"
#include "state/artifact.h"

#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FAR "http://far:1"
#define ROOM 4 /* bytes that a deposit takes at a time */

struct pg_call {
	bool open, paused;
	char method[8], url[300];
	struct pg_request r;
	pg_client_done *done;
	void *arg;
};

static struct pg_host host;
static struct pg_import *import;
static struct pg_arena arena;
static struct pg_call call;
static char dir[64];
static struct pg_artifact here;
static int ncalls, ntold, nremoved, nunstaged, nadopted;
static bool lent; /* nobody finds it */
static struct pg_err told;
/* A take that is under way. */
static pg_artifact_done *taking;
static void *taking_arg;
/* What arrives: the bytes, of which so many fit until there is room again. */
static struct pg_buf arrived;
static size_t room;
static char memory[ROOM];
static bool depositing, deposit_fails;
static void (*on_room)(void *arg);
static void *deposit_arg;
static void (*on_deposited)(void *arg, const struct pg_artifact *a,
    const struct pg_err *err);

/* ---- what is wrapped -------------------------------------------------- */

struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	(void)c;
	assert_false(call.open);
	ncalls++;
	call = (struct pg_call){ .open = true, .r = *r, .done = done,
		.arg = arg };
	snprintf(call.method, sizeof(call.method), "%s", r->method);
	snprintf(call.url, sizeof(call.url), "%.*s", PG_STR_ARG(r->url));
	return &call;
}

void __wrap_pg_call_cancel(struct pg_call *c);
void
__wrap_pg_call_cancel(struct pg_call *c)
{
	assert_true(c->open);
	c->open = false;
}

void __wrap_pg_call_pause(struct pg_call *c);
void
__wrap_pg_call_pause(struct pg_call *c)
{
	assert_true(c->open && !c->paused);
	c->paused = true;
}

void __wrap_pg_call_resume(struct pg_call *c);
void
__wrap_pg_call_resume(struct pg_call *c)
{
	assert_true(c->open);
	c->paused = false;
}

struct pg_str __wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);
struct pg_str
__wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	(void)m, (void)url;
	return PG_STR_NULL;
}

bool __wrap_pg_bind_was(const struct pg_bind *b, struct pg_str url);
bool
__wrap_pg_bind_was(const struct pg_bind *b, struct pg_str url)
{
	(void)b;
	return pg_str_eqz(url, "http://before:1");
}

int __wrap_pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e);
int
__wrap_pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e)
{
	(void)h, (void)e;
	snprintf(out, PG_FOLDER_PATH, "%s/%.*s", dir, PG_STR_ARG(id));
	return 0;
}

int __wrap_pg_folder_stage(struct pg_host *h, char out[PG_FOLDER_PATH],
    struct pg_err *e);
int
__wrap_pg_folder_stage(struct pg_host *h, char out[PG_FOLDER_PATH],
    struct pg_err *e)
{
	(void)h, (void)e;
	snprintf(out, PG_FOLDER_PATH, "%s/.in", dir);
	return mkdir(out, 0700);
}

int __wrap_pg_folder_adopt(struct pg_host *h, struct pg_str id,
    const char *staged, struct pg_err *e);
int
__wrap_pg_folder_adopt(struct pg_host *h, struct pg_str id,
    const char *staged, struct pg_err *e)
{
	char path[PG_FOLDER_PATH];

	__wrap_pg_folder_path(h, id, path, e);
	nadopted++;
	return rename(staged, path) < 0 ? pg_fail_sys(e, "rename") : 0;
}

void __wrap_pg_folder_unstage(struct pg_host *h, const char *staged);
void
__wrap_pg_folder_unstage(struct pg_host *h, const char *staged)
{
	(void)h, (void)staged;
	nunstaged++;
}

const struct pg_artifact *__wrap_pg_artifacts_find(struct pg_artifacts *ar,
    struct pg_str id, struct pg_err *e);
const struct pg_artifact *
__wrap_pg_artifacts_find(struct pg_artifacts *ar, struct pg_str id,
    struct pg_err *e)
{
	(void)ar;
	if (pg_str_eqz(id, here.id) && !lent)
		return &here;
	pg_fail(e, PG_E_TRANSFER, "No artifact '%.*s'", PG_STR_ARG(id));
	return NULL;
}

int __wrap_pg_artifacts_take(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e);
int
__wrap_pg_artifacts_take(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e)
{
	FILE *f = fopen(path, "w");

	(void)ar, (void)e;
	assert_true(pg_str_eqz(id, here.id));
	assert_null(taking);
	fputs("abc", f);
	fclose(f);
	here.id[0] = '\0';
	taking = done;
	taking_arg = arg;
	return 0;
}

int __wrap_pg_artifacts_lend(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e);
int
__wrap_pg_artifacts_lend(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e)
{
	struct pg_artifact was = here;

	assert_int_equal(__wrap_pg_artifacts_take(ar, id, path, done, arg, e),
	    0);
	here = was;
	lent = true;
	return 0;
}

void __wrap_pg_artifacts_give_back(struct pg_artifacts *ar,
    struct pg_str id);
void
__wrap_pg_artifacts_give_back(struct pg_artifacts *ar, struct pg_str id)
{
	(void)ar;
	assert_true(lent && pg_str_eqz(id, here.id));
	lent = false;
}

int __wrap_pg_artifacts_remove(struct pg_artifacts *ar, struct pg_str id,
    pg_artifact_done *done, void *arg, struct pg_err *e);
int
__wrap_pg_artifacts_remove(struct pg_artifacts *ar, struct pg_str id,
    pg_artifact_done *done, void *arg, struct pg_err *e)
{
	(void)ar, (void)arg, (void)e;
	assert_null(done);
	assert_true(pg_str_eqz(id, here.id));
	here.id[0] = '\0';
	lent = false;
	nremoved++;
	return 0;
}

struct pg_deposit *__wrap_pg_deposit_begin(struct pg_artifacts *ar,
    const struct pg_deposit_spec *spec, void (*more)(void *arg), void *arg,
    struct pg_err *e);
struct pg_deposit *
__wrap_pg_deposit_begin(struct pg_artifacts *ar,
    const struct pg_deposit_spec *spec, void (*more)(void *arg), void *arg,
    struct pg_err *e)
{
	(void)ar;
	if (spec->size > 100) {
		pg_fail(e, PG_E_TRANSFER, "quota");
		return NULL;
	}
	assert_true(pg_str_eqz(spec->owner, "kim"));
	depositing = true;
	on_room = more;
	deposit_arg = arg;
	pg_buf_reset(&arrived);
	return (struct pg_deposit *)&arrived;
}

char *__wrap_pg_deposit_room(struct pg_deposit *d, size_t *n,
    struct pg_err *e);
char *
__wrap_pg_deposit_room(struct pg_deposit *d, size_t *n, struct pg_err *e)
{
	(void)d;
	if (deposit_fails) {
		pg_fail(e, PG_E_SYS, "disk full");
		return NULL;
	}
	*n = room;
	return room > 0 ? memory : NULL;
}

void __wrap_pg_deposit_filled(struct pg_deposit *d, size_t n);
void
__wrap_pg_deposit_filled(struct pg_deposit *d, size_t n)
{
	(void)d;
	assert_true(n <= room);
	room -= n;
	pg_buf_put(&arrived, memory, n);
}

void __wrap_pg_deposit_finish(struct pg_deposit *d, void (*done)(void *arg,
    const struct pg_artifact *a, const struct pg_err *err), void *arg);
void
__wrap_pg_deposit_finish(struct pg_deposit *d, void (*done)(void *arg,
    const struct pg_artifact *a, const struct pg_err *err), void *arg)
{
	(void)d;
	assert_ptr_equal(arg, deposit_arg);
	on_deposited = done;
}

void __wrap_pg_deposit_cancel(struct pg_deposit *d);
void
__wrap_pg_deposit_cancel(struct pg_deposit *d)
{
	if (d != NULL)
		depositing = false;
}

/* ---- helpers ---------------------------------------------------------- */

static void
lies_here(const char *owner)
{
	lent = false;
	here = (struct pg_artifact){ .id = "aa", .owner = pg_str(owner),
		.size = 3 };
	pg_sha256(PG_STR("abc"), here.sha256);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_import.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	host = (struct pg_host){ .name = PG_STR("alpha"),
		.address = PG_STR("http://a:1"),
		.artifacts = (struct pg_artifacts *)&here };
	host.loop = pg_loop_new(NULL);
	host.work = pg_work_new(host.loop, NULL);
	lies_here("kim");
	call.open = depositing = deposit_fails = false;
	ncalls = ntold = nremoved = nunstaged = nadopted = 0;
	taking = NULL;
	on_deposited = NULL;
	room = ROOM;
	import = NULL;
	return host.work == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	pg_imports_free(&host);
	assert_false(call.open);
	assert_false(depositing);
	pg_work_free(host.work);
	pg_errands_free(&host);
	pg_loop_free(host.loop);
	pg_buf_fini(&arrived);
	pg_arena_fini(&arena);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
on_done(void *arg, const struct pg_err *err)
{
	assert_ptr_equal(arg, &import);
	ntold++;
	told = err != NULL ? *err : (struct pg_err){ 0 };
}

static void
start(const char *json)
{
	struct pg_value *v;

	assert_int_equal(pg_json_read(pg_str(json), &arena, &v, NULL), 0);
	assert_true(pg_import_needed(v));
	import = pg_import_start(&host, PG_STR("kim"), v, on_done, &import);
}

static void
wait_told(void)
{
	int before = ntold;

	while (ntold == before)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
}

static void
taken(void)
{
	pg_artifact_done *done = taking;

	assert_non_null(done);
	taking = NULL;
	done(taking_arg, NULL);
}

/* It fails for that reason, and nothing is left but what lies elsewhere. */
static void
fails(const char *json, const char *why)
{
	int before = nunstaged;

	start(json);
	wait_told();
	assert_int_equal(told.code, PG_E_TRANSFER);
	assert_non_null(strstr(told.msg, "Could not import registered files "
	    "for paglet 'kim': "));
	if (strstr(told.msg, why) == NULL)
		fail_msg("%s", told.msg);
	pg_import_end(import, false);
	assert_null(host.imports);
	if (nunstaged > before)
		rmdir(pg_arena_printf(&arena, "%s/.in", dir).p);
}

#define ITEM(name, url, id, more)                                         \
	"{\"file\": {\"name\": \"" name "\"}, \"artifact\": {\"host_url\": " \
	"\"" url "\", \"artifact_id\": \"" id "\"" more "}}"

static void
answer(int status, const char *json)
{
	struct pg_response r = { .status = status };

	call.open = false;
	if (status == 0)
		pg_fail(&r.err, PG_E_UNREACHABLE, "nobody");
	else if (json != NULL)
		r.body = pg_bulk_copy(pg_str(json), NULL);
	call.done(call.arg, &r);
	pg_bulk_unref(r.body);
}

/* ---- out of our artifacts --------------------------------------------- */

static void
what_lies_here_is_taken(void **state)
{
	struct pg_files *f;

	(void)state;
	start("[" ITEM("../a b", "http://a:1/", "aa", ", \"size_bytes\": 3")
	    "]");
	taken();
	assert_int_equal(ntold, 1);
	assert_int_equal(told.code, PG_E_OK);
	f = pg_import_files(import);
	assert_int_equal(f->n, 1);
	assert_true(pg_str_eqz(f->items[0].name, "../a b"));
	assert_true(pg_str_eqz(f->items[0].status, PG_FILE_AVAILABLE));
	assert_int_equal(f->items[0].size_bytes, 3);
	assert_int_equal(pg_import_place(import, NULL), 0);
	assert_int_equal(access(f->items[0].current_path.p, F_OK), 0);
	assert_true(pg_str_eq(f->items[0].current_path, pg_arena_printf(
	    &arena, "%s/kim/a_b", dir)));
	pg_import_sync(import, on_done, &import);
	wait_told();
	assert_int_equal(told.code, PG_E_OK);
	assert_true(lent);
	pg_import_keep(import);
	assert_int_equal(nremoved, 1);
	pg_import_end(import, true);
	assert_int_equal(nremoved, 1);
	assert_int_equal(nunstaged, 0);
}

/* It was lent only, until the paglet is here. */
static void
what_fails_may_be_repeated(void **state)
{
	const char *json = "[" ITEM("x", "http://a:1", "aa", "") "]";
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		start(json);
		taken();
		assert_true(lent);
		pg_import_end(import, i == 2);
		assert_false(lent);
		assert_string_equal(here.id, i == 2 ? "" : "aa");
		assert_int_equal(system(pg_arena_printf(&arena,
		    "rm -rf %s/.in", dir).p), 0);
	}
	assert_int_equal(nremoved, 1);
	assert_int_equal(nunstaged, 2);
	lies_here("");
	start(json);
	taken();
	pg_import_keep(import);
	pg_import_end(import, false);
	assert_int_equal(nremoved, 2);
	assert_int_equal(nunstaged, 3);
}

static void
an_address_of_before_is_ours(void **state)
{
	(void)state;
	start("[" ITEM("x", "http://before:1", "aa", "") "]");
	taken();
	assert_int_equal(told.code, PG_E_OK);
	pg_import_end(import, false);
	assert_int_equal(nunstaged, 1);
}

static void
what_is_wrong_leaves_nothing(void **state)
{
	static const struct { const char *json, *why; } rows[] = {
		{ "[" ITEM("x", "http://a:1", "bb", "") "]",
		    "No artifact 'bb'" },
		{ "[" ITEM("x", "http://a:1", "../x", "") "]",
		    "invalid artifact id '../x'" },
		{ "[" ITEM("x", "http://a:1", "", "") "]",
		    "invalid artifact id ''" },
		{ "[" ITEM("x", "ftp://a:1", "aa", "") "]", "ftp" },
		{ "[" ITEM("x", "", "aa", "") "]", "" },
		{ "[" ITEM("", "http://a:1", "aa", "") "]", "empty" },
		{ "[" ITEM("x", "http://a:1", "aa", ", \"size_bytes\": 4")
		    "]", "size mismatch" },
		{ "[" ITEM("x", "http://a:1", "aa", ", \"sha256\": \"00\"")
		    "]", "mismatch" },
		{ "[" ITEM("x", "http://a:1", "aa", ", \"size_bytes\": \"x\"")
		    "]", "size_bytes" },
		{ "[{\"name\": \"x\", \"artifact\": 5}]", "must be dict" },
		{ "[{\"name\": \"x\", \"artifact\": {}}]", "artifact_id" },
		{ "[5, {\"name\": \"x\", \"artifact\": {}}]", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++)
		fails(rows[i].json, rows[i].why);
	assert_int_equal(nremoved, 0);
	assert_string_equal(here.id, "aa");
	/* What is another's is neither taken nor removed. */
	lies_here("somebody");
	fails("[" ITEM("x", "http://a:1", "aa", "") "]", "another paglet's");
	assert_string_equal(here.id, "aa");
	lies_here("");
	fails("[" ITEM("x", "http://a:1", "aa", "") ", "
	    ITEM("x", "http://a:1", "aa", "") "]", "two registered files");
	assert_int_equal(nremoved, 0);
}

static void
one_of_them_is_missing(void **state)
{
	(void)state;
	start("[" ITEM("x", "http://a:1", "aa", "") ", "
	    ITEM("y", "http://a:1", "bb", "") "]");
	taken();
	wait_told();
	assert_int_equal(told.code, PG_E_TRANSFER);
	pg_import_end(import, false);
	assert_int_equal(nunstaged, 1);
}

static void
so_many_come(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t n, i;

	(void)state;
	for (n = PG_FILES_MAX - 1; n <= PG_FILES_MAX + 1; n++) {
		pg_buf_reset(&b);
		for (i = 0; i < n; i++)
			pg_buf_printf(&b, "%s{\"file\": {\"name\": \"%zu\"}, "
			    "\"artifact\": {\"host_url\": \"http://a:1\", "
			    "\"artifact_id\": \"bb\"}}", i == 0 ? "[" : ", ",
			    i);
		pg_buf_puts(&b, PG_STR("]"));
		pg_buf_put(&b, "", 1);
		fails(b.p, n <= PG_FILES_MAX ? "No artifact 'bb'" :
		    "over 100 registered files");
	}
	pg_buf_fini(&b);
}

/* ---- from elsewhere --------------------------------------------------- */

static void
deposited(const struct pg_err *err)
{
	struct pg_artifact a = { .id = "aa", .size = 3 };

	assert_non_null(on_deposited);
	depositing = false;
	pg_sha256(PG_STR("abc"), a.sha256);
	on_deposited(deposit_arg, err == NULL ? &a : NULL, err);
	on_deposited = NULL;
}

static void
what_lies_elsewhere_is_fetched(void **state)
{
	(void)state;
	start("[" ITEM("x", FAR, "ff", ", \"size_bytes\": 3") "]");
	assert_string_equal(call.method, "GET");
	assert_string_equal(call.url, FAR "/artifacts/ff");
	assert_int_equal(call.r.silence, PG_OBTAIN_SILENCE);
	call.r.on_data(call.arg, PG_STR("abc"));
	answer(200, NULL);
	deposited(NULL);
	taken();
	assert_int_equal(told.code, PG_E_OK);
	assert_int_equal(pg_import_place(import, NULL), 0);
	/* Removed there once it is certain here. */
	assert_int_equal(ncalls, 1);
	pg_import_end(import, true);
	assert_string_equal(call.method, "DELETE");
	assert_string_equal(call.url, FAR "/artifacts/ff");
	answer(200, "{}");
}

static void
no_more_than_there_is_room_for(void **state)
{
	(void)state;
	start("[" ITEM("x", FAR, "ff", "") "]");
	call.r.on_data(call.arg, PG_STR("abcdef"));
	assert_int_equal(arrived.n, ROOM);
	assert_true(call.paused);
	/* What came all the same waits its turn. */
	call.r.on_data(call.arg, PG_STR("gh"));
	room = 3;
	on_room(deposit_arg);
	assert_true(call.paused);
	answer(200, NULL);
	assert_null(on_deposited);
	room = ROOM;
	on_room(deposit_arg);
	assert_non_null(on_deposited);
	assert_int_equal(arrived.n, 8);
	assert_memory_equal(arrived.p, "abcdefgh", 8);
	deposited(NULL);
	taken();
	pg_import_end(import, false);
}

static void
what_can_not_be_fetched(void **state)
{
	struct pg_err err = { 0 };

	(void)state;
	start("[" ITEM("x", FAR, "ff", ", \"size_bytes\": 101") "]");
	wait_told();
	assert_non_null(strstr(told.msg, "quota"));
	pg_import_end(import, false);
	rmdir(pg_arena_printf(&arena, "%s/.in", dir).p);
	start("[" ITEM("x", FAR, "ff", "") "]");
	answer(400, "{\"error_type\": \"TransferError\", \"error\": "
	    "\"No artifact 'ff'\"}");
	wait_told();
	assert_non_null(strstr(told.msg, "No artifact 'ff'"));
	pg_import_end(import, false);
	rmdir(pg_arena_printf(&arena, "%s/.in", dir).p);
	start("[" ITEM("x", FAR, "ff", "") "]");
	answer(0, NULL);
	wait_told();
	assert_non_null(strstr(told.msg, "nobody"));
	pg_import_end(import, false);
	rmdir(pg_arena_printf(&arena, "%s/.in", dir).p);
	start("[" ITEM("x", FAR, "ff", "") "]");
	deposit_fails = true;
	call.r.on_data(call.arg, PG_STR("abc"));
	assert_false(call.open);
	wait_told();
	assert_non_null(strstr(told.msg, "disk full"));
	pg_import_end(import, false);
	rmdir(pg_arena_printf(&arena, "%s/.in", dir).p);
	deposit_fails = false;
	start("[" ITEM("x", FAR, "ff", "") "]");
	answer(200, NULL);
	pg_fail(&err, PG_E_TRANSFER, "checksum mismatch");
	deposited(&err);
	wait_told();
	assert_non_null(strstr(told.msg, "checksum mismatch"));
	pg_import_end(import, false);
	assert_int_equal(ncalls, 4);
}

/* teardown stops it wherever it is. */
static void
stops_while_it_fetches(void **state)
{
	(void)state;
	start("[" ITEM("x", FAR, "ff", "") "]");
}

static void
stops_while_it_fails(void **state)
{
	(void)state;
	start("[" ITEM("x", "http://a:1", "bb", "") "]");
}

/* ---- copies and plain lists ------------------------------------------- */

static void
a_clone_has_copies(void **state)
{
	struct pg_fileref r = { .name = PG_STR("n"),
		.current_path = pg_arena_printf(&arena, "%s/file", dir) };
	struct pg_files *f = pg_files_with(NULL, &r, NULL), *g;
	FILE *file = fopen(r.current_path.p, "w");

	(void)state;
	fputs("abc", file);
	fclose(file);
	import = pg_import_copies(&host, PG_STR("kim"), f, on_done, &import);
	wait_told();
	assert_int_equal(told.code, PG_E_OK);
	assert_int_equal(pg_import_place(import, NULL), 0);
	g = pg_import_files(import);
	assert_int_equal(g->items[0].size_bytes, 3);
	assert_int_equal(g->items[0].sha256.n, 64);
	assert_int_equal(access(g->items[0].current_path.p, F_OK), 0);
	pg_import_end(import, true);
	unlink(r.current_path.p);
	import = pg_import_copies(&host, PG_STR("kim"), f, on_done, &import);
	wait_told();
	assert_int_equal(told.code, PG_E_TRANSFER);
	assert_non_null(strstr(told.msg, "registered file 'n' is missing: /"));
	pg_import_end(import, false);
	pg_files_unref(f);
}

static const char *
status_of(const char *path)
{
	struct pg_value *v, *list = pg_value_list(&arena);
	struct pg_files *f = NULL;
	const char *status;

	v = pg_value_dict(&arena);
	pg_put_strz(&arena, v, "name", "n");
	pg_put_strz(&arena, v, "current_path", path);
	pg_value_add(&arena, list, v);
	assert_false(pg_import_needed(list));
	assert_int_equal(pg_import_plain(&host, PG_STR("kim"), list, &f,
	    NULL), 0);
	status = pg_arena_str(&arena, f->items[0].status).p;
	pg_files_unref(f);
	return status;
}

static void
a_plain_list_gives_no_file_away(void **state)
{
	const char *folder = pg_arena_printf(&arena, "%s/kim", dir).p;
	static const char *const bad[] = { "/../x", "/a/b", "", "/", "x/y",
		"/.", "/.." };
	size_t i;

	(void)state;
	assert_string_equal(status_of("/etc/passwd"), PG_FILE_FAILED);
	assert_string_equal(status_of("x"), PG_FILE_FAILED);
	for (i = 0; i < PG_COUNT(bad); i++)
		assert_string_equal(status_of(pg_arena_printf(&arena, "%s%s",
		    folder, bad[i]).p), PG_FILE_FAILED);
	assert_string_equal(status_of(pg_arena_printf(&arena, "%s/x",
	    folder).p), PG_FILE_REGISTERED);
	assert_false(pg_import_needed(NULL));
	assert_false(pg_import_needed(pg_value_null(&arena)));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_lies_here_is_taken),
		T(what_fails_may_be_repeated),
		T(an_address_of_before_is_ours),
		T(what_is_wrong_leaves_nothing),
		T(one_of_them_is_missing),
		T(so_many_come),
		T(what_lies_elsewhere_is_fetched),
		T(no_more_than_there_is_room_for),
		T(what_can_not_be_fetched),
		T(stops_while_it_fetches),
		T(stops_while_it_fails),
		T(a_clone_has_copies),
		T(a_plain_list_gives_no_file_away),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
