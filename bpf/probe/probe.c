// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The legacy probe: every filler of drivers/probe as a program of its own, the
 * parts of long events chained by tail calls. What decides about events and
 * claims the scratch memory comes with the driver's loader.
 */
#include "backend.h"
#include "probe.h"

struct bpf_map_def {
	u32 type, key_size, value_size, max_entries, map_flags;
};

/* One scratch state per CPU, claimed by the program on the tracepoint. */
struct bpf_map_def SEC("maps") tcl_scratch = {
    .type = BPF_MAP_TYPE_ARRAY,
    .key_size = sizeof(u32),
    .value_size = sizeof(struct tcl_ctx),
    .max_entries = 1, /* CPUs: set by the loader */
};

struct bpf_map_def SEC("maps") tcl_tail = {
    .type = BPF_MAP_TYPE_PROG_ARRAY,
    .key_size = sizeof(u32),
    .value_size = sizeof(u32),
    .max_entries = 3 * 512,
};

struct bpf_map_def SEC("maps") tcl_perf = {
    .type = BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    .key_size = sizeof(u32),
    .value_size = sizeof(u32),
    .max_entries = 0, /* CPUs: set by the loader */
};

TCL_INLINE struct tcl_ctx *tcl_mine(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&tcl_scratch, &cpu);
}

TCL_INLINE int tcl_end(void *ctx, struct tcl_ctx *c, int err)
{
	u64 len = c->pos;

	if (!err)
		err = tcl_finish(c, c->tid);
	if (err)
		return 0;
	TCL_MASK(len, TCL_MAX_EVENT - 1);
	bpf_perf_event_output(ctx, &tcl_perf, BPF_F_CURRENT_CPU, c->buf, len);
	return 0;
}

#define TCL_PART(name, code, n, k, fill, last)                                                               \
	SEC("raw_tracepoint/" #name #k)                                                                      \
	int x_##name##k(void *ctx)                                                                           \
	{                                                                                                    \
		struct tcl_ctx *c = tcl_mine();                                                              \
		int err;                                                                                     \
		if (!c)                                                                                      \
			return 0;                                                                            \
		if (k < 2)                                                                                   \
			tcl_begin(c, code, n);                                                               \
		err = fill(c);                                                                               \
		if (!last)                                                                                   \
			bpf_tail_call(ctx, &tcl_tail, (code) + 512 * (k));                                   \
		return tcl_end(ctx, c, err);                                                                 \
	}

#define TCL_PROGRAM_1(name, code, n) TCL_PART(name, code, n, 0, tcl_fill_##name, 1)
#define TCL_PROGRAM_2(name, code, n)                                                                         \
	TCL_PART(name, code, n, 1, tcl_fill_##name##_1, 0)                                                   \
	TCL_PART(name, code, n, 2, tcl_fill_##name##_2, 1)
#define TCL_PROGRAM_3(name, code, n)                                                                         \
	TCL_PART(name, code, n, 1, tcl_fill_##name##_1, 0)                                                   \
	TCL_PART(name, code, n, 2, tcl_fill_##name##_2, 0)                                                   \
	TCL_PART(name, code, n, 3, tcl_fill_##name##_3, 1)
#define TCL_PROGRAM(name, code, n, parts) TCL_PROGRAM_##parts(name, code, n)

TCL_EVENTS(TCL_PROGRAM)
TCL_TRACEPOINT_EVENTS(TCL_PROGRAM)

char tcl_license[] SEC("license") = "Dual MIT/GPL";
