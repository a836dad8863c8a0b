/* replay: a fuzz target without a fuzzer. Gives each file of the folders
 * named to LLVMFuzzerTestOneInput once, so that `make check` runs every
 * corpus through every sanitizer with an ordinary compiler.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define REPLAY_DIRS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* nftw() hands no context down. */
static unsigned replayed;

static int
replay_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	FILE *f;
	uint8_t *data;
	size_t n;

	(void)at;
	if (type != FTW_F)
		return 0;
	/* Exactly as long as the file: one byte too far is caught. */
	data = malloc(st->st_size > 0 ? (size_t)st->st_size : 1);
	f = fopen(path, "rb");
	if (data == NULL || f == NULL) {
		perror(path);
		exit(1);
	}
	n = fread(data, 1, (size_t)st->st_size, f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	replayed++;
	return 0;
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (nftw(argv[i], replay_file, REPLAY_DIRS_MAX, FTW_PHYS) < 0) {
			perror(argv[i]);
			return 1;
		}
	}
	printf("%u files\n", replayed);
	return 0;
}
