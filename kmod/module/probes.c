// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The tracepoints: what happens between the kernel's call of a hook and the
 * event in its ring.
 *
 * Events are built with preemption off in the CPU's own memory. What comes on
 * top of that on the same CPU (a page fault of our own reads, an interrupt) is
 * not told: it is counted as lost to recursion.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpuhotplug.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>
#include <trace/events/sched.h>
#include <trace/events/signal.h>

#include "backend.h"
#include "probe.h"
#include "messages.h"

#include "tiercel.h"

#define TCL_REG(regs, reg) ((regs)->reg)
static const s16 tcl_nr_of_ia32[TCL_IA32_TABLE] __maybe_unused = TCL_NR_OF_IA32;

/* The layouts are one and the same; select.h is what the shared code knows. */
#include "select.h"
#include "caller.h"

DEFINE_MUTEX(tcl_lock);
LIST_HEAD(tcl_consumers);

static const u16 tcl_sc_of_nr[TCL_NR_TABLE] = TCL_SC_OF_NR;
static const u16 tcl_event_of_nr[TCL_NR_TABLE] = TCL_EVENT_OF_NR;
static const u8 tcl_class_of_sc[TCL_NR_TABLE] = TCL_CLASS_OF_SC;
static const u8 tcl_sampling_of_sc[TCL_NR_TABLE] = TCL_SAMPLING_OF_SC;

/* What any consumer wants, native and 32-bit numbers together: the first thing that a hook looks at. */
static u64 tcl_any_exit[TCL_WORDS], tcl_any_enter[TCL_WORDS];

struct tcl_cpu {
	u32 busy;
	struct tcl_ctx *ctx;
};
static DEFINE_PER_CPU(struct tcl_cpu, tcl_cpus);

static u32 tcl_class(u32 sc)
{
	return tcl_class_of_sc[sc & (TCL_NR_TABLE - 1)] & (TCL_NUM_CLASSES - 1);
}

static void tcl_count_drop(struct tcl_consumer *co, u32 sc)
{
	this_cpu_inc(co->counters->drops_class[tcl_class(sc)]);
	atomic64_inc(&co->drops[sc & (TCL_NR_TABLE - 1)]);
}

/* The CPU's scratch memory; NULL, and counted, where it is in use or missing. */
static struct tcl_ctx *tcl_claim(struct tcl_consumer *co, u32 origin, u32 sc)
{
	struct tcl_cpu *cpu = this_cpu_ptr(&tcl_cpus);
	struct tcl_ctx *c = cpu->ctx;

	if (cpu->busy || !c) {
		/* Whoever was interrupted may be in the middle of an addition. */
		this_cpu_inc(co->counters->seen);
		if (c)
			this_cpu_inc(co->counters->drops_recursion);
		else
			this_cpu_inc(co->counters->drops_scratch);
		tcl_count_drop(co, sc);
		return NULL;
	}
	cpu->busy = 1;
	barrier();
	c->origin = origin;
	c->sc = sc;
	c->snap = READ_ONCE(co->snaplen);
	c->msg = 0;
	c->all_names = READ_ONCE(co->all_names);
	c->truth = 0;
	c->suspect = TCL_AGREES;
	return c;
}

static void tcl_release_cpu(void)
{
	barrier();
	this_cpu_ptr(&tcl_cpus)->busy = 0;
}

/* Builds the event and brings it to the ring, or into the counter of why not. */
static void tcl_tell(struct tcl_consumer *co, struct tcl_ctx *c, u16 type, bool enter)
{
	u32 ring = co->ring_of_cpu[smp_processor_id()];
	struct tcl_counters *n;
	int err;

	err = enter ? tcl_fill_enter(c, type) : tcl_fill(c, type);
	if (!err && tcl_ring_write(co->rings[ring], c->buf, c->pos))
		err = TCL_DROP_RING;
	n = this_cpu_ptr(co->counters);
	this_cpu_inc(co->counters->seen);
	if (!err) {
		this_cpu_inc(co->counters->delivered);
		if (c->faults && c->ret != -EFAULT)
			n->faults++;
		return;
	}
	if (err == TCL_DROP_RING)
		n->drops_ring++;
	else if (err == TCL_DROP_PAGE)
		n->drops_page++;
	else
		this_cpu_inc(co->counters->drops_scratch);
	tcl_count_drop(co, c->sc);
}

static u64 tcl_now(struct tcl_consumer *co)
{
	return ktime_get_boot_fast_ns() + co->boot_offset;
}

/* Sampling mode, as in the eBPF drivers (modern_bpf/bpf/sampling.h). */
static void tcl_mark_phase(struct tcl_consumer *co, u32 silent, u32 ratio, u64 now)
{
	struct tcl_ctx *c;

	if (atomic_cmpxchg(&co->marking, 0, 1))
		return;
	if (READ_ONCE(co->silent) != silent) {
		WRITE_ONCE(co->silent, silent);
		c = tcl_claim(co, TCL_FROM_MARK, 0);
		if (c) {
			c->ts = now;
			c->tid = current->pid;
			c->task = current;
			c->ret = ratio;
			tcl_tell(co, c, silent ? PPME_DROP_E : PPME_DROP_X, false);
			tcl_release_cpu();
		}
	}
	atomic_set(&co->marking, 0);
}

static bool tcl_sampled_out(struct tcl_consumer *co, u32 sc, u64 now)
{
	u32 ratio = READ_ONCE(co->sampling), kind, silent = 0;

	if (ratio <= 1 && !READ_ONCE(co->silent))
		return false;
	if (ratio > 1)
		silent = (now - co->boot_offset) % NSEC_PER_SEC >= NSEC_PER_SEC / ratio;
	if (READ_ONCE(co->silent) != silent)
		tcl_mark_phase(co, silent, ratio, now);
	kind = tcl_sampling_of_sc[sc & (TCL_NR_TABLE - 1)];
	if (ratio <= 1 || kind == TCL_SAMPLING_NEVER || (kind != TCL_SAMPLING_ALWAYS && !silent))
		return false;
	this_cpu_inc(co->counters->sampled);
	return true;
}

/* A call at its exit, with everything that may follow the first event. */
static void tcl_tell_call(struct tcl_consumer *co, struct tcl_ctx *c, u16 type)
{
	if (co->flags & TCL_SETUP_DYNAMIC)
		tcl_raise_snaplen(c, type, co->full_first, co->full_last, co->statsd);
	tcl_tell(co, c, type, false);
	if (TCL_IS_MMSG(type)) {
		while (tcl_has_next_message(c))
			tcl_tell(co, c, type, false);
	} else if (TCL_NAMES_OBJECT(type) && c->suspect && tcl_differs(c)) {
		c->truth = 1;
		tcl_tell(co, c, type, false);
	}
}

/* Whether this consumer wants the call; fills in what it is. */
static bool tcl_wants(struct tcl_consumer *co, struct tcl_call *call, struct pt_regs *regs, u64 nr,
		      struct tcl_calls *want, u64 *now)
{
	call->nr = nr;
	call->compat = 0;
	if (!tcl_is_wanted(want, nr) || !tcl_resolve(call, current, regs, want))
		return false;
	call->nr &= TCL_NR_TABLE - 1;
	if (co->self && co->self == current->tgid)
		return false;
	*now = tcl_now(co);
	return true;
}

static void tcl_call_for(struct tcl_consumer *co, struct tcl_abi_plane *plane, struct pt_regs *regs, u64 nr,
			 s64 ret, bool enter)
{
	struct tcl_calls *want = (struct tcl_calls *)(enter ? &plane->enter : &plane->exit);
	struct tcl_call call = {.ret = ret};
	struct tcl_ctx *c;
	u16 type, sc;
	u64 now;

	if (!tcl_wants(co, &call, regs, nr, want, &now))
		return;
	type = tcl_event_of_nr[call.nr];
	sc = tcl_sc_of_nr[call.nr];
	if (!enter) {
		if (co->flags & TCL_SETUP_DROP_FAILED && ret < 0)
			return;
		/* Successful executions come from sched_process_exec. */
		if ((type == PPME_SYSCALL_EXECVE_19_X || type == PPME_SYSCALL_EXECVEAT_X) && ret == 0)
			return;
	}
	if (tcl_sampled_out(co, sc, now))
		return;
	c = tcl_claim(co, enter ? TCL_FROM_ENTER : TCL_FROM_SYSCALL, sc);
	if (!c)
		return;
	tcl_set_call(c, &call, current, current->pid, now);
	tcl_load_args(c, &call, regs);
	if (enter)
		tcl_tell(co, c, type, true);
	else
		tcl_tell_call(co, c, type);
	tcl_release_cpu();
}

/* From 6.13 on, syscall tracepoints run with preemption on; RCU and our memory need it off. */
static __always_inline void tcl_on_call(struct pt_regs *regs, s64 ret, const u64 *any, const bool enter)
{
	u64 nr = tcl_raw_nr(regs);
	struct tcl_consumer *co;
	struct tcl_selected *sel;

	nr = tcl_table_nr(nr);
	if (nr >= TCL_NR_TABLE)
		return;
	if (!(READ_ONCE(any[nr / 64]) >> (nr % 64) & 1))
		return;
	preempt_disable_notrace();
	rcu_read_lock();
	list_for_each_entry_rcu(co, &tcl_consumers, list)
	{
		sel = rcu_dereference(co->selected);
		if (sel && READ_ONCE(co->running))
			tcl_call_for(co, &sel->plane, regs, nr, ret, enter);
	}
	rcu_read_unlock();
	preempt_enable_notrace();
}

static void tcl_on_sys_exit(void *data, struct pt_regs *regs, long ret)
{
	tcl_on_call(regs, ret, tcl_any_exit, false);
}

static void tcl_on_sys_enter(void *data, struct pt_regs *regs, long nr)
{
	tcl_on_call(regs, 0, tcl_any_enter, true);
}

/* An event that belongs to a task and to no call. */
struct tcl_task_event {
	struct task_struct *task;
	u64 tp;
	u32 origin;
	u16 sc, type;
	bool sampled;
	u64 args[3];
};

static void tcl_task_event(const struct tcl_task_event *e)
{
	struct tcl_consumer *co;
	struct tcl_selected *sel;
	struct tcl_ctx *c;
	u64 now;

	if (e->task->flags & PF_KTHREAD)
		return;
	preempt_disable_notrace();
	rcu_read_lock();
	list_for_each_entry_rcu(co, &tcl_consumers, list)
	{
		sel = rcu_dereference(co->selected);
		if (!sel || !READ_ONCE(co->running) || !(sel->plane.tp & e->tp))
			continue;
		if (co->self && co->self == e->task->tgid)
			continue;
		now = tcl_now(co);
		if (e->sampled && tcl_sampled_out(co, e->sc, now))
			continue;
		c = tcl_claim(co, e->origin, e->sc);
		if (!c)
			continue;
		c->ts = now;
		c->tid = e->task->pid;
		c->task = e->task;
		c->ret = 0;
		c->compat = 0;
		memcpy(c->args, e->args, sizeof(e->args));
		tcl_tell(co, c, e->type, false);
		tcl_release_cpu();
	}
	rcu_read_unlock();
	preempt_enable_notrace();
}

static void tcl_on_exit(void *data, struct task_struct *t, bool group_dead)
{
	tcl_task_event(&(struct tcl_task_event){.task = t,
						.tp = TCL_TP_EXIT,
						.origin = TCL_FROM_EXIT,
						.sc = PPM_SC_SCHED_PROCESS_EXIT,
						.type = PPME_PROCEXIT_1_E});
}

static void tcl_on_exec(void *data, struct task_struct *t, pid_t old_pid, struct linux_binprm *bprm)
{
	tcl_task_event(&(struct tcl_task_event){.task = t,
						.tp = TCL_TP_EXEC,
						.origin = TCL_FROM_EXEC,
						.sc = PPM_SC_EXECVE,
						.type = PPME_SYSCALL_EXECVE_19_X,
						.args = {(unsigned long)bprm->filename}});
}

/* The child's side of a clone where the exit of the call is not traced in the child. */
static void tcl_on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	tcl_task_event(&(struct tcl_task_event){.task = child,
						.tp = TCL_TP_FORK,
						.origin = TCL_FROM_FORK,
						.sc = PPM_SC_CLONE,
						.type = PPME_SYSCALL_CLONE_20_X,
						.args = {(unsigned long)parent}});
}

static void tcl_on_signal(void *data, int sig, struct kernel_siginfo *info, struct k_sigaction *action)
{
	tcl_task_event(&(struct tcl_task_event){.task = current,
						.tp = TCL_TP_SIGNAL,
						.origin = TCL_FROM_SIGNAL,
						.sc = PPM_SC_SIGNAL_DELIVER,
						.type = PPME_SIGNALDELIVER_E,
						.sampled = true,
						.args = {sig, (unsigned long)info, (unsigned long)action}});
}

static void tcl_on_switch(void *data, bool preempt, struct task_struct *prev, struct task_struct *next,
			  unsigned int state)
{
	tcl_task_event(&(struct tcl_task_event){.task = prev,
						.tp = TCL_TP_SWITCH,
						.origin = TCL_FROM_SWITCH,
						.sc = PPM_SC_SCHED_SWITCH,
						.type = PPME_SCHEDSWITCH_6_E,
						.sampled = true,
						.args = {preempt, (unsigned long)prev, (unsigned long)next}});
}

/*
 * Hooks that got arguments in later releases, as the older ones call them. The
 * type that a tracepoint has here decides, not the release: vendors mix them.
 */
static void __maybe_unused tcl_on_exit_1(void *data, struct task_struct *t)
{
	tcl_on_exit(data, t, false);
}

static void __maybe_unused tcl_on_switch_3(void *data, bool preempt, struct task_struct *prev,
					   struct task_struct *next)
{
	tcl_on_switch(data, preempt, prev, next, 0);
}

#define TCL_CALLS(tp, hook)                                                                                  \
	__builtin_types_compatible_p(typeof(check_trace_callback_type_##tp), void(typeof(&(hook))))

static void tcl_on_fault(u64 tp, u16 sc, unsigned long addr, struct pt_regs *regs, unsigned long code)
{
	tcl_task_event(&(struct tcl_task_event){.task = current,
						.tp = tp,
						.origin = TCL_FROM_FAULT,
						.sc = sc,
						.type = PPME_PAGE_FAULT_E,
						.sampled = true,
						.args = {addr, (unsigned long)regs, code}});
}

static void tcl_on_fault_user(void *data, unsigned long addr, struct pt_regs *regs, unsigned long code)
{
	tcl_on_fault(TCL_TP_FAULT_USER, PPM_SC_PAGE_FAULT_USER, addr, regs, code);
}

static void tcl_on_fault_kernel(void *data, unsigned long addr, struct pt_regs *regs, unsigned long code)
{
	tcl_on_fault(TCL_TP_FAULT_KERNEL, PPM_SC_PAGE_FAULT_KERNEL, addr, regs, code);
}

static struct tcl_hook {
	const char *name;
	void *probe;
	u64 tp; /* 0: of calls */
	struct tracepoint *tracepoint;
	bool on;
} tcl_hooks[] = {
    /* Calls come last: what a process does is not told without its beginning. */
    {"sched_process_exit", TCL_CALLS(sched_process_exit, tcl_on_exit) ? (void *)tcl_on_exit : tcl_on_exit_1,
     TCL_TP_EXIT},
    {"sched_process_exec", tcl_on_exec, TCL_TP_EXEC},
    {"sched_process_fork", tcl_on_fork, TCL_TP_FORK},
    {"signal_deliver", tcl_on_signal, TCL_TP_SIGNAL},
    {"sched_switch", TCL_CALLS(sched_switch, tcl_on_switch) ? (void *)tcl_on_switch : tcl_on_switch_3,
     TCL_TP_SWITCH},
    {"page_fault_user", tcl_on_fault_user, TCL_TP_FAULT_USER},
    {"page_fault_kernel", tcl_on_fault_kernel, TCL_TP_FAULT_KERNEL},
    {"sys_enter", tcl_on_sys_enter},
    {"sys_exit", tcl_on_sys_exit},
};

static bool tcl_hook_wanted(const struct tcl_hook *h, u64 tp)
{
	if (h->tp)
		return tp & h->tp;
	return memchr_inv(h->probe == tcl_on_sys_exit ? tcl_any_exit : tcl_any_enter, 0,
			  sizeof(tcl_any_exit));
}

static void tcl_add_calls(u64 *any, const struct tcl_abi_calls *calls)
{
	u32 i;

	for (i = 0; i < TCL_WORDS; i++)
		any[i] |= calls->native[i] | calls->ia32[i];
}

/*
 * Makes the hooks and the common bitmaps those of all running consumers. A
 * tracepoint that this kernel lacks is not there for anybody: see TCL_IOC_INFO.
 */
int tcl_probes_update(void)
{
	u64 exits[TCL_WORDS] = {}, enters[TCL_WORDS] = {}, tp = 0;
	struct tcl_consumer *co;
	struct tcl_selected *sel;
	struct tcl_hook *h;
	int err = 0;
	u32 i;

	list_for_each_entry(co, &tcl_consumers, list)
	{
		sel = rcu_dereference_protected(co->selected, lockdep_is_held(&tcl_lock));
		if (!sel || !co->running)
			continue;
		tp |= sel->plane.tp;
		tcl_add_calls(exits, &sel->plane.exit);
		tcl_add_calls(enters, &sel->plane.enter);
	}
	for (i = 0; i < TCL_WORDS; i++) {
		WRITE_ONCE(tcl_any_exit[i], exits[i]);
		WRITE_ONCE(tcl_any_enter[i], enters[i]);
	}
	for (h = tcl_hooks; h < tcl_hooks + ARRAY_SIZE(tcl_hooks); h++) {
		if (!h->tracepoint || h->on || !tcl_hook_wanted(h, tp))
			continue;
		err = tracepoint_probe_register(h->tracepoint, h->probe, NULL);
		if (err)
			return err;
		h->on = true;
	}
	for (h = tcl_hooks; h < tcl_hooks + ARRAY_SIZE(tcl_hooks); h++) {
		if (!h->on || tcl_hook_wanted(h, tp))
			continue;
		tracepoint_probe_unregister(h->tracepoint, h->probe, NULL);
		h->on = false;
	}
	return 0;
}

u64 tcl_probes_available(void)
{
	struct tcl_hook *h;
	u64 tp = 0;

	for (h = tcl_hooks; h < tcl_hooks + ARRAY_SIZE(tcl_hooks); h++)
		if (h->tracepoint)
			tp |= h->tp;
	return tp;
}

static void tcl_find_tracepoint(struct tracepoint *tp, void *data)
{
	struct tcl_hook *h;

	for (h = tcl_hooks; h < tcl_hooks + ARRAY_SIZE(tcl_hooks); h++)
		if (!strcmp(h->name, tp->name))
			h->tracepoint = tp;
}

/* A CPU that has no memory loses its events, and counts them. */
static int tcl_cpu_online(unsigned int cpu)
{
	struct tcl_cpu *c = per_cpu_ptr(&tcl_cpus, cpu);

	if (!c->ctx)
		WRITE_ONCE(c->ctx, vzalloc_node(sizeof(struct tcl_ctx), cpu_to_node(cpu)));
	return 0;
}

static int tcl_cpuhp_state;

int tcl_probes_init(void)
{
	/* What a tracepoint hands over in another way than this would be taken for something else. */
	BUILD_BUG_ON(!TCL_CALLS(sched_process_exit, tcl_on_exit) &&
		     !TCL_CALLS(sched_process_exit, tcl_on_exit_1));
	BUILD_BUG_ON(!TCL_CALLS(sched_process_exec, tcl_on_exec) ||
		     !TCL_CALLS(sched_process_fork, tcl_on_fork));
	BUILD_BUG_ON(!TCL_CALLS(sched_switch, tcl_on_switch) && !TCL_CALLS(sched_switch, tcl_on_switch_3));
	BUILD_BUG_ON(!TCL_CALLS(signal_deliver, tcl_on_signal));
	BUILD_BUG_ON(sizeof(struct tcl_abi_calls) != sizeof(struct tcl_calls));
	BUILD_BUG_ON(sizeof(((struct tcl_counters *)0)->drops_class) != TCL_NUM_CLASSES * sizeof(u64));

	for_each_kernel_tracepoint(tcl_find_tracepoint, NULL);
	if (!tcl_hooks[ARRAY_SIZE(tcl_hooks) - 1].tracepoint) {
		pr_err("this kernel has no tracepoint sys_exit (CONFIG_FTRACE_SYSCALLS)\n");
		return -EOPNOTSUPP;
	}
	tcl_cpuhp_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "tiercel:online", tcl_cpu_online, NULL);
	return tcl_cpuhp_state < 0 ? tcl_cpuhp_state : 0;
}

/* No consumer is left, since each holds the module; hooks may still be running. */
void tcl_probes_exit(void)
{
	u32 cpu;

	cpuhp_remove_state_nocalls(tcl_cpuhp_state);
	tracepoint_synchronize_unregister();
	for_each_possible_cpu(cpu) vfree(per_cpu_ptr(&tcl_cpus, cpu)->ctx);
}
