/* seeds: peers given by a name (`--peer dns:NAME[:PORT]`): all addresses that
 * it has, looked up again and again, since those who answer to one name come
 * and go: a headless service in Kubernetes, a scaled one in Compose.
 */
#ifndef PG_SEEDS_H
#define PG_SEEDS_H

#include "../net/lookup.h"

#define PG_SEEDS_PREFIX "dns:"
#define PG_SEEDS_INTERVAL (30 * PG_SEC) /* between look-ups */
#define PG_SEEDS_PAUSE PG_SEC /* after the first that fails; then twice that */
#define PG_SEEDS_MAX 256 /* names */

struct pg_seeds;

/* The addresses of a name, as URLs, each once. name is the text it was given
 * by. All is borrowed. May not free the seeds. */
typedef void pg_seeds_found(void *arg, struct pg_str name,
    const struct pg_str *urls, size_t n);

/* What follows the prefix: a name and perhaps a port. Borrowed from text.
 * PG_E_HOST for anything else. */
PG_FN int pg_seeds_parse(struct pg_str text, struct pg_str *name,
    uint16_t *port, struct pg_err *e);

PG_FN struct pg_seeds *pg_seeds_new(struct pg_loop *l, struct pg_work *w,
    pg_seeds_found *on_found, void *arg);
/* From the next turn of the loop on. text (without the prefix) is borrowed as
 * long as the seeds live. -1: PG_E_HOST, or PG_E_LIMIT for one too many. */
PG_FN int pg_seeds_add(struct pg_seeds *s, struct pg_str text,
    struct pg_err *e);
/* Before the workers are freed. */
PG_FN void pg_seeds_free(struct pg_seeds *s);

#endif
