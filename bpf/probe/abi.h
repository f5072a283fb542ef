/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a kernel's headers have and its BTF has not, or calls by names that
 * changed: scalar types, macros, and numbers that never change (uapi/linux/bpf.h).
 */
#ifndef TCL_ABI_H
#define TCL_ABI_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef _Bool bool;

#define true  1
#define false 0
#define NULL  ((void *)0)

#define __always_inline inline __attribute__((always_inline))
#define __force
#define offsetof(type, field)	 __builtin_offsetof(type, field)
#define offsetofend(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))
#define NSEC_PER_SEC		 1000000000L

#define BPF_FUNC_map_lookup_elem       1
#define BPF_FUNC_get_smp_processor_id  8
#define BPF_FUNC_tail_call	       12
#define BPF_FUNC_get_current_pid_tgid  14
#define BPF_FUNC_perf_event_output     25
#define BPF_FUNC_get_current_task      35
#define BPF_FUNC_probe_read_user       112
#define BPF_FUNC_probe_read_kernel     113
#define BPF_FUNC_probe_read_user_str   114
#define BPF_FUNC_probe_read_kernel_str 115
#define BPF_FUNC_ktime_get_boot_ns     125

#define BPF_MAP_TYPE_ARRAY	      2
#define BPF_MAP_TYPE_PROG_ARRAY	      3
#define BPF_MAP_TYPE_PERF_EVENT_ARRAY 4

#define BPF_F_MMAPABLE	  (1U << 10)
#define BPF_F_CURRENT_CPU 0xffffffffULL

#endif
