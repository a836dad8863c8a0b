#!/bin/bash
# Goal: messages reach a busy agent in the right order, and nobody who only
# looks at it has to wait.
. "$(dirname "$0")/lib.sh"

host alpha
export PAGLETS_ENTRY=${url[alpha]}
p create $counter --id busy

# Make the agent busy until it is thawed.
occupy() {
	freeze busy
	p call busy sleep --oneway
	eventually "the agent is busy" held busy 1 0
}

# send TAG [OPTION...]: increment, waiting for the reply in the background.
send() {
	local tag=$1
	shift
	"$PAGLETS" call busy increment tag="$tag" --timeout 60s "$@" \
		>"$work/send.$tag" &
	senders+=($!)
}

# Who looks does not wait.
occupy
took p info busy --json
below "info of a busy agent" 5000 $ms
took p state busy --json
below "state of a busy agent" 5000 $ms
is "the state is the last one seen" 0 "$(pick state.count)"
like "and says how old it is" '[0-9]*' "$(pick state_age)"
took p health
below "health" 5000 $ms
took p agents --json
below "agents" 5000 $ms
get "${url[alpha]}/agents?include_state=true"
is "agents with states" 0 "$(pick agents.0.state.count "$body")"

# Priority 0 overtakes all that wait, then the highest, then the oldest.
senders=()
n=0
for m in a:5 b:1 c:10 d:5 e:4294967295 f:0 h:10; do
	send "${m%:*}" --priority "${m#*:}"
	n=$((n + 1))
	eventually "$n wait" held busy 1 $n
done
post "${url[alpha]}/agents/busy/messages" '{"oneway": true, "message":
	{"kind": "increment", "args": {"tag": "g"}, "priority": -3}}'
thaw
wait "${senders[@]}"
eventually "all are done" held busy 0 0
p call busy get --json
is "order of delivery" '["creation@alpha", "f", "e", "c", "h", "a", "d", "b", "g"]' \
	"$(pick history)"
is "each was answered its own count" '{"count": 1}' "$(cat "$work/send.f")"
is "another its own" '{"count": 7}' "$(cat "$work/send.b")"

# Oneway: answered at once, done in the end, unknown agents told.
occupy
took p call busy increment by:=100 --oneway
is "oneway: exit code" 0 $code
below "oneway does not wait" 5000 $ms
thaw
p call busy get --json
is "oneway: done" 108 "$(pick count)"
post "${url[alpha]}/agents/busy/messages" \
	'{"message": {"kind": "nonsense"}, "oneway": true}'
is "errors of a oneway message are not told" 200 "$status"
failures() {
	p info busy --json && [ "$(pick mailbox.failed_count)" = 1 ]
}
eventually "but counted" failures
post "${url[alpha]}/agents/nobody/messages" \
	'{"message": {"kind": "get"}, "oneway": true}'
is "nobody to send to is told" 404 "$status"

# A caller that gives up takes nothing with it.
freeze busy
"$PAGLETS" call busy sleep tag=slept --timeout 3s 2>"$work/gave" &
caller=$!
eventually "it has the message" held busy 1 0
wait $caller
is "gave up: exit code" 6 $?
thaw
p call busy get --json
like "the message was handled all the same" '*"slept"]' "$(pick history)"

# The mailbox has a limit, and says so.
occupy
order='{"message": {"kind": "increment"}, "oneway": true}'
for ((i = 0; i <= 1000; i++)); do
	[ $i = 1000 ] && last='Connection: close\r\n' || last=
	printf "POST /agents/busy/messages HTTP/1.1\r\nHost: x\r\n$last"
	printf 'Content-Length: %d\r\n\r\n%s' ${#order} "$order"
done >"$work/flood"
raw_file "${url[alpha]}" "$work/flood"
is "1000 fit" 1000 "$(grep -o 'HTTP/1.1 200' <<<"$out" | wc -l)"
is "one more does not" 1 "$(grep -o 'HTTP/1.1 503' <<<"$out" | wc -l)"
exits 7 call busy ping
like "a full mailbox says so" "*mailbox is full*" "$err"
thaw
exits 0 dispose busy --force
finish
