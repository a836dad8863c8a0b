/* runtime: the process of one paglet.
 *
 * Knows the classes of this program and what each frame asks of a paglet;
 * how frames travel is upline's, how code is called invoke's business. One
 * thread, one frame at a time; between frames the steps of run. What comes
 * from the host is trusted to be well-formed and checked all the same: a
 * frame that makes no sense ends the process, never the host.
 */
#include "runtime.h"

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/map.h"
#include "../os/proc.h"
#include "invoke.h"

/* A state up to this weight comes with the reply to START. */
#define RUNTIME_STATE_MAX (16 * 1024)
/* The longest sleep of a run, ms: anything more is as good as forever. */
#define RUNTIME_DELAY_MAX (INT64_C(1) << 40)

/* ---- Classes ---- */

/* Set once, constant from then on. */
static struct {
	const struct paglets_class *const *classes;
	struct pg_str *state_names; /* one for each, in arena */
	struct pg_arena arena;
	char abi[17];
} runtime_table;

/* h with a name and two numbers more. Every agent's process begins with
 * this, so it neither allocates nor prints. */
static uint64_t
runtime_mix(uint64_t h, const char *name, size_t a, size_t b)
{
	const uint64_t key[2] = { h ^ a, b };

	return pg_siphash(key, pg_str(name));
}

static uint64_t
runtime_describe(uint64_t h, const struct paglets_class *cls)
{
	const struct paglets_field *f;

	h = runtime_mix(h, cls->name, (size_t)cls->schema, cls->size);
	for (f = cls->fields; f != NULL && f->name != NULL; f++)
		h = runtime_mix(h, f->name, f->kind, f->at);
	return h;
}

PG_FN void
pg_runtime_set_classes(const struct paglets_class *const *classes)
{
	uint64_t h = runtime_mix(PAGLETS_ABI, "paglets", PG_FRAME_PROTO,
	    sizeof(struct paglets_class));
	struct pg_arena *a = &runtime_table.arena;
	size_t i, n = 0;

	while (classes[n] != NULL)
		n++;
	pg_arena_reset(a);
	runtime_table.classes = classes;
	runtime_table.state_names = pg_arena_zalloc(a,
	    (n + 1) * sizeof(struct pg_str));
	for (i = 0; i < n; i++) {
		runtime_table.state_names[i] =
		    classes[i]->state_name != NULL ?
		    pg_str(classes[i]->state_name) :
		    pg_fields_state_name(a, pg_str(classes[i]->name));
		h = runtime_describe(h, classes[i]);
	}
	for (i = 0; i < sizeof(runtime_table.abi) - 1; i++, h >>= 4)
		runtime_table.abi[i] = "0123456789abcdef"[h & 15];
}

PG_FN const struct paglets_class *
pg_runtime_class_at(size_t i)
{
	size_t n;

	for (n = 0; runtime_table.classes != NULL; n++)
		if (runtime_table.classes[n] == NULL || n == i)
			return runtime_table.classes[n];
	return NULL;
}

PG_FN struct pg_str
pg_class_name(const struct paglets_class *c)
{
	return pg_str(c->name);
}

PG_FN struct pg_str
pg_class_state_name(const struct paglets_class *c)
{
	size_t i;

	for (i = 0; pg_runtime_class_at(i) != NULL; i++)
		if (pg_runtime_class_at(i) == c)
			return runtime_table.state_names[i];
	return PG_STR_NULL;
}

PG_FN bool
pg_class_has_run(const struct paglets_class *c)
{
	return c->run != NULL;
}

PG_FN bool
pg_class_restarts(const struct paglets_class *c)
{
	return c->restart == PAGLETS_RESTART_ON_CRASH;
}

PG_FN const char *
pg_class_kind_at(const struct paglets_class *c, size_t i)
{
	size_t n;

	for (n = 0; c->handlers != NULL; n++)
		if (c->handlers[n].kind == NULL || n == i)
			return c->handlers[n].kind;
	return NULL;
}

PG_FN const char *
pg_runtime_abi(void)
{
	return runtime_table.abi;
}

/* The part of a class name before its colon; p is NULL if there is no colon
 * or nothing on one side of it. */
static struct pg_str
runtime_module(struct pg_str name)
{
	const char *colon = name.n > 0 ? memchr(name.p, ':', name.n) : NULL;
	size_t n;

	if (colon == NULL)
		return PG_STR_NULL;
	n = (size_t)(colon - name.p);
	return n > 0 && n + 1 < name.n ? (struct pg_str){ name.p, n } :
	    PG_STR_NULL;
}

/* Why name is no class (or no state class) of ours, as Python would say. */
static int
runtime_unknown(struct pg_str name, struct pg_err *e)
{
	struct pg_str module = runtime_module(name);
	size_t i;

	if (module.p == NULL)
		return pg_fail(e, PG_E_SERIAL,
		    "Expected module:qualname, got '%.*s'", PG_STR_ARG(name));
	for (i = 0; pg_runtime_class_at(i) != NULL; i++)
		if (pg_str_eq(module, runtime_module(
		    pg_class_name(pg_runtime_class_at(i)))))
			return pg_fail(e, PG_E_SERIAL,
			    "Cannot resolve '%.*s'", PG_STR_ARG(name));
	return pg_fail(e, PG_E_SERIAL, "Cannot import module '%.*s'",
	    PG_STR_ARG(module));
}

/* The class whose own name, or whose state's name, is `name`. */
static const struct paglets_class *
runtime_find(struct pg_str name, bool state)
{
	const struct paglets_class *c;
	size_t i;

	for (i = 0; (c = pg_runtime_class_at(i)) != NULL; i++)
		if (pg_str_eq(name, state ? runtime_table.state_names[i] :
		    pg_class_name(c)))
			return c;
	return NULL;
}

/* state_name is not that of class c: say what it is. */
static int
runtime_wrong_state(const struct paglets_class *c, struct pg_str state_name,
    struct pg_err *e)
{
	if (runtime_find(state_name, false) != NULL)
		return pg_fail(e, PG_E_HOST, "%.*s is not a dataclass state",
		    PG_STR_ARG(state_name));
	if (runtime_find(state_name, true) == NULL)
		return runtime_unknown(state_name, e);
	return pg_fail(e, PG_E_SERIAL, "The state of %s is %.*s, not %.*s",
	    c->name, PG_STR_ARG(pg_class_state_name(c)),
	    PG_STR_ARG(state_name));
}

static struct pg_value *
runtime_class_value(struct pg_arena *a, const struct paglets_class *c)
{
	struct pg_value *d = pg_value_dict(a), *kinds = pg_value_list(a);
	const char *kind;
	size_t i;

	for (i = 0; (kind = pg_class_kind_at(c, i)) != NULL; i++)
		pg_value_add(a, kinds, pg_value_strz(a, kind));
	pg_value_put(a, d, PG_STR("name"), pg_value_str(a, pg_class_name(c)));
	pg_value_put(a, d, PG_STR("state_class_name"), pg_value_str(a,
	    pg_class_state_name(c)));
	pg_value_put(a, d, PG_STR("kinds"), kinds);
	pg_value_put(a, d, PG_STR("run"), pg_value_bool(a,
	    pg_class_has_run(c)));
	return d;
}

PG_FN struct pg_value *
pg_runtime_list(struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a), *list = pg_value_list(a);
	const struct paglets_class *c;
	size_t i;

	for (i = 0; (c = pg_runtime_class_at(i)) != NULL; i++)
		pg_value_add(a, list, runtime_class_value(a, c));
	pg_value_put(a, d, PG_STR("classes"), list);
	return d;
}

PG_FN const struct paglets_class *
pg_runtime_class(struct pg_str name, struct pg_str state_name,
    struct pg_err *e)
{
	const struct paglets_class *c = runtime_find(name, false);

	if (c == NULL) {
		if (runtime_find(name, true) != NULL)
			pg_fail(e, PG_E_HOST, "%.*s is not a Paglet subclass",
			    PG_STR_ARG(name));
		else
			runtime_unknown(name, e);
		return NULL;
	}
	if (c->abi != PAGLETS_ABI) {
		pg_fail(e, PG_E_SERIAL, "%s was built for paglets.h of ABI "
		    "%d, this program is of ABI %d", c->name, c->abi,
		    PAGLETS_ABI);
		return NULL;
	}
	if (state_name.n > 0 &&
	    !pg_str_eq(state_name, pg_class_state_name(c))) {
		runtime_wrong_state(c, state_name, e);
		return NULL;
	}
	return c;
}

/* ---- Answers ---- */

/* The error of c as REPLY to frame id. */
static void
runtime_fail(struct paglets_call *c, uint32_t id)
{
	pg_upline_send_error(&c->self->line, id, c->code, c->text);
}

/* v as REPLY to frame id; NULL stands for memory that ran out. */
static void
runtime_answer(struct paglets_call *c, uint32_t id, const struct pg_value *v)
{
	struct pg_upline *l = &c->self->line;
	struct pg_err e = { 0 };
	int rc;

	if (v != NULL) {
		rc = pg_pickle_value(pg_upline_body(l), v, &e);
		if (pg_upline_send(l, PG_FRAME_REPLY, id, PG_STR_NULL, rc,
		    &e) == 0)
			return;
	}
	pg_invoke_fail(c, PG_E_HOST, pg_arena_printf(c->arena,
	    "the reply cannot be sent: %s",
	    v != NULL ? e.msg : "out of memory"));
	runtime_fail(c, id);
}

/* A bare value of the frame behind c, borrowed from it. */
static struct pg_value *
runtime_decode(struct paglets_call *c, struct pg_str bytes)
{
	struct pg_err e = { 0 };
	struct pg_value *v;

	if (pg_pickle_read_value(bytes, c->arena, 0, &v, &e) < 0)
		pg_upline_broken(e.msg);
	return v;
}

/* ---- Hooks and snapshots ---- */

static int
runtime_run_hook(struct paglets_call *c, struct pg_str name)
{
	const struct paglets_hook *h = c->self->cls->hooks;

	for (; h != NULL && h->name != NULL; h++) {
		if (pg_str_eqz(name, h->name)) {
			c->hook = h->name;
			return pg_invoke(c, h->handle);
		}
	}
	return 0;
}

/* Whether run may step after this hook. Within a call there is nothing to
 * hold, and nothing that would end it: the RESULT goes on with the call. */
static void
runtime_set_hold(struct paglets_call *c, const struct pg_value *head,
    struct pg_str name)
{
	struct pg_self *self = c->self;
	const struct pg_value *hold = pg_value_get(head, "hold");

	if (hold != NULL && !pg_value_is(hold, PG_T_BOOL))
		pg_upline_broken("a hold that is no bool");
	if (pg_str_eqz(name, "resume") || pg_str_eqz(name, "dispatch_failed"))
		self->hold = false;
	else if (hold != NULL && hold->u.i != 0 && !self->asking)
		self->hold = true;
}

static void
runtime_hook(struct paglets_call *c, const struct pg_frame *f)
{
	const struct pg_value *head = runtime_decode(c, f->head);
	struct pg_str name = pg_value_text(pg_value_get(head, "name"),
	    PG_STR_NULL);
	uint32_t id = f->id;

	if (name.p == NULL)
		pg_upline_broken("a hook without name");
	runtime_set_hold(c, head, name);
	if (pg_str_eqz(name, "resume") || runtime_run_hook(c, name) == 0)
		runtime_answer(c, id, pg_value_null(c->arena));
	else
		runtime_fail(c, id);
}

static void
runtime_snapshot(struct paglets_call *c, const struct pg_frame *f)
{
	struct pg_upline *l = &c->self->line;
	struct pg_err e = { 0 };
	int rc;

	rc = pg_fields_write(c->self->cls, c->self->state, pg_upline_body(l),
	    &e);
	if (pg_upline_send(l, PG_FRAME_REPLY, f->id, PG_STR_NULL, rc,
	    &e) == 0)
		return;
	pg_invoke_fail(c, PG_E_HOST, pg_arena_printf(c->arena,
	    "the state cannot be sent: %s", e.msg));
	runtime_fail(c, f->id);
}

/* Within a call of the paglet: its handler has values of its own, which stay
 * where they are. */
static void
runtime_serve_nested(struct pg_self *self, const struct pg_frame *f)
{
	struct pg_arena arena;
	struct paglets_call c;

	pg_arena_init(&arena, PG_INVOKE_MEMORY_MAX);
	pg_invoke_begin(&c, self, &arena, f);
	if (f->type == PG_FRAME_HOOK)
		runtime_hook(&c, f);
	else
		runtime_snapshot(&c, f);
	pg_invoke_end(&c);
	pg_arena_fini(&arena);
}

/* ---- Start ---- */

static const char *
runtime_name(struct pg_self *self, const struct pg_value *head,
    const char *key)
{
	const struct pg_value *v = pg_value_get(head, key);

	if (!pg_value_is(v, PG_T_STR))
		pg_upline_broken("a name is missing");
	return pg_arena_str(&self->names, pg_value_text(v, PG_STR_NULL)).p;
}

/* Have the class convert a state of an older schema. */
static int
runtime_upgrade(struct paglets_call *c, struct pg_value *state,
    struct pg_err *e)
{
	const struct paglets_class *cls = c->self->cls;
	int64_t from;

	if (pg_fields_schema(cls, state, &from, e) < 0)
		return -1;
	if (from == cls->schema || cls->upgrade == NULL)
		return 0;
	if (cls->upgrade(c, from, pg_value_outer(state)) == 0 &&
	    !c->short_of_memory)
		return 0;
	return pg_fail(e, PG_E_SERIAL, "state of schema %" PRId64
	    " cannot be used: %.*s", from, PG_STR_ARG(c->code != PG_E_OK ?
	    c->text : PG_STR("its upgrade failed")));
}

static int
runtime_load(struct paglets_call *c, struct pg_str bytes, struct pg_err *e)
{
	struct pg_self *self = c->self;
	struct pg_value *state = NULL;

	if (bytes.n > 0)
		state = runtime_decode(c, bytes);
	self->state = pg_fields_new(self->cls);
	if (state == NULL || pg_value_is(state, PG_T_NULL))
		return 0;
	if (!pg_value_is(state, PG_T_DICT))
		return pg_fail(e, PG_E_SERIAL,
		    "Expected dict payload for the state of %s, got %s",
		    self->cls->name, pg_value_type_name(state));
	if (runtime_upgrade(c, state, e) < 0)
		return -1;
	return pg_fields_assign(self->cls, self->state, state, c->bulk, e);
}

/* {run, state?}: the host then need not ask for what the hook has made of a
 * small state. For a large one it has to, and must not find us in a step. */
static const struct pg_value *
runtime_started(struct paglets_call *c)
{
	struct paglets_value *d = paglets_dict(c);
	struct pg_value *state;

	paglets_set(c, d, "run", paglets_bool(c, c->self->run));
	if (pg_fields_weight(c->self->cls, c->self->state) >
	    RUNTIME_STATE_MAX) {
		c->self->hold = true;
		return pg_value_inner(d);
	}
	state = pg_value_dict(c->arena);
	if (c->self->cls->schema > 0)
		paglets_set(c, pg_value_outer(state), "_schema",
		    paglets_int(c, c->self->cls->schema));
	if (state != NULL && pg_fields_reply(c->self->cls, c->self->state,
	    c->arena, state) == 0)
		paglets_set(c, d, "state", pg_value_outer(state));
	return pg_value_inner(d);
}

/* Class and state; -1 with c's error set. */
static int
runtime_make(struct paglets_call *c, const struct pg_value *head,
    struct pg_str state)
{
	struct pg_self *self = c->self;
	struct pg_err e = { 0 };

	self->cls = pg_runtime_class(
	    pg_value_text(pg_value_get(head, "class"), PG_STR_NULL),
	    pg_value_text(pg_value_get(head, "state_class"), PG_STR_NULL),
	    &e);
	if (self->cls == NULL || runtime_load(c, state, &e) < 0)
		return pg_invoke_fail(c, e.code, pg_str(e.msg));
	return 0;
}

/* The head has been checked; say that the paglet lives, or why not. */
static void
runtime_begin_life(struct paglets_call *c, const struct pg_frame *f,
    const struct pg_value *head)
{
	static const char *const runs[] = { "creation", "clone", "arrival",
		"activation" };
	struct pg_str event = pg_value_text(pg_value_get(head, "event"),
	    PG_STR_NULL);
	uint32_t id = f->id;
	bool run = false;
	size_t i;

	if (runtime_make(c, head, f->body) < 0 ||
	    runtime_run_hook(c, event) < 0) {
		runtime_fail(c, id);
		return;
	}
	for (i = 0; i < PG_COUNT(runs); i++)
		run |= pg_str_eqz(event, runs[i]);
	c->self->run = run && c->self->cls->run != NULL;
	runtime_answer(c, id, runtime_started(c));
}

static void
runtime_start(struct paglets_call *c, const struct pg_frame *f)
{
	struct pg_self *self = c->self;
	const struct pg_value *head = runtime_decode(c, f->head);
	const struct pg_value *proto = pg_value_get(head, "proto");

	if (self->names.head != NULL)
		pg_upline_broken("a second start");
	if (!pg_value_is(proto, PG_T_INT) || proto->u.i != PG_FRAME_PROTO ||
	    !pg_str_eqz(pg_value_text(pg_value_get(head, "abi"), PG_STR_NULL),
	    pg_runtime_abi()))
		pg_upline_broken("it is of another version");
	self->id = runtime_name(self, head, "agent_id");
	self->host_name = runtime_name(self, head, "host_name");
	self->host_address = runtime_name(self, head, "host_address");
	c->init = pg_value_get(head, "init");
	if (pg_value_is(c->init, PG_T_NULL))
		c->init = NULL;
	runtime_begin_life(c, f, head);
}

/* ---- Messages ---- */

/* What is left for sends made while this message is handled, and where the
 * host is now. */
static void
runtime_open_head(struct paglets_call *c, struct pg_str bytes)
{
	const struct pg_value *head, *deadline;

	if (bytes.n == 0)
		return;
	head = runtime_decode(c, bytes);
	deadline = pg_value_get(head, "deadline");
	if (pg_value_is(deadline, PG_T_INT))
		c->deadline = deadline->u.i;
	if (pg_value_get(head, "host_address") != NULL)
		c->self->host_address = runtime_name(c->self, head,
		    "host_address");
}

/* The class's name without module and outer classes. */
static const char *
runtime_short_name(const struct paglets_class *cls)
{
	const char *p = strrchr(cls->name, ':');
	const char *dot;

	p = p != NULL ? p + 1 : cls->name;
	dot = strrchr(p, '.');
	return dot != NULL ? dot + 1 : p;
}

/* Read the Message into c. */
static void
runtime_open_message(struct paglets_call *c, const struct pg_frame *f)
{
	const struct pg_value *kind;

	c->message = runtime_decode(c, f->body);
	kind = pg_value_get(c->message, "kind");
	if (!pg_value_is(kind, PG_T_STR))
		pg_upline_broken("a message without kind");
	c->kind = paglets_as_text(c, pg_value_outer(kind));
	c->args = pg_value_get(c->message, "args");
	if (!pg_value_is(c->args, PG_T_DICT))
		c->args = pg_value_dict(c->arena);
	if (c->kind == NULL || c->args == NULL)
		pg_upline_broken("a message too large");
	runtime_open_head(c, f->head);
}

static void
runtime_message(struct paglets_call *c, const struct pg_frame *f)
{
	const struct paglets_class *cls = c->self->cls;
	const struct paglets_handler *h = cls->handlers;
	uint32_t id = f->id;

	runtime_open_message(c, f);
	while (h != NULL && h->kind != NULL && strcmp(h->kind, c->kind) != 0)
		h++;
	if (h == NULL || h->kind == NULL) {
		pg_invoke_fail(c, PG_E_NOT_HANDLED, pg_arena_printf(c->arena,
		    "%s did not handle '%s'", runtime_short_name(cls),
		    c->kind));
		runtime_fail(c, id);
	} else if (pg_invoke(c, h->handle) == 0) {
		runtime_answer(c, id, pg_invoke_reply(c));
	} else {
		runtime_fail(c, id);
	}
}

/* ---- Run ---- */

static void
runtime_run_done(struct paglets_call *c)
{
	struct pg_value text = { .type = PG_T_STR, .n = (uint32_t)c->text.n,
		.u.p = c->text.p };
	const struct pg_pair pair = { PG_STR("error"), &text };

	c->self->run = false;
	if (c->code != PG_E_OK) {
		pg_upline_send_head(&c->self->line, PG_FRAME_RUN_DONE, 0,
		    &pair, 1);
		return;
	}
	pg_upline_body(&c->self->line);
	pg_upline_send(&c->self->line, PG_FRAME_RUN_DONE, 0, PG_STR_NULL, 0,
	    NULL);
}

static void
runtime_step(struct pg_self *self)
{
	struct paglets_call c;
	int64_t delay;

	pg_invoke_begin(&c, self, &self->arena, NULL);
	delay = self->cls->run(&c);
	if (delay < 0)
		runtime_run_done(&c);
	else
		self->run_at = pg_now() + PG_MS * PG_MIN(delay,
		    RUNTIME_DELAY_MAX);
	pg_invoke_end(&c);
}

/* ---- The loop ---- */

/* Give back what the last calls needed. */
static void
runtime_settle(struct pg_self *self)
{
	pg_arena_reset(&self->arena);
	if (self->state != NULL)
		pg_fields_tidy(self->cls, self->state);
}

static void
runtime_serve(struct pg_self *self, const struct pg_frame *f)
{
	struct paglets_call c;

	if (self->state == NULL && f->type != PG_FRAME_START)
		pg_upline_broken("a command to a paglet that never started");
	pg_invoke_begin(&c, self, &self->arena, f);
	switch (f->type) {
	case PG_FRAME_START:
		runtime_start(&c, f);
		break;
	case PG_FRAME_MESSAGE:
		runtime_message(&c, f);
		break;
	case PG_FRAME_HOOK:
		runtime_hook(&c, f);
		break;
	case PG_FRAME_SNAPSHOT:
		runtime_snapshot(&c, f);
		break;
	case PG_FRAME_RECALL:
	case PG_FRAME_STOP:
	case PG_FRAME_RESULT:
	case PG_FRAME_REPLY:
	case PG_FRAME_CALL:
	case PG_FRAME_RECALLED:
	case PG_FRAME_LOG:
	case PG_FRAME_RUN_DONE:
	case PG_FRAME_TYPES:
		pg_upline_broken("a frame out of place");
	}
	pg_invoke_end(&c);
}

/* When run is to be called next. */
static int64_t
runtime_next_step(const struct pg_self *self)
{
	return self->run && !self->hold ? self->run_at : PG_NEVER;
}

static void
runtime_loop(struct pg_self *self)
{
	struct pg_frame f;
	int rc;

	for (;;) {
		rc = pg_upline_next(&self->line, runtime_next_step(self), &f);
		if (rc < 0)
			return;
		if (rc > 0)
			runtime_serve(self, &f);
		if (pg_now() >= runtime_next_step(self))
			runtime_step(self);
		runtime_settle(self);
	}
}

/* A pid in decimal; 0 for anything else. */
static pid_t
runtime_pid(const char *text)
{
	char *end;
	long n;

	if (text == NULL || *text < '1' || *text > '9')
		return 0;
	errno = 0;
	n = strtol(text, &end, 10);
	return *end == '\0' && errno == 0 && n <= INT_MAX ? (pid_t)n : 0;
}

PG_FN int
pg_runtime_main(int argc, char **argv)
{
	struct pg_self self = { .serve = runtime_serve_nested };
	pid_t host = argc == 2 ? runtime_pid(argv[1]) : 0;

	if (host == 0) {
		pg_log(PG_LOG_ERROR, "agent: not to be started by hand");
		return PG_UPLINE_BROKEN;
	}
	pg_proc_enter(host, PG_RUNTIME_ARGV0);
	pg_upline_init(&self.line, PG_PROC_FD);
	self.arena.max = PG_INVOKE_MEMORY_MAX;
	runtime_loop(&self);
	if (self.cls != NULL)
		pg_fields_free(self.cls, self.state);
	pg_upline_fini(&self.line);
	pg_arena_fini(&self.arena);
	pg_arena_fini(&self.names);
	return 0;
}

#undef RUNTIME_STATE_MAX
#undef RUNTIME_DELAY_MAX
