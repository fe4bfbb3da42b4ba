// Reads certificates and requests as Go's programs do, Notary's among them. Usage: certificate_judge FILE…
// A line for each: its kind, its algorithm, its common name. Says what is wrong and exits 1.
package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

func fail(file string, why any) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", file, why)
	os.Exit(1)
}

// What Notary asks of a root's certificate (notary 0.7.0, tuf/utils/x509.go), and a little more.
func judge(file string, certificate *x509.Certificate) {
	now := time.Now()
	switch {
	case certificate.IsCA:
		fail(file, "it is a CA's")
	case !certificate.BasicConstraintsValid:
		fail(file, "it has no basicConstraints")
	case now.Before(certificate.NotBefore) || now.After(certificate.NotAfter):
		fail(file, "it is out of date")
	case certificate.KeyUsage != x509.KeyUsageDigitalSignature:
		fail(file, "its key usage is not digitalSignature alone")
	case certificate.SerialNumber.Sign() <= 0 || certificate.SerialNumber.BitLen() < 64:
		fail(file, "its serial number is no random one")
	}
	if err := certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate,
		certificate.Signature); err != nil {
		fail(file, err)
	}
}

func main() {
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			fail(file, err)
		}
		block, rest := pem.Decode(text)
		if block == nil || len(rest) != 0 {
			fail(file, "it is not one PEM block")
		}
		if !bytes.Equal(pem.EncodeToMemory(block), text) {
			fail(file, "Go would write its PEM in another way")
		}
		switch block.Type {
		case "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				fail(file, err)
			}
			judge(file, certificate)
			fmt.Println("certificate", certificate.SignatureAlgorithm, certificate.Subject.CommonName)
		case "CERTIFICATE REQUEST":
			request, err := x509.ParseCertificateRequest(block.Bytes)
			if err != nil {
				fail(file, err)
			}
			if err := request.CheckSignature(); err != nil {
				fail(file, err)
			}
			fmt.Println("request", request.SignatureAlgorithm, request.Subject.CommonName, request.DNSNames)
		default:
			fail(file, "it is a "+block.Type)
		}
	}
}
