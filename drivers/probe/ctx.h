/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The state of one event that is being built.
 *
 * It lives in scratch memory that a driver owns (a claimed slot in the eBPF
 * drivers, per-CPU memory in the module), never on the stack: offsets, indexes
 * and counters that stay in memory are unknown numbers to the verifier, and
 * that is what keeps its work small. Fillers get this and nothing else; a
 * filler in parts keeps what it needs between the parts in here.
 */
#ifndef TCL_CTX_H
#define TCL_CTX_H

/*
 * A kernel's value as the plain number or pointer that it is: without its byte
 * order or address space, of which only the checker sparse knows.
 */
#ifndef __force
#define __force
#endif
#define TCL_PLAIN(type, x) ((__force type)(x))

/* Event header on the wire: ts u64, tid u64, len u32, type u16, nparams u32. */
#define TCL_HDR_LEN    26
#define TCL_MAX_PARAMS 32

/*
 * Writes begin below 64 KiB and are at most 32 KiB long, so every store stays
 * in the buffer without a branch; an event that grew beyond 64 KiB is dropped
 * as too large when it is finished.
 */
#define TCL_POS_MASK  0xffff
#define TCL_MAX_COPY  0x8000
#define TCL_BUF_SIZE  0x18000
#define TCL_MAX_EVENT 0x10000

/* Limits of the reference for single parameters, terminating NUL included. */
#define TCL_MAX_PATH 4096
#define TCL_MAX_ARGS 4096
#define TCL_MAX_NAME 256

/* Why an event is not delivered. */
enum tcl_drop {
	TCL_DROP_NONE = 0,
	TCL_DROP_RING = -1,
	TCL_DROP_PAGE = -2,
	TCL_DROP_SCRATCH = -3,
	/* Not an event at all: it is neither seen nor lost. */
	TCL_SKIP = -4,
};

/* Where an event comes from. */
enum tcl_origin {
	TCL_FROM_SYSCALL = 1, /* exit of a system call */
	TCL_FROM_EXEC = 2,    /* sched_process_exec: arg 0 is the file name in kernel memory */
	TCL_FROM_EXIT = 3,    /* sched_process_exit */
	TCL_FROM_FORK = 4,    /* sched_process_fork: task is the child, arg 0 the parent */
	TCL_FROM_ENTER = 5,   /* entry of a system call */
	/* Of other tracepoints the arguments are those of the tracepoint. */
	TCL_FROM_SIGNAL = 8, /* signal_deliver */
	TCL_FROM_SWITCH = 9, /* sched_switch */
	TCL_FROM_FAULT = 10, /* page_fault_user, page_fault_kernel */
	TCL_FROM_MARK = 11,  /* none: a phase of sampling mode begins */
};

struct tcl_ctx {
	/* Who is building here: see the driver. */
	u64 busy;
	u64 owner;
	u32 slot;

	/* Set before the filler runs. */
	u64 ts;
	u64 tid; /* of the thread that the event is about, in the initial namespace */
	s64 ret;
	u64 args[6]; /* widened to 64 bits for 32-bit callers */
	struct task_struct *task;
	u32 nr;	    /* native 64-bit number */
	u32 compat; /* the caller is a 32-bit task: its pointers and structures are */
	u16 sc;
	u16 type;
	u32 nparams;
	u32 origin;
	u32 snap; /* how many bytes of the call's data are wanted */
	u32 msg;  /* of a call with several messages: which one this is */

	/* Not 0: memory of the caller that a parameter is in could not be read. */
	u64 faults;

	/* Of the output buffer. */
	u32 pos;  /* next byte */
	u32 np;	  /* next parameter */
	u32 mark; /* start of the composite parameter that is being written */

	/* Of fillers; each part may use them all unless it says otherwise. */
	u32 n;
	u32 path_pos;
	u64 len;
	u64 addr;
	void *node;
	void *mnt;
	void *last_cgroup;
	u32 last_pos, last_len;
	void *nodes[16];

	/* Of calls that name their object (truth.h); they last for the whole call. */
	u32 all_names; /* set before the filler runs: hold every name against its object */
	u32 truth;     /* the call is told for the second time: as the kernel's object has it */
	u32 suspect;   /* name and object disagree, or may do so */
	u32 name_at;   /* where the name lies in the event, its length with the NUL */
	u32 name_len;
	s32 name_dir; /* the descriptor that it is relative to */
	u32 base_pos; /* where in path what follows that directory begins; 0: not below it */
	void *object;

	u8 tmp[256];
	u8 path[TCL_MAX_PATH + TCL_MAX_NAME];

	/* The event as the reader gets it. */
	u8 buf[TCL_BUF_SIZE] __attribute__((aligned(8)));
};

#define TCL_RET(c)    ((c)->ret)
#define TCL_ARG(c, i) ((c)->args[i])

/* Starts an event of the given type with n parameters in the buffer. */
TCL_INLINE void tcl_begin(struct tcl_ctx *c, u16 type, u32 n)
{
	u32 i;

	c->type = type;
	c->nparams = n;
	c->np = 0;
	c->faults = 0;
	c->pos = TCL_HDR_LEN + 2 * n;
	/* Lengths of parameters that a filler leaves out are zero. */
	for (i = 0; i < n; i++)
		TCL_STORE(u16, c->buf + TCL_HDR_LEN + 2 * i, 0);
}

/* Completes the header. Returns 0 or the cause why the event cannot be sent. */
TCL_INLINE int tcl_finish(struct tcl_ctx *c, u64 tid)
{
	if (c->pos > TCL_MAX_EVENT || c->np != c->nparams)
		return TCL_DROP_SCRATCH;
	TCL_STORE(u64, c->buf, c->ts);
	TCL_STORE(u64, c->buf + 8, tid);
	TCL_STORE(u32, c->buf + 16, c->pos);
	TCL_STORE(u16, c->buf + 20, c->type);
	TCL_STORE(u16, c->buf + 22, (u16)c->nparams);
	TCL_STORE(u16, c->buf + 24, 0);
	return 0;
}

#endif
