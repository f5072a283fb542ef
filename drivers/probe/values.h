/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What generated fillers say with `put`: values behind the caller's pointers.
 * Each tcl_p_ function appends exactly one parameter.
 *
 * These are read at the exit of the call. Memory that is not there gives an
 * empty parameter where the type allows it, and else the value for "none".
 */
#ifndef TCL_VALUES_H
#define TCL_VALUES_H

#include "convert.h"
#include "sock.h"
#include "gen/conv.h"

/* linux/fs.h: the magic number that mount(2) callers of old put in front. */
#define TCL_MS_MAGIC	  0xc0ed0000u
#define TCL_MS_MAGIC_MASK 0xffff0000u

/* The other bits are the same on the wire. */
TCL_INLINE u32 tcl_conv_mount_flags(u64 v)
{
	u32 f = v;

	return (f & TCL_MS_MAGIC_MASK) == TCL_MS_MAGIC ? f & ~TCL_MS_MAGIC_MASK : f;
}

/* Numbers at a pointer: index k counts numbers of that size. */

TCL_INLINE int tcl_p_user_u16(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	u16 v = 0;

	if (tcl_uread(&v, sizeof(v), ptr + k * sizeof(v)))
		v = 0;
	return tcl_put_u16(c, v);
}

TCL_INLINE int tcl_p_user_u32(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	u32 v = 0;

	if (tcl_uread(&v, sizeof(v), ptr + k * sizeof(v)))
		v = 0;
	return tcl_put_u32(c, v);
}

TCL_INLINE int tcl_p_user_u64(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	u64 v = 0;

	if (tcl_uread(&v, sizeof(v), ptr + k * sizeof(v)))
		v = 0;
	return tcl_put_u64(c, v);
}

/* A user or group id that the call returns; none when it failed. */
TCL_INLINE int tcl_p_user_id(struct tcl_ctx *c, u64 ptr)
{
	u32 v = ~0u;

	if (TCL_RET(c) < 0 || tcl_uread(&v, sizeof(v), ptr))
		v = ~0u;
	return tcl_put_u32(c, v);
}

/* A string that the call returns. */
TCL_INLINE int tcl_p_result_str(struct tcl_ctx *c, u64 ptr)
{
	if (TCL_RET(c) < 0)
		return tcl_put_empty(c);
	return tcl_put_ustr(c, ptr);
}

/* The caller's struct timespec in nanoseconds; none for NULL. */
TCL_INLINE int tcl_p_timespec(struct tcl_ctx *c, u64 ptr)
{
	s64 t[2] = {0, 0};
	s32 t32[2] = {0, 0};

	if (c->compat) {
		if (tcl_uread(t32, sizeof(t32), ptr))
			return tcl_put_u64(c, ~0ULL);
		t[0] = t32[0];
		t[1] = t32[1];
	} else if (tcl_uread(t, sizeof(t), ptr)) {
		return tcl_put_u64(c, ~0ULL);
	}
	return tcl_put_u64(c, (u64)t[0] * 1000000000ULL + (u64)t[1]);
}

/* The signals 1 to 32 of a set. */
TCL_INLINE int tcl_p_sigset(struct tcl_ctx *c, u64 ptr)
{
	return tcl_p_user_u32(c, ptr, 0);
}

/* struct rlimit64: limit k (0 soft, 1 hard); -1 is none and no limit. */
TCL_INLINE int tcl_p_rlimit64(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	s64 v = -1;

	if (tcl_uread(&v, sizeof(v), ptr + k * sizeof(v)))
		v = -1;
	return tcl_put_s64(c, v);
}

TCL_INLINE int tcl_p_rlimit64_result(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	return tcl_p_rlimit64(c, TCL_RET(c) < 0 ? 0 : ptr, k);
}

/* struct rlimit, which is shorter for 32-bit callers. */
TCL_INLINE int tcl_p_rlimit(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	u32 v = ~0u;

	if (!c->compat)
		return tcl_p_rlimit64(c, ptr, k);
	if (tcl_uread(&v, sizeof(v), ptr + k * sizeof(v)))
		v = ~0u;
	return tcl_put_s64(c, v == ~0u ? -1 : (s64)v);
}

TCL_INLINE int tcl_p_rlimit_result(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	return tcl_p_rlimit(c, TCL_RET(c) < 0 ? 0 : ptr, k);
}

TCL_INLINE int tcl_p_sem_flags(struct tcl_ctx *c, u64 ptr, const u32 k)
{
	u16 v = 0;

	if (tcl_uread(&v, sizeof(v), ptr + k * sizeof(v)))
		v = 0;
	return tcl_put_u16(c, tcl_conv_sem_flags(v));
}

#define TCL_SEMCTL_IPC_64 0x100
#define TCL_SEMCTL_SETVAL 16

/* The value of semctl(2) with SETVAL, 0 with other commands. */
TCL_INLINE int tcl_p_semctl_val(struct tcl_ctx *c, u64 cmd, u64 arg)
{
	return tcl_put_s32(c, ((u32)cmd & ~TCL_SEMCTL_IPC_64) == TCL_SEMCTL_SETVAL ? arg : 0);
}

/* struct io_uring_params: sq_entries, cq_entries, flags, ... */
TCL_INLINE int tcl_p_uring_setup_flags(struct tcl_ctx *c, u64 params)
{
	u32 v = 0;

	if (tcl_uread(&v, sizeof(v), params + 8))
		v = 0;
	return tcl_put_u32(c, tcl_conv_uring_setup_flags(v));
}

/* Of the task that made the call, after the call. */

TCL_INLINE int tcl_p_cap_inheritable(struct tcl_ctx *c)
{
	return tcl_put_u64(c, tcl_caps(F(c->task, cred), cap_inheritable));
}

TCL_INLINE int tcl_p_cap_permitted(struct tcl_ctx *c)
{
	return tcl_put_u64(c, tcl_caps(F(c->task, cred), cap_permitted));
}

TCL_INLINE int tcl_p_cap_effective(struct tcl_ctx *c)
{
	return tcl_put_u64(c, tcl_caps(F(c->task, cred), cap_effective));
}

TCL_INLINE int tcl_p_vm_size(struct tcl_ctx *c)
{
	return tcl_put_u32(c, tcl_vm_size(c->task));
}

TCL_INLINE int tcl_p_vm_rss(struct tcl_ctx *c)
{
	return tcl_put_u32(c, tcl_vm_rss(c->task));
}

TCL_INLINE int tcl_p_vm_swap(struct tcl_ctx *c)
{
	return tcl_put_u32(c, tcl_vm_swap(c->task));
}

/* linux/prctl.h */
#define TCL_PR_SET_NAME		   15
#define TCL_PR_GET_NAME		   16
#define TCL_PR_GET_CHILD_SUBREAPER 37

/* The thread name of prctl(2), empty with other options. */
TCL_INLINE int tcl_p_prctl_str(struct tcl_ctx *c, u64 option, u64 arg2)
{
	u32 op = option;

	if (op != TCL_PR_SET_NAME && op != TCL_PR_GET_NAME)
		return tcl_put_empty(c);
	return tcl_put_ustr(c, arg2);
}

/* The second argument of prctl(2) as a number, or the number that it points to. */
TCL_INLINE int tcl_p_prctl_int(struct tcl_ctx *c, u64 option, u64 arg2)
{
	u32 op = option;
	s32 v = 0;

	if (op == TCL_PR_SET_NAME || op == TCL_PR_GET_NAME)
		return tcl_put_s64(c, 0);
	if (op != TCL_PR_GET_CHILD_SUBREAPER)
		return tcl_put_s64(c, arg2);
	if (tcl_uread(&v, sizeof(v), arg2))
		v = 0;
	return tcl_put_s64(c, v);
}

/* linux/keyctl.h: the operations that take strings, and where. */
#define TCL_KEYCTL_JOIN_SESSION	    1
#define TCL_KEYCTL_SEARCH	    10
#define TCL_KEYCTL_RESTRICT_KEYRING 29

/* Argument n (2 to 5) of keyctl(2): a string where the operation has one there. */
TCL_INLINE int tcl_p_keyctl_arg(struct tcl_ctx *c, u64 operation, u64 value, const u32 n)
{
	u32 op = operation;
	bool str = (op == TCL_KEYCTL_JOIN_SESSION && n == 2) ||
		   ((op == TCL_KEYCTL_SEARCH || op == TCL_KEYCTL_RESTRICT_KEYRING) && (n == 3 || n == 4));
	long len;

	tcl_raw_start(c);
	if (str && value) {
		tcl_raw_u8(c, TCL_KEYCTL_DYNAMIC_PARAM_CHARBUF);
		len = tcl_ustr(tcl_here(c), TCL_MAX_PATH, value);
		c->pos += len > 0 ? (u32)len : 0;
	} else {
		tcl_raw_u8(c, TCL_KEYCTL_DYNAMIC_PARAM_INT64);
		tcl_raw_s64(c, value);
	}
	return tcl_raw_end(c);
}

#endif
