/* rejoin: see rejoin.h. Losing the file costs nothing that the mesh does not
 * tell again, so a failure to write it is a line in the log.
 */
#include "rejoin.h"

#include "../base/log.h"
#include "../os/file.h"

struct pg_rejoin {
	struct pg_host *host;
	char *path;
	uint64_t changes; /* those of the registry that are in the file; 0 */
	int64_t written;  /* pg_now() of the last attempt */
	struct pg_timer timer;
	struct pg_job job;
	struct pg_buf text; /* of the job, while it is under way */
	struct pg_err err; /* of the last attempt */
	bool busy, failing;
};

static void
rejoin_run(struct pg_job *job)
{
	struct pg_rejoin *j = PG_CONTAINER(job, struct pg_rejoin, job);

	j->err = (struct pg_err){ 0 };
	pg_file_write(j->path, pg_buf_str(&j->text), 0600, &j->err);
}

/* What failed is tried again, and told once. */
static void
rejoin_report(struct pg_rejoin *j)
{
	bool failed = j->err.code != PG_E_OK;

	if (failed && !j->failing)
		pg_log(PG_LOG_WARN, "mesh: hosts are not kept: %s",
		    j->err.msg);
	j->failing = failed;
	if (failed)
		j->changes = 0;
}

static void
rejoin_done(struct pg_job *job)
{
	struct pg_rejoin *j = PG_CONTAINER(job, struct pg_rejoin, job);

	j->busy = false;
	rejoin_report(j);
}

/* Whether there is something new: hosts, or a beat that is soon further than
 * the file lets us make good. */
static bool
rejoin_wants(const struct pg_rejoin *j)
{
	return j->changes != j->host->mesh->registry.changes ||
	    pg_loop_now(j->host->loop) - j->written >=
	    PG_MESH_BEAT_LEAP / 2 * PG_MS;
}

static void
rejoin_prepare(struct pg_rejoin *j)
{
	j->changes = j->host->mesh->registry.changes;
	j->written = pg_loop_now(j->host->loop);
	pg_buf_reset(&j->text);
	pg_mesh_write(j->host->mesh, &j->text);
}

static void
rejoin_on_time(struct pg_timer *t)
{
	struct pg_rejoin *j = PG_CONTAINER(t, struct pg_rejoin, timer);

	pg_timer_set(j->host->loop, t, PG_REJOIN_TIME, rejoin_on_time);
	if (j->busy || !rejoin_wants(j))
		return;
	rejoin_prepare(j);
	j->busy = pg_work_submit(j->host->work, &j->job, &j->err) == 0;
	if (!j->busy)
		rejoin_report(j);
}

static void
rejoin_read(struct pg_rejoin *j)
{
	struct pg_buf text = PG_BUF_INIT(PG_REJOIN_FILE_MAX);
	struct pg_err err = { 0 };

	if ((pg_file_read(j->path, &text, &err) < 0 && err.sys != ENOENT) ||
	    (text.n > 0 && pg_mesh_read(j->host->mesh, pg_buf_str(&text),
	    &err) < 0))
		pg_log(PG_LOG_WARN, "mesh: %s: %s", j->path, err.msg);
	pg_buf_fini(&text);
}

PG_FN struct pg_rejoin *
pg_rejoin_new(struct pg_host *h)
{
	struct pg_rejoin *j = pg_alloc(sizeof(*j));
	struct pg_arena a = { 0 };

	j->host = h;
	j->job = (struct pg_job){ .run = rejoin_run, .done = rejoin_done };
	j->path = pg_strdup(pg_arena_printf(&a, "%s/mesh.json",
	    h->cfg.state_dir));
	pg_arena_fini(&a);
	rejoin_read(j);
	j->changes = h->mesh->registry.changes;
	j->written = pg_loop_now(h->loop);
	pg_timer_set(h->loop, &j->timer, PG_REJOIN_TIME, rejoin_on_time);
	return j;
}

PG_FN void
pg_rejoin_free(struct pg_rejoin *j)
{
	if (j == NULL)
		return;
	pg_timer_stop(&j->timer);
	rejoin_prepare(j);
	rejoin_run(&j->job);
	rejoin_report(j);
	pg_buf_fini(&j->text);
	free(j->path);
	free(j);
}
