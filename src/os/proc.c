/* proc: children that are this same executable.
 *
 * A child is started as vfork does it: the page tables of a large host are
 * not copied, and a failing exec is told through the memory both share. The
 * price is that until its exec the child runs in our memory while the worker
 * threads go on. So that stretch, proc_child and what it calls, makes system
 * calls only, touches nothing but its own variables and struct proc_start,
 * and never returns.
 *
 * Everything of ours is close-on-exec. But to copy the table of descriptors,
 * and to close on exec what was copied, takes a tenth of a microsecond for
 * each, and every agent has two: a host of a thousand would do little else.
 * The child therefore shares our table at first, and then takes the low end
 * of it alone, where all lies that it needs.
 */
#include "proc.h"
#include "../base/log.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* From linux/close_range.h, which not every libc brings along. */
#define PROC_CLOSE_RANGE_UNSHARE (1U << 1)
#define PROC_CLOSE_RANGE_CLOEXEC (1U << 2)
/* For a few frames that make system calls, and sanitizers. */
#define PROC_STACK ((size_t)32 * 1024)

struct proc_start {
	int exe, sock;
	unsigned cut; /* the table is ours, take what is below; 0: its own */
	char *const *argv, *const *envp;
	volatile int failed; /* set by the child: errno of what went wrong */
};

/* What every start needs, kept from pg_proc_self on. The process has one
 * table of descriptors and one of signals, so there is one of these. */
static struct {
	int null; /* something to read the end of; 0: nothing is kept yet */
	int slot; /* holds the child's socket during a start; -1: the kernel
	           * cannot part a table, children get a copy of all */
	uint64_t ignored; /* bit n: signal n was ignored */
} proc_kept;

/* ---- Ourselves ---- */

/* The numbers that a child has other uses for are no place for what is kept.
 * Takes fd. */
static int
proc_move_up(int fd)
{
	int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, PG_PROC_FD + 1);

	if (fd >= 0)
		close(fd);
	return up;
}

/* A container may lack /dev/null; a pipe nobody can write to will do. */
static int
proc_open_null(void)
{
	int ends[2], fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	close(ends[1]);
	return ends[0];
}

static int
proc_keep(struct pg_err *e)
{
	struct sigaction sa;
	int i;

	if (proc_kept.null == 0) {
		proc_kept.null = proc_move_up(proc_open_null());
		if (proc_kept.null < 0) {
			proc_kept.null = 0;
			return pg_fail_sys(e, "open /dev/null");
		}
		proc_kept.slot = fcntl(proc_kept.null, F_DUPFD_CLOEXEC,
		    PG_PROC_FD + 1);
	}
	proc_kept.ignored = UINT64_C(1) << SIGPIPE; /* if not yet, then soon */
	for (i = 1; i <= SIGSYS; i++)
		if (sigaction(i, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			proc_kept.ignored |= UINT64_C(1) << i;
	return 0;
}

static int
proc_open_self(struct pg_err *e)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);

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

PG_FN int
pg_proc_self(struct pg_err *e)
{
	/* Inherited SIG_IGN would have the kernel reap our children. */
	signal(SIGCHLD, SIG_DFL);
	if (proc_keep(e) < 0)
		return -1;
	return proc_open_self(e);
}

/* ---- Until exec, in our memory ---- */

/* From here on no descriptor of ours is at stake. */
static int
proc_child_part(struct proc_start *s)
{
	if (s->cut != 0 && syscall(SYS_close_range, s->cut, ~0U,
	    PROC_CLOSE_RANGE_UNSHARE) < 0)
		return -1;
	s->cut = 0;
	return 0;
}

/* Make `from` the descriptor `to`, which stays open over exec. */
static int
proc_child_put(int from, int to)
{
	if (from == to)
		return fcntl(to, F_SETFD, 0);
	return dup2(from, to);
}

/* Descriptors 0 to 3 as promised. Order matters where ours lie among them:
 * exe goes out of the way first, then sock to its place. */
static int
proc_child_files(struct proc_start *s)
{
	s->exe = fcntl(s->exe, F_DUPFD_CLOEXEC, PG_PROC_FD + 1);
	if (s->exe < 0 || proc_child_put(s->sock, PG_PROC_FD) < 0)
		return -1;
	if (dup2(proc_kept.null, 0) < 0 || dup2(2, 1) < 0)
		return -1;
	/* Should anything lack close-on-exec. Kernels before 5.11 refuse. */
	syscall(SYS_close_range, PG_PROC_FD + 1, ~0U, PROC_CLOSE_RANGE_CLOEXEC);
	return 0;
}

/* exec resets those we catch but not those we ignore. All stay blocked until
 * pg_proc_enter: a handler of ours must not run here. */
static void
proc_child_signals(void)
{
	static const struct sigaction fresh = { .sa_handler = SIG_DFL };
	int i;

	for (i = 1; i <= SIGSYS; i++)
		if ((proc_kept.ignored >> i & 1) != 0)
			sigaction(i, &fresh, NULL);
}

static int
proc_child(void *arg)
{
	struct proc_start *s = arg;

	if (proc_child_part(s) == 0 && setpgid(0, 0) == 0 &&
	    proc_child_files(s) == 0) {
		proc_child_signals();
		syscall(SYS_execveat, s->exe, "", s->argv, s->envp,
		    AT_EMPTY_PATH);
	}
	s->failed = errno;
	_exit(127);
}

/* ---- The parent ---- */

/* The pid; -1 with errno if nothing was started, or nothing came of it. */
static pid_t
proc_clone(struct proc_start *s, int *pidfd)
{
	char stack[PROC_STACK] __attribute__((aligned(16)));
	int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD |
	    (s->cut != 0 ? CLONE_FILES : 0);
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = clone(proc_child, stack + sizeof(stack), flags, s, pidfd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid < 0 || s->failed == 0)
		return pid;
	close(*pidfd);
	pg_proc_reap(pid);
	errno = s->failed;
	return -1;
}

/* Start it with no more of our descriptors than the lowest. The slot gets
 * back what it holds, so that the caller's copy of the socket is the last. */
static pid_t
proc_start_low(struct proc_start *s, int *pidfd)
{
	int top = PG_MAX(s->exe, PG_MAX(proc_kept.null, proc_kept.slot));
	int failed;
	pid_t pid;

	if (dup3(s->sock, proc_kept.slot, O_CLOEXEC) < 0)
		return -1;
	s->sock = proc_kept.slot;
	s->cut = (unsigned)top + 1;
	pid = proc_clone(s, pidfd);
	failed = errno;
	dup3(proc_kept.null, proc_kept.slot, O_CLOEXEC);
	errno = failed;
	return pid;
}

PG_FN int
pg_proc_spawn(int exe, char *const argv[], char *const envp[], int sock,
    struct pg_proc *out, struct pg_err *e)
{
	struct proc_start s = { .exe = exe, .sock = sock, .argv = argv,
		.envp = envp };
	pid_t pid = -1;
	int pidfd = -1;

	assert(proc_kept.null > 0);
	if (proc_kept.slot >= 0)
		pid = proc_start_low(&s, &pidfd);
	if (s.failed != 0 && s.cut != 0) {
		/* Before Linux 5.9, or not permitted. Never tried again. */
		close(proc_kept.slot);
		proc_kept.slot = -1;
		s.cut = 0;
		s.failed = 0;
	}
	if (proc_kept.slot < 0) {
		s.sock = sock;
		pid = proc_clone(&s, &pidfd);
	}
	if (pid < 0)
		return pg_fail_sys(e, "start of a child");
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

/* Without /proc it stays as it is: that is no reason not to start. */
static void
proc_offer_memory(void)
{
	const size_t n = sizeof(PG_PROC_OOM_ADJ) - 1;
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, PG_PROC_OOM_ADJ, n) != (ssize_t)n)
		pg_log(PG_LOG_DEBUG, "proc: oom_score_adj: %s",
		    strerror(errno));
	close(fd);
}

PG_FN void
pg_proc_enter(pid_t parent, const char *name)
{
	const struct rlimit none = { 0, 0 };
	sigset_t nothing;

	/* In this order: a parent that dies in between is noticed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setrlimit(RLIMIT_CORE, &none);
	proc_offer_memory();
	prctl(PR_SET_NAME, name);
	sigemptyset(&nothing);
	pthread_sigmask(SIG_SETMASK, &nothing, NULL);
}

#undef PROC_CLOSE_RANGE_UNSHARE
#undef PROC_CLOSE_RANGE_CLOEXEC
#undef PROC_STACK
