package agent

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// checkPrivate has nothing to look at: files inherit the access list that makePrivate gave the state folder.
func checkPrivate(string) error { return nil }

// makePrivate makes a folder that only its owner, administrators and the system can reach.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	sd, err := windows.SecurityDescriptorFromString("D:PAI(A;OICI;FA;;;OW)(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)")
	if err != nil {
		return fmt.Errorf("close state folder to others: %w", err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("close state folder to others: %w", err)
	}
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil); err != nil {
		return fmt.Errorf("close state folder to others: %w", err)
	}
	return nil
}
