/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Output: parameters are appended in order. None of these can fail. What the
 * caller's memory does not hold becomes an empty parameter; an event that
 * outgrows the buffer is found out by tcl_finish.
 */
#ifndef TCL_PUT_H
#define TCL_PUT_H

#include "ctx.h"

/* The next free byte. The mask stands directly before the use (see ctx.h). */
TCL_INLINE u8 *tcl_here(struct tcl_ctx *c)
{
	u64 pos = c->pos;

	TCL_MASK(pos, TCL_POS_MASK);
	return c->buf + pos;
}

/* Ends a parameter of len bytes that were written at tcl_here. */
TCL_INLINE int tcl_push(struct tcl_ctx *c, u32 len)
{
	u64 i = c->np;

	TCL_MASK(i, TCL_MAX_PARAMS - 1);
	TCL_STORE(u16, c->buf + TCL_HDR_LEN + 2 * i, (u16)len);
	c->np++;
	c->pos += len;
	return 0;
}

#define TCL_DEFINE_PUT(name, type)                                                                           \
	TCL_INLINE int tcl_put_##name(struct tcl_ctx *c, u64 v)                                              \
	{                                                                                                    \
		TCL_STORE(type, tcl_here(c), (type)v);                                                       \
		return tcl_push(c, sizeof(type));                                                            \
	}                                                                                                    \
	TCL_INLINE void tcl_raw_##name(struct tcl_ctx *c, u64 v)                                             \
	{                                                                                                    \
		TCL_STORE(type, tcl_here(c), (type)v);                                                       \
		c->pos += sizeof(type);                                                                      \
	}

TCL_DEFINE_PUT(u8, u8)
TCL_DEFINE_PUT(u16, u16)
TCL_DEFINE_PUT(u32, u32)
TCL_DEFINE_PUT(u64, u64)
TCL_DEFINE_PUT(s8, s8)
TCL_DEFINE_PUT(s16, s16)
TCL_DEFINE_PUT(s32, s32)
TCL_DEFINE_PUT(s64, s64)

TCL_INLINE int tcl_put_empty(struct tcl_ctx *c)
{
	return tcl_push(c, 0);
}

/* A string of the caller, NUL counted; a bad or NULL pointer gives an empty parameter. */
TCL_INLINE int tcl_put_ustr(struct tcl_ctx *c, u64 addr)
{
	long n = tcl_ustr(tcl_here(c), TCL_MAX_PATH, addr);

	if (n > 0)
		return tcl_push(c, n);
	c->faults |= addr;
	return tcl_push(c, 0);
}

TCL_INLINE int tcl_put_kstr(struct tcl_ctx *c, u64 addr)
{
	long n = tcl_kstr(tcl_here(c), TCL_MAX_PATH, addr);

	return tcl_push(c, n > 0 ? (u32)n : 0);
}

/* Up to max (at most TCL_MAX_COPY, a constant) bytes of the caller's memory. */
#define tcl_put_umem(c, addr, size, max) tcl_push(c, tcl_copy_user(c, addr, size, max))

TCL_INLINE u32 tcl_copy_user(struct tcl_ctx *c, u64 addr, u64 size, const u32 max)
{
	u8 *to = tcl_here(c);

	TCL_FORGET(size);
	TCL_CLAMP(size, max);
	if (!tcl_uread(to, size, addr))
		return size;
	c->faults |= addr;
	return 0;
}

/* Composite parameters: tcl_raw_start, tcl_raw_..., tcl_raw_end. */
TCL_INLINE void tcl_raw_start(struct tcl_ctx *c)
{
	c->mark = c->pos;
}

TCL_INLINE int tcl_raw_end(struct tcl_ctx *c)
{
	u32 len = c->pos - c->mark;

	c->pos = c->mark;
	return tcl_push(c, len);
}

/* A string without a limit of its own in kernel memory; NUL counted and written. */
TCL_INLINE void tcl_raw_kstr(struct tcl_ctx *c, const void *addr, const u32 max)
{
	long n = tcl_kstr(tcl_here(c), max, addr);

	if (n > 0) {
		c->pos += n;
		return;
	}
	tcl_raw_u8(c, 0);
}

TCL_INLINE void tcl_raw_kmem(struct tcl_ctx *c, const void *addr, const u32 len)
{
	tcl_kread(tcl_here(c), len, addr);
	c->pos += len;
}

#endif
