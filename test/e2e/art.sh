# art.sh: artifacts, put and looked at byte by byte. Sourced after lib.sh.

# put NAME QUERY FILE [HEADER]: upload a file to that host; $status, $body and,
# when it is stored, $id.
put() {
	local at=${url[$1]#http://}
	{
		printf 'POST /artifacts?%s HTTP/1.1\r\nHost: %s\r\n' "$2" "$at"
		printf 'Connection: close\r\n%b' "${4:-}"
		printf 'Content-Length: %d\r\n\r\n' "$(stat -c %s "$3")"
		cat "$3"
	} >"$work/raw.in"
	raw_file "http://$at" "$work/raw.in" -t 120
	split
	id=$(pick artifact.artifact_id "$body" 2>/dev/null)
}

# fetch NAME ID FILE [HEADER]: its bytes go to the file, $status and $head are
# of the answer.
fetch() {
	local at=${url[$1]#http://}
	printf 'GET /artifacts/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%b\r\n' \
		"$2" "$at" "${4:-}" |
		"$TOOLS/rawhttp" -t 120 "${at%:*}" "${at##*:}" >"$work/fetched"
	head=$(sed '/^\r$/q' "$work/fetched" | tr -d '\r')
	status=${head#HTTP/1.1 } status=${status%% *}
	tail -c +$((${#head} + $(wc -l <<<"$head") + 4)) "$work/fetched" >"$3"
}

# Of host $1 that is told what is to be done to an artifact: $status.
remove() {
	local at=${url[$1]#http://}
	raw "http://$at" "DELETE /artifacts/${2//%/%%} HTTP/1.1\r\nHost: $at\r\nConnection: close\r\n\r\n"
	split
}

# What the store at $1 has on disk: blobs, metadata, what is arriving.
on_disk() {
	echo $(ls "$1/artifacts/blobs" | wc -l) \
		$(ls "$1/artifacts/metadata" | wc -l) \
		$(ls "$1/artifacts/tmp" | wc -l)
}

# Whether it soon is $2.
settles() {
	[ "$(on_disk "$1")" = "$2" ]
}

sha() {
	sha256sum <"$1" | cut -d' ' -f1
}

# How many artifacts host $1 lists.
listed() {
	get "${url[$1]}/artifacts"
	grep -o artifact_id <<<"$body" | wc -l
}

head -c 3000000 /dev/urandom >"$work/large"
head -c 1000 "$work/large" >"$work/small"
: >"$work/empty"
