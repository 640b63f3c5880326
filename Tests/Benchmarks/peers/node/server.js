// The five endpoints in Node with node:http and pg. ../README.md describes what they do.
//
// There is no login: Debian has no bcrypt for Node (crypto's scrypt and pbkdf2 are something else), so it is a 501.

'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const pg = require('pg');

const ISSUER = 'task-management';
const AUDIENCE = 'task-management-api';
const LEEWAY_SECONDS = 5;
const PAGE_SIZE = 50;

// Two for each of WORKERS processes: while one statement runs, the answer to another is made.
const CONNECTIONS = 2;

class Refusal extends Error {
  constructor(status, code, text) {
    super(text);
    this.status = status;
    this.body = JSON.stringify({ error: text, code });
  }
}

const INVALID = new Refusal(400, 'INVALID_ARGUMENT', 'a field is not valid');
const BAD_TOKEN = new Refusal(401, 'TOKEN_INVALID', 'the access token is not valid');
const NO_SUCH_TASK = new Refusal(404, 'TASK_NOT_FOUND', 'there is no such task, or it cannot go to that status');
const NO_SUCH_PATH = new Refusal(404, 'NOT_FOUND', 'there is nothing at this path');
const INTERNAL = new Refusal(500, 'INTERNAL', 'something went wrong on our side');
const NO_LOGIN = new Refusal(501, 'UNIMPLEMENTED', 'there is no bcrypt for Node here');

// --- keys and tokens ---

function readKeys(path) {
  const secrets = new Map();
  let signing;
  for (const key of JSON.parse(fs.readFileSync(path, 'utf8')).keys) {
    const secret = crypto.createSecretKey(key.k, 'base64url');
    secrets.set(key.kid, secret);
    if (key.key_ops.includes('sign')) signing = secret;
  }
  if (!signing) throw new Error('no key signs');
  return { secrets, signing };
}

const keys = readKeys(process.env.JWT_KEYS_FILE);

const codeOf = (text, secret) => crypto.createHmac('sha256', secret).update(text);

function decodeJSON(segment) {
  try {
    return JSON.parse(Buffer.from(segment, 'base64url').toString());
  } catch {
    return null;
  }
}

// The caller of a request.
function callerOf(request) {
  const [scheme, token, ...rest] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'bearer' || !token || rest.length) throw BAD_TOKEN;
  const segments = token.split('.');
  if (segments.length !== 3) throw BAD_TOKEN;

  const header = decodeJSON(segments[0]);
  const secret = header?.alg === 'HS256' ? keys.secrets.get(header.kid) : undefined;
  if (!secret) throw BAD_TOKEN;
  // Compared as texts: Node's base64url takes more than one text for the same bytes.
  const given = Buffer.from(segments[2]);
  const code = Buffer.from(codeOf(`${segments[0]}.${segments[1]}`, secret).digest('base64url'));
  if (given.length !== code.length || !crypto.timingSafeEqual(given, code)) throw BAD_TOKEN;

  const claims = decodeJSON(segments[1]);
  const now = Math.floor(Date.now() / 1000);
  const isUpTo = (value, limit) => typeof value === 'number' && value <= limit;
  const isSound =
    claims?.iss === ISSUER &&
    claims.aud === AUDIENCE &&
    typeof claims.sub === 'string' &&
    typeof claims.role === 'string' &&
    typeof claims.exp === 'number' &&
    claims.exp > now &&
    isUpTo(claims.nbf, now + LEEWAY_SECONDS) &&
    isUpTo(claims.iat, now + LEEWAY_SECONDS);
  if (!isSound) throw BAD_TOKEN;
  return { id: claims.sub, isAdmin: claims.role === 'ADMIN' };
}

// The start of the next page, under a MAC that nobody else can make.
function pageToken(last) {
  const place = Buffer.from(last.created_at + last.id);
  return Buffer.concat([codeOf(place, keys.signing).digest().subarray(0, 16), place]).toString('base64url');
}

// A UUID version 7: 48 bits of milliseconds, then random ones, from a version 4. Source: RFC 9562 §5.7.
function newID(milliseconds) {
  const time = milliseconds.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}

// --- the database ---

const COLUMNS = 'id, title, description, status, priority, user_id, due_date, created_at, updated_at, version, reminders';

// A row is sent on as it is: its times as RFC 3339 (a Date would lose their microseconds), its version as a number.
const { builtins, setTypeParser } = pg.types;
setTypeParser(builtins.TIMESTAMPTZ, (text) => `${text.slice(0, 10)}T${text.slice(11, -3)}Z`);
setTypeParser(builtins.INT8, Number);

let tasks;

function openDatabase() {
  tasks = new pg.Pool({
    host: process.env.PGHOST,
    user: 'task_service',
    database: 'task_db',
    options: '-c TimeZone=UTC', // the times above end in +00
    max: CONNECTIONS,
    idleTimeoutMillis: 0,
  });
  tasks.on('error', (error) => console.error(error.message));
}

// pg prepares a statement with a name once per connection.
async function rows(name, text, values) {
  return (await tasks.query({ name, text, values })).rows;
}

// --- the contents of a body ---

// The statuses from which each can be reached.
const SOURCES = {
  PENDING: ['PENDING', 'IN_PROGRESS', 'CANCELLED'],
  IN_PROGRESS: ['PENDING', 'IN_PROGRESS', 'COMPLETED'],
  COMPLETED: ['PENDING', 'IN_PROGRESS', 'COMPLETED'],
  CANCELLED: ['PENDING', 'IN_PROGRESS', 'CANCELLED'],
};
const PRIORITIES = ['LOW', 'MEDIUM', 'HIGH', 'URGENT'];
const TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

// Characters, not UTF-16 units; only a text that may be too long is counted.
const isText = (value, maximum) =>
  typeof value === 'string' &&
  (value.length <= maximum || (value.length <= 2 * maximum && [...value].length <= maximum));

const isNullOr = (isSound) => (value) => value === null || isSound(value);

const FIELDS = new Map([
  ['title', (value) => value !== '' && isText(value, 255)],
  ['description', isNullOr((value) => isText(value, 10000))],
  ['status', (value) => typeof value === 'string' && Object.hasOwn(SOURCES, value)],
  ['priority', (value) => PRIORITIES.includes(value)],
  ['due_date', isNullOr((value) => typeof value === 'string' && TIME.test(value))],
]);

// An RFC 3339 time in UTC; the fraction as it was, up to microseconds, which a Date does not have.
function utc(text) {
  const [, day, , fraction = ''] = TIME.exec(text);
  // Date takes February 30 for March 2.
  const midnight = new Date(`${day}T00:00:00Z`);
  const date = new Date(text.replace(fraction, ''));
  if (isNaN(date) || !midnight.toISOString().startsWith(day)) throw INVALID;
  return date.toISOString().replace('.000', fraction.slice(0, 7));
}

function taskFields(text) {
  let fields;
  try {
    fields = JSON.parse(text);
  } catch {
    throw INVALID;
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw INVALID;
  for (const name of Object.keys(fields)) {
    if (!FIELDS.get(name)?.(fields[name])) throw INVALID;
  }
  if (fields.due_date) fields.due_date = utc(fields.due_date);
  return fields;
}

// --- the endpoints ---

async function getTask(id, caller) {
  const [task] = await rows('get', `SELECT ${COLUMNS} FROM tasks WHERE id = $1`, [id]);
  if (!task || (task.user_id !== caller.id && !caller.isAdmin)) throw NO_SUCH_TASK;
  return task;
}

async function listTasks(caller) {
  const found = await rows(
    'list',
    `SELECT ${COLUMNS} FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 51`,
    [caller.id],
  );
  const page = found.slice(0, PAGE_SIZE);
  return { tasks: page, next_page_token: found.length > PAGE_SIZE ? pageToken(page[PAGE_SIZE - 1]) : '' };
}

async function createTask(fields, caller) {
  if (fields.title === undefined) throw INVALID;
  const now = new Date();
  const time = now.toISOString();
  const task = {
    id: newID(now.getTime()),
    title: fields.title,
    description: fields.description ?? null,
    status: fields.status ?? 'PENDING',
    priority: fields.priority ?? 'MEDIUM',
    user_id: caller.id,
    due_date: fields.due_date ?? null,
    created_at: time,
    updated_at: time,
    version: 1,
    reminders: null,
  };
  await rows(
    'create',
    `INSERT INTO tasks (${COLUMNS}, next_reminder_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $7::timestamptz - interval '1 day')`,
    Object.values(task),
  );
  return task;
}

// A statement for each set of fields; its name says which.
async function updateTask(id, fields, caller) {
  const values = [id, new Date().toISOString()];
  const bind = (value) => `$${values.push(value)}`;
  let name = 'update';
  let sql = 'UPDATE tasks SET version = version + 1, updated_at = $2';
  for (const field of FIELDS.keys()) {
    if (!(field in fields)) continue;
    name += ` ${field}`;
    sql += `, ${field} = ${bind(fields[field])}`;
  }
  sql += ' WHERE id = $1';
  if (caller.isAdmin) name += ' of anybody';
  else sql += ` AND user_id = ${bind(caller.id)}`;
  if (fields.status) sql += ` AND status = ANY (${bind(SOURCES[fields.status])}::task_status[])`;
  const [task] = await rows(name, `${sql} RETURNING ${COLUMNS}`, values);
  if (!task) throw NO_SUCH_TASK;
  return task;
}

// --- HTTP ---

function readBody(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => resolve(Buffer.concat(chunks).toString()));
    request.on('error', reject);
  });
}

function answer(response, status, body, headers) {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

async function respond(request, response) {
  const { method } = request;
  const path = request.url.split('?', 1)[0];
  if (path === '/api/v1/auth/login') throw NO_LOGIN;
  const caller = callerOf(request);
  if (path === '/api/v1/tasks') {
    if (method === 'GET') {
      answer(response, 200, JSON.stringify(await listTasks(caller)));
    } else if (method === 'POST') {
      const task = await createTask(taskFields(await readBody(request)), caller);
      answer(response, 201, JSON.stringify(task), { Location: `/api/v1/tasks/${task.id}` });
    } else {
      throw NO_SUCH_PATH;
    }
  } else if (path.startsWith('/api/v1/tasks/') && (method === 'GET' || method === 'PATCH')) {
    const id = path.slice('/api/v1/tasks/'.length);
    const task =
      method === 'GET'
        ? await getTask(id, caller)
        : await updateTask(id, taskFields(await readBody(request)), caller);
    answer(response, 200, JSON.stringify(task), { ETag: `"${task.version}"` });
  } else {
    throw NO_SUCH_PATH;
  }
}

function refuse(request, response, error) {
  request.resume(); // a body that nobody read
  let refusal = INTERNAL;
  if (error instanceof Refusal) refusal = error;
  else if (error.code?.startsWith?.('22')) refusal = INVALID; // data that PostgreSQL cannot hold
  else console.error(error);
  answer(response, refusal.status, refusal.body);
}

function serve() {
  openDatabase();
  const server = http.createServer((request, response) => {
    respond(request, response).catch((error) => refuse(request, response, error));
  });
  server.keepAliveTimeout = 0; // the gateway ends its connections itself
  server.listen({ path: process.env.SOCKET, backlog: 1024, readableAll: true, writableAll: true });
}

if (cluster.isPrimary) {
  fs.rmSync(process.env.SOCKET, { force: true });
  for (let worker = 0; worker < Number(process.env.WORKERS); worker++) cluster.fork();
  let isEnding = false;
  cluster.on('exit', (worker) => {
    if (isEnding) return; // with the last worker this process ends too
    console.error(`worker ${worker.process.pid} ended`);
    process.exit(1);
  });
  process.on('SIGTERM', () => {
    isEnding = true;
    for (const worker of Object.values(cluster.workers)) worker.process.kill();
  });
} else {
  serve();
}
