#include "base/err.h"

#include <stddef.h>

static const struct {
	int code;
	const char *name;
	const char *text;
} rows[] = {
#define ERR(name, value, text) {(value), #name, (text)},
#include "base/err.def"
#undef ERR
};

const char *
err_text(int code)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code)
			return rows[i].text;
	}
	return "unknown error";
}

const char *
err_name(int code)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code)
			return rows[i].name;
	}
	return "UNKNOWN_CODE";
}
