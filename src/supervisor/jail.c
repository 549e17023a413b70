/*
 * The supervisor's own limits. It is what a takeover must not reach: it reads fixed-size messages and its own command line,
 * nothing else. It keeps its rights, because it gives each child less than it has; a filter here would be inherited by all.
 */
#include "supervisor.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/weak.h"

int supervisor_jail(void);

int
supervisor_jail(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	if ((!WEAK(JAIL_DUMPABLE) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) ||
		setrlimit(RLIMIT_CORE, &none) < 0)
		return ERR_SYS;
	/* children inherit this and lower it */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return 0;
}
