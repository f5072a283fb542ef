/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the programs on the entry and on the exit of calls have in common: the
 * way from the verdict to a claimed slot.
 */
#ifndef TCL_DISPATCH_H
#define TCL_DISPATCH_H

#include "caller.h"
#include "sampling.h"
#include "slot.h"

TCL_INLINE bool tcl_is_self(u64 me)
{
	return tcl_control.self && tcl_control.self == me >> 32;
}

TCL_INLINE struct tcl_plane *tcl_plane(void)
{
	return &tcl_control.plane[*(volatile u32 *)&tcl_control.active & 1];
}

TCL_INLINE u64 tcl_now(void)
{
	return bpf_ktime_get_boot_ns() + tcl_control.boot_offset;
}

/* A call that somebody wants. */
struct tcl_hit {
	struct tcl_call call;
	struct task_struct *task;
	u64 now;
};

TCL_INLINE bool tcl_verdict(struct tcl_hit *h, u64 nr, s64 ret, struct pt_regs *regs, struct tcl_calls *want)
{
	/* Two bits of our own memory, before anything else is touched. */
	nr = tcl_table_nr(nr);
	if (nr >= TCL_NR_TABLE)
		return false;
	nr &= TCL_NR_TABLE - 1;
	if (!tcl_is_wanted(want, nr))
		return false;

	/* Which of the two it was, and what a 32-bit number means. */
	h->now = tcl_now();
	h->task = tcl_self();
	h->call.nr = nr;
	h->call.ret = ret;
	h->call.compat = 0;
	return tcl_resolve(&h->call, h->task, regs, want);
}

/* A slot with all that is known of the call but its arguments; NULL if it is not to be told. */
TCL_INLINE struct tcl_ctx *tcl_claim_call(void *ctx, struct tcl_hit *h, const u32 origin)
{
	u64 nr = h->call.nr & (TCL_NR_TABLE - 1);
	u64 me = bpf_get_current_pid_tgid();
	struct tcl_ctx *c;

	if (tcl_is_self(me) || tcl_sampled_out(ctx, tcl_sc_of_nr[nr], h->now))
		return NULL;
	c = tcl_claim(origin, tcl_sc_of_nr[nr], me);
	if (!c)
		return NULL;
	tcl_set_call(c, &h->call, h->task, (u32)me, h->now);
	return c;
}

#endif
