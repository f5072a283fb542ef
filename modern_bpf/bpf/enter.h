/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The entry of system calls. Attached only while somebody wants an enter
 * event, because every call of the host pays for it.
 */
#ifndef TCL_ENTER_H
#define TCL_ENTER_H

#include "caller.h"
#include "sampling.h"
#include "slot.h"

/* sys_enter(regs, number) */
TCL_HOOK("sys_enter")
int tcl_sys_enter(u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	struct tcl_calls *want = &tcl_plane()->enter;
	u64 nr = tcl_raw_nr(regs);
	struct task_struct *t;
	struct tcl_ctx *c;
	struct tcl_call call;
	u64 now;

	/* The verdict comes first, as at the exit. */
	if (nr >= TCL_NR_TABLE) {
		nr = tcl_x32_nr(nr);
		if (nr >= TCL_NR_TABLE)
			return 0;
	}
	nr &= TCL_NR_TABLE - 1;
	if (!((want->native[nr / 64] | want->ia32[nr / 64]) >> (nr % 64) & 1))
		return 0;

	now = tcl_now();
	t = tcl_self();
	call.nr = nr;
	call.ret = 0;
	call.compat = 0;
	if (!tcl_resolve(&call, t, regs, want))
		return 0;
	nr = call.nr & (TCL_NR_TABLE - 1);
	if (tcl_is_self())
		return 0;
	if (tcl_sampled_out(ctx, tcl_sc_of_nr[nr], now))
		return 0;

	c = tcl_claim(TCL_FROM_ENTER, tcl_sc_of_nr[nr]);
	if (!c)
		return 0;
	c->ts = now;
	c->tid = (u32)bpf_get_current_pid_tgid();
	c->task = t;
	c->ret = 0;
	c->nr = nr;
	c->compat = call.compat;
	tcl_load_args(c, &call, regs);
	bpf_tail_call(ctx, &tcl_tail_enter, tcl_event_of_nr[nr]);

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
