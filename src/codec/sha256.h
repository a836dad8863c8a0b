/* sha256: hashes and keyed hashes of bytes in memory (FIPS 180-4, RFC 2104),
 * and comparison in constant time.
 */
#ifndef PG_SHA256_H
#define PG_SHA256_H

#include "../base/base.h"

#define PG_SHA256_SIZE 32

PG_FN void pg_sha256(struct pg_str in, uint8_t out[PG_SHA256_SIZE]);
PG_FN void pg_hmac_sha256(struct pg_str key, struct pg_str in,
    uint8_t out[PG_SHA256_SIZE]);
/* Equal, in time that depends on the lengths only. */
PG_FN bool pg_equal_ct(struct pg_str a, struct pg_str b);

#endif
