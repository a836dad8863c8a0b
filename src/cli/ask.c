/* ask: requests to a host, one at a time.
 *
 * The client of the host works on a loop; here the loop turns until its one
 * answer is there. A key is only sent where the user pointed: a URL that a
 * host told us is asked without it.
 */
#include "ask.h"

#include "../codec/json.h"
#include "../host/remote.h"
#include "../host/wire.h"
#include "show.h"

#include <unistd.h>

/* ---- one request ------------------------------------------------------ */

/* An answer's bytes, kept while values borrow from them. */
struct pg_ask_body {
	struct pg_ask_body *next;
	struct pg_bulk *bulk;
};

/* What the callback of one request leaves behind. */
struct ask_wait {
	struct pg_ask *r;
	struct pg_str url;
	bool have_key;
	struct pg_timer patience;
	struct pg_value *reply;
	bool answered; /* by the host, well or not */
	bool maybe_sent;
	int rc;
	struct pg_err *e;
};

/* Only for people: in a script's log it would be noise. */
static void
ask_on_patience(struct pg_timer *t)
{
	struct ask_wait *w = PG_CONTAINER(t, struct ask_wait, patience);

	if (isatty(STDERR_FILENO))
		pg_show_note("waiting for %.*s", PG_STR_ARG(w->url));
}

/* Decodes at once, since the response is gone after this call. */
static void
ask_on_done(void *arg, const struct pg_response *resp)
{
	struct ask_wait *w = arg;
	struct pg_ask_body *keep;

	if (resp->body != NULL) {
		keep = pg_alloc(sizeof(*keep));
		keep->bulk = pg_bulk_ref(resp->body);
		keep->next = w->r->bodies;
		w->r->bodies = keep;
	}
	w->answered = resp->status != 0;
	w->maybe_sent = resp->maybe_sent;
	w->rc = pg_remote_answer(resp, w->have_key, &w->r->arena, &w->reply,
	    w->e);
	pg_loop_stop(w->r->loop);
}

/* Whether a host says no more than that an agent is not there. */
static bool
ask_is_absent(const struct pg_err *e)
{
	return e->code == PG_E_INVALID_AGENT &&
	    pg_str_starts(pg_str(e->msg), PG_STR("No ")) &&
	    strstr(e->msg, "has moved") == NULL;
}

/* Whether the type of an error tells more than its text, which an agent may
 * have chosen. */
static bool
ask_type_tells(const struct pg_err *e)
{
	const char *type = pg_code_wire(e->code);

	return strcmp(type, "HostError") != 0 && e->code != PG_E_AUTH &&
	    strcmp(type, "RemoteHostError") != 0;
}

/* Put the host before what it said, or what to try behind. */
static int
ask_explain(struct ask_wait *w, const struct pg_place *at,
    const char *method, struct pg_err *e)
{
	if (w->answered) {
		w->r->absent = ask_is_absent(e);
		if (ask_type_tells(e))
			pg_wrap(e, "%s", pg_code_wire(e->code));
		pg_wrap(e, "%.*s", PG_STR_ARG(at->url));
	}
	if (w->answered && e->code == PG_E_AUTH && w->r->key.n > 0)
		return pg_fail(e, e->code, at->named
		    ? "%s; it has another API key than the one given"
		    : "%s; the API key goes only to an address that you name: "
		    "write this URL yourself", e->msg);
	if (!w->answered && e->code == PG_E_UNREACHABLE)
		return pg_fail(e, e->code, "%s; start a host with `paglets "
		    "serve`, or name one with --entry URL", e->msg);
	if (!w->answered && e->code == PG_E_TIMEOUT)
		return pg_fail(e, e->code, "%s; %swait longer with --timeout",
		    e->msg, w->maybe_sent && strcmp(method, "GET") != 0 ?
		    "the host may still do it, or " : "");
	return -1;
}

PG_FN int
pg_ask(struct pg_ask *r, const struct pg_place *at, const char *method,
    struct pg_str path, const struct pg_value *body,
    struct pg_value **reply, struct pg_err *e)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct ask_wait w = { .r = r, .url = at->url, .rc = -1, .e = e };
	struct pg_request q = { .method = method, .timeout = r->timeout,
		.max_reply = PG_ASK_REPLY_MAX };

	q.url = pg_arena_printf(&r->arena, "%.*s%.*s", PG_STR_ARG(at->url),
	    PG_STR_ARG(path));
	/* have_key is about the hint in a 401: who has a key that is not sent
	 * there needs another one, see ask_explain. */
	if (at->named)
		q.bearer = r->key;
	w.have_key = r->key.n > 0;
	if (body != NULL) {
		if (pg_json_write(&b, body, e) < 0)
			goto out;
		q.content_type = "application/json";
		q.body[0].text = pg_buf_str(&b);
		q.nbody = 1;
	}
	r->absent = false;
	pg_timer_set(r->loop, &w.patience, PG_ASK_PATIENCE, ask_on_patience);
	pg_client_start(r->client, &q, ask_on_done, &w);
	/* The callback comes within the timeout, whatever the host does. */
	if (pg_loop_run(r->loop, e) == 0 && w.rc < 0)
		ask_explain(&w, at, method, e);
	pg_timer_stop(&w.patience);
	*reply = w.reply;
out:
	pg_buf_fini(&b);
	return w.rc;
}

PG_FN int
pg_ask_get(struct pg_ask *r, const struct pg_place *at, const char *path,
    struct pg_value **reply, struct pg_err *e)
{
	return pg_ask(r, at, "GET", pg_str(path), NULL, reply, e);
}

PG_FN void
pg_ask_forget(struct pg_ask *r)
{
	struct pg_ask_body *body;

	while ((body = r->bodies) != NULL) {
		r->bodies = body->next;
		pg_bulk_unref(body->bulk);
		free(body);
	}
	pg_arena_reset(&r->arena);
}

/* ---- hosts ------------------------------------------------------------ */

/* The URL of the host with this name in a list of HostRefs; PG_STR_NULL if
 * there is none. */
static struct pg_str
ask_url_of(const struct pg_value *hosts, struct pg_str name)
{
	const struct pg_value *h;
	uint32_t i;

	for (i = 0; pg_value_is(hosts, PG_T_LIST) && i < hosts->n; i++) {
		h = hosts->u.items[i];
		if (pg_str_eq(pg_value_text(pg_value_get(h, "name"),
		    PG_STR_NULL), name))
			return pg_value_text(pg_value_get(h, "url"),
			    PG_STR_NULL);
	}
	return PG_STR_NULL;
}

/* Look a name up at a host. */
static int
ask_look_up(struct pg_ask *r, const struct pg_place *at, struct pg_str name,
    struct pg_place *out, struct pg_err *e)
{
	struct pg_value *reply;
	struct pg_str url;

	if (pg_ask_get(r, at, "/hosts", &reply, e) < 0)
		return pg_wrap(e, "looking up '%.*s'", PG_STR_ARG(name));
	url = ask_url_of(pg_value_get(reply, "hosts"), name);
	if (url.n == 0)
		return pg_fail(e, PG_E_NOT_FOUND, "%.*s: knows no host '%.*s'; "
		    "see `paglets hosts`, or give a URL", PG_STR_ARG(at->url),
		    PG_STR_ARG(name));
	out->named = false;
	return pg_url_normalise(&r->cli->arena, url, &out->url, e);
}

/* The user wrote this URL: it may have the key, and faults in it are
 * theirs. */
static int
ask_by_url(struct pg_ask *r, struct pg_str url, struct pg_place *out,
    struct pg_err *e)
{
	out->named = true;
	if (pg_url_normalise(&r->cli->arena, url, &out->url, e) == 0)
		return 0;
	e->code = PG_E_USAGE;
	return -1;
}

/* The entry host: --entry, PAGLETS_ENTRY or the one on this machine. */
static int
ask_entry(struct pg_ask *r, struct pg_err *e)
{
	struct pg_place home = { PG_STR(PG_ASK_ENTRY), true }, at = home;
	struct pg_str entry = pg_args_get(&r->cli->args, "entry");
	int rc = 0;

	if (r->entry.url.p != NULL)
		return 0;
	if (entry.p != NULL && entry.n == 0)
		return pg_fail(e, PG_E_USAGE, "--entry is empty; give a URL "
		    "or the name of a host");
	if (entry.p != NULL && pg_form_is_url(entry))
		rc = ask_by_url(r, entry, &at, e);
	else if (entry.p != NULL)
		rc = ask_look_up(r, &home, entry, &at, e);
	if (rc < 0)
		return -1;
	r->entry = at;
	return 0;
}

PG_FN int
pg_ask_place(struct pg_ask *r, struct pg_str host, struct pg_place *out,
    struct pg_err *e)
{
	if (host.n > 0 && pg_form_is_url(host))
		return ask_by_url(r, host, out, e);
	if (ask_entry(r, e) < 0)
		return -1;
	if (host.n > 0)
		return ask_look_up(r, &r->entry, host, out, e);
	*out = r->entry;
	return 0;
}

PG_FN int
pg_ask_place_word(struct pg_ask *r, size_t i, struct pg_place *out,
    struct pg_err *e)
{
	const struct pg_args *args = &r->cli->args;

	return pg_ask_place(r, i < args->nwords ? args->words[i]
						: PG_STR_NULL, out, e);
}

/* ---- agents ----------------------------------------------------------- */

PG_FN int
pg_ask_target(struct pg_ask *r, struct pg_str word, struct pg_target *out,
    struct pg_err *e)
{
	struct pg_address at;

	if (pg_form_address(word, &at, e) < 0)
		return -1;
	if (pg_wire_check_id(at.id, e) < 0) {
		e->code = PG_E_USAGE;
		return -1;
	}
	out->id = at.id;
	return pg_ask_place(r, at.host, &out->place, e);
}

/* Find the id that is or begins with t->id among agents. One that is equal
 * wins over any that is longer. */
static int
ask_match(struct pg_ask *r, const struct pg_value *agents,
    struct pg_target *t, struct pg_err *e)
{
	struct pg_str id, found = PG_STR_NULL;
	uint32_t i, n = 0;

	for (i = 0; pg_value_is(agents, PG_T_LIST) && i < agents->n; i++) {
		id = pg_value_text(pg_value_get(agents->u.items[i],
		    "agent_id"), PG_STR_NULL);
		if (!pg_str_starts(id, t->id))
			continue;
		found = id;
		n++;
		if (id.n == t->id.n) {
			n = 1;
			break;
		}
	}
	if (n == 0)
		return pg_fail(e, PG_E_INVALID_AGENT, "%.*s: no agent '%.*s' "
		    "there; `paglets agents -a` lists those it has, HOST/ID "
		    "names one elsewhere",
		    PG_STR_ARG(t->place.url), PG_STR_ARG(t->id));
	if (n > 1)
		return pg_fail(e, PG_E_USAGE, "%.*s: %" PRIu32 " agents "
		    "begin with '%.*s', as %.*s; give more of the id",
		    PG_STR_ARG(t->place.url), n, PG_STR_ARG(t->id),
		    PG_STR_ARG(found));
	/* The answer may be forgotten before the id is. */
	t->id = pg_arena_str(&r->cli->arena, found);
	return 0;
}

PG_FN int
pg_ask_find(struct pg_ask *r, struct pg_target *t, struct pg_err *e)
{
	struct pg_value *reply;

	if (pg_ask_get(r, &t->place, "/agents?state=all", &reply, e) < 0)
		return -1;
	return ask_match(r, pg_value_get(reply, "agents"), t, e);
}

/* With t->id as it is. */
static int
ask_agent_once(struct pg_ask *r, struct pg_target *t, const char *method,
    const char *tail, const struct pg_value *body, struct pg_value **reply,
    struct pg_err *e)
{
	struct pg_str path = pg_arena_printf(&r->arena, "/agents/%.*s%s",
	    PG_STR_ARG(t->id), tail);

	return pg_ask(r, &t->place, method, path, body, reply, e);
}

/* The id as given goes first: a message to an agent that has moved on is
 * forwarded by the host that no longer lists it. */
PG_FN int
pg_ask_agent(struct pg_ask *r, struct pg_target *t, const char *method,
    const char *tail, const struct pg_value *body, struct pg_value **reply,
    struct pg_err *e)
{
	struct pg_target full = *t;
	struct pg_err why = { 0 };
	int rc = ask_agent_once(r, t, method, tail, body, reply, e);

	if (rc == 0 || !r->absent)
		return rc;
	if (pg_ask_find(r, &full, &why) < 0) {
		*e = why;
		return -1;
	}
	/* It is there: what it said about an invalid agent stands. */
	if (pg_str_eq(full.id, t->id))
		return -1;
	*t = full;
	return ask_agent_once(r, t, method, tail, body, reply, e);
}

/* ---- a command -------------------------------------------------------- */

/* What every command that asks a host takes, behind its own options. */
static const struct pg_option ask_options[] = {
	PG_CLI_JSON_OPTION,
	{ "entry", 0, "HOST", "PAGLETS_ENTRY", "the host to ask: its URL, or "
	    "a name that the host at " PG_ASK_ENTRY " knows (that one)" },
	{ "timeout", 0, "TIME", NULL, "how long to wait for an answer: 5s, "
	    "250ms, 2m, 1h, none (10s)" },
	PG_CLI_KEY_OPTIONS,
	{ .name = NULL }
};

/* No connection is made yet. On failure ask_close takes back what there is. */
static int
ask_open(struct pg_ask *r, struct pg_cli *c, struct pg_err *e)
{
	*r = (struct pg_ask){ .cli = c, .timeout = PG_ASK_TIMEOUT };
	pg_arena_init(&r->arena, PG_ASK_VALUES_MAX);
	if (pg_args_duration(&c->args, "timeout", &r->timeout, e) < 0 ||
	    pg_cli_key(c, &r->key, e) < 0)
		return -1;
	r->loop = pg_loop_new(e);
	if (r->loop != NULL)
		r->work = pg_work_new(r->loop, e);
	if (r->work != NULL)
		r->client = pg_client_new(r->loop, r->work, e);
	return r->client != NULL ? 0 : -1;
}

static void
ask_close(struct pg_ask *r)
{
	if (r->client != NULL)
		pg_client_free(r->client);
	if (r->work != NULL)
		pg_work_free(r->work);
	if (r->loop != NULL)
		pg_loop_free(r->loop);
	pg_ask_forget(r);
	pg_arena_fini(&r->arena);
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
	ask_close(&r);
	return rc;
}
