/* sha256: hashes and keyed hashes (FIPS 180-4, RFC 2104), and comparison in
 * constant time.
 */
#ifndef PG_SHA256_H
#define PG_SHA256_H

#include "../base/base.h"

#define PG_SHA256_SIZE 32
#define PG_SHA256_BLOCK 64

/* A hash of bytes that come in pieces. Owns nothing. */
struct pg_sha256 {
	uint32_t state[8];
	uint64_t n; /* bytes so far */
	uint8_t rest[PG_SHA256_BLOCK]; /* of them n % 64 that wait for more */
};

PG_FN void pg_sha256_init(struct pg_sha256 *s);
PG_FN void pg_sha256_add(struct pg_sha256 *s, const void *p, size_t n);
/* s is spent afterwards. */
PG_FN void pg_sha256_end(struct pg_sha256 *s, uint8_t out[PG_SHA256_SIZE]);
/* All at once. */
PG_FN void pg_sha256(struct pg_str in, uint8_t out[PG_SHA256_SIZE]);
PG_FN void pg_hmac_sha256(struct pg_str key, struct pg_str in,
    uint8_t out[PG_SHA256_SIZE]);
/* Equal, in time that depends on the lengths only. */
PG_FN bool pg_equal_ct(struct pg_str a, struct pg_str b);

#ifdef PG_TEST
/* Tests: hash without the instructions of the processor, or with them again if
 * it has any. Whether it does now. */
bool pg_sha256_use_cpu(bool yes);
#endif

#endif
