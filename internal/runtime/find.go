package runtime

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Find looks for PowerShell. The error is a *MissingError, for which
// errors.Is(err, ErrMissing) holds. It starts a process only where the version
// is not written beside the engine.
func Find(ctx context.Context) (Engine, error) {
	return newFinder().find(ctx)
}

// finder holds what Find takes from its surroundings.
type finder struct {
	getenv     func(string) string
	lookPath   func(string) (string, error)
	home       string
	dir        string // the working directory
	executable string
	goos       string
	dotnetDirs []string
}

func newFinder() finder {
	home, _ := os.UserHomeDir()
	dir, _ := os.Getwd()
	executable, _ := os.Executable()
	return finder{
		getenv: os.Getenv, lookPath: exec.LookPath, home: home, dir: dir, executable: executable, goos: runtime.GOOS,
		dotnetDirs: []string{"/usr/share/dotnet", "/usr/lib/dotnet", "/usr/lib64/dotnet", "/usr/local/share/dotnet"},
	}
}

// candidate is one place to look at.
type candidate struct{ where, path string }

func (f finder) find(ctx context.Context) (Engine, error) {
	if p := f.getenv("EPO_PWSH"); p != "" {
		e, err := f.inspect(ctx, p)
		if err != nil {
			return Engine{}, &MissingError{Looked: []string{fmt.Sprintf("EPO_PWSH=%s: %v", p, err)}}
		}
		return e, nil
	}
	var looked []string
	for _, c := range f.candidates() {
		if c.path == "" {
			looked = append(looked, c.where+": nothing there")
			continue
		}
		e, err := f.inspect(ctx, c.path)
		if err == nil {
			return e, nil
		}
		looked = append(looked, fmt.Sprintf("%s: %s: %v", c.where, c.path, err))
	}
	return Engine{}, &MissingError{Looked: looked}
}

func (f finder) candidates() []candidate {
	onPath, err := f.lookPath("pwsh")
	if err != nil {
		onPath = ""
	}
	list := []candidate{
		{"PATH", onPath},
		{"~/.dotnet/tools", f.file(filepath.Join(f.home, ".dotnet", "tools", f.exe("pwsh")))},
		{".tools/pwsh", f.file(f.cloneTool())},
	}
	if f.goos == "windows" {
		list = append(list, candidate{"Program Files", f.file(filepath.Join(f.getenv("ProgramFiles"), "PowerShell", "7", "pwsh.exe"))})
	}
	return list
}

func (f finder) exe(name string) string {
	if f.goos == "windows" {
		return name + ".exe"
	}
	return name
}

// file gives path if it is a file, else "".
func (finder) file(path string) string {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return ""
	}
	return path
}

// cloneTool looks for .tools/pwsh/pwsh in the clone that the working directory
// or the executable lies in. Files of other users are left alone: the working
// directory of an agent may be anybody's.
func (f finder) cloneTool() string {
	for _, start := range []string{f.dir, filepath.Dir(f.executable)} {
		for dir := start; dir != "" && dir != "."; dir = filepath.Dir(dir) {
			p := filepath.Join(dir, ".tools", "pwsh", f.exe("pwsh"))
			if f.file(p) != "" && f.file(filepath.Join(dir, "go.mod")) != "" && trusted(p) {
				return p
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return ""
}

// inspect resolves one pwsh and its version.
func (f finder) inspect(ctx context.Context, path string) (Engine, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Engine{}, err
	}
	if f.file(path) == "" {
		return Engine{}, fmt.Errorf("no such file")
	}
	e, err := f.resolve(path)
	if err != nil {
		return Engine{}, err
	}
	if e.Version = writtenVersion(e.Home); e.Version == "" {
		if e.Version, err = askVersion(ctx, e); err != nil {
			return Engine{}, err
		}
	}
	if !supported(e.Version) {
		return Engine{}, fmt.Errorf("is version %s", e.Version)
	}
	e.Edition = "Core"
	return e, nil
}

// resolve tells apart the real pwsh, a pwsh.dll, the shim of a .NET tool, and
// anything else, which is started as it is.
func (f finder) resolve(path string) (Engine, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Engine{}, err
	}
	dir := filepath.Dir(real)
	switch {
	case strings.EqualFold(filepath.Base(real), "pwsh.dll"):
		return f.managed(real)
	case f.file(filepath.Join(dir, "pwsh.dll")) != "":
		return Engine{Path: real, Home: dir}, nil
	}
	if dll := f.toolDLL(dir); dll != "" {
		return f.managed(dll)
	}
	return Engine{Path: path}, nil
}

// toolDLL finds the newest engine in the store beside a .NET tool's shim.
func (f finder) toolDLL(dir string) string {
	platform := "unix"
	if f.goos == "windows" {
		platform = "win"
	}
	found, _ := filepath.Glob(filepath.Join(dir, ".store", "powershell*", "*", "powershell*", "*", "tools", "*", "any", platform, "pwsh.dll"))
	if len(found) == 0 {
		return ""
	}
	return slices.MaxFunc(found, func(a, b string) int {
		return compareVersions(writtenVersion(filepath.Dir(a)), writtenVersion(filepath.Dir(b)))
	})
}

// managed makes the engine that dotnet runs.
func (f finder) managed(dll string) (Engine, error) {
	dotnet := f.dotnet()
	if dotnet == "" {
		return Engine{}, fmt.Errorf("is a .NET tool, and there is no dotnet on PATH or in DOTNET_ROOT")
	}
	return Engine{Path: dotnet, Args: []string{dll}, Home: filepath.Dir(dll)}, nil
}

func (f finder) dotnet() string {
	paths := []string{}
	if root := f.getenv("DOTNET_ROOT"); root != "" {
		paths = append(paths, filepath.Join(root, f.exe("dotnet")))
	}
	if p, err := f.lookPath("dotnet"); err == nil {
		paths = append(paths, p)
	}
	for _, dir := range append(f.dotnetDirs, filepath.Join(f.home, ".dotnet")) {
		paths = append(paths, filepath.Join(dir, f.exe("dotnet")))
	}
	for _, p := range paths {
		if real, err := filepath.EvalSymlinks(p); err == nil && f.file(real) != "" {
			return real
		}
	}
	return ""
}

var depsVersion = regexp.MustCompile(`"Microsoft\.PowerShell\.SDK": "([0-9]+\.[0-9]+\.[0-9]+[-.0-9A-Za-z]*)"`)

// writtenVersion reads the version out of the engine's dependency list.
func writtenVersion(home string) string {
	if home == "" {
		return ""
	}
	file, err := os.Open(filepath.Join(home, "pwsh.deps.json"))
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, 64<<10)
	n, _ := file.Read(head)
	if m := depsVersion.FindSubmatch(head[:n]); m != nil {
		return string(m[1])
	}
	return ""
}

const askTimeout = 15 * time.Second

// askVersion starts the engine to hear its version.
func askVersion(ctx context.Context, e Engine) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.Path, append(slices.Clone(e.Args), "-Version")...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("does not start: %w", err)
	}
	version, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "PowerShell ")
	if !ok {
		return "", fmt.Errorf("does not say its version")
	}
	return version, nil
}

// compareVersions orders dotted numbers; anything behind them is not compared.
func compareVersions(a, b string) int {
	numbers := func(s string) (n [3]int) {
		_, _ = fmt.Sscanf(s, "%d.%d.%d", &n[0], &n[1], &n[2])
		return n
	}
	x, y := numbers(a), numbers(b)
	return slices.Compare(x[:], y[:])
}
