/* value: wire values, the one tree that JSON, pickle, agents and routes speak
 * (PROTOCOL section 1: null, bool, integer of any size, float, text, bytes,
 * bytearray, list, object with text keys).
 *
 * Values live in an arena and are never freed singly. Text and bytes may be
 * borrowed from the input they were read from. A value may be referenced from
 * more than one place (pickle memo), never from inside itself.
 */
#ifndef PG_VALUE_H
#define PG_VALUE_H

#include "../base/err.h"
#include "../base/mem.h"
#include "float.h"

/* Containers within containers, both codecs, both directions. */
#define PG_VALUE_DEPTH_MAX 1000
/* Decimal digits of an integer (the limit Python has). */
#define PG_VALUE_DIGITS_MAX 4300

enum pg_type {
	PG_T_NULL,
	PG_T_BOOL,  /* u.i: 0 or 1 */
	PG_T_INT,   /* u.i */
	PG_T_BIG,   /* text: canonical decimal outside int64: -?[1-9][0-9]* */
	PG_T_FLOAT, /* u.f */
	PG_T_STR,   /* text: UTF-8; lone surrogates as their three bytes */
	PG_T_BYTES,
	PG_T_BYTEARRAY,
	PG_T_LIST, /* u.items; the next three travel as lists */
	PG_T_TUPLE,
	PG_T_SET,
	PG_T_FROZENSET,
	PG_T_DICT /* u.pairs, in order of insertion, keys distinct once sealed */
};

struct pg_value;

struct pg_pair {
	struct pg_str key; /* text as for PG_T_STR */
	struct pg_value *val;
};

struct pg_value {
	uint8_t type;  /* enum pg_type */
	uint8_t mark;  /* scratch of whoever walks the tree; 0 between walks */
	uint32_t n;    /* bytes, items or pairs */
	uint32_t cap;  /* containers: room for items or pairs */
	union {
		int64_t i;
		double f;
		const char *p;
		struct pg_value **items;
		struct pg_pair *pairs;
	} u;
};

/* Constructors: NULL when the arena is at its ceiling. Text and bytes are
 * borrowed, not copied. pg_value_add and _set accept a NULL container or
 * member and then return -1, so that a tree can be built without checks and
 * tested once. */
PG_FN struct pg_value *pg_value_null(struct pg_arena *a);
PG_FN struct pg_value *pg_value_bool(struct pg_arena *a, bool b);
PG_FN struct pg_value *pg_value_int(struct pg_arena *a, int64_t i);
/* An integer from its decimal text ("-0", leading zeros and a sign are
 * accepted); INT when it fits, else BIG, which borrows its digits from s.
 * NULL for junk or more than PG_VALUE_DIGITS_MAX digits after leading zeros. */
PG_FN struct pg_value *pg_value_decimal(struct pg_arena *a, struct pg_str s);
PG_FN struct pg_value *pg_value_float(struct pg_arena *a, double f);
PG_FN struct pg_value *pg_value_str(struct pg_arena *a, struct pg_str s);
PG_FN struct pg_value *pg_value_strz(struct pg_arena *a, const char *z);
PG_FN struct pg_value *pg_value_bytes(struct pg_arena *a, enum pg_type t,
    struct pg_str s);
PG_FN struct pg_value *pg_value_list(struct pg_arena *a);
PG_FN struct pg_value *pg_value_dict(struct pg_arena *a);
PG_FN int pg_value_add(struct pg_arena *a, struct pg_value *list,
    struct pg_value *item);
/* Append a pair without looking for the key: for builders that know their
 * keys to be distinct, and decoders that call pg_value_seal at the end. */
PG_FN int pg_value_put(struct pg_arena *a, struct pg_value *dict,
    struct pg_str key, struct pg_value *val);
/* Replace the value under key, or append. Linear in the number of keys. */
PG_FN int pg_value_set(struct pg_arena *a, struct pg_value *dict,
    struct pg_str key, struct pg_value *val);
/* Remove duplicate keys: the last value wins and stands where the first key
 * stood. Linear in time whatever the keys. -1: no memory for the table that
 * this takes (and gives back). */
PG_FN int pg_value_seal(struct pg_arena *a, struct pg_value *dict);

/* Accessors accept NULL and the wrong type, giving NULL or the default. */
PG_FN struct pg_value *pg_value_get(const struct pg_value *dict,
    const char *key);
PG_FN bool pg_value_is(const struct pg_value *v, enum pg_type t);
PG_FN bool pg_value_is_seq(const struct pg_value *v); /* list, tuple, sets */
PG_FN struct pg_str pg_value_text(const struct pg_value *v,
    struct pg_str otherwise);
/* A number (not bool) as double; false if v is none. */
PG_FN bool pg_value_number(const struct pg_value *v, double *out);
/* The same for agents' arguments and states, whose senders may type nothing
 * (a command line): a number may also be given as its text. */
PG_FN bool pg_value_as_int(const struct pg_value *v, int64_t *out);
PG_FN bool pg_value_as_float(const struct pg_value *v, double *out);

/* Python's name of v's type: NoneType, bool, int, float, str, bytes, ... */
PG_FN const char *pg_value_type_name(const struct pg_value *v);

/* Typed fields of a request object. Each returns 0 and sets *out, or -1 with
 * PG_E_HOST naming the field: missing, or wrong type. The _opt forms leave
 * *out alone when the field is absent or null. */
PG_FN int pg_field_str(const struct pg_value *dict, const char *key,
    struct pg_str *out, struct pg_err *e);
PG_FN int pg_field_str_opt(const struct pg_value *dict, const char *key,
    struct pg_str *out, struct pg_err *e);
PG_FN int pg_field_int_opt(const struct pg_value *dict, const char *key,
    int64_t *out, struct pg_err *e);
PG_FN int pg_field_float_opt(const struct pg_value *dict, const char *key,
    double *out, struct pg_err *e);
PG_FN int pg_field_bool_opt(const struct pg_value *dict, const char *key,
    bool *out, struct pg_err *e);
PG_FN int pg_field_dict(const struct pg_value *dict, const char *key,
    struct pg_value **out, struct pg_err *e);
PG_FN int pg_field_dict_opt(const struct pg_value *dict, const char *key,
    struct pg_value **out, struct pg_err *e);

/* A deep copy in arena a, borrowing nothing from v. Iterative. -1: ceiling. */
PG_FN int pg_value_copy(struct pg_arena *a, const struct pg_value *v,
    struct pg_value **out);
/* Equal in type and content, with dicts sealed; their order does not matter,
 * NaN equals NaN, 0.0 and -0.0 differ. false for what is deeper than
 * PG_VALUE_DEPTH_MAX. */
PG_FN_TEST bool pg_value_eq(const struct pg_value *a, const struct pg_value *b);

/* A walk over the leaves and containers of v without recursion, for encoders.
 * Owner: the caller's stack frame (16 KB; only as many levels are touched as
 * the value is deep). */
enum pg_walk_step {
	PG_WALK_LEAF,  /* w->v is no container */
	PG_WALK_OPEN,  /* w->v is one; its members follow */
	PG_WALK_CLOSE, /* w->v: all members are done */
	PG_WALK_END,
	PG_WALK_DEEP /* deeper than PG_VALUE_DEPTH_MAX */
};

struct pg_walk_level {
	const struct pg_value *v;
	uint32_t at; /* next item or pair */
};

struct pg_walk {
	const struct pg_value *v; /* what the last step was about */
	struct pg_str key;        /* of v, when its container is a dict */
	bool in_dict, first;      /* v's container; v is its first member */
	const struct pg_value *root; /* until the first step */
	size_t depth;
	struct pg_walk_level stack[PG_VALUE_DEPTH_MAX];
};

/* v NULL is walked as null. */
PG_FN void pg_walk_start(struct pg_walk *w, const struct pg_value *v);
PG_FN enum pg_walk_step pg_walk_next(struct pg_walk *w);

/* Bytes of valid UTF-8 at the start of s; surrogates count as valid only with
 * surrogates set (PROTOCOL section 1). Equal to s.n when all is well. */
PG_FN size_t pg_utf8_valid(struct pg_str s, bool surrogates);
/* The character that s begins with, surrogates included. Returns its bytes;
 * 0 when s is empty or does not begin with a character. */
PG_FN size_t pg_utf8_char(struct pg_str s, uint32_t *out);
/* Put c, at most 0x10ffff, a surrogate like any other, at `to`, which has room
 * for 4 bytes or what c takes. Returns its bytes. */
PG_FN size_t pg_utf8_put(char *to, uint32_t c);

#endif
