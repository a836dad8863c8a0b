#!/bin/bash
# Goal: whichever system call of a write, a removal or a disposal is the last
# one of the host: each file is as before or as told, what is counted is what
# is there, and nothing half-made or half-removed stays.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

keeper=keeper:KeeperPaglet
PROGRAM=$TOOLS/keeper
calls="openat mkdirat write fsync renameat unlinkat"
[ -z "${FULL:-}" ] || calls="$calls close getdents64 openat2 fstat newfstatat
	futex epoll_pwait"
up alpha
export PAGLETS_ENTRY=${url[alpha]}
exits 0 create $keeper --id a
p call a status --json
root=$(pick root)
before=none rounds=0 hits=0
own=work/w # the work folder of the other one

# What the files under the storage of the class have together.
bytes() {
	find "$root" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'
}

clean() {
	[ -z "$(cd "$work/alpha" && find storage work -name '.*')" ]
}

look_at() {
	p call a read path=x --json
	text=$(pick text)
	[ "$text" = $now ] || is "$1: the file" "$before" "$text"
	before=$text
	p call a status --json
	is "$1: what is counted" "$(bytes)" "$(pick used_bytes)"
	p info w --json
	if [ $code = 0 ]; then
		is "$1: its work folder" note "$(ls "$work/alpha/$own")"
	else
		eventually "$1: no work folder" [ ! -e "$work/alpha/$own" ]
	fi
	eventually "$1: nothing is left over" clean
}

# All that changes files, while the blow falls; whether it did.
blow() {
	local hit=1
	rounds=$((rounds + 1)) now=$rounds
	p create $keeper --id w
	p call w note text=hello
	p call a delete path=sub
	strike alpha all "$1" "$2"
	p call a write path=x text=$now --timeout 5s
	p call a write path=sub/dir/y text=yes --timeout 5s
	p call a delete path=sub --timeout 5s
	p dispose w --timeout 5s
	if struck alpha; then
		hit=0 hits=$((hits + 1))
		down alpha
		up alpha
	else
		is "$*: untouched, it succeeds" 0 $code
	fi
	look_at "$*"
	return $hit
}

exits 0 call a write path=x text=none
for call in $calls; do
	for ((n = 1; n < 12; n++)); do
		blow $call $n || break
	done
done
is "blows that hit, of $rounds" yes "$([ $hits -ge 15 ] && echo yes || echo $hits)"
finish
