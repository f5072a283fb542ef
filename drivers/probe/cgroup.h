/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The control groups of a task as "subsystem=path" strings.
 */
#ifndef TCL_CGROUP_H
#define TCL_CGROUP_H

#include "put.h"

/* Levels below the root of a hierarchy; deeper groups lose their upper ones. */
#define TCL_CGROUP_DEPTH 12
/* Room for all subsystems in one parameter. */
#define TCL_MAX_CGROUPS 4096

/* Writes the path of the group whose node is in c->node, NUL included. */
TCL_INLINE void tcl_raw_kernfs_path(struct tcl_ctx *c)
{
	struct kernfs_node *kn = c->node;
	struct kernfs_node *up;
	u64 at;
	u32 i;

	/* Collect the nodes below the root, deepest first ... */
	c->n = 0;
	for (i = 0; i < TCL_CGROUP_DEPTH; i++) {
		up = tcl_kn_parent(kn);
		if (!up)
			break;
		c->nodes[i] = kn;
		c->n = i + 1;
		kn = up;
	}
	if (!c->n) {
		tcl_raw_u8(c, '/');
		tcl_raw_u8(c, 0);
		return;
	}
	/* ... and write them the other way round. */
	for (i = 0; i < TCL_CGROUP_DEPTH; i++) {
		if (i >= c->n)
			break;
		at = c->n - 1 - i;
		TCL_MASK(at, 15);
		kn = c->nodes[at];
		tcl_raw_u8(c, '/');
		/* The next component overwrites the NUL. */
		tcl_raw_kstr(c, TCL_PLAIN(const char *, F(kn, name)), TCL_MAX_NAME);
		c->pos--;
	}
	c->pos++;
}

/* One "name=path" string; name is a constant with its '='. Nothing where the kernel lacks the subsystem. */
#define tcl_raw_subsys(c, t, name, id)                                                                       \
	do {                                                                                                 \
		static const char name_[] = name;                                                            \
		u32 k_;                                                                                      \
		if (!TCL_HAS_ENUM(enum cgroup_subsys_id, id))                                                \
			break;                                                                               \
		for (k_ = 0; k_ < sizeof(name_) - 1; k_++)                                                   \
			tcl_raw_u8(c, name_[k_]);                                                            \
		tcl_raw_cgroup(c, t, TCL_ENUM(enum cgroup_subsys_id, id));                                   \
	} while (0)

TCL_INLINE void tcl_raw_cgroup(struct tcl_ctx *c, struct task_struct *t, u64 id)
{
	struct css_set *set = TCL_PLAIN(struct css_set *, F(t, cgroups));
	struct cgroup_subsys_state *css = RD(struct cgroup_subsys_state *, &AT(set, subsys[0])[id]);
	struct cgroup *cg = F(css, cgroup);
	u64 from, len;

	if (cg && cg == c->last_cgroup) {
		/* One hierarchy for all of them is the rule: copy what is there. */
		from = c->last_pos;
		len = c->last_len;
		TCL_MASK(from, TCL_POS_MASK);
		TCL_CLAMP(len, TCL_MAX_CGROUPS);
		tcl_kread(tcl_here(c), len, c->buf + from);
		c->pos += c->last_len;
		return;
	}
	c->last_cgroup = cg;
	c->last_pos = c->pos;
	c->node = F(cg, kn);
	tcl_raw_kernfs_path(c);
	c->last_len = c->pos - c->last_pos;
}

TCL_INLINE int tcl_put_cgroups(struct tcl_ctx *c, struct task_struct *t)
{
	c->last_cgroup = NULL;
	tcl_raw_start(c);
	tcl_raw_subsys(c, t, "cpuset=", cpuset_cgrp_id);
	tcl_raw_subsys(c, t, "cpu=", cpu_cgrp_id);
	tcl_raw_subsys(c, t, "cpuacct=", cpuacct_cgrp_id);
	tcl_raw_subsys(c, t, "io=", io_cgrp_id);
	tcl_raw_subsys(c, t, "memory=", memory_cgrp_id);
	return tcl_raw_end(c);
}

#endif
