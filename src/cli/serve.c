/* serve: the command that makes this machine a host.
 *
 * All it knows is how flags and environment become a configuration, and the
 * one rule that a host which others can reach has a key (DESIGN section 7).
 */
#include "serve.h"

#include "../base/log.h"
#include "../host/host.h"
#include "../host/seeds.h"
#include "../host/wire.h"
#include "show.h"

#include <unistd.h>

/* ---- lists that options build up ------------------------------------- */

static int
serve_full(int max, struct pg_err *e)
{
	return pg_fail(e, PG_E_USAGE, "over %d of them", max);
}

/* Peers take no others: better said here than missed there. */
static int
serve_check_text(struct pg_str text, size_t max, struct pg_err *e)
{
	if (text.n > max)
		return pg_fail(e, PG_E_USAGE, "a text of over %zu bytes", max);
	if (pg_utf8_valid(text, false) < text.n)
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no UTF-8",
		    PG_STR_ARG(text));
	return 0;
}

static int
serve_peer(struct pg_cli *c, struct pg_host_config *cfg, struct pg_str text,
    struct pg_err *e)
{
	struct pg_str dns = PG_STR(PG_SEEDS_PREFIX), name;
	uint16_t port;

	if (!pg_str_starts(text, dns)) {
		if (cfg->npeers == PG_HOST_LISTS_MAX)
			return serve_full(PG_HOST_LISTS_MAX, e);
		return pg_url_normalise(&c->arena, text,
		    &cfg->peers[cfg->npeers++], e);
	}
	if (cfg->ndns == PG_HOST_LISTS_MAX)
		return serve_full(PG_HOST_LISTS_MAX, e);
	cfg->dns[cfg->ndns] = pg_str_skip(text, dns.n);
	return pg_seeds_parse(cfg->dns[cfg->ndns++], &name, &port, e);
}

/* Normalised here, so that a slip is told before anything runs. */
static int
serve_peers(struct pg_cli *c, struct pg_host_config *cfg, struct pg_err *e)
{
	struct pg_str text;
	size_t at = 0;

	while (pg_args_next(&c->args, "peer", &at, &text))
		if (serve_peer(c, cfg, pg_str_trim(text), e) < 0) {
			e->code = PG_E_USAGE;
			return pg_args_blame(&c->args, "peer", e);
		}
	return 0;
}

static int
serve_tag(struct pg_host_config *cfg, struct pg_str tag, struct pg_err *e)
{
	if (tag.n == 0)
		return 0;
	if (cfg->ntags == PG_HOSTREF_TAGS_MAX)
		return serve_full(PG_HOSTREF_TAGS_MAX, e);
	cfg->tags[cfg->ntags++] = tag;
	return serve_check_text(tag, PG_HOSTREF_TAG_MAX, e);
}

/* --tag a,b --tag c */
static int
serve_tags(struct pg_cli *c, struct pg_host_config *cfg, struct pg_err *e)
{
	struct pg_str text, tag;
	const char *comma;
	size_t at = 0;

	while (pg_args_next(&c->args, "tag", &at, &text))
		for (; text.n > 0; text = pg_str_skip(text, tag.n + 1)) {
			comma = memchr(text.p, ',', text.n);
			tag = text;
			if (comma != NULL)
				tag.n = (size_t)(comma - text.p);
			if (serve_tag(cfg, pg_str_trim(tag), e) < 0)
				return pg_args_blame(&c->args, "tag", e);
		}
	return 0;
}

/* The first sign divides; a value may hold more of them or be empty. */
static int
serve_property(struct pg_host_config *cfg, struct pg_str text,
    struct pg_err *e)
{
	const char *eq = memchr(text.p, '=', text.n);
	struct pg_str key, value;

	if (eq == NULL || eq == text.p)
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no KEY=VALUE",
		    PG_STR_ARG(text));
	if (cfg->nproperties == PG_HOSTREF_PROPERTIES_MAX)
		return serve_full(PG_HOSTREF_PROPERTIES_MAX, e);
	key = (struct pg_str){ text.p, (size_t)(eq - text.p) };
	value = pg_str_skip(text, key.n + 1);
	cfg->properties[cfg->nproperties].key = key;
	cfg->properties[cfg->nproperties++].value = value;
	if (serve_check_text(key, PG_HOSTREF_PROPERTY_MAX, e) < 0)
		return -1;
	return serve_check_text(value, PG_HOSTREF_PROPERTY_MAX, e);
}

static int
serve_properties(struct pg_cli *c, struct pg_host_config *cfg,
    struct pg_err *e)
{
	struct pg_str text;
	size_t at = 0;

	while (pg_args_next(&c->args, "property", &at, &text))
		if (serve_property(cfg, text, e) < 0)
			return pg_args_blame(&c->args, "property", e);
	return 0;
}

/* ---- single values ---------------------------------------------------- */

/* *out is untouched when the option is absent. */
static void
serve_text(const struct pg_cli *c, const char *name, struct pg_str *out)
{
	struct pg_str text = pg_args_get(&c->args, name);

	if (text.p != NULL)
		*out = text;
}

/* Set to something that says yes. */
static bool
serve_is_yes(struct pg_str v)
{
	v = pg_str_trim(v);
	return v.n > 0 && !pg_str_eqz(v, "0") && !pg_str_ieq(v,
	    PG_STR("false")) && !pg_str_ieq(v, PG_STR("no")) &&
	    !pg_str_ieq(v, PG_STR("off"));
}

/* The last of --NAME and --no-NAME decides, else the variable. */
static bool
serve_switch(const struct pg_cli *c, const char *name, const char *no)
{
	const struct pg_args *args = &c->args;
	struct pg_str env = pg_args_get(args, name);
	size_t i = args->ngiven;

	while (i-- > 0) {
		if (strcmp(args->given[i].option->name, name) == 0)
			return true;
		if (strcmp(args->given[i].option->name, no) == 0)
			return false;
	}
	return env.p == NULL || serve_is_yes(env);
}

static int
serve_log_level(const struct pg_cli *c, struct pg_err *e)
{
	struct pg_str text = pg_args_get(&c->args, "log-level");
	int level;

	if (text.p == NULL)
		return 0;
	level = pg_log_level_parse(text);
	if (level < 0) {
		pg_fail(e, PG_E_USAGE, "'%.*s' is none of error, warn, info, "
		    "debug", PG_STR_ARG(text));
		return pg_args_blame(&c->args, "log-level", e);
	}
	pg_log_set_level((enum pg_log_level)level);
	return 0;
}

/* An address to listen on, without the brackets of a URL. *loopback becomes
 * false when others can reach it. */
static int
serve_address(struct pg_str *bind, bool *loopback, struct pg_err *e)
{
	struct pg_addr addr;
	struct pg_str text = *bind;

	if (pg_str_ieq(text, PG_STR("localhost")))
		text = PG_STR("127.0.0.1");
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = (struct pg_str){ text.p + 1, text.n - 2 };
	if (pg_addr_parse(text, 0, &addr) < 0)
		return pg_fail(e, PG_E_USAGE, "'%.*s' is no numeric address; "
		    "write auto, 0.0.0.0, ::1 or one of this machine",
		    PG_STR_ARG(*bind));
	*bind = text;
	*loopback = *loopback && pg_addr_is_loopback(&addr);
	return 0;
}

/* auto is whatever address others can reach, hence public. */
static int
serve_public(struct pg_host_config *cfg, struct pg_str text, bool *loopback,
    struct pg_err *e)
{
	if (cfg->npublics == PG_BIND_MAX)
		return serve_full(PG_BIND_MAX, e);
	if (pg_str_ieq(text, PG_STR(PG_BIND_AUTO)))
		*loopback = false;
	else if (serve_address(&text, loopback, e) < 0)
		return -1;
	cfg->publics[cfg->npublics++] = text;
	return 0;
}

static int
serve_binds(struct pg_cli *c, struct pg_host_config *cfg, bool *loopback,
    struct pg_err *e)
{
	struct pg_str text = PG_STR_NULL;
	size_t at = 0;

	while (pg_args_next(&c->args, "bind-public", &at, &text))
		if (serve_public(cfg, text, loopback, e) < 0)
			return pg_args_blame(&c->args, "bind-public", e);
	text = cfg->bind;
	serve_text(c, "host", &text);
	if (pg_str_ieq(text, PG_STR(PG_BIND_AUTO))) {
		if (serve_public(cfg, text, loopback, e) < 0)
			return pg_args_blame(&c->args, "host", e);
		return 0;
	}
	cfg->bind = text;
	if (serve_address(&cfg->bind, loopback, e) < 0)
		return pg_args_blame(&c->args, "host", e);
	return 0;
}

static int
serve_public_url(struct pg_cli *c, struct pg_host_config *cfg,
    struct pg_err *e)
{
	struct pg_str text = pg_args_get(&c->args, "public-url");

	if (text.p == NULL ||
	    pg_url_normalise(&c->arena, text, &cfg->public_url, e) == 0)
		return 0;
	e->code = PG_E_USAGE;
	return pg_args_blame(&c->args, "public-url", e);
}

static int
serve_seconds(struct pg_cli *c, const char *name, int64_t *out,
    struct pg_err *e)
{
	if (pg_args_duration(&c->args, name, out, e) < 0)
		return -1;
	if (*out > 0)
		return 0;
	pg_fail(e, PG_E_USAGE, "it must be over 0");
	return pg_args_blame(&c->args, name, e);
}

/* As a hub, and as a host that has one: then all news come from there, and
 * the key goes there. */
static int
serve_relay(struct pg_cli *c, struct pg_host_config *cfg, struct pg_err *e)
{
	struct pg_str text = pg_args_get(&c->args, "connect-to");
	int64_t queue = (int64_t)cfg->relay_queue_max;

	if (serve_seconds(c, "relay-offline-after", &cfg->relay_offline_after,
	    e) < 0 ||
	    serve_seconds(c, "relay-delivery-timeout",
	    &cfg->relay_delivery_time, e) < 0 ||
	    pg_args_int(&c->args, "relay-queue-limit", 1, 1000000, &queue,
	    e) < 0)
		return -1;
	cfg->relay_queue_max = (size_t)queue;
	if (text.p == NULL)
		return 0;
	if (pg_url_normalise(&c->arena, text, &cfg->connect_to, e) < 0) {
		e->code = PG_E_USAGE;
		return pg_args_blame(&c->args, "connect-to", e);
	}
	if (cfg->public_url.n > 0)
		return pg_fail(e, PG_E_USAGE, "--public-url: with --connect-to "
		    "a host has its address from its hub");
	cfg->mesh = cfg->multicast = cfg->lan = false;
	cfg->peers[0] = cfg->connect_to;
	cfg->npeers = 1;
	return 0;
}

/* DESIGN section 7: who can be reached from elsewhere asks for a key. */
static int
serve_check_key(const struct pg_host_config *cfg, bool loopback,
    struct pg_err *e)
{
	struct pg_str who = cfg->bind;

	if (cfg->api_key.n > 0 && cfg->api_key.n < PG_KEY_WEAK)
		pg_log(PG_LOG_WARN, "serve: the API key has %zu bytes; under "
		    "%d it can be guessed", cfg->api_key.n, PG_KEY_WEAK);
	if (cfg->api_key.n > 0 || cfg->insecure ||
	    (loopback && cfg->public_url.n == 0 && cfg->connect_to.n == 0))
		return 0;
	if (cfg->public_url.n > 0)
		who = cfg->public_url;
	else if (cfg->connect_to.n > 0)
		return pg_fail(e, PG_E_FORBIDDEN, "others reach this host "
		    "through %.*s and there is no API key; set "
		    "PAGLETS_API_KEY, use --api-key-file, or say "
		    "--insecure-no-auth", PG_STR_ARG(cfg->connect_to));
	else if (cfg->npublics > 0)
		who = cfg->publics[0];
	return pg_fail(e, PG_E_FORBIDDEN, "%.*s can be reached from other "
	    "machines and there is no API key; set PAGLETS_API_KEY, use "
	    "--api-key-file, or say --insecure-no-auth", PG_STR_ARG(who));
}

/* ---- where it keeps what is to survive --------------------------------- */

/* The host's name as one component of a path. */
static struct pg_str
serve_folder_name(struct pg_cli *c, const struct pg_host_config *cfg)
{
	char machine[256] = "";
	struct pg_str name = pg_str_trim(cfg->name);
	char *p;
	size_t i;

	if (name.n == 0) {
		gethostname(machine, sizeof(machine) - 1);
		name = pg_str(machine[0] != '\0' ? machine : "paglets");
	}
	p = pg_arena_zalloc(&c->arena, name.n + 2);
	p[0] = name.p[0] == '.' ? '_' : name.p[0];
	for (i = 0; i < name.n; i++) {
		p[i] = name.p[i];
		if (strchr("._-", p[i]) == NULL && !(p[i] >= '0' &&
		    p[i] <= '9') && !((p[i] | 0x20) >= 'a' &&
		    (p[i] | 0x20) <= 'z'))
			p[i] = '_';
	}
	if (p[0] == '.')
		p[0] = '_';
	return (struct pg_str){ p, name.n };
}

/* --state-dir, else where the system or the user keeps such things (DESIGN
 * section 5). */
static void
serve_state_dir(struct pg_cli *c, struct pg_host_config *cfg)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	struct pg_str dir = PG_STR_NULL, name = serve_folder_name(c, cfg);

	serve_text(c, "state-dir", &dir);
	if (dir.n == 0 && getenv("STATE_DIRECTORY") != NULL)
		dir = pg_str(getenv("STATE_DIRECTORY"));
	if (dir.n == 0) {
		cfg->state_dir_optional = true;
		if (base != NULL && base[0] == '/')
			dir = pg_arena_printf(&c->arena, "%s/paglets/%.*s",
			    base, PG_STR_ARG(name));
		else if (home != NULL && home[0] == '/')
			dir = pg_arena_printf(&c->arena,
			    "%s/.local/state/paglets/%.*s", home,
			    PG_STR_ARG(name));
	}
	if (dir.n > 0 && !pg_str_eqz(dir, "none"))
		cfg->state_dir = pg_arena_str(&c->arena, dir).p;
}

static int
serve_durability(struct pg_cli *c, struct pg_host_config *cfg,
    struct pg_err *e)
{
	static const char *const words[] = { "none", "arrival", "message" };
	struct pg_str word = PG_STR("arrival");
	size_t i;

	serve_text(c, "durability", &word);
	for (i = 0; i < PG_COUNT(words); i++)
		if (pg_str_eqz(word, words[i])) {
			cfg->durability = (enum pg_durability)i;
			return 0;
		}
	pg_fail(e, PG_E_USAGE, "'%.*s' is not none, arrival or message",
	    PG_STR_ARG(word));
	return pg_args_blame(&c->args, "durability", e);
}

/* Everything that can be wrong with the command line, in one place; nothing
 * has been opened yet. */
static int
serve_config(struct pg_cli *c, struct pg_host_config *cfg, struct pg_err *e)
{
	int64_t port = PG_DEFAULT_PORT;
	bool loopback = true;

	pg_host_config_init(cfg);
	serve_text(c, "name", &cfg->name);
	serve_text(c, "mesh-version", &cfg->code_version);
	cfg->mesh = serve_switch(c, "mesh", "no-mesh");
	cfg->multicast = serve_switch(c, "mesh-multicast",
	    "no-mesh-multicast");
	cfg->lan = serve_switch(c, "mesh-lan-discovery",
	    "no-mesh-lan-discovery");
	cfg->trust_unsigned = pg_args_has(&c->args, "trust-unsigned");
	cfg->mesh_debug = serve_is_yes(pg_str(getenv(
	    "PAGLETS_MESH_DEBUG")));
	cfg->insecure = pg_args_has(&c->args, "insecure-no-auth");
	if (pg_args_int(&c->args, "port", 0, UINT16_MAX, &port, e) < 0 ||
	    pg_args_size(&c->args, "max-body", &cfg->body_json_max, e) < 0 ||
	    pg_args_size(&c->args, "max-move", &cfg->body_move_max, e) < 0 ||
	    pg_args_size(&c->args, "persistent-storage-quota",
	    &cfg->storage_quota, e) < 0 ||
	    pg_args_size(&c->args, "artifact-max-size", &cfg->artifact_max,
	    e) < 0 ||
	    pg_args_size(&c->args, "artifact-storage-quota",
	    &cfg->artifact_quota, e) < 0 ||
	    pg_args_duration(&c->args, "artifact-spool-ttl",
	    &cfg->artifact_ttl, e) < 0 ||
	    serve_log_level(c, e) < 0 || serve_peers(c, cfg, e) < 0 ||
	    serve_tags(c, cfg, e) < 0 || serve_properties(c, cfg, e) < 0 ||
	    serve_binds(c, cfg, &loopback, e) < 0 ||
	    serve_public_url(c, cfg, e) < 0 ||
	    serve_relay(c, cfg, e) < 0 || serve_durability(c, cfg, e) < 0 ||
	    pg_cli_key(c, &cfg->api_key, e) < 0)
		return -1;
	if (cfg->storage_quota == PG_SIZE_MAX)
		cfg->storage_quota = INT64_MAX;
	cfg->port = (uint16_t)port;
	serve_state_dir(c, cfg);
	return serve_check_key(cfg, loopback, e);
}

/* ---- the command ------------------------------------------------------ */

/* The line that scripts wait for. That nobody reads it is no reason not to
 * serve. */
static void
serve_on_ready(void *arg, struct pg_str name, struct pg_str url)
{
	struct pg_cli *c = arg;
	struct pg_value *v = pg_value_dict(&c->arena);

	if (!c->json) {
		pg_show_text(pg_arena_printf(&c->arena,
		    "%.*s listening on %.*s", PG_STR_ARG(name),
		    PG_STR_ARG(url)), NULL);
		return;
	}
	pg_put_str(&c->arena, v, "name", name);
	pg_put_str(&c->arena, v, "url", url);
	pg_put_int(&c->arena, v, "pid", getpid());
	pg_show_json(v, NULL);
}

/* Names are those of the Python host where it has the option. */
static const struct pg_option serve_options[] = {
	{ "name", 0, "NAME", "PAGLETS_NAME", "name of the host (the "
	    "machine's)" },
	{ "host", 0, "ADDR", "PAGLETS_HOST", "address to listen on; beyond "
	    "loopback it needs an API key (127.0.0.1)" },
	{ "bind-public", 0, "ADDR", "PAGLETS_BIND_PUBLIC", "one more, which "
	    "others are told; auto: that of this machine in its network, "
	    "also when it changes; repeatable" },
	{ "port", 0, "N", "PAGLETS_PORT", "port, 0 for any free one (8765)" },
	{ "public-url", 0, "URL", "PAGLETS_PUBLIC_URL", "URL that others "
	    "reach it by; it needs an API key" },
	{ "connect-to", 0, "URL", "PAGLETS_CONNECT_TO", "open no port and be "
	    "reached through the hub at this URL; it needs an API key" },
	{ "relay-offline-after", 0, "TIME", "PAGLETS_RELAY_OFFLINE_AFTER",
	    "as a hub: how long a host may be silent (30s)" },
	{ "relay-delivery-timeout", 0, "TIME",
	    "PAGLETS_RELAY_DELIVERY_TIMEOUT", "as a hub: how long a host may "
	    "take to answer, unless the request says (10s)" },
	{ "relay-queue-limit", 0, "N", "PAGLETS_RELAY_QUEUE_LIMIT", "as a "
	    "hub: requests that wait for one host (1024)" },
	{ "peer", 0, "URL", "PAGLETS_PEER", "URL of a host to join, or "
	    PG_SEEDS_PREFIX "NAME[:PORT] for all addresses of that name; "
	    "repeatable" },
	{ "mesh-version", 0, "TEXT", "PAGLETS_MESH_VERSION", "only hosts of "
	    "the same one are peers (" PG_WIRE_VERSION ")" },
	{ "tag", 0, "TAG", "PAGLETS_TAG", "a tag to be found by; repeatable, "
	    "or separated by commas" },
	{ "property", 0, "K=V", "PAGLETS_PROPERTY", "a property to be found "
	    "by; repeatable" },
	{ "state-dir", 0, "DIR", "PAGLETS_STATE_DIR", "folder for what is to "
	    "survive, or none (~/.local/state/paglets/NAME)" },
	{ "durability", 0, "WHEN", "PAGLETS_DURABILITY", "when an agent is "
	    "written to disk: arrival: when it comes to life, moves or falls "
	    "asleep; message: also before each answer; none: only when it "
	    "moves or falls asleep (arrival)" },
	{ "persistent-storage-quota", 0, "SIZE",
	    "PAGLETS_PERSISTENT_STORAGE_QUOTA", "bytes that the paglets of "
	    "one class may keep in managed storage: 512K, 1G, none (10M)" },
	{ "log-level", 0, "LEVEL", "PAGLETS_LOG_LEVEL", "error, warn, info, "
	    "debug (info)" },
	{ "mesh", 0, NULL, "PAGLETS_MESH", "exchange news with peers (the "
	    "default)" },
	{ "no-mesh", 0, NULL, NULL, "do not" },
	{ "mesh-multicast", 0, NULL, "PAGLETS_MESH_MULTICAST", "find peers by "
	    "multicast (the default)" },
	{ "no-mesh-multicast", 0, NULL, NULL, "do not" },
	{ "mesh-lan-discovery", 0, NULL, "PAGLETS_MESH_LAN_DISCOVERY", "find "
	    "peers by probing the LAN while none is known (the default)" },
	{ "no-mesh-lan-discovery", 0, NULL, NULL, "do not" },
	{ "trust-unsigned", 0, NULL, NULL, "send the API key to every host of "
	    "the mesh, as Python hosts do, also to one that has not shown "
	    "that it has the key itself" },
	PG_CLI_KEY_OPTIONS,
	{ "insecure-no-auth", 0, NULL, NULL, "let other machines in without "
	    "an API key" },
	{ "max-body", 0, "SIZE", "PAGLETS_MAX_BODY", "longest JSON body: "
	    "512K, 8M, 1G, none (8M)" },
	{ "max-move", 0, "SIZE", "PAGLETS_MAX_MOVE", "longest agent that may "
	    "arrive (1G)" },
	{ "artifact-max-size", 0, "SIZE", "PAGLETS_ARTIFACT_MAX_SIZE",
	    "largest artifact, or none (1G)" },
	{ "artifact-storage-quota", 0, "SIZE",
	    "PAGLETS_ARTIFACT_STORAGE_QUOTA", "all artifacts together, or "
	    "none (10G)" },
	{ "artifact-spool-ttl", 0, "TIME", "PAGLETS_ARTIFACT_SPOOL_TTL",
	    "when what an upload has left behind is removed (24h)" },
	PG_CLI_JSON_OPTION,
	{ .name = NULL }
};

PG_FN int
pg_serve_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "", 0, 0, serve_options,
		"Makes this machine a host, until SIGINT, SIGTERM or SIGHUP. "
		"Prints one line when\nit is ready. Agents that are active "
		"when it stops are put to sleep, and woken\nwhen a host with "
		"the same --state-dir starts. After a crash they go on from\n"
		"what was last written to disk." };
	struct pg_host_config *cfg;

	if (pg_cli_read(c, &spec, NULL, e) < 0)
		return -1;
	/* Lists of all sizes make it too large for a stack. */
	cfg = pg_arena_zalloc(&c->arena, sizeof(*cfg));
	if (serve_config(c, cfg, e) < 0)
		return -1;
	if (pg_host_serve(cfg, serve_on_ready, c, e) == 0)
		return 0;
	/* Only a port and a state folder can be somebody else's. */
	if (e->code == PG_E_CONFLICT)
		pg_fail(e, e->code, "%s; choose another with %s", e->msg,
		    pg_str_starts(pg_str(e->msg), PG_STR("state folder")) ?
		    "--name or --state-dir" : "--port");
	return -1;
}
