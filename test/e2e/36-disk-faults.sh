#!/bin/bash
# Goal: a disk that fails, is full, or holds what was cut in the middle: no
# success is reported that is none, nothing that was there is lost, and the
# host says what is wrong.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

up alpha
up beta
export PAGLETS_ENTRY=${url[alpha]}
count=0
p create $counter --id kim
found "at first"
active() {
	p info "$1" --json && [ "$(pick active)" = true ]
}

# Two hosts on one folder: the second one is told of the first.
"$PAGLETS" serve --name gamma --port 0 --no-mesh --state-dir "$work/alpha" \
	>"$work/second" 2>&1
is "two hosts on one folder: exit code" 7 $?
like "it is told whose it is" "*${pid[alpha]}*" "$(<"$work/second")"
like "and its name" "*alpha*" "$(<"$work/second")"
is "the first one goes on" '{"count": 2}' "$(p call kim increment; echo "$out")"
count=2

# The disk fails at a sync: what was asked for has not happened.
trace alpha all -e trace=fdatasync -e inject=fdatasync:error=EIO
exits 1 dispatch kim "${url[beta]}"
like "a move: the error is clear" '*log/0001: sync: I/O error' "$err"
exits 0 info kim --json
is "it is active here" true "$(pick active)"
exits 3 info "${url[beta]}/agents/kim"
untrace
readonly="*state folder $work/alpha takes no more changes*I/O error"
exits 1 deactivate kim
like "the store is read-only, and says so" "$readonly" "$err"
exits 0 info kim --json
is "still active" true "$(pick active)"
exits 1 create $counter --id lou
like "nor is one created" "$readonly" "$err"
exits 3 info lou
p dispose kim
[ $code != 0 ] || bad "nor is one disposed of"
p call kim increment
[ $code != 0 ] || bad "no answer that is not on disk"
exits 0 health --json
is "the host itself serves" 1 "$(pick active_count)"
exits 0 state kim --json
get "${url[alpha]}/livez"
is "it lives" 200 "$status"
get "${url[alpha]}/readyz"
is "but is not ready" 503 "$status"
like "and says why" '*takes no more changes*' "$body"
down alpha
up alpha
eventually "opened again it is as it was" active kim
get "${url[alpha]}/readyz"
is "and ready" 200 "$status"
found "opened again"
exits 0 deactivate kim
exits 0 activate kim

# The disk of the target fails: it can say neither that it has the agent nor
# that it never will, until it is opened again and looks at what was written.
trace beta all -e trace=fdatasync -e inject=fdatasync:error=EIO
exits 1 dispatch kim "${url[beta]}" --timeout 1s
untrace
look
is "a target whose disk failed has it nowhere" "" "${places[*]}"
is "the source waits" alpha "$moving"
down beta
up beta
found "the target is back"
[ $here = alpha ] || exits 0 retract "${url[beta]}/agents/kim"
found "at home"

# The last record is torn, or empty: all before it holds.
record() {
	ls "$work"/alpha/log/[0-9]* | tail -n 1
}
down alpha
printf '12345678 500 {"put": {"agent/kim": {"sta' >>"$(record)"
up alpha
eventually "a torn record is cut off" active kim
like "with a line in the log" '*last record was not finished*' \
	"$(<"$work/alpha.err")"
found "torn"
down alpha
printf '\n' >>"$(record)"
up alpha
eventually "an empty record does no harm" active kim
found "empty"
down alpha
truncate -s +4096 "$(record)"
up alpha
eventually "nor do zeros at the end" active kim
found "zeros"
stop alpha
is "and it ends well" 0 $code

# Damage anywhere else: what is not damaged is there, and the host says so.
told() {
	p events --limit 1000 --json
	grep -o '"kind": "store-corrupt"' <<<"$out" | wc -l
}
up alpha
is "nothing but tails so far, and an empty record" 1 "$(told)"
p create $counter --id lou count:=5
p create $counter --id max count:=6
p create $counter --id zoe count:=7
exits 0 deactivate zoe
down alpha
at=$(grep -abo '"agent/max"' "$(record)" | tail -n 1)
printf X | dd of="$(record)" bs=1 seek="${at%%:*}" conv=notrunc
up alpha
is "a damaged record is an event" 1 "$(told)"
grep -q 'Xagent/max' "$work"/alpha/corrupt/* || bad "it is kept in corrupt/"
exits 3 info max
for agent in lou:5 zoe:7; do
	exits 0 call ${agent%:*} get --json
	is "the record on either side" ${agent#*:} "$(pick count)"
done
found "damaged"
down alpha

# A disk that is full: clear errors, nothing left behind; with room again all
# is well again.
mkdir "$work/small"
if mount -t tmpfs -o size=1m tmpfs "$work/small"; then
	trap 'umount -l "$work/small"; cleanup' EXIT
	host small --state-dir "$work/small/state" --no-mesh \
		--durability message
	export PAGLETS_ENTRY=${url[small]}
	exits 0 create $counter --id max
	exits 0 call max increment
	dd if=/dev/zero of="$work/small/full" bs=4k
	for ((i = 0; i < 200; i++)); do
		p call max increment
		[ $code = 0 ] || break
	done
	is "a full disk: exit code" 1 $code
	like "the error is clear" '*No space left on device*' "$err"
	exits 1 create $counter --id extra label="$(printf %4000d 0)"
	like "and again" '*No space left on device*' "$err"
	exits 3 info extra
	exits 1 deactivate max
	exits 0 info max --json
	is "it stays active" true "$(pick active)"
	is "nothing half is left" "" "$(find "$work/small" -name '*tmp*' -type f)"
	rm "$work/small/full"
	exits 0 call max increment
	exits 0 create $counter --id extra
	exits 0 call max get --json
	was=$(pick count)
	stop small KILL
	host small --state-dir "$work/small/state" --no-mesh
	export PAGLETS_ENTRY=${url[small]}
	eventually "with room: back after a crash" active max
	exits 0 call max get --json
	is "as it was" "$was" "$(pick count)"
	stop small
else
	echo "no tmpfs may be mounted: a full disk was not tried"
fi

# Ten thousand that sleep are there at once.
# They came over four connections, so that they share what a sync costs.
mkdir "$work/batch"
host many --state-dir "$work/many" --no-mesh
at=${url[many]#http://}
state_class=paglets_demo.counter:CounterState
envelope='{"envelope": {"kind": "dispatch", "agent_id": "%s", "agent_class_name": "'$counter'", "state_class_name": "'$state_class'", "state": {"count": %d}, "source_host_name": "s", "source_host_address": "http://127.0.0.1:9", "target_host_name": "many", "target_host_address": "'$at'", "metadata": {"transfer_ticket": {"destination": "x", "arrival_mode": "inactive"}}}}'
for n in 0 1 2 3; do
	for ((i = n * 2500; i < (n + 1) * 2500; i++)); do
		printf -v body "$envelope" "agent-$i" $i
		close=
		[ $((i % 2500)) != 2499 ] || close='Connection: close\r\n'
		printf "POST /agents HTTP/1.1\r\nHost: $at\r\n${close}Content-Type: application/json\r\nContent-Length: ${#body}\r\n\r\n%s" \
			"$body"
	done >"$work/batch/$n.in" &
done
wait $(jobs -p | tail -n 4)
senders=()
for n in 0 1 2 3; do
	"$TOOLS/rawhttp" -t 60 "${at%:*}" "${at##*:}" <"$work/batch/$n.in" \
		>"$work/batch/$n.out" &
	senders+=($!)
done
wait "${senders[@]}"
is "so many came to sleep" 10000 \
	"$(cat "$work"/batch/*.out | grep -o 'HTTP/1.1 200' | wc -l)"
stop many KILL
took host many --state-dir "$work/many" --no-mesh
echo "10,000 records: the host is there after $ms ms"
below "10,000 that sleep: ms until the host listens" 15000 $ms
exits 0 health --json --entry "${url[many]}"
is "all are there" 10000 "$(pick inactive_count)"
exits 0 call "${url[many]}/agents/agent-7654" increment --json
is "with what they knew" 7655 "$(pick count)"
finish
