# After the script, where the exit flag could not be set: the number that `exit N` of a file left behind.
if ($null -ne $global:LASTEXITCODE) { [int]$global:LASTEXITCODE }
