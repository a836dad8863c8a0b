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
