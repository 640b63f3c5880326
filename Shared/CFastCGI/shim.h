// libfcgi (Debian: libfcgi-dev) speaks FastCGI. The shim adds what Swift cannot import from the
// headers: `ppoll` and the variadic `fcntl` flags of the listening socket. _GNU_SOURCE, behind which
// `ppoll` hides, is not defined here: it would give fd_set another shape than Swift's Glibc has.
#pragma once
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif
extern int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

/// Makes `accept` on the socket return EAGAIN where it would wait: several workers wake for one
/// connection, and the one that comes too late must go back to waiting with signals allowed.
static inline int tm_set_nonblocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL, 0);
  return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

/// Waits until a connection can be accepted, with exactly the signals of `allowed` blocked meanwhile.
/// Returns 1 when there is one, 0 when a signal came, -1 on an error (errno).
static inline int tm_wait_readable(int descriptor, const sigset_t *allowed) {
  struct pollfd poll_descriptor = {.fd = descriptor, .events = POLLIN, .revents = 0};
  int ready = ppoll(&poll_descriptor, 1, NULL, allowed);
  if (ready >= 0) return ready > 0;
  return errno == EINTR ? 0 : -1;
}

/// Whether the peer of a connection has hung up.
static inline int tm_peer_is_gone(int descriptor) {
  struct pollfd poll_descriptor = {.fd = descriptor, .events = POLLRDHUP, .revents = 0};
  return poll(&poll_descriptor, 1, 0) > 0 && (poll_descriptor.revents & (POLLRDHUP | POLLHUP | POLLERR));
}
