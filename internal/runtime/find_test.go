package runtime

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// bare is a finder that finds nothing.
func bare(t *testing.T) finder {
	return finder{
		getenv:   func(string) string { return "" },
		lookPath: func(string) (string, error) { return "", exec.ErrNotFound },
		home:     t.TempDir(), dir: t.TempDir(), executable: filepath.Join(t.TempDir(), "epo-agent"), goos: "linux",
	}
}

func write(t *testing.T, mode os.FileMode, content string, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), mode))
	return path
}

func writeEngine(t *testing.T, version string, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	write(t, 0o644, `{"Microsoft.PowerShell.SDK": "`+version+`"}`, dir, "pwsh.deps.json")
	return write(t, 0o644, "", dir, "pwsh.dll")
}

// TestFindReal wants the engine of this machine, without the shim.
func TestFindReal(t *testing.T) {
	t.Parallel()
	e, err := Find(t.Context())
	require.NoError(t, err)
	require.True(t, e.Found())
	require.True(t, supported(e.Version), e.Version)
	asked, err := askVersion(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, asked, e.Version)
	require.FileExists(t, filepath.Join(e.Home, "pwsh.dll"))
	require.Contains(t, e.String(), e.Version)
}

func TestFindMissing(t *testing.T) {
	t.Parallel()
	_, err := bare(t).find(t.Context())
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "dotnet tool install --global PowerShell")
	require.ErrorContains(t, err, "PATH: nothing there")
}

func TestFindEnvironmentIsNotPassedOver(t *testing.T) {
	t.Parallel()
	f := bare(t)
	f.getenv = func(k string) string { return map[string]string{"EPO_PWSH": filepath.Join(f.dir, "nope")}[k] }
	f.lookPath = func(string) (string, error) { panic("looked on") }
	_, err := f.find(t.Context())
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "no such file")
}

func TestFindToolShim(t *testing.T) {
	t.Parallel()
	f := bare(t)
	tools := filepath.Join(f.home, ".dotnet", "tools")
	write(t, 0o755, "", tools, "pwsh")
	writeEngine(t, "7.4.1", tools, ".store/powershell/7.4.1/powershell/7.4.1/tools/net8.0/any/unix")
	want := writeEngine(t, "7.10.2", tools, ".store/powershell/7.10.2/powershell/7.10.2/tools/net10.0/any/unix")
	writeEngine(t, "7.10.2", tools, ".store/powershell/7.10.2/powershell/7.10.2/tools/net10.0/any/win")
	_, err := f.find(t.Context())
	require.ErrorContains(t, err, "no dotnet on PATH")

	dotnet := write(t, 0o755, "", f.home, ".dotnet", "dotnet")
	e, err := f.find(t.Context())
	require.NoError(t, err)
	require.Equal(t, Engine{Path: dotnet, Args: []string{want}, Version: "7.10.2", Edition: "Core", Home: filepath.Dir(want)}, e)
}

func TestFindPlainInstallation(t *testing.T) {
	t.Parallel()
	f := bare(t)
	dir := t.TempDir()
	writeEngine(t, "7.4.0", dir)
	pwsh := write(t, 0o755, "", dir, "pwsh")
	link := filepath.Join(t.TempDir(), "pwsh")
	require.NoError(t, os.Symlink(pwsh, link))
	f.lookPath = func(name string) (string, error) {
		if name == "pwsh" {
			return link, nil
		}
		return "", exec.ErrNotFound
	}
	e, err := f.find(t.Context())
	require.NoError(t, err)
	require.Equal(t, Engine{Path: pwsh, Version: "7.4.0", Edition: "Core", Home: dir}, e)
}

func TestFindRefusesOldAndBroken(t *testing.T) {
	t.Parallel()
	f := bare(t)
	dir := t.TempDir()
	writeEngine(t, "7.3.9", dir)
	old := write(t, 0o755, "", dir, "pwsh")
	f.lookPath = func(string) (string, error) { return old, nil }
	write(t, 0o755, "#!/bin/sh\nexit 3\n", f.home, ".dotnet", "tools", "pwsh")
	_, err := f.find(t.Context())
	require.ErrorContains(t, err, "is version 7.3.9")
	require.ErrorContains(t, err, "does not start")
}

// TestFindWrapper has a pwsh that only tells its version when it is started.
func TestFindWrapper(t *testing.T) {
	t.Parallel()
	f := bare(t)
	wrapper := write(t, 0o755, "#!/bin/sh\necho PowerShell 7.5.1\n", f.home, ".dotnet", "tools", "pwsh")
	e, err := f.find(t.Context())
	require.NoError(t, err)
	require.Equal(t, Engine{Path: wrapper, Version: "7.5.1", Edition: "Core"}, e)
}

func TestFindClone(t *testing.T) {
	t.Parallel()
	f := bare(t)
	write(t, 0o755, "#!/bin/sh\necho PowerShell 7.5.1\n", f.dir, ".tools", "pwsh", "pwsh")
	_, err := f.find(t.Context())
	require.Error(t, err, "a .tools folder without a module beside it is nobody's clone")

	write(t, 0o644, "module x\n", f.dir, "go.mod")
	f.dir = filepath.Join(f.dir, "internal", "runtime")
	require.NoError(t, os.MkdirAll(f.dir, 0o755))
	e, err := f.find(t.Context())
	require.NoError(t, err)
	require.Equal(t, "7.5.1", e.Version)

	f.executable, f.dir = filepath.Join(f.dir, "bin", "epo-agent"), t.TempDir()
	_, err = f.find(t.Context())
	require.NoError(t, err, "found from the executable's folder too")
}

// TestFindCloneOfOthers: as root, a clone that another account could write is
// left alone.
func TestFindCloneOfOthers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		require.False(t, trusted("/dev/null") && os.Geteuid() < 0)
		return // only root can make a file of somebody else
	}
	f := bare(t)
	p := write(t, 0o755, "#!/bin/sh\necho PowerShell 7.5.1\n", f.dir, ".tools", "pwsh", "pwsh")
	write(t, 0o644, "module x\n", f.dir, "go.mod")
	require.NoError(t, os.Chown(p, 65534, 65534))
	_, err := f.find(t.Context())
	require.ErrorIs(t, err, ErrMissing)
}

func TestFindHonoursContext(t *testing.T) {
	t.Parallel()
	f := bare(t)
	write(t, 0o755, "#!/bin/sh\nsleep 60\n", f.home, ".dotnet", "tools", "pwsh")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.find(ctx)
	require.True(t, errors.Is(err, ErrMissing))
}

func TestSupported(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"7.4.0": true, "7.4": true, "7.10.1": true, "8.0.0-preview.1": true,
		"7.3.11": false, "6.2.4": false, "5.1.22621": false, "": false, "x.y": false,
	} {
		require.Equal(t, want, supported(version), version)
	}
}

func TestStage(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	dll := writeEngine(t, "7.6.9", src, "engine")
	closed := write(t, 0o600, "closed", src, "engine", "Modules", "closed.psd1")
	dotnet := write(t, 0o755, "host", src, "dotnet", "dotnet")
	write(t, 0o644, "fxr", src, "dotnet", "host", "fxr.so")
	write(t, 0o644, "sdk", src, "dotnet", "sdk", "big")
	e := Engine{Path: dotnet, Args: []string{dll}, Version: "7.6.9", Edition: "Core", Home: filepath.Dir(dll)}
	staged, err := Stage(e, dst)
	require.NoError(t, err)
	require.Equal(t, "7.6.9", staged.Version)
	require.FileExists(t, staged.Path)
	require.FileExists(t, staged.Args[0])
	require.FileExists(t, filepath.Join(filepath.Dir(staged.Path), "host", "fxr.so"))
	require.NoDirExists(t, filepath.Join(filepath.Dir(staged.Path), "sdk"))
	info, err := os.Stat(filepath.Join(staged.Home, "Modules", "closed.psd1"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "others can read the copy")
	info, err = os.Stat(closed)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "and the original stays closed")

	again, err := Stage(e, dst)
	require.NoError(t, err)
	require.Equal(t, staged, again)
	_, err = Stage(Engine{Path: dotnet}, dst)
	require.Error(t, err)
}
