// The five endpoints in C with libfcgi and libpq: the limit that the functions are measured against.
// ../README.md describes what they do.
//
// WORKERS processes share one socket; each has a connection to each database and answers one request at a
// time.

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <crypt.h>
#include <endian.h>
#include <fcgiapp.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  MAXIMUM_BODY = 1 << 20,
  MAXIMUM_TOKEN = 4096,
  MAXIMUM_KEYS = 16,
  PAGE_SIZE = 50,
  LEEWAY_SECONDS = 5,
  ACCESS_SECONDS = 86400,
  REFRESH_SECONDS = 2592000,
};

static void die(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

// --- text that grows ---

typedef struct {
  char *data;
  size_t length, capacity;
} Buffer;

static char *reserve(Buffer *buffer, size_t count) {
  if (buffer->length + count > buffer->capacity) {
    buffer->capacity = (buffer->length + count) * 2;
    buffer->data = realloc(buffer->data, buffer->capacity);
    if (!buffer->data) die("out of memory");
  }
  return buffer->data + buffer->length;
}

static void put(Buffer *buffer, const char *text, size_t length) {
  memcpy(reserve(buffer, length), text, length);
  buffer->length += length;
}

#define PUT(buffer, literal) put(buffer, literal, sizeof literal - 1)

static void put_format(Buffer *buffer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char text[256];
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length > 0) put(buffer, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

// A JSON string, quotes included.
static void put_string(Buffer *buffer, const char *text, size_t length) {
  PUT(buffer, "\"");
  size_t start = 0;
  for (size_t index = 0; index < length; index++) {
    unsigned char byte = (unsigned char)text[index];
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    put(buffer, text + start, index - start);
    start = index + 1;
    if (byte == '"' || byte == '\\') put_format(buffer, "\\%c", byte);
    else if (byte == '\n') PUT(buffer, "\\n");
    else if (byte == '\r') PUT(buffer, "\\r");
    else if (byte == '\t') PUT(buffer, "\\t");
    else put_format(buffer, "\\u%04x", byte);
  }
  put(buffer, text + start, length - start);
  PUT(buffer, "\"");
}

static void put_digits(char *at, int number, int count) {
  while (count-- > 0) {
    at[count] = (char)('0' + number % 10);
    number /= 10;
  }
}

// Microseconds since 1970 as RFC 3339. Days to date as in Hinnant, "chrono-Compatible Low-Level Date Algorithms".
static size_t format_time(char *text, int64_t microseconds) {
  int64_t seconds = microseconds / 1000000, fraction = microseconds % 1000000;
  if (fraction < 0) fraction += 1000000, seconds--;
  int64_t days = seconds / 86400, second = seconds % 86400;
  if (second < 0) second += 86400, days--;
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t day_of_era = days - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153;
  memcpy(text, "0000-00-00T00:00:00.000000Z", 27);
  put_digits(text + 8, (int)(day_of_year - (153 * month + 2) / 5 + 1), 2);
  month += month < 10 ? 3 : -9;
  put_digits(text, (int)(year_of_era + era * 400 + (month <= 2)), 4);
  put_digits(text + 5, (int)month, 2);
  put_digits(text + 11, (int)(second / 3600), 2);
  put_digits(text + 14, (int)(second / 60 % 60), 2);
  put_digits(text + 17, (int)(second % 60), 2);
  put_digits(text + 20, (int)fraction, 6);
  return 27;
}

static int64_t now_microseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

// --- base64url ---

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static signed char value_of[256];

static void prepare_alphabet(void) {
  memset(value_of, -1, sizeof value_of);
  for (int value = 0; value < 64; value++) value_of[(unsigned char)alphabet[value]] = (signed char)value;
}

// Room for 3/4 of the length is needed; -1 if it is not base64url.
static ssize_t decode(const char *text, size_t length, unsigned char *bytes) {
  uint32_t bits = 0;
  int count = 0;
  size_t written = 0;
  if (length % 4 == 1) return -1;
  for (size_t index = 0; index < length; index++) {
    int value = value_of[(unsigned char)text[index]];
    if (value < 0) return -1;
    bits = bits << 6 | (uint32_t)value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[written++] = (unsigned char)(bits >> count);
    }
  }
  return (ssize_t)written;
}

static void put_encoded(Buffer *buffer, const void *data, size_t length) {
  const unsigned char *bytes = data;
  uint32_t bits = 0;
  int count = 0;
  char *text = reserve(buffer, length * 4 / 3 + 2), *end = text;
  for (size_t index = 0; index < length; index++) {
    bits = bits << 8 | bytes[index];
    count += 8;
    while (count >= 6) {
      count -= 6;
      *end++ = alphabet[bits >> count & 63];
    }
  }
  if (count) *end++ = alphabet[bits << (6 - count) & 63];
  buffer->length += (size_t)(end - text);
}

// --- keys and tokens ---

typedef struct {
  char id[128];
  unsigned char secret[256];
  int length;
  bool signs;
} Key;

static Key keys[MAXIMUM_KEYS];
static int key_count;

static const char *member(const cJSON *object, const char *name) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void read_keys(void) {
  static char text[65536];
  const char *path = getenv("JWT_KEYS_FILE");
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) die("cannot read JWT_KEYS_FILE");
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  cJSON *set = cJSON_Parse(text), *entry;
  cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(set, "keys")) {
    const char *id = member(entry, "kid"), *secret = member(entry, "k");
    Key *key = &keys[key_count];
    if (!id || !secret || key_count == MAXIMUM_KEYS || strlen(id) >= sizeof key->id ||
        strlen(secret) > sizeof key->secret)
      die("the keys file has a key that cannot be used");
    strcpy(key->id, id);
    key->length = (int)decode(secret, strlen(secret), key->secret);
    if (key->length < 32) die("the keys file has a key that is too short");
    cJSON *operation;
    cJSON_ArrayForEach(operation, cJSON_GetObjectItemCaseSensitive(entry, "key_ops")) {
      if (!strcmp(cJSON_GetStringValue(operation), "sign")) key->signs = true;
    }
    key_count++;
  }
  cJSON_Delete(set);
}

static const Key *signing_key(void) {
  for (int index = 0; index < key_count; index++)
    if (keys[index].signs) return &keys[index];
  die("no key signs");
  return NULL;
}

typedef struct {
  char id[37];
  bool is_admin;
} Caller;

static bool is_number_up_to(const cJSON *number, double limit) {
  return cJSON_IsNumber(number) && number->valuedouble <= limit;
}

static cJSON *decode_json(const char *text, size_t length) {
  unsigned char bytes[MAXIMUM_TOKEN];
  ssize_t count = decode(text, length, bytes);
  return count < 0 ? NULL : cJSON_ParseWithLength((char *)bytes, (size_t)count);
}

static bool verify(const char *token, Caller *caller) {
  size_t length = strlen(token);
  if (length > MAXIMUM_TOKEN) return false;
  const char *first = memchr(token, '.', length);
  const char *second = first ? strchr(first + 1, '.') : NULL;
  if (!second || strchr(second + 1, '.')) return false;

  cJSON *header = decode_json(token, (size_t)(first - token));
  const char *algorithm = member(header, "alg"), *kid = member(header, "kid");
  const Key *key = NULL;
  if (algorithm && kid && !strcmp(algorithm, "HS256"))
    for (int index = 0; index < key_count && !key; index++)
      if (!strcmp(keys[index].id, kid)) key = &keys[index];
  cJSON_Delete(header);
  if (!key) return false;

  unsigned char signature[MAXIMUM_TOKEN], code[32];
  unsigned int code_length;
  if (decode(second + 1, (size_t)(token + length - second - 1), signature) != 32) return false;
  HMAC(EVP_sha256(), key->secret, key->length, (const unsigned char *)token, (size_t)(second - token), code,
       &code_length);
  if (CRYPTO_memcmp(code, signature, 32)) return false;

  cJSON *claims = decode_json(first + 1, (size_t)(second - first - 1));
  const char *issuer = member(claims, "iss"), *audience = member(claims, "aud");
  const char *subject = member(claims, "sub"), *role = member(claims, "role");
  const cJSON *expires = cJSON_GetObjectItemCaseSensitive(claims, "exp");
  double now = (double)time(NULL);
  bool sound = issuer && audience && subject && role && !strcmp(issuer, "task-management") &&
               !strcmp(audience, "task-management-api") && strlen(subject) == 36 && cJSON_IsNumber(expires) &&
               expires->valuedouble > now &&
               is_number_up_to(cJSON_GetObjectItemCaseSensitive(claims, "nbf"), now + LEEWAY_SECONDS) &&
               is_number_up_to(cJSON_GetObjectItemCaseSensitive(claims, "iat"), now + LEEWAY_SECONDS);
  if (sound) {
    strcpy(caller->id, subject);
    caller->is_admin = !strcmp(role, "ADMIN");
  }
  cJSON_Delete(claims);
  return sound;
}

// A UUID version 7: 48 bits of milliseconds, then random ones. Source: RFC 9562 §5.7.
static void make_id(char text[37], int64_t now) {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) die("no random bytes");
  uint64_t milliseconds = htobe64((uint64_t)(now / 1000) << 16);
  memcpy(bytes, &milliseconds, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  static const char digits[] = "0123456789abcdef";
  for (int index = 0; index < 16; index++) {
    *text++ = digits[bytes[index] >> 4];
    *text++ = digits[bytes[index] & 15];
    if (index == 3 || index == 5 || index == 7 || index == 9) *text++ = '-';
  }
  *text = 0;
}

// --- the databases ---

static PGconn *tasks, *users;

#define COLUMNS "id, title, description, status, priority, user_id, due_date, created_at, updated_at, version, reminders"

static PGconn *connect_to(const char *role, const char *database) {
  const char *names[] = {"user", "dbname", NULL}, *values[] = {role, database, NULL};
  PGconn *connection = PQconnectdbParams(names, values, 0);
  if (PQstatus(connection) != CONNECTION_OK) die(PQerrorMessage(connection));
  return connection;
}

static void prepare(PGconn *connection, const char *name, const char *sql) {
  PGresult *result = PQprepare(connection, name, sql, 0, NULL);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) die(PQerrorMessage(connection));
  PQclear(result);
}

// Values as text, the result in binary.
static PGresult *run(PGconn *connection, const char *name, int count, const char *const *values) {
  return PQexecPrepared(connection, name, count, values, NULL, NULL, 1);
}

static void connect_databases(void) {
  tasks = connect_to("task_service", "task_db");
  prepare(tasks, "get", "SELECT " COLUMNS " FROM tasks WHERE id = $1");
  prepare(tasks, "list",
          "SELECT " COLUMNS " FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 51");
  prepare(tasks, "create",
          "INSERT INTO tasks (id, title, description, status, priority, user_id, due_date, created_at, updated_at,"
          " next_reminder_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $7::timestamptz - interval '1 day')"
          " RETURNING due_date");
  users = connect_to("auth_service", "user_db");
  prepare(users, "find", "SELECT id, username, password, role FROM users WHERE lower(username) = lower($1)");
  prepare(users, "lock", "SELECT 1 FROM users WHERE id = $1 AND password = $2 FOR SHARE");
  prepare(users, "expire", "DELETE FROM refresh_tokens WHERE user_id = $1 AND expires_at < now()");
  prepare(users, "open",
          "INSERT INTO refresh_tokens (id, user_id, token, key_id, expires_at, created_at, refreshed_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $6)");
}

static int64_t integer_at(const PGresult *result, int row, int column) {
  uint64_t value;
  memcpy(&value, PQgetvalue(result, row, column), 8);
  return (int64_t)be64toh(value);
}

static int64_t time_at(const PGresult *result, int row, int column) {
  return integer_at(result, row, column) + 946684800000000; // PostgreSQL counts from 2000-01-01
}

// --- answers ---

static Buffer body;  // of the current answer
static Buffer reply; // header lines and body

static void answer(const char *status, const char *headers) {
  reply.length = 0;
  put_format(&reply, "Status: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n", status,
             body.length, headers);
  put(&reply, body.data, body.length);
}

static void refuse(const char *status, const char *code, const char *message) {
  body.length = 0;
  put_format(&body, "{\"error\":\"%s\",\"code\":\"%s\"}", message, code);
  answer(status, "");
}

static void put_field(const PGresult *result, int row, int column) {
  if (PQgetisnull(result, row, column)) PUT(&body, "null");
  else put_string(&body, PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

static void put_time(int64_t microseconds) {
  char text[27];
  PUT(&body, "\"");
  put(&body, text, format_time(text, microseconds));
  PUT(&body, "\"");
}

// An integer[]: dimensions, a flag for NULLs, the type, length, lower bound; then each number after its length.
static void put_integers(const PGresult *result, int row, int column) {
  if (PQgetisnull(result, row, column)) {
    PUT(&body, "null");
    return;
  }
  const char *bytes = PQgetvalue(result, row, column);
  int count = (PQgetlength(result, row, column) - 20) / 8;
  PUT(&body, "[");
  for (int index = 0; index < count; index++) {
    uint32_t number;
    memcpy(&number, bytes + 24 + 8 * index, 4);
    put_format(&body, index ? ",%d" : "%d", (int32_t)be32toh(number));
  }
  PUT(&body, "]");
}

static void put_task(const PGresult *result, int row) {
  static const char *const names[] = {"{\"id\":",         ",\"title\":",    ",\"description\":",
                                      ",\"status\":",     ",\"priority\":", ",\"user_id\":",
                                      ",\"due_date\":",   ",\"created_at\":", ",\"updated_at\":"};
  for (int column = 0; column < 9; column++) {
    put(&body, names[column], strlen(names[column]));
    if (column < 6 || PQgetisnull(result, row, column)) put_field(result, row, column);
    else put_time(time_at(result, row, column));
  }
  put_format(&body, ",\"version\":%lld,\"reminders\":", (long long)integer_at(result, row, 9));
  put_integers(result, row, 10);
  PUT(&body, "}");
}

static bool succeeded(PGconn *connection, const PGresult *result, ExecStatusType expected) {
  if (PQresultStatus(result) == expected) return true;
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state && !strncmp(state, "22", 2)) { // a date that does not exist
    refuse("400 Bad Request", "INVALID_ARGUMENT", "a field is not valid");
    return false;
  }
  fprintf(stderr, "%s", PQerrorMessage(connection));
  refuse("500 Internal Server Error", "INTERNAL", "something went wrong on our side");
  return false;
}

static bool is_own(const PGresult *result, const Caller *caller) {
  return caller->is_admin || !strcmp(PQgetvalue(result, 0, 5), caller->id);
}

static void answer_task(const char *status, const PGresult *result) {
  char header[64];
  put_task(result, 0);
  snprintf(header, sizeof header, "ETag: \"%lld\"\r\n", (long long)integer_at(result, 0, 9));
  answer(status, header);
}

static void get_task(const char *id, const Caller *caller) {
  PGresult *result = run(tasks, "get", 1, &id);
  if (succeeded(tasks, result, PGRES_TUPLES_OK)) {
    if (PQntuples(result) == 1 && is_own(result, caller)) answer_task("200 OK", result);
    else refuse("404 Not Found", "TASK_NOT_FOUND", "there is no such task");
  }
  PQclear(result);
}

// The start of the next page, under a MAC.
static void put_page_token(const PGresult *result, int row) {
  const Key *key = signing_key();
  unsigned char token[16 + 27 + 36], code[32];
  unsigned int length;
  format_time((char *)token + 16, time_at(result, row, 7));
  memcpy(token + 16 + 27, PQgetvalue(result, row, 0), 36);
  HMAC(EVP_sha256(), key->secret, key->length, token + 16, 27 + 36, code, &length);
  memcpy(token, code, 16);
  put_encoded(&body, token, sizeof token);
}

static void list_tasks(const Caller *caller) {
  const char *owner = caller->id;
  PGresult *result = run(tasks, "list", 1, &owner);
  if (succeeded(tasks, result, PGRES_TUPLES_OK)) {
    int count = PQntuples(result), shown = count > PAGE_SIZE ? PAGE_SIZE : count;
    PUT(&body, "{\"tasks\":[");
    for (int row = 0; row < shown; row++) {
      if (row) PUT(&body, ",");
      put_task(result, row);
    }
    PUT(&body, "],\"next_page_token\":\"");
    if (count > shown) put_page_token(result, shown - 1);
    PUT(&body, "\"}");
    answer("200 OK", "");
  }
  PQclear(result);
}

// --- the contents of a body ---

typedef struct {
  const char *title, *description, *status, *priority, *due_date;
  bool has_description, has_due_date;
} Fields;

static size_t characters(const char *text) {
  size_t count = 0;
  for (; *text; text++) count += (*text & 0xC0) != 0x80;
  return count;
}

static bool is_one_of(const char *word, const char *const *words) {
  for (; *words; words++)
    if (!strcmp(word, *words)) return true;
  return false;
}

static bool is_time(const char *text) {
  int year, month, day, hour, minute, second, count = 0;
  if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &count) != 6 ||
      count != 19)
    return false;
  const char *rest = text + count;
  if (*rest == '.') rest += 1 + strspn(rest + 1, "0123456789");
  return !strcmp(rest, "Z") || ((*rest == '+' || *rest == '-') && strlen(rest) == 6);
}

static bool read_fields(const cJSON *object, Fields *fields) {
  static const char *const statuses[] = {"PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED", NULL};
  static const char *const priorities[] = {"LOW", "MEDIUM", "HIGH", "URGENT", NULL};
  if (!cJSON_IsObject(object)) return false;
  for (const cJSON *field = object->child; field; field = field->next) {
    const char *name = field->string, *text = cJSON_GetStringValue(field);
    if (!text && !cJSON_IsNull(field)) return false;
    if (!strcmp(name, "title")) {
      if (!text || !*text || characters(text) > 255) return false;
      fields->title = text;
    } else if (!strcmp(name, "description")) {
      if (text && characters(text) > 10000) return false;
      fields->has_description = true;
      fields->description = text;
    } else if (!strcmp(name, "status")) {
      if (!text || !is_one_of(text, statuses)) return false;
      fields->status = text;
    } else if (!strcmp(name, "priority")) {
      if (!text || !is_one_of(text, priorities)) return false;
      fields->priority = text;
    } else if (!strcmp(name, "due_date")) {
      if (text && !is_time(text)) return false;
      fields->has_due_date = true;
      fields->due_date = text;
    } else {
      return false;
    }
  }
  return true;
}

static void put_text(const char *text) {
  if (text) put_string(&body, text, strlen(text));
  else PUT(&body, "null");
}

static void create_task(const cJSON *object, const Caller *caller) {
  Fields fields = {.status = "PENDING", .priority = "MEDIUM"};
  if (!read_fields(object, &fields) || !fields.title) {
    refuse("400 Bad Request", "INVALID_ARGUMENT", "a field is not valid");
    return;
  }
  int64_t now = now_microseconds();
  char id[37], time[28] = {0};
  make_id(id, now);
  format_time(time, now);
  const char *values[] = {id,         fields.title,    fields.description, fields.status, fields.priority,
                          caller->id, fields.due_date, time};
  PGresult *result = run(tasks, "create", 8, values);
  if (succeeded(tasks, result, PGRES_TUPLES_OK)) {
    char header[96];
    put_format(&body, "{\"id\":\"%s\",\"title\":", id);
    put_text(fields.title);
    PUT(&body, ",\"description\":");
    put_text(fields.description);
    put_format(&body, ",\"status\":\"%s\",\"priority\":\"%s\",\"user_id\":\"%s\",\"due_date\":", fields.status,
               fields.priority, caller->id);
    if (fields.due_date) put_time(time_at(result, 0, 0));
    else PUT(&body, "null");
    put_format(&body, ",\"created_at\":\"%s\",\"updated_at\":\"%s\",\"version\":1,\"reminders\":null}", time, time);
    snprintf(header, sizeof header, "Location: /api/v1/tasks/%s\r\n", id);
    answer("201 Created", header);
  }
  PQclear(result);
}

// The statuses from which one can be reached.
static const char *sources(const char *status) {
  if (!strcmp(status, "PENDING")) return "{PENDING,IN_PROGRESS,CANCELLED}";
  if (!strcmp(status, "IN_PROGRESS")) return "{PENDING,IN_PROGRESS,COMPLETED}";
  if (!strcmp(status, "COMPLETED")) return "{PENDING,IN_PROGRESS,COMPLETED}";
  return "{PENDING,IN_PROGRESS,CANCELLED}";
}

// A statement for each set of fields, prepared when it is first met; its name says which.
static void update_task(const char *id, const cJSON *object, const Caller *caller) {
  static bool is_prepared[64];
  Fields fields = {0};
  if (!read_fields(object, &fields)) {
    refuse("400 Bad Request", "INVALID_ARGUMENT", "a field is not valid");
    return;
  }
  char time[28] = {0}, sql[512], name[16];
  format_time(time, now_microseconds());
  const char *values[9] = {id, time};
  int count = 2, length = snprintf(sql, sizeof sql, "UPDATE tasks SET version = version + 1, updated_at = $2");
#define SET(condition, column, value)                                                                      \
  if (condition) {                                                                                         \
    values[count++] = value;                                                                               \
    length += snprintf(sql + length, sizeof sql - (size_t)length, ", " column " = $%d", count);            \
  }
  SET(fields.title, "title", fields.title)
  SET(fields.has_description, "description", fields.description)
  SET(fields.status, "status", fields.status)
  SET(fields.priority, "priority", fields.priority)
  SET(fields.has_due_date, "due_date", fields.due_date)
  length += snprintf(sql + length, sizeof sql - (size_t)length, " WHERE id = $1");
  if (!caller->is_admin) {
    values[count++] = caller->id;
    length += snprintf(sql + length, sizeof sql - (size_t)length, " AND user_id = $%d", count);
  }
  if (fields.status) {
    values[count++] = sources(fields.status);
    length += snprintf(sql + length, sizeof sql - (size_t)length, " AND status = ANY ($%d::task_status[])", count);
  }
  snprintf(sql + length, sizeof sql - (size_t)length, " RETURNING " COLUMNS);
  int shape = (fields.title != NULL) | fields.has_description << 1 | (fields.status != NULL) << 2 |
              (fields.priority != NULL) << 3 | fields.has_due_date << 4 | caller->is_admin << 5;
  snprintf(name, sizeof name, "update%d", shape);
  if (!is_prepared[shape]) {
    prepare(tasks, name, sql);
    is_prepared[shape] = true;
  }
  PGresult *result = run(tasks, name, count, values);
  if (succeeded(tasks, result, PGRES_TUPLES_OK)) {
    if (PQntuples(result) == 1) answer_task("200 OK", result);
    else refuse("404 Not Found", "TASK_NOT_FOUND", "there is no such task, or it cannot go to that status");
  }
  PQclear(result);
}

static bool control(PGconn *connection, const char *command) {
  PGresult *result = PQexec(connection, command);
  bool is_done = PQresultStatus(result) == PGRES_COMMAND_OK;
  PQclear(result);
  return is_done;
}

static bool step(const char *name, int count, const char *const *values, int rows) {
  PGresult *result = run(users, name, count, values);
  ExecStatusType status = PQresultStatus(result);
  bool is_done = status == PGRES_COMMAND_OK || (status == PGRES_TUPLES_OK && PQntuples(result) >= rows);
  PQclear(result);
  return is_done;
}

// The user's row, read again under a lock, so that a password changed in the meantime takes effect.
static bool open_session(const char *user, const char *hash, const char *session, const char *token, int64_t now) {
  unsigned char digest[32];
  char hexadecimal[65], created[28] = {0}, expires[28] = {0};
  SHA256((const unsigned char *)token, strlen(token), digest);
  for (int index = 0; index < 32; index++) snprintf(hexadecimal + index * 2, 3, "%02x", digest[index]);
  format_time(created, now);
  format_time(expires, now + (int64_t)REFRESH_SECONDS * 1000000);
  const char *lock[] = {user, hash};
  const char *row[] = {session, user, hexadecimal, signing_key()->id, expires, created};
  if (!control(users, "BEGIN")) return false;
  bool is_done = step("lock", 2, lock, 1) && step("expire", 1, &user, 0) && step("open", 6, row, 0);
  return control(users, is_done ? "COMMIT" : "ROLLBACK") && is_done;
}

static void put_access_token(const char *user, const char *role, const char *session, int64_t now) {
  static Buffer text;
  const Key *key = signing_key();
  unsigned char code[32];
  unsigned int length;
  char id[37];
  make_id(id, now);
  size_t start = body.length;
  text.length = 0;
  put_format(&text, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->id);
  put_encoded(&body, text.data, text.length);
  PUT(&body, ".");
  text.length = 0;
  long long seconds = now / 1000000;
  put_format(&text, "{\"iss\":\"task-management\",\"aud\":\"task-management-api\",\"sub\":\"%s\",\"role\":\"%s\",", user,
             role);
  put_format(&text, "\"sid\":\"%s\",\"jti\":\"%s\",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld}", session, id, seconds, seconds,
             seconds + ACCESS_SECONDS);
  put_encoded(&body, text.data, text.length);
  HMAC(EVP_sha256(), key->secret, key->length, (unsigned char *)body.data + start, body.length - start, code, &length);
  PUT(&body, ".");
  put_encoded(&body, code, 32);
}

static void login(const cJSON *object) {
  const char *name = member(object, "username"), *password = member(object, "password");
  if (!name || !password) {
    refuse("400 Bad Request", "INVALID_ARGUMENT", "username and password must be strings");
    return;
  }
  PGresult *result = run(users, "find", 1, &name);
  if (!succeeded(users, result, PGRES_TUPLES_OK)) {
    PQclear(result);
    return;
  }
  // A hash of no password, so that an unknown user takes as long as a known one.
  static const char *nobody = "$2b$04$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";
  const char *hash = PQntuples(result) ? PQgetvalue(result, 0, 2) : nobody;
  struct crypt_data *data = calloc(1, sizeof *data);
  const char *computed = data ? crypt_r(password, hash, data) : NULL;
  bool is_right = computed && strlen(computed) == strlen(hash) && !CRYPTO_memcmp(computed, hash, strlen(hash));
  free(data);

  int64_t now = now_microseconds();
  unsigned char random[32];
  char session[37];
  static Buffer token;
  make_id(session, now);
  if (getrandom(random, sizeof random, 0) != sizeof random) die("no random bytes");
  token.length = 0;
  put_encoded(&token, random, sizeof random);
  put(&token, "", 1);
  if (PQntuples(result) && is_right &&
      open_session(PQgetvalue(result, 0, 0), hash, session, token.data, now)) {
    PUT(&body, "{\"access_token\":\"");
    put_access_token(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 3), session, now);
    put_format(&body, "\",\"refresh_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%d,\"user\":{\"id\":", token.data,
               ACCESS_SECONDS);
    put_field(result, 0, 0);
    PUT(&body, ",\"username\":");
    put_field(result, 0, 1);
    PUT(&body, ",\"role\":");
    put_field(result, 0, 3);
    PUT(&body, "}}");
    answer("200 OK", "");
  } else {
    refuse("401 Unauthorized", "INVALID_CREDENTIALS", "no user has this name and this password");
  }
  PQclear(result);
}

// --- requests ---

static const char *parameter(const FCGX_Request *request, const char *name) {
  const char *value = FCGX_GetParam(name, request->envp);
  return value ? value : "";
}

static cJSON *read_body(const FCGX_Request *request) {
  static Buffer text;
  long length = strtol(parameter(request, "CONTENT_LENGTH"), NULL, 10);
  if (length <= 0 || length > MAXIMUM_BODY) return NULL;
  text.length = 0;
  reserve(&text, (size_t)length + 1);
  if (FCGX_GetStr(text.data, (int)length, request->in) != length) return NULL;
  text.data[length] = 0;
  if (strstr(text.data, "\\u0000")) return NULL; // cJSON would end the string there
  return cJSON_ParseWithLengthOpts(text.data, (size_t)length + 1, NULL, true);
}

static void respond(const FCGX_Request *request) {
  const char *method = parameter(request, "REQUEST_METHOD"), *path = parameter(request, "DOCUMENT_URI");
  body.length = 0;
  if (!strcmp(path, "/api/v1/auth/login")) {
    cJSON *object = read_body(request);
    login(object);
    cJSON_Delete(object);
    return;
  }
  Caller caller;
  const char *authorization = parameter(request, "HTTP_AUTHORIZATION");
  if (strncasecmp(authorization, "Bearer ", 7) || !verify(authorization + 7, &caller)) {
    refuse("401 Unauthorized", "TOKEN_INVALID", "the access token is not valid");
    return;
  }
  bool is_collection = !strcmp(path, "/api/v1/tasks");
  bool is_one = !strncmp(path, "/api/v1/tasks/", 14) && path[14] && !strchr(path + 14, '/');
  if (is_collection && !strcmp(method, "GET")) {
    list_tasks(&caller);
  } else if (is_one && !strcmp(method, "GET")) {
    get_task(path + 14, &caller);
  } else if ((is_collection && !strcmp(method, "POST")) || (is_one && !strcmp(method, "PATCH"))) {
    cJSON *object = read_body(request);
    if (is_collection) create_task(object, &caller);
    else update_task(path + 14, object, &caller);
    cJSON_Delete(object);
  } else {
    refuse("404 Not Found", "NOT_FOUND", "there is nothing at this path");
  }
}

static void serve(int listener) {
  FCGX_Request request;
  connect_databases();
  if (FCGX_Init() || FCGX_InitRequest(&request, listener, 0)) die("libfcgi does not start");
  while (FCGX_Accept_r(&request) == 0) {
    respond(&request);
    FCGX_PutStr(reply.data, (int)reply.length, request.out);
    // The quick close: only when all that the gateway sent has been read.
    request.keepConnection = 0;
    if (FCGX_GetChar(request.in) == -1) FCGX_Detach(&request);
    FCGX_Finish_r(&request);
  }
}

static void end(int signal) {
  (void)signal;
  _exit(0); // the children follow: PR_SET_PDEATHSIG
}

int main(void) {
  const char *path = getenv("SOCKET");
  int workers = atoi(getenv("WORKERS") ? getenv("WORKERS") : "");
  if (!path || workers < 1) die("SOCKET and WORKERS must be set");
  prepare_alphabet();
  read_keys();
  signing_key();
  unlink(path);
  int listener = FCGX_OpenSocket(path, 1024);
  if (listener < 0 || chmod(path, 0666)) die("cannot listen");
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGPIPE, SIG_IGN);
  for (int worker = 0; worker < workers; worker++) {
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      serve(listener);
      return 1;
    }
  }
  while (wait(NULL) > 0) {}
  return 1;
}
