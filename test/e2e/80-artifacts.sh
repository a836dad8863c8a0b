#!/bin/bash
# Goal: an artifact is stored as it was sent or not at all; it is listed,
# looked at, sent whole or in part, and removed; what may not come is refused
# before it has come.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/art.sh"
up() {
	host alpha --no-mesh --state-dir "$work/alpha" \
		--artifact-max-size 3000000 --artifact-storage-quota 7000000
}
up
at=${url[alpha]#http://}
big=$(sha "$work/large") little=$(sha "$work/small")

# There and back.
put alpha "name=large+one&owner_agent_id=kim&sha256=$big&size=3000000" \
	"$work/large"
is "an upload is stored" 200 "$status"
is "its hash" "$big" "$(pick artifact.sha256 "$body")"
is "its size" 3000000 "$(pick artifact.size_bytes "$body")"
is "its name" "large one" "$(pick artifact.name "$body")"
large=$id
fetch alpha "$large" "$work/back"
is "it comes back" "200 $big" "$status $(sha "$work/back")"
like "with its type" *"Content-Type: application/octet-stream"* "$head"
like "its hash" *"X-Paglets-Artifact-Sha256: $big"* "$head"
like "its tag" *"ETag: \"$big\""* "$head"
put alpha name=x "$work/small"
first=$id
put alpha name=x "$work/small"
is "the same bytes again are another artifact" 200 "$status"
like "of another id" "????????????????????????????????" "$id"
[ "$id" != "$first" ] || bad "it has the id of the first one"
put alpha "" "$work/empty"
is "nothing at all is one, too" "200 0" \
	"$status $(pick artifact.size_bytes "$body")"
empty=$id
fetch alpha "$empty" "$work/back"
is "and comes back" "200 0" "$status $(stat -c %s "$work/back")"

# Parts, conditions, heads.
fetch alpha "$large" "$work/back" 'Range: bytes=1000-2999\r\n'
is "a part" "206 $(tail -c +1001 "$work/large" | head -c 2000 | sha256sum)" \
	"$status $(sha256sum <"$work/back")"
like "says which" *"Content-Range: bytes 1000-2999/3000000"* "$head"
fetch alpha "$large" "$work/back" "Range: bytes=2999990-\r\nIf-Range: \"$big\"\r\n"
is "the end, if it is that" "206 10" "$status $(stat -c %s "$work/back")"
fetch alpha "$large" "$work/back" 'Range: bytes=5-\r\nIf-Range: "other"\r\n'
is "else all of it" "200 3000000" "$status $(stat -c %s "$work/back")"
fetch alpha "$large" "$work/back" 'Range: bytes=3000000-\r\n'
is "what is beyond its end" 416 "$status"
like "says where that is" *'Content-Range: bytes */3000000'* "$head"
fetch alpha "$large" "$work/back" "If-None-Match: \"$big\"\r\n"
is "what one has, one is not sent" "304 0" "$status $(stat -c %s "$work/back")"
fetch alpha "$large" "$work/back" 'If-Match: "x"\r\n'
is "nor what one does not mean" 412 "$status"
raw "http://$at" "HEAD /artifacts/$large HTTP/1.1\r\nHost: $at\r\nConnection: close\r\n\r\n"
like "a head" "HTTP/1.1 200 *Content-Length: 3000000*" "$out"
below "it comes alone: bytes" 1000 ${#out}

# Looking.
get "${url[alpha]}/artifacts?owner_agent_id=kim"
is "of an owner" "$large" "$(pick artifacts.0.artifact_id "$body")"
is "all are listed" 4 "$(listed alpha)"
get "${url[alpha]}/artifacts"
ids=$(grep -o 'artifact_id": "[0-9a-f]*' <<<"$body")
is "in order" "$(sort <<<"$ids")" "$ids"
get "${url[alpha]}/artifacts/$large/metadata"
is "metadata" "large one" "$(pick artifact.name "$body")"

# What is wrong is refused, and leaves nothing.
wrong() {
	local what=$1
	shift
	like "$what" "$1" "$status $body"
	eventually "$what: nothing is left" settles "$work/alpha" "4 4 0"
}
put alpha "sha256=${big/[0-9]/x}" "$work/small"
wrong "a wrong hash" '400 *TransferError*artifact checksum mismatch: expected*'
raw "http://$at" "POST /artifacts HTTP/1.1\r\nHost: $at\r\nContent-Length: 10\r\n\r\nabc" -h
split
wrong "a body that ends early" '400 *connection ended within*'
raw "http://$at" "POST /artifacts HTTP/1.1\r\nHost: $at\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" -h
split
wrong "a chunked body that ends early" '400 *connection ended within*'
raw "http://$at" "POST /artifacts?size=4 HTTP/1.1\r\nHost: $at\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
split
wrong "a body shorter than declared" '400 *size mismatch: expected 4, got 3*'
raw "http://$at" "POST /artifacts?size=2 HTTP/1.1\r\nHost: $at\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
split
wrong "a longer one" '400 *size mismatch: expected 2, got 3*'
put alpha size=999 "$work/small"
wrong "a size other than the length" '400 *size mismatch: expected 999*'
raw "http://$at" "POST /artifacts HTTP/1.1\r\nHost: $at\r\nContent-Length: 3\r\n\r\nabcGET /artifacts/$empty HTTP/1.1\r\nHost: $at\r\nConnection: close\r\n\r\n"
is "what follows a body is no part of it" 2 "$(grep -c 'HTTP/1.1 200' <<<"$out")"
remove alpha "$(grep -o 'artifact_id": "[0-9a-f]*' <<<"$out" | cut -c16-)"
{ cat "$work/large"; printf x; } >"$work/larger"
put alpha "" "$work/larger"
wrong "one that is too large" \
	'400 *artifact exceeds maximum size: 3000001 bytes would exceed 3000000 bytes*'
{
	printf 'POST /artifacts HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' "$at"
	printf '%x\r\n' 3000001
	cat "$work/larger"
	printf '\r\n0\r\n\r\n'
} >"$work/raw.in"
raw_file "http://$at" "$work/raw.in"
split
wrong "one that turns out to be" \
	'400 *artifact exceeds maximum size: 3000001 bytes would exceed 3000000 bytes*'
for id in zz ../../x %2e%2e%2fx 00%00 "$(printf 'g%.0s' {1..300})"; do
	fetch alpha "$id" "$work/back"
	is "no id: ${id:0:12}" 400 "$status"
	remove alpha "$id"
	is "nor to be removed: ${id:0:12}" 400 "$status"
done
fetch alpha "$(printf 'a%.0s' {1..300})" "$work/back"
like "an id of 300 digits" 400* "$status $(<"$work/back")"
for query in name=../../x name=%00 "name=$(printf 'n%.0s' {1..300})" \
	compression=../x owner_agent_id=/etc/passwd; do
	put alpha "$query" "$work/empty"
	is "a name is no path: ${query:0:20}" 200 "$status"
	remove alpha "$id"
	is "removed again" 200 "$status"
done
put alpha "name=%ff" "$work/empty"
wrong "a name that is no text" '400 *no UTF-8*'
put alpha "name=$(printf 'n%.0s' {1..1025})" "$work/empty"
wrong "one that is too long" '400 *over 1024 bytes*'
put alpha "expires_at=soon" "$work/empty"
wrong "a time that is none" '400 *expires_at*'
is "no file of another name is anywhere" "" \
	"$(find "$work/alpha/artifacts" -type f | grep -Ev '/(blobs/[0-9a-f]{32}\.bin|metadata/[0-9a-f]{32}\.json)$')"

# Quota: 3,002,000 bytes are there.
put alpha "" "$work/large"
is "below the quota" 200 "$status"
second=$id
head -c 998000 "$work/large" >"$work/rest"
{ cat "$work/rest"; printf x; } >"$work/over"
put alpha "" "$work/over"
like "above it" '400 *artifact storage quota exceeded: 7000001 bytes would exceed 7000000*' "$status $body"
put alpha "" "$work/rest"
is "it may be reached" 200 "$status"
put alpha "" "$work/empty"
is "and then nothing may still come" 200 "$status"
printf x >"$work/one"
put alpha "" "$work/one"
is "but no byte" 400 "$status"

# All survives.
stop alpha KILL
up
is "a start keeps all" 7 "$(listed alpha)"
fetch alpha "$large" "$work/back"
is "as they were" "$big" "$(sha "$work/back")"
put alpha "" "$work/one"
is "the quota too" 400 "$status"
remove alpha "$second"
is "room is made" 200 "$status"
remove alpha "$second"
is "twice is as good as once" 200 "$status"
fetch alpha "$second" "$work/back"
like "it is gone" '400 *No artifact*' "$status $(<"$work/back")"
put alpha "" "$work/one"
is "and is there" 200 "$status"

# A download goes on to its end when the artifact is removed meanwhile, or has
# expired.
slowly() {
	local at=${url[alpha]#http://}
	exec {conn}<>"/dev/tcp/${at%:*}/${at##*:}"
	printf 'GET /artifacts/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' \
		"$1" "$at" >&$conn
	head -c 1000 <&$conn >"$work/slow"
}
ends() {
	cat <&$conn >>"$work/slow"
	exec {conn}>&-
	is "$1" "$big" "$(tail -c 3000000 "$work/slow" | sha256sum | cut -d' ' -f1)"
}
slowly "$large"
remove alpha "$large"
eventually "its file is gone" [ ! -e "$work/alpha/artifacts/blobs/$large.bin" ]
ends "it is sent to its end"
put alpha "expires_at=$(($(date +%s) + 2)).5" "$work/large"
is "one that will expire" 200 "$status"
slowly "$id"
expired() {
	fetch alpha "$id" "$work/back"
	[ "$status" = 400 ]
}
eventually "it expires" expired
ends "but is sent to its end"
eventually "its file goes" [ ! -e "$work/alpha/artifacts/blobs/$id.bin" ]
put alpha "expires_at=1.0" "$work/small"
is "what has expired already may come" 200 "$status"
fetch alpha "$id" "$work/back"
is "and is not there" 400 "$status"

# A key is asked for before anything is taken.
PAGLETS_API_KEY=0123456789abcdef host locked --no-mesh --state-dir "$work/locked"
put locked "" "$work/large"
is "without the key" 401 "$status"
is "nothing is written" "0 0 0" "$(on_disk "$work/locked")"
put alpha "" "$work/small" 'Origin: http://evil.example\r\n'
is "nor from a page of somebody else" 403 "$status"

# Without a folder there are none.
host none --no-mesh --state-dir none
put none "" "$work/small"
like "nowhere to keep it" '400 *keeps nothing on disk*--state-dir*' "$status $body"
is "none are listed" 0 "$(listed none)"
fetch none 00ff "$work/back"
is "none is found" 400 "$status"
remove none 00ff
is "none is removed" 200 "$status"
finish
