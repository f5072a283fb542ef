/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * New programs and new tasks: execve, execveat, clone, clone3, fork, vfork.
 *
 * An execution that succeeded is told by sched_process_exec, always as the
 * execve event; the exit of the call tells of failures only. These events are
 * built in parts, each small enough for the verifier of a 5.10 kernel.
 */
#ifndef TCL_FILL_EXEC_H
#define TCL_FILL_EXEC_H

#include "args.h"
#include "cgroup.h"
#include "convert.h"
#include "path.h"

/* tid to comm: what all of these events have in the same places (3 to 13). */
TCL_INLINE void tcl_put_process(struct tcl_ctx *c)
{
	struct task_struct *t = c->task;

	tcl_put_s64(c, F(t, pid));
	tcl_put_s64(c, F(t, tgid));
	tcl_put_s64(c, F(F(t, real_parent), pid));
	tcl_put_empty(c); /* cwd: kept for the layout, never filled */
	tcl_put_u64(c, F(F(t, signal), rlim[TCL_RLIMIT_NOFILE].rlim_cur));
	tcl_put_u64(c, F(t, maj_flt));
	tcl_put_u64(c, F(t, min_flt));
	tcl_put_u32(c, tcl_vm_size(t));
	tcl_put_u32(c, tcl_vm_rss(t));
	tcl_put_u32(c, tcl_vm_swap(t));
	tcl_put_kstr(c, (u64)(unsigned long)AT(t, comm[0]));
}

/* Part 1: res, exe, args, ids, memory, comm. */
TCL_INLINE int tcl_exec_1(struct tcl_ctx *c, u64 argv)
{
	tcl_put_s64(c, TCL_RET(c));
	if (c->origin == TCL_FROM_EXEC) {
		tcl_put_exe_args(c, F(c->task, mm));
	} else {
		tcl_put_ustr(c, tcl_list_entry(c, argv, 0));
		tcl_put_list(c, argv, 1);
	}
	tcl_put_process(c);
	return 0;
}

/* Part 2: cgroups, environment, terminal, ids, capabilities. */
TCL_INLINE int tcl_exec_2(struct tcl_ctx *c, u64 envp)
{
	struct task_struct *t = c->task;
	struct mm_struct *mm;
	struct cred *cr;

	tcl_put_cgroups(c, t);
	if (c->origin == TCL_FROM_EXEC) {
		mm = F(t, mm);
		tcl_put_strings(c, F(mm, env_start), F(mm, env_end));
	} else {
		tcl_put_list(c, envp, 0);
	}
	tcl_put_u32(c, tcl_task_tty(t));
	tcl_put_s64(c, tcl_pid_own(tcl_task_pid(t, PIDTYPE_PGID)));
	tcl_put_u32(c, tcl_loginuid(t));
	tcl_put_u32(c, tcl_exe_flags(t, F(F(t, mm), exe_file)));
	cr = (struct cred *)F(t, cred);
	tcl_put_u64(c, tcl_caps(cr, cap_inheritable));
	tcl_put_u64(c, tcl_caps(cr, cap_permitted));
	tcl_put_u64(c, tcl_caps(cr, cap_effective));
	return 0;
}

/* Part 3: the executed file, user, group. */
TCL_INLINE int tcl_exec_3(struct tcl_ctx *c)
{
	struct task_struct *t = c->task;
	struct file *exe = F(F(t, mm), exe_file);
	struct inode *in = F(exe, f_inode);
	struct cred *cr = (struct cred *)F(t, cred);

	tcl_put_u64(c, F(in, i_ino));
	tcl_put_u64(c, exe ? tcl_ctime(in) : 0);
	tcl_put_u64(c, exe ? tcl_mtime(in) : 0);
	tcl_put_u32(c, F(cr, euid.val));
	tcl_put_path(c, exe);
	tcl_put_s64(c, tcl_pid_global(tcl_task_pid(t, PIDTYPE_PGID)));
	tcl_put_u32(c, F(cr, egid.val));
	return 0;
}

TCL_INLINE int tcl_fill_syscall_execve_19_x_1(struct tcl_ctx *c)
{
	return tcl_exec_1(c, TCL_ARG(c, 1));
}

TCL_INLINE int tcl_fill_syscall_execve_19_x_2(struct tcl_ctx *c)
{
	return tcl_exec_2(c, TCL_ARG(c, 2));
}

TCL_INLINE int tcl_fill_syscall_execve_19_x_3(struct tcl_ctx *c)
{
	tcl_exec_3(c);
	if (c->origin == TCL_FROM_EXEC)
		return tcl_put_kstr(c, TCL_ARG(c, 0));
	return tcl_put_ustr(c, TCL_ARG(c, 0));
}

TCL_INLINE int tcl_fill_syscall_execveat_x_1(struct tcl_ctx *c)
{
	return tcl_exec_1(c, TCL_ARG(c, 2));
}

TCL_INLINE int tcl_fill_syscall_execveat_x_2(struct tcl_ctx *c)
{
	return tcl_exec_2(c, TCL_ARG(c, 3));
}

TCL_INLINE int tcl_fill_syscall_execveat_x_3(struct tcl_ctx *c)
{
	return tcl_exec_3(c);
}

/* Part 1 of a new task; the caller and the child each tell their own side. */
TCL_INLINE int tcl_clone_1(struct tcl_ctx *c)
{
	tcl_put_s64(c, TCL_RET(c));
	tcl_put_exe_args(c, F(c->task, mm));
	tcl_put_process(c);
	return 0;
}

/* The flags of a call that was given raw CLONE_* bits. */
TCL_INLINE u32 tcl_clone_flags(struct tcl_ctx *c, u64 raw)
{
	struct task_struct *t = c->task;
	struct task_struct *parent;
	u32 flags = 0;

	if (c->origin == TCL_FROM_FORK) {
		/* No call to look at: what the two tasks have in common tells. */
		parent = (struct task_struct *)(unsigned long)TCL_ARG(c, 0);
		if (F(t, pid) != F(t, tgid))
			flags |= TCL_CLONE_FLAGS_THREAD | TCL_CLONE_FLAGS_SIGHAND | TCL_CLONE_FLAGS_VM;
		if (F(t, files) == F(parent, files))
			flags |= TCL_CLONE_FLAGS_FILES;
	} else {
		flags = tcl_conv_clone_flags(raw);
	}
	if (TCL_RET(c) > 0 ? F(F(F(t, nsproxy), pid_ns_for_children), level) : tcl_pidns_level(t))
		flags |= TCL_CLONE_FLAGS_CHILD_IN_PIDNS;
	return flags;
}

/* Part 2: cgroups, flags, user, group, ids in the task's own namespace. */
TCL_INLINE int tcl_clone_2(struct tcl_ctx *c, u64 raw_flags)
{
	struct task_struct *t = c->task;
	struct cred *cr = (struct cred *)F(t, cred);

	tcl_put_cgroups(c, t);
	tcl_put_u32(c, tcl_clone_flags(c, raw_flags));
	tcl_put_u32(c, F(cr, euid.val));
	tcl_put_u32(c, F(cr, egid.val));
	tcl_put_s64(c, tcl_pid_own(tcl_task_pid(t, PIDTYPE_PID)));
	tcl_put_s64(c, tcl_pid_own(tcl_task_pid(t, PIDTYPE_TGID)));
	tcl_put_u64(c, tcl_pidns_start(t));
	return 0;
}

TCL_INLINE int tcl_fill_syscall_clone_20_x_1(struct tcl_ctx *c)
{
	return tcl_clone_1(c);
}

TCL_INLINE int tcl_fill_syscall_clone_20_x_2(struct tcl_ctx *c)
{
	return tcl_clone_2(c, TCL_ARG(c, 0));
}

TCL_INLINE int tcl_fill_syscall_fork_20_x_1(struct tcl_ctx *c)
{
	return tcl_clone_1(c);
}

TCL_INLINE int tcl_fill_syscall_fork_20_x_2(struct tcl_ctx *c)
{
	return tcl_clone_2(c, 0);
}

TCL_INLINE int tcl_fill_syscall_vfork_20_x_1(struct tcl_ctx *c)
{
	return tcl_clone_1(c);
}

TCL_INLINE int tcl_fill_syscall_vfork_20_x_2(struct tcl_ctx *c)
{
	return tcl_clone_2(c, TCL_CLONE_VFORK | TCL_CLONE_VM);
}

TCL_INLINE int tcl_fill_syscall_clone3_x_1(struct tcl_ctx *c)
{
	return tcl_clone_1(c);
}

/* The flags are the first member of struct clone_args. */
TCL_INLINE int tcl_fill_syscall_clone3_x_2(struct tcl_ctx *c)
{
	u64 flags = 0;

	if (tcl_uread(&flags, sizeof(flags), TCL_ARG(c, 0)))
		flags = 0;
	return tcl_clone_2(c, flags);
}

#endif
