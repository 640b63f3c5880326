// libcurl (Debian: libcurl4-openssl-dev): HTTP/2 to the gRPC ports of the other services, SMTP, Web Push. Swift cannot call
// functions with variable arguments, so curl_easy_setopt and curl_easy_getinfo are wrapped by type.
#pragma once
#include <curl/curl.h>

static inline CURLcode tm_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode tm_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode tm_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

typedef size_t (*tm_curl_receiver)(char *, size_t, size_t, void *);

static inline CURLcode tm_curl_set_receiver(CURL *handle, CURLoption option, tm_curl_receiver receiver) {
  return curl_easy_setopt(handle, option, receiver);
}

static inline long tm_curl_response_code(CURL *handle) {
  long code = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
  return code;
}

/// How many connections the last transfer has opened: 0 when it used a kept one.
static inline long tm_curl_opened_connections(CURL *handle) {
  long count = 0;
  curl_easy_getinfo(handle, CURLINFO_NUM_CONNECTS, &count);
  return count;
}

/// The socket of the kept connection; -1 when there is none.
static inline curl_socket_t tm_curl_kept_socket(CURL *handle) {
  curl_socket_t kept = CURL_SOCKET_BAD;
  curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &kept);
  return kept;
}

/// Sets who sees what goes over the wire. Nothing is printed then.
static inline CURLcode tm_curl_set_observer(CURL *handle, curl_debug_callback observer, void *receiver) {
  curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, observer);
  curl_easy_setopt(handle, CURLOPT_DEBUGDATA, receiver);
  return curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
}

/// Sets who opens the sockets, and so sees the addresses that are really connected to.
static inline CURLcode tm_curl_set_socket_opener(CURL *handle, curl_opensocket_callback opener, void *receiver) {
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, receiver);
  return curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, opener);
}

/// The address: `addr` is only the beginning of what is there, so it must not be copied.
static inline const void *tm_curl_address(const struct curl_sockaddr *address) { return &address->addr; }
