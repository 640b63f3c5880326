// libpq (Debian: libpq-dev) is PostgreSQL's C client. Its headers lie in a folder of their own that a
// module map cannot add to the search path, hence the full path; poll is what its deadlines are kept by.
#pragma once
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <stdlib.h>
