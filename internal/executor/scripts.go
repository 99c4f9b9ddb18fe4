package executor

import (
	_ "embed" // the scripts of this package
	"strings"
)

// The pipelines around a script; each file says what it is for.
var (
	//go:embed scripts/seal.ps1
	sealScript string
	//go:embed scripts/pre.ps1
	preScript string
	//go:embed scripts/wrap.ps1
	wrapScript string
	//go:embed scripts/tail.ps1
	tailScript string
	//go:embed scripts/warm.ps1
	warmScript string
	//go:embed scripts/ready.ps1
	readyScript string

	// On remote engines. These, pre.ps1 and wrap.ps1 also run on Windows
	// PowerShell 5.1, and must not use the syntax of later versions.
	//go:embed scripts/probe.ps1
	probeScript string
	//go:embed scripts/upload.ps1
	uploadScript string
	//go:embed scripts/clean.ps1
	cleanScript string
	//go:embed scripts/reap.ps1
	reapScript string
)

// oldWrapScript is wrapScript for engines without clean blocks: before 7.3 a
// table that an error or a stop cuts short loses its last rows of text.
var oldWrapScript, _, _ = strings.Cut(wrapScript, "\nclean ")

// outputMark is what wrap.ps1 puts before formatted text.
const outputMark = "\ufdd0"
