#!/bin/bash
# Goal: hosts without an open port do through their hub whatever hosts do:
# they are listed, agents are created on them, talked to, put to sleep, moved
# from one to the other, to the hub and back; and they say when they stop.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hub.sh"

hub
node beta
node "gamma ray"
beta=${url[beta]} gamma=${url["gamma ray"]} at_hub=${url[hub]}
is "address" "$at_hub/relay/hosts/beta" "$beta"
is "a name with a blank" "$at_hub/relay/hosts/gamma%20ray" "$gamma"
eventually "beta polls" polling beta
eventually "gamma ray polls" polling "gamma ray"
is "no port is open" "" "$(ls -l /proc/${pid[beta]}/fd | grep -o 'socket:.*' |
	tr -dc '0-9\n' | grep -Ff - <(awk '$4 == "0A" { print $10 }' /proc/net/tcp))"

exits 0 relay "$at_hub"
like "the table" "*beta*gamma ray*" "$out"
exits 0 health "$beta" --json
is "health: its name" beta "$(pick name)"
is "health: its address" "$beta" "$(pick address)"
[[ "$out" != *relay:* ]] || bad "a node is no hub"
exits 0 health "$at_hub/relay/hosts/hub" --json
is "health of the hub itself" hub "$(pick name)"

exits 0 create $counter --id kim --on "$beta"
exits 0 call "$beta/agents/kim" increment by:=4 --json
is "counted" 4 "$(pick count)"
exits 0 info "$beta/agents/kim" --json
is "info" "$beta" "$(pick address)"
exits 0 agents "$beta" --json
is "list" kim "$(pick agents.0.agent_id)"
exits 1 call "$beta/agents/kim" nonsense
like "what it does not handle" "*nonsense*" "$err"
exits 3 call "$beta/agents/tom" get
like "who is not there" "*beta: no agent 'tom' there*" "$err"
exits 3 info "$beta/agents/tom"
exits 0 call "$beta/agents/kim" increment --oneway

# Moves: node to node, to the hub, to a node, and taken by one.
exits 0 dispatch "$beta/agents/kim" "$gamma"
is "moved" "$gamma/agents/kim" "$out"
exits 0 call "$gamma/agents/kim" get --json
is "what it knows" 5 "$(pick count)"
is "where it is" "gamma ray" "$(pick host)"
# What does not know of that finds it all the same.
exits 0 call "$beta/agents/kim" increment --json
is "forwarded" 6 "$(pick count)"
exits 0 dispatch "$gamma/agents/kim" "$at_hub"
exits 0 call "$at_hub/agents/kim" increment --json
is "at the hub" 7 "$(pick count)"
exits 0 dispatch "$at_hub/agents/kim" "$beta"
exits 0 retract "$beta/agents/kim" --entry "$gamma"
exits 0 call "$gamma/agents/kim" increment --json
is "retracted" 8 "$(pick count)"
exits 0 clone "$gamma/agents/kim" "$beta"
exits 0 deactivate "$gamma/agents/kim"
exits 0 call "$gamma/agents/kim" get --json
is "woken" 8 "$(pick count)"
exits 0 dispose "$gamma/agents/kim"
exits 3 info "$gamma/agents/kim"

# Everybody lists everybody.
all_listed() {
	local at
	for at in "$at_hub" "$beta" "$gamma"; do
		p hosts --entry "$at" --json && [ "$(grep -o '"online": true' \
			<<<"$out" | wc -l)" = 3 ] || return
	done
}
eventually "everybody lists everybody" all_listed

# What a node does not serve that way; and what goes through as it is.
no_route() {
	ask "$1" "$beta/$2" "${3:-}"
	is "$1 $2" 400 "$status"
	like "$1 $2" "*No relay route for $1 /$2\"*" "$body"
}
no_route GET relay/diagnostics
no_route GET relay/hosts/x/health
no_route POST relay/connect '{"name": "x"}'
no_route POST relay/ack/x '{"ok": true}'
no_route POST admin/git-update '{"target_hash": "x"}'
no_route GET events/stream
no_route GET nonsense/x%2fy?z=%20
no_route DELETE agents
ask GET "$beta/events?limit=1"
is "events" 1 "$(pick 'events.#' "$body")"
ask GET "$beta/agents?state=inactive&include_state=1"
is "the query goes along" 200 "$status"
ask HEAD "$beta/agents"
is "HEAD" 200- "$status-$body"
ask GET "$at_hub/relay/hosts/nobody/agents"
is "no such node" "400 Relay target 'nobody' is not connected" \
	"$status $(pick error "$body")"
is "its name" RemoteHostError "$(pick error_type "$body")"
key=wrong-key-wrong-key ask GET "$beta/agents"
is "without the key" 401 "$status"

# A node that stops says so: nobody waits.
stop beta
is "it ends well" 0 $code
took p call "$beta/agents/x" get
is "exit code" 1 $code
like "it says so" "*'beta' has stopped*" "$err"
like "it is offline" "false *" "$(relay beta)"
finish
