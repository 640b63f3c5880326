// The five endpoints in Go with net/http, database/sql and lib/pq. ../README.md describes what they do.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

const maximumBody = 1 << 20

type server struct {
	keys     *keyRing
	tasks    *taskStore
	sessions *sessionStore
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	workers, err := strconv.Atoi(os.Getenv("WORKERS"))
	if err != nil || workers < 1 {
		return errors.New("WORKERS must be a number above 0")
	}
	keys, err := readKeys(os.Getenv("JWT_KEYS_FILE"))
	if err != nil {
		return err
	}
	tasks, err := openTaskStore(workers)
	if err != nil {
		return err
	}
	sessions, err := openSessionStore(workers)
	if err != nil {
		return err
	}
	s := &server{keys, tasks, sessions}

	path := os.Getenv("SOCKET")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	// SIGTERM ends the process: Go's default.
	return http.Serve(listener, s.routes())
}

func (s *server) routes() http.Handler {
	list, create := s.signedIn(s.listTasks), s.signedIn(s.createTask)
	get, update := s.signedIn(s.getTask), s.signedIn(s.updateTask)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/auth/login", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			refuse(w, errNoSuchPath)
		} else if err := s.login(w, r); err != nil {
			refuse(w, err)
		}
	})
	mux.HandleFunc("/api/v1/tasks", func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			list(w, r)
		case http.MethodPost:
			create(w, r)
		default:
			refuse(w, errNoSuchPath)
		}
	})
	mux.HandleFunc("/api/v1/tasks/", func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			get(w, r)
		case http.MethodPatch:
			update(w, r)
		default:
			refuse(w, errNoSuchPath)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, errNoSuchPath) })
	return mux
}

type endpoint func(http.ResponseWriter, *http.Request, caller) error

// Lets only requests with a valid access token through.
func (s *server) signedIn(next endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, ok := s.keys.callerOf(r.Header.Get("Authorization"), time.Now())
		if !ok {
			refuse(w, errToken)
		} else if err := next(w, r, caller); err != nil {
			refuse(w, err)
		}
	}
}

func (s *server) getTask(w http.ResponseWriter, r *http.Request, caller caller) error {
	t, err := s.tasks.find(taskID(r), caller)
	if err != nil {
		return err
	}
	answerTask(w, http.StatusOK, &t)
	return nil
}

func (s *server) listTasks(w http.ResponseWriter, r *http.Request, caller caller) error {
	tasks, more, err := s.tasks.newest(caller)
	if err != nil {
		return err
	}
	buffer := buffers.Get().(*[]byte)
	body := append((*buffer)[:0], `{"tasks":[`...)
	for i := range tasks {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendTask(body, &tasks[i])
	}
	body = append(body, `],"next_page_token":"`...)
	if more {
		body = append(body, s.keys.pageToken(&tasks[len(tasks)-1])...)
	}
	body = append(body, `"}`...)
	answer(w, http.StatusOK, body)
	*buffer = body
	buffers.Put(buffer)
	return nil
}

func (s *server) createTask(w http.ResponseWriter, r *http.Request, caller caller) error {
	fields, err := readBody[taskFields](w, r)
	if err != nil {
		return err
	}
	if fields.Title.value == nil || !fields.areSound() {
		return errInvalid
	}
	t, err := s.tasks.insert(fields, caller, now())
	if err != nil {
		return err
	}
	w.Header()["Location"] = []string{"/api/v1/tasks/" + t.id}
	answerTask(w, http.StatusCreated, &t)
	return nil
}

func (s *server) updateTask(w http.ResponseWriter, r *http.Request, caller caller) error {
	fields, err := readBody[taskFields](w, r)
	if err != nil {
		return err
	}
	if !fields.areSound() {
		return errInvalid
	}
	t, err := s.tasks.update(taskID(r), fields, caller, now())
	if err != nil {
		return err
	}
	answerTask(w, http.StatusOK, &t)
	return nil
}

func taskID(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/api/v1/tasks/") }

// PostgreSQL keeps microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// One JSON object, without unknown fields, and with nothing after it.
func readBody[T any](w http.ResponseWriter, r *http.Request) (*T, error) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maximumBody))
	decoder.DisallowUnknownFields()
	var body *T // stays nil for a null
	if err := decoder.Decode(&body); err != nil || body == nil {
		return nil, errInvalid
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errInvalid
	}
	return body, nil
}

// --- answers ---

var (
	buffers  = sync.Pool{New: func() any { return new([]byte) }}
	jsonType = []string{"application/json"}
)

func answer(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body)
}

func answerTask(w http.ResponseWriter, status int, t *task) {
	buffer := buffers.Get().(*[]byte)
	*buffer = appendTask((*buffer)[:0], t)
	w.Header()["Etag"] = []string{`"` + strconv.FormatInt(t.version, 10) + `"`}
	answer(w, status, *buffer)
	buffers.Put(buffer)
}

// A refusal is an error that the client sees.
type refusal struct {
	status     int
	code, text string
}

func (r *refusal) Error() string { return r.text }

var (
	errInvalid     = &refusal{400, "INVALID_ARGUMENT", "a field is not valid"}
	errToken       = &refusal{401, "TOKEN_INVALID", "the access token is not valid"}
	errCredentials = &refusal{401, "INVALID_CREDENTIALS", "no user has this name and this password"}
	errNoSuchTask  = &refusal{404, "TASK_NOT_FOUND", "there is no such task, or it cannot go to that status"}
	errNoSuchPath  = &refusal{404, "NOT_FOUND", "there is nothing at this path"}
	errInternal    = &refusal{500, "INTERNAL", "something went wrong on our side"}
)

func refuse(w http.ResponseWriter, err error) {
	var known *refusal
	var database *pq.Error
	switch {
	case errors.As(err, &known):
	case errors.As(err, &database) && database.Code.Class() == "22": // data that PostgreSQL cannot hold
		known = errInvalid
	default:
		log.Print(err)
		known = errInternal
	}
	answer(w, known.status, []byte(`{"error":"`+known.text+`","code":"`+known.code+`"}`))
}
