/* range: see range.h. */

#include "range.h"

/* ---- Conditions ---- */

/* The next tag of a list, with its quotes, or *; *weak: it was W/. A list that
 * is none ends where it goes wrong. */
static bool
range_next_tag(struct pg_str *list, struct pg_str *tag, bool *weak)
{
	const char *end;

	while (list->n > 0 && (list->p[0] == ',' || list->p[0] == ' ' ||
	    list->p[0] == '\t'))
		*list = pg_str_skip(*list, 1);
	*weak = pg_str_starts(*list, PG_STR("W/"));
	if (*weak)
		*list = pg_str_skip(*list, 2);
	if (list->n == 0)
		return false;
	end = list->p;
	if (list->p[0] == '"')
		end = memchr(list->p + 1, '"', list->n - 1);
	else if (list->p[0] != '*' || *weak)
		end = NULL;
	if (end == NULL)
		return false;
	*tag = (struct pg_str){ list->p, (size_t)(end - list->p) + 1 };
	*list = pg_str_skip(*list, tag->n);
	return true;
}

/* Whether a list names the tag. RFC 9110 8.8.3.2: by the strong comparison, no
 * weak tag equals another one. */
static bool
range_names(struct pg_str list, struct pg_str tag, bool strong)
{
	struct pg_str one;
	bool weak;

	while (range_next_tag(&list, &one, &weak))
		if (pg_str_eqz(one, "*") ||
		    (pg_str_eq(one, tag) && !(weak && strong)))
			return true;
	return false;
}

/* *there: the request has such a field. Whether any of them names the tag. */
static bool
range_field_names(const struct pg_http1_head *h, const char *name,
    struct pg_str tag, bool strong, bool *there)
{
	bool named = false;
	size_t i;

	*there = false;
	for (i = 0; i < h->nfields; i++)
		if (pg_str_ieq(h->fields[i].name, pg_str(name))) {
			*there = true;
			named = named || range_names(h->fields[i].value, tag,
			    strong);
		}
	return named;
}

/* ---- Ranges ---- */

/* Digits at the start of s, as many as there are; what is beyond all files is
 * as good as UINT64_MAX. -1: none. */
static int
range_number(struct pg_str *s, uint64_t *out)
{
	size_t i = 0;
	uint64_t digit;

	for (*out = 0; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		digit = (uint64_t)(s->p[i] - '0');
		*out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX :
		    *out * 10 + digit;
	}
	*s = pg_str_skip(*s, i);
	return i > 0 ? 0 : -1;
}

/* The last n bytes. */
static enum pg_range
range_suffix(struct pg_str s, uint64_t size, uint64_t *from, uint64_t *n)
{
	uint64_t last;

	if (range_number(&s, &last) < 0 || s.n > 0)
		return PG_RANGE_WHOLE;
	if (last == 0)
		return PG_RANGE_IMPOSSIBLE;
	if (last >= size)
		last = size;
	*from = size - last;
	*n = last;
	/* No Content-Range can say that nothing is all of it. */
	return size > 0 ? PG_RANGE_PART : PG_RANGE_WHOLE;
}

/* What a Range field asks for. */
static enum pg_range
range_parse(struct pg_str s, uint64_t size, uint64_t *from, uint64_t *n)
{
	struct pg_str unit = PG_STR("bytes=");
	uint64_t first, last = UINT64_MAX;

	if (s.n < unit.n || !pg_str_ieq((struct pg_str){ s.p, unit.n }, unit))
		return PG_RANGE_WHOLE;
	s = pg_str_trim(pg_str_skip(s, unit.n));
	if (s.n > 0 && s.p[0] == '-')
		return range_suffix(pg_str_skip(s, 1), size, from, n);
	if (range_number(&s, &first) < 0 || s.n == 0 || s.p[0] != '-')
		return PG_RANGE_WHOLE;
	s = pg_str_skip(s, 1);
	if (s.n > 0 && (range_number(&s, &last) < 0 || s.n > 0 ||
	    last < first))
		return PG_RANGE_WHOLE;
	if (first >= size)
		return PG_RANGE_IMPOSSIBLE;
	*from = first;
	*n = PG_MIN(last, size - 1) - first + 1;
	return PG_RANGE_PART;
}

PG_FN enum pg_range
pg_range_decide(const struct pg_http1_head *h, struct pg_str tag,
    uint64_t size, uint64_t *from, uint64_t *n)
{
	struct pg_str field = pg_http1_field(h, "range");
	bool there, named;

	*from = 0;
	*n = size;
	/* The order is that of RFC 9110 13.2.2. */
	named = range_field_names(h, "if-match", tag, true, &there);
	if (there && !named)
		return PG_RANGE_OTHER;
	if (range_field_names(h, "if-none-match", tag, false, &there))
		return PG_RANGE_SAME;
	/* Range is for GET alone; If-Range holds one tag, or a time, which
	 * never fits. */
	named = range_field_names(h, "if-range", tag, true, &there);
	if (field.p == NULL || (there && !named) ||
	    !pg_str_eqz(h->method, "GET"))
		return PG_RANGE_WHOLE;
	return range_parse(field, size, from, n);
}
