/* replay: recorded exchanges, sent again to live hosts; do they answer alike?
 *
 *	replay DIR NAME=URL...
 *
 * DIR/PLAY says what to do in which order, one thing a line:
 *
 *	host NAME ADDRESS           the address that NAME had in the recordings
 *	do NAME METHOD TARGET BODY  a request of our own, answered with 200
 *	RECORDING [except KEY...]   send DIR/RECORDING.json, compare the answer
 *	open RECORDING [except ...] the same, but the answer is awaited only
 *	close                       here, after what was done meanwhile
 *
 * DIR/DIFFER.tsv names the recordings where we answer something else on
 * purpose: recording, status, body ("-": any), reason.
 *
 * Bodies are compared as values. A recorded field must be there and equal;
 * fields of ours may be added. Process ids, times and numbers of events are
 * compared by type alone, the fields after `except` not at all. A generated
 * id (32 hex digits) matches any other, which stands for it from then on, in
 * requests too. Bodies that are no JSON are equal, byte by byte. Addresses and ids are replaced within the bytes as they were
 * recorded, pickles and their lengths included: so the new text must be as
 * long as the old, which addresses with ports of five digits are.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json codec/http1 */
#include "codec/http1.h"
#include "codec/json.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#define REPLAY_SWAPS_MAX 200
#define REPLAY_HOSTS_MAX 8
#define REPLAY_DIFFERS_MAX 200
#define REPLAY_WAIT 10 /* seconds for an answer */
#define REPLAY_ID 32   /* digits of a generated id */
/* Fields that are never twice the same. */
#define REPLAY_VOLATILE \
	"pid timestamp last_seen deactivated_at event_id created_at"

struct replay_swap {
	struct pg_str from, to; /* equally long */
};

struct replay_host {
	char *name;
	struct pg_str url, address; /* "http://A:P", "A:P" */
};

struct replay_differ {
	char *name, *status, *body;
	bool used;
};

struct replay {
	const char *dir;
	struct pg_arena arena; /* of everything; freed at the end */
	struct replay_host hosts[REPLAY_HOSTS_MAX];
	size_t nhosts;
	struct replay_swap swaps[REPLAY_SWAPS_MAX];
	size_t nswaps;
	struct replay_differ differs[REPLAY_DIFFERS_MAX];
	size_t ndiffers;
	char *except; /* of the present exchange; NULL: none */
	/* A request whose answer is not awaited yet, or NULL. */
	char *opened, *opened_except;
	int opened_fd;
	char path[200]; /* where in the body a comparison stands */
	unsigned failed, done;
};

/* What came back. */
struct replay_answer {
	int status;
	struct pg_str body;
};

static void
replay_die(const char *what, const char *why)
{
	fprintf(stderr, "replay: %s: %s\n", what, why);
	exit(2);
}

/* ---- Files and texts ------------------------------------------------------ */

static struct pg_str
replay_load(struct replay *r, const char *name)
{
	struct pg_str path = pg_arena_printf(&r->arena, "%s/%s", r->dir, name);
	FILE *f = fopen(path.p, "r");
	struct pg_buf b = { 0 };
	struct pg_str s;
	size_t n;

	if (f == NULL)
		replay_die(path.p, strerror(errno));
	while ((n = fread(pg_buf_room(&b, 65536), 1, 65536, f)) > 0)
		b.n += n;
	fclose(f);
	s = pg_arena_str(&r->arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	return s;
}

static struct replay_host *
replay_host(struct replay *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->nhosts; i++)
		if (strcmp(r->hosts[i].name, name) == 0)
			return &r->hosts[i];
	replay_die(name, "no URL was given for this host");
	return NULL;
}

/* From now on, `to` stands for `from`. */
static void
replay_swap(struct replay *r, struct pg_str from, struct pg_str to)
{
	if (from.n != to.n)
		replay_die(to.p, "not as long as what it stands for");
	if (r->nswaps == REPLAY_SWAPS_MAX)
		replay_die(to.p, "too many things to replace");
	r->swaps[r->nswaps++] = (struct replay_swap){
		pg_arena_str(&r->arena, from), pg_arena_str(&r->arena, to) };
}

/* The bytes with all replacements made, each byte at most once. */
static struct pg_str
replay_swapped(struct replay *r, struct pg_str s)
{
	struct pg_str out = pg_arena_str(&r->arena, s);
	char *p = (char *)(uintptr_t)out.p;
	size_t at = 0, i;

	while (at < s.n) {
		for (i = 0; i < r->nswaps; i++)
			if (pg_str_starts(pg_str_skip(s, at),
			    r->swaps[i].from))
				break;
		if (i == r->nswaps) {
			at++;
			continue;
		}
		memcpy(p + at, r->swaps[i].to.p, r->swaps[i].to.n);
		at += r->swaps[i].to.n;
	}
	return out;
}

/* ---- Over the wire -------------------------------------------------------- */

static int
replay_connect(struct pg_str address)
{
	struct timeval wait = { .tv_sec = REPLAY_WAIT };
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *port = memchr(address.p, ':', address.n);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		replay_die(address.p, strerror(errno));
	return fd;
}

static bool
replay_more(int fd, struct pg_buf *in)
{
	ssize_t n = recv(fd, pg_buf_room(in, 65536), 65536, 0);

	in->n += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* Read one response; -1 with e when it is none. */
static int
replay_receive(int fd, struct pg_str method, struct pg_buf *in,
    struct pg_http1_head *head, struct pg_buf *body, struct pg_err *e)
{
	struct pg_http1_body b;
	struct pg_str data;
	size_t scan = 0, at;
	ssize_t n;

	while ((n = pg_http1_head_end(pg_buf_str(in), &scan, e)) == 0)
		if (!replay_more(fd, in))
			return pg_fail(e, PG_E_REMOTE, "no answer");
	if (n < 0 || pg_http1_response_parse((struct pg_str){ in->p,
	    (size_t)n }, head, e) < 0)
		return -1;
	at = (size_t)n;
	pg_http1_body_response(&b, head, method);
	while (!pg_http1_body_done(&b)) {
		if (at == in->n && !replay_more(fd, in))
			return pg_http1_body_eof(&b, e);
		n = pg_http1_body_take(&b, pg_str_skip(pg_buf_str(in), at),
		    &data, e);
		if (n < 0)
			return -1;
		pg_buf_puts(body, data);
		at += (size_t)n;
	}
	return 0;
}

/* A host may refuse before it has read all. Whoever asks for something to be
 * relayed, or polls, and closes its end, has left. */
static int
replay_send(struct pg_str address, struct pg_str request)
{
	int fd = replay_connect(address);

	send(fd, request.p, request.n, MSG_NOSIGNAL);
	if (memmem(request.p, request.n, "/relay/", 7) == NULL)
		shutdown(fd, SHUT_WR);
	return fd;
}

static void
replay_await(struct replay *r, int fd, struct pg_str request,
    struct replay_answer *out)
{
	struct pg_http1_head head = { 0 };
	struct pg_str method = PG_STR("HEAD");
	struct pg_buf in = { 0 }, body = { 0 };
	struct pg_err e = { 0 };

	if (!pg_str_starts(request, method))
		method = PG_STR("GET");
	if (replay_receive(fd, method, &in, &head, &body, &e) < 0)
		fprintf(stderr, "replay: %s\n", e.msg);
	out->status = e.code == PG_E_OK ? head.status : -1;
	out->body = pg_arena_str(&r->arena, pg_buf_str(&body));
	pg_buf_fini(&in);
	pg_buf_fini(&body);
	close(fd);
}

/* ---- Comparing ------------------------------------------------------------ */

static bool
replay_is_id(const struct pg_value *v)
{
	struct pg_str s = pg_value_text(v, PG_STR_NULL);
	size_t i;

	for (i = 0; i < s.n; i++)
		if (strchr("0123456789abcdef", s.p[i]) == NULL)
			return false;
	return s.n == REPLAY_ID;
}

/* Whether key is one of the words of list (NULL: none). */
static bool
replay_is_listed(const char *list, const char *key)
{
	char *words = strdup(list != NULL ? list : ""), *rest = words, *word;
	bool found = false;

	while ((word = strsep(&rest, " ")) != NULL)
		found = found || strcmp(key, word) == 0;
	free(words);
	return found;
}

static bool
replay_unlike(struct replay *r, const struct pg_value *want,
    const struct pg_value *got)
{
	struct pg_buf b = { 0 };

	pg_buf_printf(&b, "body%s: expected ", r->path);
	pg_json_write(&b, want, NULL);
	pg_buf_putz(&b, ", got ");
	if (got != NULL)
		pg_json_write(&b, got, NULL);
	else
		pg_buf_putz(&b, "nothing");
	fprintf(stderr, "replay: %.*s\n", PG_STR_ARG(pg_buf_str(&b)));
	pg_buf_fini(&b);
	return false;
}

static bool replay_alike(struct replay *r, const struct pg_value *want,
    const struct pg_value *got);

/* One member, with its place added to the path meanwhile. */
static bool
replay_member(struct replay *r, const char *key, const struct pg_value *want,
    const struct pg_value *got)
{
	size_t n = strlen(r->path);
	bool ok;

	snprintf(r->path + n, sizeof(r->path) - n, ".%s", key);
	if (replay_is_listed(r->except, key))
		ok = true;
	else if (got != NULL && replay_is_listed(REPLAY_VOLATILE, key))
		ok = want->type == got->type || replay_unlike(r, want, got);
	else
		ok = replay_alike(r, want, got);
	r->path[n] = '\0';
	return ok;
}

static bool
replay_members(struct replay *r, const struct pg_value *want,
    const struct pg_value *got)
{
	char place[16];
	bool ok = true;
	uint32_t i;

	if (want->type == PG_T_DICT) {
		for (i = 0; i < want->n; i++)
			ok &= replay_member(r, want->u.pairs[i].key.p,
			    want->u.pairs[i].val,
			    pg_value_get(got, want->u.pairs[i].key.p));
		return ok;
	}
	if (want->n != got->n)
		return replay_unlike(r, want, got);
	for (i = 0; i < want->n; i++) {
		snprintf(place, sizeof(place), "%u", i);
		ok &= replay_member(r, place, want->u.items[i],
		    got->u.items[i]);
	}
	return ok;
}

static bool
replay_alike(struct replay *r, const struct pg_value *want,
    const struct pg_value *got)
{
	if (got == NULL || want->type != got->type)
		return replay_unlike(r, want, got);
	if (want->type == PG_T_DICT || want->type == PG_T_LIST)
		return replay_members(r, want, got);
	if (pg_value_eq(want, got))
		return true;
	if (!replay_is_id(want) || !replay_is_id(got))
		return replay_unlike(r, want, got);
	replay_swap(r, pg_value_text(want, PG_STR_NULL),
	    pg_value_text(got, PG_STR_NULL));
	return true;
}

/* Texts of a value end with NUL only in a copy. */
static const struct pg_value *
replay_parse(struct replay *r, struct pg_str text)
{
	struct pg_value *v, *copy;

	if (pg_json_read(text, &r->arena, &v, NULL) < 0 ||
	    pg_value_copy(&r->arena, v, &copy) < 0)
		return NULL;
	return copy;
}

static bool
replay_bodies_alike(struct replay *r, struct pg_str want, struct pg_str got)
{
	const struct pg_value *a, *b;

	if (want.n == 0)
		return true;
	a = replay_parse(r, replay_swapped(r, want));
	b = replay_parse(r, got);
	if (a == NULL || b == NULL) {
		fprintf(stderr, "replay: the %s body is no JSON: %.*s\n",
		    a == NULL ? "expected" : "received",
		    PG_STR_ARG(a == NULL ? want : got));
		return false;
	}
	return replay_alike(r, a, b);
}

/* ---- One line of PLAY ----------------------------------------------------- */

static struct pg_str
replay_base64(struct replay *r, struct pg_str text)
{
	char *p = pg_arena_alloc(&r->arena, text.n + 3);
	ssize_t n = pg_base64_decode(text, p);

	if (n < 0)
		replay_die("raw_b64", "is no base64");
	return (struct pg_str){ p, (size_t)n };
}

/* The recorded request, for the live host. Requests that were written by hand
 * said "Host: x". */
static struct pg_str
replay_request(struct replay *r, const struct pg_value *recording,
    struct pg_str address)
{
	static const char host[] = "\r\nHost: x\r\n";
	struct pg_str raw = replay_base64(r, pg_value_text(pg_value_get(
	    pg_value_get(recording, "request"), "raw_b64"), PG_STR_NULL));
	struct pg_buf b = { 0 };
	const char *at;
	size_t n;

	raw = replay_swapped(r, raw);
	at = memmem(raw.p, raw.n, host, sizeof(host) - 1);
	if (at == NULL)
		return raw;
	n = (size_t)(at - raw.p);
	pg_buf_put(&b, raw.p, n);
	pg_buf_printf(&b, "\r\nHost: %.*s\r\n", PG_STR_ARG(address));
	pg_buf_puts(&b, pg_str_skip(raw, n + sizeof(host) - 1));
	raw = pg_arena_str(&r->arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	return raw;
}

/* What was asked; sent, if fd is not NULL. */
static struct pg_str
replay_asked(struct replay *r, const struct pg_value *v, int *fd)
{
	struct replay_host *host = replay_host(r, pg_value_text(pg_value_get(
	    v, "to"), PG_STR("")).p);
	struct pg_str request = replay_request(r, v, host->address);

	if (fd != NULL)
		*fd = replay_send(host->address, request);
	return request;
}

/* Ask, and await the answer when a line says "close". */
static void
replay_open(struct replay *r, char *line)
{
	const struct pg_value *v;

	if (r->opened != NULL)
		replay_die(line, "the one before was not closed");
	r->opened = strsep(&line, " ");
	r->opened_except = line;
	v = replay_parse(r, replay_load(r, pg_arena_printf(&r->arena,
	    "%s.json", r->opened).p));
	replay_asked(r, v, &r->opened_fd);
}

static struct replay_differ *
replay_differ(struct replay *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->ndiffers; i++)
		if (strcmp(r->differs[i].name, name) == 0) {
			r->differs[i].used = true;
			return &r->differs[i];
		}
	return NULL;
}

/* What was recorded as bytes. */
static bool
replay_bytes_alike(struct replay *r, const struct pg_value *response,
    struct pg_str got)
{
	const struct pg_value *v = pg_value_get(response, "body_b64");
	struct pg_str want;

	if (v == NULL)
		return true;
	want = replay_base64(r, pg_value_text(v, PG_STR_NULL));
	if (pg_str_eq(want, got))
		return true;
	fprintf(stderr, "replay: expected %zu bytes, got %zu others\n",
	    want.n, got.n);
	return false;
}

static void
replay_verdict(struct replay *r, const char *name, int64_t status,
    struct pg_str body, const struct replay_answer *got)
{
	bool ok = status == got->status;

	if (!ok)
		fprintf(stderr, "replay: expected status %d, got %d: %.*s\n",
		    (int)status, got->status, PG_STR_ARG(got->body));
	r->path[0] = '\0';
	ok = ok && replay_bodies_alike(r, body, got->body);
	if (!ok)
		fprintf(stderr, "replay: FAIL %s\n", name);
	r->failed += !ok;
	r->done++;
}

/* fd: the request was sent there already; or -1. */
static void
replay_recording(struct replay *r, const char *name, int fd)
{
	const struct pg_value *v = replay_parse(r, replay_load(r,
	    pg_arena_printf(&r->arena, "%s.json", name).p)), *response;
	const struct replay_differ *differ = replay_differ(r, name);
	struct replay_answer got;
	struct pg_str body, request;
	int64_t status = -1;
	bool sent = fd >= 0;

	request = replay_asked(r, v, sent ? NULL : &fd);
	replay_await(r, fd, request, &got);
	response = pg_value_get(v, "response");
	body = pg_value_text(pg_value_get(response, "body_utf8"), PG_STR_NULL);
	if (differ != NULL) {
		status = strtol(differ->status, NULL, 10);
		body = strcmp(differ->body, "-") == 0 ? PG_STR_NULL :
		    pg_str(differ->body);
	} else {
		pg_field_int_opt(response, "status", &status, NULL);
	}
	if (differ == NULL && !replay_bytes_alike(r, response, got.body))
		got.status = -1;
	replay_verdict(r, name, status, body, &got);
}

static void
replay_do(struct replay *r, char *line)
{
	struct replay_host *host = replay_host(r, strsep(&line, " "));
	char *method = strsep(&line, " "), *target = strsep(&line, " ");
	struct pg_str body = replay_swapped(r, pg_str(line != NULL ? line :
	    "")), request;
	struct replay_answer got;

	request = pg_arena_printf(&r->arena, "%s %s HTTP/1.1\r\nHost: %.*s\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n%.*s", method,
	    target, PG_STR_ARG(host->address), body.n, PG_STR_ARG(body));
	replay_await(r, replay_send(host->address, request), request, &got);
	replay_verdict(r, target, 200, PG_STR_NULL, &got);
}

static void
replay_line(struct replay *r, char *line)
{
	char *word = strsep(&line, " ");

	if (*word == '\0' || *word == '#')
		return;
	if (strcmp(word, "host") == 0) {
		word = strsep(&line, " ");
		replay_swap(r, pg_str(line), replay_host(r, word)->address);
	} else if (strcmp(word, "do") == 0) {
		replay_do(r, line);
	} else if (strcmp(word, "open") == 0) {
		replay_open(r, line);
	} else if (strcmp(word, "close") == 0 && r->opened != NULL) {
		r->except = r->opened_except;
		replay_recording(r, r->opened, r->opened_fd);
		r->except = r->opened = NULL;
	} else {
		r->except = line;
		replay_recording(r, word, -1);
		r->except = NULL;
	}
}

/* ---- Start ---------------------------------------------------------------- */

static void
replay_read_differs(struct replay *r)
{
	char *rest = (char *)(uintptr_t)replay_load(r, "DIFFER.tsv").p;
	struct replay_differ d;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0' || *line == '#')
			continue;
		d = (struct replay_differ){ .name = strsep(&line, "\t") };
		d.status = strsep(&line, "\t");
		d.body = strsep(&line, "\t");
		if (line == NULL || r->ndiffers == REPLAY_DIFFERS_MAX)
			replay_die(d.name, "needs four columns, and room");
		r->differs[r->ndiffers++] = d;
	}
}

static void
replay_add_host(struct replay *r, char *word)
{
	char *name = strsep(&word, "=");

	if (word == NULL || strncmp(word, "http://", 7) != 0 ||
	    strchr(word + 7, ':') == NULL || r->nhosts == REPLAY_HOSTS_MAX)
		replay_die(name, "hosts are given as NAME=http://ADDRESS:PORT");
	r->hosts[r->nhosts++] = (struct replay_host){ name, pg_str(word),
		pg_str(word + 7) };
}

int
main(int argc, char **argv)
{
	static struct replay r;
	char *rest, *line;
	size_t i;
	int k;

	if (argc < 3)
		replay_die("usage", "replay DIR NAME=URL...");
	r.dir = argv[1];
	for (k = 2; k < argc; k++)
		replay_add_host(&r, argv[k]);
	replay_read_differs(&r);
	rest = (char *)(uintptr_t)replay_load(&r, "PLAY").p;
	while ((line = strsep(&rest, "\n")) != NULL)
		replay_line(&r, line);
	for (i = 0; i < r.ndiffers; i++)
		if (!r.differs[i].used) {
			fprintf(stderr, "replay: DIFFER.tsv: %s is not "
			    "played\n", r.differs[i].name);
			r.failed++;
		}
	printf("replay: %u exchanges, %u failed\n", r.done, r.failed);
	pg_arena_fini(&r.arena);
	return r.failed != 0;
}
