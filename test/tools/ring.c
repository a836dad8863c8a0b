/* ring: a program of its own with a paglet class of its own.
 *
 * Shows that paglets.h and libpaglets.a are all that an embedder needs: this
 * is a whole `paglets` with the class ring:RingPaglet added, which does what
 * the demo paglet cannot: send to others, step by itself, misbehave; and
 * ring:ToilPaglet, the same with a first step that does not end.
 */
#include "paglets.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ring {
	int64_t passed, steps, left;
	struct paglets_bytes note, back, refuses;
};

static const struct paglets_field ring_fields[] = {
	PAGLETS_INT(struct ring, passed),
	PAGLETS_INT(struct ring, steps),
	PAGLETS_INT(struct ring, left),
	PAGLETS_TEXT_OR(struct ring, note, "fresh"),
	PAGLETS_TEXT(struct ring, back),
	PAGLETS_TEXT(struct ring, refuses),
	PAGLETS_END
};

/* pass {to: [agent_id...], host?}: send `pass` with the rest of the list to
 * its first; the reply counts how many were reached. */
static int
ring_pass(struct paglets_call *c)
{
	struct ring *s = paglets_state(c);
	const struct paglets_value *to = paglets_arg(c, "to"), *reply;
	struct paglets_value *args, *rest;
	size_t i;

	s->passed++;
	if (paglets_count(to) == 0)
		return paglets_reply_int(c, "reached", 1);
	args = paglets_dict(c);
	rest = paglets_list(c);
	for (i = 1; i < paglets_count(to); i++)
		paglets_add(c, rest, paglets_item(to, i));
	paglets_set(c, args, "to", rest);
	reply = paglets_send(c, paglets_arg_text(c, "host", NULL),
	    paglets_as_text(c, paglets_item(to, 0)), "pass", args);
	if (reply == NULL)
		return -1;
	return paglets_reply_int(c, "reached",
	    1 + paglets_as_int(paglets_get(reply, "reached"), 0));
}

/* try {to}: what `pass` fails with, as a result: errors can be handled. */
static int
ring_try(struct paglets_call *c)
{
	if (paglets_send(c, NULL, paglets_arg_text(c, "to", ""), "get",
	    NULL) != NULL)
		return paglets_reply_text(c, "error", "");
	paglets_reply_text(c, "type", paglets_error_type(c));
	return paglets_reply_text(c, "error", paglets_error(c));
}

/* tell {to, kind}: oneway. */
static int
ring_tell(struct paglets_call *c)
{
	return paglets_send_oneway(c, NULL, paglets_arg_text(c, "to", ""),
	    paglets_arg_text(c, "kind", "get"), NULL);
}

/* spawn {target?, id?}: another one of this class. */
static int
ring_spawn(struct paglets_call *c)
{
	struct paglets_creation what = { .agent_class = "ring:RingPaglet",
		.target = paglets_arg_text(c, "target", NULL),
		.agent_id = paglets_arg_text(c, "id", NULL) };
	const struct paglets_value *proxy = paglets_create(c, &what);

	return proxy != NULL ? paglets_reply(c, proxy) : -1;
}

static int
ring_go(struct paglets_call *c)
{
	struct ring *s = paglets_state(c);

	s->left++;
	return paglets_dispatch(c, paglets_arg_text(c, "target", ""));
}

/* bounce {target}: go there and, as soon as it runs there, come back. */
static int
ring_bounce(struct paglets_call *c)
{
	struct ring *s = paglets_state(c);
	const char *here = paglets_host_address(c);

	if (paglets_bytes_set(&s->back, here, strlen(here)) != 0)
		return -1;
	return paglets_dispatch(c, paglets_arg_text(c, "target", ""));
}

/* refuse {host}: from now on it does not come to life when it arrives at the
 * host of that name, after a moment's thought. */
static int
ring_refuse(struct paglets_call *c)
{
	struct ring *s = paglets_state(c);
	const char *host = paglets_arg_text(c, "host", "");

	return paglets_bytes_set(&s->refuses, host, strlen(host));
}

static int
ring_arrival(struct paglets_call *c)
{
	struct ring *s = paglets_state(c);
	const char *host = paglets_host_name(c);

	if (s->refuses.n == 0 || strlen(host) != s->refuses.n ||
	    memcmp(host, s->refuses.p, s->refuses.n) != 0)
		return 0;
	usleep(300 * 1000);
	return paglets_fail(c, "HostError", "it does not like it here");
}

/* property {name, value?}: set it if there is a value; how it is now. */
static int
ring_property(struct paglets_call *c)
{
	const char *name = paglets_arg_text(c, "name", "");
	const char *value = paglets_arg_text(c, "value", NULL);

	if (value != NULL && paglets_property_set(c, name, value) != 0)
		return -1;
	return paglets_reply(c, paglets_property_get(c, name));
}

static int
ring_hosts(struct paglets_call *c)
{
	const struct paglets_value *hosts = paglets_hosts(c);

	return hosts != NULL ? paglets_reply(c, hosts) : -1;
}

static int
ring_end(struct paglets_call *c)
{
	return paglets_dispose(c);
}

static int
ring_get(struct paglets_call *c)
{
	return paglets_reply_state(c);
}

/* Breaks the protocol: what goes over fd 3 next is no frame. */
static int
ring_babble(struct paglets_call *c)
{
	static const char junk[64] = "this is no frame, and it is too long "
	    "for one, \xff\xff\xff\xff";

	(void)c;
	send(3, junk, sizeof(junk), MSG_NOSIGNAL);
	while (pause() < 0)
		continue;
	return 0;
}

/* Leaves without a word, as if all was well. */
static int
ring_exit(struct paglets_call *c)
{
	(void)c;
	_exit(0);
}

/* Does not end when it is asked to. */
static int
ring_stay(struct paglets_call *c)
{
	(void)c;
	signal(SIGTERM, SIG_IGN);
	while (pause() < 0)
		continue;
	return 0;
}

/* Starts a process of its own that outlives the handler. */
static int
ring_litter(struct paglets_call *c)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return paglets_reply_int(c, "pid", pid);
}

static const struct paglets_handler ring_handlers[] = {
	{ "pass", ring_pass },
	{ "try", ring_try },
	{ "tell", ring_tell },
	{ "spawn", ring_spawn },
	{ "go", ring_go },
	{ "bounce", ring_bounce },
	{ "refuse", ring_refuse },
	{ "property", ring_property },
	{ "hosts", ring_hosts },
	{ "end", ring_end },
	{ "get", ring_get },
	{ "babble", ring_babble },
	{ "exit", ring_exit },
	{ "stay", ring_stay },
	{ "litter", ring_litter },
	{ NULL, NULL }
};

static void
ring_go_back(struct paglets_call *c, struct ring *s)
{
	char to[200];

	snprintf(to, sizeof(to), "%.*s", (int)s->back.n, s->back.p);
	paglets_bytes_set(&s->back, "", 0);
	paglets_dispatch(c, to);
}

/* Three steps, 10 ms apart, then done. */
static int64_t
ring_run(struct paglets_call *c)
{
	struct ring *s = paglets_state(c);

	if (s->back.n > 0)
		ring_go_back(c, s);
	return ++s->steps % 3 != 0 ? 10 : PAGLETS_RUN_DONE;
}

static const struct paglets_hook ring_hooks[] = {
	{ "arrival", ring_arrival },
	{ NULL, NULL }
};

static const struct paglets_class ring_class = {
	PAGLETS_CLASS("ring:RingPaglet", struct ring, ring_fields),
	.handlers = ring_handlers,
	.hooks = ring_hooks,
	.run = ring_run,
};

/* PhoenixPaglet: comes back after a crash, unless it is fragile; after the
 * message block, and from its start if made so, no step of its work ever
 * ends. */
struct phoenix {
	int64_t fragile, lives, blocks;
};

static const struct paglets_field phoenix_fields[] = {
	PAGLETS_INT(struct phoenix, fragile),
	PAGLETS_INT(struct phoenix, lives),
	PAGLETS_INT(struct phoenix, blocks),
	PAGLETS_END
};

static int
phoenix_activation(struct paglets_call *c)
{
	struct phoenix *s = paglets_state(c);

	if (s->fragile)
		_exit(4);
	s->lives++;
	return 0;
}

static int
phoenix_disposing(struct paglets_call *c)
{
	paglets_log(c, PAGLETS_INFO, "last words");
	return 0;
}

static int
phoenix_block(struct paglets_call *c)
{
	struct phoenix *s = paglets_state(c);

	s->blocks = 1;
	return 0;
}

static int64_t
phoenix_run(struct paglets_call *c)
{
	const struct phoenix *s = paglets_state(c);

	while (s->blocks)
		pause();
	return PAGLETS_RUN_DONE;
}

static const struct paglets_class phoenix_class = {
	PAGLETS_CLASS("ring:PhoenixPaglet", struct phoenix, phoenix_fields),
	.handlers = (const struct paglets_handler[]){
		{ "exit", ring_exit }, { "get", ring_get },
		{ "block", phoenix_block }, { NULL, NULL } },
	.hooks = (const struct paglets_hook[]){
		{ "activation", phoenix_activation },
		{ "disposing", phoenix_disposing }, { NULL, NULL } },
	.run = phoenix_run,
	.restart = PAGLETS_RESTART_ON_CRASH,
};

/* A first step without end. */
static int64_t
ring_toil(struct paglets_call *c)
{
	(void)c;
	while (pause() < 0)
		continue;
	return PAGLETS_RUN_DONE;
}

static const struct paglets_class ring_toiler = {
	PAGLETS_CLASS("ring:ToilPaglet", struct ring, ring_fields),
	.handlers = ring_handlers,
	.run = ring_toil,
};

static const struct paglets_class *const ring_classes[] = {
	&ring_class, &phoenix_class, &ring_toiler, NULL
};

int
main(int argc, char **argv)
{
	return paglets_main(argc, argv, ring_classes);
}
