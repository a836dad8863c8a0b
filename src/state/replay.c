/* replay: the log read into the index.
 *
 * The files are read in the order of their numbers, line by line, so that
 * memory does not grow with them. A base (see compact.h) begins anew. All of
 * a record happens or nothing: a line is looked through before it is applied.
 */
#include "replay.h"
#include "../base/log.h"
#include "../os/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keep a line that is no record out of the way, where it can be looked at. */
static int
replay_set_aside(struct pg_replay *r, const char *file,
    const struct pg_journal_read *l, struct pg_err *e)
{
	struct pg_buf path = PG_BUF_INIT(0);
	int rc;

	if (++r->corrupt > PG_REPLAY_CORRUPT_MAX)
		return pg_fail(e, PG_E_LIMIT, "has more than %d damaged "
		    "records; is it a log?", PG_REPLAY_CORRUPT_MAX);
	pg_log(PG_LOG_WARN, "store: %s/log/%s: damaged at byte %" PRIu64
	    ", %zu bytes%s", r->dir, file, l->at, l->line.n,
	    r->looking ? "" : ", which are kept in corrupt/");
	if (r->looking)
		return 0;
	pg_buf_printf(&path, "%s/corrupt/%s-%" PRIu64, r->dir, file, l->at);
	pg_buf_putc(&path, '\0');
	rc = pg_file_write(path.p, l->line, 0600, e);
	pg_buf_fini(&path);
	return rc;
}

/* The first line of a file says what the file is. */
static int
replay_stamp(struct pg_replay *r, unsigned file, struct pg_str json,
    struct pg_err *e)
{
	bool base;

	if (pg_journal_check_stamp(json, file, &base, e) < 0)
		return -1;
	if (base) {
		pg_index_clear(r->index);
		r->total = 0;
		r->base = file;
	}
	return 0;
}

/* One line that is not torn. */
static int
replay_line(struct pg_replay *r, unsigned file, const char *name,
    const struct pg_journal_read *l, struct pg_err *e)
{
	struct pg_spot spot = { .file = file, .at = l->at,
		.line_n = (uint32_t)l->line.n };

	if (l->what == PG_JOURNAL_LINE && l->at == 0)
		return replay_stamp(r, file, l->json, e);
	if (l->what != PG_JOURNAL_LINE || !pg_record_ok(l->json))
		return replay_set_aside(r, name, l, e);
	if (l->line.p[l->line.n - 1] != '\n')
		pg_log(PG_LOG_WARN, "store: %s/log/%s: damaged at byte %"
		    PRIu64 ", the end of a record; nothing is lost", r->dir,
		    name, l->at + l->line.n - 1);
	spot.value_at = (uint32_t)(l->json.p - l->line.p);
	pg_index_apply(r->index, l->json, spot, NULL);
	return 0;
}

/* The lines of an open file; r->size becomes the end of the last whole one in
 * the last file. */
static int
replay_lines(struct pg_replay *r, unsigned file, const char *name,
    struct pg_journal_reader *in, bool last, struct pg_err *e)
{
	struct pg_journal_read l;
	uint64_t end = 0;

	for (;;) {
		if (pg_journal_read(in, &l, e) < 0)
			return -1;
		if (l.what == PG_JOURNAL_END ||
		    (l.what == PG_JOURNAL_TORN && last))
			break;
		if (replay_line(r, file, name, &l, e) < 0)
			return -1;
		end = l.at + l.line.n;
	}
	/* No crash leaves an empty file before another. */
	if (end == 0 && !last && replay_set_aside(r, name, &l, e) < 0)
		return -1;
	if (l.what == PG_JOURNAL_TORN)
		pg_log(PG_LOG_INFO, "store: %s/log/%s: its last record was "
		    "not finished: %zu bytes at byte %" PRIu64 " do not count",
		    r->dir, name, l.line.n, l.at);
	r->total += end;
	r->file = file;
	r->size = end;
	return 0;
}

static int
replay_file(struct pg_replay *r, unsigned file, bool last,
    struct pg_err *e)
{
	struct pg_journal_reader in = { .taken = 0 };
	char name[PG_JOURNAL_NAME];
	struct stat st;
	int rc = -1;

	pg_journal_name(file, name);
	/* NONBLOCK: a FIFO is no file to wait for. */
	in.fd = openat(r->log, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK);
	if (in.fd < 0)
		pg_fail_sys(e, "open");
	else if (fstat(in.fd, &st) < 0 || !S_ISREG(st.st_mode))
		pg_fail(e, PG_E_HOST, "not a regular file");
	else
		rc = replay_lines(r, file, name, &in, last, e);
	if (in.fd >= 0)
		close(in.fd);
	pg_journal_reader_fini(&in);
	return rc < 0 ? pg_wrap(e, "%s/log/%s", r->dir, name) : 0;
}

/* Whether there may have been a file between these two: a compaction that did
 * not come to its end leaves out one number, and the first file is 1. */
static bool
replay_lacks(unsigned before, unsigned file)
{
	return file > before + (before > 0 ? 2 : 1);
}

PG_FN int
pg_replay(struct pg_replay *r, struct pg_err *e)
{
	unsigned files[PG_JOURNAL_FILES_MAX], before = 0, lacks = 0;
	int i, n = pg_journal_files(r->log, files, e);

	for (i = 0; i < n; i++) {
		if (replay_file(r, files[i], i == n - 1, e) < 0)
			return -1;
		if (replay_lacks(before, files[i]))
			lacks = files[i];
		/* What went before a base does not matter. */
		if (r->base == files[i])
			lacks = 0;
		before = files[i];
	}
	if (lacks > 0) {
		r->corrupt++;
		pg_log(PG_LOG_ERROR, "store: %s/log: what went before file "
		    "%04u is missing", r->dir, lacks);
	}
	return n < 0 ? -1 : 0;
}
