/* server: HTTP/1.1 on listening sockets: accepts, counts and closes. What
 * happens on a connection is conn's; handlers and exchanges are described in
 * conn.h.
 */
#ifndef PG_SERVER_H
#define PG_SERVER_H

#include "conn.h"

#define PG_SERVER_LISTEN_MAX 16
/* Connections over PG_SERVER_CONNS_MAX that are answered 503 and drained, so
 * that the answer is not lost; what comes beyond these waits in the kernel. */
#define PG_SERVER_TURNED_AWAY_MAX 64

struct pg_server;

/* w fetches what is not in memory of files that are sent, and closes them, and
 * lives until pg_server_close; NULL: nobody does, and the loop waits. Of the
 * descriptors that the process may have by now, connections take no more than
 * three quarters. From here on the process ignores SIGPIPE. */
PG_FN struct pg_server *pg_server_new(struct pg_loop *l, struct pg_work *w,
    const struct pg_server_ops *ops, void *arg, struct pg_err *e);
/* Closes all connections; open exchanges become orphans that may still be
 * answered until pg_server_free. */
PG_FN void pg_server_close(struct pg_server *s);
/* Not from within a handler. */
PG_FN void pg_server_free(struct pg_server *s);
/* Add a listener. *bound receives the real port. */
PG_FN int pg_server_listen(struct pg_server *s, const struct pg_addr *a,
    struct pg_addr *bound, struct pg_err *e);
/* Close the listener at this address, as pg_server_listen gave it; what it has
 * accepted goes on. Not from within a handler. */
PG_FN void pg_server_unlisten(struct pg_server *s,
    const struct pg_addr *bound);
/* Stop accepting; answer everything that is under way with Connection: close;
 * idle connections are closed. */
PG_FN void pg_server_drain(struct pg_server *s);
/* Have a request answered as if it had come on a connection from peer, but
 * with no credentials to be checked: x->on_answer is set. method and path are
 * copied; the body (NULL: none) is referenced. on_answer may be called before
 * this returns; exactly once, at the latest by pg_server_free. */
PG_FN void pg_server_ask(struct pg_server *s, const struct pg_addr *peer,
    struct pg_str method, struct pg_str path, struct pg_bulk *body,
    pg_exchange_answer *on_answer, void *arg);
/* Exchanges not yet answered and written out. */
PG_FN size_t pg_server_open(const struct pg_server *s);

#ifdef PG_TEST
/* Tests: smaller limits; those of PG_SERVER_* hold from the start. */
struct pg_server_limits *pg_server_limits(struct pg_server *s);
#endif

#endif
