/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which call was made, by what kind of task, with which arguments. A driver
 * says before this what TCL_REG is, a register of the caller, and on x86 it
 * has the table tcl_nr_of_ia32.
 */
#ifndef TCL_CALLER_H
#define TCL_CALLER_H

#include "select.h"

/*
 * The registers from the first to the last that hold arguments; a driver for
 * which each read is dear copies them at once, into a room of its own.
 */
#ifndef TCL_ARG_REGS
#define TCL_ARG_ROOM
#define TCL_ARG_REGS(regs, first, last) (regs)
#define TCL_ARG_REG(regs, reg)		TCL_REG(regs, reg)
#endif

struct tcl_call {
	u64 nr; /* in: as in the registers; out: native 64-bit number */
	s64 ret;
	u32 compat;   /* a 32-bit call */
	u32 unpacked; /* args are in here, not in registers (socketcall) */
	u64 args[6];
};

#if defined(__TARGET_ARCH_x86)

#define TCL_TS_COMPAT	    0x2
#define TCL_X32_BIT	    0x40000000u
#define TCL_IA32_SOCKETCALL 102

TCL_INLINE u64 tcl_raw_nr(struct pt_regs *regs)
{
	return TCL_REG(regs, orig_ax);
}

/*
 * x32 calls carry a marker bit over the 64-bit numbers. Those that begin at
 * 512 are the same calls with other structures (arch/x86/entry/syscalls).
 */
TCL_INLINE u64 tcl_x32_nr(u64 nr)
{
	static const volatile u16 from_512[36] = {
	    13,	 15,  16,  19,	20,  45,  46,  47,  59,	 101, 127, 128, 129, 131, 222, 244, 246, 247,
	    273, 274, 278, 279, 295, 296, 297, 299, 307, 310, 311, 54,	55,  206, 209, 322, 327, 328,
	};

	if (nr >> 32 || !(nr & TCL_X32_BIT))
		return ~0ULL;
	nr &= ~(u64)TCL_X32_BIT;
	if (nr >= 512 && nr < 512 + 36)
		return from_512[nr - 512];
	return nr;
}

/* socketcall(2): call number to the native call. */
TCL_INLINE s32 tcl_socketcall_nr(u32 call)
{
	static const volatile s16 nr[21] = {
	    -1, 41, 49, 42, 50, 43, 51, 52, 53, 44, 45, 44, 45, 48, 54, 55, 46, 47, 288, 299, 307,
	};

	return call < 21 ? nr[call] : -1;
}

#define TCL_SYS_SEND 9
#define TCL_SYS_RECV 10

/* The arguments of a socketcall, from the block that the second one points to. */
TCL_INLINE bool tcl_unpack_socketcall(struct tcl_call *call, struct pt_regs *regs)
{
	u32 which = TCL_REG(regs, bx);
	u32 block[6] = {0, 0, 0, 0, 0, 0};
	s32 nr = tcl_socketcall_nr(which);
	u64 at = (u32)TCL_REG(regs, cx);

	if (nr < 0)
		return false;
	/* The block is as long as the call needs; longer reads may leave the page. */
	if (tcl_uread(block, 6 * sizeof(u32), at) && tcl_uread(block, 4 * sizeof(u32), at) &&
	    tcl_uread(block, 3 * sizeof(u32), at))
		tcl_uread(block, 2 * sizeof(u32), at);
	/* send and recv are sendto and recvfrom without an address. */
	if (which == TCL_SYS_SEND || which == TCL_SYS_RECV)
		block[4] = block[5] = 0;
	call->args[0] = block[0];
	call->args[1] = block[1];
	call->args[2] = block[2];
	call->args[3] = block[3];
	call->args[4] = block[4];
	call->args[5] = block[5];
	call->unpacked = 1;
	call->nr = nr;
	return true;
}

/*
 * Turns the number in the registers into the native one; false if this caller
 * did not make a selected call. A 32-bit number is never taken for a 64-bit
 * one or the other way round.
 */
TCL_INLINE bool tcl_resolve(struct tcl_call *call, struct task_struct *t, struct pt_regs *regs,
			    struct tcl_calls *want)
{
	u64 nr = call->nr & (TCL_NR_TABLE - 1);
	s64 mapped;

	call->unpacked = 0;
	if (!(F(t, thread_info.status) & TCL_TS_COMPAT))
		return want->native[nr / 64] >> (nr % 64) & 1;
	if (!(want->ia32[nr / 64] >> (nr % 64) & 1))
		return false;
	call->compat = 1;
	if (nr != TCL_IA32_SOCKETCALL) {
		mapped = tcl_nr_of_ia32[nr];
		if (mapped < 0)
			return false;
		call->nr = mapped;
	} else if (!tcl_unpack_socketcall(call, regs)) {
		return false;
	}
	nr = call->nr & (TCL_NR_TABLE - 1);
	return want->native[nr / 64] >> (nr % 64) & 1;
}

TCL_INLINE void tcl_load_args(struct tcl_ctx *c, struct tcl_call *call, struct pt_regs *regs)
{
	TCL_ARG_ROOM;

	if (!call->compat) {
		regs = TCL_ARG_REGS(regs, r10, di);
		c->args[0] = TCL_ARG_REG(regs, di);
		c->args[1] = TCL_ARG_REG(regs, si);
		c->args[2] = TCL_ARG_REG(regs, dx);
		c->args[3] = TCL_ARG_REG(regs, r10);
		c->args[4] = TCL_ARG_REG(regs, r8);
		c->args[5] = TCL_ARG_REG(regs, r9);
	} else if (call->unpacked) {
		c->args[0] = call->args[0];
		c->args[1] = call->args[1];
		c->args[2] = call->args[2];
		c->args[3] = call->args[3];
		c->args[4] = call->args[4];
		c->args[5] = call->args[5];
	} else {
		regs = TCL_ARG_REGS(regs, bp, di);
		c->args[0] = (u32)TCL_ARG_REG(regs, bx);
		c->args[1] = (u32)TCL_ARG_REG(regs, cx);
		c->args[2] = (u32)TCL_ARG_REG(regs, dx);
		c->args[3] = (u32)TCL_ARG_REG(regs, si);
		c->args[4] = (u32)TCL_ARG_REG(regs, di);
		c->args[5] = (u32)TCL_ARG_REG(regs, bp);
	}
}

#elif defined(__TARGET_ARCH_arm64)

#define TCL_TIF_32BIT 22

TCL_INLINE u64 tcl_raw_nr(struct pt_regs *regs)
{
	/* -1 (no call) becomes a number far beyond the table. */
	return (u32)TCL_REG(regs, syscallno);
}

TCL_INLINE u64 tcl_x32_nr(u64 nr)
{
	return nr;
}

/* Numbers of 32-bit ARM are other ones; without a table they are not reported. */
TCL_INLINE bool tcl_resolve(struct tcl_call *call, struct task_struct *t, struct pt_regs *regs,
			    struct tcl_calls *want)
{
	u64 nr = call->nr & (TCL_NR_TABLE - 1);

	call->unpacked = 0;
	if (F(t, thread_info.flags) >> TCL_TIF_32BIT & 1)
		return false;
	return want->native[nr / 64] >> (nr % 64) & 1;
}

TCL_INLINE void tcl_load_args(struct tcl_ctx *c, struct tcl_call *call, struct pt_regs *regs)
{
	TCL_ARG_ROOM;

	/* The result has overwritten the first register. */
	c->args[0] = TCL_REG(regs, orig_x0);
	regs = TCL_ARG_REGS(regs, regs[1], regs[5]);
	c->args[1] = TCL_ARG_REG(regs, regs[1]);
	c->args[2] = TCL_ARG_REG(regs, regs[2]);
	c->args[3] = TCL_ARG_REG(regs, regs[3]);
	c->args[4] = TCL_ARG_REG(regs, regs[4]);
	c->args[5] = TCL_ARG_REG(regs, regs[5]);
}

#endif

/* The number in our tables that a caller's number means; TCL_NR_TABLE or more when there is none. */
TCL_INLINE u64 tcl_table_nr(u64 nr)
{
	return nr < TCL_NR_TABLE ? nr : tcl_x32_nr(nr);
}

/* Is a call of this number wanted, be it a native one or a 32-bit one? */
TCL_INLINE bool tcl_is_wanted(const struct tcl_calls *want, u64 nr)
{
	return (want->native[nr / 64] | want->ia32[nr / 64]) >> (nr % 64) & 1;
}

/* What an event tells of its call beside the arguments. */
TCL_INLINE void tcl_set_call(struct tcl_ctx *c, const struct tcl_call *call, struct task_struct *t, u32 tid,
			     u64 now)
{
	c->ts = now;
	c->tid = tid;
	c->task = t;
	c->ret = call->ret;
	c->nr = call->nr & (TCL_NR_TABLE - 1);
	c->compat = call->compat;
}

#endif
