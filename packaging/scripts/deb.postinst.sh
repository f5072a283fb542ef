case "$1" in
configure | abort-upgrade | abort-deconfigure | abort-remove) ;;
*) exit 0 ;;
esac

# A package that comes back after a removal starts again what the removal stopped.
back=
if [ -e /var/lib/tiercel/.removed ]; then
	rm -f /var/lib/tiercel/.removed
	rmdir --ignore-fail-on-non-empty /var/lib/tiercel
	back=yes
fi

# The first time, or after a first time that was interrupted: choose a driver.
# Later the choice is the administrator's, also when it is "none".
if [ "$1" = configure ] && [ -z "${2:-}" ]; then
	if [ ! -L /etc/systemd/system/tiercel.service ] && command -v deb-systemd-helper >/dev/null; then
		unit=$(chosen_unit)
		deb-systemd-helper enable "$unit" >/dev/null || say_not_enabled "$unit"
	fi
	back=yes
fi

# A removal that came to nothing had stopped it.
[ "$1" != abort-remove ] || back=yes

booted || exit 0
systemctl --system daemon-reload >/dev/null || true

# Starting and restarting go through deb-systemd-invoke, which obeys policy-rc.d.
if [ -n "$back" ]; then
	unit=$(aliased_unit)
	[ -n "$unit" ] || exit 0
	if ! config_ok; then
		say_not_started
	elif ! deb-systemd-invoke start "$unit" >/dev/null 2>&1; then
		say_failed
	fi
	exit 0
fi

# An upgrade that came to nothing has stopped nothing: what runs goes on.
[ "$1" = configure ] || exit 0

find_unit
[ -n "$unit" ] || exit 0
if ! config_ok; then
	say_kept
elif ! deb-systemd-invoke restart "$unit" >/dev/null 2>&1; then
	say_failed
fi
exit 0
