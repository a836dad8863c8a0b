#!/bin/bash
# Goal: hosts whose clocks are an hour off, fast or slow, are online wherever
# the others are, and see all others so; whoever of them ends is offline.
. "$(dirname "$0")/lib.sh"

host alpha
SKEW=3600 PROGRAM=$TOOLS/skewed host fast --peer "${url[alpha]}"
SKEW=-3600 PROGRAM=$TOOLS/skewed host slow --peer "${url[alpha]}"
host beta --peer "${url[slow]}"

# shown AT WHAT NAME...: AT lists these as online (true), or not (false).
shown() {
	local at=$1 what=$2
	shift 2
	p hosts --entry "${url[$at]}" --json
	[ "$(pick hosts | grep -o '"name": "[^"]*"\|"online": [a-z]*' |
		paste - - | sed -n "s/.*: \"\\([^\"]*\\)\".*$what/\\1/p" |
		tr '\n' ' ')" = "$* " ]
}
all() {
	local name
	for name in alpha beta fast slow; do
		shown $name true alpha beta fast slow || return
	done
}
# Not short: what is judged by the wrong clock may turn out so only later.
patience=20
eventually "all see all" all
for ((end = SECONDS + 15; SECONDS < end; )); do
	all || { bad "somebody is missed: $out"; break; }
	sleep 0.2
done
p hosts --entry "${url[fast]}" --json
fast=$(pick hosts.2.last_seen) now=$(date +%s)
like "it is an hour ahead" "1*" "$((${fast%.*} - now > 3000))"

# A restart with the clock put right: an hour before what was told last.
port=${url[fast]##*:}
stop fast KILL
patience=25
eventually "missed" shown alpha true alpha beta slow
eventually "by those told of it too" shown beta true alpha beta slow
host fast --port "$port" --peer "${url[alpha]}"
eventually "back, with a clock that went back" all
stop slow
eventually "the slow one is missed too" shown beta true alpha beta fast
finish
