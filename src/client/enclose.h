/* enclose: messages with files. It has no door but the public face in
 * paglets.h.
 */
#ifndef PG_ENCLOSE_H
#define PG_ENCLOSE_H

#include "../../paglets.h"

/* Files that go with one message. */
#define PG_ENCLOSE_MAX 64

#endif
