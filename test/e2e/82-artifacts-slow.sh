#!/bin/bash
# Goal: hundreds of uploads that are slow or stand still keep nobody from
# uploading, cost no room but for what they have sent, and leave nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/art.sh"
ulimit -n 4096 2>/dev/null
many=300
host alpha --no-mesh --state-dir "$work/alpha" \
	--artifact-storage-quota 10000000
at=${url[alpha]#http://}
big=$(sha "$work/large")
before=$(memory alpha RssAnon)

# One third sends nothing but a head, one a byte, one a byte now and then. All
# together say that they will send far more than there is room for.
conns=()
for ((i = 0; i < many; i++)); do
	exec {conn}<>"/dev/tcp/${at%:*}/${at##*:}"
	printf 'POST /artifacts HTTP/1.1\r\nHost: %s\r\nContent-Length: 3000000\r\n\r\n' \
		"$at" >&$conn
	[ $((i % 3)) = 0 ] || printf x >&$conn
	conns+=($conn)
done
for ((round = 0; round < 5; round++)); do
	for ((i = 2; i < many; i += 3)); do
		printf y >&"${conns[i]}"
	done
	put alpha "sha256=$big" "$work/large"
	is "another one uploads" 200 "$status"
	fetch alpha "$id" "$work/back"
	is "and downloads" "$big" "$(sha "$work/back")"
	remove alpha "$id"
	exits 0 health --entry "${url[alpha]}"
done
grown=$(($(memory alpha RssAnon) - before))
below "memory for $many of them, in kB" 40000 $grown
# They end: some say so, some just go.
for ((i = 0; i < many; i++)); do
	conn=${conns[i]}
	exec {conn}>&-
done
eventually "nothing is left of them" settles "$work/alpha" "0 0 0"
is "none is listed" 0 "$(listed alpha)"
put alpha "" "$work/large"
is "and all is well" 200 "$status"
finish
