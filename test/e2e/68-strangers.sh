#!/bin/bash
# Goal: the key goes to nobody whom the user did not name and who has not shown
# that he has it: not to an address that a beacon, a probe of the network, an
# answer or somebody's list names, neither from a host nor from a command.
. "$(dirname "$0")/net.sh"

group=239.42.74.53
lan lan
machines lan 10.77.1 alpha mallory malice carol dora trusting

# strange MACHINE FILE [WORD...]: somebody there, at the port of hosts, who
# keeps in FILE what is said to it, and answers as the words tell stranger.
strange() {
	local at=$1 file=$2
	shift 2
	: >"$work/url"
	behind $at "$TOOLS/stranger" "${@:1:$#-1}" "${addr[$at]}" 100 \
		"$work/$file" "${@:$#}" >"$work/url"
	eventually "a stranger is there" test -s "$work/url"
}
visited() {
	eventually "$1: somebody came" grep -q 'GET /health' "$work/$1"
}
# No word of the key was said there.
kept() {
	! grep -qai 'authorization' "$work/$1" ||
		bad "$1: $(grep -ai -m 1 authorization "$work/$1")"
	! grep -qaF "$key" "$work/$1" || bad "$1: the key itself"
}
# say URL TIMES [MORE]: a beacon of a host at that URL.
say() {
	printf '{"host": {"active_count": 0, "code_version": "paglets-wire-1", "inactive_count": 0, "last_seen": %d.5, "name": "mallory", "online": true, "properties": {}, "tags": [], "url": "%s"%s}, "kind": "paglets.remote.mesh.v1"}' \
		"$(date +%s)" "$1" "${3:-}" | within mallory \
		"$TOOLS/beacon" send -i eth0 -n "$2" -w 100 $group
}
health='{"name": "mallory", "address": "URL", "code_version": "paglets-wire-1", "hosts": [], "active_count": 0, "inactive_count": 0, "capabilities": [], "tags": [], "properties": {}}'
patience=30

# What a true host shows to those who have no key, for others to repeat.
station dora
real=$(within mallory "$TOOLS/beacon" listen -i eth0 $group)
is "a true beacon" dora "$(pick host.name "$real")"
ref=$(pick host "$real" | tr -d '\n' | base64 -w 0)
stop dora

# Probes find one who lets everybody in, and one who repeats what dora said.
strange mallory open -p 8765 "$health"
strange malice closed -p 8765 -s "401 Unauthorized" \
	-h "WWW-Authenticate: Bearer" -h "X-Paglets-Ref: $ref" \
	'{"error": "Authentication required", "error_type": "AuthenticationError"}'
station alpha --no-mesh-multicast --mesh-lan-discovery
visited open
visited closed
sleep 2
kept open
kept closed
like "they are none of us" "* alpha yes *" " $(listed alpha)"
[[ $(listed alpha) != *mallory* ]] || bad "mallory is listed"
stop alpha

# Beacons that nobody signed, or somebody else; lists of those who may speak.
station alpha --no-mesh-lan-discovery
at=http://${addr[mallory]}:8765
say "$at" 5
say "$at" 5 ", \"boot\": \"$(pick host.boot "$real")\", \"beat\": $(pick host.beat "$real"), \"sig\": \"$(pick host.sig "$real")\""
me='"name": "liar", "url": "http://10.77.1.99:8765", "code_version": "paglets-wire-1", "boot": "b", "beat": 9'
it="{\"name\": \"mallory\", \"url\": \"$at\", \"code_version\": \"paglets-wire-1\", \"online\": true, \"boot\": \"c\", \"beat\": 9}"
within alpha post "${url[alpha]}/hosts/join" "{$me, \"news\": [$it]}"
is "without the key nobody is listened to" 401 "$status"
within alpha curl -s -o "$work/answer" -H "Authorization: Bearer $key" \
	-d "{$me, \"news\": [$it]}" "${url[alpha]}/hosts/join"
sleep 3
kept open
within alpha exits 4 agents --entry "${url[alpha]}"

# A command that looks for a host, and is shown mallory before all others.
say "$at" 80 &
started+=($!)
for words in "hosts" "health mallory" "agents" "health" "call mallory/x ping"; do
	PAGLETS_API_KEY=$key within carol p $words
done
kept open
kept closed

# Who is told to trust does.
station trusting --trust-unsigned --no-mesh-lan-discovery
say "$at" 20
eventually "with --trust-unsigned" grep -qa "Bearer $key" "$work/open"
finish
