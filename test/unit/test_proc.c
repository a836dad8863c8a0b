/* test_proc: shows, with real children (this program starts itself), what a
 * child finds: its socket on fd 3 and nothing else of ours, wherever our own
 * descriptors lay; its own group, fresh signals; that it dies with its parent;
 * and that its end, or a start that fails, is told as it was.
 */
/* wrap: syscall */
/* parts: base/err base/mem base/log base/clock base/buf os/sock os/proc */
#include "os/proc.h"
#include "os/sock.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CHILD_NAME "test-child"

/* What a child says of itself. */
struct facts {
	int open_above; /* descriptors over 3 */
	bool stdin_ends, stdout_is_stderr;
	bool leader, unblocked, default_signals, parent, offered;
	unsigned long core;
	char name[16], word[16];
};

/* ---- In the child ---- */

static bool
same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 &&
	    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool
is_default(int sig)
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL;
}

static int
child_report(pid_t parent)
{
	struct facts f = { .parent = getppid() == parent };
	struct rlimit core = { 1, 1 };
	const char *word = getenv("WORD");
	char adj[sizeof(PG_PROC_OOM_ADJ)];
	sigset_t mask, none;
	int fd;
	char c;

	for (fd = PG_PROC_FD + 1; fd < 1024; fd++)
		f.open_above += fcntl(fd, F_GETFD) >= 0;
	f.stdin_ends = read(0, &c, 1) == 0;
	f.stdout_is_stderr = same_file(1, 2);
	f.leader = getpgrp() == getpid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	f.unblocked = memcmp(&mask, &none, sizeof(long)) == 0;
	f.default_signals = is_default(SIGPIPE) && is_default(SIGHUP) &&
	    is_default(SIGUSR1);
	getrlimit(RLIMIT_CORE, &core);
	f.core = core.rlim_cur + core.rlim_max;
	fd = open("/proc/self/oom_score_adj", O_RDONLY);
	f.offered = read(fd, adj, sizeof(adj)) == sizeof(adj) &&
	    memcmp(adj, PG_PROC_OOM_ADJ "\n", sizeof(adj)) == 0;
	close(fd);
	prctl(PR_GET_NAME, f.name);
	if (word != NULL)
		memcpy(f.word, word, PG_MIN(strlen(word), sizeof(f.word) - 1));
	return write(PG_PROC_FD, &f, sizeof(f)) == sizeof(f) ? 0 : 1;
}

static struct pg_proc start(int exe, int sock, const char *what, pid_t as);

/* Start one that waits, on our own fd 3, and wait as well. */
static int
child_middle(void)
{
	int exe = pg_proc_self(NULL);

	start(exe, PG_PROC_FD, "wait", getpid());
	pause();
	return 0;
}

static int
child_wait(void)
{
	if (write(PG_PROC_FD, "r", 1) == 1)
		pause();
	return 0;
}

static int
child_main(char **argv)
{
	pid_t parent = (pid_t)strtol(argv[2], NULL, 10);

	pg_proc_enter(parent, CHILD_NAME);
	if (strcmp(argv[1], "report") == 0)
		return child_report(parent);
	if (strcmp(argv[1], "middle") == 0)
		return child_middle();
	if (strcmp(argv[1], "wait") == 0)
		return child_wait();
	if (strcmp(argv[1], "term") == 0)
		raise(SIGTERM);
	return 7;
}

/* ---- In the test ---- */

long __real_syscall(long n, ...);
long __wrap_syscall(long n, ...);
static bool no_unshare;

/* Also called on the stack of a child that never returns: redzones put there
 * would stay. */
__attribute__((no_sanitize("address"))) long
__wrap_syscall(long n, ...)
{
	va_list ap;
	long a[5];
	size_t i;

	va_start(ap, n);
	for (i = 0; i < PG_COUNT(a); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (n == SYS_close_range && a[2] == CLOSE_RANGE_UNSHARE && no_unshare) {
		errno = ENOSYS;
		return -1;
	}
	return __real_syscall(n, a[0], a[1], a[2], a[3], a[4]);
}

static int
start_try(int exe, int sock, const char *what, pid_t as, struct pg_proc *p,
    struct pg_err *e)
{
	char parent[32], name[] = "child", mode[16], word[] = "WORD=given";
	char *argv[] = { name, mode, parent, NULL };
	char *envp[] = { word, NULL };

	snprintf(mode, sizeof(mode), "%s", what);
	snprintf(parent, sizeof(parent), "%ld", (long)as);
	return pg_proc_spawn(exe, argv, envp, sock, p, e);
}

static struct pg_proc
start(int exe, int sock, const char *what, pid_t as)
{
	struct pg_proc p = { .pid = -1, .pidfd = -1 };
	struct pg_err e = { .code = PG_E_OK };

	if (start_try(exe, sock, what, as, &p, &e) < 0)
		fprintf(stderr, "%s\n", e.msg);
	return p;
}

/* Wait for its end as the host does, then reap it. */
static int
finish(struct pg_proc *p)
{
	struct pollfd end = { .fd = p->pidfd, .events = POLLIN };

	assert_true(p->pid > 0);
	assert_int_equal(fcntl(p->pidfd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(poll(&end, 1, 60000), 1);
	close(p->pidfd);
	return pg_proc_reap(p->pid);
}

static void
check_report(int exe, int fds[2])
{
	struct pg_proc p = start(exe, fds[1], "report", getpid());
	struct facts f;

	assert_int_equal(finish(&p), 0);
	assert_int_equal(read(fds[0], &f, sizeof(f)), sizeof(f));
	assert_int_equal(f.open_above, 0);
	assert_true(f.stdin_ends);
	assert_true(f.stdout_is_stderr);
	assert_true(f.leader);
	assert_true(f.unblocked);
	assert_true(f.default_signals);
	assert_true(f.parent);
	assert_int_equal(f.core, 0);
	assert_true(f.offered);
	assert_string_equal(f.name, CHILD_NAME);
	assert_string_equal(f.word, "given");
}

static void
on_usr1(int sig)
{
	(void)sig;
}

static void
test_child_finds(void **state)
{
	int fds[2], stray, exe;
	sigset_t some, before;

	(void)state;
	signal(SIGHUP, SIG_IGN); /* as nohup(1) leaves it */
	exe = pg_proc_self(NULL);
	assert_true(exe >= 0);
	assert_int_equal(fcntl(exe, F_GETFD), FD_CLOEXEC);
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	/* Somebody forgot close-on-exec; and signals as a host has them. */
	stray = fcntl(0, F_DUPFD, 200);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, on_usr1);
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigprocmask(SIG_BLOCK, &some, &before);
	check_report(exe, fds);
	/* Ours are as they were. */
	assert_true(signal(SIGUSR1, SIG_DFL) == on_usr1);
	assert_true(signal(SIGHUP, SIG_DFL) == SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, &some);
	assert_true(sigismember(&some, SIGTERM));
	assert_false(sigismember(&some, SIGINT));
	close(stray);
	close(exe);
	close(fds[0]);
	close(fds[1]);
}

/* Our descriptor fd, moved to the number `to`. */
static int
move(int fd, int to)
{
	if (fd == to)
		return to;
	assert_int_equal(dup3(fd, to, O_CLOEXEC), to);
	close(fd);
	return to;
}

/* Our descriptors may lie where the child's have to be. -1: left alone. */
static void
test_places(void **state)
{
	static const struct {
		int exe, sock;
	} rows[] = { { -1, 3 }, { 3, -1 }, { 3, 40 }, { 40, 3 }, { 0, 3 },
		{ 3, 0 }, { 0, -1 }, { -1, 0 } };
	int fds[2], exe, saved;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		saved = fcntl(0, F_DUPFD_CLOEXEC, 100);
		assert_int_equal(pg_sock_pair(fds, NULL), 0);
		fds[0] = move(fds[0], 50);
		fds[1] = move(fds[1], 51);
		exe = move(pg_proc_self(NULL), 52);
		if (rows[i].exe >= 0)
			exe = move(exe, rows[i].exe);
		if (rows[i].sock >= 0)
			fds[1] = move(fds[1], rows[i].sock);
		check_report(exe, fds);
		close(fds[0]);
		close(fds[1]);
		close(exe);
		dup2(saved, 0);
		close(saved);
	}
}

static void
test_status(void **state)
{
	int fds[2], exe = pg_proc_self(NULL);
	struct pg_proc p;

	(void)state;
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	p = start(exe, fds[1], "exit", getpid());
	assert_int_equal(finish(&p), 7);
	p = start(exe, fds[1], "term", getpid());
	assert_int_equal(finish(&p), -SIGTERM);
	p = start(exe, fds[1], "wait", getpid());
	kill(p.pid, SIGKILL);
	assert_int_equal(finish(&p), -SIGKILL);
	close(exe);
	close(fds[0]);
	close(fds[1]);
}

static void
test_start_fails(void **state)
{
	int fds[2], before, no_program = open("/dev/null", O_RDONLY);
	struct pg_proc p = { .pid = -5, .pidfd = -5 };
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	before = dup(0);
	close(before);
	assert_int_equal(start_try(no_program, fds[1], "exit", 1, &p, &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_int_equal(e.sys, EACCES);
	assert_int_equal(start_try(-1, fds[1], "exit", 1, &p, &e), -1);
	assert_int_equal(e.sys, EBADF);
	assert_int_equal(start_try(no_program, -1, "exit", 1, &p, &e), -1);
	assert_int_equal(e.sys, EBADF);
	/* Nothing is left: no descriptor, no child. */
	assert_int_equal(p.pid, -5);
	assert_int_equal(dup(0), before);
	close(before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	close(no_program);
	close(fds[0]);
	close(fds[1]);
}

static void
wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 60000), 1);
}

/* The child of a child that is killed dies too: the other end closes. */
static void
test_dies_with_parent(void **state)
{
	int fds[2], exe = pg_proc_self(NULL);
	struct pg_proc p;
	char c;

	(void)state;
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	p = start(exe, fds[1], "middle", getpid());
	close(fds[1]);
	wait_readable(fds[0]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	kill(p.pid, SIGKILL);
	assert_int_equal(finish(&p), -SIGKILL);
	wait_readable(fds[0]);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
	close(exe);
}

/* Its parent was gone before it could ask to be told. */
static void
test_orphan_exits(void **state)
{
	int fds[2], exe = pg_proc_self(NULL);
	struct pg_proc p;

	(void)state;
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	p = start(exe, fds[1], "wait", getpid() + 1);
	assert_int_equal(finish(&p), 1);
	close(fds[0]);
	close(fds[1]);
	close(exe);
}

static void
test_reap_unknown(void **state)
{
	(void)state;
	assert_int_equal(pg_proc_reap(getpid()), -SIGKILL);
}

/* What the child leaves in our table of descriptors: nothing. Ours stay, and
 * no copy of its socket is left, or its end would not be seen. */
static void
test_ours_stay(void **state)
{
	int fds[2], before, high = fcntl(0, F_DUPFD_CLOEXEC, 300);
	int exe = pg_proc_self(NULL);
	struct pg_proc p;
	char c;

	(void)state;
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	before = dup(0);
	close(before);
	p = start(exe, fds[1], "exit", getpid());
	close(fds[1]);
	assert_int_equal(finish(&p), 7);
	wait_readable(fds[0]);
	assert_int_equal(read(fds[0], &c, 1), 0);
	assert_int_equal(fcntl(high, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(exe, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(dup(0), PG_MIN(fds[1], before));
	close(PG_MIN(fds[1], before));
	close(fds[0]);
	close(high);
	close(exe);
}

/* Kernels before 5.9, and some containers, do not part a table. The last of
 * the tests: it is not tried again in this process. */
static void
test_table_copied(void **state)
{
	(void)state;
	no_unshare = true;
	test_child_finds(state);
	test_ours_stay(state);
	no_unshare = false;
	test_start_fails(state);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_finds),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_start_fails),
		cmocka_unit_test(test_dies_with_parent),
		cmocka_unit_test(test_orphan_exits),
		cmocka_unit_test(test_ours_stay),
		cmocka_unit_test(test_reap_unknown),
		cmocka_unit_test(test_table_copied),
	};

	if (argc == 3 && strcmp(argv[0], "child") == 0)
		_exit(child_main(argv));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
