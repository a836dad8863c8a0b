/* test_register: shows what may be registered, under which name and up to
 * which size; that a list is on disk before anybody is told; and that what is
 * refused changes nothing.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/regular os/loop os/work host/wire host/files host/errand host/register */
/* wrap: pg_agent_ref pg_agent_unref pg_durable_files pg_folder_path */
#include "host/errand.h"
#include "host/folder.h"
#include "host/register.h"

#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct pg_host host;
static struct pg_agent agent;
static struct pg_arena arena;
static char dir[64];
static int ntold, nsaved;
static bool disk_fails;
static struct pg_err told;
static char name[300], path[PATH_MAX];
static int64_t size;

void __wrap_pg_agent_ref(struct pg_agent *a);
void
__wrap_pg_agent_ref(struct pg_agent *a)
{
	a->refs++;
}

void __wrap_pg_agent_unref(struct pg_agent *a);
void
__wrap_pg_agent_unref(struct pg_agent *a)
{
	a->refs--;
}

void __wrap_pg_durable_files(struct pg_agent *a, pg_durable_done *done,
    void *arg);
void
__wrap_pg_durable_files(struct pg_agent *a, pg_durable_done *done, void *arg)
{
	struct pg_err e = { 0 };

	assert_ptr_equal(a, &agent);
	nsaved++;
	if (disk_fails)
		pg_fail(&e, PG_E_SYS, "disk full");
	done(arg, disk_fails ? &e : NULL);
}

int __wrap_pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e);
int
__wrap_pg_folder_path(const struct pg_host *h, struct pg_str id,
    char out[PG_FOLDER_PATH], struct pg_err *e)
{
	(void)h, (void)e;
	assert_true(pg_str_eqz(id, "kim"));
	snprintf(out, PG_FOLDER_PATH, "%s/work", dir);
	return 0;
}

/* ---- helpers ---------------------------------------------------------- */

static const char *
at(const char *file)
{
	return pg_arena_printf(&arena, "%s/%s", dir, file).p;
}

static void
make(const char *file, const char *text)
{
	FILE *f = fopen(at(file), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_register.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	host = (struct pg_host){ .name = PG_STR("alpha"),
		.address = PG_STR("http://a:1") };
	host.cfg.artifact_max = -1;
	host.loop = pg_loop_new(NULL);
	host.work = pg_work_new(host.loop, NULL);
	agent = (struct pg_agent){ .host = &host, .id = PG_STR("kim") };
	ntold = nsaved = 0;
	disk_fails = false;
	mkdir(at("work"), 0700);
	make("one", "abc");
	make("work/two", "2");
	return host.work == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	pg_work_free(host.work);
	pg_errands_free(&host);
	pg_loop_free(host.loop);
	assert_int_equal(agent.refs, 0);
	pg_files_unref(agent.files);
	pg_arena_fini(&arena);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
on_done(void *arg, const struct pg_err *err, const struct pg_fileref *file)
{
	assert_ptr_equal(arg, &agent);
	ntold++;
	told = err != NULL ? *err : (struct pg_err){ 0 };
	assert_int_equal(err == NULL, file != NULL);
	if (file == NULL)
		return;
	snprintf(name, sizeof(name), "%.*s", PG_STR_ARG(file->name));
	snprintf(path, sizeof(path), "%.*s", PG_STR_ARG(file->current_path));
	size = file->size_bytes;
}

/* The code that it ends with. */
static enum pg_code
registers(const char *file, const char *as)
{
	int before = ntold;

	pg_register(&agent, pg_str(file), pg_str(as), false, on_done, &agent);
	assert_int_equal(ntold, before);
	while (ntold == before)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
	return told.code;
}

/* ---- tests ------------------------------------------------------------ */

static void
a_file_is_registered(void **state)
{
	(void)state;
	assert_int_equal(registers(at("one"), ""), PG_E_OK);
	assert_string_equal(name, "one");
	assert_string_equal(path, at("one"));
	assert_int_equal(size, 3);
	assert_int_equal(nsaved, 1);
	assert_int_equal(agent.files->n, 1);
	assert_int_equal(memcmp(agent.files->items[0].sha256.p, "ba7816bf",
	    8), 0);
	assert_true(pg_str_eqz(agent.files->items[0].source_host_url,
	    "http://a:1"));
	assert_true(agent.files->items[0].source_modified_at > 1e9);
	assert_int_equal(registers(at("one"), " another "), PG_E_OK);
	assert_string_equal(name, "another");
	assert_int_equal(agent.files->n, 2);
	assert_int_equal(registers("two", "one"), PG_E_OK);
	assert_string_equal(path, at("work/two"));
	assert_int_equal(agent.files->n, 2);
	/* Without dots and links on the way. */
	assert_int_equal(symlink(at("work"), at("link")), 0);
	assert_int_equal(registers(at("link/../link/two"), ""), PG_E_OK);
	assert_string_equal(path, at("work/two"));
}

static void
what_is_no_file_is_not(void **state)
{
	static const char *const rows[] = { "link", "fifo", "work", "nothing",
		"", "one/x" };
	size_t i;

	(void)state;
	assert_int_equal(symlink(at("one"), at("link")), 0);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	for (i = 0; i < PG_COUNT(rows); i++) {
		assert_int_equal(registers(at(rows[i]), ""), PG_E_TRANSFER);
		assert_non_null(strstr(told.msg,
		    "registered path is not a file: "));
	}
	assert_int_equal(registers("", ""), PG_E_TRANSFER);
	assert_int_equal(registers("/dev/zero", ""), PG_E_TRANSFER);
	assert_int_equal(registers(at("one"), " "), PG_E_TRANSFER);
	assert_int_equal(registers(at("one"), "a\nb"), PG_E_TRANSFER);
	make("\xff", "not UTF-8");
	assert_int_equal(registers(at("\xff"), "x"), PG_E_TRANSFER);
	assert_null(agent.files);
	assert_int_equal(nsaved, 0);
}

static void
a_file_has_a_size(void **state)
{
	(void)state;
	host.cfg.artifact_max = 4;
	assert_int_equal(registers(at("one"), ""), PG_E_OK);
	host.cfg.artifact_max = 3;
	assert_int_equal(registers(at("one"), ""), PG_E_OK);
	host.cfg.artifact_max = 2;
	assert_int_equal(registers(at("one"), ""), PG_E_TRANSFER);
	assert_non_null(strstr(told.msg, "over 2 bytes"));
}

static void
a_path_has_a_length(void **state)
{
	char *text = pg_arena_alloc(&arena, PG_FILE_PATH_MAX + 2);
	size_t n;

	(void)state;
	/* "/tmp/////…/one" is the same file. */
	for (n = PG_FILE_PATH_MAX - 1; n <= PG_FILE_PATH_MAX + 1; n++) {
		memset(text, '/', n);
		memcpy(text + n - strlen(at("one")), at("one"),
		    strlen(at("one")));
		text[n] = '\0';
		assert_int_equal(registers(text, ""), n <= PG_FILE_PATH_MAX ?
		    PG_E_OK : PG_E_TRANSFER);
	}
}

static void
on_gone(void *arg, const struct pg_err *err)
{
	(void)err;
	assert_ptr_equal(arg, &agent);
	ntold++;
}

/* And the list is what it was. */
static void
a_disk_that_fails_is_told(void **state)
{
	(void)state;
	disk_fails = true;
	assert_int_equal(registers(at("one"), ""), PG_E_SYS);
	assert_null(agent.files);
	disk_fails = false;
	assert_int_equal(registers(at("one"), ""), PG_E_OK);
	disk_fails = true;
	pg_unregister(&agent, PG_STR("one"), on_gone, &agent);
	assert_non_null(pg_files_find(agent.files, PG_STR("one")));
}

static void
a_list_gets_shorter(void **state)
{
	(void)state;
	pg_unregister(&agent, PG_STR("one"), on_gone, &agent);
	assert_int_equal(ntold, 1);
	assert_int_equal(nsaved, 0);
	registers(at("one"), "");
	pg_unregister(&agent, PG_STR("one"), on_gone, &agent);
	assert_int_equal(ntold, 3);
	assert_int_equal(nsaved, 2);
	assert_null(agent.files);
	assert_int_equal(access(at("one"), F_OK), 0);
}

static void
the_host_ends_meanwhile(void **state)
{
	(void)state;
	pg_register(&agent, pg_str(at("one")), PG_STR(""), true, on_done,
	    &agent);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_is_registered),
		T(what_is_no_file_is_not),
		T(a_file_has_a_size),
		T(a_path_has_a_length),
		T(a_disk_that_fails_is_told),
		T(a_list_gets_shorter),
		T(the_host_ends_meanwhile),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
