/* remote: requests to other hosts, and what their answers say. The one place
 * that decides whether a request carries our key, but for gossip (mesh).
 * Reading answers is shared with the command line.
 */
#ifndef PG_REMOTE_H
#define PG_REMOTE_H

#include "../codec/value.h"
#include "../net/client.h"
#include "mesh.h"

/* Bytes of a decoded answer, beyond those of its body. */
#define PG_REMOTE_ARENA_MAX ((size_t)1 << 30)
/* Bytes of an answer, where the request does not say. */
#define PG_REMOTE_REPLY_MAX ((size_t)4 << 20)

/* What a POST carries. The body is borrowed as pg_client_start says. */
struct pg_post {
	const char *type; /* NULL: JSON */
	struct pg_segment body[PG_CLIENT_SEGMENTS_MAX];
	size_t nbody;
	int64_t timeout;  /* ns for the whole exchange */
	size_t max_reply; /* 0: PG_REMOTE_REPLY_MAX */
};

/* Ask the host at url for path, which is formatted and begins with a slash.
 * The key goes along if pg_mesh_key_for says so. done is called as
 * pg_client_start says; so are bad URLs told. */
PG_FN struct pg_call *pg_remote_get(struct pg_host *h, struct pg_str url,
    int64_t timeout, pg_client_done *done, void *arg, const char *path, ...)
    __attribute__((format(printf, 6, 7)));
PG_FN struct pg_call *pg_remote_post(struct pg_host *h, struct pg_str url,
    const struct pg_post *post, pg_client_done *done, void *arg,
    const char *path, ...) __attribute__((format(printf, 6, 7)));

/* Any other request: r is complete but for the URL and the key. */
PG_FN struct pg_call *pg_remote_start(struct pg_host *h, struct pg_str url,
    struct pg_request *r, pg_client_done *done, void *arg, const char *path,
    ...) __attribute__((format(printf, 6, 7)));

/* The decoded body of a 200. -1: no answer (its PG_E_UNREACHABLE or _TIMEOUT),
 * an error body (decoded; a 401 to a caller without a key gets a hint), or no
 * JSON (PG_E_REMOTE). *out borrows from the response and a. */
PG_FN int pg_remote_answer(const struct pg_response *r, bool have_key,
    struct pg_arena *a, struct pg_value **out, struct pg_err *e);
/* The same for what h asked the host at url. The hint is another when h has a
 * key but keeps it from url. */
PG_FN int pg_remote_reply(struct pg_host *h, struct pg_str url,
    const struct pg_response *r, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e);
/* Whether an answer other than 200 is an error in the words of a host (its
 * body has error_type), not of something in between. */
PG_FN bool pg_remote_decided(const struct pg_response *r);

#endif
