package executor

import "syscall"

// A tree is everything that one engine process starts, however it is started.
// newTree, tree.attr, tree.kill and tree.remove exist for each platform.
//
// The mark is an environment variable that every process of the tree inherits
// unless it takes pains not to.

// markName is the name of that variable, markPrefix what its value begins with;
// the names of executor and tree follow.
const (
	markName   = "EPO_PROCESS_TREE"
	markPrefix = "epo-"
)

// attributes are what a process of the tree is started with.
type attributes = syscall.SysProcAttr
