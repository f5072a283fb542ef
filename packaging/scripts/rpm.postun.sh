# What was built for kernels goes with the last package; the configuration stays.
if [ "$1" -eq 0 ]; then
	remove_folders /var/lib/tiercel /var/cache/tiercel
fi
if booted; then
	systemctl daemon-reload >/dev/null 2>&1 || true
fi
exit 0
