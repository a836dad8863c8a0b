#!/bin/bash
# Goal: a paglet's work folder is there as long as the paglet lives on its
# host, whatever happens to it or to the host, and gone when it is gone.
. "$(dirname "$0")/lib.sh"

keeper=keeper:KeeperPaglet
PROGRAM=$TOOLS/keeper
start() {
	host alpha --state-dir "$work/alpha" --peer "${url[beta]}"
	export PAGLETS_ENTRY=${url[alpha]}
}
host beta --state-dir "$work/beta"
start
exits 0 create $keeper --id a
folders=$(realpath "$work/alpha/work")
is "none before it is asked for" '' "$(ls -A "$folders")"
exits 0 call a note text=hello --json
is "its place" "$folders/a" "$(pick path)"
is "nobody else's" 700 "$(stat -c %a "$folders/a")"

noted() {
	exits 0 call a look
	is "the note, $1" hello "$out"
}
noted "while it runs"
exits 0 deactivate a
is "asleep" hello "$(cat "$folders/a/note")"
exits 0 activate a
noted "after sleep"
p info a --json
kill -KILL "$(pick pid)"
crashed() {
	p info a --json
	[ "$(pick crashed)" = true ] || [ "$(pick active)" = false ]
}
eventually "its process is gone" crashed
is "crashed" hello "$(cat "$folders/a/note")"
exits 0 dispose a
eventually "disposed of: gone" [ ! -e "$folders/a" ]

# Another one takes the place of one that has crashed.
exits 0 create $keeper --id a
exits 0 call a note text=hello
p info a --json
kill -KILL "$(pick pid)"
eventually "its process is gone, too" crashed
exits 1 create no.such:Class --id a
is "in vain: it keeps its folder" hello "$(cat "$folders/a/note")"
exits 0 create $keeper --id a
exits 0 call a look
is "the other one has its own" null "$out"
exits 0 dispose a

exits 0 create $keeper --id a
exits 0 call a note text=hello
stop alpha
start
noted "after a restart"
stop alpha KILL
mkdir -p "$folders/stranger/in" "$folders/.was-a" "$folders/.in-0"
mkdir -p "$folders/.gone-0/in" "$folders/.was-stranger"
start
noted "after a crash of the host"
only() {
	[ "$(ls -A "$folders")" = "$1" ]
}
eventually "what belongs to nobody is swept" only a

# Away and back again, here and there.
exits 0 dispatch a "${url[beta]}"
eventually "moved away: gone" only ''
exits 0 call a look
is "nothing there" null "$out"
exits 0 call a note text=there
exits 0 dispatch a "${url[alpha]}"
exits 0 call a look
is "nothing here, as it has come back" null "$out"
eventually "nor there any more" [ -z "$(ls -A "$work/beta/work")" ]
exits 0 call a note text=hello
exits 0 dispatch a "${url[alpha]}"
noted "after a move to where it is"
exits 1 dispatch a http://127.0.0.1:1
noted "after a move that failed"
exits 0 clone a --json
other=$(pick agent_id)
exits 0 call "$other" look
is "a copy has its own" null "$out"

# Whatever is in it, it can be removed, and nothing else is.
mkdir "$work/outside"
echo kept >"$work/outside/file"
exits 0 create $keeper --id digger
exits 0 call digger dig depth=300 outside="$work/outside"
for i in {1..3000}; do
	: >"$folders/digger/file-$i"
done
exits 0 dispose digger
exits 0 create $keeper --id digger
exits 0 call digger note text=new
left() {
	[ -z "$(ls -A "$folders" | grep '^\.')" ]
}
eventually "all of it is gone" left
exits 0 call digger look
is "but not what came after it" new "$out"
is "nor what it pointed to" kept "$(cat "$work/outside/file")"

# A deeper one, half removed when the host is killed.
exits 0 call digger dig depth=1000 outside="$work/outside"
exits 0 dispose digger
stop alpha KILL
start
eventually "the next start does the rest" left
noted "and nobody else's"
is "nor what it pointed to" kept "$(cat "$work/outside/file")"

# No folder, no harm.
host gamma --state-dir none
exits 0 create $keeper --id n --on "${url[gamma]}"
exits 1 call "${url[gamma]}/agents/n" folder
like "a host that keeps nothing says so" '*keeps nothing on disk*' "$err"
finish
