#!/bin/bash
# Goal: a download that was interrupted, by whatever end, goes on where it was
# and is verified as a whole; until then there is no file of its name. An
# upload that was interrupted leaves nothing with the host.
. "$(dirname "$0")/lib.sh"

host alpha --state-dir "$work/alpha"
background "$TOOLS/between" 127.0.0.1 "${url[alpha]##*:}" >"$work/way"
way=$!
eventually "the way between" test -s "$work/way"
export PAGLETS_ENTRY=$(<"$work/way")
mkdir "$work/to"
cd "$work" || exit 1
# Every part of it is unlike the others.
seq -f '%063.0f' 3000000 >big
exits 0 artifacts put big
id=$out

part() {
	find "$work/to" -name '.big.*.part' -size +0
}
# A download to which something happens before it is over: its process in
# $getting. The host stands still meanwhile.
begin() {
	local i
	"$PAGLETS" artifacts get "$id" -o to/big >get.out 2>get.err &
	getting=$!
	started+=($getting)
	for ((i = 0; i < 100000; i++)); do
		[ -n "$(part)" ] && break
		kill -0 $getting 2>/dev/null || break
	done
	kill -STOP "${pid[alpha]}"
	sleep 0.1
	[ -n "$(part)" ] && [ "$(stat -c %s "$(part)")" -lt "$(stat -c %s big)" ]
}
# begin, until it was quick enough.
interrupted() {
	local i
	for ((i = 0; i < 20; i++)); do
		rm -rf to/* to/.big*
		begin && return
		kill -CONT "${pid[alpha]}"
		wait $getting
	done
	bad "no download could be interrupted"
}
is_whole() {
	cmp -s big to/big && ok "$1: it is whole" || bad "$1: it is another"
	is "$1: and alone" big "$(ls -A to)"
}

for signal in KILL TERM; do
	interrupted
	kill -s CONT "${pid[alpha]}"
	kill -s $signal $getting
	wait $getting 2>/dev/null
	[ ! -e to/big ] && ok "SIG$signal: no file" || bad "SIG$signal: a file"
	[ -n "$(part)" ] && ok "but a part" || bad "SIG$signal: no part"
	exits 0 artifacts get "$id" -o to/big
	is_whole "after SIG$signal"
done

# The way is cut: it goes on by itself.
interrupted
kill -USR1 $way
kill -CONT "${pid[alpha]}"
wait $getting
is "a download whose way was cut" 0 $?
is_whole "after a cut"

# The part is of no use: it is not believed.
seq -f '%063.0f' 7 1000007 >"to/.big.$(sha256sum big | head -c 16).part"
exits 0 artifacts get "$id" -o to/big
is_whole "with a wrong part"

# Two at a time are one too many.
interrupted
kill -STOP $getting
kill -CONT "${pid[alpha]}"
exits 7 artifacts get "$id" -o to/big
kill -CONT $getting
wait $getting
is_whole "beside another"

# An upload is cut, and then its host is gone: nothing stays.
size_of_host() {
	du -s "$work/alpha/artifacts" | cut -f 1
}
small=$(size_of_host)
"$PAGLETS" artifacts put big >put.out 2>put.err &
putting=$!
started+=($putting)
grown() {
	[ "$(size_of_host)" -gt "$small" ] || ! kill -0 $putting 2>/dev/null
}
eventually "it arrives" grown
kill -KILL $putting
wait $putting 2>/dev/null
exits 0 artifacts list --json
n=$(pick artifacts.#)
as_small() {
	[ "$(size_of_host)" -le $((small * n)) ]
}
eventually "what had come of it is removed" as_small
finish
