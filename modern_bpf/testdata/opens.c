// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A process without company that does as it is told: opens. Reads "N PATH"
 * lines; opens and closes PATH N times and answers with the nanoseconds of CPU
 * time that it took. "cd PATH" changes its directory and answers 0, or -1.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int main(void)
{
	char line[512], *path;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		long long begin;
		long n;

		line[strcspn(line, "\n")] = 0;
		path = strchr(line, ' ');
		if (!path)
			return 2;
		*path++ = 0;
		if (!strcmp(line, "cd")) {
			printf("%d\n", chdir(path));
			continue;
		}
		n = atol(line);
		begin = now();
		while (n-- > 0)
			close(open(path, O_RDONLY));
		printf("%lld\n", now() - begin);
	}
	return 0;
}
