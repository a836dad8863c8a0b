# net.sh: machines and networks of its own for a scenario.
#
# Sourced in place of lib.sh. The scenario starts once more within a network
# and a mount namespace; the machines and switches that it makes are network
# namespaces, which end with it. Nobody else ever sees any of them, and they
# see no other network. Where that is not permitted it is skipped.
if [ -z "${NET_INSIDE:-}" ]; then
	net_try='ip link add br0 type bridge && mount -t tmpfs tmpfs /mnt &&
		touch /mnt/ns && unshare --net=/mnt/ns true'
	for net_user in "" "--user --map-root-user"; do
		[ -n "$net_user" ] || [ "$(id -u)" = 0 ] || continue
		unshare $net_user --net --mount sh -c "$net_try" 2>/dev/null ||
			continue
		NET_INSIDE=1 exec unshare $net_user --net --mount "$0" "$@"
	done
	echo "network namespaces are not permitted here, or iproute2 is missing"
	exit 77
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

net=$work/net
key=0123456789abcdef-of-the-mesh
declare -A addr=() lan_of=()
mkdir "$net" && mount -t tmpfs tmpfs "$net" || die "no tmpfs"

cleanup_more() {
	umount -l "$net" /etc/resolv.conf 2>/dev/null
}

# A scenario for which this machine lacks something.
skip() {
	echo "$1"
	exit 77
}

# within MACHINE COMMAND...: also functions such as p, host, raw.
within() {
	local inside=(nsenter --net="$net/$1")
	shift
	case $(type -t "$1") in
	function) "$@" ;;
	*) "${inside[@]}" "$@" ;;
	esac
}

# behind MACHINE PROGRAM WORD...: in the background, ended with the scenario.
behind() {
	background nsenter --net="$net/$1" "${@:2}"
}

net_new() {
	touch "$net/$1"
	unshare --net="$net/$1" true || die "no namespace for $1"
	within "$1" ip link set lo up
}

# lan NAME: a switch.
lan() {
	net_new "$1"
	within "$1" ip link add br0 type bridge mcast_snooping 0
	within "$1" ip link set br0 up
}

# plug MACHINE INTERFACE LAN ADDRESS/PREFIX...: give it one more interface.
plug() {
	local machine=$1 iface=$2 lan=$3 a
	shift 3
	within "$lan" ip link add name "$machine" type veth \
		peer name "$iface" netns "$net/$machine" || die "no veth"
	within "$lan" ip link set dev "$machine" master br0 up
	# Addresses are ours to give: nobody need be asked whether they are free.
	for a in disable_ipv6 accept_dad; do
		within "$machine" sh -c \
			"echo 0 >/proc/sys/net/ipv6/conf/$iface/$a" 2>/dev/null
	done
	within "$machine" ip link set dev "$iface" up
	for a in "$@"; do
		within "$machine" ip addr add "$a" dev "$iface" ||
			skip "no address $a here"
	done
	lan_of[$machine]=$lan
	[ $# = 0 ] || addr[$machine]=${1%/*}
}

# machine NAME [LAN ADDRESS/PREFIX...]: with eth0 on that LAN; ${addr[NAME]}.
machine() {
	net_new "$1"
	[ $# = 1 ] || plug "$1" eth0 "${@:2}"
}

# machines LAN NETWORK NAME...: at NETWORK.1, NETWORK.2 and so on.
machines() {
	local lan=$1 network=$2 i=0 name
	shift 2
	for name in "$@"; do
		machine "$name" "$lan" "$network.$((++i))/24"
	done
}

# cut_off MACHINE, heal MACHINE: take its plug out of the switch, and put it
# back. The machine itself does not notice.
cut_off() {
	within "${lan_of[$1]}" ip link set dev "$1" nomaster
}

heal() {
	within "${lan_of[$1]}" ip link set dev "$1" master br0
}

# drop MACHINE PERCENT: so much of what comes to it is lost.
drop() {
	within "$1" nft -f - 2>"$work/nft.err" <<-EOF ||
		table inet loss {
			chain in {
				type filter hook input priority 0;
				iif != lo numgen random mod 100 < $2 counter drop
			}
		}
	EOF
		skip "no packets can be dropped here: $(head -n 1 "$work/nft.err")"
}

# lost MACHINE: how many packets that was so far.
lost() {
	within "$1" nft list table inet loss | grep -o 'packets [0-9]*' |
		cut -d ' ' -f 2
}

# names ADDRESS: the name server that all machines ask.
names() {
	echo "nameserver $1" >"$work/resolv.conf"
	mount --bind "$work/resolv.conf" /etc/resolv.conf ||
		skip "/etc/resolv.conf cannot be replaced here"
}

# station NAME [OPTION...]: a host on the machine of that name, with the key
# $key, at the port that hosts have and with multicast, unless told otherwise.
station() {
	local name=$1 at=${addr[$1]}
	shift
	PAGLETS_API_KEY=$key within "$name" host "$name" --host "$at" \
		--port 8765 --mesh-multicast "$@"
}

# listed AT: the hosts that host AT knows, with yes or no for online, in
# order, on one line.
listed() {
	PAGLETS_API_KEY=$key within "$1" p hosts --entry "${url[$1]}" --json ||
		return
	[ "$code" = 0 ] || return
	pick hosts | grep -o '"name": "[^"]*"\|"online": [a-z]*' | paste - - |
		sed 's/.*: "\([^"]*\)".*true/\1 yes/; s/.*: "\([^"]*\)".*false/\1 no/' |
		tr '\n' ' '
}

# online AT: the names of those online among them.
online() {
	listed "$1" | sed 's/\([^ ]*\) yes /\1 /g; s/[^ ]* no //g'
}

# see_all AT... [-- NAME...]: each of these hosts sees them all (or those
# behind --) online, and nobody else. Names are in order.
see_all() {
	local at=() name
	for name in "$@"; do
		shift
		[ "$name" != -- ] || break
		at+=("$name")
	done
	[ $# -gt 0 ] || set -- "${at[@]}"
	for name in "${at[@]}"; do
		[ "$(online "$name")" = "$* " ] || return
	done
}

# missed NAME AT...: each of these hosts lists it as offline.
missed() {
	local name=$1 at
	shift
	for at in "$@"; do
		[[ " $(listed "$at")" == *" $name no "* ]] || return
	done
}

# How long what eventually() waited for took; for who reads the log.
tell() {
	echo "$1: $ms ms"
}
