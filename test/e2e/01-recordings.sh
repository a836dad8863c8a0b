#!/bin/bash
# Goal: recorded exchanges with a Python host, sent to ours, are answered
# alike, but for what test/data/http/DIFFER.tsv names and explains.
. "$(dirname "$0")/lib.sh"

# A host whose port has as many digits as those in the recordings.
like_recorded() {
	host "$@"
	while [ ${#url[$1]} != 22 ]; do
		stop "$1"
		host "$@"
	done
}
like_recorded alpha --mesh-version lab-1 --tag gpu,linux --property rack=r1 \
	--property zone=zü --artifact-max-size 2000000
like_recorded beta --mesh-version lab-1
PAGLETS_API_KEY=s3cret like_recorded locked --mesh-version lab-1
# Which port a host behind a prefix got, it does not say: try one out.
like_recorded pub
stop pub
port=${url[pub]##*:}
PAGLETS_API_KEY=k host pub --port "$port" --mesh-version lab-1 \
	--public-url http://127.0.0.1:35793/base/path

"$TOOLS/replay" "$DATA/http" alpha="${url[alpha]}" beta="${url[beta]}" \
	locked="${url[locked]}" pub="http://127.0.0.1:$port" || bad replay
finish
