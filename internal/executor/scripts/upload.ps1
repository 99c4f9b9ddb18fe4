# On a remote engine: takes the bytes of the script from the pipeline and writes them into a directory that is nobody
# else's. Its output: that directory, the script's path, an empty directory beside it, when the engine was started. Should
# the connection end before we clean up, the engine does that as its process ends.
param($Token, $Name, $Mark)
begin {
  $ErrorActionPreference = 'Stop'
  [System.Environment]::SetEnvironmentVariable($Mark, $Token)
  $root = [System.IO.Path]::Combine([System.IO.Path]::GetTempPath(), $Token)
  $made = [System.Collections.ArrayList]@()
  foreach ($d in $root, [System.IO.Path]::Combine($root, 'script'), [System.IO.Path]::Combine($root, 'work')) {
    if ($PSVersionTable.Platform -eq 'Unix') {
      [void][System.IO.Directory]::CreateDirectory($d, [System.IO.UnixFileMode]'UserRead, UserWrite, UserExecute')
    } elseif ($made.Count -eq 0) {
      $acl = New-Object System.Security.AccessControl.DirectorySecurity
      $acl.SetAccessRuleProtection($true, $false)
      $full = [System.Security.AccessControl.FileSystemRights]::FullControl
      $below = [System.Security.AccessControl.InheritanceFlags]'ContainerInherit, ObjectInherit'
      foreach ($sid in [System.Security.Principal.WindowsIdentity]::GetCurrent().User, [System.Security.Principal.SecurityIdentifier]'S-1-5-18') {
        $acl.AddAccessRule((New-Object System.Security.AccessControl.FileSystemAccessRule $sid, $full, $below, 'None', 'Allow'))
      }
      if ($PSVersionTable.PSEdition -eq 'Core') { [void][System.IO.FileSystemAclExtensions]::CreateDirectory($acl, $d) }
      else { [void][System.IO.Directory]::CreateDirectory($d, $acl) }
    } else {
      [void][System.IO.Directory]::CreateDirectory($d)
    }
    [void]$made.Add($d)
  }
  $path = [System.IO.Path]::Combine($made[1], $Name)
  $file = New-Object System.IO.FileStream $path, 'CreateNew', 'Write', 'None'
}
process { [byte[]]$b = $_; $file.Write($b, 0, $b.Length) }
end {
  $file.Dispose()
  # As the process ends there is no runspace any more that could run a script, so this is compiled.
  $x = [System.Linq.Expressions.Expression]
  $leave = $x::Call([System.IO.Directory].GetMethod('SetCurrentDirectory'), $x::Constant([System.IO.Path]::GetPathRoot($root)))
  $delete = $x::Call([System.IO.Directory].GetMethod('Delete', [type[]]@([string], [bool])), [System.Linq.Expressions.Expression[]]@($x::Constant($root), $x::Constant($true)))
  $body = $x::TryCatch($x::Block([System.Linq.Expressions.Expression[]]@($leave, $delete)), $x::Catch([System.Exception], $x::Empty()))
  $sender = [System.Linq.Expressions.ParameterExpression[]]@($x::Parameter([object]), $x::Parameter([System.EventArgs]))
  [System.AppDomain]::CurrentDomain.add_ProcessExit($x::Lambda([System.EventHandler], $body, $sender).Compile())
  $root; $path; $made[2]; [System.Diagnostics.Process]::GetCurrentProcess().StartTime.ToFileTimeUtc()
}
