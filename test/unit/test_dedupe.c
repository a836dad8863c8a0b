/* test_dedupe: shows that a message seen before gets its first answer again
 * and no second turn, that one which still waits is joined, what is forgotten
 * when, that each limit holds, and that the window travels: as a record that
 * says the same when it is read, and that is refused as a whole when a
 * hostile host wrote it.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock os/rand os/loop codec/value codec/float codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire host/mailbox host/dedupe */
#include "codec/json.h"
#include "host/dedupe.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

#define START (1000 * PG_SEC)

/* What the senders were told: how many so far, and the last answer. */
static struct {
	int count;
	enum pg_code code;
	char text[PG_DEDUPE_ANSWER_MAX + 1];
	size_t n;
} told;

static struct pg_dedupe *window;
static struct pg_arena arena;
static int64_t now;

static int
setup(void **state)
{
	(void)state;
	memset(&told, 0, sizeof(told));
	now = START;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_dedupe_free(window);
	window = NULL;
	pg_arena_fini(&arena);
	return 0;
}

static void
on_done(struct pg_msg *m, const struct pg_outcome *o)
{
	struct pg_str s = o->err != NULL ? pg_str(o->err->msg) : o->body;

	(void)m;
	told.count++;
	told.code = o->err != NULL ? o->err->code : PG_E_OK;
	assert_in_range(s.n, 0, sizeof(told.text));
	told.n = s.n;
	if (s.n > 0)
		memcpy(told.text, s.p, s.n);
}

static void
assert_told(int count, enum pg_code code, struct pg_str text)
{
	assert_int_equal(told.count, count);
	assert_int_equal(told.code, code);
	assert_int_equal(told.n, text.n);
	if (text.n > 0)
		assert_memory_equal(told.text, text.p, text.n);
}

static struct pg_msg *
message(const char *id)
{
	struct pg_msg *m = pg_msg_new();

	m->id = pg_arena_str(&m->arena, pg_str(id));
	m->given_id = true;
	m->on_done = on_done;
	return m;
}

/* A message comes. 1: it was a duplicate. One that is new is ended at once,
 * for the window does not need it any more. */
static int
enter(const char *id)
{
	struct pg_msg *m = message(id);
	int rc = pg_dedupe_enter(&window, m, now);

	if (rc == 0) {
		m->on_done = NULL;
		pg_msg_end(m, &(struct pg_outcome){ 0 });
	}
	return rc;
}

static void
done(const char *id, struct pg_str body)
{
	pg_dedupe_done(window, pg_str(id), &(struct pg_outcome){
	    .body = body }, now);
}

static void
done_error(const char *id, enum pg_code code, const char *text)
{
	struct pg_err err = { 0 };

	pg_fail(&err, code, "%s", text);
	pg_dedupe_done(window, pg_str(id), &(struct pg_outcome){
	    .err = &err }, now);
}

/* A bare pickle of n bytes: text. */
static struct pg_str
pickled(size_t n)
{
	char *p = pg_arena_alloc(&arena, n);

	memset(p, 'x', n);
	p[0] = 'X'; /* BINUNICODE, 4 bytes of length */
	p[1] = (char)((n - 5) & 255);
	p[2] = (char)((n - 5) >> 8);
	p[3] = p[4] = 0;
	return (struct pg_str){ p, n };
}

/* ---- Answers ----------------------------------------------------------- */

static void
first_answer_again(void **state)
{
	(void)state;
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("b"), 0);
	assert_int_equal(enter("c"), 0);
	done("a", PG_STR("first"));
	done_error("b", PG_E_CONFLICT, "no");
	done("c", PG_STR_NULL);
	/* Once it is answered nothing changes the answer. */
	done("a", PG_STR("second"));
	done("unknown", PG_STR("x"));
	assert_int_equal(told.count, 0);

	assert_int_equal(enter("a"), 1);
	assert_told(1, PG_E_OK, PG_STR("first"));
	assert_int_equal(enter("b"), 1);
	assert_told(2, PG_E_CONFLICT, PG_STR("no"));
	assert_int_equal(enter("c"), 1);
	assert_told(3, PG_E_OK, PG_STR_NULL);
	assert_int_equal(enter("a"), 1);
	assert_told(4, PG_E_OK, PG_STR("first"));
}

static void
only_ids_given_by_the_sender(void **state)
{
	struct pg_msg *m;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		m = message(i == 0 ? "a" : "");
		m->given_id = i != 0;
		assert_int_equal(pg_dedupe_enter(&window, m, now), 0);
		pg_msg_end(m, &(struct pg_outcome){ 0 });
	}
	assert_null(window);
	/* And without a window everything else is nothing. */
	done("a", PG_STR("x"));
	pg_dedupe_kept(window, PG_STR("a"), &(struct pg_outcome){ 0 });
	assert_null(pg_dedupe_leave(window));
	assert_null(pg_dedupe_value(window, &arena, now));
	pg_dedupe_expire(&window, now);
}

static void
duplicates_join(void **state)
{
	struct pg_msg *oneway = message("a");

	(void)state;
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("a"), 1);
	assert_int_equal(enter("a"), 1);
	assert_int_equal(told.count, 0);
	oneway->oneway = true;
	assert_int_equal(pg_dedupe_enter(&window, oneway, now), 1);
	assert_told(1, PG_E_OK, PG_STR_NULL);
	/* However long it takes. */
	now += 10 * PG_DEDUPE_TIME;
	assert_int_equal(enter("a"), 1);
	assert_int_equal(told.count, 1);
	done("a", PG_STR("answer"));
	assert_told(4, PG_E_OK, PG_STR("answer"));
	oneway = message("a");
	oneway->oneway = true;
	assert_int_equal(pg_dedupe_enter(&window, oneway, now), 1);
	assert_told(5, PG_E_OK, PG_STR_NULL);
}

static void
answered_before_it_is_told(void **state)
{
	struct pg_outcome o = { .body = PG_STR("x") };
	struct pg_err err = { 0 };

	(void)state;
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("a"), 1);
	pg_dedupe_answer(window, PG_STR("a"), &o, now);
	/* It is in the checkpoint that is being written, not yet told. */
	assert_int_equal(pg_dedupe_value(window, &arena, now)->n, 1);
	now += PG_DEDUPE_TIME + 1; /* a slow disk */
	assert_int_equal(enter("a"), 1);
	assert_int_equal(told.count, 0);
	now -= 1;
	/* That fails: who waits hears of it, but handled it was. */
	pg_fail(&err, PG_E_SYS, "disk");
	pg_dedupe_drop(window, PG_STR("a"), &(struct pg_outcome){
	    .err = &err });
	assert_told(2, PG_E_SYS, PG_STR("disk"));
	assert_int_equal(enter("a"), 1);
	assert_told(3, PG_E_OK, PG_STR("x"));
}

static void
what_was_not_handled_is_forgotten(void **state)
{
	struct pg_err err = { 0 };

	(void)state;
	pg_fail(&err, PG_E_CRASHED, "crashed");
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("a"), 1);
	pg_dedupe_drop(window, PG_STR("a"), &(struct pg_outcome){
	    .err = &err });
	assert_told(1, PG_E_CRASHED, PG_STR("crashed"));
	assert_int_equal(enter("a"), 0);
}

/* The answer could not be made durable: the message may come again. */
static void
what_does_not_count(void **state)
{
	struct pg_err err = { 0 };
	struct pg_outcome o = { .err = &err };

	(void)state;
	assert_int_equal(enter("a"), 0);
	done("a", PG_STR("1"));
	assert_int_equal(enter("b"), 0);
	done("b", PG_STR("2"));
	assert_int_equal(enter("c"), 0);
	done("c", PG_STR("3"));
	pg_fail(&err, PG_E_SYS, "disk");
	pg_dedupe_forget(window, PG_STR("b"), &o);
	assert_int_equal(enter("b"), 0);
	pg_dedupe_forget(window, PG_STR("b"), &o);
	pg_dedupe_forget(window, PG_STR("c"), &o);
	pg_dedupe_forget(window, PG_STR("nobody"), &o);
	assert_int_equal(enter("a"), 1);
	assert_int_equal(enter("c"), 0);
	done("c", PG_STR("4"));
	assert_int_equal(enter("c"), 1);
}

static void
kept_for_a_sleeper(void **state)
{
	struct pg_outcome o = { .body = PG_STR("queued") };

	(void)state;
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("a"), 1);
	pg_dedupe_kept(window, PG_STR("a"), &o);
	assert_told(1, PG_E_OK, PG_STR("queued"));
	now += 10 * PG_DEDUPE_TIME;
	assert_int_equal(enter("a"), 1);
	assert_told(2, PG_E_OK, PG_STR("queued"));
	/* It is still to be handled: nobody else may take it for handled. */
	assert_null(pg_dedupe_value(window, &arena, now));
	done("a", PG_STR("handled"));
	assert_int_equal(told.count, 2);
	assert_int_equal(pg_dedupe_value(window, &arena, now)->n, 1);
	assert_int_equal(enter("a"), 1);
	assert_told(3, PG_E_OK, PG_STR("queued"));
}

/* Counts the answers and answers with the next message, or the end. */
static void
on_done_again(struct pg_msg *m, const struct pg_outcome *o)
{
	struct pg_str before = o->body;
	int i;

	on_done(m, o);
	for (i = 0; i < PG_DEDUPE_MAX; i++) {
		enter("new");
		done("new", PG_STR("new"));
		now += PG_DEDUPE_TIME + 1;
	}
	if (told.count > 1000) {
		pg_dedupe_free(window);
		window = NULL;
	}
	assert_memory_equal(before.p, "first", 5);
}

static void
senders_may_use_the_window(void **state)
{
	struct pg_msg *m;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		m = message("a");
		m->on_done = on_done_again;
		if (i == 3)
			told.count = 1000;
		/* New, joined, again after it was answered and forgotten. */
		assert_int_equal(pg_dedupe_enter(&window, m, now), i == 1 ||
		    i == 3);
		if (i == 0 || i == 2) {
			m->on_done = NULL;
			pg_msg_end(m, &(struct pg_outcome){ 0 });
		}
		if (i > 0)
			done("a", PG_STR("first"));
	}
	assert_null(window);
}

static void
who_moves_takes_its_duplicates(void **state)
{
	struct pg_msg *joined, *m;
	int n = 0;

	(void)state;
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("b"), 0);
	assert_int_equal(enter("c"), 0);
	assert_int_equal(enter("d"), 0);
	done("c", PG_STR("c"));
	assert_int_equal(enter("a"), 1);
	assert_int_equal(enter("b"), 1);
	assert_int_equal(enter("a"), 1);
	pg_dedupe_kept(window, PG_STR("d"), &(struct pg_outcome){ 0 });
	/* What is kept goes only if it is told to. */
	assert_null(pg_dedupe_leave_waiting(NULL));
	joined = pg_dedupe_leave_waiting(window);
	assert_int_equal(enter("d"), 1);
	assert_told(1, PG_E_OK, PG_STR_NULL);
	assert_null(pg_dedupe_leave(window));
	/* What waited is new here, and what was answered is not. */
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("b"), 0);
	assert_int_equal(enter("d"), 0);
	assert_int_equal(enter("c"), 1);
	assert_told(2, PG_E_OK, PG_STR("c"));
	/* They may be posted here again, and join again. */
	while ((m = joined) != NULL) {
		joined = m->next;
		m->next = NULL;
		assert_int_equal(pg_dedupe_enter(&window, m, now), 1);
		n++;
	}
	assert_int_equal(n, 3);
	done("a", PG_STR("a"));
	assert_told(4, PG_E_OK, PG_STR("a"));
	/* And fail with the agent. */
	pg_dedupe_free(window);
	window = NULL;
	assert_int_equal(told.count, 5);
	assert_int_equal(told.code, PG_E_LIFECYCLE);
}

/* ---- Limits ------------------------------------------------------------ */

static void
ten_minutes(void **state)
{
	(void)state;
	assert_int_equal(enter("a"), 0);
	now += PG_DEDUPE_TIME;
	done("a", PG_STR("x")); /* from here */
	now += PG_DEDUPE_TIME - 1;
	assert_int_equal(enter("a"), 1);
	now += 1;
	assert_int_equal(enter("a"), 1);
	assert_int_equal(pg_dedupe_value(window, &arena, now)->n, 1);
	now += 1;
	assert_null(pg_dedupe_value(window, &arena, now));
	assert_int_equal(enter("a"), 0);
	done("a", PG_STR("x"));
	now += PG_DEDUPE_TIME;
	pg_dedupe_expire(&window, now);
	assert_non_null(window);
	pg_dedupe_expire(&window, now + 1);
	assert_null(window);
}

/* Number i as an id of so many bytes, 0: as it is. */
static const char *
numbered(int i, size_t n)
{
	static char id[1024];

	snprintf(id, sizeof(id), "%0*d", (int)n, i);
	return id;
}

/* Answer messages so many, each with this answer. */
static void
answer_many(int from, int count, size_t id, struct pg_str answer)
{
	int i;

	for (i = from; i < from + count; i++) {
		assert_int_equal(enter(numbered(i, id)), 0);
		done(numbered(i, id), answer);
	}
}

static bool
remembers(int i, size_t id)
{
	int before = told.count;

	if (enter(numbered(i, id)) == 0) {
		pg_dedupe_drop(window, pg_str(numbered(i, id)),
		    &(struct pg_outcome){ 0 });
		return false;
	}
	assert_int_equal(told.count, before + 1);
	return true;
}

static void
so_many_answers(void **state)
{
	int i;

	(void)state;
	/* What waits takes no room from what is answered, and stays. */
	for (i = 1000; i < 2000; i++)
		assert_int_equal(enter(numbered(i, 0)), 0);
	answer_many(0, PG_DEDUPE_MAX - 1, 0, PG_STR("x"));
	assert_true(remembers(0, 0));
	answer_many(PG_DEDUPE_MAX - 1, 1, 0, PG_STR("x"));
	assert_true(remembers(0, 0));
	answer_many(PG_DEDUPE_MAX, 1, 0, PG_STR("x"));
	assert_false(remembers(0, 0));
	assert_true(remembers(1, 0));
	for (i = 1000; i < 2000; i++)
		assert_int_equal(enter(numbered(i, 0)), 1);
	assert_int_equal(pg_dedupe_value(window, &arena, now)->n,
	    PG_DEDUPE_MAX);
}

static void
so_many_bytes(void **state)
{
	int fit = PG_DEDUPE_BYTES_MAX / PG_DEDUPE_ANSWER_MAX;
	struct pg_str answer = pickled(PG_DEDUPE_ANSWER_MAX - 32);

	(void)state;
	answer_many(0, fit - 1, 32, answer);
	assert_true(remembers(0, 32));
	answer_many(fit - 1, 1, 32, answer); /* to the last byte */
	assert_true(remembers(0, 32));
	answer_many(fit, 1, 32, PG_STR_NULL);
	assert_false(remembers(0, 32));
	assert_true(remembers(1, 32));
}

static void
long_answers(void **state)
{
	static const char lost[] = "message ID was handled before; its "
	    "answer of 16385 bytes is not kept";
	struct pg_str answer;
	size_t n;

	(void)state;
	for (n = PG_DEDUPE_ANSWER_MAX - 1; n <= PG_DEDUPE_ANSWER_MAX; n++) {
		answer = pickled(n);
		answer_many((int)n, 1, 0, answer);
		assert_int_equal(enter(numbered((int)n, 0)), 1);
		assert_told(told.count, PG_E_OK, answer);
	}
	answer_many((int)n, 1, 0, pickled(n));
	assert_int_equal(enter(numbered((int)n, 0)), 1);
	assert_told(3, PG_E_LIFECYCLE, pg_str(lost));
	/* The one that did it gets it whole, and those who joined. */
	for (n = 0; n < 200; n++) { /* around what lies within an entry */
		answer = pickled(n + 5);
		answer_many((int)n, 1, 0, answer);
		assert_int_equal(enter(numbered((int)n, 0)), 1);
		assert_told((int)n + 4, PG_E_OK, answer);
	}
}

static void
long_ids(void **state)
{
	(void)state;
	answer_many(1, 1, PG_DEDUPE_ID_MAX - 1, PG_STR("x"));
	answer_many(1, 1, PG_DEDUPE_ID_MAX, PG_STR("x"));
	answer_many(1, 1, PG_DEDUPE_ID_MAX + 1, PG_STR("x"));
	assert_true(remembers(1, PG_DEDUPE_ID_MAX - 1));
	assert_true(remembers(1, PG_DEDUPE_ID_MAX));
	assert_false(remembers(1, PG_DEDUPE_ID_MAX + 1));
}

static void
so_many_join(void **state)
{
	int i;

	(void)state;
	assert_int_equal(enter("a"), 0);
	assert_int_equal(enter("b"), 0);
	for (i = 0; i < PG_DEDUPE_JOINED_MAX; i++)
		assert_int_equal(enter(i % 2 == 0 ? "a" : "b"), 1);
	assert_int_equal(told.count, 0);
	assert_int_equal(enter("b"), 1);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.code, PG_E_MAILBOX_FULL);
	done("a", PG_STR("x"));
	assert_int_equal(told.count, 1 + PG_DEDUPE_JOINED_MAX / 2);
	assert_int_equal(enter("b"), 1);
	assert_int_equal(told.count, 1 + PG_DEDUPE_JOINED_MAX / 2);
}

/* A duplicate of "a" with so many bytes; they are counted, never read. */
static void
join_with(size_t bytes)
{
	struct pg_msg *m = message("a");

	m->body.n = bytes;
	assert_int_equal(pg_dedupe_enter(&window, m, now), 1);
}

static void
so_many_bytes_join(void **state)
{
	(void)state;
	assert_int_equal(enter("a"), 0);
	join_with(PG_DEDUPE_JOINED_BYTES_MAX + 1);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.code, PG_E_MAILBOX_FULL);
	join_with(PG_DEDUPE_JOINED_BYTES_MAX - 1);
	join_with(1);
	assert_int_equal(told.count, 1);
	join_with(1);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.code, PG_E_MAILBOX_FULL);
	pg_dedupe_drop(window, PG_STR("a"), &(struct pg_outcome){ 0 });
	assert_int_equal(told.count, 4);
	/* There is room again. */
	assert_int_equal(enter("a"), 0);
	join_with(PG_DEDUPE_JOINED_BYTES_MAX);
	assert_int_equal(told.count, 4);
}

/* ---- Records ----------------------------------------------------------- */

/* The record as the disk has it. */
static struct pg_value *
record(void)
{
	struct pg_buf b = { 0 };
	struct pg_value *v = pg_dedupe_value(window, &arena, now);
	struct pg_str text;

	assert_non_null(v);
	assert_int_equal(pg_json_write(&b, v, NULL), 0);
	text = pg_arena_str(&arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	assert_int_equal(pg_json_read(text, &arena, &v, NULL), 0);
	return v;
}

/* The window as it is elsewhere, where the clock shows something else. */
static void
travel(int64_t there)
{
	struct pg_value *v = record();

	pg_dedupe_free(window);
	window = NULL;
	now = there;
	assert_int_equal(pg_dedupe_read(&window, v, now, NULL), 0);
}

static void
travels(void **state)
{
	struct pg_str longest = pickled(PG_DEDUPE_ANSWER_MAX);

	(void)state;
	answer_many(0, 1, 0, PG_STR("\x4b\x07")); /* the number 7 */
	now += 60 * PG_SEC;
	answer_many(1, 1, 0, PG_STR_NULL);
	answer_many(2, 1, 0, longest);
	answer_many(3, 1, 0, pickled(PG_DEDUPE_ANSWER_MAX + 1));
	assert_int_equal(enter("4"), 0);
	done_error("4", PG_E_TIMEOUT, "late");
	assert_int_equal(enter("5"), 0);
	travel(3 * PG_SEC);
	travel(100000 * PG_SEC);
	assert_int_equal(enter("0"), 1);
	assert_told(1, PG_E_OK, PG_STR("\x4b\x07"));
	assert_int_equal(enter("1"), 1);
	assert_told(2, PG_E_OK, PG_STR_NULL);
	assert_int_equal(enter("2"), 1);
	assert_told(3, PG_E_OK, longest);
	assert_int_equal(enter("3"), 1);
	assert_int_equal(told.code, PG_E_LIFECYCLE);
	assert_int_equal(enter("4"), 1);
	assert_told(5, PG_E_TIMEOUT, PG_STR("late"));
	assert_int_equal(enter("5"), 0); /* it waited, elsewhere */
	/* And goes on to age. */
	now += PG_DEDUPE_TIME - 30 * PG_SEC;
	assert_int_equal(enter("0"), 0);
	assert_int_equal(enter("1"), 1);
	now += 31 * PG_SEC;
	assert_int_equal(enter("1"), 0);
}

/* The largest window that there is may be read again. */
static void
travels_full(void **state)
{
	struct pg_value *v;

	(void)state;
	answer_many(0, PG_DEDUPE_MAX, PG_DEDUPE_ID_MAX, pickled(768));
	travel(START);
	assert_int_equal(pg_dedupe_value(window, &arena, now)->n,
	    PG_DEDUPE_MAX);
	assert_true(remembers(0, PG_DEDUPE_ID_MAX));
	/* With what the agent is about to answer, the oldest goes. */
	v = pg_dedupe_foresee(record(), &arena, PG_STR("gone"),
	    &(struct pg_outcome){ .body = PG_STR("\x4b\x07") });
	pg_dedupe_free(window);
	window = NULL;
	assert_int_equal(pg_dedupe_read(&window, v, now, NULL), 0);
	assert_false(remembers(0, PG_DEDUPE_ID_MAX));
	assert_true(remembers(1, PG_DEDUPE_ID_MAX));
	assert_int_equal(enter("gone"), 1);
	assert_told(told.count, PG_E_OK, PG_STR("\x4b\x07"));
}

static void
foreseen(void **state)
{
	struct pg_err err = { 0 };
	struct pg_value *v = NULL;

	(void)state;
	pg_fail(&err, PG_E_QUOTA, "full");
	v = pg_dedupe_foresee(v, &arena, PG_STR("a"), &(struct pg_outcome){
	    .err = &err });
	v = pg_dedupe_foresee(v, &arena, PG_STR("b"), &(struct pg_outcome){
	    .body = pickled(PG_DEDUPE_ANSWER_MAX + 1) });
	/* What is there stays as it is; what is not remembered is not. */
	v = pg_dedupe_foresee(v, &arena, PG_STR("a"), &(struct pg_outcome){
	    .body = PG_STR("\x4b\x07") });
	v = pg_dedupe_foresee(v, &arena, PG_STR_NULL, &(struct pg_outcome){
	    .body = PG_STR("\x4b\x07") });
	v = pg_dedupe_foresee(v, &arena, pg_str(numbered(1,
	    PG_DEDUPE_ID_MAX + 1)), &(struct pg_outcome){ .err = &err });
	assert_int_equal(v->n, 2);
	assert_int_equal(pg_dedupe_read(&window, v, now, NULL), 0);
	assert_int_equal(enter("a"), 1);
	assert_told(1, PG_E_QUOTA, PG_STR("full"));
	assert_int_equal(enter("b"), 1);
	assert_int_equal(told.code, PG_E_LIFECYCLE);
}

static struct pg_value *
read_json(const char *text)
{
	struct pg_value *v = NULL;

	assert_int_equal(pg_json_read(pg_str(text), &arena, &v, NULL), 0);
	return v;
}

static void
what_a_record_may_say(void **state)
{
	(void)state;
	assert_int_equal(pg_dedupe_read(&window, NULL, now, NULL), 0);
	assert_int_equal(pg_dedupe_read(&window, read_json("null"), now,
	    NULL), 0);
	assert_int_equal(pg_dedupe_read(&window, read_json("[]"), now,
	    NULL), 0);
	assert_int_equal(pg_dedupe_read(&window, read_json("["
	    "{\"id\": \"a\", \"age\": 1e300},"
	    "{\"id\": \"b\", \"age\": Infinity}]"), now, NULL), 0);
	assert_null(window);
	/* Out of order, an error nobody knows, fields of a later time. */
	assert_int_equal(pg_dedupe_read(&window, read_json("["
	    "{\"id\": \"a\", \"age\": 0, \"error_type\": \"OddError\"},"
	    "{\"id\": \"b\", \"age\": 599.5, \"later\": [1]}]"), now,
	    NULL), 0);
	assert_int_equal(enter("a"), 1);
	assert_told(1, PG_E_REMOTE, PG_STR("no reason"));
	assert_int_equal(enter("b"), 1);
	assert_told(2, PG_E_OK, PG_STR_NULL);
	now += PG_DEDUPE_TIME + 1;
	pg_dedupe_expire(&window, now);
	assert_null(window);
	/* From before a stop longer than all: the present less that time. */
	assert_int_equal(pg_dedupe_read(&window, read_json("["
	    "{\"id\": \"a\", \"age\": 1}]"), now - PG_DEDUPE_TIME, NULL), 0);
	assert_int_equal(enter("a"), 0);
}

#define BINARY(text) "{\"__paglets_binary__\": \"bytes\", " \
	"\"base64\": \"" text "\"}"

static void
what_it_may_not(void **state)
{
	static const struct { const char *entry, *where; } bad[] = {
		{ "7", "must be dict" },
		{ "{\"age\": 1}", "'id'" },
		{ "{\"id\": 7, \"age\": 1}", "'id'" },
		{ "{\"id\": \"\", \"age\": 1}", "'id'" },
		{ "{\"id\": \"first\", \"age\": 1}", "'id'" },
		{ "{\"id\": \"a\"}", "'age'" },
		{ "{\"id\": \"a\", \"age\": null}", "'age'" },
		{ "{\"id\": \"a\", \"age\": \"1\"}", "'age'" },
		{ "{\"id\": \"a\", \"age\": -0.001}", "'age'" },
		{ "{\"id\": \"a\", \"age\": NaN}", "'age'" },
		{ "{\"id\": \"a\", \"age\": -Infinity}", "'age'" },
		{ "{\"id\": \"a\", \"age\": 1, \"error_type\": 1}",
		    "'error_type'" },
		{ "{\"id\": \"a\", \"age\": 1, \"error\": 1}", "'error'" },
		{ "{\"id\": \"a\", \"age\": 1, \"code\": []}", "'code'" },
		{ "{\"id\": \"a\", \"age\": 1, \"size\": -1}", "'size'" },
		{ "{\"id\": \"a\", \"age\": 1, \"size\": 1.5}", "'size'" },
		{ "{\"id\": \"a\", \"age\": 1, \"size\": 4294967296}",
		    "'size'" },
		{ "{\"id\": \"a\", \"age\": 1, \"answer\": \"x\"}",
		    "'answer'" },
		{ "{\"id\": \"a\", \"age\": 1, \"answer\": " BINARY("")
		    "}", "'answer'" },
		/* Two values, and one that is cut off. */
		{ "{\"id\": \"a\", \"age\": 1, \"answer\": " BINARY("SwdLBw==")
		    "}", "'answer'" },
		{ "{\"id\": \"a\", \"age\": 1, \"answer\": " BINARY("Sw==")
		    "}", "'answer'" },
		{ "{\"id\": \"a\", \"age\": 1, \"size\": 9, \"answer\": "
		    BINARY("Swc=") "}", "only one" },
		{ "{\"id\": \"a\", \"age\": 1, \"size\": 9, \"error_type\": "
		    "\"HostError\"}", "only one" },
	};
	struct pg_err err;
	char text[400];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		snprintf(text, sizeof(text), "[{\"id\": \"first\", \"age\": "
		    "2, \"answer\": " BINARY("Swc=") "}, %s]", bad[i].entry);
		err = (struct pg_err){ 0 };
		assert_int_equal(pg_dedupe_read(&window, read_json(text),
		    now, &err), -1);
		assert_int_equal(err.code, PG_E_HOST);
		assert_non_null(strstr(err.msg, bad[i].where));
		assert_non_null(strstr(err.msg, "entry 1"));
		assert_null(window);
	}
	err = (struct pg_err){ 0 };
	assert_int_equal(pg_dedupe_read(&window, read_json("{}"), now, &err),
	    -1);
	assert_int_equal(err.code, PG_E_HOST);
	assert_non_null(strstr(err.msg, "'seen'"));
}

/* A list of n entries, the last with an id and an answer of so many bytes. */
static int
read_sized(int n, size_t id, size_t answer)
{
	struct pg_value *list = pg_value_list(&arena), *d;
	int i, rc;

	for (i = 1; i <= n; i++) {
		d = pg_value_dict(&arena);
		pg_put_str(&arena, d, "id", pg_arena_str(&arena,
		    pg_str(numbered(i, i == n ? id : 0))));
		pg_put_int(&arena, d, "age", 1);
		if (i == n)
			pg_put(&arena, d, "answer", pg_value_bytes(&arena,
			    PG_T_BYTES, pickled(answer)));
		pg_value_add(&arena, list, d);
	}
	rc = pg_dedupe_read(&window, list, now, NULL);
	assert_int_equal(window != NULL, rc == 0);
	pg_dedupe_free(window);
	window = NULL;
	return rc;
}

static void
how_large_it_may_be(void **state)
{
	int i;

	(void)state;
	for (i = -1; i <= 1; i++) {
		assert_int_equal(read_sized(PG_DEDUPE_MAX + i, 3, 9),
		    i > 0 ? -1 : 0);
		assert_int_equal(read_sized(2, (size_t)(PG_DEDUPE_ID_MAX + i),
		    9), i > 0 ? -1 : 0);
		assert_int_equal(read_sized(2, 3, (size_t)(
		    (int)PG_DEDUPE_ANSWER_MAX + i)), i > 0 ? -1 : 0);
	}
}

/* More bytes than are kept: the oldest go, as they would have. */
static void
more_bytes_than_are_kept(void **state)
{
	struct pg_value *list = pg_value_list(&arena), *d;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		d = pg_value_dict(&arena);
		pg_put_str(&arena, d, "id", pg_arena_str(&arena,
		    pg_str(numbered(i, 2))));
		pg_put_int(&arena, d, "age", 30 - i);
		pg_put(&arena, d, "answer", pg_value_bytes(&arena,
		    PG_T_BYTES, pickled(PG_DEDUPE_ANSWER_MAX)));
		pg_value_add(&arena, list, d);
	}
	assert_int_equal(pg_dedupe_read(&window, list, now, NULL), 0);
	assert_int_equal(pg_dedupe_value(window, &arena, now)->n, 15);
	assert_false(remembers(4, 2));
	assert_true(remembers(5, 2));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(first_answer_again),
		T(only_ids_given_by_the_sender),
		T(duplicates_join),
		T(answered_before_it_is_told),
		T(what_was_not_handled_is_forgotten),
		T(what_does_not_count),
		T(kept_for_a_sleeper),
		T(senders_may_use_the_window),
		T(who_moves_takes_its_duplicates),
		T(ten_minutes),
		T(so_many_answers),
		T(so_many_bytes),
		T(long_answers),
		T(long_ids),
		T(so_many_join),
		T(so_many_bytes_join),
		T(travels),
		T(travels_full),
		T(foreseen),
		T(what_a_record_may_say),
		T(what_it_may_not),
		T(how_large_it_may_be),
		T(more_bytes_than_are_kept),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
