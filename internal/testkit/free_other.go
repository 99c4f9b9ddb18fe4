//go:build !linux

package testkit

func freeBytes(string) uint64 { return 0 }
