#!/bin/bash
# Goal: the demo tells its story, whatever the variables of whoever runs it
# say, and leaves nothing behind, also when it is cut short.
. "$(dirname "$0")/lib.sh"

export TMPDIR=$work/tmp PAGLETS_ENTRY=http://127.0.0.1:1 PAGLETS_MESH_DEBUG=1
mkdir "$TMPDIR"
nothing_left() {
	! ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -q -- "-> $TMPDIR" &&
		[ -z "$(ls -A "$TMPDIR")" ]
}

out=$("$root/scripts/demo" 2>"$work/demo.err")
is "exit code: $(<"$work/demo.err")" 0 $?
like "the story" "alpha is a host now:*kim moves to beta:*left behind." "$out"
below "lines of it" 16 "$(wc -l <<<"$out")"
nothing_left || bad "something is left behind"

"$root/scripts/demo" 2>&1 | head -n 1 >"$work/first"
like "the first line" "alpha is a host now:*" "$(<"$work/first")"
eventually "nobody reads on: nothing is left" nothing_left

"$root/scripts/demo" >"$work/told" 2>&1 &
demo=$!
eventually "it has begun" test -s "$work/told"
kill -TERM $demo
wait $demo
eventually "terminated: nothing is left" nothing_left
finish
