# lib.sh: what the scenarios share: hosts that come and go, and checks.
#
# A scenario sources this, starts hosts on free loopback ports, and says what
# must hold. All it starts ends with it, and its folder $work goes too. It
# fails if any check failed, and says which.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PAGLETS=${PAGLETS:-$root/paglets}
TOOLS=${TOOLS:-$root/build/tools}
DATA=$root/test/data
counter=paglets_demo.counter:CounterPaglet
work=$(mktemp -d)
started=() failed=0 inside=() patience=60
declare -A url=() pid=() running=()
unset "${!PAGLETS_@}"
export NO_COLOR=1 XDG_STATE_HOME=$work/.kept

cleanup() {
	local p
	trap - EXIT
	for p in "${started[@]}"; do
		kill "$p" 2>/dev/null
	done
	wait 2>/dev/null
	cleanup_more
	rm -rf "$work"
}
cleanup_more() { :; }
trap cleanup EXIT
trap 'exit 1' INT TERM

# End a scenario that cannot go on.
die() {
	echo "$1" >&2
	exit 1
}

# In the background, ended with the scenario; its process id is in $!.
background() {
	"$@" &
	started+=($!)
}

# launch NAME COMMAND...: a program that prints the URL of a host of that name
# when it is ready; ${url[NAME]}, ${pid[NAME]}. Its standard error is in
# $work/NAME.err. It runs where $inside says, words in front of a command.
launch() {
	local name=$1 i
	shift
	: >"$work/$name.out"
	background "${inside[@]}" "$@" >"$work/$name.out" 2>"$work/$name.err"
	pid[$name]=$! running[$name]=1
	for ((i = 0; i < 6000; i++)); do
		[ -s "$work/$name.out" ] && break
		kill -0 "${pid[$name]}" 2>/dev/null || break
		sleep 0.01
	done
	url[$name]=$(grep -o 'http://[^ ]*' "$work/$name.out") ||
		die "host $name did not start: $(cat "$work/$name.err")"
}

# host NAME [OPTION...]: a host of that name. PROGRAM is another program to
# run.
host() {
	local name=$1
	shift
	launch "$name" "${PROGRAM:-$PAGLETS}" serve --name "$name" --port 0 \
		--no-mesh-multicast --no-mesh-lan-discovery "$@"
}

# stop NAME [SIGNAL]: end a host and wait for it; its exit code is in $code.
stop() {
	unset "running[$1]"
	kill -s "${2:-TERM}" "${pid[$1]}"
	wait "${pid[$1]}" 2>/dev/null
	code=$?
}

# p WORD...: run paglets; $code, $out and $err tell how that went.
p() {
	"${inside[@]}" "$PAGLETS" "$@" >"$work/p.out" 2>"$work/p.err"
	code=$?
	out=$(<"$work/p.out") err=$(<"$work/p.err")
}

# raw URL TEXT [OPTION...]: send a text, a format of printf, just as it is;
# the answer is in $out, the exit code of rawhttp in $code.
raw() {
	local to=${1#http://}
	shift
	printf "$1" >"$work/raw.in"
	shift
	raw_file "http://$to" "$work/raw.in" "$@"
}

# The same with a file as it is.
raw_file() {
	local to=${1#http://} file=$2
	shift 2
	out=$("${inside[@]}" "$TOOLS/rawhttp" "$@" "${to%:*}" "${to##*:}" <"$file" |
		tr -d '\0'; exit "${PIPESTATUS[0]}")
	code=$?
}

# post URL/PATH BODY [TYPE]: one JSON request; $status and $body of the answer.
post() {
	printf '%s' "$2" >"$work/body"
	post_file "$1" "$work/body" "${3:-application/json}"
}

post_file() {
	local at=${1#http://}
	{
		printf 'POST /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n' \
			"${at#*/}" "${at%%/*}"
		printf 'Content-Type: %s\r\nContent-Length: %d\r\n\r\n' "$3" \
			"$(stat -c %s "$2")"
		cat "$2"
	} >"$work/raw.in"
	raw_file "http://${at%%/*}" "$work/raw.in" -t 60
	split
}

get() {
	local at=${1#http://}
	raw "http://${at%%/*}" "GET /${at#*/} HTTP/1.1\r\nHost: ${at%%/*}\r\nConnection: close\r\n\r\n"
	split
}

# $status and $body of the answer in $out.
split() {
	status=${out#HTTP/1.1 } status=${status%% *}
	body=
	[[ $out != *$'\r\n\r\n'* ]] || body=${out#*$'\r\n\r\n'}
}

# pick PATH: that value of the JSON in $out, or in a text given after it.
pick() {
	"$TOOLS/pick" "$1" <<<"${2-$out}"
}

ok() {
	[ -z "${VERBOSE:-}" ] || echo "ok: $1"
}

bad() {
	echo "NOT OK: $1"
	failed=$((failed + 1))
}

# is WHAT EXPECTED ACTUAL
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		bad "$1: expected '$2', got '${3:0:400}'"
	fi
}

# like WHAT PATTERN ACTUAL: a pattern of the shell.
like() {
	if [[ $3 == $2 ]]; then
		ok "$1"
	else
		bad "$1: expected '$2', got '${3:0:400}'"
	fi
}

# exits CODE WORD...: paglets WORD... ends with that exit code, and says one
# line on standard error if it failed, none if not.
exits() {
	local want=$1
	shift
	p "$@"
	is "exit code of paglets $*" "$want" "$code"
	is "lines on stderr of paglets $*" "$((want != 0))" \
		"$(wc -l <"$work/p.err")"
}

# below WHAT LIMIT NUMBER
below() {
	if [ "$3" -lt "$2" ]; then
		ok "$1 ($3)"
	else
		bad "$1: $3, not below $2"
	fi
}

# eventually WHAT COMMAND...: it succeeds within $patience seconds, or within
# ten tries on a slow machine. $ms is how long that took.
eventually() {
	local what=$1 i from=${EPOCHREALTIME/./}
	shift
	for ((i = ms = 0; i < 10 || ms < patience * 1000; i++)); do
		if "$@"; then
			ms=$(((${EPOCHREALTIME/./} - from) / 1000))
			ok "$what ($ms ms)"
			return
		fi
		sleep 0.02
		ms=$(((${EPOCHREALTIME/./} - from) / 1000))
	done
	bad "$what: not within $patience s"
}

# freeze ID: the process of an agent stands still: the next message keeps it
# busy until thaw. On the host asked by default.
freeze() {
	p info "$1" --json
	frozen=$(pick pid)
	kill -STOP "$frozen"
}

thaw() {
	kill -CONT "$frozen"
}

# Messages in the hands of agent ID, and those that wait: held ID 1 2.
held() {
	p info "$1" --json && [ "$(pick mailbox.in_flight_count)" = "$2" ] &&
		[ "$(pick mailbox.queued_count)" = "$3" ]
}

# Milliseconds that a command takes; $code and the like are set as by it. What
# they are compared with is far from what they are if nothing is wrong: the
# machine may be busy.
took() {
	local from=${EPOCHREALTIME/./}
	"$@"
	ms=$(((${EPOCHREALTIME/./} - from) / 1000))
}

# quickest COMMAND...: the least that it takes of five times.
quickest() {
	local i least=
	for ((i = 0; i < 5; i++)); do
		took "$@"
		least=$((ms < ${least:-ms + 1} ? ms : least))
	done
	ms=$least
}

# kB of memory that host $1 has; $2 says of which kind: RssAnon is its own.
memory() {
	awk -v key="$2:" '$1 == key { print $2 }' "/proc/${pid[$1]}/status" \
		2>/dev/null
}

# Processes whose parent is $1.
children() {
	cat "/proc/$1/task/$1/children" 2>/dev/null
}

gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

# The end of a scenario: what still runs stops when it is told to, and none
# of the hosts has anything to report that only a bug can cause.
finish() {
	local name
	for name in "${!running[@]}"; do
		stop "$name"
		is "host $name ends well: $(tail -n 1 "$work/$name.err")" 0 "$code"
	done
	grep -h 'Assertion\|runtime error:\|Sanitizer' "$work"/*.err &&
		bad "a host reports a bug"
	[ $failed = 0 ] || die "$failed checks failed"
	exit 0
}
