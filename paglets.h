/* paglets: how a paglet is written in C, and how a program becomes a host, or a
 * client of hosts (further below).
 *
 * A paglet is a struct (its state), a table of the struct's fields, a table
 * of handlers by message kind, and perhaps hooks and a run step:
 *
 *	struct counter { int64_t count; };
 *
 *	static const struct paglets_field counter_fields[] = {
 *		PAGLETS_INT(struct counter, count), PAGLETS_END };
 *
 *	static int
 *	increment(struct paglets_call *c)
 *	{
 *		struct counter *s = paglets_state(c);
 *
 *		s->count += paglets_arg_int(c, "by", 1);
 *		return paglets_reply_int(c, "count", s->count);
 *	}
 *
 *	static const struct paglets_class counter = {
 *		PAGLETS_CLASS("demo.counter:Counter", struct counter,
 *		    counter_fields),
 *		.handlers = (struct paglets_handler[]){
 *			{ "increment", increment }, { 0 } } };
 *
 * Every paglet is a process of its own with one thread: a handler is never
 * interrupted by another one, may block, and may crash without harm to
 * others. The state is all that travels; it is read from and written to the
 * wire by the field table alone.
 *
 * Memory: values (struct paglets_value) and texts handed to a handler or made
 * by it live until it returns. A state owns what its fields hold, through the
 * functions for struct paglets_bytes and struct paglets_tree.
 */
#ifndef PAGLETS_H
#define PAGLETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef PG_API
#define PG_API extern
#endif

#ifdef __GNUC__
#define PAGLETS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define PAGLETS_PRINTF(f, a)
#endif

/* Changes whenever a struct of this header does. */
#define PAGLETS_ABI 3
/* Bytes that one field of a state may hold. */
#define PAGLETS_BYTES_MAX ((size_t)1 << 30)

struct paglets_call;  /* one message, hook or step that is being handled */
struct paglets_value; /* what travels: null, bool, int, ..., dict */

/* ---- The state ---- */

/* Text or bytes owned by a state. Read p and n, write with the functions
 * below; the rest is private. Text is UTF-8 and has a NUL behind it, bytes
 * have none. */
struct paglets_bytes {
	const char *p;
	size_t n;
	void *mem, *share;
};

/* A list, a dict or any value owned by a state. Read v, write with the
 * functions below. Values within v are valid until the field is written or
 * the handler returns. */
struct paglets_tree {
	const struct paglets_value *v;
	void *mem;
};

/* Replace what b holds with a copy of n bytes at p (_bytes_set), of a text
 * (_text_set; what is no UTF-8 becomes '?'), or with n zero bytes to write to
 * (_bytes_new). -1 or NULL: over PAGLETS_BYTES_MAX or no memory; b is then
 * as it was. */
PG_API int paglets_bytes_set(struct paglets_bytes *b, const void *p,
    size_t n);
PG_API int paglets_text_set(struct paglets_bytes *b, const char *text);
PG_API char *paglets_bytes_new(struct paglets_bytes *b, size_t n);

/* Replace what t holds with a copy of v; append a copy of v to the list t;
 * set a key of the dict t. -1: t is no list or dict, or no memory. */
PG_API int paglets_tree_set(struct paglets_tree *t,
    const struct paglets_value *v);
PG_API int paglets_tree_add(struct paglets_tree *t,
    const struct paglets_value *v);
PG_API int paglets_tree_put(struct paglets_tree *t, const char *key,
    const struct paglets_value *v);

enum paglets_kind {
	PAGLETS_KIND_INT = 1, /* int64_t */
	PAGLETS_KIND_FLOAT,   /* double */
	PAGLETS_KIND_BOOL,    /* bool */
	PAGLETS_KIND_TEXT,    /* struct paglets_bytes */
	PAGLETS_KIND_BYTES,   /* struct paglets_bytes */
	PAGLETS_KIND_LIST,    /* struct paglets_tree */
	PAGLETS_KIND_DICT,    /* struct paglets_tree */
	PAGLETS_KIND_VALUE    /* struct paglets_tree: anything, null at first */
};

/* One field: its name in the state and its place in the struct. A field that
 * is missing or null in a state that arrives takes its default. */
struct paglets_field {
	const char *name; /* NULL ends a table */
	enum paglets_kind kind;
	size_t at;
	int64_t int_default; /* INT, BOOL */
	double float_default;
	const char *text_default;
};

/* The place of member m in struct t, and a warning if it is no `want`. */
#define PAGLETS_AT(t, m, want) \
	(offsetof(t, m) + 0 * sizeof((want *)0 == &((t *)0)->m))
#define PAGLETS_FIELD(t, m, k, want) \
	.name = #m, .kind = (k), .at = PAGLETS_AT(t, m, want)

#define PAGLETS_INT(t, m) PAGLETS_INT_OR(t, m, 0)
#define PAGLETS_FLOAT(t, m) PAGLETS_FLOAT_OR(t, m, 0)
#define PAGLETS_BOOL(t, m) PAGLETS_BOOL_OR(t, m, false)
#define PAGLETS_TEXT(t, m) PAGLETS_TEXT_OR(t, m, "")
#define PAGLETS_BYTES(t, m) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_BYTES, struct paglets_bytes) }
#define PAGLETS_LIST(t, m) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_LIST, struct paglets_tree) }
#define PAGLETS_DICT(t, m) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_DICT, struct paglets_tree) }
#define PAGLETS_VALUE(t, m) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_VALUE, struct paglets_tree) }
/* The same with a default of one's own. */
#define PAGLETS_INT_OR(t, m, x) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_INT, int64_t), .int_default = (x) }
#define PAGLETS_FLOAT_OR(t, m, x) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_FLOAT, double), \
	  .float_default = (x) }
#define PAGLETS_BOOL_OR(t, m, x) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_BOOL, bool), .int_default = (x) }
#define PAGLETS_TEXT_OR(t, m, x) \
	{ PAGLETS_FIELD(t, m, PAGLETS_KIND_TEXT, struct paglets_bytes), \
	  .text_default = (x) }
#define PAGLETS_END { .name = NULL }

/* ---- The class ---- */

/* Handles one message kind. 0: the caller gets the reply; nonzero: the error
 * of paglets_fail or of the last host call that failed. */
struct paglets_handler {
	const char *kind; /* NULL ends a table */
	int (*handle)(struct paglets_call *c);
};

/* Called at a point of the paglet's life: creation, dispatching, arrival,
 * reverting, cloning, clone (in the copy), cloned (in the original),
 * deactivating, activation, disposing, dispatch_failed (after dispatching,
 * when it stays). Nonzero refuses, as for handlers. From creation, arrival,
 * activation and clone the paglet may ask its host for anything but to be
 * moved, copied or ended; from the others for nothing but a line in the log:
 * such a call fails with a LifecycleError. */
struct paglets_hook {
	const char *name; /* NULL ends a table */
	int (*handle)(struct paglets_call *c);
};

/* From run: it is not to be called again. */
#define PAGLETS_RUN_DONE (-1)

/* What the host does when the process of a paglet ends unasked. */
enum paglets_restart {
	PAGLETS_RESTART_NEVER = 0, /* it is listed as crashed */
	PAGLETS_RESTART_ON_CRASH   /* started again from its last checkpoint,
	                            * with the hook activation */
};

struct paglets_class {
	int abi;    /* PAGLETS_ABI */
	int schema; /* of the state; above 0 it is written as "_schema" */
	const char *name;       /* "module:Name", as on the wire */
	const char *state_name; /* NULL: the name with Paglet or Agent at its
	                         * end replaced by State, else State added */
	size_t size;            /* of the state's struct */
	const struct paglets_field *fields;
	const struct paglets_handler *handlers;
	const struct paglets_hook *hooks;
	/* One step of the paglet's own work, first called after creation,
	 * arrival, clone and activation: the milliseconds until the next one,
	 * or PAGLETS_RUN_DONE. Messages are handled between steps; there are
	 * no steps while it is being moved, copied or put to sleep. */
	int64_t (*run)(struct paglets_call *c);
	/* A state of an older schema came in (0: it had none). Change the dict
	 * into what the fields expect. Nonzero refuses it. */
	int (*upgrade)(struct paglets_call *c, int64_t from,
	    struct paglets_value *state);
	enum paglets_restart restart;
};

#define PAGLETS_CLASS(class_name, type, field_table) \
	.abi = PAGLETS_ABI, .name = (class_name), .size = sizeof(type), \
	.fields = (field_table)

/* The whole program: host, client and everything else `paglets` can do, with
 * these classes (NULL-terminated) added to its own. The exit status. */
PG_API int paglets_main(int argc, char **argv,
    const struct paglets_class *const *classes);

/* ---- Who, where, what ---- */

PG_API void *paglets_state(struct paglets_call *c);
/* Of this paglet; NUL-terminated, valid as long as the process. */
PG_API const char *paglets_agent_id(struct paglets_call *c);
PG_API const char *paglets_host_name(struct paglets_call *c);
/* It may be another when the next message is handled. */
PG_API const char *paglets_host_address(struct paglets_call *c);
/* The name of the hook, NULL outside hooks. */
PG_API const char *paglets_hook_name(struct paglets_call *c);
/* What the creator gave as init, in the hook `creation`; else NULL. */
PG_API const struct paglets_value *paglets_init(struct paglets_call *c);
/* The message with all its fields: kind, args, arg, sender, reply_to,
 * priority, message_type, timestamp, message_id. NULL outside handlers. */
PG_API const struct paglets_value *paglets_message(struct paglets_call *c);
PG_API const char *paglets_message_kind(struct paglets_call *c);
/* NULL: unknown. */
PG_API const char *paglets_message_id(struct paglets_call *c);
PG_API const char *paglets_message_sender(struct paglets_call *c);
PG_API int64_t paglets_message_priority(struct paglets_call *c);

/* ---- Arguments of a message ---- */

/* NULL when absent or null. */
PG_API const struct paglets_value *paglets_arg(struct paglets_call *c,
    const char *name);
/* All of them: a dict. */
PG_API const struct paglets_value *paglets_args(struct paglets_call *c);
/* The argument, or the default when it is absent or null. An argument of the
 * wrong type ends the handler there and then with a HostError that names it:
 * read arguments before you change or acquire anything. */
PG_API int64_t paglets_arg_int(struct paglets_call *c, const char *name,
    int64_t otherwise);
PG_API double paglets_arg_float(struct paglets_call *c, const char *name,
    double otherwise);
PG_API bool paglets_arg_bool(struct paglets_call *c, const char *name,
    bool otherwise);
PG_API const char *paglets_arg_text(struct paglets_call *c, const char *name,
    const char *otherwise);

/* ---- The reply: null until something is said. All return 0 ---- */

/* v is the whole reply. Values are referenced, not copied: one that lies in
 * the state must not be replaced after it was given. */
PG_API int paglets_reply(struct paglets_call *c,
    const struct paglets_value *v);
/* The reply is a dict, and this is one of its keys. */
PG_API int paglets_reply_int(struct paglets_call *c, const char *key,
    int64_t i);
PG_API int paglets_reply_float(struct paglets_call *c, const char *key,
    double f);
PG_API int paglets_reply_bool(struct paglets_call *c, const char *key,
    bool b);
PG_API int paglets_reply_text(struct paglets_call *c, const char *key,
    const char *text);
PG_API int paglets_reply_value(struct paglets_call *c, const char *key,
    const struct paglets_value *v);
/* Every field of the state, as it is when the handler returns. */
PG_API int paglets_reply_state(struct paglets_call *c);

/* Assign those fields of the state that the dict has. -1 (with the call's
 * error set and nothing assigned) if one has the wrong type. */
PG_API int paglets_state_set(struct paglets_call *c,
    const struct paglets_value *fields);

/* The handler fails with this error. error_type is a name of the protocol
 * ("InvalidAgentError"); any other arrives as HostError. Returns -1. */
PG_API int paglets_fail(struct paglets_call *c, const char *error_type,
    const char *fmt, ...) PAGLETS_PRINTF(3, 4);
/* What failed last in this call; NULL: nothing did. */
PG_API const char *paglets_error_type(struct paglets_call *c);
PG_API const char *paglets_error(struct paglets_call *c);

/* ---- Values ---- */

enum paglets_type {
	PAGLETS_IS_NULL,
	PAGLETS_IS_BOOL,
	PAGLETS_IS_INT,
	PAGLETS_IS_BIG, /* an integer beyond int64_t: can be passed on only */
	PAGLETS_IS_FLOAT,
	PAGLETS_IS_TEXT,
	PAGLETS_IS_BYTES,
	PAGLETS_IS_LIST,
	PAGLETS_IS_DICT
};

/* Reading. NULL counts as null; the wrong type gives the default, NULL or 0.
 * An int is a float where one is asked for. */
PG_API enum paglets_type paglets_type_of(const struct paglets_value *v);
PG_API bool paglets_as_bool(const struct paglets_value *v, bool otherwise);
PG_API int64_t paglets_as_int(const struct paglets_value *v,
    int64_t otherwise);
PG_API double paglets_as_float(const struct paglets_value *v,
    double otherwise);
/* A copy with a NUL behind it; c may not be NULL. */
PG_API const char *paglets_as_text(struct paglets_call *c,
    const struct paglets_value *v);
/* The bytes themselves, of text too; no NUL behind them. */
PG_API const char *paglets_as_bytes(const struct paglets_value *v,
    size_t *n);
/* Items of a list, keys of a dict; beyond the end: NULL. */
PG_API size_t paglets_count(const struct paglets_value *v);
PG_API const struct paglets_value *paglets_item(
    const struct paglets_value *v, size_t i);
PG_API const char *paglets_key(struct paglets_call *c,
    const struct paglets_value *v, size_t i);
PG_API const struct paglets_value *paglets_get(
    const struct paglets_value *dict, const char *key);

/* Building. Texts and bytes are copied; members are referenced. NULL when
 * memory is short, and NULL may be passed on: the reply then says so. */
PG_API struct paglets_value *paglets_null(struct paglets_call *c);
PG_API struct paglets_value *paglets_bool(struct paglets_call *c, bool b);
PG_API struct paglets_value *paglets_int(struct paglets_call *c, int64_t i);
PG_API struct paglets_value *paglets_float(struct paglets_call *c, double f);
PG_API struct paglets_value *paglets_text(struct paglets_call *c,
    const char *text);
PG_API struct paglets_value *paglets_bytes(struct paglets_call *c,
    const void *p, size_t n);
PG_API struct paglets_value *paglets_list(struct paglets_call *c);
PG_API struct paglets_value *paglets_dict(struct paglets_call *c);
PG_API int paglets_add(struct paglets_call *c, struct paglets_value *list,
    const struct paglets_value *item);
PG_API int paglets_set(struct paglets_call *c, struct paglets_value *dict,
    const char *key, const struct paglets_value *v);

/* ---- Asking the host: -1 or NULL with the call's error set ---- */

/* Go to a host, by name or URL, or as a ticket (a dict) says. Does not return
 * on success: the paglet goes on there with the hook `arrival`, and the
 * caller of this message gets its new address. On failure it stays. */
PG_API int paglets_dispatch(struct paglets_call *c, const char *target);
PG_API int paglets_dispatch_ticket(struct paglets_call *c,
    const struct paglets_value *ticket);
/* A copy on another host (NULL: on this one); {host_url, agent_id} of it. */
PG_API const struct paglets_value *paglets_clone(struct paglets_call *c,
    const char *target);
PG_API const struct paglets_value *paglets_clone_ticket(
    struct paglets_call *c, const struct paglets_value *ticket);
/* End this paglet. Does not return on success. */
PG_API int paglets_dispose(struct paglets_call *c);
/* Sleep: the state is kept, the process ends. Does not return on success: the
 * paglet goes on with the hook `activation`, and the caller of this message
 * gets its address. reason is for those who look (NULL: "deactivate"); policy
 * says what wakes it, NULL for any message: a dict {activate_on_message B,
 * queue_messages_when_inactive B, activate_on_startup B, activate_at F}, of
 * which any may be left out. */
PG_API int paglets_deactivate(struct paglets_call *c, const char *reason,
    const struct paglets_value *policy);

/* Send a message and wait for its result, at most as long as the message
 * being handled has left. host_url NULL: this host; args NULL: none. */
PG_API const struct paglets_value *paglets_send(struct paglets_call *c,
    const char *host_url, const char *agent_id, const char *kind,
    const struct paglets_value *args);
/* Send without waiting for a result. */
PG_API int paglets_send_oneway(struct paglets_call *c, const char *host_url,
    const char *agent_id, const char *kind,
    const struct paglets_value *args);

/* What paglets_create makes; all but agent_class may be left out. */
struct paglets_creation {
	const char *agent_class, *state_class, *agent_id;
	const char *target; /* a host, by name or URL; NULL: this one */
	const struct paglets_value *state, *init;
	/* "never" or "on-crash"; NULL: as its class says. */
	const char *restart;
};
/* {host_url, agent_id} of the new paglet. */
PG_API const struct paglets_value *paglets_create(struct paglets_call *c,
    const struct paglets_creation *what);

/* The hosts known to this one. */
PG_API const struct paglets_value *paglets_hosts(struct paglets_call *c);
/* A property of the host; a null value when it has none of that name. */
PG_API const struct paglets_value *paglets_property_get(
    struct paglets_call *c, const char *name);
/* NULL removes it. */
PG_API int paglets_property_set(struct paglets_call *c, const char *name,
    const char *value);

/* Files that travel with the paglet: each is copied to the host that it moves
 * to, or its clone, before it arrives there. A copy leaves the file where it
 * is; with _MOVE the file is deleted once the paglet has moved (not after a
 * clone). What came along lies in the paglet's work folder and goes with it.
 * The list survives sleep and the end of the host. */
enum paglets_file_mode {
	PAGLETS_FILE_COPY,
	PAGLETS_FILE_MOVE
};
/* Register the regular file at path, absolute or below the work folder; name
 * NULL: the last part of path. A file of that name gives way. The File: {name,
 * mode, source_host_name, source_host_url, source_path, source_created_at,
 * source_modified_at, size_bytes, sha256, current_host_name,
 * current_host_url, current_path, status, last_error}. */
PG_API const struct paglets_value *paglets_file_register(
    struct paglets_call *c, const char *path, const char *name,
    enum paglets_file_mode mode);
/* Fine when there is none of that name; the file itself stays. */
PG_API int paglets_file_unregister(struct paglets_call *c, const char *name);
/* The list of Files. */
PG_API const struct paglets_value *paglets_files(struct paglets_call *c);
/* Where the file is now; NULL with the error set when there is none. */
PG_API const char *paglets_file_path(struct paglets_call *c,
    const char *name);

/* ---- Files on the host: its work folder, the storage of its class ---- */

/* The path of a folder of its own, made if need be, to use as it likes. It is
 * there as long as the paglet lives on this host, also while it sleeps; it is
 * removed when the paglet moves away or is disposed of. NULL: the host keeps
 * nothing on disk. */
PG_API const char *paglets_work_folder(struct paglets_call *c);

/* Managed storage: files that all paglets of one class on a host share, and
 * that outlive them. A path is names separated by single slashes: 32 names of
 * up to 255 bytes, and none of them "." or "..". */
/* The bytes of a file; HostError if there is none. */
PG_API const struct paglets_value *paglets_storage_read(
    struct paglets_call *c, const char *path);
/* Make or replace a file, as a whole or not at all; on disk when this returns.
 * StorageQuotaError: the class would have more than the host allows, 10 MiB if
 * it does not say otherwise, or over 10,000 files. */
PG_API int paglets_storage_write(struct paglets_call *c, const char *path,
    const void *p, size_t n);
/* Remove a file, a folder with what is in it, or (NULL) all. Fine if there is
 * none. */
PG_API int paglets_storage_delete(struct paglets_call *c, const char *path);
/* The files whose paths begin with a text (NULL: all), sorted: a list of dicts
 * {path, size}. */
PG_API const struct paglets_value *paglets_storage_list(
    struct paglets_call *c, const char *prefix);
/* {root, used_bytes, quota_bytes, available_bytes, file_count}; the quota and
 * what is left of it are null where there is none. */
PG_API const struct paglets_value *paglets_storage_status(
    struct paglets_call *c);

enum paglets_level {
	PAGLETS_ERROR,
	PAGLETS_WARN,
	PAGLETS_INFO,
	PAGLETS_DEBUG
};
/* One line in the log of the host. */
PG_API void paglets_log(struct paglets_call *c, enum paglets_level level,
    const char *fmt, ...) PAGLETS_PRINTF(3, 4);

/* ---- A client: hosts and paglets from outside ----
 *
 *	struct paglets_client_config config = { .entry = "10.0.0.1:8765" };
 *	struct paglets_client *c = paglets_client_new(&config);
 *	struct paglets_call *v = paglets_client_values(c);
 *	struct paglets_proxy *p = paglets_proxy_find(c, "kim");
 *	struct paglets_value *args = paglets_dict(v);
 *	const struct paglets_value *r;
 *
 *	paglets_set(v, args, "by", paglets_int(v, 2));
 *	r = paglets_proxy_send(p, "increment", args);
 *	if (r == NULL)
 *		puts(paglets_client_error(c));
 *	paglets_proxy_free(p);
 *	paglets_client_free(c);
 *
 * One client belongs to one thread; it makes progress only within calls of
 * these functions. int results are 0 or -1, pointers NULL, with the client's
 * error set, unless they say otherwise. Values and texts that a client
 * returns live until paglets_client_forget; each future has its own.
 *
 * A host is a text: a URL, "host:port", or a name, which the entry host is
 * asked for; NULL is the entry host, "" an error. The key goes to URLs that
 * you pass as a text, to http://127.0.0.1:8765 if it is the entry host, and to
 * hosts that have signed their URL with the same key; to no other: do not pass
 * on URLs that a host told of, but names, or the value that it told them in.
 *
 * Answers of hosts are dicts as PROTOCOL sections 3 and 4 have them. */
struct paglets_client;
struct paglets_proxy;  /* one paglet, wherever it may be */
struct paglets_future; /* one answer that is on its way */

struct paglets_client_config {
	const char *entry;   /* URL or name; NULL: the host at
	                      * 127.0.0.1:8765, else one that is found: at
	                      * this machine's own address, by its beacon, or
	                      * by asking around in the network */
	const char *api_key; /* NULL: none */
	int64_t timeout;     /* ms for each request; 0: 10,000 */
};

/* Asks nobody yet. config NULL: all as said there; its texts are copied. NULL
 * (errno): no memory, no descriptors.
 * From here on the process ignores SIGPIPE. */
PG_API struct paglets_client *paglets_client_new(
    const struct paglets_client_config *config);
/* After all of its proxies and futures. NULL is fine. */
PG_API void paglets_client_free(struct paglets_client *c);
/* For the functions of "Values" above, and no others. */
PG_API struct paglets_call *paglets_client_values(struct paglets_client *c);
/* Free all that was returned, or built with paglets_client_values, so far. */
PG_API void paglets_client_forget(struct paglets_client *c);
/* Called once for every answer that has been waited for for a second; url says
 * where. It may not use the client. */
PG_API void paglets_client_on_slow(struct paglets_client *c,
    void (*on_slow)(void *arg, const char *url), void *arg);

/* What failed last: its name in the protocol ("RemoteHostError"), a finer
 * word ("unreachable", "not_found", "usage": you asked for nonsense), and a
 * line for people. "" before anything has. */
PG_API const char *paglets_client_error_type(const struct paglets_client *c);
PG_API const char *paglets_client_error_code(const struct paglets_client *c);
PG_API const char *paglets_client_error(const struct paglets_client *c);
/* How far the request got that failed last. */
struct paglets_failure {
	bool answered;   /* by a host: the error is its own */
	bool maybe_done; /* no answer, but the request may have arrived */
};
PG_API struct paglets_failure paglets_client_failure(
    const struct paglets_client *c);
/* The whole answer of the host that answered last; NULL: none did. */
PG_API const struct paglets_value *paglets_client_answer(
    const struct paglets_client *c);

/* Any request to a host: path with its slash, body NULL for none. */
PG_API const struct paglets_value *paglets_client_request(
    struct paglets_client *c, const char *host, const char *method,
    const char *path, const struct paglets_value *body);

/* ---- A client: hosts ---- */

/* The URL of a host. A name that nobody has: "not_found". */
PG_API const char *paglets_client_resolve(struct paglets_client *c,
    const char *host);
/* The reference that the entry host has of a host, or (NULL) of itself. */
PG_API const struct paglets_value *paglets_client_lookup(
    struct paglets_client *c, const char *host);
/* 1: the entry host counts it as online; 0: not, or does not know it. */
PG_API int paglets_client_is_online(struct paglets_client *c,
    const char *host);
/* Wait until it is; "Timed out waiting for host 'NAME'", and why, if the entry
 * host does not answer. 0 ms: only look. */
PG_API int paglets_client_wait_for_host(struct paglets_client *c,
    const char *host, int64_t timeout_ms);
/* The URL of the host online that has this tag and the fewest active paglets,
 * as it says itself. To show it: what is to go there takes "tag:TAG" for a
 * target. */
PG_API const char *paglets_client_pick(struct paglets_client *c,
    const char *tag);

/* One host. _hosts: {hosts: [...]}, and perhaps refused: [...], those of
 * another version. _relay: {nodes: [...]}, the hosts reached through it.
 * state: "active", "inactive" or "all"; NULL: "active". name, capability and
 * scope may be NULL. _events: those after `since`. */
PG_API const struct paglets_value *paglets_client_health(
    struct paglets_client *c, const char *host);
PG_API const struct paglets_value *paglets_client_hosts(
    struct paglets_client *c, const char *host);
PG_API const struct paglets_value *paglets_client_relay(
    struct paglets_client *c, const char *host);
PG_API const struct paglets_value *paglets_client_agents(
    struct paglets_client *c, const char *host, const char *state);
PG_API const struct paglets_value *paglets_client_classes(
    struct paglets_client *c, const char *host);
PG_API const struct paglets_value *paglets_client_services(
    struct paglets_client *c, const char *host, const char *name,
    const char *capability, const char *scope);
PG_API const struct paglets_value *paglets_client_events(
    struct paglets_client *c, const char *host, int64_t since,
    int64_t limit);

/* Many hosts at once: a NULL-terminated list, or all that the entry host
 * knows (NULL). A list of one dict for each, in order: {name, url,
 * reachable B, latency_ms F, health | agents | services} or, for one that
 * failed, error_type and error in place of the last. Hosts listed as offline
 * are not asked. *failed (may be NULL) counts those that failed. Each is
 * waited for for at most timeout_ms; 0: as configured. */
PG_API const struct paglets_value *paglets_client_health_many(
    struct paglets_client *c, const char *const *hosts, int64_t timeout_ms,
    size_t *failed);
PG_API const struct paglets_value *paglets_client_agents_many(
    struct paglets_client *c, const char *const *hosts, const char *state,
    int64_t timeout_ms, size_t *failed);
PG_API const struct paglets_value *paglets_client_services_many(
    struct paglets_client *c, const char *const *hosts, const char *name,
    const char *capability, const char *scope, int64_t timeout_ms,
    size_t *failed);

/* Events of a host as they happen, from the first one after `since` that it
 * still has. Nonzero from on_event ends it. Values are valid in the call
 * only; a dict {missed, from, to} stands for events that are lost. 0: the
 * stream was cut off, ask for the rest; 1: on_event ended it; -1: there was
 * none ("No route" in the error: a host too old to have streams). on_event
 * may not ask hosts for anything. */
PG_API int paglets_client_follow(struct paglets_client *c, const char *host,
    int64_t since, int (*on_event)(void *arg, int64_t event_id,
    const struct paglets_value *event), void *arg);

/* ---- A client: paglets ---- */

/* The paglet with this id on a host. Asks nobody unless host is a name. */
PG_API struct paglets_proxy *paglets_proxy_new(struct paglets_client *c,
    const char *host, const char *agent_id);
/* The paglet that people mean: an id or the beginning of one, HOST/ID, or
 * http://HOST:PORT/agents/ID. The first request goes where the text says, the
 * entry host if it does not; when that has no such paglet, it is looked for
 * as paglets_client_find does. */
PG_API struct paglets_proxy *paglets_proxy_find(struct paglets_client *c,
    const char *text);
/* The one whose id is, or begins with, this text: on the given host, or, for
 * NULL, on the entry host and those it knows, all asked at once. An id that is
 * equal wins; of longer ones those of the entry host do. Several: "usage". */
PG_API struct paglets_proxy *paglets_client_find(struct paglets_client *c,
    const char *host, const char *prefix);
/* From {host_url, agent_id}, and back. */
PG_API struct paglets_proxy *paglets_proxy_from_value(
    struct paglets_client *c, const struct paglets_value *v);
PG_API const struct paglets_value *paglets_proxy_value(
    const struct paglets_proxy *p);
PG_API void paglets_proxy_free(struct paglets_proxy *p);
/* A new paglet. target NULL: on the entry host; "tag:TAG": on the host that
 * paglets_client_pick finds. state_class NULL: the host is asked for it. */
PG_API struct paglets_proxy *paglets_client_create(struct paglets_client *c,
    const struct paglets_creation *what);

/* As far as the proxy knows; valid until it is moved or freed. */
PG_API const char *paglets_proxy_agent_id(const struct paglets_proxy *p);
PG_API const char *paglets_proxy_host_url(const struct paglets_proxy *p);
/* 1: it is on another host than the entry host; 0; -1: there is none, or it
 * does not say who it is. */
PG_API int paglets_proxy_is_remote(struct paglets_proxy *p);
/* What its host says of it: the summary; with the state. */
PG_API const struct paglets_value *paglets_proxy_info(
    struct paglets_proxy *p);
PG_API const struct paglets_value *paglets_proxy_state(
    struct paglets_proxy *p);
PG_API const char *paglets_proxy_class_name(struct paglets_proxy *p);

enum paglets_status {
	PAGLETS_GONE = 1,     /* its host has no such paglet */
	PAGLETS_ACTIVE = 2,
	PAGLETS_INACTIVE = 4, /* asleep */
	PAGLETS_CRASHED = 8,
	PAGLETS_STARTING = 16,
	PAGLETS_MOVING = 32
};
/* As a summary says. */
PG_API enum paglets_status paglets_status_of(
    const struct paglets_value *summary);
/* As its host says; 0: it cannot be known, see the error. */
PG_API enum paglets_status paglets_proxy_status(struct paglets_proxy *p);
/* 1, 0, or -1 when it cannot be known. states: one or more of the above. */
PG_API int paglets_proxy_is_state(struct paglets_proxy *p, unsigned states);
PG_API int paglets_proxy_is_valid(struct paglets_proxy *p);
PG_API int paglets_proxy_is_active(struct paglets_proxy *p);

/* A message; all but kind may be left out. */
struct paglets_outgoing {
	const char *kind;
	const struct paglets_value *args; /* a dict */
	const struct paglets_value *arg;
	bool has_priority;
	int64_t priority;  /* higher first; 0: before all that wait */
	bool oneway;       /* the result is null, at once */
	bool no_delay;     /* fail rather than wait for one that sleeps */
	bool no_activate;  /* do not wake one that sleeps */
	int64_t timeout;   /* ms; 0: as configured */
};
/* Send and wait for the result (a null value for none). A result that is the
 * address of this same paglet is settled, as below. */
PG_API const struct paglets_value *paglets_proxy_send(
    struct paglets_proxy *p, const char *kind,
    const struct paglets_value *args);
PG_API int paglets_proxy_oneway(struct paglets_proxy *p, const char *kind,
    const struct paglets_value *args);
/* Send and do not wait; NULL only for nonsense. Free it. */
PG_API struct paglets_future *paglets_proxy_future(struct paglets_proxy *p,
    const char *kind, const struct paglets_value *args);
PG_API const struct paglets_value *paglets_proxy_send_message(
    struct paglets_proxy *p, const struct paglets_outgoing *m);
PG_API struct paglets_future *paglets_proxy_future_message(
    struct paglets_proxy *p, const struct paglets_outgoing *m);

/* Where the paglet is now that has answered with its own new address
 * {host_url, agent_id}: it may have moved on since. Asks until one host has
 * had it for 0.15 s, for at most 2 s. Any other value is returned as it is.
 * The proxy is left as it is: see paglets_proxy_from_value. */
PG_API const struct paglets_value *paglets_proxy_settle(
    struct paglets_proxy *p, const struct paglets_value *result);

/* How to travel; all but destination may be left out. */
struct paglets_ticket {
	const char *destination; /* a host, by name or URL; or "tag:TAG", see
	                          * paglets_client_pick: clients only */
	int64_t timeout;         /* ms for one attempt; 0: 10,000 */
	int64_t retries;         /* further attempts */
	int64_t retry_interval;  /* ms; 0: 250 */
	const char *const *capabilities; /* it must have; NULL-terminated */
	const char *expected_version;    /* of the target; NULL: any */
	bool inactive;           /* sleep there until woken */
};
/* The ticket as it travels, also for paglets_dispatch_ticket. */
PG_API struct paglets_value *paglets_ticket_value(struct paglets_call *c,
    const struct paglets_ticket *t);

/* Its host does the work; the proxy then is where the paglet is. They wait
 * as long as all attempts of the ticket may take. */
PG_API int paglets_proxy_dispatch(struct paglets_proxy *p,
    const char *target);
PG_API int paglets_proxy_dispatch_ticket(struct paglets_proxy *p,
    const struct paglets_ticket *t);
/* Fetch it: target NULL is the entry host. */
PG_API int paglets_proxy_retract(struct paglets_proxy *p,
    const char *target);
/* A proxy of the copy. NULL: on the same host. */
PG_API struct paglets_proxy *paglets_proxy_clone(struct paglets_proxy *p,
    const char *target);
PG_API struct paglets_proxy *paglets_proxy_clone_ticket(
    struct paglets_proxy *p, const struct paglets_ticket *t);

/* How it sleeps; NULL in place of it: nothing special. */
struct paglets_sleep {
	const char *reason;  /* NULL: "deactivate" */
	bool deaf;           /* no message wakes it */
	bool no_queue;       /* nor do messages wait */
	bool on_startup;     /* its host wakes it when it starts */
	double activate_at;  /* seconds since 1970; 0: at no time */
};
PG_API int paglets_proxy_deactivate(struct paglets_proxy *p,
    const struct paglets_sleep *how);
PG_API int paglets_proxy_activate(struct paglets_proxy *p);
/* force: do not wait for what it is doing. */
PG_API int paglets_proxy_dispose(struct paglets_proxy *p, bool force);
/* Decide about a move that cannot be settled: it is here, or gone there. */
PG_API int paglets_proxy_resolve(struct paglets_proxy *p, bool here);

/* ---- A client: futures ---- */

/* Wait at most so long (ms; 0: only look; -1: until it is done, which its own
 * timeout sees to). true: it is done, well or not. */
PG_API bool paglets_future_wait(struct paglets_future *f,
    int64_t timeout_ms);
/* Of several of one client (NULLs are passed over): the index of the first one
 * that is done, -1 when none is in time, or there is none. */
PG_API int paglets_future_wait_any(struct paglets_future *const *f, size_t n,
    int64_t timeout_ms);
/* true: all are done. */
PG_API bool paglets_future_wait_all(struct paglets_future *const *f, size_t n,
    int64_t timeout_ms);
/* Wait for it; its result, settled, valid until the future is freed. NULL: it
 * failed; the client's error says how. */
PG_API const struct paglets_value *paglets_future_get(
    struct paglets_future *f);
/* Wait no more: it fails with RemoteHostError "cancelled". The paglet may
 * handle the message all the same. */
PG_API void paglets_future_cancel(struct paglets_future *f);
/* Cancels it if it is under way. NULL is fine. */
PG_API void paglets_future_free(struct paglets_future *f);

/* ---- A client: artifacts ----
 *
 * Large binary things that hosts keep for others. A reference to one is a
 * dict {host_url, artifact_id, name, size_bytes, sha256, compression,
 * created_at, expires_at, owner_agent_id}; messages may carry it. Memory does
 * not grow with their size. What was sent or fetched counts only when size and
 * sha256 at both ends are the same.
 *
 * A transfer that is interrupted is tried again a few times, as long as the
 * host cannot have completed it. Several are under way at once as futures of
 * one client.
 *
 * What a host does not have is "no_artifact"; what is over its limits,
 * "no_room".
 *
 * An artifact is named by its id or the beginning of one, on the host given
 * (NULL: the entry host), or, without a host, by HOST/ID or
 * http://HOST:PORT/artifacts/ID. */

/* What is sent: a file by its path, or one that is open (fd, from its first
 * byte on; not closed), or n bytes. All else may be left out. A file may not
 * change meanwhile. Texts and bytes are copied. */
struct paglets_upload {
	const char *path;
	bool has_fd;
	int fd;
	const void *bytes;
	size_t n;
	const char *name;           /* NULL: the last part of path */
	const char *owner_agent_id; /* NULL: nobody */
	const char *compression;    /* a word for whoever fetches it */
	const char *sha256;         /* that it must have; NULL: any */
	double expires_at;          /* seconds since 1970; 0: never */
	bool move;                  /* remove the file at path afterwards */
	int64_t timeout;            /* ms that the host may be silent; 0:
	                             * 60,000 */
	/* About ten times a second, and at the end; may not use the client.
	 * NULL: no word of it. */
	void (*on_progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};
/* Its answer: {artifact: reference}. */
PG_API const struct paglets_value *paglets_artifact_upload(
    struct paglets_client *c, const char *host,
    const struct paglets_upload *what);
/* NULL: nonsense, or no such file. */
PG_API struct paglets_future *paglets_artifact_upload_future(
    struct paglets_client *c, const char *host,
    const struct paglets_upload *what);

/* What is fetched, and where to: a file of that path, which it replaces; or,
 * if path is a folder (NULL: the present one), a new file in it, named as the
 * artifact is, but never so that it lies elsewhere or is hidden; or an open
 * file, whose bytes it replaces, and which stands at its end then. Until it is
 * whole and verified, a file lies beside that place as .NAME.XXXX.part. */
struct paglets_download {
	const char *artifact_id;
	const struct paglets_value *ref; /* a reference in its place */
	const char *path;
	bool has_fd;
	int fd;
	bool resume;     /* on failure what is there stays, and the next one
	                  * that says so goes on from there */
	bool move;       /* remove the artifact afterwards */
	int64_t timeout; /* and the rest as above */
	void (*on_progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};
/* {artifact: reference, path: of the file, null for an open one}. */
PG_API const struct paglets_value *paglets_artifact_download(
    struct paglets_client *c, const char *host,
    const struct paglets_download *what);
PG_API struct paglets_future *paglets_artifact_download_future(
    struct paglets_client *c, const char *host,
    const struct paglets_download *what);

/* {artifacts: [...]} of one owner, or all (NULL); {artifact: reference}. */
PG_API const struct paglets_value *paglets_artifact_list(
    struct paglets_client *c, const char *host, const char *owner_agent_id);
PG_API const struct paglets_value *paglets_artifact_info(
    struct paglets_client *c, const char *host, const char *artifact_id);
/* Nothing is wrong when a host has none of that id. */
PG_API int paglets_artifact_remove(struct paglets_client *c,
    const char *host, const char *artifact_id);
PG_API int paglets_artifact_remove_ref(struct paglets_client *c,
    const struct paglets_value *ref);

/* A file that goes with a message: it is sent to the host of the paglet, owned
 * by the paglet unless it says otherwise, and the reference becomes an
 * argument of the message. */
struct paglets_enclosure {
	const char *arg; /* NULL: "artifact" */
	struct paglets_upload file;
};
/* As paglets_proxy_send_message, with n files. If the message fails, or one of
 * them, all artifacts are removed again; files that say `move` are removed
 * when it has succeeded. */
PG_API const struct paglets_value *paglets_proxy_send_files(
    struct paglets_proxy *p, const struct paglets_outgoing *m,
    const struct paglets_enclosure *files, size_t n);
/* With one file; args may be NULL, arg too. */
PG_API const struct paglets_value *paglets_proxy_send_artifact(
    struct paglets_proxy *p, const char *kind,
    const struct paglets_value *args, const char *arg,
    const struct paglets_upload *file);

#endif
