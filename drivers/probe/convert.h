/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The kernel's numbers for flags and modes, and what they become on the wire:
 * an encoding that is the same on every architecture (see flags in the schema).
 *
 * Kernel values are spelled out here because the eBPF drivers have no headers
 * and the values are user-space ABI; where architectures differ it is shown.
 */
#ifndef TCL_CONVERT_H
#define TCL_CONVERT_H

#include "gen/flags.h"

/*
 * The bit to of the result if the bit from is set. Both are single bits and
 * constants, so this is a shift and a mask: no branch for the verifier to follow.
 */
#define TCL_BIT(v, from, to)                                                                                 \
	((u32)((from) >= (to) ? ((u32)(v) & (from)) / ((from) / (to) ? (from) / (to) : 1)                    \
			      : ((u32)(v) & (from)) * ((to) / (from))))

/* asm-generic/fcntl.h; arm64 has four of its own */
#define TCL_O_ACCMODE	  00000003u
#define TCL_O_WRONLY	  00000001u
#define TCL_O_CREAT	  00000100u
#define TCL_O_EXCL	  00000200u
#define TCL_O_TRUNC	  00001000u
#define TCL_O_APPEND	  00002000u
#define TCL_O_NONBLOCK	  00004000u
#define TCL_O_DSYNC	  00010000u
#define TCL_O_CLOEXEC	  02000000u
#define TCL_O_SYNC_BIT	  04000000u
#define TCL_O_PATH	  010000000u
#define TCL_O_TMPFILE_BIT 020000000u
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define TCL_O_DIRECTORY 00040000u
#define TCL_O_DIRECT	00200000u
#define TCL_O_LARGEFILE 00400000u
#else
#define TCL_O_DIRECT	00040000u
#define TCL_O_LARGEFILE 00100000u
#define TCL_O_DIRECTORY 00200000u
#endif

TCL_INLINE u32 tcl_conv_open_flags(u64 v)
{
	/* Access modes 0, 1, 2 are 1, 2, 3 on the wire; 3 is a kernel-private mode. */
	u32 acc = v & TCL_O_ACCMODE;
	u32 f = acc == 3 ? 0 : acc + 1;

	f |= TCL_BIT(v, TCL_O_CREAT, TCL_FILE_FLAGS_O_CREAT);
	f |= TCL_BIT(v, TCL_O_APPEND, TCL_FILE_FLAGS_O_APPEND);
	f |= TCL_BIT(v, TCL_O_DSYNC, TCL_FILE_FLAGS_O_DSYNC);
	f |= TCL_BIT(v, TCL_O_EXCL, TCL_FILE_FLAGS_O_EXCL);
	f |= TCL_BIT(v, TCL_O_NONBLOCK, TCL_FILE_FLAGS_O_NONBLOCK);
	f |= TCL_BIT(v, TCL_O_SYNC_BIT, TCL_FILE_FLAGS_O_SYNC);
	f |= TCL_BIT(v, TCL_O_TRUNC, TCL_FILE_FLAGS_O_TRUNC);
	f |= TCL_BIT(v, TCL_O_DIRECT, TCL_FILE_FLAGS_O_DIRECT);
	f |= TCL_BIT(v, TCL_O_DIRECTORY, TCL_FILE_FLAGS_O_DIRECTORY);
	f |= TCL_BIT(v, TCL_O_LARGEFILE, TCL_FILE_FLAGS_O_LARGEFILE);
	f |= TCL_BIT(v, TCL_O_CLOEXEC, TCL_FILE_FLAGS_O_CLOEXEC);
	f |= TCL_BIT(v, TCL_O_TMPFILE_BIT, TCL_FILE_FLAGS_O_TMPFILE);
	return f;
}

/* Permission bits, set-id bits and the sticky bit have their usual values. */
TCL_INLINE u32 tcl_conv_mode(u64 v)
{
	return v & 07777;
}

/* linux/openat2.h */
TCL_INLINE u32 tcl_conv_resolve_flags(u64 v)
{
	u32 f = TCL_BIT(v, 0x08u, TCL_OPENAT2_FLAGS_BENEATH);

	f |= TCL_BIT(v, 0x10u, TCL_OPENAT2_FLAGS_IN_ROOT);
	f |= TCL_BIT(v, 0x02u, TCL_OPENAT2_FLAGS_NO_MAGICLINKS);
	f |= TCL_BIT(v, 0x04u, TCL_OPENAT2_FLAGS_NO_SYMLINKS);
	f |= TCL_BIT(v, 0x01u, TCL_OPENAT2_FLAGS_NO_XDEV);
	f |= v & 0x20; /* CACHED */
	return f;
}

/* linux/sched.h and the wire's clone_flags */
#define TCL_CLONE_VM	0x00000100u
#define TCL_CLONE_VFORK 0x00004000u

TCL_INLINE u32 tcl_conv_clone_flags(u64 v)
{
	u32 f = TCL_BIT(v, 0x00000400u, TCL_CLONE_FLAGS_FILES);

	f |= TCL_BIT(v, 0x00000200u, TCL_CLONE_FLAGS_FS);
	f |= TCL_BIT(v, 0x80000000u, TCL_CLONE_FLAGS_IO);
	f |= TCL_BIT(v, 0x08000000u, TCL_CLONE_FLAGS_NEWIPC);
	f |= TCL_BIT(v, 0x40000000u, TCL_CLONE_FLAGS_NEWNET);
	f |= TCL_BIT(v, 0x00020000u, TCL_CLONE_FLAGS_NEWNS);
	f |= TCL_BIT(v, 0x20000000u, TCL_CLONE_FLAGS_NEWPID);
	f |= TCL_BIT(v, 0x04000000u, TCL_CLONE_FLAGS_NEWUTS);
	f |= TCL_BIT(v, 0x00008000u, TCL_CLONE_FLAGS_PARENT);
	f |= TCL_BIT(v, 0x00100000u, TCL_CLONE_FLAGS_PARENT_SETTID);
	f |= TCL_BIT(v, 0x00002000u, TCL_CLONE_FLAGS_PTRACE);
	f |= TCL_BIT(v, 0x00000800u, TCL_CLONE_FLAGS_SIGHAND);
	f |= TCL_BIT(v, 0x00040000u, TCL_CLONE_FLAGS_SYSVSEM);
	f |= TCL_BIT(v, 0x00010000u, TCL_CLONE_FLAGS_THREAD);
	f |= TCL_BIT(v, 0x00800000u, TCL_CLONE_FLAGS_UNTRACED);
	f |= TCL_BIT(v, TCL_CLONE_VM, TCL_CLONE_FLAGS_VM);
	f |= TCL_BIT(v, 0x10000000u, TCL_CLONE_FLAGS_NEWUSER);
	f |= TCL_BIT(v, 0x00200000u, TCL_CLONE_FLAGS_CHILD_CLEARTID);
	f |= TCL_BIT(v, 0x01000000u, TCL_CLONE_FLAGS_CHILD_SETTID);
	f |= TCL_BIT(v, 0x00080000u, TCL_CLONE_FLAGS_SETTLS);
	f |= TCL_BIT(v, TCL_CLONE_VFORK, TCL_CLONE_FLAGS_VFORK);
	f |= TCL_BIT(v, 0x02000000u, TCL_CLONE_FLAGS_NEWCGROUP);
	return f;
}

/* SOCK_CLOEXEC and SOCK_NONBLOCK are the O_ flags of the same names. */
TCL_INLINE u32 tcl_conv_socket_flags(u64 v)
{
	return tcl_conv_open_flags(v & (TCL_O_CLOEXEC | TCL_O_NONBLOCK)) & ~1u;
}

/* Families have the same numbers on the wire. */
TCL_INLINE u32 tcl_conv_socket_family(u64 v)
{
	return v;
}

#endif
