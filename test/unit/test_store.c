/* test_store: shows, with real files, a real loop and real workers, that what
 * was committed is there after reopening, in order; that commits that wait
 * together share a sync; that a torn tail is cut at any byte and damage is
 * set aside; that the log is compacted while it is used; that a folder has
 * one owner; and that ten thousand records are read at once.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/sha256 os/file os/rand os/loop os/work state/journal state/record state/index state/compact state/replay state/bigstate state/store */
#include "base/log.h"
#include "state/journal.h"
#include "state/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_store *store;

static void
start(void)
{
	struct pg_err e = { 0 };

	loop = pg_loop_new(&e);
	work = pg_work_new(loop, &e);
	store = pg_store_open(dir, loop, work, &e);
	if (store == NULL)
		fail_msg("%s", e.msg);
}

static void
stop(void)
{
	pg_work_free(work);
	pg_store_close(store);
	pg_loop_free(loop);
	store = NULL;
}

static void
restart(void)
{
	stop();
	start();
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_store.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	pg_log_set_level(PG_LOG_ERROR);
	start();
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	stop();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* A path in the folder; valid until the next call but one. */
static const char *
path_of(const char *name)
{
	static char path[2][160];
	static int i;

	i = !i;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

/* ---- What commits come to ---- */

static int ndone, nfailed;

struct waiter {
	struct pg_commit commit;
	bool may, called;
};

static void
on_done(struct pg_commit *c, const struct pg_err *err)
{
	struct waiter *w = PG_CONTAINER(c, struct waiter, commit);

	assert_true(w->may);
	assert_false(w->called);
	w->called = true;
	ndone++;
	nfailed += err != NULL;
}

static void
commit(struct pg_change *ch, struct waiter *w)
{
	struct pg_err e = { 0 };

	if (w != NULL)
		*w = (struct waiter){ .commit.done = on_done };
	if (pg_store_commit(store, ch, w != NULL ? &w->commit : NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(ch->puts.n + ch->dels.n, 0);
	if (w != NULL)
		w->may = true;
}

static void
turn(void)
{
	assert_int_equal(pg_loop_turn(loop, PG_SEC, NULL), 0);
}

static void
turn_until(int n)
{
	int64_t end = pg_now() + 100 * PG_SEC;

	while (ndone < n && pg_now() < end)
		turn();
	assert_int_equal(ndone, n);
}

/* Until all that was committed is on disk. */
static void
settle(void)
{
	struct pg_change ch = { .wrong = NULL };
	struct waiter w;

	ndone = nfailed = 0;
	commit(&ch, &w);
	turn_until(1);
	assert_int_equal(nfailed, 0);
}

static void
put(const char *key, const char *json)
{
	struct pg_change ch = { .wrong = NULL };

	pg_change_put(&ch, pg_str(key), pg_str(json));
	commit(&ch, NULL);
}

static void
del(const char *key)
{
	struct pg_change ch = { .wrong = NULL };

	pg_change_del(&ch, pg_str(key));
	commit(&ch, NULL);
}

/* A text of n bytes in quotes, of which c is the first. */
static char *
long_json(char c, size_t n)
{
	char *z = malloc(n + 1);

	memset(z, 'x', n);
	z[0] = z[n - 1] = '"';
	z[1] = c;
	z[n] = '\0';
	return z;
}

static void
put_long(const char *key, char c, size_t n)
{
	char *z = long_json(c, n);

	put(key, z);
	free(z);
}

static void
assert_has(const char *key, const char *json)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };
	int rc = pg_store_get(store, pg_str(key), &b, &e);

	if (rc < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(rc, json == NULL);
	if (json != NULL)
		assert_true(pg_str_eqz(pg_buf_str(&b), json));
	pg_buf_fini(&b);
}

static void
assert_has_long(const char *key, char c, size_t n)
{
	char *z = long_json(c, n);

	assert_has(key, z);
	free(z);
}

static int
add_key(void *arg, struct pg_str key, struct pg_str json, struct pg_err *e)
{
	struct pg_buf *b = arg;

	(void)e;
	pg_buf_printf(b, "%.*s=%.*s ", PG_STR_ARG(key),
	    (int)PG_MIN(json.n, (size_t)20), json.p);
	return 0;
}

/* All records, in their order. */
static void
assert_all(struct pg_store *s, const char *want)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	assert_int_equal(pg_store_each(s, add_key, &b, &e), 0);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, want);
	pg_buf_fini(&b);
}

static size_t
count_files(const char *name)
{
	DIR *d = opendir(path_of(name));
	struct dirent *f;
	size_t n = 0;

	assert_non_null(d);
	while ((f = readdir(d)) != NULL)
		n += f->d_name[0] != '.';
	closedir(d);
	return n;
}

static struct pg_buf
read_file(const char *name)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	if (pg_file_read(path_of(name), &b, &e) < 0)
		fail_msg("%s", e.msg);
	return b;
}

static void
write_file(const char *name, struct pg_str bytes)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pg_journal_pwrite(fd, bytes, 0), 0);
	close(fd);
}

/* ---- Commits ---- */

static void
test_put_and_get(void **state)
{
	(void)state;
	put("b", "1");
	put("a", "[2, 3]");
	put("c", "{\"x\": \"}\"}");
	put("a", "4");
	/* At once, before any of it is on disk. */
	assert_has("a", "4");
	assert_all(store, "b=1 a=4 c={\"x\": \"}\"} ");
	del("b");
	del("never");
	put("b", "5");
	assert_has("d", NULL);
	settle();
	assert_all(store, "a=4 c={\"x\": \"}\"} b=5 ");
	restart();
	assert_all(store, "a=4 c={\"x\": \"}\"} b=5 ");
	assert_int_equal(pg_store_corrupt(store), 0);
}

/* What waits for nobody is written at the end too. */
static void
test_close_writes(void **state)
{
	(void)state;
	put("a", "1");
	put("b", "2");
	put_long("c", '1', 100000);
	restart();
	assert_has("a", "1");
	assert_has("b", "2");
	assert_has_long("c", '1', 100000);
}

/* One record is all or nothing, its parts in their order. */
static void
test_change(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	struct waiter w;

	(void)state;
	put("gone", "1");
	pg_change_put(&ch, PG_STR("a"), PG_STR("1"));
	pg_change_put(&ch, PG_STR("both"), PG_STR("1"));
	pg_change_put(&ch, PG_STR("a"), PG_STR("2"));
	pg_change_del(&ch, PG_STR("gone"));
	pg_change_del(&ch, PG_STR("both"));
	ndone = 0;
	commit(&ch, &w);
	assert_all(store, "a=2 ");
	turn_until(1);
	restart();
	assert_all(store, "a=2 ");
}

static void
test_refused(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	struct waiter w = { .may = false };
	struct pg_err e = { 0 };

	(void)state;
	put("a", "1");
	pg_change_put(&ch, PG_STR("a"), PG_STR("2"));
	pg_change_put(&ch, PG_STR("b"), PG_STR("}"));
	assert_int_equal(pg_store_commit(store, &ch, &w.commit, &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
	assert_int_equal(ch.puts.n, 0);
	assert_all(store, "a=1 ");
	settle();
	assert_false(pg_store_readonly(store, &e));
}

/* Sixteen that come in one turn cost one sync; those that come while it is
 * written, however many, cost one more. */
static void
test_group_commit(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	struct waiter w[32];
	uint64_t before;
	char key[16];
	int i;

	(void)state;
	settle();
	before = pg_store_stats(store).syncs;
	ndone = nfailed = 0;
	for (i = 0; i < 32; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		pg_change_put(&ch, pg_str(key), PG_STR("1"));
		commit(&ch, &w[i]);
		/* Does not wait, and only submits. */
		if (i == 15)
			turn();
	}
	assert_int_equal(ndone, 0);
	turn_until(32);
	assert_int_equal(nfailed, 0);
	assert_int_equal(pg_store_stats(store).syncs - before, 2);
}

struct again {
	struct pg_commit commit;
	int left;
};

static void
on_again(struct pg_commit *c, const struct pg_err *err)
{
	struct again *a = PG_CONTAINER(c, struct again, commit);
	struct pg_change ch = { .wrong = NULL };

	assert_null(err);
	ndone++;
	if (--a->left == 0) {
		free(a);
		return;
	}
	pg_change_put(&ch, PG_STR("n"), PG_STR("1"));
	assert_int_equal(pg_store_commit(store, &ch, c, NULL), 0);
}

/* Who is told may commit again, and may be freed. */
static void
test_commit_from_done(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	struct again *a;
	int i;

	(void)state;
	ndone = 0;
	for (i = 0; i < 3; i++) {
		a = calloc(1, sizeof(*a));
		a->commit.done = on_again;
		a->left = 10;
		assert_int_equal(pg_store_commit(store, &ch, &a->commit,
		    NULL), 0);
	}
	turn_until(30);
}

/* What waits in memory has a limit; after it there is room again. */
static void
test_pending_limit(void **state)
{
	size_t n = PG_STORE_RECORD_MAX - 1000, fits, i;
	struct pg_change ch = { .wrong = NULL };
	char *z = long_json('1', n);
	struct pg_err e = { 0 };

	(void)state;
	put("first", "1");
	fits = PG_STORE_PENDING_MAX / n;
	for (i = 0; i < fits; i++)
		put("a", z);
	pg_change_put(&ch, PG_STR("a"), PG_STR("1"));
	pg_change_put(&ch, PG_STR("b"), pg_str(z));
	pg_change_fini(&ch);
	pg_change_put(&ch, PG_STR("b"), pg_str(z));
	assert_int_equal(pg_store_commit(store, &ch, NULL, &e), -1);
	assert_int_equal(e.code, PG_E_BUSY);
	assert_has("b", NULL);
	settle();
	put("b", z);
	settle();
	assert_has_long("b", '1', n);
	free(z);
}

/* ---- Values on disk ---- */

/* At the seam between what is kept in memory and what is not; read when it is
 * about to be written, and when it lies on disk. */
static void
test_long_values(void **state)
{
	size_t n, i;
	char key[8];

	(void)state;
	for (i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		n = 4095 + i;
		put_long(key, (char)('a' + i), n);
		assert_has_long(key, (char)('a' + i), n);
	}
	settle();
	for (i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		assert_has_long(key, (char)('a' + i), 4095 + i);
	}
	restart();
	for (i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		assert_has_long(key, (char)('a' + i), 4095 + i);
	}
	assert_int_equal(pg_store_stats(store).records, 3);
}

/* Damage that comes after the start is found when the value is read. */
static void
test_damaged_later(void **state)
{
	struct pg_buf log, b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	(void)state;
	put_long("a", '1', 10000);
	settle();
	log = read_file("log/0001");
	log.p[log.n - 100] = 'y';
	write_file("log/0001", pg_buf_str(&log));
	assert_int_equal(pg_store_get(store, PG_STR("a"), &b, &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_non_null(strstr(e.msg, "log/0001"));
	pg_buf_fini(&log);
	pg_buf_fini(&b);
}

/* ---- Damage ---- */

/* However much of the last line is missing, it never was; what was before it
 * is there, and new records follow. */
static void
test_torn_tail(void **state)
{
	struct pg_buf log;
	size_t whole, i;

	(void)state;
	put("a", "1");
	stop();
	log = read_file("log/0001");
	whole = log.n;
	pg_buf_fini(&log);
	start();
	put("b", "2");
	stop();
	log = read_file("log/0001");
	for (i = whole; i < log.n; i++) {
		write_file("log/0001", (struct pg_str){ log.p, i });
		start();
		assert_all(store, "a=1 ");
		assert_int_equal(pg_store_corrupt(store), 0);
		put("c", "3");
		restart();
		assert_all(store, "a=1 c=3 ");
		stop();
	}
	pg_buf_fini(&log);
	start();
}

/* The same for the stamp of the only file: it is a new one. */
static void
test_torn_stamp(void **state)
{
	struct pg_buf log;
	size_t i;

	(void)state;
	stop();
	log = read_file("log/0001");
	for (i = 0; i < log.n; i++) {
		write_file("log/0001", (struct pg_str){ log.p, i });
		start();
		assert_all(store, "");
		put("a", "1");
		restart();
		assert_all(store, "a=1 ");
		stop();
	}
	pg_buf_fini(&log);
	start();
}

/* A bit is flipped in a record that others follow: it is set aside, they are
 * read, and what is in corrupt/ is what stood there. */
static void
test_bit_flips(void **state)
{
	struct pg_buf log, kept;
	size_t from, to, bit;
	char name[64];

	(void)state;
	put("a", "1");
	settle();
	from = pg_store_stats(store).total;
	put("b", "2");
	to = pg_store_stats(store).total;
	put("c", "3");
	stop();
	log = read_file("log/0001");
	/* All bits but those of the newline. */
	for (bit = from * 8; bit < (to - 1) * 8; bit += 5) {
		log.p[bit / 8] = (char)(log.p[bit / 8] ^ 1 << bit % 8);
		write_file("log/0001", pg_buf_str(&log));
		start();
		assert_all(store, "a=1 c=3 ");
		/* A newline more makes two of it. */
		assert_in_range(pg_store_corrupt(store), 1, 2);
		snprintf(name, sizeof(name), "corrupt/0001-%zu", from);
		kept = read_file(name);
		assert_memory_equal(kept.p, log.p + from, kept.n);
		pg_buf_fini(&kept);
		stop();
		log.p[bit / 8] = (char)(log.p[bit / 8] ^ 1 << bit % 8);
	}
	pg_buf_fini(&log);
	start();
}

/* Make the log of these lines, each framed, after a stamp. */
static void
write_log(const char *name, unsigned n, bool base, const char *const *lines,
    size_t count)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i;

	pg_journal_stamp(&b, n, base);
	for (i = 0; i < count; i++)
		pg_journal_line(&b, pg_str(lines[i]));
	write_file(name, pg_buf_str(&b));
	pg_buf_fini(&b);
}

/* Correct lines that are no records. */
static void
test_strange_records(void **state)
{
	static const char *const lines[] = { "{\"put\": {\"a\": 1}}", "[]",
		"{\"put\": {\"a\": 2}, \"del\": [\"a\"]",
		"{\"paglets_log\": 9, \"file\": 1}",
		"{\"put\": {\"b\": 1}}" };

	(void)state;
	stop();
	write_log("log/0001", 1, false, lines, PG_COUNT(lines));
	start();
	assert_all(store, "a=1 b=1 ");
	assert_int_equal(pg_store_corrupt(store), 3);
	assert_int_equal(count_files("corrupt"), 3);
}

/* Opening the folder fails and says why. */
static void
assert_not_opened(const char *says)
{
	struct pg_err e = { 0 };
	struct pg_store *s;

	loop = pg_loop_new(&e);
	work = pg_work_new(loop, &e);
	s = pg_store_open(dir, loop, work, &e);
	assert_null(s);
	if (strstr(e.msg, says) == NULL)
		fail_msg("%s", e.msg);
	pg_work_free(work);
	pg_loop_free(loop);
}

static void
test_foreign_logs(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int i;

	(void)state;
	stop();
	pg_journal_line(&b, PG_STR("{\"paglets_log\": 2, \"file\": 1}"));
	write_file("log/0001", pg_buf_str(&b));
	assert_not_opened("newer paglets");
	pg_buf_reset(&b);
	pg_journal_line(&b, PG_STR("{\"put\": {\"a\": 1}}"));
	write_file("log/0001", pg_buf_str(&b));
	assert_not_opened("log/0001: does not begin with a stamp");
	write_log("log/0001", 2, false, NULL, 0);
	assert_not_opened("says that it is file 2");
	pg_buf_reset(&b);
	for (i = 0; i < 1001; i++)
		pg_buf_putz(&b, "x\n");
	write_file("log/0001", pg_buf_str(&b));
	assert_not_opened("more than 1000 damaged records");
	/* One fewer is damage. */
	write_file("log/0001", (struct pg_str){ b.p, b.n - 2 });
	pg_buf_fini(&b);
	start();
	assert_int_equal(pg_store_corrupt(store), 1000);
}

/* Files that a compaction may leave: a base makes those before it void, and
 * they go, as does what was not finished. */
static void
test_leftovers(void **state)
{
	static const char *const first[] = { "{\"put\": {\"old\": 1}}",
		"{\"put\": {\"a\": 1}}", "{\"put\": {\"b\": 1}}" };
	static const char *const base[] = { "{\"put\": {\"b\": 1}}",
		"{\"put\": {\"a\": 1}}" };
	static const char *const last[] = { "{\"put\": {\"b\": 2}}",
		"{\"del\": [\"a\"]}" };

	(void)state;
	stop();
	write_log("log/0001", 1, false, first, 3);
	write_log("log/0003", 3, false, last, 2);
	write_file("log/0002.tmp", PG_STR("half a base"));
	start();
	assert_all(store, "old=1 b=2 ");
	assert_int_equal(count_files("log"), 2);
	stop();
	write_log("log/0002", 2, true, base, 2);
	start();
	assert_all(store, "b=2 ");
	assert_int_equal(count_files("log"), 2);
	restart();
	assert_all(store, "b=2 ");
	/* An empty file in the middle is nothing that we leave, nor is a first
	 * file 2 that is no base. */
	stop();
	write_file("log/0002", PG_STR_NULL);
	start();
	assert_int_equal(pg_store_corrupt(store), 2);
}

/* ---- Compaction ---- */

static void
wait_compacted(uint64_t n)
{
	int64_t end = pg_now() + 100 * PG_SEC;
	struct pg_store_stats st;

	do {
		turn();
		st = pg_store_stats(store);
	} while ((st.compactions < n || st.compacting) && pg_now() < end);
	assert_int_equal(st.compactions, n);
	assert_false(st.compacting);
}

/* Small and large values, changed, deleted and put again while the log is
 * compacted; everything is as it was, now and after reopening. */
static void
test_compaction(void **state)
{
	struct pg_store_stats st;
	int i;

	(void)state;
	put("z", "1");
	put_long("big", '1', 50000);
	put("m", "1");
	put("deleted", "1");
	put("again", "1");
	put_long("changed", '1', 50000);
	for (i = 0; !pg_store_stats(store).compacting; i++) {
		put_long("churn", (char)('a' + i % 26), 60000);
		turn();
		assert_true(i < 100);
	}
	/* The base is not written yet. */
	del("deleted");
	put_long("changed", '2', 50000);
	del("again");
	put("again", "2");
	put("new", "1");
	assert_has_long("big", '1', 50000);
	wait_compacted(1);
	st = pg_store_stats(store);
	assert_true(st.total < 300000);
	assert_int_equal(st.file, 3);
	assert_int_equal(count_files("log"), 2);
	for (i = 0; i < 2; i++) {
		assert_has_long("big", '1', 50000);
		assert_has_long("changed", '2', 50000);
		del("churn");
		assert_all(store, "z=1 big=\"1xxxxxxxxxxxxxxxxxx m=1 "
		    "changed=\"2xxxxxxxxxxxxxxxxxx again=2 new=1 ");
		restart();
	}
	/* Files and the account of them agree. */
	assert_true(pg_store_stats(store).total < 310000);
}

/* Many rounds with readers between; nothing grows. */
static void
test_compaction_rounds(void **state)
{
	size_t most = 0, i;
	char key[8];

	(void)state;
	for (i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "k%zu", i % 7);
		put_long(key, (char)('a' + i % 26), 30000);
		if (i % 4 == 0)
			settle();
		assert_has_long(key, (char)('a' + i % 26), 30000);
		most = PG_MAX(most, (size_t)pg_store_stats(store).total);
	}
	settle();
	assert_true(pg_store_stats(store).compactions >= 5);
	assert_true(most < 4 * PG_STORE_COMPACT_MIN);
	restart();
	for (i = 393; i < 400; i++) {
		snprintf(key, sizeof(key), "k%zu", i % 7);
		assert_has_long(key, (char)('a' + i % 26), 30000);
	}
}

/* Ending in the middle of one. */
static void
test_close_compacting(void **state)
{
	int turns, i;

	(void)state;
	for (turns = 0; turns < 6; turns++) {
		put("a", "1");
		for (i = 0; !pg_store_stats(store).compacting; i++) {
			put_long("churn", 'a', 60000);
			turn();
			assert_true(i < 200);
		}
		put("b", "2");
		for (i = 0; i < turns; i++)
			pg_loop_turn(loop, PG_MS, NULL);
		restart();
		assert_has("a", "1");
		assert_has("b", "2");
		assert_has_long("churn", 'a', 60000);
	}
}

/* ---- Who may ---- */

static void
test_two_opens(void **state)
{
	struct pg_err e = { 0 };
	char want[64];

	(void)state;
	pg_store_name_holder(store, PG_STR("north"));
	assert_null(pg_store_open(dir, loop, work, &e));
	assert_int_equal(e.code, PG_E_CONFLICT);
	snprintf(want, sizeof(want), "is in use by pid %ld (north)",
	    (long)getpid());
	assert_non_null(strstr(e.msg, want));
	assert_non_null(strstr(e.msg, dir));
	/* The first does not mind. */
	put("a", "1");
	settle();
}

/* Another process has it: it is named, and when it is gone the folder is
 * free. */
static void
test_lock_of_child(void **state)
{
	struct pg_err e = { 0 };
	int ready[2], go[2], status;
	char c, want[64];
	pid_t pid;

	(void)state;
	stop();
	assert_int_equal(pipe(ready) | pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		start();
		(void)!write(ready[1], "r", 1);
		close(go[1]);
		(void)!read(go[0], &c, 1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	loop = pg_loop_new(NULL);
	assert_null(pg_store_open(dir, loop, NULL, &e));
	assert_int_equal(e.code, PG_E_CONFLICT);
	snprintf(want, sizeof(want), "in use by pid %ld (", (long)pid);
	assert_non_null(strstr(e.msg, want));
	pg_loop_free(loop);
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
	start();
}

/* Looking needs no lock and leaves all as it is: torn tail, leftovers. */
static void
test_readonly(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	struct pg_buf log, after;
	struct pg_err e = { 0 };
	struct pg_store *s;

	(void)state;
	put("a", "1");
	put_long("b", '2', 10000);
	settle();
	log = read_file("log/0001");
	pg_buf_putz(&log, "bad\ntorn");
	write_file("log/0001", pg_buf_str(&log));
	write_file("log/0009.tmp", PG_STR("x"));
	s = pg_store_open_readonly(dir, &e);
	assert_non_null(s);
	assert_all(s, "a=1 b=\"2xxxxxxxxxxxxxxxxxx ");
	assert_int_equal(pg_store_corrupt(s), 1);
	assert_true(pg_store_readonly(s, &e));
	pg_change_put(&ch, PG_STR("a"), PG_STR("2"));
	assert_int_equal(pg_store_commit(s, &ch, NULL, &e), -1);
	pg_store_close(s);
	after = read_file("log/0001");
	assert_int_equal(after.n, log.n);
	assert_memory_equal(after.p, log.p, log.n);
	assert_int_equal(count_files("log"), 2);
	assert_int_equal(count_files("corrupt"), 0);
	pg_buf_fini(&log);
	pg_buf_fini(&after);
	assert_null(pg_store_open_readonly("/tmp/no such folder", &e));
	assert_int_equal(e.code, PG_E_SYS);
}

/* ---- Large states ---- */

static void
write_state(const char *name, struct pg_bulk *b, size_t off, size_t len)
{
	struct waiter w = { .commit.done = on_done };
	struct pg_err e = { 0 };

	ndone = nfailed = 0;
	if (pg_store_write_state(store, pg_str(name), b, off, len, &w.commit,
	    &e) < 0)
		fail_msg("%s", e.msg);
	w.may = true;
	turn_until(1);
	assert_int_equal(nfailed, 0);
}

static bool
keep_two(void *arg, struct pg_str name)
{
	(void)arg;
	return pg_str_eqz(name, "id.2");
}

static void
test_states(void **state)
{
	size_t n = (3 << 20) + 17;
	char *bytes = malloc(n);
	struct pg_err e = { 0 };
	struct pg_bulk *b, *back;
	size_t i;

	(void)state;
	for (i = 0; i < n; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	b = pg_bulk_copy((struct pg_str){ bytes, n }, &e);
	write_state("id.1", b, 0, n);
	write_state("id.2", b, 5, n - 10);
	write_state("id.3", b, 7, 0);
	restart();
	back = pg_store_read_state(store, PG_STR("id.2"), &e);
	assert_non_null(back);
	assert_int_equal(back->n, n - 10);
	assert_memory_equal(back->p, bytes + 5, n - 10);
	pg_bulk_unref(back);
	back = pg_store_read_state(store, PG_STR("id.3"), &e);
	assert_int_equal(back->n, 0);
	pg_bulk_unref(back);
	pg_store_remove_state(store, PG_STR("id.3"));
	assert_null(pg_store_read_state(store, PG_STR("id.3"), &e));
	assert_int_equal(e.sys, ENOENT);
	assert_int_equal(count_files("states"), 2);
	pg_store_sweep(store, keep_two, NULL);
	assert_int_equal(count_files("states"), 1);
	pg_bulk_unref(b);
	free(bytes);
}

static void
test_state_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../x", "a/b", ".a",
		"a b", "a\n" };
	struct pg_bulk *b = pg_bulk_copy(PG_STR("x"), NULL);
	char name[202];
	struct pg_err e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		assert_int_equal(pg_store_write_state(store, pg_str(bad[i]),
		    b, 0, 1, NULL, &e), -1);
		assert_null(pg_store_read_state(store, pg_str(bad[i]), &e));
		pg_store_remove_state(store, pg_str(bad[i]));
	}
	memset(name, 'n', sizeof(name));
	assert_int_equal(pg_store_write_state(store,
	    (struct pg_str){ name, 201 }, b, 0, 1, NULL, &e), -1);
	name[200] = '\0';
	write_state(name, b, 0, 1);
	assert_int_equal(count_files("states"), 1);
	pg_bulk_unref(b);
}

/* Ending while one is being written, and what a crash leaves. */
static void
test_state_cut_off(void **state)
{
	struct pg_bulk *b = pg_bulk_copy(PG_STR("x"), NULL);
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_store_write_state(store, PG_STR("a"), b, 0, 1,
	    NULL, &e), 0);
	pg_bulk_unref(b);
	write_file("states/.tmp-1-2-3", PG_STR("half"));
	restart();
	assert_int_equal(access(path_of("states/.tmp-1-2-3"), F_OK), -1);
}

/* ---- How fast ---- */

/* What this process has used: that others do, too, is not its fault. */
static int64_t
cpu_time(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return t.tv_sec * PG_SEC + t.tv_nsec;
}

static void
test_ten_thousand(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	char *z = long_json('1', 1000), key[48];
	int64_t before;
	int i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "agent/%032d", i);
		pg_change_put(&ch, pg_str(key), pg_str(z));
		commit(&ch, NULL);
	}
	free(z);
	stop();
	before = cpu_time();
	start();
	/* With sanitizers; a tenth of it without. */
	assert_true(cpu_time() - before < 3 * PG_SEC);
	assert_int_equal(pg_store_stats(store).records, 10000);
}

#define store_test(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_put_and_get),
		store_test(test_close_writes),
		store_test(test_change),
		store_test(test_refused),
		store_test(test_group_commit),
		store_test(test_commit_from_done),
		store_test(test_pending_limit),
		store_test(test_long_values),
		store_test(test_damaged_later),
		store_test(test_torn_tail),
		store_test(test_torn_stamp),
		store_test(test_bit_flips),
		store_test(test_strange_records),
		store_test(test_foreign_logs),
		store_test(test_leftovers),
		store_test(test_compaction),
		store_test(test_compaction_rounds),
		store_test(test_close_compacting),
		store_test(test_two_opens),
		store_test(test_lock_of_child),
		store_test(test_readonly),
		store_test(test_states),
		store_test(test_state_names),
		store_test(test_state_cut_off),
		store_test(test_ten_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
