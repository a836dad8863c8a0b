#!/bin/bash
# Goal: the hub, or a node, or both are killed at any moment of a move through
# the hub, between a delivery and its ack above all: the agent is on exactly
# one host when they are back, no message that was answered is forgotten and
# none counted twice, whoever waited was told in time, and the nodes are back
# by themselves.
#
# ROUNDS=100 for more of them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hub.sh"

# The shell has a word for each process that is killed: not here.
exec 3>&2 2>"$work/noise"
die() {
	echo "$1" >&3
	exit 1
}
rounds=${ROUNDS:-10}
RANDOM=${SEED:-$(date +%s)}
declare -A other=([beta]=gamma [gamma]=beta)

hub
node beta
node gamma

# Seconds that it took until both nodes poll.
back() {
	local from=${EPOCHREALTIME/./}
	eventually "$1: beta polls" polling beta >"$work/back"
	eventually "$1: gamma polls" polling gamma >>"$work/back"
	cat "$work/back"
	ms=$(((${EPOCHREALTIME/./} - from) / 1000))
}

# found WHAT: kim is on one host, and soon awake there; that is $here.
found() {
	local i name moving
	for ((i = 0; i < 600; i++)); do
		places=() moving=
		for name in beta gamma; do
			p info "${url[$name]}/agents/kim" --json
			[ $code = 0 ] || [ $code = 3 ] || moving=$name
			[ $code = 0 ] || continue
			[[ $out != *'"active": true'* ]] || places+=("$name")
			[[ $out != *'"moving": true'* ]] || moving=$name
		done
		[ ${#places[@]} -lt 2 ] || die "$1: doubled"
		[ ${#places[@]} = 0 ] || [ -n "$moving" ] || break
		sleep 0.05
	done
	[ ${#places[@]} = 1 ] || die "$1: lost: $(tail -n 5 "$work"/*.err)
$(p agents -a "${url[beta]}"; echo "$out$err"
p agents -a "${url[gamma]}"; echo "$out$err")"
	here=${places[0]}
	p call "${url[$here]}/agents/kim" increment --json --timeout 20s
	count=$((count + 1))
	is "$1: the count" $count "$(pick count)"
}

# Someone who counts meanwhile, and knows what was answered.
caller() {
	local n from
	for ((n = 0; ; n++)); do
		from=${EPOCHREALTIME/./}
		"$PAGLETS" call "${url[$1]}/agents/kim" increment by:=0 \
			tag="$2.$n" --timeout 1s >/dev/null 2>&1 &&
			echo "\"$2.$n\"" >>"$work/answered"
		echo $(((${EPOCHREALTIME/./} - from) / 1000)) >>"$work/waited"
	done
}

p create $counter --id kim --on "${url[beta]}"
count=0 slowest=0
: >"$work/answered" >"$work/waited"
back "at first"
found "at first"
for ((i = 1; i <= rounds; i++)); do
	there=${other[$here]}
	caller "$here" $i &
	calling=$!
	started+=($calling)
	"$PAGLETS" dispatch "${url[$here]}/agents/kim" "${url[$there]}" \
		--timeout 2s >/dev/null 2>&1 &
	moving=$!
	# What stands still has a delivery and does not ack it.
	[ $((RANDOM % 3)) != 0 ] || kill -STOP "${pid[$there]}"
	sleep 0.0$((RANDOM % 60 + 10))
	case $((RANDOM % 6)) in
	0) who=$here ;;
	1) who="hub $there" ;;
	*) who=hub ;;
	esac
	for name in $who; do
		down $name
	done
	for name in $here $there; do
		kill -CONT "${pid[$name]}" 2>/dev/null
	done
	sleep 0.$((RANDOM % 5))
	for name in $who; do
		case $name in
		hub) hub ;;
		*) node $name ;;
		esac
	done
	kill $calling
	wait $calling $moving
	what="round $i, $who killed"
	back "$what"
	slowest=$((ms > slowest ? ms : slowest))
	found "$what"
done

# What was answered is in the history of the agent, and once.
p call "${url[$here]}/agents/kim" get --json --timeout 20s
out=$(tr ',' '\n' <<<"$out" | grep -o '"[0-9]*\.[0-9]*"' | sort)
is "messages counted twice" "" "$(uniq -d <<<"$out")"
is "messages forgotten" "" \
	"$(comm -13 - <(sort "$work/answered") <<<"$out" | xargs)"
[ -s "$work/answered" ] || bad "no message was answered"
echo "$(wc -l <"$work/answered") of $(wc -l <"$work/waited") messages answered;" \
	"nodes back within $slowest ms"
# A second was allowed; the machine may be busy.
below "what a caller waited for an answer, ms" 11000 \
	"$(sort -n "$work/waited" | tail -n 1)"
below "until nodes are back, ms" 30000 $slowest
grep -h 'Assertion' "$work"/*.err >&3 && bad "a host reports a bug"
finish
