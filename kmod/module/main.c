// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The device: consumers come, say what they want, and go.
 */
#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stringify.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "tiercel.h"
#include "version.h"

#define TCL_CALL_TABLE 512
#define TCL_MAX_RING   (1u << 30)
#define TCL_ALL_TP     0xf07
#define TCL_MAX_RATIO  128

static u32 tcl_nconsumers; /* under tcl_lock */

static void tcl_free_rings(struct tcl_consumer *co)
{
	u32 i;

	for (i = 0; i < co->nrings; i++)
		tcl_ring_put(co->rings[i]);
	kvfree(co->rings);
	kvfree(co->ring_of_cpu);
	co->rings = NULL;
	co->ring_of_cpu = NULL;
	co->nrings = 0;
}

static void tcl_free_consumer(struct tcl_consumer *co)
{
	tcl_free_rings(co);
	kfree(rcu_dereference_protected(co->selected, true));
	free_percpu(co->counters);
	kvfree(co->drops);
	kfree(co);
}

static int tcl_open(struct inode *inode, struct file *file)
{
	struct tcl_consumer *co;

	if (!perfmon_capable())
		return -EPERM;
	co = kzalloc(sizeof(*co), GFP_KERNEL_ACCOUNT);
	if (!co)
		return -ENOMEM;
	mutex_init(&co->lock);
	INIT_LIST_HEAD(&co->list);
	co->counters = alloc_percpu(struct tcl_counters);
	co->drops = kvcalloc(TCL_CALL_TABLE, sizeof(*co->drops), GFP_KERNEL_ACCOUNT);
	if (!co->counters || !co->drops) {
		tcl_free_consumer(co);
		return -ENOMEM;
	}
	mutex_lock(&tcl_lock);
	if (tcl_nconsumers >= TCL_MAX_CONSUMERS) {
		mutex_unlock(&tcl_lock);
		tcl_free_consumer(co);
		return -EUSERS;
	}
	tcl_nconsumers++;
	mutex_unlock(&tcl_lock);
	file->private_data = co;
	return 0;
}

static int tcl_release(struct inode *inode, struct file *file)
{
	struct tcl_consumer *co = file->private_data;

	mutex_lock(&tcl_lock);
	if (!list_empty(&co->list))
		list_del_rcu(&co->list);
	WRITE_ONCE(co->running, false);
	tcl_probes_update();
	tcl_nconsumers--;
	mutex_unlock(&tcl_lock);
	synchronize_rcu(); /* the probes have let go */
	tcl_free_consumer(co);
	return 0;
}

static long tcl_info(void __user *arg)
{
	struct tcl_abi_info info = {
	    .api = TCL_API_VERSION,
	    .possible_cpus = nr_cpu_ids,
	    .tracepoints = tcl_probes_available(),
	    .schema = TCL_SCHEMA,
	    .version = TCL_VERSION,
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* One ring for every few CPUs that are online; the others share the first one. */
static int tcl_make_rings(struct tcl_consumer *co, const struct tcl_abi_setup *s)
{
	u32 per = s->cpus_per_ring ? s->cpus_per_ring : nr_cpu_ids;
	struct tcl_ring *r;
	u32 cpu, n = 0;
	int err = 0;

	co->rings = kvcalloc(nr_cpu_ids, sizeof(*co->rings), GFP_KERNEL_ACCOUNT);
	co->ring_of_cpu = kvcalloc(nr_cpu_ids, sizeof(*co->ring_of_cpu), GFP_KERNEL_ACCOUNT);
	if (!co->rings || !co->ring_of_cpu)
		err = -ENOMEM;
	cpus_read_lock();
	for_each_online_cpu(cpu)
	{
		if (err)
			break;
		if (n++ % per == 0) {
			r = tcl_ring_new(s->ring_bytes, s->wake_level, cpu);
			if (IS_ERR(r)) {
				err = PTR_ERR(r);
				break;
			}
			co->rings[co->nrings++] = r;
		}
		co->ring_of_cpu[cpu] = co->nrings - 1;
	}
	cpus_read_unlock();
	if (err)
		tcl_free_rings(co);
	return err;
}

static long tcl_setup(struct tcl_consumer *co, void __user *arg)
{
	struct tcl_abi_setup s;
	int err;

	if (co->rings)
		return -EBUSY;
	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (!is_power_of_2(s.ring_bytes) || s.ring_bytes < PAGE_SIZE || s.ring_bytes > TCL_MAX_RING ||
	    s.snaplen > TCL_MAX_SNAPLEN || s.flags & ~TCL_SETUP_FLAGS || s.zero || s.full_first > s.full_last)
		return -EINVAL;
	err = tcl_make_rings(co, &s);
	if (err)
		return err;
	co->snaplen = s.snaplen;
	co->flags = s.flags;
	co->boot_offset = s.boot_offset;
	co->full_first = s.full_first;
	co->full_last = s.full_last;
	co->statsd = s.statsd;
	co->self = s.flags & TCL_SETUP_REPORT_SELF ? 0 : current->tgid;
	s.rings = co->nrings;
	return copy_to_user(arg, &s, sizeof(s)) ? -EFAULT : 0;
}

static long tcl_ring(struct tcl_consumer *co, void __user *arg)
{
	struct tcl_abi_ring a;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (a.index >= co->nrings || a.zero)
		return -EINVAL;
	a.cpu = co->rings[a.index]->cpu;
	a.fd = tcl_ring_fd(co->rings[a.index]);
	if (a.fd < 0)
		return a.fd;
	/* A descriptor whose number did not arrive is closed with the process. */
	return copy_to_user(arg, &a, sizeof(a)) ? -EFAULT : 0;
}

static long tcl_select(struct tcl_consumer *co, void __user *arg)
{
	struct tcl_selected *next = kmalloc(sizeof(*next), GFP_KERNEL_ACCOUNT), *old;
	int err;

	if (!next)
		return -ENOMEM;
	if (copy_from_user(&next->plane, arg, sizeof(next->plane))) {
		kfree(next);
		return -EFAULT;
	}
	if (next->plane.tp & ~(u64)TCL_ALL_TP) {
		kfree(next);
		return -EINVAL;
	}
	mutex_lock(&tcl_lock);
	old = rcu_replace_pointer(co->selected, next, lockdep_is_held(&tcl_lock));
	err = tcl_probes_update();
	if (err) { /* the former selection stays in force */
		rcu_assign_pointer(co->selected, old);
		tcl_probes_update();
		old = next;
	}
	mutex_unlock(&tcl_lock);
	if (old)
		kfree_rcu(old, rcu);
	return err;
}

static long tcl_run(struct tcl_consumer *co, bool on)
{
	int err;

	mutex_lock(&tcl_lock);
	WRITE_ONCE(co->running, on);
	if (on && list_empty(&co->list))
		list_add_tail_rcu(&co->list, &tcl_consumers);
	err = tcl_probes_update();
	if (err) {
		WRITE_ONCE(co->running, false);
		tcl_probes_update();
	}
	mutex_unlock(&tcl_lock);
	return err;
}

/* A number of the consumer's that may change at any time. */
static long tcl_number(struct tcl_consumer *co, unsigned int cmd, u32 __user *arg)
{
	u32 v;

	if (get_user(v, arg))
		return -EFAULT;
	switch (cmd) {
	case TCL_IOC_SAMPLING:
		if (!is_power_of_2(v) || v > TCL_MAX_RATIO)
			return -EINVAL;
		WRITE_ONCE(co->sampling, v);
		return 0;
	case TCL_IOC_SNAPLEN:
		if (v > TCL_MAX_SNAPLEN)
			return -EINVAL;
		WRITE_ONCE(co->snaplen, v);
		return 0;
	}
	if (v > 1)
		return -EINVAL;
	WRITE_ONCE(co->all_names, v);
	return 0;
}

static long tcl_stats(struct tcl_consumer *co, struct tcl_abi_stats __user *arg)
{
	struct tcl_abi_stats s = {};
	struct tcl_counters *n;
	u64 seen;
	int tries;

	if (get_user(s.cpu, &arg->cpu))
		return -EFAULT;
	if (s.cpu >= nr_cpu_ids || !cpu_possible(s.cpu))
		return -EINVAL;
	n = per_cpu_ptr(co->counters, s.cpu);
	/*
	 * Delivered before seen: what is under way never makes more of the former.
	 * Read once more where events came between, a few times at most: a reader
	 * that was interrupted tells one moment, too.
	 */
	for (tries = 0; tries < 16; tries++) {
		seen = READ_ONCE(n->seen);
		smp_rmb();
		s.delivered = READ_ONCE(n->delivered);
		s.drops_ring = READ_ONCE(n->drops_ring);
		s.drops_page = READ_ONCE(n->drops_page);
		s.drops_scratch = READ_ONCE(n->drops_scratch);
		s.drops_recursion = READ_ONCE(n->drops_recursion);
		s.faults = READ_ONCE(n->faults);
		s.sampled = READ_ONCE(n->sampled);
		memcpy(s.drops_class, n->drops_class, sizeof(s.drops_class));
		smp_rmb();
		s.seen = READ_ONCE(n->seen);
		if (s.seen == seen)
			break;
	}
	return copy_to_user(arg, &s, sizeof(s)) ? -EFAULT : 0;
}

static long tcl_drops(struct tcl_consumer *co, struct tcl_abi_drops __user *arg)
{
	u32 i;

	for (i = 0; i < TCL_CALL_TABLE; i++)
		if (put_user((u64)atomic64_read(&co->drops[i]), &arg->by_call[i]))
			return -EFAULT;
	return 0;
}

static long tcl_ioctl_locked(struct tcl_consumer *co, unsigned int cmd, void __user *arg)
{
	if (cmd == TCL_IOC_SETUP)
		return tcl_setup(co, arg);
	if (!co->rings)
		return -ENXIO; /* not set up */
	switch (cmd) {
	case TCL_IOC_RING:
		return tcl_ring(co, arg);
	case TCL_IOC_SELECT:
		return tcl_select(co, arg);
	case TCL_IOC_START:
		return tcl_run(co, true);
	case TCL_IOC_STOP:
		return tcl_run(co, false);
	case TCL_IOC_SAMPLING:
	case TCL_IOC_SNAPLEN:
	case TCL_IOC_NAMES:
		return tcl_number(co, cmd, arg);
	case TCL_IOC_STATS:
		return tcl_stats(co, arg);
	case TCL_IOC_DROPS:
		return tcl_drops(co, arg);
	}
	return -ENOTTY;
}

static long tcl_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tcl_consumer *co = file->private_data;
	long ret;

	if (cmd == TCL_IOC_INFO)
		return tcl_info((void __user *)arg);
	if (mutex_lock_interruptible(&co->lock))
		return -ERESTARTSYS;
	ret = tcl_ioctl_locked(co, cmd, (void __user *)arg);
	mutex_unlock(&co->lock);
	return ret;
}

static const struct file_operations tcl_fops = {
    .owner = THIS_MODULE,
    .open = tcl_open,
    .release = tcl_release,
    .unlocked_ioctl = tcl_ioctl,
    .compat_ioctl = tcl_ioctl,
    .llseek = noop_llseek,
};

static struct miscdevice tcl_device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = TCL_DEVICE,
    .fops = &tcl_fops,
    .mode = 0400,
};

static int __init tcl_init(void)
{
	int err = tcl_probes_init();

	if (err)
		return err;
	err = misc_register(&tcl_device);
	if (err)
		tcl_probes_exit();
	return err;
}

static void __exit tcl_exit(void)
{
	misc_deregister(&tcl_device);
	tcl_probes_exit();
}

module_init(tcl_init);
module_exit(tcl_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("System call events for Tiercel");
MODULE_VERSION(TCL_VERSION);
MODULE_INFO(schema, TCL_SCHEMA);
MODULE_INFO(api, __stringify(TCL_API_VERSION));
