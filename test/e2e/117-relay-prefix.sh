#!/bin/bash
# Goal: a hub that others find behind a path prefix, and its nodes, are spoken
# to by that address; and who takes part in a relay has a key.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hub.sh"

host probe
hub_port=${url[probe]##*:}
stop probe
hub_url=http://127.0.0.1:$hub_port/base/path
hub --public-url "$hub_url/"
is "its address" "$hub_url" "${url[hub]}"
node beta
node gamma
beta=${url[beta]} gamma=${url[gamma]}
is "address of a node" "$hub_url/relay/hosts/beta" "$beta"
eventually "beta polls" polling beta
eventually "gamma polls" polling gamma
exits 0 create $counter --id kim --on "$beta"
exits 0 dispatch "$beta/agents/kim" "$gamma"
is "moved" "$gamma/agents/kim" "$out"
exits 0 call "$gamma/agents/kim" increment --json
is "counted" 1 "$(pick count)"
exits 0 dispatch "$gamma/agents/kim" "$hub_url"
exits 0 retract "$hub_url/agents/kim" --entry "$beta"
exits 0 health "$beta" --json
is "health" "$beta" "$(pick address)"
ask GET "http://127.0.0.1:$hub_port/relay/hosts/beta/agents/kim"
is "without the prefix too" 200 $status
all_listed() {
	p hosts --entry "$gamma" --json &&
		[ "$(grep -o '"online": true' <<<"$out" | wc -l)" = 3 ]
}
eventually "everybody is listed" all_listed

for way in "--connect-to $hub_url" "--public-url $hub_url"; do
	unset PAGLETS_API_KEY
	p serve --name x --port 0 $way
	is "no key, $way" 7 $code
	like "no key, $way" "*API key*" "$err"
	export PAGLETS_API_KEY=$key
done
p serve --name x --connect-to "$hub_url" --public-url "$hub_url"
is "one or the other" 2 $code

# A name that the hub itself has.
launch_log=$work/hub2.err
node hub2 --name hub
refused() {
	grep -q 'that of the hub itself' "$launch_log"
}
eventually "not the name of the hub" refused
# Another key.
PAGLETS_API_KEY=another-key-another-key node delta
refused() {
	grep -qi 'auth\|bearer\|key' "$work/delta.err"
}
eventually "not with another key" refused
finish
