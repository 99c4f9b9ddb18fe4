// Package e2e drives the built binaries the way a user does: `epo up` with a real PostgreSQL 17, the CLI, the agent, real
// PowerShell. It owns what only the whole can show: the session of the README, tenants side by side, cancel and time-out
// from outside, and kill -9 of each part at each step of a run. Nothing imports it. Each test has a stack of its own or,
// where it changes nothing that others see, shares one; tests wait for what they see in the API, never for time.
package e2e
