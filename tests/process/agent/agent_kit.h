/* The agent's other side, played by a test: supervisor, zygote's master and core. */
#ifndef TESTS_AGENT_KIT_H
#define TESTS_AGENT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args/args_json.h"
#include "base/err.h"
#include "base/mem.h"
#include "proto/core_agent.h"
#include "proto/tools.h"
#include "tests/process/harness.h"

struct run {
	struct harness *zygote;
	int control; /* the forked agent's socket to the supervisor */
	int core;
};

extern const char *agent_program;
extern struct ipc_received agent_in; /* the last message */

/* What the supervisor does for a run: FORK at the zygote, then the new process is greeted like any other. */
void run_open(struct run *r, uint8_t provider);
void run_open_thinking(struct run *r, uint8_t provider, uint8_t thinking);
void run_item(struct run *r, const struct core_agent_item *item);
void run_say(struct run *r, const char *text);
void run_close(struct run *r);

const void *expect(struct run *r, uint16_t id);
void expect_answer(struct run *r, uint8_t outcome, const char *part);
void expect_call(struct run *r, const char *tool, const char *param, const char *value);
/* The next request for a model, whole. */
void expect_request(struct run *r, struct buf *body);
/* Fails with the whole text when part is not in it. */
void expect_part(const struct buf *body, const char *part);
void answer_call(struct run *r, uint64_t call, bool ok, const char *text);
/* A model's answer, in small pieces: events straddle them. */
void give(struct run *r, uint32_t status, const char *data);

#endif
