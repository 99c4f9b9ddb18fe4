package psrp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/epo-dev/epo/psrp/clixml"
)

// DefaultMaxQueue is how many bytes of events one run keeps by default.
const DefaultMaxQueue = 8 << 20

// Config configures a pool. The zero value is a pool of one runspace with the
// null host and nobody to answer prompts.
type Config struct {
	MinRunspaces, MaxRunspaces int // 0 means 1; Max is at least Min

	// ProtocolVersion is the version to declare: "2.2", "2.3" or "2.4"; "" means
	// 2.3, which exchanges a session key with every server. 2.4 does not, and is
	// refused on a transport that is not confidential.
	ProtocolVersion string

	Host        *HostInfo   // nil: the null host
	HostHandler HostHandler // nil: Unattended

	// MaxObjectBytes is the largest object that is accepted, serialized; a
	// larger one breaks the pool. 0 means DefaultMaxObject.
	MaxObjectBytes int
	// MaxQueueBytes is how much of a run may wait for Next before the pool stops
	// reading. 0 means DefaultMaxQueue.
	MaxQueueBytes int

	OpenTimeout  time.Duration // for Open as a whole; 0 means 60 s
	AckTimeout   time.Duration // for one acknowledgement or answer of the server; 0 means 30 s
	CloseTimeout time.Duration // for Close as a whole; 0 means 10 s

	// Logger hears of messages that are ignored. Bodies are never logged.
	Logger *slog.Logger // nil: nothing is logged
}

func (c Config) withDefaults() (Config, error) {
	if c.MinRunspaces < 0 || c.MaxRunspaces < 0 || c.MaxObjectBytes < 0 || c.MaxQueueBytes < 0 {
		return c, errors.New("psrp: negative number in Config")
	}
	c.ProtocolVersion = cmp.Or(c.ProtocolVersion, "2.3")
	if !slices.Contains([]string{"2.2", "2.3", "2.4"}, c.ProtocolVersion) {
		return c, fmt.Errorf("%w: %q cannot be declared, only 2.2 to 2.4", ErrVersion, c.ProtocolVersion)
	}
	c.MinRunspaces = cmp.Or(c.MinRunspaces, 1)
	c.MaxRunspaces = max(c.MaxRunspaces, c.MinRunspaces)
	c.MaxObjectBytes = cmp.Or(c.MaxObjectBytes, DefaultMaxObject)
	c.MaxQueueBytes = cmp.Or(c.MaxQueueBytes, DefaultMaxQueue)
	c.OpenTimeout = cmp.Or(c.OpenTimeout, 60*time.Second)
	c.AckTimeout = cmp.Or(c.AckTimeout, 30*time.Second)
	c.CloseTimeout = cmp.Or(c.CloseTimeout, 10*time.Second)
	if c.HostHandler == nil {
		c.HostHandler = Unattended{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// declared is ProtocolVersion as a number.
func (c Config) declared() version {
	v, _ := parseVersion(c.ProtocolVersion) // withDefaults has checked it
	return v
}

// decode are the limits for the body of a received message.
func (c Config) decode() clixml.DecodeOptions {
	return clixml.DecodeOptions{MaxBytes: c.MaxObjectBytes}
}
