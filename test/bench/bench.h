/* bench: what the parts of `make bench` offer each other.
 *
 * bench.c, disk.c, artifact.c and mesh.c run the workloads, table.c prints
 * what came of them; load.c makes requests and takes times, carry.c those of
 * large bodies; host.c runs the host to be measured; floor.c, spawn.c, copy.c,
 * sync.c and spool.c are the floors: the least that Linux needs for the same
 * work, with nothing of ours in between but SHA-256; peer.c runs programs of
 * others. All of it is one static program, so that the children of spawn.c
 * start as cheaply as agents do.
 *
 * Whatever fails here ends the run by die(): half a table is of no use.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ANY_CPU (-1)

/* ---- bench.c ---- */

/* Say what failed (die_sys: and errno) and exit. */
_Noreturn void die(const char *what);
_Noreturn void die_sys(const char *what);
double now_ms(void);
/* This process, and what it starts from now on, on one processor: 0 or 1,
 * counted among those that we may use; or ANY_CPU. */
void pin(int cpu);
/* One more process that answers, and its end: ms until it did. */
double create_floor(void);

/* ---- disk.c: the workloads that leave something in folder ---- */

void bench_disk(const char *folder);

/* ---- artifact.c: large bodies in and out ---- */

/* memory: a folder of a tmpfs, or NULL. */
void bench_artifacts(const char *folder, const char *memory);

/* ---- mesh.c: many hosts that find one another ---- */

void bench_mesh(void);

/* ---- relay.c: by way of a hub ---- */

void bench_relay(void);

/* ---- table.c ---- */

#define ROUNDS 11
#define MANY_ROUNDS 3 /* of what takes long */

enum aim { NO_AIM, RATIO_AT_MOST, RATIO_AT_LEAST, VALUE_AT_MOST,
	VALUE_AT_LEAST };

/* One line of the table. */
struct row {
	const char *what, *unit;
	enum aim aim;
	double bound;
	int decimals;
	size_t n; /* rounds */
	double ours[ROUNDS], floor[ROUNDS];
};

double median(const double *v, size_t n); /* n: at most ROUNDS */
void table_begin(void);
void row_print(const struct row *r);
void table_end(void); /* how many aims were missed */

/* ---- carry.c: one large body at a time ---- */

/* A file of bytes that are never asked for twice. */
struct cargo {
	const char *name;
	uint64_t size; /* a multiple of 256 KiB */
	int fd;
	char sha256[65];
};

/* Make the file of that name and size in folder. */
void cargo_make(struct cargo *c, const char *folder);
/* Store it, and learn the id; or have a path of so many bytes: ms, from
 * connect to the whole answer. */
double carry_up(uint16_t port, const struct cargo *c, char id[static 33]);
double carry_down(uint16_t port, const char *path, uint64_t size);
/* GB/s of processor time that the hash of ours comes to, by pieces. */
double hash_rate(size_t piece, double ms);

/* ---- load.c: many requests, a closed loop on each connection ---- */

struct load {
	uint16_t port;
	unsigned conns;
	bool close;              /* a new connection for each request */
	double ms;               /* how long */
	const char *const *requests; /* whole, ready to send; connection i */
	size_t nrequests;            /* sends requests[i % nrequests] */
};

/* Times that something took. */
struct times {
	float *ms;
	size_t n, cap;
};

void times_add(struct times *t, double ms);
void times_sort(struct times *t);
/* Of those sorted; part 0.5 is the median. */
double times_at(const struct times *t, double part);

struct load_result {
	double per_s, p50_us, p99_us; /* exact: from the sorted times of all */
};

/* Any answer but 200 is fatal. */
struct load_result load_run(const struct load *l);

/* ---- host.c: the host under test, and single requests ---- */

struct host {
	pid_t pid;
	uint16_t port;
	double ready_ms;   /* from fork to the first answer */
	int fd;            /* our connection to it */
	const char *state; /* its folder in that of all hosts, or wherever if
	                    * it begins with /; or NULL */
};

/* What starts a host, and a folder for all of them. Borrowed. */
void host_setup(const char *folder, char *const *command);
/* The program, if it is ours, which is a client too; or NULL. */
const char *host_program(void);
/* The options that the word MESH stands for: --no-mesh, unless said here.
 * Borrowed; ended by NULL. */
void host_mesh(const char *const *options);
/* Become the host. */
_Noreturn void host_exec(const struct host *h, int cpu);
/* Start one; state NULL: it has nothing on disk. */
void host_start(struct host *h, const char *state, int cpu);
/* Start it again, at the same port, after host_kill. */
void host_start_again(struct host *h);
void host_stop(struct host *h);
void host_kill(struct host *h);
/* One more connection to the host h. */
void host_join(struct host *other, const struct host *h);
/* A request, and its answer, as host_call has both at once. */
void host_send(struct host *h, const char *method, const char *path,
    const char *body);
const char *host_receive(struct host *h);
/* One request on the connection of h, kept alive; the body of the answer,
 * which must be 200, is valid until the next call. */
const char *host_call(struct host *h, const char *method, const char *path,
    const char *body);
/* Create a demo paglet; its id. Also in two steps. */
void host_create(struct host *h, char id[static 33]);
void host_send_create(struct host *h);
void host_receive_id(struct host *h, char id[static 33]);
/* Send a message without arguments, or with args as JSON text. */
void host_message(struct host *h, const char *id, const char *kind,
    const char *args);
/* Private memory of a process in kB, and that of its page tables. */
double process_private_kb(pid_t pid);
double process_tables_kb(pid_t pid);
/* Whether this child has; then it is forgotten. */
bool process_ended(pid_t pid);
/* Its time on processors, in ticks of the kernel. */
double process_ticks(pid_t pid);

/* ---- The floors ---- */

/* An HTTP server on one epoll loop. GET is answered at once, POST to
 * /agents/N/... by child number N over a socket pair. Returns its process. */
pid_t floor_start(unsigned children, int cpu, uint16_t *port);

/* The main of a child of spawn.c: answers bytes on fd 3. */
int spawn_child(void);
/* Start children and have an answer from each, one after the other: ms. Their
 * processes are left in pids until spawn_end. */
double spawn_run(pid_t *pids, size_t n);
void spawn_end(const pid_t *pids, size_t n);

/* A process that takes bytes over TCP; copy_run sends it n: ms from connect
 * to its word that all have arrived. */
pid_t copy_start(uint16_t *port);
double copy_run(uint16_t port, size_t n);

/* A file in folder; sync_run appends n bytes: ms until they are on disk. */
void sync_open(const char *folder);
double sync_run(size_t n);

/* A file in folder, of n bytes (a multiple of 1 MiB), removed again: ms until
 * it was on disk. */
double sync_file(const char *folder, uint64_t n);

/* An HTTP server that hashes any body and keeps it in a file of folder until
 * it has answered. */
pid_t spool_start(const char *folder, uint16_t *port);

/* ---- peer.c: programs of others ---- */

/* nginx serving the files of folder, where it puts its own too; -1 if there
 * is none. */
pid_t nginx_start(const char *folder, int cpu, uint16_t *port);
/* GB/s of openssl's SHA-256 by pieces; 0 if there is none. */
double openssl_sha256(size_t piece);

/* A listening socket on a free port of loopback. */
int listen_any(uint16_t *port);
/* A connection to loopback, without Nagle's delay. */
int connect_to(uint16_t port);
int connect_try(uint16_t port); /* -1 if nobody listens */
/* Write all of it to a blocking descriptor. */
void write_all(int fd, const void *p, size_t n);
void kill_and_wait(pid_t pid);

#endif
