#!/bin/bash
# Goal: after a kill -9 there is what --durability promises, no less; an agent
# that crashes comes back if it may, but not for ever; a child that will not
# end delays no one for long.
. "$(dirname "$0")/lib.sh"

state_class=paglets_demo.counter:CounterState
arrives() {
	post "$1/agents" "$(printf '{"envelope": {"kind": "dispatch", "agent_id": "%s", "agent_class_name": "%s", "state_class_name": "%s", "state": {"count": 4}, "source_host_name": "s", "source_host_address": "http://127.0.0.1:9", "target_host_name": "t", "target_host_address": "%s", "metadata": {"transfer_id": "%s"}}}' \
		"$2" $counter $state_class "$1" "t-$2")"
	is "$2 arrives" 200 "$status"
}
is_active() {
	p info "$1" --json && [ "$(pick active)" = true ]
}
is_crashed() {
	p info "$1" --json && [ "$(pick crashed)" = true ]
}
# The agents that came back, by the events of the host.
recovered() {
	p events --limit 1000 --json
	for i in {0..30}; do
		kind=$(pick events.$i.kind 2>/dev/null) || break
		[ "$kind" != recover ] || pick events.$i.agent_id
	done | sort | paste -sd' '
}
count_of() {
	p call "$1" get --json
	[ $code = 0 ] && pick count
}
again() {
	stop "$1" KILL
	host "$1" --state-dir "$work/$1" --durability "$1"
	export PAGLETS_ENTRY=${url[$1]}
}

for level in none arrival message; do
	host $level --state-dir "$work/$level" --durability $level
	export PAGLETS_ENTRY=${url[$level]}
	p create $counter --id made count:=1
	p create $counter --id slept count:=1
	arrives "${url[$level]}" came
	p clone made --json
	copy=$(pick agent_id)
	for id in made slept came; do
		exits 0 call $id increment
	done
	exits 0 deactivate slept
	again $level
	# An arrival is on disk whatever is promised beyond it.
	eventually "$level: who arrived is back" is_active came
	exits 0 info slept --json
	is "$level: who slept sleeps" false "$(pick active)"
	is "$level: with what it knew" 2 "$(count_of slept)"
	case $level in
	none)
		exits 3 info made
		is "none: recovered" came "$(recovered)" ;;
	arrival)
		eventually "arrival: who was made is back" is_active made
		is "arrival: as it was made" 1 "$(count_of made)"
		is "arrival: as it arrived" 4 "$(count_of came)"
		eventually "arrival: the copy is back" is_active "$copy"
		is "arrival: recovered" "$(printf '%s\n' came made "$copy" |
			sort | paste -sd' ')" "$(recovered)" ;;
	message)
		eventually "message: who was made is back" is_active made
		is "message: each answer holds" 2 "$(count_of made)"
		is "message: also of who arrived" 5 "$(count_of came)" ;;
	esac
	# Nothing comes back that was ended.
	p dispose came
	again $level
	exits 3 info came
	stop $level
done

# Many ask at once when it is killed: what was answered is counted.
host message --state-dir "$work/message" --durability message
export PAGLETS_ENTRY=${url[message]}
p create $counter --id busy
callers=()
for i in 1 2 3 4; do
	(
		n=0
		while "$PAGLETS" call busy increment >/dev/null 2>&1; do
			echo $((++n)) >"$work/answered.$i"
		done
	) &
	callers+=($!)
done
some_answered() {
	[ "$(cat "$work"/answered.? 2>/dev/null | awk '{ n += $1 } END { print n + 0 }')" -gt 40 ]
}
eventually "some are answered" some_answered
stop message KILL
wait "${callers[@]}"
answered=$(($(cat "$work"/answered.? | paste -sd+)))
host message --state-dir "$work/message" --durability message
export PAGLETS_ENTRY=${url[message]}
eventually "the busy one is back" is_active busy
counted=$(count_of busy)
[ "$counted" -ge $answered ] && [ "$counted" -le $((answered + 4)) ] ||
	bad "$answered answered, $counted counted"
[ $answered -gt 20 ] || bad "hardly any was answered: $answered"

# Restarted after a crash: five times in a minute, and no more.
p create $counter --id phoenix --restart on-crash count:=7
p create $counter --id mortal
p call mortal crash
for i in 1 2 3 4 5; do
	exits 1 call phoenix crash
	eventually "restart $i" is_active phoenix
	is "restart $i: from its checkpoint" 7 "$(count_of phoenix)"
done
exits 1 call phoenix crash
eventually "the sixth is the last" is_crashed phoenix
sleep 0.3
is_crashed phoenix || bad "it stays so"
exits 1 call phoenix get
is_crashed mortal || bad "who need not come back does not"
again message
is_crashed mortal || bad "a crash is remembered"
exits 0 dispose mortal
exits 0 create $counter --id mortal
stop message

# Restarted as its class says, unless whoever made it said otherwise; one that
# does not even come to life stays crashed.
PROGRAM=$TOOLS/ring host deaf --state-dir "$work/deaf"
export PAGLETS_ENTRY=${url[deaf]}
p create ring:PhoenixPaglet --id ash
p create ring:PhoenixPaglet --id dust --restart never
p create ring:PhoenixPaglet --id frail fragile:=1
for id in ash dust frail; do
	exits 1 call $id exit
done
eventually "restarted as its class says" is_active ash
is_crashed dust || bad "it need not come back, whatever its class says"
eventually "one that does not come to life stays crashed" is_crashed frail
is "with what it ended with" 4 "$(pick exitcode)"
exits 1 call frail get
like "callers are told" '*crashed: process exited with code 4*' "$err"
stop deaf KILL
PROGRAM=$TOOLS/ring host deaf --state-dir "$work/deaf"
export PAGLETS_ENTRY=${url[deaf]}
eventually "back as any other" is_active ash
for id in dust frail; do
	is_crashed $id || bad "$id is remembered as crashed"
done
for id in ash dust frail; do
	exits 0 dispose $id
done

# A child that is deaf to all but SIGKILL.
force() {
	p create ring:RingPaglet --id stays
	p info stays --json
	child=$(pick pid)
	p call stays stay --oneway
	exits 0 dispose stays --force
	eventually "its process is gone" gone "$child"
}
quickest force
below "ended by force: ms" 1800 $ms
p create ring:RingPaglet --id stays
p info stays --json
child=$(pick pid)
p call stays stay --oneway
took stop deaf
is "the host ends" 0 $code
below "within its time: ms" 20000 $ms
gone "$child" || bad "the child has outlived the host"
PROGRAM=$TOOLS/ring host deaf --state-dir "$work/deaf"
export PAGLETS_ENTRY=${url[deaf]}
eventually "the agent is back as it last was" is_active stays
finish
