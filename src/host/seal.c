/* seal: see seal.h. The lengths keep texts apart, so that no two references
 * have the same bytes signed.
 */
#include "seal.h"

#include "../base/buf.h"

PG_FN void
pg_seal_init(struct pg_seal *s, struct pg_str api_key)
{
	memset(s, 0, sizeof(*s));
	if (api_key.n == 0)
		return;
	pg_hmac_sha256(api_key, PG_STR(PG_SEAL_LABEL), s->key);
	s->set = true;
}

static void
seal_put(struct pg_buf *b, struct pg_str text)
{
	pg_buf_printf(b, "%zu:", text.n);
	pg_buf_puts(b, text);
	pg_buf_putc(b, '\n');
}

PG_FN void
pg_seal_sign(const struct pg_seal *s, const struct pg_hostref *ref,
    char out[PG_HOSTREF_SIG_LEN + 1])
{
	struct pg_buf b = PG_BUF_INIT(0);
	uint8_t mac[PG_SHA256_SIZE];

	out[0] = '\0';
	if (!s->set)
		return;
	seal_put(&b, ref->name);
	seal_put(&b, ref->url);
	seal_put(&b, ref->version);
	seal_put(&b, ref->boot);
	pg_buf_printf(&b, "%" PRId64 "\n", ref->beat);
	pg_hmac_sha256((struct pg_str){ (const char *)s->key,
	    sizeof(s->key) }, pg_buf_str(&b), mac);
	pg_buf_reset(&b);
	pg_buf_hex(&b, (struct pg_str){ (const char *)mac, sizeof(mac) });
	memcpy(out, b.p, PG_HOSTREF_SIG_LEN);
	out[PG_HOSTREF_SIG_LEN] = '\0';
	pg_buf_fini(&b);
}

PG_FN bool
pg_seal_check(const struct pg_seal *s, const struct pg_hostref *ref)
{
	char right[PG_HOSTREF_SIG_LEN + 1];

	if (!s->set || ref->boot.n == 0 || ref->sig.n == 0)
		return false;
	pg_seal_sign(s, ref, right);
	return pg_equal_ct(ref->sig, pg_str(right));
}
