#include "thread.h"

#include <unistd.h>

int
thread_start(
    void *(*run)(void *), void *argument, size_t stack_size, pthread_t *thread)
{
	long stack_min = sysconf(_SC_THREAD_STACK_MIN);
	pthread_attr_t attributes;
	pthread_t detached;
	int error;

	if (stack_min > 0 && stack_size < (size_t)stack_min)
		stack_size = (size_t)stack_min;
	error = pthread_attr_init(&attributes);
	if (error)
		return -error;
	error = pthread_attr_setstacksize(&attributes, stack_size);
	if (!error && !thread)
		error = pthread_attr_setdetachstate(
		    &attributes, PTHREAD_CREATE_DETACHED);
	if (!error)
		error = pthread_create(
		    thread ? thread : &detached, &attributes, run, argument);
	pthread_attr_destroy(&attributes);
	return -error;
}
