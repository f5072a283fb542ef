/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The end of a task, and who takes its children.
 */
#ifndef TCL_FILL_EXIT_H
#define TCL_FILL_EXIT_H

#include "task.h"

#define TCL_MAX_THREADS	  30
#define TCL_MAX_ANCESTORS 60

/* A thread of t's group that is not on its way out; 0 when there is none among the first. */
TCL_INLINE s64 tcl_alive_thread(struct tcl_ctx *c, struct task_struct *t)
{
	struct list_head *head = AT(F(t, signal), thread_head);
	struct task_struct *th;
	u32 i;

	c->node = F(head, next);
	for (i = 0; i < TCL_MAX_THREADS; i++) {
		if (c->node == head || !c->node)
			return 0;
		th = (struct task_struct *)((u8 *)c->node - TCL_OFFSETOF(struct task_struct, thread_node));
		if (!(F(th, flags) & TCL_PF_EXITING))
			return F(th, pid);
		c->node = F((struct list_head *)c->node, next);
	}
	return -1;
}

/*
 * The task that the kernel will make the parent of t's children
 * (find_new_reaper in kernel/exit.c): 0 when it has none or its whole
 * namespace dies, -1 when the search was given up.
 */
TCL_INLINE s64 tcl_reaper(struct tcl_ctx *c, struct task_struct *t)
{
	struct list_head *kids = AT(t, children);
	struct task_struct *init;
	struct pid *p;
	u32 level, i;
	s64 tid;

	if (F(kids, next) == kids)
		return 0;
	tid = tcl_alive_thread(c, t);
	if (tid)
		return tid;
	p = F(t, thread_pid);
	level = F(p, level);
	init = F(F(&AT(p, numbers[0])[level], ns), child_reaper);
	if (init == t)
		return 0;
	if (FBITS(F(t, signal), has_child_subreaper)) {
		c->mnt = F(t, real_parent);
		for (i = 0; i < TCL_MAX_ANCESTORS; i++) {
			struct task_struct *up = c->mnt;

			if (!up || F(up, pid) == 0 || tcl_pidns_level(up) != level)
				return F(init, pid);
			if (FBITS(F(up, signal), is_child_subreaper)) {
				tid = tcl_alive_thread(c, up);
				if (tid)
					return tid;
			}
			c->mnt = F(up, real_parent);
		}
		return -1;
	}
	return F(init, pid);
}

TCL_INLINE int tcl_fill_procexit_1_e(struct tcl_ctx *c)
{
	struct task_struct *t = c->task;
	u32 status = F(t, exit_code);

	tcl_put_s64(c, status);
	tcl_put_s64(c, (status >> 8) & 0xff);
	tcl_put_u8(c, status & 0x7f);
	tcl_put_u8(c, (status & 0x80) != 0);
	tcl_put_s64(c, tcl_reaper(c, t));
	return 0;
}

#endif
