# hub.sh: a hub, and hosts that open no port and are reached through it.
#
# Sourced after lib.sh or net.sh.
key=0123456789abcdef-of-the-hub
export PAGLETS_API_KEY=$key

# hub [OPTION...]: at the same port as before.
hub() {
	host hub --state-dir "$work/hub" --durability message \
		--port "${hub_port:-0}" "$@"
	hub_port=${url[hub]##*:}
}

# node NAME [OPTION...]: a host that connects to ${hub_url:-the hub}; it need
# not be there yet. ${url[NAME]} leads through the hub.
node() {
	local name=$1
	shift
	host "$name" --state-dir "$work/$name" --durability message \
		--connect-to "${hub_url:-${url[hub]}}" "$@"
}

# One line of `paglets relay` about node $1: online, polls, queue, in flight.
relay() {
	"${inside[@]}" "$PAGLETS" relay "${url[hub]}" --json 2>/dev/null |
		tr '{' '\n' | grep "\"name\": \"$1\"" |
		sed 's/.*"online": \([a-z]*\).*"active_polls": \([0-9]*\).*"queue_depth": \([0-9]*\).*"in_flight": \([0-9]*\).*/\1 \2 \3 \4/'
}

# It polls, and there is nothing for it.
polling() {
	[[ "$(relay "$1")" == "true "[1-9]*" 0 0" ]]
}

# kill -9.
down() {
	unset "running[$1]"
	kill -KILL "${pid[$1]}" 2>/dev/null
	wait "${pid[$1]}" 2>/dev/null
}

# ask METHOD URL [BODY [FIELD]]: with the key; $status and $body. FIELD is one
# more header field.
ask() {
	local at=${2#http://} send=${3:-}
	{
		printf '%s /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n' \
			"$1" "${at#*/}" "${at%%/*}"
		printf 'Authorization: Bearer %s\r\n' "$key"
		[ -z "${4:-}" ] || printf '%s\r\n' "$4"
		[ -z "$send" ] || printf 'Content-Type: application/json\r\nContent-Length: %d\r\n' \
			"$(printf %s "$send" | wc -c)"
		printf '\r\n%s' "$send"
	} >"$work/ask.in"
	raw_file "http://${at%%/*}" "$work/ask.in" -t 60
	split
}
