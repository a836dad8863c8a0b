#!/bin/bash
# Goal: the paglets of a class keep files on their host: whole or not at all,
# within a quota, nowhere else, and longer than the paglets and the host.
. "$(dirname "$0")/lib.sh"

keeper=keeper:KeeperPaglet
PROGRAM=$TOOLS/keeper
start() {
	host alpha --state-dir "$work/alpha" "$@"
	export PAGLETS_ENTRY=${url[alpha]}
}
start
exits 0 create $keeper --id a
exits 0 create $keeper --id b
exits 0 create keeper:Other.Keeper --id c

# Nothing yet; then files, shared by the class and by nobody else.
exits 0 call a status --json
is "empty" 0:0:10485760:10485760 "$(pick used_bytes):$(pick file_count):$(
	pick quota_bytes):$(pick available_bytes)"
exits 0 call a list --json
is "no files" '[]' "$out"
exits 3 call a read path=x
like "a file that is not there" "*no file 'x'*" "$err"
exits 0 call a write path=x text=one
exits 0 call a write path=log/2026/may text=two
exits 0 call b read path=x --json
is "the other one reads it" 3:one "$(pick size):$(pick text)"
exits 3 call c read path=x
exits 0 call b write path=x text=three
exits 0 call a read path=x --json
is "replaced" three "$(pick text)"
exits 0 call a list --json
is "both are listed" 'log/2026/may:3 x:5' \
	"$(pick 0.path):$(pick 0.size) $(pick 1.path):$(pick 1.size)"
exits 0 call a list prefix=log/ --json
is "those that begin so" log/2026/may: "$(pick 0.path):$(pick 1.path)"
exits 0 call a status --json
is "counted" 8:2 "$(pick used_bytes):$(pick file_count)"
root=$(pick root)
is "where they are" "$(realpath "$work/alpha/storage")/keeper+KeeperPaglet" \
	"$root"
is "on disk" three "$(cat "$root/x")"
exits 0 call a write path=empty text=
exits 0 call a read path=empty --json
is "an empty file" 0 "$(pick size)"

# Deleting: files, folders, what is not there, all.
exits 0 call a delete path=log/2026/may
is "folders that are empty go too" 'empty x' "$(cd "$root" && echo *)"
exits 0 call a delete path=nothing
exits 0 call a write path=d/e/f text=1
exits 0 call a write path=d/g text=1
exits 1 call a write path=d text=1
like "a folder is no file" "*'d' is a folder*" "$err"
exits 1 call a read path=d
exits 1 call a write path=x/y text=1
like "a file is no folder" '*no folder*' "$err"
exits 0 call a delete path=d
exits 0 call a status --json
is "gone, and counted so" 5:2 "$(pick used_bytes):$(pick file_count)"
exits 0 call a delete
exits 0 call a status --json
is "all gone" 0:0 "$(pick used_bytes):$(pick file_count)"
swept() {
	[ -z "$(ls -A "$work/alpha/storage" | grep '^\.')" ]
}
eventually "nothing is left of it" swept

# Names that lead elsewhere, or nowhere.
echo secret >"$work/secret"
mkdir "$work/outside"
exits 0 call a write path=in text=1
ln -s "$work/secret" "$root/link"
ln -s "$work/outside" "$root/dir"
mkfifo "$root/pipe"
long=$(printf '%0300d' 0)
for path in ../../x ../x .. /etc/passwd a/../../x a//b a/ /x . a/./b "$long" \
	"a/$long/b" "$(printf 'n/%.0s' {1..33})x" "$(printf "${long:45}/%.0s" \
	{1..17})x" link dir/x; do
	for kind in read write delete; do
		# A link itself can be replaced and deleted; see below.
		[ "$path" = link ] && [ $kind != read ] && continue
		exits 1 call a $kind path="$path"
		like "$kind ${path:0:20}" '*managed storage*' "$err"
	done
done
exits 1 call a read path=pipe
is "nothing was written elsewhere" '' "$(ls -A "$work/outside")"
is "nor overwritten" secret "$(cat "$work/secret")"
is "nor made" '' "$(ls -A "$work" | grep '^x$')"
exits 0 call a list --json
is "links and pipes are no files" in: "$(pick 0.path):$(pick 1.path)"
exits 0 call a write path=link text=mine
is "a link is replaced, not followed" secret:mine \
	"$(cat "$work/secret"):$(cat "$root/link")"
exits 0 call a delete path=dir
is "nor is it when deleted" yes "$([ -d "$work/outside" ] && echo yes)"
exits 0 call a delete

exits 7 call a wrong what=size
like "more than a call can carry" '*over 1073741824 bytes*' "$err"
exits 1 call a wrong what=path
like "a path that is no text" '*not UTF-8*' "$err"

# The quota: below, at, above; what is replaced does not count.
stop alpha
is "it stops" 0 $code
start --persistent-storage-quota 100K
exits 0 call a status --json
is "another quota" 102400 "$(pick quota_bytes)"
exits 0 call a write path=k size=102399
exits 0 call b write path=one size=1
exits 7 call b write path=two size=1
like "over it" '*managed storage quota exceeded: 102401 bytes would exceed 102400 bytes*' "$err"
p call b write path=two size=1 --json
like "by its name" '*StorageQuotaError*' "$err$out"
exits 0 call b write path=k size=102399
exits 7 call b write path=k size=102400
exits 0 call a read path=k --json
is "a refused write changes nothing" 102399 "$(pick size)"
exits 0 call c write path=k size=102400
exits 0 call b delete path=one
exits 0 call b write path=two size=1

# Many at once do not get past it together.
exits 0 call a delete
for id in d e f g; do
	exits 0 create $keeper --id $id
done
for id in a b d e f g; do
	(for i in 1 2 3 4 5; do
		"$PAGLETS" call $id write path=many/$id-$i size=10000
	done) >/dev/null 2>&1 &
done
wait $(jobs -p | grep -vx "${pid[alpha]}")
exits 0 call a status --json
is "ten of thirty had room" 100000:10 "$(pick used_bytes):$(pick file_count)"

# Large ones, and those that a crash must not cut.
stop alpha KILL
start --persistent-storage-quota none
exits 0 call a status --json
is "counted again" 100000:null "$(pick used_bytes):$(pick quota_bytes)"
exits 0 call a write path=large size=30000000
exits 0 call b read path=large --json
is "large files" 30000000 "$(pick size)"
(for i in 1 2 3 4 5 6 7 8 9; do
	"$PAGLETS" call b write path=large size=20000000
done) >/dev/null 2>&1 &
writer=$!
sleep 0.3
stop alpha KILL
wait $writer
: >"$work/alpha/storage/.tmp-left"
start
exits 0 call b read path=large --json
like "killed in between: one or the other" '[23]0000000' "$(pick size)"
is "no half-written file is left" '' "$(ls -A "$work/alpha/storage" | grep tmp)"
exits 7 call a write path=more size=1
exits 0 call a delete path=large
exits 0 call a write path=more size=1

# What outlives whom.
for id in a b d e f g; do
	exits 0 dispose $id
done
exits 0 create $keeper --id h
exits 0 call h list prefix=more --json
is "files outlive their paglets" more "$(pick 0.path)"

# A host that keeps nothing.
host beta --state-dir none
exits 0 create $keeper --id n --on "${url[beta]}"
exits 1 call "${url[beta]}/agents/n" write path=x text=1
like "says so" '*keeps nothing on disk*' "$err"
finish
