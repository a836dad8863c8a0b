#!/bin/bash
# Goal: an agent sleeps and wakes as its policy says: by a message, by order,
# at a time, at a start; what is sent meanwhile waits in order, and a host
# that stops puts all to sleep and wakes them again (PROTOCOL 5).
. "$(dirname "$0")/lib.sh"

up() {
	host alpha --state-dir "$work/alpha"
	export PAGLETS_ENTRY=${url[alpha]}
}
# say AGENT KIND [MEMBERS-OF-MESSAGE [MEMBERS-OF-BODY]]: $status, $body.
say() {
	post "${url[alpha]}/agents/$1/messages" \
		"{\"message\": {\"kind\": \"$2\"${3:+, $3}}${4:+, $4}}"
}
# tag AGENT TAG [MEMBERS-OF-BODY]
tag() {
	say "$1" increment "\"args\": {\"tag\": \"$2\"}" "${3:-}"
}
sleeps='"activate_if_inactive": false'
is_active() {
	p info "$1" --json && [ "$(pick active)" = true ]
}
history() {
	p state "$1" --json && pick state.history
}
events_of() {
	p events --limit 1000 --json
	"$TOOLS/pick" events <"$work/p.out" | grep -o "\"kind\": \"$1\"" | wc -l
}

up
# By a message of its own kind, from outside.
p create $counter --id kim
exits 0 call kim increment
say kim _deactivate '"args": {"request": {"reason": "tired", "metadata": {"k": 1}}}'
is "_deactivate" 200 "$status"
is "is answered when it sleeps" true "$(pick result.deactivated "$body")"
is "with where it is" kim "$(pick result.proxy.agent_id "$body")"
is_active kim && bad "active after that"
say kim _deactivate
is "_deactivate of one that sleeps" 404 "$status"
exits 0 info kim --json
is "a second one changes nothing" false "$(pick active)"
exits 0 state kim --json
is "its state can be seen" 1 "$(pick state.count)"

# A message wakes it, with its hooks, and it has forgotten nothing.
exits 0 call kim increment
is "a message wakes it" '{"count": 2}' "$out"
is "its hooks" '["creation@alpha", "deactivating@alpha", "activation@alpha"]' \
	"$(history kim)"
say kim _deactivate '' '"oneway": true'
is "_deactivate, one-way" null "$(pick result "$body")"
exits 0 info kim --json
is "done before the answer" false "$(pick active)"

# By itself.
exits 0 activate kim
exits 0 call kim pause 'policy:={"activate_on_message": false}'
is_active kim && bad "active after it fell asleep"

# What is sent to one that may not be woken waits, in order; a kill of the
# host is nothing to it.
tag kim a
is "a message that waits" true "$(pick result.queued "$body")"
[ -n "$(pick result.message_id "$body")" ] || bad "it has a number"
tag kim b '"oneway": true'
is "a one-way message that waits" null "$(pick result "$body")"
is "each is an event" 2 "$(($(events_of message-queued) - 3))"
tag kim x '"no_delay": true'
is "one that must not wait: status" 400 "$status"
is "one that must not wait" PagletInactiveError "$(pick error_type "$body")"
stop alpha KILL
up
tag kim c
exits 0 state kim --json
is "all wait" 3 "$(pick queued_message_count)"
say kim increment '"args": {"tag": "d"}, "priority": 9'
exits 0 activate kim
like "delivered in the order in which they came" \
	'*"activation@alpha", "a", "b", "c", "d"]' "$(history kim)"
exits 0 events --json --limit 5
like "its activation tells how many" '*"queued_message_count": 4*' "$out"
stop alpha KILL
up
exits 0 call kim get --json
stop alpha KILL
up
eventually "active again" is_active kim
history kim | grep -q '"a".*"a"' && bad "delivered once more after a crash"

# A sender that asks not to wake it: waits behind nobody, before the next.
exits 0 deactivate kim
tag kim quiet "$sleeps"
is "not woken" true "$(pick result.queued "$body")"
tag kim loud
is "the next one wakes it" 200 "$status"
like "the one that waited went first" '*"quiet", "loud"]' "$(history kim)"

# No waiting either.
exits 0 deactivate kim --no-activate-on-message --no-queue
tag kim no
is "neither woken nor kept" PagletInactiveError "$(pick error_type "$body")"
exits 0 activate kim
exits 0 deactivate kim --no-queue
tag kim still
is "without a queue a message still wakes it" 200 "$status"

# Whether $at is still to come.
sooner() {
	[ "$(date +%s%N)" -lt "${at/./}" ]
}

# At a time: not before it, and within a second of it; once.
at=$(date +%s.%N -d '+2 seconds')
say kim _deactivate "\"args\": {\"request\": {\"policy\": {\"activate_at\": $at}}}"
while sooner; do
	is_active kim && sooner && bad "awake before its time" && break
	sleep 0.1
done
eventually "awake at its time" is_active kim
below "ms after its time" 5000 \
	"$(awk "BEGIN { print int(($(date +%s.%N) - $at) * 1000) }")"
exits 0 deactivate kim
at=$(date +%s.%N -d '+0.2 seconds')
exits 0 activate kim
say kim _deactivate "\"args\": {\"request\": {\"policy\": {\"activate_at\": $at}}}"
stop alpha
sleep 0.3
up
eventually "or, if the host was not there, when it is" is_active kim

# At a start, or not. A host that stops puts those to sleep that are active,
# and wakes them again.
for id in early late; do
	p create $counter --id $id
done
exits 0 deactivate early --on-startup
exits 0 deactivate late
took stop alpha
is "the host stops" 0 $code
for key in '"reason": "shutdown"' '"source": "host"' '"activate_on_startup": true'; do
	grep -q "agent/kim.*$key" "$work"/alpha/log/* ||
		bad "kim was put to sleep with $key"
done
up
eventually "active before: active again" is_active kim
like "as from any sleep" '*"deactivating@alpha", "activation@alpha"]' \
	"$(history kim)"
eventually "to be woken at a start" is_active early
is_active late && bad "one that sleeps sleeps on"
is "a stop is no crash" 0 "$(events_of recover)"

# A clock that jumps: over the time, and it is time, once; back, and it is not.
jump() {
	echo "$1" >"$work/skew.new"
	mv "$work/skew.new" "$work/skew"
}
activations() {
	p events --limit 1000 --json
	grep -o '"kind": "activate"' <<<"$out" | wc -l
}
stop alpha
jump 0
SKEW=@$work/skew PROGRAM=$TOOLS/skewed host clock --no-mesh
export PAGLETS_ENTRY=${url[clock]}
p create $counter --id tom
exits 0 deactivate tom --at +1h
exits 0 call tom get
exits 0 deactivate tom --at +1h
jump -7200
sleep 0.6
is_active tom && bad "awake after the clock went back"
jump 3700
eventually "awake after the clock went on" is_active tom
is "once by a message, once by its time" 2 "$(activations)"
exits 0 deactivate tom
jump 0
sleep 0.6
jump 9999
sleep 0.6
is_active tom && bad "woken twice by one time"
# What is no number never comes; what is past is due.
nap() {
	exits 0 activate tom
	post "${url[clock]}/agents/tom/deactivate" \
		"{\"request\": {\"policy\": {\"activate_at\": $1}}}"
}
for at in true '"soon"' '[]'; do
	nap "$at"
	is "activate_at $at: status" 400 "$status"
	is_active tom || bad "asleep for $at"
	exits 0 deactivate tom
done
nap -1
is "activate_at -1: status" 200 "$status"
eventually "what is past is due" is_active tom
exits 0 deactivate tom
nap NaN
is "activate_at NaN: status" 200 "$status"
sleep 0.6
is_active tom && bad "woken at a time that is none"
stop clock

# So many may wait for one that sleeps, and others once they are delivered.
host crowd --no-mesh --state-dir none
export PAGLETS_ENTRY=${url[crowd]}
p create $counter --id tom
exits 0 deactivate tom --no-activate-on-message
at=${url[crowd]#http://} message='{"message": {"kind": "increment"}}'
for ((i = 1; i <= 1001; i++)); do
	close=
	[ $i -le 1000 ] || close='Connection: close\r\n'
	printf "POST /agents/tom/messages HTTP/1.1\r\nHost: $at\r\n${close}Content-Type: application/json\r\nContent-Length: ${#message}\r\n\r\n%s" \
		"$message"
done >"$work/many"
raw_file "${url[crowd]}" "$work/many" -t 60
is "so many wait" 1000 "$(grep -o 'HTTP/1.1 200' <<<"$out" | wc -l)"
is "and one does not" 1 "$(grep -o 'HTTP/1.1 503' <<<"$out" | wc -l)"
like "which is told why" '*MailboxFullError*sleeps and 1000 messages wait*' "$out"
exits 0 activate tom
exits 0 call tom get --json
is "all are delivered" 1000 "$(pick count)"
exits 0 deactivate tom --no-activate-on-message
post "${url[crowd]}/agents/tom/messages" "$message"
is "then there is room" true "$(pick result.queued "$body")"
stop crowd
up

# Arriving asleep; also of a class that is not known here.
envelope() {
	printf '{"envelope": {"kind": "%s", "agent_id": "%s", "agent_class_name": "%s", "state_class_name": "%s", "state": {"count": 4}, "source_host_name": "s", "source_host_address": "http://127.0.0.1:9", "target_host_name": "alpha", "target_host_address": "%s", "metadata": {"transfer_ticket": {"destination": "alpha", "arrival_mode": "inactive"}}}}' \
		"$3" "$1" "$2" "${2%Paglet}State" "${url[alpha]}"
}
post "${url[alpha]}/agents" "$(envelope dora $counter dispatch)"
is "arrives asleep" 200 "$status"
post "${url[alpha]}/agents" "$(envelope odd no.such:Paglet dispatch)"
is "arrives asleep, though unknown" 200 "$status"
is_active dora && bad "active on arrival"
like "the record says how it came" '*"reason": "dispatch-arrival"*"source": "transfer"*' \
	"$(grep -h 'agent/dora' "$work"/alpha/log/*)"
exits 1 activate odd
like "the error comes at its activation" "*Cannot import module 'no.such'*" "$err"
exits 1 call odd get
like "or with a message" "*Cannot import module 'no.such'*" "$err"
stop alpha KILL
up
exits 0 state odd --json
is "it is kept all the same" 4 "$(pick state.count)"
exits 0 call dora increment
is "the other one wakes" '{"count": 5}' "$out"
like "with the hook of any sleeper" '*"activation@alpha"]' "$(history dora)"
exits 0 dispose odd

# It moves to where it is and falls asleep again before all that was kept is
# handled: the rest is kept on, and each is handled once.
nap() {
	p deactivate dora --no-activate-on-message
	[ "$code" = 0 ]
}
exits 0 deactivate dora --no-activate-on-message
exits 0 call dora sleep seconds=1
exits 0 call dora sleep seconds=1
for n in one two three four five; do
	exits 0 call dora increment tag=$n
done
"$PAGLETS" activate dora >/dev/null 2>&1 &
eventually "it wakes" is_active dora
"$PAGLETS" dispatch dora alpha >"$work/moved" 2>&1 &
moving=$!
sleep 0.2
eventually "it sleeps again" nap
wait $moving
is "it has moved: $(<"$work/moved")" 0 $?
like "the rest waits" '*"arrival@alpha", "deactivating@alpha"]' "$(history dora)"
for how in KILL TERM; do
	stop alpha $how
	up
	is_active dora || exits 0 activate dora
	exits 0 call dora get
	like "each is handled once" '*"activation@alpha", "one", "two", "three", "four", "five"*' \
		"$(history dora)"
	is "and no other" 1 "$(history dora | grep -o '"one"' | wc -l)"
done

# One crashes before it has had all that was kept for it, and another takes
# its place: that has the rest, once.
exits 0 create $counter --id odd
exits 0 deactivate odd --no-activate-on-message
exits 0 call odd sleep seconds=20
say odd increment
"$PAGLETS" activate odd >/dev/null 2>&1 &
eventually "it wakes" is_active odd
kill -KILL "$(pick pid)"
crashed() {
	p info odd --json && [ "$(pick crashed)" = true ]
}
eventually "it crashes" crashed
exits 0 create $counter --id odd
counted() {
	p call odd get --json && [ "$(pick count)" = 1 ]
}
eventually "the rest is for the other one" counted
stop alpha
up
exits 0 call odd get --json
is "it has it once" 1 "$(pick count)"
exits 0 dispose odd

# The host is stopped, and has no time to wait, while one wakes that has yet
# to be given what was kept for it: it is kept on.
struck_off() {
	cat "$work"/alpha/log/[0-9]* | grep -c '"del".*queue/dora'
}
before=$(struck_off)
exits 0 deactivate dora --no-activate-on-message
exits 0 call dora sleep seconds=20
exits 0 call dora increment by=100
"$PAGLETS" activate dora >/dev/null 2>&1 &
awake() {
	p info dora --json && [ "$(pick active)" = true ]
}
eventually "it wakes" awake
kill -TERM "${pid[alpha]}"
sleep 0.2
stop alpha
is "both messages wait for the next start" "$before" "$(struck_off)"
finish
