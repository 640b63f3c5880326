package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const refreshSeconds = 2592000

// A hash of no password, so that an unknown user takes as long as a known one.
const nobody = "$2b$12$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"

type credentials struct {
	Username *string `json:"username"`
	Password *string `json:"password"`
}

type user struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Role     string `json:"role"`
	hash     string
}

type session struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	User         user   `json:"user"`
}

func (s *server) login(w http.ResponseWriter, r *http.Request) error {
	given, err := readBody[credentials](w, r)
	if err != nil {
		return err
	}
	if given.Username == nil || given.Password == nil {
		return errInvalid
	}
	u, err := s.sessions.verify(*given.Username, *given.Password)
	if err != nil {
		return err
	}
	now := now()
	id, refresh := newID(now), newRefreshToken()
	if err := s.sessions.insert(id, &u, refresh, s.keys.signing.id, now); err != nil {
		return err
	}
	access, err := s.keys.accessToken(u.ID, u.Role, id, now)
	if err != nil {
		return err
	}
	body, err := json.Marshal(session{access, refresh, "Bearer", accessSeconds, u})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, body)
	return nil
}

type sessionStore struct {
	db                         *sql.DB
	find, lock, expire, create *sql.Stmt
	hashing                    chan struct{} // as many hashes at once as there are connections
}

func openSessionStore(connections int) (*sessionStore, error) {
	db, err := open("auth_service", "user_db", connections)
	if err != nil {
		return nil, err
	}
	s := &sessionStore{db: db, hashing: make(chan struct{}, connections)}
	for _, each := range []struct {
		statement **sql.Stmt
		query     string
	}{
		{&s.find, "SELECT id, username, role, password FROM users WHERE lower(username) = lower($1)"},
		{&s.lock, "SELECT 1 FROM users WHERE id = $1 AND password = $2 FOR SHARE"},
		{&s.expire, "DELETE FROM refresh_tokens WHERE user_id = $1 AND expires_at < now()"},
		{&s.create, "INSERT INTO refresh_tokens (id, user_id, token, key_id, expires_at, created_at, refreshed_at)" +
			" VALUES ($1, $2, $3, $4, $5, $6, $6)"},
	} {
		if *each.statement, err = db.Prepare(each.query); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// The user who has this name and this password.
func (s *sessionStore) verify(name, password string) (user, error) {
	u := user{hash: nobody}
	err := s.find.QueryRow(name).Scan(&u.ID, &u.Username, &u.Role, &u.hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return u, err
	}
	s.hashing <- struct{}{}
	isWrong := bcrypt.CompareHashAndPassword([]byte(u.hash), []byte(password)) != nil
	<-s.hashing
	if isWrong || err != nil {
		return u, errCredentials
	}
	return u, nil
}

// The user's row is read again under a lock, so that a password changed in the meantime takes effect.
func (s *sessionStore) insert(id string, u *user, refresh, keyID string, now time.Time) error {
	transaction, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer transaction.Rollback()
	var one int
	err = transaction.Stmt(s.lock).QueryRow(u.ID, u.hash).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return errCredentials
	}
	if err != nil {
		return err
	}
	if _, err := transaction.Stmt(s.expire).Exec(u.ID); err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(refresh))
	_, err = transaction.Stmt(s.create).Exec(id, u.ID, hex.EncodeToString(hash[:]), keyID,
		now.Add(refreshSeconds*time.Second), now)
	if err != nil {
		return err
	}
	return transaction.Commit()
}
