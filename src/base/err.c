/* err: making failures and what their codes mean.
 *
 * Text of a failure often quotes input, and ends on terminals, in logs and in
 * JSON: so it is made printable UTF-8 here, once. Arguments may point into
 * the very error that is being written.
 */
#include "err.h"

struct err_row {
	const char *token, *wire;
	int status, exit;
};

static const struct err_row err_rows[] = {
	{ "ok", "", 200, 0 },
#define X(code, token, wire, status, exit) { token, wire, status, exit },
	PG_ERR_LIST(X)
#undef X
};
_Static_assert(PG_COUNT(err_rows) == PG_E_COUNT, "a row for each code");

/* U+2028 to U+202E and U+2066 to U+2069 of three bytes: they end lines, or
 * turn the text that follows around, so that it reads as something else. */
static bool
err_turns(const unsigned char *p)
{
	return p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xa8 &&
	    p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

PG_FN size_t
pg_printable(struct pg_str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n, i;

	if (s.n == 0 || p[0] < 0x20 || p[0] == 0x7f)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (s.n < n)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* C1 controls, overlong forms, surrogates, beyond U+10FFFF. */
	if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
	    (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f) || err_turns(p))
		return 0;
	return n;
}

PG_FN bool
pg_all_printable(struct pg_str s)
{
	size_t n = 1;

	for (; s.n > 0 && n > 0; s = pg_str_skip(s, n))
		n = pg_printable(s);
	return n > 0;
}

/* Replace in z whatever is not printable. */
static void
err_clean(char *z)
{
	struct pg_str rest = pg_str(z);
	size_t n;

	while (rest.n > 0) {
		n = pg_printable(rest);
		if (n == 0) {
			z[strlen(z) - rest.n] = '?';
			n = 1;
		}
		rest = pg_str_skip(rest, n);
	}
}

/* The one place where an error is filled in. tail is not cut off however
 * long the text is. */
__attribute__((format(printf, 4, 0))) static void
err_set(struct pg_err *e, enum pg_code code, const char *tail,
    const char *fmt, va_list ap)
{
	char text[sizeof(e->msg)];
	size_t room = sizeof(text) - strlen(tail);

	if (vsnprintf(text, room, fmt, ap) < 0)
		text[0] = '\0';
	memcpy(text + strlen(text), tail, strlen(tail) + 1);
	err_clean(text);
	e->code = code;
	e->sys = 0;
	e->at = 0;
	memcpy(e->msg, text, strlen(text) + 1);
}

PG_FN int
pg_fail(struct pg_err *e, enum pg_code code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	err_set(e, code, "", fmt, ap);
	va_end(ap);
	if (code == PG_E_SYS)
		e->sys = saved;
	errno = saved;
	return -1;
}

PG_FN int
pg_fail_at(struct pg_err *e, enum pg_code code, size_t at,
    const char *fmt, ...)
{
	char tail[sizeof(" at byte 18446744073709551615")];
	va_list ap;

	if (e == NULL)
		return -1;
	snprintf(tail, sizeof(tail), " at byte %zu", at);
	va_start(ap, fmt);
	err_set(e, code, tail, fmt, ap);
	va_end(ap);
	e->at = at;
	return -1;
}

PG_FN int
pg_fail_sys(struct pg_err *e, const char *fmt, ...)
{
	int saved = errno;
	char tail[128];
	va_list ap;

	if (e == NULL)
		return -1;
	snprintf(tail, sizeof(tail), ": %s", strerror(saved));
	va_start(ap, fmt);
	err_set(e, PG_E_SYS, tail, fmt, ap);
	va_end(ap);
	e->sys = saved;
	errno = saved;
	return -1;
}

PG_FN int
pg_wrap(struct pg_err *e, const char *fmt, ...)
{
	char text[2 * sizeof(e->msg) + 4];
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(e->msg), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	snprintf(text + strlen(text), sizeof(e->msg) + 4, ": %s", e->msg);
	/* What is too long loses its end, the detail, not what it is about. */
	text[sizeof(e->msg) - 1] = '\0';
	err_clean(text);
	memcpy(e->msg, text, strlen(text) + 1);
	return -1;
}

static const struct err_row *
err_row(enum pg_code code)
{
	assert((size_t)code < PG_E_COUNT);
	return &err_rows[code];
}

PG_FN const char *
pg_code_wire(enum pg_code code)
{
	return err_row(code)->wire;
}

PG_FN const char *
pg_code_token(enum pg_code code)
{
	return err_row(code)->token;
}

PG_FN int
pg_code_status(enum pg_code code)
{
	return err_row(code)->status;
}

PG_FN int
pg_code_exit(enum pg_code code)
{
	return err_row(code)->exit;
}

PG_FN bool
pg_code_alike(enum pg_code a, enum pg_code b)
{
	return strcmp(pg_code_wire(a), pg_code_wire(b)) == 0;
}

PG_FN enum pg_code
pg_code_from_wire(struct pg_str wire, struct pg_str token)
{
	enum pg_code found = PG_E_OK;
	int i;

	for (i = PG_E_OK + 1; i < PG_E_COUNT; i++) {
		if (!pg_str_eqz(wire, err_rows[i].wire))
			continue;
		if (pg_str_eqz(token, err_rows[i].token))
			return (enum pg_code)i;
		if (found == PG_E_OK)
			found = (enum pg_code)i;
	}
	return found == PG_E_OK ? PG_E_REMOTE : found;
}
