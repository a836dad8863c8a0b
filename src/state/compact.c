/* compact: the log written anew. See compact.h for the order of its steps and
 * why it may be interrupted between any two of them.
 */
#include "compact.h"
#include "../base/mem.h"

#include <fcntl.h>
#include <unistd.h>

#define COMPACT_WRITE ((size_t)256 << 10) /* bytes gathered for a write */

/* The base while it is written. Owner: compact_write_all's frame. */
struct compact_file {
	int fd;
	uint64_t size;        /* written so far */
	struct pg_buf out;    /* lines not yet written */
	struct pg_buf scratch; /* of one entry */
};

PG_FN struct pg_compact *
pg_compact_new(struct pg_index *ix, int log, unsigned file)
{
	struct pg_compact *c = pg_alloc(sizeof(*c));
	struct pg_entry *n;

	c->log = log;
	c->file = file;
	c->live = pg_alloc(ix->map.n * sizeof(*c->live));
	c->spots = pg_alloc(ix->map.n * sizeof(*c->spots));
	for (n = pg_index_next(ix, NULL); n != NULL; n = pg_index_next(ix, n)) {
		n->refs++;
		c->live[c->n++] = n;
	}
	return c;
}

PG_FN void
pg_compact_free(struct pg_compact *c)
{
	if (c == NULL)
		return;
	while (c->n > 0)
		pg_entry_unref(c->live[--c->n]);
	free(c->live);
	free(c->spots);
	free(c);
}

static int
compact_flush(struct compact_file *f, struct pg_err *e)
{
	if (f->out.failed)
		return pg_fail(e, PG_E_NOMEM, "no memory for its lines");
	if (pg_journal_pwrite(f->fd, pg_buf_str(&f->out), f->size) < 0)
		return pg_fail_sys(e, "write");
	f->size += f->out.n;
	pg_buf_reset(&f->out);
	return 0;
}

/* Append a line of its own for entry n; *spot becomes where it stands. */
static int
compact_entry(struct compact_file *f, const struct pg_entry *n, int log,
    unsigned file, struct pg_spot *spot, struct pg_err *e)
{
	struct pg_change ch = { .wrong = NULL };
	size_t start = f->out.n;
	struct pg_str value;
	int rc = -1;

	pg_buf_reset(&f->scratch);
	if (pg_entry_load(n, log, NULL, &f->scratch, &value, e) < 0)
		return -1;
	pg_change_put(&ch, pg_entry_key(n), value);
	/* The value may lie in it; it is copied by now. */
	pg_buf_reset(&f->scratch);
	if (pg_change_text(&ch, &f->scratch, e) < 0)
		goto out;
	pg_journal_line(&f->out, pg_buf_str(&f->scratch));
	/* Behind the value stand two brackets and the newline. */
	*spot = (struct pg_spot){ .file = file, .at = f->size + start,
		.line_n = (uint32_t)(f->out.n - start) };
	spot->value_at = spot->line_n - 3 - n->value_n;
	rc = f->out.n < COMPACT_WRITE ? 0 : compact_flush(f, e);
out:
	pg_change_fini(&ch);
	return rc;
}

/* Write the base to f->fd and sync it. */
static int
compact_write_all(struct pg_compact *c, struct compact_file *f,
    struct pg_err *e)
{
	size_t i;

	pg_journal_stamp(&f->out, c->file, true);
	for (i = 0; i < c->n; i++)
		if (compact_entry(f, c->live[i], c->log, c->file,
		    &c->spots[i], e) < 0)
			return -1;
	if (compact_flush(f, e) < 0)
		return -1;
	if (fsync(f->fd) < 0)
		return pg_fail_sys(e, "fsync");
	c->size = f->size;
	return 0;
}

/* Write the base under its temporary name. */
static int
compact_write_temp(struct pg_compact *c, const char *temp, struct pg_err *e)
{
	struct compact_file f = { .fd = openat(c->log, temp, O_WRONLY |
	    O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) };
	int rc;

	if (f.fd < 0)
		return pg_fail_sys(e, "open");
	rc = compact_write_all(c, &f, e);
	if (close(f.fd) < 0 && rc == 0)
		rc = pg_fail_sys(e, "close");
	pg_buf_fini(&f.out);
	pg_buf_fini(&f.scratch);
	return rc;
}

PG_FN void
pg_compact_write(struct pg_job *j)
{
	struct pg_compact *c = PG_CONTAINER(j, struct pg_compact, job);
	char name[PG_JOURNAL_NAME];
	char temp[PG_JOURNAL_NAME + sizeof(PG_COMPACT_TEMP)];

	pg_journal_name(c->file, name);
	snprintf(temp, sizeof(temp), "%s" PG_COMPACT_TEMP, name);
	if (compact_write_temp(c, temp, &c->err) < 0)
		goto fail;
	if (renameat(c->log, temp, c->log, name) < 0) {
		pg_fail_sys(&c->err, "rename");
		goto fail;
	}
	/* Without this the name may be lost with the old files gone. If it
	 * fails they stay, and with or without the name all is well. */
	if (fsync(c->log) < 0)
		pg_fail_sys(&c->err, "fsync of the folder");
	return;
fail:
	unlinkat(c->log, temp, 0);
}

PG_FN void
pg_compact_settle(struct pg_compact *c)
{
	size_t i;

	/* Those replaced since are only waiting to be freed. */
	for (i = 0; i < c->n; i++)
		c->live[i]->spot = c->spots[i];
}

PG_FN void
pg_compact_remove_below(int log, unsigned base)
{
	unsigned files[PG_JOURNAL_FILES_MAX];
	char name[PG_JOURNAL_NAME];
	int i, n = pg_journal_files(log, files, NULL);

	for (i = 0; i < n && files[i] < base; i++) {
		pg_journal_name(files[i], name);
		unlinkat(log, name, 0);
	}
}

PG_FN void
pg_compact_remove(struct pg_job *j)
{
	struct pg_compact *c = PG_CONTAINER(j, struct pg_compact, job);

	pg_compact_remove_below(c->log, c->file);
}

#undef COMPACT_WRITE
