// libxcrypt (Debian: libcrypt-dev) has bcrypt. `struct crypt_data` is 32 KiB, too large for Swift to
// import as a tuple, so the two calls that need one are wrapped here and clear it afterwards.
#pragma once
#include <crypt.h>
#include <string.h>

/// Hashes `phrase` under `setting` into `output` (CRYPT_OUTPUT_SIZE bytes). Returns 0, or -1 when refused.
static inline int tm_crypt(const char *phrase, const char *setting, char *output) {
  struct crypt_data data;
  memset(&data, 0, sizeof data);
  const char *hash = crypt_r(phrase, setting, &data);
  int failed = hash == NULL || hash[0] == '*';
  if (!failed) {
    strncpy(output, hash, CRYPT_OUTPUT_SIZE - 1);
    output[CRYPT_OUTPUT_SIZE - 1] = 0;
  }
  explicit_bzero(&data, sizeof data);
  return failed ? -1 : 0;
}

/// Makes a `$2b$` setting with `count` as cost and a salt from the system's random source.
static inline int tm_bcrypt_setting(unsigned long cost, char *output) {
  return crypt_gensalt_rn("$2b$", cost, NULL, 0, output, CRYPT_GENSALT_OUTPUT_SIZE) == NULL ? -1 : 0;
}
