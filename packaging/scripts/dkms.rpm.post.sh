build_module
exit 0
