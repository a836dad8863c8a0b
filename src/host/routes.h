/* routes: what each route of PROTOCOL section 3 does. One function a route;
 * the table at the end of routes.c is the list of them.
 */
#ifndef PG_ROUTES_H
#define PG_ROUTES_H

#include "api.h"

/* Install host->routes and host->health. */
PG_FN void pg_routes_init(struct pg_host *h);
PG_FN void pg_routes_fini(struct pg_host *h);

#endif
