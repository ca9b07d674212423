#include "base/signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"

#define INTERRUPTING SIGUSR2

static void
do_nothing(int number)
{
	(void)number;
}

void
signals_block(void)
{
	/* Without SA_RESTART. */
	struct sigaction action = { .sa_handler = do_nothing };
	sigset_t all;

	must(sigaction(INTERRUPTING, &action, NULL));

	sigfillset(&all);
	/* These report a crash; their default action stays. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGABRT);
	sigdelset(&all, INTERRUPTING);
	must(pthread_sigmask(SIG_SETMASK, &all, NULL));
}

pid_t
signals_thread(void)
{
	return (pid_t)syscall(SYS_gettid);
}

void
signals_interrupt(pid_t thread)
{
	syscall(SYS_tgkill, getpid(), thread, INTERRUPTING);
}

/* The main thread has the number of the process. */
void
signals_wake_main(void)
{
	syscall(SYS_tgkill, getpid(), getpid(), SIGNALS_WOKEN);
}

/* The signals that count while the program ends, too. */
static sigset_t
ending_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	return set;
}

/* Returns 0 once the time is over. */
static int
wait_for(const sigset_t *set, int64_t wait_ms)
{
	struct timespec wait = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_nsec = (long)(wait_ms % 1000) * 1000000,
	};
	int number = sigtimedwait(set, NULL, &wait);

	return number > 0 ? number : 0;
}

int
signals_wait(int64_t wait_ms)
{
	sigset_t set = ending_signals();

	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGNALS_WOKEN);
	return wait_for(&set, wait_ms);
}

int
signals_wait_ending(int64_t wait_ms)
{
	sigset_t set = ending_signals();

	return wait_for(&set, wait_ms);
}
