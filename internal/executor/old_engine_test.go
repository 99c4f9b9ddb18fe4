package executor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// newSyntaxScript finds what Windows PowerShell 5.1 cannot parse. It stands in
// for that engine, which only Windows has: what is parsed there with the same
// tree and nothing of the below, is valid for it.
const newSyntaxScript = `param([hashtable]$Texts)
foreach ($name in $Texts.Keys) {
  $tokens = $errors = $null
  $ast = [System.Management.Automation.Language.Parser]::ParseInput($Texts[$name], [ref]$tokens, [ref]$errors)
  $errors | ForEach-Object { "${name}: $_" }
  $ast.FindAll({ $args[0].GetType().Name -in 'TernaryExpressionAst', 'PipelineChainAst' -or $args[0].Background -or $args[0].NullConditional -or $args[0].CleanBlock }, $true) |
    ForEach-Object { "${name}: $($_.Extent.Text)" }
  $tokens | Where-Object { "$($_.Kind)" -in 'QuestionMark', 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'AndAnd', 'OrOr', 'Clean' -or
    ("$($_.Kind)" -eq 'Number' -and $_.Text -match '(?i)^(0b|[0-9.]+(u|y|s|n|l?u))') -or
    ("$($_.Kind)" -ne 'Comment' -and $_.Text -match '` + "`" + `[eu{]') } | ForEach-Object { "${name}: $($_.Text)" }
}`

// TestScriptsParseOnWindowsPowerShell: what runs on remote engines uses no
// syntax of later versions. That the scripts do the right thing there is not
// tested: there is no Windows here.
func TestScriptsParseOnWindowsPowerShell(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"probe": probeScript, "upload": uploadScript, "pre": preScript, "wrap": oldWrapScript, "tail": tailScript, "clean": cleanScript, "reap": reapScript,
	}
	newer := []string{wrapScript, "$a ? 1 : 2", "$a ?? 1", "$a ??= 1", "${a}?.b", "a && b", "a || b", "a &", "1u", "0b1"}
	for i, text := range newer {
		texts[fmt.Sprint("newer ", i)] = text
	}
	o := runScript(t, sharedExecutor(t), newSyntaxScript, Request{Parameters: marshal(map[string]any{"Texts": texts})})
	require.Nil(t, o.result.Error)
	found := map[string]bool{}
	for _, line := range o.strings() {
		name, _, _ := strings.Cut(line, ":")
		require.True(t, strings.HasPrefix(name, "newer "), line)
		found[name] = true
	}
	require.Len(t, found, len(newer))
}

// TestOldWrap: without its clean block the wrapper does the same for a script
// that ends.
func TestOldWrap(t *testing.T) {
	t.Parallel()
	require.NotContains(t, oldWrapScript, "clean")
	require.Contains(t, oldWrapScript, "end     {")
}

func TestTooOld(t *testing.T) {
	t.Parallel()
	for _, ok := range []facts{{edition: "Core", version: "7.4.0"}, {edition: "Core", version: "7.6.9"}, {edition: "Desktop", version: "5.1.20348.2400"}, {edition: "Core", version: "8.0.0"}, {}} {
		require.Empty(t, ok.tooOld(), ok)
	}
	for _, old := range []facts{{edition: "Core", version: "7.2.1"}, {edition: "Core", version: "6.2.0"}, {edition: "Desktop", version: "5.0.1"}, {version: "4.0"}} {
		require.Contains(t, old.tooOld(), old.version)
	}
}
