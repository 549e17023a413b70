/* One message to the assistant and its answer, followed as it comes. */
#ifndef CLI_CLI_TURN_H
#define CLI_CLI_TURN_H

#include "cli_client.h"

enum cli_turn_end {
	CLI_TURN_DONE,
	CLI_TURN_ABORTED,
	CLI_TURN_ERROR,
	CLI_TURN_LOST /* the connection */
};

struct cli_turn {
	const char *method;  /* "agent" or "chat.send" */
	const char *session; /* key; NULL: the method's own default */
	struct span message;
	int64_t timeout_ms;        /* for the whole turn; 0: the gateway's own limit */
	bool live;                 /* text and tool calls are printed as they come */
	bool (*interrupted)(void); /* asked after a signal: abort the run? NULL: never */

	/* filled in */
	char run[40];
	struct buf text; /* the answer so far, .max set by cli_turn_run */
	size_t shown;    /* bytes of it already printed */
	bool mid_line;   /* what was printed last has no line end */
	const struct json_node *
		/* of the final answer, when the method has one; lives as long as the client */
		result;
	char error[512]; /* safe to print */
};

/* Returns how it ended; text must be cleared by the caller. */
enum cli_turn_end cli_turn_run(struct cli *cli, struct cli_client *client, struct cli_turn *turn);

#endif
