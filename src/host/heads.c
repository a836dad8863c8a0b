/* heads: see heads.h. */

#include "heads.h"

#include "../agent/frame.h"
#include "../agent/runtime.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../codec/pickle.h"
#include "wire.h"

PG_FN int
pg_head_start(const struct pg_head_start *h, struct pg_buf *b,
    struct pg_err *e)
{
	struct pg_arena arena = { 0 };
	struct pg_value *d = pg_value_dict(&arena), *v = NULL;
	int rc = 0;

	pg_put_int(&arena, d, "proto", PG_FRAME_PROTO);
	pg_put_strz(&arena, d, "abi", pg_runtime_abi());
	pg_put_str(&arena, d, "class", h->class_name);
	pg_put_str(&arena, d, "state_class", h->state_class);
	pg_put_str(&arena, d, "agent_id", h->agent_id);
	pg_put_str(&arena, d, "host_name", h->host_name);
	pg_put_str(&arena, d, "host_address", h->host_address);
	pg_put_strz(&arena, d, "event", h->event);
	if (h->init.n > 0) {
		rc = pg_pickle_read_value(h->init, &arena, 0, &v, e);
		pg_put(&arena, d, "init", v);
	}
	if (rc == 0)
		rc = pg_wire_bare(b, d, e);
	pg_arena_fini(&arena);
	return rc;
}

PG_FN void
pg_head_hook(const char *name, bool hold, struct pg_buf *b)
{
	struct pg_arena arena = { 0 };
	struct pg_value *d = pg_value_dict(&arena);

	pg_put_strz(&arena, d, "name", name);
	if (hold)
		pg_put_bool(&arena, d, "hold", true);
	pg_wire_bare(b, d, NULL);
	pg_arena_fini(&arena);
}

PG_FN void
pg_head_message(int64_t deadline, struct pg_str host_address,
    struct pg_buf *b)
{
	struct pg_arena arena = { 0 };
	struct pg_value *d = pg_value_dict(&arena);

	if (deadline != PG_NEVER)
		pg_put_int(&arena, d, "deadline", deadline);
	if (host_address.n > 0)
		pg_put_str(&arena, d, "host_address", host_address);
	pg_wire_bare(b, d, NULL);
	pg_arena_fini(&arena);
}

PG_FN void
pg_head_error(const struct pg_err *err, struct pg_buf *b)
{
	struct pg_arena arena = { 0 };

	pg_wire_bare(b, pg_wire_error(&arena, err), NULL);
	pg_arena_fini(&arena);
}

PG_FN int
pg_head_read_error(struct pg_str head, struct pg_err *told, struct pg_err *e)
{
	struct pg_arena arena;
	struct pg_value *v;
	int rc;

	pg_arena_init(&arena, PG_HEAD_MAX * 4);
	rc = pg_pickle_read_value(head, &arena, PG_HEAD_MAX, &v, e);
	if (rc == 0)
		pg_wire_fail(v, told);
	pg_arena_fini(&arena);
	return rc;
}

PG_FN int
pg_head_read_log(struct pg_str head, struct pg_str agent_id,
    struct pg_err *e)
{
	struct pg_arena arena;
	struct pg_value *v;
	struct pg_str level, text;
	int rc, n;

	pg_arena_init(&arena, PG_HEAD_MAX * 4);
	rc = pg_pickle_read_value(head, &arena, PG_HEAD_MAX, &v, e);
	if (rc == 0) {
		level = pg_value_text(pg_value_get(v, "level"), PG_STR_NULL);
		text = pg_value_text(pg_value_get(v, "text"), PG_STR(""));
		n = pg_log_level_parse(level);
		pg_log(n < 0 ? PG_LOG_INFO : (enum pg_log_level)n,
		    "agent: %.*s: %.*s", PG_STR_ARG(agent_id),
		    PG_STR_ARG(text));
	}
	pg_arena_fini(&arena);
	return rc;
}
