#!/bin/bash
# Goal: a host that is killed at any system call of a compaction comes back
# with all its agents, and nothing it was told to forget.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"

# The log is written anew once it holds a megabyte, mostly dead: with a label
# this long an agent fills it in a few checkpoints.
label=$(printf %060000d 0)
full=$((1 << 20))

up alpha
up beta
export PAGLETS_ENTRY=${url[alpha]}
p create $counter --id bystander count:=1
p create $counter --id sleeper count:=2
p deactivate sleeper
p create $counter --id kim label="$label"
count=0
found "at first"

all_there() {
	p call bystander get --json
	is "$1: one that was active" 1 "$(pick count)"
	p state sleeper --json
	is "$1: one that sleeps" 2 "$(pick state.count)"
	p info gone
	is "$1: one that was disposed of" 3 $code
	found "$1"
}

first() {
	ls "$work/alpha/log" | head -n 1
}
size() {
	cat "$work"/alpha/log/* | wc -c
}
counts() {
	p call kim increment --timeout 5s
	[ $code = 0 ] && count=$((count + 1))
}

# To where the next checkpoint or the one after makes it compact itself.
fill() {
	while [ "$(size)" -lt $((full - 100000)) ]; do
		counts || die "filling the log: $err"
	done
}

# Until the old files are gone, or the host is. A compaction may have ended
# since the log was measured: then it fills once more.
compact() {
	local i before
	before=$(first)
	for ((i = 0; i < 40; i++)); do
		counts || return
		[ "$(first)" = "$before" ] || return
	done
	bad "$1: it did not compact itself"
}

# The answer to the last message may be lost though it is counted.
recount() {
	local now
	p call kim get --json
	now=$(pick count)
	[ "$now" != $((count + 1)) ] || count=$now
}

rounds=0 hits=0
for call in pwrite64 fdatasync openat fsync renameat unlinkat close; do
	for ((n = 1; n < 40; n++)); do
		rounds=$((rounds + 1))
		p create $counter --id gone
		p dispose gone
		fill
		strike alpha all $call $n
		compact "$call $n"
		struck alpha || break
		hits=$((hits + 1))
		down alpha
		up alpha
		recount
		all_there "$call $n"
	done
	all_there "$call $n: untouched"
done
echo "$hits of $rounds compactions were hit"
[ $hits -ge 10 ] || bad "so few were hit: $hits"
finish
