#!/bin/bash
# Goal: 64 MB of state move without passing through the hosts, which do not
# grow by it, and messages do not carry it around.
. "$(dirname "$0")/lib.sh"

host alpha
host beta
export PAGLETS_ENTRY=${url[alpha]}
size=$((64 << 20))

exits 0 create $counter --id large
exits 0 call large fill n:=$size --json
is "64 MB of state" $size "$(pick size)"
quickest p call large ping
below "a message to a large agent: ms" 200 $ms
for i in {1..30}; do
	p call large increment
done
below "30 messages have not made alpha large: kB" 20000 \
	"$(memory alpha RssAnon)"

# The most that a host has had of its own while the agent moved, kB.
watch() {
	local most=0 now
	while now=$(memory "$1" RssAnon) && [ -n "$now" ]; do
		((now <= most)) || echo $((most = now)) >"$work/most.$1"
		sleep 0.005
	done
}
background watch alpha
background watch beta

# Over there and back again.
for i in 1 2 3; do
	took exits 0 dispatch "${url[alpha]}/agents/large" "${url[beta]}"
	below "the move: ms" 30000 $ms
	took exits 0 dispatch "${url[beta]}/agents/large" "${url[alpha]}"
	below "back again: ms" 30000 $ms
done
exits 0 call large increment --json
is "it goes on counting" 31 "$(pick count)"
for name in alpha beta; do
	below "$name never had a copy in its own memory: kB" 20000 \
		"$(cat "$work/most.$name")"
done

# Looked at, it comes as JSON, a third longer.
took exits 0 state large --json
below "its state: ms" 60000 $ms
frame='{"__paglets_binary__": "bytes", "base64": ""}'
is "its state: bytes of JSON" $(((size + 2) / 3 * 4 + ${#frame})) \
	"$("$TOOLS/pick" state.blob <"$work/p.out" | tr -d '\n' | wc -c)"
exits 0 dispose large

# What is shown of one that has just come is not from before its hooks.
exits 0 create $counter --id mid
exits 0 call mid fill n:=2000000
past='["creation@alpha"'
for i in {1..10}; do
	exits 0 dispatch "${url[alpha]}/agents/mid" "${url[beta]}"
	exits 0 state "${url[beta]}/agents/mid" --json
	past+=', "dispatching@alpha", "arrival@beta"'
	is "history there" "$past]" "$(pick state.history)"
	exits 0 dispatch "${url[beta]}/agents/mid" "${url[alpha]}"
	exits 0 state "${url[alpha]}/agents/mid" --json
	past+=', "dispatching@beta", "arrival@alpha"'
	is "history back" "$past]" "$(pick state.history)"
done
exits 0 dispose mid
below "alpha, at the end: kB" 20000 "$(memory alpha RssAnon)"
finish
