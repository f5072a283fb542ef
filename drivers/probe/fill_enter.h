/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Enter events: what a call was asked for, as the caller's memory had it
 * before the call began. All other calls give the generic enter event.
 */
#ifndef TCL_FILL_ENTER_H
#define TCL_FILL_ENTER_H

#include "convert.h"
#include "fill_open.h"
#include "sock.h"

/* X(name, code, number of parameters) */
#define TCL_ENTER_EVENTS(X)                                                                                  \
	X(syscall_open_e, PPME_SYSCALL_OPEN_E, 3)                                                            \
	X(syscall_creat_e, PPME_SYSCALL_CREAT_E, 2)                                                          \
	X(syscall_openat_2_e, PPME_SYSCALL_OPENAT_2_E, 4)                                                    \
	X(syscall_openat2_e, PPME_SYSCALL_OPENAT2_E, 5)                                                      \
	X(socket_connect_e, PPME_SOCKET_CONNECT_E, 2)                                                        \
	X(syscall_execve_19_e, PPME_SYSCALL_EXECVE_19_E, 1)                                                  \
	X(syscall_execveat_e, PPME_SYSCALL_EXECVEAT_E, 3)

TCL_INLINE int tcl_fill_syscall_open_e(struct tcl_ctx *c)
{
	u64 raw = TCL_ARG(c, 1);

	tcl_put_ustr(c, TCL_ARG(c, 0));
	tcl_put_u32(c, tcl_conv_open_flags(raw));
	tcl_put_u32(c, tcl_open_mode(raw, TCL_ARG(c, 2)));
	return 0;
}

TCL_INLINE int tcl_fill_syscall_creat_e(struct tcl_ctx *c)
{
	tcl_put_ustr(c, TCL_ARG(c, 0));
	tcl_put_u32(c, tcl_conv_mode(TCL_ARG(c, 1)));
	return 0;
}

TCL_INLINE int tcl_fill_syscall_openat_2_e(struct tcl_ctx *c)
{
	u64 raw = TCL_ARG(c, 2);

	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	tcl_put_ustr(c, TCL_ARG(c, 1));
	tcl_put_u32(c, tcl_conv_open_flags(raw));
	tcl_put_u32(c, tcl_open_mode(raw, TCL_ARG(c, 3)));
	return 0;
}

TCL_INLINE int tcl_fill_syscall_openat2_e(struct tcl_ctx *c)
{
	u64 how[3] = {0, 0, 0}; /* struct open_how: flags, mode, resolve */

	if (tcl_uread(how, sizeof(how), TCL_ARG(c, 2)))
		how[0] = how[1] = how[2] = 0;
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	tcl_put_ustr(c, TCL_ARG(c, 1));
	tcl_put_u32(c, tcl_conv_open_flags(how[0]));
	tcl_put_u32(c, tcl_open_mode(how[0], how[1]));
	tcl_put_u32(c, tcl_conv_resolve_flags(how[2]));
	return 0;
}

TCL_INLINE int tcl_fill_socket_connect_e(struct tcl_ctx *c)
{
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	tcl_put_sockaddr(c, TCL_ARG(c, 1), (u32)TCL_ARG(c, 2));
	return 0;
}

TCL_INLINE int tcl_fill_syscall_execve_19_e(struct tcl_ctx *c)
{
	tcl_put_ustr(c, TCL_ARG(c, 0));
	return 0;
}

/* linux/fcntl.h */
#define TCL_AT_SYMLINK_NOFOLLOW 0x100
#define TCL_AT_EMPTY_PATH	0x1000

TCL_INLINE u32 tcl_execveat_flags(u64 v)
{
	return (v & TCL_AT_EMPTY_PATH ? TCL_EXECVEAT_FLAGS_EMPTY_PATH : 0) |
	       (v & TCL_AT_SYMLINK_NOFOLLOW ? TCL_EXECVEAT_FLAGS_SYMLINK_NOFOLLOW : 0);
}

TCL_INLINE int tcl_fill_syscall_execveat_e(struct tcl_ctx *c)
{
	tcl_put_s64(c, (s32)TCL_ARG(c, 0));
	tcl_put_ustr(c, TCL_ARG(c, 1));
	tcl_put_u32(c, tcl_execveat_flags(TCL_ARG(c, 4)));
	return 0;
}

#endif
