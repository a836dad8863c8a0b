/* artifact: large binary things under generated ids (PROTOCOL section 7), in
 * files: stored while they arrive, listed, looked at, given away, removed. An
 * artifact is there as a whole or not at all, also after a crash. Knows
 * nothing of who may do what.
 */
#ifndef PG_ARTIFACT_H
#define PG_ARTIFACT_H

#include "../os/ingest.h"
#include "vault.h"

#define PG_ARTIFACT_ID_MAX 128  /* bytes of an id that is asked for */
#define PG_ARTIFACTS_MAX 20000  /* stored at a time */
#define PG_DEPOSITS_MAX 2000    /* arriving at a time */
#define PG_ARTIFACT_SIZE_MAX ((int64_t)1 << 30)    /* default, of one */
#define PG_ARTIFACT_QUOTA ((int64_t)10 << 30)      /* default, of all */
#define PG_ARTIFACT_SPOOL_TTL (24 * 3600 * PG_SEC) /* default, of leftovers */
#define PG_ARTIFACT_SWEEP (300 * PG_SEC) /* between two sweeps, at most */

struct pg_artifact_limits {
	int64_t size, quota; /* bytes of one, of all */
	int64_t spool_ttl;   /* ns; what lies in tmp/ for longer is removed */
	size_t count;        /* how many there may be */
};

#define PG_ARTIFACT_LIMITS                                              \
	((struct pg_artifact_limits){ .size = PG_ARTIFACT_SIZE_MAX,     \
	    .quota = PG_ARTIFACT_QUOTA,                                 \
	    .spool_ttl = PG_ARTIFACT_SPOOL_TTL, .count = PG_ARTIFACTS_MAX })

struct pg_artifacts;

/* Open (making dir), remove what a crash left behind, and take over what is
 * stored. What is damaged is said in the log and set aside, no reason to
 * fail. The folder is ours alone: whoever opens it holds a lock above it. */
PG_FN struct pg_artifacts *pg_artifacts_open(const char *dir,
    const struct pg_artifact_limits *limits, struct pg_loop *l,
    struct pg_work *w, struct pg_err *e);
/* After pg_work_free and before pg_loop_free. What is still arriving is
 * dropped; nobody is called back. NULL is fine. */
PG_FN void pg_artifacts_close(struct pg_artifacts *ar);

/* PG_E_TRANSFER for what can be no id of an artifact. */
PG_FN int pg_artifacts_check_id(struct pg_str id, struct pg_err *e);
/* Borrowed until the loop's turn ends, or it is removed. NULL with e:
 * PG_E_TRANSFER, no id; PG_E_NO_ARTIFACT, none is there, or it has expired. ar
 * may be NULL: none are there. */
PG_FN const struct pg_artifact *pg_artifacts_find(struct pg_artifacts *ar,
    struct pg_str id, struct pg_err *e);
/* Those of that owner (p NULL: all), in the order of their ids. ar as above. */
PG_FN void pg_artifacts_each(struct pg_artifacts *ar, struct pg_str owner,
    void (*each)(void *arg, const struct pg_artifact *a), void *arg);
/* Bytes that are stored or arriving; those that are arriving. */
PG_FN_TEST uint64_t pg_artifacts_used(const struct pg_artifacts *ar);
PG_FN_TEST uint64_t pg_artifacts_arriving(const struct pg_artifacts *ar);

/* Its bytes, to be read (the caller closes it); they stay readable when the
 * artifact is removed. Blocks, and may be called on a worker while ar is open:
 * id is as _find has checked it. PG_E_NO_ARTIFACT when it is not there. */
PG_FN int pg_artifacts_blob(const struct pg_artifacts *ar, const char *id,
    struct pg_err *e);

/* Called once from the loop, later than the call that it was given to. */
typedef void pg_artifact_done(void *arg, const struct pg_err *err);

/* Remove it, whether or not it was there. Not found from now on; done, which
 * may be NULL, when that has reached the disk. -1: no id, or too much is under
 * way; then nothing happens. If it fails later, the artifact is there again. */
PG_FN int pg_artifacts_remove(struct pg_artifacts *ar, struct pg_str id,
    pg_artifact_done *done, void *arg, struct pg_err *e);
/* Give it away: its bytes become the file at path (in place of another there,
 * as one step, and durable), the artifact is gone. Failure as above. */
PG_FN int pg_artifacts_take(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e);

/* Lend it: its bytes become that file as well. Nobody finds the artifact from
 * now on until it is given back; it may be removed. Failure as above: it is
 * there again. Not lent any more after a crash. */
PG_FN int pg_artifacts_lend(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e);
/* That file is not wanted, and was not changed. Fine if the artifact has been
 * removed. */
PG_FN void pg_artifacts_give_back(struct pg_artifacts *ar, struct pg_str id);

/* ---- What arrives ---- */

struct pg_deposit;

struct pg_deposit_spec {
	int64_t size; /* bytes that will come; negative: not known */
	struct pg_str name, compression, owner; /* copied */
	struct pg_str sha256; /* as the sender says, hex; empty: does not */
	double expires_at;
};

/* Begin one. Refused at once, before anything is on disk: a size over the limit
 * or with what is there over the quota, one more than may be stored
 * (PG_E_NO_ROOM); text that is too long or no UTF-8 (PG_E_TRANSFER); one more
 * than may arrive (PG_E_BUSY). What was not declared counts when it arrives.
 * When those that arrive turn out to be too much together, as many fail as
 * must, those first that have the most still to come.
 * on_room as in pg_ingest_new. */
PG_FN struct pg_deposit *pg_deposit_begin(struct pg_artifacts *ar,
    const struct pg_deposit_spec *spec, void (*on_room)(void *arg),
    void *arg, struct pg_err *e);
/* As pg_ingest_room and _filled. */
PG_FN char *pg_deposit_room(struct pg_deposit *d, size_t *n,
    struct pg_err *e);
PG_FN void pg_deposit_filled(struct pg_deposit *d, size_t n);
/* All has come. done is called once, later, and d is gone: a is stored and on
 * disk (borrowed as from _find), or NULL and err says why it is not: then
 * nothing is left of it. A size or hash other than declared is a failure. */
PG_FN void pg_deposit_finish(struct pg_deposit *d, void (*done)(void *arg,
    const struct pg_artifact *a, const struct pg_err *err), void *arg);
/* It will not come, or nobody wants to know: no callback any more. After
 * _finish it may be stored all the same. NULL is fine. */
PG_FN void pg_deposit_cancel(struct pg_deposit *d);

#ifdef PG_TEST
/* Tests: sweep now, as the timer does. */
void pg_artifacts_sweep(struct pg_artifacts *ar);
#endif

#endif
