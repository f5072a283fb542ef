/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the portable vocabulary of drivers/probe means in the kernel module.
 *
 * Fillers run in tracepoints with preemption off. They look at objects of
 * other tasks and at memory of the caller that may be paged out, so every read
 * is one that cannot fault; a plain dereference would be an oops waiting.
 */
#ifndef TCL_BACKEND_H
#define TCL_BACKEND_H

#include <linux/binfmts.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <linux/kernfs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/nsproxy.h>
#include <linux/path.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/uaccess.h>
#include <linux/un.h>
#include <linux/version.h>
#include <net/af_unix.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <asm/unaligned.h>

#include "private.h"

#define TCL_INLINE static inline __maybe_unused

/* The comma takes const off the type of the field, so that it can be read into. */
#define F(p, field)                                                                                       \
	({                                                                                                \
		typeof(p) tcl_p_ = (p);                                                                   \
		typeof(((void)0, tcl_p_->field)) tcl_v_;                                                  \
		tcl_kread(&tcl_v_, sizeof(tcl_v_), &tcl_p_->field);                                       \
		tcl_v_;                                                                                   \
	})

#define AT(p, field) (&(p)->field)

/* A bit field has no address; its word lies in an object that F has just reached. */
#define FBITS(p, field)                                                                                   \
	({                                                                                                \
		typeof(p) tcl_p_ = (p);                                                                   \
		tcl_p_ ? (u64)tcl_p_->field : 0;                                                          \
	})

#define RD(type, addr)                                                                                    \
	({                                                                                                \
		type tcl_v_;                                                                              \
		tcl_kread(&tcl_v_, sizeof(tcl_v_), addr);                                                 \
		tcl_v_;                                                                                   \
	})

#define TCL_OFFSETOF(type, field) offsetof(type, field)
#define TCL_SIZEOF(type)	  sizeof(type)
#define TCL_ENUM(type, value)	  (value)

/* There is no verifier to convince; the bounds themselves stay. */
#define TCL_MASK(x, mask) ((x) &= (mask))
#define TCL_CLAMP(x, max)                                                                                 \
	do {                                                                                              \
		if ((x) > (max))                                                                          \
			(x) = (max);                                                                      \
	} while (0)
#define TCL_FORGET(x)                                                                                     \
	do {                                                                                              \
	} while (0)

#define TCL_STORE(type, addr, v) put_unaligned((type)(v), (type *)(addr))

/* Bytes of I/O data; becomes a setting with the ioctl that changes it. */
#define TCL_SNAPLEN(c) 80

#define tcl_self() current

/* Reads that fail leave zeroes, as in the eBPF drivers. */
static __always_inline long tcl_kread_(void *dst, u32 size, const void *src)
{
	long err = copy_from_kernel_nofault(dst, src, size);

	if (err)
		memset(dst, 0, size);
	return err;
}
#define tcl_kread(dst, size, src) tcl_kread_((void *)(dst), size, (const void *)(unsigned long)(src))

static __always_inline long tcl_uread_(void *dst, u32 size, unsigned long src)
{
	long err = copy_from_user_nofault(dst, (const void __user *)src, size);

	if (err)
		memset(dst, 0, size);
	return err;
}
#define tcl_uread(dst, size, src) tcl_uread_(dst, size, (unsigned long)(src))

/* Length with the NUL, which is always there; negative when nothing can be read. */
static inline long tcl_ustr_(char *dst, u32 size, unsigned long src)
{
	long n;

	pagefault_disable();
	n = strncpy_from_user(dst, (const char __user *)src, size);
	pagefault_enable();
	if (n < 0)
		return n;
	if (n >= size)
		n = size - 1;
	dst[n] = 0;
	return n + 1;
}
#define tcl_ustr(dst, size, src) tcl_ustr_((char *)(dst), size, (unsigned long)(src))

/* strncpy_from_kernel_nofault is not exported: words that never cross a page. */
static inline long tcl_kstr_(char *dst, u32 size, unsigned long src)
{
	u32 n = 0, skip = src & (sizeof(long) - 1);
	unsigned long word;
	char *bytes = (char *)&word;

	while (n < size) {
		if (copy_from_kernel_nofault(&word, (void *)(src + n - skip), sizeof(word)))
			return n ? n : -EFAULT;
		for (; skip < sizeof(word) && n < size; skip++, n++) {
			dst[n] = bytes[skip];
			if (!bytes[skip])
				return n + 1;
		}
		skip = 0;
	}
	dst[size - 1] = 0;
	return size;
}
#define tcl_kstr(dst, size, src) tcl_kstr_((char *)(dst), size, (unsigned long)(src))

/* Fields that moved between kernels. */

static inline struct kernfs_node *tcl_kn_parent(struct kernfs_node *kn)
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

static inline u64 tcl_ctime(struct inode *in)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return F(in, __i_ctime.tv_sec) * NSEC_PER_SEC + F(in, __i_ctime.tv_nsec);
#else
	return tcl_time(in, c);
#endif
}

static inline u64 tcl_mtime(struct inode *in)
{
	return tcl_time(in, m);
}

static inline u32 tcl_loginuid(struct task_struct *t)
{
#ifdef CONFIG_AUDIT
	return F(t, loginuid.val);
#else
	return ~0u;
#endif
}

static inline u64 tcl_start_boottime(struct task_struct *t)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 5, 0)
	return F(t, start_boottime);
#else
	return F(t, real_start_time);
#endif
}

#endif
