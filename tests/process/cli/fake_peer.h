/* A gateway's control socket played by a few lines: what it answers is a table of raw JSON. */
#ifndef TESTS_CLI_FAKE_PEER_H
#define TESTS_CLI_FAKE_PEER_H

struct fake_answer {
	const char *method; /* NULL ends the table */
	const char *
		/* sent in order, separated by LF; @ID and @RUN stand for the request's; "@CLOSE" closes */
		frames;
};

/* <state>/control.sock, listening. */
int fake_peer_listen(const char *state);
/* Serves clients one after another until the process is killed. */
void fake_peer_serve(int listener, const struct fake_answer *answers);

#endif
