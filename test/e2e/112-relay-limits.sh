#!/bin/bash
# Goal: nodes that do not do what nodes should: one that does not poll, one
# that polls and never acks, one that acks what is not its own or twice. The
# hub's queue has its limit, callers are told what is wrong within their
# timeout, and what nobody waits for any more is not delivered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hub.sh"

hub --relay-queue-limit 3 --relay-offline-after 600s \
	--relay-delivery-timeout 4s
hub=${url[hub]}

connect() {
	ask POST "$hub/relay/connect" "{\"health\": {\"name\": \"$1\"}}"
	is "$1 connects" 200 $status
}

# poll NAME [SECONDS]: the delivery in $body; ${id}.
poll() {
	ask GET "$hub/relay/poll/$1?timeout=${2:-0}"
	id=$(pick delivery.delivery_id "$body" 2>/dev/null)
}

# tell NAME TIMEOUT N: a message, in the background; its answer in $work/told.N.
# Started in order, they are queued in order.
tell() {
	local depth=$(relay "$1" | cut -d ' ' -f 3)
	(
		work=$work/told-$3
		mkdir "$work"
		ask POST "$hub/relay/hosts/$1/agents/a/messages" \
			"{\"message\": {\"kind\": \"n$3\", \"args\": {}}, \"timeout\": $2}"
		echo "$status $body" >"$work/answer"
		mv "$work/answer" "${work%-*}.$3"
	) &
	started+=($!)
	telling[$3]=$!
	eventually "message $3 waits" queued "$1" $((depth + 1))
}
declare -A telling=()
queued() {
	[ "$(relay "$1" | cut -d ' ' -f 3)" = "$2" ]
}
# A process and all that it has started.
end() {
	local p
	for p in $(children "$1"); do
		end "$p"
	done
	kill "$1" 2>/dev/null
}
told() {
	local i
	for ((i = 0; i < 3000; i++)); do
		[ ! -e "$work/told.$1" ] || break
		sleep 0.02
	done
	cat "$work/told.$1"
}

connect slow
for i in 1 2 3; do
	tell slow 30 $i
done
is "a queue" "true 0 3 0" "$(relay slow)"
ask POST "$hub/relay/hosts/slow/agents/a/messages" '{"message": {"kind": "x"}}'
is "one too many" "400 RemoteHostError Relay target 'slow' queue is full (3 deliveries)" \
	"$status $(pick error_type "$body") $(pick error "$body")"
ask GET "$hub/relay/hosts/slow/agents"
is "of whatever kind" 400 $status
p call "$hub/relay/hosts/slow/agents/a" x
like "a command says so" "*queue is full*" "$err"
ask GET "$hub/relay/hosts/slow/health"
is "its health is known all the same" 200 $status

# In order; what is not out can not be acked, nor what is not there.
poll slow
is "the first" n1 "$(pick delivery.payload.message.kind "$body")"
is "its kind" message "$(pick delivery.kind "$body")"
first=$id
ask POST "$hub/relay/ack/$first" '{"ok": true, "result": {"n": [1, "zü"]}}'
is "an ack" '{"ok": true}' "$body"
is "is the answer" '200 {"result": {"n": [1, "z\u00fc"]}}' "$(told 1)"
for what in "$first" 00000000000000000000000000000000 x "$(printf '%0300d' 0)"; do
	ask POST "$hub/relay/ack/$what" '{"ok": true, "result": 2}'
	is "an ack of nothing" '200 {"ok": true, "duplicate": true}' \
		"$status $body"
done
is "two left" "true 0 2 0" "$(relay slow)"

# Acks that say no, or nonsense.
poll slow
ask POST "$hub/relay/ack/$id" \
	'{"ok": false, "error_type": "NotHandledError", "error": "no"}'
is "an error" '422 {"error_type": "NotHandledError", "error": "no"}' "$(told 2)"
poll slow
ask POST "$hub/relay/ack/$id" '[1]'
is "an ack that is none" 400 $status
ask POST "$hub/relay/ack/$id" '{}'
is "an ack that says little" '200 {"result": null}' "$(told 3)"

# Polled, and never acked.
tell slow 0.7 4
poll slow
took told 4 >"$work/out"
is "never acked" "400 {\"error_type\": \"RemoteHostError\", \"error\": \"Relay delivery to 'slow' timed out after 0.700s\", \"code\": \"timeout\"}" \
	"$(<"$work/out")"
is "nothing is left" "true 0 0 0" "$(relay slow)"
ask POST "$hub/relay/ack/$id" '{"ok": true}'
is "an ack that comes late" '{"ok": true, "duplicate": true}' "$body"

# Never polled: it is not delivered later, nor when the caller has gone.
tell slow 0.5 5
told 5 >"$work/out"
like "never polled" "*timed out after 0.500s*" "$(<"$work/out")"
tell slow 600 6
end "${telling[6]}"
eventually "a caller that has gone is forgotten" queued slow 0
poll slow
is "nothing to do" '{"delivery": null}' "$body"

# How long a caller says it will wait.
tell slow -1 7
told 7 >"$work/out"
like "by default" "*timed out after 4.000s*" "$(<"$work/out")"
for time in '"x"' '[]' '{}' true; do
	ask POST "$hub/relay/hosts/slow/agents/a/messages" \
		"{\"message\": {\"kind\": \"x\"}, \"timeout\": $time}"
	like "timeout $time" "400 *timeout*" "$status $body"
done
for time in 0 NaN 1e-300; do
	ask POST "$hub/relay/hosts/slow/agents/a/messages" \
		"{\"message\": {\"kind\": \"x\"}, \"timeout\": $time}"
	is "timeout $time" 400 "$status"
done
tell slow 1e300 8
poll slow
ask POST "$hub/relay/ack/$id" '{"ok": true}'
is "for ever" '200 {"result": null}' "$(told 8)"

# Polls.
for time in x 1,5 %00; do
	ask GET "$hub/relay/poll/slow?timeout=$time"
	is "poll for '$time'" 400 $status
done
for time in 0 -1 nan -inf; do
	ask GET "$hub/relay/poll/slow?timeout=$time"
	is "poll for $time" '200 {"delivery": null}' "$status $body"
done
poll nobody 0.1
is "a poll of nobody's" '200 {"delivery": null}' "$status $body"

# Messages that are none never reach the node.
for send in '{}' '{"message": 5}' '{"message": null}' '[]' 'x'; do
	ask POST "$hub/relay/hosts/slow/agents/a/messages" "$send"
	is "message $send" 400 $status
done
is "nothing waits" "true 0 0 0" "$(relay slow)"
finish
