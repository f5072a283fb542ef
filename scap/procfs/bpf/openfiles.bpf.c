/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Every open descriptor of the host, by a BPF iterator: what /proc tells by
 * five system calls each. The path is what readlink gives for /proc/PID/fd/N.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

#define SEC(name) __attribute__((section(name), used))

/* The members that are used; the loader finds them in the running kernel. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;
struct dentry;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct fdtable {
	unsigned long *close_on_exec;
};
struct files_struct {
	struct fdtable *fdt;
};
struct task_struct {
	s32 pid, tgid;
	u64 start_boottime;
	struct files_struct *files;
};
struct super_block {
	u32 s_dev;
};
struct inode {
	u16 i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct vfsmount {
	int mnt_flags;
};
struct mount {
	struct vfsmount mnt;
	int mnt_id;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	u32 f_flags;
	struct path f_path;
	struct inode *f_inode;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};
#pragma clang attribute pop

/* uapi/linux/bpf.h */
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static long (*bpf_seq_write)(struct seq_file *seq, const void *data, u32 len) = (void *)127;
static long (*bpf_d_path)(struct path *path, char *buf, u32 size) = (void *)147;

#define MAX_PATH 4096
#define CLOEXEC	 02000000 /* O_CLOEXEC of x86 and arm64 */

/* As the reader expects it; see openfiles.go. */
struct record {
	u32 len; /* of all */
	u32 tgid;
	u32 tid;
	u32 fd;
	u32 flags; /* native O_* */
	u32 mount;
	u32 dev; /* major << 20 | minor */
	u32 mode;
	u64 ino;
	u64 start;	     /* of the thread, ns since the boot */
	char path[MAX_PATH]; /* with NUL; not there when it cannot be told */
};

#define HEAD __builtin_offsetof(struct record, path)

struct {
	int (*type)[6]; /* BPF_MAP_TYPE_PERCPU_ARRAY */
	int (*max_entries)[1];
	u32 *key;
	struct record *value;
} tcl_record SEC(".maps");

char tcl_license[] SEC("license") = "Dual MIT/GPL";

#define OFFSET(type, member) __builtin_preserve_field_info(((type *)0)->member, 0)

SEC("iter/task_file")
int tcl_open_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	unsigned long bits = 0;
	struct vfsmount *mnt;
	struct record *r;
	struct inode *in;
	u32 first = 0;
	u32 len;
	long n;

	if (!file || !task)
		return 0;
	r = bpf_map_lookup_elem(&tcl_record, &first);
	if (!r)
		return 0;
	r->tgid = task->tgid;
	r->tid = task->pid;
	r->fd = ctx->fd;
	r->start = task->start_boottime;
	bpf_probe_read_kernel(&bits, sizeof(bits), task->files->fdt->close_on_exec + ctx->fd / 64);
	r->flags = file->f_flags & ~CLOEXEC;
	if (bits >> (ctx->fd & 63) & 1)
		r->flags |= CLOEXEC;
	in = file->f_inode;
	r->mode = in->i_mode;
	r->ino = in->i_ino;
	r->dev = in->i_sb->s_dev;
	mnt = file->f_path.mnt;
	r->mount = 0;
	bpf_probe_read_kernel(&r->mount, sizeof(r->mount),
			      (u8 *)mnt - OFFSET(struct mount, mnt) + OFFSET(struct mount, mnt_id));
	n = bpf_d_path(&file->f_path, r->path, MAX_PATH);
	len = HEAD + (n > 0 ? n : 0);
	/* For the verifier, which must see the bound in the very register. */
	asm volatile("" : "+r"(len));
	if (len > sizeof(*r))
		len = sizeof(*r);
	r->len = len;
	bpf_seq_write(ctx->meta->seq, r, len);
	return 0;
}
