// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Every filler of drivers/probe as a plain function: the part of the module
 * that turns a call into an event. Parts of long events, which the eBPF
 * drivers chain by tail calls, are plain calls here.
 */
#include <linux/module.h>

#include "backend.h"
#include "probe.h"
#include "snaplen.h"
#include "fillers.h"

#define TCL_RUN_1(name, code, n)                                                                             \
	case code:                                                                                           \
		tcl_begin(c, code, n);                                                                       \
		err = tcl_fill_##name(c);                                                                    \
		break;
#define TCL_RUN_2(name, code, n)                                                                             \
	case code:                                                                                           \
		tcl_begin(c, code, n);                                                                       \
		err = tcl_fill_##name##_1(c);                                                                \
		if (!err)                                                                                    \
			err = tcl_fill_##name##_2(c);                                                        \
		break;
#define TCL_RUN_3(name, code, n)                                                                             \
	case code:                                                                                           \
		tcl_begin(c, code, n);                                                                       \
		err = tcl_fill_##name##_1(c);                                                                \
		if (!err)                                                                                    \
			err = tcl_fill_##name##_2(c);                                                        \
		if (!err)                                                                                    \
			err = tcl_fill_##name##_3(c);                                                        \
		break;
#define TCL_RUN(name, code, n, parts) TCL_RUN_##parts(name, code, n)
#define TCL_RUN_ENTER(name, code, n)  TCL_RUN_1(name, code, n)

static int tcl_fill_mark(struct tcl_ctx *c)
{
	return tcl_put_u32(c, c->ret);
}

int tcl_fill(struct tcl_ctx *c, u16 type)
{
	int err = 0;

	switch (type) {
		TCL_EVENTS(TCL_RUN)
		TCL_TRACEPOINT_EVENTS(TCL_RUN)
	case PPME_DROP_E:
	case PPME_DROP_X:
		tcl_begin(c, type, TCL_NPARAMS_DROP_E);
		err = tcl_fill_mark(c);
		break;
	default:
		tcl_begin(c, PPME_GENERIC_X, TCL_NPARAMS_GENERIC_X);
		err = tcl_fill_generic_x(c);
	}
	return err ? err : tcl_finish(c, c->tid);
}

int tcl_fill_enter(struct tcl_ctx *c, u16 exit_type)
{
	int err = 0;

	switch (exit_type - 1) {
		TCL_ENTER_EVENTS(TCL_RUN_ENTER)
	default:
		tcl_begin(c, PPME_GENERIC_E, TCL_NPARAMS_GENERIC_X);
		err = tcl_fill_generic_x(c);
	}
	return err ? err : tcl_finish(c, c->tid);
}

bool tcl_differs(struct tcl_ctx *c)
{
	return tcl_is_other_object(c);
}

void tcl_raise_snaplen(struct tcl_ctx *c, u16 type, u16 full_first, u16 full_last, u16 statsd)
{
	u32 io = tcl_io(type), snap;

	if (io == TCL_IO_NONE)
		return;
	snap = tcl_dynamic_snaplen(c, io, (struct tcl_snap_ports){full_first, full_last, statsd});
	if (snap > c->snap)
		c->snap = snap;
}
