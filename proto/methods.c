/* The table of methods as data, and who may call what. Not in rows.c: only those who know methods carry it. */
#include "proto/ids.h"

#include <string.h>

#include "base/limits.h"
#include "base/weak.h"

#define P(name, type, required, min, max) {(name), (type), (required), (min), (max)},
#define LEFT_OUT(...)
#define LATER(...)
#define METHOD(ID, name, scope, who, where, flags, ...)                                            \
	static const struct param_row params_##ID[] = {__VA_ARGS__{NULL, PARAM_ANY, false, 0, 0}};
#include "proto/methods.def"
#undef METHOD
const struct method_row method_rows[METHOD_N] = {
#define METHOD(ID, name, scope, who, where, flags, ...)                                            \
	[METHOD_##ID] = {(name), (scope), (who), (where), (flags), params_##ID,                    \
		sizeof(params_##ID) / sizeof(params_##ID[0]) - 1, NULL, false},
#define NOT_HERE(ID, name, scope, who, feature, later)                                             \
	[METHOD_##ID] = {                                                                          \
		(name), (scope), (who), AT_NOWHERE, METHOD_HIDDEN, NULL, 0, (feature), (later)},
#define LEFT_OUT(ID, name, scope, who, feature) NOT_HERE(ID, name, scope, who, feature, false)
#define LATER(ID, name, scope, who, feature) NOT_HERE(ID, name, scope, who, feature, true)
#include "proto/methods.def"
#undef METHOD
};
#undef P

int
method_find(const char *name, unsigned len)
{
	for (unsigned i = 0; i < METHOD_N; i++) {
		if (strlen(method_rows[i].name) == len &&
			memcmp(method_rows[i].name, name, len) == 0)
			return (int)i;
	}
	return -1;
}

static const struct {
	const char *name;
	unsigned bit;
} scopes[] = {
	{"operator.read", SCOPE_READ},
	{"operator.write", SCOPE_WRITE},
	{"operator.approvals", SCOPE_APPROVALS},
	{"operator.pairing", SCOPE_PAIRING},
	{"operator.admin", SCOPE_ADMIN},
};

const char *
scope_name(unsigned scope)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (scopes[i].bit == scope)
			return scopes[i].name;
	}
	return NULL;
}

unsigned
scope_find(const char *name, unsigned len)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (strlen(scopes[i].name) == len && memcmp(scopes[i].name, name, len) == 0)
			return scopes[i].bit;
	}
	return 0;
}

/* ---- who may call what ---- */

static unsigned
who_of(uint64_t principal)
{
	switch (PRINCIPAL_KIND(principal)) {
	case PRINCIPAL_CONTROL:
		return WHO_OPERATOR | WHO_CONTROL;
	case PRINCIPAL_TOKEN:
	case PRINCIPAL_BROWSER:
	case PRINCIPAL_DEVICE:
		return WHO_OPERATOR;
	case PRINCIPAL_NODE:
		return WHO_NODE;
	case PRINCIPAL_AGENT:
		return WHO_AGENT;
	default:
		return 0;
	}
}

static const char *
role_error(uint64_t principal, const struct method_row *row)
{
	unsigned who = who_of(principal);

	if ((who & row->who) != 0 || WEAK(METHOD_WHO))
		return NULL;
	if ((who & WHO_NODE) != 0)
		return "unauthorized role: node";
	if ((who & WHO_AGENT) != 0)
		return "unauthorized role: agent";
	if ((row->who & WHO_CONTROL) != 0)
		return "unauthorized: only at the machine itself (control socket)";
	return (who & WHO_OPERATOR) != 0 ? "unauthorized role: operator" : "unauthorized";
}

static const char *
scope_error(unsigned have, unsigned need)
{
	if (WEAK(SCOPE_CHECK) || need == 0 || (have & SCOPE_ADMIN) != 0 || (have & need) != 0)
		return NULL;
	switch (need) {
	case SCOPE_READ:
		return (have & SCOPE_WRITE) != 0 ? NULL : "missing scope: operator.read";
	case SCOPE_WRITE:
		return "missing scope: operator.write";
	case SCOPE_APPROVALS:
		return "missing scope: operator.approvals";
	case SCOPE_PAIRING:
		return "missing scope: operator.pairing";
	default:
		return "missing scope: operator.admin";
	}
}

const char *
method_denied(uint64_t principal, unsigned have, unsigned method)
{
	const struct method_row *row = method < METHOD_N ? &method_rows[method] : NULL;
	const char *error = row == NULL ? "unknown method" : role_error(principal, row);

	return error != NULL ? error : scope_error(PRINCIPAL_SCOPES(principal) & have, row->scope);
}
