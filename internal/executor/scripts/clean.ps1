# Removes what upload.ps1 made. Its output: whether something is left.
param($Root, $Token)
if (-not $Root) { $Root = [System.IO.Path]::Combine([System.IO.Path]::GetTempPath(), $Token) }
$top = [System.IO.Path]::GetPathRoot($Root)
[System.Environment]::CurrentDirectory = $top
[void]$ExecutionContext.SessionState.Path.SetLocation($top)
if ([System.IO.Directory]::Exists($Root)) {
  try { [System.IO.Directory]::Delete($Root, $true) }
  catch { Microsoft.PowerShell.Management\Remove-Item -LiteralPath $Root -Recurse -Force -ErrorAction SilentlyContinue }
}
[System.IO.Directory]::Exists($Root)
