#!/bin/bash
# Goal: wherever in a move with files the source, the target or both are
# killed, the paglet is on exactly one host with all its files when they are
# back, and no other host keeps any of them.
#
# FULL=1 takes many more of the moments.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

most=${FULL:+12}
most=${most:-2}
up alpha
up beta
p create $counter --id kim --entry "${url[alpha]}"
count=0 rounds=0 hits=0
echo moved >"$work/one"
head -c 700000 /dev/urandom >"$work/two"
p call "${url[alpha]}/agents/kim" register path="$work/one" mode=move
p call "${url[alpha]}/agents/kim" register path="$work/two"
sum=$(sha256sum <"$work/two")
found "at first"

lies() {
	(cd "$work/$1/work" && find . -type f ! -path '*/.out-*' | sort | xargs)
}

no_files() {
	[ -z "$(lies "$1")" ]
}

# Its files are where it is, and nowhere else but where they came from.
complete() {
	local what=$1 there=${other[$here]} path
	p call "${url[$here]}/agents/kim" files --json
	is "$what: files" 2 "$(pick 'files.#')"
	path=$(pick files.1.current_path)
	is "$what: the content" "$sum" "$(sha256sum <"$path")"
	path=$(pick files.0.current_path)
	is "$what: the other" moved "$(<"$path")"
	[ "$path" = "$work/one" ] ||
		is "$what: the source" gone "$([ -e "$work/one" ] || echo gone)"
	eventually "$what: no files at $there" no_files "$there"
}

checks="found complete"

all_of() {
	local n
	for ((n = 1; n <= most; n++)); do
		blow "$1" "$2" "$3" $n || return
	done
}

for way in dispatch retract; do
	for role in source target both; do
		for call in sendmsg sendfile recvfrom renameat rename; do
			all_of $role 0 "$call"
		done
		for call in fsync fdatasync unlinkat unlink openat; do
			for thread in 1 3; do
				all_of $role $thread "$call"
			done
		done
	done
done
echo "$hits of $rounds moves were hit"
[ $hits -ge 20 ] || bad "so few were hit: $hits"
finish
