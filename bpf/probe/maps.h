/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The maps of the legacy probe, declared without type information. The loader
 * multiplies what is there for each CPU.
 */
#ifndef TCL_MAPS_H
#define TCL_MAPS_H

#include "state.h"

struct bpf_map_def {
	u32 type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") tcl_slots = {
    .type = BPF_MAP_TYPE_ARRAY,
    .key_size = sizeof(u32),
    .value_size = sizeof(struct tcl_ctx),
    .max_entries = TCL_SLOTS,
};

struct bpf_map_def SEC("maps") tcl_counts = {
    .type = BPF_MAP_TYPE_ARRAY,
    .key_size = sizeof(u32),
    .value_size = sizeof(struct tcl_counters),
    .max_entries = TCL_SLOTS,
    .map_flags = BPF_F_MMAPABLE,
};

/* CPU number to its perf buffer. */
struct bpf_map_def SEC("maps") tcl_perf = {
    .type = BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    .key_size = sizeof(u32),
    .value_size = sizeof(u32),
    .max_entries = 1,
};

#define TCL_TAIL_TABLE(name, size)                                                                           \
	struct bpf_map_def SEC("maps") name = {                                                              \
	    .type = BPF_MAP_TYPE_PROG_ARRAY,                                                                 \
	    .key_size = sizeof(u32),                                                                         \
	    .value_size = sizeof(u32),                                                                       \
	    .max_entries = size,                                                                             \
	}

/* See TCL_TAIL_*. */
TCL_TAIL_TABLE(tcl_tail_exit, TCL_TAIL_SIZE);
/* Code of the exit event to program at the entry of calls. */
TCL_TAIL_TABLE(tcl_tail_enter, TCL_TAIL_EXEC_2);
/* Parts 2 and 3 of the programs on sched_process_exec and sched_process_fork. */
TCL_TAIL_TABLE(tcl_tail_exec, 2);
TCL_TAIL_TABLE(tcl_tail_fork, 2);

#endif
