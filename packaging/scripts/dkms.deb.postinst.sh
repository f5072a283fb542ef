# What is given up has taken the module away before (prerm), and leaves this version.
case "$1" in
configure | abort-upgrade | abort-deconfigure | abort-remove) ;;
*) exit 0 ;;
esac

# DKMS brings the steps that its packages take; without them they are taken here.
if [ -x /usr/lib/dkms/common.postinst ]; then
	if ! /usr/lib/dkms/common.postinst tiercel "$version" /usr/share/tiercel-dkms "" "${2:-}"; then
		say_failed "a kernel"
	elif ! dkms status -m tiercel -v "$version" | grep -q installed; then
		say_missing
	fi
else
	build_module
fi
exit 0
