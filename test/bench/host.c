/* host: the host under test, seen from outside: its process, its port, and
 * single requests over one connection.
 *
 * Knows of the API only what the workloads ask for, and reads answers by
 * searching for a key: they come from our own host.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX (1024 * 1024)
#define READY_TIME_MS 5000
#define STOP_TIME_MS 5000
#define COMMAND_MAX 32

static const char *host_folder;
static char *const *host_command;
static const char *const host_alone[] = { "--no-mesh", NULL };
static const char *const *host_options = host_alone; /* for MESH */

/* ---- Sockets and processes ---- */

static struct sockaddr_in
loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

int
listen_any(uint16_t *port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		die_sys("listen on loopback");
	*port = ntohs(a.sin_port);
	return fd;
}

int
connect_try(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_sys("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

int
connect_to(uint16_t port)
{
	int fd = connect_try(port);

	if (fd < 0)
		die_sys("connect");
	return fd;
}

void
write_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	ssize_t done;

	while (n > 0) {
		done = write(fd, at, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			die_sys("write");
		at += done;
		n -= (size_t)done;
	}
}

void
kill_and_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

bool
process_ended(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) != 0;
}

/* ---- The host ---- */

void
host_setup(const char *folder, char *const *command)
{
	host_folder = folder;
	host_command = command;
}

const char *
host_program(void)
{
	const char *slash = strrchr(host_command[0], '/');

	return strcmp(slash != NULL ? slash + 1 : host_command[0],
	    "paglets") == 0 ? host_command[0] : NULL;
}

void
host_mesh(const char *const *options)
{
	host_options = options;
}

static int
host_words_mesh(char **argv, int n)
{
	int i;

	for (i = 0; host_options[i] != NULL && n < COMMAND_MAX; i++)
		argv[n++] = (char *)(uintptr_t)host_options[i];
	return n;
}

/* The command, filled in with what is h's; in memory that nobody frees: it is
 * for exec. */
static void
host_words(const struct host *h, char *argv[COMMAND_MAX + 1])
{
	char *words[3][2] = { { "PORT" }, { "NAME" }, { "STATE", "none" } };
	bool whole = h->state != NULL && h->state[0] == '/';
	int i, k, n = 0;

	if (asprintf(&words[0][1], "%u", h->port) < 0 ||
	    asprintf(&words[1][1], "bench-%u", h->port) < 0 ||
	    (h->state != NULL && asprintf(&words[2][1], "%s%s%s",
	    whole ? "" : host_folder, whole ? "" : "/", h->state) < 0))
		die("memory for a command");
	for (i = 0; host_command[i] != NULL && n < COMMAND_MAX; i++) {
		if (strcmp(host_command[i], "MESH") == 0) {
			n = host_words_mesh(argv, n);
			continue;
		}
		argv[n] = host_command[i];
		for (k = 0; k < 3; k++)
			if (strcmp(argv[n], words[k][0]) == 0)
				argv[n] = words[k][1];
		n++;
	}
	argv[n] = NULL;
}

_Noreturn void
host_exec(const struct host *h, int cpu)
{
	char *argv[COMMAND_MAX + 1];
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(cpu);
	host_words(h, argv);
	dup2(null, 0);
	dup2(null, 1);
	if (getenv("BENCH_LOG") == NULL)
		dup2(null, 2);
	execv(argv[0], argv);
	die_sys(argv[0]);
}

/* Until it answers; often enough to know when to a tenth of a millisecond. */
static void
host_await(struct host *h, double began)
{
	const struct timespec moment = { 0, 50 * 1000 };

	while ((h->fd = connect_try(h->port)) < 0) {
		if (process_ended(h->pid))
			die("host ended at its start (BENCH_LOG=1 shows why)");
		if (now_ms() > began + READY_TIME_MS)
			die("host does not get ready");
		nanosleep(&moment, NULL);
	}
	host_call(h, "GET", "/health", NULL);
}

static void
host_launch(struct host *h, int cpu)
{
	double began = now_ms();

	h->pid = fork();
	if (h->pid < 0)
		die_sys("fork");
	if (h->pid == 0)
		host_exec(h, cpu);
	host_await(h, began);
	h->ready_ms = now_ms() - began;
}

void
host_start(struct host *h, const char *state, int cpu)
{
	h->state = state;
	/* Free a moment ago, and nobody else takes it so soon. */
	close(listen_any(&h->port));
	host_launch(h, cpu);
}

void
host_start_again(struct host *h)
{
	host_launch(h, ANY_CPU);
}

void
host_join(struct host *other, const struct host *h)
{
	*other = *h;
	other->fd = connect_to(h->port);
}

/* Asked to, so that it ends its agents; killed if it does not. */
void
host_stop(struct host *h)
{
	const struct timespec moment = { 0, 1000 * 1000 };
	int ms;

	close(h->fd);
	kill(h->pid, SIGTERM);
	for (ms = 0; ms < STOP_TIME_MS; ms++) {
		if (process_ended(h->pid))
			return;
		nanosleep(&moment, NULL);
	}
	kill_and_wait(h->pid);
}

void
host_kill(struct host *h)
{
	close(h->fd);
	kill_and_wait(h->pid);
}

/* ---- Requests ---- */

/* Where the body of the answer in text begins, NULL before it is complete. */
static const char *
answer_body(const char *text, size_t n)
{
	const char *end = strstr(text, "\r\n\r\n"), *field;
	size_t length;

	if (end == NULL)
		return NULL;
	field = strcasestr(text, "\ncontent-length:");
	if (field == NULL || field > end)
		die("answer without Content-Length");
	length = strtoul(field + strlen("\ncontent-length:"), NULL, 10);
	return n >= (size_t)(end + 4 - text) + length ? end + 4 : NULL;
}

void
host_send(struct host *h, const char *method, const char *path,
    const char *body)
{
	char head[1024];
	int len = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s", method, path,
	    body != NULL ? strlen(body) : 0, body != NULL ? body : "");

	if (len >= (int)sizeof(head))
		die("request is too long");
	write_all(h->fd, head, (size_t)len);
}

const char *
host_receive(struct host *h)
{
	static char answer[ANSWER_MAX];
	const char *at = NULL;
	size_t got = 0;
	ssize_t n;

	while (at == NULL) {
		n = recv(h->fd, answer + got, sizeof(answer) - 1 - got, 0);
		if (n <= 0)
			die("answer: cut short or too long");
		got += (size_t)n;
		answer[got] = '\0';
		at = answer_body(answer, got);
	}
	if (strncmp(answer + strlen("HTTP/1.1 "), "200", 3) != 0)
		die(answer);
	return at;
}

const char *
host_call(struct host *h, const char *method, const char *path,
    const char *body)
{
	host_send(h, method, path, body);
	return host_receive(h);
}

void
host_send_create(struct host *h)
{
	host_send(h, "POST", "/agents",
	    "{\"agent_class_name\": \"paglets_demo.counter:CounterPaglet\", "
	    "\"state_class_name\": \"paglets_demo.counter:CounterState\"}");
}

void
host_receive_id(struct host *h, char id[static 33])
{
	static const char key[] = "\"agent_id\": \"";
	const char *answer = host_receive(h);
	const char *at = strstr(answer, key);

	if (at == NULL)
		die("create: answer without agent_id");
	snprintf(id, 33, "%.32s", at + strlen(key));
}

void
host_create(struct host *h, char id[static 33])
{
	host_send_create(h);
	host_receive_id(h, id);
}

void
host_message(struct host *h, const char *id, const char *kind,
    const char *args)
{
	char path[64], body[256];

	snprintf(path, sizeof(path), "/agents/%s/messages", id);
	snprintf(body, sizeof(body), "{\"message\": {\"kind\": \"%s\", "
	    "\"args\": %s}}", kind, args != NULL ? args : "{}");
	host_call(h, "POST", path, body);
}

/* ---- Memory ---- */

/* The sum of the lines of /proc/PID/FILE that begin with name, in kB. */
static double
process_sum(pid_t pid, const char *file, const char *name)
{
	char path[64], line[256];
	double sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "r");
	if (f == NULL)
		die_sys(path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			sum += strtod(strchr(line, ':') + 1, NULL);
	fclose(f);
	return sum;
}

double
process_private_kb(pid_t pid)
{
	return process_sum(pid, "smaps_rollup", "Private_");
}

double
process_tables_kb(pid_t pid)
{
	return process_sum(pid, "status", "VmPTE");
}

double
process_ticks(pid_t pid)
{
	char path[64], line[512], *at = NULL;
	double ticks = 0;
	int field;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		die_sys(path);
	fclose(f);
	/* After the name, which may hold anything; that is field 2. */
	at = strrchr(line, ')');
	for (field = 3; at != NULL && field <= 15; field++) {
		at = strchr(at + 1, ' ');
		if (at != NULL && field >= 14)
			ticks += strtod(at + 1, NULL);
	}
	return ticks;
}
