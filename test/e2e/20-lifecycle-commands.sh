#!/bin/bash
# Goal: the commands about an agent's sleep and waking, its end and its
# whereabouts do what they say, tell how it went by their exit codes, and what
# is on disk can be read without asking the host.
. "$(dirname "$0")/lib.sh"

host alpha --state-dir "$work/alpha"
host beta --state-dir "$work/beta"
export PAGLETS_ENTRY=${url[alpha]}

is_active() {
	p info "$1" --json && [ "$(pick active)" = true ]
}
status() {
	p agents -a && awk -v id="$1" '$1 == id { print $3 }' "$work/p.out"
}

# Put to sleep: silent, listed with -a alone, and woken by a message.
exits 0 create $counter --id kim count=3
exits 0 deactivate kim --reason lunch
is "deactivate prints nothing" "" "$out"
exits 0 agents
is "agents does not list it" 1 "$(wc -l <"$work/p.out")"
exits 0 agents -a
like "agents -a does, and since when" '*SINCE*kim*inactive  ??-?? ??:??:??' \
	"$out"
exits 0 events
like "events tell why" '*deactivate*kim*lunch*' "$out"
exits 3 deactivate kim
exits 0 call kim increment --json
is "a message wakes it" 4 "$(pick count)"
is "and there it is" active "$(status kim)"

# With a policy.
exits 0 deactivate ki --no-activate-on-message --json
is "deactivate --json: by a prefix, the answer" kim "$(pick proxy.agent_id)"
exits 0 call kim increment tag=waited --json
is "a message waits" true "$(pick queued)"
exits 0 state kim --json
is "state of one that sleeps: messages" 1 "$(pick queued_message_count)"
is "state of one that sleeps: policy" false \
	"$(pick deactivation_policy.activate_on_message)"
exits 0 activate kim
is "activate prints nothing" "" "$out"
exits 0 state kim --json
is "what waited was delivered" 5 "$(pick state.count)"
exits 3 activate kim
exits 3 activate nobody
exits 3 deactivate nobody
exits 0 deactivate kim --no-activate-on-message --no-queue
exits 7 call kim get
like "the error is named" '*PagletInactiveError*kim*' "$err"
exits 0 activate kim --json
is "activate --json: the answer" kim "$(pick proxy.agent_id)"
exits 0 deactivate kim --at +1s
is "asleep" inactive "$(status kim)"
eventually "woken at a time" is_active kim
exits 2 deactivate kim --at noon
like "no time: what would be" '*--at*noon*18:30*' "$err"
exits 2 deactivate
exits 2 deactivate kim --until +5s

# It moves while it sleeps, and arrives asleep.
exits 0 create $counter --id tired
exits 0 dispatch tired "${url[beta]}" --arrival-mode inactive
exits 0 agents -a "${url[beta]}" --json
is "it arrived asleep" false "$(pick agents.0.active)"
exits 2 dispatch kim "${url[beta]}" --arrival-mode lazy

go_and_return() {
	exits 0 call kim go target="${url[beta]}"
	exits 0 retract "${url[beta]}/agents/kim"
}
pause_and_wake() {
	exits 0 call "${url[beta]}/kim" pause
	exits 0 activate "${url[beta]}/agents/kim"
}

# A result that names the new address is where the agent is found; so is the
# old one, and a plain URL.
quickest go_and_return
exits 0 call kim go target="${url[beta]}" --json
is "go: the new address" "${url[beta]}" "$(pick host_url)"
below "go: settled at once" 1500 "$ms"
exits 0 call "${url[beta]}/kim" increment by=2 --json
is "HOST/ID, where HOST is a URL; a number given as text" 7 "$(pick count)"
quickest pause_and_wake
exits 0 call "${url[beta]}/kim" pause --json
is "pause: the same address" "${url[beta]}" "$(pick host_url)"
below "pause: settled at once" 1500 "$ms"
exits 3 retract "${url[beta]}/kim"
exits 0 activate "${url[beta]}/agents/kim"
exits 0 retract "${url[beta]}/kim"

# Nothing to be decided.
exits 7 resolve kim --here
like "says so" '*kim*no decision*' "$err"
exits 7 resolve kim --gone
exits 3 resolve nobody --gone
exits 2 resolve kim
exits 2 resolve kim --here --gone

# After a crash: from its checkpoint, or not at all.
exits 0 create $counter --id phoenix --restart on-crash count=7
exits 0 create $counter --id mortal --restart never
exits 2 create $counter --restart always
like "restart: what there is" '*always*on-crash*' "$err"
exits 1 call phoenix crash
exits 1 call mortal crash
eventually "one comes back" is_active phoenix
exits 0 call phoenix get --json
is "as it was" 7 "$(pick count)"
is "the other one does not" crashed "$(status mortal)"
like "the error of a crash is named" "*PagletCrashedError*" \
	"$(p call mortal get; echo "$err")"

# What is on disk, of a host that runs and of one that is stopped.
exits 0 deactivate kim
exits 0 state --offline "$work/alpha"
like "offline: lists them" '*kim*inactive*' "$out"
exits 0 state --offline "$work/alpha" --json
is "offline: all three" 3 "$(pick agents.#)"
exits 0 state --offline "$work/alpha" kim --json
is "offline: the state" 7 "$(pick state.count)"
is "offline: the status" inactive "$(pick status)"
stop alpha
find "$work/alpha" -type f -exec md5sum {} + | sort >"$work/before"
exits 0 state --offline "$work/alpha" ph
like "stopped: by a prefix" '*"count": 7*' "$out"
exits 0 state --offline "$work/alpha" phoenix --json
is "stopped: what was active sleeps" inactive "$(pick status)"
is "stopped: why" shutdown "$(pick request.reason)"
find "$work/alpha" -type f -exec md5sum {} + | sort >"$work/after"
is "offline changes nothing" "" "$(diff "$work/before" "$work/after")"
exits 3 state --offline "$work/alpha" nobody
exits 3 state --offline "$work/nowhere"
[ ! -e "$work/nowhere" ] || bad "offline makes no folder"
exits 2 state --offline "$work/alpha" ../x
exits 2 state

# Started again, it is all there.
host alpha --state-dir "$work/alpha"
export PAGLETS_ENTRY=${url[alpha]}
eventually "what was active is again" is_active phoenix
is "what slept sleeps" inactive "$(status kim)"
exits 0 dispose kim
exits 3 info kim
exits 0 state --offline "$work/alpha" --json
is "disposed of on disk too" 2 "$(pick agents.#)"

# A wrong class is told from a near one.
exits 1 create "${counter}x"
like "the nearest class" "*did you mean '$counter'*" "$err"
exits 1 create no.such:Thing
like "or where they are listed" '*paglets classes*' "$err"

# Help fits a terminal.
p help
commands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$work/p.out")
for c in '' $commands; do
	exits 0 $c --help
	is "help of '$c' is no wider than 80" "" \
		"$(awk 'length > 80' "$work/p.out")"
done
finish
