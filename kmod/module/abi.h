/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The module's interface: /dev/tiercel, its ioctls, and the rings.
 *
 * An open file is one consumer with a selection, options, rings and counters
 * of its own. It calls SETUP once, RING for the descriptor of each ring, then
 * SELECT and START as it likes. A ring looks to its reader as a BPF ring
 * buffer does: the consumer's position in the page at offset 0, which alone
 * is writable; the producer's in the page behind it; then the data, twice in
 * a row. Records have the same eight-byte header. Closing the last descriptor
 * gives everything back.
 *
 * All structures are free of padding and hold the same on 32 and 64 bits.
 */
#ifndef TCL_ABI_H
#define TCL_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Raised with every change of what is below. */
#define TCL_API_VERSION 2

#define TCL_DEVICE "tiercel"

struct tcl_abi_info {
	__u32 api;
	__u32 possible_cpus;
	__u64 tracepoints; /* those of TCL_TP_* that this kernel has */
	char schema[16];   /* of the events: first digits of a hash of the sources' tables */
	char version[64];  /* of the release that the sources come from; NUL ends it */
};

#define TCL_SETUP_DROP_FAILED 1 /* leave out calls with a negative result */
#define TCL_SETUP_REPORT_SELF 2 /* tell of the consumer's own process, too */
#define TCL_SETUP_DYNAMIC     4 /* dynamic snaplen */
#define TCL_SETUP_FLAGS	      7

struct tcl_abi_setup {
	__u32 ring_bytes;    /* a power of two, whole pages */
	__u32 cpus_per_ring; /* 0: one ring for all */
	__u32 snaplen;	     /* at most 65000 */
	__u32 flags;
	__s64 boot_offset; /* added to the boot clock: the time of events */
	__u16 full_first;  /* ports of dynamic snaplen */
	__u16 full_last;
	__u16 statsd;
	__u16 zero;
	__u32 wake_level; /* fill of a ring, in bytes, that wakes its reader */
	__u32 rings;	  /* out: how many there are */
};

struct tcl_abi_ring {
	__u32 index; /* in */
	__s32 fd;    /* out: to map and to poll */
	__u32 cpu;   /* out: the first CPU that uses it */
	__u32 zero;
};

struct tcl_abi_calls {
	__u64 native[8]; /* by 64-bit number */
	__u64 ia32[8];	 /* by the number that a 32-bit caller uses */
};

struct tcl_abi_plane {
	struct tcl_abi_calls exit;
	struct tcl_abi_calls enter;
	__u64 tp;
};

struct tcl_abi_stats {
	__u32 cpu; /* in */
	__u32 zero;
	__u64 seen;
	__u64 delivered;
	__u64 drops_ring;
	__u64 drops_page;
	__u64 drops_scratch;
	__u64 drops_recursion;
	__u64 faults;
	__u64 sampled;
	__u64 drops_class[8];
};

struct tcl_abi_drops {
	__u64 by_call[512]; /* by syscall code */
};

#define TCL_IOC_INFO	 _IOR(0xb5, 1, struct tcl_abi_info)
#define TCL_IOC_SETUP	 _IOWR(0xb5, 2, struct tcl_abi_setup)
#define TCL_IOC_RING	 _IOWR(0xb5, 3, struct tcl_abi_ring)
#define TCL_IOC_SELECT	 _IOW(0xb5, 4, struct tcl_abi_plane)
#define TCL_IOC_START	 _IO(0xb5, 5)
#define TCL_IOC_STOP	 _IO(0xb5, 6)
#define TCL_IOC_SAMPLING _IOW(0xb5, 7, __u32) /* a power of two, 1 to 128; 1: off */
#define TCL_IOC_SNAPLEN	 _IOW(0xb5, 8, __u32)
#define TCL_IOC_STATS	 _IOWR(0xb5, 9, struct tcl_abi_stats)
#define TCL_IOC_DROPS	 _IOR(0xb5, 10, struct tcl_abi_drops)
#define TCL_IOC_NAMES	 _IOW(0xb5, 11, __u32) /* 1: hold the name of every open against its object; 0 */

#endif
