/* sha256: the hash by the processor's own instructions where it has them (six
 * times as fast), else by mbedTLS.
 *
 * The library fails only for wrong arguments, so a failure here is ours and
 * ends the program: no caller should have to doubt a hash.
 */
#include "sha256.h"

#include <endian.h>
#include <mbedtls/md.h>
#include <mbedtls/sha256.h>

/* ---- By the processor -------------------------------------------------- */

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64
 * primes (FIPS 180-4 section 4.2.2). */
static const uint32_t sha256_k[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
	0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

/* Four rounds are one step: w holds four words of the message schedule, and
 * the next four that its place is for come of the four before it. */
__attribute__((target("sha,sse4.1"))) static void
sha256_cpu_blocks(uint32_t state[8], const uint8_t *p, size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b,
	    0x0405060700010203);
	__m128i w[4], k, x, abef, cdgh, abef0, cdgh0;
	int i;

	/* From a b c d and e f g h to the order of the instructions. */
	x = _mm_shuffle_epi32(_mm_loadu_si128((__m128i *)(void *)state), 0xb1);
	k = _mm_shuffle_epi32(_mm_loadu_si128((__m128i *)(void *)
	    (state + 4)), 0x1b);
	abef = _mm_alignr_epi8(x, k, 8);
	cdgh = _mm_blend_epi16(k, x, 0xf0);
	for (; blocks > 0; blocks--, p += PG_SHA256_BLOCK) {
		abef0 = abef;
		cdgh0 = cdgh;
		for (i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(_mm_loadu_si128(
			    (const __m128i *)(const void *)(p + 16 * i)),
			    swap);
#pragma GCC unroll 16
		for (i = 0; i < 16; i++) {
			k = _mm_add_epi32(w[i % 4], _mm_load_si128(
			    (const __m128i *)(const void *)
			    &sha256_k[4 * i]));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
			abef = _mm_sha256rnds2_epu32(abef, cdgh,
			    _mm_shuffle_epi32(k, 0x0e));
			x = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4],
			    w[(i + 1) % 4]), _mm_alignr_epi8(w[(i + 3) % 4],
			    w[(i + 2) % 4], 4));
			w[i % 4] = _mm_sha256msg2_epu32(x, w[(i + 3) % 4]);
		}
		abef = _mm_add_epi32(abef, abef0);
		cdgh = _mm_add_epi32(cdgh, cdgh0);
	}
	x = _mm_shuffle_epi32(abef, 0x1b);
	k = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)state,
	    _mm_blend_epi16(x, k, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(state + 4),
	    _mm_alignr_epi8(k, x, 8));
}

static bool
sha256_cpu_can(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
	    (b & bit_SHA) != 0 && __get_cpuid(1, &a, &b, &c, &d) != 0 &&
	    (c & bit_SSE4_1) != 0;
}
#else
static void
sha256_cpu_blocks(uint32_t state[8], const uint8_t *p, size_t blocks)
{
	(void)state, (void)p, (void)blocks;
}

static bool
sha256_cpu_can(void)
{
	return false;
}
#endif

/* ---- By the library ------------------------------------------------------ */

static void
sha256_lib_blocks(uint32_t state[8], const uint8_t *p, size_t blocks)
{
	mbedtls_sha256_context c;

	mbedtls_sha256_init(&c);
	if (mbedtls_sha256_starts(&c, 0) != 0)
		abort();
	memcpy(c.MBEDTLS_PRIVATE(state), state, sizeof(uint32_t) * 8);
	if (mbedtls_sha256_update(&c, p, blocks * PG_SHA256_BLOCK) != 0)
		abort();
	memcpy(state, c.MBEDTLS_PRIVATE(state), sizeof(uint32_t) * 8);
	mbedtls_sha256_free(&c);
}

/* ---- The hash -------------------------------------------------------------- */

#ifdef PG_TEST
static bool sha256_cpu_off;

bool
pg_sha256_use_cpu(bool yes)
{
	sha256_cpu_off = !yes;
	return yes && sha256_cpu_can();
}
#else
#define sha256_cpu_off false
#endif

static void
sha256_blocks(struct pg_sha256 *s, const uint8_t *p, size_t blocks)
{
	/* 0: not asked yet; the same whoever asks. */
	static _Atomic int sha256_cpu;

	if (sha256_cpu == 0)
		sha256_cpu = sha256_cpu_can() ? 1 : -1;
	if (sha256_cpu > 0 && !sha256_cpu_off)
		sha256_cpu_blocks(s->state, p, blocks);
	else
		sha256_lib_blocks(s->state, p, blocks);
}

PG_FN void
pg_sha256_init(struct pg_sha256 *s)
{
	/* FIPS 180-4 section 5.3.3. */
	static const uint32_t first[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
		0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memcpy(s->state, first, sizeof(first));
	s->n = 0;
}

PG_FN void
pg_sha256_add(struct pg_sha256 *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	size_t have = s->n % PG_SHA256_BLOCK, k;

	s->n += n;
	if (have > 0) {
		k = PG_MIN(n, PG_SHA256_BLOCK - have);
		memcpy(s->rest + have, p, k);
		if (have + k < PG_SHA256_BLOCK)
			return;
		sha256_blocks(s, s->rest, 1);
		p += k;
		n -= k;
	}
	if (n >= PG_SHA256_BLOCK)
		sha256_blocks(s, p, n / PG_SHA256_BLOCK);
	if (n % PG_SHA256_BLOCK > 0)
		memcpy(s->rest, p + n - n % PG_SHA256_BLOCK,
		    n % PG_SHA256_BLOCK);
}

PG_FN void
pg_sha256_end(struct pg_sha256 *s, uint8_t out[PG_SHA256_SIZE])
{
	uint64_t bits = htobe64(s->n * 8);
	uint8_t pad[2 * PG_SHA256_BLOCK] = { 0x80 };
	size_t n = PG_SHA256_BLOCK - (s->n + 8) % PG_SHA256_BLOCK;
	uint32_t word;
	size_t i;

	memcpy(pad + n, &bits, sizeof(bits));
	pg_sha256_add(s, pad, n + sizeof(bits));
	for (i = 0; i < 8; i++) {
		word = htobe32(s->state[i]);
		memcpy(out + 4 * i, &word, sizeof(word));
	}
}

PG_FN void
pg_sha256(struct pg_str in, uint8_t out[PG_SHA256_SIZE])
{
	struct pg_sha256 s;

	pg_sha256_init(&s);
	if (in.n > 0)
		pg_sha256_add(&s, in.p, in.n);
	pg_sha256_end(&s, out);
}

/* The library hands pointers to memcpy, which must not be NULL even for no
 * bytes at all. */
static const unsigned char *
sha256_bytes(struct pg_str s)
{
	return (const unsigned char *)(s.p != NULL ? s.p : "");
}

PG_FN void
pg_hmac_sha256(struct pg_str key, struct pg_str in,
    uint8_t out[PG_SHA256_SIZE])
{
	const mbedtls_md_info_t *md =
	    mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);

	if (mbedtls_md_hmac(md, sha256_bytes(key), key.n, sha256_bytes(in),
	    in.n, out) != 0)
		abort();
}

PG_FN bool
pg_equal_ct(struct pg_str a, struct pg_str b)
{
	/* volatile: the compiler must not stop at the first difference. */
	volatile unsigned char diff = 0;
	size_t i;

	if (a.n != b.n)
		return false;
	for (i = 0; i < a.n; i++)
		diff = (unsigned char)(diff | (a.p[i] ^ b.p[i]));
	return diff == 0;
}

#undef sha256_cpu_off
