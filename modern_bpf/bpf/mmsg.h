/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * sendmmsg and recvmmsg: an event per message. The program sends one and calls
 * itself for the next, in the same slot; a loop over them would multiply the
 * verifier's work, and bpf_loop is too new.
 */
#ifndef TCL_MMSG_H
#define TCL_MMSG_H

#include "messages.h"
#include "slot.h"

/* Every message but the first is one more event that is seen. */
TCL_INLINE void tcl_begin_message(struct tcl_ctx *c)
{
	u32 key = c->slot;
	struct tcl_counters *n;

	if (!c->msg)
		return;
	n = bpf_map_lookup_elem(&tcl_counts, &key);
	if (n)
		n->seen++;
}

/* Ends the event; true if there is another message to tell. Else the slot is free. */
TCL_INLINE bool tcl_next_message(void *ctx, struct tcl_ctx *c, int err)
{
	tcl_deliver(ctx, c, err);
	if (tcl_has_next_message(c))
		return true;
	tcl_release(c);
	return false;
}

#endif
