package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Engine is a PowerShell that can be started: Path with Args and then the
// arguments of pwsh itself.
type Engine struct {
	Path    string   // absolute path of pwsh, or of dotnet
	Args    []string // the engine's pwsh.dll where Path is dotnet
	Version string   // for example 7.6.9
	Edition string   // always Core
	Home    string   // the folder of the engine's files, "" where unknown
}

// String names the engine for people.
func (e Engine) String() string {
	return fmt.Sprintf("PowerShell %s (%s)", e.Version, strings.Join(append([]string{e.Path}, e.Args...), " "))
}

// Found tells whether e is an engine at all.
func (e Engine) Found() bool { return e.Path != "" }

// ErrMissing is in the chain of every error of [Find] that says there is no
// usable PowerShell.
var ErrMissing = errors.New("PowerShell 7.4 or later was not found")

// MissingError tells where was looked and what to type.
type MissingError struct {
	Looked []string // one line for each place, with what was wrong there
}

// Error is a text of several lines for people.
func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString(ErrMissing.Error())
	for _, l := range e.Looked {
		b.WriteString("\n  " + l)
	}
	b.WriteString("\nInstall it with the .NET SDK:  dotnet tool install --global PowerShell" +
		"\nor as https://aka.ms/powershell says; EPO_PWSH names a pwsh that is not on PATH.")
	return b.String()
}

// Is makes errors.Is(err, ErrMissing) true.
func (e *MissingError) Is(target error) bool { return target == ErrMissing }

const (
	minMajor = 7
	minMinor = 4
)

// supported tells whether a version such as 7.6.0-preview.2 is 7.4 or later.
func supported(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return err1 == nil && err2 == nil && (a > minMajor || a == minMajor && b >= minMinor)
}
