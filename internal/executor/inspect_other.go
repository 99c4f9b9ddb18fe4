//go:build !linux

package executor

import "time"

func (*tree) limitMemory(int64) {}

func (*tree) outOfMemory() bool { return false }

func usage(int) (int64, time.Duration) { return 0, 0 }
