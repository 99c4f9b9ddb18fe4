package runtime

// trusted tells whether a file may be started. On Windows the folder of the
// project is as safe as its access list.
func trusted(string) bool { return true }
