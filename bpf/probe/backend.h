/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the portable vocabulary of drivers/probe means in the legacy eBPF
 * probe, which is compiled for the kernel that it runs on: against its headers
 * or, with TCL_FROM_BTF, against a header made from its BTF (kernel.h).
 *
 * Kernel headers do not compile for the bpf target, so with those this is
 * compiled for the host's architecture to LLVM's intermediate form and only
 * then for bpf.
 */
#ifndef TCL_BACKEND_H
#define TCL_BACKEND_H

#ifdef TCL_FROM_BTF
#include "kernel.h"
#include "abi.h"
#else
#include <linux/kconfig.h>
#include <linux/types.h>
#include <linux/sched/signal.h>
#include <linux/version.h>
#include <uapi/linux/bpf.h>
#endif

#define TCL_INLINE static __always_inline

#define SEC(name) __attribute__((section(name), used))

/* A program on a tracepoint: its arguments are numbers to the verifier. */
#define TCL_HOOK(name) SEC("raw_tracepoint/" name)

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*const bpf_tail_call)(void *ctx, void *prog_array, u32 index) = (void *)BPF_FUNC_tail_call;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)BPF_FUNC_get_smp_processor_id;
static u64 (*const bpf_get_current_task)(void) = (void *)BPF_FUNC_get_current_task;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)BPF_FUNC_get_current_pid_tgid;
static u64 (*const bpf_ktime_get_boot_ns)(void) = (void *)BPF_FUNC_ktime_get_boot_ns;
static long (*const bpf_perf_event_output)(void *ctx, void *map, u64 flags, void *data,
					   u64 size) = (void *)BPF_FUNC_perf_event_output;
static long (*const bpf_probe_read_user)(void *dst, u32 size,
					 const void *src) = (void *)BPF_FUNC_probe_read_user;
static long (*const bpf_probe_read_kernel)(void *dst, u32 size,
					   const void *src) = (void *)BPF_FUNC_probe_read_kernel;
static long (*const bpf_probe_read_user_str)(void *dst, u32 size,
					     const void *src) = (void *)BPF_FUNC_probe_read_user_str;
static long (*const bpf_probe_read_kernel_str)(void *dst, u32 size,
					       const void *src) = (void *)BPF_FUNC_probe_read_kernel_str;

#define F(p, field)                                                                                          \
	({                                                                                                   \
		typeof(p) tcl_p_ = (p);                                                                      \
		typeof(((void)0, tcl_p_->field)) tcl_v_;                                                     \
		bpf_probe_read_kernel((void *)&tcl_v_, sizeof(tcl_v_), &tcl_p_->field);                      \
		tcl_v_;                                                                                      \
	})

#define AT(p, field) (&(p)->field)

/*
 * A bit field has no address. BTF says where it is; in headers it is found by
 * its neighbours: the two that fillers ask for are the first ones behind flags
 * or, since 5.16, core_state (include/linux/sched/signal.h).
 */
#define FBITS(p, field) tcl_bits_##field(p)

#ifdef TCL_FROM_BTF
#define tcl_signal_bit(s, bit)		(RD(u8, (u8 *)(s) + (bit) / 8) >> (bit) % 8 & 1)
#define tcl_bits_is_child_subreaper(s)	tcl_signal_bit(s, TCL_BIT_signal_struct_is_child_subreaper)
#define tcl_bits_has_child_subreaper(s) tcl_signal_bit(s, TCL_BIT_signal_struct_has_child_subreaper)
#else

static __always_inline u64 tcl_signal_bits(struct signal_struct *s)
{
	u32 w = 0;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 16, 0)
	bpf_probe_read_kernel(&w, sizeof(w),
			      (u8 *)s + offsetof(struct signal_struct, core_state) + sizeof(s->core_state));
#else
	bpf_probe_read_kernel(&w, sizeof(w),
			      (u8 *)s + offsetof(struct signal_struct, flags) + sizeof(s->flags));
#endif
	return w;
}
#define tcl_bits_is_child_subreaper(s)	(tcl_signal_bits(s) & 1)
#define tcl_bits_has_child_subreaper(s) (tcl_signal_bits(s) >> 1 & 1)
#endif

#define RD(type, addr)                                                                                       \
	({                                                                                                   \
		type tcl_v_;                                                                                 \
		bpf_probe_read_kernel((void *)&tcl_v_, sizeof(tcl_v_), (const void *)(addr));                \
		tcl_v_;                                                                                      \
	})

#define TCL_OFFSETOF(type, field) offsetof(type, field)
#define TCL_SIZEOF(type)	  sizeof(type)
#define TCL_ENUM(type, value)	  (value)

#define TCL_MASK(x, mask) asm volatile("%0 &= %1" : "+r"(x) : "i"(mask))
#define TCL_CLAMP(x, max) asm volatile("if %0 <= %1 goto +1; %0 = %1" : "+r"(x) : "i"(max))
#define TCL_FORGET(x)	  asm volatile("" : "+r"(x))

#define TCL_STORE(type, addr, v) (*(type *)(addr) = (type)(v))

#define tcl_kread(dst, size, src)                                                                            \
	bpf_probe_read_kernel((void *)(dst), size, (const void *)(unsigned long)(src))
#define tcl_uread(dst, size, src) bpf_probe_read_user((void *)(dst), size, (const void *)(unsigned long)(src))
#define tcl_kstr(dst, size, src)                                                                             \
	bpf_probe_read_kernel_str((void *)(dst), size, (const void *)(unsigned long)(src))
#define tcl_ustr(dst, size, src)                                                                             \
	bpf_probe_read_user_str((void *)(dst), size, (const void *)(unsigned long)(src))

/* Registers of the caller are kernel memory like any other. */
#define TCL_REG(regs, reg) F(regs, reg)

/* One read for all arguments: a helper call costs as much as the rest of a verdict. */
#define TCL_ARG_ROOM struct pt_regs tcl_room_
#define TCL_ARG_REGS(from, first, last)                                                                      \
	({                                                                                                   \
		const u32 at_ = offsetof(struct pt_regs, first);                                             \
		bpf_probe_read_kernel((u8 *)&tcl_room_ + at_, offsetofend(struct pt_regs, last) - at_,       \
				      (const u8 *)(from) + at_);                                             \
		&tcl_room_;                                                                                  \
	})
#define TCL_ARG_REG(regs, reg) ((regs)->reg)

#define tcl_self() ((struct task_struct *)bpf_get_current_task())

#include "kheaders.h"

#endif
