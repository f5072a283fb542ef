case "$1" in
remove | upgrade | deconfigure) remove_module ;;
esac
exit 0
