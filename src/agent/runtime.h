/* runtime: the child side. Looks up C classes, converts state by field
 * tables, runs handlers, hooks and run steps, and makes host calls.
 */
#ifndef PG_RUNTIME_H
#define PG_RUNTIME_H

#include "../codec/value.h"
#include "frame.h"

struct paglets_class;

/* Classes known to this program: the built-in ones, then those given to
 * paglets_main. NULL-terminated array of pointers; set once, before anything
 * else, and constant from then on. */
PG_FN void pg_runtime_set_classes(const struct paglets_class *const *classes);
/* Class number i, NULL past the end. */
PG_FN const struct paglets_class *pg_runtime_class_at(size_t i);
PG_FN struct pg_str pg_class_name(const struct paglets_class *c);
PG_FN struct pg_str pg_class_state_name(const struct paglets_class *c);
/* Whether it has run: for `paglets classes`. */
PG_FN bool pg_class_has_run(const struct paglets_class *c);
/* Whether a paglet of it whose process crashed is to be started again. */
PG_FN bool pg_class_restarts(const struct paglets_class *c);
/* Names of the message kinds it handles, one by one; NULL past the end. */
PG_FN const char *pg_class_kind_at(const struct paglets_class *c, size_t i);

/* {"classes": [{name, state_class_name, kinds, run}]}: all of them, as the
 * route of that name and `paglets classes` show them. */
PG_FN struct pg_value *pg_runtime_list(struct pg_arena *a);

/* Find a class by wire name. PG_E_SERIAL with the texts of QUIRKS section 4:
 * "Expected module:qualname, got 'x'", "Cannot import module 'm'", "Cannot
 * resolve 'm:C'". state_name, if not empty, must be the class's own. */
PG_FN const struct paglets_class *pg_runtime_class(struct pg_str name,
    struct pg_str state_name, struct pg_err *e);

/* Hash over what START relies on (protocol, class table layout); compared by
 * the child, hex text. */
PG_FN const char *pg_runtime_abi(void);

/* The main of an agent's process: argv[1] is the pid of the host. Serves fd 3
 * until STOP or its end. Returns the exit status. */
PG_FN int pg_runtime_main(int argc, char **argv);
#define PG_RUNTIME_ARGV0 "paglets-agent"

#endif
