#!/bin/bash
# Goal: an agent that crashes, is killed, leaves or talks nonsense to its
# host fails alone: its callers get an error, the host and all others go on.
. "$(dirname "$0")/lib.sh"

PROGRAM=$TOOLS/ring host alpha
host beta
export PAGLETS_ENTRY=${url[alpha]}
p create $counter --id bystander
p create $counter --id doomed count:=7

pid_of() {
	p info "$1" --json && pick pid
}
crashed() {
	p info "$1" --json && [ "$(pick crashed)" = true ]
}
events_of() {
	p events --limit 1000 --json && "$TOOLS/pick" events <"$work/p.out" |
		grep -o "\"kind\": \"$1\"" | wc -l
}

# By itself, with a status. Who waits in its mailbox gets an error too.
doomed=$(pid_of doomed)
freeze doomed
p call doomed sleep --oneway
"$PAGLETS" call doomed increment --priority 1 --timeout 60s 2>"$work/waits" &
waits=$!
"$PAGLETS" call doomed crash --timeout 60s 2>"$work/killer" &
killer=$!
eventually "both wait" held doomed 1 2
thaw
wait $killer
is "the killer message: exit code" 1 $?
like "the killer message is told" "*Paglet 'doomed' process exited*" \
	"$(<"$work/killer")"
wait $waits
is "who waited: exit code" 1 $?
like "who waited is told" "*doomed*" "$(cat "$work/waits")"
exits 0 info doomed --json
is "crashed" true "$(pick crashed)"
is "not active" false "$(pick active)"
is "with its status" 3 "$(pick exitcode)"
is "in words" "process exited with code 3" "$(pick error)"
is "without a mailbox" null "$(pick mailbox)"
eventually "its process is gone" gone "$doomed"
exits 0 state doomed --json
is "its last state can be seen" 7 "$(pick state.count)"
exits 1 call doomed get
like "later messages" "*crashed: process exited with code 3*" "$err"
exits 1 dispatch doomed "${url[beta]}"
exits 1 clone doomed
exits 0 health --json
is "it does not count as active" 1 "$(pick active_count)"
is "one event" 1 "$(events_of paglet-crashed)"

# The crashed one can be replaced, and disposed of.
exits 0 create $counter --id doomed
exits 0 call doomed increment
is "a new one under the same id" '{"count": 1}' "$out"
p call doomed crash
exits 0 dispose doomed
exits 3 info doomed

# Killed from outside, idle and busy.
p create $counter --id idle
kill -KILL "$(pid_of idle)"
eventually "killed while idle" crashed idle
is "by a signal: python's way of saying it" -9 "$(pick exitcode)"
p create $counter --id busy
victim=$(pid_of busy)
"$PAGLETS" call busy sleep seconds:=60 --timeout 60s 2>"$work/busy" &
caller=$!
is_busy() {
	p info busy --json && [ "$(pick mailbox.in_flight_count)" = 1 ]
}
eventually "busy" is_busy
took kill -KILL "$victim"
wait $caller
is "the caller of a killed agent: exit code" 1 $?
eventually "killed while busy" crashed busy

# Leaves as if all was well; talks nonsense; stops answering.
p create ring:RingPaglet --id quits
exits 1 call quits exit
is "leaving is a crash" true "$(crashed quits && echo true)"
p create ring:RingPaglet --id babbler
babbler=$(pid_of babbler)
exits 1 call babbler babble
eventually "a child that breaks the protocol is killed" gone "$babbler"
is "and listed as crashed" true "$(crashed babbler && echo true)"
p create $counter --id stuck
stuck=$(pid_of stuck)
kill -STOP "$stuck"
exits 6 call stuck ping --timeout 100ms
took p info stuck --json
below "looking at a stopped one does not wait" 5000 $ms
exits 0 dispose stuck --force
eventually "a stopped process is ended too" gone "$stuck"

# What an agent started does not outlive it.
p create ring:RingPaglet --id litters
p call litters litter --json
litter=$(pick pid)
gone "$litter" && bad "the child of the agent lives"
exits 0 dispose litters
eventually "it ends with the agent" gone "$litter"

# Nobody else noticed.
exits 0 call bystander increment by:=5
is "the bystander" '{"count": 5}' "$out"
kill -0 "${pid[alpha]}" || bad "the host lives"
is "each crash is an event" 6 "$(events_of paglet-crashed)"
finish
