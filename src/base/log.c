/* log: one write(2) per line, from any thread.
 *
 * No timestamp: whoever collects stderr adds one. Text may quote input, so
 * what is not printable is escaped here and nobody else needs to care.
 */
#include "log.h"
#include "err.h"

#include <unistd.h>

#define LOG_TEXT_MAX 1024

static enum pg_log_level log_level = PG_LOG_INFO;
static const char *const log_names[] = { "error", "warn", "info", "debug" };

PG_FN void
pg_log_set_level(enum pg_log_level level)
{
	log_level = level;
}

PG_FN int
pg_log_level_parse(struct pg_str name)
{
	size_t i;

	for (i = 0; i < PG_COUNT(log_names); i++)
		if (pg_str_eqz(name, log_names[i]))
			return (int)i;
	return pg_str_eqz(name, "warning") ? PG_LOG_WARN : -1;
}

/* Write s to `to`, which has room for four bytes for each; returns the end. */
static char *
log_escape(char *to, struct pg_str s)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char c;
	size_t n;

	for (; s.n > 0; s = pg_str_skip(s, PG_MAX(n, (size_t)1))) {
		n = pg_printable(s);
		memcpy(to, s.p, n);
		to += n;
		if (n > 0)
			continue;
		c = (unsigned char)s.p[0];
		*to++ = '\\';
		*to++ = 'x';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	return to;
}

PG_FN void
pg_log(enum pg_log_level level, const char *fmt, ...)
{
	char text[LOG_TEXT_MAX + 1], line[4 * LOG_TEXT_MAX + 64], *to;
	int saved = errno, n;
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		text[0] = '\0';
	to = line + snprintf(line, 64, "paglets: %s: ", log_names[level]);
	to = log_escape(to, pg_str(text));
	if (n > LOG_TEXT_MAX)
		to += snprintf(to, 4, "...");
	*to++ = '\n';
	/* A log that cannot be written has nowhere to complain. */
	if (write(STDERR_FILENO, line, (size_t)(to - line)) < 0)
		errno = 0;
	errno = saved;
}

#undef LOG_TEXT_MAX
