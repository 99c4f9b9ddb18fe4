# What PowerShell's own parser says of a script, as JSON. It parses and nothing else: no line of the script is run, no type
# of it is made, no module or assembly that it names is looked for.
#
# Two statements make the parser itself act: `configuration` imports modules, `using module|assembly` opens files. Both are
# looked for in a copy in which their keywords are other words of the same length: there they are commands, and harmless.
using namespace System.Management.Automation.Language
using namespace System.Collections.Generic
param($Path)

$ErrorActionPreference = 'Stop' # half a result is none
$limit = @{ errors = 200; parameters = 500; commands = 1000; functions = 1000; exits = 1000; usings = 100; text = 4096; help = 65536; enum = 500; nodes = 10000 }
$script:cut = $false
function Limit-Text($Text, $Most = $limit.text) {
  if ($null -eq $Text) { return }
  if ($Text.Length -le $Most) { return $Text }
  $script:cut = $true
  $Text.Substring(0, $Most) + '…'
}
function Limit-List($List, $Most) {
  if ($List.Count -gt $Most) { $script:cut = $true }
  , @($List | Select-Object -First $Most)
}

# ---- the two statements that make the parser act ----

# The token that begins at an offset, also inside of strings; null where none does.
function Find-Token($Tokens, $Offset) {
  while ($Tokens) {
    $low = 0; $high = $Tokens.Count - 1
    while ($low -lt $high) {
      $middle = ($low + $high + 1) -shr 1
      if ($Tokens[$middle].Extent.StartOffset -le $Offset) { $low = $middle } else { $high = $middle - 1 }
    }
    if ($Tokens[$low].Extent.StartOffset -eq $Offset) { return @{ tokens = $Tokens; index = $low } }
    $Tokens = if ($Tokens[$low] -is [StringExpandableToken]) { $Tokens[$low].NestedTokens }
  }
}
# Where a statement ends that begins with a token.
function Find-End($Tokens, $Index) {
  $depth = 0; $end = $Tokens[$Index].Extent.EndOffset
  for ($i = $Index + 1; $i -lt $Tokens.Count; $i++) {
    $kind = "$($Tokens[$i].Kind)"
    if ($kind -in 'LParen', 'LCurly', 'LBracket', 'AtCurly', 'AtParen', 'DollarParen') { $depth++ }
    elseif ($kind -in 'RParen', 'RCurly', 'RBracket') { $depth-- }
    if ($kind -eq 'EndOfInput' -or $depth -lt 0 -or ($depth -eq 0 -and $kind -in 'NewLine', 'Semi')) { break }
    if ($kind -ne 'Comment') { $end = $Tokens[$i].Extent.EndOffset }
  }
  $end
}
function Test-Command($Token) { $Token.TokenFlags.HasFlag([TokenFlags]::CommandName) }

$text = [System.IO.File]::ReadAllText($Path)
if ($text.Length -gt 1MB) { # the collector is lazy while the machine has memory, and the limit is not the machine's
  try { [AppContext]::SetData('GCHeapHardLimit', [ulong]340MB); [GC]::RefreshMemoryLimit() } catch { }
}
$engine = [ordered]@{ version = "$($PSVersionTable.PSVersion)"; edition = $PSVersionTable.PSEdition }
$tokens = $null; $errors = $null
$usings = [List[object]]::new(); $misplaced = [List[object]]::new()
$source = $text
if ($text -match '\bconfiguration\b' -or ($text -match '\busing\b' -and $text -match '\b(module|assembly)\b')) {
  $harmless = $text -replace '\bconfiguration\b', 'c0nfigurat10n' -replace '\busing\b', 'us1ng'
  $copy = [Parser]::ParseInput($harmless, [ref]$tokens, [ref]$errors)
  foreach ($m in [regex]::Matches($text, '\bconfiguration\b', 'IgnoreCase')) {
    $f = Find-Token $tokens $m.Index
    if ($f -and $f.tokens[$f.index].Text.Length -eq $m.Length -and (Test-Command $f.tokens[$f.index])) {
      return [ordered]@{ engine = $engine; not_inspected_reason = 'configuration' } | ConvertTo-Json -Compress
    }
  }
  $first = 0 # of what is no using statement: behind it they are mistakes
  foreach ($s in $copy.EndBlock.Statements) { if ($copy.ParamBlock -or $s.Extent.Text -notmatch '^us1ng\b') { break }; $first = $s.Extent.EndOffset }
  $blanked = [System.Text.StringBuilder]::new($text)
  foreach ($m in [regex]::Matches($text, '\busing\b', 'IgnoreCase')) {
    $f = Find-Token $tokens $m.Index
    if (-not $f -or $f.tokens[$f.index].Text.Length -ne $m.Length -or -not (Test-Command $f.tokens[$f.index])) { continue }
    $t = $f.tokens[$f.index]; $n = $f.index + 1
    while ($n -lt $f.tokens.Count -and "$($f.tokens[$n].Kind)" -in 'LineContinuation', 'Comment') { $n++ }
    if ($n -ge $f.tokens.Count -or $f.tokens[$n].Text -notin 'module', 'assembly') { continue }
    $end = Find-End $f.tokens $f.index
    $usings.Add([ordered]@{ kind = $f.tokens[$n].Text.ToLowerInvariant(); text = Limit-Text $text.Substring($m.Index, $end - $m.Index); name = $null; line = $t.Extent.StartLineNumber })
    if ($m.Index -ge $first) { $misplaced.Add($t.Extent) }
    for ($i = $m.Index; $i -lt $end; $i++) { if ($text[$i] -notin "`r", "`n") { $blanked[$i] = ' ' } }
  }
  $source = $blanked.ToString()
  $copy = $tokens = $errors = $blanked = $harmless = $null
}
$ast = [Parser]::ParseInput($source, [ref]$tokens, [ref]$errors)
if (-not $ast) { $ast = [Parser]::ParseInput('', [ref]$null, [ref]$null) } # nested too deep: there are only errors

# ---- constants and types ----

# A constant as JSON can hold it. Numbers that a double cannot hold are text.
function ConvertTo-Plain($Value, $Depth = 0) {
  if ($null -eq $Value -or $Value -is [bool]) { return $Value }
  if ($Value -is [string] -or $Value -is [char]) { return Limit-Text "$Value" }
  if ($Value -is [double] -or $Value -is [single]) { if ([double]::IsFinite($Value)) { return $Value } else { return "$Value" } }
  if ($Value -is [ValueType] -and $Value -isnot [enum]) {
    $n = $Value -as [decimal]
    if ($null -eq $n -or [Math]::Abs($n) -gt 9007199254740992) { return "$Value" }
    if ($n -eq [Math]::Truncate($n)) { return [long]$n } else { return $n }
  }
  if ($Depth -ge 5) { $script:cut = $true; return '…' }
  if ($Value -is [System.Collections.IDictionary]) {
    $o = [ordered]@{}
    foreach ($k in $Value.Keys) { if ($o.Count -ge 200) { $script:cut = $true; break }; $o["$k"] = ConvertTo-Plain $Value[$k] ($Depth + 1) }
    return $o
  }
  if ($Value -is [System.Collections.IList]) {
    return , @(foreach ($v in $Value | Select-Object -First 1000) { , (ConvertTo-Plain $v ($Depth + 1)) })
  }
  Limit-Text "$Value"
}
# The constant of an expression, else its text; never evaluates code.
function Read-Constant($Expression) {
  if ($null -eq $Expression) { return [ordered]@{ kind = 'none'; value = $null; text = $null } }
  $t = Limit-Text $Expression.Extent.Text
  try { return [ordered]@{ kind = 'value'; value = ConvertTo-Plain $Expression.SafeGetValue(); text = $t } } catch { }
  [ordered]@{ kind = 'expression'; value = $null; text = $t }
}
function Get-Argument($Expression) { $c = Read-Constant $Expression; if ($c.kind -eq 'value') { , $c.value } else { $c.text } }
function Get-Named($Attribute) {
  $o = [ordered]@{}
  foreach ($n in $Attribute.NamedArguments) { $o[$n.ArgumentName] = if ($n.ExpressionOmitted) { $true } else { Get-Argument $n.Argument } }
  $o
}
function Get-Positional($Attribute) { , @(foreach ($a in $Attribute.PositionalArguments) { , (Get-Argument $a) }) }

# A compiled predicate: with a script block one node costs fifty times as much.
function Find-Node([type[]]$Kinds) {
  $q = [System.Linq.Expressions.Expression]::Parameter([Ast]); $any = $null
  foreach ($k in $Kinds) {
    $is = [System.Linq.Expressions.Expression]::TypeIs($q, $k)
    $any = if ($any) { [System.Linq.Expressions.Expression]::OrElse($any, $is) } else { $is }
  }
  $predicate = [System.Linq.Expressions.Expression]::Lambda([Func[Ast, bool]], $any, [System.Linq.Expressions.ParameterExpression[]]@($q)).Compile()
  , $ast.FindAll($predicate, $true)
}
$found = [Dictionary[string, List[object]]]::new()
foreach ($k in 'CommandAst', 'FunctionDefinitionAst', 'ExitStatementAst') { $found[$k] = [List[object]]::new() }
$seen = 0
foreach ($n in (Find-Node ([CommandAst], [FunctionDefinitionAst], [ExitStatementAst]))) {
  if (++$seen -gt $limit.nodes) { $script:cut = $true; break }
  $found[$n.GetType().Name].Add($n)
}
$types = @(foreach ($n in (Find-Node ([TypeDefinitionAst]))) { $n })

function Read-Type($Name) {
  $type = $null
  try { $type = $Name.GetReflectionType() } catch { }
  $o = [ordered]@{ name = $Name.FullName; resolved = $null; element = $null; array = $false; nullable = $false; flags = $false; enum = $null }
  $element = $type
  if ($type) {
    $o.resolved = Limit-Text $type.ToString()
    if ($element.IsArray) { $o.array = $true; $element = $element.GetElementType() }
    if ($element.IsGenericType -and $element.GetGenericTypeDefinition() -eq [Nullable`1]) { $o.nullable = $true; $element = $element.GetGenericArguments()[0] }
    $o.element = Limit-Text $element.ToString()
    if ($element.IsEnum) { $o.enum = Limit-List ([Enum]::GetNames($element)) $limit.enum; $o.flags = $element.IsDefined([FlagsAttribute], $false) }
    return $o
  }
  if ($Name -is [ArrayTypeName]) { $o.array = $true }
  $bare = $Name.Name -replace '\[\]$'
  foreach ($d in $types) { if ($d.IsEnum -and $d.Name -eq $bare) { $o.enum = Limit-List @($d.Members.Name) $limit.enum; $o.flags = @($d.Attributes.TypeName.Name) -contains 'Flags' } }
  $o
}

# ---- the param() block ----

function Get-AttributeName($Attribute) { $Attribute.TypeName.Name -replace '^System\.Management\.Automation\.' -replace 'Attribute$' }
# One validation rule as the form and the check of parameters know it; nothing where the attribute is none.
function Read-Validation($Attribute, $Name) {
  $p = Get-Positional $Attribute; $n = Get-Named $Attribute; $a = $Attribute.PositionalArguments
  switch ($Name) {
    'ValidateSet' {
      $generator = if ($a.Count -eq 1 -and $a[0] -is [TypeExpressionAst]) { $a[0].TypeName.FullName }
      [ordered]@{ kind = 'set'; values = if (-not $generator) { , @($p) }; generator = $generator
        ignore_case = if ($n.Contains('IgnoreCase')) { $n['IgnoreCase'] } else { $true }; message = $n['ErrorMessage'] }
    }
    'ValidateRange' {
      if ($a.Count -eq 1) { [ordered]@{ kind = 'range'; min = $null; max = $null; range_kind = ("$($p[0])" -replace '^.*::') } }
      else { [ordered]@{ kind = 'range'; min = $p[0]; max = $p[1]; range_kind = $null } }
    }
    'ValidateLength' { [ordered]@{ kind = 'length'; min = $p[0]; max = $p[1] } }
    'ValidateCount' { [ordered]@{ kind = 'count'; min = $p[0]; max = $p[1] } }
    'ValidatePattern' { [ordered]@{ kind = 'pattern'; pattern = $p[0]; options = if ($n.Contains('Options')) { "$($n['Options'])" }; message = $n['ErrorMessage'] } }
    'ValidateScript' { [ordered]@{ kind = 'script'; text = if ($a.Count) { Limit-Text $a[0].Extent.Text }; message = $n['ErrorMessage'] } }
    { $_ -in 'ValidateNotNull', 'ValidateNotNullOrEmpty', 'ValidateNotNullOrWhiteSpace', 'ValidateDrive', 'ValidateUserDrive', 'ValidateTrustedData' } {
      [ordered]@{ kind = $Name.Substring(8, 1).ToLowerInvariant() + $Name.Substring(9); values = @($p) }
    }
    default { [ordered]@{ kind = 'other'; text = Limit-Text $Attribute.Extent.Text } }
  }
}
function Read-Parameter($Parameter) {
  $o = [ordered]@{
    name = $Parameter.Name.VariablePath.UserPath; type = $null; mandatory = $false; position = $null; aliases = @(); switch = $false; remaining = $false
    hidden = $false; help = $null; default = Read-Constant $Parameter.DefaultValue; sets = [List[object]]::new(); validation = [List[object]]::new()
    allow = [List[object]]::new(); completions = @(); obsolete = $null; credential = $false; line = $Parameter.Extent.StartLineNumber
  }
  foreach ($a in $Parameter.Attributes) {
    if ($a -is [TypeConstraintAst]) {
      if (-not $o.type) { $o.type = Read-Type $a.TypeName }
      continue
    }
    $name = Get-AttributeName $a
    switch ($name) {
      'Parameter' {
        $n = Get-Named $a
        $o.sets.Add([ordered]@{
            name = if ($n.Contains('ParameterSetName')) { "$($n['ParameterSetName'])" } else { '__AllParameterSets' }
            mandatory = $n['Mandatory'] -eq $true; position = $n['Position']; pipeline = $n['ValueFromPipeline'] -eq $true
            pipeline_by_name = $n['ValueFromPipelineByPropertyName'] -eq $true; remaining = $n['ValueFromRemainingArguments'] -eq $true
            help_message = $n['HelpMessage'] })
        if ($n['DontShow'] -eq $true) { $o.hidden = $true }
        if ($n['HelpMessage'] -and -not $o.help) { $o.help = $n['HelpMessage'] }
      }
      'Alias' { $o.aliases = @($o.aliases) + (Get-Positional $a) }
      { $_ -in 'AllowNull', 'AllowEmptyString', 'AllowEmptyCollection' } { $o.allow.Add($name) }
      'ArgumentCompletions' { $o.completions = Get-Positional $a }
      'Obsolete' { $o.obsolete = "$((Get-Positional $a)[0])" }
      'Credential' { $o.credential = $true }
      { $_ -in 'ArgumentCompleter', 'PSDefaultValue', 'SupportsWildcards' } { }
      default { $o.validation.Add((Read-Validation $a $name)) }
    }
  }
  if (-not $o.type) { $o.type = [ordered]@{ name = 'object'; resolved = 'System.Object'; element = 'System.Object'; array = $false; nullable = $false; flags = $false; enum = $null } }
  $o.switch = $o.type.resolved -eq 'System.Management.Automation.SwitchParameter'
  if ($o.type.element -eq 'System.Management.Automation.PSCredential') { $o.credential = $true }
  if (-not $o.sets.Count) { $o.sets.Add([ordered]@{ name = '__AllParameterSets'; mandatory = $false; position = $null; pipeline = $false; pipeline_by_name = $false; remaining = $false; help_message = $null }) }
  $o.mandatory = -not $o.sets.Where({ -not $_.mandatory }).Count
  $o.remaining = [bool]$o.sets.Where({ $_.remaining }).Count
  $o
}
# PowerShell numbers parameters itself only where none has a position, and none a set.
function Set-Position($Parameters, $Numbered) {
  $explicit = $Parameters.Where({ $_.sets.Where({ $null -ne $_.position }).Count }).Count
  $named = $Parameters.Where({ $_.sets.Where({ $_.name -ne '__AllParameterSets' }).Count }).Count
  $next = 0
  foreach ($p in $Parameters) {
    if ($explicit) { $p.position = $p.sets.Where({ $null -ne $_.position }, 'First').ForEach({ $_.position })[0]; continue }
    if (-not $Numbered -or $named -or $p.switch -or $p.remaining) { continue }
    $p.position = $next
    foreach ($s in $p.sets) { $s.position = $next }
    $next++
  }
}
# Comments before a parameter, or behind it on its line, are its help where nothing else is.
function Set-CommentHelp($Block, $Parameters) {
  $low = 0; $high = $tokens.Count
  while ($low -lt $high) { $middle = ($low + $high) -shr 1; if ($tokens[$middle].Extent.StartOffset -lt $Block.Extent.StartOffset) { $low = $middle + 1 } else { $high = $middle } }
  $comments = [List[object]]::new()
  for (; $low -lt $tokens.Count -and $tokens[$low].Extent.EndOffset -le $Block.Extent.EndOffset; $low++) {
    if ("$($tokens[$low].Kind)" -eq 'Comment' -and $tokens[$low].Text -notmatch '(?m)^\s*(<#|#)?\s*\.[A-Z]+') { $comments.Add($tokens[$low]) }
  }
  $before = $Block.Extent.StartOffset; $line = -1; $next = 0
  for ($i = 0; $i -lt $Parameters.Count -and $next -lt $comments.Count; $i++) {
    $p = $Block.Parameters[$i]; $name = $p.Name.Extent.StartOffset
    $until = if ($i + 1 -lt $Block.Parameters.Count) { $Block.Parameters[$i + 1].Extent.StartOffset } else { $Block.Extent.EndOffset }
    $mine = [List[string]]::new()
    for (; $next -lt $comments.Count; $next++) {
      $c = $comments[$next].Extent
      $above = $c.StartOffset -ge $before -and $c.EndOffset -le $name -and $c.StartLineNumber -ne $line
      $behind = $c.StartOffset -ge $p.Extent.EndOffset -and $c.StartLineNumber -eq $p.Extent.EndLineNumber -and $c.EndOffset -le $until
      if ($above -or $behind) { $mine.Add(($c.Text -replace '^<#\s*|\s*#>$' -replace '^#+\s*')) }
      elseif ($c.StartOffset -ge $p.Extent.EndOffset) { break }
    }
    if ($mine.Count -and -not $Parameters[$i].help) { $Parameters[$i].help = Limit-Text ($mine -join "`n").Trim() $limit.help }
    $before = $p.Extent.EndOffset; $line = $p.Extent.EndLineNumber
  }
}

$parameters = [List[object]]::new(); $binding = $null; $outputs = [List[object]]::new()
$block = $ast.ParamBlock
if ($block) {
  foreach ($a in $block.Attributes) {
    switch (Get-AttributeName $a) {
      'CmdletBinding' { $binding = Get-Named $a }
      'OutputType' { foreach ($x in $a.PositionalArguments) { $outputs.Add($(if ($x -is [TypeExpressionAst]) { $x.TypeName.FullName } else { Get-Argument $x })) } }
    }
  }
  foreach ($p in $block.Parameters | Select-Object -First $limit.parameters) { $parameters.Add((Read-Parameter $p)) }
  if ($block.Parameters.Count -gt $limit.parameters) { $script:cut = $true }
  Set-Position $parameters ($null -eq $binding -or $binding['PositionalBinding'] -ne $false)
}
$advanced = $null -ne $binding -or [bool]@($block.Parameters.Attributes.Where({ $_ -is [AttributeAst] -and (Get-AttributeName $_) -eq 'Parameter' })).Count

# ---- help and requirements ----

# The engine parses the whole script once more for it.
$help = $h = $null
if ($source -match '(?m)^\s*(<#|#)?\s*\.(SYNOPSIS|DESCRIPTION|PARAMETER|EXAMPLE|INPUTS|OUTPUTS|NOTES|LINK|COMPONENT|ROLE|FUNCTIONALITY)\b') {
  try { $h = $ast.GetHelpContent() } catch { }
}
if ($h) {
  $of = [ordered]@{}
  foreach ($k in $h.Parameters.Keys) { $of[$k] = Limit-Text "$($h.Parameters[$k])".Trim() $limit.help }
  foreach ($p in $parameters) { $k = $p.name.ToUpperInvariant(); if ($of.Contains($k)) { $p.help = $of[$k] } }
  $trim = { param($t) if ($t) { Limit-Text $t.Trim() $limit.help } }
  $help = [ordered]@{
    synopsis = & $trim $h.Synopsis; description = & $trim $h.Description; parameters = $of
    examples = @($h.Examples | Select-Object -First 50 | ForEach-Object { & $trim $_ }); inputs = @($h.Inputs | ForEach-Object { & $trim $_ })
    outputs = @($h.Outputs | ForEach-Object { & $trim $_ }); notes = & $trim $h.Notes; links = @($h.Links | Select-Object -First 50 | ForEach-Object { & $trim $_ })
  }
}
if ($parameters.Count) { Set-CommentHelp $block $parameters }

$requires = $null
if ($r = $ast.ScriptRequirements) {
  $requires = [ordered]@{
    version = if ($r.RequiredPSVersion) { "$($r.RequiredPSVersion)" }; editions = @($r.RequiredPSEditions); elevated = $r.IsElevationRequired
    assemblies = @($r.RequiredAssemblies)
    modules = @($r.RequiredModules | ForEach-Object { [ordered]@{
          name = $_.Name; minimum_version = if ($_.Version) { "$($_.Version)" }; required_version = if ($_.RequiredVersion) { "$($_.RequiredVersion)" }
          maximum_version = $_.MaximumVersion; guid = if ($_.Guid) { "$($_.Guid)" } } })
  }
  if (-not ($requires.version -or $requires.editions -or $requires.elevated -or $requires.assemblies -or $requires.modules)) { $requires = $null }
}
foreach ($u in $ast.UsingStatements) {
  $usings.Add([ordered]@{ kind = "$($u.UsingStatementKind)".ToLowerInvariant(); text = Limit-Text $u.Extent.Text; name = if ($u.Name) { $u.Name.Value }; line = $u.Extent.StartLineNumber })
}

# ---- what it calls and defines ----

$commands = [Dictionary[string, object]]::new([StringComparer]::OrdinalIgnoreCase); $dynamic = [List[object]]::new()
foreach ($n in $found['CommandAst']) {
  $c = $n.GetCommandName()
  if (-not $c) { if ($dynamic.Count -lt $limit.commands) { $dynamic.Add([ordered]@{ text = Limit-Text $n.CommandElements[0].Extent.Text; line = $n.Extent.StartLineNumber }) } else { $script:cut = $true } }
  elseif ($commands.ContainsKey($c)) { $commands[$c].count++ }
  elseif ($commands.Count -lt $limit.commands) { $commands[$c] = [ordered]@{ name = Limit-Text $c; count = 1; line = $n.Extent.StartLineNumber } }
  else { $script:cut = $true }
}
$functions = [SortedSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
foreach ($n in $found['FunctionDefinitionAst']) { if ($n.Parent -isnot [FunctionMemberAst]) { [void]$functions.Add((Limit-Text $n.Name)) } }

# ---- errors ----

function New-Problem($Id, $Message, $At, $Incomplete = $false, $Environment = $false) {
  [ordered]@{
    id = $Id; message = Limit-Text $Message; line = $At.StartLineNumber; column = $At.StartColumnNumber
    end_line = $At.EndLineNumber; end_column = $At.EndColumnNumber; incomplete = $Incomplete; environment = $Environment
  }
}
$problems = [List[object]]::new()
$blocking = $misplaced.Count
foreach ($e in $errors) {
  # Another machine may have the type, or the module that was blanked.
  $environment = $e.ErrorId -in 'ModuleNotFoundDuringParse', 'TypeNotFound', 'CustomAttributeTypeNotFound'
  if (-not $environment) { $blocking++ }
  if ($problems.Count -lt $limit.errors) { $problems.Add((New-Problem $e.ErrorId $e.Message $e.Extent $e.IncompleteInput $environment)) } else { $script:cut = $true }
}
foreach ($at in $misplaced) { $problems.Add((New-Problem 'UsingMustBeAtStartOfScript' "A 'using' statement must appear before any other statements in a script." $at)) }
# What the engine reports only when it makes the types.
$variable = { $args[0] -is [VariableExpressionAst] -or $args[0] -is [CommandAst] }
foreach ($d in $types) {
  $names = @{}
  foreach ($m in $d.Members | Select-Object -First 2000) {
    $key = if ($m -is [FunctionMemberAst]) { "$($m.Name)($(@($m.Parameters.ForEach({ "$($_.StaticType)" })) -join ','))$($m.IsStatic)" } else { "$($m.Name)" }
    if ($names.ContainsKey($key)) { $problems.Add((New-Problem 'MemberAlreadyDefined' "The member '$($m.Name)' is already defined." $m.Extent)); $blocking++ }
    $names[$key] = 1
    if ($d.IsEnum -and $m.InitialValue) {
      $constant = $true
      try { [void]$m.InitialValue.SafeGetValue() } catch { $constant = -not $m.InitialValue.Find($variable, $true) }
      if (-not $constant) { $problems.Add((New-Problem 'EnumeratorValueMustBeConstant' 'Enumerator value must be a constant value.' $m.InitialValue.Extent)); $blocking++ }
    }
  }
}

[ordered]@{
  engine   = $engine
  document = [ordered]@{
    ok               = $blocking -eq 0
    errors           = Limit-List $problems ($limit.errors + 100)
    advanced         = $advanced
    cmdlet_binding   = $binding
    parameters       = $parameters
    dynamic_param    = [bool]$ast.DynamicParamBlock
    output_types     = $outputs
    blocks           = @(foreach ($b in @('begin', $ast.BeginBlock), @('process', $ast.ProcessBlock), @('end', $ast.EndBlock), @('clean', $ast.CleanBlock)) { if ($b[1] -and -not $b[1].Unnamed) { $b[0] } })
    help             = $help
    requires         = $requires
    usings           = Limit-List $usings $limit.usings
    commands         = @($commands.Values)
    dynamic_commands = $dynamic
    functions        = Limit-List @($functions) $limit.functions
    types            = Limit-List @($types | ForEach-Object { $_.Name }) $limit.functions
    exits            = Limit-List @($found['ExitStatementAst'] | ForEach-Object { $_.Extent.StartLineNumber }) $limit.exits
    truncated        = $script:cut
  }
} | ConvertTo-Json -Depth 14 -Compress -WarningAction Ignore
