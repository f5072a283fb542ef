// go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The CO-RE probe. One program on the exit of every system call decides
 * whether it is wanted, claims scratch memory and hands over to the event's
 * own program; three more sit on scheduler tracepoints.
 */
#include "backend.h"
#include "probe.h"
#include "maps.h"
#include "slot.h"
#include "dispatch.h"
#include "mmsg.h"
#include "sampling.h"
#include "snaplen.h"

char tcl_license[] SEC("license") = "Dual MIT/GPL";

/* Loaded once by the loader and run in its own context: who are we in the
 * initial pid namespace? */
SEC("raw_tp")
int tcl_whoami(void *ctx)
{
	tcl_control.self = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

TCL_HOOK("sys_exit")
int tcl_sys_exit(u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	struct tcl_hit hit;
	struct tcl_ctx *c;
	u32 type;

	if (!tcl_verdict(&hit, tcl_raw_nr(regs), ctx[1], regs, &tcl_plane()->exit))
		return 0;
	if (tcl_drop_failed && hit.call.ret < 0)
		return 0;
	type = tcl_event_of_nr[hit.call.nr & (TCL_NR_TABLE - 1)];
	/* Successful executions come from sched_process_exec. */
	if ((type == PPME_SYSCALL_EXECVE_19_X || type == PPME_SYSCALL_EXECVEAT_X) && hit.call.ret == 0)
		return 0;
	c = tcl_claim_call(ctx, &hit, TCL_FROM_SYSCALL);
	if (!c)
		return 0;
	if (type != PPME_GENERIC_X) {
		tcl_load_args(c, &hit.call, regs);
		c->truth = 0;
		c->suspect = TCL_AGREES;
		if (tcl_dynamic && tcl_io(type) != TCL_IO_NONE) {
			c->type = type;
			bpf_tail_call(ctx, &tcl_tail_exit, TCL_TAIL_SNAPLEN);
		}
		bpf_tail_call(ctx, &tcl_tail_exit, type);
	}

	/* No program of its own, or the kernel refused it: the generic event, which has no arguments. */
	tcl_begin(c, PPME_GENERIC_X, TCL_NPARAMS_GENERIC_X);
	return tcl_end(ctx, c, tcl_fill_generic_x(c));
}

#include "enter.h"

/* One program per event, or per part of a long one. */
#define TCL_PROGRAM_1(name, code, n)                                                                         \
	TCL_HOOK("sys_exit")                                                                                 \
	int x_##code(u64 *ctx)                                                                               \
	{                                                                                                    \
		struct tcl_ctx *c = tcl_mine(TCL_FROM_SYSCALL);                                              \
		if (!c)                                                                                      \
			return 0;                                                                            \
		if (TCL_IS_MMSG(code)) {                                                                     \
			tcl_begin_message(c);                                                                \
			tcl_begin(c, code, n);                                                               \
			if (!tcl_next_message(ctx, c, tcl_fill_##name(c)))                                   \
				return 0;                                                                    \
			bpf_tail_call(ctx, &tcl_tail_exit, code);                                            \
			tcl_release(c);                                                                      \
			return 0;                                                                            \
		}                                                                                            \
		tcl_begin(c, code, n);                                                                       \
		if (TCL_NAMES_OBJECT(code)) {                                                                \
			c->all_names = *(volatile u32 *)&tcl_control.all_names;                              \
			tcl_deliver(ctx, c, tcl_fill_##name(c));                                             \
			if (c->suspect && !c->truth)                                                         \
				bpf_tail_call(ctx, &tcl_tail_exit, TCL_TAIL_TRUTH);                          \
			tcl_release(c);                                                                      \
			return 0;                                                                            \
		}                                                                                            \
		return tcl_end_call(ctx, c, tcl_fill_##name(c));                                             \
	}

/*
 * An event in parts has a first one of its own; what follows is shared by its
 * family. The event is dropped if the next part is missing.
 */
#define TCL_PROGRAM_LONG(name, code, n, next)                                                                \
	TCL_HOOK("sys_exit")                                                                                 \
	int x_##code(u64 *ctx)                                                                               \
	{                                                                                                    \
		struct tcl_ctx *c = tcl_mine(TCL_FROM_SYSCALL);                                              \
		if (!c)                                                                                      \
			return 0;                                                                            \
		tcl_begin(c, code, n);                                                                       \
		tcl_fill_##name##_1(c);                                                                      \
		bpf_tail_call(ctx, &tcl_tail_exit, next);                                                    \
		return tcl_end(ctx, c, TCL_DROP_SCRATCH);                                                    \
	}

#define TCL_PROGRAM_2(name, code, n)	  TCL_PROGRAM_LONG(name, code, n, TCL_TAIL_CLONE_2)
#define TCL_PROGRAM_3(name, code, n)	  TCL_PROGRAM_LONG(name, code, n, TCL_TAIL_EXEC_2)
#define TCL_PROGRAM(name, code, n, parts) TCL_PROGRAM_##parts(name, code, n)

TCL_EVENTS(TCL_PROGRAM)

TCL_HOOK("sys_exit")
int tcl_exit_exec_2(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_SYSCALL);

	if (!c)
		return 0;
	tcl_exec_2(c);
	bpf_tail_call(ctx, &tcl_tail_exit, TCL_TAIL_EXEC_3);
	return tcl_end(ctx, c, TCL_DROP_SCRATCH);
}

TCL_HOOK("sys_exit")
int tcl_exit_exec_3(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_SYSCALL);

	if (!c)
		return 0;
	return tcl_end_call(ctx, c, tcl_exec_3(c));
}

TCL_HOOK("sys_exit")
int tcl_exit_clone_2(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_SYSCALL);

	if (!c)
		return 0;
	return tcl_end_call(ctx, c, tcl_clone_2(c));
}

/* After an event whose name and object may disagree: the object's side, if they do. */
TCL_HOOK("sys_exit")
int tcl_exit_truth(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_SYSCALL);
	struct tcl_counters *n;
	u32 key;

	if (!c)
		return 0;
	if (!tcl_is_other_object(c)) {
		tcl_release(c);
		return 0;
	}
	key = c->slot;
	n = bpf_map_lookup_elem(&tcl_counts, &key);
	if (n)
		n->seen++;
	c->truth = 1;
	bpf_tail_call(ctx, &tcl_tail_exit, c->type);
	return tcl_end(ctx, c, TCL_DROP_SCRATCH);
}

/* Between the hook and the program of an event with data: how much of it is wanted. */
TCL_HOOK("sys_exit")
int tcl_exit_snaplen(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_SYSCALL);
	u32 snap;

	if (!c)
		return 0;
	snap = tcl_dynamic_snaplen(c, tcl_io(c->type),
				   (struct tcl_snap_ports){tcl_full_first, tcl_full_last, tcl_statsd_port});
	if (snap > c->snap)
		c->snap = snap;
	bpf_tail_call(ctx, &tcl_tail_exit, c->type);
	tcl_begin(c, PPME_GENERIC_X, TCL_NPARAMS_GENERIC_X);
	return tcl_end(ctx, c, tcl_fill_generic_x(c));
}

/*
 * The verifier knows what the arguments of a tracepoint point to and then
 * forbids arithmetic with them; read back from the slot they are numbers. This
 * keeps the compiler from remembering what it has stored there.
 */
#define TCL_READ_BACK() asm volatile("" ::: "memory")

/* Claims a slot for an event that has no system call. */
TCL_INLINE struct tcl_ctx *tcl_claim_task(const u32 origin, const u32 sc, u64 tp, struct task_struct *t)
{
	struct tcl_ctx *c;

	if (!(tcl_plane()->tp & tp) || F(t, flags) & TCL_PF_KTHREAD)
		return NULL;
	if (tcl_control.self && tcl_control.self == (u32)F(t, tgid))
		return NULL;
	c = tcl_claim(origin, sc, bpf_get_current_pid_tgid());
	if (!c)
		return NULL;
	c->ts = tcl_now();
	c->tid = F(t, pid);
	c->task = t;
	c->ret = 0;
	c->compat = 0;
	return c;
}

/* sched_process_exit(task) */
TCL_HOOK("sched_process_exit")
int tcl_proc_exit(u64 *ctx)
{
	struct tcl_ctx *c = tcl_claim_task(TCL_FROM_EXIT, PPM_SC_SCHED_PROCESS_EXIT, TCL_TP_EXIT,
					   (struct task_struct *)ctx[0]);

	if (!c)
		return 0;
	TCL_READ_BACK();
	tcl_begin(c, PPME_PROCEXIT_1_E, TCL_NPARAMS_PROCEXIT_1_E);
	return tcl_end_call(ctx, c, tcl_fill_procexit_1_e(c));
}

/* sched_process_exec(task, old pid, binprm) */
TCL_HOOK("sched_process_exec")
int tcl_proc_exec(u64 *ctx)
{
	struct tcl_ctx *c =
	    tcl_claim_task(TCL_FROM_EXEC, PPM_SC_EXECVE, TCL_TP_EXEC, (struct task_struct *)ctx[0]);

	if (!c)
		return 0;
	c->args[0] = (u64)F((struct linux_binprm *)ctx[2], filename);
	TCL_READ_BACK();
	tcl_begin(c, PPME_SYSCALL_EXECVE_19_X, TCL_NPARAMS_SYSCALL_EXECVE_19_X);
	tcl_fill_syscall_execve_19_x_1(c);
	bpf_tail_call(ctx, &tcl_tail_exec, 0);
	return tcl_end(ctx, c, TCL_DROP_SCRATCH);
}

TCL_HOOK("sched_process_exec")
int tcl_proc_exec_2(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_EXEC);

	if (!c)
		return 0;
	tcl_fill_syscall_execve_19_x_2(c);
	bpf_tail_call(ctx, &tcl_tail_exec, 1);
	return tcl_end(ctx, c, TCL_DROP_SCRATCH);
}

TCL_HOOK("sched_process_exec")
int tcl_proc_exec_3(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_EXEC);

	if (!c)
		return 0;
	return tcl_end_call(ctx, c, tcl_fill_syscall_execve_19_x_3(c));
}

/*
 * sched_process_fork(parent, child): the child's side of a clone where the
 * exit of the call is not traced in the child (all but x86).
 */
TCL_HOOK("sched_process_fork")
int tcl_proc_fork(u64 *ctx)
{
	struct tcl_ctx *c =
	    tcl_claim_task(TCL_FROM_FORK, PPM_SC_CLONE, TCL_TP_FORK, (struct task_struct *)ctx[1]);

	if (!c)
		return 0;
	c->args[0] = ctx[0];
	TCL_READ_BACK();
	tcl_begin(c, PPME_SYSCALL_CLONE_20_X, TCL_NPARAMS_SYSCALL_CLONE_20_X);
	tcl_fill_syscall_clone_20_x_1(c);
	bpf_tail_call(ctx, &tcl_tail_fork, 0);
	return tcl_end(ctx, c, TCL_DROP_SCRATCH);
}

TCL_HOOK("sched_process_fork")
int tcl_proc_fork_2(u64 *ctx)
{
	struct tcl_ctx *c = tcl_mine(TCL_FROM_FORK);

	if (!c)
		return 0;
	return tcl_end_call(ctx, c, tcl_fill_syscall_clone_20_x_2(c));
}

#include "tracepoints.h"
