# SPDX-License-Identifier: Apache-2.0
# What the scripts of all packages share; the build puts it in front of each.
# shellcheck disable=SC2034,SC2317 # not every script uses all of it
set -eu

units="tiercel-auto.service tiercel-modern-bpf.service tiercel-kmod.service tiercel-bpf.service"

say() { echo "tiercel: $*" >&2; }

# Is systemd the running init, and not only a package in a chroot or an image?
booted() { [ -d /run/systemd/system ]; }

# The unit of the driver that TIERCEL_DRIVER names, else the one that picks by itself.
chosen_unit() {
	case "${TIERCEL_DRIVER:-auto}" in
	auto) echo tiercel-auto.service ;;
	modern_bpf | modern-bpf | modern_ebpf) echo tiercel-modern-bpf.service ;;
	kmod) echo tiercel-kmod.service ;;
	bpf) echo tiercel-bpf.service ;;
	*)
		say "TIERCEL_DRIVER=$TIERCEL_DRIVER is none of auto, modern_bpf, kmod, bpf: taking auto; change it with: tiercel driver set NAME"
		echo tiercel-auto.service
		;;
	esac
}

# The unit that the alias stands for, or nothing: the service is disabled or masked.
aliased_unit() {
	target=$(readlink /etc/systemd/system/tiercel.service || true)
	case "${target##*/}" in
	tiercel-*.service) echo "${target##*/}" ;;
	esac
}

# Finds the unit that runs, or else the enabled one that failed, which the upgrade may
# have mended; what was stopped is left alone. was says which of the two it is.
was=
find_unit() {
	unit=
	for u in $units; do
		if systemctl --quiet is-active "$u"; then
			unit=$u was=running
		fi
	done
	[ -z "$unit" ] || return 0
	unit=$(aliased_unit)
	if [ -n "$unit" ] && systemctl --quiet is-failed "$unit"; then
		was=failed
	else
		unit=
	fi
}

# Would the agent that is installed now start with the configuration that is there?
# If not, problem is the first line of what it says.
problem=
config_ok() {
	status=0
	problem=$(timeout 120 tiercel --dry-run 2>&1) || status=$?
	[ "$status" -ne 0 ] || return 0
	if [ "$status" -eq 124 ]; then
		problem="tiercel --dry-run did not end within two minutes"
		return 1
	fi
	# Its last words are the reason; what comes before are the files that it read.
	problem=$(printf '%s\n' "$problem" | grep -i -m 1 -E 'error|invalid|cannot|could not|must' || printf '%s\n' "$problem" | tail -n 1)
	return 1
}

say_not_enabled() { # UNIT
	say "could not enable the service; do it with: systemctl enable --now $1"
}

# The old agent goes on while the new one would refuse what it is given.
say_kept() {
	stays="the running service stays as it was"
	[ "$was" = running ] || stays="the service that failed before is not started"
	say "the new version does not accept the installed configuration or rules, so $stays. $problem. Correct it, check with 'tiercel --dry-run', then: systemctl restart tiercel"
}

say_not_started() {
	say "installed, but not started: the configuration or rules do not load. $problem. Correct it, check with 'tiercel --dry-run', then: systemctl start tiercel"
}

say_failed() {
	say "installed, but the service did not start. Why: journalctl -u tiercel -n 20; what this kernel offers: tiercel driver doctor"
}

# The module is nobody's once the agent is gone.
unload_module() {
	if [ -d /sys/module/tiercel ]; then
		tiercel driver unload kmod >/dev/null 2>&1 || say "the kernel module is still in use and stays loaded until the next boot"
	fi
}

# Removes folders. What is mounted in them is somebody's own, is left, and is no reason
# for the package to stay half removed.
remove_folders() {
	why=$(LC_ALL=C rm -rf --one-file-system -- "$@" 2>&1) ||
		say "not everything could be removed; what is left is yours to keep or remove: $(printf '%s\n' "$why" | sed -n '1s/^rm: //p')"
}

# A unit that has failed would be listed for ever.
# shellcheck disable=SC2086 # a list of words
forget_failures() { systemctl --system reset-failed $units >/dev/null 2>&1 || true; }
