/* seal: signatures of host references, by which hosts that share an API key
 * know each other without sending it (DESIGN section 7).
 *
 * The signature is HMAC-SHA256 in 64 lower-case hex digits, under a key that
 * is itself HMAC-SHA256(API key, PG_SEAL_LABEL), over name, url, code_version
 * and boot, each as its length in bytes, ':', the text and a newline, and then
 * beat in decimal and a newline.
 */
#ifndef PG_SEAL_H
#define PG_SEAL_H

#include "../codec/sha256.h"
#include "hostref.h"

#define PG_SEAL_LABEL "paglets.hostref.v1"

struct pg_seal {
	uint8_t key[PG_SHA256_SIZE];
	bool set; /* there is a key */
};

/* For this API key; empty: none. */
PG_FN void pg_seal_init(struct pg_seal *s, struct pg_str api_key);
/* The signature of ref, with a NUL; "" without a key. */
PG_FN void pg_seal_sign(const struct pg_seal *s,
    const struct pg_hostref *ref, char out[PG_HOSTREF_SIG_LEN + 1]);
/* Whether ref has a boot and a signature that is right. Never without a
 * key. */
PG_FN bool pg_seal_check(const struct pg_seal *s,
    const struct pg_hostref *ref);

#endif
