/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Programs on tracepoints that have an event of their own and are attached
 * only when it is selected.
 */
#ifndef TCL_TRACEPOINTS_H
#define TCL_TRACEPOINTS_H

#include "sampling.h"

/* The same as tcl_sampled_out, one copy in the object; see tcl_end_call. */
static __attribute__((__noinline__)) int tcl_sampled_out_call(void *ctx, u32 sc, u64 now)
{
	return tcl_sampled_out(ctx, sc, now);
}

/*
 * Claims a slot for an event of the current task; its arguments are those of
 * the tracepoint.
 */
TCL_INLINE struct tcl_ctx *tcl_claim_current(const u32 origin, const u32 sc, u64 tp, u64 *ctx)
{
	struct task_struct *t = tcl_self();
	u64 me = bpf_get_current_pid_tgid();
	struct tcl_ctx *c;
	u64 now;

	if (!(tcl_plane()->tp & tp) || F(t, flags) & TCL_PF_KTHREAD || tcl_is_self(me))
		return NULL;
	now = tcl_now();
	if (tcl_sampled_out_call(ctx, sc, now))
		return NULL;
	c = tcl_claim(origin, sc, me);
	if (!c)
		return NULL;
	c->ts = now;
	c->tid = (u32)me;
	c->task = t;
	c->ret = 0;
	c->compat = 0;
	c->args[0] = ctx[0];
	c->args[1] = ctx[1];
	c->args[2] = ctx[2];
	TCL_READ_BACK();
	return c;
}

#define TCL_TRACEPOINT(program, tracepoint, name, code, origin, sc, tp)                                      \
	TCL_HOOK(tracepoint)                                                                                 \
	int program(u64 *ctx)                                                                                \
	{                                                                                                    \
		struct tcl_ctx *c = tcl_claim_current(origin, sc, tp, ctx);                                  \
		if (!c)                                                                                      \
			return 0;                                                                            \
		tcl_begin(c, PPME_##code, TCL_NPARAMS_##code);                                               \
		return tcl_end_call(ctx, c, tcl_fill_##name(c));                                             \
	}

/* signal_deliver(signal, siginfo, action) */
TCL_TRACEPOINT(tcl_signal, "signal_deliver", signaldeliver_e, SIGNALDELIVER_E, TCL_FROM_SIGNAL,
	       PPM_SC_SIGNAL_DELIVER, TCL_TP_SIGNAL)

/* sched_switch(preempt, previous task, next task) */
TCL_TRACEPOINT(tcl_switch, "sched_switch", schedswitch_6_e, SCHEDSWITCH_6_E, TCL_FROM_SWITCH,
	       PPM_SC_SCHED_SWITCH, TCL_TP_SWITCH)

/* page_fault_user(address, registers, error code) */
TCL_TRACEPOINT(tcl_fault_user, "page_fault_user", page_fault_e, PAGE_FAULT_E, TCL_FROM_FAULT,
	       PPM_SC_PAGE_FAULT_USER, TCL_TP_FAULT_USER)

/* page_fault_kernel(address, registers, error code) */
TCL_TRACEPOINT(tcl_fault_kernel, "page_fault_kernel", page_fault_e, PAGE_FAULT_E, TCL_FROM_FAULT,
	       PPM_SC_PAGE_FAULT_KERNEL, TCL_TP_FAULT_KERNEL)

#endif
