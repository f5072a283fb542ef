/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * sendmmsg and recvmmsg: an event per message. The program sends one and calls
 * itself for the next, in the same slot; a loop over them would multiply the
 * verifier's work, and bpf_loop is too new.
 */
#ifndef TCL_MMSG_H
#define TCL_MMSG_H

#include "slot.h"

/* Linux allows 1024; a chain of tail calls ends at 32. */
#define TCL_MAX_MMSG 16

#define TCL_MMSGHDR	   64
#define TCL_COMPAT_MMSGHDR 32

#define TCL_IS_MMSG(code) ((code) == PPME_SOCKET_SENDMMSG_X || (code) == PPME_SOCKET_RECVMMSG_X)

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
TCL_INLINE bool tcl_next_message(struct tcl_ctx *c, int err)
{
	tcl_deliver(c, err);
	c->msg++;
	c->args[1] += c->compat ? TCL_COMPAT_MMSGHDR : TCL_MMSGHDR;
	if (c->ret > (s64)c->msg && c->msg < TCL_MAX_MMSG)
		return true;
	tcl_release(c);
	return false;
}

#endif
