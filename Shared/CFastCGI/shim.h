// libfcgi (Debian: libfcgi-dev) speaks FastCGI. The shim adds what Swift cannot import from the
// headers: the union of an epoll event and the variadic `fcntl` flags of the listening socket.
#pragma once
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif

/// Makes `accept` on the socket return EAGAIN where it would wait: several workers wake for one
/// connection, and who comes too late must go back to waiting with signals allowed.
static inline int tm_set_nonblocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL, 0);
  return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

/// Makes a descriptor to wait for connections with. Of several workers that wait for the same socket a
/// connection wakes one, not all of them. Returns -1 on an error (errno).
static inline int tm_make_waiter(int listener) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.fd = listener}};
  int waiter = epoll_create1(EPOLL_CLOEXEC);
  return waiter >= 0 && epoll_ctl(waiter, EPOLL_CTL_ADD, listener, &event) == 0 ? waiter : -1;
}

/// Waits until a connection can be accepted, with exactly the signals of `allowed` blocked meanwhile.
/// Returns 1 when there is one, 0 when a signal came or so many milliseconds (-1: any number) have passed, -1 on an
/// error (errno).
static inline int tm_wait(int waiter, int milliseconds, const sigset_t *allowed) {
  struct epoll_event event;
  int ready = epoll_pwait(waiter, &event, 1, milliseconds, allowed);
  if (ready >= 0) return ready > 0;
  return errno == EINTR ? 0 : -1;
}

/// Whether the peer of a connection has hung up.
static inline int tm_peer_is_gone(int descriptor) {
  struct pollfd poll_descriptor = {.fd = descriptor, .events = POLLRDHUP, .revents = 0};
  return poll(&poll_descriptor, 1, 0) > 0 && (poll_descriptor.revents & (POLLRDHUP | POLLHUP | POLLERR));
}
