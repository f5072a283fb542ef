/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Calls that name their object in the caller's memory: open, openat, openat2,
 * creat, chdir, connect. Another thread can rewrite the name after the kernel has
 * read it, or put another object under the descriptor before we look at it.
 * The exit of the call cannot tell the two apart, nor either of them from a
 * symbolic link. So where the name and the object disagree and somebody was
 * there who could have made them, the call is told twice: first as the
 * caller's memory has it, then as the kernel's object has it. Whichever was
 * tampered with, the other one is the truth and meets the rules. With all_names
 * nobody has to have been there: what is reached through a link is told under
 * its own name, too.
 */
#ifndef TCL_TRUTH_H
#define TCL_TRUTH_H

#include "path.h"
#include "sock.h"

#define TCL_MM_SHMEMPAGES 3

/* Names longer than this are not compared: they count as different. */
#define TCL_MAX_COMPARE 256

#define TCL_AT_FDCWD -100

#define TCL_TEXT4(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

/* Values of tcl_ctx.suspect. */
enum tcl_suspect {
	TCL_AGREES = 0,
	TCL_MAY_DIFFER, /* names must be compared */
	TCL_DIFFERS,
};

/* Events whose object can be held against its name. */
#define TCL_NAMES_OBJECT(code)                                                                               \
	((code) == PPME_SYSCALL_OPEN_X || (code) == PPME_SYSCALL_OPENAT_2_X ||                               \
	 (code) == PPME_SYSCALL_OPENAT2_X || (code) == PPME_SYSCALL_CREAT_X ||                               \
	 (code) == PPME_SYSCALL_CHDIR_X || (code) == PPME_SOCKET_CONNECT_X)

/* Can somebody else write to the caller's memory, or change its descriptors? */
TCL_INLINE bool tcl_has_company(struct tcl_ctx *c)
{
	struct mm_struct *mm = F(c->task, mm);

	return F(mm, mm_users.counter) > 1 || F(F(c->task, files), count.counter) > 1 ||
	       tcl_rss(mm, TCL_MM_SHMEMPAGES);
}

/*
 * The caller's name of a file, relative to the directory dir (a descriptor);
 * the kernel's name when the call is told for the second time.
 */
TCL_INLINE void tcl_put_name(struct tcl_ctx *c, s32 dir, u64 addr)
{
	if (c->truth) {
		tcl_put_loaded_path(c);
		return;
	}
	c->name_dir = dir;
	c->name_at = c->pos;
	tcl_put_ustr(c, addr);
	c->name_len = c->pos - c->name_at;
}

/*
 * Are the c->len bytes of the event from c->addr on those of c->path from
 * c->last_pos on? There is one copy of it without a jump backwards: a loop that
 * some compilers end without a jump (clang 14) is refused by kernels before 6.8.
 */
TCL_INLINE bool tcl_same_text(struct tcl_ctx *c)
{
	u64 left, diff, a, b;
	u32 i;

	if (c->len > TCL_MAX_COMPARE)
		return false;
#ifdef __clang__
#pragma unroll
#endif
	for (i = 0; i < TCL_MAX_COMPARE; i += 8) {
		if (i >= c->len)
			break;
		left = c->len - i;
		a = c->addr + i;
		b = c->last_pos + i;
		TCL_MASK(a, TCL_POS_MASK);
		TCL_MASK(b, TCL_MAX_PATH - 1);
		diff = *(u64 *)(c->buf + a) ^ *(u64 *)(c->path + b);
		if (left < 8)
			diff <<= 64 - 8 * left;
		if (diff)
			return false;
	}
	return true;
}

/*
 * The directory that a relative name starts at, for tcl_load_path. The one of
 * an absolute name is not of interest: what is left in the nodes does no harm.
 * Of a chdir it is not known any more.
 */
TCL_INLINE void tcl_load_base(struct tcl_ctx *c)
{
	struct tcl_place p = {NULL, NULL};
	u64 at = c->name_at;

	c->base_pos = 0;
	TCL_MASK(at, TCL_POS_MASK);
	if (c->buf[at] == '/')
		return;
	if (c->name_dir == TCL_AT_FDCWD && c->type != PPME_SYSCALL_CHDIR_X)
		p = tcl_read_place(AT(F(c->task, fs), pwd));
	else if (c->name_dir != TCL_AT_FDCWD)
		p = tcl_read_place(AT(tcl_fd_file(c, c->name_dir), f_path));
	c->nodes[2] = p.dentry;
	c->nodes[3] = p.mnt;
}

/* Of a name that begins with "/pro": is it one below /proc/self? */
#define TCL_PROC_SELF 10
#define TCL_IS_PROC_SELF(b)                                                                                  \
	(*(u32 *)((b) + 4) == TCL_TEXT4('c', '/', 's', 'e') &&                                               \
	 *(u32 *)((b) + 7) == TCL_TEXT4('e', 'l', 'f', '/'))

/*
 * /proc/self is a link to /proc/PID, which is no news. What follows must be the
 * same, behind a number of up to seven digits.
 */
TCL_INLINE bool tcl_is_below_proc(struct tcl_ctx *c, u64 len, u64 path_len)
{
	u64 in = c->path_pos;

	TCL_MASK(in, TCL_MAX_PATH - 1);
	return *(u32 *)(c->path + in) == TCL_TEXT4('/', 'p', 'r', 'o') &&
	       *(u32 *)(c->path + in + 2) == TCL_TEXT4('r', 'o', 'c', '/') && path_len >= len + 7 &&
	       path_len <= len + 13;
}

/*
 * Which part of the name must be the same as which part of the path, for
 * tcl_same_text, so that the path answers to the name? False: none can be. On
 * systems where /bin and /lib are links to the same names under /usr, that is no
 * difference.
 */
TCL_INLINE bool tcl_choose_text(struct tcl_ctx *c, u32 head, bool in_self)
{
	u64 len = c->name_len, at = c->name_at, in = c->path_pos;
	u64 path_len = TCL_MAX_PATH - in;

	if ((u8)head != '/') {
		/* tar calls its members ./NAME */
		if (len > 2 && (u16)head == ('.' | '/' << 8)) {
			at += 2;
			len -= 2;
		}
		in = c->base_pos + 1;
		path_len = c->base_pos ? TCL_MAX_PATH - in : 0;
	} else if (path_len == len + 4 &&
		   (head == TCL_TEXT4('/', 'b', 'i', 'n') || head == TCL_TEXT4('/', 'l', 'i', 'b') ||
		    head == TCL_TEXT4('/', 's', 'b', 'i'))) {
		TCL_MASK(in, TCL_MAX_PATH - 1);
		if (*(u32 *)(c->path + in) != TCL_TEXT4('/', 'u', 's', 'r'))
			return false;
		in += 4;
		path_len = len;
	} else if (head == TCL_TEXT4('/', 'p', 'r', 'o') && len > TCL_PROC_SELF && in_self) {
		at += TCL_PROC_SELF;
		len -= TCL_PROC_SELF;
		if (!tcl_is_below_proc(c, len, path_len))
			return false;
		in = TCL_MAX_PATH - len;
		path_len = len;
	}
	c->addr = at;
	c->last_pos = in;
	c->len = len;
	return len == path_len;
}

/* Does the path in c->path answer to the name in the event? */
TCL_INLINE bool tcl_is_name_of_path(struct tcl_ctx *c)
{
	u64 at = c->name_at;
	u32 head;

	TCL_MASK(at, TCL_POS_MASK);
	head = *(u32 *)(c->buf + at);
	if (c->name_len == 2 && (u8)head == '.')
		return c->base_pos == TCL_MAX_PATH - 1;
	return tcl_choose_text(c, head, TCL_IS_PROC_SELF(c->buf + at)) && tcl_same_text(c);
}

/*
 * Is what the call worked on another object than the one that it named? To be
 * asked where they may disagree; leaves the object's path in c->path.
 */
TCL_INLINE bool tcl_is_other_object(struct tcl_ctx *c)
{
	struct file *f = c->object;

	if (c->type == PPME_SOCKET_CONNECT_X)
		return true;
	tcl_load_base(c);
	tcl_load_path(c, c->type == PPME_SYSCALL_CHDIR_X ? AT(F(c->task, fs), pwd) : AT(f, f_path), true);
	if (c->suspect == TCL_DIFFERS)
		return true;
	return !tcl_is_name_of_path(c) && (c->type == PPME_SYSCALL_CHDIR_X || !tcl_is_pathless(f));
}

/* Is the address in c->tmp another one than where the socket is connected to? */
TCL_INLINE bool tcl_is_other_peer(struct tcl_ctx *c, struct sock *sk)
{
	u16 family = F(sk, __sk_common.skc_family);
	u16 port = TCL_PLAIN(u16, F(sk, __sk_common.skc_dport));
	struct in6_addr a6;
	u64 *want, *is;
	u32 a4;

	if ((family != TCL_AF_INET && family != TCL_AF_INET6) || !port)
		return false;
	if (*(u16 *)c->tmp != family || *(u16 *)(c->tmp + 2) != port)
		return true;
	/* Whoever asks for the address 0 gets his own machine. */
	if (family == TCL_AF_INET) {
		a4 = *(u32 *)(c->tmp + 4);
		return a4 && a4 != TCL_PLAIN(u32, F(sk, __sk_common.skc_daddr));
	}
	a6 = F(sk, __sk_common.skc_v6_daddr);
	want = (u64 *)(c->tmp + 8);
	is = (u64 *)&a6;
	return (want[0] | want[1]) && (want[0] != is[0] || want[1] != is[1]);
}

/* Where the socket is connected to, as a PT_SOCKADDR. */
TCL_INLINE void tcl_put_peer(struct tcl_ctx *c, struct sock *sk)
{
	u16 family = F(sk, __sk_common.skc_family);

	tcl_raw_start(c);
	tcl_raw_u8(c, family);
	c->len = 0;
	tcl_raw_remote(c, sk, family);
	tcl_raw_end(c);
}

/* A tuple that knows nothing but the address in c->tmp. */
TCL_INLINE void tcl_put_wanted_tuple(struct tcl_ctx *c)
{
	u16 family = *(u16 *)c->tmp;

	tcl_raw_start(c);
	tcl_raw_u8(c, family);
	if (family == TCL_AF_INET) {
		tcl_raw_u32(c, 0);
		tcl_raw_u16(c, 0);
		tcl_raw_u32(c, *(u32 *)(c->tmp + 4));
		tcl_raw_u16(c, tcl_be16(*(u16 *)(c->tmp + 2)));
	} else if (family == TCL_AF_INET6) {
		tcl_raw_u64(c, 0);
		tcl_raw_u64(c, 0);
		tcl_raw_u16(c, 0);
		tcl_raw_kmem(c, c->tmp + 8, 16);
		tcl_raw_u16(c, tcl_be16(*(u16 *)(c->tmp + 2)));
	}
	tcl_raw_end(c);
}

#endif
