// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Makes system calls that a Go program cannot make safely. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int do_vfork(void)
{
	pid_t p = vfork();

	if (!p)
		_exit(7);
	waitpid(p, NULL, 0);
	return 0;
}

/* Leaves a child behind for a reaper. */
static int do_orphan(void)
{
	pid_t p = fork();

	if (!p) {
		usleep(200000);
		_exit(0);
	}
	printf("%d\n", getpid());
	return 0;
}

static int do_signal(void)
{
	kill(getpid(), SIGKILL);
	return 1;
}

/* A program that exists only in memory. */
static int do_memfd(char *self)
{
	char *argv[] = {"in-memory", "arg", NULL};
	char *env[] = {"KEY=value", NULL};
	char buf[65536];
	int from = open(self, O_RDONLY);
	int to = memfd_create("payload", 0);
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			return 1;
	syscall(SYS_execveat, to, "", argv, env, AT_EMPTY_PATH);
	return 2;
}

#if defined(__x86_64__)
/* Calls by the 32-bit gate; their memory must lie below 4 GiB. */
static long int80(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(nr), "b"(a), "c"(b), "d"(c)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static int do_ia32(char *path)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned int *args = (unsigned int *)(low + 2048);
	long fd;

	if (low == MAP_FAILED)
		return 3;
	strcpy(low, path);
	fd = int80(5 /* open */, (long)low, O_RDONLY, 0);
	if (fd < 0)
		return 4;
	int80(6 /* close */, fd, 0, 0);
	/* 2 is fork to a 32-bit caller and open to a 64-bit one; 41 is dup and socket. */
	fd = int80(41 /* dup */, 1, 0, 0);
	args[0] = 1; /* AF_UNIX */
	args[1] = 2; /* SOCK_DGRAM */
	args[2] = 0;
	args[0] = int80(102 /* socketcall */, 1 /* socket */, (long)args, 0);
	args[1] = (unsigned int)(long)(low + 3072);
	args[2] = 2 + sizeof("/nonexistent");
	*(unsigned short *)(low + 3072) = 1 /* AF_UNIX */;
	strcpy(low + 3074, "/nonexistent");
	int80(102 /* socketcall */, 3 /* connect */, (long)args, 0);
	return 0;
}
#else
static int do_ia32(char *path)
{
	return 5;
}
#endif

int main(int argc, char **argv)
{
	char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "segv"))
		return *(volatile int *)8;
	if (!strcmp(what, "vfork"))
		return do_vfork();
	if (!strcmp(what, "orphan"))
		return do_orphan();
	if (!strcmp(what, "signal"))
		return do_signal();
	if (!strcmp(what, "memfd"))
		return do_memfd(argv[0]);
	if (!strcmp(what, "ia32"))
		return do_ia32(argv[2]);
	if (!strcmp(what, "exit"))
		return atoi(argv[2]);
	return 0;
}
