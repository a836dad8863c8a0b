/* pick: one value out of a JSON document.
 *
 *	pick PATH... <document
 *
 * A PATH is keys and list positions with dots between ("agents.0.pid"), or
 * "." for the whole; "#" at its end counts the members. Each value is printed
 * on a line: text as it is, everything else as JSON. Exit code 1 when there
 * is no such value, 2 when the document is none.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json */
#include "codec/json.h"

#include <unistd.h>

/* The member of v called key; NULL when there is none. */
static const struct pg_value *
pick_member(const struct pg_value *v, const char *key)
{
	char *end;
	unsigned long i;

	if (!pg_value_is_seq(v))
		return pg_value_get(v, key);
	i = strtoul(key, &end, 10);
	return *end == '\0' && i < v->n ? v->u.items[i] : NULL;
}

static void
pick_print(const struct pg_value *v)
{
	struct pg_buf b = { 0 };

	if (pg_value_is(v, PG_T_STR))
		pg_buf_puts(&b, pg_value_text(v, PG_STR_NULL));
	else
		pg_json_write(&b, v, NULL);
	printf("%.*s\n", PG_STR_ARG(pg_buf_str(&b)));
	pg_buf_fini(&b);
}

static int
pick_path(const struct pg_value *v, char *path)
{
	char *rest = path, *key;

	while (v != NULL && (key = strsep(&rest, ".")) != NULL) {
		if (strcmp(key, "#") == 0) {
			printf("%u\n", v->n);
			return 0;
		}
		if (*key != '\0')
			v = pick_member(v, key);
	}
	if (v == NULL) {
		fprintf(stderr, "pick: no value at that path\n");
		return -1;
	}
	pick_print(v);
	return 0;
}

int
main(int argc, char **argv)
{
	struct pg_arena a = { 0 };
	struct pg_buf in = { 0 };
	struct pg_value *v;
	struct pg_err e = { 0 };
	ssize_t n;
	int i, rc = 0;

	while ((n = read(STDIN_FILENO, pg_buf_room(&in, 65536), 65536)) > 0)
		in.n += (size_t)n;
	if (pg_json_read(pg_buf_str(&in), &a, &v, &e) < 0) {
		fprintf(stderr, "pick: %s: %.*s\n", e.msg,
		    (int)PG_MIN(in.n, (size_t)200), in.p);
		rc = 2;
	}
	for (i = 1; i < argc && rc == 0; i++)
		if (pick_path(v, argv[i]) < 0)
			rc = 1;
	pg_arena_fini(&a);
	pg_buf_fini(&in);
	return rc;
}
