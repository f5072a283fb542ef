/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The path of a file, from the kernel's own tree of names.
 */
#ifndef TCL_PATH_H
#define TCL_PATH_H

#include "put.h"

/* Names and mount points on the way to the root; a deeper path loses its upper part. */
#define TCL_PATH_DEPTH 80

/* A place in the tree of names, in the order of the kernel's struct path. */
struct tcl_place {
	void *mnt;
	void *dentry;
};

/* Both words in one read, where they lie as they always did. */
TCL_INLINE struct tcl_place tcl_read_place(const struct path *at)
{
	struct tcl_place p = {NULL, NULL};

	if (TCL_OFFSETOF(struct path, mnt) == 0 && TCL_OFFSETOF(struct path, dentry) == sizeof(void *)) {
		tcl_kread(&p, sizeof(p), at);
		return p;
	}
	p.mnt = F(at, mnt);
	p.dentry = F(at, dentry);
	return p;
}

/* A name and the directory that it is in, in the order of the kernel's struct dentry. */
struct tcl_node {
	void *parent;
	u32 hash, len;
	const u8 *name;
};

/* Likewise: a read costs more than all that is done with what it gives. */
TCL_INLINE struct tcl_node tcl_read_node(const struct dentry *d)
{
	struct tcl_node n = {NULL, 0, 0, NULL};

	if (TCL_OFFSETOF(struct dentry, d_name.len) == TCL_OFFSETOF(struct dentry, d_parent) + 12 &&
	    TCL_OFFSETOF(struct dentry, d_name.name) == TCL_OFFSETOF(struct dentry, d_parent) + 16) {
		tcl_kread(&n, sizeof(n), AT(d, d_parent));
		return n;
	}
	n.parent = F(d, d_parent);
	n.len = F(d, d_name.len);
	n.name = F(d, d_name.name);
	return n;
}

/* Puts "/name" in front of what c->path holds from c->path_pos on. False: no room. */
TCL_INLINE bool tcl_path_prepend(struct tcl_ctx *c, const u8 *name, u64 len)
{
	u64 at = c->path_pos;

	if (len >= TCL_MAX_NAME || at < len + 1)
		return false;
	at -= len + 1;
	c->path_pos = at;
	TCL_MASK(at, TCL_MAX_PATH - 1);
	c->path[at] = '/';
	TCL_MASK(len, TCL_MAX_NAME - 1);
	tcl_kread(&c->path[at + 1], len, name);
	return true;
}

/*
 * The path of a place, seen from the root of the current task as /proc/PID/exe
 * would show it, without its " (deleted)": into c->path from c->path_pos on. With
 * `base`, c->base_pos tells where the directory in nodes[2] and [3] was passed.
 */
TCL_INLINE void tcl_load_path(struct tcl_ctx *c, const struct path *path, const bool base)
{
	struct tcl_place p = tcl_read_place(AT(F(c->task, fs), root));
	struct vfsmount *vm;
	struct mount *m, *mup;
	struct tcl_node n;
	struct dentry *d;
	u32 i;

	c->nodes[0] = p.dentry;
	c->nodes[1] = p.mnt;
	c->path_pos = TCL_MAX_PATH - 1;
	c->path[TCL_MAX_PATH - 1] = 0;
	p = tcl_read_place(path);
	c->node = p.dentry;
	c->mnt = p.mnt;
	vm = p.mnt;
	c->nodes[4] = F(vm, mnt_root);
	for (i = 0; i < TCL_PATH_DEPTH; i++) {
		d = c->node;
		vm = c->mnt;
		if (base && d == c->nodes[2] && vm == c->nodes[3])
			c->base_pos = c->path_pos;
		if (d == c->nodes[0] && vm == c->nodes[1])
			break;
		if (d == c->nodes[4]) {
			m = (struct mount *)((u8 *)vm - TCL_OFFSETOF(struct mount, mnt));
			mup = F(m, mnt_parent);
			if (m == mup)
				break;
			c->node = F(m, mnt_mountpoint);
			vm = AT(mup, mnt);
			c->mnt = vm;
			c->nodes[4] = F(vm, mnt_root);
			continue;
		}
		n = tcl_read_node(d);
		if (!tcl_path_prepend(c, n.name, n.len))
			break;
		if (d == n.parent)
			break;
		c->node = n.parent;
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
	tcl_load_path(c, AT(f, f_path), false);
	return tcl_put_loaded_path(c);
}

#endif
