#!/bin/bash
# Goal: five machines find one another when all but one were told of that one;
# so do two networks when a single host of one is told of a single host of the
# other.
. "$(dirname "$0")/net.sh"

# One seed, which is up last.
five="alpha beta delta epsilon gamma"
lan lan
machines lan 10.77.1 $five
for name in $five; do
	[ $name = alpha ] || station $name --no-mesh-lan-discovery \
		--no-mesh-multicast --peer "http://${addr[alpha]}:8765"
done
station alpha --no-mesh-lan-discovery --no-mesh-multicast
patience=40
eventually "all see all" see_all $five
tell "by one seed, since it was started"
for name in $five; do
	stop $name
done

# Two networks with a router between, which passes no multicast on.
lan left
lan right
net_new router
plug router left left 10.77.2.254/24
plug router right right 10.77.3.254/24 2>/dev/null
within router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' ||
	skip "no routing here"
machines left 10.77.2 l1 l2 l3
machines right 10.77.3 r1 r2 r3
for name in l1 l2 l3; do
	within $name ip route add default via 10.77.2.254
done
for name in r1 r2 r3; do
	within $name ip route add default via 10.77.3.254
done
for name in l1 l2 l3 r1 r2; do
	station $name --no-mesh-lan-discovery
done
eventually "a network by itself" see_all l1 l2 l3
eventually "the other" see_all r1 r2
station r3 --no-mesh-lan-discovery --peer "http://${addr[l1]}:8765"
eventually "two networks are one" see_all l1 l2 l3 r1 r2 r3
tell "joined, since the one that knows both was started"

# The router breaks: each half goes on by itself, and knows of the other.
export PAGLETS_API_KEY=$key
within router ip link set dev left down
eventually "the halves part" see_all l1 l2 l3
eventually "on the other side too" see_all r1 r2 r3
within l2 exits 0 create $counter --entry "${url[l2]}" --on l3 --id c
within router ip link set dev left up
eventually "and come together" see_all l1 l2 l3 r1 r2 r3
tell "together again"
within r2 exits 0 dispatch l3/c r1 --entry "${url[r2]}"
finish
