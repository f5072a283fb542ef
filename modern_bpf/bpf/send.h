/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The way of a finished event into a BPF ring buffer.
 */
#ifndef TCL_SEND_H
#define TCL_SEND_H

#include "maps.h"

/* Sends what is in the buffer to the ring of this CPU. Returns 0 or the cause of the drop. */
TCL_INLINE int tcl_send(void *ctx, struct tcl_ctx *c)
{
	u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&tcl_rings, &cpu);
	u64 flags = BPF_RB_NO_WAKEUP;
	u64 len = c->pos;
	u64 fill;

	if (!ring)
		return TCL_DROP_RING;
	/*
	 * Waking the reader costs ten times the event, so it polls. A wake-up
	 * is sent when the fill level passes the mark, once: from then on the
	 * reader finds data whenever it looks.
	 */
	fill = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	if (fill < tcl_wake_level && fill + len >= tcl_wake_level)
		flags = BPF_RB_FORCE_WAKEUP;
	TCL_CLAMP(len, TCL_MAX_EVENT);
	if (bpf_ringbuf_output(ring, c->buf, len, flags))
		return TCL_DROP_RING;
	return 0;
}

#endif
