#!/bin/bash
# Goal: when the address of a machine changes, all hosts of the mesh list its
# host once, at the new address, soon; and they reach it by name.
. "$(dirname "$0")/net.sh"

lan lan
machines lan 10.77.1 alpha beta mover
# Only alpha is given; beta and mover hear of each other from it.
station alpha --no-mesh-multicast --no-mesh-lan-discovery
for name in beta mover; do
	PAGLETS_API_KEY=$key within $name host $name --bind-public auto \
		--port 8765 --peer "http://${addr[alpha]}:8765"
done
export PAGLETS_API_KEY=$key
patience=30
eventually "all see all" see_all alpha beta mover

# knows AT URL: host AT has one entry for mover, online and with that URL.
knows() {
	within "$1" p hosts --entry "http://${addr[$1]}:8765" --json
	[ "$code" = 0 ] || return
	[ "$(pick hosts | grep -o '"name": "mover", "url": "[^"]*"')" = \
		"\"name\": \"mover\", \"url\": \"$2\"" ] &&
		[[ $(listed "$1") == *"mover yes "* ]]
}

all_know() {
	local name
	for name in alpha beta mover; do
		knows $name "$1" || return
	done
}

eventually "they know where it is" all_know http://10.77.1.3:8765
within mover exits 0 create $counter --id kim --entry http://127.0.0.1:8765
for to in 10.77.1.33 10.77.1.3; do
	old=${addr[mover]}
	within mover ip addr del "$old/24" dev eth0
	within mover ip addr add "$to/24" dev eth0
	addr[mover]=$to url[mover]=http://$to:8765
	eventually "they know it at $to" all_know "http://$to:8765"
	tell "from $old to $to"
	for name in alpha beta; do
		within $name exits 0 call "http://$to:8765/agents/kim" increment
		within $name exits 0 create $counter --id "$name-$to" \
			--entry "http://${addr[$name]}:8765"
		within $name exits 0 dispatch "$name-$to" mover \
			--entry "http://${addr[$name]}:8765"
		like "$name reaches it by its name" "http://$to:8765/*" "$out"
		is "$name knows three hosts" 3 "$(listed $name | wc -w |
			awk '{ print $1 / 2 }')"
	done
done

# Who was told of a paglet before has its host follow it.
within mover exits 0 call kim get --entry http://127.0.0.1:8765 --json
is "one agent all the time" 4 "$(pick count)"
within mover exits 0 dispatch kim beta --entry http://127.0.0.1:8765
is "it leaves by name" http://10.77.1.2:8765/agents/kim "$out"
within mover exits 0 call kim increment --entry http://127.0.0.1:8765
is "and is found through its old host" '{"count": 5}' "$out"
finish
