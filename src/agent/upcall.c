/* upcall: dispatch, clone, send and the other things only a host can do.
 *
 * Knows the operations of frame.h. A paglet has one thread, so a call is a
 * frame sent and a wait for its RESULT. What the host would have to refuse is
 * refused here: while it waits for a hook, it is not to be asked for anything.
 */
#include "upcall.h"

#include "../base/clock.h"
#include "invoke.h"

/* ---- The call ---- */

/* From the hook that begins a life only what does not end or divide it; from
 * other hooks nothing, within a call or not. */
static bool
upcall_allowed(const struct paglets_call *c, enum pg_upcall_kind kind)
{
	if (c->purpose == PG_CALL_START)
		return kind == PG_UPCALL_ASKS;
	return c->purpose != PG_CALL_HOOK;
}

/* Hand a frame that came instead of the RESULT to where it belongs. */
static void
upcall_meanwhile(struct paglets_call *c, const struct pg_frame *f,
    uint32_t id, enum pg_upcall_kind kind)
{
	bool command = f->type == PG_FRAME_HOOK ||
	    f->type == PG_FRAME_SNAPSHOT;

	if (command && f->id == id && kind != PG_UPCALL_ASKS)
		c->self->serve(c->self, f);
	/* A look at the state that has crossed a step's wish to leave: nothing
	 * is in motion, and the host grants the wish only afterwards. */
	else if (f->type == PG_FRAME_SNAPSHOT && kind != PG_UPCALL_ASKS &&
	    c->purpose == PG_CALL_STEP && (f->id & PG_FRAME_CALL_ID) == 0)
		c->self->serve(c->self, f);
	else if ((f->id & PG_FRAME_CALL_ID) == 0 &&
	    (f->type == PG_FRAME_MESSAGE ? c->purpose != PG_CALL_HOOK :
	    command && c->purpose == PG_CALL_STEP))
		pg_upline_defer(&c->self->line, f);
	else
		pg_upline_broken("a frame that answers no call");
}

static void
upcall_wait(struct paglets_call *c, uint32_t id, enum pg_upcall_kind kind,
    struct pg_frame *f)
{
	for (;;) {
		pg_upline_recv(&c->self->line, f);
		if (f->type != PG_FRAME_RESULT || f->id != id)
			upcall_meanwhile(c, f, id, kind);
		else if (kind != PG_UPCALL_LEAVES || f->head.n > 0)
			return;
		/* It has left: STOP or the end of the line follows. */
	}
}

/* A bare value from a frame, made to last as long as the call; NULL with c's
 * error set. What others answer may be too large for us, or be none. */
static struct pg_value *
upcall_decode(struct paglets_call *c, struct pg_str bytes,
    struct pg_bulk *bulk)
{
	struct pg_err e = { 0 };
	struct pg_value *v;

	if (bytes.n == 0)
		return pg_value_null(c->arena);
	if (bulk != NULL)
		pg_invoke_hold(c, bulk);
	else
		bytes = pg_arena_str(c->arena, bytes);
	if (pg_pickle_read_value(bytes, c->arena, 0, &v, &e) == 0)
		return v;
	pg_wrap(&e, "the answer cannot be read");
	pg_invoke_fail(c, e.code == PG_E_SERIAL ? PG_E_HOST : e.code,
	    pg_str(e.msg));
	return NULL;
}

static const struct pg_value *
upcall_result(struct paglets_call *c, const struct pg_frame *f)
{
	const struct pg_value *v;
	struct pg_str wire, text, token;

	if (f->head.n == 0)
		return upcall_decode(c, f->body, f->bulk);
	v = upcall_decode(c, f->head, NULL);
	if (v == NULL)
		return NULL;
	wire = pg_value_text(pg_value_get(v, "error_type"), PG_STR_NULL);
	text = pg_value_text(pg_value_get(v, "error"), PG_STR_NULL);
	token = pg_value_text(pg_value_get(v, "code"), PG_STR_NULL);
	pg_invoke_fail(c, pg_code_from_wire(wire, token), text);
	return NULL;
}

/* CALL; 0 with *id, or -1 with c's error set and nothing sent. */
static int
upcall_send(struct paglets_call *c, const char *op,
    const struct pg_value *body, uint32_t *id)
{
	struct pg_upline *l = &c->self->line;
	struct pg_out head = { .arg = NULL };
	struct pg_err e = { 0 };
	int rc;

	c->self->last_call = (c->self->last_call + 1) & ~PG_FRAME_CALL_ID;
	*id = c->self->last_call | PG_FRAME_CALL_ID;
	pg_pickle_dict_open(&head);
	pg_pickle_text(&head, PG_STR("op"));
	pg_pickle_text(&head, pg_str(op));
	if (c->purpose == PG_CALL_STEP) {
		pg_pickle_text(&head, PG_STR("step"));
		pg_pickle_value(&head, &(struct pg_value){ .type = PG_T_BOOL,
		    .u.i = 1 }, NULL);
	}
	pg_pickle_dict_close(&head);
	rc = pg_pickle_value(pg_upline_body(l), body, &e);
	rc = pg_upline_send(l, PG_FRAME_CALL, *id, pg_buf_str(&head.buf), rc,
	    &e);
	pg_buf_fini(&head.buf);
	if (rc < 0)
		pg_invoke_fail(c, PG_E_HOST, pg_str(e.msg));
	return rc;
}

PG_FN const struct pg_value *
pg_upcall(struct paglets_call *c, const char *op, enum pg_upcall_kind kind,
    const struct pg_value *body)
{
	struct pg_frame f;
	uint32_t id;

	if (!upcall_allowed(c, kind)) {
		pg_invoke_fail(c, PG_E_LIFECYCLE, pg_arena_printf(c->arena,
		    "paglets_%s: not within a hook", op));
		return NULL;
	}
	if (c->short_of_memory || body == NULL) {
		pg_invoke_fail(c, PG_E_LIMIT, pg_arena_printf(c->arena,
		    "%s: too much memory", op));
		return NULL;
	}
	pg_invoke_keep(c);
	if (upcall_send(c, op, body, &id) < 0)
		return NULL;
	c->self->asking = true;
	upcall_wait(c, id, kind, &f);
	c->self->asking = false;
	return upcall_result(c, &f);
}

/* ---- Moves ---- */

/* {target: T}, {ticket: {}}, or {} for neither. */
static const struct pg_value *
upcall_whereto(struct paglets_call *c, const char *target,
    const struct paglets_value *ticket)
{
	struct paglets_value *d = paglets_dict(c);

	if (ticket != NULL)
		paglets_set(c, d, "ticket", ticket);
	else if (target != NULL)
		paglets_set(c, d, "target", paglets_text(c, target));
	return pg_value_inner(d);
}

PG_API int
paglets_dispatch(struct paglets_call *c, const char *target)
{
	if (target == NULL)
		return paglets_fail(c, "HostError", "dispatch: no target");
	pg_upcall(c, "dispatch", PG_UPCALL_LEAVES,
	    upcall_whereto(c, target, NULL));
	return -1;
}

PG_API int
paglets_dispatch_ticket(struct paglets_call *c,
    const struct paglets_value *ticket)
{
	if (ticket == NULL)
		return paglets_fail(c, "HostError", "dispatch: no ticket");
	pg_upcall(c, "dispatch", PG_UPCALL_LEAVES,
	    upcall_whereto(c, NULL, ticket));
	return -1;
}

PG_API const struct paglets_value *
paglets_clone(struct paglets_call *c, const char *target)
{
	return pg_value_outer(pg_upcall(c, "clone", PG_UPCALL_MOVES,
	    upcall_whereto(c, target, NULL)));
}

PG_API const struct paglets_value *
paglets_clone_ticket(struct paglets_call *c,
    const struct paglets_value *ticket)
{
	return pg_value_outer(pg_upcall(c, "clone", PG_UPCALL_MOVES,
	    upcall_whereto(c, NULL, ticket)));
}

PG_API int
paglets_dispose(struct paglets_call *c)
{
	pg_upcall(c, "dispose", PG_UPCALL_LEAVES,
	    upcall_whereto(c, NULL, NULL));
	return -1;
}

/* What frame.h calls a request, from the paglet itself. */
PG_API int
paglets_deactivate(struct paglets_call *c, const char *reason,
    const struct paglets_value *policy)
{
	struct paglets_value *d = paglets_dict(c), *request = paglets_dict(c);

	if (reason == NULL)
		reason = "deactivate";
	paglets_set(c, request, "reason", paglets_text(c, reason));
	paglets_set(c, request, "source", paglets_text(c, "self"));
	if (policy != NULL)
		paglets_set(c, request, "policy", policy);
	paglets_set(c, d, "request", request);
	pg_upcall(c, "deactivate", PG_UPCALL_LEAVES, pg_value_inner(d));
	return -1;
}

/* ---- Messages to others ---- */

/* A Message of PROTOCOL section 4; the host gives it its id. */
static struct paglets_value *
upcall_message(struct paglets_call *c, const char *kind,
    const struct paglets_value *args, bool oneway)
{
	struct paglets_value *m = paglets_dict(c);

	paglets_set(c, m, "kind", paglets_text(c, kind));
	paglets_set(c, m, "args", args != NULL ? args : paglets_dict(c));
	paglets_set(c, m, "sender", paglets_text(c, c->self->id));
	paglets_set(c, m, "priority", paglets_int(c, 5));
	paglets_set(c, m, "message_type", paglets_int(c, oneway ? 2 : 0));
	paglets_set(c, m, "timestamp",
	    paglets_float(c, pg_to_seconds(pg_now_wall())));
	return m;
}

/* The body of `send`; NULL with c's error set when no time is left. */
static const struct pg_value *
upcall_letter(struct paglets_call *c, const char *host_url,
    const char *agent_id, const char *kind, const struct paglets_value *args,
    bool oneway)
{
	struct paglets_value *d = paglets_dict(c);
	int64_t left = c->deadline - pg_now();

	if (left <= 0 && !oneway) {
		pg_invoke_fail(c, PG_E_TIMEOUT, pg_arena_printf(c->arena,
		    "no time is left to send '%s' to %s", kind, agent_id));
		return NULL;
	}
	paglets_set(c, d, "agent_id", paglets_text(c, agent_id));
	if (host_url != NULL)
		paglets_set(c, d, "host_url", paglets_text(c, host_url));
	paglets_set(c, d, "message", upcall_message(c, kind, args, oneway));
	paglets_set(c, d, "oneway", paglets_bool(c, oneway));
	if (!oneway)
		paglets_set(c, d, "timeout",
		    paglets_float(c, pg_to_seconds(left)));
	return pg_value_inner(d);
}

PG_API const struct paglets_value *
paglets_send(struct paglets_call *c, const char *host_url,
    const char *agent_id, const char *kind, const struct paglets_value *args)
{
	const struct pg_value *d = upcall_letter(c, host_url, agent_id, kind,
	    args, false);

	if (d == NULL)
		return NULL;
	return pg_value_outer(pg_upcall(c, "send", PG_UPCALL_ASKS, d));
}

PG_API int
paglets_send_oneway(struct paglets_call *c, const char *host_url,
    const char *agent_id, const char *kind, const struct paglets_value *args)
{
	return pg_upcall(c, "send", PG_UPCALL_ASKS, upcall_letter(c, host_url,
	    agent_id, kind, args, true)) != NULL ? 0 : -1;
}

/* ---- The host ---- */

static void
upcall_text(struct paglets_call *c, struct paglets_value *d, const char *key,
    const char *text)
{
	if (text != NULL)
		paglets_set(c, d, key, paglets_text(c, text));
}

PG_API const struct paglets_value *
paglets_create(struct paglets_call *c, const struct paglets_creation *what)
{
	struct paglets_value *d = paglets_dict(c);
	const char *state_class = what->state_class;

	if (state_class == NULL)
		state_class = pg_fields_state_name(c->arena,
		    pg_str(what->agent_class)).p;
	upcall_text(c, d, "agent_class_name", what->agent_class);
	upcall_text(c, d, "state_class_name", state_class);
	upcall_text(c, d, "agent_id", what->agent_id);
	upcall_text(c, d, "target", what->target);
	upcall_text(c, d, "restart", what->restart);
	if (what->state != NULL)
		paglets_set(c, d, "state", what->state);
	if (what->init != NULL)
		paglets_set(c, d, "init", what->init);
	return pg_value_outer(pg_upcall(c, "create", PG_UPCALL_ASKS,
	    pg_value_inner(d)));
}

PG_API const struct paglets_value *
paglets_hosts(struct paglets_call *c)
{
	return pg_value_outer(pg_upcall(c, "hosts", PG_UPCALL_ASKS,
	    upcall_whereto(c, NULL, NULL)));
}

PG_API const struct paglets_value *
paglets_property_get(struct paglets_call *c, const char *name)
{
	struct paglets_value *d = paglets_dict(c);

	upcall_text(c, d, "name", name);
	return pg_value_outer(pg_upcall(c, "property_get", PG_UPCALL_ASKS,
	    pg_value_inner(d)));
}

PG_API int
paglets_property_set(struct paglets_call *c, const char *name,
    const char *value)
{
	struct paglets_value *d = paglets_dict(c);

	upcall_text(c, d, "name", name);
	paglets_set(c, d, "value", paglets_text(c, value));
	return pg_upcall(c, "property_set", PG_UPCALL_ASKS,
	    pg_value_inner(d)) != NULL ? 0 : -1;
}

/* ---- Registered files ---- */

PG_API const struct paglets_value *
paglets_file_register(struct paglets_call *c, const char *path,
    const char *name, enum paglets_file_mode mode)
{
	struct paglets_value *d = paglets_dict(c);

	upcall_text(c, d, "path", path);
	upcall_text(c, d, "name", name);
	upcall_text(c, d, "mode", mode == PAGLETS_FILE_MOVE ? "move" :
	    "copy");
	return pg_value_outer(pg_upcall(c, "file_register", PG_UPCALL_ASKS,
	    pg_value_inner(d)));
}

PG_API int
paglets_file_unregister(struct paglets_call *c, const char *name)
{
	struct paglets_value *d = paglets_dict(c);

	upcall_text(c, d, "name", name);
	return pg_upcall(c, "file_unregister", PG_UPCALL_ASKS,
	    pg_value_inner(d)) != NULL ? 0 : -1;
}

PG_API const struct paglets_value *
paglets_files(struct paglets_call *c)
{
	return pg_value_outer(pg_upcall(c, "files", PG_UPCALL_ASKS,
	    upcall_whereto(c, NULL, NULL)));
}

PG_API const char *
paglets_file_path(struct paglets_call *c, const char *name)
{
	struct paglets_value *d = paglets_dict(c);
	const struct pg_value *path;

	upcall_text(c, d, "name", name);
	path = pg_upcall(c, "file_path", PG_UPCALL_ASKS, pg_value_inner(d));
	if (path == NULL)
		return NULL;
	return pg_arena_str(c->arena, pg_value_text(path, PG_STR(""))).p;
}

PG_API void
paglets_log(struct paglets_call *c, enum paglets_level level, const char *fmt,
    ...)
{
	static const char *const names[] = { "error", "warn", "info",
		"debug" };
	struct pg_buf b = PG_BUF_INIT(PG_INVOKE_ERROR_MAX);
	struct pg_value v[2] = { { .type = PG_T_STR }, { .type = PG_T_STR } };
	const struct pg_pair pairs[2] = { { PG_STR("level"), &v[0] },
		{ PG_STR("text"), &v[1] } };
	va_list ap;

	va_start(ap, fmt);
	pg_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (b.failed) {
		pg_buf_reset(&b);
		pg_buf_putz(&b, "a line too long to log");
	}
	pg_fields_clean(b.p, b.n);
	v[0].u.p = names[(unsigned)level < PG_COUNT(names) ? level :
	    PAGLETS_INFO];
	v[0].n = (uint32_t)strlen(v[0].u.p);
	v[1].u.p = b.p;
	v[1].n = (uint32_t)b.n;
	pg_upline_send_head(&c->self->line, PG_FRAME_LOG, 0, pairs, 2);
	pg_buf_fini(&b);
}
