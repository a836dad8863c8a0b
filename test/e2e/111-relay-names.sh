#!/bin/bash
# Goal: a relay name belongs to whoever connected under it first with a
# secret: nobody else who has the key can connect, poll or ack under it, also
# after the hub and the host were restarted; names without a secret are
# nobody's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hub.sh"

hub
hub=${url[hub]}
node beta
eventually "beta polls" polling beta
beta=${url[beta]}
exits 0 create $counter --id kim --on "$beta"
is "its secret is its own" 600 "$(stat -c %a "$work/beta/node-secret")"
secret=$(<"$work/beta/node-secret")
is "length of the secret" 64 ${#secret}
other=0123456789abcdef0123456789abcdef

nobody_else() {
	local name=${1:-beta}
	local send
	for send in '{"health": {"name": "'$name'"}}' '{"name": "'$name'"}' \
		'{"health": {"name": "'$name'"}, "node_secret": "'$other'"}' \
		'{"health": {"name": " '$name' "}, "node_secret": ""}'; do
		ask POST "$hub/relay/connect" "$send"
		is "connect: $send" "403 ForbiddenError" \
			"$status $(pick error_type "$body")"
	done
	ask GET "$hub/relay/poll/$name?timeout=0"
	is "poll without a secret" 403 $status
	ask GET "$hub/relay/poll/$name?timeout=0" "" "X-Paglets-Node-Secret: $other"
	is "poll with another" 403 $status
	[ "$name" != beta ] || ask GET "$hub/relay/poll/%62${name:1}?timeout=0"
	is "poll with the name written otherwise" 403 $status
}

nobody_else beta
ask POST "$hub/relay/connect" '{"name": "beta", "node_secret": "short"}'
is "a secret too short" "400 HostError" "$status $(pick error_type "$body")"
ask POST "$hub/relay/connect" '{"name": "", "node_secret": 5}'
is "a secret that is none" 400 $status
ask POST "$hub/relay/connect" '{}'
is "no name" "400 Relay connection requires a host name" \
	"$status $(pick error "$body")"

# What beta has in hand, nobody else may ack.
"$PAGLETS" call "$beta/agents/kim" sleep seconds:=2 --json \
	>"$work/slept" 2>&1 &
sleeping=$!
id=
given() {
	p events "$hub" --json
	id=$(tr '}' '\n' <<<"$out" | grep 'relay-delivery-dispatched' -A 1 |
		grep '"kind": "message"' | tail -n 1 |
		grep -o '"delivery_id": "[^"]*"' | cut -d '"' -f 4)
	[ -n "$id" ]
}
eventually "it is delivered" given
for field in "" "X-Paglets-Node-Secret: $other"; do
	ask POST "$hub/relay/ack/$id" '{"ok": true, "result": "forged"}' "$field"
	is "an ack by somebody else" 403 $status
done
wait $sleeping
is "the answer is that of beta" "" "$(grep forged "$work/slept")"

# Restarted, either of them or both: it is still beta's.
down hub
hub
nobody_else beta
eventually "beta is back" polling beta
exits 0 call "$beta/agents/kim" increment --json
down beta
nobody_else beta
node beta
eventually "beta is back" polling beta
exits 0 call "$beta/agents/kim" increment --json
is "and is the same" 2 "$(pick count)"
stop hub
stop beta
hub
nobody_else beta
node beta
eventually "beta is back" polling beta
is "the secret is the same" "$secret" "$(<"$work/beta/node-secret")"

# Without its folder it is somebody else, and is told so.
stop beta
mv "$work/beta" "$work/away"
node beta
refused() {
	grep -q "belongs to another host" "$work/beta.err"
}
eventually "it is refused" refused
like "offline" "false *" "$(relay beta)"
stop beta
rm -r "$work/beta"
mv "$work/away" "$work/beta"
node beta
eventually "with its folder it is itself" polling beta

# A damaged secret is no reason to become somebody else.
stop beta
for damage in "" short "$(printf '%063d' 0)" "$(printf '%065d' 0)" \
	"$(printf '%063d\001' 0)"; do
	printf %s "$damage" >"$work/beta/node-secret"
	p serve --name beta --state-dir "$work/beta" --connect-to "$hub"
	is "secret '$damage': exit code" 1 $code
	like "secret '$damage'" "*node-secret*" "$err"
done
printf '%s\n' "$secret" >"$work/beta/node-secret"
node beta
eventually "with its secret it is itself" polling beta

# Names without a secret, as of Python's hosts, are for whoever comes.
ask POST "$hub/relay/connect" '{"health": {"name": "old"}}'
is "connects" 200 $status
ask GET "$hub/relay/poll/old?timeout=0"
is "polls" '200 {"delivery": null}' "$status $body"
node old
eventually "until one has a secret" polling old
nobody_else old
finish
