#!/bin/bash
# Goal: a host with --bind-public auto follows the address of its machine:
# others reach it at the new one, its agents stay, what is under way at the old
# one ends well. A port that is taken there, or a network that is gone, costs
# it nothing. From the machine itself it is always reached at 127.0.0.1.
. "$(dirname "$0")/net.sh"

lan one
lan two
machine mover one 10.77.1.1/24
machine visitor one 10.77.1.200/24
plug mover eth1 two 10.77.2.1/24
plug visitor eth1 two 10.77.2.200/24
export PAGLETS_API_KEY=$key
patience=30

# The way out of the machine, and the address it then has.
route() {
	within mover ip route replace default via "$1" src "$2"
}

# What the visitor gets at an address: the URL that the host tells.
at() {
	within visitor p health --entry "http://$1:8765" --json --timeout 2s
	[ "$code" = 0 ] && pick address
}

answers() {
	[ "$(at "$1")" = "http://$1:8765" ]
}

# In the background, on a machine.
spawn() {
	background "${inside[@]}" "$@"
}

rebinds() {
	grep '"context-rebind"' "$work/events"
}

# The newest event of that kind: rebind FIELD.
rebind() {
	pick "$1" "$(rebinds | tail -n 1)"
}

rebound() {
	[ "$(rebinds | wc -l)" = "$1" ]
}

route 10.77.1.200 10.77.1.1
within mover host mover --bind-public auto --port 8765 --log-level debug
within mover spawn "$PAGLETS" events -f --json \
	--entry http://127.0.0.1:8765 >"$work/events"
is "the address it begins with" http://10.77.1.1:8765 "${url[mover]}"
is "others reach it" http://10.77.1.1:8765 "$(at 10.77.1.1)"
within visitor exits 0 create $counter --id kim --entry http://10.77.1.1:8765
within mover exits 0 call kim increment
like "the machine itself reaches it without a word" '*"count": 1*' "$out"

# The machine gets another address, and the old one goes.
within mover ip addr del 10.77.1.1/24 dev eth0
within mover ip addr add 10.77.1.7/24 dev eth0
route 10.77.1.200 10.77.1.7
eventually "others reach it at the new address" answers 10.77.1.7
tell "another address"
eventually "it is an event" rebound 1
is "the event: old" http://10.77.1.1:8765 "$(rebind data.old_address)"
is "the event: new" http://10.77.1.7:8765 "$(rebind data.new_address)"
is "the event: where" '["10.77.1.7", "127.0.0.1"]' "$(rebind data.bind_hosts)"
within visitor exits 0 call http://10.77.1.7:8765/agents/kim increment
like "the agent is the same" '*"count": 2*' "$out"
within visitor exits 0 info http://10.77.1.7:8765/agents/kim --json
is "and is told by its new address" http://10.77.1.7:8765 "$(pick address)"
within mover p hosts --entry http://127.0.0.1:8765 --json
is "the host is listed once" '1 http://10.77.1.7:8765' \
	"$(grep -c '"name"' <<<"$out") $(pick hosts.0.url)"

# The way out moves to the other network while somebody waits for an answer.
within visitor spawn "$PAGLETS" call --timeout 60s \
	http://10.77.1.7:8765/agents/kim sleep seconds:=12 >"$work/slow" 2>&1
slow=$!
sleep 1
route 10.77.2.200 10.77.2.1
eventually "others reach it on the other network" answers 10.77.2.1
within visitor p health --entry http://10.77.1.7:8765 --timeout 5s
is "the old address is not served" 5 "$code"
wait "$slow"
is "what was under way there ends well" '0 {"slept": 12}' \
	"$? $(tr -s ' \n' ' ' <"$work/slow" | sed 's/ $//')"

# Somebody else has the port at the next address.
within mover ip addr add 10.77.2.9/24 dev eth1
within mover host squatter --host 10.77.2.9 --port 8765
route 10.77.2.200 10.77.2.9
eventually "it says that it cannot" rebound 3
like "the event: why" '*10.77.2.9 port 8765*' "$(rebind error)"
is "the event: still where" '["10.77.2.1", "127.0.0.1"]' \
	"$(rebind data.bind_hosts)"
is "it stays where it was" http://10.77.2.1:8765 "$(at 10.77.2.1)"
stop squatter
eventually "it moves when it can" answers 10.77.2.9
eventually "it is an event again" rebound 4

# No network: all stays, and is there again when the network is.
within mover ip link set eth0 down
within mover ip link set eth1 down
eventually "it says so" grep -q 'has no address' "$work/mover.err"
sleep 6
is "once" 1 "$(grep -c 'has no address' "$work/mover.err")"
within mover exits 0 call kim increment --entry http://127.0.0.1:8765
within mover ip link set eth1 up
route 10.77.2.200 10.77.2.9
eventually "the network is back" answers 10.77.2.9
is "nothing has changed" 4 "$(rebinds | wc -l)"

# All addresses of the machine: the one that others are told follows, too.
stop mover
within mover host all --host 0.0.0.0 --port 8765
is "a wildcard is told as an address" http://10.77.2.9:8765 "${url[all]}"
is "and is reached at each" http://10.77.2.9:8765 "$(at 10.77.2.1)"
within mover ip link set eth0 up
route 10.77.1.200 10.77.1.7
eventually "another is told" answers 10.77.1.7

# A host may be there before its network is.
stop all
within mover ip link set eth0 down
within mover ip link set eth1 down
within mover host early --bind-public auto --port 8765
is "as long as there is none" http://127.0.0.1:8765 "${url[early]}"
within mover ip link set eth1 up
route 10.77.2.200 10.77.2.1
eventually "then there is one" answers 10.77.2.1

# Wrong, and said in a line.
for options in "--bind-public 10.77.9.9" "--bind-public 10.77.2.1:8765" \
	"--bind-public example.org" "--bind-public --port"; do
	within mover p serve --port 0 $options
	like "serve $options" '[127]' "$code"
	is "serve $options: one line" 1 "$(grep -vc ' info: ' "$work/p.err")"
done
finish
