/* test_base: errors say what, where and why in one printable line whatever
 * they quote, and codes survive the wire; log lines stay one line; seconds
 * become nanoseconds without overflow.
 */
/* parts: base/err base/log base/clock */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <math.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

/* --- err --------------------------------------------------------------- */

static void
fail_records_code_and_text(void **state)
{
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	errno = ENOENT;
	assert_int_equal(pg_fail(&e, PG_E_LIMIT, "body: %d bytes", 7), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.msg, "body: 7 bytes");
	pg_fail(&e, PG_E_SYS, "x");
	assert_int_equal(e.sys, ENOENT);
	assert_int_equal(pg_fail(NULL, PG_E_SYS, "nobody asks"), -1);
	assert_int_equal(pg_fail_at(NULL, PG_E_SERIAL, 1, "x"), -1);
	assert_int_equal(pg_fail_sys(NULL, "x"), -1);
	assert_int_equal(pg_wrap(NULL, "x"), -1);
	assert_int_equal(errno, ENOENT);
}

static void
fail_names_offset_and_errno(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	char longer[1000];

	(void)state;
	pg_fail_at(&e, PG_E_SERIAL, 12, "JSON: bad digit");
	assert_string_equal(e.msg, "JSON: bad digit at byte 12");
	assert_int_equal(e.at, 12);
	errno = ENOENT;
	pg_fail_sys(&e, "opening %s", "x");
	assert_string_equal(e.msg, "opening x: No such file or directory");
	assert_int_equal(e.sys, ENOENT);
	assert_int_equal(e.at, 0);
	/* However long the text is, the reason is not what gets lost. */
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	pg_fail_at(&e, PG_E_SERIAL, SIZE_MAX, "%s", longer);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_non_null(strstr(e.msg, "aaa at byte 18446744073709551615"));
	pg_fail_sys(&e, "%s", longer);
	assert_non_null(strstr(e.msg, "aaa: No such file or directory"));
}

static void
wrap_puts_context_first(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	int i;

	(void)state;
	pg_fail_at(&e, PG_E_SERIAL, 3, "bad");
	assert_int_equal(pg_wrap(&e, "agent %s", "a"), -1);
	assert_string_equal(e.msg, "agent a: bad at byte 3");
	assert_int_equal(e.code, PG_E_SERIAL);
	assert_int_equal(e.at, 3);
	/* Arguments may lie in the error itself. */
	pg_fail(&e, PG_E_REMOTE, "said: %s", e.msg);
	assert_string_equal(e.msg, "said: agent a: bad at byte 3");
	for (i = 0; i < 300; i++)
		pg_wrap(&e, "%s", e.msg);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void
fail_makes_text_printable(void **state)
{
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	pg_fail(&e, PG_E_HOST, "a\nb\x1b[1m\x7f|\xc3\xa9|\xff|\xc3|\xc2\x85");
	assert_string_equal(e.msg, "a?b?[1m?|\xc3\xa9|?|?|??");
}

static void
printable_knows_utf8(void **state)
{
	static const struct {
		const char *z;
		size_t n;
	} cases[] = {
		{ "", 0 }, { " ", 1 }, { "~", 1 }, { "\x1f", 0 }, { "\x7f", 0 },
		{ "\x80", 0 }, { "\xc1\xbf", 0 }, { "\xc2\x9f", 0 },
		{ "\xc2\xa0", 2 }, { "\xdf\xbf", 2 }, { "\xc3", 0 },
		{ "\xc3(", 0 }, { "\xe0\x9f\xbf", 0 }, { "\xe0\xa0\x80", 3 },
		{ "\xed\x9f\xbf", 3 }, { "\xed\xa0\x80", 0 }, { "\xe2\x82", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 }, { "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 }, { "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 }, { "\xf0\x90\x80", 0 },
		{ "\xe2\x80\xa7", 3 }, { "\xe2\x80\xa8", 0 },
		{ "\xe2\x80\xae", 0 }, { "\xe2\x80\xaf", 3 },
		{ "\xe2\x81\xa5", 3 }, { "\xe2\x81\xa6", 0 },
		{ "\xe2\x81\xa9", 0 }, { "\xe2\x81\xaa", 3 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(cases); i++)
		assert_int_equal(pg_printable(pg_str(cases[i].z)), cases[i].n);
}

static void
codes_survive_the_wire(void **state)
{
	enum pg_code code;
	int i;

	(void)state;
	for (i = PG_E_OK + 1; i < PG_E_COUNT; i++) {
		code = pg_code_from_wire(pg_str(pg_code_wire((enum pg_code)i)),
		    pg_str(pg_code_token((enum pg_code)i)));
		assert_int_equal(code, i);
	}
	assert_int_equal(pg_code_from_wire(PG_STR("HostError"), PG_STR_NULL),
	    PG_E_HOST);
	assert_int_equal(pg_code_from_wire(PG_STR("RemoteHostError"),
	    PG_STR("strange")), PG_E_REMOTE);
	/* A token counts only together with its wire name. */
	assert_int_equal(pg_code_from_wire(PG_STR("TransferError"),
	    PG_STR("conflict")), PG_E_TRANSFER);
	assert_int_equal(pg_code_from_wire(PG_STR("KeyError"), PG_STR_NULL),
	    PG_E_REMOTE);
	assert_int_equal(pg_code_from_wire(PG_STR_NULL, PG_STR_NULL),
	    PG_E_REMOTE);
}

static void
codes_have_their_statuses(void **state)
{
	(void)state;
	assert_int_equal(pg_code_status(PG_E_MAILBOX_FULL), 503);
	assert_int_equal(pg_code_status(PG_E_NOT_HANDLED), 422);
	assert_int_equal(pg_code_exit(PG_E_AUTH), 4);
	assert_int_equal(pg_code_exit(PG_E_OK), 0);
	assert_string_equal(pg_code_token(PG_E_CONFLICT), "conflict");
	assert_string_equal(pg_code_wire(PG_E_CONFLICT), "HostError");
	assert_int_equal(pg_code_exit(PG_E_NO_ROOM), 7);
	assert_true(pg_code_alike(PG_E_NO_ROOM, PG_E_TRANSFER));
	assert_true(pg_code_alike(PG_E_TRANSFER, PG_E_NO_ARTIFACT));
	assert_false(pg_code_alike(PG_E_TRANSFER, PG_E_HOST));
}

/* --- log --------------------------------------------------------------- */

/* What one pg_log of text writes to stderr. */
static const char *
logged(enum pg_log_level level, const char *text)
{
	static char line[8192];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	errno = EDOM;
	pg_log(level, "part: %s", text);
	assert_int_equal(errno, EDOM);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], line, sizeof(line) - 1);
	close(fds[0]);
	assert_true(n >= 0);
	line[n] = '\0';
	return line;
}

static void
log_writes_one_escaped_line(void **state)
{
	(void)state;
	assert_string_equal(logged(PG_LOG_INFO, "text"),
	    "paglets: info: part: text\n");
	assert_string_equal(logged(PG_LOG_ERROR, "a\nb\x1b[m \xc3\xa9 \xff"),
	    "paglets: error: part: a\\x0ab\\x1b[m \xc3\xa9 \\xff\n");
}

static void
log_cuts_what_is_too_long(void **state)
{
	char text[2000];
	const char *line;

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	line = logged(PG_LOG_WARN, text);
	assert_int_equal(strlen(line),
	    strlen("paglets: warn: part: ") + 4 * (1024 - 6) + strlen("...\n"));
	text[1024 - 6] = '\0';
	assert_null(strstr(logged(PG_LOG_WARN, text), "..."));
}

static void
log_heeds_its_level(void **state)
{
	(void)state;
	assert_string_equal(logged(PG_LOG_DEBUG, "x"), "");
	pg_log_set_level(PG_LOG_DEBUG);
	assert_string_equal(logged(PG_LOG_DEBUG, "x"),
	    "paglets: debug: part: x\n");
	pg_log_set_level(PG_LOG_ERROR);
	assert_string_equal(logged(PG_LOG_WARN, "x"), "");
	pg_log_set_level(PG_LOG_INFO);
	assert_int_equal(pg_log_level_parse(PG_STR("error")), PG_LOG_ERROR);
	assert_int_equal(pg_log_level_parse(PG_STR("warn")), PG_LOG_WARN);
	assert_int_equal(pg_log_level_parse(PG_STR("warning")), PG_LOG_WARN);
	assert_int_equal(pg_log_level_parse(PG_STR("debug")), PG_LOG_DEBUG);
	assert_int_equal(pg_log_level_parse(PG_STR("Info")), -1);
	assert_int_equal(pg_log_level_parse(PG_STR_NULL), -1);
}

/* --- clock ------------------------------------------------------------- */

static void
clock_runs_and_can_be_frozen(void **state)
{
	int64_t a = pg_now();

	(void)state;
	assert_true(a > 0 && pg_now() >= a);
	assert_true(pg_now_wall() > INT64_C(1700000000) * PG_SEC);
	pg_clock_fake(5, 7);
	assert_int_equal(pg_now(), 5);
	assert_int_equal(pg_now_wall(), 7);
	pg_clock_fake(0, 0);
	assert_true(pg_now() >= a);
}

static void
seconds_are_clamped(void **state)
{
	(void)state;
	assert_int_equal(pg_from_seconds(0.0), 0);
	assert_int_equal(pg_from_seconds(1.5), 1500 * PG_MS);
	assert_int_equal(pg_from_seconds(-0.25), -250 * PG_MS);
	assert_true(pg_from_seconds(9.3e9) == INT64_MAX);
	assert_true(pg_from_seconds(-9.3e9) == INT64_MIN);
	assert_true(pg_from_seconds(9.2e9) < INT64_MAX);
	assert_true(pg_from_seconds((double)INFINITY) == INT64_MAX);
	assert_true(pg_from_seconds(-(double)INFINITY) == INT64_MIN);
	assert_int_equal(pg_from_seconds((double)NAN), 0);
	assert_true(pg_to_seconds(2500 * PG_MS) == 2.5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_records_code_and_text),
		cmocka_unit_test(fail_names_offset_and_errno),
		cmocka_unit_test(wrap_puts_context_first),
		cmocka_unit_test(fail_makes_text_printable),
		cmocka_unit_test(printable_knows_utf8),
		cmocka_unit_test(codes_survive_the_wire),
		cmocka_unit_test(codes_have_their_statuses),
		cmocka_unit_test(log_writes_one_escaped_line),
		cmocka_unit_test(log_cuts_what_is_too_long),
		cmocka_unit_test(log_heeds_its_level),
		cmocka_unit_test(clock_runs_and_can_be_frozen),
		cmocka_unit_test(seconds_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
