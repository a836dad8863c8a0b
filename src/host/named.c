/* named: see named.h. */

#include "named.h"

#include "../base/mem.h"

PG_FN void
pg_named_init(struct pg_named *s, const uint64_t seed[2])
{
	memset(s, 0, sizeof(*s));
	pg_map_init(&s->map, seed);
}

PG_FN void
pg_named_fini(struct pg_named *s)
{
	size_t i;

	for (i = 0; i < PG_NAMED_MAX; i++)
		free(s->urls[i]);
	pg_map_fini(&s->map);
}

PG_FN bool
pg_named_has(const struct pg_named *s, struct pg_str url)
{
	return pg_map_get(&s->map, url) != NULL;
}

PG_FN void
pg_named_add(struct pg_named *s, struct pg_str url)
{
	char **at;

	if (pg_named_has(s, url))
		return;
	at = &s->urls[s->n++ % PG_NAMED_MAX];
	if (*at != NULL)
		pg_map_del(&s->map, pg_str(*at));
	free(*at);
	*at = pg_strdup(url);
	pg_map_put(&s->map, pg_str(*at), *at);
}
