#!/bin/bash
# Goal: recorded exchanges with a Python host, sent to ours, are answered
# alike, but for what test/data/http/DIFFER.tsv names and explains.
. "$(dirname "$0")/lib.sh"

host alpha --mesh-version lab-1 --tag gpu,linux --property rack=r1 \
	--property zone=zü
host beta --mesh-version lab-1
PAGLETS_API_KEY=s3cret host locked --mesh-version lab-1
# Which port a host behind a prefix got, it does not say: try one out.
host pub
stop pub
port=${url[pub]##*:}
PAGLETS_API_KEY=k host pub --port "$port" --mesh-version lab-1 \
	--public-url http://127.0.0.1:35793/base/path

"$TOOLS/replay" "$DATA/http" alpha="${url[alpha]}" beta="${url[beta]}" \
	locked="${url[locked]}" pub="http://127.0.0.1:$port" || bad replay
finish
