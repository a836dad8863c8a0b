/* counter: the demo paglet: counts, remembers where it has been, and does on
 * request whatever a paglet can do. Python hosts have a class of the same
 * name and the same answers, so that it can travel between the two.
 *
 * Written against paglets.h alone, as any class is.
 */
#include "counter.h"

#include <time.h>
#include <unistd.h>

struct counter {
	int64_t count;
	struct paglets_bytes label, blob;
	struct paglets_tree history, data;
};

static const struct paglets_field counter_fields[] = {
	PAGLETS_INT(struct counter, count),
	PAGLETS_TEXT(struct counter, label),
	PAGLETS_BYTES(struct counter, blob),
	PAGLETS_LIST(struct counter, history),
	PAGLETS_DICT(struct counter, data),
	PAGLETS_END
};

static int
counter_remember(struct paglets_call *c, const struct paglets_value *what)
{
	struct counter *s = paglets_state(c);

	if (what == NULL || paglets_tree_add(&s->history, what) == 0)
		return 0;
	return paglets_fail(c, "HostError", "history: out of memory");
}

static int
counter_increment(struct paglets_call *c)
{
	struct counter *s = paglets_state(c);
	int64_t by = paglets_arg_int(c, "by", 1);
	const char *tag = paglets_arg_text(c, "tag", NULL);

	if (__builtin_add_overflow(s->count, by, &by))
		return paglets_fail(c, "HostError",
		    "count would not fit 64 bits");
	if (tag != NULL && counter_remember(c, paglets_arg(c, "tag")) != 0)
		return -1;
	s->count = by;
	return paglets_reply_int(c, "count", s->count);
}

static int
counter_get(struct paglets_call *c)
{
	paglets_reply_state(c);
	paglets_reply_text(c, "agent_id", paglets_agent_id(c));
	return paglets_reply_text(c, "host", paglets_host_name(c));
}

static int
counter_echo(struct paglets_call *c)
{
	paglets_reply_value(c, "args", paglets_args(c));
	return paglets_reply_value(c, "arg", paglets_get(paglets_message(c),
	    "arg"));
}

static int
counter_meta(struct paglets_call *c)
{
	static const char *const keys[] = { "kind", "sender", "reply_to",
		"priority", "message_type", "message_id", "timestamp" };
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		paglets_reply_value(c, keys[i],
		    paglets_get(paglets_message(c), keys[i]));
	return 0;
}

static int
counter_set(struct paglets_call *c)
{
	if (paglets_state_set(c, paglets_args(c)) != 0)
		return -1;
	return paglets_reply_bool(c, "ok", true);
}

static int
counter_sleep(struct paglets_call *c)
{
	double seconds = paglets_arg_float(c, "seconds", 0);
	const char *tag = paglets_arg_text(c, "tag", NULL);
	const struct paglets_value *given = paglets_arg(c, "seconds");
	struct timespec t;

	if (!(seconds >= 0 && seconds < 1e9))
		return paglets_fail(c, "HostError",
		    "sleep length must be non-negative");
	t.tv_sec = (time_t)seconds;
	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	while (nanosleep(&t, &t) != 0)
		continue;
	if (tag != NULL && counter_remember(c, paglets_arg(c, "tag")) != 0)
		return -1;
	return paglets_reply_value(c, "slept", given != NULL ? given :
	    paglets_int(c, 0));
}

static int
counter_fail(struct paglets_call *c)
{
	const char *type = paglets_arg_text(c, "error_type", "RuntimeError");
	const char *text = paglets_arg_text(c, "error", "boom");

	/* Python's KeyError shows its text as a literal. */
	if (strcmp(type, "KeyError") == 0)
		return paglets_fail(c, type, "'%s'", text);
	return paglets_fail(c, type, "%s", text);
}

static int
counter_crash(struct paglets_call *c)
{
	(void)c;
	_exit(3);
}

static int
counter_ping(struct paglets_call *c)
{
	return paglets_reply(c, paglets_text(c, "pong"));
}

static int
counter_fill(struct paglets_call *c)
{
	struct counter *s = paglets_state(c);
	int64_t n = paglets_arg_int(c, "n", 0);
	char *p;

	if (n < 0 || (uint64_t)n > PAGLETS_BYTES_MAX)
		return paglets_fail(c, "HostError",
		    "argument 'n' must be from 0 to %zu", PAGLETS_BYTES_MAX);
	p = paglets_bytes_new(&s->blob, (size_t)n);
	if (p == NULL)
		return paglets_fail(c, "HostError", "blob: out of memory");
	memset(p, 'x', (size_t)n);
	return paglets_reply_int(c, "size", n);
}

static int
counter_go(struct paglets_call *c)
{
	const struct paglets_value *ticket = paglets_arg(c, "ticket");

	if (ticket != NULL)
		return paglets_dispatch_ticket(c, ticket);
	return paglets_dispatch(c, paglets_arg_text(c, "target", NULL));
}

static int
counter_pause(struct paglets_call *c)
{
	return paglets_deactivate(c, "pause", paglets_arg(c, "policy"));
}

static int
counter_fork(struct paglets_call *c)
{
	const struct paglets_value *copy = paglets_clone(c,
	    paglets_arg_text(c, "target", NULL));

	return copy != NULL ? paglets_reply(c, copy) : -1;
}

static int
counter_register(struct paglets_call *c)
{
	const char *path = paglets_arg_text(c, "path", NULL);
	const char *mode = paglets_arg_text(c, "mode", "copy");
	const struct paglets_value *file;
	bool move = strcmp(mode, "move") == 0;

	if (path == NULL)
		return paglets_fail(c, "HostError", "register: no path");
	if (!move && strcmp(mode, "copy") != 0)
		return paglets_fail(c, "TransferError", "registered file "
		    "mode must be 'copy' or 'move'");
	file = paglets_file_register(c, path, paglets_arg_text(c, "name",
	    NULL), move ? PAGLETS_FILE_MOVE : PAGLETS_FILE_COPY);
	return file != NULL ? paglets_reply(c, file) : -1;
}

static int
counter_files(struct paglets_call *c)
{
	const struct paglets_value *files = paglets_files(c);

	return files != NULL ? paglets_reply_value(c, "files", files) : -1;
}

static const struct paglets_handler counter_handlers[] = {
	{ "increment", counter_increment },
	{ "get", counter_get },
	{ "echo", counter_echo },
	{ "meta", counter_meta },
	{ "set", counter_set },
	{ "sleep", counter_sleep },
	{ "fail", counter_fail },
	{ "crash", counter_crash },
	{ "ping", counter_ping },
	{ "fill", counter_fill },
	{ "go", counter_go },
	{ "pause", counter_pause },
	{ "fork", counter_fork },
	{ "register", counter_register },
	{ "files", counter_files },
	{ NULL, NULL }
};

static int
counter_hook(struct paglets_call *c)
{
	const char *hook = paglets_hook_name(c);
	const char *host = paglets_host_name(c);
	struct counter *s = paglets_state(c);
	const struct paglets_value *init = paglets_init(c);
	char where[512];

	if (init != NULL && strcmp(hook, "creation") == 0 &&
	    paglets_tree_put(&s->data, "init", init) != 0)
		return paglets_fail(c, "HostError", "data: out of memory");
	snprintf(where, sizeof(where), "%s@%s", hook, host);
	return counter_remember(c, paglets_text(c, where));
}

static const struct paglets_hook counter_hooks[] = {
	{ "creation", counter_hook },
	{ "dispatching", counter_hook },
	{ "arrival", counter_hook },
	{ "reverting", counter_hook },
	{ "cloning", counter_hook },
	{ "clone", counter_hook },
	{ "cloned", counter_hook },
	{ "deactivating", counter_hook },
	{ "activation", counter_hook },
	{ "disposing", counter_hook },
	{ NULL, NULL }
};

static const struct paglets_class counter_class = {
	PAGLETS_CLASS("paglets_demo.counter:CounterPaglet", struct counter,
	    counter_fields),
	.handlers = counter_handlers,
	.hooks = counter_hooks,
};

PG_FN const struct paglets_class *
pg_counter_class(void)
{
	return &counter_class;
}
