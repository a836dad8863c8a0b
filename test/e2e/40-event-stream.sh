#!/bin/bash
# Goal: whoever follows the events of a host sees each of them once and in
# order, also across a cut connection; whoever reads too slowly is told what
# it missed; and all learn of the end.
. "$(dirname "$0")/lib.sh"

# follow FILE WORD...: events -f in the background.
follow() {
	local file=$1
	shift
	background "$PAGLETS" events -f "$@" >"$work/$file" 2>"$work/$file.err"
	follower=$!
}

# Ids of the events in a file of events -f --json, or of a raw stream.
numbers() {
	sed -n 's/^.*"event_id": \([0-9]*\),.*$/\1/p'
}
ids() {
	numbers <"$work/$1"
}

last_id() {
	p events --json --limit 1
	pick events.0.event_id
}

has_id() {
	[ "$(tail -n 50 "$work/$1" | numbers | tail -n 1)" = "$2" ]
}

# Each number once, from the first to the last.
in_order() {
	is "$1: each event once, in order" \
		"$(seq "$(ids "$2" | head -1)" "$(ids "$2" | tail -1)" | sha256sum)" \
		"$(ids "$2" | sha256sum)"
}

# listen FILE FIELDS SECONDS: a raw stream into a file.
listen() {
	local to=${url[alpha]#http://}
	printf "GET /events/stream HTTP/1.0\r\nHost: $to\r\n$2\r\n" >"$work/$1.in"
	background sh -c 'exec "$@" <"$0"' "$work/$1.in" \
		"$TOOLS/rawhttp" -t "$3" "${to%:*}" "${to##*:}" >"$work/$1"
	stream=$!
}

open_stream() {
	local file=$1
	listen "$1" "$2" 300
	eventually "$file: stream opens" grep -q 'retry: 2000' "$work/$file"
}

host alpha
export PAGLETS_ENTRY=${url[alpha]}
exits 0 create $counter --id agent

# As they come, for people and for programs.
follow table
follow lines --json
open_stream raw ''
eventually "what was before is shown" grep -q context-start "$work/table"
exits 0 call agent increment
eventually "events come" has_id lines "$(last_id)"
in_order lines lines
eventually "also as a table" grep -q 'message-delivered *agent' "$work/table"
is "with one heading" 1 "$(grep -c '^ID ' "$work/table")"
is "one document a line" "$(wc -l <"$work/lines")" "$(ids lines | wc -l)"
like "server-sent events: none of before" $'*\n\n'"id: $(ids raw | head -1)-"*$'\nevent: message-queued\ndata: {*' \
	"$(<"$work/raw")"
is "of the stream" "$(ids lines | tail -2)" "$(ids raw)"

# From a number on.
open_stream since $'Last-Event-ID: 2\r\n'
eventually "Last-Event-ID" has_id since "$(last_id)"
is "the first one after it" 3 "$(ids since | head -1)"
in_order "since" since
get "${url[alpha]}/events/stream?since=many"
is "no number" 400 "$status"
p events -f nowhere
is "follow an unknown host" 3 $code

# The way is cut while things go on; a host too old to know streams.
background "$TOOLS/between" 127.0.0.1 "${url[alpha]##*:}" >"$work/way"
way=$!
background "$TOOLS/between" -x 'GET /events/stream' 127.0.0.1 \
	"${url[alpha]##*:}" >"$work/old"
eventually "both ways are there" test -s "$work/way" -a -s "$work/old"
follow across "$(<"$work/way")" --json
follow polled "$(<"$work/old")" --json
for i in 1 2 3; do
	exits 0 call agent increment
	eventually "seen across, $i" has_id across "$(last_id)"
	kill -USR1 $way
	exits 0 call agent increment
done
eventually "seen after the cut" has_id across "$(last_id)"
in_order "across cuts" across
eventually "seen by asking again and again" has_id polled "$(last_id)"
in_order "polled" polled

# The host is started anew meanwhile, and has come further than it was: what
# happens there is not what has been seen.
host again --state-dir none
at=${url[again]##*:}
background "$TOOLS/between" 127.0.0.1 "$at" >"$work/way2"
way2=$!
eventually "a way to it" test -s "$work/way2"
follow anew "$(<"$work/way2")" --json
eventually "it is followed" has_id anew 1
kill -STOP $follower
stop again KILL
host again --state-dir none --port "$at"
exits 0 create $counter --entry "${url[again]}"
kill -CONT $follower
eventually "and followed on" has_id anew 2
is "from its beginning" "1 1 2" "$(echo $(ids anew))"
kill $follower
stop again

# One that does not read delays nobody, and is told.
open_stream slow ''
slow=$stream
kill -STOP $stream
request='POST /agents/agent/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n'
message='{"message": {"kind": "ping"}}'
for ((i = 1; i <= 400; i++)); do
	[ $i != 400 ] || request+='Connection: close\r\n'
	printf "${request}Content-Length: ${#message}\r\n\r\n$message"
done >"$work/many"
# The other keeps up: two events for each message, fewer than a host keeps. The
# host cuts one off that has read nothing for 30 s.
for i in {1..5}; do
	raw_file "${url[alpha]}" "$work/many" -t 60
	is "many messages are answered" 400 "$(grep -c pong <<<"$out")"
	before=$(last_id)
	eventually "another listener has them all" has_id lines "$before"
done
in_order "another listener" lines
kill -CONT $stream
eventually "and the slow one the last" has_id slow "$before"
gaps=$(grep -A1 '^event: gap$' "$work/slow" | sed -n 's/^data: //p')
missed=0
like "with a gap" '{*}' "$gaps"
while read -r gap; do
	is "which is as long as it says" "$(pick missed "$gap")" \
		$(($(pick to "$gap") - $(pick from "$gap") + 1))
	missed=$((missed + $(pick missed "$gap")))
done <<<"$gaps"
is "what is missing is in it" $missed \
	$((before - $(ids slow | head -1) + 1 - $(ids slow | wc -l)))

# So many listeners and no more; one that leaves makes room.
open_stream first ''
first=$stream
for ((i = 0; i < 64; i++)); do
	listen "crowd.$i" '' 300
done
crowded() {
	[ "$(grep -l '^HTTP/1.1 [25]' "$work"/crowd.* | wc -l)" = 64 ]
}
eventually "each of the crowd is answered" crowded
refused() {
	raw "${url[alpha]}" 'GET /events/stream HTTP/1.0\r\n\r\n' -t 3
	split
	[ "$status" = 503 ]
}
eventually "a crowd of listeners is refused" refused
like "and told why" "*64 listeners*" "$body"
kill $first
admitted() {
	listen admitted '' 3
	wait $stream
	grep -q retry "$work/admitted"
}
eventually "until one has left" admitted

# The end of the host is the end of them.
kill "$slow"
follow last --json
eventually "one more follows" has_id last "$(last_id)"
stop alpha KILL
wait $follower
is "exit code of a follower when the host is killed" 5 $?
is "one line why" 1 "$(wc -l <"$work/last.err")"
like "it says so" "*Could not reach*" "$(<"$work/last.err")"

# It ends streams in good order too.
host alpha
export PAGLETS_ENTRY=${url[alpha]}
follow last
eventually "it follows the new one" grep -q context-start "$work/last"
took stop alpha
is "the host stops" 0 $code
below "without waiting for listeners (ms)" 2800 $ms
wait $follower
is "and its follower ends" 5 $?
finish
