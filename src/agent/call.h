/* call: the paglet of this process, and one call into its code: what it was
 * given, what it said, how it failed. Structs only; invoke.h has the verbs.
 */
#ifndef PG_CALL_H
#define PG_CALL_H

#include "fields.h"
#include "upline.h"

#include <setjmp.h>

/* Memory of one call: decoded arguments, values built, results of calls. */
#define PG_INVOKE_MEMORY_MAX ((size_t)4 << 30)
/* Bytes of the text of an error; longer ones are cut. */
#define PG_INVOKE_ERROR_MAX (16 * 1024)
/* What synchronous sends of one call may take together, if the host does not
 * say otherwise (DESIGN section 2). */
#define PG_INVOKE_TIME (10 * PG_SEC)

/* What a call into the paglet's code is for. It decides what may be asked of
 * the host meanwhile. */
enum pg_call_for {
	PG_CALL_MESSAGE, /* anything */
	PG_CALL_STEP,    /* of run: anything */
	PG_CALL_START,   /* upgrade and first hook: not to leave or be copied */
	PG_CALL_HOOK     /* any other hook: nothing, the host waits for us */
};

/* The paglet of this process. Owner: the process's main. */
struct pg_self {
	const struct paglets_class *cls; /* NULL until START */
	void *state;
	const char *id, *host_name, *host_address; /* in names */
	struct pg_arena names;
	struct pg_arena arena; /* of the call from the loop */
	struct pg_upline line;
	uint32_t last_call; /* id of the last CALL, without the top bit */
	bool asking;        /* a CALL waits for its RESULT */
	bool run;           /* the class's run is to be called, at run_at */
	bool hold;          /* but not now: the host will take the state */
	int64_t run_at;
	/* Serves a HOOK or SNAPSHOT that is part of answering a CALL. */
	void (*serve)(struct pg_self *self, const struct pg_frame *f);
};

/* Memfds that values of a call borrow from; in the call's arena. */
struct pg_invoke_hold {
	struct pg_invoke_hold *next;
	struct pg_bulk *bulk;
};

/* Owner: the stack of whoever serves the frame. */
struct paglets_call {
	struct pg_self *self;
	struct pg_arena *arena;
	enum pg_call_for purpose;
	const struct pg_value *message, *args; /* NULL outside handlers */
	const struct pg_value *init;           /* hook creation only */
	const char *kind; /* of the message */
	const char *hook; /* name of the hook */
	struct pg_bulk *bulk;        /* what the frame's body lies in */
	struct pg_invoke_hold *held;
	struct pg_buf kept; /* the frame's bytes, once taken off the line */
	bool keeps;         /* kept is in use */
	int64_t deadline;   /* for synchronous sends, pg_now() time */
	struct pg_value *reply;
	bool reply_own;     /* reply is a dict of ours: keys may be added */
	bool reply_state;   /* the state's fields are part of it */
	bool short_of_memory;
	enum pg_code code;  /* what failed last, PG_E_OK for nothing */
	struct pg_str text;
	jmp_buf *bail; /* out of the handler, while one runs */
};

#endif
