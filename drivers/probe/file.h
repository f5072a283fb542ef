/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the kernel knows of an open file.
 */
#ifndef TCL_FILE_H
#define TCL_FILE_H

#include "put.h"

#define TCL_S_IFMT	  0170000
#define TCL_S_IFSOCK	  0140000
#define TCL_OVERLAY_MAGIC 0x794c7630
#define TCL_SOCKFS_MAGIC  0x534f434b
#define TCL_TMPFS_MAGIC	  0x01021994
#define TCL_NSFS_MAGIC	  0x6e736673
#define TCL_SB_NOUSER	  0x80000000u
#define TCL_FMODE_CREATED 0x100000

/* The file behind a descriptor of the current task; NULL when there is none. */
TCL_INLINE struct file *tcl_fd_file(struct tcl_ctx *c, s32 fd)
{
	struct fdtable *fdt;
	struct file **slot;

	if (fd < 0)
		return NULL;
	fdt = TCL_PLAIN(struct fdtable *, F(F(c->task, files), fdt));
	if (!fdt || (u32)fd >= F(fdt, max_fds))
		return NULL;
	slot = TCL_PLAIN(struct file **, F(fdt, fd));
	return RD(struct file *, slot + (u32)fd);
}

/*
 * A file of a file system that users cannot mount (pipefs, sockfs, anonymous
 * inodes; nsfs, which says so before 6.18 only): it has no path that could be
 * told. Those of memfd_create(2) lie in such a tmpfs, but have a name.
 */
TCL_INLINE bool tcl_is_pathless(struct file *f)
{
	struct super_block *sb = F(F(f, f_inode), i_sb);
	u64 magic = F(sb, s_magic);

	return magic == TCL_NSFS_MAGIC || (magic != TCL_TMPFS_MAGIC && F(sb, s_flags) & TCL_SB_NOUSER);
}

/* Device number as stat(2) encodes it for user space. */
TCL_INLINE u32 tcl_encode_dev(u32 dev)
{
	u32 major = dev >> 20;
	u32 minor = dev & 0xfffff;

	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

TCL_INLINE u32 tcl_inode_dev(struct inode *in)
{
	return tcl_encode_dev(F(F(in, i_sb), s_dev));
}

enum tcl_layer {
	TCL_LAYER_NONE,
	TCL_LAYER_UPPER,
	TCL_LAYER_LOWER,
};

/*
 * The layer of an overlay mount that holds the file. The dentry of the upper
 * layer follows the inode in overlayfs' own inode (struct ovl_inode in
 * fs/overlayfs/ovl_entry.h); its type is often in a module without BTF.
 */
TCL_INLINE enum tcl_layer tcl_inode_layer(struct inode *in)
{
	if (F(F(in, i_sb), s_magic) != TCL_OVERLAY_MAGIC)
		return TCL_LAYER_NONE;
	if (RD(void *, (u8 *)in + TCL_SIZEOF(struct inode)))
		return TCL_LAYER_UPPER;
	return TCL_LAYER_LOWER;
}

#endif
