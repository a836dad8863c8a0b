/* artifacts: see artifacts.h. An upload is a deposit that the connection fills
 * as the bytes arrive; a download is a descriptor that the connection sends.
 * What goes to the disk in between is done by workers.
 */

#include "artifacts.h"

#include "../codec/json.h"
#include "../codec/range.h"

/* ---- Records ------------------------------------------------------------ */

static void
artifacts_put_text(struct pg_buf *out, const char *key, struct pg_str text)
{
	pg_buf_printf(out, ", \"%s\": ", key);
	pg_json_write_str(out, text);
}

static void
artifacts_put_time(struct pg_buf *out, const char *key, double seconds)
{
	char text[PG_FLOAT_TEXT];
	size_t n = pg_float_text(seconds, text);

	pg_buf_printf(out, ", \"%s\": %.*s", key, (int)n, text);
}

static struct pg_str
artifacts_bytes(const struct pg_artifact *a)
{
	return (struct pg_str){ (const char *)a->sha256, PG_SHA256_SIZE };
}

PG_FN void
pg_artifacts_put(struct pg_buf *out, const struct pg_host *h,
    const struct pg_artifact *a)
{
	pg_buf_putz(out, "{\"host_url\": ");
	pg_json_write_str(out, h->address);
	artifacts_put_text(out, "artifact_id", pg_str(a->id));
	artifacts_put_text(out, "name", a->name);
	pg_buf_printf(out, ", \"size_bytes\": %" PRIu64 ", \"sha256\": \"",
	    a->size);
	pg_buf_hex(out, artifacts_bytes(a));
	pg_buf_putc(out, '"');
	artifacts_put_text(out, "compression", a->compression);
	artifacts_put_time(out, "created_at", a->created_at);
	artifacts_put_time(out, "expires_at", a->expires_at);
	artifacts_put_text(out, "owner_agent_id", a->owner);
	pg_buf_putc(out, '}');
}

static void
artifacts_reply(struct pg_api *r, const struct pg_artifact *a)
{
	struct pg_buf *out = pg_api_out(r);

	pg_buf_putz(out, "{\"artifact\": ");
	pg_artifacts_put(out, r->host, a);
	pg_buf_putc(out, '}');
	pg_api_send(r);
}

static void
artifacts_reply_ok(struct pg_api *r)
{
	pg_buf_putz(pg_api_out(r), "{\"ok\": true}");
	pg_api_send(r);
}

/* ---- Looking ------------------------------------------------------------ */

struct artifacts_listing {
	const struct pg_host *host;
	struct pg_buf *out;
	bool more;
};

static void
artifacts_list_one(void *arg, const struct pg_artifact *a)
{
	struct artifacts_listing *l = arg;

	if (l->more)
		pg_buf_putz(l->out, ", ");
	l->more = true;
	pg_artifacts_put(l->out, l->host, a);
}

PG_FN void
pg_artifacts_list(struct pg_api *r)
{
	struct artifacts_listing l = { r->host, pg_api_out(r), false };
	struct pg_str owner = PG_STR_NULL;

	pg_query_get(&r->x->arena, r->query, "owner_agent_id", &owner);
	pg_buf_putz(l.out, "{\"artifacts\": [");
	pg_artifacts_each(r->host->artifacts, owner, artifacts_list_one, &l);
	pg_buf_putz(l.out, "]}");
	pg_api_send(r);
}

PG_FN void
pg_artifacts_metadata(struct pg_api *r)
{
	struct pg_err e = { 0 };
	const struct pg_artifact *a = pg_artifacts_find(r->host->artifacts,
	    r->segments[1], &e);

	if (a == NULL)
		pg_api_fail(r, &e);
	else
		artifacts_reply(r, a);
}

/* ---- Downloads ---------------------------------------------------------- */

/* An answer whose file is being opened. Lives in the exchange's arena. */
struct artifacts_download {
	struct pg_job job;
	struct pg_api *r;
	const struct pg_artifacts *store;
	char id[PG_ID_LEN + 1];
	bool once; /* it is removed when it is open */
	int status;
	struct pg_str head;
	uint64_t from, n;
	int fd;
	struct pg_err err;
};

/* Header lines of an artifact, whatever is told of it; part: the range. */
static struct pg_str
artifacts_head(struct pg_api *r, const struct pg_artifact *a,
    const char *part)
{
	struct pg_buf hex = PG_BUF_INIT(0);
	struct pg_str head, digits;

	pg_buf_hex(&hex, artifacts_bytes(a));
	digits = pg_buf_str(&hex);
	head = pg_arena_printf(&r->x->arena, "X-Paglets-Artifact-Sha256: "
	    "%.*s\r\nETag: \"%.*s\"\r\nAccept-Ranges: bytes\r\n%s",
	    PG_STR_ARG(digits), PG_STR_ARG(digits), part);
	pg_buf_fini(&hex);
	return head;
}

static struct pg_str
artifacts_tag(struct pg_api *r, const struct pg_artifact *a)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str tag;

	pg_buf_putc(&b, '"');
	pg_buf_hex(&b, artifacts_bytes(a));
	pg_buf_putc(&b, '"');
	tag = pg_arena_str(&r->x->arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	return tag;
}

/* 412 and 416: an error with more in its head than others have. */
static void
artifacts_refuse(struct pg_api *r, const struct pg_artifact *a, bool once,
    int status, const char *why)
{
	struct pg_buf body = PG_BUF_INIT(0);
	struct pg_str head;
	struct pg_err e = { 0 };
	char part[80] = "";

	if (status == 416)
		snprintf(part, sizeof(part), "Content-Range: bytes */%" PRIu64
		    "\r\n", a->size);
	pg_fail(&e, PG_E_TRANSFER, "%s", why);
	pg_exchange_put_error(&body, &e);
	head = artifacts_head(r, a, part);
	if (once)
		pg_artifacts_remove(r->host->artifacts, pg_str(a->id), NULL,
		    NULL, NULL);
	pg_exchange_reply(r->x, status, head, &body);
	pg_buf_fini(&body);
}

static void
artifacts_open(struct pg_job *j)
{
	struct artifacts_download *d = PG_CONTAINER(j,
	    struct artifacts_download, job);

	d->fd = pg_artifacts_blob(d->store, d->id, &d->err);
}

static void
artifacts_send(struct artifacts_download *d)
{
	pg_exchange_send_file(d->r->x, d->status, "application/octet-stream",
	    d->head, d->fd, d->from, d->n);
}

static void
artifacts_spend(const struct artifacts_download *d)
{
	if (d->once)
		pg_artifacts_remove(d->r->host->artifacts, pg_str(d->id), NULL,
		    NULL, NULL);
}

static void
artifacts_opened(struct pg_job *j)
{
	struct artifacts_download *d = PG_CONTAINER(j,
	    struct artifacts_download, job);

	artifacts_spend(d);
	if (d->fd < 0)
		pg_api_fail(d->r, &d->err);
	else
		artifacts_send(d);
}

/* Send what was decided; for a body the file is opened first. */
static void
artifacts_start(struct pg_api *r, const struct pg_artifact *a, bool once,
    int status, uint64_t from, uint64_t n)
{
	struct artifacts_download *d = pg_arena_zalloc(&r->x->arena,
	    sizeof(*d));
	char part[120] = "";

	if (status == 206)
		snprintf(part, sizeof(part), "Content-Range: bytes %" PRIu64
		    "-%" PRIu64 "/%" PRIu64 "\r\n", from, from + n - 1,
		    a->size);
	d->r = r;
	d->store = r->host->artifacts;
	memcpy(d->id, a->id, sizeof(d->id));
	d->once = once;
	d->status = status;
	d->head = artifacts_head(r, a, part);
	d->from = from;
	d->n = n;
	d->fd = -1;
	d->job.run = artifacts_open;
	d->job.done = artifacts_opened;
	if (status == 304 || pg_str_eqz(r->x->head->method, "HEAD")) {
		artifacts_spend(d);
		artifacts_send(d);
	} else if (pg_work_submit(r->host->work, &d->job, &d->err) < 0)
		pg_api_fail(r, &d->err);
}

PG_FN void
pg_artifacts_serve(struct pg_api *r, struct pg_str id, bool once)
{
	struct pg_err e = { 0 };
	const struct pg_artifact *a = pg_artifacts_find(r->host->artifacts,
	    id, &e);
	uint64_t from, n;

	if (a == NULL) {
		pg_api_fail(r, &e);
		return;
	}
	switch (pg_range_decide(r->x->head, artifacts_tag(r, a), a->size,
	    &from, &n)) {
	case PG_RANGE_WHOLE:
		artifacts_start(r, a, once, 200, from, n);
		break;
	case PG_RANGE_PART:
		artifacts_start(r, a, once, 206, from, n);
		break;
	case PG_RANGE_SAME:
		artifacts_start(r, a, once, 304, from, n);
		break;
	case PG_RANGE_OTHER:
		artifacts_refuse(r, a, once, 412, "artifact is not the one "
		    "that If-Match names");
		break;
	case PG_RANGE_IMPOSSIBLE:
		artifacts_refuse(r, a, once, 416, "artifact ends before the "
		    "range that is asked for");
		break;
	}
}

PG_FN void
pg_artifacts_download(struct pg_api *r)
{
	pg_artifacts_serve(r, r->segments[1], false);
}

/* ---- Removing ----------------------------------------------------------- */

static void
artifacts_removed(void *arg, const struct pg_err *err)
{
	struct pg_api *r = arg;

	if (err != NULL)
		pg_api_fail(r, err);
	else
		artifacts_reply_ok(r);
}

PG_FN void
pg_artifacts_delete(struct pg_api *r)
{
	struct pg_artifacts *ar = r->host->artifacts;
	struct pg_err e = { 0 };
	int rc = pg_artifacts_check_id(r->segments[1], &e);

	if (rc == 0 && ar != NULL)
		rc = pg_artifacts_remove(ar, r->segments[1],
		    artifacts_removed, r, &e);
	if (rc < 0)
		pg_api_fail(r, &e);
	else if (ar == NULL)
		artifacts_reply_ok(r);
}

/* ---- Uploads ------------------------------------------------------------ */

static void
artifacts_on_room(void *arg)
{
	struct pg_api *r = arg;

	pg_exchange_resume(r->x);
}

static char *
artifacts_room(struct pg_exchange *x, size_t *n, struct pg_err *e)
{
	struct pg_api *r = x->user;

	return pg_deposit_room(r->taker, n, e);
}

static void
artifacts_filled(struct pg_exchange *x, size_t n)
{
	struct pg_api *r = x->user;

	pg_deposit_filled(r->taker, n);
}

static void
artifacts_dropped(struct pg_exchange *x)
{
	struct pg_api *r = x->user;

	pg_deposit_cancel(r->taker);
}

/* A number of the query; *out as it is when there is none. */
static int
artifacts_query_time(struct pg_api *r, double *out, struct pg_err *e)
{
	struct pg_str text;

	if (!pg_query_get(&r->x->arena, r->query, "expires_at", &text) ||
	    pg_float_parse(pg_str_trim(text), out))
		return 0;
	return pg_fail(e, PG_E_HOST, "query field 'expires_at' must be a "
	    "number, got '%.*s'", (int)PG_MIN(text.n, (size_t)40), text.p);
}

/* How many bytes will come, by the head and by the query, which may know when
 * the head does not; negative: nobody knows. */
static int
artifacts_query_size(struct pg_api *r, int64_t *out, struct pg_err *e)
{
	const struct pg_http1_head *head = r->x->head;
	const struct pg_value *v;
	struct pg_str text;

	*out = -1;
	if (!head->chunked)
		*out = head->has_length ? (int64_t)head->length : 0;
	if (!pg_query_get(&r->x->arena, r->query, "size", &text))
		return 0;
	v = pg_value_decimal(&r->x->arena, pg_str_trim(text));
	if (v == NULL || v->type != PG_T_INT || v->u.i < 0)
		return pg_fail(e, PG_E_HOST, "query field 'size' must be a "
		    "number of bytes, got '%.*s'",
		    (int)PG_MIN(text.n, (size_t)40), text.p);
	if (*out >= 0 && *out != v->u.i)
		return pg_fail(e, PG_E_TRANSFER, "artifact size mismatch: "
		    "expected %" PRId64 ", got a body of %" PRId64, v->u.i,
		    *out);
	*out = v->u.i;
	return 0;
}

PG_FN int
pg_artifacts_spec(struct pg_api *r, struct pg_deposit_spec *spec,
    struct pg_err *e)
{
	struct pg_arena *a = &r->x->arena;

	*spec = (struct pg_deposit_spec){ .size = -1 };
	pg_query_get(a, r->query, "owner_agent_id", &spec->owner);
	pg_query_get(a, r->query, "name", &spec->name);
	pg_query_get(a, r->query, "compression", &spec->compression);
	pg_query_get(a, r->query, "sha256", &spec->sha256);
	if (artifacts_query_time(r, &spec->expires_at, e) < 0 ||
	    artifacts_query_size(r, &spec->size, e) < 0)
		return -1;
	return 0;
}

PG_FN int
pg_artifacts_receive(struct pg_api *r, const struct pg_deposit_spec *spec,
    struct pg_err *e)
{
	static const struct pg_sink sink = { artifacts_room, artifacts_filled,
		artifacts_dropped };

	if (r->host->artifacts == NULL)
		return pg_fail(e, PG_E_TRANSFER, "%.*s keeps nothing on disk, "
		    "and so no artifacts; start it with --state-dir",
		    PG_STR_ARG(r->host->name));
	r->taker = pg_deposit_begin(r->host->artifacts, spec,
	    artifacts_on_room, r, e);
	if (r->taker == NULL)
		return -1;
	r->x->sink = &sink;
	return 0;
}

PG_FN int
pg_artifacts_begin(struct pg_api *r, struct pg_err *e)
{
	struct pg_deposit_spec spec;

	if (pg_artifacts_spec(r, &spec, e) < 0)
		return -1;
	return pg_artifacts_receive(r, &spec, e);
}

static void
artifacts_uploaded(void *arg, const struct pg_artifact *a,
    const struct pg_err *err)
{
	struct pg_api *r = arg;

	if (err != NULL)
		pg_api_fail(r, err);
	else
		artifacts_reply(r, a);
}

PG_FN void
pg_artifacts_upload(struct pg_api *r)
{
	pg_deposit_finish(r->taker, artifacts_uploaded, r);
}
