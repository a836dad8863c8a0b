/* hostref: references of hosts as they travel (PROTOCOL section 4): read,
 * checked, and brought into the form in which they are compared.
 */
#ifndef PG_HOSTREF_H
#define PG_HOSTREF_H

#include "../codec/value.h"

/* Of one reference, in bytes but for the counts. */
#define PG_HOSTREF_MAX 4096 /* all texts that a table keeps */
#define PG_HOSTREF_URL_MAX 1024
#define PG_HOSTREF_NAME_MAX 200 /* code versions too */
#define PG_HOSTREF_BOOT_MAX 64
#define PG_HOSTREF_SIG_LEN 64 /* hex digits, exactly */
#define PG_HOSTREF_BEAT_MAX (INT64_C(1) << 62) /* and no less than 0 */
#define PG_HOSTREF_TAGS_MAX 64
#define PG_HOSTREF_TAG_MAX 100
#define PG_HOSTREF_PROPERTIES_MAX 64
#define PG_HOSTREF_PROPERTY_MAX 500 /* key and value, each */

/* All borrowed from the record or the arena it was read into. */
struct pg_hostref {
	struct pg_str name, url; /* url normalised */
	struct pg_str version, error;
	struct pg_str boot; /* empty: a host that has none, and no beat */
	struct pg_str sig;  /* of the above and the beat (seal.h), or empty */
	struct pg_value *tags; /* folded, sorted, each once */
	struct pg_value *properties; /* texts */
	int64_t active, inactive;
	int64_t seen; /* last_seen by the teller's wall clock; never 0 */
	int64_t beat;
	int64_t doubt; /* field `suspect`: it gave no answer at this beat; 0 */
	bool online;
};

/* Read a HostRef, or a health, which has what it takes. PG_E_HOST names the
 * field. a has no ceiling. */
PG_FN int pg_hostref_read(const struct pg_value *v, struct pg_arena *a,
    struct pg_hostref *ref, struct pg_err *e);
/* The tags and the properties alone. v may be NULL or null. */
PG_FN int pg_hostref_tags(const struct pg_value *v, struct pg_arena *a,
    struct pg_value **out, struct pg_err *e);
PG_FN int pg_hostref_properties(const struct pg_value *v, struct pg_arena *a,
    struct pg_value **out, struct pg_err *e);
/* Whether its texts are within PG_HOSTREF_MAX, as those read are. */
PG_FN int pg_hostref_fits(const struct pg_hostref *ref, struct pg_err *e);
/* Whether its URL means whichever machine it is read on. */
PG_FN bool pg_hostref_is_loopback(const struct pg_hostref *ref);
/* Order of names and URLs: that of their characters. */
PG_FN int pg_hostref_compare(struct pg_str a, struct pg_str b);

#endif
