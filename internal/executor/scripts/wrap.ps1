# Behind the script: shows each object as the console would, one host call per object, and passes the object on. The first
# character is one that no text has (U+FDD0); it tells these lines from the script's own host output. `,$_`
# keeps the notes of strings and numbers, which a method call would lose, and does not take lists apart.
# An object that the formatter cannot take (a list that holds itself) costs its own text only.
[CmdletBinding()]param([Parameter(ValueFromPipeline)]$InputObject)
begin   { $u = $Host.UI; $w = [Math]::Max(20, $u.RawUI.BufferSize.Width); $m = [string][char]0xFDD0
          $f = { Microsoft.PowerShell.Utility\Out-String -Stream -Width $w }
          $s = $f.GetSteppablePipeline(); $s.Begin($true); $open = $true }
process { try { $t = $s.Process($_); if ($t.Count) { $u.WriteLine($m + ($t -join "`n")) } }
          catch { $u.WriteLine("${m}[cannot be formatted: $($_.Exception.Message)]"); $s = $f.GetSteppablePipeline(); $s.Begin($true) }
          ,$InputObject }
end     { $open = $false; $t = $s.End(); if ($t.Count) { $u.WriteLine($m + ($t -join "`n")) } }
clean   { if ($open) { $t = $s.End(); if ($t.Count) { $u.WriteLine($m + ($t -join "`n")) } } }
