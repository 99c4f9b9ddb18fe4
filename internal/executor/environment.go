package executor

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is what every engine process gets, and nothing else of the
// agent's own: no secrets, no proxies, the same on every start.
func (e *Executor) environment(d directory, mark string) []string {
	env := []string{
		"PATH=" + cmp.Or(os.Getenv("PATH"), defaultPath),
		"HOME=" + d.home,
		"TMPDIR=" + d.tmp,
		"LANG=C.UTF-8", // another charset would garble native output
		"TERM=dumb",
		"NO_COLOR=1", // text without escape sequences
		"POWERSHELL_TELEMETRY_OPTOUT=1",
		"POWERSHELL_UPDATECHECK=Off",
		"POWERSHELL_DIAGNOSTICS_OPTOUT=1", // no socket that others can attach to
		"DOTNET_EnableDiagnostics=0",
		markName + "=" + mark,
	}
	if a := e.config.Account; a != nil {
		env = append(env, "USER="+a.Name, "LOGNAME="+a.Name)
	}
	if len(e.engine.Args) > 0 { // background jobs start pwsh, which looks for dotnet
		env = append(env, "DOTNET_ROOT="+filepath.Dir(e.engine.Path))
	}
	if tz := os.Getenv("TZ"); tz != "" {
		env = append(env, "TZ="+tz)
	}
	if runtime.GOOS == "windows" {
		env = append(env, windowsEnvironment(d)...)
	}
	return append(env, e.config.Env...)
}

// windowsEnvironment is what programs do not start without there.
func windowsEnvironment(d directory) []string {
	env := []string{"TEMP=" + d.tmp, "TMP=" + d.tmp, "USERPROFILE=" + d.home}
	for _, name := range []string{
		"SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "ProgramData", "ProgramFiles", "ProgramFiles(x86)",
		"CommonProgramFiles", "PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS", "OS", "COMPUTERNAME", "ALLUSERSPROFILE",
	} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
