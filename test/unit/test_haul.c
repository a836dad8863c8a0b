/* test_haul: shows that an upload and a download end well or not at all,
 * whatever the host does: answers that are cut, too long, too short, about
 * something else, or wrong in one byte; that what was interrupted goes on, and
 * that nothing unverified ever gets to its place. Real sockets, files and
 * workers; the host is a thread that follows a script.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/http1 codec/sha256 codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file os/rand os/sock os/loop os/work os/ingest net/filesend net/lookup net/pool net/client host/wire host/hostref host/seal host/remote agent/fields agent/values client/address client/session client/future client/place client/depot client/haul client/partial client/deliver client/fetch */
/* wrap: pg_entry_find pg_entry_look_up pg_mesh_key_for pg_locate */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>

#include "client/depot.h"
#include "client/entry.h"
#include "client/fetch.h"
#include "client/haul.h"
#include "client/locate.h"
#include "client/partial.h"
#include "codec/sha256.h"
#include "host/mesh.h"
#include "os/file.h"
#include "os/sock.h"
#include "patience.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 3000000 /* bytes of the artifact */
#define STEPS_MAX 12
#define ID "0123456789abcdef0123456789abcdef"
#define FULL SIZE_MAX

/* ---- what is wrapped -------------------------------------------------- */

int __wrap_pg_entry_find(struct paglets_client *c);
const struct pg_value *__wrap_pg_entry_look_up(struct paglets_client *c,
    struct pg_str url, struct pg_str name);
struct pg_str __wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);
const struct pg_value *__wrap_pg_locate(struct paglets_client *c,
    struct pg_arena *a, struct pg_str id, const struct pg_value *result);

int
__wrap_pg_entry_find(struct paglets_client *c)
{
	return pg_fail(&c->err, PG_E_UNREACHABLE, "no entry");
}

const struct pg_value *
__wrap_pg_entry_look_up(struct paglets_client *c, struct pg_str url,
    struct pg_str name)
{
	(void)c, (void)url, (void)name;
	return NULL;
}

struct pg_str
__wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	(void)m, (void)url;
	return PG_STR_NULL;
}

const struct pg_value *
__wrap_pg_locate(struct paglets_client *c, struct pg_arena *a,
    struct pg_str id, const struct pg_value *result)
{
	(void)c, (void)a, (void)id;
	return result;
}

/* ---- the host --------------------------------------------------------- */

/* One connection, and one request on it. */
struct step {
	const char *expect; /* is in the head of the request */
	size_t read;        /* bytes of its body; FULL: all */
	char answer[1200];  /* head, and body if it is text; "": none */
	size_t from, n;     /* of the artifact, behind it */
};

static struct {
	struct step steps[STEPS_MAX];
	size_t n, done;
	char wrong[400]; /* what was not as expected */
	int fd;
	char url[64];
	pthread_t thread;
	char content[SIZE], hex[65];
	struct pg_buf body; /* of the last upload */
} host;

static void
host_complain(const char *what, const char *head)
{
	if (host.wrong[0] == '\0')
		snprintf(host.wrong, sizeof(host.wrong), "%.150s in: %.200s",
		    what, head);
}

/* The head, and what came with it of the body. */
static size_t
host_read_head(int fd, char *head, size_t max)
{
	size_t n = 0;
	ssize_t got;

	while (n < max) {
		got = recv(fd, head + n, max - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		head[n] = '\0';
		if (strstr(head, "\r\n\r\n") != NULL)
			break;
	}
	return n;
}

static void
host_read_body(int fd, char *head, size_t n, size_t want)
{
	const char *length = strstr(head, "Content-Length: ");
	char *end = strstr(head, "\r\n\r\n");
	size_t all = length != NULL ? strtoul(length + 16, NULL, 10) : 0, had;
	char piece[65536];
	ssize_t got;

	pg_buf_reset(&host.body);
	if (end == NULL)
		return;
	end += 4;
	had = n - (size_t)(end - head);
	pg_buf_put(&host.body, end, had);
	*end = '\0';
	all = PG_MIN(all, want);
	while (host.body.n < all) {
		got = recv(fd, piece, PG_MIN(sizeof(piece), all -
		    host.body.n), 0);
		if (got <= 0)
			break;
		pg_buf_put(&host.body, piece, (size_t)got);
	}
}

static void
host_send(int fd, const char *p, size_t n)
{
	ssize_t put;

	for (; n > 0; p += put, n -= (size_t)put) {
		put = send(fd, p, n, MSG_NOSIGNAL);
		if (put <= 0)
			return;
	}
}

static void
host_serve(int fd, const struct step *s)
{
	static char head[65536 + 1];
	size_t n = host_read_head(fd, head, 65536);

	host_read_body(fd, head, n, s->read);
	if (strstr(head, s->expect) == NULL)
		host_complain(s->expect, head);
	host_send(fd, s->answer, strlen(s->answer));
	host_send(fd, host.content + s->from, s->n);
	shutdown(fd, SHUT_WR);
	/* Who closes with bytes unread resets; that is meant where read says
	 * so. */
	if (s->read == FULL)
		(void)!recv(fd, head, 1, 0);
	close(fd);
}

static void *
host_main(void *arg)
{
	int fd;

	(void)arg;
	while (host.done < host.n) {
		fd = accept(host.fd, NULL, NULL);
		if (fd < 0)
			break;
		host_serve(fd, &host.steps[host.done]);
		host.done++;
	}
	close(host.fd);
	return NULL;
}

static struct step *
host_step(const char *expect)
{
	struct step *s = &host.steps[host.n++];

	assert_true(host.n <= STEPS_MAX);
	*s = (struct step){ .expect = expect, .read = FULL };
	return s;
}

static void
host_json(const char *expect, int status, const char *json)
{
	struct step *s = host_step(expect);

	snprintf(s->answer, sizeof(s->answer), "HTTP/1.1 %d X\r\n"
	    "Connection: close\r\nContent-Length: %zu\r\n\r\n%s", status,
	    strlen(json), json);
}

static const char *
reference(const char *name, int64_t size, const char *sha)
{
	static char json[1000];

	snprintf(json, sizeof(json), "{\"artifact\": {\"host_url\": \"%s\", "
	    "\"artifact_id\": \"" ID "\", \"name\": \"%s\", \"size_bytes\": "
	    "%" PRId64 ", \"sha256\": \"%s\"}}", host.url, name, size, sha);
	return json;
}

static void
host_metadata(void)
{
	host_json("GET /artifacts/" ID "/metadata ", 200, reference("name",
	    SIZE, host.hex));
}

/* An answer to a GET: `more` lines, then n bytes from `from` on. */
static struct step *
host_bytes(const char *expect, const char *status, const char *more,
    size_t from, size_t n)
{
	struct step *s = host_step(expect);

	snprintf(s->answer, sizeof(s->answer), "HTTP/1.1 %s\r\n"
	    "Connection: close\r\n%s\r\n", status, more);
	s->from = from;
	s->n = n;
	return s;
}

#define LENGTH_ALL "Content-Length: 3000000\r\n"
#define GET_ID "GET /artifacts/" ID " "

static void
host_all(void)
{
	host_bytes(GET_ID, "200 OK", LENGTH_ALL, 0, SIZE);
}

static void
host_begin(void)
{
	assert_int_equal(pthread_create(&host.thread, NULL, host_main, NULL),
	    0);
}

/* All of the script was asked for, as it says. */
static void
host_end(void)
{
	/* One that is not asked any more would wait for ever. */
	shutdown(host.fd, SHUT_RDWR);
	pthread_join(host.thread, NULL);
	if (host.wrong[0] != '\0')
		fail_msg("%s", host.wrong);
	assert_int_equal(host.done, host.n);
}

/* ---- the client ------------------------------------------------------- */

static struct paglets_client *c;
static char dir[64];

static int
setup(void **state)
{
	struct paglets_client_config config = { .entry = NULL,
		.timeout = 3600 * 1000 };
	struct pg_addr a, bound;

	(void)state;
	clock_by_turns();
	snprintf(dir, sizeof(dir), "/tmp/test_haul.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	host.n = host.done = 0;
	host.wrong[0] = '\0';
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &a);
	host.fd = pg_sock_listen(&a, &bound, NULL);
	assert_true(host.fd >= 0);
	assert_int_equal(fcntl(host.fd, F_SETFL, 0), 0);
	snprintf(host.url, sizeof(host.url), "http://127.0.0.1:%u",
	    (unsigned)pg_addr_port(&bound));
	c = paglets_client_new(&config);
	return c != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[100];

	(void)state;
	paglets_client_free(c);
	pg_buf_fini(&host.body);
	clock_real();
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return chdir("/") == 0 ? system(command) : -1;
}

static int
group(void **state)
{
	uint8_t sha[PG_SHA256_SIZE];
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < SIZE; i++)
		host.content[i] = (char)(i * i / 7 + i);
	pg_sha256((struct pg_str){ host.content, SIZE }, sha);
	pg_buf_hex(&b, (struct pg_str){ (const char *)sha, sizeof(sha) });
	memcpy(host.hex, b.p, 64);
	pg_buf_fini(&b);
	return 0;
}

/* Until it is done; pauses pass more quickly than they do for others. */
static void
finish(struct paglets_future *f)
{
	int64_t end;

	pg_clock_fake(0, 0);
	end = pg_now() + PATIENCE;
	while (!f->done) {
		pg_clock_fake(0, 0);
		assert_true(pg_now() < end);
		clock_pass(10 * PG_MS);
		assert_int_equal(pg_loop_turn(c->loop, PG_MS, NULL), 0);
	}
	clock_pass(0);
}

/* The result, or NULL with the client's error. The future is kept. */
static const struct paglets_value *
result(struct paglets_future *f)
{
	if (f == NULL)
		return NULL;
	pg_session_keep(f);
	finish(f);
	return paglets_future_get(f);
}

static const struct paglets_value *
download(const struct paglets_download *d)
{
	const struct paglets_value *v;

	host_begin();
	v = result(paglets_artifact_download_future(c, host.url, d));
	host_end();
	return v;
}

static void
says(const char *code, const char *text)
{
	assert_string_equal(paglets_client_error_code(c), code);
	if (strstr(paglets_client_error(c), text) == NULL)
		fail_msg("'%s' in '%s'", text, paglets_client_error(c));
}

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Nothing is in the folder but what ls then prints. */
static void
only(const char *names)
{
	char command[200];

	snprintf(command, sizeof(command), "test \"$(ls -A | tr '\\n' ' ')\" "
	    "= '%s'", names);
	if (system(command) != 0)
		fail_msg("not only '%s'", names);
}

static void
is_artifact(const char *path)
{
	struct pg_buf b = PG_BUF_INIT(0);

	assert_int_equal(pg_file_read(path, &b, NULL), 0);
	assert_int_equal(b.n, SIZE);
	assert_memory_equal(b.p, host.content, SIZE);
	pg_buf_fini(&b);
}

static const char *
part(void)
{
	static char name[64];

	snprintf(name, sizeof(name), ".f.%.*s.part", PG_PARTIAL_MARK,
	    host.hex);
	return name;
}

static void
make(const char *path, const char *p, size_t n)
{
	assert_int_equal(pg_file_write(path, (struct pg_str){ p, n }, 0600,
	    NULL), 0);
}

static const struct paglets_download plain = { .artifact_id = ID,
	.path = "f", .resume = true };

/* ---- downloads -------------------------------------------------------- */

struct seen {
	int times;
	uint64_t done, total;
};

static void
on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct seen *s = arg;

	s->times++;
	assert_true(done >= s->done);
	s->done = done;
	s->total = total;
}

static void
an_artifact_becomes_a_file(void **state)
{
	struct seen seen = { 0 };
	struct paglets_download d = plain;
	const struct paglets_value *v;

	(void)state;
	d.on_progress = on_progress;
	d.arg = &seen;
	host_metadata();
	host_all();
	make("f", "old", 3);
	v = download(&d);
	assert_non_null(v);
	assert_string_equal(paglets_as_text(paglets_client_values(c),
	    paglets_get(v, "path")), "f");
	assert_string_equal(paglets_as_text(paglets_client_values(c),
	    paglets_get(paglets_get(v, "artifact"), "sha256")), host.hex);
	is_artifact("f");
	only("f ");
	assert_true(seen.times > 0);
	assert_int_equal(seen.done, SIZE);
	assert_int_equal(seen.total, SIZE);
}

static void
its_own_name_is_used_in_a_folder(void **state)
{
	struct paglets_download d = { .artifact_id = ID };
	const struct paglets_value *v;

	(void)state;
	host_json("/metadata", 200, reference("../\\u0001.x", SIZE,
	    host.hex));
	host_all();
	v = download(&d);
	assert_non_null(v);
	assert_string_equal(paglets_as_text(paglets_client_values(c),
	    paglets_get(v, "path")), "_.__.x");
	is_artifact("_.__.x");
	only("_.__.x ");
}

static void
nothing_may_be_the_artifact(void **state)
{
	(void)state;
	host_json("/metadata", 200, reference("", 0, "E3B0C44298FC1C149AFBF4C8"
	    "996FB92427AE41E4649B934CA495991B7852B855"));
	host_bytes(GET_ID, "200 OK", "Content-Length: 0\r\n", 0, 0);
	assert_non_null(download(&plain));
	only("f ");
}

static void
what_was_cut_goes_on(void **state)
{
	char expect[200];

	(void)state;
	host_metadata();
	host_bytes(GET_ID, "200 OK", LENGTH_ALL, 0, 1000000);
	snprintf(expect, sizeof(expect), "Range: bytes=1000000-\r\n"
	    "If-Range: \"%s\"\r\n", host.hex);
	host_bytes(expect, "206 Partial Content", "Content-Length: 2000000\r\n"
	    "Content-Range: bytes 1000000-2999999/3000000\r\n", 1000000,
	    500000);
	host_bytes("Range: bytes=1500000-\r\n", "206 Partial Content",
	    "Content-Length: 1500000\r\nContent-Range: bytes 1500000-2999999/"
	    "3000000\r\n", 1500000, 1500000);
	assert_non_null(download(&plain));
	is_artifact("f");
	only("f ");
}

static void
a_host_that_cannot_go_on_gives_all(void **state)
{
	(void)state;
	host_metadata();
	host_bytes(GET_ID, "200 OK", LENGTH_ALL, 0, 1000000);
	host_bytes("Range: bytes=1000000-\r\n", "200 OK", LENGTH_ALL, 0,
	    SIZE);
	assert_non_null(download(&plain));
	is_artifact("f");
	only("f ");
}

static void
what_is_there_from_before_is_gone_on_with(void **state)
{
	(void)state;
	make(part(), host.content, 2999999);
	host_metadata();
	host_bytes("Range: bytes=2999999-\r\n", "206 Partial Content",
	    "Content-Range: bytes 2999999-2999999/3000000\r\n"
	    "Content-Length: 1\r\n", 2999999, 1);
	assert_non_null(download(&plain));
	is_artifact("f");
	only("f ");
}

static void
all_may_be_there_from_before(void **state)
{
	(void)state;
	make(part(), host.content, SIZE);
	host_metadata();
	assert_non_null(download(&plain));
	is_artifact("f");
	only("f ");
}

/* It is found out at the end only, and then done without. */
static void
what_is_there_from_before_may_be_wrong(void **state)
{
	(void)state;
	make(part(), host.content + 1, 1000000);
	host_metadata();
	host_bytes("Range: bytes=1000000-\r\n", "206 Partial Content",
	    "Content-Range: bytes 1000000-2999999/3000000\r\n"
	    "Content-Length: 2000000\r\n", 1000000, 2000000);
	host_all();
	assert_non_null(download(&plain));
	is_artifact("f");
	only("f ");
}

static void
too_much_may_be_there_from_before(void **state)
{
	static char more[SIZE + 1];

	(void)state;
	make(part(), more, sizeof(more));
	host_metadata();
	host_all();
	assert_non_null(download(&plain));
	is_artifact("f");
}

static void
a_range_that_is_refused_is_not_asked_for_again(void **state)
{
	(void)state;
	make(part(), host.content, 1000);
	host_metadata();
	host_json("Range: bytes=1000-", 416, "{\"error_type\": \"HostError\", "
	    "\"error\": \"no such range\"}");
	host_all();
	assert_non_null(download(&plain));
	is_artifact("f");
}

/* No file, and, of what was wrong, no part of it. */
static void
fails(const char *code, const char *text, const char *left)
{
	make("f", "old", 3);
	assert_null(download(&plain));
	says(code, text);
	only(left);
}

static void
a_wrong_byte_leaves_nothing(void **state)
{
	(void)state;
	host_metadata();
	host_bytes(GET_ID, "200 OK", LENGTH_ALL "\r\nX", 1, SIZE - 1);
	fails("transfer", "sha256", "f ");
}

static void
more_than_was_said_leaves_nothing(void **state)
{
	(void)state;
	host_metadata();
	host_bytes(GET_ID, "200 OK", "Transfer-Encoding: chunked\r\n"
	    "\r\n2dc6c1\r\nX", 0, SIZE);
	fails("transfer", "longer", "f ");
}

static void
another_length_is_refused(void **state)
{
	(void)state;
	host_metadata();
	host_bytes(GET_ID, "200 OK", "Content-Length: 2999999\r\n", 0,
	    SIZE - 1);
	fails("transfer", "another size", "f ");
}

/* An end that the connection marks could be one or none: it is no error of the
 * connection, and asking again would not help. */
static void
less_than_was_said_fails(void **state)
{
	(void)state;
	host_metadata();
	host_bytes(GET_ID, "200 OK", "", 0, SIZE - 1);
	make("f", "old", 3);
	assert_null(download(&plain));
	says("transfer", "shorter");
	assert_true(is_there(part()));
}

static void
another_part_is_refused(void **state)
{
	(void)state;
	make(part(), host.content, 1000);
	host_metadata();
	host_bytes("Range: bytes=1000-", "206 Partial Content",
	    "Content-Length: 2999001\r\n"
	    "Content-Range: bytes 999-2999999/3000000\r\n", 999, SIZE - 999);
	make("f", "old", 3);
	assert_null(download(&plain));
	says("transfer", "another part");
}

static void
a_reference_must_be_whole(void **state)
{
	(void)state;
	host_json("/metadata", 200, reference("x", SIZE, ""));
	host_json("/metadata", 200, reference("x", -1, host.hex));
	host_json("/metadata", 200, "{\"artifact\": 5}");
	host_json("/metadata", 400, "{\"error_type\": \"TransferError\", "
	    "\"error\": \"No artifact '" ID "'\"}");
	host_begin();
	assert_null(result(paglets_artifact_download_future(c, host.url,
	    &plain)));
	says("transfer", "no reference");
	assert_null(result(paglets_artifact_download_future(c, host.url,
	    &plain)));
	says("transfer", "no reference");
	assert_null(result(paglets_artifact_download_future(c, host.url,
	    &plain)));
	says("transfer", "no reference");
	assert_null(result(paglets_artifact_download_future(c, host.url,
	    &plain)));
	says("no_artifact", "No artifact");
	host_end();
	only("");
}

static void
it_gives_up_after_some_attempts(void **state)
{
	int i;

	(void)state;
	host_metadata();
	for (i = 0; i < PG_HAUL_TRIES; i++)
		host_bytes(GET_ID, "200 OK", LENGTH_ALL, 0, 10);
	assert_null(download(&plain));
	says("unreachable", "Could not reach");
	/* What has come is kept, if the user wants that. */
	assert_true(is_there(part()));
	assert_false(is_there("f"));
}

static void
whoever_does_not_resume_keeps_nothing(void **state)
{
	struct paglets_download d = plain;

	(void)state;
	d.resume = false;
	host_metadata();
	host_bytes(GET_ID, "200 OK", "", 0, 10);
	assert_null(download(&d));
	only("");
}

static void
a_moved_one_is_removed_there(void **state)
{
	struct paglets_download d = plain;

	(void)state;
	d.move = true;
	host_metadata();
	host_all();
	host_json("DELETE /artifacts/" ID " ", 200, "{\"ok\": true}");
	assert_non_null(download(&d));
	is_artifact("f");
}

static void
a_reference_is_enough(void **state)
{
	struct paglets_download d = { .path = "f" };
	struct paglets_call *v = paglets_client_values(c);
	struct paglets_value *ref = paglets_dict(v);

	(void)state;
	paglets_set(v, ref, "host_url", paglets_text(v, host.url));
	paglets_set(v, ref, "artifact_id", paglets_text(v, ID));
	paglets_set(v, ref, "size_bytes", paglets_int(v, SIZE));
	paglets_set(v, ref, "sha256", paglets_text(v, host.hex));
	d.ref = ref;
	host_all();
	assert_non_null(download(&d));
	is_artifact("f");
	d.ref = paglets_dict(v);
	assert_null(paglets_artifact_download_future(c, NULL, &d));
	says("usage", "no reference");
}

static void
an_open_file_gets_it(void **state)
{
	struct paglets_download d = { .artifact_id = ID, .has_fd = true };

	(void)state;
	make("o", "some bytes that are there", 25);
	d.fd = open("o", O_RDWR);
	host_metadata();
	host_all();
	assert_true(paglets_type_of(paglets_get(download(&d), "path")) ==
	    PAGLETS_IS_NULL);
	close(d.fd);
	is_artifact("o");
	only("o ");
}

static void
a_full_disk_is_told(void **state)
{
	struct rlimit was, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small = was;
	small.rlim_cur = 100000;
	host_metadata();
	host_all();
	setrlimit(RLIMIT_FSIZE, &small);
	assert_null(download(&plain));
	setrlimit(RLIMIT_FSIZE, &was);
	says("sys", "File too large");
	assert_false(is_there("f"));
}

/* Far enough to have got some bytes. */
static struct paglets_future *
under_way(void)
{
	struct paglets_future *f;
	const struct pg_haul *t;

	host_metadata();
	host_all();
	host_begin();
	f = paglets_artifact_download_future(c, host.url, &plain);
	t = f->arg;
	while (t->done == 0)
		clock_turn(c->loop);
	return f;
}

static void
a_download_can_be_given_up(void **state)
{
	(void)state;
	paglets_future_free(under_way());
	host_end();
	assert_false(is_there("f"));
}

static void
a_cancelled_one_has_failed(void **state)
{
	struct paglets_future *f = under_way();

	(void)state;
	paglets_future_cancel(f);
	paglets_future_cancel(f);
	assert_null(paglets_future_get(f));
	says("remote", "cancelled");
	paglets_future_free(f);
	host_end();
	assert_false(is_there("f"));
}

static void
one_that_has_not_begun_can_be_given_up(void **state)
{
	struct paglets_future *f = paglets_artifact_download_future(c,
	    host.url, &plain);

	(void)state;
	paglets_future_free(f);
	f = paglets_artifact_download_future(c, host.url, &plain);
	clock_turn(c->loop);
	clock_turn(c->loop);
	paglets_future_free(f);
	close(host.fd);
	only("");
}

static void
ranges_are_read_strictly(void **state)
{
	(void)state;
	assert_int_equal(pg_fetch_range(PG_STR("bytes 0-9/10"), 10), 0);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 9-9/10"), 10), 9);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 10-9/10"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 5-8/10"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 5-9/11"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 5-9/*"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 05-9/10"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes */10"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("items 5-9/10"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 5-9/10 "), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes "
	    "99999999999999999999999999-9/10"), 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR_NULL, 10), -1);
	assert_int_equal(pg_fetch_range(PG_STR("bytes 0-0/0"), 0), -1);
}

/* ---- uploads ---------------------------------------------------------- */

static const struct paglets_value *
upload(const struct paglets_upload *u)
{
	const struct paglets_value *v;

	host_begin();
	v = result(paglets_artifact_upload_future(c, host.url, u));
	host_end();
	return v;
}

static void
has_arrived(void)
{
	assert_int_equal(host.body.n, SIZE);
	assert_memory_equal(host.body.p, host.content, SIZE);
}

static void
a_file_becomes_an_artifact(void **state)
{
	struct seen seen = { 0 };
	struct paglets_upload u = { .path = "sub/d\303\244ta 1",
		.owner_agent_id = "kim", .compression = "none",
		.expires_at = 12.5, .on_progress = on_progress,
		.arg = &seen };

	(void)state;
	mkdir("sub", 0700);
	make(u.path, host.content, SIZE);
	host_json("POST /artifacts?size=3000000&owner_agent_id=kim&"
	    "name=d%C3%A4ta%201&compression=none&expires_at=12.500000 ", 200,
	    reference("n", SIZE, host.hex));
	assert_string_equal(paglets_as_text(paglets_client_values(c),
	    paglets_get(paglets_get(upload(&u), "artifact"), "artifact_id")),
	    ID);
	has_arrived();
	is_artifact(u.path);
	assert_int_equal(seen.done, SIZE);
	assert_int_equal(seen.total, SIZE);
}

static void
bytes_and_open_files_too(void **state)
{
	struct paglets_upload u = { .bytes = host.content, .n = SIZE,
		.name = "b", .sha256 = host.hex };

	(void)state;
	host_json("&name=b&sha256=", 200, reference("b", SIZE, host.hex));
	assert_non_null(upload(&u));
	has_arrived();
}

static void
an_open_file_is_sent_from_its_beginning(void **state)
{
	struct paglets_upload u = { .has_fd = true };

	(void)state;
	make("f", host.content, SIZE);
	u.fd = open("f", O_RDONLY);
	lseek(u.fd, 1000, SEEK_SET);
	host_json("POST /artifacts?size=3000000 ", 200, reference("", SIZE,
	    host.hex));
	assert_non_null(upload(&u));
	has_arrived();
	assert_int_equal(lseek(u.fd, 0, SEEK_CUR), 1000);
	close(u.fd);
}

static void
nothing_can_be_sent(void **state)
{
	struct paglets_upload u = { .path = "f" };

	(void)state;
	make("f", "", 0);
	host_json("Content-Length: 0\r\n", 200, reference("", 0,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	    );
	assert_non_null(upload(&u));
}

static void
what_is_no_file_is_not_sent(void **state)
{
	struct paglets_upload u = { .path = "nosuch" };

	(void)state;
	assert_null(paglets_artifact_upload_future(c, host.url, &u));
	says("sys", "nosuch: No such file");
	u.path = ".";
	assert_null(paglets_artifact_upload_future(c, host.url, &u));
	says("usage", "no regular file");
	assert_int_equal(mkfifo("pipe", 0600), 0);
	u.path = "pipe";
	assert_null(paglets_artifact_upload_future(c, host.url, &u));
	says("usage", "no regular file");
	u = (struct paglets_upload){ .has_fd = true, .fd = 12345 };
	assert_null(paglets_artifact_upload_future(c, host.url, &u));
	says("sys", "Bad file descriptor");
	close(host.fd);
}

static void
what_the_host_got_wrong_is_removed_again(void **state)
{
	struct paglets_upload u = { .path = "f", .move = true };

	(void)state;
	make("f", host.content, SIZE);
	host_json("POST /artifacts?", 200, reference("f", SIZE, "0123456789"
	    "abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
	host_json("DELETE /artifacts/" ID " ", 200, "{\"ok\": true}");
	assert_null(upload(&u));
	says("transfer", "removed again");
	is_artifact("f");
}

static void
an_answer_that_is_none_fails(void **state)
{
	struct paglets_upload u = { .path = "f", .move = true };

	(void)state;
	make("f", host.content, SIZE);
	host_json("POST", 200, "{\"artifact\": {\"artifact_id\": \"../x\", "
	    "\"size_bytes\": 3000000}}");
	assert_null(upload(&u));
	says("transfer", "no reference");
	is_artifact("f");
}

/* It is large enough to be on its way when the host goes. */
static void
an_upload_that_is_cut_begins_anew(void **state)
{
	struct paglets_upload u = { .path = "f", .move = true };
	struct pg_buf hex = PG_BUF_INIT(0);
	uint8_t sha[PG_SHA256_SIZE];
	uint64_t size;
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	assert_int_equal(pg_file_sha256(fd, sha, &size, NULL), 0);
	close(fd);
	pg_buf_hex(&hex, (struct pg_str){ (const char *)sha, sizeof(sha) });
	pg_buf_putc(&hex, '\0');
	host_step("POST")->read = 1000;
	host_step("POST")->read = 1000;
	host_json("POST", 200, reference("f", 64 << 20, hex.p));
	pg_buf_fini(&hex);
	assert_non_null(upload(&u));
	assert_int_equal(host.body.n, 64 << 20);
	only("");
}

/* The host may have it: nobody knows, so it is not sent twice. */
static void
an_answer_that_is_lost_is_told(void **state)
{
	struct paglets_upload u = { .path = "f", .move = true };

	(void)state;
	make("f", host.content, SIZE);
	host_step("POST");
	assert_null(upload(&u));
	says("unreachable", "before you send it again");
	assert_true(paglets_client_failure(c).maybe_done);
	assert_true(is_there("f"));
}

/* Without all of it the host cannot have kept it. */
static void
an_upload_that_is_cut_again_and_again_was_not_done(void **state)
{
	struct paglets_upload u = { .path = "f" };
	int i, fd = open("f", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	close(fd);
	for (i = 0; i < PG_HAUL_TRIES; i++)
		host_step("POST")->read = 1000;
	assert_null(upload(&u));
	says("unreachable", "Could not reach");
	assert_false(paglets_client_failure(c).maybe_done);
}

static void
a_refusal_is_told(void **state)
{
	struct paglets_upload u = { .path = "f", .move = true };

	(void)state;
	make("f", host.content, SIZE);
	host_json("POST", 400, "{\"error_type\": \"TransferError\", "
	    "\"error\": \"artifact storage quota exceeded\"}");
	assert_null(upload(&u));
	says("transfer", "quota");
	assert_true(is_there("f"));
}

static void
a_host_that_is_not_there_is_asked_once(void **state)
{
	struct paglets_upload u = { .path = "f" };
	struct paglets_future *f;

	(void)state;
	make("f", "x", 1);
	close(host.fd);
	f = paglets_artifact_upload_future(c, host.url, &u);
	assert_null(result(f));
	says("unreachable", "refused");
	assert_null(result(paglets_artifact_download_future(c, host.url,
	    &plain)));
	says("unreachable", "refused");
}

/* What is written meanwhile would be neither the old file nor the new one. */
static void
a_file_that_has_changed_is_not_removed(void **state)
{
	struct paglets_upload u = { .path = "f", .move = true };
	struct paglets_future *f;

	(void)state;
	make("f", host.content, SIZE);
	host_json("POST", 200, reference("f", SIZE, host.hex));
	f = paglets_artifact_upload_future(c, host.url, &u);
	pg_session_keep(f);
	/* Not the one that was sent. */
	make("f", "new", 3);
	host_begin();
	finish(f);
	host_end();
	assert_null(paglets_future_get(f));
	says("transfer", "changed since");
	assert_true(is_there("f"));
}

static void
an_upload_can_be_given_up(void **state)
{
	struct paglets_upload u = { .path = "f" };
	struct paglets_future *f;

	(void)state;
	make("f", host.content, SIZE);
	f = paglets_artifact_upload_future(c, host.url, &u);
	paglets_future_free(f);
	f = paglets_artifact_upload_future(c, host.url, &u);
	clock_turn(c->loop);
	clock_turn(c->loop);
	paglets_future_cancel(f);
	paglets_future_free(f);
	/* The client ends with a job under way. */
	f = paglets_artifact_upload_future(c, host.url, &u);
	paglets_future_free(f);
	close(host.fd);
}

/* ---- names ------------------------------------------------------------ */

static void
names_what(const char *text, const char *code)
{
	struct pg_depot_place at;

	assert_int_equal(pg_depot_find(c, NULL, text, &at), -1);
	assert_string_equal(paglets_client_error_code(c), code);
}

static void
artifacts_are_named_by_hex_digits(void **state)
{
	char longer[PG_DEPOT_ID_MAX + 2];
	struct pg_depot_place at;

	(void)state;
	close(host.fd);
	names_what("", "usage");
	names_what("xyz", "usage");
	names_what("../x", "usage");
	names_what("/" ID, "usage");
	names_what("http://a:1/artifacts/", "usage");
	names_what("http://a b/" ID, "usage");
	memset(longer, 'a', sizeof(longer));
	longer[PG_DEPOT_ID_MAX + 1] = '\0';
	assert_int_equal(pg_depot_find(c, host.url, longer, &at), -1);
	longer[PG_DEPOT_ID_MAX] = '\0';
	assert_int_equal(pg_depot_find(c, host.url, longer, &at), 0);
	assert_int_equal(pg_depot_find(c, NULL, "http://a:1/artifacts/" ID,
	    &at), 0);
	assert_true(pg_str_eqz(at.url, "http://a:1"));
	assert_true(pg_str_eqz(at.id, ID));
	assert_int_equal(pg_depot_find(c, NULL, "a:1/" ID, &at), 0);
	assert_true(pg_str_eqz(at.url, "http://a:1"));
	assert_int_equal(pg_depot_find(c, "b:1", "a:1/" ID, &at), -1);
	/* One of less than full length is looked for. */
	names_what("0123456789abcdef0123456789abcde", "unreachable");
}

#define N(id) "{\"artifact_id\": \"" id "\"}"

static void
a_beginning_is_enough(void **state)
{
	static const char list[] = "{\"artifacts\": [{\"artifact_id\": "
	    "\"aa11\"}, {\"artifact_id\": \"AA22\"}, {\"artifact_id\": "
	    "\"b/../c\"}, 5, {\"artifact_id\": \"bb\"}, "
	    N("d1") ", " N("d2") ", " N("d3") ", " N("d4") ", " N("e1") ", "
	    N("e2") ", " N("e3") ", " N("e4") ", " N("e5") "]}";
	struct pg_depot_place at;
	int i;

	(void)state;
	for (i = 0; i < 7; i++)
		host_json("GET /artifacts ", 200, list);
	host_begin();
	assert_int_equal(pg_depot_find(c, host.url, "a", &at), -1);
	says("usage", "may be any of aa11, AA22");
	assert_int_equal(pg_depot_find(c, host.url, "aa1", &at), 0);
	assert_true(pg_str_eqz(at.id, "aa11"));
	assert_int_equal(pg_depot_find(c, host.url, "aa2", &at), 0);
	assert_true(pg_str_eqz(at.id, "AA22"));
	assert_int_equal(pg_depot_find(c, host.url, "b", &at), 0);
	assert_true(pg_str_eqz(at.id, "bb"));
	assert_int_equal(pg_depot_find(c, host.url, "c", &at), -1);
	says("no_artifact", "no artifact 'c'");
	assert_int_equal(pg_depot_find(c, host.url, "d", &at), -1);
	says("usage", "may be any of d1, d2, d3, d4");
	assert_null(strstr(paglets_client_error(c), "more"));
	assert_int_equal(pg_depot_find(c, host.url, "e", &at), -1);
	says("usage", "may be any of e1, e2, e3, e4 and 1 more");
	host_end();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_artifact_becomes_a_file),
		TEST(its_own_name_is_used_in_a_folder),
		TEST(nothing_may_be_the_artifact),
		TEST(what_was_cut_goes_on),
		TEST(a_host_that_cannot_go_on_gives_all),
		TEST(what_is_there_from_before_is_gone_on_with),
		TEST(all_may_be_there_from_before),
		TEST(what_is_there_from_before_may_be_wrong),
		TEST(too_much_may_be_there_from_before),
		TEST(a_range_that_is_refused_is_not_asked_for_again),
		TEST(a_wrong_byte_leaves_nothing),
		TEST(more_than_was_said_leaves_nothing),
		TEST(another_length_is_refused),
		TEST(less_than_was_said_fails),
		TEST(another_part_is_refused),
		TEST(a_reference_must_be_whole),
		TEST(it_gives_up_after_some_attempts),
		TEST(whoever_does_not_resume_keeps_nothing),
		TEST(a_moved_one_is_removed_there),
		TEST(a_reference_is_enough),
		TEST(an_open_file_gets_it),
		TEST(a_full_disk_is_told),
		TEST(a_download_can_be_given_up),
		TEST(a_cancelled_one_has_failed),
		TEST(one_that_has_not_begun_can_be_given_up),
		TEST(ranges_are_read_strictly),
		TEST(a_file_becomes_an_artifact),
		TEST(bytes_and_open_files_too),
		TEST(an_open_file_is_sent_from_its_beginning),
		TEST(nothing_can_be_sent),
		TEST(what_is_no_file_is_not_sent),
		TEST(what_the_host_got_wrong_is_removed_again),
		TEST(an_answer_that_is_none_fails),
		TEST(an_upload_that_is_cut_begins_anew),
		TEST(an_answer_that_is_lost_is_told),
		TEST(an_upload_that_is_cut_again_and_again_was_not_done),
		TEST(a_refusal_is_told),
		TEST(a_host_that_is_not_there_is_asked_once),
		TEST(a_file_that_has_changed_is_not_removed),
		TEST(an_upload_can_be_given_up),
		TEST(artifacts_are_named_by_hex_digits),
		TEST(a_beginning_is_enough),
	};

	return cmocka_run_group_tests(tests, group, NULL);
}
