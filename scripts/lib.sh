# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script here shares: where things are, how to say something, how
# to fail, how to keep two runs apart. Sourced, never run; its variables are for
# the scripts that source it.
# shellcheck disable=SC2034

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scripts=$top/scripts
build=${BUILD:-$top/build}
logs=$build/logs
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vfio-mdev
jobs=$(nproc)

# What a kernel tree gets from here, and what building in a checkout leaves.
overlaid=(drivers samples include tools Documentation)
leftovers=('*.o' '*.ko' '*.mod' '*.mod.c' '*.cmd' '*.order' '*.symvers' '*~')

# Directories of this project, also in a kernel, which can have more files there.
owned=(drivers/vfio/mdev samples/vfio-mdev tools/testing/selftests/vfio/mdev)

# A vendor driver that only tests need, built as an external module.
test_module=tools/testing/selftests/vfio/mdev/mdev_sim

case $top$cache in
*[[:space:]:]*)
	echo "error: kbuild can't work below a path with spaces or colons: $top, $cache" >&2
	exit 1
	;;
esac

# say TEXT...: one line about what happens now
say()
{
	echo ">>> $*" >&2
}

# die TEXT...: one line about what is wrong and what cures it
die()
{
	echo "error: $*" >&2
	exit 1
}

# lock FILE: take the flock of FILE, until unlock or the end of this script
lock()
{
	mkdir -p "$(dirname "$1")"
	exec 9>"$1"
	if ! flock -n 9; then
		say "waiting for another run that uses $(basename "$1" .lock)"
		flock 9
	fi
}

# unlock: let the next one have what lock took
unlock()
{
	exec 9>&-
}

# names TABLE: the first field of each line of a table, such as kernels
names()
{
	awk '!/^#/ && NF { print $1 }' "$scripts/$1"
}

# field TABLE NAME COLUMN: one field of a line
field()
{
	awk -v name="$2" -v column="$3" '$1 == name { print $column }' "$scripts/$1"
}

# The kernel that this run is about: KERNEL=, or a tree of the user's, KSRC=.
if [[ -n ${KSRC:-} ]]; then
	KSRC=$(realpath -e "$KSRC") || die "KSRC: there is no such directory"
	kernel=ksrc-$(basename "$KSRC")-$(cksum <<<"$KSRC" | cut -d' ' -f1)
else
	kernel=${KERNEL:-$(names kernels | head -n 1)}
	[[ -n $(field kernels "$kernel" 1) ]] ||
		die "KERNEL=$kernel is not one of: $(names kernels | paste -s -d ' ')"
fi

# The configuration that its tests run in.
test_config=${CONFIG:-check}

# use_architecture CONFIG: what that configuration's architecture is called, and the
# environment in which kbuild compiles for a foreign one
use_architecture()
{
	local compiler
	architecture=$(field configurations "$1" 8)
	read -r _ kernel_arch compiler image qemu_program machine bus console \
		<<<"$(field architectures "$architecture" 0)"
	foreign=
	[[ $compiler != - ]] || return 0
	foreign=1
	export ARCH=$kernel_arch CROSS_COMPILE=$compiler
}

# native_only CONFIG PART: fails for a foreign architecture; PART runs programs of this
# machine in the VM
native_only()
{
	use_architecture "$1"
	[[ -z $foreign ]] ||
		die "$2 is not for CONFIG=$1: it runs this machine's programs in the VM"
}

# built_only CONFIG PART: fails for a kernel that a distribution has built; PART needs what
# building one leaves, or what it is not configured for
built_only()
{
	[[ $1 != debian ]] || die "$2 is not for CONFIG=debian, a kernel that is not built here"
}

# patch_series SOURCE [FOLDER]: the list of patches for a kernel source: the newest
# in patches/FOLDER that is not for a newer kernel; fails when there is none
patch_series()
{
	local version each newest found='' folder=$top/patches${2:+/$2}
	version=$(sed -n 's/^\(VERSION\|PATCHLEVEL\) = //p' "$1/Makefile" | paste -s -d .)
	for each in $(cd "$folder" && printf '%s\n' series-* | sort -V); do
		newest=$(printf '%s\n' "$version" "${each#series-}" | sort -V | tail -n 1)
		[[ $newest != "$version" ]] || found=$folder/$each
	done
	[[ -n $found ]] || return
	echo "$found"
}

# reported_bugs LOG: the first messages of a kernel's log that fail a run (bad-messages);
# fails when there are none
reported_bugs()
{
	grep -a -m 20 -E -f <(grep -v '^#' "$scripts/bad-messages") "$1" | tr -d '\r\0'
}

# Names of what belongs to that kernel in one configuration. Patched sources have
# a tree of their own. Tests find MDEV_PATCHED in their environment.
use_config()
{
	config=$1
	IFS=, read -r -a fragments <<<"$(field configurations "$config" 2)"
	((${#fragments[@]})) ||
		die "CONFIG=$config is not one of: $(names configurations | paste -s -d ' ')"
	use_architecture "$config"
	if [[ $config == clang ]]; then
		LLVM=$("$scripts/find-clang")
		export LLVM
	fi
	if [[ ${fragments[0]} == - ]]; then
		fragments=(/dev/null)
	else
		fragments=("${fragments[@]/%/.config}")
		fragments=("${fragments[@]/#/"$scripts/config/"}")
	fi

	src=$("$scripts/fetch-kernel")
	if [[ -n ${KSRC:-} ]]; then name=$kernel; else name=$(basename "$src"); fi
	series=
	export MDEV_PATCHED=0
	if [[ $(field configurations "$config" 7) == yes ]]; then
		series=$(patch_series "$src") ||
			die "patches/ has no series for $name, use a CONFIG= that is not patched"
		name+=-patched
		MDEV_PATCHED=1
	fi
	tree=$cache/tree/$name
	# Comments of the fragments don't count, so that another word builds no other kernel.
	obj=$cache/obj/$name-$config-$(sed -n '/^#* *CONFIG_/p' "${fragments[@]}" |
		sha256sum | head -c 12)
	out=$build/$kernel-$config
	kunit_obj=$cache/obj/$name-kunit-$config
}

# kunit_tool COMMAND ARGUMENT...: kunit.py of the kernel of use_config. It prefers KVM; the
# tests run by emulation on every machine, and a virtual one can have a KVM that hangs.
kunit_tool()
{
	local command=$1 fragment without_kvm=()
	local arguments=(--arch="$kernel_arch" --build_dir="$kunit_obj" --qemu_args="-smp 2"
		--kunitconfig=drivers/vfio/mdev/tests --kunitconfig="$scripts/config/kunit.config")
	shift
	for fragment in $(field configurations "$config" 9 | tr , ' '); do
		arguments+=(--kunitconfig="$scripts/config/$fragment.config")
	done
	# What runs after "sh" is for that shell to expand.
	# shellcheck disable=SC2016
	[[ ! -e /dev/kvm ]] || without_kvm=(unshare --map-root-user --mount sh -c
		'mount --bind /dev/null /dev/kvm && exec "$@"' sh)
	PYTHONDONTWRITEBYTECODE=1 "${without_kvm[@]}" "$tree/tools/testing/kunit/kunit.py" \
		"$command" "${arguments[@]}" "$@"
}
