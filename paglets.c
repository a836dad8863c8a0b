/* paglets: one binary that is a host, a client and a relay of agents.
 *
 * A host is a process that gives agents a place to live and speaks HTTP and
 * JSON with whoever asks for them. An agent ("paglet") is a small program
 * with a name, a state and a mailbox; each active one is a process of its
 * own, a child of its host, so that a crash hurts nobody else. Agents can
 * be asked, cloned, put to sleep, woken, and moved to another host with
 * their state. Hosts that know each other are a mesh.
 *
 * This file is the whole program: it includes the parts of src/ in layer
 * order. A part may use what is included above it and nothing below; a call
 * that must go up is a function pointer handed down (`make layers` checks).
 * To read the code, begin with the headers, which say what each part knows,
 * and follow one message: net/server.h hands over a request, the host finds
 * the agent and its mailbox, agent/frame.h carries it to the child, and
 * agent/runtime.h calls the handler there.
 */
#include "src/base/base.h"

#include "paglets.h"

/* base: memory, errors, containers, time. Knows no system calls but memory and
 * time, and nothing of what the bytes mean. */
#include "src/base/err.c"
#include "src/base/mem.c"
#include "src/base/buf.c"
#include "src/base/map.c"
#include "src/base/log.c"
#include "src/base/clock.c"

/* codec: bytes in, values out. Does no I/O and keeps nothing between calls but
 * what the caller holds; takes every input for hostile. */
#include "src/codec/float.c"
#include "src/codec/value.c"
#include "src/codec/json.c"
#include "src/codec/pickle_text.c"
#include "src/codec/pickle_build.c"
#include "src/codec/pickle.c"
#include "src/codec/pickle_write.c"
#include "src/codec/pickle_check.c"
#include "src/codec/url.c"
#include "src/codec/http1.c"
#include "src/codec/range.c"
#include "src/codec/sse.c"
#include "src/codec/sha256.c"

/* os: Linux: durable files, sockets, the event loop, blocking jobs, children.
 * Knows descriptors, not what travels over them. */
#include "src/os/file.c"
#include "src/os/regular.c"
#include "src/os/rand.c"
#include "src/os/sock.c"
#include "src/os/iface.c"
#include "src/os/udp.c"
#include "src/os/loop.c"
#include "src/os/work.c"
#include "src/os/sweep.c"
#include "src/os/ingest.c"
#include "src/os/beneath.c"
#include "src/os/proc.c"

/* net: connections and whole HTTP exchanges, both ways. Knows no routes. */
#include "src/net/lookup.c"
#include "src/net/filesend.c"
#include "src/net/exchange.c"
#include "src/net/intake.c"
#include "src/net/answer.c"
#include "src/net/conn.c"
#include "src/net/server.c"
#include "src/net/pool.c"
#include "src/net/client.c"

/* state: what is on disk and survives. Knows keys and bytes, not what they
 * mean. */
#include "src/state/journal.c"
#include "src/state/record.c"
#include "src/state/index.c"
#include "src/state/bigstate.c"
#include "src/state/replay.c"
#include "src/state/compact.c"
#include "src/state/store.c"
#include "src/state/vault.c"
#include "src/state/artifact.c"
#include "src/state/storage.c"

/* agent: the child side: frames, C classes and those built in. Knows its host
 * only as the other end of a socket. */
#include "src/agent/frame.c"
#include "src/agent/fields.c"
#include "src/agent/upline.c"
#include "src/agent/values.c"
#include "src/agent/invoke.c"
#include "src/agent/upcall.c"
#include "src/agent/kept.c"
#include "src/agent/runtime.c"
#include "src/agent/class/counter.c"

/* host: agents, their mailboxes and children, moves, the API. Never runs the
 * code of an agent. */
#include "src/host/event.c"
#include "src/host/stream.c"
#include "src/host/wire.c"
#include "src/host/hostref.c"
#include "src/host/seal.c"
#include "src/host/ticket.c"
#include "src/host/mailbox.c"
#include "src/host/dedupe.c"
#include "src/host/child.c"
#include "src/host/heads.c"
#include "src/host/files.c"
#include "src/host/errand.c"
#include "src/host/agent.c"
#include "src/host/process.c"
#include "src/host/folder.c"
#include "src/host/durable.c"
#include "src/host/checkpoint.c"
#include "src/host/lifecycle.c"
#include "src/host/inactive.c"
#include "src/host/register.c"
#include "src/host/transfer.c"
#include "src/host/named.c"
#include "src/host/registry.c"
#include "src/host/mesh.c"
#include "src/host/gossip.c"
#include "src/host/rejoin.c"
#include "src/host/beacon.c"
#include "src/host/probe.c"
#include "src/host/seeds.c"
#include "src/host/discovery.c"
#include "src/host/bind.c"
#include "src/host/remote.c"
#include "src/host/obtain.c"
#include "src/host/message.c"
#include "src/host/import.c"
#include "src/host/arrive.c"
#include "src/host/destination.c"
#include "src/host/envelope.c"
#include "src/host/settle.c"
#include "src/host/staging.c"
#include "src/host/courier.c"
#include "src/host/move.c"
#include "src/host/stored.c"
#include "src/host/calls.c"
#include "src/host/claim.c"
#include "src/host/recover.c"
#include "src/host/hub.c"
#include "src/host/api.c"
#include "src/host/artifacts.c"
#include "src/host/relay.c"
#include "src/host/inbound.c"
#include "src/host/porter.c"
#include "src/host/node.c"
#include "src/host/routes.c"
#include "src/host/host.c"

/* client: hosts and agents as others see them: the half of paglets.h that is
 * for programs which are no host. Knows no host from inside. */
#include "src/client/address.c"
#include "src/client/session.c"
#include "src/client/locate.c"
#include "src/client/future.c"
#include "src/client/entry.c"
#include "src/client/place.c"
#include "src/client/admin.c"
#include "src/client/many.c"
#include "src/client/find.c"
#include "src/client/proxy.c"
#include "src/client/journey.c"
#include "src/client/depot.c"
#include "src/client/haul.c"
#include "src/client/partial.c"
#include "src/client/deliver.c"
#include "src/client/fetch.c"
#include "src/client/enclose.c"

/* cli: words and flags in, exit codes out; one file per group of commands.
 * Knows hosts by the client only, but for `serve` and `state --offline`. */
#include "src/cli/forms.c"
#include "src/cli/args.c"
#include "src/cli/show.c"
#include "src/cli/cli.c"
#include "src/cli/completion.c"
#include "src/cli/ask.c"
#include "src/cli/progress.c"
#include "src/cli/holdings.c"
#include "src/cli/roster.c"
#include "src/cli/hosts.c"
#include "src/cli/offline.c"
#include "src/cli/agents.c"
#include "src/cli/life.c"
#include "src/cli/travel.c"
#include "src/cli/serve.c"

#define PAGLETS_VERSION "0.1.0"

static const struct pg_command commands[] = {
	{ "serve", pg_serve_run, "make this machine a host" },
	{ "create", pg_create_run, "create an agent" },
	{ "call", pg_call_run, "send a message to an agent" },
	{ "agents", pg_agents_run, "list the agents on a host" },
	{ "info", pg_info_run, "what a host knows of an agent" },
	{ "state", pg_state_run, "the state of an agent" },
	{ "dispatch", pg_dispatch_run, "send an agent to another host" },
	{ "clone", pg_clone_run, "copy an agent" },
	{ "retract", pg_retract_run, "fetch an agent from another host" },
	{ "deactivate", pg_deactivate_run, "put an agent to sleep" },
	{ "activate", pg_activate_run, "wake an agent" },
	{ "resolve", pg_resolve_run, "decide where an agent is, when its move "
	    "cannot be settled" },
	{ "dispose", pg_dispose_run, "end an agent" },
	{ "health", pg_health_run, "how a host is" },
	{ "hosts", pg_hosts_run, "the hosts that a host knows" },
	{ "wait-host", pg_wait_host_run, "wait until a host is online" },
	{ "services", pg_services_run, "the services that agents offer" },
	{ "relay", pg_relay_run, "the hosts that are reached through a hub" },
	{ "events", pg_events_run, "what happened on a host" },
	{ "classes", pg_classes_run, "what agents a host can create" },
	{ "artifacts", pg_holdings_run, "files that hosts keep: put, get, "
	    "list, info, rm" },
	{ "help", pg_help_run, "this list, or more about one command" },
	{ "version", pg_version_run, "the version of this program" },
	{ "completion", pg_completion_run, "what a shell needs to complete all "
	    "this" },
	{ NULL, NULL, NULL }
};

/* This program has two faces: the host starts it again, under another name,
 * for each agent. */
PG_API int
paglets_main(int argc, char **argv, const struct paglets_class *const *classes)
{
	const struct paglets_class **all;
	size_t n = 0;

	pg_cli_open_std();
	while (classes != NULL && classes[n] != NULL)
		n++;
	all = pg_alloc((n + 2) * sizeof(*all)); /* as long as the process */
	all[0] = pg_counter_class();
	if (n > 0)
		memcpy(all + 1, classes, n * sizeof(*all));
	pg_runtime_set_classes(all);
	if (argc > 0 && pg_cli_is_called(argv[0], PG_RUNTIME_ARGV0))
		return pg_runtime_main(argc, argv);
	return pg_cli_main(commands, PAGLETS_VERSION, argc, argv);
}

#ifndef PAGLETS_LIB
int
main(int argc, char **argv)
{
	return paglets_main(argc, argv, NULL);
}
#endif
