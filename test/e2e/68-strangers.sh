#!/bin/bash
# Goal: the key goes to nobody whom the user did not name: not to an address
# that a beacon, a probe of the network, an answer or somebody's list names,
# neither from a host nor from a command.
. "$(dirname "$0")/net.sh"

group=239.42.74.53
lan lan
machines lan 10.77.1 alpha mallory carol trusting

# What is asked of mallory, at two ports; at one it looks like a host, at the
# other like a host that has our key and does not let us in.
health='{"name": "mallory", "address": "URL", "code_version": "paglets-wire-1", "hosts": [], "active_count": 0, "inactive_count": 0, "capabilities": [], "tags": [], "properties": {}}'
strange() {
	behind mallory "$TOOLS/stranger" "$@" >"$work/url"
	until [ -s "$work/url" ]; do
		sleep 0.01
	done
}
# told FILE: it was spoken to, and not told the key.
told() {
	eventually "mallory is visited ($1)" grep -q 'GET /health' "$work/$1"
	[ -s "$work/$1" ] || return
	! grep -qi 'authorization' "$work/$1" ||
		bad "$1: an Authorization: $(grep -ai -m 1 authorization "$work/$1")"
	! grep -qF "$key" "$work/$1" || bad "$1: the key"
}
say() {
	printf '{"host": {"active_count": 0, "code_version": "paglets-wire-1", "inactive_count": 0, "last_seen": %d.5, "name": "mallory", "online": true, "properties": {}, "tags": [], "url": "%s"%s}, "kind": "paglets.remote.mesh.v1"}' \
		"$(date +%s)" "$1" "${2:-}" | within mallory \
		"$TOOLS/beacon" send -i eth0 -n "${3:-5}" -w 100 $group
}

# By probing: alpha is alone, and looks at its neighbours.
strange -p 8765 "${addr[mallory]}" 100 "$work/probed" "$health"
station alpha
patience=30
told probed

# A beacon of alpha, to be told as the 401 of somebody else.
real=$(within mallory "$TOOLS/beacon" listen -i eth0 $group)
is "it beacons" alpha "$(pick host.name "$real")"
ref=$(pick host "$real" | tr -d '\n' | base64 -w 0)

# By beacon: looks like a host; then like one with our key.
strange -p 8001 "${addr[mallory]}" 100 "$work/beaconed" "$health"
say "http://${addr[mallory]}:8001"
told beaconed
strange -p 8002 -s "401 Unauthorized" -h 'WWW-Authenticate: Bearer' \
	-h "X-Paglets-Ref: $ref" "${addr[mallory]}" 100 "$work/refused" \
	'{"error": "Authentication required"}'
say "http://${addr[mallory]}:8002" ", \"boot\": \"$(pick host.boot "$real")\", \"beat\": $(pick host.beat "$real"), \"sig\": \"$(pick host.sig "$real")\""
told refused

# Whoever has no key joins nobody; a list names whom it likes.
within alpha post "${url[alpha]}/hosts/join" "{\"name\": \"mallory\", \"url\": \"http://${addr[mallory]}:8001\", \"code_version\": \"paglets-wire-1\"}"
is "joining without a key" 401 "$status"

# A command that looks for a host: it finds alpha, and mallory too.
say "http://${addr[mallory]}:8001" "" 60 &
started+=($!)
PAGLETS_API_KEY=$key within carol p hosts --json
PAGLETS_API_KEY=$key within carol p health mallory
PAGLETS_API_KEY=$key within carol p agents
wait $!
told beaconed
told probed

# Whoever is told to trust does.
strange -p 8003 "${addr[mallory]}" 100 "$work/trusted" "$health"
station trusting --trust-unsigned --no-mesh-lan-discovery
say "http://${addr[mallory]}:8003"
eventually "with --trust-unsigned" grep -q "Bearer $key" "$work/trusted"
finish
