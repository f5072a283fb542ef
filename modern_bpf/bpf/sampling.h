/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Sampling mode: with a ratio of n, calls without a part in the state of
 * processes are reported only in the first n-th of every second of the boot
 * clock; those of little worth are not reported at all. A marker event tells
 * when a silent phase begins and when it ends.
 */
#ifndef TCL_SAMPLING_H
#define TCL_SAMPLING_H

#include "slot.h"

#define TCL_SECOND 1000000000ULL

static const volatile u8 tcl_sampling_of_sc[TCL_NR_TABLE] = TCL_SAMPLING_OF_SC;

/*
 * Sends the marker of a phase, once for all CPUs: whoever adds one and then
 * reads one does it. Where two come at the same time the next event does it.
 */
TCL_INLINE void tcl_mark_phase(void *ctx, u32 silent, u32 ratio, u64 now)
{
	struct tcl_ctx *c;
	u64 me;

	__sync_fetch_and_add(&tcl_control.marking, 1);
	if (*(volatile u64 *)&tcl_control.marking == 1 && *(volatile u32 *)&tcl_control.silent != silent) {
		*(volatile u32 *)&tcl_control.silent = silent;
		me = bpf_get_current_pid_tgid();
		c = tcl_claim(TCL_FROM_MARK, 0, me);
		if (c) {
			c->ts = now;
			c->tid = (u32)me;
			tcl_begin(c, silent ? PPME_DROP_E : PPME_DROP_X, TCL_NPARAMS_DROP_E);
			tcl_put_u32(c, ratio);
			tcl_end(ctx, c, 0);
		}
	}
	__sync_fetch_and_add(&tcl_control.marking, -1);
}

/* Whether sampling mode leaves out an event of this code at this time. */
TCL_INLINE bool tcl_sampled_out(void *ctx, u32 sc, u64 now)
{
	u32 ratio = *(volatile u32 *)&tcl_control.sampling;
	u32 kind, silent = 0, key;
	struct tcl_counters *n;

	if (ratio <= 1 && !*(volatile u32 *)&tcl_control.silent)
		return false;
	if (ratio > 1)
		silent = (now - tcl_control.boot_offset) % TCL_SECOND >= TCL_SECOND / ratio;
	if (*(volatile u32 *)&tcl_control.silent != silent)
		tcl_mark_phase(ctx, silent, ratio, now);
	kind = tcl_sampling_of_sc[sc & (TCL_NR_TABLE - 1)];
	if (ratio <= 1 || kind == TCL_SAMPLING_NEVER || (kind != TCL_SAMPLING_ALWAYS && !silent))
		return false;
	key = bpf_get_smp_processor_id() * TCL_SLOTS;
	n = bpf_map_lookup_elem(&tcl_counts, &key);
	if (n)
		__sync_fetch_and_add(&n->sampled, 1);
	return true;
}

#endif
