/* rand: the random generator of this process.
 *
 * State of a generator belongs to its process: agents are executed anew, so
 * no two ever share it. Without randomness there are no identities and no
 * secrets: failure ends the process rather than hand out guessable ones.
 */
#include "rand.h"
#include "../base/log.h"

#include <mbedtls/ctr_drbg.h>
#include <sys/random.h>

static struct {
	bool ready;
	mbedtls_ctr_drbg_context drbg;
} rand_state;

static void
rand_check(int rc)
{
	if (rc == 0)
		return;
	pg_log(PG_LOG_ERROR, "rand: no random bytes (mbedTLS -0x%04x)",
	    (unsigned)-rc);
	abort();
}

/* Seed from the kernel: no file is opened, since an empty container has no
 * /dev, and the call waits until the kernel itself is seeded. */
static int
rand_entropy(void *arg, unsigned char *to, size_t n)
{
	ssize_t got;

	(void)arg;
	for (; n > 0; n -= (size_t)got, to += got) {
		do
			got = getrandom(to, n, 0);
		while (got < 0 && errno == EINTR);
		if (got <= 0)
			return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
	}
	return 0;
}

static void
rand_start(void)
{
	static const unsigned char personal[] = "paglets";

	if (rand_state.ready)
		return;
	mbedtls_ctr_drbg_init(&rand_state.drbg);
	rand_check(mbedtls_ctr_drbg_seed(&rand_state.drbg, rand_entropy,
	    NULL, personal, sizeof(personal) - 1));
	rand_state.ready = true;
}

PG_FN void
pg_rand(void *out, size_t n)
{
	unsigned char *to = out;
	size_t part;

	rand_start();
	for (; n > 0; n -= part, to += part) {
		part = PG_MIN(n, (size_t)MBEDTLS_CTR_DRBG_MAX_REQUEST);
		rand_check(mbedtls_ctr_drbg_random(&rand_state.drbg, to,
		    part));
	}
}

PG_FN void
pg_rand_id(char out[PG_ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[PG_ID_LEN / 2];
	size_t i;

	pg_rand(raw, sizeof(raw));
	for (i = 0; i < sizeof(raw); i++) {
		out[2 * i] = digits[raw[i] >> 4];
		out[2 * i + 1] = digits[raw[i] & 15];
	}
	out[PG_ID_LEN] = '\0';
}
