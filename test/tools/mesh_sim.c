/* mesh_sim: the mesh of many hosts in one process, with a simulated clock and
 * network.
 *
 *	mesh_sim [-s SEED] [-d MS] [-t SECONDS] [HOSTS...]
 *	mesh_sim -c
 *
 * The parts of the host that make the mesh are the real ones; what they ask
 * the time and the network is answered here. Nothing depends on the machine:
 * the same seed gives the same figures. A message takes half of -d (2) to
 * one and a half times as long; one that is lost is not sent again, which is
 * harder than what TCP gives. A host that is killed, or behind a partition,
 * is silent: whoever asks it waits until the deadline.
 *
 * Prints a line for each number of HOSTS (16 100 300 1000). Times are in
 * rounds of gossip: until all see all after a launch together with one seed;
 * until all see a newcomer; until all see as offline one that was killed;
 * until all see all after two halves were apart for 30 s. Idle: messages
 * (requests, answers) and bytes that a host sends each second. False: how
 * often within an hour a host took another for offline that was not, in the
 * whole mesh, with so many messages lost; measured for -t seconds (less for
 * many hosts), and not at all with 0.
 *
 * -c: a few of these for small meshes, compared with what must hold.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/value codec/float codec/json codec/url codec/http1 codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/sock host/wire host/hostref host/seal host/named host/registry host/mesh host/gossip */
#include "base/log.h"
#include "codec/json.h"
#include "host/gossip.h"
#include "host/wire.h"

#include <stdarg.h>
#include <unistd.h>

#define SIM_WALL (INT64_C(1700000000) * PG_SEC)
#define SIM_LAUNCH (PG_SEC / 5)   /* within which all are launched */
#define SIM_GIVE_UP (600 * PG_SEC)
#define SIM_LOOK (PG_SEC / 20)    /* how often we look whether it is so far */
#define SIM_APART (30 * PG_SEC)
/* The line and fields of a request and an answer of ours, bytes, roughly. */
#define SIM_REQUEST_HEAD 180
#define SIM_ANSWER_HEAD 130
#define SIM_PAIRS 360000 /* hosts times seconds, to measure what is false */

struct sim;
struct sim_host;

/* What the parts call a loop and a client is the host itself. */
struct pg_loop {
	struct sim_host *host;
};

struct sim_host {
	struct pg_loop loop;
	struct pg_host host;
	struct pg_gossip *gossip; /* NULL: not launched */
	struct sim *sim;
	char name[16], url[40];
	bool alive;
	int side; /* of the partition */
	uint64_t *offline; /* bits: whom it took for offline at the last look */
};

/* A request on its way, or its answer. Freed when no event and nobody who
 * waits refers to it. */
struct pg_call {
	struct sim_host *from, *to; /* to: NULL if there is no such host */
	bool open;
	int refs;
	bool post, keyed;
	struct pg_buf body; /* of the request, then of the answer */
	int status;
	pg_client_done *done;
	void *arg;
};

enum sim_what { SIM_TIMER, SIM_ARRIVES, SIM_ANSWERED, SIM_DEADLINE };

struct sim_event {
	int64_t due;
	uint64_t number; /* of two that are due at once the older comes first */
	enum sim_what what;
	struct pg_timer *timer;
	struct pg_call *call;
};

struct sim {
	uint64_t random;
	int64_t now, delay;
	double loss;
	struct sim_event *heap;
	size_t nheap, cap;
	uint64_t numbers;
	struct sim_host *hosts;
	size_t n; /* launched so far */
	uint64_t messages, bytes;
	uint64_t false_verdicts;
};

struct sim_figures {
	size_t hosts;
	double meet, newcomer, killed, healed; /* rounds; < 0: never */
	double messages, bytes;                /* per host and second */
	double false_verdicts[4];              /* per hour; < 0: not measured */
};

static const double sim_losses[4] = { 0, 0.01, 0.05, 0.20 };
static const char sim_key[] = "0123456789abcdef0123456789abcdef";
/* The only one: the parts call us without saying which. */
static struct sim *sim_running;

/* ---- Chance, and time -------------------------------------------------- */

static uint64_t
sim_random(struct sim *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* In [0, 1). */
static double
sim_chance(struct sim *s)
{
	return (double)(sim_random(s) >> 11) * 0x1p-53;
}

static void
sim_set_time(struct sim *s, int64_t now)
{
	s->now = now;
	pg_clock_fake(now, SIM_WALL + now);
}

/* ---- What is to come: a binary heap; timers know their place in it. ----- */

static bool
sim_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void
sim_put(struct sim *s, size_t at, struct sim_event e)
{
	s->heap[at] = e;
	if (e.what == SIM_TIMER)
		e.timer->at = at;
}

static void
sim_up(struct sim *s, size_t at)
{
	struct sim_event e = s->heap[at];

	for (; at > 0 && sim_before(&e, &s->heap[(at - 1) / 2]);
	    at = (at - 1) / 2)
		sim_put(s, at, s->heap[(at - 1) / 2]);
	sim_put(s, at, e);
}

static void
sim_down(struct sim *s, size_t at)
{
	struct sim_event e = s->heap[at];
	size_t next;

	while ((next = 2 * at + 1) < s->nheap) {
		if (next + 1 < s->nheap &&
		    sim_before(&s->heap[next + 1], &s->heap[next]))
			next++;
		if (!sim_before(&s->heap[next], &e))
			break;
		sim_put(s, at, s->heap[next]);
		at = next;
	}
	sim_put(s, at, e);
}

static void
sim_add(struct sim *s, int64_t wait, struct sim_event e)
{
	if (s->nheap == s->cap) {
		s->cap = PG_MAX(1024, s->cap * 2);
		s->heap = pg_realloc(s->heap, s->cap * sizeof(*s->heap));
	}
	e.due = s->now + wait;
	e.number = s->numbers++;
	s->heap[s->nheap] = e;
	sim_up(s, s->nheap++);
}

static void
sim_remove(struct sim *s, size_t at)
{
	s->nheap--;
	if (at == s->nheap)
		return;
	s->heap[at] = s->heap[s->nheap];
	sim_up(s, at);
	sim_down(s, at);
}

/* ---- What the parts ask of a loop -------------------------------------- */

PG_FN int64_t
pg_loop_now(const struct pg_loop *l)
{
	return l->host->sim->now;
}

PG_FN void
pg_timer_stop(struct pg_timer *t)
{
	if (t->loop != NULL)
		sim_remove(t->loop->host->sim, t->at);
	t->loop = NULL;
}

PG_FN void
pg_timer_set(struct pg_loop *l, struct pg_timer *t, int64_t delay,
    void (*on_time)(struct pg_timer *))
{
	pg_timer_stop(t);
	if (delay == PG_NEVER)
		return;
	t->loop = l;
	t->on_time = on_time;
	sim_add(l->host->sim, delay, (struct sim_event){ .what = SIM_TIMER,
	    .timer = t });
}

/* Logs of a thousand hosts are of use to nobody. */
PG_FN void
pg_log(enum pg_log_level level, const char *fmt, ...)
{
	va_list ap;

	if (getenv("SIM_LOG") == NULL || level > PG_LOG_INFO)
		return;
	fprintf(stderr, "%9.3f ", (double)sim_running->now / 1e9);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* ---- The network ------------------------------------------------------- */

static int64_t
sim_delay(struct sim *s)
{
	return (int64_t)((double)s->delay * (0.5 + sim_chance(s)));
}

/* Whether a message that is sent now gets there. */
static bool
sim_passes(struct sim *s, const struct sim_host *from,
    const struct sim_host *to)
{
	bool lost = s->loss > 0 && sim_chance(s) < s->loss;

	return !lost && from->alive && to->alive && from->side == to->side;
}

static void
sim_unref(struct pg_call *c)
{
	if (--c->refs > 0)
		return;
	pg_buf_fini(&c->body);
	free(c);
}

/* Whose URL begins this one: addresses are made of the host's number. */
static struct sim_host *
sim_at(struct sim *s, struct pg_str url)
{
	struct pg_url u;
	unsigned long i;
	const char *dot;

	if (pg_url_parse(url, &u, NULL) < 0)
		return NULL;
	dot = memchr(u.host.p, '.', u.host.n);
	i = dot != NULL ? strtoul(dot + 1, (char **)(uintptr_t)&dot, 10) : 0;
	i = i << 8 | strtoul(dot + 1, (char **)(uintptr_t)&dot, 10);
	i = i << 8 | strtoul(dot + 1, NULL, 10);
	return i < s->n && pg_str_starts(url, pg_str(s->hosts[i].url)) ?
	    &s->hosts[i] : NULL;
}

PG_FN struct pg_call *
pg_client_start(struct pg_client *client, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	struct sim_host *from = (struct sim_host *)(void *)client;
	struct sim *s = from->sim;
	struct pg_call *c = pg_alloc(sizeof(*c));

	*c = (struct pg_call){ .from = from, .to = sim_at(s, r->url),
		.open = true, .refs = 1, .post = r->nbody > 0,
		.keyed = r->bearer.n > 0, .done = done, .arg = arg };
	if (r->nbody > 0)
		pg_buf_puts(&c->body, r->body[0].text);
	s->messages++;
	s->bytes += SIM_REQUEST_HEAD + c->body.n;
	sim_add(s, r->timeout, (struct sim_event){ .what = SIM_DEADLINE,
	    .call = c });
	if (c->to != NULL && sim_passes(s, from, c->to)) {
		c->refs++;
		sim_add(s, sim_delay(s), (struct sim_event){
		    .what = SIM_ARRIVES, .call = c });
	}
	return c;
}

PG_FN void
pg_call_cancel(struct pg_call *c)
{
	c->open = false;
}

/* What the host makes of it. */
static int
sim_answer_join(struct sim_host *h, struct pg_call *c, struct pg_arena *a,
    struct pg_value **answer, struct pg_err *e)
{
	struct pg_value *body;

	if (pg_json_read(pg_buf_str(&c->body), a, &body, e) < 0)
		return -1;
	return pg_mesh_join(h->host.mesh, body, false, a, answer, e);
}

static struct pg_value *
sim_answer_health(struct sim_host *h, struct pg_arena *a)
{
	static const char *const keys[] = { "name", "code_version",
		"active_count", "inactive_count", "tags", "properties",
		"boot", "beat", "sig" };
	struct pg_value *self = pg_mesh_self(h->host.mesh, a);
	struct pg_value *d = pg_value_dict(a);
	size_t i;

	pg_put_str(a, d, "address", h->host.address);
	for (i = 0; i < PG_COUNT(keys); i++)
		pg_put(a, d, keys[i], pg_value_get(self, keys[i]));
	return d;
}

static void
sim_arrives(struct sim *s, struct pg_call *c)
{
	struct pg_arena a = { 0 };
	struct pg_value *answer = pg_value_dict(&a);
	struct pg_err e = { 0 };

	if (!c->to->alive || c->to->gossip == NULL)
		return;
	c->status = 200;
	if (!c->keyed && c->to->host.cfg.api_key.n > 0)
		c->status = 401;
	else if (!c->post)
		answer = sim_answer_health(c->to, &a);
	else if (sim_answer_join(c->to, c, &a, &answer, &e) < 0)
		c->status = 400;
	pg_buf_reset(&c->body);
	pg_json_write(&c->body, answer, NULL);
	pg_arena_fini(&a);
	s->messages++;
	s->bytes += SIM_ANSWER_HEAD + c->body.n;
	if (sim_passes(s, c->to, c->from)) {
		c->refs++;
		sim_add(s, sim_delay(s), (struct sim_event){
		    .what = SIM_ANSWERED, .call = c });
	}
}

static void
sim_done(struct pg_call *c, bool answered)
{
	struct pg_response r = { .status = answered ? c->status : 0 };

	if (!c->open)
		return;
	c->open = false;
	if (answered)
		r.body = pg_bulk_copy(pg_buf_str(&c->body), NULL);
	else
		pg_fail(&r.err, PG_E_TIMEOUT, "Could not reach it: timed out");
	/* Not only when the deadline has passed: whole tables are large. */
	pg_buf_fini(&c->body);
	c->done(c->arg, &r);
	pg_bulk_unref(r.body);
}

static void
sim_happens(struct sim *s, struct sim_event e)
{
	switch (e.what) {
	case SIM_TIMER:
		e.timer->loop = NULL;
		e.timer->on_time(e.timer);
		return;
	case SIM_ARRIVES:
		sim_arrives(s, e.call);
		break;
	case SIM_ANSWERED:
		sim_done(e.call, true);
		break;
	case SIM_DEADLINE:
		sim_done(e.call, false);
		break;
	}
	sim_unref(e.call);
}

/* Let time pass. */
static void
sim_run(struct sim *s, int64_t ns)
{
	int64_t end = s->now + ns;
	struct sim_event e;

	while (s->nheap > 0 && s->heap[0].due <= end) {
		e = s->heap[0];
		sim_remove(s, 0);
		sim_set_time(s, e.due);
		sim_happens(s, e);
	}
	sim_set_time(s, end);
}

/* ---- Hosts ------------------------------------------------------------- */

static void
sim_init(struct sim *s, size_t max, uint64_t seed, int64_t delay)
{
	*s = (struct sim){ .random = seed * 2 + 1, .delay = delay };
	s->hosts = pg_alloc((max + 1) * sizeof(*s->hosts));
	sim_running = s;
	sim_set_time(s, PG_SEC);
}

/* One more, which is told of the first. */
static void
sim_launch(struct sim *s, bool keyed)
{
	size_t i = s->n++;
	struct sim_host *h = &s->hosts[i];

	h->sim = s;
	h->loop.host = h;
	h->alive = true;
	snprintf(h->name, sizeof(h->name), "host-%zu", i);
	snprintf(h->url, sizeof(h->url), "http://10.%zu.%zu.%zu:8765",
	    i >> 16 & 255, i >> 8 & 255, i & 255);
	snprintf(h->host.boot, sizeof(h->host.boot), "%016" PRIx64
	    "%016" PRIx64, sim_random(s), sim_random(s));
	h->host.loop = &h->loop;
	h->host.client = (struct pg_client *)(void *)h;
	h->host.name = pg_str(h->name);
	h->host.address = pg_str(h->url);
	h->host.seed[0] = sim_random(s);
	h->host.seed[1] = sim_random(s);
	h->host.cfg.code_version = PG_STR(PG_WIRE_VERSION);
	if (keyed)
		h->host.cfg.api_key = PG_STR(sim_key);
	h->host.cfg.mesh = true;
	if (i > 0)
		h->host.cfg.peers[h->host.cfg.npeers++] =
		    pg_str(s->hosts[0].url);
	pg_map_init(&h->host.agents, h->host.seed);
	h->gossip = pg_gossip_new(&h->host);
	pg_gossip_start(h->gossip);
}

static void
sim_kill(struct sim_host *h)
{
	h->alive = false;
	pg_gossip_free(h->gossip);
	h->gossip = NULL;
	pg_map_fini(&h->host.agents);
	pg_buf_fini(&h->host.health_text);
	free(h->offline);
	h->offline = NULL;
}

static void
sim_fini(struct sim *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->hosts[i].alive)
			sim_kill(&s->hosts[i]);
	for (i = 0; i < s->nheap; i++)
		if (s->heap[i].what != SIM_TIMER)
			sim_unref(s->heap[i].call);
	free(s->heap);
	free(s->hosts);
	pg_clock_fake(0, 0);
}

/* ---- Questions --------------------------------------------------------- */

static bool
sim_online(const struct sim_host *h, const struct sim_host *other)
{
	const struct pg_registry *r = &h->host.mesh->registry;
	const struct pg_member *m = pg_registry_get(r, pg_str(other->url));

	return m != NULL && pg_member_online(r, m, NULL);
}

/* Whether all who are alive see all who are alive, of their side, and nobody
 * else. */
static bool
sim_all_met(struct sim *s)
{
	size_t i, sides[2] = { 0, 0 };
	const struct sim_host *h;

	for (i = 0; i < s->n; i++)
		sides[s->hosts[i].side] += s->hosts[i].alive;
	for (i = 0; i < s->n; i++) {
		h = &s->hosts[i];
		if (h->alive && h->host.mesh->registry.nonline !=
		    sides[h->side] - 1)
			return false;
	}
	return true;
}

/* Whether the last one to be launched is seen by all. */
static bool
sim_last_known(struct sim *s)
{
	size_t i;

	for (i = 0; i + 1 < s->n; i++)
		if (s->hosts[i].alive &&
		    !sim_online(&s->hosts[i], &s->hosts[s->n - 1]))
			return false;
	return true;
}

static bool
sim_last_missed(struct sim *s)
{
	size_t i;

	for (i = 0; i + 1 < s->n; i++)
		if (s->hosts[i].alive &&
		    sim_online(&s->hosts[i], &s->hosts[s->n - 1]))
			return false;
	return true;
}

/* Rounds from now until it is so; -1: it did not come to that. */
static double
sim_until(struct sim *s, bool (*so)(struct sim *s))
{
	int64_t began = s->now;

	while (!so(s)) {
		if (s->now - began > SIM_GIVE_UP)
			return -1;
		sim_run(s, SIM_LOOK);
	}
	return (double)(s->now - began) / (double)PG_GOSSIP_INTERVAL;
}

/* Count whom h takes for offline and did not at the last look. */
static void
sim_look_at(struct sim *s, struct sim_host *h)
{
	size_t i, words = s->n / 64 + 1;
	uint64_t bit, *at;
	bool wrong;

	/* Most of the time there is nothing to be found. */
	if (h->offline == NULL &&
	    h->host.mesh->registry.nonline == s->n - 1)
		return;
	if (h->offline == NULL)
		h->offline = pg_alloc(words * sizeof(*h->offline));
	for (i = 0; i < s->n; i++) {
		bit = UINT64_C(1) << i % 64;
		at = &h->offline[i / 64];
		wrong = &s->hosts[i] != h && !sim_online(h, &s->hosts[i]);
		s->false_verdicts += wrong && !(*at & bit);
		*at = wrong ? *at | bit : *at & ~bit;
	}
	if (h->host.mesh->registry.nonline == s->n - 1) {
		free(h->offline);
		h->offline = NULL;
	}
}

/* Wrong verdicts within so long; all are alive. */
static uint64_t
sim_count_false(struct sim *s, int64_t ns)
{
	int64_t end = s->now + ns;
	size_t i;

	s->false_verdicts = 0;
	while (s->now < end) {
		sim_run(s, 2 * SIM_LOOK);
		for (i = 0; i < s->n; i++)
			sim_look_at(s, &s->hosts[i]);
	}
	return s->false_verdicts;
}

/* ---- Experiments ------------------------------------------------------- */

struct sim_plan {
	uint64_t seed;
	int64_t delay;
	bool keyed;      /* the hosts have a key, and sign */
	bool healing;    /* is measured */
	int64_t settle;  /* ns, before and after a change */
	int64_t idle;    /* ns, to measure what that costs */
	int64_t seconds; /* to measure what is false */
};

/* n hosts at about the same time; rounds until all see all, -1: never. */
static double
sim_begin(struct sim *s, const struct sim_plan *plan, size_t n)
{
	int64_t began;
	double rounds;
	size_t i;

	sim_init(s, n, plan->seed * 1000003 + n, plan->delay);
	began = s->now;
	for (i = 0; i < n; i++) {
		sim_launch(s, plan->keyed);
		sim_run(s, SIM_LAUNCH / (int64_t)n);
	}
	rounds = sim_until(s, sim_all_met);
	return rounds < 0 ? -1 :
	    (double)(s->now - began) / (double)PG_GOSSIP_INTERVAL;
}

static void
sim_idle(struct sim *s, const struct sim_plan *plan,
    struct sim_figures *f)
{
	double times = (double)s->n * ((double)plan->idle / PG_SEC);

	sim_run(s, plan->settle);
	s->messages = s->bytes = 0;
	sim_run(s, plan->idle);
	f->messages = (double)s->messages / times;
	f->bytes = (double)s->bytes / times;
}

static double
sim_heal(struct sim *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		s->hosts[i].side = i % 2;
	sim_run(s, SIM_APART);
	for (i = 0; i < s->n; i++)
		s->hosts[i].side = 0;
	return sim_until(s, sim_all_met);
}

static void
sim_changes(const struct sim_plan *plan, struct sim_figures *f)
{
	struct sim s;

	f->meet = sim_begin(&s, plan, f->hosts);
	sim_idle(&s, plan, f);
	sim_launch(&s, plan->keyed);
	f->newcomer = sim_until(&s, sim_last_known);
	sim_run(&s, plan->settle);
	sim_kill(&s.hosts[s.n - 1]);
	f->killed = sim_until(&s, sim_last_missed);
	sim_run(&s, plan->settle);
	f->healed = plan->healing ? sim_heal(&s) : -1;
	sim_fini(&s);
}

/* In a mesh that has met without losses. */
static double
sim_false(const struct sim_plan *plan, size_t n, double loss)
{
	int64_t seconds = PG_MIN(plan->seconds, SIM_PAIRS / (int64_t)n);
	uint64_t count;
	struct sim s;

	if (seconds <= 0)
		return -1;
	sim_begin(&s, plan, n);
	sim_run(&s, plan->settle);
	s.loss = loss;
	count = sim_count_false(&s, seconds * PG_SEC);
	sim_fini(&s);
	return (double)count * 3600 / (double)seconds;
}

static void
sim_measure(const struct sim_plan *plan, struct sim_figures *f)
{
	size_t i;

	sim_changes(plan, f);
	for (i = 0; i < PG_COUNT(sim_losses); i++)
		f->false_verdicts[i] = sim_false(plan, f->hosts,
		    sim_losses[i]);
}

/* ---- What is printed --------------------------------------------------- */

static void
sim_print_number(double x, int decimals)
{
	if (x < 0)
		printf(" %8s", "-");
	else
		printf(" %8.*f", decimals, x);
}

static void
sim_print(const struct sim_figures *f)
{
	size_t i;

	printf("%5zu", f->hosts);
	sim_print_number(f->meet, 1);
	sim_print_number(f->newcomer, 1);
	sim_print_number(f->killed, 1);
	sim_print_number(f->healed, 1);
	sim_print_number(f->messages, 1);
	sim_print_number(f->bytes, 0);
	for (i = 0; i < PG_COUNT(sim_losses); i++)
		sim_print_number(f->false_verdicts[i], 0);
	putchar('\n');
	fflush(stdout);
}

static void
sim_print_head(void)
{
	printf("%5s %35s %17s %35s\n%5s %8s %8s %8s %8s %8s %8s %8s %8s %8s "
	    "%8s\n", "", "rounds until all know of", "idle, each second",
	    "false verdicts an hour, at a loss of", "hosts", "launch",
	    "newcomer", "killed", "healing", "messages", "bytes", "0 %", "1 %",
	    "5 %", "20 %");
}

/* ---- What must hold ---------------------------------------------------- */

static int
sim_check_one(bool so, const char *what, size_t hosts)
{
	if (!so)
		printf("NOT OK: %s, with %zu hosts\n", what, hosts);
	return !so;
}

static int
sim_check_times(const struct sim_plan *plan, const struct sim_figures *f)
{
	return sim_check_one(f->meet >= 0 && f->meet <= 10,
	    "all see all within 10 rounds", f->hosts) +
	    sim_check_one(f->newcomer >= 0 && f->newcomer <= 10,
	    "all see a newcomer within 10 rounds", f->hosts) +
	    sim_check_one(f->killed >= 0 && f->killed <= 11,
	    "all miss one that was killed within 11 rounds", f->hosts) +
	    sim_check_one(f->healed <= 15 &&
	    f->healed >= (plan->healing ? 0 : -1),
	    "all see all within 15 rounds after healing", f->hosts) +
	    sim_check_one(f->false_verdicts[0] <= 0,
	    "nobody is taken for offline who is not", f->hosts);
}

static int
sim_check(void)
{
	struct sim_plan plan = { .seed = 1, .delay = 2 * PG_MS,
		.settle = 10 * PG_SEC, .idle = 20 * PG_SEC, .seconds = 30 };
	struct sim_figures f[2] = { { .hosts = 50 }, { .hosts = 200 } };
	int failed = 0;
	size_t i, k;

	sim_print_head();
	for (i = 0; i < 2; i++) {
		plan.healing = i == 0; /* that takes long */
		for (k = 0; k < PG_COUNT(sim_losses); k++)
			f[i].false_verdicts[k] = -1;
		sim_changes(&plan, &f[i]);
		f[i].false_verdicts[0] = sim_false(&plan, f[i].hosts, 0);
		sim_print(&f[i]);
		failed += sim_check_times(&plan, &f[i]);
	}
	failed += sim_check_one(f[1].messages <= f[0].messages * 1.3,
	    "messages are as many as with 50", f[1].hosts);
	failed += sim_check_one(f[1].bytes <= f[0].bytes * 1.3,
	    "bytes are as many as with 50", f[1].hosts);
	return failed > 0;
}

static int
sim_usage(void)
{
	fputs("usage: mesh_sim [-s SEED] [-d MS] [-t SECONDS] [HOSTS...]\n"
	    "       mesh_sim -c\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	static char *usual[] = { "16", "100", "300", "1000", NULL };
	struct sim_plan plan = { .seed = 1, .delay = 2 * PG_MS,
		.keyed = true, .healing = true, .settle = 30 * PG_SEC,
		.idle = 60 * PG_SEC, .seconds = 3600 };
	struct sim_figures f;
	char **n = usual;
	int c;

	while ((c = getopt(argc, argv, "s:d:t:c")) != -1) {
		switch (c) {
		case 's': plan.seed = strtoul(optarg, NULL, 10); break;
		case 'd': plan.delay = strtol(optarg, NULL, 10) * PG_MS; break;
		case 't': plan.seconds = strtol(optarg, NULL, 10); break;
		case 'c': return sim_check();
		default: return sim_usage();
		}
	}
	if (optind < argc)
		n = argv + optind;
	sim_print_head();
	for (; *n != NULL; n++) {
		f = (struct sim_figures){ .hosts = strtoul(*n, NULL, 10) };
		if (f.hosts < 2 || f.hosts >= PG_MESH_HOSTS_MAX)
			return sim_usage();
		sim_measure(&plan, &f);
		sim_print(&f);
	}
	return 0;
}
