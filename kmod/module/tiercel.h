/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the module's files have in common.
 */
#ifndef TCL_TIERCEL_H
#define TCL_TIERCEL_H

#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "abi.h"
#include "fillers.h"

#define TCL_MAX_CONSUMERS 8
#define TCL_MAX_SNAPLEN	  65000

/* Memory that a consumer and the probes share; see abi.h for what is in it. */
struct tcl_ring {
	struct kref ref;
	raw_spinlock_t lock; /* writers: CPUs may share a ring */
	u64 pos;	     /* of the producer: the shared page is written, never read */
	u64 size;
	u64 wake_level;
	u32 cpu;
	u32 npages;
	u64 *consumer; /* any value at any time: it is the reader's */
	u64 *producer;
	u8 *data;
	wait_queue_head_t wait;
	struct irq_work wake;
	struct page **pages;
};

struct tcl_ring *tcl_ring_new(u32 bytes, u32 wake_level, u32 cpu);
void tcl_ring_put(struct tcl_ring *r);
int tcl_ring_fd(struct tcl_ring *r);
int tcl_ring_write(struct tcl_ring *r, const u8 *event, u32 len);

struct tcl_counters {
	u64 seen;
	u64 delivered;
	u64 drops_ring;
	u64 drops_page;
	u64 drops_scratch;
	u64 drops_recursion;
	u64 faults;
	u64 sampled;
	u64 drops_class[8];
};

struct tcl_selected {
	struct rcu_head rcu;
	struct tcl_abi_plane plane;
};

/*
 * One open file. The probes reach it by the list, under RCU; all that they
 * read is fixed before it gets there or changes as a whole.
 */
struct tcl_consumer {
	struct list_head list;
	struct mutex lock; /* ioctls, one at a time */

	struct tcl_selected __rcu *selected; /* NULL: nothing yet */
	bool running;

	u32 self; /* thread group that is not reported; 0: all are */
	u32 snaplen;
	u32 all_names; /* 0 or 1 */
	u32 flags;
	s64 boot_offset;
	u16 full_first, full_last, statsd;

	u32 sampling; /* ratio; 0 and 1: off */
	u32 silent;   /* the phase that was announced last */
	atomic_t marking;

	u32 nrings;
	struct tcl_ring **rings; /* NULL before SETUP */
	u16 *ring_of_cpu;	 /* by CPU number, for all that are possible */

	struct tcl_counters __percpu *counters;
	atomic64_t *drops; /* by syscall code */
};

/* probes.c; the caller holds tcl_lock. */
extern struct mutex tcl_lock;
extern struct list_head tcl_consumers;
int tcl_probes_update(void);
u64 tcl_probes_available(void);
int tcl_probes_init(void);
void tcl_probes_exit(void);

#endif
