package psrp

import "github.com/epo-dev/epo/psrp/clixml"

// GUID identifies a pool or a pipeline. The zero GUID stands for the pool
// wherever a target is named.
type GUID = clixml.GUID

// NewGUID makes a random GUID.
func NewGUID() GUID { return clixml.NewGUID() }
