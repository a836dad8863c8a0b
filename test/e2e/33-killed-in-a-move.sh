#!/bin/bash
# Goal: wherever in a move the source, the target or both are killed, the
# agent is on exactly one host when they are back, and has forgotten nothing.
#
# Each system call in turn is the last one of its host: of the loop and of each
# worker. FULL=1 takes all calls that a move makes, not only those that can be
# seen from outside, and all ways to ask for one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

of_loop="sendmsg recvfrom"
of_worker="pwrite64 fdatasync" ways=dispatch
[ -z "${FULL:-}" ] || {
	of_loop="sendmsg recvfrom recvmsg write read connect accept4 socket close
		epoll_ctl epoll_pwait kill wait4 vfork clone mmap futex"
	of_worker="pwrite64 fdatasync write futex" ways="dispatch go retract"
}

up alpha
up beta
p create $counter --id kim --entry "${url[alpha]}"
count=0 rounds=0 hits=0
found "at first"

# From $here to $1, at the wish of somebody, of itself, or of the target.
move() {
	local kim=${url[$here]}/agents/kim to=${url[$1]}
	case $way in
	dispatch) p dispatch "$kim" "$to" --timeout 2s ;;
	go) p call "$kim" go target="$to" --timeout 500ms ;;
	retract) p retract "$kim" --entry "$to" --timeout 2s ;;
	esac
}

# blow ROLE THREAD CALL N: a move during which it falls. Whether it did.
# Workers come when there is work for more of them.
blow() {
	local victim=$here there=${other[$here]} what="$way $*" hit=1 tids
	[ "$1" != target ] || victim=$there
	tids=($(threads $victim))
	[ -n "${tids[$2]:-}" ] || return
	rounds=$((rounds + 1))
	strike $victim "${tids[$2]}" "$3" "$4"
	move $there
	if struck $victim; then
		hit=0 hits=$((hits + 1))
		down $victim
		[ "$1" != both ] || down ${other[$victim]}
		[ "$1" != both ] || up ${other[$victim]}
		up $victim
	else
		is "$what: untouched, it succeeds" 0 $code
	fi
	found "$what"
	return $hit
}

# All there are of a call in a move, until one more than there are.
all_of() {
	local n
	for ((n = 1; n < 40; n++)); do
		blow "$1" "$2" "$3" $n || return
	done
}

for way in $ways; do
	for role in source target both; do
		for call in $of_loop; do
			all_of $role 0 "$call"
		done
		for call in $of_worker; do
			for thread in 1 2 3 4; do
				all_of $role $thread "$call"
			done
		done
	done
done
echo "$hits of $rounds moves were hit"
[ $hits -ge 20 ] || bad "so few were hit: $hits"
finish
