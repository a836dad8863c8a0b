#!/bin/bash
# Goal: killed, or told to stop, at any moment of a move, with messages under
# way, neither host loses the agent, doubles it, or forgets a message that was
# answered; nor counts one twice.
#
# ROUNDS=200 for more of them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

rounds=${ROUNDS:-20}
RANDOM=${SEED:-$(date +%s)}

up alpha
up beta
p create $counter --id kim --entry "${url[alpha]}"
count=0
found "at first"

# Someone who counts meanwhile, and knows what was answered: each message has
# its own tag, which the agent remembers in its history.
caller() {
	local n
	for ((n = 0; ; n++)); do
		"$PAGLETS" call "${url[$1]}/agents/kim" increment by:=0 \
			tag="$2.$n" --timeout 1s >/dev/null 2>&1 &&
			echo "\"$2.$n\"" >>"$work/answered"
	done
}

for ((i = 1; i <= rounds; i++)); do
	there=${other[$here]}
	caller "$here" $i &
	calling=$!
	"$PAGLETS" dispatch "${url[$here]}/agents/kim" "${url[$there]}" \
		--timeout 1s >/dev/null 2>&1 &
	moving=$!
	sleep 0.0$((RANDOM % 50 + 10))
	case $((RANDOM % 3)) in
	0) who=$here ;;
	1) who=$there ;;
	2) who="$here $there" ;;
	esac
	how=KILL
	[ $((RANDOM % 2)) = 0 ] || how=TERM
	for name in $who; do
		unset "running[$name]"
		kill -$how "${pid[$name]}"
	done
	for name in $who; do
		wait "${pid[$name]}"
	done
	sleep 0.0$((RANDOM % 90 + 10))
	for name in $who; do
		up $name
	done
	kill $calling
	wait $calling $moving
	found "round $i, $how: $who"
done

touch "$work/answered"
p call "${url[$here]}/agents/kim" get --json
pick history | grep -o '"[0-9]*\.[0-9]*"' | sort >"$work/handled"
is "what was answered was handled" "" \
	"$(sort "$work/answered" | comm -23 - "$work/handled")"
is "once" "" "$(uniq -d "$work/handled")"
echo "$(wc -l <"$work/answered") messages were answered"
[ -s "$work/answered" ] || bad "no message was ever answered"
finish
