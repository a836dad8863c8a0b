/* test_rejoin: shows that the hosts known are kept in mesh.json and are back
 * after a restart, when it is written, and that a file that is missing, bad,
 * too large or cannot be written does no harm.
 *
 * There are no workers: the test runs the job when it likes.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop host/wire os/sock host/hostref host/seal host/named host/registry host/mesh host/rejoin */
/* wrap: pg_work_submit pg_file_write */
#include "host/rejoin.h"
#include "meshkit.h"

#include "os/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/paglets-rejoin-XXXXXX", path[64];
static struct pg_job *job;
static size_t writes;
static bool fails, busy;

int __wrap_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);
int __wrap_pg_file_write(const char *to, struct pg_str bytes, unsigned mode,
    struct pg_err *e);
int __real_pg_file_write(const char *to, struct pg_str bytes, unsigned mode,
    struct pg_err *e);

int
__wrap_pg_work_submit(struct pg_work *w, struct pg_job *j, struct pg_err *e)
{
	(void)w;
	assert_null(job);
	if (busy)
		return pg_fail(e, PG_E_BUSY, "too much to do");
	job = j;
	return 0;
}

int
__wrap_pg_file_write(const char *to, struct pg_str bytes, unsigned mode,
    struct pg_err *e)
{
	assert_string_equal(to, path);
	assert_int_equal(mode, 0600);
	writes++;
	if (fails)
		return pg_fail(e, PG_E_SYS, "disk full");
	return __real_pg_file_write(to, bytes, mode, e);
}

static void
on_news(void *arg)
{
	(void)arg;
}

static void
on_remove(void *arg, struct pg_member *h)
{
	(void)arg;
	(void)h;
}

static void
begin(void)
{
	host.mesh = pg_mesh_new(&host, on_news, on_remove, NULL);
	host.rejoin = pg_rejoin_new(&host);
}

static void
end(void)
{
	pg_rejoin_free(host.rejoin);
	pg_mesh_free(host.mesh);
	host.rejoin = NULL;
	host.mesh = NULL;
	job = NULL;
}

static int
setup(void **state)
{
	(void)state;
	writes = 0;
	fails = busy = false;
	job = NULL;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/mesh.json", dir);
	if (kit_open() < 0)
		return -1;
	host.cfg.state_dir = dir;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	end();
	kit_close();
	unlink(path);
	return rmdir(dir);
}

static void
joins(const char *text)
{
	struct pg_value *answer;
	struct pg_err e = { 0 };

	if (pg_mesh_join(host.mesh, ref_value(text, NULL), true, &arena, &answer,
	    &e) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static bool
knows(const char *url)
{
	return pg_registry_get(&host.mesh->registry, pg_str(url)) != NULL;
}

static void
turn(int64_t ns)
{
	pass(ns);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

/* What a worker and then the loop do. */
static void
work(void)
{
	struct pg_job *j = job;

	assert_non_null(j);
	job = NULL;
	j->run(j);
	j->done(j);
}

static const char *
on_disk(void)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str s = PG_STR("");

	if (pg_file_read(path, &b, NULL) == 0)
		s = pg_arena_str(&arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	return s.p;
}

static void
put_on_disk(const char *text)
{
	struct pg_err e = { 0 };

	if (__real_pg_file_write(path, pg_str(text), 0600, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
saves_what_changed(void **state)
{
	(void)state;
	begin();
	turn(PG_REJOIN_TIME);
	assert_null(job);
	joins(BOOT("h:1", "b", 1));
	turn(PG_REJOIN_TIME - 1);
	assert_null(job);
	turn(1);
	work();
	assert_non_null(strstr(on_disk(), "\"http://h:1\""));
	/* A sign of life changes nothing that is worth a write. */
	joins(BOOT("h:1", "b", 2));
	turn(PG_REJOIN_TIME);
	assert_null(job);
	joins(BOOT("h:1", "b", 3) ", \"online\": false");
	turn(PG_REJOIN_TIME);
	assert_non_null(job);
	/* While one is under way, the next waits. */
	joins(BOOT("h:2", "c", 1));
	turn(PG_REJOIN_TIME);
	work();
	assert_null(strstr(on_disk(), "\"http://h:2\""));
	turn(PG_REJOIN_TIME);
	work();
	assert_non_null(strstr(on_disk(), "\"http://h:2\""));
	assert_int_equal(writes, 3);
}

static void
saves_at_the_end(void **state)
{
	struct stat st;

	(void)state;
	begin();
	joins(BOOT("h:1", "b", 1));
	end();
	assert_int_equal(writes, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	begin();
	assert_true(knows("http://h:1"));
	joins(BOOT("h:2", "c", 1));
	turn(PG_REJOIN_TIME);
	/* The workers have ended before they came to it. */
	end();
	begin();
	assert_true(knows("http://h:1"));
	assert_true(knows("http://h:2"));
}

/* The beat goes on, whatever this machine's clock does. */
static void
saves_the_beat(void **state)
{
	struct pg_value *self;
	int64_t beat, t;

	(void)state;
	begin();
	for (t = 0; t < PG_MESH_BEAT_LEAP / 2 * PG_MS; t += PG_REJOIN_TIME) {
		assert_null(job);
		turn(PG_REJOIN_TIME);
	}
	work();
	for (t = 0; t < PG_MESH_BEAT_LEAP / 2 * PG_MS - PG_REJOIN_TIME;
	    t += PG_REJOIN_TIME) {
		turn(PG_REJOIN_TIME);
		assert_null(job);
	}
	self = pg_mesh_self(host.mesh, &arena);
	beat = pg_value_get(self, "beat")->u.i;
	/* It is killed here. */
	fails = true;
	end();
	fails = false;
	now = 0;
	pg_clock_fake(PG_SEC, PG_SEC);
	begin();
	self = pg_mesh_self(host.mesh, &arena);
	assert_true(pg_value_get(self, "beat")->u.i > beat);
}

static void
failures_are_made_good(void **state)
{
	(void)state;
	begin();
	joins(BOOT("h:1", "b", 1));
	fails = true;
	turn(PG_REJOIN_TIME);
	work();
	assert_string_equal(on_disk(), "");
	turn(PG_REJOIN_TIME);
	work();
	fails = false;
	turn(PG_REJOIN_TIME);
	work();
	assert_non_null(strstr(on_disk(), "\"http://h:1\""));
	turn(PG_REJOIN_TIME);
	assert_null(job);
	/* Nor is it lost if the workers have too much to do. */
	joins(BOOT("h:2", "c", 1));
	busy = true;
	turn(PG_REJOIN_TIME);
	busy = false;
	turn(PG_REJOIN_TIME);
	work();
	assert_non_null(strstr(on_disk(), "\"http://h:2\""));
}

static void
bad_files_do_no_harm(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "\x80\x04.",
		"{\"version\": 7, \"hosts\": []}",
		"{\"version\": 1, \"hosts\": [{}, 1, \"x\", "
		    REF URL("h:1") ", \"boot\": 5}]}",
	};
	size_t i;

	(void)state;
	begin(); /* no file at all */
	assert_int_equal(host.mesh->registry.nhosts, 0);
	end();
	for (i = 0; i < PG_COUNT(bad); i++) {
		put_on_disk(bad[i]);
		writes = 0;
		begin();
		assert_int_equal(host.mesh->registry.nhosts, 0);
		/* Left alone until there is something to be written. */
		turn(PG_REJOIN_TIME);
		assert_null(job);
		assert_string_equal(on_disk(), bad[i]);
		joins(BOOT("h:1", "b", 1));
		turn(PG_REJOIN_TIME);
		work();
		assert_non_null(strstr(on_disk(), "\"http://h:1\""));
		end();
	}
	/* No file, but a folder. */
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	begin();
	joins(BOOT("h:1", "b", 1));
	turn(PG_REJOIN_TIME);
	work();
	end();
	assert_int_equal(rmdir(path), 0);
	begin();
}

/* A table with blanks before it, of n bytes. */
static void
put_large(size_t n)
{
	static const char text[] = "{\"version\": 1, \"hosts\": [" REF
	    URL("h:1") "}]}";
	char *blanks = malloc(n);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0 && blanks != NULL);
	memset(blanks, ' ', n);
	memcpy(blanks + n - strlen(text), text, strlen(text));
	assert_int_equal(write(fd, blanks, n), (ssize_t)n);
	close(fd);
	free(blanks);
}

static void
files_have_a_limit(void **state)
{
	size_t n;

	(void)state;
	for (n = PG_REJOIN_FILE_MAX - 1; n <= PG_REJOIN_FILE_MAX + 1; n++) {
		put_large(n);
		begin();
		assert_int_equal(knows("http://h:1"),
		    n <= PG_REJOIN_FILE_MAX);
		end();
	}
	begin();
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(saves_what_changed),
		T(saves_at_the_end),
		T(saves_the_beat),
		T(failures_are_made_good),
		T(bad_files_do_no_harm),
		T(files_have_a_limit),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
