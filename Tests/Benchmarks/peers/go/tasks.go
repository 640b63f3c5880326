package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"
)

const pageSize = 50

const columns = "id, title, description, status, priority, user_id, due_date, created_at, updated_at, version, reminders"

type task struct {
	id, title            string
	description          sql.NullString
	status, priority     string
	userID               string
	dueDate              sql.NullTime
	createdAt, updatedAt time.Time
	version              int64
	reminders            []int64 // nil: NULL
}

func (t *task) scan(row interface{ Scan(...any) error }) error {
	return row.Scan(&t.id, &t.title, &t.description, &t.status, &t.priority, &t.userID, &t.dueDate,
		&t.createdAt, &t.updatedAt, &t.version, pq.Array(&t.reminders))
}

// --- the contents of a body ---

// A field tells apart what was not sent, null, and a text.
type field struct {
	isThere bool
	value   *string
}

func (f *field) UnmarshalJSON(text []byte) error {
	f.isThere = true
	if bytes.Equal(text, []byte("null")) {
		f.value = nil
		return nil
	}
	return json.Unmarshal(text, &f.value)
}

func (f *field) nullable() sql.NullString {
	if f.value == nil {
		return sql.NullString{}
	}
	return sql.NullString{String: *f.value, Valid: true}
}

type taskFields struct {
	Title       field `json:"title"`
	Description field `json:"description"`
	Status      field `json:"status"`
	Priority    field `json:"priority"`
	DueDate     field `json:"due_date"`

	due sql.NullTime
}

// The statuses from which each can be reached, as PostgreSQL writes arrays.
var sources = map[string]string{
	"PENDING":     "{PENDING,IN_PROGRESS,CANCELLED}",
	"IN_PROGRESS": "{PENDING,IN_PROGRESS,COMPLETED}",
	"COMPLETED":   "{PENDING,IN_PROGRESS,COMPLETED}",
	"CANCELLED":   "{PENDING,IN_PROGRESS,CANCELLED}",
}

var priorities = map[string]bool{"LOW": true, "MEDIUM": true, "HIGH": true, "URGENT": true}

// Checks the fields that were sent, and reads the due date.
func (f *taskFields) areSound() bool {
	if f.Title.isThere && (f.Title.value == nil || *f.Title.value == "" ||
		utf8.RuneCountInString(*f.Title.value) > 255) {
		return false
	}
	if f.Description.value != nil && utf8.RuneCountInString(*f.Description.value) > 10000 {
		return false
	}
	if f.Status.isThere && (f.Status.value == nil || sources[*f.Status.value] == "") {
		return false
	}
	if f.Priority.isThere && (f.Priority.value == nil || !priorities[*f.Priority.value]) {
		return false
	}
	if f.DueDate.value != nil {
		due, err := time.Parse(time.RFC3339, *f.DueDate.value)
		if err != nil {
			return false
		}
		f.due = sql.NullTime{Time: due.UTC().Truncate(time.Microsecond), Valid: true}
	}
	return true
}

// --- the database ---

type taskStore struct {
	db                *sql.DB
	get, list, create *sql.Stmt

	mutex   sync.Mutex
	updates map[string]*sql.Stmt // a statement for each set of fields
}

func open(role, database string, connections int) (*sql.DB, error) {
	// PGHOST says where.
	db, err := sql.Open("postgres", "user="+role+" dbname="+database+" sslmode=disable")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, db.Ping()
}

func openTaskStore(connections int) (*taskStore, error) {
	db, err := open("task_service", "task_db", connections)
	if err != nil {
		return nil, err
	}
	s := &taskStore{db: db, updates: map[string]*sql.Stmt{}}
	if s.get, err = db.Prepare("SELECT " + columns + " FROM tasks WHERE id = $1"); err != nil {
		return nil, err
	}
	s.list, err = db.Prepare("SELECT " + columns +
		" FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 51")
	if err != nil {
		return nil, err
	}
	s.create, err = db.Prepare(
		"INSERT INTO tasks (id, title, description, status, priority, user_id, due_date, created_at, updated_at, next_reminder_at)" +
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $7::timestamptz - interval '1 day')")
	return s, err
}

// Queries have no context: lib/pq starts a goroutine for each that has one, and these are short.

func (s *taskStore) find(id string, caller caller) (t task, err error) {
	err = t.scan(s.get.QueryRow(id))
	if errors.Is(err, sql.ErrNoRows) || err == nil && t.userID != caller.id && !caller.isAdmin {
		err = errNoSuchTask
	}
	return t, err
}

// The first page, and whether there is another.
func (s *taskStore) newest(caller caller) ([]task, bool, error) {
	rows, err := s.list.Query(caller.id)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	tasks := make([]task, 0, pageSize+1)
	for rows.Next() {
		tasks = append(tasks, task{})
		if err := tasks[len(tasks)-1].scan(rows); err != nil {
			return nil, false, err
		}
	}
	if len(tasks) > pageSize {
		return tasks[:pageSize], true, rows.Err()
	}
	return tasks, false, rows.Err()
}

func (s *taskStore) insert(fields *taskFields, caller caller, now time.Time) (task, error) {
	t := task{
		id: newID(now), title: *fields.Title.value, description: fields.Description.nullable(),
		status: "PENDING", priority: "MEDIUM", userID: caller.id, dueDate: fields.due,
		createdAt: now, updatedAt: now, version: 1,
	}
	if fields.Status.isThere {
		t.status = *fields.Status.value
	}
	if fields.Priority.isThere {
		t.priority = *fields.Priority.value
	}
	_, err := s.create.Exec(t.id, t.title, t.description, t.status, t.priority, t.userID, t.dueDate, now)
	return t, err
}

func (s *taskStore) update(id string, fields *taskFields, caller caller, now time.Time) (t task, err error) {
	query := []byte("UPDATE tasks SET version = version + 1, updated_at = $2")
	values := []any{id, now}
	bind := func(text string, value any) {
		values = append(values, value)
		query = append(query, text...)
		query = strconv.AppendInt(query, int64(len(values)), 10)
	}
	if fields.Title.isThere {
		bind(", title = $", *fields.Title.value)
	}
	if fields.Description.isThere {
		bind(", description = $", fields.Description.nullable())
	}
	if fields.Status.isThere {
		bind(", status = $", *fields.Status.value)
	}
	if fields.Priority.isThere {
		bind(", priority = $", *fields.Priority.value)
	}
	if fields.DueDate.isThere {
		bind(", due_date = $", fields.due)
	}
	query = append(query, " WHERE id = $1"...)
	if !caller.isAdmin {
		bind(" AND user_id = $", caller.id)
	}
	if fields.Status.isThere {
		bind(" AND status = ANY ($", sources[*fields.Status.value])
		query = append(query, "::task_status[])"...)
	}
	query = append(query, " RETURNING "+columns...)

	statement, err := s.prepared(string(query))
	if err != nil {
		return t, err
	}
	err = t.scan(statement.QueryRow(values...))
	if errors.Is(err, sql.ErrNoRows) {
		err = errNoSuchTask
	}
	return t, err
}

func (s *taskStore) prepared(query string) (*sql.Stmt, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if statement := s.updates[query]; statement != nil {
		return statement, nil
	}
	statement, err := s.db.Prepare(query)
	if err == nil {
		s.updates[query] = statement
	}
	return statement, err
}

// --- JSON, by hand: encoding/json's reflection would take longer than the query of a list ---

const hexadecimal = "0123456789abcdef"

func appendTask(b []byte, t *task) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, t.id)
	b = append(b, `,"title":`...)
	b = appendString(b, t.title)
	b = append(b, `,"description":`...)
	if t.description.Valid {
		b = appendString(b, t.description.String)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"status":`...)
	b = appendString(b, t.status)
	b = append(b, `,"priority":`...)
	b = appendString(b, t.priority)
	b = append(b, `,"user_id":`...)
	b = appendString(b, t.userID)
	b = append(b, `,"due_date":`...)
	if t.dueDate.Valid {
		b = appendTime(b, t.dueDate.Time)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"created_at":`...)
	b = appendTime(b, t.createdAt)
	b = append(b, `,"updated_at":`...)
	b = appendTime(b, t.updatedAt)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, t.version, 10)
	b = append(b, `,"reminders":`...)
	if t.reminders == nil {
		return append(b, "null}"...)
	}
	b = append(b, '[')
	for i, minutes := range t.reminders {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, minutes, 10)
	}
	return append(b, "]}"...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hexadecimal[c>>4], hexadecimal[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
