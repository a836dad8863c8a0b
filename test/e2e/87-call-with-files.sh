#!/bin/bash
# Goal: files go with a message: to the host where the agent is, owned by it,
# told of in the arguments; removed again if the message fails, and moved only
# if it does not.
. "$(dirname "$0")/lib.sh"

host alpha --state-dir "$work/alpha"
host beta --peer "${url[alpha]}" --state-dir "$work/beta"
export PAGLETS_ENTRY=${url[alpha]}
is_known() {
	p hosts --json && [ "$(pick hosts.#)" = 2 ]
}
eventually "the hosts know each other" is_known
cd "$work" || exit 1
head -c 100000 /dev/urandom >a
head -c 200000 /dev/urandom >b
exits 0 create $counter --id kim
exits 0 create $counter --id lou --on beta

count() {
	exits 0 artifacts list --host "$1" --json
	is "artifacts on $1 $3" "$2" "$(pick artifacts.#)"
}

exits 0 call kim echo text=hello file=@artifact:a --json
is "the other argument" hello "$(pick args.text)"
is "the size of the file" 100000 "$(pick args.file.size_bytes)"
is "its owner" kim "$(pick args.file.owner_agent_id)"
is "its host" "${url[alpha]}" "$(pick args.file.host_url)"
exits 0 artifacts get "$(pick args.file.artifact_id)" -o a2
cmp -s a a2 && ok "it is there" || bad "it is another"

# To where the agent is; several files; from a pipe.
cat b | "$PAGLETS" call lou echo one=@artifact:a two=@artifact:- --json >p2
out=$(<p2)
is "its host" "${url[beta]}" "$(pick args.one.host_url)"
is "from a pipe" 200000 "$(pick args.two.size_bytes)"
count beta 2 "after a call"
count alpha 1 "after a call"

# A text may look like one.
exits 0 call kim echo 'file:="@artifact:a"' --json
is "a text" @artifact:a "$(pick args.file)"

# The message fails: nothing is left there, all is left here.
exits 1 call lou nosuch one=@artifact:a two=@artifact:b --move
count beta 2 "after a call that failed"
[ -e a ] && [ -e b ] && ok "the files stay" || bad "a file is gone"
exits 1 call lou echo one=@artifact:a two=@artifact:nosuch --move
count beta 2 "after a file that was not there"
exits 3 call nobody echo one=@artifact:a --move
exits 2 call lou echo one=a --move
exits 2 create $counter one=@artifact:a
exits 2 call lou echo one=@artifact:
exits 2 call lou echo $'\xff=@artifact:a'
[ -e a ] && ok "the file stays" || bad "the file is gone"

exits 0 call lou echo one=@artifact:a --move
[ ! -e a ] && [ -e b ] && ok "it is moved" || bad "it is not moved"
count beta 3 "after a move"
exits 0 call lou echo one=@artifact:b --oneway
is "nothing is said" "" "$out"
count beta 4 "after one without an answer"
finish
