/* What the logs say: the gateway's log, and the audit log. */
#include "checks/subjects.h"
#include "cli_commands.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utc.h"
#include "text/text_secret.h"

#define LOG_TAIL_MAX MIB(8u) /* bytes of each log file's end that are read */
#define AUDIT_TAIL_MAX MIB(16u)
#define DAYS 7
#define TIME_LEN 24
#define SECRET_LEAST 12
#define OWN_ATTACKS_S 10 /* how long after its look at the token an audit attacks */

/* The end of a file: 0 or an errno. */
static int
read_tail(const char *path, struct buf *b, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n = 1;
	int err = 0;

	b->max = max;
	if (fd < 0)
		return errno;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > max)
		(void)lseek(fd, st.st_size - (off_t)max, SEEK_SET);
	while (n > 0 && b->len < max) {
		size_t step = max - b->len < KIB(64u) ? max - b->len : KIB(64u);
		uint8_t *p = buf_room(b, step);

		n = p == NULL ? 0 : read(fd, p, step);
		if (n > 0)
			buf_added(b, (size_t)n);
		else if (n < 0)
			err = errno;
	}
	close(fd);
	return err;
}

static void
a_week_ago(char text[TIME_LEN + 1])
{
	time_t t = time(NULL) - DAYS * 86400;
	struct tm tm;

	(void)utc_split(t, &tm);
	(void)strftime(text, TIME_LEN + 1, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
}

/* ---- the gateway's log ---- */

void
check_errors(struct checks *c, struct check_result *r)
{
	const char *path = check_state_path(c, "logs/gateway.log");
	struct buf b = {0};
	struct span rest;
	struct span last = SPAN_EMPTY;
	char since[TIME_LEN + 1];
	size_t n = 0;
	int err = read_tail(path, &b, LOG_TAIL_MAX);

	a_week_ago(since);
	rest = buf_span(&b);
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');
		struct span message = line;
		struct span at = span_cut(&message, ' ');
		struct span level = span_cut(&message, ' ');

		if (at.len != TIME_LEN || span_cmp(at, span_from_cstr(since)) < 0 ||
			!span_eq(level, SPAN("error")))
			continue;
		n++;
		last = message;
	}
	if (err == ENOENT)
		check_pass(c, r, "there is no log yet");
	else if (err != 0)
		check_unknown(c, r, "%s: %s", path, strerror(err));
	else if (n > 0)
		check_fail(
			c, r, NULL, "%zu errors in %d days; the last: %s", n, DAYS, cli_safe(last));
	else
		check_pass(c, r, "no error in %d days", DAYS);
	buf_clear(&b);
}

static void
look_for_secrets(struct checks *c, struct check_result *r, const char *path, struct span text)
{
	unsigned long line = 0;

	while (text.len > 0) {
		struct span one = span_cut(&text, '\n');
		const char *kind;
		bool found = text_secret_find(one, &kind).len > 0;
		const char *what = found ? kind : NULL;

		line++;
		for (size_t i = 0; !found && i <= c->nvars; i++) {
			struct span v = i < c->nvars ? c->vars[i].value : c->token;

			found = v.len >= SECRET_LEAST && span_find(one, v) >= 0;
			if (found)
				what = i < c->nvars ? cli_safe(c->vars[i].name)
						    : "the gateway's token";
		}
		if (found)
			check_fail(c, r,
				check_text(c, "rm %s  # and rotate it", check_quoted(c, path)),
				"%s: a line holds %s (line %lu of what was read)", path, what,
				line);
	}
}

static void
scan_logs(struct checks *c, struct check_result *r)
{
	const char *folder = check_state_path(c, "logs");
	DIR *dir = opendir(folder);
	struct dirent *e;
	size_t n = 0;

	if (dir == NULL && errno != ENOENT)
		check_unknown(c, r, "%s: %s", folder, strerror(errno));
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		const char *path = check_text(c, "%s/%s", folder, e->d_name);
		struct buf b = {0};
		int err;

		if (e->d_name[0] == '.')
			continue;
		err = read_tail(path, &b, LOG_TAIL_MAX);
		if (err != 0)
			check_unknown(c, r, "%s: %s", path, strerror(err));
		look_for_secrets(c, r, path, buf_span(&b));
		buf_clear(&b);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	check_pass(c, r,
		n == 0 ? "there is no log yet"
		       : "%zu files hold nothing that is or looks like a credential",
		n);
}

void
check_log_secrets(struct checks *c, struct check_result *r)
{
	scan_logs(c, r);
}

void
check_deployment_logs(struct checks *c, struct check_result *r)
{
	scan_logs(c, r);
	if (c->config == NULL || cli_get_bool(c->config, "railway", false))
		check_unknown(c, r,
			"the platform keeps a copy of the output: railway logs "
			"--deployment");
}

/* ---- the audit log ---- */

struct trail {
	uint64_t denied; /* sign-ins */
	uint64_t own;    /* of them, by an audit's attacks */
	uint64_t broken; /* processes that broke the protocol */
	uint64_t panics;
	char last[TIME_LEN + 1];
	char own_until[TIME_LEN + 1];
};

static void
put_time(char to[TIME_LEN + 1], struct span at)
{
	if (at.len == TIME_LEN)
		(void)span_to_cstr(at, to, TIME_LEN + 1);
}

/* Only the owner, at the control socket, gets the token shown, which is how an attacking audit begins. */
static void
begin_own(struct trail *t, struct span at)
{
	struct tm tm = {0};
	char text[TIME_LEN + 1];
	time_t s;

	if (span_to_cstr(at, text, sizeof(text)) < 0 ||
		strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return;
	s = timegm(&tm) + OWN_ATTACKS_S;
	(void)utc_split(s, &tm);
	(void)strftime(t->own_until, sizeof(t->own_until), "%Y-%m-%dT%H:%M:%S.999Z", &tm);
}

static void
take_line(struct trail *t, struct span line, struct span since)
{
	struct auditlog_line l;
	struct span event;
	struct span at;

	if (auditlog_line_read(line, &l) < 0)
		return;
	event = l.value[AUDITLOG_EVENT];
	at = l.value[AUDITLOG_TIME];
	if (span_cmp(at, since) < 0)
		return;
	if (span_eq(event, SPAN("SHOWN")) && span_find(line, SPAN("gateway-token")) >= 0)
		begin_own(t, at);
	if (span_eq(event, SPAN("AUTH_DENIED"))) {
		if (span_cmp(at, span_from_cstr(t->own_until)) <= 0) {
			t->own++;
			return;
		}
		t->denied++;
		put_time(t->last, at);
	}
	t->broken += span_eq(event, SPAN("PROCESS_BAD"));
	t->panics += span_eq(event, SPAN("PANIC_ON"));
}

static bool
read_trail(struct checks *c, struct check_result *r, struct trail *t)
{
	const char *path = check_state_path(c, "audit.log");
	struct buf b = {0};
	char since[TIME_LEN + 1];
	struct span rest;
	int err = read_tail(path, &b, AUDIT_TAIL_MAX);

	*t = (struct trail){0};
	a_week_ago(since);
	rest = buf_span(&b);
	while (rest.len > 0)
		take_line(t, span_cut(&rest, '\n'), span_from_cstr(since));
	buf_clear(&b);
	if (err == ENOENT)
		check_pass(c, r, "there is no audit log yet");
	else if (err != 0)
		check_unknown(c, r, "%s: %s", path, strerror(err));
	return err == 0;
}

void
check_failed_auth(struct checks *c, struct check_result *r)
{
	struct trail t;

	if (!read_trail(c, r, &t))
		return;
	if (t.denied > 0)
		check_fail(c, r, NULL, "%llu sign-ins were denied in %d days, the last at %s",
			(unsigned long long)t.denied, DAYS, t.last);
	else if (t.own > 0)
		check_pass(c, r,
			"none but %llu within %d s of an owner's look at the token, which "
			"is how this audit's own attacks begin",
			(unsigned long long)t.own, OWN_ATTACKS_S);
	else
		check_pass(c, r, "no sign-in was denied in %d days", DAYS);
}

void
check_processes(struct checks *c, struct check_result *r)
{
	struct trail t;

	if (!read_trail(c, r, &t))
		return;
	if (t.broken > 0)
		check_fail(c, r, NULL,
			"%llu processes broke the protocol and were killed in %d days",
			(unsigned long long)t.broken, DAYS);
	if (t.panics > 0)
		check_fail_as(c, r, NULL, CHECK_WARN, NULL,
			"the kill switch was pulled %llu times in %d days",
			(unsigned long long)t.panics, DAYS);
	check_pass(c, r, "none in %d days", DAYS);
}

void
check_addresses(struct checks *c, struct check_result *r)
{
	struct span bind = cli_get_str(c->gateway.status, "gateway.bind");

	if (check_is_down(c, r))
		return;
	if (span_eq(bind, SPAN("loopback")) || span_eq(bind, SPAN("auto")))
		check_pass(c, r, "the gateway listens at loopback: nobody comes from elsewhere");
	else
		check_unknown(c, r,
			"the logs name no addresses in this version: look at those of "
			"the proxy in front");
}

void
check_audit_log(struct checks *c, struct check_result *r)
{
	static struct auditlog_report report;
	const char *path = check_state_path(c, "audit.log");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd < 0) {
		bool has_state = access(check_state_path(c, "vault.box"), F_OK) == 0;

		if (errno == ENOENT && has_state)
			check_fail(c, r, NULL, "%s is gone", path);
		else if (errno == ENOENT)
			check_pass(c, r, "there is no audit log yet");
		else
			check_unknown(c, r, "%s: %s", path, strerror(errno));
		return;
	}
	rc = auditlog_verify(fd, NULL, &cli_audit_rule, &report);
	close(fd);
	if (rc == ERR_CRYPTO)
		check_fail(c, r, NULL, "%llu faults, %llu effects without a verdict",
			(unsigned long long)report.findings, (unsigned long long)report.lone);
	else if (rc < 0)
		check_unknown(c, r, "%s: %s", path, err_text(rc));
	else
		check_pass(c, r, "%llu lines, proven up to %llu", (unsigned long long)report.lines,
			(unsigned long long)report.proven);
}
