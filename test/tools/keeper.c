/* keeper: a program of its own with a paglet class that keeps files:
 * keeper:KeeperPaglet uses its work folder and the managed storage of its
 * class as it is told by messages.
 */
#include "paglets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct keeper {
	int64_t kept;
};

static const struct paglets_field keeper_fields[] = {
	PAGLETS_INT(struct keeper, kept),
	PAGLETS_END
};

/* ---- Managed storage ---- */

/* write {path, text? | size?}: that text, or so many bytes "x". */
static int
keeper_write(struct paglets_call *c)
{
	struct keeper *s = paglets_state(c);
	const char *path = paglets_arg_text(c, "path", "");
	const char *text = paglets_arg_text(c, "text", NULL);
	size_t n = (size_t)paglets_arg_int(c, "size", 0);
	char *bytes;
	int rc;

	if (text != NULL)
		return paglets_storage_write(c, path, text, strlen(text));
	bytes = malloc(n + 1);
	if (bytes == NULL)
		return paglets_fail(c, "HostError", "no memory");
	memset(bytes, 'x', n);
	rc = paglets_storage_write(c, path, bytes, n);
	free(bytes);
	s->kept += rc == 0;
	return rc;
}

/* read {path}: {size, text: its beginning}. */
static int
keeper_read(struct paglets_call *c)
{
	const struct paglets_value *v = paglets_storage_read(c,
	    paglets_arg_text(c, "path", ""));
	char head[65] = "";
	const char *p;
	size_t n;

	if (v == NULL)
		return -1;
	p = paglets_as_bytes(v, &n);
	snprintf(head, sizeof(head), "%.*s", n < 64 ? (int)n : 64,
	    p != NULL ? p : "");
	paglets_reply_int(c, "size", (int64_t)n);
	return paglets_reply_text(c, "text", head);
}

static int
keeper_delete(struct paglets_call *c)
{
	return paglets_storage_delete(c, paglets_arg_text(c, "path", NULL));
}

static int
keeper_list(struct paglets_call *c)
{
	const struct paglets_value *v = paglets_storage_list(c,
	    paglets_arg_text(c, "prefix", NULL));

	return v != NULL ? paglets_reply(c, v) : -1;
}

static int
keeper_status(struct paglets_call *c)
{
	const struct paglets_value *v = paglets_storage_status(c);

	return v != NULL ? paglets_reply(c, v) : -1;
}

/* wrong {what}: calls that do not get as far as the host. */
static int
keeper_wrong(struct paglets_call *c)
{
	const char *what = paglets_arg_text(c, "what", "");

	if (strcmp(what, "size") == 0)
		return paglets_storage_write(c, "x", "",
		    PAGLETS_BYTES_MAX + 1);
	return paglets_storage_delete(c, "\xff");
}

/* ---- The work folder ---- */

static int
keeper_folder(struct paglets_call *c)
{
	const char *path = paglets_work_folder(c);

	return path != NULL ? paglets_reply_text(c, "path", path) : -1;
}

static int
keeper_errno(struct paglets_call *c, const char *what)
{
	return paglets_fail(c, "HostError", "%s: %s", what, strerror(errno));
}

/* note {text}: into a file of the work folder. */
static int
keeper_note(struct paglets_call *c)
{
	const char *text = paglets_arg_text(c, "text", "");
	const char *path = paglets_work_folder(c);
	FILE *f;

	if (path == NULL)
		return -1;
	if (chdir(path) < 0 || (f = fopen("note", "w")) == NULL)
		return keeper_errno(c, "note");
	fputs(text, f);
	return fclose(f) == 0 ? paglets_reply_text(c, "path", path) :
	    keeper_errno(c, "note");
}

/* look {}: what the note says; null: there is none. */
static int
keeper_look(struct paglets_call *c)
{
	const char *path = paglets_work_folder(c);
	char line[200] = "";
	FILE *f;

	if (path == NULL)
		return -1;
	if (chdir(path) < 0)
		return keeper_errno(c, "look");
	if ((f = fopen("note", "r")) == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	return paglets_reply(c, paglets_text(c, line));
}

/* dig {depth, outside}: fill the work folder with what is hard to remove: a
 * tree of that depth, folders that may not be read, odd names, links to
 * outside. */
static int
keeper_dig(struct paglets_call *c)
{
	int64_t depth = paglets_arg_int(c, "depth", 10);
	const char *outside = paglets_arg_text(c, "outside", "/");
	const char *path = paglets_work_folder(c);
	char wide[256];
	int64_t i;

	memset(wide, 'w', 255);
	wide[255] = '\0';
	if (path == NULL)
		return -1;
	if (chdir(path) < 0 || mkdir("\n*\x01\xff", 0700) < 0 ||
	    symlink(outside, "link") < 0 || mkfifo("pipe", 0600) < 0 ||
	    mkdir("locked", 0700) < 0 || mkdir("locked/in", 0700) < 0 ||
	    symlink(outside, "locked/in/link") < 0 ||
	    chmod("locked/in", 0) < 0 || chmod("locked", 0500) < 0)
		return keeper_errno(c, "dig");
	for (i = 0; i < depth; i++)
		if (mkdir(wide, 0700) < 0 || chdir(wide) < 0 ||
		    close(open("file", O_CREAT | O_WRONLY, 0400)) < 0)
			return keeper_errno(c, "dig");
	return chdir("/");
}

/* ---- Registered files ---- */

/* register {path, name?}: in mode copy; how many there are then. */
static int
keeper_register(struct paglets_call *c)
{
	const struct paglets_value *files;

	if (paglets_file_register(c, paglets_arg_text(c, "path", ""),
	    paglets_arg_text(c, "name", NULL), PAGLETS_FILE_COPY) == NULL)
		return -1;
	files = paglets_files(c);
	return files != NULL ? paglets_reply_int(c, "files",
	    (int64_t)paglets_count(files)) : -1;
}

static int
keeper_unregister(struct paglets_call *c)
{
	return paglets_file_unregister(c, paglets_arg_text(c, "name", ""));
}

static int
keeper_path(struct paglets_call *c)
{
	const char *path = paglets_file_path(c, paglets_arg_text(c, "name",
	    ""));

	return path != NULL ? paglets_reply_text(c, "path", path) : -1;
}

static const struct paglets_handler keeper_handlers[] = {
	{ "write", keeper_write }, { "read", keeper_read },
	{ "delete", keeper_delete }, { "list", keeper_list },
	{ "status", keeper_status }, { "folder", keeper_folder },
	{ "note", keeper_note }, { "look", keeper_look },
	{ "dig", keeper_dig }, { "wrong", keeper_wrong },
	{ "register", keeper_register }, { "unregister", keeper_unregister },
	{ "path", keeper_path }, { 0 }
};

static const struct paglets_class keeper = {
	PAGLETS_CLASS("keeper:KeeperPaglet", struct keeper, keeper_fields),
	.handlers = keeper_handlers
};

/* The same under another name: another class. */
static const struct paglets_class other = {
	PAGLETS_CLASS("keeper:Other.Keeper", struct keeper, keeper_fields),
	.handlers = keeper_handlers
};

int
main(int argc, char **argv)
{
	static const struct paglets_class *const classes[] = { &keeper,
		&other, NULL };

	return paglets_main(argc, argv, classes);
}
