/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The maps of the CO-RE probe.
 */
#ifndef TCL_MAPS_H
#define TCL_MAPS_H

#include "state.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TCL_SLOTS); /* times CPUs */
	__type(key, u32);
	__type(value, struct tcl_ctx);
} tcl_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TCL_SLOTS); /* times CPUs */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct tcl_counters);
} tcl_counts SEC(".maps");

struct tcl_ring_type {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* CPU number to its ring. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* CPUs */
	__uint(key_size, sizeof(u32));
	__array(values, struct tcl_ring_type);
} tcl_rings SEC(".maps");

/* See TCL_TAIL_*. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TCL_TAIL_SIZE);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} tcl_tail_exit SEC(".maps");

/* Code of the exit event to program at the entry of calls. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TCL_TAIL_EXEC_2);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} tcl_tail_enter SEC(".maps");

/* Parts 2 and 3 of the programs on sched_process_exec and sched_process_fork. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} tcl_tail_exec SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} tcl_tail_fork SEC(".maps");

#endif
