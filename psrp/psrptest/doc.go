// Package psrptest is what every transport of package psrp must be able to do,
// as one list of behaviours that runs against a real PowerShell behind it:
//
//	func TestConformance(t *testing.T) {
//		psrptest.Run(t, func(t testing.TB) psrp.Transport { … })
//	}
//
// Only tests import it. It needs PowerShell 5.1 or later on the other side,
// and uses no more than package testing itself.
package psrptest
