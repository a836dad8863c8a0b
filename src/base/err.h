/* err: one error value for the whole program, and what each code means at
 * the three edges where it is rendered: HTTP, command line, log.
 */
#ifndef PG_ERR_H
#define PG_ERR_H

#include "base.h"

/* code, its token, wire name (PROTOCOL section 2), HTTP status, exit status.
 * The first row with a wire name is what that name decodes to. */
#define PG_ERR_LIST(X)                                                  \
	X(HOST, "host", "HostError", 400, 1)                            \
	X(AUTH, "auth", "AuthenticationError", 401, 4)                  \
	X(FORBIDDEN, "forbidden", "ForbiddenError", 403, 7)             \
	X(NOT_HANDLED, "not_handled", "NotHandledError", 422, 1)        \
	X(INVALID_AGENT, "invalid_agent", "InvalidAgentError", 404, 3)  \
	X(SERIAL, "serial", "SerializationError", 400, 1)               \
	X(TRANSFER, "transfer", "TransferError", 400, 1)                \
	X(INACTIVE, "inactive", "PagletInactiveError", 400, 7)          \
	X(CRASHED, "crashed", "PagletCrashedError", 400, 1)             \
	X(LIFECYCLE, "lifecycle", "LifecycleError", 400, 7)             \
	X(CLEANUP, "cleanup", "ResourceCleanupError", 400, 1)           \
	X(CONTRACT, "contract", "ServiceContractError", 400, 1)         \
	X(NO_SERVICE, "no_service", "ServiceNotFoundError", 400, 3)     \
	X(QUOTA, "quota", "StorageQuotaError", 400, 7)                  \
	X(REMOTE, "remote", "RemoteHostError", 400, 1)                  \
	X(MAILBOX_FULL, "mailbox_full", "MailboxFullError", 503, 7)     \
	/* Finer codes of ours that share a wire name with one above. */ \
	X(CONFLICT, "conflict", "HostError", 400, 7)                    \
	X(NOT_FOUND, "not_found", "HostError", 400, 3)                  \
	X(USAGE, "usage", "HostError", 400, 2)                          \
	X(NO_ARTIFACT, "no_artifact", "TransferError", 400, 3)          \
	X(NO_ROOM, "no_room", "TransferError", 400, 7)                  \
	X(SLOW, "slow", "HostError", 408, 6)                            \
	X(LIMIT, "limit", "HostError", 413, 7)                          \
	X(URI_LIMIT, "uri_limit", "HostError", 414, 7)                  \
	X(HEAD_LIMIT, "head_limit", "HostError", 431, 7)                \
	X(METHOD, "method", "HostError", 501, 1)                        \
	X(BUSY, "busy", "HostError", 503, 7)                            \
	X(UNREACHABLE, "unreachable", "RemoteHostError", 400, 5)        \
	X(TIMEOUT, "timeout", "RemoteHostError", 400, 6)                \
	X(PARTLY, "partly", "RemoteHostError", 400, 8)                  \
	X(SYS, "sys", "RemoteHostError", 500, 1)                        \
	X(NOMEM, "nomem", "RemoteHostError", 500, 1)                    \
	X(UNFORESEEN, "unforeseen", "RemoteHostError", 500, 1)

enum pg_code {
	PG_E_OK,
#define X(code, token, wire, status, exit) PG_E_##code,
	PG_ERR_LIST(X)
#undef X
	PG_E_COUNT
};

/* Detail of one failure. Zeroed by the caller; code stays PG_E_OK until
 * pg_fail. at is a byte offset into the input where that makes sense. */
struct pg_err {
	enum pg_code code;
	int sys; /* errno, or 0 */
	size_t at;
	char msg[400];
};

/* Record a failure and return -1. errno is taken into e->sys for PG_E_SYS.
 * e may be NULL. What is not printable UTF-8 in the text is replaced.
 * errno survives; arguments may point into e. */
PG_FN int pg_fail(struct pg_err *e, enum pg_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Same, with e->at set and " at byte N" appended. */
PG_FN int pg_fail_at(struct pg_err *e, enum pg_code code, size_t at,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A failed system call: message "WHAT: strerror(errno)"; code PG_E_SYS. */
PG_FN int pg_fail_sys(struct pg_err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put "context: " before the message. Returns -1. */
PG_FN int pg_wrap(struct pg_err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Length of the printable UTF-8 character that s starts with; 0 if there is
 * none: a control character, one that ends a line or turns the direction of
 * text, ill-formed bytes, a cut sequence, the end. */
PG_FN size_t pg_printable(struct pg_str s);
/* Whether s, which may be empty, consists of such. */
PG_FN bool pg_all_printable(struct pg_str s);

PG_FN const char *pg_code_wire(enum pg_code code);
/* Token of the code, lower case ("conflict"). */
PG_FN const char *pg_code_token(enum pg_code code);
PG_FN int pg_code_status(enum pg_code code);
PG_FN int pg_code_exit(enum pg_code code);
/* Whether they have the same wire name: one is the other, or finer. */
PG_FN bool pg_code_alike(enum pg_code a, enum pg_code b);

/* The code for a wire name; PG_E_REMOTE for an unknown one. token, when not
 * empty, picks the finer code that shares the wire name. */
PG_FN enum pg_code pg_code_from_wire(struct pg_str wire, struct pg_str token);

#endif
