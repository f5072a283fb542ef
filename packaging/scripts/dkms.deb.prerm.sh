case "$1" in
remove | upgrade | deconfigure) remove_module --all ;;
esac
exit 0
