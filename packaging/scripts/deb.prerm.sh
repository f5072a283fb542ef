# An upgrade leaves the old agent running until the new one is known to start.
[ "$1" = remove ] || exit 0

if booted; then
	# shellcheck disable=SC2086 # a list of words
	deb-systemd-invoke stop $units >/dev/null 2>&1 || true
fi
unload_module
exit 0
