/* sha256: hashes by mbedTLS.
 *
 * The library fails only for wrong arguments, so a failure here is ours and
 * ends the program: no caller should have to doubt a hash.
 */
#include "sha256.h"

#include <mbedtls/md.h>
#include <mbedtls/sha256.h>

/* The library hands pointers to memcpy, which must not be NULL even for no
 * bytes at all. */
static const unsigned char *
sha256_bytes(struct pg_str s)
{
	return (const unsigned char *)(s.p != NULL ? s.p : "");
}

PG_FN void
pg_sha256(struct pg_str in, uint8_t out[PG_SHA256_SIZE])
{
	if (mbedtls_sha256(sha256_bytes(in), in.n, out, 0) != 0)
		abort();
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
