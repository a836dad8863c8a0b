#!/bin/bash
# Goal: one command asks the whole mesh: agents are found wherever they are,
# hosts by name and by tag, and what some hosts cannot answer is said.
. "$(dirname "$0")/lib.sh"

host alpha --state-dir "$work/alpha"
host beta --peer "${url[alpha]}" --tag gpu --state-dir "$work/beta"
host gamma --peer "${url[alpha]}" --tag GPU,big --state-dir "$work/gamma"
export PAGLETS_ENTRY=${url[alpha]}

# Waiting for a host.
exits 0 wait-host gamma --timeout 10s
is "wait-host prints nothing" "" "$out"
exits 0 wait-host beta --json --timeout 10s
is "wait-host --json" "${url[beta]}" "$(pick url)"
exits 0 wait-host "${url[beta]}" --timeout 10s
exits 6 wait-host nobody --timeout 300ms
like "wait-host says for whom" "*Timed out waiting for host 'nobody'*" "$err"
like "and what to try" "*paglets hosts*" "$err"
exits 6 wait-host beta --entry http://127.0.0.1:9 --timeout 300ms
like "or that nobody can tell" "*127.0.0.1:9*refused*" "$err"
exits 2 wait-host
exits 2 wait-host ''
exits 2 wait-host http://
exits 2 agents ''
exits 2 create $counter --on ''
exits 2 create $counter --on tag:
exits 1 create nosuch:Class --on tag:big
like "no such class there" "*paglets classes HOST*" "$err"

# On the host with the tag that has the least to do.
exits 0 create $counter --id beside --on beta
exits 0 create $counter --id picked --on tag:gpu --json
is "tag: the idlest" "${url[gamma]}" "$(pick host_url)"
exits 0 create $counter --id picked2 --on tag:big --json
is "tag: the only one" "${url[gamma]}" "$(pick host_url)"
exits 0 create $counter --id third --on tag:gpu --json
is "tag: not the first by name" "${url[beta]}" "$(pick host_url)"
exits 3 create $counter --on tag:none
like "no such tag" "*tag 'none'*" "$err"
exits 0 create $counter --id mover
exits 0 dispatch mover tag:big
is "dispatch to a tag" "${url[gamma]}/agents/mover" "$out"
exits 0 clone mover tag:big --json
is "clone to a tag" "${url[gamma]}" "$(pick host_url)"
copy=$(pick agent_id)
exits 0 dispose "$copy" --force
exits 0 clone mover beta --json
is "clone to a name" "${url[beta]}" "$(pick host_url)"
exits 0 dispose "$(pick agent_id)"

# Found anywhere: by id, by prefix, at a host by name, or not.
exits 0 info besi --json
is "by prefix" beside "$(pick agent_id)"
exits 0 call third increment --json
is "by id" 1 "$(pick count)"
exits 0 deactivate third
exits 0 info third --json
is "one that sleeps" false "$(pick active)"
exits 0 state third --json
exits 0 dispose beta/thi
exits 0 info picked --json
is "an id wins over a longer one" picked "$(pick agent_id)"
exits 2 info pick
like "several: which" "*2 agents*${url[gamma]}/agents/picked*picked2*" "$err"
exits 2 call pick get
like "several: for a message, too" "*2 agents*picked*picked2*" "$err"
exits 3 call beta/picked get
like "not there, and what to try" '*paglets agents -a*' "$err"
exits 3 info nobody
exits 3 info beta/picked
exits 3 info nowhere/picked
exits 2 info 'pick*'
exits 0 create $counter --id picked3 --on alpha
exits 0 info pick --json
is "the entry host comes first" picked3 "$(pick agent_id)"
exits 0 info picked --json
is "but not with one that only begins so" "${url[gamma]}" "$(pick address)"
exits 0 create $counter --id roams --on alpha
exits 0 create $counter --id roamss --on alpha
exits 0 dispatch roams beta
exits 3 dispose alpha/roams
like "nor is another meant where it has left" "*moved to*${url[beta]}*" "$err"
exits 0 retract roams
is "nor fetched" "${url[alpha]}/agents/roams" "$out"
exits 0 dispose roams
exits 0 dispose roamss
exits 0 dispose picked3
exits 0 retract beside
is "fetched" "${url[alpha]}/agents/beside" "$out"

# All hosts at once.
exits 0 agents --all-hosts
like "agents of all, with their hosts" '*HOST*alpha *beside*gamma *picked*' \
	"$out"
exits 0 agents -a --all-hosts --json
is "agents of all: hosts" 3 "$(pick hosts.#)"
is "agents of all: the last one's" 3 "$(pick hosts.2.agents.#)"
exits 0 health --all-hosts --json
is "health of all" 3 "$(pick hosts.#)"
is "each is reachable" true "$(pick hosts.1.reachable)"
like "and how fast" '?*' "$(pick hosts.1.latency_ms)"
exits 0 health --all-hosts
like "health of all, for people" '*LATENCY*alpha*ok*ms*' "$out"
exits 0 services
exits 0 services beta --scope mesh --json
is "services" 0 "$(pick services.#)"
exits 0 services --all-hosts --json
is "services of all" 3 "$(pick hosts.#)"
exits 2 agents beta --all-hosts
exits 2 health beta --all-hosts

# One of them stops without a word.
background "$PAGLETS" hosts --watch --json >"$work/watch" 2>"$work/watch.err"
background "$PAGLETS" hosts --watch >"$work/table" 2>"$work/table.err"
seen() {
	grep -q "\"change\": \"$1\".*\"$2\"" "$work/watch"
}
eventually "watch: it is online" seen online gamma
kill -STOP "${pid[beta]}"
partly() {
	p health --all-hosts --timeout 300ms --json
	[ "$code" = 8 ]
}
eventually "some of several failed" partly
is "it is not reachable" false "$(pick hosts.1.reachable)"
is "the others are" true "$(pick hosts.2.reachable)"
like "and it is named" '*beta*1 of 3 hosts failed*' "$err"
p agents --all-hosts --timeout 300ms
is "agents: exit code" 8 $code
like "agents: those of the others" '*gamma*picked*' "$out"
like "agents: it is named" '*beta*1 of 3 hosts failed*' "$err"
p services --all-hosts --timeout 300ms
is "services: exit code" 8 $code
exits 3 info nobody --timeout 1s
like "who did not answer" '*not answer: beta*' "$err"
exits 0 info picked --timeout 5s
stop beta KILL
offline() {
	p hosts && [[ $out == *beta*offline* ]]
}
waits() {
	local i
	for ((i = 0; i < 12; i++)); do
		"$@" && return
		sleep 1
	done
	return 1
}
eventually "the table says so" waits offline
eventually "watch: it is offline" seen offline beta
eventually "watch, for people" grep -q 'beta .*offline' "$work/table"
is "one heading" 1 "$(grep -c '^TIME' "$work/table")"
exits 3 info nobody
like "who is offline" '*not answer: beta*' "$err"
finish
