#!/bin/bash
# Goal: where no beacon gets through, a host that knows nobody finds others by
# asking at the addresses around it, at the usual port and at its own, again
# and again; it asks nobody while it knows one.
. "$(dirname "$0")/net.sh"

lan lan
machines lan 10.77.1 alpha beta gamma mallory
plain() {
	local name=$1
	shift
	within "$name" host "$name" --host "${addr[$name]}" \
		--insecure-no-auth "$@"
}
plain gamma --port 9100
plain alpha --port 9100 --mesh-lan-discovery
patience=30
eventually "it finds one at its own port" see_all alpha gamma
tell "by probing"

# Who knows somebody asks nobody else, though one round is over.
behind mallory "$TOOLS/stranger" -p 8765 "${addr[mallory]}" 100 "$work/told" \
	>"$work/url"
until [ -s "$work/url" ]; do
	sleep 0.01
done
sleep 11
is "nobody was asked any more" "" "$(cat "$work/told" 2>/dev/null)"

# Who is alone again asks again, and does not mind what answers there.
stop gamma
patience=40
eventually "alone, it asks again" grep -q 'GET /health' "$work/told"
is "no stranger is a host" "alpha " "$(online alpha)"
plain beta --port 8765
eventually "it finds one at the usual port" see_all alpha beta
finish
