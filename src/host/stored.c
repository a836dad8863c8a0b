/* stored: see stored.h. A class with calls waiting stands in line for one of
 * the workers, does one call when it has its turn, and goes to the end.
 */

#include "stored.h"

#include "../base/log.h"
#include "../codec/pickle.h"
#include "../state/storage.h"
#include "agent.h"
#include "folder.h"
#include "wire.h"

#include <unistd.h>

/* One call. Owner: its class's queue, then the worker that runs it, then the
 * loop again. */
struct stored_call {
	struct pg_job job;
	struct stored_call *next;
	struct stored_class *cls;
	void (*run)(struct stored_call *c);
	struct pg_agent *agent; /* a reference */
	uint32_t id;
	pid_t pid; /* of the process that waits for it */
	struct pg_arena arena;
	struct pg_str path; /* or prefix; p NULL: none */
	struct pg_str bytes;
	struct pg_bulk *hold; /* what bytes lie in, or NULL */
	struct pg_bulk *answer; /* a bare value */
	struct pg_err err;
	int rc;
};

struct stored_class {
	struct pg_stored *stored;
	struct pg_storage_class c;
	char *name;
	struct stored_call *first, **end;
	struct stored_class *next; /* in line */
	bool busy; /* in line, or at work */
};

/* Owner: the host. */
struct pg_stored {
	struct pg_host *host;
	struct pg_storage *storage;
	struct pg_map classes; /* struct stored_class, by name */
	struct stored_class *line, **line_end;
	unsigned working;
};

static void
stored_fail(struct pg_agent *a, uint32_t id, const struct pg_err *e)
{
	pg_agent_answer(a, id, &(struct pg_outcome){ .err = e });
}

/* ---- On a worker ---- */

/* v is the answer. */
static int
stored_say(struct stored_call *c, const struct pg_value *v)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int rc = pg_wire_bare(&b, v, &c->err);

	if (rc == 0)
		c->answer = pg_bulk_copy(pg_buf_str(&b), &c->err);
	pg_buf_fini(&b);
	return rc == 0 && c->answer != NULL ? 0 : -1;
}

/* The file is the answer, from the disk to where the paglet maps it. */
static int
stored_say_file(struct stored_call *c, int fd, int64_t size)
{
	struct pg_spool spool = { 0 };
	struct pg_out head = { 0 };
	int rc;

	pg_pickle_bytes_open(&head, (size_t)size);
	rc = pg_spool_put(&spool, pg_buf_str(&head.buf), &c->err);
	if (rc == 0)
		rc = pg_spool_put_file(&spool, fd, (size_t)size, &c->err);
	if (rc == 0)
		c->answer = pg_spool_finish(&spool, &c->err);
	pg_spool_fini(&spool);
	pg_buf_fini(&head.buf);
	return rc == 0 && c->answer != NULL ? 0 : -1;
}

static void
stored_read(struct stored_call *c)
{
	int64_t size = 0;
	int fd = pg_storage_read(c->cls->stored->storage, &c->cls->c, c->path,
	    &size, &c->err);

	c->rc = fd < 0 ? -1 : stored_say_file(c, fd, size);
	if (fd >= 0)
		close(fd);
}

static void
stored_write(struct stored_call *c)
{
	c->rc = pg_storage_write(c->cls->stored->storage, &c->cls->c, c->path,
	    c->bytes, &c->err);
}

static void
stored_delete(struct stored_call *c)
{
	c->rc = pg_storage_delete(c->cls->stored->storage, &c->cls->c,
	    c->path, &c->err);
}

static void
stored_list(struct stored_call *c)
{
	struct pg_storage_file *files = NULL;
	struct pg_value *list = pg_value_list(&c->arena), *d;
	size_t i, n = 0;

	c->rc = pg_storage_list(c->cls->stored->storage, &c->cls->c, c->path,
	    &c->arena, &files, &n, &c->err);
	if (c->rc < 0)
		return;
	for (i = 0; i < n && c->rc == 0; i++) {
		d = pg_value_dict(&c->arena);
		pg_put_str(&c->arena, d, "path", files[i].path);
		pg_put_int(&c->arena, d, "size", files[i].size);
		c->rc = pg_value_add(&c->arena, list, d);
	}
	if (c->rc < 0)
		pg_fail(&c->err, PG_E_LIMIT, "managed storage: too many files "
		    "to list");
	else
		c->rc = stored_say(c, list);
}

static void
stored_status(struct stored_call *c)
{
	struct pg_storage *s = c->cls->stored->storage;
	const struct pg_storage_class *k = &c->cls->c;
	int64_t quota = pg_storage_quota(s);
	bool limited = quota < INT64_MAX;
	struct pg_value *d = pg_value_dict(&c->arena);

	c->rc = pg_storage_count(s, &c->cls->c, &c->err);
	if (c->rc < 0)
		return;
	pg_put_str(&c->arena, d, "root", pg_storage_root(s, k, &c->arena));
	pg_put_int(&c->arena, d, "used_bytes", k->used);
	pg_put(&c->arena, d, "quota_bytes", limited ?
	    pg_value_int(&c->arena, quota) : NULL);
	pg_put(&c->arena, d, "available_bytes", limited ?
	    pg_value_int(&c->arena, PG_MAX(quota - k->used, 0)) : NULL);
	pg_put_int(&c->arena, d, "file_count", (int64_t)k->files);
	c->rc = stored_say(c, d);
}

/* ---- The line ---- */

static void
stored_free_call(struct stored_call *c)
{
	pg_agent_unref(c->agent);
	pg_bulk_unref(c->hold);
	pg_bulk_unref(c->answer);
	pg_arena_fini(&c->arena);
	free(c);
}

/* Answer, unless the process that asked has ended meanwhile. */
static void
stored_end(struct stored_call *c)
{
	struct pg_outcome o = { .err = c->rc < 0 ? &c->err : NULL };

	if (c->rc == 0 && c->answer != NULL) {
		o.bulk = c->answer;
		o.body = pg_bulk_str(c->answer);
	}
	if (c->agent->pid == c->pid)
		pg_agent_answer(c->agent, c->id, &o);
	stored_free_call(c);
}

static void stored_next(struct pg_stored *s);

static void
stored_line_up(struct stored_class *k)
{
	k->busy = true;
	k->next = NULL;
	*k->stored->line_end = k;
	k->stored->line_end = &k->next;
}

/* The first call of a class, off its queue. */
static struct stored_call *
stored_take(struct stored_class *k)
{
	struct stored_call *c = k->first;

	k->first = c->next;
	if (k->first == NULL)
		k->end = &k->first;
	return c;
}

static void
stored_run(struct pg_job *j)
{
	struct stored_call *c = PG_CONTAINER(j, struct stored_call, job);

	c->run(c);
}

/* A class has done a call, and may have another. */
static void
stored_turn_over(struct stored_class *k)
{
	k->stored->working--;
	k->busy = false;
	if (k->first != NULL)
		stored_line_up(k);
}

static void
stored_done(struct pg_job *j)
{
	struct stored_call *c = PG_CONTAINER(j, struct stored_call, job);
	struct stored_class *k = c->cls;

	if (c->run == stored_delete)
		pg_storage_sweep(k->stored->storage);
	/* Off the queue only now: a host that ends finds it there. */
	stored_take(k);
	stored_turn_over(k);
	stored_end(c);
	stored_next(k->stored);
}

/* Give work to workers, as long as there are both. */
static void
stored_next(struct pg_stored *s)
{
	struct stored_class *k;
	struct stored_call *c;
	struct pg_err e = { 0 };

	while (s->working < PG_STORED_WORKERS && (k = s->line) != NULL) {
		s->line = k->next;
		if (s->line == NULL)
			s->line_end = &s->line;
		s->working++;
		c = k->first;
		c->job = (struct pg_job){ .run = stored_run,
			.done = stored_done };
		if (pg_work_submit(s->host->work, &c->job, &e) == 0)
			continue; /* c is the worker's */
		c->rc = -1;
		c->err = e;
		stored_take(k);
		stored_turn_over(k);
		stored_end(c);
	}
}

/* ---- Calls ---- */

static struct stored_class *
stored_class_of(struct pg_stored *s, struct pg_str name)
{
	struct stored_class *k = pg_map_get(&s->classes, name);

	if (k != NULL)
		return k;
	k = pg_alloc(sizeof(*k));
	k->stored = s;
	k->name = pg_strdup(name);
	k->end = &k->first;
	pg_storage_class_init(&k->c, name);
	pg_map_put(&s->classes, (struct pg_str){ k->name, name.n }, k);
	return k;
}

/* What a call says, kept for the worker. Bytes in a memfd stay there. */
static int
stored_keep(struct stored_call *c, const struct pg_value *args,
    struct pg_err *e)
{
	const struct pg_value *data = pg_value_get(args, "data");

	if (pg_field_str_opt(args, "path", &c->path, e) < 0)
		return -1;
	if (c->path.p != NULL)
		c->path = pg_arena_str(&c->arena, c->path);
	if (c->path.p == NULL && c->run != stored_delete &&
	    c->run != stored_list && c->run != stored_status)
		return pg_fail(e, PG_E_HOST, "field 'path' is missing");
	if (c->run != stored_write)
		return 0;
	if (!pg_value_is(data, PG_T_BYTES))
		return pg_fail(e, PG_E_HOST, "field 'data' must be bytes, got "
		    "%s", pg_value_type_name(data));
	c->bytes = (struct pg_str){ data->u.p, data->n };
	c->hold = c->agent->call_bulk != NULL ?
	    pg_bulk_ref(c->agent->call_bulk) : NULL;
	if (c->hold == NULL)
		c->bytes = pg_arena_str(&c->arena, c->bytes);
	return 0;
}

static void
stored_ask(struct pg_agent *a, uint32_t id, const struct pg_value *args,
    void (*run)(struct stored_call *c))
{
	struct pg_stored *s = a->host->stored;
	struct stored_call *c;
	struct pg_err e = { 0 };

	if (s == NULL) {
		pg_fail(&e, PG_E_HOST, "this host has no managed storage: it "
		    "keeps nothing on disk");
		stored_fail(a, id, &e);
		return;
	}
	c = pg_alloc(sizeof(*c));
	*c = (struct stored_call){ .agent = a, .id = id, .pid = a->pid,
		.run = run, .cls = stored_class_of(s, a->class_name) };
	pg_agent_ref(a);
	pg_arena_init(&c->arena, PG_STORED_LIST_MAX);
	if (stored_keep(c, args, &e) < 0) {
		stored_fail(a, id, &e);
		stored_free_call(c);
		return;
	}
	*c->cls->end = c;
	c->cls->end = &c->next;
	if (!c->cls->busy)
		stored_line_up(c->cls);
	stored_next(s);
}

static void
stored_work_folder(struct pg_agent *a, uint32_t id)
{
	char path[PG_FOLDER_PATH];
	struct pg_arena arena = { 0 };
	struct pg_value *d = pg_value_dict(&arena);
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	if (pg_folder_make(a->host, a->id, &e) < 0 ||
	    pg_folder_path(a->host, a->id, path, &e) < 0) {
		stored_fail(a, id, &e);
	} else {
		pg_put_strz(&arena, d, "path", path);
		pg_wire_bare(&b, d, NULL);
		pg_agent_answer(a, id, &(struct pg_outcome){
		    .body = pg_buf_str(&b) });
	}
	pg_buf_fini(&b);
	pg_arena_fini(&arena);
}

PG_FN bool
pg_stored_call(struct pg_agent *a, uint32_t id, struct pg_str op,
    const struct pg_value *args)
{
	static const struct {
		const char *op;
		void (*run)(struct stored_call *c);
	} table[] = {
		{ "storage_read", stored_read },
		{ "storage_write", stored_write },
		{ "storage_delete", stored_delete },
		{ "storage_list", stored_list },
		{ "storage_status", stored_status },
	};
	size_t i;

	for (i = 0; i < PG_COUNT(table); i++)
		if (pg_str_eqz(op, table[i].op)) {
			stored_ask(a, id, args, table[i].run);
			return true;
		}
	if (!pg_str_eqz(op, "work_folder"))
		return false;
	stored_work_folder(a, id);
	return true;
}

/* ---- Start and end ---- */

PG_FN struct pg_stored *
pg_stored_new(struct pg_host *h, struct pg_err *e)
{
	struct pg_storage *storage = pg_storage_open(h->cfg.state_dir,
	    h->cfg.storage_quota, h->work, e);
	struct pg_stored *s;

	if (storage == NULL)
		return NULL;
	s = pg_alloc(sizeof(*s));
	s->host = h;
	s->storage = storage;
	s->line_end = &s->line;
	pg_map_init(&s->classes, h->seed);
	return s;
}

PG_FN void
pg_stored_free(struct pg_stored *s)
{
	struct stored_class *k;
	size_t at = 0;

	if (s == NULL)
		return;
	while ((k = pg_map_next(&s->classes, &at)) != NULL) {
		while (k->first != NULL)
			stored_free_call(stored_take(k));
		free(k->name);
		free(k);
	}
	pg_map_fini(&s->classes);
	pg_storage_close(s->storage);
	free(s);
}
