#ifndef READING_H
#define READING_H

/* A reader for each test, and texts that it loads. */

#include <string.h>

#include "config/reader.h"
#include "problems.h"

static struct reader reader;

static void
open_reader(void)
{
	memset(&reader, 0, sizeof(reader));
	reader.sink = problems_report;
}

static struct json5 *
load(const char *text)
{
	struct json5 *root;

	reader.path = problems_file(text, strlen(text));
	root = reader_load(&reader);
	problems_forget_file();
	return root;
}

#endif
