/* test_frame: frames survive any cut of the stream, memfds arrive with their
 * frame, and whatever breaks the layout is refused before memory is spent.
 */
/* parts: base/err base/mem base/buf base/log base/clock os/file os/sock agent/frame */
#include "agent/frame.h"
#include "os/sock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct ends {
	int fd[2];
	struct pg_frame_out out;
	struct pg_frame_reader in;
	struct pg_err e;
};

static void
ends_open(struct ends *w)
{
	memset(w, 0, sizeof(*w));
	assert_int_equal(pg_sock_pair(w->fd, &w->e), 0);
}

static void
ends_close(struct ends *w)
{
	pg_frame_out_fini(&w->out);
	pg_frame_reader_fini(&w->in);
	close(w->fd[0]);
	close(w->fd[1]);
}

/* Put bytes into the reader as if they had arrived. */
static void
ends_arrive(struct ends *w, const void *p, size_t n)
{
	pg_buf_put(&w->in.buf, p, n);
}

static int
put_text(struct ends *w, enum pg_frame_type type, uint32_t id,
    struct pg_str head, struct pg_str body)
{
	return pg_frame_put(&w->out, type, id, head, body, NULL, 0, 0, &w->e);
}

/* Send what is queued and take the next frame, reading as needed. */
static void
exchange(struct ends *w, struct pg_frame *f)
{
	int rc, sent;

	do {
		sent = pg_frame_flush(&w->out, w->fd[0]);
		assert_int_not_equal(sent, -1);
		rc = pg_frame_next(&w->in, f, &w->e);
		if (rc == 0)
			assert_true(pg_frame_fill(&w->in, w->fd[1]) > 0);
	} while (rc == 0);
	assert_int_equal(rc, 1);
}

static char *
pattern(size_t n)
{
	char *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 31 + i / 251);
	return p;
}

static void
test_small_frames(void **state)
{
	struct pg_frame f;
	struct ends w;

	(void)state;
	ends_open(&w);
	assert_int_equal(put_text(&w, PG_FRAME_MESSAGE, 7, PG_STR("head"),
	    PG_STR("body")), 0);
	assert_int_equal(put_text(&w, PG_FRAME_STOP, 0xffffffffu, PG_STR_NULL,
	    PG_STR_NULL), 0);
	exchange(&w, &f);
	assert_int_equal(f.type, PG_FRAME_MESSAGE);
	assert_int_equal(f.id, 7);
	assert_true(pg_str_eqz(f.head, "head"));
	assert_true(pg_str_eqz(f.body, "body"));
	assert_null(f.bulk);
	exchange(&w, &f);
	assert_int_equal(f.type, PG_FRAME_STOP);
	assert_int_equal(f.id, 0xffffffffu);
	assert_int_equal(f.head.n + f.body.n, 0);
	assert_int_equal(pg_frame_next(&w.in, &f, &w.e), 0);
	ends_close(&w);
}

static void
test_cut_at_every_byte(void **state)
{
	struct pg_frame f;
	struct ends w;
	char *bytes;
	size_t n;

	(void)state;
	ends_open(&w);
	put_text(&w, PG_FRAME_HOOK, 1, PG_STR("a head"), PG_STR("a body"));
	n = w.out.buf.n;
	bytes = w.out.buf.p;
	for (size_t cut = 0; cut < n; cut++) {
		ends_arrive(&w, bytes, cut);
		assert_int_equal(pg_frame_next(&w.in, &f, &w.e), 0);
		ends_arrive(&w, bytes + cut, n - cut);
		assert_int_equal(pg_frame_next(&w.in, &f, &w.e), 1);
		assert_true(pg_str_eqz(f.head, "a head"));
		assert_true(pg_str_eqz(f.body, "a body"));
	}
	ends_close(&w);
}

/* Bodies around the limit of what travels inline, from text and from bulk. */
static void
test_inline_limit(void **state)
{
	static const size_t sizes[] = { PG_FRAME_INLINE_MAX - 1,
		PG_FRAME_INLINE_MAX, PG_FRAME_INLINE_MAX + 1,
		3 * 1024 * 1024 };
	struct pg_bulk *bulk;
	struct pg_frame f;
	struct ends w;
	char *p;

	(void)state;
	ends_open(&w);
	p = pattern(sizes[3]);
	bulk = pg_bulk_copy((struct pg_str){ p, sizes[3] }, &w.e);
	assert_non_null(bulk);
	for (size_t i = 0; i < PG_COUNT(sizes); i++) {
		put_text(&w, PG_FRAME_REPLY, 1, PG_STR("h"),
		    (struct pg_str){ p, sizes[i] });
		exchange(&w, &f);
		assert_int_equal(f.body.n, sizes[i]);
		assert_memory_equal(f.body.p, p, sizes[i]);
		assert_int_equal(f.bulk != NULL,
		    sizes[i] > PG_FRAME_INLINE_MAX);
		if (i == 3)
			break;
		assert_int_equal(pg_frame_put(&w.out, PG_FRAME_START, 2,
		    PG_STR("h"), PG_STR_NULL, bulk, 5, sizes[i], &w.e), 0);
		exchange(&w, &f);
		assert_int_equal(f.body.n, sizes[i]);
		assert_memory_equal(f.body.p, p + 5, sizes[i]);
		assert_int_equal(f.bulk != NULL,
		    sizes[i] > PG_FRAME_INLINE_MAX);
	}
	assert_int_equal(bulk->refs, 1);
	pg_bulk_unref(bulk);
	free(p);
	ends_close(&w);
}

static void
test_bulk_outlives_the_reader(void **state)
{
	size_t n = PG_FRAME_INLINE_MAX + 1;
	struct pg_bulk *mine;
	struct pg_frame f;
	struct ends w;
	char *p = pattern(n);

	(void)state;
	ends_open(&w);
	put_text(&w, PG_FRAME_REPLY, 1, PG_STR_NULL,
	    (struct pg_str){ p, n });
	exchange(&w, &f);
	mine = pg_bulk_ref(f.bulk);
	ends_close(&w);
	assert_memory_equal(mine->p, p, n);
	pg_bulk_unref(mine);
	free(p);
}

static void
test_head_limit(void **state)
{
	size_t max = PG_FRAME_MAX - 4;
	struct pg_frame f;
	struct ends w;
	char *p = pattern(PG_FRAME_MAX);

	(void)state;
	ends_open(&w);
	for (size_t n = max - 1; n <= max; n++) {
		assert_int_equal(put_text(&w, PG_FRAME_START, 1,
		    (struct pg_str){ p, n }, PG_STR_NULL), 0);
		exchange(&w, &f);
		assert_int_equal(f.head.n, n);
		assert_memory_equal(f.head.p, p, n);
	}
	assert_int_equal(put_text(&w, PG_FRAME_START, 1,
	    (struct pg_str){ p, max + 1 }, PG_STR_NULL), -1);
	assert_int_equal(w.e.code, PG_E_LIMIT);
	assert_int_equal(w.out.buf.n, 0);
	free(p);
	ends_close(&w);
}

static void
test_memfds_waiting_limit(void **state)
{
	size_t n = PG_FRAME_INLINE_MAX + 1, before;
	struct pg_frame f;
	struct ends w;
	char *p = pattern(n);

	(void)state;
	ends_open(&w);
	for (unsigned i = 0; i < PG_FRAME_FDS_MAX; i++)
		assert_int_equal(put_text(&w, PG_FRAME_REPLY, i, PG_STR_NULL,
		    (struct pg_str){ p, n }), 0);
	before = w.out.buf.n;
	assert_int_equal(put_text(&w, PG_FRAME_REPLY, 9, PG_STR_NULL,
	    (struct pg_str){ p, n }), -1);
	assert_int_equal(w.e.code, PG_E_LIMIT);
	assert_int_equal(w.out.buf.n, before);
	for (unsigned i = 0; i < PG_FRAME_FDS_MAX; i++) {
		exchange(&w, &f);
		assert_int_equal(f.id, i);
		assert_memory_equal(f.body.p, p, n);
	}
	free(p);
	ends_close(&w);
}

/* A sender that passes descriptors without frames for them. */
static void
test_too_many_descriptors(void **state)
{
	struct iovec iov = { "x", 1 };
	struct ends w;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	ends_open(&w);
	for (unsigned i = 0; i < PG_FRAME_FDS_MAX; i++) {
		assert_int_equal(pg_sock_send_fd(w.fd[0], &iov, 1, fd), 1);
		assert_int_equal(pg_frame_fill(&w.in, w.fd[1]), 1);
	}
	assert_int_equal(pg_sock_send_fd(w.fd[0], &iov, 1, fd), 1);
	errno = 0;
	assert_int_equal(pg_frame_fill(&w.in, w.fd[1]), -1);
	assert_int_equal(errno, EPROTO);
	close(fd);
	ends_close(&w);
}

static void
header(char out[PG_FRAME_HEADER + 4], uint32_t n, unsigned char type,
    uint32_t head)
{
	memset(out, 0, PG_FRAME_HEADER + 4);
	memcpy(out, &n, 4);
	out[4] = (char)type;
	memcpy(out + 9, &head, 4);
}

static void
refuse(uint32_t n, unsigned char type, uint32_t head, size_t more)
{
	char h[PG_FRAME_HEADER + 4], zero[64] = { 0 };
	struct pg_frame f;
	struct ends w;

	ends_open(&w);
	header(h, n, type, head);
	ends_arrive(&w, h, sizeof(h));
	ends_arrive(&w, zero, more);
	assert_int_equal(pg_frame_next(&w.in, &f, &w.e), -1);
	assert_int_equal(w.e.code, PG_E_HOST);
	ends_close(&w);
}

static void
test_violations(void **state)
{
	(void)state;
	refuse(0, PG_FRAME_STOP, 0, 0);
	refuse(3, PG_FRAME_STOP, 0, 0);
	refuse(PG_FRAME_MAX + 1, PG_FRAME_STOP, 0, 0);
	refuse(UINT32_MAX, PG_FRAME_STOP, 0, 0);
	refuse(4, 0, 0, 0);
	refuse(4, PG_FRAME_TYPES, 0, 0);
	refuse(4, 0x7f, 0, 0);
	refuse(4, PG_FRAME_STOP, 1, 0);
	refuse(8, PG_FRAME_STOP, 5, 4);
	refuse(20, PG_FRAME_REPLY | PG_FRAME_BULK, 0, 16); /* no memfd */
	refuse(8, PG_FRAME_REPLY | PG_FRAME_BULK, 0, 4);   /* no reference */
}

/* Pass fd with a frame that speaks of [off, off+len) of it. */
static int
pass_memfd(size_t max, int fd, uint64_t off, uint64_t len, struct pg_err *e)
{
	char h[PG_FRAME_HEADER + 4 + 16];
	struct iovec iov = { h, sizeof(h) };
	struct pg_frame f;
	struct ends w;
	int rc;

	ends_open(&w);
	w.in.max_bulk = max;
	header(h, 20, PG_FRAME_REPLY | PG_FRAME_BULK, 0);
	memcpy(h + 13, &off, 8);
	memcpy(h + 21, &len, 8);
	assert_int_equal(pg_sock_send_fd(w.fd[0], &iov, 1, fd), sizeof(h));
	assert_int_equal(pg_frame_fill(&w.in, w.fd[1]), sizeof(h));
	rc = pg_frame_next(&w.in, &f, e);
	ends_close(&w);
	close(fd);
	return rc;
}

static int
memfd(size_t n, bool seal)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	if (seal)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE |
		    F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

static void
test_hostile_memfds(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pass_memfd(0, memfd(100, true), 0, 100, &e), 1);
	assert_int_equal(pass_memfd(0, memfd(100, true), 1, 100, &e), -1);
	assert_int_equal(pass_memfd(0, memfd(100, true), 101, 0, &e), -1);
	assert_int_equal(pass_memfd(0, memfd(100, true), UINT64_MAX, 2, &e),
	    -1);
	assert_int_equal(pass_memfd(0, memfd(100, true), 2, UINT64_MAX, &e),
	    -1);
	assert_int_equal(e.code, PG_E_HOST);
	assert_int_equal(pass_memfd(0, memfd(100, false), 0, 100, &e), -1);
	assert_int_equal(pass_memfd(0, open("/dev/zero", O_RDONLY), 0, 1, &e),
	    -1);
	/* The reader's own limit: below, at, above. */
	assert_int_equal(pass_memfd(101, memfd(100, true), 0, 100, &e), 1);
	assert_int_equal(pass_memfd(100, memfd(100, true), 0, 100, &e), 1);
	memset(&e, 0, sizeof(e));
	assert_int_equal(pass_memfd(99, memfd(100, true), 0, 100, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
}

static void
test_keep(void **state)
{
	struct pg_frame f, g;
	struct pg_buf kept;
	struct ends w;

	(void)state;
	ends_open(&w);
	put_text(&w, PG_FRAME_MESSAGE, 1, PG_STR("one"), PG_STR("first"));
	put_text(&w, PG_FRAME_RESULT, 2, PG_STR("two"), PG_STR("second"));
	exchange(&w, &f);
	pg_frame_keep(&w.in, &kept);
	exchange(&w, &g);
	assert_true(pg_str_eqz(g.body, "second"));
	put_text(&w, PG_FRAME_RESULT, 3, PG_STR("three"), PG_STR("third"));
	exchange(&w, &g);
	assert_true(pg_str_eqz(g.body, "third"));
	assert_true(pg_str_eqz(f.head, "one"));
	assert_true(pg_str_eqz(f.body, "first"));
	pg_buf_fini(&kept);
	ends_close(&w);
}

static void
test_end_of_stream(void **state)
{
	struct ends w;

	(void)state;
	ends_open(&w);
	shutdown(w.fd[0], SHUT_WR);
	assert_int_equal(pg_frame_fill(&w.in, w.fd[1]), 0);
	ends_close(&w);
}

/* What lies in the reader can be known before it is taken. */
static void
test_has(void **state)
{
	struct ends w;
	struct pg_frame f;
	size_t i, one, two;

	(void)state;
	ends_open(&w);
	assert_int_equal(pg_frame_ready(&w.in), 0);
	put_text(&w, PG_FRAME_MESSAGE, 1, PG_STR_NULL, PG_STR("\x08"));
	one = w.out.buf.n;
	put_text(&w, PG_FRAME_RECALL, 2, PG_STR_NULL, PG_STR_NULL);
	two = w.out.buf.n;
	for (i = 0; i < two; i++) {
		assert_int_equal(pg_frame_ready(&w.in), i < one ? 0 :
		    i == one ? 1 : 2);
		assert_false(pg_frame_has(&w.in, PG_FRAME_RECALL));
		ends_arrive(&w, w.out.buf.p + i, 1);
	}
	assert_true(pg_frame_has(&w.in, PG_FRAME_MESSAGE));
	assert_true(pg_frame_has(&w.in, PG_FRAME_RECALL));
	assert_false(pg_frame_has(&w.in, PG_FRAME_STOP));
	assert_int_equal(pg_frame_next(&w.in, &f, &w.e), 1);
	assert_false(pg_frame_has(&w.in, PG_FRAME_MESSAGE));
	assert_true(pg_frame_has(&w.in, PG_FRAME_RECALL));
	assert_int_equal(pg_frame_next(&w.in, &f, &w.e), 1);
	assert_int_equal(f.type, PG_FRAME_RECALL);
	assert_int_equal(pg_frame_ready(&w.in), 0);
	/* What is wrong need not be waited for. */
	ends_arrive(&w, "\xff\xff\xff\xff\x02zzzzyyyyyyyy", 17);
	assert_int_equal(pg_frame_ready(&w.in), 1);
	assert_false(pg_frame_has(&w.in, PG_FRAME_RECALL));
	assert_int_equal(pg_frame_next(&w.in, &f, &w.e), -1);
	ends_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_frames),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_inline_limit),
		cmocka_unit_test(test_bulk_outlives_the_reader),
		cmocka_unit_test(test_head_limit),
		cmocka_unit_test(test_memfds_waiting_limit),
		cmocka_unit_test(test_too_many_descriptors),
		cmocka_unit_test(test_violations),
		cmocka_unit_test(test_hostile_memfds),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_end_of_stream),
		cmocka_unit_test(test_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
