/* test_replay: shows that a log with damage is read for the rest of it, but
 * not one that is nothing but damage; and that values of any length, kept in
 * memory or on disk, read back.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/sha256 os/file os/rand os/loop os/work state/journal state/record state/index state/compact state/replay state/bigstate state/store */
#include "base/log.h"
#include "base/mem.h"
#include "state/index.h"
#include "state/replay.h"
#include "state/store.h"

#include <dirent.h>
#include <setjmp.h>
#include <sys/stat.h>

#include <cmocka.h>

static char dir[64];
static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_store *store;

static void
open_store(void)
{
	struct pg_err e = { 0 };

	loop = pg_loop_new(NULL);
	work = pg_work_new(loop, NULL);
	store = pg_store_open(dir, loop, work, &e);
	if (store == NULL)
		fail_msg("%s", e.msg);
}

static void
close_store(void)
{
	pg_work_free(work);
	pg_store_close(store);
	pg_loop_free(loop);
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/test_replay.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	open_store();
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
put(const char *key, struct pg_str json)
{
	struct pg_change ch = { 0 };
	struct pg_err e = { 0 };

	pg_change_put(&ch, pg_str(key), json);
	if (pg_store_commit(store, &ch, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

/* Path of the only file of the log. */
static void
find_log(char *path, size_t n)
{
	char folder[100];
	struct dirent *d;
	DIR *list;

	snprintf(folder, sizeof(folder), "%s/log", dir);
	list = opendir(folder);
	assert_non_null(list);
	while ((d = readdir(list)) != NULL)
		if (d->d_name[0] != '.')
			snprintf(path, n, "%s/%s", folder, d->d_name);
	closedir(list);
}

/* Put so many damaged lines behind the first line of the log. */
static void
damage(const char *path, struct pg_str good, int lines)
{
	struct pg_buf b = PG_BUF_INIT(0);
	const char *end = memchr(good.p, '\n', good.n);
	size_t stamp;
	int i;

	assert_non_null(end);
	stamp = (size_t)(end - good.p) + 1;
	pg_buf_put(&b, good.p, stamp);
	for (i = 0; i < lines; i++)
		pg_buf_putz(&b, "00000000 2 {}\n");
	pg_buf_puts(&b, pg_str_skip(good, stamp));
	assert_int_equal(pg_file_write(path, pg_buf_str(&b), 0600, NULL), 0);
	pg_buf_fini(&b);
}

static void
so_much_damage_is_no_log(void **state)
{
	struct pg_buf good = PG_BUF_INIT(0), out = PG_BUF_INIT(0);
	char path[400];
	struct pg_store *s;
	struct pg_err e;
	int n;

	(void)state;
	put("k", PG_STR("5"));
	close_store();
	find_log(path, sizeof(path));
	assert_int_equal(pg_file_read(path, &good, NULL), 0);
	for (n = PG_REPLAY_CORRUPT_MAX - 1; n <= PG_REPLAY_CORRUPT_MAX + 1;
	    n++) {
		damage(path, pg_buf_str(&good), n);
		e = (struct pg_err){ 0 };
		s = pg_store_open_readonly(dir, &e);
		if (n > PG_REPLAY_CORRUPT_MAX) {
			assert_null(s);
			assert_int_equal(e.code, PG_E_LIMIT);
			continue;
		}
		assert_non_null(s);
		assert_int_equal(pg_store_corrupt(s), n);
		pg_buf_reset(&out);
		assert_int_equal(pg_store_get(s, PG_STR("k"), &out, &e), 0);
		assert_true(pg_str_eqz(pg_buf_str(&out), "5"));
		pg_store_close(s);
	}
	pg_buf_fini(&good);
	pg_buf_fini(&out);
}

/* Write file `number` of the log: its stamp, and one record. */
static void
write_file(unsigned number, bool base, const char *json)
{
	struct pg_buf b = PG_BUF_INIT(0);
	char path[100];

	pg_journal_stamp(&b, number, base);
	pg_journal_line(&b, pg_str(json));
	snprintf(path, sizeof(path), "%s/log/%04u", dir, number);
	assert_int_equal(pg_file_write(path, pg_buf_str(&b), 0600, NULL), 0);
	pg_buf_fini(&b);
}

/* Files that no crash can have taken away. */
static void
a_gap_is_damage(void **state)
{
	static const struct {
		unsigned files[4], base;
		size_t damage;
	} t[] = {
		{ { 1 }, 0, 0 }, { { 1, 2 }, 0, 0 }, { { 1, 3, 5 }, 0, 0 },
		{ { 2, 3 }, 2, 0 }, { { 2 }, 0, 1 }, { { 3 }, 0, 1 },
		{ { 1, 4 }, 0, 1 }, { { 1, 5, 6 }, 0, 1 },
		{ { 1, 5, 9 }, 0, 1 }, { { 1, 5, 9 }, 5, 1 },
		{ { 1, 5, 6 }, 5, 0 }, { { 4, 7, 9 }, 9, 0 },
	};
	char command[128];
	struct pg_store *s;
	struct pg_err e;
	size_t i, k;

	(void)state;
	close_store();
	for (i = 0; i < PG_COUNT(t); i++) {
		snprintf(command, sizeof(command), "rm -f %s/log/*", dir);
		assert_int_equal(system(command), 0);
		for (k = 0; t[i].files[k] != 0; k++)
			write_file(t[i].files[k], t[i].files[k] == t[i].base,
			    "{\"put\": {\"a\": 1}}");
		s = pg_store_open_readonly(dir, &e);
		assert_non_null(s);
		assert_int_equal(pg_store_corrupt(s), t[i].damage);
		assert_int_equal(pg_store_stats(s).records, 1);
		pg_store_close(s);
	}
}

/* What would keep a reader waiting is told from a file. */
static void
a_fifo_is_no_file(void **state)
{
	struct pg_err e = { 0 };
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "%s/states/s", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(pg_store_read_state(store, PG_STR("s"), &e));
	assert_non_null(strstr(e.msg, "not a regular file"));
	close_store();
	snprintf(path, sizeof(path), "%s/log/0002", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(pg_store_open_readonly(dir, &e));
	assert_non_null(strstr(e.msg, "log/0002: not a regular file"));
}

static int
drop(void *arg, struct pg_str key, struct pg_str json, struct pg_err *e)
{
	struct pg_change ch = { 0 };

	(void)json;
	++*(int *)arg;
	pg_change_del(&ch, key);
	return pg_store_commit(store, &ch, NULL, e);
}

static void
a_walk_may_delete_where_it_is(void **state)
{
	struct pg_err e = { 0 };
	int n = 0;

	(void)state;
	put("a", PG_STR("1"));
	put("b", PG_STR("2"));
	put("c", PG_STR("3"));
	assert_int_equal(pg_store_each(store, drop, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_int_equal(pg_store_stats(store).records, 0);
	close_store();
}

/* A text of JSON that is n bytes long. */
static struct pg_str
text_of(char *room, size_t n)
{
	memset(room, 'v', n);
	room[0] = room[n - 1] = '"';
	return (struct pg_str){ room, n };
}

static void
assert_holds(const char *key, struct pg_str expected)
{
	struct pg_buf out = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	assert_int_equal(pg_store_get(store, pg_str(key), &out, &e), 0);
	assert_true(pg_str_eq(pg_buf_str(&out), expected));
	pg_buf_fini(&out);
}

/* Small values are kept in memory, large ones read from the disk. */
static void
values_of_any_length_read_back(void **state)
{
	static const size_t lengths[] = { 2, PG_INDEX_KEEP_MAX - 1,
		PG_INDEX_KEEP_MAX, PG_INDEX_KEEP_MAX + 1,
		10 * PG_INDEX_KEEP_MAX, 2 };
	char room[10 * PG_INDEX_KEEP_MAX], key[20];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(lengths); i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		put(key, text_of(room, lengths[i]));
		assert_holds(key, text_of(room, lengths[i]));
		/* One key that is now kept, now not. */
		put("same", text_of(room, lengths[i]));
		assert_holds("same", text_of(room, lengths[i]));
	}
	close_store();
	open_store();
	for (i = 0; i < PG_COUNT(lengths); i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		assert_holds(key, text_of(room, lengths[i]));
	}
	assert_holds("same", text_of(room, 2));
	close_store();
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(so_much_damage_is_no_log),
		T(a_gap_is_damage),
		T(a_fifo_is_no_file),
		T(a_walk_may_delete_where_it_is),
		T(values_of_any_length_read_back),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
