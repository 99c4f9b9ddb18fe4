package gateway

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// HashCost is the cost of one Argon2id hash.
type HashCost struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

// DefaultHashCost is 64 MiB and three passes: about a tenth of a second. The floor, which stored hashes must reach as well,
// is 19 MiB and two passes.
func DefaultHashCost() HashCost { return HashCost{MemoryKiB: 64 << 10, Passes: 3, Threads: 1} }

const (
	minMemoryKiB = 19 << 10
	maxMemoryKiB = 256 << 10
	minPasses    = 2
	maxPasses    = 10
	maxThreads   = 4
	saltBytes    = 16
	hashBytes    = 32

	// A password has 1 to 128 characters in at most 512 bytes, one that is chosen now at least 12.
	maxPasswordChars = 128
	maxPasswordBytes = 512
	minChosenChars   = 12
)

// ErrPassword says that a password cannot be used; its text says why.
var ErrPassword = errors.New("a password has 1 to 128 characters")

// normalPassword brings a password into the one form (NFC) that is hashed, so that two keyboards type the same one.
func normalPassword(password string) (string, error) {
	if !utf8.ValidString(password) || len(password) > maxPasswordBytes {
		return "", ErrPassword
	}
	password = norm.NFC.String(password)
	if n := utf8.RuneCountInString(password); n == 0 || n > maxPasswordChars {
		return "", ErrPassword
	}
	return password, nil
}

// ErrWeakPassword says that a password is too easy to be chosen; its text says why.
var ErrWeakPassword = errors.New("a password has at least 12 characters, of which not all are the same")

// CheckChosenPassword refuses passwords that people may not choose. The error is [ErrPassword] or [ErrWeakPassword].
func CheckChosenPassword(password string) error {
	password, err := normalPassword(password)
	if err != nil {
		return err
	}
	first, _ := utf8.DecodeRuneInString(password)
	if utf8.RuneCountInString(password) < minChosenChars || strings.Trim(password, string(first)) == "" {
		return ErrWeakPassword
	}
	return nil
}

// passwordAlphabet has no characters that look alike.
const passwordAlphabet = "abcdefghjkmnpqrstuvwxyz23456789"

// NewPassword makes a password of 99 bits that people can read to each other: five groups of four.
func NewPassword() string {
	var b strings.Builder
	for i := 0; i < 20; {
		var one [1]byte
		_, _ = rand.Read(one[:]) // never fails
		if int(one[0]) >= 256/len(passwordAlphabet)*len(passwordAlphabet) {
			continue // would favour the first letters
		}
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(passwordAlphabet[int(one[0])%len(passwordAlphabet)])
		i++
	}
	return b.String()
}

// HashPassword returns the Argon2id hash of password in PHC form, with [DefaultHashCost]. It takes 64 MiB for a tenth of a
// second and gives them back to the operating system. The error is [ErrPassword].
func HashPassword(password string) (string, error) {
	defer debug.FreeOSMemory()
	return hashPassword(password, DefaultHashCost())
}

func hashPassword(password string, c HashCost) (string, error) {
	password, err := normalPassword(password)
	if err != nil {
		return "", err
	}
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	sum := argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Threads, hashBytes)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", c.MemoryKiB, c.Passes, c.Threads, encode(salt), encode(sum)), nil
}

// storedHash is a parsed hash.
type storedHash struct {
	cost HashCost
	salt []byte
	sum  []byte
}

var hashPattern = regexp.MustCompile(`^\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})$`)

// parseHash reads a hash of ours. It refuses costs that could exhaust the machine or are too weak.
func parseHash(encoded string) (storedHash, bool) {
	m := hashPattern.FindStringSubmatch(encoded)
	if m == nil {
		return storedHash{}, false
	}
	memory, _ := strconv.ParseUint(m[1], 10, 32)
	passes, _ := strconv.ParseUint(m[2], 10, 32)
	threads, _ := strconv.ParseUint(m[3], 10, 8)
	salt, err1 := base64.RawStdEncoding.DecodeString(m[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(m[5])
	bounded := memory >= minMemoryKiB && memory <= maxMemoryKiB && passes >= minPasses && passes <= maxPasses && threads >= 1 && threads <= maxThreads
	if err1 != nil || err2 != nil || !bounded {
		return storedHash{}, false
	}
	return storedHash{HashCost{uint32(memory), uint32(passes), uint8(threads)}, salt, sum}, true
}

// dummyHash costs as much as a real one and matches nothing.
func dummyHash(c HashCost) storedHash {
	return storedHash{cost: c, salt: make([]byte, saltBytes), sum: nil}
}

// matches reports, in a time that does not depend on the answer, whether password gives this hash.
func (h storedHash) matches(password string) bool {
	sum := argon2.IDKey([]byte(password), h.salt, h.cost.Passes, h.cost.MemoryKiB, h.cost.Threads, hashBytes)
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// accountKey is the one spelling of an account that attempts are counted under.
func accountKey(tenant, user string) string {
	fold := func(s string) string { return strings.ToLower(strings.TrimSpace(norm.NFKC.String(s))) }
	return fold(tenant) + "/" + fold(user)
}
