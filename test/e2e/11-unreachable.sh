#!/bin/bash
# Goal: a target that is not there, or never answers, costs its caller the
# time he gave and nothing else; the agent stays where it was and works.
. "$(dirname "$0")/lib.sh"

host alpha
export PAGLETS_ENTRY=${url[alpha]}
background "$TOOLS/silent" 60 >"$work/silent"
eventually "the silent server listens" test -s "$work/silent"
silent=$(cat "$work/silent")
nobody=http://127.0.0.1:9
exits 0 create $counter --id stays

# unmoved: the agent is here, active, and counts on.
n=0
unmoved() {
	n=$((n + 1))
	exits 0 call stays increment --json
	is "after $1: it works" $n "$(pick count)"
	exits 0 info stays --json
	is "after $1: it is here" true "$(pick active)"
}

exits 1 dispatch stays "$nobody"
like "nobody there: says why" "*$nobody*Connection refused*" "$err"
unmoved "nobody there"
exits 1 dispatch stays "$nobody" --retries 2 --retry-interval 10ms
unmoved "retries"
exits 1 clone stays "$nobody"
exits 5 retract stays "$nobody"
unmoved "retract"
exits 1 dispatch stays nosuchhost.invalid
unmoved "a name that is none"
exits 1 dispatch stays "http://127.0.0.1:0"
exits 1 dispatch stays "${url[alpha]}" --expect-version other
like "another version" "*expected 'other'*" "$err"
exits 1 dispatch stays "${url[alpha]}" --require fly,swim
exits 1 dispatch stays "${url[alpha]}" $(printf -- '--require c%d ' {1..63})
like "63 requirements" '*missing capabilities: c1, c2*' "$err"
exits 1 dispatch stays "${url[alpha]}" $(printf -- '--require c%d ' {1..64})
exits 2 dispatch stays "${url[alpha]}" $(printf -- '--require c%d ' {1..65})
like "65 requirements" '*--require: over 64*' "$err"
unmoved "requirements"
exits 0 events --limit 1000 --json
like "each is an event before it leaves" \
	'*"data": {"destination": "http*", "stage": "preflight"}*' "$out"

# A server that takes the connection and says nothing.
took exits 1 dispatch stays "$silent" --timeout 300ms
below "silent target: in the time that was given" 8000 $ms
unmoved "a silent target"
took exits 6 health --entry "$silent" --timeout 200ms
below "silent host" 8000 $ms
took exits 6 create $counter --on "$silent" --timeout 200ms
below "create there" 8000 $ms
took exits 1 call stays go ticket:='{"destination": "'"$silent"'", "timeout": 0.3}'
below "go there" 8000 $ms
unmoved "go to a silent target"

# Meanwhile others are served: nobody waits for the one that waits.
"$PAGLETS" dispatch stays "$silent" --timeout 8s 2>"$work/err" &
mover=$!
exits 0 create $counter --id other
took exits 0 call other ping
below "another agent" 4000 $ms
took exits 0 info stays --json
below "looking at the one that is leaving" 4000 $ms
took exits 0 health
below "health" 4000 $ms
wait $mover
is "dispatch: exit code" 1 $?
unmoved "all that"

# A port that is taken.
exits 7 serve --name second --port "${url[alpha]##*:}"
like "a port in use: named" "*${url[alpha]##*:}*" "$err"
exits 5 health --entry "$nobody"
like "nobody there" "*127.0.0.1:9*" "$err"
exits 0 events --limit 1000 --json
is "each failed move is an event" true \
	"$([[ $out == *transfer-failed* ]] && echo true)"
finish
