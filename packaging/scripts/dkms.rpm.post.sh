remove_others
build_module
exit 0
