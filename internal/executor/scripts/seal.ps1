# Once per process: descriptors 0 and 1 become /dev/null and standard error. .NET works on its own copies of both, so
# the protocol goes on, and nothing that a script starts or opens can reach it any more. No Add-Type: a compiler costs seconds.
$a=[System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly([System.Reflection.AssemblyName]::new('EpoSeal'),[System.Reflection.Emit.AssemblyBuilderAccess]::Run)
$b=$a.DefineDynamicModule('EpoSeal').DefineType('EpoSeal','Public,Class')
$cc=[System.Runtime.InteropServices.CallingConvention]::Cdecl
$cs=[System.Runtime.InteropServices.CharSet]::Ansi
foreach($f in @(@('dup2',@([int],[int])),@('open',@([string],[int])))) {
  $m=$b.DefinePInvokeMethod($f[0],'libc','Public,Static,PinvokeImpl',[System.Reflection.CallingConventions]::Standard,[int],[type[]]$f[1],$cc,$cs)
  $m.SetImplementationFlags('PreserveSig')
}
$t=$b.CreateType()
$n=$t::open('/dev/null',0)
if ($n -lt 0 -or $t::dup2($n,0) -ne 0 -or $t::dup2(2,1) -ne 1) { throw 'descriptors cannot be sealed' }
'sealed'
