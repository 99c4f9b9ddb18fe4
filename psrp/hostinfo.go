package psrp

import (
	"cmp"

	"github.com/epo-dev/epo/psrp/clixml"
)

// HostInfo describes the host that the server should believe in. A nil
// *HostInfo is the null host: prompts fail at once inside the engine and only
// SetShouldExit is ever called.
//
// With UI, text that a script writes to its host arrives as [HostCallEvent]s
// and prompts go to the [HostHandler]; warnings, verbose, debug and progress
// then come twice, as record and as call. RawUI adds a screen size: without
// it lines are formatted for 80 columns.
type HostInfo struct {
	UI    bool
	RawUI bool // needs UI
	// Width and Height of window and buffer in characters; 0 means 120 and 50.
	// Formatted lines are at most Width-1 long.
	Width, Height int
}

const (
	defaultWidth  = 120
	defaultHeight = 50
)

func (h HostInfo) size() (width, height int) {
	return cmp.Or(h.Width, defaultWidth), cmp.Or(h.Height, defaultHeight)
}

// encodeHost makes the HostInfo bag. useRunspace makes a pipeline take over the
// host of its pool.
func encodeHost(h *HostInfo, useRunspace bool) *clixml.Object {
	null := h == nil
	ui := !null && h.UI
	raw := ui && h.RawUI
	bag := clixml.NewBag(
		clixml.Property{Name: "_isHostNull", Value: null},
		clixml.Property{Name: "_isHostUINull", Value: !ui},
		clixml.Property{Name: "_isHostRawUINull", Value: !raw},
		clixml.Property{Name: "_useRunspaceHost", Value: useRunspace},
	)
	if raw {
		bag.Extended = append(bag.Extended, clixml.Property{Name: "_hostDefaultData", Value: encodeScreen(*h)})
	}
	return bag
}

// encodeScreen makes the table of RawUI values, [MS-PSRP] 2.2.3.14.
func encodeScreen(h HostInfo) *clixml.Object {
	width, height := h.size()
	const color, coordinates = "System.ConsoleColor", "System.Management.Automation.Host.Coordinates"
	const sizeType = "System.Management.Automation.Host.Size"
	size := func() any { return encodeSize(width, height) }
	values := []*clixml.Object{
		typedValue(color, int32(7)),
		typedValue(color, int32(0)),
		typedValue(coordinates, encodeCoordinates(0, 0)),
		typedValue(coordinates, encodeCoordinates(0, 0)),
		typedValue("System.Int32", int32(25)),
		typedValue(sizeType, size()),
		typedValue(sizeType, size()),
		typedValue(sizeType, size()),
		typedValue(sizeType, size()),
		typedValue("System.String", ""),
	}
	entries := make([]clixml.Entry, len(values))
	for i, v := range values {
		entries[i] = clixml.Entry{Key: int32(i), Value: v}
	}
	return clixml.NewBag(clixml.Property{Name: "data", Value: clixml.NewHashtable(entries...)})
}

func typedValue(typeName string, v any) *clixml.Object {
	return clixml.NewBag(clixml.Property{Name: "T", Value: typeName}, clixml.Property{Name: "V", Value: v})
}

func encodeSize(width, height int) *clixml.Object {
	return clixml.NewBag(
		clixml.Property{Name: "width", Value: int32(width)},
		clixml.Property{Name: "height", Value: int32(height)})
}

func encodeCoordinates(x, y int) *clixml.Object {
	return clixml.NewBag(clixml.Property{Name: "x", Value: int32(x)}, clixml.Property{Name: "y", Value: int32(y)})
}
