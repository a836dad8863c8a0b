#!/bin/bash
# Goal: 2,000 nodes that poll and wait cost the hub little memory each and no
# thread; what is sent to one of them reaches it; and when they have gone, all
# is well.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hub.sh"

n=2000
[ "$(ulimit -Hn)" -gt $((n + 100)) ] || {
	echo "no $n descriptors for a process here"
	exit 77
}
ulimit -n "$(ulimit -Hn)"
hub --mesh-version lab-1
hub=${url[hub]} at=${url[hub]#http://}
# Of another version they are no members of the mesh, whose list they would get
# each time. What the hub takes once is no part of it.
"$TOOLS/parked" 20 "${at%:*}" "${at#*:}" "$key" other 0 >"$work/few"
threads() {
	ls "/proc/${pid[hub]}/task" | wc -l
}
before=$(memory hub VmRSS)
background "$TOOLS/parked" $n "${at%:*}" "${at#*:}" "$key" other 600 \
	>"$work/parked" 2>"$work/parked.err"
parked=$!
all_parked() {
	[ -s "$work/parked" ] || ! kill -0 $parked 2>/dev/null
}
patience=240
eventually "all have sent their polls" all_parked
is "they are taken" parked "$(cat "$work/parked" "$work/parked.err")"
polls() {
	"$PAGLETS" relay "$hub" --json | grep -o '"active_polls": 1' | wc -l
}
all_poll() {
	[ "$(polls)" = $n ]
}
eventually "all polls wait" all_poll
after=$(memory hub VmRSS)
echo "$(((after - before) * 1024 / n)) bytes for each"
below "memory of a node, bytes" 32769 $(((after - before) * 1024 / n))
below "threads" 16 "$(threads)"
"$PAGLETS" call "$hub/relay/hosts/parked-1234/agents/a" x --timeout 500ms \
	2>"$work/err"
is "one that polls and does not ack" 6 $?
like "it had got that" "true 0 0 *" "$(relay parked-1234)"
kill $parked
wait $parked 2>/dev/null
none_poll() {
	[ "$(polls)" = 0 ]
}
eventually "none polls any more" none_poll
exits 0 health "$hub"
finish
