#!/bin/sh
# mbedtls.sh: obtain mbedTLS 3.6 and build its crypto library.
#
#   third_party/mbedtls.sh source     unpack it into build/mbedtls-src
#   third_party/mbedtls.sh VARIANT    build/VARIANT/libmbedcrypto.a
#
# VARIANT is musl (the product), san (unit tests: ASan and UBSan) or glibc
# (fuzzing, portability). The source is, in this order: an unpacked copy in
# build/mbedtls-src; the file named by MBEDTLS_TARBALL; Debian's source
# package, which apt fetches from the server this machine already uses and
# verifies with the distribution's archive key.
set -eu
cd "$(dirname "$0")/.."
src=build/mbedtls-src

# One file each; what the configuration switches off compiles to nothing.
parts="aes aesni constant_time ctr_drbg md platform platform_util sha256
	threading"

fail() {
	echo "mbedtls.sh: $1" >&2
	cat >&2 <<-END
	mbedTLS 3.6 is needed to build paglets. Either let apt reach a Debian
	mirror, or fetch a release of mbedTLS 3.6 yourself and name it:
	    make MBEDTLS_TARBALL=/path/to/mbedtls-3.6.x.tar.bz2
	or unpack it as $src, if nothing is there.
	END
	exit 1
}

# The 3.6 line only: 4.x has other headers, 2.x another API.
check_version() {
	grep -q '^#define MBEDTLS_VERSION_STRING  *"3\.6\.' \
	    "$1/include/mbedtls/build_info.h" 2>/dev/null
}

# unpack TARBALL: all of it is in its place, or nothing.
unpack() {
	trap 'rm -rf "$src.new"' EXIT
	rm -rf "$src.new" && mkdir -p "$src.new"
	tar -xf "$1" -C "$src.new" --strip-components=1 ||
		fail "cannot unpack $1"
	check_version "$src.new" || fail "$1 is not mbedTLS 3.6"
	mv "$src.new" "$src"
}

# Repositories that apt is configured with, whatever the format of its
# lists and whether or not they were ever fetched; security archives hold no
# complete suite.
servers() {
	apt-get update --print-uris 2>/dev/null |
	    sed -n "s,^'\(.*\)/dists/[^']*/InRelease'.*,\1,p" |
	    awk '!/security/ && !seen[$0]++'
}

# fetch SERVER SUITE: leave the tarball in build/apt. All state of apt is
# private to this folder, so no root is needed and the machine's own lists
# stay as they are.
fetch() {
	rm -rf build/apt
	mkdir -p build/apt/lists/partial build/apt/archives/partial
	echo "deb-src [signed-by=$keyring] $1 $2 $section" >build/apt/sources.list
	: >build/apt/status
	(
		cd build/apt
		set -- -qq -o Dir::Etc::sourcelist="$PWD/sources.list" \
		    -o Dir::Etc::sourceparts=- -o Dir::Cache="$PWD" \
		    -o Dir::State="$PWD" -o Dir::State::Lists="$PWD/lists" \
		    -o Dir::State::status="$PWD/status" \
		    -o APT::Sandbox::User="$(id -un)"
		apt-get "$@" update && apt-get "$@" source --download-only mbedtls
	) >build/apt/log 2>&1 && ls build/apt/mbedtls_3.6.*.orig.tar.* >/dev/null 2>&1
}

get_source() {
	check_version "$src" && return
	# What lies there has been put there by somebody: it is not ours to remove.
	[ ! -e "$src" ] || fail "$src is there, but is not mbedTLS 3.6"
	if [ -n "${MBEDTLS_TARBALL:-}" ]; then
		unpack "$MBEDTLS_TARBALL"
		return
	fi
	command -v apt-get >/dev/null || fail "there is no apt-get here"
	distro=$(. /etc/os-release && echo "$ID")
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	keyring=/usr/share/keyrings/$distro-archive-keyring.gpg
	[ -e "$keyring" ] || fail "there is no $keyring to verify with"
	suites="trixie $suite" section=main
	[ "$distro" != ubuntu ] || suites=$suite section=universe
	for s in $suites; do
		for server in $(servers); do
			fetch "$server" "$s" || continue
			unpack build/apt/mbedtls_3.6.*.orig.tar.*
			return
		done
	done
	cat build/apt/log >&2 2>/dev/null || :
	fail "apt finds no source package of mbedTLS 3.6"
}

build() {
	case $1 in
	musl) cc="musl-gcc -O2 -fno-pie" ;;
	san) cc="${CC:-cc} -O1 -g -fsanitize=address,undefined" ;;
	glibc) cc="${CC:-cc} -O2" ;;
	*) fail "unknown variant $1" ;;
	esac
	out=build/$1
	rm -rf "$out/mbedtls" && mkdir -p "$out/mbedtls"
	for p in $parts; do
		$cc -std=gnu11 -ffunction-sections -fdata-sections \
		    -Ithird_party -I$src/include -I$src/library \
		    -DMBEDTLS_CONFIG_FILE='<paglets_mbedtls_config.h>' \
		    -c "$src/library/$p.c" -o "$out/mbedtls/$p.o"
	done
	# In its place once it is whole: make goes by its time alone.
	ar rcs "$out/mbedtls/whole.a" "$out"/mbedtls/*.o
	mv "$out/mbedtls/whole.a" "$out/libmbedcrypto.a"
}

case ${1:-} in
source) get_source ;;
musl | san | glibc) get_source && build "$1" ;;
*) echo "usage: third_party/mbedtls.sh source|musl|san|glibc" >&2; exit 2 ;;
esac
