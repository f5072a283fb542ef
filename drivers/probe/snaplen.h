/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Dynamic snaplen: more bytes of the data that goes over sockets of some
 * ports, or that looks like a protocol worth seeing.
 */
#ifndef TCL_SNAPLEN_H
#define TCL_SNAPLEN_H

#include "sock.h"

#define TCL_SNAP_FULL	  16000
#define TCL_SNAP_PROTOCOL 2000
#define TCL_SNAP_DNS	  512

#define TCL_PORT_DNS	  53
#define TCL_PORT_MYSQL	  3306
#define TCL_PORT_POSTGRES 5432
#define TCL_PORT_MONGODB  27017

#define TCL_CONTENT 16 /* bytes that are looked at */

/* Where a call's data is. */
enum tcl_io {
	TCL_IO_NONE,
	TCL_IO_BUFFER,	  /* argument 1, of length argument 2 */
	TCL_IO_BUFFER_TO, /* the same, with an address in arguments 4 and 5 */
	TCL_IO_VECTOR,	  /* argument 1 is a vector */
	TCL_IO_MESSAGE,	  /* argument 1 is a message header */
};

TCL_INLINE u32 tcl_io(u32 type)
{
	switch (type) {
	case PPME_SYSCALL_READ_X:
	case PPME_SYSCALL_WRITE_X:
	case PPME_SYSCALL_PREAD_X:
	case PPME_SYSCALL_PWRITE_X:
	case PPME_SOCKET_SEND_X:
	case PPME_SOCKET_RECV_X:
	case PPME_SOCKET_RECVFROM_X:
		return TCL_IO_BUFFER;
	case PPME_SOCKET_SENDTO_X:
		return TCL_IO_BUFFER_TO;
	case PPME_SYSCALL_READV_X:
	case PPME_SYSCALL_WRITEV_X:
	case PPME_SYSCALL_PREADV_X:
	case PPME_SYSCALL_PWRITEV_X:
		return TCL_IO_VECTOR;
	case PPME_SOCKET_SENDMSG_X:
	case PPME_SOCKET_RECVMSG_X:
	case PPME_SOCKET_SENDMMSG_X:
	case PPME_SOCKET_RECVMMSG_X:
		return TCL_IO_MESSAGE;
	}
	return TCL_IO_NONE;
}

#define TCL_WORD(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

TCL_INLINE bool tcl_is_http(u32 w)
{
	return w == TCL_WORD('G', 'E', 'T', ' ') || w == TCL_WORD('P', 'O', 'S', 'T') ||
	       w == TCL_WORD('P', 'U', 'T', ' ') || w == TCL_WORD('D', 'E', 'L', 'E') ||
	       w == TCL_WORD('H', 'E', 'A', 'D') || w == TCL_WORD('T', 'R', 'A', 'C') ||
	       w == TCL_WORD('C', 'O', 'N', 'N') || w == TCL_WORD('O', 'P', 'T', 'I') ||
	       w == TCL_WORD('P', 'A', 'T', 'C') || w == TCL_WORD('H', 'T', 'T', 'P');
}

/* A packet of MySQL: three bytes of length, a number, then the command (3 is a query). */
TCL_INLINE bool tcl_is_mysql(const u8 *b)
{
	return b[4] == 3 || b[0] == 3 || (b[2] == 0 && b[3] == 0);
}

/* Of PostgreSQL: a letter and a length below 16 MiB, or the start with protocol 3. */
TCL_INLINE bool tcl_is_postgres(const u8 *b)
{
	if (b[1] == 0 && (b[0] == 'Q' || b[0] == 'P' || b[0] == 'E'))
		return true;
	return b[4] == 0 && b[5] == 3 && b[6] == 0;
}

/* Of MongoDB: the operation is the fourth word of the header. */
TCL_INLINE bool tcl_is_mongodb(u32 op)
{
	return op == 1 || (op >= 2001 && op <= 2007);
}

/* The first bytes of the call's data, to c->tmp, zero padded. */
TCL_INLINE void tcl_load_content(struct tcl_ctx *c, u32 io)
{
	u64 addr = c->args[1], len = c->args[2], iov = 0;

	if (io == TCL_IO_MESSAGE)
		iov = tcl_msg_word(c, c->args[1], TCL_MSG_IOV);
	else if (io == TCL_IO_VECTOR)
		iov = c->args[1];
	if (iov && !tcl_iovec(c, iov, 0, &addr, &len))
		len = 0;
	if (c->ret > 0 && (u64)c->ret < len)
		len = c->ret;
	TCL_STORE(u64, c->tmp, 0);
	TCL_STORE(u64, c->tmp + 8, 0);
	TCL_FORGET(len);
	TCL_CLAMP(len, TCL_CONTENT);
	tcl_uread(c->tmp, len, addr);
}

/* The remote port that the caller's address names; 0 if none. */
TCL_INLINE u16 tcl_named_port(struct tcl_ctx *c, u32 io)
{
	u64 addr = 0;
	u16 port = 0;

	if (io == TCL_IO_BUFFER_TO)
		addr = c->args[4];
	else if (io == TCL_IO_MESSAGE)
		addr = tcl_msg_word(c, c->args[1], TCL_MSG_NAME);
	/* Both families have it at the same place. */
	if (!addr || tcl_uread(&port, sizeof(port), addr + 2))
		return 0;
	return tcl_be16(port);
}

/* Ports that the user chose. */
struct tcl_snap_ports {
	u16 full_first; /* this range: full capture; off while the last one is 0 */
	u16 full_last;
	u16 statsd;
};

TCL_INLINE bool tcl_in_full_range(struct tcl_snap_ports p, u32 port)
{
	return port && port >= p.full_first && port <= p.full_last;
}

/* How many bytes of this call's data are wanted; the first rule that fits decides. */
TCL_INLINE u32 tcl_dynamic_snaplen(struct tcl_ctx *c, u32 io, struct tcl_snap_ports p)
{
	struct sock *sk = tcl_fd_sock(c, (s32)c->args[0]);
	u32 local = 0, remote = 0;
	u16 family;

	if (!sk)
		return 0;
	family = F(sk, __sk_common.skc_family);
	if (family == TCL_AF_INET || family == TCL_AF_INET6) {
		local = F(sk, __sk_common.skc_num);
		remote = tcl_be16(TCL_PLAIN(u16, F(sk, __sk_common.skc_dport)));
		if (!remote)
			remote = tcl_named_port(c, io);
	}
	if (p.full_last && (tcl_in_full_range(p, local) || tcl_in_full_range(p, remote)))
		return TCL_SNAP_FULL;
	if (remote && remote == p.statsd)
		return TCL_SNAP_PROTOCOL;
	if (remote == TCL_PORT_DNS)
		return TCL_SNAP_DNS;
	tcl_load_content(c, io);
	if ((local == TCL_PORT_MYSQL || remote == TCL_PORT_MYSQL) && tcl_is_mysql(c->tmp))
		return TCL_SNAP_PROTOCOL;
	if ((local == TCL_PORT_POSTGRES || remote == TCL_PORT_POSTGRES) && tcl_is_postgres(c->tmp))
		return TCL_SNAP_PROTOCOL;
	if (local == TCL_PORT_MONGODB || remote == TCL_PORT_MONGODB || tcl_is_mongodb(*(u32 *)(c->tmp + 12)))
		return TCL_SNAP_PROTOCOL;
	return tcl_is_http(*(u32 *)c->tmp) ? TCL_SNAP_PROTOCOL : 0;
}

#endif
