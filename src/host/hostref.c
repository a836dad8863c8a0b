/* hostref: see hostref.h. A peer may send anything: every text has a limit, so
 * that a table of references has one, and so have all together, since many
 * hosts are listed by one.
 */
#include "hostref.h"

#include "../base/clock.h"
#include "../codec/url.h"
#include "../os/sock.h"

static int
hostref_limit(const char *field, struct pg_str s, size_t max, struct pg_err *e)
{
	if (s.n > max)
		return pg_fail(e, PG_E_HOST, "field '%s' is over %zu bytes",
		    field, max);
	return 0;
}

/* Text that is fit to be shown. */
static int
hostref_check(const char *field, struct pg_str s, size_t max,
    struct pg_err *e)
{
	if (!pg_all_printable(s))
		return pg_fail(e, PG_E_HOST, "field '%s' must be printable",
		    field);
	return hostref_limit(field, s, max, e);
}

/* A text that must be there and say something. */
static int
hostref_text(const struct pg_value *v, const char *field, struct pg_str *out,
    struct pg_err *e)
{
	if (pg_field_str(v, field, out, e) < 0)
		return -1;
	if (out->n == 0)
		return pg_fail(e, PG_E_HOST, "field '%s' must not be empty",
		    field);
	return hostref_check(field, *out, PG_HOSTREF_NAME_MAX, e);
}

static int
hostref_url(const struct pg_value *v, struct pg_arena *a, struct pg_str *out,
    struct pg_err *e)
{
	const struct pg_value *url = pg_value_get(v, "url");
	struct pg_str text;

	if (url == NULL || pg_value_is(url, PG_T_NULL)) {
		if (pg_value_get(v, "address") == NULL)
			return pg_fail(e, PG_E_HOST, "missing field 'url'");
		if (pg_field_str(v, "address", &text, e) < 0)
			return -1;
	} else if (pg_field_str(v, "url", &text, e) < 0) {
		return -1;
	}
	if (pg_str_trim(text).n == 0)
		return pg_fail(e, PG_E_HOST, "Host URL cannot be empty");
	if (pg_url_normalise(a, text, out, e) < 0)
		return -1;
	return hostref_limit("url", *out, PG_HOSTREF_URL_MAX, e);
}

/* A scalar as Python's str() writes it: peers' tags and properties need not
 * be text. */
static int
hostref_scalar(const struct pg_value *v, const char *field, struct pg_arena *a,
    struct pg_str *out, struct pg_err *e)
{
	char number[PG_FLOAT_TEXT];

	if (pg_value_is(v, PG_T_STR) || pg_value_is(v, PG_T_BIG))
		*out = (struct pg_str){ v->u.p, v->n };
	else if (pg_value_is(v, PG_T_INT))
		*out = pg_arena_printf(a, "%" PRId64, v->u.i);
	else if (pg_value_is(v, PG_T_FLOAT))
		*out = pg_arena_str(a, (struct pg_str){ number,
		    pg_float_text(v->u.f, number) });
	else if (pg_value_is(v, PG_T_BOOL))
		*out = v->u.i != 0 ? PG_STR("True") : PG_STR("False");
	else if (pg_value_is(v, PG_T_NULL))
		*out = PG_STR("None");
	else
		return pg_fail(e, PG_E_HOST, "field '%s' must hold str, "
		    "got %s", field, pg_value_type_name(v));
	return 0;
}

PG_FN int
pg_hostref_compare(struct pg_str a, struct pg_str b)
{
	size_t n = PG_MIN(a.n, b.n);
	int d = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

/* Trimmed, ASCII letters in lower case. Others are left as they are: Python
 * peers fold them on both sides. */
static struct pg_str
hostref_fold(struct pg_arena *a, struct pg_str tag)
{
	struct pg_str s = pg_str_trim(tag);
	char *p = pg_arena_alloc(a, s.n + 1);
	size_t i;

	for (i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ?
		    (char)(s.p[i] + 'a' - 'A') : s.p[i];
	return (struct pg_str){ p, s.n };
}

/* Put a tag where it belongs in the sorted list, unless it is there. */
static void
hostref_add_tag(struct pg_value *list, struct pg_str tag, struct pg_arena *a)
{
	struct pg_value *v = pg_value_str(a, tag);
	struct pg_str other;
	uint32_t i;
	int d = 1;

	for (i = list->n; i > 0; i--) {
		other = pg_value_text(list->u.items[i - 1], PG_STR_NULL);
		d = pg_hostref_compare(other, tag);
		if (d <= 0)
			break;
	}
	if (d == 0 || pg_value_add(a, list, v) < 0)
		return;
	memmove(&list->u.items[i + 1], &list->u.items[i],
	    (list->n - 1 - i) * sizeof(*list->u.items));
	list->u.items[i] = v;
}

PG_FN int
pg_hostref_tags(const struct pg_value *in, struct pg_arena *a,
    struct pg_value **out, struct pg_err *e)
{
	struct pg_str tag;
	uint32_t i;

	*out = pg_value_list(a);
	if (in == NULL || pg_value_is(in, PG_T_NULL))
		return 0;
	if (!pg_value_is_seq(in))
		return pg_fail(e, PG_E_HOST, "field 'tags' must be list, "
		    "not %s", pg_value_type_name(in));
	if (in->n > PG_HOSTREF_TAGS_MAX)
		return pg_fail(e, PG_E_HOST, "field 'tags' holds over %d",
		    PG_HOSTREF_TAGS_MAX);
	for (i = 0; i < in->n; i++) {
		if (hostref_scalar(in->u.items[i], "tags", a, &tag, e) < 0 ||
		    hostref_limit("tags", tag, PG_HOSTREF_TAG_MAX, e) < 0)
			return -1;
		tag = hostref_fold(a, tag);
		if (tag.n > 0)
			hostref_add_tag(*out, tag, a);
	}
	return 0;
}

PG_FN int
pg_hostref_properties(const struct pg_value *in, struct pg_arena *a,
    struct pg_value **out, struct pg_err *e)
{
	struct pg_str key, val;
	uint32_t i;

	*out = pg_value_dict(a);
	if (in == NULL || pg_value_is(in, PG_T_NULL))
		return 0;
	if (!pg_value_is(in, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "field 'properties' must be "
		    "dict, not %s", pg_value_type_name(in));
	if (in->n > PG_HOSTREF_PROPERTIES_MAX)
		return pg_fail(e, PG_E_HOST, "field 'properties' holds over "
		    "%d", PG_HOSTREF_PROPERTIES_MAX);
	for (i = 0; i < in->n; i++) {
		key = in->u.pairs[i].key;
		if (hostref_scalar(in->u.pairs[i].val, "properties", a, &val,
		    e) < 0)
			return -1;
		if (PG_MAX(key.n, val.n) > PG_HOSTREF_PROPERTY_MAX)
			return pg_fail(e, PG_E_HOST, "field 'properties' "
			    "holds a text over %d bytes",
			    PG_HOSTREF_PROPERTY_MAX);
		pg_value_put(a, *out, key, pg_value_str(a, val));
	}
	return 0;
}

PG_FN int
pg_hostref_fits(const struct pg_hostref *ref, struct pg_err *e)
{
	size_t n = ref->name.n + ref->url.n + ref->version.n + ref->boot.n;
	const struct pg_pair *p;
	uint32_t i;

	for (i = 0; i < ref->tags->n; i++)
		n += ref->tags->u.items[i]->n;
	for (i = 0; i < ref->properties->n; i++) {
		p = &ref->properties->u.pairs[i];
		n += p->key.n + p->val->n;
	}
	if (n > PG_HOSTREF_MAX)
		return pg_fail(e, PG_E_HOST, "a host reference of %zu bytes "
		    "is over %d", n, PG_HOSTREF_MAX);
	return 0;
}

/* boot and beat are of use only together, the rest only with them. */
static int
hostref_boot(const struct pg_value *v, struct pg_hostref *ref,
    struct pg_err *e)
{
	bool has_beat = pg_value_is(pg_value_get(v, "beat"), PG_T_INT);

	if (pg_field_str_opt(v, "boot", &ref->boot, e) < 0 ||
	    pg_field_int_opt(v, "beat", &ref->beat, e) < 0 ||
	    pg_field_int_opt(v, "suspect", &ref->doubt, e) < 0 ||
	    pg_field_str_opt(v, "sig", &ref->sig, e) < 0)
		return -1;
	if (ref->sig.n > 0 && ref->sig.n != PG_HOSTREF_SIG_LEN)
		return pg_fail(e, PG_E_HOST, "field 'sig' is not %d "
		    "characters long", PG_HOSTREF_SIG_LEN);
	if (PG_MAX(ref->beat, ref->doubt) > PG_HOSTREF_BEAT_MAX ||
	    PG_MIN(ref->beat, ref->doubt) < 0)
		return pg_fail(e, PG_E_HOST, "fields 'beat' and 'suspect' "
		    "must be from 0 to %" PRId64, PG_HOSTREF_BEAT_MAX);
	if (!has_beat || ref->boot.n == 0) {
		ref->boot = ref->sig = PG_STR_NULL;
		ref->beat = ref->doubt = 0;
	}
	return hostref_check("boot", ref->boot, PG_HOSTREF_BOOT_MAX, e);
}

PG_FN int
pg_hostref_read(const struct pg_value *v, struct pg_arena *a,
    struct pg_hostref *ref, struct pg_err *e)
{
	double seen = 0;

	*ref = (struct pg_hostref){ .online = true };
	if (!pg_value_is(v, PG_T_DICT))
		return pg_fail(e, PG_E_HOST, "a host reference must be dict, "
		    "not %s", pg_value_type_name(v));
	if (hostref_text(v, "name", &ref->name, e) < 0 ||
	    hostref_url(v, a, &ref->url, e) < 0 ||
	    hostref_text(v, "code_version", &ref->version, e) < 0 ||
	    pg_field_bool_opt(v, "online", &ref->online, e) < 0 ||
	    pg_field_float_opt(v, "last_seen", &seen, e) < 0 ||
	    pg_field_int_opt(v, "active_count", &ref->active, e) < 0 ||
	    pg_field_int_opt(v, "inactive_count", &ref->inactive, e) < 0 ||
	    pg_hostref_tags(pg_value_get(v, "tags"), a, &ref->tags, e) < 0 ||
	    pg_hostref_properties(pg_value_get(v, "properties"), a,
	    &ref->properties, e) < 0 ||
	    pg_field_str_opt(v, "error", &ref->error, e) < 0)
		return -1;
	ref->seen = pg_from_seconds(seen);
	if (ref->seen == 0)
		ref->seen = pg_now_wall();
	if (hostref_boot(v, ref, e) < 0)
		return -1;
	return pg_hostref_fits(ref, e);
}

PG_FN bool
pg_hostref_is_loopback(const struct pg_hostref *ref)
{
	struct pg_url url;
	struct pg_addr addr;

	return pg_url_parse(ref->url, &url, NULL) == 0 &&
	    (pg_str_ieq(url.host, PG_STR("localhost")) ||
	    (pg_addr_parse(url.host, 0, &addr) == 0 &&
	    pg_addr_is_loopback(&addr)));
}
