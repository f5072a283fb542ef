/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The end of a task, and who takes its children.
 */
#ifndef TCL_FILL_EXIT_H
#define TCL_FILL_EXIT_H

#include "task.h"

/* Threads and ancestors that are looked at in all. */
#define TCL_REAPER_STEPS 64

/*
 * The task that the kernel will make the parent of t's children
 * (find_new_reaper in kernel/exit.c): another thread of the group, else one of
 * the nearest ancestor that takes orphans in, else the namespace's init. 0 when
 * there are no children or the whole namespace dies, -1 when the search was
 * given up.
 *
 * One loop walks threads and ancestors; two nested ones are 50 times the work
 * for the verifier. c->mnt is the task whose group is searched, c->node the
 * place in its list of threads, NULL when there is nothing left in it.
 */
TCL_INLINE s64 tcl_reaper(struct tcl_ctx *c, struct task_struct *t)
{
	struct list_head *kids = AT(t, children);
	struct task_struct *group, *th, *init;
	struct signal_struct *sig;
	struct list_head *head;
	struct pid *p;
	u32 level, i;

	if (F(kids, next) == kids)
		return 0;
	p = F(t, thread_pid);
	level = F(p, level);
	init = F(F(&AT(p, numbers[0])[level], ns), child_reaper);
	c->mnt = t;
	c->node = F(AT(F(t, signal), thread_head), next);
	for (i = 0; i < TCL_REAPER_STEPS; i++) {
		group = c->mnt;
		sig = F(group, signal);
		head = AT(sig, thread_head);
		if (c->node && c->node != head) {
			th = (struct task_struct *)((u8 *)c->node -
						    TCL_OFFSETOF(struct task_struct, thread_node));
			if (!(F(th, flags) & TCL_PF_EXITING))
				return F(th, pid);
			c->node = F((struct list_head *)c->node, next);
			continue;
		}
		if (init == t)
			return 0;
		if (group == t && !FBITS(sig, has_child_subreaper))
			return F(init, pid);
		group = TCL_PLAIN(struct task_struct *, F(group, real_parent));
		if (!group || !F(group, pid) || tcl_pidns_level(group) != level)
			return F(init, pid);
		c->mnt = group;
		sig = F(group, signal);
		c->node = FBITS(sig, is_child_subreaper) ? F(AT(sig, thread_head), next) : NULL;
	}
	return -1;
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
