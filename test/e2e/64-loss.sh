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
sleep 10
eventually "all still do" see_all $five
tell "ten seconds later"
for name in $five; do
	is "$name knows all" 10 "$(listed $name | wc -w)"
	[ "$(lost $name)" -gt 20 ] || bad "hardly anything was lost"
done
finish
