#!/bin/bash
# Goal: a message that is sent again, because its sender did not hear the
# answer, is handled once and gets the first answer: while it is handled, later,
# after a crash or a stop of the host, where the agent has moved to, and when
# it waits for one that sleeps.
. "$(dirname "$0")/lib.sh"

up() {
	host "$1" --state-dir "$work/$1" --durability message
}
# say HOST ID BY [MEMBERS-OF-MESSAGE]: $status and $body.
say() {
	post "${url[$1]}/agents/kim/messages" "{\"message\": {\"kind\": \"increment\", \"message_id\": \"$2\", \"args\": {\"by\": $3}${4:+, $4}}}"
}
# answers HOST ID BY COUNT
answers() {
	say "$1" "$2" "$3"
	is "$1, $2: the answer" "$4" "$(pick result.count "$body")"
}
is_active() {
	p info "${url[$1]}/agents/kim" --json && [ "$(pick active)" = true ]
}

up alpha
up beta
export PAGLETS_ENTRY=${url[alpha]}
p create $counter --id kim
answers alpha one 1 1
answers alpha one 1 1
answers alpha two 1 2
answers alpha one 1 1
say alpha one 5
is "the same id with other words is another message" 7 \
	"$(pick result.count "$body")"
answers alpha one 1 1

# An error is an answer too, and so is null.
fails() {
	post "${url[alpha]}/agents/kim/messages" '{"message": {"kind": "fail", "message_id": "f", "args": {"error": "first"}}}'
	is "an error: status" 400 "$status"
	is "an error: the same" first "$(pick error "$body")"
}
fails
fails
for i in 1 2 3; do
	post "${url[alpha]}/agents/kim/messages" '{"oneway": true, "message": {"kind": "increment", "message_id": "quiet"}}'
	is "one-way, $i" null "$(pick result "$body")"
done
counted() {
	p call kim get --json && [ "$(pick count)" = "$1" ]
}
eventually "one-way: handled once" counted 8

# While the first is being handled the others wait for its answer.
senders=()
for i in 1 2 3 4; do
	(
		body='{"message": {"kind": "sleep", "message_id": "nap", "args": {"seconds": 0.4, "tag": "nap"}}}'
		at=${url[alpha]#http://}
		printf 'POST /agents/kim/messages HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
			"$at" ${#body} "$body" |
			"$TOOLS/rawhttp" "${at%:*}" "${at##*:}" >"$work/nap.$i"
	) &
	senders+=($!)
done
wait "${senders[@]}"
is "all have the answer" 4 "$(grep -l '"slept": 0.4' "$work"/nap.? | wc -l)"
p call kim get --json
is "of one nap" 1 "$(pick history | grep -o '"nap"' | wc -l)"

# After a crash and after a stop.
stop alpha KILL
up alpha
export PAGLETS_ENTRY=${url[alpha]}
eventually "back after a crash" is_active alpha
answers alpha two 1 2
fails
stop alpha
up alpha
export PAGLETS_ENTRY=${url[alpha]}
eventually "back after a stop" is_active alpha
answers alpha two 1 2
answers alpha three 1 9

# It knows them where it has gone to, whichever host is asked.
exits 0 dispatch kim "${url[beta]}"
answers beta three 1 9
answers alpha three 1 9
answers beta four 1 10
stop beta KILL
up beta
eventually "back after a crash there" is_active beta
answers beta four 1 10
answers beta one 1 1

# The message that made it leave is not done again by where it arrived.
post "${url[beta]}/agents/kim/messages" '{"message": {"kind": "go", "message_id": "go", "args": {"target": "'"${url[alpha]}"'"}}}'
is "it goes home" "${url[alpha]}" "$(pick result.host_url "$body")"
post "${url[alpha]}/agents/kim/messages" '{"message": {"kind": "go", "message_id": "go", "args": {"target": "'"${url[alpha]}"'"}}}'
is "sent again where it is: the first answer" "${url[alpha]}" \
	"$(pick result.host_url "$body")"
p call kim get --json
is "it came home once" 1 \
	"$(pick history | grep -o 'arrival@alpha' | wc -l)"

# For one that sleeps: it waits once.
exits 0 deactivate kim --no-activate-on-message
for i in 1 2; do
	say alpha five 1
	is "it waits, $i" true "$(pick result.queued "$body")"
	is "under its id, $i" five "$(pick result.message_id "$body")"
done
stop alpha KILL
up alpha
export PAGLETS_ENTRY=${url[alpha]}
say alpha five 1
is "it waits, after a crash" true "$(pick result.queued "$body")"
exits 0 state kim --json
is "one waits" 1 "$(pick queued_message_count)"
exits 0 activate kim
exits 0 call kim get --json
is "and is handled once" 11 "$(pick count)"
say alpha five 1
is "the first answer is that it waits" true "$(pick result.queued "$body")"

# So does one whose sender asks not to wake it, after a crash as well; and if
# the host died before it could strike off what had been handled.
quiet() {
	post "${url[alpha]}/agents/kim/messages" '{"activate_if_inactive": false, "message": {"kind": "increment", "message_id": "'"$1"'"}}'
	is "not to wake it: $1 waits" true "$(pick result.queued "$body")"
}
waiting() {
	exits 0 state kim --json
	pick queued_message_count
}
exits 0 deactivate kim
quiet six
quiet six
stop alpha KILL
up alpha
export PAGLETS_ENTRY=${url[alpha]}
quiet six
is "six waits once" 1 "$(waiting)"
exits 0 activate kim
quiet six
exits 0 call kim get --json
is "six is handled once" 12 "$(pick count)"
stop alpha KILL
grep -h '"queue/kim/.*"six"' "$work"/alpha/log/* >"$work/again"
cat "$work/again" >>"$(ls "$work"/alpha/log/* | tail -n 1)"
up alpha
export PAGLETS_ENTRY=${url[alpha]}
eventually "back with what it had done" is_active alpha
exits 0 call kim get --json
is "six is not handled again" 12 "$(pick count)"
exits 0 deactivate kim
is "nor does it wait any more" 0 "$(waiting)"

# So does one whose agent woke and slept before it came to it.
post "${url[alpha]}/agents/kim/messages" '{"activate_if_inactive": false, "message": {"kind": "sleep", "args": {"seconds": 2}}}'
quiet seven
"$PAGLETS" activate kim >"$work/activate" 2>&1 &
waker=$!
eventually "it is busy with what came before" held kim 1 0
exits 0 deactivate kim
wait $waker
quiet seven
is "seven waits once" 1 "$(waiting)"
exits 0 activate kim
exits 0 call kim get --json
is "seven is handled once" 13 "$(pick count)"

# A clone is another agent, and has seen nothing.
exits 0 clone kim --json
copy=$(pick agent_id)
post "${url[alpha]}/agents/$copy/messages" '{"message": {"kind": "increment", "message_id": "five", "args": {"by": 1}}}'
is "a clone has seen nothing" 14 "$(pick result.count "$body")"
finish
