package winrm

import (
	"crypto"
	_ "crypto/sha256" // the hashes of certificates
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
)

// endpointBinding gives the application data of the channel binding
// tls-server-end-point, RFC 5929 section 4: a hash of the server's certificate.
func endpointBinding(state *tls.ConnectionState) []byte {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	certificate := state.PeerCertificates[0]
	hash := bindingHash(certificate.SignatureAlgorithm).New()
	hash.Write(certificate.Raw)
	return hash.Sum([]byte("tls-server-end-point:"))
}

// bindingHash is the hash of the certificate's signature, but SHA-256 where
// that is MD5, SHA-1 or none.
func bindingHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		return crypto.SHA512
	default:
		return crypto.SHA256
	}
}
