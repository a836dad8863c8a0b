/* invoke: the public face of a call: identity, arguments, reply, failure.
 *
 * Knows one call at a time and nothing of frames but that what it was given
 * is borrowed from one. An argument of the wrong type leaves the handler with
 * longjmp: bad input must change nothing, and a C handler that had to test
 * every argument would not. Only our own frames and the handler's are left.
 */
#include "invoke.h"

#include "../base/clock.h"

/* ---- From begin to end ---- */

static enum pg_call_for
invoke_purpose(const struct pg_frame *f)
{
	if (f == NULL)
		return PG_CALL_STEP;
	if (f->type == PG_FRAME_START)
		return PG_CALL_START;
	return f->type == PG_FRAME_MESSAGE ? PG_CALL_MESSAGE : PG_CALL_HOOK;
}

PG_FN void
pg_invoke_begin(struct paglets_call *c, struct pg_self *self,
    struct pg_arena *arena, const struct pg_frame *f)
{
	*c = (struct paglets_call){ .self = self, .arena = arena,
		.purpose = invoke_purpose(f) };
	c->deadline = pg_now() + PG_INVOKE_TIME;
	if (f != NULL && f->bulk != NULL)
		c->bulk = pg_bulk_ref(f->bulk);
	/* A step of run borrows nothing. */
	c->keeps = f == NULL;
}

PG_FN void
pg_invoke_end(struct paglets_call *c)
{
	for (; c->held != NULL; c->held = c->held->next)
		pg_bulk_unref(c->held->bulk);
	pg_bulk_unref(c->bulk);
	pg_buf_fini(&c->kept);
}

PG_FN void
pg_invoke_keep(struct paglets_call *c)
{
	if (!c->keeps)
		pg_frame_keep(&c->self->line.in, &c->kept);
	c->keeps = true;
}

PG_FN void
pg_invoke_hold(struct paglets_call *c, struct pg_bulk *bulk)
{
	struct pg_invoke_hold *h = pg_arena_alloc(c->arena, sizeof(*h));

	if (h == NULL) {
		c->short_of_memory = true;
		return;
	}
	h->bulk = pg_bulk_ref(bulk);
	h->next = c->held;
	c->held = h;
}

/* The only function that setjmp returns into twice: it has no locals. */
static int
invoke_guarded(struct paglets_call *c,
    int (*handle)(struct paglets_call *c), jmp_buf *bail)
{
	c->bail = bail;
	if (setjmp(*bail) != 0)
		return -1;
	return handle(c);
}

PG_FN int
pg_invoke(struct paglets_call *c, int (*handle)(struct paglets_call *c))
{
	jmp_buf bail;
	int rc = invoke_guarded(c, handle, &bail);

	c->bail = NULL;
	if (c->short_of_memory)
		return pg_invoke_fail(c, PG_E_LIMIT,
		    PG_STR("the call needs too much memory"));
	if (rc == 0)
		return 0;
	if (c->code == PG_E_OK)
		pg_invoke_fail(c, PG_E_HOST, pg_arena_printf(c->arena,
		    "%s '%s' failed without saying why",
		    c->hook != NULL ? "hook" : "message",
		    c->hook != NULL ? c->hook : c->kind));
	return -1;
}

/* ---- Identity ---- */

PG_API void *
paglets_state(struct paglets_call *c)
{
	return c->self->state;
}

PG_API const char *
paglets_agent_id(struct paglets_call *c)
{
	return c->self->id;
}

PG_API const char *
paglets_host_name(struct paglets_call *c)
{
	return c->self->host_name;
}

PG_API const char *
paglets_host_address(struct paglets_call *c)
{
	return c->self->host_address;
}

PG_API const char *
paglets_hook_name(struct paglets_call *c)
{
	return c->hook;
}

PG_API const struct paglets_value *
paglets_init(struct paglets_call *c)
{
	return pg_value_outer(c->init);
}

PG_API const struct paglets_value *
paglets_message(struct paglets_call *c)
{
	return pg_value_outer(c->message);
}

PG_API const char *
paglets_message_kind(struct paglets_call *c)
{
	return c->kind;
}

PG_API const char *
paglets_message_id(struct paglets_call *c)
{
	return paglets_as_text(c, paglets_get(paglets_message(c),
	    "message_id"));
}

PG_API const char *
paglets_message_sender(struct paglets_call *c)
{
	return paglets_as_text(c, paglets_get(paglets_message(c), "sender"));
}

PG_API int64_t
paglets_message_priority(struct paglets_call *c)
{
	return paglets_as_int(paglets_get(paglets_message(c), "priority"), 5);
}

/* ---- Arguments ---- */

PG_API const struct paglets_value *
paglets_args(struct paglets_call *c)
{
	return pg_value_outer(c->args);
}

static const struct pg_value *
invoke_arg(struct paglets_call *c, const char *name)
{
	const struct pg_value *v = pg_value_get(c->args, name);

	return pg_value_is(v, PG_T_NULL) ? NULL : v;
}

PG_API const struct paglets_value *
paglets_arg(struct paglets_call *c, const char *name)
{
	return pg_value_outer(invoke_arg(c, name));
}

static void __attribute__((noreturn))
invoke_mistyped(struct paglets_call *c, const char *name, const char *want,
    const struct pg_value *v)
{
	/* There are arguments only while a handler runs. */
	assert(c->bail != NULL);
	pg_invoke_fail(c, PG_E_HOST, pg_arena_printf(c->arena,
	    "argument '%s' must be %s, got %s", name, want,
	    pg_value_is(v, PG_T_BIG) ? "one beyond 64 bits" :
	    pg_value_type_name(v)));
	longjmp(*c->bail, 1);
}

PG_API int64_t
paglets_arg_int(struct paglets_call *c, const char *name, int64_t otherwise)
{
	const struct pg_value *v = invoke_arg(c, name);
	int64_t i;

	if (v == NULL)
		return otherwise;
	if (!pg_value_as_int(v, &i))
		invoke_mistyped(c, name, "int", v);
	return i;
}

PG_API double
paglets_arg_float(struct paglets_call *c, const char *name, double otherwise)
{
	const struct pg_value *v = invoke_arg(c, name);
	double f;

	if (v == NULL)
		return otherwise;
	if (!pg_value_as_float(v, &f))
		invoke_mistyped(c, name, "float", v);
	return f;
}

PG_API bool
paglets_arg_bool(struct paglets_call *c, const char *name, bool otherwise)
{
	const struct pg_value *v = invoke_arg(c, name);

	if (v == NULL)
		return otherwise;
	if (!pg_value_is(v, PG_T_BOOL))
		invoke_mistyped(c, name, "bool", v);
	return v->u.i != 0;
}

PG_API const char *
paglets_arg_text(struct paglets_call *c, const char *name,
    const char *otherwise)
{
	const struct pg_value *v = invoke_arg(c, name);

	if (v == NULL)
		return otherwise;
	if (!pg_value_is(v, PG_T_STR))
		invoke_mistyped(c, name, "str", v);
	return paglets_as_text(c, pg_value_outer(v));
}

/* ---- Reply ---- */

PG_API int
paglets_reply(struct paglets_call *c, const struct paglets_value *v)
{
	c->reply = pg_value_inner(v);
	c->reply_own = false;
	c->reply_state = false;
	return 0;
}

/* Make the reply a dict that may be written to, with the keys it has: one
 * that the handler gave may be part of the state. */
static void
invoke_own_reply(struct paglets_call *c)
{
	const struct pg_value *given = c->reply;
	uint32_t i;

	c->reply = pg_value_inner(paglets_dict(c));
	c->reply_own = true;
	if (!pg_value_is(given, PG_T_DICT))
		return;
	for (i = 0; i < given->n; i++)
		if (pg_value_put(c->arena, c->reply, given->u.pairs[i].key,
		    given->u.pairs[i].val) < 0)
			c->short_of_memory = true;
}

PG_API int
paglets_reply_value(struct paglets_call *c, const char *key,
    const struct paglets_value *v)
{
	if (!c->reply_own)
		invoke_own_reply(c);
	paglets_set(c, pg_value_outer(c->reply), key, v);
	return 0;
}

PG_API int
paglets_reply_int(struct paglets_call *c, const char *key, int64_t i)
{
	return paglets_reply_value(c, key, paglets_int(c, i));
}

PG_API int
paglets_reply_float(struct paglets_call *c, const char *key, double f)
{
	return paglets_reply_value(c, key, paglets_float(c, f));
}

PG_API int
paglets_reply_bool(struct paglets_call *c, const char *key, bool b)
{
	return paglets_reply_value(c, key, paglets_bool(c, b));
}

PG_API int
paglets_reply_text(struct paglets_call *c, const char *key, const char *text)
{
	return paglets_reply_value(c, key, paglets_text(c, text));
}

PG_API int
paglets_reply_state(struct paglets_call *c)
{
	c->reply_state = true;
	return 0;
}

PG_FN struct pg_value *
pg_invoke_reply(struct paglets_call *c)
{
	struct pg_value *d;
	uint32_t i;

	if (!c->reply_state)
		return c->reply != NULL ? c->reply : pg_value_null(c->arena);
	d = pg_value_dict(c->arena);
	if (d == NULL || pg_fields_reply(c->self->cls, c->self->state,
	    c->arena, d) < 0)
		return NULL;
	if (!pg_value_is(c->reply, PG_T_DICT))
		return d;
	for (i = 0; i < c->reply->n; i++)
		if (pg_value_set(c->arena, d, c->reply->u.pairs[i].key,
		    c->reply->u.pairs[i].val) < 0)
			return NULL;
	return d;
}

PG_API int
paglets_state_set(struct paglets_call *c, const struct paglets_value *fields)
{
	struct pg_err e = { 0 };

	if (pg_fields_assign(c->self->cls, c->self->state,
	    pg_value_inner(fields), c->bulk, &e) == 0)
		return 0;
	return pg_invoke_fail(c, PG_E_HOST, pg_str(e.msg));
}

/* ---- Failure ---- */

PG_FN int
pg_invoke_fail(struct paglets_call *c, enum pg_code code, struct pg_str text)
{
	struct pg_str cut = { text.p, PG_MIN(text.n,
	    (size_t)PG_INVOKE_ERROR_MAX) };

	/* Not in the middle of a character. */
	if (cut.n < text.n)
		cut.n = pg_utf8_valid(cut, true);
	c->code = code;
	c->text = pg_arena_str(c->arena, cut);
	if (c->text.p == NULL)
		c->text = PG_STR("out of memory");
	else
		pg_fields_clean((char *)(uintptr_t)c->text.p, c->text.n);
	return -1;
}

/* Which of the protocol's names travel from inside an agent: all but
 * SerializationError, which is about what comes in. */
static enum pg_code
invoke_code(const char *error_type)
{
	int i;

	for (i = PG_E_OK + 1; i < PG_E_COUNT; i++)
		if (i != PG_E_SERIAL && strcmp(error_type,
		    pg_code_wire((enum pg_code)i)) == 0)
			return (enum pg_code)i;
	return PG_E_HOST;
}

PG_API int
paglets_fail(struct paglets_call *c, const char *error_type, const char *fmt,
    ...)
{
	struct pg_buf b = PG_BUF_INIT(2 * PG_INVOKE_ERROR_MAX);
	va_list ap;

	va_start(ap, fmt);
	pg_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (b.failed)
		pg_invoke_fail(c, invoke_code(error_type),
		    PG_STR("an error too long to tell"));
	else
		pg_invoke_fail(c, invoke_code(error_type), pg_buf_str(&b));
	pg_buf_fini(&b);
	return -1;
}

PG_API const char *
paglets_error_type(struct paglets_call *c)
{
	return c->code != PG_E_OK ? pg_code_wire(c->code) : NULL;
}

PG_API const char *
paglets_error(struct paglets_call *c)
{
	return c->code != PG_E_OK ? c->text.p : NULL;
}
