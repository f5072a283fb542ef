[ "$1" = configure ] || exit 0

# DKMS brings the steps that its packages take; without them they are taken here.
if [ -x /usr/lib/dkms/common.postinst ]; then
	/usr/lib/dkms/common.postinst tiercel "$version" /usr/share/tiercel-dkms "" "${2:-}" ||
		say "the module could not be built; why is in /var/lib/dkms/tiercel/$version/build/make.log. Until then 'tiercel-auto' uses another driver"
else
	build_module
fi
exit 0
