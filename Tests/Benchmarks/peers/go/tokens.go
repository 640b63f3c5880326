package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	issuer        = "task-management"
	audience      = "task-management-api"
	leewaySeconds = 5
	accessSeconds = 86400
)

var base64url = base64.RawURLEncoding.Strict()

type key struct {
	id     string
	secret []byte
}

func (k *key) sign(text string) []byte {
	code := hmac.New(sha256.New, k.secret)
	code.Write([]byte(text))
	return code.Sum(nil)
}

type keyRing struct {
	keys    map[string]*key
	signing *key
}

func readKeys(path string) (*keyRing, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []struct {
			Kid        string   `json:"kid"`
			Alg        string   `json:"alg"`
			K          string   `json:"k"`
			Operations []string `json:"key_ops"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	ring := &keyRing{keys: map[string]*key{}}
	for _, entry := range set.Keys {
		secret, err := base64url.DecodeString(entry.K)
		if err != nil || entry.Alg != "HS256" {
			return nil, fmt.Errorf("the key %q cannot be used", entry.Kid)
		}
		k := &key{entry.Kid, secret}
		ring.keys[k.id] = k
		for _, operation := range entry.Operations {
			if operation == "sign" {
				ring.signing = k
			}
		}
	}
	if ring.signing == nil {
		return nil, errors.New("no key signs")
	}
	return ring, nil
}

// --- access tokens ---

type caller struct {
	id      string
	isAdmin bool
}

type claims struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Subject   string   `json:"sub"`
	Role      string   `json:"role"`
	Session   string   `json:"sid"`
	ID        string   `json:"jti"`
	IssuedAt  *float64 `json:"iat"`
	NotBefore *float64 `json:"nbf"`
	Expires   *float64 `json:"exp"`
}

// The caller of a request; false without a valid token.
func (r *keyRing) callerOf(authorization string, now time.Time) (caller, bool) {
	const scheme = "Bearer "
	if len(authorization) < len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return caller{}, false
	}
	token := authorization[len(scheme):]
	first, last := strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	if first == last {
		return caller{}, false
	}

	var header struct {
		Algorithm string `json:"alg"`
		Key       string `json:"kid"`
	}
	if !decodeSegment(token[:first], &header) || header.Algorithm != "HS256" {
		return caller{}, false
	}
	key := r.keys[header.Key]
	if key == nil {
		return caller{}, false
	}
	signature, err := base64url.DecodeString(token[last+1:])
	if err != nil || !hmac.Equal(signature, key.sign(token[:last])) {
		return caller{}, false
	}

	// A third dot would be in here, and is not base64url.
	var c claims
	if !decodeSegment(token[first+1:last], &c) {
		return caller{}, false
	}
	seconds := float64(now.Unix())
	isSound := c.Issuer == issuer && c.Audience == audience && c.Subject != "" && c.Role != "" &&
		c.Expires != nil && *c.Expires > seconds &&
		c.NotBefore != nil && *c.NotBefore <= seconds+leewaySeconds &&
		c.IssuedAt != nil && *c.IssuedAt <= seconds+leewaySeconds
	return caller{c.Subject, c.Role == "ADMIN"}, isSound
}

func decodeSegment(segment string, into any) bool {
	text, err := base64url.DecodeString(segment)
	return err == nil && json.Unmarshal(text, into) == nil
}

func (r *keyRing) accessToken(user, role, session string, now time.Time) (string, error) {
	seconds := float64(now.Unix())
	expires := seconds + accessSeconds
	header, err := json.Marshal(map[string]string{"alg": "HS256", "typ": "JWT", "kid": r.signing.id})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims{issuer, audience, user, role, session, newID(now), &seconds, &seconds, &expires})
	if err != nil {
		return "", err
	}
	text := base64url.EncodeToString(header) + "." + base64url.EncodeToString(payload)
	return text + "." + base64url.EncodeToString(r.signing.sign(text)), nil
}

// --- other tokens, and ids ---

// The start of the next page, under a MAC that nobody else can make.
func (r *keyRing) pageToken(last *task) string {
	place := last.createdAt.UTC().Format(time.RFC3339Nano) + last.id
	return base64url.EncodeToString(append(r.signing.sign(place)[:16], place...))
}

func randomBytes(bytes []byte) {
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
}

// A refresh token of 256 random bits.
func newRefreshToken() string {
	var bytes [32]byte
	randomBytes(bytes[:])
	return base64url.EncodeToString(bytes[:])
}

// A UUID version 7: 48 bits of milliseconds, then random ones. Source: RFC 9562 §5.7.
func newID(now time.Time) string {
	var bytes [16]byte
	binary.BigEndian.PutUint64(bytes[:], uint64(now.UnixMilli())<<16)
	randomBytes(bytes[6:])
	bytes[6] = 0x70 | bytes[6]&0x0f
	bytes[8] = 0x80 | bytes[8]&0x3f
	var text [36]byte
	hex.Encode(text[:], bytes[:4])
	text[8] = '-'
	hex.Encode(text[9:], bytes[4:6])
	text[13] = '-'
	hex.Encode(text[14:], bytes[6:8])
	text[18] = '-'
	hex.Encode(text[19:], bytes[8:10])
	text[23] = '-'
	hex.Encode(text[24:], bytes[10:])
	return string(text[:])
}
