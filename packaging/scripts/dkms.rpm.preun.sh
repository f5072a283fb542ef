# In an upgrade ($1 is 1) the new package has taken this version away already, or it
# is the same version and stays.
[ "$1" -eq 0 ] || exit 0

remove_module
exit 0
