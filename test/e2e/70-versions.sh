#!/bin/bash
# Goal: hosts of two code versions do not mix, and whoever looks learns why,
# with both versions named: in the list of hosts, in the health, in the log.
. "$(dirname "$0")/lib.sh"

# What no other host would take: PG_HOSTREF_NAME_MAX.
long=$(printf %0200d)
for text in "${long}0" '' $'a\x01b' $'a\xffb'; do
	exits 2 serve --mesh-version "$text" --port 0 --state-dir none
	like "a version that cannot be told" '*mesh version*' "$err"
done
for n in 199 200; do
	host long --mesh-version "${long:0:$n}"
	get "${url[long]}/health"
	is "a version of $n bytes" "${long:0:$n}" \
		"$(pick code_version "$body")"
	stop long
done

host alpha --mesh-version v-old
host beta --mesh-version v-old --peer "${url[alpha]}"
host gamma --mesh-version v-new --peer "${url[alpha]}"

# both TEXT: it names the two.
both() {
	[[ $1 == *v-old* && $1 == *v-new* ]]
}
in_list() {
	p hosts --entry "${url[gamma]}" "$@"
	both "$out"
}
in_health() {
	get "${url[$1]}/health"
	both "$body"
}
in_log() {
	both "$(<"$work/$1.err")"
}
patience=20
eventually "gamma lists alpha with the reason" in_list --json
is "and as offline" false "$(pick hosts.0.online)"
like "in one line of its error" '*v-old*' "$(pick hosts.0.error)"
eventually "for people too" in_list
eventually "gamma's health" in_health gamma
eventually "gamma's log" in_log gamma

# Told once, not for each visit.
sleep 3
below "lines in gamma's log that tell of it" 4 \
	"$(grep -c 'v-old' "$work/gamma.err")"
p hosts --entry "${url[beta]}" --json
[[ $out != *v-new* ]] || bad "a stranger is passed on to others"

# The one that is brought up to date is one of them.
port=${url[gamma]##*:}
stop gamma
host gamma --mesh-version v-old --peer "${url[alpha]}" --port "$port"
joined() {
	p hosts --entry "${url[beta]}" --json
	[[ $out == *'"name": "gamma"'* && $out != *'"online": false'* ]]
}
eventually "brought up to date" joined
finish
