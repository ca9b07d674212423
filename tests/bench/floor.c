/*
 * Measures what a thread per direction costs at least: two threads that block
 * in recv(2) and two sockets for each connection. The sockets are connected to
 * each other, so no other process is needed.
 */

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define STACK_LEN (64 * 1024)

static pthread_barrier_t all_are_waiting;

static void *
block(void *argument)
{
	int fd = *(int *)argument;
	char byte;

	/* Touches the memory that the blocking call will touch. */
	recv(fd, &byte, 1, MSG_DONTWAIT);
	pthread_barrier_wait(&all_are_waiting);
	recv(fd, &byte, 1, 0);
	return NULL;
}

static int
open_listener(union address *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address_parse("127.0.0.1", address);
	if (fd < 0 || bind(fd, &address->any, address_len(address)) ||
	    listen(fd, 1) || getsockname(fd, &address->any, &len))
		err(1, "cannot listen");
	return fd;
}

static void
connect_pair(int listen_fd, const union address *to, int *pair)
{
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (pair[0] < 0 || connect(pair[0], &to->any, address_len(to)))
		err(1, "connect");
	pair[1] = accept(listen_fd, NULL, NULL);
	if (pair[1] < 0)
		err(1, "accept");
}

static void
start_thread(const pthread_attr_t *attributes, int *fd)
{
	pthread_t thread;

	errno = pthread_create(&thread, attributes, block, fd);
	if (errno)
		err(1, "pthread_create");
	pthread_detach(thread);
}

void
hold_threads(const struct options *options)
{
	size_t count = 2 * options->connections;
	int *fds = calloc(count, sizeof(*fds));
	pthread_attr_t attributes;
	union address address;
	int listen_fd = open_listener(&address);

	if (!fds)
		err(1, "calloc");
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_LEN);
	pthread_barrier_init(&all_are_waiting, NULL, (unsigned)count + 1);
	puts("{\"ready\": true}");
	if (!told_to_go_on())
		_exit(0);
	for (size_t i = 0; i < count; i += 2)
		connect_pair(listen_fd, &address, &fds[i]);
	for (size_t i = 0; i < count; i++)
		start_thread(&attributes, &fds[i]);
	pthread_barrier_wait(&all_are_waiting);
	printf("{\"open\": %zu}\n", options->connections);
	wait_to_be_let_go();
	/* The threads and their sockets end with the process. */
	_exit(0);
}
