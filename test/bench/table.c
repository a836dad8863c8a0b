/* table: medians over rounds, and the lines that tell of them. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int missed;

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
median(const double *v, size_t n)
{
	double sorted[ROUNDS];

	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), compare);
	return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static double
row_ratio(const struct row *r)
{
	double ratio[ROUNDS];
	size_t i;

	for (i = 0; i < r->n; i++)
		ratio[i] = r->ours[i] / r->floor[i];
	return median(ratio, r->n);
}

static const char *
row_verdict(const struct row *r, double ours, double ratio)
{
	bool met = true;

	switch (r->aim) {
	case NO_AIM:
		return "";
	case RATIO_AT_MOST:
		met = ratio <= r->bound;
		break;
	case RATIO_AT_LEAST:
		met = ratio >= r->bound;
		break;
	case VALUE_AT_MOST:
		met = ours <= r->bound;
		break;
	case VALUE_AT_LEAST:
		met = ours >= r->bound;
		break;
	}
	missed += !met;
	return met ? "met" : "MISSED";
}

void
row_print(const struct row *r)
{
	static const char *const aims[] = { [NO_AIM] = "",
		[RATIO_AT_MOST] = "<= %g x floor",
		[RATIO_AT_LEAST] = ">= %g x floor", [VALUE_AT_MOST] = "<= %g %s",
		[VALUE_AT_LEAST] = ">= %g %s" };
	double ours = median(r->ours, r->n), floor = median(r->floor, r->n);
	double ratio = floor > 0 ? row_ratio(r) : 0;
	char floor_text[32] = "-", ratio_text[32] = "-", aim[48];

	if (floor > 0) {
		snprintf(floor_text, sizeof(floor_text), "%.*f", r->decimals,
		    floor);
		snprintf(ratio_text, sizeof(ratio_text), "%.2f", ratio);
	}
	snprintf(aim, sizeof(aim), aims[r->aim], r->bound, r->unit);
	printf("%-46s %9.*f %9s %-4s %6s  %-14s %s\n", r->what, r->decimals,
	    ours, floor_text, r->unit, ratio_text, aim,
	    row_verdict(r, ours, ratio));
	fflush(stdout);
}

void
table_begin(void)
{
	printf("%-46s %9s %9s %-4s %6s  %-14s\n", "workload", "ours", "floor",
	    "", "ratio", "aim");
}

void
table_end(void)
{
	if (missed > 0)
		printf("%d aims missed.\n", missed);
}
