/*
 * Loaded into a process under test (LD_PRELOAD) when its test makes time pass: its clocks are ahead of the machine's by what stands
 * in the page behind the descriptor HARNESS_CLOCK, which the test writes. Waits are cut short, so that it looks at its timers soon.
 * Syncs and waits are counted there.
 */
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock_module.h"

#define LOOK_MS 5
#define NS UINT64_C(1000000000)

static struct clock_page *page;
static pid_t first;
static int (*real_wait)(int, struct epoll_event *, int, int);

__attribute__((constructor)) static void
set_up(void)
{
	const char *text = getenv(CLOCK_ENV);
	int fd = text == NULL ? -1 : (int)strtol(text, NULL, 10);
	void *at;

	*(void **)(&real_wait) = dlsym(RTLD_NEXT, "epoll_wait");
	if (fd < 0)
		return;
	at = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	page = at;
	first = getpid();
	close(fd);
	(void)unsetenv(CLOCK_ENV);
	(void)unsetenv("LD_PRELOAD");
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, t);
	uint64_t frozen = 0;
	uint64_t ns;

	if (rc != 0 || page == NULL || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
		return rc;
	frozen = atomic_load(
		clock == CLOCK_MONOTONIC ? &page->frozen_mono_ns : &page->frozen_wall_ns);
	ns = frozen != 0 ? frozen : (uint64_t)t->tv_sec * NS + (uint64_t)t->tv_nsec;
	ns += atomic_load(&page->ahead_ms) * 1000000;
	t->tv_sec = (time_t)(ns / NS);
	t->tv_nsec = (long)(ns % NS);
	return 0;
}

int
epoll_wait(int epfd, struct epoll_event *events, int n, int wait_ms)
{
	if (page != NULL && getpid() == first)
		(void)atomic_fetch_add(&page->waits, 1);
	return real_wait(epfd, events, n, wait_ms < 0 || wait_ms > LOOK_MS ? LOOK_MS : wait_ms);
}

int
fdatasync(int fd)
{
	if (page != NULL)
		(void)atomic_fetch_add(&page->syncs, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	if (page != NULL)
		(void)atomic_fetch_add(&page->syncs, 1);
	return (int)syscall(SYS_fsync, fd);
}
