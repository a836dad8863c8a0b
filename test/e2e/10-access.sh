#!/bin/bash
# Goal: a host with a key answers those who have it and tells others how to
# give one; no web page can make a browser speak to a host; a host that others
# can reach has a key.
. "$(dirname "$0")/lib.sh"

key=0123456789abcdef-secret
echo "$key" >"$work/key"
host open
PAGLETS_API_KEY=$key host locked --peer "${url[open]}"
host keyfile --api-key-file "$work/key" --peer "${url[locked]}"

# The right key by all ways, a wrong one, none.
export PAGLETS_ENTRY=${url[locked]}
exits 4 health
like "no key: how to give one" '*PAGLETS_API_KEY*' "$err"
exits 0 health --api-key-file "$work/key"
MY_KEY=$key exits 0 health --api-key-env MY_KEY
PAGLETS_API_KEY=$key exits 0 create $counter --id c
PAGLETS_API_KEY=wrong exits 4 call c ping
PAGLETS_API_KEY=${key%?} exits 4 call c ping
PAGLETS_API_KEY=${key}x exits 4 call c ping
PAGLETS_API_KEY=$key exits 0 call c ping
get "${url[locked]}/agents/c"
is "401" 401 "$status"
like "says what it wants" '*WWW-Authenticate: Bearer*' "$out"
is "in the words of the protocol" "Authentication required" \
	"$(pick error "$body")"
get "${url[locked]}/nope"
is "what routes there are is told to nobody" 401 "$status"
raw "${url[locked]}" "POST /agents HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
split
is "401 does not wait for the body" 401 "$status"
for path in livez readyz; do
	get "${url[locked]}/$path"
	is "/$path needs no key" 200 "$status"
done
for auth in "Basic $key" "$key" "Bearer" "Bearer " "Bearer  $key x" \
	"Bearer: $key"; do
	raw "${url[locked]}" "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $auth\r\n\r\n"
	split
	is "Authorization: $auth" 401 "$status"
done
raw "${url[locked]}" "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nauthorization: bearer $key\r\n\r\n"
split
is "the scheme in any case" 200 "$status"

# Hosts with a key exchange agents; one without cannot send there.
export PAGLETS_API_KEY=$key
exits 0 dispatch c "${url[keyfile]}"
exits 0 call c increment
is "forwarded with the key" '{"count": 1}' "$out"
exits 0 create $counter --id poor --entry "${url[open]}"
exits 1 dispatch "${url[open]}/agents/poor" "${url[locked]}"
like "refused, with a hint" '*Authentication required*PAGLETS_API_KEY*' "$err"
exits 0 call "${url[open]}/agents/poor" ping
unset PAGLETS_API_KEY

# A page of another site, and a name that somebody's DNS made ours.
asked() {
	raw "${url[open]}" "GET /health HTTP/1.1\r\n$2Connection: close\r\n\r\n"
	split
	is "$3" "$1" "$status"
}
own=${url[open]#http://}
asked 200 "Host: $own\r\n" "the own address"
asked 200 "Host: localhost:1\r\n" "localhost"
asked 403 "Host: evil.example\r\n" "DNS rebinding"
asked 403 "Host: evil.example:${own##*:}\r\n" "DNS rebinding with our port"
asked 403 "Host: 127.0.0.1.evil.example\r\n" "an address in front"
asked 403 "Host: $own\r\nOrigin: http://evil.example\r\n" "a foreign origin"
asked 403 "Host: $own\r\nOrigin: null\r\n" "an origin that hides"
asked 403 "Host: $own\r\nSec-Fetch-Site: cross-site\r\n" "cross-site"
asked 403 "Host: $own\r\nSec-Fetch-Site: same-site\r\n" "same-site"
asked 403 "Host: evil.example\r\nSec-Fetch-Site: same-origin\r\n" \
	"rebinding from a page"
asked 200 "Host: $own\r\nOrigin: http://$own\r\n" "the own origin"
like "no CORS" '*' "$out"
[[ $out != *Access-Control* ]] || bad "no CORS header"
raw "${url[open]}" "POST /agents/poor/dispose HTTP/1.1\r\nHost: $own\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
split
is "a form of another site" 403 "$status"
exits 0 call "${url[open]}/agents/poor" ping

# With a key, pages are refused as well, and key or no key the same.
raw "${url[locked]}" "GET /health HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nConnection: close\r\nAuthorization: Bearer $key\r\n\r\n"
split
is "a page that has the key" 403 "$status"

# Reachable by others: only with a key, or when told so.
for options in "--host 0.0.0.0" "--host ::" "--public-url http://example.org"; do
	exits 7 serve --port 0 $options
	like "serve $options: what to do" '*key*' "$err"
done
# The key does not come from the command line.
exits 2 serve --port 0 --api-key secret
# A short key is warned of: PG_KEY_WEAK.
for n in 15 16 17; do
	PAGLETS_API_KEY=$(printf %0${n}d 0) host weak$n --state-dir none
	is "a key of $n bytes" $((n < 16)) \
		"$(grep -c 'can be guessed' "$work/weak$n.err")"
done
finish
