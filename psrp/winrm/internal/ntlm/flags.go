package ntlm

// Flags are the negotiate flags, [MS-NLMP] 2.2.2.5.
type Flags uint32

// The flags that matter here.
const (
	FlagUnicode         Flags = 1 << 0
	FlagRequestTarget   Flags = 1 << 2
	FlagSign            Flags = 1 << 4
	FlagSeal            Flags = 1 << 5
	FlagNTLM            Flags = 1 << 9
	FlagAlwaysSign      Flags = 1 << 15
	FlagExtendedSession Flags = 1 << 19
	FlagTargetInfo      Flags = 1 << 23
	FlagVersion         Flags = 1 << 25
	Flag128             Flags = 1 << 29
	FlagKeyExchange     Flags = 1 << 30
)

// Required is what both sides must agree on.
const Required = FlagUnicode | FlagSign | FlagSeal | FlagNTLM | FlagExtendedSession |
	FlagTargetInfo | Flag128 | FlagKeyExchange

const offered = Required | FlagRequestTarget | FlagAlwaysSign | FlagVersion

func (f Flags) has(all Flags) bool { return f&all == all }
