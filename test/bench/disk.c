/* disk: what it costs that nothing is lost.
 *
 * The same work on a host that writes down what it acknowledges and on one
 * that has nothing on disk, and beside it what the disk asks for in any case:
 * one append and fdatasync. The folder is one of a real file system, that of
 * the build: where it is memory, as /tmp often is, a sync costs nothing.
 *
 * All of it runs wherever the kernel likes: while one processor waits for the
 * disk, there may be work for another.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CROWD 16    /* requests at once */
#define RECORD 330  /* bytes that an agent of the demo class has in the log */
#define RECOVER 1000

/* As many connections to one host. */
struct crowd {
	struct host by[CROWD];
	char ids[CROWD][33];
};

static void
crowd_start(struct crowd *c, const char *state)
{
	size_t i;

	host_start(&c->by[0], state, ANY_CPU);
	for (i = 1; i < CROWD; i++)
		host_join(&c->by[i], &c->by[0]);
}

static void
crowd_stop(struct crowd *c)
{
	size_t i;

	for (i = 1; i < CROWD; i++)
		close(c->by[i].fd);
	host_stop(&c->by[0]);
}

/* The same request about each agent, sent at once, until all are answered. */
static double
crowd_ask(struct crowd *c, const char *what, const char *body)
{
	double began = now_ms();
	char path[64];
	size_t i;

	for (i = 0; i < CROWD; i++) {
		snprintf(path, sizeof(path), "/agents/%s/%s", c->ids[i], what);
		host_send(&c->by[i], "POST", path, body);
	}
	for (i = 0; i < CROWD; i++)
		host_receive(&c->by[i]);
	return now_ms() - began;
}

static double
crowd_create(struct crowd *c)
{
	double began = now_ms();
	size_t i;

	for (i = 0; i < CROWD; i++)
		host_send_create(&c->by[i]);
	for (i = 0; i < CROWD; i++)
		host_receive_id(&c->by[i], c->ids[i]);
	return now_ms() - began;
}

/* ---- Creation ---- */

/* One round: many times 16 agents, and the sync of as many records. */
static void
create_round(struct crowd *durable, struct crowd *plain, struct row *rate,
    struct row *extra)
{
	double with[ROUNDS], without[ROUNDS], sync[ROUNDS];
	size_t k, r = rate->n++;

	for (k = 0; k < ROUNDS; k++) {
		with[k] = crowd_create(durable);
		crowd_ask(durable, "dispose", "{}");
		without[k] = crowd_create(plain);
		crowd_ask(plain, "dispose", "{}");
		sync[k] = sync_run(CROWD * RECORD);
	}
	rate->ours[r] = CROWD * 1000 / median(with, ROUNDS);
	rate->floor[r] = CROWD * 1000 / median(without, ROUNDS);
	extra->ours[r] = median(with, ROUNDS) - median(without, ROUNDS);
	extra->floor[r] = median(sync, ROUNDS);
	extra->n = rate->n;
}

static void
bench_creates(void)
{
	struct row rate = { "durable creates/s, 16 at once (floor: not)",
		"/s", NO_AIM, 0, 0, 0, { 0 }, { 0 } };
	struct row extra = { "  what 16 wait for the disk (floor: fdatasync)",
		"ms", RATIO_AT_MOST, 2, 3, 0, { 0 }, { 0 } };
	struct crowd durable, plain;

	crowd_start(&durable, "creates");
	crowd_start(&plain, NULL);
	while (rate.n < ROUNDS)
		create_round(&durable, &plain, &rate, &extra);
	crowd_stop(&durable);
	crowd_stop(&plain);
	row_print(&rate);
	row_print(&extra);
}

/* ---- Sleep ---- */

static double
sleep_ours(struct host *h, const char *id)
{
	double began = now_ms();
	char path[64];

	snprintf(path, sizeof(path), "/agents/%s/deactivate", id);
	host_call(h, "POST", path, "{}");
	snprintf(path, sizeof(path), "/agents/%s/activate", id);
	host_call(h, "POST", path, "{}");
	return now_ms() - began;
}

/* Each way a record; and a new process. */
static double
sleep_floor(void)
{
	return sync_run(RECORD) + sync_run(RECORD) + create_floor();
}

static void
bench_sleep(void)
{
	struct row r = { "deactivate, activate (floor: 2 syncs, a spawn)",
		"ms", NO_AIM, 0, 2, ROUNDS, { 0 }, { 0 } };
	double ours[ROUNDS], floor[ROUNDS];
	struct host h;
	size_t i, k;
	char id[33];

	host_start(&h, "sleep", ANY_CPU);
	for (i = 0; i < ROUNDS; i++) {
		/* A new one: the history of the demo class grows. */
		host_create(&h, id);
		for (k = 0; k < ROUNDS; k++) {
			ours[k] = sleep_ours(&h, id);
			floor[k] = sleep_floor();
		}
		r.ours[i] = median(ours, ROUNDS);
		r.floor[i] = median(floor, ROUNDS);
	}
	host_stop(&h);
	row_print(&r);
}

/* ---- Moves ---- */

/* All 16 from one host to the other: moves a second. */
static double
move_crowd(struct crowd *from, struct crowd *to)
{
	char body[64];
	double ms;

	snprintf(body, sizeof(body), "{\"target\": \"http://127.0.0.1:%u\"}",
	    to->by[0].port);
	ms = crowd_ask(from, "dispatch", body);
	memcpy(to->ids, from->ids, sizeof(to->ids));
	return CROWD * 1000 / ms;
}

static void
moves_start(struct crowd hosts[2], const char *const states[2])
{
	size_t i;

	for (i = 0; i < 2; i++)
		crowd_start(&hosts[i], states[i]);
	crowd_create(&hosts[0]);
	crowd_ask(&hosts[0], "messages", "{\"message\": {\"kind\": \"fill\", "
	    "\"args\": {\"n\": 1000}}}");
}

static void
bench_durable_moves(void)
{
	static const char *const on[2] = { "from", "to" }, *const off[2];
	struct row r = { "durable moves/s, 1 KB, 16 at once (floor: not)",
		"/s", NO_AIM, 0, 0, ROUNDS, { 0 }, { 0 } };
	struct crowd durable[2], plain[2];
	double ours[ROUNDS], floor[ROUNDS];
	size_t i, k, at = 0;

	moves_start(durable, on);
	moves_start(plain, off);
	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < ROUNDS; k++, at = 1 - at) {
			ours[k] = move_crowd(&durable[at], &durable[1 - at]);
			floor[k] = move_crowd(&plain[at], &plain[1 - at]);
		}
		r.ours[i] = median(ours, ROUNDS);
		r.floor[i] = median(floor, ROUNDS);
	}
	for (i = 0; i < 2; i++) {
		crowd_stop(&durable[i]);
		crowd_stop(&plain[i]);
	}
	row_print(&r);
}

/* ---- Recovery ---- */

/* Killed without a warning, and started again: until every agent answers. */
static double
recover_ours(struct host *h, char (*ids)[33])
{
	double began;
	size_t i;

	host_kill(h);
	began = now_ms();
	host_start_again(h);
	for (i = 0; i < RECOVER; i++)
		host_message(h, ids[i], "ping", NULL);
	return (now_ms() - began) / 1000;
}

static double
recover_floor(void)
{
	static pid_t pids[RECOVER];
	double ms = spawn_run(pids, RECOVER);

	spawn_end(pids, RECOVER);
	return ms / 1000;
}

static void
bench_recovery(void)
{
	static char ids[RECOVER][33];
	struct row r = { "recovery of 1000 agents (floor: posix_spawn)", "s",
		VALUE_AT_MOST, 2, 2, MANY_ROUNDS, { 0 }, { 0 } };
	struct host h;
	size_t i;

	host_start(&h, "recovery", ANY_CPU);
	for (i = 0; i < RECOVER; i++)
		host_create(&h, ids[i]);
	for (i = 0; i < MANY_ROUNDS; i++) {
		r.ours[i] = recover_ours(&h, ids);
		r.floor[i] = recover_floor();
	}
	host_kill(&h);
	row_print(&r);
}

void
bench_disk(const char *folder)
{
	pin(ANY_CPU);
	sync_open(folder);
	bench_sleep();
	bench_creates();
	bench_durable_moves();
	bench_recovery();
}
