/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The entry of system calls. Attached only while somebody wants an enter
 * event, because every call of the host pays for it.
 */
#ifndef TCL_ENTER_H
#define TCL_ENTER_H

#include "dispatch.h"

/* sys_enter(regs, number) */
TCL_HOOK("sys_enter")
int tcl_sys_enter(u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	struct tcl_hit hit;
	struct tcl_ctx *c;
	u32 type;

	if (!tcl_verdict(&hit, ctx[1], 0, regs, &tcl_plane()->enter))
		return 0;
	type = tcl_event_of_nr[hit.call.nr & (TCL_NR_TABLE - 1)];
	c = tcl_claim_call(ctx, &hit, TCL_FROM_ENTER);
	if (!c)
		return 0;
	if (type != PPME_GENERIC_X) {
		tcl_load_args(c, &hit.call, regs);
		bpf_tail_call(ctx, &tcl_tail_enter, type);
	}

	/* No program of its own, or the kernel refused it: the generic event. */
	tcl_begin(c, PPME_GENERIC_E, TCL_NPARAMS_GENERIC_X);
	return tcl_end(ctx, c, tcl_fill_generic_x(c));
}

#define TCL_ENTER_PROGRAM(name, code, n)                                                                     \
	TCL_HOOK("sys_enter")                                                                                \
	int e_##code(u64 *ctx)                                                                               \
	{                                                                                                    \
		struct tcl_ctx *c = tcl_mine(TCL_FROM_ENTER);                                                \
		if (!c)                                                                                      \
			return 0;                                                                            \
		tcl_begin(c, code, n);                                                                       \
		return tcl_end_call(ctx, c, tcl_fill_##name(c));                                             \
	}

TCL_ENTER_EVENTS(TCL_ENTER_PROGRAM)

#endif
