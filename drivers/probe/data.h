/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What generated fillers say with `put`: the bytes that calls move, and the
 * structures around them.
 */
#ifndef TCL_DATA_H
#define TCL_DATA_H

#include "values.h"

/* How many bytes of a buffer are copied, and the most that a driver may set. */
#define TCL_SNAPLEN(c) ((c)->snap)
#define TCL_MAX_DATA   65000

/* The control data of a message: 253 descriptors and a header. */
#define TCL_MAX_CONTROL 1040

/* Elements of a vector that are looked at; Linux allows 1024 (UIO_MAXIOV). */
#define TCL_MAX_IOVEC 32
/* Data beyond so many elements is not copied; their lengths are added up all the same. */
#define TCL_MAX_IODATA 12
#define TCL_MAX_POLL   16

/* len bytes of data, in two copies if they are many. */
TCL_INLINE void tcl_raw_data(struct tcl_ctx *c, u64 addr, u64 len)
{
	u64 first = tcl_copy_user(c, addr, len, TCL_MAX_COPY);

	c->pos += first;
	if (first == TCL_MAX_COPY)
		c->pos += tcl_copy_user(c, addr + TCL_MAX_COPY, len - TCL_MAX_COPY, TCL_MAX_COPY);
}

/* The first bytes of a buffer of len bytes. */
TCL_INLINE int tcl_put_data(struct tcl_ctx *c, u64 addr, u64 len)
{
	u64 snap = TCL_SNAPLEN(c);

	tcl_raw_start(c);
	tcl_raw_data(c, addr, len < snap ? len : snap);
	return tcl_raw_end(c);
}

/* What a call has read into the buffer. */
TCL_INLINE int tcl_p_data_in(struct tcl_ctx *c, u64 addr)
{
	if (TCL_RET(c) <= 0)
		return tcl_put_empty(c);
	return tcl_put_data(c, addr, TCL_RET(c));
}

/* What a call has written from the buffer; what it was asked to write if it failed. */
TCL_INLINE int tcl_p_data_out(struct tcl_ctx *c, u64 addr, u64 len)
{
	return tcl_put_data(c, addr, TCL_RET(c) > 0 ? (u64)TCL_RET(c) : len);
}

/* Element i of a vector of buffers; false at its end. */
TCL_INLINE bool tcl_iovec(struct tcl_ctx *c, u64 iov, u32 i, u64 *base, u64 *len)
{
	u64 v[2] = {0, 0};
	u32 v32[2] = {0, 0};

	if (c->compat) {
		if (tcl_uread(v32, sizeof(v32), iov + 8 * i))
			return false;
		*base = v32[0];
		*len = v32[1];
		return true;
	}
	if (tcl_uread(v, sizeof(v), iov + 16 * i))
		return false;
	*base = v[0];
	*len = v[1];
	return true;
}

/* The sum of the lengths of a vector. */
TCL_INLINE int tcl_p_iov_size(struct tcl_ctx *c, u64 iov, u64 n)
{
	u64 base, len;
	u32 i;

	c->len = 0;
	for (i = 0; i < TCL_MAX_IOVEC; i++) {
		if (i >= n || !tcl_iovec(c, iov, i, &base, &len))
			break;
		c->len += len;
	}
	return tcl_put_u32(c, c->len);
}

/* The first bytes of at most `total` in the buffers of a vector. */
TCL_INLINE int tcl_put_iov(struct tcl_ctx *c, u64 iov, u64 n, u64 total)
{
	u64 base, len;
	u32 i;

	c->len = TCL_SNAPLEN(c);
	if (total < c->len)
		c->len = total;
	tcl_raw_start(c);
	for (i = 0; i < TCL_MAX_IODATA; i++) {
		if (i >= n || !c->len || !tcl_iovec(c, iov, i, &base, &len))
			break;
		if (len > c->len)
			len = c->len;
		c->len -= len;
		tcl_raw_data(c, base, len);
	}
	return tcl_raw_end(c);
}

TCL_INLINE int tcl_p_iov_in(struct tcl_ctx *c, u64 iov, u64 n)
{
	return tcl_put_iov(c, iov, n, TCL_RET(c) > 0 ? (u64)TCL_RET(c) : 0);
}

TCL_INLINE int tcl_p_iov_out(struct tcl_ctx *c, u64 iov, u64 n)
{
	return tcl_put_iov(c, iov, n, TCL_RET(c) > 0 ? (u64)TCL_RET(c) : ~0ULL);
}

/*
 * struct msghdr (linux/socket.h) is six words: name, length of the name,
 * vector, its length, control data, its length. Only the name's length is an
 * int in 64-bit callers.
 */
enum tcl_msg_word {
	TCL_MSG_NAME,
	TCL_MSG_NAMELEN,
	TCL_MSG_IOV,
	TCL_MSG_IOVLEN,
	TCL_MSG_CONTROL,
	TCL_MSG_CONTROLLEN,
};

TCL_INLINE u64 tcl_msg_word(struct tcl_ctx *c, u64 msg, const u32 word)
{
	u64 v = 0;
	u32 v32 = 0;

	if (c->compat)
		return tcl_uread(&v32, sizeof(v32), msg + 4 * word) ? 0 : v32;
	if (tcl_uread(&v, sizeof(v), msg + 8 * word))
		return 0;
	return word == TCL_MSG_NAMELEN ? (u32)v : v;
}

TCL_INLINE int tcl_p_msg_size(struct tcl_ctx *c, u64 msg)
{
	return tcl_p_iov_size(c, tcl_msg_word(c, msg, TCL_MSG_IOV), tcl_msg_word(c, msg, TCL_MSG_IOVLEN));
}

TCL_INLINE int tcl_p_msg_data_in(struct tcl_ctx *c, u64 msg)
{
	return tcl_p_iov_in(c, tcl_msg_word(c, msg, TCL_MSG_IOV), tcl_msg_word(c, msg, TCL_MSG_IOVLEN));
}

TCL_INLINE int tcl_p_msg_data_out(struct tcl_ctx *c, u64 msg)
{
	return tcl_p_iov_out(c, tcl_msg_word(c, msg, TCL_MSG_IOV), tcl_msg_word(c, msg, TCL_MSG_IOVLEN));
}

/* The control data that came with a message; left out where the data has filled the event. */
TCL_INLINE int tcl_p_msg_control(struct tcl_ctx *c, u64 msg)
{
	if (TCL_RET(c) < 0 || c->pos > TCL_MAX_EVENT - TCL_MAX_CONTROL - 16)
		return tcl_put_empty(c);
	return tcl_put_umem(c, tcl_msg_word(c, msg, TCL_MSG_CONTROL),
			    tcl_msg_word(c, msg, TCL_MSG_CONTROLLEN), TCL_MAX_CONTROL);
}

/* struct mmsghdr: a message, and behind it how much of it was moved. */
TCL_INLINE u32 tcl_mmsg_len(struct tcl_ctx *c, u64 mmsg)
{
	u32 len = 0;

	if (tcl_uread(&len, sizeof(len), mmsg + (c->compat ? 28 : 56)))
		len = 0;
	return len;
}

/* What became of the first message. */
TCL_INLINE int tcl_p_mmsg_res(struct tcl_ctx *c, u64 mmsg)
{
	return tcl_put_s64(c, TCL_RET(c) > 0 ? (s64)tcl_mmsg_len(c, mmsg) : TCL_RET(c));
}

TCL_INLINE int tcl_p_mmsg_data_in(struct tcl_ctx *c, u64 mmsg)
{
	return tcl_put_iov(c, tcl_msg_word(c, mmsg, TCL_MSG_IOV), tcl_msg_word(c, mmsg, TCL_MSG_IOVLEN),
			   TCL_RET(c) > 0 ? (u64)tcl_mmsg_len(c, mmsg) : 0);
}

TCL_INLINE int tcl_p_mmsg_data_out(struct tcl_ctx *c, u64 mmsg)
{
	return tcl_put_iov(c, tcl_msg_word(c, mmsg, TCL_MSG_IOV), tcl_msg_word(c, mmsg, TCL_MSG_IOVLEN),
			   TCL_RET(c) > 0 ? (u64)tcl_mmsg_len(c, mmsg) : ~0ULL);
}

/* Addresses of the socket that data went out of or came in by. */

TCL_INLINE int tcl_p_socktuple_out(struct tcl_ctx *c, u64 fd)
{
	return tcl_put_socktuple(c, fd, false, 0, 0);
}

TCL_INLINE int tcl_p_socktuple_out_to(struct tcl_ctx *c, u64 fd, u64 addr, u64 len)
{
	return tcl_put_socktuple(c, fd, false, addr, (u32)len);
}

TCL_INLINE int tcl_p_socktuple_out_msg(struct tcl_ctx *c, u64 fd, u64 msg)
{
	return tcl_put_socktuple(c, fd, false, tcl_msg_word(c, msg, TCL_MSG_NAME),
				 tcl_msg_word(c, msg, TCL_MSG_NAMELEN));
}

TCL_INLINE int tcl_p_socktuple_in(struct tcl_ctx *c, u64 fd)
{
	if (TCL_RET(c) < 0)
		return tcl_put_empty(c);
	return tcl_put_socktuple(c, fd, true, 0, 0);
}

/* lenp points to the length of the address. */
TCL_INLINE int tcl_p_socktuple_in_from(struct tcl_ctx *c, u64 fd, u64 addr, u64 lenp)
{
	u32 len = 0;

	if (TCL_RET(c) < 0)
		return tcl_put_empty(c);
	if (tcl_uread(&len, sizeof(len), lenp))
		len = 0;
	return tcl_put_socktuple(c, fd, true, addr, len);
}

TCL_INLINE int tcl_p_socktuple_in_msg(struct tcl_ctx *c, u64 fd, u64 msg)
{
	if (TCL_RET(c) < 0)
		return tcl_put_empty(c);
	return tcl_put_socktuple(c, fd, true, tcl_msg_word(c, msg, TCL_MSG_NAME),
				 tcl_msg_word(c, msg, TCL_MSG_NAMELEN));
}

/* asm-generic/socket.h */
#define TCL_SOL_SOCKET	    1
#define TCL_SO_ERROR	    4
#define TCL_SO_BINDTODEVICE 25

TCL_INLINE int tcl_p_sockopt_name(struct tcl_ctx *c, u64 level, u64 name)
{
	return tcl_put_u8(c, (u32)level == TCL_SOL_SOCKET ? tcl_conv_sockopt_option(name) : 0);
}

/* The value of a socket option in the shape that its name and length tell. */
TCL_INLINE int tcl_p_sockopt_value(struct tcl_ctx *c, u64 level, u64 name, u64 value, u64 len)
{
	u32 opt = (u32)level == TCL_SOL_SOCKET ? tcl_conv_sockopt_option(name) : 0;
	u64 v = 0, snap = TCL_SNAPLEN(c);
	s64 t[2] = {0, 0}; /* struct timeval */

	tcl_raw_start(c);
	if (opt == TCL_SOCKOPT_OPTIONS_SO_ERROR && (u32)len == 4 && !tcl_uread(&v, 4, value)) {
		tcl_raw_u8(c, TCL_SOCKOPT_DYNAMIC_PARAM_ERRNO);
		tcl_raw_s64(c, -(s64)v);
	} else if ((opt == TCL_SOCKOPT_OPTIONS_SO_RCVTIMEO || opt == TCL_SOCKOPT_OPTIONS_SO_SNDTIMEO) &&
		   (u32)len == sizeof(t) && !tcl_uread(t, sizeof(t), value)) {
		tcl_raw_u8(c, TCL_SOCKOPT_DYNAMIC_PARAM_TIMEVAL);
		tcl_raw_u64(c, (u64)t[0] * 1000000000ULL + (u64)t[1] * 1000ULL);
	} else if (opt == TCL_SOCKOPT_OPTIONS_SO_COOKIE && (u32)len == 8 && !tcl_uread(&v, 8, value)) {
		tcl_raw_u8(c, TCL_SOCKOPT_DYNAMIC_PARAM_UINT64);
		tcl_raw_u64(c, v);
	} else if (opt && opt != TCL_SOCKOPT_OPTIONS_SO_BINDTODEVICE && (u32)len == 4 &&
		   !tcl_uread(&v, 4, value)) {
		tcl_raw_u8(c, TCL_SOCKOPT_DYNAMIC_PARAM_UINT32);
		tcl_raw_u32(c, v);
	} else {
		tcl_raw_u8(c, TCL_SOCKOPT_DYNAMIC_PARAM_UNKNOWN);
		len = (u32)len;
		c->pos += tcl_copy_user(c, value, len < snap ? len : snap, TCL_MAX_COPY);
	}
	return tcl_raw_end(c);
}

/* The same where the call returns the value; lenp points to its length. */
TCL_INLINE int tcl_p_sockopt_result(struct tcl_ctx *c, u64 level, u64 name, u64 value, u64 lenp)
{
	u32 len = 0;

	if (TCL_RET(c) < 0 || tcl_uread(&len, sizeof(len), lenp))
		len = 0;
	return tcl_p_sockopt_value(c, level, name, value, len);
}

/* linux/mount.h */
#define TCL_FSCONFIG_SET_STRING	    1
#define TCL_FSCONFIG_SET_BINARY	    2
#define TCL_FSCONFIG_SET_PATH	    3
#define TCL_FSCONFIG_SET_PATH_EMPTY 4

TCL_INLINE int tcl_p_fsconfig_bytes(struct tcl_ctx *c, u64 cmd, u64 value, u64 len)
{
	if ((u32)cmd != TCL_FSCONFIG_SET_BINARY)
		return tcl_put_empty(c);
	return tcl_put_data(c, value, (u32)len);
}

TCL_INLINE int tcl_p_fsconfig_str(struct tcl_ctx *c, u64 cmd, u64 value)
{
	u32 k = cmd;

	if (k != TCL_FSCONFIG_SET_STRING && k != TCL_FSCONFIG_SET_PATH && k != TCL_FSCONFIG_SET_PATH_EMPTY)
		return tcl_put_empty(c);
	return tcl_put_ustr(c, value);
}

/* struct pollfd: the descriptors that the call found ready, and for what. */
TCL_INLINE int tcl_p_poll_fds(struct tcl_ctx *c, u64 fds, u64 n)
{
	struct {
		s32 fd;
		s16 events, revents;
	} p = {0, 0, 0};
	u64 at;
	u32 i;

	tcl_raw_start(c);
	tcl_raw_u16(c, 0);
	c->n = 0;
	for (i = 0; i < TCL_MAX_POLL; i++) {
		if (i >= n || tcl_uread(&p, sizeof(p), fds + sizeof(p) * i))
			break;
		if (!p.revents)
			continue;
		tcl_raw_s64(c, p.fd);
		tcl_raw_s16(c, tcl_conv_poll_events((u16)p.revents));
		c->n++;
	}
	at = c->mark;
	TCL_MASK(at, TCL_POS_MASK);
	TCL_STORE(u16, c->buf + at, (u16)c->n);
	return tcl_raw_end(c);
}

#endif
