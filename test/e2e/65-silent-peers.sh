#!/bin/bash
# Goal: of ten peers two are silent, one that never answers anything and one
# that answers only when it is asked for its health: nobody else is ever shown
# offline, by any host, and whoever joins is seen soon.
. "$(dirname "$0")/lib.sh"

healthy="h1 h2 h3 h4 h5 h6 h7 h8"
"$TOOLS/silent" 60 '{"name": "deaf", "address": "URL", "code_version": "paglets-wire-1"}' \
	>"$work/deaf" &
started+=($!)
host mute
until [ -s "$work/deaf" ]; do
	sleep 0.01
done
for name in $healthy; do
	host $name --peer "${url[mute]}" --peer "$(<"$work/deaf")" \
		--peer "${url[h1]:-http://127.0.0.1:1}"
done

# shown AT true|false: the healthy ones that it lists as online, or not.
shown() {
	p hosts --entry "${url[$1]}" --json
	pick hosts | grep -o '"name": "[^"]*"\|"online": [a-z]*' | paste - - |
		sed -n "s/.*: \"\\(h[0-9]*\\)\".*$2/\\1/p" | tr '\n' ' '
}
all_online() {
	local name
	for name in $healthy; do
		[ "$(shown $name true)" = "$healthy " ] || return
	done
}
patience=30
eventually "all see all" all_online
kill -STOP "${pid[mute]}"
unset "running[mute]"

wrong= samples=0
for ((end = SECONDS + 25; SECONDS < end; samples++)); do
	for name in $healthy; do
		wrong+=$(shown $name false)
	done
	sleep 0.1
done
is "healthy hosts shown offline, in $samples rounds of looking" "" "$wrong"
all_online || bad "all are online at the end"
host h9 --peer "${url[h4]}"
healthy="$healthy h9"
eventually "a newcomer" all_online
echo "a newcomer: $ms ms"
kill -KILL "${pid[mute]}"
finish
