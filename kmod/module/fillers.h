/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef TCL_FILLERS_H
#define TCL_FILLERS_H

#include <linux/types.h>

struct tcl_ctx;

/*
 * Builds the event of the given type in c's buffer; whatever the type lacks a
 * filler for becomes the generic event. The caller has set ts, tid, task, ret,
 * args, nr, sc, snap, compat and origin. Returns 0 or a negative enum tcl_drop.
 */
int tcl_fill(struct tcl_ctx *c, u16 type);

/* The same for the entry of the call whose exit has this type. */
int tcl_fill_enter(struct tcl_ctx *c, u16 exit_type);

/* After an event whose name and object may disagree: do they? Prepares for telling the object's side. */
bool tcl_differs(struct tcl_ctx *c);

/* Dynamic snaplen: more of the call's data if it is worth it. */
void tcl_raise_snaplen(struct tcl_ctx *c, u16 type, u16 full_first, u16 full_last, u16 statsd);

#endif
