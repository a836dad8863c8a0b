/* holdings: commands about the large binary things that hosts keep.
 *
 * Several transfers are under way at a time; each is a future, and whoever is
 * done makes room for the next. What goes to stdout was verified before, since
 * it cannot be taken back: it lies in a file without a name until then.
 */
#include "holdings.h"

#include "../host/wire.h"
#include "ask.h"
#include "progress.h"
#include "show.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLDINGS_COPY (256 * 1024) /* bytes at a time */

/* ---- files without a name --------------------------------------------- */

/* -1: errno. */
static int
holdings_temporary(void)
{
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];
	int fd;

	if (dir == NULL || dir[0] == '\0')
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || snprintf(path, sizeof(path), "%s/paglets.XXXXXX",
	    dir) >= (int)sizeof(path))
		return fd;
	/* Not every file system has those. */
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int
holdings_write(int fd, const char *p, size_t n)
{
	ssize_t put;

	while (n > 0) {
		put = write(fd, p, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

/* From where `from` stands to its end. */
static int
holdings_copy(int from, const char *from_name, int to, const char *to_name,
    struct pg_err *e)
{
	char *piece = pg_alloc(HOLDINGS_COPY);
	ssize_t n;
	int rc = 0;

	while (rc == 0) {
		n = read(from, piece, HOLDINGS_COPY);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = pg_fail_sys(e, "%s", from_name);
		if (n <= 0)
			break;
		if (holdings_write(to, piece, (size_t)n) < 0)
			rc = pg_fail_sys(e, "%s", to_name);
	}
	free(piece);
	return rc;
}

PG_FN int
pg_holdings_stdin(struct pg_err *e)
{
	struct stat st;
	bool is_file = fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	    lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
	int fd = is_file ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
	    holdings_temporary();

	if (fd < 0)
		return pg_fail_sys(e, "a temporary file");
	if (is_file || holdings_copy(STDIN_FILENO, "standard input", fd,
	    "a temporary file", e) == 0)
		return fd;
	close(fd);
	return -1;
}

/* ---- several at a time ------------------------------------------------ */

struct holdings;

/* One that is sent, fetched or removed. */
struct holdings_item {
	struct holdings *all;
	const char *word; /* as the user names it */
	struct paglets_future *f;
	const struct paglets_value *result; /* NULL: err says why */
	struct pg_err err;
	uint64_t done, total;
	bool over;
	int fd; /* of a file without a name; -1: none */
};

/* One command. Lies, with its items, on the stack and in the arena of the
 * run. */
struct holdings {
	struct pg_ask *r;
	struct holdings_item *items;
	size_t n, begun, ready;
	int64_t jobs;
	struct pg_progress progress;
	/* Begin with it; NULL: the client's error, or err. */
	struct paglets_future *(*start)(struct holdings_item *it);
};

static int
holdings_init(struct holdings *s, struct pg_ask *r, struct pg_err *e)
{
	size_t i, n = r->cli->args.nwords;

	*s = (struct holdings){ .r = r, .n = n, .jobs = PG_HOLDINGS_JOBS };
	s->items = pg_arena_zalloc(&r->cli->arena, n * sizeof(*s->items));
	for (i = 0; i < n; i++) {
		s->items[i].all = s;
		s->items[i].word = pg_ask_word(r, i);
		s->items[i].fd = -1;
	}
	pg_progress_init(&s->progress, !r->cli->json);
	return pg_args_int(&r->cli->args, "jobs", 1, PG_HOLDINGS_JOBS_MAX,
	    &s->jobs, e);
}

static void
holdings_on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct holdings_item *it = arg, *other;
	struct holdings *s = it->all;
	size_t i;

	it->done = done;
	it->total = total;
	done = total = 0;
	for (i = 0; i < s->n; i++) {
		other = &s->items[i];
		done += other->done;
		total += other->total;
	}
	pg_progress_show(&s->progress, done, total, s->n, s->ready);
}

/* What is there of it stays, and the user should know. */
static void
holdings_explain(struct holdings_item *it)
{
	struct pg_err *e = &it->err;

	if (it->done > 0 && it->done < it->total && it->fd < 0 &&
	    (e->code == PG_E_UNREACHABLE ||
	    e->code == PG_E_TIMEOUT))
		pg_fail(e, e->code, "%s; the same command goes on where it "
		    "was", e->msg);
}

static void
holdings_end(struct holdings_item *it)
{
	it->over = true;
	it->all->ready++;
	if (it->f != NULL)
		it->result = paglets_future_get(it->f);
	if (it->result == NULL && it->err.code == PG_E_OK)
		pg_ask_failed(it->all->r, &it->err);
}

/* Those that are under way, as many as may be; then wait for one of them.
 * false: there is none left. */
static bool
holdings_turn(struct holdings *s, struct paglets_future **f)
{
	struct holdings_item *it;
	int64_t open = 0;
	size_t i;
	int k;

	for (i = 0; i < s->n && (i < s->begun || open < s->jobs); i++) {
		it = &s->items[i];
		if (i == s->begun) {
			s->begun++;
			it->f = s->start(it);
			if (it->f == NULL)
				holdings_end(it);
		}
		open += !it->over;
	}
	for (i = 0; i < s->begun; i++)
		f[i] = s->items[i].over ? NULL : s->items[i].f;
	k = paglets_future_wait_any(f, s->begun, -1);
	if (k >= 0)
		holdings_end(&s->items[k]);
	return k >= 0 || s->begun < s->n;
}

static void
holdings_transfer(struct holdings *s)
{
	struct paglets_future **f = pg_arena_alloc(&s->r->cli->arena,
	    s->n * sizeof(*f));

	while (holdings_turn(s, f))
		continue;
	pg_progress_wipe(&s->progress);
}

static void
holdings_fini(struct holdings *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		paglets_future_free(s->items[i].f);
		if (s->items[i].fd >= 0)
			close(s->items[i].fd);
	}
}

/* ---- what is said of them --------------------------------------------- */

/* {key: word, ...result} or {key: word, error_type, error}. */
static struct pg_value *
holdings_row(struct pg_arena *a, const struct holdings_item *it,
    const char *key)
{
	struct pg_value *d = pg_value_dict(a);
	const struct pg_value *v = pg_value_inner(it->result);
	uint32_t i;

	pg_put_strz(a, d, key, it->word);
	if (v == NULL) {
		pg_put_strz(a, d, "error_type", pg_code_wire(it->err.code));
		pg_put_strz(a, d, "error", it->err.msg);
	}
	for (i = 0; pg_value_is(v, PG_T_DICT) && i < v->n; i++)
		pg_value_set(a, d, v->u.pairs[i].key, v->u.pairs[i].val);
	return d;
}

static int
holdings_json(const struct holdings *s, const char *key, struct pg_err *e)
{
	struct pg_arena *a = &s->r->cli->arena;
	struct pg_value *d = pg_value_dict(a), *list = pg_value_list(a);
	size_t i;

	for (i = 0; i < s->n; i++)
		pg_value_add(a, list, holdings_row(a, &s->items[i], key));
	pg_put(a, d, "artifacts", list);
	return pg_show_json(d, e);
}

/* A failure to open a file names it already. */
static void
holdings_note(const struct holdings_item *it)
{
	if (pg_str_starts(pg_str(it->err.msg), pg_str(it->word)))
		pg_show_note("%s", it->err.msg);
	else
		pg_show_note("%s: %s", it->word, it->err.msg);
}

/* One line for each that went well, by show (NULL: nothing is said), and one
 * on stderr for each that did not. Of one alone, it is the command that
 * failed. */
static int
holdings_report(struct holdings *s, const char *key,
    int (*show)(struct holdings_item *it, struct pg_err *e),
    struct pg_err *e)
{
	struct holdings_item *it;
	size_t i, failed = 0;

	for (i = 0; i < s->n; i++) {
		it = &s->items[i];
		if (it->result == NULL)
			failed++;
		else if (!s->r->cli->json && show != NULL && show(it, e) < 0)
			return -1;
	}
	if (s->n == 1 && failed == 1) {
		*e = s->items[0].err;
		return -1;
	}
	if (s->r->cli->json && holdings_json(s, key, e) < 0)
		return -1;
	for (i = 0; i < s->n && failed > 0; i++)
		if (s->items[i].result == NULL)
			holdings_note(&s->items[i]);
	return failed == 0 ? 0 : pg_fail(e, PG_E_PARTLY, "%zu of %zu failed",
	    failed, s->n);
}

static struct pg_str
holdings_text(const struct holdings_item *it, const char *key)
{
	return pg_value_text(pg_value_get(pg_value_get(pg_value_inner(
	    it->result), "artifact"), key), PG_STR_NULL);
}

/* ---- put -------------------------------------------------------------- */

static int
holdings_describe(struct holdings_item *it, struct paglets_upload *u)
{
	struct pg_ask *r = it->all->r;
	int64_t life = 0;

	u->name = pg_ask_option(r, "name");
	u->owner_agent_id = pg_ask_option(r, "owner");
	u->compression = pg_ask_option(r, "compression");
	u->sha256 = pg_ask_option(r, "sha256");
	u->move = pg_args_has(&r->cli->args, "move");
	u->timeout = r->timeout;
	u->on_progress = holdings_on_progress;
	u->arg = it;
	if (pg_args_duration(&r->cli->args, "expires", &life, &it->err) < 0)
		return -1;
	if (life > 0 && life < PG_DURATION_MAX)
		u->expires_at = pg_to_seconds(pg_now_wall() + life);
	if (it->fd < 0) {
		u->path = it->word;
		return 0;
	}
	u->has_fd = true;
	u->fd = it->fd;
	return 0;
}

static struct paglets_future *
holdings_start_put(struct holdings_item *it)
{
	struct paglets_upload u = { .path = NULL };

	if (holdings_describe(it, &u) < 0)
		return NULL;
	return paglets_artifact_upload_future(it->all->r->client,
	    pg_ask_option(it->all->r, "host"), &u);
}

/* The id; of several, the file too. */
static int
holdings_show_put(struct holdings_item *it, struct pg_err *e)
{
	struct pg_arena *a = &it->all->r->cli->arena;
	struct pg_str id = holdings_text(it, "artifact_id");

	if (it->all->n > 1)
		id = pg_arena_printf(a, "%.*s  %s", PG_STR_ARG(id), it->word);
	return pg_show_text(id, e);
}

/* Words that cannot be meant so. */
static int
holdings_check_put(struct pg_ask *r, struct pg_err *e)
{
	size_t i, n = r->cli->args.nwords, in = 0;
	int64_t life = PG_SEC;

	for (i = 0; i < n; i++)
		in += strcmp(pg_ask_word(r, i), "-") == 0;
	if (pg_args_duration(&r->cli->args, "expires", &life, e) < 0)
		return -1;
	if (life == 0)
		return pg_fail(e, PG_E_USAGE, "--expires: it would be gone at "
		    "once");
	if (in > 1)
		return pg_fail(e, PG_E_USAGE, "standard input can be read "
		    "once only");
	if (n > 1 && pg_ask_option(r, "name") != NULL)
		return pg_fail(e, PG_E_USAGE, "--name is for one file");
	if (n > 1 && pg_ask_option(r, "sha256") != NULL)
		return pg_fail(e, PG_E_USAGE, "--sha256 is for one file");
	return 0;
}

/* Before anything is sent: as long as this takes, nothing else goes on. */
static int
holdings_read_stdin(struct holdings *s, struct pg_err *e)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (strcmp(s->items[i].word, "-") != 0)
			continue;
		s->items[i].fd = pg_holdings_stdin(e);
		if (s->items[i].fd < 0)
			return -1;
	}
	return 0;
}

static int
holdings_put(struct pg_ask *r, struct pg_err *e)
{
	struct holdings s;
	int rc;

	if (holdings_check_put(r, e) < 0 || holdings_init(&s, r, e) < 0 ||
	    holdings_read_stdin(&s, e) < 0)
		return -1;
	s.start = holdings_start_put;
	holdings_transfer(&s);
	rc = holdings_report(&s, "file", holdings_show_put, e);
	holdings_fini(&s);
	return rc;
}

#define HOLDINGS_HOST_OPTION                                             \
	{ "host", 0, "HOST", NULL, "the host that keeps it (the entry "     \
	    "host)" }
#define HOLDINGS_JOBS_OPTION                                             \
	{ "jobs", 'j', "N", NULL, "so many at a time (4)" }

static int
holdings_put_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		HOLDINGS_HOST_OPTION,
		{ "name", 0, "NAME", NULL, "what it is called (as its file "
		    "is)" },
		{ "owner", 0, "ID", NULL, "the agent that it belongs to "
		    "(none)" },
		{ "expires", 0, "TIME", NULL, "the host removes it after this "
		    "(none)" },
		{ "compression", 0, "WORD", NULL, "told to whoever fetches "
		    "it; nothing is packed" },
		{ "sha256", 0, "HEX", NULL, "refuse it if its hash is "
		    "another" },
		{ "move", 0, NULL, NULL, "remove the file once the host has "
		    "it" },
		HOLDINGS_JOBS_OPTION,
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "FILE|-...", 1, PG_WORDS_ANY,
		options, "Gives files to a host to keep, and prints their "
		"ids. What comes from a pipe (-)\nis kept in a file without a "
		"name in $TMPDIR until it is all there. --timeout is\nhow "
		"long the host may be silent (60s).\n\n"
		"  paglets artifacts put scan.tiff\n"
		"  tar c src | paglets artifacts put - --name src.tar "
		"--expires 24h" };

	return pg_ask_run(c, &spec, holdings_put, e);
}

/* ---- get -------------------------------------------------------------- */

static bool
holdings_to_stdout(const struct pg_ask *r)
{
	const char *to = pg_ask_option(r, "output");

	return to != NULL && strcmp(to, "-") == 0;
}

static struct paglets_future *
holdings_start_get(struct holdings_item *it)
{
	struct pg_ask *r = it->all->r;
	struct paglets_download d = { .artifact_id = it->word,
		.path = pg_ask_option(r, "output"), .resume = true,
		.move = pg_args_has(&r->cli->args, "move"),
		.timeout = r->timeout, .on_progress = holdings_on_progress,
		.arg = it };

	if (holdings_to_stdout(r)) {
		d.fd = it->fd = holdings_temporary();
		d.has_fd = true;
		d.path = NULL;
		/* Not before it has come out at the other end. */
		d.move = false;
		if (it->fd < 0) {
			pg_fail_sys(&it->err, "a temporary file");
			return NULL;
		}
	}
	return paglets_artifact_download_future(r->client,
	    pg_ask_option(r, "host"), &d);
}

static int
holdings_show_get(struct holdings_item *it, struct pg_err *e)
{
	struct pg_ask *r = it->all->r;

	if (!holdings_to_stdout(r))
		return pg_show_text(pg_value_text(pg_value_get(pg_value_inner(
		    it->result), "path"), PG_STR_NULL), e);
	if (lseek(it->fd, 0, SEEK_SET) < 0)
		return pg_fail_sys(e, "a temporary file");
	if (holdings_copy(it->fd, "a temporary file", STDOUT_FILENO,
	    "standard output", e) < 0)
		return -1;
	if (pg_args_has(&r->cli->args, "move") && paglets_artifact_remove(
	    r->client, pg_ask_option(r, "host"), it->word) < 0)
		return pg_ask_failed(r, e);
	return 0;
}

static int
holdings_check_get(struct pg_ask *r, struct pg_err *e)
{
	const char *to = pg_ask_option(r, "output");
	struct stat st;

	if (holdings_to_stdout(r) && r->cli->json)
		return pg_fail(e, PG_E_USAGE, "standard output can be the "
		    "artifact or JSON, not both");
	if (to == NULL || r->cli->args.nwords == 1)
		return 0;
	if (stat(to, &st) < 0 || !S_ISDIR(st.st_mode))
		return pg_fail(e, PG_E_USAGE, "--output %s: several files go "
		    "into a folder", to);
	return 0;
}

static int
holdings_get(struct pg_ask *r, struct pg_err *e)
{
	struct holdings s;
	size_t i;
	int rc;

	if (holdings_check_get(r, e) < 0 || holdings_init(&s, r, e) < 0)
		return -1;
	s.start = holdings_start_get;
	holdings_transfer(&s);
	for (i = 0; i < s.n; i++)
		if (s.items[i].result == NULL)
			holdings_explain(&s.items[i]);
	rc = holdings_report(&s, "id", holdings_show_get, e);
	holdings_fini(&s);
	return rc;
}

#define HOLDINGS_ID                                                      \
	"ID is the id, the beginning of one, HOST/ID, or "                  \
	"http://HOST:PORT/artifacts/ID."

static int
holdings_get_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		{ "output", 'o', "FILE", NULL, "where to: a file, which it "
		    "replaces; a folder; -: stdout, once all of it is there "
		    "and verified (the present folder)" },
		HOLDINGS_HOST_OPTION,
		{ "move", 0, NULL, NULL, "remove it from its host "
		    "afterwards" },
		HOLDINGS_JOBS_OPTION,
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "ID...", 1, PG_WORDS_ANY,
		options, "Fetches artifacts and prints the names of their "
		"files. In a folder, a file is\ncalled as the artifact is, "
		"made safe, and replaces no other. A file is in its\nplace "
		"only when it is whole and its sha256 is right; until then it "
		"is called\n.NAME.XXXX.part beside it, and the same command "
		"goes on with that after an\ninterruption. --timeout is how "
		"long the host may be silent (60s).\n" HOLDINGS_ID "\n\n"
		"  paglets artifacts get 3f2a -o scan.tiff\n"
		"  paglets artifacts get beta/3f2a -o - | tar t" };

	return pg_ask_run(c, &spec, holdings_get, e);
}

/* ---- list, info ------------------------------------------------------- */

static void
holdings_put_row(struct pg_table *t, const struct pg_value *ref)
{
	const struct pg_value *size = pg_value_get(ref, "size_bytes");
	const struct pg_value *until = pg_value_get(ref, "expires_at");
	char text[PG_SIZE_TEXT_MAX];
	double when;

	pg_table_put_value(t, pg_value_get(ref, "artifact_id"));
	pg_table_put(t, pg_value_is(size, PG_T_INT) && size->u.i >= 0 ?
	    pg_str(pg_size_text((uint64_t)size->u.i, text)) : PG_STR_NULL);
	pg_table_put_time(t, pg_value_get(ref, "created_at"));
	/* 0 stands for never. */
	pg_table_put_time(t, pg_value_number(until, &when) && when > 0 ?
	    until : NULL);
	pg_table_put_value(t, pg_value_get(ref, "owner_agent_id"));
	pg_table_put_value(t, pg_value_get(ref, "name"));
}

static int
holdings_show_list(struct pg_ask *r, struct pg_value *reply,
    struct pg_err *e)
{
	static const char *const heads[] = { "ID", "SIZE", "CREATED",
		"EXPIRES", "OWNER", "NAME", NULL };
	const struct pg_value *list = pg_value_get(reply, "artifacts");
	struct pg_table t;
	uint32_t i;

	pg_table_init(&t, &r->cli->arena, heads);
	for (i = 0; pg_value_is(list, PG_T_LIST) && i < list->n; i++)
		holdings_put_row(&t, list->u.items[i]);
	return pg_table_show(&t, e);
}

static int
holdings_list(struct pg_ask *r, struct pg_err *e)
{
	return pg_ask_show(r, paglets_artifact_list(r->client,
	    pg_ask_option(r, "host"), pg_ask_option(r, "owner")),
	    holdings_show_list, e);
}

static int
holdings_list_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		HOLDINGS_HOST_OPTION,
		{ "owner", 0, "ID", NULL, "only those that belong to this "
		    "agent" },
		{ .name = NULL }
	};
	static const struct pg_spec spec = { "", 0, 0, options,
		"Lists the artifacts that a host keeps." };

	return pg_ask_run(c, &spec, holdings_list, e);
}

static int
holdings_show_info(struct pg_ask *r, struct pg_value *reply,
    struct pg_err *e)
{
	return pg_table_of(&r->cli->arena, pg_value_get(reply, "artifact"),
	    e);
}

static int
holdings_info(struct pg_ask *r, struct pg_err *e)
{
	return pg_ask_show(r, paglets_artifact_info(r->client,
	    pg_ask_option(r, "host"), pg_ask_word(r, 0)),
	    holdings_show_info, e);
}

static int
holdings_info_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		HOLDINGS_HOST_OPTION, { .name = NULL }
	};
	static const struct pg_spec spec = { "ID", 1, 1, options,
		"Tells what is known of an artifact: size, sha256, name, "
		"owner, times.\n" HOLDINGS_ID };

	return pg_ask_run(c, &spec, holdings_info, e);
}

/* ---- rm --------------------------------------------------------------- */

/* A host has nothing against removing what it does not have; who types an id
 * wants to know. */
static void
holdings_remove(struct holdings_item *it)
{
	struct pg_ask *r = it->all->r;
	const char *host = pg_ask_option(r, "host");
	const struct paglets_value *info = paglets_artifact_info(r->client,
	    host, it->word);

	if (info != NULL && paglets_artifact_remove_ref(r->client,
	    paglets_get(info, "artifact")) == 0)
		it->result = info;
	else
		pg_ask_failed(r, &it->err);
}

static int
holdings_rm(struct pg_ask *r, struct pg_err *e)
{
	struct holdings s = { .r = r, .n = r->cli->args.nwords };
	size_t i;

	s.items = pg_arena_zalloc(&r->cli->arena, s.n * sizeof(*s.items));
	for (i = 0; i < s.n; i++) {
		s.items[i] = (struct holdings_item){ .all = &s,
			.word = pg_ask_word(r, i), .fd = -1 };
		holdings_remove(&s.items[i]);
	}
	return holdings_report(&s, "id", NULL, e);
}

static int
holdings_rm_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_option options[] = {
		HOLDINGS_HOST_OPTION, { .name = NULL }
	};
	static const struct pg_spec spec = { "ID...", 1, PG_WORDS_ANY,
		options, "Removes artifacts from their host.\n"
		HOLDINGS_ID };

	return pg_ask_run(c, &spec, holdings_rm, e);
}

/* ---- which of them ---------------------------------------------------- */

static const struct pg_command holdings_verbs[] = {
	{ "put", holdings_put_run, "give files to a host to keep" },
	{ "get", holdings_get_run, "fetch artifacts" },
	{ "list", holdings_list_run, "list those that a host keeps" },
	{ "info", holdings_info_run, "what is known of one" },
	{ "rm", holdings_rm_run, "remove them" },
	{ NULL, NULL, NULL }
};

static int
holdings_overview(struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	const struct pg_command *m;
	int rc;

	pg_buf_putz(&b, "usage: paglets artifacts VERB ...\n\n"
	    "Artifacts are large binary things that hosts keep for "
	    "others.\n\n");
	for (m = holdings_verbs; m->name != NULL; m++)
		pg_buf_printf(&b, "  %-12s%s\n", m->name, m->help);
	pg_buf_putz(&b, "\n`paglets help artifacts VERB` tells more.\n");
	rc = pg_show_text(pg_buf_str(&b), e);
	pg_buf_fini(&b);
	return rc;
}

static int
holdings_unknown(const char *word, struct pg_err *e)
{
	const char *near = pg_cli_nearest(holdings_verbs, word);

	if (word[0] == '-')
		return pg_fail(e, PG_E_USAGE, "%s: no verb before it; write "
		    "`paglets artifacts VERB ... %s`", word, word);
	if (near != NULL)
		return pg_fail(e, PG_E_USAGE, "unknown verb '%s'; did you "
		    "mean '%s'?", word, near);
	return pg_fail(e, PG_E_USAGE, "unknown verb '%s'; it is put, get, "
	    "list, info or rm", word);
}

static void
holdings_survey(const struct pg_survey *s)
{
	const struct pg_command *m;

	for (m = holdings_verbs; m->name != NULL; m++)
		s->on_verb(s->arg, m);
}

PG_FN int
pg_holdings_run(struct pg_cli *c, struct pg_err *e)
{
	const char *word = c->argc > 0 ? c->argv[0] : NULL;
	struct pg_command *full = pg_arena_alloc(&c->arena, sizeof(*full));
	const struct pg_command *verb;

	if (c->survey != NULL) {
		holdings_survey(c->survey);
		return -1;
	}
	if (word == NULL)
		return pg_fail(e, PG_E_USAGE, "no verb; it is put, get, list, "
		    "info or rm");
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return holdings_overview(e);
	verb = pg_cli_find(holdings_verbs, word);
	if (verb == NULL)
		return holdings_unknown(word, e);
	/* Help and failures name it as it is written. */
	*full = *verb;
	full->name = pg_arena_printf(&c->arena, "artifacts %s", word).p;
	c->command = full;
	c->argc--;
	c->argv++;
	return verb->run(c, e);
}

#undef HOLDINGS_COPY
#undef HOLDINGS_HOST_OPTION
#undef HOLDINGS_JOBS_OPTION
#undef HOLDINGS_ID
