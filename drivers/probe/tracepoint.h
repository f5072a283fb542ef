/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the events of kernel tracepoints tell. Arguments are those of the
 * tracepoint; pointers among them are the kernel's.
 */
#ifndef TCL_TRACEPOINT_H
#define TCL_TRACEPOINT_H

#include "sock.h"

/* asm-generic/siginfo.h; the layout is the same in the kernel (kernel/signal.c checks it). */
#define TCL_SIGCHLD	  17
#define TCL_SI_KERNEL	  0x80
#define TCL_SI_TIMER	  -2
#define TCL_SI_SIGIO	  -5
#define TCL_OFF_SI_CODE	  8
#define TCL_OFF_SI_PID	  16
#define TCL_CLD_CODE_LAST 6

/*
 * The process that sent a signal, numbered as the receiver sees it. 0 where
 * there is none: the kernel itself, a fault, a timer, a descriptor.
 */
TCL_INLINE int tcl_p_siginfo_pid(struct tcl_ctx *c, u64 sig, u64 info)
{
	s32 code = RD(s32, info + TCL_OFF_SI_CODE);
	s32 pid = RD(s32, info + TCL_OFF_SI_PID);
	bool child = (u32)sig == TCL_SIGCHLD && code > 0 && code <= TCL_CLD_CODE_LAST;

	if (!child && (code > 0 || code == TCL_SI_TIMER || code == TCL_SI_SIGIO))
		pid = 0;
	return tcl_put_s64(c, pid);
}

TCL_INLINE int tcl_p_current_tid(struct tcl_ctx *c)
{
	return tcl_put_s64(c, (u32)c->tid);
}

TCL_INLINE int tcl_p_regs_ip(struct tcl_ctx *c, u64 regs)
{
	return tcl_put_u64(c, tcl_regs_ip((struct pt_regs *)(unsigned long)regs));
}

/* The error code of a page fault on x86 (asm/trap_pf.h). */
TCL_INLINE u32 tcl_conv_pf_flags(u64 v)
{
	u32 f = 0;

	f |= v & 1 ? TCL_PF_FLAGS_PROTECTION_VIOLATION : TCL_PF_FLAGS_PAGE_NOT_PRESENT;
	f |= v & 2 ? TCL_PF_FLAGS_WRITE_ACCESS : TCL_PF_FLAGS_READ_ACCESS;
	f |= v & 4 ? TCL_PF_FLAGS_USER_FAULT : TCL_PF_FLAGS_SUPERVISOR_FAULT;
	f |= v & 8 ? TCL_PF_FLAGS_RESERVED_PAGE : 0;
	f |= v & 16 ? TCL_PF_FLAGS_INSTRUCTION_FETCH : 0;
	return f;
}

#define TCL_TASK(addr) ((struct task_struct *)(unsigned long)(addr))

TCL_INLINE int tcl_p_task_tid(struct tcl_ctx *c, u64 task)
{
	return tcl_put_s64(c, F(TCL_TASK(task), pid));
}

TCL_INLINE int tcl_p_task_maj_flt(struct tcl_ctx *c, u64 task)
{
	return tcl_put_u64(c, F(TCL_TASK(task), maj_flt));
}

TCL_INLINE int tcl_p_task_min_flt(struct tcl_ctx *c, u64 task)
{
	return tcl_put_u64(c, F(TCL_TASK(task), min_flt));
}

TCL_INLINE int tcl_p_task_vm_size(struct tcl_ctx *c, u64 task)
{
	return tcl_put_u32(c, tcl_vm_size(TCL_TASK(task)));
}

TCL_INLINE int tcl_p_task_vm_rss(struct tcl_ctx *c, u64 task)
{
	return tcl_put_u32(c, tcl_vm_rss(TCL_TASK(task)));
}

TCL_INLINE int tcl_p_task_vm_swap(struct tcl_ctx *c, u64 task)
{
	return tcl_put_u32(c, tcl_vm_swap(TCL_TASK(task)));
}

#endif
