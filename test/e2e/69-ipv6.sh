#!/bin/bash
# Goal: hosts that have IPv6 alone find one another by a seed and by
# multicast, and agents go by name from each to each.
. "$(dirname "$0")/net.sh"

# A network on which there is no IPv4.
lan lan
i=0
for name in alpha beta gamma; do
	machine $name lan fd77::$((++i))/64
	within $name ip addr del 127.0.0.1/8 dev lo
done
ipv6() {
	local name=$1 at=${addr[$1]}
	shift
	PAGLETS_API_KEY=$key within $name host $name --host $at --port 8765 "$@"
}
ipv6 alpha
ipv6 beta --peer "http://[fd77::1]:8765"
ipv6 gamma --peer "http://[fd77::2]:8765/"
is "an address in brackets" "http://[fd77::2]:8765" "${url[beta]}"
patience=30
eventually "by a seed" see_all alpha beta gamma
export PAGLETS_API_KEY=$key
within gamma exits 0 create $counter --entry "${url[gamma]}" --on alpha --id c
within gamma exits 0 dispatch alpha/c beta --entry "${url[gamma]}"
is "moved" "http://[fd77::2]:8765/agents/c" "$out"
within alpha exits 0 call "http://[fd77::2]:8765/agents/c" ping
for name in alpha beta gamma; do
	stop $name
done

# By multicast on the link.
for name in alpha beta gamma; do
	ipv6 $name --mesh-multicast
done
eventually "by multicast" see_all alpha beta gamma
tell "by multicast, since the last was started"
for name in alpha beta gamma; do
	stop $name
done

# On one machine, at ::1.
machine here
within here sh -c 'echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6' 2>/dev/null
for name in one three two; do
	net_alias=$net/$name
	touch "$net_alias" && mount --bind "$net/here" "$net_alias"
	within here host $name --host ::1 ${url[one]:+--peer "${url[one]}"}
done
eventually "at ::1" see_all one three two
finish
