// A card in a PC/SC reader, asked beside its module: what Cryptoki has no call for. Each function connects,
// does its one thing and lets go; none loads a module. Thread safe.
//
// `reader` is CK_SLOT_INFO's description, which is PC/SC's name of the reader. FaultKind::Card where PC/SC
// fails: `call` is its function, `ckr` its own code. All wait while another program holds the card in a
// transaction, as a signature does.
#pragma once

#include <string>

#include "pkcs11/fault.h"

namespace signet::host {

// Resets the card: it forgets that a PIN was verified, for every program on this machine (neither OpenSC's
// nor ykcs11's C_Logout does that, measured). `there` is false where no such reader or no card is: nothing is
// left to forget.
HostResult<ResetCardReply> reset_card(const ResetCardRequest& request);

// How many tries a PIV card has left, by questions that use none: Yubico's GET METADATA (firmware 5.3 and
// up), else VERIFY without a PIN (SP 800-73-4, part 2, 3.2.1). Nobody is logged out by it: the applet is only
// selected where another one was. What is not known is not guessed.
HostResult<CardTriesReply> card_tries(const CardTriesRequest& request);

// PIV's RESET RETRY COUNTER (SP 800-73-4, part 2, 3.2.3): the PUK sets a new PIN. Sends the PUK once. Fault
// of call kUnblockCall with CKR_PIN_INCORRECT, CKR_PIN_LOCKED or CKR_PIN_LEN_RANGE where the card refuses.
HostResult<UnblockCardReply> unblock_card(const UnblockCardRequest& request);

// What a PIV card says of a key: when it asks for the PIN and for a touch, and whether the key was made on
// it. Yubico's GET METADATA (firmware 5.3 and up), asked of each slot until one has this public key; needs no
// PIN. The card's own word: an attestation of the same is signed. Nobody is logged out by it.
HostResult<CardKeyReply> card_key(const CardKeyRequest& request);

// Whether a slot has a key, and which kind of management key the card wants before it makes one there: by
// the same questions, and by the note that ykman leaves on a card whose management key is kept behind the
// PIN. Nobody is logged out by it.
HostResult<CardSlotReply> card_slot(const CardSlotRequest& request);

// The cards that a program has for itself alone (SCARD_SHARE_EXCLUSIVE, as GnuPG's scdaemon by default): no
// other program can as much as see what they are. Asks pcscd, no card. Empty where there is no pcscd.
HostResult<HeldCardsReply> held_cards();

}  // namespace signet::host
