// Package command holds the commands of epo-agent: enroll, run, exec, doctor and version. It is the composition root of
// the agent side: it finds the engine, makes the executor, and gives both to the agent. It refuses to know how any of them
// works. Only cmd/epo-agent imports it. Each command runs in one goroutine.
package command
