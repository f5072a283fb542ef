# $1 is how many of this package are installed: 1 the first time, more in an upgrade.
command -v systemctl >/dev/null || exit 0

if [ "$1" -eq 1 ]; then
	unit=$(chosen_unit)
	# Whoever names a driver wants it; else the presets of the distribution decide.
	if [ -n "${TIERCEL_DRIVER:-}" ]; then
		systemctl --no-reload enable "$unit" >/dev/null 2>&1 || say_not_enabled "$unit"
	else
		systemctl --no-reload preset "$unit" >/dev/null 2>&1 || true
	fi
	booted || exit 0
	systemctl daemon-reload >/dev/null 2>&1 || true
	if ! systemctl --quiet is-enabled "$unit"; then
		say "installed. Start it, now and at each boot: systemctl enable --now $unit"
	elif ! config_ok; then
		say_not_started
	elif ! systemctl start "$unit" >/dev/null 2>&1; then
		say_failed
	fi
	exit 0
fi

booted || exit 0
systemctl daemon-reload >/dev/null 2>&1 || true
find_unit
[ -n "$unit" ] || exit 0
if ! config_ok; then
	say_kept
elif ! systemctl restart "$unit" >/dev/null 2>&1; then
	say_failed
fi
exit 0
