/* meshkit: a host without network, for tests of the mesh. Its clock stands
 * still until the test lets time pass.
 */
#ifndef MESHKIT_H
#define MESHKIT_H

#include "base/log.h"
#include "codec/json.h"
#include "host/mesh.h"

#include <setjmp.h>

#include <cmocka.h>

#define KIT_WALL (INT64_C(1700000000) * PG_SEC)
/* What references have in common; what follows may say otherwise. */
#define REF "{\"name\": \"x\", \"code_version\": \"v1\", "
#define URL(url) "\"url\": \"" url "\""
#define BOOT(url, boot, beat) URL(url) ", \"boot\": \"" boot "\", \"beat\": " \
	#beat

static struct pg_host host;
static struct pg_arena arena;
static int64_t now;

static inline void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, KIT_WALL + now);
}

static inline int
kit_open(void)
{
	now = 0;
	pass(PG_SEC);
	pg_log_set_level(PG_LOG_ERROR);
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	host.name = PG_STR("alpha");
	host.address = PG_STR("http://127.0.0.1:1");
	host.cfg.code_version = PG_STR("v1");
	host.cfg.mesh = true;
	snprintf(host.boot, sizeof(host.boot), "our-boot");
	pg_map_init(&host.agents, host.seed);
	return host.loop == NULL ? -1 : 0;
}

static inline void
kit_close(void)
{
	pg_buf_fini(&host.health_text);
	pg_map_fini(&host.agents);
	pg_clock_fake(0, 0);
	pg_loop_free(host.loop);
	pg_arena_fini(&arena);
}

static inline struct pg_value *
read_json(const char *text)
{
	struct pg_value *v = NULL;

	if (pg_json_read(pg_str(text), &arena, &v, NULL) < 0)
		fail_msg("no JSON: %s", text);
	return v;
}

/* The JSON of v. */
static inline const char *
json(const struct pg_value *v)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str s;

	pg_json_write(&b, v, NULL);
	s = pg_arena_str(&arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	return s.p;
}

/* The reference of this text, which begins after REF; signed with key, if that
 * is not NULL. */
static inline struct pg_value *
ref_value(const char *text, const char *key)
{
	struct pg_value *v = read_json(pg_arena_printf(&arena, REF "%s}",
	    text).p);
	char sig[PG_HOSTREF_SIG_LEN + 1];
	struct pg_hostref ref;
	struct pg_err e = { 0 };
	struct pg_seal seal;

	if (key == NULL)
		return v;
	if (pg_hostref_read(v, &arena, &ref, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	pg_seal_init(&seal, pg_str(key));
	pg_seal_sign(&seal, &ref, sig);
	pg_value_set(&arena, v, PG_STR("sig"), pg_value_str(&arena,
	    pg_arena_str(&arena, pg_str(sig))));
	return v;
}

#endif
