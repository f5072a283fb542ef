/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a consumer wants to see, as the drivers look it up.
 */
#ifndef TCL_SELECT_H
#define TCL_SELECT_H

#define TCL_WORDS (TCL_NR_TABLE / 64)

/* Bits of tcl_plane.tp. */
#define TCL_TP_EXIT	    1
#define TCL_TP_EXEC	    2
#define TCL_TP_FORK	    4
#define TCL_TP_SIGNAL	    0x100
#define TCL_TP_SWITCH	    0x200
#define TCL_TP_FAULT_USER   0x400
#define TCL_TP_FAULT_KERNEL 0x800

/* Calls that are wanted at one of their ends. */
struct tcl_calls {
	u64 native[TCL_WORDS]; /* by 64-bit number */
	u64 ia32[TCL_WORDS];   /* by the number that a 32-bit caller uses */
};

/* One generation of the selection. */
struct tcl_plane {
	struct tcl_calls exit;
	struct tcl_calls enter;
	u64 tp; /* kernel tracepoints */
};

#endif
