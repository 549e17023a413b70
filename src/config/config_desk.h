/*
 * What the files of config/desk share: one question, its answer, and what both are about. config_desk.c has the course of a question,
 * config_desk_show.c what is shown, config_desk_edit.c the new text. Private to src/config.
 */
#ifndef CONFIG_DESK_H
#define CONFIG_DESK_H

#include "config.h"
#include "config_read.h"
#include "crypto/crypto.h"
#include "json/json_out.h"

#define CONFIG_DESK_ANSWER_MAX MIB(8u)
#define CONFIG_DESK_HASH_LEN 64

struct config_desk_past {
	uint64_t at_ms;
	uint64_t principal;
	char hash[CONFIG_DESK_HASH_LEN + 1];
	struct buf text;
};

struct config_desk {
	struct child *child;
	struct config_input in; /* the text that is looked at: the file's, or a new one */
	struct buf path;
	struct buf file;
	struct buf env;
	bool absent;
	int unreadable;
	char hash[CONFIG_DESK_HASH_LEN + 1]; /* of the file; of nothing when it is absent */
	uint8_t raw_hash[CRYPTO_SHA256_LEN];
	struct config_sources sources;
	size_t asked;
	struct config config;
	bool translated;
	/* the question */
	bool busy;
	uint64_t req;
	uint32_t method;
	struct buf args;
	struct arena arena;            /* of what was made from the parameters */
	struct buf text;               /* the new text */
	bool rewritten;                /* its comments and layout could not be kept */
	struct config_desk_past *past; /* CONFIG_HISTORY_MAX rows */
	uint32_t npast;
};

/* ---- config_desk.c: answers; each is the only one, and the end ---- */

void config_desk_answer(
	struct config_desk *d, bool ok, unsigned code, const char *message, struct span json);
void config_desk_refuse(struct config_desk *d, const char *message);
/* Ends o's object and answers with it; b (cleared) is what o wrote into. */
void config_desk_finish(struct config_desk *d, struct json_out *o, struct buf *b);
/* "gateway.port" of "gateway.port: expected a number"; empty when the note is about no key. */
struct span config_desk_path_of(struct span text);
/* A member key: the list of the mistakes of c, or of the other notes. */
void config_desk_put_notes(
	struct json_out *o, const char *key, const struct config *c, bool mistakes);
/* The tree of a text by itself, without what it includes, in d->arena; NULL (and *err, when asked for) when it is none. */
struct json_node *config_desk_parse(
	struct config_desk *d, struct span text, struct json_error *err);

/* ---- config_desk_show.c: each answers, unless it says more ---- */

void config_desk_get(struct config_desk *d);
void config_desk_schema(struct config_desk *d);
/* All of them, or, with the parameter hash, one and its text. */
void config_desk_history(struct config_desk *d);
/* The text whose hash begins like this; NULL: answered, there is none or more than one. */
const struct config_desk_past *config_desk_past_find(struct config_desk *d, struct span hash);

/* ---- config_desk_edit.c: a negative code, or false: answered ---- */

/* Does the caller change what it has seen? */
bool config_desk_check_base(struct config_desk *d);
/* Each leaves the new text in d->text: the file's with a patch, a whole one with the file's secrets for their marks, a former one. */
int config_desk_patch(struct config_desk *d, struct span raw);
int config_desk_replace(struct config_desk *d, struct span raw);
int config_desk_roll_back(struct config_desk *d);
/* Answers with the mistakes of d->config. */
void config_desk_invalid(struct config_desk *d);
/* Asks the supervisor to write d->text. */
void config_desk_write(struct config_desk *d);
/* Answers: it is written. */
void config_desk_written(struct config_desk *d);

#endif
