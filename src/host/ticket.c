/* ticket: see ticket.h. */

#include "ticket.h"

#include "../base/buf.h"
#include "wire.h"

PG_FN void
pg_ticket_init(struct pg_ticket *t, struct pg_str destination)
{
	*t = (struct pg_ticket){ .destination = destination,
		.timeout = PG_TICKET_TIMEOUT,
		.retry_interval = PG_SEC / 4 };
}

PG_FN int
pg_ticket_copy(const struct pg_ticket *t, struct pg_arena *a,
    struct pg_ticket *to, struct pg_err *e)
{
	struct pg_value *caps = NULL;

	if (t->capabilities != NULL &&
	    pg_value_copy(a, t->capabilities, &caps) < 0)
		return pg_fail(e, PG_E_NOMEM, "no memory for a ticket");
	*to = *t;
	to->destination = pg_arena_str(a, t->destination);
	to->version = pg_arena_str(a, t->version);
	to->capabilities = caps;
	return 0;
}

/* A duration in seconds: negative counts as 0, more than max as max. */
static int
ticket_seconds(const struct pg_value *d, const char *key, int64_t max,
    int64_t *out, struct pg_err *e)
{
	double s = pg_to_seconds(*out);

	if (pg_field_float_opt(d, key, &s, e) < 0)
		return -1;
	*out = PG_MIN(PG_MAX(pg_from_seconds(s), 0), max);
	return 0;
}

PG_FN int
pg_ticket_read_mode(const struct pg_value *d, bool *inactive,
    struct pg_err *e)
{
	struct pg_str mode = PG_STR("activate");

	if (pg_field_str_opt(d, "arrival_mode", &mode, e) < 0)
		return -1;
	*inactive = pg_str_eqz(mode, "inactive");
	if (!*inactive && !pg_str_eqz(mode, "activate"))
		return pg_fail(e, PG_E_HOST,
		    "arrival_mode must be one of: activate, inactive");
	return 0;
}

static int
ticket_capabilities(const struct pg_value *list, struct pg_err *e)
{
	uint32_t i;

	for (i = 0; i < list->n; i++)
		if (!pg_value_is(list->u.items[i], PG_T_STR))
			return pg_fail(e, PG_E_HOST, "field "
			    "'required_capabilities' must hold str, got %s",
			    pg_value_type_name(list->u.items[i]));
	return 0;
}

/* Inside, an empty destination is the own host: nobody says so by a variable
 * that is not set. */
static int
ticket_place(const struct pg_value *d, const char *key, struct pg_str *out,
    struct pg_err *e)
{
	if (pg_field_str(d, key, out, e) < 0)
		return -1;
	return out->n > 0 ? 0 : pg_fail(e, PG_E_HOST, "Host URL cannot be "
	    "empty");
}

PG_FN int
pg_ticket_read(const struct pg_value *record, struct pg_ticket *t,
    struct pg_err *e)
{
	const struct pg_value *v;

	if (!pg_value_is(record, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "field 'ticket' must be dict, "
		    "got %s", pg_value_type_name(record));
	pg_ticket_init(t, PG_STR_NULL);
	if (ticket_place(record, "destination", &t->destination, e) < 0 ||
	    ticket_seconds(record, "timeout", PG_TICKET_TIMEOUT_MAX,
	    &t->timeout, e) < 0 ||
	    ticket_seconds(record, "retry_interval", PG_TICKET_INTERVAL_MAX,
	    &t->retry_interval, e) < 0 ||
	    pg_field_int_opt(record, "retries", &t->retries, e) < 0 ||
	    pg_ticket_read_mode(record, &t->inactive, e) < 0)
		return pg_wrap(e, "ticket");
	t->retries = PG_MIN(PG_MAX(t->retries, 0), PG_TICKET_RETRIES_MAX);
	v = pg_value_get(record, "expected_code_version");
	t->has_version = v != NULL && !pg_value_is(v, PG_T_NULL);
	if (pg_field_str_opt(record, "expected_code_version", &t->version,
	    e) < 0)
		return pg_wrap(e, "ticket");
	v = pg_value_get(record, "required_capabilities");
	if (v == NULL || pg_value_is(v, PG_T_NULL))
		return 0;
	if (!pg_value_is_seq(v))
		return pg_fail(e, PG_E_HOST, "ticket: field "
		    "'required_capabilities' must be list, got %s",
		    pg_value_type_name(v));
	t->capabilities = v;
	return ticket_capabilities(v, e);
}

PG_FN int
pg_ticket_read_order(const struct pg_value *body, enum pg_ticket_form form,
    struct pg_ticket *t, struct pg_err *e)
{
	const struct pg_value *ticket = pg_value_get(body, "ticket");
	struct pg_str target = PG_STR_NULL;

	if (ticket != NULL && form != PG_TICKET_PLAIN)
		return pg_ticket_read(ticket, t, e);
	if (form == PG_TICKET_OPTIONAL) {
		if (pg_field_str_opt(body, "target", &target, e) < 0)
			return -1;
	} else if (ticket_place(body, "target", &target, e) < 0) {
		return -1;
	}
	pg_ticket_init(t, target);
	return 0;
}

PG_FN struct pg_value *
pg_ticket_value(const struct pg_ticket *t, struct pg_str resolved,
    struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a), *list = pg_value_list(a);
	uint32_t i;

	for (i = 0; t->capabilities != NULL && i < t->capabilities->n; i++)
		pg_value_add(a, list, t->capabilities->u.items[i]);
	pg_put_str(a, d, "destination", resolved);
	pg_put_float(a, d, "timeout", pg_to_seconds(t->timeout));
	pg_put_int(a, d, "retries", t->retries);
	pg_put_float(a, d, "retry_interval",
	    pg_to_seconds(t->retry_interval));
	pg_put(a, d, "required_capabilities", list);
	pg_put(a, d, "expected_code_version", t->has_version ?
	    pg_value_str(a, t->version) : NULL);
	pg_put_strz(a, d, "arrival_mode", t->inactive ? "inactive" :
	    "activate");
	return d;
}

static bool
ticket_has(const struct pg_value *list, struct pg_str name)
{
	uint32_t i;

	for (i = 0; pg_value_is_seq(list) && i < list->n; i++)
		if (pg_str_eq(pg_value_text(list->u.items[i], PG_STR_NULL),
		    name))
			return true;
	return false;
}

PG_FN int
pg_ticket_check(const struct pg_ticket *t, struct pg_str url,
    const struct pg_value *health, struct pg_err *e)
{
	struct pg_str have = pg_value_text(pg_value_get(health,
	    "code_version"), PG_STR_NULL), want;
	const struct pg_value *offered = pg_value_get(health, "capabilities");
	struct pg_buf b = PG_BUF_INIT(300);
	uint32_t i;
	int rc = 0;

	if (t->has_version && !pg_str_eq(have, t->version))
		return pg_fail(e, PG_E_TRANSFER, "Transfer target %.*s has "
		    "code version '%.*s', expected '%.*s'", PG_STR_ARG(url),
		    PG_STR_ARG(have), PG_STR_ARG(t->version));
	for (i = 0; t->capabilities != NULL && i < t->capabilities->n; i++) {
		want = pg_value_text(t->capabilities->u.items[i],
		    PG_STR_NULL);
		if (ticket_has(offered, want))
			continue;
		pg_buf_printf(&b, "%s%.*s", b.n > 0 ? ", " : "",
		    PG_STR_ARG(want));
	}
	if (b.n > 0 || b.failed)
		rc = pg_fail(e, PG_E_TRANSFER, "Transfer target %.*s is "
		    "missing capabilities: %.*s", PG_STR_ARG(url),
		    PG_STR_ARG(pg_buf_str(&b)));
	pg_buf_fini(&b);
	return rc;
}
