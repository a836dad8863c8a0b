/* test_beacon: shows that recorded beacons of Python hosts are read as they
 * read them and written byte for byte as they write them, that others are
 * refused; on which interfaces a host tells and listens, as they come and go;
 * whose URLs are believed; and what a flood costs.
 *
 * test/data/beacon: y_NAME.bin says what is in y_NAME.json, n_NAME.bin is
 * none. The network is a pretended one.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url os/sock os/loop host/hostref host/beacon */
/* wrap: pg_iface_list pg_udp_open pg_udp_join pg_udp_leave pg_udp_send pg_udp_recv */
#include "base/log.h"
#include "codec/json.h"
#include "host/beacon.h"

#include <dirent.h>
#include <setjmp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA "test/data/beacon"
#define WALL (INT64_C(1700000000) * PG_SEC)

int __wrap_pg_iface_list(struct pg_iface out[PG_IFACE_MAX],
    struct pg_err *e);
int __wrap_pg_udp_open(const struct pg_addr *group, struct pg_err *e);
int __wrap_pg_udp_join(int fd, const struct pg_addr *group, unsigned index);
void __wrap_pg_udp_leave(int fd, const struct pg_addr *group, unsigned index);
int __wrap_pg_udp_send(int fd, const struct pg_addr *group,
    const struct pg_iface *via, struct pg_str bytes);
ssize_t __wrap_pg_udp_recv(int fd, void *buf, size_t n,
    struct pg_udp_from *from);

/* The network: readable as long as datagrams wait. */
static struct pg_iface ifaces[PG_IFACE_MAX];
static int nifaces;
static int fds[2]; /* IPv4, IPv6; 0: closed */
static int no_open, no_join, no_send; /* errno */
static char joined[2][32]; /* a letter for each index, 'a' is 1 */
static char sent[2][PG_BEACON_LINKS_MAX + 2]; /* letters since cleared */
static struct pg_buf last; /* what was sent last */
static struct datagram {
	struct pg_udp_from from;
	const char *text;
	size_t n;
} waiting[1000];
static size_t nwaiting, nread;

static struct pg_loop *loop;
static struct pg_beacon *beacon;
static struct pg_arena arena;
static int64_t now;

/* What the host says and hears. */
static struct pg_value *self;
static bool inward;
static int heard, heard_local;
static char heard_url[1100];

/* ---- the network ------------------------------------------------------ */

int
__wrap_pg_iface_list(struct pg_iface out[PG_IFACE_MAX], struct pg_err *e)
{
	(void)e;
	memcpy(out, ifaces, (size_t)PG_MAX(nifaces, 0) * sizeof(*out));
	return nifaces;
}

static int
which(const struct pg_addr *group)
{
	char text[PG_ADDR_TEXT];
	bool six = group->u.sa.sa_family == AF_INET6;

	pg_addr_text(group, text);
	assert_string_equal(text, six ? PG_BEACON_GROUP6 : PG_BEACON_GROUP);
	assert_int_equal(pg_addr_port(group), PG_BEACON_PORT);
	return six;
}

int
__wrap_pg_udp_open(const struct pg_addr *group, struct pg_err *e)
{
	int i = which(group);

	errno = no_open;
	if (no_open != 0)
		return pg_fail_sys(e, "open");
	joined[i][0] = '\0';
	return fds[i] = eventfd(0, EFD_NONBLOCK);
}

int
__wrap_pg_udp_join(int fd, const struct pg_addr *group, unsigned index)
{
	char *at = joined[which(group)];
	size_t n = strlen(at);

	assert_int_equal(fd, fds[which(group)]);
	if (no_join != 0) {
		errno = no_join;
		return -1;
	}
	at[n] = (char)('a' + index - 1);
	at[n + 1] = '\0';
	return 0;
}

void
__wrap_pg_udp_leave(int fd, const struct pg_addr *group, unsigned index)
{
	char *at = strchr(joined[which(group)], (int)('a' + index - 1));

	assert_int_equal(fd, fds[which(group)]);
	if (at != NULL)
		memmove(at, at + 1, strlen(at));
}

int
__wrap_pg_udp_send(int fd, const struct pg_addr *group,
    const struct pg_iface *via, struct pg_str bytes)
{
	char *at = sent[which(group)];
	size_t n = strlen(at);

	assert_int_equal(fd, fds[which(group)]);
	assert_int_equal(via->addr.u.sa.sa_family, group->u.sa.sa_family);
	if (no_send != 0) {
		errno = no_send;
		return -1;
	}
	pg_buf_reset(&last);
	pg_buf_puts(&last, bytes);
	at[n] = (char)('a' + via->index - 1);
	at[n + 1] = '\0';
	return 0;
}

ssize_t
__wrap_pg_udp_recv(int fd, void *buf, size_t n, struct pg_udp_from *from)
{
	struct datagram *d = &waiting[nread];
	uint64_t count;

	if (nread == nwaiting) {
		assert_int_equal(read(fd, &count, sizeof(count)), 8);
		errno = EAGAIN;
		return -1;
	}
	nread++;
	*from = d->from;
	from->whole = d->n <= n;
	memcpy(buf, d->text, PG_MIN(d->n, n));
	return (ssize_t)PG_MIN(d->n, n);
}

static void
arrive(const char *source, struct pg_str text)
{
	const uint64_t one = 1;
	struct datagram *d = &waiting[nwaiting++];

	assert_true(nwaiting <= PG_COUNT(waiting));
	*d = (struct datagram){ .from.multicast = true, .text = text.p,
		.n = text.n };
	assert_int_equal(pg_addr_parse(pg_str(source), 1, &d->from.addr), 0);
	assert_int_equal(write(fds[0], &one, sizeof(one)), 8);
}

/* Interface number `index`, with an address. */
static void
link_up(unsigned index, const char *addr)
{
	struct pg_iface *f = &ifaces[nifaces++];

	*f = (struct pg_iface){ .name = "x", .index = index,
		.loopback = index == 1, .multicast = index != 1 };
	assert_int_equal(pg_addr_parse(pg_str(addr), 0, &f->addr), 0);
}

/* ---- the host --------------------------------------------------------- */

static void
on_ref(void *arg, const struct pg_value *host, const struct pg_hostref *ref,
    bool local)
{
	assert_ptr_equal(arg, &loop);
	assert_true(pg_value_is(host, PG_T_DICT));
	heard++;
	heard_local += local;
	snprintf(heard_url, sizeof(heard_url), "%.*s", PG_STR_ARG(ref->url));
}

static struct pg_value *
on_self(void *arg, struct pg_arena *a)
{
	(void)arg;
	(void)a;
	return self;
}

static bool
on_inward(void *arg)
{
	(void)arg;
	return inward;
}

static const struct pg_beacon_ops ops = { on_ref, on_self, on_inward };
static const struct pg_beacon_ops listener = { .on_ref = on_ref };

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, WALL + now);
}

/* Until nothing is to be done now. (What is to be done at once is done a
 * nanosecond later.) */
static void
settle(void)
{
	int i;

	pass(1);
	for (i = 0; i < 50; i++)
		assert_int_equal(pg_loop_turn(loop, 0, NULL), 0);
}

static void
clear(void)
{
	sent[0][0] = sent[1][0] = '\0';
	heard = heard_local = 0;
	heard_url[0] = '\0';
	nwaiting = nread = 0;
}

/* One interval later. */
static void
next(void)
{
	clear();
	pass(PG_BEACON_INTERVAL);
	settle();
}

static struct pg_value *
read_json(struct pg_str text)
{
	struct pg_err e = { 0 };
	struct pg_value *v = NULL;

	if (pg_json_read(text, &arena, &v, &e) < 0)
		fail_msg("%s", e.msg);
	return v;
}

static int
setup(void **state)
{
	(void)state;
	now = 0;
	pass(PG_SEC);
	pg_log_set_level(PG_LOG_ERROR);
	loop = pg_loop_new(NULL);
	nifaces = 0;
	no_open = no_join = no_send = 0;
	inward = false;
	clear();
	self = read_json(PG_STR("{\"name\": \"n\", \"url\": \"http://h:1\"}"));
	return loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_beacon_free(beacon);
	beacon = NULL;
	pg_loop_free(loop);
	pg_buf_fini(&last);
	pg_arena_fini(&arena);
	pg_clock_fake(0, 0);
	return 0;
}

static void
begin(void)
{
	beacon = pg_beacon_new(loop, &ops, &loop);
	assert_string_equal(sent[0], "");
	settle();
}

/* ---- the codec -------------------------------------------------------- */

/* A file of DATA, in arena. */
static struct pg_str
load(const char *name)
{
	char path[300];
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str text;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), DATA "/%s", name);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	do {
		n = fread(pg_buf_room(&b, 4096), 1, 4096, f);
		b.n += n;
	} while (n > 0);
	fclose(f);
	text = pg_arena_str(&arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	return text;
}

static struct pg_value *
as_value(const struct pg_hostref *ref)
{
	struct pg_value *d = pg_value_dict(&arena);

#define PUT(key, v) pg_value_put(&arena, d, PG_STR(key), v)
	PUT("name", pg_value_str(&arena, ref->name));
	PUT("url", pg_value_str(&arena, ref->url));
	PUT("code_version", pg_value_str(&arena, ref->version));
	PUT("online", pg_value_bool(&arena, ref->online));
	PUT("last_seen", pg_value_float(&arena, pg_to_seconds(ref->seen)));
	PUT("active_count", pg_value_int(&arena, ref->active));
	PUT("inactive_count", pg_value_int(&arena, ref->inactive));
	PUT("tags", ref->tags);
	PUT("properties", ref->properties);
	if (ref->error.n > 0)
		PUT("error", pg_value_str(&arena, ref->error));
#undef PUT
	return d;
}

/* Times to a microsecond: doubles hold no more of them. */
static void
round_time(struct pg_value *d)
{
	struct pg_value *v = pg_value_get(d, "last_seen");

	v->u.f = (double)(int64_t)(v->u.f * 1e6 + 0.5) / 1e6;
}

static void
assert_reads(const char *name)
{
	char expected[300];
	struct pg_err e = { 0 };
	struct pg_value *host, *is, *should;
	struct pg_hostref ref;

	if (pg_beacon_read(load(name), &arena, &host, &ref, &e) < 0)
		fail_msg("%s: %s", name, e.msg);
	snprintf(expected, sizeof(expected), "%.*s.json",
	    (int)(strlen(name) - 4), name);
	is = as_value(&ref);
	should = read_json(load(expected));
	round_time(is);
	round_time(should);
	if (!pg_value_eq(is, should))
		fail_msg("%s is read otherwise than %s", name, expected);
}

static void
assert_refuses(const char *name)
{
	struct pg_err e = { 0 };
	struct pg_hostref ref;
	struct pg_value *host;

	if (pg_beacon_read(load(name), &arena, &host, &ref, &e) == 0)
		fail_msg("%s is read", name);
	assert_true(e.code == PG_E_HOST || e.code == PG_E_LIMIT);
}

static void
reads_recorded_ones(void **state)
{
	DIR *dir = opendir(DATA);
	struct dirent *d;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		if (strstr(d->d_name, ".bin") == NULL)
			continue;
		n++;
		if (d->d_name[0] == 'y')
			assert_reads(d->d_name);
		else
			assert_refuses(d->d_name);
	}
	closedir(dir);
	assert_true(n >= 26);
}

static void
writes_them_back(void **state)
{
	static const char *const names[] = { "y_alpha-live.bin",
		"y_beta-live.bin", "y_multicast-live.bin", "y_with-error.bin",
		"y_ipv6.bin" };
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_hostref ref;
	struct pg_value *host;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(names); i++) {
		struct pg_str in = load(names[i]);

		assert_int_equal(pg_beacon_read(in, &arena, &host, &ref,
		    NULL), 0);
		pg_buf_reset(&b);
		pg_beacon_write(&b, host);
		assert_int_equal(b.n, in.n);
		assert_memory_equal(b.p, in.p, in.n);
	}
	pg_buf_fini(&b);
}

/* Whatever the order was. */
static void
sorts_keys(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	pg_beacon_write(&b, read_json(PG_STR("{\"b\": 1, \"properties\": "
	    "{\"z\": \"1\", \"a\": \"2\", \"ab\": \"3\"}, \"a\": [\"z\", "
	    "\"y\"]}")));
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, "{\"host\": {\"a\": [\"z\", \"y\"], "
	    "\"b\": 1, \"properties\": {\"a\": \"2\", \"ab\": \"3\", "
	    "\"z\": \"1\"}}, \"kind\": \"paglets.remote.mesh.v1\"}");
	pg_buf_fini(&b);
}

/* A good beacon of n bytes. */
static struct pg_str
padded(size_t n)
{
	struct pg_str in = load("y_beta-live.bin");
	char *p = pg_arena_alloc(&arena, n);

	memset(p, ' ', n);
	memcpy(p, in.p, in.n);
	return (struct pg_str){ p, n };
}

static void
refuses_giants(void **state)
{
	struct pg_err e = { 0 };
	struct pg_hostref ref;
	struct pg_value *host;

	(void)state;
	assert_int_equal(pg_beacon_read(padded(PG_BEACON_MAX - 1), &arena,
	    &host, &ref, &e), 0);
	assert_int_equal(pg_beacon_read(padded(PG_BEACON_MAX), &arena, &host,
	    &ref, &e), 0);
	assert_int_equal(pg_beacon_read(padded(PG_BEACON_MAX + 1), &arena,
	    &host, &ref, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
}

/* The longest reference in the worst writing. */
static void
has_room_for_every_reference(void **state)
{
	struct pg_value *host = read_json(PG_STR("{\"name\": \"n\", \"url\": "
	    "\"http://h:1\", \"code_version\": \"v\"}"));
	struct pg_value *d = pg_value_dict(&arena);
	struct pg_buf b = PG_BUF_INIT(PG_BEACON_MAX);
	struct pg_hostref ref;
	char *p = pg_arena_zalloc(&arena, PG_HOSTREF_MAX);
	size_t left = PG_HOSTREF_MAX - 12;
	char key = 'a';

	(void)state;
	for (; left > 1; key++) {
		size_t n = PG_MIN(left - 1, (size_t)PG_HOSTREF_PROPERTY_MAX);

		pg_value_put(&arena, d, pg_arena_str(&arena,
		    (struct pg_str){ &key, 1 }), pg_value_str(&arena,
		    (struct pg_str){ p, n }));
		left -= n + 1;
	}
	pg_value_put(&arena, host, PG_STR("properties"), d);
	assert_int_equal(pg_hostref_read(host, &arena, &ref, NULL), 0);
	pg_beacon_write(&b, host);
	assert_false(b.failed);
	assert_true(b.n > 6 * (PG_HOSTREF_MAX - 100));
	pg_buf_fini(&b);
}

/* ---- telling ---------------------------------------------------------- */

static void
tells_on_every_link(void **state)
{
	(void)state;
	link_up(1, "127.0.0.1");
	link_up(1, "::1");
	link_up(2, "10.0.0.2");
	link_up(2, "10.0.0.3");
	link_up(2, "2001:db8::2");
	link_up(2, "fe80::2");
	link_up(3, "10.1.0.2");
	ifaces[nifaces - 1].multicast = false;
	link_up(4, "fe80::4");
	begin();
	assert_string_equal(joined[0], "ab");
	assert_string_equal(joined[1], "bd");
	assert_string_equal(sent[0], "ab");
	assert_string_equal(sent[1], "bd");
	pg_buf_putc(&last, '\0');
	assert_string_equal(last.p, "{\"host\": {\"name\": \"n\", \"url\": "
	    "\"http://h:1\"}, \"kind\": \"paglets.remote.mesh.v1\"}");
	clear();
	pass(PG_BEACON_INTERVAL - PG_MS);
	settle();
	assert_string_equal(sent[0], "");
	pass(PG_MS);
	settle();
	assert_string_equal(sent[0], "ab");
	assert_string_equal(joined[0], "ab");
}

static void
tells_this_machine_alone(void **state)
{
	(void)state;
	link_up(1, "127.0.0.1");
	link_up(2, "10.0.0.2");
	link_up(2, "fe80::2");
	inward = true;
	begin();
	assert_string_equal(sent[0], "a");
	assert_string_equal(sent[1], "");
	/* But hears all. */
	assert_string_equal(joined[0], "ab");
	inward = false;
	next();
	assert_string_equal(sent[0], "ab");
	assert_string_equal(sent[1], "b");
}

static void
may_have_nothing_to_tell(void **state)
{
	(void)state;
	link_up(1, "127.0.0.1");
	self = NULL;
	begin();
	assert_string_equal(joined[0], "a");
	assert_string_equal(sent[0], "");
	pg_beacon_free(beacon);
	beacon = pg_beacon_new(loop, &listener, &loop);
	settle();
	assert_string_equal(joined[0], "a");
	assert_string_equal(sent[0], "");
	arrive("127.0.0.1", load("y_alpha-live.bin"));
	settle();
	assert_int_equal(heard, 1);
}

static void
tells_what_fits(void **state)
{
	char *p = pg_arena_alloc(&arena, PG_BEACON_MAX);

	(void)state;
	link_up(1, "127.0.0.1");
	memset(p, 'x', PG_BEACON_MAX);
	self = pg_value_str(&arena, (struct pg_str){ p, PG_BEACON_MAX - 46 });
	begin();
	assert_string_equal(sent[0], "a");
	assert_int_equal(last.n, PG_BEACON_MAX);
	self->n++;
	next();
	assert_string_equal(sent[0], "");
}

static void
follows_links(void **state)
{
	int i;

	(void)state;
	begin();
	assert_string_equal(joined[0], "");
	link_up(1, "127.0.0.1");
	link_up(2, "10.0.0.2");
	for (i = 0; i < PG_BEACON_LOOKS; i++) {
		assert_string_equal(sent[0], "");
		next();
	}
	assert_string_equal(joined[0], "ab");
	assert_string_equal(sent[0], "ab");
	nifaces = 1;
	for (i = 0; i < PG_BEACON_LOOKS; i++)
		next();
	assert_string_equal(joined[0], "a");
	assert_string_equal(sent[0], "a");
	link_up(2, "10.0.0.9");
	pg_beacon_now(beacon);
	settle();
	assert_string_equal(joined[0], "ab");
	assert_string_equal(sent[0] + 1, "ab");
	/* Nothing is known of the links: as if there were none. */
	nifaces = -1;
	pg_beacon_now(beacon);
	settle();
	assert_string_equal(joined[0], "");
}

static void
has_a_limit_of_links(void **state)
{
	int i;

	(void)state;
	for (i = 1; i <= PG_BEACON_LINKS_MAX + 1; i++)
		link_up((unsigned)i, "10.0.0.1");
	nifaces = PG_BEACON_LINKS_MAX - 1;
	no_join = ENOBUFS; /* there are no letters for so many */
	begin();
	assert_int_equal(strlen(sent[0]), PG_BEACON_LINKS_MAX - 1);
	for (i = 0; i < 2; i++) {
		clear();
		nifaces++;
		pg_beacon_now(beacon);
		settle();
		assert_int_equal(strlen(sent[0]), PG_BEACON_LINKS_MAX);
	}
}

static void
takes_no_for_an_answer(void **state)
{
	int i;

	(void)state;
	link_up(1, "127.0.0.1");
	no_open = EPERM;
	begin();
	next();
	assert_string_equal(sent[0], "");
	no_open = 0;
	no_join = ENODEV;
	no_send = ENETUNREACH;
	for (i = 0; i < PG_BEACON_LOOKS; i++)
		next();
	assert_string_equal(joined[0], "");
	no_join = no_send = 0;
	for (i = 0; i < PG_BEACON_LOOKS; i++)
		next();
	assert_string_equal(joined[0], "a");
	assert_string_equal(sent[0], "a");
}

/* ---- hearing ---------------------------------------------------------- */

static struct pg_str
beacon_of(const char *url)
{
	return pg_arena_printf(&arena, "{\"kind\": \"" PG_BEACON_KIND "\", "
	    "\"host\": {\"name\": \"n\", \"code_version\": \"v\", \"url\": "
	    "\"%s\"}}", url);
}

static void
assert_hears(bool expected, const char *source, const char *url)
{
	clear();
	arrive(source, beacon_of(url));
	settle();
	if (heard != expected)
		fail_msg("%s from %s: heard %d", url, source, heard);
	if (expected)
		assert_string_equal(heard_url, url);
}

static void
hears_others(void **state)
{
	(void)state;
	link_up(1, "127.0.0.1");
	link_up(2, "10.0.0.2");
	link_up(2, "fe80::2");
	begin();
	assert_hears(true, "10.0.0.3", "http://10.0.0.3:8765");
	assert_int_equal(heard_local, 0);
	assert_hears(true, "fe80::3", "http://[fd00::1]:8765");
	assert_hears(true, "10.0.0.3", "http://host:8765");
	assert_hears(true, "10.0.0.3", "http://4f2a9c3b:8765");
	assert_hears(true, "127.0.0.1", "http://127.0.0.1:8765");
	assert_int_equal(heard_local, 1);
	assert_hears(true, "10.0.0.2", "http://localhost:8765");
	assert_int_equal(heard_local, 1);
	assert_hears(true, "fe80::2", "http://[::1]:8765");
	assert_int_equal(heard_local, 1);
}

/* Nobody else may have us visit ourselves. */
static void
is_not_sent_to_itself(void **state)
{
	static const char *const urls[] = { "http://127.0.0.1:1",
		"http://127.7.7.7:1", "http://localhost:1", "http://LOCALHOST",
		"http://a.localhost:1", "http://[::1]:1", "http://[::]:1",
		"http://0.0.0.0:1", "http://[::ffff:127.0.0.1]:1",
		"http://[::ffff:0.0.0.0]:1", "http://127.1:1", "http://0:1",
		"http://2130706433:1", "http://0x7f.0x1:1",
		"http://0x7F000001:1", "http://127.0.0.1.:1" };
	size_t i;

	(void)state;
	link_up(1, "127.0.0.1");
	link_up(2, "10.0.0.2");
	begin();
	for (i = 0; i < PG_COUNT(urls); i++) {
		assert_hears(false, "10.0.0.3", urls[i]);
		assert_hears(true, "127.0.0.1", urls[i]);
	}
}

static void
hears_no_rubbish(void **state)
{
	struct pg_str big = padded(PG_BEACON_MAX + 1);

	(void)state;
	link_up(1, "127.0.0.1");
	begin();
	arrive("10.0.0.3", load("n_not-json.bin"));
	arrive("10.0.0.3", load("n_deep.bin"));
	arrive("10.0.0.3", PG_STR(""));
	arrive("127.0.0.1", big);
	arrive("127.0.0.1", padded(2 * PG_BEACON_MAX));
	/* For this machine, not for the group. */
	arrive("127.0.0.1", beacon_of("http://h:1"));
	waiting[nwaiting - 1].from.multicast = false;
	settle();
	assert_int_equal(nread, 6);
	assert_int_equal(heard, 0);
	big.n--;
	arrive("127.0.0.1", big);
	settle();
	assert_int_equal(heard, 1);
}

static void
bounds_a_flood(void **state)
{
	struct pg_str one = beacon_of("http://h:1");
	int i;

	(void)state;
	link_up(1, "127.0.0.1");
	begin();
	for (i = 0; i < 2 * PG_BEACON_RATE_MAX + 5; i++)
		arrive("10.0.0.3", one);
	assert_int_equal(pg_loop_turn(loop, 0, NULL), 0);
	assert_int_equal(heard, PG_BEACON_TURN_MAX);
	settle();
	assert_int_equal(heard, PG_BEACON_RATE_MAX);
	pass(PG_BEACON_INTERVAL);
	settle();
	assert_int_equal(heard, 2 * PG_BEACON_RATE_MAX);
	pass(PG_BEACON_INTERVAL);
	settle();
	assert_int_equal(heard, 2 * PG_BEACON_RATE_MAX + 5);
	/* Just as many as may be, and then one more. */
	next();
	for (i = 0; i < PG_BEACON_RATE_MAX; i++)
		arrive("10.0.0.3", one);
	settle();
	assert_int_equal(heard, PG_BEACON_RATE_MAX);
	arrive("10.0.0.3", one);
	settle();
	assert_int_equal(heard, PG_BEACON_RATE_MAX);
	pass(PG_BEACON_INTERVAL);
	settle();
	assert_int_equal(heard, PG_BEACON_RATE_MAX + 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(reads_recorded_ones),
		T(writes_them_back),
		T(sorts_keys),
		T(refuses_giants),
		T(has_room_for_every_reference),
		T(tells_on_every_link),
		T(tells_this_machine_alone),
		T(may_have_nothing_to_tell),
		T(tells_what_fits),
		T(follows_links),
		T(has_a_limit_of_links),
		T(takes_no_for_an_answer),
		T(hears_others),
		T(is_not_sent_to_itself),
		T(hears_no_rubbish),
		T(bounds_a_flood),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
