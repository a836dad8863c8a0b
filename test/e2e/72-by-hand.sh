#!/bin/bash
# Goal: three hosts on one machine, started with a name and a port each and
# nothing else, see one another, and `paglets hosts` shows all of them.
. "$(dirname "$0")/net.sh"

machine laptop
port=8765
for name in alpha beta gamma; do
	within laptop launch $name "$PAGLETS" serve --name $name --port $((port++))
done
shown() {
	within laptop p hosts
	[[ $out == *alpha*beta*gamma* && $out != *offline* ]] || return
	within laptop p hosts --json
	[ "$(grep -o '"online": true' <<<"$out" | wc -l)" = 3 ]
}
patience=10
eventually "paglets hosts shows three" shown
tell "since the third was started (2 s are allowed)"
below "not much more than 2 s, in ms" 5000 "$ms"
for name in alpha beta gamma; do
	within laptop exits 0 create $counter --on $name --id at-$name
done
within laptop exits 0 dispatch alpha/at-alpha gamma
within laptop exits 0 wait-host beta
finish
