/* journey: agents that are made, sent, copied and fetched by a client. It has
 * no door but the public face in paglets.h.
 */
#ifndef PG_JOURNEY_H
#define PG_JOURNEY_H

#include "../../paglets.h"

#endif
