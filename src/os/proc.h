/* proc: children that are this same executable, with one socket on fd 3 and
 * nothing else inherited.
 */
#ifndef PG_PROC_H
#define PG_PROC_H

#include "../base/err.h"

#include <sys/types.h>

#define PG_PROC_FD 3

/* A descriptor of this executable (/proc/self/exe, else AT_EXECFN), close-
 * on-exec, so that children can be started without /proc and after the file
 * was replaced. Call once, at start, before the working folder changes and
 * while few descriptors are open: two low ones are kept as long as the process
 * lasts. Also sees to it that children leave an exit status (SIGCHLD not
 * ignored), and notes which signals are ignored: of these, and SIGPIPE, a
 * child does not learn; of those ignored later it does. */
PG_FN int pg_proc_self(struct pg_err *e);

/* The oom_score_adj of a child (proc(5)): it goes before its host where memory
 * runs out. */
#define PG_PROC_OOM_ADJ "500"

struct pg_proc {
	pid_t pid;
	int pidfd; /* readable when it has ended; the owner closes it */
};

/* Start the executable behind exe with argv and envp; sock becomes its fd 3
 * (this process closes its own copy itself). stdin is /dev/null, stdout goes
 * to our stderr; its own process group; signals back to default, and blocked
 * until it calls pg_proc_enter. An exec that fails is reported here. 0 to 2
 * must be open in this process, and pg_proc_self called. Loop thread only: the
 * child's death signal is tied to the thread that started it. */
PG_FN int pg_proc_spawn(int exe, char *const argv[], char *const envp[],
    int sock, struct pg_proc *out, struct pg_err *e);

/* First thing in a child's main: ask for SIGKILL when the parent dies, and
 * exit at once if it already has (getppid() is not `parent`). Core dumps off;
 * PG_PROC_OOM_ADJ; sets the process name; lets signals through. */
PG_FN void pg_proc_enter(pid_t parent, const char *name);

/* Reap pid (must have ended or been killed). Returns the exit status, or
 * -signal as Python writes it. */
PG_FN int pg_proc_reap(pid_t pid);

#endif
