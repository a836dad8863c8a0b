/* conn: one HTTP/1.1 connection of a server: bytes in, requests to the
 * handler. Knows deadlines and limits; knows neither listeners nor routes. How
 * handlers answer: answer.h.
 */
#ifndef PG_CONN_H
#define PG_CONN_H

#include "answer.h"

/* Serve the accepted socket fd, which is taken. */
PG_FN void pg_conn_open(struct pg_conn_set *s, int fd,
    const struct pg_addr *peer);
/* Answer fd with an error before anything was read; fd is taken. */
PG_FN void pg_conn_turn_away(struct pg_conn_set *s, int fd,
    const struct pg_addr *peer, const struct pg_err *e);
/* Close idle connections now, every other after its present answer; answers
 * in pieces are told to end. */
PG_FN void pg_conn_drain_all(struct pg_conn_set *s);
/* Close all; open exchanges become orphans. */
PG_FN void pg_conn_close_all(struct pg_conn_set *s);
/* After pg_conn_close_all: orphans must not be answered any more. */
PG_FN void pg_conn_set_fini(struct pg_conn_set *s);

#endif
