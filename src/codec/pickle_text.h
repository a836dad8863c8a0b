/* pickle_text: how Python spells values as text, as far as pickles need it:
 * the text opcodes of old protocols, dict keys that are no text, and long
 * integers. Private to the parts pickle and pickle_write.
 */
#ifndef PG_PICKLE_TEXT_H
#define PG_PICKLE_TEXT_H

#include "../base/buf.h"
#include "value.h"

/* Bytes that an integer of PG_VALUE_DIGITS_MAX digits may need with its sign
 * bit: 3.322 bits for a digit. */
#define PG_PICKLE_LONG_MAX (PG_VALUE_DIGITS_MAX * 3322 / 1000 / 8 + 1)
/* Room for its decimal text: groups of nine digits, sign, NUL. */
#define PG_PICKLE_LONG_TEXT (PG_VALUE_DIGITS_MAX + 32)

/* STRING: a quoted literal of Python 2; out has room for s.n bytes. Returns
 * the length, or -1 for missing quotes or a bad escape. */
PG_FN ssize_t pg_pickle_unquote(struct pg_str s, char *out);

/* UNICODE: raw-unicode-escape to UTF-8; out has room for 2 * s.n bytes. -1: a
 * truncated escape or no such code point. */
PG_FN ssize_t pg_pickle_unraw(struct pg_str s, char *out);

/* Valid UTF-8 to Latin-1; out has room for s.n bytes. -1: a code point that
 * Latin-1 lacks. */
PG_FN ssize_t pg_pickle_latin1(struct pg_str s, char *out);

/* Append str(v) of a dict key v that is no text. The buffer's maximum bounds
 * time as well: shared tuples may be worth more text than memory. -1: nested
 * deeper than PG_VALUE_DEPTH_MAX; overflow shows in b->failed. */
PG_FN int pg_pickle_key_text(struct pg_buf *b, const struct pg_value *v);

/* Two's complement, lowest byte first, at most PG_PICKLE_LONG_MAX of them, to
 * decimal text; out has room for PG_PICKLE_LONG_TEXT. Returns the length. */
PG_FN size_t pg_pickle_long_text(const unsigned char *p, size_t n, char *out);

/* The reverse, in the fewest bytes; out has room for PG_PICKLE_LONG_MAX + 8.
 * The text is as in PG_T_BIG; -1 when it is no such text. */
PG_FN ssize_t pg_pickle_long_bytes(struct pg_str text, unsigned char *out);

#endif
