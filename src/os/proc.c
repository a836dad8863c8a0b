/* proc: children that are this same executable.
 *
 * A child is started with vfork: the page tables of a large host are not
 * copied, and a failing exec is told through the memory both share. The price
 * is that between vfork and exec the child runs on our stack and in our
 * memory while the worker threads go on. So that stretch, proc_child and what
 * it calls, makes system calls only, touches nothing but its own variables
 * and struct proc_start, and never returns.
 *
 * Everything of ours is close-on-exec. The child has its own copy of the
 * table of descriptors, so what it moves about there does not concern us.
 */
#include "proc.h"
#include "../base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* From linux/close_range.h, which not every libc brings along. */
#define PROC_CLOSE_RANGE_CLOEXEC (1U << 2)

struct proc_start {
	int exe, sock;
	char *const *argv, *const *envp;
	volatile int failed; /* set by the child: errno of what went wrong */
};

/* ---- Ourselves ---- */

PG_FN int
pg_proc_self(struct pg_err *e)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);

	/* Inherited SIG_IGN would have the kernel reap our children. */
	signal(SIGCHLD, SIG_DFL);
	if (fd >= 0)
		return fd;
	/* Without /proc, what we were called by. Started through a descriptor
	 * (execveat(2)) that is /dev/fd/N, and N may be anything by now. */
	if (path != NULL && strncmp(path, "/dev/fd/", 8) != 0)
		fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		pg_fail_sys(e, "find our own executable: /proc/self/exe and %s",
		    path != NULL ? path : "no path");
	return fd;
}

/* ---- Between vfork and exec ---- */

/* Make `from` the descriptor `to`, which stays open over exec. */
static int
proc_child_put(int from, int to)
{
	if (from == to)
		return fcntl(to, F_SETFD, 0);
	return dup2(from, to);
}

/* Something to read the end of. A container may lack /dev/null; a pipe nobody
 * can write to will do. */
static int
proc_child_nothing(void)
{
	int ends[2], fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	close(ends[1]);
	return ends[0];
}

/* Descriptors 0 to 3 as promised. Order matters where ours lie among them:
 * exe goes out of the way first, then sock to its place. */
static int
proc_child_files(struct proc_start *s)
{
	int null;

	s->exe = fcntl(s->exe, F_DUPFD_CLOEXEC, PG_PROC_FD + 1);
	if (s->exe < 0 || proc_child_put(s->sock, PG_PROC_FD) < 0)
		return -1;
	null = proc_child_nothing();
	if (null < 0 || proc_child_put(null, 0) < 0 || dup2(2, 1) < 0)
		return -1;
	/* Should anything lack close-on-exec. Kernels before 5.11 refuse. */
	syscall(SYS_close_range, PG_PROC_FD + 1, ~0U, PROC_CLOSE_RANGE_CLOEXEC);
	return 0;
}

/* Handlers first: none of ours may run here once signals are unblocked. exec
 * resets those we catch but not those we ignore. Only up to SIGSYS: nobody
 * ignores or catches the real-time signals, and 33 more calls would be felt
 * in the time it takes to create an agent. */
static void
proc_child_signals(void)
{
	const struct sigaction fresh = { .sa_handler = SIG_DFL };
	sigset_t none;
	int i;

	for (i = 1; i <= SIGSYS; i++)
		sigaction(i, &fresh, NULL); /* some cannot be changed */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
proc_child(struct proc_start *s)
{
	if (setpgid(0, 0) == 0 && proc_child_files(s) == 0) {
		proc_child_signals();
		syscall(SYS_execveat, s->exe, "", s->argv, s->envp,
		    AT_EMPTY_PATH);
	}
	s->failed = errno;
	_exit(127);
}

/* On its own, so that no variable of a caller can be clobbered. */
static __attribute__((noinline)) pid_t
proc_vfork(struct proc_start *s)
{
	pid_t pid = vfork();

	if (pid == 0)
		proc_child(s);
	return pid;
}

/* ---- The parent ---- */

PG_FN int
pg_proc_spawn(int exe, char *const argv[], char *const envp[], int sock,
    struct pg_proc *out, struct pg_err *e)
{
	struct proc_start s = { .exe = exe, .sock = sock, .argv = argv,
		.envp = envp };
	sigset_t all, before;
	pid_t pid;
	int pidfd;

	/* A handler of ours must not run in the child, in our memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = proc_vfork(&s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return pg_fail_sys(e, "start of a child");
	if (s.failed != 0) {
		pg_proc_reap(pid);
		errno = s.failed;
		return pg_fail_sys(e, "start of a child");
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec */
	if (pidfd < 0) {
		pg_fail_sys(e, "pidfd_open");
		kill(pid, SIGKILL);
		pg_proc_reap(pid);
		return -1;
	}
	*out = (struct pg_proc){ .pid = pid, .pidfd = pidfd };
	return 0;
}

PG_FN int
pg_proc_reap(pid_t pid)
{
	int status;
	pid_t rc;

	do
		rc = waitpid(pid, &status, 0);
	while (rc < 0 && errno == EINTR);
	if (rc < 0) {
		/* Only where SIGCHLD is ignored, or someone else waits. */
		pg_log(PG_LOG_ERROR, "proc: no status of child %ld: %s",
		    (long)pid, strerror(errno));
		return -SIGKILL;
	}
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- The child, after exec ---- */

PG_FN void
pg_proc_enter(pid_t parent, const char *name)
{
	const struct rlimit none = { 0, 0 };

	/* In this order: a parent that dies in between is noticed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_NAME, name);
}

#undef PROC_CLOSE_RANGE_CLOEXEC
