/* completion: see completion.h.
 *
 * Commands are asked what they take, as for help, so that what is completed
 * is what there is. No host is asked: nobody wants to wait for a key.
 */
#include "completion.h"

#include "show.h"

/* What may stand where the cursor is; where it is nothing, bash completes
 * files. */
static const char completion_head[] =
    "# Completion for bash: source <(paglets completion bash)\n"
    "_paglets() {\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} at=$COMP_CWORD\n"
    "\tlocal words= options= valued= commands='%.*s'\n"
    "\tCOMPREPLY=()\n"
    "\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]-}\" in\n";
static const char completion_tail[] =
    "\tesac\n"
    "\t[[ \" $valued \" != *\" ${COMP_WORDS[at - 1]} \"* ]] || return\n"
    "\tif [ \"$at\" = 1 ] || [ \"$at ${COMP_WORDS[1]}\" = '2 help' ]; then\n"
    "\t\twords=$commands\n"
    "\telif [[ $cur == -* ]]; then\n"
    "\t\twords=$options\n"
    "\telif [ \"$at\" != 2 ]; then\n"
    "\t\twords=\n"
    "\tfi\n"
    "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
    "}\n"
    "complete -o default -F _paglets paglets\n";

/* What is being collected. */
struct completion {
	struct pg_cli *cli;
	const char *command; /* whose turn it is */
	struct pg_buf cases; /* of all commands and verbs */
	struct pg_buf words; /* of one of them: its verbs */
	struct pg_buf options;
	struct pg_buf valued; /* those of them that a value follows */
};

static void
completion_add(struct pg_buf *b, const char *before, const char *word)
{
	pg_buf_printf(b, "%s%s%s", b->n > 0 ? " " : "", before, word);
}

static void
completion_on_option(void *arg, const struct pg_option *o)
{
	const char letter[] = { o->letter, '\0' };
	struct completion *s = arg;

	completion_add(&s->options, "--", o->name);
	if (o->value == NULL)
		return;
	completion_add(&s->valued, "--", o->name);
	if (o->letter != '\0')
		completion_add(&s->valued, "-", letter);
}

static void
completion_set(struct completion *s, const char *name, struct pg_buf *b)
{
	if (b->n > 0)
		pg_buf_printf(&s->cases, "\t\t%s='%.*s'\n", name,
		    PG_STR_ARG(pg_buf_str(b)));
	pg_buf_reset(b);
}

/* The case of a command, or of one with a verb; what was collected for it is
 * forgotten. */
static void
completion_case(struct completion *s, const char *verb)
{
	if (verb != NULL)
		pg_buf_printf(&s->cases, "\t'%s %s')\n", s->command, verb);
	else
		pg_buf_printf(&s->cases, "\t'%s '*)\n", s->command);
	completion_add(&s->options, "--", "help");
	completion_set(s, "words", &s->words);
	completion_set(s, "options", &s->options);
	completion_set(s, "valued", &s->valued);
	pg_buf_putz(&s->cases, "\t\t;;\n");
}

static void
completion_on_verb(void *arg, const struct pg_command *verb)
{
	struct completion *s = arg;
	struct pg_buf verbs = s->words;
	struct pg_err e = { 0 };

	s->words = (struct pg_buf)PG_BUF_INIT(0);
	verb->run(s->cli, &e);
	completion_case(s, verb->name);
	pg_buf_fini(&s->words);
	s->words = verbs;
	completion_add(&s->words, "", verb->name);
}

/* Ask all commands; each ends with -1 and no code in e, as for help. */
static void
completion_collect(struct completion *s, struct pg_buf *names)
{
	const struct pg_survey survey = { completion_on_verb,
		completion_on_option, s };
	const struct pg_command *m;
	struct pg_err e = { 0 };

	s->cli->survey = &survey;
	s->cli->argc = 0;
	for (m = s->cli->commands; m->name != NULL; m++) {
		completion_add(names, "", m->name);
		s->command = m->name;
		m->run(s->cli, &e);
		completion_case(s, NULL);
	}
	s->cli->survey = NULL;
}

static int
completion_show(struct pg_cli *c, struct pg_err *e)
{
	struct completion s = { .cli = c };
	struct pg_buf b = PG_BUF_INIT(0), names = PG_BUF_INIT(0);
	int rc;

	completion_collect(&s, &names);
	pg_buf_printf(&b, completion_head, PG_STR_ARG(pg_buf_str(&names)));
	pg_buf_puts(&b, pg_buf_str(&s.cases));
	pg_buf_putz(&b, completion_tail);
	rc = pg_show_text(pg_buf_str(&b), e);
	pg_buf_fini(&s.cases);
	pg_buf_fini(&s.words);
	pg_buf_fini(&s.options);
	pg_buf_fini(&s.valued);
	pg_buf_fini(&names);
	pg_buf_fini(&b);
	return rc;
}

PG_FN int
pg_completion_run(struct pg_cli *c, struct pg_err *e)
{
	static const struct pg_spec spec = { "SHELL", 1, 1, NULL,
		"Prints what a shell needs to complete commands and options "
		"of paglets. SHELL is\nbash, in which you say\n\n"
		"  source <(paglets completion bash)" };

	if (pg_cli_read(c, &spec, NULL, e) < 0)
		return -1;
	if (!pg_str_eqz(c->args.words[0], "bash"))
		return pg_fail(e, PG_E_USAGE, "nothing for the shell '%.*s'; "
		    "there is bash", PG_STR_ARG(c->args.words[0]));
	return completion_show(c, e);
}
