package api

// Codes that the server sends or the agent records. A code, once released, keeps its meaning.
const (
	// Sign-in and tokens.
	CodeSignInFailed           = "sign_in_failed"
	CodeTooManyAttempts        = "too_many_attempts"
	CodeRefreshInvalid         = "refresh_invalid"
	CodeRefreshReused          = "refresh_reused"
	CodePrincipalDisabled      = "principal_disabled"
	CodeEnrollmentTokenInvalid = "enrollment_token_invalid"
	CodeProofInvalid           = "proof_invalid"
	CodeAssertionInvalid       = "assertion_invalid"
	CodeAgentRevoked           = "agent_revoked"
	CodePasswordWrong          = "password_wrong"
	CodePasswordWeak           = "password_weak"

	// Calls.
	CodeNotFound        = "not_found"
	CodeForbidden       = "forbidden"
	CodeInvalidArgument = "invalid_argument"
	CodeInvalidName     = "invalid_name"
	CodeConflict        = "conflict"
	CodeRunFinished     = "run_finished"
	CodeScriptEmpty     = "script_empty"
	CodeScriptTooLarge  = "script_too_large"
	CodeScriptNotText   = "script_not_text"
	CodeScriptInvalid   = "script_invalid" // it has syntax errors; details is the first one's line
	CodeLogGap          = "log_gap"
	CodeTargetInUse     = "target_in_use"

	// Results of an attempt, beside those of record.go.
	CodeAgentStopped      = "agent_stopped"      // the agent was told to stop before the script ended
	CodeLogSpoolFull      = "log_spool_full"     // the agent's disk could not take the run's log
	CodeScriptUnavailable = "script_unavailable" // the script's bytes could not be read from the server
	CodeTargetUnsupported = "target_unsupported" // target or agent cannot do what the run asks

	// Results of an attempt on a remote target.
	CodeTargetUnreachable    = "target_unreachable"    // no connection, or no answer
	CodeHostKeyUnknown       = "host_key_unknown"      // no key of the host is known
	CodeHostKeyMismatch      = "host_key_mismatch"     // the host shows another key than the known one
	CodeCertificateUntrusted = "certificate_untrusted" // the host's certificate is not that of a trusted authority, or for another name
	CodeAuthenticationFailed = "authentication_failed" // the host does not let the identity in
	CodeIdentityMissing      = "identity_missing"      // the agent has no identity for the target
	CodeIdentityUnusable     = "identity_unusable"     // the identities file, or what it holds, cannot be used
	CodeConnectionLost       = "connection_lost"       // while the script ran; nobody knows how it ended

	// Made by this client.
	CodeUnreachable = "server_unreachable"
	CodeNotSignedIn = "not_signed_in"
)

// Advice returns what a person can do about a code, one sentence, or "".
func Advice(code string) string {
	switch code {
	case CodeSignInFailed:
		return "check tenant, user name and password; an administrator can set a new one with `epo user reset-password`, on the server's machine also `epo admin user reset-password`"
	case CodePasswordWeak:
		return "choose a longer one: several words that do not belong together are easy to keep"
	case CodeTooManyAttempts:
		return "wait a minute, then sign in again"
	case CodeNotSignedIn, CodeRefreshInvalid, CodeRefreshReused:
		return "sign in with `epo login`"
	case CodePrincipalDisabled:
		return "ask an administrator of your tenant to enable this user"
	case CodeEnrollmentTokenInvalid:
		return "a token works once and for an hour at most; make a new one with `epo agent enroll-token`"
	case CodeAgentRevoked:
		return "enroll the agent again with a new token from `epo agent enroll-token`"
	case CodeForbidden:
		return "this needs another role; `epo whoami` shows yours"
	case CodeScriptTooLarge:
		return "a script has at most 5 MiB; move data out of it"
	case CodeScriptNotText:
		return "save the script as UTF-8, or as UTF-16 with a byte order mark"
	case CodeTargetInUse:
		return "keep it from new runs with `epo target disable`"
	case CodeRuntimeMissing:
		return "install PowerShell 7.4 or later on the agent's machine; `epo-agent doctor` checks it"
	case CodeTargetUnreachable:
		return "is the host up, are address and port right, and does a firewall let the agent's machine through? `epo-agent doctor --target` tries each step"
	case CodeHostKeyUnknown:
		return "compare the shown key with that on the host itself (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then put it into the target's option host_key"
	case CodeHostKeyMismatch:
		return "something else may be answering in the host's place; only if it was set up anew, replace the target's host_key"
	case CodeCertificateUntrusted:
		return "put the authority that signed the host's certificate into the target's option ca, and the certificate's name into server_name"
	case CodeAuthenticationFailed:
		return "check user and identity of the target, and whether the account may sign in remotely there"
	case CodeIdentityMissing:
		return "add the entry to identities.json in the agent's state folder, owner-only (mode 0600)"
	case CodeIdentityUnusable:
		return "mend the agent's identities.json; the message says what is wrong"
	case CodeTargetUnsupported:
		return "`epo target test` shows what the target can do; where the agent does not know the kind or an option, update it, or name another one with `epo target update --agent`"
	case CodeConnectionLost:
		return "look on the host whether the script went on, before you run it again"
	case CodeUnreachable:
		return "is the server running, and is the address right (`--server`, EPO_SERVER)?"
	}
	return ""
}
