/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * sendmmsg and recvmmsg: an event per message.
 */
#ifndef TCL_MESSAGES_H
#define TCL_MESSAGES_H

#include "ctx.h"

/* Linux allows 1024; in the eBPF drivers a chain of tail calls ends at 32. */
#define TCL_MAX_MMSG 16

#define TCL_MMSGHDR	   64
#define TCL_COMPAT_MMSGHDR 32

#define TCL_IS_MMSG(code) ((code) == PPME_SOCKET_SENDMMSG_X || (code) == PPME_SOCKET_RECVMMSG_X)

/* Goes on to the next message; false if there is none to tell. */
TCL_INLINE bool tcl_has_next_message(struct tcl_ctx *c)
{
	c->msg++;
	c->args[1] += c->compat ? TCL_COMPAT_MMSGHDR : TCL_MMSGHDR;
	return c->ret > (s64)c->msg && c->msg < TCL_MAX_MMSG;
}

#endif
