#!/bin/bash
# Goal: hosts that were told of one another find each other, by name, know
# who is there and who is not, and keep out those of another version.
. "$(dirname "$0")/lib.sh"

host alpha --tag GPU,linux --tag gpu --property zone=zü
host beta --peer "${url[alpha]}"
host gamma --peer "${url[beta]}"
host stranger --peer "${url[alpha]}" --mesh-version other
host hermit --no-mesh --peer "${url[alpha]}"

# knows HOST NAME...: it lists these as online and no others.
knows() {
	local at=$1
	shift
	p hosts --entry "${url[$at]}" --json || return 1
	[ "$("$TOOLS/pick" hosts <"$work/p.out" |
		grep -o '"name": "[^"]*"\|"online": [a-z]*' | paste - - |
		sed -n 's/.*"name": "\([^"]*\)".*true/\1/p' | tr '\n' ' ')" = "$* " ]
}
eventually "alpha knows both" knows alpha alpha beta gamma
eventually "gamma has heard of alpha" knows gamma alpha beta gamma
eventually "beta" knows beta alpha beta gamma
is "the stranger is alone" true "$(knows stranger stranger && echo true)"
is "so is the hermit" true "$(knows hermit hermit && echo true)"
exits 0 hosts --entry "${url[gamma]}" --json
is "tags are known everywhere" '["gpu", "linux"]' "$(pick hosts.0.tags)"
is "properties too" zü "$(pick hosts.0.properties.zone)"

# By name, from any host.
exits 0 create $counter --entry "${url[gamma]}" --on alpha --id c
like "created by name" "c" "$out"
exits 0 info alpha/c --entry "${url[gamma]}" --json
is "there it is" alpha "$(pick host)"
exits 0 dispatch alpha/c gamma --entry "${url[beta]}"
is "sent by name" "${url[gamma]}/agents/c" "$out"
exits 0 retract c beta --entry "${url[alpha]}"
is "fetched without saying from where" "${url[beta]}/agents/c" "$out"
exits 0 health alpha --entry "${url[gamma]}" --json
is "asked by name" alpha "$(pick name)"
exits 3 health nobody --entry "${url[gamma]}"

# Versions part meshes, not agents.
exits 0 dispatch beta/c "${url[stranger]}" --entry "${url[alpha]}"
exits 0 call "${url[stranger]}/agents/c" ping

# One that ends is offline soon, one that comes again is back.
port=${url[beta]##*:}
stop beta KILL
eventually "alpha misses beta" knows alpha alpha gamma
exits 0 hosts --entry "${url[alpha]}" --json
like "and says why" '*"online": false*"error": "*' "$out"
host beta --port "$port" --peer "${url[alpha]}"
eventually "and sees it again" knows alpha alpha beta gamma
finish
