/* mesh: 16 hosts from launch until every one sees every one, and what they
 * cost when nothing happens, beside as many agents of serf.
 *
 * The first is launched and awaited, then all others at once, which are told
 * of it; the time is that since the launch of the first. By multicast alone
 * nobody is told of anybody, and nobody is awaited. All are asked whom they
 * see in turn, until they see all. Loopback only.
 */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOSTS 16
#define PORT_FIRST 20000
#define SEE_TIME_MS 30000  /* until all must see all */
#define SETTLE_S 2         /* before the processors' time is taken */
#define IDLE_S 10
#define ANSWER_MAX (64 * 1024)

/* One of the sixteen. */
struct member {
	pid_t pid;
	uint16_t port, rpc; /* rpc: of serf */
	int fd;             /* to ask it; -1 as long as it does not answer */
	bool done;          /* it sees all */
};

/* How hosts of a kind are run and asked. */
struct kind {
	/* Becomes the member; seed is the first, or NULL for the first. */
	void (*exec)(const struct member *m, const struct member *seed);
	bool (*sees)(struct member *m);
	bool seeded; /* the others need the first */
};

struct figures {
	double seconds, percent;
};

static char mesh_version[32];

/* ---- Ours ---- */

static void
ours_exec(const char *const *options, const struct member *m)
{
	struct host h = { .port = m->port };

	host_mesh(options);
	host_exec(&h, ANY_CPU);
}

static void
ours_by_seed(const struct member *m, const struct member *seed)
{
	char peer[64] = "";
	const char *options[] = { "--mesh-version", mesh_version,
		"--no-mesh-multicast", "--no-mesh-lan-discovery",
		seed != NULL ? "--peer" : NULL, peer, NULL };

	if (seed != NULL)
		snprintf(peer, sizeof(peer), "http://127.0.0.1:%u",
		    seed->port);
	ours_exec(options, m);
}

static void
ours_by_multicast(const struct member *m, const struct member *seed)
{
	const char *options[] = { "--mesh-version", mesh_version,
		"--no-mesh-lan-discovery", NULL };

	(void)seed;
	ours_exec(options, m);
}

static unsigned
count(const char *text, size_t n, const char *word)
{
	const char *at = text, *end = text + n;
	unsigned k = 0;

	while ((at = memmem(at, (size_t)(end - at), word,
	    strlen(word))) != NULL) {
		at += strlen(word);
		k++;
	}
	return k;
}

static bool
ours_sees(struct member *m)
{
	struct host h = { .fd = m->fd };
	const char *hosts = host_call(&h, "GET", "/hosts", NULL);

	return count(hosts, strlen(hosts), "\"online\": true") == HOSTS;
}

/* ---- serf ---- */

static void
serf_exec(const struct member *m, const struct member *seed)
{
	char node[32], bind[48], rpc[48], join[48] = "-log-level=err";

	snprintf(node, sizeof(node), "-node=bench-%u", m->port);
	snprintf(bind, sizeof(bind), "-bind=127.0.0.1:%u", m->port);
	snprintf(rpc, sizeof(rpc), "-rpc-addr=127.0.0.1:%u", m->rpc);
	if (seed != NULL)
		snprintf(join, sizeof(join), "-join=127.0.0.1:%u", seed->port);
	execlp("serf", "serf", "agent", node, bind, rpc, "-log-level=err",
	    join, (char *)NULL);
}

/* Its own protocol, MessagePack over TCP, on a connection for each question:
 * what has come is complete once it has as many states as members. */
static bool
serf_sees(struct member *m)
{
	static const char ask[] =
	    "\x82\xa7" "Command\xa9handshake\xa3Seq\x00\x81\xa7Version\x01"
	    "\x82\xa7" "Command\xa7members\xa3Seq\x01";
	char in[ANSWER_MAX];
	size_t n = 0;
	ssize_t got = 1;

	close(m->fd);
	m->fd = connect_try(m->rpc);
	if (m->fd < 0)
		return false;
	write_all(m->fd, ask, sizeof(ask) - 1);
	setsockopt(m->fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){
	    .tv_usec = 50 * 1000 }, sizeof(struct timeval));
	while (got > 0 && n < sizeof(in) &&
	    count(in, n, "Status\xa5" "alive") < HOSTS) {
		got = recv(m->fd, in + n, sizeof(in) - n, 0);
		n += got > 0 ? (size_t)got : 0;
	}
	return count(in, n, "Status\xa5" "alive") == HOSTS;
}

static bool
serf_installed(void)
{
	return system("command -v serf >/dev/null 2>&1") == 0;
}

/* ---- One launch ---- */

static void
member_launch(const struct kind *k, struct member *m,
    const struct member *seed)
{
	int null;

	m->pid = fork();
	if (m->pid < 0)
		die_sys("fork");
	if (m->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	k->exec(m, seed);
	_exit(127);
}

/* Whether it answers yet. */
static bool
member_answers(struct member *m)
{
	if (m->fd < 0)
		m->fd = connect_try(m->rpc);
	return m->fd >= 0;
}

static void
moment(double began)
{
	const struct timespec t = { 0, 1000 * 1000 };

	if (now_ms() - began > SEE_TIME_MS)
		die("mesh: they do not come to see one another");
	nanosleep(&t, NULL);
}

static void
members_launch(const struct kind *k, struct member *all, double began)
{
	size_t i;

	for (i = 0; i < HOSTS; i++) {
		member_launch(k, &all[i], i > 0 ? &all[0] : NULL);
		while (i == 0 && k->seeded && !member_answers(&all[0]))
			moment(began);
	}
}

static double
members_meet(const struct kind *k, struct member *all, double began)
{
	size_t i, done = 0;

	while (done < HOSTS) {
		for (i = 0; i < HOSTS; i++)
			if (!all[i].done && member_answers(&all[i]) &&
			    k->sees(&all[i])) {
				all[i].done = true;
				done++;
			}
		moment(began);
	}
	return (now_ms() - began) / 1000;
}

/* Seconds of processors that the members have used in all. */
static double
members_used(const struct member *all)
{
	double ticks = 0;
	size_t i;

	for (i = 0; i < HOSTS; i++)
		ticks += process_ticks(all[i].pid);
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double
members_idle(const struct member *all)
{
	double used;

	sleep(SETTLE_S);
	used = members_used(all);
	sleep(IDLE_S);
	return (members_used(all) - used) / IDLE_S * 100;
}

/* A port where nobody listens, and which no connection that the others make
 * meanwhile can take: below those that the kernel gives by itself. */
static uint16_t
port_next(void)
{
	static uint16_t port = PORT_FIRST;
	int fd;

	while ((fd = connect_try(++port)) >= 0)
		close(fd);
	return port;
}

static struct figures
run(const struct kind *k)
{
	struct member all[HOSTS];
	struct figures f;
	double began;
	size_t i;

	for (i = 0; i < HOSTS; i++) {
		all[i] = (struct member){ .fd = -1 };
		all[i].port = all[i].rpc = port_next();
		if (k->exec == serf_exec)
			all[i].rpc = port_next();
	}
	began = now_ms();
	members_launch(k, all, began);
	f.seconds = members_meet(k, all, began);
	for (i = 0; i < HOSTS; i++)
		close(all[i].fd);
	f.percent = members_idle(all);
	for (i = 0; i < HOSTS; i++)
		kill_and_wait(all[i].pid);
	return f;
}

/* ---- All of it ---- */

static void
take(const struct figures *f, size_t i, double *seconds, double *percent)
{
	seconds[i] = f->seconds;
	percent[i] = f->percent;
}

void
bench_mesh(void)
{
	static const struct kind seed = { .exec = ours_by_seed,
		.sees = ours_sees, .seeded = true };
	static const struct kind multicast = { .exec = ours_by_multicast,
		.sees = ours_sees };
	static const struct kind serf = { .exec = serf_exec,
		.sees = serf_sees, .seeded = true };
	struct row rows[4] = {
		{ "16 hosts, one seed, until all see all (serf)", "s",
		    VALUE_AT_MOST, 0.5, 2, MANY_ROUNDS, { 0 }, { 0 } },
		{ "  their processor time when idle", "%", VALUE_AT_MOST, 5,
		    1, MANY_ROUNDS, { 0 }, { 0 } },
		{ "16 hosts, multicast alone", "s", NO_AIM, 0, 2, MANY_ROUNDS,
		    { 0 }, { 0 } },
		{ "  their processor time when idle", "%", NO_AIM, 0, 1,
		    MANY_ROUNDS, { 0 }, { 0 } } };
	bool beside = serf_installed();
	struct figures f;
	size_t i;

	pin(ANY_CPU);
	snprintf(mesh_version, sizeof(mesh_version), "bench-%d",
	    (int)getpid());
	if (!beside)
		puts("serf is not installed (scripts/setup bench): the mesh "
		    "has nothing beside it");
	for (i = 0; i < MANY_ROUNDS; i++) {
		f = run(&seed);
		take(&f, i, rows[0].ours, rows[1].ours);
		if (beside) {
			f = run(&serf);
			take(&f, i, rows[0].floor, rows[1].floor);
		}
		f = run(&multicast);
		take(&f, i, rows[2].ours, rows[3].ours);
	}
	for (i = 0; i < 4; i++)
		row_print(&rows[i]);
}
