#!/bin/bash
# Goal: whoever orders what at the same time, an agent is in one place, and
# each message that was answered was handled once.
. "$(dirname "$0")/lib.sh"

host alpha
host beta
host gamma
export PAGLETS_ENTRY=${url[alpha]}

# all COMMAND...: run them at the same time; $won is how many succeeded.
at_once() {
	local pids=() c
	won=0
	for c in "$@"; do
		"$PAGLETS" $c >/dev/null 2>>"$work/losers" &
		pids+=($!)
	done
	for c in "${pids[@]}"; do
		wait "$c" && won=$((won + 1))
	done
}
# places ID: on how many hosts it is.
places() {
	local name n=0
	for name in alpha beta gamma; do
		"$PAGLETS" info "${url[$name]}/agents/$1" >/dev/null 2>&1 &&
			n=$((n + 1))
	done
	echo $n
}

# One id, one agent.
at_once "create $counter --id one" "create $counter --id one" \
	"create $counter --id one" "create $counter --id one"
is "created once" 1 $won

# Sent to two hosts: it goes to one, or to one after the other.
p call one sleep seconds:=0.2 --oneway
at_once "dispatch one ${url[beta]}" "dispatch one ${url[gamma]}"
[ $won -ge 1 ] || bad "one of two moves succeeds"
is "it is in one place" 1 "$(places one)"
exits 0 call one ping

# Moved and disposed of: either way it is there or not, and not twice.
for i in 1 2 3; do
	p create $counter --id two$i
	at_once "dispatch two$i ${url[beta]}" "dispose two$i"
	[ $won -ge 1 ] || bad "one of move and end succeeds"
	[ "$(places two$i)" -le 1 ] || bad "it is in one place at most"
done

# A crashed one is made anew, and disposed of, and what not: its host lives.
anew='{"agent_class_name": "'$counter'", "state_class_name": "'${counter%Paglet}State'", "agent_id": "worn", "restart": "on-crash"}'
crash='{"message": {"kind": "crash"}}'
clashes=()
n=0
for order in "agents $anew" "agents $anew" "agents/worn/messages $crash" \
	"agents/worn/messages $crash" "agents/worn/dispose {}" \
	"agents/worn/dispose {}" "agents/worn/deactivate {}" \
	"agents/worn/activate {}"; do
	n=$((n + 1))
	(
		trap - EXIT
		mkdir "$work/clash-$n"
		at=${url[alpha]#http://} body=${order#* }
		for ((i = 0; i < 60; i++)); do
			close=
			[ $i != 59 ] || close=$'Connection: close\r\n'
			printf 'POST /%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s' \
				"${order%% *}" "$at" "$close" ${#body} "$body"
		done >"$work/clash-$n/in"
		"$TOOLS/rawhttp" -t 60 "${at%:*}" "${at##*:}" \
			<"$work/clash-$n/in" >"$work/clash-$n/out"
	) &
	clashes+=($!)
done
wait "${clashes[@]}"
grep -q 'no record' "$work"/clash-*/out && bad "half disposed of"
exits 0 health
p dispose worn

# Callers who know three addresses, while the agent never stays: each call is
# answered, and counted once.
exits 0 create $counter --id hare
callers=()
for caller in 1 2 3; do
	(
		answered=0
		for i in {1..40}; do
			"$PAGLETS" call hare increment >/dev/null \
				2>>"$work/caller.err" && answered=$((answered + 1))
		done
		echo $answered >"$work/caller.$caller"
	) &
	callers+=($!)
done
here=alpha
for there in beta gamma alpha gamma beta alpha beta alpha gamma beta; do
	exits 0 dispatch "${url[$here]}/agents/hare" "${url[$there]}"
	here=$there
done
wait "${callers[@]}"
sum=$(cat "$work"/caller.? | paste -sd+)
is "all were answered: $(head -n 3 "$work/caller.err")" 120 $((sum))
exits 0 call hare get --json
is "and counted once" 120 "$(pick count)"
is "it is in one place" 1 "$(places hare)"

# There and back as fast as it goes, with messages that run after it. (After
# more than eight moves they would be given up.)
exits 0 create $counter --id ball
for i in 1 2 3; do
	p call ball go target="${url[beta]}" --oneway
	p call ball increment --oneway
	p call ball go target="${url[alpha]}" --oneway
done
p call ball ping
counted() {
	p call ball get --json && [ "$(pick count)" = 3 ]
}
eventually "three were counted on the way" counted
is "and it is in one place" 1 "$(places ball)"

# Sent to where it is already, by many and at the same time, and away from
# there: whoever stands aside for the new one does not come back when that has
# gone on before its own record was written, which takes a while.
exits 0 create $counter --id crab
exits 0 call crab fill n:=1000000
sent=()
for i in {1..12}; do
	sent+=("dispatch crab ${url[alpha]}")
done
for i in {1..6}; do
	at_once "${sent[@]}" "call crab increment" "dispatch crab ${url[beta]}"
	is "it is in one place" 1 "$(places crab)"
	p dispatch crab "${url[alpha]}"
	is "and is back" 1 "$(places crab)"
done
finish
