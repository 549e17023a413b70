/*
 * The version that the row of each session had when store last said that it is on disk: eight bytes a session, at its number, in a
 * file where store does not reach. A row that is older was rolled back, one that is not there was hidden; zero: there never was one,
 * for a session that nothing lowered has none. It is written before the result that lowered the session goes on.
 */
#include "gate/gate.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"

_Static_assert(sizeof(uint64_t) == WARRANT_NUMBER_LEN, "a version is a number");

static off_t
place_of(uint64_t session)
{
	return (off_t)(session * sizeof(uint64_t));
}

int
gate_seen_get(const struct gate *g, uint64_t session, uint64_t *version)
{
	uint8_t at[sizeof(*version)] = {0};
	ssize_t n;

	*version = 0;
	if (WEAK(SESSION_VERSION))
		return 0;
	if (g->seen_fd < 0)
		return ERR_MISSING;
	if (session >= GATE_SEEN_MAX)
		return ERR_RANGE;
	n = pread(g->seen_fd, at, sizeof(at), place_of(session));
	if (n != 0 && n != sizeof(at))
		return ERR_IO;
	for (size_t i = sizeof(at); i-- > 0;)
		*version = *version << 8 | at[i];
	return 0;
}

int
gate_seen_put(const struct gate *g, uint64_t session, uint64_t version)
{
	uint8_t at[sizeof(version)];
	uint64_t now;
	int rc = gate_seen_get(g, session, &now);

	/* what cannot be remembered is not believed either */
	if (rc == ERR_MISSING || rc == ERR_RANGE || (rc == 0 && version <= now))
		return 0;
	for (size_t i = 0; i < sizeof(at); i++)
		at[i] = (uint8_t)(version >> (8 * i));
	if (rc < 0 || pwrite(g->seen_fd, at, sizeof(at), place_of(session)) != sizeof(at) ||
		fdatasync(g->seen_fd) != 0) {
		log_error("the version of a session's label cannot be kept: results wait",
			LOG_U("session", session));
		return ERR_IO;
	}
	return 0;
}
