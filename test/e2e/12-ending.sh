#!/bin/bash
# Goal: however a host ends, told to or killed, idle or busy, no process of
# its agents stays behind.
. "$(dirname "$0")/lib.sh"

# crowd NAME: a host with an idle agent, a busy one, one that is stopped, one
# that has a child of its own; $agents are all processes that came with it.
crowd() {
	PROGRAM=$TOOLS/ring host "$1"
	export PAGLETS_ENTRY=${url[$1]}
	local id
	for id in idle busy stopped; do
		p create $counter --id $id
		is "$1: created $id" 0 $code
	done
	p create ring:RingPaglet --id litters
	p call litters litter --json
	agents="$(children "${pid[$1]}") $(pick pid)"
	p call busy sleep seconds:=60 --oneway
	p info stopped --json
	kill -STOP "$(pick pid)"
	is "$1: processes" 5 "$(wc -w <<<"$agents")"
}
all_gone() {
	local a
	for a in $agents; do
		gone "$a" || return 1
	done
}

# Told to stop, an idle host is gone at once; with exit code 0.
for signal in TERM INT HUP; do
	host quick
	p create $counter --entry "${url[quick]}" --id only
	agents=$(children "${pid[quick]}")
	took stop quick $signal
	is "$signal, idle: exit code" 0 $code
	below "$signal, idle: quick" 2800 $ms
	eventually "$signal, idle: nobody is left" all_gone
done

# Unless it is to outlive its terminal.
trap '' HUP
host nohup
trap - HUP
kill -HUP "${pid[nohup]}"
exits 0 health --entry "${url[nohup]}"
stop nohup TERM
is "nohup: exit code" 0 $code
grep -q SIGHUP "$work/nohup.err" && bad "nohup: the terminal ended it"

# Busy ones are given a moment, and then not asked any more.
crowd term
"$PAGLETS" call busy ping 2>"$work/err" &
waits=$!
took stop term TERM
is "TERM, busy: exit code" 0 $code
below "TERM, busy: in time" 20000 $ms
eventually "TERM, busy: nobody is left" all_gone
grep -q "'busy' was not put to sleep" "$work/term.err" ||
	bad "TERM, busy: nobody is told who was"
wait $waits
[ $? != 0 ] || bad "who waited for an answer is told that there is none"

# Killed: there is nobody to clean up, so each child sees to itself.
# A process that an agent has started is not known to anyone then.
crowd killed
stop killed KILL
kill -KILL "${agents##* }"
eventually "KILL: nobody is left" all_gone

# While a child is being started and while one is moving out.
host racing
background "$TOOLS/silent" 60 >"$work/silent"
eventually "the silent server listens" test -s "$work/silent"
p create $counter --entry "${url[racing]}" --id mover
"$PAGLETS" dispatch "${url[racing]}/agents/mover" "$(cat "$work/silent")" \
	2>"$work/err" &
for i in 1 2 3 4 5 6 7 8; do
	"$PAGLETS" create $counter --entry "${url[racing]}" >"$work/made" 2>&1 &
done
agents=$(children "${pid[racing]}")
took stop racing TERM
is "TERM, in the middle: exit code" 0 $code
below "TERM, in the middle: in time" 20000 $ms
agents="$agents $(children "${pid[racing]}")"
eventually "TERM, in the middle: nobody is left" all_gone
finish
