/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * pipe, pipe2, ptrace, and the event of every call that has none of its own.
 */
#ifndef TCL_FILL_MISC_H
#define TCL_FILL_MISC_H

#include "convert.h"
#include "file.h"
#include "gen/conv.h"

TCL_INLINE int tcl_fill_generic_x(struct tcl_ctx *c)
{
	tcl_put_u16(c, c->sc);
	tcl_put_u16(c, c->nr);
	return 0;
}

TCL_INLINE void tcl_put_pipe(struct tcl_ctx *c)
{
	s32 fds[2] = {-1, -1};
	struct file *f;

	tcl_put_s64(c, TCL_RET(c));
	if (TCL_RET(c) || tcl_uread(fds, sizeof(fds), TCL_ARG(c, 0)))
		fds[0] = fds[1] = -1;
	f = tcl_fd_file(c, fds[0]);
	tcl_put_s64(c, fds[0]);
	tcl_put_s64(c, fds[1]);
	tcl_put_u64(c, f ? F(F(f, f_inode), i_ino) : 0);
}

TCL_INLINE int tcl_fill_syscall_pipe_x(struct tcl_ctx *c)
{
	tcl_put_pipe(c);
	return 0;
}

TCL_INLINE int tcl_fill_syscall_pipe2_x(struct tcl_ctx *c)
{
	tcl_put_pipe(c);
	tcl_put_u32(c, tcl_conv_socket_flags(TCL_ARG(c, 1)));
	return 0;
}

/* linux/ptrace.h */
#define TCL_PTRACE_PEEKUSR    3
#define TCL_PTRACE_POKEUSR    6
#define TCL_PTRACE_CONT	      7
#define TCL_PTRACE_SINGLESTEP 9
#define TCL_PTRACE_DETACH     17
#define TCL_PTRACE_SYSCALL    24

/* Selectors of ptrace_dynamic_param. */
#define TCL_DYN_PTRACE_NUMBER 0
#define TCL_DYN_PTRACE_SIGNAL 1

/* data is an address to read from, a number, or a signal: the request decides. */
TCL_INLINE void tcl_put_ptrace_data(struct tcl_ctx *c, u32 request, u64 data)
{
	u64 v = data;

	tcl_raw_start(c);
	switch (request) {
	case TCL_PTRACE_CONT:
	case TCL_PTRACE_SINGLESTEP:
	case TCL_PTRACE_DETACH:
	case TCL_PTRACE_SYSCALL:
		tcl_raw_u8(c, TCL_DYN_PTRACE_SIGNAL);
		tcl_raw_u8(c, data);
		break;
	default:
		/* PEEKTEXT 1, PEEKDATA 2, PEEKUSR 3: the kernel wrote the word to data. */
		if (request && request <= TCL_PTRACE_PEEKUSR && TCL_RET(c) >= 0 &&
		    tcl_uread(&v, sizeof(v), data))
			v = 0;
		tcl_raw_u8(c, TCL_DYN_PTRACE_NUMBER);
		tcl_raw_u64(c, v);
	}
	tcl_raw_end(c);
}

TCL_INLINE int tcl_fill_syscall_ptrace_x(struct tcl_ctx *c)
{
	tcl_put_s64(c, TCL_RET(c));
	tcl_raw_start(c);
	tcl_raw_u8(c, TCL_DYN_PTRACE_NUMBER);
	tcl_raw_u64(c, TCL_ARG(c, 2));
	tcl_raw_end(c);
	tcl_put_ptrace_data(c, TCL_ARG(c, 0), TCL_ARG(c, 3));
	tcl_put_u16(c, tcl_conv_ptrace_request(TCL_ARG(c, 0)));
	tcl_put_s64(c, (s32)TCL_ARG(c, 1));
	return 0;
}

#endif
