/* event: the last PG_EVENTS_MAX things that happened on a host (PROTOCOL
 * section 4). Recording one is a copy of a few words, as each message records
 * two; the JSON is made when somebody asks.
 */
#ifndef PG_EVENT_H
#define PG_EVENT_H

#include "../base/buf.h"
#include "../codec/value.h"

#define PG_EVENTS_MAX 1000
/* Bytes of all texts of one event, its data as JSON among them; an event that
 * says more is recorded without data and error. */
#define PG_EVENT_TEXT_MAX 8192

enum pg_event_text {
	PG_EVENT_AGENT,
	PG_EVENT_CLASS,
	PG_EVENT_MESSAGE,
	PG_EVENT_ERROR,
	PG_EVENT_DATA, /* JSON */
	PG_EVENT_TEXTS
};

struct pg_event {
	int64_t id, time; /* time: wall clock */
	const char *kind; /* a literal */
	char *text;       /* owned, reused; the texts one after the other */
	size_t cap;
	size_t n[PG_EVENT_TEXTS];
};

/* Owner: the host. The names are borrowed and live as long. */
struct pg_events {
	struct pg_str host_name, host_address;
	int64_t last; /* id of the newest */
	struct pg_event ring[PG_EVENTS_MAX];
	/* Called (if set) after each one. */
	void (*added)(void *arg);
	void *added_arg;
};

/* What an event says besides its kind; empty text becomes null, data NULL
 * becomes {}. All borrowed. */
struct pg_event_detail {
	struct pg_str agent_id, class_name, message_id, error;
	const struct pg_value *data;
};

PG_FN void pg_events_fini(struct pg_events *ev);
/* kind is a literal: one of PROTOCOL section 4, or recover or store-corrupt,
 * which are ours. d may be NULL. */
PG_FN void pg_event_add(struct pg_events *ev, const char *kind,
    const struct pg_event_detail *d);
/* Append the elements of a JSON list: at most limit events with an id over
 * since, oldest first. */
PG_FN void pg_events_write(const struct pg_events *ev, int64_t since,
    int64_t limit, struct pg_buf *b);

#endif
