// flock(2) of the C library, which Swift's Glibc leaves out: its structure `flock` of fcntl(2) has the same name.
#pragma once
#include <sys/file.h>
