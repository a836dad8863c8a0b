/* test_staging: shows that the files of a list are put down at a target one
 * by one, that nothing is sent when one is missing, that what was sent can be
 * taken back or, when the paglet has moved, be removed here; that all of this
 * survives in a record; and that it can be stopped at every moment.
 *
 * The client is a pretended one: it keeps the request, and the test answers.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/url codec/sha256 os/file os/regular os/loop os/work host/wire host/files host/errand host/remote host/staging */
/* wrap: pg_client_start pg_call_cancel pg_mesh_key_for pg_folder_path */
#include "codec/json.h"
#include "host/errand.h"
#include "host/folder.h"
#include "host/staging.h"
#include "host/wire.h"

#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TARGET "http://target:1"

struct pg_call {
	bool open;
	char method[8], url[2000], body[32];
	int64_t silence;
	pg_client_done *done;
	void *arg;
};

struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *c);
struct pg_str __wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);
int __wrap_pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e);

static struct pg_host host;
static struct pg_staging staging;
static struct pg_arena arena;
static struct pg_call call;
static char dir[64];
static int ncalls, ntold;
static struct pg_err told;
/* The sha256 of the last upload, out of its URL. */
static char sha[65];

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	const char *at;

	(void)c;
	assert_false(call.open);
	ncalls++;
	call = (struct pg_call){ .open = true, .silence = r->silence,
		.done = done, .arg = arg };
	snprintf(call.method, sizeof(call.method), "%s", r->method);
	snprintf(call.url, sizeof(call.url), "%.*s", PG_STR_ARG(r->url));
	if (r->nbody > 0 && r->body[0].file)
		assert_int_equal(pread(r->body[0].fd, call.body,
		    sizeof(call.body) - 1, (off_t)r->body[0].off),
		    r->body[0].len);
	at = strstr(call.url, "sha256=");
	if (at != NULL)
		snprintf(sha, sizeof(sha), "%.64s", at + 7);
	return &call;
}

void
__wrap_pg_call_cancel(struct pg_call *c)
{
	assert_true(c->open);
	c->open = false;
}

struct pg_str
__wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	(void)m;
	assert_true(pg_str_starts(url, PG_STR(TARGET)));
	return PG_STR_NULL;
}

int
__wrap_pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e)
{
	(void)h, (void)e;
	snprintf(out, PG_FOLDER_PATH, "%s/%s/%.*s", dir, "work",
	    PG_STR_ARG(id));
	return 0;
}

/* ---- helpers ---------------------------------------------------------- */

static const char *
at(const char *name)
{
	return pg_arena_printf(&arena, "%s/%s", dir, name).p;
}

static void
make(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool
there(const char *name)
{
	return access(at(name), F_OK) == 0;
}

static void
list(const char *name, bool move)
{
	struct pg_fileref r = { .name = pg_str(name), .move = move,
		.current_path = pg_str(at(name)),
		.status = PG_STR(PG_FILE_REGISTERED) };
	struct pg_files *f = pg_files_with(staging.files, &r, NULL);

	pg_files_unref(staging.files);
	staging.files = f;
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_staging.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	host = (struct pg_host){ .name = PG_STR("alpha"),
		.address = PG_STR("http://a:1") };
	host.loop = pg_loop_new(NULL);
	host.work = pg_work_new(host.loop, NULL);
	staging = (struct pg_staging){ .host = &host,
		.target = PG_STR(TARGET), .owner = PG_STR("kim"),
		.timeout = PG_SEC };
	call.open = false;
	ncalls = ntold = 0;
	mkdir(at("work"), 0700);
	mkdir(at("work/kim"), 0700);
	make("one", "abc");
	make("two", "");
	make("work/kim/three", "3");
	list("one", true);
	list("two", false);
	list("work/kim/three", true);
	return host.work == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	pg_staging_fini(&staging);
	pg_work_free(host.work);
	pg_errands_free(&host);
	pg_loop_free(host.loop);
	pg_arena_fini(&arena);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
on_done(struct pg_staging *s, const struct pg_err *err)
{
	assert_ptr_equal(s, &staging);
	ntold++;
	told = err != NULL ? *err : (struct pg_err){ 0 };
}

/* Until there is a request, or an end. */
static void
turn(void)
{
	int before = ntold;

	while (!call.open && ntold == before)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
}

static void
answer(int status, const char *json)
{
	struct pg_response r = { .status = status };

	call.open = false;
	if (status == 0)
		pg_fail(&r.err, PG_E_UNREACHABLE, "nobody");
	else
		r.body = pg_bulk_copy(pg_str(json), NULL);
	call.done(call.arg, &r);
	pg_bulk_unref(r.body);
}

/* As a target does. */
static void
take(const char *id, int size)
{
	answer(200, pg_arena_printf(&arena, "{\"artifact\": {\"host_url\": "
	    "\"" TARGET "\", \"artifact_id\": \"%s\", \"sha256\": \"%s\", "
	    "\"size_bytes\": %d}}", id, sha, size).p);
}

static void
put_all(void)
{
	pg_staging_start(&staging, on_done);
	turn();
	take("a1", 3);
	turn();
	take("a2", 0);
	turn();
	take("a3", 1);
	assert_int_equal(ntold, 1);
	assert_int_equal(told.code, PG_E_OK);
}

/* ---- tests ------------------------------------------------------------ */

static void
all_go_one_by_one(void **state)
{
	struct pg_value *v;

	(void)state;
	assert_null(pg_staging_value(&staging, &arena));
	pg_staging_start(&staging, on_done);
	assert_int_equal(ncalls, 0);
	turn();
	assert_string_equal(call.method, "POST");
	assert_non_null(strstr(call.url, TARGET
	    "/artifacts?owner_agent_id=kim&name=one&compression=&expires_at="));
	assert_non_null(strstr(call.url, "&sha256=ba7816bf"));
	assert_non_null(strstr(call.url, "&size=3"));
	assert_string_equal(call.body, "abc");
	assert_int_equal(call.silence, PG_STAGING_SILENCE);
	take("a1", 3);
	turn();
	assert_string_equal(call.body, "");
	take("a2", 0);
	turn();
	assert_non_null(strstr(call.url, "name=work%2Fkim%2Fthree&"));
	take("a3", 1);
	assert_int_equal(ntold, 1);
	assert_int_equal(told.code, PG_E_OK);
	v = pg_staging_value(&staging, &arena);
	assert_int_equal(v->n, 3);
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(v->u.items[0],
	    "transfer_mode"), PG_STR_NULL), "move"));
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(pg_value_get(
	    v->u.items[2], "artifact"), "artifact_id"), PG_STR_NULL), "a3"));
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(v->u.items[1],
	    "source_path"), PG_STR_NULL), at("two")));
	assert_int_equal(pg_value_get(pg_value_get(v->u.items[0], "file"),
	    "size_bytes")->u.i, 3);
}

static void
nothing_is_sent_when_one_is_missing(void **state)
{
	(void)state;
	unlink(at("work/kim/three"));
	pg_staging_start(&staging, on_done);
	turn();
	assert_int_equal(ncalls, 0);
	assert_int_equal(told.code, PG_E_TRANSFER);
	assert_non_null(strstr(told.msg,
	    "registered file 'work/kim/three' is missing: /"));
	pg_staging_undo(&staging, on_done);
	assert_int_equal(ntold, 2);
	assert_int_equal(ncalls, 0);
}

static void
none_at_all_is_fine(void **state)
{
	(void)state;
	pg_files_unref(staging.files);
	staging.files = NULL;
	pg_staging_start(&staging, on_done);
	assert_int_equal(ntold, 1);
	pg_staging_commit(&staging, on_done);
	assert_int_equal(ntold, 2);
	assert_null(pg_staging_record(&staging, &arena));
	assert_int_equal(pg_staging_restore(&staging, NULL, NULL), 0);
}

static void
what_was_sent_is_taken_back(void **state)
{
	(void)state;
	pg_staging_start(&staging, on_done);
	turn();
	take("a1", 3);
	turn();
	answer(400, "{\"error_type\": \"TransferError\", \"error\": "
	    "\"quota\"}");
	assert_int_equal(told.code, PG_E_TRANSFER);
	assert_string_equal(told.msg, "quota");
	pg_staging_undo(&staging, on_done);
	assert_string_equal(call.method, "DELETE");
	assert_string_equal(call.url, TARGET "/artifacts/a1");
	assert_int_equal(ntold, 1);
	answer(200, "{}");
	assert_int_equal(ntold, 2);
	assert_true(there("one"));
}

static void
who_is_silent_is_asked_once(void **state)
{
	(void)state;
	put_all();
	pg_staging_undo(&staging, on_done);
	answer(0, NULL);
	assert_int_equal(ntold, 2);
	assert_int_equal(ncalls, 4);
}

static void
strange_answers_fail(void **state)
{
	static const char *const rows[] = { "{}", "5", "{\"artifact\": 5}",
		"{\"artifact\": {\"artifact_id\": 5}}",
		"{\"artifact\": {\"artifact_id\": \"../x\"}}",
		"{\"artifact\": {\"artifact_id\": \"a?b\"}}",
		"{\"artifact\": {\"artifact_id\": \"\"}}",
		"{\"artifact\": {\"artifact_id\": \"a\", \"size_bytes\": 4}}",
		"{\"artifact\": {\"artifact_id\": \"a\", \"size_bytes\": 3, "
		    "\"sha256\": \"00\"}}" };
	struct pg_files *f = pg_files_ref(staging.files);
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		pg_staging_fini(&staging);
		staging = (struct pg_staging){ .host = &host,
			.files = pg_files_ref(f), .target = PG_STR(TARGET),
			.owner = PG_STR("kim") };
		pg_staging_start(&staging, on_done);
		turn();
		answer(200, rows[i]);
		assert_int_equal(ntold, i + 1);
		assert_int_equal(told.code, PG_E_TRANSFER);
	}
	/* What may lie there is taken back all the same. */
	pg_staging_undo(&staging, on_done);
	assert_string_equal(call.url, TARGET "/artifacts/a");
	pg_files_unref(f);
}

static void
sources_go_when_it_has_moved(void **state)
{
	(void)state;
	put_all();
	pg_staging_commit(&staging, on_done);
	turn();
	assert_int_equal(ntold, 2);
	assert_false(there("one"));
	assert_true(there("two"));
	/* The work folder is not ours to clear. */
	assert_true(there("work/kim/three"));
}

static void
another_file_of_that_name_stays(void **state)
{
	(void)state;
	put_all();
	unlink(at("one"));
	make("one", "not that one");
	pg_staging_commit(&staging, on_done);
	turn();
	assert_true(there("one"));
}

static void
a_clone_takes_nothing_away(void **state)
{
	(void)state;
	staging.copies = true;
	put_all();
	pg_staging_commit(&staging, on_done);
	assert_int_equal(ntold, 2);
	assert_true(there("one"));
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(pg_staging_value(
	    &staging, &arena)->u.items[0], "transfer_mode"), PG_STR_NULL),
	    "copy"));
}

/* What a host that starts again reads. */
static void
restart(void)
{
	struct pg_value *v = pg_staging_record(&staging, &arena), *copy;
	struct pg_buf b = PG_BUF_INIT(0);

	assert_int_equal(pg_json_write(&b, v, NULL), 0);
	assert_int_equal(pg_json_read(pg_arena_str(&arena, pg_buf_str(&b)),
	    &arena, &copy, NULL), 0);
	pg_buf_fini(&b);
	pg_staging_fini(&staging);
	staging = (struct pg_staging){ .host = &host,
		.target = PG_STR(TARGET), .owner = PG_STR("kim") };
	assert_int_equal(pg_staging_restore(&staging, copy, NULL), 0);
}

static void
a_record_is_enough(void **state)
{
	int i;

	(void)state;
	put_all();
	restart();
	restart();
	pg_staging_undo(&staging, on_done);
	for (i = 1; i <= 3; i++) {
		assert_true(call.open);
		assert_int_equal(call.url[strlen(call.url) - 1], '0' + i);
		answer(200, "{}");
	}
	assert_int_equal(ntold, 2);
	pg_staging_commit(&staging, on_done);
	turn();
	assert_false(there("one"));
	assert_true(there("two"));
	assert_true(there("work/kim/three"));
}

static void
hostile_records_are_refused(void **state)
{
	static const char *const rows[] = { "[5]", "[{}]",
		"[{\"artifact\": \"a\"}]", "[{\"artifact\": \"a\", \"path\": "
		    "\"/x\", \"remove\": 5}]" };
	struct pg_value *v;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		pg_staging_fini(&staging);
		staging.host = &host;
		assert_int_equal(pg_json_read(pg_str(rows[i]), &arena, &v,
		    NULL), 0);
		assert_int_equal(pg_staging_restore(&staging, v, NULL), -1);
	}
}

/* teardown stops it wherever it is. */
static void
stops_while_it_looks(void **state)
{
	(void)state;
	pg_staging_start(&staging, on_done);
}

static void
stops_while_it_sends(void **state)
{
	(void)state;
	pg_staging_start(&staging, on_done);
	turn();
}

static void
stops_while_it_hashes(void **state)
{
	(void)state;
	pg_staging_start(&staging, on_done);
	turn();
	take("a1", 3);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_go_one_by_one),
		T(nothing_is_sent_when_one_is_missing),
		T(none_at_all_is_fine),
		T(what_was_sent_is_taken_back),
		T(who_is_silent_is_asked_once),
		T(strange_answers_fail),
		T(sources_go_when_it_has_moved),
		T(another_file_of_that_name_stays),
		T(a_clone_takes_nothing_away),
		T(a_record_is_enough),
		T(hostile_records_are_refused),
		T(stops_while_it_looks),
		T(stops_while_it_sends),
		T(stops_while_it_hashes),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
