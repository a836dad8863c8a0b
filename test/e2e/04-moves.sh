#!/bin/bash
# Goal: an agent moves between hosts with its state, and whoever knows only
# its old address still reaches it, in order, over at most eight hosts.
. "$(dirname "$0")/lib.sh"

host alpha
host beta --peer "${url[alpha]}"
export PAGLETS_ENTRY=${url[alpha]}

# Everything a state can hold comes through unharmed.
cat >"$work/state" <<'END'
{"count": 9223372036854775807, "label": "h\u00e9llo \ud83d\ude00 \ud800 \u0000",
 "blob": {"__paglets_binary__": "bytes", "base64": "AP9hYmM="},
 "history": [1, 2.5, -0.0, 1e300, null, true, "x"],
 "data": {"big": 123456789012345678901234567890, "nan": NaN,
  "inf": -Infinity, "ba": {"__paglets_binary__": "bytearray", "base64": "AQI="},
  "deep": [[[[{"k": []}]]]], "": {}}}
END
exits 0 create $counter --id rich @"$work/state"
exits 0 state rich --json
before=$(pick state)
exits 0 dispatch rich "${url[beta]}"
exits 0 state "${url[beta]}/agents/rich" --json
is "the state arrived" \
	"${before/\"creation@alpha\"/\"creation@alpha\", \"dispatching@alpha\", \"arrival@beta\"}" \
	"$(pick state)"
exits 3 info "${url[alpha]}/rich"
exits 0 agents "${url[alpha]}" --json
is "it is nowhere twice" 0 "$(pick agents.#)"
exits 0 dispose "${url[beta]}/agents/rich"

# What waits when an agent leaves follows it in order; what comes later by
# the old address stands behind it.
exits 0 create $counter --id mover
p call mover sleep seconds:=0.4 --oneway
for i in 1 2 3 4 5; do
	p call mover increment tag=w$i --oneway
done
"$PAGLETS" dispatch mover "${url[beta]}" >"$work/dispatched" &
dispatch=$!
"$PAGLETS" call mover increment tag=late --priority 1 >"$work/late" &
late=$!
wait $dispatch
is "moved while others waited" "${url[beta]}/agents/mover" \
	"$(cat "$work/dispatched")"
for i in 6 7 8; do
	p call mover increment tag=w$i --oneway
done
wait $late
exits 0 call mover increment tag=w9
p call mover get --json
is "all of them, in order" \
	'["creation@alpha", "dispatching@alpha", "arrival@beta", "w1", "w2", "w3", "w4", "w5", "late", "w6", "w7", "w8", "w9"]' \
	"$(pick history)"
like "who waited meanwhile got a reply" '{"count": 6}' "$(cat "$work/late")"

# Home again, and to where it is already.
exits 0 dispatch "${url[beta]}/agents/mover" alpha
exits 0 dispatch mover alpha
is "to its own host" "${url[alpha]}/agents/mover" "$out"
p call mover get --json
like "is a move like any other" '*"dispatching@alpha", "arrival@alpha"]' \
	"$(pick history)"
is "with its state" 10 "$(pick count)"
exits 0 call "${url[beta]}/agents/mover" ping
is "from the last host too" pong "$out"

# From a handler: go, fork.
exits 0 call mover go target="${url[beta]}" --json
is "go: the reply is its new address" "${url[beta]}" "$(pick host_url)"
exits 0 call mover increment --json
is "and it is there" 11 "$(pick count)"
exits 0 call mover go target="${url[beta]}" --json
is "go to where it is" "${url[beta]}" "$(pick host_url)"
exits 0 call mover go ticket:='{"destination": "'"${url[alpha]}"'", "retries": 2}'
exits 0 info mover --json
is "go with a ticket" alpha "$(pick host)"
exits 0 call mover fork --json
is "fork: here" "${url[alpha]}" "$(pick host_url)"
twin=$(pick agent_id)
exits 0 call mover fork target=beta --json
is "fork: there" "${url[beta]}" "$(pick host_url)"
exits 0 call "$twin" get --json
is "the copy has the count" 11 "$(pick count)"
like "and knows what it is" '*"clone@alpha"]' "$(pick history)"
exits 1 call mover go target=http://127.0.0.1:9
exits 0 call mover increment --json
is "a failed go leaves it where it was, working" 12 "$(pick count)"
exits 0 events "${url[beta]}" --json
like "the other host saw it come" '*"arrival"*' "$out"

# A chain of hosts: eight are passed, a ninth is not.
host h0
exits 0 create $counter --on "${url[h0]}" --id far
for i in 1 2 3 4 5 6 7 8 9; do
	host h$i
	exits 0 dispatch "${url[h$((i - 1))]}/agents/far" "${url[h$i]}"
done
exits 0 call "${url[h1]}/agents/far" increment --json
is "over eight hosts" 1 "$(pick count)"
exits 3 call "${url[h0]}/agents/far" increment
like "not over nine" '*far*' "$err"
finish
