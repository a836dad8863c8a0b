/* enclose: see enclose.h.
 *
 * The files go first, all at once, to where the paglet is; the message tells
 * of them. Whoever gets it may fetch them as long as it likes; when nobody got
 * it, nobody needs them.
 */
#include "enclose.h"

#include "deliver.h"
#include "depot.h"
#include "../host/wire.h"
#include "proxy.h"

#include <unistd.h>

/* One call. */
struct enclose {
	struct paglets_client *c;
	struct paglets_proxy *p;
	struct pg_str url; /* where the files go */
	const struct paglets_enclosure *files;
	size_t n;
	struct paglets_future *f[PG_ENCLOSE_MAX]; /* kept; NULL: none */
};

/* The artifact of file number i; NULL: there is none. */
static struct pg_value *
enclose_ref(const struct enclose *s, size_t i)
{
	const struct paglets_future *f = s->f[i];

	if (f == NULL || !f->done || f->err.code != PG_E_OK)
		return NULL;
	return pg_value_get(f->reply, "artifact");
}

/* Take back what was sent. The client's error is left alone. */
static void
enclose_undo(struct enclose *s)
{
	struct paglets_client *c = s->c;
	struct pg_question q = { .url = s->url, .method = "DELETE" };
	struct paglets_failure failure = c->failure;
	struct paglets_future *mark = c->kept;
	struct pg_err kept = c->err;
	struct pg_depot_ref ref;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (pg_depot_read(enclose_ref(s, i), &c->arena, &ref, NULL) <
		    0)
			continue;
		q.path = pg_depot_path(&c->arena, ref.id, "");
		pg_session_ask(c, &q);
	}
	pg_session_forget(c, mark);
	c->err = kept;
	c->failure = failure;
	c->answer = NULL;
}

/* Send all files. */
static int
enclose_send(struct enclose *s)
{
	struct paglets_client *c = s->c;
	struct paglets_upload u;
	size_t i;

	for (i = 0; i < s->n; i++) {
		u = s->files[i].file;
		u.move = false; /* not before the message has arrived */
		if (u.owner_agent_id == NULL)
			u.owner_agent_id = s->p->id.p;
		s->f[i] = pg_deliver(c, s->url, &u);
		if (s->f[i] == NULL)
			break;
		pg_session_keep(s->f[i]);
	}
	if (i < s->n) {
		for (i = 0; i < s->n && s->f[i] != NULL; i++)
			paglets_future_cancel(s->f[i]);
		return -1;
	}
	paglets_future_wait_all(s->f, s->n, -1);
	for (i = 0; i < s->n; i++)
		if (pg_session_take(s->f[i]) == NULL)
			return -1;
	return 0;
}

/* The arguments with the references among them. */
static const struct pg_value *
enclose_args(const struct enclose *s, const struct pg_value *args)
{
	struct pg_arena *a = &s->c->arena;
	struct pg_value *d = pg_value_dict(a);
	const char *name;
	uint32_t k;
	size_t i;

	for (k = 0; pg_value_is(args, PG_T_DICT) && k < args->n; k++)
		pg_value_put(a, d, args->u.pairs[k].key,
		    args->u.pairs[k].val);
	for (i = 0; i < s->n; i++) {
		name = s->files[i].arg != NULL ? s->files[i].arg : "artifact";
		pg_value_set(a, d, pg_str(name), enclose_ref(s, i));
	}
	return d;
}

static int
enclose_remove_files(const struct enclose *s)
{
	const struct paglets_upload *u;
	size_t i;

	for (i = 0; i < s->n; i++) {
		u = &s->files[i].file;
		if (u->move && u->path != NULL && unlink(u->path) < 0 &&
		    errno != ENOENT)
			return pg_fail_sys(&s->c->err, "the message was "
			    "handled, but %s is left", u->path);
	}
	return 0;
}

PG_API const struct paglets_value *
paglets_proxy_send_files(struct paglets_proxy *p,
    const struct paglets_outgoing *m, const struct paglets_enclosure *files,
    size_t n)
{
	struct enclose s = { .c = p->client, .p = p, .files = files, .n = n };
	const struct paglets_value *result = NULL;
	struct paglets_outgoing with = *m;

	if (n > PG_ENCLOSE_MAX) {
		pg_fail(&s.c->err, PG_E_USAGE, "over %d files with one "
		    "message", PG_ENCLOSE_MAX);
		return NULL;
	}
	/* One that is merely meant may be anywhere. */
	if (p->loose && paglets_proxy_info(p) == NULL)
		return NULL;
	s.url = pg_arena_str(&s.c->arena, p->url);
	if (enclose_send(&s) == 0) {
		with.args = pg_value_outer(enclose_args(&s,
		    pg_value_inner(m->args)));
		result = paglets_proxy_send_message(p, &with);
	}
	if (result == NULL)
		enclose_undo(&s);
	else if (enclose_remove_files(&s) < 0)
		result = NULL;
	return result;
}

PG_API const struct paglets_value *
paglets_proxy_send_artifact(struct paglets_proxy *p, const char *kind,
    const struct paglets_value *args, const char *arg,
    const struct paglets_upload *file)
{
	const struct paglets_outgoing m = { .kind = kind, .args = args };
	const struct paglets_enclosure one = { .arg = arg, .file = *file };

	return paglets_proxy_send_files(p, &m, &one, 1);
}
