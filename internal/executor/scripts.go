package executor

import (
	_ "embed" // the scripts of this package
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
)

// outputMark is what wrap.ps1 puts before formatted text.
const outputMark = "\ufdd0"
