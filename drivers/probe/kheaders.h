/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * For the drivers that are compiled for one kernel: its headers, the types that
 * it keeps to itself, and the fields that moved between releases. A backend
 * defines F before it includes this. One with types that come from the kernel's
 * BTF instead (TCL_FROM_BTF) has included them, and they say themselves what
 * there is.
 */
#ifndef TCL_KHEADERS_H
#define TCL_KHEADERS_H

#ifndef TCL_FROM_BTF
#include <linux/binfmts.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/ipv6.h>
#include <linux/kernfs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/un.h>
#include <linux/version.h>
#include <net/af_unix.h>
#include <net/inet_sock.h>
#include <net/sock.h>

/* The shared code asks for the architecture as the CO-RE probe's compiler says it. */
#if defined(__x86_64__) && !defined(__TARGET_ARCH_x86)
#define __TARGET_ARCH_x86
#elif defined(__aarch64__) && !defined(__TARGET_ARCH_arm64)
#define __TARGET_ARCH_arm64
#endif

/* fs/mount.h: the first members, in this order since Linux 3.3. */
struct mount {
	struct hlist_node mnt_hash;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

#ifdef CONFIG_CPUSETS
#define TCL_HAS_cgroup_subsys_id_cpuset_cgrp_id 1
#endif
#ifdef CONFIG_CGROUP_SCHED
#define TCL_HAS_cgroup_subsys_id_cpu_cgrp_id 1
#endif
#ifdef CONFIG_CGROUP_CPUACCT
#define TCL_HAS_cgroup_subsys_id_cpuacct_cgrp_id 1
#endif
#ifdef CONFIG_BLK_CGROUP
#define TCL_HAS_cgroup_subsys_id_io_cgrp_id 1
#endif
#ifdef CONFIG_MEMCG
#define TCL_HAS_cgroup_subsys_id_memory_cgrp_id 1
#endif
#ifdef CONFIG_AUDIT
#define TCL_HAS_task_struct_loginuid 1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define TCL_HAS_kernfs_node___parent 1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define TCL_HAS_inode_i_mtime_sec 1
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define TCL_HAS_inode___i_mtime 1
#define TCL_HAS_inode___i_ctime 1
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define TCL_HAS_inode___i_ctime 1
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define TCL_HAS_kernel_cap_struct_cap 1
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define TCL_HAS_mm_rss_stat_count 1
#endif

#endif

/* Kernels are built without some of the subsystems: their number is one that no subsystem has. */
#ifndef TCL_HAS_cgroup_subsys_id_cpuset_cgrp_id
#define cpuset_cgrp_id CGROUP_SUBSYS_COUNT
#endif
#ifndef TCL_HAS_cgroup_subsys_id_cpu_cgrp_id
#define cpu_cgrp_id CGROUP_SUBSYS_COUNT
#endif
#ifndef TCL_HAS_cgroup_subsys_id_cpuacct_cgrp_id
#define cpuacct_cgrp_id CGROUP_SUBSYS_COUNT
#endif
#ifndef TCL_HAS_cgroup_subsys_id_io_cgrp_id
#define io_cgrp_id CGROUP_SUBSYS_COUNT
#endif
#ifndef TCL_HAS_cgroup_subsys_id_memory_cgrp_id
#define memory_cgrp_id CGROUP_SUBSYS_COUNT
#endif
#define TCL_HAS_ENUM(type, value) ((value) != CGROUP_SUBSYS_COUNT)

/* Fields that moved between kernels. */

TCL_INLINE struct kernfs_node *tcl_kn_parent(struct kernfs_node *kn)
{
#ifdef TCL_HAS_kernfs_node___parent
	return (__force struct kernfs_node *)F(kn, __parent);
#else
	return F(kn, parent);
#endif
}

#ifdef TCL_HAS_mm_rss_stat_count
#define tcl_rss(mm, kind) F(mm, rss_stat.count[kind].counter)
#else
#define tcl_rss(mm, kind) F(mm, rss_stat[kind].count)
#endif

#ifdef TCL_HAS_kernel_cap_struct_cap
#define tcl_caps(cr, set) (F(cr, set.cap[0]) | (u64)F(cr, set.cap[1]) << 32)
#else
#define tcl_caps(cr, set) F(cr, set.val)
#endif

/* From 6.13 on, the highest bit of ctime says that somebody has asked for it. */
#define TCL_NSEC_MASK 0x7fffffffu

#if defined(TCL_HAS_inode_i_mtime_sec)
#define tcl_time(in, x) (F(in, i_##x##time_sec) * NSEC_PER_SEC + (F(in, i_##x##time_nsec) & TCL_NSEC_MASK))
#elif defined(TCL_HAS_inode___i_mtime)
#define tcl_time(in, x) (F(in, __i_##x##time.tv_sec) * NSEC_PER_SEC + F(in, __i_##x##time.tv_nsec))
#else
#define tcl_time(in, x) (F(in, i_##x##time.tv_sec) * NSEC_PER_SEC + F(in, i_##x##time.tv_nsec))
#endif

TCL_INLINE u64 tcl_ctime(struct inode *in)
{
#if defined(TCL_HAS_inode___i_ctime) && !defined(TCL_HAS_inode___i_mtime)
	return F(in, __i_ctime.tv_sec) * NSEC_PER_SEC + F(in, __i_ctime.tv_nsec);
#else
	return tcl_time(in, c);
#endif
}

TCL_INLINE u64 tcl_mtime(struct inode *in)
{
	return tcl_time(in, m);
}

TCL_INLINE u32 tcl_loginuid(struct task_struct *t)
{
#ifdef TCL_HAS_task_struct_loginuid
	return F(t, loginuid.val);
#else
	return ~0u;
#endif
}

TCL_INLINE u64 tcl_start_boottime(struct task_struct *t)
{
	return F(t, start_boottime);
}

/* Where the code was that an exception interrupted. */
#ifdef __TARGET_ARCH_arm64
#define tcl_regs_ip(regs) F(regs, pc)
#else
#define tcl_regs_ip(regs) F(regs, ip)
#endif

#endif
