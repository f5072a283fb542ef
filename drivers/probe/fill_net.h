/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * bind, connect, accept, accept4, socketpair.
 */
#ifndef TCL_FILL_NET_H
#define TCL_FILL_NET_H

#include "convert.h"
#include "sock.h"
#include "truth.h"

#define TCL_EINPROGRESS 115

TCL_INLINE int tcl_fill_socket_bind_x(struct tcl_ctx *c)
{
	struct sock *sk;
	s32 family;
	u16 port;

	tcl_put_s64(c, TCL_RET(c));
	family = tcl_load_sockaddr(c, TCL_ARG(c, 1), (u32)TCL_ARG(c, 2));
	port = *(u16 *)(c->tmp + 2);
	sk = TCL_RET(c) ? NULL : tcl_fd_sock(c, TCL_ARG(c, 0));
	if (sk && port && (family == TCL_AF_INET || family == TCL_AF_INET6) &&
	    F(sk, __sk_common.skc_family) == family) {
		/*
		 * The caller's memory may have changed since; the socket has not.
		 * Port 0 stays 0, though: a bind to any port is no server's.
		 */
		tcl_raw_start(c);
		tcl_raw_u8(c, family);
		tcl_raw_local(c, sk, family);
		tcl_raw_end(c);
	} else {
		tcl_put_sockaddr(c, TCL_ARG(c, 1), (u32)TCL_ARG(c, 2));
	}
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	return 0;
}

TCL_INLINE int tcl_fill_socket_connect_x(struct tcl_ctx *c)
{
	bool done = TCL_RET(c) == 0 || TCL_RET(c) == -TCL_EINPROGRESS;
	struct sock *sk = c->object;

	if (done && !c->truth) {
		sk = tcl_fd_sock(c, TCL_ARG(c, 0));
		c->object = sk;
		tcl_load_sockaddr(c, TCL_ARG(c, 1), (u32)TCL_ARG(c, 2));
		if (sk && tcl_has_company(c) && tcl_is_other_peer(c, sk))
			c->suspect = TCL_DIFFERS;
	}
	tcl_put_s64(c, TCL_RET(c));
	if (!done)
		tcl_put_empty(c);
	else if (c->suspect && !c->truth)
		tcl_put_wanted_tuple(c);
	else
		tcl_put_tuple_of(c, sk, false, c->truth ? 0 : TCL_ARG(c, 1), (u32)TCL_ARG(c, 2));
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	if (c->truth)
		tcl_put_peer(c, sk);
	else
		tcl_put_sockaddr(c, TCL_ARG(c, 1), (u32)TCL_ARG(c, 2));
	return 0;
}

/* fd to queuemax: the common front of the two accepts. */
TCL_INLINE void tcl_put_accepted(struct tcl_ctx *c)
{
	struct sock *sk = NULL;
	u32 len, max;

	tcl_put_s64(c, TCL_RET(c));
	if (TCL_RET(c) < 0) {
		tcl_put_empty(c);
	} else {
		tcl_put_socktuple(c, TCL_RET(c), true, 0, 0);
		sk = tcl_fd_sock(c, TCL_ARG(c, 0));
	}
	len = F(sk, sk_ack_backlog);
	max = F(sk, sk_max_ack_backlog);
	tcl_put_u8(c, max ? (u64)len * 100 / max : 0);
	tcl_put_u32(c, len);
	tcl_put_u32(c, max);
}

TCL_INLINE int tcl_fill_socket_accept_5_x(struct tcl_ctx *c)
{
	tcl_put_accepted(c);
	return 0;
}

TCL_INLINE int tcl_fill_socket_accept4_6_x(struct tcl_ctx *c)
{
	tcl_put_accepted(c);
	tcl_put_s32(c, tcl_conv_socket_flags(TCL_ARG(c, 3)));
	return 0;
}

TCL_INLINE int tcl_fill_socket_socketpair_x(struct tcl_ctx *c)
{
	s32 fds[2] = {-1, -1};
	struct sock *sk = NULL;

	tcl_put_s64(c, TCL_RET(c));
	if (TCL_RET(c) || tcl_uread(fds, sizeof(fds), TCL_ARG(c, 3)))
		fds[0] = fds[1] = -1;
	sk = tcl_fd_sock(c, fds[0]);
	tcl_put_s64(c, fds[0]);
	tcl_put_s64(c, fds[1]);
	tcl_put_u64(c, (u64)(unsigned long)sk);
	tcl_put_u64(c, F(sk, __sk_common.skc_family) == TCL_AF_UNIX
			   ? (u64)(unsigned long)F((struct unix_sock *)sk, peer)
			   : 0);
	tcl_put_u32(c, tcl_conv_socket_family(TCL_ARG(c, 0)));
	tcl_put_u32(c, TCL_ARG(c, 1));
	tcl_put_u32(c, TCL_ARG(c, 2));
	return 0;
}

#endif
