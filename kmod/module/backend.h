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

#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#define TCL_INLINE static inline __maybe_unused

/* The comma takes const off the type of the field, so that it can be read into. */
#define F(p, field)                                                                                          \
	({                                                                                                   \
		typeof(p) tcl_p_ = (p);                                                                      \
		typeof(((void)0, tcl_p_->field)) tcl_v_;                                                     \
		tcl_kread(&tcl_v_, sizeof(tcl_v_), &tcl_p_->field);                                          \
		tcl_v_;                                                                                      \
	})

#define AT(p, field) (&(p)->field)

/* A bit field has no address; its word lies in an object that F has just reached. */
#define FBITS(p, field)                                                                                      \
	({                                                                                                   \
		typeof(p) tcl_p_ = (p);                                                                      \
		tcl_p_ ? (u64)tcl_p_->field : 0;                                                             \
	})

#define RD(type, addr)                                                                                       \
	({                                                                                                   \
		type tcl_v_;                                                                                 \
		tcl_kread(&tcl_v_, sizeof(tcl_v_), addr);                                                    \
		tcl_v_;                                                                                      \
	})

#define TCL_OFFSETOF(type, field) offsetof(type, field)
#define TCL_SIZEOF(type)	  sizeof(type)
#define TCL_ENUM(type, value)	  (value)

/* There is no verifier to convince; the bounds themselves stay. */
#define TCL_MASK(x, mask) ((x) &= (mask))
#define TCL_CLAMP(x, max)                                                                                    \
	do {                                                                                                 \
		if ((x) > (max))                                                                             \
			(x) = (max);                                                                         \
	} while (0)
#define TCL_FORGET(x)                                                                                        \
	do {                                                                                                 \
	} while (0)

#define TCL_STORE(type, addr, v) put_unaligned((type)(v), (type *)(addr))

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
			return -EFAULT; /* half a string is none, as in the eBPF drivers */
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

#include "kheaders.h"

#endif
