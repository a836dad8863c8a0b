#!/bin/bash
# Goal: a paglet registers regular files and nothing else, is told of them,
# and still has its list after sleep and after the end of its host; the files
# themselves stay whatever becomes of it.
. "$(dirname "$0")/lib.sh"

up() {
	host alpha --state-dir "$work/a" --port "${1:-0}"
	at=${url[alpha]} kim=${url[alpha]}/agents/kim
}

register() {
	p call "$kim" register "$@"
}

refuses() {
	local text=$1
	shift
	exits 1 call "$kim" register "$@"
	like "why not $*" "*TransferError: $text*" "$err"
}

# How many files kim has, and the names of them.
has() {
	p call "$kim" files --json
	is "files $1" "$2" "$(pick 'files.#')"
	is "the last one $1" "$3" "$(pick "files.$(($2 - 1)).name")"
}

up
p create $counter --id kim --entry "$at"
echo hello >"$work/one.txt"
echo two >"$work/two.txt"
ln -s "$work/one.txt" "$work/link"
mkfifo "$work/fifo"
mkdir "$work/folder"

register path="$work/one.txt" --json
is "name" one.txt "$(pick name)"
is "mode" copy "$(pick mode)"
is "size" 6 "$(pick size_bytes)"
is "hash" "$(sha256sum <"$work/one.txt" | cut -d' ' -f1)" "$(pick sha256)"
is "path" "$work/one.txt" "$(pick current_path)"
is "source" "$at" "$(pick source_host_url)"
is "status" registered "$(pick status)"
is "keys" "name mode source_host_name source_host_url source_path source_created_at source_modified_at size_bytes sha256 current_host_name current_host_url current_path status last_error" \
	"$(grep -o '"[a-z0-9_]*":' <<<"$out" | tr -d '":' | xargs)"

for what in link fifo folder missing .; do
	refuses "registered path is not a file: $work/$what" path="$work/$what"
done
refuses "registered path is not a file: /dev/null" path=/dev/null
refuses "registered path is not a file:" path=below-the-work-folder
refuses "registered file name cannot be empty" path="$work/one.txt" name=" "
refuses "registered file name is over 255 bytes" path="$work/one.txt" \
	name="$(printf 'n%.0s' {1..256})"
refuses "registered file mode must be 'copy' or 'move'" \
	path="$work/one.txt" mode=link
has "after all that" 1 one.txt

register path="$work/two.txt" name="a/../b" mode=move
is "a name is only a name" 0 $code
register path="$work/two.txt" name=one.txt
is "one of the same name gives way" 0 $code
has "then" 2 a/../b
is "it is in its place" "$work/two.txt" "$(pick files.0.current_path)"

p deactivate "$kim"
p activate "$kim"
has "after sleep" 2 a/../b
stop alpha KILL
up "${at##*:}"
has "after a crash" 2 a/../b
p deactivate "$kim"
stop alpha KILL
up "${at##*:}"
has "after a crash in its sleep" 2 a/../b
stop alpha
up "${at##*:}"
has "after the end of the host" 2 a/../b

for ((i = 0; i < 98; i++)); do
	echo "{\"message\": {\"kind\": \"register\", \"args\": {\"path\": \"$work/one.txt\", \"name\": \"f$i\"}}}"
done >"$work/many"
while read -r line; do
	post "$kim/messages" "$line"
	is "registered" 200 "$status"
done <"$work/many"
refuses "over 100 registered files" path="$work/one.txt" name=f98
has "at the most" 100 f97

p dispose "$kim"
p create $counter --id kim --entry "$at"
p call "$kim" files --json
is "another life has no files" 0 "$(pick 'files.#')"
is "files that were registered stay" "hello two" \
	"$(cat "$work/one.txt" "$work/two.txt" | xargs)"

# ---- As a class sees them -------------------------------------------------------

stop alpha
keeper() {
	PROGRAM=$TOOLS/keeper up "${at##*:}"
	kim=$at/agents/zoe
}
keeper
p create keeper:KeeperPaglet --id zoe --entry "$at"
exits 0 call "$kim" register path="$work/one.txt" --json
is "one" 1 "$(pick files)"
exits 0 call "$kim" register path="$work/two.txt" name=two --json
is "two" 2 "$(pick files)"
exits 0 call "$kim" path name=two --json
is "its path" "$work/two.txt" "$(pick path)"
exits 1 call "$kim" path name=none
like "no such name" "*No registered file 'none' for paglet 'zoe'*" \
	"$err"
exits 0 call "$kim" unregister name=two
exits 0 call "$kim" unregister name=two
exits 1 call "$kim" path name=two
exits 0 call "$kim" path name=one.txt --json
is "the other one" "$work/one.txt" "$(pick path)"
stop alpha KILL
keeper
exits 0 call "$kim" path name=one.txt --json
is "after a crash" "$work/one.txt" "$(pick path)"
exits 1 call "$kim" path name=two
exits 0 call "$kim" unregister name=one.txt
stop alpha KILL
keeper
exits 1 call "$kim" path name=one.txt
exits 0 call "$kim" register path="$work/two.txt" --json
is "none was left" 1 "$(pick files)"
finish
