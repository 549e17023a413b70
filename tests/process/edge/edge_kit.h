/* Clients and peers of the real edge processes, for their tests: raw sockets, WebSocket frames, a listener, a slice. */
#ifndef TESTS_EDGE_KIT_H
#define TESTS_EDGE_KIT_H

#include "args/args.h"
#include "ev/ev.h"
#include "harness.h"
#include "ws/ws.h"

#define KIT_TOKEN_NONCE_MAX 64

/* A listener on a free port of 127.0.0.1. */
int kit_listen(uint16_t *port);
/* A folder with an index.html, app.js and assets/logo.svg; returns its descriptor (caller closes). The files are deleted at once. */
int kit_ui(void);

/* Starts edge/anon with a listener (its port in *port), the folder above, and vault played by the caller (*vault). */
struct harness *kit_anon(
	const char *program, uint16_t *port, int *vault, void (*options)(struct args_out *out));

#define KIT_TICKET SPAN("0123456789abcdef0123456789abcdef")
/* Plays anon: passes a client with this ticket on; the client's end. */
int kit_hand_over(int anon, bool websocket, const char *unread, bool device);

/* As many descriptors as we may have; how many of most clients that is enough for. */
size_t kit_raise_files(size_t most);
int kit_connect(uint16_t port);
void kit_send(int fd, const char *text);
/* Reads until needle has come (NULL: until the end) or 10 s are over; the answer with a NUL, valid until the next call. */
const char *kit_read(int fd, const char *needle);
/* Sends text and reads until the connection closes or the answer's counted body is complete. */
const char *kit_ask(int fd, const char *text);
/* One request on a connection of its own; the status. The answer is in kit_last. */
int kit_status(uint16_t port, const char *text);
extern char kit_last[65536];

/* A WebSocket client. */
struct kit_ws {
	int fd;
	struct ws_decoder d;
	struct buf in;
	char nonce[KIT_TOKEN_NONCE_MAX];
};
/* Upgrades with these extra head lines ("" for none) and reads the challenge. */
void kit_ws_open(struct kit_ws *w, uint16_t port, const char *lines);
/* Wraps a connected socket on which the upgrade has been done. */
void kit_ws_wrap(struct kit_ws *w, int fd);
void kit_ws_send(struct kit_ws *w, const char *text);
void kit_ws_send_bytes(struct kit_ws *w, enum ws_opcode opcode, struct span bytes);
/* The next frame that is no ping; text is NUL-terminated until the next call. Fails the test when nothing comes for 10 s. */
enum ws_opcode kit_ws_next(struct kit_ws *w, const char **text, uint16_t *code);
/* The next text frame that holds needle; others are skipped. */
const char *kit_ws_wait(struct kit_ws *w, const char *needle);
/* Reads on until the close frame; its code. */
uint16_t kit_ws_closed(struct kit_ws *w);
void kit_ws_free(struct kit_ws *w);

/* Resident memory of a process in KiB (private and shared alike). */
long kit_rss_kib(pid_t pid);

#endif
