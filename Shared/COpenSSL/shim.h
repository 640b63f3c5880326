// libcrypto (Debian: libssl-dev): HMAC, SHA-256 and a comparison that takes the same time for every
// input. All import as they are. The POSIX headers are for reading the key file.
#pragma once
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
