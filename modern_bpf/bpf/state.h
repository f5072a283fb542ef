/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the eBPF probes share with their loader. The Go side mirrors the
 * layouts; a test compares the sizes and offsets with the types in the object's
 * BTF. The maps themselves are declared by each probe (maps.h).
 */
#ifndef TCL_STATE_H
#define TCL_STATE_H

#include "probe.h"
#include "select.h"

/* Scratch slots of a CPU: preempted programs keep theirs. */
#define TCL_SLOTS 4

/*
 * Written by the loader while the probe runs: it fills the plane that is not
 * active, then switches the index, which is one store.
 */
struct tcl_control {
	u32 active;
	u32 self; /* thread group that is not reported; 0: all are */
	s64 boot_offset;
	struct tcl_plane plane[2];
	u32 sampling;  /* ratio of sampling mode; 0 and 1: off */
	u32 silent;    /* written by the probe: a silent phase was announced */
	u64 marking;   /* programs that are about to announce a phase */
	u32 all_names; /* hold the name of every open against its object */
	u32 zero;
};

struct tcl_control tcl_control SEC(".data.control");

/* Fixed before the probe is loaded; the verifier sees them as constants. */
const volatile u32 tcl_drop_failed;
const volatile u32 tcl_wake_level;
const volatile u32 tcl_snaplen;
const volatile u32 tcl_dynamic; /* the mode of snaplen.h, and its ports */
const volatile u16 tcl_full_first;
const volatile u16 tcl_full_last;
const volatile u16 tcl_statsd_port;

static const volatile u16 tcl_sc_of_nr[TCL_NR_TABLE] = TCL_SC_OF_NR;
static const volatile u16 tcl_event_of_nr[TCL_NR_TABLE] = TCL_EVENT_OF_NR;
static const volatile u8 tcl_class_of_sc[TCL_NR_TABLE] = TCL_CLASS_OF_SC;
#if defined(__TARGET_ARCH_x86)
/* Not static: a test reads it. */
const volatile s16 tcl_nr_of_ia32[TCL_IA32_TABLE] = TCL_NR_OF_IA32;
#endif

/*
 * Counters of one slot, changed only by whoever holds the slot; the last one
 * also by runs that found no free slot, atomically. Exact without locks.
 */
struct tcl_counters {
	u64 seen;
	u64 delivered;
	u64 drops_ring;
	u64 drops_page;
	u64 drops_scratch;
	u64 faults; /* delivered, but a parameter is empty because its memory was not there */
	u64 drops_class[TCL_NUM_CLASSES]; /* scap.DropClass */
	u64 sampled;			  /* left out by sampling mode: not seen; as no_slot */
	u64 no_slot[TCL_NUM_CLASSES];	  /* by class; seen and dropped; on the first slot of a CPU */
};

/* Drops by syscall code, of all CPUs: rare enough to be counted atomically in one place. */
u64 tcl_drops[TCL_NR_TABLE] SEC(".data.drops");

/*
 * Event code to program at the exit of calls. Behind the codes are the parts
 * that long events go on with.
 */
#define TCL_TAIL_EXEC_2	 512
#define TCL_TAIL_EXEC_3	 513
#define TCL_TAIL_CLONE_2 514
#define TCL_TAIL_SNAPLEN 515
#define TCL_TAIL_TRUTH	 516
#define TCL_TAIL_SIZE	 517

#endif
