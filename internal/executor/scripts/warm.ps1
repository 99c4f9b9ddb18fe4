# What a warm process has run once, so that it is compiled and loaded: files, pipelines, formatting, all streams, an error.
[CmdletBinding()]param([string]$Text = 'a', [int]$Number = 1, [string[]]$List, [switch]$Flag)
Get-ChildItem -LiteralPath $PSScriptRoot | Select-Object -Property Name, Length -First 1
Get-Item -LiteralPath $PSCommandPath
[pscustomobject]@{ Name = $Text; Number = $Number } | Sort-Object Name | ForEach-Object { $_ } | Where-Object Number
@{ a = 1 } ; 'text' ; 1.5 ; (Get-Date).Year
Write-Host 'host'; Write-Verbose 'v' -Verbose; Write-Warning 'w'; Write-Information 'i' -InformationAction Continue
Write-Progress -Activity 'p' -Completed
'{"a":[1]}' | ConvertFrom-Json | ConvertTo-Json -Compress
"{0:n2} {1}" -f 1.5, ('a b' -split ' ' -join ',')
function Test-Warm { param($A) if ($A -match '^x(.)') { $Matches[1] } }
foreach ($i in 1..3) { Test-Warm "x$i" }
try { throw 'x' } catch { $_.Exception.Message }
Get-Item -LiteralPath (Join-Path $PSScriptRoot 'none')
exit 0
