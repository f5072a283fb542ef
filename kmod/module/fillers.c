// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Every filler of drivers/probe as a plain function: the part of the module
 * that turns a call into an event. Parts of long events, which the eBPF
 * drivers chain by tail calls, are plain calls here.
 */
#include <linux/module.h>

#include "backend.h"
#include "probe.h"
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

int tcl_fill(struct tcl_ctx *c, u16 type)
{
	int err = 0;

	switch (type) {
		TCL_EVENTS(TCL_RUN)
		TCL_TRACEPOINT_EVENTS(TCL_RUN)
	default:
		tcl_begin(c, PPME_GENERIC_X, TCL_NPARAMS_GENERIC_X);
		err = tcl_fill_generic_x(c);
	}
	return err ? err : tcl_finish(c, c->tid);
}

const u16 tcl_sc_of_nr[TCL_NR_TABLE] = TCL_SC_OF_NR;
const u16 tcl_event_of_nr[TCL_NR_TABLE] = TCL_EVENT_OF_NR;

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("System call events for Tiercel");
