# pair.sh: two hosts, alpha and beta, that are killed and come back, and one
# agent of which there must be one.
#
# Sourced after lib.sh. With --durability message each answer that was given
# is on disk, so that the count of the agent tells whether anything was lost or
# done twice.
command -v strace >/dev/null || {
	echo "no strace: see scripts/setup"
	exit 77
}
# The shell has a word for each process that is killed: not here.
exec 3>&2 2>"$work/noise"
die() {
	echo "$1" >&3
	exit 1
}
declare -A other=([alpha]=beta [beta]=alpha)

# up NAME [OPTION...]: start it, at the same address as before.
up() {
	local name=$1 before=${url[$1]:-}
	shift
	host "$name" --state-dir "$work/$name" --no-mesh --durability message \
		--port "$([ -n "$before" ] && echo "${before##*:}" || echo 0)" "$@"
}

# kill -9, or find it dead: it is as if it had never been.
down() {
	unset "running[$1]"
	kill -KILL "${pid[$1]}" 2>/dev/null
	wait "${pid[$1]}" 2>/dev/null
}

# Where kim is active; $moving is set if it is under way.
look() {
	local name
	places=() moving=
	for name in alpha beta; do
		p info "${url[$name]}/agents/kim" --json
		[ $code = 0 ] || continue
		[[ $out != *'"active": true'* ]] || places+=("$name")
		[[ $out != *'"moving": true'* ]] || moving=$name
	done
}

# found WHAT: kim is, or soon will be, on exactly one host, which is $here,
# with its state; that has counted to $count.
found() {
	local i
	for ((i = 0; i < 250; i++)); do
		look
		[ ${#places[@]} -lt 2 ] || die "$1: doubled"
		[ ${#places[@]} = 0 ] || [ -n "$moving" ] || break
		sleep 0.02
	done
	[ ${#places[@]} = 1 ] || die "$1: lost: $(tail -n 3 "$work"/*.err)
$(p agents -a "${url[alpha]}"; echo "$out"
p agents -a "${url[beta]}"; echo "$out")"
	here=${places[0]}
	p call "${url[$here]}/agents/kim" increment --json --timeout 5s
	count=$((count + 1))
	is "$1: the count" $count "$(pick count)"
}

# The threads of a host: the loop is the first, workers the others.
threads() {
	ls "/proc/${pid[$1]}/task"
}

# trace NAME THREAD OPTION...: strace that thread, or `all`, from now on.
trace() {
	local at=/proc/${pid[$1]}/task name=$1 thread=$2 how
	shift 2
	if [ "$thread" = all ]; then
		how="-f -p ${pid[$name]}" thread='*'
	else
		how="-p $thread"
	fi
	strace -qq -o /dev/null $how "$@" 2>"$work/strace" &
	striker=$!
	started+=($striker)
	while grep -q '^TracerPid:.0' $at/$thread/status; do
		kill -0 $striker && continue
		# Killed already, perhaps.
		[ ! -s "$work/strace" ] || die "strace: $(<"$work/strace")"
		break
	done
}

untrace() {
	kill $striker 2>/dev/null
	wait $striker 2>/dev/null
}

# strike NAME THREAD CALL N: kill host NAME when that thread of it enters the
# system call CALL for the Nth time from now on.
strike() {
	trace "$1" "$2" -e trace="$3" -e inject="$3:signal=KILL:when=$4"
}

# Whether the blow has hit host NAME, after a while.
struck() {
	local i hit=1
	for ((i = 0; i < 6 && hit != 0; i++)); do
		sleep 0.01
		gone "${pid[$1]}" && hit=0
	done
	untrace
	return $hit
}

# From $here to $1, at the wish of somebody, of itself, or of the target: $way.
move() {
	local kim=${url[$here]}/agents/kim to=${url[$1]}
	case $way in
	dispatch) p dispatch "$kim" "$to" --timeout 2s ;;
	go) p call "$kim" go target="$to" --timeout 500ms ;;
	retract) p retract "$kim" --entry "$to" --timeout 2s ;;
	esac
}

# blow ROLE THREAD CALL N: a move during which it falls. Whether it did.
# Workers come when there is work for more of them. Afterwards each of $checks
# is called with what this was.
checks=found
blow() {
	local victim=$here there=${other[$here]} what="$way $*" hit=1 tids check
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
	for check in $checks; do
		$check "$what"
	done
	return $hit
}
