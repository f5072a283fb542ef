/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Scratch slots and the way of a finished event into its ring.
 *
 * A program can be preempted (syscall tracepoints are preemptible from 6.13
 * on) and another one can then run on the same CPU, so scratch memory is
 * claimed. The claim needs no compare-and-exchange (Linux 5.12) but only the
 * atomic addition that every kernel has: whoever adds one and then reads one
 * owns the slot; whoever reads more takes its one back and tries the next.
 * Two can both fail on a free slot, never both succeed.
 */
#ifndef TCL_SLOT_H
#define TCL_SLOT_H

#include "maps.h"
#include "send.h"

/*
 * Who owns a slot. A thread id needs 22 bits, so the origin fits beside it: it
 * keeps a program apart from one that interrupts it in the same thread.
 */
#define TCL_OWNER(pid_tgid, origin) ((pid_tgid) | (u64)(origin) << 28)

TCL_INLINE u32 tcl_class(u32 sc)
{
	return tcl_class_of_sc[sc & (TCL_NR_TABLE - 1)] & (TCL_NUM_CLASSES - 1);
}

TCL_INLINE void tcl_count_drop(u32 sc)
{
	__sync_fetch_and_add(&tcl_drops[sc & (TCL_NR_TABLE - 1)], 1);
}

/*
 * Takes a free slot of this CPU for an event of the given call and counts it as
 * seen. me is what bpf_get_current_pid_tgid says.
 */
TCL_INLINE struct tcl_ctx *tcl_claim(const u32 origin, u32 sc, u64 me)
{
	u32 base = bpf_get_smp_processor_id() * TCL_SLOTS;
	struct tcl_counters *n;
	struct tcl_ctx *c;
	u32 key, i;

#pragma unroll
	for (i = 0; i < TCL_SLOTS; i++) {
		key = base + i;
		c = bpf_map_lookup_elem(&tcl_slots, &key);
		if (!c)
			return NULL;
		__sync_fetch_and_add(&c->busy, 1);
		if (*(volatile u64 *)&c->busy == 1) {
			c->owner = TCL_OWNER(me, origin);
			c->origin = origin;
			c->slot = key;
			c->sc = sc;
			c->snap = tcl_snaplen;
			c->msg = 0;
			n = bpf_map_lookup_elem(&tcl_counts, &key);
			if (n)
				n->seen++;
			return c;
		}
		__sync_fetch_and_add(&c->busy, -1);
	}
	n = bpf_map_lookup_elem(&tcl_counts, &base);
	if (n) {
		__sync_fetch_and_add(&n->no_slot[tcl_class(sc)], 1);
		tcl_count_drop(sc);
	}
	return NULL;
}

/* The slot that this run claimed before its tail call. */
TCL_INLINE struct tcl_ctx *tcl_mine(const u32 origin)
{
	u32 base = bpf_get_smp_processor_id() * TCL_SLOTS;
	u64 me = TCL_OWNER(bpf_get_current_pid_tgid(), origin);
	struct tcl_ctx *c;
	u32 key, i;

#pragma unroll
	for (i = 0; i < TCL_SLOTS; i++) {
		key = base + i;
		c = bpf_map_lookup_elem(&tcl_slots, &key);
		if (!c)
			return NULL;
		if (c->owner == me)
			return c;
	}
	return NULL;
}

TCL_INLINE void tcl_release(struct tcl_ctx *c)
{
	c->owner = 0;
	__sync_fetch_and_add(&c->busy, -1);
}

/* A caller that passes a bad address gets this: its parameters are no loss. */
#define TCL_EFAULT 14

/* Brings the event to the ring (ctx is that of the program), or into the counter of why not. */
TCL_INLINE void tcl_deliver(void *ctx, struct tcl_ctx *c, int err)
{
	u32 key = c->slot;
	struct tcl_counters *n = bpf_map_lookup_elem(&tcl_counts, &key);

	if (!err)
		err = tcl_finish(c, c->tid);
	if (!err)
		err = tcl_send(ctx, c);
	if (n) {
		if (!err)
			n->delivered++;
		else if (err == TCL_DROP_RING)
			n->drops_ring++;
		else if (err == TCL_DROP_PAGE)
			n->drops_page++;
		else
			n->drops_scratch++;
		if (err) {
			n->drops_class[tcl_class(c->sc)]++;
			tcl_count_drop(c->sc);
		} else if (c->faults && c->ret != -TCL_EFAULT)
			n->faults++;
	}
}

/* Ends the event and gives the slot back. */
TCL_INLINE int tcl_end(void *ctx, struct tcl_ctx *c, int err)
{
	tcl_deliver(ctx, c, err);
	tcl_release(c);
	return 0;
}

/*
 * The same as a function of its own: one copy in the object instead of one in
 * every program. Programs that tail-call cannot use it, since kernels before
 * 5.10 (6.0 on arm64) do not allow calls and tail calls in one program.
 */
static __attribute__((__noinline__)) int tcl_end_call(void *ctx, struct tcl_ctx *c, int err)
{
	return tcl_end(ctx, c, err);
}

#endif
