// Package ssh carries package psrp over SSH to the subsystem "powershell" of a
// host, as `Enter-PSSession -HostName` does. The client is Go all the way: no
// ssh program, no configuration files that were not named.
//
// [Dial] connects and starts the subsystem; [Session.Transport] gives a
// transport for each pool, one after the other, as [stdio.Process] does. The
// lines inside are those of package stdio.
//
// On the host, sshd_config has to have the line
//
//	Subsystem powershell /usr/bin/pwsh -sshs -NoLogo
//
// # Who is who
//
// The host must prove itself, by a key in a known_hosts file or by a pinned one
// ([HostKeys]); nothing is ever learned on first use. A key that is not known is
// an [UnknownHostKeyError], one that is not the known one a
// [ChangedHostKeyError], and both say what to do about it.
//
// The user proves itself with keys, by an agent or by a password ([Auth]). RSA
// keys sign with SHA-2 only.
//
// # Time
//
// ConnectTimeout is for everything up to the running subsystem, and once more
// for its first packet after a pool was opened: sshd starts any program as
// subsystem, and one that is no PowerShell may just be silent. Afterwards a
// keep-alive notices that the other side is gone.
//
// # Process tree
//
// When the connection ends, however that happens, the PowerShell on the host
// sees the end of its input and ends with what it runs.
package ssh
