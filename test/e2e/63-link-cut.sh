#!/bin/bash
# Goal: a machine whose cable is out for 20 s is offline in time, and online
# in time once it is back; its agents are where they were, and nobody has been
# forgotten.
. "$(dirname "$0")/net.sh"

five="alpha beta delta epsilon gamma"
rest="alpha beta epsilon gamma"
lan lan
machines lan 10.77.1 $five
for name in $five; do
	station $name --no-mesh-lan-discovery --peer "http://${addr[alpha]}:8765"
done
patience=40
eventually "all see all" see_all $five
export PAGLETS_API_KEY=$key
within delta exits 0 create $counter --entry "${url[delta]}" --id inside
within alpha exits 0 create $counter --entry "${url[alpha]}" --id outside

# 11 s are allowed, and 15 s; more only because this machine may be busy.
patience=25
from=$SECONDS
cut_off delta
eventually "the others miss it" missed delta $rest
tell "offline after the cut"
below "offline, in ms" 16000 "$ms"
eventually "it misses the others" see_all delta -- delta
within delta exits 0 call inside increment --entry "${url[delta]}"
within beta exits 0 call outside increment --entry "${url[beta]}"
for name in $five; do
	is "$name forgets nobody" 5 "$(listed $name | wc -w | awk '{print $1/2}')"
done
((from += 20 - SECONDS)) && [ $from -le 0 ] || sleep $from
heal delta
eventually "all see all again" see_all $five
tell "online after it was healed"
below "online, in ms" 20000 "$ms"
within beta exits 0 call delta/inside increment --entry "${url[beta]}"
is "as it was" '{"count": 2}' "$out"
within delta exits 0 dispatch alpha/outside delta --entry "${url[delta]}"
finish
