rm -rf /var/lib/tiercel /var/cache/tiercel
exit 0
