#!/bin/bash
# Goal: a program of somebody else's, made with paglets.h and libpaglets.a,
# is a host whose agents run, write to each other, create, travel and end.
. "$(dirname "$0")/lib.sh"

PROGRAM=$TOOLS/ring host alpha
PROGRAM=$TOOLS/ring host beta --peer "${url[alpha]}"
host plain
export PAGLETS_ENTRY=${url[alpha]}
ring=ring:RingPaglet

exits 0 classes --json
like "its class is there" "*$ring*" "$out"
like "and the built-in one" "*$counter*" "$out"
for id in a b c; do
	exits 0 create $ring --id $id
done

# Steps of run happen without messages, and end.
steps() {
	p call a get --json && [ "$(pick steps)" = 3 ]
}
eventually "run made its three steps" steps
exits 0 call a get --json
is "and no more" 3 "$(pick steps)"
is "a default text" fresh "$(pick note)"

# Nobody waits for run, however large the state is that is kept first.
exits 0 create ring:ToilPaglet --id toils
exits 0 create ring:ToilPaglet --id heavy note="$(printf '%020000d' 0)"
is "their states are known" fresh \
	"$(p state toils --json && pick state.note)"
is "both" 0 "$(p state heavy --json && pick state.steps)"
exits 0 dispose toils --force
exits 0 dispose heavy --force

# Messages from agent to agent; a ring fails at once and names itself.
exits 0 call a pass to:='["b", "c"]' --json
is "a chain of three" 3 "$(pick reached)"
took p call a pass to:='["b", "c", "a"]'
is "a ring: exit code" 7 $code
like "a ring: names itself" "*ring: a b c -> a*" "$err"
below "a ring: fails at once" 8000 $ms
exits 7 call a pass to:='["a"]'
exits 0 call a try to=nobody --json
is "an error can be handled" InvalidAgentError "$(pick type)"
exits 0 call a tell to=b kind=get
exits 0 call b get --json
is "the ring reached b as often as it could" 2 "$(pick passed)"

# A ring over two hosts is found too.
exits 0 dispatch c "${url[beta]}"
exits 0 call a pass to:='["b", "c"]' --json
is "a chain over a forwarding" 3 "$(pick reached)"
exits 0 create $ring --id d --on "${url[beta]}"
took p call a pass host="${url[beta]}" to:='["c"]'
is "to another host: exit code" 0 $code

# Creating, from within.
exits 0 call a spawn id=child --json
is "a child here" "${url[alpha]}" "$(pick host_url)"
exits 0 call a spawn target="${url[beta]}" id=child2 --json
is "a child there" "${url[beta]}" "$(pick host_url)"
exits 7 call a spawn id=child
like "its id is taken" '*child*' "$err"

# What agents of a host tell each other through it, and who else there is.
exits 0 call a property name=mood value=fine
exits 0 call b property name=mood
is "a property set by another agent" fine "$out"
exits 0 call b property name=none
is "one that nobody set" null "$out"
exits 0 call a hosts --json
like "the hosts it knows" '*alpha*' "$out"

# Going where the class is unknown: it stays, and the caller is told why.
exits 1 call a go target="${url[plain]}"
like "the other host says why" '*ring*' "$err"
exits 0 call a get --json
is "still here" 1 "$(pick left)"
exits 1 dispatch a "${url[plain]}"
exits 0 info a
exits 0 call a go target="${url[beta]}" --json
is "but to one that knows it" "${url[beta]}" "$(pick host_url)"
# Run begins anew there: three steps more.
more_steps() {
	p call a get --json && [ "$(pick steps)" = 6 ]
}
eventually "run began anew" more_steps

# Nobody waits for run: it need not come to an end.
exits 0 create ring:PhoenixPaglet --id made blocks:=1
exits 0 info made
exits 0 create ring:PhoenixPaglet --id model
exits 0 call model block
exits 0 clone model --json
copy=$(pick agent_id)
exits 0 deactivate model
exits 0 activate model
for id in made "$copy" model; do
	exits 0 dispose "$id" --force
done

# Who is disposed of is told before.
exits 0 create ring:PhoenixPaglet --id last
exits 0 dispose last
grep -q 'last.*last words' "$work/alpha.err" || bad "its hook had no say"

# Ending itself.
p info child --json
child=$(pick pid)
p call child end
exits 3 info "${url[alpha]}/child"
eventually "its process is gone" gone "$child"
finish
