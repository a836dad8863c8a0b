#!/bin/bash
# Goal: a disk that is full or fails in the middle of an upload is told to who
# uploads, costs nothing that was there, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"
. "$(dirname "$0")/art.sh"
big=$(sha "$work/large")

# Every call on which it depends fails once.
up alpha
put alpha "" "$work/small"
kept=$id
for call in fdatasync fsync renameat; do
	for error in EIO ENOSPC; do
		for ((n = 1; n < 4; n++)); do
			trace alpha all -e trace=$call \
				-e inject=$call:error=$error:when=$n
			put alpha "" "$work/large"
			untrace
			[ "$status" != 200 ] || {
				remove alpha "$id"
				break
			}
			like "$call $n $error" '500 *' "$status $body"
			eventually "$call $n $error: nothing is left" \
				settles "$work/alpha" "1 1 0"
		done
	done
done
fetch alpha "$kept" "$work/back"
is "what was there is there" "$(sha "$work/small")" "$(sha "$work/back")"
down alpha
up alpha
is "also after a start" 1 "$(listed alpha)"

mkdir "$work/tiny"
if mount -t tmpfs -o size=2m tmpfs "$work/tiny"; then
	trap 'umount -l "$work/tiny"; cleanup' EXIT
	host tiny --state-dir "$work/tiny/state" --no-mesh
	put tiny "" "$work/small"
	is "there is room" 200 "$status"
	put tiny "" "$work/large"
	like "and then there is none" '500 *No space left on device*' \
		"$status $body"
	eventually "nothing is left" settles "$work/tiny/state" "1 1 0"
	put tiny "" "$work/small"
	is "a small one has room again" 200 "$status"
	fetch tiny "$id" "$work/back"
	is "and is whole" "$(sha "$work/small")" "$(sha "$work/back")"
	stop tiny
else
	echo "no tmpfs may be mounted: a full disk was not tried"
fi
finish
