// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Races a watcher of system calls: race WHAT TRIES PATH. One thread makes the
 * calls; a second one rewrites the argument in memory, or puts another object
 * under the descriptor, as fast as it can. After each try the first thread
 * unlocks descriptor -1000-i, so that the watcher can tell the tries apart.
 * Prints a letter for each try: b (bad) if it was the object that somebody
 * might want to hide, g (good) for the other one, - for a failed call; upper
 * case if the descriptor had another object under it when the call was over.
 *
 * PATH is a directory with the files open.good and open.baad. Sockets are
 * connected to 127.0.0.1 (bad) and 127.0.0.2 (good).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int rewriting, replacing;
static volatile uint32_t nowhere, *word; /* what the second thread rewrites */
static uint32_t bad, good;
static volatile int target = -1, decoy = -1;
static volatile int begun, done; /* replacements, one for each try */
static volatile int ready, over;

/*
 * Each thread keeps to a CPU of its own, so that they run at the same time and
 * the first one's events come in order.
 */
static void keep_to(int nth)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || nth-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void wait_a_bit(unsigned *seed)
{
	for (volatile int n = rand_r(seed) % 400; n > 0; n--)
		;
}

static void *disturb(void *arg)
{
	int seen = 0;

	unsigned seed = 1;

	keep_to(1);
	ready = 1;
	while (!over) {
		if (rewriting) {
			*word = bad;
			wait_a_bit(&seed);
			*word = good;
			wait_a_bit(&seed);
		}
		if (replacing && seen != begun) {
			seen = begun;
			wait_a_bit(&seed);
			dup2(decoy, target);
			done = seen;
		} else if (replacing && !rewriting) {
			sched_yield();
		}
	}
	return arg;
}

/* Waits until the second thread is done with this try. */
static void settle(void)
{
	while (replacing && done != begun)
		sched_yield();
}

/* Where the socket is connected to, and whether it still lies under fd. */
static char verdict(int socket, int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	struct stat was, is;
	char c;

	if (getpeername(socket, (void *)&peer, &len))
		return '-';
	c = peer.sin_addr.s_addr == bad ? 'b' : 'g';
	if (!fstat(socket, &was) && !fstat(fd, &is) && was.st_ino != is.st_ino)
		c -= 'a' - 'A';
	return c;
}

/* An IP socket that listens on the address, for the two of them on one port. */
static int listener(uint32_t addr, uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = *port, .sin_addr.s_addr = addr};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) || listen(fd, 4096) ||
	    getsockname(fd, (void *)&a, &len))
		exit(3);
	*port = a.sin_port;
	return fd;
}

static void race_connect(int tries, int type, char *out)
{
	static struct sockaddr_in a;
	uint16_t port = 0;

	bad = htonl(0x7f000001);
	good = htonl(0x7f000002);
	listener(bad, &port);
	listener(good, &port);
	a.sin_family = AF_INET;
	a.sin_port = port;
	a.sin_addr.s_addr = good;
	decoy = socket(AF_INET, type, 0);
	if (connect(decoy, (void *)&a, sizeof(a)))
		exit(4);
	word = &a.sin_addr.s_addr;
	for (int i = 0; i < tries; i++) {
		int fd = socket(AF_INET, type, 0), keep = dup(fd);

		if (!rewriting)
			a.sin_addr.s_addr = bad;
		target = fd;
		begun++;
		int ret = connect(fd, (void *)&a, sizeof(a));
		settle();
		out[i] = ret ? '-' : verdict(keep, fd);
		close(fd);
		close(keep);
		flock(-1000 - i, LOCK_UN);
	}
}

static void race_open(int tries, const char *dir, char *out, int nr)
{
	static char name[4096] __attribute__((aligned(8)));
	static uint64_t how[3];
	size_t at = 4080 - (strlen(dir) + 6);
	struct stat st;
	ino_t hidden;
	int free_fd;

	/* The word that changes is aligned: no name is ever half of each. */
	at &= ~7UL;
	at += (4 - (at + strlen(dir) + 6) % 4) % 4;
	char *path = name + at;
	sprintf(path, "%s/open.baad", dir);
	if (stat(path, &st))
		exit(5);
	hidden = st.st_ino;
	memcpy(&bad, "baad", 4);
	memcpy(&good, "good", 4);
	word = (void *)(path + strlen(dir) + 6);
	*word = good;
	decoy = open(path, O_RDONLY);
	*word = bad;
	free_fd = open(path, O_RDONLY);
	close(free_fd);
	for (int i = 0; i < tries; i++) {
		if (!rewriting)
			*word = bad;
		target = free_fd;
		begun++;
		int fd = nr == SYS_openat2  ? syscall(nr, AT_FDCWD, path, how, sizeof(how))
			 : nr == SYS_openat ? syscall(nr, AT_FDCWD, path, O_RDONLY)
			 : nr == SYS_creat  ? syscall(nr, path, 0600)
					    : syscall(nr, path, O_RDONLY);
		settle();
		if (fd < 0 || fstat(fd, &st))
			out[i] = '-';
		else if (replacing)
			out[i] = st.st_ino == hidden ? 'b' : 'B';
		else
			out[i] = st.st_ino == hidden ? 'b' : 'g';
		if (fd >= 0)
			close(fd);
		if (fd != free_fd)
			close(free_fd);
		flock(-1000 - i, LOCK_UN);
	}
}

int main(int argc, char **argv)
{
	int tries = argc > 3 ? atoi(argv[2]) : 0;
	char *out = calloc(tries + 2, 1);
	char *what = argc > 1 ? argv[1] : "";
	pthread_t t;

	if (!tries)
		return 2;
	rewriting = strstr(what, "rewrite") != NULL;
	replacing = strstr(what, "replace") != NULL;
	word = &nowhere;
	if (pthread_create(&t, NULL, disturb, NULL))
		return 6;
	while (!ready)
		sched_yield();
	keep_to(0);
	if (strstr(what, "connect"))
		race_connect(tries, strstr(what, "udp") ? SOCK_DGRAM : SOCK_STREAM, out);
	else
		race_open(tries, argv[3], out,
			  strstr(what, "openat2")  ? SYS_openat2
			  : strstr(what, "openat") ? SYS_openat
			  : strstr(what, "creat")  ? SYS_creat
						   : SYS_open);
	over = 1;
	pthread_join(t, NULL);
	puts(out);
	return 0;
}
