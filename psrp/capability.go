package psrp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/epo-dev/epo/psrp/clixml"
)

// version is a protocol version; only major and minor have a meaning.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// atLeast tells whether something added in 2.minor may be used.
func (v version) atLeast(minor int) bool { return v.minor >= minor }

func parseVersion(s string) (version, error) {
	major, rest, ok := strings.Cut(s, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.ParseUint(major, 10, 15)
	b, err2 := strconv.ParseUint(minor, 10, 15)
	if !ok || err1 != nil || err2 != nil {
		return version{}, protocolError("capability", "version %.40q", s)
	}
	return version{int(a), int(b)}, nil
}

// oldest is the oldest version that is spoken: that of PowerShell 3.
const oldest = 2

// negotiate gives the version both sides speak.
func negotiate(own, server version) (version, error) {
	if server.major != own.major || server.minor < oldest {
		return version{}, fmt.Errorf("%w: the server has %v, this client speaks %d.%d to %v",
			ErrVersion, server, own.major, oldest, own)
	}
	return version{server.major, min(server.minor, own.minor)}, nil
}

// encodeCapability makes the body of SESSION_CAPABILITY, [MS-PSRP] 2.2.2.1.
func encodeCapability(own version) *clixml.Object {
	return clixml.NewBag(
		clixml.Property{Name: "protocolversion", Value: clixml.Version(own.String())},
		clixml.Property{Name: "PSVersion", Value: clixml.Version("2.0")},
		clixml.Property{Name: "SerializationVersion", Value: clixml.Version("1.1.0.1")},
	)
}

// decodeCapability gives the version that the server's answer leads to.
func decodeCapability(body []byte, own version) (version, error) {
	v, err := clixml.Decode(body, clixml.DecodeOptions{})
	if err != nil {
		return version{}, fmt.Errorf("decode capability: %w", err)
	}
	server, err := parseVersion(textOf(member(v, "protocolversion")))
	if err != nil {
		return version{}, err
	}
	return negotiate(own, server)
}

// encodeInit makes the body of INIT_RUNSPACEPOOL, [MS-PSRP] 2.2.2.2.
func encodeInit(c Config) *clixml.Object {
	return clixml.NewBag(
		clixml.Property{Name: "MinRunspaces", Value: int32(c.MinRunspaces)},
		clixml.Property{Name: "MaxRunspaces", Value: int32(c.MaxRunspaces)},
		clixml.Property{Name: "PSThreadOptions", Value: clixml.NewEnum(
			"System.Management.Automation.Runspaces.PSThreadOptions", "Default", 0)},
		clixml.Property{Name: "ApartmentState", Value: unknownApartment()},
		clixml.Property{Name: "HostInfo", Value: encodeHost(c.Host, false)},
		clixml.Property{Name: "ApplicationArguments", Value: nil},
	)
}

func unknownApartment() *clixml.Object {
	return clixml.NewEnum("System.Management.Automation.Runspaces.ApartmentState", "Unknown", 2)
}
