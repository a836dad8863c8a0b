/* spawn: the least it takes to have one more process that answers.
 *
 * posix_spawn of this very program, statically linked, with a socket pair on
 * fd 3; a word to it, and its answer. That is what creating an agent comes to
 * without HTTP, JSON, a class and a state.
 */
#include "bench.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_FD 3

/* Our ends of the pairs, by the place of the child in pids. */
static int *ends;

int
spawn_child(void)
{
	char word[64];
	ssize_t n;

	while ((n = read(CHILD_FD, word, sizeof(word))) > 0)
		write_all(CHILD_FD, word, (size_t)n);
	return 0;
}

static pid_t
spawn_one(int *end)
{
	static char name[] = "spawn-child";
	char *argv[] = { name, NULL }, *envp[] = { NULL };
	posix_spawn_file_actions_t files;
	int pair[2], rc;
	char word = 'a';
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die_sys("spawn: socketpair");
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, pair[1], CHILD_FD);
	rc = posix_spawn(&pid, "/proc/self/exe", &files, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&files);
	if ((errno = rc) != 0)
		die_sys("posix_spawn");
	close(pair[1]);
	write_all(pair[0], &word, 1);
	if (read(pair[0], &word, 1) != 1)
		die("spawn: no answer");
	*end = pair[0];
	return pid;
}

double
spawn_run(pid_t *pids, size_t n)
{
	double began;
	size_t i;

	ends = calloc(n, sizeof(*ends));
	if (ends == NULL)
		die("spawn: memory");
	began = now_ms();
	for (i = 0; i < n; i++)
		pids[i] = spawn_one(&ends[i]);
	return now_ms() - began;
}

void
spawn_end(const pid_t *pids, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		close(ends[i]);
	for (i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	free(ends);
	ends = NULL;
}
