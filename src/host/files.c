/* files: see files.h. */

#include "files.h"

#include "wire.h"

/* The text fields of a File, in the order of the wire between mode and what
 * else there is. */
static const struct files_text {
	const char *key;
	size_t at; /* of the struct pg_str */
	size_t max; /* bytes */
} files_texts[] = {
#define TEXT(field, max) { #field, offsetof(struct pg_fileref, field), max }
	TEXT(source_host_name, PG_FILE_PATH_MAX),
	TEXT(source_host_url, PG_FILE_PATH_MAX),
	TEXT(source_path, PG_FILE_PATH_MAX),
	TEXT(sha256, 64),
	TEXT(current_host_name, PG_FILE_PATH_MAX),
	TEXT(current_host_url, PG_FILE_PATH_MAX),
	TEXT(current_path, PG_FILE_PATH_MAX),
	TEXT(status, 64),
	TEXT(last_error, PG_FILE_PATH_MAX),
#undef TEXT
};

static struct pg_str *
files_text(const struct pg_fileref *r, size_t i)
{
	return (struct pg_str *)(uintptr_t)((const char *)r +
	    files_texts[i].at);
}

PG_FN struct pg_files *
pg_files_ref(struct pg_files *f)
{
	if (f != NULL)
		f->refs++;
	return f;
}

PG_FN void
pg_files_unref(struct pg_files *f)
{
	if (f == NULL || --f->refs > 0)
		return;
	pg_arena_fini(&f->arena);
	free(f);
}

/* ---- Lists ------------------------------------------------------------- */

static struct pg_str
files_keep(struct pg_files *f, struct pg_str s)
{
	f->text += s.n;
	return pg_arena_str(&f->arena, s);
}

static void
files_add(struct pg_files *f, const struct pg_fileref *r)
{
	struct pg_fileref *to = &f->items[f->n++];
	size_t i;

	*to = *r;
	to->name = files_keep(f, r->name);
	for (i = 0; i < PG_COUNT(files_texts); i++)
		*files_text(to, i) = files_keep(f, *files_text(r, i));
}

static struct pg_files *
files_new(size_t room)
{
	struct pg_files *f = pg_alloc(sizeof(*f));

	f->refs = 1;
	f->items = pg_arena_zalloc(&f->arena, room * sizeof(f->items[0]));
	return f;
}

PG_FN struct pg_files *
pg_files_with(const struct pg_files *f, const struct pg_fileref *r,
    struct pg_err *e)
{
	const struct pg_fileref *old = pg_files_find(f, r->name);
	struct pg_files *to;
	size_t i, n = f != NULL ? f->n : 0;

	if (old == NULL && n == PG_FILES_MAX) {
		pg_fail(e, PG_E_TRANSFER, "over %d registered files",
		    PG_FILES_MAX);
		return NULL;
	}
	to = files_new(n + 1);
	for (i = 0; i < n; i++)
		files_add(to, &f->items[i] == old ? r : &f->items[i]);
	if (old == NULL)
		files_add(to, r);
	if (to->text <= PG_FILES_TEXT_MAX)
		return to;
	pg_files_unref(to);
	pg_fail(e, PG_E_TRANSFER, "the list of registered files is over %zu "
	    "bytes", PG_FILES_TEXT_MAX);
	return NULL;
}

PG_FN struct pg_files *
pg_files_without(const struct pg_files *f, struct pg_str name)
{
	struct pg_files *to = NULL;
	size_t i;

	for (i = 0; f != NULL && i < f->n; i++) {
		if (pg_str_eq(f->items[i].name, name))
			continue;
		if (to == NULL)
			to = files_new(f->n);
		files_add(to, &f->items[i]);
	}
	return to;
}

PG_FN const struct pg_fileref *
pg_files_find(const struct pg_files *f, struct pg_str name)
{
	size_t i;

	for (i = 0; f != NULL && i < f->n; i++)
		if (pg_str_eq(f->items[i].name, name))
			return &f->items[i];
	return NULL;
}

/* ---- Records ----------------------------------------------------------- */

PG_FN struct pg_value *
pg_fileref_value(const struct pg_fileref *r, struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);

	pg_put_str(a, d, "name", r->name);
	pg_put_strz(a, d, "mode", r->move ? "move" : "copy");
	pg_put_str(a, d, "source_host_name", r->source_host_name);
	pg_put_str(a, d, "source_host_url", r->source_host_url);
	pg_put_str(a, d, "source_path", r->source_path);
	pg_put_float(a, d, "source_created_at", r->source_created_at);
	pg_put_float(a, d, "source_modified_at", r->source_modified_at);
	pg_put_int(a, d, "size_bytes", r->size_bytes);
	pg_put_str(a, d, "sha256", r->sha256);
	pg_put_str(a, d, "current_host_name", r->current_host_name);
	pg_put_str(a, d, "current_host_url", r->current_host_url);
	pg_put_str(a, d, "current_path", r->current_path);
	pg_put_str(a, d, "status", r->status);
	pg_put_str(a, d, "last_error", r->last_error);
	return d;
}

PG_FN struct pg_value *
pg_files_value(const struct pg_files *f, struct pg_arena *a)
{
	struct pg_value *list = pg_value_list(a);
	size_t i;

	for (i = 0; f != NULL && i < f->n; i++)
		pg_value_add(a, list, pg_fileref_value(&f->items[i], a));
	return list;
}

static int
files_read_texts(const struct pg_value *v, struct pg_fileref *r,
    struct pg_err *e)
{
	const struct files_text *t;
	struct pg_str *s;
	size_t i;

	for (i = 0; i < PG_COUNT(files_texts); i++) {
		t = &files_texts[i];
		s = files_text(r, i);
		if (pg_field_str_opt(v, t->key, s, e) < 0)
			return -1;
		if (s->n > t->max || pg_utf8_valid(*s, false) != s->n ||
		    memchr(s->n > 0 ? s->p : "x", '\0', s->n) != NULL)
			return pg_fail(e, PG_E_TRANSFER, "field '%s' is over "
			    "%zu bytes or no text", t->key, t->max);
	}
	return 0;
}

static int
files_read_item(const struct pg_value *v, struct pg_fileref *r,
    struct pg_err *e)
{
	struct pg_str mode = PG_STR("copy");

	if (!pg_value_is(v, PG_T_DICT))
		return pg_fail(e, PG_E_TRANSFER, "must be dict, got %s",
		    pg_value_type_name(v));
	if (pg_field_str(v, "name", &r->name, e) < 0 ||
	    pg_file_name(&r->name, e) < 0 ||
	    pg_field_str_opt(v, "mode", &mode, e) < 0 ||
	    pg_file_mode(mode, &r->move, e) < 0 ||
	    files_read_texts(v, r, e) < 0 ||
	    pg_field_float_opt(v, "source_created_at",
	    &r->source_created_at, e) < 0 ||
	    pg_field_float_opt(v, "source_modified_at",
	    &r->source_modified_at, e) < 0 ||
	    pg_field_int_opt(v, "size_bytes", &r->size_bytes, e) < 0)
		return -1;
	if (r->size_bytes < 0)
		return pg_fail(e, PG_E_TRANSFER,
		    "field 'size_bytes' is negative");
	return 0;
}

PG_FN int
pg_fileref_read(const struct pg_value *v, struct pg_fileref *out,
    struct pg_err *e)
{
	struct pg_fileref r = { .status = PG_STR(PG_FILE_REGISTERED) };

	if (files_read_item(v, &r, e) < 0) {
		if (e != NULL)
			e->code = PG_E_TRANSFER;
		return pg_wrap(e, "registered file");
	}
	*out = r;
	return 0;
}

static struct pg_files *
files_with_new(const struct pg_files *f, const struct pg_fileref *r,
    struct pg_err *e)
{
	if (pg_files_find(f, r->name) == NULL)
		return pg_files_with(f, r, e);
	pg_fail(e, PG_E_TRANSFER, "two registered files are named '%.*s'",
	    PG_STR_ARG(r->name));
	return NULL;
}

PG_FN int
pg_files_read(const struct pg_value *list, struct pg_files **out,
    struct pg_err *e)
{
	struct pg_files *f = NULL, *next;
	struct pg_fileref r;
	uint32_t i;

	if (!pg_value_is_seq(list))
		return pg_fail(e, PG_E_TRANSFER, "registered files must be "
		    "list, got %s", pg_value_type_name(list));
	for (i = 0; i < list->n; i++) {
		if (pg_fileref_read(list->u.items[i], &r, e) < 0)
			next = NULL;
		else
			next = files_with_new(f, &r, e);
		pg_files_unref(f);
		f = next;
		if (f == NULL)
			return -1;
	}
	*out = f;
	return 0;
}

/* ---- Words ------------------------------------------------------------- */

PG_FN int
pg_file_mode(struct pg_str word, bool *move, struct pg_err *e)
{
	struct pg_str w = pg_str_trim(word);

	*move = pg_str_ieq(w, PG_STR("move"));
	if (*move || w.n == 0 || pg_str_ieq(w, PG_STR("copy")))
		return 0;
	return pg_fail(e, PG_E_TRANSFER,
	    "registered file mode must be 'copy' or 'move'");
}

PG_FN int
pg_file_name(struct pg_str *name, struct pg_err *e)
{
	struct pg_str s = pg_str_trim(*name);

	if (s.n == 0)
		return pg_fail(e, PG_E_TRANSFER,
		    "registered file name cannot be empty");
	if (s.n > PG_FILE_NAME_MAX || !pg_all_printable(s))
		return pg_fail(e, PG_E_TRANSFER, "registered file name is "
		    "over %d bytes or not printable", PG_FILE_NAME_MAX);
	*name = s;
	return 0;
}

static bool
files_is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool
files_is_edge(char c)
{
	return c == '.' || c == '_';
}

/* The characters of name that may stay, others as one '_' each. */
static size_t
files_plain(struct pg_str name, char out[PG_FILE_STORED_MAX])
{
	size_t i, n = 0;

	for (i = 0; i < name.n && n < PG_FILE_STORED_MAX; i++)
		if (files_is_plain(name.p[i]))
			out[n++] = name.p[i];
		else if (((unsigned char)name.p[i] & 0xc0) != 0x80)
			out[n++] = '_';
	return n;
}

PG_FN void
pg_file_stored_name(struct pg_str name, unsigned nth,
    char out[PG_FILE_STORED_MAX + 16])
{
	char plain[PG_FILE_STORED_MAX];
	struct pg_str s = { plain, files_plain(name, plain) }, end;
	const char *dot;

	while (s.n > 0 && files_is_edge(s.p[0]))
		s = pg_str_skip(s, 1);
	while (s.n > 0 && files_is_edge(s.p[s.n - 1]))
		s.n--;
	if (s.n == 0)
		s = PG_STR("artifact");
	dot = memrchr(s.p, '.', s.n);
	end = dot != NULL ? pg_str_skip(s, (size_t)(dot - s.p)) : PG_STR_NULL;
	s.n -= end.n;
	if (nth > 1)
		snprintf(out, PG_FILE_STORED_MAX + 16, "%.*s-%u%.*s",
		    PG_STR_ARG(s), nth, PG_STR_ARG(end));
	else
		snprintf(out, PG_FILE_STORED_MAX + 16, "%.*s%.*s",
		    PG_STR_ARG(s), PG_STR_ARG(end));
}
