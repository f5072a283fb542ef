# In an upgrade, too: this version's sources go away with this package. When it is
# the same version again, DKMS keeps what the new package has just built.
remove_module --all --rpm_safe_upgrade
exit 0
