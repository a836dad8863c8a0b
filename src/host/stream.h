/* stream: GET /events/stream: the events of a host as they happen, as
 * server-sent events (WHATWG HTML, section "Server-sent events").
 *
 * Each event is "id" (NUMBER-BOOT), "event" with its kind, and "data" with its
 * JSON. What a listener has missed, as it fell behind by more than the host
 * remembers, is one event "gap" {"kind": "gap", "missed", "from", "to"}. A
 * comment keeps an idle stream alive.
 */
#ifndef PG_STREAM_H
#define PG_STREAM_H

#include "../net/conn.h"
#include "event.h"

#define PG_STREAM_LISTENERS_MAX 64
#define PG_STREAM_KEEP_ALIVE (15 * PG_SEC)
#define PG_STREAM_RETRY 2000 /* ms until a listener should come back */

struct pg_streams;

/* Listens to ev. boot: of the host, as numbers begin anew with each; a word
 * without a blank. Both outlive it. */
PG_FN struct pg_streams *pg_streams_new(struct pg_loop *l,
    struct pg_events *ev, const char *boot);
/* After the server is closed and the loop is freed. */
PG_FN void pg_streams_free(struct pg_streams *s);

/* Answer x with what happens from now on; or what has happened since the
 * event of the id in Last-Event-ID, else in the query's "since": a number, or
 * NUMBER-BOOT. One of another boot, and a number not reached yet, is from
 * before the host was started anew: then from the first event on. Over
 * PG_STREAM_LISTENERS_MAX the answer is 503. */
PG_FN void pg_streams_open(struct pg_streams *s, struct pg_exchange *x,
    struct pg_str query);

#ifdef PG_TEST
/* Tests: less than PG_STREAM_KEEP_ALIVE. */
void pg_streams_keep_alive(struct pg_streams *s, int64_t interval);
#endif

#endif
