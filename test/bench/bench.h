/* bench: what the parts of `make bench` offer each other.
 *
 * bench.c runs the workloads and prints the table; load.c makes requests and
 * takes times; host.c runs the host to be measured; floor.c, spawn.c and
 * copy.c are the floors: the least that Linux needs for the same work, with
 * nothing of ours in between. All of it is one static program, so that the
 * children of spawn.c start as cheaply as agents do.
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

/* ---- load.c: many requests, a closed loop on each connection ---- */

struct load {
	uint16_t port;
	unsigned conns;
	bool close;              /* a new connection for each request */
	double ms;               /* how long */
	const char *const *requests; /* whole, ready to send; connection i */
	size_t nrequests;            /* sends requests[i % nrequests] */
};

struct load_result {
	double per_s, p50_us, p99_us; /* exact: from the sorted times of all */
};

/* Any answer but 200 is fatal. */
struct load_result load_run(const struct load *l);

/* ---- host.c: the host under test, and single requests ---- */

struct host {
	pid_t pid;
	uint16_t port;
	double ready_ms; /* from fork to the first answer */
	int fd;          /* our connection to it */
};

/* Start command, with its words NAME and PORT filled in. */
void host_start(struct host *h, char *const *command, int cpu);
void host_stop(struct host *h);
/* One request on the connection of h, kept alive; the body of the answer,
 * which must be 200, is valid until the next call. */
const char *host_call(struct host *h, const char *method, const char *path,
    const char *body);
/* Create a demo paglet; its id. */
void host_create(struct host *h, char id[static 33]);
/* Send a message without arguments, or with args as JSON text. */
void host_message(struct host *h, const char *id, const char *kind,
    const char *args);
/* Private memory of a process in kB, and that of its page tables. */
double process_private_kb(pid_t pid);
double process_tables_kb(pid_t pid);

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

/* A listening socket on a free port of loopback. */
int listen_any(uint16_t *port);
/* A connection to loopback, without Nagle's delay. */
int connect_to(uint16_t port);
/* Write all of it to a blocking descriptor. */
void write_all(int fd, const void *p, size_t n);
void kill_and_wait(pid_t pid);

#endif
