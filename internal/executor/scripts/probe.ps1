# What a remote engine is like. It runs in constrained language too: no methods, no types.
@{
  Edition = $PSVersionTable.PSEdition; Version = "$($PSVersionTable.PSVersion)"; Id = $PID
  Language = "$($ExecutionContext.SessionState.LanguageMode)"; Unix = [bool]($PSVersionTable.Platform -eq 'Unix')
}
