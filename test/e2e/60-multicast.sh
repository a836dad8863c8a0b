#!/bin/bash
# Goal: five machines on one network whose hosts were told of nobody find one
# another by multicast, and agents go by name from each to each. A host that
# keeps quiet is not found.
. "$(dirname "$0")/net.sh"

five="alpha beta delta epsilon gamma"
lan lan
machines lan 10.77.1 $five hermit
for name in $five; do
	station $name --no-mesh-lan-discovery
done
station hermit --no-mesh-lan-discovery --no-mesh-multicast

patience=40
eventually "all see all" see_all $five
tell "by multicast, since the last was started"
is "the quiet one is alone" "hermit " "$(online hermit)"

export PAGLETS_API_KEY=$key PAGLETS_ENTRY=${url[beta]}
within beta exits 0 create $counter --on alpha --id c
at=alpha
for to in gamma epsilon delta beta; do
	within beta exits 0 dispatch $at/c $to
	at=$to
done
within alpha exits 0 info beta/c --entry "${url[alpha]}" --json
is "it has been everywhere" beta "$(pick host)"

# One that goes is missed, and found again at another address of its own.
stop delta KILL
eventually "the others miss it" missed delta alpha beta epsilon gamma
machine zeta lan 10.77.1.77/24
station zeta --no-mesh-lan-discovery
eventually "one more is found" see_all alpha beta epsilon gamma zeta
tell "a newcomer"
finish
