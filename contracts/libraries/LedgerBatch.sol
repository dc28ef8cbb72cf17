// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {AccountWord} from "../types/AccountWord.sol";

/// @notice The two calls of `IMarketLedger` for many accounts at once, with the callers' own list of accounts handed on
/// as it stands in calldata.
/// @dev Same calls, same errors as `ledger.accountWords(accounts)` and `ledger.adjustLocks(accounts, lockDeltas)`. The
/// compiler would check, copy and encode each address twice and each answer once, about 600 gas an account; here it is
/// one copy. The ledger checks the addresses. Assumption: `ledger` is the trusted ledger fixed at deployment, so the
/// shape of its answer is checked only in length.
library LedgerBatch {
    /// @notice Words of the accounts, in their order.
    function wordsOf(IMarketLedger ledger, address[] calldata accounts)
        internal
        view
        returns (AccountWord[] memory words)
    {
        bytes4 selector = IMarketLedger.accountWords.selector;
        bool isFit;
        assembly ("memory-safe") {
            let size := shl(5, accounts.length)
            let call_ := mload(0x40)
            mstore(call_, selector)
            mstore(add(call_, 0x04), 0x20)
            mstore(add(call_, 0x24), accounts.length)
            calldatacopy(add(call_, 0x44), accounts.offset, size)
            if iszero(staticcall(gas(), ledger, call_, add(size, 0x44), 0, 0)) {
                returndatacopy(call_, 0, returndatasize())
                revert(call_, returndatasize())
            }
            // The answer is an offset, the length and the words: from the length on it is the array in memory.
            words := call_
            isFit := eq(returndatasize(), add(size, 0x40))
            if isFit {
                returndatacopy(words, 0x20, add(size, 0x20))
                isFit := eq(mload(words), accounts.length)
            }
            mstore(0x40, add(words, add(size, 0x20)))
        }
        assert(isFit);
    }

    /// @notice Change the locks of the accounts, one delta each.
    /// @dev Warning: as many deltas as accounts.
    function adjust(
        IMarketLedger ledger,
        address[] calldata accounts,
        int256[] memory lockDeltas
    ) internal {
        assert(lockDeltas.length == accounts.length);
        bytes4 selector = IMarketLedger.adjustLocks.selector;
        assembly ("memory-safe") {
            let size := shl(5, accounts.length)
            let call_ := mload(0x40)
            mstore(call_, selector)
            mstore(add(call_, 0x04), 0x40)
            mstore(add(call_, 0x24), add(size, 0x60)) // where the deltas begin
            mstore(add(call_, 0x44), accounts.length)
            calldatacopy(add(call_, 0x64), accounts.offset, size)
            mcopy(add(call_, add(size, 0x64)), lockDeltas, add(size, 0x20))
            if iszero(call(gas(), ledger, 0, call_, add(shl(1, size), 0x84), 0, 0)) {
                returndatacopy(call_, 0, returndatasize())
                revert(call_, returndatasize())
            }
        }
    }
}
