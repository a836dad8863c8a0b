/* host: see host.h. */

#include "host.h"

#include "../base/log.h"
#include "agent.h"
#include "api.h"
#include "bind.h"
#include "calls.h"
#include "checkpoint.h"
#include "claim.h"
#include "discovery.h"
#include "errand.h"
#include "folder.h"
#include "gossip.h"
#include "hub.h"
#include "import.h"
#include "inactive.h"
#include "message.h"
#include "move.h"
#include "node.h"
#include "recover.h"
#include "rejoin.h"
#include "routes.h"
#include "stored.h"
#include "stream.h"
#include "transfer.h"
#include "../state/artifact.h"
#include "../state/storage.h"
#include "../state/store.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

PG_FN void
pg_host_config_init(struct pg_host_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->bind = PG_STR("127.0.0.1");
	cfg->port = PG_DEFAULT_PORT;
	cfg->code_version = PG_STR(PG_WIRE_VERSION);
	cfg->mesh = cfg->multicast = cfg->lan = true;
	cfg->body_json_max = PG_BODY_JSON_MAX;
	cfg->body_move_max = PG_BODY_MOVE_MAX;
	cfg->relay_offline_after = PG_HUB_OFFLINE_AFTER;
	cfg->relay_delivery_time = PG_HUB_DELIVERY_TIME;
	cfg->relay_queue_max = PG_HUB_QUEUE_MAX;
	cfg->storage_quota = PG_STORAGE_QUOTA;
	cfg->artifact_max = PG_ARTIFACT_SIZE_MAX;
	cfg->artifact_quota = PG_ARTIFACT_QUOTA;
	cfg->artifact_ttl = PG_ARTIFACT_SPOOL_TTL;
}

/* ---- Names ---------------------------------------------------------------------- */

/* What others would refuse (hostref.h), and what would not reach them as it is
 * written, so that our signature were over something else. */
static int
host_check_text(const char *what, struct pg_str text, size_t max,
    struct pg_err *e)
{
	if (!pg_all_printable(text))
		return pg_fail(e, PG_E_USAGE, "%s holds something that is not "
		    "printable UTF-8", what);
	if (text.n > max)
		return pg_fail(e, PG_E_USAGE, "%s is over %zu bytes", what,
		    max);
	return 0;
}

static int
host_set_name(struct pg_host *h, struct pg_err *e)
{
	char machine[256] = "";
	struct pg_str name = pg_str_trim(h->cfg.name);

	if (name.n == 0) {
		gethostname(machine, sizeof(machine) - 1);
		name = machine[0] != '\0' ? pg_str(machine) :
		    PG_STR("paglets");
	}
	if (host_check_text("host name", name, PG_HOST_NAME_MAX, e) < 0)
		return -1;
	h->name = pg_arena_str(&h->arena, name);
	return 0;
}

static int
host_check_version(const struct pg_host *h, struct pg_err *e)
{
	if (h->cfg.code_version.n == 0)
		return pg_fail(e, PG_E_USAGE, "mesh version is empty");
	return host_check_text("mesh version", h->cfg.code_version,
	    PG_HOSTREF_NAME_MAX, e);
}

/* ---- Parts ----------------------------------------------------------------------- */

/* Agents are descriptors: take as many as we may have. */
static void
host_raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int
host_make_parts(struct pg_host *h, struct pg_err *e)
{
	struct pg_server_ops ops = pg_api_ops();

	if ((h->loop = pg_loop_new(e)) == NULL ||
	    (h->work = pg_work_new(h->loop, e)) == NULL ||
	    (h->client = pg_client_new(h->loop, h->work, e)) == NULL ||
	    (h->server = pg_server_new(h->loop, h->work, &ops, h,
	    e)) == NULL ||
	    (h->exe = pg_proc_self(e)) < 0)
		return -1;
	h->streams = pg_streams_new(h->loop, &h->events, h->boot);
	pg_routes_init(h);
	pg_calls_init(h);
	h->forwards = pg_forwards_new(h);
	h->transfers = pg_transfers_new(h);
	h->moves = pg_moves_new(h);
	h->gossip = pg_gossip_new(h);
	h->claims = pg_claims_new(h);
	h->hub = pg_hub_new(h);
	return 0;
}

/* Without them paglets live all the same. */
static void
host_make_folders(struct pg_host *h)
{
	struct pg_err err = { 0 };

	h->folders = pg_folders_new(h, &err);
	if (h->folders == NULL)
		pg_log(PG_LOG_ERROR, "host: no work folders: %s", err.msg);
	else
		pg_folders_sweep(h);
	err = (struct pg_err){ 0 };
	h->stored = pg_stored_new(h, &err);
	if (h->stored == NULL)
		pg_log(PG_LOG_ERROR, "host: no managed storage: %s", err.msg);
}

/* What is large lies beside the store, whose lock it needs. */
static int
host_open_artifacts(struct pg_host *h, struct pg_err *e)
{
	const struct pg_artifact_limits limits = { h->cfg.artifact_max,
		h->cfg.artifact_quota, h->cfg.artifact_ttl, PG_ARTIFACTS_MAX };
	struct pg_str path = pg_arena_printf(&h->arena, "%s/artifacts",
	    h->cfg.state_dir);

	h->artifacts = pg_artifacts_open(path.p, &limits, h->loop, h->work,
	    e);
	return h->artifacts != NULL ? 0 : -1;
}

/* Open the store, if there is to be one, and take over what it holds. */
static int
host_recover(struct pg_host *h, struct pg_err *e)
{
	if (h->cfg.state_dir != NULL) {
		h->store = pg_store_open(h->cfg.state_dir, h->loop, h->work, e);
		if (h->store == NULL && (!h->cfg.state_dir_optional ||
		    e->code == PG_E_CONFLICT))
			return -1;
		if (h->store == NULL)
			pg_log(PG_LOG_WARN, "host: nothing will survive: %s",
			    e->msg);
	}
	if (h->store == NULL) {
		h->cfg.durability = PG_DURABILITY_NONE;
		*e = (struct pg_err){ 0 };
	}
	if (h->store != NULL) {
		pg_store_name_holder(h->store, h->name);
		if (host_open_artifacts(h, e) < 0)
			return -1;
	}
	pg_checkpoint_init(h);
	pg_inactive_init(h);
	if (pg_recover_load(h, e) < 0)
		return -1;
	if (h->store != NULL)
		host_make_folders(h);
	return 0;
}

PG_FN struct pg_host *
pg_host_new(const struct pg_host_config *cfg, struct pg_err *e)
{
	struct pg_host *h = pg_alloc(sizeof(*h));

	h->cfg = *cfg;
	h->exe = -1;
	host_raise_limits();
	pg_rand(h->seed, sizeof(h->seed));
	pg_rand_id(h->boot);
	pg_map_init(&h->agents, h->seed);
	if (host_set_name(h, e) < 0 || host_check_version(h, e) < 0 ||
	    host_make_parts(h, e) < 0 ||
	    (h->bind = pg_bind_new(h, e)) == NULL)
		goto fail;
	h->events.host_name = h->name;
	if (host_recover(h, e) < 0)
		goto fail;
	if (h->store != NULL && h->cfg.mesh)
		h->rejoin = pg_rejoin_new(h);
	pg_gossip_start(h->gossip);
	if (h->cfg.connect_to.n > 0) {
		if ((h->node = pg_node_new(h, e)) == NULL)
			goto fail;
		pg_node_start(h->node);
	}
	h->discovery = pg_discovery_new(h);
	pg_bind_watch(h->bind);
	pg_host_event(h, "context-start", NULL, NULL, NULL);
	pg_recover_resume(h);
	return h;
fail:
	pg_host_free(h);
	return NULL;
}

PG_FN void
pg_host_free(struct pg_host *h)
{
	if (h == NULL)
		return;
	pg_discovery_free(h->discovery);
	pg_gossip_stop(h->gossip);
	pg_moves_free(h->moves);
	pg_imports_free(h);
	if (h->server != NULL)
		pg_server_close(h->server);
	pg_node_free(h->node);
	pg_forwards_free(h->forwards);
	pg_transfers_free(h->transfers);
	if (h->client != NULL)
		pg_client_free(h->client);
	pg_timer_stop(&h->wake_timer);
	pg_timer_stop(&h->recover_timer);
	/* Workers read what the store and exchanges own. */
	if (h->work != NULL)
		pg_work_free(h->work);
	pg_hub_free(h->hub);
	pg_claims_free(h->claims);
	pg_errands_free(h);
	pg_stored_free(h->stored);
	pg_folders_free(h->folders);
	pg_bind_free(h->bind);
	pg_rejoin_free(h->rejoin);
	pg_gossip_free(h->gossip);
	if (h->store != NULL)
		pg_store_close(h->store);
	if (h->server != NULL)
		pg_server_free(h->server);
	pg_artifacts_close(h->artifacts);
	if (h->loop != NULL)
		pg_loop_free(h->loop);
	pg_calls_fini(h);
	pg_routes_fini(h);
	if (h->exe >= 0)
		close(h->exe);
	pg_streams_free(h->streams);
	pg_events_fini(&h->events);
	pg_map_fini(&h->agents);
	pg_arena_fini(&h->arena);
	free(h);
}

/* ---- Stop ------------------------------------------------------------------------- */

/* All who could have fallen asleep; the rest is ended. What was busy comes
 * back from its last checkpoint. */
static void
host_end_agents(struct pg_host *h)
{
	struct pg_err gone = { 0 };
	struct pg_agent *a;

	h->asleep = true;
	pg_fail(&gone, PG_E_BUSY, "%.*s is shutting down",
	    PG_STR_ARG(h->name));
	while ((a = h->first) != NULL)
		pg_agent_remove(a, &gone);
	h->stop_deadline = pg_loop_now(h->loop) + PG_HOST_DRAIN_TIME;
}

/* Over when no child is left and no answer is owed, or time is up. */
static void
host_check_stopped(struct pg_timer *t)
{
	struct pg_host *h = PG_CONTAINER(t, struct pg_host, stop_timer);

	if (h->asleep && h->nchildren == 0 && pg_server_open(h->server) == 0 &&
	    !pg_node_busy(h->node)) {
		pg_loop_stop(h->loop);
		return;
	}
	if (pg_loop_now(h->loop) >= h->stop_deadline) {
		if (h->asleep) {
			pg_loop_stop(h->loop);
			return;
		}
		host_end_agents(h);
	}
	pg_timer_set(h->loop, t, 5 * PG_MS, host_check_stopped);
}

static void
host_on_asleep(void *arg)
{
	host_end_agents(arg);
}

PG_FN void
pg_host_stop(struct pg_host *h)
{
	if (h->draining) {
		/* Told twice: now. */
		h->stop_deadline = 0;
		return;
	}
	h->draining = true;
	pg_host_event(h, "context-shutdown", NULL, NULL, NULL);
	pg_moves_shutdown(h);
	pg_gossip_leave(h->gossip);
	pg_hub_shutdown(h->hub);
	if (h->node != NULL)
		pg_node_leave(h->node);
	pg_server_drain(h->server);
	h->stop_deadline = pg_loop_now(h->loop) + PG_HOST_SLEEP_TIME;
	host_check_stopped(&h->stop_timer);
	if (h->store != NULL)
		pg_inactive_shutdown(h, host_on_asleep, h);
	else
		host_on_asleep(h);
}

static void
host_on_signal(void *arg, int sig)
{
	struct pg_host *h = arg;

	pg_log(PG_LOG_INFO, "host: %s: stopping on %s", h->name.p,
	    sig == SIGINT ? "SIGINT" : sig == SIGHUP ? "SIGHUP" : "SIGTERM");
	pg_host_stop(h);
}

/* Whoever started us may have seen to it that we outlive the terminal
 * (nohup). */
static bool
host_outlives_terminal(void)
{
	struct sigaction sa;

	return sigaction(SIGHUP, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

PG_FN int
pg_host_serve(const struct pg_host_config *cfg,
    void (*on_ready)(void *arg, struct pg_str name, struct pg_str url),
    void *arg, struct pg_err *e)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	size_t n = PG_COUNT(signals) - host_outlives_terminal();
	struct pg_host *h;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	h = pg_host_new(cfg, e);
	if (h == NULL)
		return -1;
	rc = pg_loop_signals(h->loop, signals, n, host_on_signal, h, e);
	if (rc == 0) {
		pg_log(PG_LOG_INFO, "host: %s listens on %s", h->name.p,
		    h->address.p);
		on_ready(arg, h->name, h->address);
		rc = pg_loop_run(h->loop, e);
	}
	pg_host_free(h);
	return rc;
}
