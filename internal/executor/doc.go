// Package executor runs one script on this machine: it keeps warm PowerShell
// processes, hands one to each attempt, turns everything the engine says into
// numbered records, and leaves nothing of it behind. It works without a server;
// the agent and `epo-agent exec` both use it.
//
// # One attempt
//
// Every attempt has a process, a directory and a TMPDIR of its own. The exact
// bytes of the script are written to a file and run by path:
//
//	PRE   location, the flag that makes `exit N` of a file reach the host,
//	      and the check for parameter names that the script does not have
//	MAIN  the script with its parameters bound by name, piped into WRAP, which
//	      shows each object as a console would and passes the object on
//	TAIL  only where the flag could not be set: reads $LASTEXITCODE
//
// The result: `exit N` decides; else an error that ended the script means
// failed with exit code 1; else it succeeded. Error records and exit codes of
// native programs alone change nothing. A script that was stopped is cancelled
// or timed out. A process that dies before the script's end is engine_died.
//
// # Records
//
// Lines of formatted text (output) and the objects themselves (object) both
// come, an object's lines before it. What a console shows of Write-Host, of
// other host output and of child processes comes in stream host; information
// holds the typed copy of Write-Host and Write-Information. A console view is
// therefore output, host, warning, verbose, debug, error and system. The error
// that ended a script is in the result, not among the error records; its text
// is in the log as a system record.
//
// Emit is called from one goroutine at a time; while it blocks, the engine
// soon blocks too, so a flood of output uses bounded memory.
//
// # Inspection
//
// InspectScript lets PowerShell's own parser read a script: errors, the param()
// block, help, requirements. Nothing of the script is run, and what would make
// the parser itself act is found first (scripts/inspect.ps1). The process that
// parses is never handed to a run; 10 s of processor time, 45 s on the clock
// and 512 MiB end it.
//
// # Isolation
//
// Given an account, the engine runs as it and Isolation is "account"; else
// scripts can do all that the agent's account can, and Isolation is "none".
// Descriptors 0 and 1 of a process are sealed before any script runs: neither
// it nor its children can read or forge protocol.
//
// An end kills the whole process tree: the process group, then the cgroup (v2,
// where the agent may make one), which nothing can leave. Without a cgroup,
// processes are found by group, parents and a mark in their
// environment; a child that leaves all of these on purpose can survive.
//
// PowerShell.Exiting handlers do not run: the process is killed when the
// script has ended.
package executor
