/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Kernel types that the kernel's own headers keep to themselves, for the
 * drivers that are compiled against those headers.
 */
#ifndef TCL_PRIVATE_H
#define TCL_PRIVATE_H

/* fs/mount.h: the first members, in this order since Linux 3.3. */
struct mount {
	struct hlist_node mnt_hash;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

#endif
