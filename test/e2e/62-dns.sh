#!/bin/bash
# Goal: hosts that were told of a name find all that stand behind it, those
# that join it later too, and miss nobody when it goes.
. "$(dirname "$0")/net.sh"

five="alpha beta delta epsilon gamma"
lan lan
machine names lan 10.77.1.253/24
machines lan 10.77.1 $five
for name in alpha beta delta; do
	echo "${addr[$name]}"
done >"$work/addresses"
names 10.77.1.253
behind names "$TOOLS/dns" \
	10.77.1.253 53 mesh.test "$work/addresses"

# They ask again every 30 s: all but the last start with half of it.
for name in $five; do
	station $name --no-mesh-lan-discovery --no-mesh-multicast \
		--peer dns:mesh.test
done
patience=20
eventually "all see all" see_all $five
tell "by a name, since the last was started"

# A name that has gone, and comes back as others.
machine omega lan 10.77.1.100/24
: >"$work/addresses"
station omega --no-mesh-lan-discovery --no-mesh-multicast \
	--peer dns:mesh.test:8765
sleep 2
is "nobody stands behind the name" "omega " "$(online omega)"
see_all $five || bad "who is known is known without the name"
echo "${addr[gamma]}" >"$work/addresses"
patience=45
eventually "looked up again" see_all $five omega
tell "a name that changed"

# What is no name, and what nobody knows, end no host.
export PAGLETS_API_KEY=$key
machine lost lan 10.77.1.101/24
station lost --no-mesh-lan-discovery --no-mesh-multicast \
	--peer dns:nobody.test
is "a name of nobody" "lost " "$(online lost)"
exits 2 serve --port 0 --peer dns:
exits 2 serve --port 0 --peer dns:mesh.test:0
finish
