// Package stdio carries package psrp over the standard streams of a PowerShell
// process in server mode (`pwsh -s`), one XML element per line.
//
// A [Process] is the engine with its process tree, a [Conn] the line framing
// alone, for any pair of streams. One of them carries one pool after the other:
// [Process.Transport] gives a transport for each.
//
// What the framing asks of a client is kept here: a client never acknowledges
// (the engine would end itself), sends nothing to a target before its last Data
// was acknowledged, waits for CommandAck, and closes each pipeline exactly once
// and before the pool.
//
// Whatever else appears on standard output is noise. Before the first packet a
// little of it is skipped (profiles, banners), then it is an error. Afterwards
// lines that hold no packet are skipped and reported, since scripts can write to
// the stream; a packet that is not well formed breaks the pool. A script that
// can write to the stream can also forge packets: give it other descriptors when
// that matters.
//
// # Process tree
//
// On Unix the engine runs in a process group whose leader is a small shell, the
// watchdog. It is there for the death of this process: the engine then sees the
// end of its input and stops what it runs, and two seconds later the watchdog
// kills the group. [Process.Kill] and every end of the engine kill the group as
// well. On Windows a job object does the same. What leaves the group by setsid
// and was not started as a native command of the pipeline survives on Unix; a
// cgroup, which SysProcAttr can give, reaches it.
package stdio
