/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the kernel knows of a task.
 */
#ifndef TCL_TASK_H
#define TCL_TASK_H

#include "file.h"
#include "gen/flags.h"

#define TCL_PF_EXITING	  0x4
#define TCL_PF_KTHREAD	  0x200000
#define TCL_RLIMIT_NOFILE 7
#define TCL_PAGE_KB	  4

#define TCL_CAP_DAC_OVERRIDE 1

#define TCL_SB_RDONLY	 1
#define TCL_MNT_READONLY 0x40
#define TCL_S_IMMUTABLE	 8

TCL_INLINE struct pid *tcl_task_pid(struct task_struct *t, const int type)
{
	if (type == PIDTYPE_PID)
		return F(t, thread_pid);
	return F(F(t, signal), pids[type]);
}

/* Number of a pid in the initial namespace; level 0 always exists. */
TCL_INLINE s32 tcl_pid_global(struct pid *p)
{
	return F(p, numbers[0].nr);
}

/*
 * Number of a pid in the namespace of the task; 0 when it has none there, such
 * as a group whose leader stayed outside (pid_nr_ns in kernel/pid.c).
 */
TCL_INLINE s32 tcl_pid_own(struct task_struct *t, struct pid *p)
{
	struct pid *self = F(t, thread_pid);
	u32 level = F(self, level);
	struct upid *there = &AT(p, numbers[0])[level];

	if (level > F(p, level) || F(there, ns) != F(&AT(self, numbers[0])[level], ns))
		return 0;
	return F(there, nr);
}

TCL_INLINE u32 tcl_pidns_level(struct task_struct *t)
{
	return F(F(t, thread_pid), level);
}

/* Start of the task's pid namespace, nanoseconds of the boot clock; 0 in the initial one. */
TCL_INLINE u64 tcl_pidns_start(struct task_struct *t)
{
	struct pid *p = F(t, thread_pid);
	u32 level = F(p, level);
	struct pid_namespace *ns;

	if (!level)
		return 0;
	ns = F(&AT(p, numbers[0])[level], ns);
	return tcl_start_boottime(F(ns, child_reaper));
}

TCL_INLINE u32 tcl_task_tty(struct task_struct *t)
{
	struct tty_struct *tty = F(F(t, signal), tty);
	struct tty_driver *drv;

	if (!tty)
		return 0;
	drv = F(tty, driver);
	return tcl_encode_dev((u32)F(drv, major) << 20 | (u32)(F(drv, minor_start) + F(tty, index)));
}

TCL_INLINE struct inode *tcl_exe_inode(struct file *exe)
{
	return F(exe, f_inode);
}

/*
 * May the task write the file that it executes? Mode bits, ownership and the
 * capability that overrides them, on file systems and inodes that can be
 * written at all; supplementary groups and ACLs are not looked at.
 */
TCL_INLINE bool tcl_exe_writable(struct task_struct *t, struct file *exe)
{
	struct inode *in = F(exe, f_inode);
	struct cred *cr = TCL_PLAIN(struct cred *, F(t, cred));
	u16 mode = F(in, i_mode);

	if (F(F(in, i_sb), s_flags) & TCL_SB_RDONLY || F(in, i_flags) & TCL_S_IMMUTABLE ||
	    F(F(exe, f_path.mnt), mnt_flags) & TCL_MNT_READONLY)
		return false;
	if (tcl_caps(cr, cap_effective) & (1ULL << TCL_CAP_DAC_OVERRIDE))
		return true;
	if (F(cr, fsuid.val) == F(in, i_uid.val))
		return mode & 0200;
	if (F(cr, fsgid.val) == F(in, i_gid.val))
		return mode & 0020;
	return mode & 0002;
}

/* An anonymous file of memfd_create(2): unlinked, its own parent, "memfd:" in front. */
TCL_INLINE bool tcl_is_memfd(struct file *f)
{
	struct dentry *d = F(f, f_path.dentry);
	u64 name;

	if (F(d, d_parent) != d)
		return false;
	name = RD(u64, F(d, d_name.name));
	return (name & 0xffffffffffffULL) == 0x3a64666d656dULL; /* "memfd:" */
}

TCL_INLINE u32 tcl_exe_flags(struct task_struct *t, struct file *exe)
{
	u32 flags = 0;
	enum tcl_layer layer;

	if (!exe)
		return 0;
	if (tcl_exe_writable(t, exe))
		flags |= TCL_EXECVE_FLAGS_WRITABLE;
	if (tcl_is_memfd(exe))
		flags |= TCL_EXECVE_FLAGS_FROM_MEMFD;
	layer = tcl_inode_layer(F(exe, f_inode));
	if (layer == TCL_LAYER_UPPER)
		flags |= TCL_EXECVE_FLAGS_UPPER_LAYER;
	else if (layer == TCL_LAYER_LOWER)
		flags |= TCL_EXECVE_FLAGS_LOWER_LAYER;
	return flags;
}

/* Memory in KiB; zeroes for a task without memory of its own. */
TCL_INLINE u32 tcl_vm_size(struct task_struct *t)
{
	return F(F(t, mm), total_vm) * TCL_PAGE_KB;
}

/* Sums over CPUs lag behind and can be negative for a moment. */
TCL_INLINE u32 tcl_vm_rss(struct task_struct *t)
{
	struct mm_struct *mm = F(t, mm);
	s64 pages = tcl_rss(mm, 0) + tcl_rss(mm, 1) + tcl_rss(mm, 3);

	return (pages > 0 ? pages : 0) * TCL_PAGE_KB;
}

TCL_INLINE u32 tcl_vm_swap(struct task_struct *t)
{
	s64 pages = tcl_rss(F(t, mm), 2);

	return (pages > 0 ? pages : 0) * TCL_PAGE_KB;
}

#endif
