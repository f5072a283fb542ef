if command -v rc-service >/dev/null; then
	rc-service --quiet --ifstarted tiercel stop || true
	rc-update --quiet delete tiercel >/dev/null 2>&1 || true
fi
unload_module
exit 0
