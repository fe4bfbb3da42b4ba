"""A YubiKey without hardware: a PIV card in software behind Debian's own pcscd and its vpcd driver."""
