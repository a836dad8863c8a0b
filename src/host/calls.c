/* calls: see calls.h. Each operation either answers at once or leaves a
 * struct waiting_call behind, which the answer finds.
 */

#include "calls.h"

#include "../codec/json.h"
#include "bind.h"
#include "inactive.h"
#include "lifecycle.h"
#include "mesh.h"
#include "message.h"
#include "move.h"
#include "register.h"
#include "remote.h"
#include "stored.h"
#include "wire.h"

#define CALLS_ANSWER_MAX ((size_t)64 << 20) /* bytes of another host's answer */

/* A handler that waits. */
struct waiting_call {
	struct pg_agent *agent; /* a reference */
	uint32_t id;
	pid_t pid; /* of the process that waits: the next one counts anew */
	struct pg_buf body; /* of a request to another host */
};

static struct waiting_call *
calls_wait(struct pg_agent *a, uint32_t id)
{
	struct waiting_call *w = pg_alloc(sizeof(*w));

	*w = (struct waiting_call){ .agent = a, .id = id, .pid = a->pid };
	pg_agent_ref(a);
	return w;
}

static void
calls_end(struct waiting_call *w, const struct pg_outcome *o)
{
	if (w->agent->pid == w->pid)
		pg_agent_answer(w->agent, w->id, o);
	pg_agent_unref(w->agent);
	pg_buf_fini(&w->body);
	free(w);
}

static void
calls_fail(struct pg_agent *a, uint32_t id, const struct pg_err *e)
{
	pg_agent_answer(a, id, &(struct pg_outcome){ .err = e });
}

static void
calls_answer(struct pg_agent *a, uint32_t id, const struct pg_value *v)
{
	struct pg_buf b = PG_BUF_INIT(CALLS_ANSWER_MAX);
	struct pg_err e = { 0 };

	if (pg_wire_bare(&b, v, &e) < 0)
		calls_fail(a, id, &e);
	else
		pg_agent_answer(a, id, &(struct pg_outcome){
		    .body = pg_buf_str(&b) });
	pg_buf_fini(&b);
}

/* ---- Moves --------------------------------------------------------------- */

static void
calls_on_placed(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	struct waiting_call *w = arg;
	struct pg_arena a = { 0 };
	struct pg_buf b = { 0 };

	if (err == NULL)
		pg_wire_bare(&b, pg_wire_proxy(&a, url, id), NULL);
	calls_end(w, &(struct pg_outcome){ .err = err,
	    .body = pg_buf_str(&b) });
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
calls_move(struct pg_agent *a, uint32_t id, enum pg_kind kind,
    const struct pg_value *args)
{
	struct pg_ticket t;
	struct pg_err e = { 0 };

	if (pg_agent_check_call(a, &e) < 0 ||
	    pg_ticket_read_order(args, kind == PG_KIND_CLONE ?
	    PG_TICKET_OPTIONAL : PG_TICKET_EITHER, &t, &e) < 0)
		calls_fail(a, id, &e);
	else
		pg_move_start(a, kind, &t, true, calls_on_placed,
		    calls_wait(a, id));
}

static void
calls_dispatch(struct pg_agent *a, uint32_t id, const struct pg_value *args)
{
	calls_move(a, id, PG_KIND_DISPATCH, args);
}

static void
calls_clone(struct pg_agent *a, uint32_t id, const struct pg_value *args)
{
	calls_move(a, id, PG_KIND_CLONE, args);
}

static void
calls_on_done(void *arg, const struct pg_err *err)
{
	calls_end(arg, &(struct pg_outcome){ .err = err });
}

/* {request?}: as in PROTOCOL section 4; from itself unless it says more. */
static void
calls_deactivate(struct pg_agent *a, uint32_t id, const struct pg_value *args)
{
	struct pg_deactivation d;
	struct pg_err e = { 0 };

	if (pg_agent_check_call(a, &e) < 0 ||
	    pg_deactivation_read(pg_value_get(args, "request"), &d, &e) < 0)
		calls_fail(a, id, &e);
	else
		pg_deactivate(a, &d, true, calls_on_done,
		    calls_wait(a, id));
}

static void
calls_dispose(struct pg_agent *a, uint32_t id, const struct pg_value *args)
{
	struct pg_err e = { 0 };

	(void)args;
	if (pg_agent_check_call(a, &e) < 0)
		calls_fail(a, id, &e);
	else
		pg_dispose(a, true, false, calls_on_done,
		    calls_wait(a, id));
}

/* ---- Messages ------------------------------------------------------------ */

static void
calls_on_sent(struct pg_msg *m, const struct pg_outcome *o)
{
	calls_end(m->arg, o);
}

/* By when the answer to a synchronous send has to be there. */
static int64_t
calls_deadline(const struct pg_agent *a, double timeout)
{
	int64_t now = pg_loop_now(a->host->loop), deadline;

	deadline = now + (timeout >= 0 ? PG_MIN(pg_from_seconds(timeout),
	    3600 * PG_SEC) : PG_CALLS_SEND_TIME);
	if (a->running != NULL && a->running->deadline < deadline)
		deadline = a->running->deadline;
	return deadline;
}

static struct pg_msg *
calls_message(struct pg_agent *a, const struct pg_value *args,
    struct pg_str *to, struct pg_str *url, struct pg_err *e)
{
	struct pg_value *record = NULL;
	struct pg_msg *m;
	bool oneway = false;
	double timeout = -1;

	*url = PG_STR_NULL;
	if (pg_field_str(args, "agent_id", to, e) < 0 ||
	    pg_field_str_opt(args, "host_url", url, e) < 0 ||
	    pg_field_dict(args, "message", &record, e) < 0 ||
	    pg_field_bool_opt(args, "oneway", &oneway, e) < 0 ||
	    pg_field_float_opt(args, "timeout", &timeout, e) < 0 ||
	    pg_wire_check_id(*to, e) < 0)
		return NULL;
	m = pg_message_from_agent(record, oneway ? NULL : a, e);
	if (m == NULL)
		return NULL;
	m->oneway = oneway;
	if (!oneway)
		m->deadline = calls_deadline(a, timeout);
	return m;
}

/* Whether a message to this agent at that URL is for us to deliver. Who was
 * told of it before our address changed means the same agent. */
static bool
calls_is_here(struct pg_host *h, struct pg_str url, struct pg_str to)
{
	struct pg_str next;

	if (url.n == 0 || pg_str_eq(url, h->address))
		return true;
	return pg_bind_was(h->bind, url) && (pg_agent_find(h, to) != NULL ||
	    pg_forward_url(h, to, &next));
}

static void
calls_send(struct pg_agent *a, uint32_t id, const struct pg_value *args)
{
	struct pg_arena arena = { 0 };
	struct pg_str to, url;
	struct pg_err e = { 0 };
	struct pg_msg *m = calls_message(a, args, &to, &url, &e);
	struct pg_host *h = a->host;

	if (m != NULL && url.n > 0 &&
	    pg_mesh_resolve(h->mesh, url, &arena, &url, &e) < 0) {
		pg_msg_fail(m, &e);
		m = NULL;
	}
	if (m == NULL) {
		calls_fail(a, id, &e);
		goto out;
	}
	if (m->oneway) {
		/* The sender does not wait; neither does its call. */
		pg_agent_answer(a, id, &(struct pg_outcome){ .err = NULL });
	} else {
		m->on_done = calls_on_sent;
		m->arg = calls_wait(a, id);
	}
	if (calls_is_here(h, url, to))
		pg_message_deliver(h, to, m);
	else
		pg_message_remote(h, url, to, m);
out:
	pg_arena_fini(&arena);
}

/* ---- Creations ----------------------------------------------------------- */

static void
calls_on_created(void *arg, const struct pg_response *r)
{
	struct waiting_call *w = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_buf b = { 0 };
	struct pg_err e = { 0 };
	int rc;

	pg_arena_init(&a, PG_REMOTE_ARENA_MAX);
	rc = pg_remote_answer(r, w->agent->host->cfg.api_key.n > 0, &a, &v,
	    &e);
	if (rc == 0 && pg_value_get(v, "proxy") == NULL)
		rc = pg_fail(&e, PG_E_REMOTE, "creation answered without a "
		    "proxy");
	if (rc == 0)
		rc = pg_wire_bare(&b, pg_value_get(v, "proxy"), &e);
	calls_end(w, &(struct pg_outcome){ .err = rc < 0 ? &e : NULL,
	    .body = pg_buf_str(&b) });
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
calls_create_remote(struct pg_agent *a, uint32_t id,
    const struct pg_value *args, struct pg_str url)
{
	struct waiting_call *w = calls_wait(a, id);
	struct pg_err e = { 0 };
	struct pg_post post = { .timeout = PG_CALLS_SEND_TIME, .nbody = 1,
		.max_reply = CALLS_ANSWER_MAX };

	w->body.max = CALLS_ANSWER_MAX;
	if (pg_json_write(&w->body, args, &e) < 0) {
		calls_end(w, &(struct pg_outcome){ .err = &e });
		return;
	}
	post.body[0].text = pg_buf_str(&w->body);
	pg_remote_post(a->host, url, &post, calls_on_created, w, "/agents");
}

static void
calls_create(struct pg_agent *a, uint32_t id, const struct pg_value *args)
{
	struct pg_arena arena = { 0 };
	struct pg_str target = PG_STR_NULL;
	struct pg_err e = { 0 };

	if (pg_field_str_opt(args, "target", &target, &e) < 0 ||
	    (target.n > 0 && pg_mesh_resolve(a->host->mesh, target, &arena,
	    &target, &e) < 0))
		calls_fail(a, id, &e);
	else if (target.n == 0 || pg_str_eq(target, a->host->address))
		pg_arrive_creation(a->host, args, calls_on_placed,
		    calls_wait(a, id));
	else
		calls_create_remote(a, id, args, target);
	pg_arena_fini(&arena);
}

/* ---- Hosts and properties ------------------------------------------------ */

static void
calls_hosts(struct pg_agent *a, uint32_t id, const struct pg_value *args)
{
	struct pg_arena arena = { 0 };

	(void)args;
	calls_answer(a, id, pg_mesh_list(a->host->mesh, &arena));
	pg_arena_fini(&arena);
}

/* A property of the host, set by an agent for all agents here. */
struct calls_property {
	struct pg_arena arena;
	struct pg_str key;
	struct pg_value *value;
};

static void
calls_property_free(struct calls_property *p)
{
	if (p == NULL)
		return;
	pg_arena_fini(&p->arena);
	free(p);
}

/* What the host was started with under that name, or null; in *v. */
static const struct pg_value *
calls_own_property(const struct pg_host *h, struct pg_str name,
    struct pg_value *v)
{
	struct pg_str s;
	size_t i;

	*v = (struct pg_value){ .type = PG_T_NULL };
	for (i = 0; i < h->cfg.nproperties; i++)
		if (pg_str_eq(h->cfg.properties[i].key, name)) {
			s = h->cfg.properties[i].value;
			*v = (struct pg_value){ .type = PG_T_STR,
				.n = (uint32_t)s.n, .u.p = s.p };
		}
	return v;
}

static void
calls_property_get(struct pg_agent *a, uint32_t id,
    const struct pg_value *args)
{
	struct calls_property *p;
	struct pg_value v;
	struct pg_str name;
	struct pg_err e = { 0 };

	if (pg_field_str(args, "name", &name, &e) < 0) {
		calls_fail(a, id, &e);
		return;
	}
	p = pg_map_get(&a->host->properties, name);
	if (p != NULL)
		calls_answer(a, id, p->value);
	else
		calls_answer(a, id, calls_own_property(a->host, name, &v));
}

static int
calls_property_put(struct pg_host *h, struct pg_str name,
    const struct pg_value *value, struct pg_err *e)
{
	struct calls_property *p;

	if (name.n > PG_HOST_PROPERTY_NAME_MAX)
		return pg_fail(e, PG_E_LIMIT, "property name is over %d "
		    "bytes", PG_HOST_PROPERTY_NAME_MAX);
	if (value == NULL || pg_value_is(value, PG_T_NULL)) {
		calls_property_free(pg_map_del(&h->properties, name));
		return 0;
	}
	if (h->properties.n >= PG_HOST_PROPERTIES_MAX &&
	    pg_map_get(&h->properties, name) == NULL)
		return pg_fail(e, PG_E_LIMIT, "host has %d properties, the "
		    "most it takes", PG_HOST_PROPERTIES_MAX);
	p = pg_alloc(sizeof(*p));
	pg_arena_init(&p->arena, PG_HOST_PROPERTY_MAX);
	p->key = pg_arena_str(&p->arena, name);
	if (p->key.p == NULL ||
	    pg_value_copy(&p->arena, value, &p->value) < 0) {
		calls_property_free(p);
		return pg_fail(e, PG_E_LIMIT, "property is over %d bytes",
		    PG_HOST_PROPERTY_MAX);
	}
	/* The key lies in the value: take the old one out first. */
	calls_property_free(pg_map_del(&h->properties, p->key));
	pg_map_put(&h->properties, p->key, p);
	return 0;
}

PG_FN int
pg_calls_restore_property(struct pg_host *h, struct pg_str name,
    const struct pg_value *value, struct pg_err *e)
{
	return calls_property_put(h, name, value, e);
}

static void
calls_property_set(struct pg_agent *a, uint32_t id,
    const struct pg_value *args)
{
	struct pg_str name;
	const struct pg_value *value = pg_value_get(args, "value");
	struct pg_err e = { 0 };

	if (pg_field_str(args, "name", &name, &e) < 0 ||
	    calls_property_put(a->host, name, value, &e) < 0)
		calls_fail(a, id, &e);
	else
		pg_durable_property(a->host, name, pg_value_is(value,
		    PG_T_NULL) ? NULL : value, calls_on_done,
		    calls_wait(a, id));
}

/* ---- Registered files ---------------------------------------------------- */

static void
calls_on_registered(void *arg, const struct pg_err *err,
    const struct pg_fileref *file)
{
	struct waiting_call *w = arg;
	struct pg_arena a = { 0 };
	struct pg_buf b = { 0 };

	if (err == NULL)
		pg_wire_bare(&b, pg_fileref_value(file, &a), NULL);
	calls_end(w, &(struct pg_outcome){ .err = err,
	    .body = pg_buf_str(&b) });
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

/* {path T, name? T, mode? copy|move}: the File. */
static void
calls_register_file(struct pg_agent *a, uint32_t id,
    const struct pg_value *args)
{
	struct pg_str path, name = PG_STR_NULL, mode = PG_STR_NULL;
	struct pg_err e = { 0 };
	bool move;

	if (pg_field_str(args, "path", &path, &e) < 0 ||
	    pg_field_str_opt(args, "name", &name, &e) < 0 ||
	    pg_field_str_opt(args, "mode", &mode, &e) < 0 ||
	    pg_file_mode(mode, &move, &e) < 0)
		calls_fail(a, id, &e);
	else
		pg_register(a, path, name, move, calls_on_registered,
		    calls_wait(a, id));
}

static void
calls_unregister_file(struct pg_agent *a, uint32_t id,
    const struct pg_value *args)
{
	struct pg_str name;
	struct pg_err e = { 0 };

	if (pg_field_str(args, "name", &name, &e) < 0)
		calls_fail(a, id, &e);
	else
		pg_unregister(a, name, calls_on_done, calls_wait(a, id));
}

static void
calls_registered_files(struct pg_agent *a, uint32_t id,
    const struct pg_value *args)
{
	struct pg_arena arena = { 0 };

	(void)args;
	calls_answer(a, id, pg_files_value(a->files, &arena));
	pg_arena_fini(&arena);
}

static void
calls_registered_file_path(struct pg_agent *a, uint32_t id,
    const struct pg_value *args)
{
	struct pg_arena arena = { 0 };
	const struct pg_fileref *file;
	struct pg_str name;
	struct pg_err e = { 0 };

	if (pg_field_str(args, "name", &name, &e) < 0) {
		calls_fail(a, id, &e);
		return;
	}
	file = pg_files_find(a->files, name);
	if (file == NULL) {
		pg_fail(&e, PG_E_HOST, "No registered file '%.*s' for paglet "
		    "'%.*s'", PG_STR_ARG(name), PG_STR_ARG(a->id));
		calls_fail(a, id, &e);
		return;
	}
	calls_answer(a, id, pg_value_str(&arena, file->current_path));
	pg_arena_fini(&arena);
}

/* ---- Table --------------------------------------------------------------- */

static int
calls_on_call(struct pg_agent *a, uint32_t id, struct pg_str op,
    const struct pg_value *args, struct pg_err *e)
{
	static const struct {
		const char *op;
		void (*run)(struct pg_agent *a, uint32_t id,
		    const struct pg_value *args);
	} table[] = {
		{ "dispatch", calls_dispatch },
		{ "clone", calls_clone },
		{ "dispose", calls_dispose },
		{ "deactivate", calls_deactivate },
		{ "send", calls_send },
		{ "create", calls_create },
		{ "hosts", calls_hosts },
		{ "property_get", calls_property_get },
		{ "property_set", calls_property_set },
		{ "file_register", calls_register_file },
		{ "file_unregister", calls_unregister_file },
		{ "files", calls_registered_files },
		{ "file_path", calls_registered_file_path },
	};
	size_t i;

	for (i = 0; i < PG_COUNT(table); i++)
		if (pg_str_eqz(op, table[i].op)) {
			table[i].run(a, id, args);
			return 0;
		}
	if (pg_stored_call(a, id, op, args))
		return 0;
	return pg_fail(e, PG_E_HOST, "call of unknown operation '%.*s'",
	    PG_STR_ARG(op));
}

PG_FN void
pg_calls_init(struct pg_host *h)
{
	h->up.on_call = calls_on_call;
	pg_map_init(&h->properties, h->seed);
}

PG_FN void
pg_calls_fini(struct pg_host *h)
{
	struct calls_property *p;
	size_t at = 0;

	while ((p = pg_map_next(&h->properties, &at)) != NULL)
		calls_property_free(p);
	pg_map_fini(&h->properties);
}

#undef CALLS_ANSWER_MAX
