/* Reading what config works on, before it is jailed. */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "config.h"

/* All of fd from its start into out (whose max is the limit; what is beyond is left). regular: nothing but a file will do. 0 or an errno, negative. */
int config_read_fd(int fd, struct buf *out, bool regular);

/*
 * The configuration file: fd, or -1 when it could not be opened. 0 with *absent false, 0 with *absent true when there is no
 * such file, or the errno that says why it cannot be read.
 */
int config_read_file(int fd, struct span path, struct buf *out, bool *absent);

/* Opens and reads a file that is included, beneath folder and through no symbolic link. */
void config_source_read(int folder, struct config_source *s);
/* The same of one that is open already (fd -1: err says why not). */
void config_source_take(struct config_source *s, int fd, int err);

/* Asks the supervisor for the rows from *asked on. 0 or a negative code. */
int config_sources_ask(struct ipc_chan *chan, const struct config_sources *s, size_t *asked);
/* One of its answers: 1 when it was the last one, 0, or ERR_PROTO. */
int config_sources_answer(struct config_sources *s, size_t asked, uint32_t file, int fd, int err);

/* The result for a file that cannot be read: one mistake. */
void config_refuse(struct config *c, const struct config_input *in, int err);

void config_write_all(int fd, struct span s);

#endif
