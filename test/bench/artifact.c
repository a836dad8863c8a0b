/* artifact: large bodies that a host keeps, how fast they come and go, and
 * what the others notice of it.
 *
 * In memory (a tmpfs), where nobody waits for a disk: uploads beside a
 * receiver with a hash thread, downloads beside nginx. On a disk beside one
 * write and fdatasync of as many bytes. Messages are sent at a steady pace
 * while another process uploads or downloads; one whose answer is late counts
 * for all that were due meanwhile.
 *
 * Uploads run wherever the kernel likes, since each keeps more than one
 * processor busy. Downloads: the server on one, we on the other.
 */
#include "bench.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES 5  /* rounds of each */
#define SIZES 2
#define SMALL ((uint64_t)256 << 20)
#define LARGE ((uint64_t)1 << 30)
#define ROOM (4 * LARGE) /* on the tmpfs: cargo and two copies */
#define HASH_MS 500
#define HASH_PIECE (256 * 1024)
#define PACE_MS 1.0
#define DOWNLOADS 5 /* in a row, for one takes little time */
#define SAMPLE 16   /* messages from one look at the memory to the next */

static struct cargo cargo[SIZES] = { { "cargo-256", .size = SMALL },
	{ "cargo-1024", .size = LARGE } };

static double
gb_per_s(uint64_t n, double ms)
{
	return (double)n / ms / 1e6;
}

static void
artifact_remove(struct host *h, const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), "/artifacts/%s", id);
	host_call(h, "DELETE", path, NULL);
}

static void
artifact_remove_all(struct host *h)
{
	static const char key[] = "\"artifact_id\": \"";
	const char *at;
	char id[33];

	while ((at = strstr(host_call(h, "GET", "/artifacts", NULL), key)) !=
	    NULL) {
		snprintf(id, sizeof(id), "%.32s", at + strlen(key));
		artifact_remove(h, id);
	}
}

/* One upload that leaves nothing: ms. */
static double
upload(struct host *h, const struct cargo *c)
{
	char id[33];
	double ms = carry_up(h->port, c, id);

	artifact_remove(h, id);
	return ms;
}

/* ---- SHA-256 ---- */

static void
bench_hash(void)
{
	struct row r = { "SHA-256 (floor: openssl)", "GB/s", NO_AIM, 0, 2,
		TIMES, { 0 }, { 0 } };
	size_t i;

	pin(0);
	for (i = 0; i < TIMES; i++) {
		r.ours[i] = hash_rate(HASH_PIECE, HASH_MS);
		r.floor[i] = openssl_sha256(HASH_PIECE);
	}
	if (r.floor[0] == 0)
		puts("openssl is not installed: SHA-256 has nothing beside it");
	row_print(&r);
}

/* ---- Uploads and downloads ---- */

static void
bench_uploads(const char *memory, const char *state)
{
	struct row rows[SIZES] = {
		{ "upload 256 MiB, tmpfs (floor: a hash thread)", "GB/s",
		    VALUE_AT_LEAST, 1, 2, TIMES, { 0 }, { 0 } },
		{ "upload 1 GiB, tmpfs (floor: a hash thread)", "GB/s",
		    VALUE_AT_LEAST, 1, 2, TIMES, { 0 }, { 0 } } };
	uint16_t floor_port;
	pid_t floor;
	struct host h;
	char id[33];
	size_t i, k;

	pin(ANY_CPU);
	floor = spool_start(memory, &floor_port);
	host_start(&h, state, ANY_CPU);
	for (k = 0; k < SIZES; k++) {
		for (i = 0; i < TIMES; i++) {
			rows[k].ours[i] = gb_per_s(cargo[k].size,
			    upload(&h, &cargo[k]));
			rows[k].floor[i] = gb_per_s(cargo[k].size,
			    carry_up(floor_port, &cargo[k], id));
		}
		row_print(&rows[k]);
	}
	host_stop(&h);
	kill_and_wait(floor);
}

static void
bench_disk_uploads(const char *folder)
{
	struct row r = { "upload 1 GiB, disk (floor: write, fdatasync)",
		"GB/s", NO_AIM, 0, 2, MANY_ROUNDS, { 0 }, { 0 } };
	struct host h;
	size_t i;

	pin(ANY_CPU);
	host_start(&h, "artifacts", ANY_CPU);
	for (i = 0; i < MANY_ROUNDS; i++) {
		r.ours[i] = gb_per_s(LARGE, upload(&h, &cargo[1]));
		r.floor[i] = gb_per_s(LARGE, sync_file(folder, LARGE));
	}
	host_stop(&h);
	row_print(&r);
}

/* One row: ours, and beside it the same bytes from nginx, if it runs. */
static void
download_row(struct host *h, uint16_t nginx_port, const struct cargo *c,
    struct row *r)
{
	char id[33], ours[64], theirs[64];

	carry_up(h->port, c, id);
	snprintf(ours, sizeof(ours), "/artifacts/%s", id);
	snprintf(theirs, sizeof(theirs), "/%s", c->name);
	for (r->n = 0; r->n < TIMES; r->n++) {
		r->ours[r->n] = gb_per_s(c->size,
		    carry_down(h->port, ours, c->size));
		if (nginx_port != 0)
			r->floor[r->n] = gb_per_s(c->size,
			    carry_down(nginx_port, theirs, c->size));
	}
	artifact_remove(h, id);
	row_print(r);
}

static void
bench_downloads(const char *memory, const char *state)
{
	struct row rows[SIZES] = {
		{ "download 256 MiB, tmpfs (floor: nginx)", "GB/s",
		    RATIO_AT_LEAST, 0.9, 2, 0, { 0 }, { 0 } },
		{ "download 1 GiB, tmpfs (floor: nginx)", "GB/s",
		    RATIO_AT_LEAST, 0.9, 2, 0, { 0 }, { 0 } } };
	uint16_t port;
	pid_t nginx = nginx_start(memory, 0, &port);
	struct host h;
	size_t k;

	if (nginx < 0) {
		puts("nginx is not installed: downloads have nothing beside "
		    "them");
		port = 0;
		rows[0].aim = rows[1].aim = NO_AIM;
	}
	pin(1);
	host_start(&h, state, 0);
	for (k = 0; k < SIZES; k++)
		download_row(&h, port, &cargo[k], &rows[k]);
	host_stop(&h);
	if (nginx >= 0)
		kill_and_wait(nginx);
}

/* ---- The client that people use ---- */

/* The program with these arguments and the host as entry, until its end. */
static double
client_run(const char *program, uint16_t port, const char *verb,
    const char *what, const char *to)
{
	double began = now_ms();
	pid_t pid = fork();
	char entry[64];
	int status;

	if (pid < 0)
		die_sys("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_RDWR), 1);
		snprintf(entry, sizeof(entry), "http://127.0.0.1:%u", port);
		execl(program, program, "artifacts", verb, what, "--entry",
		    entry, to != NULL ? "-o" : (char *)NULL, to, (char *)NULL);
		die_sys(program);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		die("the client has failed");
	return now_ms() - began;
}

static void
client_put(const char *program, struct host *h, const char *memory,
    struct row *r)
{
	char from[PATH_MAX];

	snprintf(from, sizeof(from), "%s/%s", memory, cargo[1].name);
	for (r->n = 0; r->n < TIMES; r->n++) {
		r->ours[r->n] = gb_per_s(LARGE, client_run(program, h->port,
		    "put", from, NULL));
		artifact_remove_all(h);
		r->floor[r->n] = gb_per_s(LARGE, upload(h, &cargo[1]));
	}
	row_print(r);
}

static void
client_get(const char *program, struct host *h, const char *memory,
    uint16_t floor_port, struct row *r)
{
	char id[33], no[33], to[PATH_MAX];

	carry_up(h->port, &cargo[1], id);
	snprintf(to, sizeof(to), "%s/got", memory);
	for (r->n = 0; r->n < TIMES; r->n++) {
		r->ours[r->n] = gb_per_s(LARGE, client_run(program, h->port,
		    "get", id, to));
		unlink(to);
		r->floor[r->n] = gb_per_s(LARGE, carry_up(floor_port,
		    &cargo[1], no));
	}
	artifact_remove(h, id);
	row_print(r);
}

static void
bench_client(const char *memory, const char *state)
{
	struct row put = { "artifacts put, 1 GiB (floor: an upload)", "GB/s",
		NO_AIM, 0, 2, 0, { 0 }, { 0 } };
	struct row get = { "artifacts get, 1 GiB (floor: a hash thread)",
		"GB/s", NO_AIM, 0, 2, 0, { 0 }, { 0 } };
	const char *program = host_program();
	uint16_t floor_port;
	struct host h;
	pid_t floor;

	if (program == NULL)
		return;
	pin(ANY_CPU);
	floor = spool_start(memory, &floor_port);
	host_start(&h, state, ANY_CPU);
	client_put(program, &h, memory, &put);
	client_get(program, &h, memory, floor_port, &get);
	host_stop(&h);
	kill_and_wait(floor);
}

/* ---- Messages meanwhile ---- */

/* An agent that is asked at a steady pace, and the memory of its host. */
struct beat {
	struct host *h;
	const char *id;
	struct times times;
	bool watch;
	double idle_kb, most_kb;
};

static void
beat_look(struct beat *b)
{
	double kb = process_private_kb(b->h->pid) +
	    process_tables_kb(b->h->pid);

	if (kb > b->most_kb)
		b->most_kb = kb;
}

/* Until ms; harmless when that has passed. */
static void
sleep_until(double ms)
{
	double left = ms - now_ms();
	struct timespec t = { 0, (long)(left * 1e6) };

	if (left > 0)
		nanosleep(&t, NULL);
}

/* This one took ms: and so would have those that were to be sent meanwhile,
 * each less by its turn. */
static void
beat_count(struct beat *b, double ms)
{
	for (; ms > 0; ms -= PACE_MS)
		times_add(&b->times, ms);
}

/* Until that process has ended. */
static void
beat_run(struct beat *b, pid_t beside)
{
	double began;
	size_t i;

	for (i = 0; !process_ended(beside); i++) {
		began = now_ms();
		host_message(b->h, b->id, "ping", NULL);
		beat_count(b, now_ms() - began);
		if (b->watch && i % SAMPLE == 0)
			beat_look(b);
		sleep_until(began + PACE_MS);
	}
}

/* What goes on beside the messages, in a process of its own. */
struct traffic {
	bool up;
	uint16_t port;
	const char *path; /* of a download */
};

static _Noreturn void
traffic_main(const struct traffic *t)
{
	char id[33];
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (t->up)
		carry_up(t->port, &cargo[1], id);
	for (i = 0; !t->up && i < DOWNLOADS; i++)
		carry_down(t->port, t->path, LARGE);
	_exit(0);
}

static void
beat_beside(struct beat *b, const struct traffic *t)
{
	pid_t pid = fork();

	if (pid < 0)
		die_sys("fork");
	if (pid == 0)
		traffic_main(t);
	b->times.n = 0;
	beat_run(b, pid);
	times_sort(&b->times);
}

/* The host, and the floors that it stands beside. */
struct busy {
	struct host ours, floor;
	pid_t server, spool;
	uint16_t spool_port, nginx_port;
	struct beat beats[2];
	char agent[33], artifact[33], path[64];
};

/* Of what: ours and the floor's, in the same round. */
static void
busy_round(struct busy *b, const struct traffic traffic[2], struct row *p50,
    struct row *p99)
{
	size_t i = p50->n;

	beat_beside(&b->beats[0], &traffic[0]);
	p50->ours[i] = times_at(&b->beats[0].times, 0.5) * 1000;
	p99->ours[i] = times_at(&b->beats[0].times, 0.99);
	if (traffic[1].port != 0) {
		beat_beside(&b->beats[1], &traffic[1]);
		p50->floor[i] = times_at(&b->beats[1].times, 0.5) * 1000;
		p99->floor[i] = times_at(&b->beats[1].times, 0.99);
	}
	p50->n = p99->n = i + 1;
}

static void
busy_up(struct busy *b, struct row *p50, struct row *p99)
{
	const struct traffic traffic[2] = { { true, b->ours.port, NULL },
		{ true, b->spool_port, NULL } };

	while (p50->n < TIMES) {
		busy_round(b, traffic, p50, p99);
		artifact_remove_all(&b->ours);
	}
	row_print(p50);
	row_print(p99);
}

static void
busy_down(struct busy *b, struct row *p50, struct row *p99)
{
	const struct traffic traffic[2] = { { false, b->ours.port, b->path },
		{ false, b->nginx_port, "/cargo-1024" } };

	carry_up(b->ours.port, &cargo[1], b->artifact);
	snprintf(b->path, sizeof(b->path), "/artifacts/%s", b->artifact);
	while (p50->n < TIMES)
		busy_round(b, traffic, p50, p99);
	artifact_remove_all(&b->ours);
	row_print(p50);
	row_print(p99);
}

static pid_t
busy_start(struct busy *b, const char *memory, const char *state)
{
	pid_t nginx = nginx_start(memory, ANY_CPU, &b->nginx_port);

	if (nginx < 0)
		b->nginx_port = 0;
	b->server = floor_start(1, ANY_CPU, &b->floor.port);
	b->floor.fd = connect_to(b->floor.port);
	b->spool = spool_start(memory, &b->spool_port);
	host_start(&b->ours, state, ANY_CPU);
	host_create(&b->ours, b->agent);
	b->beats[0] = (struct beat){ .h = &b->ours, .id = b->agent,
		.watch = true };
	b->beats[1] = (struct beat){ .h = &b->floor, .id = "0" };
	beat_look(&b->beats[0]);
	b->beats[0].idle_kb = b->beats[0].most_kb;
	return nginx;
}

static void
busy_stop(struct busy *b, pid_t nginx)
{
	host_stop(&b->ours);
	close(b->floor.fd);
	kill_and_wait(b->server);
	kill_and_wait(b->spool);
	if (nginx >= 0)
		kill_and_wait(nginx);
}

static void
bench_messages_meanwhile(const char *memory, const char *state)
{
	struct row rows[4] = {
		{ "message p50 while 1 GiB arrives", "us", NO_AIM, 0, 1, 0,
		    { 0 }, { 0 } },
		{ "  their p99", "ms", VALUE_AT_MOST, 2, 2, 0, { 0 }, { 0 } },
		{ "message p50 while 1 GiB leaves", "us", NO_AIM, 0, 1, 0,
		    { 0 }, { 0 } },
		{ "  their p99", "ms", VALUE_AT_MOST, 2, 2, 0, { 0 }, { 0 } }
	};
	struct row memory_row = { "memory of the host meanwhile: growth",
		"kB", VALUE_AT_MOST, 4096, 0, 1, { 0 }, { 0 } };
	struct busy b = { .server = -1 };
	pid_t nginx;

	pin(ANY_CPU);
	nginx = busy_start(&b, memory, state);
	busy_up(&b, &rows[0], &rows[1]);
	busy_down(&b, &rows[2], &rows[3]);
	memory_row.ours[0] = b.beats[0].most_kb - b.beats[0].idle_kb;
	row_print(&memory_row);
	busy_stop(&b, nginx);
}

/* ---- All of it ---- */

/* Whether the tmpfs takes all that lies there at once. */
static bool
has_room(const char *folder)
{
	struct statvfs v;

	if (statvfs(folder, &v) < 0)
		die_sys(folder);
	return (uint64_t)v.f_bavail * v.f_frsize >= ROOM;
}

void
bench_artifacts(const char *folder, const char *memory)
{
	char state[PATH_MAX];
	size_t i;

	bench_hash();
	if (memory == NULL || !has_room(memory)) {
		puts("no room for 4 GiB in /dev/shm: no uploads, no "
		    "downloads");
		return;
	}
	prctl(PR_SET_TIMERSLACK, 1UL);
	for (i = 0; i < SIZES; i++)
		cargo_make(&cargo[i], memory);
	snprintf(state, sizeof(state), "%s/state", memory);
	bench_uploads(memory, state);
	bench_downloads(memory, state);
	bench_client(memory, state);
	bench_messages_meanwhile(memory, state);
	bench_disk_uploads(folder);
}
