/* porter: see porter.h. Whatever address the hub gives itself, it is spoken to
 * where the user said it is.
 */

#include "porter.h"

#include "../codec/json.h"
#include "../codec/url.h"
#include "../net/client.h"
#include "artifacts.h"
#include "errand.h"
#include "obtain.h"
#include "inbound.h"
#include "remote.h"

#include <unistd.h>

/* Owner: itself, until done or cancelled. */
struct pg_porter {
	struct pg_host *host;
	struct pg_arena arena;
	struct pg_str hub;
	struct pg_obtain *fetch;   /* in */
	struct pg_errand *errand; /* out: opens the file */
	struct pg_call *call;     /* and sends it */
	struct pg_str query;
	uint64_t size;
	int fd_plus1;
	pg_porter_done *done;
	void *arg;
};

static void
porter_free(struct pg_porter *p)
{
	pg_obtain_cancel(p->fetch);
	pg_errand_abandon(p->errand);
	if (p->call != NULL)
		pg_call_cancel(p->call);
	if (p->fd_plus1 > 0)
		close(p->fd_plus1 - 1);
	pg_arena_fini(&p->arena);
	free(p);
}

static void
porter_end(struct pg_porter *p, struct pg_buf *ack)
{
	pg_porter_done *done = p->done;
	void *arg = p->arg;

	porter_free(p);
	done(arg, ack);
	pg_buf_fini(ack);
}

static void
porter_fail(struct pg_porter *p, const struct pg_err *err)
{
	struct pg_buf ack = PG_BUF_INIT(0);

	pg_inbound_put_error(&ack, err);
	porter_end(p, &ack);
}

static struct pg_porter *
porter_new(struct pg_host *h, struct pg_str hub, pg_porter_done *done,
    void *arg)
{
	struct pg_porter *p = pg_alloc(sizeof(*p));

	p->host = h;
	p->hub = pg_arena_str(&p->arena, hub);
	p->done = done;
	p->arg = arg;
	return p;
}

/* ---- In ---------------------------------------------------------------------------- */

static void
porter_on_fetched(void *arg, const struct pg_artifact *a,
    const struct pg_err *err)
{
	struct pg_porter *p = arg;
	struct pg_buf ack = PG_BUF_INIT(0);

	p->fetch = NULL;
	if (err != NULL) {
		porter_fail(p, err);
		return;
	}
	pg_buf_putz(&ack, "{\"ok\": true, \"artifact\": ");
	pg_artifacts_put(&ack, p->host, a);
	pg_buf_putc(&ack, '}');
	porter_end(p, &ack);
}

/* What of the request is not said, the artifact at the hub says. */
static int
porter_read_import(const struct pg_value *payload, struct pg_str *id,
    struct pg_deposit_spec *spec, struct pg_err *e)
{
	struct pg_value *source = NULL;

	*spec = (struct pg_deposit_spec){ .size = -1 };
	if (pg_field_dict(payload, "source_artifact", &source, e) < 0 ||
	    pg_field_str(source, "artifact_id", id, e) < 0 ||
	    pg_artifacts_check_id(*id, e) < 0 ||
	    pg_field_int_opt(source, "size_bytes", &spec->size, e) < 0 ||
	    pg_field_str_opt(source, "sha256", &spec->sha256, e) < 0 ||
	    pg_field_str_opt(payload, "owner_agent_id", &spec->owner, e) < 0 ||
	    pg_field_str_opt(payload, "name", &spec->name, e) < 0 ||
	    pg_field_str_opt(payload, "compression", &spec->compression,
	    e) < 0 ||
	    pg_field_float_opt(payload, "expires_at", &spec->expires_at,
	    e) < 0)
		return -1;
	if (spec->name.n == 0)
		pg_field_str_opt(source, "name", &spec->name, NULL);
	if (spec->compression.n == 0)
		pg_field_str_opt(source, "compression", &spec->compression,
		    NULL);
	return 0;
}

PG_FN struct pg_porter *
pg_porter_import(struct pg_host *h, struct pg_str hub,
    const struct pg_value *payload, pg_porter_done *done, void *arg,
    struct pg_err *e)
{
	struct pg_deposit_spec spec;
	struct pg_porter *p;
	struct pg_str id;

	if (porter_read_import(payload, &id, &spec, e) < 0)
		return NULL;
	p = porter_new(h, hub, done, arg);
	p->fetch = pg_obtain_start(h, p->hub, id, &spec, porter_on_fetched, p,
	    e);
	if (p->fetch != NULL)
		return p;
	porter_free(p);
	return NULL;
}

/* ---- Out --------------------------------------------------------------------------- */

/* The errand that opens the file. */
struct porter_open {
	struct pg_errand errand; /* first */
	const struct pg_artifacts *store;
	char id[PG_ID_LEN + 1];
	int fd_plus1;
};

static int
porter_run_open(struct pg_errand *r, struct pg_err *e)
{
	struct porter_open *o = PG_CONTAINER(r, struct porter_open, errand);

	o->fd_plus1 = pg_artifacts_blob(o->store, o->id, e) + 1;
	return o->fd_plus1 > 0 ? 0 : -1;
}

static void
porter_open_fini(struct pg_errand *r)
{
	struct porter_open *o = PG_CONTAINER(r, struct porter_open, errand);

	if (o->fd_plus1 > 0)
		close(o->fd_plus1 - 1);
}

static void
porter_on_sent(void *arg, const struct pg_response *r)
{
	struct pg_porter *p = arg;
	struct pg_arena a;
	struct pg_value *v;
	struct pg_buf ack = PG_BUF_INIT(0);
	struct pg_err err = { 0 };

	p->call = NULL;
	pg_arena_init(&a, PG_REMOTE_REPLY_MAX * 4);
	if (pg_remote_reply(p->host, p->hub, r, &a, &v, &err) < 0) {
		porter_fail(p, &err);
	} else {
		pg_buf_putz(&ack, "{\"ok\": true, \"artifact\": ");
		pg_json_write(&ack, pg_value_get(v, "artifact"), NULL);
		pg_buf_putc(&ack, '}');
		porter_end(p, &ack);
	}
	pg_arena_fini(&a);
}

static void
porter_on_open(void *arg, struct pg_errand *r, const struct pg_err *err)
{
	struct pg_porter *p = arg;
	struct porter_open *o = PG_CONTAINER(r, struct porter_open, errand);
	struct pg_request q = { .method = "POST",
		.timeout = PG_PORTER_CALL_TIME, .silence = PG_PORTER_SILENCE,
		.content_type = "application/octet-stream",
		.max_reply = PG_REMOTE_REPLY_MAX, .nbody = 1 };

	p->errand = NULL;
	if (err != NULL) {
		porter_fail(p, err);
		return;
	}
	p->fd_plus1 = o->fd_plus1;
	o->fd_plus1 = 0;
	q.body[0] = (struct pg_segment){ .file = true,
		.fd = p->fd_plus1 - 1, .len = p->size };
	p->call = pg_remote_start(p->host, p->hub, &q, porter_on_sent, p,
	    "/artifacts?%.*s", PG_STR_ARG(p->query));
}

/* It expires there, should nobody fetch it. */
static void
porter_describe(struct pg_porter *p, const struct pg_artifact *a)
{
	struct pg_arena *arena = &p->arena;
	struct pg_buf hex = PG_BUF_INIT(0);

	pg_buf_hex(&hex, (struct pg_str){ (const char *)a->sha256,
	    PG_SHA256_SIZE });
	p->query = pg_arena_printf(arena, "name=%.*s&compression=%.*s&"
	    "sha256=%.*s&expires_at=%.3f",
	    PG_STR_ARG(pg_percent_encode(arena, a->name)),
	    PG_STR_ARG(pg_percent_encode(arena, a->compression)),
	    PG_STR_ARG(pg_buf_str(&hex)),
	    pg_to_seconds(pg_now_wall() + p->host->cfg.artifact_ttl));
	p->size = a->size;
	pg_buf_fini(&hex);
}

PG_FN struct pg_porter *
pg_porter_export(struct pg_host *h, struct pg_str hub,
    const struct pg_value *payload, pg_porter_done *done, void *arg,
    struct pg_err *e)
{
	const struct pg_artifact *a;
	struct porter_open *o;
	struct pg_porter *p;
	struct pg_str id;

	if (pg_field_str(payload, "artifact_id", &id, e) < 0 ||
	    (a = pg_artifacts_find(h->artifacts, id, e)) == NULL)
		return NULL;
	p = porter_new(h, hub, done, arg);
	porter_describe(p, a);
	o = pg_errand_new(h, sizeof(*o));
	o->store = h->artifacts;
	memcpy(o->id, a->id, sizeof(o->id));
	o->errand.run = porter_run_open;
	o->errand.done = porter_on_open;
	o->errand.fini = porter_open_fini;
	o->errand.arg = p;
	p->errand = &o->errand;
	pg_errand_start(&o->errand);
	return p;
}

PG_FN void
pg_porter_cancel(struct pg_porter *p)
{
	if (p != NULL)
		porter_free(p);
}
