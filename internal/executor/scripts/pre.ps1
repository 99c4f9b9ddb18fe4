# Before the script. Its output: whether the exit flag was set, then each parameter name that the script would not know; or
# one text, what of the target's options cannot be had.
param($Path, $Location, $Names, $Arrays, $Culture, $NativeError, $Ansi)
if (-not [System.IO.Directory]::Exists($Location)) { 'working_directory'; return }
[void]$ExecutionContext.SessionState.Path.SetLocation([System.Management.Automation.WildcardPattern]::Escape($Location))
[System.Environment]::CurrentDirectory = $Location
if ($Culture) {
  try { [void][System.Globalization.CultureInfo]::GetCultureInfo($Culture) } catch { 'culture'; return }
  # Each pipeline begins with the culture of the process. The first command that is looked up next is the script, by its path.
  $set = [scriptblock]::Create("
    `$c = [System.Globalization.CultureInfo]::GetCultureInfo('$Culture')
    [System.Threading.Thread]::CurrentThread.CurrentCulture = `$c; [System.Threading.Thread]::CurrentThread.CurrentUICulture = `$c
    `$ExecutionContext.InvokeCommand.PreCommandLookupAction = `$null")
}
try {
if ($Ansi -and $PSStyle) { $PSStyle.OutputRendering = 'Ansi' }
if ($NativeError) {
  if ($PSVersionTable.PSVersion -lt [version]'7.4') { 'native_error'; return }
  $global:PSNativeCommandUseErrorActionPreference = $true
}
$flag = $false
try {
  $b = [System.Reflection.BindingFlags]'NonPublic,Instance'
  $x = $ExecutionContext.GetType().GetField('_context', $b).GetValue($ExecutionContext)
  $x.GetType().GetProperty('ScriptCommandProcessorShouldRethrowExit', $b).SetValue($x, $true)
  $flag = $true
} catch { }
$flag
if (-not $Names) { return }
# Lists in parameters arrive as object[] instead of ArrayList.
if ($Arrays) { Microsoft.PowerShell.Utility\Update-TypeData -TypeName Deserialized.Epo.Array -TargetTypeForDeserialization ([object[]]) -Force }
# With [CmdletBinding()] or [Parameter()] the binder refuses unknown names itself; without, they would silently end in $args.
$ast = $null
try { $ast = $ExecutionContext.InvokeCommand.GetCommand($Path, 'ExternalScript').ScriptBlock.Ast } catch { return }
if (-not $ast -or $ast.DynamicParamBlock) { return }
$known = [System.Collections.Generic.List[string]]::new()
if ($ast.ParamBlock) {
  foreach ($p in $ast.ParamBlock.Attributes) { if ($p.TypeName.GetReflectionAttributeType() -eq [System.Management.Automation.CmdletBindingAttribute]) { return } }
  foreach ($p in $ast.ParamBlock.Parameters) {
    $known.Add($p.Name.VariablePath.UserPath)
    foreach ($t in $p.Attributes) {
      if ($t -isnot [System.Management.Automation.Language.AttributeAst]) { continue }
      $type = $t.TypeName.GetReflectionAttributeType()
      if ($type -eq [System.Management.Automation.ParameterAttribute]) { return }
      if ($type -eq [System.Management.Automation.AliasAttribute]) { foreach ($v in $t.PositionalArguments) { $known.Add([string]$v.Value) } }
    }
  }
}
foreach ($n in $Names) {
  $found = $false
  foreach ($k in $known) { if ($k.StartsWith($n, [System.StringComparison]::OrdinalIgnoreCase)) { $found = $true } }
  if (-not $found) { $n }
}
} finally { if ($Culture) { $ExecutionContext.InvokeCommand.PreCommandLookupAction = $set } }
