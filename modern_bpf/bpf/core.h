/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The kernel as far as the probe looks at it: types and the fields that are
 * read, nothing else. Offsets are relocated at load time (CO-RE), so neither
 * order nor gaps matter; kinds do. A name with three underscores is another
 * kernel's shape of the same type.
 */
#ifndef TCL_CORE_H
#define TCL_CORE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef _Bool bool;

#define true  1
#define false 0
#define NULL  ((void *)0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, di, si, dx, orig_ax, bp, bx, cx, ip;
};
struct thread_info {
	unsigned long flags;
	u32 status;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 pc;
	u64 orig_x0;
	s32 syscallno;
};
struct thread_info {
	unsigned long flags;
};
#else
#error "define __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif

typedef struct {
	u32 val;
} kuid_t;
typedef struct {
	u32 val;
} kgid_t;

/* One u64 since 6.3, two u32 before. */
typedef struct {
	u64 val;
} kernel_cap_t;
struct kernel_cap_struct___old {
	u32 cap[2];
};

struct list_head {
	struct list_head *next;
};
struct qstr {
	u32 len;
	unsigned char *name;
};
struct dentry;
struct super_block {
	u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
};
struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};
struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	u32 i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_nlink;
	s64 i_mtime_sec, i_ctime_sec; /* since 6.11 */
	u32 i_mtime_nsec, i_ctime_nsec;
};
struct inode___v66 { /* 6.6 to 6.10 */
	struct timespec64 __i_mtime, __i_ctime;
};
struct inode___v65 { /* ctime was renamed first */
	struct timespec64 i_mtime, i_ctime;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	u32 f_mode;
	void *private_data;
	struct inode *f_inode;
	u32 f_flags;
	struct path f_path;
};
struct fdtable {
	u32 max_fds;
	struct file **fd;
};
typedef struct {
	int counter;
} atomic_t;
struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};
struct fs_struct {
	struct path root;
	struct path pwd;
};

struct kernfs_node {
	struct kernfs_node *parent; /* __parent since 6.15 */
	char *name;
};
struct kernfs_node___v615 {
	struct kernfs_node *__parent;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
};
struct css_set {
	struct cgroup_subsys_state *subsys[1];
};
enum cgroup_subsys_id {
	cpuset_cgrp_id = 1001,
	cpu_cgrp_id = 1002,
	cpuacct_cgrp_id = 1003,
	io_cgrp_id = 1004,
	memory_cgrp_id = 1005,
};

struct task_struct;
struct pid_namespace {
	struct task_struct *child_reaper;
	u32 level;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	u32 level;
	struct upid numbers[1];
};
enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
	PIDTYPE_PGID,
	PIDTYPE_SID,
};
struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
};
struct cred {
	kuid_t uid, euid, fsuid;
	kgid_t gid, egid, fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
};
struct cred___old {
	struct kernel_cap_struct___old cap_inheritable, cap_permitted, cap_effective;
};
struct tty_driver {
	int major;
	int minor_start;
};
struct tty_struct {
	int index;
	struct tty_driver *driver;
};
struct rlimit {
	unsigned long rlim_cur;
};
struct signal_struct {
	struct list_head thread_head;
	u32 is_child_subreaper : 1;
	u32 has_child_subreaper : 1;
	struct pid *pids[4];
	struct tty_struct *tty;
	struct rlimit rlim[16];
};
struct percpu_counter {
	s64 count;
};
typedef struct {
	s64 counter;
} atomic_long_t;
struct mm_rss_stat___old { /* until 6.1 */
	atomic_long_t count[4];
};
struct mm_struct___old {
	struct mm_rss_stat___old rss_stat;
};
struct mm_struct {
	atomic_t mm_users;
	unsigned long total_vm;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct percpu_counter rss_stat[4];
	struct file *exe_file;
};
struct task_struct {
	struct thread_info thread_info;
	u32 flags;
	struct mm_struct *mm;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct list_head children;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head thread_node;
	u64 start_boottime; /* real_start_time until 5.4 */
	unsigned long min_flt, maj_flt;
	struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid;
	struct css_set *cgroups;
};
struct linux_binprm {
	char *filename;
};

/* Sockets. Ports of the remote side are in network order, skc_num is not. */
struct in6_addr {
	u8 s6_addr[16];
};
struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
};
struct ipv6_pinfo {
	struct in6_addr saddr;
};
struct inet_sock {
	struct sock sk;
	struct ipv6_pinfo *pinet6;
	u32 inet_saddr;
	u16 inet_sport;
};
struct sockaddr_un___kern {
	unsigned short sun_family;
	char sun_path[108];
};
struct unix_address {
	int len;
};
struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};
struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

#pragma clang attribute pop

#endif
