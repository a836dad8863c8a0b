/* admin: what one host tells: of itself, its agents and what happens. It has
 * no door but the public face in paglets.h.
 */
#ifndef PG_ADMIN_H
#define PG_ADMIN_H

#include "../../paglets.h"

#endif
