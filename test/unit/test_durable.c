/* test_durable: shows, with a real store in a folder of its own, that a
 * paglet of every status reads back as it was written, also one with a large
 * state, and so do its registered files; what is kept for one and forgotten with it; and that hostile records
 * harm neither those around them nor the host.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/rand os/loop os/work state/journal state/record state/index state/compact state/replay state/bigstate state/store host/wire host/mailbox host/dedupe host/files host/durable */
/* wrap: pg_agent_ref pg_agent_unref */
#include "base/log.h"
#include "codec/json.h"
#include "host/durable.h"
#include "host/wire.h"
#include "state/store.h"

#include <dirent.h>
#include <setjmp.h>

#include <cmocka.h>

#define PROPERTY_NAME_MAX (PG_STORE_KEY_MAX - sizeof("property/") + 1)

void __wrap_pg_agent_ref(struct pg_agent *a);
void __wrap_pg_agent_unref(struct pg_agent *a);

static char dir[64];
static struct pg_host host;
static struct pg_agent agent;
static struct pg_arena arena;
/* What was told. */
static int ndone;
static struct pg_err last;
static struct pg_buf seen;

void
__wrap_pg_agent_ref(struct pg_agent *a)
{
	a->refs++;
}

void
__wrap_pg_agent_unref(struct pg_agent *a)
{
	assert_true(a->refs > 0);
	a->refs--;
}

static void
open_store(void)
{
	struct pg_err e = { 0 };

	host.loop = pg_loop_new(&e);
	host.work = pg_work_new(host.loop, &e);
	host.store = pg_store_open(dir, host.loop, host.work, &e);
	if (host.store == NULL)
		fail_msg("%s", e.msg);
}

static void
close_store(void)
{
	pg_work_free(host.work);
	pg_store_close(host.store);
	pg_loop_free(host.loop);
	host.store = NULL;
}

/* As after a crash: only what is on disk counts. */
static void
restart(void)
{
	close_store();
	open_store();
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_durable.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	pg_log_set_level(PG_LOG_ERROR);
	memset(&host, 0, sizeof(host));
	open_store();
	agent = (struct pg_agent){ .host = &host, .id = PG_STR("a-1"),
		.class_name = PG_STR("m:C"), .state_class = PG_STR("m:S") };
	ndone = 0;
	last = (struct pg_err){ 0 };
	seen = PG_BUF_INIT(0);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	assert_int_equal(agent.refs, 0);
	pg_buf_fini(&seen);
	pg_bulk_unref(agent.state);
	free(agent.state_file);
	pg_files_unref(agent.files_kept);
	close_store();
	pg_arena_fini(&arena);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* ---- helpers ---------------------------------------------------------- */

static void
on_done(void *arg, const struct pg_err *err)
{
	(void)arg;
	ndone++;
	last = err != NULL ? *err : (struct pg_err){ 0 };
}

/* Until so many were told. */
static void
wait_done(int n)
{
	while (ndone < n)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
	assert_int_equal(ndone, n);
	assert_int_equal(last.code, PG_E_OK);
}

/* Until all that was asked for before is on disk, then restart. */
static void
settle_and_restart(void)
{
	int before = ndone;

	pg_durable_property(&host, PG_STR("p"), NULL, on_done, NULL);
	wait_done(before + 1);
	restart();
}

/* The agent's state: n bytes, somewhere within bulk. */
static void
has_state(size_t n, char fill)
{
	char *bytes = pg_alloc(n + 5);

	memset(bytes + 2, fill, n);
	pg_bulk_unref(agent.state);
	agent.state = pg_bulk_copy((struct pg_str){ bytes, n + 5 }, NULL);
	agent.state_off = 2;
	agent.state_len = n;
	free(bytes);
}

static void
save(enum pg_durable_status status, const struct pg_durable_extra *extra)
{
	int before = ndone;

	pg_durable_save(&agent, status, extra, on_done, NULL);
	wait_done(before + 1);
}

/* The agent's record as the disk has it. */
static struct pg_value *
record(void)
{
	struct pg_value *v = NULL;
	struct pg_err e = { 0 };

	if (pg_durable_record(&agent, &arena, &v, &e) < 0)
		fail_msg("%s", e.msg);
	return v;
}

static void
assert_state(size_t n, char fill)
{
	struct pg_err e = { 0 };
	size_t i;

	pg_durable_drop_state(&agent);
	assert_null(agent.state);
	if (pg_durable_load_state(&agent, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(agent.state_len, n);
	assert_int_equal(agent.state_off, 0);
	for (i = 0; i < n; i++)
		assert_int_equal(agent.state->p[i], fill);
}

static void
assert_text(const struct pg_value *v, const char *key, const char *expected)
{
	struct pg_str s = pg_value_text(pg_value_get(v, key), PG_STR_NULL);

	if (!pg_str_eqz(s, expected))
		fail_msg("%s: %.*s", key, PG_STR_ARG(s));
}

/* State files that there are once the workers are done. */
static int
files(void)
{
	char path[100];
	struct dirent *d;
	DIR *list;
	int n = 0;

	restart();
	snprintf(path, sizeof(path), "%s/states", dir);
	list = opendir(path);
	assert_non_null(list);
	while ((d = readdir(list)) != NULL)
		n += d->d_name[0] != '.';
	closedir(list);
	return n;
}

/* Every record, as "KIND ID;", into seen. */
static int
see(struct pg_host *h, const struct pg_durable_record *r, struct pg_err *e)
{
	(void)e;
	assert_ptr_equal(h, &host);
	assert_non_null(r->value);
	pg_buf_printf(&seen, "%.*s %.*s;", PG_STR_ARG(r->kind),
	    PG_STR_ARG(r->id));
	return 0;
}

static void
assert_records(const char *expected)
{
	struct pg_err e = { 0 };

	assert_int_equal(pg_durable_each(&host, see, &e), 0);
	pg_buf_putc(&seen, '\0');
	assert_string_equal(seen.p, expected);
	pg_buf_fini(&seen);
}

/* Whatever there may be in a log, under a key of one's own. */
static void
put_raw(const char *key, const char *json)
{
	struct pg_change ch = { 0 };
	struct pg_err e = { 0 };

	pg_change_put(&ch, pg_str(key), pg_str(json));
	if (pg_store_commit(host.store, &ch, NULL, &e) < 0)
		fail_msg("%s: %s", key, e.msg);
}

/* ---- agents ----------------------------------------------------------- */

static void
every_status_reads_back(void **state)
{
	static const char *const words[] = { "active", "inactive", "crashed",
		"arrived", "leaving" };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(words); i++) {
		has_state(10 + i, (char)('a' + i));
		save((enum pg_durable_status)i, NULL);
		restart();
		assert_int_equal(pg_durable_status_read(record()), i);
		assert_text(record(), "status", words[i]);
		assert_text(record(), "class_name", "m:C");
		assert_text(record(), "state_class_name", "m:S");
		assert_state(10 + i, (char)('a' + i));
	}
	assert_records("agent a-1;");
}

static void
a_record_says_what_its_status_needs(void **state)
{
	struct pg_value *said = pg_value_dict(&arena), *v;
	struct pg_durable_extra extra = { .event = "arrival", .move = said,
		.reason = said, .transfer = PG_STR("t-1") };

	(void)state;
	pg_put_int(&arena, said, "x", 5);
	agent.policy = (struct pg_policy){ .on_message = true,
		.has_at = true, .at = 1234.5 };
	agent.deactivated_at = 7 * PG_SEC;
	agent.exitcode = -9;
	snprintf(agent.error, sizeof(agent.error), "killed");
	agent.restart = PG_RESTART_ON_CRASH;
	has_state(3, 'x');
	save(PG_DURABLE_INACTIVE, &extra);
	restart();
	v = record();
	assert_true(pg_value_get(pg_value_get(v, "policy"),
	    "activate_at")->u.f == 1234.5);
	assert_int_equal(pg_value_get(pg_value_get(v, "policy"),
	    "activate_on_message")->u.i, 1);
	assert_true(pg_value_get(v, "deactivated_at")->u.f == 7);
	assert_null(pg_value_get(v, "exitcode"));
	assert_text(v, "restart", "on-crash");
	assert_text(v, "event", "arrival");
	assert_true(pg_value_eq(pg_value_get(v, "move"), said));
	assert_true(pg_value_eq(pg_value_get(v, "request"), said));
	/* The transfer is committed by the same step. */
	assert_records("transfer t-1;agent a-1;");
	save(PG_DURABLE_CRASHED, NULL);
	v = record();
	assert_text(v, "restart", "on-crash");
	agent.restart = PG_RESTART_NEVER;
	save(PG_DURABLE_CRASHED, NULL);
	assert_text(record(), "restart", "never");
	agent.restart = PG_RESTART_AS_CLASS;
	save(PG_DURABLE_CRASHED, NULL);
	v = record();
	assert_null(pg_value_get(v, "restart"));
	assert_int_equal(pg_value_get(v, "exitcode")->u.i, -9);
	assert_text(v, "error", "killed");
	assert_null(pg_value_get(v, "policy"));
	assert_null(pg_value_get(v, "move"));
}

static void
large_states_have_a_file(void **state)
{
	static const size_t lengths[] = { PG_STORE_STATE_INLINE - 1,
		PG_STORE_STATE_INLINE, PG_STORE_STATE_INLINE + 1,
		3 * PG_STORE_STATE_INLINE };
	size_t i;
	bool file;

	(void)state;
	for (i = 0; i < PG_COUNT(lengths); i++) {
		has_state(lengths[i], (char)('a' + i));
		save(PG_DURABLE_ACTIVE, NULL);
		restart();
		file = pg_value_get(record(), "state_file") != NULL;
		assert_int_equal(file, lengths[i] > PG_STORE_STATE_INLINE);
		assert_int_equal(files(), file);
		assert_int_equal(pg_value_get(record(), "state") != NULL,
		    !file);
		assert_state(lengths[i], (char)('a' + i));
	}
}

/* ---- registered files ------------------------------------------------- */

/* The agent registers one more. */
static void
registers(const char *name)
{
	struct pg_fileref r = { .name = pg_str(name) };
	struct pg_files *f = pg_files_with(agent.files, &r, NULL);

	assert_non_null(f);
	pg_files_unref(agent.files);
	agent.files = f;
}

static void
loses_all(void)
{
	pg_files_unref(agent.files);
	agent.files = NULL;
}

/* How many of its files the disk knows; -1: there is no list. */
static int files_seen;

static int
see_files(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	struct pg_files *f = NULL;

	assert_ptr_equal(h, &host);
	if (!pg_str_eqz(r->kind, "files"))
		return 0;
	assert_true(pg_str_eqz(r->id, "a-1"));
	assert_int_equal(pg_files_read(pg_value_get(r->value, "files"), &f,
	    e), 0);
	files_seen = f != NULL ? (int)f->n : 0;
	pg_files_unref(f);
	return 0;
}

static int
files_on_disk(void)
{
	struct pg_err e = { 0 };

	files_seen = -1;
	settle_and_restart();
	assert_int_equal(pg_durable_each(&host, see_files, &e), 0);
	return files_seen;
}

static void
write_files(void)
{
	int before = ndone;

	pg_durable_files(&agent, on_done, NULL);
	wait_done(before + 1);
}

static void
files_read_back(void **state)
{
	int before;

	(void)state;
	has_state(3, 'x');
	save(PG_DURABLE_ACTIVE, NULL);
	assert_int_equal(files_on_disk(), -1);
	registers("one");
	registers("two");
	assert_int_equal(files_on_disk(), -1);
	agent.phase = PG_AGENT_ACTIVE;
	host.cfg.durability = PG_DURABILITY_ARRIVAL;
	write_files();
	assert_ptr_equal(agent.files_kept, agent.files);
	assert_int_equal(files_on_disk(), 2);
	registers("three");
	save(PG_DURABLE_LEAVING, NULL);
	assert_int_equal(files_on_disk(), 3);
	loses_all();
	write_files();
	assert_int_equal(files_on_disk(), -1);
	registers("one");
	save(PG_DURABLE_INACTIVE, NULL);
	assert_int_equal(files_on_disk(), 1);
	before = ndone;
	pg_durable_gone(&agent, PG_STR_NULL, PG_STR_NULL, on_done, NULL);
	wait_done(before + 1);
	assert_int_equal(files_on_disk(), -1);
	assert_records("");
	loses_all();
}

/* Who has no record gets no list: it would be nobody's. */
static void
files_of_whom(void **state)
{
	static const struct {
		enum pg_agent_phase phase;
		enum pg_durability durability;
		bool by_move, going, hidden;
		int n;
	} rows[] = {
		{ PG_AGENT_ACTIVE, PG_DURABILITY_ARRIVAL, 0, 0, 0, 1 },
		{ PG_AGENT_ACTIVE, PG_DURABILITY_NONE, 0, 0, 0, -1 },
		{ PG_AGENT_ACTIVE, PG_DURABILITY_NONE, 1, 0, 0, 1 },
		{ PG_AGENT_STARTING, PG_DURABILITY_MESSAGE, 0, 0, 0, -1 },
		{ PG_AGENT_GONE, PG_DURABILITY_MESSAGE, 0, 0, 0, -1 },
		{ PG_AGENT_ACTIVE, PG_DURABILITY_MESSAGE, 0, 1, 0, -1 },
		{ PG_AGENT_ACTIVE, PG_DURABILITY_MESSAGE, 0, 0, 1, -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		host.cfg.durability = rows[i].durability;
		agent.phase = rows[i].phase;
		agent.by_move = rows[i].by_move;
		agent.going = rows[i].going;
		agent.hidden = rows[i].hidden;
		registers("one");
		write_files();
		assert_int_equal(files_on_disk(), rows[i].n);
		agent.going = agent.hidden = false;
		host.cfg.durability = PG_DURABILITY_MESSAGE;
		agent.phase = PG_AGENT_ACTIVE;
		loses_all();
		write_files();
		assert_int_equal(files_on_disk(), -1);
	}
}

/* A large save may be overtaken, or written long after it was begun: the list
 * on disk is the last one all the same. */
static void
the_last_list_stays(void **state)
{
	(void)state;
	agent.phase = PG_AGENT_ACTIVE;
	host.cfg.durability = PG_DURABILITY_ARRIVAL;
	registers("one");
	has_state(2 * PG_STORE_STATE_INLINE, 'o');
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	registers("two");
	pg_durable_files(&agent, on_done, NULL);
	wait_done(2);
	assert_int_equal(files_on_disk(), 2);
	registers("three");
	has_state(2 * PG_STORE_STATE_INLINE, 'o');
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	has_state(5, 'n');
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	wait_done(5);
	assert_int_equal(files_on_disk(), 3);
	assert_ptr_equal(agent.files_kept, agent.files);
	loses_all();
}

/* A large state takes its time; what is saved meanwhile is newer. */
static void
a_later_save_overtakes_a_large_one(void **state)
{
	(void)state;
	has_state(2 * PG_STORE_STATE_INLINE, 'o');
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	has_state(5, 'n');
	pg_durable_save(&agent, PG_DURABLE_INACTIVE, NULL, on_done, NULL);
	wait_done(2);
	assert_int_equal(files(), 0);
	assert_int_equal(pg_durable_status_read(record()),
	    PG_DURABLE_INACTIVE);
	assert_state(5, 'n');
}

/* Until there is something newer in the store, what is on its way counts. */
static void
large_saves_follow_each_other(void **state)
{
	(void)state;
	has_state(2 * PG_STORE_STATE_INLINE, 'o');
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	has_state(2 * PG_STORE_STATE_INLINE, 'n');
	pg_durable_save(&agent, PG_DURABLE_INACTIVE, NULL, on_done, NULL);
	assert_int_equal(agent.saves, 2);
	assert_int_equal(agent.saved, 0);
	wait_done(2);
	assert_int_equal(agent.saved, 2);
	assert_int_equal(files(), 1);
	assert_int_equal(pg_durable_status_read(record()),
	    PG_DURABLE_INACTIVE);
	assert_state(2 * PG_STORE_STATE_INLINE, 'n');
}

/* Nor does it bring back what is gone. */
static void
a_large_save_does_not_overtake_the_end(void **state)
{
	(void)state;
	has_state(2 * PG_STORE_STATE_INLINE, 'o');
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	pg_durable_gone(&agent, PG_STR_NULL, PG_STR_NULL, on_done, NULL);
	wait_done(2);
	assert_int_equal(files(), 0);
	assert_records("");
	/* Gone is gone. */
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	assert_int_equal(ndone, 3);
	assert_int_equal(last.code, PG_E_INVALID_AGENT);
	restart();
	assert_records("");
}

/* Two large states in one moment, or after the clock was set back, are two
 * files, whatever the length of the id: the first is removed once the second
 * has overtaken it. */
static void
large_states_share_no_file(void **state)
{
	static const size_t lengths[] = { 1, PG_AGENT_ID_MAX - 1,
		PG_AGENT_ID_MAX };
	char id[PG_AGENT_ID_MAX];
	size_t i;

	(void)state;
	memset(id, 'i', sizeof(id));
	for (i = 0; i < PG_COUNT(lengths); i++) {
		agent.id = (struct pg_str){ id, lengths[i] };
		has_state(PG_STORE_STATE_INLINE + 1, 's');
		pg_clock_fake(PG_SEC, INT64_C(1700000000) * PG_SEC);
		pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done,
		    NULL);
		pg_durable_save(&agent, PG_DURABLE_INACTIVE, NULL, on_done,
		    NULL);
		pg_clock_fake(0, 0);
		wait_done(2 * (int)i + 2);
		restart();
		assert_state(PG_STORE_STATE_INLINE + 1, 's');
		free(agent.state_file);
		agent.state_file = NULL;
	}
}

static void
a_record_can_be_forgotten_alone(void **state)
{
	(void)state;
	has_state(PG_STORE_STATE_INLINE + 1, 'x');
	save(PG_DURABLE_ACTIVE, NULL);
	assert_int_equal(files(), 1);
	pg_durable_forget(&agent, on_done, NULL);
	wait_done(2);
	assert_int_equal(files(), 0);
	assert_records("");
	save(PG_DURABLE_ACTIVE, NULL);
	assert_records("agent a-1;");
}

static void
what_is_gone_leaves_a_note(void **state)
{
	(void)state;
	has_state(3, 'x');
	save(PG_DURABLE_LEAVING, NULL);
	pg_durable_gone(&agent, PG_STR("http://b:1"), PG_STR_NULL, on_done,
	    NULL);
	wait_done(2);
	restart();
	assert_records("note a-1;");
	pg_durable_forget_note(&host, agent.id);
	settle_and_restart();
	assert_records("");
}

/* An arrival that is undone leaves nothing, in one step. */
static void
what_is_undone_leaves_nothing(void **state)
{
	struct pg_durable_extra came = { .event = "arrival",
		.transfer = PG_STR("t-1") };
	struct pg_durable_extra undone = { .undone = PG_STR("t-1") };
	int before;

	(void)state;
	has_state(3, 'x');
	save(PG_DURABLE_ARRIVED, &came);
	assert_records("transfer t-1;agent a-1;");
	pg_durable_gone(&agent, PG_STR_NULL, PG_STR("t-1"), on_done, NULL);
	wait_done(2);
	restart();
	assert_records("");
	agent.going = false;
	save(PG_DURABLE_ARRIVED, &came);
	save(PG_DURABLE_LEAVING, &undone);
	assert_records("agent a-1;");
	save(PG_DURABLE_ARRIVED, &came);
	before = ndone;
	pg_durable_forget_transfer(&host, PG_STR("t-1"), on_done, NULL);
	wait_done(before + 1);
	pg_durable_forget_transfer(&host, PG_STR_NULL, on_done, NULL);
	assert_int_equal(ndone, before + 2);
	restart();
	assert_records("agent a-1;");
}

/* The end of the host overtakes a state that was being written: nobody is
 * told that it is on disk. */
static void
what_the_end_overtakes_is_not_written(void **state)
{
	(void)state;
	has_state(PG_STORE_STATE_INLINE + 1, 'x');
	pg_durable_save(&agent, PG_DURABLE_LEAVING, NULL, on_done, NULL);
	agent.phase = PG_AGENT_GONE;
	agent.saved = ++agent.saves;
	while (ndone < 1)
		pg_loop_turn(host.loop, PG_SEC, NULL);
	assert_int_equal(last.code, PG_E_BUSY);
	assert_records("");
	assert_int_equal(files(), 0);
	/* It is not so for one that was disposed of. */
	agent.phase = PG_AGENT_ACTIVE;
	pg_durable_save(&agent, PG_DURABLE_LEAVING, NULL, on_done, NULL);
	pg_durable_gone(&agent, PG_STR_NULL, PG_STR_NULL, on_done, NULL);
	agent.phase = PG_AGENT_GONE;
	wait_done(3);
	assert_int_equal(last.code, PG_E_OK);
	agent.phase = PG_AGENT_ACTIVE;
}

/* ---- messages kept ---------------------------------------------------- */

/* Keep a message; the number it was kept under. */
static uint64_t
keep(const char *text)
{
	struct pg_msg *m = pg_msg_new();
	struct pg_buf b = PG_BUF_INIT(0);
	int before = ndone;
	uint64_t kept;

	assert_int_equal(pg_wire_bare(&b, pg_value_strz(&arena, text), NULL),
	    0);
	m->body = pg_buf_str(&b);
	pg_durable_queue(&agent, m, on_done, NULL);
	wait_done(before + 1);
	kept = m->kept;
	pg_msg_end(m, &(struct pg_outcome){ 0 });
	pg_buf_fini(&b);
	return kept;
}

static void
messages_are_kept_until_delivered(void **state)
{
	uint64_t one, two;

	(void)state;
	has_state(3, 'x');
	save(PG_DURABLE_INACTIVE, NULL);
	one = keep("one");
	two = keep("two");
	keep("three");
	restart();
	assert_records("agent a-1;queue a-1/0;queue a-1/1;queue a-1/2;");
	pg_durable_delivered(&agent, two);
	pg_durable_delivered(&agent, 0);
	settle_and_restart();
	assert_records("agent a-1;queue a-1/0;queue a-1/2;");
	pg_durable_delivered(&agent, one);
	keep("four");
	restart();
	assert_records("agent a-1;queue a-1/2;queue a-1/3;");
	pg_durable_gone(&agent, PG_STR_NULL, PG_STR_NULL, on_done, NULL);
	wait_done(ndone + 1);
	restart();
	assert_records("");
}

/* Where it goes they have yet to go. */
static void
messages_are_kept_until_forwarded(void **state)
{
	(void)state;
	has_state(3, 'x');
	save(PG_DURABLE_LEAVING, NULL);
	keep("one");
	keep("two");
	pg_durable_gone(&agent, PG_STR("http://b:1"), PG_STR_NULL, on_done,
	    NULL);
	wait_done(ndone + 1);
	restart();
	assert_records("queue a-1/0;queue a-1/1;note a-1;");
	pg_durable_forwarded(&host, agent.id, 0);
	pg_durable_forwarded(&host, agent.id, 2);
	settle_and_restart();
	assert_records("queue a-1/0;note a-1;");
}

static void
a_message_that_can_not_be_kept_is_told(void **state)
{
	struct pg_msg *m = pg_msg_new();
	uint64_t kept;

	(void)state;
	m->body = PG_STR("no pickle");
	pg_durable_queue(&agent, m, on_done, NULL);
	assert_int_equal(ndone, 1);
	assert_int_equal(last.code, PG_E_SERIAL);
	assert_records("");
	/* Nor does it count, nor those behind it once they are delivered. */
	kept = keep("one");
	assert_int_equal(agent.nkept, 2);
	pg_durable_delivered(&agent, kept);
	pg_durable_unkept(&agent, m->kept);
	assert_int_equal(agent.nkept, 0);
	assert_int_equal(agent.kept_first, agent.kept_next);
	pg_msg_end(m, &(struct pg_outcome){ 0 });
	settle_and_restart();
	assert_records("");
}

/* What it is known by is more than it says. */
static void
a_kept_message_is_known_again(void **state)
{
	struct pg_msg *m = pg_msg_new();
	struct pg_buf b = PG_BUF_INIT(0), out = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_wire_bare(&b, pg_value_dict(&arena), NULL), 0);
	m->body = pg_buf_str(&b);
	m->once = PG_STR("id#1a");
	pg_durable_queue(&agent, m, on_done, NULL);
	wait_done(1);
	restart();
	assert_int_equal(pg_store_get(host.store, PG_STR("queue/a-1/0"), &out,
	    &e), 0);
	pg_buf_putc(&out, '\0');
	assert_string_equal(out.p, "{\"once\": \"id#1a\"}");
	pg_msg_end(m, &(struct pg_outcome){ 0 });
	pg_buf_fini(&b);
	pg_buf_fini(&out);
}

/* ---- the rest --------------------------------------------------------- */

static void
properties_have_names_of_a_length(void **state)
{
	char name[PROPERTY_NAME_MAX + 100];
	struct pg_value *v = pg_value_int(&arena, 1);
	struct pg_err e = { 0 };

	(void)state;
	memset(name, 'n', sizeof(name));
	pg_durable_property(&host, (struct pg_str){ name,
	    PROPERTY_NAME_MAX - 1 }, v, on_done, NULL);
	pg_durable_property(&host, (struct pg_str){ name,
	    PROPERTY_NAME_MAX }, v, on_done, NULL);
	wait_done(2);
	pg_durable_property(&host, (struct pg_str){ name,
	    PROPERTY_NAME_MAX + 1 }, v, on_done, NULL);
	assert_int_equal(ndone, 3);
	assert_int_equal(last.code, PG_E_HOST);
	pg_durable_property(&host, (struct pg_str){ name, sizeof(name) }, v,
	    on_done, NULL);
	assert_int_equal(ndone, 4);
	assert_int_equal(last.code, PG_E_HOST);
	pg_durable_property(&host, (struct pg_str){ name,
	    PROPERTY_NAME_MAX - 1 }, NULL, on_done, NULL);
	wait_done(5);
	restart();
	assert_int_equal(pg_durable_each(&host, see, &e), 0);
	assert_int_equal(seen.n, PG_STORE_KEY_MAX + 1);
	pg_buf_fini(&seen);
}

static void
a_refusal_is_kept(void **state)
{
	(void)state;
	pg_durable_refuse(&host, PG_STR("t-1"), on_done, NULL);
	wait_done(1);
	pg_durable_refuse(&host, PG_STR_NULL, on_done, NULL);
	assert_int_equal(ndone, 2);
	restart();
	assert_records("transfer t-1;");
}

static void
without_a_store_all_is_done_at_once(void **state)
{
	struct pg_store *kept = host.store;
	struct pg_msg *m = pg_msg_new();
	struct pg_value *v;
	struct pg_err e = { 0 };

	(void)state;
	host.store = NULL;
	has_state(3, 'x');
	pg_durable_save(&agent, PG_DURABLE_ACTIVE, NULL, on_done, NULL);
	pg_durable_gone(&agent, PG_STR_NULL, PG_STR_NULL, on_done, NULL);
	pg_durable_forget(&agent, on_done, NULL);
	pg_durable_queue(&agent, m, on_done, NULL);
	pg_durable_refuse(&host, PG_STR("t"), on_done, NULL);
	pg_durable_property(&host, PG_STR("p"), NULL, on_done, NULL);
	assert_int_equal(ndone, 6);
	pg_durable_delivered(&agent, m->kept);
	pg_msg_end(m, &(struct pg_outcome){ 0 });
	pg_durable_forget_note(&host, PG_STR("a"));
	pg_durable_forget_transfer(&host, PG_STR("t"), NULL, NULL);
	pg_durable_drop_state(&agent);
	assert_non_null(agent.state);
	assert_int_equal(pg_durable_record(&agent, &arena, &v, &e), -1);
	assert_false(pg_durable_every_message(&host));
	host.store = kept;
	host.cfg.durability = PG_DURABILITY_MESSAGE;
	assert_true(pg_durable_every_message(&host));
	host.cfg.durability = PG_DURABILITY_ARRIVAL;
	assert_false(pg_durable_every_message(&host));
}

/* ---- hostile records -------------------------------------------------- */

static void
odd_records_are_told_or_left_out(void **state)
{
	(void)state;
	put_raw("noslash", "{}");
	put_raw("/", "1");
	put_raw("agent/", "null");
	put_raw("agent/x/y", "[]");
	put_raw("what/ever", "\"text\"");
	restart();
	assert_records(" ;agent ;agent x/y;what ever;");
}

static int
stop_at_second(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e)
{
	(void)h;
	if (ndone++ == 0)
		return 0;
	return pg_fail(e, PG_E_HOST, "%.*s", PG_STR_ARG(r->id));
}

static void
a_walk_may_be_ended(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	put_raw("k/1", "1");
	put_raw("k/2", "2");
	put_raw("k/3", "3");
	assert_int_equal(pg_durable_each(&host, stop_at_second, &e), -1);
	assert_int_equal(ndone, 2);
	assert_string_equal(e.msg, "2");
}

static void
unknown_statuses_are_none(void **state)
{
	static const char *const rows[] = { "{}", "[]", "null", "\"active\"",
		"{\"status\": null}", "{\"status\": 0}",
		"{\"status\": \"\"}", "{\"status\": \"Active\"}",
		"{\"status\": \"active \"}", "{\"status\": [\"active\"]}" };
	struct pg_value *v;
	size_t i;

	(void)state;
	assert_int_equal(pg_durable_status_read(NULL), -1);
	for (i = 0; i < PG_COUNT(rows); i++) {
		assert_int_equal(pg_json_read(pg_str(rows[i]), &arena, &v,
		    NULL), 0);
		assert_int_equal(pg_durable_status_read(v), -1);
	}
}

/* State files are named by records; a record names no other file. */
static void
hostile_states_are_refused(void **state)
{
	static const char *const rows[] = {
		"5", "[]", "null",
		"{\"state\": \"?\"}",
		"{\"state\": \"AAA\"}",
		"{\"state_file\": \"nobody.1\"}",
		"{\"state_file\": \"../lock\"}",
		"{\"state_file\": \"../../../etc/passwd\"}",
		"{\"state_file\": \"/etc/passwd\"}",
		"{\"state_file\": \".\"}",
		"{\"state_file\": \"a\\u0000b\"}",
	};
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		put_raw("agent/a-1", rows[i]);
		e = (struct pg_err){ 0 };
		if (pg_durable_load_state(&agent, &e) == 0 &&
		    agent.state_len > 0)
			fail_msg("%s", rows[i]);
		pg_durable_drop_state(&agent);
	}
	assert_int_equal(pg_durable_load_state(&agent, &e), -1);
	assert_int_equal(strncmp(e.msg, "Paglet 'a-1': ", 14), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_status_reads_back),
		T(a_record_says_what_its_status_needs),
		T(large_states_have_a_file),
		T(files_read_back),
		T(files_of_whom),
		T(the_last_list_stays),
		T(a_later_save_overtakes_a_large_one),
		T(large_saves_follow_each_other),
		T(a_large_save_does_not_overtake_the_end),
		T(large_states_share_no_file),
		T(a_record_can_be_forgotten_alone),
		T(what_is_gone_leaves_a_note),
		T(what_is_undone_leaves_nothing),
		T(what_the_end_overtakes_is_not_written),
		T(messages_are_kept_until_delivered),
		T(messages_are_kept_until_forwarded),
		T(a_message_that_can_not_be_kept_is_told),
		T(a_kept_message_is_known_again),
		T(properties_have_names_of_a_length),
		T(a_refusal_is_kept),
		T(without_a_store_all_is_done_at_once),
		T(odd_records_are_told_or_left_out),
		T(a_walk_may_be_ended),
		T(unknown_statuses_are_none),
		T(hostile_states_are_refused),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
