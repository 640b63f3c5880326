<?php

// The five endpoints in PHP with PDO. ../README.md describes what they do.

declare(strict_types=1);

const ISSUER = 'task-management';
const AUDIENCE = 'task-management-api';
const LEEWAY_SECONDS = 5;
const ACCESS_SECONDS = 86400;
const REFRESH_SECONDS = 2592000;
const PAGE_SIZE = 50;
const JSON = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;
const TIME = 'Y-m-d\TH:i:s.u\Z';

const COLUMNS = 'id, title, description, status, priority, user_id, due_date, created_at, updated_at, version, reminders';

// The statuses from which each can be reached, as PostgreSQL writes arrays.
const SOURCES = [
    'PENDING' => '{PENDING,IN_PROGRESS,CANCELLED}',
    'IN_PROGRESS' => '{PENDING,IN_PROGRESS,COMPLETED}',
    'COMPLETED' => '{PENDING,IN_PROGRESS,COMPLETED}',
    'CANCELLED' => '{PENDING,IN_PROGRESS,CANCELLED}',
];
const PRIORITIES = ['LOW', 'MEDIUM', 'HIGH', 'URGENT'];

// A hash of no password, so that an unknown user takes as long as a known one.
const NOBODY = '$2b$12$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu';

/** A refusal, which the client gets instead of an answer. */
final class Refusal extends Exception
{
    private function __construct(public readonly int $status, public readonly string $name, string $text)
    {
        parent::__construct($text);
    }

    public static function invalid(): self
    {
        return new self(400, 'INVALID_ARGUMENT', 'a field is not valid');
    }

    public static function token(): self
    {
        return new self(401, 'TOKEN_INVALID', 'the access token is not valid');
    }

    public static function credentials(): self
    {
        return new self(401, 'INVALID_CREDENTIALS', 'no user has this name and this password');
    }

    public static function noSuchTask(): self
    {
        return new self(404, 'TASK_NOT_FOUND', 'there is no such task, or it cannot go to that status');
    }

    public static function noSuchPath(): self
    {
        return new self(404, 'NOT_FOUND', 'there is nothing at this path');
    }

    public static function internal(): self
    {
        return new self(500, 'INTERNAL', 'something went wrong on our side');
    }
}

try {
    respond($_SERVER['REQUEST_METHOD'], $_SERVER['DOCUMENT_URI']);
} catch (Refusal $refusal) {
    refuse($refusal);
} catch (PDOException $error) {
    // Class 22 is data that PostgreSQL cannot hold.
    if (str_starts_with((string) $error->getCode(), '22')) {
        refuse(Refusal::invalid());
    } else {
        error_log((string) $error);
        refuse(Refusal::internal());
    }
}

function respond(string $method, string $path): void
{
    if ($path === '/api/v1/auth/login') {
        $method === 'POST' ? login() : throw Refusal::noSuchPath();
        return;
    }
    $caller = caller($_SERVER['HTTP_AUTHORIZATION'] ?? '');
    if ($path === '/api/v1/tasks') {
        match ($method) {
            'GET' => listTasks($caller),
            'POST' => createTask($caller),
            default => throw Refusal::noSuchPath(),
        };
    } elseif (str_starts_with($path, '/api/v1/tasks/')) {
        $id = substr($path, strlen('/api/v1/tasks/'));
        match ($method) {
            'GET' => getTask($id, $caller),
            'PATCH' => updateTask($id, $caller),
            default => throw Refusal::noSuchPath(),
        };
    } else {
        throw Refusal::noSuchPath();
    }
}

function answer(int $status, array $body): void
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body, JSON);
}

function answerTask(int $status, array $task): void
{
    header('ETag: "' . $task['version'] . '"');
    answer($status, $task);
}

function refuse(Refusal $refusal): void
{
    answer($refusal->status, ['error' => $refusal->getMessage(), 'code' => $refusal->name]);
}

// --- the database ---

/**
 * A connection of this process, kept from request to request.
 *
 * PDO cannot keep a statement longer than a request, and a prepared one takes three round trips: prepare,
 * execute, deallocate. PGSQL_ATTR_DISABLE_PREPARES makes it one, PQexecParams: the server parses the statement
 * and still binds the values.
 */
function database(string $role, string $name): PDO
{
    $place = 'pgsql:host=' . getenv('PGHOST') . ";user=$role;dbname=$name;options='-c TimeZone=UTC'";
    return new PDO($place, null, null, [
        PDO::ATTR_PERSISTENT => true,
        PDO::ATTR_EMULATE_PREPARES => false,
        PDO::PGSQL_ATTR_DISABLE_PREPARES => true,
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
    ]);
}

/** Runs a statement and returns its rows. */
function query(PDO $database, string $sql, array $values): array
{
    $statement = $database->prepare($sql);
    $statement->execute($values);
    return $statement->fetchAll();
}

function tasks(string $sql, array $values): array
{
    return query(database('task_service', 'task_db'), $sql, $values);
}

/** A row as it is shown. */
function task(array $row): array
{
    $row['due_date'] = $row['due_date'] === null ? null : shownTime($row['due_date']);
    $row['created_at'] = shownTime($row['created_at']);
    $row['updated_at'] = shownTime($row['updated_at']);
    // PostgreSQL's `{1440,60}`, which is JSON except for the brackets.
    $row['reminders'] = $row['reminders'] === null ? null : json_decode(strtr($row['reminders'], '{}', '[]'));
    return $row;
}

/** PostgreSQL's `2026-11-22 10:00:00.123456+00` as RFC 3339. */
function shownTime(string $time): string
{
    $time[10] = 'T';
    return substr($time, 0, -3) . 'Z';
}

// --- tasks ---

function getTask(string $id, array $caller): void
{
    $rows = tasks('SELECT ' . COLUMNS . ' FROM tasks WHERE id = ?', [$id]);
    if (!$rows || ($rows[0]['user_id'] !== $caller['id'] && !$caller['isAdmin'])) {
        throw Refusal::noSuchTask();
    }
    answerTask(200, task($rows[0]));
}

function listTasks(array $caller): void
{
    $rows = tasks(
        'SELECT ' . COLUMNS . ' FROM tasks WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT 51',
        [$caller['id']],
    );
    $page = array_map(task(...), array_slice($rows, 0, PAGE_SIZE));
    answer(200, [
        'tasks' => $page,
        'next_page_token' => count($rows) > PAGE_SIZE ? pageToken($page[PAGE_SIZE - 1]) : '',
    ]);
}

function createTask(array $caller): void
{
    $fields = taskFields();
    if (!isset($fields['title'])) {
        throw Refusal::invalid();
    }
    $now = now();
    $time = $now->format(TIME);
    $task = [
        'id' => newID($now),
        'title' => $fields['title'],
        'description' => $fields['description'] ?? null,
        'status' => $fields['status'] ?? 'PENDING',
        'priority' => $fields['priority'] ?? 'MEDIUM',
        'user_id' => $caller['id'],
        'due_date' => $fields['due_date'] ?? null,
        'created_at' => $time,
        'updated_at' => $time,
    ];
    tasks(
        'INSERT INTO tasks (id, title, description, status, priority, user_id, due_date, created_at, updated_at,'
            . " next_reminder_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?::timestamptz - interval '1 day')",
        [...array_values($task), $task['due_date']],
    );
    header('Location: /api/v1/tasks/' . $task['id']);
    answer(201, $task + ['version' => 1, 'reminders' => null]);
}

function updateTask(string $id, array $caller): void
{
    $fields = taskFields();
    $sql = 'UPDATE tasks SET version = version + 1, updated_at = ?';
    $values = [now()->format(TIME)];
    foreach ($fields as $name => $value) {
        $sql .= ", $name = ?"; // a name that taskFields() knows
        $values[] = $value;
    }
    $sql .= ' WHERE id = ?';
    $values[] = $id;
    if (!$caller['isAdmin']) {
        $sql .= ' AND user_id = ?';
        $values[] = $caller['id'];
    }
    if (isset($fields['status'])) {
        $sql .= ' AND status = ANY (?::task_status[])';
        $values[] = SOURCES[$fields['status']];
    }
    $rows = tasks($sql . ' RETURNING ' . COLUMNS, $values);
    answerTask(200, task($rows[0] ?? throw Refusal::noSuchTask()));
}

// --- the contents of a body ---

function body(): stdClass
{
    $body = json_decode(file_get_contents('php://input'));
    return $body instanceof stdClass ? $body : throw Refusal::invalid();
}

/** The fields that were sent, by name, each of them valid. */
function taskFields(): array
{
    $fields = [];
    foreach (body() as $name => $value) {
        $isSound = match ($name) {
            'title' => is_string($value) && $value !== '' && isText($value, 255),
            'description' => $value === null || (is_string($value) && isText($value, 10000)),
            'status' => is_string($value) && isset(SOURCES[$value]),
            'priority' => in_array($value, PRIORITIES, true),
            'due_date' => $value === null || is_string($value),
            default => false,
        };
        if (!$isSound) {
            throw Refusal::invalid();
        }
        $fields[$name] = $name === 'due_date' && $value !== null ? utc($value) : $value;
    }
    return $fields;
}

/** libpq ends a text at a NUL, so there must be none. */
function isText(string $text, int $maximumLength): bool
{
    return mb_strlen($text, 'UTF-8') <= $maximumLength && !str_contains($text, "\0");
}

function utc(string $text): string
{
    $form = '/^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/D';
    if (!preg_match($form, $text, $parts) || !checkdate((int) $parts[2], (int) $parts[3], (int) $parts[1])) {
        throw Refusal::invalid();
    }
    return (new DateTimeImmutable($text))->setTimezone(new DateTimeZone('UTC'))->format(TIME);
}

// --- tokens and ids ---

/** Secrets by key id, and the id of the key that signs. */
function keys(): array
{
    return require getenv('PEER_KEYS');
}

function encode(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

function decode(string $text): string
{
    return (string) base64_decode(strtr($text, '-_', '+/'), true);
}

/** The caller of a request. */
function caller(string $authorization): array
{
    $segments = explode('.', substr($authorization, 7));
    if (strncasecmp($authorization, 'Bearer ', 7) !== 0 || count($segments) !== 3) {
        throw Refusal::token();
    }
    [$head, $payload, $signature] = $segments;
    $header = json_decode(decode($head), true);
    $kid = $header['kid'] ?? null;
    $secret = is_string($kid) ? keys()['secrets'][$kid] ?? null : null;
    if ($secret === null || ($header['alg'] ?? null) !== 'HS256') {
        throw Refusal::token();
    }
    if (!hash_equals(hash_hmac('sha256', "$head.$payload", $secret, true), decode($signature))) {
        throw Refusal::token();
    }
    $claims = json_decode(decode($payload), true);
    $now = time();
    $isSound = is_array($claims)
        && ($claims['iss'] ?? null) === ISSUER
        && ($claims['aud'] ?? null) === AUDIENCE
        && is_string($claims['sub'] ?? null)
        && is_string($claims['role'] ?? null)
        && isNumber($claims['exp'] ?? null) && $claims['exp'] > $now
        && isNumber($claims['nbf'] ?? null) && $claims['nbf'] <= $now + LEEWAY_SECONDS
        && isNumber($claims['iat'] ?? null) && $claims['iat'] <= $now + LEEWAY_SECONDS;
    if (!$isSound) {
        throw Refusal::token();
    }
    return ['id' => $claims['sub'], 'isAdmin' => $claims['role'] === 'ADMIN'];
}

function isNumber(mixed $value): bool
{
    return is_int($value) || is_float($value);
}

function accessToken(array $user, string $session, DateTimeImmutable $now): string
{
    ['signing' => $kid, 'secrets' => $secrets] = keys();
    $seconds = $now->getTimestamp();
    $text = encode(json_encode(['alg' => 'HS256', 'typ' => 'JWT', 'kid' => $kid], JSON)) . '.' . encode(json_encode([
        'iss' => ISSUER,
        'aud' => AUDIENCE,
        'sub' => $user['id'],
        'role' => $user['role'],
        'sid' => $session,
        'jti' => newID($now),
        'iat' => $seconds,
        'nbf' => $seconds,
        'exp' => $seconds + ACCESS_SECONDS,
    ], JSON));
    return $text . '.' . encode(hash_hmac('sha256', $text, $secrets[$kid], true));
}

/** The start of the next page, under a MAC that nobody else can make. */
function pageToken(array $last): string
{
    ['signing' => $kid, 'secrets' => $secrets] = keys();
    $place = $last['created_at'] . $last['id'];
    return encode(substr(hash_hmac('sha256', $place, $secrets[$kid], true), 0, 16) . $place);
}

function now(): DateTimeImmutable
{
    return new DateTimeImmutable('now', new DateTimeZone('UTC'));
}

/** A UUID version 7: 48 bits of milliseconds, then random ones. Source: RFC 9562 §5.7. */
function newID(DateTimeImmutable $now): string
{
    $bytes = substr(pack('J', (int) $now->format('Uv')), 2) . random_bytes(10);
    $bytes[6] = chr(0x70 | ord($bytes[6]) & 0x0f);
    $bytes[8] = chr(0x80 | ord($bytes[8]) & 0x3f);
    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
}

// --- login ---

function login(): void
{
    $body = body();
    $name = $body->username ?? null;
    $password = $body->password ?? null;
    if (!is_string($name) || !is_string($password) || count((array) $body) !== 2) {
        throw Refusal::invalid();
    }
    $users = database('auth_service', 'user_db');
    $sql = 'SELECT id, username, role, password FROM users WHERE lower(username) = lower(?)';
    $user = query($users, $sql, [$name])[0] ?? null;
    $hash = $user['password'] ?? NOBODY;
    if (!password_verify($password, $hash) || $user === null) {
        throw Refusal::credentials();
    }
    unset($user['password']);

    $now = now();
    $session = newID($now);
    $refreshToken = encode(random_bytes(32));
    insertSession($users, $session, $user['id'], $hash, $refreshToken, $now);
    answer(200, [
        'access_token' => accessToken($user, $session, $now),
        'refresh_token' => $refreshToken,
        'token_type' => 'Bearer',
        'expires_in' => ACCESS_SECONDS,
        'user' => $user,
    ]);
}

/** The user's row is read again under a lock, so that a password changed in the meantime takes effect. */
function insertSession(
    PDO $users,
    string $id,
    string $user,
    string $hash,
    string $refreshToken,
    DateTimeImmutable $now,
): void {
    $users->beginTransaction();
    if (!query($users, 'SELECT 1 FROM users WHERE id = ? AND password = ? FOR SHARE', [$user, $hash])) {
        $users->rollBack();
        throw Refusal::credentials();
    }
    query($users, 'DELETE FROM refresh_tokens WHERE user_id = ? AND expires_at < now()', [$user]);
    query(
        $users,
        'INSERT INTO refresh_tokens (id, user_id, token, key_id, expires_at, created_at, refreshed_at)'
            . ' VALUES (?, ?, ?, ?, ?, ?, ?)',
        [
            $id,
            $user,
            hash('sha256', $refreshToken),
            keys()['signing'],
            $now->modify('+' . REFRESH_SECONDS . ' seconds')->format(TIME),
            $now->format(TIME),
            $now->format(TIME),
        ],
    );
    $users->commit(); // an exception before it rolls back: PDO does at the end of the request
}
