#!/bin/bash
# Goal: an agent lives its whole life from the command line, and every
# command tells how it went by its exit code, --json and one line of error.
. "$(dirname "$0")/lib.sh"

host alpha
host beta --peer "${url[alpha]}"
export PAGLETS_ENTRY=${url[alpha]}

# Created, with a state.
exits 0 create $counter count:=3 label=hello --id first
is "create prints the id" first "$out"
exits 0 create $counter --json --init '{"a": [1]}'
is "create --json: host" "${url[alpha]}" "$(pick host_url)"
second=$(pick agent_id)
is "a generated id has 32 digits" 32 ${#second}

# Asked, by id, prefix, host and prefix, URL.
exits 0 call first increment by:=4
is "call prints the result" '{"count": 7}' "$out"
exits 0 call firs increment --json
is "by prefix" 8 "$(pick count)"
exits 0 call "${url[alpha]}/agents/first" ping
is "text is printed as it is" pong "$out"
exits 0 call first ping --json
is "but quoted with --json" '"pong"' "$out"
exits 0 call first echo a=text b:='{"c": [1.0, null]}' --arg 5
is "arguments of both forms" \
	'{"args": {"a": "text", "b": {"c": [1.0, null]}}, "arg": 5}' "$out"
echo '{"a": "file"}' >"$work/args"
exits 0 call first echo @"$work/args" --json
is "arguments from a file" file "$(pick args.a)"
exits 0 call first meta --priority 9 --json
is "the priority is passed on" 9 "$(pick priority)"
exits 0 call "$second" get --json
is "init came to the creation hook" '[1]' "$(pick data.init.a)"
exits 0 call first increment --oneway
is "oneway prints nothing but null" "" "${out#null}"

# Looked at.
exits 0 info first --json
is "info: class" $counter "$(pick class_name)"
is "info: delivered" 8 "$(pick mailbox.delivered_count)"
[ -d "/proc/$(pick pid)" ] || bad "info: pid is a process"
exits 0 info first
like "info, for people" "*class_name*$counter*" "$out"
exits 0 state first --json
is "state: count" 9 "$(pick state.count)"
is "state: label" hello "$(pick state.label)"
exits 0 agents --json
is "agents: two" 2 "$(pick agents.#)"
exits 0 agents
is "agents, for people: heading and two" 3 "$(wc -l <"$work/p.out")"
exits 0 health --json
is "health: two are active" 2 "$(pick active_count)"
exits 0 classes --json
like "classes: the demo" "*$counter*" "$out"
exits 0 events --json
is "events: the first" context-start "$(pick events.0.kind)"
is "events: the second" create "$(pick events.1.kind)"
exits 0 events --since 1 --limit 1 --json
is "events: one of them" 2 "$(pick events.0.event_id)"
exits 0 version
like "version" 'paglets *' "$out"
exits 0 hosts --json
is "hosts: the own one" alpha "$(pick hosts.0.name)"

# Cloned, here and there.
exits 0 clone first --json
is "a clone has another id" 32 "$(pick agent_id | tr -d '\n' | wc -c)"
copy=$(pick agent_id)
exits 0 call "$copy" get --json
is "and the same count" 9 "$(pick count)"
is "and its own history" '["creation@alpha", "cloning@alpha", "clone@alpha"]' \
	"$(pick history)"
exits 0 clone first "${url[beta]}"
like "clone prints the address" "${url[beta]}/agents/*" "$out"

# Moved there, by name, and fetched back.
is_known() {
	p hosts --json && [ "$(pick hosts.#)" = 2 ]
}
eventually "the hosts know each other" is_known
exits 0 dispatch first beta
is "dispatch prints the new address" "${url[beta]}/agents/first" "$out"
exits 0 call beta/first get --json
is "it arrived with its count" 9 "$(pick count)"
is "and remembers how" '["creation@alpha", "cloning@alpha", "cloned@alpha", "cloning@alpha", "cloned@alpha", "dispatching@alpha", "arrival@beta"]' \
	"$(pick history)"
exits 0 call first increment --json
is "its old address still works" 10 "$(pick count)"
exits 3 info "${url[alpha]}/first"
exits 0 info first
exits 0 retract first
is "retract prints the new address" "${url[alpha]}/agents/first" "$out"
exits 0 call first get --json
is "it came with its count" 10 "$(pick count)"
like "and was told" '*"reverting@beta", "arrival@alpha"]' "$(pick history)"

# Ended.
exits 0 dispose first
exits 3 info first
exits 3 call first ping
exits 3 dispose first

# Every kind of failure has its code.
exits 2 frobnicate
like "a wrong word names the nearest" '*frobnicate*' "$err"
exits 2 crate $counter
like "the nearest" '*create*' "$err"
exits 2 call
exits 2 create $counter --sate x
exits 2 call "$second" echo x:=nojson
exits 2 call "$second" ping --timeout soon
exits 1 create no.such:Thing
exits 1 create nocolon
like "no colon" '*nocolon*' "$err"
exits 1 create $counter count=x
like "an ill-typed state names the field" "*count*" "$err"
exits 1 call "$second" nosuchkind
like "an unknown kind" "*did not handle 'nosuchkind'*" "$err"
exits 1 call "$second" fail error=oops
like "an error of the agent" '*oops*' "$err"
exits 3 call "$second" fail error_type=InvalidAgentError
exits 4 call "$second" fail error_type=AuthenticationError
exits 7 call "$second" fail error_type=ForbiddenError
exits 5 health --entry http://127.0.0.1:9
exits 6 call "$second" sleep seconds:=5 --timeout 100ms
exits 7 create $counter --id "$second"
like "the id is taken" "*$second*" "$err"

# The name of a host: PG_HOST_NAME_MAX.
name=$(printf %0200d)
exits 2 serve --name "${name}0" --port 0 --state-dir none --no-mesh
like "the name is too long" '*200 bytes*' "$err"
for odd in $'a\xffb' $'a\x01b' $'a\xc2\x85b'; do
	exits 2 serve --name "$odd" --port 0 --state-dir none --no-mesh
	like "a name that cannot be told" '*not printable*' "$err"
done
for n in 199 200; do
	host "${name:0:$n}" --state-dir none --no-mesh
	exits 0 health --json --entry "${url[${name:0:$n}]}"
	is "name of $n bytes" "${name:0:$n}" "$(pick name)"
	stop "${name:0:$n}"
done

# Its public URL: PG_HOSTREF_URL_MAX.
url1024=http://x/$(printf %01015d)
exits 2 serve --public-url "${url1024}0" --insecure-no-auth --port 0 \
	--state-dir none --no-mesh
like "the URL is too long" '*1024 bytes*' "$err"
for n in 1023 1024; do
	host far --public-url "${url1024:0:$n}" --insecure-no-auth --no-mesh
	is "a URL of $n bytes" "${url1024:0:$n}" "${url[far]}"
	stop far
done

# What is not written is told; so is what cannot be read.
"$PAGLETS" agents >/dev/full 2>"$work/p.err"
is "a full disk: exit code" 1 $?
like "a full disk" '*standard output: No space*' "$(<"$work/p.err")"
"$PAGLETS" agents >&- 2>"$work/p.err"
is "stdout closed: exit code" 1 $?
like "stdout closed" '*standard output*' "$(<"$work/p.err")"
"$PAGLETS" call "$second" echo - <&- >"$work/p.out" 2>"$work/p.err"
is "stdin closed: exit code" 1 $?
like "stdin closed" '*standard input*' "$(<"$work/p.err")"
exits 2 call "$second" $'p\xffng'
like "a kind that is no text" '*no UTF-8*' "$err"
exits 2 call "$second" echo x:=
like "which argument" '*x: *no JSON*' "$err"
PAGLETS_TIMEOUT=soon exits 2 health
like "a variable is named" '*PAGLETS_TIMEOUT: *soon*' "$err"
PAGLETS_TIMEOUT=100ms exits 6 call "$second" sleep seconds:=5

# Help goes to stdout, is asked for and is no failure; lines of 80 at most.
exits 0 help
commands=$(sed -n 's/^  \([a-z-]*\)  .*/\1/p' "$work/p.out")
[ "$(wc -w <<<"$commands")" -ge 24 ] || bad "commands: $commands"
while read -r c; do
	exits 0 $c --help
	like "help of '$c'" 'usage: paglets*' "$out"
	is "help of '$c': long lines" 0 "$(grep -c '.\{81\}' "$work/p.out")"
done <<<"$commands
artifacts put
artifacts get
artifacts list
artifacts info
artifacts rm"

# The shell completes what there is.
exits 2 completion nosh
source <("$PAGLETS" completion bash)
completes() {
	local expected=$1
	shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_paglets
	is "completion of $*" "$expected" "${COMPREPLY[*]}"
}
completes "$(echo $commands)" paglets ""
completes deactivate paglets de
completes artifacts paglets help art
completes "put get list info rm" paglets artifacts ""
completes --expires paglets artifacts put file --ex
completes --durability paglets serve --du
completes "" paglets serve --durability ""
completes --oneway paglets call kim get --on
finish
