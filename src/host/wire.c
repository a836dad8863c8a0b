/* wire: see wire.h. */

#include "wire.h"

#include "../codec/pickle.h"

PG_FN void
pg_put(struct pg_arena *a, struct pg_value *d, const char *key,
    struct pg_value *v)
{
	pg_value_put(a, d, pg_str(key), v != NULL ? v : pg_value_null(a));
}

PG_FN void
pg_put_str(struct pg_arena *a, struct pg_value *d, const char *key,
    struct pg_str s)
{
	pg_put(a, d, key, pg_value_str(a, s));
}

PG_FN void
pg_put_strz(struct pg_arena *a, struct pg_value *d, const char *key,
    const char *z)
{
	pg_put(a, d, key, pg_value_str(a, pg_str(z)));
}

PG_FN void
pg_put_int(struct pg_arena *a, struct pg_value *d, const char *key, int64_t i)
{
	pg_put(a, d, key, pg_value_int(a, i));
}

PG_FN void
pg_put_bool(struct pg_arena *a, struct pg_value *d, const char *key, bool b)
{
	pg_put(a, d, key, pg_value_bool(a, b));
}

PG_FN void
pg_put_float(struct pg_arena *a, struct pg_value *d, const char *key,
    double f)
{
	pg_put(a, d, key, pg_value_float(a, f));
}

PG_FN struct pg_value *
pg_wire_proxy(struct pg_arena *a, struct pg_str url, struct pg_str agent_id)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "host_url", url);
	pg_put_str(a, d, "agent_id", agent_id);
	return d;
}

PG_FN struct pg_value *
pg_wire_error(struct pg_arena *a, const struct pg_err *e)
{
	struct pg_value *d = pg_value_dict(a);
	const char *name = pg_code_wire(e->code);

	pg_put_strz(a, d, "error_type", name);
	pg_put_strz(a, d, "error", e->msg);
	if (pg_code_from_wire(pg_str(name), PG_STR_NULL) != e->code)
		pg_put_strz(a, d, "code", pg_code_token(e->code));
	return d;
}

PG_FN int
pg_wire_fail(const struct pg_value *error, struct pg_err *e)
{
	struct pg_str type, text, token;

	type = pg_value_text(pg_value_get(error, "error_type"), PG_STR_NULL);
	text = pg_value_text(pg_value_get(error, "error"), PG_STR("no reason"));
	token = pg_value_text(pg_value_get(error, "code"), PG_STR_NULL);
	return pg_fail(e, pg_code_from_wire(type, token), "%.*s",
	    PG_STR_ARG(text));
}

PG_FN int
pg_wire_bare(struct pg_buf *b, const struct pg_value *v, struct pg_err *e)
{
	struct pg_out o = { .buf = *b };
	int rc = pg_pickle_value(&o, v, e);

	*b = o.buf;
	if (rc == 0 && b->failed)
		rc = pg_fail(e, PG_E_LIMIT, "value over %zu bytes", b->max);
	return rc;
}

static bool
wire_id_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

PG_FN int
pg_wire_check_id(struct pg_str id, struct pg_err *e)
{
	size_t i;

	if (id.n == 0 || id.n > PG_AGENT_ID_MAX || id.p[0] == '.')
		goto bad;
	for (i = 0; i < id.n; i++)
		if (!wire_id_char(id.p[i]))
			goto bad;
	return 0;
bad:
	return pg_fail(e, PG_E_HOST, "invalid agent id '%.*s': 1 to %d of "
	    "letters, digits, '.', '_', '-', not starting with a dot",
	    (int)PG_MIN(id.n, (size_t)60), id.p, PG_AGENT_ID_MAX);
}
