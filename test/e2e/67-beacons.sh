#!/bin/bash
# Goal: beacons that are forged, replayed, cut short, too big or nonsense
# change nothing: nobody is listed who is not there, nobody is missed who is,
# nobody who is gone is kept alive, and no host minds.
. "$(dirname "$0")/net.sh"

group=239.42.74.53
lan lan
machines lan 10.77.1 alpha beta mallory
station alpha --no-mesh-lan-discovery
station beta --no-mesh-lan-discovery
behind mallory "$TOOLS/stranger" \
	-s "401 Unauthorized" "${addr[mallory]}" 100 "$work/told" >"$work/url"
until [ -s "$work/url" ]; do
	sleep 0.01
done
stranger=$(<"$work/url")
patience=20
eventually "both see both" see_all alpha beta

# What a beacon is: one of beta's, as it came.
for ((i = 0; i < 40; i++)); do
	real=$(within mallory "$TOOLS/beacon" listen -i eth0 $group) || break
	[ "$(pick host.name "$real")" != beta ] || break
done
is "its kind" paglets.remote.mesh.v1 "$(pick kind "$real")"
is "whose it is" "${url[beta]}" "$(pick host.url "$real")"
is "it is signed" 64 "$(pick host.sig "$real" | tr -d '\n' | wc -c)"
[[ $real != *"$key"* ]] || bad "a beacon tells the key"

say() {
	printf '%s' "$1" | within mallory "$TOOLS/beacon" send -i eth0 \
		-n "${2:-3}" -w 20 $group
}
beat=$(pick host.beat "$real") sig=$(pick host.sig "$real")
at_stranger=${real//${url[beta]}/$stranger}

# Forged: something of it is changed, and the signature is not, or is wrong.
say "$at_stranger"
say "${at_stranger/$beat/$((beat + 60000))}"
say "${real/\"beta\"/\"gamma\"}"
say "${real/$beat/$((beat + 3600000))}"
say "$(sed "s/$sig/${sig//[a-f]/0}/; s/$beat/$((beat + 3600000))/" <<<"$real")"
say "$(sed "s/$sig//; s/$beat/$((beat + 3600000))/" <<<"$real")"
say "$(sed "s/, \"sig\": \"$sig\"//; s/$beat/$((beat + 3600000))/" <<<"$real")"
say "${real/\"online\": true/\"online\": false}"
sleep 1
# Those that it did not sign may list what they name, but as nobody's host.
eventually "forged ones are not believed" \
	eval '[ "$(online alpha)" = "alpha beta " ]'
sleep 6
is "beta's own beats still count" "alpha beta " "$(online alpha)"
grep -qi authorization "$work/told" && bad "a forged beacon gets the key"
forged=$(listed alpha)

# Cut short, at every place but few; too big; nonsense.
n=${#real}
for ((i = 0; i < n; i += 9)); do
	say "${real:0:i}" 1
done
tags=$(printf '"%060d", ' {1..900})
say "${real/\"tags\": []/\"tags\": [${tags%, }]}"
say "$(head -c 65507 /dev/zero | tr '\0' x)"
say "$(head -c 60000 /dev/zero | tr '\0' '[')"
say "${real/\"kind\": \"paglets.remote.mesh.v1\"/\"kind\": \"another\"}"
for host in null '[]' '{}' 1e999 '"x"' '{"name": 1, "url": 2}' \
	'{"name": "x", "url": "", "code_version": "paglets-wire-1"}' \
	'{"name": "x", "url": "http://", "code_version": "paglets-wire-1"}' \
	'{"name": "x", "url": "http://127.0.0.1:8765", "code_version": "paglets-wire-1", "online": true}' \
	'{"name": "x", "url": "'"${url[alpha]}"'", "code_version": "paglets-wire-1", "online": true}' \
	'{"name": "x", "url": "'"$stranger"'", "code_version": "another", "online": true}'; do
	say "{\"kind\": \"paglets.remote.mesh.v1\", \"host\": $host}" 1
done
sleep 1
is "after what is no beacon" "$forged" "$(listed alpha)"

# What beta said once does not keep it alive once it is gone.
stop beta KILL
say "$real" 400 &
started+=($!)
patience=25
eventually "it is missed in spite of replays" missed beta alpha
tell "offline, its beacon replayed"
for ((i = 0; i < 10; i++)); do
	missed beta alpha || { bad "a replay brings it back"; break; }
	sleep 0.2
done
station beta --no-mesh-lan-discovery
eventually "the true one is back" eval '[ "$(online alpha)" = "alpha beta " ]'
finish
