#!/bin/bash
# Goal: where no beacon gets through, a host that knows nobody finds others by
# asking at the addresses around it, at the usual port and at its own; it
# stops asking as soon as it knows one. One that was told not to asks nobody.
. "$(dirname "$0")/net.sh"

lan lan
machines lan 10.77.1 alpha beta gamma hermit mallory
plain() {
	local name=$1
	shift
	within "$name" host "$name" --host "${addr[$name]}" \
		--insecure-no-auth "$@"
}
plain hermit --port 8765
plain beta --port 8765
plain gamma --port 9100
plain alpha --port 9100 --mesh-lan-discovery
patience=20
eventually "alpha finds all, and is found" see_all alpha beta gamma hermit
tell "by probing"

# Who knows somebody asks nobody else, though one round is over.
behind mallory "$TOOLS/stranger" -p 8765 "${addr[mallory]}" 100 "$work/told" \
	>"$work/url"
until [ -s "$work/url" ]; do
	sleep 0.01
done
sleep 11
is "nobody was asked any more" "" "$(cat "$work/told" 2>/dev/null)"

# Who is alone does, again and again, and does not mind what answers there.
for name in hermit beta gamma; do
	stop $name
done
patience=40
eventually "alone again, it asks again" grep -q 'GET /health' "$work/told"
is "no stranger is a host" "alpha " "$(online alpha)"
plain beta --port 8765
eventually "and finds who comes back" see_all alpha beta
finish
