# In another session on the same host: ends an engine that did not stop, and what it started. Its output: whether it is gone.
param($Id, $Started, $Root, $Mark)
$p = $null
try { $p = [System.Diagnostics.Process]::GetProcessById($Id) } catch { }
if (-not $p -or [Math]::Abs($p.StartTime.ToFileTimeUtc() - $Started) -gt 20000000) { $true } # 2 s: Linux counts from the start of the system
else {
  if ($PSVersionTable.PSEdition -eq 'Core') { $p.Kill($true) } else { [void](& "$env:SystemRoot\System32\taskkill.exe" /T /F /PID $Id 2>&1) }
  $p.WaitForExit(5000)
}
# What it started may have lost its parent by now, but inherited a mark.
if ([System.IO.Directory]::Exists('/proc/self')) {
  foreach ($d in [System.IO.Directory]::GetDirectories('/proc')) {
    $n = 0
    if (-not [int]::TryParse([System.IO.Path]::GetFileName($d), [ref]$n)) { continue }
    try { if ([System.IO.File]::ReadAllText("$d/environ").Contains($Mark)) { [System.Diagnostics.Process]::GetProcessById($n).Kill() } } catch { }
  }
}
if ($Root -and [System.IO.Directory]::Exists($Root)) { try { [System.IO.Directory]::Delete($Root, $true) } catch { } }
