#!/bin/bash
# Goal: registered files go wherever their paglet goes, all of them or, if one
# can not, none and the paglet stays; where they came from, nothing is left
# that should not be.
. "$(dirname "$0")/lib.sh"

for name in alpha beta; do
	host $name --state-dir "$work/$name"
done
alpha=${url[alpha]} beta=${url[beta]}

# All that lies with a host apart from its log: work folders and artifacts.
lies() {
	(cd "$work/$1" && find work artifacts -type f 2>/dev/null | sort | xargs)
}

lies_only() {
	[ "$(lies "$1")" = "$2" ]
}

# left WHAT HOST FILES: so much lies there, soon.
left() {
	eventually "$1: what lies at $2" lies_only "$2" "$3"
}

files() {
	p call "$1" files --json
}

echo one >"$work/one.txt"
echo two >"$work/two.txt"
: >"$work/empty"
head -c 3000000 /dev/urandom >"$work/big"
sum=$(sha256sum <"$work/big")
at_alpha=$work/alpha/work at_beta=$work/beta/work

p create $counter --id kim --entry "$alpha"
kim=$alpha/agents/kim
p call "$kim" register path="$work/one.txt" mode=move
p call "$kim" register path="$work/two.txt" name=../x/two
p call "$kim" register path="$work/empty"
p call "$kim" register path="$work/big" name=x_two

exits 0 dispatch "$kim" "$beta"
kim=$beta/agents/kim
files "$kim"
is "names" "one.txt ../x/two empty x_two" \
	"$("$TOOLS/pick" files.{0,1,2,3}.name <<<"$out" | xargs)"
is "status" available "$(pick files.0.status)"
is "they are where their list says" "$at_beta/kim/x_two" \
	"$(pick files.1.current_path)"
is "a name is not used twice" "$at_beta/kim/x_two-2" \
	"$(pick files.3.current_path)"
is "source" "$work/big" "$(pick files.3.source_path)"
is "content" "$sum" "$(sha256sum <"$at_beta/kim/x_two-2")"
four="work/kim/empty work/kim/one.txt work/kim/x_two work/kim/x_two-2"
left "a move" beta "$four"
left "a move" alpha ""
[ ! -e "$work/one.txt" ] || bad "mode move leaves the source"
[ -e "$work/two.txt" ] || bad "mode copy takes the source"

exits 0 retract "$kim" --entry "$alpha"
kim=$alpha/agents/kim
left "a retract" alpha "$four"
left "a retract" beta ""

p clone "$kim" "$beta" --json
two=$(grep -o 'http://[^" ]*' <<<"$out" | head -n 1) id=$(grep -o '[0-9a-f]\{32\}' <<<"$out" | head -n 1)
files "$beta/agents/$id"
is "a clone has them all" 4 "$(pick 'files.#')"
left "a clone" alpha "$four"
is "its own" "$sum" "$(sha256sum <"$at_beta/$id/x_two-2")"
p dispose "$beta/agents/$id"
left "its end" beta ""

p clone "$kim" --json
id=$(grep -o '[0-9a-f]\{32\}' <<<"$out" | head -n 1)
is "a clone on this host has its own" "$sum" \
	"$(sha256sum <"$at_alpha/$id/x_two-2")"
p dispose "$alpha/agents/$id"
left "its end, too" alpha "$four"

exits 0 dispatch "$kim" "$alpha"
files "$kim"
is "a move to its own host loses nothing" 4 "$(pick 'files.#')"
left "it" alpha "$four"

p create $counter --id own --entry "$alpha"
echo own >"$work/own"
p call "$alpha/agents/own" register path="$work/own" mode=move
exits 0 dispatch "$alpha/agents/own" "$alpha"
files "$alpha/agents/own"
is "mode move to its own host" "$work/own" "$(pick files.0.current_path)"
is "has gone nowhere" own "$(<"$work/own")"
exits 0 dispatch "$alpha/agents/own" "$alpha" --arrival-mode inactive
is "nor asleep" own "$(<"$work/own")"
p activate "$alpha/agents/own"
exits 0 dispatch "$alpha/agents/own" "$beta"
is "and can still travel" own "$(<"$at_beta/own/own")"
[ ! -e "$work/own" ] || bad "mode move leaves the source, after that"
p dispose "$beta/agents/own"
left "its own" beta ""

exits 0 dispatch "$kim" "$beta" --arrival-mode inactive
left "arrived asleep" beta "$four"
stop beta KILL
host beta --state-dir "$work/beta" --port "${beta##*:}"
kim=$beta/agents/kim
left "after a crash" beta "$four"
p activate "$kim"
files "$kim"
is "they wake with it" 4 "$(pick 'files.#')"

# ---- What does not succeed -----------------------------------------------------

# stays WHAT PATTERN [STATUS]: the move fails with that, kim stays, nothing is
# at alpha.
stays() {
	exits "${3:-1}" dispatch "$kim" "$alpha"
	like "$1" "*TransferError: $2*" "$err"
	left "$1" alpha ""
	files "$kim"
	is "$1: it has its list" 4 "$(pick 'files.#')"
	p call "$kim" get --json
	like "$1: it was told" '*dispatching@beta*' "$out"
	p events --entry "$beta" --json
	like "$1: an event" '*"transfer-failed"*"stage": "files"*' "$out"
}

rm "$at_beta/kim/x_two"
mkfifo "$at_beta/kim/x_two"
stays "no file any more" "registered file '../x/two' is missing"
rm "$at_beta/kim/x_two"
stays "it has vanished" "registered file '../x/two' is missing"
echo again >"$at_beta/kim/x_two"
stop alpha
host alpha --state-dir "$work/alpha" --port "${alpha##*:}" \
	--artifact-storage-quota 2M
stays "the target is full" "*quota*" 7
stop alpha
host alpha --port "${alpha##*:}" --artifact-max-size 2M --state-dir "$work/alpha"
stays "one is too large for the target" "*exceeds maximum size*" 7
stop alpha
host alpha --port "${alpha##*:}" --state-dir "$work/alpha"
exits 0 dispatch "$kim" "$alpha"
kim=$alpha/agents/kim
is "what was changed meanwhile came so" again "$(<"$at_alpha/kim/x_two")"
left "in the end" beta ""

p create $counter --id ten --entry "$beta"
for ((i = 0; i < 10; i++)); do
	head -c 100000 /dev/urandom >"$work/t$i"
	p call "$beta/agents/ten" register path="$work/t$i" mode=move
done
rm "$work/t7"
exits 1 dispatch "$beta/agents/ten" "$alpha"
like "one of ten is missing" "*registered file 't7' is missing: $work/t7" "$err"
left "one of ten is missing" alpha "$four"
is "nothing has moved" 9 "$(ls "$work"/t? | wc -l)"
p call "$beta/agents/ten" get --json
is "it is where it was" beta "$(pick host)"

p dispose "$kim"
left "its end" alpha ""
is "what was copied is still here" two "$(<"$work/two.txt")"
finish
