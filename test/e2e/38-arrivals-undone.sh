#!/bin/bash
# Goal: an arrival that does not come about, because the agent does not like
# it there, because the target is stopped meanwhile, or because its disk fails
# just then, is one that never was; a move that is still to be settled is
# nobody's to end but its own, and nobody waits for it. The agent is on exactly
# one host each time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

export PROGRAM=$TOOLS/ring
records() {
	cat "$work/$1"/log/[0-9]*
}
has() {
	p info "${url[$1]}/agents/kim" --json && [ "$(pick active)" = true ]
}
# only HOST WHAT: kim is there alone.
only() {
	eventually "$2: it is on $1" has "$1"
	look
	is "$2: and nowhere else" "$1" "${places[*]}"
}
# In the background; its exit code is in $code after `wait $going`.
go() {
	"$PAGLETS" dispatch "${url[$1]}/agents/kim" "$2" --timeout "$3" \
		>"$work/go" 2>&1 &
	going=$!
	started+=($going)
}

up alpha
up beta
p create ring:RingPaglet --id kim --entry "${url[alpha]}"

# It leaves nothing behind, and its way back is still known after a restart.
exits 0 dispatch "${url[alpha]}/agents/kim" "${url[beta]}"
exits 0 call "${url[beta]}/agents/kim" refuse host=alpha
exits 1 dispatch "${url[beta]}/agents/kim" "${url[alpha]}"
like "the reason is told" '*does not like it here*' "$err"
only beta "not liked"
like "of the transfer nothing is kept" '*"del": [*"agent/kim", "transfer/*' \
	"$(records alpha | tail -n 1)"
stop alpha KILL
up alpha
exits 0 call "${url[alpha]}/agents/kim" refuse host=nobody
exits 0 retract "${url[beta]}/agents/kim" --entry "${url[alpha]}"
only alpha "home"

# The target is stopped while it writes down that it has come.
for way in dispatch asleep; do
	trace beta all -e trace=fdatasync \
		-e inject=fdatasync:delay_enter=500000
	[ $way = dispatch ] || exits 0 call "${url[alpha]}/agents/kim" get
	before=$(records beta | wc -l)
	"$PAGLETS" dispatch "${url[alpha]}/agents/kim" "${url[beta]}" \
		--timeout 20s $([ $way = dispatch ] || echo --arrival-mode inactive) \
		>"$work/go" 2>&1 &
	going=$!
	written() {
		[ "$(records beta | wc -l)" -gt "$before" ]
	}
	eventually "$way: it is being written" written
	stop beta
	untrace
	wait $going
	up beta
	p activate "${url[beta]}/agents/kim"
	only beta "$way: stopped meanwhile"
	exits 0 retract "${url[beta]}/agents/kim" --entry "${url[alpha]}"
	only alpha "$way: home"
done

# It does not like it there, and the disk does not take that it has gone: until
# that is decided the source waits.
exits 0 call "${url[alpha]}/agents/kim" refuse host=beta
go alpha "${url[beta]}" 1s
arrived() {
	records beta | tail -n 1 | grep -q '"status": "arrived"'
}
eventually "it arrives" arrived
trace beta all -e trace=fdatasync -e inject=fdatasync:error=EIO
wait $going
is "a disk that fails just then: no success" 1 $?
untrace
like "but nothing decided" '*can not be settled yet*' "$(<"$work/go")"
look
is "it waits" "/alpha" "${places[*]}/$moving"
down beta
up beta
gone_from_alpha() {
	p info "${url[alpha]}/agents/kim" --json
	[ $code = 3 ]
}
eventually "the disk says that it is there" gone_from_alpha
exits 0 info "${url[beta]}/agents/kim"
exits 0 dispose "${url[beta]}/agents/kim"

# Its process dies while the move is to be settled, and another order for it,
# which had asked before, fails: that does not bring it to life here.
p create ring:RingPaglet --id kim --entry "${url[alpha]}"
background "$TOOLS/silent" 60 >"$work/hole"
eventually "a host that says nothing" test -s "$work/hole"
exits 0 info "${url[alpha]}/agents/kim" --json
process=$(pick pid)
go alpha "$(<"$work/hole")" 1500ms
sleep 0.2
strike beta "$(threads beta | head -n 1)" sendmsg 2
exits 1 dispatch "${url[alpha]}/agents/kim" "${url[beta]}" --timeout 2s
struck beta || bad "the target died before it answered"
down beta
kill -KILL $process
wait $going
is "the other order fails" 1 $?
look
is "it is under way still" "/alpha" "${places[*]}/$moving"
up beta
only beta "settled"

# Two orders wait for their turn; the first one's target falls silent: the
# other is not kept waiting until that is settled.
background "$TOOLS/silent" 60 '{"name": "fake", "address": "URL", "code_version": "x", "capabilities": [], "settle": true}' >"$work/fake"
eventually "a host that answers no POST" test -s "$work/fake"
p create $counter --id lou --entry "${url[alpha]}"
exits 0 call "${url[alpha]}/agents/lou" sleep seconds=1 --oneway
for i in 1 2; do
	"$PAGLETS" dispatch "${url[alpha]}/agents/lou" "$(<"$work/fake")" \
		--timeout 2s >"$work/order.$i" 2>&1 &
	orders[i]=$!
	started+=($!)
done
wait "${orders[@]}"
like "one is told that it is open" '*can not be settled yet*' \
	"$(cat "$work"/order.?)"
like "the other that it is under way" '*is moving*' "$(cat "$work"/order.?)"
exits 0 resolve "${url[alpha]}/agents/lou" --here

# One that falls asleep before its turn has come does not go when it wakes.
exits 0 call "${url[alpha]}/agents/lou" sleep seconds=1 --oneway
"$PAGLETS" deactivate "${url[alpha]}/agents/lou" >/dev/null 2>&1 &
asleep=$!
sleep 0.2
exits 3 dispatch "${url[alpha]}/agents/lou" "${url[beta]}" --timeout 30s
wait $asleep
finish
