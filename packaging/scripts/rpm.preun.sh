# An upgrade ($1 is 1) leaves the old agent to the new package.
[ "$1" -eq 0 ] || exit 0

if command -v systemctl >/dev/null; then
	for u in $units; do
		systemctl --no-reload disable "$u" >/dev/null 2>&1 || true
		if booted; then
			systemctl stop "$u" >/dev/null 2>&1 || true
		fi
	done
fi
rm -f /etc/systemd/system/tiercel.service
unload_module
exit 0
