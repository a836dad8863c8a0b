/* settle: finding out what became of a transfer whose answer was lost: by
 * asking the target by transfer id, or, where it knows none, by looking for
 * the paglet (DESIGN section 3). Decides nothing itself.
 */
#ifndef PG_SETTLE_H
#define PG_SETTLE_H

#include "core.h"

/* Pauses between questions: from, doubling, to. */
#define PG_SETTLE_FIRST (PG_SEC / 2)
#define PG_SETTLE_MAX (60 * PG_SEC)
/* A host that can not be asked by transfer id is searched for this long. */
#define PG_SETTLE_SEARCH_TIME (30 * PG_SEC)
#define PG_SETTLE_ASK_TIME (5 * PG_SEC) /* deadline of one question */

struct pg_settle;

/* What the question has shown. Any of them may free the settle's owner. */
struct pg_settle_ops {
	/* The paglet is at url. Last call. */
	void (*there)(struct pg_settle *s, struct pg_str url);
	/* It never was and never will be at the target. searched: nobody has
	 * it, as far as can be seen. Last call. */
	void (*not_there)(struct pg_settle *s, bool searched);
	/* No answer; there will be more questions, unless the settle is
	 * stopped now. */
	void (*silent)(struct pg_settle *s);
};

/* Embedded in its owner. Fill in the first group, then start. */
struct pg_settle {
	struct pg_host *host;
	const struct pg_settle_ops *ops;
	struct pg_str target;   /* URL */
	struct pg_str agent_id;
	const char *transfer_id;
	bool by_id;    /* the target knows transfer ids */
	bool once;     /* one search round has to do */
	int64_t first; /* ns the first question may take */

	bool running;
	struct pg_arena arena;
	int64_t pause;      /* before the next question */
	int64_t search_end;
	size_t search_at;
	struct pg_str asked; /* who is being asked */
	struct pg_timer timer;
	struct pg_call *call;
};

/* Ask. Nothing is called back before this returns. */
PG_FN void pg_settle_start(struct pg_settle *s);
/* Ask no more. Fine when nothing runs. */
PG_FN void pg_settle_stop(struct pg_settle *s);

#endif
