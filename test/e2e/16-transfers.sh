#!/bin/bash
# Goal: a move whose answer is lost is neither repeated nor forgotten: the
# target gives its first answer again, and the source asks until it knows.
. "$(dirname "$0")/lib.sh"

host alpha
at=${url[alpha]}
export PAGLETS_ENTRY=$at
envelope() {
	printf '{"envelope": {"kind": "dispatch", "agent_id": "%s", "agent_class_name": "%s", "state_class_name": "paglets_demo.counter:CounterState", "state": {"count": %d}, "source_host_name": "s", "source_host_address": "http://127.0.0.1:9", "target_host_name": "alpha", "target_host_address": "%s", "metadata": {%s}}}' \
		"$1" $counter "$2" "$at" "${3:-}"
}
# arrives STATUS WHAT ENVELOPE
arrives() {
	post "$at/agents" "$3"
	is "$2" "$1" "$status"
}
settles() {
	post "$at/transfers/$2/settle" '{}'
	is "settling $2" "$1" "$(pick status "$body")"
}

# The same transfer again: the same answer, and one paglet.
arrives 200 "the first time" "$(envelope a 1 '"transfer_id": "t1"')"
first=$body
exits 0 call a increment
arrives 200 "again" "$(envelope a 1 '"transfer_id": "t1"')"
is "the same answer" "$first" "$body"
exits 0 call a increment
is "the paglet was left alone" '{"count": 3}' "$out"
settles committed t1
is "and where it is" a "$(pick proxy.agent_id "$body")"
arrives 400 "its id is taken for others" "$(envelope a 5 '"transfer_id": "t2"')"
settles refused t2
exits 0 dispose a
arrives 200 "still the same answer" "$(envelope a 1 '"transfer_id": "t1"')"
exits 3 info a

# From a host that knows no transfer ids: the same envelope is the same move,
# as long as the paglet is here.
arrives 200 "without id" "$(envelope b 1)"
arrives 200 "without id, again" "$(envelope b 1)"
arrives 400 "without id, another" "$(envelope b 2)"
exits 0 dispose b
arrives 200 "without id, later" "$(envelope b 1)"
exits 0 call b increment
is "it came anew" '{"count": 2}' "$out"

# Asking fences: what has not come by then will not be let in.
settles refused t3
arrives 400 "too late" "$(envelope c 1 '"transfer_id": "t3"')"
is "as a failed transfer" TransferError "$(pick error_type "$body")"
exits 3 info c

# A transfer that was refused for its state can be settled too.
arrives 400 "ill-typed" "$(envelope d 1 '"transfer_id": "t4"' |
	sed 's/"count": 1/"count": []/')"
settles refused t4

# The crashed one is replaced by what arrives.
exits 0 create $counter --id e
p call e crash
arrives 200 "over a crashed one" "$(envelope e 1)"
exits 0 call e increment
is "the one that arrived" '{"count": 2}' "$out"

# A target that takes the envelope and never answers: nobody may guess. The
# paglet stands still here, and what it is sent waits, until that is settled.
health='{"name": "fake", "address": "URL", "code_version": "x", "capabilities": [], "settle": true}'
background "$TOOLS/silent" 60 "$health" >"$work/fake"
fake=$!
eventually "the fake host listens" test -s "$work/fake"
exits 0 create $counter --id f
took exits 1 dispatch f "$(cat "$work/fake")" --timeout 300ms
below "dispatch without an answer: ms" 20000 $ms
like "says that it is not settled" '*settle*' "$err"
exits 0 info f --json
is "not active" false "$(pick active)"
is "moving" true "$(pick moving)"
exits 0 agents --json
[[ $out != *'"agent_id": "f"'* ]] || bad "not listed among the active"
exits 6 call f ping --timeout 100ms
exits 7 dispatch f "${url[alpha]}"
exits 0 health --json
is "the host counts the others" 2 "$(pick active_count)"
took stop alpha
is "a host with an unsettled move ends" 0 "$code"
below "soon: ms" 20000 $ms
finish
