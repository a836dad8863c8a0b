/* kept: the files that a paglet keeps on its host: its work folder and the
 * managed storage of its class. The functions are those of paglets.h; the
 * host does what they say (upcall.h).
 */
#ifndef PG_KEPT_H
#define PG_KEPT_H

#include "upcall.h"

#endif
