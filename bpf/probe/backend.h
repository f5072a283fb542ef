/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the portable vocabulary of drivers/probe means in the legacy eBPF
 * probe, which is compiled against the headers of the kernel that it runs on.
 *
 * Kernel headers do not compile for the bpf target, so this is compiled for
 * the host's architecture to LLVM's intermediate form and only then for bpf.
 */
#ifndef TCL_BACKEND_H
#define TCL_BACKEND_H

#include <linux/kconfig.h>
#include <linux/types.h>
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
#include <uapi/linux/bpf.h>

#include "private.h"

#define TCL_INLINE static __always_inline

#define SEC(name) __attribute__((section(name), used))

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*const bpf_tail_call)(void *ctx, void *prog_array, u32 index) = (void *)BPF_FUNC_tail_call;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)BPF_FUNC_get_smp_processor_id;
static u64 (*const bpf_get_current_task)(void) = (void *)BPF_FUNC_get_current_task;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)BPF_FUNC_get_current_pid_tgid;
static long (*const bpf_perf_event_output)(void *ctx, void *map, u64 flags, void *data, u64 size) =
	(void *)BPF_FUNC_perf_event_output;
/* The calls that do not tell kernel from user memory are all that 4.14 has. */
static long (*const bpf_probe_read)(void *dst, u32 size, const void *src) = (void *)BPF_FUNC_probe_read;
static long (*const bpf_probe_read_str)(void *dst, u32 size, const void *src) = (void *)BPF_FUNC_probe_read_str;

#define F(p, field)                                                                                       \
	({                                                                                                \
		typeof(p) tcl_p_ = (p);                                                                   \
		typeof(((void)0, tcl_p_->field)) tcl_v_;                                                  \
		bpf_probe_read((void *)&tcl_v_, sizeof(tcl_v_), &tcl_p_->field);                          \
		tcl_v_;                                                                                   \
	})

#define AT(p, field) (&(p)->field)

/*
 * Headers tell the compiler where a bit field is, but not us: read the whole
 * object up to the field's end? The object is large, so read the words around
 * the two that fillers ask for, which lie between has_child_subreaper's
 * neighbours (include/linux/sched/signal.h).
 */
#define FBITS(p, field) tcl_bits_##field(p)

static __always_inline u64 tcl_signal_bits(struct signal_struct *s)
{
	u32 w = 0;

	/* The bit fields follow flags and, since 5.16, a pointer to core_state. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 16, 0)
	bpf_probe_read(&w, sizeof(w), (u8 *)s + offsetof(struct signal_struct, core_state) + sizeof(s->core_state));
#else
	bpf_probe_read(&w, sizeof(w), (u8 *)s + offsetof(struct signal_struct, flags) + sizeof(s->flags));
#endif
	return w;
}
#define tcl_bits_is_child_subreaper(s)	(tcl_signal_bits(s) & 1)
#define tcl_bits_has_child_subreaper(s) (tcl_signal_bits(s) >> 1 & 1)

#define RD(type, addr)                                                                                    \
	({                                                                                                \
		type tcl_v_;                                                                              \
		bpf_probe_read((void *)&tcl_v_, sizeof(tcl_v_), (const void *)(addr));                    \
		tcl_v_;                                                                                   \
	})

#define TCL_OFFSETOF(type, field) offsetof(type, field)
#define TCL_SIZEOF(type)	  sizeof(type)
#define TCL_ENUM(type, value)	  (value)

#define TCL_MASK(x, mask) asm volatile("%0 &= %1" : "+r"(x) : "i"(mask))
#define TCL_CLAMP(x, max) asm volatile("if %0 <= %1 goto +1; %0 = %1" : "+r"(x) : "i"(max))
#define TCL_FORGET(x)	  asm volatile("" : "+r"(x))

#define TCL_STORE(type, addr, v) (*(type *)(addr) = (type)(v))

/* Bytes of I/O data; becomes an entry of the settings map. */
#define TCL_SNAPLEN(c) 80

#define tcl_kread(dst, size, src) bpf_probe_read((void *)(dst), size, (const void *)(unsigned long)(src))
#define tcl_uread(dst, size, src) bpf_probe_read((void *)(dst), size, (const void *)(unsigned long)(src))
#define tcl_kstr(dst, size, src)  bpf_probe_read_str((void *)(dst), size, (const void *)(unsigned long)(src))
#define tcl_ustr(dst, size, src)  bpf_probe_read_str((void *)(dst), size, (const void *)(unsigned long)(src))

#define tcl_self() ((struct task_struct *)bpf_get_current_task())

/* Fields that moved between kernels. */

static __always_inline struct kernfs_node *tcl_kn_parent(struct kernfs_node *kn)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	return (struct kernfs_node *)F(kn, __parent);
#else
	return F(kn, parent);
#endif
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define tcl_rss(mm, kind) F(mm, rss_stat[kind].count)
#else
#define tcl_rss(mm, kind) F(mm, rss_stat.count[kind].counter)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define tcl_caps(cr, set) F(cr, set.val)
#else
#define tcl_caps(cr, set) (F(cr, set.cap[0]) | (u64)F(cr, set.cap[1]) << 32)
#endif

/* From 6.13 on, the highest bit of ctime says that somebody has asked for it. */
#define TCL_NSEC_MASK 0x7fffffffu

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define tcl_time(in, x) (F(in, i_##x##time_sec) * NSEC_PER_SEC + (F(in, i_##x##time_nsec) & TCL_NSEC_MASK))
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define tcl_time(in, x) (F(in, __i_##x##time.tv_sec) * NSEC_PER_SEC + F(in, __i_##x##time.tv_nsec))
#else
#define tcl_time(in, x) (F(in, i_##x##time.tv_sec) * NSEC_PER_SEC + F(in, i_##x##time.tv_nsec))
#endif

static __always_inline u64 tcl_ctime(struct inode *in)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return F(in, __i_ctime.tv_sec) * NSEC_PER_SEC + F(in, __i_ctime.tv_nsec);
#else
	return tcl_time(in, c);
#endif
}

static __always_inline u64 tcl_mtime(struct inode *in)
{
	return tcl_time(in, m);
}

static __always_inline u32 tcl_loginuid(struct task_struct *t)
{
#ifdef CONFIG_AUDIT
	return F(t, loginuid.val);
#else
	return ~0u;
#endif
}

static __always_inline u64 tcl_start_boottime(struct task_struct *t)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 5, 0)
	return F(t, start_boottime);
#else
	return F(t, real_start_time);
#endif
}

#endif
