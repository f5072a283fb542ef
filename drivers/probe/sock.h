/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Socket addresses: the caller's and the kernel's.
 */
#ifndef TCL_SOCK_H
#define TCL_SOCK_H

#include "task.h"

#define TCL_AF_UNSPEC 0
#define TCL_AF_UNIX   1
#define TCL_AF_INET   2
#define TCL_AF_INET6  10

#define TCL_SOCKADDR_MAX  128
#define TCL_UNIX_PATH_MAX 109 /* 108 bytes and a NUL */
#define TCL_OFF_UNIX_PATH 2

TCL_INLINE u16 tcl_be16(u16 v)
{
	return (u16)(v << 8 | v >> 8);
}

/* The socket behind a descriptor of the current task; NULL when it is none. */
TCL_INLINE struct sock *tcl_fd_sock(struct tcl_ctx *c, s32 fd)
{
	struct file *f = tcl_fd_file(c, fd);
	struct inode *in = F(f, f_inode);
	struct socket *s;

	if (!f || (F(in, i_mode) & TCL_S_IFMT) != TCL_S_IFSOCK || F(F(in, i_sb), s_magic) != TCL_SOCKFS_MAGIC)
		return NULL;
	s = F(f, private_data);
	return F(s, sk);
}

/* Copies the caller's socket address to c->tmp, zero padded; returns its family or -1. */
TCL_INLINE s32 tcl_load_sockaddr(struct tcl_ctx *c, u64 addr, u64 len)
{
	u32 i;

	for (i = 0; i < sizeof(c->tmp) / 8; i++)
		TCL_STORE(u64, c->tmp + 8 * i, 0);
	c->len = 0;
	if (!addr || (s64)len < 2)
		return -1;
	TCL_FORGET(len);
	TCL_CLAMP(len, TCL_SOCKADDR_MAX);
	if (tcl_uread(c->tmp, len, addr))
		return -1;
	c->len = len;
	return *(u16 *)c->tmp;
}

/*
 * The path of the address in c->tmp. The NUL that starts an abstract name is
 * left out, as the reference does.
 */
TCL_INLINE void tcl_raw_loaded_unix(struct tcl_ctx *c)
{
	if (c->tmp[TCL_OFF_UNIX_PATH])
		tcl_raw_kstr(c, c->tmp + TCL_OFF_UNIX_PATH, TCL_UNIX_PATH_MAX);
	else
		tcl_raw_kstr(c, c->tmp + TCL_OFF_UNIX_PATH + 1, TCL_UNIX_PATH_MAX);
}

/* The path that a unix socket is bound to; an unbound one has "". */
TCL_INLINE void tcl_raw_unix_path(struct tcl_ctx *c, struct unix_sock *us)
{
	struct unix_address *a = us ? F(us, addr) : NULL;
	u8 *path = (u8 *)a + TCL_SIZEOF(struct unix_address) + TCL_OFF_UNIX_PATH;

	if (!a) {
		tcl_raw_u8(c, 0);
		return;
	}
	if (!RD(u8, path))
		path++;
	tcl_raw_kstr(c, path, TCL_UNIX_PATH_MAX);
}

/* The caller's address as a PT_SOCKADDR; empty when it cannot be read. */
TCL_INLINE int tcl_put_sockaddr(struct tcl_ctx *c, u64 addr, u64 len)
{
	s32 family = tcl_load_sockaddr(c, addr, len);

	if (family < 0)
		return tcl_put_empty(c);
	tcl_raw_start(c);
	tcl_raw_u8(c, family);
	if (family == TCL_AF_INET) {
		tcl_raw_u32(c, *(u32 *)(c->tmp + 4));
		tcl_raw_u16(c, tcl_be16(*(u16 *)(c->tmp + 2)));
	} else if (family == TCL_AF_INET6) {
		tcl_raw_kmem(c, c->tmp + 8, 16);
		tcl_raw_u16(c, tcl_be16(*(u16 *)(c->tmp + 2)));
	} else if (family == TCL_AF_UNIX) {
		tcl_raw_loaded_unix(c);
	}
	return tcl_raw_end(c);
}

/* Address and port of the near end of an IP socket. */
TCL_INLINE void tcl_raw_local(struct tcl_ctx *c, struct sock *sk, u16 family)
{
	if (family == TCL_AF_INET)
		tcl_raw_u32(c, TCL_PLAIN(u32, F((struct inet_sock *)sk, inet_saddr)));
	else if (F((struct inet_sock *)sk, pinet6))
		tcl_raw_kmem(c, AT(F((struct inet_sock *)sk, pinet6), saddr), 16);
	else
		tcl_raw_kmem(c, AT(sk, __sk_common.skc_v6_rcv_saddr), 16);
	tcl_raw_u16(c, tcl_be16(TCL_PLAIN(u16, F((struct inet_sock *)sk, inet_sport))));
}

/*
 * Address and port of the far end. A socket without a peer takes them from the
 * caller's address in c->tmp if that is of the same family.
 */
TCL_INLINE void tcl_raw_remote(struct tcl_ctx *c, struct sock *sk, u16 family)
{
	u16 port = TCL_PLAIN(u16, F(sk, __sk_common.skc_dport));
	bool given = !port && c->len >= 8 && *(u16 *)c->tmp == family;

	if (family == TCL_AF_INET)
		tcl_raw_u32(c, given ? *(u32 *)(c->tmp + 4) : TCL_PLAIN(u32, F(sk, __sk_common.skc_daddr)));
	else if (given)
		tcl_raw_kmem(c, c->tmp + 8, 16);
	else
		tcl_raw_kmem(c, AT(sk, __sk_common.skc_v6_daddr), 16);
	tcl_raw_u16(c, tcl_be16(given ? *(u16 *)(c->tmp + 2) : port));
}

/*
 * The pair of addresses of a socket as a PT_SOCKTUPLE, source
 * first: the near end when we went out, the far end when it came in. The
 * caller's address (0: none) fills in what the kernel does not know.
 */
TCL_INLINE int tcl_put_tuple_of(struct tcl_ctx *c, struct sock *sk, const bool inbound, u64 addr, u64 len)
{
	struct unix_sock *us, *peer;
	u16 family;

	if (!sk)
		return tcl_put_empty(c);
	tcl_load_sockaddr(c, addr, len);
	family = F(sk, __sk_common.skc_family);
	tcl_raw_start(c);
	tcl_raw_u8(c, family);
	if (family == TCL_AF_INET || family == TCL_AF_INET6) {
		if (inbound) {
			tcl_raw_remote(c, sk, family);
			tcl_raw_local(c, sk, family);
		} else {
			tcl_raw_local(c, sk, family);
			tcl_raw_remote(c, sk, family);
		}
	} else if (family == TCL_AF_UNIX) {
		us = (struct unix_sock *)sk;
		peer = (struct unix_sock *)F(us, peer);
		if (inbound) {
			tcl_raw_u64(c, (u64)(unsigned long)peer);
			tcl_raw_u64(c, (u64)(unsigned long)us);
			tcl_raw_unix_path(c, us);
		} else {
			tcl_raw_u64(c, (u64)(unsigned long)us);
			tcl_raw_u64(c, (u64)(unsigned long)peer);
			if (!peer && c->len > 2)
				tcl_raw_loaded_unix(c);
			else
				tcl_raw_unix_path(c, peer);
		}
	}
	return tcl_raw_end(c);
}

TCL_INLINE int tcl_put_socktuple(struct tcl_ctx *c, s32 fd, const bool inbound, u64 addr, u64 len)
{
	return tcl_put_tuple_of(c, tcl_fd_sock(c, fd), inbound, addr, len);
}

#endif
