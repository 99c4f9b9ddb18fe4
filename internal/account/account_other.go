//go:build !linux

package account

func add(string) (bool, error) { return false, ErrUnsupported }

func remove(string) error { return ErrUnsupported }
