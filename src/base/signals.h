#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/*
 * All signals are blocked, and the main thread fetches those that srcproxy
 * reacts to. One signal has a handler, which does nothing: it only interrupts a
 * blocked call of a thread, which then fails with EINTR.
 */

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* Call before the first thread: later threads inherit the mask. */
void signals_block(void);

/* The calling thread's number for signals_interrupt(). */
pid_t signals_thread(void);

/*
 * Interrupts the call in which the thread is blocked. The signal is lost if the
 * thread is not blocked yet: repeat it until the thread has reacted. A number
 * of a thread that has ended does no harm.
 */
void signals_interrupt(pid_t thread);

/*
 * Waits for SIGTERM, SIGINT, SIGHUP, SIGQUIT or SIGUSR1. Returns 0 if none came
 * in wait_ms.
 */
int signals_wait(int64_t wait_ms);

/*
 * From any thread: makes signals_wait() return SIGNALS_WOKEN, now or at its next
 * call.
 */
#define SIGNALS_WOKEN SIGIO
void signals_wake_main(void);

/* The same without SIGHUP, SIGQUIT and waking. */
int signals_wait_ending(int64_t wait_ms);

#endif
