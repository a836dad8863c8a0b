#!/bin/bash
# Goal: recorded exchanges with a Python hub, of nodes as well as of those who
# want something of them, are answered alike by ours, but for what
# test/data/relay/DIFFER.tsv names and explains.
. "$(dirname "$0")/lib.sh"

export PAGLETS_API_KEY=hubkey
host hub --mesh-version lab-1
while [ ${#url[hub]} != 22 ]; do
	stop hub
	host hub --mesh-version lab-1
done
"$TOOLS/replay" "$DATA/relay" hub="${url[hub]}" || bad replay
finish
