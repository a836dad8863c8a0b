/* child: see child.h. */

#include "child.h"

#include "../agent/runtime.h"
#include "../base/log.h"
#include "../os/sock.h"

#include <signal.h>
#include <unistd.h>

/* Let go of descriptors and buffers; the process is gone or was never. */
static void
child_release(struct pg_child *c)
{
	pg_timer_stop(&c->kill_timer);
	pg_io_del(&c->sock_io);
	pg_io_del(&c->exit_io);
	if (c->sock > 0)
		close(c->sock);
	if (c->proc.pidfd > 0)
		close(c->proc.pidfd);
	c->sock = c->proc.pidfd = 0;
	c->proc.pid = 0;
	pg_frame_reader_fini(&c->in);
	pg_frame_out_fini(&c->out);
}

/* Hand on all whole frames. -1: the child broke the protocol. */
static int
child_frames(struct pg_child *c)
{
	struct pg_frame f;
	struct pg_err e = { 0 };
	int rc = 0;

	while (!c->killed && c->proc.pid != 0 &&
	    (rc = pg_frame_next(&c->in, &f, &e)) > 0)
		if ((rc = c->ops->on_frame(c, &f, &e)) < 0)
			break;
	if (rc < 0)
		pg_log(PG_LOG_WARN, "child: pid %d broke the protocol: %s",
		    (int)c->proc.pid, e.msg);
	return rc < 0 ? -1 : 0;
}

/* One read. 1: go on, 0: nothing there, -1: the connection is over. */
static int
child_read(struct pg_child *c)
{
	ssize_t n = pg_frame_fill(&c->in, c->sock);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	return child_frames(c) < 0 ? -1 : 1;
}

static void
child_on_sock(struct pg_io *io, uint32_t events)
{
	struct pg_child *c = PG_CONTAINER(io, struct pg_child, sock_io);

	if ((events & EPOLLOUT) != 0) {
		if (pg_frame_flush(&c->out, c->sock) != 0)
			pg_io_want(io, EPOLLIN);
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0 && child_read(c) < 0 &&
	    c->proc.pid != 0) {
		/* No more to be had from it; its end comes by the pidfd. */
		pg_io_del(io);
		pg_child_kill(c);
	}
}

static void
child_on_exit(struct pg_io *io, uint32_t events)
{
	struct pg_child *c = PG_CONTAINER(io, struct pg_child, exit_io);
	pid_t pid = c->proc.pid;
	int status, reads;

	(void)events;
	kill(-pid, SIGKILL); /* what it may have started itself */
	/* What it said before it ended still counts. */
	for (reads = 0; reads < PG_CHILD_LAST_READS; reads++)
		if (c->sock_io.loop == NULL || child_read(c) <= 0)
			break;
	if (c->proc.pid == 0)
		return;
	status = pg_proc_reap(pid);
	child_release(c);
	c->ops->on_exit(c, status);
}

static int
child_spawn(struct pg_child *c, int exe, int sock, struct pg_err *e)
{
	char parent[16];
	char *argv[] = { (char *)(uintptr_t)PG_RUNTIME_ARGV0, parent, NULL };
	char *envp[] = { NULL };

	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	return pg_proc_spawn(exe, argv, envp, sock, &c->proc, e);
}

PG_FN int
pg_child_start(struct pg_child *c, struct pg_loop *l, int exe,
    const struct pg_child_ops *ops, struct pg_err *e)
{
	int fds[2];
	int rc;

	*c = (struct pg_child){ .ops = ops, .loop = l };
	c->in.max_bulk = PG_CHILD_BULK_MAX;
	if (pg_sock_pair(fds, e) < 0)
		return -1;
	c->sock = fds[0];
	rc = child_spawn(c, exe, fds[1], e);
	close(fds[1]);
	if (rc < 0)
		goto fail;
	if (pg_io_add(l, &c->sock_io, c->sock, EPOLLIN, child_on_sock, e) < 0 ||
	    pg_io_add(l, &c->exit_io, c->proc.pidfd, EPOLLIN, child_on_exit,
	    e) < 0) {
		kill(c->proc.pid, SIGKILL);
		pg_proc_reap(c->proc.pid);
		goto fail;
	}
	return 0;
fail:
	child_release(c);
	return pg_wrap(e, "start agent process");
}

PG_FN bool
pg_child_running(const struct pg_child *c)
{
	return c->proc.pid != 0;
}

PG_FN int
pg_child_put(struct pg_child *c, enum pg_frame_type type, uint32_t id,
    struct pg_str head, struct pg_str text, struct pg_bulk *bulk, size_t off,
    size_t len, struct pg_err *e)
{
	if (c->proc.pid == 0)
		return pg_fail(e, PG_E_CRASHED, "agent process has ended");
	if (c->out.buf.n - c->out.at > PG_CHILD_OUT_MAX) {
		pg_child_kill(c);
		return pg_fail(e, PG_E_CRASHED, "agent process does not "
		    "read");
	}
	return pg_frame_put(&c->out, type, id, head, text, bulk, off, len, e);
}

PG_FN void
pg_child_flush(struct pg_child *c)
{
	/* A broken socket shows itself by the child's end. */
	if (c->proc.pid != 0 && pg_frame_flush(&c->out, c->sock) == 0 &&
	    c->sock_io.loop != NULL)
		pg_io_want(&c->sock_io, EPOLLIN | EPOLLOUT);
}

PG_FN int
pg_child_send(struct pg_child *c, enum pg_frame_type type, uint32_t id,
    struct pg_str head, struct pg_str text, struct pg_bulk *bulk, size_t off,
    size_t len, struct pg_err *e)
{
	if (pg_child_put(c, type, id, head, text, bulk, off, len, e) < 0)
		return -1;
	pg_child_flush(c);
	return 0;
}

static void
child_on_kill_time(struct pg_timer *t)
{
	pg_child_kill(PG_CONTAINER(t, struct pg_child, kill_timer));
}

PG_FN void
pg_child_stop(struct pg_child *c)
{
	if (c->proc.pid == 0 || c->stopping)
		return;
	c->stopping = true;
	pg_timer_set(c->loop, &c->kill_timer, PG_CHILD_STOP_TIME,
	    child_on_kill_time);
	if (pg_child_send(c, PG_FRAME_STOP, 0, PG_STR_NULL, PG_STR_NULL, NULL,
	    0, 0, NULL) < 0)
		pg_child_kill(c);
}

PG_FN void
pg_child_kill(struct pg_child *c)
{
	if (c->proc.pid == 0)
		return;
	c->killed = true;
	/* Also one that has left its group. */
	kill(-c->proc.pid, SIGKILL);
	kill(c->proc.pid, SIGKILL);
}
