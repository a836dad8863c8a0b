/* event: see event.h. */

#include "event.h"

#include "../base/clock.h"
#include "../codec/json.h"

PG_FN void
pg_events_fini(struct pg_events *ev)
{
	size_t i;

	for (i = 0; i < PG_EVENTS_MAX; i++)
		free(ev->ring[i].text);
	memset(ev->ring, 0, sizeof(ev->ring));
}

static void
event_store(struct pg_event *slot, const struct pg_str texts[])
{
	size_t i, n = 0;

	for (i = 0; i < PG_EVENT_TEXTS; i++)
		n += texts[i].n;
	if (n > slot->cap) {
		slot->text = pg_realloc(slot->text, n);
		slot->cap = n;
	}
	n = 0;
	for (i = 0; i < PG_EVENT_TEXTS; i++) {
		if (texts[i].n > 0)
			memcpy(slot->text + n, texts[i].p, texts[i].n);
		slot->n[i] = texts[i].n;
		n += texts[i].n;
	}
}

PG_FN void
pg_event_add(struct pg_events *ev, const char *kind,
    const struct pg_event_detail *d)
{
	static const struct pg_event_detail none;
	struct pg_buf data = PG_BUF_INIT(PG_EVENT_TEXT_MAX);
	struct pg_event *slot = &ev->ring[ev->last % PG_EVENTS_MAX];
	struct pg_str texts[PG_EVENT_TEXTS];

	if (d == NULL)
		d = &none;
	if (d->data != NULL && pg_json_write(&data, d->data, NULL) < 0)
		data.failed = true;
	texts[PG_EVENT_AGENT] = d->agent_id;
	texts[PG_EVENT_CLASS] = d->class_name;
	texts[PG_EVENT_MESSAGE] = d->message_id;
	texts[PG_EVENT_ERROR] = d->error;
	texts[PG_EVENT_DATA] = data.failed ? PG_STR_NULL : pg_buf_str(&data);
	if (d->message_id.n > PG_EVENT_TEXT_MAX)
		texts[PG_EVENT_MESSAGE].n = PG_EVENT_TEXT_MAX;
	slot->id = ++ev->last;
	slot->time = pg_now_wall();
	slot->kind = kind;
	event_store(slot, texts);
	pg_buf_fini(&data);
	if (ev->added != NULL)
		ev->added(ev->added_arg);
}

/* , "key": "text" or null */
static void
event_text(struct pg_buf *b, const char *key, struct pg_str s)
{
	pg_buf_printf(b, ", \"%s\": ", key);
	if (s.n == 0)
		pg_buf_putz(b, "null");
	else
		pg_json_write_str(b, s);
}

static void
event_write(const struct pg_events *ev, const struct pg_event *slot,
    struct pg_buf *b)
{
	struct pg_str texts[PG_EVENT_TEXTS];
	char when[PG_FLOAT_TEXT];
	size_t i, at = 0, n = pg_float_text(pg_to_seconds(slot->time), when);

	for (i = 0; i < PG_EVENT_TEXTS; at += slot->n[i++])
		texts[i] = (struct pg_str){ slot->text + at, slot->n[i] };
	pg_buf_printf(b, "{\"event_id\": %" PRId64 ", \"kind\": \"%s\"",
	    slot->id, slot->kind);
	event_text(b, "host_name", ev->host_name);
	event_text(b, "host_address", ev->host_address);
	pg_buf_printf(b, ", \"timestamp\": %.*s", (int)n, when);
	event_text(b, "agent_id", texts[PG_EVENT_AGENT]);
	event_text(b, "class_name", texts[PG_EVENT_CLASS]);
	event_text(b, "message_id", texts[PG_EVENT_MESSAGE]);
	event_text(b, "service_name", PG_STR_NULL);
	pg_buf_putz(b, ", \"data\": ");
	if (texts[PG_EVENT_DATA].n == 0)
		pg_buf_putz(b, "{}");
	else
		pg_buf_puts(b, texts[PG_EVENT_DATA]);
	event_text(b, "error", texts[PG_EVENT_ERROR]);
	pg_buf_putc(b, '}');
}

PG_FN void
pg_events_write(const struct pg_events *ev, int64_t since, int64_t limit,
    struct pg_buf *b)
{
	int64_t id = PG_MAX(PG_MAX(since, ev->last - PG_EVENTS_MAX), 0);
	bool first = true;

	for (; id < ev->last && limit > 0; id++, limit--) {
		if (!first)
			pg_buf_putz(b, ", ");
		first = false;
		event_write(ev, &ev->ring[id % PG_EVENTS_MAX], b);
	}
}
