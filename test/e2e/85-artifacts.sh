#!/bin/bash
# Goal: what hosts keep for others is given to them, listed, fetched and
# removed from the command line: files of any size, several at a time, from
# pipes and to pipes, under names that cannot do harm.
. "$(dirname "$0")/lib.sh"

host alpha --state-dir "$work/alpha"
host beta --peer "${url[alpha]}" --state-dir "$work/beta"
export PAGLETS_ENTRY=${url[alpha]} TMPDIR=$work/tmp
mkdir "$work/tmp" "$work/in" "$work/to"
cd "$work/in" || exit 1
: >empty
head -c 65537 /dev/urandom >odd
truncate -s 300M sparse
printf x | dd of=sparse bs=1 seek=200000000 conv=notrunc 2>/dev/null
printf 'one line\n' >line

# There and back. The id is all that is printed.
declare -A id
for f in empty odd sparse line; do
	exits 0 artifacts put $f
	id[$f]=$out
	like "the id of $f" '????????????????????????????????' "$out"
	exits 0 artifacts get "$out" -o "$work/to/$f"
	is "the name of $f" "$work/to/$f" "$out"
	cmp -s $f "$work/to/$f" && ok "$f as it was" || bad "$f is another"
	exits 0 artifacts info "${id[$f]}" --json
	is "size of $f" "$(stat -c %s $f)" "$(pick artifact.size_bytes)"
	sum=$(sha256sum $f)
	is "sha256 of $f" "${sum%% *}" "$(pick artifact.sha256)"
	is "name of $f" $f "$(pick artifact.name)"
done
is "nothing lies beside them" "" "$(ls -A "$work/to" | grep '^\.')"
exits 0 artifacts list
like "a table" '*ID*SIZE*CREATED*NAME*64K*' "$out"
is "a line for each" 5 "$(wc -l <"$work/p.out")"
exits 0 artifacts list --json
is "a list" 4 "$(pick artifacts.#)"
exits 0 artifacts info "${id[odd]}"
like "for people" "*size_bytes*65537*" "$out"

# How an artifact is named.
for name in "${id[odd]:0:20}" "${url[alpha]}/artifacts/${id[odd]}" \
	"alpha/${id[odd]:0:20}"; do
	exits 0 artifacts get "$name" -o "$work/to/named"
	cmp -s odd "$work/to/named" || bad "by '$name' comes another"
done
exits 0 artifacts get "${id[odd]}" --host alpha -o "$work/to/named"
exits 3 artifacts get "${id[odd]}" --host beta -o "$work/to/named2"
exits 3 artifacts get 00000000000000000000000000000000
exits 3 artifacts info 0000000
exits 2 artifacts get ../x
exits 2 artifacts get "alpha/${id[odd]}" --host alpha
exits 2 artifacts
exits 2 artifacts gte x
like "the nearest word" "*did you mean 'get'?" "$err"
exits 0 artifacts --help
exits 0 help artifacts put
like "help of a verb" 'usage: paglets artifacts put *' "$out"
is "nothing came of it" "" "$(ls "$work/to" | grep named2)"

# To beta, with all that can be said of it.
exits 0 artifacts put odd --host beta --name 'an odd one' --owner kim \
	--compression none --expires 1h --json
is "of which file" odd "$(pick artifacts.0.file)"
is "its host" "${url[beta]}" "$(pick artifacts.0.artifact.host_url)"
is "its owner" kim "$(pick artifacts.0.artifact.owner_agent_id)"
is "its compression" none "$(pick artifacts.0.artifact.compression)"
like "it ends" '[1-9]*' "$(pick artifacts.0.artifact.expires_at)"
at=$(pick artifacts.0.artifact.artifact_id)
exits 0 artifacts list --host beta --owner kim --json
is "those of kim" 1 "$(pick artifacts.#)"
exits 0 artifacts list --host beta --owner lou --json
is "those of lou" 0 "$(pick artifacts.#)"
sum=$(sha256sum odd)
exits 0 artifacts put odd --sha256 "${sum%% *}"
exits 1 artifacts put odd --sha256 "${sum%% *}" --name line --expires 1 \
	--sha256 0000000000000000000000000000000000000000000000000000000000000000
exits 2 artifacts put odd --sha256 x line
exits 2 artifacts put odd line --name both
exits 2 artifacts put odd --expires 0

# Into a folder, under its own name, and never over what is there.
cd "$work/to" || exit 1
exits 0 artifacts get "beta/$at"
is "its own name" 'an odd one' "$out"
exits 7 artifacts get "beta/$at"
like "it is there" '*is there already*' "$err"
exits 0 artifacts get "beta/$at" -o "$work/tmp"
is "in a folder" "$work/tmp/an odd one" "$out"
rm "$work/tmp/an odd one"
exits 2 artifacts get "beta/$at" -o /dev/null
exits 2 artifacts get "beta/$at" -o nosuch/
for name in ../../x /etc/x .bashrc -rf $'a\nb\e[2J' "$(printf 'x%.0s' {1..300})"; do
	exits 0 artifacts put "$work/in/line" --name "$name"
	mkdir "$work/safe"
	exits 0 artifacts get "$out" -o "$work/safe"
	is "one file in it: $name" 1 "$(ls "$work/safe" | grep -c '^[a-zA-Z_]')"
	is "and nothing else" 1 "$(find "$work/safe" -type f | wc -l)"
	rm -r "$work/safe"
done

cp "$work/in/line" $'x\xff'
exits 0 artifacts put $'x\xff'
exits 0 artifacts info "$out" --json
like "a name that is no text" 'x*' "$(pick artifact.name)"

# Pipes.
p artifacts put - --name piped <"$work/in/odd"
is "a file on stdin" 0 "$code"
"$PAGLETS" artifacts get "$out" -o - >"$work/piped"
is "a file on stdout" 0 $?
cmp -s "$work/in/odd" "$work/piped" && ok "out again" || bad "it is another"
cat "$work/in/odd" | "$PAGLETS" artifacts put - >"$work/id"
"$PAGLETS" artifacts get "$(<"$work/id")" -o - --move | cmp -s - "$work/in/odd" &&
	ok "from a pipe into a pipe" || bad "a pipe loses something"
exits 3 artifacts info "$(<"$work/id")"
is "nothing is left in the temporary folder" "" "$(ls -A "$work/tmp")"
exits 2 artifacts put - -
exits 2 artifacts get "${id[odd]}" -o - --json

# Several at a time: those that fail are named, the others are done.
cd "$work/in" || exit 1
p artifacts put odd nosuch line empty --host beta -j 2 --json
is "one of four failed" 8 "$code"
is "who it was" "paglets: nosuch: No such file or directory" \
	"$(head -n 1 "$work/p.err")"
is "how many" "paglets: artifacts put: 1 of 4 failed" \
	"$(tail -n 1 "$work/p.err")"
is "the first" odd "$(pick artifacts.0.artifact.name)"
like "the second" '*No such file*' "$(pick artifacts.1.error)"
is "the last" empty "$(pick artifacts.3.artifact.name)"
a=$(pick artifacts.0.artifact.artifact_id)
b=$(pick artifacts.2.artifact.artifact_id)
rm -rf "$work/to2"
mkdir "$work/to2"
p artifacts get "$a" 0000000000 "$b" --host beta -o "$work/to2"
is "one of three failed" 8 "$code"
cmp -s odd "$work/to2/odd" && cmp -s line "$work/to2/line" ||
	bad "the others were not fetched"
exits 2 artifacts get "$a" "$b" --host beta -o "$work/to2/x"
p artifacts rm "$a" 0000000000 "$b" --host beta
is "one of three was not removed" 8 "$code"
exits 3 artifacts info "$a" --host beta
exits 3 artifacts rm "$a" --host beta
exits 0 artifacts put odd line
is "a line for each" 2 "$(wc -l <"$work/p.out")"
exits 2 artifacts put odd -j 0
exits 2 artifacts put odd -j 65
exits 0 artifacts put odd -j 64

# Moved: nothing is left where it was, unless it is nowhere else.
cp odd moved
exits 0 artifacts put moved --move
[ ! -e moved ] && ok "the file is gone" || bad "the file is left"
at=$out
exits 0 artifacts get "$at" --move
exits 3 artifacts info "$at"
cmp -s odd moved && ok "and back" || bad "it is another"
exits 1 artifacts put moved --move --sha256 00
[ -e moved ] && ok "a file that was refused stays" || bad "the file is gone"
exits 5 artifacts put moved --move --host http://127.0.0.1:9
exits 2 artifacts put . --move
finish

# What a host has no room for, it refuses; of several, no more than it must.
host gamma --no-mesh --state-dir "$work/gamma" \
	--artifact-max-size 100000 --artifact-storage-quota 200000
head -c 100001 /dev/zero >"$work/larger"
exits 7 artifacts put "$work/larger" --host "${url[gamma]}"
head -c 90000 /dev/zero >"$work/part"
p artifacts put "$work/part" "$work/part" "$work/part" --host "${url[gamma]}"
is "one of three does not fit" 8 "$code"
like "that is said" *"storage quota exceeded"* "$(<"$work/p.err")"
is "the others are there" 2 "$(wc -l <"$work/p.out")"
exits 7 artifacts put "$work/part" --host "${url[gamma]}"
