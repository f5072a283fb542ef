/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The path of a file, from the kernel's own tree of names.
 */
#ifndef TCL_PATH_H
#define TCL_PATH_H

#include "put.h"

/* Names and mount points on the way to the root; a deeper path loses its upper part. */
#define TCL_PATH_DEPTH 80

/* Puts "/name" in front of what c->path holds from c->path_pos on. False: no room. */
TCL_INLINE bool tcl_path_prepend(struct tcl_ctx *c, struct dentry *d)
{
	u64 len = F(d, d_name.len);
	u64 at = c->path_pos;

	if (len >= TCL_MAX_NAME || at < len + 1)
		return false;
	at -= len + 1;
	c->path_pos = at;
	TCL_MASK(at, TCL_MAX_PATH - 1);
	c->path[at] = '/';
	TCL_MASK(len, TCL_MAX_NAME - 1);
	tcl_kread(&c->path[at + 1], len, F(d, d_name.name));
	return true;
}

/*
 * The path of f, seen from the root of the current task as /proc/PID/exe would
 * show it, without its " (deleted)": into c->path from c->path_pos on. With
 * `base`, c->base_pos tells where the directory in nodes[2] and [3] was passed.
 */
TCL_INLINE void tcl_load_path(struct tcl_ctx *c, struct file *f, const bool base)
{
	struct dentry *d, *up, *top;
	struct vfsmount *vm;
	struct mount *m, *mup;
	struct fs_struct *fs;
	u32 i;

	fs = F(c->task, fs);
	c->nodes[0] = F(fs, root.dentry);
	c->nodes[1] = F(fs, root.mnt);
	c->path_pos = TCL_MAX_PATH - 1;
	c->path[TCL_MAX_PATH - 1] = 0;
	c->node = F(f, f_path.dentry);
	c->mnt = F(f, f_path.mnt);
	for (i = 0; i < TCL_PATH_DEPTH; i++) {
		d = c->node;
		vm = c->mnt;
		if (base && d == c->nodes[2] && vm == c->nodes[3])
			c->base_pos = c->path_pos;
		if (d == c->nodes[0] && vm == c->nodes[1])
			break;
		up = F(d, d_parent);
		top = F(vm, mnt_root);
		if (d == top) {
			m = (struct mount *)((u8 *)vm - TCL_OFFSETOF(struct mount, mnt));
			mup = F(m, mnt_parent);
			if (m == mup)
				break;
			c->node = F(m, mnt_mountpoint);
			c->mnt = AT(mup, mnt);
			continue;
		}
		if (!tcl_path_prepend(c, d))
			break;
		if (d == up)
			break;
		c->node = up;
	}
	if (c->path_pos == TCL_MAX_PATH - 1) {
		c->path[TCL_MAX_PATH - 2] = '/';
		c->path_pos = TCL_MAX_PATH - 2;
	}
}

TCL_INLINE int tcl_put_loaded_path(struct tcl_ctx *c)
{
	u64 at = c->path_pos;
	long n;

	TCL_MASK(at, TCL_MAX_PATH - 1);
	n = tcl_kstr(tcl_here(c), TCL_MAX_PATH, &c->path[at]);
	return tcl_push(c, n > 0 ? (u32)n : 0);
}

/* The same as a parameter. */
TCL_INLINE int tcl_put_path(struct tcl_ctx *c, struct file *f)
{
	if (!f)
		return tcl_put_empty(c);
	tcl_load_path(c, f, false);
	return tcl_put_loaded_path(c);
}

#endif
