// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Rings: memory that probes write and one reader maps.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#include "tiercel.h"

#define TCL_RECORD_HEADER 8
#define TCL_RECORD_ALIGN  8

/* The two pages before the data: the consumer's position, the producer's. */
#define TCL_META_PAGES 2

static void tcl_ring_free(struct kref *ref)
{
	struct tcl_ring *r = container_of(ref, struct tcl_ring, ref);
	u32 i;

	irq_work_sync(&r->wake);
	if (r->consumer)
		vunmap(r->consumer);
	for (i = 0; i < r->npages; i++)
		__free_page(r->pages[i]);
	kvfree(r->pages);
	kfree(r);
}

void tcl_ring_put(struct tcl_ring *r)
{
	kref_put(&r->ref, tcl_ring_free);
}

static void tcl_ring_wake(struct irq_work *w)
{
	wake_up_all(&container_of(w, struct tcl_ring, wake)->wait);
}

/* The data pages are mapped twice in a row, here as in the reader: no record is split. */
struct tcl_ring *tcl_ring_new(u32 bytes, u32 wake_level, u32 cpu)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN | __GFP_ZERO;
	u32 ndata = bytes >> PAGE_SHIFT, i;
	struct tcl_ring *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	void *base;

	if (!r)
		return ERR_PTR(-ENOMEM);
	kref_init(&r->ref);
	raw_spin_lock_init(&r->lock);
	init_waitqueue_head(&r->wait);
	init_irq_work(&r->wake, tcl_ring_wake);
	r->size = bytes;
	r->wake_level = wake_level;
	r->cpu = cpu;
	r->pages = kvcalloc(TCL_META_PAGES + 2 * (size_t)ndata, sizeof(*r->pages), GFP_KERNEL_ACCOUNT);
	if (!r->pages)
		goto fail;
	for (i = 0; i < TCL_META_PAGES + ndata; i++) {
		r->pages[i] = fatal_signal_pending(current) ? NULL : alloc_page(gfp);
		if (!r->pages[i])
			goto fail;
		r->npages++;
		if (i >= TCL_META_PAGES)
			r->pages[i + ndata] = r->pages[i];
	}
	base = vmap(r->pages, TCL_META_PAGES + 2 * ndata, VM_MAP | VM_USERMAP, PAGE_KERNEL);
	if (!base)
		goto fail;
	r->consumer = base;
	r->producer = base + PAGE_SIZE;
	r->data = base + TCL_META_PAGES * PAGE_SIZE;
	return r;
fail:
	tcl_ring_put(r);
	return ERR_PTR(-ENOMEM);
}

/*
 * Appends an event. Runs in tracepoints, with preemption off and never nested
 * on one CPU (probes.c sees to that), so the lock is only ever waited for by
 * another CPU that shares the ring. That one may wait with the lock of its run
 * queue held, which an interrupt on this one may want: hence none while it is
 * ours.
 */
int tcl_ring_write(struct tcl_ring *r, const u8 *event, u32 len)
{
	u64 need = ALIGN((u64)len + TCL_RECORD_HEADER, TCL_RECORD_ALIGN);
	unsigned long flags;
	u64 used;
	u8 *to;

	raw_spin_lock_irqsave(&r->lock, flags);
	/* A position that cannot be makes the ring full: only its reader loses. */
	used = r->pos - smp_load_acquire(r->consumer);
	if (used > r->size || need > r->size - used) {
		raw_spin_unlock_irqrestore(&r->lock, flags);
		return -1;
	}
	to = r->data + (r->pos & (r->size - 1));
	((u32 *)to)[0] = len;
	((u32 *)to)[1] = 0;
	memcpy(to + TCL_RECORD_HEADER, event, len);
	r->pos += need;
	smp_store_release(r->producer, r->pos);
	raw_spin_unlock_irqrestore(&r->lock, flags);
	/* Not from here: the tracepoint may hold the lock of the run queue. */
	if (used < r->wake_level && used + need >= r->wake_level)
		irq_work_queue(&r->wake);
	return 0;
}

static void tcl_forbid_write(struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_clear(vma, VM_MAYWRITE);
#else
	/* Vendors made it const in older releases, too; nobody else knows the area yet. */
	*(unsigned long *)&vma->vm_flags &= ~VM_MAYWRITE;
#endif
}

static int tcl_ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct tcl_ring *r = file->private_data;

	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (vma->vm_pgoff == 0) {
		/* The consumer's page, and nothing else, may be written. */
		if (vma->vm_end - vma->vm_start != PAGE_SIZE)
			return -EPERM;
	} else {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		tcl_forbid_write(vma);
	}
	return remap_vmalloc_range(vma, r->consumer, vma->vm_pgoff);
}

static __poll_t tcl_ring_poll(struct file *file, struct poll_table_struct *table)
{
	struct tcl_ring *r = file->private_data;

	poll_wait(file, &r->wait, table);
	return READ_ONCE(*r->producer) != READ_ONCE(*r->consumer) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int tcl_ring_release(struct inode *inode, struct file *file)
{
	tcl_ring_put(file->private_data);
	return 0;
}

static const struct file_operations tcl_ring_fops = {
    .owner = THIS_MODULE,
    .mmap = tcl_ring_mmap,
    .poll = tcl_ring_poll,
    .release = tcl_ring_release,
    .llseek = noop_llseek,
};

int tcl_ring_fd(struct tcl_ring *r)
{
	int fd;

	kref_get(&r->ref);
	fd = anon_inode_getfd("[tiercel-ring]", &tcl_ring_fops, r, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		tcl_ring_put(r);
	return fd;
}
