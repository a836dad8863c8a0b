#!/bin/bash
# Goal: wherever in an upload or a removal the host is killed, the artifact is
# there as a whole or not at all when it is back; what was answered is true,
# and nothing else is left on disk.
#
# Each system call in turn is the last one of its host. FULL=1 takes all calls
# of these.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"
. "$(dirname "$0")/art.sh"
of_upload="write fdatasync fsync renameat openat sendmsg recvfrom"
of_removal="unlinkat fsync sendmsg"
[ -z "${FULL:-}" ] || of_upload="$of_upload futex epoll_pwait epoll_ctl read
	close mmap munmap clone accept4 sync_file_range unlinkat"
big=$(sha "$work/large") rounds=0 hits=0
head -c 600000 "$work/large" >"$work/medium"
want=$(sha "$work/medium")

# Whether all that is there is whole, and nothing else is.
check() {
	local n file
	n=$(listed alpha)
	is "$1: the disk holds what is listed" "$n $n 0" \
		"$(on_disk "$work/alpha")"
	for file in "$work"/alpha/artifacts/blobs/*.bin; do
		[ ! -e "$file" ] || is "$1: it is whole" "$want" "$(sha "$file")"
	done
	is "$1: nothing was damaged" "" "$(ls "$work/alpha/artifacts/corrupt")"
}

# hit WHAT CALL N COMMAND...: kill alpha at the Nth such call in any of its
# threads during the command. Whether that came.
hit() {
	local what="$1 $2 $3" call=$2 n=$3 rc=1
	shift 3
	rounds=$((rounds + 1))
	strike alpha all "$call" "$n"
	"$@"
	if struck alpha; then
		hits=$((hits + 1)) rc=0
		down alpha
		up alpha
	fi
	check "$what"
	return $rc
}

upload() {
	put alpha "sha256=$want" "$work/medium"
}

up alpha
for call in $of_upload; do
	for ((n = 1; n < 40; n++)); do
		hit upload $call $n upload
		more=$?
		stored=$id
		[ "$status" != 200 ] || {
			fetch alpha "$stored" "$work/back"
			is "upload $call $n: what was answered is there" \
				"200 $want" "$status $(sha "$work/back")"
		}
		# Room for the next.
		for file in "$work"/alpha/artifacts/blobs/*.bin; do
			[ ! -e "$file" ] || {
				file=${file##*/}
				remove alpha "${file%.bin}"
			}
		done
		[ $more = 0 ] || break
	done
done
for call in $of_removal; do
	for ((n = 1; n < 10; n++)); do
		upload
		stored=$id
		hit removal $call $n remove alpha "$stored"
		more=$?
		answer=$status
		fetch alpha "$stored" "$work/back"
		[ "$answer" != 200 ] || is "removal $call $n: it is gone" 400 \
			"$status"
		[ "$status" != 200 ] || remove alpha "$stored"
		[ $more = 0 ] || break
	done
done
echo "killed in $hits of $rounds rounds"
[ $hits -gt 15 ] || bad "hardly ever killed"
finish
