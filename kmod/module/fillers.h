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

extern const u16 tcl_sc_of_nr[];
extern const u16 tcl_event_of_nr[];

#endif
