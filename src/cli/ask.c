/* ask: see ask.h. */
#include "ask.h"

#include "show.h"

#include <unistd.h>

/* ---- failures --------------------------------------------------------- */

PG_FN int
pg_ask_failed(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_failure f = paglets_client_failure(r->client);

	pg_fail(e, pg_code_from_wire(
	    pg_str(paglets_client_error_type(r->client)),
	    pg_str(paglets_client_error_code(r->client))), "%s",
	    paglets_client_error(r->client));
	/* One that got a request is there. */
	if (!f.answered && !f.maybe_done && e->code == PG_E_UNREACHABLE)
		return pg_fail(e, e->code, "%s; start a host with `paglets "
		    "serve`, or name one with --entry URL", e->msg);
	if (!f.answered && e->code == PG_E_TIMEOUT)
		return pg_fail(e, e->code, "%s; %swait longer with --timeout",
		    e->msg, f.maybe_done ? "the host may still do it, or " :
		    "");
	return -1;
}

PG_FN int
pg_ask_show(struct pg_ask *r, const struct paglets_value *v,
    int (*show)(struct pg_ask *r, struct pg_value *v, struct pg_err *e),
    struct pg_err *e)
{
	if (v == NULL)
		return pg_ask_failed(r, e);
	if (r->cli->json)
		return pg_show_json(pg_value_inner(v), e);
	return show != NULL ? show(r, pg_value_inner(v), e) : 0;
}

/* Name the rows that failed. */
static int
ask_partly(const struct pg_value *rows, size_t failed, struct pg_err *e)
{
	const struct pg_value *row, *why;
	uint32_t i;

	if (failed == 0)
		return 0;
	for (i = 0; i < rows->n; i++) {
		row = rows->u.items[i];
		why = pg_value_get(row, "error");
		if (why != NULL)
			pg_show_note("%.*s: %.*s", PG_STR_ARG(pg_value_text(
			    pg_value_get(row, "name"), PG_STR_NULL)),
			    PG_STR_ARG(pg_value_text(why, PG_STR_NULL)));
	}
	return pg_fail(e, PG_E_PARTLY, "%zu of %" PRIu32 " hosts failed",
	    failed, rows->n);
}

PG_FN int
pg_ask_show_many(struct pg_ask *r, const struct paglets_value *rows,
    const size_t *failed, int (*show)(struct pg_ask *r, struct pg_value *v,
    struct pg_err *e), struct pg_err *e)
{
	struct paglets_call *v = paglets_client_values(r->client);
	struct paglets_value *d = paglets_dict(v);

	if (rows == NULL)
		return pg_ask_failed(r, e);
	paglets_set(v, d, "hosts", rows);
	if (r->cli->json ? pg_show_json(pg_value_inner(d), e) < 0 :
	    show(r, pg_value_inner(rows), e) < 0)
		return -1;
	return ask_partly(pg_value_inner(rows), *failed, e);
}

PG_FN int
pg_ask_all_hosts(struct pg_ask *r, struct pg_err *e)
{
	if (!pg_args_has(&r->cli->args, "all-hosts"))
		return 0;
	return pg_ask_word(r, 0) == NULL ? 1 : pg_fail(e, PG_E_USAGE,
	    "say either HOST or --all-hosts");
}

/* ---- words and options ------------------------------------------------ */

PG_FN const char *
pg_ask_word(const struct pg_ask *r, size_t i)
{
	const struct pg_args *args = &r->cli->args;

	return i < args->nwords ? args->words[i].p : NULL;
}

PG_FN const char *
pg_ask_option(const struct pg_ask *r, const char *name)
{
	return pg_args_get(&r->cli->args, name).p;
}

/* What is less than a millisecond is one. */
PG_FN int
pg_ask_duration(struct pg_ask *r, const char *name, int64_t *ms,
    struct pg_err *e)
{
	int64_t ns = 0;

	if (pg_args_duration(&r->cli->args, name, &ns, e) < 0)
		return -1;
	if (pg_args_get(&r->cli->args, name).p != NULL)
		*ms = PG_MAX(ns / PG_MS, 1);
	return 0;
}

PG_FN struct paglets_proxy *
pg_ask_agent(struct pg_ask *r, struct pg_err *e)
{
	struct paglets_proxy *p = paglets_proxy_find(r->client,
	    pg_ask_word(r, 0));

	if (p == NULL)
		pg_ask_failed(r, e);
	return p;
}

/* ---- a command -------------------------------------------------------- */

/* What every command that asks a host takes, behind its own options. */
static const struct pg_option ask_options[] = {
	PG_CLI_JSON_OPTION,
	{ "entry", 0, "HOST", "PAGLETS_ENTRY", "the host to ask: its URL, or "
	    "its name if it can be found (the one at http://127.0.0.1:8765, "
	    "else one that is found: at this machine's own address, by its "
	    "beacon, by asking around in the network)" },
	{ "timeout", 0, "TIME", "PAGLETS_TIMEOUT", "how long to wait for an "
	    "answer: 5s, 250ms, 2m, 1h, none (10s)" },
	PG_CLI_KEY_OPTIONS,
	{ .name = NULL }
};

/* Only for people: in a script's log it would be noise. */
static void
ask_on_slow(void *arg, const char *url)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		pg_show_note("waiting for %s", url);
}

/* No connection is made yet. */
static int
ask_open(struct pg_ask *r, struct pg_cli *c, struct pg_err *e)
{
	struct paglets_client_config config = { .entry = NULL };
	struct pg_str key;

	*r = (struct pg_ask){ .cli = c };
	if (pg_ask_duration(r, "timeout", &r->timeout, e) < 0 ||
	    pg_cli_key(c, &key, e) < 0)
		return -1;
	config.entry = pg_ask_option(r, "entry");
	if (config.entry != NULL && config.entry[0] == '\0')
		return pg_fail(e, PG_E_USAGE, "--entry is empty; give a URL "
		    "or the name of a host");
	config.api_key = key.p;
	config.timeout = r->timeout;
	r->client = paglets_client_new(&config);
	if (r->client == NULL)
		return pg_fail_sys(e, "a client");
	paglets_client_on_slow(r->client, ask_on_slow, NULL);
	return 0;
}

PG_FN int
pg_ask_run(struct pg_cli *c, const struct pg_spec *spec,
    int (*run)(struct pg_ask *r, struct pg_err *e), struct pg_err *e)
{
	struct pg_ask r;
	int rc;

	if (pg_cli_read(c, spec, ask_options, e) < 0)
		return -1;
	rc = ask_open(&r, c, e);
	if (rc == 0)
		rc = run(&r, e);
	paglets_client_free(r.client);
	return rc;
}
