/* artifact: see artifact.h.
 *
 * What is stored is an array in the order of the ids. Everything that touches
 * the disk is a job on a worker. An artifact that is being removed or taken
 * away is not found any more, but is counted, and its entry stays, until its
 * job has ended: if that fails the entry is as it was.
 *
 * A deposit is an ingest into tmp/, and then the job that makes it exist.
 */
#include "artifact.h"
#include "../base/buf.h"
#include "../base/mem.h"
#include "../codec/value.h"

/* Of those that have expired, so many are removed in one sweep. */
#define ARTIFACT_SWEEP_MAX 64

struct artifact_entry {
	struct pg_artifact a; /* its texts are one allocation, at name.p */
	struct artifact_leave *leave; /* NULL: it stays */
	bool lent; /* it is there, but for nobody */
};

/* Somebody who waits for an artifact to be gone. Owner: what it waits for. */
struct artifact_waiter {
	pg_artifact_done *done;
	void *arg;
	struct artifact_waiter *next;
};

/* An artifact is removed, given away or lent. Owner: ar, until it has ended. */
struct artifact_leave {
	struct pg_job job;
	struct pg_artifacts *ar;
	struct artifact_leave *prev, *next;
	struct artifact_entry *entry; /* NULL: there was none */
	struct artifact_waiter *waiters, **last;
	char *path; /* NULL: it is removed */
	bool lend, gone;
	struct pg_err err;
};

/* Owner: who began it; ar, once it is committing. */
struct pg_deposit {
	struct pg_artifacts *ar;
	struct pg_deposit *prev, *next;
	struct artifact_entry *entry; /* what it will be */
	struct pg_ingest *ingest;
	int64_t declared;
	char *sha256; /* what it must be, as text; empty: anything */
	uint64_t received; /* and counted: 0 once it has failed */
	bool failed, finished;
	struct pg_job commit;
	struct pg_err err; /* of that */
	bool committing;
	void (*done)(void *arg, const struct pg_artifact *a,
	    const struct pg_err *err);
	void *arg;
};

/* A look at what lies about. */
struct artifact_sweep {
	struct pg_job job;
	struct pg_artifacts *ar;
	int64_t before;
	char (*ids)[PG_ID_LEN + 1];
	size_t n;
};

/* Owner: who opened it. Loop thread, but for the vault. */
struct pg_artifacts {
	struct pg_vault vault;
	struct pg_artifact_limits limits;
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_ingest_pool *pool;
	struct artifact_entry **entries; /* by id */
	size_t n, cap;
	uint64_t used, arriving; /* bytes */
	struct pg_deposit *deposits;
	size_t ndeposits;
	struct artifact_leave *leaves;
	struct artifact_sweep *sweep; /* NULL: none under way */
	struct pg_timer timer;
};

/* ---- Entries ---- */

static struct artifact_entry *
artifact_entry_new(const struct pg_artifact *a)
{
	struct artifact_entry *en = pg_alloc(sizeof(*en));
	char *text = pg_alloc(a->name.n + a->compression.n + a->owner.n + 1);
	struct pg_str *parts[] = { &en->a.name, &en->a.compression,
		&en->a.owner };
	size_t i;

	en->a = *a;
	for (i = 0; i < PG_COUNT(parts); i++) {
		if (parts[i]->n > 0)
			memcpy(text, parts[i]->p, parts[i]->n);
		parts[i]->p = text;
		text += parts[i]->n;
	}
	return en;
}

static void
artifact_entry_free(struct artifact_entry *en)
{
	free((void *)(uintptr_t)en->a.name.p);
	free(en);
}

/* Where that id stands, or would. */
static size_t
artifact_place(const struct pg_artifacts *ar, struct pg_str id)
{
	size_t low = 0, high = ar->n, mid, n;
	const char *at;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		at = ar->entries[mid]->a.id;
		n = PG_MIN(id.n, (size_t)PG_ID_LEN);
		order = memcmp(at, id.p, n);
		if (order < 0 || (order == 0 && id.n > PG_ID_LEN))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct artifact_entry *
artifact_get(const struct pg_artifacts *ar, struct pg_str id)
{
	size_t at = artifact_place(ar, id);

	if (at < ar->n && pg_str_eqz(id, ar->entries[at]->a.id))
		return ar->entries[at];
	return NULL;
}

/* Takes en. */
static void
artifact_insert(struct pg_artifacts *ar, struct artifact_entry *en)
{
	size_t at = artifact_place(ar, pg_str(en->a.id));

	if (ar->n == ar->cap) {
		ar->cap = ar->cap != 0 ? 2 * ar->cap : 16;
		ar->entries = pg_realloc(ar->entries,
		    ar->cap * sizeof(struct artifact_entry *));
	}
	memmove(ar->entries + at + 1, ar->entries + at,
	    (ar->n - at) * sizeof(struct artifact_entry *));
	ar->entries[at] = en;
	ar->n++;
	ar->used += en->a.size;
}

static void
artifact_drop(struct pg_artifacts *ar, struct artifact_entry *en)
{
	size_t at = artifact_place(ar, pg_str(en->a.id));

	ar->n--;
	memmove(ar->entries + at, ar->entries + at + 1,
	    (ar->n - at) * sizeof(struct artifact_entry *));
	ar->used -= en->a.size;
	artifact_entry_free(en);
}

static bool
artifact_expired(const struct pg_artifact *a, int64_t now)
{
	return a->expires_at > 0 && a->expires_at <= pg_to_seconds(now);
}

/* ---- Looking ---- */

PG_FN int
pg_artifacts_check_id(struct pg_str id, struct pg_err *e)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	bool ok = id.n > 0 && id.n <= PG_ARTIFACT_ID_MAX;
	size_t i;

	for (i = 0; ok && i < id.n; i++)
		ok = memchr(hex, id.p[i], sizeof(hex) - 1) != NULL;
	return ok ? 0 : pg_fail(e, PG_E_TRANSFER, "invalid artifact id "
	    "'%.*s'", (int)PG_MIN(id.n, (size_t)PG_ARTIFACT_ID_MAX), id.p);
}

static struct artifact_entry *
artifact_find(struct pg_artifacts *ar, struct pg_str id, struct pg_err *e)
{
	struct artifact_entry *en;

	if (pg_artifacts_check_id(id, e) < 0)
		return NULL;
	en = ar != NULL ? artifact_get(ar, id) : NULL;
	if (en != NULL && en->leave == NULL && !en->lent &&
	    !artifact_expired(&en->a, pg_now_wall()))
		return en;
	pg_fail(e, PG_E_NO_ARTIFACT, "No artifact '%.*s'", PG_STR_ARG(id));
	return NULL;
}

PG_FN const struct pg_artifact *
pg_artifacts_find(struct pg_artifacts *ar, struct pg_str id, struct pg_err *e)
{
	struct artifact_entry *en = artifact_find(ar, id, e);

	return en != NULL ? &en->a : NULL;
}

PG_FN void
pg_artifacts_each(struct pg_artifacts *ar, struct pg_str owner,
    void (*each)(void *arg, const struct pg_artifact *a), void *arg)
{
	const struct artifact_entry *en;
	int64_t now = pg_now_wall();
	size_t i;

	for (i = 0; ar != NULL && i < ar->n; i++) {
		en = ar->entries[i];
		if (en->leave == NULL && !en->lent &&
		    !artifact_expired(&en->a, now) &&
		    (owner.p == NULL || pg_str_eq(owner, en->a.owner)))
			each(arg, &en->a);
	}
}

PG_FN_TEST uint64_t
pg_artifacts_used(const struct pg_artifacts *ar)
{
	return ar->used + ar->arriving;
}

PG_FN_TEST uint64_t
pg_artifacts_arriving(const struct pg_artifacts *ar)
{
	return ar->arriving;
}

PG_FN int
pg_artifacts_blob(const struct pg_artifacts *ar, const char *id,
    struct pg_err *e)
{
	return pg_vault_blob(&ar->vault, id, e);
}

/* ---- Leaving ---- */

static void
artifact_leave_free(struct artifact_leave *le)
{
	struct artifact_waiter *w;

	if (le->next != NULL)
		le->next->prev = le->prev;
	if (le->prev != NULL)
		le->prev->next = le->next;
	else
		le->ar->leaves = le->next;
	while ((w = le->waiters) != NULL) {
		le->waiters = w->next;
		free(w);
	}
	free(le->path);
	free(le);
}

static void
artifact_leave_run(struct pg_job *j)
{
	struct artifact_leave *le = PG_CONTAINER(j, struct artifact_leave,
	    job);
	const struct pg_vault *v = &le->ar->vault;

	if (le->entry == NULL)
		return;
	if (le->lend)
		pg_vault_lend(v, le->entry->a.id, le->path, &le->err);
	else if (le->path != NULL)
		pg_vault_take(v, le->entry->a.id, le->path, &le->gone,
		    &le->err);
	else
		pg_vault_remove(v, le->entry->a.id, &le->gone, &le->err);
}

static int artifact_leave(struct pg_artifacts *ar,
    struct artifact_entry *en, const char *path, bool lend,
    pg_artifact_done *done, void *arg, struct pg_err *e);

/* Those who wait behind the one that it is lent to want it gone. */
static void
artifact_lent(struct artifact_leave *le)
{
	struct artifact_waiter *rest = le->waiters->next;
	struct artifact_entry *en = le->entry;

	if (rest != NULL && artifact_leave(le->ar, en, NULL, false, NULL,
	    NULL, &le->err) == 0) {
		le->waiters->next = NULL;
		*en->leave->last = rest;
		en->leave->last = le->last;
	}
	en->lent = le->err.code == PG_E_OK;
}

/* It has ended: tell everybody. They may begin what they like. */
static void
artifact_leave_done(struct pg_job *j)
{
	struct artifact_leave *le = PG_CONTAINER(j, struct artifact_leave,
	    job);
	const struct pg_err *err;
	struct artifact_waiter *w;

	if (le->entry != NULL)
		le->entry->leave = NULL;
	if (le->lend)
		artifact_lent(le);
	if (le->gone)
		artifact_drop(le->ar, le->entry);
	err = le->err.code != PG_E_OK ? &le->err : NULL;
	for (w = le->waiters; w != NULL; w = w->next)
		if (w->done != NULL)
			w->done(w->arg, err);
	artifact_leave_free(le);
}

static void
artifact_wait(struct artifact_leave *le, pg_artifact_done *done, void *arg)
{
	struct artifact_waiter *w = pg_alloc(sizeof(*w));

	w->done = done;
	w->arg = arg;
	*le->last = w;
	le->last = &w->next;
}

/* en NULL: there is none, which is told all the same. */
static int
artifact_leave(struct pg_artifacts *ar, struct artifact_entry *en,
    const char *path, bool lend, pg_artifact_done *done, void *arg,
    struct pg_err *e)
{
	struct artifact_leave *le = pg_alloc(sizeof(*le));

	le->ar = ar;
	le->entry = en;
	le->lend = lend;
	le->path = path != NULL ? pg_strdup(pg_str(path)) : NULL;
	le->last = &le->waiters;
	le->next = ar->leaves;
	if (le->next != NULL)
		le->next->prev = le;
	ar->leaves = le;
	le->job.run = artifact_leave_run;
	le->job.done = artifact_leave_done;
	if (pg_work_submit(ar->work, &le->job, e) < 0) {
		artifact_leave_free(le);
		return -1;
	}
	artifact_wait(le, done, arg);
	if (en != NULL)
		en->leave = le;
	return 0;
}

PG_FN int
pg_artifacts_remove(struct pg_artifacts *ar, struct pg_str id,
    pg_artifact_done *done, void *arg, struct pg_err *e)
{
	struct artifact_entry *en;

	if (pg_artifacts_check_id(id, e) < 0)
		return -1;
	en = artifact_get(ar, id);
	if (en == NULL || en->leave == NULL)
		return artifact_leave(ar, en, NULL, false, done, arg, e);
	artifact_wait(en->leave, done, arg);
	return 0;
}

PG_FN int
pg_artifacts_take(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e)
{
	struct artifact_entry *en = artifact_find(ar, id, e);

	if (en == NULL)
		return -1;
	return artifact_leave(ar, en, path, false, done, arg, e);
}

PG_FN int
pg_artifacts_lend(struct pg_artifacts *ar, struct pg_str id,
    const char *path, pg_artifact_done *done, void *arg, struct pg_err *e)
{
	struct artifact_entry *en = artifact_find(ar, id, e);

	if (en == NULL)
		return -1;
	return artifact_leave(ar, en, path, true, done, arg, e);
}

PG_FN void
pg_artifacts_give_back(struct pg_artifacts *ar, struct pg_str id)
{
	struct artifact_entry *en = artifact_get(ar, id);

	if (en != NULL)
		en->lent = false;
}

/* ---- Limits ---- */

static int
artifact_check_size(const struct pg_artifacts *ar, uint64_t size,
    struct pg_err *e)
{
	int64_t max = ar->limits.size;

	if (size <= (uint64_t)max)
		return 0;
	return pg_fail(e, PG_E_NO_ROOM, "artifact exceeds maximum size: %"
	    PRIu64 " bytes would exceed %" PRId64 " bytes", size, max);
}

/* With so many more than have arrived. */
static int
artifact_check_quota(const struct pg_artifacts *ar, uint64_t more,
    struct pg_err *e)
{
	uint64_t all = ar->used + ar->arriving + more;
	int64_t max = ar->limits.quota;

	if (all <= (uint64_t)max)
		return 0;
	return pg_fail(e, PG_E_NO_ROOM, "artifact storage quota exceeded: %"
	    PRIu64 " bytes would exceed %" PRId64, all, max);
}

static int
artifact_check_text(const char *what, struct pg_str text, struct pg_err *e)
{
	if (text.n > PG_ARTIFACT_TEXT_MAX)
		return pg_fail(e, PG_E_TRANSFER, "%s of an artifact is over "
		    "%d bytes", what, PG_ARTIFACT_TEXT_MAX);
	if (pg_utf8_valid(text, false) != text.n)
		return pg_fail(e, PG_E_TRANSFER, "%s of an artifact is no "
		    "UTF-8", what);
	return 0;
}

static int
artifact_check(const struct pg_artifacts *ar,
    const struct pg_deposit_spec *spec, struct pg_err *e)
{
	uint64_t size = spec->size > 0 ? (uint64_t)spec->size : 0;

	if (artifact_check_text("name", spec->name, e) < 0 ||
	    artifact_check_text("compression", spec->compression, e) < 0 ||
	    artifact_check_text("owner", spec->owner, e) < 0 ||
	    artifact_check_text("sha256", spec->sha256, e) < 0 ||
	    artifact_check_size(ar, size, e) < 0 ||
	    artifact_check_quota(ar, size, e) < 0)
		return -1;
	if (spec->expires_at - spec->expires_at != 0)
		return pg_fail(e, PG_E_TRANSFER, "time at which an artifact "
		    "expires is not finite");
	if (ar->n + ar->ndeposits >= ar->limits.count)
		return pg_fail(e, PG_E_NO_ROOM, "artifact storage is full: "
		    "%zu artifacts", ar->limits.count);
	if (ar->ndeposits >= PG_DEPOSITS_MAX)
		return pg_fail(e, PG_E_BUSY, "%d artifacts are arriving "
		    "already", PG_DEPOSITS_MAX);
	return 0;
}

/* ---- Deposits ---- */

static void
deposit_free(struct pg_deposit *d)
{
	struct pg_artifacts *ar = d->ar;

	if (d->next != NULL)
		d->next->prev = d->prev;
	if (d->prev != NULL)
		d->prev->next = d->next;
	else
		ar->deposits = d->next;
	ar->ndeposits--;
	ar->arriving -= d->received;
	pg_ingest_free(d->ingest);
	if (d->entry != NULL)
		artifact_entry_free(d->entry);
	free(d->sha256);
	free(d);
}

PG_FN struct pg_deposit *
pg_deposit_begin(struct pg_artifacts *ar, const struct pg_deposit_spec *spec,
    void (*on_room)(void *arg), void *arg, struct pg_err *e)
{
	struct pg_artifact a = { .name = spec->name, .owner = spec->owner,
		.compression = spec->compression,
		.expires_at = spec->expires_at };
	char part[PG_VAULT_NAME_MAX];
	struct pg_deposit *d;

	if (artifact_check(ar, spec, e) < 0)
		return NULL;
	pg_rand_id(a.id);
	pg_vault_part(a.id, part);
	d = pg_alloc(sizeof(*d));
	d->ar = ar;
	d->entry = artifact_entry_new(&a);
	d->ingest = pg_ingest_create(ar->pool, ar->vault.tmp, part, on_room,
	    arg);
	d->declared = spec->size;
	d->sha256 = pg_strdup(spec->sha256);
	d->next = ar->deposits;
	if (d->next != NULL)
		d->next->prev = d;
	ar->deposits = d;
	ar->ndeposits++;
	return d;
}

PG_FN char *
pg_deposit_room(struct pg_deposit *d, size_t *n, struct pg_err *e)
{
	return pg_ingest_room(d->ingest, n, e);
}

/* It is not to be kept: what has come of it does not count any more. */
static void
deposit_give_up(struct pg_deposit *d, const struct pg_err *why)
{
	d->failed = true;
	d->ar->arriving -= d->received;
	d->received = 0;
	pg_ingest_fail(d->ingest, why);
}

/* What is still to come, as far as one can know. */
static uint64_t
deposit_left(const struct pg_deposit *d)
{
	if (d->declared < 0 || (uint64_t)d->declared < d->received)
		return UINT64_MAX;
	return (uint64_t)d->declared - d->received;
}

/* All that arrive are too much together: let no more of them go than need be,
 * those first that have the furthest to go, and of these the newest. */
static void
artifact_make_room(struct pg_artifacts *ar)
{
	struct pg_deposit *d, *worst;
	struct pg_err e;

	for (;;) {
		e = (struct pg_err){ 0 };
		if (artifact_check_quota(ar, 0, &e) == 0)
			return;
		worst = NULL;
		for (d = ar->deposits; d != NULL; d = d->next)
			if (!d->failed && !d->finished && d->received > 0 &&
			    (worst == NULL ||
			    deposit_left(d) > deposit_left(worst)))
				worst = d;
		/* What is complete has been within it. */
		if (worst == NULL)
			return;
		deposit_give_up(worst, &e);
	}
}

PG_FN void
pg_deposit_filled(struct pg_deposit *d, size_t n)
{
	struct pg_err e = { 0 };

	pg_ingest_filled(d->ingest, n);
	if (d->failed)
		return;
	d->received += n;
	d->ar->arriving += n;
	if (artifact_check_size(d->ar, d->received, &e) < 0)
		deposit_give_up(d, &e);
	else
		artifact_make_room(d->ar);
}

/* It has come to nothing. */
static void
deposit_fail(struct pg_deposit *d, const struct pg_err *why)
{
	void (*done)(void *, const struct pg_artifact *,
	    const struct pg_err *) = d->done;
	void *arg = d->arg;
	struct pg_err err = *why;

	deposit_free(d);
	if (done != NULL)
		done(arg, NULL, &err);
}

static void
deposit_run(struct pg_job *j)
{
	struct pg_deposit *d = PG_CONTAINER(j, struct pg_deposit, commit);

	pg_vault_keep(&d->ar->vault, &d->entry->a, &d->err);
}

static void artifact_arm(struct pg_artifacts *ar);

static void
deposit_kept(struct pg_job *j)
{
	struct pg_deposit *d = PG_CONTAINER(j, struct pg_deposit, commit);
	struct artifact_entry *en = d->entry;
	struct pg_artifacts *ar = d->ar;

	if (d->err.code != PG_E_OK) {
		deposit_fail(d, &d->err);
		return;
	}
	d->entry = NULL;
	ar->arriving -= d->received;
	d->received = 0;
	artifact_insert(ar, en);
	if (en->a.expires_at > 0)
		artifact_arm(ar);
	if (d->done != NULL)
		d->done(d->arg, &en->a, NULL);
	deposit_free(d);
}

static int
deposit_check_sha(struct pg_deposit *d, const uint8_t sha[PG_SHA256_SIZE],
    struct pg_err *e)
{
	struct pg_str want = pg_str(d->sha256);
	struct pg_buf hex = PG_BUF_INIT(0);
	int rc = 0;

	memcpy(d->entry->a.sha256, sha, PG_SHA256_SIZE);
	pg_buf_hex(&hex, (struct pg_str){ (const char *)sha,
	    PG_SHA256_SIZE });
	if (want.n > 0 && !pg_str_ieq(want, pg_buf_str(&hex)))
		rc = pg_fail(e, PG_E_TRANSFER, "artifact checksum mismatch: "
		    "expected %.*s, got %.*s",
		    (int)PG_MIN(want.n, 2 * PG_SHA256_SIZE), want.p,
		    PG_STR_ARG(pg_buf_str(&hex)));
	pg_buf_fini(&hex);
	return rc;
}

static void
deposit_arrived(void *arg, const uint8_t sha[PG_SHA256_SIZE], uint64_t size,
    const struct pg_err *err)
{
	struct pg_deposit *d = arg;
	struct pg_artifact *a = &d->entry->a;
	struct pg_err e = { 0 };

	if (err != NULL) {
		deposit_fail(d, err);
		return;
	}
	a->size = size;
	a->created_at = pg_to_seconds(pg_now_wall());
	d->commit.run = deposit_run;
	d->commit.done = deposit_kept;
	if (deposit_check_sha(d, sha, &e) < 0 ||
	    pg_work_submit(d->ar->work, &d->commit, &e) < 0)
		deposit_fail(d, &e);
	else
		d->committing = true;
}

PG_FN void
pg_deposit_finish(struct pg_deposit *d, void (*done)(void *arg,
    const struct pg_artifact *a, const struct pg_err *err), void *arg)
{
	struct pg_err e = { 0 };

	d->done = done;
	d->arg = arg;
	d->finished = true;
	if (!d->failed && d->declared >= 0 &&
	    d->received != (uint64_t)d->declared) {
		pg_fail(&e, PG_E_TRANSFER, "artifact size mismatch: expected "
		    "%" PRId64 ", got %" PRIu64, d->declared, d->received);
		pg_ingest_fail(d->ingest, &e);
	}
	pg_ingest_finish(d->ingest, deposit_arrived, d);
}

PG_FN void
pg_deposit_cancel(struct pg_deposit *d)
{
	if (d == NULL)
		return;
	d->done = NULL;
	/* Else a job has it, which frees it. */
	if (!d->committing)
		deposit_free(d);
}

/* ---- Sweeping ---- */

static void
artifact_sweep_run(struct pg_job *j)
{
	struct artifact_sweep *s = PG_CONTAINER(j, struct artifact_sweep,
	    job);

	pg_vault_sweep(&s->ar->vault, s->before,
	    (const char (*)[PG_ID_LEN + 1])s->ids, s->n);
}

static void
artifact_sweep_free(struct artifact_sweep *s)
{
	if (s == NULL)
		return;
	free(s->ids);
	free(s);
}

static void
artifact_sweep_done(struct pg_job *j)
{
	struct artifact_sweep *s = PG_CONTAINER(j, struct artifact_sweep,
	    job);

	s->ar->sweep = NULL;
	artifact_sweep_free(s);
}

/* Look for what nobody finishes any more; what arrives is not that. */
static void
artifact_sweep_temporaries(struct pg_artifacts *ar)
{
	struct artifact_sweep *s;
	const struct pg_deposit *d;

	if (ar->sweep != NULL)
		return;
	s = pg_alloc(sizeof(*s));
	s->ar = ar;
	s->before = pg_now_wall() - ar->limits.spool_ttl;
	s->ids = pg_alloc((ar->ndeposits + 1) * sizeof(s->ids[0]));
	for (d = ar->deposits; d != NULL; d = d->next)
		memcpy(s->ids[s->n++], d->entry->a.id, sizeof(s->ids[0]));
	s->job.run = artifact_sweep_run;
	s->job.done = artifact_sweep_done;
	if (pg_work_submit(ar->work, &s->job, NULL) == 0)
		ar->sweep = s;
	else
		artifact_sweep_free(s);
}

static void
artifact_sweep_expired(struct pg_artifacts *ar)
{
	struct artifact_entry *en;
	int64_t now = pg_now_wall();
	size_t i, n = 0;

	for (i = 0; i < ar->n && n < ARTIFACT_SWEEP_MAX; i++) {
		en = ar->entries[i];
		if (en->leave == NULL && artifact_expired(&en->a, now) &&
		    artifact_leave(ar, en, NULL, false, NULL, NULL,
		    NULL) == 0)
			n++;
	}
}

static void
artifact_on_time(struct pg_timer *t)
{
	struct pg_artifacts *ar = PG_CONTAINER(t, struct pg_artifacts, timer);

	artifact_sweep_temporaries(ar);
	artifact_sweep_expired(ar);
	artifact_arm(ar);
}

/* Sweep when the next one expires, and every now and then. */
static void
artifact_arm(struct pg_artifacts *ar)
{
	int64_t delay = PG_MIN(PG_ARTIFACT_SWEEP, ar->limits.spool_ttl), left;
	int64_t now = pg_now_wall();
	const struct artifact_entry *en;
	size_t i;

	for (i = 0; i < ar->n; i++) {
		en = ar->entries[i];
		if (en->leave != NULL || en->a.expires_at <= 0)
			continue;
		left = pg_from_seconds(en->a.expires_at -
		    pg_to_seconds(now));
		delay = PG_MIN(delay, left);
	}
	pg_timer_set(ar->loop, &ar->timer, PG_MAX(delay, PG_SEC),
	    artifact_on_time);
}

/* ---- The whole ---- */

static void
artifact_loaded(void *arg, const struct pg_artifact *a)
{
	artifact_insert(arg, artifact_entry_new(a));
}

PG_FN struct pg_artifacts *
pg_artifacts_open(const char *dir, const struct pg_artifact_limits *limits,
    struct pg_loop *l, struct pg_work *w, struct pg_err *e)
{
	struct pg_artifacts *ar = pg_alloc(sizeof(*ar));

	ar->limits = *limits;
	ar->loop = l;
	ar->work = w;
	if (pg_vault_open(&ar->vault, dir, e) < 0 ||
	    pg_vault_load(&ar->vault, artifact_loaded, ar, e) < 0 ||
	    (ar->pool = pg_ingest_pool_new(l, w, e)) == NULL) {
		pg_artifacts_close(ar);
		return NULL;
	}
	artifact_arm(ar);
	return ar;
}

PG_FN void
pg_artifacts_close(struct pg_artifacts *ar)
{
	if (ar == NULL)
		return;
	pg_timer_stop(&ar->timer);
	/* With what is arriving: there are no workers any more. */
	pg_ingest_pool_free(ar->pool);
	while (ar->deposits != NULL) {
		ar->deposits->ingest = NULL;
		deposit_free(ar->deposits);
	}
	while (ar->leaves != NULL)
		artifact_leave_free(ar->leaves);
	artifact_sweep_free(ar->sweep);
	while (ar->n > 0)
		artifact_entry_free(ar->entries[--ar->n]);
	free(ar->entries);
	pg_vault_fini(&ar->vault);
	free(ar);
}

#ifdef PG_TEST
void
pg_artifacts_sweep(struct pg_artifacts *ar)
{
	artifact_on_time(&ar->timer);
}
#endif

#undef ARTIFACT_SWEEP_MAX
