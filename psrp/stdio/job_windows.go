package stdio

import (
	"syscall"
	"unsafe"
)

// The parts of the Windows API that package syscall does not have. Loading by
// name is safe: kernel32 is a known DLL, which is never searched for.

const (
	processTerminate      = 0x0001
	processSetQuota       = 0x0100
	createNewProcessGroup = 0x00000200

	jobObjectExtendedLimitInformation = 9
	jobObjectLimitKillOnJobClose      = 0x00002000
)

// basicLimits is JOBOBJECT_BASIC_LIMIT_INFORMATION.
type basicLimits struct {
	PerProcessUserTimeLimit int64
	PerJobUserTimeLimit     int64
	LimitFlags              uint32
	MinimumWorkingSetSize   uintptr
	MaximumWorkingSetSize   uintptr
	ActiveProcessLimit      uint32
	Affinity                uintptr
	PriorityClass           uint32
	SchedulingClass         uint32
}

// extendedLimits is JOBOBJECT_EXTENDED_LIMIT_INFORMATION.
type extendedLimits struct {
	Basic                 basicLimits
	IO                    [6]uint64
	ProcessMemoryLimit    uintptr
	JobMemoryLimit        uintptr
	PeakProcessMemoryUsed uintptr
	PeakJobMemoryUsed     uintptr
}

// call calls a function of kernel32 that returns 0 on failure. What the
// arguments point to stays where it is until then.
//
//go:uintptrescapes
func call(name string, args ...uintptr) (uintptr, error) {
	proc := syscall.NewLazyDLL("kernel32.dll").NewProc(name)
	if err := proc.Find(); err != nil {
		return 0, err
	}
	result, _, err := proc.Call(args...)
	if result == 0 {
		return 0, err
	}
	return result, nil
}

// createJob makes a job object whose processes die with its last handle.
func createJob() (syscall.Handle, error) {
	job, err := call("CreateJobObjectW", 0, 0)
	if err != nil {
		return 0, err
	}
	limits := extendedLimits{Basic: basicLimits{LimitFlags: jobObjectLimitKillOnJobClose}}
	_, err = call("SetInformationJobObject", job, jobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), unsafe.Sizeof(limits))
	if err != nil {
		_ = syscall.CloseHandle(syscall.Handle(job))
		return 0, err
	}
	return syscall.Handle(job), nil
}

func assignToJob(job, process syscall.Handle) error {
	_, err := call("AssignProcessToJobObject", uintptr(job), uintptr(process))
	return err
}

func terminateJob(job syscall.Handle) error {
	_, err := call("TerminateJobObject", uintptr(job), 1)
	return err
}
