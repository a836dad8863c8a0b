#!/bin/bash
# Goal: a move whose answer or whose request is lost on the way, comes too
# late, or is never settled: the agent is on one host, and its messages with
# it. People decide when the target is gone for good.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

# Where beta is reached, through something that stands between.
way() {
	: >"$work/way"
	background "$TOOLS/between" "$@" 127.0.0.1 "${url[beta]##*:}" \
		>"$work/way" 2>"$work/late"
	eventually "the way between: $1" test -s "$work/way"
	stop beta
	local direct=${url[beta]}
	up beta --public-url "$(<"$work/way")" --insecure-no-auth
	url[beta]=$direct
}
events_of() {
	p events --limit 1000 --json --entry "${url[$1]}"
	"$TOOLS/pick" events <"$work/p.out" | grep -o "\"kind\": \"$2\"" | wc -l
}
active() {
	p info "${url[$1]}/agents/$2" --json && [ "$(pick active)" = true ]
}
count_is() {
	p call "${url[$1]}/agents/$2" get --json && [ "$(pick count)" = "$3" ]
}

up alpha
up beta
export PAGLETS_ENTRY=${url[alpha]}
count=0
p create $counter --id kim
found "at first"

# The answer of the envelope is cut off: asked for, and repeated.
way -a 'POST /agents '
exits 0 dispatch kim "$(<"$work/way")"
found "an answer cut off"
is "an answer cut off: it is there" beta "$here"
is "it arrived once" 1 "$(events_of beta arrival)"
exits 0 retract "${url[beta]}/agents/kim" --entry "${url[alpha]}"
found "back again"
way -a 'POST /agents '
exits 0 dispatch kim "$(<"$work/way")" --retries 2
found "cut off and retried"
is "cut off and retried: it is there" beta "$here"
is "after one failed attempt, as before" 2 "$(events_of alpha transfer-failed)"
exits 0 events --limit 1000 --json
like "which tells how many are left" \
	'*"stage": "post", "attempt": 1, "attempts": 3}*' "$out"
is "and arrived once" 1 "$(events_of beta arrival)"
exits 0 retract "${url[beta]}/agents/kim" --entry "${url[alpha]}"
found "home"

# The envelope comes when its sender has given up, asked, and been told that
# it will not be let in.
way -l 'POST /agents '
exits 1 dispatch kim "$(<"$work/way")" --timeout 400ms
found "an envelope that takes long"
is "it goes on where it was" alpha "$here"
eventually "the envelope arrives" test -s "$work/late"
like "too late" 'HTTP/1.1 400 *TransferError*' "$(<"$work/late")"
found "after it came"
is "it is still where it was" alpha "$here"

# Nothing but the answer is missing, and then the target is: what is sent
# meanwhile waits, also for a host that stops and starts, and follows.
stop beta
up beta
strike beta "$(threads beta | head -n 1)" sendmsg 2
exits 1 dispatch kim "${url[beta]}" --timeout 1s
struck beta || bad "the target died before it answered"
down beta
like "the caller is told" '*settled*' "$err"
exits 0 info kim --json
is "it is under way" true "$(pick moving)"
exits 0 call kim increment tag=waited --oneway
"$PAGLETS" call kim increment tag=asked --timeout 20s >"$work/asked" 2>&1 &
asked=$!
exits 6 call kim get --timeout 100ms
up beta
wait $asked
is "who waited is answered from there: $(<"$work/asked")" 0 $?
count=$((count + 2))
found "settled when the target is back"
is "settled: it is there" beta "$here"
p call "${url[beta]}/agents/kim" get --json
like "in order" '*"waited", "asked"*' "$out"
exits 0 retract "${url[beta]}/agents/kim" --entry "${url[alpha]}"
found "home again"

strike beta "$(threads beta | head -n 1)" sendmsg 2
exits 1 dispatch kim "${url[beta]}" --timeout 1s
struck beta || bad "the target died before it answered, again"
down beta
exits 0 call kim increment tag=kept --oneway
stop alpha
is "the source stops meanwhile" 0 $code
up alpha
exits 0 info kim --json
is "under way still" true "$(pick moving)"
exits 0 call kim increment tag=later --oneway
up beta
count=$((count + 2))
eventually "what waited has followed" count_is beta kim $count
found "settled after a restart of the source"
is "settled after a restart: it is there" beta "$here"
exits 0 retract "${url[beta]}/agents/kim" --entry "${url[alpha]}"
found "home once more"

# What waited is on its way, when the source dies: it is not lost.
strike beta "$(threads beta | head -n 1)" sendmsg 2
exits 1 dispatch kim "${url[beta]}" --timeout 1s
struck beta || bad "the target died before it answered, a third time"
down beta
exits 0 call kim increment tag=kept --oneway
stop alpha
up alpha
strike alpha "$(threads alpha | head -n 1)" sendmsg 2
up beta
died() {
	gone "${pid[alpha]}"
}
eventually "the source dies" died
untrace
down alpha
up alpha
count=$((count + 1))
eventually "what was kept has followed" count_is beta kim $count
found "settled, and the source died"
is "the source has left a note" $((count + 1)) \
	"$(p call kim increment --json; pick count)"

# Straight back, while the envelope that brought it is not answered yet.
export PROGRAM=$TOOLS/ring
stop alpha
up alpha
stop beta
up beta
p create ring:RingPaglet --id boomerang
exits 0 call boomerang bounce target="${url[beta]}"
for i in 1 2 3; do
	eventually "it is back, $i" active alpha boomerang
	active beta boomerang && bad "doubled by coming back, $i"
	exits 0 call boomerang bounce target="${url[beta]}"
done
eventually "it is back" active alpha boomerang
is "it has been there each time" 4 "$(events_of beta arrival)"
unset PROGRAM

# A target that is gone for good, with or without the agent.
health='{"name": "fake", "address": "URL", "code_version": "x", "capabilities": [], "settle": true}'
background "$TOOLS/silent" 60 "$health" >"$work/fake"
eventually "the fake host listens" test -s "$work/fake"
for id in lou max; do
	p create $counter --id $id count:=7
	exits 1 dispatch $id "$(<"$work/fake")" --timeout 300ms
done
exits 0 call lou increment --oneway
exits 7 resolve boomerang --here
exits 0 resolve lou --here
eventually "with what waited" count_is alpha lou 8
exits 7 resolve lou --here
stop alpha KILL
up alpha
eventually "it stays resolved" active alpha lou
exits 0 info max --json
is "the other one is under way" true "$(pick moving)"
exits 0 resolve max --gone
exits 0 agents -a
[[ $out != *max* ]] || bad "listed although it is gone"
stop alpha KILL
up alpha
exits 0 agents -a
[[ $out != *max* ]] || bad "back although it was said to be gone"
exits 0 create $counter --id max
finish
