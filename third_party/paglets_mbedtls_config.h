/* paglets_mbedtls_config: what of mbedTLS 3.6 the product contains.
 *
 * Named by -DMBEDTLS_CONFIG_FILE, for the library and for all that includes
 * its headers: both must see the same file. Only what is used is switched
 * on; what the library does not need is neither compiled nor attacked.
 */
#ifndef PAGLETS_MBEDTLS_CONFIG_H
#define PAGLETS_MBEDTLS_CONFIG_H

/* Hashes and keyed hashes: sha256. */
#define MBEDTLS_SHA256_C
#define MBEDTLS_MD_C

/* Random bytes: rand. CTR_DRBG over AES; its seed comes from getrandom(2)
 * by the function that rand hands to mbedtls_ctr_drbg_seed(). The library's
 * own entropy sources stay out: with musl they would open /dev/urandom,
 * which an empty container may not have. */
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C
#define MBEDTLS_HAVE_ASM
/* Tables in .rodata: shared by all processes, where tables computed at the
 * start would cost each child private pages. */
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES

/* Workers hash and, later, shake hands of TLS beside the loop. */
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD

#define MBEDTLS_PLATFORM_C

#endif
