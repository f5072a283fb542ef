case "$1" in
remove)
	# Tells a later installation that it is no upgrade; purge takes it away.
	mkdir -p /var/lib/tiercel
	: >/var/lib/tiercel/.removed
	;;
purge)
	if command -v deb-systemd-helper >/dev/null; then
		# shellcheck disable=SC2086 # a list of words
		deb-systemd-helper purge $units >/dev/null 2>&1 || true
	fi
	# Links that the administrator or `tiercel driver set` made since.
	rm -f /etc/systemd/system/tiercel.service
	for u in $units; do
		rm -f /etc/systemd/system/*.wants/"$u"
	done
	remove_folders /etc/tiercel /var/lib/tiercel /var/cache/tiercel /var/log/tiercel /var/spool/tiercel
	;;
*) exit 0 ;;
esac
if booted; then
	forget_failures
	systemctl --system daemon-reload >/dev/null || true
fi
exit 0
