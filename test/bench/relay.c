/* relay: what it costs to go by way of a hub: a message to an agent of a host
 * that is reached through one, beside the same to an agent of the hub itself;
 * once more while thousands of other hosts wait there; and the memory of each
 * of these.
 */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PARKED 2000
#define SLICE_MS 300
#define UP_TIME_MS 10000

struct relay {
	struct host hub, node;
	char *direct, *relayed; /* whole requests */
	int polls[PARKED];
};

static char *
relay_text(const char *prefix, const char *id)
{
	static const char body[] = "{\"message\": {\"kind\": \"get\", "
	    "\"args\": {}}}";
	char *text;

	if (asprintf(&text, "POST %s/agents/%s/messages HTTP/1.1\r\nHost: x"
	    "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
	    "\r\n%s", prefix, id, strlen(body), body) < 0)
		die("memory for a request");
	return text;
}

/* Until the node, or so many of them, poll. */
static void
relay_await(struct host *hub, const char *name)
{
	const struct timespec moment = { 0, 10 * 1000 * 1000 };
	double end = now_ms() + UP_TIME_MS;
	const char *at;

	for (;;) {
		at = strstr(host_call(hub, "GET", "/relay/diagnostics", NULL),
		    name);
		if (at != NULL && strstr(at, "\"active_polls\": 0") == NULL)
			return;
		if (now_ms() > end)
			die("the node does not poll");
		nanosleep(&moment, NULL);
	}
}

static void
relay_start_node(struct relay *r)
{
	char url[64];
	const char *options[] = { "--connect-to", url, "--insecure-no-auth",
		NULL };
	char name[32];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", r->hub.port);
	close(listen_any(&r->node.port)); /* its name has it */
	snprintf(name, sizeof(name), "bench-%u", r->node.port);
	host_mesh(options);
	r->node.pid = fork();
	if (r->node.pid < 0)
		die_sys("fork");
	if (r->node.pid == 0)
		host_exec(&r->node, ANY_CPU);
	relay_await(&r->hub, name);
	host_mesh((const char *const[]){ "--no-mesh", NULL });
}

static void
relay_agents(struct relay *r)
{
	static const char key[] = "\"agent_id\": \"";
	char prefix[64], path[80], id[33];
	const char *at;

	host_create(&r->hub, id);
	r->direct = relay_text("", id);
	snprintf(prefix, sizeof(prefix), "/relay/hosts/bench-%u",
	    r->node.port);
	snprintf(path, sizeof(path), "%s/agents", prefix);
	at = strstr(host_call(&r->hub, "POST", path, "{\"agent_class_name\": "
	    "\"paglets_demo.counter:CounterPaglet\", \"state_class_name\": "
	    "\"paglets_demo.counter:CounterState\"}"), key);
	if (at == NULL)
		die("create: answer without agent_id");
	snprintf(id, sizeof(id), "%.32s", at + strlen(key));
	r->relayed = relay_text(prefix, id);
}

static double
relay_latency(struct relay *r, bool relayed)
{
	const char *request = relayed ? r->relayed : r->direct;
	struct load l = { .port = r->hub.port, .conns = 1, .ms = SLICE_MS,
		.requests = &request, .nrequests = 1 };

	return load_run(&l).p50_us;
}

static void
relay_messages(struct relay *r, const char *what)
{
	struct row row = { what, "us", RATIO_AT_MOST, 3, 0, 0, { 0 }, { 0 } };

	for (row.n = 0; row.n < ROUNDS; row.n++) {
		row.ours[row.n] = relay_latency(r, true);
		row.floor[row.n] = relay_latency(r, false);
	}
	row_print(&row);
}

/* Of another version: they are no members of the mesh. */
static void
relay_park(struct relay *r)
{
	char text[200];
	int i;

	for (i = 0; i < PARKED; i++) {
		snprintf(text, sizeof(text), "{\"health\": {\"name\": "
		    "\"parked-%d\", \"code_version\": \"other\", \"tags\": [],"
		    " \"properties\": {}}}", i);
		host_call(&r->hub, "POST", "/relay/connect", text);
		r->polls[i] = connect_to(r->hub.port);
		snprintf(text, sizeof(text), "GET /relay/poll/parked-%d"
		    "?timeout=60 HTTP/1.1\r\nHost: x\r\n\r\n", i);
		write_all(r->polls[i], text, strlen(text));
	}
	snprintf(text, sizeof(text), "\"parked-%d\"", PARKED / 2);
	relay_await(&r->hub, text);
}

void
bench_relay(void)
{
	static struct relay r;
	struct row memory = { "2,000 parked hosts: memory each", "kB",
		VALUE_AT_MOST, 32, 1, 1, { 0 }, { 0 } };
	struct rlimit files;
	double before;
	int i;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	host_start(&r.hub, NULL, ANY_CPU);
	relay_start_node(&r);
	relay_agents(&r);
	relay_messages(&r, "message through a hub, beside direct");
	before = process_private_kb(r.hub.pid) + process_tables_kb(r.hub.pid);
	relay_park(&r);
	memory.ours[0] = (process_private_kb(r.hub.pid) +
	    process_tables_kb(r.hub.pid) - before) / PARKED;
	relay_messages(&r, "the same with 2,000 parked hosts");
	row_print(&memory);
	for (i = 0; i < PARKED; i++)
		close(r.polls[i]);
	kill_and_wait(r.node.pid);
	host_stop(&r.hub);
	free(r.direct);
	free(r.relayed);
}
