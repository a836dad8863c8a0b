#!/bin/bash
# Goal: no pickle makes the host do more than read data: what names code or
# is malformed is refused, whatever it claims to be long takes no memory.
. "$(dirname "$0")/lib.sh"

host alpha
export PAGLETS_ENTRY=${url[alpha]}
p create $counter --id good

before=$(memory alpha RssAnon)
for f in "$DATA"/pickle/n_*; do
	post_file "${url[alpha]}/agents" "$f" application/x-paglets-pickle
	like "${f##*/}: status" '4??' "$status"
	like "${f##*/}: type" "@(SerializationError|HostError)" \
		"$(pick error_type "$body")"
	# The same as a message, for whom it is just as bad.
	post_file "${url[alpha]}/agents/good/messages" "$f" \
		application/x-paglets-pickle
	like "${f##*/}: as a message" '4??' "$status"
done
for f in "$DATA"/pickle/i_*; do
	post_file "${url[alpha]}/agents" "$f" application/x-paglets-pickle
	like "${f##*/}: no failure of the host" '4??' "$status"
done
below "kB that the host has grown by" 20000 $(($(memory alpha RssAnon) - before))

# A state that hides code in an envelope that is good otherwise.
post "${url[alpha]}/agents" 'not a pickle' 'Application/X-Paglets-Pickle; q=1'
is "the type is known in any case" SerializationError \
	"$(pick error_type "$body")"
exits 0 agents --json
is "nobody came" 1 "$(pick agents.#)"
exits 0 call good increment
is "and the one that was here works" '{"count": 1}' "$out"
finish
