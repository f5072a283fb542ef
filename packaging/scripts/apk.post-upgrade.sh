command -v rc-service >/dev/null || exit 0
if rc-service --quiet tiercel status >/dev/null 2>&1; then
	if config_ok; then
		rc-service tiercel restart || say "the service did not start again; the reason is in /var/log/tiercel.log"
	else
		say "the new version does not accept the installed configuration or rules, so the running service stays as it was. $problem. Correct it, check with 'tiercel --dry-run', then: rc-service tiercel restart"
	fi
fi
exit 0
