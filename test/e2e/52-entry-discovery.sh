#!/bin/bash
# Goal: a command that was told no host finds one: on this machine, by its
# beacon, by asking around; also by name. What it finds never gets the key.
[ -e "$(dirname "$0")/net.sh" ] || exit 77
. "$(dirname "$0")/net.sh"

lan lan0
machines lan0 10.52.0 one two three
machine lonely
machine alone lan0 10.52.0.9/24
secret=0123456789abcdef-of-the-user

open() {
	local name=$1
	shift
	within "$name" host "$name" --host "${addr[$name]}" \
		--insecure-no-auth --state-dir none "$@"
}
# entry MACHINE NAME [WORD...]: there, the host found bears this name.
entry() {
	within "$1" exits 0 health --json "${@:3}"
	is "on $1: health ${*:3}" "$2" "$(pick name)"
}

within lonely exits 5 health
like "nobody there" '*127.0.0.1:8765*nor is there a host near*' "$err"
within lonely exits 5 health --entry two
within one exits 5 health

# By its beacon, under any name and its own.
open two --port 8765 --mesh-multicast
heard() {
	within one p health
	[ "$code" = 0 ]
}
eventually "a beacon is heard" heard
entry one two
entry one two --entry two
within one exits 3 health --entry nobody
like "no such name" "*no host is called 'nobody'*" "$err"
# At the address of this machine.
entry two two

# Without a beacon: by asking around.
stop two
open two --port 8765 --no-mesh-multicast
entry one two
entry one two --entry two
# One that only the first host found knows.
open three --port 9000 --no-mesh-multicast --peer "${url[two]}"
knows() {
	within two p hosts --json && [ "$(pick hosts.#)" = 2 ]
}
eventually "they know each other" knows
entry one three --entry three
within one exits 0 agents three

# The one on the own machine comes first, others still by name.
within one host home --host 127.0.0.1 --port 8765 --no-mesh --state-dir none
entry one home
entry one two --entry two
entry one home --entry home
stop home

# Strangers: no key, whatever they say, however they are found.
stop two
behind two "$TOOLS/stranger" -p 8765 "${addr[two]}" 60 "$work/told" \
	'{"name": "two", "address": "URL", "code_version": "paglets-wire-1",
	"hosts": [], "agents": [], "refused": [{"name": "older", "url": "http://old:1", "code_version": "paglets-wire-0"}]}' >"$work/url"
eventually "the stranger is there" test -s "$work/url"
export PAGLETS_API_KEY=$secret
within one exits 0 hosts
within one exits 0 agents --entry two
within one exits 3 agents two --entry two
within one exits 0 info x --entry two
within one p hosts --entry two
like "hosts of another version" '*older*http://old:1*refused*paglets-wire-0*' \
	"$out"
is "the key was not told" 0 "$(grep -c "$secret" "$work/told")"
# But to one that is named by URL.
within one p hosts --entry "http://${addr[two]}:8765"
is "to one that is named it is" 1 \
	"$(grep -c "Bearer $secret" "$work/told")"

# And to those that show that they have it: by their beacon, by what they say
# to who asks without it, and by what they know of each other.
key=$secret
for how in --mesh-multicast --no-mesh-multicast; do
	station alone --state-dir none --peer "http://${addr[three]}:8765" $how
	station three --state-dir none --no-mesh-multicast
	all() {
		within one p health --entry alone --all-hosts --json
		[ "$code" = 0 ] && [ "$(pick hosts.#)" = 2 ]
	}
	eventually "$how: hosts that have the key get it" all
	within one exits 0 create $counter --on three --id kim --entry alone
	within one exits 0 call kim increment --entry alone
	PAGLETS_API_KEY=other-0123456789abcdef within one exits 4 agents three \
		--entry "${url[alone]}"
	stop alone
	stop three
done
finish
