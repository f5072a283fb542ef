# SPDX-License-Identifier: Apache-2.0
# What the scripts of the module's packages share; the build puts it in front of
# each, with the version in its place.
# shellcheck disable=SC2034,SC2317 # not every script uses all of it
set -eu

version=@VERSION@

say() { echo "tiercel-dkms: $*" >&2; }

say_failed() { # KERNEL
	say "the module could not be built for $1; why is in /var/lib/dkms/tiercel/$version/build/make.log. The unit tiercel-auto takes another driver until it is there; try again with: dkms install tiercel/$version"
}

say_missing() {
	say "no module is built yet: there are no kernel headers (Debian: linux-headers-ARCH, others: kernel-devel). DKMS builds it once they are installed"
}

# Builds and installs the module for the running kernel and for those that have
# headers. A build that fails is DKMS' own message and log; the package is whole,
# and the agent takes another driver.
build_module() {
	dkms add -m tiercel -v "$version" >/dev/null 2>&1 || true # it may be there already
	built=
	for headers in /lib/modules/*/build; do
		[ -e "$headers/Makefile" ] || continue
		kernel=${headers%/build}
		kernel=${kernel##*/}
		status=0
		dkms install -m tiercel -v "$version" -k "$kernel" || status=$?
		case $status in
		0) built="$built $kernel" ;;
		77) # dkms.conf leaves it out
			say "kernel $kernel is older than 5.10: no module is built for it"
			built="$built none"
			;;
		*)
			say_failed "kernel $kernel"
			built="$built failed"
			;;
		esac
	done
	if [ -z "$built" ]; then
		say_missing
	fi
}

# A package that is replaced leaves its version behind; two would fight for one place.
remove_others() {
	for state in /var/lib/dkms/tiercel/*/source; do
		other=${state%/source}
		other=${other##*/}
		if [ "$other" != "*" ] && [ "$other" != "$version" ]; then
			dkms remove -m tiercel -v "$other" --all >/dev/null || true
		fi
	done
}

remove_module() {
	if [ -n "$(dkms status -m tiercel -v "$version" 2>/dev/null)" ]; then
		dkms remove -m tiercel -v "$version" --all >/dev/null || true
	fi
}
