/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * open, openat, openat2, creat, open_by_handle_at; chdir.
 *
 * The descriptor number is looked up at the exit of the call, when another
 * thread may already have put a different file there: device, inode and the
 * flags that come from the file are given only if the file was opened the way
 * the call asked for. See truth.h for what follows when they disagree.
 */
#ifndef TCL_FILL_OPEN_H
#define TCL_FILL_OPEN_H

#include "convert.h"
#include "path.h"
#include "truth.h"

/* Can a file with these flags come from a call that asked for the raw ones? */
TCL_INLINE bool tcl_is_asked_for(u32 has, u64 raw)
{
	if (raw & TCL_O_PATH)
		return has & TCL_O_PATH;
	return !((has ^ raw) & (TCL_O_ACCMODE | TCL_O_PATH));
}

/* The file that the call with these raw O_* flags opened, or NULL. */
TCL_INLINE struct file *tcl_opened(struct tcl_ctx *c, u64 raw)
{
	struct file *f;
	u32 has;

	if (c->truth)
		return c->object;
	f = tcl_fd_file(c, TCL_RET(c));
	if (!f)
		return NULL;
	has = F(f, f_flags);
	c->object = f;
	if (!(has & TCL_O_TMPFILE_BIT) && (c->all_names || tcl_has_company(c)))
		c->suspect = TCL_MAY_DIFFER;
	if (tcl_is_asked_for(has, raw))
		return f;
	c->suspect = TCL_DIFFERS;
	return NULL;
}

/* What the call asked for; in the second telling the file's own access mode. */
TCL_INLINE u64 tcl_raw_flags(struct tcl_ctx *c, struct file *f, u64 raw)
{
	if (!c->truth)
		return raw;
	return (raw & ~(u64)(TCL_O_ACCMODE | TCL_O_PATH)) | (F(f, f_flags) & (TCL_O_ACCMODE | TCL_O_PATH));
}

TCL_INLINE u32 tcl_opened_flags(struct file *f, u64 raw)
{
	u32 flags = tcl_conv_open_flags(raw);
	enum tcl_layer layer;

	if (!f)
		return flags;
	if (TCL_PLAIN(u32, F(f, f_mode)) & TCL_FMODE_CREATED)
		flags |= TCL_FILE_FLAGS_O_F_CREATED;
	layer = tcl_inode_layer(F(f, f_inode));
	if (layer == TCL_LAYER_UPPER)
		flags |= TCL_FILE_FLAGS_FD_UPPER_LAYER;
	else if (layer == TCL_LAYER_LOWER)
		flags |= TCL_FILE_FLAGS_FD_LOWER_LAYER;
	return flags;
}

TCL_INLINE void tcl_put_dev_ino(struct tcl_ctx *c, struct file *f)
{
	struct inode *in = f ? F(f, f_inode) : NULL;

	tcl_put_u32(c, f ? tcl_inode_dev(in) : 0);
	tcl_put_u64(c, f ? F(in, i_ino) : 0);
}

/* The mode counts only where a file may be made (open(2)). */
TCL_INLINE u32 tcl_open_mode(u64 raw, u64 mode)
{
	if (!(raw & (TCL_O_CREAT | TCL_O_TMPFILE_BIT)))
		return 0;
	return tcl_conv_mode(mode);
}

TCL_INLINE int tcl_fill_syscall_open_x(struct tcl_ctx *c)
{
	u64 raw = TCL_ARG(c, 1);
	struct file *f = tcl_opened(c, raw);

	tcl_put_s64(c, TCL_RET(c));
	tcl_put_name(c, TCL_AT_FDCWD, TCL_ARG(c, 0));
	tcl_put_u32(c, tcl_opened_flags(f, tcl_raw_flags(c, f, raw)));
	tcl_put_u32(c, tcl_open_mode(raw, TCL_ARG(c, 2)));
	tcl_put_dev_ino(c, f);
	return 0;
}

TCL_INLINE int tcl_fill_syscall_openat_2_x(struct tcl_ctx *c)
{
	u64 raw = TCL_ARG(c, 2);
	struct file *f = tcl_opened(c, raw);

	tcl_put_s64(c, TCL_RET(c));
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	tcl_put_name(c, TCL_ARG(c, 0), TCL_ARG(c, 1));
	tcl_put_u32(c, tcl_opened_flags(f, tcl_raw_flags(c, f, raw)));
	tcl_put_u32(c, tcl_open_mode(raw, TCL_ARG(c, 3)));
	tcl_put_dev_ino(c, f);
	return 0;
}

TCL_INLINE int tcl_fill_syscall_openat2_x(struct tcl_ctx *c)
{
	u64 how[3] = {0, 0, 0}; /* struct open_how: flags, mode, resolve */
	struct file *f;

	if (tcl_uread(how, sizeof(how), TCL_ARG(c, 2)))
		how[0] = how[1] = how[2] = 0;
	f = tcl_opened(c, how[0]);
	tcl_put_s64(c, TCL_RET(c));
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	tcl_put_name(c, TCL_ARG(c, 0), TCL_ARG(c, 1));
	tcl_put_u32(c, tcl_opened_flags(f, tcl_raw_flags(c, f, how[0])));
	tcl_put_u32(c, tcl_open_mode(how[0], how[1]));
	tcl_put_u32(c, tcl_conv_resolve_flags(how[2]));
	tcl_put_dev_ino(c, f);
	return 0;
}

TCL_INLINE int tcl_fill_syscall_creat_x(struct tcl_ctx *c)
{
	struct file *f = tcl_opened(c, TCL_O_CREAT | TCL_O_WRONLY | TCL_O_TRUNC);
	enum tcl_layer layer = f ? tcl_inode_layer(F(f, f_inode)) : TCL_LAYER_NONE;

	tcl_put_s64(c, TCL_RET(c));
	tcl_put_name(c, TCL_AT_FDCWD, TCL_ARG(c, 0));
	tcl_put_u32(c, tcl_conv_mode(TCL_ARG(c, 1)));
	tcl_put_dev_ino(c, f);
	tcl_put_u16(c, layer == TCL_LAYER_UPPER	  ? TCL_CREAT_FLAGS_FD_UPPER_LAYER_CREAT
		       : layer == TCL_LAYER_LOWER ? TCL_CREAT_FLAGS_FD_LOWER_LAYER_CREAT
						  : 0);
	return 0;
}

/* Relative names of later calls begin where this one led to. */
TCL_INLINE int tcl_fill_syscall_chdir_x(struct tcl_ctx *c)
{
	if (c->all_names && !TCL_RET(c))
		c->suspect = TCL_MAY_DIFFER;
	tcl_put_s64(c, TCL_RET(c));
	tcl_put_name(c, TCL_AT_FDCWD, TCL_ARG(c, 0));
	return 0;
}

/* The caller names no path here: the kernel's is given. */
TCL_INLINE int tcl_fill_syscall_open_by_handle_at_x(struct tcl_ctx *c)
{
	u64 raw = TCL_ARG(c, 2);
	struct file *f = tcl_opened(c, raw);

	tcl_put_s64(c, TCL_RET(c));
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	tcl_put_u32(c, tcl_opened_flags(f, raw));
	tcl_put_path(c, f);
	tcl_put_dev_ino(c, f);
	return 0;
}

#endif
