/* bench: what our host does, beside the least that Linux needs for it.
 *
 *   bench FOLDER COMMAND...    COMMAND starts a host: its words NAME, PORT,
 *                              STATE and MESH are filled in; what is to
 *                              survive lies in FOLDER
 *
 * BENCH_MESH, BENCH_ARTIFACTS: these alone. BENCH_MEMORY: a folder of a tmpfs.
 *
 * Every workload is measured in rounds, ours and its floor in turn (A B A B),
 * so that whatever else the machine does meets both. The figures are medians
 * over the rounds; the ratio is the median of the ratios within each round,
 * which is steadier than the ratio of the medians.
 *
 * Round trips: host, agent and client on one processor, as are floor, its
 * child and client. Throughput: server side on one, client on the other.
 * Creation likewise on one; moves and 500 agents wherever the kernel likes.
 * Here nothing is on disk; what that costs is in disk.c.
 */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 250       /* of load, ours or floor */
#define CONNS 64
#define AGENTS 8           /* that share the load */
#define BIG (64 * 1000 * 1000)
#define MANY 500

/* What the kernel keeps for a process beside what /proc tells of it. Sockets:
 * two ends of a pair, each with sock, inode, dentry and file. */
#define KERNEL_STACK_KB 16
#define SOCKETS_KB 5

static const char notes[] =
"Medians of %d rounds, ours and floor in turn; ratios are of figures of the\n"
"same round. An agent of ours looks for an urgent message before each, and\n"
"answers each at once; a child of the floor reads and writes all that wait in\n"
"one go: with an agent for each, both go one by one.\n"
"Times in ms were aimed at where the first floor is 17 us and posix_spawn\n"
"0.135 ms: on a slower or busy machine read the ratio. Memory of an agent:\n"
"private pages and page tables of its process (/proc), %d kB kernel stack,\n"
"%d kB for the sockets, and its share of the growth of the host. fdatasync:\n"
"of an append of as many bytes in the folder of the hosts.\n";

/* ---- Service to all ---- */

_Noreturn void
die(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

_Noreturn void
die_sys(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void
pin(int cpu)
{
	static cpu_set_t all;
	cpu_set_t one;
	size_t i;
	int seen = 0;

	if (CPU_COUNT(&all) == 0)
		sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && (cpu == ANY_CPU || seen++ == cpu))
			CPU_SET(i, &one);
	if (CPU_COUNT(&one) == 0) /* there is but one */
		one = all;
	sched_setaffinity(0, sizeof(one), &one);
}

/* ---- Load ---- */

static char *
request_text(const char *method, const char *path, const char *body,
    bool closing)
{
	char *text;

	if (asprintf(&text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Content-Type: application/json\r\nConnection: %s\r\n"
	    "Content-Length: %zu\r\n\r\n%s", method, path,
	    closing ? "close" : "keep-alive", strlen(body), body) < 0)
		die("memory for a request");
	return text;
}

static char *
ping_text(const char *id, bool closing)
{
	char path[64];

	snprintf(path, sizeof(path), "/agents/%s/messages", id);
	return request_text("POST", path,
	    "{\"message\": {\"kind\": \"ping\", \"args\": {}}}", closing);
}

/* The same load on ours and on the floor. */
struct duel {
	uint16_t ours_port, floor_port;
	const char *ours[CONNS], *floor[CONNS];
	size_t n; /* agents, or requests that differ */
};

static void
duel_ping(struct duel *d, char (*ids)[33], size_t n, bool closing)
{
	char number[16];
	size_t i;

	d->n = n;
	for (i = 0; i < n; i++) {
		snprintf(number, sizeof(number), "%zu", i);
		d->ours[i] = ping_text(ids[i], closing);
		d->floor[i] = ping_text(number, closing);
	}
}

static struct load_result
duel_side(const struct duel *d, bool ours, unsigned conns, bool closing)
{
	struct load l = { .port = ours ? d->ours_port : d->floor_port,
		.conns = conns, .close = closing, .ms = SLICE_MS,
		.requests = ours ? d->ours : d->floor, .nrequests = d->n };

	return load_run(&l);
}

static void
round_trips(struct duel *d, bool closing, struct row *r)
{
	for (r->n = 0; r->n < ROUNDS; r->n++) {
		r->ours[r->n] = duel_side(d, true, 1, closing).p50_us;
		r->floor[r->n] = duel_side(d, false, 1, closing).p50_us;
	}
	row_print(r);
}

static void
throughput(struct duel *d, struct row *rate, struct row *p99)
{
	struct load_result ours, floor;
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		ours = duel_side(d, true, CONNS, false);
		floor = duel_side(d, false, CONNS, false);
		rate->ours[i] = ours.per_s;
		rate->floor[i] = floor.per_s;
		p99->ours[i] = ours.p99_us / 1000;
		p99->floor[i] = floor.p99_us / 1000;
	}
	rate->n = p99->n = ROUNDS;
	row_print(rate);
	row_print(p99);
}

/* Everything on processor 0. */
static void
bench_round_trips(struct host *h, uint16_t floor_port)
{
	struct row kept = { "message round trip, keep-alive, p50", "us",
		RATIO_AT_MOST, 1.5, 1, 0, { 0 }, { 0 } };
	struct row closed = { "message round trip, Connection: close, p50",
		"us", RATIO_AT_MOST, 1.4, 1, 0, { 0 }, { 0 } };
	struct duel d = { .ours_port = h->port, .floor_port = floor_port };
	char id[1][33];

	pin(0);
	host_create(h, id[0]);
	duel_ping(&d, id, 1, false);
	round_trips(&d, false, &kept);
	duel_ping(&d, id, 1, true);
	round_trips(&d, true, &closed);
}

/* Servers on processor 0, we on the other. */
static void
bench_throughput(struct host *h, uint16_t floor_port)
{
	struct row rate = { "messages/s, 64 connections, 8 agents", "/s",
		RATIO_AT_LEAST, 0.7, 0, 0, { 0 }, { 0 } };
	struct row each = { "messages/s, 64 connections, an agent for each",
		"/s", NO_AIM, 0, 0, 0, { 0 }, { 0 } };
	struct row one = { "messages/s, 64 connections, 1 agent", "/s",
		NO_AIM, 0, 0, 0, { 0 }, { 0 } };
	struct row health = { "GET /health, 64 connections", "/s",
		RATIO_AT_LEAST, 0.8, 0, 0, { 0 }, { 0 } };
	struct row p99 = { "  their p99", "ms", VALUE_AT_MOST, 2, 2, 0,
		{ 0 }, { 0 } };
	struct row any_p99 = { "  their p99", "ms", NO_AIM, 0, 2, 0, { 0 },
		{ 0 } };
	struct duel d = { .ours_port = h->port, .floor_port = floor_port };
	char ids[CONNS][33];
	size_t i;

	pin(1);
	for (i = 0; i < CONNS; i++)
		host_create(h, ids[i]);
	duel_ping(&d, ids, AGENTS, false);
	throughput(&d, &rate, &p99);
	duel_ping(&d, ids, CONNS, false);
	throughput(&d, &each, &any_p99);
	duel_ping(&d, ids, 1, false);
	throughput(&d, &one, &any_p99);
	d.n = 1;
	d.ours[0] = d.floor[0] = request_text("GET", "/health", "", false);
	throughput(&d, &health, &any_p99);
}

/* ---- Creation ---- */

static double
create_ours(struct host *h)
{
	char id[33], path[64];
	double began = now_ms();

	host_create(h, id);
	host_message(h, id, "ping", NULL);
	began = now_ms() - began;
	snprintf(path, sizeof(path), "/agents/%s/dispose", id);
	host_call(h, "POST", path, "{}");
	return began;
}

double
create_floor(void)
{
	pid_t pid;
	double ms = spawn_run(&pid, 1);

	spawn_end(&pid, 1);
	return ms;
}

static void
bench_create(struct host *h)
{
	struct row r = { "create to first reply (floor: posix_spawn)", "ms",
		VALUE_AT_MOST, 0.6, 3, ROUNDS, { 0 }, { 0 } };
	double ours[ROUNDS], floor[ROUNDS];
	size_t i, k;

	pin(0);
	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < ROUNDS; k++) {
			ours[k] = create_ours(h);
			floor[k] = create_floor();
		}
		r.ours[i] = median(ours, ROUNDS);
		r.floor[i] = median(floor, ROUNDS);
	}
	row_print(&r);
}

/* ---- Moves and big states ---- */

static void
fill(struct host *h, const char *id, size_t n)
{
	char args[64];

	snprintf(args, sizeof(args), "{\"n\": %zu}", n);
	host_message(h, id, "fill", args);
}

static double
dispatch(struct host *from, const struct host *to, const char *id)
{
	char path[64], body[64];
	double began = now_ms();

	snprintf(path, sizeof(path), "/agents/%s/dispatch", id);
	snprintf(body, sizeof(body), "{\"target\": \"http://127.0.0.1:%u\"}",
	    to->port);
	host_call(from, "POST", path, body);
	return now_ms() - began;
}

/* There and back in turn. A move needs a process and a copy: so the floor. */
static void
bench_dispatch(struct host *hosts, size_t size, size_t moves, struct row *r)
{
	double ours[ROUNDS], floor[ROUNDS];
	uint16_t copy_port;
	pid_t copier = copy_start(&copy_port);
	size_t k, at = 0;
	char id[33];

	pin(ANY_CPU);
	host_create(&hosts[0], id);
	fill(&hosts[0], id, size);
	for (r->n = 0; r->n < ROUNDS; r->n++) {
		for (k = 0; k < moves; k++, at = 1 - at) {
			ours[k] = dispatch(&hosts[at], &hosts[1 - at], id);
			floor[k] = copy_run(copy_port, size) + create_floor();
		}
		r->ours[r->n] = median(ours, moves);
		r->floor[r->n] = median(floor, moves);
	}
	kill_and_wait(copier);
	row_print(r);
}

static void
bench_moves(struct host *hosts)
{
	struct row small = { "dispatch, 1 KB (floor: TCP copy, posix_spawn)",
		"ms", VALUE_AT_MOST, 1.2, 2, 0, { 0 }, { 0 } };
	struct row big = { "dispatch, 64 MB", "ms", VALUE_AT_MOST, 60, 1, 0,
		{ 0 }, { 0 } };

	bench_dispatch(hosts, 1000, ROUNDS, &small);
	bench_dispatch(hosts, BIG, 1, &big);
}

/* The floor of a message to an agent with a large state is one with a small. */
static void
bench_big_state(struct host *h)
{
	struct row r = { "message, agent holds 64 MB (floor: nothing)", "us",
		RATIO_AT_MOST, 1.2, 1, 0, { 0 }, { 0 } };
	struct duel d = { .ours_port = h->port, .floor_port = h->port,
		.n = 1 };
	char big[33], small[33];

	pin(0);
	host_create(h, big);
	host_create(h, small);
	fill(h, big, BIG);
	d.ours[0] = ping_text(big, false);
	d.floor[0] = ping_text(small, false);
	round_trips(&d, false, &r);
}

/* ---- Many ---- */

static double
process_kb(pid_t pid)
{
	return process_private_kb(pid) + process_tables_kb(pid) +
	    KERNEL_STACK_KB + SOCKETS_KB;
}

/* Memory of all agents of h, as the processes that it names. */
static double
agents_kb(struct host *h)
{
	const char *at = host_call(h, "GET", "/agents", NULL);
	double kb = 0;

	while ((at = strstr(at, "\"pid\": ")) != NULL) {
		at += strlen("\"pid\": ");
		kb += process_kb((pid_t)strtol(at, NULL, 10));
	}
	return kb;
}

static void
many_ours(double *seconds, double *kb)
{
	struct host h;
	double before, began;
	char id[33];
	size_t i;

	host_start(&h, NULL, ANY_CPU);
	before = process_private_kb(h.pid);
	began = now_ms();
	for (i = 0; i < MANY; i++)
		host_create(&h, id);
	*seconds = (now_ms() - began) / 1000;
	*kb = (agents_kb(&h) + process_private_kb(h.pid) - before) / MANY;
	host_stop(&h);
}

static void
many_floor(double *seconds, double *kb)
{
	pid_t pids[MANY];
	size_t i;

	*seconds = spawn_run(pids, MANY) / 1000;
	for (*kb = 0, i = 0; i < MANY; i++)
		*kb += process_kb(pids[i]) / MANY;
	spawn_end(pids, MANY);
}

static void
bench_many(void)
{
	struct row time = { "500 agents: time", "s", VALUE_AT_MOST, 0.5, 2,
		MANY_ROUNDS, { 0 }, { 0 } };
	struct row memory = { "500 agents: memory each", "kB", VALUE_AT_MOST,
		150, 0, MANY_ROUNDS, { 0 }, { 0 } };
	size_t i;

	pin(ANY_CPU);
	for (i = 0; i < MANY_ROUNDS; i++) {
		many_ours(&time.ours[i], &memory.ours[i]);
		many_floor(&time.floor[i], &memory.floor[i]);
	}
	row_print(&time);
	row_print(&memory);
}

static void
bench_start(void)
{
	struct row ready = { "start to ready", "ms", VALUE_AT_MOST, 10, 2,
		ROUNDS, { 0 }, { 0 } };
	struct row idle = { "idle memory of a host", "kB", VALUE_AT_MOST, 2000,
		0, ROUNDS, { 0 }, { 0 } };
	struct host h;
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		host_start(&h, NULL, ANY_CPU);
		ready.ours[i] = h.ready_ms;
		idle.ours[i] = process_private_kb(h.pid) +
		    process_tables_kb(h.pid);
		host_stop(&h);
	}
	row_print(&ready);
	row_print(&idle);
}

/* ---- All of it ---- */

static void
bench_messages(void)
{
	struct host h;
	uint16_t floor_port;
	pid_t floor = floor_start(CONNS, 0, &floor_port);

	host_start(&h, NULL, 0);
	bench_round_trips(&h, floor_port);
	bench_throughput(&h, floor_port);
	bench_create(&h);
	kill_and_wait(floor);
	host_stop(&h);
}

static void
bench_states(void)
{
	struct host hosts[2], h;
	size_t i;

	for (i = 0; i < 2; i++)
		host_start(&hosts[i], NULL, ANY_CPU);
	bench_moves(hosts);
	for (i = 0; i < 2; i++)
		host_stop(&hosts[i]);
	host_start(&h, NULL, 0);
	bench_big_state(&h);
	host_stop(&h);
}

static void
bench_hosts(const char *folder)
{
	bench_messages();
	bench_states();
	bench_many();
	bench_start();
	bench_disk(folder);
}

/* All, or those that are asked for. */
static void
bench_parts(const char *folder)
{
	bool mesh = getenv("BENCH_MESH") != NULL;
	bool artifacts = getenv("BENCH_ARTIFACTS") != NULL;

	if (getenv("BENCH_RELAY") != NULL) {
		bench_relay();
		return;
	}
	if (!mesh && !artifacts)
		bench_hosts(folder);
	if (artifacts || !mesh)
		bench_artifacts(folder, getenv("BENCH_MEMORY"));
	if (mesh || !artifacts)
		bench_mesh();
	if (!mesh && !artifacts)
		bench_relay();
}

int
main(int argc, char **argv)
{
	if (strcmp(argv[0], "spawn-child") == 0)
		return spawn_child();
	if (argc < 3) {
		fputs("usage: bench FOLDER COMMAND... (NAME, PORT, STATE, "
		    "MESH are filled in)\n", stderr);
		return 2;
	}
	pin(ANY_CPU);
	host_setup(argv[1], argv + 2);
	table_begin();
	bench_parts(argv[1]);
	printf(notes, ROUNDS, KERNEL_STACK_KB, SOCKETS_KB);
	table_end();
	return 0;
}
