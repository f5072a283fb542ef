/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the portable vocabulary of drivers/probe means in the CO-RE probe.
 */
#ifndef TCL_BACKEND_H
#define TCL_BACKEND_H

#include "core.h"
#include "helpers.h"

#define TCL_INLINE	  static __attribute__((always_inline)) inline
#define TCL_LITTLE_ENDIAN 1

/* Values of BPF_FIELD_* and friends: the kinds of CO-RE relocations. */
enum {
	TCL_CORE_BYTE_OFFSET = 0,
	TCL_CORE_BYTE_SIZE = 1,
	TCL_CORE_EXISTS = 2,
	TCL_CORE_SIGNED = 3,
	TCL_CORE_LSHIFT = 4,
	TCL_CORE_RSHIFT = 5,
};

/*
 * The pointer is evaluated into a temporary first: the compiler refuses nested
 * preserved accesses. The comma takes const off the type of the field. A read
 * that faults gives zeroes.
 */
#define F(p, field)                                                                                          \
	({                                                                                                   \
		__typeof__(p) tcl_p_ = (p);                                                                  \
		__typeof__(((void)0, tcl_p_->field)) tcl_v_;                                                 \
		bpf_probe_read_kernel(&tcl_v_, sizeof(tcl_v_),                                               \
				      __builtin_preserve_access_index(&tcl_p_->field));                      \
		tcl_v_;                                                                                      \
	})

#define AT(p, field)                                                                                         \
	({                                                                                                   \
		__typeof__(p) tcl_p_ = (p);                                                                  \
		(__typeof__(&tcl_p_->field))__builtin_preserve_access_index(&tcl_p_->field);                 \
	})

/* A bit field of up to eight bytes of storage. */
#define FBITS(p, field)                                                                                      \
	({                                                                                                   \
		__typeof__(p) tcl_p_ = (p);                                                                  \
		u64 tcl_v_ = 0;                                                                              \
		bpf_probe_read_kernel(                                                                       \
		    &tcl_v_, __builtin_preserve_field_info(tcl_p_->field, TCL_CORE_BYTE_SIZE),               \
		    (u8 *)tcl_p_ + __builtin_preserve_field_info(tcl_p_->field, TCL_CORE_BYTE_OFFSET));      \
		tcl_v_ <<= __builtin_preserve_field_info(tcl_p_->field, TCL_CORE_LSHIFT);                    \
		tcl_v_ >> __builtin_preserve_field_info(tcl_p_->field, TCL_CORE_RSHIFT);                     \
	})

#define RD(type, addr)                                                                                       \
	({                                                                                                   \
		type tcl_v_;                                                                                 \
		bpf_probe_read_kernel(&tcl_v_, sizeof(tcl_v_), (const void *)(addr));                        \
		tcl_v_;                                                                                      \
	})

#define TCL_HAS(type, field) __builtin_preserve_field_info(((type *)0)->field, TCL_CORE_EXISTS)
/* Type and enumeration relocations (LLVM's numbers: type size 1, enum value 1). */
#define TCL_OFFSETOF(type, field) __builtin_preserve_field_info(((type *)0)->field, TCL_CORE_BYTE_OFFSET)
#define TCL_SIZEOF(type)	  __builtin_preserve_type_info(*(type *)0, 1)
#define TCL_ENUM(type, value)	  __builtin_preserve_enum_value(*(type *)value, 1)
#define TCL_HAS_ENUM(type, value) __builtin_preserve_enum_value(*(type *)value, 0)

/* x &= mask where the compiler can neither drop nor move it (for the verifier). */
#define TCL_MASK(x, mask) asm volatile("%0 &= %1" : "+r"(x) : "i"(mask))
/* x = min(x, max), likewise. x must be a u64. */
#define TCL_CLAMP(x, max) asm volatile("if %0 <= %1 goto +1; %0 = %1" : "+r"(x) : "i"(max))
/* Makes the compiler forget what it knows of x. */
#define TCL_FORGET(x) asm volatile("" : "+r"(x))

#define TCL_STORE(type, addr, v) (*(type *)(addr) = (v))

#define tcl_kread(dst, size, src) bpf_probe_read_kernel(dst, size, (const void *)(src))
#define tcl_uread(dst, size, src) bpf_probe_read_user(dst, size, (const void *)(src))
#define tcl_kstr(dst, size, src)  bpf_probe_read_kernel_str(dst, size, (const void *)(src))
#define tcl_ustr(dst, size, src)  bpf_probe_read_user_str(dst, size, (const void *)(src))

/* The argument of the tracepoint: the verifier lets it be read directly. */
#define TCL_REG(regs, reg) ((regs)->reg)

#define tcl_self() ((struct task_struct *)bpf_get_current_task())

/* Where the code was that an exception interrupted. */
#if defined(__TARGET_ARCH_x86)
#define tcl_regs_ip(regs) F(regs, ip)
#else
#define tcl_regs_ip(regs) F(regs, pc)
#endif

/* Fields that moved between kernels. */

TCL_INLINE struct kernfs_node *tcl_kn_parent(struct kernfs_node *kn)
{
	if (TCL_HAS(struct kernfs_node___v615, __parent))
		return F((struct kernfs_node___v615 *)kn, __parent);
	return F(kn, parent);
}

/* Pages of one kind (MM_FILEPAGES 0, MM_ANONPAGES 1, MM_SWAPENTS 2, MM_SHMEMPAGES 3). */
#define tcl_rss(mm, kind)                                                                                    \
	(TCL_HAS(struct mm_struct___old, rss_stat.count)                                                     \
	     ? F((struct mm_struct___old *)(mm), rss_stat.count[kind].counter)                               \
	     : F(mm, rss_stat[kind].count))

#define tcl_caps(cr, set)                                                                                    \
	({                                                                                                   \
		u64 tcl_w_;                                                                                  \
		if (TCL_HAS(struct cred___old, set.cap[0]))                                                  \
			tcl_w_ = F((struct cred___old *)(cr), set.cap[0]) |                                  \
				 (u64)F((struct cred___old *)(cr), set.cap[1]) << 32;                        \
		else                                                                                         \
			tcl_w_ = F(cr, set.val);                                                             \
		tcl_w_;                                                                                      \
	})

/* From 6.13 on, the highest bit of ctime says that somebody has asked for it. */
#define TCL_NSEC_MASK 0x7fffffffu

TCL_INLINE u64 tcl_ctime(struct inode *in)
{
	if (TCL_HAS(struct inode, i_ctime_sec))
		return F(in, i_ctime_sec) * 1000000000ULL + (F(in, i_ctime_nsec) & TCL_NSEC_MASK);
	if (TCL_HAS(struct inode___v66, __i_ctime))
		return F((struct inode___v66 *)in, __i_ctime.tv_sec) * 1000000000ULL +
		       F((struct inode___v66 *)in, __i_ctime.tv_nsec);
	return F((struct inode___v65 *)in, i_ctime.tv_sec) * 1000000000ULL +
	       F((struct inode___v65 *)in, i_ctime.tv_nsec);
}

TCL_INLINE u64 tcl_mtime(struct inode *in)
{
	if (TCL_HAS(struct inode, i_mtime_sec))
		return F(in, i_mtime_sec) * 1000000000ULL + F(in, i_mtime_nsec);
	if (TCL_HAS(struct inode___v66, __i_mtime))
		return F((struct inode___v66 *)in, __i_mtime.tv_sec) * 1000000000ULL +
		       F((struct inode___v66 *)in, __i_mtime.tv_nsec);
	return F((struct inode___v65 *)in, i_mtime.tv_sec) * 1000000000ULL +
	       F((struct inode___v65 *)in, i_mtime.tv_nsec);
}

TCL_INLINE u32 tcl_loginuid(struct task_struct *t)
{
	return TCL_HAS(struct task_struct, loginuid) ? F(t, loginuid.val) : ~0u;
}

TCL_INLINE u64 tcl_start_boottime(struct task_struct *t)
{
	return F(t, start_boottime);
}

#endif
