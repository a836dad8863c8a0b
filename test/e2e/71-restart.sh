#!/bin/bash
# Goal: a host that is started again finds its mesh by what it kept in its
# state folder, though it is told of nobody, and at another port; what is in
# that file does no harm.
. "$(dirname "$0")/lib.sh"

export PAGLETS_API_KEY=0123456789abcdef-secret
host alpha
host beta --peer "${url[alpha]}"
host gamma --peer "${url[alpha]}" --state-dir "$work/gamma"

# sees AT NAME...: it lists these online, and no others.
sees() {
	local at=$1
	shift
	p hosts --entry "${url[$at]}" --json
	[ "$(pick hosts | grep -o '"name": "[^"]*"\|"online": [a-z]*' |
		paste - - | sed -n 's/.*: "\([^"]*\)".*true/\1/p' |
		tr '\n' ' ')" = "$* " ]
}
patience=20
eventually "all see all" sees gamma alpha beta gamma
stop gamma
[ -s "$work/gamma/mesh.json" ] || bad "written down"
! grep -q "$PAGLETS_API_KEY" "$work/gamma/mesh.json" ||
	bad "the key is in the file"
is "for its owner alone" 600 "$(stat -c %a "$work/gamma/mesh.json")"

host gamma --state-dir "$work/gamma"
eventually "back by itself" sees gamma alpha beta gamma
echo "rejoined: $ms ms"
back() {
	p hosts --entry "${url[beta]}" --json
	[[ $out == *"${url[gamma]}"* ]]
}
eventually "the others know its new address" back

# Killed, and the one that it was told of first is gone.
stop gamma KILL
stop alpha
host gamma --state-dir "$work/gamma"
eventually "by whoever is left" sees gamma beta gamma

# A file that is none, or half of one, or not ours.
stop gamma
cp "$work/gamma/mesh.json" "$work/good"
for text in '' '{' '[]' '{"hosts": 1}' 'null' "$(head -c 40 "$work/good")" \
	"$(head -c 100000 /dev/zero | tr '\0' '[')"; do
	printf %s "$text" >"$work/gamma/mesh.json"
	host gamma --state-dir "$work/gamma"
	exits 0 health --entry "${url[gamma]}"
	stop gamma
	is "ends well after '${text:0:20}'" 0 "$code"
done
host gamma --state-dir "$work/gamma" --peer "${url[beta]}"
eventually "and as before, when told" sees gamma beta gamma
finish
