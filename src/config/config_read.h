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

/* The result for a file that cannot be read: one mistake. */
void config_refuse(struct config *c, const struct config_input *in, int err);

void config_write_all(int fd, struct span s);

#endif
