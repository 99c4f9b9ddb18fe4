// Package runtime finds the PowerShell that runs scripts, and prepares it for
// an account that could not reach it where it lies.
//
// A PowerShell is looked for in this order: EPO_PWSH, PATH, ~/.dotnet/tools,
// the folder .tools/pwsh of a clone of this project. The first one that is
// 7.4 or later is taken; EPO_PWSH is taken or refused, never passed over.
//
// The pwsh that `dotnet tool install` makes is a shim that starts a second
// process: killing it leaves the engine running. [Find] therefore looks behind
// it and gives the dotnet host and the engine's pwsh.dll instead.
//
// The package is a leaf without state and is safe for concurrent use.
package runtime
