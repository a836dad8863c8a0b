#!/bin/bash
# Goal: hosts find one another, and stay, though half of all packets are lost.
. "$(dirname "$0")/net.sh"

five="alpha beta delta epsilon gamma"
lan lan
machines lan 10.77.1 $five
for name in $five; do
	drop $name 50
	station $name --no-mesh-lan-discovery --peer "http://${addr[alpha]}:8765"
done

# From within each machine: nothing is lost there.
patience=45
eventually "all see all" see_all $five
tell "with half of the packets lost"
for name in $five; do
	[ "$(listed $name | wc -w)" = 10 ] || bad "$name knows all"
done
finish
