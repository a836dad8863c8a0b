#!/bin/bash
# Goal: what is no clean HTTP is refused and the connection closed, what is
# too large or too slow has its limit, and what is odd but right is served.
. "$(dirname "$0")/lib.sh"

host alpha --max-body 100K --max-move 1M
at=${url[alpha]}
h="Host: ${at#http://}\r\n"

# closes STATUS WHAT TEXT: sent raw, answered so, and then closed.
closes() {
	raw "$at" "$3" -t 30
	split
	is "$2: status" "$1" "$status"
	is "$2: closed" 0 "$code"
}
# smuggles WHAT HEADERS: a POST with these; what stands behind it, a request
# by another reading, is not answered.
smuggles() {
	closes 400 "$1" "POST /agents HTTP/1.1\r\n$h$2\r\n0\r\n\r\nGET /health HTTP/1.1\r\n$h\r\n"
	is "$1: one answer" 1 "$(grep -o 'HTTP/1.1 ' <<<"$out" | wc -l)"
}

# Two readers could disagree where these end.
smuggles "length and chunked" 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'
smuggles "chunked and length" 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n'
smuggles "two lengths" 'Content-Length: 5\r\nContent-Length: 6\r\n'
smuggles "a list of lengths" 'Content-Length: 5, 6\r\n'
smuggles "a length with a sign" 'Content-Length: +5\r\n'
smuggles "a length in hex" 'Content-Length: 0x5\r\n'
smuggles "a length beyond all" 'Content-Length: 99999999999999999999\r\n'
smuggles "chunked is not last" 'Transfer-Encoding: chunked, gzip\r\n'
smuggles "an unknown coding" 'Transfer-Encoding: xchunked\r\n'
smuggles "chunked twice" 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'
smuggles "a space before the colon" 'Transfer-Encoding : chunked\r\n'
smuggles "a folded line" 'X: a\r\n Transfer-Encoding: chunked\r\n'
smuggles "a bare LF" 'X: a\nTransfer-Encoding: chunked\r\n'
smuggles "a bare CR" 'X: a\rTransfer-Encoding: chunked\r\n'
smuggles "NUL in a header" 'X: a\0\r\n'
smuggles "another Host" 'Host: other:1\r\n'
for size in x -1 0x2 '2 2' '' ffffffffffffffffff; do
	closes 400 "chunk size '$size'" "POST /agents HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\n$size\r\n{}\r\n0\r\n\r\n"
done
closes 400 "a chunk that is longer than it says" "POST /agents HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"
closes 400 "no host" 'GET /health HTTP/1.1\r\n\r\n'
closes 400 "not HTTP" 'hello\r\n\r\n'
closes 400 "TLS" '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'
closes 501 "an unknown method" "BREW /health HTTP/1.1\r\n$h\r\n"

# Limits, just inside and just outside. A target of 8 KiB, a head of 16 KiB.
target() {
	printf "/health?%*s" $(($1 - 8)) '' | tr ' ' x
}
raw "$at" "GET $(target 8192) HTTP/1.1\r\n${h}Connection: close\r\n\r\n"
split
is "a target of 8192 bytes" 200 "$status"
closes 414 "a target of 8193 bytes" "GET $(target 8193) HTTP/1.1\r\n$h\r\n"
# A GET whose head has $1 bytes.
head_of() {
	local start="GET /health HTTP/1.1\r\n${h}Connection: close\r\nX: "
	local n=$(($1 - $(printf "$start\r\n\r\n" | wc -c)))

	printf '%s%s\\r\\n\\r\\n' "$start" "$(printf '%*s' $n '' | tr ' ' x)"
}
raw "$at" "$(head_of 16384)"
is "a head of 16384 bytes was made" 16384 "$(stat -c %s "$work/raw.in")"
split
is "a head of 16384 bytes" 200 "$status"
closes 431 "a head of 16385 bytes" "$(head_of 16385)"
closes 431 "101 headers" "GET /health HTTP/1.1\r\n$h$(printf 'a: b\\r\\n%.0s' {1..100})\r\n"
closes 413 "a body of more than --max-body" "POST /agents/x/messages HTTP/1.1\r\n${h}Content-Length: 102401\r\n\r\n"
closes 413 "a movement of more than --max-move" "POST /agents HTTP/1.1\r\n${h}Content-Length: 1048577\r\n\r\n"
post "$at/agents/x/messages" "$(printf '%102400s' '{}')"
is "a body of just --max-body" 400 "$status"
like "was read" "*missing field*" "$body"
post "$at/agents" "$(printf '%102401s' '{}')"
is "a movement may be longer" 400 "$status"
closes 413 "a chunked body of more" "POST /agents/x/messages HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\n19001\r\n$(printf '%102401s' '{}')\r\n0\r\n\r\n"

# Who goes on sending what was refused still hears so, and is not served
# forever: 40 MB are on their way when the answer is written.
{
	printf "POST /agents/x/messages HTTP/1.1\r\n${h}Content-Length: 40000000\r\n\r\n"
	head -c 40000000 /dev/zero
} >"$work/long"
took raw_file "$at" "$work/long" -t 60
split
is "a long body: status" 413 "$status"
is "a long body: closed in peace" 0 "$code"
below "a long body: refused at once" 25000 $ms
raw_file "$at" "$work/long" -t 60 -n
split
is "a client that stops then: status" 413 "$status"
is "a client that stops then: closed" 0 "$code"
raw "$at" "POST /nowhere HTTP/1.1\r\n${h}Content-Length: 50000\r\n\r\n" -t 3
split
is "refused by its route, before there is a body" 400 "$status"

# Odd, but right.
good() {
	raw "$at" "$2" "${@:3}"
	split
	is "$1: status" 200 "$status"
}
good "HTTP/1.0" 'GET /health HTTP/1.0\r\n\r\n'
is "HTTP/1.0: closed" 0 "$code"
good "an absolute target" "GET $at/health HTTP/1.1\r\n${h}Connection: close\r\n\r\n"
good "Host twice, the same" "GET /health HTTP/1.1\r\n$h${h}Connection: close\r\n\r\n"
good "empty lines before" "\r\n\r\nGET /health HTTP/1.1\r\n${h}Connection: close\r\n\r\n"
good "byte by byte" "GET /health HTTP/1.1\r\n${h}Connection: close\r\n\r\n" -p 1 -w 1
good "the sender has shut down" "GET /health HTTP/1.1\r\n$h\r\n" -h
is "the sender has shut down: closed" 0 "$code"
good "HEAD" "HEAD /health HTTP/1.1\r\n${h}Connection: close\r\n\r\n"
is "HEAD: no body" "" "$body"

p create $counter --entry "$at" --id c
m='{"message": {"kind": "increment"}}'
good "a chunked body, cut anywhere, with extensions and trailers" \
	"POST /agents/c/messages HTTP/1.1\r\n${h}Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\n${m:0:5}\r\n1D ; z\r\n${m:5}\r\n000\r\nT: v\r\n\r\n" -p 3
is "it was read whole" '{"result": {"count": 1}}' "$body"
expect="POST /agents/c/messages HTTP/1.1\r\n${h}Connection: close\r\nExpect: 100-continue\r\nContent-Length: ${#m}\r\n\r\n"
raw "$at" "$expect$m" -p "$(printf "$expect" | wc -c)" -w 100
like "Expect: 100-continue" 'HTTP/1.1 100 *HTTP/1.1 200 *{"result": {"count": 2}}' "$out"

# One connection, many requests, answered in order; the last closes it.
pipelined=
for i in 3 4 5 6 7; do
	pipelined+="POST /agents/c/messages HTTP/1.1\r\n${h}Content-Length: ${#m}\r\n\r\n$m"
done
raw "$at" "${pipelined}GET /nope HTTP/1.1\r\n${h}Connection: close\r\n\r\n" -p 50
is "pipelined, in order" '3 4 5 6 7 ' "$(grep -o '"count": [0-9]*' <<<"$out" |
	grep -o '[0-9]*' | tr '\n' ' ')"
like "an error does not upset the order" '*No route for GET /nope*' "$out"
is "closed when asked to" 0 "$code"
finish
