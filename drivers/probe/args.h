/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Arguments and environment of a program: from the task's own memory once it
 * runs, from the caller's pointer lists when the call failed.
 */
#ifndef TCL_ARGS_H
#define TCL_ARGS_H

#include "put.h"

/* Strings of a pointer list that are read one by one. */
#define TCL_MAX_POINTERS 16

/* Copies [from, to) of the task's memory, at most 4096 bytes that end in NUL. */
TCL_INLINE int tcl_put_strings(struct tcl_ctx *c, u64 from, u64 to)
{
	u64 len = to > from ? to - from : 0;
	u64 at;

	if (!len)
		return tcl_put_empty(c);
	len = tcl_copy_user(c, from, len, TCL_MAX_ARGS);
	if (!len)
		return tcl_put_empty(c);
	at = c->pos + len - 1;
	TCL_MASK(at, TCL_POS_MASK);
	TCL_STORE(u8, c->buf + at, 0);
	return tcl_push(c, len);
}

/* exe (argv[0]) and args (the rest) of a running program: two parameters. */
TCL_INLINE void tcl_put_exe_args(struct tcl_ctx *c, struct mm_struct *mm)
{
	u64 start = F(mm, arg_start);
	u64 end = F(mm, arg_end);
	long n;

	if (!mm || end <= start) {
		tcl_put_empty(c);
		tcl_put_empty(c);
		return;
	}
	n = tcl_ustr(tcl_here(c), TCL_MAX_PATH, start);
	if (n < 0)
		n = 0;
	tcl_push(c, n);
	tcl_put_strings(c, start + n, end);
}

/* The string that the list at addr has at index i; 0 ends the list. */
TCL_INLINE u64 tcl_list_entry(struct tcl_ctx *c, u64 addr, u32 i)
{
	u64 p = 0;
	u32 p32 = 0;

	if (c->compat) {
		if (tcl_uread(&p32, sizeof(p32), addr + 4 * i))
			return 0;
		return p32;
	}
	if (tcl_uread(&p, sizeof(p), addr + 8 * i))
		return 0;
	return p;
}

/* The strings of a pointer list from index first on, as one parameter. */
TCL_INLINE int tcl_put_list(struct tcl_ctx *c, u64 addr, const u32 first)
{
	u64 room, p;
	long n;
	u32 i;

	tcl_raw_start(c);
	for (i = first; i < first + TCL_MAX_POINTERS; i++) {
		p = tcl_list_entry(c, addr, i);
		if (!p)
			break;
		room = c->mark + TCL_MAX_ARGS - c->pos;
		if (room > TCL_MAX_ARGS || room < 2)
			break;
		TCL_FORGET(room);
		TCL_CLAMP(room, TCL_MAX_ARGS);
		n = tcl_ustr(tcl_here(c), room, p);
		if (n <= 0)
			break;
		c->pos += n;
	}
	return tcl_raw_end(c);
}

#endif
