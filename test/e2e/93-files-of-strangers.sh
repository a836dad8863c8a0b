#!/bin/bash
# Goal: an envelope may say what it wants about files: what is wrong gets one
# line, and nothing is left of it; what is right is fetched, wherever it lies.
. "$(dirname "$0")/lib.sh"

host alpha --state-dir "$work/alpha"
host beta --state-dir "$work/beta"
alpha=${url[alpha]} beta=${url[beta]}
sha=$(printf abc | sha256sum | cut -d' ' -f1)

# stored HOST [OWNER]: three bytes put down there; $id.
stored() {
	local at=${url[$1]#http://}
	raw "${url[$1]}" "POST /artifacts?owner_agent_id=${2-e}&name=n HTTP/1.1\r\nHost: $at\r\nConnection: close\r\nContent-Type: application/octet-stream\r\nContent-Length: 3\r\n\r\nabc"
	split
	id=$(pick artifact.artifact_id "$body")
}

# there HOST: what lies there.
there() {
	(cd "$work/$1" && find work artifacts -type f ! -path '*/.gone-*' \
		2>/dev/null | xargs)
}

nothing() {
	[ -z "$(there "$1")" ]
}

only_artifact() {
	[ "$(there "$1")" = "artifacts/blobs/$2.bin artifacts/metadata/$2.json" ] ||
		[ "$(there "$1")" = "artifacts/metadata/$2.json artifacts/blobs/$2.bin" ]
}

is_there() {
	[ "$(there "$1")" = "$2" ]
}

envelope() {
	printf '{"envelope": {"kind": "%s", "agent_id": "%s", "agent_class_name": "%s", "state_class_name": "paglets_demo.counter:CounterState", "state": {}, "source_host_name": "s", "source_host_address": "http://127.0.0.1:9", "target_host_name": "alpha", "target_host_address": "%s", "metadata": {%s "registered_files": %s}}}' \
		"${kind:-dispatch}" "${agent:-e}" "${class:-$counter}" "$alpha" \
		"${more:-}" "$1"
}

comes() {
	post "$alpha/agents" "$(envelope "$1")"
}

# refused TEXT FILES: with that text, and nobody has come.
refused() {
	comes "$2"
	is "status of $2" 400 "$status"
	is "type of $2" TransferError "$(pick error_type "$body")"
	like "text of $2" "$1" "$(pick error "$body")"
	is "lines of $2" 1 "$(pick error "$body" | wc -l)"
	get "$alpha/agents/e"
	is "nobody came with $2" 404 "$status"
}

item() {
	printf '{"file": {"name": "%s"}, "artifact": {"host_url": "%s", "artifact_id": "%s"%s}}' \
		"$1" "$2" "$3" "${4:-}"
}

no="Could not import registered files for paglet 'e': "
refused "${no}No artifact '00ff'" "[$(item x "$alpha" 00ff)]"
refused "${no}invalid artifact id '../../x'" "[$(item x "$alpha" ../../x)]"
refused "${no}invalid artifact id ''" "[$(item x "$alpha" "")]"
refused "${no}invalid artifact id *" "[$(item x "$alpha" 'a?b&c')]"
refused "${no}*" "[$(item x "http://127.0.0.1:9" 00ff)]"
refused "${no}*" "[$(item x "ftp://x" 00ff)]"
refused "${no}*" "[$(item x "" 00ff)]"
refused "${no}*field 'name'*" '[{"file": {}, "artifact": {"artifact_id": "00ff", "host_url": "http://x"}}]'
refused "${no}*name cannot be empty" "[$(item "" "$alpha" 00ff)]"
refused "${no}*printable" "[$(item 'a\u0000b' "$alpha" 00ff)]"
refused "${no}*255 bytes*" "[$(item "$(printf 'n%.0s' {1..300})" "$alpha" 00ff)]"
refused "${no}*'artifact' must be dict*" '[{"file": {"name": "x"}, "artifact": 5}]'
refused "${no}*" '[5, {"file": {"name": "x"}, "artifact": {}}]'
refused "*must be list*" '{"a": 1}'
refused "*must be list*" '"x"'
refused "*must be dict*" '[5]'
refused "*two registered files are named 'x'" '[{"name": "x"}, {"name": "x"}]'
refused "*'copy' or 'move'" '[{"name": "x", "mode": "steal"}]'
refused "*'size_bytes' is negative" '[{"name": "x", "size_bytes": -1}]'
many=$(printf '{"name": "f%d"},' {1..101})
refused "*over 100 registered files" "[${many%,}]"
many=$(for i in {1..101}; do item "f$i" "$alpha" 00ff; printf ,; done)
refused "${no}over 100 registered files" "[${many%,}]"

# The first is fine, and stays its sender's to the end.
stored alpha
refused "${no}No artifact '00ff'" "[$(item x "$alpha" $id), $(item y "$alpha" 00ff)]"
refused "${no}two registered files are named 'x'" "[$(item x "$alpha" $id), $(item x "$alpha" $id)]"
refused "${no}No artifact '$id'" "[$(item x "$alpha" $id), $(item y "$alpha" $id)]"
refused "${no}artifact checksum mismatch*" \
	"[$(item x "$alpha" $id ", \"sha256\": \"${sha/b/c}\", \"size_bytes\": 3")]"
get "$alpha/artifacts/$id"
is "what is not meant stays" abc "$body"
refused "${no}artifact size mismatch*" "[$(item x "$alpha" $id ', "size_bytes": 4')]"
class=m:Unknown
refused "${no}No artifact*" "[$(item x "$alpha" 00ff)]"
for i in 1 2; do
	comes "[$(item x "$alpha" $id)]"
	is "a class that nobody knows, $i" SerializationError \
		"$(pick error_type "$body")"
done
eventually "only the artifact is left" only_artifact alpha "$id"
get "$alpha/artifacts/$id"
is "as it was" abc "$body"
class= more='"transfer_id": "again",'
comes "[$(item x "$alpha" $id)]"
is "the same artifact, for a class that is known" 200 "$status"
eventually "it is the paglet's" is_there alpha work/e/x
comes "[$(item x "$alpha" $id)]"
is "a repeated POST" 200 "$status"
more=
p dispose "$alpha/agents/e"
eventually "nothing is left" nothing alpha
stored alpha f
refused "${no}artifact '$id' is another paglet's" "[$(item x "$alpha" $id)]"
[ -n "$(there alpha)" ] || bad "another paglet's file was taken"
raw "$alpha" "DELETE /artifacts/$id HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

# ---- What comes ---------------------------------------------------------------

own=work/e/x # where it is put
stored alpha
comes "[$(item .../...x "$alpha" $id ", \"sha256\": \"$sha\", \"size_bytes\": 3")]"
is "it comes" 200 "$status"
p call "$alpha/agents/e" files --json
is "its name" .../...x "$(pick files.0.name)"
is "its place" "$work/alpha/$own" "$(pick files.0.current_path)"
is "its content" abc "$(<"$work/alpha/$own")"
is "its hash" "$sha" "$(pick files.0.sha256)"
is "the artifact is gone" $own "$(there alpha)"
comes "[$(item y "$alpha" 00ff)]"
like "a second one" "*already active*" "$(pick error "$body")"
is "has touched nothing" $own "$(there alpha)"
p dispose "$alpha/agents/e"
eventually "nothing is left" nothing alpha

stored beta
more='"transfer_ticket": {"arrival_mode": "inactive"},'
comes "[$(item x "$beta" $id ", \"sha256\": \"$sha\", \"size_bytes\": 3")]"
more=
is "it comes with one from elsewhere" 200 "$status"
is "its content" abc "$(<"$work/alpha/$own")"
eventually "which is gone there" nothing beta
p dispose "$alpha/agents/e"
eventually "nothing is left" nothing alpha
stored beta
refused "${no}*" "[$(item x "$beta" $id ', "size_bytes": 2')]"
refused "${no}*" "[$(item x "$beta" $id ", \"sha256\": \"${sha/b/c}\", \"size_bytes\": 3")]"
refused "${no}artifact exceeds maximum size*" \
	"[$(item x "$beta" $id ', "size_bytes": 2000000000')]"
eventually "nothing is left here" nothing alpha
[ -n "$(there beta)" ] || bad "what did not come is gone elsewhere"

# The same bytes again, without a transfer id, while the file is on its way.
arrivals() {
	p events --entry "$alpha" --json --limit 1000
	grep -o '"kind": "arrival"' <<<"$out" | wc -l
}
before=$(arrivals)
stored beta
kill -STOP "${pid[beta]}"
posting=()
for i in 1 2; do
	(
		body=$(envelope "[$(item x "$beta" $id)]")
		mkdir "$work/again$i"
		work=$work/again$i
		post "$alpha/agents" "$body"
		echo "$status $(pick proxy.agent_id "$body")" >"$work/told"
	) &
	posting+=($!)
done
sleep 0.5
kill -CONT "${pid[beta]}"
wait "${posting[@]}"
is "both are told that it is here" "200 e 200 e" \
	"$(cat "$work"/again?/told | xargs)"
is "it came once" $((before + 1)) "$(arrivals)"
is "its content" abc "$(<"$work/alpha/$own")"
p dispose "$alpha/agents/e"
eventually "nothing is left" nothing alpha
is_gone() {
	[[ $(there "$1") != *$2* ]]
}
eventually "nor there" is_gone beta "$id"

# A list without files makes no file of this machine the paglet's.
echo secret >"$work/secret"
kind=activation
comes "[{\"name\": \"s\", \"current_path\": \"$work/secret\", \"current_host_url\": \"$alpha\", \"status\": \"registered\"}]"
is "a plain list is taken" 200 "$status"
p call "$alpha/agents/e" files --json
is "but its file is none" failed "$(pick files.0.status)"
exits 1 dispatch "$alpha/agents/e" "$beta"
like "and goes nowhere" "*registered file 's' is missing*" "$err"
p dispose "$alpha/agents/e"
comes '[]'
p call "$alpha/agents/e" files --json
is "an empty list is none" 0 "$(pick 'files.#')"
p dispose "$alpha/agents/e"

# A host that keeps nothing takes no files.
host gamma --state-dir none
alpha=${url[gamma]} kind=
refused "${no}*state folder*" "[$(item x "$alpha" 00ff)]"
finish
