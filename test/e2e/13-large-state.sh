#!/bin/bash
# Goal: 64 MB of state move in well under a second or two, the hosts do not
# hold on to the memory, and messages do not carry the state around.
. "$(dirname "$0")/lib.sh"

host alpha
host beta
export PAGLETS_ENTRY=${url[alpha]}
size=$((64 << 20))

exits 0 create $counter --id large
exits 0 call large fill n:=$size --json
is "64 MB of state" $size "$(pick size)"
took p call large ping
below "a message to a large agent: ms" 200 $ms
for i in {1..30}; do
	p call large increment
done
below "30 messages have not made alpha large: kB" 20000 \
	"$(memory alpha RssAnon)"

# Over there and back again, handed on without passing through the hosts.
for i in 1 2 3; do
	took exits 0 dispatch "${url[alpha]}/agents/large" "${url[beta]}"
	below "the move: ms" 4000 $ms
	took exits 0 dispatch "${url[beta]}/agents/large" "${url[alpha]}"
	below "back again: ms" 4000 $ms
done
exits 0 call large increment --json
is "it goes on counting" 31 "$(pick count)"
for name in alpha beta; do
	below "$name has given the memory back: kB" 20000 \
		"$(memory $name RssAnon)"
	below "$name never had a copy in its own memory: kB" 20000 \
		"$(memory $name VmHWM)"
done

# Looked at, it comes as JSON, a third longer.
took exits 0 state large --json
below "its state: ms" 6000 $ms
frame='{"__paglets_binary__": "bytes", "base64": ""}'
is "its state: bytes of JSON" $(((size + 2) / 3 * 4 + ${#frame})) \
	"$("$TOOLS/pick" state.blob <"$work/p.out" | tr -d '\n' | wc -c)"
exits 0 dispose large
below "alpha, at the end: kB" 20000 "$(memory alpha RssAnon)"
finish
