// libnghttp2 (Debian: libnghttp2-dev): HTTP/2 from its frames up, for the one function whose calls are
// streams both ways, which FastCGI cannot carry. Header fields are structs of bare pointers there; the
// wrappers take `name, value, name, value, …` as C strings, which nghttp2 copies.
#pragma once
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { TM_MAXIMUM_FIELDS = 16 };

static inline size_t tm_http2_fields(nghttp2_nv *fields, char *const *texts, size_t count) {
  size_t length = count / 2 < TM_MAXIMUM_FIELDS ? count / 2 : TM_MAXIMUM_FIELDS;
  for (size_t index = 0; index < length; index++) {
    char *name = texts[2 * index], *value = texts[2 * index + 1];
    fields[index] = (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
  }
  return length;
}

/// Sends the first headers of an answer whose data `read` gives.
static inline int tm_http2_respond(nghttp2_session *session, int32_t stream, char *const *texts, size_t count,
                                   nghttp2_data_source_read_callback read) {
  nghttp2_nv fields[TM_MAXIMUM_FIELDS];
  nghttp2_data_provider provider = {.source = {.ptr = NULL}, .read_callback = read};
  return nghttp2_submit_response(session, stream, fields, tm_http2_fields(fields, texts, count), &provider);
}

/// Sends the trailers, which end the stream.
static inline int tm_http2_trailers(nghttp2_session *session, int32_t stream, char *const *texts, size_t count) {
  nghttp2_nv fields[TM_MAXIMUM_FIELDS];
  return nghttp2_submit_trailer(session, stream, fields, tm_http2_fields(fields, texts, count));
}

/// The flags of a frame's header, which Swift does not find in the union.
static inline uint8_t tm_http2_flags(const nghttp2_frame *frame) { return frame->hd.flags; }
static inline int32_t tm_http2_stream(const nghttp2_frame *frame) { return frame->hd.stream_id; }
