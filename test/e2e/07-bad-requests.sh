#!/bin/bash
# Goal: requests that make no sense get the error of the protocol, change
# nothing, and leave the agent working.
. "$(dirname "$0")/lib.sh"

host alpha
export PAGLETS_ENTRY=${url[alpha]}
p create $counter --id good count:=1
at=${url[alpha]}
both="\"agent_class_name\": \"$counter\", \"state_class_name\": \"paglets_demo.counter:CounterState\""

# refused STATUS TYPE TEXT PATH BODY: what a POST is answered.
refused() {
	post "$at/$4" "$5"
	is "POST $4 ${5:0:60}: status" "$1" "$status"
	is "POST $4 ${5:0:60}: type" "$2" "$(pick error_type "$body")"
	like "POST $4 ${5:0:60}: text" "*$3*" "$(pick error "$body")"
}

# Creation.
refused 400 SerializationError "no.such" agents \
	'{"agent_class_name": "no.such:Thing", "state_class_name": "no.such:State"}'
refused 400 SerializationError "module:qualname" agents \
	'{"agent_class_name": "nocolon", "state_class_name": "a:b"}'
refused 400 HostError "agent_class_name" agents '{}'
refused 400 HostError "agent_class_name" agents '{"agent_class_name": 7}'
refused 400 SerializationError "'count'" agents "{$both, \"state\": {\"count\": []}}"
refused 400 SerializationError "'label'" agents "{$both, \"state\": {\"label\": 1}}"
refused 400 SerializationError "'blob'" agents "{$both, \"state\": {\"blob\": \"text\"}}"
refused 400 SerializationError "'history'" agents "{$both, \"state\": {\"history\": {}}}"
refused 400 SerializationError "'data'" agents "{$both, \"state\": {\"data\": []}}"
refused 400 SerializationError "'count'" agents \
	"{$both, \"state\": {\"count\": 9223372036854775808}}"
refused 400 SerializationError "state" agents "{$both, \"state\": \"text\"}"
for id in ../x . .. .hidden a/b 'a b' 'a\u0000b' 'a\nb' é '%2e%2e' \
	"$(printf 'x%.0s' {1..129})"; do
	refused 400 HostError "agent id" agents "{$both, \"agent_id\": \"$id\"}"
done
exits 2 create $counter --id ../x
refused 400 HostError "agent_id" agents "{$both, \"agent_id\": 7}"
refused 400 HostError good agents "{$both, \"agent_id\": \"good\"}"
post "$at/agents" "{$both, \"agent_id\": \"$(printf 'x%.0s' {1..128})\"}"
is "an id of 128 characters" 200 "$status"
p dispose "$(printf 'x%.0s' {1..128})"

# Envelopes.
envelope="\"agent_id\": \"e\", \"agent_class_name\": \"$counter\", \"state_class_name\": \"paglets_demo.counter:CounterState\", \"state\": {}, \"source_host_name\": \"s\", \"source_host_address\": \"http://127.0.0.1:9\", \"target_host_name\": \"t\", \"target_host_address\": \"$at\""
refused 400 HostError "kind" agents "{\"envelope\": {$envelope, \"kind\": \"teleport\"}}"
for meta in '"transfer_id": 7' '"transfer_id": "../x"' \
	'"transfer_ticket": 7' '"transfer_ticket": {"arrival_mode": "later"}' \
	'"transfer_ticket": {"arrival_mode": 7}' '"restart": "always"'; do
	refused 400 HostError "metadata" agents "{\"envelope\": {$envelope,
		\"kind\": \"dispatch\", \"metadata\": {$meta}}}"
done
refused 400 HostError "envelope" agents '{"envelope": 7}'
refused 400 HostError "envelope" agents '{"envelope": null}'
for field in agent_class_name state_class_name state source_host_name \
	source_host_address target_host_name target_host_address agent_id; do
	refused 400 HostError "$field" agents \
		"{\"envelope\": {${envelope/\"$field\"/\"x\"}, \"kind\": \"dispatch\"}}"
done
refused 400 HostError "agent id" agents \
	"{\"envelope\": {${envelope/\"e\"/\"../x\"}, \"kind\": \"dispatch\"}}"
refused 400 HostError good agents \
	"{\"envelope\": {${envelope/\"e\"/\"good\"}, \"kind\": \"dispatch\"}}"
refused 400 SerializationError "'count'" agents \
	"{\"envelope\": {${envelope/{\}/{\"count\": \"x\"\}}, \"kind\": \"dispatch\"}}"

# Messages.
m=agents/good/messages
refused 400 HostError "message" $m '{}'
refused 400 HostError "message" $m '{"message": "ping"}'
refused 400 HostError "kind" $m '{"message": {}}'
refused 400 HostError "kind" $m '{"message": {"kind": 7}}'
refused 400 HostError "args" $m '{"message": {"kind": "ping", "args": []}}'
refused 400 HostError "priority" $m '{"message": {"kind": "ping", "priority": 1.5}}'
refused 400 HostError "timestamp" $m '{"message": {"kind": "ping", "timestamp": "x"}}'
refused 400 HostError "message_type" $m '{"message": {"kind": "ping", "message_type": 3}}'
refused 400 HostError "oneway" $m '{"message": {"kind": "ping"}, "oneway": "yes"}'
refused 400 HostError "timeout" $m '{"message": {"kind": "ping"}, "timeout": "x"}'
refused 400 HostError "'by'" $m '{"message": {"kind": "increment", "args": {"by": "x"}}}'
refused 400 HostError "64 bits" $m \
	'{"message": {"kind": "increment", "args": {"by": 9223372036854775807}}}'
refused 400 HostError "'count'" $m '{"message": {"kind": "set", "args": {"count": []}}}'
refused 422 NotHandledError "nonsense" $m '{"message": {"kind": "nonsense"}}'
refused 422 NotHandledError "" $m '{"message": {"kind": ""}}'
refused 404 InvalidAgentError nobody agents/nobody/messages '{"message": {"kind": "ping"}}'
refused 400 HostError "agent id" agents/.x/messages '{"message": {"kind": "ping"}}'

# Moves.
refused 400 HostError "target" agents/good/dispatch '{}'
refused 400 HostError "target" agents/good/dispatch '{"target": 7}'
refused 400 HostError "ticket" agents/good/dispatch '{"ticket": []}'
refused 400 HostError "destination" agents/good/dispatch '{"ticket": {}}'
refused 400 HostError "arrival_mode" agents/good/dispatch \
	'{"ticket": {"destination": "http://127.0.0.1:9", "arrival_mode": "later"}}'
refused 400 HostError "timeout" agents/good/dispatch \
	'{"ticket": {"destination": "http://127.0.0.1:9", "timeout": "x"}}'
refused 400 HostError "ftp" agents/good/dispatch '{"target": "ftp://127.0.0.1/"}'
refused 400 HostError "target" agents/good/retract '{}'
refused 400 HostError "force" agents/good/dispose '{"force": 1}'
refused 404 InvalidAgentError nobody agents/nobody/dispose '{}'
refused 400 HostError "" transfers/..x/settle '{}'

# Bodies that are none.
refused 400 HostError "byte 0" agents 'x'
refused 400 HostError "byte" agents '{"a": 1,}'
refused 400 HostError "byte" agents '{"a": 01}'
refused 400 HostError "list" agents '[]'
refused 400 HostError "NoneType" agents "null"
refused 400 HostError "" agents "$(printf '[%.0s' {1..5000})"
refused 400 HostError "base64" $m \
	'{"message": {"kind": "echo", "arg": {"__paglets_binary__": "bytes", "base64": "AP9h!"}}}'

# Mesh.
refused 400 HostError "name" hosts/join '{}'
refused 400 HostError "url" hosts/join '{"name": "x", "code_version": "y", "url": 7}'
refused 400 HostError "" hosts/join '{"name": "x", "code_version": "y", "url": "gopher://x"}'

# Limits that nobody has set: a body of 8 MiB, a movement of 1 GiB, a path of
# ten segments.
printf '%8388608s' '{}' >"$work/big"
post_file "$at/agents/good/messages" "$work/big" application/json
is "a body of 8 MiB" 400 "$status"
like "was read" "*missing field*" "$body"
# Of so many bytes, which do not come.
announced() {
	raw "$at" "POST /$1 HTTP/1.1\r\nHost: ${at#http://}\r\nContent-Length: $2\r\n\r\n" -h
	split
	is "$2 bytes for /$1" "$3" "$status"
}
announced agents/good/messages 8388608 400
announced agents/good/messages 8388609 413
announced agents 1073741824 400
announced agents 1073741825 413
for n in 9 10 11; do
	get "$at$(printf '/x%.0s' $(seq $n))"
	is "$n segments: status" 400 "$status"
	like "$n segments: text" "*No route for GET /x/x*" "$body"
done

# Nothing came of any of it.
exits 0 agents --json
is "still one agent" 1 "$(pick agents.#)"
exits 0 call good increment --json
is "it works, and nothing has changed it" 2 "$(pick count)"
exits 0 hosts --json
is "no host was made up" 1 "$(pick hosts.#)"
finish
