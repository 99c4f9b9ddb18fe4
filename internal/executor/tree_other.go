//go:build !linux

package executor

// forest and tree know no containers here: the process group, or on Windows
// the job object, that the transport gives each engine has to do.
type forest struct{}

func newForest(string) *forest { return &forest{} }

func (*forest) remove() {}

func removeStale(string) {}

type tree struct{ mark string }

func (*forest) newTree(executor, name string) *tree {
	return &tree{mark: markPrefix + executor + "/" + name}
}

func (*tree) attr(*attributes) {}

func (*tree) contained() bool { return false }

func (*tree) leaveCgroup() {}

func (*tree) kill() error { return nil }

func (*tree) remove() {}

func runAs(*attributes, int, int) {}

func giveStderr(int, int) {}
