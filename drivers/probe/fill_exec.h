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

/*
 * Part 1: res, exe, args, ids, memory, comm. It leaves the environment's
 * address in c->addr, so that the parts that follow do not care which call it
 * was and are shared by both.
 */
TCL_INLINE int tcl_exec_1(struct tcl_ctx *c, u64 argv, u64 envp)
{
	c->addr = envp;
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
TCL_INLINE int tcl_exec_2(struct tcl_ctx *c)
{
	struct task_struct *t = c->task;
	struct mm_struct *mm;
	struct cred *cr;

	tcl_put_cgroups(c, t);
	if (c->origin == TCL_FROM_EXEC) {
		mm = F(t, mm);
		tcl_put_strings(c, F(mm, env_start), F(mm, env_end));
	} else {
		tcl_put_list(c, c->addr, 0);
	}
	tcl_put_u32(c, tcl_task_tty(t));
	tcl_put_s64(c, tcl_pid_own(t, tcl_task_pid(t, PIDTYPE_PGID)));
	tcl_put_u32(c, tcl_loginuid(t));
	tcl_put_u32(c, tcl_exe_flags(t, TCL_PLAIN(struct file *, F(F(t, mm), exe_file))));
	cr = TCL_PLAIN(struct cred *, F(t, cred));
	tcl_put_u64(c, tcl_caps(cr, cap_inheritable));
	tcl_put_u64(c, tcl_caps(cr, cap_permitted));
	tcl_put_u64(c, tcl_caps(cr, cap_effective));
	return 0;
}

/* Part 3: the executed file, user, group; for execve the file name it was given. */
TCL_INLINE int tcl_exec_3(struct tcl_ctx *c)
{
	struct task_struct *t = c->task;
	struct file *exe = TCL_PLAIN(struct file *, F(F(t, mm), exe_file));
	struct inode *in = F(exe, f_inode);
	struct cred *cr = TCL_PLAIN(struct cred *, F(t, cred));

	tcl_put_u64(c, F(in, i_ino));
	tcl_put_u64(c, exe ? tcl_ctime(in) : 0);
	tcl_put_u64(c, exe ? tcl_mtime(in) : 0);
	tcl_put_u32(c, F(cr, euid.val));
	tcl_put_path(c, exe);
	tcl_put_s64(c, tcl_pid_global(tcl_task_pid(t, PIDTYPE_PGID)));
	tcl_put_u32(c, F(cr, egid.val));
	if (c->type != PPME_SYSCALL_EXECVE_19_X)
		return 0;
	if (c->origin == TCL_FROM_EXEC)
		return tcl_put_kstr(c, TCL_ARG(c, 0));
	return tcl_put_ustr(c, TCL_ARG(c, 0));
}

TCL_INLINE int tcl_fill_syscall_execve_19_x_1(struct tcl_ctx *c)
{
	return tcl_exec_1(c, TCL_ARG(c, 1), TCL_ARG(c, 2));
}

TCL_INLINE int tcl_fill_syscall_execve_19_x_2(struct tcl_ctx *c)
{
	return tcl_exec_2(c);
}

TCL_INLINE int tcl_fill_syscall_execve_19_x_3(struct tcl_ctx *c)
{
	return tcl_exec_3(c);
}

TCL_INLINE int tcl_fill_syscall_execveat_x_1(struct tcl_ctx *c)
{
	return tcl_exec_1(c, TCL_ARG(c, 2), TCL_ARG(c, 3));
}

TCL_INLINE int tcl_fill_syscall_execveat_x_2(struct tcl_ctx *c)
{
	return tcl_exec_2(c);
}

TCL_INLINE int tcl_fill_syscall_execveat_x_3(struct tcl_ctx *c)
{
	return tcl_exec_3(c);
}

/*
 * What two tasks have in common tells how one was made of the other, where
 * the call's own flags cannot be had.
 */
TCL_INLINE u32 tcl_shared_flags(struct task_struct *t, struct task_struct *other)
{
	u32 flags = 0;

	if (F(t, pid) != F(t, tgid)) {
		other = F(t, group_leader);
		flags |= TCL_CLONE_FLAGS_THREAD | TCL_CLONE_FLAGS_SIGHAND;
	}
	if (F(t, mm) == F(other, mm))
		flags |= TCL_CLONE_FLAGS_VM;
	if (F(t, files) == F(other, files))
		flags |= TCL_CLONE_FLAGS_FILES;
	if (F(t, fs) == F(other, fs))
		flags |= TCL_CLONE_FLAGS_FS;
	return flags;
}

/*
 * Part 1 of a new task; the caller and the child each tell their own side. It
 * leaves the portable flags in c->addr for part 2, which all four calls share.
 */
TCL_INLINE int tcl_clone_1(struct tcl_ctx *c, u32 flags)
{
	struct task_struct *t = c->task;

	if (TCL_RET(c) > 0 ? F(F(F(t, nsproxy), pid_ns_for_children), level) : tcl_pidns_level(t))
		flags |= TCL_CLONE_FLAGS_CHILD_IN_PIDNS;
	c->addr = flags;
	tcl_put_s64(c, TCL_RET(c));
	tcl_put_exe_args(c, F(t, mm));
	tcl_put_process(c);
	return 0;
}

/* Part 2: cgroups, flags, user, group, ids in the task's own namespace. */
TCL_INLINE int tcl_clone_2(struct tcl_ctx *c)
{
	struct task_struct *t = c->task;
	struct cred *cr = TCL_PLAIN(struct cred *, F(t, cred));

	tcl_put_cgroups(c, t);
	tcl_put_u32(c, c->addr);
	tcl_put_u32(c, F(cr, euid.val));
	tcl_put_u32(c, F(cr, egid.val));
	tcl_put_s64(c, tcl_pid_own(t, tcl_task_pid(t, PIDTYPE_PID)));
	tcl_put_s64(c, tcl_pid_own(t, tcl_task_pid(t, PIDTYPE_TGID)));
	tcl_put_u64(c, tcl_pidns_start(t));
	return 0;
}

TCL_INLINE int tcl_fill_syscall_clone_20_x_1(struct tcl_ctx *c)
{
	if (c->origin == TCL_FROM_FORK)
		return tcl_clone_1(
		    c, tcl_shared_flags(c->task, (struct task_struct *)(unsigned long)TCL_ARG(c, 0)));
	return tcl_clone_1(c, tcl_conv_clone_flags(TCL_ARG(c, 0)));
}

TCL_INLINE int tcl_fill_syscall_clone_20_x_2(struct tcl_ctx *c)
{
	return tcl_clone_2(c);
}

TCL_INLINE int tcl_fill_syscall_fork_20_x_1(struct tcl_ctx *c)
{
	return tcl_clone_1(c, 0);
}

TCL_INLINE int tcl_fill_syscall_fork_20_x_2(struct tcl_ctx *c)
{
	return tcl_clone_2(c);
}

TCL_INLINE int tcl_fill_syscall_vfork_20_x_1(struct tcl_ctx *c)
{
	return tcl_clone_1(c, TCL_CLONE_FLAGS_VFORK | TCL_CLONE_FLAGS_VM);
}

TCL_INLINE int tcl_fill_syscall_vfork_20_x_2(struct tcl_ctx *c)
{
	return tcl_clone_2(c);
}

/*
 * The flags are the first member of struct clone_args. By the time that the
 * child gets here its parent may have put something else in that place.
 */
TCL_INLINE int tcl_fill_syscall_clone3_x_1(struct tcl_ctx *c)
{
	u64 flags = 0;

	if (!TCL_RET(c))
		return tcl_clone_1(
		    c, tcl_shared_flags(c->task, TCL_PLAIN(struct task_struct *, F(c->task, real_parent))));
	if (tcl_uread(&flags, sizeof(flags), TCL_ARG(c, 0)))
		flags = 0;
	return tcl_clone_1(c, tcl_conv_clone_flags(flags));
}

TCL_INLINE int tcl_fill_syscall_clone3_x_2(struct tcl_ctx *c)
{
	return tcl_clone_2(c);
}

#endif
