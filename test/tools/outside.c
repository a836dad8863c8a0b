/* outside: a program that is no host, and does all that a client can do.
 *
 *	outside ALPHA BETA DEAD
 *
 * Shows that paglets.h and libpaglets.a are all it takes: URLs of two hosts
 * that know each other and of one that is not there, or, with "name:" before
 * ALPHA's, the name under which it is to be found by. Prints what does not
 * hold; the exit status is 1 if anything does not.
 */
#include "paglets.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER "paglets_demo.counter:CounterPaglet"

struct outside {
	struct paglets_client *c;
	struct paglets_call *v;
	const char *alpha, *beta, *dead;
	int failed;
};

static void
holds(struct outside *o, bool is, const char *what)
{
	if (is)
		return;
	printf("NOT OK: %s (last error: %s %s: %s)\n", what,
	    paglets_client_error_type(o->c), paglets_client_error_code(o->c),
	    paglets_client_error(o->c));
	o->failed++;
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static int64_t
number(const struct paglets_value *dict, const char *key)
{
	return paglets_as_int(paglets_get(dict, key), -1);
}

static struct paglets_proxy *
make(struct outside *o, const char *id, const char *target)
{
	struct paglets_creation what = { .agent_class = COUNTER,
		.agent_id = id, .target = target };
	struct paglets_value *state = paglets_dict(o->v);
	struct paglets_proxy *p;

	paglets_set(o->v, state, "count", paglets_int(o->v, 3));
	what.state = state;
	p = paglets_client_create(o->c, &what);
	holds(o, p != NULL, "create");
	if (p == NULL)
		exit(1);
	return p;
}

static struct paglets_future *
start_sleep(struct outside *o, struct paglets_proxy *p, double seconds)
{
	struct paglets_value *args = paglets_dict(o->v);

	paglets_set(o->v, args, "seconds", paglets_float(o->v, seconds));
	return paglets_proxy_future(p, "sleep", args);
}

/* ---- what can be asked of one paglet ---------------------------------- */

static void
messages(struct outside *o, struct paglets_proxy *p)
{
	struct paglets_outgoing m = { .kind = "meta", .has_priority = true,
		.priority = 9 };
	struct paglets_value *args = paglets_dict(o->v);
	const struct paglets_value *r;

	paglets_set(o->v, args, "by", paglets_int(o->v, 4));
	r = paglets_proxy_send(p, "increment", args);
	holds(o, number(r, "count") == 7, "send");
	holds(o, paglets_proxy_oneway(p, "increment", args) == 0, "oneway");
	r = paglets_proxy_send(p, "get", NULL);
	holds(o, number(r, "count") == 11, "oneway was done");
	r = paglets_proxy_send_message(p, &m);
	holds(o, number(r, "priority") == 9, "a message with a priority");
	r = paglets_proxy_send(p, "ping", NULL);
	holds(o, same(paglets_as_text(o->v, r), "pong"), "a text");
	holds(o, paglets_proxy_send(p, "nosuch", NULL) == NULL &&
	    same(paglets_client_error_type(o->c), "NotHandledError") &&
	    paglets_client_failure(o->c).answered, "an error has its type");
}

static void
looks(struct outside *o, struct paglets_proxy *p)
{
	struct paglets_proxy *again, *nobody;

	holds(o, same(paglets_proxy_class_name(p), COUNTER), "class name");
	holds(o, number(paglets_get(paglets_proxy_state(p), "state"),
	    "count") == 11, "state");
	holds(o, paglets_proxy_is_valid(p) == 1, "is valid");
	holds(o, paglets_proxy_is_active(p) == 1, "is active");
	holds(o, paglets_proxy_is_state(p, PAGLETS_INACTIVE |
	    PAGLETS_CRASHED) == 0, "is neither asleep nor crashed");
	holds(o, paglets_proxy_is_remote(p) == 0, "is not remote");
	again = paglets_proxy_from_value(o->c, paglets_proxy_value(p));
	holds(o, again != NULL && paglets_proxy_is_valid(again) == 1 &&
	    same(paglets_proxy_agent_id(again), "one") &&
	    same(paglets_proxy_host_url(again), paglets_proxy_host_url(p)),
	    "to a value and back");
	holds(o, paglets_proxy_from_value(o->c, paglets_null(o->v)) == NULL,
	    "null is no proxy");
	nobody = paglets_proxy_new(o->c, NULL, "nobody");
	holds(o, paglets_proxy_is_valid(nobody) == 0, "nobody is not valid");
	holds(o, paglets_proxy_status(nobody) == PAGLETS_GONE, "but gone");
	holds(o, paglets_proxy_new(o->c, NULL, "../x") == NULL &&
	    same(paglets_client_error_code(o->c), "usage"), "no id");
	paglets_proxy_free(nobody);
	paglets_proxy_free(again);
	nobody = paglets_proxy_new(o->c, o->dead, "x");
	holds(o, paglets_proxy_is_valid(nobody) == -1 &&
	    same(paglets_client_error_code(o->c), "unreachable") &&
	    !paglets_client_failure(o->c).answered, "nobody can tell");
	paglets_proxy_free(nobody);
}

static void
sleeps(struct outside *o, struct paglets_proxy *p)
{
	struct paglets_sleep deaf = { .deaf = true, .reason = "test" };
	struct paglets_outgoing m = { .kind = "ping", .no_delay = true };

	holds(o, paglets_proxy_deactivate(p, NULL) == 0, "deactivate");
	holds(o, paglets_proxy_status(p) == PAGLETS_INACTIVE, "is inactive");
	holds(o, paglets_proxy_send(p, "ping", NULL) != NULL &&
	    paglets_proxy_is_active(p) == 1, "a message wakes it");
	holds(o, paglets_proxy_deactivate(p, &deaf) == 0, "deaf");
	holds(o, paglets_as_bool(paglets_get(paglets_proxy_send(p, "ping",
	    NULL), "queued"), false), "messages wait");
	holds(o, paglets_proxy_send_message(p, &m) == NULL &&
	    same(paglets_client_error_type(o->c), "PagletInactiveError"),
	    "but not this one");
	holds(o, paglets_proxy_activate(p) == 0 &&
	    paglets_proxy_is_active(p) == 1, "activate");
}

static void
travels(struct outside *o, struct paglets_proxy *p)
{
	struct paglets_value *args = paglets_dict(o->v);
	struct paglets_ticket t = { .destination = "beta", .inactive = true };
	struct paglets_proxy *copy;
	const struct paglets_value *r;

	copy = paglets_proxy_clone(p, NULL);
	holds(o, copy != NULL && paglets_proxy_is_remote(copy) == 0 &&
	    number(paglets_proxy_send(copy, "get", NULL), "count") == 11,
	    "clone");
	holds(o, paglets_proxy_dispatch(copy, o->dead) == -1 &&
	    paglets_proxy_is_active(copy) == 1, "dispatch to nowhere");
	holds(o, paglets_proxy_dispatch_ticket(copy, &t) == 0 &&
	    paglets_proxy_is_remote(copy) == 1 &&
	    paglets_proxy_status(copy) == PAGLETS_INACTIVE,
	    "dispatch by name, to sleep there");
	holds(o, paglets_proxy_dispose(copy, true) == 0 &&
	    paglets_proxy_is_valid(copy) == 0, "dispose");
	paglets_proxy_free(copy);
	holds(o, paglets_proxy_dispatch(p, o->beta) == 0 &&
	    same(paglets_proxy_host_url(p), o->beta), "dispatch");
	holds(o, paglets_proxy_retract(p, NULL) == 0 &&
	    paglets_proxy_is_remote(p) == 0, "retract");
	paglets_set(o->v, args, "target", paglets_text(o->v, o->beta));
	r = paglets_proxy_send(p, "go", args);
	holds(o, same(paglets_as_text(o->v, paglets_get(r, "host_url")),
	    o->beta), "it goes, and where it is now is settled");
	holds(o, paglets_proxy_settle(p, args) == args, "no proxy to settle");
	holds(o, paglets_get(paglets_ticket_value(o->v, &t), "arrival_mode") !=
	    NULL, "a ticket as it travels");
}

/* It is on the other host now: found all the same. */
static void
found(struct outside *o)
{
	struct paglets_proxy *p = paglets_client_find(o->c, NULL, "on");

	holds(o, p != NULL && same(paglets_proxy_agent_id(p), "one") &&
	    same(paglets_proxy_host_url(p), o->beta), "found anywhere");
	paglets_proxy_free(p);
	p = paglets_proxy_find(o->c, "beta/on");
	holds(o, p != NULL && paglets_proxy_is_active(p) == 1 &&
	    same(paglets_proxy_agent_id(p), "one"), "HOST/PREFIX");
	paglets_proxy_free(p);
	p = paglets_proxy_find(o->c, "on");
	holds(o, p != NULL && paglets_proxy_dispose(p, false) == 0 &&
	    same(paglets_proxy_host_url(p), o->beta), "ended by a prefix");
	paglets_proxy_free(p);
	holds(o, paglets_client_find(o->c, NULL, "one") == NULL &&
	    same(paglets_client_error_type(o->c), "InvalidAgentError"),
	    "and not found any more");
	holds(o, paglets_client_find(o->c, "nowhere", "one") == NULL &&
	    same(paglets_client_error_code(o->c), "not_found"), "no host");
}

/* ---- several at once -------------------------------------------------- */

static void
futures(struct outside *o)
{
	struct paglets_proxy *p[3];
	struct paglets_future *f[4] = { NULL };
	int i;

	for (i = 0; i < 3; i++)
		p[i] = make(o, NULL, i == 1 ? o->beta : NULL);
	f[0] = start_sleep(o, p[0], 20);
	f[1] = start_sleep(o, p[1], 0.05);
	f[2] = start_sleep(o, p[2], 20);
	holds(o, !paglets_future_wait(f[0], 0), "not yet");
	holds(o, paglets_future_wait_any(f, 4, 15000) == 1, "wait-any");
	holds(o, paglets_future_get(f[1]) != NULL, "its result");
	holds(o, !paglets_future_wait_all(f, 4, 10), "wait-all in time");
	paglets_future_cancel(f[0]);
	holds(o, paglets_future_get(f[0]) == NULL &&
	    paglets_client_failure(o->c).maybe_done, "cancelled");
	paglets_future_free(f[2]);
	f[2] = NULL;
	holds(o, paglets_future_wait_all(f, 4, -1), "wait-all");
	for (i = 0; i < 3; i++)
		paglets_future_free(f[i]);
	for (i = 0; i < 3; i++)
		f[i] = paglets_proxy_future(p[1], "increment", NULL);
	holds(o, paglets_future_wait_all(f, 3, -1) &&
	    number(paglets_future_get(f[2]), "count") >= 4, "all of one");
	paglets_client_forget(o->c);
	holds(o, number(paglets_future_get(f[2]), "count") >= 4,
	    "a future keeps its own");
	for (i = 0; i < 3; i++) {
		paglets_future_free(f[i]);
		holds(o, paglets_proxy_dispose(p[i], true) == 0, "by force");
		paglets_proxy_free(p[i]);
	}
}

/* One whose address is another by the time it is asked for. */
static void
future_settles(struct outside *o)
{
	struct paglets_proxy *p = make(o, "goer", NULL);
	struct paglets_value *args = paglets_dict(o->v);
	struct paglets_future *f;

	paglets_set(o->v, args, "target", paglets_text(o->v, o->beta));
	f = paglets_proxy_future(p, "go", args);
	holds(o, same(paglets_as_text(o->v, paglets_get(
	    paglets_future_get(f), "host_url")), o->beta), "a future settles");
	paglets_future_free(f);
	paglets_proxy_free(p);
	p = paglets_client_find(o->c, "beta", "goer");
	holds(o, p != NULL && paglets_proxy_dispose(p, false) == 0, "there");
	paglets_proxy_free(p);
}

/* ---- hosts ------------------------------------------------------------ */

static void
hosts(struct outside *o)
{
	const struct paglets_value *list = paglets_get(
	    paglets_client_hosts(o->c, NULL), "hosts");

	holds(o, paglets_count(list) == 2, "two hosts");
	holds(o, same(paglets_client_resolve(o->c, "beta"), o->beta), "by name");
	holds(o, same(paglets_as_text(o->v, paglets_get(
	    paglets_client_lookup(o->c, o->beta), "name")), "beta"), "by URL");
	holds(o, paglets_client_lookup(o->c, "nobody") == NULL &&
	    same(paglets_client_error_code(o->c), "not_found"), "unknown");
	holds(o, paglets_client_is_online(o->c, "beta") == 1, "online");
	holds(o, paglets_client_is_online(o->c, "nobody") == 0, "not online");
	holds(o, paglets_client_wait_for_host(o->c, "beta", 5000) == 0, "wait");
	holds(o, paglets_client_wait_for_host(o->c, "nobody", 300) == -1 &&
	    same(paglets_client_error(o->c),
	    "Timed out waiting for host 'nobody'"), "wait in vain");
	holds(o, same(paglets_client_pick(o->c, "GPU"), o->beta), "by tag");
	holds(o, paglets_client_pick(o->c, "none") == NULL, "no such tag");
	holds(o, paglets_client_request(o->c, "beta", "GET", "/health", NULL) !=
	    NULL && paglets_client_answer(o->c) != NULL, "any request");
	holds(o, paglets_client_request(o->c, NULL, "GET", "health", NULL) ==
	    NULL, "no path");
	holds(o, paglets_count(paglets_get(paglets_client_classes(o->c, NULL),
	    "classes")) > 0, "classes");
	holds(o, paglets_get(paglets_client_services(o->c, NULL, "a&b", "c",
	    "mesh"), "services") != NULL, "services");
}

static void
many(struct outside *o)
{
	const char *const all[] = { o->alpha, o->dead, "beta", "nobody", NULL };
	const struct paglets_value *list, *row;
	size_t failed = 9;

	list = paglets_client_health_many(o->c, all, 0, &failed);
	holds(o, paglets_count(list) == 4 && failed == 2, "health of four");
	row = paglets_item(list, 0);
	holds(o, paglets_as_bool(paglets_get(row, "reachable"), false) &&
	    paglets_as_float(paglets_get(row, "latency_ms"), -1) >= 0 &&
	    same(paglets_as_text(o->v, paglets_get(paglets_get(row,
	    "health"), "name")), "alpha"), "one that is well");
	row = paglets_item(list, 1);
	holds(o, !paglets_as_bool(paglets_get(row, "reachable"), true) &&
	    paglets_get(row, "health") == NULL &&
	    same(paglets_as_text(o->v, paglets_get(row, "error_type")),
	    "RemoteHostError"), "one that is not there");
	holds(o, paglets_get(paglets_item(list, 2), "health") != NULL,
	    "one by name");
	list = paglets_client_agents_many(o->c, NULL, "all", 0, &failed);
	holds(o, paglets_count(list) == 2 && failed == 0 &&
	    paglets_count(paglets_get(paglets_item(list, 0), "agents")) == 1,
	    "agents of all");
	list = paglets_client_agents_many(o->c, all, NULL, 0, &failed);
	holds(o, paglets_count(list) == 4 && failed == 2, "of some");
	holds(o, paglets_client_services_many(o->c, NULL, NULL, NULL,
	    "mesh", 0, NULL) != NULL,
	    "services of all");
}

/* ---- artifacts -------------------------------------------------------- */

static const char *
text_of(struct outside *o, const struct paglets_value *v, const char *key)
{
	return paglets_as_text(o->v, paglets_get(paglets_get(v, "artifact"),
	    key));
}

static void
on_progress(void *arg, uint64_t done, uint64_t total)
{
	if (done == total)
		++*(int *)arg;
}

/* One there and back; an open file gets it. */
static void
artifact(struct outside *o)
{
	static const char bytes[] = "some bytes";
	int told = 0;
	struct paglets_upload u = { .bytes = bytes, .n = sizeof(bytes),
		.name = "x", .owner_agent_id = "one",
		.on_progress = on_progress, .arg = &told };
	struct paglets_download d = { .has_fd = true };
	const struct paglets_value *up, *down;
	char back[sizeof(bytes) + 1];
	FILE *f = tmpfile();

	up = paglets_artifact_upload(o->c, "beta", &u);
	holds(o, same(text_of(o, up, "name"), "x") && told == 1, "upload");
	d.artifact_id = text_of(o, up, "artifact_id");
	d.fd = fileno(f);
	down = paglets_artifact_download(o->c, "beta", &d);
	rewind(f);
	holds(o, same(text_of(o, down, "artifact_id"), d.artifact_id) &&
	    fread(back, 1, sizeof(back), f) == sizeof(bytes) &&
	    memcmp(back, bytes, sizeof(bytes)) == 0, "download");
	holds(o, same(text_of(o, paglets_artifact_info(o->c, "beta",
	    d.artifact_id), "name"), "x"), "info of it");
	holds(o, paglets_count(paglets_get(paglets_artifact_list(o->c,
	    "beta", "one"), "artifacts")) == 1, "list");
	holds(o, paglets_artifact_download(o->c, NULL, &d) == NULL &&
	    same(paglets_client_error_code(o->c), "no_artifact"),
	    "not on the other host");
	fclose(f);
	holds(o, paglets_artifact_remove_ref(o->c, paglets_get(up,
	    "artifact")) == 0 && paglets_artifact_remove(o->c, "beta",
	    d.artifact_id) == 0 && paglets_artifact_info(o->c, "beta",
	    d.artifact_id) == NULL, "remove");
}

/* Several at once, of which one fails. */
static void
artifacts(struct outside *o)
{
	static char large[1000000];
	struct paglets_upload u = { .bytes = large, .n = sizeof(large) };
	struct paglets_future *f[4];
	size_t i;
	int well = 0;

	for (i = 0; i < 4; i++)
		f[i] = paglets_artifact_upload_future(o->c, i == 2 ? o->dead :
		    i % 2 == 0 ? o->alpha : o->beta, &u);
	holds(o, paglets_future_wait_all(f, 4, -1), "four at once");
	for (i = 0; i < 4; i++) {
		well += paglets_future_get(f[i]) != NULL;
		paglets_future_free(f[i]);
	}
	holds(o, well == 3, "of which one is nowhere");
	f[0] = paglets_artifact_upload_future(o->c, NULL, &u);
	paglets_future_cancel(f[0]);
	holds(o, paglets_future_get(f[0]) == NULL, "one is cancelled");
	paglets_future_free(f[0]);
	paglets_future_free(paglets_artifact_upload_future(o->c, NULL, &u));
}

/* So many files with one message, and no more. */
static void
most_enclosures(struct outside *o, struct paglets_proxy *p)
{
	static struct paglets_enclosure all[65];
	static char names[65][4];
	struct paglets_outgoing m = { .kind = "echo" };
	size_t i;

	for (i = 0; i < 65; i++) {
		snprintf(names[i], sizeof(names[i]), "%u", (unsigned)i);
		all[i] = (struct paglets_enclosure){ .arg = names[i],
			.file = { .bytes = names[i], .n = 1 } };
	}
	holds(o, paglets_proxy_send_files(p, &m, all, 65) == NULL &&
	    same(paglets_client_error_code(o->c), "usage"), "65 files");
	holds(o, paglets_count(paglets_get(paglets_proxy_send_files(p, &m,
	    all, 64), "args")) == 64, "64 files");
}

/* A file that goes with a message. */
static void
enclosures(struct outside *o, struct paglets_proxy *p)
{
	struct paglets_upload u = { .bytes = "abc", .n = 3 };
	const struct paglets_value *r, *list;
	size_t before;

	r = paglets_get(paglets_proxy_send_artifact(p, "echo", NULL, NULL,
	    &u), "args");
	holds(o, number(paglets_get(r, "artifact"), "size_bytes") == 3 &&
	    same(paglets_as_text(o->v, paglets_get(paglets_get(r,
	    "artifact"), "owner_agent_id")), "one"), "a file with a message");
	list = paglets_artifact_list(o->c, NULL, NULL);
	before = paglets_count(paglets_get(list, "artifacts"));
	holds(o, paglets_proxy_send_artifact(p, "nosuch", NULL, "x", &u) ==
	    NULL && same(paglets_client_error_type(o->c), "NotHandledError"),
	    "a message that fails");
	list = paglets_artifact_list(o->c, NULL, NULL);
	holds(o, paglets_count(paglets_get(list, "artifacts")) == before,
	    "its file is removed");
}

/* Stops at the third event. */
static int
on_event(void *arg, int64_t id, const struct paglets_value *event)
{
	int *seen = arg;

	if (number(event, "event_id") != id || id != *seen + 1)
		*seen = -100;
	return ++*seen == 3;
}

static void
events(struct outside *o)
{
	const struct paglets_value *r = paglets_client_events(o->c, NULL, 1,
	    2);
	int seen = 0;

	r = paglets_get(r, "events");
	holds(o, paglets_count(r) == 2 &&
	    number(paglets_item(r, 0), "event_id") == 2, "events");
	holds(o, paglets_client_follow(o->c, NULL, 0, on_event, &seen) == 1 &&
	    seen == 3, "a stream of events");
	holds(o, paglets_client_follow(o->c, o->dead, 0, on_event, &seen) ==
	    -1, "no stream");
}

int
main(int argc, char **argv)
{
	struct paglets_client_config config = { .timeout = 30000,
		.api_key = getenv("PAGLETS_API_KEY") };
	struct outside o = { .failed = 0 };
	struct paglets_proxy *p;

	if (argc != 4)
		return 2;
	config.entry = o.alpha = argv[1];
	o.beta = argv[2];
	o.dead = argv[3];
	o.c = paglets_client_new(&config);
	if (o.c == NULL)
		return 1;
	o.v = paglets_client_values(o.c);
	holds(&o, paglets_client_error(o.c)[0] == '\0' &&
	    paglets_client_error_type(o.c)[0] == '\0' &&
	    paglets_client_answer(o.c) == NULL, "nothing has failed yet");
	p = make(&o, "one", NULL);
	messages(&o, p);
	looks(&o, p);
	hosts(&o);
	many(&o);
	events(&o);
	artifact(&o);
	artifacts(&o);
	enclosures(&o, p);
	most_enclosures(&o, p);
	sleeps(&o, p);
	paglets_client_forget(o.c);
	travels(&o, p);
	paglets_proxy_free(p);
	found(&o);
	futures(&o);
	future_settles(&o);
	paglets_client_free(o.c);
	return o.failed != 0;
}
