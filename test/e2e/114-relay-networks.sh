#!/bin/bash
# Goal: two machines in networks of their own, from which only the hub can be
# reached, and which nobody can reach: an agent moves from one to the other
# and back with its files. A machine whose link is out is given up by callers
# in their time, and takes part again when the link is back.
. "$(dirname "$0")/net.sh"
. "$(dirname "$0")/hub.sh"

lan left
lan right
machine beta left 10.77.1.2/24
machine gamma right 10.77.2.2/24
machine hub left 10.77.1.1/24
plug hub eth1 right 10.77.2.1/24
within hub ip addr add 10.77.9.1/32 dev lo
within beta ip route add default via 10.77.1.1
within gamma ip route add default via 10.77.2.1
within hub sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
hub_url=http://10.77.9.1:8765

within hub host hub --host 10.77.9.1 --port 8765 --state-dir "$work/hub" \
	--relay-offline-after 6s
within beta node beta
within gamma node gamma
beta=${url[beta]} gamma=${url[gamma]}
is "address" "$hub_url/relay/hosts/beta" "$beta"
inside=(nsenter --net="$net/hub")
eventually "beta polls" polling beta
eventually "gamma polls" polling gamma
within beta ping -c 1 -W 1 10.77.2.2 >"$work/ping" 2>&1 &&
	bad "beta can reach gamma"

head -c 3000000 /dev/urandom >"$work/big"
echo small >"$work/small"
sum=$(sha256sum <"$work/big")
exits 0 create $counter --id kim --on "$beta"
exits 0 call "$beta/agents/kim" register path="$work/big" name=big
exits 0 call "$beta/agents/kim" register path="$work/small" name=small

# there NAME: kim is on that machine with its files, and nothing lies elsewhere.
lies() {
	(cd "$work/$1" && find work artifacts -type f 2>/dev/null | sort | xargs)
}
lies_only() {
	[ "$(lies "$1")" = "${2:-}" ]
}
there() {
	local name folder=$work/$1/work
	is "files at $1" "$sum" "$(sha256sum <"$folder/kim/big")"
	eventually "what lies at $1" lies_only "$1" \
		"work/kim/big work/kim/small"
	for name in beta gamma hub; do
		[ $name = $1 ] || eventually "what lies at $name" lies_only $name
	done
}
exits 0 dispatch "$beta/agents/kim" "$gamma"
there gamma
exits 0 call "$gamma/agents/kim" increment --json
is "counted" 1 "$(pick count)"
exits 0 dispatch "$gamma/agents/kim" "$hub_url"
there hub
exits 0 dispatch "$hub_url/agents/kim" "$beta"
there beta
exits 0 retract "$beta/agents/kim" --entry "$gamma"
there gamma
exits 0 dispatch "$gamma/agents/kim" "$beta"
there beta

# The link is out while gamma has a delivery in hand.
exits 0 create $counter --id tom --on "$gamma"
"${inside[@]}" "$PAGLETS" call "$gamma/agents/tom" sleep seconds:=2 \
	--timeout 4s >"$work/called" 2>&1 &
calling=$!
started+=($calling)
in_hand() {
	[[ "$(relay gamma)" == "true "*" 0 "[1-9]* ]]
}
eventually "gamma has it" in_hand
cut_off gamma
wait $calling
is "the caller is told" 6 $?
like "the caller is told" "*timed out after 4*" "$(<"$work/called")"
took p call "$gamma/agents/tom" get --timeout 3s
[ $code != 0 ] || bad "a message got through a cut link"
below "it is told in time, ms" 20000 $ms
# A move meanwhile: it is not lost, and there is one of it.
p dispatch "$beta/agents/kim" "$gamma" --timeout 2s
[ $code != 0 ] || bad "a move got through a cut link"
offline() {
	[[ "$(relay gamma)" == "false "* ]]
}
patience=120
eventually "gamma is offline" offline
tell "gamma offline"
took p call "$gamma/agents/tom" get
like "it is said at once" "*'gamma' is offline/not polling*" "$err"
heal gamma
eventually "gamma is back" polling gamma
tell "gamma back"
exits 0 call "$gamma/agents/tom" get

where() {
	local name
	at=()
	for name in beta gamma; do
		p info "${url[$name]}/agents/kim" --json
		[[ $code != 0 || $out != *'"active": true'* || $out == *moving* ]] ||
			at+=($name)
	done
	[ ${#at[@]} = 1 ]
}
eventually "there is one of it" where
sleep 1
where
is "there is still one of it" 1 ${#at[@]}
exits 0 call "${url[${at[0]}]}/agents/kim" increment --json
is "counted" 2 "$(pick count)"
there "${at[0]}"

# The hub itself is out of reach for both: they are back by themselves.
cut_off beta
cut_off gamma
sleep 3
heal beta
heal gamma
eventually "beta is back" polling beta
eventually "gamma is back" polling gamma
exits 0 call "$beta/agents/kim" get || exits 0 call "$gamma/agents/kim" get
inside=()
finish
