#!/bin/bash
# Goal: a program that is no host, made with paglets.h and libpaglets.a, does
# with hosts and agents all that the command line can; its key goes where it
# points and nowhere else.
. "$(dirname "$0")/lib.sh"

host alpha --state-dir "$work/alpha"
host beta --peer "${url[alpha]}" --tag gpu --state-dir "$work/beta"
dead=http://127.0.0.1:9
export PAGLETS_ENTRY=${url[alpha]}
is_known() {
	p hosts --json && [ "$(pick hosts.#)" = 2 ]
}
eventually "the hosts know each other" is_known

out=$("$TOOLS/outside" "${url[alpha]}" "${url[beta]}" $dead 2>&1)
is "all that a client can do" 0 $?
is "and nothing went wrong" "" "$out"

# The same with a key: beta, which alpha tells of, has shown that it has it.
stop alpha
stop beta
export PAGLETS_API_KEY=0123456789abcdef-of-the-mesh
host alpha --state-dir "$work/alpha2"
host beta --peer "${url[alpha]}" --tag gpu --state-dir "$work/beta2"
export PAGLETS_ENTRY=${url[alpha]}
eventually "those with a key know each other" is_known
out=$("$TOOLS/outside" "${url[alpha]}" "${url[beta]}" $dead 2>&1)
is "all of it with a key" 0 $?
is "and nothing went wrong" "" "$out"
exits 0 create $counter --id kim --on beta
exits 0 info kim --json
is "found with the key" beta "$(pick host)"
exits 0 agents --all-hosts
exits 0 health --all-hosts
PAGLETS_API_KEY=0123456789abcdef-of-others exits 4 info kim
finish
