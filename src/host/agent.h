/* agent: one paglet on this host, as an actor: its process, its mailbox, the
 * one command it is busy with. Delivers messages in order and nothing else by
 * itself; moving, cloning and disposing take hold of it and drive it.
 */
#ifndef PG_AGENT_H
#define PG_AGENT_H

#include "child.h"
#include "core.h"
#include "dedupe.h"
#include "files.h"
#include "mailbox.h"

#define PG_AGENT_START_TIME (30 * PG_SEC) /* START, its hook included */
#define PG_AGENT_HOOK_TIME (30 * PG_SEC)  /* any other command */
#define PG_AGENT_PEEK_TIME (250 * PG_MS)  /* a look at the state */

enum pg_agent_phase {
	PG_AGENT_STARTING,
	PG_AGENT_ACTIVE,
	PG_AGENT_MOVING,  /* frozen: where it is going to be is being settled */
	PG_AGENT_INACTIVE, /* asleep: a state and a policy, no process */
	PG_AGENT_CRASHED, /* its process has ended; listed until disposed of */
	PG_AGENT_GONE     /* off the tables; waits for its process to end */
};

/* A crashed paglet is restarted at most so often in so long. */
#define PG_RESTART_MAX 5
#define PG_RESTART_WINDOW (60 * PG_SEC)
#define PG_AGENT_HOLDS_MAX 100 /* turns asked for and not yet had */

struct pg_agent;

/* How a START, hook or snapshot ended; called exactly once. */
typedef void pg_agent_done(void *arg, struct pg_agent *a,
    const struct pg_outcome *o);

/* A turn on an agent: no message is delivered while it lasts. Embedded in
 * whoever asks; lives until pg_agent_release. */
struct pg_hold {
	/* The turn has come (err NULL), or the agent has crashed or gone
	 * first: the hold is then over already. */
	void (*granted)(struct pg_hold *h, const struct pg_err *err);
	struct pg_agent *agent; /* NULL: no hold, neither asked for nor held */
	struct pg_hold *next;
	bool in_call; /* taken from within a call of the agent's handler */
};

/* What the start of its host has still to do with an agent. */
enum pg_wake {
	PG_WAKE_NOT,
	PG_WAKE_STARTUP, /* its policy says so */
	PG_WAKE_RECOVER, /* it was active when the host ended */
	PG_WAKE_SETTLE   /* it was leaving */
};

/* What whoever made it wants of a paglet after a crash. */
enum pg_restart {
	PG_RESTART_AS_CLASS, /* what its class says */
	PG_RESTART_NEVER,
	PG_RESTART_ON_CRASH
};

/* The word for it; NULL: there is none to be said. */
static inline const char *
pg_restart_word(enum pg_restart r)
{
	return r == PG_RESTART_AS_CLASS ? NULL : r == PG_RESTART_NEVER ?
	    "never" : "on-crash";
}

/* What a word stands for; any other text says nothing. */
static inline enum pg_restart
pg_restart_read(struct pg_str word)
{
	if (pg_str_eqz(word, "on-crash"))
		return PG_RESTART_ON_CRASH;
	return pg_str_eqz(word, "never") ? PG_RESTART_NEVER :
	    PG_RESTART_AS_CLASS;
}

/* What a paglet that sleeps wants (PROTOCOL section 4). */
struct pg_policy {
	bool on_message; /* a message wakes it */
	bool queue;      /* otherwise messages are kept for it */
	bool on_startup; /* the start of its host wakes it */
	bool has_at;
	double at; /* Unix time that wakes it */
};

/* The START, HOOK or SNAPSHOT that its process has. */
struct pg_order {
	enum pg_frame_type type;
	uint32_t id; /* 0: none */
	pg_agent_done *done; /* NULL: nobody waits any more */
	void *arg;
	struct pg_agent *agent;
	struct pg_timer timer;
};

/* Owner: the host, until the process has ended and nobody refers to it. */
struct pg_agent {
	struct pg_host *host;
	struct pg_agent *prev, *next;
	struct pg_str id, class_name, state_class; /* owned, in one block */
	enum pg_agent_phase phase;
	unsigned refs;
	struct pg_child child;
	struct pg_str told_address; /* the host's, as its process knows it */
	pid_t pid;
	int exitcode;
	char error[120]; /* "" or why it crashed */

	struct pg_mailbox box;
	/* What was kept while it slept: delivered first, in this order. */
	struct pg_msg *drain, **drain_end;
	int64_t drained, draining; /* how many that was, and is still */
	bool rousing; /* being started out of its sleep */
	bool waking; /* activated, but not all that was kept is delivered */
	const char *wake_event; /* the hook to wake it with, if not activation */
	struct pg_msg *running; /* the message its process is to answer next;
	                         * those lent by the mailbox stand behind it */
	bool recalling; /* what is lent has been asked back */
	struct pg_task lend_task;
	uint32_t next_id;
	int64_t delivered, failed;

	struct pg_order own; /* ordered by the host */
	struct pg_order in_call; /* part of answering its present call */

	uint32_t call_id; /* the host call its handler waits for; 0: none */
	bool call_in_step; /* made by a step of run, not for the message */
	struct pg_bulk *call_bulk; /* where its arguments lie, while it is
	                            * being taken in; NULL: inline */
	struct pg_hold *holder, *holds, **holds_end; /* in hand; waiting */
	size_t nholds;

	struct pg_dedupe *window; /* messages seen of late, see dedupe.h */
	bool run_held; /* the steps of its run stand still */

	/* The last state seen, a bare pickle within bulk. */
	struct pg_bulk *state;
	size_t state_off, state_len;
	int64_t state_time; /* pg_now() */
	bool state_fresh;   /* nothing has run since */

	bool has_run, run_done;
	bool hidden; /* replaced on the tables by an agent of the same id */
	/* Called when run has ended, a move out has begun or ended, or the
	 * agent is no longer active. May be NULL. */
	void (*on_progress)(struct pg_agent *a, void *arg);
	void *progress_arg;

	/* Inactive ones, see inactive.h. */
	struct pg_policy policy;
	int64_t deactivated_at; /* wall clock */
	/* Messages kept for it, of which there are so many, have numbers from
	 * kept_first to below kept_next. */
	uint64_t kept_first, kept_next;
	size_t nkept;
	bool crash_untold; /* until nobody has it in hand */
	bool by_move; /* its being here is on disk whatever the durability */
	size_t kept_bytes; /* of the messages kept for it */
	bool going; /* its record is being removed for good */
	enum pg_restart restart;   /* after a crash, from its checkpoint */
	int64_t restarts[PG_RESTART_MAX]; /* when, see recover.c */
	size_t nrestarts;
	enum pg_wake wake;
	struct pg_waker *wakers; /* who waits for it to be active */

	struct pg_files *files; /* registered; NULL: none */
	struct pg_files *files_kept; /* the list that is on disk */

	uint32_t saves;   /* begun; each replaces those before it */
	uint32_t saved;   /* the last that the store has, if maybe not yet the
	                   * disk; more are begun: a large state is written */
	char *state_file; /* that its record names, owned; or NULL */

	/* Why START was refused; told when the process has ended. */
	struct pg_err *refused;
	/* Called instead of taking the end of the process for a crash; the
	 * agent may be GONE by then. */
	void (*on_ended)(struct pg_agent *a);

	uint8_t arrival_digest[32]; /* of the envelope it came with, or zero */
	struct pg_task free_task;
};

/* Where a state (or any bare value) lies: bulk, or text when bulk is NULL. */
struct pg_span {
	struct pg_str text;
	struct pg_bulk *bulk;
	size_t off, len;
};

/* A new agent in STARTING, on the tables. The id must be free and valid. */
PG_FN struct pg_agent *pg_agent_new(struct pg_host *h, struct pg_str id,
    struct pg_str class_name, struct pg_str state_class);
PG_FN struct pg_agent *pg_agent_find(const struct pg_host *h,
    struct pg_str id);
/* Take the agent off the tables: waiting holds, the running message and all
 * that wait fail with err; the process is told to stop. The agent lives on
 * only for those who hold a reference. */
PG_FN void pg_agent_remove(struct pg_agent *a, const struct pg_err *err);
PG_FN void pg_agent_ref(struct pg_agent *a);
PG_FN void pg_agent_unref(struct pg_agent *a);

/* For inactive and arrive: the phase, as the counts of the host follow it. */
PG_FN void pg_agent_set_phase(struct pg_agent *a, enum pg_agent_phase phase);
/* It sleeps: INACTIVE, and those who wait for a turn are told so. */
PG_FN void pg_agent_asleep(struct pg_agent *a);
/* End its process in good order; ended is called when it is gone. */
PG_FN void pg_agent_quit(struct pg_agent *a,
    void (*ended)(struct pg_agent *a));
/* Deliver what may be delivered now. */
PG_FN void pg_agent_wake(struct pg_agent *a);

/* Queue a message; takes it. */
PG_FN void pg_agent_post(struct pg_agent *a, struct pg_msg *m);
/* All that wait in the mailbox, but not what was kept. */
PG_FN struct pg_msg *pg_agent_take_mailbox(struct pg_agent *a);
/* All that wait, in the order of delivery, as a list; the caller's. */
PG_FN struct pg_msg *pg_agent_take_waiting(struct pg_agent *a);
/* Queue messages that another incarnation was to deliver, without events and
 * limits; takes the list. */
PG_FN void pg_agent_adopt(struct pg_agent *a, struct pg_msg *waiting);
/* The agent leaves from within its own call: end the message that is being
 * handled with this outcome although its handler will not return. One that
 * only lies with the process (the call is made by a step of run) goes back
 * to the front of those that wait. */
PG_FN void pg_agent_end_running(struct pg_agent *a,
    const struct pg_outcome *o);

/* Record an event about a message of this agent. */
PG_FN void pg_event_message(struct pg_agent *a, const char *kind,
    const struct pg_msg *m);
/* Count and tell how a message that is off the agent's hands has ended. */
PG_FN void pg_agent_end_message(struct pg_agent *a, struct pg_msg *m,
    const struct pg_outcome *o);

/* Ask for a turn, behind the running message and before all that wait. May
 * call granted before returning: PG_E_BUSY when too many ask. */
PG_FN void pg_agent_hold(struct pg_agent *a, struct pg_hold *h);
/* Take a turn at once: its process has just become idle. */
PG_FN void pg_agent_hold_first(struct pg_agent *a, struct pg_hold *h);
/* A turn from within the present call of its handler: before all that wait,
 * at once unless somebody else has the agent in hand. */
PG_FN void pg_agent_hold_call(struct pg_agent *a, struct pg_hold *h);
/* Whether its process is idle and nobody has it in hand. */
PG_FN bool pg_agent_idle(const struct pg_agent *a);
/* Whether somebody is having its state fetched. */
PG_FN bool pg_agent_in_snapshot(const struct pg_agent *a);
/* -1 with PG_E_LIFECYCLE when the present call comes from a hook that the
 * host waits for: such a call may not move or end the agent. */
PG_FN int pg_agent_check_call(const struct pg_agent *a, struct pg_err *e);
/* All who wait for a turn are told that they get none. */
PG_FN void pg_agent_turn_away(struct pg_agent *a, const struct pg_err *err);
/* End the turn, or withdraw the wish for one. Fine when there is none. */
PG_FN void pg_agent_release(struct pg_hold *h);
/* List the agent as moving until the hold is released. */
PG_FN void pg_agent_freeze(struct pg_hold *h);
/* Take a held agent off the tables, so that another with its id can stand
 * there, and put it back when that one is gone. */
PG_FN void pg_agent_hide(struct pg_agent *a);
PG_FN void pg_agent_unhide(struct pg_agent *a);
/* HOOK (name: which) or SNAPSHOT (name NULL) during a hold. done is not
 * called before this returns; after time ns it fails with PG_E_TIMEOUT, and
 * the agent stays busy until its process answers. */
PG_FN void pg_agent_command(struct pg_hold *h, const char *name, int64_t time,
    pg_agent_done *done, void *arg);
/* Answer the present call of its handler. */
PG_FN void pg_agent_answer(struct pg_agent *a, uint32_t call_id,
    const struct pg_outcome *o);

/* ---- For process, which hears what its process says ---- */

/* Ids of the host's own frames: never 0, top bit clear. */
PG_FN uint32_t pg_agent_next_id(struct pg_agent *a);
/* The order c has been sent as frame id; done as for pg_agent_command. */
PG_FN void pg_agent_expect(struct pg_order *c, enum pg_frame_type type,
    uint32_t id, int64_t time, pg_agent_done *done, void *arg);
/* It has ended like this. Fine when there is none. */
PG_FN void pg_agent_end_order(struct pg_order *c, const struct pg_outcome *o);
PG_FN void pg_agent_end_orders(struct pg_agent *a,
    const struct pg_outcome *o);
/* The running message is off its process, and the next one's turn has come
 * if that has it already. The caller's, or NULL. */
PG_FN struct pg_msg *pg_agent_take_running(struct pg_agent *a);
/* The same, and it ends like this. */
PG_FN void pg_agent_end_handled(struct pg_agent *a,
    const struct pg_outcome *o);
/* What waits fails, but for what was kept: that stays. */
PG_FN void pg_agent_fail_mailbox(struct pg_agent *a,
    const struct pg_err *err);
/* Its steps go on if they stand still and nobody has it in hand. */
PG_FN void pg_agent_resume_run(struct pg_agent *a);
/* Call on_progress. */
PG_FN void pg_agent_progress(struct pg_agent *a);
/* Tell of its crash, once, and not under somebody's hands. */
PG_FN void pg_agent_tell_crash(struct pg_agent *a);

#endif
