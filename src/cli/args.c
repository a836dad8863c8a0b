/* args: options and words of one command.
 *
 * Options may stand anywhere among the words; "--" ends them, and a lone "-"
 * is a word. The table of a command is all there is to know about it: reading,
 * looking values up and help follow it, so they cannot disagree.
 */
#include "args.h"

/* Column where the explanation of an option begins, and where it ends. */
#define ARGS_HELP_COLUMN 28
#define ARGS_HELP_WIDTH 80

/* ---- tables ----------------------------------------------------------- */

PG_FN const struct pg_option *
pg_args_option(const struct pg_args *args, size_t i)
{
	static const struct pg_option none = { .name = NULL };
	const struct pg_option *o = args->spec->options;

	for (o = o != NULL ? o : &none; o->name != NULL; o++)
		if (i-- == 0)
			return o;
	for (o = args->shared != NULL ? args->shared : &none; o->name != NULL;
	    o++)
		if (i-- == 0)
			return o;
	return NULL;
}

/* NULL: in neither table. */
static const struct pg_option *
args_by_name(const struct pg_args *args, struct pg_str name)
{
	const struct pg_option *o;
	size_t i;

	for (i = 0; (o = pg_args_option(args, i)) != NULL; i++)
		if (pg_str_eqz(name, o->name))
			return o;
	return NULL;
}

static const struct pg_option *
args_by_letter(const struct pg_args *args, char letter)
{
	const struct pg_option *o;
	size_t i;

	for (i = 0; (o = pg_args_option(args, i)) != NULL; i++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* ---- reading ---------------------------------------------------------- */

/* word is what was written, name the part of it that should be an option's. */
static int
args_unknown(const struct pg_args *args, struct pg_str word,
    struct pg_str name, struct pg_err *e)
{
	struct pg_nearest near = { .word = name };
	const struct pg_option *o;
	size_t i;

	for (i = 0; (o = pg_args_option(args, i)) != NULL; i++)
		pg_nearest_try(&near, o->name);
	pg_nearest_try(&near, "help");
	if (near.best != NULL)
		return pg_fail(e, PG_E_USAGE,
		    "unknown option '%.*s'; did you mean '--%s'?",
		    PG_STR_ARG(word), near.best);
	return pg_fail(e, PG_E_USAGE, "unknown option '%.*s'; --help lists "
	    "what there is", PG_STR_ARG(word));
}

/* One option; *at is its place in argv, moved on when the value follows. */
static int
args_take_option(struct pg_args *args, int argc, char **argv, int *at,
    struct pg_err *e)
{
	struct pg_str word = pg_str(argv[*at]), name, value = PG_STR_NULL;
	const struct pg_option *o;
	const char *eq;

	if (word.p[1] == '-') {
		name = pg_str_skip(word, 2);
		eq = memchr(name.p, '=', name.n);
		if (eq != NULL) {
			value = pg_str(eq + 1);
			name.n = (size_t)(eq - name.p);
		}
		o = args_by_name(args, name);
	} else {
		name = pg_str_skip(word, 1);
		o = name.n == 1 ? args_by_letter(args, name.p[0]) : NULL;
	}
	if (o == NULL)
		return args_unknown(args, word, name, e);
	if (o->value == NULL && value.p != NULL)
		return pg_fail(e, PG_E_USAGE, "--%s takes no value", o->name);
	if (o->value != NULL && value.p == NULL) {
		if (*at + 1 >= argc)
			return pg_fail(e, PG_E_USAGE, "--%s lacks its %s; "
			    "write --%s %s", o->name, o->value, o->name,
			    o->value);
		value = pg_str(argv[++*at]);
	}
	/* Later ones win, and lists keep their order. */
	args->given[args->ngiven++] = (struct pg_given){ o, value };
	return 0;
}

/* Too many is told by the first one that is too much: most often a value
 * whose option was forgotten. */
static int
args_count_words(const struct pg_args *args, struct pg_err *e)
{
	const struct pg_spec *s = args->spec;

	if (args->nwords > s->max)
		return pg_fail(e, PG_E_USAGE, "unexpected '%.*s'; it takes %s",
		    PG_STR_ARG(args->words[s->max]),
		    s->max == 0 ? "options only" : s->words);
	if (args->nwords < s->min)
		return pg_fail(e, PG_E_USAGE, "too few words; it takes %s",
		    s->words);
	return 0;
}

PG_FN int
pg_args_read(struct pg_args *args, struct pg_arena *a,
    const struct pg_spec *spec, const struct pg_option *shared, int argc,
    char **argv, struct pg_err *e)
{
	bool options = true;
	size_t room = (size_t)argc + 1;
	int i;

	/* Each word of argv is at most one of either: room is made once. */
	*args = (struct pg_args){ .spec = spec, .shared = shared };
	args->words = pg_arena_zalloc(a, room * sizeof(*args->words));
	args->given = pg_arena_zalloc(a, room * sizeof(*args->given));
	for (i = 0; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (!options || argv[i][0] != '-' ||
		    argv[i][1] == '\0') {
			args->words[args->nwords++] = pg_str(argv[i]);
		} else if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			args->help = true;
			return 0;
		} else if (args_take_option(args, argc, argv, &i, e) < 0) {
			return -1;
		}
	}
	return args_count_words(args, e);
}

/* ---- looking up ------------------------------------------------------- */

static bool
args_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* As pg_args_next, of what was given alone. */
static bool
args_next_given(const struct pg_args *args, const char *name, size_t *at,
    struct pg_str *value)
{
	const struct pg_given *g;

	while (*at < args->ngiven) {
		g = &args->given[(*at)++];
		if (strcmp(g->option->name, name) == 0) {
			*value = g->value;
			return true;
		}
	}
	return false;
}

PG_FN bool
pg_args_has(const struct pg_args *args, const char *name)
{
	struct pg_str value;
	size_t at = 0;

	return args_next_given(args, name, &at, &value);
}

/* What counts if the option is not given; empty is as good as not set. */
static struct pg_str
args_env(const struct pg_args *args, const char *name)
{
	const struct pg_option *o = args_by_name(args, pg_str(name));
	const char *env;

	/* A command asks only for what its table offers. */
	assert(o != NULL);
	env = o->env != NULL ? getenv(o->env) : NULL;
	return env != NULL && env[0] != '\0' ? pg_str(env) : PG_STR_NULL;
}

PG_FN struct pg_str
pg_args_get(const struct pg_args *args, const char *name)
{
	struct pg_str value = PG_STR_NULL;
	size_t at = 0;

	while (args_next_given(args, name, &at, &value))
		continue;
	return value.p != NULL ? value : args_env(args, name);
}

/* The next word of those in the variable; *at counts its bytes from where
 * the options end. */
static bool
args_next_in_env(const struct pg_args *args, const char *name, size_t *at,
    struct pg_str *value)
{
	struct pg_str text = pg_str_skip(args_env(args, name),
	    *at - args->ngiven);
	size_t n;

	for (; text.n > 0 && args_is_blank(text.p[0]); ++*at)
		text = pg_str_skip(text, 1);
	for (n = 0; n < text.n && !args_is_blank(text.p[n]); ++*at)
		n++;
	*value = (struct pg_str){ text.p, n };
	return n > 0;
}

PG_FN bool
pg_args_next(const struct pg_args *args, const char *name, size_t *at,
    struct pg_str *value)
{
	return args_next_given(args, name, at, value) ||
	    (!pg_args_has(args, name) &&
	    args_next_in_env(args, name, at, value));
}

PG_FN int
pg_args_blame(const struct pg_args *args, const char *name, struct pg_err *e)
{
	if (pg_args_has(args, name))
		return pg_wrap(e, "--%s", name);
	return pg_wrap(e, "%s", args_by_name(args, pg_str(name))->env);
}

PG_FN int
pg_args_duration(const struct pg_args *args, const char *name, int64_t *out,
    struct pg_err *e)
{
	struct pg_str text = pg_args_get(args, name);

	if (text.p != NULL && pg_form_duration(text, out, e) < 0)
		return pg_args_blame(args, name, e);
	return 0;
}

PG_FN int
pg_args_size(const struct pg_args *args, const char *name, int64_t *out,
    struct pg_err *e)
{
	struct pg_str text = pg_args_get(args, name);

	if (text.p != NULL && pg_form_size(text, out, e) < 0)
		return pg_args_blame(args, name, e);
	return 0;
}

PG_FN int
pg_args_int(const struct pg_args *args, const char *name, int64_t min,
    int64_t max, int64_t *out, struct pg_err *e)
{
	struct pg_str text = pg_args_get(args, name);

	if (text.p != NULL && pg_form_int(text, min, max, out, e) < 0)
		return pg_args_blame(args, name, e);
	return 0;
}

PG_FN int
pg_args_json(const struct pg_args *args, const char *name,
    struct pg_arena *a, struct pg_value **out, struct pg_err *e)
{
	struct pg_str text = pg_args_get(args, name);

	if (text.p != NULL && pg_form_json(a, text, out, e) < 0)
		return pg_args_blame(args, name, e);
	return 0;
}

/* ---- help ------------------------------------------------------------- */

/* The words of text, in the column of explanations; *at is the column that
 * the last line has reached. */
static void
args_help_words(struct pg_buf *b, struct pg_str text, size_t *at)
{
	const char *blank;
	struct pg_str word;

	for (; text.n > 0; text = pg_str_skip(text, word.n + 1)) {
		blank = memchr(text.p, ' ', text.n);
		word = text;
		if (blank != NULL)
			word.n = (size_t)(blank - text.p);
		if (*at + 1 + word.n > ARGS_HELP_WIDTH) {
			pg_buf_printf(b, "\n%*s", ARGS_HELP_COLUMN, "");
			*at = ARGS_HELP_COLUMN;
		} else if (*at > ARGS_HELP_COLUMN) {
			pg_buf_putc(b, ' ');
			++*at;
		}
		pg_buf_puts(b, word);
		*at += word.n;
	}
}

/* What is too wide for its column gets a line of its own. */
static void
args_help_option(struct pg_buf *b, const struct pg_option *o)
{
	size_t start = b->n, used, at = ARGS_HELP_COLUMN;
	char env[ARGS_HELP_WIDTH];

	pg_buf_putz(b, "  ");
	if (o->letter != '\0')
		pg_buf_printf(b, "-%c, ", o->letter);
	pg_buf_printf(b, "--%s", o->name);
	if (o->value != NULL)
		pg_buf_printf(b, " %s", o->value);
	used = b->n - start;
	if (used + 2 > ARGS_HELP_COLUMN) {
		pg_buf_putc(b, '\n');
		used = 0;
	}
	pg_buf_printf(b, "%*s", (int)(ARGS_HELP_COLUMN - used), "");
	args_help_words(b, pg_str(o->help), &at);
	if (o->env != NULL) {
		snprintf(env, sizeof(env), "[%s]", o->env);
		args_help_words(b, pg_str(env), &at);
	}
	pg_buf_putc(b, '\n');
}

PG_FN void
pg_args_help(struct pg_buf *b, const struct pg_args *args, const char *name)
{
	static const struct pg_option help = { "help", 'h', NULL, NULL,
		"show this" };
	const struct pg_option *o;
	size_t i;

	pg_buf_printf(b, "usage: paglets %s%s%s [options]\n\n%s\n\n", name,
	    args->spec->words[0] != '\0' ? " " : "", args->spec->words,
	    args->spec->about);
	for (i = 0; (o = pg_args_option(args, i)) != NULL; i++)
		args_help_option(b, o);
	args_help_option(b, &help);
}

#undef ARGS_HELP_COLUMN
#undef ARGS_HELP_WIDTH
