/* envelope: see envelope.h. */

#include "envelope.h"

#include "../codec/pickle.h"

static void
envelope_text(struct pg_out *o, const char *key, struct pg_str s)
{
	pg_pickle_text(o, pg_str(key));
	pg_pickle_text(o, s);
}

PG_FN void
pg_envelope_write(const struct pg_envelope *v, struct pg_buf *head,
    struct pg_buf *tail)
{
	struct pg_out h = { .arg = NULL }, t = { .arg = NULL };
	struct pg_value null = { .type = PG_T_NULL };

	pg_pickle_start(&h);
	pg_pickle_dict_open(&h);
	pg_pickle_text(&h, PG_STR("envelope"));
	pg_pickle_dict_open(&h);
	envelope_text(&h, "kind", v->kind);
	envelope_text(&h, "agent_id", v->agent_id);
	envelope_text(&h, "agent_class_name", v->class_name);
	envelope_text(&h, "state_class_name", v->state_class);
	pg_pickle_text(&h, PG_STR("state"));
	envelope_text(&t, "source_host_name", v->source_name);
	envelope_text(&t, "source_host_address", v->source_address);
	envelope_text(&t, "target_host_name", v->target_name);
	envelope_text(&t, "target_host_address", v->target_address);
	pg_pickle_text(&t, PG_STR("clone_of"));
	if (v->clone_of.n > 0)
		pg_pickle_text(&t, v->clone_of);
	else
		pg_pickle_value(&t, &null, NULL);
	pg_pickle_text(&t, PG_STR("metadata"));
	pg_pickle_value(&t, v->metadata, NULL);
	pg_pickle_dict_close(&t);
	pg_pickle_dict_close(&t);
	pg_pickle_stop(&t);
	*head = h.buf;
	*tail = t.buf;
}
