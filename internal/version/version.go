// Package version tells which build of EPO is running. It is a leaf: everything may import it, it imports nothing of EPO.
package version

import "runtime/debug"

// version is set by the linker (see the Makefile).
var version string

// String returns the version that the build was given, else the revision that Go recorded, else "dev".
func String() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return s.Value[:12]
			}
		}
	}
	return "dev"
}
