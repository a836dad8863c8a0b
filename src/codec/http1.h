/* http1: HTTP/1.1 heads and bodies (RFC 9112), both directions, without I/O.
 * Strict wherever two readers could disagree about where a message ends;
 * lenient only where peers need it: Host given twice with the same value,
 * bare HTTP/1.0 messages.
 */
#ifndef PG_HTTP1_H
#define PG_HTTP1_H

#include "../base/buf.h"

#define PG_HTTP1_HEAD_MAX (16 * 1024)  /* bytes of a head, last CRLF included */
#define PG_HTTP1_TARGET_MAX (8 * 1024) /* bytes of a request target */
#define PG_HTTP1_FIELDS_MAX 100        /* header fields */
#define PG_HTTP1_CHUNK_EXT_MAX 1024    /* bytes of one chunk-size line */
#define PG_HTTP1_TRAILER_MAX (8 * 1024) /* bytes of all trailers, no line ends */
#define PG_HTTP1_LENGTH_MAX ((uint64_t)INT64_MAX) /* of a body or chunk */
/* Bytes of chunk framing that any body may have, and beyond them for each
 * byte of data: a body is not to be made of extensions. */
#define PG_HTTP1_FRAMING_FREE (64 * 1024)
#define PG_HTTP1_FRAMING_RATIO 8

struct pg_http1_field {
	struct pg_str name, value; /* value without white space around it */
};

/* A parsed head. All text is borrowed from the bytes given to _parse. */
struct pg_http1_head {
	struct pg_str method, target; /* requests */
	int status;                   /* responses */
	struct pg_str reason;
	int minor; /* HTTP/1.minor: 0 or 1 */
	size_t nfields;
	struct pg_http1_field fields[PG_HTTP1_FIELDS_MAX];
	/* Framing, decided once (RFC 9112 section 6.3): */
	bool chunked;
	bool has_length;
	uint64_t length;
	/* The peer is willing to go on after this; false too for a response
	 * that only the end of the connection ends. */
	bool keep_alive;
	bool expect_continue; /* Expect: 100-continue */
};

/* Bytes of the head at the start of in, up to and including the empty line;
 * 0 when more bytes are needed; -1 when it can become none: over
 * PG_HTTP1_HEAD_MAX (PG_E_HEAD_LIMIT), a request target over its limit
 * (PG_E_URI_LIMIT), or bytes no head may hold: bare CR or LF, NUL (PG_E_HOST).
 * *scan (0 at first, kept by the caller between calls on a growing buffer)
 * remembers how far the search came; it is 0 again after a head was found. Up
 * to two empty lines before a request are counted as part of it (RFC 9112
 * section 2.2). */
PG_FN ssize_t pg_http1_head_end(struct pg_str in, size_t *scan,
    struct pg_err *e);

/* Parse a complete head as found by pg_http1_head_end. Does not rely on what
 * that checked; *out is worth nothing after a failure. -1 with PG_E_HOST
 * (syntax, smuggling: TE with CL, differing CLs, obs-fold, space before a
 * colon, differing Hosts, missing Host on 1.1, TE other than a final chunked,
 * TE on 1.0), PG_E_HEAD_LIMIT (too many fields), PG_E_URI_LIMIT. */
PG_FN int pg_http1_request_parse(struct pg_str head,
    struct pg_http1_head *out, struct pg_err *e);
PG_FN int pg_http1_response_parse(struct pg_str head,
    struct pg_http1_head *out, struct pg_err *e);

/* First field of that name, any case; NULL p when absent. */
PG_FN struct pg_str pg_http1_field(const struct pg_http1_head *h,
    const char *name);
/* Whether a comma-separated list field holds the token, any case. */
PG_FN_TEST bool pg_http1_has_token(struct pg_str value, const char *token);

enum pg_http1_body_kind {
	PG_BODY_NONE,
	PG_BODY_LENGTH,
	PG_BODY_CHUNKED,
	PG_BODY_EOF /* a response that lasts until the connection closes */
};

enum pg_http1_chunk_state {
	PG_CHUNK_SIZE,
	PG_CHUNK_BWS, /* white space between size and ';' */
	PG_CHUNK_EXT,
	PG_CHUNK_SIZE_LF,
	PG_CHUNK_DATA,
	PG_CHUNK_DATA_CR,
	PG_CHUNK_DATA_LF,
	PG_CHUNK_TRAILER, /* empty line or name of a trailer */
	PG_CHUNK_TRAILER_VALUE,
	PG_CHUNK_TRAILER_LF,
	PG_CHUNK_END
};

/* Progress through one body; may be cut at any byte. */
struct pg_http1_body {
	enum pg_http1_body_kind kind;
	uint64_t left;  /* of the body or the present chunk */
	uint64_t total; /* body bytes handed out so far */
	uint64_t framing; /* bytes of chunk framing so far */
	enum pg_http1_chunk_state state;
	size_t line;    /* bytes of the present size or trailer line */
	size_t trailer; /* bytes of all trailers */
	bool digit;     /* a size digit was seen */
};

PG_FN void pg_http1_body_request(struct pg_http1_body *b,
    const struct pg_http1_head *h);
/* method is that of the request: HEAD has no body, nor have 1xx, 204, 304. */
PG_FN void pg_http1_body_response(struct pg_http1_body *b,
    const struct pg_http1_head *h, struct pg_str method);
/* Take framing off the front of in. *data receives a piece of body within in
 * (maybe empty), the return value says how many bytes of in were used up,
 * data included; call again while it is > 0 and input is left. -1: bad chunk
 * (PG_E_HOST). Never reads past the end of the body. */
PG_FN ssize_t pg_http1_body_take(struct pg_http1_body *b, struct pg_str in,
    struct pg_str *data, struct pg_err *e);
PG_FN bool pg_http1_body_done(const struct pg_http1_body *b);
/* The input is at its end: 0 if the body may end here, else -1. */
PG_FN int pg_http1_body_eof(struct pg_http1_body *b, struct pg_err *e);

/* Reason phrase of a status, "Unknown" if we have none. */
PG_FN const char *pg_http1_reason(int status);

#endif
