/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The way of a finished event into a perf buffer. The buffer's own watermark
 * decides when the reader is woken.
 */
#ifndef TCL_SEND_H
#define TCL_SEND_H

#include "maps.h"

/* The size of a sample is 16 bits: header, length, event, padding. */
#define TCL_MAX_SAMPLE 0xffe0

/* Sends what is in the buffer to the ring of this CPU. Returns 0 or the cause of the drop. */
TCL_INLINE int tcl_send(void *ctx, struct tcl_ctx *c)
{
	u64 len = c->pos;

	if (len > TCL_MAX_SAMPLE)
		return TCL_DROP_SCRATCH;
	TCL_FORGET(len);
	TCL_CLAMP(len, TCL_MAX_SAMPLE);
	if (bpf_perf_event_output(ctx, &tcl_perf, BPF_F_CURRENT_CPU, c->buf, len))
		return TCL_DROP_RING;
	return 0;
}

#endif
