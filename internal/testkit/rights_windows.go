package testkit

import "io/fs"

func sameRights(string, fs.FileInfo) error { return nil }
