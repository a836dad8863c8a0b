/* log: one line per event on stderr. */
#ifndef PG_LOG_H
#define PG_LOG_H

#include "base.h"

enum pg_log_level { PG_LOG_ERROR, PG_LOG_WARN, PG_LOG_INFO, PG_LOG_DEBUG };

/* "part: text", escaped so that it stays one line of printable UTF-8. errno
 * survives. Never pass secrets. */
PG_FN void pg_log(enum pg_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
PG_FN void pg_log_set_level(enum pg_log_level level);
/* error, warn (or warning), info, debug; -1 for anything else. */
PG_FN int pg_log_level_parse(struct pg_str name);

#endif
