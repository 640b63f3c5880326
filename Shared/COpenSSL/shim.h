// libcrypto (Debian: libssl-dev): HMAC, SHA-256 and a comparison that takes the same time for every
// input. The POSIX headers are for reading the key file.
#pragma once
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/// Gives a MAC context its key and SHA-256: the parameters' array is what Swift cannot build.
static inline int tm_hmac_sha256_init(EVP_MAC_CTX *context, const unsigned char *key, size_t count) {
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_init(context, key, count, parameters);
}
