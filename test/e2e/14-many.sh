#!/bin/bash
# Goal: hundreds of agents come, work and go quickly, and leave nothing.
. "$(dirname "$0")/lib.sh"

host alpha
export PAGLETS_ENTRY=${url[alpha]}
count=400
at=${url[alpha]#http://}

# pipeline PATH BODY: $count requests over one connection; $n are answered
# with 200. % in either is the number of the request.
pipeline() {
	local i body
	for ((i = 0; i < count; i++)); do
		body=${2//%/$i}
		printf 'POST /%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n' \
			"${1//%/$i}" "$at" ${#body}
		((i < count - 1)) || printf 'Connection: close\r\n'
		printf '\r\n%s' "$body"
	done >"$work/pipeline"
	raw_file "${url[alpha]}" "$work/pipeline" -t 100
	n=$(grep -o 'HTTP/1.1 200' <<<"$out" | wc -l)
}

before=$(memory alpha RssAnon)
files=$(ls "/proc/${pid[alpha]}/fd" | wc -l)
class="\"agent_class_name\": \"$counter\", \"state_class_name\": \"paglets_demo.counter:CounterState\""
took pipeline agents "{$class, \"agent_id\": \"agent-%\"}"
is "created" $count "$n"
below "creating $count: ms" 60000 $ms
exits 0 health --json
is "all are active" $count "$(pick active_count)"
took exits 0 agents --json
is "all are listed" $count "$(pick agents.#)"
below "listing them: ms" 8000 $ms
took get "${url[alpha]}/agents?include_state=true"
is "with their states" $count "$(pick agents.# "$body")"
below "asking all for their state: ms" 30000 $ms
took pipeline agents/agent-%/messages \
	'{"message": {"kind": "increment", "args": {"by": %}}}'
is "each answered" $count "$n"
like "with its own count" "*{\"result\": {\"count\": $((count - 1))}}*" "$out"
below "asking $count: ms" 60000 $ms
below "host: kB for each" 40 $((($(memory alpha RssAnon) - before) / count))
agents=$(children "${pid[alpha]}")
is "each is a process" $count "$(wc -w <<<"$agents")"

took pipeline agents/agent-%/dispose '{}'
is "disposed of" $count "$n"
below "disposing of $count: ms" 60000 $ms
exits 0 health --json
is "none is active" 0 "$(pick active_count)"
no_children() {
	[ -z "$(children "${pid[alpha]}")" ]
}
eventually "no process is left" no_children
is "no file is left open" "$files" "$(ls "/proc/${pid[alpha]}/fd" | wc -l)"
below "the host is as small as before: kB" 3000 \
	$(($(memory alpha RssAnon) - before))
exits 0 events --limit 1000 --json
is "each end is an event" $count "$(grep -o '"kind": "dispose"' <<<"$out" | wc -l)"
finish
