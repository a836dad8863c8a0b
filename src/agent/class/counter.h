/* counter: the demo paglet, paglets_demo.counter:CounterPaglet. */
#ifndef PG_COUNTER_H
#define PG_COUNTER_H

#include "../../base/base.h"

#include "../../../paglets.h"

PG_FN const struct paglets_class *pg_counter_class(void);

#endif
