/* durable: see durable.h. */

#include "durable.h"

#include "../base/log.h"
#include "../codec/json.h"
#include "../codec/pickle.h"
#include "../state/store.h"
#include "wire.h"

/* Bytes of a key. */
#define DURABLE_KEY 320

/* Words of enum pg_durable_status. */
static const char *const durable_words[] = { "active", "inactive", "crashed",
	"arrived", "leaving" };

/* A change on its way to the disk. */
struct durable_op {
	struct pg_commit commit;
	struct pg_host *host;
	struct pg_agent *agent; /* a reference, or NULL */
	pg_durable_done *done;
	void *arg;
	/* A large state: its file is written first, then the change. */
	struct pg_change change;
	uint32_t save;
	bool names_file; /* or takes the name of one away */
	bool lists_files; /* of the agent, as they are when it is committed */
	struct pg_files *files; /* those, a reference */
	char file[PG_AGENT_ID_MAX + 48];
};

/* An agent on its way off the disk. */
struct durable_going {
	struct pg_agent *agent; /* a reference */
	pg_durable_done *done;
	void *arg;
};

static struct pg_str
durable_key(char out[DURABLE_KEY], const char *kind, struct pg_str id)
{
	int n = snprintf(out, DURABLE_KEY, "%s/%.*s", kind, PG_STR_ARG(id));

	return (struct pg_str){ out, PG_MIN((size_t)n,
	    (size_t)DURABLE_KEY - 1) };
}

/* ---- Changes ----------------------------------------------------------------- */

static void
durable_end(struct durable_op *op, const struct pg_err *err)
{
	if (op->done != NULL)
		op->done(op->arg, err);
	else if (err != NULL)
		pg_log(PG_LOG_ERROR, "durable: %s", err->msg);
	if (op->agent != NULL)
		pg_agent_unref(op->agent);
	pg_files_unref(op->files);
	pg_buf_fini(&op->change.puts);
	pg_buf_fini(&op->change.dels);
	free(op);
}

/* The record of an agent names this file now (or none, ""): the one before is
 * nobody's. */
static void
durable_name_file(struct pg_agent *a, const char *file)
{
	char *before = a->state_file;

	a->state_file = file[0] != '\0' ? pg_strdup(pg_str(file)) : NULL;
	if (before != NULL && strcmp(before, file) != 0)
		pg_store_remove_state(a->host->store, pg_str(before));
	free(before);
}

static void
durable_on_commit(struct pg_commit *c, const struct pg_err *err)
{
	struct durable_op *op = PG_CONTAINER(c, struct durable_op, commit);

	if (err == NULL && op->names_file)
		durable_name_file(op->agent, op->file);
	if (err == NULL && op->lists_files) {
		pg_files_unref(op->agent->files_kept);
		op->agent->files_kept = pg_files_ref(op->files);
	}
	durable_end(op, err);
}

static struct durable_op *
durable_new(struct pg_host *h, struct pg_agent *a, pg_durable_done *done,
    void *arg)
{
	struct durable_op *op = pg_alloc(sizeof(*op));

	*op = (struct durable_op){ .host = h, .agent = a, .done = done,
		.arg = arg };
	if (a != NULL)
		pg_agent_ref(a);
	return op;
}

static int
durable_put(struct durable_op *op, const char *kind, struct pg_str id,
    const struct pg_value *v, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(PG_STORE_RECORD_MAX);
	char key[DURABLE_KEY];
	int rc = pg_json_write(&b, v, e);

	if (rc == 0)
		pg_change_put(&op->change, durable_key(key, kind, id),
		    pg_buf_str(&b));
	pg_buf_fini(&b);
	return rc;
}

static void
durable_del(struct durable_op *op, const char *kind, struct pg_str id)
{
	char key[DURABLE_KEY];

	pg_change_del(&op->change, durable_key(key, kind, id));
}

/* Last of all, so that of two changes under way the later has the later
 * list. */
static int
durable_put_files(struct durable_op *op, struct pg_err *e)
{
	struct pg_agent *a = op->agent;
	struct pg_arena arena = { 0 };
	struct pg_value *d = pg_value_dict(&arena);
	int rc = 0;

	op->files = pg_files_ref(a->files);
	if (a->files == NULL) {
		durable_del(op, "files", a->id);
	} else {
		pg_put(&arena, d, "files", pg_files_value(a->files, &arena));
		rc = durable_put(op, "files", a->id, d, e);
	}
	pg_arena_fini(&arena);
	return rc;
}

static void
durable_commit(struct durable_op *op)
{
	struct pg_err err = { 0 };

	op->commit.done = durable_on_commit;
	if (op->save > 0)
		op->agent->saved = op->save;
	if ((op->lists_files && durable_put_files(op, &err) < 0) ||
	    pg_store_commit(op->host->store, &op->change, &op->commit,
	    &err) < 0)
		durable_end(op, &err);
}

/* ---- Records of agents ---------------------------------------------------------- */

PG_FN struct pg_value *
pg_policy_value(const struct pg_policy *p, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put_bool(a, d, "activate_on_message", p->on_message);
	pg_put_bool(a, d, "queue_messages_when_inactive", p->queue);
	pg_put_bool(a, d, "activate_on_startup", p->on_startup);
	pg_put(a, d, "activate_at", p->has_at ? pg_value_float(a, p->at) :
	    NULL);
	return d;
}

static struct pg_value *
durable_agent_value(const struct pg_agent *a, enum pg_durable_status status,
    const struct pg_durable_extra *extra, struct pg_arena *arena)
{
	struct pg_value *d = pg_value_dict(arena), *seen;

	pg_put_strz(arena, d, "status", durable_words[status]);
	pg_put_str(arena, d, "class_name", a->class_name);
	pg_put_str(arena, d, "state_class_name", a->state_class);
	if (a->restart != PG_RESTART_AS_CLASS)
		pg_put_strz(arena, d, "restart", pg_restart_word(a->restart));
	if (status == PG_DURABLE_INACTIVE) {
		pg_put(arena, d, "policy", pg_policy_value(&a->policy,
		    arena));
		pg_put_float(arena, d, "deactivated_at",
		    pg_to_seconds(a->deactivated_at));
	}
	if (status == PG_DURABLE_CRASHED) {
		pg_put_int(arena, d, "exitcode", a->exitcode);
		pg_put_strz(arena, d, "error", a->error);
	}
	pg_put_float(arena, d, "time", pg_to_seconds(pg_now_wall()));
	seen = pg_dedupe_value(a->window, arena, pg_loop_now(a->host->loop));
	if (extra != NULL && extra->answer != NULL && a->running != NULL &&
	    a->running->given_id)
		seen = pg_dedupe_foresee(seen, arena, a->running->once,
		    extra->answer);
	if (seen != NULL)
		pg_put(arena, d, "seen", seen);
	if (extra != NULL && extra->reason != NULL)
		pg_value_put(arena, d, PG_STR("request"),
		    (struct pg_value *)(uintptr_t)extra->reason);
	if (extra != NULL && extra->event != NULL)
		pg_put_strz(arena, d, "event", extra->event);
	if (extra != NULL && extra->move != NULL)
		pg_value_put(arena, d, PG_STR("move"),
		    (struct pg_value *)(uintptr_t)extra->move);
	return d;
}

/* The state within the record: a bare pickle as base64, which keeps every
 * value exactly as it is. */
static void
durable_put_state(struct pg_value *d, const struct pg_agent *a,
    struct pg_buf *text, struct pg_arena *arena)
{
	pg_buf_base64(text, (struct pg_str){ a->state->p + a->state_off,
	    a->state_len });
	pg_put_str(arena, d, "state", pg_buf_str(text));
}

static void
durable_put_transfer(struct durable_op *op, struct pg_str transfer,
    const char *status, struct pg_arena *arena)
{
	struct pg_value *d = pg_value_dict(arena);

	pg_put_strz(arena, d, "status", status);
	if (op->agent != NULL)
		pg_put_str(arena, d, "agent_id", op->agent->id);
	pg_put_float(arena, d, "time", pg_to_seconds(pg_now_wall()));
	durable_put(op, "transfer", transfer, d, NULL);
}

/* The state file is on disk: name it, unless a later save has overtaken. Then
 * this one is done when that is; but an agent that is gone although nobody has
 * disposed of it (its host ends) is not written down any more, and nobody is
 * to think so. */
static void
durable_on_file(struct pg_commit *c, const struct pg_err *err)
{
	struct durable_op *op = PG_CONTAINER(c, struct durable_op, commit);
	const struct pg_agent *a = op->agent;
	struct pg_err gone = { 0 };

	if (err == NULL && op->save > a->saved) {
		durable_commit(op);
		return;
	}
	if (err == NULL && a->phase == PG_AGENT_GONE && !a->going) {
		pg_fail(&gone, PG_E_BUSY, "%.*s is shutting down",
		    PG_STR_ARG(a->host->name));
		err = &gone;
	}
	pg_store_remove_state(op->host->store, pg_str(op->file));
	if (err != NULL) {
		durable_end(op, err);
		return;
	}
	pg_change_fini(&op->change);
	op->save = 0;
	op->names_file = op->lists_files = false;
	durable_commit(op);
}

static void
durable_save_large(struct durable_op *op)
{
	struct pg_agent *a = op->agent;
	struct pg_err err = { 0 };

	op->commit.done = durable_on_file;
	if (pg_store_write_state(op->host->store, pg_str(op->file), a->state,
	    a->state_off, a->state_len, &op->commit, &err) < 0)
		durable_end(op, &err);
}

/* Whether a is still one of us, and its state at hand: what a host has not
 * touched since its start is fetched. */
static int
durable_may_save(struct pg_agent *a, struct pg_err *e)
{
	if (a->going)
		return pg_fail(e, PG_E_INVALID_AGENT, "Paglet '%.*s' is being "
		    "disposed of", PG_STR_ARG(a->id));
	return pg_durable_load_state(a, e);
}

PG_FN void
pg_durable_save(struct pg_agent *a, enum pg_durable_status status,
    const struct pg_durable_extra *extra, pg_durable_done *done, void *arg)
{
	struct durable_op *op;
	struct pg_arena arena = { 0 };
	struct pg_buf text = PG_BUF_INIT(2 * PG_STORE_STATE_INLINE);
	struct pg_value *d;
	struct pg_err err = { 0 };
	bool large;

	if (a->host->store == NULL || durable_may_save(a, &err) < 0) {
		if (done != NULL)
			done(arg, err.code != PG_E_OK ? &err : NULL);
		return;
	}
	op = durable_new(a->host, a, done, arg);
	op->save = ++a->saves;
	op->names_file = true;
	op->lists_files = a->files != a->files_kept;
	large = a->state_len > PG_STORE_STATE_INLINE;
	d = durable_agent_value(a, status, extra, &arena);
	if (large) {
		/* One name for each save, whatever the clock does. */
		snprintf(op->file, sizeof(op->file), "%.*s.%" PRId64
		    "-%" PRIu32, PG_STR_ARG(a->id), pg_now_wall() / 1000,
		    op->save);
		pg_put_strz(&arena, d, "state_file", op->file);
	} else {
		durable_put_state(d, a, &text, &arena);
	}
	/* Who comes is no longer elsewhere. */
	if (status == PG_DURABLE_ARRIVED || (extra != NULL &&
	    extra->transfer.n > 0))
		durable_del(op, "note", a->id);
	if (extra != NULL && extra->transfer.n > 0)
		durable_put_transfer(op, extra->transfer, "committed",
		    &arena);
	if (extra != NULL && extra->undone.n > 0)
		durable_del(op, "transfer", extra->undone);
	if (durable_put(op, "agent", a->id, d, &err) < 0)
		durable_end(op, &err);
	else if (large)
		durable_save_large(op);
	else
		durable_commit(op);
	pg_buf_fini(&text);
	pg_arena_fini(&arena);
}

/* Those of an agent whose record goes. */
static void
durable_del_files(struct durable_op *op)
{
	struct pg_agent *a = op->agent;

	if (a->files == NULL && a->files_kept == NULL)
		return;
	durable_del(op, "files", a->id);
	pg_files_unref(a->files_kept);
	a->files_kept = NULL;
}

static void
durable_del_kept(struct durable_op *op, struct pg_str agent_id, uint64_t n)
{
	char id[DURABLE_KEY];

	snprintf(id, sizeof(id), "%.*s/%" PRIu64, PG_STR_ARG(agent_id), n);
	durable_del(op, "queue", pg_str(id));
}

static void
durable_on_gone(void *arg, const struct pg_err *err)
{
	struct durable_going *g = arg;

	/* It could not be removed: it is still one of us. */
	if (err != NULL)
		g->agent->going = false;
	if (g->done != NULL)
		g->done(g->arg, err);
	pg_agent_unref(g->agent);
	free(g);
}

PG_FN void
pg_durable_files(struct pg_agent *a, pg_durable_done *done, void *arg)
{
	struct pg_host *h = a->host;
	struct durable_op *op;

	if (h->store == NULL || a->going || a->hidden ||
	    a->phase == PG_AGENT_STARTING || a->phase == PG_AGENT_GONE ||
	    (h->cfg.durability == PG_DURABILITY_NONE && !a->by_move)) {
		done(arg, NULL);
		return;
	}
	op = durable_new(h, a, done, arg);
	op->lists_files = true;
	durable_commit(op);
}

PG_FN void
pg_durable_forget(struct pg_agent *a, pg_durable_done *done, void *arg)
{
	struct durable_op *op;

	if (a->host->store == NULL) {
		if (done != NULL)
			done(arg, NULL);
		return;
	}
	op = durable_new(a->host, a, done, arg);
	a->saved = ++a->saves;
	op->names_file = true;
	durable_del(op, "agent", a->id);
	durable_del_files(op);
	durable_commit(op);
}

PG_FN void
pg_durable_gone(struct pg_agent *a, struct pg_str note,
    struct pg_str undone, pg_durable_done *done, void *arg)
{
	struct durable_op *op;
	struct durable_going *g;
	struct pg_arena arena = { 0 };
	struct pg_value *d;
	uint64_t n;

	if (a->host->store == NULL) {
		if (done != NULL)
			done(arg, NULL);
		return;
	}
	g = pg_alloc(sizeof(*g));
	*g = (struct durable_going){ .agent = a, .done = done, .arg = arg };
	pg_agent_ref(a);
	a->going = true;
	a->saved = ++a->saves;
	op = durable_new(a->host, a, durable_on_gone, g);
	d = pg_value_dict(&arena);
	op->names_file = true;
	durable_del(op, "agent", a->id);
	durable_del_files(op);
	/* What was kept follows it, and is kept until it has got there. */
	for (n = a->kept_first; note.n == 0 && n < a->kept_next; n++)
		durable_del_kept(op, a->id, n);
	if (note.n > 0) {
		pg_put_str(&arena, d, "url", note);
		pg_put_float(&arena, d, "time",
		    pg_to_seconds(pg_now_wall()));
		durable_put(op, "note", a->id, d, NULL);
	}
	if (undone.n > 0)
		durable_del(op, "transfer", undone);
	durable_commit(op);
	pg_arena_fini(&arena);
}

/* ---- Messages kept ------------------------------------------------------------------ */

/* Its record, with what it is known by when it is sent again: that depends on
 * more than the message says. */
static int
durable_put_message(struct durable_op *op, const struct pg_msg *m,
    const char *id, struct pg_arena *arena, struct pg_err *e)
{
	struct pg_value *record;

	if (pg_pickle_read_value(m->body, arena, 0, &record, e) < 0)
		return -1;
	if (m->once.n > 0)
		pg_put_str(arena, record, "once", m->once);
	return durable_put(op, "queue", pg_str(id), record, e);
}

PG_FN void
pg_durable_queue(struct pg_agent *a, struct pg_msg *m, pg_durable_done *done,
    void *arg)
{
	struct durable_op *op;
	struct pg_arena arena = { 0 };
	char id[DURABLE_KEY];
	struct pg_err err = { 0 };

	m->kept = ++a->kept_next;
	a->nkept++;
	if (a->host->store == NULL) {
		done(arg, NULL);
		return;
	}
	op = durable_new(a->host, a, done, arg);
	snprintf(id, sizeof(id), "%.*s/%" PRIu64, PG_STR_ARG(a->id),
	    m->kept - 1);
	if (a->going)
		pg_fail(&err, PG_E_INVALID_AGENT, "No paglet '%.*s'",
		    PG_STR_ARG(a->id));
	if (a->going || durable_put_message(op, m, id, &arena, &err) < 0)
		durable_end(op, &err);
	else
		durable_commit(op);
	pg_arena_fini(&arena);
}

PG_FN void
pg_durable_unkept(struct pg_agent *a, uint64_t kept)
{
	a->nkept--;
	if (kept - 1 == a->kept_first)
		a->kept_first++;
	/* Beyond numbers that never got to the disk there may be others. */
	if (a->nkept == 0)
		a->kept_first = a->kept_next;
}

PG_FN void
pg_durable_delivered(struct pg_agent *a, uint64_t kept)
{
	if (kept > 0)
		pg_durable_unkept(a, kept);
	pg_durable_forwarded(a->host, a->id, kept);
}

PG_FN void
pg_durable_forwarded(struct pg_host *h, struct pg_str agent_id, uint64_t kept)
{
	struct durable_op *op;

	if (kept == 0 || h->store == NULL)
		return;
	op = durable_new(h, NULL, NULL, NULL);
	durable_del_kept(op, agent_id, kept - 1);
	durable_commit(op);
}

/* ---- The rest ------------------------------------------------------------------------ */

PG_FN void
pg_durable_refuse(struct pg_host *h, struct pg_str transfer,
    pg_durable_done *done, void *arg)
{
	struct durable_op *op;
	struct pg_arena arena = { 0 };

	if (h->store == NULL || transfer.n == 0) {
		done(arg, NULL);
		return;
	}
	op = durable_new(h, NULL, done, arg);
	durable_put_transfer(op, transfer, "refused", &arena);
	durable_commit(op);
	pg_arena_fini(&arena);
}

PG_FN void
pg_durable_forget_transfer(struct pg_host *h, struct pg_str transfer,
    pg_durable_done *done, void *arg)
{
	struct durable_op *op;

	if (h->store == NULL || transfer.n == 0) {
		if (done != NULL)
			done(arg, NULL);
		return;
	}
	op = durable_new(h, NULL, done, arg);
	durable_del(op, "transfer", transfer);
	durable_commit(op);
}

PG_FN void
pg_durable_forget_note(struct pg_host *h, struct pg_str agent_id)
{
	struct durable_op *op;

	if (h->store == NULL)
		return;
	op = durable_new(h, NULL, NULL, NULL);
	durable_del(op, "note", agent_id);
	durable_commit(op);
}

/* Put, or with value NULL remove, what stands by itself. */
static void
durable_set(struct durable_op *op, const char *kind, struct pg_str name,
    const struct pg_value *value)
{
	struct pg_err err = { 0 };

	if (value == NULL)
		durable_del(op, kind, name);
	else if (durable_put(op, kind, name, value, &err) < 0) {
		durable_end(op, &err);
		return;
	}
	durable_commit(op);
}

PG_FN void
pg_durable_property(struct pg_host *h, struct pg_str name,
    const struct pg_value *value, pg_durable_done *done, void *arg)
{
	if (h->store == NULL)
		done(arg, NULL);
	else
		durable_set(durable_new(h, NULL, done, arg), "property",
		    name, value);
}

PG_FN void
pg_durable_claim(struct pg_host *h, struct pg_str name,
    const struct pg_value *value)
{
	if (h->store != NULL)
		durable_set(durable_new(h, NULL, NULL, NULL), "claim", name,
		    value);
}

PG_FN bool
pg_durable_every_message(const struct pg_host *h)
{
	return h->store != NULL && h->cfg.durability == PG_DURABILITY_MESSAGE;
}

/* ---- Back from the disk --------------------------------------------------------------- */

PG_FN int
pg_durable_status_read(const struct pg_value *record)
{
	struct pg_str word = pg_value_text(pg_value_get(record, "status"),
	    PG_STR_NULL);
	size_t i;

	for (i = 0; i < PG_COUNT(durable_words); i++)
		if (pg_str_eqz(word, durable_words[i]))
			return (int)i;
	return -1;
}

PG_FN int
pg_durable_state(struct pg_store *s, const struct pg_value *record,
    struct pg_bulk **out, struct pg_err *e)
{
	struct pg_str text = pg_value_text(pg_value_get(record, "state"),
	    PG_STR_NULL);
	struct pg_str file = pg_value_text(pg_value_get(record,
	    "state_file"), PG_STR_NULL);
	char *bytes;
	ssize_t n;

	if (file.n > 0) {
		*out = pg_store_read_state(s, file, e);
		return *out != NULL ? 0 : -1;
	}
	bytes = pg_realloc(NULL, text.n + 1);
	n = pg_base64_decode(text, bytes);
	*out = n <= 0 ? NULL : pg_bulk_copy((struct pg_str){ bytes,
	    (size_t)n }, e);
	free(bytes);
	if (n <= 0)
		return pg_fail(e, PG_E_SERIAL, "record holds no state");
	return *out != NULL ? 0 : -1;
}

PG_FN int
pg_durable_record(struct pg_agent *a, struct pg_arena *arena,
    struct pg_value **out, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(PG_STORE_RECORD_MAX);
	char key[DURABLE_KEY];
	struct pg_str json;
	int rc = -1;

	if (a->host->store == NULL)
		return pg_fail(e, PG_E_SERIAL, "nothing is kept on disk");
	rc = pg_store_get(a->host->store, durable_key(key, "agent", a->id),
	    &b, e);
	if (rc > 0)
		rc = pg_fail(e, PG_E_SERIAL, "no record");
	json = pg_arena_str(arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	if (rc == 0)
		rc = pg_json_read(json, arena, out, e);
	return rc;
}

PG_FN void
pg_durable_drop_state(struct pg_agent *a)
{
	if (a->host->store == NULL)
		return;
	pg_bulk_unref(a->state);
	a->state = NULL;
}

PG_FN int
pg_durable_load_state(struct pg_agent *a, struct pg_err *e)
{
	struct pg_arena arena = { 0 };
	struct pg_value *v;
	int rc;

	if (a->state != NULL)
		return 0;
	rc = pg_durable_record(a, &arena, &v, e);
	if (rc == 0)
		rc = pg_durable_state(a->host->store, v, &a->state, e);
	if (rc == 0) {
		a->state_off = 0;
		a->state_len = a->state->n;
		a->state_time = pg_loop_now(a->host->loop);
	}
	pg_arena_fini(&arena);
	return rc < 0 ? pg_wrap(e, "Paglet '%.*s'", PG_STR_ARG(a->id)) : 0;
}

struct durable_walk {
	struct pg_host *host;
	int (*each)(struct pg_host *h, const struct pg_durable_record *r,
	    struct pg_err *e);
};

static int
durable_on_record(void *arg, struct pg_str key, struct pg_str json,
    struct pg_err *e)
{
	struct durable_walk *w = arg;
	struct pg_durable_record r = { .kind = key };
	const char *slash = memchr(key.p, '/', key.n);
	struct pg_arena a;
	struct pg_value *v;
	int rc = 0;

	if (slash == NULL)
		return 0;
	r.kind.n = (size_t)(slash - key.p);
	r.id = pg_str_skip(key, r.kind.n + 1);
	pg_arena_init(&a, 8 * PG_STORE_RECORD_MAX);
	if (pg_json_read(json, &a, &v, e) < 0) {
		pg_log(PG_LOG_ERROR, "durable: record %.*s: %s",
		    PG_STR_ARG(key), e->msg);
		*e = (struct pg_err){ 0 };
	} else {
		r.value = v;
		rc = w->each(w->host, &r, e);
	}
	pg_arena_fini(&a);
	return rc;
}

PG_FN int
pg_durable_each(struct pg_host *h,
    int (*each)(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e), struct pg_err *e)
{
	struct durable_walk w = { .host = h, .each = each };

	return pg_store_each(h->store, durable_on_record, &w, e);
}

#undef DURABLE_KEY
