/* rand: random bytes for identities and secrets (mbedTLS CTR_DRBG, seeded by
 * the kernel). One generator per process, made at first use; loop thread.
 */
#ifndef PG_RAND_H
#define PG_RAND_H

#include "../base/base.h"

#define PG_ID_LEN 32

PG_FN void pg_rand(void *out, size_t n);
/* 32 lower-case hex digits and a NUL (PROTOCOL section 4). */
PG_FN void pg_rand_id(char out[PG_ID_LEN + 1]);

#endif
